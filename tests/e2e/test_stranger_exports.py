"""Exports of hospitals that nobody prepared for: other calendars of words, other habits of files.

Each writes a small export with its mapping and says what is true. What is read is the truth, or is
missing and a finding; what a hospital does on purpose has to be sayable in the mapping.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import openpyxl
import pandas as pd
import pytest
from mapped_exports import read_export as read
from mapped_exports import source, table

from vpstats.errors import MappingError
from vpstats.registry.registry import Registry

PATIENT = {"patient_id": "id"}
SESSION = {**PATIENT, "proc_date": "day"}


def known(frame: pd.DataFrame, key: str, field: str) -> dict[str, Any]:
    kept = frame[frame[field].notna()]
    values = [str(v.date()) if isinstance(v, pd.Timestamp) else v for v in kept[field]]
    return dict(zip((k.split("/", 1)[1] for k in kept[key]), values, strict=True))


def rules(registry: Registry, *rows: int) -> set[str]:
    found = registry.findings[registry.findings["severity"] != "info"]
    return set(found["rule"] if not rows else found.loc[found["row"].isin(rows), "rule"])


def corrected(registry: Registry, rule: str) -> list[int]:
    return registry.corrections.loc[registry.corrections["rule"] == rule, "row"].tolist()


def levels_of(registry: Registry) -> list[str]:
    return [key.split("/", 1)[1] for key in registry.levels["level_id"]]


# ------------------------------------------------------------------ names of months

STARTS = table("patients", **PATIENT, antiosteo_start="day")


def started(folder: Path, *cells: str) -> tuple[list[str | None], Registry]:
    lines = [f"{i};{cell}" for i, cell in enumerate(cells)]
    registry = read(folder, source("a", STARTS), a="\n".join(["id;day", *lines]) + "\n")
    days = known(registry.patients, "patient_id", "antiosteo_start")
    return [days.get(str(i)) for i in range(len(cells))], registry


def test_listopad_is_november_in_polish_and_czech(tmp_path: Path) -> None:
    polish, _ = started(tmp_path, "12 listopada 2021", "3 grudnia 2020", "5 lip 2020", "1 sty 2020")
    assert polish == ["2021-11-12", "2020-12-03", "2020-07-05", "2020-01-01"]
    czech, _ = started(tmp_path, "12. listopadu 2021", "5. srpna 2020", "7 srp 2020", "3. 5. 2020")
    assert czech == ["2021-11-12", "2020-08-05", "2020-08-07", "2020-05-03"]
    slips, registry = started(tmp_path, "12. listopada 2021.", "5 lip 2020", "7. srpnja 2020.")
    assert slips == ["2021-10-12", "2020-06-05", "2020-07-07"]
    assert not rules(registry)


@pytest.mark.parametrize("cell", ["12 listopada 2021", "12 lis 2021", "5-lip-20", "srp 2021"])
def test_a_name_of_two_months_without_a_witness_is_not_read(tmp_path: Path, cell: str) -> None:
    days, registry = started(tmp_path, cell, "3.8.2020")
    assert days == [None, "2020-08-03"]
    assert rules(registry, 2) == {"date.month_ambiguous"}


@pytest.mark.parametrize("word", ["marraskuuta", "maybe", "marked", "decided"])
def test_a_word_that_begins_as_a_month_does_is_none(tmp_path: Path, word: str) -> None:
    days, registry = started(tmp_path, f"3 {word} 2021", "3.8.2020")
    assert days == [None, "2020-08-03"]
    assert rules(registry, 2) == {"date.unreadable"}


@pytest.mark.parametrize(
    "cell", ["14.03.2021, 16.03.2021", "14.03.2021 16.03.2021", "14.03.21 16.03.21"]
)
def test_two_days_in_a_cell_are_no_day_and_a_time(tmp_path: Path, cell: str) -> None:
    days, registry = started(tmp_path, cell, "3.8.2020")
    assert days == [None, "2020-08-03"]
    assert rules(registry, 2) == {"date.unreadable"}


def test_times_behind_a_day_are_taken_off(tmp_path: Path) -> None:
    cells = (
        "14.3.2021, 10:30:05",
        "14.03.2021 10.30.00",
        "2021-03-14 10.30.00",
        "14.03.2021 24:00",
    )
    days, _ = started(tmp_path, *cells)
    assert days == ["2021-03-14"] * 4


def test_months_with_a_letter_mistyped_are_read(tmp_path: Path) -> None:
    cells = ("3 Febuary 2021", "3. kolovza 2021.", "3 janviers 2021", "3 Sept 2021")
    days, _ = started(tmp_path, *cells)
    assert days == ["2021-02-03", "2021-08-03", "2021-01-03", "2021-09-03"]


def test_dates_with_the_year_in_front_or_a_word_behind(tmp_path: Path) -> None:
    cells = (
        "2021. máj. 10.",
        "2020. jún. 3.",
        "10 mrt 2020",
        "03.05.2020 r.",
        "08.06.2020. год.",
        "2020-05-03 10:30:00+01",
        "3 set 2021",
        "7 Ekim 2021",
    )
    days, registry = started(tmp_path, *cells)
    assert days == [
        "2021-05-10",
        "2020-06-03",
        "2020-03-10",
        "2020-05-03",
        "2020-06-08",
        "2020-05-03",
        "2021-09-03",
        "2021-10-07",
    ]
    assert not rules(registry)


def test_six_digits_are_a_day_where_the_mapping_says_their_order(tmp_path: Path) -> None:
    text = "id;day\n1;210203\n2;991231\n3;211340\n"
    registry = read(tmp_path, source("a", STARTS), a=text)
    assert registry.patients["antiosteo_start"].isna().all()
    assert rules(registry, 2, 3) == {"date.unreadable"}
    registry = read(tmp_path, source("a", STARTS, date_order="ymd"), a=text)
    days = known(registry.patients, "patient_id", "antiosteo_start")
    assert days == {"1": "2021-02-03", "2": "1999-12-31"}
    assert rules(registry) == {"date.impossible"}


# ------------------------------------------------------------------ vertebrae, sex, numbers

LISTED = source(
    "a",
    table("patients", **PATIENT),
    table("procedures", **SESSION),
    table("levels", explode="lv", **SESSION, level="lv", cement_ml="ml"),
)


def listed(folder: Path, *cells: str) -> tuple[list[list[str]], Registry]:
    lines = [f"{i};{13 + i}.03.2021;{cell};" for i, cell in enumerate(cells)]
    registry = read(folder, LISTED, a="\n".join(["id;day;lv;ml", *lines]) + "\n")
    own = [key.split("/") for key in levels_of(registry)]
    return [[k[2] for k in own if k[0] == str(i)] for i in range(len(cells))], registry


def test_a_is_and_in_czech_and_to_in_italian(tmp_path: Path) -> None:
    levels, registry = listed(tmp_path, "Th11 a L1", "L1 a L3", "Th12 a L1", "Th8")
    assert levels == [[], [], ["T12", "L1"], ["T8"]]
    assert rules(registry, 2, 3) == {"level.ambiguous"}
    levels, registry = listed(tmp_path, "da D11 a L1", "L1 a L3", "D12")
    assert levels == [["T11", "T12", "L1"], ["L1", "L2", "L3"], ["T12"]]
    assert not rules(registry)


def test_lists_in_dutch_swedish_cyrillic_and_of_databases(tmp_path: Path) -> None:
    cells = ("Th11 t/m L1", "Th11 en L1", "Th12 och L1", "Тх12", "Л1, Т8", "{T12,L1}", "[L2]")
    levels, registry = listed(tmp_path, *cells)
    assert levels == [
        ["T11", "T12", "L1"],
        ["T11", "L1"],
        ["T12", "L1"],
        ["T12"],
        ["L1", "T8"],
        ["T12", "L1"],
        ["L2"],
    ]
    assert not rules(registry)


def test_arrays_of_a_database_beside_one_another(tmp_path: Path) -> None:
    text = (
        "id|day|lv|ml\n1|2021-02-03 08:00:00+01|{T12,L1}|{4.5000,3.0000}\n"
        "2|2021-02-04 08:00:00+01|{L3}|\\N\n3|2021-02-05 08:00:00+01|{L3}|{2.5000}\n"
    )
    registry = read(tmp_path, LISTED, a=text)
    assert known(registry.levels, "level_id", "cement_ml") == {
        "1/2021-02-03/T12": 4.5,
        "1/2021-02-03/L1": 3.0,
        "3/2021-02-05/L3": 2.5,
    }
    assert not rules(registry)


PEOPLE = source("a", table("patients", **PATIENT, sex="sex", bmd_tscore="t"))


def test_f_beside_n_is_a_man_in_hungarian(tmp_path: Path) -> None:
    registry = read(tmp_path, PEOPLE, a="id;sex;t\n1;N;\n2;F;\n3;F;\n")
    assert registry.patients["sex"].isna().all()
    assert rules(registry, 2, 3, 4) == {"word.ambiguous"}
    others = read(tmp_path, PEOPLE, a="id;sex;t\n1;N;\n2;F;\n3;M;\n")
    assert known(others.patients, "patient_id", "sex") == {"2": "f", "3": "m"}


def test_nie_is_no_in_polish_and_never_in_german(tmp_path: Path) -> None:
    mapping = source("a", table("patients", **PATIENT, smoker="smokes"))
    registry = read(tmp_path, mapping, a="id;smokes\n1;nie\n2;tak\n")
    assert registry.patients["smoker"].isna().all()
    assert rules(registry, 2) == {"word.ambiguous"}
    german = read(tmp_path, mapping, a="id;smokes\n1;nie\n2;aktiv\n")
    assert known(german.patients, "patient_id", "smoker")["1"] == "never"


def test_a_minus_behind_and_an_apostrophe_before_a_number(tmp_path: Path) -> None:
    registry = read(tmp_path, PEOPLE, a="id;sex;t\n'007;f;2,8-\n008;f;'-1,9\n009;f;'2,5'\n")
    scores = known(registry.patients, "patient_id", "bmd_tscore")
    assert scores == {"007": -2.8, "008": -1.9}
    assert sorted(corrected(registry, "file.text_mark")) == [2, 3]
    assert rules(registry) == {"number.unreadable"}


def test_a_day_in_the_place_of_a_number_is_called_one(tmp_path: Path) -> None:
    registry = read(tmp_path, PEOPLE, a="id;sex;t\n1;f;2024-05-03\n")
    said = registry.findings.loc[registry.findings["field"] == "bmd_tscore", "message"]
    assert said.str.contains("a day, into which spreadsheets turn").all()
    assert len(said) == 1


# ------------------------------------------------------------------ who is who


def people_and_states(identifier: object) -> str:
    people = table("patients", patient_id=identifier, sex="sex")
    states = table("patients", patient_id=identifier, status="status")
    return source("p", people) + source("v", states)


def test_zeros_that_one_of_two_files_lost(tmp_path: Path) -> None:
    files = {"p": "id;sex\n00712;f\n01000;m\n", "v": "id;status\n712;dead\n1000.0;alive\nX1;lost\n"}
    plain = read(tmp_path, people_and_states("id"), **files)
    assert len(plain.patients) == 5
    assert "duplicate.id_spelling" in rules(plain)
    padded = read(tmp_path, people_and_states({"column": "id", "width": 5}), **files)
    states = known(padded.patients, "patient_id", "status")
    assert states == {"00712": "dead", "01000": "alive", "X1": "lost"}
    assert known(padded.patients, "patient_id", "sex") == {"00712": "f", "01000": "m"}
    assert corrected(padded, "key.padded") == [2, 3]
    shown = padded.corrections[padded.corrections["rule"] == "key.padded"]
    assert not shown["raw"].str.contains("712").any()


def test_only_identifiers_have_a_width(tmp_path: Path) -> None:
    starts = table("patients", **PATIENT, antiosteo_start={"column": "day", "width": 5})
    with pytest.raises(MappingError, match="have a width"):
        read(tmp_path, source("a", starts), a="id;day\n1;\n")


def test_letters_that_look_alike_are_one_spelling(tmp_path: Path) -> None:
    people, operated = "id;sex\nА-011;f\nB-012;m\n", "id;day\nA-011;13.03.2021\n"  # А: Cyrillic
    mapping = source("p", table("patients", **PATIENT, sex="sex"))
    mapping += source("v", table("procedures", **SESSION))
    registry = read(tmp_path, mapping, p=people, v=operated)
    assert registry.procedures["patient_id"].tolist() == ["A/А-011"]
    assert corrected(registry, "key.spelling") == [2]


LABS = source("ops", table("procedures", **SESSION, procedure_id="no")) + source(
    "labs",
    table(
        "procedures",
        where={"test": "CRP"},
        procedure_id="no",
        crp_mg_l="result",
        crp_date="taken",
    ),
    table("procedures", where={"test": "WBC"}, procedure_id="no", wbc_10e9_l="result"),
)


def test_results_that_name_their_session_by_its_number_alone(tmp_path: Path) -> None:
    ops = "no;id;day\nT1;7;13.03.2021\nT2;7;13.03.2021\nT3;8;14.03.2021\n"
    labs = (
        "no;test;result;taken\nT1;CRP;<4;12.03.2021\nT1;WBC;7.5;12.03.2021\nT2;CRP;31;13.03.2021\n"
        "T3;CRP;5;13.03.2021\nT3;CRP;6;13.03.2021\nT9;CRP;8;13.03.2021\n"
    )
    registry = read(tmp_path, LABS, ops=ops, labs=labs)
    sessions = registry.procedures
    assert known(sessions, "procedure_id", "crp_mg_l") == {"T1": 4.0, "T2": 31.0}
    assert known(sessions, "procedure_id", "wbc_10e9_l") == {"T1": 7.5}
    assert list(sessions["patient_id"]) == ["A/7", "A/7", "A/8"]
    assert rules(registry, 5) == {"conflict.rows"}
    assert rules(registry, 7) == {"required.missing"}


# ------------------------------------------------------------------ habits of files


def moved(before: dict[str, object], since: dict[str, object]) -> str:
    """A column of leaks that means another examination with other codes since some day."""
    fluoro = {"column": "leak", "codes": {"0": "no", "1": "yes"}}
    ct = {"column": "leak", "codes": {"1": "no", "2": "yes"}}
    return source(
        "a",
        table("procedures", **SESSION),
        table("levels", where={"day": before}, **SESSION, level="lv", leak_any_fluoro=fluoro),
        table("levels", where={"day": since}, **SESSION, level="lv", leak_any_ct=ct),
        date_order="dmy",
    )


NEW_YEAR = dt.date(2022, 1, 1)


def test_a_column_that_changes_its_meaning_on_a_day(tmp_path: Path) -> None:
    text = (
        "id;day;lv;leak\n1;05.08.2021;L1;1\n2;31.12.2021;L2;0\n3;01.01.2022;L3;1\n"
        "4;02.03.2022;L4;2\n5;soon;L5;2\n"
    )
    registry = read(tmp_path, moved({"before": NEW_YEAR}, {"from": NEW_YEAR}), a=text)
    leaks = registry.leaks[registry.leaks["state"] != "not_assessed"]
    states = zip(leaks["level_id"], leaks["modality"], leaks["state"], strict=True)
    assert {(k.split("/")[1], m, s) for k, m, s in states} == {
        ("1", "fluoro", "present"),
        ("2", "fluoro", "absent"),
        ("3", "ct", "absent"),
        ("4", "ct", "present"),
    }
    assert "mapping.day_unread" in rules(registry, 6)
    assert "mapping.day_unread" not in rules(registry, 2, 3, 4, 5)


def test_days_without_a_bound_are_refused(tmp_path: Path) -> None:
    with pytest.raises(MappingError, match="where"):
        read(tmp_path, moved({}, {"from": NEW_YEAR}), a="id;day;lv;leak\n")


INFECTIONS = table(
    "events", where={"infection": "Ja"}, **PATIENT, event_type={"value": "infection"}
)
EVENTS = source("a", table("patients", **PATIENT), INFECTIONS)


def test_a_yes_with_words_behind_it_is_no_event_that_is_lost_in_silence(tmp_path: Path) -> None:
    cells = ["Ja", "Ja, djup", "Ja?", *["Nej"] * 15, "Vet ej", "MRSA", "", "2", "nej"]
    text = "\n".join(["id;infection", *(f"{i};{cell}" for i, cell in enumerate(cells))])
    registry = read(tmp_path, EVENTS, a=text + "\n")
    assert registry.events["patient_id"].tolist() == ["A/0"]
    said = registry.findings[registry.findings["rule"] == "mapping.row_untaken"]
    # a word that stands once may be a yes; one that stands in most rows is the hospital's no
    assert said["row"].tolist() == [3, 4, 21]


DOWN = (
    table("patients", **PATIENT, sex="sex"),
    table("procedures", **SESSION, crp_mg_l="crp"),
    table("levels", **SESSION, level="lv"),
)


def test_what_stands_in_the_first_row_of_several(tmp_path: Path) -> None:
    text = (
        "id;sex;day;lv;crp\n7;f;13.03.2021;T12;4\n;;;L1;\n;;15.06.2021;L2;5\n"
        '8;;14.03.2021;T8;6\n"""";"""";"""";T9;\n9;m;16.03.2021;L3;\n'
    )
    registry = read(tmp_path, source("a", *DOWN, fill_down=["id", "sex", "day"]), a=text)
    assert levels_of(registry) == [
        "7/2021-03-13/T12",
        "7/2021-03-13/L1",
        "7/2021-06-15/L2",
        "8/2021-03-14/T8",
        "8/2021-03-14/T9",
        "9/2021-03-16/L3",
    ]
    # 8 has no sex of its own, and that of 7 is not hers
    assert known(registry.patients, "patient_id", "sex") == {"7": "f", "9": "m"}
    # numbers are not filled: they were taken once
    assert known(registry.procedures, "procedure_id", "crp_mg_l") == {
        "7/2021-03-13": 4.0,
        "7/2021-06-15": 5.0,
        "8/2021-03-14": 6.0,
    }
    assert set(corrected(registry, "file.filled_down")) == {3, 4, 6}
    shown = registry.corrections[registry.corrections["rule"] == "file.filled_down"]
    assert set(shown.loc[shown["column"] == "id", "clean"]) == {"(masked)"}


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"fill_down": ["id", "sec"]}, "sex"),
        ({"fill_down": ["id", "sex", "day"], "format": "redcap"}, "csv"),
    ],
)
def test_filling_that_cannot_be_done_is_refused(
    tmp_path: Path, keys: dict[str, object], words: str
) -> None:
    with pytest.raises(MappingError, match=words):
        read(tmp_path, source("a", *DOWN, **keys), a="id;sex;day;lv;crp\n7;f;13.03.2021;T12;4\n")


def test_rows_of_a_workbook_that_are_no_records_in_czech(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    head = ["r.č.", "Pohlaví", "CRP [mg/l]"]
    for row in (
        ["Pacient", None, "Laboratoř"],
        head,
        ["007", "ž", 4.5],
        ["Celkem 2021", None, 4.5],
        ["Rok 2022", None, None],
        head,
        ["008", "m", 12],
        ["Průměr", None, 8.25],
    ):
        sheet.append(row)
    sheet.merge_cells("A1:B1")
    book.save(tmp_path / "a.xlsx")
    people = table("patients", patient_id="Pacient / r.č.")
    mapping = source("a", people, file="a.xlsx", format="excel", header_rows=2)
    registry = read(tmp_path, mapping)
    assert registry.patients["patient_id"].tolist() == ["A/007", "A/008"]
    found = registry.findings
    assert found.loc[found["rule"] == "file.summary_row", "row"].tolist() == [4, 5, 8]
    assert found.loc[found["rule"] == "file.repeated_header", "row"].tolist() == [6]


def test_an_empty_day_of_a_list_does_not_put_its_column_in_doubt(tmp_path: Path) -> None:
    cells = ["00.00.0000"] * 15 + ["03.05.2021"] * 3
    days, registry = started(tmp_path, *cells)
    assert days == [None] * 15 + ["2021-05-03"] * 3
    assert not rules(registry)
