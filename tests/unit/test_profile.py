"""Profile limits: the iteration, the search that stands behind it, and infinite limits."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import optimize, stats

from vpstats.models.binary import BinaryRows
from vpstats.models.firth import penalised_likelihood
from vpstats.models.newton import Evaluation, maximise
from vpstats.models.profile import (
    _newton_limit,
    _search_limit,
    constrained_maximum,
    profile_intervals,
    profile_limit,
    ratio_p_values,
)

SLOPES = [
    [2, -2, -1],
    [1, -2, 0],
    [1, 1, 2],
    [0, 0, 0],
    [2, -2, 0],
    [-2, 0, 2],
    [1, -1, 2],
    [1, 2, -2],
    [0, 2, 1],
]
OUTCOME = [0, 0, 0, 1, 0, 1, 0, 0, 0]
TARGET_DROP = stats.chi2.ppf(0.95, 1) / 2


def binomial(events: float, n: float):
    def evaluate(b: np.ndarray) -> Evaluation:
        p = 1 / (1 + np.exp(-b[0]))
        value = events * b[0] - n * np.logaddexp(0, b[0])
        return Evaluation(float(value), np.array([events - n * p]), np.array([[n * p * (1 - p)]]))

    return evaluate


def test_limits_of_one_proportion() -> None:
    evaluate = binomial(3, 10)
    found = maximise(evaluate, np.zeros(1))
    low, high = profile_intervals(evaluate, found, 0.95)

    def drop(b: float) -> float:
        return found.value - evaluate(np.array([b])).value - TARGET_DROP

    assert low[0] == pytest.approx(optimize.brentq(drop, -5, found.estimate[0]), abs=1e-9)
    assert high[0] == pytest.approx(optimize.brentq(drop, found.estimate[0], 5), abs=1e-9)


@pytest.mark.parametrize("side", [-1, 1])
def test_iteration_and_search_agree(side: int) -> None:
    rng = np.random.default_rng(2)
    X = np.column_stack([np.ones(40), rng.normal(size=(40, 2))])
    y = (rng.random(40) < 0.4).astype(float)

    def evaluate(b: np.ndarray) -> Evaluation:
        eta = X @ b
        p = 1 / (1 + np.exp(-eta))
        value = float(y @ eta - np.logaddexp(0, eta).sum())
        return Evaluation(value, X.T @ (y - p), X.T @ ((p * (1 - p))[:, None] * X))

    found = maximise(evaluate, np.zeros(3))
    target = found.value - TARGET_DROP
    for j in range(3):
        newton = _newton_limit(evaluate, found, j, target, side)
        search = _search_limit(evaluate, found, j, target, side)
        assert newton == pytest.approx(search, abs=1e-8)


def test_a_profile_that_levels_off_has_no_limit() -> None:
    # log-likelihood -(1 - exp(-b^2 / 2)): it never falls by more than 1
    def evaluate(b: np.ndarray) -> Evaluation:
        e = np.exp(-(b[0] ** 2) / 2)
        return Evaluation(float(e - 1), np.array([-b[0] * e]), np.eye(1))

    found = maximise(evaluate, np.array([0.5]))
    assert profile_limit(evaluate, found, 0, found.value - TARGET_DROP, 1) == np.inf
    assert profile_limit(evaluate, found, 0, found.value - TARGET_DROP, -1) == -np.inf


def test_constrained_maximum_and_p_values() -> None:
    evaluate = binomial(3, 10)
    found = maximise(evaluate, np.zeros(1))
    null = constrained_maximum(evaluate, found, np.array([True]))
    assert null.estimate[0] == 0.0
    assert null.value == pytest.approx(10 * np.log(0.5))
    # likelihood ratio of 3 in 10 against one half
    statistic = 2 * (3 * np.log(0.3) + 7 * np.log(0.7) - 10 * np.log(0.5))
    assert ratio_p_values(evaluate, found)[0] == pytest.approx(stats.chi2.sf(statistic, 1))


def test_a_limit_where_the_profile_has_two_maxima() -> None:
    # nine rows, four coefficients, Firth's penalty: at the lower limit of the third coefficient
    # the others have two maxima, and the iteration follows the smaller one
    X = np.column_stack([np.ones(9), np.array(SLOPES)])
    evaluate = penalised_likelihood(BinaryRows(X, 2.0 * np.array(OUTCOME) - 1))
    found = maximise(evaluate, np.zeros(4))
    target = found.value - TARGET_DROP

    def highest(value: float) -> float:
        rng = np.random.default_rng(0)
        starts = found.estimate + rng.normal(size=(20, 4))
        starts[:, 2] = value
        free = np.arange(4) != 2
        return max(maximise(evaluate, start, free=free).value for start in starts)

    followed = _newton_limit(evaluate, found, 2, target, -1)
    assert highest(followed) > target + 0.01
    limit = profile_limit(evaluate, found, 2, target, -1, concave=False)
    assert highest(limit) == pytest.approx(target, abs=1e-8)


def test_singular_information_on_the_way_leaves_it_to_the_search() -> None:
    # a parabola whose information is not known beyond 1.5
    def evaluate(b: np.ndarray) -> Evaluation:
        known = abs(float(b[0])) < 1.5
        return Evaluation(float(-(b[0] ** 2) / 2), -b, np.eye(1) * (1.0 if known else 0.0))

    found = maximise(evaluate, np.array([0.5]))
    assert _newton_limit(evaluate, found, 0, -TARGET_DROP, 1) is None
    limit = profile_limit(evaluate, found, 0, -TARGET_DROP, 1)
    assert limit == pytest.approx(np.sqrt(2 * TARGET_DROP))


def test_a_cliff_on_the_way_leaves_it_to_the_search() -> None:
    # a parabola that falls off, flat, at 1.5: the quadratic model there never meets the target
    def evaluate(b: np.ndarray) -> Evaluation:
        near = abs(float(b[0])) < 1.5
        return Evaluation(float(-(b[0] ** 2) / 2) if near else -100.0, -b * near, np.eye(1))

    found = maximise(evaluate, np.array([0.5]))
    assert _newton_limit(evaluate, found, 0, -TARGET_DROP, 1) is None
    assert profile_limit(evaluate, found, 0, -TARGET_DROP, 1) == pytest.approx(1.5)


def test_a_test_without_a_constrained_maximum_has_no_p_value() -> None:
    # a parabola in the first coefficient; the second has a maximum only where the first is near 1
    def evaluate(b: np.ndarray) -> Evaluation:
        bend = 1.0 if b[0] > 0.5 else 0.0
        value = -((b[0] - 1) ** 2) / 2 - bend * b[1] ** 2 / 2 + (1 - bend) * b[1]
        score = np.array([1 - b[0], -b[1] if bend else 1.0])
        return Evaluation(float(value), score, np.diag([1.0, bend]))

    found = maximise(evaluate, np.array([0.9, 0.1]))
    assert found.converged
    first, second = ratio_p_values(evaluate, found)
    assert np.isnan(first)
    assert second == 1.0
