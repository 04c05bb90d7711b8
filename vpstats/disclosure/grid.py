"""At which points of a grid curves are released, so that nothing small lies between two of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vpstats.disclosure.numbers import Curve
from vpstats.disclosure.policy import ReleasePolicy

Vector = NDArray[np.float64]


@dataclass
class Reading:
    """Numbers of a curve at the points of a grid.

    Parameters
    ----------
    events, at_risk : ndarray, shape (m,)
        Events up to each point, and persons or rows at risk just before it.
    total, start : float
        Events of the whole curve and number at the start.
    barred, quiet : ndarray of bool, shape (m,)
        Points that an earlier release rules out, and points since whose predecessor the curve has
        no step, unless the plan asks for them.
    """

    events: Vector
    at_risk: Vector
    total: float
    start: float
    barred: NDArray[np.bool_]
    quiet: NDArray[np.bool_]


def choose_family(
    readings: dict[Curve, Reading],
    shown: list[Curve],
    weights: Vector,
    policy: ReleasePolicy,
) -> dict[Curve, list[int]]:
    """Choose the points at which the curves of one figure are released.

    Without a curve of everybody each curve has its own points. With one, all curves share them,
    and what is not shown of the groups is guarded as a curve of its own; the smallest groups are
    left out, or the curve of everybody is, where that leaves more to see.

    Parameters
    ----------
    readings : dict of Curve to Reading
        Every curve of the figure.
    shown : list of Curve
        Those that may be released.
    weights : ndarray, shape (m,)
        Worth of each point.
    policy : ReleasePolicy
        The rules.

    Returns
    -------
    dict of Curve to list of int
        Points of each curve that is released.
    """
    alone = {k: p for k in shown if (p := choose([readings[k]], weights, policy))}
    everybody = [k for k in shown if k[2].lower() in ("", "all", "overall", "total")]
    groups = [k for k in readings if k[2].lower() not in ("", "all", "overall", "total")]
    if not everybody or not groups:
        return alone
    options = [{k: p for k, p in alone.items() if k not in everybody}]
    total = readings[everybody[0]]
    candidates = sorted((k for k in groups if k in alone), key=lambda k: (-readings[k].start, k))
    for keep in range(len(candidates), -1, -1):
        members = candidates[:keep]
        rest = _rest(total, [readings[k] for k in members])
        joint = [total, *(readings[k] for k in members), *([] if rest is None else [rest])]
        points = choose(joint, weights, policy)
        if points:
            options.append(dict.fromkeys([everybody[0], *members], points))
    return max(options, key=lambda o: sum(float(weights[p].sum()) for p in o.values()))


def _rest(total: Reading, groups: list[Reading]) -> Reading | None:
    """What the shown groups leave over of everybody; None where they are everybody."""
    if not groups:
        return None
    none = np.zeros(len(total.events), dtype=bool)
    left = Reading(
        total.events - sum(g.events for g in groups),
        total.at_risk - sum(g.at_risk for g in groups),
        total.total - sum(g.total for g in groups),
        total.start - sum(g.start for g in groups),
        none,
        ~none,
    )
    numbers = (left.events, left.at_risk, [left.start, left.total])
    return left if any(np.any(np.asarray(x) != 0) for x in numbers) else None


def choose(readings: list[Reading], weights: Vector, policy: ReleasePolicy) -> list[int]:
    """Choose grid points so that nothing small lies between two of them, for all curves at once.

    Parameters
    ----------
    readings : list of Reading
        Curves that share their points.
    weights : ndarray, shape (m,)
        Worth of each point.
    policy : ReleasePolicy
        The rules.

    Returns
    -------
    list of int
        The points of greatest total worth, ascending; empty where none will do.

    Notes
    -----
    Sums of counts that are 0 or at least the threshold are so themselves, so only neighbours need
    to be compared: the best subset is a longest path.
    """
    m = len(weights)
    allowed = ~np.all([r.quiet for r in readings], axis=0)
    last = np.ones(m, dtype=bool)
    for r in readings:
        allowed &= (r.at_risk >= policy.at_risk) & ~r.barred
        last &= _harmless(r.total - r.events, policy) | (r.total == r.events)
    worth, came = np.full(m, -np.inf), np.full(m, -1)
    for j in np.flatnonzero(allowed).tolist():
        if _from_start(readings, j, policy):
            worth[j] = weights[j]
        for i in np.flatnonzero(np.isfinite(worth[:j])).tolist():
            better = worth[i] + weights[j] > worth[j]
            if better and all(_between(r, i, j, policy) for r in readings):
                worth[j], came[j] = worth[i] + weights[j], i
    ends = np.flatnonzero(np.isfinite(worth) & last)
    return _path(int(ends[np.argmax(worth[ends])]), came) if len(ends) else []


def _path(end: int, came: NDArray[np.int_]) -> list[int]:
    path = [end]
    while came[path[-1]] >= 0:
        path.append(int(came[path[-1]]))
    return path[::-1]


def _harmless(change: Any, policy: ReleasePolicy) -> Any:
    """Whether a difference of two counts tells of nobody, or of enough."""
    size = np.abs(change)
    return (size >= policy.threshold) | ((size == 0) & (policy.zeros == "show"))


def _is_step_harmless(events: float, left: float, policy: ReleasePolicy) -> bool:
    others = left - events  # censored, or stopped by another cause
    quiet = all(x == 0 or abs(x) >= policy.threshold for x in (left, others))
    return quiet and bool(_harmless(events, policy))


def _from_start(readings: list[Reading], j: int, policy: ReleasePolicy) -> bool:
    return all(
        _is_step_harmless(float(r.events[j]), float(r.start - r.at_risk[j]), policy)
        for r in readings
    )


def _between(reading: Reading, i: int, j: int, policy: ReleasePolicy) -> bool:
    events = float(reading.events[j] - reading.events[i])
    return _is_step_harmless(events, float(reading.at_risk[i] - reading.at_risk[j]), policy)
