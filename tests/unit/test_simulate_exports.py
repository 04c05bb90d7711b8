"""Raw exports of a simulated registry: bytes, dialects, faults and the file that lists them."""

from __future__ import annotations

import csv
import tomllib
import zipfile
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from vpstats.errors import UsageError
from vpstats.simulate import (
    FAULTS,
    OTHER_FAULTS,
    Exports,
    SimulatedRegistry,
    SimulationSpec,
    simulate_registry,
    write_exports,
)
from vpstats.simulate.dirt import FAULT_COLUMNS
from vpstats.simulate.wording import DIALECTS, dialect_of

SPEC = SimulationSpec(n_procedures=700)


@pytest.fixture(scope="module")
def drawn() -> SimulatedRegistry:
    return simulate_registry(SPEC, seed=21)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("exports")


@pytest.fixture(scope="module")
def dirty(drawn: SimulatedRegistry, folder: Path) -> Exports:
    return write_exports(drawn, folder, seed=4)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def cells(folder: Path, file: str, sheet: str) -> list[list[str]]:
    """A written table as text, the header first."""
    path = folder / file
    if sheet:
        import openpyxl

        book = openpyxl.load_workbook(path)
        return [["" if v is None else str(v) for v in row] for row in book[sheet].values]
    raw = path.read_bytes()
    encoding = {"a": "cp1250", "b": "utf-8", "d": "cp1252"}[file[0]]
    text = raw.decode("utf-8-sig" if raw.startswith(b"\xef\xbb\xbf") else encoding)
    delimiter = "," if file.startswith("b_") else ";"
    return list(csv.reader(text.splitlines(), delimiter=delimiter))


def test_the_same_seed_writes_the_same_bytes(
    drawn: SimulatedRegistry, dirty: Exports, folder: Path, tmp_path: Path
) -> None:
    again = write_exports(simulate_registry(SPEC, seed=21), tmp_path, seed=4)
    assert contents(tmp_path) == contents(folder)
    pd.testing.assert_frame_equal(again.faults, dirty.faults)


def test_writing_changes_nothing_that_was_passed_in(drawn: SimulatedRegistry) -> None:
    before = {name: table.copy(deep=True) for name, table in drawn.tables.items()}
    write_exports(drawn, None, seed=9)
    for name, table in drawn.tables.items():
        pd.testing.assert_frame_equal(table, before[name])


def test_the_workbook_tells_no_time(folder: Path, dirty: Exports) -> None:
    with zipfile.ZipFile(folder / "c_excel/registry.xlsx") as book:
        assert {entry.date_time for entry in book.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        properties = book.read("docProps/core.xml")
    assert properties.count(b"1980-01-01T00:00:00Z") == 2


def test_every_dialect_is_there(folder: Path, dirty: Exports) -> None:
    text = (folder / "a_hr/razine.csv").read_bytes()
    assert "težina_kg".encode("cp1250") in text
    assert b";Th1" in text
    assert (folder / "d_de/C11_Eingriffe.csv").read_bytes().startswith(b"\xef\xbb\xbf")
    assert "Höhen".encode("cp1252") in (folder / "d_de/C10_Eingriffe.csv").read_bytes()
    header = cells(folder, "b_redcap/export.csv", "")[0]
    assert {"redcap_repeat_instrument", "redcap_data_access_group"} <= set(header)
    assert {"immuno_reasons___1", "patient_complete", "level_complete"} <= set(header)


def test_the_fault_file_points_at_its_cells(folder: Path, dirty: Exports) -> None:
    pages = {
        place: cells(folder, *place)
        for place in set(zip(dirty.faults["file"], dirty.faults["sheet"], strict=True))
    }
    for fault in dirty.faults[dirty.faults["column"] != ""].itertuples():
        page = pages[fault.file, fault.sheet]
        written = page[fault.row - 1][page[0].index(fault.column)]
        assert written == fault.raw, (fault.file, fault.row, fault.column)


def test_a_clean_export_differs_in_the_listed_rows_alone(
    drawn: SimulatedRegistry, folder: Path, dirty: Exports, tmp_path: Path
) -> None:
    write_exports(drawn, tmp_path)
    file = "d_de/C10_Eingriffe.csv"
    clean, soiled = cells(tmp_path, file, ""), cells(folder, file, "")
    changed = {
        (row + 1, clean[0][column])
        for row, (one, two) in enumerate(zip(clean, soiled, strict=True))
        for column, (a, b) in enumerate(zip(one, two, strict=True))
        if a != b
    }
    listed = dirty.faults[dirty.faults["file"] == file]
    assert changed == set(zip(listed["row"], listed["column"], strict=True))
    assert changed


def test_the_fault_file_is_complete(folder: Path, dirty: Exports) -> None:
    written = pd.read_csv(folder / "faults.csv", dtype=str, keep_default_na=False)
    assert tuple(written.columns) == FAULT_COLUMNS
    assert len(written) == len(dirty.faults)
    assert set(written["detectable"]) == {"yes", "no"}
    assert (written["reason"] != "").all()
    for row in written.drop_duplicates("fault").itertuples():
        assert (row.detectable == "yes") == FAULTS[row.fault].detectable


def test_cells_hold_one_fault_at_most(dirty: Exports) -> None:
    placed = dirty.faults[dirty.faults["column"] != ""]
    assert not placed.duplicated(["file", "sheet", "row", "column"]).any()


def test_every_fault_says_what_it_is() -> None:
    assert len(FAULTS) > 90
    for fault in FAULTS.values():
        assert fault.description
        assert fault.reason
        assert all("." in field for field in fault.fields)
    assert sum(not fault.detectable for fault in FAULTS.values()) >= 20


def test_the_page_names_every_fault_that_nobody_can_notice() -> None:
    page = (Path(__file__).parents[2] / "docs" / "what-cleaning-finds.md").read_text("utf-8")
    rows = {line for line in page.splitlines() if line.startswith("| ") and "(`" in line}
    hidden = [f for f in (FAULTS | OTHER_FAULTS).values() if not f.detectable]
    assert rows == {f"| {f.description} (`{f.id}`) | {f.reason} |" for f in hidden}


def test_the_demonstration_has_none_of_the_other_faults(dirty: Exports) -> None:
    assert not FAULTS.keys() & OTHER_FAULTS.keys()
    assert set(dirty.faults["fault"]) <= set(FAULTS)


def test_the_other_faults_are_written_where_they_are_asked_for(drawn: SimulatedRegistry) -> None:
    more = write_exports(drawn, None, seed=3, more=True).faults
    assert len(set(more["fault"]) & set(OTHER_FAULTS)) > len(OTHER_FAULTS) * 0.8
    assert set(write_exports(drawn, None, seed=3).faults["fault"]) <= set(FAULTS)


def test_the_mapping_is_toml_and_names_every_file(folder: Path, dirty: Exports) -> None:
    mapping = tomllib.loads((folder / "registry.toml").read_text("utf-8"))
    assert mapping["registry"]["synthetic"] is True
    named = {
        file
        for source in mapping["source"]
        for file in ([source["file"]] if isinstance(source["file"], str) else source["file"])
    }
    assert named == set(dirty.files) - {"registry.toml", "faults.csv"}


def test_every_canonical_row_has_its_place(drawn: SimulatedRegistry, dirty: Exports) -> None:
    known = set(zip(dirty.places["table"], dirty.places["key"], strict=True))
    for name, key in (("patients", "patient_id"), ("levels", "level_id"), ("visits", "visit_id")):
        assert {(name, k) for k in drawn.tables[name][key]} <= known


def test_nothing_is_written_without_a_folder(
    drawn: SimulatedRegistry, dirty: Exports, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    said = write_exports(drawn, None, seed=4)
    assert said.files == ()
    assert list(tmp_path.iterdir()) == []
    pd.testing.assert_frame_equal(said.faults, dirty.faults)


@pytest.mark.parametrize("n", [1, 6, 60])
def test_tiny_registries_can_be_exported(n: int, tmp_path: Path) -> None:
    for seed in range(2):
        tiny = simulate_registry(SimulationSpec(n_procedures=n), seed)
        said = write_exports(tiny, tmp_path, seed=seed)
        assert {"registry.toml", "faults.csv"} <= set(said.files)
        assert (said.places["table"] == "procedures").any()


def test_a_center_without_a_dialect_is_refused() -> None:
    strange = replace(SPEC.centers[0], center_id="C99")
    drawn = simulate_registry(SimulationSpec(n_procedures=20, centers=(strange,)), seed=1)
    with pytest.raises(UsageError, match="C99"):
        write_exports(drawn, None)
    with pytest.raises(UsageError, match="no dialect"):
        dialect_of("C99")


@pytest.mark.parametrize(
    ("dialect", "level", "number", "day"),
    [
        ("hr", "Th8", "4,5", "25.08.2023."),
        ("redcap", "T8", "4.5", "2023-08-25"),
        ("excel", "T8", "4.5", "45163"),
        ("de", "BWK 8", "4,5", "25.08.2023"),
    ],
)
def test_dialects_write_as_their_hospitals_do(
    dialect: str, level: str, number: str, day: str
) -> None:
    writer = DIALECTS[dialect]
    assert writer.vertebra("T8") == level
    assert writer.number(4.5) == number
    assert writer.date(pd.Timestamp("2023-08-25")) == day
