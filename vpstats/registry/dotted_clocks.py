"""A point or comma among times with colons: ``3.45`` may be 3:45, or a fraction of a minute."""

from __future__ import annotations

import re
from decimal import Decimal

from vpstats.registry.cells import simplify
from vpstats.registry.compound import CLOCKS, compound_values
from vpstats.registry.mapping import ColumnMap
from vpstats.registry.raw import TextColumn
from vpstats.registry.units import fold_unit
from vpstats.schema import Column, Range

_DOTTED = re.compile(r"([0-9]{1,3})[.,]([0-9]{1,2})")
_SIXTY = 60


def dotted_clocks(
    text: TextColumn, column: Column, mapping: ColumnMap, clock: str
) -> tuple[str, ...]:
    """Which clocks the cells of a column with a point or comma may have been meant for.

    Parameters
    ----------
    text : TextColumn
        The column.
    column : Column
        Declaration; only durations in minutes are written so.
    mapping : ColumnMap
        Its unit may declare the clock, or minutes.
    clock : str
        As the column writes times, ``h:mm`` or ``mm:ss``, "" where that is not known.

    Returns
    -------
    tuple of str
        Empty where most cells are fractions of minutes.
    """
    declared = fold_unit(mapping.unit or "") in CLOCKS
    if column.unit != "min" or not (declared or mapping.unit is None):
        return ()
    cells = dict(zip(text.spellings, text.counts().tolist(), strict=True))
    points = {s: n for s, n in cells.items() if _DOTTED.fullmatch(s)}
    colons = sum(n for s, n in cells.items() if ":" in s and _is_clock(s))
    usual = sum(points.values()) > colons
    if not (declared or colons) or (usual and not (declared and all(map(_may_be_clock, points)))):
        return ()
    return (clock,) if clock else tuple(dict.fromkeys(CLOCKS.values()))


def _is_clock(text: str) -> bool:
    return bool(compound_values(simplify(text).casefold(), "min"))


def _may_be_clock(text: str) -> bool:
    """Whether what stands behind the point can be seconds, or minutes of an hour."""
    match = _DOTTED.fullmatch(text)
    return match is not None and int(match[2].ljust(2, "0")) < _SIXTY


def may_be_clock(whole: str, part: str, clocks: tuple[str, ...], possible: Range | None) -> bool:
    """Whether a number with a point is another number of minutes as a time of a clock.

    Parameters
    ----------
    whole, part : str
        Digits before and behind the point; of one digit behind it the zero may be gone.
    clocks : tuple of str
        ``h:mm``, ``mm:ss`` or both.
    possible : tuple of float, optional
        Minutes that can be.

    Examples
    --------
    >>> [may_be_clock(*t.split("."), ("mm:ss",), (0, 60)) for t in ("3.45", "4.3", "4.0", "4.75")]
    [True, True, False, False]
    >>> [may_be_clock(*t.split("."), ("h:mm",), (5, 300)) for t in ("1.30", "45.5")]
    [True, False]
    """
    value, second = Decimal(f"{whole}.{part}"), int(part.ljust(2, "0"))
    values = {value}
    if "h:mm" in clocks:
        values |= {value * _SIXTY}
        values |= {Decimal(whole) * _SIXTY + second} if second < _SIXTY else set()
    if "mm:ss" in clocks and second < _SIXTY:
        values.add(Decimal(whole) + Decimal(second) / _SIXTY)
    can_be = [v for v in values if possible is None or possible[0] <= v <= possible[1]]
    return len(can_be) > 1
