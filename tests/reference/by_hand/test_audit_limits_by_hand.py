"""Limits of the center audit worked by hand: the algebra stands in the comments."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from vpstats.centers.dispersion import additive, estimate_dispersion
from vpstats.centers.exact import poisson_binomial
from vpstats.centers.judge import Rules, judge
from vpstats.centers.limits import (
    byar,
    chance_of,
    control_limits,
    intervals,
    read_tails,
    signed_scores,
    tail_functions,
)
from vpstats.centers.multiplicity import fdr
from vpstats.centers.sums import CenterSums, Risks
from vpstats.centers.winsorised import expected_square, sample_square, winsorise

Vector = NDArray[np.float64]


def three_patients(observed: float) -> CenterSums:
    """One center with three patients at risks of 1/2, 1/4 and 1/4."""
    one = np.ones(1)
    return CenterSums(
        centers=("A",),
        unit="patient",
        measure="proportion",
        n=3 * one,
        n_patients=3 * one,
        observed=observed * one,
        expected=one,  # 1/2 + 1/4 + 1/4
        variance=0.625 * one,  # 1/4 + 3/16 + 3/16
        design_effect=one,
        benchmark_variance=0 * one,
        benchmark=1 / 3,
        risks=(Risks(np.array([0.25, 0.5]), np.array([2.0, 1.0])),),
    )


# None: 1/2 · 3/4 · 3/4 = 9/32. One: 1/2 · 9/16 + 1/2 · (2 · 1/4 · 3/4) = 9/32 + 6/32 = 15/32.
# Two: 1/2 · 6/16 + 1/2 · 1/16 = 7/32. Three: 1/2 · 1/16 = 1/32.
MASS = np.array([9, 15, 7, 1]) / 32


def test_distribution() -> None:
    first, log_mass = poisson_binomial(three_patients(1).risks[0])
    assert first == 0
    np.testing.assert_allclose(np.exp(log_mass), MASS, rtol=1e-14)


@pytest.mark.parametrize(
    ("tail", "upper", "lower"),
    [
        # two were seen: at least two 8/32, more 1/32, at most two 31/32, fewer 24/32
        ("exact", 8 / 32, 31 / 32),
        ("mid-p", (8 - 3.5) / 32, (31 - 3.5) / 32),
        ("interpolated", 1 / 32, 31 / 32),
    ],
)
def test_tails(tail: Any, upper: float, lower: float) -> None:
    chance = chance_of(three_patients(2))
    functions = tail_functions(chance.mass(), tail)
    found = read_tails(chance.laws, functions, np.array([2.0]))
    np.testing.assert_allclose(np.ravel(found), [upper, lower], rtol=1e-13)


@pytest.mark.parametrize(
    ("tail", "alpha", "low", "high"),
    [
        # upper tails at 0, 1, 2, 3. exact: 32, 23, 8, 1 of 32; 4/32 lies between 2 and 3, at
        # (8 - 4) / (8 - 1) = 4/7. lower: 9, 24, 31, 32: already 9/32 at 0 is more: no limit
        ("exact", 4 / 32, 0.0, 2 + 4 / 7),
        # mid-p: upper 27.5, 15.5, 4.5, 0.5; 4/32 at 2 + 0.5/4. lower 4.5, 16.5, 27.5, 31.5
        ("mid-p", 4 / 32, 0.0, 2 + 0.5 / 4),
        ("mid-p", 10.5 / 32, 0.5, 1 + 5 / 11),
        # Spiegelhalter: F = 9, 24, 31, 32; 28/32 is reached at 2, 3/7 before it
        ("interpolated", 4 / 32, 0.0, 2 - 3 / 7),
        # all three would be no surprise: the limit is the number of rows
        ("exact", 0.5 / 32, 0.0, 3.0),
    ],
)
def test_control_limits(tail: Any, alpha: float, low: float, high: float) -> None:
    found = control_limits(chance_of(three_patients(2)), alpha, tail=tail)
    np.testing.assert_allclose(np.ravel(found), [low, high], atol=1e-13)


def test_interval_of_no_event_among_equal_risks() -> None:
    # (1 - p)^3 = 1/40 at the upper limit: 3 (1 - 40^(-1/3))
    sums = three_patients(0)
    equal = CenterSums(**{**vars(sums), "risks": (Risks(np.array([1 / 3]), np.array([3.0])),)})
    low, high = intervals(chance_of(equal), np.zeros(1))
    np.testing.assert_allclose([low[0], high[0]], [0, 3 * (1 - 40 ** (-1 / 3))], rtol=1e-12)


def test_interval_of_all_events() -> None:
    # odds of 1, 1/3 and 1/3 times w: P(3) = w/(1 + w) · (w/(3 + w))² = 1/40 at the lower limit
    # the cubic w³ · 40 = (1 + w)(3 + w)², 39 w³ - 7 w² - 15 w - 9 = 0
    w = float(np.max(np.real(np.roots([39, -7, -15, -9]))))
    low, high = intervals(chance_of(three_patients(3)), np.array([3.0]))
    np.testing.assert_allclose([low[0], high[0]], [w / (1 + w) + 2 * w / (3 + w), 3], rtol=1e-12)


def test_poisson_of_no_event() -> None:
    # exp(-m) = 1/40: m = log 40; Byar: (1 - 1/9 + z/3)^3
    sums = three_patients(0)
    chance = chance_of(sums, law="poisson")
    low, high = intervals(chance, np.zeros(1))
    np.testing.assert_allclose([low[0], high[0]], [0, np.log(40)], rtol=1e-12)
    z = stats.norm.isf(0.025)
    approximate = byar(np.zeros(1))
    np.testing.assert_allclose(np.ravel(approximate), [0, (8 / 9 + z / 3) ** 3], rtol=1e-14)


def test_mid_p_score_of_the_middle() -> None:
    # E = 0 and nothing seen: half of the only count lies above, half below: z = 0
    one = np.ones(1)
    zero = {"expected": 0 * one, "variance": 0 * one, "risks": (Risks(0 * one, 3 * one),)}
    sums = CenterSums(**{**vars(three_patients(0)), **zero})
    chance = chance_of(sums)
    z = signed_scores(*read_tails(chance.laws, tail_functions(chance.mass(), "mid-p"), 0 * one))
    assert z == 0


def test_winsorised_phi_and_tau() -> None:
    # z = -4, -1, 0, 1, 6: quantiles 0.1 and 0.9 lie 0.4 of the way into the outer gaps:
    # -4 + 0.4 · 3 = -2.8 and 1 + 0.6 · 5 = 4, so phi = (2.8² + 1 + 0 + 1 + 4²) / 5 = 5.168
    z = np.array([-4.0, -1.0, 0.0, 1.0, 6.0])
    np.testing.assert_allclose(winsorise(z, 0.1), [-2.8, -1, 0, 1, 4], atol=1e-14)
    # equal variances v: tau² = (k phi - (k - 1)) / (k/v - 1/v) = v (5 · 5.168 - 4) / 4
    assert additive(5.168, 5, np.full(5, 0.08)) == pytest.approx(np.sqrt(0.02 * 21.84), abs=1e-14)
    found = estimate_dispersion(z, np.full(5, 0.08))
    assert found.tau_raw == pytest.approx(np.sqrt(0.02 * 21.84), abs=1e-14)
    # under chance alone the expected square is 1 - 0.2 - 2 c phi(c) + 0.2 c², c = 1.2816
    c = stats.norm.isf(0.1)
    fair = 0.8 - 2 * c * stats.norm.pdf(c) + 0.2 * c**2
    assert expected_square(0.1) == pytest.approx(fair, abs=1e-15)
    # equal variances v: z / sqrt(1 + tau²/v) has the mean square 5.168 / (1 + tau²/v), which is
    # that of five standard normal values: tau² = v (5.168 / E - 1)
    wanted = sample_square(5, 0.1)
    assert found.tau == pytest.approx(np.sqrt(0.08 * (5.168 / wanted - 1)), rel=1e-10)
    assert found.statistic == 16 + 1 + 1 + 36
    assert np.isnan(found.phi)  # five centers


def test_a_center_is_held_against_the_tau_of_the_others() -> None:
    # not winsorised, equal variances v = 1: tau² of others = mean of their squares - 1
    z = np.array([3.0, 1.0, 2.0, 0.0])
    found = estimate_dispersion(z, np.ones(4), winsorised=0.0)
    others = [(1 + 4 + 0) / 3 - 1, (9 + 4 + 0) / 3 - 1, (9 + 1 + 0) / 3 - 1, (9 + 1 + 4) / 3 - 1]
    np.testing.assert_allclose(found.tau_others**2, others, rtol=1e-9)
    # var(tau²) = 2 (1 + tau²)² / 3 then, so that 2 (1 + tau²)² / var(tau²) = 3 degrees of freedom
    np.testing.assert_allclose(found.freedom, 3.0, rtol=1e-12)
    # and of a fifth center, whose variance by chance is 1 too, four
    np.testing.assert_allclose(found.freedom_at(np.ones(1)), 4.0, rtol=1e-12)


def test_winsorised_square_of_two_and_three_values() -> None:
    # of two values a < b the ends are 0.9 a + 0.1 b and 0.1 a + 0.9 b; E a² = E b² = 1, E ab = 0
    assert sample_square(2, 0.1) == pytest.approx(0.81 + 0.01, abs=1e-6)
    # of three a < b < c the ends lie at 0.8 a + 0.2 b: E a² = 1 + sqrt(3) / (2 pi),
    # E b² = 1 - sqrt(3) / pi, E ab = sqrt(3) / (2 pi), as tables of order statistics have them
    r = np.sqrt(3) / np.pi
    end = 0.64 * (1 + r / 2) + 0.04 * (1 - r) + 2 * 0.16 * r / 2
    assert sample_square(3, 0.1) == pytest.approx((2 * end + 1 - r) / 3, abs=1e-6)


def test_benjamini_and_hochberg() -> None:
    # sorted: 0.01 · 4/1 = 0.04, 0.02 · 4/2 = 0.04, 0.03 · 4/3 = 0.04, 0.5; BY times 25/12
    p = np.array([0.02, 0.5, 0.01, np.nan, 0.03])
    by_hand = np.array([0.04, 0.5, 0.04, np.nan, 0.04])
    np.testing.assert_allclose(fdr(p), by_hand)
    np.testing.assert_allclose(fdr(p, method="by"), np.minimum(1, by_hand * 25 / 12))


def test_the_table_of_one_center() -> None:
    (row,) = judge(three_patients(2), Rules(min_expected=1)).table.to_dict("records")
    assert row["o_e"] == 2
    assert row["rate"] == pytest.approx(2 / 3)
    assert row["adjusted_rate"] == pytest.approx(2 / 3)
    assert row["p_upper"] == pytest.approx(4.5 / 32)
    assert row["p_value"] == pytest.approx(9 / 32)
    assert row["z"] == pytest.approx(stats.norm.isf(4.5 / 32))
    assert not row["small"]
    assert row["flag"] == ""
