"""Texts that may name a person, although their column names nobody.

A name, a national number or a day of birth that was typed one column too far stands where numbers
or codes are expected. It cannot be read, so a finding would quote it: such texts are not quoted.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

from vpstats.schema_tables import TABLES

_WORD = r"[^\W\d_]+(?:['’-][^\W\d_]+)*\.?"
_NAME = re.compile(rf"{_WORD}(?:,? {_WORD}){{1,3}}")
"""Two to four words and nothing else; of a name, each begins with a capital letter."""
_NUMBER = re.compile(r"\d(?:[ ./-]?\d){8,}")
"""Nine digits or more, as national numbers and telephones have."""
_TAX_CODE = re.compile(r"[A-Z]{6}\d{2}[A-Z]\d{2}[A-Z]\d{3}[A-Z]", re.IGNORECASE)
_DAY = re.compile(r"(?:\d{1,2}[./-] ?\d{1,2}[./-] ?\d{4}|\d{4}-\d{2}-\d{2})\b")
_LONGEST = 200
_VOCABULARY = 5
"""A text that so many rows of a column share is a word of the center, not one person."""
_DAYS = {c.name for table in TABLES.values() for c in table if c.kind == "date"}


def may_name_a_person(text: str, field: str = "") -> bool:
    """Whether a text has the shape of a name, a person's number, an address or a day of birth.

    Parameters
    ----------
    text : str
        What stands in the cell.
    field : str
        Canonical field that the column is mapped to; in a field of days a day is at home.

    Returns
    -------
    bool
        True for shapes alone; no list of names is consulted.

    Examples
    --------
    >>> [may_name_a_person(text) for text in ("Horvat, Ana", "L2-3", "4,5 ml", "1 234 567 890")]
    [True, False, False, True]
    >>> may_name_a_person("11.11.1941"), may_name_a_person("31.11.2024", "proc_date")
    (True, False)
    """
    short = text.strip()[:_LONGEST]
    if _DAY.search(short):
        return field not in _DAYS
    named = _NAME.fullmatch(short) and all(word[0].isupper() for word in short.split())
    return bool(named or "@" in short or _NUMBER.search(short) or _TAX_CODE.search(short))


def unquotable(texts: Iterable[object], field: str) -> set[str]:
    """Those of the texts that no finding may quote.

    Parameters
    ----------
    texts : iterable of object
        Texts of one column, one per row.
    field : str
        Its canonical field.

    Returns
    -------
    set of str
        Texts shaped like a person's, and not shared by many rows.

    Examples
    --------
    >>> unquotable(["Ana Horvat", *5 * ["Pathologische Fraktur"], "many"], "indication")
    {'Ana Horvat'}
    """
    counts = Counter(str(text) for text in texts)
    return {t for t, n in counts.items() if n < _VOCABULARY and may_name_a_person(t, field)}
