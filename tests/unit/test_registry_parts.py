"""One part of a column in another unit or scale: a file, a center, a year."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from vpstats.registry.read import read_registry
from vpstats.registry.registry import Registry

MAPPING = """
version = 1
[registry]
name = "x"
data_cut = 2024-12-31
[[source]]
name = "s"
file = {files}
center = {{ column = "center" }}
date_order = "dmy"
decimal = "."
[[source.table]]
name = "patients"
columns = {{ patient_id = "id"{patient} }}
[[source.table]]
name = "procedures"
columns = {{ patient_id = "id", proc_date = "day"{session} }}
[[source.table]]
name = "levels"
columns = {{ patient_id = "id", proc_date = "day", level = "level" }}
[[source.table]]
name = "visits"
where = {{ seen = "*" }}
columns = {{ patient_id = "id", visit_date = "seen", visit_type = {{ value = "month_3" }}{visit} }}
"""
SESSION, VISIT, PATIENT = "procedures", "visits", "patients"
Row = tuple[str, int, str]
"""Center, year and cell."""


def read(folder: Path, files: Mapping[str, Sequence[Row]], table: str, column: str) -> Registry:
    """Read an export whose last column is mapped to one field of a table."""
    n, parts = 0, dict.fromkeys(("patient", "session", "visit"), "")
    parts[table.removesuffix("s").replace("procedure", "session")] = f", {column}"
    for name, rows in files.items():
        lines = ["center;id;day;level;seen;value"]
        for center, year, cell in rows:
            n += 1
            month, seen = 1 + n % 6, 4 + n % 6
            lines.append(f"{center};{n:04d};10.{month:02d}.{year};L1;10.{seen:02d}.{year};{cell}")
        (folder / name).write_text("\n".join(lines) + "\n")
    text = MAPPING.format(files=list(files), **parts).replace("'", '"')
    (folder / "registry.toml").write_text(text)
    return read_registry(folder)


def doubted(registry: Registry, *rules: str) -> pd.DataFrame:
    found = registry.findings
    return found[found["rule"].isin(rules)]


def points(n: int) -> list[str]:
    return [str(i % 11) for i in range(n)]


MILLIMETRES = [str(v) for v in (0, 5, 8, 10, 15, 20, 30, 40, 50, 60) * 3]


@pytest.mark.parametrize("kind", ["file", "center", "year", "center of a file"])
def test_possible_values_of_an_impossible_part_are_doubted(tmp_path: Path, kind: str) -> None:
    other = {"file": ("A", 2021), "center": ("B", 2020), "year": ("A", 2021)}
    center, year = other.get(kind, ("B", 2021))
    usual: list[Row] = [("A", 2020, v) for v in points(160)]
    odd: list[Row] = [(center, year, v) for v in MILLIMETRES]
    files = {"a.csv": [*usual, *odd]}
    if "file" in kind:
        files = {"a.csv": usual, "b.csv": odd}
    if kind == "center of a file":  # neither of all files nor of all centers a quarter is wrong
        files["a.csv"] += [("B", 2021, v) for v in points(160)]
        files["b.csv"] += [("A", 2021, v) for v in points(160)]
    registry = read(tmp_path, files, VISIT, 'vas_0_10 = "value"')
    assert len(doubted(registry, "range.hard")) == 18
    assert len(doubted(registry, "range.scale")) == 12
    known = registry.visits["vas_0_10"].notna().sum()
    assert known == sum(map(len, files.values())) - 30


def test_two_impossible_values_of_a_part_doubt_no_other(tmp_path: Path) -> None:
    rows: list[Row] = [("A", 2020, v) for v in points(50)]
    rows += [("B", 2020, v) for v in ("3", "4", "55", "70", "5", "2")]
    registry = read(tmp_path, {"a.csv": rows}, VISIT, 'vas_0_10 = "value"')
    assert not len(doubted(registry, "range.scale"))


def crp(n: int, scale: float = 1.0, seed: int = 1) -> list[str]:
    values = np.random.default_rng(seed).lognormal(2.2, 0.9, n) * scale
    return [f"{v:.2f}" for v in values]


UNIT = ("unit.center_scale", "unit.part_scale")


def test_the_file_in_another_unit_is_doubted_and_not_the_rest(tmp_path: Path) -> None:
    files = {
        "a.csv": [("A", 2020, v) for v in crp(30)],
        "b.csv": [("A", 2020, v) for v in crp(30, 0.1, seed=2)],
    }
    found = doubted(read(tmp_path, files, SESSION, 'crp_mg_l = "value"'), *UNIT)
    assert set(found["rule"]) == {"unit.part_scale"}
    assert set(found["file"]) == {"b.csv"}
    assert len(found) == 30


@pytest.mark.parametrize("years", [(2022, 2023), (2021,)])
def test_years_in_another_unit_are_doubted(tmp_path: Path, years: tuple[int, ...]) -> None:
    rows: list[Row] = []
    for year in range(2019, 2024):
        scale = 0.1 if year in years else 1.0
        rows += [("A", year, v) for v in crp(24, scale, seed=year)]
    registry = read(tmp_path, {"a.csv": rows}, SESSION, 'crp_mg_l = "value"')
    found = doubted(registry, *UNIT)
    told = registry.procedures.set_index("procedure_id")["proc_date"].dt.year
    wrong = set(told.index[told.isin(years)])
    assert wrong <= set(found["key"])


@pytest.mark.parametrize("seed", range(5))
def test_parts_in_one_unit_are_not_doubted(tmp_path: Path, seed: int) -> None:
    centers = np.random.default_rng(seed).choice(list("ABC"), 360)
    cells = crp(360, seed=seed)
    rows: list[Row] = [
        (str(c), 2018 + i % 6, v) for i, (c, v) in enumerate(zip(centers, cells, strict=True))
    ]
    files = {"a.csv": rows[:150], "b.csv": rows[150:]}
    assert not len(doubted(read(tmp_path, files, SESSION, 'crp_mg_l = "value"'), *UNIT))


def test_limits_are_no_values_that_differ(tmp_path: Path) -> None:
    values = {"A": ("0.06", "0.07", "0.08", "0.1", "0.12", "0.2"), "B": ("0.3", "0.5", "0.9")}
    rows: list[Row] = [("A", 2020, v) for v in ("<0.05",) * 9 + values["A"]]
    rows += [("B", 2020, v) for v in ("<0.05",) * 7 + values["B"] + ("1.1", "2.0", "0.06")]
    found = doubted(read(tmp_path, {"a.csv": rows}, SESSION, 'pct_ng_ml = "value"'), *UNIT)
    assert not len(found)


def test_weights_of_a_file_in_pounds_are_doubted(tmp_path: Path) -> None:
    kilograms = np.random.default_rng(3).normal(66, 9, 80)
    files = {
        "a.csv": [("A", 2020, f"{v:.0f}") for v in kilograms[:40]],
        "b.csv": [("A", 2020, f"{v * 2.2046:.0f}") for v in kilograms[40:]],
    }
    registry = read(tmp_path, files, PATIENT, 'weight_kg = "value"')
    assert set(doubted(registry, "unit.part_scale")["file"]) == {"b.csv"}
    assert doubted(registry, "unit.part_scale", "range.hard")["row"].nunique() == 40


def test_points_in_a_column_of_millimetres_are_doubted(tmp_path: Path) -> None:
    files = {
        "a.csv": [("A", 2020, v) for v in MILLIMETRES],
        "b.csv": [("A", 2020, v) for v in points(30)],
    }
    column = 'vas_0_10 = { column = "value", unit = "mm" }'
    found = doubted(read(tmp_path, files, VISIT, column), "unit.part_scale")
    small = found[found["file"] == "b.csv"]
    assert len(small) == sum(v != "0" for v in points(30))
    # pain before and after differs, and its scale does not
    files = {
        "a.csv": [("A", 2020, str(10 * (5 + i % 6))) for i in range(30)],
        "b.csv": [("A", 2020, str(10 * (i % 4))) for i in range(30)],
    }
    assert not len(doubted(read(tmp_path, files, VISIT, column), "unit.part_scale"))
