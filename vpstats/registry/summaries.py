"""Rows of a file that are no records: totals, means, and notes below the data."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import TYPE_CHECKING, Any

import numpy as np

from vpstats.registry.cells import fold
from vpstats.registry.closing_rows import Closing, counts_something
from vpstats.registry.dates import date_shape
from vpstats.registry.months import is_month
from vpstats.registry.raw import RawSource, SourceNote, TextColumn
from vpstats.registry.summary_words import (
    may_say_total,
    names_statistic,
    says_counted,
    says_total,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

_BANNER = re.compile(
    r"(?:year|jahr|rok|godina|god|anno|ano|annee|ar|ev|yil|jaar|leto|q[1-4]|quartal|kvartal)"
    r"[ .:]*(?:19|20)[0-9]{2}|(?:19|20)[0-9]{2}[ .]*(?:year|rok|godina|ev|yil)"
)
_MONTH = re.compile(r"([^\W\d_]{3,})(?:[ .,]*(?:19|20)[0-9]{2})?")
_COUNTED = re.compile(r"[0-9]+(?: [^\W\d_]{3,}){1,2}")  # 8 Patienten
_LETTERS = re.compile(r"[^\W\d_]{3}")
_MARKS = ("*", "†", "‡", "§")
_SENTENCE = 3  # words from which on a cell that stands alone is a sentence and no identifier
_JOINED = " / "  # between the names of several header rows
_FEW, _FEWER = 2, 2  # cells of a row that closes the data, and how many more others have
_TWO = 2  # columns below which there is nothing to sum up
_NARROW = 3  # columns below which a row with one filled cell may well be a record


def without_summaries(
    raw: RawSource, whose: Collection[str] = (), *, filled_down: bool = False
) -> RawSource:
    """Leave out totals wherever they stand and notes below the data, and say so row by row.

    Parameters
    ----------
    raw : RawSource
        Rows of text files or workbooks.
    whose : collection of str
        Raw columns that say whose a row is, in any case; the first column where none is known.
    filled_down : bool
        Whether a blank among these stands for what is above it.

    Returns
    -------
    RawSource
        Records only, with a note for each row that left.
    """
    if not len(raw) or len(raw.columns) < _TWO:
        return raw
    names, narrow = {fold(name) for name in whose}, len(raw.columns) < _NARROW
    ids = [name for name in raw.columns if fold(name) in names]
    drop, again, doubtful = (np.zeros(len(raw), bool) for _ in range(3))
    if not narrow:
        drop, again = _totals(raw, ids) | _banners(raw) | _totals_beside(raw, ids), _headers(raw)
    for number in range(len(raw.files)):
        rows = np.flatnonzero(raw.file == number)
        rows = rows if narrow else _without_notes(raw, rows, drop)
        closing, odd = Closing(raw, rows, ids, filled_down).found()
        drop[closing], doubtful[odd] = True, True
    drop &= ~again
    if not (drop | again | doubtful).any():
        return raw
    notes = [
        *_notes(raw, again, "file.repeated_header", "the header is repeated; the row was left out"),
        *_notes(raw, drop, "file.summary_row", "the row holds a total or a note and no record"),
        *_notes(raw, doubtful, "file.summary_row", _MAYBE),
    ]
    return raw.take(np.flatnonzero(~(drop | again))).noted(*notes)


_MAYBE = (
    "the last row has numbers alone and may hold counts or means; it was read as a row of the "
    "patient above it"
)


def _without_notes(raw: RawSource, rows: Array, drop: Array) -> Array:
    """Rows of a file above those that close it; the latter are marked as left out."""
    usual = float(np.median(_how_filled(raw)))
    end = len(rows)
    for row in rows[::-1]:
        if not (drop[row] or _is_note(raw, int(row)) or _closes(raw, int(row), usual)):
            break
        drop[row] = True
        end -= 1
    return rows[:end]


def _notes(raw: RawSource, rows: Array, rule: str, note: str) -> list[SourceNote]:
    return [
        SourceNote(rule, raw.files[raw.file[row]], note, row=int(raw.row[row]))
        for row in np.flatnonzero(rows)
    ]


def _totals(raw: RawSource, ids: Collection[str]) -> Array:
    """Rows whose first column says total."""
    first = next(iter(raw.columns.values()))
    drop = np.zeros(len(raw), bool)
    said = [i for i in _suspects(first) if says_total(first.spellings[i])]
    for row in np.flatnonzero(np.isin(first.codes, said)):
        drop[row] = _is_total(raw, int(row)) or _counts_in_words(raw, int(row), ids)
    return drop


def _counts_in_words(raw: RawSource, row: int, ids: Collection[str]) -> bool:
    """A word for a total, and beside it numbers and words for what they count: ``8 Wirbel``.

    Nothing else of the row says whose it is.
    """
    cells = {n: c.spellings[c.codes[row]] for n, c in raw.columns.items() if c.codes[row] >= 0}
    others = {name: text for name, text in cells.items() if not says_total(text)}
    named = any(name in ids for name in others)
    return bool(others) and not named and all(map(counts_something, others.values()))


def _totals_beside(raw: RawSource, ids: Collection[str]) -> Array:
    """Rows that name nobody, and say total beside nothing but numbers."""
    nobody, drop = np.ones(len(raw), bool), np.zeros(len(raw), bool)
    for name in ids or list(raw.columns)[:1]:
        nobody &= ~raw.columns[name].filled
    if not nobody.any():
        return drop
    for column in raw.columns.values():
        said = [i for i in _suspects(column) if says_total(column.spellings[i])]
        for row in np.flatnonzero(np.isin(column.codes, said) & nobody):
            others = [text for text in _filled(raw, int(row)) if not says_total(text)]
            drop[row] = bool(others) and all(map(counts_something, others))
    return drop


def _banners(raw: RawSource) -> Array:
    """Rows that hold nothing but the year or month of those below: ``Rok 2022``."""
    first = next(iter(raw.columns.values()))
    drop: Array = first.filled & (_how_filled(raw) == 1)
    for row in np.flatnonzero(drop):
        drop[row] = is_banner(first.spellings[first.codes[row]])
    return drop


def is_banner(text: str) -> bool:
    """Whether a cell that stands alone names the year or the month of the rows below it.

    Examples
    --------
    >>> [is_banner(text) for text in ("Rok 2022", "STYCZEŃ", "März 2021", "Marek", "12")]
    [True, True, True, False, False]
    """
    plain = fold(text)
    word = _MONTH.fullmatch(plain)
    return _BANNER.fullmatch(plain) is not None or bool(word and is_month(word[1]))


def _how_filled(raw: RawSource) -> Array:
    filled = np.zeros(len(raw), np.int64)
    for column in raw.columns.values():
        filled += column.filled
    return filled


def _headers(raw: RawSource) -> Array:
    """Rows that repeat the last of several header rows: each cell ends its column's name."""
    again = np.zeros(len(raw), bool)
    ends = {name: name.rpartition(_JOINED)[2] for name in raw.columns}
    first = next(iter(raw.columns))
    if ends[first] == first or ends[first] not in raw.columns[first].spellings:
        return again
    code = raw.columns[first].spellings.index(ends[first])
    for row in np.flatnonzero(raw.columns[first].codes == code):
        cells = [(c.codes[row], c.spellings, ends[n]) for n, c in raw.columns.items()]
        again[row] = all(at < 0 or spellings[at] == end for at, spellings, end in cells)
    return again


def _suspects(text: TextColumn) -> list[int]:
    """Spellings that may say total; a million identifiers are searched as one text first."""
    if not may_say_total("\n".join(text.spellings).casefold()):
        return []
    return [i for i, s in enumerate(text.spellings) if s[:1].isalpha()]


def _filled(raw: RawSource, row: int) -> list[str]:
    codes = ((c.codes[row], c.spellings) for c in raw.columns.values())
    return [spellings[code] for code, spellings in codes if code >= 0]


def _is_total(raw: RawSource, row: int) -> bool:
    """A word for a total, and beside it nothing but numbers: no dates, no words."""
    cells = _filled(raw, row)
    if not cells or not says_total(cells[0]):
        return False
    return not any(_LETTERS.search(c) or date_shape(c).kind == "ordered" for c in cells[1:])


def _closes(raw: RawSource, row: int, usual: float) -> bool:
    """A row below the data that counts them or says something about them.

    It has far fewer cells than most, and its first is a word for a total or looks like no other
    cell of its column; or it says what it counts, beside nothing but numbers.
    """
    cells = _filled(raw, row)
    if not cells or _is_total(raw, row):
        return bool(cells)
    if says_counted(cells[0]) and not any(_LETTERS.search(c) for c in cells[1:]):
        return True
    if len(cells) > 1 and all(map(counts_something, cells[1:])):
        words = names_statistic(cells[0]) or _COUNTED.fullmatch(cells[0])
        if says_counted(cells[0]) or (words and _unlike_others(raw, row)):
            return True
    if len(cells) > _FEW or usual < len(cells) + _FEWER:
        return False
    return says_total(cells[0]) or _unlike_others(raw, row)


def _unlike_others(raw: RawSource, row: int) -> bool:
    """Whether no other cell has the shape of the first one of a row: ``n=60`` among numbers."""
    column = next(c for c in raw.columns.values() if c.codes[row] >= 0)
    text = column.spellings[column.codes[row]]
    shape = "".join(
        next((p for p in ("[0-9]+", r"[^\W\d_]+") if re.fullmatch(p, part)), re.escape(part))
        for part in re.findall(r"[0-9]+|[^\W\d_]+|.", text)
    )
    # a million identifiers are searched as one text
    alike = re.findall(rf"^{shape}$", "\n".join(column.spellings), re.MULTILINE)
    return len(alike) <= 1 and int(column.counts()[column.codes[row]]) == 1


def _is_note(raw: RawSource, row: int) -> bool:
    """A sentence alone in its row."""
    cells = _filled(raw, row)
    if len(cells) != 1:
        return False
    text = cells[0]
    sentence = len(text.split()) >= _SENTENCE and _LETTERS.search(text) is not None
    return sentence or text.startswith(_MARKS)
