"""Columns of keys, whose spellings are told apart late: the same cells, however they stand."""

from __future__ import annotations

import pytest

from vpstats.registry.delimited import read_text
from vpstats.registry.mapping import SourceMap

SOURCE = SourceMap.model_validate(
    {
        "name": "keys",
        "file": "keys.csv",
        "center": "C01",
        "table": [{"name": "patients", "columns": {"patient_id": "id"}}],
    }
)


@pytest.mark.parametrize(
    "key",
    [
        lambda row: f"P{row}",  # each once
        lambda row: f"P{row // 3}",  # a patient's rows follow one another
        lambda row: f"P{row // 3}" if row < 100 else f"P{row % 7}",  # and come back further down
        lambda row: f" P{row // 2} " if row % 2 else f"P{row // 2}",
        lambda row: "" if row % 4 == 3 else f"P{row // 4}",
        lambda row: "one" if row < 70 else f"P{row}",
    ],
)
def test_cells_of_a_key_are_those_of_the_file(key: object) -> None:
    assert callable(key)
    cells = [key(row) for row in range(400)]
    content = "id;word\n" + "".join(f"{cell};da\n" for cell in cells)
    read = read_text(content.encode(), SOURCE, "keys.csv").columns["id"]
    assert read.texts().tolist() == [cell.strip() for cell in cells]
    assert sorted(read.spellings) == sorted({cell.strip() for cell in cells} - {""})
    assert read.first_rows().tolist() == sorted(read.first_rows().tolist())
