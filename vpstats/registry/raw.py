"""The text of a source: columns of distinct spellings, and the file and row of each line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from vpstats.registry.cells import trim

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Codes = NDArray[np.int32]
    Rows = NDArray[np.int64]


LABEL = " (label)"
"""Ends the name of a column that holds the labels of another column's codes."""
LACKING = "lacking"
"""Key of a file's ``meta``: columns that other files of its source have."""
_ROWS = 1 << 15
_PRIME = np.uint64(1_099_511_628_211)  # of the FNV hash; products wrap around


@dataclass(frozen=True, slots=True, eq=False)
class TextColumn:
    """A column of text held as distinct spellings and a code per row.

    Parameters
    ----------
    codes : ndarray of int, shape (n,)
        Position of each row's spelling; -1 is an empty cell.
    spellings : tuple of str
        Distinct spellings, trimmed.
    """

    codes: Codes
    spellings: tuple[str, ...]
    _counts: list[NDArray[np.int64]] = field(default_factory=list, init=False, repr=False)

    def __len__(self) -> int:
        return len(self.codes)

    def take(self, positions: NDArray[Any]) -> TextColumn:
        """The column at some rows; spellings that none of them has are gone."""
        taken = TextColumn(self.codes[positions], self.spellings)
        used = taken.counts() > 0
        if used.all():
            return taken
        remap = np.append(np.where(used, np.cumsum(used) - 1, -1), -1).astype(np.int32)
        kept = tuple(s for s, u in zip(self.spellings, used, strict=True) if u)
        return TextColumn(remap[taken.codes], kept)

    def texts(self) -> NDArray[Any]:
        """The text of every row; "" where empty."""
        lookup = np.array([*self.spellings, ""], dtype=object)
        return by_code(lookup, self.codes)

    @property
    def filled(self) -> NDArray[np.bool_]:
        """Where the cell is not empty."""
        return self.codes >= 0

    def counts(self) -> NDArray[np.int64]:
        """Number of rows of each spelling."""
        if not self._counts:
            self._counts.append(_counted(self.codes, len(self.spellings)))
        return self._counts[0]

    @property
    def weight(self) -> int:
        """How much there is to look at: spellings."""
        return len(self.spellings)

    def foreign(self) -> list[str]:
        """Spellings with a character beyond ASCII."""
        return [s for s in self.spellings if not s.isascii()]

    def first_rows(self) -> Rows:
        """First row of each spelling; the number of rows for one that no row has."""
        return first_rows(self.codes, len(self.spellings))

    def ranked(self) -> TextColumn:
        """The same column with its spellings in the order of their first row."""
        order = np.argsort(self.first_rows(), kind="stable")
        rank = np.empty(len(order) + 1, np.int32)
        rank[order], rank[-1] = np.arange(len(order)), -1
        return TextColumn(rank[self.codes], tuple(self.spellings[i] for i in order))


def by_code(lookup: NDArray[Any], codes: NDArray[Any]) -> NDArray[Any]:
    """What stands for each row's code: ``lookup[codes]``, without a wide copy of the codes.

    Parameters
    ----------
    lookup : ndarray, shape (spellings + 1,)
        One entry per spelling, and last the one of an empty cell.
    codes : ndarray of int, shape (n,)
        Position of each row's spelling; -1 is an empty cell.

    Returns
    -------
    ndarray, shape (n,)
        Of the type of `lookup`.

    Examples
    --------
    >>> by_code(np.array(["yes", "no", ""]), np.array([1, -1, 0], np.int32)).tolist()
    ['no', '', 'yes']
    """
    out = np.empty(len(codes), lookup.dtype)
    for start in range(0, len(codes), _ROWS):
        rows = slice(start, start + _ROWS)
        np.take(lookup, codes[rows], out=out[rows], mode="wrap")
    return out


def _counted(codes: Codes, spellings: int) -> NDArray[np.int64]:
    """Rows of each spelling, by pieces of the rows: new memory costs more than counting does."""
    counts = np.zeros(spellings + 1, np.int64)
    piece = max(_ROWS, spellings)
    for start in range(0, len(codes), piece):
        counts += np.bincount(codes[start : start + piece] + 1, minlength=spellings + 1)
    return counts[1:]


def first_rows(codes: NDArray[Any], count: int) -> Rows:
    """First row of each of the codes from 0 on; the number of rows for one that no row has.

    Examples
    --------
    >>> first_rows(np.array([1, -1, 0, 1]), 3).tolist()
    [2, 0, 4]
    """
    first = np.full(count + 1, len(codes), np.int64)
    start, stop = 0, 4096  # most spellings are met soon, so most rows need not be looked at
    while start < len(codes) and (first[:-1] == len(codes)).any():
        rows = np.arange(start, min(stop, len(codes)))[::-1]
        found = np.full(count + 1, len(codes), np.int64)
        found[codes[rows]] = rows  # of equal places the last, which is the first row, stays
        np.minimum(first, found, out=first)
        start, stop = stop, 4 * stop
    return first[:-1]


def text_column(codes: NDArray[Any], spellings: Sequence[str]) -> TextColumn:
    """Build a column from raw spellings: trim them, merge those that become equal, drop empties.

    Parameters
    ----------
    codes : ndarray of int, shape (n,)
        Position in `spellings`, -1 for empty.
    spellings : sequence of str
        As in the file.

    Returns
    -------
    TextColumn
        With trimmed, distinct, non-empty spellings.
    """
    if _is_trim(spellings):
        return TextColumn(codes.astype(np.int32, copy=False), tuple(spellings))
    return merged(codes, spellings, {i: trim(s) for i, s in enumerate(spellings)})


def merged(codes: NDArray[Any], spellings: Sequence[str], trimmed: Mapping[int, str]) -> TextColumn:
    """Build a column from spellings of which some are rewritten; equal ones become one.

    Parameters
    ----------
    codes : ndarray of int, shape (n,)
        Position in `spellings`, -1 for empty.
    spellings : sequence of str
        As in the file; those that are not rewritten are trimmed, distinct and not empty.
    trimmed : mapping of int to str
        Position to what the spelling is once it is trimmed; "" is an empty cell.

    Returns
    -------
    TextColumn
        With trimmed, distinct, non-empty spellings.
    """
    changed = {i: text for i, text in trimmed.items() if text != spellings[i] or not text}
    # nobody said of the rewritten ones that they differ from one another
    if not changed and len(trimmed) < len(spellings):
        return TextColumn(codes.astype(np.int32, copy=False), tuple(spellings))
    position: dict[str, int] = {}
    remap = np.full(len(spellings) + 1, -1, np.int32)
    for old, spelling in enumerate(spellings):
        text = changed.get(old, spelling)
        if text:
            remap[old] = position.setdefault(text, len(position))
    return TextColumn(remap[codes], tuple(position))


def _is_trim(spellings: Sequence[str]) -> bool:
    """Whether spellings are trimmed, distinct and not empty; seen from all of them joined."""
    joined = "|".join(spellings)
    edges = any(pair in joined for pair in ("| ", " |", "||"))
    # every space but the plain one, and every invisible character, is not printable
    plain = joined.isprintable() and not edges
    whole = bool(joined) and joined[0] not in " |" and joined[-1] not in " |"
    return plain and whole and len(set(spellings)) == len(spellings)


def from_texts(texts: Sequence[str]) -> TextColumn:
    """Build a column from the text of every row.

    Examples
    --------
    >>> from_texts(["da", " da", ""]).codes.tolist()
    [0, 0, -1]
    """
    position: dict[str, int] = {}
    codes = np.fromiter(
        (position.setdefault(text, len(position)) for text in texts), np.int64, len(texts)
    )
    return text_column(codes, list(position))


def constant(text: str, n: int) -> TextColumn:
    """The same text in every row."""
    return text_column(np.zeros(n, np.int32), [text])


@dataclass(frozen=True, slots=True)
class SourceNote:
    """Something said about a file as a whole, or one of its rows, before cells are read.

    Parameters
    ----------
    rule : str
        Key of ``RULES``.
    file : str
        File.
    note : str
        What is so, as a sentence without text of the cells.
    row : int, optional
        Row in the file.
    column : str
        Raw column, or "".
    unread : Unread, optional
        Files or sheets that the note says were not read.
    rows : tuple of int
        Rows in the file, where the note is about several.
    """

    rule: str
    file: str
    note: str
    row: int | None = None
    column: str = ""
    unread: Unread | None = None
    rows: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Unread:
    """Files or sheets that one source leaves unread, which another may read.

    Parameters
    ----------
    lead : str
        What is so, before the names.
    names : mapping of str to str
        Name as `RawSource.files` has it to the name to show.
    """

    lead: str
    names: Mapping[str, str]


NAMED = 20
"""Names of columns or files that a note shows."""


def listed(names: Sequence[str], most: int) -> str:
    """Some names, and how many there are besides.

    Examples
    --------
    >>> listed(["a", "b", "c"], 2)
    'a, b and 1 more'
    """
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return f"{', '.join(names[:most])}{more}"


def unread_note(rule: str, file: str, lead: str, names: Mapping[str, str]) -> SourceNote:
    """Say what was not read.

    Examples
    --------
    >>> unread_note("file.not_read", "x.zip", "no source reads", {"x.zip:a.pdf": "a.pdf"}).note
    'no source reads: a.pdf'
    """
    shown = listed(list(names.values()), NAMED)
    return SourceNote(rule, file, f"{lead}: {shown}", unread=Unread(lead, dict(names)))


@dataclass(frozen=True, slots=True, eq=False)
class RawSource:
    """One source: all of its files, as text.

    Parameters
    ----------
    name : str
        Short name of the source.
    columns : mapping of str to TextColumn
        Raw columns, in the order of the file.
    file : ndarray of int, shape (n,)
        Position of each row's file in `files`.
    row : ndarray of int, shape (n,)
        Row in that file, counted as a spreadsheet does.
    files : tuple of str
        File names relative to registry.toml.
    meta : tuple of mapping
        One per file: sha256, rows, encoding, delimiter.
    notes : tuple of SourceNote
        What was found on the way.
    """

    name: str
    columns: Mapping[str, TextColumn]
    file: Rows
    row: Rows
    files: tuple[str, ...]
    meta: tuple[Mapping[str, Any], ...] = ()
    notes: tuple[SourceNote, ...] = field(default=())

    def __len__(self) -> int:
        return len(self.row)

    def take(self, positions: NDArray[Any]) -> RawSource:
        """The same source with some of its rows."""
        if np.array_equal(positions, np.arange(len(self))):
            return self
        columns = {name: column.take(positions) for name, column in self.columns.items()}
        return replace(self, columns=columns, file=self.file[positions], row=self.row[positions])

    def only(self, names: Iterable[str]) -> RawSource:
        """The same rows with some of their columns; names that it has not are passed over."""
        wanted = set(names)
        columns = {name: text for name, text in self.columns.items() if name in wanted}
        return replace(self, columns=columns)

    def noted(self, *notes: SourceNote) -> RawSource:
        """The same source with more notes."""
        return replace(self, notes=(*self.notes, *notes))


def stack(parts: Sequence[RawSource]) -> RawSource:
    """Put the files of one source under one another; absent columns are empty."""
    if len(parts) == 1:
        return parts[0]
    names = list(dict.fromkeys(name for part in parts for name in part.columns))
    columns = {name: stack_columns([_column(p, name) for p in parts]) for name in names}
    offsets = np.cumsum([0, *(len(p.files) for p in parts[:-1])])
    return RawSource(
        parts[0].name,
        columns,
        np.concatenate([p.file + o for p, o in zip(parts, offsets, strict=True)]),
        np.concatenate([p.row for p in parts]),
        tuple(f for p in parts for f in p.files),
        tuple(m for p in parts for m in p.meta),
        tuple(n for p in parts for n in p.notes),
    )


def _column(part: RawSource, name: str) -> TextColumn:
    if name in part.columns:
        return part.columns[name]
    return TextColumn(np.full(len(part), -1, np.int32), ())


def stack_columns(columns: Sequence[TextColumn]) -> TextColumn:
    """Put columns under one another."""
    spellings: list[str] = []
    codes: list[Codes] = []
    for column in columns:
        codes.append(np.where(column.codes < 0, -1, column.codes + len(spellings)))
        spellings += column.spellings
    joined = np.concatenate(codes) if codes else np.empty(0, np.int32)
    return text_column(joined, spellings)


def same_rows(source: RawSource) -> NDArray[np.bool_]:
    """Rows that repeat an earlier row of the source in every column.

    Parameters
    ----------
    source : RawSource
        Rows to compare; completely empty rows never count.

    Returns
    -------
    ndarray of bool, shape (n,)
        True for the second and later copies.
    """
    rows = np.arange(len(source))
    mixed = np.zeros(len(source), np.uint64)
    columns = sorted(source.columns.values(), key=lambda column: column.weight)
    for position, column in enumerate(columns, start=1):
        mixed = mixed * _PRIME + (column.codes[rows] + 1).astype(np.uint64)
        if position & (position - 1) == 0:  # the more columns, the fewer rows are still alike
            alike = pd.Series(mixed).duplicated(keep=False).to_numpy(bool)
            rows, mixed = rows[alike], mixed[alike]
        if not len(rows):
            break
    group, _ = pd.factorize(mixed)
    _, first = np.unique(group, return_index=True)
    # rows with the same hash are copies only if every cell is the same
    copies = np.flatnonzero(first[group] != np.arange(len(rows)))
    same = np.ones(len(copies), bool)
    for column in source.columns.values() if len(copies) else ():
        same &= column.codes[rows[copies]] == column.codes[rows[first[group[copies]]]]
    repeated = np.zeros(len(source), bool)
    repeated[rows[copies[same]]] = True
    return repeated
