"""Logistic regression where the answer is known by algebra."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from vpstats.models.logistic import fit_logistic

# a 2 x 2 table: exposed a events, b none; unexposed c events, d none
TABLES = [(3, 7, 2, 12), (10, 4, 5, 9), (1, 1, 1, 1), (40, 60, 30, 90), (1, 199, 9, 1)]
EXACT = 1e-9
"""Relative; the solver stops at 1e-8 standard errors and converges quadratically."""


def table_rows(a: int, b: int, c: int, d: int) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "exposed": np.repeat([1, 1, 0, 0], [a, b, c, d]),
            "event": np.repeat([1, 0, 1, 0], [a, b, c, d]),
        }
    )


@pytest.mark.parametrize(("a", "b", "c", "d"), TABLES)
def test_a_two_by_two_table(a: int, b: int, c: int, d: int) -> None:
    fit = fit_logistic(table_rows(a, b, c, d), "event ~ exposed")
    assert fit.coefficients[0] == pytest.approx(np.log(c / d), rel=EXACT, abs=1e-12)
    assert fit.coefficients[1] == pytest.approx(np.log(a * d / (b * c)), rel=EXACT, abs=1e-12)
    assert fit.std_errors[1] == pytest.approx(np.sqrt(1 / a + 1 / b + 1 / c + 1 / d), rel=EXACT)


@pytest.mark.parametrize(("a", "b", "c", "d"), [*TABLES, (5, 0, 3, 8), (0, 9, 4, 4), (6, 0, 0, 6)])
def test_firth_adds_one_half_to_every_cell(a: int, b: int, c: int, d: int) -> None:
    # a saturated model: leverages of a group sum to 1, and the modified score is that of the
    # table with 1/2 added to each cell
    fit = fit_logistic(table_rows(a, b, c, d), "event ~ exposed", penalty="firth")
    a, b, c, d = a + 0.5, b + 0.5, c + 0.5, d + 0.5
    assert fit.coefficients[0] == pytest.approx(np.log(c / d), rel=EXACT, abs=1e-8)
    assert fit.coefficients[1] == pytest.approx(np.log(a * d / (b * c)), rel=EXACT, abs=1e-8)


@pytest.mark.parametrize(("events", "n"), [(3, 10), (1, 40), (0, 7)])
def test_firth_without_covariates(events: int, n: int) -> None:
    rows = pd.DataFrame({"event": np.arange(n) < events})
    fit = fit_logistic(rows, "event ~ 1", penalty="firth")
    if events == 0:
        assert fit.status == "constant outcome"
        return
    assert fit.coefficients[0] == pytest.approx(np.log((events + 0.5) / (n - events + 0.5)))
    # the information is that of the estimate, not of the table with 1/2 added
    risk = (events + 0.5) / (n + 1)
    assert fit.covariance[0, 0] == pytest.approx(1 / (n * risk * (1 - risk)))


def test_profile_limits_of_one_proportion_are_likelihood_limits() -> None:
    events, n = 3, 10
    rows = pd.DataFrame({"event": (np.arange(n) < events).astype(int)})
    fit = fit_logistic(rows, "event ~ 1", intervals="profile")
    drop = stats.chi2.ppf(0.95, 1)
    for limit in (fit.conf_low, fit.conf_high):
        risk = 1 / (1 + np.exp(-limit[0]))
        ratio = 2 * (events * np.log(0.3 / risk) + (n - events) * np.log(0.7 / (1 - risk)))
        assert ratio == pytest.approx(drop, rel=EXACT)
    # against one half: 2 (3 log 0.6 + 7 log 1.4)
    statistic = 2 * (3 * np.log(0.3 / 0.5) + 7 * np.log(0.7 / 0.5))
    assert fit.p_values[0] == pytest.approx(stats.chi2.sf(statistic, 1), rel=EXACT)


def test_clusters_of_identical_rows() -> None:
    # m copies of every row: the cluster sandwich with correction G / (G - 1) on n m rows equals
    # the HC0 sandwich of the n single rows with that correction, since m cancels
    single = table_rows(3, 7, 2, 12).assign(patient=np.arange(24))
    copies = pd.concat([single] * 5, ignore_index=True)
    n, p = 24, 2
    robust = fit_logistic(single, "event ~ exposed", vcov="HC1")
    clustered = fit_logistic(copies, "event ~ exposed", cluster="patient")
    np.testing.assert_allclose(
        clustered.covariance * (n - 1) / n, robust.covariance * (n - p) / n, rtol=1e-8
    )
    assert clustered.df == n - 1


def test_robust_variance_of_a_saturated_model_is_the_model_variance() -> None:
    # within a group of n rows and risk r, squared residuals sum to n r (1 - r)
    rows = table_rows(3, 7, 2, 12)
    model, robust = (fit_logistic(rows, "event ~ exposed", vcov=v) for v in ("model", "HC1"))
    np.testing.assert_allclose(robust.covariance, model.covariance * 24 / 22, rtol=1e-8)


def test_an_offset_is_taken_off() -> None:
    rows = table_rows(3, 7, 2, 12).assign(known=lambda d: 0.4 * d["exposed"])
    fit = fit_logistic(rows, "event ~ exposed", offset="known")
    assert fit.coefficients[1] == pytest.approx(np.log(3 * 12 / (7 * 2)) - 0.4, rel=EXACT)


def test_a_multi_parameter_wald_test_of_three_groups() -> None:
    # groups with log odds t_k of variance v_k: the weighted sum of squares about their mean
    counts = [(4, 6), (7, 3), (5, 15)]
    rows = pd.concat(
        pd.DataFrame({"g": "abc"[k], "event": np.repeat([1, 0], c)}) for k, c in enumerate(counts)
    )
    fit = fit_logistic(rows, "event ~ g")
    t = np.array([np.log(e / o) for e, o in counts])
    w = np.array([1 / (1 / e + 1 / o) for e, o in counts])
    expected = float(np.sum(w * (t - np.sum(w * t) / np.sum(w)) ** 2))
    assert fit.wald_test("g")["statistic"].item() == pytest.approx(expected, rel=EXACT)
    # likelihood ratio: G statistic of the 2 x 3 table
    table = np.array(counts, dtype=float)
    fitted = table.sum(axis=1, keepdims=True) * table.sum(axis=0) / table.sum()
    g = 2 * float(np.sum(table * np.log(table / fitted)))
    ratio = fit.likelihood_ratio_test(rows, "g")["statistic"].item()
    assert ratio == pytest.approx(g, rel=EXACT)
