"""The partial likelihood, its derivatives and its residuals: one kernel for every hazard model.

All of them are functions of sums over event times (`vpstats.models.partial_sums`). Those are made
block by block and can be added up, whether the blocks are chunks of one array, files or
hospitals; nothing of shape n × p × p exists.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from vpstats.models.covariance import Clusters, cluster_sums, weighted_gram
from vpstats.models.followup import Vector
from vpstats.models.newton import Evaluation, invert
from vpstats.models.partial_points import Levels, Point, Sums
from vpstats.models.partial_sums import (
    TABLED,
    add_values,
    by_slot,
    complete,
    find_levels,
    sum_up,
    tabulate,
)
from vpstats.models.risksets import RiskSets

__all__ = [
    "SCORED",
    "Scores",
    "Sums",
    "cluster_blocks",
    "event_sums",
    "expected_events",
    "exposure",
    "information",
    "likelihood",
    "mean_tables",
    "null_log_likelihood",
    "penalised_likelihood",
    "predictor",
    "score",
    "score_factors",
    "slot_means",
    "sum_up",
]

Matrix = NDArray[np.float64]
Index = NDArray[np.integer]

SCORED = 8_192
"""Rows whose scores are made at a time."""
SUMMED = 16_384
"""Rows whose scores are summed by cluster at a time; half as many beside large tables."""


def predictor(sets: RiskSets, beta: Vector) -> Vector:
    """Log hazard of each row relative to the centre, shape (n,)."""
    eta = sets.rows.X @ beta
    return np.asarray(eta if sets.rows.offset is None else eta + sets.rows.offset)


def event_sums(sets: RiskSets, by_slot: Vector | None = None) -> Vector:
    """Weighted sum of the events' covariates, shape (p,); each times a value of its slot."""
    if by_slot is None:
        return sets.event_total
    rows, dead = sets.rows, sets.events
    weight = by_slot[sets.cell[dead] // 2]
    if rows.weights is not None:
        weight = weight * rows.weights[dead]
    return np.asarray(weight @ rows.X[dead])


def score(sets: RiskSets, levels: Levels, by_slot: Vector | None = None) -> Vector:
    """Score, shape (p,); each slot's part times `by_slot`."""
    expected = expected_events(sets, levels, by_slot)
    return np.asarray(event_sums(sets, by_slot) - expected @ sets.rows.X)


def information(sets: RiskSets, sums: Point, by_slot: Vector | None = None) -> Matrix:
    """Observed information, shape (p, p); each slot's part times `by_slot`."""
    found = weighted_gram(sets.rows.X, expected_events(sets, sums, by_slot))
    for block in sums.blocks():
        g = 1.0 if by_slot is None else by_slot[block.own]
        S1, E1 = block.S1, block.E1
        found -= (S1 * (g * block.a)[:, None]).T @ S1
        if not sets.apart:
            mixed = (S1 * (g * block.b)[:, None]).T @ E1
            found += mixed + mixed.T - (E1 * (g * block.c)[:, None]).T @ E1
    return found


def expected_events(sets: RiskSets, levels: Levels, by_slot: Vector | None = None) -> Vector:
    """Weighted number of events expected of each row, each slot's times `by_slot`, shape (n,)."""
    g = 1.0 if by_slot is None else by_slot
    expected = exposure(sets, g * levels.h, g * levels.e)
    expected *= levels.risk
    return expected


def exposure(sets: RiskSets, h: Vector, e: Vector) -> Vector:
    """Sum of h over the slots at which each row is at risk, less e for its own event, (n,)."""
    by_late = h[:0] if sets.late is None else sets.slots.before(sets.slots.so_far(h))
    return _taken(sets, sets.over_sums(h, e), by_late)


def _taken(sets: RiskSets, by_sum: NDArray[Any], by_late: NDArray[Any]) -> NDArray[Any]:
    """The value of each row, from values by what rows add to and by late entry."""
    found = by_sum.take(sets.summed, axis=0)
    if sets.late is not None:
        found -= by_late.take(sets.late, axis=0)
    return np.asarray(found)


def likelihood(sets: RiskSets) -> Callable[[Vector], Evaluation]:
    """Partial log-likelihood, score and information as a function of the coefficients.

    References
    ----------
    Cox DR. Regression models and life-tables. J R Stat Soc B 1972;34:187-220. Efron B. The
    efficiency of Cox's likelihood function for censored data. J Am Stat Assoc 1977;72:557-565.
    Breslow N. Covariance analysis of censored survival data. Biometrics 1974;30:89-99.
    """
    return lambda beta: _evaluate(sets, find_levels(sets, beta))[0]


def _evaluate(sets: RiskSets, levels: Levels) -> tuple[Evaluation, Point | None]:
    """The likelihood, and the sums that it was made of; none where it is not finite."""
    p = sets.rows.X.shape[1]
    if not np.isfinite(levels.value):
        return Evaluation(-np.inf, np.full(p, np.nan), np.full((p, p), np.nan)), None
    sums = complete(sets, levels)
    return Evaluation(levels.value, score(sets, levels), information(sets, sums)), sums


def penalised_likelihood(sets: RiskSets, penalty: float = 0.5) -> Callable[[Vector], Evaluation]:
    """Firth's partial log-likelihood: plus `penalty` times the log determinant of the information.

    Parameters
    ----------
    sets : RiskSets
        Rows and where they are at risk.
    penalty : float
        1/2 is Jeffreys' prior; 0 is maximum likelihood.

    Returns
    -------
    callable
        Coefficients to the penalised value, the modified score and the unpenalised information.

    Notes
    -----
    The derivative of the log determinant is the trace of the inverse information times the third
    moments of the covariates in the risk sets. With ``q = x' A x`` it is made of sums over rows
    that are of the same form as those of the score, so no third-order array exists.

    References
    ----------
    Heinze G, Schemper M. A solution to the problem of monotone likelihood in Cox regression.
    Biometrics 2001;57:114-119.
    """

    def evaluate(beta: Vector) -> Evaluation:
        here, sums = _evaluate(sets, find_levels(sets, beta))
        sign, logarithm = (0.0, 0.0) if sums is None else np.linalg.slogdet(here.information)
        if sums is None or sign <= 0:
            return Evaluation(-np.inf, np.full(len(beta), np.nan), here.information)
        bend = _determinant_slope(sets, tabulate(sets, sums), here.information)
        value = here.value + penalty * float(logarithm)
        return Evaluation(value, here.score + penalty * bend, here.information)

    return evaluate


def _determinant_slope(sets: RiskSets, sums: Sums, info: Matrix) -> Vector:
    """Gradient of the log determinant of the information, shape (p,)."""
    X, inverse = sets.rows.X, invert(info)
    rotated = X @ inverse
    q = np.einsum("ij,ij->i", rotated, X)
    direct = expected_events(sets, sums) * q
    by_sum, by_late = mean_tables(sets, sums)
    mixed = sums.risk * np.einsum("ij,ij->i", rotated, _taken(sets, by_sum, by_late))
    means, weight, level = _event_means(sets, sums, q)
    squared = np.einsum("ij,ij->i", means @ inverse, means)
    centred = (weight * (2 * squared - level)) @ means
    return np.asarray((direct - 2 * mixed) @ X + centred)


def _event_means(sets: RiskSets, sums: Sums, q: Vector) -> tuple[Matrix, Vector, Vector]:
    """Means of the covariates and of q over the risk set at each of the K events.

    Returns the means, shape (K, p), the mean weight of the events of the slot, and the mean of q.
    """
    Q0, EQ0, _ = by_slot(sets, add_values(sets, sums.risk * q))
    total = np.column_stack([sums.S0, Q0, sums.S1])
    events = np.column_stack([sums.E0, EQ0, sums.E1])
    left = np.repeat(total, sets.deaths, axis=0)
    left -= sets.shares[:, None] * np.repeat(events, sets.deaths, axis=0)
    means = left[:, 1:] / left[:, :1]
    return means[:, 1:], np.repeat(sets.mean_weight, sets.deaths), means[:, 0]


def mean_tables(sets: RiskSets, sums: Sums) -> tuple[Matrix, Matrix]:
    """Sums of hazard × mean covariates over the slots at risk, by sum and by late entry."""
    if not sets.apart or sets.late is not None or sets.carried is not None:
        mean = sums.mean
        by_late = mean[:0] if sets.late is None else sets.slots.before(sets.slots.so_far(mean))
        return sets.over_sums(mean, sums.spared), by_late
    # each of these tables may be as large as a good part of the covariates
    D, found = len(sets.slots), np.zeros((sets.n_sums, sums.S1.shape[1]))
    means = np.multiply(sums.a[:, None], sums.S1, out=found[:D])
    known = sets.slots.into_so_far(means)
    if known is not means:
        found[:D] = known
    return found, found[:0]


class Scores:
    """Weighted score residuals of rows, made when they are asked for.

    A row's score residual is its own event's ``x - mean`` less what it contributed to every
    risk set it was in; with Efron's ties the mean is that over the events of the slot, so the
    order of the rows plays no part.

    Parameters
    ----------
    sets : RiskSets
        Rows and where they are at risk.
    sums : Sums
        Their sums at the estimate.
    more : sequence of (index, table)
        What else a row's score holds: its weight times the table's row at its index.

    References
    ----------
    Therneau TM, Grambsch PM (2000), section 7.2.
    """

    def __init__(
        self, sets: RiskSets, sums: Sums, more: Sequence[tuple[Index, Matrix]] = ()
    ) -> None:
        self.sets, self.rows = sets, sets.rows
        self.direct, self.own = score_factors(sets, sums)
        by_sum, by_late = mean_tables(sets, sums)
        self.parts: list[tuple[Vector | None, Index, Matrix]] = [(sums.risk, sets.summed, by_sum)]
        if sets.late is not None:
            self.parts.append((sums.risk, sets.late, -by_late))
        self.parts += [(sets.rows.weights, index, table) for index, table in more]
        self.means, self.share = slot_means(sets, sums)

    def of(self, rows: slice | Index) -> Matrix:
        """Scores of some rows, shape (number of them, p)."""
        size = (len(self.direct[rows]), self.rows.X.shape[1])
        return self._write(rows, np.empty(size), np.empty(size))

    def _write(self, rows: slice | Index, found: Matrix, spare: Matrix) -> Matrix:
        """Scores of some rows, written to an array of ours."""
        np.multiply(self.rows.X[rows], self.direct[rows, None], out=found)
        for factor, index, table in self.parts:
            table.take(index[rows], axis=0, out=spare, mode="clip")
            if factor is not None:
                spare *= factor[rows, None]
            found += spare
        events = np.flatnonzero(self.rows.dead[rows])
        slot = self.sets.cell[rows][events] // 2
        factor = self.share.take(slot)
        if self.rows.weights is not None:
            factor *= self.rows.weights[rows][events]
        found[events] -= self.means.take(slot, axis=0) * factor[:, None]
        return found

    def gram(self, scale: Vector | None = None) -> Matrix:
        """Sum over rows of the outer products of their scores, each times its scale."""
        n, p = self.rows.X.shape
        total = np.zeros((p, p))
        # one pair of arrays for all blocks: to ask for memory anew costs more than to fill it
        pair = np.empty((2, min(SCORED, n), p))
        for start in range(0, n, SCORED):
            block = slice(start, min(start + SCORED, n))
            found = self._write(block, *pair[:, : block.stop - start])
            if scale is not None:
                found *= scale[block, None]
            total += found.T @ found
        return total

    def by_cluster(self, clusters: Clusters, rows: slice | None = None) -> Matrix:
        """Scores summed by cluster, shape (G, p); of the clusters of some rows alone."""
        rows = slice(0, len(self.rows)) if rows is None else rows
        total = cluster_sums(self.rows.X[rows], self.direct[rows], clusters)
        for weight, index, table in self.parts:
            factor = np.ones(len(clusters.codes)) if weight is None else weight[rows]
            total += _sum_pairs(clusters.count, clusters.codes, index[rows], factor, table)
        first, last = np.searchsorted(self.sets.events, [rows.start, rows.stop])
        events = self.sets.events[first:last]
        owner, slot = clusters.codes[events - rows.start], self.sets.cell[events] // 2
        factor = self.own[first:last] * self.share.take(slot)
        total -= _sum_pairs(clusters.count, owner, slot, factor, self.means)
        return total

    def cluster_gram(self, clusters: Clusters) -> Matrix:
        """Sum over clusters of the outer products of their summed scores, shape (p, p)."""
        total = np.zeros((self.rows.X.shape[1],) * 2)
        size = SUMMED if len(self.means) <= TABLED else SUMMED // 2
        for rows, own in cluster_blocks(clusters, size):
            found = self.by_cluster(own, rows)
            total += found.T @ found
        return total


def _sum_pairs(count: int, owner: Index, index: Index, factor: Vector, table: Matrix) -> Matrix:
    """Sum by owner of rows of a table, each times a factor."""
    shape = (count, len(table))
    if not _ascend(owner):
        return np.asarray(sparse.coo_array((factor, (owner, index)), shape=shape) @ table)
    starts = np.zeros(count + 1, dtype=np.int32)
    np.cumsum(np.bincount(owner, minlength=count), out=starts[1:])
    return np.asarray(sparse.csr_array((factor, index, starts), shape=shape) @ table)


def _ascend(owner: Index) -> bool:
    """Whether rows of an owner are adjacent, owners in their order."""
    return not bool(np.any(owner[1:] < owner[:-1]))


def cluster_blocks(clusters: Clusters, size: int = SCORED) -> Iterator[tuple[slice, Clusters]]:
    """Blocks of whole clusters where the rows of a cluster are adjacent, else all rows at once.

    Parameters
    ----------
    clusters : Clusters
        Cluster of each row.
    size : int
        Rows of a block; more where a cluster has more.
    """
    codes = clusters.codes
    if not _ascend(codes):
        yield slice(0, len(codes)), clusters
        return
    start = 0
    while start < len(codes):
        last = codes[min(start + size, len(codes)) - 1]
        stop = int(np.searchsorted(codes, last, side="right"))
        first = codes[start]
        yield slice(start, stop), Clusters(codes[start:stop] - first, int(last - first) + 1)
        start = stop


def score_factors(sets: RiskSets, sums: Sums) -> tuple[Vector, Vector]:
    """What each row's score has of its own covariates, (n,), and each event of its slot's mean."""
    rows = sets.rows
    direct = expected_events(sets, sums)
    np.negative(direct, out=direct)
    own = np.ones(sets.events.size) if rows.weights is None else rows.weights[sets.events]
    direct[sets.events] += own
    return direct, own


def slot_means(sets: RiskSets, sums: Sums) -> tuple[Matrix, Vector]:
    """Mean covariates of the risk set over the events of each slot: a table times a factor.

    Shapes (D, p) and (D,); the factor is 0 where all events of a slot weigh nothing.
    """
    share = sets.deaths * sets.mean_weight
    factor = np.divide(1.0, share, out=np.zeros(len(share)), where=share > 0)
    if sets.apart:
        return sums.S1, sums.h * factor
    return sums.h[:, None] * sums.S1 - sums.e[:, None] * sums.E1, factor


def null_log_likelihood(sets: RiskSets) -> float:
    """Partial log-likelihood with no effect of any covariate."""
    without = replace(sets, rows=replace(sets.rows, X=sets.rows.X[:, :0]))
    return find_levels(without, np.zeros(0)).value
