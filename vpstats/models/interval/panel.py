"""Visits, one row each, to the one row per patient that the models here take."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from vpstats.errors import UsageError
from vpstats.models.columns import require_columns
from vpstats.models.interval.brackets import Clock, Mask, Vector, refuse

Rows = NDArray[np.intp]


def bracket_visits(
    visits: pd.DataFrame,
    *,
    subject: str,
    time: str,
    state: str,
    start: str | None = None,
    healthy: object = 1,
    ill: object = 2,
    dead: object = 3,
) -> pd.DataFrame:
    """Reduce visits to last negative, first positive and end of follow-up.

    Parameters
    ----------
    visits : DataFrame, shape (m, any)
        One row per visit or death, in any order; unchanged. The first record of a subject is
        when it enters, healthy.
    subject, time, state : str
        Columns of who, when and what was found.
    start : str, optional
        Column of the date at which follow-up starts, where `time` holds dates.
    healthy, ill, dead : object
        Codes of the states. A visit with another code, or none, says that the subject lived.

    Returns
    -------
    DataFrame
        One row per subject, in order of first appearance: the subject's column, ``entry``
        (first record), ``left`` (last healthy), ``right`` (first ill, NaN if never found),
        ``end`` (last record), ``died`` (0 or 1), and the other columns as on the first record.

    Raises
    ------
    UsageError
        If a subject or time is missing, a subject is not healthy first, is healthy after illness,
        or is seen after death.

    Examples
    --------
    >>> import pandas as pd
    >>> visits = pd.DataFrame(
    ...     {"who": [1, 1, 1, 2, 2], "day": [0, 30, 90, 0, 400], "state": [1, 1, 2, 1, 3]}
    ... )
    >>> bracket_visits(visits, subject="who", time="day", state="state")
       who  entry  left  right    end  died
    0    1    0.0  30.0   90.0   90.0     0
    1    2    0.0   0.0    NaN  400.0     1
    """
    require_columns(visits, [subject, time, state])
    when = Clock(start).read(visits, time)
    refuse(
        np.isnan(when) | visits[subject].isna().to_numpy(), f"'{subject}' or '{time}' is missing",
        "who and when",
    )  # fmt: skip
    codes, who = pd.factorize(visits[subject])
    found = visits[state]
    marks = {
        name: found.eq(code).fillna(value=False).to_numpy(bool)
        for name, code in (("healthy", healthy), ("ill", ill), ("dead", dead))
    }
    size = len(who)
    first = _extreme(np.minimum, when, codes, size)
    last = _extreme(np.maximum, when, codes, size)
    well = _extreme(np.maximum, when[marks["healthy"]], codes[marks["healthy"]], size)
    sick = _extreme(np.minimum, when[marks["ill"]], codes[marks["ill"]], size)
    died = _extreme(np.minimum, when[marks["dead"]], codes[marks["dead"]], size)
    opened = _extreme(np.minimum, when[marks["healthy"]], codes[marks["healthy"]], size)
    _refuse_subjects(~(opened == first), "are not healthy on their first record",
                     "who was ill before is not at risk")  # fmt: skip
    _refuse_subjects(well > sick, "are healthy after illness", "illness here does not heal")
    _refuse_subjects(last > died, "have a record after death", "death comes last")
    order = np.lexsort((when, codes))
    rest = [c for c in visits.columns if c not in (subject, time, state, start)]
    baseline = visits.iloc[order[np.flatnonzero(np.diff(codes[order], prepend=-1))]]
    table = pd.DataFrame({subject: baseline[subject].to_numpy()})
    table = table.assign(entry=first, left=well, right=sick, end=last)
    table["died"] = np.isfinite(died).astype(int)
    return table.join(baseline[rest].reset_index(drop=True))


def _extreme(pick: np.ufunc, when: Vector, codes: Rows, size: int) -> Vector:
    """First or last time of each subject, shape (size,); NaN where there is none."""
    out = np.full(size, np.inf if pick is np.minimum else -np.inf)
    pick.at(out, codes, when)
    return np.where(np.isfinite(out), out, np.nan)


def _refuse_subjects(wrong: Mask, what: str, why: str) -> None:
    count = int(np.count_nonzero(wrong))
    if count:
        raise UsageError(f"{count:,} subjects {what}; {why}. Correct or leave out those subjects.")
