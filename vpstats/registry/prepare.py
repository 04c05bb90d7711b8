"""What is done to a source before its tables are made: encodings, names, exact duplicates."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from vpstats.errors import DataError
from vpstats.registry.cells import fold
from vpstats.registry.chosen_rows import chosen_rows
from vpstats.registry.code_pages import (
    PAGES,
    page_doubt,
    rare_pages,
    without_latin,
    words_beyond_ascii,
)
from vpstats.registry.decoding import remedy, repair, repair_code_page, signature
from vpstats.registry.dialect import mapped_columns
from vpstats.registry.journal import Entry, Journal, Places, entry
from vpstats.registry.mapping import SourceMap
from vpstats.registry.mapping_parts import Days
from vpstats.registry.marks import filled_down, without_text_marks
from vpstats.registry.missing_codes import with_missing_codes
from vpstats.registry.moments import doubtful_in_utc, doubtful_moments, local_days
from vpstats.registry.raw import (
    LABEL,
    RawSource,
    SourceNote,
    TextColumn,
    listed,
    same_rows,
    text_column,
)
from vpstats.registry.sources import DUPLICATE
from vpstats.registry.summaries import without_summaries

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

_REDCAP_NAMES = ("redcap_", "_complete")
_COLUMNS_NAMED, _FILES_NAMED = 60, 3


def prepare(raw: RawSource, source: SourceMap, journal: Journal) -> RawSource:
    """Repair or report encodings, find mapped columns, drop exact copies, report the rest.

    Parameters
    ----------
    raw : RawSource
        As the files hold it.
    source : SourceMap
        What the mapping says.
    journal : Journal
        Takes what is found.

    Returns
    -------
    RawSource
        The same source, ready for its tables.

    Raises
    ------
    DataError
        If more than a million of its rows repeat others.
    """
    raw = _encodings(raw, source, journal)
    if source.format in ("csv", "excel"):
        raw = without_summaries(raw, _naming(source), filled_down=bool(source.fill_down))
    raw = with_missing_codes(_named_as_mapped(raw, source), source)
    if source.format in ("csv", "excel"):
        raw = _without_marks(raw, source, journal)
    raw = _noted_columns(raw, source)
    raw = _days_apart(raw, source, journal).noted(*_choosing_nothing(raw, source))
    for note in raw.notes:
        row, rows = note.row or 0, note.rows
        journal.note(note.rule, note.note, file=note.file, row=row, column=note.column, rows=rows)
    return _without_copies(raw, source, journal)


def _naming(source: SourceMap) -> list[str]:
    """Raw columns that say whose a row is."""
    fields = ("patient_id", "procedure_id")
    maps = [
        table.columns[name] for table in source.tables for name in fields if name in table.columns
    ]
    return [name for column in maps for name in column.raw_columns]


def _without_marks(raw: RawSource, source: SourceMap, journal: Journal) -> RawSource:
    known = mapped_columns(source)
    masked = [name for name in raw.columns if name not in known or known[name].masked]
    raw, marks = without_text_marks(raw, masked)
    journal.add(marks, _places(raw))
    raw, filled = filled_down(raw, source, masked)
    journal.add(filled, _places(raw))
    return raw


# ------------------------------------------------------------------ encodings


def _encodings(raw: RawSource, source: SourceMap, journal: Journal) -> RawSource:
    texts = [text for column in raw.columns.values() for text in column.foreign()]
    texts += [name for name in raw.columns if not name.isascii()]
    wrong = signature(texts)
    misread = [] if source.encoding or wrong == "utf-8" else list(_wrong_page(raw, texts))
    if misread:
        return raw.noted(*misread)
    if wrong is None:
        return raw if source.encoding else raw.noted(*_doubtful_page(raw, texts))
    if not source.repair_encoding:
        return raw.noted(*_mojibake_notes(raw, wrong))
    mapped = mapped_columns(source)
    columns = {}
    for name, column in raw.columns.items():
        hide = name not in mapped or mapped[name].masked
        columns[_fixed(name, wrong)] = _repaired(raw, name, column, wrong, journal, hide=hide)
    return replace(raw, columns=columns)


def _page_and_words(raw: RawSource, texts: Sequence[str]) -> tuple[str, list[bytes]]:
    """The code page that was guessed, "" where none was, and the words that it was guessed from."""
    read = {str(meta.get("encoding", "")) for meta in raw.meta}
    page = read.pop() if len(read) == 1 else ""
    if page not in PAGES:
        return "", []
    return page, words_beyond_ascii(text.encode(page, "ignore") + b"\n" for text in texts)


def _wrong_page(raw: RawSource, texts: Sequence[str]) -> Iterator[SourceNote]:
    """A code page that was guessed, and in which the words are none."""
    page, words = _page_and_words(raw, texts)
    rare = rare_pages(words, page) if page else ()
    if page and without_latin(words):  # and so of none of these pages
        yield SourceNote("encoding.mojibake", raw.files[0], _NOT_LATIN.format(page))
    elif rare:
        ways = " or ".join(f'"{name}"' for name in rare)
        yield SourceNote("encoding.mojibake", raw.files[0], _RARE_PAGE.format(page, ways))


def _doubtful_page(raw: RawSource, texts: Sequence[str]) -> Iterator[SourceNote]:
    """A code page that was guessed where the words would be words in another as well."""
    page, words = _page_and_words(raw, texts)
    said = page_doubt(words, page) if page else ""
    if said:
        yield SourceNote("encoding.doubtful", raw.files[0], said)


_NOT_LATIN = (
    "read as {}, in which most words beyond ASCII have no plain letter, as Greek or Cyrillic ones; "
    'write encoding = "cp1253", "cp1251" or the one that the file is in'
)


_RARE_PAGE = "read as {}, in which the letters are no words; write encoding = {}"


def _fixed(text: str, wrong: str) -> str:
    if text.isascii():
        return text
    repaired = repair(text)
    if repaired is not None:
        return repaired
    return repair_code_page(text) if wrong == "cp1250" else text


def _mojibake_notes(raw: RawSource, wrong: str) -> list[SourceNote]:
    kind = "UTF-8 read as a code page" if wrong == "utf-8" else "cp1250 read as cp1252"
    read = str(raw.meta[0].get("encoding", ""))
    notes = []
    for name, column in raw.columns.items():
        broken = [i for i, s in enumerate(column.spellings) if _fixed(s, wrong) != s]
        if broken or _fixed(name, wrong) != name:
            cells = int(np.isin(column.codes, broken).sum())
            said = f"{cells} cells look like {kind}; {remedy(wrong, read)}"
            notes.append(SourceNote("encoding.mojibake", raw.files[0], said, column=name))
    return notes


def _repaired(
    raw: RawSource, name: str, column: TextColumn, wrong: str, journal: Journal, *, hide: bool
) -> TextColumn:
    spellings = [_fixed(s, wrong) for s in column.spellings]
    changed = np.array([a != b for a, b in zip(spellings, column.spellings, strict=True)] + [False])
    where = np.flatnonzero(changed[column.codes])
    old, new = np.array([*column.spellings, ""], object), np.array([*spellings, ""], object)
    item = entry(
        "encoding.repaired",
        where,
        column=name,
        raw=old[column.codes[where]],
        clean=new[column.codes[where]],
        masked=hide,
    )
    journal.add([item], _places(raw))
    return text_column(column.codes, spellings)


def _places(raw: RawSource) -> Places:
    files = np.array(raw.files, dtype=object)
    return Places("", files[raw.file], raw.row, np.full(len(raw), "", object))


# ------------------------------------------------------------------ columns


def _wanted(source: SourceMap) -> list[str]:
    names = [*mapped_columns(source), *source.fill_down]
    for table in source.tables:
        names += [*table.where, *table.spread]
        names += [c.unit_column for c in table.columns.values() if c.unit_column is not None]
        names += [c.precision.column for c in table.columns.values() if c.precision is not None]
        names += [c.latest_by for c in table.columns.values() if c.latest_by is not None]
    if source.center is not None and source.center.column is not None:
        names.append(source.center.column)
    return list(dict.fromkeys(names))


def _named_as_mapped(raw: RawSource, source: SourceMap) -> RawSource:
    """Find mapped columns that the file spells with other case or spaces."""
    folded: dict[str, list[str]] = {}
    for name in raw.columns:
        folded.setdefault(fold(name), []).append(name)
    renamed = {}
    for name in _wanted(source):
        near = folded.get(fold(name), [])
        if name not in raw.columns and len(near) == 1:
            renamed[near[0]] = name
    if not renamed:
        return raw
    notes = [
        SourceNote(
            "file.column_spelling", raw.files[0], f"read for '{new}' of the mapping", column=old
        )
        for old, new in renamed.items()
    ]
    columns = {renamed.get(name, name): column for name, column in raw.columns.items()}
    return replace(raw, columns=columns).noted(*notes)


def _noted_columns(raw: RawSource, source: SourceMap) -> RawSource:
    notes = [
        SourceNote(
            "file.duplicate_header",
            raw.files[0],
            "two columns have this name",
            column=name.split(DUPLICATE)[0],
        )
        for name in raw.columns
        if DUPLICATE in name
    ]
    return raw.noted(*notes, *_unmapped(raw, _unused(raw, source)))


def _unmapped(raw: RawSource, unused: Sequence[str]) -> Iterator[SourceNote]:
    """Columns that the mapping does not use, and the files that have them; never a value."""
    n = len(raw.files)
    there: list[list[str]] = [[] for _ in range(n)]
    for name in unused:
        filled = np.bincount(raw.file[raw.columns[name].filled], minlength=n) > 0
        for number in np.flatnonzero(filled if filled.any() else ~filled).tolist():
            there[number].append(name)
    alike: dict[tuple[str, ...], list[str]] = {}
    for file, held in zip(raw.files, there, strict=True):
        alike.setdefault(tuple(held), []).append(file)
    for names, files in alike.items():
        if names:
            be = "column is" if len(names) == 1 else "columns are"
            where = f" (in {listed(files, _FILES_NAMED)})" if n > 1 else ""
            said = f"{len(names):,} {be} not mapped: {listed(names, _COLUMNS_NAMED)}{where}"
            yield SourceNote("file.unmapped", files[0], said)


_OFTEN_NONE = ("visits", "events")


def _choosing_nothing(raw: RawSource, source: SourceMap) -> Iterator[SourceNote]:
    """Tables that get no row since none is what the mapping asks for: often a misspelt word.

    A hospital may have no event of a kind; one without sessions has another word for them.
    """
    for table in source.tables:
        there = all(name in raw.columns for name in table.where)
        if there and len(raw) and not chosen_rows(raw, source, table).any():
            rule = "mapping.no_rows" if table.name in _OFTEN_NONE else "mapping.contradicted"
            said = f"where = {{ … }} chooses no row for {table.name}"
            if not table.where:
                said = f"every row is of a repeating instrument; say in where which {table.name} is"
            yield SourceNote(rule, raw.files[0], said, column=", ".join(table.where))


def _unused(raw: RawSource, source: SourceMap) -> list[str]:
    wanted = set(_wanted(source))
    stems = tuple(
        f"{c.checkbox}{between}"
        for t in source.tables
        for c in t.columns.values()
        for between in ("___", " (choice=")
        if c.checkbox
    )
    unused = [
        name
        for name in raw.columns
        if name not in wanted and not (stems and name.startswith(stems)) and DUPLICATE not in name
    ]
    # codes and their labels are one column in two spellings: one of them is enough
    unused = [n for n in unused if _twin(n) not in wanted and not n.endswith(LABEL)]
    if source.is_redcap:
        unused = [
            n
            for n in unused
            if not n.startswith(_REDCAP_NAMES[0]) and not n.endswith(_REDCAP_NAMES[1])
        ]
    return unused


def _twin(name: str) -> str:
    return f"{name}{LABEL}"


# ------------------------------------------------------------------ days that are not known

_NUMBER = re.compile(r"-?\d{1,6}(?:\.\d+)?")
_BEFORE_1984 = 30_682
"""Days of a spreadsheet up to 1984. Counted from 1960, as Stata and SAS do, they reach 2044."""


def _days_apart(raw: RawSource, source: SourceMap, journal: Journal) -> RawSource:
    """Moments as days of the hospital's zone; mark what would be read as a wrong day.

    A finding says so of the column, another of each cell.
    """
    columns, notes = dict(raw.columns), []
    typed = {name for meta in raw.meta for name in meta.get("typed", ())}
    for name, masked in _day_columns(raw, source).items():
        text = columns[name]
        days = local_days(text.spellings, source.timezone) if source.timezone else {}
        doubts = [doubtful_moments] if source.timezone is None else [doubtful_in_utc]
        if source.format in ("stata", "spss", "sas") and name in typed:
            doubts.append(_bare_days)
        if days:
            columns[name] = text_column(text.codes, [days.get(s, s) for s in text.spellings])
            journal.add([_as_local(text, columns[name], days, name, masked=masked)], _places(raw))
        for doubt in doubts:
            marked, said = doubt(columns[name].spellings)
            if marked:
                text = columns[name]
                columns[name] = text_column(text.codes, [marked.get(s, s) for s in text.spellings])
                file = raw.files[int(raw.file[_first(text, marked)])]
                notes.append(SourceNote("date.unreadable", file, said, column=name))
    return replace(raw, columns=columns).noted(*notes)


def _day_columns(raw: RawSource, source: SourceMap) -> dict[str, bool]:
    """Columns read as days, also to choose rows, and whether no log may show their cells."""
    mapped = mapped_columns(source)
    found = {name: c.masked for name, c in mapped.items() if c.kind == "date"}
    for table in source.tables:
        for name, wanted in table.where.items():
            if isinstance(wanted, Days):
                found.setdefault(name, name not in mapped or mapped[name].masked)
    return {name: masked for name, masked in found.items() if name in raw.columns}


def _as_local(
    text: TextColumn, local: TextColumn, days: Mapping[str, str], name: str, *, masked: bool
) -> Entry:
    """One row stands for the column: the first whose day is another than the one written."""
    moved = {s: day for s, day in days.items() if not s.startswith(day)}
    where = np.array([_first(text, moved or days)], np.int64)
    return entry(
        "date.zone",
        where,
        column=name,
        raw=text.take(where).texts(),
        clean=local.take(where).texts(),
        masked=masked,
    )


def _first(text: TextColumn, marked: Mapping[str, str]) -> int:
    """First row with a spelling that was marked."""
    rows = text.first_rows()
    return min(int(rows[i]) for i, s in enumerate(text.spellings) if s in marked)


def _bare_days(spellings: Sequence[str]) -> tuple[dict[str, str], str]:
    """Numbers of a statistical package without a format for dates: its days or a spreadsheet's."""
    numbers = [s for s in spellings if _NUMBER.fullmatch(s)]
    if all(len(s) == 4 and 1880 <= int(s) <= 2100 for s in numbers):  # years
        return {}, ""
    said = (
        "days as numbers without a format for dates: counted from 1960, from 1900, or otherwise; "
        "give the column its format and save the file again"
    )
    return {s: f"{s} (a number of days)" for s in numbers if float(s) < _BEFORE_1984}, said


# ------------------------------------------------------------------ copies

_MOST_COPIES = 1_000_000
"""Each is a correction; a registry of a million rows has not as many."""


def _without_copies(raw: RawSource, source: SourceMap, journal: Journal) -> RawSource:
    """Drop rows that repeat another in every cell."""
    copies = same_rows(raw)
    n = int(copies.sum())
    if not n:
        return raw
    if n > _MOST_COPIES:
        raise DataError(
            f"source '{source.name}': {n:,} of {len(raw):,} rows repeat an earlier row in every "
            "cell; no registry does. Export it again.",
            file=raw.files[int(raw.file[copies.argmax()])],
        )
    # a row of identifiers alone says nothing twice that would be lost
    table = source.tables[-1].name
    places = _places(raw)
    places.table = table
    journal.add(
        [entry("duplicate.row", np.flatnonzero(copies), raw="row", clean="dropped")], places
    )
    return raw.take(np.flatnonzero(~copies))
