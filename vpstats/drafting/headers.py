"""Headers of columns: their words, and how much they are like the names of each field."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
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
    one_follow_up,
    parted,
)
from vpstats.drafting.names_course import EVENT_NAMES, LEAK_ROW_NAMES, VISIT_NAMES
from vpstats.drafting.names_patients import CENTER_NAMES, PATIENT_NAMES, PERSONAL_NAMES
from vpstats.drafting.names_sessions import (
    LEAK_WORDS,
    LEVEL_NAMES,
    MODALITY_WORDS,
    PROCEDURE_NAMES,
    SITE_NAMES,
    SITES_WORD,
)
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
_CAMEL = re.compile(r"(?<=[a-zß-ÿčćđšž])(?=[A-ZÀ-ÞČĆĐŠŽ])")
_ASIDE = re.compile(r"[(\[]([^()\[\]]*)[)\]]")
_YES_NO = re.compile(
    r"(?i)[(\[]?\b(?:da ?/ ?ne|ja ?/ ?nein|y(?:es)? ?/ ?n(?:o)?|s[iì] ?/ ?no|oui ?/ ?non)\b[)\]]?"
)
_STATED = re.compile(r"([0-9]{1,2}) ?[=:] ?([^\W\d_][^,;/|()\[\]=:0-9]{0,30})")
"""A code and what it means, as headers state them: ``1 = F``."""
_LONGEST = 300
_LEAK = ("leak", "curenje", "leck", "fuga", "fuite")
_UNIT_WORDS = MappingProxyType({"pct": "%", "perc": "%", "percent": "%", "tj": "tj"})


@dataclass(frozen=True, slots=True)
class Header:
    """The words of a header.

    Parameters
    ----------
    words : tuple of str
        Folded, what stands in brackets aside.
    aside : str
        What stands in brackets, "" if nothing does.
    """

    words: tuple[str, ...]
    aside: str = ""


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


@lru_cache(maxsize=32768)
def words_of(text: str) -> tuple[str, ...]:
    """Folded words of a name.

    Examples
    --------
    >>> words_of("OP_Datum"), words_of("težinaKg")
    (('op', 'datum'), ('tezina', 'kg'))
    """
    spaced = _CAMEL.sub(" ", text).replace("Δ", " ")
    return tuple(w for w in re.split(r"[^a-z0-9%]+", fold(spaced)) if w)


_NEUTRAL_WORDS = (
    "patient patienten patients patientendaten stammdaten demographics demografie bolesnik "
    "pacijent paziente paciente labor lab labs laboratory laborwerte laboratorij laboratorio "
    "laboratoire eingriff op procedure intervention intervento zahvat operacija anamnese history "
    "anamneza baseline basis basisdaten general allgemein opci podaci podatci daten data dati "
    "datos komorbiditaten comorbidities komorbiditeti comorbidita wirbel level levels razine "
    "zement donnees cement cemento ciment technik technique details angaben befund befunde preop "
    "praop "
)
_NEUTRAL = frozenset(_NEUTRAL_WORDS.split())


def headers_of(name: str, label: str = "") -> tuple[Header, ...]:
    """What a column can be called: its name, the finer of two names, the text of its question.

    A name that stands below another is one of its own only where the upper says no more than what
    the group is: ``Labor / CRP`` is CRP, ``After 6 months / CRP`` is not.

    Examples
    --------
    >>> [h.words for h in headers_of("Labor / CRP")], len(headers_of("After 6 months / CRP"))
    ([('labor', 'crp'), ('crp',)], 1)
    """
    above, between, own = name.rpartition(" / ")
    finer = [own] if between and set(words_of(above)) <= _NEUTRAL else []
    plain = tuple(read_header(text) for text in (name, *finer, label) if text)
    # a modality in brackets is part of the name: Leak (CT) is no leak on fluoroscopy
    whole = (Header((*h.words, m)) for h in plain for m in _modalities(h.aside))
    return (*plain, *whole)


def _modalities(aside: str) -> set[str]:
    words = {kind: names.split("|") for kind, names in MODALITY_WORDS.items()}
    return {"ct" if kind == "ct" else "fluoroscopy" for kind in hints(aside, words)}


def read_header(text: str) -> Header:
    """Words of a header, without answers such as ``(yes/no)`` and with brackets apart.

    Examples
    --------
    >>> read_header("CRP (mg/dL)")
    Header(words=('crp',), aside='mg/dL')
    """
    # the rest of a longer one is no name, and would be compared for minutes
    text = text[:_LONGEST]
    plain = _STATED.sub(" ", text) if stated_codes(text) else text
    plain = _YES_NO.sub(" ", plain)
    asides = _ASIDE.findall(plain)
    words = words_of(_ASIDE.sub(" ", plain))
    return Header(words or words_of(plain), asides[-1].strip() if asides and words else "")


def stated_codes(text: str) -> dict[str, str]:
    """Codes that a header explains, with what it says of each; empty unless it has two.

    Examples
    --------
    >>> stated_codes("Sex (1=F 2=M)"), stated_codes("ASA (1-5)")
    ({'1': 'F', '2': 'M'}, {})
    """
    pairs = _STATED.findall(text[:_LONGEST])
    found = {code: label.strip(" .") for code, label in pairs}
    return found if len(found) == len(pairs) > 1 else {}


# ------------------------------------------------------------------ the names of the fields


def _spelled(text: str) -> Iterator[tuple[str, str]]:
    """Language and name of every name in a block of lines."""
    for line in text.strip().split("\n"):
        language, _, names = line.strip().partition(":")
        yield from ((language, name.strip()) for name in names.split("|"))


def _leak_names() -> Iterator[tuple[str, str, str]]:
    """Field, language and name of every wide field of leaks."""
    leaks = list(_spelled(LEAK_WORDS))
    for modality, text in MODALITY_WORDS.items():
        for (_, leak), where in product(leaks, text.split("|")):
            yield f"leak_any_{modality}", "", f"{leak} {where}"
            yield f"leak_sites_{modality}", "", f"{leak} {where}"
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
def _index() -> tuple[Mapping[tuple[str, ...], Mapping[str, tuple[str, str]]], ...]:
    """Words in order, joined, without small ones, in any order, by meaning → field → its name."""
    ways: tuple[dict[tuple[str, ...], dict[str, tuple[str, str]]], ...] = ({}, {}, {}, {}, {})
    for field, language, name in _all_names():
        words = words_of(name)
        for way, key in zip(ways, _keys(words), strict=True):
            way.setdefault(key, {}).setdefault(field, (language, name))
    return ways


def _keys(words: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
    large = tuple(w for w in words if w not in _SMALL) or words
    meant = tuple(w for w in one_follow_up(words) if w not in _SMALL) or words
    return words, ("".join(words),), large, tuple(sorted(large)), expanded(meant)


@cache
def _by_initials() -> Mapping[str, tuple[tuple[str, str, str, tuple[str, ...]], ...]]:
    """First letters of the meanings of words → the names that have such words; none of leaks."""
    found: dict[str, list[tuple[str, str, str, tuple[str, ...]]]] = {}
    for field, language, name in _field_names():
        words = tuple(w for w in words_of(name) if w not in _SMALL) or words_of(name)
        found.setdefault(initials(words), []).append((field, language, name, words))
    return {letters: tuple(names) for letters, names in found.items()}


@cache
def _by_word() -> Mapping[str, tuple[tuple[str, str, str, tuple[str, ...]], ...]]:
    """First four letters of a word → the names that have such a word."""
    found: dict[str, dict[tuple[str, str, str, tuple[str, ...]], None]] = {}
    for field, language, name in _all_names():
        words = tuple(w for w in words_of(name) if w not in _SMALL) or words_of(name)
        for word in words:
            found.setdefault(word[:4], {})[field, language, name, words] = None
    return {stem: tuple(names) for stem, names in found.items()}


@cache
def names_of(kind: str) -> frozenset[tuple[str, ...]]:
    """Words of the names of "center" columns, or of "personal" ones."""
    text = CENTER_NAMES if kind == "center" else PERSONAL_NAMES
    return frozenset(words_of(name) for _, name in _spelled(text))


@cache
def _meanings_of(kind: str) -> frozenset[tuple[str, ...]]:
    return frozenset(expanded(tuple(w for w in n if w not in _SMALL) or n) for n in names_of(kind))


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
    words = tuple(w for w in header.words if w not in _SMALL)
    parts = parted("".join(header.words)) or words
    found = {}
    for own in dict.fromkeys((words, parts)):
        for field, language, name, theirs in _by_initials().get(initials(own), ()):
            if field in units and field not in found and abbreviates(own, theirs):
                unit = _stated(units[field], header)
                found[field] = Likeness(ABBREVIATED, name, language, unit)
    return found


def _named(
    words: tuple[str, ...], units: Mapping[str, str], header: Header
) -> Iterator[tuple[str, Likeness]]:
    """Fields of which the words are a name, the surest way only."""
    seen = set()
    scores = (EXACT, JOINED, PLAIN, SHUFFLED, SHUFFLED)
    for way, key, score in zip(_index(), _keys(words), scores, strict=True):
        for field, (language, name) in way.get(key, {}).items():
            if field in units and field not in seen:
                seen.add(field)
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
    words = tuple(w for w in header.words if w not in _SMALL | _WHEN)
    found: dict[str, Likeness] = {}
    near = dict.fromkeys(n for word in words for n in _by_word().get(word[:4], ()))
    for field, language, name, theirs in near:
        if field not in units or not _share_a_subject(words, theirs):
            continue
        score = MOST_ALIKE * _overlap(words, theirs)
        if score > found.get(field, Likeness(0.0, "")).score:
            unit = _stated(units[field], header)
            found[field] = Likeness(round(score, 3), name, language, unit)
    return found


def _share_a_subject(ours: tuple[str, ...], theirs: tuple[str, ...]) -> bool:
    """Whether the words that two names share are more than a date, a number or a score of them."""
    telling = [b for b in theirs if not is_general(b)]
    return not telling or any(_same(a, b) for a in ours for b in telling if not is_general(a))


def _overlap(ours: tuple[str, ...], theirs: tuple[str, ...]) -> float:
    """Dice's coefficient of two lists of words, words that are nearly the same counted in part."""
    total = sum(max((_same(a, b) for b in theirs), default=0.0) for a in ours)
    back = sum(max((_same(a, b) for a in ours), default=0.0) for b in theirs)
    return (total + back) / (len(ours) + len(theirs))


@lru_cache(maxsize=65536)
def _same(a: str, b: str) -> float:
    if a == b:
        return 1.0
    if a[:4] != b[:4] or min(len(a), len(b)) < 4:
        return 0.0
    return SequenceMatcher(None, a, b, autojunk=False).ratio()


def is_named(header: Header, kind: str) -> bool:
    """Whether a header is a name of a "center" column, or of a "personal" one.

    Examples
    --------
    >>> is_named(read_header("Ustanova"), "center"), is_named(read_header("Prezime"), "personal")
    (True, True)
    """
    own = tuple(w for w in header.words if w not in _SMALL) or header.words
    return header.words in names_of(kind) or expanded(own) in _meanings_of(kind)


def hints(text: str, words: Mapping[str, Iterable[str]]) -> set[str]:
    """Which of some families of words a name has a word of."""
    have = " ".join(words_of(text))
    return {
        family
        for family, names in words.items()
        if any(re.search(rf"\b{re.escape(' '.join(words_of(n)))}\b", have) for n in names)
    }
