"""Rows name their patient and session in several ways: these agree, or the row says that not."""

from __future__ import annotations

from pathlib import Path

import pytest
from mapped_exports import read_export as read
from mapped_exports import source, table

from vpstats.registry.registry import Registry

OPS = "pat;nr;day;sex\n1;S1;2022-03-01;f\n1;S4;2022-09-01;f\n2;S2;2022-04-01;m\n3;S3;2022-05-01;m\n"
PATIENT = {"patient_id": "pat"}
DAY = {**PATIENT, "proc_date": "day"}
NUMBER = {**PATIENT, "procedure_id": "nr"}
BOTH = {**NUMBER, "proc_date": "day"}
SESSIONS = source("ops", table("patients", **PATIENT, sex="sex"), table("procedures", **BOTH))
LEVELS = source("lev", table("levels", **NUMBER, level="level"))
DATED = source("lev", table("levels", **BOTH, level="level"))
EVENTS = source("ev", table("events", **BOTH, event_type="kind", event_date="found"))


def said(registry: Registry, file: str) -> dict[int, set[str]]:
    found = registry.findings
    found = found[found["file"].eq(f"{file}.csv") & found["row"].notna()]
    rows: dict[int, set[str]] = {}
    for row, rule in zip(found["row"], found["rule"], strict=True):
        if rule != "session.no_levels":  # few of these sessions have any
            rows.setdefault(int(row), set()).add(rule)
    return rows


def levels_of(registry: Registry) -> list[str]:
    return sorted(key.removeprefix("A/") for key in registry.levels["level_id"])


# ------------------------------------------------------------------ sessions


def test_a_level_of_another_patients_session_is_nobodys(tmp_path: Path) -> None:
    lev = "pat;nr;level\n1;S1;L1\n1;S2;L3\n2;S2;L2\n3;S3;T12\n"
    registry = read(tmp_path, SESSIONS + LEVELS, ops=OPS, lev=lev)
    assert levels_of(registry) == ["S1/L1", "S2/L2", "S3/T12"]
    assert said(registry, "lev") == {3: {"key.other_patient"}}


def test_a_leak_of_another_patients_session_is_nobodys(tmp_path: Path) -> None:
    lev = "pat;nr;level\n1;S1;L1\n2;S2;L1\n"
    leaks = "pat;nr;level;mod;site;state\n1;S2;L1;ct;venous;present\n1;S1;L1;ct;epidural;absent\n"
    fields = {"level": "level", "modality": "mod", "site": "site", "state": "state"}
    mapped = source("leaks", table("leaks", **NUMBER, **fields))
    registry = read(tmp_path, SESSIONS + LEVELS + mapped, ops=OPS, lev=lev, leaks=leaks)
    assert registry.leaks["level_id"].tolist() == ["A/S1/L1"]
    assert said(registry, "leaks") == {2: {"key.other_patient"}}


@pytest.mark.parametrize(
    ("row", "rule", "kept"),
    [
        ("1;S1;2022-03-01;L3", "", "S1/L3"),
        ("1;S1;;L3", "", "S1/L3"),
        ("2;S1;2022-04-01;L3", "key.other_patient", ""),  # patient and day are another session's
        ("1;S1;2022-09-01;L3", "key.other_day", ""),
        ("1;S1;2022-03-02;L3", "key.day_differs", "S1/L3"),  # no session is of that day
    ],
)
def test_a_level_whose_number_and_day_differ(
    tmp_path: Path, row: str, rule: str, kept: str
) -> None:
    registry = read(tmp_path, SESSIONS + DATED, ops=OPS, lev=f"pat;nr;day;level\n{row}\n")
    assert levels_of(registry) == ([kept] if kept else [])
    assert said(registry, "lev") == ({2: {rule}} if rule else {})


def test_a_level_finds_a_numbered_session_by_patient_and_day(tmp_path: Path) -> None:
    mapped = source("lev", table("levels", **DAY, level="level"))
    ops = OPS + "4;S5;2022-06-01;f\n4;S6;2022-06-01;f\n"
    lev = "pat;day;level\n1;2022-03-01;L1\n1;2022-09-01;L2\n2;2022-04-02;L3\n4;2022-06-01;L4\n"
    registry = read(tmp_path, SESSIONS + mapped, ops=ops, lev=lev)
    assert levels_of(registry) == ["S1/L1", "S4/L2"]
    # no session of that day, and two
    assert said(registry, "lev") == {4: {"key.orphan"}, 5: {"key.orphan"}}


def test_a_result_finds_a_numbered_session_by_patient_and_day(tmp_path: Path) -> None:
    mapped = source("lab", table("procedures", **DAY, crp_mg_l="crp"))
    lab = "pat;day;crp\n1;2022-03-01;5\n2;2022-04-01;7\n"
    registry = read(tmp_path, SESSIONS + mapped, ops=OPS, lab=lab)
    assert registry.procedures["procedure_id"].tolist() == ["A/S1", "A/S4", "A/S2", "A/S3"]
    assert registry.procedures["crp_mg_l"].fillna(0).tolist() == [5, 0, 7, 0]
    assert said(registry, "ops") == said(registry, "lab") == {}


def test_an_event_whose_number_and_day_differ_has_no_session(tmp_path: Path) -> None:
    ev = "pat;nr;day;kind;found\n1;S1;2022-09-01;infection;2022-09-20\n"
    registry = read(tmp_path, SESSIONS + EVENTS, ops=OPS, ev=ev)
    assert registry.events["procedure_id"].isna().all()
    assert said(registry, "ev") == {2: {"key.other_day"}}


def test_what_a_laboratory_says_of_another_patients_session_is_left_out(tmp_path: Path) -> None:
    lab = "pat;nr;crp\n1;S1;5\n1;S2;88\n3;S3;7\n"
    mapped = source("lab", table("procedures", **NUMBER, crp_mg_l="crp"))
    registry = read(tmp_path, SESSIONS + mapped, ops=OPS, lab=lab)
    crp = dict(
        zip(registry.procedures["procedure_id"], registry.procedures["crp_mg_l"], strict=True)
    )
    assert set(crp) == {"A/S1", "A/S4", "A/S2", "A/S3"}
    assert (crp["A/S1"], crp["A/S3"]) == (5, 7)
    assert said(registry, "lab") == {3: {"key.other_patient"}}


def test_one_day_of_one_number_is_no_second_patients_session(tmp_path: Path) -> None:
    lab = "pat;nr;day;crp\n1;S1;2022-03-01;5\n3;S2;2022-04-01;88\n"
    mapped = source("lab", table("procedures", **BOTH, crp_mg_l="crp"))
    registry = read(tmp_path, SESSIONS + mapped, ops=OPS, lab=lab)
    assert sorted(registry.procedures["procedure_id"]) == ["A/S1", "A/S3", "A/S4"]
    assert "conflict.rows" in said(registry, "lab")[3]


def test_numbers_that_each_patient_has_are_their_own_even_on_one_day(tmp_path: Path) -> None:
    ops = "pat;nr;day;sex\n1;1;2022-03-01;f\n1;2;2022-09-01;f\n2;1;2022-03-01;m\n3;1;2022-05-01;m\n"
    lev = "pat;nr;level\n1;1;L1\n1;2;L2\n2;1;L3\n3;2;L4\n"
    registry = read(tmp_path, SESSIONS + LEVELS, ops=ops, lev=lev)
    assert levels_of(registry) == ["1/1/L1", "2/1/L3", "2/L2"]
    assert said(registry, "lev") == {5: {"key.other_patient"}}  # of the one who has a second


def test_sessions_of_two_years_may_have_one_number(tmp_path: Path) -> None:
    later = "pat;nr;day\n7;S1;2023-03-01\n8;S9;2023-03-02\n"
    mapped = source("b", table("procedures", **BOTH))
    registry = read(tmp_path, SESSIONS + mapped, ops=OPS, b=later)
    assert set(registry.procedures["procedure_id"]) >= {"A/1/S1", "A/7/S1", "A/S9"}


# ------------------------------------------------------------------ visits and events


def test_visits_and_events_that_are_numbered_per_patient(tmp_path: Path) -> None:
    v = (
        "pat;sex;nr;day;vas;ev;kind;found\n1;f;1;2022-03-01;5;1;infection;2022-06-01\n"
        "1;f;2;2022-04-01;3;;;\n2;m;1;2022-05-01;7;1;rib_fx;2022-07-01\n2;m;2;2022-06-01;;;;\n"
    )
    mapping = source(
        "v",
        table("patients", **PATIENT, sex="sex"),
        table("visits", **PATIENT, visit_id="nr", visit_date="day", vas_0_10="vas"),
        table(
            "events",
            where={"ev": "*"},
            **PATIENT,
            event_id="ev",
            event_type="kind",
            event_date="found",
        ),
    )
    registry = read(tmp_path, mapping, v=v)
    assert registry.visits["visit_id"].tolist() == ["A/1/1", "A/1/2", "A/2/1", "A/2/2"]
    assert registry.events["event_id"].tolist() == ["A/1/1", "A/2/1"]
    assert said(registry, "v") == {}


def test_one_visit_of_two_files_that_differ_in_its_patient_stays_one(tmp_path: Path) -> None:
    first = "pat;nr;day;vas\n1;17;2022-03-01;5\n2;18;2022-04-01;4\n3;19;2022-05-01;3\n"
    other = "pat;nr;day;odi\n1;17;2022-03-01;40\n3;18;2022-04-01;44\n"
    key = {**PATIENT, "visit_id": "nr", "visit_date": "day"}
    mapping = (
        SESSIONS
        + source("a", table("visits", **key, vas_0_10="vas"))
        + source("b", table("visits", **key, odi_pct="odi"))
    )
    registry = read(tmp_path, mapping, ops=OPS, a=first, b=other)
    assert registry.visits["visit_id"].tolist() == ["A/17", "A/19"]
    assert "conflict.rows" in said(registry, "b")[3]


# ------------------------------------------------------------------ identifiers

FLAT = source("a", table("procedures", **DAY), table("patients", **PATIENT))


def people(folder: Path, *identifiers: str) -> tuple[list[str], Registry]:
    lines = [f"{pat};2022-03-{i:02d}" for i, pat in enumerate(identifiers, start=1)]
    registry = read(folder, FLAT, a="\n".join(["pat;day", *lines]) + "\n")
    return [p.removeprefix("A/") for p in registry.patients["patient_id"]], registry


NOBODY = (
    "?",
    "-",
    "nepoznato",
    "unbekannt",
    "k.A.",
    "n.n.",
    "xxx",
    "1,23E+11",
    "1.23E+11",
    "999999",
    "0",
    "-99",
)


@pytest.mark.parametrize("cell", NOBODY)
def test_a_cell_that_identifies_nobody(tmp_path: Path, cell: str) -> None:
    found, registry = people(tmp_path, "1101", cell, cell, "1102")
    assert found == ["1101", "1102"]
    assert said(registry, "a") == {3: {"key.placeholder"}, 4: {"key.placeholder"}}


@pytest.mark.parametrize(
    "identifiers",
    [
        ("0", "1", "2"),
        ("998", "999", "1000"),
        ("NA", "KB", "ND", "MM"),
        ("P-1", "P-2", "XXX1"),
        ("7E3", "8E3", "1E05"),
    ],
)
def test_identifiers_that_look_odd_are_somebodys(
    tmp_path: Path, identifiers: tuple[str, ...]
) -> None:
    found, registry = people(tmp_path, *identifiers)
    assert found == list(identifiers)
    assert said(registry, "a") == {}


@pytest.mark.parametrize("cell", ["１１７６", "١١٧٦"])
def test_digits_of_other_scripts_are_digits(tmp_path: Path, cell: str) -> None:
    found, registry = people(tmp_path, "1176", cell, "1177")
    assert found == ["1176", "1177"]
    assert len(registry.procedures) == 3
    changed = registry.corrections
    assert set(changed.loc[changed["rule"] == "key.spelling", "row"]) == {3}


def test_operators_and_centers_that_are_not_known_are_none(tmp_path: Path) -> None:
    text = "pat;day;op;site\n1;2022-03-01;DD;X\n2;2022-03-02;?;X\n3;2022-03-03;unknown;X\n"
    text += "4;2022-03-04;ND;X\n5;2022-03-05;DD;?\n"
    mapping = source("a", table("procedures", **DAY, operator_id="op"), center={"column": "site"})
    registry = read(tmp_path, mapping, a=text)
    assert registry.procedures["operator_id"].fillna("").tolist() == ["DD", "", "", "ND"]
    blank = registry.corrections
    assert blank.loc[blank["rule"] == "missing.blank", "row"].tolist() == [3, 4]
    assert said(registry, "a")[6] == {"required.missing"}


def test_a_patient_without_a_session_may_be_mistyped(tmp_path: Path) -> None:
    text = (
        "nr;born;sex;what;day\n1326;1944-05-02;f;op;2023-07-10\n1326;1944-05-02;f;visit;2024-01-02\n"
        "1236;1944-05-02;f;visit;2024-06-12\n1400;1950-05-03;m;op;2023-08-10\n"
    )
    mapping = source(
        "a",
        table("patients", patient_id="nr", birth_date="born", sex="sex"),
        table("procedures", where={"what": "op"}, patient_id="nr", proc_date="day"),
        table("visits", where={"what": "visit"}, patient_id="nr", visit_date="day"),
    )
    registry = read(tmp_path, mapping, a=text)
    assert said(registry, "a") == {4: {"patient.no_session", "duplicate.person"}}


# ------------------------------------------------------------------ files and rows that repeat

LISTS = source(
    "op",
    table("procedures", **DAY),
    table("levels", explode="levels", **DAY, level="levels"),
    table("patients", **PATIENT),
) + source("lev", table("levels", **DAY, level="level"))


def test_two_files_that_name_other_vertebrae_of_a_session(tmp_path: Path) -> None:
    op = "pat;day;levels\n1;2022-03-10;L1\n2;2022-03-11;L2\n3;2022-03-12;T12, L1\n"
    lev = "pat;day;level\n1;2022-03-10;L1\n2;2022-03-11;L3\n3;2022-03-12;T12\n3;2022-03-12;L1\n"
    registry = read(tmp_path, LISTS, op=op, lev=lev)
    named = {file: rows for file in ("op", "lev") if (rows := said(registry, file))}
    assert named == {"op": {3: {"level.files_differ"}}, "lev": {3: {"level.files_differ"}}}


@pytest.mark.parametrize(
    "lev",
    [
        "pat;day;level\n1;2022-03-10;L1\n3;2022-03-12;L1\n",  # only those with a leak
        "pat;day;level\n1;2022-03-10;L4\n2;2022-03-11;L5\n3;2022-03-12;L5\n",  # the second ones
    ],
)
def test_files_that_share_the_vertebrae_do_not_differ(tmp_path: Path, lev: str) -> None:
    op = "pat;day;levels\n1;2022-03-10;L1\n2;2022-03-11;L2\n3;2022-03-12;T12, L1\n"
    registry = read(tmp_path, LISTS, op=op, lev=lev)
    assert "level.files_differ" not in set(registry.findings["rule"])


def repeated(folder: Path, *rows: str) -> Registry:
    events = table("events", where={"kind": "*"}, **DAY, event_type="kind", event_date="found")
    mapping = source("a", table("procedures", **DAY), table("levels", **DAY, level="level"), events)
    return read(folder, mapping, a="\n".join(["pat;day;level;kind;found", *rows]) + "\n")


def test_an_event_in_the_row_of_each_vertebra_is_one(tmp_path: Path) -> None:
    registry = repeated(
        tmp_path,
        "1;2022-03-10;L1;infection;",
        "1;2022-03-10;L2;infection;",
        "1;2022-03-10;L3;infection;",
        "2;2022-03-11;L1;infection;2022-05-01",
        "2;2022-03-11;L2;infection;2022-05-01",
        "2;2022-03-11;L3;infection;2022-08-01",
    )
    assert len(registry.events) == 3
    changed = registry.corrections
    assert changed.loc[changed["rule"] == "event.repeated", "row"].tolist() == [3, 4, 6]
    assert "event.twice" not in set(registry.findings["rule"])


def test_fractures_in_the_rows_of_vertebrae_may_be_several(tmp_path: Path) -> None:
    registry = repeated(tmp_path, "1;2022-03-10;L1;rib_fx;", "1;2022-03-10;L2;rib_fx;")
    assert len(registry.events) == 2
    assert {"event.twice"} <= said(registry, "a")[2] & said(registry, "a")[3]


# ------------------------------------------------------------------ rows that close a file


@pytest.mark.parametrize(
    "row",
    [
        "Totale;28 righe;;",
        "Gesamt;62 Pat.;;",
        "Ukupno;Ana;;",
        "Anzahl;60;;",
        "n=60;;;",
        "Σ;60;;",
        "Nombre total;60;;",
        "TOTAL PACIENTES;60;;",
        "srednja vrijednost;;;65",
        "Stand 30.06.2024;;;",
        "ende;;;",
        "---;;;",
        "Januar 2022;;;",
        "Legend;M = male;;",
    ],
)
def test_a_last_row_that_is_no_record(tmp_path: Path, row: str) -> None:
    mapping = source("a", table("patients", **PATIENT, sex="sex", weight_kg="kg"))
    rows = "3001;x;m;60\n3002;y;f;61\n3003;z;m;62\n"
    registry = read(tmp_path, mapping, a=f"pat;ward;sex;kg\n{rows}{row}\n")
    assert len(registry.patients) == 3
    assert said(registry, "a") == {5: {"file.summary_row"}}


@pytest.mark.parametrize("row", ["3004;;;", "3004;x;f;", "A3004;x;f;60", "N1;x;m;60"])
def test_a_last_row_that_is_a_record_stays(tmp_path: Path, row: str) -> None:
    mapping = source("a", table("patients", **PATIENT, sex="sex", weight_kg="kg"))
    rows = "3001;x;m;60\n3002;y;f;61\n3003;z;m;62\n"
    registry = read(tmp_path, mapping, a=f"pat;ward;sex;kg\n{rows}{row}\n")
    assert len(registry.patients) == 4
