"""Days beside which another column says how exact they are: databases write 1 May for May."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from vpstats.registry.cells import fold
from vpstats.registry.columns import Cleaned, raw_name
from vpstats.registry.journal import Entry, entry
from vpstats.registry.mapping import ColumnMap
from vpstats.registry.mapping_parts import Precision
from vpstats.registry.raw import TextColumn, by_code
from vpstats.schema import Column

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

_DAY, _MONTH, _YEAR, _UNKNOWN, _UNSAID = range(5)
_NOTES = {
    _MONTH: ("date.partial", "only the month is known"),
    _YEAR: ("date.partial", "only the year is known"),
    _UNKNOWN: ("date.unreadable", "the column beside it says that the day is not known"),
    _UNSAID: (
        "date.unreadable",
        "the column beside it says how exact the day is in a word that precision = { … } lacks",
    ),
}


def at_precision(
    cleaned: Cleaned, exact: TextColumn, column: Column, mapping: ColumnMap
) -> Cleaned:
    """Days as exact as the column beside them says; of the others months and years are kept.

    Parameters
    ----------
    cleaned : Cleaned
        Days, read as if all were exact.
    exact : TextColumn
        How exact each is; a blank cell says nothing against its day.
    column : Column
        The field.
    mapping : ColumnMap
        With its ``precision``.

    Returns
    -------
    Cleaned
        A day that is not known is missing, and a finding says so; where the month or year is, its
        first and last day are given.
    """
    if mapping.precision is None:
        return cleaned
    kinds = [_kind(spelling, mapping.precision) for spelling in exact.spellings]
    kind = by_code(np.array([*kinds, _DAY]), exact.codes)
    days = cleaned.values
    rough = (kind != _DAY) & ~np.isnat(days)
    nothing = np.full(len(days), np.datetime64("NaT"), days.dtype)
    first = nothing if cleaned.first is None else cleaned.first
    last = nothing if cleaned.last is None else cleaned.last
    for of, unit in ((_MONTH, "M"), (_YEAR, "Y")):
        start = days.astype(f"datetime64[{unit}]")
        end = (start + 1).astype("datetime64[D]") - 1
        here = rough & (kind == of)
        first = np.where(here, start.astype(days.dtype), first)
        last = np.where(here, end.astype(days.dtype), last)
    known = np.where(rough, np.datetime64("NaT"), days)
    said = [_entry(np.flatnonzero(rough & (kind == k)), k, column, mapping) for k in _NOTES]
    entries = [*cleaned.entries, *(item for item in said if len(item.positions))]
    return replace(cleaned, values=known, first=first, last=last, entries=entries)


def _kind(spelling: str, precision: Precision) -> int:
    names = (precision.day, precision.month, precision.year, precision.unknown)
    folded = fold(spelling) or spelling
    found = (k for k, words in enumerate(names) if folded in {fold(w) or w for w in words})
    return next(found, _UNSAID)


def _entry(rows: Array, kind: int, column: Column, mapping: ColumnMap) -> Entry:
    rule, note = _NOTES[kind]
    name = raw_name(mapping)
    return entry(rule, rows, field=column.name, column=name, note=note, masked=column.masked)
