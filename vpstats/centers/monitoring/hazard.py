"""Events against the hazard that was to be expected, day by day over the calendar."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from vpstats.errors import UsageError

Vector = NDArray[np.float64]
Rows = NDArray[np.int64]

_CHUNK = 2_000_000
"""Days at risk that are spread out over the calendar at once."""


@dataclass(frozen=True)
class FollowedRows:
    """Rows under observation, in whole days.

    Parameters
    ----------
    start : ndarray of int, shape (n,)
        Calendar day of the procedure, counted from `origin`.
    days : ndarray of int, shape (n,)
        Days under observation: to the event, the end of follow-up, the horizon or the as-of
        date, whichever comes first.
    event : ndarray of bool, shape (n,)
        Whether the observation ended with the event.
    relative : ndarray, shape (n,)
        Hazard over the baseline hazard.
    origin : Timestamp
        The first calendar day.
    length : int
        Calendar days from the origin to the as-of date, both counted.
    """

    start: Rows
    days: Rows
    event: NDArray[np.bool_]
    relative: Vector
    origin: pd.Timestamp
    length: int

    def dates(self) -> pd.DatetimeIndex:
        """The calendar, shape (length,)."""
        return pd.date_range(self.origin, periods=self.length, freq="D")


def read_followed(
    start: Any,
    duration: Any,
    event: Any,
    relative: Any = None,
    *,
    horizon: float,
    as_of: Any,
) -> FollowedRows:
    """Read dates and durations, and cut them at the horizon and the as-of date.

    Parameters
    ----------
    start : array_like of dates, shape (n,)
        Day of the procedure.
    duration : array_like, shape (n,)
        Days from the procedure to the event or the end of follow-up; parts of a day are dropped.
    event : array_like of 0 and 1, shape (n,)
        Whether it ended with the event; other ends, death among them, count as censored.
    relative : array_like, shape (n,), optional
        Hazard of each row over the baseline; 1 if None.
    horizon : float
        Days after the procedure that count.
    as_of : date
        Last day of which something is known. Procedures after it are left out.

    Returns
    -------
    FollowedRows

    Raises
    ------
    UsageError
        If lengths differ, something is missing, or a duration or hazard is negative.
    """
    day = pd.to_datetime(pd.Series(np.asarray(start)), errors="coerce")
    until = pd.Timestamp(as_of)
    if day.isna().any() or pd.isna(until):
        raise UsageError("a row has no procedure date, or as_of is none; both are needed.")
    time, happened = np.asarray(duration, dtype=float), np.asarray(event, dtype=float)
    ratio = np.ones(len(day)) if relative is None else np.asarray(relative, dtype=float)
    if not len(day) == len(time) == len(happened) == len(ratio):
        raise UsageError("start, duration, event and relative must have one value for each row.")
    if not ((time >= 0) & (ratio >= 0) & np.isfinite(ratio) & np.isin(happened, (0, 1))).all():
        raise UsageError(
            "durations and relative hazards must be zero or more, events 0 or 1, none missing."
        )
    if not (np.isfinite(horizon) and horizon >= 1):
        raise UsageError(f"horizon is {horizon!r}; expected days, 1 or more.")
    return _cut(day.dt.normalize(), time, happened == 1, ratio, int(horizon), until.normalize())


def _cut(
    day: pd.Series,
    time: Vector,
    event: NDArray[np.bool_],
    ratio: Vector,
    horizon: int,
    until: pd.Timestamp,
) -> FollowedRows:
    known = (day <= until).to_numpy()
    if not known.any():
        raise UsageError("no procedure lies before the as-of date; there is nothing to monitor.")
    day, time, event, ratio = day[known], time[known], event[known], ratio[known]
    origin = day.min()
    start = (day - origin).dt.days.to_numpy(np.int64)
    length = int((until - origin).days) + 1
    seen = np.minimum(horizon, length - 1 - start)
    whole = np.minimum(np.floor(time), seen).astype(np.int64)
    return FollowedRows(start, whole, event & (np.floor(time) <= seen), ratio, origin, length)


def read_baseline(baseline: Any, horizon: int) -> Vector:
    """Increments of a cumulative baseline hazard on the days 0, 1, …, horizon.

    Parameters
    ----------
    baseline : DataFrame or callable
        ``time, estimate`` of a cumulative hazard that is constant between its steps, as
        `baseline_hazard` and `nelson_aalen` give it; or a function of the day that gives it.
    horizon : int
        Last day.

    Returns
    -------
    ndarray, shape (horizon + 1,)

    Raises
    ------
    UsageError
        If it is neither, or is not a cumulative hazard.
    """
    days = np.arange(horizon + 1, dtype=float)
    if callable(baseline):
        total = np.asarray(baseline(days), dtype=float)
    elif isinstance(baseline, pd.DataFrame) and {"time", "estimate"} <= set(baseline.columns):
        steps = baseline.sort_values("time", kind="stable")
        at = np.searchsorted(steps["time"].to_numpy(float), days, side="right")
        total = np.concatenate([[0.0], steps["estimate"].to_numpy(float)])[at]
    else:
        raise UsageError(
            "baseline must be a table with the columns time and estimate, or a function of days."
        )
    rises = np.diff(total, prepend=0.0)
    if total.shape != days.shape or not (np.isfinite(rises) & (rises >= 0)).all():
        raise UsageError(
            "the baseline is no cumulative hazard: it must start at 0 or above and never fall."
        )
    return rises


def daily_sums(rows: FollowedRows, rises: Vector) -> tuple[Vector, Vector]:
    """Events and expected events of each calendar day, each of shape (length,).

    A row is at risk on the days from its procedure to the end of its observation, both counted.
    """
    happened = np.bincount((rows.start + rows.days)[rows.event], minlength=rows.length)
    expected = np.zeros(rows.length)
    for part in _chunks(rows.days + 1):
        spell = rows.days[part] + 1
        age = _ages(spell)
        day = np.repeat(rows.start[part], spell) + age
        weight = np.repeat(rows.relative[part], spell) * rises[age]
        expected += np.bincount(day, weight, rows.length)
    return happened.astype(float), expected


def _chunks(sizes: Rows) -> list[slice]:
    """Slices of the rows whose sizes add up to about `_CHUNK` each."""
    block = np.cumsum(sizes) // _CHUNK
    cuts = np.flatnonzero(np.diff(block)) + 1
    edges = [0, *cuts.tolist(), len(sizes)]
    return [slice(a, b) for a, b in itertools.pairwise(edges)]


def _ages(sizes: Rows) -> Rows:
    """0, 1, …, size - 1 of each, one after the other."""
    first = np.cumsum(sizes) - sizes
    return np.asarray(np.arange(int(sizes.sum())) - np.repeat(first, sizes), dtype=np.int64)
