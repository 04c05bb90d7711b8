"""Numbers that are impossible or doubtful, and how a message says so: in the unit of the cell."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from vpstats.registry.cells import simplify
from vpstats.registry.columns import raw_name, render
from vpstats.registry.journal import Entry, entry
from vpstats.registry.mapping import ColumnMap
from vpstats.registry.units import factor
from vpstats.schema import Column, Range

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

_DOUBTED = 5  # impossible values, below which a column of few cells proves nothing
_OF_A_PART = 3  # the same, of a part that stands out from the rest of its column
_NO_PARTS: Mapping[str, Array] = MappingProxyType({})


def judge_range(
    values: Array,
    column: Column,
    mapping: ColumnMap,
    raw: Array,
    parts: Mapping[str, Array] = _NO_PARTS,
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
    parts : mapping of str to ndarray
        Kind of part of the column, such as "file", and the part that each row is in: one part
        may be in another unit than the others.

    Returns
    -------
    tuple
        Values with NaN where impossible, and the entries.
    """
    entries: list[Entry] = []
    known = ~np.isnan(values)
    name = raw_name(mapping)

    def outside_of(kind: str, low: float, high: float) -> Callable[[Array], Array]:
        return lambda where: _outside(kind, (low, high), raw[where], values[where], column, mapping)

    def report(rule: str, where: Array, note: object) -> None:
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
        gap = out & _stands_for_missing(raw, out)
        outside = outside_of("possible", low, high)
        report("range.hard", out & ~gap, outside(out & ~gap))
        stands = "; if it stands for missing, say so in codes = { … }"
        report("range.hard", gap, outside(gap) + stands)
        values, known = np.where(out, np.nan, values), known & ~out
        for doubted, note in _in_doubt(known, out & ~gap, parts):
            report("range.scale", doubted, note)
            values, known = np.where(doubted, np.nan, values), known & ~doubted
    if column.warn is not None:
        low, high = column.warn
        odd = known & ((values < low) | (values > high))
        report("range.warn", odd, outside_of("plausible", low, high)(odd))
    return values, entries


def _in_doubt(known: Array, out: Array, parts: Mapping[str, Array]) -> Iterator[tuple[Array, str]]:
    """Possible values of a column, or of a part of it, a quarter or more of which is impossible."""
    said = "a quarter or more of the column {}is impossible"
    if out.sum() >= _DOUBTED and out.sum() * 4 >= out.sum() + known.sum():
        yield known, said.format("")
        return
    if out.sum() < _OF_A_PART:
        return
    for kind, part in parts.items():
        codes, names = pd.factorize(part)
        codes = np.where(codes < 0, len(names), codes)
        impossible = np.bincount(codes[out], minlength=len(names) + 1)
        possible = np.bincount(codes[known], minlength=len(names) + 1)
        wrong = (impossible >= _OF_A_PART) & (impossible * 3 >= possible)
        wrong[-1] = False  # rows of which nobody knows the part
        if (doubted := known & wrong[codes]).any():
            yield doubted, said.format(f"in this {kind} ")
            known = known & ~doubted


_GAP = re.compile(r"-?(?:7{1,5}|8{1,5}|9{1,5})(?:[.,]0{1,6})?")


def _stands_for_missing(raw: Array, where: Array) -> Array:
    """Cells such as 99 or -8 that are codes for a gap, and tell nothing of the column's unit."""
    found = np.zeros(len(raw), bool)
    found[where] = [_GAP.fullmatch(str(text)) is not None for text in raw[where]]
    return found


# ------------------------------------------------------------------ messages

_NUMBER = re.compile(r"[^0-9]*[0-9][0-9.,' ]*")


def _outside(
    kind: str, limits: Range, raw: Array, values: Array, column: Column, mapping: ColumnMap
) -> Array:
    """For each cell, between which numbers it would have to be, in the unit that it is in."""
    said = [
        _range_in(_unit_of(str(text), column, mapping), kind, limits, column, value)
        for text, value in zip(raw.tolist(), values.tolist(), strict=True)
    ]
    return np.array(said, dtype=object)


def _unit_of(text: str, column: Column, mapping: ColumnMap) -> str | None:
    """The unit of a cell, None where another column has it."""
    own = _NUMBER.sub("", simplify(text), count=1)
    if own and factor(column.unit, own) is not None:
        return own
    return None if mapping.unit_column is not None else mapping.unit or column.unit


def _range_in(unit: str | None, kind: str, limits: Range, column: Column, value: float) -> str:
    scale = factor(column.unit, unit) if unit else None
    low, high = limits
    if scale is None or scale == 1:
        shown = "" if unit is not None or column.masked else f"read as {render(value)}, "
        return f"{shown}outside the {kind} {low:g} to {high:g} {column.unit}".rstrip()
    low, high = low / float(scale), high / float(scale)
    return f"outside the {kind} {low:.4g} to {high:.4g} {unit}"
