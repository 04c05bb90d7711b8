"""What is done to a source before its tables are made: encodings, names, exact duplicates."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from vpstats.registry.cells import fold
from vpstats.registry.code_pages import PAGES, likely_pages, words_beyond_ascii
from vpstats.registry.decoding import repair, repair_code_page, signature
from vpstats.registry.dialect import mapped_columns
from vpstats.registry.journal import Journal, Places, entry
from vpstats.registry.mapping import SourceMap
from vpstats.registry.raw import LABEL, RawSource, SourceNote, TextColumn, same_rows, text_column
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
    """
    raw = _encodings(raw, source, journal)
    if source.format in ("csv", "excel"):
        raw = without_summaries(raw)
    raw = _named_as_mapped(raw, source)
    raw = _noted_columns(raw, source)
    for note in raw.notes:
        journal.note(note.rule, note.note, file=note.file, row=note.row or 0, column=note.column)
    return _without_copies(raw, source, journal)


# ------------------------------------------------------------------ encodings


def _encodings(raw: RawSource, source: SourceMap, journal: Journal) -> RawSource:
    texts = [text for column in raw.columns.values() for text in column.foreign()]
    texts += [name for name in raw.columns if not name.isascii()]
    wrong = signature(texts)
    if wrong is None:
        return raw if source.encoding else raw.noted(*_doubtful_page(raw, texts))
    if not source.repair_encoding:
        return raw.noted(*_mojibake_notes(raw, wrong))
    masked = {n for n, c in mapped_columns(source).items() if c.masked}
    columns = {}
    for name, column in raw.columns.items():
        fixed = _fixed(name, wrong)
        unknown = name not in mapped_columns(source)
        columns[fixed] = _repaired(
            raw, name, column, wrong, journal, hide=name in masked or unknown
        )
    return replace(raw, columns=columns)


def _doubtful_page(raw: RawSource, texts: Sequence[str]) -> Iterator[SourceNote]:
    """A code page that was guessed where the words would be words in another as well."""
    read = {str(meta.get("encoding", "")) for meta in raw.meta}
    page = read.pop() if len(read) == 1 else ""
    if page in PAGES:
        found = likely_pages(words_beyond_ascii(text.encode(page, "ignore") for text in texts))
        others = [name for name in found if name != page] if len(found) > 1 else []
        if others:
            said = f"read as {page}; it may be {' or '.join(others)}: nothing in it proves one"
            yield SourceNote("encoding.doubtful", raw.files[0], said)


def _fixed(text: str, wrong: str) -> str:
    if text.isascii():
        return text
    repaired = repair(text)
    if repaired is not None:
        return repaired
    return repair_code_page(text) if wrong == "cp1250" else text


def _mojibake_notes(raw: RawSource, wrong: str) -> list[SourceNote]:
    kind = "UTF-8 read as a code page" if wrong == "utf-8" else "cp1250 read as cp1252"
    notes = []
    for name, column in raw.columns.items():
        broken = [i for i, s in enumerate(column.spellings) if _fixed(s, wrong) != s]
        if broken or _fixed(name, wrong) != name:
            cells = int(np.isin(column.codes, broken).sum())
            said = f"{cells} cells look like {kind}"
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
    names = list(mapped_columns(source))
    for table in source.tables:
        names += [*table.where, *table.spread]
        names += [c.unit_column for c in table.columns.values() if c.unit_column is not None]
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


def listed(names: Sequence[str], most: int) -> str:
    """Some names, and how many there are besides.

    Examples
    --------
    >>> listed(["a", "b", "c"], 2)
    'a, b and 1 more'
    """
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return f"{', '.join(names[:most])}{more}"


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


# ------------------------------------------------------------------ copies


def _without_copies(raw: RawSource, source: SourceMap, journal: Journal) -> RawSource:
    """Drop rows that repeat another in every cell."""
    copies = same_rows(raw)
    if not copies.any():
        return raw
    # a row of identifiers alone says nothing twice that would be lost
    table = source.tables[-1].name
    places = _places(raw)
    places.table = table
    journal.add(
        [entry("duplicate.row", np.flatnonzero(copies), raw="row", clean="dropped")], places
    )
    return raw.take(np.flatnonzero(~copies))
