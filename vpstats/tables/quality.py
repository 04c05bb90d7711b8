"""Tables of a data-quality report: a center beside the median and the range of all centers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from vpstats.formats import (
    ABOUT,
    SUPPRESSED,
    THIN,
    count,
    decimal,
    rate,
    sentence_case,
    show,
    show_interval,
    span,
)
from vpstats.rows import Record, is_hidden, number
from vpstats.tables.description import explained
from vpstats.tables.model import Align, TableModel

ABSENT = "–"

NUMBERS = ("percent", "value", "median", "q3", "minimum")
"""Statistics that are the number of a measure, whichever it has."""

SOME_HIDDEN = "The median and the range are of the centers whose numbers are shown."


@dataclass(frozen=True, slots=True)
class Line:
    """A measure, of one center or of none, and of all.

    Parameters
    ----------
    words : str
        What it is.
    network : Record, optional
        The number of all centers together.
    centers : tuple of Record
        Those of the centers.
    own : Record, optional
        That of the center in question.
    """

    words: str
    network: Record | None
    centers: tuple[Record, ...]
    own: Record | None = None


def measures_table(
    title: str,
    lines: Sequence[Line],
    *,
    own: str = "",
    notes: Sequence[str] = (),
    mark: str = SUPPRESSED,
) -> TableModel:
    """Build a table of measures: this center, the median and range of the centers, and all of them.

    Parameters
    ----------
    title : str
        The caption.
    lines : sequence of Line
        The rows.
    own : str
        Heading of the center's column; empty for the network alone.
    notes : sequence of str
        Footnotes.
    mark : str
        What stands for withheld numbers.

    Returns
    -------
    TableModel

    Examples
    --------
    >>> known = [{"percent": p, "n": 50.0, "unit": "%", "hidden": set(), "label": "Sex"}
    ...          for p in (80.0, 90.0, 98.0)]
    >>> made = measures_table("T", [Line("Sex", None, tuple(known), known[0])], own="Here")
    >>> made.rows[0][0], made.rows[0][1].replace(THIN, " "), made.rows[0][2].replace(THIN, " ")
    ('Sex', '80.0 %', '90.0 % (80.0–98.0)')
    """
    if all(len(line.centers) <= 1 for line in lines):
        return _alone(title, lines, own=own, notes=notes, mark=mark)
    body = tuple(_line(line, own=bool(own), mark=mark) for line in lines)
    header = ("Measure", *((own,) if own else ()), "Median of centers (range)", "Network")
    hidden = any(_is_hidden(r) for line in lines for r in line.centers)
    more = [SOME_HIDDEN] if hidden else []
    return explained(TableModel(title, header, body), mark, *notes, *more)


def _alone(
    title: str, lines: Sequence[Line], *, own: str, notes: Sequence[str], mark: str
) -> TableModel:
    """The table of a registry of one center: it is the network, and there is no other."""
    body = tuple(
        (_words(line), shown(line.network if line.own is None else line.own, mark))
        for line in lines
    )
    return explained(TableModel(title, ("Measure", own or "Network"), body), mark, *notes)


def _line(line: Line, *, own: bool, mark: str) -> tuple[str, ...]:
    mine = (shown(line.own, mark),) if own else ()
    return _words(line), *mine, _typical(line.centers), shown(line.network, mark)


def _words(line: Line) -> str:
    """What a measure is, with its unit where neither the words nor the number say it."""
    record = next((r for r in (line.own, line.network, *line.centers) if r is not None), {})
    unit = str(record.get("unit", ""))
    said = unit not in ("days", "months") or unit in line.words.lower()
    return sentence_case(line.words if said else f"{line.words}, {unit}")


def shown(record: Record | None, mark: str = SUPPRESSED) -> str:
    """Print the number of a measure with its unit, and its limits where it has them."""
    if record is None:
        return ABSENT
    stat = _stat(record)
    if not stat or (np.isnan(number(record, stat)) and not is_hidden(record, stat)):
        return ABSENT
    fmt = format_of(record)
    if {"conf_low", "conf_high"} <= set(record) and np.isfinite(number(record, "conf_low")):
        text = show_interval(record, fmt, mark, (stat, "conf_low", "conf_high"))
        return text.replace(" (", f"{_unit(record)} (", 1) if " (" in text else text
    text = show(record, stat, fmt, mark)
    return f"{text}{_unit(record)}" if text != mark else text


def _stat(record: Record) -> str:
    return next((s for s in NUMBERS if s in record), "")


def _is_hidden(record: Record) -> bool:
    return is_hidden(record, *NUMBERS)


def format_of(record: Record) -> Callable[[float], str]:
    """How the number of a measure is printed: days, months and findings whole, the rest not."""
    unit = str(record.get("unit"))
    if unit in ("days", "months", "findings"):
        return _whole
    return per_hundred if unit == "per 100 records" else rate


def _whole(value: float) -> str:
    return count(round(value))


def per_hundred(value: float) -> str:
    """Print a rate per 100 records; what is not 0 never prints as 0.

    Examples
    --------
    >>> per_hundred(0.004), per_hundred(0.0), per_hundred(17.042)
    ('<0.01', '0.00', '17.04')
    """
    return f"<{decimal(0.01, 2)}" if 0 < value < 0.005 else decimal(value, 2)


def _unit(record: Record) -> str:
    return f"{THIN}%" if record.get("unit") == "%" else ""


def _typical(centers: Sequence[Record]) -> str:
    """Median and range of what is shown of the centers."""
    found = [(number(r, _stat(r)), r) for r in centers if _stat(r)]
    values = [value for value, _ in found if np.isfinite(value)]
    if not values:
        return ABSENT
    record = found[0][1]
    fmt = format_of(record)
    rounded = any(_stat(r) in (r.get("rounded") or ()) for _, r in found)
    low, middle, high = (fmt(float(v)) for v in (min(values), np.median(values), max(values)))
    about = ABOUT if rounded else ""
    # one center has no range, and its median is its number
    ends = f" ({span(low, high)})" if len(values) > 1 else ""
    return f"{about}{middle}{_unit(record)}{ends}"


def states_table(
    title: str,
    rows: Sequence[tuple[str, Mapping[str, Record | None]]],
    states: Mapping[str, str],
    *,
    notes: Sequence[str] = (),
    mark: str = SUPPRESSED,
) -> TableModel:
    """Build the table of cells by what they are: a row for each variable.

    Parameters
    ----------
    title : str
        The caption.
    rows : sequence of (words, records)
        Records by state, each with its count `n`; "" is that of all cells and `percent` the share
        known.
    states : mapping of str to str
        State to its heading, in order.
    notes : sequence of str
        Footnotes.
    mark : str
        What stands for withheld numbers.
    """
    body = []
    for words, found in rows:
        counts = [_count(found.get(state), mark) for state in states]
        body.append((sentence_case(words), _count(found.get(""), mark),
                     shown(found.get("percent"), mark), *counts))  # fmt: skip
    heads = (sentence_case(words) for words in states.values())
    table = TableModel(title, ("Variable", "Rows", "Known, %", *heads), tuple(body))
    return explained(table, mark, *notes)


def _count(record: Record | None, mark: str) -> str:
    if record is None:
        return ABSENT
    return show(record, "n", count, mark) or ABSENT


def side_by_side(
    title: str,
    columns: Sequence[tuple[str, Mapping[str, Record | None]]],
    centers: Sequence[tuple[str, str]],
    *,
    notes: Sequence[str] = (),
    mark: str = SUPPRESSED,
) -> TableModel:
    """Build the table of centers by a few measures; in the order of their names, no ranking.

    Parameters
    ----------
    title : str
        The caption.
    columns : sequence of (words, records)
        Measures, each with its record by center.
    centers : sequence of (id, words)
        The rows.
    notes : sequence of str
        Footnotes.
    mark : str
        What stands for withheld numbers.
    """
    body = tuple(
        (words, *(_cell(found.get(center), mark) for _, found in columns))
        for center, words in centers
    )
    header = ("Center", *(words for words, _ in columns))
    return explained(TableModel(title, header, body), mark, *notes)


def _cell(record: Record | None, mark: str) -> str:
    """A number without its limits, which stand in the table of its measure."""
    if record is not None and not _stat(record):
        return _count(record, mark)
    bare = None if record is None else {k: v for k, v in record.items() if k != "conf_low"}
    return shown(bare, mark)


def compared_table(
    title: str,
    rows: Sequence[tuple[str, ...]],
    heads: tuple[str, str],
    *,
    notes: Sequence[str] = (),
    mark: str = SUPPRESSED,
) -> TableModel:
    """Build the table of those with and without a value.

    Parameters
    ----------
    title : str
        The caption.
    rows : sequence of (words, with, without, difference)
        As printed.
    heads : (str, str)
        Headings of the two sides.
    notes : sequence of str
        Footnotes.
    mark : str
        What stands for withheld numbers.
    """
    header = ("", *heads, "Standardised difference")
    align: tuple[Align, ...] = ("left", "right", "right", "right")
    return explained(TableModel(title, header, tuple(rows), align=align), mark, *notes)
