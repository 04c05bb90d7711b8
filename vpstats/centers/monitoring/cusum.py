"""The path of a risk-adjusted CUSUM over the rows of one center."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from vpstats.centers.monitoring.run_length import CusumLimit
from vpstats.centers.monitoring.weights import read_pair, require_odds_ratio, row_weights
from vpstats.errors import UsageError

Vector = NDArray[np.float64]
Rows = NDArray[np.int64]

_CHUNK = 2_048
"""Rows looked at together in search of a signal."""
_SLACK = 1e-9
"""A chart this close below its limit has reached it: sums depend on their order in the last bit."""


@dataclass(frozen=True)
class Cusum:
    """A chart of one center: its values, and where it signalled.

    Parameters
    ----------
    values : ndarray, shape (n,)
        The chart after each row, never below 0; larger is farther from what is expected. At a
        signal it shows the value that reached the limit.
    signals : ndarray of int, shape (s,)
        Rows at which it signalled, counted from 0.
    limit : float
        Where it signals; NaN where there is no limit.
    odds_ratio : float
        The odds ratio that it looks for.
    head_start : float
        Share of the limit that it begins at.
    reset : bool
        Whether it begins anew after a signal.
    """

    values: Vector
    signals: Rows
    limit: float
    odds_ratio: float
    head_start: float = 0.0
    reset: bool = True


def cusum(
    outcome: Any,
    risk: Any,
    *,
    odds_ratio: float = 2.0,
    limit: float | CusumLimit = float("nan"),
    head_start: float | None = None,
    reset: bool = True,
) -> Cusum:
    """Run a risk-adjusted Bernoulli CUSUM.

    After each row the chart is ``max(0, S + y log(OR) - log(1 - p + OR p))``.

    Parameters
    ----------
    outcome : array_like of 0 and 1, shape (n,)
        Outcomes in order of time; see `chart_order` for rows of one day.
    risk : array_like, shape (n,)
        Their expected risks.
    odds_ratio : float
        The odds ratio to look for: above 1 for worse, below 1 for better outcomes.
    limit : float or CusumLimit
        Where the chart signals; NaN for a chart without signals.
    head_start : float, optional
        Share of the limit that the chart begins at, and begins at anew after a signal; that of a
        `CusumLimit` if None, else 0.
    reset : bool
        Begin anew after a signal. If not, the chart runs on and signals again only after it has
        been below its limit.

    Returns
    -------
    Cusum

    Raises
    ------
    UsageError
        If outcomes are not 0 or 1, risks not between 0 and 1, or options make no sense.

    References
    ----------
    Steiner SH, Cook RJ, Farewell VT, Treasure T. Monitoring surgical performance using
    risk-adjusted cumulative sum charts. Biostatistics 2000;1:441-452.

    Examples
    --------
    >>> chart = cusum([1, 1, 0, 1], [0.1] * 4, limit=1.0)
    >>> chart.values.round(3).tolist(), chart.signals.tolist()
    ([0.598, 1.196, 0.0, 0.598], [1])
    """
    y, p = read_pair(outcome, risk)
    where, share = _read_limit(limit, head_start)
    weights = row_weights(y, p, require_odds_ratio(odds_ratio))
    start = 0.0 if np.isnan(where) else share * where
    if reset:
        values, signals = run_with_resets(weights, where, start)
    else:
        values = climb(weights, start)
        signals = crossings(values, where)
    return Cusum(values, signals, where, float(odds_ratio), share, reset)


def _read_limit(limit: float | CusumLimit, head_start: float | None) -> tuple[float, float]:
    if isinstance(limit, CusumLimit):
        share = limit.head_start if head_start is None else head_start
        where = limit.limit
    else:
        share, where = 0.0 if head_start is None else head_start, float(limit)
    if not (np.isnan(where) or where > 0):
        raise UsageError(f"limit is {where!r}; expected a number above 0, or NaN for none.")
    if not 0 <= share < 1:
        raise UsageError(f"head_start is {share!r}; expected a share of the limit, 0 to below 1.")
    return where, share


def climb(weights: Vector, start: float = 0.0) -> Vector:
    """The sums of weights held at or above zero, shape (n,).

    ``S = max(0, S + w)`` is the running sum less its running minimum below zero.
    """
    total = start + np.cumsum(weights)
    return np.asarray(total - np.minimum(np.minimum.accumulate(total), 0.0))


def run_with_resets(weights: Vector, limit: float, start: float = 0.0) -> tuple[Vector, Rows]:
    """The chart that begins anew after each signal, and the rows of its signals.

    Parameters
    ----------
    weights : ndarray, shape (n,)
        Weights in order of time.
    limit : float
        Where it signals; never if NaN.
    start : float
        Value that it begins at, and begins anew at.

    Returns
    -------
    ndarray, shape (n,), and ndarray of int
    """
    values, signals = np.empty(len(weights)), []
    row, now = 0, start
    while row < len(weights):
        part = climb(weights[row : row + _CHUNK], now)
        high = np.flatnonzero(part >= limit - _SLACK)
        used = len(part) if not len(high) else int(high[0]) + 1
        values[row : row + used] = part[:used]
        row += used
        now = float(part[-1])
        if len(high):
            signals.append(row - 1)
            now = start
    return values, np.array(signals, dtype=np.int64)


def crossings(values: Vector, limit: float) -> Rows:
    """Rows at which a chart reaches its limit after being below it."""
    above = values >= limit - _SLACK
    before = np.concatenate([[False], above[:-1]])
    return np.flatnonzero(above & ~before)


def chart_order(dates: Any, outcome: Any, risk: Any, sequence: Any = None) -> Rows:
    """The order of rows on a chart: by date, whatever order the rows came in.

    Rows of one date follow `sequence` where it is given. Then come lower risks before higher
    ones, which says nothing about outcomes; among rows of equal date and risk, which differ in
    nothing but their outcome, the events are spread evenly.

    Parameters
    ----------
    dates : array_like, shape (n,)
        Dates, none missing.
    outcome, risk : array_like, shape (n,)
        Outcomes and expected risks.
    sequence : array_like of float, shape (n,), optional
        Order within a date, such as the time of day.

    Returns
    -------
    ndarray of int, shape (n,)
        Positions of the rows in order of the chart.

    Raises
    ------
    UsageError
        If a date or a sequence is missing.

    Examples
    --------
    >>> chart_order(["2024-01-02"] * 5, [1, 0, 0, 0, 1], [0.1] * 5).tolist()
    [1, 0, 2, 4, 3]
    """
    y, p = read_pair(outcome, risk)
    days = pd.to_datetime(pd.Series(np.asarray(dates)), errors="coerce")
    if days.isna().any():
        raise UsageError("a row has no date; a chart over time needs one for every row.")
    keys = pd.DataFrame({"day": days, "sequence": _sequence(sequence, len(y)), "risk": p})
    return order_rows(keys, y)


def order_rows(keys: pd.DataFrame, outcome: Vector) -> Rows:
    """Positions of rows in order of their keys, events spread evenly among rows of equal keys."""
    if len(keys) == 0:
        return np.empty(0, dtype=np.int64)
    group = keys.groupby(list(keys.columns), sort=True).ngroup().to_numpy()
    return np.lexsort((_place(outcome, group), group)).astype(np.int64)


def _sequence(sequence: Any, n: int) -> Vector:
    if sequence is None:
        return np.zeros(n)
    values = np.asarray(sequence, dtype=float)
    if values.shape != (n,) or np.isnan(values).any():
        raise UsageError("sequence must be one number for each row, none missing.")
    return values


def _place(y: Vector, group: NDArray[np.int64]) -> Vector:
    """Places within groups of like rows, at which events are spread evenly."""
    order = np.lexsort((y, group))
    code = 2 * group[order] + y[order].astype(int)
    first = np.flatnonzero(np.diff(code, prepend=-1))
    size = np.diff(np.append(first, len(code)))
    rank = np.arange(len(code)) - np.repeat(first, size)
    place = np.empty(len(y))
    # the k-th of m events stands at (k - 1/2) / m of the way, non-events likewise
    place[order] = (rank + 0.5) / np.repeat(size, size) + 1e-9 * y[order]
    return place
