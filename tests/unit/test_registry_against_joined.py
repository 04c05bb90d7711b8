"""Cuts whose rows are made of several files: each difference is at its own file and row."""

from __future__ import annotations

from pathlib import Path

from mapped_exports import source, table, write_mapping

from vpstats.registry.against import Comparison, compare_registries

OPS = source(
    "ops",
    table("patients", patient_id="id"),
    table("procedures", procedure_id="no", patient_id="id", proc_date="day"),
)
LABS = source("labs", table("procedures", procedure_id="no", crp_mg_l="crp", wbc_10e9_l="wbc"))
SESSIONS = "no,id,day\n1,a,2022-01-14\n2,b,2022-02-15\n3,c,2022-03-16\n"
OLD = "no,crp,wbc\n3,5,7.2\n2,6,7.3\n1,7,7.4\n"


def cut(folder: Path, labs: str, sessions: str = SESSIONS, sources: str = OPS + LABS) -> None:
    folder.mkdir()
    (folder / "ops.csv").write_text(sessions, "utf-8")
    (folder / "labs.csv").write_text(labs, "utf-8")
    write_mapping(folder, sources)


def compared(folder: Path, labs: str, sessions: str = SESSIONS) -> list[tuple[object, ...]]:
    cut(folder / "old", OLD)
    cut(folder / "new", labs, sessions)
    return told(compare_registries(folder / "new", folder / "old"))


def told(comparison: Comparison) -> list[tuple[object, ...]]:
    rows = comparison.changes[["field", "before", "after", "why", "file", "row"]]
    return [tuple(row) for row in rows.itertuples(index=False)]


def test_a_value_of_a_joined_file_is_at_that_file(tmp_path: Path) -> None:
    assert compared(tmp_path, "no,crp,wbc\n3,5,7.2\n1,17,7.4\n2,6,7.3\n") == [
        ("crp_mg_l", "7", "17", "source", "labs.csv", 3)
    ]


def test_a_value_that_is_gone_is_at_the_row_that_had_it(tmp_path: Path) -> None:
    found = compared(tmp_path, "no,crp,wbc\n1,7,7.4\n3,,7.2\n")
    assert ("crp_mg_l", "5", "", "source", "labs.csv", 3) in found  # its row is still there
    assert ("wbc_10e9_l", "7.3", "", "source", "labs.csv", 3) in found  # and this is of the old cut
    assert {row[3] for row in found} == {"source"}


def test_a_value_of_the_main_file_stays_at_its_own(tmp_path: Path) -> None:
    found = compared(tmp_path, OLD, SESSIONS.replace("02-15", "02-16"))
    assert found == [("proc_date", "2022-02-15", "2022-02-16", "source", "ops.csv", 3)]


def test_a_value_that_a_new_source_gives_is_explained_by_it(tmp_path: Path) -> None:
    cut(tmp_path / "old", OLD, sources=OPS)
    cut(tmp_path / "new", OLD)
    found = told(compare_registries(tmp_path / "new", tmp_path / "old"))
    assert ("crp_mg_l", "", "5", "source_new", "labs.csv", 2) in found
