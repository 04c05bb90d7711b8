"""Faults of recording that were planted, and what the data-quality report finds of them.

The registry is drawn by the simulator; a center that measures CRP in 60 % of its procedures, one
that enters late, one that loses a fifth of its procedures and one that forgets to follow the old
are planted. Truth is what was planted, and for centers without a plant what the simulator's spec
says.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable
from datetime import date
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest

from vpstats.quality import HospitalCount, QualityResult, quality_report
from vpstats.quality.hospital import ascertainment
from vpstats.registry import Registry
from vpstats.simulate import SimulationSpec, simulate_registry
from vpstats.simulate.centers import DEMO_CENTERS

pytestmark = pytest.mark.slow

RUNS = 60 if os.environ.get("VPSTATS_FULL") else 4
ERRORS = 4.0
"""Monte-Carlo standard errors within which a mean must lie."""

LACKS_CRP, LATE, LOSES, FORGETS = "C02", "C04", "C06", "C07"
MEASURED = 0.60
DELAY = {LATE: 75.0, "": 9.0}
"""Median days to entry."""


def spec() -> SimulationSpec:
    centers = tuple(
        dataclasses.replace(c, crp_measured=MEASURED if c.center_id == LACKS_CRP else 0.95,
                            share=0.25)
        for c in DEMO_CENTERS
        if c.center_id in (LACKS_CRP, LATE, LOSES, FORGETS)
    )  # fmt: skip
    return SimulationSpec(n_procedures=800, centers=centers, start=date(2019, 1, 2))


def planted(seed: int) -> tuple[Registry, list[dict[str, Any]]]:
    """A registry with faults of recording, and the hospitals' true counts by year."""
    rng = np.random.default_rng([seed, 7])
    drawn = simulate_registry(spec(), seed)
    tables = {name: table.copy() for name, table in drawn.tables.items()}
    sessions = tables["procedures"]
    sessions["entry_date"] = sessions["proc_date"] + pd.to_timedelta(_delays(sessions, rng), "D")
    cut = pd.Timestamp(spec().data_cut)
    sessions["entry_date"] = sessions["entry_date"].where(sessions["entry_date"] <= cut)
    # whoever opted out leaves the registry first, and would count as not reported
    stays = sessions[sessions["patient_id"].isin(_consenting(tables["patients"]))]
    sizes = stays.groupby([stays["center_id"], stays["proc_date"].dt.year]).size()
    counts = [
        {"center": center, "year": int(when), "n": int(n)} for (center, when), n in sizes.items()
    ]
    lost = (sessions["center_id"] == LOSES) & (rng.random(len(sessions)) < 0.2)
    tables["procedures"] = sessions[~lost.to_numpy(bool)]
    kept = set(tables["procedures"]["procedure_id"])
    tables["levels"] = tables["levels"][tables["levels"]["procedure_id"].isin(kept)]
    tables["leaks"] = tables["leaks"][
        tables["leaks"]["level_id"].isin(tables["levels"]["level_id"])
    ]
    tables |= _forgotten(tables)
    made = Registry.from_tables(tables, name="Planted", data_cut=cut, synthetic=True)
    return made, counts


def _consenting(people: pd.DataFrame) -> set[str]:
    stays = people["optout_date"].isna() & people["consent_research"].ne("no").fillna(value=True)
    return set(people["patient_id"][stays])


def _delays(sessions: pd.DataFrame, rng: np.random.Generator) -> np.ndarray:
    """Log-normal days, rounded down: the median of what is recorded is that of the days."""
    middle = sessions["center_id"].map(DELAY).fillna(DELAY[""]).to_numpy(float)
    return np.floor((middle + 0.5) * np.exp(0.5 * rng.standard_normal(len(sessions))))


def _forgotten(tables: dict[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """At one center the older half is not seen again after ten days."""
    first = tables["procedures"].drop_duplicates("patient_id").set_index("patient_id")
    people = tables["patients"].copy()
    start = people["patient_id"].map(first["proc_date"])
    old = people["patient_id"].map(first["age_at_proc"]).astype(float) > 75
    gone = (people["center_id"] == FORGETS) & old & people["death_date"].isna() & start.notna()
    gone = gone.to_numpy(bool)
    last = start[gone] + pd.Timedelta(days=10)
    people.loc[gone, "last_contact_date"] = last
    until = dict(zip(people["patient_id"][gone], last, strict=True))
    return {
        "patients": people,
        "visits": _not_after(tables["visits"], "visit_date", until),
        "events": _not_after(tables["events"], "event_date", until),
    }


def _not_after(table: pd.DataFrame, day: str, until: dict[str, pd.Timestamp]) -> pd.DataFrame:
    later = table[day] > table["patient_id"].map(until)
    return table[~later.to_numpy(bool)]


@cache
def reports() -> list[QualityResult]:
    found = []
    for seed in range(RUNS):
        made, counts = planted(seed)
        found.append(quality_report(made, hospital_counts=counts))
    return found


def values(measure: str, center: str, column: str = "estimate") -> np.ndarray:
    return np.array([_value(r.tidy(), measure, center, column) for r in reports()])


def _value(rows: pd.DataFrame, measure: str, center: str, column: str) -> float:
    own = (rows["measure"] == measure) & (rows["center_id"] == center) & (rows["level"] == "")
    (found,) = rows.loc[own, column]
    return float(found)


def near(estimates: np.ndarray, truth: float, error: float) -> None:
    """The mean of the runs lies within its Monte-Carlo error, known from the number of rows."""
    assert abs(estimates.mean() - truth) <= ERRORS * error / np.sqrt(len(estimates))


@pytest.mark.parametrize(("center", "truth"), [(LACKS_CRP, MEASURED), (LATE, 0.95)])
def test_the_share_with_crp_is_what_was_planted(center: str, truth: float) -> None:
    n = values("procedures.crp_mg_l", center, "n").mean()
    near(values("procedures.crp_mg_l", center), 100 * truth, 100 * np.sqrt(truth * (1 - truth) / n))


def test_the_center_without_crp_is_the_one_that_is_named() -> None:
    for report in reports():
        rows = report.findings
        named = rows.loc[rows["measure"] == "procedures.crp_mg_l", "center_id"]
        assert named.tolist() == [LACKS_CRP]


@pytest.mark.parametrize(("center", "truth"), [(LATE, DELAY[LATE]), (LACKS_CRP, DELAY[""])])
def test_days_to_entry_are_what_was_planted(center: str, truth: float) -> None:
    # the error of a median is 1.2533 times that of the mean; of the log it is 0.5 / sqrt(n)
    n = values("entry_median", center, "n").mean()
    near(values("entry_median", center), truth, 1.2533 * 0.5 * truth / np.sqrt(n) + 0.5)


def test_the_center_that_enters_late_is_the_one_that_is_named() -> None:
    for report in reports():
        rows = report.findings
        assert rows.loc[rows["measure"] == "entry_median", "center_id"].tolist() == [LATE]


def test_lost_procedures_are_seen_against_the_hospitals_count() -> None:
    n = values("ascertained", LOSES, "n").mean()
    near(values("ascertained", LOSES), 80.0, 100 * np.sqrt(0.8 * 0.2 / n))
    assert (values("ascertained", LATE) == 100).all()
    for report in reports():
        rows = report.findings[report.findings["section"] == "ascertainment"]
        assert rows.loc[rows["severity"] == "warning", "center_id"].tolist() == [LOSES]


def test_who_was_not_followed_is_seen() -> None:
    for report in reports():
        absent = report.absent
        own = absent[(absent["outcome"] == "known_1y") & (absent["stat"] == "mean")]
        mean = own[own["variable"] == "age_at_proc"].set_index("side")["value"]
        assert mean["without"] > mean["with"]
        rows = report.findings[report.findings["section"] == "followup"]
        assert FORGETS in rows["center_id"].tolist()
    # less of the possible time was seen at the center that forgets than at any other
    others = np.array([values("clark_c", c) for c in (LACKS_CRP, LATE, LOSES)])
    assert (values("clark_c", FORGETS) < others.min(axis=0)).all()


def test_intervals_of_ascertainment_cover(recovered: Callable[..., Any]) -> None:
    """Procedures reach the registry with probability 0.85, each on its own."""
    made, _ = planted(0)
    runs, truth = 2_000 if os.environ.get("VPSTATS_FULL") else 150, 0.85
    rng = np.random.default_rng(20)
    sessions = made.procedures[made.procedures["center_id"] == LATE]
    count = HospitalCount(center=LATE, n=len(sessions), first=date(2019, 1, 1),
                          last=date(2025, 12, 31))  # fmt: skip
    found = []
    for _ in range(runs):
        kept = sessions[rng.random(len(sessions)) < truth]
        seen = dataclasses.replace(made, procedures=kept)
        found.append(next(iter(ascertainment(seen, [count], (LATE,)))))
    recovered("case ascertainment, %", "Wilson", truth=100 * truth,
              estimates=[f["estimate"] for f in found], low=[f["conf_low"] for f in found],
              high=[f["conf_high"] for f in found])  # fmt: skip
