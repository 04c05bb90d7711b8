"""Simulate, fit, compare with the truth.

Patients have one to four levels. The log odds of a leak are marginal: a patient's levels share a
latent normal variable through a Gaussian copula, so that the coefficients below are those of the
population and the naive standard error is too small for what varies between patients.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import optimize, special, stats

from vpstats.models.conditional import fit_conditional_logistic
from vpstats.models.logistic import fit_logistic
from vpstats.models.standardised import standardised_risks

pytestmark = pytest.mark.slow

FULL = bool(os.environ.get("VPSTATS_FULL"))
RUNS = 2_000 if FULL else 100
TRUTH = {"Intercept": -1.0, "ml": 0.4, "osteoporosis": 0.6}
CORRELATION = 0.5
Recovered = Callable[..., Any]


def simulate(rng: np.random.Generator, patients: int, levels: int | None = None) -> pd.DataFrame:
    size = rng.choice(4, size=patients, p=[0.4, 0.3, 0.2, 0.1]) + 1
    size = size if levels is None else np.full(patients, levels)
    patient = np.repeat(np.arange(patients), size)
    n = len(patient)
    osteoporosis = (rng.random(patients) < 0.6).astype(float)[patient]
    ml = rng.normal(size=n)
    shared, own = rng.normal(size=patients)[patient], rng.normal(size=n)
    latent = np.sqrt(CORRELATION) * shared + np.sqrt(1 - CORRELATION) * own
    eta = TRUTH["Intercept"] + TRUTH["ml"] * ml + TRUTH["osteoporosis"] * osteoporosis
    return pd.DataFrame(
        {
            "patient_id": patient,
            "ml": ml,
            "osteoporosis": osteoporosis,
            "leak": (stats.norm.cdf(latent) < special.expit(eta)).astype(int),
        }
    )


def generators(seed: int, runs: int = RUNS) -> list[np.random.Generator]:
    return [np.random.default_rng(s) for s in np.random.SeedSequence(seed).spawn(runs)]


@cache
def samples(seed: int, patients: int, levels: int | None = None) -> list[pd.DataFrame]:
    return [simulate(rng, patients, levels) for rng in generators(seed)]


def limits(rows: list[pd.DataFrame]) -> dict[str, Any]:
    table = pd.concat(rows)
    return {"estimates": table["estimate"], "low": table["conf_low"], "high": table["conf_high"]}


@pytest.mark.parametrize("penalty", [None, "firth", "flic", "flac"])
def test_clustered_fits_recover_the_truth(penalty: str | None, recovered: Recovered) -> None:
    fits = [
        fit_logistic(data, "leak ~ ml + osteoporosis", cluster="patient_id", penalty=penalty)
        for data in samples(1, 250)
    ]
    # first-order bias of maximum likelihood is below 2 % of a coefficient at 500 rows
    for term, truth in TRUTH.items():
        rows = [fit.tidy().set_index("term").loc[[term]] for fit in fits]
        recovered(
            f"log odds ratio of {term}",
            f"{penalty or 'maximum likelihood'}, CR1",
            truth=truth,
            bias=0.02 * abs(truth),
            **limits(rows),
        )


def test_levels_as_independent_patients_cover_too_little(recovered: Recovered) -> None:
    # four levels per patient whose outcomes correlate by about 0.33: the variance of a covariate
    # that is constant within patients is about 1 + 3 x 0.33 = 2 times the naive one, so that
    # nominal 95 % covers 2 Phi(1.96 / sqrt 2) - 1 = 83 %
    data = samples(1, 120, 4)
    for method, options, check in (
        ("levels as independent", {}, False),
        ("CR1", {"cluster": "patient_id"}, True),
        ("CR2", {"cluster": "patient_id", "vcov": "CR2"}, True),
    ):
        fits = [fit_logistic(d, "leak ~ ml + osteoporosis", **options) for d in data]
        row = recovered(
            "log odds ratio of osteoporosis, four levels each",
            method,
            truth=TRUTH["osteoporosis"],
            bias=0.02 * TRUTH["osteoporosis"],
            check=check,
            **limits([f.tidy().query("term == 'osteoporosis'") for f in fits]),
        )
        if not check:
            assert abs(row.coverage - 0.83) < 4 * np.sqrt(0.83 * 0.17 / RUNS)


def test_firth_profile_intervals_cover_with_few_events(recovered: Recovered) -> None:
    truth, rows, separated = 1.0, [], 0
    for rng in generators(7):
        x = (rng.random(120) < 0.2).astype(int)
        y = (rng.random(120) < special.expit(-3.0 + truth * x)).astype(int)
        if not 0 < y.sum() < 120:
            continue
        data = pd.DataFrame({"y": y, "x": x})
        fit = fit_logistic(data, "y ~ x", penalty="firth", intervals="profile")
        rows.append(fit.tidy().query("term == 'x'"))
        separated += fit_logistic(data, "y ~ x").status == "separated"
    assert separated > 0  # the case that maximum likelihood cannot answer does occur here
    found = recovered(
        "log odds ratio, eight events", "firth, profile", truth=truth, check=False, **limits(rows)
    )
    # about eight events: intervals of a discrete outcome may cover more, never below 93 %
    assert found.coverage > 0.93 - 2 * np.sqrt(0.93 * 0.07 / found.runs)


# rare outcomes -------------------------------------------------------------------------------

RARE_RUNS = 20_000 if FULL else 300
EXPOSED, LOG_TWO = 0.15, np.log(2)


def baseline(share: float) -> float:
    """Log odds of the unexposed at which this share of all has the outcome."""

    def gap(b: float) -> float:
        return (1 - EXPOSED) * special.expit(b) + EXPOSED * special.expit(b + LOG_TWO) - share

    return float(optimize.brentq(gap, -15, 5))


@cache
def slopes_of(exposed: int, events: tuple[int, int]) -> tuple[float, float]:
    """Firth's and the maximum likelihood slope of a table; NaN where the latter is infinite."""
    sizes = (1_000 - exposed, exposed)
    data = pd.DataFrame(
        {
            "x": np.repeat([0, 1], sizes),
            "y": np.concatenate([np.arange(n) < e for n, e in zip(sizes, events, strict=True)]),
        }
    )
    fits = [fit_logistic(data, "y ~ x", penalty=penalty) for penalty in ("firth", None)]
    return fits[0].coefficients[1], fits[1].coefficients[1]


@pytest.mark.parametrize("share", [0.005, 0.01, 0.02])
def test_firth_is_closer_to_the_truth_than_finite_maximum_likelihood(
    share: float, recovered: Recovered
) -> None:
    # maximum likelihood has no estimate for the samples that separate, and those are the ones
    # with few events: the estimates that are left are no fair sample
    b, drawn = baseline(share), []
    for rng in generators(11, RARE_RUNS):
        exposed = int(rng.binomial(1_000, EXPOSED))
        events = (
            int(rng.binomial(1_000 - exposed, special.expit(b))),
            int(rng.binomial(exposed, special.expit(b + LOG_TWO))),
        )
        if sum(events):
            drawn.append(slopes_of(exposed, events))
    firth, plain = np.array(drawn).T
    finite = np.isfinite(plain)
    assert np.isfinite(firth).all()
    rows = {}
    for method, estimates in (
        ("firth, all samples", firth),
        (f"finite maximum likelihood, {100 * finite.mean():.0f} % of samples", plain[finite]),
        ("firth, the same samples", firth[finite]),
    ):
        distance = np.sqrt(np.mean((estimates - LOG_TWO) ** 2))
        nothing = np.full(len(estimates), np.nan)
        rows[method[:5]] = recovered(
            f"log odds ratio, outcome {100 * share:g} %",
            f"{method}, distance {distance:.3f}",
            truth=LOG_TWO, estimates=estimates, low=nothing, high=nothing, check=False,
        )  # fmt: skip
    # sample by sample it is nearer
    apart = (firth[finite] - LOG_TWO) ** 2 - (plain[finite] - LOG_TWO) ** 2
    assert apart.mean() + 4 * apart.std() / np.sqrt(len(apart)) < 0
    # and its mean over all samples is not farther off, where chance can tell
    ours, theirs = abs(firth.mean() - LOG_TWO), abs(plain[finite].mean() - LOG_TWO)
    error = np.hypot(rows["firth"].mean_error, rows["finit"].mean_error)
    assert ours < theirs + 4 * error


def test_corrected_penalties_predict_the_observed_number_of_rare_events(
    recovered: Recovered,
) -> None:
    b, share = baseline(0.02), 0.02
    found: dict[str, list[float]] = {"firth": [], "flic": [], "flac": []}
    for rng in generators(12, min(RUNS, 400)):
        x = (rng.random(500) < EXPOSED).astype(int)
        z = rng.normal(size=500)
        y = (rng.random(500) < special.expit(b + LOG_TWO * x)).astype(int)
        if y.sum() < 2:
            continue
        data = pd.DataFrame({"y": y, "x": x, "z": z})
        for penalty, values in found.items():
            fit = fit_logistic(data, "y ~ x + z", penalty=penalty)
            values.append(fit.predict(data)["estimate"].mean())
    for penalty, values in found.items():
        nothing = np.full(len(values), np.nan)
        row = recovered(
            "mean predicted risk", penalty, truth=share, estimates=values, low=nothing,
            high=nothing, check=False,
        )  # fmt: skip
        if penalty == "firth":
            assert row.mean > share + 4 * row.mean_error
        else:
            assert abs(row.mean - share) < 4 * row.mean_error


# standardised risks --------------------------------------------------------------------------


@cache
def marginal_truth() -> tuple[float, float]:
    """Risk difference and log risk ratio of osteoporosis in a million patients."""
    ml = simulate(np.random.default_rng(3), 1_000_000)["ml"].to_numpy()
    without = special.expit(TRUTH["Intercept"] + TRUTH["ml"] * ml).mean()
    having = special.expit(TRUTH["Intercept"] + TRUTH["ml"] * ml + TRUTH["osteoporosis"]).mean()
    return float(having - without), float(np.log(having / without))


@pytest.mark.parametrize("intervals", ["delta", "bootstrap"])
def test_standardised_risks_recover_the_truth(intervals: str, recovered: Recovered) -> None:
    difference, log_ratio = marginal_truth()
    runs = samples(1, 120, 4)
    runs = runs if intervals == "delta" or FULL else runs[:25]
    for method, options in (
        ("levels as independent", {}),
        (f"CR1, {intervals}", {"cluster": "patient_id"}),
    ):
        if intervals == "bootstrap" and not options and not FULL:
            continue
        tables = []
        for data in runs:
            fit = fit_logistic(data, "leak ~ ml + osteoporosis", **options)
            risks = standardised_risks(
                fit, data, exposure="osteoporosis", intervals=intervals, n_boot=200, seed=1
            )
            tables.append(risks.tidy())
        for measure, truth in (("risk_difference", difference), ("risk_ratio", log_ratio)):
            part = [t[t["measure"] == measure] for t in tables]
            if measure == "risk_ratio":
                part = [p.assign(**{c: np.log(p[c]) for c in ("estimate", "conf_low", "conf_high")})
                        for p in part]  # fmt: skip
            recovered(
                f"standardised {measure.replace('_', ' ')} of osteoporosis"
                + (" (log)" if measure == "risk_ratio" else ""),
                method,
                truth=truth,
                bias=0.03 * abs(truth),  # of a smooth function of estimates, at 480 rows
                check="cluster" in options,
                **limits(part),
            )


def test_an_equivalence_test_holds_its_level(recovered: Recovered) -> None:
    # the true difference is the margin itself: two one-sided tests at 5 % call it none in 5 %
    risk, margin, called = 0.3, 0.08, []
    for rng in generators(14, RUNS if FULL else 200):
        x = np.arange(700) % 2
        y = (rng.random(700) < risk + margin * x).astype(int)
        data = pd.DataFrame({"x": x, "y": y})
        fit = fit_logistic(data, "y ~ x")
        table = standardised_risks(fit, data, exposure="x", margin=margin).tidy()
        called.append(table.loc[2, "verdict"] == "equivalent")
    share = float(np.mean(called))
    recovered("equivalence at the margin", "two one-sided tests", truth=0.05,
              estimates=np.array(called, float), low=np.full(len(called), np.nan),
              high=np.full(len(called), np.nan), check=False)  # fmt: skip
    assert share < 0.05 + 4 * np.sqrt(0.05 * 0.95 / len(called))


# matched sets --------------------------------------------------------------------------------


def test_matched_sets_recover_the_truth(recovered: Recovered) -> None:
    # sets differ in their own log odds and in what they are exposed to; ignoring the matching
    # takes the association of both for an effect and then dilutes it
    truth, matched, pooled = 0.7, [], []
    for rng in generators(9, RUNS if FULL else 50):
        sets, size = 70, 4
        own = np.repeat(rng.normal(0, 1.5, sets), size)
        x = 0.6 * own + rng.normal(size=sets * size)
        y = (rng.random(sets * size) < special.expit(-0.5 + own + truth * x)).astype(int)
        data = pd.DataFrame({"set": np.repeat(np.arange(sets), size), "x": x, "y": y})
        matched.append(fit_conditional_logistic(data, "y ~ x", strata="set").tidy())
        pooled.append(fit_logistic(data, "y ~ x").tidy().query("term == 'x'"))
    recovered("log odds ratio within sets", "conditional", truth=truth, bias=0.04 * truth,
              **limits(matched))  # fmt: skip
    naive = recovered("log odds ratio within sets", "sets ignored", truth=truth, check=False,
                      **limits(pooled))  # fmt: skip
    assert naive.mean > truth + 4 * naive.mean_error
