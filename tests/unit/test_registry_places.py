"""Where a finding says that a value stands: file, sheet, row, column, and what is not there."""

from __future__ import annotations

from pathlib import Path

import openpyxl
import pandas as pd
import pytest
from mapped_exports import read_export as read
from mapped_exports import source, table

from vpstats.pipeline.study import registry_files
from vpstats.registry import Registry

PATIENTS = table("patients", patient_id="id")
PEOPLE = source("p", PATIENTS, table("procedures", patient_id="id", proc_date="date"))


def found(registry: Registry, rule: str) -> pd.DataFrame:
    return registry.findings[registry.findings["rule"] == rule]


def cells(findings: pd.DataFrame) -> list[tuple[object, ...]]:
    return list(findings[["file", "row", "column"]].itertuples(index=False, name=None))


# ------------------------------------------------------------------ several tables of one name

EVENTS = source(
    "e",
    table(
        "events",
        where={"revised": "yes"},
        patient_id="id",
        event_type={"value": "reoperation"},
        event_date="revised on",
    ),
    table(
        "events",
        where={"infected": "yes"},
        patient_id="id",
        event_type={"value": "infection"},
        event_date="infected on",
    ),
)


def test_an_event_is_looked_up_in_the_column_of_its_own_table(tmp_path: Path) -> None:
    registry = read(
        tmp_path,
        PEOPLE + EVENTS,
        p="id;date\n1;2022-05-01\n2;2022-05-01\n",
        e="id;revised;revised on;infected;infected on\n"
        "1;yes;2021-01-05;no;\n2;no;;yes;2020-02-06\n",
    )
    early = registry.findings[registry.findings["field"] == "event_date"]
    assert cells(early) == [("e.csv", 2, "revised on"), ("e.csv", 3, "infected on")]


def test_rows_that_contradict_one_another_name_each_its_own_column(tmp_path: Path) -> None:
    registry = read(
        tmp_path,
        source("a", table("patients", patient_id="id", sex="sex"))
        + source("b", table("patients", patient_id="id", sex="Geschlecht")),
        a="id;sex\n1;f\n",
        b="id;Geschlecht\n1;m\n",
    )
    differ = found(registry, "conflict.rows")
    assert cells(differ) == [("a.csv", 2, "sex"), ("b.csv", 2, "Geschlecht")]


def test_a_field_that_one_of_two_tables_has_is_found_in_its_column(tmp_path: Path) -> None:
    sizes = {"height_cm": "height", "weight_kg": "weight", "bmi": "index"}
    mapping = source("p", PATIENTS, table("patients", patient_id="id", **sizes))
    registry = read(tmp_path, mapping, p="id;height;weight;index\n1;160;64;30\n2;160;64;25\n")
    assert cells(found(registry, "derived.differs")) == [("p.csv", 2, "index")]


def test_a_leak_is_looked_up_in_the_column_of_its_site(tmp_path: Path) -> None:
    key = {"patient_id": "id", "proc_date": "date", "level": "level"}
    levels = table(
        "levels",
        **key,
        leak_any_ct="any leak",
        leak_venous_ct="veins",
        leak_sites_fluoro="seen in the room",
    )
    leaks = table("leaks", **key, modality="how", site="where", state="what")
    registry = read(
        tmp_path,
        PEOPLE + levels + source("x", leaks),
        p="id;date;level;any leak;veins;seen in the room\n1;2022-05-01;L1;no;yes;epidural\n",
        x="id;date;level;how;where;what\n1;2022-05-01;L1;fluoro;venous;present\n",
    )
    assert cells(found(registry, "leak.any_no")) == [("p.csv", 2, "any leak")]
    assert cells(found(registry, "conflict.rows")) == [
        ("p.csv", 2, "seen in the room"), ("x.csv", 2, "what"),
    ]  # fmt: skip


# ------------------------------------------------------------------ what is not there


def test_a_level_without_its_session_says_whether_the_session_has_a_row(tmp_path: Path) -> None:
    sessions = table("procedures", patient_id="id", procedure_id="no", proc_date="date")
    levels = table("levels", patient_id="id", procedure_id="session", level="level")
    registry = read(
        tmp_path,
        source("p", PATIENTS, sessions) + source("l", levels),
        p="id;no;date\n1;s1;soon\n2;s2;2022-05-01\n",
        l="id;session;level\n1;s1;L1\n2;s2;L2\n2;s3;L3\n",
    )
    lost = found(registry, "key.orphan")
    assert cells(lost) == [("l.csv", 2, "session"), ("l.csv", 4, "session")]
    left_out, absent = lost["message"]
    assert "session was left out" in left_out
    assert "no row of the sessions" in absent
    assert lost["action"].str.startswith("Add the row").all()


def test_a_level_that_names_its_session_by_the_day_is_looked_up_there(tmp_path: Path) -> None:
    levels = table("levels", patient_id="id", proc_date="day", level="level")
    registry = read(
        tmp_path,
        PEOPLE + source("l", levels),
        p="id;date\n1;2022-05-01\n2;2022-05-01\n",
        l="id;day;level\n1;2022-05-02;L1\n2;2022-05-01;L2\n2;2022;L3\n;2022-05-01;L3\n",
    )
    assert cells(found(registry, "key.orphan")) == [("l.csv", 2, "day")]
    missing = found(registry, "required.missing")
    assert cells(missing) == [("l.csv", 4, "day"), ("l.csv", 5, "id")]
    assert [m.split(" is missing")[0] for m in missing["message"]] == ["proc_date", "patient_id"]


def test_a_row_without_a_center_says_that_the_center_is_missing(tmp_path: Path) -> None:
    people = table("patients", patient_id="record_id", sex="sex")
    mapping = source("r", people, format="redcap", center=None)
    registry = read(
        tmp_path, mapping, r="record_id,redcap_data_access_group,sex\n1,north,f\n2,,m\n"
    )
    (item,) = found(registry, "required.missing").to_dict("records")
    assert (item["row"], item["column"], item["field"]) == (
        3, "redcap_data_access_group", "center_id",
    )  # fmt: skip
    assert "center is missing" in item["message"]
    assert "patient_id" not in item["message"]


# ------------------------------------------------------------------ sheets of a workbook

WEIGHTS = table("patients", patient_id="id", weight_kg="weight")


def of_sheet(name: str, sheet: str | None) -> str:
    return source(name, WEIGHTS, file="a.xlsx", format="excel", sheet=sheet)


def workbook(folder: Path, **sheets: list[list[object]]) -> openpyxl.Workbook:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        page = book.create_sheet(name)
        for row in rows:
            page.append(row)
    book.save(folder / "a.xlsx")
    return book


def test_two_sources_on_two_sheets_name_them(tmp_path: Path) -> None:
    workbook(
        tmp_path,
        Men=[["id", "weight"], ["1", 700]],
        Women=[["id", "weight"], ["2", 60], ["3", 800]],
    )
    registry = read(tmp_path, of_sheet("m", "Men") + of_sheet("w", "Women"))
    assert cells(found(registry, "range.hard")) == [
        ("a.xlsx:Men", 2, "weight"), ("a.xlsx:Women", 3, "weight"),
    ]  # fmt: skip
    assert registry.sources["file"].tolist() == ["a.xlsx:Men", "a.xlsx:Women"]


def test_the_workbook_of_a_sheet_is_a_file_of_the_run(tmp_path: Path) -> None:
    rows = [["id", "weight"], ["1", 60]]
    workbook(tmp_path, Men=rows, Women=rows)
    registry = read(tmp_path, of_sheet("m", "Men"))
    files = registry_files(tmp_path / "registry.toml", registry)
    assert sorted(files) == ["a.xlsx", "registry.toml"]


@pytest.mark.parametrize(("sheet", "shown"), [("Men", "a.xlsx"), ("Old", "a.xlsx:Old")])
def test_the_only_sheet_that_people_see_is_not_named(
    tmp_path: Path, sheet: str, shown: str
) -> None:
    rows = [["id", "weight"], ["1", 700]]
    book = workbook(tmp_path, Men=rows, Old=rows)
    book["Old"].sheet_state = "hidden"
    book.save(tmp_path / "a.xlsx")
    registry = read(tmp_path, of_sheet("m", sheet))
    assert cells(found(registry, "range.hard")) == [(shown, 2, "weight")]


def test_formulas_are_named_by_sheet_and_cell_where_they_are_read(tmp_path: Path) -> None:
    sums = [[str(n), f"=6{n}+1"] for n in range(10, 17)]
    workbook(
        tmp_path,
        Plain=[["id", "weight"], ["1", 60]],
        **{"Men & co": [["id", "weight"], ["2", 70], *sums], "Notes": [["x"], ["=1+1"]]},
    )
    both = of_sheet("p", "Plain") + of_sheet("m", "Men & co")
    (item,) = found(read(tmp_path, both), "file.formula").to_dict("records")
    assert (item["file"], item["row"]) == ("a.xlsx:Men & co", 3)
    assert item["message"].startswith("7 cells hold a formula")
    assert item["message"].endswith("B3, B4, B5, B6, B7 and 2 more.")


def test_sheets_that_another_source_reads_are_not_unread(tmp_path: Path) -> None:
    rows = [["id", "weight"], ["1", 60]]
    book = workbook(tmp_path, Men=rows, Women=rows, Old=rows, Older=rows, Notes=rows)
    book["Old"].sheet_state = book["Older"].sheet_state = "hidden"
    book.save(tmp_path / "a.xlsx")
    mapping = of_sheet("m", None) + of_sheet("women", "Women") + of_sheet("old", "Old")
    registry = read(tmp_path, mapping)
    (item,) = found(registry, "file.other_sheets")["message"]
    assert item == "the first sheet, 'Men', was read; no source reads: 'Notes'."
    assert found(registry, "file.hidden_sheet")["message"].tolist() == [
        "a hidden sheet was not read: 'Older'.",
        "a hidden sheet was read: 'Old'.",
    ]


# ------------------------------------------------------------------ folders of several sources


def of_folder(name: str, member: str | list[str]) -> str:
    return source(name, PATIENTS, file="exports", member=member)


def test_files_that_another_source_reads_are_not_unread(tmp_path: Path) -> None:
    (tmp_path / "exports" / "old").mkdir(parents=True)
    for name in ("a.csv", "b.csv", "c.csv", "old/a.csv"):
        (tmp_path / "exports" / name).write_text(f"id\n{name[0]}1\n")
    alone = source("b", PATIENTS, file="exports/b.csv")
    both = read(tmp_path, of_folder("a", ["a.csv"]) + alone)
    assert found(both, "file.not_read")["message"].tolist() == [
        "files that no source reads: c.csv."
    ]
    more = of_folder("a", "a.csv") + alone + of_folder("c", "c.csv")
    assert found(read(tmp_path, more), "file.not_read").empty


def test_what_several_sources_leave_unread_is_said_once(tmp_path: Path) -> None:
    (tmp_path / "exports").mkdir()
    for name in ("a.csv", "b.csv", "c.csv", "d.csv"):
        (tmp_path / "exports" / name).write_text(f"id\n{name[0]}1\n")
    mapping = of_folder("a", "a.csv") + of_folder("b", "b.csv")
    said = found(read(tmp_path, mapping), "file.not_read")
    assert said[["file", "message"]].to_numpy().tolist() == [
        ["exports", "files that no source reads: c.csv, d.csv."]
    ]
