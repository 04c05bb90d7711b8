"""Sums over rows by event time, from which a partial likelihood and its derivatives follow.

Scalars suffice for the value and the score: the score is a weighted sum of the rows' covariates,
whose weights follow from the hazards at the event times. Sums of covariates by event time are
needed for the information and the residuals alone, so they are made apart.

In what follows r is a row's weight times exp(linear predictor); of the d events of a slot the
l-th has a share f = l / d of them taken out of its risk set (Efron) or none (Breslow); its
risk-set sum is ``den = S0 - f E0``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from vpstats.models.followup import Vector
from vpstats.models.partial_points import Levels, Point, Sums, Swept
from vpstats.models.risksets import RiskSets

Matrix = NDArray[np.float64]

TABLED = 16_384
"""Event times (or times of observation) up to which sums of covariates are kept as tables."""
_SHARE = 0.25
"""Sums by event time over rows from which on tables are not kept: they take that much memory."""


# far from the maximum sums overflow, which the value then says
@np.errstate(over="ignore", invalid="ignore", divide="ignore")
def find_levels(sets: RiskSets, beta: Vector, into: Vector | None = None) -> Levels:
    """Sum the rows' r up by event time, in one pass over the covariates.

    Parameters
    ----------
    sets : RiskSets
        Rows and where they are at risk.
    beta : ndarray, shape (p,)
        Coefficients.
    into : ndarray, shape (n,), optional
        Where to write r of each row, such as that of a point which is left.

    Returns
    -------
    Levels
        With a value that is not finite where ``exp`` overflows.
    """
    risk = np.empty(len(sets.rows)) if into is None else into
    first = _weigh(sets, beta, risk)
    S0, E0, gone = by_slot(sets, first)
    gained = _gained(sets, beta)
    if sets.apart:
        weight = sets.deaths * sets.mean_weight
        h = weight / S0
        value = _known(gained - float(weight @ np.log(S0)), h / S0)
        return Levels(risk, value, S0, E0, h, np.broadcast_to(0.0, h.shape), gone)
    den = _denominators(sets, S0, E0)
    lost = float(np.repeat(sets.mean_weight, sets.deaths) @ np.log(den))
    inverse = np.divide(1.0, den, out=den)
    value = _known(gained - lost, inverse * inverse)
    h, e = _per_slot(sets, inverse), _per_slot(sets, sets.shares * inverse)
    return Levels(risk, value, S0, E0, h, e, gone)


@np.errstate(over="ignore", invalid="ignore", divide="ignore")
def complete(sets: RiskSets, levels: Levels) -> Point:
    """Add the sums of the covariates, in one pass over them more.

    Parameters
    ----------
    sets : RiskSets
        Rows and where they are at risk.
    levels : Levels
        Their sums at a point.

    Returns
    -------
    Point
        With tables, or where event times are many with what makes them block by block.
    """
    many = len(sets.slots) > TABLED and sets.n_sums > _SHARE * len(sets.rows)
    return sweep(sets, levels) if many and sets.sweeps else _tabled(sets, levels)


def sweep(sets: RiskSets, levels: Levels) -> Swept:
    """The same, block by block however few event times there are; of sets that `sweeps`."""
    return Swept(*_known_of(levels), *_squares(sets, levels), sets)


def tabulate(sets: RiskSets, point: Point) -> Sums:
    """The same point with its sums of covariates as tables, made without a further copy of them."""
    if isinstance(point, Sums):
        return point
    if sets.carried is not None:
        return _tabled(sets, point)
    S1 = np.empty((len(sets.slots), sets.rows.X.shape[1]))
    E1 = np.broadcast_to(0.0, S1.shape) if sets.apart else np.empty_like(S1)
    for block in point.blocks():
        S1[block.own] = block.S1
        if not sets.apart:
            E1[block.own] = block.E1
    return Sums(*_known_of(point), point.a, point.b, point.c, S1, E1, None)


def mean_so_far(sets: RiskSets, point: Point) -> Matrix:
    """Sums of hazard × mean covariates up to each slot of its stratum, shape (D, p)."""
    if isinstance(point, Sums):
        return sets.slots.into_so_far(point.mean)
    found = np.empty((len(sets.slots), sets.rows.X.shape[1]))
    for block in point.blocks():
        found[block.own] = block.mean
    return sets.slots.into_so_far(found)


def _known_of(
    levels: Levels,
) -> tuple[Vector, float, Vector, Vector, Vector, Vector, Vector | None]:
    """The sums of a point that need no covariates."""
    known = levels.S0, levels.E0, levels.h, levels.e, levels.carried_risk
    return levels.risk, levels.value, *known


def _tabled(sets: RiskSets, levels: Levels) -> Sums:
    S1, E1, gone = by_slot(sets, _by_end(sets, levels.risk))
    return Sums(*_known_of(levels), *_squares(sets, levels), S1, E1, gone)


def _by_end(sets: RiskSets, values: Vector) -> Matrix:
    """Sums of values × covariates by where rows end and enter, of many times in one go."""
    if len(sets.slots) <= TABLED or sets.late is not None or sets.carried is not None:
        return add_covariates(sets, values)
    size = len(sets.slots) if sets.apart else 2 * len(sets.slots)
    return sets.ending.sums(sets.rows.X, values, 0, size)


def _squares(sets: RiskSets, levels: Levels) -> tuple[Vector, Vector, Vector]:
    """The sums a, b and c of a point."""
    if sets.apart:
        return levels.h / levels.S0, levels.e, levels.e
    inverse = 1.0 / _denominators(sets, levels.S0, levels.E0)
    share = sets.shares * inverse
    pairs = (inverse * inverse, share * inverse, share * share)
    a, b, c = (_per_slot(sets, by_event) for by_event in pairs)
    return a, b, c


@np.errstate(over="ignore", invalid="ignore", divide="ignore")
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
    return tabulate(sets, complete(sets, find_levels(sets, beta)))


def _denominators(sets: RiskSets, S0: Vector, E0: Vector) -> Vector:
    """Risk-set sum of every event."""
    den = np.repeat(E0, sets.deaths)
    den *= sets.shares
    return np.subtract(np.repeat(S0, sets.deaths), den, out=den)


def _known(value: float, squares: Vector) -> float:
    """The value, unless risk sets are so nearly empty that their derivatives overflow."""
    return value if np.isfinite(squares.sum()) else -np.inf


def _weigh(sets: RiskSets, beta: Vector, risk: Vector) -> Vector:
    """Write r of each row; its sums by where rows end and enter."""
    rows, first = sets.rows, np.zeros(sets.height)
    for block in sets.blocks():
        own = np.matmul(rows.X[block], beta, out=risk[block])
        if rows.offset is not None:
            own += rows.offset[block]
        np.exp(own, out=own)
        if rows.weights is not None:
            own *= rows.weights[block]
        _add(sets, block, own, first)
    return first


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
