"""Answers and letters of a sex whose meaning the other words of their column or file show."""

from __future__ import annotations

from pathlib import Path

import pytest
from mapped_exports import read_export, source, table

from vpstats.registry.cleaning import clean_texts
from vpstats.registry.fields import field_column
from vpstats.registry.mapping import ColumnMap
from vpstats.schema import Column
from vpstats.schema_tables import PATIENTS

DIABETES, SEX = PATIENTS["diabetes"], PATIENTS["sex"]


@pytest.mark.parametrize(
    ("cells", "doubted"),
    [
        (["Sí", "No", "NE"], ["NE"]),
        (["S", "N", "NE"], ["S", "NE"]),
        (["Sí", "No", "D"], ["D"]),
        (["SI", "S", "N", "D"], ["D"]),
        (["yes", "no", "S"], ["S"]),
        (["Yes", "N", "NE"], ["NE"]),
        (["ja", "nein", "NE"], ["NE"]),
        (["J", "ja", "nein", "Y"], ["Y"]),
        (["oui", "non", "D"], ["D"]),
        (["tak", "nie", "NE"], ["NE"]),
        (["nem", "igen", "NE"], ["NE"]),
        (["True", "False", "None"], ["None"]),
        (["1", "0", "None"], ["None"]),
        # at home, or nothing against it
        (["Yes", "None"], []),
        (["yes", "no", "none"], []),
        (["DA", "NE"], []),
        (["D", "N"], []),
        (["D", "NE", "1", "0"], []),
        (["ima", "NE", "yes", "no"], []),
        (["da", "ne", "yes", "no", "Y", "N", "D"], []),
        (["ano", "ne"], []),
        (["NE", "N", "0", "-"], []),
        (["+", "NE"], []),
        (["✓", "D"], []),
        (["S", "N"], []),
        (["SI", "NO", "S"], []),
        (["sim", "não", "S", "N"], []),
        (["J", "N"], []),
        (["ja", "nej", "J"], []),
        (["Y", "N", "positive", "neg"], []),
        (["TRUE", "NE", "D"], []),
    ],
)
def test_a_short_answer_among_those_of_another_language(
    cells: list[str], doubted: list[str]
) -> None:
    found = clean_texts(DIABETES, cells)
    said = found[found["rules"].str.contains("word.ambiguous")]
    assert said["raw"].tolist() == doubted
    assert set(said["clean"]) <= {""}
    assert set(found.drop(said.index)["clean"]) <= {"yes", "no", ""}
    assert not found.drop(said.index)["rules"].str.contains("word.unknown").any()


@pytest.mark.parametrize(
    ("codes", "clean"),
    [
        ({"1": "yes", "2": "no"}, ["yes", "no", ""]),
        ({"1": "yes", "2": "no", "NE": "unknown"}, ["yes", "no", "unknown"]),
        ({"1": "yes", "2": "no", "ne": "no"}, ["yes", "no", "no"]),
    ],
)
def test_codes_settle_what_a_short_answer_is(codes: dict[str, str], clean: list[str]) -> None:
    mapping = ColumnMap(column="dm", codes=codes)
    assert clean_texts(DIABETES, ["1", "2", "NE"], mapping=mapping)["clean"].tolist() == clean


@pytest.mark.parametrize(
    ("column", "cells"),
    [
        (
            PATIENTS["anticoag"],
            ["Ninguno", "AAS", "NE"],
        ),
        (field_column("levels", "leak_sites_ct"), ["ninguna", "epidural", "NE"]),
    ],
)
def test_an_abbreviation_is_no_none(column: Column, cells: list[str]) -> None:
    found = clean_texts(column, cells)
    assert found["clean"].tolist()[2] == ""
    assert found["rules"].tolist()[2] == "word.ambiguous"
    assert found["clean"].tolist()[0] == "none"
    alone = clean_texts(column, ["NE", cells[1]])
    assert alone["clean"].tolist()[0] == "none"


PEOPLE = table("patients", patient_id="id", diabetes="dm", ckd="ca")


@pytest.mark.parametrize(
    ("dm", "ne", "ambiguous"), [("Sí", None, 1), ("DA", "no", 0), ("Yes", None, 1), ("1", "no", 0)]
)
def test_the_other_columns_of_a_file_show_its_language(
    tmp_path: Path, dm: str, ne: str | None, ambiguous: int
) -> None:
    rows = f"id,dm,ca\n1,{dm},1\n2,0,NE\n3,,0\n"
    found = read_export(tmp_path, source("a", PEOPLE), a=rows)
    value = found.patients.set_index("patient_id")["ckd"]
    assert [None if v != v else v for v in value.iloc[[1]]] == [ne]
    assert (found.findings["rule"] == "word.ambiguous").sum() == ambiguous


@pytest.mark.parametrize(
    ("cells", "clean"),
    [
        (["H", "M", "F"], ["", "", "f"]),
        (["V", "M", "F"], ["", "", "f"]),
        (["H", "M"], ["", ""]),
        (["H", "F"], ["m", "f"]),
        (["M", "F"], ["m", "f"]),
        (["hombre", "mujer", "M"], ["m", "f", ""]),
        (["HOMBRE", "M"], ["m", ""]),
        (["Mujer", "F", "M"], ["f", "f", ""]),
        (["Varón", "M"], ["m", ""]),
        (["homme", "femme", "M", "F"], ["m", "f", "m", "f"]),
        (["muško", "žensko", "M", "Ž"], ["m", "f", "m", "f"]),
    ],
)
def test_letters_of_a_sex_among_words(cells: list[str], clean: list[str]) -> None:
    found = clean_texts(SEX, cells)
    assert found["clean"].tolist() == clean
    gone = found[found["clean"] == ""]
    assert set(gone["rules"]) <= {"word.ambiguous"}


@pytest.mark.parametrize(
    ("header", "answer", "clean"),
    [
        ("Sexe", "1", ["f", "m", "m"]),
        ("s", "oui", ["f", "m", "m"]),
        ("s", "sí", ["f", None, None]),
        ("Sexo", "1", ["f", None, None]),
    ],
)
def test_letters_of_a_sex_in_french(
    tmp_path: Path, header: str, answer: str, clean: list[str | None]
) -> None:
    """H and M are *homme* and *masculin* there; in Spanish one F is no proof of either."""
    own = table("patients", patient_id="id", sex=header, diabetes="dm")
    rows = f"id,{header},dm\n1,F,{answer}\n2,H,0\n3,M,0\n"
    found = read_export(tmp_path, source("a", own), a=rows).patients.sort_values("patient_id")
    assert [None if value != value else value for value in found["sex"]] == clean


def test_codes_settle_a_letter_of_a_sex() -> None:
    mapping = ColumnMap(column="sexo", codes={"M": "f", "H": "m"})
    assert clean_texts(SEX, ["H", "M", "F"], mapping=mapping)["clean"].tolist() == ["m", "f", "f"]
