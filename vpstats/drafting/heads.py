"""Where the names of the columns stand: below titles, over two rows, or nowhere."""

from __future__ import annotations

from collections.abc import Sequence

from vpstats.errors import DataError
from vpstats.registry.cells import trim
from vpstats.registry.dates import date_shape
from vpstats.registry.spine import parse_levels

Rows = Sequence[Sequence[str]]

_LOOKED_AT = 25
_WIDE_ENOUGH = 0.6  # of the widest row: a title is one or two cells
_LEVEL_COLUMNS = 3  # columns named after vertebrae, more than a row of values has
_NAMES = 0.7  # of the cells of a header are words


def find_header(rows: Rows, shown: str) -> tuple[int, int]:
    """Find the row of the column names, and how many rows they span.

    Parameters
    ----------
    rows : sequence of sequences of str
        First rows of a file or sheet.
    shown : str
        File name for messages.

    Returns
    -------
    tuple of (int, int)
        ``header_row``, counted from 1, and ``header_rows``.

    Raises
    ------
    DataError
        If there is nothing, or nothing but values: names of columns are printed, values are not.

    Examples
    --------
    >>> find_header([["id", "sex", "T11", "T12", "L1", "L2"], ["1", "f", "x", "", "", "x"]], "a")
    (1, 1)
    >>> find_header([["Register"], ["id", "CRP", ""], ["", "pre", "post"], ["1", "5", "7"]], "a")
    (2, 2)
    """
    head = [[trim(cell) for cell in row] for row in rows[:_LOOKED_AT]]
    widest = max((_filled(row) for row in head), default=0)
    if not widest:
        raise DataError("holds no cell; export it again.", file=shown)
    for position, row in enumerate(head):
        if _filled(row) >= _WIDE_ENOUGH * widest and _is_names(row):
            return _span(head, position)
    raise DataError(
        "has no row of column names that can be told from values. Give it a header, or write its "
        "source in registry.toml by hand with header_row.",
        file=shown,
    )


def _filled(row: Sequence[str]) -> int:
    return sum(bool(cell) for cell in row)


def _is_names(row: Sequence[str]) -> bool:
    cells = [cell for cell in row if cell]
    named = [cell for cell in cells if len(parse_levels(cell).levels) == 1]
    if len({parse_levels(cell).levels for cell in named}) >= _LEVEL_COLUMNS:
        # a column for each vertebra: the others say whether the row is one of names
        cells = [cell for cell in cells if cell not in named] or cells
    return sum(not is_value(cell) for cell in cells) >= _NAMES * len(cells)


def is_value(cell: str) -> bool:
    """Whether a cell is a number, a date, or a vertebra rather than a name.

    Examples
    --------
    >>> [is_value(cell) for cell in ("4,5", "14.03.2023.", "Th12", "CRP")]
    [True, True, True, False]
    """
    digits = sum(c.isdigit() for c in cell)
    if digits * 2 > len(cell.replace(" ", "")):
        return True
    return date_shape(cell).kind in ("day", "ordered") or bool(parse_levels(cell).levels)


def _span(head: Rows, position: int) -> tuple[int, int]:
    """The header with a row of group names above it, or of finer names below it."""
    above = head[position - 1] if position else []
    if _filled(above) > 1 and _is_names(above):
        return position, 2
    row = head[position]
    below = head[position + 1] if position + 1 < len(head) else []
    after = head[position + 2] if position + 2 < len(head) else []
    gaps = [i for i, cell in enumerate(below) if cell and (i >= len(row) or not row[i])]
    named = bool(gaps) and not any(is_value(cell) for cell in below if cell)
    if named and any(is_value(cell) for cell in after if cell):
        return position + 1, 2
    return position + 1, 1
