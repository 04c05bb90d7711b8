"""Deliberately broken exports with a canary in every identifying column: none may sing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Call = Callable[..., Any]

CANARIES = (
    "CANARYID", "CANARYNAME", "CANARYBORN", "CANARYTEXT", "CANARYOP", "CANARYSESSION",
    "CANARYVISIT", "CANARYEVENT", "CANARYSPOUSE", "1911", "1912", "19999",
)  # fmt: skip
"""Words and years that stand in identifying columns alone: of births, names, numbers, texts."""

MAPPING = """
version = 1
[registry]
name = "Broken"
data_cut = 2024-12-31
{deidentify}
[[source]]
name = "s"
file = "s.csv"
center = "A"
decimal = ","
date_order = "dmy"
[[source.table]]
name = "patients"
[source.table.columns]
patient_id = "id"
birth_date = "born"
sex = "sex"
consent_research = "consent"
last_contact_date = "seen"
death_date = "died"
death_cause = "cause"
height_cm = "height"
weight_kg = "weight"
[[source.table]]
name = "procedures"
[source.table.columns]
patient_id = "id"
procedure_id = "session"
operator_id = "operator"
proc_date = "day"
birth_date = "born"
indication = "why"
crp_mg_l = "crp"
ct_post_done = "ct"
[[source.table]]
name = "levels"
columns = {{ patient_id = "id", procedure_id = "session", level = "level", cement_ml = "ml" }}
[[source]]
name = "v"
file = "v.csv"
center = "A"
date_order = "dmy"
[[source.table]]
name = "visits"
columns = {{ visit_id = "visit", patient_id = "id", visit_date = "day", vas_0_10 = "vas" }}
[[source]]
name = "e"
file = "e.csv"
center = "A"
date_order = "dmy"
[[source.table]]
name = "events"
[source.table.columns]
event_id = "event"
patient_id = "id"
procedure_id = "session"
event_type = "what"
event_date = "day"
"""
HEAD = (
    "id;name;born;sex;consent;seen;died;cause;height;weight;session;operator;day;why;"
    "crp;ct;level;ml"
)
ROW = (
    "{id};CANARYNAME {id};{born};{sex};{consent};{seen};{died};CANARYTEXT {id};{height};60;"
    "CANARYSESSION{s};CANARYOP {id};{day};{why};{crp};{ct};{level};{ml}"
)
USUAL = {
    "born": "11.11.1911", "sex": "f", "consent": "yes", "seen": "01.06.2024", "died": "",
    "height": "160", "day": "01.02.2024", "why": "osteoporotic", "crp": "3", "ct": "no",
    "level": "L1", "ml": "4",
}  # fmt: skip
FAULTS: tuple[dict[str, str], ...] = (
    {},
    {"born": "31.13.CANARYBORN"},
    {"born": "31.02.1911"},
    {"born": "11.11.2199"},
    {"born": "1911"},
    {"born": "12.1912"},
    {"born": "19999"},
    {"sex": "x?"},
    {"seen": "01.01.2020"},
    {"died": "01.01.2020"},
    {"died": "30.02.2024"},
    {"height": "1600"},
    {"day": "45.02.2024"},
    {"day": ""},
    {"day": "01.02.2031"},
    {"why": "CODE9"},
    {"crp": "<0,3"},
    {"crp": "many"},
    {"level": "L2-3"},
    {"level": "Q9"},
    {"ml": "400"},
    {"ml": "-1"},
    {"consent": "no"},
    {"ct": "perhaps"},
)


ON_PAGES = (
    *(canary for canary in CANARIES if canary.startswith("CANARY")),
    "11.11.1911", "1911-11-11", "12.12.1912", "1912-12-12", "31.02.1911", "born 1911",
)  # fmt: skip
"""A page has figures, and in their coordinates any four digits may stand."""


def broken_rows() -> list[str]:
    rows = [
        ROW.format(**{**USUAL, **fault, "id": f"CANARYID{n:03}", "s": f"{n:03}"})
        for n, fault in enumerate(FAULTS)
    ]
    twins = [
        {"id": "canaryid-0", "s": "000", "born": "12.12.1912"},  # another spelling, another birth
        {"id": "CANARYID001", "s": "001", "born": "12.12.1912", "sex": "m"},  # it contradicts
        {"id": "CANARYID002", "s": "000"},  # a session of somebody else
        {"id": "", "s": "900"},
    ]
    rows += [ROW.format(**{**USUAL, **twin}) for twin in twins]
    rows += [rows[0], HEAD, "CANARYID950;too;short", f"{rows[1]};CANARYTEXT;too long", ""]
    return rows


@pytest.fixture(params=["", "plain", "shifted"])
def broken(request: pytest.FixtureRequest, tmp_path: Path, call_cli: Call) -> Path:
    """A project with every fault, read as it is or de-identified."""
    said = ""
    if request.param:
        key = tmp_path / "key"
        key.write_text("0123456789abcdef0123456789abcdef\n", "utf-8")
        key.chmod(0o600)
        shift = "shift_days = 30\n" if request.param == "shifted" else ""
        said = f'[registry.deidentify]\nkey_file = "../key"\n{shift}'
    folder = tmp_path / "project"
    assert call_cli("new", folder).code == 0
    (folder / "registry.toml").write_text(MAPPING.format(deidentify=said), "utf-8")
    (folder / "s.csv").write_text("\n".join([HEAD, *broken_rows()]) + "\n", "utf-8")
    (folder / "v.csv").write_text(
        "visit;id;day;vas\nCANARYVISIT1;CANARYID000;01.03.2024;3\n"
        "CANARYVISIT1;CANARYID000;02.03.2024;4\nCANARYVISIT2;CANARYID777;01.03.2023;99\n"
        "CANARYVISIT3;CANARYID003;never;\n",
        "utf-8",
    )
    (folder / "e.csv").write_text(
        "event;id;session;what;day\nCANARYEVENT1;CANARYID000;CANARYSESSION999;infection;x\n"
        "CANARYEVENT2;CANARYID888;;pce;01.01.2019\nCANARYEVENT2;CANARYID000;;rib_fx;01.03.2024\n"
        "CANARYEVENT3;CANARYID004;CANARYSESSION000;unheard;01.03.2024\n",
        "utf-8",
    )
    return folder


def silent(text: str, canaries: tuple[str, ...] = CANARIES) -> list[str]:
    return [canary for canary in canaries if canary.lower() in text.lower()]


def test_no_listing_shows_a_value_of_an_identifying_column(broken: Path, call_cli: Call) -> None:
    for format_ in ("text", "json", "csv"):
        outcome = call_cli("check", broken / "registry.toml", "--format", format_)
        assert outcome.code in (0, 1, 6), outcome.err
        assert silent(outcome.out + outcome.err) == []
    assert "required.missing" in outcome.out


def test_no_page_shows_a_value_of_an_identifying_column(
    broken: Path, call_cli: Call, tmp_path: Path
) -> None:
    for command in ("report", "audit"):
        out = tmp_path / command
        outcome = call_cli(command, broken, "--out", out)
        assert outcome.code in (0, 1, 2, 3, 4), outcome.err
        assert silent(outcome.out + outcome.err) == []
        written = [path for path in out.rglob("*") if path.is_file()]
        assert written or outcome.code == 2
        for path in written:
            text = path.read_bytes().decode("utf-8", "replace")
            assert silent(text, ON_PAGES) == [], path.name


def test_no_comparison_shows_a_value_of_an_identifying_column(
    broken: Path, call_cli: Call, tmp_path: Path
) -> None:
    old = tmp_path / "old"
    old.mkdir()
    for name in ("registry.toml", "v.csv", "e.csv"):
        (old / name).write_bytes((broken / name).read_bytes())
    lines = (broken / "s.csv").read_text("utf-8").replace("11.11.1911", "10.10.1912")
    (old / "s.csv").write_text(lines.replace("CANARYTEXT", "CANARYSPOUSE"), "utf-8")
    for format_ in ("text", "json", "csv"):
        mapping = broken / "registry.toml"
        outcome = call_cli("check", mapping, "--against", old, "--format", format_)
        assert outcome.code in (0, 1), outcome.err
        assert silent(outcome.out + outcome.err) == []
    if "deidentify" not in (broken / "registry.toml").read_text("utf-8"):
        assert outcome.out.count("(masked),(masked)") > 20  # births and causes of death


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('"born"', '"CANARY_NO_SUCH"'),
        ('"osteoporotic"', '"x"'),
        ("data_cut = 2024-12-31", "data_cut = 1970-01-01"),
        ('file = "s.csv"', 'file = "none.csv"'),
        ('date_order = "dmy"', 'date_order = "mdy"'),
        ('decimal = ","', 'encoding = "utf-16"'),
    ],
)
def test_no_error_shows_a_value_of_an_identifying_column(
    broken: Path, call_cli: Call, before: str, after: str
) -> None:
    mapping = broken / "registry.toml"
    mapping.write_text(mapping.read_text("utf-8").replace(before, after), "utf-8")
    outcome = call_cli("check", mapping)
    assert "a defect of vpstats" not in outcome.err
    assert silent(outcome.out + outcome.err) == []


@pytest.mark.parametrize(
    "stray", ["CANARYNAME Ana", "Canaryname, Ana", "11.11.1911", "CANARYNAME@example.org"]
)
def test_what_stands_in_the_wrong_column_is_not_quoted(
    broken: Path, call_cli: Call, stray: str
) -> None:
    export = broken / "s.csv"
    export.write_text(export.read_text("utf-8").replace(";many;", f";{stray};"), "utf-8")
    outcome = call_cli("check", broken / "registry.toml", "--format", "csv")
    assert "number." in outcome.out
    assert silent(outcome.out) == []
