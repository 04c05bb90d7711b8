"""Natural spellings that are read in one way, or not at all: durations, yes and no, months."""

from __future__ import annotations

import datetime as dt

import pytest

from vpstats.registry.cleaning import clean_texts
from vpstats.schema_tables import TABLES

CUT = dt.date(2025, 12, 31)
TIMES = [
    ("fluoro_min", "45'", "45"),
    ("fluoro_min", "30''", "0.5"),
    ("fluoro_min", '30"', "0.5"),
    ("fluoro_min", "4'30", "4.5"),
    ("fluoro_min", "4′30″", "4.5"),
    ("fluoro_min", "4 min 30 s", "4.5"),
    ("fluoro_min", "4m30s", "4.5"),
    ("fluoro_min", "4'30''", "4.5"),
    ("duration_min", "1,5 h", "90"),
    ("duration_min", "1.75 h", "105"),
    ("duration_min", "1.30 h", ""),  # an hour and 18 minutes, or and a half
    ("duration_min", "90 m 10", ""),
]


@pytest.mark.parametrize(("field", "text", "expected"), TIMES)
def test_minutes_and_seconds(field: str, text: str, expected: str) -> None:
    found = clean_texts(TABLES["procedures"][field], [text], cut=CUT).iloc[0]
    assert found["clean"] == expected
    assert found["rules"]


def test_an_apostrophe_is_no_part_of_any_other_number() -> None:
    found = clean_texts(TABLES["patients"]["weight_kg"], ["72'", "72''"], cut=CUT)
    assert found["clean"].tolist() == ["", ""]


YES = "da ja si sí sì oui sim tak ano áno igen evet EVET"
NO = "ne negado nein no non não nao nie nej nei nee nem nincs hayır HAYIR yok geen ingen sem nenhum"
NEITHER = "a A e h t k año var van no? sim?"


@pytest.mark.parametrize(("words", "value"), [(YES, "yes"), (NO, "no"), (NEITHER, "")])
def test_yes_and_no_of_more_languages(words: str, value: str) -> None:
    """Each in a column of its own: of one column they would be in too many languages."""
    field = TABLES["patients"]["diabetes"]
    found = [clean_texts(field, [word], cut=CUT).iloc[0]["clean"] for word in words.split()]
    assert set(found) == {value}


@pytest.mark.parametrize("words", ["3 Kasım 2021", "3 KASIM 2021", "3 kasim 2021"])
def test_months_with_a_dotless_i(words: str) -> None:
    found = clean_texts(TABLES["procedures"]["fracture_date"], [words], cut=CUT)
    assert found["clean"].tolist() == ["2021-11-03"]


@pytest.mark.parametrize("mark", [",", ";", " + ", " & ", " | ", " and ", " och ", " és ", " ve "])
def test_marks_between_sites(mark: str) -> None:
    column = TABLES["visits"]["imaging_at_visit"]
    found = clean_texts(column, [f"MRI{mark}CT"], cut=CUT)
    assert set(found["clean"].iloc[0].split(";")) == {"ct", "mri"}
    assert clean_texts(column, ["MRI/CT"], cut=CUT)["clean"].tolist() == [""]


def test_brackets_around_some_numbers_mark_them() -> None:
    volume = TABLES["levels"]["cement_ml"]
    some = clean_texts(volume, ["[4]", "3,5", "[n/a]"], cut=CUT)
    assert some["clean"].tolist() == ["", "3.5", ""]
    assert some["rules"].iloc[0] == "number.marked"
    every = clean_texts(volume, ["[4]", "{3.5}", "NULL"], cut=CUT)
    assert every["clean"].tolist() == ["4", "3.5", ""]


def test_weeks_and_months_ago_are_no_days_of_august() -> None:
    cells = ["3/12 ago", "6/52 ago", "12 ago 2021", "3 ago 21", "14/03/2022"]
    said = clean_texts(TABLES["procedures"]["fracture_date"], cells)
    assert said["clean"].tolist() == ["", "", "2021-08-12", "2021-08-03", "2022-03-14"]
    assert said["rules"].tolist()[:2] == ["date.unreadable"] * 2


def test_a_word_for_year_may_stand_at_the_year_itself() -> None:
    cells = ["29.06.2022r.", "29.06.2022 r.", "30.6.2022.g.", "12 maja 2021r", "06.2022r."]
    said = clean_texts(TABLES["procedures"]["fracture_date"], cells)
    days = ["2022-06-29", "2022-06-29", "2022-06-30", "2021-05-12", ""]
    assert said["clean"].tolist() == days
    assert said["rules"].tolist()[4] == "date.partial"


def test_a_between_vertebrae_of_an_event_is_and_or_to() -> None:
    cells = ["L2 a L5", "T8 a T12", "L1 a L2", "L2, L5"]
    said = clean_texts(TABLES["events"]["event_levels"], cells)
    assert said["clean"].tolist() == ["", "", "L1;L2", "L2;L5"]
    assert said["rules"].tolist()[:2] == ["level.ambiguous"] * 2
