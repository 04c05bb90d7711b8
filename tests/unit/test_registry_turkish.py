"""Turkish exports: letters with and without their dot, and a code page that was guessed."""

from __future__ import annotations

from pathlib import Path

import pytest
from mapped_exports import source, table, write_mapping

from vpstats.errors import MappingError
from vpstats.registry import read_registry
from vpstats.registry.cells import fold

SESSIONS = table("procedures", patient_id="no", proc_date="op", operator_id="hekim")
NAMES = ["Dr. Işık", "DR. IŞIK", "Dr. Şahin", "Dr. Doğan", "Dr. Çağlar", "Dr. Işık"]


def write(folder: Path, cause: str, *, encoding: str | None = None, mapped: str = "") -> None:
    rows = [f"{i};0{i + 1}.03.2022;{name};böbrek yetmezliği" for i, name in enumerate(NAMES)]
    text = "\n".join([f"no;op;hekim;{cause}", *rows, ""])
    (folder / "a.csv").write_bytes(text.encode("cp1254"))
    patients = table("patients", patient_id="no", death_cause=mapped or cause)
    mapping = source("a", patients, SESSIONS, encoding=encoding)
    write_mapping(folder, mapping, data_cut="2023-12-31")


def test_a_letter_without_its_dot_is_the_same_letter(tmp_path: Path) -> None:
    write(tmp_path, "neden", encoding="cp1254")
    registry = read_registry(tmp_path)
    found = registry.findings[registry.findings["rule"] == "operator.spelling"]
    assert found["row"].tolist() == [3]
    assert fold("KADIN") == fold("Kadın")


def test_a_code_page_that_makes_no_words_is_named(tmp_path: Path) -> None:
    write(tmp_path, "neden")
    findings = read_registry(tmp_path).findings
    [said] = findings.loc[findings["rule"] == "encoding.mojibake", "message"]
    assert "cp1254" in said


def test_a_missing_column_names_the_code_page_that_was_guessed(tmp_path: Path) -> None:
    write(tmp_path, "Ölüm nedeni ğş", mapped="Ölüm nedeni ğş")
    with pytest.raises(MappingError, match=r"were read as cp125[02], a guess; state encoding"):
        read_registry(tmp_path)
    write(tmp_path, "neden", mapped="nedir")
    with pytest.raises(MappingError) as caught:
        read_registry(tmp_path)
    assert "a guess" not in str(caught.value)
