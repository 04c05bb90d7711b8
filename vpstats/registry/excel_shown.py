"""A sheet as text: what its cells show, and notes on what it hides or strikes out."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from vpstats.registry.cells import fold
from vpstats.registry.compound import CLOCKS
from vpstats.registry.dialect import mapped_columns
from vpstats.registry.excel_clocks import clock_faces
from vpstats.registry.excel_comments import COMMENT
from vpstats.registry.excel_looks import Looks, cell_faces, struck_rows, unknown_clocks
from vpstats.registry.excel_styles import Place
from vpstats.registry.excel_text import STRUCK
from vpstats.registry.files_alike import mapped_names
from vpstats.registry.mapping import SourceMap
from vpstats.registry.raw import SourceNote
from vpstats.registry.units import fold_unit

_SPANS_NAMED = 20
_BETWEEN_SYSTEMS = 1462  # days from the one that is 0 in one system of counting to the other's
_FIRST_SERIAL = 10_000 - _BETWEEN_SYSTEMS
_SAID = {
    "number.ambiguous": "a time that a workbook keeps in hours and minutes, and the mapping has "
    "minutes and seconds; it was read as empty",
}
"""Notes on doubts whose rule says less."""


@dataclass(slots=True)
class Shown:
    """A sheet as text.

    Parameters
    ----------
    values : sequence of sequences
        Cells as the workbook holds them.
    looks : Looks
        What is seen of the sheet.
    rows : list of list of str
        What the cells show.
    doubts : dict of (str, (int, int)) to None
        Rule and cell of what was left out, in the order of finding.
    struck : set of int
        Rows that are struck out as a whole.
    """

    values: Sequence[Sequence[Any]]
    looks: Looks
    rows: list[list[str]]
    doubts: dict[tuple[str, Place], None] = field(default_factory=dict)
    struck: set[int] = field(default_factory=set)

    def put(self, place: Place, text: str, rule: str = "") -> None:
        """Give a cell another text, and say why where that leaves something out."""
        self.rows[place[0]][place[1]] = text
        if rule:
            self.doubts[rule, place] = None


def shown_sheet(
    values: Sequence[Sequence[Any]], looks: Looks | None, last: int | None = None
) -> Shown:
    """Text of a sheet, times aside.

    Parameters
    ----------
    values : sequence of sequences
        Cells as the workbook holds them.
    looks : Looks, optional
        What is seen of the sheet, where its format lets that be seen.
    last : int, optional
        Last row of the header, from 0. The names of columns keep their raised letters, which a
        mapping names; so does everything where that row is not known.

    Returns
    -------
    Shown
        With its rows as the cells show them.
    """
    looks = Looks(clocks=unknown_clocks(values)) if looks is None else looks
    shown = Shown(values, looks, [[cell_text(cell) for cell in row] for row in values])
    shown.struck = struck_rows(shown.rows, looks)
    first = len(values) if last is None else last + 1
    for place, said in cell_faces(values, looks, first).items():
        for face in said:
            if face.rule != STRUCK or place[0] not in shown.struck:
                shown.put(place, face.text, face.rule)
    return shown


def with_columns(shown: Shown, last: int, mapping: SourceMap | None) -> list[str]:
    """Read times, days and strokes as the columns of a sheet say.

    Parameters
    ----------
    shown : Shown
        The sheet; its rows are changed.
    last : int
        Last row of the header, from 0; -1 where that is not known.
    mapping : SourceMap, optional
        What the columns are; None where that is not known yet.

    Returns
    -------
    list of str
        Names of the columns.
    """
    names = [text.strip() for text in shown.rows[last]] if 0 <= last < len(shown.rows) else []
    below = {p: c for p, c in shown.looks.clocks.items() if last < p[0] < len(shown.rows)}
    seconds = _columns(names, _in_seconds(mapping))
    for place, face in clock_faces(below, seconds).items():
        if place[1] < len(shown.rows[place[0]]):
            shown.put(place, face.text, face.rule)
    if mapping is not None:
        _strike(shown, last, _columns(names, mapped_names(mapping, names)))
    if mapping is not None and shown.looks.since_1904:
        days = (name for name, column in mapped_columns(mapping).items() if column.kind == "date")
        _count_from_1900(shown, last, _columns(names, days))
    return names


def _columns(names: Sequence[str], wanted: Iterable[str]) -> set[int]:
    """Positions of columns whose names differ from wanted ones in case or spaces at most."""
    folded = set(map(fold, wanted))
    return {i for i, name in enumerate(names) if name and fold(name) in folded}


def _in_seconds(mapping: SourceMap | None) -> Iterator[str]:
    """Raw columns that a mapping says to be of minutes and seconds."""
    for table in () if mapping is None else mapping.tables:
        for column in table.columns.values():
            if CLOCKS.get(fold_unit(column.unit or "")) == "mm:ss":
                yield from column.raw_columns


def _strike(shown: Shown, last: int, mapped: set[int]) -> None:
    """Take out what the style of single cells strikes out."""
    for row, column in sorted(shown.looks.struck - shown.looks.runs.keys()):
        within = last < row < len(shown.rows) and column < len(shown.rows[row])
        if within and column in mapped and row not in shown.struck and shown.rows[row][column]:
            shown.put((row, column), "", STRUCK)


def _count_from_1900(shown: Shown, last: int, days: set[int]) -> None:
    """Numbers of days as a workbook that counts from 1900 has them."""
    for row in range(last + 1, len(shown.rows)):
        for column in days:
            value = shown.values[row][column] if column < len(shown.values[row]) else None
            if isinstance(value, bool) or not isinstance(value, (int, float)):
                continue
            if value >= _FIRST_SERIAL and shown.rows[row][column]:
                shown.rows[row][column] = cell_text(value + _BETWEEN_SYSTEMS)


# ------------------------------------------------------------------ notes


def sheet_notes(
    shown: Shown, names: Sequence[str], last: int, mapping: SourceMap, file: str
) -> Iterator[SourceNote]:
    """Say what was left out of the cells of a sheet, and what of it is hidden or struck out.

    Parameters
    ----------
    shown : Shown
        After `with_columns`.
    names : sequence of str
        Names of the columns.
    last : int
        Last row of the header, from 0.
    mapping : SourceMap
        Names the columns that are read; of others nothing is said.
    file : str
        Name of the sheet or file.

    Yields
    ------
    SourceNote
        One per rule and column, or rule and sheet.
    """
    mapped = _columns(names, mapped_names(mapping, list(names)))
    doubts = chain(shown.doubts, _comments(shown))
    for (rule, column), rows in _by_column(doubts, mapped, last).items():
        yield SourceNote(rule, file, _SAID.get(rule, ""), rows=rows, column=names[column])
    struck = _said_rows(shown, shown.struck, last)
    if struck:
        yield SourceNote("file.struck_row", file, "", rows=struck)
    hidden = _said_rows(shown, shown.looks.hidden_rows, last)
    if hidden:
        be = "row is" if len(hidden) == 1 else "rows are"
        said = f"{len(hidden):,} {be} hidden, by hand or by a filter, and read: {spans(hidden)}"
        yield SourceNote("file.hidden_rows", file, said)
    columns = [f"'{names[i]}'" for i in sorted(mapped & shown.looks.hidden_columns)]
    if columns:
        said = f"hidden and read: {', '.join(columns)}"
        yield SourceNote("file.hidden_columns", file, said)


def _comments(shown: Shown) -> Iterator[tuple[str, Place]]:
    """Comments beside cells of rows that are read: an empty row is none."""
    for row, column in sorted(shown.looks.commented):
        if row < len(shown.rows) and any(map(str.strip, shown.rows[row])):
            yield COMMENT, (row, column)


def _by_column(
    doubts: Iterable[tuple[str, Place]], mapped: set[int], last: int
) -> Mapping[tuple[str, int], tuple[int, ...]]:
    found: dict[tuple[str, int], list[int]] = {}
    for rule, (row, column) in doubts:
        if column in mapped and row > last:
            found.setdefault((rule, column), []).append(row + 1)
    return {key: tuple(sorted(rows)) for key, rows in found.items()}


def _said_rows(shown: Shown, rows: Iterable[int], last: int) -> tuple[int, ...]:
    """Rows below the header that say something, as a spreadsheet counts them."""
    within = (row for row in rows if last < row < len(shown.rows))
    return tuple(sorted(row + 1 for row in within if any(map(str.strip, shown.rows[row]))))


def spans(rows: Sequence[int]) -> str:
    """Rows as people write them.

    Examples
    --------
    >>> spans([2, 3, 4, 9])
    '2–4, 9'
    """
    found: list[list[int]] = []
    for row in rows:
        if found and row == found[-1][-1] + 1:
            found[-1] = [found[-1][0], row]
        else:
            found.append([row])
    texts = ["–".join(map(str, span)) for span in found[:_SPANS_NAMED]]
    more = len(rows) - sum(span[-1] - span[0] + 1 for span in found[:_SPANS_NAMED])
    return ", ".join(texts) + (f" and {more:,} more" if more else "")


def cell_text(value: object) -> str:
    """Text of a typed cell, free of the machine's habits.

    Parameters
    ----------
    value : object
        As the workbook holds it.

    Returns
    -------
    str
        Whole numbers without a point, others with the 15 digits that a spreadsheet shows; dates
        as ISO; TRUE and FALSE, which are no numbers.

    Examples
    --------
    >>> import datetime as dt
    >>> cell_text(8.0), cell_text(4.300000000000001), cell_text(dt.datetime(2023, 8, 25))
    ('8', '4.3', '2023-08-25')
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, float):
        return f"{value:.0f}" if value.is_integer() and abs(value) < 1e15 else f"{value:.15g}"
    if isinstance(value, dt.datetime):
        midnight = value.time() == dt.time()
        return (
            value.date().isoformat() if midnight else value.isoformat(sep=" ", timespec="seconds")
        )
    if isinstance(value, (dt.date, dt.time)):
        return value.isoformat()
    return str(value)
