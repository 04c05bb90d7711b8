"""Cox models: what is refused, what is a result that says so, and how a fit is read."""

from __future__ import annotations

import pickle
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from vpstats.errors import FormulaError, UsageError
from vpstats.frames import Frame, Imputations
from vpstats.models.concordance import concordance, concordance_influence
from vpstats.models.hazards import CoxFit, fit_cox
from vpstats.models.monotone import monotone_columns
from vpstats.models.newton import Solution, maximise
from vpstats.models.partial import likelihood, penalised_likelihood
from vpstats.models.predicted import baseline_hazard, predicted_quantiles
from vpstats.models.proportional import test_proportional_hazards
from vpstats.models.risksets import HazardRows, find_risk_sets
from vpstats.results import GLOSSARY


def simulate(n: int = 240, seed: int = 1) -> pd.DataFrame:
    """Two rows per patient, competing deaths, delayed entry, three centers, monthly ties."""
    rng = np.random.default_rng(seed)
    age, arm = rng.normal(size=n), rng.integers(0, 2, n)
    time = rng.exponential(np.exp(-0.5 * age - 0.4 * arm) * 12)
    end = np.minimum(time, rng.uniform(1, 24, n))
    days = np.ceil(end) * 30
    return pd.DataFrame(
        {
            "age": age,
            "arm": np.where(arm == 1, "cement", "sham"),
            "days": days,
            "event": np.where(time <= end, rng.choice([1, 1, 2], n), 0),
            "entry": np.where(rng.random(n) < 0.2, np.floor(days / 60) * 30, 0),
            "patient_id": np.repeat(np.arange(n // 2), 2),
            "center": rng.choice(["A", "B", "C"], n),
            "weight": rng.choice([0.5, 1.0, 2.0], n),
            "shift": rng.normal(scale=0.1, size=n),
        }
    )


ROWS = simulate()
TIMES = {"duration": "days", "event": "event"}


def codes(fit: CoxFit) -> set[str]:
    return {c.code for c in fit.caveats}


# ---- requests ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"ties": "exact"}, "'efron', 'breslow'"),
        ({"penalty": "lasso"}, "None, 'firth'"),
        ({"vcov": "CR2"}, "'CR0', 'CR1'"),
        ({"vcov": "CR0"}, "needs cluster="),
        ({"vcov": "model", "cluster": "patient_id"}, "not independent"),
        ({"cause": 0}, "expected an event code"),
        ({"level": 0}, "between 0 and 1"),
        ({"duration": "day"}, "did you mean 'days'"),
        ({"strata": "centre"}, "did you mean 'center'"),
        ({"weights": "age"}, "negative or infinite"),
        ({"duration": "center"}, "expected numbers"),
    ],
)
def test_wrong_requests_are_refused(asked: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        fit_cox(ROWS, "age", **(TIMES | asked))


@pytest.mark.parametrize("formula", ["days ~ age", "0 + age", "__import__('os')"])
def test_formulas_are_data_without_a_left_side(formula: str) -> None:
    with pytest.raises(FormulaError):
        fit_cox(ROWS, formula, **TIMES)


def test_a_tilde_makes_no_difference() -> None:
    one, other = (fit_cox(ROWS, f, **TIMES) for f in ("age + arm", "~ age + arm"))
    assert one.terms == ("age", "arm[T.sham]")
    np.testing.assert_array_equal(one.coefficients, other.coefficients)


def test_a_frame_brings_its_cluster_and_its_entry() -> None:
    frame = Frame(
        ROWS, unit="level", cluster="patient_id", duration="days", entry="entry",
        causes={1: "fracture"},
    )  # fmt: skip
    fit = fit_cox(frame, "age", **TIMES)
    plain = fit_cox(ROWS, "age", **TIMES, entry="entry", cluster="patient_id")
    np.testing.assert_array_equal(fit.covariance, plain.covariance)
    assert (fit.vcov, fit.n_clusters, fit.unit) == ("CR0", 120, "level")
    assert fit.title == "Cox model of fracture"
    with pytest.raises(UsageError, match="cluster='patient_id'"):
        fit_cox(Frame(ROWS, unit="level"), "age", **TIMES)
    alone = fit_cox(frame, "age", **TIMES, independent="one level each")
    assert alone.vcov == "model"
    assert "independent" in codes(alone)


# ---- covariances ------------------------------------------------------------------------------


def test_cr1_is_cr0_with_its_factor_and_t() -> None:
    cr0, cr1 = (
        fit_cox(ROWS, "age", **TIMES, cluster="patient_id", vcov=name) for name in ("CR0", "CR1")
    )
    np.testing.assert_allclose(cr1.covariance, cr0.covariance * 120 / 119)
    assert (cr0.df, cr1.df) == (np.inf, 119)


def test_fractional_weights_are_not_repeated_rows() -> None:
    fit = fit_cox(ROWS, "age", **TIMES, weights="weight")
    assert fit.vcov == "HC0"
    by_row = fit_cox(
        ROWS.assign(row=range(len(ROWS))), "age", **TIMES, weights="weight", cluster="row"
    )
    np.testing.assert_allclose(fit.covariance, by_row.covariance, rtol=1e-12)
    assert np.isnan(fit.glance().loc[0, "statistic"])


# ---- models that cannot be estimated ----------------------------------------------------------


def failed(fit: CoxFit, status: str) -> None:
    assert fit.status == status
    assert not fit.ok
    assert fit.reason
    assert np.isnan(fit.coefficients).all()
    assert len(fit.tidy()) == len(fit.terms)
    assert fit.tidy()["estimate"].isna().all()
    assert list(fit.glance().columns) == list(fit_cox(ROWS, "age", **TIMES).glance().columns)


def test_no_rows() -> None:
    fit = fit_cox(ROWS.assign(age=np.nan), "age", **TIMES)
    failed(fit, "no rows")
    assert fit.n_missing == len(ROWS)


def test_no_events() -> None:
    failed(fit_cox(ROWS, "age", **TIMES, cause=3), "no events")
    weightless = ROWS.assign(weight=np.where(ROWS["event"] == 1, 0, 1))
    failed(fit_cox(weightless, "age", **TIMES, weights="weight"), "no events")


def test_one_cluster() -> None:
    failed(fit_cox(ROWS.assign(all=1), "age", **TIMES, cluster="all"), "too few clusters")


def test_a_term_that_does_not_vary_within_strata() -> None:
    fit = fit_cox(ROWS, "age + arm", **TIMES, strata="arm")
    failed(fit, "not identified")
    assert "arm[T.sham] does not vary" in fit.reason
    same = ROWS.assign(copy=ROWS["age"] + (ROWS["center"] == "A"))
    failed(fit_cox(same, "age + copy", **TIMES, strata="center"), "not identified")


def exposed(rows: pd.DataFrame) -> pd.DataFrame:
    """Every event of cause 1 is among the exposed, who are half of the rows or more."""
    return rows.assign(exposed=((rows["event"] == 1) | (rows.index % 2 == 0)).astype(int))


@pytest.mark.parametrize("more", [{}, {"entry": "entry"}, {"strata": "center"}])
def test_a_monotone_likelihood_is_said_and_firth_is_finite(more: dict[str, str]) -> None:
    rows = exposed(ROWS)
    fit = fit_cox(rows, "age + exposed", **TIMES, **more)
    failed(fit, "monotone likelihood")
    assert [c.term for c in fit.caveats if c.code == "monotone"] == ["exposed"]
    assert "penalty='firth'" in fit.reason
    firth = fit_cox(rows, "age + exposed", **TIMES, **more, penalty="firth")
    assert firth.ok
    assert "monotone" in codes(firth)
    table = firth.tidy().set_index("term")
    assert 0 < table.loc["exposed", "conf_low"] < table.loc["exposed", "estimate"] < 15
    assert table.loc["exposed", "p_value"] < 0.01


def spoiled(X: list[list[float]], dead: list[int], **more: Any) -> list[int]:
    """Columns that are found where rounding has left the solver without a step."""
    rows = HazardRows(np.array(X, float), np.arange(1.0, len(X) + 1), np.array(dead, bool), **more)
    p = rows.X.shape[1]
    stuck = Solution(np.zeros(p), 0.0, np.ones(p), np.zeros((p, p)), 15, False, np.inf)
    return monotone_columns(find_risk_sets(rows, "efron"), stuck)


def test_a_direction_without_end_is_found_where_the_solver_lost_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # the sum of the columns is largest at both events, neither column alone is
    X = [[3, 0, 1], [0, 2, 1], [1, 0, 0], [0, 1, 2], [0.5, 0, 1]]
    assert spoiled([x[:2] for x in X], [1, 1, 0, 0, 0]) == [0, 1]
    assert spoiled(X, [1, 1, 0, 0, 0]) != []
    assert spoiled([[0], [1], [0], [1]], [1, 1, 1, 0]) == []
    # an event that weighs nothing keeps no likelihood down
    weights = np.array([1.0, 0.0, 1.0, 1.0])
    assert spoiled([[1], [0], [0], [0.5]], [1, 1, 0, 0]) == []
    assert spoiled([[1], [0], [0], [0.5]], [1, 1, 0, 0], weights=weights) == [0]
    assert spoiled([[1], [1], [1]], [1, 1, 0]) == []  # all alike
    for most, expected in (
        (1, []),
        (5, []),
        (9, [0]),
    ):  # too many rows at risk, or too many pairs with the events of a time
        monkeypatch.setattr("vpstats.models.monotone._MOST_PAIRS", most)
        tied = HazardRows(np.array([[1.0], [1.0], [0.0], [0.0]]), np.array([1.0, 1, 2, 2]),
                          np.array([True, True, False, False]))  # fmt: skip
        stuck = Solution(np.zeros(1), 0.0, np.ones(1), np.zeros((1, 1)), 15, False, np.inf)
        assert monotone_columns(find_risk_sets(tied, "efron"), stuck) == expected


def test_a_large_effect_is_not_a_monotone_likelihood() -> None:
    rows = exposed(ROWS)
    first = rows[(rows["event"] == 1) & (rows["exposed"] == 1)]["days"].idxmin()
    rows.loc[first, "exposed"] = 0
    fit = fit_cox(rows, "age + exposed", **TIMES)
    assert fit.ok
    assert fit.coefficients[1] > 2


def test_a_solver_that_stops_early_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def impatient(*arguments: Any, **options: Any) -> Any:
        return replace(maximise(*arguments, **options), converged=False)

    monkeypatch.setattr("vpstats.models.hazards_search.maximise", impatient)
    monkeypatch.setattr("vpstats.models.hazards_search._quick", lambda sets, point: None)
    fit = fit_cox(ROWS, "age", **TIMES)
    failed(fit, "not converged")
    assert "not_converged" in codes(fit)


# ---- caveats ----------------------------------------------------------------------------------


def test_dropped_rows_few_events_and_aliased_columns_are_said() -> None:
    rows = ROWS.head(30).assign(twice=2 * ROWS["age"])
    rows.loc[3, "center"] = None
    fit = fit_cox(rows, "age + twice + arm", **TIMES, strata="center")
    assert {"dropped_rows", "few_events", "aliased"} <= codes(fit)
    assert (fit.n, fit.n_missing, fit.terms) == (29, 1, ("age", "arm[T.sham]"))


def test_strata_without_an_answer_are_missing() -> None:
    answers = pd.CategoricalDtype(["yes", "no", "unknown", "not_done", "not_applicable"])
    rows = ROWS.assign(smoker=pd.Series(np.resize(["yes", "no", "unknown"], 240), dtype=answers))
    fit = fit_cox(rows, "age", **TIMES, strata=("smoker", "center"))
    assert fit.n == 160
    assert len(fit.baseline.labels) == 6
    assert "no, A" in fit.baseline.labels


def test_firth_with_few_clusters_of_events_is_said() -> None:
    fit = fit_cox(ROWS.head(24), "age", **TIMES, cluster="patient_id", penalty="firth")
    assert {"few_clusters", "few_event_clusters"} <= codes(fit)
    assert fit.vcov == "CR0"
    assert fit.conf_low is None
    many = fit_cox(ROWS, "age", **TIMES, cluster="patient_id", penalty="firth")
    assert "few_event_clusters" not in codes(many)


# ---- reading a fit ----------------------------------------------------------------------------


FULL = fit_cox(
    ROWS, "age + arm", **TIMES, entry="entry", strata="center", offset="shift",
    cluster="patient_id",
)  # fmt: skip


def test_columns_have_a_meaning_and_nobody_is_inside() -> None:
    assert set(FULL.tidy().columns) | set(FULL.glance().columns) <= set(GLOSSARY)
    assert len(FULL.glance()) == 1
    again = pickle.loads(pickle.dumps(FULL))  # our own bytes
    pd.testing.assert_frame_equal(again.tidy(), FULL.tidy())
    assert FULL.tidy(exponentiate=True)["estimate"].iloc[0] == np.exp(FULL.coefficients[0])


def test_nothing_passed_in_is_changed() -> None:
    before = ROWS.copy(deep=True)
    fit_cox(ROWS, "age", **TIMES)
    FULL.augment(ROWS)
    pd.testing.assert_frame_equal(ROWS, before)


def test_the_likelihood_ratio_is_that_of_the_empty_model() -> None:
    fit, null = fit_cox(ROWS, "age", **TIMES), fit_cox(ROWS, "1", **TIMES)
    assert null.ok
    assert null.log_likelihood == pytest.approx(fit.null_log_likelihood)
    expected = 2 * (fit.log_likelihood - null.log_likelihood)
    assert fit.glance().loc[0, "statistic"] == pytest.approx(expected)
    assert np.isnan(null.events_per_parameter)


def test_hazard_ratios_are_relative_to_the_average_row() -> None:
    average = {"age": ROWS["age"].mean(), "arm": "sham", "center": "A", "shift": 0.0}
    rows = pd.DataFrame([average, average | {"age": ROWS["age"].mean() + 1}])
    found = FULL.predict(rows)
    ratio = found["estimate"].iloc[1] / found["estimate"].iloc[0]
    assert ratio == pytest.approx(np.exp(FULL.coefficients[0]))
    wide = FULL.predict(rows, level=0.99)
    assert (wide["conf_low"] < found["conf_low"]).all()


def test_survival_falls_and_ends_with_the_follow_up() -> None:
    one_cause = ROWS.assign(event=(ROWS["event"] == 1).astype(int))
    fit = fit_cox(one_cause, "age", **TIMES, strata="center")
    rows = one_cause.iloc[[5, 7]]
    found = fit.predict(rows, times=[0, 90, 360, 1e6])
    assert found.index.tolist() == [5, 5, 5, 5, 7, 7, 7, 7]
    assert found["estimate"].iloc[0] == 1
    assert found["std_error"].iloc[0] == 0
    assert (np.diff(found["estimate"].iloc[:3]) < 0).all()
    assert np.isnan(found["estimate"].iloc[3])
    assert (found["conf_low"].iloc[:3] <= found["estimate"].iloc[:3]).all()
    hazard = fit.predict(rows, times=[360], kind="cumulative_hazard")
    np.testing.assert_allclose(np.exp(-hazard["estimate"]), found["estimate"].iloc[[2, 6]])


def test_missing_values_are_predicted_as_missing() -> None:
    rows = ROWS.head(3).astype({"center": object}).copy()
    rows.loc[0, "age"], rows.loc[1, "center"] = np.nan, None
    found = FULL.predict(rows, times=[60], kind="cumulative_hazard")["estimate"]
    assert found.isna().tolist() == [True, True, False]
    resid = FULL.augment(ROWS.assign(days=ROWS["days"].where(ROWS.index > 0)))[".resid"]
    assert resid.isna().tolist() == [True] + [False] * 239


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"times": [30]}, "cumulative_incidence"),
        ({"times": [30], "kind": "hazard_ratio"}, "takes no times"),
        ({"kind": "survival"}, "takes no times"),
        ({"kind": "risk"}, "expected 'hazard_ratio'"),
    ],
)
def test_predictions_without_meaning_are_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        FULL.predict(ROWS, **options)


def test_a_new_stratum_is_refused() -> None:
    with pytest.raises(UsageError, match="stratum 'D' is new"):
        FULL.predict(ROWS.assign(center="D"), times=[30], kind="cumulative_hazard")


def test_a_failed_fit_predicts_nothing() -> None:
    fit = fit_cox(ROWS, "age", **TIMES, cause=3, strata="center")
    assert fit.predict(ROWS.head(2))["estimate"].isna().all()
    found = fit.predict(ROWS.head(2), times=[30], kind="cumulative_hazard")
    assert found["estimate"].isna().all()
    assert fit.augment(ROWS)[".resid"].isna().all()


def test_imputations_are_pooled() -> None:
    frames = tuple(
        Frame(ROWS.assign(age=ROWS["age"] + shift), unit="level", cluster="patient_id")
        for shift in (0.0, np.linspace(0, 0.1, 240), np.linspace(0.1, 0, 240))
    )
    pooled = fit_cox(Imputations(frames), "age", **TIMES)
    singles = [fit_cox(frame, "age", **TIMES) for frame in frames]
    assert pooled.coefficients[0] == pytest.approx(np.mean([f.coefficients[0] for f in singles]))
    assert pooled.std_errors[0] > min(f.std_errors[0] for f in singles)
    assert np.isnan(pooled.log_likelihood)
    with pytest.raises(UsageError, match="no baseline"):
        pooled.predict(ROWS, times=[30], kind="cumulative_hazard")
    clustered, alone = (
        fit_cox(Imputations(frames), "age", **TIMES, penalty="firth", independent=why)
        for why in (None, "one level a patient")
    )
    assert "pooled_wald" in [c.code for c in clustered.caveats]  # robust errors have no profile
    assert "pooled_wald" not in [c.code for c in alone.caveats]


# ---- checks of a fit --------------------------------------------------------------------------


def test_a_hazard_ratio_that_turns_round_is_found() -> None:
    rng = np.random.default_rng(3)
    x = rng.integers(0, 2, 600)
    early, late = rng.exponential(np.where(x == 1, 4, 12)), rng.exponential(np.where(x, 12, 4))
    time = np.where(early < 3, early, 3 + late)
    rows = pd.DataFrame({"days": time, "event": 1, "x": x})
    tested = test_proportional_hazards(fit_cox(rows, "x", **TIMES), rows)
    assert tested.tidy()["p_value"].max() < 1e-6
    assert {c.code for c in tested.caveats} == {"non_proportional"}
    assert [c.term for c in tested.caveats] == ["x", None]


@pytest.mark.parametrize(
    ("fit", "rows", "options", "words"),
    [
        (FULL, ROWS.head(200), {}, "give the rows that the model was fitted to"),
        (FULL, ROWS, {"transform": "square"}, "'km', 'identity', 'log', 'rank'"),
        (fit_cox(ROWS, "age", **TIMES, cause=3), ROWS, {}, "could be estimated"),
        (fit_cox(ROWS, "age", **TIMES, penalty="firth"), ROWS, {}, "without penalty"),
        (
            fit_cox(ROWS, "age", **TIMES, frailty="patient_id", theta=1.0),
            ROWS,
            {},
            "or frailty",
        ),
    ],
)
def test_checks_need_the_rows_of_the_fit(
    fit: CoxFit, rows: pd.DataFrame, options: dict[str, str], words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        test_proportional_hazards(fit, rows, **options)


def test_time_0_has_no_logarithm() -> None:
    rows = ROWS.assign(days=ROWS["days"] - ROWS["days"].min())
    fit = fit_cox(rows, "age", **TIMES)
    with pytest.raises(UsageError, match="transform='km'"):
        test_proportional_hazards(fit, Frame(rows, unit="level"), transform="log")


def test_concordance_counts_every_pair() -> None:
    eta = FULL.augment(ROWS)[".fitted"].to_numpy()
    right = level = total = 0.0
    for i in np.flatnonzero(ROWS["event"] == 1):
        now, own = ROWS["days"][i], ROWS["center"] == ROWS["center"][i]
        outlives = (ROWS["days"] > now) | ((ROWS["days"] == now) & (ROWS["event"] != 1))
        compared = own & outlives & (ROWS["entry"] < now)
        right += np.sum(eta[compared] < eta[i])
        level += np.sum(eta[compared] == eta[i])
        total += compared.sum()
    found = concordance(FULL, ROWS).tidy().iloc[0]
    assert found["estimate"] == pytest.approx((right + level / 2) / total, rel=1e-12)
    assert 0 <= found["conf_low"] < found["estimate"] < found["conf_high"] <= 1
    assert concordance(FULL, ROWS, level=0.5).tidy()["conf_low"].iloc[0] > found["conf_low"]
    nobody = pd.DataFrame({"days": [1, 1], "event": [1, 1], "x": [0, 1]})
    none = concordance(fit_cox(nobody, "1", **TIMES), nobody).tidy()
    assert none[["estimate", "std_error", "conf_low"]].isna().all(axis=None)
    assert concordance(fit_cox(ROWS, "age", **TIMES, penalty="firth"), ROWS).ok
    frailty = fit_cox(ROWS, "age", **TIMES, frailty="patient_id", theta=1.0)
    with pytest.raises(UsageError, match="ignores frailties"):
        concordance(frailty, ROWS)


def test_the_influence_on_concordance_is_its_derivative() -> None:
    rows = risk_sets("efron", n=80).rows
    rng = np.random.default_rng(0)
    score, weights = np.round(rng.normal(size=len(rows)), 1), rng.uniform(0.5, 2, len(rows))
    at, influence = concordance_influence(replace(rows, weights=weights), score)
    assert influence.sum() == pytest.approx(0, abs=1e-12)
    for i in range(0, len(rows), 7):
        step = 1e-6 * (np.arange(len(rows)) == i)
        up = concordance_influence(replace(rows, weights=weights + step), score)[0]
        assert influence[i] == pytest.approx(weights[i] * (up - at) / 1e-6, abs=1e-6)


def test_scores_above_those_of_all_events_are_counted() -> None:
    """Ranks of the events need fewer binary digits than the highest, which are censored."""
    n, dead = 9, np.arange(9) < 7
    rows = HazardRows(X=np.zeros((n, 0)), exit=np.arange(1.0, n + 1), dead=dead)
    score = np.arange(n) + 0.0
    at, influence = concordance_influence(rows, score)
    # each event at i has n - 1 - i later rows, all of higher score: none is in order
    assert at == 0.0
    np.testing.assert_allclose(influence, 0.0, atol=1e-15)
    at, influence = concordance_influence(rows, -score)
    assert at == 1.0
    np.testing.assert_allclose(influence, 0.0, atol=1e-15)


def test_the_robust_test_of_proportionality_follows_the_clusters() -> None:
    rows = ROWS.assign(row=range(len(ROWS)))
    plain = fit_cox(rows, "age + arm", **TIMES)
    alone = fit_cox(rows, "age + arm", **TIMES, cluster="row")
    clustered = fit_cox(rows, "age + arm", **TIMES, cluster="patient_id")
    by_row, by_one, by_patient = (
        test_proportional_hazards(f, rows, robust=True).tidy()["statistic"]
        for f in (plain, alone, clustered)
    )
    np.testing.assert_allclose(by_row, by_one)
    assert (np.abs(by_patient - by_one) > 1e-6).any()
    twice = pd.concat([rows, rows], ignore_index=True)  # copies in one cluster say nothing new
    fit = fit_cox(twice, "age + arm", **TIMES, cluster="row", ties="breslow")
    single = fit_cox(rows, "age + arm", **TIMES, cluster="row", ties="breslow")
    pair = [
        test_proportional_hazards(f, d, robust=True, transform="identity").tidy()["statistic"]
        for f, d in ((fit, twice), (single, rows))
    ]
    np.testing.assert_allclose(*pair, rtol=1e-6)
    said = test_proportional_hazards(clustered, rows).caveats
    assert any("robust=True" in c.message for c in said)
    two = fit_cox(rows.assign(half=rows.index < 120), "age + arm", **TIMES, cluster="half")
    few = test_proportional_hazards(two, rows.assign(half=rows.index < 120), robust=True)
    assert np.isnan(few.tidy()["statistic"].iloc[-1])


# ---- matched strata ---------------------------------------------------------------------------


def test_patients_are_compared_with_themselves() -> None:
    fit = fit_cox(ROWS, "age + arm", **TIMES, strata="patient_id")
    assert fit.ok
    assert fit.n_strata == 120
    pairs = ROWS.groupby("patient_id")
    first = pairs["days"].transform("min") == ROWS["days"]
    alone = ~pairs["days"].transform(lambda d: d.nunique() == 1)
    informative = ROWS[(ROWS["event"] == 1) & first & (alone | (ROWS["event"] == 1))]
    assert fit.n_informative_strata == informative["patient_id"].nunique()
    assert "uninformative_strata" in codes(fit)
    assert fit.baseline is None  # its labels would name patients
    assert b"119" not in pickle.dumps(fit.baseline)
    with pytest.raises(UsageError, match="strata are single patients"):
        fit.predict(ROWS, times=[30], kind="cumulative_hazard")
    assert fit.predict(ROWS)["estimate"].notna().all()
    assert fit_cox(ROWS, "age", **TIMES, strata="center").n_informative_strata == 3


def test_strata_as_small_as_matched_sets_keep_no_names() -> None:
    rows = ROWS.assign(pair=[f"M{i // 2}" for i in range(240)])
    fit = fit_cox(rows, "age", **TIMES, strata="pair")
    assert fit.baseline is None
    assert b"M11" not in pickle.dumps(fit)


def test_what_does_not_vary_within_patients_is_named() -> None:
    rows = ROWS.assign(bone=ROWS["patient_id"] % 7)
    failed(fit := fit_cox(rows, "bone + age", **TIMES, strata="patient_id"), "not identified")
    assert "bone does not vary" in fit.reason


def test_thousands_of_strata_use_no_table() -> None:
    rng = np.random.default_rng(0)
    n = 4000
    rows = pd.DataFrame(
        {"x": rng.normal(size=n), "days": rng.integers(1, 9000, n), "event": 1,
         "id": rng.permutation(n // 2).repeat(2)}
    )  # fmt: skip
    fit = fit_cox(rows, "x", **TIMES, strata="id")
    pair = rows.sort_values(["id", "days"])
    gap = pair["x"].to_numpy().reshape(-1, 2) @ [1, -1]  # first event less the other
    tied = pair["days"].to_numpy().reshape(-1, 2) @ [1, -1] == 0
    p = 1 / (1 + np.exp(fit.coefficients[0] * gap[~tied]))
    assert gap[~tied] @ p == pytest.approx(0, abs=1e-6)  # the score of conditional logistic


# ---- curves that a fit predicts -----------------------------------------------------------------


def test_the_baseline_hazard_as_data() -> None:
    table = baseline_hazard(FULL)
    assert set(table["stratum"]) == {"A", "B", "C"}
    for name, own in table.groupby("stratum"):
        assert own["estimate"].is_monotonic_increasing
        average = pd.DataFrame({"age": [0.0], "arm": "cement", "center": name, "shift": 0.0})
        zero = baseline_hazard(FULL, at="zero").query("stratum == @name")
        found = FULL.predict(average, times=own["time"], kind="cumulative_hazard")
        np.testing.assert_allclose(zero["estimate"], found["estimate"])
        np.testing.assert_allclose(zero["std_error"], found["std_error"])
        np.testing.assert_allclose(zero["conf_high"], found["conf_high"])
    assert "stratum" not in baseline_hazard(fit_cox(ROWS, "age", **TIMES))
    with pytest.raises(UsageError, match="'mean' or 'zero'"):
        baseline_hazard(FULL, at="median")
    with pytest.raises(UsageError, match="no baseline"):
        baseline_hazard(fit_cox(ROWS, "age", **TIMES, cause=9))


def test_quantiles_of_predicted_curves() -> None:
    one_cause = ROWS.assign(event=(ROWS["event"] == 1).astype(int))
    fit = fit_cox(one_cause, "age", **TIMES, strata="center")
    rows = one_cause.iloc[[5, 7, 9]]
    found = predicted_quantiles(fit, rows, quantile=0.25)
    for (_, row), label in zip(found.iterrows(), rows.index, strict=True):
        times = [row["estimate"] - 1e-9, row["estimate"]]
        around = fit.predict(rows.loc[[label]], times=times)["estimate"].to_numpy()
        assert around[0] > 0.75 >= around[1]
    assert (found["conf_low"] <= found["estimate"]).all()
    wide = predicted_quantiles(fit, rows, quantile=0.25, level=0.99)
    assert (wide["conf_low"] <= found["conf_low"]).all()
    late = predicted_quantiles(fit, rows, quantile=0.999999)
    assert late["estimate"].isna().any()
    gap = predicted_quantiles(fit, rows.assign(age=np.nan))
    assert gap["estimate"].isna().all()
    with pytest.raises(UsageError, match="between 0 and 1"):
        predicted_quantiles(fit, rows, quantile=1)
    with pytest.raises(UsageError, match="no baseline"):
        predicted_quantiles(fit_cox(ROWS, "age", **TIMES, cause=9), rows)
    with pytest.raises(UsageError, match="cumulative_incidence"):
        predicted_quantiles(fit_cox(ROWS, "age", **TIMES), rows)


# ---- data as they come ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "options", "words"),
    [
        ({"days": -ROWS["days"]}, {}, "negative or infinite in 240 rows"),
        ({"days": np.inf}, {}, "negative or infinite"),
        ({"days": pd.Timestamp("2024-05-01")}, {}, "holds dates; expected a time"),
        ({"entry": ROWS["days"]}, {"entry": "entry"}, "not before duration='days' in 240 rows"),
        ({"entry": -1.0}, {"entry": "entry"}, "negative or not before"),
        ({"event": 0.5}, {}, "not a code in 240 rows"),
        ({"event": -1}, {}, "not a code"),
        ({"event": "yes"}, {}, "expected numbers"),
        ({"patient_id": np.nan}, {"cluster": "patient_id"}, "missing cluster ids"),
        ({"age": np.inf}, {}, "infinite"),
    ],
)
def test_bad_data_are_refused(change: dict[str, Any], options: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        fit_cox(ROWS.assign(**change), "age", **TIMES, **options)


@pytest.mark.parametrize(
    "change",
    [
        {"days": pd.to_timedelta(ROWS["days"], unit="D")},
        {"days": ROWS["days"].astype("Int64"), "event": ROWS["event"].astype("Int64")},
        {"age": ROWS["age"].astype("Float64"), "arm": ROWS["arm"].astype("string")},
        {"event": pd.Categorical(ROWS["event"])},
        {"center": pd.Categorical(ROWS["center"], categories=["C", "B", "A", "none"])},
        {"patient_id": ROWS["patient_id"].astype("string")},
    ],
    ids=lambda change: "+".join(change),
)
def test_kinds_of_columns_change_nothing(change: dict[str, Any]) -> None:
    asked = TIMES | {"strata": "center", "cluster": "patient_id"}
    one, other = fit_cox(ROWS, "age + arm", **asked), fit_cox(
        ROWS.assign(**change), "age + arm", **asked
    )  # fmt: skip
    np.testing.assert_allclose(one.coefficients, other.coefficients, rtol=1e-12)
    np.testing.assert_allclose(one.covariance, other.covariance, rtol=1e-10)


def test_booleans_and_gaps_in_events() -> None:
    yes = fit_cox(ROWS.assign(event=ROWS["event"] == 1), "age", **TIMES)
    codes_ = fit_cox(ROWS, "age", **TIMES)
    np.testing.assert_array_equal(yes.coefficients, codes_.coefficients)
    gaps = ROWS.assign(event=ROWS["event"].astype("Int64").where(ROWS.index > 4))
    assert fit_cox(gaps, "age", **TIMES).n_missing == 5


def test_labels_may_repeat() -> None:
    same = ROWS.set_axis([0] * len(ROWS))
    fit = fit_cox(same, "age + arm", **TIMES, strata="center", entry="entry")
    plain = fit_cox(ROWS, "age + arm", **TIMES, strata="center", entry="entry")
    np.testing.assert_array_equal(fit.coefficients, plain.coefficients)
    assert len(fit.augment(same)) == len(same)
    assert len(fit.predict(same)) == len(same)


def test_one_stratum_is_none_and_a_time_of_zero_is_a_time() -> None:
    plain = fit_cox(ROWS, "age", **TIMES)
    one = fit_cox(ROWS.assign(all="same"), "age", **TIMES, strata="all")
    np.testing.assert_array_equal(one.coefficients, plain.coefficients)
    assert (one.n_strata, one.n_informative_strata) == (1, 1)
    zero = ROWS.assign(days=ROWS["days"] - ROWS["days"].min())
    np.testing.assert_allclose(fit_cox(zero, "age", **TIMES).coefficients, plain.coefficients)


def test_all_censored_or_alike_among_the_events() -> None:
    failed(fit_cox(ROWS.assign(event=0), "age", **TIMES), "no events")
    only = ROWS.assign(arm=np.where(ROWS["event"] == 1, "cement", ROWS["arm"]))
    failed(fit := fit_cox(only, "arm", **TIMES), "monotone likelihood")
    assert "arm[T.sham]" in fit.reason
    constant = fit_cox(ROWS.assign(arm="cement"), "age + arm", **TIMES)
    assert "aliased" in codes(constant)


# ---- the kernel -------------------------------------------------------------------------------


def risk_sets(ties: str, n: int = 60) -> Any:
    rows = ROWS.head(n)
    X = np.column_stack([rows["age"], rows["arm"] == "sham", rows["age"] ** 2])
    return find_risk_sets(
        HazardRows(
            X - X.mean(axis=0),
            rows["days"].to_numpy(),
            (rows["event"] == 1).to_numpy(),
            np.where(rows["entry"] > 0, rows["entry"], -np.inf),
            pd.factorize(rows["center"])[0],
            rows["weight"].to_numpy(),
            rows["shift"].to_numpy(),
        ),
        ties,
    )


@pytest.mark.parametrize("ties", ["efron", "breslow"])
@pytest.mark.parametrize("make", [likelihood, penalised_likelihood])
def test_derivatives_equal_finite_differences(make: Any, ties: str) -> None:
    evaluate, beta, step = make(risk_sets(ties)), np.array([0.3, -0.4, 0.1]), 1e-5
    here = evaluate(beta)
    for j, unit in enumerate(np.eye(3) * step):
        up, down = evaluate(beta + unit), evaluate(beta - unit)
        assert here.score[j] == pytest.approx((up.value - down.value) / (2 * step), rel=1e-6)
        if make is likelihood:
            slope = (up.score - down.score) / (2 * step)
            np.testing.assert_allclose(here.information[j], -slope, rtol=1e-6, atol=1e-6)


def test_an_overflow_is_a_point_that_the_solver_leaves() -> None:
    for make in (likelihood, penalised_likelihood):
        assert make(risk_sets("efron"))(np.array([1e4, 0, 0])).value == -np.inf


def test_blocks_and_the_start_from_a_part_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = simulate(2000)
    whole = fit_cox(rows, "age + arm", **TIMES, entry="entry", cluster="patient_id")
    monkeypatch.setattr("vpstats.models.risksets.SCATTER", 128)
    monkeypatch.setattr("vpstats.models.hazards_search._SUBSAMPLE_FROM", 1000)
    parts = fit_cox(rows, "age + arm", **TIMES, entry="entry", cluster="patient_id")
    np.testing.assert_allclose(parts.coefficients, whole.coefficients, rtol=1e-7)
    np.testing.assert_allclose(parts.covariance, whole.covariance, rtol=1e-6)
    rare = rows.assign(event=(rows.index == 1).astype(int))
    assert fit_cox(rare, "age", **TIMES).status in ("monotone likelihood", "ok")


@pytest.mark.parametrize("page", ["cox", "fine-gray"])
def test_the_examples_of_the_pages_run(root: Path, page: str) -> None:
    text = (root / "docs" / "methods" / f"{page}.md").read_text("utf-8")
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert blocks
    for block in blocks:
        exec(block, {})  # the pages are ours
