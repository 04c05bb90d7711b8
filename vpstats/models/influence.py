"""What single rows do to a curve: influence, and the jackknife variance summed by cluster.

The infinitesimal jackknife holds where Greenwood's variance does not: for clustered or weighted
rows and for late entry. It is exact under ties, and on independent rows that are at risk from the
start both are equal.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from vpstats.models.followup import Codes, FollowUp, Vector
from vpstats.models.steps import EVENT, OTHER, Counts, Curve, divide, event_kinds, settled


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
    gain = divide(curve.before, counts.at_risk)
    loss = divide(np.ones_like(survivors), survivors)
    loss[curve.hazard >= 1.0] = 0.0  # nobody survives, so there is nothing left to lose
    spread = curve.hazard * loss
    slot = counts.slot()
    own, happened = event_kinds(event, cause) == EVENT, event > 0
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
    share = divide(np.ones_like(counts.at_risk), counts.at_risk)
    own = event_kinds(event, cause) == EVENT
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
    slot, entry_slot = counts.slot(), counts.entry_slot()
    sums, from_start = np.zeros((len(_PAIRS), size)), 0.0
    for chosen, cluster in _blocks(rows):
        late = None if entry_slot is None else entry_slot[chosen]
        moves = _moves(rows, influence, chosen, cluster, slot[chosen], late)
        for total, (i, j) in zip(sums, _PAIRS, strict=True):
            gained = moves.after[i] * moves.after[j] - moves.before[i] * moves.before[j]
            total += np.bincount(moves.slot, gained, minlength=size)
        from_start += float(moves.start @ moves.start)
    pp, qq, nn, pq, pn, qn = np.cumsum(sums, axis=1)
    nn = nn + from_start
    F = influence.F
    h = F * influence.G - influence.A
    total = pp + F * (F * qq + 2 * pq) + h * (h * nn + 2 * pn + 2 * F * qn)
    return settled(total, pp + F**2 * qq + h**2 * nn)


_PAIRS = ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))
"""Products of P, Q and N that are summed over clusters."""
BLOCK = 65_536
"""Rows whose moves are held at a time, give or take a cluster."""


def _blocks(rows: FollowUp) -> Iterator[tuple[NDArray[np.intp], Codes]]:
    """Whole clusters at a time: the positions of their rows, and the clusters numbered from 0."""
    n = len(rows)
    if rows.cluster is None:
        for start in range(0, n, BLOCK):
            chosen = np.arange(start, min(start + BLOCK, n))
            yield chosen, chosen - start
        return
    order = np.argsort(rows.cluster, kind="stable")
    first = np.flatnonzero(np.diff(rows.cluster[order], prepend=-1))
    starts = np.append(first, n)
    bounds = np.unique(np.append(starts[np.searchsorted(starts, np.arange(0, n, BLOCK))], n))
    for start, end in pairwise(bounds):
        chosen = order[start:end]
        yield chosen, np.cumsum(np.diff(rows.cluster[chosen], prepend=rows.cluster[chosen[0]]) > 0)


@dataclass(frozen=True, slots=True)
class _Moves:
    """States (P, Q, N) of the clusters around each of their m entries and exits.

    slot: shape (m,); before, after: shape (3, m); start: weight at risk from the start, by cluster.
    """

    slot: Codes
    before: NDArray[np.float64]
    after: NDArray[np.float64]
    start: Vector


def _moves(
    rows: FollowUp,
    influence: Influence,
    chosen: NDArray[np.intp],
    cluster: Codes,
    slot: Codes,
    entry_slot: Codes | None,
) -> _Moves:
    weight = np.ones(chosen.size) if rows.weights is None else rows.weights[chosen]
    A, G = influence.A[slot], influence.G[slot]
    p, q = influence.p[chosen], influence.q[chosen]
    change = np.stack([weight * (p - A), weight * (q + G), -weight])
    start: Vector = np.bincount(cluster, weight).astype(float)
    if entry_slot is not None:
        late = np.flatnonzero(entry_slot >= 0)
        entry, w = entry_slot[late], weight[late]
        start = start - np.bincount(cluster[late], w, minlength=start.size)
        entering = np.stack([w * influence.A[entry], -w * influence.G[entry], w])
        change = np.concatenate([entering, change], axis=1)
        slot = np.concatenate([entry, slot])
        cluster = np.concatenate([cluster[late], cluster])
    order = np.argsort(cluster * influence.F.size + slot, kind="stable")
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


@dataclass(frozen=True, slots=True)
class Gradient:
    """Derivatives of m numbers with respect to the hazards at each time.

    event, other: shape (D, m), of the event in question and of all others.
    """

    event: NDArray[np.float64]
    other: NDArray[np.float64]


def incidence_gradient(curve: Curve, load: NDArray[np.float64]) -> Gradient:
    """Derivative of weighted sums of an incidence curve with respect to the hazards.

    Parameters
    ----------
    curve : Curve
        Cumulative incidence F on D times.
    load : ndarray, shape (D, m)
        Weights L: the numbers are ``F @ L``. A single 1 reads the curve at a time, lengths of
        steps integrate it.

    Returns
    -------
    Gradient

    Notes
    -----
    A hazard at time u adds what survives until then to F from u on, and takes away from every
    later F the share of it that was still to come, ``(F(t) - F(u)) / (1 - hazard(u))``.
    """
    later = _suffix_sums(load)
    area = _suffix_sums(load * curve.estimate[:, None])
    left = 1.0 - curve.hazard
    loss = np.where(left > 0, 1.0 / np.where(left > 0, left, 1.0), 0.0)[:, None]
    to_come = loss * (area - curve.estimate[:, None] * later)
    return Gradient(curve.before[:, None] * later - to_come, -to_come)


def _suffix_sums(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.cumsum(values[::-1], axis=0)[::-1])


def row_influence(
    counts: Counts, curve: Curve, rows: FollowUp, gradient: Gradient, cause: int | None
) -> Iterator[Vector]:
    """Influence of every row on each of m numbers.

    Parameters
    ----------
    counts, curve : Counts, Curve
        Of the same rows.
    rows : FollowUp
        The n rows.
    gradient : Gradient
        Derivatives of the numbers with respect to the hazards.
    cause : int, optional
        Cause in question; every event if None.

    Yields
    ------
    ndarray, shape (n,)
        One per number: the derivative with respect to the weight of each row, times that weight.
    """
    share = divide(np.ones_like(counts.at_risk), counts.at_risk)
    hazards = curve.event_hazard, curve.hazard - curve.event_hazard
    slot, entry = counts.slot(), counts.entry_slot()
    kind = event_kinds(rows.event, cause)
    table = np.zeros((3, share.size))
    for j in range(gradient.event.shape[1]):
        table[EVENT], table[OTHER] = gradient.event[:, j] * share, gradient.other[:, j] * share
        exposed = np.cumsum(table[EVENT] * hazards[0] + table[OTHER] * hazards[1])
        moved = table[kind, slot] - exposed[slot]
        if entry is not None:
            moved += np.concatenate([exposed, [0.0]])[entry]  # -1 reads the 0 before the start
        yield moved if rows.weights is None else moved * rows.weights
