"""Whose yes and no a column writes: ``ne`` is a Croatian no and a Spanish *no especificado*."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from vpstats.registry.cells import fold
from vpstats.registry.lexicon import answer_language

_KIN: Mapping[str, str] = MappingProxyType(
    {"cs": "hr", "pt": "it", "nl": "de", "sv": "de", "fi": "de"}
)
"""Languages that share short words, under the name of one: da/ne and ano/ne, sí and sim."""

_SHARED: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "no": frozenset({"en", "it"}),
        "positiv": frozenset({"de", "sv"}),
        "present": frozenset({"en", "fr"}),
        "absent": frozenset({"en", "fr"}),
        "negativ": frozenset({"de", "sv", "hr"}),
    }
)
_ANYWHERE = frozenset({"n", "neg", "pos", "true", "false", "none", "checked", "unchecked", "done"})
"""Words of programs and of medicine, and the letter of every no: they show no language."""

_SHORT: Mapping[str, str] = MappingProxyType(
    {"ne": "hr", "d": "hr", "s": "it", "j": "de", "y": "en"}
)
"""Short answers that are something else, or an abbreviation, in other languages."""
_LETTERS = frozenset(word for word in _SHORT if len(word) == 1)


def spoken(spellings: Sequence[str]) -> frozenset[str]:
    """Languages that the answers of a column show, by words of one language or by S and N.

    Examples
    --------
    >>> sorted(spoken(["Sí", "No", "NE"])), sorted(spoken(["DA", "ne", "1"]))
    (['it'], ['hr'])
    >>> sorted(spoken(["N", "J"])), sorted(spoken(["N", "true", "0", "NE", "J"]))
    (['de'], [])
    """
    words = {fold(spelling) for spelling in spellings}
    own = frozenset(_languages(word) for word in words)
    shown = frozenset(language for some in own if len(some) == 1 for language in some)
    letters = words & _LETTERS
    short = {_SHORT[word] for word in words if word in _SHORT}
    return shown or (frozenset(short) if letters and "n" in words and len(short) == 1 else shown)


def foreign_answers(
    spellings: Sequence[str],
    codes: Mapping[str, str],
    languages: frozenset[str] = frozenset(),
) -> frozenset[str]:
    """Short answers of a column that are of another language than its other words.

    ``NE`` beside *Sí* and *No* is *no especificado*; beside *da* it is a no. Where the column
    itself shows nothing, the answers of its file do.

    Parameters
    ----------
    spellings : sequence of str
        What stands in the column.
    codes : mapping of str to str
        What the mapping says of some; where it says which are yes and no, others are doubted.
    languages : frozenset of str, optional
        Languages of the answers of the whole file, as `spoken` tells them.

    Returns
    -------
    frozenset of str
        Those that are not to be read.

    Examples
    --------
    >>> sorted(foreign_answers(["Sí", "No", "NE", "D"], {}))
    ['D', 'NE']
    >>> sorted(foreign_answers(["D", "NE"], {}))
    []
    >>> sorted(foreign_answers(["1", "0", "NE"], {}, frozenset({"it"})))
    ['NE']
    """
    plain = {spelling: fold(spelling) for spelling in spellings}
    short = {word for word in plain.values() if word in _SHORT}
    if not short:
        return frozenset()
    beside = [own for own in map(_languages, plain.values()) if own]
    shown = spoken(spellings)
    coded = {"yes", "no"} <= set(codes.values())
    doubted = {
        word
        for word in short
        if not _is_at_home(_SHORT[word], shown, beside, languages)
        and (coded or languages or beside or _others(word, short))
    }
    return frozenset(spelling for spelling, word in plain.items() if word in doubted)


def _is_at_home(
    language: str,
    shown: frozenset[str],
    beside: Sequence[frozenset[str]],
    languages: frozenset[str],
) -> bool:
    """Whether the column has other words of a language, or else its file."""
    if language in shown or language in languages:
        return True
    return not shown and any(language in own for own in beside)


def _others(word: str, short: set[str]) -> bool:
    """Whether short answers of other languages stand beside one."""
    return any(_SHORT[other] != _SHORT[word] for other in short)


def _languages(plain: str) -> frozenset[str]:
    """Languages of a longer answer; none of what is written everywhere."""
    if plain in _SHORT or plain in _ANYWHERE:
        return frozenset()
    if plain in _SHARED:
        return _SHARED[plain]
    language = answer_language(plain)
    return frozenset({_KIN.get(language, language)}) if language else frozenset()
