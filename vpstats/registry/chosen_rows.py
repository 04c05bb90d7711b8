"""Which rows of a source a table takes: by what they say, by their day, by their instrument."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from vpstats.registry.answers import read_answer
from vpstats.registry.cells import fold
from vpstats.registry.columns import Dialect
from vpstats.registry.fields import field_column
from vpstats.registry.lexicon import coded, kind_of_missing
from vpstats.registry.mapping import ColumnMap, SourceMap, TableMap
from vpstats.registry.mapping_parts import Days
from vpstats.registry.named_words import denies, is_sought, names
from vpstats.registry.negation import says_no_event, says_nothing_positive
from vpstats.registry.raw import LABEL, RawSource, SourceNote, TextColumn
from vpstats.registry.typed import read_dates
from vpstats.schema_tables import PROCEDURES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

INSTRUMENT = "redcap_repeat_instrument"
EVENT = "redcap_event_name"
_ANY_DAY = PROCEDURES["fracture_date"]
_UNTAKEN = "mapping.row_untaken"
_CODE = 2  # digits of a code; more are a date or a number
_WHOSE = frozenset(
    {"patient_id", "procedure_id", "visit_id", "event_id", "center_id", "proc_date", "birth_date"}
)
"""Fields that say whose a row is, and so nothing of what it tells."""
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
            raw,
            name,
            np.isnat(days_of_column(raw, source, name, dialect)),
            "mapping.day_unread",
            note,
        )
    ]


def _notes(raw: RawSource, column: str, rows: Array, rule: str, note: str) -> list[SourceNote]:
    """The same of each of some rows."""
    return [
        SourceNote(rule, raw.files[raw.file[row]], note, row=int(raw.row[row]), column=column)
        for row in np.flatnonzero(rows)
    ]


def rows_beside(raw: RawSource, source: SourceMap) -> list[SourceNote]:
    """Rows that no table takes although their cell names a wanted one: ``yes, deep``, ``?PE``.

    Beside a yes, another spelling of it is doubted too, and so are rare cells that are neither a no
    nor a gap; beside a cell that has to be filled, a row that says something of that table alone.
    """
    wanted = _wanted(source.tables)
    events = _wanted([table for table in source.tables if table.name == "events"])
    note = "the row was not taken, although what stands here is like what where asks for"
    found = [
        said
        for name, values in sorted(wanted.items())
        if name in raw.columns and "*" not in values and name not in (INSTRUMENT, EVENT)
        for said in _notes(
            raw,
            name,
            _alike(raw.columns[name], values, frozenset(events.get(name, ()))),
            _UNTAKEN,
            note,
        )
    ]
    found += [
        said
        for name, values in sorted(wanted.items())
        if name in raw.columns and values == {"*"}
        for said in _notes(raw, name, _not_known(raw.columns[name]), _UNTAKEN, _UNKNOWN)
    ]
    return found + [said for name in sorted(wanted) for said in _half_filled(raw, source, name)]


def _wanted(tables: Sequence[TableMap]) -> dict[str, set[str]]:
    """Raw column to the folded cells that some tables ask for."""
    wanted: dict[str, set[str]] = {}
    for table in tables:
        for name, values in table.where.items():
            if not isinstance(values, Days):
                wanted.setdefault(name, set()).update(fold(value) for value in values)
    return wanted


def _half_filled(raw: RawSource, source: SourceMap, name: str) -> list[SourceNote]:
    """Rows that no table takes, since a cell is blank or says no, beside a score of such a table.

    The day of an infection beside no word on whether there was one, or beside a no; a CRP beside no
    unit, where each unit has a table of its own.
    """
    tables = [table for table in source.tables if name in table.where]
    if name in (INSTRUMENT, EVENT) or any(n not in raw.columns for t in tables for n in t.where):
        return []
    asked, taken = np.zeros(len(raw), bool), np.zeros(len(raw), bool)
    for table in tables:
        others = {n: v for n, v in table.where.items() if n != name and not isinstance(v, Days)}
        rows = chosen_rows(raw, source, table.model_copy(update={"where": others}))
        asked |= rows
        taken |= rows & (
            True if isinstance(table.where[name], Days) else _matches(raw, table, name)
        )
    silent = asked & ~taken & _denies(raw, tables, name)
    other = asked & ~taken & ~silent & _other_codes(raw.columns[name], tables, name)
    told = np.zeros(len(raw), bool)
    scores = _scores(tables)
    for own in _only_of(source, tables) if (silent | other).any() else ():
        column = raw.columns[own]
        # what stands in most rows is no sign of a contact, unless nearly all rows are one
        for rows, few in ((silent, 4 * silent.sum() <= taken.sum()), (other, False)):
            for says in (_tells(column), *([_is_zero(column)] if own in scores else [])):
                if few or 2 * (says & rows).sum() <= rows.sum():
                    told |= says & rows
    blank = ~raw.columns[name].filled
    return [
        *_notes(raw, name, told & blank, _UNTAKEN, _BLANK),
        *_notes(raw, name, told & ~blank, _UNTAKEN, _BESIDE_NO),
    ]


_BLANK = "the row was not taken, since this is blank; other columns of it say something"
_BESIDE_NO = "the row was not taken, since this is no yes; other columns of it say something"


def _denies(raw: RawSource, tables: Sequence[TableMap], name: str) -> Array:
    """Rows whose cell, or its label, is blank, a no or a kind of missing, or names no event."""
    text, labels = raw.columns[name], raw.columns.get(f"{name}{LABEL}")
    denied = ~_tells(text)
    if labels is not None:
        denied |= ~_tells(labels)
    for table in tables:
        if table.where[name] == ("*",):
            none = [_names_nothing(s, table, name) for s in text.spellings]
            denied |= np.array([*none, False], bool)[text.codes]
    return denied


def _other_codes(text: TextColumn, tables: Sequence[TableMap], name: str) -> Array:
    """Rows with another code than the one that is asked for, as 2 for no and 3 for unknown are.

    Where such codes stand for other things, most of their rows say something of these.
    """
    values = [table.where[name] for table in tables]
    plain = {fold(w) for value in values if not isinstance(value, Days) for w in value}
    if any(isinstance(v, Days) for v in values) or any(len(w) > _CODE or w == "*" for w in plain):
        return np.zeros(len(text), bool)
    short = np.array([*(len(s) <= _CODE for s in text.spellings), False], bool)[text.codes]
    return short & ~_alike(text, plain)


def _only_of(source: SourceMap, tables: Sequence[TableMap]) -> list[str]:
    """Raw columns that some tables use beside those that choose their rows, and no other does."""
    chosen = {name for table in tables for name in table.where}
    own, others = (
        {c.column for t in some for f, c in t.columns.items() if c.column and f not in _WHOSE}
        for some in (tables, [t for t in source.tables if t not in tables])
    )
    whose = {c.column for t in source.tables for f, c in t.columns.items() if f in _WHOSE}
    return sorted(own - others - chosen - whose)


def _scores(tables: Sequence[TableMap]) -> set[str]:
    """Raw columns of what is scored at contacts, where 0 is an answer as any other."""
    visits = [table for table in tables if table.name == "visits"]
    return {
        mapped.column
        for table in visits
        for name, mapped in table.columns.items()
        if mapped.column and field_column("visits", name).kind in ("number", "integer")
    }


def _is_zero(text: TextColumn) -> Array:
    zeros = [_ZERO.fullmatch(spelling) is not None for spelling in text.spellings]
    return np.array([*zeros, False], bool)[text.codes]


_ZERO = re.compile(r"0+(?:[.,]0+)?")


def _tells(text: TextColumn) -> Array:
    """Rows whose cell is neither blank nor a no nor a kind of missing."""
    said = [_says(spelling) in ("yes", "?", "") for spelling in text.spellings]
    return np.array([*said, False], bool)[text.codes]


def _alike(text: TextColumn, wanted: set[str], events: frozenset[str] = frozenset()) -> Array:
    """Rows with a cell that is like a wanted one, and is not one; `events` are of event tables."""
    often: dict[str, int] = {}
    plain = [fold(spelling) for spelling in text.spellings]
    for word, count in zip(plain, text.counts().tolist(), strict=True):
        often[word] = often.get(word, 0) + count
    kinds = {first for first in (_first(value, "yes") for value in wanted) if first}
    asks = any(_says(value) == "yes" for value in wanted)
    most = text.filled.sum() / _RARE
    found = [
        word not in wanted
        and (
            _begins(word, wanted)
            or any(_names(word, w, rare=often[word] <= most or w in events) for w in wanted)
            or _answers(word, kinds, asks=asks, rare=often[word] <= most)
        )
        for word in plain
    ]
    return np.array([*found, False], bool)[text.codes]


def _answers(plain: str, kinds: set[str], *, asks: bool, rare: bool) -> bool:
    """Whether a cell is like a yes, where a yes or some kinds of yes are asked for."""
    if not (asks or kinds):
        return False
    if _says(plain) == "yes" or _first(plain, "yes") in kinds:
        return True
    return rare and _says(plain) == "?" and (asks or not _first(plain, "no"))


def _first(plain: str, answer: str) -> str:
    """A yes or a no before other words, as in ``yes, deep``; a letter or sign may be anything."""
    first = _WORD.match(plain)
    if first is None or len(first[0]) < _YES or first[0] == plain or _says(first[0]) != answer:
        return ""
    return first[0]


def _begins(plain: str, wanted: set[str]) -> bool:
    """Whether a cell begins as a wanted one does, or has it with other marks."""
    return any(_starts(plain, said) or _longer(plain, said) for said in wanted)


def _starts(plain: str, wanted: str) -> bool:
    if not plain.startswith(wanted) or plain[len(wanted) :][:1].isalnum():
        return False
    return not (is_sought(wanted) and denies(plain, wanted))


def _longer(plain: str, wanted: str) -> bool:
    """Whether a cell has the letters of a wanted one, and an ending."""
    own, letters = _letters(wanted), _letters(plain)
    if len(own) < _TELLING or says_nothing_positive(plain, {}):
        return False
    return letters.startswith(own) and len(letters) <= len(own) + _ENDING


def _names(plain: str, wanted: str, *, rare: bool) -> bool:
    """Whether a cell names a wanted one among other words.

    A word of few letters may be a part of another category's name: those are no rare cells.
    """
    if not is_sought(wanted) or not (rare or len(_letters(wanted)) >= _TELLING):
        return False
    return names(plain, wanted) and not denies(plain, wanted)


_WORD = re.compile(r"[^\W_]+")
_YES = 2  # letters of a yes or a no before other words
_TELLING, _ENDING = 4, 2  # letters of a word that is told in other spellings; of an ending


def _letters(text: str) -> str:
    return "".join(c for c in text if c.isalnum())


def _says(text: str) -> str:
    """Yes, no or a kind of missing; "?" for words and dates that are none, "" for a code."""
    said = read_answer(text)
    if said.value is None and says_no_event(text):
        return "no"
    if said.value is not None or said.rule.startswith("missing."):
        return str(said.value)
    return "?" if any(c.isalpha() for c in text) or len(text) > _CODE else ""


def days_of_column(raw: RawSource, source: SourceMap, name: str, dialect: Dialect) -> Array:
    """Days of a raw column, read as the mapping of the source says."""
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
            keep &= _matches(raw, mapping, name)
        elif dialect is not None:
            keep &= _within(days_of_column(raw, source, name, dialect), wanted)
    if source.is_redcap and INSTRUMENT not in mapping.where and INSTRUMENT in raw.columns:
        keep &= ~raw.columns[INSTRUMENT].filled
    return keep


def _matches(raw: RawSource, mapping: TableMap, name: str) -> Array:
    """Rows whose text is one of those wanted; "*" is any but a no and a sign for a missing one."""
    text, wanted = raw.columns[name], mapping.where[name]
    plain = set() if isinstance(wanted, Days) else {fold(w) for w in wanted}
    hits = [
        fold(s) in plain
        or (
            "*" in plain
            and not _is_gap(s)
            and not _is_no(s)
            and not _names_nothing(s, mapping, name)
        )
        for s in text.spellings
    ]
    if "*" in plain and mapping.name == "events" and _zero_is_none(text, mapping, name):
        hits = [hit and fold(s) != "0" for hit, s in zip(hits, text.spellings, strict=True)]
    return np.array([*hits, False], bool)[text.codes]


def _names_nothing(spelling: str, mapping: TableMap, name: str) -> bool:
    """Whether a cell that would name an event or a contact says, or is mapped as, none."""
    if mapping.name == "events" and says_no_event(spelling):
        return True
    kind = next((c for f, c in mapping.columns.items() if c.column == name and f in _KINDS), None)
    return kind is not None and coded(spelling, kind.codes) in ("missing", "not_applicable")


_KINDS = ("event_type", "visit_date")
"""Fields without which a row is no event and no contact."""


def _zero_is_none(text: TextColumn, mapping: TableMap, name: str) -> bool:
    """Whether a 0 says that there is no event: where no other number stands, and none is read."""
    kinds = [field_column("events", f).kind for f, c in mapping.columns.items() if c.column == name]
    if any(kind in ("number", "integer", "date") for kind in kinds):
        return False
    return not any(s[:1].isdigit() and fold(s) not in ("0", "1") for s in text.spellings)


def _is_no(spelling: str) -> bool:
    """Whether a cell says no in words; 0 may be a number."""
    return not spelling[0].isdigit() and read_answer(spelling).value == "no"


def _is_gap(spelling: str) -> bool:
    """Whether a cell says that there is nothing in it; 999 may be a number."""
    return not spelling[0].isdigit() and kind_of_missing(spelling) is not None


def _not_known(text: TextColumn) -> Array:
    """Rows whose cell says that something is not known, and so not that there is nothing."""
    gaps = [_is_gap(s) and kind_of_missing(s) == "unknown" for s in text.spellings]
    return np.array([*gaps, False], bool)[text.codes]


_UNKNOWN = "the row was not taken, since this says that it is not known"
