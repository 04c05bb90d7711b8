"""Columns of numbers and dates: marks, units and orders are seen from all cells of a column."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Mapping
from decimal import Decimal
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import numpy as np

from vpstats.registry.cells import Reading, all_wrapped, simplify
from vpstats.registry.columns import (
    LIMITS,
    Cleaned,
    DateHabits,
    Dialect,
    log_readings,
    raw_name,
    render,
)
from vpstats.registry.compound import CLOCKS, proved_clock
from vpstats.registry.date_orders import (
    Evidence,
    beside_whole_years,
    choose_order,
    with_years_first,
)
from vpstats.registry.date_values import DateContext, resolve
from vpstats.registry.dates import Order, Shape, date_shape, proved_order, six_digits
from vpstats.registry.digits import has_both_marks
from vpstats.registry.dotted_clocks import dotted_clocks
from vpstats.registry.journal import Entry, entry
from vpstats.registry.lexicon import coded
from vpstats.registry.mapping import ColumnMap
from vpstats.registry.months import Names
from vpstats.registry.numbers import (
    NumberContext,
    decimal_evidence,
    read_number,
    states_unit,
    thousands_evidence,
)
from vpstats.registry.raw import TextColumn, by_code
from vpstats.registry.unit_beside import beside_another_unit
from vpstats.registry.units import factor, fold_unit
from vpstats.schema import Column

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]


_FEW_DAYS, _MONTHS = 4, 12  # different days and texts, below which their numbers prove nothing
_OF_A_SIGN = 3  # cells that prove an order, below which they may be of one who writes otherwise
_HOURS = 24

# ------------------------------------------------------------------ numbers


def read_numbers(
    text: TextColumn,
    column: Column,
    mapping: ColumnMap,
    dialect: Dialect,
    units: TextColumn | None,
) -> Cleaned:
    """Read a column of numbers; see `vpstats.registry.cleaning.clean_column`."""
    context = number_context(text, column, mapping, dialect, declared=units is not None)
    readings = [_read_coded_number(s, context, mapping) for s in text.spellings]
    values = by_code(np.array([*(_as_float(r.value) for r in readings), np.nan]), text.codes)
    cleaned = Cleaned(values, log_readings(text, readings, column, mapping))
    if column.name in LIMITS:
        limits = [r.limit or None if isinstance(r.value, float) else None for r in readings]
        cleaned.limit = by_code(np.array([*limits, None], dtype=object), text.codes)
    if mapping.unit is not None and context.scale != 1:
        cleaned.entries.append(_converted(text, cleaned, column, mapping))
    if units is not None:
        _apply_units(cleaned, units, column, mapping, _own_units(text, column))
    elif mapping.unit is None and column.unit:
        cleaned.entries.append(beside_another_unit(text, readings, column, mapping))
    return cleaned


def number_context(
    text: TextColumn,
    column: Column,
    mapping: ColumnMap,
    dialect: Dialect,
    *,
    declared: bool = False,
) -> NumberContext:
    """Gather what a column says about its numbers: mapping first, then column, then source."""
    decimal = mapping.decimal or dialect.decimal or column_decimal(text)
    scale = factor(column.unit, mapping.unit) if mapping.unit is not None else None
    clock = _clock(text, column, mapping)
    return NumberContext(
        column,
        decimal=decimal,
        thousands=dialect.thousands or column_thousands(text),
        scale=Decimal(1) if scale is None else scale,
        declared_unit=mapping.unit is not None or declared,
        limits=column.name in LIMITS,
        clock=clock,
        dotted=() if declared else dotted_clocks(text, column, mapping, clock),
        wrapped=all_wrapped(text.spellings),
    )


def _clock(text: TextColumn, column: Column, mapping: ColumnMap) -> str:
    """Hours and minutes or minutes and seconds: as declared, else as cells of the column prove."""
    declared = CLOCKS.get(fold_unit(mapping.unit or ""), "")
    if declared or column.unit != "min":
        return declared
    clocks = [simplify(s) for s in text.spellings if ":" in s]
    proved = {proved_clock(s, column.hard) for s in clocks} - {""}
    if proved == {"mm:ss"} and 2 * len(clocks) < len(text.spellings):
        # among plain minutes 10:15 may as well be when it began
        proved = {"mm:ss"} if any(_beyond_a_day(s) for s in clocks) else set()
    return proved.pop() if len(proved) == 1 else ""


def _beyond_a_day(clock: str) -> bool:
    hours = clock.partition(":")[0].strip()
    return hours.isdecimal() and int(hours) >= _HOURS


def column_decimal(text: TextColumn) -> str | None:
    """The decimal mark that most cells of a column prove."""
    votes = {",": 0, ".": 0}
    for spelling, count in zip(text.spellings, text.counts(), strict=True):
        mark = decimal_evidence(spelling)
        if mark is not None:
            votes[mark] += int(count)
    if votes[","] == votes["."]:
        return None
    return max(votes, key=lambda mark: votes[mark])


def column_thousands(text: TextColumn) -> str | None:
    """The thousands mark that a column proves: cells have both marks, and none contradicts it."""
    both = (s for s in text.spellings if has_both_marks(s))
    proved = {mark for s in both if (mark := thousands_evidence(s)) is not None}
    if len(proved) != 1:
        return None
    mark = proved.pop()
    decimals = {decimal_evidence(s) for s in text.spellings} - {None}
    return None if mark in decimals else mark


def _as_float(value: object) -> float:
    return value if isinstance(value, float) else np.nan


def _read_coded_number(spelling: str, context: NumberContext, mapping: ColumnMap) -> Reading:
    mapped = coded(spelling, mapping.codes) if mapping.codes else None
    if mapped is None:
        return read_number(spelling, context)
    if mapped in ("unknown", "not_done", "not_applicable", "missing"):
        return Reading(rule=f"missing.{'blank' if mapped == 'missing' else mapped}", note=mapped)
    reading = read_number(mapped, context)
    return Reading(reading.value, "word.code", style="code", limit=reading.limit)


def _converted(text: TextColumn, cleaned: Cleaned, column: Column, mapping: ColumnMap) -> Entry:
    filled = np.flatnonzero(~np.isnan(cleaned.values))[:1]
    return entry(
        "unit.declared",
        filled,
        field=column.name,
        column=raw_name(mapping),
        raw=np.array([f"{t} {mapping.unit}" for t in text.texts()[filled]], dtype=object),
        clean=np.array([render(float(v)) for v in cleaned.values[filled]], dtype=object),
        note=f"{mapping.unit} to {column.unit}",
        masked=column.masked,
    )


def _own_units(text: TextColumn, column: Column) -> Array:
    """Rows with a unit of their own in the cell, be it a number or a limit."""
    own = [states_unit(spelling, column.unit) for spelling in text.spellings]
    return by_code(np.array([*own, False], bool), text.codes)


def _apply_units(
    cleaned: Cleaned, units: TextColumn, column: Column, mapping: ColumnMap, own: Array
) -> None:
    """Convert row by row by the unit column; a row without a unit that is known stays unread."""
    known = [factor(column.unit, unit) for unit in units.spellings]
    scale = np.array([np.nan if f is None else float(f) for f in known] + [np.nan])[units.codes]
    scale[own] = 1.0  # a number with its own unit in the cell has been converted by that one
    lost = ~np.isnan(cleaned.values) & np.isnan(scale)
    changed = ~np.isnan(cleaned.values) & ~np.isnan(scale) & (scale != 1.0)
    raw = cleaned.values.copy()
    converted = cleaned.values * scale
    cleaned.values = np.where(lost, np.nan, np.round(converted, 9))
    name = f"{raw_name(mapping)}, {mapping.unit_column}"
    texts = np.array([render(float(v)) for v in raw[changed]], dtype=object)
    shown = np.array([render(float(v)) for v in cleaned.values[changed]], dtype=object)
    cleaned.entries += [
        entry(
            "unit.column",
            np.flatnonzero(changed),
            field=column.name,
            column=name,
            raw=texts,
            clean=shown,
            masked=column.masked,
        ),
        entry(
            "unit.missing",
            np.flatnonzero(lost),
            field=column.name,
            column=name,
            note="the unit is missing or not known",
        ),
    ]


# ------------------------------------------------------------------ dates

_NO_DAY = np.iinfo(np.int64).min  # what NumPy calls NaT
_DAY_0 = dt.date(1970, 1, 1).toordinal()


def column_evidence(shapes: list[Shape], counts: Array) -> dict[str, Evidence]:
    """Cells of a column that prove an order of day and month, by style."""
    cells: dict[tuple[int, int, str], int] = {}
    for shape, count in zip(shapes, counts.tolist(), strict=True):
        if shape.kind == "ordered":
            of_any_year = shape.first, shape.second, shape.style
            cells[of_any_year] = cells.get(of_any_year, 0) + count
    found: dict[str, dict[Order | None, int]] = {}
    for (first, second, style), count in cells.items():
        if not style.startswith("word"):
            seen, order = found.setdefault(style, {}), proved_order(first, second, style)
            seen[order] = seen.get(order, 0) + count
    return {style: Evidence(n.get("dmy", 0), n.get("mdy", 0)) for style, n in found.items()}


def month_names(shapes: list[Shape], counts: Array) -> Names:
    """Whose names of months most cells of a column prove; "" where none does, or both alike."""
    seen = {"south": 0, "north": 0}
    for shape, count in zip(shapes, counts.tolist(), strict=True):
        if shape.names in seen:
            seen[shape.names] += count
    if seen["south"] == seen["north"]:
        return ""
    return "south" if seen["south"] > seen["north"] else "north"


def date_habits(shapes: list[Shape], counts: Array) -> DateHabits:
    """How the dates of a column are written: what its cells prove, its separators and months."""
    signs: dict[str, int] = {}
    for shape, count in zip(shapes, counts.tolist(), strict=True):
        if shape.kind == "ordered":
            signs[shape.style[:1]] = signs.get(shape.style[:1], 0) + count
    return DateHabits(column_evidence(shapes, counts), signs, month_names(shapes, counts))


def _habits(
    text: TextColumn, shapes: list[Shape], mapping: ColumnMap, dialect: Dialect
) -> DateHabits:
    """Habits of the cells at hand, and of all rows of their raw column where those show more.

    A table that takes a few rows need not hold those that prove an order. It may also take the
    rows of one center of several: what its own cells prove goes before the column.
    """
    own = date_habits(shapes, text.counts())
    names = mapping.columns or (mapping.column or "",)
    whole = [dialect.dates[name] for name in names if name in dialect.dates]
    evidence = dict(own.evidence)
    for style in dict.fromkeys(style for habits in whole for style in habits.evidence):
        seen = sum((h.evidence.get(style, Evidence()) for h in whole), Evidence())
        if own.evidence.get(style, Evidence()).verdict in (None, seen.verdict):
            evidence[style] = seen
    signs = {s: max(n, sum(h.signs.get(s, 0) for h in whole)) for s, n in own.signs.items()}
    return DateHabits(evidence, signs, own.months or only_months(whole))


def only_months(habits: Iterable[DateHabits]) -> Names:
    """Whose names of months columns have; "" where none proves it or they contradict another."""
    found = {column.months for column in habits} - {""}
    return found.pop() if len(found) == 1 else ""


def read_dates(text: TextColumn, column: Column, mapping: ColumnMap, dialect: Dialect) -> Cleaned:
    """Read a column of dates; see `vpstats.registry.cleaning.clean_column`."""
    birth = column.role == "birth"
    declared = mapping.date_order or dialect.date_order
    shapes = [_coded_shape(s, mapping, birth) for s in text.spellings]
    if declared is not None:
        shapes = [six_digits(shape, declared) for shape in shapes]
    habits = _habits(text, shapes, mapping, dialect)
    evidence = habits.evidence
    styles = dict.fromkeys(s.style for s in shapes if s.kind == "ordered")
    orders = {
        style: choose_order(
            style,
            evidence.get(style, Evidence()),
            dialect.evidence.get(style, Evidence()),
            declared,
        )
        for style in styles
    }
    if declared is None:
        orders = with_years_first(orders, shapes, dialect.cut, birth=birth)
    names = habits.months or dialect.months
    context = DateContext(orders, dialect.cut, birth, names)
    readings = [
        _quiet_if_canonical(resolve(shape, context), spelling)
        for shape, spelling in zip(shapes, text.spellings, strict=True)
    ]
    alone = readings
    readings = beside_whole_years(shapes, alone, text.counts().tolist(), context, declared)
    cleaned = Cleaned(_days(readings, text, "value"), orders=orders)
    if any(reading.first is not None for reading in readings):
        cleaned.first = _days(readings, text, "first")
        cleaned.last = _days(readings, text, "last")
    cleaned.entries = log_readings(text, readings, column, mapping)
    cleaned.entries += _swapped(text, shapes, column, mapping)
    if declared is not None:
        sure = {_usual(habits.signs), *_shown(declared, evidence, dialect.evidence)}
        cleaned.entries += _assumed(text, shapes, readings, column, mapping, sure)
        return cleaned
    usual = [s if a is b else None for s, a, b in zip(shapes, alone, readings, strict=True)]
    cleaned.entries += _inferred(text, usual, orders, column, mapping)
    if {"dmy", "mdy"} <= set(orders.values()):
        note = "other cells of the column are written in another order"
        sure = {_proven(orders, evidence, dialect.evidence)}
        cleaned.entries += _assumed(text, shapes, readings, column, mapping, sure, note)
    return cleaned


def _proven(orders: Mapping[str, Order | None], *evidence: Mapping[str, Evidence]) -> str:
    """The separator of dates whose order is proved: dots, where they are, else another."""
    proven = {
        style[:1] for seen in evidence for style in orders if style in seen and seen[style].verdict
    }
    return "." if "." in proven or not proven else min(proven)


def _shown(
    declared: Order, evidence: Mapping[str, Evidence], beyond: Mapping[str, Evidence]
) -> set[str]:
    """The separators that are sure to be of the declared order.

    Cells of the column prove it, or of the source where it is a hyphen: slashes are what a
    spreadsheet of another country writes. Nobody parts the month and the day by dots.
    """
    proving = {s: e for s, e in evidence.items() if s[:1] != "-"}
    proving |= {s: e for s, e in beyond.items() if s[:1] == "-"}
    fitting = {style for style, seen in proving.items() if seen.verdict == declared}
    sure = {s[:1] for s in fitting if proving[s].dmy + proving[s].mdy >= _OF_A_SIGN}
    return sure | {"."} if declared == "dmy" else sure


def _usual(signs: Mapping[str, int]) -> str:
    """The separator of most dates of a column."""
    return max(sorted(signs), key=lambda sign: signs[sign], default="")


def _assumed(
    text: TextColumn,
    shapes: list[Shape],
    readings: list[Reading],
    column: Column,
    mapping: ColumnMap,
    sure: Collection[str],
    note: str = "",
) -> list[Entry]:
    """Dates with another separator than those whose order is sure; nothing else proves them."""
    doubtful = [
        shape.kind == "ordered"
        and shape.style[:1] not in sure
        and not shape.style.startswith("word")
        and reading.value is not None
        and shape.evidence is None
        and shape.first != shape.second
        for shape, reading in zip(shapes, readings, strict=True)
    ]
    where = np.flatnonzero(np.array([*doubtful, False], bool)[text.codes])
    spellings = np.array([*text.spellings, ""], dtype=object)
    return [
        entry(
            "date.order_assumed",
            where,
            field=column.name,
            column=raw_name(mapping),
            raw=spellings[text.codes[where]],
            note=note,
            masked=column.masked,
        )
    ]


def _swapped(
    text: TextColumn, shapes: list[Shape], column: Column, mapping: ColumnMap
) -> list[Entry]:
    """Days that a spreadsheet of another country took for its own, and their day for the month.

    What it cannot read so, since the day is above 12, stays text: then no real day of the column
    has a day above 12, and every text has one.
    """
    real = [s.kind == "day" and s.style in ("iso", "serial") for s in shapes]
    days = [s.first for s, is_real in zip(shapes, real, strict=True) if is_real]
    if len(days) < _FEW_DAYS or max(days) > _MONTHS:
        return []
    typed = [s for s in shapes if s.kind == "ordered" and s.style.endswith("yyyy")]
    if len(typed) < _FEW_DAYS or not all(s.evidence for s in typed):
        return []
    doubtful = [r and s.first != s.second for r, s in zip(real, shapes, strict=True)]
    where = np.flatnonzero(np.array([*doubtful, False], bool)[text.codes])
    return [
        entry(
            "date.order_assumed",
            where,
            field=column.name,
            column=raw_name(mapping),
            raw=text.take(where).texts(),
            note="days above 12 stand as text here, none as a day; a spreadsheet may have taken "
            "the day of this one for its month",
            masked=column.masked,
        )
    ]


_IN_WORDS = {"dmy": "day, month, year", "mdy": "month, day, year", "ymd": "year, month, day"}


def _inferred(
    text: TextColumn,
    shapes: list[Shape | None],
    orders: Mapping[str, Order | None],
    column: Column,
    mapping: ColumnMap,
) -> list[Entry]:
    """Say, at the first date of each way of writing, in which order the column was read."""
    first = text.first_rows().tolist()
    found = []
    for style, order in orders.items():
        rows = [row for row, s in zip(first, shapes, strict=True) if s and s.style == style]
        if not rows:  # each was judged by the years of the column
            continue
        said = _IN_WORDS[order] if order else "no order, since nothing proves one"
        found.append(
            entry(
                "date.order",
                np.array([min(rows)], np.int64),
                field=column.name,
                column=raw_name(mapping),
                note=f"dates written '{style}' were read as {said}",
            )
        )
    return found


def _coded_shape(spelling: str, mapping: ColumnMap, birth: bool) -> Shape:
    mapped = coded(spelling, mapping.codes) if mapping.codes else None
    if mapped in ("unknown", "not_done", "not_applicable", "missing"):
        return Shape("missing", note=mapped)
    return date_shape(spelling if mapped is None else mapped, birth=birth)


def _quiet_if_canonical(reading: Reading, spelling: str) -> Reading:
    iso = reading.style == "iso" and reading.rule == "date.format"
    if iso and render(reading.value) == spelling:
        return Reading(reading.value, style=reading.style)
    return reading


def _days(readings: list[Reading], text: TextColumn, part: str) -> Array:
    found = map(attrgetter(part), readings)
    days = [_NO_DAY if day is None else day.toordinal() - _DAY_0 for day in found]
    return by_code(np.array([*days, _NO_DAY], np.int64).view("datetime64[D]"), text.codes)
