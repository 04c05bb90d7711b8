"""The text of a source: columns of distinct spellings, and the file and row of each line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
        return lookup[self.codes]

    @property
    def filled(self) -> NDArray[np.bool_]:
        """Where the cell is not empty."""
        return self.codes >= 0

    def counts(self) -> NDArray[np.int64]:
        """Number of rows of each spelling."""
        return np.bincount(self.codes[self.codes >= 0], minlength=len(self.spellings))


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
    position: dict[str, int] = {}
    remap = np.full(len(spellings) + 1, -1, np.int32)
    for old, spelling in enumerate(spellings):
        text = trim(spelling)
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
    """

    rule: str
    file: str
    note: str
    row: int | None = None
    column: str = ""


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
    mixed = np.zeros(len(source), np.uint64)
    for column in source.columns.values():
        mixed = mixed * _PRIME + (column.codes + 1).astype(np.uint64)
    group, _ = pd.factorize(mixed)
    _, first = np.unique(group, return_index=True)
    # rows with the same hash are copies only if every cell is the same
    copies = np.flatnonzero(first[group] != np.arange(len(source)))
    same = np.ones(len(copies), bool)
    for column in source.columns.values():
        same &= column.codes[copies] == column.codes[first[group[copies]]]
    repeated = np.zeros(len(source), bool)
    repeated[copies[same]] = True
    return repeated
