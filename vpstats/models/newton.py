"""One damped Newton solver for every likelihood of the package."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import linalg
from scipy.linalg import lapack

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]
Mask = NDArray[np.bool_]

TOLERANCE = 1e-16
"""Largest squared Newton decrement at a maximum. Its root is the distance to the maximum in
standard errors, here 1e-8: two orders below the 1e-6 standard errors that results are held to."""
_SETTLED = 1e-11
"""Decrement that counts as converged when rounding keeps the value from rising any further."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A log-likelihood at a point.

    Parameters
    ----------
    value : float
        Log-likelihood, with the penalty if there is one.
    score : ndarray, shape (p,)
        Its gradient.
    information : ndarray, shape (p, p)
        Minus its second derivative, or the expected value of that.
    """

    value: float
    score: Vector
    information: Matrix


@dataclass(frozen=True, slots=True)
class Evaluations:
    """A log-likelihood at k points.

    Parameters
    ----------
    values : ndarray, shape (k,)
        Log-likelihoods, with the penalty if there is one.
    scores : ndarray, shape (k, p)
        Their gradients.
    covariances : ndarray, shape (k, p, p)
        Inverses of the information; NaN where it is singular.
    """

    values: Vector
    scores: Matrix
    covariances: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Solution:
    """Where the solver stopped.

    Parameters
    ----------
    estimate : ndarray, shape (p,)
        The point; everything below was evaluated there.
    value : float
        Log-likelihood.
    score : ndarray, shape (p,)
        Gradient.
    information : ndarray, shape (p, p)
        Information.
    iterations : int
        Newton steps taken.
    converged : bool
        Whether the squared Newton decrement is below the tolerance.
    decrement : float
        Squared Newton decrement, ``score' information^-1 score``; infinite if singular.
    """

    estimate: Vector
    value: float
    score: Vector
    information: Matrix
    iterations: int
    converged: bool
    decrement: float

    @property
    def covariance(self) -> Matrix:
        """Inverse of the information, shape (p, p); NaN if it is singular."""
        return invert(self.information)


def maximise(
    evaluate: Callable[[Vector], Evaluation],
    start: Vector,
    *,
    free: Mask | None = None,
    max_iterations: int = 60,
    tolerance: float = TOLERANCE,
    max_halvings: int = 30,
) -> Solution:
    """Climb to the maximum of a log-likelihood by Newton steps, halved until the value rises.

    Parameters
    ----------
    evaluate : callable
        Point, shape (p,), to `Evaluation`.
    start : ndarray, shape (p,)
        Where to begin; unchanged.
    free : ndarray of bool, shape (p,), optional
        Coordinates that may move; the others keep their value in `start`.
    max_iterations, max_halvings : int
        Limits.
    tolerance : float
        Squared Newton decrement at which to stop.

    Returns
    -------
    Solution
        Not converged if the information is singular, the value is not finite or a limit is
        reached; nothing is raised.

    References
    ----------
    Boyd S, Vandenberghe L. Convex Optimization. Cambridge, 2004; section 9.5.

    Examples
    --------
    >>> import numpy as np
    >>> def evaluate(b):  # log-likelihood of 3 events in 10: b is the log odds
    ...     p = 1 / (1 + np.exp(-b))
    ...     score, information = 3 - 10 * p, np.diag(10 * p * (1 - p))
    ...     return Evaluation(float(3 * b[0] + 10 * np.log(1 - p[0])), score, information)
    >>> found = maximise(evaluate, np.zeros(1))
    >>> round(float(found.estimate[0]), 6), round(float(np.log(3 / 7)), 6), found.converged
    (-0.847298, -0.847298, True)
    """
    point = np.array(start, dtype=np.float64)
    free = np.ones(len(point), dtype=bool) if free is None else free
    here = evaluate(point)
    step, decrement = newton_step(here, free)
    iterations = 0
    while decrement > tolerance and iterations < max_iterations:
        moved = _halve(evaluate, point, here, step, max_halvings)
        if moved is None:
            break
        point, here = moved
        before = decrement
        step, decrement = newton_step(here, free)
        iterations += 1
        if before <= decrement <= _SETTLED:  # what is left of the score is rounding
            break
    stuck = decrement > tolerance and iterations < max_iterations
    converged = decrement <= (_SETTLED if stuck else tolerance)
    return Solution(
        point, here.value, here.score, here.information, iterations, converged, decrement
    )


def newton_step(here: Evaluation, free: Mask) -> tuple[Vector, float]:
    """Newton step and squared decrement; the decrement is infinite where there is no step."""
    step = np.zeros(len(free))
    if not free.any():
        return step, 0.0
    score = here.score[free]
    try:
        with np.errstate(over="ignore", invalid="ignore"):
            factor = linalg.cho_factor(here.information[np.ix_(free, free)])
            step[free] = linalg.cho_solve(factor, score)
            decrement = float(score @ step[free])
    except (linalg.LinAlgError, ValueError):  # ValueError: not finite
        return np.zeros(len(free)), np.inf
    return (step, decrement) if np.isfinite(decrement) else (np.zeros(len(free)), np.inf)


def _halve(
    evaluate: Callable[[Vector], Evaluation],
    point: Vector,
    here: Evaluation,
    step: Vector,
    max_halvings: int,
) -> tuple[Vector, Evaluation] | None:
    """The first of the points step, step/2, step/4, … that is not lower; None if there is none."""
    if not step.any():
        return None
    slack = 1e-13 * (1.0 + abs(here.value))  # rounding of a sum of many terms
    for halving in range(max_halvings):
        trial = point + step / 2**halving
        there = evaluate(trial)
        if np.isfinite(there.value) and there.value >= here.value - slack:
            return trial, there
    return None


def invert(information: Matrix) -> Matrix:
    """Inverse of a symmetric positive definite matrix; NaN throughout if it is none.

    Examples
    --------
    >>> import numpy as np
    >>> invert(np.diag([4.0, 16.0])).diagonal().tolist()
    [0.25, 0.0625]
    """
    if information.size == 0:
        return information.copy()
    # LAPACK itself: its wrappers cost more than the work on a small matrix
    factor, failed = lapack.dpotrf(information, lower=0, clean=0)
    if failed or not np.isfinite(information).all():
        return np.full_like(information, np.nan)
    with np.errstate(over="ignore", invalid="ignore"):
        inverse = lapack.dpotrs(factor, np.eye(len(information)), lower=0)[0]
        inverse = np.asarray((inverse + inverse.T) / 2)
    return inverse if np.isfinite(inverse).all() else np.full_like(information, np.nan)
