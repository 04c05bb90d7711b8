"""A first line that tells a spreadsheet the delimiter is no row of names."""

from __future__ import annotations

from pathlib import Path

import pytest

from vpstats.registry.mapping import SourceMap
from vpstats.registry.sources import read_source

SOURCE = {
    "name": "s",
    "file": "a.csv",
    "center": "A",
    "table": [{"name": "patients", "columns": {"patient_id": "id"}}],
}


@pytest.mark.parametrize(
    ("hint", "delimiter"),
    [("sep=;", ";"), ("SEP=,", ","), ('"sep=;"', ";"), ("sep=\t", "\t"), ("sep=;;;", ";")],
)
@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_the_line_is_skipped_and_rows_keep_their_numbers(
    tmp_path: Path, hint: str, delimiter: str, ends: str
) -> None:
    rows = ["id;note", "1;f", "2;m"]
    text = ends.join([hint, *(row.replace(";", delimiter) for row in rows), ""])
    (tmp_path / "a.csv").write_bytes(text.encode())
    raw = read_source(SourceMap.model_validate(SOURCE), tmp_path)
    assert list(raw.columns) == ["id", "note"]
    assert raw.row.tolist() == [3, 4]


def test_the_delimiter_that_it_names_goes_before_what_is_seen(tmp_path: Path) -> None:
    text = "sep=|\nid;x|note\n1;2|f\n3;4|m\n"
    (tmp_path / "a.csv").write_text(text, "utf-8-sig")
    assert list(read_source(SourceMap.model_validate(SOURCE), tmp_path).columns) == ["id;x", "note"]


def test_a_header_row_that_is_stated_is_kept(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("sep=;\nid;note\n1;f\n", "utf-8")
    raw = read_source(SourceMap.model_validate({**SOURCE, "header_row": 2}), tmp_path)
    assert (list(raw.columns), raw.row.tolist()) == (["id", "note"], [3])


def test_a_column_that_begins_so_is_a_column(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("sepsis;id\n0;1\n", "utf-8")
    raw = read_source(SourceMap.model_validate(SOURCE), tmp_path)
    assert (list(raw.columns), raw.row.tolist()) == (["sepsis", "id"], [2])
