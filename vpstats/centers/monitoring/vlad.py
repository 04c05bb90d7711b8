"""The variable life-adjusted display: expected less observed events, summed over time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vpstats.centers.monitoring.weights import read_pair
from vpstats.results import critical_value, require_level

Vector = NDArray[np.float64]

DISPLAY_ONLY = (
    "Expected less observed events are for display: the line wanders, so that its height has no "
    "signal rule of its own. Signals come from the CUSUM."
)

_LEAST_VARIANCE = 5.0
"""Variance of the number of events from which the normal limits of the band are given."""


@dataclass(frozen=True)
class Vlad:
    """Expected less observed events after each row.

    Parameters
    ----------
    values : ndarray, shape (n,)
        Events fewer than expected so far; negative where there were more.
    low, high : ndarray, shape (n,)
        Limits within which the line lies with probability `level` at *one* row chosen beforehand,
        the risks being right; over the whole line it leaves them more often than that. NaN where
        too little is expected for normal limits.
    level : float
        Level of the band.
    note : str
        What the display is for.
    """

    values: Vector
    low: Vector
    high: Vector
    level: float = 0.95
    note: str = DISPLAY_ONLY


def vlad(outcome: Any, risk: Any, *, level: float = 0.95) -> Vlad:
    """Sum expected less observed events over time (the variable life-adjusted display).

    Parameters
    ----------
    outcome : array_like of 0 and 1, shape (n,)
        Outcomes in order of time.
    risk : array_like, shape (n,)
        Their expected risks.
    level : float
        Level of the band at each row.

    Returns
    -------
    Vlad
        For display only; no rule turns it into a signal.

    Raises
    ------
    UsageError
        If outcomes are not 0 or 1, or risks not between 0 and 1.

    References
    ----------
    Lovegrove J, Valencia O, Treasure T, Sherlaw-Johnson C, Gallivan S. Monitoring the results of
    cardiac surgery by variable life-adjusted display. Lancet 1997;350:1128-1130.

    Examples
    --------
    >>> vlad([0, 0, 1], [0.1, 0.2, 0.3]).values.round(3).tolist()
    [0.1, 0.3, -0.4]
    """
    y, p = read_pair(outcome, risk)
    variance = np.cumsum(p * (1 - p))
    margin = critical_value(require_level(level)) * np.sqrt(variance)
    margin = np.where(variance >= _LEAST_VARIANCE, margin, np.nan)
    return Vlad(np.cumsum(p - y), -margin, margin, level)
