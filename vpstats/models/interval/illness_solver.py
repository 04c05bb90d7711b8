"""The maximum of an illness–death likelihood, intensities of zero included."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import optimize

from vpstats.models.interval.transitions import Layout, Paths, Totals, evaluation, total
from vpstats.models.newton import Evaluation, Solution, invert, maximise

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]
Mask = NDArray[np.bool_]

_FIRST_STEPS, _STEPS = 12, 200
_NO_EVENTS = 0.05
"""Expected events below which an intensity may be on its way to zero; the derivative decides."""
_TINY = 1e-7
"""Expected events at which the derivative of the likelihood by an intensity of zero is taken."""
_WIDEST = 40.0
"""An intensity that may be this many e-folds above what the time at risk suggests has no limit."""
_NO_TIME = 1e-9
"""Share of the whole time at risk below which nobody counts as at risk."""


@dataclass(frozen=True, slots=True)
class Maximum:
    """Where the likelihood is largest.

    Parameters
    ----------
    estimate : ndarray, shape (p,)
        Minus infinity for an intensity of zero, NaN where nobody was at risk.
    covariance : ndarray, shape (p, p)
        Inverse observed information; NaN in the rows of the parameters above.
    free : ndarray of bool, shape (p,)
        The other parameters.
    totals : Totals
        Sums over rows there.
    iterations : int
        Newton steps.
    converged : bool
        Whether the solver reached its tolerance.
    """

    estimate: Vector
    covariance: Matrix
    free: Mask
    totals: Totals
    iterations: int
    converged: bool


def contributions(layout: Layout, sums: Totals, theta: Vector) -> tuple[Vector, Vector]:
    """Expected events of every parameter that is an intensity, and the time that it acts on.

    Parameters
    ----------
    layout : Layout
        Parameters.
    sums : Totals
        Expected events and times.
    theta : ndarray, shape (p,)
        Where they were summed.

    Returns
    -------
    tuple of ndarray, each of shape (p,)
        NaN for covariates; the ratio's time is weighted by the intensities that it multiplies.
    """
    events, time = np.full((2, len(layout.terms)), np.nan)
    for q in (0, 1, 2):
        for k, j in enumerate(layout.windows[q]):
            events[j] = np.nan_to_num(events[j]) + sums.events[q, k]
            time[j] = np.nan_to_num(time[j]) + sums.time[q, k]
    if layout.ratio is not None:
        rates = np.exp(theta[layout.windows[2]])
        events[layout.ratio] = sums.events[2].sum()
        time[layout.ratio] = sums.time[2] @ rates
    return events, time


def find_maximum(layout: Layout, rows: Paths) -> Maximum:
    """Climb to the maximum; pin intensities whose maximum lies at zero.

    Parameters
    ----------
    layout : Layout
        Parameters.
    rows : Paths
        n rows, at least one of which fell ill.

    Returns
    -------
    Maximum
    """
    start = _start(layout, rows)
    sums = total(layout, rows, start)
    _, time = contributions(layout, sums, start)
    idle = time <= _NO_TIME * rows.width.sum()
    point = np.where(idle, -np.inf, start)
    free, steps = ~idle, 0
    found = _climb(layout, rows, point, free, _FIRST_STEPS)
    steps += found.iterations
    kept = np.zeros_like(free)
    while True:
        pinned = _to_pin(layout, rows, found.estimate, free & ~kept)
        if not pinned.any():
            break
        before = found.estimate
        free = free & ~pinned
        found = _climb(layout, rows, np.where(pinned, -np.inf, before), free, _STEPS)
        back = _rising(layout, rows, found.estimate, ~free & ~idle)
        steps += found.iterations
        if back.any():
            kept, free = kept | back, free | back
            found = _climb(layout, rows, np.where(back, before, found.estimate), free, _STEPS)
    if not found.converged:
        found = _climb(layout, rows, found.estimate, free, _STEPS)
        steps += found.iterations
    return _finish(layout, rows, found, free, idle, steps)


def _start(layout: Layout, rows: Paths) -> Vector:
    """Crude rates, the same in every window; 0 for covariates and the ratio."""
    span = rows.width.sum()
    ill = float(np.count_nonzero(~rows.unseen))
    died = float(np.count_nonzero(rows.died))
    start = np.zeros(len(layout.terms))
    for q, events in enumerate((ill, died, died)):
        start[layout.windows[q]] = np.log(max(events, 0.5) / span)
    return start


def _climb(layout: Layout, rows: Paths, start: Vector, free: Mask, steps: int) -> Solution:
    def evaluate(theta: Vector) -> Evaluation:
        with np.errstate(over="ignore", invalid="ignore"):  # a step too far is halved
            sums = total(layout, rows, theta)
        if not np.isfinite(sums.value):
            return Evaluation(-np.inf, np.zeros_like(theta), np.eye(len(theta)))
        return evaluation(sums, free)

    return maximise(evaluate, start, free=free, max_iterations=steps)


def _to_pin(layout: Layout, rows: Paths, theta: Vector, free: Mask) -> Mask:
    events, _ = contributions(layout, total(layout, rows, theta), theta)
    with np.errstate(invalid="ignore"):
        return np.asarray(free & (events < _NO_EVENTS))


def _rising(layout: Layout, rows: Paths, theta: Vector, pinned: Mask) -> Mask:
    """Pinned intensities that the likelihood would rather have positive."""
    lifted = np.where(np.isneginf(theta), _start(layout, rows), theta)
    _, time = contributions(layout, total(layout, rows, lifted), lifted)
    tiny = np.where(pinned, np.log(_TINY / np.maximum(time, 1e-300)), theta)
    return np.asarray(pinned & (total(layout, rows, tiny).score > 1e-3 * _TINY))


def _finish(
    layout: Layout, rows: Paths, found: Solution, free: Mask, idle: Mask, steps: int
) -> Maximum:
    sums = total(layout, rows, found.estimate)
    _, time = contributions(layout, sums, found.estimate)
    # an intensity of zero may leave nobody at risk of what follows, or nothing to multiply
    idle = idle | (~free & (time <= _NO_TIME * rows.width.sum()))
    covariance = np.full((len(free), len(free)), np.nan)
    covariance[np.ix_(free, free)] = invert(sums.observed[np.ix_(free, free)])
    estimate = np.where(idle, np.nan, found.estimate)
    return Maximum(estimate, covariance, free, sums, steps, found.converged)


def upper_limit(layout: Layout, rows: Paths, found: Maximum, j: int, level: float) -> float:
    """Upper limit of an intensity estimated as zero, on the log scale.

    Parameters
    ----------
    layout : Layout
        Parameters.
    rows : Paths
        The rows.
    found : Maximum
        The maximum.
    j : int
        Which intensity.
    level : float
        Confidence level.

    Returns
    -------
    float
        Where the profile log-likelihood has dropped by ``-log((1 - level) / 2)``: the exact
        Poisson limit where every event was seen.

    References
    ----------
    Garwood F. Fiducial limits for the Poisson distribution. Biometrika 1936;28:437-442.
    """
    drop = -np.log((1 - level) / 2)
    _, time = contributions(layout, found.totals, found.estimate)
    best = found.totals.value
    nearest = np.where(np.isnan(found.estimate), -np.inf, found.estimate)

    def gap(log_rate: float) -> float:
        nonlocal nearest
        point = nearest.copy()
        point[j] = log_rate
        there = _climb(layout, rows, point, found.free, 60)
        nearest = there.estimate
        return float(best - there.value - drop)

    centre = np.log(drop / time[j])
    low, high = centre - 1.0, centre + 1.0
    while gap(high) < 0:
        high += 1.0
        if high > centre + _WIDEST:
            return np.inf
    while gap(low) > 0:
        low -= 1.0
    return float(optimize.brentq(gap, low, high, xtol=1e-9))


def without_centres(found: Maximum, shift: Matrix) -> Maximum:
    """The maximum for covariates that were not centred.

    Parameters
    ----------
    found : Maximum
        For centred covariates.
    shift : ndarray, shape (p, p)
        What turns its parameters into the others.

    Returns
    -------
    Maximum
    """
    whole = np.where(np.isfinite(found.estimate), found.estimate, 0.0)
    moved = np.where(np.isfinite(found.estimate), shift @ whole, found.estimate)
    known = np.where(np.isnan(found.covariance), 0.0, found.covariance)
    covariance = shift @ known @ shift.T
    covariance[~found.free], covariance[:, ~found.free] = np.nan, np.nan
    return replace(found, estimate=moved, covariance=covariance)
