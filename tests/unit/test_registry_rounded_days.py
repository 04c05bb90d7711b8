"""Columns in which only the year or the month of a day was known."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from vpstats.registry import read_registry

MAPPING = """version = 1
[registry]
name = "x"
data_cut = 2023-12-31
[[source]]
name = "a"
file = "*.csv"
center = "A"
[[source.table]]
name = "patients"
columns = { patient_id = "id", birth_date = "born" }
[[source.table]]
name = "procedures"
columns = { patient_id = "id", proc_date = "day", fracture_date = "broken" }
"""
RANDOM = np.random.default_rng(7)


def some_days(n: int, first: str = "1930-01-01") -> list[dt.date]:
    start = dt.date.fromisoformat(first)
    return [start + dt.timedelta(int(d)) for d in RANDOM.integers(0, 900, n)]


def notes(
    folder: Path, born: Sequence[dt.date], broken: Sequence[dt.date], name: str = "a.csv"
) -> list[tuple[str, str, str]]:
    days = [dt.date(2022, 1, 1) + dt.timedelta(9 * i) for i in range(len(born))]
    rows = [
        f"{name}{i};{b};{d};{f}" for i, (b, d, f) in enumerate(zip(born, days, broken, strict=True))
    ]
    (folder / name).write_text("\n".join(["id;born;day;broken", *rows, ""]), "utf-8")
    (folder / "registry.toml").write_text(MAPPING, "utf-8")
    registry = read_registry(folder)
    found = registry.findings[registry.findings["rule"] == "date.rounded"]
    assert found["row"].isna().all()
    assert registry.patients["birth_date"].notna().all()
    return list(zip(found["file"], found["column"], found["message"], strict=True))


@pytest.mark.parametrize("other", [0, 2])
def test_births_that_are_years(tmp_path: Path, other: int) -> None:
    born = [dt.date(1925 + i, 1, 1) for i in range(30 - other)] + some_days(other, "1940-02-03")
    [(file, column, said)] = notes(tmp_path, born, some_days(30, "2019-01-01"))
    assert (file, column) == ("a.csv", "born")
    assert "only the year" in said
    assert "ages may be wrong by up to a year" in said


@pytest.mark.parametrize("day", [1, 15])
def test_fractures_that_are_months(tmp_path: Path, day: int) -> None:
    broken = [dt.date(2020 + i // 12, 1 + i % 12, day) for i in range(24)]
    [(_, column, said)] = notes(tmp_path, some_days(24), broken)
    assert column == "broken"
    assert "only the month" in said
    assert "ages" not in said


def test_one_of_two_files(tmp_path: Path) -> None:
    notes(tmp_path, some_days(40), some_days(40, "2019-01-01"))
    born = [dt.date(1925 + i, 1, 1) for i in range(20)]
    found = notes(tmp_path, born, some_days(20, "2019-01-01"), "b.csv")
    assert [(file, column) for file, column, _ in found] == [("b.csv", "born")]


def test_few_days_or_real_ones_are_not_doubted(tmp_path: Path) -> None:
    few = [dt.date(1930 + i, 1, 1) for i in range(10)]
    assert notes(tmp_path, few, some_days(10, "2019-01-01")) == []
    half = [dt.date(1930 + i, 1, 1) for i in range(15)] + some_days(15)
    assert notes(tmp_path, half, some_days(30, "2019-01-01")) == []
    assert notes(tmp_path, some_days(200), some_days(200, "2019-01-01")) == []
    on_one_day = [dt.date(2021, 3, 5)] * 30
    assert notes(tmp_path, some_days(30), on_one_day) == []
