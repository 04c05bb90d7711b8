"""Text columns to typed columns: each distinct spelling is read once and given to its rows.

A column is read as a whole: the order of day and month, the decimal mark, whether ``-`` is a no,
and which way of writing is the usual one are seen from all of its cells. The usual way is logged
once per column; any other way is logged cell by cell.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from vpstats.registry.cells import Reading, fold
from vpstats.registry.dates import (
    DateContext,
    Evidence,
    Order,
    Shape,
    choose_order,
    date_shape,
    resolve,
)
from vpstats.registry.journal import Entry, entry
from vpstats.registry.lexicon import coded, kind_of_missing, read_code, read_set
from vpstats.registry.mapping import ColumnMap
from vpstats.registry.numbers import NumberContext, decimal_evidence, read_number
from vpstats.registry.raw import TextColumn
from vpstats.registry.rules import RULES
from vpstats.registry.spine import parse_levels
from vpstats.registry.units import factor
from vpstats.schema import SET_SEPARATOR, Column
from vpstats.schema_tables import VERTEBRAE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

LIMITS: Mapping[str, str] = {"crp_mg_l": "crp_limit", "pct_ng_ml": "pct_limit"}
"""Number field → the field that says whether the number is a limit."""

PARTIAL: Mapping[str, tuple[str, str]] = {"event_date": ("event_left_date", "event_right_date")}
"""Date field → the fields that take the first and last possible day of a partial date."""


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
    """

    cut: dt.date
    decimal: str | None = None
    thousands: str | None = None
    date_order: Order | None = None
    evidence: Mapping[str, Evidence] = field(default_factory=dict)


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


def clean_column(
    text: TextColumn,
    column: Column,
    mapping: ColumnMap,
    dialect: Dialect,
    *,
    units: TextColumn | None = None,
) -> Cleaned:
    """Read one column of text as its declaration says.

    Parameters
    ----------
    text : TextColumn
        The raw cells.
    column : Column
        What they are.
    mapping : ColumnMap
        Codes, unit and order that the mapping declares.
    dialect : Dialect
        How the source writes.
    units : TextColumn, optional
        The unit of each row, from a unit column.

    Returns
    -------
    Cleaned
        Typed values and the log. Ranges are judged by `judge_range`, once the table is whole.
    """
    if column.kind == "date":
        return _dates(text, column, mapping, dialect)
    if column.kind in ("number", "integer"):
        return _numbers(text, column, mapping, dialect, units)
    readings = [_word_reader(column, mapping, text)(spelling) for spelling in text.spellings]
    return _gather(text, readings, column, mapping)


# ------------------------------------------------------------------ from spellings to rows


def _gather(
    text: TextColumn, readings: list[Reading], column: Column, mapping: ColumnMap
) -> Cleaned:
    lookup = np.array([*(r.value for r in readings), None], dtype=object)
    cleaned = Cleaned(lookup[text.codes])
    cleaned.entries = _entries(text, readings, column, mapping)
    return cleaned


def _entries(
    text: TextColumn, readings: list[Reading], column: Column, mapping: ColumnMap
) -> list[Entry]:
    """Log the readings: quiet ones once per column, the rest cell by cell."""
    usual = _usual_style(text, readings)
    loud = np.array([_is_loud(r, usual) for r in readings] + [False])
    entries = []
    for rule in dict.fromkeys(r.rule for r in readings if r.rule):
        of_rule = np.array([r.rule == rule for r in readings] + [False])
        positions = np.flatnonzero((of_rule & loud)[text.codes])
        quiet = _first_of_each(text, readings, np.flatnonzero((of_rule & ~loud)[:-1]))
        where = np.sort(np.concatenate([positions, quiet])).astype(np.int64)
        if len(where):
            entries.append(_entry(rule, where, text, readings, column, mapping))
    return entries


def _entry(
    rule: str,
    where: Array,
    text: TextColumn,
    readings: list[Reading],
    column: Column,
    mapping: ColumnMap,
) -> Entry:
    codes = text.codes[where]
    shown = np.array([render(r.value) for r in readings], dtype=object)
    notes = np.array([r.note for r in readings], dtype=object)
    return entry(
        rule,
        where,
        field=column.name,
        column=raw_name(mapping),
        raw=np.array(text.spellings, dtype=object)[codes],
        clean=shown[codes],
        note=notes[codes],
        masked=column.masked,
    )


def _usual_style(text: TextColumn, readings: list[Reading]) -> str:
    counts: dict[str, int] = {}
    for reading, count in zip(readings, text.counts(), strict=True):
        if reading.style:
            counts[reading.style] = counts.get(reading.style, 0) + int(count)
    return max(sorted(counts), key=lambda style: counts[style]) if counts else ""


def _is_loud(reading: Reading, usual: str) -> bool:
    if not reading.rule:
        return False
    return not RULES[reading.rule].quiet or (bool(reading.style) and reading.style != usual)


def _first_of_each(text: TextColumn, readings: list[Reading], quiet: Array) -> Array:
    """First row of each quiet way: of each spelling for words, of each style for the rest."""
    by_style: dict[str, int] = {}
    first = _first_rows(text)
    for code in quiet:
        reading = readings[code]
        words = reading.rule.startswith("word.")
        way = text.spellings[code] if words else reading.style
        by_style[way] = min(by_style.get(way, len(text)), int(first[code]))
    return np.array(sorted(row for row in by_style.values() if row < len(text)), dtype=np.int64)


def _first_rows(text: TextColumn) -> Array:
    first = np.full(len(text.spellings), len(text), np.int64)
    seen, rows = np.unique(text.codes, return_index=True)
    known = seen >= 0
    first[seen[known]] = rows[known]
    return first


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


# ------------------------------------------------------------------ words and vertebrae


def _word_reader(column: Column, mapping: ColumnMap, text: TextColumn) -> Callable[[str], Reading]:
    if column.kind == "string":
        return lambda spelling: _read_string(spelling, column, mapping)
    if tuple(column.codes) == VERTEBRAE:
        several = column.kind == "set"
        return lambda spelling: _read_vertebrae(spelling, several, mapping)
    if column.kind == "set":
        return lambda spelling: read_set(spelling, column, mapping.codes)
    if column.kind == "yes_no":
        return _yes_no_reader(column, mapping, text)
    return lambda spelling: read_code(spelling, column, mapping.codes)


def _yes_no_reader(
    column: Column, mapping: ColumnMap, text: TextColumn
) -> Callable[[str], Reading]:
    """Yes/no as the column writes it: ``-`` beside ``+``, and ``1``/``2`` that nobody declared."""
    folded = {fold(s) or s for s in text.spellings}
    plus = any(s.strip() in ("+", "++", "+++") for s in text.spellings)
    doubtful = "2" in folded and "0" not in folded and not mapping.codes

    def read(spelling: str) -> Reading:
        if coded(spelling, mapping.codes) is None:
            if plus and spelling.strip() in ("-", "−", "–"):
                return Reading("no", "word.spelling", style="sign")
            if doubtful and fold(spelling) in ("1", "2"):
                return Reading(
                    rule="word.ambiguous", note="1 and 2, and no code that says which is yes"
                )
        return read_code(spelling, column, mapping.codes)

    return read


def _read_string(spelling: str, column: Column, mapping: ColumnMap) -> Reading:
    mapped = coded(spelling, mapping.codes)
    if mapped is not None:
        return Reading(mapped, rule="word.code", style="code")
    if column.role in ("identifier", "key"):
        return Reading(spelling)
    kind = kind_of_missing(spelling)
    if kind is None:
        return Reading(spelling)
    return Reading(rule=f"missing.{'blank' if kind == 'missing' else kind}", note=kind)


_LEVEL_RULES = {
    "ambiguous": "level.ambiguous",
    "unreadable": "level.unreadable",
    "transitional": "level.transitional",
}


def _read_vertebrae(spelling: str, several: bool, mapping: ColumnMap) -> Reading:
    mapped = coded(spelling, mapping.codes)
    parsed = parse_levels(mapped if mapped is not None else spelling)
    if not parsed.levels:
        kind = kind_of_missing(spelling)
        if kind is not None:
            return Reading(rule=f"missing.{'blank' if kind == 'missing' else kind}", note=kind)
        return Reading(rule=_LEVEL_RULES.get(parsed.status, ""), note=parsed.note)
    if len(parsed.levels) > 1 and not several:
        return Reading(rule="level.several", note="several vertebrae where one is expected")
    ordered = [v for v in VERTEBRAE if v in parsed.levels]
    value = SET_SEPARATOR.join(ordered)
    rule = _LEVEL_RULES.get(parsed.status, "" if value == spelling else "level.spelling")
    return Reading(value, rule, parsed.note, parsed.style)


# ------------------------------------------------------------------ numbers


def _numbers(
    text: TextColumn,
    column: Column,
    mapping: ColumnMap,
    dialect: Dialect,
    units: TextColumn | None,
) -> Cleaned:
    context = number_context(text, column, mapping, dialect, declared=units is not None)
    readings = [_read_coded_number(s, context, mapping) for s in text.spellings]
    values = np.array([_as_float(r.value) for r in readings] + [np.nan])[text.codes]
    limits = np.array([r.limit or None for r in readings] + [None], dtype=object)[text.codes]
    limits[np.isnan(values)] = None
    cleaned = Cleaned(values, _entries(text, readings, column, mapping), limit=limits)
    if mapping.unit is not None and context.scale != 1:
        cleaned.entries.append(_converted(text, cleaned, column, mapping))
    if units is not None:
        _apply_units(cleaned, units, column, mapping)
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
    return NumberContext(
        column,
        decimal=decimal,
        thousands=dialect.thousands,
        scale=Decimal(1) if scale is None else scale,
        declared_unit=mapping.unit is not None or declared,
        limits=column.name in LIMITS,
    )


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


def _apply_units(cleaned: Cleaned, units: TextColumn, column: Column, mapping: ColumnMap) -> None:
    """Convert row by row by the unit column; a row without a unit that is known stays unread."""
    known = [factor(column.unit, unit) for unit in units.spellings]
    scale = np.array([np.nan if f is None else float(f) for f in known] + [np.nan])[units.codes]
    # a number with its own unit in the cell has been converted by that one
    own = [e.positions for e in cleaned.entries if e.rule == "number.unit_in_cell"]
    for positions in own:
        scale[positions] = 1.0
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


def judge_range(
    values: Array, column: Column, mapping: ColumnMap, raw: Array
) -> tuple[Array, list[Entry]]:
    """Set impossible numbers missing and report doubtful ones.

    Parameters
    ----------
    values : ndarray of float, shape (n,)
        Numbers in the schema's unit, NaN where missing.
    column : Column
        With its hard and warning range.
    mapping : ColumnMap
        For the name of the raw column.
    raw : ndarray of object, shape (n,)
        Raw text, for the message.

    Returns
    -------
    tuple
        Values with NaN where impossible, and the entries.
    """
    entries: list[Entry] = []
    known = ~np.isnan(values)
    name = raw_name(mapping)

    def report(rule: str, where: Array, note: str) -> None:
        entries.append(
            entry(
                rule,
                np.flatnonzero(where),
                field=column.name,
                column=name,
                raw=raw[where],
                note=note,
                masked=column.masked,
            )
        )

    if column.kind == "integer":
        broken = known & (np.floor(values) != values)
        report("number.not_whole", broken, "not a whole number")
        values, known = np.where(broken, np.nan, values), known & ~broken
    if column.hard is not None:
        low, high = column.hard
        out = known & ((values < low) | (values > high))
        report(
            "range.hard", out, f"outside the possible {low:g} to {high:g} {column.unit}".rstrip()
        )
        values, known = np.where(out, np.nan, values), known & ~out
    if column.warn is not None:
        low, high = column.warn
        odd = known & ((values < low) | (values > high))
        report(
            "range.warn", odd, f"outside the plausible {low:g} to {high:g} {column.unit}".rstrip()
        )
    return values, entries


# ------------------------------------------------------------------ dates


def column_evidence(shapes: list[Shape], counts: Array) -> dict[str, Evidence]:
    """Cells of a column that prove an order of day and month, by style."""
    found: dict[str, Evidence] = {}
    for shape, count in zip(shapes, counts, strict=True):
        if shape.kind == "ordered" and not shape.style.startswith("word"):
            order = shape.evidence
            seen = Evidence(int(count) * (order == "dmy"), int(count) * (order == "mdy"))
            found[shape.style] = found.get(shape.style, Evidence()) + seen
    return found


def _dates(text: TextColumn, column: Column, mapping: ColumnMap, dialect: Dialect) -> Cleaned:
    birth = column.role == "birth"
    shapes = [_coded_shape(s, mapping, birth) for s in text.spellings]
    evidence = column_evidence(shapes, text.counts())
    declared = mapping.date_order or dialect.date_order
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
    context = DateContext(orders, dialect.cut, birth)
    readings = [
        _quiet_if_canonical(resolve(shape, context), spelling)
        for shape, spelling in zip(shapes, text.spellings, strict=True)
    ]
    cleaned = Cleaned(_days(readings, text, "value"), orders=orders)
    cleaned.first = _days(readings, text, "first")
    cleaned.last = _days(readings, text, "last")
    cleaned.entries = _entries(text, readings, column, mapping)
    if declared is None:
        cleaned.entries += _inferred(text, shapes, orders, column, mapping)
    return cleaned


_IN_WORDS = {"dmy": "day, month, year", "mdy": "month, day, year", "ymd": "year, month, day"}


def _inferred(
    text: TextColumn,
    shapes: list[Shape],
    orders: Mapping[str, Order | None],
    column: Column,
    mapping: ColumnMap,
) -> list[Entry]:
    """Say, at the first date of each way of writing, in which order the column was read."""
    first = _first_rows(text)
    found = []
    for style, order in orders.items():
        rows = [first[i] for i, shape in enumerate(shapes) if shape.style == style]
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
    if reading.rule == "date.format" and render(reading.value) == spelling:
        return Reading(reading.value, style=reading.style)
    return reading


def _days(readings: list[Reading], text: TextColumn, part: str) -> Array:
    days = [getattr(r, part) for r in readings]
    lookup = np.array(
        [np.datetime64("NaT") if d is None else np.datetime64(d) for d in days]
        + [np.datetime64("NaT")],
        dtype="datetime64[D]",
    )
    return lookup[text.codes]


# ------------------------------------------------------------------ for documentation and tests


def clean_texts(
    column: Column,
    texts: list[str],
    *,
    mapping: ColumnMap | None = None,
    cut: dt.date = dt.date(2025, 12, 31),
) -> pd.DataFrame:
    """Clean a few cells of one column, to show or test a rule.

    Parameters
    ----------
    column : Column
        What the cells are.
    texts : list of str
        The cells, as one column.
    mapping : ColumnMap, optional
        What a mapping would declare.
    cut : date
        Day of the exports.

    Returns
    -------
    DataFrame
        One row per cell: ``raw, clean, rules`` (those that fired at the cell, in order).

    Examples
    --------
    >>> from vpstats.schema_tables import LEVELS
    >>> clean_texts(LEVELS["level"], ["Th8", "L2-3"])[["clean", "rules"]].values.tolist()
    [['T8', 'level.spelling'], ['', 'level.ambiguous']]
    """
    from vpstats.registry.raw import from_texts

    text = from_texts(texts)
    declared = mapping or ColumnMap(column="x")
    cleaned = clean_column(text, column, declared, Dialect(cut))
    values, entries = cleaned.values, list(cleaned.entries)
    if column.kind in ("number", "integer"):
        values, ranged = judge_range(values, column, declared, text.texts())
        entries += ranged
    fired: list[list[str]] = [[] for _ in texts]
    for item in entries:
        for position in item.positions:
            fired[position].append(item.rule)
    return pd.DataFrame(
        {
            "raw": texts,
            "clean": [_shown(v) for v in values],
            "rules": [" ".join(rules) for rules in fired],
        }
    )


def _shown(value: object) -> str:
    if isinstance(value, np.datetime64):
        return "" if np.isnat(value) else str(value)
    if isinstance(value, float):
        return "" if np.isnan(value) else render(float(value))
    return render(value)
