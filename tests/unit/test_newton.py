"""The solver: where it stops, what it says, and what it does when there is no maximum."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit

from vpstats.models.newton import Evaluation, invert, maximise


def quadratic(centre: np.ndarray, curvature: np.ndarray):
    def evaluate(point: np.ndarray) -> Evaluation:
        apart = point - centre
        return Evaluation(float(-apart @ curvature @ apart / 2), -curvature @ apart, curvature)

    return evaluate


def binomial(events: float, n: float):
    """Log-likelihood of the log odds; its maximum is log(events / (n - events))."""

    def evaluate(b: np.ndarray) -> Evaluation:
        p = expit(b[0])
        value = events * b[0] - n * np.logaddexp(0, b[0])
        return Evaluation(float(value), np.array([events - n * p]), np.array([[n * p * (1 - p)]]))

    return evaluate


CURVATURE = np.array([[2.0, 0.5], [0.5, 1.0]])


def test_a_parabola_takes_one_step() -> None:
    centre = np.array([1.0, -2.0])
    found = maximise(quadratic(centre, CURVATURE), np.zeros(2))
    assert found.converged
    assert found.iterations == 1
    np.testing.assert_allclose(found.estimate, centre, rtol=1e-14)
    np.testing.assert_allclose(found.covariance, np.linalg.inv(CURVATURE), rtol=1e-14)


@pytest.mark.parametrize("start", [-12.0, -3.0, 0.0, 5.0, 12.0])
def test_steps_are_halved_until_the_value_rises(start: float) -> None:
    found = maximise(binomial(3, 10), np.array([start]))
    assert found.converged
    assert found.estimate[0] == pytest.approx(np.log(3 / 7), abs=1e-12)


def test_fixed_coordinates_stay() -> None:
    found = maximise(
        quadratic(np.array([1.0, -2.0]), CURVATURE),
        np.array([0.0, 1.0]),
        free=np.array([True, False]),
    )
    # the maximum over the first alone: 1 - 0.5 (1 + 2) / 2
    np.testing.assert_allclose(found.estimate, [0.25, 1.0], rtol=1e-14)
    assert found.converged


def test_nothing_to_move() -> None:
    found = maximise(binomial(3, 10), np.zeros(1), free=np.array([False]))
    assert found.converged
    assert found.iterations == 0
    assert maximise(quadratic(np.zeros(0), np.zeros((0, 0))), np.zeros(0)).converged


def test_no_maximum() -> None:
    found = maximise(binomial(10, 10), np.zeros(1))
    assert not found.converged


def test_singular_information() -> None:
    found = maximise(quadratic(np.ones(2), np.ones((2, 2))), np.zeros(2))
    assert not found.converged
    assert found.decrement == np.inf
    assert np.isnan(found.covariance).all()


def test_values_that_are_not_finite() -> None:
    def evaluate(point: np.ndarray) -> Evaluation:
        return Evaluation(float("nan"), np.ones(1), np.eye(1))

    assert not maximise(evaluate, np.zeros(1)).converged

    def broken(point: np.ndarray) -> Evaluation:
        return Evaluation(0.0, np.ones(1), np.full((1, 1), np.nan))

    assert not maximise(broken, np.zeros(1)).converged

    def lost(point: np.ndarray) -> Evaluation:
        return Evaluation(-np.inf, np.full(1, np.nan), np.eye(1))

    assert not maximise(lost, np.zeros(1)).converged


def test_the_limit_on_steps() -> None:
    assert not maximise(binomial(3, 10), np.array([8.0]), max_iterations=1).converged


def test_rounding_at_the_top_counts_as_converged() -> None:
    def evaluate(point: np.ndarray) -> Evaluation:
        # falls by more than the slack at every step although the decrement is tiny
        return Evaluation(-1e6 * abs(float(point[0])), np.array([1e-6]), np.eye(1))

    found = maximise(evaluate, np.zeros(1))
    assert found.converged
    assert found.decrement == pytest.approx(1e-12)


def test_the_start_is_not_touched() -> None:
    start = np.zeros(1)
    maximise(binomial(3, 10), start)
    assert start[0] == 0.0


def test_inverse() -> None:
    inverse = invert(CURVATURE)
    np.testing.assert_allclose(inverse @ CURVATURE, np.eye(2), atol=1e-15)
    np.testing.assert_array_equal(inverse, inverse.T)
    assert np.isnan(invert(-CURVATURE)).all()
    assert invert(np.zeros((0, 0))).shape == (0, 0)
    assert np.isnan(invert(np.eye(2) * 5e-324)).all()  # its inverse overflows


def test_a_score_that_is_rounding_is_a_maximum() -> None:
    # with columns of very different scale what is left of the score at the maximum may stay above
    # the tolerance, step after step
    calls = []

    def evaluate(b: np.ndarray) -> Evaluation:
        calls.append(b)
        score = -(b - 1.0) if abs(b[0] - 1.0) > 1e-6 else np.array([2e-8 * (-1) ** len(calls)])
        return Evaluation(-0.5 * float(b[0] - 1.0) ** 2, score, np.eye(1))

    found = maximise(evaluate, np.zeros(1))
    assert found.converged
    assert found.decrement == pytest.approx(4e-16)
    assert len(calls) < 10


def test_a_solver_that_gets_nowhere_has_not_converged() -> None:
    def evaluate(b: np.ndarray) -> Evaluation:
        return Evaluation(float(b[0]), np.ones(1), np.eye(1))  # rises for ever

    assert not maximise(evaluate, np.zeros(1), max_iterations=5).converged
