"""Rows below the data that count them or hold their means, with a word for it or with none.

A person's row has a day, a word or a vertebra somewhere. A row of counts and means has numbers
alone, and they are what the column above them gives.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from vpstats.registry.cells import simplify
from vpstats.registry.dates import date_shape
from vpstats.registry.raw import RawSource, TextColumn
from vpstats.registry.spine import parse_levels
from vpstats.registry.summary_words import names_statistic, says_counted, says_total

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

_MOST = 12  # rows that close a file
_FEWEST = 2  # records above them
_USUAL = 0.9  # share of records with a day or a word, above which a row without is none
_BESIDE = 200  # records above, among which a label would show that it is a name
_TWO = 2  # numbers that are what their columns give, as one may be by chance
_LETTER = re.compile(r"[^\W\d_]")
_SIGNS = re.compile(r"#[A-Z/0]+[!?A]|[<>~±+\-]?[\d(\[%][\d\s.,'()\[\]/%±+–-]*")
_NUMBER = re.compile(r"-?\d+(?:[.,]\d+)?")


@dataclass(frozen=True)
class Closing:
    """Rows of one file from its end, held against those above them.

    Parameters
    ----------
    raw : RawSource
        Rows of text files or workbooks.
    rows : ndarray of int
        Those of the file.
    whose : collection of str
        Raw columns that say whose a row is; the first one where none is known.
    filled_down : bool
        Whether a blank in these columns stands for what is above it.
    """

    raw: RawSource
    rows: Array
    whose: Collection[str] = ()
    filled_down: bool = False
    _read: dict[str, Array] = field(default_factory=dict, init=False, repr=False)

    def found(self) -> tuple[Array, Array]:
        """Rows that are no records, and those of which that is doubtful.

        Returns
        -------
        tuple of ndarray of int
            Positions in the source.
        """
        none = np.empty(0, np.int64)
        for n in range(self._longest, 0, -1):
            top, below = int(self.rows[-n]), self.rows[-n:]
            sure = self._is_summary(top, n)
            if sure:
                return below, none
            if sure is None and n == 1:
                return none, below
        return none, none

    @cached_property
    def _longest(self) -> int:
        """Rows from the end that may close the file."""
        most = min(_MOST, len(self.rows) - _FEWEST)
        n = 0
        while n < most and self._may_close(int(self.rows[-n - 1])):
            n += 1
        return n

    def _may_close(self, row: int) -> bool:
        cells = self.cells(row)
        words = [text for text in cells.values() if not is_bare(text)]
        if not any(map(_is_label, words)):
            return bool(cells) and (self._is_blank(cells) or not words) and all(map(_is_day, words))
        return all(_is_label(text) or _is_day(text) for text in words)

    def _is_summary(self, row: int, n: int) -> bool | None:
        """Whether the first of the last n rows is one; None where nobody can say."""
        cells = self.cells(row)
        labels = {k: text for k, text in cells.items() if self._is_label_here(k, text, n)}
        dated = any(not is_bare(text) and _is_day(text) for text in cells.values())
        agree = self._agreeing(cells, n, labelled=bool(labels))
        if labels and self._names_nobody(cells, labels):
            counted = len(cells) > len(labels) or any(map(str.isdigit, "".join(labels.values())))
            named = self._is_blank(cells) or (counted and self._usually_worded(n))
            return agree > 0 or (not dated and named)
        if agree >= _TWO:
            return True
        if not self._is_blank(cells) or dated or not self._usually_worded(n):
            return False
        if not self.filled_down or agree or n >= _TWO or self._set_apart(n):
            return True
        return True if self._beyond(cells, n) else None

    def cells(self, row: int) -> dict[str, str]:
        """Cells of a row that are not empty."""
        found = ((n, c, int(c.codes[row])) for n, c in self.raw.columns.items())
        return {name: column.spellings[code] for name, column, code in found if code >= 0}

    def _is_blank(self, cells: Collection[str]) -> bool:
        return not any(name in cells for name in self._whose)

    def _is_label_here(self, name: str, text: str, n: int) -> bool:
        """Whether a cell is a label, and its column has none further up: ``N-12`` may be a name."""
        if is_bare(text) or not _is_label(text):
            return False
        column = self.raw.columns[name]
        above = np.unique(column.codes[self.rows[:-n][-_BESIDE:]])
        return not any(_is_label(column.spellings[code]) for code in above if code >= 0)

    def _names_nobody(self, cells: Mapping[str, str], labels: Mapping[str, str]) -> bool:
        """Whether what says whose the row is, is blank, the label itself, or a count beside one."""
        others = [k for k in self._whose if k in cells and k not in labels]
        counted = any(says_total(text) or says_counted(text) for text in labels.values())
        return not others or (counted and all(is_bare(cells[k]) for k in others))

    @property
    def _whose(self) -> list[str]:
        return [n for n in self.raw.columns if n in self.whose] or list(self.raw.columns)[:1]

    def _set_apart(self, n: int) -> bool:
        """Whether blank rows stand between the last n rows and the records."""
        return int(self.raw.row[self.rows[-n]]) - int(self.raw.row[self.rows[-n - 1]]) > 1

    # -------------------------------------------------------------- what stands above

    def _usually_worded(self, n: int) -> bool:
        """Whether nearly all records have a day or a word, or anything that is no number."""
        above = self.rows[:-n]
        worded = np.zeros(len(above), bool)
        for column in self.raw.columns.values():
            worded |= self._worded(column)[column.codes[above]]
        return bool(worded.mean() >= _USUAL)

    def _worded(self, column: TextColumn) -> Array:
        key = f"worded {id(column)}"
        if key not in self._read:
            self._read[key] = np.array([not is_bare(s) for s in column.spellings] + [False], bool)
        return self._read[key]

    def _numbers(self, name: str, n: int) -> Array:
        """Numbers of a column above the last n rows."""
        column = self.raw.columns[name]
        if name not in self._read:
            self._read[name] = np.array([*map(_value, column.spellings), np.nan], float)
        found: Array = self._read[name][column.codes[self.rows[:-n]]]
        return found[~np.isnan(found)]

    def _agreeing(self, cells: Mapping[str, str], n: int, *, labelled: bool) -> int:
        """Numbers of a row that are all one statistic of their columns; 0 where they are not.

        A row that names somebody, or has one number, has to have one that no record has.
        """
        own = {name: text for name, text in cells.items() if name not in self._whose}
        given = {name: _value(text) for name, text in own.items()}
        known = {name: value for name, value in given.items() if not np.isnan(value)}
        for statistic in self._statistics(n, labelled=labelled) if known else ():
            if all(_agree(value, statistic(name), own[name]) for name, value in known.items()):
                new = [name for name, value in known.items() if self._is_new(name, value, n)]
                nobody = labelled or (self._is_blank(cells) and len(known) > 1)
                return len(known) if nobody or new else 0
        return 0

    def _is_new(self, name: str, value: float, n: int) -> bool:
        return not np.isin(value, self._numbers(name, n))

    def _statistics(self, n: int, *, labelled: bool) -> Sequence[Any]:
        above = self.rows[:-n]

        def count(name: str) -> float:
            return float((self.raw.columns[name].codes[above] >= 0).sum())

        def of(function: Any) -> Any:
            def statistic(name: str) -> float:
                numbers = self._numbers(name, n)
                return float(function(numbers)) if len(numbers) >= _TWO else np.nan

            return statistic

        usual = [count, of(np.mean), of(np.sum), of(_deviation), of(np.std)]
        return [*usual, of(np.median), of(np.min), of(np.max)] if labelled else usual

    def _beyond(self, cells: Mapping[str, str], n: int) -> bool:
        """Whether a number lies beyond all those above it."""
        for name, text in cells.items():
            value, above = _value(text), self._numbers(name, n)
            if len(above) and (value > above.max() or value < above.min()):
                return True
        return False


def is_bare(text: str) -> bool:
    """Whether a cell is a number, with signs for a share or a range at most.

    Examples
    --------
    >>> [is_bare(text) for text in ("65,5 (3.6)", "12 / 40", "L2", "03.04.2022", "#DIV/0!")]
    [True, True, False, False, True]
    """
    return _SIGNS.fullmatch(text) is not None and not _is_day(text)


def counts_something(text: str) -> bool:
    """Whether a cell is a number, alone or beside words that name no vertebra.

    Examples
    --------
    >>> cells = ("31", "8 Wirbel", "5 w / 3 m", "Ø 4,2 ml", "L2", "2. lumbar", "03.04.2022", "f")
    >>> [counts_something(text) for text in cells]
    [True, True, True, True, False, False, False, False]
    """
    if is_bare(text):
        return True
    return any(map(str.isdigit, text)) and not parse_levels(text).levels and not _is_day(text)


def _is_day(text: str) -> bool:
    return date_shape(text).kind in ("ordered", "day")


def _is_label(text: str) -> bool:
    return names_statistic(text) or says_total(text) or says_counted(text)


def _value(text: str) -> float:
    plain = simplify(text)
    return float(plain.replace(",", ".")) if _NUMBER.fullmatch(plain) else np.nan


def _deviation(numbers: Array) -> float:
    return float(np.std(numbers, ddof=1))


def _agree(value: float, expected: float, text: str) -> bool:
    """Whether a number is another one to the decimals with which it is written."""
    decimals = len(re.split("[.,]", text)[1]) if re.search("[.,]", text) else 0
    return bool(abs(value - expected) <= 0.5 * 10.0**-decimals + 1e-9)
