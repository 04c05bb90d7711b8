"""Counting by time, and the curves with their variances that follow from the counts.

All estimators of a curve are functions of the counts at the D distinct times, so the n rows are
read once. The variance is Greenwood's (for incidence: its competing-risks form) where rows are
independent and enter at the start, and the infinitesimal jackknife summed by cluster elsewhere;
both are exact under ties, and on independent rows they are equal.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vpstats.models.followup import Codes, FollowUp, Vector

CENSORED, EVENT, OTHER = 0, 1, 2


@dataclass(frozen=True, slots=True)
class Counts:
    """What happened at each of the D distinct times.

    Parameters
    ----------
    time : ndarray, shape (D,)
        Distinct times, ascending.
    at_risk : ndarray, shape (D,)
        Number (or weight) at risk just before each time.
    event, other, censored : ndarray, shape (D,)
        Events of the cause in question, events of other causes, rows censored.
    day : ndarray of int, shape (n,)
        Position of each row's exit in the grid that was counted on.
    entry_day : ndarray of int, shape (n,), optional
        Position of each row's entry in that grid, -1 where it is at risk from the start.
    position : ndarray of int
        Position in `time` of the last distinct time at or before each time of the grid.
    """

    time: Vector
    at_risk: Vector
    event: Vector
    other: Vector
    censored: Vector
    day: Codes
    entry_day: Codes | None
    position: Codes

    @property
    def any_event(self) -> Vector:
        """Events of any cause, shape (D,)."""
        return self.event + self.other

    def slot(self) -> Codes:
        """Position of each row's exit in `time`, shape (n,)."""
        return self.position[self.day]

    def entry_slot(self) -> Codes | None:
        """Position in `time` of each row's entry, after which it is at risk; -1 for the start."""
        if self.entry_day is None:
            return None
        return np.where(self.entry_day < 0, -1, self.position[self.entry_day])


def count(rows: FollowUp, cause: int | None) -> Counts:
    """Count events, censorings and rows at risk in one pass.

    Parameters
    ----------
    rows : FollowUp
        n checked rows.
    cause : int, optional
        Cause in question; every event if None.

    Returns
    -------
    Counts
        With one entry per distinct exit time, and per distinct entry time after the start, so
        that the number at risk can be read at any time.
    """
    day, entry_day, grid = _grid(rows)
    size = grid.size
    key = day * 3
    key += _kinds(rows.event, cause)
    table = np.bincount(key, weights=rows.weights, minlength=3 * size).reshape(size, 3)
    total = table.sum(axis=1)
    left = np.cumsum(total[::-1])[::-1].astype(float)
    used = np.zeros(size, dtype=bool)
    if rows.weights is None:
        used = total > 0
    else:
        used[day] = True  # a row of weight 0 has a time all the same
    if entry_day is not None:
        # a row that enters on a day is not at risk up to that day
        later = np.bincount(entry_day + 1, weights=rows.weights, minlength=size + 1)
        left -= np.cumsum(later[:0:-1])[::-1]
        used[entry_day[entry_day >= 0]] = True
    censored, event, other = table[used].T.astype(float)
    position = np.cumsum(used) - 1
    return Counts(grid[used], left[used], event, other, censored, day, entry_day, position)


def _kinds(event: Codes, cause: int | None) -> Codes:
    if cause is None:
        return np.asarray(event > 0, dtype=np.int64)
    kind = np.full(max(int(event.max()), cause) + 1, OTHER, dtype=np.int64)
    kind[0], kind[cause] = CENSORED, EVENT
    return kind[event]


def _grid(rows: FollowUp) -> tuple[Codes, Codes | None, Vector]:
    """Exits and entries as positions in a grid of times, whole days where that spares sorting."""
    whole = _whole_days(rows)
    if whole is not None:
        return whole
    if rows.entry is None:
        time, day = np.unique(rows.exit, return_inverse=True)
        return day, None, time
    time = np.unique(np.concatenate([rows.exit, rows.entry[rows.entry > 0]]))
    entry_day = np.searchsorted(time, rows.entry, side="right") - 1
    return np.searchsorted(time, rows.exit), entry_day, time


def _whole_days(rows: FollowUp) -> tuple[Codes, Codes | None, Vector] | None:
    top = float(rows.exit.max())
    if top > 4 * rows.exit.size + 4096:
        return None
    day = rows.exit.astype(np.int64)
    if not np.array_equal(day, rows.exit):
        return None
    grid = np.arange(top + 1)
    if rows.entry is None:
        return day, None, grid
    entry = np.maximum(rows.entry, -1.0)
    entry_day = entry.astype(np.int64)
    return (day, entry_day, grid) if np.array_equal(entry_day, entry) else None


@dataclass(frozen=True, slots=True)
class Curve:
    """A curve on the D distinct times, with what its variance needs.

    Parameters
    ----------
    estimate : ndarray, shape (D,)
        The curve.
    survival : ndarray, shape (D,)
        Probability of no event of any cause by each time.
    hazard, event_hazard : ndarray, shape (D,)
        Hazard of any event and of the event in question at each time.
    """

    estimate: Vector
    survival: Vector
    hazard: Vector
    event_hazard: Vector

    @property
    def before(self) -> Vector:
        """Probability of no event just before each time, shape (D,)."""
        return np.concatenate([[1.0], self.survival[:-1]])


def _divide(numerator: Vector, denominator: Vector) -> Vector:
    """Quotient, 0 where the denominator is 0: nobody at risk adds nothing."""
    return np.divide(numerator, denominator, out=np.zeros_like(numerator), where=denominator > 0)


def incidence(counts: Counts) -> Curve:
    """Aalen–Johansen estimate of the cumulative incidence of the event in question.

    Parameters
    ----------
    counts : Counts
        Counts by time.

    Returns
    -------
    Curve
        Its survival is the Kaplan–Meier estimate for all events together.

    References
    ----------
    Aalen OO, Johansen S. An empirical transition matrix for non-homogeneous Markov chains based
    on censored observations. Scand J Stat 1978;5:141-150.
    """
    hazard = _divide(counts.any_event, counts.at_risk)
    event_hazard = _divide(counts.event, counts.at_risk)
    survival = np.cumprod(1.0 - hazard)
    before = np.concatenate([[1.0], survival[:-1]])
    estimate = np.cumsum(before * event_hazard)
    return Curve(estimate, np.asarray(survival, float), hazard, event_hazard)


def greenwood_incidence(counts: Counts, curve: Curve) -> Vector:
    """Variance of the cumulative incidence for independent rows, shape (D,).

    The squares of the jackknife add up to five cumulative sums because the contributions of
    different times are uncorrelated.

    References
    ----------
    Marubini E, Valsecchi MG. Analysing Survival Data from Clinical Trials and Observational
    Studies. Wiley, 1995, section 10.3.
    """
    at_risk, any_event, event = counts.at_risk, counts.any_event, counts.event
    before, risk = curve.before, curve.estimate
    spread = _divide(any_event, at_risk * (at_risk - any_event))
    cross = before * _divide(event, at_risk**2)
    own = before**2 * _divide(event * (at_risk - event), at_risk**3)
    total = np.cumsum(spread)
    mixed = np.cumsum(spread * risk + cross)
    rest = np.cumsum(spread * risk**2 + 2 * risk * cross + own)
    return _settled(risk**2 * total - 2 * risk * mixed + rest, risk**2 * total + rest)


def _settled(variance: Vector, terms: Vector) -> Vector:
    """The variance, 0 where it is no more than the rounding of the terms that cancel in it."""
    return np.where(variance > 1e-15 * np.abs(terms), variance, 0.0)


def greenwood(counts: Counts, survival: Vector) -> Vector:
    """Greenwood's variance of the survival probability, shape (D,); 0 where nobody is left.

    References
    ----------
    Greenwood M. The natural duration of cancer. Reports on Public Health and Medical Subjects
    33. HMSO, 1926.
    """
    at_risk, event = counts.at_risk, counts.any_event
    spread = np.cumsum(_divide(event, at_risk * (at_risk - event)))
    return np.asarray(survival**2 * spread)


@dataclass(frozen=True, slots=True)
class Influence:
    """Influence of every row on a curve, in the form that can be summed in one pass.

    A row that is at risk at the slots ``(a, b]`` and ends with an event (or not) at b moves the
    curve F at time t by ``-(A(m) - A(a)) + F(t) (G(m) - G(a))`` with m = min(b, t), and from b on
    by a further ``p + F(t) q``.

    Parameters
    ----------
    F, A, G : ndarray, shape (D,)
        The curve, and the cumulative sums of what being at risk adds.
    p, q : ndarray, shape (n,)
        What the row's own event adds.
    """

    F: Vector
    A: Vector
    G: Vector
    p: Vector
    q: Vector


def incidence_influence(counts: Counts, curve: Curve, event: Codes, cause: int | None) -> Influence:
    """Influence of the rows on the cumulative incidence.

    Parameters
    ----------
    counts, curve : Counts, Curve
        Of the same rows.
    event : ndarray of int, shape (n,)
        Event codes.
    cause : int, optional
        Cause in question; every event if None.

    Returns
    -------
    Influence
        The derivative of the estimate with respect to each row's weight.
    """
    survivors = counts.at_risk * (1.0 - curve.hazard)
    gain = _divide(curve.before, counts.at_risk)
    loss = _divide(np.ones_like(survivors), survivors)
    loss[curve.hazard >= 1.0] = 0.0  # nobody survives, so there is nothing left to lose
    spread = curve.hazard * loss
    slot = counts.slot()
    own, happened = _kinds(event, cause) == EVENT, event > 0
    return Influence(
        F=curve.estimate,
        A=np.cumsum(gain * curve.event_hazard + curve.estimate * spread),
        G=np.cumsum(spread),
        p=np.where(own, gain[slot], 0.0) + np.where(happened, (curve.estimate * loss)[slot], 0.0),
        q=np.where(happened, -loss[slot], 0.0),
    )


def hazard_influence(counts: Counts, curve: Curve, event: Codes, cause: int | None) -> Influence:
    """Influence of the rows on the cumulative hazard of the event in question.

    Parameters
    ----------
    counts, curve, event, cause
        As in `incidence_influence`.

    Returns
    -------
    Influence
        The derivative of the Nelson–Aalen estimate with respect to each row's weight.
    """
    share = _divide(np.ones_like(counts.at_risk), counts.at_risk)
    own = _kinds(event, cause) == EVENT
    nothing = np.zeros_like(share)
    return Influence(
        F=nothing,
        A=np.cumsum(share * curve.event_hazard),
        G=nothing,
        p=np.where(own, share[counts.slot()], 0.0),
        q=np.zeros(event.size),
    )


def jackknife(counts: Counts, rows: FollowUp, influence: Influence) -> Vector:
    """Infinitesimal jackknife variance, summed by cluster, at every time.

    Parameters
    ----------
    counts : Counts
        Counts by time.
    rows : FollowUp
        The n rows; each is its own cluster where they are not clustered.
    influence : Influence
        Influence of the rows.

    Returns
    -------
    ndarray, shape (D,)
        Sum over clusters of the squared sum of weighted influences; NaN with a single cluster,
        which says nothing of the variation between clusters.

    Notes
    -----
    At time t a cluster's influence is ``P + F(t) Q + h(t) N`` with N its weight at risk,
    ``h = F G - A``, and P, Q, N constant between its own entries and exits. Sums of their
    products over clusters therefore change only there, which makes the whole curve cost one sort
    of the entries and exits.

    References
    ----------
    Therneau TM, Grambsch PM. Modeling Survival Data. Springer, 2000, sections 2.2 and 7.3.
    """
    size = counts.time.size
    if rows.cluster is not None and np.all(rows.cluster == rows.cluster[0]):
        return np.full(size, np.nan)
    moves = _moves(counts, rows, influence)
    before, after = moves.before, moves.after
    sums: list[Vector] = [
        np.cumsum(
            np.bincount(moves.slot, after[i] * after[j] - before[i] * before[j], minlength=size)
        )
        for i, j in ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))
    ]
    pp, qq, nn, pq, pn, qn = sums
    nn = nn + float(moves.start @ moves.start)
    F = influence.F
    h = F * influence.G - influence.A
    total = pp + F * (F * qq + 2 * pq) + h * (h * nn + 2 * pn + 2 * F * qn)
    return _settled(total, pp + F**2 * qq + h**2 * nn)


@dataclass(frozen=True, slots=True)
class _Moves:
    """States (P, Q, N) of the clusters around each of their m entries and exits.

    slot: shape (m,); before, after: shape (3, m); start: weight at risk from the start, by cluster.
    """

    slot: Codes
    before: NDArray[np.float64]
    after: NDArray[np.float64]
    start: Vector


def _moves(counts: Counts, rows: FollowUp, influence: Influence) -> _Moves:
    weight = np.ones(len(rows)) if rows.weights is None else rows.weights
    cluster = np.arange(len(rows)) if rows.cluster is None else rows.cluster
    slot, entry_slot = counts.slot(), counts.entry_slot()
    A, G = influence.A[slot], influence.G[slot]
    change = np.stack([weight * (influence.p - A), weight * (influence.q + G), -weight])
    start: Vector = np.bincount(cluster, weight).astype(float)
    if entry_slot is not None:
        late = np.flatnonzero(entry_slot >= 0)
        entry, w = entry_slot[late], weight[late]
        start = start - np.bincount(cluster[late], w, minlength=start.size)
        entering = np.stack([w * influence.A[entry], -w * influence.G[entry], w])
        change = np.concatenate([entering, change], axis=1)
        slot = np.concatenate([entry, slot])
        cluster = np.concatenate([cluster[late], cluster])
    order = np.argsort(cluster * counts.time.size + slot, kind="stable")
    cluster, change = cluster[order], change[:, order]
    after = _sums_within(cluster, change)
    after[2] += start[cluster]
    return _Moves(slot[order], after - change, after, start)


def _sums_within(cluster: Codes, change: NDArray[np.float64]) -> NDArray[np.float64]:
    """Running sums that start anew with every cluster; equal clusters are adjacent."""
    sums = np.cumsum(change, axis=1)
    first = np.flatnonzero(np.diff(cluster, prepend=-1))
    length = np.diff(first, append=cluster.size)
    base = (sums - change)[:, first]
    return np.asarray(sums - np.repeat(base, length, axis=1))
