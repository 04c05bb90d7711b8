"""Standardised risks and partial effects: options, guards, failures, figures."""

from __future__ import annotations

import pickle
from typing import Any

import joblib
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from scipy import special

from vpstats.errors import UsageError
from vpstats.frames import Frame, Imputations
from vpstats.models.conditional import fit_conditional_logistic
from vpstats.models.gee import fit_gee
from vpstats.models.hazards import fit_cox
from vpstats.models.logistic import LogisticFit, fit_logistic
from vpstats.models.mixed import fit_mixed_logistic
from vpstats.models.partial_effects import partial_effects
from vpstats.models.standardised import standardised_risks
from vpstats.results import GLOSSARY


def make_rows(n: int = 240, seed: int = 1) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    data = pd.DataFrame(
        {
            "patient_id": [f"NAME-{i}" for i in rng.integers(0, 110, n)],
            "center_id": rng.choice(["C01", "C02", "C03", "C04"], n),
            "region": rng.choice(["thoracic", "lumbar", "sacral"], n),
            "ml": rng.uniform(2, 7, n),
            "grade": rng.integers(1, 4, n),
            "cleft": rng.random(n) < 0.3,
            "fracture": pd.Categorical(rng.choice(["no", "yes"], n)),
            "w": rng.uniform(0.5, 2, n),
            "days": rng.integers(1, 300, n).astype(float),
        }
    )
    eta = -1.5 + 0.3 * (data["ml"] - 4) + 0.6 * (data["region"] == "thoracic")
    return data.assign(leak=(rng.random(n) < special.expit(eta)).astype(int))


ROWS = make_rows()
LEVELS = Frame(ROWS, unit="level", cluster="patient_id", outcome="leak")
FORMULA = "leak ~ C(region, ref='lumbar') * ml + C(grade) + cleft + fracture"
FIT = fit_logistic(LEVELS, FORMULA)


def codes(result: Any) -> list[str]:
    return [c.code for c in result.caveats]


def estimates(table: pd.DataFrame, measure: str) -> dict[str, float]:
    rows = table[table["measure"] == measure]
    return dict(zip(rows["level"], rows["estimate"], strict=True))


# values and references ---------------------------------------------------------------------------


def test_all_categories_against_the_reference_of_the_model() -> None:
    result = standardised_risks(FIT, LEVELS, exposure="region")
    table = result.tidy()
    assert list(table.columns) == [
        "variable", "level", "reference", "measure", "estimate", "std_error", "conf_low",
        "conf_high", "p_value",
    ]  # fmt: skip
    assert list(estimates(table, "risk")) == ["lumbar", "sacral", "thoracic"]
    assert list(estimates(table, "risk_ratio")) == ["sacral", "thoracic"]
    assert set(table.query("measure != 'risk'")["reference"]) == {"lumbar"}
    assert set(result.glance().columns) <= set(GLOSSARY)
    assert result.glance()["method"].item() == "delta, rows sampled"
    assert result.n == len(ROWS)
    assert result.n_clusters == ROWS["patient_id"].nunique()


def test_risks_are_means_of_predictions() -> None:
    table = standardised_risks(FIT, ROWS, exposure="region").tidy()
    for level, risk in estimates(table, "risk").items():
        predicted = FIT.predict(ROWS.assign(region=level))["estimate"]
        assert risk == pytest.approx(predicted.mean(), rel=1e-12)


@pytest.mark.parametrize(
    ("exposure", "values", "levels"),
    [
        ("cleft", None, ["False", "True"]),
        ("cleft", [True, False], ["True", "False"]),
        ("fracture", None, ["no", "yes"]),
        ("grade", None, ["1", "2", "3"]),
        ("grade", [3, 1], ["3", "1"]),
        ("grade", ["2"], ["2"]),
        ("ml", [2.5, 6], ["2.5", "6"]),
        ("region", ("sacral", "lumbar"), ["sacral", "lumbar"]),
    ],
)
def test_values_of_every_type(exposure: str, values: Any, levels: list[str]) -> None:
    table = standardised_risks(FIT, ROWS, exposure=exposure, values=values).tidy()
    assert list(estimates(table, "risk")) == levels
    assert np.isfinite(table[["estimate", "std_error", "conf_low", "conf_high"]]).all().all()


def test_zero_and_one_are_the_values_of_an_indicator() -> None:
    data = ROWS.assign(high=(ROWS["ml"] > 4).astype(int))
    fit = fit_logistic(data, "leak ~ high + region")
    assert list(estimates(standardised_risks(fit, data, exposure="high").tidy(), "risk")) == [
        "0",
        "1",
    ]


def test_another_reference_turns_the_difference_round() -> None:
    one = standardised_risks(FIT, ROWS, exposure="region").tidy()
    two = standardised_risks(FIT, ROWS, exposure="region", reference="thoracic").tidy()
    gap = estimates(one, "risk_difference")["thoracic"]
    assert estimates(two, "risk_difference")["lumbar"] == pytest.approx(-gap)
    ratio = estimates(one, "risk_ratio")["thoracic"]
    assert estimates(two, "risk_ratio")["lumbar"] == pytest.approx(1 / ratio)


def test_a_number_used_as_number_and_as_category() -> None:
    fit = fit_logistic(ROWS, "leak ~ C(grade) + I(grade * ml) + ml")
    table = standardised_risks(fit, ROWS, exposure="grade", values=[1, 3]).tidy()
    expected = fit.predict(ROWS.assign(grade=3))["estimate"].mean()
    assert estimates(table, "risk")["3"] == pytest.approx(expected)


def test_booleans_in_arithmetic() -> None:
    fit = fit_logistic(ROWS, "leak ~ I(cleft * ml)")
    table = standardised_risks(fit, ROWS, exposure="cleft").tidy()
    assert list(estimates(table, "risk")) == ["False", "True"]


def test_other_columns_may_be_fixed() -> None:
    table = standardised_risks(FIT, ROWS, exposure="region", at={"ml": 5, "cleft": True}).tidy()
    expected = FIT.predict(ROWS.assign(region="sacral", ml=5.0, cleft=True))["estimate"].mean()
    assert estimates(table, "risk")["sacral"] == pytest.approx(expected, rel=1e-12)


def test_a_single_value_has_nothing_to_compare() -> None:
    table = standardised_risks(FIT, ROWS, exposure="ml", values=[4]).tidy()
    assert table["measure"].tolist() == ["risk"]


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"exposure": "age"}, "no such column"),
        ({"exposure": "center_id"}, "the model does not hold 'center_id'"),
        ({"exposure": "ml"}, r"values=\[2, 4, 6\]"),
        ({"exposure": "ml", "values": ["much"]}, "'much' is none"),
        ({"exposure": "ml", "values": [np.inf]}, "inf is none"),
        ({"exposure": "ml", "values": []}, "at least one"),
        ({"exposure": "ml", "values": [2, 2.0]}, "each of values= once"),
        ({"exposure": "region", "values": ["cervical"]}, "has no category 'cervical'"),
        ({"exposure": "fracture", "values": ["unknown"]}, "has no category 'unknown'"),
        ({"exposure": "grade", "values": [7]}, "has no category '7'"),
        ({"exposure": "region", "reference": "cervical"}, "has no category 'cervical'"),
        ({"exposure": "ml", "values": [2, 4], "reference": 3}, "is not among values="),
        ({"exposure": "region", "at": {"region": "lumbar"}}, "other columns than the exposure"),
        ({"exposure": "region", "at": {"age": 60}}, "no such column"),
        ({"exposure": "region", "at": {"center_id": "C01"}}, "does not hold 'center_id'"),
        ({"exposure": "region", "intervals": "profile"}, "intervals is 'profile'"),
        ({"exposure": "region", "covariates": "random"}, "covariates is 'random'"),
        ({"exposure": "region", "level": 95}, "level is 95"),
        ({"exposure": "region", "margin": 1.5}, "between 0 and 1"),
        ({"exposure": "region", "margin": -0.1}, "between 0 and 1"),
        ({"exposure": "region", "margin": 0.8, "measure": "risk_ratio"}, "1.25 means 0.8 to 1.25"),
        ({"exposure": "region", "measure": "odds_ratio"}, "measure is 'odds_ratio'"),
        ({"exposure": "region", "margin": 0.1, "level": 0.5}, "above 0.5"),
        ({"exposure": "region", "intervals": "bootstrap", "n_boot": 10}, "at least 100"),
        (
            {"exposure": "region", "intervals": "bootstrap", "covariates": "fixed"},
            "use intervals='delta'",
        ),
    ],
)
def test_requests_that_make_no_sense(options: dict[str, Any], what: str) -> None:
    with pytest.raises(UsageError, match=what):
        standardised_risks(FIT, ROWS, **options)


def test_values_outside_of_those_analysed() -> None:
    result = standardised_risks(FIT, ROWS, exposure="ml", values=[4, 12])
    assert codes(result)[0] == "extrapolation"
    assert "ml was set to values outside of those analysed" in result.caveats[0].message
    assert "extrapolation" not in codes(standardised_risks(FIT, ROWS, exposure="ml", values=[4, 5]))


# models ------------------------------------------------------------------------------------------


def test_a_penalised_fit_says_that_its_risks_are_pulled() -> None:
    for penalty, said in (("firth", True), ("flic", False), ("flac", False), (None, False)):
        fit = fit_logistic(LEVELS, "leak ~ region + ml", penalty=penalty)
        result = standardised_risks(fit, LEVELS, exposure="region")
        assert ("penalised_mean" in codes(result)) == said


def test_estimating_equations_are_standardised_too() -> None:
    fit = fit_gee(LEVELS, "leak ~ region + ml", cluster="patient_id")
    result = standardised_risks(fit, LEVELS, exposure="region")
    expected = fit.predict(ROWS.assign(region="sacral"))["estimate"].mean()
    assert estimates(result.tidy(), "risk")["sacral"] == pytest.approx(expected)
    with pytest.raises(UsageError, match="the bootstrap is for fit_logistic"):
        standardised_risks(fit, LEVELS, exposure="region", intervals="bootstrap")
    with pytest.raises(UsageError, match="standardise each completed table"):
        standardised_risks(fit, Imputations((LEVELS, LEVELS)), exposure="region")


def test_conditional_models_have_no_marginal_risk() -> None:
    mixed = fit_mixed_logistic(ROWS, "leak ~ region", group="center_id", nodes=5)
    matched = fit_conditional_logistic(ROWS, "leak ~ region", strata="center_id")
    for fit in (mixed, matched):
        with pytest.raises(UsageError, match="fit a marginal model"):
            standardised_risks(fit, ROWS, exposure="region")
    cox = fit_cox(ROWS, "~ region", duration="days", event="leak")
    with pytest.raises(UsageError, match="no marginal risk to standardise"):
        standardised_risks(cox, ROWS, exposure="region")


@pytest.mark.parametrize("margin", [None, 0.1])
def test_a_fit_without_estimates_gives_none(margin: float | None) -> None:
    data = ROWS.assign(copy=ROWS["leak"])
    fit = fit_logistic(data, "leak ~ copy + region")
    result = standardised_risks(fit, data, exposure="region", margin=margin)
    assert result.status == "separated"
    assert "penalty='firth'" in result.reason
    table = result.tidy()
    assert table["estimate"].isna().all()
    assert list(estimates(table, "risk")) == ["lumbar", "sacral", "thoracic"]
    if margin is not None:
        assert set(table["verdict"]) == {""}


def test_a_fit_without_rows_gives_an_empty_table() -> None:
    fit = fit_logistic(ROWS.assign(ml=np.nan), "leak ~ ml")
    result = standardised_risks(fit, ROWS, exposure="ml")
    assert result.status == "no rows"
    assert result.tidy().empty


def test_a_population_without_complete_rows() -> None:
    result = standardised_risks(FIT, ROWS.assign(ml=np.nan), exposure="region")
    assert result.status == "no rows"
    assert result.tidy()["estimate"].isna().all()


# rows and populations ----------------------------------------------------------------------------


def test_incomplete_rows_are_left_out_as_in_the_fit() -> None:
    data = ROWS.astype({"leak": "Int64"})
    data.loc[3, "leak"], data.loc[8, "region"] = pd.NA, None
    fit = fit_logistic(data, "leak ~ region + ml")
    result = standardised_risks(fit, data, exposure="region")
    same = ROWS.drop(index=[3, 8])
    expected = standardised_risks(fit_logistic(same, "leak ~ region + ml"), same, exposure="region")
    assert result.n == len(ROWS) - 2
    pd.testing.assert_frame_equal(result.tidy(), expected.tidy())


def test_another_population_needs_no_outcome() -> None:
    other = make_rows(80, seed=9).drop(columns="leak").assign(ml=6.0)
    result = standardised_risks(FIT, other, exposure="region")
    expected = FIT.predict(other.assign(region="sacral"))["estimate"].mean()
    assert estimates(result.tidy(), "risk")["sacral"] == pytest.approx(expected)
    assert result.n == 80


def test_neither_order_nor_index_of_rows_matters() -> None:
    shuffled = ROWS.sample(frac=1, random_state=np.random.default_rng(2))
    relabelled = shuffled.set_axis(np.zeros(len(ROWS), dtype=int), axis=0)
    for intervals in ("delta", "bootstrap"):
        options = {"exposure": "region", "intervals": intervals, "n_boot": 100, "seed": 4}
        one = standardised_risks(FIT, ROWS, **options).tidy()
        for data in (shuffled, relabelled):
            two = standardised_risks(FIT, data, **options).tidy()
            pd.testing.assert_frame_equal(one, two, rtol=1e-7)


def test_two_way_clusters() -> None:
    fit = fit_logistic(LEVELS, "leak ~ region + ml", cluster=("patient_id", "center_id"))
    table = standardised_risks(fit, LEVELS, exposure="ml", values=[3, 5]).tidy()
    # own, shared and cross parts of both ways and of their crossing, written out
    one_way = [
        standardised_risks(
            fit_logistic(ROWS.assign(both=ROWS["patient_id"] + ROWS["center_id"]),
                         "leak ~ region + ml", cluster=c), ROWS.assign(
                both=ROWS["patient_id"] + ROWS["center_id"]), exposure="ml", values=[3, 5],
        ).tidy()["std_error"][:3] ** 2
        for c in ("patient_id", "center_id", "both")
    ]  # fmt: skip
    np.testing.assert_allclose(
        table["std_error"][:3] ** 2, one_way[0] + one_way[1] - one_way[2], rtol=1e-6
    )
    with pytest.raises(UsageError, match="two crossed clusters"):
        standardised_risks(fit, LEVELS, exposure="ml", values=[3, 5], intervals="bootstrap")


def test_data_are_not_touched_and_nothing_of_them_is_kept() -> None:
    before = ROWS.copy(deep=True)
    result = standardised_risks(FIT, LEVELS, exposure="region", intervals="bootstrap", n_boot=100)
    pd.testing.assert_frame_equal(ROWS, before)
    assert b"NAME-" not in pickle.dumps(result)


# the bootstrap -----------------------------------------------------------------------------------


BOOTSTRAP: dict[str, Any] = {"exposure": "region", "intervals": "bootstrap", "n_boot": 120}


def test_the_bootstrap_is_the_same_for_any_backend() -> None:
    one = standardised_risks(FIT, LEVELS, seed=3, **BOOTSTRAP).tidy()
    with joblib.parallel_config(backend="threading", n_jobs=3):
        two = standardised_risks(FIT, LEVELS, seed=3, **BOOTSTRAP).tidy()
    pd.testing.assert_frame_equal(one, two, check_exact=True)
    other = standardised_risks(FIT, LEVELS, seed=4, **BOOTSTRAP).tidy()
    assert not np.allclose(one["std_error"], other["std_error"])


@pytest.mark.slow
def test_the_bootstrap_is_the_same_for_any_number_of_processes() -> None:
    one = standardised_risks(FIT, LEVELS, seed=3, **BOOTSTRAP).tidy()
    two = standardised_risks(FIT, LEVELS, seed=3, n_jobs=2, **BOOTSTRAP).tidy()
    pd.testing.assert_frame_equal(one, two, check_exact=True)


@pytest.mark.parametrize("penalty", [None, "firth", "flic", "flac"])
def test_the_bootstrap_is_near_the_delta_method(penalty: str | None) -> None:
    fit = fit_logistic(LEVELS, "leak ~ region + ml", penalty=penalty, weights="w")
    delta = standardised_risks(fit, LEVELS, exposure="ml", values=[3, 6]).tidy()
    boot = standardised_risks(
        fit, LEVELS, exposure="ml", values=[3, 6], intervals="bootstrap", n_boot=400, seed=1
    )
    assert boot.method == "bootstrap"
    table = boot.tidy()
    np.testing.assert_allclose(table["estimate"], delta["estimate"], rtol=1e-9)
    # a spread of 400 replicates is known to 1 / sqrt(800) = 4 %; three times that
    np.testing.assert_allclose(table["std_error"], delta["std_error"], rtol=0.15)
    inside = (table["conf_low"] < table["estimate"]) & (table["estimate"] < table["conf_high"])
    assert inside.all()


def test_equivalence_by_the_bootstrap() -> None:
    options = {"exposure": "cleft", "margin": 0.3, "intervals": "bootstrap", "n_boot": 300}
    row = standardised_risks(FIT, LEVELS, **options).tidy().iloc[2]
    assert row["conf_low"] < row["equivalence_low"] < row["estimate"]
    assert row["estimate"] < row["equivalence_high"] < row["conf_high"]
    inside = row["equivalence_low"] > -0.3 and row["equivalence_high"] < 0.3
    assert (row["verdict"] == "equivalent") == inside
    # a percentile lies within the margin where about one replicate in twenty lies beyond it
    assert inside == (row["equivalence_p_value"] < 0.05 + 2 / 301)


def test_resampling_draws_clusters_not_rows() -> None:
    # forty patients of six equal rows: errors are sqrt(6) times those of independent rows
    rng = np.random.default_rng(0)
    base = pd.DataFrame({"patient": range(40), "x": rng.normal(size=40)})
    base["y"] = (rng.random(40) < 0.4).astype(int)
    data = base.loc[base.index.repeat(6)]
    options = {"exposure": "x", "values": [0, 1], "intervals": "bootstrap", "n_boot": 300}
    clustered = standardised_risks(fit_logistic(data, "y ~ x", cluster="patient"), data, **options)
    naive = standardised_risks(fit_logistic(data, "y ~ x"), data, **options)
    ratio = clustered.tidy()["std_error"] / naive.tidy()["std_error"]
    np.testing.assert_allclose(ratio, np.sqrt(6), rtol=0.35)


def test_resampled_fits_without_estimate_are_counted_or_refused() -> None:
    data = ROWS.assign(rare=(np.arange(len(ROWS)) < 9).astype(int))
    data.loc[:8, "leak"] = [1, 0, 0, 0, 0, 0, 0, 0, 1]
    fit = fit_logistic(data, "leak ~ rare + ml")
    result = standardised_risks(fit, data, exposure="rare", intervals="bootstrap", n_boot=200)
    assert result.status == "bootstrap failed"
    assert "penalty='flic'" in result.reason
    assert result.tidy()["estimate"].isna().all()
    more = data.assign(rare=(np.arange(len(data)) < 20).astype(int))
    more.loc[:19, "leak"] = [1] * 4 + [0] * 16
    fit = fit_logistic(more, "leak ~ rare + ml")
    result = standardised_risks(fit, more, exposure="rare", intervals="bootstrap", n_boot=400)
    assert result.ok
    assert "bootstrap_failures" in codes(result)
    corrected = fit_logistic(data, "leak ~ rare + ml", penalty="flic")
    assert standardised_risks(
        corrected, data, exposure="rare", intervals="bootstrap", n_boot=200
    ).ok


# imputations -------------------------------------------------------------------------------------


def test_imputations_are_fitted_and_standardised_each() -> None:
    noise = np.random.default_rng(5).normal(0, 0.3, (3, len(ROWS)))
    frames = tuple(
        Frame(ROWS.assign(ml=ROWS["ml"] + e), unit="level", cluster="patient_id") for e in noise
    )
    data = Imputations(frames)
    formula = "leak ~ region + ml"
    pooled = standardised_risks(fit_logistic(data, formula), data, exposure="region").tidy()
    singles = [
        standardised_risks(fit_logistic(f, formula), f, exposure="region").tidy() for f in frames
    ]
    differences = np.array([s.loc[3, "estimate"] for s in singles])
    within = np.mean([s.loc[3, "std_error"] ** 2 for s in singles])
    total = within + (1 + 1 / 3) * differences.var(ddof=1)
    assert pooled.loc[3, "estimate"] == pytest.approx(differences.mean(), rel=1e-9)
    assert pooled.loc[3, "std_error"] == pytest.approx(np.sqrt(total), rel=1e-9)
    with pytest.raises(UsageError, match="delta method"):
        standardised_risks(
            fit_logistic(data, formula), data, exposure="region", intervals="bootstrap"
        )


def test_imputations_of_independent_rows_and_of_failures() -> None:
    frames = tuple(
        Frame(ROWS.assign(ml=ROWS["ml"] + k / 9), unit="level", cluster="patient_id")
        for k in range(2)
    )
    data = Imputations(frames)
    free = fit_logistic(data, "leak ~ region + ml", independent="a test")
    result = standardised_risks(free, data, exposure="region")
    assert result.ok
    assert "independent" in codes(result)
    broken = Imputations((frames[0], Frame(ROWS.assign(ml=ROWS["leak"]), unit="level",
                                           cluster="patient_id")))  # fmt: skip
    result = standardised_risks(
        fit_logistic(frames[0], "leak ~ region + ml"), broken, exposure="region"
    )
    assert result.status == "separated"
    assert result.reason.startswith("in at least one completed data set")


# equivalence -------------------------------------------------------------------------------------


def test_verdicts() -> None:
    rng = np.random.default_rng(6)
    n = 4000
    data = pd.DataFrame({"a": rng.integers(0, 2, n), "b": rng.integers(0, 2, n)})
    data["y"] = (rng.random(n) < 0.3 + 0.25 * data["b"]).astype(int)
    fit = fit_logistic(data, "y ~ a + b")
    options = {"margin": 0.05}
    same = standardised_risks(fit, data, exposure="a", **options)
    row = same.tidy().iloc[2]
    assert row["verdict"] == "equivalent"
    assert row["equivalence_p_value"] < 0.05
    assert same.margin == 0.05
    assert standardised_risks(fit, data, exposure="b", **options).tidy()["verdict"][2] == (
        "relevant difference"
    )
    few = data.head(60)
    unsure = standardised_risks(fit_logistic(few, "y ~ a + b"), few, exposure="a", **options)
    assert unsure.tidy()["verdict"].tolist() == ["", "", "undecided", ""]
    ratio = standardised_risks(fit, data, exposure="a", margin=1.3, measure="risk_ratio").tidy()
    assert ratio["verdict"].tolist() == ["", "", "", "equivalent"]
    assert (ratio["equivalence_low"][3] > 1 / 1.3) & (ratio["equivalence_high"][3] < 1.3)


# partial effects ---------------------------------------------------------------------------------


def linear(**options: Any) -> LogisticFit:
    return fit_logistic(LEVELS, "leak ~ ml + region", **options)


def test_a_straight_effect_is_the_coefficient_times_the_distance() -> None:
    fit = linear()
    effect = partial_effects(fit, variable="ml", values=[2, 4, 7], reference=4)
    rows = effect.tidy()
    slope, error = fit.coefficients[1], fit.std_errors[1]
    np.testing.assert_allclose(rows["estimate"], slope * np.array([-2, 0, 3]))
    np.testing.assert_allclose(rows["std_error"], error * np.array([2, 0, 3]), atol=1e-15)
    assert rows["p_value"][0] == pytest.approx(fit.tidy()["p_value"][1])
    ratios = effect.tidy(exponentiate=True, level=0.9)
    np.testing.assert_allclose(ratios["estimate"], np.exp(rows["estimate"]))
    assert (ratios["conf_low"][[0, 2]] > np.exp(rows["conf_low"][[0, 2]])).all()
    assert set(rows.columns) | set(effect.glance().columns) <= set(GLOSSARY)
    assert effect.title == "Effect of ml: Logistic regression of leak"


def test_an_array_of_values_is_read_as_a_list_of_them() -> None:
    fit = linear()
    listed = partial_effects(fit, variable="ml", values=[2, 4, 7]).tidy()
    pd.testing.assert_frame_equal(
        partial_effects(fit, variable="ml", values=np.array([2, 4, 7])).tidy(), listed
    )
    with pytest.raises(UsageError, match="at least one"):
        partial_effects(fit, variable="ml", values=np.array([]))


def test_categories_by_default_against_the_reference_of_the_model() -> None:
    fit = linear()
    rows = partial_effects(fit, variable="region").tidy()
    assert rows["level"].tolist() == ["lumbar", "sacral", "thoracic"]
    assert rows["estimate"][0] == 0
    np.testing.assert_allclose(rows["estimate"][1:], fit.coefficients[2:])
    assert rows["position"].isna().all()


def test_a_spline_is_read_through_its_knots() -> None:
    fit = fit_logistic(LEVELS, "leak ~ rcs(ml, 4) + region")
    effect = partial_effects(fit, variable="ml", values=[3, 5, 6.5], reference=3)
    new = ROWS.head(1).assign(region="lumbar")
    eta = [special.logit(fit.predict(new.assign(ml=m))["estimate"].item()) for m in (3.0, 5.0, 6.5)]
    np.testing.assert_allclose(effect.estimates, np.array(eta) - eta[0], atol=1e-12)


def test_an_interaction_needs_to_know_where() -> None:
    fit = fit_logistic(LEVELS, "leak ~ region * ml + cleft")
    with pytest.raises(UsageError, match="the effect depends on region; say at which values"):
        partial_effects(fit, variable="ml", values=[2, 4])
    at = partial_effects(
        fit, variable="ml", values=[2, 4], at={"region": "thoracic", "cleft": True}
    )
    slope = fit.coefficients[[t in ("ml", "region[T.thoracic]:ml") for t in fit.terms]].sum()
    assert at.estimates[1] == pytest.approx(2 * slope)
    assert at.settings == "region = thoracic"
    assert at.title.startswith("Effect of ml at region = thoracic:")


def test_other_models_and_other_wrong_requests() -> None:
    cox = fit_cox(ROWS, "~ ml + region", duration="days", event="leak")
    effect = partial_effects(cox, variable="ml", values=[3, 5])
    assert effect.measure == "hazard_ratio"
    assert effect.estimates[1] == pytest.approx(2 * cox.coefficients[0])
    for options, what in (
        ({"variable": "ml"}, "where to read its effect"),
        ({"variable": "ml", "values": []}, "at least one of values="),
        ({"variable": "days"}, "does not hold 'days'"),
        ({"variable": "region", "reference": "cervical"}, "has no category"),
    ):
        with pytest.raises(UsageError, match=what):
            partial_effects(linear(), **options)
    with pytest.raises(UsageError, match="has no formula"):
        partial_effects(standardised_risks(FIT, ROWS, exposure="region"), variable="ml")


def test_a_fit_without_rows_has_no_effects() -> None:
    fit = fit_logistic(ROWS.assign(ml=np.nan), "leak ~ ml")
    effect = partial_effects(fit, variable="ml", values=[1])
    assert effect.status == "no rows"
    assert effect.tidy().empty


@pytest.mark.parametrize(("variable", "values"), [("ml", [2, 3, 4, 5]), ("region", None)])
def test_effects_are_drawn(variable: str, values: list[float] | None) -> None:
    figure, axes = plt.subplots()
    effect = partial_effects(linear(), variable=variable, values=values)
    assert effect.plot(ax=axes) is axes
    assert axes.get_yscale() == "log"
    assert axes.get_ylabel().startswith("Odds ratio against")
    drawn = axes.lines[0].get_ydata()
    np.testing.assert_allclose(drawn, effect.tidy(exponentiate=True)["estimate"])
    assert len(axes.collections) == 1  # the band, or the intervals
    plt.close(figure)
