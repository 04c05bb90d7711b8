"""Cells that say how long after another day something was, and not on which day."""

from __future__ import annotations

import re

from vpstats.registry.cells import fold
from vpstats.registry.units import factor

_YEARS = frozenset(
    [
        "year",
        "years",
        "yr",
        "yrs",
        "y",
        "jahr",
        "jahre",
        "jahren",
        "god",
        "godina",
        "godine",
        "anno",
        "anni",
        "ano",
        "anos",
        "an",
        "ans",
    ]
)
_LETTERS = frozenset("dwmytj")
"""``M6`` is month 6, ``W2`` week 2, ``J30`` jour 30, ``T6`` Tag, tjedan or time 6."""
_AROUND = re.compile(
    r"\b(?:post ?-?op(?:erat\w+)?|after|nach|poslije|nakon|dopo|despues|apres|follow ?-?up|f/?u|"
    r"visit|visita|visite|kontrol\w+|controllo|control|suivi|at|op)\b\.?"
)
_BEFORE = re.compile(r"\+?([0-9]{1,3}(?:[.,][0-9])?)(?:st|nd|rd|th|\.)?[ -]?([a-z]{1,10})\.?")
_AFTER = re.compile(r"([a-z]{1,10})\.?[ _+-]?([0-9]{1,3})")


def is_elapsed(text: str) -> bool:
    """Whether a cell is a time since another day, such as the month of a planned contact.

    Examples
    --------
    >>> [is_elapsed(t) for t in ("month 6", "6 mo", "3 Monate", "12 mj.", "1 an", "W6")]
    [True, True, True, True, True, True]
    >>> [is_elapsed(t) for t in ("06/2022", "14.3.2023", "Mai 2022", "L1", "6", "yes")]
    [False, False, False, False, False, False]
    """
    plain = " ".join(_AROUND.sub(" ", fold(text)).split()).strip(" -:,()")
    before = _BEFORE.fullmatch(plain)
    if before is not None:
        return _is_unit(before[2])
    after = _AFTER.fullmatch(plain)
    return after is not None and (_is_unit(after[1]) or after[1] in _LETTERS)


def _is_unit(word: str) -> bool:
    return word in _YEARS or word in ("m", "mo", "mos", "mths", "mth") or bool(factor("days", word))
