"""Quotes that open and are not closed: the rows of a file that one cell swallows."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from itertools import islice

from vpstats.errors import DataError

Cell = tuple[int, int, str]
"""Row, column from 0, and a text of several lines."""
_SEEN = 500  # spellings of a column, from which its ways of writing are known
_FEWEST = 2  # pieces of a cell that are written as their columns are
_RUNS = re.compile(r"[0-9]+|[^\W\d_]+")


def refuse_open_quotes(
    cells: Iterable[Cell],
    width: int,
    delimiter: str,
    spellings: Callable[[int], Sequence[str]],
    shown: str,
) -> None:
    """Refuse a cell that swallows rows: its lines look like rows, or like the ends of two.

    Parameters
    ----------
    cells : iterable of (int, int, str)
        Cells of several lines.
    width : int
        Cells of a row.
    delimiter : str
        What stands between them.
    spellings : callable
        The spellings of a column.
    shown : str
        File name for messages.

    Raises
    ------
    DataError
        Naming the row in which the quote opens.
    """
    if width < 2:
        return
    for row, column, cell in cells:
        lines = cell.split("\n")
        swallowed = sum(line.count(delimiter) >= width - 1 for line in lines[1:])
        if not swallowed and _joins_two(lines, column, width, delimiter, spellings):
            swallowed = 1
        if swallowed:
            raise DataError(
                f"a quote opens here and is not closed: it swallows {swallowed} or more "
                "rows. Close or remove it in the export.",
                file=shown,
                row=row,
            )


def _joins_two(
    lines: Sequence[str],
    column: int,
    width: int,
    delimiter: str,
    spellings: Callable[[int], Sequence[str]],
) -> bool:
    """Whether a cell is the end of one row and the beginning of the next, up to another quote.

    A note of two lines may have as many commas as that takes; its pieces are then not written as
    the cells of the columns are in which they would stand.
    """
    end, start = lines[0].split(delimiter)[1:], lines[-1].split(delimiter)[:-1]
    if len(lines) != 2 or len(end) != width - 1 - column or len(start) != column:
        return False
    pieces = [*enumerate(start), *enumerate(end, start=column + 1)]
    told = [(place, piece.strip()) for place, piece in pieces if piece.strip()]
    alike = sum(_way(piece) in _ways(spellings(place)) for place, piece in told)
    return alike >= _FEWEST and 2 * alike > len(told)


def _ways(spellings: Iterable[str]) -> set[str]:
    return {_way(spelling) for spelling in islice(spellings, _SEEN)}


def _way(text: str) -> str:
    """A cell without what differs from row to row: ``03/13/2022`` is written as ``9/9/9``."""
    return _RUNS.sub(lambda run: "9" if run[0].isdigit() else "a", text.strip().casefold())
