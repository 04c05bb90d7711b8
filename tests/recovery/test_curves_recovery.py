"""Curves, areas and tests of curves on simulated vertebrae, beside the truth.

Patients have three levels whose times share a positive stable frailty of index 1/2. Integrated
out, it leaves a cumulative hazard of ``(t / SCALE) ** (1/2)``, of which a fixed share is fractures
and the rest deaths, so every marginal truth has a closed form although levels are correlated.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import integrate

from vpstats.models.curve_tests import compare_curves
from vpstats.models.curves import cumulative_incidence, kaplan_meier
from vpstats.models.differences import compare_at
from vpstats.models.quantiles import follow_up
from vpstats.models.restricted import restricted_mean

pytestmark = pytest.mark.slow

FULL = bool(os.environ.get("VPSTATS_FULL"))
RUNS = 2_000 if FULL else 120
PATIENTS = 150
SCALE = 400.0
SHARE = 0.6
"""Share of the events that are fractures; the others are deaths."""
LEVELS = 3
DAY = 180.0
COLUMNS: dict[str, Any] = {"duration": "days", "event": "event"}
CLUSTER = {"cluster": "patient_id"}
MC_ERRORS = 4.0

Estimate = Callable[[np.random.Generator], list[float]]


def simulate(
    rng: np.random.Generator, *, patients: int = PATIENTS, effect: float = 0.0, within: bool = False
) -> pd.DataFrame:
    """Levels of patients; `arm` is the patient's or varies `within`, and moves the log hazard."""
    patient = np.repeat(np.arange(patients), LEVELS)
    arm = rng.integers(0, 2, len(patient)) if within else rng.integers(0, 2, patients)[patient]
    frailty = 1 / (2 * rng.normal(size=patients) ** 2)
    hazard = frailty[patient] * np.exp(2 * effect * arm) / SCALE
    time = rng.exponential(size=len(patient)) / hazard
    seen = np.minimum(time, rng.uniform(50, 500, len(patient)))
    cause = np.where(rng.random(len(patient)) < SHARE, 1, 2)
    event = np.where(time <= seen, cause, 0)
    return pd.DataFrame({"patient_id": patient, "arm": arm, "days": seen, "event": event})


def risk(day: float, effect: float = 0.0) -> float:
    """Cumulative incidence of a fracture."""
    return float(SHARE * (1 - np.exp(-np.exp(effect) * np.sqrt(day / SCALE))))


def repeat(estimate: Estimate, seed: int) -> np.ndarray:
    seeds = np.random.SeedSequence(seed).spawn(RUNS)
    return np.array([estimate(np.random.default_rng(child)) for child in seeds])


def limits(row: pd.Series) -> list[float]:
    return row[["estimate", "conf_low", "conf_high"]].tolist()


def held(
    recovered: Callable[..., Any], estimand: str, found: np.ndarray, truth: float, **more: Any
) -> None:
    """Columns by threes: clustered, and then the same with levels taken as independent."""
    for k, method in enumerate(("clustered", "levels as independent")[: found.shape[1] // 3]):
        estimates, low, high = found[:, 3 * k : 3 * k + 3].T
        recovered(estimand, method, truth=truth, estimates=estimates, low=low, high=high,
                  check=k == 0, **more)  # fmt: skip


def test_incidence_is_recovered_and_one_minus_kaplan_meier_is_not(
    recovered: Callable[..., Any],
) -> None:
    def estimate(rng: np.random.Generator) -> list[float]:
        rows = simulate(rng)
        own, naive = (cumulative_incidence(rows, **COLUMNS, **m) for m in (CLUSTER, {}))
        censored = kaplan_meier(rows, **COLUMNS, competing="censor", **CLUSTER)
        read = censored.at(DAY).iloc[0]
        turned = [1 - read["estimate"], 1 - read["conf_high"], 1 - read["conf_low"]]
        return [*limits(own.at(DAY).iloc[0]), *limits(naive.at(DAY).iloc[0]), *turned]

    found = repeat(estimate, 31)
    held(recovered, "incidence, day 180", found[:, :6], risk(DAY))
    estimates, low, high = found[:, 6:].T
    row = recovered("incidence, day 180", "1 − KM, deaths censored", truth=risk(DAY),
                    estimates=estimates, low=low, high=high, check=False)  # fmt: skip
    # fracture and death share the frailty, yet marginally their hazards are proportional, so the
    # limit of one minus Kaplan–Meier is known: fractures had nobody ever died
    limit = 1 - np.exp(-SHARE * np.sqrt(DAY / SCALE))
    assert abs(row.mean - limit) <= MC_ERRORS * row.mean_error
    assert row.mean - risk(DAY) > MC_ERRORS * row.mean_error
    assert row.coverage < 0.8


@pytest.mark.parametrize("within", [False, True], ids=["patients", "vertebrae"])
def test_differences_at_a_time_are_recovered(recovered: Callable[..., Any], within: bool) -> None:
    effect = 0.4

    def estimate(rng: np.random.Generator) -> list[float]:
        rows = simulate(rng, effect=effect, within=within)
        tables = [compare_at(rows, **COLUMNS, by="arm", times=DAY, **m).tidy().set_index("contrast")
                  for m in (CLUSTER, {})]  # fmt: skip
        return [v for c in ("difference", "ratio") for t in tables for v in limits(t.loc[c])]

    found = repeat(estimate, 32)
    of = "vertebrae of a patient" if within else "patients"
    truth = risk(DAY, effect) - risk(DAY)
    held(recovered, f"risk difference, {of}", found[:, :6], truth)
    # the mean of a ratio lies above the ratio: compare logarithms
    held(recovered, f"log risk ratio, {of}", np.log(found[:, 6:]),
         float(np.log(risk(DAY, effect) / risk(DAY))), bias=0.02)  # fmt: skip


def test_areas_and_their_differences_are_recovered(recovered: Callable[..., Any]) -> None:
    effect, horizon = 0.4, 300.0
    lost = [integrate.quad(risk, 0, horizon, args=(e,))[0] for e in (0.0, effect)]

    def estimate(rng: np.random.Generator) -> list[float]:
        rows = simulate(rng, effect=effect)
        tables = [restricted_mean(rows, **COLUMNS, by="arm", horizon=horizon, **m).tidy()
                  for m in (CLUSTER, {})]  # fmt: skip
        wanted = ("measure == 'restricted_mean' and group == 0 and contrast == 'none'",
                  "cause == 'cause 1' and group == 0 and contrast == 'none'",
                  "cause == 'cause 1' and contrast == 'difference'")  # fmt: skip
        return [v for w in wanted for t in tables for v in limits(t.query(w).iloc[0])]

    found = repeat(estimate, 33)
    held(recovered, "restricted mean, 300 days", found[:, :6], horizon - lost[0] / SHARE)
    held(recovered, "time lost to fracture", found[:, 6:12], lost[0])
    held(recovered, "difference of time lost", found[:, 12:], lost[1] - lost[0])


def test_median_follow_up_is_recovered(recovered: Callable[..., Any]) -> None:
    def estimate(rng: np.random.Generator) -> list[float]:
        rows = simulate(rng)
        naive = float(rows["days"].median())  # of the times seen, events and all
        table = follow_up(rows, **COLUMNS, **CLUSTER).tidy()
        return [*limits(table.iloc[0]), naive]

    found = repeat(estimate, 34)
    # an interval of a quantile is read off a step curve, so it is a little wide: no check of 95 %
    row = recovered("median follow-up", "reverse Kaplan–Meier", truth=275.0, estimates=found[:, 0],
                    low=found[:, 1], high=found[:, 2], check=False)  # fmt: skip
    assert abs(row.mean - 275) <= MC_ERRORS * row.mean_error + 2.0
    assert row.coverage >= 0.95 - MC_ERRORS * np.sqrt(0.95 * 0.05 / RUNS)
    assert found[:, 3].mean() < 200


@pytest.mark.parametrize("test", ["logrank", "gray"])
@pytest.mark.parametrize("within", [False, True], ids=["patients", "vertebrae"])
def test_clustered_tests_keep_their_size(
    recovered: Callable[..., Any], test: str, within: bool
) -> None:
    """Of tests without an effect one in twenty is below 5 %; levels as patients exceed that."""

    def estimate(rng: np.random.Generator) -> list[float]:
        rows = simulate(rng, within=within)
        return [compare_curves(rows, **COLUMNS, by="arm", test=test, **m).p_value
                for m in (CLUSTER, {})]  # fmt: skip

    found = repeat(estimate, 35)
    error = np.sqrt(0.05 * 0.95 / RUNS)
    own, naive = (found < 0.05).mean(axis=0)
    assert abs(own - 0.05) <= MC_ERRORS * error
    if FULL and not within:
        assert naive > 0.05 + MC_ERRORS * error
    assert abs(np.mean(found[:, 0]) - 0.5) <= MC_ERRORS * np.sqrt(1 / 12 / RUNS)


def test_the_covariance_of_clusters_of_one_is_that_of_independent_rows() -> None:
    """The two estimate one thing: their ratio tends to 1 as the root of the rows grows."""
    rng = np.random.default_rng(36)
    rows = simulate(rng, patients=8_000).assign(row=lambda d: np.arange(len(d)))
    for test in ("logrank", "gray"):
        robust = compare_curves(rows, **COLUMNS, by="arm", test=test, cluster="row").statistic
        model = compare_curves(rows, **COLUMNS, by="arm", test=test).statistic
        # some six thousand events: four errors of a variance estimated from as many squares
        assert robust / model == pytest.approx(1.0, abs=4 * np.sqrt(2 / 6_000))


def test_permutations_of_patients_keep_the_size_with_few_patients() -> None:
    runs = RUNS if FULL else 60
    seeds = np.random.SeedSequence(37).spawn(runs)
    asked: dict[str, Any] = {**COLUMNS, "by": "arm", "permutations": 39, **CLUSTER}
    p = []
    for child in seeds:
        rows = simulate(np.random.default_rng(child), patients=14)
        if rows["arm"].nunique() == 2 and (rows["event"] == 1).any():
            p.append(compare_curves(rows, **asked).p_value)
    rejected = np.mean(np.array(p) <= 0.1)
    assert rejected <= 0.1 + MC_ERRORS * np.sqrt(0.1 * 0.9 / runs)
    assert rejected >= 0.1 - MC_ERRORS * np.sqrt(0.1 * 0.9 / runs)
