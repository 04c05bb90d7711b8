"""Vertebrae of a session that one list of them has and another has not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from vpstats.registry.blocks import Block
from vpstats.registry.mapping import SourceMap, TableMap

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

_FEWEST, _USUAL = 5, 0.8  # groups that several sources list, and the share on which they agree
_KEYS = frozenset({"center_id", "patient_id", "procedure_id", "proc_date", "level"})


def lists_apart(group: Array, item: Array, source: Array, partial: Array) -> Array:
    """Rows of a group's item that another source of the group does not list.

    Sources contradict one another where none of them lists all items of a group, while most groups
    have one that does. That a source lists fewer is doubted only where they usually list the same,
    and not of a source of single measurements, which a vertebra may lack.

    Parameters
    ----------
    group, item : ndarray of object, shape (n,)
        What is listed, and of what.
    source : ndarray of int, shape (n,)
        Who lists it.
    partial : ndarray of bool, shape (n,)
        Whether the source lists single measurements.

    Returns
    -------
    ndarray of int
        Positions of rows.

    Examples
    --------
    >>> group = np.array(["a", "a", "b", "b", "c", "c"], object)
    >>> item = np.array(["L1", "L1", "L2", "L3", "T9", "T9"], object)
    >>> source = np.array([0, 1, 0, 1, 0, 1])
    >>> lists_apart(group, item, source, source > 1).tolist()
    [2, 3]
    """
    rows = pd.DataFrame({"group": group, "item": item, "source": source, "partial": partial})
    rows = rows[rows.groupby("group")["source"].transform("nunique") > 1]
    if rows.empty:
        return np.empty(0, np.int64)
    unlisted, lonely = _unlisted(rows)
    same = ~unlisted.groupby(rows["group"]).any()
    apart = _apart(rows)
    doubted = apart & ((~apart).mean() > 1 / 2)
    if len(same) >= _FEWEST and same.mean() >= _USUAL:
        doubted |= ~same
    chosen = lonely & rows["group"].map(doubted).astype(bool)
    positions: Array = rows.index[chosen].to_numpy(np.int64)
    return positions


def _unlisted(rows: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    """Items that a whole list lacks, and those that it or every list of measurements lacks."""
    whole, of_whole = _listers(rows, ~rows["partial"])
    measured, of_measured = _listers(rows, rows["partial"])
    unlisted = of_whole < whole
    nowhere = (measured > 0) & (of_measured == 0)
    alone = (whole == 0) & (of_measured < measured)  # no whole list tells what is missing
    return unlisted, unlisted | nowhere | alone


def _listers(rows: pd.DataFrame, chosen: pd.Series) -> tuple[pd.Series, pd.Series]:
    """How many of the chosen sources there are in each row's group, and how many list its item."""
    own = rows.assign(source=rows["source"].where(chosen))
    among = own.groupby("group")["source"].transform("nunique")
    return among, own.groupby(["group", "item"])["source"].transform("nunique")


def _apart(rows: pd.DataFrame) -> pd.Series:
    """Groups of which no source lists all items."""
    longest = rows.groupby(["group", "source"])["item"].nunique().groupby(level="group").max()
    apart: pd.Series = longest < rows.groupby("group")["item"].nunique()
    return apart


def measured_lists(blocks: Sequence[Block]) -> Array:
    """Which blocks are of single measurements, in the layout of a row for each of them.

    Returns
    -------
    ndarray of bool
        One for each block.
    """
    return np.array([_is_measured(b.text.mapping, b.text.source) for b in blocks], bool)


def _is_measured(table: TableMap, source: SourceMap) -> bool:
    """Whether other rows of the source have another field in the column of a field of these."""
    return any(
        other.where != table.where and not _values(table).isdisjoint(_other_fields(table, other))
        for other in source.tables
        if table.where and other.where
    )


def _values(table: TableMap) -> set[str]:
    """Raw columns of what is not the name of a row."""
    return {m.column for name, m in table.columns.items() if name not in _KEYS and m.column}


def _other_fields(table: TableMap, other: TableMap) -> set[str]:
    """Raw columns of fields that another table has, and this one has not."""
    return {
        m.column
        for name, m in other.columns.items()
        if m.column and name not in _KEYS and name not in table.columns
    }
