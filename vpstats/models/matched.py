"""Strata so fine that they are matched sets, such as the vertebrae of one patient."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from vpstats.frames import PATIENT
from vpstats.models.hazards_data import HazardData
from vpstats.models.partial import sum_up
from vpstats.models.risksets import RiskSets
from vpstats.results import Caveat

_MANY_STRATA, _SMALL_STRATUM = 30, 10.0
"""More strata than this with fewer rows each than that are matched sets."""


def are_matched(data: HazardData) -> bool:
    """Whether strata are single patients or sets as small, whose names are not to be kept."""
    named = {PATIENT, data.frame.cluster} & set(data.request.strata)
    count = len(data.strata)
    small = count > _MANY_STRATA and len(data.rows) < _SMALL_STRATUM * count
    return bool(named) or bool(data.request.strata and small)


def informative_strata(sets: RiskSets) -> int:
    """Number of strata in which an event is compared with rows that differ from it."""
    rows = sets.rows
    squares = replace(sets, rows=replace(rows, X=rows.X**2))
    still = np.zeros(rows.X.shape[1])
    first, second = sum_up(sets, still), sum_up(squares, still)
    with np.errstate(invalid="ignore", divide="ignore"):
        spread = second.S1 / second.S0[:, None] - (first.S1 / first.S0[:, None]) ** 2
    scale = np.maximum(rows.X.var(axis=0), np.finfo(float).tiny)
    varies = (spread > 1e-12 * scale).any(axis=1)
    return int(np.unique(sets.slots.stratum[varies]).size)


def strata_caveat(n_strata: int, informative: int) -> tuple[Caveat, ...]:
    """Say how many strata add nothing to the estimate."""
    if informative == n_strata:
        return ()
    message = (
        f"{informative:,} of {n_strata:,} strata hold an event and rows to compare it with; the "
        "others add nothing to the estimate."
    )
    return (Caveat("uninformative_strata", message),)
