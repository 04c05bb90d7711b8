"""Rows of cells under a header: names of columns, rows that do not fit, headers that come again.

Rows come as lists of cells (`from_rows`) or already as columns, with the few that have another
width beside them (`from_columns`); both ways give the same source and say the same of its rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from vpstats.errors import DataError
from vpstats.registry.cells import trim
from vpstats.registry.mapping import SourceMap
from vpstats.registry.open_quotes import Cell, refuse_open_quotes
from vpstats.registry.raw import RawSource, SourceNote, TextColumn, from_texts, stack_columns
from vpstats.registry.regular import Parsed
from vpstats.registry.summary_words import counts_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Mask = NDArray[np.bool_]

Merged = Sequence[tuple[tuple[int, int], tuple[int, int]]]
"""Ranges of merged cells: first and last row and column, counted from 0."""

DUPLICATE = " (again, column "
"""Stands in the name of a column whose name an earlier column has."""
_WIDEST = 20_000


def joined_header(rows: Sequence[Sequence[str]], top: int, last: int, merged: Merged) -> list[str]:
    """Names from several rows: a merged cell counts for all that it covers.

    Parameters
    ----------
    rows : sequence of sequences of str
        All rows.
    top, last : int
        First and last row of the header, counted from 0.
    merged : sequence
        Ranges of cells that share the text of their first.

    Returns
    -------
    list of str
        The texts above one another, with " / " between them.

    Examples
    --------
    >>> joined_header([["CRP", ""], ["before", "after"]], 0, 1, [((0, 0), (0, 1))])
    ['CRP / before', 'CRP / after']
    """
    width = max(len(row) for row in rows[top : last + 1])
    grid = [[*row, *[""] * (width - len(row))] for row in rows[top : last + 1]]
    for (first_row, first_column), (_, last_column) in merged:
        if top <= first_row <= last:
            text = grid[first_row - top][first_column]
            for column in range(first_column, min(last_column + 1, width)):
                grid[first_row - top][column] = text
    return [" / ".join(dict.fromkeys(t for t in parts if t)) for parts in zip(*grid, strict=True)]


def from_rows(
    rows: Sequence[Sequence[str]], mapping: SourceMap, shown: str, meta: dict[str, Any]
) -> RawSource:
    """Build a source from rows of cells, noting every row that does not fit.

    Parameters
    ----------
    rows : sequence of sequences of str
        All rows of the file, header and what stands above it included.
    mapping : SourceMap
        Names the header's row.
    shown : str
        File name for messages.
    meta : dict
        What is known of the file.

    Returns
    -------
    RawSource
        Rows that fit; short rows are filled where trailing cells are usually empty.

    Raises
    ------
    DataError
        If there is no header, or an open quote swallows rows.
    """
    top = mapping.header_row - 1
    if len(rows) <= top or not any(trim(cell) for cell in rows[top]):
        raise DataError(
            "no column names found; expected them in row "
            f"{mapping.header_row}. Set header_row in registry.toml.",
            file=shown,
        )
    names = _names(rows[top], shown)
    below = list(enumerate(rows[top + 1 :], start=top + 2))
    if meta.get("delimiter"):
        _refuse_open_quotes_of_rows(below, len(names), meta["delimiter"], shown)
    fills = _usually_empty_from([_last_filled(r, names) for _, r in below if len(r) >= len(names)])
    kept, numbers, notes = _fit(below, names, fills, shown)
    columns = {name: from_texts([row[i] for row in kept]) for i, name in enumerate(names)}
    where = np.asarray(numbers, np.int64)
    return RawSource(
        mapping.name,
        columns,
        np.zeros(len(where), np.int64),
        where,
        (shown,),
        (meta,),
        tuple(notes),
    )


def _refuse_open_quotes_of_rows(
    rows: Sequence[tuple[int, Sequence[str]]], width: int, delimiter: str, shown: str
) -> None:
    lines = ((n, i, cell) for n, row in rows for i, cell in enumerate(row) if "\n" in cell)

    def of_column(place: int) -> list[str]:
        cells = dict.fromkeys(row[place] for _, row in rows if place < len(row))
        return [cell for cell in cells if "\n" not in cell]

    refuse_open_quotes(lines, width, delimiter, of_column, shown)


def _names(header: Sequence[str], shown: str) -> list[str]:
    """Names of columns, trailing empty ones dropped; a repeated name is made to differ."""
    names = [trim(cell) for cell in header]
    while names and not names[-1]:
        names.pop()
    if not names:
        raise DataError(
            "no column names found in the header; set header_row in registry.toml.", file=shown
        )
    if len(names) > _WIDEST:
        raise DataError(f"has {len(names)} columns; expected a table.", file=shown)
    unique: list[str] = []
    for position, name in enumerate(names, start=1):
        plain = name or f"(column {position})"
        copy = plain in unique
        unique.append(f"{plain}{DUPLICATE}{position})" if copy else plain)
    return unique


def _last_filled(row: Sequence[str], names: Sequence[str]) -> int:
    """How many of a row's cells there are up to the last one that says something."""
    return max(
        (i for i, cell in enumerate(row[: len(names)], start=1) if not _blank(cell)), default=0
    )


def _blank(cell: str) -> bool:
    return not cell or not cell.strip() or not trim(cell)


def _usually_empty_from(last: Sequence[int] | NDArray[np.int64]) -> float:
    """First column from which on rows that are complete, and say something, mostly are empty."""
    told = np.asarray(last, np.int64)
    told = told[told > 0]
    return int(np.median(told)) if len(told) else np.inf


def _fit(
    rows: Iterable[tuple[int, Sequence[str]]], names: list[str], fills: float, shown: str
) -> tuple[list[Sequence[str]], list[int], list[SourceNote]]:
    kept: list[Sequence[str]] = []
    numbers: list[int] = []
    notes: list[SourceNote] = []
    for number, row in rows:
        fitted, note = _fit_row(row, names, fills, shown, number)
        if note is not None:
            notes.append(note)
        if fitted is not None:
            kept.append(fitted)
            numbers.append(number)
    return kept, numbers, notes


def _fit_row(
    row: Sequence[str], names: list[str], fills: float, shown: str, number: int
) -> tuple[Sequence[str] | None, SourceNote | None]:
    width = len(names)
    if all(_blank(cell) for cell in row):
        return None, None
    if [trim(cell) for cell in row[:width]] == names and width > 1:
        return None, _repeated(shown, number)
    if len(row) == width:
        return row, None
    if len(row) > width and all(_blank(cell) for cell in row[width:]):
        return row[:width], None
    if counts_rows(row[0]) and all(_blank(cell) for cell in row[1:]):
        return None, SourceNote("file.summary_row", shown, _ROW_COUNT, row=number)
    if width > len(row) >= fills:
        return [*row, *[""] * (width - len(row))], None
    return None, _ragged(shown, number, len(row), width)


_ROW_COUNT = "the database says here how many rows it gave; the line is no record"


def _repeated(shown: str, row: int) -> SourceNote:
    note = "the header is repeated; the row was left out"
    return SourceNote("file.repeated_header", shown, note, row=row)


def _ragged(shown: str, row: int, cells: int, width: int) -> SourceNote:
    note = f"has {cells} cells where the header has {width}; the row was left out"
    return SourceNote("file.ragged_row", shown, note, row=row)


# ------------------------------------------------------------------ rows that are columns already


def from_columns(
    parsed: Parsed, header: Sequence[str], name: str, shown: str, meta: dict[str, Any]
) -> RawSource:
    """Build a source from columns, noting every row that does not fit as `from_rows` does.

    Parameters
    ----------
    parsed : Parsed
        Columns of the rows that are as wide as most, no fewer than the header's, and other rows.
    header : sequence of str
        Cells of the header.
    name : str
        Short name of the source.
    shown : str
        File name for messages.
    meta : dict
        What is known of the file.

    Returns
    -------
    RawSource
        Rows that fit.

    Raises
    ------
    DataError
        If the header names nothing, or an open quote swallows rows.
    """
    names = _names(header, shown)
    width = len(names)
    refuse_open_quotes(
        _cells_of_lines(parsed),
        width,
        meta["delimiter"],
        lambda place: parsed.columns[place].spellings,
        shown,
    )
    fills = _fills(parsed, names) if parsed.odd else np.inf
    kept, numbers, notes = _fit(parsed.odd, names, fills, shown)
    where = parsed.numbers
    fits, repeated = _judged(parsed.columns, names)
    notes += [_repeated(shown, int(row)) for row in where[repeated]]
    long = ~fits & ~repeated & _filled(parsed.columns[width:], len(where))
    notes += [_ragged(shown, int(row), len(parsed.columns), width) for row in where[long]]
    columns = dict(zip(names, parsed.columns, strict=False))
    source = RawSource(name, columns, np.zeros(len(where), np.int64), where, (shown,), (meta,))
    if not fits.all() or kept:
        source = _with_rows(source.take(np.flatnonzero(fits)), kept, numbers)
    return source.noted(*sorted(notes, key=lambda note: note.row or 0))


def _cells_of_lines(parsed: Parsed) -> list[Cell]:
    """Cells that hold several lines, in the order of the file."""
    odd = [(n, i, cell) for n, row in parsed.odd for i, cell in enumerate(row) if "\n" in cell]
    return sorted([*parsed.lines, *odd])


def _fills(parsed: Parsed, names: Sequence[str]) -> float:
    last = np.zeros(len(parsed.numbers), np.int64)
    for position, column in enumerate(parsed.columns[: len(names)], start=1):
        last[column.filled] = position
    others = [_last_filled(row, names) for _, row in parsed.odd if len(row) >= len(names)]
    return _usually_empty_from(np.concatenate([last, np.asarray(others, np.int64)]))


def _filled(columns: Sequence[TextColumn], n: int) -> Mask:
    """Rows in which one of the columns says something."""
    filled = np.zeros(n, bool)
    for column in sorted(columns, key=lambda column: column.weight):
        filled |= column.filled
        if filled.all():
            break
    return filled


def _judged(columns: Sequence[TextColumn], names: Sequence[str]) -> tuple[Mask, Mask]:
    """Rows that fit, and rows that repeat the header."""
    n, width = len(columns[0]), len(names)
    repeated = np.full(n, width > 1)
    named = zip(names, columns, strict=False)
    for name, column in sorted(named, key=lambda pair: pair[1].weight):
        if not repeated.any():
            break
        code = column.spellings.index(name) if name in column.spellings else -2
        repeated &= column.codes == code
    within, beyond = _filled(columns[:width], n), _filled(columns[width:], n)
    return within & ~beyond & ~repeated, repeated


def _with_rows(
    source: RawSource, rows: Sequence[Sequence[str]], numbers: Sequence[int]
) -> RawSource:
    """The source with rows that were cut one by one, where they stand in the file."""
    where = np.concatenate([source.row, np.asarray(numbers, np.int64)])
    order = np.argsort(where, kind="stable")
    columns = {
        name: stack_columns([column, from_texts([row[i] for row in rows])]).take(order).ranked()
        for i, (name, column) in enumerate(source.columns.items())
    }
    return RawSource(
        source.name,
        columns,
        np.zeros(len(where), np.int64),
        where[order],
        source.files,
        source.meta,
        source.notes,
    )
