"""Cells as spreadsheets and typists leave them: text marks, and cells to be read from above."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from vpstats.errors import MappingError
from vpstats.registry.dittos import says_as_above
from vpstats.registry.fields import nearest
from vpstats.registry.journal import Entry, entry
from vpstats.registry.mapping import SourceMap
from vpstats.registry.raw import RawSource, TextColumn, text_column

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

_MARKS = ("'", "’")


def without_text_marks(raw: RawSource, masked: Sequence[str]) -> tuple[RawSource, list[Entry]]:
    """Take away the apostrophe by which a spreadsheet keeps digits as text: ``'00123``.

    Parameters
    ----------
    raw : RawSource
        Rows of a text file or workbook.
    masked : sequence of str
        Columns whose cells no log may show.

    Returns
    -------
    RawSource, list of Entry
        The source, and a correction for each cell that changed.
    """
    columns, entries = dict(raw.columns), []
    for name, column in raw.columns.items():
        marked = _marked(column.spellings)
        if not marked:
            continue
        where = np.flatnonzero(np.isin(column.codes, marked))
        plain = list(column.spellings)
        for i in marked:
            plain[i] = plain[i][1:].lstrip()
        columns[name] = text_column(column.codes, plain)
        entries.append(
            entry(
                "file.text_mark",
                where,
                column=name,
                raw=column.texts()[where],
                clean=columns[name].texts()[where],
                masked=name in masked,
            )
        )
    return (replace(raw, columns=columns) if entries else raw), entries


def _marked(spellings: Sequence[str]) -> list[int]:
    """Which spellings have the mark; a million identifiers are searched as one text first."""
    joined = "\n" + "\n".join(spellings)
    if not any(f"\n{mark}" in joined for mark in _MARKS):
        return []
    return [i for i, s in enumerate(spellings) if s[0] in _MARKS and _is_marked(s)]


def _is_marked(text: str) -> bool:
    """Whether an apostrophe begins a cell that it does not quote."""
    return len(text) > 1 and text[1] not in _MARKS and text[-1] not in _MARKS


def filled_down(
    raw: RawSource, source: SourceMap, masked: Sequence[str]
) -> tuple[RawSource, list[Entry]]:
    """Give rows what stands in the first row of theirs alone, where the mapping asks for it.

    Parameters
    ----------
    raw : RawSource
        Rows of a source.
    source : SourceMap
        Its ``fill_down``: the first column names the rows, so that nothing of one patient goes to
        the next; blank cells and signs for "as above" of all of them are filled.
    masked : sequence of str
        Columns whose cells no log may show.

    Returns
    -------
    RawSource, list of Entry
        The source, and a correction for each cell that changed.

    Raises
    ------
    MappingError
        If a column is not in the file.
    """
    names = source.fill_down
    if not names:
        return raw, []
    absent = [name for name in names if name not in raw.columns]
    if absent:
        raise MappingError(
            f"source '{source.name}', fill_down: the file has no such column."
            f"{nearest(absent[0], raw.columns)} Correct registry.toml.",
            file=raw.files[0],
            column=absent[0],
        )
    columns, entries = dict(raw.columns), []
    begins = _said(raw.columns[names[0]])
    begins[np.flatnonzero(np.diff(raw.file, prepend=-1))] = True
    rows = np.arange(len(raw))
    first = np.maximum.accumulate(np.where(begins, rows, 0)) if len(raw) else rows
    for name in names:
        column = raw.columns[name]
        said = _said(column)
        above = np.maximum.accumulate(np.where(said, rows, -1)) if len(raw) else rows
        there = (above >= first) & ~said
        codes = np.where(said, column.codes, np.where(there, column.codes[above], -1))
        columns[name] = TextColumn(codes.astype(np.int32), column.spellings).take(rows)
        where = np.flatnonzero(there)
        entries.append(
            entry(
                "file.filled_down",
                where,
                column=name,
                raw=column.texts()[where],
                clean=columns[name].texts()[where],
                masked=name in masked,
            )
        )
    return replace(raw, columns=columns), entries


def _said(column: TextColumn) -> Array:
    """Rows whose cell says something of its own."""
    own = [not says_as_above(s, short=True) for s in column.spellings]
    return np.array([*own, False], bool)[column.codes]
