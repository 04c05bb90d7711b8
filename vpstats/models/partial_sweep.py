"""Score residuals in order of time, where tables by event time would be as large as the rows.

A row's residual needs sums over the event times up to its end. Taken in order of time the rows need
no more than the sums at a few event times at once, which are carried over from block to block.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vpstats.models.covariance import Clusters
from vpstats.models.followup import Codes, Vector
from vpstats.models.partial import Scores
from vpstats.models.partial_points import STEP, Block, Point, Swept
from vpstats.models.partial_sums import tabulate
from vpstats.models.risksets import Index, RiskSets

Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class Reach:
    """Sums of means over the slots of a block of m.

    Parameters
    ----------
    block : Block
        The block.
    so_far : ndarray, shape (m + 1, p)
        Sum of the means of the slots of the stratum before each, and up to the last.
    ahead : ndarray, shape (m + 1, p), optional
        Sum of the means × weights of what is carried, from each slot on and after the last.
    """

    block: Block
    so_far: Matrix
    ahead: Matrix | None

    def part(self, slot: Codes) -> Codes:
        """Position in the sums that holds all up to a slot, and behind it what lies ahead."""
        return np.asarray(slot - (self.block.own.start - 1))


class SweptScores:
    """Weighted score residuals of rows, in order of time; see `vpstats.models.partial.Scores`.

    Parameters
    ----------
    sets : RiskSets
        Rows and where they are at risk, none of them entering late.
    sums : Swept
        Their sums at the estimate.
    """

    def __init__(self, sets: RiskSets, sums: Swept) -> None:
        self.sets, self.sums = sets, sums
        self.by_sum = sets.over_sums(sums.h, sums.e)
        share = sets.deaths * sets.mean_weight
        self.share = np.divide(1.0, share, out=np.zeros(len(share)), where=share > 0)

    def parts(self) -> Iterator[tuple[Index, Matrix]]:
        """Rows whose scores may differ from 0, some at a time, and their scores."""
        each = 1 if self.sets.apart else 2
        ending = self.sets.ending
        for reach in self.reaches():
            own = reach.block.own
            first, stop = ending.starts[each * own.start], ending.starts[each * own.stop]
            for rows in some_rows(ending.rows[first:stop]):
                yield rows, self.scores(reach, rows, self.sets.cell.take(rows) >> 1)

    def reaches(self) -> Iterator[Reach]:
        """Sums of means block by block, the first first."""
        edges, slots = self.sums.edges, self.sets.slots
        passed = np.zeros(self.sets.rows.X.shape[1])
        for k, (first, _) in enumerate(edges.bounds):
            block = self.sums.block(k)
            mean = block.mean
            if slots.first[first] == first:
                passed = np.zeros_like(passed)
            so_far = np.vstack([passed, mean])
            np.cumsum(so_far, axis=0, out=so_far)
            passed = so_far[-1].copy()
            yield Reach(block, so_far, self._ahead(block, mean, edges.mean[k]))

    def _ahead(self, block: Block, mean: Matrix, after: Vector) -> Matrix | None:
        """Sums of means × weights of what is carried, from each slot on; of its own means."""
        carried = self.sets.carried
        if carried is None:
            return None
        mean *= carried.weight[block.own, None]
        found = np.vstack([mean, after])
        flipped = found[::-1]
        np.cumsum(flipped, axis=0, out=flipped)
        return found

    def scores(self, reach: Reach, rows: Index, slot: Codes) -> Matrix:
        """Scores of rows whose last slot is given: one of a block, or the one before it."""
        sets, part = self.sets, reach.part(slot)
        risk, events = self.sums.risk.take(rows), np.flatnonzero(sets.rows.dead.take(rows))
        direct = -risk * self.by_sum.take(sets.summed.take(rows))
        weights = sets.rows.weights
        direct[events] += 1.0 if weights is None else weights.take(rows[events])
        found = sets.rows.X.take(rows, axis=0)
        found *= direct[:, None]
        more = reach.so_far.take(part, axis=0)
        if reach.ahead is not None:
            self._carry(more, reach.ahead, rows, part)
        more *= risk[:, None]
        found += more
        found[events] -= self._of_events(reach.block, rows[events], part[events] - 1)
        return found

    def _carry(self, found: Matrix, ahead: Matrix, rows: Index, part: Codes) -> None:
        """Add what lies ahead of the rows among some that are carried."""
        carried = self.sets.carried
        assert carried is not None  # noqa: S101  # asked for where there are some
        member = self.sets.cell.take(rows) - 2 * len(self.sets.slots)
        own = np.flatnonzero((member >= 0) & (member < len(carried)))
        found[own] += ahead.take(part[own], axis=0) * carried.factor.take(member[own])[:, None]

    def _of_events(self, block: Block, rows: Index, at: Codes) -> Matrix:
        """Mean covariates at the slots of events, and what Efron's ties spare the events."""
        weights, slot = self.sets.rows.weights, at + block.own.start
        factor = self.share.take(slot)
        if weights is not None:
            factor *= weights.take(rows)
        h, e = self.sums.h.take(slot) * factor, self.sums.e.take(slot) * factor
        found = block.S1.take(at, axis=0)
        if self.sets.apart:
            found *= h[:, None]
            return found
        spared = self.sums.risk.take(rows)
        h += spared * block.b.take(at)
        e += spared * block.c.take(at)
        found *= h[:, None]
        found -= block.E1.take(at, axis=0) * e[:, None]
        return found

    def gram(self, scale: Vector | None = None) -> Matrix:
        """Sum over rows of the outer products of their scores, each times its scale."""
        total = np.zeros((self.sets.rows.X.shape[1],) * 2)
        for rows, found in self.parts():
            if scale is not None:
                found *= scale.take(rows)[:, None]
            total += found.T @ found
        return total

    def by_cluster(self, clusters: Clusters) -> Matrix:
        """Scores summed by cluster, shape (G, p)."""
        total = np.zeros((clusters.count, self.sets.rows.X.shape[1]))
        for rows, found in self.parts():
            owner = clusters.codes.take(rows)
            order = np.argsort(owner, kind="stable")
            owner = owner[order]
            first = np.flatnonzero(np.diff(owner, prepend=-1))
            total[owner[first]] += np.add.reduceat(found[order], first, axis=0)
        return total

    def cluster_gram(self, clusters: Clusters) -> Matrix:
        """Sum over clusters of the outer products of their summed scores, shape (p, p)."""
        total = self.by_cluster(clusters)
        return np.asarray(total.T @ total)


def score_meat(sets: RiskSets, sums: Point, clusters: Clusters) -> Matrix:
    """Sum over clusters of the outer products of their weighted score residuals, shape (p, p).

    References
    ----------
    Lin DY, Wei LJ. The robust inference for the Cox proportional hazards model. J Am Stat Assoc
    1989;84:1074-1078.
    """
    # a table takes a row per event time, and two are needed; sums by cluster a row per cluster
    if isinstance(sums, Swept) and clusters.count < 2 * len(sets.slots):
        return SweptScores(sets, sums).cluster_gram(clusters)
    return Scores(sets, tabulate(sets, sums)).cluster_gram(clusters)


def some_rows(rows: Index) -> Iterator[Index]:
    """`STEP` rows at a time; none if there are none."""
    return (rows[start : start + STEP] for start in range(0, len(rows), STEP))
