"""Files read by several workers: the same tables and log, in the same order."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pandas as pd
import pytest
from joblib import parallel_config

from vpstats.errors import DataError
from vpstats.registry import Registry, read_registry

COLUMNS = """
[[source.table]]
name = "patients"
[source.table.columns]
patient_id = "id"
sex = "spol"
[[source.table]]
name = "procedures"
[source.table.columns]
patient_id = "id"
proc_date = "datum"
crp_mg_l = "crp"
[[source.table]]
name = "levels"
[source.table.columns]
patient_id = "id"
proc_date = "datum"
level = "razina"
"""
HEAD = "id;spol;datum;razina;crp\n"


def rows(start: int, n: int) -> str:
    """Rows of a center, with something to correct and something to doubt in each file."""
    ways = ("Th12", "th 12", "L1", "L2-3", "BWK 8")
    lines = [
        f"{i};{'Žž'[i % 2]};{i % 28 + 1}.5.202{i % 4}.;{ways[i % 5]};{'<0,3' if i % 7 else '900'}"
        for i in range(start, start + n)
    ]
    return HEAD + "\n".join([*lines[:3], "7;short", HEAD.strip(), "", *lines[3:]]) + "\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three centers: two files, a zip of two, one in another encoding that lacks a byte."""
    (tmp_path / "a2.csv").write_text(rows(0, 40), encoding="utf-8")
    (tmp_path / "a1.csv").write_bytes(rows(30, 40).replace("\n", "\r\n").encode("cp1250"))
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as archive:
        archive.writestr("2.csv", rows(100, 20))
        archive.writestr("1.csv", rows(120, 20).replace(";", "\t"))
    (tmp_path / "c.csv").write_bytes(rows(200, 30).encode("cp1250") + b"231;\x81;;;\n")
    named = {"a": 'file = "a*.csv"', "b": 'file = "b.zip"', "c": 'file = "c.csv"'}
    text = 'version = 1\n[registry]\nname = "r"\ndata_cut = 2025-12-31\n'
    for name, said in named.items():
        text += f'[[source]]\nname = "{name}"\n{said}\ncenter = "{name.upper()}"\n{COLUMNS}'
    (tmp_path / "registry.toml").write_text(text)
    return tmp_path


def assert_same(one: Registry, other: Registry) -> None:
    for name, table in one.tables.items():
        pd.testing.assert_frame_equal(table, other.tables[name], check_exact=True)
    for name in ("corrections", "findings", "sources"):
        pd.testing.assert_frame_equal(getattr(one, name), getattr(other, name), check_exact=True)
    assert one.exclusions == other.exclusions


def test_any_number_of_workers_reads_the_same(folder: Path) -> None:
    one = read_registry(folder, n_jobs=1)
    assert len(one.sources) == 5
    assert len(one.levels) > 100
    assert {"file.ragged_row", "file.repeated_header", "encoding.undecodable"} <= set(
        one.findings["rule"]
    )
    assert_same(one, read_registry(folder, n_jobs=2))
    with parallel_config(backend="threading", n_jobs=3):
        assert_same(one, read_registry(folder))


def test_a_dask_cluster_reads_the_same(folder: Path) -> None:
    distributed = pytest.importorskip("distributed")
    here = read_registry(folder)
    with (
        distributed.LocalCluster(
            n_workers=1, threads_per_worker=2, processes=False, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster),
        parallel_config(backend="dask"),
    ):
        there = read_registry(folder, n_jobs=-1)
    assert_same(here, there)


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_of_several_errors_the_first_is_told(folder: Path, n_jobs: int) -> None:
    (folder / "a2.csv").write_text('id;x\n1;"open\n2;a\n')
    (folder / "c.csv").write_text("")
    with pytest.raises(DataError, match=r"^a2\.csv, row 2: a quote opens") as caught:
        read_registry(folder, n_jobs=n_jobs)
    assert (caught.value.file, caught.value.row) == ("a2.csv", 2)
    (folder / "a1.csv").unlink()
    (folder / "a2.csv").unlink()
    with pytest.raises(DataError, match=r"^a\*\.csv: source 'a' names a file"):
        read_registry(folder, n_jobs=n_jobs)
