"""The worked example of the mapping page: drafted, changed as the page says, checked."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "mapping-an-export.md"


def blocks(kind: str) -> list[str]:
    section = PAGE.read_text("utf-8").split("## Draft it first")[1].split("\n## ")[0]
    example = section.split("### From a draft")[1]
    return re.findall(rf"```{kind}\n(.*?)```", example, re.DOTALL)


def changed(draft: str, diff: str) -> str:
    """The draft after the changes of the page; every line that goes has to be there."""
    old: list[str] = []
    new: list[str] = []
    for line in [*diff.splitlines(), "-"]:
        if line.startswith("-") and new:
            before, after = "\n".join(old), "\n".join(new)
            assert draft.count(before) == 1, before
            draft, old, new = draft.replace(before, after), [], []
        (old if line.startswith("-") else new).append(line[1:])
    return draft


def test_the_worked_example(
    call_cli: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (export, *_), (shown, *_), (diff,) = blocks(""), blocks("toml"), blocks("diff")
    (tmp_path / "exports").mkdir()
    (tmp_path / "exports" / "zahvati.csv").write_text(export, "utf-8")
    command = ["map", "exports/zahvati.csv", "--center", "C01", "--out", "registry.toml"]
    assert call_cli(*command).code == 0
    draft = (tmp_path / "registry.toml").read_text("utf-8")
    assert draft.split("\nversion = 1")[1] == shown.removeprefix("version = 1")

    before = call_cli("check", ".")
    assert before.code == 1
    assert "mapping.unconfirmed" in before.out

    (tmp_path / "registry.toml").write_text(changed(draft, diff), "utf-8")
    after = call_cli("check", ".")
    assert after.code == 0, after.out
    assert "Findings: 0 errors, 0 warnings" in after.out
    assert "patients 7, procedures 7, levels 8" in after.out


def test_map_prints_or_writes_and_never_overwrites(
    call_cli: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.csv").write_text(blocks("")[0], "utf-8")
    printed = call_cli("map", "a.csv", "--data-cut", "2024-01-31", "--name", "North")
    assert printed.code == 0
    assert 'name = "North"\ndata_cut = 2024-01-31\nconsent' in printed.out
    assert 'center = { value = "C1", confirmed = false }' in printed.out
    assert call_cli("map", "a.csv", "--out", "deep/registry.toml").code == 0
    written = (tmp_path / "deep" / "registry.toml").read_text("utf-8")
    assert 'file = "../a.csv"' in written
    again = call_cli("map", "a.csv", "--out", "deep/registry.toml")
    assert (again.code, "nothing is overwritten" in again.error_line) == (2, True)
    wrong = call_cli("map", "a.csv", "--data-cut", "31.1.2024")
    assert (wrong.code, "is no day" in wrong.error_line) == (2, True)
    nothing = call_cli("map", "b.csv")
    assert (nothing.code, "b.csv: no such file" in nothing.error_line) == (2, True)


def test_the_help_of_map_says_what_it_does(call_cli: Callable[..., Any]) -> None:
    text = call_cli("map", "--help").out
    assert "Draft a registry.toml" in text
    assert all(f"--{o}" in text for o in ("out", "name", "center", "data-cut", "password-env"))
