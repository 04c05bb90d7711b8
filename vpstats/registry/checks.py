"""Checks across fields and tables: what one cell cannot show.

A check is a function from the tables to doubts. Doubts change nothing, except that a value which
is surely one of two, and nobody can say which, is set missing (`Doubt.erase`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from vpstats.registry.journal import Entry, Journal, Places, entry
from vpstats.schema_tables import TABLES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

Tables = dict[str, pd.DataFrame]


@dataclass(frozen=True, slots=True, eq=False)
class Doubt:
    """Rows of one table about which a rule has something to say.

    Parameters
    ----------
    rule : str
        Key of ``RULES``.
    table, field : str
        What it is about.
    positions : ndarray of int
        Rows of the table.
    note : str or ndarray of object
        Phrase for the message; the rule's sentence where empty.
    raw, clean : str or ndarray of object
        Value before and after, for corrections.
    erase : bool
        Whether the field is set missing.
    put : object
        What is put there instead of missing.
    """

    rule: str
    table: str
    field: str
    positions: Array
    note: Any = ""
    raw: Any = ""
    clean: Any = ""
    erase: bool = False
    put: Any = pd.NA


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """What the checks see.

    Parameters
    ----------
    tables : dict of str to DataFrame
        Canonical tables with range indices.
    cut : Timestamp
        Day of the exports.
    unread : frozenset of str
        Patients with a session or a treated level that was left out.
    cut_short : mapping of str to int
        Sessions to the most vertebrae that rows of them which were left out may stand for.
    untaken : frozenset of str
        Patients with a session that the mapping leaves out on purpose.
    files : mapping of str to ndarray
        File of each row of a table, where the rows come from files.
    """

    tables: Tables
    cut: pd.Timestamp
    unread: frozenset[str] = frozenset()
    cut_short: Mapping[str, int] = field(default_factory=dict)
    untaken: frozenset[str] = frozenset()
    files: Mapping[str, Array] = field(default_factory=dict)

    def __getitem__(self, table: str) -> pd.DataFrame:
        return self.tables[table]

    def along(self, table: str, key: str, of: str, *fields: str) -> pd.DataFrame:
        """Fields of another table for each row, by that table's key; missing where it has none."""
        other = self.tables[of].set_index(key)[list(fields)]
        return other.reindex(self.tables[table][key]).reset_index(drop=True)


Check = Callable[[Case], Iterable[Doubt]]
CHECKS: list[Check] = []
"""Every check, in the order in which the modules register them."""


def check(function: Check) -> Check:
    """Register a check."""
    CHECKS.append(function)
    return function


def where(mask: Any) -> Array:
    """Positions at which a mask is true; missing is false.

    Examples
    --------
    >>> where(pd.array([True, None, False], dtype="boolean")).tolist()
    [0]
    """
    if isinstance(mask, pd.Series):
        mask = mask.array
    if hasattr(mask, "fillna"):
        mask = mask.fillna(False)  # pandas names it so
    return np.flatnonzero(np.asarray(mask, dtype=bool))


def is_code(values: pd.Series, *codes: str) -> Array:
    """Where a categorical holds one of some codes; missing is false."""
    return np.asarray(values.isin(list(codes)), dtype=bool)


@dataclass(slots=True)
class Desk:
    """Tables with the places of their rows, on which doubts are written down and acted upon.

    Parameters
    ----------
    tables : dict of str to DataFrame
        Canonical tables.
    places : mapping of str to Places
        Where their rows come from.
    source : mapping of str to ndarray
        Number of the mapped table of a source that each row comes from.
    names : mapping of (str, int, str) to str
        Table, number of the mapped table, and field to raw column.
    may_erase : bool
        Whether doubtful values may be set missing.
    """

    tables: Tables
    places: Mapping[str, Places]
    source: Mapping[str, Array] = field(default_factory=dict)
    names: Mapping[tuple[str, int, str], str] = field(default_factory=dict)
    may_erase: bool = True

    def write(self, doubts: Iterable[Doubt], journal: Journal) -> None:
        """Write doubts down; set missing what has to be."""
        for doubt in list(doubts):
            journal.add(self._entries(doubt), self.places[doubt.table])
            if doubt.erase and self.may_erase:
                frame = self.tables[doubt.table]
                frame.loc[doubt.positions, doubt.field] = doubt.put

    def _entries(self, doubt: Doubt) -> Iterator[Entry]:
        """One entry per mapped table of a source, since each has columns of its own."""
        declared = TABLES[doubt.table]
        masked = doubt.field in declared and declared[doubt.field].masked
        sources = self.source.get(doubt.table)
        of_row = np.zeros(len(doubt.positions), np.int64)
        if sources is not None:
            of_row = sources[doubt.positions]
        for number in np.unique(of_row):
            chosen = of_row == number
            yield entry(
                doubt.rule,
                doubt.positions[chosen],
                field=doubt.field,
                column=self.names.get((doubt.table, int(number), doubt.field), ""),
                raw=_some(doubt.raw, chosen),
                clean=_some(doubt.clean, chosen),
                note=_some(doubt.note, chosen),
                masked=masked,
            )


def _some(value: Any, chosen: Array) -> Any:
    return value[chosen] if isinstance(value, np.ndarray) else value


def days_between(later: pd.Series, earlier: pd.Series) -> pd.Series:
    """Whole days from one date to another; missing where either is.

    Examples
    --------
    >>> later = pd.Series(pd.to_datetime(["2023-01-03", None]))
    >>> days_between(later, pd.Series(pd.to_datetime(["2023-01-01"] * 2))).tolist()
    [2, <NA>]
    """
    return (later.reset_index(drop=True) - earlier.reset_index(drop=True)).dt.days.astype("Int64")
