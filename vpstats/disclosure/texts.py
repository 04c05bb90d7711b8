"""Sentences from templates: every number in them is a released cell or stands in the template."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from math import isfinite

from vpstats.errors import InternalError
from vpstats.ledger import Note

_PIECES = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")
_SPEC = re.compile(r"(?:.?[<>=^])?[+\- ]?z?#?0?\d*[,_]?(?:\.\d+)?[eEfFgGn%]?")

Say = Callable[[str, str], str | None]
"""Cell id and format to text; None for an id that the ledger does not have."""


def format_number(value: float, spec: str) -> str:
    """Write a number by a format of the usual mini-language.

    Parameters
    ----------
    value : float
        A finite number.
    spec : str
        For example ``",.0f"``; empty for the shortest form.

    Returns
    -------
    str

    Raises
    ------
    InternalError
        If the format is none for numbers.

    Examples
    --------
    >>> format_number(1234.5, ",.0f"), format_number(12.0, "")
    ('1,234', '12')
    """
    if _SPEC.fullmatch(spec) is None:
        raise InternalError(f"'{spec}' is not a format for numbers.")
    if not spec:
        spec = ".0f" if isfinite(value) and value == int(value) else ".4g"
    return format(value, spec)


def render(note: Note, say: Say) -> Note:
    """Put released numbers into a sentence.

    Parameters
    ----------
    note : Note
        With placeholders ``{cell_id:format}``.
    say : callable
        What stands for a cell.

    Returns
    -------
    Note
        The same with its text written out.

    Raises
    ------
    InternalError
        If a placeholder names no cell, or the template has a stray brace.
    """
    text = "".join(piece for piece, _ in _pieces(note.text, say))
    return replace(note, text=text)


_LEVEL = re.compile(r"\b\d+(?:\.\d+)? % interval\b")


def literal_numbers(template: str) -> set[float]:
    """Numbers that a template brings along itself.

    Parameters
    ----------
    template : str
        A note's text with its placeholders.

    Returns
    -------
    set of float

    Examples
    --------
    >>> sorted(literal_numbers("By day 365: {a//n//n:,.0f} of 1,000."))
    [365.0, 1000.0]
    >>> literal_numbers("A rate (95 % interval {a//n//low:.1f}).")
    set()
    """
    literal = "".join(text for text, is_cell in _pieces(template, lambda *_: " ") if not is_cell)
    literal = _LEVEL.sub(" ", literal)  # the level of an interval tells nothing of the data
    numbers: list[str] = re.findall(r"\d+(?:,\d{3})*(?:\.\d+)?", literal)
    return {float(number.replace(",", "")) for number in numbers}


def _pieces(template: str, say: Say) -> Iterator[tuple[str, bool]]:
    """Literal text and rendered cells in turn, each with whether it comes from a cell."""
    end = 0
    for match in _PIECES.finditer(template):
        yield template[end : match.start()], False
        end = match.end()
        if match.group() in ("{{", "}}"):
            yield match.group()[0], False
        elif match.group(1):
            yield _say(match.group(1), say), True
        else:
            raise InternalError("a note has a brace that belongs to no placeholder.")
    yield template[end:], False


def _say(placeholder: str, say: Say) -> str:
    # an id may hold a colon (the term of an interaction), so the whole is tried first
    text = say(placeholder, "")
    if text is None:
        name, _, spec = placeholder.rpartition(":")
        text = say(name, spec)
    if text is None:
        raise InternalError(f"a note names the cell '{placeholder}', which the ledger lacks.")
    return text
