"""Charts and signals of every center, for an outcome that each row has or has not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from vpstats.centers.monitoring.cusum import cusum, order_rows
from vpstats.centers.monitoring.result import (
    SIDES,
    ChartRules,
    Monitoring,
    assemble,
    open_rows,
    side_row,
    signal_words,
)
from vpstats.centers.monitoring.vlad import vlad
from vpstats.centers.monitoring.weights import read_pair
from vpstats.errors import UsageError
from vpstats.frames import Frame

__all__ = ["ChartRules", "Monitoring", "monitor"]


def monitor(
    data: pd.DataFrame | Frame,
    row_risks: Any,
    *,
    outcome: str | None = None,
    center: str = "center_id",
    date: str = "procedure_date",
    sequence: str | None = None,
    unit: str | None = None,
    rules: ChartRules | None = None,
) -> Monitoring:
    """Chart the outcomes of every center over time.

    Parameters
    ----------
    data : DataFrame or Frame
        A row per procedure or patient, in any order; unchanged.
    row_risks : array_like, shape (n,)
        Expected risk of each row at the average center.
    outcome : str, optional
        Column of the outcome, 0 or 1; that of the Frame if None.
    center, date : str
        Columns of the center and of the day.
    sequence : str, optional
        Column of the order within a day; see `chart_order` for the rule without one.
    unit : str, optional
        What a row of a plain DataFrame is: "procedure" or "patient".
    rules : ChartRules, optional
        Odds ratios, limits, head start and reset; the defaults if None.

    Returns
    -------
    Monitoring
        A center for whose case mix there is no limit has charts without signals, and a reason.

    Raises
    ------
    UsageError
        If rows are levels or another unit finer than a procedure, a column is missing, or an
        outcome, risk, center or date is.

    References
    ----------
    Steiner SH, Cook RJ, Farewell VT, Treasure T. Monitoring surgical performance using
    risk-adjusted cumulative sum charts. Biostatistics 2000;1:441-452.
    Lovegrove J, Valencia O, Treasure T, Sherlaw-Johnson C, Gallivan S. Monitoring the results of
    cardiac surgery by variable life-adjusted display. Lancet 1997;350:1128-1130.

    Examples
    --------
    >>> days = pd.date_range("2024-01-01", periods=8)
    >>> rows = pd.DataFrame({"center_id": "C01", "procedure_date": days, "leak": [0, 1] * 4})
    >>> found = monitor(rows, [0.1] * 8, outcome="leak", unit="procedure",
    ...                 rules=ChartRules(in_control_run_length=200))
    >>> found.signals[["center_id", "side", "run_length"]].values.tolist()
    [['C01', 'worse', 8]]
    """
    rules = ChartRules() if rules is None else rules
    frame = open_rows(data, unit)
    rows = _read(frame, row_risks, outcome, center, date, sequence)
    parts = [_center(name, part, rules) for name, part in rows.groupby("center_id", sort=True)]
    return assemble(
        frame,
        rules,
        [chart for chart, _ in parts],
        [row for _, found in parts for row in found],
        title="Outcomes over time, by center",
        n_events=int(rows["outcome"].sum()),
    )


def _read(
    frame: Frame,
    risks: Any,
    outcome: str | None,
    center: str,
    date: str,
    sequence: str | None,
) -> pd.DataFrame:
    """Rows in order of the chart: ``center_id, date, outcome, risk``."""
    name = frame.outcome if outcome is None else outcome
    if name is None:
        raise UsageError("name the column of the outcome with outcome=.")
    named = [name, center, date, *([] if sequence is None else [sequence])]
    missing = [c for c in named if c not in frame.data.columns]
    if missing:
        raise UsageError(f"the data have no column {', '.join(repr(c) for c in missing)}.")
    data = frame.data
    if data[center].isna().any():
        raise UsageError(f"column '{center}' holds a missing center; every row needs one.")
    y, p = read_pair(data[name].to_numpy(float, na_value=np.nan), risks)
    keys = pd.DataFrame(
        {
            "center_id": data[center].astype(str).to_numpy(),
            "date": pd.to_datetime(pd.Series(data[date].to_numpy()), errors="coerce"),
            "sequence": 0.0 if sequence is None else data[sequence].to_numpy(float),
            "risk": p,
        }
    )
    if keys.isna().any(axis=None):
        raise UsageError(
            f"a row lacks its day ('{date}') or its order within it; a chart needs both."
        )
    order = order_rows(keys, y)
    return keys.assign(outcome=y).iloc[order].reset_index(drop=True)


def _center(
    name: Any, rows: pd.DataFrame, rules: ChartRules
) -> tuple[pd.DataFrame, list[dict[str, Any]]]:
    """The chart of one center, and its two rows of the table."""
    y, p = rows["outcome"].to_numpy(), rows["risk"].to_numpy()
    dates = rows["date"].to_numpy()
    display = vlad(y, p, level=rules.band)
    limits = {side: rules.limit(p, side) for side in SIDES}
    paths = {
        side: cusum(y, p, odds_ratio=limit.odds_ratio, limit=limit, reset=rules.reset)
        for side, limit in limits.items()
    }
    signals = {side: paths[side].signals for side in SIDES}
    chart = pd.DataFrame(
        {
            "center_id": name,
            "t": np.arange(1, len(y) + 1),
            "date": dates,
            "vlad": display.values,
            "vlad_low": display.low,
            "vlad_high": display.high,
            "worse": paths["worse"].values,
            "better": paths["better"].values,
            "limit_worse": limits["worse"].limit,
            "limit_better": limits["better"].limit,
            "signal": signal_words(signals, len(y)),
        }
    )
    sums = {"center_id": name, "n": len(y), "observed": int(y.sum()), "expected": float(p.sum())}
    return chart, [
        {**sums, **side_row(s, signals[s], float(paths[s].values[-1]), limits[s], dates)}
        for s in SIDES
    ]
