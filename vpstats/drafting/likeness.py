"""How much a header is like the names of each field, in six languages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import cache, lru_cache
from itertools import product
from types import MappingProxyType

from vpstats.drafting.abbreviations import (
    abbreviates,
    expanded,
    initials,
    is_general,
    is_known,
    one_follow_up,
    parted,
)
from vpstats.drafting.headers import NEUTRAL, Header, words_of
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
from vpstats.registry.units import factor
from vpstats.schema import Column
from vpstats.schema_tables import TABLES

EXACT, JOINED, PLAIN, SHUFFLED, MOST_ALIKE = 1.0, 0.98, 0.97, 0.9, 0.8
"""Likeness of the same words, of compounds, without small words, in another order, at most else."""

ABBREVIATED = 0.85
"""Likeness of words that are abbreviations of a name's, or a compound of such: it is doubtful."""

NAMED = SHUFFLED
"""Likeness from which on a header is one of the field's names."""

_VAGUE_WORDS = "duration dauer trajanje durata duracion duree dose doza dosis body"
VAGUE = frozenset(_VAGUE_WORDS.split())
"""Names that other quantities have too, such as a stay or a drug: they need a unit beside them."""

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
_WHEN_WORDS = (
    "preop praop postop op pre post before after prije poslije nakon vor nach vorher nachher prima "
    "dopo antes despues previa avant apres"
)
_WHEN = frozenset(_WHEN_WORDS.split())
"""Words that say when, not what: sharing no other is no likeness."""
_TYPED = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "đ": "dj"})
"""How letters are typed where the keyboard has none: Hoehe, rodjenja."""
_CUT = 6  # letters of names that were cut off to eight or ten characters, at least
_LEAK = ("leak", "curenje", "leck", "fuga", "fuite")
_UNIT_WORDS = MappingProxyType({"pct": "%", "perc": "%", "percent": "%"})
_STEM, _SLIP = 2, 0.8  # letters before which nobody mistypes, and likeness of a mistyped word
_SEVERAL, _NEARLY_ALL = 5, 0.8  # columns that share a prefix: fewer may be one group of them


@dataclass(frozen=True, slots=True)
class Likeness:
    """How much a header is like a name of a field.

    Parameters
    ----------
    score : float
        0 to 1; `NAMED` and more: it is a name of the field.
    name : str
        The name that is nearest.
    language : str
        Of that name; "" for the field's own.
    unit : str
        Unit that the header states, "" if none.
    """

    score: float
    name: str
    language: str = ""
    unit: str = ""


# ------------------------------------------------------------------ the names of the fields


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
            for name, where in product(names.split("|"), text.split("|")):
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
                yield field, "", " ".join(_without_unit(words_of(field), unit)[0])


def _field_names() -> Iterator[tuple[str, str, str]]:
    yield from _own_names()
    for fields in _NAMES.values():
        for field, text in fields.items():
            yield from ((field, language, name) for language, name in _spelled(text))


def _all_names() -> Iterator[tuple[str, str, str]]:
    yield from _field_names()
    yield from _leak_names()


@cache
def _index() -> tuple[Mapping[tuple[str, ...], Mapping[str, list[tuple[str, str]]]], ...]:
    """Words in order, joined, without small ones, in any order, by meaning → field → its names."""
    ways: tuple[dict[tuple[str, ...], dict[str, list[tuple[str, str]]]], ...] = ({}, {}, {}, {}, {})
    for field, language, name in _all_names():
        words = words_of(name)
        for way, key in zip(ways, _keys(words), strict=True):
            way.setdefault(key, {}).setdefault(field, []).append((language, name))
    return ways


def _large(words: tuple[str, ...]) -> tuple[str, ...]:
    """Words that say something; at the beginning OF is the name of a classification."""
    named = ("of",) if words[:1] == ("of",) else ()
    return (*named, *(w for w in words if w not in _SMALL)) or words


def _keys(words: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
    large, meant = _large(words), _large(one_follow_up(words))
    return words, ("".join(words),), large, tuple(sorted(large)), expanded(meant)


@cache
def _by_initials() -> Mapping[str, tuple[tuple[str, str, str, tuple[str, ...]], ...]]:
    """First letters of the meanings of words → the names that have such words; none of leaks."""
    found: dict[str, list[tuple[str, str, str, tuple[str, ...]]]] = {}
    for field, language, name in _field_names():
        words = _large(words_of(name))
        found.setdefault(initials(words), []).append((field, language, name, words))
    return {letters: tuple(names) for letters, names in found.items()}


@cache
def _by_word() -> Mapping[str, tuple[tuple[str, str, str, tuple[str, ...]], ...]]:
    """First letters of a word → the names that have such a word."""
    found: dict[str, dict[tuple[str, str, str, tuple[str, ...]], None]] = {}
    for field, language, name in _all_names():
        words = _large(words_of(name))
        for word in words:
            found.setdefault(word[:_STEM], {})[field, language, name, words] = None
    return {stem: tuple(names) for stem, names in found.items()}


@cache
def names_of(kind: str) -> frozenset[tuple[str, ...]]:
    """Words of the names of "center" columns, or of "personal" ones."""
    text = CENTER_NAMES if kind == "center" else PERSONAL_NAMES
    return frozenset(words_of(name) for _, name in _spelled(text))


@cache
def _meanings_of(kind: str) -> frozenset[tuple[str, ...]]:
    return frozenset(expanded(_large(name)) for name in names_of(kind))


# ------------------------------------------------------------------ likeness


def likeness(header: Header, units: Mapping[str, str]) -> dict[str, Likeness]:
    """Fields that a header may name.

    Parameters
    ----------
    header : Header
        Its words.
    units : mapping of str to str
        Field to the schema's unit, "" for none.

    Returns
    -------
    dict of str to Likeness
        Only fields of `units`.

    Examples
    --------
    >>> from vpstats.drafting.headers import read_header
    >>> found = likeness(read_header("crp_mg_dl"), {"crp_mg_l": "mg/L", "crp_date": ""})
    >>> found["crp_mg_l"].score, found["crp_mg_l"].unit
    (1.0, 'mg/dl')
    """
    found = dict(_named(header.words, units, header))
    for field, unit in units.items():
        if unit and field not in found:
            words, stated = _without_unit(header.words, unit)
            found |= dict(_named(words, {field: unit}, header)) if stated else {}
    best = max((like.score for like in found.values()), default=0.0)
    if best < NAMED:
        found = _alike(header, units) | _abbreviated(header, units) | found
    return found


def _abbreviated(header: Header, units: Mapping[str, str]) -> dict[str, Likeness]:
    """Fields with a name that the header abbreviates, or that is joined of abbreviations."""
    words = _large(header.words)
    parts = parted("".join(header.words)) or words
    found = {}
    for own in dict.fromkeys((words, parts)):
        for field, language, name, theirs in _by_initials().get(initials(own), ()):
            if field in units and field not in found and abbreviates(own, theirs):
                unit = _stated(units[field], header)
                found[field] = Likeness(ABBREVIATED, name, language, unit)
    first = words[0][:_STEM] if words else ""
    for field, language, name, theirs in _by_word().get(first, ()):
        if field in units and field not in found and _is_cut(words, theirs):
            unit = _stated(units[field], header)
            found[field] = Likeness(ABBREVIATED, name, language, unit)
    return found


def _is_cut(ours: tuple[str, ...], theirs: tuple[str, ...]) -> bool:
    """Whether a name was cut off in a word: DATE_OF_BI, WHITE_BLOO."""
    last = len(ours) - 1
    if not 0 < last < len(theirs) or len("".join(ours)) < _CUT:
        return False
    cut = theirs[last].startswith(ours[last]) and theirs[last] != ours[last]
    return cut and ours[:last] == theirs[:last]


def _named(
    words: tuple[str, ...], units: Mapping[str, str], header: Header
) -> Iterator[tuple[str, Likeness]]:
    """Fields of which the words are a name, the surest way only."""
    seen = set()
    scores = (EXACT, JOINED, PLAIN, SHUFFLED, SHUFFLED)
    for way, key, score in zip(_index(), _keys(words), scores, strict=True):
        for field, names in way.get(key, {}).items():
            if field in units and field not in seen:
                seen.add(field)
                # names of several languages mean the same: the one that is spelled most like it
                language, name = max(names, key=lambda found: _overlap(words, words_of(found[1])))
                unit = _stated(units[field], header)
                vague = key[0] in VAGUE and not unit
                yield field, Likeness(MOST_ALIKE if vague else score, name, language, unit)


def _stated(unit: str, header: Header) -> str:
    """Unit that a header states, in brackets or among its words."""
    return stated_unit(unit, header.aside) or (_without_unit(header.words, unit)[1] if unit else "")


def stated_unit(unit: str, text: str) -> str:
    """The unit in a text, as it writes it; "" if there is none for the quantity.

    Examples
    --------
    >>> stated_unit("mg/L", "mg/dl"), stated_unit("mg/L", "before")
    ('mg/dl', '')
    """
    plain = _UNIT_WORDS.get(fold(text), text)
    return plain if unit and plain and factor(unit, plain) is not None else ""


def _without_unit(words: tuple[str, ...], unit: str) -> tuple[tuple[str, ...], str]:
    """Words without the unit at their end or beginning, and that unit."""
    for n in (3, 2, 1):
        for tail, rest in ((words[-n:], words[:-n]), (words[:n], words[n:])):
            for between in ("/", ""):
                text = between.join(tail)
                text = _UNIT_WORDS.get(text, text)
                if rest and len(tail) == n and factor(unit, text) is not None:
                    return rest, text
    return words, ""


def _alike(header: Header, units: Mapping[str, str]) -> dict[str, Likeness]:
    """Fields with a name that shares words with the header, the nearest name of each."""
    words = tuple(w for w in _large(header.words) if w not in _WHEN)
    found: dict[str, Likeness] = {}
    near = dict.fromkeys(n for word in words for n in _by_word().get(word[:_STEM], ()))
    for field, language, name, theirs in near:
        if field not in units or not _share_a_subject(words, theirs):
            continue
        score = MOST_ALIKE * _overlap(words, theirs)
        if score > found.get(field, Likeness(0.0, "")).score:
            unit = _stated(units[field], header)
            found[field] = Likeness(round(score, 3), name, language, unit)
    return found


def _share_a_subject(ours: tuple[str, ...], theirs: tuple[str, ...]) -> bool:
    """Whether two names share more than that they are dates, numbers or scores of something."""
    telling = _telling(theirs)
    if not telling or set(expanded(ours)) <= {"id", "number"}:  # of what is for a person to say
        return True
    return any(_same(a, b) for a in _telling(ours) for b in telling)


@lru_cache(maxsize=32768)
def _telling(words: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(w for w in words if not is_general(w))


def _overlap(ours: tuple[str, ...], theirs: tuple[str, ...]) -> float:
    """Dice's coefficient of two lists of words, words that are nearly the same counted in part."""
    total = sum(max((_same(a, b) for b in theirs), default=0.0) for a in ours)
    back = sum(max((_same(a, b) for a in ours), default=0.0) for b in theirs)
    return (total + back) / (len(ours) + len(theirs))


@lru_cache(maxsize=65536)
def _same(a: str, b: str) -> float:
    if a == b:
        return 1.0
    if a[:_STEM] != b[:_STEM] or min(len(a), len(b)) < 4:
        return 0.0
    ratio = SequenceMatcher(None, a, b, autojunk=False).ratio()
    return ratio if a[:4] == b[:4] or ratio >= _SLIP else 0.0


def is_named(header: Header, kind: str) -> bool:
    """Whether a header is a name of a "center" column, or of a "personal" one.

    Examples
    --------
    >>> from vpstats.drafting.headers import read_header
    >>> is_named(read_header("Ustanova"), "center"), is_named(read_header("Prezime"), "personal")
    (True, True)
    """
    meant = expanded(_large(header.words))
    return header.words in names_of(kind) or meant in _meanings_of(kind)


# ------------------------------------------------------------------ what all columns begin with


def shared_prefix(names: Sequence[str]) -> str:
    """The word that the system put before the names of its columns, "" where there is none.

    Only one that says nothing: ``FU_VAS`` and ``FU_ODI`` are about a follow-up.

    Examples
    --------
    >>> names = ("BIS_MBO", "BIS_SPOL", "BIS_CRP", "BIS_CEM_ML", "BIS_DAT_ZAHV")
    >>> shared_prefix(names), shared_prefix([name.replace("BIS", "FU") for name in names])
    ('bis', '')
    """
    counts: dict[str, int] = {}
    for name in names:
        words = words_of(name)
        if len(words) > 1 and name.casefold().startswith(words[0]):
            counts[words[0]] = counts.get(words[0], 0) + 1
    first = max(counts, key=lambda word: counts[word], default="")
    shared = len(names) >= _SEVERAL and counts.get(first, 0) >= _NEARLY_ALL * len(names)
    return first if shared and len(first) > 1 and not _means_something(first) else ""


def _means_something(word: str) -> bool:
    """Whether a word is one of a name, the beginning of one, or counts (``M6``)."""
    digits = any(c.isdigit() for c in word)
    return digits or is_known(word) or any(known.startswith(word) for known in _vocabulary())


@cache
def _vocabulary() -> frozenset[str]:
    names = (name for _, _, name in _all_names())
    return frozenset(word for name in names for word in words_of(name)) | NEUTRAL | _WHEN
