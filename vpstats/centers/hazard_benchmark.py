"""Cumulative hazards at the average center, from a model without the row's center.

Slopes come from a Cox model with a baseline of its own for each center; the average center's
baseline is Breslow's over the other centers, given these slopes, so that observed equals expected
over them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from vpstats.centers.within import independent_in_gram
from vpstats.models.covariance import Clusters
from vpstats.models.newton import maximise
from vpstats.models.partial import Scores, information, likelihood, penalised_likelihood, sum_up
from vpstats.models.risksets import HazardRows, find_risk_sets

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Vector = NDArray[np.float64]
    Matrix = NDArray[np.float64]
    Codes = NDArray[np.intp]
    Mask = NDArray[np.bool_]

_FAR = 15.0
"""Log hazards that a covariate may move a row by; further out the likelihood has no maximum."""


@dataclass(frozen=True)
class TimedRows:
    """Follow-up of n rows within the horizon.

    Parameters
    ----------
    X : ndarray, shape (n, p)
        Covariates, centred and scaled.
    exit, entry : ndarray, shape (n,)
        Time at risk, from after `entry` (-inf from the start) up to `exit`.
    dead : ndarray of bool, shape (n,)
        Whether the event in question ended it.
    center : ndarray of int, shape (n,)
        Ascending codes 0 to k - 1.
    patients : Clusters
        Patient of each row.
    k : int
        Number of centers.
    """

    X: Matrix
    exit: Vector
    entry: Vector
    dead: Mask
    center: Codes
    patients: Clusters
    k: int

    @cached_property
    def times(self) -> Vector:
        """The D distinct times of an event."""
        return np.unique(self.exit[self.dead])

    @cached_property
    def last(self) -> Codes:
        """Event times up to the end of each row's follow-up, shape (n,)."""
        return np.asarray(np.searchsorted(self.times, self.exit, side="right"))

    @cached_property
    def first(self) -> Codes:
        """Event times up to the entry of each row, shape (n,)."""
        return np.asarray(np.searchsorted(self.times, self.entry, side="right"))

    @cached_property
    def cells(self) -> tuple[Codes, Codes, Codes, Codes]:
        """Rows of one patient that share first and last: cell of each row; patient, first, last."""
        width = len(self.times) + 1
        key = (self.patients.codes * width + self.first) * width + self.last
        distinct, code = np.unique(key, return_inverse=True)
        span = distinct % (width * width)
        return code, distinct // (width * width), span // width, span % width

    def at_risk(self, columns: Matrix, rows: Codes | slice = slice(None)) -> Matrix:
        """Sums over the rows at risk at each event time, of columns (j, m) for m rows, (j, D)."""
        width = len(self.times) + 1
        first, last = self.first[rows], self.last[rows]
        sums = [np.bincount(first, c, width) - np.bincount(last, c, width) for c in columns]
        return np.cumsum(np.array(sums).reshape(len(columns), width), axis=1)[:, :-1]


@dataclass(frozen=True)
class Slopes:
    """Log hazard ratios within centers.

    Parameters
    ----------
    beta : ndarray, shape (p,)
    covariance : ndarray, shape (p, p)
        Sandwich by patient.
    influence : ndarray, shape (G, p)
        What each patient moves the slopes by.
    learnt : ndarray of bool, shape (p,)
        Columns that vary where rows are at risk together.
    converged : bool
    """

    beta: Vector
    covariance: Matrix
    influence: Matrix
    learnt: Mask
    converged: bool


def fit_slopes(rows: TimedRows, used: Mask, *, firth: bool, start: Vector) -> Slopes:
    """Fit the Cox model stratified by center to the rows of some centers.

    Parameters
    ----------
    rows : TimedRows
        All rows.
    used : ndarray of bool, shape (k,)
        Centers that count.
    firth : bool
        Whether to penalise.
    start : ndarray, shape (p,)
        Where the search begins.

    Returns
    -------
    Slopes
        A column that does not vary where it would count has slope 0.
    """
    groups, p = rows.patients.count, rows.X.shape[1]
    if not p or not rows.dead[used[rows.center]].any():
        nothing = np.zeros((p, p)), np.zeros((groups, p)), np.zeros(p, dtype=bool)
        return Slopes(np.zeros(p), *nothing, True)
    use = np.flatnonzero(used[rows.center])
    entry = None if np.isneginf(rows.entry).all() else rows.entry[use]
    taken = HazardRows(
        X=np.ascontiguousarray(rows.X[use]),
        exit=rows.exit[use],
        dead=rows.dead[use],
        entry=entry,
        strata=rows.center[use].astype(np.int64),
    )
    sets = find_risk_sets(taken, "efron")
    here = likelihood(sets)(np.zeros(p))
    size = np.full(p, here.information.diagonal().max(initial=0.0))
    free = independent_in_gram(here.information, size)
    evaluate = penalised_likelihood(sets) if firth and free.all() else likelihood(sets)
    found = maximise(evaluate, np.where(free, start, 0.0), free=free)
    sums = sum_up(sets, found.estimate)
    bread = np.zeros((p, p))
    plain = information(sets, sums)
    bread[np.ix_(free, free)] = np.linalg.pinv(plain[np.ix_(free, free)], hermitian=True)
    clusters = Clusters(rows.patients.codes[use], groups)
    influence = Scores(sets, sums).by_cluster(clusters) @ bread
    count = np.count_nonzero(np.bincount(clusters.codes))
    factor = count / (count - 1) if count > 1 else np.nan
    moved = np.abs(taken.X @ found.estimate).max(initial=0.0)
    fine = found.converged and moved < _FAR
    return Slopes(found.estimate, factor * influence.T @ influence, influence, free, bool(fine))


@dataclass(frozen=True)
class HazardFold:
    """Cumulative hazards of all rows at the average of the centers used.

    Parameters
    ----------
    hazard : ndarray, shape (n,)
        Cumulative hazard of each row over its time at risk.
    step : ndarray, shape (D,)
        Steps of the average center's baseline.
    relative : ndarray, shape (n,)
        Hazard ratio of each row.
    """

    hazard: Vector
    step: Vector
    relative: Vector


def average_hazard(rows: TimedRows, used: Mask, beta: Vector) -> HazardFold:
    """Breslow's baseline over the centers used, and every row's hazard under it.

    References
    ----------
    Breslow NE. Discussion of Professor Cox's paper. J R Stat Soc B 1972;34:216-217.
    """
    relative = np.exp(rows.X @ beta)
    use = used[rows.center]
    at_risk = rows.at_risk(np.where(use, relative, 0.0)[None])[0]
    events = np.bincount(rows.last[rows.dead & use] - 1, minlength=len(rows.times))
    step = np.divide(events, at_risk, out=np.zeros(len(at_risk)), where=events > 0)
    total = np.concatenate([[0.0], np.cumsum(step)])
    return HazardFold(relative * (total[rows.last] - total[rows.first]), step, relative)


def expectation_variance(
    rows: TimedRows, used: Mask, slopes: Slopes, fold: HazardFold, centers: Codes
) -> Vector:
    """Variance of the expected number of some centers, baseline and slopes being estimated.

    Parameters
    ----------
    rows : TimedRows
        All rows.
    used : ndarray of bool, shape (k,)
        Centers that the model was fitted to.
    slopes, fold
        That model.
    centers : ndarray of int, shape (j,)
        Centers whose expectation it is, none of those used.

    Returns
    -------
    ndarray, shape (j,)
        Influence functions summed by patient. Where no center used had an event, the variance of
        half an event over their time at risk.
    """
    use = used[rows.center]
    if not (rows.dead & use).any():
        return _no_event(rows, used, centers)
    weight = np.where(use, fold.relative, 0.0)
    at_risk, *moments = rows.at_risk(np.vstack([weight, weight * rows.X.T]))
    some = fold.step > 0
    cell, owner, first, last = rows.cells
    summed = np.bincount(cell, weight, len(owner))
    events = np.flatnonzero(rows.dead & use)
    who, when = rows.patients.codes[events], rows.last[events] - 1
    count = np.count_nonzero(np.bincount(rows.patients.codes, use, rows.patients.count))
    factor = count / (count - 1) if count > 1 else np.nan
    starts = np.searchsorted(rows.center, np.arange(rows.k + 1))
    found = []
    for i in centers:
        own = slice(starts[i], starts[i + 1])
        relative = fold.relative[own]
        own_risk, *own_moments = rows.at_risk(np.vstack([relative, relative * rows.X[own].T]), own)
        ratio = np.divide(own_risk, at_risk, out=np.zeros(len(at_risk)), where=some)
        path = np.concatenate([[0.0], np.cumsum(ratio * fold.step)])
        part = np.bincount(who, ratio[when], rows.patients.count)
        part -= np.bincount(owner, summed * (path[last] - path[first]), rows.patients.count)
        slope = np.array(
            [(a - ratio * b) @ fold.step for a, b in zip(own_moments, moments, strict=True)]
        )
        influence = part + slopes.influence @ slope
        found.append(factor * float(influence @ influence))
    return np.array(found)


def _no_event(rows: TimedRows, used: Mask, centers: Codes) -> Vector:
    time = np.bincount(rows.center, rows.exit - np.maximum(rows.entry, 0.0), rows.k)
    total = float(time[used].sum())
    return 0.5 * (time[centers] / total) ** 2 if total > 0 else np.full(len(centers), np.nan)
