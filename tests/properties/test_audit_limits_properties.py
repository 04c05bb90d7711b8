"""What holds for limits and judgements of any network of centers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats

from vpstats.centers.exact import poisson_binomial
from vpstats.centers.judge import Rules, judge
from vpstats.centers.limits import chance_of, control_limits, intervals
from vpstats.centers.sums import CenterSums, Risks, choose_centers

Vector = NDArray[np.float64]

RISK = st.floats(0.005, 0.995)


@st.composite
def row_risks(draw: Any, largest: int = 90) -> Vector:
    return np.array(draw(st.lists(RISK, min_size=1, max_size=largest)))


@st.composite
def networks(draw: Any, least: int = 1) -> CenterSums:
    """Centers of one to forty rows with risks, correlated rows and an uncertain benchmark."""
    parts = draw(st.lists(row_risks(40), min_size=least, max_size=6))
    k = len(parts)
    expected = np.array([p.sum() for p in parts])
    own = np.array([(p * (1 - p)).sum() for p in parts])
    effect = draw(st.sampled_from([1.0, 1.4]))
    error = draw(st.sampled_from([0.0, 0.02]))
    n = np.array([float(len(p)) for p in parts])
    share = np.array(draw(st.lists(st.floats(0, 1), min_size=k, max_size=k)))
    return CenterSums(
        centers=tuple(f"c{i}" for i in range(k)),
        unit="level",
        measure="proportion",
        n=n,
        n_patients=n,
        observed=np.round(share * n),
        expected=expected,
        variance=own * effect,
        design_effect=np.full(k, effect),
        benchmark_variance=error * expected,
        benchmark=0.2,
        risks=tuple(Risks(p, np.ones(len(p))) for p in parts),
    )


def mass_of(risks: Vector, n: int) -> Vector:
    first, log_mass = poisson_binomial(Risks(risks, np.ones(len(risks))))
    whole = np.zeros(n + 1)
    whole[first : first + len(log_mass)] = np.exp(log_mass)
    return whole


@given(row_risks())
def test_moments(risks: Vector) -> None:
    mass, counts = mass_of(risks, len(risks)), np.arange(len(risks) + 1)
    assert abs(mass.sum() - 1) < 1e-13
    assert abs(mass @ counts - risks.sum()) < 1e-11
    variance = np.sum(risks * (1 - risks))
    assert abs(mass @ (counts - risks.sum()) ** 2 - variance) < 1e-10


@given(row_risks())
def test_scipy_gives_the_same(risks: Vector) -> None:
    n = len(risks)
    theirs = stats.poisson_binom.pmf(np.arange(n + 1), risks)
    # theirs is a Fourier transform: equal up to its absolute rounding error
    np.testing.assert_allclose(mass_of(risks, n), theirs, rtol=0, atol=1e-13)


@given(row_risks(), st.randoms(use_true_random=False))
def test_order_does_not_matter_and_the_complement_mirrors(risks: Vector, chance: Any) -> None:
    n = len(risks)
    mass = mass_of(risks, n)
    shuffled = risks.copy()
    chance.shuffle(shuffled)
    np.testing.assert_allclose(mass_of(shuffled, n), mass, rtol=1e-11, atol=1e-100)
    np.testing.assert_allclose(mass_of(1 - risks, n)[::-1], mass, rtol=1e-10, atol=1e-100)


@given(row_risks(), row_risks())
def test_two_centers_together(one: Vector, other: Vector) -> None:
    n = len(one) + len(other)
    both = np.convolve(mass_of(one, len(one)), mass_of(other, len(other)))
    np.testing.assert_allclose(mass_of(np.append(one, other), n), both, rtol=1e-11, atol=1e-100)


@given(RISK, st.integers(1, 700))
def test_rows_of_one_risk_may_be_written_either_way(risk: float, n: int) -> None:
    first, log_mass = poisson_binomial(Risks(np.array([risk]), np.array([float(n)])))
    one = np.zeros(n + 1)
    one[first : first + len(log_mass)] = np.exp(log_mass)
    np.testing.assert_allclose(mass_of(np.full(n, risk), n), one, rtol=1e-10, atol=1e-100)


@settings(max_examples=25)
@given(networks())
def test_limits_and_intervals_nest(sums: CenterSums) -> None:
    chance = chance_of(sums)
    inner, outer = (control_limits(chance, a) for a in (0.025, 0.001))
    assert (outer[0] <= inner[0] + 1e-9).all()
    assert (outer[1] >= inner[1] - 1e-9).all()
    assert (outer[0] >= 0).all()
    assert (outer[1] <= sums.n + 1e-9).all()
    narrow, wide = (intervals(chance, sums.observed, level) for level in (0.8, 0.99))
    for low, high in (narrow, wide):
        assert (low <= sums.observed + 1e-9).all()
        assert (high >= sums.observed - 1e-9).all()
    assert (wide[0] <= narrow[0] + 1e-9).all()
    assert (wide[1] >= narrow[1] - 1e-9).all()


@settings(max_examples=10)
@given(networks())
def test_exact_tails_never_flag_more_than_mid_p(sums: CenterSums) -> None:
    exact, mid = (judge(sums, Rules(tail=t, min_expected=0)).table for t in ("exact", "mid-p"))
    order = {"": 0, "alert": 1, "alarm": 2}
    assert (exact["flag"].map(order) <= mid["flag"].map(order)).all()


@settings(max_examples=10)
@given(networks(), st.integers(0, 5))
def test_a_center_is_judged_by_its_own_sums_alone(sums: CenterSums, which: int) -> None:
    alone = np.arange(len(sums)) == which % len(sums)
    rules = Rules(min_expected=0)
    whole, one = judge(sums, rules).table[alone], judge(choose_centers(sums, alone), rules).table
    columns = ["o_e_low", "o_e_high", "z", "p_value", "alert_low", "alarm_high"]
    # the nodes of the mixture are those of the widest center: equal to its accuracy, not to bits
    np.testing.assert_allclose(
        whole[columns].to_numpy(float), one[columns].to_numpy(float), rtol=1e-6, atol=1e-7
    )


@settings(max_examples=25)
@given(networks())
def test_more_variance_widens_the_upper_limit(sums: CenterSums) -> None:
    plain = control_limits(chance_of(replace(sums, variance=sums.variance)), 0.001)[1]
    wide = control_limits(chance_of(replace(sums, variance=2 * sums.variance)), 0.001)[1]
    assert (wide >= plain - 1e-6).all()
