"""An indicator followed over time, and over the cases of an operator; rows stay inside."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from vpstats.centers.monitoring import ChartRules, learning_curve, monitor, monitor_survival
from vpstats.centers.rows import DAY, OUTCOME

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vpstats.centers.monitoring import Monitoring
    from vpstats.frames import Frame
    from vpstats.study import Indicator

    Vector = NDArray[np.float64]

MONITORED = ("procedure", "patient")
"""Units whose rows may stand on a chart one after the other."""

OPERATOR, CASE = "operator_id", "operator_case_no"


def chart(
    frame: Frame, risks: Vector, spec: Indicator, data_cut: pd.Timestamp | None
) -> Monitoring | None:
    """Chart the rows of every center, where the plan asks for it and the unit allows it.

    Parameters
    ----------
    frame : Frame
        From `rows.indicator_rows`.
    risks : ndarray, shape (n,)
        Expected risk, or cumulative hazard, of each row; NaN where it was not analysed.
    spec : Indicator
    data_cut : Timestamp, optional
        Last day that the data know of; a chart of an incidence needs it.

    Returns
    -------
    Monitoring or None
    """
    ask = spec.monitor
    if ask is None or frame.unit not in MONITORED or DAY not in frame.data.columns:
        return None
    known = np.isfinite(risks) & frame.data[DAY].notna().to_numpy()
    if not known.any():
        return None
    rules = ChartRules(
        worse=ask.odds_ratio,
        better=1 / ask.odds_ratio,
        in_control_run_length=ask.run_length,
        head_start=ask.head_start,
        reset=ask.reset,
    )
    rows = replace(frame, data=frame.data[known])
    if spec.measure == "proportion":
        return monitor(rows, risks[known], outcome=OUTCOME, date=DAY, rules=rules)
    return None if data_cut is None else _survival(rows, risks[known], spec, data_cut, rules)


def _survival(
    rows: Frame, hazards: Vector, spec: Indicator, data_cut: pd.Timestamp, rules: ChartRules
) -> Monitoring:
    """Charts whose expected numbers are those of the audit: its hazards over the network's."""
    horizon = float(spec.horizon or 0.0)
    days = np.minimum(rows.data[str(rows.duration)].to_numpy(float), horizon)
    happened = (rows.data[spec.outcome] == spec.cause).to_numpy() & (
        rows.data[str(rows.duration)].to_numpy(float) <= horizon
    )
    at, total = _cumulative(days, happened)
    own = _read(at, total, days)
    relative = np.divide(hazards, own, out=np.ones(len(own)), where=(own > 0) & (hazards > 0))
    return monitor_survival(
        rows,
        relative,
        lambda day: _read(at, total, np.asarray(day, dtype=float)),
        horizon=horizon,
        as_of=data_cut,
        event=spec.outcome,
        cause=spec.cause,
        date=DAY,
        rules=rules,
    )


def _cumulative(days: Vector, happened: NDArray[np.bool_]) -> tuple[Vector, Vector]:
    """Nelson and Aalen's cumulative hazard of all rows: times of events and its values there."""
    at, events = np.unique(days[happened], return_counts=True)
    at_risk = len(days) - np.searchsorted(np.sort(days), at, side="left")
    return at, np.cumsum(events / at_risk)


def _read(at: Vector, total: Vector, days: Vector) -> Vector:
    return np.asarray(np.concatenate([[0.0], total])[np.searchsorted(at, days, side="right")])


def learn(frame: Frame, risks: Vector, spec: Indicator) -> pd.DataFrame:
    """The learning curve over operators' cases, where the plan asks for it.

    Parameters
    ----------
    frame : Frame
        From `rows.indicator_rows`, with the operator of each row.
    risks : ndarray, shape (n,)
        Expected risk of each row.
    spec : Indicator

    Returns
    -------
    DataFrame
        ``indicator, center_id, operator, sequence, estimate, conf_low, conf_high, n, measure``;
        empty where there is none. What an operator brought along is not known, and that is said.
    """
    columns = {OPERATOR, CASE} <= set(frame.data.columns)
    if not spec.learning or spec.measure != "proportion" or not columns:
        return pd.DataFrame()
    known = np.isfinite(risks) & frame.data[[OPERATOR, CASE]].notna().all(axis=1).to_numpy()
    rows = replace(frame, data=frame.data[known])
    found = learning_curve(
        rows, operator=OPERATOR, sequence=CASE, outcome=OUTCOME, risks=risks[known],
        operators="clusters",
    )  # fmt: skip
    if not found.ok:
        return pd.DataFrame()
    table = found.tidy().rename(columns={"position": "sequence", "n_operators": "n"})
    names = ["indicator", "center_id", "operator", "sequence", "estimate", "conf_low", "conf_high"]
    measure = "Odds ratio to the first case, prior experience unknown"
    return table.assign(indicator=spec.id, center_id="", operator="", measure=measure)[
        [*names, "n", "measure"]
    ]
