"""What monitoring gives: the rules of the charts, the charts, and the signals of every center."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from vpstats.centers.monitoring.run_length import CusumLimit, cusum_limit
from vpstats.centers.monitoring.vlad import DISPLAY_ONLY
from vpstats.errors import UsageError
from vpstats.frames import PATIENT, Frame
from vpstats.results import Caveat, TableResult

Vector = NDArray[np.float64]
Rows = NDArray[np.int64]
Side = Literal["worse", "better"]

UNITS = ("patient", "procedure")
"""Units whose rows may stand on a chart one after the other."""

CHART_COLUMNS = (
    *("center_id", "t", "date", "vlad", "vlad_low", "vlad_high", "worse", "better"),
    *("limit_worse", "limit_better", "signal"),
)


@dataclass(frozen=True, slots=True)
class ChartRules:
    """How centers are charted; stated in the plan before results are seen.

    Parameters
    ----------
    worse, better : float
        Odds ratios that the two charts look for.
    in_control_run_length : float, optional
        Mean number of rows to a false signal of one chart; 5,000 if neither this nor
        `false_alarm` is given.
    false_alarm : float, optional
        Probability of a false signal of one chart over the center's own number of rows, instead.
    head_start : float
        Share of the limit that charts begin at.
    reset : bool
        Whether a chart begins anew after a signal.
    band : float
        Level of the VLAD's band at each row.
    """

    worse: float = 2.0
    better: float = 0.5
    in_control_run_length: float | None = None
    false_alarm: float | None = None
    head_start: float = 0.0
    reset: bool = True
    band: float = 0.95

    def __post_init__(self) -> None:
        if not (self.worse > 1 > self.better > 0):
            raise UsageError(
                f"the odds ratios are {self.worse!r} for worse and {self.better!r} for better; "
                "expected one above 1 and one between 0 and 1."
            )

    def limit(self, risks: Vector, side: Side) -> CusumLimit:
        """The limit of one side for a center's risks."""
        return cusum_limit(
            risks,
            odds_ratio=self.worse if side == "worse" else self.better,
            in_control_run_length=self.in_control_run_length,
            false_alarm=self.false_alarm,
            head_start=self.head_start,
        )


@dataclass(frozen=True, kw_only=True)
class Monitoring(TableResult):
    """Signals of every center, and the charts that they come from.

    ``tidy()`` has a row for each center and side: ``center_id, side, n, observed, expected,
    odds_ratio, limit, in_control_run_length, false_alarm, events_to_signal, n_signals,
    first_signal, run_length, value, status, reason``.

    Parameters
    ----------
    charts : DataFrame
        A row for each row analysed, in order of the chart: ``center_id, t, date, vlad, vlad_low,
        vlad_high, worse, better, limit_worse, limit_better, signal``. Every step is a patient:
        for those who may see patient data only, never for a public page.
    rules : ChartRules
        How centers were charted.
    note : str
        What the VLAD is for.
    """

    charts: pd.DataFrame = field(default_factory=pd.DataFrame, repr=False)
    rules: ChartRules = field(default_factory=ChartRules)
    note: str = DISPLAY_ONLY

    @property
    def signals(self) -> pd.DataFrame:
        """The rows of ``tidy()`` whose chart signalled, with their first signal."""
        table = self.table
        return table[table["n_signals"] > 0].reset_index(drop=True)


_COLUMNS = [
    *("center_id", "side", "n", "observed", "expected", "odds_ratio", "limit"),
    *("in_control_run_length", "false_alarm", "events_to_signal", "n_signals", "first_signal"),
    *("run_length", "value", "status", "reason"),
]


def open_rows(data: pd.DataFrame | Frame, unit: str | None) -> Frame:
    """The rows with their unit, if it is one that may be charted.

    Raises
    ------
    UsageError
        If the unit is not told, or is finer than a procedure.
    """
    if isinstance(data, Frame):
        if unit is not None and unit != data.unit:
            raise UsageError(f"the frame's rows are {data.unit}s; leave unit= out.")
        frame = data
    elif unit is None:
        raise UsageError("say what a row of the table is: unit='procedure' or unit='patient'.")
    else:
        frame = Frame(data, unit=unit)
    if frame.unit not in UNITS:
        raise UsageError(
            f"rows are {frame.unit}s; a chart over time takes procedures or patients, since "
            "several rows of one procedure come together and would signal together."
        )
    return frame


SIDES: tuple[Side, Side] = ("worse", "better")


def side_row(
    side: Side, signals: Rows, value: float, limit: CusumLimit, dates: NDArray[Any]
) -> dict[str, Any]:
    """One side of one center in the table: its limit, its signals and where it stands."""
    first = int(signals[0]) if len(signals) else None
    return {
        "side": side,
        "odds_ratio": limit.odds_ratio,
        "limit": limit.limit,
        "in_control_run_length": limit.run_length,
        "false_alarm": limit.false_alarm,
        "events_to_signal": limit.events_to_signal if limit.ok else None,
        "n_signals": len(signals),
        "first_signal": pd.NaT if first is None else pd.Timestamp(dates[first]),
        "run_length": None if first is None else first + 1,
        "value": value,
        "status": limit.status,
        "reason": limit.reason,
    }


def assemble(
    frame: Frame,
    rules: ChartRules,
    charts: list[pd.DataFrame],
    rows: list[dict[str, Any]],
    *,
    title: str,
    n_events: int,
) -> Monitoring:
    """The result of all centers."""
    ok = len(rows) > 0
    return Monitoring(
        title=title,
        unit=frame.unit,
        n=len(frame),
        n_events=n_events,
        n_clusters=frame.n_clusters,
        caveats=_caveats(frame),
        status="ok" if ok else "no rows",
        reason="" if ok else "there is no row to chart; look at what the cohort left out.",
        table=_typed(pd.DataFrame(rows, columns=_COLUMNS)),
        charts=pd.concat(charts, ignore_index=True) if charts else _no_chart(),
        rules=rules,
    )


def signal_words(signals: dict[Side, Rows], n: int) -> NDArray[np.object_]:
    """Which side signalled at each row: "", "worse", "better" or "both"."""
    words = np.full(n, "", dtype=object)
    for side in SIDES:
        words[signals[side]] = side
    words[np.intersect1d(signals["worse"], signals["better"])] = "both"
    return words


def _typed(table: pd.DataFrame) -> pd.DataFrame:
    whole = dict.fromkeys(("n", "observed", "events_to_signal", "n_signals", "run_length"), "Int64")
    return table.astype({**whole, "first_signal": "datetime64[ns]"})


def _no_chart() -> pd.DataFrame:
    return pd.DataFrame({name: [] for name in CHART_COLUMNS})


def _caveats(frame: Frame) -> tuple[Caveat, ...]:
    repeated = PATIENT in frame.data.columns and bool(frame.data[PATIENT].duplicated().any())
    if not repeated:
        return ()
    again = int(frame.data[PATIENT].duplicated().sum())
    return (
        Caveat(
            "repeated_patients",
            f"{again} of {len(frame)} rows are of patients charted before; charts take all rows "
            "as independent given their risks, so that false signals come somewhat sooner.",
        ),
    )
