"""Paired proportions, agreement and accuracy on simulated levels of patients, against the truth.

A patient's levels share a normal variable, so that analyses which take levels as independent are
too sure; a reference that is looked up more often after a positive sign makes complete cases too
sensitive. Both are shown beside what is right.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from vpstats.models.agreement import agreement
from vpstats.models.diagnostic import diagnostic_accuracy
from vpstats.models.named_tests import compare_groups
from vpstats.models.paired import paired_proportions

pytestmark = pytest.mark.slow

RUNS = 2_000 if os.environ.get("VPSTATS_FULL") else 150
PATIENTS, LEVELS = 90, 5
SHARED = 0.7
"""Correlation of the latent variables of a patient's levels."""
CUTS = (0.2, 0.6)
"""Latent values above which the first and the second method see a leak."""
NOISE = 0.6
"""Correlation of the two methods' latent variables within a level."""


def latent(rng: np.random.Generator, patients: int, levels: int) -> np.ndarray:
    """Normal variables of unit variance, correlated within patients, shape (patients × levels,)."""
    shared = np.repeat(rng.normal(size=patients), levels)
    return np.sqrt(SHARED) * shared + np.sqrt(1 - SHARED) * rng.normal(size=patients * levels)


def findings(rng: np.random.Generator) -> pd.DataFrame:
    """What two methods see on the levels of each patient."""
    common, one, two = (latent(rng, PATIENTS, LEVELS) for _ in range(3))
    a, b = (np.sqrt(NOISE) * common + np.sqrt(1 - NOISE) * own for own in (one, two))
    patient = np.repeat(np.arange(PATIENTS), LEVELS)
    return pd.DataFrame({"patient": patient, "ct": a > CUTS[0], "fluoro": b > CUTS[1]})


def joint() -> np.ndarray:
    """Shares of neither, second only, first only and both."""
    p, q = stats.norm.sf(CUTS)
    law = stats.multivariate_normal([0, 0], [[1, NOISE], [NOISE, 1]])
    both = float(law.cdf(-np.array(CUTS)))
    return np.array([1 - p - q + both, q - both, p - both, both])


@cache
def samples() -> list[pd.DataFrame]:
    return [findings(np.random.default_rng(s)) for s in np.random.SeedSequence(11).spawn(RUNS)]


def limits(call: Callable[..., Any], **options: Any) -> pd.DataFrame:
    return pd.concat([call(data, **options) for data in samples()])


def difference(data: pd.DataFrame, **options: Any) -> pd.DataFrame:
    return paired_proportions(data, first="ct", second="fluoro", **options).tidy()


def kappa(data: pd.DataFrame, **options: Any) -> pd.DataFrame:
    return agreement(data, first="ct", second="fluoro", **options).tidy().query("stat == 'kappa'")


def test_a_difference_of_paired_shares(recovered: Callable[..., Any]) -> None:
    p = joint()
    for method, options, check in (
        ("score, clusters", {"cluster": "patient"}, True),
        ("Wald, clusters", {"cluster": "patient", "interval": "wald"}, True),
        ("levels as independent", {}, False),
    ):
        rows = limits(difference, **options)
        found = recovered(
            "difference of paired shares", method, truth=p[2] - p[1], estimates=rows["estimate"],
            low=rows["conf_low"], high=rows["conf_high"], check=check,
        )  # fmt: skip
    assert found.coverage < 0.9  # what the clusters are for


def test_kappa_of_clustered_readings(recovered: Callable[..., Any]) -> None:
    p = joint()
    observed = p[0] + p[3]
    one, two = p[2] + p[3], p[1] + p[3]
    expected = one * two + (1 - one) * (1 - two)
    truth = (observed - expected) / (1 - expected)
    for method, options, check in (
        ("linearised, clusters", {"cluster": "patient"}, True),
        ("jackknife, clusters", {"cluster": "patient", "vcov": "jackknife"}, True),
        ("levels as independent", {}, False),
    ):
        rows = limits(kappa, **options)
        # kappa is a ratio: its bias is of the order of one over the number of patients
        found = recovered(
            "kappa", method, truth=truth, estimates=rows["estimate"], low=rows["conf_low"],
            high=rows["conf_high"], check=check, bias=1 / PATIENTS,
        )  # fmt: skip
    assert found.coverage < 0.93


def screened(rng: np.random.Generator, n: int = 1_500) -> pd.DataFrame:
    """A sign with sensitivity 0.6 and specificity 0.9; verification follows the sign and age."""
    old = rng.random(n) < 0.4
    disease = rng.random(n) < np.where(old, 0.25, 0.1)
    sign = rng.random(n) < np.where(disease, 0.6, 0.1)
    known = rng.random(n) < 0.15 + 0.5 * sign + 0.2 * old
    return pd.DataFrame({"sign": sign, "old": old, "d": np.where(known, disease, np.nan)})


@pytest.mark.parametrize(("stat", "truth"), [("sensitivity", 0.6), ("specificity", 0.9)])
def test_accuracy_under_partial_verification(
    recovered: Callable[..., Any], stat: str, truth: float
) -> None:
    tables = []
    for child in np.random.SeedSequence(23).spawn(RUNS):
        data = screened(np.random.default_rng(child))
        for method in ("begg-greenes", "ipw"):
            found = diagnostic_accuracy(
                data, test="sign", reference="d", covariates=["old"], method=method
            )
            tables.append(found.tidy().query("stat == @stat").assign(asked=method))
    rows = pd.concat(tables)
    naive = rows[rows["method"].str.startswith("verified") & (rows["asked"] == "ipw")]
    parts = {"Begg–Greenes": rows[rows["method"].str.startswith("Begg")],
             "inverse probability": rows[rows["method"].str.startswith("inverse")]}  # fmt: skip
    for name, part in parts.items():
        recovered(stat, name, truth=truth, estimates=part["estimate"], low=part["conf_low"],
                  high=part["conf_high"], bias=0.005)  # fmt: skip
    biased = recovered(stat, "verified rows", truth=truth, estimates=naive["estimate"],
                       low=naive["conf_low"], high=naive["conf_high"], check=False)  # fmt: skip
    assert abs(biased.mean - truth) > 0.1
    assert biased.coverage < 0.5


def test_clustered_tests_keep_their_level() -> None:
    p_values: dict[str, list[float]] = {"rao-scott": [], "rank-clustered": [], "pearson": []}
    for child in np.random.SeedSequence(31).spawn(RUNS):
        rng = np.random.default_rng(child)
        group = np.repeat(rng.permutation(PATIENTS) % 2, LEVELS)
        value = latent(rng, PATIENTS, LEVELS)
        data = pd.DataFrame({"patient": np.repeat(np.arange(PATIENTS), LEVELS), "g": group,
                             "y": value > 0.5, "x": value})  # fmt: skip
        for test in p_values:
            row = compare_groups(
                data, variable="x" if test.startswith("rank") else "y", by="g", test=test,
                cluster=None if test == "pearson" else "patient",
            )  # fmt: skip
            p_values[test].append(row.tidy()["p_value"][0])
    size = RUNS
    for test in ("rao-scott", "rank-clustered"):
        rejected = float(np.mean(np.array(p_values[test]) < 0.05))
        assert abs(rejected - 0.05) < 4 * np.sqrt(0.05 * 0.95 / size), (test, rejected)
    assert np.mean(np.array(p_values["pearson"]) < 0.05) > 0.1
