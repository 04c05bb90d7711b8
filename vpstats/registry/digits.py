"""Digits with commas, points, spaces and apostrophes, and every number that they can mean."""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation


def _grouped(groups: list[str]) -> bool:
    """Whether groups of digits between thousands marks are well formed."""
    return 1 <= len(groups[0]) <= 3 and all(len(g) == 3 for g in groups[1:])


def readings_of(token: str, decimal: str | None, thousands: str | None) -> tuple[Decimal, ...]:
    """Every value that digits with marks can mean.

    Parameters
    ----------
    token : str
        Digits, commas, dots, spaces and apostrophes.
    decimal, thousands : str, optional
        Marks of the column, where known.

    Returns
    -------
    tuple of Decimal
        Empty where it is no number; two where it can be read in two ways, the decimal one first.

    Examples
    --------
    >>> [str(v) for v in readings_of("7.500", ",", None)]
    ['7.500', '7500']
    >>> [str(v) for v in readings_of("1.234,5", None, None)]
    ['1234.5']
    """
    plain = _without_spaces(token)
    if plain is None:
        return ()
    if has_both_marks(plain):
        return _both_marks(plain)
    marks = [c for c in plain if c in ".,"]
    if len(marks) > 1:
        groups = plain.split(marks[0])
        return _decimals("".join(groups)) if _grouped(groups) else ()
    if not marks:
        return _decimals(plain)
    return _one_mark(plain, marks[0], decimal, thousands)


def _without_spaces(token: str) -> str | None:
    """Drop spaces and apostrophes between groups of three; None where they part other things."""
    groups = re.split(r"[ ']", token)
    if len(groups) == 1:
        return token
    whole = [*groups[:-1], re.split(r"[.,]", groups[-1])[0]]
    return "".join(groups) if all(g.isdigit() for g in whole) and _grouped(whole) else None


def _decimals(text: str) -> tuple[Decimal, ...]:
    try:
        return (Decimal(text),)
    except InvalidOperation:
        return ()


def has_both_marks(text: str) -> bool:
    """Whether a comma and a point stand in a number: the last of them is the decimal mark."""
    return "," in text and "." in text


def _both_marks(text: str) -> tuple[Decimal, ...]:
    last = max(text.rfind("."), text.rfind(","))
    mark = text[last]
    if text.count(mark) > 1:
        return ()
    groups = text[:last].split("," if mark == "." else ".")
    return _decimals(f"{''.join(groups)}.{text[last + 1 :]}") if _grouped(groups) else ()


def _one_mark(
    text: str, mark: str, decimal: str | None, thousands: str | None
) -> tuple[Decimal, ...]:
    before, after = text.split(mark)
    as_decimal = _decimals(f"{before or '0'}.{after or '0'}")
    could_group = len(after) == 3 and 1 <= len(before) <= 3 and before.lstrip("0") == before
    if not could_group or decimal == mark:
        return as_decimal
    as_thousands = _decimals(before + after)
    return as_thousands if thousands == mark else (*as_decimal, *as_thousands)
