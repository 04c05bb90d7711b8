"""`vpstats check NEW --against OLD` as a person runs it at the end of a year."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Call = Callable[..., Any]


@pytest.fixture
def cuts(tmp_path: Path, call_cli: Call) -> tuple[Path, Path]:
    """The starter, and the same half a year later with one patient more."""
    new, old = tmp_path / "new", tmp_path / "old"
    for folder in (new, old):
        assert call_cli("new", folder).code == 0
    edit(new / "registry.toml", "2025-12-31", "2026-06-30")
    with (new / "exports" / "procedures.csv").open("a", encoding="utf-8") as export:
        export.write("P009;1950;F;-2,1;07.02.2026;osteoporosis;L1;4,5;low;no;;;;none;01.03.2026;\n")
    return new, old


def edit(path: Path, before: str, after: str) -> None:
    text = path.read_text("utf-8")
    assert before in text
    path.write_text(text.replace(before, after), "utf-8")


def test_growth_alone_is_fine(call_cli: Call, cuts: tuple[Path, Path]) -> None:
    new, old = cuts
    outcome = call_cli("check", new, "--against", old)
    assert outcome.code == 0
    assert "patients: 8 then, 9 now; 1 appeared, 0 vanished, 0 changed" in outcome.out
    assert "To look at: 0" in outcome.out
    assert "P009" not in outcome.out


def test_what_vanished_sets_the_exit_code(call_cli: Call, cuts: tuple[Path, Path]) -> None:
    new, old = cuts
    outcome = call_cli("check", old, "--against", new / "registry.toml")
    assert outcome.code == 0  # it lies after the cut of the other
    export = new / "exports" / "procedures.csv"
    lines = export.read_text("utf-8").splitlines(keepends=True)
    export.write_text("".join(line for line in lines if not line.startswith("P008")), "utf-8")
    outcome = call_cli("check", new, "--against", old)
    assert outcome.code == 1
    assert "nothing explains it" in outcome.out


def test_programs_read_it_as_json_and_csv(
    call_cli: Call, cuts: tuple[Path, Path], tmp_path: Path
) -> None:
    new, old = cuts
    edit(new / "exports" / "procedures.csv", "11.05.2024;11.05.2024", "11.05.2025;")
    edit(new / "exports" / "events.csv", "P002;death;11.05.2024;;;\n", "")
    out = tmp_path / "changes.json"
    code = call_cli("check", new, "--against", old, "--format", "json", "--out", out).code
    content = json.loads(out.read_text("utf-8"))
    assert code == 1
    assert content["to_look_at"] >= 1
    assert "death_undone" in {row["rewrites"] for row in content["rows"]}
    outcome = call_cli("check", new, "--against", old, "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(outcome.out)))
    assert len(rows) == len(content["rows"])
    assert "key" not in rows[0]
    assert outcome.out == call_cli("check", new, "--against", old, "--format", "csv").out


def test_an_earlier_cut_that_is_not_there_is_one_line(
    call_cli: Call, cuts: tuple[Path, Path], tmp_path: Path
) -> None:
    outcome = call_cli("check", cuts[0], "--against", tmp_path / "nowhere")
    assert outcome.code == 6
    assert "the cut to compare with" in outcome.error_line


def test_another_version_of_the_mapping_is_one_line(
    call_cli: Call, cuts: tuple[Path, Path]
) -> None:
    edit(cuts[1] / "registry.toml", "version = 1", "version = 9")
    outcome = call_cli("check", cuts[0], "--against", cuts[1])
    assert outcome.code == 6
    assert "version" in outcome.error_line


def test_another_registry_is_one_line(call_cli: Call, cuts: tuple[Path, Path]) -> None:
    edit(cuts[1] / "registry.toml", 'center = "C01"', 'center = "C02"')
    outcome = call_cli("check", cuts[0], "--against", cuts[1])
    assert outcome.code == 2
    assert "no patient in common" in outcome.error_line


def test_a_plan_names_the_registry_to_compare(call_cli: Call, cuts: tuple[Path, Path]) -> None:
    new, old = cuts
    outcome = call_cli("check", new / "study.toml", "--against", old / "study.toml")
    assert outcome.code == 0
    assert outcome.out == call_cli("check", new, "--against", old).out
