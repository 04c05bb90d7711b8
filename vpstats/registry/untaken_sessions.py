"""Sessions that the mapping leaves out on purpose, so that nobody asks where they are."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from vpstats.registry.blocks import open_block
from vpstats.registry.chosen_rows import chosen_rows
from vpstats.registry.columns import Dialect
from vpstats.registry.mapping import SourceMap, TableMap
from vpstats.registry.raw import RawSource, SourceNote
from vpstats.registry.tables import text_table

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

_DAYS_OF_OTHERS = ("visit_date", "event_date")


@dataclass(frozen=True, slots=True)
class Untaken:
    """Patients with a session that ``where`` of a source does not take.

    Parameters
    ----------
    file : str
        First file of the source.
    columns : tuple of str
        Raw columns by which the sessions are chosen.
    patients : frozenset of str
        Identifiers, prefixed by the center.
    """

    file: str
    columns: tuple[str, ...]
    patients: frozenset[str]

    def renamed(self, names: dict[str, str]) -> Untaken:
        """The same with one spelling per patient."""
        return replace(self, patients=frozenset(names.get(p, p) for p in self.patients))


def untaken_sessions(
    raw: RawSource, source: SourceMap, dialect: Dialect, doubts: Sequence[SourceNote] = ()
) -> list[Untaken]:
    """Whose sessions a source holds that no table of sessions takes, though nothing is doubtful.

    Parameters
    ----------
    raw : RawSource
        All rows of the source.
    source : SourceMap
        Its tables.
    dialect : Dialect
        How it writes.
    doubts : sequence of SourceNote
        What is said of rows that no table takes.

    Returns
    -------
    list of Untaken
        One or none. A row whose cell is blank, or of which there is a doubt, is no session that
        was left out on purpose; nor is one whose day another table takes as a visit's or event's.
    """
    tables = [table for table in source.tables if table.name == "procedures"]
    if not tables or not all(t.where and _day(t) in raw.columns for t in tables):
        return []
    doubted = {(note.file, note.row) for note in doubts}
    names = tuple(dict.fromkeys(name for table in tables for name in table.where))
    left = ~np.any([chosen_rows(raw, source, table, dialect) for table in tables], axis=0)
    for name in names:
        left &= raw.columns[name].filled
    for table in tables:
        left &= raw.columns[_day(table)].filled & ~_days_of_others(raw, source, table, dialect)
    where = np.flatnonzero(left) if doubted else ()
    left[[i for i in where if (raw.files[raw.file[i]], int(raw.row[i])) in doubted]] = False
    people = [_people(raw, source, table, dialect, left) for table in tables if left.any()]
    found = frozenset[str]().union(*people)
    return [Untaken(raw.files[0], names, found)] if found else []


def _day(table: TableMap) -> str:
    """Raw column of the day of its sessions, or "" where none has it."""
    day = table.columns.get("proc_date")
    return "" if day is None else day.column or ""


def _days_of_others(raw: RawSource, source: SourceMap, table: TableMap, dialect: Dialect) -> Array:
    """Rows whose day another table takes for its own."""
    day, taken = _day(table), np.zeros(len(raw), bool)
    for other in source.tables:
        if any(c.column == day for n, c in other.columns.items() if n in _DAYS_OF_OTHERS):
            taken |= chosen_rows(raw, source, other, dialect)
    return taken


def _people(
    raw: RawSource, source: SourceMap, table: TableMap, dialect: Dialect, rows: Array
) -> set[str]:
    """Patients of some rows that have the day of a session."""
    keys = {n: c for n, c in table.columns.items() if n in ("patient_id", "center_id", "proc_date")}
    if "patient_id" not in keys:
        return set()
    whole = TableMap.model_construct(**{**dict(table), "columns": keys, "where": {}})
    only = source.model_copy(update={"tables": (whole,)})
    block = open_block(text_table(raw.take(np.flatnonzero(rows)), only, whole, dialect), dialect)
    dated = ~np.isnat(block.values["proc_date"])
    return {who for who in block.patient[dated] if who is not None}


def without_session(
    untaken: Sequence[Untaken], patients: Iterable[str], seated: Collection[str]
) -> list[tuple[Untaken, str]]:
    """What to say of patients who have no session, for each source that is why.

    Examples
    --------
    >>> left = Untaken("a.csv", ("kind",), frozenset({"A/1", "A/2", "A/9"}))
    >>> [said for _, said in without_session([left], ["A/1", "A/2", "A/3"], {"A/2"})]
    ['1 patient has no session, since where takes none of their sessions']
    """
    alone = set(patients) - set(seated)
    counts = [(item, len(item.patients & alone)) for item in untaken]
    return [(item, _said(number)) for item, number in counts if number]


def _said(number: int) -> str:
    have = "patient has" if number == 1 else "patients have"
    return f"{number:,} {have} no session, since where takes none of their sessions"
