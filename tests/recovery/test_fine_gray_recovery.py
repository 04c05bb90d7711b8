"""Simulate a subdistribution, fit it, compare with the truth.

The design of Fine and Gray (1999): the event in question happens by t with probability
``1 - (1 - p (1 - exp(-t)))^exp(b x)``, else the competing event happens, at a rate of its own; then
rows are lost. Times are days, of which one unit has 200, so that many are tied.

Clusters share a positive stable variable of index 1/2 that multiplies the cumulative
subdistribution hazard ``(2 L)^2``-wise so that, averaged over it, the model holds exactly with the
coefficients of the independent design: the truth of what a marginal model estimates has a closed
form although rows of a cluster are correlated. A second design has gamma frailties, for which
proportionality holds within clusters and not on average; its truth is what one sample of a million
rows gives.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache

import numpy as np
import pandas as pd
import pytest

from vpstats.models.fine_gray import fit_fine_gray

pytestmark = pytest.mark.slow

RUNS = 2_000 if os.environ.get("VPSTATS_FULL") else 100
UNIT = 200.0
"""Days in a unit of time."""
SHARE = 0.5
"""p: the share of events in question at x = 0, had everybody been followed for ever."""
BETA = 0.6
AT = 1.0
TRUE_RISK = 1 - (1 - SHARE * (1 - np.exp(-AT))) ** np.exp(BETA)
"""Incidence at time 1 of a row with x = 1."""
TIMES = {"duration": "days", "event": "event"}
Recovered = Callable[..., object]


def latent(rng: np.random.Generator, slope: np.ndarray, factor: np.ndarray | float = 1.0,
           power: float = 1.0) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Time and cause of the first event; factor × (cumulative hazard)^power is exponential."""
    target = (rng.exponential(size=slope.size) / factor) ** (1 / power) / np.exp(slope)
    share = -np.expm1(-target) / SHARE  # of those who will have the event, or beyond 1 for never
    own = share < 1
    time = np.where(own, -np.log1p(-np.where(own, share, 0)), 0)
    other = rng.exponential(size=slope.size) / np.exp(-0.4 * slope)
    return np.where(own, time, other), np.where(own, 1, 2)


def observe(rng: np.random.Generator, x: np.ndarray, time: np.ndarray, cause: np.ndarray,
            until: np.ndarray | float = 2.5) -> pd.DataFrame:  # fmt: skip
    lost = rng.uniform(0.2, until, x.size)
    return pd.DataFrame(
        {
            "x": x,
            "days": np.ceil(UNIT * np.minimum(time, lost)),
            "event": np.where(time <= lost, cause, 0),
        }
    )


def repeat(estimate: Callable[[np.random.Generator], list[float]], seed: int) -> np.ndarray:
    seeds = np.random.SeedSequence(seed).spawn(RUNS)
    return np.array([estimate(np.random.default_rng(child)) for child in seeds])


def of_term(table: pd.DataFrame) -> list[float]:
    return table[["estimate", "conf_low", "conf_high"]].iloc[0].tolist()


def hold(recovered: Recovered, estimand: str, method: str, truth: float, found: np.ndarray,
         **more: object) -> None:  # fmt: skip
    recovered(estimand, method, truth=truth, estimates=found[:, 0], low=found[:, 1],
              high=found[:, 2], **more)  # fmt: skip


ONE = pd.DataFrame({"x": [1]})


def test_the_subdistribution_hazard_ratio_and_the_incidence(recovered: Recovered) -> None:
    def estimate(rng: np.random.Generator) -> list[float]:
        x = rng.integers(0, 2, 300)
        fit = fit_fine_gray(observe(rng, x, *latent(rng, BETA * x)), "x", **TIMES)
        cox = fit.cause_specific.query("cause == 1")
        risk = fit.predict(ONE, times=AT * UNIT)
        return [*of_term(fit.tidy()), *of_term(cox), *of_term(risk)]

    found = repeat(estimate, 1)
    hold(recovered, "log SHR, independent rows", "Fine–Gray", BETA, found[:, :3])
    hold(recovered, "log SHR, independent rows", "cause-specific Cox (another estimand)", BETA,
         found[:, 3:6], check=False)  # fmt: skip
    # the incidence is a concave function of the hazard: half its variance times 1 - incidence
    hold(recovered, "incidence at 1, x = 1", "Fine–Gray", TRUE_RISK, found[:, 6:], bias=0.004)


def clustered(rng: np.random.Generator, clusters: int, size: int, frailty: str) -> pd.DataFrame:
    cluster = np.repeat(np.arange(clusters), size)
    x = rng.integers(0, 2, clusters)[cluster]  # the patient's, as most risk factors are
    if frailty == "stable":
        shared = 1 / (2 * rng.normal(size=clusters) ** 2)
        time, cause = latent(rng, BETA * x, shared[cluster], power=2.0)
    else:
        shared = rng.gamma(1.0, 1.0, clusters)
        time, cause = latent(rng, BETA * x, shared[cluster])
    return observe(rng, x, time, cause).assign(patient=cluster)


@cache
def marginal_truth() -> float:
    """What a million rows of the design with gamma frailties give."""
    rows = clustered(np.random.default_rng(99), 500_000, 2, "gamma")
    return float(fit_fine_gray(rows, "x", **TIMES).coefficients[0])


@pytest.mark.parametrize("frailty", ["stable", "gamma"])
def test_clusters_are_counted(frailty: str, recovered: Recovered) -> None:
    truth = BETA if frailty == "stable" else marginal_truth()
    risk = 1 - (1 - SHARE * (1 - np.exp(-AT))) ** np.exp(BETA)

    def estimate(rng: np.random.Generator) -> list[float]:
        rows = clustered(rng, 220, 2, frailty)
        fits = [fit_fine_gray(rows, "x", **TIMES, cluster=c) for c in ("patient", None)]
        risks = [of_term(fit.predict(ONE, times=AT * UNIT)) for fit in fits]
        return [v for part in (*(of_term(f.tidy()) for f in fits), *risks) for v in part]

    found = repeat(estimate, 2)
    estimand = f"log SHR, clusters with {frailty} frailty"
    hold(recovered, estimand, "clustered", truth, found[:, :3])
    hold(recovered, estimand, "taken as independent", truth, found[:, 3:6], check=False)
    if frailty == "stable":
        assert np.mean((found[:, 4] <= truth) & (truth <= found[:, 5])) < 0.93
        estimand = "incidence at 1, x = 1, clusters"
        hold(recovered, estimand, "clustered", risk, found[:, 6:9], bias=0.004)
        hold(recovered, estimand, "taken as independent", risk, found[:, 9:], check=False)


def test_late_entry_is_no_bias_if_it_is_named(recovered: Recovered) -> None:
    """Rows are seen only if their follow-up outlives their entry."""

    def estimate(rng: np.random.Generator) -> list[float]:
        x = rng.integers(0, 2, 700)
        rows = observe(rng, x, *latent(rng, BETA * x))
        late = np.floor(UNIT * rng.uniform(0, 0.8, 700)) * (rng.random(700) < 0.7)
        seen = rows.assign(entry=late)[late < rows["days"]]
        named = fit_fine_gray(seen, "x", **TIMES, entry="entry")
        ignored = fit_fine_gray(seen, "x", **TIMES)
        parts = [named.tidy(), *(f.predict(ONE, times=AT * UNIT) for f in (named, ignored))]
        return [v for part in parts for v in of_term(part)]

    found = repeat(estimate, 3)
    hold(recovered, "log SHR, late entry", "entry named", BETA, found[:, :3])
    estimand = "incidence at 1, x = 1, late entry"
    hold(recovered, estimand, "entry named", TRUE_RISK, found[:, 3:6], bias=0.004)
    hold(recovered, estimand, "entry ignored", TRUE_RISK, found[:, 6:], check=False)
    assert found[:, 6].mean() < TRUE_RISK - 0.03  # early events are missed, their time is counted


def test_strata_with_losses_of_their_own(recovered: Recovered) -> None:
    """Centers differ in baseline, in losses and in x, so that leaving them out confounds."""

    def estimate(rng: np.random.Generator) -> list[float]:
        center = rng.integers(0, 2, 400)
        x = (rng.random(400) < np.where(center, 0.7, 0.3)).astype(int)
        time, cause = latent(rng, BETA * x + 1.0 * center)
        rows = observe(rng, x, time, cause, until=np.where(center, 0.8, 3.0))
        rows = rows.assign(center=center)
        stratified = fit_fine_gray(rows, "x", **TIMES, strata="center")
        return [*of_term(stratified.tidy()), *of_term(fit_fine_gray(rows, "x", **TIMES).tidy())]

    found = repeat(estimate, 4)
    hold(recovered, "log SHR, two centers", "stratified", BETA, found[:, :3])
    hold(recovered, "log SHR, two centers", "centers left out", BETA, found[:, 3:], check=False)
