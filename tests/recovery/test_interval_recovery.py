"""Simulate visits, estimate, compare with the truth.

Patients fall ill (an infection, say) and die with intensities that change at 60 and 365 days; the
ill die five times as fast. They are seen at planned visits, each kept by most and a few days off;
whoever dies or is lost after a visit may have fallen ill unseen. The incidence that counts is that
of all illness, seen or not, with death competing.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from vpstats.models.interval.illness_death import IllnessDeathFit, fit_illness_death
from vpstats.models.interval.interval_aft import fit_interval_aft
from vpstats.models.interval.turnbull import turnbull

pytestmark = pytest.mark.slow

RUNS = 2_000 if os.environ.get("VPSTATS_FULL") else 80
CUTS = (60.0, 365.0)
EDGES = np.array([0.0, *CUTS, np.inf])
ILLNESS = np.array([0.0016, 0.0006, 0.0003])
DEATH = np.array([0.0006, 0.0004, 0.0004])
AFTER = 5.0
"""Ratio of dying ill to dying healthy."""
BETA = 0.6
PLANNED = np.array([21.0, 90.0, 180.0, 365.0, 550.0, 730.0])
PATIENTS = 700
AT = 365.0

Array = np.ndarray


def cumulative(rates: Array, t: Array) -> Array:
    width = np.clip(np.minimum.outer(t, EDGES[1:]) - EDGES[:-1], 0, None)
    return width @ rates


def time_of(rng: np.random.Generator, rates: Array, factor: Array, after: Array) -> Array:
    """Time at which a hazard factor × rates, felt from `after` on, has used up an exponential."""
    used = rng.exponential(size=len(factor)) / factor + cumulative(rates, after)
    at = cumulative(rates, EDGES[:-1])
    k = np.searchsorted(at, used, side="right") - 1
    return EDGES[k] + (used - at[k]) / rates[k]


def simulate(
    rng: np.random.Generator, n: int = PATIENTS, *, triggered: float = 0.0, beta: float = 0.0
) -> pd.DataFrame:
    """Patients with planned visits, and a share of the ill who come when they have symptoms."""
    x = rng.integers(0, 2, n)
    one, start = np.ones(n), np.zeros(n)
    onset = time_of(rng, ILLNESS, np.exp(beta * x), start)
    healthy_death = time_of(rng, DEATH, one, start)
    ill = onset < healthy_death
    death = np.where(ill, time_of(rng, DEATH, AFTER * one, np.minimum(onset, 1e6)), healthy_death)
    end = np.minimum(death, rng.uniform(400, 900, n))
    visits = PLANNED * rng.uniform(0.9, 1.1, (n, PLANNED.size))
    visits[rng.random(visits.shape) > 0.85] = np.inf
    prompted = onset + rng.exponential(10, n)
    prompted[rng.random(n) > triggered] = np.inf
    visits = np.column_stack([visits, np.where(ill, prompted, np.inf)])
    visits[visits > end[:, None]] = np.inf
    seen_ill = visits >= onset[:, None]
    right = np.where(seen_ill, visits, np.inf).min(axis=1)
    left = np.where(seen_ill | np.isinf(visits), 0.0, visits).max(axis=1)
    return pd.DataFrame(
        {
            "left": left,
            "right": np.where(np.isfinite(right), right, np.nan),
            "end": end,
            "died": (death <= end).astype(int),
            "x": x,
            "visits": np.isfinite(visits).sum(axis=1),
        }
    )


def fit(rows: pd.DataFrame, formula: str = "~ 1", **more: Any) -> IllnessDeathFit:
    asked = {"cuts": CUTS, "after_illness": "ratio"} | more
    return fit_illness_death(
        rows, formula, left="left", right="right", end="end", died="died", **asked
    )


def true_incidence(at: float) -> float:
    """Integral of the intensity times the probability of being alive and healthy."""
    grid = np.linspace(0, at, 200_001)
    mid = (grid[1:] + grid[:-1]) / 2
    rate = ILLNESS[np.searchsorted(EDGES[1:-1], mid)]
    return float(np.sum(rate * np.exp(-cumulative(ILLNESS + DEATH, mid))) * (grid[1] - grid[0]))


def repeat(estimate: Callable[[np.random.Generator], Any], seed: int) -> Array:
    seeds = np.random.SeedSequence(seed).spawn(RUNS)
    return np.array([estimate(np.random.default_rng(child)) for child in seeds])


def three(row: pd.Series) -> list[float]:
    return [row["estimate"], row["conf_low"], row["conf_high"]]


def test_planned_visits_give_the_incidence_of_all_illness(
    recovered: Callable[..., Any],
) -> None:
    def estimate(rng: np.random.Generator) -> list[list[float]]:
        fitted = fit(simulate(rng))
        incidence = fitted.incidence([AT])
        terms = fitted.tidy().iloc[:3]
        return [three(r) for _, r in pd.concat([incidence, terms]).iterrows()]

    found = repeat(estimate, 31)
    truth = true_incidence(AT)
    means = {}
    for i, method in enumerate(("interval", "midpoint", "date found")):
        row = recovered(
            "incidence at 365 days, planned visits",
            method,
            truth=truth,
            estimates=found[:, i, 0],
            low=found[:, i, 1],
            high=found[:, i, 2],
            check=method == "interval",
        )
        means[method] = row.mean
    # the simpler analyses miss the illness that nobody saw
    assert means["date found"] < truth * 0.95
    assert means["midpoint"] < truth * 0.97
    for k in range(3):
        recovered(
            f"log intensity of illness, window {k + 1}",
            "interval",
            truth=np.log(ILLNESS[k]),
            estimates=found[:, 3 + k, 0],
            low=found[:, 3 + k, 1],
            high=found[:, 3 + k, 2],
            # the logarithm of a rate is biased by half its variance; the whole is allowed
            bias=float(np.var(found[:, 3 + k, 0])),
        )


def test_visits_prompted_by_symptoms_bias_every_method(recovered: Callable[..., Any]) -> None:
    def estimate(rng: np.random.Generator) -> list[list[float]]:
        return [three(r) for _, r in fit(simulate(rng, triggered=0.8)).incidence([AT]).iterrows()]

    found = repeat(estimate, 32)
    truth = true_incidence(AT)
    rows = [
        recovered(
            "incidence at 365 days, 80 % of the ill come with symptoms",
            method,
            truth=truth,
            estimates=found[:, i, 0],
            low=found[:, i, 1],
            high=found[:, i, 2],
            check=False,
        )
        for i, method in enumerate(("interval", "midpoint", "date found"))
    ]
    # the model expects unseen illness where the ill would have come of themselves
    assert rows[0].mean > truth + 4 * rows[0].mean_error


def test_hazard_ratios_are_recovered(recovered: Callable[..., Any]) -> None:
    def estimate(rng: np.random.Generator) -> list[list[float]]:
        rows = simulate(rng, beta=BETA)
        fitted = fit(rows, "~ x")
        fits = (fitted, *fitted.naive_fits)
        return [three(f.tidy().set_index("term").loc["illness:x"]) for f in fits]

    found = repeat(estimate, 33)
    for i, method in enumerate(("interval", "midpoint", "date found")):
        recovered(
            "log hazard ratio of illness",
            method,
            truth=BETA,
            estimates=found[:, i, 0],
            low=found[:, i, 1],
            high=found[:, i, 2],
            check=method == "interval",
            bias=0.01,  # of a log odds or hazard ratio from 120 events
        )


def test_clustered_rows_need_the_sandwich(recovered: Callable[..., Any]) -> None:
    """Vertebrae of a patient that share their history: the same row twice."""

    def estimate(rng: np.random.Generator) -> list[list[float]]:
        rows = simulate(rng, 300)
        twice = pd.concat([rows.assign(patient=np.arange(len(rows)))] * 2)
        both = [fit(twice, cluster="patient"), fit(twice)]
        return [three(f.incidence([AT]).iloc[0]) for f in both]

    found = repeat(estimate, 34)
    for i, method in enumerate(("clustered", "as if independent")):
        recovered(
            "incidence at 365 days, two rows per patient",
            method,
            truth=true_incidence(AT),
            estimates=found[:, i, 0],
            low=found[:, i, 1],
            high=found[:, i, 2],
            check=i == 0,
            bias=0.005,  # of order 1/n: what nobody saw is inferred from 300 patients
        )


def planned_only(rng: np.random.Generator, n: int) -> pd.DataFrame:
    """Weibull times, nobody dies, planned visits exactly kept or missed."""
    time = 700 * rng.weibull(1.5, n)
    visits = np.tile(PLANNED, (n, 1))
    visits[rng.random(visits.shape) > 0.8] = np.inf
    right = np.where(visits >= time[:, None], visits, np.inf).min(axis=1)
    left = np.where((visits < time[:, None]) & np.isfinite(visits), visits, 0).max(axis=1)
    rows = pd.DataFrame({"left": left, "right": right})
    return rows[(rows["left"] > 0) | np.isfinite(rows["right"])]


def test_fixed_visits_give_survival_and_parameters(recovered: Callable[..., Any]) -> None:
    def estimate(rng: np.random.Generator) -> list[list[float]]:
        rows = planned_only(rng, 300)
        curve = turnbull(rows, left="left", right="right", visits=PLANNED)
        model = fit_interval_aft(rows, "~ 1", left="left", right="right")
        survival = model.predict(pd.DataFrame(index=[0]), times=[AT]).iloc[0]
        return [three(curve.at(AT).iloc[0]), three(survival), three(model.tidy().iloc[1])]

    found = repeat(estimate, 35)
    survival = float(np.exp(-((AT / 700) ** 1.5)))
    for i, (what, method, truth) in enumerate(
        [
            ("survival at a visit", "Turnbull", survival),
            ("survival at a visit", "Weibull", survival),
            ("log scale", "Weibull", -np.log(1.5)),
        ]
    ):
        recovered(
            what,
            method,
            truth=truth,
            estimates=found[:, i, 0],
            low=found[:, i, 1],
            high=found[:, i, 2],
            bias=0.01 if what == "log scale" else 0.0,  # of order 1/n, as of any scale
        )
