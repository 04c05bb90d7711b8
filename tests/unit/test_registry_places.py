"""Where a finding says that a value stands: file, sheet, row, column, and what is not there."""

from __future__ import annotations

from pathlib import Path

import openpyxl
import pandas as pd
import pytest

from vpstats.pipeline.study import registry_files
from vpstats.registry import Registry, read_registry

HEAD = """
version = 1
[registry]
name = "Test"
data_cut = 2025-12-31
"""
PEOPLE = """
[[source]]
name = "p"
file = "p.csv"
center = "A"
[[source.table]]
name = "patients"
[source.table.columns]
patient_id = "id"
[[source.table]]
name = "procedures"
[source.table.columns]
patient_id = "id"
proc_date = "date"
"""


def read(folder: Path, toml: str, **files: str) -> Registry:
    for name, text in files.items():
        (folder / f"{name}.csv").write_text(text, encoding="utf-8")
    (folder / "registry.toml").write_text(HEAD + toml, encoding="utf-8")
    return read_registry(folder)


def found(registry: Registry, rule: str) -> pd.DataFrame:
    return registry.findings[registry.findings["rule"] == rule]


def cells(findings: pd.DataFrame) -> list[tuple[object, ...]]:
    return list(findings[["file", "row", "column"]].itertuples(index=False, name=None))


# ------------------------------------------------------------------ several tables of one name

EVENTS = """
[[source]]
name = "e"
file = "e.csv"
center = "A"
[[source.table]]
name = "events"
where = { revised = "yes" }
[source.table.columns]
patient_id = "id"
event_type = { value = "reoperation" }
event_date = "revised on"
[[source.table]]
name = "events"
where = { infected = "yes" }
[source.table.columns]
patient_id = "id"
event_type = { value = "infection" }
event_date = "infected on"
"""


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
    toml = """
[[source]]
name = "{name}"
file = "{name}.csv"
center = "A"
[[source.table]]
name = "patients"
[source.table.columns]
patient_id = "id"
sex = "{sex}"
"""
    registry = read(
        tmp_path,
        toml.format(name="a", sex="sex") + toml.format(name="b", sex="Geschlecht"),
        a="id;sex\n1;f\n",
        b="id;Geschlecht\n1;m\n",
    )
    differ = found(registry, "conflict.rows")
    assert cells(differ) == [("a.csv", 2, "sex"), ("b.csv", 2, "Geschlecht")]


def test_a_field_that_one_of_two_tables_has_is_found_in_its_column(tmp_path: Path) -> None:
    toml = """
[[source]]
name = "p"
file = "p.csv"
center = "A"
[[source.table]]
name = "patients"
[source.table.columns]
patient_id = "id"
[[source.table]]
name = "patients"
[source.table.columns]
patient_id = "id"
height_cm = "height"
weight_kg = "weight"
bmi = "index"
"""
    registry = read(tmp_path, toml, p="id;height;weight;index\n1;160;64;30\n2;160;64;25\n")
    assert cells(found(registry, "derived.differs")) == [("p.csv", 2, "index")]


def test_a_leak_is_looked_up_in_the_column_of_its_site(tmp_path: Path) -> None:
    toml = """
[[source.table]]
name = "levels"
[source.table.columns]
patient_id = "id"
proc_date = "date"
level = "level"
leak_any_ct = "any leak"
leak_venous_ct = "veins"
leak_sites_fluoro = "seen in the room"
[[source]]
name = "x"
file = "x.csv"
center = "A"
[[source.table]]
name = "leaks"
[source.table.columns]
patient_id = "id"
proc_date = "date"
level = "level"
modality = "how"
site = "where"
state = "what"
"""
    registry = read(
        tmp_path,
        PEOPLE + toml,
        p="id;date;level;any leak;veins;seen in the room\n1;2022-05-01;L1;no;yes;epidural\n",
        x="id;date;level;how;where;what\n1;2022-05-01;L1;fluoro;venous;present\n",
    )
    assert cells(found(registry, "leak.any_no")) == [("p.csv", 2, "any leak")]
    assert cells(found(registry, "conflict.rows")) == [
        ("p.csv", 2, "seen in the room"), ("x.csv", 2, "what"),
    ]  # fmt: skip


# ------------------------------------------------------------------ what is not there

LEVELS = """
[[source]]
name = "l"
file = "l.csv"
center = "A"
[[source.table]]
name = "levels"
[source.table.columns]
patient_id = "id"
proc_date = "day"
level = "level"
"""


def test_a_level_without_its_session_says_whether_the_session_has_a_row(tmp_path: Path) -> None:
    sessions = PEOPLE.replace('proc_date = "date"', 'procedure_id = "no"\nproc_date = "date"')
    registry = read(
        tmp_path,
        sessions + LEVELS.replace('proc_date = "day"', 'procedure_id = "session"'),
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
    registry = read(
        tmp_path,
        PEOPLE + LEVELS,
        p="id;date\n1;2022-05-01\n2;2022-05-01\n",
        l="id;day;level\n1;2022-05-02;L1\n2;2022-05-01;L2\n2;2022;L3\n;2022-05-01;L3\n",
    )
    assert cells(found(registry, "key.orphan")) == [("l.csv", 2, "day")]
    missing = found(registry, "required.missing")
    assert cells(missing) == [("l.csv", 4, "day"), ("l.csv", 5, "id")]
    assert [m.split(" is missing")[0] for m in missing["message"]] == ["proc_date", "patient_id"]


def test_a_row_without_a_center_says_that_the_center_is_missing(tmp_path: Path) -> None:
    toml = """
[[source]]
name = "r"
file = "r.csv"
format = "redcap"
[[source.table]]
name = "patients"
[source.table.columns]
patient_id = "record_id"
sex = "sex"
"""
    registry = read(tmp_path, toml, r="record_id,redcap_data_access_group,sex\n1,north,f\n2,,m\n")
    (item,) = found(registry, "required.missing").to_dict("records")
    assert (item["row"], item["column"], item["field"]) == (
        3, "redcap_data_access_group", "center_id",
    )  # fmt: skip
    assert "center is missing" in item["message"]
    assert "patient_id" not in item["message"]


# ------------------------------------------------------------------ sheets of a workbook

BOOK = """
[[source]]
name = "{name}"
file = "a.xlsx"
format = "excel"
sheet = "{sheet}"
center = "A"
[[source.table]]
name = "patients"
[source.table.columns]
patient_id = "id"
weight_kg = "weight"
"""


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
    toml = BOOK.format(name="m", sheet="Men") + BOOK.format(name="w", sheet="Women")
    registry = read(tmp_path, toml)
    assert cells(found(registry, "range.hard")) == [
        ("a.xlsx:Men", 2, "weight"), ("a.xlsx:Women", 3, "weight"),
    ]  # fmt: skip
    assert registry.sources["file"].tolist() == ["a.xlsx:Men", "a.xlsx:Women"]


def test_the_workbook_of_a_sheet_is_a_file_of_the_run(tmp_path: Path) -> None:
    rows = [["id", "weight"], ["1", 60]]
    workbook(tmp_path, Men=rows, Women=rows)
    registry = read(tmp_path, BOOK.format(name="m", sheet="Men"))
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
    registry = read(tmp_path, BOOK.format(name="m", sheet=sheet))
    assert cells(found(registry, "range.hard")) == [(shown, 2, "weight")]


def test_formulas_are_named_by_sheet_and_cell_where_they_are_read(tmp_path: Path) -> None:
    sums = [[str(n), f"=6{n}+1"] for n in range(10, 17)]
    workbook(
        tmp_path,
        Plain=[["id", "weight"], ["1", 60]],
        **{"Men & co": [["id", "weight"], ["2", 70], *sums], "Notes": [["x"], ["=1+1"]]},
    )
    toml = BOOK.format(name="p", sheet="Plain") + BOOK.format(name="m", sheet="Men & co")
    (item,) = found(read(tmp_path, toml), "file.formula").to_dict("records")
    assert (item["file"], item["row"]) == ("a.xlsx:Men & co", 3)
    assert item["message"].startswith("7 cells hold a formula")
    assert item["message"].endswith("B3, B4, B5, B6, B7 and 2 more.")


def test_sheets_that_another_source_reads_are_not_unread(tmp_path: Path) -> None:
    rows = [["id", "weight"], ["1", 60]]
    book = workbook(tmp_path, Men=rows, Women=rows, Old=rows, Older=rows, Notes=rows)
    book["Old"].sheet_state = book["Older"].sheet_state = "hidden"
    book.save(tmp_path / "a.xlsx")
    first = BOOK.format(name="m", sheet="Men").replace('sheet = "Men"\n', "")
    others = [BOOK.format(name=n.lower(), sheet=n) for n in ("Women", "Old")]
    registry = read(tmp_path, "".join([first, *others]))
    (item,) = found(registry, "file.other_sheets")["message"]
    assert item == "the first sheet, 'Men', was read; no source reads: 'Notes'."
    assert found(registry, "file.hidden_sheet")["message"].tolist() == [
        "a hidden sheet was not read: 'Older'.",
        "a hidden sheet was read: 'Old'.",
    ]


# ------------------------------------------------------------------ folders of several sources

OF_A_FOLDER = """
[[source]]
name = "{name}"
file = "{file}"
member = "{member}"
center = "A"
[[source.table]]
name = "patients"
[source.table.columns]
patient_id = "id"
"""


def test_files_that_another_source_reads_are_not_unread(tmp_path: Path) -> None:
    (tmp_path / "exports" / "old").mkdir(parents=True)
    for name in ("a.csv", "b.csv", "c.csv", "old/a.csv"):
        (tmp_path / "exports" / name).write_text(f"id\n{name[0]}1\n")
    toml = OF_A_FOLDER.format(name="a", file="exports", member="a.csv")
    toml += OF_A_FOLDER.format(name="b", file="exports/b.csv", member="").replace('member = ""', "")
    both = read(tmp_path, toml.replace('"a.csv"', '["a.csv"]'))
    assert found(both, "file.not_read")["message"].tolist() == [
        "files that no source reads: c.csv."
    ]
    more = toml + OF_A_FOLDER.format(name="c", file="exports", member="c.csv")
    assert found(read(tmp_path, more), "file.not_read").empty


def test_what_several_sources_leave_unread_is_said_once(tmp_path: Path) -> None:
    (tmp_path / "exports").mkdir()
    for name in ("a.csv", "b.csv", "c.csv", "d.csv"):
        (tmp_path / "exports" / name).write_text(f"id\n{name[0]}1\n")
    toml = "".join(OF_A_FOLDER.format(name=n, file="exports", member=f"{n}.csv") for n in "ab")
    said = found(read(tmp_path, toml), "file.not_read")
    assert said[["file", "message"]].to_numpy().tolist() == [
        ["exports", "files that no source reads: c.csv, d.csv."]
    ]
