"""Rows of one data cut and the rows of another that are about the same thing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vpstats.registry.journal import Places

    Array = NDArray[Any]

Tables = Mapping[str, pd.DataFrame]


@dataclass(frozen=True, slots=True)
class Way:
    """Columns by which rows are matched; `alone` if only where one row is left on either side."""

    columns: tuple[str, ...]
    alone: bool = False


WAYS: Mapping[str, tuple[Way, ...]] = MappingProxyType(
    {
        "patients": (Way(("patient_id",)),),
        "procedures": (
            Way(("procedure_id",)),
            Way(("patient_id", "proc_date")),
            Way(("patient_id",), alone=True),
        ),
        "levels": (Way(("procedure_id", "level")), Way(("procedure_id",), alone=True)),
        "leaks": (Way(("level_id", "modality", "site")),),
        # numbers may be given afresh in each export: what a row is about comes first
        "visits": (
            Way(("visit_id", "patient_id", "visit_date")),
            Way(("patient_id", "visit_date", "visit_type")),
            Way(("patient_id", "visit_date")),
            Way(("visit_id", "patient_id")),
            Way(("patient_id", "visit_type"), alone=True),
            Way(("visit_id",)),
        ),
        "events": (
            Way(("event_id", "patient_id", "event_type", "event_date")),
            Way(("patient_id", "event_type", "event_date")),
            Way(("event_id", "patient_id")),
            Way(("patient_id", "event_type"), alone=True),
            Way(("event_id",)),
        ),
    }
)
"""How rows of two cuts are matched, the surest way first; each way takes what the last left."""

_PARENTS = {
    "levels": {"procedure_id": "procedures"},
    "leaks": {"level_id": "levels"},
    "events": {"procedure_id": "procedures"},
}
"""Key columns that name a row of another table: they follow where that row was matched."""


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """Positions of the rows of one table that are in both cuts, and of those in one alone.

    Parameters
    ----------
    new, old : ndarray of int
        Positions of matched rows, pairwise.
    appeared : ndarray of int
        Rows of the new cut without a match.
    vanished : ndarray of int
        Rows of the old cut without a match.
    """

    new: Array
    old: Array
    appeared: Array
    vanished: Array


def match_rows(new: pd.DataFrame, old: pd.DataFrame, ways: Sequence[Way]) -> Pairs:
    """Match the rows of two frames, way by way.

    Parameters
    ----------
    new, old : DataFrame
        Rows of one table; a row whose first column of a way is missing is not matched by it.
    ways : sequence of Way
        The surest first.

    Returns
    -------
    Pairs
        In the order of the new rows.

    Examples
    --------
    >>> pairs = match_rows(
    ...     pd.DataFrame({"id": ["a", "b"]}), pd.DataFrame({"id": ["b", "c"]}), [Way(("id",))]
    ... )
    >>> pairs.new.tolist(), pairs.old.tolist(), pairs.vanished.tolist()
    ([1], [0], [1])
    """
    left = {"new": np.arange(len(new)), "old": np.arange(len(old))}
    found_new, found_old = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    for way in ways:
        both = _named(new, left["new"], way).merge(_named(old, left["old"], way), on="_name")
        found_new.append(both["_at_x"].to_numpy(np.int64))
        found_old.append(both["_at_y"].to_numpy(np.int64))
        left["new"] = np.setdiff1d(left["new"], found_new[-1])
        left["old"] = np.setdiff1d(left["old"], found_old[-1])
    at_new, at_old = np.concatenate(found_new), np.concatenate(found_old)
    order = np.argsort(at_new, kind="stable")
    return Pairs(at_new[order], at_old[order], left["new"], left["old"])


def _named(frame: pd.DataFrame, at: Array, way: Way) -> pd.DataFrame:
    """Names of some rows by a way; rows that share a name are told apart by their number."""
    part = frame[list(way.columns)].iloc[at]
    known = part[way.columns[0]].notna().to_numpy(bool)
    name = part[way.columns[0]].astype("string")
    for column in way.columns[1:]:
        name = name + "\x1f" + part[column].astype("string").fillna("")
    named = pd.DataFrame({"_name": name.to_numpy(object)[known], "_at": at[known]})
    if way.alone:
        return named[~named["_name"].duplicated(keep=False)]
    number = named.groupby("_name").cumcount()
    twice = number.to_numpy() > 0
    named.loc[twice, "_name"] += "\x1f" + number[twice].astype(str)
    return named


def match_tables(new: Tables, old: Tables, places: Mapping[str, Mapping[str, Places]]) -> Any:
    """Match every table of two cuts, parents before the rows that name them.

    Parameters
    ----------
    new, old : mapping of str to DataFrame
        Canonical tables.
    places : mapping of {"new", "old"} to mapping of str to Places
        Where the rows come from: a name made of a row's number is no name in another file.

    Returns
    -------
    tuple of (dict of str to Pairs, dict of str to DataFrame)
        Matches, and the old tables with the keys that matched rows have in the new cut.
    """
    matched: dict[str, Pairs] = {}
    renamed: dict[str, dict[str, str]] = {}
    followed: dict[str, pd.DataFrame] = {}
    for table, ways in WAYS.items():
        before = _follow(old[table], table, renamed)
        here = _without_row_names(new[table], table, places["new"])
        there = _without_row_names(before, table, places["old"])
        pairs = matched[table] = match_rows(here, there, ways)
        followed[table] = before
        if table in ("procedures", "levels"):
            key = f"{table[:-1]}_id"
            renamed[table] = _renamed(new[table][key], before[key], pairs)
    return matched, followed


def _follow(frame: pd.DataFrame, table: str, renamed: Mapping[str, dict[str, str]]) -> pd.DataFrame:
    changes = {
        column: frame[column].map(names).astype("string").fillna(frame[column])
        for column, parent in _PARENTS.get(table, {}).items()
        for names in [renamed[parent]]
        if names
    }
    return frame.assign(**changes)


def _renamed(new: pd.Series, old: pd.Series, pairs: Pairs) -> dict[str, str]:
    after, before = new.to_numpy(object)[pairs.new], old.to_numpy(object)[pairs.old]
    return {b: a for a, b in zip(after, before, strict=True) if a != b}


def _without_row_names(
    frame: pd.DataFrame, table: str, places: Mapping[str, Places]
) -> pd.DataFrame:
    """Visits and events that the export does not name are called by their row: not a name."""
    if table not in ("visits", "events") or not len(frame):
        return frame
    key = f"{table[:-1]}_id"
    return frame.assign(**{key: frame[key].mask(named_by_row(frame, table, places[table]))})


def named_by_row(frame: pd.DataFrame, table: str, places: Places) -> Array:
    """Visits or events whose name is their patient's with source and row, shape (n,)."""
    names = zip(frame[f"{table[:-1]}_id"], frame["patient_id"], places.row, strict=True)
    by_row = [n.startswith(f"{patient}/") and n.endswith(f"/{row}") for n, patient, row in names]
    return np.array(by_row, dtype=bool)
