"""Rubin's rules: the arithmetic, and which fits may be pooled."""

from __future__ import annotations

import inspect
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import vpstats
from vpstats.errors import UsageError
from vpstats.frames import Frame, Imputations, open_data
from vpstats.models.conditional import fit_conditional_logistic
from vpstats.models.curve_tests import compare_curves
from vpstats.models.curves import cumulative_incidence, kaplan_meier, nelson_aalen
from vpstats.models.differences import compare_at
from vpstats.models.fine_gray import fit_fine_gray
from vpstats.models.gee import fit_gee
from vpstats.models.hazards import fit_cox
from vpstats.models.logistic import LogisticFit, fit_logistic
from vpstats.models.mixed import fit_mixed_logistic
from vpstats.models.pooled_curves import pool_curves
from vpstats.models.pooling import Pooling, pool_estimates, pool_fits, pooled_wald
from vpstats.models.validation import validate
from vpstats.results import Caveat, FitResult


def completed(seed: int, n: int = 120) -> pd.DataFrame:
    rng = np.random.default_rng(1)
    data = pd.DataFrame(
        {
            "patient_id": rng.integers(0, 50, n).astype(str),
            "x": rng.normal(size=n),
            "g": rng.choice(list("ab"), n),
        }
    )
    data["y"] = (rng.random(n) < 1 / (1 + np.exp(-data["x"]))).astype(int)
    data["days"] = np.ceil(rng.exponential(300, n))
    data["event"] = rng.choice([0, 1, 2], n, p=[0.4, 0.4, 0.2])
    # for an illness that visits find, and death
    data["died"] = (data["event"] == 2).astype(int)
    data["seen"] = np.floor(data["days"] / 2)
    data["found"] = data["days"].where(data["event"] == 1)
    data.loc[:19, "x"] = np.random.default_rng(seed).normal(size=20)
    return data


FRAMES = tuple(Frame(completed(s), unit="level", cluster="patient_id") for s in range(5))


def test_the_arithmetic() -> None:
    # estimates 1, 2, 3 with variances 1, 2, 3: within 2, between 1, total 2 + 4/3
    estimate, covariance, df = pool_estimates(
        np.array([[1.0], [2.0], [3.0]]), np.array([[[1.0]], [[2.0]], [[3.0]]]), np.inf
    )
    assert estimate[0] == 2.0
    assert covariance[0, 0] == pytest.approx(2 + 4 / 3)
    share = (4 / 3) / (10 / 3)
    assert df[0] == pytest.approx(2 / share**2)


def test_barnard_and_rubin() -> None:
    values, within = np.array([[1.0], [2.0], [3.0]]), np.ones((3, 1, 1)) * 2
    *_, df = pool_estimates(values, within, 20.0)
    share = 0.4
    old, observed = 2 / share**2, 21 / 23 * 20 * (1 - share)
    assert df[0] == pytest.approx(old * observed / (old + observed))
    assert df[0] < 20


def test_equal_estimates_keep_the_complete_degrees_of_freedom() -> None:
    *_, df = pool_estimates(np.ones((3, 1)), np.ones((3, 1, 1)), np.inf)
    assert df[0] == np.inf
    *_, df = pool_estimates(np.ones((3, 1)), np.ones((3, 1, 1)), 20.0)
    assert df[0] == pytest.approx(21 / 23 * 20)  # Barnard and Rubin's lambda(20)


def test_imputations_are_fitted_one_by_one() -> None:
    pooled = fit_logistic(Imputations(FRAMES), "y ~ x + g")
    fits = [fit_logistic(frame, "y ~ x + g") for frame in FRAMES]
    assert isinstance(pooled, LogisticFit)
    np.testing.assert_allclose(
        pooled.coefficients, np.mean([f.coefficients for f in fits], axis=0), rtol=1e-14
    )
    assert (pooled.std_errors[1:2] > np.sqrt(np.mean([f.covariance[1, 1] for f in fits]))).all()
    assert (np.asarray(pooled.df) < fits[0].n_clusters - 1).all()
    assert pooled.vcov == "CR1"
    assert pooled.predict(completed(0)).notna().all().all()


def test_numbers_of_one_fit_are_not_passed_on() -> None:
    pooled = fit_logistic(Imputations(FRAMES), "y ~ x + g")
    assert np.isnan(pooled.log_likelihood)
    assert [c.code for c in pooled.caveats if c.code == "pooled"]
    hazards = fit_cox(Imputations(FRAMES), "x", duration="days", event="event")
    singles = [fit_cox(frame, "x", duration="days", event="event") for frame in FRAMES]
    assert np.isnan([hazards.log_likelihood, hazards.null_log_likelihood]).all()
    assert hazards.baseline is None
    np.testing.assert_allclose(hazards.centre, np.mean([f.centre for f in singles], axis=0))
    assert hazards.iterations == max(f.iterations for f in singles)


def test_an_outcome_that_was_imputed_is_counted_on_average() -> None:
    flipped = [
        completed(0).assign(y=lambda d, k=k: d["y"].where(d.index >= k, 1)) for k in (0, 9, 18)
    ]
    frames = tuple(Frame(d, unit="level", cluster="patient_id") for d in flipped)
    counts = [int(d["y"].sum()) for d in flipped]
    assert len(set(counts)) == 3
    assert fit_logistic(Imputations(frames), "y ~ x").n_events == round(np.mean(counts))


# --- degrees of freedom, joint tests, missing information


def test_complete_data_degrees_of_freedom() -> None:
    """Clusters - 1 for a cluster sandwich, infinite where inference is normal."""
    clustered = Imputations(FRAMES)
    single = Imputations(tuple(f.as_independent("a test") for f in FRAMES))
    g = FRAMES[0].n_clusters
    times = {"duration": "days", "event": "event"}
    for fit, expected in [
        (fit_logistic(clustered, "y ~ x"), g - 1),
        (fit_logistic(clustered, "y ~ x", vcov="CR0"), g - 1),
        (fit_cox(clustered, "x", **times), g - 1),
        (fit_cox(clustered, "x", vcov="CR1", **times), g - 1),
        (fit_logistic(single, "y ~ x"), np.inf),
        (fit_cox(single, "x", **times), np.inf),
    ]:
        assert (fit.pooling.complete_df == expected).all()
    satterthwaite = fit_logistic(clustered, "y ~ x", vcov="CR2").pooling.complete_df
    assert satterthwaite[0] != satterthwaite[1] < g - 1


def test_one_coefficient_is_tested_as_by_t() -> None:
    """With four or fewer degrees of freedom between, D1 is Rubin's t squared (k = 1)."""
    for data in (Imputations(FRAMES), Imputations(FRAMES[:3])):
        fit = fit_logistic(data, "y ~ x + g")
        row, test = fit.tidy().iloc[1], fit.wald_test("x").iloc[0]
        assert test["statistic"] == pytest.approx(row["statistic"] ** 2)
        assert test["df_residual"] == pytest.approx(np.asarray(fit.df)[1])
        assert test["p_value"] == pytest.approx(row["p_value"])


def test_joint_test_in_one_line() -> None:
    # within = identity, between = identity / 2, m = 4: r = 5/4 * 1/2 = 0.625 in both directions;
    # F = (1 + 4) / (2 * 1.625); t = 6, so df = 4 + 2 (1 + (2/3) / 0.625)^2
    pooling = Pooling(4, np.eye(2), np.eye(2) / 2, np.full(2, np.inf))
    statistic, df = pooled_wald(pooling, np.array([1.0, 2.0]), np.array([True, True]))
    assert statistic == pytest.approx(5 / 3.25)
    assert df == pytest.approx(4 + 2 * (1 + (2 / 3) / 0.625) ** 2)


def test_joint_test_without_missing_values_is_that_of_the_complete_data() -> None:
    same = Imputations((FRAMES[0],) * 3)
    fit = fit_logistic(same, "y ~ x + g", vcov="CR0")
    one = fit_logistic(FRAMES[0], "y ~ x + g", vcov="CR0")
    assert fit.wald_test(["x", "g"])["statistic"][0] == pytest.approx(
        one.wald_test(["x", "g"])["statistic"][0], rel=1e-9
    )
    free = fit_logistic(
        Imputations(tuple(f.as_independent("a test") for f in same)), "y ~ x + g"
    ).wald_test(["x", "g"])
    assert free["df_residual"][0] == np.inf
    assert free["p_value"][0] == pytest.approx(stats.chi2.sf(2 * free["statistic"][0], 2))


def test_joint_test_of_more_coefficients_than_clusters_has_no_number() -> None:
    pooling = Pooling(3, np.ones((2, 2)), np.eye(2), np.full(2, 5.0))
    assert np.isnan(pooled_wald(pooling, np.ones(2), np.array([True, True]))).all()


def test_missing_information_is_told_of_pooled_fits_alone() -> None:
    told = fit_logistic(Imputations(FRAMES), "y ~ x + g").missing_information()
    assert told["term"].tolist() == ["Intercept", "x", "g[T.b]"]
    assert told["missing_information"].between(0, 1).all()
    assert told["missing_information"][1] > told["missing_information"][2]
    total = told["within_variance"] + 1.2 * told["between_variance"]
    np.testing.assert_allclose(
        total, fit_logistic(Imputations(FRAMES), "y ~ x + g").std_errors ** 2
    )
    with pytest.raises(UsageError, match="was not pooled"):
        fit_logistic(FRAMES[0], "y ~ x").missing_information()


# --- every fit


MAKES: dict[str, Any] = {
    "duration": "days", "event": "event", "cluster": "patient_id", "group": "patient_id",
    "strata": "g", "exposure": "x", "at": [100.0], "left": "seen", "right": "found",
    "end": "days", "died": "died", "cuts": (150.0,),
}  # fmt: skip
"""What each argument of a fit is given, where it needs one."""
FITS = [name for name in dir(vpstats) if name.startswith("fit_")]


def call_of(name: str) -> dict[str, Any]:
    asked = inspect.signature(getattr(vpstats, name)).parameters
    needed = [p for p in asked if asked[p].default is inspect.Parameter.empty]
    hazard = bool({"duration", "left"} & set(asked))
    given = {p: MAKES[p] for p in needed if p not in ("data", "formula")}
    if "cuts" in asked:
        given["cuts"] = MAKES["cuts"]
    # windows add the exposure themselves
    right = "g" if "at" in asked else "x + g"
    return {"formula": f"~ {right}" if hazard else f"y ~ {right}", **given}


@pytest.mark.parametrize("name", FITS)
def test_every_fit_pools_imputations(name: str) -> None:
    fit, options = getattr(vpstats, name), call_of(name)
    if name == "fit_conditional_logistic":
        options["strata"] = "patient_id"
    result = fit(Imputations(FRAMES), **options)
    assert result.ok, result.reason
    assert "pooled" in [c.code for c in result.caveats]
    singles = [fit(frame, **options) for frame in FRAMES]
    estimates = np.array([s.tidy()["estimate"] for s in singles])
    np.testing.assert_allclose(result.tidy()["estimate"], estimates.mean(axis=0), rtol=1e-6)
    if isinstance(result, FitResult):
        within = np.mean([np.diag(s.covariance) for s in singles], axis=0)
        between = estimates.var(axis=0, ddof=1)
        np.testing.assert_allclose(result.std_errors**2, within + 1.2 * between, rtol=1e-6)
        assert result.pooling.m == 5
        assert len(result.missing_information()) == len(result.terms)


# --- profile intervals


def test_profile_intervals_of_equal_data_sets_are_theirs() -> None:
    frame = Frame(completed(0).head(60), unit="row")
    same = Imputations((frame,) * 3)
    for options in ({"intervals": "profile"}, {"intervals": "profile", "penalty": "firth"},
                    {"intervals": "profile", "penalty": "flic"},
                    {"intervals": "profile", "penalty": "flac"}):  # fmt: skip
        free = {"independent": "a test", **options}
        one, pooled = fit_logistic(frame, "y ~ x", **free), fit_logistic(same, "y ~ x", **free)
        np.testing.assert_allclose(pooled.conf_low, one.conf_low, atol=1e-7)
        np.testing.assert_allclose(pooled.conf_high, one.conf_high, atol=1e-7)
        np.testing.assert_allclose(pooled.p_values, one.p_values, rtol=1e-5)
    times = {"duration": "days", "event": "event", "penalty": "firth", "independent": "a test"}
    one, pooled = fit_cox(frame, "x", **times), fit_cox(same, "x", **times)
    np.testing.assert_allclose(pooled.conf_low, one.conf_low, atol=1e-7)
    np.testing.assert_allclose(pooled.p_values, one.p_values, rtol=1e-5)


def test_combined_intervals_hold_the_level_asked_for() -> None:
    free = Imputations(tuple(f.as_independent("a test") for f in FRAMES))
    wide = fit_logistic(free, "y ~ x", intervals="profile", level=0.99)
    narrow = fit_logistic(free, "y ~ x", intervals="profile", level=0.8)
    assert (wide.conf_low < narrow.conf_low).all()
    assert (narrow.conf_high < wide.conf_high).all()
    with pytest.raises(UsageError, match="fit again"):
        wide.tidy(level=0.8)


def test_a_separated_data_set_has_combined_intervals_all_the_same() -> None:
    """Firth's likelihood falls slowly on one side: limits far out are found, or infinite."""
    base = pd.DataFrame({"x": [0, 0, 0, 0, 1, 1, 1, 1.0], "y": [0, 0, 0, 0, 1, 1, 1, 1]})
    other = base.assign(x=[0, 0, 0, 1, 1, 1, 1, 1.0])
    both = Imputations((Frame(base, unit="row"), Frame(other, unit="row")))
    fit = fit_logistic(both, "y ~ x", penalty="firth", intervals="profile")
    assert fit.ok
    assert fit.conf_low[1] < fit.coefficients[1] < fit.conf_high[1]
    # the profile is flat above and steep below
    assert fit.conf_high[1] - fit.coefficients[1] > 1.5 * (fit.coefficients[1] - fit.conf_low[1])


def test_profile_intervals_of_clusters_are_refused_as_elsewhere() -> None:
    with pytest.raises(UsageError, match="assumes independent rows"):
        fit_logistic(Imputations(FRAMES), "y ~ x", intervals="profile")


def test_a_pool_of_profiles_says_that_it_is_of_wald_kind() -> None:
    fits = [fit_logistic(f.as_independent("a test"), "y ~ x", intervals="profile") for f in FRAMES]
    pooled = pool_fits(fits)
    assert pooled.conf_low is None
    assert "pooled_wald" in [c.code for c in pooled.caveats]
    assert pooled.tidy(level=0.8).notna().all().all()


def test_penalised_estimates_say_whether_their_profiles_were_combined() -> None:
    independent = Imputations(tuple(f.as_independent("a test") for f in FRAMES))

    def codes(data: Imputations, **options: Any) -> list[str]:
        return [c.code for c in fit_logistic(data, "y ~ x", **options).caveats]

    assert "pooled_wald" in codes(independent, penalty="firth")
    assert "pooled_wald" in codes(Imputations(FRAMES), penalty="firth")  # clustered
    assert "pooled_wald" not in codes(independent, penalty="firth", intervals="profile")
    assert "pooled_wald" not in codes(independent)
    hazards = fit_cox(independent, "x", duration="days", event="event", penalty="firth")
    assert "pooled_wald" not in [c.code for c in hazards.caveats]


# --- what cannot be pooled


def test_a_model_that_fails_in_some_says_in_how_many() -> None:
    fits = [fit_logistic(frame, "y ~ x") for frame in FRAMES]
    broken = [replace(f, status="separated", reason="because.") for f in fits[:2]]
    pooled = pool_fits([*broken, *fits[2:]])
    assert pooled.status == "separated in 2 of 5 data sets"
    assert pooled.reason == "in 2 of 5 completed data sets: because."
    assert np.isnan(pooled.coefficients).all()
    everywhere = pool_fits(broken)
    assert everywhere.status == "separated"
    assert everywhere.reason == "in all 2 completed data sets: because."


def test_a_separated_imputation_is_no_number() -> None:
    apart = FRAMES[0].data.assign(x=lambda d: d["y"] * 3.0 + np.arange(len(d)) % 2)
    data = Imputations((*FRAMES[1:], replace(FRAMES[0], data=apart)))
    fit = fit_logistic(data, "y ~ x")
    assert fit.status == "separated in 1 of 5 data sets"
    assert fit.tidy()["estimate"].isna().all()


def test_fits_of_different_models_are_not_pooled() -> None:
    with pytest.raises(UsageError, match="different terms"):
        pool_fits([fit_logistic(FRAMES[0], "y ~ x"), fit_logistic(FRAMES[1], "y ~ g")])
    with pytest.raises(UsageError, match="knots="):
        fit_logistic(Imputations(FRAMES), "y ~ rcs(x, 4)")
    assert fit_logistic(Imputations(FRAMES), "y ~ rcs(x, knots=[-1, 0, 1])").ok
    with pytest.raises(UsageError, match="at least two"):
        pool_fits([fit_logistic(FRAMES[0], "y ~ x")])


def test_a_term_that_some_data_sets_lack_is_named() -> None:
    rare = FRAMES[0].data.assign(g=lambda d: d["g"].mask(d.index % 9 == 5, "c"))
    data = Imputations((*FRAMES[1:], replace(FRAMES[0], data=rare)))
    fit = fit_logistic(data, "y ~ x + g")
    assert fit.status == "different terms"
    assert "g[T.c]" in fit.reason
    assert fit.tidy()["estimate"].isna().all()


def test_caveats_of_any_fit_are_kept_once() -> None:
    small = tuple(replace(f, data=f.data.head(60)) for f in FRAMES)
    pooled = fit_logistic(Imputations(small), "y ~ x + g")
    codes = [c.code for c in pooled.caveats]
    assert len(codes) == len(set(codes))


def test_what_does_not_pool_says_what_to_do() -> None:
    with pytest.raises(UsageError, match="frame in imputations"):
        open_data(Imputations(FRAMES))


def test_a_change_is_made_in_every_frame() -> None:
    every = Imputations(FRAMES, caveats=("one",))
    kept = every.transform(lambda f: f.keep(f.data["days"] > 100, "later than 100"))
    assert {len(f) for f in kept} == {int((FRAMES[0].data["days"] > 100).sum())}
    assert kept.caveats == ("one",)
    with pytest.raises(UsageError, match="share their rows"):  # x is imputed
        every.transform(lambda f: f.keep(f.data["x"] > 0, "high"))


# --- curves


def groups(seed: int) -> Frame:
    data = completed(0)
    rng = np.random.default_rng(seed)
    data.loc[:39, "g"] = rng.choice(list("ab"), 40)
    return Frame(data, unit="row", independent="a test")


CURVES = Imputations(tuple(groups(s) for s in range(4)))
TIMES: dict[str, str] = {"duration": "days", "event": "event"}


def test_curves_that_do_not_differ_stay_as_they_are() -> None:
    whole = cumulative_incidence(CURVES, **TIMES)
    pd.testing.assert_frame_equal(
        whole.tidy(), cumulative_incidence(CURVES.frames[0], **TIMES).tidy()
    )
    assert "pooled" in [c.code for c in whole.caveats]


def test_curves_are_pooled_on_the_complementary_log_log_scale() -> None:
    at = [200.0, 400.0]
    pooled = cumulative_incidence(CURVES, by="g", **TIMES)
    parts = [cumulative_incidence(f, by="g", **TIMES).at(at) for f in CURVES]
    p = np.array([part["estimate"] for part in parts])
    se = np.array([part["std_error"] for part in parts]) / abs(p * np.log(p))
    scale = np.log(-np.log(p))
    mean, total = scale.mean(0), (se**2).mean(0) + 1.25 * scale.var(0, ddof=1)
    ours = pooled.at(at)
    np.testing.assert_allclose(ours["estimate"], np.exp(-np.exp(mean)))
    np.testing.assert_allclose(
        ours["conf_low"], np.exp(-np.exp(mean + stats.norm.ppf(0.975) * np.sqrt(total)))
    )
    assert ours["g"].tolist() == ["a", "a", "b", "b"]


@pytest.mark.parametrize("estimate", [kaplan_meier, cumulative_incidence, nelson_aalen])
def test_pooled_curves_keep_their_direction(estimate: Any) -> None:
    options = {"competing": "censor"} if estimate is kaplan_meier else {}
    pooled = estimate(CURVES, by="g", **TIMES, **options)
    sign = -1 if estimate is kaplan_meier else 1
    for _, steps in pooled.groups():
        assert (sign * np.diff(steps["estimate"]) >= 0).all()
        assert (steps["conf_low"] <= steps["estimate"]).all()
        assert (steps["estimate"] <= steps["conf_high"]).all()
        assert steps["n_risk"].is_monotonic_decreasing
    counts = [estimate(f, by="g", **TIMES, **options).steps["n_event"].sum() for f in CURVES]
    assert pooled.steps["n_event"].sum() == pytest.approx(np.mean(counts))


def test_plain_limits_are_pooled_on_the_plain_scale() -> None:
    pooled = cumulative_incidence(CURVES, by="g", conf_type="plain", **TIMES).at([200.0])
    parts = [cumulative_incidence(f, by="g", **TIMES).at([200.0])["estimate"] for f in CURVES]
    np.testing.assert_allclose(pooled["estimate"], np.mean(parts, axis=0))


def test_groups_that_some_imputations_lack() -> None:
    odd = CURVES.frames[0].data.assign(g=lambda d: d["g"].mask(d.index == 5, "c"))
    data = Imputations((replace(CURVES.frames[0], data=odd), *CURVES.frames[1:]))
    curve = cumulative_incidence(data, by="g", **TIMES)
    assert set(curve.steps["g"]) == {"a", "b"}
    assert "empty_group" in [c.code for c in curve.caveats]


def test_curves_of_different_calls_are_not_pooled() -> None:
    one = cumulative_incidence(CURVES.frames[0], **TIMES)
    with pytest.raises(UsageError, match="one call"):
        pool_curves([one, cumulative_incidence(CURVES.frames[0], cause=2, **TIMES)])
    nobody = CURVES.transform(lambda f: replace(f, data=f.data.assign(days=np.nan)))
    assert cumulative_incidence(nobody, **TIMES).status == "no rows"


def test_a_marginal_model_pools_its_correlation() -> None:
    pooled = fit_gee(Imputations(FRAMES), "y ~ x + g")
    singles = [fit_gee(frame, "y ~ x + g") for frame in FRAMES]
    assert pooled.correlation == pytest.approx(np.mean([f.correlation for f in singles]))


def test_what_is_to_know_of_the_imputation_is_to_know_of_the_fit() -> None:
    notes = (
        Caveat("imputation_convergence", "The chains of x do not agree yet.", "x"),
        Caveat("few_imputations", "There are 3 imputations."),
    )
    data = replace(Imputations(FRAMES), caveats=notes)
    times: dict[str, Any] = {"duration": "days", "event": "event"}
    results: list[Any] = [
        fit_logistic(data, "y ~ x + g"),
        fit_gee(data, "y ~ x + g"),
        fit_mixed_logistic(data, "y ~ x", nodes=1),
        fit_conditional_logistic(data, "y ~ x", strata="patient_id"),
        fit_cox(data, "x", **times),
        fit_fine_gray(data, "x", **times),
        cumulative_incidence(data, **times),
        compare_at(data, **times, by="g", times=100),
        compare_curves(data, **times, by="g"),
        validate(fit_logistic(data, "y ~ x"), data, n_boot=0, seed=1),
    ]
    for result in results:
        assert {"imputation_convergence", "few_imputations"} <= {c.code for c in result.caveats}


def test_profiles_of_random_intercepts_are_not_pooled_and_that_is_said() -> None:
    fit = fit_mixed_logistic(Imputations(FRAMES), "y ~ x", nodes=1, intervals="profile")
    assert "pooled_wald" in [c.code for c in fit.caveats]
    assert fit.conf_low is None
    assert fit.scale_limits is None
