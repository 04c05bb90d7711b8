"""The partial likelihood, its derivatives and its residuals: one kernel for every hazard model.

All of them are functions of sums over event times (`vpstats.models.risksets`). Those are made
block by block and can be added up, whether the blocks are chunks of one array, files or
hospitals; nothing of shape n × p × p exists.

In what follows r is a row's weight times exp(linear predictor); of the d events of a slot the
l-th has a share f = l / d of them taken out of its risk set (Efron) or none (Breslow); its
risk-set sum is ``den = S0 - f E0``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from vpstats.models.covariance import Clusters, cluster_sums, weighted_gram
from vpstats.models.followup import Vector
from vpstats.models.newton import Evaluation, invert
from vpstats.models.risksets import RiskSets

Matrix = NDArray[np.float64]
Index = NDArray[np.integer]

SCORED = 16_384
"""Rows whose scores are made at a time."""


@dataclass(frozen=True, slots=True)
class Sums:
    """Everything that the likelihood and its derivatives need at one point.

    Parameters
    ----------
    risk : ndarray, shape (n,)
        r of each row.
    value : float
        Partial log-likelihood.
    S0, E0 : ndarray, shape (D,)
        Sum of r over the risk set and over the events of each slot.
    S1, E1 : ndarray, shape (D, p)
        The same sums of r × covariates.
    h, e : ndarray, shape (D,)
        Sums over the events of a slot of 1 / den and f / den, times the mean weight: the hazard,
        and the part of it that an event of the slot is spared.
    a, b, c : ndarray, shape (D,)
        Sums of 1, f and f² over den², times the mean weight.
    carried : tuple of ndarray, shapes (J,) and (J, p), optional
        Sums of r and of r × covariates over the rows of each carried cell.
    """

    risk: Vector
    value: float
    S0: Vector
    E0: Vector
    S1: Matrix
    E1: Matrix
    h: Vector
    e: Vector
    a: Vector
    b: Vector
    c: Vector
    carried: tuple[Vector, Matrix] | None = None

    @property
    def mean(self) -> Matrix:
        """Hazard × mean covariates of the risk set, for a row that outlives the slot, (D, p)."""
        mean = self.a[:, None] * self.S1
        if self.b.any():
            mean -= self.b[:, None] * self.E1
        return np.asarray(mean)

    @property
    def spared(self) -> Matrix:
        """What an event of the slot is spared of `mean`, shape (D, p)."""
        if not self.b.any():
            return np.broadcast_to(0.0, self.S1.shape)
        return np.asarray(self.b[:, None] * self.S1 - self.c[:, None] * self.E1)


def predictor(sets: RiskSets, beta: Vector) -> Vector:
    """Log hazard of each row relative to the centre, shape (n,)."""
    eta = sets.rows.X @ beta
    return np.asarray(eta if sets.rows.offset is None else eta + sets.rows.offset)


# far from the maximum sums overflow, which the value then says
@np.errstate(over="ignore", invalid="ignore", divide="ignore")
def sum_up(sets: RiskSets, beta: Vector) -> Sums:
    """Sum the rows up by event time.

    Parameters
    ----------
    sets : RiskSets
        Rows and where they are at risk.
    beta : ndarray, shape (p,)
        Coefficients.

    Returns
    -------
    Sums
        With a value that is not finite where ``exp`` overflows.
    """
    risk, first, second = _sweep(sets, beta)
    (S0, E0, C0), (S1, E1, C1) = _by_slot(sets, first), _by_slot(sets, second)
    carried = None if C0 is None or C1 is None else (C0, C1)
    gained = _gained(sets, beta)
    if sets.apart:
        weight, none = sets.deaths * sets.mean_weight, np.zeros(len(S0))
        h = weight / S0
        value = gained - float(weight @ np.log(S0))
        a = h / S0
        return Sums(risk, _known(value, a), S0, E0, S1, E1, h, none, a, none, none, carried)
    den = np.repeat(S0, sets.deaths) - sets.shares * np.repeat(E0, sets.deaths)
    lost = float(_per_slot(sets, np.log(den)).sum())
    inverse = 1.0 / den
    share = sets.shares * inverse
    h, e = _per_slot(sets, inverse), _per_slot(sets, share)
    pairs = (inverse * inverse, share * inverse, share * share)
    a, b, c = (_per_slot(sets, by_event) for by_event in pairs)
    return Sums(risk, _known(gained - lost, a), S0, E0, S1, E1, h, e, a, b, c, carried)


def _known(value: float, a: Vector) -> float:
    """The value, unless risk sets are so nearly empty that their derivatives overflow."""
    return value if np.isfinite(a).all() else -np.inf


def _sweep(sets: RiskSets, beta: Vector) -> tuple[Vector, Vector, Matrix]:
    """One pass over the rows: r of each, and sums of r and of r × covariates."""
    rows, risk = sets.rows, np.empty(len(sets.rows))

    def weigh(block: slice) -> Vector:
        own = np.matmul(rows.X[block], beta, out=risk[block])
        if rows.offset is not None:
            own += rows.offset[block]
        np.exp(own, out=own)
        if rows.weights is not None:
            own *= rows.weights[block]
        return own

    return (risk, *_add_up(sets, weigh))


def _add_up(sets: RiskSets, values: Callable[[slice], Vector]) -> tuple[Vector, Matrix]:
    """Sums of values and of values × covariates, block by block."""
    first, second = np.zeros(sets.height), np.zeros((0, 0))
    for block, scatter in zip(sets.blocks(), sets.scatters, strict=True):
        own = values(block)
        scatter.data.reshape(len(own), -1)[:] = own[:, None]
        part = scatter @ sets.rows.X[block]
        second = part if not second.size else np.add(second, part, out=second)
        first += np.bincount(scatter.indices, scatter.data, minlength=sets.height)
    return first, second if second.size else np.zeros((sets.height, sets.rows.X.shape[1]))


def _by_slot(
    sets: RiskSets, sums: NDArray[Any]
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any] | None]:
    """Sums over the risk set, the events (0 where they need none) and the carried cells."""
    D, end = len(sets.slots), sets.n_sums - 1
    carried, late = sums[D if sets.apart else 2 * D : end], sums[end + 1 : end + 1 + D]
    if sets.apart:
        own, events = sums[:D], np.broadcast_to(0.0, sums[:D].shape)
    else:
        events = sums[1 : 2 * D : 2]
        own = sums[0 : 2 * D : 2] + events
    if sets.carried is not None:
        own += sets.carried.ending @ carried
    total = sets.slots.into_from_here(own)
    if sets.late is not None:
        # a row that enters at slot k is not at risk at the slots before it
        total -= sets.slots.after(late)
    if sets.carried is None:
        return total, events, None
    total += sets.carried.later(carried)
    return total, events, carried


def _gained(sets: RiskSets, beta: Vector) -> float:
    """Weighted sum of the log hazards of the events."""
    rows = sets.rows
    found = float(sets.event_total @ beta)
    if rows.offset is None:
        return found
    own = rows.offset[sets.events]
    return found + float(own.sum() if rows.weights is None else own @ rows.weights[sets.events])


def _per_slot(sets: RiskSets, by_event: Vector) -> Vector:
    """Mean event weight × sum over the events of each slot."""
    return np.asarray(sets.mean_weight * np.add.reduceat(by_event, sets.death_starts))


def event_sums(sets: RiskSets, by_slot: Vector | None = None) -> Vector:
    """Weighted sum of the events' covariates, shape (p,); each times a value of its slot."""
    if by_slot is None:
        return sets.event_total
    rows, dead = sets.rows, sets.events
    weight = by_slot[sets.cell[dead] // 2]
    if rows.weights is not None:
        weight = weight * rows.weights[dead]
    return np.asarray(weight @ rows.X[dead])


def score(sets: RiskSets, sums: Sums, by_slot: Vector | None = None) -> Vector:
    """Score, shape (p,); each slot's part times `by_slot`."""
    g = 1.0 if by_slot is None else by_slot
    expected = (g * sums.h) @ sums.S1 - (g * sums.e) @ sums.E1
    return np.asarray(event_sums(sets, by_slot) - expected)


def information(sets: RiskSets, sums: Sums, by_slot: Vector | None = None) -> Matrix:
    """Observed information, shape (p, p); each slot's part times `by_slot`."""
    g = np.ones(len(sets.slots)) if by_slot is None else by_slot
    first = weighted_gram(sets.rows.X, sums.risk * exposure(sets, g * sums.h, g * sums.e))
    second = (sums.S1 * (g * sums.a)[:, None]).T @ sums.S1
    if sets.apart:
        return np.asarray(first - second)
    mixed = (sums.S1 * (g * sums.b)[:, None]).T @ sums.E1
    third = (sums.E1 * (g * sums.c)[:, None]).T @ sums.E1
    return np.asarray(first - (second - mixed - mixed.T + third))


def exposure(sets: RiskSets, h: Vector, e: Vector) -> Vector:
    """Sum of h over the slots at which each row is at risk, less e for its own event, (n,)."""
    return _taken(sets, sets.over_sums(h, e), sets.slots.before(sets.slots.so_far(h)))


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
    gained = event_sums(sets)
    return lambda beta: _evaluate(sets, sum_up(sets, beta), gained)


def _evaluate(sets: RiskSets, sums: Sums, gained: Vector) -> Evaluation:
    p = len(gained)
    if not np.isfinite(sums.value):
        return Evaluation(-np.inf, np.full(p, np.nan), np.full((p, p), np.nan))
    gradient = gained - (sums.h @ sums.S1 - sums.e @ sums.E1)
    return Evaluation(sums.value, gradient, information(sets, sums))


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
    gained = event_sums(sets)

    def evaluate(beta: Vector) -> Evaluation:
        sums = sum_up(sets, beta)
        here = _evaluate(sets, sums, gained)
        finite = bool(np.isfinite(here.value))
        sign, logarithm = np.linalg.slogdet(here.information) if finite else (0.0, 0.0)
        if sign <= 0:
            return Evaluation(-np.inf, np.full(len(beta), np.nan), here.information)
        bend = _determinant_slope(sets, sums, here.information)
        value = here.value + penalty * float(logarithm)
        return Evaluation(value, here.score + penalty * bend, here.information)

    return evaluate


def _determinant_slope(sets: RiskSets, sums: Sums, info: Matrix) -> Vector:
    """Gradient of the log determinant of the information, shape (p,)."""
    X, inverse = sets.rows.X, invert(info)
    rotated = X @ inverse
    q = np.einsum("ij,ij->i", rotated, X)
    direct = sums.risk * exposure(sets, sums.h, sums.e) * q
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
    weighed = sums.risk * q
    first, _ = _add_up(sets, lambda block: weighed[block])
    Q0, EQ0, _ = _by_slot(sets, first)
    total = np.column_stack([sums.S0, Q0, sums.S1])
    events = np.column_stack([sums.E0, EQ0, sums.E1])
    left = np.repeat(total, sets.deaths, axis=0)
    left -= sets.shares[:, None] * np.repeat(events, sets.deaths, axis=0)
    means = left[:, 1:] / left[:, :1]
    return means[:, 1:], np.repeat(sets.mean_weight, sets.deaths), means[:, 0]


def mean_tables(sets: RiskSets, sums: Sums) -> tuple[Matrix, Matrix]:
    """Sums of hazard × mean covariates over the slots at risk, by sum and by late entry."""
    mean = sums.mean
    by_late = mean[:0] if sets.late is None else sets.slots.before(sets.slots.so_far(mean))
    return sets.over_sums(mean, sums.spared), by_late


def score_meat(sets: RiskSets, sums: Sums, clusters: Clusters) -> Matrix:
    """Sum over clusters of the outer products of their weighted score residuals, shape (p, p).

    References
    ----------
    Lin DY, Wei LJ. The robust inference for the Cox proportional hazards model. J Am Stat Assoc
    1989;84:1074-1078.
    """
    return Scores(sets, sums).cluster_gram(clusters)


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
        for rows, own in _cluster_blocks(clusters):
            found = self.by_cluster(own, rows)
            total += found.T @ found
        return total


def _sum_pairs(count: int, owner: Index, index: Index, factor: Vector, table: Matrix) -> Matrix:
    """Sum by owner of rows of a table, each times a factor."""
    entries = (factor, (owner, index))
    return np.asarray(sparse.coo_array(entries, shape=(count, len(table))) @ table)


def _cluster_blocks(clusters: Clusters) -> Iterator[tuple[slice, Clusters]]:
    """Blocks of whole clusters where the rows of a cluster are adjacent, else all rows at once."""
    codes = clusters.codes
    if np.any(codes[1:] < codes[:-1]):
        yield slice(0, len(codes)), clusters
        return
    start = 0
    while start < len(codes):
        last = codes[min(start + SCORED, len(codes)) - 1]
        stop = int(np.searchsorted(codes, last, side="right"))
        first = codes[start]
        yield slice(start, stop), Clusters(codes[start:stop] - first, int(last - first) + 1)
        start = stop


def score_factors(sets: RiskSets, sums: Sums) -> tuple[Vector, Vector]:
    """What each row's score has of its own covariates, (n,), and each event of its slot's mean."""
    rows = sets.rows
    direct = exposure(sets, sums.h, sums.e)
    direct *= -sums.risk
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
    return sum_up(without, np.zeros(0)).value
