"""Numbered columns of vertebrae: what a block says whose vertebra is blank, and shared sums."""

from __future__ import annotations

from pathlib import Path

import pytest

from vpstats.registry.read import read_registry
from vpstats.registry.registry import Registry

MAPPING = """\
version = 1
[registry]
name = "Numbered"
data_cut = 2025-12-31
[[source]]
name = "s"
file = "a.csv"
center = "A"
date_order = "dmy"
[[source.table]]
name = "patients"
columns = {{ patient_id = "id" }}
[[source.table]]
name = "procedures"
columns = {{ patient_id = "id", proc_date = "day" }}
[[source.table]]
name = "levels"
explode = ["Level 1", "Level 2"]
[source.table.columns]
patient_id = "id"
proc_date = "day"
{fields}
"""
FIELDS = """\
cement_ml = { columns = ["Cement 1", "Cement 2"] }
leak_sites_ct = { columns = ["Leak 1", "Leak 2"], codes = { "Nil" = "none", "V" = "venous" } }
"""
HEADER = "id;day;Level 1;Cement 1;Leak 1;Level 2;Cement 2;Leak 2"
USUAL = ["L1;3;Nil;L2;4;Nil", "L3;4;V;;;", "L4;3;Nil;;;", "T12;3;Nil;L1;4;V", "L2;5;V;;;"]


def read(folder: Path, blocks: list[str], fields: str = FIELDS) -> Registry:
    rows = [f"P{i};{i + 1}.3.2022;{block}" for i, block in enumerate(blocks, 1)]
    (folder / "a.csv").write_text("\n".join([HEADER, *rows]) + "\n", "utf-8")
    (folder / "registry.toml").write_text(MAPPING.format(fields=fields), "utf-8")
    return read_registry(folder)


def told(found: Registry, rule: str) -> list[int]:
    return [int(row) for row in found.findings.loc[found.findings["rule"] == rule, "row"]]


@pytest.mark.parametrize(
    "block",
    ["L1;3;Nil;;4;V", "L1;3;Nil;;4;", "L1;3;Nil;;;V", "L1;3;Nil;-;2,5;Nil", ";4;V;L1;3;Nil"],
)
def test_a_volume_or_leak_of_a_vertebra_without_a_name(tmp_path: Path, block: str) -> None:
    found = read(tmp_path, [*USUAL, block])
    assert told(found, "level.unreadable") == [7]
    assert len(found.findings) == 1
    assert len(found.levels) == 8


@pytest.mark.parametrize(
    "block",
    ["L1;3;Nil;;0;Nil", "L1;3;Nil;;;nein", "L1;3;Nil;;n/a;-", "L1;3;Nil;-;;", "L1;3;Nil;none;0;"],
)
def test_a_place_that_was_not_used_is_no_vertebra(tmp_path: Path, block: str) -> None:
    found = read(tmp_path, [*USUAL, block])
    assert found.findings.empty
    assert len(found.levels) == 8


def test_what_a_form_fills_into_every_place_says_nothing(tmp_path: Path) -> None:
    rows = [f"L{i % 5 + 1};3;Nil;;2;V" for i in range(6)]
    found = read(tmp_path, ["T12;3;Nil;L1;4;V", *rows])
    assert found.findings.empty
    assert len(found.levels) == 8


def test_a_leak_of_the_table_of_leaks(tmp_path: Path) -> None:
    fields = 'modality = { value = "ct" }\nsite = { value = "epidural" }\n'
    fields += (
        'state = { columns = ["Leak 1", "Leak 2"], codes = { V = "present", Nil = "absent" } }'
    )
    mapping = MAPPING.replace('name = "levels"\nexplode', 'name = "leaks"\nexplode')
    mapping += '[[source.table]]\nname = "levels"\nexplode = ["Level 1", "Level 2"]\n'
    mapping += 'columns = {{ patient_id = "id", proc_date = "day" }}\n'
    rows = "P1;1.3.2022;L1;3;Nil;;;V\nP2;2.3.2022;L2;3;Nil;;;Nil\nP3;3.3.2022;L2;3;Nil;L3;;Nil\n"
    (tmp_path / "a.csv").write_text(f"{HEADER}\n{rows}", "utf-8")
    (tmp_path / "registry.toml").write_text(mapping.format(fields=fields), "utf-8")
    found = read_registry(tmp_path)
    assert told(found, "level.unreadable") == [2]
    assert set(found.findings["row"].dropna()) == {2}


def volumes(found: Registry) -> dict[str, float]:
    table = found.levels.dropna(subset=["cement_ml"])
    return dict(zip(table["level_id"].str[-2:], table["cement_ml"].astype(float), strict=True))


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        ("L1;3+4;Nil;L2;;Nil", {}),
        ("L1;2x3;Nil;L2;-;Nil", {}),
        ("L1;;Nil;L2;3 + 4;Nil", {}),
        ("L1;3+4;Nil;;;", {"L1": 7.0}),
        ("L1;3+4;Nil;L2;5;Nil", {"L1": 7.0, "L2": 5.0}),
        ("L1;3+4;Nil;L2;1+1;Nil", {"L1": 7.0, "L2": 2.0}),
    ],
)
def test_a_sum_beside_a_vertebra_without_a_volume(
    tmp_path: Path, block: str, expected: dict[str, float]
) -> None:
    found = read(tmp_path, [block])
    assert volumes(found) == expected
    assert told(found, "explode.shared") == ([] if expected else [2])


def test_a_sum_in_a_row_of_its_own_beside_one_without_a_volume(tmp_path: Path) -> None:
    mapping = MAPPING.replace('explode = ["Level 1", "Level 2"]\n', "")
    mapping = mapping.format(fields='level = "Level 1"\ncement_ml = "Cement 1"')
    rows = "P1;1.3.2022;L1;3+4\nP1;1.3.2022;L2;\nP2;1.3.2022;L1;2+2\nP3;1.3.2022;L1;\n"
    (tmp_path / "a.csv").write_text(f"id;day;Level 1;Cement 1\n{rows}", "utf-8")
    (tmp_path / "registry.toml").write_text(mapping, "utf-8")
    found = read_registry(tmp_path)
    assert found.levels["cement_ml"].dropna().tolist() == [4.0]
    assert told(found, "explode.shared") == [2]
