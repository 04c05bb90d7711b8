"""Reading the steps of a curve: its value at a time, and the numbers at risk in two conventions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Vector = NDArray[np.float64]

CONVENTIONS = ("before", "start")


def read_steps(
    rows: pd.DataFrame, times: Vector, start: float, by: str | None, name: object
) -> pd.DataFrame:
    """Read a curve at given times: the last step at or before each.

    Parameters
    ----------
    rows : DataFrame
        Tidy steps of one curve.
    times : ndarray, shape (m,)
        Where to read.
    start : float
        Value before the first step.
    by : str, optional
        Grouping column.
    name : object
        The group.

    Returns
    -------
    DataFrame
        m rows with the columns of the steps; `n_risk` is the number just before each time.
    """
    grid = rows["time"].to_numpy(float)
    last = np.searchsorted(grid, times, side="right") - 1
    following = np.searchsorted(grid, times, side="left")
    read = rows.iloc[np.maximum(last, 0)].reset_index(drop=True)
    before = last < 0
    read.loc[before, ["estimate", "conf_low", "conf_high"]] = start
    read.loc[before, "std_error"] = 0.0
    # just before a time, everybody whose own time lies at or after it is at risk
    at_risk = np.append(rows["n_risk"].to_numpy(float), 0.0)
    read["n_risk"] = at_risk[following]
    read["time"] = times
    if by is not None:
        read[by] = name
    return read


def count_at_risk(
    rows: pd.DataFrame, times: Vector, convention: str, by: str | None, name: object
) -> pd.DataFrame:
    """Numbers at risk of one curve at given times.

    Parameters
    ----------
    rows, times, by, name
        As in `read_steps`.
    convention : {"before", "start"}
        Just before each time, or just after it.

    Returns
    -------
    DataFrame
        m rows: the group's column if grouped, ``time, n_risk, n_event, n_censor``.
    """
    side: Any = "left" if convention == "before" else "right"
    passed = np.searchsorted(rows["time"].to_numpy(float), times, side=side)
    columns = {
        "n_risk": np.append(rows["n_risk"].to_numpy(), 0)[passed],
        "n_event": np.cumsum(np.append(0, rows["n_event"].to_numpy()))[passed],
        "n_censor": np.cumsum(np.append(0, rows["n_censor"].to_numpy()))[passed],
    }
    group = {} if by is None else {by: [name] * len(times)}
    return pd.DataFrame({**group, "time": times, **columns})
