"""Numbers that are written in two units: feet and inches, metres and centimetres, clock times."""

from __future__ import annotations

import re
from decimal import Decimal
from types import MappingProxyType

from vpstats.schema import Range

_FOOT, _INCH = Decimal("30.48"), Decimal("2.54")
_METRES = re.compile(r"(1) ?m ?([0-9]{2})")
_FEET = re.compile(
    r"([3-7]) ?(?:['’′´]|ft\.?|feet|foot) ?"
    r"(?:([0-9]|1[01])([.,]5)? ?(?:[\"”″]|['’′´]{2}|in\.?|inch|inches)?)?"
)
_HOURS = re.compile(r"([0-9]{1,2}) ?(?:h|std|sata?|or[ae]|horas?|heures?) ?([0-5][0-9])(?: ?min)?")
_CLOCK = re.compile(r"([0-9]{1,2}):([0-5][0-9])(?::([0-5][0-9]))?(?: ?(?:h|std|min))?")

CLOCKS = MappingProxyType({"h:mm": "h:mm", "hh:mm": "h:mm", "mm:ss": "mm:ss", "m:ss": "mm:ss"})
"""Declared unit → what two numbers with a colon are: hours and minutes, or minutes and seconds."""


def compound_values(text: str, unit: str, clock: str = "") -> tuple[Decimal, ...]:
    """Every value that a number in two units can have.

    Parameters
    ----------
    text : str
        The cell, simplified and without case.
    unit : str
        Unit of the schema; only lengths and durations are written so.
    clock : str
        One of the values of `CLOCKS` where the column declares it, "" else.

    Returns
    -------
    tuple of Decimal
        In `unit`; two where hours and minutes cannot be told from minutes and seconds; empty where
        the cell is something else.

    Examples
    --------
    >>> [str(v) for text in ("5'4", "1m62") for v in compound_values(text, "cm")]
    ['162.56', '162']
    >>> [str(v) for v in compound_values("1:15", "min")]
    ['75', '1.25']
    """
    if unit == "cm":
        return _length(text)
    return _duration(text, clock) if unit == "min" else ()


def _length(text: str) -> tuple[Decimal, ...]:
    metres = _METRES.fullmatch(text)
    if metres is not None:
        return (Decimal(metres[1]) * 100 + Decimal(metres[2]),)
    feet = _FEET.fullmatch(text)
    if feet is None:
        return ()
    inches = Decimal(feet[2] or 0) + (Decimal("0.5") if feet[3] else 0)
    return (Decimal(feet[1]) * _FOOT + inches * _INCH,)


def _duration(text: str, clock: str) -> tuple[Decimal, ...]:
    hours = _HOURS.fullmatch(text)
    if hours is not None:
        return (Decimal(hours[1]) * 60 + Decimal(hours[2]),)
    match = _CLOCK.fullmatch(text)
    if match is None:
        return ()
    first, second = Decimal(match[1]), Decimal(match[2])
    if match[3] is not None:
        return (first * 60 + second + _sixtieth(match[3]),)
    both = {
        "h:mm": first * 60 + second,
        "mm:ss": first + _sixtieth(match[2]),
    }
    return (both[clock],) if clock else tuple(dict.fromkeys(both.values()))


def _sixtieth(digits: str) -> Decimal:
    return (Decimal(digits) / 60).quantize(Decimal("1e-9")).normalize()


def proved_clock(text: str, possible: Range | None) -> str:
    """Which clock a cell shows, since as the other it would be impossible; "" where it does not.

    Examples
    --------
    >>> proved_clock("1:15", (5, 300)), proved_clock("5:10", (5, 600))
    ('h:mm', '')
    """
    values = compound_values(text, "min")
    if len(values) < 2 or possible is None:
        return ""
    inside = [possible[0] <= value <= possible[1] for value in values]
    return ("h:mm" if inside[0] else "mm:ss") if sum(inside) == 1 else ""
