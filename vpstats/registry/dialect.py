"""How a source writes, seen over all of its mapped columns before any of them is read."""

from __future__ import annotations

import datetime as dt

import numpy as np

from vpstats.registry.chosen_rows import rows_read
from vpstats.registry.columns import DateHabits, Dialect
from vpstats.registry.date_orders import Evidence
from vpstats.registry.dates import date_shape
from vpstats.registry.fields import field_column
from vpstats.registry.languages import spoken
from vpstats.registry.mapping import ColumnMap, SourceMap
from vpstats.registry.numbers import decimal_evidence
from vpstats.registry.raw import RawSource
from vpstats.registry.typed import date_habits, only_months
from vpstats.schema import Column


def mapped_columns(source: SourceMap) -> dict[str, Column]:
    """Raw columns of a source and what they are; the first declaration where there are several."""
    found: dict[str, Column] = {}
    for table in source.tables:
        for field, mapping in table.columns.items():
            for name in _value_columns(mapping):
                found.setdefault(name, field_column(table.name, field))
    return found


def _value_columns(mapping: ColumnMap) -> tuple[str, ...]:
    return (mapping.column,) if mapping.column is not None else mapping.columns


def source_dialect(raw: RawSource, source: SourceMap, cut: dt.date) -> Dialect:
    """See the decimal mark, the orders of dates and the languages that a source proves.

    Parameters
    ----------
    raw : RawSource
        All rows of the source.
    source : SourceMap
        What the mapping declares; it goes before what is seen.
    cut : date
        Day of the exports.

    Returns
    -------
    Dialect
        For the cleaning of each column.
    """
    raw = raw.take(np.flatnonzero(rows_read(raw, source)))
    columns = {n: c for n, c in mapped_columns(source).items() if n in raw.columns}
    # numbers that were numbers in the source say nothing of how its texts are written
    typed = {name for meta in raw.meta for name in meta.get("typed", ())}
    seen = _seen_decimal(raw, {n: c for n, c in columns.items() if n not in typed})
    # a workbook holds numbers, not their text: a point in one is always the decimal mark
    excel = "." if source.format == "excel" else None
    dates = _date_habits(raw, columns)
    return Dialect(
        cut,
        decimal=source.decimal or excel or seen,
        thousands=source.thousands,
        date_order=source.date_order,
        evidence=_date_evidence(dates),
        months=only_months(dates.values()),
        dates=dates,
        languages=_languages(raw, columns),
    )


def _languages(raw: RawSource, columns: dict[str, Column]) -> frozenset[str]:
    own = (raw.columns[n].spellings for n, c in columns.items() if c.kind == "yes_no")
    return frozenset(language for spellings in own for language in spoken(spellings))


def _seen_decimal(raw: RawSource, columns: dict[str, Column]) -> str | None:
    votes = {",": 0, ".": 0}
    for name, column in columns.items():
        if column.kind != "number":
            continue
        text = raw.columns[name]
        for spelling, count in zip(text.spellings, text.counts(), strict=True):
            mark = decimal_evidence(spelling)
            if mark is not None:
                votes[mark] += int(count)
    if votes[","] == votes["."]:
        return None
    return max(votes, key=lambda mark: votes[mark])


def _date_habits(raw: RawSource, columns: dict[str, Column]) -> dict[str, DateHabits]:
    found = {}
    for name, column in columns.items():
        if column.kind == "date":
            text, birth = raw.columns[name], column.role == "birth"
            shapes = [date_shape(spelling, birth=birth) for spelling in text.spellings]
            found[name] = date_habits(shapes, text.counts())
    return found


def _date_evidence(dates: dict[str, DateHabits]) -> dict[str, Evidence]:
    total: dict[str, Evidence] = {}
    for habits in dates.values():
        for style, seen in habits.evidence.items():
            total[style] = total.get(style, Evidence()) + seen
    return total
