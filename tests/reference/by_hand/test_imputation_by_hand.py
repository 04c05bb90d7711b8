"""Imputation by hand: hazards as predictors, donors, draws and pooling of a handful of rows."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from vpstats.frames import Frame, Imputations
from vpstats.models.clip import Profile, tails
from vpstats.models.followup import read_follow_up
from vpstats.models.imputation import impute
from vpstats.models.imputation.categories import (
    augment,
    category_chances,
    fit_categories,
)
from vpstats.models.imputation.lines import match
from vpstats.models.imputation.outcomes import Outcomes, cumulative_hazard, read_hazards
from vpstats.models.logistic import fit_logistic
from vpstats.models.newton import Evaluation, maximise


def test_cumulative_hazards_of_two_causes() -> None:
    # at risk: 6 on day 1, 5 on day 2, 4 on day 3 (two events of cause 1), 2 on day 4, 1 on day 5
    rows = pd.DataFrame({"days": [1, 2, 3, 3, 4, 5], "event": [1, 2, 1, 1, 2, 0]})
    frame = Frame(rows, unit="row")
    follow_up = read_follow_up(frame, duration="days", event="event")
    first, second = 1 / 6, 1 / 6 + 2 / 4
    np.testing.assert_allclose(
        cumulative_hazard(follow_up, 1), [first, first, second, second, second, second]
    )
    np.testing.assert_allclose(
        cumulative_hazard(follow_up, 2), [0, 1 / 5, 1 / 5, 1 / 5, 1 / 5 + 1 / 2, 1 / 5 + 1 / 2]
    )
    variables, kept = read_hazards(frame, Outcomes((), "days", "event"))
    assert [v.name for v in variables] == [
        "event = 1", "cumulative hazard of 1", "event = 2", "cumulative hazard of 2",
    ]  # fmt: skip
    assert variables[0].values.tolist() == [1, 0, 1, 1, 0, 0]
    assert kept.tolist() == [0, 1, 2, 3, 4, 5]


def test_a_late_entry_has_the_hazard_since_then() -> None:
    # at risk: 2 on day 1 (the third row enters after day 1), 2 on day 2, 1 on day 3
    rows = pd.DataFrame({"from": [0, 0, 1], "days": [1, 3, 2], "event": [1, 1, 1]})
    follow_up = read_follow_up(
        Frame(rows, unit="row"), duration="days", event="event", entry="from"
    )
    whole = 1 / 2 + 1 / 2 + 1
    np.testing.assert_allclose(cumulative_hazard(follow_up, 1), [1 / 2, whole, 1 / 2])


def test_nearest_donors_of_six() -> None:
    donors = np.array([0.0, 1.0, 2.0, 4.0, 8.0, 16.0])
    rng = np.random.default_rng(1)
    drawn = {float(w): set() for w in (-5.0, 3.1, 7.0, 99.0)}
    for _ in range(200):
        for wanted, found in drawn.items():
            found.update(match(donors, np.array([wanted]), rng, count=3).tolist())
    # 3.1: distances 3.1, 2.1, 1.1, 0.9, 4.9, 12.9; 7: 7, 6, 5, 3, 1, 9
    assert drawn == {-5.0: {0, 1, 2}, 3.1: {1, 2, 3}, 7.0: {2, 3, 4}, 99.0: {3, 4, 5}}


def test_added_rows_of_a_separated_table() -> None:
    # x = -1, -1, -1 without and 1, 1, 1 with the event: mean 0, standard deviation 1. One
    # predictor and two categories: four rows at -1 and 1, together of weight 2, so 1/2 each.
    X = np.column_stack([np.ones(6), [-1, -1, -1, 1, 1, 1]])
    sample = augment(X, np.array([0, 0, 0, 1, 1, 1]), 2)
    np.testing.assert_allclose(sample.X[6:], [[1, 1], [1, 1], [1, -1], [1, -1]])
    assert sample.codes[6:].tolist() == [0, 1, 0, 1]
    assert sample.weights[6:].tolist() == [0.5] * 4
    # at x = 1 the odds are (3 + 1/2) to 1/2 = 7, at x = -1 one to 7: the slope is log 7
    for method in ("logistic", "multinomial", "ordinal"):
        found = fit_categories(sample, method, None)
        chances = category_chances(np.array([[1.0, 1.0]]), found.estimate, method, 2)
        assert chances[0, 1] == pytest.approx(7 / 8)
    assert fit_categories(sample, "logistic", None).estimate == pytest.approx([0, np.log(7)])


def test_three_categories_without_a_predictor() -> None:
    # 3, 2 and 1 rows, and a third of a row added to each: 10/3, 7/3 and 4/3 of 7
    codes = np.array([0, 0, 0, 1, 1, 2])
    sample = augment(np.ones((6, 1)), codes, 3)
    multinomial = fit_categories(sample, "multinomial", None).estimate
    np.testing.assert_allclose(multinomial, np.log([7 / 10, 4 / 10]), atol=1e-4)
    cuts = fit_categories(sample, "ordinal", None).estimate
    np.testing.assert_allclose(cuts, np.log([10 / 11, 17 / 4]), atol=1e-4)


def test_a_variable_that_its_patient_determines() -> None:
    # both rows of b lack the value, one row of a does; the donors are the two known patients
    rows = pd.DataFrame(
        {
            "patient_id": ["a", "a", "b", "b", "c", "c"],
            "age": [60.0, np.nan, np.nan, np.nan, 80.0, 80.0],
            "leak": [0, 1, 1, 0, 1, 0],
        }
    )
    frame = Frame(rows, unit="level", cluster="patient_id", outcome="leak")
    done = impute(frame, m=20, iterations=2, seed=1)
    for completed in done:
        age = completed.data["age"].tolist()
        assert age[:2] == [60, 60]
        assert age[4:] == [80, 80]
        assert age[2] == age[3]
        assert age[2] in (60, 80)
    assert {frame.data["age"][2] for frame in done} == {60.0, 80.0}
    assert done.traces.tidy()[["unit", "n_imputed"]].iloc[0].tolist() == ["patient", 3]


def test_pooled_odds_ratio_of_two_tables() -> None:
    # two completed data sets of eight rows, 3:1 against 1:3 (log odds ratio 2 log 3, variance
    # 2 (1/3 + 1)) and 3:1 against 2:2 (log 3, variance 1/3 + 1 + 1/2 + 1/2)
    first = pd.DataFrame({"leak": [1, 1, 1, 0, 1, 0, 0, 0], "high": [1, 1, 1, 1, 0, 0, 0, 0]})
    second = first.assign(leak=[1, 1, 1, 0, 1, 1, 0, 0])
    both = Imputations((Frame(first, unit="row"), Frame(second, unit="row")))
    fit = fit_logistic(both, "leak ~ high")
    values = np.array([2 * np.log(3), np.log(3)])
    within, between = np.mean([8 / 3, 7 / 3]), values.var(ddof=1)
    total = within + 1.5 * between
    row = fit.tidy().iloc[1]
    assert row["estimate"] == pytest.approx(values.mean(), rel=1e-9)
    assert row["std_error"] == pytest.approx(np.sqrt(total), rel=1e-9)
    increase = 1.5 * between / within
    df = (1 + 1 / increase) ** 2  # m - 1 = 1
    assert np.asarray(fit.df)[1] == pytest.approx(df, rel=1e-9)
    assert row["conf_high"] == pytest.approx(
        values.mean() + stats.t.ppf(0.975, df) * np.sqrt(total), rel=1e-9
    )
    told = fit.missing_information().iloc[1]
    assert told["relative_increase"] == pytest.approx(increase, rel=1e-9)
    assert told["missing_information"] == pytest.approx(
        (increase + 2 / (df + 3)) / (1 + increase), rel=1e-9
    )


def test_combined_profile_of_two_normal_likelihoods() -> None:
    # log-likelihoods -(b - 0)^2 / 2 and -(b - 1)^2 / 2: signed roots b and b - 1, so the combined
    # distribution is the mean of two normal ones, with median 1/2
    def normal(centre: float) -> Profile:
        def evaluate(b: np.ndarray) -> Evaluation:
            return Evaluation(-float((b[0] - centre) ** 2) / 2, centre - b, np.eye(1))

        return Profile(evaluate, maximise(evaluate, np.zeros(1)))

    both = [normal(0.0), normal(1.0)]
    assert tails(both, 0, 0.5)[0] == pytest.approx(0.5)
    below, above = tails(both, 0, 2.0)
    assert below == pytest.approx((stats.norm.cdf(2) + stats.norm.cdf(1)) / 2)
    assert above == pytest.approx(1 - below)
