"""How completely each center's patients were followed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from vpstats.centers.reading import center_names
from vpstats.errors import UsageError
from vpstats.frames import Frame, open_data
from vpstats.models.curves import kaplan_meier
from vpstats.models.followup import read_times

if TYPE_CHECKING:
    from numpy.typing import NDArray

_COLUMNS = ["center_id", "n", "person_time", "potential_time", "followup_completeness", "median"]


def followup_completeness(
    data: pd.DataFrame | Frame,
    *,
    duration: str,
    event: str,
    potential: str | None = None,
    horizon: float | None = None,
    center: str = "center_id",
    independent: str | None = None,
) -> pd.DataFrame:
    """Compare how long each center's rows were followed with how long they could have been.

    Parameters
    ----------
    data : DataFrame or Frame
        Rows; unchanged.
    duration, event : str
        Columns of the time at which follow-up ends and of what ended it (0 where it is censored).
    potential : str, optional
        Column of the time that had passed since each row's start when the data were cut; may be
        less where something else, as the next procedure, ended what was to be followed.
    horizon : float, optional
        Time after which nothing is asked for. One of `potential` and `horizon` is needed; with
        `horizon` alone every row could have been followed until then.
    center : str
        Column of centers.
    independent : str, optional
        As `vpstats.frames.open_data`; no error is computed here.

    Returns
    -------
    DataFrame
        ``center_id, n, person_time, potential_time, followup_completeness, median``: Clark's C,
        the sum of observed over the sum of potential times, where whoever had an event (or died)
        was followed completely; and the median follow-up by the reverse Kaplan–Meier estimate, NaN
        where fewer than half were lost.

    Raises
    ------
    UsageError
        If neither `potential` nor `horizon` is given, or a column is missing.

    References
    ----------
    Clark TG, Altman DG, De Stavola BL. Quantification of the completeness of follow-up. Lancet
    2002;359:1309-1310. Schemper M, Smith TL. A note on quantifying follow-up in studies of failure
    time. Control Clin Trials 1996;17:343-346.

    Examples
    --------
    >>> rows = pd.DataFrame({"center_id": ["a"] * 3, "days": [90, 45, 10], "event": [0, 0, 1]})
    >>> found = followup_completeness(rows, duration="days", event="event", horizon=90)
    >>> round(float(found["followup_completeness"].iloc[0]), 4)  # 145 of 190 days
    0.7632
    """
    if potential is None and horizon is None:
        raise UsageError("give potential=, the time that could have been observed, or horizon=.")
    frame = open_data(data, independent=independent or "completeness has no error of sampling")
    table = frame.data
    time, happened = read_times(table, duration), read_times(table, event)
    names = center_names(table, center)
    longest = np.full(len(table), np.inf if horizon is None else horizon)
    if potential is not None:
        longest = np.minimum(longest, read_times(table, potential))
    known = pd.notna(names) & ~np.isnan(time) & ~np.isnan(happened) & ~np.isnan(longest)
    seen = np.minimum(time, longest)
    ended = (happened > 0) & (time <= longest)
    rows = pd.DataFrame(
        {
            "center_id": names,
            "n": 1,
            "person_time": seen,
            "potential_time": np.where(ended, seen, longest),
            "_event": ended.astype(int),
        }
    )[known]
    sums = rows.groupby("center_id", sort=True)[["n", "person_time", "potential_time"]].sum()
    sums = sums.reset_index()
    whole = sums["potential_time"].to_numpy(float)
    share = np.divide(
        sums["person_time"].to_numpy(float), whole, out=np.ones(len(sums)), where=whole > 0
    )
    return sums.assign(followup_completeness=share, median=_medians(rows))[_COLUMNS]


def _medians(rows: pd.DataFrame) -> NDArray[np.float64]:
    """Median follow-up of each center by the reverse Kaplan–Meier estimate."""
    if rows.empty:
        return np.empty(0)
    curve = kaplan_meier(rows, duration="person_time", event="_event", by="center_id", reverse=True)
    found = []
    for _, steps in curve.groups():
        below = steps.loc[steps["estimate"] <= 0.5, "time"]
        found.append(float(below.iloc[0]) if len(below) else np.nan)
    return np.array(found)
