"""Simulate, estimate, compare with the truth.

Patients have three levels whose times share a positive stable frailty of index 1/2. Given it the
hazards of fracture and death are proportional to ``exp(2 beta x)``; integrating it out leaves
hazards that are proportional to ``exp(beta x)`` with cumulative hazard ``(t / SCALE)^(1/2)``, so
the marginal truth of every estimand has a closed form although levels of a patient are correlated.
"""

from __future__ import annotations

import os
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from vpstats.models.curves import cumulative_incidence
from vpstats.models.descriptive import event_rates, incidence_rates
from vpstats.models.hazards import fit_cox

pytestmark = pytest.mark.slow

RUNS = 2_000 if os.environ.get("VPSTATS_FULL") else 150
BETA = 0.5
SCALE = 400.0
SHARE = 0.6
"""Share of the events that are fractures; the others are deaths."""
MC_ERRORS = 4.0
"""Estimates of bias and coverage may differ from the truth by four Monte-Carlo standard errors."""
LEVELS = 3


def stable(rng: np.random.Generator, n: int) -> np.ndarray:
    """Positive stable variables of index 1/2, whose Laplace transform is ``exp(-sqrt(s))``."""
    return 1 / (2 * rng.normal(size=n) ** 2)


def simulate(
    rng: np.random.Generator, patients: int, *, beta: float = BETA, late: bool = False
) -> pd.DataFrame:
    patient = np.repeat(np.arange(patients), LEVELS)
    x = rng.integers(0, 2, patients)[patient]
    hazard = stable(rng, patients)[patient] * np.exp(2 * beta * x) / SCALE
    time = rng.exponential(size=len(patient)) / hazard
    end = np.minimum(time, rng.uniform(50, 500, len(patient)))
    cause = np.where(rng.random(len(patient)) < SHARE, 1, 2)
    rows = pd.DataFrame(
        {
            "patient_id": patient,
            "x": x,
            "days": np.ceil(end),
            "event": np.where(time <= end, cause, 0),
            "entry": np.floor(rng.uniform(0, 40, len(patient))) if late else 0.0,
        }
    )
    return rows[rows["entry"] < rows["days"]]


def repeat(estimate: Callable[[np.random.Generator], list[float]], seed: int) -> np.ndarray:
    seeds = np.random.SeedSequence(seed).spawn(RUNS)
    return np.array([estimate(np.random.default_rng(child)) for child in seeds])


def is_near(values: np.ndarray, truth: float) -> None:
    error = values.std(ddof=1) / np.sqrt(len(values))
    assert abs(values.mean() - truth) <= MC_ERRORS * error


def covers(low: np.ndarray, high: np.ndarray, truth: float) -> float:
    return float(np.mean((low <= truth) & (truth <= high)))


MC_COVERAGE = MC_ERRORS * np.sqrt(0.95 * 0.05 / RUNS)


def test_the_marginal_hazard_ratio_is_recovered_from_clustered_levels() -> None:
    def estimate(rng: np.random.Generator) -> list[float]:
        rows = simulate(rng, 150)
        robust = fit_cox(rows, "x", duration="days", event="event", cluster="patient_id")
        naive = fit_cox(rows, "x", duration="days", event="event")
        tables = [fit.tidy().iloc[0] for fit in (robust, naive)]
        return [robust.coefficients[0], *(t[c] for t in tables for c in ("conf_low", "conf_high"))]

    found = repeat(estimate, 11)
    is_near(found[:, 0], BETA)
    assert abs(covers(found[:, 1], found[:, 2], BETA) - 0.95) <= MC_COVERAGE
    # x is the patient's, so levels taken as independent promise too much
    assert covers(found[:, 3], found[:, 4], BETA) < 0.95 - MC_COVERAGE


def test_the_incidence_is_recovered_from_clustered_levels() -> None:
    at = 180.0
    truth = SHARE * (1 - np.exp(-np.sqrt(at / SCALE)))

    def estimate(rng: np.random.Generator) -> list[float]:
        rows = simulate(rng, 150, beta=0.0)
        curve = cumulative_incidence(rows, duration="days", event="event", cluster="patient_id")
        naive = cumulative_incidence(rows, duration="days", event="event")
        reads = [c.at(at).iloc[0] for c in (curve, naive)]
        return [reads[0]["estimate"], *(r[c] for r in reads for c in ("conf_low", "conf_high"))]

    found = repeat(estimate, 12)
    is_near(found[:, 0], truth)
    assert abs(covers(found[:, 1], found[:, 2], truth) - 0.95) <= MC_COVERAGE
    assert covers(found[:, 3], found[:, 4], truth) < 0.95 - MC_COVERAGE


def test_late_entry_is_no_bias_if_it_is_named() -> None:
    """Rows are seen only if they outlive their entry; independent rows, so the truth holds."""
    at, rate = 90.0, 0.01

    def estimate(rng: np.random.Generator) -> list[float]:
        n = 300
        entry = np.floor(rng.uniform(0, 60, n)) * (rng.random(n) < 0.7)
        time = np.ceil(rng.exponential(1 / rate, n))
        seen = time > entry
        end = np.minimum(time, 200)
        event = np.where(time > 200, 0, np.where(rng.random(n) < SHARE, 1, 2))
        rows = pd.DataFrame({"days": end, "event": event, "entry": entry})[seen]
        named = cumulative_incidence(rows, duration="days", event="event", entry="entry")
        ignored = cumulative_incidence(rows, duration="days", event="event")
        read = named.at(at).iloc[0]
        return [read["estimate"], read["conf_low"], read["conf_high"],
                ignored.at(at)["estimate"].iloc[0]]  # fmt: skip

    truth = SHARE * (1 - np.exp(-rate * at))  # days are rounded up, so day 90 is whole
    found = repeat(estimate, 13)
    is_near(found[:, 0], truth)
    assert abs(covers(found[:, 1], found[:, 2], truth) - 0.95) <= MC_COVERAGE
    # time before entry cannot hold an event, so counting it dilutes the risk
    ignored = found[:, 3]
    assert ignored.mean() < truth - MC_ERRORS * ignored.std() / np.sqrt(RUNS)


def test_exact_intervals_of_clustered_shares_and_rates_hold_their_level() -> None:
    truth = 1 - np.exp(-np.sqrt(40 / SCALE))

    def estimate(rng: np.random.Generator) -> list[float]:
        rows = simulate(rng, 60, beta=0.0)
        early = rows.assign(leak=((rows["days"] <= 40) & (rows["event"] > 0)).astype(int))
        share = event_rates(early, outcome="leak", cluster="patient_id").tidy().iloc[0]
        naive = event_rates(early, outcome="leak").tidy().iloc[0]
        return [share["estimate"], *share[["conf_low", "conf_high"]],
                *naive[["conf_low", "conf_high"]]]  # fmt: skip

    found = repeat(estimate, 14)
    is_near(found[:, 0], truth)
    assert covers(found[:, 1], found[:, 2], truth) >= 0.95 - MC_COVERAGE
    assert covers(found[:, 3], found[:, 4], truth) < 0.95 - MC_COVERAGE


def test_incidence_rates_hold_their_level_with_few_events() -> None:
    rate = 0.002

    def estimate(rng: np.random.Generator) -> list[float]:
        time = rng.exponential(1 / rate, 40)
        end = np.minimum(time, 100.0)
        rows = pd.DataFrame({"days": end, "event": (time <= 100).astype(int)})
        return incidence_rates(rows, duration="days", event="event").tidy().iloc[0][
            ["estimate", "conf_low", "conf_high"]
        ].tolist()  # fmt: skip

    found = repeat(estimate, 15)
    assert covers(found[:, 1], found[:, 2], rate) >= 0.95 - MC_COVERAGE


def test_firth_is_less_biased_where_events_are_few() -> None:
    """About ten events: the maximum likelihood estimate runs away or to infinity, Firth's not."""

    def estimate(rng: np.random.Generator) -> list[float]:
        n = 60
        x = rng.integers(0, 2, n)
        time = rng.exponential(np.exp(-1.0 * x) / 0.001)
        end = np.minimum(time, 100.0)
        rows = pd.DataFrame({"days": np.ceil(end), "event": (time <= 100).astype(int), "x": x})
        firth, plain = (
            fit_cox(rows, "x", duration="days", event="event", penalty=penalty)
            for penalty in ("firth", None)
        )
        table = firth.tidy().iloc[0]
        ml = plain.coefficients[0] if plain.ok else np.inf
        return [firth.coefficients[0], table["conf_low"], table["conf_high"], ml]

    found = repeat(estimate, 16)
    found = found[np.isfinite(found[:, 0])]  # a sample without events has no estimate
    assert np.isinf(found[:, 3]).mean() > 0.01
    # the bias that is left is of second order in the information
    assert abs(found[:, 0].mean() - 1.0) < 0.1 + MC_ERRORS * found[:, 0].std() / np.sqrt(len(found))
    assert covers(found[:, 1], found[:, 2], 1.0) >= 0.95 - MC_COVERAGE
