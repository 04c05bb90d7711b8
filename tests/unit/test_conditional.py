"""Conditional logistic regression: guards, failures as results, clusters, imputations."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import special

from vpstats.errors import FormulaError, UsageError
from vpstats.frames import Frame, Imputations, open_data
from vpstats.models import conditional
from vpstats.models.conditional import ConditionalLogisticFit, fit_conditional_logistic
from vpstats.models.conditional_kernel import MatchedRows, conditional_likelihood
from vpstats.models.hazards import fit_cox


def make_sets(sets: int = 60, size: int = 4, seed: int = 2) -> pd.DataFrame:
    """Matched sets with one event each, and a confounder that is the set's own."""
    rng = np.random.default_rng(seed)
    n = sets * size
    data = pd.DataFrame(
        {
            "set": np.repeat([f"NAME-{i}" for i in range(sets)], size),
            "owner": np.repeat(np.arange(sets) // 3, size),
            "age": np.repeat(rng.normal(70, 8, sets), size),
            "ml": rng.normal(4, 1, n),
            "region": rng.choice(list("abc"), n),
        }
    )
    eta = (0.7 * data["ml"] + 0.5 * (data["region"] == "b")).to_numpy().reshape(sets, size)
    chance = special.softmax(eta, axis=1)
    event = np.array([rng.choice(size, p=p) for p in chance])
    return data.assign(case=(np.arange(size) == event[:, None]).astype(int).ravel())


ROWS = make_sets()
FORMULA = "case ~ ml + region"


def fit_of(data: Any = ROWS, formula: str = FORMULA, **options: Any) -> ConditionalLogisticFit:
    return fit_conditional_logistic(data, formula, strata="set", **options)


def codes(fit: ConditionalLogisticFit) -> list[str]:
    return [c.code for c in fit.caveats]


def test_an_intercept_does_not_matter() -> None:
    plain = fit_of()
    assert plain.terms == ("ml", "region[T.b]", "region[T.c]")
    for formula in ("case ~ 0 + ml + region", "case ~ ml + region - 1", "case ~ 1 + ml + region"):
        same = fit_of(formula=formula)
        assert same.terms == plain.terms
        np.testing.assert_array_equal(same.coefficients, plain.coefficients)


def test_what_is_constant_within_strata_is_named() -> None:
    fit = fit_of(formula="case ~ ml + age + age:ml")
    assert fit.terms == ("ml", "age:ml")
    assert [(c.code, c.term) for c in fit.caveats] == [("constant_within", "age")]
    assert "age does not vary within set" in fit.caveats[0].message


def test_what_is_aliased_within_strata_alone_is_named() -> None:
    data = ROWS.assign(shifted=ROWS["ml"] + ROWS["age"])
    fit = fit_of(data, "case ~ ml + shifted")
    assert fit.terms == ("ml",)
    assert [(c.code, c.term) for c in fit.caveats] == [("aliased", "shifted")]
    doubled = fit_of(ROWS.assign(twice=2 * ROWS["ml"]), "case ~ ml + twice")
    assert [(c.code, c.term) for c in doubled.caveats] == [("aliased", "twice")]


def test_strata_without_variation_are_counted() -> None:
    data = ROWS.copy()
    data.loc[data["set"] == "NAME-0", "case"] = 0
    data.loc[data["set"] == "NAME-1", "case"] = 1
    fit = fit_of(data)
    same = fit_of(data[~data["set"].isin(["NAME-0", "NAME-1"])])
    assert (fit.n_strata, fit.n_uninformative, fit.n) == (58, 2, 58 * 4)
    assert fit.n_events == 58
    np.testing.assert_array_equal(fit.coefficients, same.coefficients)
    said = next(c.message for c in fit.caveats if c.code == "uninformative_strata")
    assert said.startswith("2 of 60 strata")


def test_missing_values_are_left_out_and_counted() -> None:
    data = ROWS.astype({"ml": "Float64"})
    data.loc[3, "ml"] = pd.NA
    data["set"] = data["set"].where(data.index != 9)
    fit = fit_of(data)
    assert fit.n_missing == 2
    assert "2 rows were left out" in next(
        c.message for c in fit.caveats if c.code == "dropped_rows"
    )


@pytest.mark.parametrize(
    ("change", "status", "what"),
    [
        ({"ml": np.nan}, "no rows", "no row has a value of ml"),
        ({"case": 0}, "nothing to compare", "no stratum of set holds a row with the event"),
        ({"ml": 1.0, "region": "a"}, "nothing to compare", "no column varies within set"),
    ],
)
def test_failures_are_results(change: dict[str, Any], status: str, what: str) -> None:
    fit = fit_of(ROWS.assign(**change))
    assert fit.status == status
    assert what in fit.reason
    assert np.isnan(fit.coefficients).all()
    assert np.isnan(fit.tidy().drop(columns="term").to_numpy(float)).all()
    assert fit.glance()["status"].item() == status


def test_separation_is_a_result_with_a_remedy_that_works() -> None:
    data = ROWS.assign(bad=ROWS["case"] * (ROWS["ml"] > 4))
    fit = fit_of(data, "case ~ ml + bad")
    assert fit.status == "separated"
    assert fit.reason.startswith("quasi-complete separation: bad")
    assert np.isnan(fit.coefficients).all()
    assert codes(fit)[0] == "separation"
    assert (
        "fit_cox(data.assign(time=1), '~ ml + bad', duration='time', event='case', "
        "strata='set', penalty='firth')" in fit.reason
    )
    remedy = fit_cox(
        data.assign(time=1), "~ ml + bad", duration="time", event="case", strata="set",
        penalty="firth",
    )  # fmt: skip
    assert remedy.ok
    assert np.isfinite(remedy.std_errors).all()
    assert fit_of(ROWS.assign(copy=ROWS["case"]), "case ~ copy").reason.startswith("complete")


def test_with_one_event_per_stratum_it_is_a_stratified_cox_model() -> None:
    cox = fit_cox(ROWS.assign(time=1), "~ ml + region", duration="time", event="case", strata="set")
    fit = fit_of()
    error = cox.std_errors
    assert np.max(np.abs(fit.coefficients - cox.coefficients) / error) < 1e-7
    assert np.max(np.abs(fit.std_errors - error) / error) < 1e-7


def test_a_solver_that_does_not_arrive(monkeypatch: pytest.MonkeyPatch) -> None:
    maximise = conditional.maximise
    monkeypatch.setattr(conditional, "maximise", lambda f, b, **_: maximise(f, b, max_iterations=1))
    fit = fit_of()
    assert fit.status == "not converged"
    assert "1 iterations" in fit.reason
    assert codes(fit)[0] == "not_converged"


# clusters ----------------------------------------------------------------------------------------


def test_clusters_of_whole_strata_are_robust() -> None:
    fit = fit_of(cluster="owner")
    assert (fit.vcov, fit.n_clusters, fit.cluster) == ("CR0", 20, "owner")
    assert "few_clusters" in codes(fit)
    # the score of a cluster is that of a model of its strata alone
    groups = [part for _, part in ROWS.groupby("owner")]
    scores = []
    for part in groups:
        X = np.column_stack([part["ml"], part["region"] == "b", part["region"] == "c"])
        rows = MatchedRows.build(
            X.astype(float), part["case"].to_numpy(float), pd.factorize(part["set"])[0]
        )
        # the kernel's columns are divided by their spread, so its score is multiplied by it
        here = conditional_likelihood(rows)(fit.coefficients * rows.spread)
        scores.append(here.score * rows.spread)
    bread = fit_of().covariance
    expected = bread @ (np.array(scores).T @ np.array(scores)) @ bread
    np.testing.assert_allclose(fit.covariance, expected, rtol=1e-5)


def test_a_cluster_that_is_the_stratum_is_conditioned_on() -> None:
    fit = fit_of(cluster="set")
    assert fit.vcov == "model"
    assert fit.n_clusters is None
    frame = Frame(ROWS.rename(columns={"set": "patient_id"}), unit="level", cluster="patient_id")
    within = fit_conditional_logistic(frame, FORMULA, strata="patient_id")
    np.testing.assert_array_equal(within.coefficients, fit.coefficients)
    bare = Frame(frame.data, unit="level")
    assert fit_conditional_logistic(bare, FORMULA, strata="patient_id").ok
    with pytest.raises(UsageError, match="give cluster='patient_id'"):
        fit_conditional_logistic(bare, FORMULA, strata="owner")


def test_clusters_that_strata_tear_apart_are_refused() -> None:
    data = ROWS.assign(patient=np.arange(len(ROWS)) % 100)
    with pytest.raises(UsageError, match="share a stratum of set with others"):
        fit_of(data, cluster="patient")
    free = fit_of(Frame(data, unit="level", cluster="patient"), independent="a test")
    assert "independent" in codes(free)
    alone = fit_of(ROWS.assign(row=range(len(ROWS))), cluster="row")
    assert alone.vcov == "model"  # every row a cluster of its own


def test_one_cluster() -> None:
    fit = fit_of(ROWS.assign(owner=1), cluster="owner")
    assert fit.status == "too few clusters"


# requests ----------------------------------------------------------------------------------------


def test_wrong_requests() -> None:
    for options, what in (
        ({"strata": "nowhere"}, "nowhere"),
        ({"strata": "set", "cluster": "nowhere"}, "nowhere"),
        ({"strata": "set", "level": 95}, "level is 95"),
    ):
        with pytest.raises(UsageError, match=what):
            fit_conditional_logistic(ROWS, FORMULA, **options)
    with pytest.raises(FormulaError, match="open"):
        fit_of(formula="case ~ open('f')")
    with pytest.raises(UsageError, match="two values"):
        fit_of(ROWS.assign(case=ROWS["case"] * 2))
    with pytest.raises(UsageError, match="a stratum has 600 rows"):
        fit_of(make_sets(1, 600))


def test_large_strata_neither_overflow_nor_nest_too_deep() -> None:
    data = make_sets(2, 400, seed=5)
    data["case"] = (np.arange(800) % 40 == 0).astype(int)
    fit = fit_of(data.assign(ml=40 * data["ml"]), "case ~ ml")
    assert fit.ok
    assert np.isfinite(fit.std_errors).all()


# what a fit answers ------------------------------------------------------------------------------


def test_neither_order_nor_index_nor_labels_matter() -> None:
    plain = fit_of(cluster="owner")
    shuffled = ROWS.sample(frac=1, random_state=np.random.default_rng(1))
    relabelled = shuffled.set_axis(np.zeros(len(ROWS), dtype=int), axis=0).assign(
        set=pd.factorize(shuffled["set"])[0]
    )
    for data in (shuffled, relabelled):
        same = fit_of(data, cluster="owner")
        error = plain.std_errors
        assert np.max(np.abs(same.coefficients - plain.coefficients) / error) < 1e-7
        assert np.max(np.abs(same.std_errors - error) / error) < 1e-7


def test_predictions_are_odds_ratios_to_the_average_row() -> None:
    fit = fit_of()
    new = ROWS.head(3).assign(ml=[4.0, 5.0, np.nan], region="a")
    ratios = fit.predict(new)
    assert ratios["estimate"].iloc[1] / ratios["estimate"].iloc[0] == pytest.approx(
        np.exp(fit.coefficients[0])
    )
    assert ratios.iloc[2].isna().all()
    wide = fit.augment(ROWS)
    assert wide[".fitted"].mean() == pytest.approx(0.0, abs=1e-12)
    with pytest.raises(UsageError, match="no times"):
        fit.predict(new, times=[1])
    with pytest.raises(UsageError, match="not seen"):
        fit.predict(new.assign(region="z"))


def test_likelihoods_and_joint_tests() -> None:
    fit = fit_of()
    assert fit.null_log_likelihood == pytest.approx(-60 * np.log(4))
    assert fit.log_likelihood > fit.null_log_likelihood
    assert fit.wald_test("region").iloc[0]["df"] == 2
    assert fit.events_per_parameter == 20
    assert "few_events" in codes(fit_of(make_sets(20)))
    with pytest.raises(UsageError, match="neither a coefficient"):
        fit.wald_test("age")


def test_imputations_are_pooled() -> None:
    frames = tuple(open_data(ROWS.assign(ml=ROWS["ml"] + k / 50 * np.sin(np.arange(len(ROWS)))))
                   for k in range(3))  # fmt: skip
    pooled = fit_of(Imputations(frames))
    singles = [fit_of(frame) for frame in frames]
    np.testing.assert_allclose(
        pooled.coefficients, np.mean([f.coefficients for f in singles], axis=0)
    )
    assert np.isnan(pooled.log_likelihood)
    assert (pooled.std_errors >= np.min([f.std_errors for f in singles], axis=0)).all()


def test_nothing_of_the_rows_is_kept_or_changed() -> None:
    before = ROWS.copy(deep=True)
    assert b"NAME-" not in pickle.dumps(fit_of(cluster="owner"))
    pd.testing.assert_frame_equal(ROWS, before)
