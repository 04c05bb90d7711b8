"""Rows that are about the same thing become one: equal values agree, others contradict."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]


@dataclass(frozen=True, slots=True, eq=False)
class Conflict:
    """Rows of one thing that contradict one another in one field.

    Parameters
    ----------
    field : str
        The field.
    positions : ndarray of int
        Rows, of the frame before it was collapsed, that hold a value.
    """

    field: str
    positions: Array


def collapse(
    frame: pd.DataFrame, key: Array, fields: list[str]
) -> tuple[pd.DataFrame, list[Conflict]]:
    """Make one row of all rows with the same key.

    A field takes the value on which its rows agree, missing ones aside; where they differ it
    becomes missing and the rows are named. Other columns take their first value.

    Parameters
    ----------
    frame : DataFrame
        Rows with a range index.
    key : ndarray of object, shape (n,)
        Key of each row.
    fields : list of str
        Columns that have to agree.

    Returns
    -------
    tuple
        One row per key in the order of first appearance, and the conflicts.

    Examples
    --------
    >>> rows = pd.DataFrame({"sex": ["f", None, "m"], "asa": ["2", "2", "2"]})
    >>> one, conflicts = collapse(rows, np.array(["a", "a", "a"], object), ["sex", "asa"])
    >>> one["asa"].tolist(), [c.positions.tolist() for c in conflicts]
    (['2'], [[0, 2]])
    >>> one["sex"].isna().tolist()
    [True]
    """
    group, keys = pd.factorize(key)
    if len(keys) == len(frame):
        return frame, []
    order = np.argsort(group, kind="stable")
    starts = np.searchsorted(group[order], np.arange(len(keys)))
    columns: dict[str, Any] = {}
    conflicts: list[Conflict] = []
    for name in frame.columns:
        if name in fields:
            columns[name], where = _agreed(frame[name], group, order, starts)
            if len(where):
                conflicts.append(Conflict(name, where))
        else:
            columns[name] = frame[name].take(order[starts]).array
    return pd.DataFrame(columns), conflicts


def _agreed(values: pd.Series, group: Array, order: Array, starts: Array) -> tuple[Any, Array]:
    codes, uniques = pd.factorize(values)
    sorted_codes = codes[order].astype(np.int64)
    highest = np.maximum.reduceat(sorted_codes, starts)
    lowest = np.minimum.reduceat(np.where(sorted_codes < 0, len(uniques), sorted_codes), starts)
    known = highest >= 0
    differ = known & (lowest != highest)
    chosen = np.where(known & ~differ, highest, -1)
    # by label: -1 is none of them and becomes missing, where `take` would give the last one
    agreed = pd.Series(uniques).reindex(chosen).array
    return agreed, np.flatnonzero(differ[group] & (codes >= 0))
