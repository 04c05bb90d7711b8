"""What check says of the mapping itself: proposals, columns that contradict it, codes it lacks."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from vpstats.errors import MappingError
from vpstats.registry import read_registry
from vpstats.registry.registry import Registry

HEAD = 'version = 1\n[registry]\nname = "A"\ndata_cut = 2025-12-31\n'
SOURCE = '[[source]]\nname = "s"\nfile = "a.csv"\ncenter = "A"\n'


def registry_of(folder: Path, text: str, tables: str, head: str = HEAD + SOURCE) -> Registry:
    (folder / "a.csv").write_text(text, "utf-8")
    (folder / "registry.toml").write_text(head + tables, "utf-8")
    return read_registry(folder)


def said(registry: Registry, rule: str) -> list[str]:
    found = registry.findings
    return found.loc[found["rule"] == f"mapping.{rule}", "message"].tolist()


def sessions(n: int, **columns: Callable[[int], object]) -> str:
    lines = [";".join(["id", "day", *columns])]
    for i in range(n):
        cells = [f"P{i}", f"2022-0{1 + i % 9}-0{1 + i % 7}", *(str(c(i)) for c in columns.values())]
        lines.append(";".join(cells))
    return "\n".join(lines) + "\n"


PROCEDURES = (
    '[[source.table]]\nname = "patients"\n[source.table.columns]\npatient_id = "id"\n'
    '[[source.table]]\nname = "procedures"\n[source.table.columns]\n'
    'patient_id = "id"\nproc_date = "day"\n'
)


# ------------------------------------------------------------------ proposals


def test_a_proposed_column_is_not_read_and_reported(tmp_path: Path) -> None:
    proposed = 'crp_mg_l = { column = "x", confirmed = false }\n'
    registry = registry_of(tmp_path, sessions(5, x=lambda i: i), PROCEDURES + proposed)
    assert registry.procedures["crp_mg_l"].isna().all()
    assert said(registry, "unconfirmed") == [
        "source 's', table 'procedures': 1 fields are proposals and were not read: crp_mg_l."
    ]
    confirmed = proposed.replace(", confirmed = false", "")
    registry = registry_of(tmp_path, sessions(5, x=lambda i: i), PROCEDURES + confirmed)
    assert registry.procedures["crp_mg_l"].tolist() == [0, 1, 2, 3, 4]
    assert said(registry, "unconfirmed") == []


def test_a_table_whose_key_is_proposed_is_not_read(tmp_path: Path) -> None:
    tables = PROCEDURES.replace('"day"', '{ column = "day", confirmed = false }')
    registry = registry_of(tmp_path, sessions(5), tables)
    assert (len(registry.patients), len(registry.procedures)) == (5, 0)
    assert "its keys are proposals" in said(registry, "unconfirmed")[0]


def test_rows_are_not_made_of_a_column_that_is_only_proposed(tmp_path: Path) -> None:
    levels = PROCEDURES + (
        '[[source.table]]\nname = "levels"\nexplode = "x"\n[source.table.columns]\n'
        'patient_id = "id"\nproc_date = "day"\nlevel = { column = "x", confirmed = false }\n'
    )
    text = sessions(5, x=lambda i: "L1, L2")
    assert len(registry_of(tmp_path, text, levels).levels) == 0
    confirmed = levels.replace(", confirmed = false", "")
    assert len(registry_of(tmp_path, text, confirmed).levels) == 10


def test_a_proposed_table_and_a_proposed_center_are_not_read(tmp_path: Path) -> None:
    tables = PROCEDURES.replace('"procedures"\n', '"procedures"\nconfirmed = false\n')
    registry = registry_of(tmp_path, sessions(5), tables)
    assert len(registry.procedures) == 0
    assert said(registry, "unconfirmed") == [
        "source 's', table 'procedures' is a proposal; it was not read."
    ]
    second = SOURCE.replace('"s"', '"t"').replace('"A"', '{ value = "B", confirmed = false }')
    registry = registry_of(tmp_path, sessions(5), PROCEDURES + second + PROCEDURES)
    assert set(registry.patients["center_id"]) == {"A"}
    assert said(registry, "unconfirmed") == [
        "source 't': its center is a proposal; it was not read."
    ]


def test_a_proposed_data_cut_is_used_and_reported(tmp_path: Path) -> None:
    head = HEAD + "confirmed = false\n" + SOURCE
    (text,) = said(registry_of(tmp_path, sessions(5), PROCEDURES, head), "unconfirmed")
    assert "data_cut = 2025-12-31" in text


def test_nothing_confirmed_is_nothing_to_read(tmp_path: Path) -> None:
    tables = PROCEDURES.replace('= "id"', '= { column = "id", confirmed = false }')
    with pytest.raises(MappingError, match="nothing in it is confirmed"):
        registry_of(tmp_path, sessions(5), tables)


# ------------------------------------------------------------------ contradictions


@pytest.mark.parametrize(
    ("field", "cells", "words"),
    [
        ("crp_mg_l", lambda i: 0.2 + i / 40, "half of the values lie below .*; is the unit mg/dL"),
        ("crp_mg_l", lambda i: f"2022-0{1 + i % 9}-01", "40 of 40 cells cannot be read"),
        ("crp_date", lambda i: 5 + i, "40 of 40 cells cannot be read"),
        ("dose_gy_cm2", lambda i: 30_000 + i, "cannot be read"),
        ("wbc_10e9_l", lambda i: "raised", "cannot be read"),
        ("fluoro_min", lambda i: 300 + i, "cannot be read"),
    ],
)
def test_a_column_that_is_not_what_the_mapping_says(
    tmp_path: Path, field: str, cells: Callable[[int], Any], words: str
) -> None:
    registry = registry_of(tmp_path, sessions(40, x=cells), PROCEDURES + f'{field} = "x"\n')
    (text,) = said(registry, "contradicted")
    assert f"(field {field})" in text
    assert re.search(words, text)


def test_vertebrae_that_are_none(tmp_path: Path) -> None:
    levels = PROCEDURES + (
        '[[source.table]]\nname = "levels"\n[source.table.columns]\n'
        'patient_id = "id"\nproc_date = "day"\nlevel = "x"\n'
    )
    registry = registry_of(tmp_path, sessions(40, x=lambda i: 3 + i / 10), levels)
    assert any("field level" in text for text in said(registry, "contradicted"))


def test_an_order_of_days_that_the_cells_deny(tmp_path: Path) -> None:
    text = sessions(40, x=lambda i: f"{1 + i % 9:02d}/{13 + i % 9}/2022")
    mapped = PROCEDURES + 'crp_date = { column = "x", date_order = "dmy" }\n'
    found = said(registry_of(tmp_path, text, mapped), "contradicted")
    assert any('date_order = "dmy", but 40 cells' in message for message in found)


def test_codes_that_the_mapping_lacks(tmp_path: Path) -> None:
    text = sessions(40, x=lambda i: "ABC"[i % 3])
    mapped = PROCEDURES + 'technique = { column = "x", codes = { "A" = "pvp" } }\n'
    (message,) = said(registry_of(tmp_path, text, mapped), "codes_missing")
    assert "2 codes of the data" in message
    assert "'B' (13), 'C' (13)" in message


def test_a_column_that_is_what_the_mapping_says_is_not_doubted(tmp_path: Path) -> None:
    text = sessions(40, x=lambda i: 4 + i, y=lambda i: "unknown" if i % 3 else "da",
                    z=lambda i: f"{1 + i % 28:02d}.03.2022.")  # fmt: skip
    mapped = PROCEDURES + 'crp_mg_l = "x"\nmri_pre = "y"\ncrp_date = "z"\n'
    registry = registry_of(tmp_path, text, mapped)
    assert not registry.findings["rule"].str.startswith("mapping.").any()
