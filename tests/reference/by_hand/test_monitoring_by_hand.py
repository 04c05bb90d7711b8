"""Charts over time, worked by hand on a few rows."""

from __future__ import annotations

import itertools
from math import exp, log

import numpy as np
import pandas as pd
import pytest

from vpstats.centers.monitoring import (
    average_run_length,
    chart_order,
    cusum,
    cusum_limit,
    false_alarm_chance,
    learning_curve,
    survival_cusum,
    survival_limit,
    vlad,
)

# Weights for an odds ratio of 2: an event of risk p adds log 2 - log(1 + p), no event -log(1 + p).
# For 1/2: an event adds -log 2 - log(1 - p / 2), no event -log(1 - p / 2).
RISKS = [0.1, 0.2, 0.5, 0.1, 0.3, 0.2]
OUTCOMES = [1, 0, 1, 1, 0, 1]


def test_a_chart_for_worse_is_the_held_sum_of_its_weights() -> None:
    s1 = log(2 / 1.1)
    s2 = s1 - log(1.2)
    s3 = s2 + log(2 / 1.5)
    s4 = s3 + log(2 / 1.1)
    s5 = s4 - log(1.3)
    s6 = s5 + log(2 / 1.2)
    chart = cusum(OUTCOMES, RISKS, odds_ratio=2)
    np.testing.assert_allclose(chart.values, [s1, s2, s3, s4, s5, s6], atol=1e-14)
    assert len(chart.signals) == 0  # there is no limit


def test_a_chart_for_better_never_falls_below_zero() -> None:
    # event: log(1/2) - log(0.95) < 0, held at 0; then -log(0.9) = 0.105; an event of risk 1/2:
    # log(1/2) - log(0.75) = -0.405, so that 0.105 falls to 0; and so on
    chart = cusum(OUTCOMES, RISKS, odds_ratio=0.5)
    np.testing.assert_allclose(chart.values, [0, -log(0.9), 0, 0, -log(0.85), 0], atol=1e-14)


def test_a_chart_begins_anew_after_its_signal() -> None:
    # 0.598, 0.415, 0.703 reaches 0.7; anew from 0: 0.598, 0.335, 0.846 reaches it again
    chart = cusum(OUTCOMES, RISKS, odds_ratio=2, limit=0.7)
    again = log(2 / 1.1) - log(1.3)
    np.testing.assert_allclose(
        chart.values[3:], [log(2 / 1.1), again, again + log(2 / 1.2)], atol=1e-14
    )
    assert chart.signals.tolist() == [2, 5]


def test_a_head_start_is_a_share_of_the_limit_also_after_a_signal() -> None:
    # from 0.4: 0.998 reaches 0.8; from 0.4 again: 0.218, 0.505, 1.103 reaches it
    chart = cusum(OUTCOMES, RISKS, odds_ratio=2, limit=0.8, head_start=0.5)
    assert chart.signals.tolist() == [0, 3]
    np.testing.assert_allclose(chart.values[1], 0.4 - log(1.2), atol=1e-14)


def test_without_reset_a_chart_signals_when_it_comes_from_below() -> None:
    # 0.598, 0.415, 0.703 | 1.301, 1.039, 1.550: above 0.7 from the third row on, one signal
    chart = cusum(OUTCOMES, RISKS, odds_ratio=2, limit=0.7, reset=False)
    assert chart.signals.tolist() == [2]


def test_the_display_sums_expected_less_observed() -> None:
    expected = [0.1 - 1, 0.3 - 1, 0.8 - 2, 0.9 - 3, 1.2 - 3, 1.4 - 4]
    found = vlad(OUTCOMES, RISKS)
    np.testing.assert_allclose(found.values, expected, atol=1e-14)
    assert np.isnan(found.low).all()  # a variance of 0.99 is too little for normal limits
    assert "no signal rule" in found.note


def test_the_band_of_the_display_is_that_of_one_row() -> None:
    # 20 rows of risk 1/2 have variance 5
    found = vlad([0, 1] * 10, [0.5] * 20)
    assert np.isnan(found.high[18])
    assert found.high[19] == pytest.approx(1.959963984540054 * 5**0.5, abs=1e-12)


def test_a_limit_that_one_event_reaches_runs_for_one_event() -> None:
    # any event signals, so the run length is geometric: 1/p, and 1 - (1 - p)^n by row n
    assert average_run_length([0.1], 0.5) == pytest.approx(10, rel=1e-9)
    assert false_alarm_chance([0.1], 0.5, 7) == pytest.approx(1 - 0.9**7, rel=1e-9)


def test_a_limit_that_two_events_in_a_row_reach() -> None:
    # risk 1/2: an event adds log(4/3) = 0.288, none takes log(3/2) = 0.405; a limit of 0.5 needs
    # two events in a row, on average 1/p + 1/p^2 = 6 rows
    assert average_run_length([0.5], 0.5, states=1920) == pytest.approx(6, rel=2e-3)


def test_the_better_side_signals_after_enough_rows_without_event() -> None:
    # risk 1/2: no event adds -log(3/4) = 0.288, an event takes 0.405: two rows in a row without
    assert average_run_length([0.5], 0.5, odds_ratio=0.5, states=1920) == pytest.approx(6, rel=2e-3)


def enumerated(risks: list[float], limit: float, rows: int, odds_ratio: float) -> float:
    """Probability of a signal by the last row, over every course of `rows` rows."""
    total = 0.0
    for course in itertools.product(itertools.product(risks, (0, 1)), repeat=rows):
        chance, value, ended = 1.0, 0.0, False
        for p, y in course:
            chance *= (p if y else 1 - p) / len(risks)
            value = max(0.0, value + y * log(odds_ratio) - log(1 - p + odds_ratio * p))
            ended = ended or value >= limit
        total += chance * ended
    return total


@pytest.mark.parametrize("odds_ratio", [2.0, 0.5])
@pytest.mark.parametrize(("risks", "limit"), [([0.3, 0.45], 0.85), ([0.1, 0.6], 0.63)])
def test_the_chance_of_a_signal_is_that_of_every_course_together(
    risks: list[float], limit: float, odds_ratio: float
) -> None:
    # the chain reads between values of the chart; few courses of few rows show that most
    exact = enumerated(risks, limit, 6, odds_ratio)
    chain = false_alarm_chance(risks, limit, 6, odds_ratio=odds_ratio, states=960)
    assert chain == pytest.approx(exact, abs=0.004)


def test_rows_of_one_day_stand_by_risk_and_events_evenly_among_like_ones() -> None:
    days = ["2024-03-01"] * 6 + ["2024-02-01"]
    outcome, risk = [1, 0, 0, 1, 0, 0, 0], [0.2, 0.1, 0.2, 0.2, 0.2, 0.3, 0.9]
    # February first; risk 0.1; of four of risk 0.2 two are events: none, event, none, event
    assert chart_order(days, outcome, risk).tolist() == [6, 1, 2, 0, 4, 3, 5]


def test_a_survival_chart_takes_the_hazard_off_day_by_day() -> None:
    # hazard 0.1 a day on days 1 and 2 of a row with twice the hazard, an event on day 2; the
    # second row begins on that day and has its event, beyond the horizon, not counted
    chart = survival_cusum(
        ["2024-01-01", "2024-01-03"],
        [2, 9],
        [1, 1],
        relative=[2.0, 1.0],
        baseline=lambda day: 0.1 * day,
        horizon=2,
        as_of="2024-01-06",
        hazard_ratio=3.0,
    )
    assert chart.days["n_event"].tolist() == [0, 0, 1, 1, 1, 1]
    np.testing.assert_allclose(chart.days["expected"], [0, 0.2, 0.4, 0.5, 0.6, 0.6], atol=1e-14)
    third = log(3)
    np.testing.assert_allclose(
        chart.days["value"], [0, 0, third, third - 0.2, third - 0.4, third - 0.4], atol=1e-14
    )


def test_the_clock_of_expected_events_runs_for_one_event() -> None:
    # the first event of a Poisson process comes after 1 expected event on average, so 0.9 is too
    # short to ask for. A limit above log 2 needs a second event before the chart has fallen from
    # log 2 to 0, in log 2 expected events: (1 + mean wait at risk) / P(second in time), with
    # 1 - exp(-log 2) = 1/2 both for the wait, min(T, log 2), and for the probability: 3.
    # Between 1 and 3 there is nothing; who asks for 1.05 gets 3.
    assert survival_limit(2.0, in_control_events=0.9).status == "too rare"
    stepped = survival_limit(2.0, in_control_events=1.05)
    assert stepped.limit == pytest.approx(log(2), abs=0.02)
    assert stepped.run_length == pytest.approx(3, abs=0.05)
    found = survival_limit(2.0, in_control_events=(1 + 0.5) / 0.5)
    assert found.limit == pytest.approx(log(2), abs=0.02)


def test_the_limit_of_events_alone_is_the_shortest_run_length() -> None:
    refused = cusum_limit([0.001], in_control_run_length=500)
    assert refused.status == "too rare"
    assert np.isnan(refused.limit)
    assert refused.reason.endswith(".")


def test_bands_of_case_numbers_add_up() -> None:
    # four operators with 12 cases each, an event at the first three of each: 12 events among the
    # first ten, expected 12/48 of 40 = 10, none among the last two, expected 2
    rows = pd.DataFrame({"operator_id": np.repeat(list("abcd"), 12), "n": list(range(1, 13)) * 4})
    rows["leak"] = (rows["n"] <= 3).astype(int)
    rows.loc[[2, 16], "leak"] = [0, 1]  # one operator later, another with a fourth: no separation
    found = learning_curve(rows, sequence="n", outcome="leak", operators="clusters", knots=3)
    assert found.bands["observed"].tolist() == [12, 0]
    np.testing.assert_allclose(found.bands["expected"], [10, 2], rtol=1e-9)
    assert exp(0) == found.tidy()["estimate"].iloc[0]  # the reference, against itself
