"""Identifiers that are not built as nearly all others of their file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from mapped_exports import read_export, source, table

from vpstats.registry.identifiers import nobodies
from vpstats.registry.registry import Registry

PREFIXED = [f"VP-{i:03}" for i in range(1, 41)]
NUMBERED = [str(i) for i in range(1001, 1041)]


def read(folder: Path, identifiers: Sequence[str]) -> Registry:
    lines = [f"{identifier};2024-01-01" for identifier in identifiers]
    key = {"patient_id": "id", "proc_date": "op"}
    tables = [table("patients", patient_id="id"), table("procedures", **key)]
    return read_export(folder, source("a", *tables), a="\n".join(["id;op", *lines]) + "\n")


def said(found: Registry, rule: str) -> list[int]:
    rows = found.findings.loc[found.findings["rule"] == rule, "row"]
    return [int(row) for row in rows]


def test_a_number_that_lost_its_prefix_may_be_a_known_patient(tmp_path: Path) -> None:
    found = read(tmp_path, [*PREFIXED, "007", "9", "77", "García"])
    assert said(found, "duplicate.id_spelling") == [42, 43]
    assert said(found, "patient.id_unlike") == [44, 45]
    shown = found.findings[["message", "raw"] if "raw" in found.findings else ["message"]]
    assert not shown.astype(str).apply(lambda c: c.str.contains("García|007")).to_numpy().any()


@pytest.mark.parametrize("more", ["1007 (2. OP)", "1007/2", "1007a", "1O07", "VP-007-2", "VP-007a"])
def test_a_known_identifier_with_something_behind_it(tmp_path: Path, more: str) -> None:
    others = PREFIXED if more.startswith("V") else NUMBERED
    found = read(tmp_path, [*others, more])
    assert said(found, "duplicate.id_spelling") == [42]
    assert not found.findings["message"].str.contains("7a|2. OP|1O07").any()


@pytest.mark.parametrize("name", ["Novak", "Ana Novak"])
def test_a_name_among_numbers(tmp_path: Path, name: str) -> None:
    assert said(read(tmp_path, [*NUMBERED, name]), "patient.id_unlike") == [42]


def test_the_number_of_a_year_that_is_not_there(tmp_path: Path) -> None:
    years = [f"{year}/{i}" for year in (2021, 2022) for i in range(1, 16)]
    found = read(tmp_path, [*years, "17", "4"])
    assert said(found, "patient.id_unlike") == [32]
    assert said(found, "duplicate.id_spelling") == [33]


@pytest.mark.parametrize(
    "identifiers",
    [
        [*PREFIXED, "VP041", "vp 42", "KP-001", "VP-077-2", "VP-099a"],
        [*PREFIXED, "41", "42", "43", "44"],
        [f"{p}{i}" for p in ("A", "B-", "2022-") for i in range(1, 20)],
        [*NUMBERED, "9", "A-17", "123456789"],
        [f"{'ABCDEFGHIJ'[i % 10]}{'KLMNOPQRST'[i // 10]}" for i in range(40)] + ["Ana Novak"],
        [*PREFIXED[:15], "7"],
    ],
)
def test_other_ways_of_numbering_are_none(tmp_path: Path, identifiers: list[str]) -> None:
    found = read(tmp_path, identifiers)
    assert not said(found, "patient.id_unlike")
    assert not said(found, "duplicate.id_spelling")


@pytest.mark.parametrize(
    ("identifiers", "cut"),
    [
        (["110101199001011000", "110101199001012000"], True),
        (["110101199001011000"], True),
        (["110101199001011000", "110101199001011234"], False),
        (["1101011990010110", "1101011990010120"], False),  # of sixteen digits many end in a zero
        (["000000000000000000", "110101199001011234"], False),
    ],
)
def test_long_numbers_that_a_spreadsheet_cut(identifiers: list[str], cut: bool) -> None:
    found = [why for why in nobodies(identifiers).values() if "cut the number" in why]
    assert len(found) == (len(identifiers) if cut else 0)
