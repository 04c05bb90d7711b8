"""How a source writes, seen over all of its mapped columns before any of them is read."""

from __future__ import annotations

import datetime as dt

import numpy as np

from vpstats.registry.chosen_rows import rows_read
from vpstats.registry.columns import Dialect
from vpstats.registry.date_orders import Evidence
from vpstats.registry.dates import Shape, date_shape
from vpstats.registry.fields import field_column
from vpstats.registry.mapping import ColumnMap, SourceMap
from vpstats.registry.months import Names
from vpstats.registry.numbers import decimal_evidence
from vpstats.registry.raw import RawSource
from vpstats.registry.typed import column_evidence, month_names
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
    """See the decimal mark and the orders of dates that a source proves.

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
    shapes = _date_shapes(raw, columns)
    return Dialect(
        cut,
        decimal=source.decimal or excel or seen,
        thousands=source.thousands,
        date_order=source.date_order,
        evidence=_date_evidence(shapes, raw),
        months=_month_names(shapes, raw),
    )


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


def _date_shapes(raw: RawSource, columns: dict[str, Column]) -> dict[str, list[Shape]]:
    return {
        name: [date_shape(s, birth=column.role == "birth") for s in raw.columns[name].spellings]
        for name, column in columns.items()
        if column.kind == "date"
    }


def _date_evidence(shapes: dict[str, list[Shape]], raw: RawSource) -> dict[str, Evidence]:
    total: dict[str, Evidence] = {}
    for name, of_column in shapes.items():
        for style, seen in column_evidence(of_column, raw.columns[name].counts()).items():
            total[style] = total.get(style, Evidence()) + seen
    return total


def _month_names(shapes: dict[str, list[Shape]], raw: RawSource) -> Names:
    """Whose names of months the columns prove; "" where they contradict one another."""
    found = {month_names(s, raw.columns[name].counts()) for name, s in shapes.items()} - {""}
    return found.pop() if len(found) == 1 else ""
