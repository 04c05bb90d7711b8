"""Columns while they are read: what a source's dialect is, what was done, and how it is logged.

The usual way of writing is logged once per column; any other way is logged cell by cell.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from vpstats.registry.cells import Reading
from vpstats.registry.date_orders import Evidence
from vpstats.registry.dates import Order
from vpstats.registry.journal import CodedTexts, Entry, entry
from vpstats.registry.mapping import ColumnMap
from vpstats.registry.months import Names
from vpstats.registry.raw import TextColumn, by_code
from vpstats.registry.rules import RULES
from vpstats.schema import Column

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

LIMITS: Mapping[str, str] = {"crp_mg_l": "crp_limit", "pct_ng_ml": "pct_limit"}
"""Number field → the field that says whether the number is a limit."""

PARTIAL: Mapping[str, tuple[str, str]] = {"event_date": ("event_left_date", "event_right_date")}
"""Date field → the fields that take the first and last possible day of a partial date."""


@dataclass(frozen=True, slots=True)
class DateHabits:
    """How the dates of one raw column are written, over all rows of its source.

    A table may take a few of them only; what proves an order stands in the others as well.

    Parameters
    ----------
    evidence : mapping of str to Evidence
        Date style to the cells that prove an order.
    signs : mapping of str to int
        First separator to its cells, for dates whose order is not shown by their form.
    months : str
        Whose names of months the column has, where it proves any.
    """

    evidence: Mapping[str, Evidence] = field(default_factory=dict)
    signs: Mapping[str, int] = field(default_factory=dict)
    months: Names = ""


_BY_SPELLING = ("word.", "missing.", "number.limit")
"""Quiet rules that are logged once per spelling; the others once per way of writing."""


@dataclass(frozen=True)
class Dialect:
    """How a source writes, seen over all of its columns.

    Parameters
    ----------
    cut : date
        Day of the exports.
    decimal, thousands : str, optional
        Marks declared or seen.
    date_order : str, optional
        Declared order of day and month.
    evidence : mapping of str to Evidence
        Date style to the cells that prove an order, over all date columns.
    months : str
        Whose names of months its date columns have, where any proves it.
    dates : mapping of str to DateHabits
        Raw column of dates to how it is written.
    languages : frozenset of str
        Languages of its yes and no, where words show any.
    """

    cut: dt.date
    decimal: str | None = None
    thousands: str | None = None
    date_order: Order | None = None
    evidence: Mapping[str, Evidence] = field(default_factory=dict)
    months: Names = ""
    dates: Mapping[str, DateHabits] = field(default_factory=dict)
    languages: frozenset[str] = frozenset()


@dataclass(slots=True)
class Cleaned:
    """A typed column and what was done to get it.

    Parameters
    ----------
    values : ndarray, shape (n,)
        Canonical values: float with NaN for numbers, datetime64 for dates, text or None else.
    entries : list of Entry
        Corrections and findings.
    limit : ndarray, optional
        For numbers: "exact", "below", "above" or None.
    first, last : ndarray, optional
        For dates: first and last possible day of partial ones.
    years : ndarray, optional
        For dates of birth: the year, where only that is known.
    orders : mapping of str to str
        For dates: style to the order found, for the report.
    """

    values: Array
    entries: list[Entry] = field(default_factory=list)
    limit: Array | None = None
    first: Array | None = None
    last: Array | None = None
    orders: Mapping[str, Order | None] = field(default_factory=dict)


# ------------------------------------------------------------------ from spellings to rows


def gather(
    text: TextColumn,
    readings: list[Reading],
    column: Column,
    mapping: ColumnMap,
    *,
    values: Sequence[str] | None = None,
) -> Cleaned:
    """Give each row the value of its spelling, and log what the readings say.

    With `values`, one per spelling, nothing was read and there is nothing to log.
    """
    found = [r.value for r in readings] if values is None else values
    lookup = np.array([*found, None], dtype=object)
    cleaned = Cleaned(by_code(lookup, text.codes))
    if values is None:
        cleaned.entries = log_readings(text, readings, column, mapping)
    return cleaned


def log_readings(
    text: TextColumn, readings: list[Reading], column: Column, mapping: ColumnMap
) -> list[Entry]:
    """Log the readings: quiet ones once per column, the rest cell by cell."""
    ways: dict[_Way, int] = {}
    of = np.array(
        [ways.setdefault((r.rule, r.style, r.value is None), len(ways)) for r in readings], np.intp
    )
    usual = _usual_style(ways, np.bincount(of, text.counts(), len(ways)))
    loud = np.array([_is_loud(way, usual) for way in ways], bool)
    entries = []
    for rule in dict.fromkeys(rule for rule, _, _ in ways if rule):
        of_rule = np.array([way[0] == rule for way in ways])
        positions = _rows_of(np.append((of_rule & loud)[of], False), text)
        quiet = _first_of_each(text, list(ways), of, np.flatnonzero((of_rule & ~loud)[of]))
        where = np.concatenate([positions, quiet])
        if len(quiet):
            where.sort(kind="stable")  # of two sorted parts
        if len(where):
            entries.append(_entry(rule, where, text, readings, column, mapping))
    return entries


def _rows_of(spellings: Array, text: TextColumn) -> Array:
    """Rows with some of the spellings; most rules speak of none."""
    if not spellings.any():
        return np.empty(0, np.int64)
    return np.flatnonzero(by_code(spellings, text.codes))


def _entry(
    rule: str,
    where: Array,
    text: TextColumn,
    readings: list[Reading],
    column: Column,
    mapping: ColumnMap,
) -> Entry:
    codes = text.codes[where]
    used = np.flatnonzero(np.bincount(codes, minlength=len(readings)))
    spellings, shown, notes = (np.full(len(readings), "", object) for _ in range(3))
    for i in used.tolist():
        spellings[i], notes[i] = text.spellings[i], readings[i].note
        shown[i] = render(readings[i].value)
    return entry(
        rule,
        where,
        field=column.name,
        column=raw_name(mapping),
        raw=CodedTexts(spellings, codes),
        clean=CodedTexts(shown, codes),
        note=by_code(notes, codes) if any(notes[used]) else "",
        masked=column.masked,
    )


_Way = tuple[str, str, bool]
"""Rule and style of readings, and whether they have no value: thousands of cells are few ways."""


def _usual_style(ways: Iterable[_Way], cells: Array) -> str:
    """The style of most cells."""
    counts: dict[str, float] = {}
    for (rule, style, _), count in zip(ways, cells.tolist(), strict=True):
        if style and not rule.startswith("missing."):
            counts[style] = counts.get(style, 0) + count
    return max(sorted(counts), key=lambda style: counts[style]) if counts else ""


def _is_loud(way: _Way, usual: str) -> bool:
    rule, style, nothing = way
    if not rule:
        return False
    if rule.startswith("missing."):
        return nothing or style != "words"
    return not RULES[rule].quiet or (bool(style) and style != usual)


def _first_of_each(text: TextColumn, ways: Sequence[_Way], of: Array, quiet: Array) -> Array:
    """First row of each quiet way: of each spelling for words, of each style for the rest."""
    if not len(quiet):
        return np.empty(0, np.int64)
    first = text.first_rows()[quiet]
    by_spelling = np.array([rule.startswith(_BY_SPELLING) for rule, _, _ in ways])[of[quiet]]
    found = set(first[by_spelling].tolist())
    styles = np.array([style for _, style, _ in ways])[of[quiet]]
    for style in np.unique(styles[~by_spelling]):
        found.add(int(first[~by_spelling & (styles == style)].min()))
    return np.array(sorted(row for row in found if row < len(text)), dtype=np.int64)


def raw_name(mapping: ColumnMap) -> str:
    """The raw column of a field, as messages name it."""
    if mapping.checkbox is not None:
        return f"{mapping.checkbox}___*"
    return mapping.column or ", ".join(mapping.columns)


def render(value: object) -> str:
    """Text of a canonical value in the log.

    Examples
    --------
    >>> import datetime as dt
    >>> render(4.5), render(3.0), render(dt.date(2023, 8, 25)), render(None)
    ('4.5', '3', '2023-08-25', '')
    """
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.12g}"
    return value.isoformat() if isinstance(value, dt.date) else str(value)
