"""Columns of durations: Parquet, and intervals of a database."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from vpstats.registry.read import read_registry
from vpstats.registry.typed_values import value_text

MAPPING = """
version = 1
[registry]
name = "x"
data_cut = 2024-12-31
[[source]]
name = "s"
{}
center = "A"
[[source.table]]
name = "procedures"
[source.table.columns]
patient_id = "id"
proc_date = "day"
duration_min = "took"
days_fx_to_proc = "since"
"""
DAYS = ["2022-03-01", "2022-03-02", "2022-03-03"]
TOOK = [dt.timedelta(minutes=45), dt.timedelta(hours=1, minutes=15, seconds=30), None]
SINCE = [dt.timedelta(days=12), dt.timedelta(0), dt.timedelta(days=1, hours=12)]


def read(folder: Path, source: str) -> tuple[list[object], list[object], list[str]]:
    (folder / "registry.toml").write_text(MAPPING.format(source))
    found = read_registry(folder)
    table = found.procedures.sort_values("proc_date").astype(object)
    table = table.where(table.notna(), None)
    unknown = found.findings.loc[found.findings["rule"] == "unit.unknown", "message"]
    return table["duration_min"].tolist(), table["days_fx_to_proc"].tolist(), unknown.tolist()


EXPECTED = (
    [45.0, 75.5, None],
    [12, 0, None],
    ["'2160 min': a unit or word that is not known for the quantity."],
)


@pytest.mark.parametrize("unit", ["ns", "us", "ms", "s"])
def test_durations_of_parquet(tmp_path: Path, unit: str) -> None:
    kind = pa.duration(unit)
    columns = {"took": pa.array(TOOK, kind), "since": pa.array(SINCE, kind)}
    pq.write_table(
        pa.table({"id": ["1", "2", "3"], "day": DAYS, **columns}), tmp_path / "a.parquet"
    )
    assert read(tmp_path, 'file = "a.parquet"\nformat = "parquet"') == EXPECTED


def test_intervals_of_a_database(tmp_path: Path) -> None:
    duckdb = pytest.importorskip("duckdb")
    with duckdb.connect(str(tmp_path / "a.duckdb")) as connection:
        connection.execute("create table t (id text, day date, took interval, since interval)")
        rows = zip("123", DAYS, TOOK, SINCE, strict=True)
        connection.executemany("insert into t values (?, ?, ?, ?)", [list(row) for row in rows])
    url = 'format = "sql"\nurl = "duckdb:///a.duckdb"\nfrom_table = "t"\norder_by = "id"'
    assert read(tmp_path, url) == EXPECTED


def test_a_duration_as_text() -> None:
    assert value_text(dt.timedelta(seconds=20)) == "0.333333333 min"
    assert value_text(dt.timedelta(days=-2)) == "-2 days"
