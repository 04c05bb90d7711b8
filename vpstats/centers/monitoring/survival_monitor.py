"""Charts and signals of every center, for an outcome that comes in the course of time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from vpstats.centers.monitoring.hazard import (
    FollowedRows,
    daily_sums,
    read_baseline,
    read_followed,
)
from vpstats.centers.monitoring.result import (
    SIDES,
    ChartRules,
    Monitoring,
    Side,
    assemble,
    open_rows,
    side_row,
    signal_words,
)
from vpstats.centers.monitoring.run_length import IN_CONTROL_RUN_LENGTH, CusumLimit
from vpstats.centers.monitoring.survival import SurvivalCusum, chart_days, survival_limit
from vpstats.errors import UsageError
from vpstats.frames import Frame

Vector = NDArray[np.float64]

_EVERY = 7
"""Days between the values of a chart that are kept, beside days with an event or a signal."""


def monitor_survival(
    data: pd.DataFrame | Frame,
    relative: Any,
    baseline: Any,
    *,
    horizon: float,
    as_of: Any,
    duration: str | None = None,
    event: str | None = None,
    cause: int = 1,
    center: str = "center_id",
    date: str = "procedure_date",
    unit: str | None = None,
    rules: ChartRules | None = None,
) -> Monitoring:
    """Chart the events of every center against the hazard expected, over the calendar.

    Parameters
    ----------
    data : DataFrame or Frame
        A row per procedure or patient, in any order; unchanged.
    relative : array_like, shape (n,)
        Hazard of each row over the baseline hazard of its center.
    baseline : DataFrame, callable, or mapping of center to one
        Cumulative baseline hazard at the average center; see `survival_cusum`. A mapping serves
        baselines that were estimated without the center that they are for.
    horizon : float
        Days after the procedure that count.
    as_of : date
        Last day of which something is known.
    duration, event : str, optional
        Columns of days and of the event (0 censored, 1, 2, … causes); those of the Frame if None.
    cause : int
        The cause that counts; others end the observation.
    center, date : str
        Columns of the center and of the day of the procedure.
    unit : str, optional
        What a row of a plain DataFrame is: "procedure" or "patient".
    rules : ChartRules, optional
        Hazard ratios in the place of odds ratios, limits, head start and reset. A run length in
        rows is turned into expected events by the mean hazard of a row of the center over the
        whole horizon; a false-alarm probability is over the events expected at the center.

    Returns
    -------
    Monitoring
        Charts hold the days with an event or a signal and every seventh day: ``t`` counts days
        from the center's first procedure, and `run_length` the procedures up to the first signal.

    Raises
    ------
    UsageError
        If rows are levels or another unit finer than a procedure, or what is needed is missing.

    References
    ----------
    Biswas P, Kalbfleisch JD. A risk-adjusted CUSUM in continuous time based on the Cox model. Stat
    Med 2008;27:3382-3406.

    Examples
    --------
    >>> rows = pd.DataFrame({"center_id": "C01", "days": [3, 2, 9, 9], "event": [1, 1, 0, 0],
    ...                      "procedure_date": pd.date_range("2024-01-01", periods=4)})
    >>> found = monitor_survival(rows, [1.0] * 4, lambda day: 0.01 * day, duration="days",
    ...                          event="event", horizon=9, as_of="2024-01-31", unit="procedure")
    >>> found.table[["observed", "expected"]].round(2).values.tolist()
    [[2, 0.23], [2, 0.23]]
    """
    rules = ChartRules() if rules is None else rules
    frame = open_rows(data, unit)
    rows = _read(frame, relative, duration, event, center, date)
    rows["event"] = (rows["event"] == cause).astype(float)
    parts = [
        _center(str(name), part, _baseline_of(baseline, str(name)), horizon, as_of, rules)
        for name, part in rows.groupby("center_id", sort=True)
    ]
    return assemble(
        frame,
        rules,
        [chart for chart, _ in parts],
        [row for _, found in parts for row in found],
        title="Events over time, by center",
        n_events=sum(found[0]["observed"] for _, found in parts),
    )


def _read(
    frame: Frame, relative: Any, duration: str | None, event: str | None, center: str, date: str
) -> pd.DataFrame:
    """The rows as ``center_id, date, duration, event, relative``."""
    named = {
        "center_id": center,
        "date": date,
        "duration": frame.duration if duration is None else duration,
        "event": frame.outcome if event is None else event,
    }
    if None in named.values():
        raise UsageError("name the columns with duration= and event=.")
    missing = [c for c in named.values() if c not in frame.data.columns]
    if missing:
        raise UsageError(f"the data have no column {', '.join(repr(c) for c in missing)}.")
    rows = pd.DataFrame({key: frame.data[column].to_numpy() for key, column in named.items()})
    lacking = [named[c] for c in named if rows[c].isna().any()]
    if lacking:
        raise UsageError(f"a row has no value in {', '.join(repr(c) for c in lacking)}.")
    ratio = np.asarray(relative, dtype=float)
    if ratio.shape != (len(rows),):
        raise UsageError("relative must have one value for each row.")
    return rows.assign(center_id=rows["center_id"].astype(str), relative=ratio)


def _baseline_of(baseline: Any, name: str) -> Any:
    if not isinstance(baseline, Mapping):
        return baseline
    if name not in baseline:
        raise UsageError(f"there is no baseline for center '{name}'.")
    return baseline[name]


@dataclass(frozen=True)
class _Clock:
    """Events and expected events of one center by day, and the hazard of a row over the horizon."""

    rows: FollowedRows
    happened: Vector
    expected: Vector
    per_row: float


def _center(
    name: str, part: pd.DataFrame, baseline: Any, horizon: float, as_of: Any, rules: ChartRules
) -> tuple[pd.DataFrame, list[dict[str, Any]]]:
    """The chart of one center, and its two rows of the table."""
    rows = read_followed(
        *(part[c].to_numpy() for c in ("date", "duration", "event", "relative")),
        horizon=horizon,
        as_of=as_of,
    )
    rises = read_baseline(baseline, int(horizon))
    clock = _Clock(rows, *daily_sums(rows, rises), float(rows.relative.mean() * rises.sum()))
    limits = {side: _limit(rules, side, clock) for side in SIDES}
    paths = {
        side: chart_days(
            rows, clock.happened, clock.expected, limits[side].odds_ratio, limits[side], None,
            reset=rules.reset,
        )
        for side in SIDES
    }  # fmt: skip
    observed, expected = int(clock.happened.sum()), float(clock.expected.sum())
    sums = {"center_id": name, "n": len(rows.start), "observed": observed, "expected": expected}
    return _chart(name, clock, paths, limits), [
        {**sums, **_row(side, paths[side], limits[side], rows)} for side in SIDES
    ]


def _limit(rules: ChartRules, side: Side, clock: _Clock) -> CusumLimit:
    ratio = rules.worse if side == "worse" else rules.better
    total = float(clock.expected.sum())
    if total <= 0:
        why = "no event is expected: the hazard is zero wherever somebody was under observation."
        return CusumLimit(float("nan"), ratio, status="no risk", reason=why)
    if rules.false_alarm is not None:
        return survival_limit(
            ratio,
            false_alarm=rules.false_alarm,
            expected_events=total,
            head_start=rules.head_start,
        )
    length = rules.in_control_run_length or IN_CONTROL_RUN_LENGTH
    return survival_limit(
        ratio, in_control_events=length * clock.per_row, head_start=rules.head_start
    )


def _row(side: Side, path: SurvivalCusum, limit: CusumLimit, rows: FollowedRows) -> dict[str, Any]:
    dates = rows.dates().to_numpy()
    row = side_row(side, path.signals, float(path.days["value"].iloc[-1]), limit, dates)
    if len(path.signals):
        row["run_length"] = int((rows.start <= path.signals[0]).sum())
    return row


def _chart(
    name: str,
    clock: _Clock,
    paths: dict[Side, SurvivalCusum],
    limits: dict[Side, CusumLimit],
) -> pd.DataFrame:
    words = signal_words({side: paths[side].signals for side in SIDES}, clock.rows.length)
    day = np.arange(clock.rows.length)
    kept = (clock.happened > 0) | (words != "") | (day % _EVERY == 0) | (day == day[-1])
    chart = pd.DataFrame(
        {
            "center_id": name,
            "t": day + 1,
            "date": clock.rows.dates(),
            "vlad": np.cumsum(clock.expected - clock.happened),
            "vlad_low": np.nan,
            "vlad_high": np.nan,
            "worse": paths["worse"].days["value"],
            "better": paths["better"].days["value"],
            "limit_worse": limits["worse"].limit,
            "limit_better": limits["better"].limit,
            "signal": words,
        }
    )
    return chart[kept].reset_index(drop=True)
