"""Cells as a person or a spreadsheet leaves them: read right, or missing with a finding there."""

from __future__ import annotations

import datetime as dt
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import openpyxl
import pandas as pd
import pytest
from mapped_exports import read_export, source, table

from vpstats.registry.cleaning import clean_texts
from vpstats.registry.registry import Registry
from vpstats.registry.spine import parse_levels
from vpstats.schema_tables import TABLES

Keys = Mapping[str, object]
NOTHING: Keys = {}
SESSION: Keys = {"patient_id": "id", "proc_date": "op"}


def mapped(
    folder: Path, of_source: Keys, sessions: Keys = NOTHING, levels: Keys | None = None
) -> Registry:
    """Read patients, sessions with these fields, and levels where some are named."""
    tables = [table("patients", patient_id="id"), table("procedures", **SESSION, **sessions)]
    if levels is not None:
        tables.append(table("levels", **SESSION, level="wk", **levels))
    return read_export(folder, source("s", *tables, **of_source))


def csv(folder: Path, text: str, *, encoding: str = "utf-8", **keys: object) -> Keys:
    (folder / "s.csv").write_bytes(text.encode(encoding))
    return keys


def days(registry: Registry, field: str = "proc_date") -> dict[str, str]:
    rows = registry.procedures
    known = rows[rows[field].notna()]
    keys = [key.split("/", 1)[1] for key in known["patient_id"]]
    return dict(zip(keys, known[field].dt.strftime("%Y-%m-%d"), strict=True))


def said(registry: Registry, rule: str) -> list[int]:
    found = registry.findings
    return sorted(set(found.loc[found["rule"] == rule, "row"].dropna().astype(int)))


def sessions(folder: Path, cells: list[str], date_order: str | None = None) -> Registry:
    lines = [f"{i};{cell}" for i, cell in enumerate(cells)]
    text = "\n".join(["id;op", *lines]) + "\n"
    return mapped(folder, csv(folder, text, date_order=date_order))


# ------------------------------------------------------------------ moments without a zone

MIDNIGHTS = ["2022-01-09 23:00:00", "2022-02-14 23:00:00", "2022-05-02 22:00:00"]


@pytest.mark.parametrize(
    "cells",
    [
        MIDNIGHTS,
        [m.replace(" ", "T")[:16] for m in MIDNIGHTS],
        ["09.01.2022 23:00", "14.02.2022 23:00", "02.05.2022 22:00"],
        ["1/9/2022 11:00 PM", "2/14/2022 11:00 PM", "5/26/2022 10:00 PM"],
        ["2022-01-10 00:00:00", "2022-05-02 23:00", "2022-06-02 23:00", "2022-07-02 23:00"],
    ],
)
def test_days_that_are_all_at_one_hour_of_the_night_are_not_known(
    tmp_path: Path, cells: list[str]
) -> None:
    registry = sessions(tmp_path, cells)
    late = [i for i, cell in enumerate(cells) if not cell.endswith(" 00:00:00")]
    assert not set(map(str, late)) & days(registry).keys()
    assert set(said(registry, "date.unreadable")) >= {i + 2 for i in late}
    whole = registry.findings[registry.findings["row"].isna()]
    assert whole["message"].str.contains("hour of the night").any()


@pytest.mark.parametrize(
    "cells",
    [
        ["2022-01-09 14:00", "2022-02-14 14:00", "2022-05-02 15:00"],  # a clinic
        ["2022-01-09 23:00", "2022-02-14 23:00", "2022-05-02 08:15"],  # a clock
        ["2022-01-09 23:00", "2022-02-14 23:00:12", "2022-05-02 22:00", "2022-05-03 22:00"],
        ["2022-01-09 23:00", "2022-02-14", "2022-05-02"],  # one late in the evening
        ["2022-01-10 00:00:00", "2022-02-15 00:00:00", "2022-05-03 00:00:00"],
    ],
)
def test_times_of_a_clock_leave_the_day(tmp_path: Path, cells: list[str]) -> None:
    registry = sessions(tmp_path, cells)
    assert list(days(registry).values()) == [cell[:10] for cell in cells]
    assert not said(registry, "date.unreadable")


def test_days_of_a_database_that_counts_seconds(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "k.db") as base:
        base.execute("CREATE TABLE op (id, ep INTEGER)")
        stamps = [int(pd.Timestamp(moment).timestamp()) for moment in MIDNIGHTS]
        base.executemany("INSERT INTO op VALUES (?, ?)", enumerate(stamps))
    query = "SELECT id, datetime(ep, 'unixepoch') AS op FROM op ORDER BY id"
    registry = mapped(tmp_path, {"format": "sql", "url": "sqlite:///k.db", "query": query})
    assert not days(registry)
    assert len(said(registry, "date.unreadable")) == 3


# ------------------------------------------------------------------ years of two digits


@pytest.mark.parametrize(
    ("order", "cells", "read"),
    [
        # years first, and one of the three readings is of a year of the column
        ("ymd", ["2022-03-10", "2022-04-11", "14.03.22"], "2022-03-14"),
        ("ymd", ["2022-03-10", "2022-04-11", "22-03-14"], "2022-03-14"),
        ("ymd", ["2022/03/10", "2022/04/11", "22/03/14"], "2022-03-14"),
        ("dmy", ["2021-08-20", "2021-10-13", "21-09-01"], "2021-09-01"),
        ("dmy", ["2021-08-20", "2021-10-13", "20.05.21"], "2021-05-20"),
        # two of them are, or the column is written day first
        ("ymd", ["2022-03-10", "2022-04-11", "04-05-22"], None),
        ("ymd", ["2012-03-10", "2022-04-11", "14.03.22"], None),
        ("dmy", ["10/03/2022", "21/04/2022", "22/03/14"], None),
        ("dmy", ["10.03.2022", "21.04.2022", "22-3-4"], None),
        ("dmy", ["10.03.2022", "21.04.2022", "220605"], None),
        ("dmy", ["2003-08-20", "2021-10-13", "21-09-05"], None),
        # as the column is written
        ("dmy", ["10.03.2022", "21.04.2022", "22.03.22"], "2022-03-22"),
        ("dmy", ["10.03.2012", "21.04.2022", "22.03.14"], "2014-03-22"),
        ("dmy", ["10.03.2022", "21.04.2022", "10.03.05"], "2005-03-10"),
        ("mdy", ["03/10/2022", "04/21/2022", "03/22/22"], "2022-03-22"),
    ],
)
def test_years_of_two_digits_among_years_written_out(
    tmp_path: Path, order: str, cells: list[str], read: str | None
) -> None:
    registry = sessions(tmp_path, cells, date_order=order)
    assert days(registry).get("2") == read
    assert said(registry, "date.order_ambiguous") == ([] if read else [4])


def test_the_order_is_not_said_of_a_date_that_was_read_otherwise(tmp_path: Path) -> None:
    registry = sessions(tmp_path, ["2022-03-10", "2022-04-11", "22.03.14"])
    assert days(registry)["2"] == "2022-03-14"
    assert not said(registry, "date.order")
    assert 4 in set(registry.corrections["row"])


def test_a_habit_of_two_digits_is_no_slip(tmp_path: Path) -> None:
    short = [
        f"{day}.0{month}.{year}" for year in (18, 19, 20) for month in (3, 7) for day in (22, 5)
    ]
    registry = sessions(tmp_path, ["10.03.2022", "21.04.2022", *short], date_order="dmy")
    read = list(days(registry).values())[2:]
    assert read == [f"20{d[-2:]}-{d[-5:-3]}-{int(d[:-6]):02}" for d in short]
    assert not said(registry, "date.order_ambiguous")


def test_days_above_twelve_prove_another_separator(tmp_path: Path) -> None:
    usual = [f"{day}-11-2023" for day in range(1, 12)]
    proof = ["25/08/2023", "26/08/2023", "27/08/2023"]
    for known, doubted in ((proof, []), (proof[:1], [14]), ([], [13])):
        registry = sessions(tmp_path, [*usual, *known, "08/11/2023"], date_order="dmy")
        assert said(registry, "date.order_assumed") == doubted
        assert list(days(registry).values())[-1] == "2023-11-08"


def test_days_of_other_years_beside_a_session(tmp_path: Path) -> None:
    text = (
        "id;op;c;e\n1;14.03.2023;13.03.2012;14.03.2013\n2;14.03.2023;13.03.2023;15.03.2023\n"
        "3;14.03.2023;20.04.2022;14.03.2023\n"
    )
    others = {"crp_date": "c", "entry_date": "e"}
    registry = mapped(tmp_path, csv(tmp_path, text), others)
    assert said(registry, "session.crp_earlier") == [2]
    assert said(registry, "session.entry_earlier") == [2]


# ------------------------------------------------------------------ numbers


def volumes(folder: Path, cells: list[str]) -> tuple[list[Any], Registry]:
    lines = [f"{i};1{i}.03.2023;L1;{cell}" for i, cell in enumerate(cells)]
    text = "\n".join(["id;op;wk;z", *lines]) + "\n"
    registry = mapped(folder, csv(folder, text), levels={"cement_ml": "z"})
    found = registry.levels["cement_ml"]
    return [None if pd.isna(v) else float(v) for v in found], registry


def test_a_day_of_the_year_is_no_volume(tmp_path: Path) -> None:
    read, registry = volumes(tmp_path, ["03.05.", "3.4.", "4,5", "3.05", "4."])
    assert read == [None, None, 4.5, 3.05, 4.0]
    assert said(registry, "number.ambiguous") == [2, 3]


@pytest.mark.parametrize(
    ("cells", "read"),
    [
        (["60", "45", "10:15", "75", "80"], None),  # may be when it began
        (["60", "45", "30:30", "75", "80"], 30.5),
        (["14:20", "12:30", "10:15"], 10.25),
        (["60", "45", "1:15", "75", "80"], 75.0),
    ],
)
def test_a_time_of_day_among_minutes(tmp_path: Path, cells: list[str], read: float | None) -> None:
    lines = [f"{i};{i + 1}.03.2023;{cell}" for i, cell in enumerate(cells)]
    text = "\n".join(["id;op;m", *lines]) + "\n"
    registry = mapped(tmp_path, csv(tmp_path, text), {"duration_min": "m"})
    found = registry.procedures["duration_min"].iloc[2]
    assert (None if pd.isna(found) else float(found)) == read
    assert said(registry, "number.ambiguous") == ([] if read else [4])


def doses(folder: Path, *cells: str) -> tuple[list[Any], Registry]:
    lines = [f'{i},3/1{i}/2023,"{cell}"' for i, cell in enumerate(cells)]
    text = "\n".join(["id,op,dap", *lines]) + "\n"
    dose = {"dose_gy_cm2": {"column": "dap", "unit": "uGym2"}}
    registry = mapped(folder, csv(folder, text, date_order="mdy"), dose)
    found = registry.procedures["dose_gy_cm2"]
    return [None if pd.isna(v) else float(v) for v in found], registry


def test_one_number_with_both_marks_proves_the_thousands(tmp_path: Path) -> None:
    read, registry = doses(tmp_path, "2,300", "5,303.3", "850")
    assert read == [23.0, 53.033, 8.5]
    assert not said(registry, "number.ambiguous")
    # a cell with the mark as that of decimals: nothing is proved
    read, registry = doses(tmp_path, "2,300", "5,303.3", "850,5")
    assert read[0] is None
    found = registry.findings
    message = found.loc[found["rule"] == "number.ambiguous", "message"].iloc[0]
    assert "thousands = ','" in message


def proteins(folder: Path, header: str, plain: int) -> Registry:
    cells = [f"{12 + i % 9},5" for i in range(plain)] + ["12,5 mg/dL", "1,25 mg/dl"]
    lines = [f"{i};14.03.2023;{cell}" for i, cell in enumerate(cells)]
    text = "\n".join([f"id;op;{header}", *lines]) + "\n"
    return mapped(folder, csv(folder, text), {"crp_mg_l": header})


def test_few_cells_with_a_unit_are_one_doubt_of_the_column(tmp_path: Path) -> None:
    assert len(said(proteins(tmp_path, "CRP", 12), "unit.beside")) == 12
    few = proteins(tmp_path, "CRP", 58)
    assert said(few, "unit.beside") == [2]
    found = few.findings
    assert found.loc[found["rule"] == "unit.beside", "message"].str.contains("58").all()
    for header in ("CRP (mg/L)", "CRP [mg/l]", "CRP mg/l"):
        assert not said(proteins(tmp_path, header, 12), "unit.beside")
    assert said(proteins(tmp_path, "CRP (Labor)", 58), "unit.beside") == [2]


# ------------------------------------------------------------------ workbooks


def workbook(folder: Path, formats: dict[str, str], *rows: list[Any]) -> Keys:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    for row in (["id", "op", "wk", "z", "h"], *rows):
        sheet.append(row)
    for cell, shown in formats.items():
        sheet[cell].number_format = shown
    book.save(folder / "s.xlsx")
    return {"file": "s.xlsx", "format": "excel"}


@pytest.mark.parametrize("shown", ["0%", "0.00%", '0.0 "of 100" %', "[>0.5]0%;0.0%"])
def test_percentages_of_a_workbook_are_read_as_they_are_shown(tmp_path: Path, shown: str) -> None:
    of_source = workbook(
        tmp_path,
        {"E2": shown, "E3": shown},
        [1, "2023-03-01", "L1", 3.5, 0.8],
        [2, "2023-03-02", "L2", 4, 0.28],
        [3, "2023-03-03", "L2", 4, 40],
    )
    registry = mapped(tmp_path, of_source, levels={"height_loss_pct": "h"})
    assert registry.levels["height_loss_pct"].tolist() == [80.0, 28.0, 40.0]
    assert set(registry.findings["rule"]) == {"file.unmapped"}


def test_a_sign_that_a_format_only_shows_is_no_percentage(tmp_path: Path) -> None:
    of_source = workbook(tmp_path, {"E2": '0"%"'}, [1, "2023-03-01", "L1", 3.5, 35])
    registry = mapped(tmp_path, of_source, levels={"height_loss_pct": "h"})
    assert registry.levels["height_loss_pct"].tolist() == [35.0]


def test_true_is_a_tick_and_no_number(tmp_path: Path) -> None:
    of_source = workbook(
        tmp_path,
        {},
        [1, "2023-03-01", "L1", True, True],
        [2, "2023-03-02", "L2", 4, False],
    )
    others = {"cement_ml": "z", "intravertebral_cleft": "h"}
    registry = mapped(tmp_path, of_source, levels=others)
    assert registry.levels["intravertebral_cleft"].tolist() == ["yes", "no"]
    assert registry.levels["cement_ml"].isna().tolist() == [True, False]
    assert said(registry, "number.unreadable") == [2]


# ------------------------------------------------------------------ other alphabets


@pytest.mark.parametrize(
    ("encoding", "yes", "no"), [("cp1253", "Ναι", "Ο"), ("cp1251", "нет", "Д")]
)
def test_words_without_a_latin_letter_are_of_another_code_page(
    tmp_path: Path, encoding: str, yes: str, no: str
) -> None:
    text = f"id;op;dm\n1;1.03.2023;{yes}\n2;16.03.2023;{no}\n"
    of_source = csv(tmp_path, text, encoding=encoding)
    registry = mapped(tmp_path, of_source, {"mri_pre": "dm"})
    assert registry.procedures["mri_pre"].isna().all()
    found = registry.findings
    asked = found.loc[found["rule"] == "encoding.mojibake", "message"]
    assert len(asked) == 1
    assert encoding in asked.iloc[0]


# ------------------------------------------------------------------ vertebrae


@pytest.mark.parametrize(
    "cell",
    [
        *("Th10-2", "BWK 10-2", "T9-1", "L5-1", "T10-T2", "L1 of L2", "Th12 of L1", "L1 de L2"),
        *("Th8 ci", "L2 ti", "L1 civ", "T12 tv", "LWK3li", "L3-dx"),  # notes beside a vertebra
    ],
)
def test_ranges_upwards_and_either_or_are_asked_for(cell: str) -> None:
    assert parse_levels(cell).status == "ambiguous"


@pytest.mark.parametrize(
    ("cell", "levels"),
    [
        ("T12-9", ("T12", "T11", "T10", "T9")),  # there is no L9
        ("L4-2", ("L4", "L3", "L2")),
        ("L2-T12", ("L2", "L1", "T12")),
        ("Th12-L2", ("T12", "L1", "L2")),
        ("corpus of L1", ("L1",)),
        ("5. de lumbar", ("L5",)),
        ("corpo di L1", ("L1",)),
        ("L1 și L2", ("L1", "L2")),
        ("L1 si L2", ("L1", "L2")),
        ("L5 SI", ("L5", "S1")),
        ("lii, liii", ("L2", "L3")),
    ],
)
def test_other_ranges_and_parts_of_a_vertebra_are_read(cell: str, levels: tuple[str, ...]) -> None:
    assert parse_levels(cell).levels == levels


def test_standard_deviations_of_romance_languages() -> None:
    column = TABLES["patients"]["bmd_tscore"]
    assert clean_texts(column, ["-2,5 DS", "-2.5 SD"])["clean"].tolist() == ["-2.5", "-2.5"]


@pytest.mark.parametrize(
    ("shown", "held", "value"),
    [('0.0" mg/dl"', 1.2, 12.0), ('0.0" mg/l"', 12, 12.0), ('0" patients"', 12, 12.0)],
)
def test_a_unit_that_a_format_shows_is_read(
    tmp_path: Path, shown: str, held: float, value: float
) -> None:
    of_source = workbook(tmp_path, {"D2": shown}, [1, "2023-03-01", "L1", held, ""])
    registry = mapped(tmp_path, of_source, {"crp_mg_l": "z"})
    assert registry.procedures["crp_mg_l"].tolist() == [value]


def test_a_day_of_which_a_format_shows_the_month_is_that_month(tmp_path: Path) -> None:
    first = [dt.date(2023, month, 1) for month in (3, 5)]
    rows = [[i, "2023-06-01", "L1", 3, day] for i, day in enumerate(first)]
    of_source = workbook(tmp_path, {"E2": "mmm-yy", "E3": "mm/yyyy"}, *rows)
    registry = mapped(tmp_path, of_source, {"fracture_date": "h"})
    assert registry.procedures["fracture_date"].isna().all()
    assert said(registry, "date.partial") == [2, 3]
    whole = [rows[0], [1, "2023-06-01", "L1", 3, dt.date(2023, 5, 12)]]
    of_source = workbook(tmp_path, {"E2": "mmm-yy", "E3": "mmm-yy"}, *whole)
    registry = mapped(tmp_path, of_source, {"fracture_date": "h"})
    assert days(registry, "fracture_date") == {"1": "2023-05-12"}
    assert said(registry, "date.partial") == [2]


# ------------------------------------------------------------------ headers and words


@pytest.mark.parametrize(
    ("header", "unit", "doubted"),
    [
        ("CRP (mg/dl)", {}, True),
        ("CRP mg/dL", {"unit": "mg/L"}, True),
        ("CRP (mg/dl)", {"unit": "mg/dL"}, False),
        ("CRP (mg/l)", {}, False),
        ("CRP", {}, False),
    ],
)
def test_a_header_that_names_another_unit_contradicts_the_mapping(
    tmp_path: Path, header: str, unit: dict[str, str], doubted: bool
) -> None:
    of_source = csv(tmp_path, f"id;op;{header}\n1;2023-03-01;4,5\n")
    registry = mapped(tmp_path, of_source, {"crp_mg_l": {"column": header, **unit}})
    assert ("mapping.contradicted" in set(registry.findings["rule"])) is doubted


@pytest.mark.parametrize("word", ["neg.", "negativa", "positiv", "uredan"])
def test_a_result_does_not_say_whether_it_was_made(tmp_path: Path, word: str) -> None:
    of_source = csv(tmp_path, f"id;op;ct\n1;2023-03-01;{word}\n2;2023-03-02;no\n")
    registry = mapped(tmp_path, of_source, {"ct_post_done": "ct"})
    assert registry.procedures["ct_post_done"].isna().tolist() == [True, False]
    assert registry.findings["row"].dropna().tolist().count(2) >= 1


@pytest.mark.parametrize(("other", "doubted"), [("L2", True), ("L1 y L2", False), ("D12", False)])
def test_a_letter_that_is_and_or_to_is_told_by_the_column(
    tmp_path: Path, other: str, doubted: bool
) -> None:
    of_source = csv(tmp_path, f"id;op;wk\n1;2023-03-01;L1 a L3\n2;2023-03-02;{other}\n")
    registry = mapped(tmp_path, of_source, levels={"explode": "wk"})
    assert (said(registry, "level.ambiguous") == [2]) is doubted


def test_six_digits_are_read_as_the_mapping_says(tmp_path: Path) -> None:
    cells = ["2019-03-13", "230419", "2023-05-20", "230819", "2021-04-24"]
    registry = sessions(tmp_path, cells, date_order="ymd")
    assert days(registry) == {
        "0": "2019-03-13",
        "1": "2023-04-19",
        "2": "2023-05-20",
        "3": "2023-08-19",
        "4": "2021-04-24",
    }
