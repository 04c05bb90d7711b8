"""Tests of curves, differences, areas and numbers at risk on seven rows, with the algebra."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from vpstats.models.curve_tests import compare_curves
from vpstats.models.curves import cumulative_incidence, kaplan_meier
from vpstats.models.differences import compare_at
from vpstats.models.quantiles import follow_up
from vpstats.models.restricted import restricted_mean

ROUNDING = 1e-12
"""Sums and products of a few fractions."""

SEVEN = pd.DataFrame(
    {
        "days": [1, 2, 2, 4, 2, 3, 5],
        "died": [1, 1, 0, 1, 1, 1, 0],
        "event": [1, 1, 0, 2, 2, 1, 0],
        "arm": ["a", "a", "a", "a", "b", "b", "b"],
        "patient": ["p", "p", "q", "r", "q", "s", "s"],
    }
)
"""Deaths at 1 (a), 2 (one of each arm), 3 (b) and 4 (a)."""

TIMES = {"duration": "days", "event": "died", "by": "arm"}
CODED = {"duration": "days", "event": "event", "by": "arm"}

# at each time of death: at risk in a, at risk in both, deaths in a, deaths
Y_A = np.array([4, 3, 1, 1])
Y = np.array([7, 6, 3, 2])
D_A = np.array([1, 1, 0, 1])
D = np.array([1, 2, 1, 1])
WEIGHTS = {
    "logrank": np.ones(4),
    "gehan": Y,
    "tarone-ware": np.sqrt(Y),
    # a death more than there was in every risk set keeps the estimate above 0
    "peto": np.cumprod(1 - D / (Y + 1)),
}


@pytest.mark.parametrize("test", WEIGHTS)
def test_log_rank_tests_time_by_time(test: str) -> None:
    w = WEIGHTS[test]
    score = (w * (D_A - D * Y_A / Y)).sum()
    variance = (w**2 * D * Y_A / Y * (1 - Y_A / Y) * (Y - D) / (Y - 1)).sum()
    compared = compare_curves(SEVEN, **TIMES, test=test)
    assert compared.statistic == pytest.approx(score**2 / variance, rel=ROUNDING)
    assert compared.table["observed"].tolist()[0] == pytest.approx((w * D_A).sum())
    assert compared.table["expected"].tolist()[0] == pytest.approx((w * D * Y_A / Y).sum())
    assert (compared.table["n"].tolist(), compared.df) == ([4, 3], 1)


def test_fleming_and_harrington_weigh_by_the_survival_before() -> None:
    w = np.array([1, 6 / 7, 6 / 7 * 4 / 6, 6 / 7 * 4 / 6 * 2 / 3]) ** 0.5
    score = (w * (D_A - D * Y_A / Y)).sum()
    variance = (w**2 * D * Y_A / Y * (1 - Y_A / Y) * (Y - D) / (Y - 1)).sum()
    compared = compare_curves(SEVEN, **TIMES, rho=0.5)
    assert compared.statistic == pytest.approx(score**2 / variance, rel=ROUNDING)


def test_strata_are_compared_within_themselves() -> None:
    """The same rows twice: twice the score and twice the variance, so twice the statistic."""
    twice = pd.concat([SEVEN.assign(half=1), SEVEN.assign(half=2)])
    one = compare_curves(SEVEN, **TIMES).statistic
    assert compare_curves(twice, **TIMES, strata="half").statistic == pytest.approx(2 * one)


def test_the_cluster_robust_log_rank_sums_row_scores_by_patient() -> None:
    """A row's score is (z - share) at its own death, less the same at all it was at risk for."""
    share, hazard = Y_A / Y, D / Y
    scores = []
    for _, row in SEVEN.iterrows():
        z = float(row["arm"] == "a")
        passed = np.array([1, 2, 3, 4]) <= row["days"]
        own = np.array([1, 2, 3, 4]) == row["days"]
        scores.append(((own * row["died"] - passed * hazard) * (z - share)).sum())
    by_patient = pd.Series(scores).groupby(SEVEN["patient"]).sum()
    score = (D_A - D * Y_A / Y).sum()
    assert by_patient.sum() == pytest.approx(score, rel=ROUNDING)
    compared = compare_curves(SEVEN, **TIMES, cluster="patient")
    assert compared.statistic == pytest.approx(score**2 / (by_patient**2).sum(), rel=ROUNDING)


def test_gray_compares_subdistribution_hazards() -> None:
    """Events of the cause at 1 and 2 (a) and 3 (b); competing ones at 2 (b) and 4 (a).

    The number at risk of group k is ``R = Y (1 - F(t-)) / S(t-)``: at 1 everybody; at 2 in a
    3 (1 - 1/4) / (3/4) = 3, in b 3; at 3 in a Y = 1, F = 1/2 and S = 1/2, so 1 again, and in b
    Y = 2, F = 0 and S = 2/3, so 3: who died of something else is still counted.
    """
    R_a, R_b = np.array([4, 3, 1]), np.array([3, 3, 3])
    compared = compare_curves(SEVEN, **CODED, test="gray")
    expected = (R_a / (R_a + R_b)).sum()
    assert compared.table["observed"].tolist() == [2, 1]
    np.testing.assert_allclose(compared.table["expected"], [expected, 3 - expected], rtol=ROUNDING)


def test_gray_without_competing_events_has_the_scores_of_the_log_rank_test() -> None:
    gray = compare_curves(SEVEN, **TIMES, test="gray").table
    assert gray["observed"].tolist() == [3, 2]
    assert gray["expected"].iloc[0] == pytest.approx((D * Y_A / Y).sum(), rel=ROUNDING)


def test_a_permutation_counts_every_arrangement_of_whole_patients() -> None:
    """Four patients, two in each arm: six arrangements, of which some tie with the observed."""
    rows = pd.DataFrame(
        {
            "days": [1, 2, 3, 4, 5, 6, 7, 8],
            "died": [1, 1, 1, 1, 0, 0, 1, 0],
            "arm": list("aaaabbbb"),
            "patient": list("ppqqrrss"),
        }
    )
    compared = compare_curves(rows, **TIMES, cluster="patient", permutations=100)
    arrangements = ["aabb", "abab", "abba", "baab", "baba", "bbaa"]
    statistics = np.array([
        compare_curves(
            rows.assign(arm=[letter for letter in word for _ in range(2)]), **TIMES,
            cluster="patient",
        ).statistic
        for word in arrangements
    ])  # fmt: skip
    as_large = (statistics >= statistics[0] - 1e-9).sum()
    assert compared.permutations == 6
    assert compared.p_value == as_large / 6
    assert as_large == 2  # the mirror image of the observed one


def test_a_difference_counts_what_a_patient_adds_to_both_groups() -> None:
    """By day 3 the risk is 1/4 + 3/4 (1/3) = 1/2 in a and 2/3 (1/2) = 1/3 in b.

    With everybody at risk from the start the influence of a row on the incidence of a group is
    what its own event adds, S(t-)/Y, with the later share lost if it was another event, less the
    same as expected while at risk. In a: rows 1 and 2 have the event, row 3 is censored at 2, row
    4 lives on; S is 3/4 and then 1/2.
    """
    # hazards in a: 1/4 at 1, 1/3 at 2; moving them moves F(3) = 1 - (1 - h1)(1 - h2)
    d1, d2 = 1 - 1 / 3, 1 - 1 / 4
    a = [
        d1 * (1 - 1 / 4) / 4,
        -d1 * (1 / 4) / 4 + d2 * (1 - 1 / 3) / 3,
        -d1 * (1 / 4) / 4 - d2 * (1 / 3) / 3,
        -d1 * (1 / 4) / 4 - d2 * (1 / 3) / 3,
    ]
    # in b: a competing event at 2 with hazard 1/3, the event at 3 with hazard 1/2:
    # F(3) = (1 - g2) h3
    e2, e3 = -1 / 2, 2 / 3
    b = [
        e2 * (1 - 1 / 3) / 3,
        -e2 * (1 / 3) / 3 + e3 * (1 - 1 / 2) / 2,
        -e2 * (1 / 3) / 3 - e3 * (1 / 2) / 2,
    ]
    table = compare_at(SEVEN, **CODED, times=3, cluster="patient").tidy()
    np.testing.assert_allclose(
        table["estimate"], [1 / 2, 1 / 3, 1 / 3 - 1 / 2, 2 / 3], rtol=ROUNDING
    )
    sums = pd.DataFrame({"a": [*a, 0, 0, 0], "b": [0, 0, 0, 0, *b]}).groupby(SEVEN["patient"]).sum()
    errors = [
        np.sqrt((sums["a"] ** 2).sum()),
        np.sqrt((sums["b"] ** 2).sum()),
        np.sqrt(((sums["b"] - sums["a"]) ** 2).sum()),
        np.sqrt(((sums["b"] / (1 / 3) - sums["a"] / (1 / 2)) ** 2).sum()),  # of the logarithm
    ]
    np.testing.assert_allclose(table["std_error"], errors, rtol=1e-11)


def test_mean_time_and_time_lost_are_areas() -> None:
    """Group a up to day 4: free of events 1, 3/4, 1/2, 1/2 in the four days.

    One event of each later day takes its area: after the death at 1 the area left is
    3/4 + 1/2 + 1/2 = 7/4, after that at 2 it is 1/2 + 1/2.
    """
    rows = SEVEN[SEVEN["arm"] == "a"]
    table = restricted_mean(rows, duration="days", event="event", horizon=4).tidy()
    mean = 1 + 3 / 4 + 1 / 2 + 1 / 2
    lost = 0 + 1 / 4 + 1 / 2 + 1 / 2
    np.testing.assert_allclose(table["estimate"], [mean, lost, 0], rtol=ROUNDING)
    variance = (7 / 4) ** 2 / (4 * 3) + 1**2 / (3 * 2)
    assert table["std_error"].iloc[0] == pytest.approx(np.sqrt(variance), rel=ROUNDING)
    assert table["estimate"].sum() == pytest.approx(4)


def test_numbers_at_risk_in_both_conventions() -> None:
    rows = SEVEN.assign(entry=[0, 0, 0, 2, 0, 2, 0])
    curve = kaplan_meier(rows, duration="days", event="died", entry="entry")
    before, start = (curve.at_risk([0, 2, 5], convention=c) for c in ("before", "start"))
    # at 2 four of the five are left, of whom two die and one is lost while two others enter
    assert before["n_risk"].tolist() == [5, 4, 1]
    assert start["n_risk"].tolist() == [5, 3, 0]
    assert before["n_event"].tolist() == [0, 1, 5]
    assert start["n_event"].tolist() == [0, 3, 5]
    assert start["n_censor"].tolist() == [0, 1, 2]


def test_follow_up_is_censored_by_events() -> None:
    """Ends of observation at 2 (of 6 at risk) and 5 (of 1): 5/6, then 0."""
    curve = kaplan_meier(SEVEN, duration="days", event="event", reverse=True)
    steps = curve.steps.set_index("time")["estimate"]
    assert steps[2] == pytest.approx(5 / 6)
    assert steps[5] == 0
    table = follow_up(SEVEN, duration="days", event="event").tidy()
    assert table["estimate"].tolist() == [5]


def test_weights_that_are_whole_numbers_still_give_the_jackknife_to_an_incidence() -> None:
    """Two rows of weight 2 and 1, one event: F = 2/3, influences 2 (1/9) and 1 (-2/9)."""
    rows = pd.DataFrame({"days": [1, 2], "event": [1, 0], "w": [2, 1]})
    curve = cumulative_incidence(rows, duration="days", event="event", weights="w")
    assert curve.steps["estimate"].tolist() == pytest.approx([2 / 3, 2 / 3])
    expected = np.sqrt((2 * (1 / 9)) ** 2 + (1 * (-2 / 9)) ** 2)
    assert curve.steps["std_error"].iloc[0] == pytest.approx(expected)
