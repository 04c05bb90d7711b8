"""Maximisation of a smooth log-likelihood of few parameters from its gradient alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]
Gradient = Callable[[Vector], tuple[float, Vector]]

_RISE = 1e-4
"""Share of the rise that a straight line promises which a step must keep (Armijo)."""
_MAX_HALVINGS = 30
_SHARE_OF_ERROR = 1e-3
"""Step of a numerical derivative in standard errors: small enough that third derivatives do not
matter, large enough that rounding does not."""


@dataclass(frozen=True, slots=True)
class Summit:
    """Where a search stopped.

    Parameters
    ----------
    point, gradient : ndarray, shape (k,)
    value : float
    inverse : ndarray, shape (k, k)
        Inverse information as the search has learnt it.
    iterations : int
    decrement : float
        ``gradient' inverse gradient``: the squared distance to the maximum in standard errors.
    start_decrement : float
        The same where the search began.
    """

    point: Vector
    gradient: Vector
    value: float
    inverse: Matrix
    iterations: int
    decrement: float
    start_decrement: float


def climb(
    evaluate: Gradient,
    start: Vector,
    inverse: Matrix,
    *,
    tolerance: float,
    max_iterations: int = 200,
    inside: Callable[[Vector], bool] | None = None,
    learn: bool = True,
    known: tuple[float, Vector] | None = None,
) -> Summit:
    """Climb by quasi-Newton steps (Broyden, Fletcher, Goldfarb, Shanno).

    Parameters
    ----------
    evaluate : callable
        Point, shape (k,), to value and gradient.
    start : ndarray, shape (k,)
        Where to begin.
    inverse : ndarray, shape (k, k)
        First guess of the inverse information, positive definite.
    tolerance : float
        Decrement at which to stop.
    max_iterations : int
        Limit.
    inside : callable, optional
        Whether to go on from a point; the search stops where it says no.
    learn : bool
        Update the inverse; otherwise it stays as given.
    known : tuple of float and ndarray, optional
        Value and gradient at the start.

    Returns
    -------
    Summit
        Nothing is raised; look at the decrement.

    References
    ----------
    Nocedal J, Wright SJ. Numerical Optimization. Springer, 2006; chapter 6.
    """
    point, iterations = np.array(start, dtype=float), 0
    value, gradient = evaluate(point) if known is None else known
    decrement = begun = float(gradient @ inverse @ gradient)
    while tolerance < decrement < np.inf and iterations < max_iterations:
        moved = _rise(evaluate, point, value, inverse @ gradient, decrement)
        if moved is None:
            break
        there, value, slope = moved
        if learn:
            inverse = _learn(inverse, there - point, gradient - slope)
        point, gradient = there, slope
        decrement = float(gradient @ inverse @ gradient)
        iterations += 1
        if inside is not None and not inside(point):
            break
    return Summit(point, gradient, value, inverse, iterations, decrement, begun)


def _rise(
    evaluate: Gradient, point: Vector, value: float, step: Vector, decrement: float
) -> tuple[Vector, float, Vector] | None:
    """The first of step, step/2, … that rises enough; None if none does."""
    slack = 1e-12 * (1.0 + abs(value))  # rounding of a sum of many terms
    for halving in range(_MAX_HALVINGS):
        share = 0.5**halving
        there = point + share * step
        high, slope = evaluate(there)
        if np.isfinite(high) and high >= value + _RISE * share * decrement - slack:
            return there, high, slope
    return None


def _learn(inverse: Matrix, step: Vector, fall: Vector) -> Matrix:
    """The inverse that explains how the gradient fell along a step."""
    curvature = float(step @ fall)
    if curvature <= 1e-12 * float(np.linalg.norm(step) * np.linalg.norm(fall)):
        return inverse
    along = inverse @ fall
    grown = (1 + float(fall @ along) / curvature) / curvature * np.outer(step, step)
    crossed = np.outer(along, step) / curvature
    return np.asarray(inverse + grown - crossed - crossed.T)


def differences(
    evaluate: Gradient, point: Vector, errors: Vector, positions: NDArray[np.intp]
) -> Matrix:
    """Columns of minus the second derivative, by central differences of the gradient.

    Parameters
    ----------
    evaluate : callable
        Point, shape (k,), to value and gradient.
    point : ndarray, shape (k,)
        Where.
    errors : ndarray, shape (k,)
        Standard errors, as scale of the steps.
    positions : ndarray of int, shape (m,)
        Coordinates to move along.

    Returns
    -------
    ndarray, shape (k, m)
    """
    columns = []
    for j in positions:
        step = np.zeros(len(point))
        step[j] = _SHARE_OF_ERROR * errors[j]
        ahead, behind = evaluate(point + step)[1], evaluate(point - step)[1]
        columns.append((behind - ahead) / (2 * step[j]))
    return np.column_stack(columns)
