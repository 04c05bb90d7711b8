"""What must hold for any data: corrected penalties, standardised risks, matched sets."""

from __future__ import annotations

import numpy as np
import pandas as pd
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from vpstats.models.conditional import fit_conditional_logistic
from vpstats.models.logistic import fit_logistic
from vpstats.models.partial_effects import partial_effects
from vpstats.models.standardised import standardised_risks

SAME = 1e-6
"""In standard errors; the solver stops at 1e-8 of them."""
PENALTIES = [None, "firth", "flic", "flac"]


@st.composite
def tables(draw: st.DrawFn, least: int = 30, most: int = 70) -> pd.DataFrame:
    n = draw(st.integers(least, most))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    x = rng.normal(size=n)
    slope = draw(st.floats(-1.0, 1.0))
    return pd.DataFrame(
        {
            "y": (rng.random(n) < 1 / (1 + np.exp(-slope * x))).astype(int),
            "x": x,
            "g": rng.choice(list("abc"), n),
            "w": rng.integers(1, 4, n),
            "id": rng.integers(0, 12, n),
        }
    )


def close(one: pd.DataFrame, two: pd.DataFrame, tolerance: float = SAME) -> bool:
    gaps = [
        np.abs(one[c].to_numpy(float) - two[c].to_numpy(float)) / one["std_error"].to_numpy(float)
        for c in ("estimate", "std_error")
    ]
    return bool(np.max(gaps) < tolerance)


@settings(max_examples=30)
@given(tables(), st.sampled_from(["flic", "flac"]), st.sampled_from([None, "w"]))
def test_mean_risk_is_the_observed_share(
    data: pd.DataFrame, penalty: str, weights: str | None
) -> None:
    fit = fit_logistic(data, "y ~ x + g", penalty=penalty, weights=weights)
    assume(fit.ok)
    w = np.ones(len(data)) if weights is None else data[weights]
    predicted = np.average(fit.predict(data)["estimate"], weights=w)
    assert abs(predicted - np.average(data["y"], weights=w)) < 1e-8


@settings(max_examples=30)
@given(tables(), st.sampled_from(["flic", "flac"]), st.sampled_from([None, "id"]))
def test_corrections_do_not_depend_on_order_units_or_coding(
    data: pd.DataFrame, penalty: str, cluster: str | None
) -> None:
    options = {"penalty": penalty, "cluster": cluster}
    fit = fit_logistic(data, "y ~ x + g", **options)
    assume(fit.ok)
    shuffled = data.sample(frac=1, random_state=np.random.default_rng(1))
    assert close(fit.tidy(), fit_logistic(shuffled, "y ~ x + g", **options).tidy())
    scaled = fit_logistic(data.assign(x=100 * data["x"] - 3), "y ~ C(g, ref='c') + x", **options)
    one, two = fit.predict(data), scaled.predict(data.assign(x=100 * data["x"] - 3))
    np.testing.assert_allclose(one["estimate"], two["estimate"], atol=1e-7)
    np.testing.assert_allclose(one["std_error"], two["std_error"], atol=1e-6)


@settings(max_examples=30)
@given(tables(), st.sampled_from(["flic", "flac"]))
def test_swapping_the_outcome_swaps_the_sign(data: pd.DataFrame, penalty: str) -> None:
    fit = fit_logistic(data, "y ~ x + g", penalty=penalty)
    swapped = fit_logistic(data.assign(y=1 - data["y"]), "y ~ x + g", penalty=penalty)
    assume(fit.ok and swapped.ok)
    assert np.max(np.abs(fit.coefficients + swapped.coefficients) / fit.std_errors) < SAME


@settings(max_examples=30)
@given(tables(), st.sampled_from(["flic", "flac"]), st.sampled_from([None, "id"]))
def test_weights_are_repeated_rows(data: pd.DataFrame, penalty: str, cluster: str | None) -> None:
    repeated = data.loc[data.index.repeat(data["w"])]
    options = {"penalty": penalty, "cluster": cluster}
    one = fit_logistic(data, "y ~ x + g", weights="w", **options)
    assume(one.ok)
    two = fit_logistic(repeated, "y ~ x + g", **options)
    assert close(one.tidy(), two.tidy())


@settings(max_examples=25)
@given(tables(), st.sampled_from(PENALTIES), st.sampled_from([None, "id"]))
def test_standardised_risks_do_not_depend_on_order_or_coding(
    data: pd.DataFrame, penalty: str | None, cluster: str | None
) -> None:
    options = {"penalty": penalty, "cluster": cluster}
    fit = fit_logistic(data, "y ~ x * g", **options)
    recoded = fit_logistic(data, "y ~ 0 + C(g, ref='b') + C(g, ref='b'):x", **options) if (
        penalty in (None, "firth")
    ) else fit_logistic(data, "y ~ C(g, ref='b') * x", **options)  # fmt: skip
    assume(fit.ok and recoded.ok and set(data["g"]) == set("abc"))
    wanted = {"exposure": "g", "values": ["a", "b", "c"]}
    one = standardised_risks(fit, data, **wanted).tidy()
    shuffled = data.sample(frac=1, random_state=np.random.default_rng(1))
    for other in (
        standardised_risks(fit, shuffled, **wanted).tidy(),
        standardised_risks(recoded, data, **wanted).tidy(),
    ):
        assert close(one, other, 1e-5)


@settings(max_examples=25)
@given(tables(), st.sampled_from(PENALTIES))
def test_risks_differences_and_ratios_are_of_one_piece(
    data: pd.DataFrame, penalty: str | None
) -> None:
    fit = fit_logistic(data, "y ~ x + g", penalty=penalty)
    assume(fit.ok and set(data["g"]) == set("abc"))
    table = standardised_risks(fit, data, exposure="g").tidy()
    risks, differences, ratios = (
        table.loc[table["measure"] == m] for m in ("risk", "risk_difference", "risk_ratio")
    )
    r = risks["estimate"].to_numpy()
    np.testing.assert_allclose(differences["estimate"], r[1:] - r[0])
    np.testing.assert_allclose(ratios["estimate"], r[1:] / r[0])
    assert risks[["conf_low", "estimate", "conf_high"]].to_numpy().min() > 0
    assert risks[["conf_low", "estimate", "conf_high"]].to_numpy().max() < 1
    assert (table["conf_low"] < table["estimate"]).all()
    assert (table["estimate"] < table["conf_high"]).all()
    fixed = standardised_risks(fit, data, exposure="g", covariates="fixed").tidy()
    # sampling rows cannot make a risk more certain where the model's covariance is used
    assert (fixed["std_error"][:3] <= risks["std_error"] * (1 + 1e-12)).all()


@settings(max_examples=25)
@given(tables())
def test_without_other_columns_risks_are_shares(data: pd.DataFrame) -> None:
    fit = fit_logistic(data, "y ~ g")
    assume(fit.ok and data["g"].nunique() > 1)
    table = standardised_risks(fit, data, exposure="g").tidy().query("measure == 'risk'")
    shares = data.groupby("g")["y"].mean()
    np.testing.assert_allclose(table["estimate"], shares.loc[table["level"]], rtol=1e-6)


@settings(max_examples=25)
@given(tables(), st.floats(-2, 2), st.floats(-2, 2))
def test_partial_effects_add_up(data: pd.DataFrame, one: float, two: float) -> None:
    fit = fit_logistic(data, "y ~ rcs(x, 3) + g", penalty="firth")
    assume(fit.ok)
    there = partial_effects(fit, variable="x", values=[two], reference=one)
    back = partial_effects(fit, variable="x", values=[one], reference=two)
    np.testing.assert_allclose(there.estimates, -back.estimates, atol=1e-9)
    np.testing.assert_allclose(there.std_errors, back.std_errors, atol=1e-9)


@settings(max_examples=20)
@given(tables(40, 80), st.floats(-5, 5))
def test_what_strata_share_drops_out(data: pd.DataFrame, shift: float) -> None:
    fit = fit_conditional_logistic(data, "y ~ x + g", strata="id")
    moved = data.assign(x=data["x"] + shift * data["id"])
    same = fit_conditional_logistic(moved, "y ~ x + g", strata="id")
    assert fit.status == same.status
    assume(fit.ok)
    assert close(fit.tidy(), same.tidy(), 1e-5)


@settings(max_examples=20)
@given(tables(40, 80))
def test_swapping_events_of_matched_sets_swaps_the_sign(data: pd.DataFrame) -> None:
    fit = fit_conditional_logistic(data, "y ~ x", strata="id")
    swapped = fit_conditional_logistic(data.assign(y=1 - data["y"]), "y ~ x", strata="id")
    assume(fit.ok and swapped.ok)
    assert abs(fit.coefficients[0] + swapped.coefficients[0]) / fit.std_errors[0] < SAME
