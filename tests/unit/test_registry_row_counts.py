"""Lines below the data by which databases say how many rows they gave; days with two signs."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from mapped_exports import read_export, source, table

SEXES = source("a", table("patients", patient_id="id", sex="sex", weight_kg="kg"))


@pytest.mark.parametrize(
    "line",
    ["(2 rows affected)", "(2 rows)", "2 rows selected.", "2 rows in set (0.01 sec)", "(2 filas)"],
)
def test_a_count_of_rows_is_a_note_and_no_error(tmp_path: Path, line: str) -> None:
    text = f"id;sex;kg\n1;f;60\n2;m;80\n\n{line}\n"
    registry = read_export(tmp_path, SEXES, a=text)
    found = registry.findings[registry.findings["rule"].str.startswith("file.")]
    assert found[["rule", "row"]].to_numpy().tolist() == [["file.summary_row", 5]]
    assert registry.patients["patient_id"].tolist() == ["A/1", "A/2"]


def test_a_line_cut_short_is_still_an_error(tmp_path: Path) -> None:
    registry = read_export(tmp_path, SEXES, a="id;sex;kg\n1;f;60\n2;m;80\n72 L1\n3;m;70\n")
    assert registry.findings.loc[registry.findings["row"] == 4, "rule"].tolist() == [
        "file.ragged_row"
    ]


def days(folder: Path, *cells: str) -> list[dt.date | None]:
    text = "\n".join(["id;day", *(f"{i};{cell}" for i, cell in enumerate(cells))]) + "\n"
    mapping = source("a", table("patients", patient_id="id", birth_date="day"))
    read = read_export(folder, mapping, a=text).patients["birth_date"]
    return [None if value != value else value.date() for value in read]


def test_days_with_a_slash_and_a_dash_are_in_the_order_that_their_column_proves(
    tmp_path: Path,
) -> None:
    cells = ("27/11-1942", "30/1-1943", "5/8-1944", "13/12-1950")
    assert days(tmp_path, *cells) == [
        dt.date(1942, 11, 27),
        dt.date(1943, 1, 30),
        dt.date(1944, 8, 5),
        dt.date(1950, 12, 13),
    ]


def test_a_slash_and_a_dash_prove_no_order_themselves(tmp_path: Path) -> None:
    assert days(tmp_path, "5/8-1944", "3/4-1950") == [None, None]
