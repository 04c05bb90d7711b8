"""Logistic regression: options, guards, failures as results, and what a fit answers."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import special

from vpstats.errors import FormulaError, UsageError
from vpstats.frames import Frame
from vpstats.models.binary import (
    BinaryRows,
    likelihood,
    row_terms,
    starting_point,
)
from vpstats.models.firth import modified_terms, penalised_likelihood
from vpstats.models.logistic import LogisticFit, fit_logistic
from vpstats.models.newton import maximise
from vpstats.results import GLOSSARY


def make_rows(n: int = 240, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    data = pd.DataFrame(
        {
            "patient_id": [f"NAME-{i}" for i in rng.integers(0, 90, n)],
            "center_id": rng.choice(["C01", "C02", "C03", "C04"], n),
            "ml": rng.gamma(4, 1, n),
            "region": rng.choice(["thoracic", "lumbar", "sacral"], n),
            "w": rng.integers(1, 4, n),
            "o": rng.normal(size=n) / 4,
        }
    )
    eta = -2 + 0.3 * data["ml"] + 0.5 * (data["region"] == "lumbar")
    data["leak"] = (rng.random(n) < special.expit(eta)).astype(int)
    return data


ROWS = make_rows()
FORMULA = "leak ~ ml + C(region, ref='thoracic')"
LEVELS = Frame(ROWS, unit="level", cluster="patient_id", outcome="leak")


def codes(fit: LogisticFit) -> list[str]:
    return [c.code for c in fit.caveats]


# kernels --------------------------------------------------------------------------------------


def binary_rows(n: int = 30, *, weights: bool = True, offset: bool = True) -> BinaryRows:
    rng = np.random.default_rng(4)
    X = np.column_stack([np.ones(n), rng.normal(size=(n, 2))])
    sign = rng.choice([-1.0, 1.0], n)
    return BinaryRows(
        X,
        sign,
        rng.uniform(0.5, 2, n) if weights else None,
        rng.normal(size=n) if offset else None,
    )


@pytest.mark.parametrize("kernel", [likelihood, penalised_likelihood])
@pytest.mark.parametrize(("weights", "offset"), [(False, False), (True, False), (True, True)])
def test_scores_are_the_slopes_of_the_likelihood(kernel: Any, weights: bool, offset: bool) -> None:
    evaluate = kernel(binary_rows(weights=weights, offset=offset))
    point, step = np.array([0.3, -0.4, 0.2]), 1e-5
    here = evaluate(point)
    for j, unit in enumerate(np.eye(3)):
        above, below = evaluate(point + step * unit), evaluate(point - step * unit)
        slope = (above.value - below.value) / (2 * step)
        assert here.score[j] == pytest.approx(slope, abs=1e-7)  # step squared times curvature
        bend = -(above.score - below.score) / (2 * step)
        np.testing.assert_allclose(here.information[j], bend, atol=1e-7)


def test_blocks_add_up() -> None:
    small = binary_rows(60)
    times = 200  # 12,000 rows: three blocks
    tall = BinaryRows(
        np.tile(small.X, (times, 1)),
        np.tile(small.sign, times),
        np.tile(small.weights, times),
        np.tile(small.offset, times),
    )
    point = np.array([0.3, -0.4, 0.2])
    one, many = likelihood(small)(point), likelihood(tall)(point)
    assert many.value == pytest.approx(times * one.value, rel=1e-12)
    np.testing.assert_allclose(many.information, times * one.information, rtol=1e-12)
    np.testing.assert_allclose(
        row_terms(tall, point).residuals, np.tile(row_terms(small, point).residuals, times)
    )
    # leverages of 200 copies are 1/200 of those of one
    shifts = [
        modified_terms(rows, point).residuals - row_terms(rows, point).residuals
        for rows in (small, tall)
    ]
    np.testing.assert_allclose(times * shifts[1], np.tile(shifts[0], times), rtol=1e-9)


def test_penalty_zero_is_maximum_likelihood() -> None:
    data = binary_rows()
    plain = maximise(likelihood(data), np.zeros(3))
    none = maximise(penalised_likelihood(data, 0.0), np.zeros(3))
    np.testing.assert_allclose(none.estimate, plain.estimate, rtol=1e-10)


def test_modified_scores_sum_to_zero_at_the_penalised_estimate() -> None:
    data = binary_rows()
    found = maximise(penalised_likelihood(data), np.zeros(3))
    terms = modified_terms(data, found.estimate)
    np.testing.assert_allclose(terms.residuals @ data.X, 0.0, atol=1e-7)


def test_a_far_point_overflows_nothing() -> None:
    here = likelihood(binary_rows())(np.array([1e6, 0.0, 0.0]))
    assert np.isfinite(here.value)


def test_a_point_out_of_reach_has_no_value() -> None:
    assert np.isnan(likelihood(binary_rows())(np.array([np.inf, -np.inf, 0.0])).value)


def test_singular_information_has_no_penalised_likelihood() -> None:
    data = binary_rows()
    flat = BinaryRows(data.X * [1.0, 1.0, 0.0], data.sign)
    assert penalised_likelihood(flat)(np.zeros(3)).value == -np.inf
    assert np.isnan(modified_terms(flat, np.zeros(3)).residuals).all()


def test_the_start_for_many_rows_does_not_change_the_estimate() -> None:
    rng = np.random.default_rng(8)
    n = 41_000
    X = np.column_stack([np.ones(n), rng.normal(size=(n, 2))])
    y = rng.random(n) < special.expit(X @ [-1.0, 0.5, -0.3])
    data = BinaryRows(X, 2.0 * y - 1)
    start = starting_point(data)
    assert start.any()
    from_part, from_zero = (maximise(likelihood(data), b) for b in (start, np.zeros(3)))
    error = np.sqrt(np.diag(from_zero.covariance))
    assert np.max(np.abs(from_part.estimate - from_zero.estimate) / error) < 1e-7
    separated = BinaryRows(X, np.where(X[:, 1] > 0, 1.0, -1.0))
    assert not starting_point(separated).any()


# clusters and guards ---------------------------------------------------------------------------


def test_a_frame_brings_its_cluster_and_unit() -> None:
    fit = fit_logistic(LEVELS, FORMULA)
    assert fit.vcov == "CR1"
    assert fit.cluster == ("patient_id",)
    assert fit.n_clusters == ROWS["patient_id"].nunique()
    assert fit.df == fit.n_clusters - 1
    assert fit.unit == "level"


def test_rows_that_repeat_patients_need_a_cluster_or_a_reason() -> None:
    bare = Frame(ROWS, unit="level")
    with pytest.raises(UsageError, match="cluster='patient_id'"):
        fit_logistic(bare, FORMULA)
    fit = fit_logistic(bare, FORMULA, independent="one level per patient was drawn")
    assert fit.vcov == "model"
    assert fit.n_clusters is None
    assert "one level per patient was drawn" in fit.caveats[0].message
    assert codes(fit)[0] == "independent"
    same = fit_logistic(LEVELS, FORMULA, independent="as above")
    assert same.vcov == "model"


def test_a_plain_table_is_taken_at_its_word() -> None:
    assert fit_logistic(ROWS, FORMULA).vcov == "model"
    assert fit_logistic(ROWS, FORMULA, cluster="center_id").n_clusters == 4


def test_two_clusters() -> None:
    fit = fit_logistic(LEVELS, FORMULA, cluster=("patient_id", "center_id"))
    assert fit.cluster == ("patient_id", "center_id")
    assert fit.n_clusters == 4
    assert fit.df == 3
    assert "few_clusters" in codes(fit)


def test_firth_with_clusters_is_robust_by_default() -> None:
    fit = fit_logistic(LEVELS, FORMULA, penalty="firth")
    assert fit.vcov == "CR1"
    assert fit_logistic(ROWS, FORMULA, penalty="firth").vcov == "model"


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"penalty": "ridge"}, "penalty is 'ridge'; expected one of None, 'firth', 'flic'"),
        ({"vcov": "HC3"}, "vcov is 'HC3'"),
        ({"intervals": "exact"}, "intervals is 'exact'"),
        ({"level": 95}, "level is 95"),
        ({"vcov": "CR1"}, "needs cluster="),
        ({"vcov": "HC1", "cluster": "patient_id"}, "ignores that rows of one patient_id"),
        ({"vcov": "model", "cluster": "patient_id"}, "independent='the reason'"),
        ({"vcov": "model", "cluster": "patient_id", "penalty": "firth"}, "ignores"),
        ({"vcov": "CR0", "cluster": ("patient_id", "center_id")}, "no two-way CR0"),
        ({"vcov": "CR2", "cluster": "patient_id", "penalty": "firth"}, "no theory"),
        ({"cluster": ("patient_id", "center_id"), "penalty": "firth"}, "no theory"),
        ({"cluster": ("patient_id",)}, "two different columns"),
        ({"cluster": ("patient_id", "patient_id")}, "two different columns"),
        ({"cluster": ()}, "two different columns"),
        ({"intervals": "profile", "cluster": "patient_id"}, "independent rows"),
        ({"intervals": "profile", "vcov": "HC1"}, "independent rows"),
        ({"cluster": "patient_id", "independent": "why"}, "not both"),
        ({"independent": " "}, "needs the reason"),
        ({"cluster": "nowhere"}, "nowhere"),
        ({"cluster": ("patient_id", "nowhere")}, "nowhere"),
        ({"weights": "nowhere"}, "nowhere"),
        ({"weights": "region"}, "expected numbers"),
        ({"weights": "zero"}, "column 'zero': holds weights that are zero or negative"),
        ({"offset": "infinite"}, "column 'infinite': holds an infinite number"),
    ],
)
def test_requests_that_are_wrong_whatever_the_data(options: dict[str, Any], what: str) -> None:
    data = ROWS.assign(zero=0.0, infinite=np.inf)
    with pytest.raises(UsageError, match=what):
        fit_logistic(data, FORMULA, **options)


def test_missing_cluster_ids_are_refused() -> None:
    data = ROWS.assign(patient_id=ROWS["patient_id"].where(ROWS.index > 3))
    with pytest.raises(UsageError, match="missing cluster ids"):
        fit_logistic(data, FORMULA, cluster="patient_id")


def test_bad_formulas_and_outcomes() -> None:
    with pytest.raises(FormulaError, match="open"):
        fit_logistic(ROWS, "leak ~ open('f')")
    with pytest.raises(UsageError, match="two values"):
        fit_logistic(ROWS, "w ~ ml")
    with pytest.raises(UsageError, match="two values"):
        fit_logistic(ROWS, "region ~ ml")


# what data can do ------------------------------------------------------------------------------


def assert_not_estimated(fit: LogisticFit, status: str) -> None:
    assert fit.status == status
    assert not fit.ok
    assert len(fit.reason) > 20
    rows = fit.tidy()
    assert rows.drop(columns="term").isna().all().all()
    assert fit.glance()["status"].item() == status
    assert fit.predict(ROWS).isna().all().all()
    assert np.isnan(fit.wald_test("ml")["p_value"].item())


def test_no_complete_row() -> None:
    fit = fit_logistic(ROWS.assign(ml=np.nan), "leak ~ ml")
    assert_not_estimated(fit, "no rows")
    assert fit.n == 0
    assert fit.n_missing == len(ROWS)


def test_an_outcome_that_never_varies() -> None:
    for value, word in ((0, "no"), (1, "yes")):
        fit = fit_logistic(ROWS.assign(leak=value), "leak ~ ml")
        assert_not_estimated(fit, "constant outcome")
        assert f"'leak' is {word} in every row" in fit.reason


def test_one_cluster() -> None:
    fit = fit_logistic(ROWS.assign(one="a"), "leak ~ ml", cluster="one")
    assert_not_estimated(fit, "too few clusters")


def separated_rows() -> pd.DataFrame:
    data = make_rows()
    data["breach"] = ((data["leak"] == 1) & (data["ml"] > 4)).astype(int)
    return data


@pytest.mark.parametrize("cluster", [None, "patient_id"])
def test_separation_is_a_result_that_names_columns_and_remedy(cluster: str | None) -> None:
    fit = fit_logistic(separated_rows(), "leak ~ ml + breach", cluster=cluster)
    assert fit.status == "separated"
    assert fit.tidy().drop(columns="term").isna().all().all()
    assert "quasi-complete separation: breach predict" in fit.reason
    assert "penalty='firth'" in fit.reason
    assert ("profile" in fit.reason) == (cluster is None)
    assert codes(fit)[0] == "separation"


def test_the_remedy_works() -> None:
    fit = fit_logistic(separated_rows(), "leak ~ ml + breach", penalty="firth", intervals="profile")
    assert fit.ok
    rows = fit.tidy()
    assert np.isfinite(rows.drop(columns="term").to_numpy()).all()
    assert "separation" in codes(fit)


def test_complete_separation() -> None:
    fit = fit_logistic(ROWS.assign(copy=ROWS["leak"]), "leak ~ copy + ml")
    assert fit.status == "separated"
    assert "complete separation" in fit.reason
    assert "quasi" not in fit.reason


def test_extreme_but_finite_estimates_are_not_called_separated() -> None:
    x = np.r_[np.full(20_000, -1.0), np.full(20_000, 1.0)]
    y = (x > 0).astype(int)
    y[0], y[-1] = 1, 0  # one exception on either side: log odds ratio 2 log(19999) = 19.8
    fit = fit_logistic(pd.DataFrame({"y": y, "x": 30 * x}), "y ~ x")
    assert fit.ok
    assert fit.coefficients[1] == pytest.approx(np.log(19_999) / 30, rel=1e-9)
    steep = fit_logistic(pd.DataFrame({"y": y, "x": x, "z": np.arange(40_000.0)}), "y ~ x")
    assert steep.ok


def test_separation_is_looked_for_where_log_odds_are_large() -> None:
    x = np.array([-40.0, -1.0, 0.0, 0.0, 1.0, 40.0])
    fit = fit_logistic(pd.DataFrame({"y": [0, 0, 0, 1, 1, 1], "x": x}), "y ~ x")
    assert fit.status == "separated"
    fit = fit_logistic(pd.DataFrame({"y": [0, 1, 0, 1, 0, 1], "x": x}), "y ~ x")
    assert fit.ok


def test_a_solver_that_does_not_arrive(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "vpstats.models.penalties.maximise",
        lambda evaluate, start, **_: maximise(evaluate, start, max_iterations=1),
    )
    fit = fit_logistic(ROWS, FORMULA)
    assert fit.status == "not converged"
    assert "1 iterations" in fit.reason
    assert not fit.glance()["converged"].item()
    assert "not_converged" in codes(fit)


def test_rows_left_out_are_counted() -> None:
    data = ROWS.astype({"ml": "Float64"})
    data.loc[:9, "ml"] = pd.NA
    data.loc[10:11, "w"] = np.nan
    fit = fit_logistic(data, FORMULA, weights="w")
    assert fit.n == len(ROWS) - 12
    assert fit.n_missing == 12
    caveat = next(c for c in fit.caveats if c.code == "dropped_rows")
    assert caveat.message.startswith("12 of 240 rows")


def test_aliased_columns_carry_a_caveat() -> None:
    fit = fit_logistic(ROWS.assign(twice=2 * ROWS["ml"]), "leak ~ ml + twice")
    assert fit.terms == ("Intercept", "ml")
    assert [c.term for c in fit.caveats if c.code == "aliased"] == ["twice"]


def test_few_events() -> None:
    few = ROWS.sort_values("leak").head(int((ROWS["leak"] == 0).sum()) + 15)
    fit = fit_logistic(few, FORMULA)
    assert "few_events" in codes(fit)
    assert "15 events for 3 parameters" in fit.caveats[0].message
    assert fit.events_per_parameter == 5.0
    mirrored = fit_logistic(few.assign(leak=1 - few["leak"]), FORMULA)
    assert "15 rows without the event" in mirrored.caveats[0].message
    assert "few_events" not in codes(fit_logistic(few, "leak ~ 1"))
    assert np.isnan(fit_logistic(few, "leak ~ 1").events_per_parameter)


def test_few_clusters_and_few_clusters_with_an_event() -> None:
    assert "few_clusters" in codes(fit_logistic(ROWS, "leak ~ ml", cluster="center_id"))
    assert "few_clusters" not in codes(fit_logistic(LEVELS, "leak ~ ml"))
    firth = fit_logistic(ROWS, "leak ~ ml", cluster="center_id", penalty="firth")
    assert "few_event_clusters" in codes(firth)
    assert "few_event_clusters" not in codes(fit_logistic(LEVELS, "leak ~ ml", penalty="firth"))


def test_calendar_years_lose_no_accuracy() -> None:
    # columns far from zero: the slope and its error are those of centred years
    data = ROWS.assign(year=2015 + np.arange(len(ROWS)) % 9)
    far = fit_logistic(data, "leak ~ year + ml", vcov="HC1")
    near = fit_logistic(data.assign(year=data["year"] - 2019), "leak ~ year + ml", vcov="HC1")
    error = near.std_errors[1]
    assert abs(far.coefficients[1] - near.coefficients[1]) / error < 1e-8
    assert abs(far.std_errors[1] / error - 1) < 1e-8


def test_raw_and_orthogonal_polynomials_predict_the_same() -> None:
    data = ROWS.assign(age=55.0 + np.arange(len(ROWS)) % 37)
    raw = fit_logistic(data, "leak ~ age + I(age**2) + I(age**3)")
    orthogonal = fit_logistic(data, "leak ~ poly(age, 3)")
    assert raw.terms[3] == "I(age ** 3)"
    for column in ("estimate", "std_error"):
        np.testing.assert_allclose(
            raw.predict(data)[column], orthogonal.predict(data)[column], rtol=1e-5
        )


# what a fit answers ----------------------------------------------------------------------------


def test_tidy_on_both_scales() -> None:
    fit = fit_logistic(LEVELS, FORMULA)
    plain, ratios = fit.tidy(), fit.tidy(exponentiate=True)
    for column in ("estimate", "conf_low", "conf_high"):
        np.testing.assert_allclose(ratios[column], np.exp(plain[column]), rtol=1e-14)
    np.testing.assert_array_equal(ratios["std_error"], plain["std_error"])
    assert set(plain.columns) <= set(GLOSSARY)
    assert list(plain["term"]) == ["Intercept", "ml", "region[T.lumbar]", "region[T.sacral]"]


def test_profile_intervals_keep_their_level() -> None:
    fit = fit_logistic(ROWS, FORMULA, intervals="profile", level=0.9)
    assert fit.tidy(level=0.9).equals(fit.tidy())
    with pytest.raises(UsageError, match=r"fit again with level=0.95"):
        fit.tidy(level=0.95)


def test_glance_has_the_same_columns_for_every_fit() -> None:
    fits = [
        fit_logistic(LEVELS, FORMULA),
        fit_logistic(ROWS, FORMULA, penalty="firth", intervals="profile"),
        fit_logistic(ROWS.assign(leak=0), FORMULA),
    ]
    frames = [fit.glance() for fit in fits]
    for frame in frames:
        assert len(frame) == 1
        assert list(frame.columns) == list(frames[0].columns)
        assert list(frame.dtypes) == list(frames[0].dtypes)
    assert set(frames[0].columns) <= set(GLOSSARY)


def test_predictions() -> None:
    fit = fit_logistic(LEVELS, FORMULA)
    new = ROWS.head(4).drop(columns="leak").set_index(pd.Index(list("abcd")))
    new.loc["b", "ml"] = np.nan
    risk = fit.predict(new)
    assert list(risk.index) == list("abcd")
    assert risk.loc["b"].isna().all()
    known = risk.drop(index="b")
    assert ((known["conf_low"] > 0) & (known["conf_low"] < known["estimate"])).all()
    assert ((known["estimate"] < known["conf_high"]) & (known["conf_high"] < 1)).all()
    narrow = fit.predict(new, level=0.5).drop(index="b")
    assert (narrow["conf_low"] > known["conf_low"]).all()
    with pytest.raises(UsageError, match="no times"):
        fit.predict(new, times=[365])
    with pytest.raises(UsageError, match=r"'cervical'.*not seen"):
        fit.predict(new.assign(region="cervical"))


def test_predictions_use_the_offset() -> None:
    fit = fit_logistic(ROWS, "leak ~ ml", offset="o")
    shifted = fit.predict(ROWS.assign(o=ROWS["o"] + 1))["estimate"]
    np.testing.assert_allclose(
        special.logit(shifted), special.logit(fit.predict(ROWS)["estimate"]) + 1, rtol=1e-9
    )
    with pytest.raises(UsageError, match="column 'o'"):
        fit.predict(ROWS.drop(columns="o"))


def test_augment_keeps_the_rows_as_given() -> None:
    data = ROWS.copy()
    data.loc[2, "ml"] = np.nan
    before = data.copy()
    fit = fit_logistic(data, FORMULA)
    wide = fit.augment(data)
    pd.testing.assert_frame_equal(data, before)
    pd.testing.assert_frame_equal(wide[before.columns], before)
    assert list(wide.columns[-2:]) == [".fitted", ".resid"]
    assert wide.loc[2, [".fitted", ".resid"]].isna().all()
    # with an intercept residuals sum to zero, and fitted risks to the events
    assert wide[".resid"].sum() == pytest.approx(0.0, abs=1e-8)
    assert wide[".fitted"].sum() == pytest.approx(fit.n_events)


def test_a_wald_test_of_one_coefficient_is_its_own() -> None:
    for fit in (fit_logistic(ROWS, FORMULA), fit_logistic(LEVELS, FORMULA)):
        row = fit.tidy().set_index("term").loc["ml"]
        test = fit.wald_test("ml").iloc[0]
        assert test["statistic"] == pytest.approx(row["statistic"] ** 2)
        assert test["p_value"] == pytest.approx(row["p_value"])
        assert set(fit.wald_test("ml").columns) <= set(GLOSSARY)


def test_a_term_stands_for_all_its_coefficients() -> None:
    fit = fit_logistic(LEVELS, FORMULA)
    whole = fit.wald_test("region")
    apart = fit.wald_test(["region[T.lumbar]", "region[T.sacral]"])
    assert whole["df"].item() == 2
    assert whole["statistic"].item() == apart["statistic"].item()
    assert whole["method"].item() == "Wald F"
    for wrong in ("regio", []):
        with pytest.raises(UsageError, match=r"neither a coefficient|name at least one"):
            fit.wald_test(wrong)


def test_more_coefficients_than_clusters_cannot_be_tested_together() -> None:
    data = ROWS[ROWS["center_id"] < "C03"]
    fit = fit_logistic(data, FORMULA, cluster="center_id")
    assert np.isnan(fit.wald_test("region")["p_value"].item())


def test_a_likelihood_ratio_is_the_difference_of_two_fits() -> None:
    fit = fit_logistic(ROWS, FORMULA, weights="w", offset="o")
    smaller = fit_logistic(ROWS, "leak ~ ml", weights="w", offset="o")
    test = fit.likelihood_ratio_test(ROWS, "region").iloc[0]
    assert test["statistic"] == pytest.approx(2 * (fit.log_likelihood - smaller.log_likelihood))
    assert test["df"] == 2
    profile = fit_logistic(ROWS, FORMULA, intervals="profile", penalty="firth")
    single = profile.likelihood_ratio_test(ROWS, "ml").iloc[0]
    assert single["method"] == "penalised likelihood ratio"
    assert single["p_value"] == pytest.approx(profile.tidy().loc[1, "p_value"], rel=1e-8)


def test_a_likelihood_ratio_needs_independent_rows_and_the_rows_of_the_fit() -> None:
    with pytest.raises(UsageError, match="wald_test"):
        fit_logistic(LEVELS, FORMULA).likelihood_ratio_test(ROWS, "ml")
    with pytest.raises(UsageError, match="wald_test"):
        fit_logistic(ROWS, FORMULA, vcov="HC1").likelihood_ratio_test(ROWS, "ml")
    with pytest.raises(UsageError, match="100 complete rows, the fit 240"):
        fit_logistic(ROWS, FORMULA).likelihood_ratio_test(ROWS.head(100), "ml")
    failed = fit_logistic(ROWS.assign(leak=0), FORMULA).likelihood_ratio_test(ROWS, "ml")
    assert np.isnan(failed["p_value"].item())


def test_a_fit_holds_no_rows() -> None:
    fit = fit_logistic(LEVELS, FORMULA, penalty="firth")
    frozen = pickle.dumps(fit)
    assert b"NAME-" not in frozen
    assert len(frozen) < 5_000
    again = pickle.loads(frozen)  # our own bytes
    pd.testing.assert_frame_equal(again.tidy(), fit.tidy())
    with pytest.raises(AttributeError):
        fit.terms = ()


def test_the_notebook_view_warns_that_nothing_was_released() -> None:
    shown = fit_logistic(LEVELS, FORMULA)._repr_html_()
    assert "240 levels" in shown
    assert "internal: not released" in shown


def test_data_are_not_touched() -> None:
    before = ROWS.copy()
    fit_logistic(LEVELS, FORMULA, weights="w", offset="o", vcov="CR2")
    pd.testing.assert_frame_equal(ROWS, before)
