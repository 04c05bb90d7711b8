"""The survival CUSUM: events against the hazard expected, as the calendar goes on.

Time runs in expected events: on that clock the events of a center in control are a Poisson process
of rate one, whatever its volume and case mix (random time change), so one limit serves all.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from vpstats.centers.monitoring.cusum import climb, crossings, run_with_resets
from vpstats.centers.monitoring.hazard import (
    FollowedRows,
    daily_sums,
    read_baseline,
    read_followed,
)
from vpstats.centers.monitoring.run_length import CusumLimit, cusum_limit
from vpstats.errors import UsageError

Vector = NDArray[np.float64]
Rows = NDArray[np.int64]

_GRAIN = 2e-3
"""Expected events of one step of the clock in the Markov chain that gives limits."""


@dataclass(frozen=True)
class SurvivalCusum:
    """A survival CUSUM of one center, day by day.

    Parameters
    ----------
    days : DataFrame
        ``date, n_event, expected, value``: events and expected events up to and with each day,
        and the chart at its end.
    signals : ndarray of int, shape (s,)
        Days at which it signalled, counted from 0.
    limit : float
        Where it signals; NaN where there is no limit.
    hazard_ratio : float
        The hazard ratio that it looks for.
    n : int
        Rows under observation on some day.
    """

    days: pd.DataFrame
    signals: Rows
    limit: float
    hazard_ratio: float
    n: int


def survival_cusum(
    start: Any,
    duration: Any,
    event: Any,
    *,
    baseline: Any,
    horizon: float,
    as_of: Any,
    relative: Any = None,
    hazard_ratio: float = 2.0,
    limit: float | CusumLimit = float("nan"),
    head_start: float | None = None,
    reset: bool = True,
) -> SurvivalCusum:
    """Run a risk-adjusted CUSUM of a time to event over the calendar.

    Each day first takes off what was to be expected, ``(HR - 1)`` times the hazard of all who are
    under observation, and then adds ``log(HR)`` for each event; the chart never falls below 0. So
    events count on the day they happen, long before follow-up is complete.

    Parameters
    ----------
    start : array_like of dates, shape (n,)
        Day of the procedure.
    duration : array_like, shape (n,)
        Days to the event or to the end of follow-up.
    event : array_like of 0 and 1, shape (n,)
        Whether it ended with the event; death and other ends count as censored, and the baseline
        must be the hazard of this cause.
    baseline : DataFrame or callable
        Cumulative baseline hazard at the average center: ``time, estimate``, as
        `baseline_hazard` gives it, or a function of the day.
    horizon : float
        Days after the procedure that count.
    as_of : date
        Last day of which something is known.
    relative : array_like, shape (n,), optional
        Hazard of each row over the baseline; 1 if None.
    hazard_ratio : float
        The hazard ratio to look for: above 1 for worse, below 1 for better outcomes.
    limit : float or CusumLimit
        Where the chart signals, from `survival_limit`; NaN for no signals.
    head_start : float, optional
        Share of the limit that the chart begins at; that of a `CusumLimit` if None, else 0.
    reset : bool
        Begin anew after a signal.

    Returns
    -------
    SurvivalCusum

    Raises
    ------
    UsageError
        If dates, durations, events or the baseline are not what they should be.

    References
    ----------
    Biswas P, Kalbfleisch JD. A risk-adjusted CUSUM in continuous time based on the Cox model. Stat
    Med 2008;27:3382-3406.

    Examples
    --------
    Two procedures with a hazard of 1/100 a day; one has its event on the second day after.

    >>> chart = survival_cusum(["2024-01-01"] * 2, [2, 3], [1, 0], horizon=3, as_of="2024-01-04",
    ...                        baseline=lambda day: 0.01 * day)
    >>> chart.days["expected"].round(2).tolist()
    [0.0, 0.02, 0.04, 0.05]
    >>> chart.days["value"].round(3).tolist()
    [0.0, 0.0, 0.693, 0.683]
    """
    ratio = require_hazard_ratio(hazard_ratio)
    rows = read_followed(start, duration, event, relative, horizon=horizon, as_of=as_of)
    happened, expected = daily_sums(rows, read_baseline(baseline, int(horizon)))
    return chart_days(rows, happened, expected, ratio, limit, head_start, reset=reset)


def require_hazard_ratio(ratio: float) -> float:
    """The hazard ratio to look for, if it is one.

    Raises
    ------
    UsageError
        If it is not positive and finite, or is 1.
    """
    if not (np.isfinite(ratio) and ratio > 0 and ratio != 1):
        raise UsageError(f"hazard_ratio is {ratio!r}; expected a positive number other than 1.")
    return float(ratio)


def chart_days(
    rows: FollowedRows,
    happened: Vector,
    expected: Vector,
    hazard_ratio: float,
    limit: float | CusumLimit,
    head_start: float | None,
    *,
    reset: bool,
) -> SurvivalCusum:
    """The chart of daily events and expected events; see `survival_cusum`."""
    where = limit.limit if isinstance(limit, CusumLimit) else float(limit)
    share = limit.head_start if isinstance(limit, CusumLimit) else 0.0
    share = share if head_start is None else head_start
    start = 0.0 if np.isnan(where) else share * where
    values, signals = _path(happened, expected, hazard_ratio, where, start, reset=reset)
    days = pd.DataFrame(
        {
            "date": rows.dates(),
            "n_event": np.cumsum(happened).astype(np.int64),
            "expected": np.cumsum(expected),
            "value": values,
        }
    )
    return SurvivalCusum(days, signals, where, hazard_ratio, len(rows.start))


def _path(
    happened: Vector,
    expected: Vector,
    hazard_ratio: float,
    limit: float,
    start: float,
    *,
    reset: bool,
) -> tuple[Vector, Rows]:
    """The chart at the end of each day and the days of its signals: two moves a day."""
    moves = np.empty(2 * len(happened))
    moves[0::2] = -(hazard_ratio - 1) * expected
    moves[1::2] = np.log(hazard_ratio) * happened
    if reset:
        values, signals = run_with_resets(moves, limit, start)
    else:
        values = climb(moves, start)
        signals = crossings(values, limit)
    days = np.unique(signals // 2)
    ends = values[1::2].copy()
    ends[days] = np.maximum(values[0::2], values[1::2])[days]
    return ends, days


def survival_limit(
    hazard_ratio: float = 2.0,
    *,
    in_control_events: float | None = None,
    false_alarm: float | None = None,
    expected_events: float | None = None,
    head_start: float = 0.0,
) -> CusumLimit:
    """Find the limit of a survival CUSUM, on the clock of expected events.

    Parameters
    ----------
    hazard_ratio : float
        The hazard ratio to look for.
    in_control_events : float, optional
        Expected events to a false signal, on average: those of ten years, say.
    false_alarm : float, optional
        Probability of a false signal while `expected_events` are expected, instead.
    expected_events : float, optional
        Expected events of the period.
    head_start : float
        Share of the limit that the chart begins at.

    Returns
    -------
    CusumLimit
        `run_length` is in expected events, `odds_ratio` is the hazard ratio and `period` is None.

    Raises
    ------
    UsageError
        If not exactly one of `in_control_events` and `false_alarm` is given.

    Notes
    -----
    By a Markov chain in steps of 0.002 expected events. The events of a center in control, seen
    on the clock of its cumulative hazard, are a Poisson process of rate one (random time change),
    so that volume, case mix and the flow of patients do not matter; charts read once a day signal
    slightly later.

    References
    ----------
    Biswas P, Kalbfleisch JD. A risk-adjusted CUSUM in continuous time based on the Cox model. Stat
    Med 2008;27:3382-3406. Aalen OO, Hoem JM. Random time changes for multivariate counting
    processes. Scand Actuar J 1978:81-101.

    Examples
    --------
    >>> round(survival_limit(2.0, in_control_events=100).limit, 1)
    3.3
    """
    require_hazard_ratio(hazard_ratio)
    if (in_control_events is None) == (false_alarm is None):
        raise UsageError("give in_control_events=, or false_alarm= with expected_events=.")
    if false_alarm is not None:
        if expected_events is None or not expected_events > 0:
            raise UsageError("false_alarm= needs expected_events=, a number above 0.")
        goal: dict[str, Any] = {
            "false_alarm": false_alarm,
            "period": max(round(expected_events / _GRAIN), 1),
        }
    else:
        goal = {"in_control_run_length": float(in_control_events or 0.0) / _GRAIN}
    found = cusum_limit([_GRAIN], odds_ratio=hazard_ratio, head_start=head_start, **goal)
    return replace(found, run_length=found.run_length * _GRAIN, period=None)
