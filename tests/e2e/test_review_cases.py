"""The cases of a published pictorial review: read clean, and told as they were published."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from vpstats.registry import Registry, read_registry
from vpstats.schema_tables import TABLES

FOLDER = Path(__file__).parents[2] / "data" / "review_cases"
FICTITIOUS_DAY = pd.Timestamp("2000-01-03")
PUBLISHED = {
    "patients": {"patient_id", "center_id", "sex"},
    "procedures": {
        "procedure_id", "patient_id", "center_id", "proc_date", "age_at_proc", "technique",
        "biopsy_done", "ct_post_done",
    },
    "levels": {"level_id", "procedure_id", "level", "fracture_type", "leak_symptomatic"},
    "events": {"event_id", "patient_id", "event_type", "event_levels", "event_date"},
}  # fmt: skip
"""Fields of which anything was published; all others stay missing."""


@pytest.fixture(scope="module")
def cases() -> Registry:
    return read_registry(FOLDER)


def case(table: pd.DataFrame, name: str) -> pd.Series:
    column = next(c for c in ("patient_id", "level_id") if c in table)
    (row,) = (r for _, r in table.iterrows() if f"/{name}" in str(r[column]))
    return row


def test_the_export_reads_clean(cases: Registry) -> None:
    assert set(cases.findings["severity"]) <= {"info"}
    assert set(cases.corrections["rule"]) <= {"word.code", "word.spelling", "level.spelling"}
    assert len(cases.patients) == 4


def test_what_was_not_published_stays_missing(cases: Registry) -> None:
    for name, known in PUBLISHED.items():
        table = getattr(cases, name)
        filled = {c for c in TABLES[name].names if table[c].notna().any()}
        assert filled == known, name
    assert cases.visits.empty


@pytest.mark.parametrize(
    ("name", "sex", "age", "level"),
    [("R1", "m", 67, "L2"), ("R3", None, None, "T8"), ("R4", "f", 64, "T12"),
     ("R6", "m", 59, "T8")],
)  # fmt: skip
def test_people_and_levels_are_as_published(
    cases: Registry, name: str, sex: str | None, age: int | None, level: str
) -> None:
    patient, session = case(cases.patients, name), case(cases.procedures, name)
    assert (None if pd.isna(patient["sex"]) else patient["sex"]) == sex
    assert (None if pd.isna(session["age_at_proc"]) else session["age_at_proc"]) == age
    assert case(cases.levels, name)["level"] == level


@pytest.mark.parametrize(
    ("name", "site"), [("R1", "epidural"), ("R3", "remote"), ("R4", "venous"), ("R6", None)]
)
def test_leaks_are_as_published_and_nothing_is_denied(
    cases: Registry, name: str, site: str | None
) -> None:
    own = cases.leaks[cases.leaks["level_id"].str.contains(f"/{name}/")]
    present = own.loc[own["state"] == "present", "site"].tolist()
    assert present == ([] if site is None else [site])
    assert not (own["state"] == "absent").any()
    assert set(own["modality"]) == {"ct"}


def test_spondylodiscitis_is_one_infection_of_two_vertebrae_and_no_fracture(
    cases: Registry,
) -> None:
    (event,) = cases.events.to_dict("records")
    assert event["event_type"] == "infection"
    assert event["event_levels"] == "T8;T9"
    assert 60 < (event["event_date"] - FICTITIOUS_DAY).days <= 100
    assert not cases.events["event_type"].astype(str).str.endswith("_fx").any()


def test_every_row_says_that_its_dates_are_not_real() -> None:
    for file in ("cases.csv", "events.csv"):
        rows = pd.read_csv(FOLDER / file, dtype=str)
        assert rows["about_the_dates"].str.contains("fictitious").all()
        day = "procedure_date" if file == "cases.csv" else "found_on"
        offset = pd.to_timedelta(rows["days_after_fictitious_day"].astype(int), unit="D")
        assert (pd.to_datetime(rows[day]) == FICTITIOUS_DAY + offset).all()
