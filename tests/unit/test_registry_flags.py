"""Units, flags and limits in words beside numbers; and what is no doubt although it looks odd."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from vpstats.registry.cleaning import clean_texts
from vpstats.registry.read import read_registry
from vpstats.registry.registry import Registry
from vpstats.schema_tables import TABLES

HEAD = """
version = 1
[registry]
name = "x"
data_cut = 2024-12-31
[[source]]
name = "s"
file = "a.csv"
center = "A"
date_order = "dmy"
"""
PEOPLE = """
[[source.table]]
name = "patients"
columns = {{ patient_id = "id"{} }}
"""
SESSIONS = """
[[source.table]]
name = "procedures"
columns = {{ patient_id = "id", proc_date = "day"{} }}
"""


def read(folder: Path, text: str, patient: str = "", session: str = "", more: str = "") -> Registry:
    mapping = HEAD + PEOPLE.format(patient) + SESSIONS.format(session) + more
    (folder / "registry.toml").write_text(mapping)
    (folder / "a.csv").write_text(text)
    return read_registry(folder)


@pytest.mark.parametrize(
    ("field", "cells", "clean"),
    [
        ("crp_mg_l", ("3.8 H", "45 (HH)", "12 L", "7↑", "8 N", "2 mg/dl H"), "3.8 45 12 7 8 20"),
        ("wbc_10e9_l", ("5.2 thou/cu mm", "6 tys/µl", "7 K/cumm", "8 x10(9)/L"), "5.2 6 7 8"),
        ("esr_mm_h", ("12 mm/hr", "13 mm/Std", "14 mm/g.", "15 mm/1ère h"), "12 13 14 15"),
        ("duration_min", ("63 perc", "45 minut", "40 dakika", "25mn"), "63 45 40 25"),
        ("duration_min", ("2 hod", "1 godzina", "1 óra", "1.5"), "120 60 60 "),
        ("fluoro_min", ("3 min 15", "6'30", "9 mn 45 s"), "3.25 6.5 9.75"),
        ("crp_mg_l", ("poniżej 5", "inf. à 4", "méně než 3", "minder dan 2"), "5 4 3 2"),
    ],
)
def test_units_flags_and_limits_are_understood(
    field: str, cells: tuple[str, ...], clean: str
) -> None:
    said = clean_texts(TABLES["procedures"][field], list(cells))
    assert " ".join(said["clean"]) == clean
    assert not said["rules"].str.contains("unknown|unreadable|marked").any()


def test_flags_are_those_of_laboratories_alone() -> None:
    assert clean_texts(TABLES["levels"]["cement_ml"], ["4 H"])["clean"].item() == ""
    assert clean_texts(TABLES["procedures"]["crp_mg_l"], ["5.2 ?"])["clean"].item() == ""
    said = clean_texts(TABLES["patients"]["ct_hu"], ["110 UH", "95 jH", "80 U.H."])
    assert said["clean"].tolist() == ["110", "95", "80"]


def test_a_limit_with_its_own_unit_is_not_converted_again(tmp_path: Path) -> None:
    text = "id;day;crp;unit\n1;01.02.2022;<0.5 mg/dL;mg/dL\n2;02.02.2022;<0.5;mg/dL\n"
    column = ', crp_mg_l = { column = "crp", unit_column = "unit" }'
    registry = read(tmp_path, text, session=column)
    assert registry.procedures["crp_mg_l"].tolist() == [5.0, 5.0]


def rules(registry: Registry) -> pd.Series:
    return registry.findings["rule"].value_counts()


@pytest.mark.parametrize(
    ("name", "several"),
    [("SMITH, J", 0), ("Horvat, I. M.", 0), ("LEE, JK", 1), ("Kovač, Horvat", 1), ("A/B", 1)],
)
def test_a_surname_with_initials_is_one_operator(tmp_path: Path, name: str, several: int) -> None:
    text = f"id;day;who\n1;01.02.2022;{name}\n2;02.02.2022;Horvat\n"
    registry = read(tmp_path, text, session=', operator_id = "who"')
    assert rules(registry).get("operator.several", 0) == several


def test_years_of_a_treatment_are_partial_and_contradict_nothing(tmp_path: Path) -> None:
    rows = [f"{i};{1 + i:02d}.02.2022;{2010 + i % 5}" for i in range(14)]
    rows += ["20;20.02.2022;03.05.2019", "21;21.02.2022;14.06.2020"]
    registry = read(tmp_path, "id;day;tx\n" + "\n".join(rows), ', antiosteo_start = "tx"')
    assert rules(registry)["date.partial"] == 14
    assert "mapping.contradicted" not in rules(registry)
    rows = [row.rpartition(";")[0] + ";yes" for row in rows]
    registry = read(tmp_path, "id;day;tx\n" + "\n".join(rows), ', antiosteo_start = "tx"')
    assert "mapping.contradicted" in rules(registry)


@pytest.mark.parametrize(
    ("days", "doubted"),
    [
        # dots part a day first, whatever parts the others
        (["03.02.2021", "25/12/2021", "14/03/2021", "21/04/2021"], 0),
        # hyphens of another column prove it
        (["03-02-2021", "25/12/2021", "14/03/2021", "21/04/2021"], 0),
        # slashes beside dots are what a spreadsheet writes
        (["03/02/2021", "25.12.2021", "14.03.2021", "21.04.2021"], 1),
    ],
)
def test_the_declared_order_is_doubted_where_a_spreadsheet_may_have_swapped(
    tmp_path: Path, days: list[str], doubted: int
) -> None:
    seen = ["21-03-2020", "22-04-2020", "23-05-2020", "24-06-2020"]
    rows = [f"{i};{s};{d}" for i, (s, d) in enumerate(zip(seen, days, strict=True))]
    registry = read(tmp_path, "id;day;dx\n" + "\n".join(rows), ', last_contact_date = "dx"')
    assert rules(registry).get("date.order_assumed", 0) == doubted


def test_a_vertebra_that_cannot_be_read_is_one_finding(tmp_path: Path) -> None:
    levels = """
[[source.table]]
name = "levels"
explode = "levels"
columns = { patient_id = "id", proc_date = "day", level = "levels" }
"""
    text = (
        "id;day;levels;n\n1;01.02.2022;L4-5;2\n2;02.02.2022;L1;2\n3;03.02.2022;L1, L2;2\n"
        "4;04.02.2022;L1, Q9;1\n"
    )
    registry = read(tmp_path, text, session=', n_levels_declared = "n"', more=levels)
    found = registry.findings
    counted = found[found["rule"] == "session.level_count"]
    # a cell for two vertebrae or the disc between them is doubted already, and may be two
    assert counted["row"].tolist() == [3]
    assert {2, 5} <= set(found.loc[found["rule"].str.startswith("level."), "row"])


@pytest.mark.parametrize(
    ("levels", "declared", "counted"),
    [("L2/3", 2, 0), ("L2/3", 1, 0), ("L2/3", 3, 1), ("L1, L4-5", 3, 0), ("L1, L4-5", 4, 1)],
)
def test_a_declared_number_that_an_unread_list_can_be_is_not_doubted(
    tmp_path: Path, levels: str, declared: int, counted: int
) -> None:
    text = f"id;day;levels;n\n1;01.02.2022;{levels};{declared}\n"
    listed = LEVELS_LISTED.replace("EXPLODE", 'explode = "levels"')
    registry = read(tmp_path, text, session=', n_levels_declared = "n"', more=listed)
    assert rules(registry)["level.ambiguous"] == 1
    assert rules(registry).get("session.level_count", 0) == counted


def test_a_row_of_a_vertebra_that_cannot_be_read_stands_for_one(tmp_path: Path) -> None:
    text = "id;day;levels;n\n1;01.02.2022;L2/3;2\n"
    one_each = LEVELS_LISTED.replace("EXPLODE", "")
    registry = read(tmp_path, text, session=', n_levels_declared = "n"', more=one_each)
    assert rules(registry)["session.level_count"] == 1


def test_a_list_in_a_file_with_a_row_for_each_vertebra_stands_for_one(tmp_path: Path) -> None:
    rows = ["1;01.02.2022;L2/3;3", "1;01.02.2022;L1;3", "2;02.02.2022;L1;2", "2;02.02.2022;L4;2"]
    listed = LEVELS_LISTED.replace("EXPLODE", 'explode = "levels"')
    text = "\n".join(["id;day;levels;n", *rows])
    registry = read(tmp_path, text, session=', n_levels_declared = "n"', more=listed)
    assert rules(registry)["session.level_count"] == 1


LEVELS_LISTED = """
[[source.table]]
name = "levels"
EXPLODE
columns = { patient_id = "id", proc_date = "day", level = "levels" }
"""
