"""Rows of a file that are no records: totals, means, and notes below the data."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np

from vpstats.registry.cells import fold
from vpstats.registry.dates import date_shape
from vpstats.registry.raw import RawSource, SourceNote, TextColumn

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

_WORDS = (
    "grand total|subtotal|sub-total|totals|total general|total|totale|totali|sum|summe|gesamtsumme|"
    "zwischensumme|gesamt|insgesamt|sveukupno|ukupno|zbroj|suma total|suma|somme|mean|median|"
    "average|mittelwert|durchschnitt|prosjek|medijan|mediana|promedio|moyenne|"
    "celkem|celkom|prumer|razem|lacznie|ogolem|srednia|totaal|gemiddelde|summa|totalt|medelvarde|"
    "soma|media|osszesen|atlag|toplam|ortalama|ukupan broj|skupaj|povprecje"
)
_BANNER = re.compile(
    r"(?:year|jahr|rok|godina|god|anno|ano|annee|ar|ev|yil|jaar|leto|q[1-4]|quartal|kvartal)"
    r"[ .:]*(?:19|20)[0-9]{2}|(?:19|20)[0-9]{2}[ .]*(?:year|rok|godina|ev|yil)"
)
_TOTAL = re.compile(rf"(?:{_WORDS})(?: ?[(\[]?n[)\]]?)?[ :=(\[]{{0,3}}[0-9]{{0,9}}[)\]]?(?: ?%)?")
_COUNTED = re.compile(
    rf"(?:(?:{_WORDS}|nombre|numero|number|anzahl|broj|liczba|pocet|antal|aantal|srednja|count)"
    r"(?: [^\W\d_]+){1,2}|anzahl|nombre|liczba|pocet|antal|aantal|count)[ :=]*[0-9]{0,9}"
)
"""What is counted, in words: ``Totale pazienti``, ``Anzahl: 60``."""
_LETTERS = re.compile(r"[^\W\d_]{3}")
_MARKS = ("*", "†", "‡", "§")
_SENTENCE = 3  # words from which on a cell that stands alone is a sentence and no identifier
_JOINED = " / "  # between the names of several header rows
_FEW, _FEWER = 2, 2  # cells of a row that closes the data, and how many more others have
_NARROW = 3  # columns below which a row with one filled cell may well be a record


def without_summaries(raw: RawSource) -> RawSource:
    """Leave out totals wherever they stand and notes below the data, and say so row by row.

    Parameters
    ----------
    raw : RawSource
        Rows of text files or workbooks.

    Returns
    -------
    RawSource
        Records only, with a note for each row that left.
    """
    if not len(raw) or len(raw.columns) < _NARROW:
        return raw
    drop = _totals(raw) | _banners(raw)
    again, usual = _headers(raw), float(np.median(_how_filled(raw)))
    for number in range(len(raw.files)):
        rows = np.flatnonzero(raw.file == number)
        for row in rows[::-1]:
            if not (drop[row] or _is_note(raw, int(row)) or _closes(raw, int(row), usual)):
                break
            drop[row] = True
    drop &= ~again
    if not drop.any() and not again.any():
        return raw
    notes = [
        SourceNote(
            "file.repeated_header",
            raw.files[raw.file[row]],
            "the header is repeated; the row was left out",
            row=int(raw.row[row]),
        )
        for row in np.flatnonzero(again)
    ]
    notes += [
        SourceNote(
            "file.summary_row",
            raw.files[raw.file[row]],
            "the row holds a total or a note and no record",
            row=int(raw.row[row]),
        )
        for row in np.flatnonzero(drop)
    ]
    return raw.take(np.flatnonzero(~(drop | again))).noted(*notes)


def _totals(raw: RawSource) -> Array:
    """Rows whose first column says total."""
    first = next(iter(raw.columns.values()))
    drop = np.zeros(len(raw), bool)
    said = [i for i in _suspects(first) if _TOTAL.fullmatch(fold(first.spellings[i]))]
    for row in np.flatnonzero(np.isin(first.codes, said)):
        drop[row] = _is_total(raw, int(row))
    return drop


def _banners(raw: RawSource) -> Array:
    """Rows that hold nothing but the year of those below: ``Rok 2022``."""
    first = next(iter(raw.columns.values()))
    drop: Array = first.filled & (_how_filled(raw) == 1)
    for row in np.flatnonzero(drop):
        drop[row] = _BANNER.fullmatch(fold(first.spellings[first.codes[row]])) is not None
    return drop


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
    joined = "\n".join(text.spellings).casefold()
    if not any(word in joined for word in _WORDS.split("|")):
        return []
    return [i for i, s in enumerate(text.spellings) if s[:1].isalpha()]


def _filled(raw: RawSource, row: int) -> list[str]:
    codes = ((c.codes[row], c.spellings) for c in raw.columns.values())
    return [spellings[code] for code, spellings in codes if code >= 0]


def _is_total(raw: RawSource, row: int) -> bool:
    """A word for a total, and beside it nothing but numbers: no dates, no words."""
    cells = _filled(raw, row)
    if not cells or not _TOTAL.fullmatch(fold(cells[0])):
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
    if _COUNTED.fullmatch(fold(cells[0])) and not any(_LETTERS.search(c) for c in cells[1:]):
        return True
    if len(cells) > _FEW or usual < len(cells) + _FEWER:
        return False
    return _TOTAL.fullmatch(fold(cells[0])) is not None or _unlike_others(raw, row)


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
