"""The partial likelihood, its derivatives and its residuals: one kernel for every hazard model.

All of them are functions of sums over event times (`vpstats.models.risksets`). Those are made
block by block and can be added up, whether the blocks are chunks of one array, files or
hospitals; nothing of shape n × p × p exists.

In what follows r is a row's weight times exp(linear predictor); of the d events of a slot the
l-th has a share f = l / d of them taken out of its risk set (Efron) or none (Breslow); its
risk-set sum is ``den = S0 - f E0``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from vpstats.models.covariance import Clusters, cluster_sums, weighted_gram
from vpstats.models.followup import Vector
from vpstats.models.newton import Evaluation, invert
from vpstats.models.risksets import Index, RiskSets

Matrix = NDArray[np.float64]


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

    @property
    def mean(self) -> Matrix:
        """Hazard × mean covariates of the risk set, for a row that outlives the slot, (D, p)."""
        return self.a[:, None] * self.S1 - self.b[:, None] * self.E1

    @property
    def spared(self) -> Matrix:
        """What an event of the slot is spared of `mean`, shape (D, p)."""
        return self.b[:, None] * self.S1 - self.c[:, None] * self.E1


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
    rows = sets.rows
    eta = predictor(sets, beta)
    risk = np.exp(eta)
    if rows.weights is not None:
        risk *= rows.weights
    (S0, E0), (S1, E1) = _by_slot(sets, risk)
    own = eta[rows.dead]
    gained = float(own.sum() if rows.weights is None else own @ rows.weights[rows.dead])
    den = np.repeat(S0, sets.deaths) - sets.shares * np.repeat(E0, sets.deaths)
    lost = float(_per_slot(sets, np.log(den)).sum())
    inverse = 1.0 / den
    h, e = _per_slot(sets, inverse), _per_slot(sets, sets.shares * inverse)
    a, b, c = (_per_slot(sets, sets.shares**k * inverse**2) for k in range(3))
    return Sums(risk, gained - lost, S0, E0, S1, E1, h, e, a, b, c)


def _by_slot(sets: RiskSets, risk: Vector) -> tuple[tuple[Vector, Vector], tuple[Matrix, Matrix]]:
    """Sums of r and of r × covariates over the risk set and the events of each slot."""
    rows, D = sets.rows, len(sets.slots)
    height = sets.n_cells if sets.late is None else sets.n_cells + D + 1
    table = np.zeros((height, rows.X.shape[1] + 1))
    for block, scatter in zip(sets.blocks(), sets.scatters, strict=True):
        entries = scatter.data.reshape(len(rows.exit[block]), -1)
        entries[:] = risk[block, None]
        table[:, 1:] += scatter @ rows.X[block]
        table[:, 0] += np.bincount(scatter.indices, scatter.data, minlength=height)
    events = table[1 : 2 * D : 2]
    total = sets.slots.from_here(table[0 : 2 * D : 2] + events)
    if sets.late is not None:
        # a row that enters at slot k is not at risk at the slots before it
        total -= sets.slots.after(table[sets.n_cells : sets.n_cells + D])
    return (total[:, 0], events[:, 0]), (total[:, 1:], events[:, 1:])


def _per_slot(sets: RiskSets, by_event: Vector) -> Vector:
    """Mean event weight × sum over the events of each slot."""
    return np.asarray(sets.mean_weight * np.add.reduceat(by_event, sets.death_starts))


def event_sums(sets: RiskSets, by_slot: Vector | None = None) -> Vector:
    """Weighted sum of the events' covariates, shape (p,); each times a value of its slot."""
    dead = sets.rows.dead
    weight = (
        np.ones(np.count_nonzero(dead)) if sets.rows.weights is None else sets.rows.weights[dead]
    )
    if by_slot is not None:
        weight = weight * by_slot[sets.cell[dead] // 2]
    return np.asarray(weight @ sets.rows.X[dead])


def score(sets: RiskSets, sums: Sums, by_slot: Vector | None = None) -> Vector:
    """Score, shape (p,); each slot's part times `by_slot`."""
    g = 1.0 if by_slot is None else by_slot
    expected = (g * sums.h) @ sums.S1 - (g * sums.e) @ sums.E1
    return np.asarray(event_sums(sets, by_slot) - expected)


def information(sets: RiskSets, sums: Sums, by_slot: Vector | None = None) -> Matrix:
    """Observed information, shape (p, p); each slot's part times `by_slot`."""
    g = np.ones(len(sets.slots)) if by_slot is None else by_slot
    first = weighted_gram(sets.rows.X, sums.risk * exposure(sets, g * sums.h, g * sums.e))
    mixed = (sums.S1 * (g * sums.b)[:, None]).T @ sums.E1
    second = (sums.S1 * (g * sums.a)[:, None]).T @ sums.S1
    third = (sums.E1 * (g * sums.c)[:, None]).T @ sums.E1
    return np.asarray(first - (second - mixed - mixed.T + third))


def exposure(sets: RiskSets, h: Vector, e: Vector) -> Vector:
    """Sum of h over the slots at which each row is at risk, less e for its own event, (n,)."""
    cumulative = sets.slots.so_far(h)
    by_cell = np.zeros(sets.n_cells)
    by_cell[0:-1:2] = cumulative
    by_cell[1::2] = cumulative - e
    return np.asarray(sets.spread(by_cell, sets.slots.before(cumulative)))


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


def penalised_likelihood(sets: RiskSets) -> Callable[[Vector], Evaluation]:
    """Partial log-likelihood plus half the log determinant of the information.

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
        modified = here.score + _half_third_moments(sets, sums, here.information)
        return Evaluation(here.value + float(logarithm) / 2, modified, here.information)

    return evaluate


def _half_third_moments(sets: RiskSets, sums: Sums, info: Matrix) -> Vector:
    """Half the gradient of the log determinant of the information, shape (p,)."""
    X, inverse = sets.rows.X, invert(info)
    rotated = X @ inverse
    q = np.einsum("ij,ij->i", rotated, X)
    direct = sums.risk * exposure(sets, sums.h, sums.e) * q
    by_cell, by_late = _mean_tables(sets, sums)
    mixed = sums.risk * np.einsum("ij,ij->i", rotated, sets.spread(by_cell, by_late))
    means, weight, level = _event_means(sets, sums, q)
    squared = np.einsum("ij,ij->i", means @ inverse, means)
    centred = (weight * (2 * squared - level)) @ means
    return np.asarray(((direct - 2 * mixed) @ X + centred) / 2)


def _event_means(sets: RiskSets, sums: Sums, q: Vector) -> tuple[Matrix, Vector, Vector]:
    """Means of the covariates and of q over the risk set at each of the K events.

    Returns the means, shape (K, p), the mean weight of the events of the slot, and the mean of q.
    """
    (Q0, EQ0), _ = _by_slot(sets, sums.risk * q)
    events = np.column_stack([sums.E0, EQ0, sums.E1])
    total = np.column_stack([sums.S0, Q0, sums.S1])
    left = np.repeat(total, sets.deaths, axis=0)
    left -= sets.shares[:, None] * np.repeat(events, sets.deaths, axis=0)
    means = left[:, 1:] / left[:, :1]
    return means[:, 1:], np.repeat(sets.mean_weight, sets.deaths), means[:, 0]


def _mean_tables(sets: RiskSets, sums: Sums) -> tuple[Matrix, Matrix]:
    """By cell and by late entry: sum of hazard × mean covariates over the slots at risk."""
    cumulative = sets.slots.so_far(sums.mean)
    by_cell = np.zeros((sets.n_cells, cumulative.shape[1]))
    by_cell[0:-1:2] = cumulative
    by_cell[1::2] = cumulative - sums.spared
    return by_cell, sets.slots.before(cumulative)


def score_meat(sets: RiskSets, sums: Sums, clusters: Clusters) -> Matrix:
    """Sum over clusters of the outer products of their weighted score residuals, shape (p, p).

    A row's score residual is its own event's ``x - mean`` less what it contributed to every
    risk set it was in; with Efron's ties the mean is that over the events of the slot, so the
    order of the rows plays no part.

    References
    ----------
    Lin DY, Wei LJ. The robust inference for the Cox proportional hazards model. J Am Stat Assoc
    1989;84:1074-1078. Therneau TM, Grambsch PM (2000), section 7.2.
    """
    rows = sets.rows
    weight = rows.dead.astype(float) if rows.weights is None else rows.weights * rows.dead
    direct = weight - sums.risk * exposure(sets, sums.h, sums.e)
    total = cluster_sums(rows.X, direct, clusters)
    by_cell, by_late = _mean_tables(sets, sums)
    total += _sum_pairs(clusters, sets.cell, sums.risk, by_cell)
    if sets.late is not None:
        total -= _sum_pairs(clusters, sets.late, sums.risk, by_late)
    share = sets.deaths * sets.mean_weight
    expected = sums.h[:, None] * sums.S1 - sums.e[:, None] * sums.E1
    by_slot = np.zeros((sets.n_cells, expected.shape[1]))
    by_slot[1::2] = np.divide(expected, share[:, None], where=share[:, None] > 0, out=0 * expected)
    total -= _sum_pairs(clusters, sets.cell, weight, by_slot)
    return np.asarray(total.T @ total)


def _sum_pairs(clusters: Clusters, cell: Index, factor: Vector, table: Matrix) -> Matrix:
    """Sum over the rows of each cluster of factor × the table's row of the cell."""
    shape = (clusters.count, len(table))
    return np.asarray(sparse.coo_array((factor, (clusters.codes, cell)), shape=shape) @ table)


def null_log_likelihood(sets: RiskSets) -> float:
    """Partial log-likelihood with no effect of any covariate."""
    without = replace(sets, rows=replace(sets.rows, X=sets.rows.X[:, :0]))
    return sum_up(without, np.zeros(0)).value
