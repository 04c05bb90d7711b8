"""The names of all fields, found by their words, by their first letters and by what they mean."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from itertools import product
from types import MappingProxyType

from vpstats.drafting.abbreviations import expanded, initials, meaning_of, one_follow_up
from vpstats.drafting.headers import words_of
from vpstats.drafting.names_course import EVENT_NAMES, LEAK_ROW_NAMES, VISIT_NAMES
from vpstats.drafting.names_levels import (
    LEAK_WORDS,
    LEVEL_NAMES,
    MODALITY_WORDS,
    SITE_NAMES,
    SITES_WORD,
)
from vpstats.drafting.names_patients import CENTER_NAMES, PATIENT_NAMES, PERSONAL_NAMES
from vpstats.drafting.names_sessions import PROCEDURE_NAMES
from vpstats.registry.cells import fold
from vpstats.registry.fields import allowed_fields, field_column
from vpstats.registry.synonyms import SITE_WORDS
from vpstats.registry.units import factor
from vpstats.schema import Column
from vpstats.schema_tables import TABLES

Spelled = tuple[str, str, str, tuple[str, ...]]
"""Field, language, name, and the words of the name that say something."""

_NAMES: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "patients": PATIENT_NAMES,
        "procedures": PROCEDURE_NAMES,
        "levels": LEVEL_NAMES,
        "leaks": LEAK_ROW_NAMES,
        "visits": VISIT_NAMES,
        "events": EVENT_NAMES,
    }
)
_SMALL_WORDS = (
    "the of der die das des den del della dell di de du la le el il lo los las les u na za im in "
    "on at bei beim kod and und et l d s "
)
_SMALL = frozenset(_SMALL_WORDS.split())
_TYPED = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "đ": "dj"})
"""How letters are typed where the keyboard has none: Hoehe, rodjenja."""
_UNIT_WORDS = MappingProxyType({"pct": "%", "perc": "%", "percent": "%"})
_LEAK = ("leak", "curenje", "leck", "fuga", "fuite")
STEM = 2
"""Letters of a word before which nobody mistypes."""

_CROWD = 4  # fields whose names have a word: it tells none of them by itself


def _spelled(text: str) -> Iterator[tuple[str, str]]:
    """Language and name of every name in a block of lines."""
    for line in text.strip().split("\n"):
        language, _, names = line.strip().partition(":")
        for name in names.split("|"):
            plain = name.strip()
            yield language, plain
            if language in ("de", "hr") and plain != plain.translate(_TYPED):
                yield language, plain.translate(_TYPED)


def _leak_names() -> Iterator[tuple[str, str, str]]:
    """Field, language and name of every wide field of leaks."""
    leaks = list(_spelled(LEAK_WORDS))
    for modality, text in MODALITY_WORDS.items():
        for (_, leak), where in product(leaks, text.split("|")):
            yield f"leak_any_{modality}", "", f"{leak} {where}"
            yield f"leak_sites_{modality}", "", f"{leak} {where}"
            yield f"leak_any_{modality}", "", leak  # a person says which it is
            for word in SITES_WORD.split("|"):
                yield f"leak_sites_{modality}", "", f"{leak} {word} {where}"
        for site, names in SITE_NAMES.items():
            cells = (word for word, code in SITE_WORDS.items() if code == site)
            for name, where in product(dict.fromkeys((*names.split("|"), *cells)), text.split("|")):
                yield f"leak_{site}_{modality}", "", f"{name} {where}"
                for leak in _LEAK:
                    yield f"leak_{site}_{modality}", "", f"{leak} {name} {where}"


def quantity(column: Column) -> str:
    """Unit of a field that is measured, "" for others."""
    return column.unit if column.kind in ("number", "integer") else ""


def _own_names() -> Iterator[tuple[str, str, str]]:
    for table in TABLES:
        for field in allowed_fields(table):
            yield field, "", field.replace("_", " ")
            unit = quantity(field_column(table, field))
            if unit and field in TABLES[table]:
                yield field, "", " ".join(without_unit(words_of(field), unit)[0])


def _field_names() -> Iterator[tuple[str, str, str]]:
    yield from _own_names()
    for fields in _NAMES.values():
        for field, text in fields.items():
            yield from ((field, language, name) for language, name in _spelled(text))


def all_names() -> Iterator[tuple[str, str, str]]:
    """Field, language and name of every name of every field."""
    yield from _field_names()
    yield from _leak_names()


@cache
def by_words() -> tuple[Mapping[tuple[str, ...], Mapping[str, list[tuple[str, str]]]], ...]:
    """Words in order, joined, without small ones, in any order, by meaning → field → its names."""
    ways: tuple[dict[tuple[str, ...], dict[str, list[tuple[str, str]]]], ...] = ({}, {}, {}, {}, {})
    for field, language, name in all_names():
        words = words_of(name)
        for way, key in zip(ways, ways_of(words), strict=True):
            way.setdefault(key, {}).setdefault(field, []).append((language, name))
    return ways


def large_words(words: tuple[str, ...]) -> tuple[str, ...]:
    """Words that say something; at the beginning OF is the name of a classification."""
    named = ("of",) if words[:1] == ("of",) else ()
    return (*named, *(w for w in words if w not in _SMALL)) or words


def ways_of(words: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
    """The words of a name in each of the ways in which `by_words` has them."""
    large, meant = large_words(words), large_words(one_follow_up(words))
    return words, ("".join(words),), large, tuple(sorted(large)), expanded(meant)


@cache
def by_initials() -> Mapping[str, tuple[Spelled, ...]]:
    """First letters of the meanings of words → the names that have such words; none of leaks."""
    found: dict[str, list[Spelled]] = {}
    for field, language, name in _field_names():
        words = large_words(words_of(name))
        found.setdefault(initials(words), []).append((field, language, name, words))
    return {letters: tuple(names) for letters, names in found.items()}


@cache
def by_word() -> Mapping[str, tuple[Spelled, ...]]:
    """First letters of a word → the names that have such a word."""
    found: dict[str, dict[Spelled, None]] = {}
    for field, language, name in all_names():
        words = large_words(words_of(name))
        for word in words:
            found.setdefault(word[:STEM], {})[field, language, name, words] = None
    return {stem: tuple(names) for stem, names in found.items()}


@cache
def names_of(kind: str) -> frozenset[tuple[str, ...]]:
    """Words of the names of "center" columns, or of "personal" ones."""
    text = CENTER_NAMES if kind == "center" else PERSONAL_NAMES
    return frozenset(words_of(name) for _, name in _spelled(text))


@cache
def meanings_of(kind: str) -> frozenset[tuple[str, ...]]:
    """What the names of such columns mean, in no order."""
    return frozenset(expanded(large_words(name)) for name in names_of(kind))


# ------------------------------------------------------------------ words and units of names


def stated_unit(unit: str, text: str) -> str:
    """The unit in a text, as it writes it; "" if there is none for the quantity.

    Examples
    --------
    >>> stated_unit("mg/L", "mg/dl"), stated_unit("mg/L", "before")
    ('mg/dl', '')
    """
    plain = _UNIT_WORDS.get(fold(text), text)
    return plain if unit and plain and factor(unit, plain) is not None else ""


def without_unit(words: tuple[str, ...], unit: str) -> tuple[tuple[str, ...], str]:
    """Words without the unit at their end or beginning, and that unit."""
    for n in (3, 2, 1):
        for tail, rest in ((words[-n:], words[:-n]), (words[:n], words[n:])):
            for between in ("/", ""):
                text = between.join(tail)
                text = _UNIT_WORDS.get(text, text)
                if rest and len(tail) == n and factor(unit, text) is not None:
                    return rest, text
    return words, ""


@cache
def _fields_of() -> Mapping[str, frozenset[str]]:
    """Meaning of a word → the fields whose names have it; all fields of leaks are one."""
    found: dict[str, set[str]] = {}
    for field, _, name in all_names():
        plain = "leak" if field.startswith("leak_") else field
        for word in large_words(words_of(name)):
            found.setdefault(meaning_of(word), set()).add(plain)
    return {word: frozenset(fields) for word, fields in found.items()}


@cache
def crowded() -> frozenset[str]:
    """Meanings of words that the names of many fields have; of a patient little but a number."""
    return frozenset(w for w, found in _fields_of().items() if len(found) >= _CROWD) - {"patient"}
