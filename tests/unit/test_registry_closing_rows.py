"""Rows below the data that hold counts and means are nobody's; a patient's last row stays."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from vpstats.registry.read import read_registry
from vpstats.registry.registry import Registry

MAPPING = """\
version = 1
[registry]
name = "Closing"
data_cut = 2025-06-30
[[source]]
name = "s"
file = "{file}"
format = "{format}"
center = "A"
{extra}
[[source.table]]
name = "patients"
columns = {{ patient_id = "id", sex = "sex", weight_kg = "kg" }}
[[source.table]]
name = "procedures"
columns = {{ patient_id = "id", proc_date = "day", crp_mg_l = "crp" }}
[[source.table]]
name = "levels"
columns = {{ patient_id = "id", proc_date = "day", level = "lvl", cement_ml = "ml" }}
"""
HEADER = ["id", "sex", "kg", "day", "crp", "lvl", "ml"]
RECORDS: list[list[Any]] = [
    [100 + i, "fm"[i % 2], 60 + i, dt.date(2022, 3, i + 1), i + 0.5, f"L{i % 5 + 1}", 3 + i / 10]
    for i in range(12)
]
FILL_DOWN = 'fill_down = ["id", "sex", "kg", "day"]'


def opened(folder: Path, name: str, kind: str, extra: str) -> Registry:
    toml = MAPPING.format(file=name, format=kind, extra=extra)
    (folder / "registry.toml").write_text(toml, "utf-8")
    return read_registry(folder)


def read(folder: Path, closing: str, *, extra: str = "") -> Registry:
    lines = [";".join(map(str, row)) for row in (HEADER, *RECORDS)]
    (folder / "a.csv").write_text("\n".join([*lines, closing]) + "\n", "utf-8")
    return opened(folder, "a.csv", "csv", extra)


def left_out(found: Registry) -> list[int]:
    said = found.findings["rule"] == "file.summary_row"
    return [int(row) for row in found.findings.loc[said, "row"]]


def is_whole(found: Registry) -> bool:
    """Whether the records are there as they stand, and nobody else."""
    kg, crp = found.patients["weight_kg"].tolist(), found.procedures["crp_mg_l"].tolist()
    ml = found.levels["cement_ml"].tolist()
    rows = (list(column) for column in zip(*RECORDS, strict=True))
    _, _, weights, _, values, _, volumes = rows
    return (kg, crp, ml) == (weights, values, volumes)


@pytest.mark.parametrize("extra", ["", FILL_DOWN])
@pytest.mark.parametrize(
    "closing",
    [
        # counts and means without a word
        "12;12;12;12;12;12;12\n;;65.5;;6.0;;3.55",
        ";;12;12;12;;12\n;;65.5;;6.0;;3.55\n;;3.6;;3.6;;0.4",
        "12;;12;12;12;;12\n12;;65.5;;6.0;;3.6",
        "105.5;;65.5;;6;;3.55",
        # a mean alone
        ";;65.5;;;;",
        # words, beside the first column too
        "n;;12;;12;;12\nMean;;65.5;;6.0;;3.6\nSD;;3.6;;3.6;;0.4",
        ";n=12;12;;12;;12\n;Mittelwert;65.5;;6.0;;3.6\n;Standardabweichung;3.6;;3.6;;0.4",
        "średnia;;65.5;;6;;3.6\nΣ;;786;;72;;43\nÉcart-type;;1;;1;;1",
        "Átlag;;65.5;;;;\nSzórás;;3.6;;;;",
        "Median (IQR);;65.5 (62-69);;6 (3-9);;3.6 (3.3-3.8)\nMin;;60;;0.5;;3\nMax;;71;;11.5;;4.1",
        "n = 12;;;;;;\nAnzahl Patienten: 12;;;;;;\nx̄;;65.5;;6;;3.6",
        # days have a mean too
        "Mean;;65.5;2022-03-06;6;;3.6",
        # of other records, and beyond all of them
        ";;80;;72;;43\n;;3;;9;;1",
    ],
)
def test_rows_of_counts_and_means_are_nobodys(tmp_path: Path, closing: str, extra: str) -> None:
    found = read(tmp_path, closing, extra=extra)
    assert is_whole(found)
    assert left_out(found) == list(range(14, 15 + closing.count("\n")))


@pytest.mark.parametrize("extra", ["", FILL_DOWN])
def test_rows_of_means_below_blank_rows_of_a_workbook(tmp_path: Path, extra: str) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    blank = [None] * len(HEADER)
    mean = [None, None, 65.5, dt.date(2022, 3, 6), 6.0, None, 3.55]
    for row in (HEADER, *RECORDS, blank, [12] * len(HEADER), mean):
        sheet.append(row)
    book.save(tmp_path / "a.xlsx")
    found = opened(tmp_path, "a.xlsx", "excel", extra)
    assert is_whole(found)
    assert left_out(found) == [15, 16]


def test_a_subtotal_among_the_rows_whose_word_is_not_first(tmp_path: Path) -> None:
    more = "\n".join(";".join(map(str, [row[0] + 100, *row[1:]])) for row in RECORDS)
    found = read(tmp_path, f";Subtotal;786;;72;;42.6\n{more}", extra=FILL_DOWN)
    assert left_out(found) == [14]
    assert len(found.patients) == len(found.levels) == 2 * len(RECORDS)
    assert found.patients["weight_kg"].notna().all()


def test_a_last_row_of_numbers_that_may_be_means_is_doubted(tmp_path: Path) -> None:
    found = read(tmp_path, ";;66;;;;3.3", extra=FILL_DOWN)
    assert left_out(found) == [14]
    assert set(found.findings.loc[found.findings["row"] == 14, "rule"]) > {"file.summary_row"}


@pytest.mark.parametrize(
    ("closing", "patients", "levels"),
    [
        ("112;;65;;;;", 13, 12),
        ("Max;f;70;2022-03-20;;L2;3", 13, 13),
        ("112;f;65.5;2022-03-20;6;L2;3.55", 13, 13),
        ("112;n;66;2022-03-20;;L2;", 13, 13),
        (";;;;;L3;2.5", 12, 13),
        (";;;;;L3;3.55", 12, 13),
    ],
)
def test_the_last_row_of_a_patient_stays(
    tmp_path: Path, closing: str, patients: int, levels: int
) -> None:
    found = read(tmp_path, closing, extra=FILL_DOWN)
    assert left_out(found) == []
    assert (len(found.patients), len(found.levels)) == (patients, levels)


def test_names_that_look_like_labels_stay(tmp_path: Path) -> None:
    lines = [f"N-{i};{60 + i};{i}" for i in range(1, 9)]
    (tmp_path / "a.csv").write_text("\n".join(["id;kg;ward", *lines]) + "\n", "utf-8")
    toml = MAPPING.format(file="a.csv", format="csv", extra="").split("[[source.table]]")[0]
    tables = '[[source.table]]\nname = "patients"\n'
    tables += 'columns = { patient_id = "id", weight_kg = "kg" }\n'
    (tmp_path / "registry.toml").write_text(toml + tables, "utf-8")
    found = read_registry(tmp_path)
    assert len(found.patients) == len(lines)
    assert left_out(found) == []


@pytest.mark.parametrize("banner", ["STYCZEŃ;;;;;;", "März 2022;;;;;;", "Rok 2022;;;;;;"])
def test_a_row_that_names_the_month_of_those_below_is_no_patient(
    tmp_path: Path, banner: str
) -> None:
    last = ";".join(map(str, RECORDS[0])).replace("100;", "200;")
    found = read(tmp_path, f"{banner}\n{last}")
    assert left_out(found) == [14]
    assert "A/200" in set(found.patients["patient_id"])
    assert len(found.patients) == 13


@pytest.mark.parametrize(
    "closing",
    [
        "Summe;;;;;12 Wirbel;40",
        "Summe;6 w, 6 m;;;;12 Wirbel;Ø 3,9 ml",
        "Summe Wirbel;;;;;12 Wirbel;40",
        "12 Patienten;;;;;12 Wirbel;40",
        "n = 12;;;;;12 Wirbel;40 ml",
        ";;;;;Summe;40 ml",
        "Summe;;;;;12 Wirbel;40\n* laut Bericht;;;;;;",
    ],
)
def test_a_total_with_words_for_what_it_counts_is_nobody(tmp_path: Path, closing: str) -> None:
    found = read(tmp_path, closing)
    assert left_out(found)[:1] == [14]
    assert set(found.findings["rule"]) == {"file.summary_row"}
    assert len(found.patients) == len(RECORDS)


@pytest.mark.parametrize(
    "closing",
    ["Summe;f;60;1.4.2022;1,5;L1;3", "Soma;f;60;1.4.2022;1,5;L1;3", "112;f;;1.4.2022;;L1;"],
)
def test_a_record_below_the_others_stays(tmp_path: Path, closing: str) -> None:
    found = read(tmp_path, closing)
    assert left_out(found) == []
    assert len(found.patients) == len(RECORDS) + 1
