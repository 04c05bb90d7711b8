"""Which rows of a source a table takes: by what they say, by their day, by their instrument."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from vpstats.registry.cells import fold
from vpstats.registry.columns import Dialect
from vpstats.registry.lexicon import read_yes_no
from vpstats.registry.mapping import ColumnMap, SourceMap, TableMap
from vpstats.registry.mapping_parts import Days
from vpstats.registry.raw import RawSource, SourceNote, TextColumn
from vpstats.registry.typed import read_dates
from vpstats.schema_tables import PROCEDURES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

INSTRUMENT = "redcap_repeat_instrument"
EVENT = "redcap_event_name"
_ANY_DAY, _ANY_YES_NO = PROCEDURES["fracture_date"], PROCEDURES["hypotension"]
_UNTAKEN = "mapping.row_untaken"
_CODE = 2  # digits of a code; more are a date or a number
_RARE = 20  # a spelling of at most a twentieth of the cells is a slip rather than a code


def rows_read(raw: RawSource, source: SourceMap) -> Array:
    """Rows that any table of a source takes: what the others hold says nothing of how it writes."""
    names = [name for table in source.tables for name in table.where]
    whole = any(not table.where or _by_days(table) for table in source.tables)
    if whole or source.is_redcap or any(name not in raw.columns for name in names):
        return np.ones(len(raw), bool)
    taken = np.zeros(len(raw), bool)
    for table in source.tables:
        taken |= chosen_rows(raw, source, table)
    return taken


def _by_days(mapping: TableMap) -> list[str]:
    """Raw columns whose days choose the rows."""
    return [name for name, wanted in mapping.where.items() if isinstance(wanted, Days)]


def rows_without_day(raw: RawSource, source: SourceMap, dialect: Dialect) -> list[SourceNote]:
    """Rows that no table takes since the day by which they are chosen cannot be read."""
    names = {name for table in source.tables for name in _by_days(table) if name in raw.columns}
    note = "the row was not taken by its day, which is missing or cannot be read"
    return [
        said
        for name in sorted(names)
        for said in _notes(
            raw, name, np.isnat(_days(raw, source, name, dialect)), "mapping.day_unread", note
        )
    ]


def _notes(raw: RawSource, column: str, rows: Array, rule: str, note: str) -> list[SourceNote]:
    """The same of each of some rows."""
    return [
        SourceNote(rule, raw.files[raw.file[row]], note, row=int(raw.row[row]), column=column)
        for row in np.flatnonzero(rows)
    ]


def rows_beside(raw: RawSource, source: SourceMap) -> list[SourceNote]:
    """Rows that no table takes although their cell begins as a wanted one does: ``yes, deep``.

    Beside a yes, another spelling of it is doubted too, and so are rare cells that are neither a no
    nor a gap; beside a cell that has to be filled, a row that says something of that table alone.
    """
    wanted: dict[str, set[str]] = {}
    for table in source.tables:
        for name, values in table.where.items():
            if not isinstance(values, Days):
                wanted.setdefault(name, set()).update(fold(value) for value in values)
    note = "the row was not taken, although what stands here is like what where asks for"
    found = [
        said
        for name, values in sorted(wanted.items())
        if name in raw.columns and "*" not in values and name not in (INSTRUMENT, EVENT)
        for said in _notes(raw, name, _alike(raw.columns[name], values), _UNTAKEN, note)
    ]
    return found + [said for table in source.tables for said in _half_filled(raw, source, table)]


def _half_filled(raw: RawSource, source: SourceMap, table: TableMap) -> list[SourceNote]:
    """Rows whose date, say, is blank, so that a table does not take them, beside a score of it."""
    names = [n for n, v in table.where.items() if not isinstance(v, Days) and "*" in v]
    if len(names) != 1 or source.is_redcap or names[0] not in raw.columns:
        return []
    blank = ~raw.columns[names[0]].filled
    told = np.zeros(len(raw), bool)
    for name in _only_of(source, table) - {names[0]}:
        says = _tells(raw.columns[name]) & blank
        if 2 * says.sum() < blank.sum():  # what stands in most rows is no sign of a contact
            told |= says
    note = "the row was not taken, since this is blank; other columns of it say something"
    return _notes(raw, names[0], told, _UNTAKEN, note)


def _only_of(source: SourceMap, table: TableMap) -> set[str]:
    """Raw columns that one table uses and no other does."""
    own, others = (
        {c.column for t in tables for c in t.columns.values() if c.column is not None}
        for tables in ([table], [t for t in source.tables if t is not table])
    )
    return own - others


def _tells(text: TextColumn) -> Array:
    """Rows whose cell is neither blank nor a no nor a kind of missing."""
    said = [_says(spelling) in ("yes", "?", "") for spelling in text.spellings]
    return np.array([*said, False], bool)[text.codes]


def _alike(text: TextColumn, wanted: set[str]) -> Array:
    """Rows with a cell that is like a wanted one, and is not one."""
    often: dict[str, int] = {}
    plain = [fold(spelling) for spelling in text.spellings]
    for word, count in zip(plain, text.counts().tolist(), strict=True):
        often[word] = often.get(word, 0) + count
    asks = any(_says(value) == "yes" for value in wanted)
    most = text.filled.sum() / _RARE if asks else 0
    found = [
        word not in wanted
        and (
            _begins(word, wanted)
            or (asks and _says(word) == "yes")
            or (often[word] <= most and _says(word) == "?")
        )
        for word in plain
    ]
    return np.array([*found, False], bool)[text.codes]


def _begins(plain: str, wanted: set[str]) -> bool:
    return any(plain.startswith(w) and not plain[len(w) :][:1].isalnum() for w in wanted)


def _says(text: str) -> str:
    """Yes, no or a kind of missing; "?" for words and dates that are none, "" for a code."""
    said = read_yes_no(text, _ANY_YES_NO)
    if said.value is not None or said.rule.startswith("missing."):
        return str(said.value)
    return "?" if any(c.isalpha() for c in text) or len(text) > _CODE else ""


def _days(raw: RawSource, source: SourceMap, name: str, dialect: Dialect) -> Array:
    maps = [c for table in source.tables for c in table.columns.values() if c.column == name]
    mapping = maps[0] if maps else ColumnMap(column=name)
    return read_dates(raw.columns[name], _ANY_DAY, mapping, dialect).values


def _within(days: Array, wanted: Days) -> Array:
    keep = ~np.isnat(days)
    if wanted.since is not None:
        keep &= days >= np.datetime64(wanted.since)
    if wanted.before is not None:
        keep &= days < np.datetime64(wanted.before)
    return keep


def chosen_rows(
    raw: RawSource, source: SourceMap, mapping: TableMap, dialect: Dialect | None = None
) -> Array:
    """Rows that one table takes; days choose where `dialect` says how they are written."""
    keep = np.ones(len(raw), bool)
    for name, wanted in mapping.where.items():
        if not isinstance(wanted, Days):
            keep &= _matches(raw.columns[name], wanted)
        elif dialect is not None:
            keep &= _within(_days(raw, source, name, dialect), wanted)
    if source.is_redcap and INSTRUMENT not in mapping.where and INSTRUMENT in raw.columns:
        keep &= ~raw.columns[INSTRUMENT].filled
    return keep


def _matches(text: TextColumn, wanted: tuple[str, ...]) -> Array:
    """Rows whose text is one of those wanted; "*" is any text."""
    if "*" in wanted:
        return text.filled
    plain = {fold(w) for w in wanted}
    hits = np.array([fold(s) in plain for s in text.spellings] + [False], bool)
    return hits[text.codes]
