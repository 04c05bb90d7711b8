"""Numbers read off the curves of groups (a value, an area), with their joint covariance.

Every number is a weighted sum of the steps of a curve, so one derivative serves all of them. Where
rows are clustered, a patient may have rows in several groups; the influences of a patient's rows
are then summed over the groups before they are squared, which gives the covariance between groups.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vpstats.models.curve_fit import emptied, whole_weights
from vpstats.models.followup import FollowUp, Vector
from vpstats.models.influence import incidence_gradient, row_influence
from vpstats.models.steps import Counts, Curve, count, divide, incidence

Matrix = NDArray[np.float64]
Loads = Callable[[Vector], Matrix]
"""Distinct times, shape (D,), → weights of the steps, shape (D, m)."""


@dataclass(frozen=True, slots=True)
class Functionals:
    """Numbers of G groups.

    Parameters
    ----------
    groups : tuple
        Their names, groups without rows left out.
    estimate : ndarray, shape (G, m)
        The numbers.
    covariance : ndarray, shape (m, G, G)
        Covariance of each number between groups.
    until : ndarray, shape (G,)
        Time until which the curve of each group is known; infinite where nobody is left.
    emptied : tuple of bool
        Whether the group's risk set ran empty before later entries.
    """

    groups: tuple[object, ...]
    estimate: Matrix
    covariance: NDArray[np.float64]
    until: Vector
    emptied: tuple[bool, ...]


@dataclass(frozen=True, slots=True)
class _Part:
    """One group: its rows, its counts, its curve, and the weights of the steps."""

    rows: FollowUp
    counts: Counts
    curve: Curve
    load: Matrix


def estimate_functionals(rows: FollowUp, cause: int | None, loads: Loads) -> Functionals:
    """Estimate weighted sums of the cumulative incidence in every group.

    Parameters
    ----------
    rows : FollowUp
        Rows with their groups.
    cause : int, optional
        Cause whose incidence is meant; that of any event (one minus survival) if None.
    loads : callable
        From the distinct times of a group to the weights of its steps.

    Returns
    -------
    Functionals
        The variance is the infinitesimal jackknife summed by cluster; for the incidence of any
        event in independent rows it is Greenwood's.
    """
    named = [(rows.rows(code), name) for code, name in enumerate(rows.groups)]
    named = [(part, name) for part, name in named if len(part)]
    parts = [_part(part, cause, loads) for part, _ in named]
    return Functionals(
        groups=tuple(name for _, name in named),
        estimate=np.array([p.curve.estimate @ p.load for p in parts]),
        covariance=_covariance(rows, parts, cause),
        until=np.array([_known_until(p) for p in parts]),
        emptied=tuple(emptied(p.counts) for p in parts),
    )


def _part(rows: FollowUp, cause: int | None, loads: Loads) -> _Part:
    counts = count(rows, cause)
    return _Part(rows, counts, incidence(counts), loads(counts.time))


def _known_until(part: _Part) -> float:
    return float(part.counts.time[-1]) if part.curve.survival[-1] > 0 else np.inf


def _covariance(rows: FollowUp, parts: list[_Part], cause: int | None) -> NDArray[np.float64]:
    m, G = parts[0].load.shape[1], len(parts)
    if rows.cluster is None:
        variances = np.array([_independent(part, cause) for part in parts])
        return np.asarray(variances.T[:, :, None] * np.eye(G))
    sums = [_by_cluster(part, cause, int(rows.cluster.max()) + 1) for part in parts]
    covariance = np.empty((m, G, G))
    for j in range(m):
        moved = np.stack([next(s) for s in sums])
        covariance[j] = moved @ moved.T
    return covariance


def _independent(part: _Part, cause: int | None) -> Vector:
    if cause is None and whole_weights(part.rows.weights):
        return _greenwood(part)
    gradient = incidence_gradient(part.curve, part.load)
    moved = row_influence(part.counts, part.curve, part.rows, gradient, cause)
    return np.array([float(u @ u) for u in moved])


def _greenwood(part: _Part) -> Vector:
    """Greenwood's variance of weighted sums of a survival curve, shape (m,)."""
    at_risk, event = part.counts.at_risk, part.counts.any_event
    spread = divide(event, at_risk * (at_risk - event))
    area = np.cumsum((part.load * part.curve.survival[:, None])[::-1], axis=0)[::-1]
    return np.asarray(spread @ area**2)


def _by_cluster(part: _Part, cause: int | None, n_clusters: int) -> Iterator[Vector]:
    """Influence on each number, summed by cluster; unknown where there is but one."""
    cluster = part.rows.cluster
    assert cluster is not None  # noqa: S101  # the caller has asked
    gradient = incidence_gradient(part.curve, part.load)
    single = bool(np.all(cluster == cluster[0]))
    for moved in row_influence(part.counts, part.curve, part.rows, gradient, cause):
        sums = np.bincount(cluster, moved, minlength=n_clusters).astype(float)
        yield np.full_like(sums, np.nan) if single else sums


def reading(times: Vector) -> Loads:
    """Weights that read a curve at m times: the last step at or before each."""

    def load(grid: Vector) -> Matrix:
        last = np.searchsorted(grid, times, side="right") - 1
        weight = np.zeros((grid.size, times.size))
        seen = np.flatnonzero(last >= 0)
        weight[last[seen], seen] = 1.0
        return weight

    return load


def integral(horizon: float) -> Loads:
    """Weights that integrate a curve up to the horizon, m = 1."""

    def load(grid: Vector) -> Matrix:
        ends = np.append(grid[1:], np.inf)
        length = np.minimum(ends, horizon) - np.minimum(grid, horizon)
        return np.asarray(length[:, None])

    return load
