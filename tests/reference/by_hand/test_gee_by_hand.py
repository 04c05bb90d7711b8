"""Estimating equations where algebra gives the answer."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from vpstats.models.gee import fit_gee

EXACT = 1e-9
"""Relative; equations are solved to 1e-8 standard errors and converge faster than linearly."""

# four patients with two levels each: 3 of 8 levels leak, so that mu = 3/8 and mu (1 - mu) = 15/64
OUTCOMES = [(1, 1), (0, 0), (1, 0), (0, 0)]
ROWS = pd.DataFrame(
    {"patient_id": np.repeat([1, 2, 3, 4], 2), "leak": [y for pair in OUTCOMES for y in pair]}
)
# Pearson residuals times sqrt(15)/8: 5/8 for a leak, -3/8 for none. The scale is their mean square,
#   (3 (5/8)^2 + 5 (3/8)^2) / 8 / (15/64) = (75 + 45) / 8 / 15 = 1.
# Products within patients, in units of 1/15: 25 + 9 - 15 + 9 = 28, over four pairs:
CORRELATION = 28 / 15 / 4


def fit(vcov: str):
    return fit_gee(ROWS, "leak ~ 1", cluster="patient_id", vcov=vcov)


def test_estimate_and_moments() -> None:
    found = fit("CR0")
    assert found.coefficients[0] == pytest.approx(np.log(3 / 5), rel=EXACT)
    assert found.scale == pytest.approx(1.0, rel=EXACT)
    assert found.correlation == pytest.approx(CORRELATION, rel=EXACT)


# sums of residuals within patients are 10/8, -6/8, 2/8, -6/8: squares 100 + 36 + 4 + 36 = 176, over
# 64. Clusters of one size weigh alike, so on the log-odds scale the sandwich is the sum of squares
# over (sum mu (1 - mu))^2 = (15/8)^2, whatever the correlation.
SANDWICH = 176 / 64 / (15 / 8) ** 2


@pytest.mark.parametrize(
    ("vcov", "variance", "df"),
    [
        ("CR0", SANDWICH, 3),
        ("CR1", SANDWICH * 4 / 3, 3),
        # a patient fits a quarter of its mean itself: residuals are divided by 3/4, or its root
        ("MD", SANDWICH / (3 / 4) ** 2, 3),
        ("KC", SANDWICH / (3 / 4), 3),
        # two rows that correlate tell (1 + correlation) times less
        ("model", (1 + CORRELATION) / (15 / 8), np.inf),
    ],
)
def test_variances(vcov: str, variance: float, df: float) -> None:
    found = fit(vcov)
    assert found.covariance[0, 0] == pytest.approx(variance, rel=EXACT)
    assert np.min(found.df) == df


def test_a_slope_from_unequal_patients() -> None:
    """Patients of one and three levels; the exposed differ from the rest between patients.

    With an exposure constant within patients and a saturated mean, each exposure group has its own
    weighted mean of patients, the weight of a patient m / (1 + (m - 1) a). The odds ratio then
    follows from the correlation a, which the fit reports.
    """
    rows = pd.DataFrame(
        {
            "patient_id": [1, 2, 2, 2, 3, 4, 4, 4],
            "exposed": [1, 1, 1, 1, 0, 0, 0, 0],
            "leak": [1, 1, 1, 0, 0, 1, 0, 0],
        }
    )
    found = fit_gee(rows, "leak ~ exposed", cluster="patient_id")
    weight = 3 / (1 + 2 * found.correlation)
    exposed = (1 * 1 + weight * 2 / 3) / (1 + weight)
    unexposed = (0 * 1 + weight * 1 / 3) / (1 + weight)
    odds = [p / (1 - p) for p in (exposed, unexposed)]
    assert found.coefficients[1] == pytest.approx(np.log(odds[0] / odds[1]), rel=EXACT)


def test_a_single_row_per_cluster_is_the_independent_sandwich() -> None:
    rows = pd.DataFrame({"patient_id": range(7), "leak": [1, 1, 0, 0, 0, 1, 0]})
    found = fit_gee(rows, "leak ~ 1", cluster="patient_id")
    # 3 of 7: residuals 4/7 and -3/7, sum of squares 12/7, over (7 * 12/49)^2 = (12/7)^2
    assert found.covariance[0, 0] == pytest.approx(7 / 12, rel=EXACT)
    assert found.correlation == 0.0
    assert "one_row_groups" in [c.code for c in found.caveats]
