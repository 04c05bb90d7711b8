"""Numbers without a unit in a column some of whose cells have one, and not the registry's."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np

from vpstats.registry.cells import Reading
from vpstats.registry.columns import raw_name
from vpstats.registry.journal import Entry, entry
from vpstats.registry.mapping import ColumnMap
from vpstats.registry.numbers import stated_factor
from vpstats.registry.raw import TextColumn
from vpstats.registry.units import factor
from vpstats.schema import Column

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

_OF_A_UNIT = 2  # cells with a unit, below which one odd patient would speak for a column
_APART = 5.0  # how far two units are apart at least, for numbers to tell which one is meant
_FEW = 10  # cells without a unit for each with one, above which the few are the odd ones
_IN_HEADER = re.compile(r"[(\[]([^()\[\]]+)[)\]]")


def beside_another_unit(
    text: TextColumn, readings: list[Reading], column: Column, mapping: ColumnMap
) -> Entry:
    """Numbers without a unit, where others of the column have one, and their numbers are alike.

    Each is doubted; where those with a unit are few, the column is doubted once, at the first. A
    header that names the registry's unit speaks for its numbers.
    """
    stated = np.array([r.rule == "number.unit_in_cell" for r in readings], bool)
    factors = [stated_factor(s, column.unit) for s in np.array(text.spellings, object)[stated]]
    where, note = np.empty(0, np.int64), "cells of the column with another unit have numbers like "
    if factors and min(factors) == max(factors) != 1.0 and not _is_named(column, mapping):
        told = np.array([isinstance(r.value, float) and r.value > 0 for r in readings], bool)
        exact = np.array([r.limit in ("", "exact") for r in readings], bool)
        plain = told & ~stated
        values = np.repeat([_as_float(r) for r in readings], text.counts())
        of = [np.repeat(chosen, text.counts()) for chosen in (stated & told, plain & exact)]
        if _are_alike(values[of[0]] / factors[0], values[of[1]], factors[0]):
            where = np.flatnonzero(np.append(plain, [False])[text.codes])
            some = len(where) > _FEW * of[0].sum()
            note += f"the {len(where):,} without, as this one" if some else "this one"
            where = where[:1] if some else where
    return entry(
        "unit.beside",
        where,
        field=column.name,
        column=raw_name(mapping),
        raw=text.take(where).texts(),
        note=note,
        masked=column.masked,
    )


def _as_float(reading: Reading) -> float:
    return reading.value if isinstance(reading.value, float) else np.nan


def _is_named(column: Column, mapping: ColumnMap) -> bool:
    """Whether the header names the unit of the registry: ``CRP (mg/L)``, ``CRP mg/l``."""
    said = unit_in_header(raw_name(mapping), column.unit)
    return bool(said) and factor(column.unit, said) == 1


def unit_in_header(name: str, unit: str) -> str:
    """The unit of a quantity that a header names, as it writes it; "" where it names none.

    It stands in brackets or at the end; one letter is a unit in brackets alone. Of two units none
    is sure.

    Examples
    --------
    >>> unit_in_header("CRP (mg/dl)", "mg/L"), unit_in_header("CRP mg/l", "mg/L")
    ('mg/dl', 'mg/l')
    >>> unit_in_header("crp_pre", "mg/L"), unit_in_header("Zeit s", "min")
    ('', '')
    """
    words = [w.strip() for w in _IN_HEADER.findall(name)]
    words += [w for w in name.replace("_", " ").split()[1:][-1:] if len(w) > 1]
    found = [w for w in words if unit and factor(unit, w) is not None]
    return found[0] if len({factor(unit, w) for w in found}) == 1 else ""


def _are_alike(written: Array, plain: Array, scale: float) -> bool:
    """Whether numbers are nearer to what others are as written than to what these become."""
    if min(len(written), len(plain)) < _OF_A_UNIT or abs(np.log(scale)) < np.log(_APART):
        return False
    distance = abs(np.log(np.median(plain) / np.median(written)))
    return bool(distance < abs(np.log(np.median(plain) / np.median(written * scale))))
