"""Checks across tables whose answer depends on when something happened, or on what was left out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from vpstats.registry import read_registry
from vpstats.registry.cleaning import clean_texts
from vpstats.registry.mapping import ColumnMap
from vpstats.registry.registry import Registry
from vpstats.registry.spine import parse_levels
from vpstats.registry.vertebra_rows import _tick
from vpstats.schema_tables import TABLES

PERSON = {"patient_id": "A/1", "center_id": "A"}


def day(text: str) -> pd.Timestamp:
    return pd.Timestamp(text)


def session(key: str, when: str, **more: Any) -> dict[str, Any]:
    return {
        "procedure_id": key,
        "patient_id": "A/1",
        "center_id": "A",
        "proc_date": day(when),
    } | more


def treated(key: str, *levels: str) -> list[dict[str, str]]:
    return [{"level_id": f"{key}/{v}", "procedure_id": key, "level": v} for v in levels]


def rules(**tables: list[dict[str, Any]]) -> set[str]:
    frames = {name: pd.DataFrame(rows) for name, rows in tables.items()}
    registry = Registry.from_tables(frames, name="x", data_cut="2024-01-31", synthetic=False)
    return set(registry.findings["rule"])


def fracture(kind: str, level: str, left: str | None, found: str) -> dict[str, Any]:
    return {
        "event_id": "e",
        "patient_id": "A/1",
        "event_type": kind,
        "event_levels": level,
        "event_left_date": day(left) if left else pd.NaT,
        "event_date": day(found),
        "event_right_date": day(found),
    }


# ------------------------------------------------------------------ fractures


TWO_SESSIONS = {
    "patients": [PERSON],
    "procedures": [session("s", "2020-01-01"), session("t", "2020-08-17")],
    "levels": [*treated("s", "L5"), *treated("t", "T12")],
}


@pytest.mark.parametrize(
    ("kind", "level", "left", "found", "rule"),
    [
        # T12 was cemented between the contacts: the fracture of L1 may have been before that
        ("nonadjacent_fx", "L1", "2020-07-22", "2020-08-20", None),
        # or T12 itself broke, and was cemented for it
        ("nonadjacent_fx", "T12", "2020-07-22", "2020-08-20", None),
        # cemented by the last contact without the fracture
        ("nonadjacent_fx", "L1", "2020-08-17", "2020-08-20", "fracture.adjacent"),
        ("nonadjacent_fx", "T12", "2020-08-18", "2020-08-20", "fracture.cemented"),
        # wrong whichever came first
        ("adjacent_fx", "T4", "2020-07-22", "2020-08-20", "fracture.not_adjacent"),
        # the last contact is not known: the day on which it was found decides
        ("nonadjacent_fx", "L1", None, "2020-08-20", "fracture.adjacent"),
        # contacts in the wrong order prove nothing
        ("nonadjacent_fx", "L1", "2021-01-01", "2020-08-20", "fracture.adjacent"),
    ],
)
def test_a_fracture_is_judged_by_what_was_cemented_when_it_can_have_happened(
    kind: str, level: str, left: str | None, found: str, rule: str | None
) -> None:
    said = rules(**TWO_SESSIONS, events=[fracture(kind, level, left, found)])
    assert {r for r in said if r.startswith("fracture.")} == ({rule} if rule else set())


MAPPING = """
version = 1
[registry]
name = "x"
data_cut = 2024-01-31
[[source]]
name = "s"
file = "s.csv"
center = "A"
[[source.table]]
name = "patients"
columns = { patient_id = "id" }
[[source.table]]
name = "procedures"
columns = { patient_id = "id", procedure_id = "op", proc_date = "day" }
[[source.table]]
name = "levels"
columns = { patient_id = "id", procedure_id = "op", level = "level" }
[[source]]
name = "e"
file = "e.csv"
center = "A"
[[source.table]]
name = "events"
[source.table.columns]
patient_id = "id"
event_type = { value = "adjacent_fx" }
event_date = "day"
event_levels = "level"
"""


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        # everything that was treated is known
        ("1;a;2020-01-01;L3\n1;b;2020-03-01;T12\n", False),
        # a session without a day was left out, and its vertebra with it
        ("1;a;2020-01-01;L3\n1;b;1920-03-01;L4\n", True),
        # a vertebra that cannot be read
        ("1;a;2020-01-01;L3\n1;b;2020-03-01;L4-5\n", True),
        # the row that was left out says again what another says
        ("1;a;2020-01-01;L3\n1;a;20??;L3\n", False),
        # another patient's
        ("1;a;2020-01-01;L3\n2;b;1920-03-01;L4\n", False),
    ],
)
def test_a_fracture_is_unchecked_where_a_session_or_level_was_left_out(
    tmp_path: Path, rows: str, said: bool
) -> None:
    (tmp_path / "registry.toml").write_text(MAPPING, "utf-8")
    (tmp_path / "s.csv").write_text("id;op;day;level\n" + rows, "utf-8")
    (tmp_path / "e.csv").write_text("id;day;level\n1;2021-01-01;L4\n", "utf-8")
    found = read_registry(tmp_path).findings
    assert ("fracture.unchecked" in set(found["rule"])) == said


# ------------------------------------------------------------------ people and their sessions


@pytest.mark.parametrize(
    ("person", "sessions", "rule"),
    [
        ({"death_date": day("2019-06-01")}, ["2020-01-01"], "death.before_session"),
        ({"death_date": day("2020-06-01")}, ["2020-01-01", "2021-01-01"], "death.before_session"),
        ({"last_contact_date": day("2019-06-01")}, ["2020-01-01"], "contact.before_session"),
        (
            {"antiosteo_start": day("2022-06-01"), "last_contact_date": day("2021-01-01")},
            ["2020-01-01"],
            "patient.treated_late",
        ),
        ({"birth_date": day("2010-06-01")}, ["2020-01-01"], "derived.impossible"),
        ({"birth_date": day("2010-06-01")}, [], "derived.impossible"),
        ({"birth_year": 2012}, [], "derived.impossible"),
        (
            {"birth_date": day("2004-06-01"), "last_contact_date": day("2021-01-01")},
            [],
            "derived.impossible",
        ),
        ({"height_cm": 121.0, "weight_kg": 199.0}, ["2020-01-01"], "derived.impossible"),
    ],
)
def test_days_and_bodies_that_cannot_be(
    person: dict[str, Any], sessions: list[str], rule: str
) -> None:
    procedures = [session(f"s{i}", when) for i, when in enumerate(sessions)]
    tables = {"patients": [PERSON | person]} | ({"procedures": procedures} if sessions else {})
    assert rule in rules(**tables)


def test_days_in_order_are_not_doubted() -> None:
    person = PERSON | {
        "birth_date": day("1950-06-01"),
        "antiosteo_start": day("2020-06-01"),
        "last_contact_date": day("2022-01-01"),
        "death_date": day("2022-01-01"),
        "status": "dead",
        "height_cm": 160.0,
        "weight_kg": 60.0,
    }
    levels = treated("s", "L1")
    assert rules(patients=[person], procedures=[session("s", "2020-01-01")], levels=levels) == set()


@pytest.mark.parametrize(
    ("kind", "when", "said"),
    [
        ("month_3", "2020-04-01", False),
        ("month_3", "2021-04-01", True),
        # three months after the second session
        ("month_3", "2022-04-01", False),
        ("annual", "2021-03-01", False),
        ("annual", "2020-04-01", True),
        ("unscheduled", "2021-04-01", False),
        # before every session: said by another rule
        ("month_3", "2019-04-01", False),
    ],
)
def test_a_visit_is_as_long_after_a_session_as_its_kind_says(
    kind: str, when: str, said: bool
) -> None:
    found = rules(
        patients=[PERSON],
        procedures=[session("s", "2020-01-01"), session("t", "2022-01-01")],
        visits=[
            {"visit_id": "v", "patient_id": "A/1", "visit_date": day(when), "visit_type": kind}
        ],
    )
    assert ("visit.timing" in found) == said


def test_an_operator_beside_another_is_at_two_centers_too() -> None:
    sessions = [
        session("s", "2020-01-01", operator_id="DD / TK"),
        session("t", "2020-01-01", operator_id="TK") | {"center_id": "B", "patient_id": "B/1"},
        session("u", "2020-01-01", operator_id="MK") | {"center_id": "B", "patient_id": "B/1"},
    ]
    people = [PERSON, {"patient_id": "B/1", "center_id": "B"}]
    frames = {"patients": pd.DataFrame(people), "procedures": pd.DataFrame(sessions)}
    registry = Registry.from_tables(frames, name="x", data_cut="2024-01-31", synthetic=False)
    found = registry.findings
    assert set(found.loc[found["rule"] == "operator.two_centers", "key"]) == {"s", "t"}


# ------------------------------------------------------------------ cells that read two ways


@pytest.mark.parametrize("text", ["L1 A3", "T12 A3, L1 A1", "L1 a 3"])
def test_a_type_of_fracture_behind_a_vertebra_is_no_range(text: str) -> None:
    assert parse_levels(text).status == "ambiguous"


@pytest.mark.parametrize("text", ["D7 a D9", "da D7 a D9", "D7 à D9", "T7-9"])
def test_a_range_in_words_is_read(text: str) -> None:
    assert parse_levels(text).levels == ("T7", "T8", "T9")


ORDERS = 'version = 1\n[registry]\nname = "x"\ndata_cut = 2024-01-31\n[[source]]\nname = "s"\n' + (
    'file = "s.csv"\ncenter = "A"\n{}[[source.table]]\nname = "procedures"\n'
    'columns = {{ patient_id = "id", proc_date = "day" }}\n'
)


@pytest.mark.parametrize(
    ("days", "said"),
    [
        # dots write the day first, slashes the month: the third is read so, and doubted
        (["13.03.2021", "03/14/2021", "04/05/2021"], [4]),
        # one order in both
        (["13.03.2021", "14/03/2021", "04/05/2021"], []),
        # nothing written with dots proves another order
        (["03/14/2021", "04/05/2021"], []),
    ],
)
def test_a_date_is_doubted_where_its_column_is_written_in_two_orders(
    tmp_path: Path, days: list[str], said: list[int]
) -> None:
    (tmp_path / "registry.toml").write_text(ORDERS.format(""), "utf-8")
    lines = [f"{i};{d}" for i, d in enumerate(days)]
    (tmp_path / "s.csv").write_text("\n".join(["id;day", *lines]) + "\n", "utf-8")
    found = read_registry(tmp_path).findings
    assert found.loc[found["rule"] == "date.order_assumed", "row"].tolist() == said


@pytest.mark.parametrize(
    ("cells", "doubted"),
    [
        (["1,96 mg/dl", "1,74 mg/dl", "1,57", "0,88"], 2),
        (["1,96 mg/dl", "1,74 mg/dl", "15,7", "8,8"], 0),  # what they become: mg/L as declared
        (["1,96 mg/dl", "1,57", "0,88"], 0),  # one cell may be one odd patient's
        (["19,6 mg/l", "17,4 mg/l", "1,57", "0,88"], 0),  # the field's own unit
        (["1,96 mg/dl", "17,4 mg/l", "1,74 mg/dl", "1,57"], 0),  # both units: nothing is usual
    ],
)
def test_numbers_like_those_of_another_unit_are_doubted(cells: list[str], doubted: int) -> None:
    said = clean_texts(TABLES["procedures"]["crp_mg_l"], cells)["rules"]
    assert said.str.contains("unit.beside").sum() == doubted
    declared = ColumnMap(column="x", unit="mg/dL")
    said = clean_texts(TABLES["procedures"]["crp_mg_l"], cells, mapping=declared)["rules"]
    assert not said.str.contains("unit.beside").any()


def crp(center: str, *cells: str) -> list[dict[str, Any]]:
    """Sessions of a center by what they write of CRP; "<5" is a limit."""
    return [
        {
            "procedure_id": f"{center}/{i}",
            "patient_id": f"{center}/{i}",
            "center_id": center,
            "proc_date": day("2021-03-01"),
            "crp_mg_l": float(cell.removeprefix("<")),
            "crp_limit": "below" if cell.startswith("<") else "exact",
        }
        for i, cell in enumerate(cells)
    ]


OTHERS = ("<5", "<5", "<5", "<5", "6", "7", "9", "12", "20", "40")


@pytest.mark.parametrize(
    ("cells", "doubted"),
    [
        # a tenth of it, all patients a little sicker: nearer to mg/dL
        (("<0.5", "0.9", "1.1", "1.2", "1.3", "1.6", "1.9", "2.5", "4", "7"), True),
        # sick patients: the middle does not tell, the limits and the upper values do
        (("<0.5", "<0.5", "0.9", "1.8", "2.9", "3.0", "3.5", "4.9", "6", "17"), True),
        # a laboratory that measures less, in the same unit
        (("<0.3", "<0.3", "1.1", "2.8", "4.1", "5.2", "7", "14", "22", "45"), False),
        (OTHERS, False),
    ],
)
def test_a_center_in_another_unit_is_doubted(cells: tuple[str, ...], doubted: bool) -> None:
    rows = [*crp("A", *cells), *crp("B", *OTHERS)]
    people = [{name: row[name] for name in ("patient_id", "center_id")} for row in rows]
    assert ("unit.center_scale" in rules(patients=people, procedures=rows)) is doubted


@pytest.mark.parametrize(
    ("less", "others"),
    [
        # the middle of all is a limit here and a value there, 3.7 times apart
        (
            ("<3", "<3", "<3", "<3", "<3", "<3", "5.6", "6.2", "7.6", "8.8", "9.5"),
            ("<5", "<5", "9.2", "10.4", "10.9", "11.1", "11.3", "12", "13", "14", "17", "18"),
        ),
        # what is "<5" elsewhere has a number here, so that exact values are lower
        (
            ("<3", "3.1", "3.8", "3.9", "4.1", "5.7", "6.2", "8.4", "9.3", "10.7"),
            (
                *["<5"] * 17,
                "5.5",
                "8.7",
                "11",
                "12",
                "13",
                "16",
                "21",
                "25",
                "25",
                "31",
                "36",
                "47",
            ),
        ),
    ],
)
def test_a_laboratory_that_measures_less_is_not_doubted_for_its_limits(
    less: tuple[str, ...], others: tuple[str, ...]
) -> None:
    rows = [*crp("A", *less), *crp("B", *others)]
    people = [{name: row[name] for name in ("patient_id", "center_id")} for row in rows]
    assert "unit.center_scale" not in rules(patients=people, procedures=rows)


@pytest.mark.parametrize(
    ("cells", "clean", "doubted"),
    [
        # the year first: few and recent, the days up to 31
        (
            ("21-09-01", "22-08-30", "21-03-14", "20-04-28", "22-11-05"),
            ("2021-09-01", "2022-08-30", "2021-03-14", "2020-04-28", "2022-11-05"),
            "",
        ),
        (("14/03/23", "21/04/23", "30/01/21"), ("2023-03-14", "2023-04-21", "2021-01-30"), ""),
        (
            ("2021-03-04", "2021-05-06", "21-12-22"),
            ("2021-03-04", "2021-05-06", ""),
            "date.order_ambiguous",
        ),
        (
            ("1/25/2021", "2/28/2021", "2.3.2021"),
            ("2021-01-25", "2021-02-28", "2021-03-02"),
            "date.order_assumed",
        ),
    ],
)
def test_dates_without_a_declared_order(
    cells: tuple[str, ...], clean: tuple[str, ...], doubted: str
) -> None:
    read = clean_texts(TABLES["procedures"]["proc_date"], list(cells))
    assert tuple(read["clean"]) == clean
    assert [doubted in rules for rules in read["rules"]][-1]
    assert not any(doubted in rules for rules in read["rules"][:-1]) or not doubted


SWAPPED = ("2021-05-03 00:00:00", "2021-06-04", "2021-07-03", "2021-08-09")


@pytest.mark.parametrize(
    ("texts", "doubted"),
    [
        (("25/03/2021", "26/03/2021", "13/04/2021", "30/05/2021"), 4),
        (("25/03/2021", "26/03/2021", "13/04/2021", "02/05/2021"), 0),  # a text below 13
    ],
)
def test_days_that_a_spreadsheet_of_another_country_swapped_are_doubted(
    texts: tuple[str, ...], doubted: int
) -> None:
    read = clean_texts(TABLES["procedures"]["proc_date"], [*SWAPPED, *texts])
    assert sum("date.order_assumed" in rules for rules in read["rules"]) == doubted
    other = clean_texts(TABLES["procedures"]["proc_date"], [*SWAPPED, "2021-08-19", *texts])
    assert not any("date.order_assumed" in rules for rules in other["rules"])


def events_where(folder: Path, cells: str) -> Registry:
    """Sessions of four patients, and the infections that a mapping takes by ``inf = Yes``."""
    (folder / "e.csv").write_text(cells, "utf-8")
    (folder / "registry.toml").write_text(
        """version = 1
[registry]
name = "r"
data_cut = 2025-12-31
[[source]]
name = "s"
file = "e.csv"
center = "A"
[[source.table]]
name = "procedures"
columns = { patient_id = "id", proc_date = "day" }
[[source.table]]
name = "events"
where = { inf = "Yes" }
columns = { patient_id = "id", event_type = { value = "infection" }, event_date = "infd" }
[[source.table]]
name = "visits"
where = { seen = "*" }
columns = { patient_id = "id", visit_date = "seen", vas_0_10 = "vas" }
""",
        "utf-8",
    )
    return read_registry(folder)


def test_rows_that_look_wanted_are_not_lost_unsaid(tmp_path: Path) -> None:
    head = "id;day;inf;infd;seen;vas\n"
    day = "2021-03-01;"
    found = events_where(
        tmp_path,
        head
        + f"1;{day}Yes;2021-04-01;2021-05-01;3\n2;{day}x;2021-04-02;2021-05-02;2\n"
        + f"3;{day}no;;;4\n4;{day};;;\n5;{day};;;-\n6;{day};;;\n",
    )
    untaken = found.findings[found.findings["rule"] == "mapping.row_untaken"]
    assert list(zip(untaken["row"], untaken["column"], strict=True)) == [(3, "inf"), (4, "seen")]
    assert len(found.events) == 1


@pytest.mark.parametrize(
    ("imaging", "named", "doubted"),
    [
        (("ct_full", "none"), None, False),  # the event may belong to either session
        (("ct_full", "none"), "s1", True),
        (("ct_full", None), "s1", True),
        (("ct_full", None), "s0", False),
    ],
)
def test_an_embolism_is_seen_by_the_imaging_of_its_session(
    imaging: tuple[str | None, str | None], named: str | None, doubted: bool
) -> None:
    sessions = [
        session(f"s{i}", f"202{i}-01-01", chest_imaging_modality=seen)
        for i, seen in enumerate(imaging)
    ]
    event = {
        "event_id": "e",
        "patient_id": "A/1",
        "event_type": "pce",
        "event_date": day("2021-01-05"),
        "procedure_id": named,
    }
    found = rules(patients=[PERSON], procedures=sessions, events=[event])
    assert ("event.pce_unseen" in found) is doubted


@pytest.mark.parametrize(
    ("cell", "ticked"),
    [("3,2", "L1"), ("ca. 3,2", "L1"), ("~3", "L1"), ("2+2", "L1"), ("4-5", "L1"), ("0", ""),
     ("0,0", ""), ("x", "L1"), ("-", ""), ("T12", "L1? T12")],
)  # fmt: skip
def test_a_volume_ticks_its_vertebra(cell: str, ticked: str) -> None:
    assert _tick(cell, "L1", measured=True) == ticked
