"""A point or comma among times with colons may stand for the colon."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from mapped_exports import read_export, source, table

DECLARED = 'fluoro_min = { column = "t", unit = "mm:ss" }'
CLOCKS = ["3:45", "10:20", "7:05", "12:30"]


def read(folder: Path, cells: list[str], field: str) -> tuple[list[float | None], list[int]]:
    rows = [f"P{i};{i}.3.2022;{cell}" for i, cell in enumerate(cells, 1)]
    sessions = table("procedures", patient_id="id", proc_date="day", **tomllib.loads(field))
    sources = source("a", table("patients", patient_id="id"), sessions, date_order="dmy")
    found = read_export(folder, sources, a="\n".join(["id;day;t", *rows]) + "\n")
    read = found.procedures.sort_values("proc_date")
    values = read[field.split()[0]].astype(object)
    doubted = found.findings.loc[found.findings["rule"] == "number.ambiguous", "row"]
    return values.where(values.notna(), None).tolist(), doubted.astype(int).tolist()


@pytest.mark.parametrize("cell", ["3.45", "5,50", "4.3", "0.5", "~3.45"])
def test_a_point_that_may_be_the_colon(tmp_path: Path, cell: str) -> None:
    values, doubted = read(tmp_path, [*CLOCKS, cell], DECLARED)
    assert (values[-1], doubted) == (None, [6])
    assert values[:2] == [3.75, pytest.approx(10.333333, abs=1e-6)]


@pytest.mark.parametrize(
    ("cell", "minutes"), [("4", 4.0), ("4.0", 4.0), ("4,00", 4.0), ("4.75", 4.75), ("4.9", 4.9)]
)
def test_a_point_that_is_one_number_of_minutes(tmp_path: Path, cell: str, minutes: float) -> None:
    values, doubted = read(tmp_path, [*CLOCKS, cell], DECLARED)
    assert (values[-1], doubted) == (minutes, [])


def test_clocks_that_the_column_proves(tmp_path: Path) -> None:
    values, doubted = read(tmp_path, [*CLOCKS, "25:10", "4.30"], 'fluoro_min = "t"')
    assert (values[-1], doubted) == (None, [7])


def test_fractions_of_minutes_are_what_most_cells_are(tmp_path: Path) -> None:
    cells = ["3.4", "2.75", "4.3", "5.9", "4:30"]
    assert read(tmp_path, cells, DECLARED) == ([3.4, 2.75, 4.3, 5.9, 4.5], [])
    assert read(tmp_path, ["3.4", "4.3", "12.25"], 'fluoro_min = "t"')[1] == []


def test_points_alone_where_the_mapping_says_minutes_and_seconds(tmp_path: Path) -> None:
    values, doubted = read(tmp_path, ["3.45", "4.10", "5"], DECLARED)
    assert (values, doubted) == ([None, None, 5.0], [2, 3])


def test_a_point_among_hours_and_minutes(tmp_path: Path) -> None:
    field = 'duration_min = { column = "t", unit = "h:mm" }'
    values, doubted = read(tmp_path, ["1:15", "0:54", "1.30", "45.5", "75"], field)
    assert (values, doubted) == ([75.0, 54.0, None, 45.5, 75.0], [4])
