"""Simulate, fit, compare with the truth.

Patients have one to four levels. The log odds of a leak are marginal: a patient's levels share a
latent normal variable through a Gaussian copula, so that the coefficients below are those of the
population and the naive standard error is too small for what varies between patients.
"""

from __future__ import annotations

import os

import numpy as np
import pandas as pd
import pytest
from scipy import special, stats

from vpstats.models.logistic import fit_logistic

pytestmark = pytest.mark.slow

RUNS = 2_000 if os.environ.get("VPSTATS_FULL") else 150
TRUTH = {"Intercept": -1.0, "ml": 0.4, "osteoporosis": 0.6}
CORRELATION = 0.5
MC_ERRORS = 4.0
"""Estimates of bias and coverage may differ from the truth by four Monte-Carlo standard errors."""


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


def run(patients: int, seed: int, levels: int | None = None, **options: object) -> pd.DataFrame:
    seeds = np.random.SeedSequence(seed).spawn(RUNS)
    parts = []
    for child in seeds:
        data = simulate(np.random.default_rng(child), patients, levels)
        fit = fit_logistic(data, "leak ~ ml + osteoporosis", **options)
        parts.append(fit.tidy())
    return pd.concat(parts).set_index("term")


def coverage(rows: pd.DataFrame, term: str) -> float:
    part, truth = rows.loc[term], TRUTH[term]
    return float(((part["conf_low"] <= truth) & (truth <= part["conf_high"])).mean())


@pytest.mark.parametrize("penalty", [None, "firth"])
def test_clustered_fits_recover_the_truth(penalty: str | None) -> None:
    rows = run(250, seed=1, cluster="patient_id", penalty=penalty)
    for term, truth in TRUTH.items():
        estimates = rows.loc[term, "estimate"].to_numpy(float)
        mc_error = estimates.std(ddof=1) / np.sqrt(RUNS)
        # first-order bias of maximum likelihood is below 2 % of a coefficient at 500 rows
        allowed = MC_ERRORS * mc_error + (0.02 * abs(truth) if penalty is None else 0.0)
        assert abs(estimates.mean() - truth) < allowed
        nominal_error = np.sqrt(0.95 * 0.05 / RUNS)
        assert abs(coverage(rows, term) - 0.95) < MC_ERRORS * nominal_error


def test_ignoring_clusters_is_seen_to_cover_too_little() -> None:
    # four levels per patient whose outcomes correlate by about 0.33: the variance of a covariate
    # that is constant within patients is about 1 + 3 x 0.33 = 2 times the naive one, so that
    # nominal 95 % covers 2 Phi(1.96 / sqrt 2) - 1 = 83 %
    naive = coverage(run(120, seed=1, levels=4), "osteoporosis")
    assert abs(naive - 0.83) < MC_ERRORS * np.sqrt(0.83 * 0.17 / RUNS)
    robust = coverage(run(120, seed=1, levels=4, cluster="patient_id"), "osteoporosis")
    assert abs(robust - 0.95) < MC_ERRORS * np.sqrt(0.95 * 0.05 / RUNS)


def test_firth_profile_intervals_cover_with_few_events() -> None:
    rng_runs = np.random.SeedSequence(7).spawn(RUNS)
    covered, separated, finite = [], 0, []
    truth = 1.0
    for child in rng_runs:
        rng = np.random.default_rng(child)
        x = (rng.random(120) < 0.2).astype(int)
        y = (rng.random(120) < special.expit(-3.0 + truth * x)).astype(int)
        data = pd.DataFrame({"y": y, "x": x})
        if 0 < y.sum() < 120:
            fit = fit_logistic(data, "y ~ x", penalty="firth", intervals="profile")
            row = fit.tidy().set_index("term").loc["x"]
            covered.append(row["conf_low"] <= truth <= row["conf_high"])
            finite.append(
                np.isfinite(row[["estimate", "conf_low", "conf_high"]].astype(float)).all()
            )
            separated += fit_logistic(data, "y ~ x").status == "separated"
    assert all(finite)
    assert separated > 0  # the case that maximum likelihood cannot answer does occur here
    # about eight events: intervals of a discrete outcome may cover more, never below 93 %
    share = float(np.mean(covered))
    assert share > 0.93 - 2 * np.sqrt(0.93 * 0.07 / len(covered))
