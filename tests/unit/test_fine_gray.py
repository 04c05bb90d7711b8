"""Fine–Gray models: what is refused, what is a result that says so, and how a fit is read."""

from __future__ import annotations

import pickle
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from vpstats.errors import FormulaError, UsageError
from vpstats.frames import Frame, Imputations
from vpstats.models.covariance import Clusters
from vpstats.models.fine_gray import FineGrayFit, fit_fine_gray
from vpstats.models.hazards import fit_cox
from vpstats.models.hazards_search import search
from vpstats.models.newton import maximise
from vpstats.models.partial import sum_up
from vpstats.models.partial_sweep import score_meat
from vpstats.models.risksets import HazardRows, find_risk_sets
from vpstats.results import CAVEATS, GLOSSARY


def simulate(n: int = 240, seed: int = 2) -> pd.DataFrame:
    """Two rows per patient, competing deaths, late entry, three centers, monthly ties."""
    rng = np.random.default_rng(seed)
    age, arm = rng.normal(size=n), rng.integers(0, 2, n)
    time = rng.exponential(np.exp(-0.4 * age - 0.3 * arm) * 12)
    end = np.minimum(time, rng.uniform(1, 24, n))
    days = np.ceil(end) * 30
    return pd.DataFrame(
        {
            "age": age,
            "arm": np.where(arm == 1, "cement", "sham"),
            "days": days,
            "event": np.where(time <= end, rng.choice([1, 1, 2, 3], n), 0),
            "entry": np.where(rng.random(n) < 0.2, np.floor(days / 60) * 30, 0),
            "patient_id": np.repeat(np.arange(n // 2), 2),
            "center": rng.choice(["A", "B", "C"], n),
            "weight": rng.choice([0.5, 1.0, 2.0], n),
            "shift": rng.normal(scale=0.1, size=n),
        }
    )


ROWS = simulate()
TIMES = {"duration": "days", "event": "event"}


def fit_rows(rows: pd.DataFrame = ROWS, formula: str = "age", **more: Any) -> FineGrayFit:
    return fit_fine_gray(rows, formula, **(TIMES | more))


def codes(fit: FineGrayFit) -> set[str]:
    return {c.code for c in fit.caveats}


# ---- requests ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"vcov": "CR2"}, "'CR0', 'CR1'"),
        ({"vcov": "CR0"}, "needs cluster="),
        ({"vcov": "model", "cluster": "patient_id"}, "not independent"),
        ({"cause": 0}, "expected an event code"),
        ({"cause": 1.5}, "expected an event code"),
        ({"level": 1}, "between 0 and 1"),
        ({"duration": "day"}, "did you mean 'days'"),
        ({"strata": "centre"}, "did you mean 'center'"),
        ({"censoring": "centre"}, "did you mean 'center'"),
        ({"weights": "age"}, "negative or infinite"),
        ({"duration": "center"}, "expected numbers"),
        ({"event": "age"}, "not a code"),
        ({"event": "center"}, "expected numbers"),
    ],
)
def test_wrong_requests_are_refused(asked: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        fit_rows(**asked)


@pytest.mark.parametrize("formula", ["days ~ age", "0 + age", "__import__('os')"])
def test_formulas_are_data_without_a_left_side(formula: str) -> None:
    with pytest.raises(FormulaError):
        fit_rows(formula=formula)


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        ("days", -3.0, "negative or infinite in 1 rows"),
        ("days", np.inf, "negative or infinite in 1 rows"),
        ("entry", 1e4, "not before duration"),
        ("event", -1, "not a code in 1 rows"),
        ("event", 1.5, "not a code in 1 rows"),
    ],
)
def test_impossible_follow_up_is_refused(column: str, value: float, words: str) -> None:
    rows = ROWS.astype({"event": float})
    rows.loc[7, column] = value
    with pytest.raises(UsageError, match=words):
        fit_rows(rows, entry="entry")


def test_an_entry_at_the_end_is_refused() -> None:
    rows = ROWS.assign(entry=np.where(ROWS.index == 4, ROWS["days"], 0))
    with pytest.raises(UsageError, match="0 <= entry < duration"):
        fit_rows(rows, entry="entry")


def test_missing_cluster_ids_are_refused() -> None:
    with pytest.raises(UsageError, match="missing cluster ids"):
        fit_rows(ROWS.assign(patient_id=ROWS["patient_id"].where(ROWS.index > 2)),
                 cluster="patient_id")  # fmt: skip


def test_missing_censoring_groups_are_refused() -> None:
    rows = ROWS.assign(site=ROWS["center"].where(ROWS.index > 2))
    with pytest.raises(UsageError, match="missing in 3 rows"):
        fit_rows(rows, censoring="site")


def test_dates_are_refused_and_timedeltas_are_days() -> None:
    start = pd.Timestamp("2020-01-01")
    with pytest.raises(UsageError, match="holds dates"):
        fit_rows(ROWS.assign(days=start + pd.to_timedelta(ROWS["days"], unit="D")))
    fit = fit_rows(ROWS.assign(days=pd.to_timedelta(ROWS["days"], unit="D")))
    np.testing.assert_array_equal(fit.coefficients, fit_rows().coefficients)
    assert fit.baseline.time.max() <= ROWS["days"].max()


def test_an_event_on_the_day_of_the_start_is_an_event() -> None:
    rows = ROWS.assign(days=np.where(ROWS.index < 5, 0.0, ROWS["days"]))
    fit = fit_rows(rows)
    assert fit.ok
    assert fit.baseline.time[0] == (0 if (rows["event"].head(5) == 1).any() else 30)


def test_a_frame_brings_its_cluster_its_entry_and_its_words() -> None:
    frame = Frame(
        ROWS, unit="level", cluster="patient_id", duration="days", entry="entry",
        causes={1: "fracture"},
    )  # fmt: skip
    fit = fit_fine_gray(frame, "age", **TIMES)
    plain = fit_rows(entry="entry", cluster="patient_id")
    np.testing.assert_array_equal(fit.covariance, plain.covariance)
    assert (fit.vcov, fit.n_clusters, fit.unit) == ("CR0", 120, "level")
    assert fit.title == "Fine–Gray model of fracture (subdistribution hazard)"
    with pytest.raises(UsageError, match="cluster='patient_id'"):
        fit_fine_gray(Frame(ROWS, unit="level"), "age", **TIMES)
    alone = fit_fine_gray(frame, "age", **TIMES, independent="one level each")
    assert alone.vcov == "model"
    assert "independent" in codes(alone)


# ---- covariances ------------------------------------------------------------------------------


def test_cr1_is_cr0_with_its_factor_and_t() -> None:
    cr0, cr1 = (fit_rows(cluster="patient_id", vcov=name) for name in ("CR0", "CR1"))
    np.testing.assert_allclose(cr1.covariance, cr0.covariance * 120 / 119)
    np.testing.assert_allclose(cr1.baseline.variance, cr0.baseline.variance * 120 / 119)
    assert (cr0.df, cr1.df) == (np.inf, 119)


def test_clusters_of_one_row_are_rows() -> None:
    rows = ROWS.assign(row=range(240))
    for more in ({}, {"entry": "entry"}, {"strata": "center"}):
        one, other = fit_rows(rows, **more), fit_rows(rows, cluster="row", **more)
        np.testing.assert_allclose(one.covariance, other.covariance, rtol=1e-12)
        np.testing.assert_allclose(one.baseline.variance, other.baseline.variance, rtol=1e-10)
        np.testing.assert_allclose(one.baseline.cross, other.baseline.cross, atol=1e-14)


def test_fractional_weights_are_not_repeated_rows() -> None:
    fit = fit_rows(weights="weight")
    assert fit.vcov == "HC0"
    by_row = fit_rows(ROWS.assign(row=range(240)), weights="weight", cluster="row")
    np.testing.assert_allclose(fit.covariance, by_row.covariance, rtol=1e-12)


def test_scattered_and_adjacent_clusters_are_the_same() -> None:
    mixed = ROWS.sample(frac=1, random_state=1)
    for fit in (fit_rows, lambda rows, **more: fit_cox(rows, "age", **TIMES, **more)):
        one, other = fit(ROWS, cluster="patient_id"), fit(mixed, cluster="patient_id")
        np.testing.assert_allclose(one.covariance, other.covariance, rtol=1e-9)


# ---- models that cannot be estimated ----------------------------------------------------------


def failed(fit: FineGrayFit, status: str) -> None:
    assert fit.status == status
    assert not fit.ok
    assert fit.reason.endswith(".")
    assert np.isnan(fit.coefficients).all()
    assert fit.tidy()["estimate"].isna().all()
    assert fit.predict(ROWS.head(2).assign(exposed=1), times=[60])["estimate"].isna().all()
    assert list(fit.glance().columns) == list(fit_rows().glance().columns)
    assert np.isnan(fit.glance().loc[0, "statistic"])


def test_no_rows() -> None:
    fit = fit_rows(ROWS.assign(age=np.nan))
    failed(fit, "no rows")
    assert fit.n_missing == len(ROWS)
    assert not len(fit.cause_specific)


def test_no_events_of_the_cause() -> None:
    fit = fit_rows(cause=4)
    failed(fit, "no events")
    assert fit.cause_specific["cause"].unique().tolist() == [1, 2, 3]
    weightless = ROWS.assign(weight=np.where(ROWS["event"] == 1, 0, 1))
    failed(fit_rows(weightless, weights="weight"), "no events")


def test_all_censored() -> None:
    fit = fit_rows(ROWS.assign(event=0))
    failed(fit, "no events")
    assert "Beside it" not in repr(fit)


def test_one_cluster() -> None:
    failed(fit_rows(ROWS.assign(all=1), cluster="all"), "too few clusters")


def test_a_term_that_does_not_vary_within_strata() -> None:
    fit = fit_rows(formula="age + arm", strata="arm")
    failed(fit, "not identified")
    assert "arm[T.sham] does not vary" in fit.reason


def exposed(rows: pd.DataFrame) -> pd.DataFrame:
    """Every event of cause 1 is among the exposed, who are half of the rows or more."""
    return rows.assign(exposed=((rows["event"] == 1) | (rows.index % 2 == 0)).astype(int))


@pytest.mark.parametrize(
    "more", [{}, {"entry": "entry"}, {"strata": "center"}, {"strata": "center", "censoring": ()}]
)
def test_a_monotone_likelihood_is_said(more: dict[str, Any]) -> None:
    fit = fit_rows(exposed(ROWS), "age + exposed", **more)
    failed(fit, "monotone likelihood")
    assert [c.term for c in fit.caveats if c.code == "monotone"] == ["exposed"]
    assert "fit_cox(..., penalty='firth')" in fit.reason
    assert set(fit.cause_specific["status"]) == {"monotone likelihood", "ok"}


def test_what_is_monotone_for_the_hazard_need_not_be_for_the_incidence() -> None:
    """The only unexposed die at once, so they leave Cox's risk sets and stay in Fine and Gray's."""
    first = ROWS.index < 40
    rows = ROWS.assign(
        exposed=(~first).astype(int),
        days=np.where(first, 1.0, ROWS["days"]),
        event=np.where(first, 2, ROWS["event"]),
    )
    failed(fit_rows(rows, "age + exposed"), "monotone likelihood")
    assert fit_cox(rows, "age + exposed", **TIMES).status == "not identified"
    rows.loc[0, "event"] = 1
    assert fit_rows(rows, "age + exposed").ok


def test_a_covariate_that_is_constant_among_the_events_may_have_an_estimate() -> None:
    dose = np.where(ROWS["event"] == 1, 2.0, ROWS["age"] + 2)
    fit = fit_rows(ROWS.assign(dose=dose), "dose")
    assert fit.ok
    assert np.isfinite(fit.std_errors).all()


def test_a_solver_that_stops_early_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def impatient(*arguments: Any, **options: Any) -> Any:
        return replace(maximise(*arguments, **options), converged=False)

    monkeypatch.setattr("vpstats.models.hazards_search.maximise", impatient)
    monkeypatch.setattr("vpstats.models.hazards_search._quick", lambda sets, point: None)
    fit = fit_rows()
    failed(fit, "not converged")
    assert "not_converged" in codes(fit)


# ---- what is said -----------------------------------------------------------------------------


def test_a_result_says_what_a_subdistribution_hazard_is_not() -> None:
    fit = fit_rows(formula="age + arm")
    assert "subdistribution" in codes(fit)
    for shown in (repr(fit), fit._repr_html_()):
        assert "It is no rate ratio" in shown
        assert "cause-specific hazard ratios" in shown
        assert shown.count("arm[T.sham]") == 4
    assert "subdistribution" in CAVEATS


def test_the_cause_specific_hazards_are_those_of_cox_models() -> None:
    options = {"strata": "center", "cluster": "patient_id", "entry": "entry", "offset": "shift"}
    fit = fit_rows(formula="age + arm", **options)
    table = fit.cause_specific
    assert list(table.columns) == [
        "cause", "term", "estimate", "std_error", "statistic", "p_value", "conf_low", "conf_high",
        "status",
    ]  # fmt: skip
    for cause in (1, 2, 3):
        cox = fit_cox(ROWS, "age + arm", **TIMES, cause=cause, **options)
        own = table[table["cause"] == cause].drop(columns=["cause", "status"])
        pd.testing.assert_frame_equal(own.reset_index(drop=True), cox.tidy())


def test_without_competing_events_it_is_a_cox_model_and_says_so() -> None:
    rows = ROWS.assign(event=(ROWS["event"] == 1).astype(int))
    for more in ({}, {"entry": "entry"}, {"strata": "center"}, {"weights": "weight"}):
        fit = fit_rows(rows, "age + arm", **more)
        cox = fit_cox(rows, "age + arm", **TIMES, ties="breslow", vcov="HC0", **more)
        assert "no_competing" in codes(fit)
        assert "subdistribution" not in codes(fit)
        np.testing.assert_allclose(fit.coefficients, cox.coefficients, rtol=1e-9)
        np.testing.assert_allclose(fit.covariance, cox.covariance, rtol=1e-9)


def test_dropped_rows_few_events_and_aliased_columns_are_said() -> None:
    rows = ROWS.head(30).assign(twice=2 * ROWS["age"])
    rows.loc[3, "center"] = None
    fit = fit_rows(rows, "age + twice + arm", strata="center")
    assert {"dropped_rows", "few_events", "aliased"} <= codes(fit)
    assert (fit.n, fit.n_missing, fit.terms) == (29, 1, ("age", "arm[T.sham]"))


# ---- reading a fit ----------------------------------------------------------------------------


FULL = fit_rows(
    formula="age + arm", entry="entry", strata="center", offset="shift", cluster="patient_id"
)


def test_columns_have_a_meaning_and_nobody_is_inside() -> None:
    columns = {*FULL.tidy().columns, *FULL.glance().columns, *FULL.cause_specific.columns}
    assert columns <= set(GLOSSARY)
    assert len(FULL.glance()) == 1
    assert FULL.n_competing == int((ROWS["event"] > 1).sum())
    again = pickle.loads(pickle.dumps(FULL))  # our own bytes
    pd.testing.assert_frame_equal(again.tidy(), FULL.tidy())
    assert FULL.tidy(exponentiate=True)["estimate"].iloc[0] == np.exp(FULL.coefficients[0])


def test_nothing_passed_in_is_changed() -> None:
    before = ROWS.copy(deep=True)
    fit_rows()
    FULL.augment(ROWS)
    FULL.predict(ROWS, times=[60])
    pd.testing.assert_frame_equal(ROWS, before)


def test_a_joint_test_uses_the_covariance_of_the_fit() -> None:
    found = FULL.wald_test(["age", "arm"]).iloc[0]
    expected = FULL.coefficients @ np.linalg.solve(FULL.covariance, FULL.coefficients)
    assert found["statistic"] == pytest.approx(expected)
    assert FULL.glance().loc[0, "statistic"] == pytest.approx(expected)
    with pytest.raises(UsageError, match="neither a coefficient nor a term"):
        FULL.wald_test("sex")


def test_a_model_without_terms_is_an_incidence() -> None:
    fit = fit_rows(formula="1")
    assert fit.ok
    assert np.isnan(fit.events_per_parameter)
    assert np.isnan(fit.glance().loc[0, "statistic"])
    found = fit.predict(ROWS.head(1), times=[90, 360])
    assert (found["std_error"] > 0).all()
    assert fit.null_log_likelihood == pytest.approx(fit.log_likelihood)


def test_hazard_ratios_are_relative_to_the_average_row() -> None:
    average = {"age": ROWS["age"].mean(), "arm": "sham", "center": "A", "shift": 0.0}
    rows = pd.DataFrame([average, average | {"age": ROWS["age"].mean() + 1}])
    found = FULL.predict(rows)
    ratio = found["estimate"].iloc[1] / found["estimate"].iloc[0]
    assert ratio == pytest.approx(np.exp(FULL.coefficients[0]))
    assert (FULL.predict(rows, level=0.99)["conf_low"] < found["conf_low"]).all()
    fitted = FULL.augment(rows)[".fitted"]
    np.testing.assert_allclose(np.exp(fitted), found["estimate"])


def test_incidence_rises_within_its_limits_and_ends_with_the_follow_up() -> None:
    rows = ROWS.iloc[[5, 7]]
    found = FULL.predict(rows, times=[0, 90, 360, 1e6])
    assert found.index.tolist() == [5, 5, 5, 5, 7, 7, 7, 7]
    assert found["estimate"].iloc[0] == 0
    assert found["std_error"].iloc[0] == 0
    assert (np.diff(found["estimate"].iloc[:3]) > 0).all()
    assert np.isnan(found["estimate"].iloc[3])
    known = found.dropna()
    assert (known["conf_low"] <= known["estimate"]).all()
    assert (known["estimate"] <= known["conf_high"]).all()
    assert known["conf_high"].max() <= 1
    hazard = FULL.predict(rows, times=[360], kind="cumulative_hazard")
    expected = 1 - np.exp(-hazard["estimate"])
    np.testing.assert_allclose(expected, found["estimate"].iloc[[2, 6]])


def test_missing_values_are_predicted_as_missing() -> None:
    rows = ROWS.head(3).astype({"center": object}).copy()
    rows.loc[0, "age"], rows.loc[1, "center"] = np.nan, None
    assert FULL.predict(rows, times=[60])["estimate"].isna().tolist() == [True, True, False]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"times": [30], "kind": "hazard_ratio"}, "takes no times"),
        ({"kind": "incidence"}, "takes no times"),
        ({"kind": "survival"}, "expected 'hazard_ratio', 'incidence'"),
    ],
)
def test_predictions_without_meaning_are_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        FULL.predict(ROWS, **options)


def test_a_new_stratum_is_refused() -> None:
    with pytest.raises(UsageError, match="stratum 'D' is new"):
        FULL.predict(ROWS.assign(center="D"), times=[30])


def test_imputations_are_pooled() -> None:
    frames = tuple(
        Frame(ROWS.assign(age=ROWS["age"] + shift), unit="level", cluster="patient_id")
        for shift in (0.0, np.linspace(0, 0.1, 240), np.linspace(0.1, 0, 240))
    )
    pooled = fit_fine_gray(Imputations(frames), "age", **TIMES)
    singles = [fit_fine_gray(frame, "age", **TIMES) for frame in frames]
    assert pooled.coefficients[0] == pytest.approx(np.mean([f.coefficients[0] for f in singles]))
    assert pooled.std_errors[0] > min(f.std_errors[0] for f in singles)
    assert np.isnan(pooled.log_likelihood)
    cox = fit_cox(Imputations(frames), "age", **TIMES, cause=2)
    own = pooled.cause_specific.query("cause == 2")
    assert own["std_error"].tolist() == cox.std_errors.tolist()
    with pytest.raises(UsageError, match="no baseline"):
        pooled.predict(ROWS, times=[30])


# ---- the kernel: blocks, starts and steps change nothing --------------------------------------

EVERYTHING = [
    {},
    {"entry": "entry", "cluster": "patient_id"},
    {"strata": "center", "weights": "weight"},
    {"strata": "center", "censoring": (), "offset": "shift"},
]


@pytest.mark.parametrize("more", EVERYTHING, ids=lambda more: ", ".join(more) or "plain")
@pytest.mark.parametrize("which", ["Fine–Gray", "Cox"])
def test_blocks_starts_and_steps_change_nothing(
    which: str, more: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = simulate(2000)

    def fit() -> Any:
        if which == "Fine–Gray":
            return fit_rows(rows, "age + arm", **more)
        asked = {k: v for k, v in more.items() if k != "censoring"}
        return fit_cox(rows, "age + arm", **TIMES, **asked)

    whole = fit()
    monkeypatch.setattr("vpstats.models.risksets.SCATTER", 128)
    monkeypatch.setattr("vpstats.models.partial.SCORED", 100)
    monkeypatch.setattr("vpstats.models.partial.SUMMED", 100)
    monkeypatch.setattr("vpstats.models.subdistribution_curve.SCORED", 90)
    monkeypatch.setattr("vpstats.models.hazards_search._SUBSAMPLE_FROM", 1000)
    monkeypatch.setattr("vpstats.models.hazards_search._MANY", 1000)
    parts = fit()
    # the last step is not followed by a further sum: see _NEAR; the root of 400 events is 20
    errors = whole.std_errors
    assert np.abs((parts.coefficients - whole.coefficients) / errors).max() < 1e-8
    np.testing.assert_allclose(parts.covariance, whole.covariance, rtol=1e-6)
    np.testing.assert_allclose(parts.baseline.variance, whole.baseline.variance, rtol=1e-6)


@pytest.mark.parametrize("many", [10, 10_000], ids=["BFGS", "Newton"])
def test_a_monotone_likelihood_is_found_by_either_kind_of_step(
    many: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vpstats.models.hazards_search._MANY", many)
    failed(fit_rows(exposed(ROWS), "age + exposed"), "monotone likelihood")
    assert fit_cox(exposed(ROWS), "exposed", **TIMES).status == "monotone likelihood"


def test_steps_from_far_away_end_at_the_maximum(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vpstats.models.hazards_search._MANY", 10)
    rng = np.random.default_rng(5)
    x = rng.normal(size=(3000, 3)) * [1, 10, 0.01]
    time = rng.exponential(np.exp(-(x @ [3, 0.5, -200])))
    rows = HazardRows(x, np.ceil(time * 50), np.ones(3000, dtype=bool))
    sets = find_risk_sets(rows, "efron")
    found = search(sets).solution
    gradient = maximise_from_zero(sets)
    assert found.converged
    np.testing.assert_allclose(found.estimate, gradient, rtol=1e-9)


def maximise_from_zero(sets: Any) -> np.ndarray:
    from vpstats.models.partial import likelihood

    return maximise(likelihood(sets), np.zeros(3)).estimate


def test_the_score_needs_no_sums_of_covariates(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the passes over many rows the last alone sums covariates by event time."""
    from vpstats.models import hazards_search

    passes: list[str] = []

    def counted(name: str) -> None:
        own = getattr(hazards_search, name)
        monkeypatch.setattr(
            hazards_search, name, lambda *given: (passes.append(name), own(*given))[1]
        )

    monkeypatch.setattr(hazards_search, "_MANY", 1000)
    counted("find_levels")
    counted("complete")
    rng = np.random.default_rng(8)
    x = rng.normal(size=(4000, 2))
    time = np.ceil(500 * rng.exponential(np.exp(-x @ [0.3, -0.2])))
    found = search(find_risk_sets(HazardRows(x, time, rng.random(4000) < 0.6), "efron"))
    assert found.solution.converged
    assert passes.count("complete") == 1
    assert passes[-1] == "complete"
    assert passes.count("find_levels") <= 8


def test_a_large_cluster_is_no_block_boundary(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = HazardRows(
        ROWS[["age"]].to_numpy(), ROWS["days"].to_numpy(), ROWS["event"].to_numpy() == 1
    )
    sets = find_risk_sets(rows, "efron")
    sums = sum_up(sets, np.zeros(1))
    clusters = Clusters(np.repeat([0, 1, 2], [5, 200, 35]), 3)
    whole = score_meat(sets, sums, clusters)
    monkeypatch.setattr("vpstats.models.partial.SUMMED", 10)
    np.testing.assert_allclose(score_meat(sets, sums, clusters), whole, rtol=1e-12)
