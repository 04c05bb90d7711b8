"""Identifiers as they are written: digits of other scripts, and cells that identify nobody."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Any

import numpy as np

from vpstats.registry.cells import fold
from vpstats.registry.dittos import says_as_above
from vpstats.registry.journal import Entry, entry
from vpstats.registry.lexicon import is_empty_of_program, kind_of_missing
from vpstats.registry.raw import TextColumn

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Array = NDArray[Any]

NAMES = ("patient_id", "procedure_id", "visit_id", "event_id", "operator_id")
"""Fields that name somebody or something by an identifier of the hospital."""

_WIDE = {0xFF01 + i: 0x21 + i for i in range(94)} | {0x3000: 0x20}
"""Full-width letters, digits and marks, as Japanese and Korean keyboards write them."""

_CUT = re.compile(r"[0-9](?:[.,][0-9]+)?[Ee]\+[0-9]{1,3}")
_CANDIDATE = re.compile(
    rf"^(?:[^0-9\n]+|{_CUT.pattern}|0+|9{{3,}}|[0-9]{{15}}0{{3,}}|[-−–][0-9]+)$", re.MULTILINE
)
_NOBODY = re.compile(
    r"[\W_]+|x{2,}|n[. /]{0,2}n\.?|anonym\w*|"
    r"(?:unbekannt|unknown|nepoznat|inconnu|desconocid|sconosciut|nieznan)\w*(?: \w+)?|"
    r"(?:kein|keine|no|bez|sans|sin|senza) (?:nummer|nr|id|broja|numero)"
)
_INITIALS = 4  # letters that may well be somebody's
_CUT_NOTE = "a program cut the number, so that several people may share what is left of it"
_NOBODY_NOTE = "the cell identifies nobody, and several people may share it"
_ABOVE_NOTE = "the cell says 'as above'; name its column in fill_down of the source"


def plain_spelling(identifier: str) -> str:
    """An identifier in composed characters, with digits and full-width letters as in ASCII.

    Superscript digits stay: they may be a footnote's.

    Examples
    --------
    >>> plain_spelling("Ａ１１７６"), plain_spelling("117²")
    ('A1176', '117²')
    """
    text = unicodedata.normalize("NFC", identifier).translate(_WIDE).strip()
    return "".join(str(unicodedata.decimal(c)) if c.isdecimal() else c for c in text)


def judge_identifiers(
    text: TextColumn, values: Array, *, name: str, column: str, coded: bool
) -> tuple[Array, list[Entry]]:
    """Write identifiers in one way, and take those away that identify nobody.

    Parameters
    ----------
    text : TextColumn
        The cells.
    values : ndarray of object
        The identifier of each row; None where there is none.
    name, column : str
        Canonical field and raw column.
    coded : bool
        Whether the mapping says what spellings stand for; those are left alone.

    Returns
    -------
    tuple
        The identifiers, and what was changed and doubted.
    """
    foreign = [i for i, s in enumerate(text.spellings) if not s.isascii()]
    written = {i: plain_spelling(text.spellings[i]) for i in foreign}
    written = {i: plain for i, plain in written.items() if plain != text.spellings[i]}
    nobody = {} if coded else nobodies(text.spellings)
    if not written and not nobody:
        return values, []
    out, entries = values.copy(), []
    if written:
        rows = np.flatnonzero(np.isin(text.codes, list(written)))
        out[rows] = [plain_spelling(v) if isinstance(v, str) else v for v in out[rows]]
        entries.append(_said("key.spelling", rows, name, column))
    for note in sorted(set(nobody.values())):
        found = [i for i, why in nobody.items() if why == note]
        rows = np.flatnonzero(np.isin(text.codes, found))
        out[rows] = None
        # that an event has no session is no doubt; whose it is has to be known
        doubted = name == "patient_id" or note in (_CUT_NOTE, _ABOVE_NOTE)
        rule = "key.placeholder" if doubted else "missing.blank"
        entries.append(_said(rule, rows, name, column, note if doubted else ""))
    return out, entries


def _said(rule: str, rows: Array, name: str, column: str, note: str = "") -> Entry:
    return entry(rule, rows, field=name, column=column, note=note, masked=True)


def nobodies(spellings: Sequence[str]) -> dict[int, str]:
    """Position of each spelling that is nobody's identifier, and why.

    Examples
    --------
    >>> sorted(nobodies(["3001", "?", "unknown", "3002"]))
    [1, 2]
    """
    # a million identifiers are searched as one text first
    candidates = set(_CANDIDATE.findall("\n".join(spellings)))
    if not candidates:
        return {}
    doubtful = [(i, s) for i, s in enumerate(spellings) if s in candidates]
    lettered = sum(1 for _, s in doubtful if s[0].isalpha()) > len(spellings) / 2
    numbers = [int(s) for s in spellings if s.isascii() and s.isdigit()]
    cut = any(_is_long(s) for _, s in doubtful) and _are_cut(spellings)
    found = {i: _why_nobody(s, numbers, lettered=lettered, cut=cut) for i, s in doubtful}
    return {i: why for i, why in found.items() if why}


def _are_cut(spellings: Sequence[str]) -> bool:
    """Whether all numbers of eighteen digits, as of identity cards, end in zeros after fifteen.

    A spreadsheet holds no more; of identifiers that end in zeros by chance others do not.
    """
    return all(not s[_DIGITS:].strip("0") for s in spellings if _is_long(s))


def _is_long(spelling: str) -> bool:
    return len(spelling) >= _LONG and spelling.isascii() and spelling.isdigit()


_DIGITS, _LONG = 15, 18


def _why_nobody(spelling: str, numbers: Sequence[int], *, lettered: bool, cut: bool) -> str:
    if _CUT.fullmatch(spelling):
        return _CUT_NOTE
    if _is_long(spelling) and spelling.strip("09"):
        return _CUT_NOTE if cut else ""
    if any(c.isdigit() for c in spelling):
        return _NOBODY_NOTE if _far_off(spelling, numbers) else ""
    if says_as_above(spelling, short=not lettered):
        return _ABOVE_NOTE
    if is_empty_of_program(spelling):
        return _NOBODY_NOTE
    if lettered and spelling.isalpha() and len(spelling) <= _INITIALS:
        return ""  # where others are called by letters, these are somebody's
    plain = fold(spelling)
    if not plain or kind_of_missing(spelling) is not None or _NOBODY.fullmatch(plain):
        return _NOBODY_NOTE
    return ""


def _far_off(spelling: str, numbers: Sequence[int]) -> bool:
    """A zero, nines or a negative number far from all the others of the column."""
    value = int(spelling.replace("−", "-").replace("–", "-"))
    others = [n for n in numbers if n != value]
    if not others:
        return False
    if value < 0:
        return True
    return min(others) >= 100 if value == 0 else value > 2 * max(others)
