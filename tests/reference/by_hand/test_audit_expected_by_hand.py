"""Observed and expected of centers on a dozen rows, with the algebra."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from vpstats.centers.ascertainment import ascertainment
from vpstats.centers.casemix import case_mix
from vpstats.centers.clustering import center_variance, within_correlation
from vpstats.centers.expected import expected_proportion
from vpstats.centers.followup import followup_completeness
from vpstats.centers.incidence import expected_incidence
from vpstats.centers.volume import needed_volume, power
from vpstats.models.covariance import make_clusters

ROUNDING = 1e-9
"""Slopes and levels are searched to 1e-8 standard errors and better."""

TWO = pd.DataFrame(
    {
        "center_id": ["a"] * 8 + ["b"] * 4,
        "x": [0, 0, 0, 0, 1, 1, 1, 1, 0, 0, 0, 1],
        "leak": [1, 0, 0, 0, 1, 1, 0, 0, 1, 0, 0, 1],
    }
)
"""At a one of four leaks where x is 0 and two of four where it is 1."""


def test_with_one_other_center_expected_is_indirect_standardisation() -> None:
    # b has three rows of x = 0 and one of x = 1: 3 (1/4) + 1 (2/4)
    # ten events would be asked for a slope, so five rows of each kind are made of each
    five = pd.concat([TWO] * 5, ignore_index=True)
    sums = expected_proportion(five, outcome="leak", adjust=["x"]).sums
    assert sums.expected[1] == pytest.approx(5 * (3 / 4 + 2 / 4), abs=ROUNDING)
    # a's rates at x = 0 and 1 have variances 15 (1/4)^2 + 5 (3/4)^2 over 20^2 and 20 (1/2)^2 / 20^2
    of_0, of_1 = (15 / 16 + 5 * 9 / 16) / 400, 5 / 400
    by_hand = (15**2 * of_0 + 5**2 * of_1) * 40 / 39
    assert sums.benchmark_variance[1] == pytest.approx(by_hand, abs=ROUNDING)
    # b's rates: 1/3 at x = 0 and all at x = 1, which carry no information on how many more at a
    assert sums.observed.tolist() == [15.0, 10.0]


def test_without_adjustment_expected_is_the_rate_of_the_others() -> None:
    # a: others 2 of 4; b: others 3 of 8
    sums = expected_proportion(TWO, outcome="leak").sums
    np.testing.assert_allclose(sums.expected, [8 * 2 / 4, 4 * 3 / 8], atol=ROUNDING)
    # variance of n p given p; of the others' p: sum (y - p)^2 / N^2, times N / (N - 1)
    np.testing.assert_allclose(sums.variance, [8 / 4, 4 * 15 / 64], atol=ROUNDING)
    of_b, of_a = 4 / 4 / 4**2 * 4 / 3, (3 * 25 / 64 + 5 * 9 / 64) / 8**2 * 8 / 7
    np.testing.assert_allclose(sums.benchmark_variance, [8**2 * of_b, 4**2 * of_a], atol=ROUNDING)
    assert sums.benchmark == 5 / 12
    assert [(r.values.tolist(), r.counts.tolist()) for r in sums.risks] == [
        (pytest.approx([1 / 2]), [8.0]),
        (pytest.approx([3 / 8]), [4.0]),
    ]


def test_rates_are_standardised_either_way() -> None:
    rates = expected_proportion(TWO, outcome="leak").rates.set_index("center_id")
    # observed 3 over expected 4, times the network's 5/12; crude where nothing is adjusted
    assert rates.loc["a", "indirect"] == pytest.approx(3 / 4 * 5 / 12, abs=ROUNDING)
    assert rates.loc["a", "direct"] == pytest.approx(3 / 8, abs=ROUNDING)
    assert rates.loc["a", "std_error"] == pytest.approx(np.sqrt(15 / 64 / 8), abs=ROUNDING)


def test_rows_of_a_patient_are_correlated_by_all_pairs() -> None:
    # patients p (1, 1), q (1, 0), r (0), all with mean 1/2: products over ordered pairs of
    # different rows 2 (1/4) - 2 (1/4) = 0 for p and q together, so one more pair (0, 0) of s
    residual = np.array([1, 1, 1, -1, -1, -1, -1]) / 2
    patients = make_clusters(list("ppqqrss"))
    variance = np.full(7, 1 / 4)
    # pairs: p 2/4, q -2/4, s 2/4, over three patients with 2 pairs of 1/4 each
    correlation = within_correlation(residual, variance, patients)
    assert correlation == pytest.approx(1 / 3, abs=ROUNDING)
    # center 0 has p and q, 4 rows: 4/4 + 1/3 (2 + 2) / 4; center 1 has r and s: 3/4 + 1/3 (2/4)
    center = np.array([0, 0, 0, 0, 1, 1, 1])
    total, effect = center_variance(variance, center, 2, patients, correlation)
    np.testing.assert_allclose(total, [4 / 3, 11 / 12], atol=ROUNDING)
    np.testing.assert_allclose(effect, [4 / 3, 11 / 9], atol=ROUNDING)


TIMED = pd.DataFrame(
    {
        "center_id": list("aaabbbb"),
        "days": [2.0, 4, 6, 1, 3, 5, 8],
        "event": [1, 2, 0, 1, 1, 0, 1],
        "from": [0.0, 0, 3, 0, 0, 0, 0],
    }
)
"""Events of cause 1 at 2 (a) and at 1, 3 and 8 (b); a death at 4; one of a enters after 3."""


def test_expected_events_are_sums_of_the_others_cumulative_hazards() -> None:
    sums = expected_incidence(TIMED, duration="days", event="event", entry="from", horizon=6).sums
    # b's hazard: 1/4 at 1, 1/3 at 3; the event at 8 is beyond the horizon. Rows of a: until 2 1/4,
    # until 4 1/4 + 1/3, from after 3 until 6 nothing
    # a's hazard: 1/2 at 2, where two were at risk; rows of b that pass 2: three
    np.testing.assert_allclose(sums.expected, [1 / 4 + 7 / 12, 3 / 2], atol=ROUNDING)
    assert sums.observed.tolist() == [1.0, 2.0]


def test_variance_of_the_others_cumulative_hazard() -> None:
    sums = expected_incidence(TIMED, duration="days", event="event", entry="from", horizon=6).sums
    # expected at b is 3 H(2) of a; each row of a moves H(2) by (its event - 1/2) / 2: the first by
    # 1/4, the second by -1/4, the third, not yet at risk, by nothing. Three patients: times 3/2
    assert sums.benchmark_variance[1] == pytest.approx(9 * 2 / 16 * 3 / 2, abs=ROUNDING)


def test_incidence_at_the_horizon_is_aalen_johansens() -> None:
    rows = TIMED.drop(columns="from")
    found = expected_incidence(rows, duration="days", event="event", horizon=6)
    # b: 1/4 at 1, then 3/4 times 1/3 at 3
    assert found.rates.loc[1, "crude"] == pytest.approx(1 / 4 + 3 / 4 / 3, abs=ROUNDING)


def test_clark_s_completeness() -> None:
    rows = pd.DataFrame(
        {
            "center_id": list("aaab"),
            "days": [30, 90, 20, 60],
            "event": [0, 0, 1, 0],
            "due": [60, 400, 90, 60],
        }
    )
    found = followup_completeness(
        rows, duration="days", event="event", potential="due", horizon=90
    ).set_index("center_id")
    # a: 30 of 60, 90 of 90, and 20 of 20 since an event completes it
    assert found.loc["a", "followup_completeness"] == pytest.approx(140 / 170)
    assert found.loc["b", "followup_completeness"] == 1.0


def test_standardised_differences_to_the_rest() -> None:
    rows = pd.DataFrame(
        {"center_id": list("aabb"), "age": [70.0, 80, 60, 70], "sex": ["f", "f", "f", "m"]}
    )
    found = case_mix(rows, ["age", "sex"]).set_index(["center_id", "variable", "level"])["smd"]
    # means 75 and 65, both variances 50; shares 1 and 1/2, variances 0 and 1/4
    assert found["a", "age", ""] == pytest.approx(10 / np.sqrt(50))
    assert found["a", "sex", "f"] == pytest.approx((1 / 2) / np.sqrt(1 / 8))


def test_power_of_five_rows() -> None:
    # P(X >= 4 | 5, 1/5) = 5 (1/5)^4 (4/5) + (1/5)^5 = 21/3125 <= 0.025 < P(X >= 3) = 181/3125
    # at odds 1/2, risk 1/3: P(X >= 4) = 5 (1/3)^4 (2/3) + (1/3)^5 = 11/243
    assert power(5, 0.2, 2.0, 0.95, tail="exact") == pytest.approx(11 / 243)
    # of 3 events half counts: 21/3125 + 80/3125 = 0.0323, still more than 0.025
    assert power(5, 0.2, 2.0, 0.95, tail="mid-p") == pytest.approx(11 / 243)


def test_needed_volume_is_where_power_stays() -> None:
    wanted = needed_volume(0.2, 2.0, 0.05, 0.8)
    later = [power(n, 0.2, 2.0, 0.95) for n in range(int(wanted), 400)]
    assert min(later) >= 0.8 > power(int(wanted) - 1, 0.2, 2.0, 0.95)


def test_bounds_count_rows_that_nobody_examined() -> None:
    rows = pd.DataFrame(
        {
            "center_id": ["a"] * 40 + ["b"] * 40,
            "leak": [1.0, 0, 0, 0] * 10 + [1.0, 0, None, None] * 10,
            "why": ["routine"] * 40 + ["suspicion", "routine", None, None] * 10,
        }
    )
    found = ascertainment(rows, outcome="leak", reason="why")
    table = found.table.set_index("center_id")
    # b: ten leaks, all on suspicion; twenty rows not examined, at a's routine rate of 1/4
    assert table.loc["b", "bound_low"] == pytest.approx(10 / 40)
    assert table.loc["b", "bound_high"] == pytest.approx((10 + 20 / 4) / 40)
    # routine rows alone: 0 of 10 at b, where 10 (1/4) were expected
    assert found.main.sums.observed.tolist() == [10.0, 0.0]
    np.testing.assert_allclose(found.main.sums.expected[1], 2.5)
