"""Monotone likelihood: a direction along which every event is extreme in its risk set."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vpstats.models.followup import Codes, Vector
from vpstats.models.newton import Evaluation, Solution, newton_step
from vpstats.models.risksets import RiskSets
from vpstats.models.separation import MARGIN, separating_direction
from vpstats.models.slots import run_positions

Matrix = NDArray[np.float64]

_TIED = 1e-4
"""Share of the spread below which two rows are level along the direction: a Newton step that far
out agrees with the direction to about 1e-6."""
_USED = 1e-3
"""Share of the largest part below which a column takes no part in the direction."""
_MOST_PAIRS = 200_000
"""Pairs of an event and a row at risk up to which a direction is also looked for by linear
programming; with more of them the solver's last step tells, since it gets far enough."""


def monotone_columns(sets: RiskSets, found: Solution) -> list[int]:
    """Columns along which the partial likelihood has no maximum.

    Parameters
    ----------
    sets : RiskSets
        Rows and where they are at risk.
    found : Solution
        Where a solver stopped without converging.

    Returns
    -------
    list of int
        Columns that a direction uses along which, at every event, the row with the event is
        largest, and which tells rows apart; else none. It is the direction of the last step, or,
        where rounding has spoiled that, one found by linear programming.

    References
    ----------
    Bryson MC, Johnson ME. The incidence of monotone likelihood in the Cox model. Technometrics
    1981;23:381-383. Konis K. Linear programming algorithms for detecting separated data in binary
    logistic regression models. DPhil thesis, University of Oxford, 2007.
    """
    here = Evaluation(found.value, found.score, found.information)
    direction, _ = newton_step(here, np.ones(len(found.estimate), dtype=bool))
    if not direction.any() or not _is_monotone(sets, direction):
        direction = _programmed(sets)
    part = np.abs(direction) * sets.rows.X.std(axis=0)
    return [int(j) for j in np.flatnonzero(part > _USED * part.max(initial=0.0))]


def _programmed(sets: RiskSets) -> Vector:
    """A direction along which every event is largest in its risk set; 0 if there is none."""
    gaps, scale = _gaps(sets), np.ptp(sets.rows.X, axis=0)
    if not gaps.any() or not (scale > 0).all():
        return np.zeros(len(scale))
    direction = separating_direction(gaps / scale)
    ahead = bool(np.any(gaps / scale @ direction > MARGIN))
    return np.where(np.abs(direction) > MARGIN, direction / scale, 0.0) * ahead


def _gaps(sets: RiskSets) -> Matrix:
    """Covariates of every event less those of each row at risk with it; none if too many pairs."""
    row, first, last = _runs(sets)
    none = sets.rows.X[:0]
    length = last - first + 1
    if int(length.sum()) > _MOST_PAIRS:
        return none
    slot = run_positions(first, length)
    deaths = sets.deaths[slot]
    if int(deaths.sum()) > _MOST_PAIRS:
        return none
    by_slot = sets.events[np.argsort(sets.cell[sets.events], kind="stable")]
    event = by_slot[run_positions(sets.death_starts[slot], deaths)]
    other = np.repeat(np.repeat(row, length), deaths)
    weights = sets.rows.weights
    if weights is not None:  # what weighs nothing keeps no likelihood down
        known = (weights[event] > 0) & (weights[other] > 0)
        event, other = event[known], other[known]
    return np.asarray(sets.rows.X[event] - sets.rows.X[other])


def _is_monotone(sets: RiskSets, direction: Vector) -> bool:
    along = sets.rows.X @ direction
    slack = _TIED * float(np.ptp(along))
    row, first, last = _runs(sets)
    highest = _largest(len(sets.slots), first, last, along[row])
    lowest = -_largest(len(sets.slots), first, last, -along[row])
    slot = sets.cell[sets.events] // 2
    if np.any(along[sets.events] < highest[slot] - slack):
        return False
    return bool(np.any(lowest < highest - slack))


def _runs(sets: RiskSets) -> tuple[Codes, Codes, Codes]:
    """Rows, and the first and last of a run of slots at which each is at risk."""
    end = 2 * len(sets.slots)
    row = np.flatnonzero(sets.cell < end)
    last = (sets.cell[row] // 2).astype(np.int64)
    carried = sets.carried
    if carried is not None:
        kept = np.flatnonzero((sets.cell >= end) & (sets.cell < sets.n_cells - 1))
        before = carried.last[sets.cell[kept] - end]
        alive = before < len(sets.slots)
        row = np.concatenate([row, kept[alive]])
        last = np.concatenate([last, before[alive]])
    first = np.asarray(sets.slots.first[last], dtype=np.int64)
    if sets.late is not None:
        late = sets.late[row]
        first = np.where(late < len(sets.slots), late, first)
    if carried is None:
        return row, first, last
    own = carried.start[sets.cell[kept] - end]
    stays = own < len(carried.lanes)
    after = own[stays] if carried.slot is None else carried.slot[own[stays]]
    return (
        np.concatenate([row, kept[stays]]),
        np.concatenate([first, after]),
        np.concatenate([last, sets.slots.end[after] - 1]),
    )


def _largest(size: int, first: Codes, last: Codes, values: Vector) -> Vector:
    """Largest value of the runs that hold each of `size` slots.

    A run is covered by two of a length that is a power of two; runs are then halved.
    """
    level = np.frexp(last - first + 1)[1] - 1
    table = np.full((int(level.max(initial=0)) + 1, size), -np.inf)
    np.maximum.at(table, (level, first), values)
    np.maximum.at(table, (level, last - (1 << level) + 1), values)
    for k in range(len(table) - 1, 0, -1):
        half = 1 << (k - 1)
        np.maximum(table[k - 1], table[k], out=table[k - 1])
        np.maximum(table[k - 1, half:], table[k, : size - half], out=table[k - 1, half:])
    return np.asarray(table[0])
