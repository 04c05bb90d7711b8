"""Profile-likelihood intervals and likelihood-ratio tests of any log-likelihood."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, stats

from vpstats.models.newton import Evaluation, Solution, invert, maximise

Vector = NDArray[np.float64]
Mask = NDArray[np.bool_]
Evaluate = Callable[[Vector], Evaluation]

_CLOSE = 1e-16
"""Squared length of the last step towards a limit, in standard errors."""
_LEVEL = 1e-8
"""By how much a profile may exceed the target at its limit: 1e-8 log-likelihood is about as many
standard errors."""
_MAX_STEPS = 40
_WIDEST = 200.0
"""How many standard errors away a limit is looked for before it is called infinite."""


def profile_intervals(
    evaluate: Evaluate, found: Solution, level: float, *, concave: bool = True
) -> tuple[Vector, Vector]:
    """Profile-likelihood limits of every coefficient.

    Parameters
    ----------
    evaluate : callable
        The log-likelihood, penalised or not.
    found : Solution
        Its maximum.
    level : float
        Confidence level.
    concave : bool
        Whether the log-likelihood has one maximum along every profile; if not, each limit is
        checked against the maximum there.

    Returns
    -------
    tuple of ndarray, shape (p,)
        Lower and upper limits; infinite where the profile never falls to the target.

    References
    ----------
    Venzon DJ, Moolgavkar SH. A method for computing profile-likelihood-based confidence
    intervals. Appl Stat 1988;37:87-94. Heinze G, Schemper M. A solution to the problem of
    separation in logistic regression. Stat Med 2002;21:2409-2419.
    """
    target = found.value - float(stats.chi2.ppf(level, 1)) / 2
    p = len(found.estimate)
    low, high = (
        [profile_limit(evaluate, found, j, target, side, concave=concave) for j in range(p)]
        for side in (-1, 1)
    )
    return np.array(low), np.array(high)


def profile_limit(
    evaluate: Evaluate, found: Solution, j: int, target: float, side: int, *, concave: bool = True
) -> float:
    """Where the profile of coefficient `j` falls to `target`, below (-1) or above (1) its maximum.

    A Lagrange-Newton iteration from the Wald limit; if that does not settle, or settles where the
    profile is higher than it saw, a search along the profile itself.
    """
    limit = _newton_limit(evaluate, found, j, target, side)
    if limit is None:
        return _search_limit(evaluate, found, j, target, side)
    if not concave and _profile(evaluate, found, j, limit) > target + _LEVEL:
        return _search_limit(evaluate, found, j, target, side)
    return limit


def _newton_limit(
    evaluate: Evaluate, found: Solution, j: int, target: float, side: int
) -> float | None:
    covariance = found.covariance
    reach = np.sqrt(2 * (found.value - target) / covariance[j, j])
    point = found.estimate + side * reach * covariance[:, j]
    for _ in range(_MAX_STEPS):
        here = evaluate(point)
        step = _limit_step(here, j, target, side)
        if step is None:
            return None
        point = point + step
        if float(step @ here.information @ step) < _CLOSE:
            beyond = side * (point[j] - found.estimate[j]) > 0
            return float(point[j]) if beyond else None
    return None


def _limit_step(here: Evaluation, j: int, target: float, side: int) -> Vector | None:
    """Step to the farthest point where the quadratic model equals the target."""
    covariance = invert(here.information)
    if not np.isfinite(covariance).all():
        return None
    with np.errstate(over="ignore", invalid="ignore"):
        ahead = covariance @ here.score
        square = (2 * (here.value - target) + here.score @ ahead) / covariance[j, j]
    if not np.isfinite(square) or square < 0:
        return None
    return np.asarray(ahead + side * np.sqrt(square) * covariance[:, j])


def _profile(evaluate: Evaluate, found: Solution, j: int, value: float) -> float:
    """Largest log-likelihood with coefficient `j` held at a value, from two starts."""
    free = np.arange(len(found.estimate)) != j
    along = found.covariance[:, j] / found.covariance[j, j]
    starts = np.array([found.estimate, found.estimate + (value - found.estimate[j]) * along])
    starts[:, j] = value
    return max(maximise(evaluate, start, free=free).value for start in starts)


def _search_limit(evaluate: Evaluate, found: Solution, j: int, target: float, side: int) -> float:
    error = np.sqrt(found.covariance[j, j])

    def excess(distance: float) -> float:
        return _profile(evaluate, found, j, found.estimate[j] + side * distance * error) - target

    near, far = 0.0, 2.0
    while excess(far) > 0:
        near, far = far, 2 * far
        if far > _WIDEST:
            return float(side * np.inf)
    distance = optimize.brentq(excess, near, far, xtol=1e-11, rtol=1e-14)
    return float(found.estimate[j] + side * distance * error)


def constrained_maximum(evaluate: Evaluate, found: Solution, fixed: Mask) -> Solution:
    """Maximum with some coefficients held at zero.

    Parameters
    ----------
    evaluate : callable
        The log-likelihood. A penalty keeps the information of all coefficients.
    found : Solution
        Its unconstrained maximum.
    fixed : ndarray of bool, shape (p,)
        Coefficients to hold at zero.
    """
    covariance = found.covariance
    block = covariance[np.ix_(fixed, fixed)]
    shift = covariance[:, fixed] @ np.linalg.solve(block, found.estimate[fixed])
    start = found.estimate - shift  # where a quadratic log-likelihood would have its maximum
    start[fixed] = 0.0
    return maximise(evaluate, start, free=~fixed)


def ratio_p_values(evaluate: Evaluate, found: Solution) -> Vector:
    """Likelihood-ratio p-value of each coefficient being zero, shape (p,); NaN if not found."""
    p = len(found.estimate)
    values = np.full(p, np.nan)
    for j in range(p):
        null = constrained_maximum(evaluate, found, np.arange(p) == j)
        if null.converged:
            values[j] = stats.chi2.sf(max(2 * (found.value - null.value), 0.0), 1)
    return values
