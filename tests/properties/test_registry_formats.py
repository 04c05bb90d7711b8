"""One export in every format is one registry."""

from __future__ import annotations

import sqlite3
import zipfile
from collections.abc import Callable
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pyreadstat
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vpstats.registry.read import read_registry
from vpstats.registry.registry import Registry

COLUMNS = """
center = "A"
[[source.table]]
name = "patients"
[source.table.columns]
patient_id = "id"
sex = { column = "sex", codes = { "1" = "f", "2" = "m" } }
[[source.table]]
name = "procedures"
[source.table.columns]
patient_id = "id"
proc_date = "day"
crp_mg_l = "crp"
[[source.table]]
name = "levels"
[source.table.columns]
patient_id = "id"
proc_date = "day"
level = "lvl"
cement_ml = "cement"
"""


def export(seed: int, n: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    days = pd.Timestamp("2015-01-01") + pd.to_timedelta(rng.integers(0, 3000, n), unit="D")
    crp = np.round(rng.gamma(2.0, 4.0, n), 3)
    crp[rng.random(n) < 0.2] = np.nan
    return pd.DataFrame(
        {
            "id": [f"P{i:03d}" for i in range(n)],
            "sex": rng.integers(1, 3, n).astype(float),
            "day": [day.date() for day in days],
            "crp": crp,
            "lvl": rng.choice(["Th12", "L1", "LWK 3"], n),
            "cement": np.round(rng.uniform(1.0, 8.0, n), 1),
        }
    )


def as_zip(frame: pd.DataFrame, folder: Path) -> str:
    half = len(frame) // 2
    with zipfile.ZipFile(folder / "a.zip", "w") as archive:
        archive.writestr("1.csv", frame.iloc[:half].to_csv(index=False))
        archive.writestr("2.csv", frame.iloc[half:].to_csv(index=False))
    return 'file = "a.zip"\n'


def as_folder(frame: pd.DataFrame, folder: Path) -> str:
    (folder / "a").mkdir()
    half = len(frame) // 2
    frame.iloc[:half].to_csv(folder / "a" / "1.csv", index=False)
    frame.iloc[half:].to_csv(folder / "a" / "2.csv", index=False, sep=";", decimal=".")
    return 'file = "a"\n'


def as_csv(frame: pd.DataFrame, folder: Path) -> str:
    frame.to_csv(folder / "a.csv", index=False)
    return 'file = "a.csv"\n'


def as_excel(frame: pd.DataFrame, folder: Path) -> str:
    frame.to_excel(folder / "a.xlsx", index=False)
    return 'file = "a.xlsx"\nformat = "excel"\n'


def as_parquet(frame: pd.DataFrame, folder: Path) -> str:
    frame.to_parquet(folder / "a.parquet")
    return 'file = "a.parquet"\nformat = "parquet"\n'


def as_spss(frame: pd.DataFrame, folder: Path) -> str:
    pyreadstat.write_sav(frame, folder / "a.sav")
    return 'file = "a.sav"\nformat = "spss"\n'


def as_stata(frame: pd.DataFrame, folder: Path) -> str:
    pyreadstat.write_dta(frame, folder / "a.dta")
    return 'file = "a.dta"\nformat = "stata"\n'


def as_sas(frame: pd.DataFrame, folder: Path) -> str:
    pyreadstat.write_xport(frame, folder / "a.xpt", file_format_version=8)
    return 'file = "a.xpt"\nformat = "sas"\n'


def as_sqlite(frame: pd.DataFrame, folder: Path) -> str:
    with sqlite3.connect(folder / "a.db") as connection:
        connection.execute("create table t (id, sex, day, crp, lvl, cement)")
        rows = frame.astype({"day": str}).itertuples(index=False)
        connection.executemany("insert into t values (?, ?, ?, ?, ?, ?)", [tuple(r) for r in rows])
    connection.close()
    return 'format = "sql"\nurl = "sqlite:///a.db"\nquery = "select * from t order by id"\n'


def as_duckdb(frame: pd.DataFrame, folder: Path) -> str:
    with duckdb.connect(str(folder / "a.duck")) as connection:
        connection.register("given", frame)
        connection.execute("create table t as select * from given")
    return 'format = "sql"\nurl = "duckdb:///a.duck"\nfrom_table = "t"\norder_by = "id"\n'


WAYS = (
    as_zip, as_folder, as_excel, as_parquet, as_spss, as_stata, as_sas, as_sqlite, as_duckdb,
)  # fmt: skip


def read(way: Callable[..., str], frame: pd.DataFrame, folder: Path) -> Registry:
    folder.mkdir()
    head = 'version = 1\n[registry]\nname = "r"\ndata_cut = 2025-12-31\n[[source]]\nname = "s"\n'
    (folder / "registry.toml").write_text(head + way(frame, folder) + COLUMNS)
    return read_registry(folder)


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
@settings(max_examples=3)
@given(seed=st.integers(0, 2**32 - 1), n=st.integers(2, 40))
def test_every_format_gives_the_same_tables(
    tmp_path_factory: pytest.TempPathFactory, way: Callable[..., str], seed: int, n: int
) -> None:
    folder, frame = tmp_path_factory.mktemp("formats"), export(seed, n)
    csv, other = read(as_csv, frame, folder / "csv"), read(way, frame, folder / "other")
    for name in ("patients", "procedures", "levels"):
        pd.testing.assert_frame_equal(csv.tables[name], other.tables[name])
    assert (
        other.findings["severity"].eq("error").sum() == csv.findings["severity"].eq("error").sum()
    )
