"""Follow-up cut into windows: one row per unit becomes one row per unit and window."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from vpstats.errors import UsageError
from vpstats.frames import PATIENT, Frame
from vpstats.models.columns import require_columns
from vpstats.models.followup import Codes, Vector, entry_column, read_times
from vpstats.models.slots import run_positions

Table = TypeVar("Table", pd.DataFrame, Frame)

ENTRY = "entry"
"""Name of the column of entry times where the data have none."""
SAME_UNIT = "they are parts of one follow-up, each at risk in its own window."
"""Why the parts of rows that were independent are independent in a hazard model."""


def split_follow_up(
    data: Table,
    *,
    duration: str,
    event: str,
    at: Sequence[float],
    entry: str | None = None,
    window: str = "window",
    id: str | None = None,  # noqa: A002 - the word that survSplit uses
) -> Table:
    """Cut follow-up at given times, so that an effect may differ between the windows.

    Parameters
    ----------
    data : DataFrame or Frame, shape (n, any)
        Rows; unchanged.
    duration, event : str
        Columns of follow-up. Event codes or booleans; only the last part of a row keeps its code.
    at : sequence of float
        Times at which to cut, in the unit of the duration column (days for timedeltas). A row
        that ends at a cut, or has its event there, lies in the window before it.
    entry : str, optional
        Column of entry times, which the parts need: the frame's own if None, and a new column
        "entry" where there is none.
    window : str
        Name of the new column: an ordered category such as "0-60", "60-365", "365+".
    id : str, optional
        Name of a new column that numbers the rows as given from 0.

    Returns
    -------
    DataFrame or Frame
        As given, with as many rows as windows were lived in, in the order of the rows, then of
        time; index labels are repeated. A Frame keeps its unit, cluster and labels; where it had
        one row per patient its parts are marked as independent, since in a hazard model the parts
        of one follow-up carry no information twice.

    Raises
    ------
    UsageError
        If a time is missing or negative, cuts are not positive and ascending, or a new column
        already exists.

    Notes
    -----
    Splitting changes no estimate of a hazard model: every row is at risk at the same event times
    as before. With ``cluster=`` the parts belong to one cluster as their row did; a robust error
    of rows that had none needs ``cluster=`` the column named by `id`.

    References
    ----------
    Therneau TM, Grambsch PM (2000), section 3.7.

    Examples
    --------
    >>> import pandas as pd
    >>> rows = pd.DataFrame({"days": [40, 100], "event": [1, 1]})
    >>> split_follow_up(rows, duration="days", event="event", at=[60])
       days  event  entry window
    0    40      1    0.0   0-60
    1    60      0    0.0   0-60
    1   100      1   60.0    60+
    """
    frame = data if isinstance(data, Frame) else Frame(data, unit="row")
    entry = entry_column(frame, duration, entry)
    _check(frame.data, duration, event, entry, [window] if id is None else [window, id])
    cuts = _cuts(at)
    start = np.zeros(len(frame)) if entry is None else read_times(frame.data, entry)
    stop = read_times(frame.data, duration)
    rows, part = _parts(start, stop, cuts)
    table = frame.data.iloc[rows].copy()
    edges = np.concatenate([[0.0], cuts, [np.inf]])
    starts = np.maximum(start[rows], edges[part])
    stops = np.minimum(stop[rows], edges[part + 1])
    cut_off = stops < stop[rows]
    table[duration] = _times_like(frame.data[duration], stops)
    table[event] = _without(table[event], cut_off)
    table[entry or ENTRY] = (
        starts if entry is None else _times_like(frame.data[entry], starts, floats=True)
    )
    table[window] = pd.Categorical.from_codes(part, window_names(cuts), ordered=True)
    if id is not None:
        table[id] = rows
    if isinstance(data, Frame):
        return _as_frame(data, table, entry or ENTRY, duration)
    return table


def window_names(cuts: Vector) -> list[str]:
    """Names of the windows between cuts: "0-60", "60-365", "365+"."""
    words = [f"{cut:g}" for cut in (0.0, *cuts)]
    return [f"{a}-{b}" for a, b in pairwise(words)] + [f"{words[-1]}+"]


def _check(
    data: pd.DataFrame, duration: str, event: str, entry: str | None, new: list[str]
) -> None:
    require_columns(data, [duration, event])
    taken = [name for name in (*new, *([] if entry else [ENTRY])) if name in data.columns]
    if taken:
        raise UsageError(
            f"the data already have a column '{taken[0]}'; give window= or id= another name, or "
            "entry='entry' if it holds the entry times."
        )


def _cuts(at: Sequence[float]) -> Vector:
    cuts = np.atleast_1d(np.asarray(at, dtype=float))
    if not (cuts.size and cuts[0] > 0 and np.isfinite(cuts).all() and (np.diff(cuts) > 0).all()):
        raise UsageError(f"at is {list(at)!r}; expected positive times in ascending order.")
    return cuts


def _parts(start: Vector, stop: Vector, cuts: Vector) -> tuple[NDArray[np.intp], Codes]:
    """Row and window of every part, by row and then by window."""
    wrong = int(np.count_nonzero(~((start >= 0) & (stop >= start) & np.isfinite(stop))))
    if wrong:
        raise UsageError(
            f"follow-up is missing, negative or ends before it starts in {wrong:,} rows; expected "
            "0 <= entry < duration. Correct or leave out those rows."
        )
    first = np.searchsorted(cuts, start, side="right")
    # what ends at a cut belongs to the window before; a row without length to its own
    last = np.maximum(np.searchsorted(cuts, stop, side="left"), first)
    count = last - first + 1
    return np.repeat(np.arange(len(start)), count), run_positions(first, count)


def _times_like(column: pd.Series, times: Vector, *, floats: bool = False) -> object:
    """Times as the column has them: timedeltas, whole numbers where nothing is lost, or floats."""
    if pd.api.types.is_timedelta64_dtype(column.dtype):
        return pd.to_timedelta(times, unit="D")
    whole = pd.api.types.is_integer_dtype(column.dtype) and not floats
    if whole and np.array_equal(times, np.floor(times)):
        return pd.array(times.astype(np.int64)).astype(column.dtype)
    return times


def _without(events: pd.Series, cut_off: NDArray[np.bool_]) -> pd.Series:
    """The codes, 0 (or False) for a part that its row outlived."""
    kept = events.copy()
    none = False if pd.api.types.is_bool_dtype(events.dtype) else 0
    kept.iloc[np.flatnonzero(cut_off)] = none
    return kept


def _as_frame(frame: Frame, table: pd.DataFrame, entry: str, duration: str) -> Frame:
    """The frame of the parts; those of a frame of single patients share a patient by design."""
    patients = frame.data[PATIENT] if PATIENT in frame.data.columns else pd.Series(dtype=object)
    alone = frame.cluster is None and frame.independent is None and not patients.duplicated().any()
    return replace(
        frame,
        data=table,
        duration=duration,
        entry=entry,
        independent=SAME_UNIT if alone else frame.independent,
    )
