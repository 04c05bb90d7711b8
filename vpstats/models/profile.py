"""Profile-likelihood intervals and likelihood-ratio tests of any log-likelihood."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, stats

from vpstats.models.newton import (
    TOLERANCE,
    Evaluation,
    Evaluations,
    Solution,
    invert,
    maximise,
)

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]
Mask = NDArray[np.bool_]
Evaluate = Callable[[Vector], Evaluation]
EvaluateMany = Callable[[Matrix], Evaluations]

_CLOSE = 1e-16
"""Squared length of the last step towards a limit, in standard errors."""
_LEVEL = 1e-8
"""By how much a profile may exceed the target at its limit: 1e-8 log-likelihood is about as many
standard errors."""
_MAX_STEPS = 40
_NEAR = 1e-7
"""Squared Newton decrement at which a maximum is near enough to tell its value to ten digits."""
_WIDEST = 200.0
"""How many standard errors away a limit is looked for before it is called infinite."""


def profile_intervals(
    evaluate: Evaluate,
    found: Solution,
    level: float,
    *,
    concave: bool = True,
    wanted: NDArray[np.intp] | None = None,
    many: EvaluateMany | None = None,
) -> tuple[Vector, Vector]:
    """Profile-likelihood limits of coefficients.

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
    wanted : ndarray of int, shape (k,), optional
        Positions of the coefficients; all if None.
    many : callable, optional
        The same log-likelihood at many points at once; limits are then found together.

    Returns
    -------
    tuple of ndarray, shape (k,)
        Lower and upper limits; infinite where the profile never falls to the target.

    References
    ----------
    Venzon DJ, Moolgavkar SH. A method for computing profile-likelihood-based confidence
    intervals. Appl Stat 1988;37:87-94. Heinze G, Schemper M. A solution to the problem of
    separation in logistic regression. Stat Med 2002;21:2409-2419.
    """
    target = found.value - float(stats.chi2.ppf(level, 1)) / 2
    positions = np.arange(len(found.estimate)) if wanted is None else wanted
    where = np.concatenate([positions, positions])
    sides = np.repeat([-1, 1], len(positions))
    limits = np.full(len(where), np.nan)
    if many is not None:
        limits = _limits_together(many, found, where, sides, target)
    for i in np.flatnonzero(np.isnan(limits)):
        limits[i] = profile_limit(evaluate, found, where[i], target, int(sides[i]), concave=concave)
    return limits[: len(positions)], limits[len(positions) :]


def _limits_together(
    many: EvaluateMany,
    found: Solution,
    where: NDArray[np.intp],
    sides: NDArray[np.intp],
    target: float,
) -> Vector:
    """Limits of several coefficients by the iteration of `_newton_limit`; NaN where it fails."""
    limits, active = np.full(len(where), np.nan), np.arange(len(where))
    variance = np.diag(found.covariance)[where]
    reach = sides * np.sqrt(2 * (found.value - target) / variance)
    points = found.estimate + reach[:, None] * found.covariance[where]
    rounds = 0
    while len(active) and rounds < _MAX_STEPS:
        rounds += 1
        steps, lengths = _limit_steps(many(points[active]), where[active], sides[active], target)
        points[active] += steps
        settled = active[lengths < _CLOSE]
        ends = points[settled, where[settled]]
        beyond = sides[settled] * (ends - found.estimate[where[settled]]) > 0
        limits[settled] = np.where(beyond, ends, np.nan)
        active = active[lengths >= _CLOSE]  # where there is no step the length is NaN
    return limits


def _limit_steps(
    here: Evaluations, where: NDArray[np.intp], sides: NDArray[np.intp], target: float
) -> tuple[Matrix, Vector]:
    """Steps of `_limit_step` at several points, and their squared lengths."""
    each = np.arange(len(where))
    along = here.covariances[each, where]
    with np.errstate(over="ignore", invalid="ignore"):
        ahead = np.einsum("ijk,ik->ij", here.covariances, here.scores)
        gain = np.einsum("ij,ij->i", here.scores, ahead)
        square = (2 * (here.values - target) + gain) / along[each, where]
        pull = here.scores.copy()
        pull[each, where] += sides * np.sqrt(square)  # small at the limit, where these cancel
        steps = np.einsum("ijk,ik->ij", here.covariances, pull)
        lengths = np.einsum("ij,ij->i", steps, pull)
    return steps, lengths


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
    # whether there is a higher maximum shows long before its last digits do
    if not concave and _profile(evaluate, found, j, limit, _NEAR) > target + _LEVEL:
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


def _profile(
    evaluate: Evaluate, found: Solution, j: int, value: float, tolerance: float = TOLERANCE
) -> float:
    """Largest log-likelihood with coefficient `j` held at a value, from two starts."""
    free = np.arange(len(found.estimate)) != j
    along = found.covariance[:, j] / found.covariance[j, j]
    starts = np.array([found.estimate, found.estimate + (value - found.estimate[j]) * along])
    starts[:, j] = value
    climbs = (maximise(evaluate, s, free=free, tolerance=tolerance) for s in starts)
    return max(found.value for found in climbs)


def signed_root(evaluate: Evaluate, found: Solution, j: int, value: float) -> float:
    """Signed root of twice the fall of coefficient `j`'s profile: a normal deviate."""
    fall = max(found.value - _profile(evaluate, found, j, value), 0.0)
    return float(np.sign(value - found.estimate[j]) * np.sqrt(2 * fall))


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


def ratio_p_values(
    evaluate: Evaluate,
    found: Solution,
    wanted: NDArray[np.intp] | None = None,
    many: EvaluateMany | None = None,
) -> Vector:
    """Likelihood-ratio p-values of coefficients being zero, shape (k,); NaN if not found.

    With `many`, the same log-likelihood at many points at once, they are found together.
    """
    positions = np.arange(len(found.estimate)) if wanted is None else wanted
    values = np.full(len(positions), np.nan)
    if many is not None:
        values = _null_values_together(many, found, positions)
    for i in np.flatnonzero(np.isnan(values)):
        fixed = np.arange(len(found.estimate)) == positions[i]
        null = constrained_maximum(evaluate, found, fixed)
        values[i] = null.value if null.converged else np.nan
    return np.asarray(stats.chi2.sf(np.maximum(2 * (found.value - values), 0.0), 1))


def _null_values_together(
    many: EvaluateMany, found: Solution, positions: NDArray[np.intp]
) -> Vector:
    """Largest log-likelihood with one coefficient at zero, for several; NaN where steps fail."""
    values, active = np.full(len(positions), np.nan), np.arange(len(positions))
    along = found.covariance[positions]
    share = found.estimate[positions] / found.covariance[positions, positions]
    points = found.estimate - share[:, None] * along
    points[active, positions] = 0.0
    before = np.full(len(positions), -np.inf)
    rounds = 0
    while len(active) and rounds < _MAX_STEPS:
        rounds += 1
        here, where = many(points[active]), positions[active]
        steps, decrement = _null_steps(here, where)
        near = decrement < _NEAR
        # a quadratic is that much higher at its maximum; the rest is of third order
        values[active[near]] = here.values[near] + decrement[near] / 2
        going = (decrement >= _NEAR) & (here.values >= before[active])
        before[active] = here.values
        points[active] += steps
        points[active, where] = 0.0
        active = active[going]
    return values


def _null_steps(here: Evaluations, where: NDArray[np.intp]) -> tuple[Matrix, Vector]:
    """Newton steps with one coefficient held, and their squared decrements."""
    each = np.arange(len(where))
    along = here.covariances[each, where]
    with np.errstate(over="ignore", invalid="ignore"):
        ahead = np.einsum("ijk,ik->ij", here.covariances, here.scores)
        steps = ahead - (ahead[each, where] / along[each, where])[:, None] * along
        return steps, np.einsum("ij,ij->i", here.scores, steps)
