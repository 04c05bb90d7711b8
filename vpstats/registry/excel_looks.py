"""What a sheet of a workbook shows, or hides, beside the values that its cells hold."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from vpstats.registry.excel_clocks import Clock, clock_of
from vpstats.registry.excel_formats import CLOCKS, Face, Format
from vpstats.registry.excel_styles import Place, Styles, cells_of_styles, column_number, faces
from vpstats.registry.excel_text import STRUCK, Run, Said, cells_of_runs, said_by

_ROW = re.compile(rb"<row\b([^<>]*)>")
_NUMBER = re.compile(rb'\br="([0-9]+)"')
_HIDDEN = re.compile(rb'\bhidden="(?:1|true)"')
_COLUMN = re.compile(rb"<col\s([^<>]*)>")
_SPAN = re.compile(rb'\b(min|max)="([0-9]{1,5})"')
_ERROR = re.compile(
    rb'<c (?=[^<>]*\bt="e")[^<>]*?\br="([A-Z]+)([0-9]+)"[^<>]*>'
    rb"(?:<f(?:[^<>]*/>|[^<>]*>[^<]*</f>))?(?:<v>([^<]*)</v>)?"
)
_NOT_AVAILABLE = "#N/A"
_MOST_COLUMNS = 20_000


@dataclass(frozen=True, slots=True)
class Looks:
    """What is seen of a sheet in its part of the workbook; rows and columns from 0.

    Parameters
    ----------
    formats : mapping
        Cells with a format that shows something else than is held.
    clocks : mapping
        Cells that hold times.
    runs : mapping
        Cells whose letters differ.
    errors : mapping
        Cells that hold an error, and its name.
    struck : frozenset
        Cells whose style strikes them out.
    hidden_rows, hidden_columns : frozenset of int
        Hidden by hand or by a filter.
    since_1904 : bool
        Whether days are counted from 1904.
    commented : frozenset
        Cells with a comment.
    """

    formats: Mapping[Place, Format] = field(default_factory=dict)
    clocks: Mapping[Place, Clock] = field(default_factory=dict)
    runs: Mapping[Place, list[Run]] = field(default_factory=dict)
    errors: Mapping[Place, str] = field(default_factory=dict)
    struck: frozenset[Place] = frozenset()
    hidden_rows: frozenset[int] = frozenset()
    hidden_columns: frozenset[int] = frozenset()
    since_1904: bool = False
    commented: frozenset[Place] = frozenset()


def looks_of(
    page: bytes, styles: Styles, shared: Mapping[bytes, list[Run]], *, since_1904: bool = False
) -> Looks:
    """See what a sheet shows.

    Parameters
    ----------
    page : bytes
        The sheet's part of the workbook.
    styles : Styles
        Of the workbook.
    shared : mapping of bytes to list of Run
        Texts of the workbook whose letters differ.
    since_1904 : bool
        Whether days are counted from 1904.

    Returns
    -------
    Looks
        Of all of its cells.
    """
    styled = cells_of_styles(page, frozenset(styles.formats))
    clocks = {p: s for p, s in styled.items() if styles.formats[s.style].kind in CLOCKS}
    times = {p: _clock(styles.formats[s.style].kind, s.held) for p, s in clocks.items()}
    return Looks(
        {p: styles.formats[s.style] for p, s in styled.items() if p not in clocks},
        {place: clock for place, clock in times.items() if clock is not None},
        cells_of_runs(page, shared, struck=bool(styles.struck)),
        _errors(page),
        frozenset(cells_of_styles(page, styles.struck)),
        frozenset(_hidden_rows(page)),
        frozenset(_hidden_columns(page)),
        since_1904,
    )


def _clock(kind: str, held: bytes) -> Clock | None:
    try:
        return clock_of(kind, float(held))
    except ValueError:  # empty, or text
        return None


def _errors(page: bytes) -> dict[Place, str]:
    if b't="e"' not in page:
        return {}
    return {
        (int(m[2]) - 1, column_number(m[1]) - 1): (m[3] or b"").decode("utf-8", "replace")
        for m in _ERROR.finditer(page)
    }


def _hidden_rows(page: bytes) -> Iterator[int]:
    number = 0
    for row in _ROW.finditer(page) if b"hidden=" in page else ():
        said = _NUMBER.search(row[1])
        number = int(said[1]) if said else number + 1
        if _HIDDEN.search(row[1]):
            yield number - 1


def _hidden_columns(page: bytes) -> Iterator[int]:
    for column in _COLUMN.findall(page[: page.find(b"<sheetData")]):
        span = {name: int(number) for name, number in _SPAN.findall(column)}
        if _HIDDEN.search(column) and len(span) == len((b"min", b"max")):
            yield from range(span[b"min"] - 1, min(span[b"max"], _MOST_COLUMNS))


def unknown_clocks(values: Sequence[Sequence[object]]) -> dict[Place, Clock]:
    """Times of a workbook whose formats are not known, as of an old or an open one."""
    return {
        (r, c): clock
        for r, row in enumerate(values)
        for c, value in enumerate(row)
        if isinstance(value, (str, dt.time, dt.timedelta)) and (clock := clock_of("", value))
    }


def cell_faces(
    values: Sequence[Sequence[object]], looks: Looks, first: int
) -> dict[Place, list[Face]]:
    """What cells show by their formats, letters and errors; times and strokes aside.

    Parameters
    ----------
    values : sequence of sequences
        Cells as the workbook holds them.
    looks : Looks
        Of the sheet.
    first : int
        Row from which on letters that differ are looked at, from 0.

    Returns
    -------
    dict of (int, int) to list of Face
        The text of each is that of the cell; each may have a rule of its own.
    """
    held = {p: values[p[0]][p[1]] for p in looks.formats if _is_within(values, p)}
    found = {place: [face] for place, face in faces(held, looks.formats)}
    for place, runs in looks.runs.items():
        if place[0] >= first and _is_within(values, place):
            found[place] = _faces_of(said_by(runs, struck=place in looks.struck))
    for place, name in looks.errors.items():
        if _is_within(values, place):
            error = name != _NOT_AVAILABLE
            found[place] = [Face("", "file.cell_error") if error else Face(name)]
    return found


def _faces_of(said: Said) -> list[Face]:
    return [Face(said.text, rule) for rule in said.rules] or [Face(said.text)]


def _is_within(values: Sequence[Sequence[object]], place: Place) -> bool:
    return place[0] < len(values) and place[1] < len(values[place[0]])


def struck_rows(rows: Sequence[Sequence[str]], looks: Looks) -> set[int]:
    """Rows whose every cell that says something is struck out.

    Parameters
    ----------
    rows : sequence of sequences of str
        Text of all cells.
    looks : Looks
        Of the sheet.

    Returns
    -------
    set of int
        Rows, from 0.
    """
    struck = {p for p in looks.struck if p not in looks.runs}
    struck |= {p for p, runs in looks.runs.items() if all_struck(runs, p in looks.struck)}
    touched = {row for row, _ in struck if row < len(rows)}
    return {
        row
        for row in touched
        if all((row, c) in struck for c, text in enumerate(rows[row]) if text.strip())
    }


def all_struck(runs: Sequence[Run], struck: bool) -> bool:
    """Whether no part of a text is left."""
    said = said_by(runs, struck=struck)
    return not said.text and STRUCK in said.rules
