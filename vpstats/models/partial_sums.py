"""Sums over rows by event time, from which a partial likelihood and its derivatives follow.

Scalars suffice for the value and the score: the score is a weighted sum of the rows' covariates,
whose weights follow from the hazards at the event times. Sums of covariates by event time are
needed for the information and the residuals alone, so they are made apart.

In what follows r is a row's weight times exp(linear predictor); of the d events of a slot the
l-th has a share f = l / d of them taken out of its risk set (Efron) or none (Breslow); its
risk-set sum is ``den = S0 - f E0``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vpstats.models.followup import Vector
from vpstats.models.risksets import RiskSets

Matrix = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Levels:
    """What the likelihood and its score need at one point.

    Parameters
    ----------
    risk : ndarray, shape (n,)
        r of each row.
    value : float
        Partial log-likelihood.
    S0, E0 : ndarray, shape (D,)
        Sum of r over the risk set and over the events of each slot.
    h, e : ndarray, shape (D,)
        Sums over the events of a slot of 1 / den and f / den, times the mean weight: the hazard,
        and the part of it that an event of the slot is spared.
    carried_risk : ndarray, shape (J,), optional
        Sum of r over the rows of each carried cell.
    """

    risk: Vector
    value: float
    S0: Vector
    E0: Vector
    h: Vector
    e: Vector
    carried_risk: Vector | None


@dataclass(frozen=True, slots=True)
class Sums(Levels):
    """Everything that the likelihood and its derivatives need at one point.

    Parameters
    ----------
    S1, E1 : ndarray, shape (D, p)
        Sums of r × covariates over the risk set and over the events of each slot.
    a, b, c : ndarray, shape (D,)
        Sums of 1, f and f² over den², times the mean weight.
    carried_first : ndarray, shape (J, p), optional
        Sum of r × covariates over the rows of each carried cell.
    """

    S1: Matrix
    E1: Matrix
    a: Vector
    b: Vector
    c: Vector
    carried_first: Matrix | None

    @property
    def mean(self) -> Matrix:
        """Hazard × mean covariates of the risk set, for a row that outlives the slot, (D, p)."""
        mean = self.a[:, None] * self.S1
        if self.b.any():
            mean -= self.b[:, None] * self.E1
        return np.asarray(mean)

    @property
    def spared(self) -> Matrix | None:
        """What an event of the slot is spared of `mean`, shape (D, p); None if nothing."""
        if not self.b.any():
            return None
        return np.asarray(self.b[:, None] * self.S1 - self.c[:, None] * self.E1)


# far from the maximum sums overflow, which the value then says
@np.errstate(over="ignore", invalid="ignore", divide="ignore")
def find_levels(sets: RiskSets, beta: Vector) -> Levels:
    """Sum the rows' r up by event time, in one pass over the covariates.

    Parameters
    ----------
    sets : RiskSets
        Rows and where they are at risk.
    beta : ndarray, shape (p,)
        Coefficients.

    Returns
    -------
    Levels
        With a value that is not finite where ``exp`` overflows.
    """
    risk, first = _weigh(sets, beta)
    S0, E0, gone = by_slot(sets, first)
    gained = _gained(sets, beta)
    if sets.apart:
        weight = sets.deaths * sets.mean_weight
        h = weight / S0
        value = _known(gained - float(weight @ np.log(S0)), h / S0)
        return Levels(risk, value, S0, E0, h, np.zeros(len(S0)), gone)
    den = _denominators(sets, S0, E0)
    lost = float(np.repeat(sets.mean_weight, sets.deaths) @ np.log(den))
    inverse = np.divide(1.0, den, out=den)
    value = _known(gained - lost, inverse * inverse)
    h, e = _per_slot(sets, inverse), _per_slot(sets, sets.shares * inverse)
    return Levels(risk, value, S0, E0, h, e, gone)


@np.errstate(over="ignore", invalid="ignore", divide="ignore")
def complete(sets: RiskSets, levels: Levels) -> Sums:
    """Add the sums of the covariates, in one pass over them more.

    Parameters
    ----------
    sets : RiskSets
        Rows and where they are at risk.
    levels : Levels
        Their sums at a point.
    """
    S1, E1, gone = by_slot(sets, add_covariates(sets, levels.risk))
    known = (levels.risk, levels.value, levels.S0, levels.E0, levels.h, levels.e)
    if sets.apart:
        none = levels.e
        a = levels.h / levels.S0
        return Sums(*known, levels.carried_risk, S1, E1, a, none, none, gone)
    inverse = 1.0 / _denominators(sets, levels.S0, levels.E0)
    share = sets.shares * inverse
    pairs = (inverse * inverse, share * inverse, share * share)
    a, b, c = (_per_slot(sets, by_event) for by_event in pairs)
    return Sums(*known, levels.carried_risk, S1, E1, a, b, c, gone)


def sum_up(sets: RiskSets, beta: Vector) -> Sums:
    """Sum the rows up by event time, covariates included.

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
    return complete(sets, find_levels(sets, beta))


def _denominators(sets: RiskSets, S0: Vector, E0: Vector) -> Vector:
    """Risk-set sum of every event."""
    den = np.repeat(E0, sets.deaths)
    den *= sets.shares
    return np.subtract(np.repeat(S0, sets.deaths), den, out=den)


def _known(value: float, squares: Vector) -> float:
    """The value, unless risk sets are so nearly empty that their derivatives overflow."""
    return value if np.isfinite(squares.sum()) else -np.inf


def _weigh(sets: RiskSets, beta: Vector) -> tuple[Vector, Vector]:
    """R of each row, and its sums by where rows end and enter."""
    rows, risk, first = sets.rows, np.empty(len(sets.rows)), np.zeros(sets.height)
    for block in sets.blocks():
        own = np.matmul(rows.X[block], beta, out=risk[block])
        if rows.offset is not None:
            own += rows.offset[block]
        np.exp(own, out=own)
        if rows.weights is not None:
            own *= rows.weights[block]
        _add(sets, block, own, first)
    return risk, first


def _add(sets: RiskSets, block: slice, values: Vector, total: Vector) -> None:
    """Add the values of a block of rows to the sums that they belong to."""
    end = sets.n_sums
    total[:end] += np.bincount(sets.summed[block], values, end)
    if sets.late is not None:
        total[end:] += np.bincount(sets.late[block], values, len(total) - end)


def add_values(sets: RiskSets, values: Vector) -> Vector:
    """Sums of one value of each row by where rows end and, below, by late entry."""
    total = np.zeros(sets.height)
    for block in sets.blocks():
        _add(sets, block, values[block], total)
    return total


def add_covariates(sets: RiskSets, values: Vector) -> Matrix:
    """The same sums of values × covariates, shape (height, p)."""
    total = np.zeros((0, 0))
    for block, scatter in zip(sets.blocks(), sets.scatters, strict=True):
        own = values[block]
        scatter.data.reshape(len(own), -1)[:] = own[:, None]
        part = scatter @ sets.rows.X[block]
        total = part if not total.size else np.add(total, part, out=total)
    return total if total.size else np.zeros((sets.height, sets.rows.X.shape[1]))


def by_slot(
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
        own += sets.carried.ended(carried, D)
    total = sets.slots.into_from_here(own)
    if sets.late is not None:
        # a row that enters at slot k is not at risk at the slots before it
        total -= sets.slots.after(late)
    if sets.carried is None:
        return total, events, None
    total += sets.carried.later(carried, D)
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
    found = np.add.reduceat(by_event, sets.death_starts)
    return np.asarray(found if sets.rows.weights is None else sets.mean_weight * found)
