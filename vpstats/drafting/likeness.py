"""How much a header is like the names of each field, in six languages."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import cache, lru_cache

from vpstats.drafting.abbreviations import (
    abbreviates,
    cut_behind,
    expanded,
    initials,
    is_general,
    is_known,
    meaning_of,
    parted,
    turned,
)
from vpstats.drafting.headers import NEUTRAL, Header, words_of
from vpstats.drafting.names import (
    STEM,
    all_names,
    by_initials,
    by_word,
    by_words,
    crowded,
    large_words,
    meanings_of,
    names_of,
    stated_unit,
    ways_of,
    without_unit,
)

EXACT, JOINED, PLAIN, SHUFFLED, MOST_ALIKE = 1.0, 0.98, 0.97, 0.9, 0.8
"""Likeness of the same words, of compounds, without small words, in another order, at most else."""

ABBREVIATED = 0.85
"""Likeness of words that are abbreviations of a name's, or a compound of such: it is doubtful."""

NAMED = SHUFFLED
"""Likeness from which on a header is one of the field's names."""

_VAGUE_WORDS = "duration dauer trajanje durata duracion duree dose doza dosis body"
VAGUE = frozenset(_VAGUE_WORDS.split())
"""Names that other quantities have too, such as a stay or a drug: they need a unit beside them."""

_WHEN_WORDS = (
    "preop praop postop op pre post before after prije poslije nakon vor nach vorher nachher prima "
    "dopo antes despues previa avant apres"
)
_WHEN = frozenset(_WHEN_WORDS.split())
"""Words that say when, not what: sharing no other is no likeness."""
_CUT = 6  # letters of names that were cut off to eight or ten characters, at least
_SLIP = 0.8  # likeness of a mistyped word
_SEVERAL, _NEARLY_ALL = 5, 0.8  # columns that share a prefix: fewer may be one group of them
_PLAIN_WORDS = (
    "total gesamt insgesamt ukupno ukupna totale complessivo suma sum overall ges done performed "
    "taken given ucinjena ucinjeno durchgefuhrt erfolgt eseguita eseguito realizada realizado "
    "effettuata faite fait realisee realise"
)
_PLAIN = frozenset(_PLAIN_WORDS.split())
"""Words that say how much of a thing, or that it was done, and not which it is."""


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
            words, stated = without_unit(header.words, unit)
            found |= dict(_named(words, {field: unit}, header)) if stated else {}
    best = max((like.score for like in found.values()), default=0.0)
    if best < NAMED:
        found = _alike(header, units) | _abbreviated(header, units) | found
    return found


def _abbreviated(header: Header, units: Mapping[str, str]) -> dict[str, Likeness]:
    """Fields with a name that the header abbreviates, or that is joined of abbreviations."""
    words = large_words(header.words)
    parts = parted("".join(header.words)) or words
    found = {}
    for own in dict.fromkeys((words, parts)):
        for field, language, name, theirs in by_initials().get(initials(own), ()):
            if field in units and field not in found and abbreviates(own, theirs):
                unit = _stated(units[field], header)
                found[field] = Likeness(ABBREVIATED, name, language, unit)
    first = words[0][:STEM] if words else ""
    for field, language, name, theirs in by_word().get(first, ()):
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
    for way, key, score in zip(by_words(), ways_of(words), scores, strict=True):
        for field, names in way.get(key, {}).items():
            if field in units and field not in seen:
                seen.add(field)
                # names of several languages mean the same: the one that is spelled most like it
                language, name = max(
                    names, key=lambda found: _overlap(words, words_of(found[1]), _spelled_alike)
                )
                unit = _stated(units[field], header)
                vague = key[0] in VAGUE and not unit
                yield field, Likeness(MOST_ALIKE if vague else score, name, language, unit)


def _stated(unit: str, header: Header) -> str:
    """Unit that a header states, in brackets or among its words."""
    return stated_unit(unit, header.aside) or (without_unit(header.words, unit)[1] if unit else "")


def _alike(header: Header, units: Mapping[str, str]) -> dict[str, Likeness]:
    """Fields with a name that shares words with the header, the nearest name of each."""
    words = _cut(tuple(w for w in large_words(header.words) if w not in _WHEN))
    found: dict[str, Likeness] = {}
    near = dict.fromkeys(n for word in words for n in by_word().get(word[:STEM], ()))
    for field, language, name, whole in near:
        if field not in units:
            continue
        theirs = _cut(whole)
        if not (_share_a_subject(words, theirs) or _stated(units[field], header)):
            continue
        score = MOST_ALIKE * _overlap(words, theirs, _same)
        if score > found.get(field, Likeness(0.0, "")).score:
            unit = _stated(units[field], header)
            found[field] = Likeness(round(score, 3), name, language, unit)
    return found


@lru_cache(maxsize=65536)
def _cut(words: tuple[str, ...]) -> tuple[str, ...]:
    """Words, of compounds that begin with a word of a crowd the two parts."""
    return tuple(part for word in words for part in cut_behind(word, crowded()))


def _share_a_subject(ours: tuple[str, ...], theirs: tuple[str, ...]) -> bool:
    """Whether two names share more than what many fields have in common.

    A date, a number or a score is of something, and so is a word of a crowd: in ``cement allergy``
    it is not said of what that is known, in ``cement embolism`` of another thing.
    """
    telling = _telling(theirs)
    if not telling or set(expanded(ours)) <= {"id", "number"}:  # of what is for a person to say
        return True
    own = _telling(ours)
    shared = [w for w in own if any(_same(w, other) for other in telling)]
    if not shared or len(shared) == len(own):
        return bool(shared)
    if not all(meaning_of(w) in crowded() for w in shared):
        return True
    alone = sum(any(_same(w, other) for other in theirs) for w in ours) == 1
    return not alone and not any(_is_subject(w) for w in own if w not in shared)


@lru_cache(maxsize=32768)
def _telling(words: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(w for w in words if not (is_general(w) or w in _PLAIN or w.isdigit()))


@lru_cache(maxsize=4096)
def _is_subject(word: str) -> bool:
    """Whether a word is nearly one of the names of a few fields, and so what it all is about."""
    if meaning_of(word) in crowded():
        return False
    near = {other for *_, name in by_word().get(word[:STEM], ()) for other in name}
    return any(_same(word, other) and meaning_of(other) not in crowded() for other in near)


def _overlap(
    ours: tuple[str, ...], theirs: tuple[str, ...], same: Callable[[str, str], float]
) -> float:
    """Dice's coefficient of two lists of words, words that are nearly the same counted in part."""
    total = sum(max((same(a, b) for b in theirs), default=0.0) for a in ours)
    back = sum(max((same(a, b) for a in ours), default=0.0) for b in theirs)
    return (total + back) / (len(ours) + len(theirs))


@lru_cache(maxsize=65536)
@lru_cache(maxsize=131072)
def _same(a: str, b: str) -> float:
    """How much two words are one: by their meaning, or else by their letters."""
    return 1.0 if meaning_of(a) == meaning_of(b) else _spelled_alike(a, b)


@lru_cache(maxsize=65536)
def _spelled_alike(a: str, b: str) -> float:
    if a == b:
        return 1.0
    if a[:STEM] != b[:STEM] or min(len(a), len(b)) < 4 or turned(a, b):
        return 0.0
    ratio = SequenceMatcher(None, a, b, autojunk=False).ratio()
    return ratio if a[:4] == b[:4] or ratio >= _SLIP else 0.0


def is_of_anything(like: Likeness) -> bool:
    """Whether a header is like a name that says no more than that it is a date or a number.

    Examples
    --------
    >>> is_of_anything(Likeness(0.5, "fecha")), is_of_anything(Likeness(0.5, "fecha tac"))
    (True, False)
    """
    return (
        0 < like.score < NAMED
        and bool(like.name)
        and not _telling(large_words(words_of(like.name)))
    )


def is_named(header: Header, kind: str) -> bool:
    """Whether a header is a name of a "center" column, or of a "personal" one.

    Examples
    --------
    >>> from vpstats.drafting.headers import read_header
    >>> is_named(read_header("Ustanova"), "center"), is_named(read_header("Prezime"), "personal")
    (True, True)
    """
    meant = expanded(large_words(header.words))
    return header.words in names_of(kind) or meant in meanings_of(kind)


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
    names = (name for _, _, name in all_names())
    return frozenset(word for name in names for word in words_of(name)) | NEUTRAL | _WHEN
