"""Standardised risks of a saturated model, partial effects and pairs, by algebra."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
from scipy import special, stats

from vpstats.models.conditional import fit_conditional_logistic
from vpstats.models.conditional_kernel import MatchedRows, conditional_likelihood
from vpstats.models.logistic import fit_logistic
from vpstats.models.partial_effects import partial_effects
from vpstats.models.standardised import standardised_risks

# (z, x): events of n
CELLS = {(0, 0): (4, 20), (0, 1): (9, 15), (1, 0): (6, 12), (1, 1): (21, 28)}
EXACT = 1e-9


def cell_rows() -> pd.DataFrame:
    return pd.concat(
        [
            pd.DataFrame({"z": z, "x": x, "y": np.repeat([1, 0], [e, n - e])})
            for (z, x), (e, n) in CELLS.items()
        ],
        ignore_index=True,
    )


def by_formula(x: int) -> tuple[float, float, float]:
    """Mean risk, its variance with rows fixed, and what sampling rows adds."""
    n = sum(size for _, size in CELLS.values())
    share = {z: (CELLS[z, 0][1] + CELLS[z, 1][1]) / n for z in (0, 1)}
    risk = {z: CELLS[z, x][0] / CELLS[z, x][1] for z in (0, 1)}
    mean = sum(share[z] * risk[z] for z in (0, 1))
    fixed = sum(share[z] ** 2 * risk[z] * (1 - risk[z]) / CELLS[z, x][1] for z in (0, 1))
    between = sum(share[z] * (risk[z] - mean) ** 2 for z in (0, 1)) / (n - 1)
    return mean, fixed, between


def test_risks_are_cell_shares_weighted_by_the_strata() -> None:
    rows = cell_rows()
    fit = fit_logistic(rows, "y ~ x * z")
    for covariates in ("fixed", "sampled"):
        table = standardised_risks(fit, rows, exposure="x", covariates=covariates).tidy()
        for x in (0, 1):
            mean, fixed, between = by_formula(x)
            variance = fixed + (between if covariates == "sampled" else 0.0)
            row = table.iloc[x]
            assert row["estimate"] == pytest.approx(mean, rel=EXACT)
            assert row["std_error"] == pytest.approx(np.sqrt(variance), rel=EXACT)
            half = stats.norm.ppf(0.975) * np.sqrt(variance) / (mean * (1 - mean))
            limits = special.expit(special.logit(mean) + np.array([-half, half]))
            np.testing.assert_allclose(row[["conf_low", "conf_high"]].astype(float), limits)


def test_differences_and_ratios_of_them() -> None:
    # rows fixed: the two risks come from different cells and are independent
    rows = cell_rows()
    table = standardised_risks(
        fit_logistic(rows, "y ~ x * z"), rows, exposure="x", covariates="fixed"
    ).tidy()
    (m0, v0, _), (m1, v1, _) = by_formula(0), by_formula(1)
    difference, ratio = table.iloc[2], table.iloc[3]
    assert difference["estimate"] == pytest.approx(m1 - m0, rel=EXACT)
    assert difference["std_error"] == pytest.approx(np.sqrt(v0 + v1), rel=EXACT)
    assert ratio["estimate"] == pytest.approx(m1 / m0, rel=EXACT)
    assert ratio["std_error"] == pytest.approx(np.sqrt(v0 / m0**2 + v1 / m1**2), rel=EXACT)
    z = np.log(m1 / m0) / np.sqrt(v0 / m0**2 + v1 / m1**2)
    assert ratio["p_value"] == pytest.approx(2 * stats.norm.sf(z), rel=1e-8)


def test_two_one_sided_tests() -> None:
    rows = cell_rows()
    (m0, v0, _), (m1, v1, _) = by_formula(0), by_formula(1)
    gap, error = m1 - m0, np.sqrt(v0 + v1)
    for margin in (0.1, 0.5):
        row = standardised_risks(
            fit_logistic(rows, "y ~ x * z"), rows, exposure="x", covariates="fixed", margin=margin
        ).tidy().iloc[2]  # fmt: skip
        half = stats.norm.ppf(0.95) * error  # 90 %
        assert row["equivalence_low"] == pytest.approx(gap - half, rel=1e-8)
        assert row["equivalence_high"] == pytest.approx(gap + half, rel=1e-8)
        larger = max(stats.norm.sf((gap + margin) / error), stats.norm.cdf((gap - margin) / error))
        assert row["equivalence_p_value"] == pytest.approx(larger, rel=1e-8)
        assert (row["verdict"] == "equivalent") == (gap + half < margin)
        assert (row["verdict"] == "relevant difference") == (gap - 1.959964 * error > margin)


def test_a_fixed_column_selects_its_stratum() -> None:
    rows = cell_rows()
    table = standardised_risks(
        fit_logistic(rows, "y ~ x * z"), rows, exposure="x", at={"z": 1}
    ).tidy()
    assert table["estimate"].iloc[0] == pytest.approx(6 / 12, rel=EXACT)
    assert table["estimate"].iloc[1] == pytest.approx(21 / 28, rel=EXACT)
    # every row has the same risk then, so sampling rows adds nothing
    assert table["std_error"].iloc[0] == pytest.approx(np.sqrt(0.25 / 12), rel=EXACT)


def test_weights_are_shares_of_the_population() -> None:
    rows = cell_rows().assign(w=lambda d: 1.0 + 2 * d["z"])
    table = standardised_risks(
        fit_logistic(rows, "y ~ x * z", weights="w"), rows, exposure="x"
    ).tidy()
    share = np.array([35, 40 * 3]) / (35 + 40 * 3)
    assert table["estimate"].iloc[1] == pytest.approx(share @ [9 / 15, 21 / 28], rel=EXACT)


def test_a_partial_effect_through_an_interaction() -> None:
    rows = cell_rows()
    fit = fit_logistic(rows, "y ~ x * z")
    for z in (0, 1):
        row = (
            partial_effects(fit, variable="x", values=[1], reference=0, at={"z": z}).tidy().iloc[0]
        )
        (a, n1), (c, n0) = CELLS[z, 1], CELLS[z, 0]
        b, d = n1 - a, n0 - c
        assert row["estimate"] == pytest.approx(np.log(a * d / (b * c)), rel=1e-8)
        assert row["std_error"] == pytest.approx(np.sqrt(1 / a + 1 / b + 1 / c + 1 / d), rel=1e-8)


def test_matched_pairs() -> None:
    # pairs in which the case alone is exposed (9), the control alone (4), both (5), neither (7):
    # odds ratio 9/4, variance 1/9 + 1/4; the other pairs say nothing
    exposure = [(1, 0)] * 9 + [(0, 1)] * 4 + [(1, 1)] * 5 + [(0, 0)] * 7
    rows = pd.DataFrame(
        {"set": np.repeat(np.arange(25), 2), "case": [1, 0] * 25, "x": np.ravel(exposure)}
    )
    fit = fit_conditional_logistic(rows, "case ~ x", strata="set")
    assert fit.coefficients[0] == pytest.approx(np.log(9 / 4), rel=EXACT)
    assert fit.std_errors[0] == pytest.approx(np.sqrt(1 / 9 + 1 / 4), rel=1e-8)
    # binomial: 13 log 2 less in the exponent at zero
    assert fit.null_log_likelihood == pytest.approx(25 * np.log(0.5))


def test_the_exact_likelihood_of_one_stratum_by_enumeration() -> None:
    rng = np.random.default_rng(2)
    X, y = rng.normal(size=(7, 2)), np.array([1.0, 0, 1, 0, 0, 1, 0])
    rows = MatchedRows.build(X, y, np.zeros(7, dtype=np.intp))
    beta = np.array([0.4, -0.7])
    totals = np.array([rows.Z[list(s)].sum(axis=0) for s in itertools.combinations(range(7), 3)])
    chance = special.softmax(totals @ beta)
    mean = chance @ totals
    here = conditional_likelihood(rows)(beta)
    own = y @ rows.Z
    assert here.value == pytest.approx(own @ beta - special.logsumexp(totals @ beta), rel=1e-12)
    np.testing.assert_allclose(here.score, own - mean, rtol=1e-10)
    spread = (totals - mean).T @ (chance[:, None] * (totals - mean))
    np.testing.assert_allclose(here.information, spread, rtol=1e-7)
