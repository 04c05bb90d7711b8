"""FLIC and FLAC, joint tests, and likelihoods at many points at once."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import special

from vpstats.errors import UsageError
from vpstats.frames import Imputations, open_data
from vpstats.models.binary import BinaryRows, likelihood
from vpstats.models.binary_many import likelihood_of_many
from vpstats.models.covariance import Clusters
from vpstats.models.firth import leverages, penalised_likelihood
from vpstats.models.hotelling import hotelling_test, wishart_df
from vpstats.models.logistic import fit_logistic
from vpstats.models.newton import maximise
from vpstats.models.penalties import augmented_likelihood, estimate_rows, row_scores
from vpstats.models.profile import profile_intervals, ratio_p_values


def make_rows(n: int = 150, seed: int = 3) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    data = pd.DataFrame(
        {
            "x": rng.normal(size=n),
            "g": rng.choice(list("abc"), n),
            "id": rng.integers(0, 45, n),
            "w": rng.integers(1, 4, n),
            "o": rng.normal(size=n) / 4,
        }
    )
    eta = -1.6 + 0.6 * data["x"] + 0.5 * (data["g"] == "b")
    return data.assign(y=(rng.random(n) < special.expit(eta)).astype(int))


ROWS = make_rows()
FORMULA = "y ~ x + g"


def binary_rows(n: int = 60, *, extras: bool = True) -> BinaryRows:
    rng = np.random.default_rng(8)
    X = np.column_stack([np.ones(n), rng.normal(size=(n, 2))])
    sign = np.where(rng.random(n) < 0.3, 1.0, -1.0)
    weights, offset = rng.uniform(0.5, 2, n), rng.normal(size=n) / 2
    return BinaryRows(X, sign, weights, offset) if extras else BinaryRows(X, sign)


@pytest.mark.parametrize("penalty", ["flic", "flac"])
@pytest.mark.parametrize("options", [{}, {"weights": "w"}, {"offset": "o"}, {"cluster": "id"}])
def test_mean_predicted_risk_is_the_observed_share(penalty: str, options: dict[str, str]) -> None:
    fit = fit_logistic(ROWS, FORMULA, penalty=penalty, **options)
    weights = ROWS["w"] if "weights" in options else np.ones(len(ROWS))
    risk = fit.predict(ROWS)["estimate"]
    assert np.average(risk, weights=weights) == pytest.approx(
        np.average(ROWS["y"], weights=weights), rel=1e-9
    )


def test_flic_keeps_the_slopes_of_firth() -> None:
    firth, flic = (fit_logistic(ROWS, FORMULA, penalty=p) for p in ("firth", "flic"))
    np.testing.assert_array_equal(firth.coefficients[1:], flic.coefficients[1:])
    assert flic.coefficients[0] < firth.coefficients[0]  # fewer than half are events
    assert flic.title == "Firth logistic regression with intercept correction of y"
    assert flic.glance()["penalty"].item() == "flic"
    assert flic.penalised_log_likelihood < firth.penalised_log_likelihood


def test_predictions_of_firth_alone_carry_the_caveat() -> None:
    said = fit_logistic(ROWS, FORMULA, penalty="firth").predict(ROWS).attrs["caveats"]
    assert [c.code for c in said] == ["penalised_mean"]
    assert "penalty='flic' or penalty='flac'" in said[0].message
    for penalty in (None, "flic", "flac"):
        assert "caveats" not in fit_logistic(ROWS, FORMULA, penalty=penalty).predict(ROWS).attrs


@pytest.mark.parametrize("penalty", ["flic", "flac"])
def test_a_correction_needs_an_intercept(penalty: str) -> None:
    with pytest.raises(UsageError, match="corrects the intercept, and the formula has none"):
        fit_logistic(ROWS, "y ~ 0 + x", penalty=penalty)


@pytest.mark.parametrize("penalty", [None, "firth", "flic", "flac"])
def test_influences_sum_to_nothing_and_square_to_the_sandwich(penalty: str | None) -> None:
    for data in (binary_rows(), binary_rows(extras=False)):
        estimate = estimate_rows(data, penalty)
        scores = row_scores(data, estimate, penalty)
        parts = scores.factors[:, None] * data.X
        if scores.extra is not None:
            parts = np.column_stack([parts, scores.extra])
        influence = parts @ scores.bread.T
        size = np.abs(influence).sum(axis=0)
        np.testing.assert_allclose(influence.sum(axis=0) / size, 0.0, atol=1e-8)
    fit = fit_logistic(ROWS, FORMULA, penalty=penalty, cluster="id", vcov="CR0")
    moved = pd.DataFrame(fit.influence(ROWS)).groupby(ROWS["id"]).sum().to_numpy()
    np.testing.assert_allclose(moved.T @ moved, fit.covariance, rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize("penalty", ["flic", "flac"])
def test_influence_is_what_a_row_less_changes(penalty: str) -> None:
    # to first order; of 150 rows one is worth about a percent, and the second order a tenth of that
    fit = fit_logistic(ROWS, FORMULA, penalty=penalty)
    influence = fit.influence(ROWS)
    for row in (0, 17, 60):
        less = fit_logistic(ROWS.drop(index=row), FORMULA, penalty=penalty)
        change = fit.coefficients - less.coefficients
        np.testing.assert_allclose(
            influence[row] / fit.std_errors, change / fit.std_errors, atol=0.05
        )


def test_rows_left_out_have_no_influence() -> None:
    data = ROWS.assign(x=ROWS["x"].where(ROWS.index != 4))
    influence = fit_logistic(data, FORMULA, vcov="HC1").influence(data)
    assert np.isnan(influence[4]).all()
    assert np.isfinite(np.delete(influence, 4, axis=0)).all()
    with pytest.raises(UsageError, match="give the rows that the model was fitted to"):
        fit_logistic(data, FORMULA).influence(ROWS)


def test_leverages_sum_to_the_number_of_coefficients() -> None:
    data = binary_rows(extras=False)
    assert leverages(data, np.array([0.1, 0.2, -0.3])).sum() == pytest.approx(3)


def test_the_score_of_the_augmented_likelihood_is_its_slope() -> None:
    data = binary_rows()
    firth = estimate_rows(data, "firth").coefficients
    evaluate = augmented_likelihood(data, firth)
    point, step = np.array([0.3, -0.4, 0.2, 0.5]), 1e-5
    here = evaluate(point)
    for j, unit in enumerate(np.eye(4)):
        above, below = evaluate(point + step * unit), evaluate(point - step * unit)
        assert here.score[j] == pytest.approx((above.value - below.value) / (2 * step), abs=1e-7)
        bend = -(above.score - below.score) / (2 * step)
        np.testing.assert_allclose(here.information[j], bend, atol=1e-7)


@pytest.mark.parametrize("penalty", ["flic", "flac"])
def test_profile_intervals(penalty: str) -> None:
    profile = fit_logistic(ROWS, FORMULA, penalty=penalty, intervals="profile")
    wald = fit_logistic(ROWS, FORMULA, penalty=penalty)
    firth = fit_logistic(ROWS, FORMULA, penalty="firth", intervals="profile")
    rows = profile.tidy()
    assert (rows["conf_low"] < rows["estimate"]).all()
    assert (rows["estimate"] < rows["conf_high"]).all()
    if penalty == "flic":
        np.testing.assert_allclose(profile.conf_low[1:], firth.conf_low[1:], rtol=1e-12)
        assert profile.conf_low[0] == wald.tidy()["conf_low"][0]
        assert profile.p_values[0] == wald.tidy()["p_value"][0]


def test_likelihood_ratios_of_every_penalty() -> None:
    tests = {
        penalty: fit_logistic(ROWS, FORMULA, penalty=penalty)
        .likelihood_ratio_test(ROWS, "g")
        .iloc[0]
        for penalty in ("firth", "flic", "flac")
    }
    assert tests["flic"]["statistic"] == pytest.approx(tests["firth"]["statistic"], rel=1e-9)
    assert tests["flac"]["statistic"] != pytest.approx(tests["firth"]["statistic"], rel=1e-3)
    assert all(t["method"] == "penalised likelihood ratio" for t in tests.values())
    with pytest.raises(UsageError, match="corrected intercept"):
        fit_logistic(ROWS, FORMULA, penalty="flic").likelihood_ratio_test(ROWS, "Intercept")


def test_corrected_fits_are_pooled() -> None:
    other = ROWS.assign(x=ROWS["x"] + 0.01 * np.sin(np.arange(len(ROWS))))
    data = Imputations((open_data(ROWS), open_data(other)))
    pooled = fit_logistic(data, FORMULA, penalty="flic")
    single = [fit_logistic(d, FORMULA, penalty="flic").coefficients for d in (ROWS, other)]
    np.testing.assert_allclose(pooled.coefficients, np.mean(single, axis=0))
    assert np.isnan(pooled.log_likelihood)


# Hotelling ---------------------------------------------------------------------------------------


def test_one_coefficient_has_satterthwaites_degrees_of_freedom() -> None:
    fit = fit_logistic(ROWS, FORMULA, cluster="id", vcov="CR2")
    data = fit.rows_of(ROWS)
    codes = pd.factorize(ROWS["id"])[0]
    risk = special.expit(data.X @ fit.coefficients)
    clusters = Clusters(codes.astype(np.intp), codes.max() + 1)
    bread = np.linalg.inv(likelihood(data)(fit.coefficients).information)
    masks = [np.arange(4) == j for j in range(4)]
    found = wishart_df(bread, data.X, risk * (1 - risk), clusters, None, masks)
    np.testing.assert_allclose(found, fit.df, rtol=1e-9)


def test_a_whole_term_is_tested_by_hotelling() -> None:
    fit = fit_logistic(ROWS, FORMULA, cluster="id", vcov="CR2")
    whole = fit.wald_test("g").iloc[0]
    assert whole["method"] == "Hotelling T-squared"
    assert fit.wald_test(["g"]).iloc[0]["statistic"] == whole["statistic"]
    # the same coefficients by their own names are the same hypothesis
    apart = fit.wald_test(["g[T.c]", "g[T.b]"]).iloc[0]
    assert apart["method"] == whole["method"]
    assert apart["statistic"] == whole["statistic"]
    assert fit.wald_test(["g[T.b]", "x"]).iloc[0]["method"] == "Wald F"
    assert fit.wald_test("x").iloc[0]["df_residual"] == pytest.approx(fit.df[1])
    assert set(fit.joint_dfs) == {"g"}
    assert fit_logistic(ROWS, FORMULA, cluster="id").joint_dfs == {}


def test_too_few_degrees_of_freedom_test_nothing() -> None:
    assert np.isnan(hotelling_test(5.0, 3, 1.5)).all()


# many points -------------------------------------------------------------------------------------


@pytest.mark.parametrize("penalty", [0.0, 0.5])
@pytest.mark.parametrize("extras", [True, False])
def test_many_points_at_once_are_each_alone(penalty: float, extras: bool) -> None:
    data = binary_rows(2500, extras=extras)  # three blocks
    points = np.random.default_rng(1).normal(size=(7, 3))
    many = likelihood_of_many(data, penalty)(points)
    for k, point in enumerate(points):
        one = (penalised_likelihood(data) if penalty else likelihood(data))(point)
        plain = likelihood(data)(point)
        assert many.values[k] == pytest.approx(one.value, rel=1e-12)
        np.testing.assert_allclose(many.scores[k], one.score, rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(many.covariances[k] @ plain.information, np.eye(3), atol=1e-9)


def test_points_without_information_have_no_covariance() -> None:
    data = binary_rows(extras=False)
    flat = BinaryRows(data.X * [1.0, 1.0, 0.0], data.sign)
    many = likelihood_of_many(flat)(np.zeros((2, 3)))
    assert np.isnan(many.covariances).all()
    assert np.isfinite(many.values).all()


@pytest.mark.parametrize("penalty", [0.0, 0.5])
def test_limits_and_tests_together_are_each_alone(penalty: float) -> None:
    data = binary_rows(400)
    evaluate = penalised_likelihood(data) if penalty else likelihood(data)
    found = maximise(evaluate, np.zeros(3))
    many = likelihood_of_many(data, penalty)
    error = np.sqrt(np.diag(found.covariance))
    for together, alone in zip(
        profile_intervals(evaluate, found, 0.95, many=many),
        profile_intervals(evaluate, found, 0.95),
        strict=True,
    ):
        np.testing.assert_allclose(together / error, alone / error, atol=1e-8)
    np.testing.assert_allclose(
        ratio_p_values(evaluate, found, None, many), ratio_p_values(evaluate, found), rtol=1e-7
    )


def test_limits_that_are_not_found_together_are_searched_for() -> None:
    # separated by the second column: the upper limit of its profile is infinite
    X = np.column_stack([np.ones(40), np.repeat([0.0, 1.0], 20)])
    sign = np.where(np.arange(40) % 3 == 0, 1.0, -1.0)
    sign[20:] = 1.0
    data = BinaryRows(X, sign)
    evaluate = penalised_likelihood(data)
    found = maximise(evaluate, np.zeros(2))
    together = profile_intervals(evaluate, found, 0.95, many=likelihood_of_many(data, 0.5))
    alone = profile_intervals(evaluate, found, 0.95, concave=False)
    np.testing.assert_allclose(together, alone, atol=1e-8)
