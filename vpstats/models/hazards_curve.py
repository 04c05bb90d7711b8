"""Robust variance of a baseline hazard: what clusters of rows do to it, together with the scores.

With the coefficients held, a row moves the cumulative hazard at t by ``P - N A(t)``. A is the
running sum of `a` (`vpstats.models.partial.Sums`), N the row's risk while it is at risk, and P
changes when the row enters and when it ends, an event adding its own jump. Sums over clusters of
products of P and N therefore change only at entries and ends, so that one pass over the rows, in
order of time within clusters, gives the variance at every event time.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from vpstats.models.covariance import Clusters
from vpstats.models.followup import Codes, Vector
from vpstats.models.partial import SCORED, Scores, Sums, cluster_blocks
from vpstats.models.risksets import RiskSets
from vpstats.models.steps import divide

Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class Influence:
    """Sums over clusters of products of their influences.

    Parameters
    ----------
    scores : ndarray, shape (p, p)
        Of scores with scores: the meat of the sandwich.
    hazard : ndarray, shape (D,)
        Squares of the influence on the cumulative hazard at each slot, coefficients held.
    cross : ndarray, shape (D, p)
        Of that influence with the scores.
    """

    scores: Matrix
    hazard: Vector
    cross: Matrix


def cluster_influence(sets: RiskSets, sums: Sums, clusters: Clusters) -> Influence:
    """Sum over clusters the products of what each does to the scores and the baseline hazard.

    Parameters
    ----------
    sets : RiskSets
        Rows and where they are at risk; none carried.
    sums : Sums
        Their sums at the estimate.
    clusters : Clusters
        Rows that are not independent; every row by itself for the sandwich of rows.

    Returns
    -------
    Influence

    References
    ----------
    Reid N, Crepeau H. Influence functions for proportional hazards regression. Biometrika
    1985;72:1-9. Lin DY, Wei LJ (1989). Spiekerman CF, Lin DY. Marginal regression models for
    multivariate failure time data. J Am Stat Assoc 1998;93:1164-1175.
    """
    scores, totals = Scores(sets, sums), _Totals(sets, sums)
    meat = np.zeros((sets.rows.X.shape[1],) * 2)
    # a block adds to sums at all slots, so it is to hold as many rows
    size = max(SCORED, len(sets.slots))
    for rows, own in cluster_blocks(clusters, size):
        found = scores.by_cluster(own, rows)
        meat += found.T @ found
        for index, part, which in _parts(rows, own, size):
            totals.add(index, part, found[which])
    return Influence(meat, *totals.read())


def _parts(
    rows: slice, clusters: Clusters, size: int
) -> Iterator[tuple[slice | Codes, Clusters, slice]]:
    """A block as it is, or in parts of whole clusters where it is large: rows, clusters, which."""
    if len(clusters.codes) <= 2 * size:
        yield rows, clusters, slice(None)
        return
    order = np.argsort(clusters.codes, kind="stable")
    codes = clusters.codes[order]
    for part, own in cluster_blocks(Clusters(codes, clusters.count), size):
        first = int(codes[part.start])
        yield rows.start + order[part], own, slice(first, first + own.count)


@dataclass(frozen=True)
class _Moves:
    """Changes of P and N of clusters at slots, and the N that holds from the first slot on."""

    owner: Codes
    slot: Codes
    P: Vector
    N: Vector
    begun: Vector


class _Totals:
    """Sums of products of P and N, and of both with scores, as changes from slot to slot."""

    def __init__(self, sets: RiskSets, sums: Sums) -> None:
        self.sets, self.sums = sets, sums
        D, p = len(sets.slots), sets.rows.X.shape[1]
        self.spread = sets.slots.so_far(sums.a)
        self.jump = divide(sums.h, sets.deaths * sets.mean_weight)
        self.products = np.zeros((3, D))
        self.with_scores = np.zeros((2, D, p))

    def add(self, rows: slice | Codes, clusters: Clusters, scores: Matrix) -> None:
        """Add the rows of some clusters, whose scores are shape (G, p)."""
        D, slots = len(self.sets.slots), self.sets.slots
        moves = _sorted(self._moves(rows, clusters.codes), D)
        if not moves.owner.size:
            return
        owner, slot = moves.owner, moves.slot
        new = np.diff(owner, prepend=-1) != 0
        if not slots.single:
            new |= np.diff(slots.stratum[slot], prepend=-1) != 0
        first = np.flatnonzero(new)
        length = np.diff(first, append=owner.size)
        begun, opening = np.add.reduceat(moves.begun, first), slots.first[slot[first]]
        P, N = _before(moves.P, first, length), _before(moves.N, first, length)
        N += np.repeat(begun, length)
        after = P + moves.P, N + moves.N
        steps = moves.P * (P + after[0]), after[0] * after[1] - P * N, moves.N * (N + after[1])
        for total, step in zip(self.products, steps, strict=True):
            total += np.bincount(slot, step, D)
        self.products[2] += np.bincount(opening, begun * begun, D)
        N, at, whose = (
            np.concatenate(pair)
            for pair in ((moves.N, begun), (slot, opening), (owner, owner[first]))
        )
        for total, change, where in zip(
            self.with_scores, (moves.P, N), ((slot, owner), (at, whose)), strict=True
        ):
            total += sparse.coo_array((change, where), shape=(D, clusters.count)) @ scores

    def _moves(self, rows: slice | Codes, owner: Codes) -> _Moves:
        """When rows end, and when those enter that are not at risk from the start."""
        sets, sums, D = self.sets, self.sums, len(self.sets.slots)
        own = np.flatnonzero(sets.cell[rows] < 2 * D)
        cell = sets.cell[rows][own].astype(np.int64)
        slot, risk = cell >> 1, sums.risk[rows][own]
        P, begun = -risk * self.spread[slot], risk.copy()
        dead = np.flatnonzero(cell & 1)
        weight = 1.0 if sets.rows.weights is None else sets.rows.weights[rows][own[dead]]
        P[dead] += weight * self.jump[slot[dead]] + risk[dead] * sums.b[slot[dead]]
        owner = owner[own]
        if sets.late is None:
            return _Moves(owner, slot, P, -risk, begun)
        entry = sets.late[rows][own].astype(np.int64)
        late = np.flatnonzero(entry < D)
        begun[late] = 0.0
        known = sets.slots.before(self.spread)[entry[late]]
        return _Moves(
            np.append(owner, owner[late]),
            np.append(slot, entry[late]),
            np.append(P, risk[late] * known),
            np.append(-risk, risk[late]),
            np.append(begun, np.zeros(late.size)),
        )

    def read(self) -> tuple[Vector, Matrix]:
        """Squares (D,) and products with the scores (D, p) of the influence on the hazard."""
        slots, A = self.sets.slots, self.spread
        PP, PN, NN = (slots.so_far(total) for total in self.products)
        cross, moved = (slots.so_far(total) for total in self.with_scores)
        moved *= A[:, None]
        cross -= moved
        return np.maximum(PP - 2 * A * PN + A * A * NN, 0.0), cross


def _sorted(moves: _Moves, n_slots: int) -> _Moves:
    """By cluster and within clusters by slot; so by stratum too."""
    # where the rows of a cluster are adjacent this is nearly their order, which costs little
    order = np.argsort(moves.owner * n_slots + moves.slot, kind="stable")
    owner, slot = moves.owner[order], moves.slot[order]
    return _Moves(owner, slot, moves.P[order], moves.N[order], moves.begun[order])


def _before(change: Vector, first: Codes, length: Codes) -> Vector:
    """Sum of the changes before each, within runs."""
    before = np.cumsum(change) - change
    return np.asarray(before - np.repeat(before[first], length))
