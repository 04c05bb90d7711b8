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


_FEWEST, _USUAL = 5, 0.8  # groups that several sources list, and the share on which they agree


def lists_apart(group: Array, item: Array, source: Array) -> Array:
    """Rows of a group's item that another source of the group does not list.

    Sources that list different items of one group contradict one another where most groups agree;
    that one lists fewer is doubted only where they usually list the same.

    Parameters
    ----------
    group, item : ndarray of object, shape (n,)
        What is listed, and of what.
    source : ndarray of int, shape (n,)
        Who lists it.

    Returns
    -------
    ndarray of int
        Positions of rows.

    Examples
    --------
    >>> group = np.array(["a", "a", "b", "b", "c", "c"], object)
    >>> item = np.array(["L1", "L1", "L2", "L3", "T9", "T9"], object)
    >>> lists_apart(group, item, np.array([0, 1, 0, 1, 0, 1])).tolist()
    [2, 3]
    """
    rows = pd.DataFrame({"group": group, "item": item, "source": source})
    several = rows.groupby("group")["source"].transform("nunique")
    rows, several = rows[several > 1], several[several > 1]
    if rows.empty:
        return np.empty(0, np.int64)
    lonely = rows.groupby(["group", "item"])["source"].transform("nunique") < several
    same = ~lonely.groupby(rows["group"]).any()
    apart = rows[lonely].groupby("group")["source"].nunique().reindex(same.index, fill_value=0) > 1
    doubted = apart & ((~apart).mean() > 1 / 2)
    if len(same) >= _FEWEST and same.mean() >= _USUAL:
        doubted = ~same
    chosen = lonely & rows["group"].map(doubted).astype(bool)
    positions: Array = rows.index[chosen].to_numpy(np.int64)
    return positions


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
