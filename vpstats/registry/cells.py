"""What one spelling says: the value that readers of levels, numbers, dates and words return."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, NamedTuple

_DASHES = dict.fromkeys(map(ord, "‐‑‒–—―−﹣－"), "-")
_SPACES = dict.fromkeys(map(ord, "\u00a0\u2007\u2009\u200a\u202f\t\r\n"), " ")
_NOTHING = dict.fromkeys(map(ord, "\u200b\u200c\u200d\u2060\ufeff\x00"), None)
_TABLE = {**_DASHES, **_SPACES, **_NOTHING}
_STRAIGHT = {**_SPACES, **_NOTHING}


class Reading(NamedTuple):  # one per spelling: a tuple is made several times as fast
    """What one spelling says.

    Parameters
    ----------
    value : object
        Canonical value; None is missing.
    rule : str
        Rule of the change or doubt, a key of ``RULES``; "" where there is nothing to say.
    note : str
        Phrase for the message, without the cell's text.
    style : str
        Way of writing; a style that is rare in its column is logged cell by cell.
    limit : str
        For numbers: "exact", "below" or "above".
    first, last : object
        For partial dates: first and last possible day.
    """

    value: Any = None
    rule: str = ""
    note: str = ""
    style: str = ""
    limit: str = ""
    first: Any = None
    last: Any = None


EMPTY = Reading()
"""A blank cell: not recorded."""


def simplify(text: str) -> str:
    """One kind of dash and space, no invisible characters, no space at the ends.

    Examples
    --------
    >>> simplify(" −2,8 ")
    '-2,8'
    """
    return " ".join(text.translate(_TABLE).split())


def trim(text: str) -> str:
    """Drop spaces at the ends and invisible characters; the rest stays as written.

    Examples
    --------
    >>> trim(" Th8 ")
    'Th8'
    """
    return text.translate(_STRAIGHT).strip()


def unwrapped(text: str) -> str:
    """A list without the brackets and quotes that databases put around it and its items.

    Examples
    --------
    >>> unwrapped('{T12,L1}'), unwrapped('["T12", "L1"]'), unwrapped("L1 (2x)")
    ('T12,L1', 'T12, L1', 'L1 (2x)')
    """
    plain = text.strip()
    if plain[:1] + plain[-1:] not in ("{}", "[]"):
        return text
    return plain[1:-1].replace('"', "")


def all_wrapped(spellings: Iterable[str]) -> bool:
    """Whether every cell with a digit stands in brackets, as where a database wrote the column.

    Examples
    --------
    >>> all_wrapped(["[4]", "{3,2}", "n/a"]), all_wrapped(["[4]", "3"])
    (True, False)
    """
    return all(s[:1] in "{[" for s in spellings if any(c.isdigit() for c in s))


@lru_cache(maxsize=262144)
def fold(text: str) -> str:
    """Spell a word without case, accents, doubled spaces and closing punctuation.

    Examples
    --------
    >>> fold(" Nije  RAĐENO. ")
    'nije radeno'
    """
    # letters that have no accent to take away: đ, and the ı of Turkish
    small = simplify(text).casefold().replace("đ", "d").replace("ı", "i")
    plain = unicodedata.normalize("NFKD", small)
    plain = "".join(c for c in plain if not unicodedata.combining(c))
    return " ".join(plain.split()).strip(" .,;:!")
