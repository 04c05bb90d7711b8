"""Monotone likelihood: a direction along which every event is extreme in its risk set."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from vpstats.models.followup import Vector
from vpstats.models.newton import Evaluation, Solution, newton_step
from vpstats.models.risksets import RiskSets

_TIED = 1e-4
"""Share of the spread below which two rows are level along the direction: a Newton step that far
out agrees with the direction to about 1e-6."""
_USED = 1e-3
"""Share of the largest part below which a column takes no part in the direction."""


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
        Columns that the direction of the last step uses, if at every event that direction is
        largest for the row with the event and it tells rows apart; else none.

    References
    ----------
    Bryson MC, Johnson ME. The incidence of monotone likelihood in the Cox model. Technometrics
    1981;23:381-383.
    """
    here = Evaluation(found.value, found.score, found.information)
    direction, _ = newton_step(here, np.ones(len(found.estimate), dtype=bool))
    if not direction.any() or not _is_monotone(sets, direction):
        return []
    part = np.abs(direction) * sets.rows.X.std(axis=0)
    return [int(j) for j in np.flatnonzero(part > _USED * part.max())]


def _is_monotone(sets: RiskSets, direction: Vector) -> bool:
    along = sets.rows.X @ direction
    slack = _TIED * float(np.ptp(along))
    told_apart = False
    for members, events in _at_each_slot(sets):
        highest = along[members].max()
        if along[events].min() < highest - slack:
            return False
        told_apart = told_apart or along[members].min() < highest - slack
    return told_apart


def _at_each_slot(sets: RiskSets) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Rows at risk and rows with the event, slot by slot."""
    last, dead = sets.cell // 2, sets.rows.dead
    known = sets.cell < sets.n_cells - 1
    first = sets.slots.first[np.where(known, last, 0)]
    if sets.late is not None:
        first = np.where(sets.late < len(sets.slots), sets.late, first)
    for k in range(len(sets.slots)):
        yield (
            np.flatnonzero(known & (first <= k) & (k <= last)),
            np.flatnonzero(known & dead & (last == k)),
        )
