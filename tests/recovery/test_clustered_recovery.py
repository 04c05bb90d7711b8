"""Simulate clustered levels, fit, compare with the truth of that estimand.

Marginal truths come from a Gaussian copula, in which coefficients are those of the population, or
from one run of 10^6 patients of the same design; conditional ones are the coefficients that rows
were drawn with. Beside each stands the analysis that ignores clusters.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import special, stats

from vpstats.models.gee import fit_gee
from vpstats.models.logistic import fit_logistic
from vpstats.models.mixed import fit_mixed_logistic

pytestmark = pytest.mark.slow

RUNS = 2_000 if os.environ.get("VPSTATS_FULL") else 80
Recovered = Callable[..., Any]


def seeds(seed: int) -> list[np.random.Generator]:
    return [np.random.default_rng(s) for s in np.random.SeedSequence(seed).spawn(RUNS)]


def limits(fits: list[Any], term: str) -> dict[str, Any]:
    rows = pd.concat([f.tidy() for f in fits]).set_index("term").loc[term]
    return {"estimates": rows["estimate"], "low": rows["conf_low"], "high": rows["conf_high"]}


# marginal -------------------------------------------------------------------------------------

MARGINAL = {"Intercept": -0.8, "ml": 0.4, "osteoporosis": 0.6}
FORMULA = "leak ~ ml + osteoporosis"


def copula(rng: np.random.Generator, patients: int, least: int, most: int) -> pd.DataFrame:
    """Levels of patients whose outcomes share half of a latent normal; odds ratios are marginal."""
    patient = np.repeat(np.arange(patients), rng.integers(least, most + 1, patients))
    n = len(patient)
    osteoporosis = (rng.random(patients) < 0.5).astype(float)[patient]
    ml = rng.normal(size=n)
    latent = (rng.normal(size=patients)[patient] + rng.normal(size=n)) / np.sqrt(2)
    eta = MARGINAL["Intercept"] + MARGINAL["ml"] * ml + MARGINAL["osteoporosis"] * osteoporosis
    leak = (stats.norm.cdf(latent) < special.expit(eta)).astype(int)
    return pd.DataFrame(
        {"patient_id": patient, "ml": ml, "osteoporosis": osteoporosis, "leak": leak}
    )


def test_marginal_odds_ratios(recovered: Recovered) -> None:
    data = [copula(rng, 200, 1, 4) for rng in seeds(1)]
    methods = {
        "GEE, exchangeable, CR0": [fit_gee(d, FORMULA, cluster="patient_id") for d in data],
        "logistic, levels as independent": [fit_logistic(d, FORMULA) for d in data],
    }
    for method, fits in methods.items():
        for term, truth in MARGINAL.items():
            # maximum likelihood is some 2 % too large at 500 rows, to first order
            recovered(f"marginal log odds ratio, {term}", method, truth=truth,
                      bias=0.02 * abs(truth), check=method.startswith("GEE"),
                      **limits(fits, term))  # fmt: skip


def test_marginal_odds_ratios_of_few_clusters(recovered: Recovered) -> None:
    data = [copula(rng, 40, 5, 15) for rng in seeds(2)]
    methods = {
        "GEE, 40 clusters, CR0": ("CR0", False),
        "GEE, 40 clusters, Kauermann-Carroll": ("KC", True),
        "GEE, 40 clusters, Mancl-DeRouen": ("MD", True),
    }
    term = "osteoporosis"
    truth = MARGINAL[term]
    for method, (vcov, check) in methods.items():
        fits = [fit_gee(d, FORMULA, cluster="patient_id", vcov=vcov) for d in data]
        recovered(f"marginal log odds ratio, {term}", method, truth=truth, check=check,
                  bias=0.05 * truth, **limits(fits, term))  # fmt: skip
    naive = [fit_logistic(d, FORMULA) for d in data]
    row = recovered(f"marginal log odds ratio, {term}", "logistic, 40 clusters as independent",
                    truth=truth, check=False, **limits(naive, term))  # fmt: skip
    assert row.coverage < 0.8  # ten rows per cluster that correlate by a third: it cannot cover


# conditional ----------------------------------------------------------------------------------

CONDITIONAL = {"Intercept": -1.0, "ml": 0.5, "teaching": 0.7}
SD = 1.0
CENTERS = "leak ~ ml + teaching"


def centers(rng: np.random.Generator, count: int, size: int) -> pd.DataFrame:
    """Patients of centers with a normal intercept each."""
    center = np.repeat(np.arange(count), size)
    ml = rng.normal(size=count * size)
    teaching = (rng.random(count) < 0.5).astype(float)[center]
    eta = CONDITIONAL["Intercept"] + CONDITIONAL["ml"] * ml + CONDITIONAL["teaching"] * teaching
    eta += SD * rng.normal(size=count)[center]
    leak = (rng.random(len(eta)) < special.expit(eta)).astype(int)
    return pd.DataFrame({"center_id": center, "ml": ml, "teaching": teaching, "leak": leak})


@cache
def marginal_truth() -> dict[str, float]:
    """Coefficients of the population, from 10^6 patients of as many centers."""
    data = centers(np.random.default_rng(99), 1_000_000, 1)
    fit = fit_logistic(data, CENTERS)
    return dict(zip(fit.terms, fit.coefficients, strict=True))


def test_conditional_and_marginal_odds_ratios_differ(recovered: Recovered) -> None:
    data = [centers(rng, 60, 25) for rng in seeds(3)]
    mixed = [fit_mixed_logistic(d, CENTERS, group="center_id", nodes=9) for d in data]
    gee = [fit_gee(d, CENTERS, cluster="center_id", vcov="KC") for d in data]
    naive = [fit_logistic(d, CENTERS) for d in data]
    for term, truth in CONDITIONAL.items():
        what = f"conditional log odds ratio, {term}"
        # a standard deviation that is 3 % too small shrinks coefficients by less than 1 %
        recovered(what, "random intercept", truth=truth, bias=0.02 * abs(truth),
                  **limits(mixed, term))  # fmt: skip
        recovered(what, "logistic, no clusters", truth=truth, check=False, **limits(naive, term))
        population = marginal_truth()[term]
        assert abs(population) < abs(truth)
        recovered(f"population log odds ratio, {term}", "GEE, KC", truth=population,
                  bias=0.03 * abs(population), **limits(gee, term))  # fmt: skip
    parts = pd.concat([f.variance_components() for f in mixed])
    # maximum likelihood divides by all groups: of 60 with 2 coefficients between them, about 3 %
    recovered("SD of center intercepts", "random intercept", truth=SD, bias=0.04,
              estimates=parts["estimate"], low=parts["conf_low"],
              high=parts["conf_high"])  # fmt: skip


def test_the_marginal_risk_is_calibrated() -> None:
    data = centers(np.random.default_rng(4), 300, 40)
    fit = fit_mixed_logistic(data, CENTERS, group="center_id", nodes=9)
    new = pd.DataFrame({"ml": [-1.0, 1.0], "teaching": [0.0, 1.0]})
    predicted = fit.predict(new, marginal=True)
    many = centers(np.random.default_rng(5), 1_000_000, 1)
    for row, values in zip(predicted.itertuples(), new.itertuples(), strict=True):
        near = (np.abs(many["ml"] - values.ml) < 0.05) & (many["teaching"] == values.teaching)
        seen = many.loc[near, "leak"].mean()
        error = np.hypot(row.std_error, np.sqrt(seen * (1 - seen) / near.sum()))
        assert abs(row.estimate - seen) < 4 * error


# nested ---------------------------------------------------------------------------------------


def nested(rng: np.random.Generator) -> pd.DataFrame:
    """Ten levels of each patient of forty centers of eight patients."""
    center = np.repeat(np.arange(40), 80)
    patient = np.repeat(np.arange(320), 10)
    ml = rng.normal(size=3200)
    eta = -0.5 + 0.5 * ml + 0.7 * rng.normal(size=40)[center] + rng.normal(size=320)[patient]
    leak = (rng.random(3200) < special.expit(eta)).astype(int)
    return pd.DataFrame({"center_id": center, "patient_id": patient, "ml": ml, "leak": leak})


def test_nested_intercepts(recovered: Recovered) -> None:
    data = [nested(rng) for rng in seeds(6)]
    group = ("center_id", "patient_id")
    fits = [fit_mixed_logistic(d, "leak ~ ml", group=group) for d in data]
    naive = [fit_logistic(d, "leak ~ ml") for d in data]
    for term, truth in (("Intercept", -0.5), ("ml", 0.5)):
        what = f"conditional on center and patient, {term}"
        # Laplace's approximation shrinks effects by a few per cent at ten rows per patient
        recovered(what, "nested intercepts, Laplace", truth=truth, bias=0.04 * abs(truth),
                  **limits(fits, term))  # fmt: skip
        recovered(what, "logistic, no clusters", truth=truth, check=False, **limits(naive, term))
    for at, (name, truth) in enumerate([("center", 0.7), ("patient", 1.0)]):
        parts = pd.concat([f.variance_components().iloc[[at]] for f in fits])
        recovered(f"SD of {name} intercepts, nested", "nested intercepts, Laplace", truth=truth,
                  check=False, estimates=parts["estimate"], low=parts["conf_low"],
                  high=parts["conf_high"])  # fmt: skip
