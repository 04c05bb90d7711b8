"""Profile limits: the iteration, the search that stands behind it, and infinite limits."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import optimize, stats

from vpstats.models.newton import Evaluation, maximise
from vpstats.models.profile import (
    _newton_limit,
    _search_limit,
    constrained_maximum,
    profile_intervals,
    profile_limit,
    ratio_p_values,
)

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
