"""Whether a cell names a word of the mapping, among other words, without denying it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from vpstats.registry.answers import read_answer

_PARTS = re.compile(
    r"[,;+&|\n]| (?:i|and|und|et|y|e|ed|och|og|en|but|aber|ali|ma|pero|mais|mas|with|mit|s) "
)
_WORD = re.compile(r"[^\W_]+")
_SHORTEST, _DIGITS = 2, 4  # letters of a word, and digits of a number, sought among others

_DENIES = frozenset(
    {"never", "nor", "keinen", "keines", "keinerlei", "pas", "ni", "jamais", "mai", "nunca"}
    | {"nikakav", "nikakve", "nikakvog", "inte", "ikke", "niet", "brak", "nessun", "ningun"}
    | {"zadna", "zadne", "zadny", "zaden", "not"}
)
"""Words before another that deny it, beside those that are a no by themselves."""
_ABOUT = frozenset(
    {"of", "for", "auf", "fur", "von", "de", "d", "di", "da", "per", "za", "na", "pour", "til"}
)
"""Words that join evidence or signs to what they are of: kein Anhalt für."""
_BETWEEN = frozenset(
    {"a", "an", "the", "any", "ein", "eine", "une", "un", "una", "la", "le", "l", "el"}
    | {"acute", "akute", "akuter", "akutna", "acuta", "aguda", "aigue", "new", "neue", "neuer"}
    | {"nova", "novi", "nueva", "nuova", "nouvelle", "other", "weitere", "further"}
)
"""Words between a denial and what it denies."""
_EXCLUDED = re.compile(
    r"(?:(?:was|is|has|been|wurde|ist|war|je|e|est|ete|fue|es|stato|stata|sicher|safely) )*"
    r"(?:ausgeschlossen|exclu|ruled out|esclus|descartad|afastad|iskljucen|wykluczon|vyloucen|"
    r"uitgesloten|uteluk|udeluk|negativ|denied|verneint|"
    r"(?:not|nicht|no|non|nije|pas) (?:confirm|bestatigt|nachweisbar|nachgewiesen|seen|found|"
    r"detected|present|vorhanden|sichtbar|evident|gesehen|potvrden|vidljiv|nadena|nadeno|"
    r"confermat|evidenciad|evidenziat))"
)
"""What is said of something that was sought and is not there."""
_EXCLUDED_FIRST = re.compile(rf"{_EXCLUDED.pattern}\w*")
_REACH = 3  # words between a denial and what it denies


def words(text: str) -> str:
    """Words of a folded text with one space between them and at both ends.

    Examples
    --------
    >>> words("v.a. l/r-lae?")
    ' v a l r lae '
    """
    return f" {' '.join(_WORD.findall(text))} "


def is_sought(wanted: str) -> bool:
    """Whether a wanted cell is a name that may stand among other words, and no yes, no or code.

    Examples
    --------
    >>> [is_sought(text) for text in ("pe", "i26.9", "x", "ja", "12")]
    [True, True, False, False, False]
    """
    alone = read_answer(wanted)
    if alone.value is not None or alone.rule.startswith("missing."):
        return False
    said = sum(c.isalnum() for c in wanted)
    return said >= (_SHORTEST if any(c.isalpha() for c in wanted) else _DIGITS)


def names(cell: str, wanted: str) -> bool:
    """Whether a folded cell has the words of a wanted one among its own.

    Examples
    --------
    >>> [names(cell, "lae") for cell in ("v.a. lae", "?lae", "keine lae", "laesion")]
    [True, True, True, False]
    """
    return words(wanted) in words(cell)


def denies(cell: str, wanted: str) -> bool:
    """Whether a folded cell denies a wanted one wherever it names it.

    Examples
    --------
    >>> [denies(cell, "pe") for cell in ("no pe", "kein anhalt fur pe", "pe ausgeschlossen")]
    [True, True, True]
    >>> [denies(cell, "pe") for cell in ("pe, no symptoms", "no pe before, pe now")]
    [False, False]
    """
    sought, found = words(wanted), False
    parts = [words(part) for part in _PARTS.split(cell)]
    if not any(sought in part for part in parts):
        parts = [words(cell)]  # the wanted words have such a mark between them
    for part in parts:
        before, named, after = part.partition(sought)
        if named and not _denied(before.split(), after.strip()):
            return False
        found = found or bool(named)
    return found


def _denied(before: Sequence[str], after: str) -> bool:
    excluded = _EXCLUDED.match(after) or (before and _EXCLUDED_FIRST.fullmatch(" ".join(before)))
    return bool(excluded) or _is_no(after) or _ahead(before)


def _ahead(before: Sequence[str]) -> bool:
    """Whether the last words before a name deny it: no, no acute, no evidence of."""
    for back, word in enumerate(reversed(before)):
        if back > _REACH:
            return False
        if word in _DENIES or _is_no(word):
            between = before[len(before) - back :]
            return not between or between[-1] in _ABOUT or set(between) <= _BETWEEN
    return False


def _is_no(text: str) -> bool:
    """Whether words are a no; one letter may be anything."""
    return (len(text) > 1 or text == "0") and read_answer(text).value == "no"
