"""Cells that hold two numbers: two units of one (5'4", 1m62, 1:15), or a list of several."""

from __future__ import annotations

import re
from decimal import Decimal
from types import MappingProxyType

from vpstats.registry.cells import unwrapped
from vpstats.schema import Range

_FOOT, _INCH = Decimal("30.48"), Decimal("2.54")
_METRES = re.compile(r"(1) ?m ?([0-9]{2})")
_FEET = re.compile(
    r"([3-7]) ?(?:['’′´]|ft\.?|feet|foot) ?"
    r"(?:([0-9]|1[01])([.,]5)? ?(?:[\"”″]|['’′´]{2}|in\.?|inch|inches)?)?"
)
_HOURS = re.compile(  # one digit of minutes only where it says so: 1h5 may be an hour and a half
    r"([0-9]{1,2}) ?(?:h(?:rs?|ours?)?\.?|std\.?|stunden?|sata?|or[ae]|horas?|heures?|godz\.?)"
    r" ?(?:(?:e|et|i|y|und|and) )?"
    r"(?:([0-5][0-9])(?: ?min\.?)?|([0-5]?[0-9]) ?(?:min(?:\.|ut(?:es?|en?|i|a|os))?|['’′´]))"
)
_MINUTES = re.compile(
    r"([0-9]{1,3}) ?['’′´] ?([0-5]?[0-9]) ?(?:[\"”″]|['’′´]{2})?"
    r"|([0-9]{1,3}) ?m(?:in\.?|n)? ?([0-5]?[0-9]) ?s(?:ec|ek)?\.?"
    r"|([0-9]{1,3}) ?m(?:in\.?|n) ?([0-5][0-9])"
)
_CLOCK = re.compile(r"([0-9]{1,2}):([0-5][0-9])(?::([0-5][0-9]))?(?: ?(?:h|std|min))?")

_CUTS = re.compile(r"[;/|\n]|,(?= )|(?<=[a-z]),| (?:i|and|und|et|y|e|te) ", re.IGNORECASE)
_ITEM = re.compile(
    r"[~<>]?(?:[0-9]{1,4}(?:[.,][0-9]{1,4})?|[0-9]?[½¼¾]) ?[a-z]{0,3}[0-9³]?\.?", re.IGNORECASE
)
_DIGITS = "~<>0123456789.,½¼¾ "
_LONGEST = 60  # characters, above which a cell is no list of a session's volumes

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
    >>> [str(v) for text in ("4'30", "4 min 30 s") for v in compound_values(text, "min")]
    ['4.5', '4.5']
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
        return (Decimal(hours[1]) * 60 + Decimal(hours[2] or hours[3]),)
    minutes = _MINUTES.fullmatch(text)
    if minutes is not None:
        whole, seconds = (found for found in minutes.groups() if found is not None)
        return (Decimal(whole) + _sixtieth(seconds),)
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


# ------------------------------------------------------------------ lists


def listed_numbers(text: str, *, sums: bool = False) -> tuple[str, ...]:
    """The numbers of a cell that lists several, each with the unit that stands beside it.

    Parameters
    ----------
    text : str
        The cell; any text is safe.
    sums : bool
        Whether a plus parts the items of a list. It does not by itself: ``2 + 2`` of cement is
        what went through two needles.

    Returns
    -------
    tuple of str
        Empty where the cell is not a list of two numbers or more. One unit at the end is that of
        all.

    Examples
    --------
    >>> listed_numbers("4,5 / 3"), listed_numbers("4cc, 3cc"), listed_numbers("5 ml")
    (('4,5', '3'), ('4cc', '3cc'), ())
    >>> listed_numbers("4 + 3 ml"), listed_numbers("4 + 3 ml", sums=True)
    ((), ('4 ml', '3 ml'))
    """
    parts = cut_list(text, sums=sums) if len(text) <= _LONGEST else ()
    if len(parts) < 2 or not all(_ITEM.fullmatch(part) for part in parts):
        return ()
    units = [part.lstrip(_DIGITS) for part in parts]
    shared = f" {units[-1]}" if units[-1] and not any(units[:-1]) else ""
    return tuple(f"{part}{'' if unit else shared}" for part, unit in zip(parts, units, strict=True))


def cut_list(text: str, *, sums: bool = False) -> tuple[str, ...]:
    """The items of a cell, whatever they are; a comma parts them where no digit follows it.

    Examples
    --------
    >>> cut_list("4,5 / n.p."), cut_list("4 ml,3 ml")
    (('4,5', 'n.p.'), ('4 ml', '3 ml'))
    """
    plain = unwrapped(text)
    # a database parts the numbers of a list by commas alone, and has points in them
    parts = plain.split(",") if plain != text else _CUTS.split(text)
    return tuple(item.strip() for part in parts for item in (part.split("+") if sums else (part,)))
