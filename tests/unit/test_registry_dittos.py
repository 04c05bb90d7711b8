"""Cells that say "as above": filled with fill_down, and doubted without it."""

from __future__ import annotations

from pathlib import Path

import pytest
from mapped_exports import read_export, source, table

from vpstats.registry.cleaning import clean_texts
from vpstats.registry.registry import Registry
from vpstats.schema_tables import TABLES

TABLES_MAPPED = (
    table("patients", patient_id="id", sex="sex"),
    table("procedures", patient_id="id", proc_date="day", operator_id="op"),
    table("levels", patient_id="id", proc_date="day", level="level"),
)
WORDS = ["ditto", "dtto", "ídem", "Idem", "ebenso", "wie oben", "как выше", "same"]
SIGNS = ["''", "〃", "„", "-''-", "↓", "-//-"]
SHORT = ["do.", "jw.", "j.w.", "s.o."]


def read(folder: Path, *rows: str, fill: bool = False) -> Registry:
    filled = ["id", "sex", "day", "op"] if fill else None
    mapping = source("a", *TABLES_MAPPED, delimiter=";", fill_down=filled)
    text = "\n".join(["id;sex;day;op;level", *rows, ""])
    return read_export(folder, mapping, data_cut="2023-12-31", a=text)


def listed(
    folder: Path,
    again: str,
    *,
    fill: bool,
    ids: tuple[str, str] = ("P1", "P2"),
    operator: str = "AB",
) -> Registry:
    first, second = ids
    rows = [
        f"{first};f;2022-03-01;{operator};L1",
        f"{again};{again};{again};{again};L2",
        f"{second};m;2022-03-02;CD;L3",
        f"{again};{again};{again};{again};L4",
    ]
    return read(folder, *rows, fill=fill)


@pytest.mark.parametrize("again", [*WORDS, *SIGNS, *SHORT])
def test_it_is_filled_from_above(tmp_path: Path, again: str) -> None:
    registry = listed(tmp_path, again, fill=True)
    assert registry.patients["patient_id"].tolist() == ["A/P1", "A/P2"]
    assert registry.patients["sex"].tolist() == ["f", "m"]
    assert registry.procedures["operator_id"].tolist() == ["AB", "CD"]
    assert len(registry.levels) == 4


@pytest.mark.parametrize("again", [*WORDS, *SIGNS, *SHORT])
def test_without_fill_down_it_is_nobody(tmp_path: Path, again: str) -> None:
    registry = listed(tmp_path, again, fill=False, ids=("101", "102"))
    assert registry.patients["patient_id"].tolist() == ["A/101", "A/102"]
    found = registry.findings[registry.findings["rule"] == "key.placeholder"]
    assert found["row"].unique().tolist() == [3, 5]
    assert found["message"].str.contains("fill_down").all()


@pytest.mark.parametrize("again", [*WORDS, *SIGNS, *SHORT])
@pytest.mark.parametrize("field", ["cement_brand", "proc_date", "indication"])
def test_in_a_column_of_values_it_is_doubted(again: str, field: str) -> None:
    found = clean_texts(TABLES["procedures"][field], [again]).iloc[0]
    assert found["clean"] == ""
    assert found["rules"] in ("word.unknown", "date.unreadable")


def test_initials_are_somebody(tmp_path: Path) -> None:
    registry = listed(tmp_path, "J.W.", fill=True)
    assert "A/J.W." in registry.patients["patient_id"].tolist()
    assert clean_texts(TABLES["procedures"]["cement_brand"], ["Same-Cem"])["clean"].all()


NULLS = ["None", "#NV", "NaT", "[NULL]", "NULL", "nan", "#N/A", "<NA>", "(null)", "#WERT!"]


@pytest.mark.parametrize("null", NULLS)
def test_what_a_program_writes_for_nothing_is_no_name(tmp_path: Path, null: str) -> None:
    rows = [f"{i};f;2022-03-0{i};{op};L1" for i, op in enumerate(["AB", null, "CD"], start=1)]
    registry = read(tmp_path, *rows)
    assert registry.procedures["operator_id"].isna().tolist() == [False, True, False]
    brand = clean_texts(TABLES["procedures"]["cement_brand"], [null]).iloc[0]
    assert brand["clean"] == ""
    assert brand["rules"].startswith("missing.")


def test_capitals_beside_initials_are_initials(tmp_path: Path) -> None:
    registry = listed(tmp_path, "NAN", fill=False, operator="NAN")
    assert "NAN" in registry.procedures["operator_id"].tolist()
