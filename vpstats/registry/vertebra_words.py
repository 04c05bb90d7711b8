"""Words of vertebrae: regions, numbers, and what joins them, as hospitals write them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

_STEMS = {
    "C": ("cerv", "cerw", "vratn", "hals", "hwk", "hw"),
    "T": ("thorac", "thorak", "torac", "torak", "prsn", "brust", "bwk", "bw", "dors", "dorz", "th"),
    "L": ("lumb", "lomb", "slabin", "lend", "lwk", "lw"),
    "S": ("sacr", "sakr", "kriz", "kreuz", "swk"),
}
_LETTERS = {
    "c": "C",
    "t": "T",
    "th": "T",
    "d": "T",
    "l": "L",
    "s": "S",
    "bwk": "T",
    "lwk": "L",
    "hwk": "C",
    "swk": "S",
}
_NOISE = ("kralj", "vertebr", "wirbel", "wk", "corp", "tijel", "trup", "body")
_AND = frozenset(
    {"i", "and", "und", "et", "y", "e", "ed", "te", "u", "sowie", "plus", "en", "och", "oraz", "ve"}
)
_TO = frozenset(
    {"do", "to", "bis", "through", "thru", "a", "ad", "al", "au", "hasta", "ate", "till", "tot"}
)
FROM = frozenset({"da", "dal", "dalla", "from", "desde", "ab"})  # only before a range
_OF = frozenset({"di", "de", "del", "della", "des", "du", "of", "od", "von"})
_LONG_TO = re.compile(
    r"jusqu ?['’]? ?(?:a|au)\b|\bfino ad?\b|\bbis zum?\b|\bup to\b|\bsve do\b|\bt/m\b"
)
_AND_BETWEEN = re.compile(r"(?<=[0-9]) si (?=[a-z]+[ .]?[0-9])")
"""``L1 și L2`` is Romanian; the sacral vertebra in Roman numbers stands last."""
_PLACEHOLDERS = frozenset({"tx", "lx", "cx"})  # T10 in Roman numbers, or a number to be filled in
_NUMERALS = "i ii iii iv v vi vii viii ix x xi xii xiii"
_ROMAN = {numeral: number for number, numeral in enumerate(_NUMERALS.split(), start=1)}
_TOKEN = re.compile(r"[a-z]+|[0-9]+|[-,;/+&|\n()]|[^ ]")
TH = re.compile(r"\bth")  # as in Czech, and as nobody writes who says "a" for "to"
_ORDINAL = re.compile(  # 12ª dorsal, 12e thoracique; a lone e behind a region is "and"
    r"(?<=[0-9])(?:[ªº°]| ?[eè](?:me|re)\b|(?:re|nde|ste|st|nd|rd)\b)"
    r"|(?<![^\W_])(?P<number>[0-9]{1,2})e\b(?= [^\W\d_]{2})"
)
_LONG_STEMS = "|".join(s for stems in _STEMS.values() for s in stems if len(s) > len("bwk"))
_OF_THE = re.compile(rf"\b(1[0-2]|[4-9])th\b(?=.*\b(?:{_LONG_STEMS}))", re.DOTALL)
"""``4th and 5th lumbar``: small letters behind a number that ends so, before the region's name."""
_OF_ONE_REGION = re.compile(
    rf"((?:[0-9]{{1,2}}\. ?(?:,|(?:{'|'.join(sorted(_AND))})\b) ?)+)"
    rf"([0-9]{{1,2}}\. ?(?:(?:{'|'.join(_NOISE)})[a-z]* )*)([a-z]{{3,}})"
)
_NUMBER = re.compile(r"[0-9]+")
_REGION_DASH = re.compile(r"[-‐‑‒–—―−]")


_LETTER_LIKE = str.maketrans({"đ": "d", "т": "t", "х": "h", "л": "l", "д": "d"})
"""Letters of vertebrae in Cyrillic, which look like Latin ones or stand for them: Тх12, Л1."""


def folded(text: str) -> str:
    """Lower case, no accents, one kind of dash; two dots say nothing that can be read."""
    numbered = _OF_THE.sub(r"\1.", text).casefold()
    numbered = _ORDINAL.sub(lambda m: f"{m['number'] or ''}.", numbered)  # before ª becomes an a
    plain = unicodedata.normalize("NFKD", numbered.translate(_LETTER_LIKE))
    plain = "".join(c for c in plain if not unicodedata.combining(c))
    plain = " ".join(_REGION_DASH.sub("-", plain).replace("..", " : ").split())
    return _LONG_TO.sub(" to ", _AND_BETWEEN.sub(" and ", plain))


Kind = Literal["region", "number", "and", "to", "from", "dash", "slash", "bad"]


@dataclass(frozen=True, slots=True)
class Word:
    """One word or sign of a cell of vertebrae."""

    kind: Kind
    text: str = ""
    number: int = 0


def _roman_tail(word: str) -> tuple[str, int] | None:
    """Split ``thviii`` into its region and its Roman number."""
    for letters in sorted(_LETTERS, key=len, reverse=True):
        number = _ROMAN.get(word[len(letters) :])
        if word.startswith(letters) and number is not None:
            return _LETTERS[letters], number
    return None


_RUN = re.compile(r"[^\W\d_]+")


def has_small_roman(text: str) -> bool:
    """Whether a short word in small letters beside digits has the letters of a vertebra.

    Examples
    --------
    >>> has_small_roman("Th8 ci"), has_small_roman("L5 SI"), has_small_roman("lii, liii")
    (True, False, False)
    """
    if not any(c.isdigit() for c in text):
        return False
    small = (word for word in _RUN.findall(text) if word.islower() and word not in _OF)
    return any(_roman_tail(word) is not None for word in small)


def region_of(word: str) -> str | None:
    """Letter of the region that a folded word names."""
    if word in _LETTERS:
        return _LETTERS[word]
    long_enough = len(word) >= 3
    for letter, stems in _STEMS.items():
        if word in stems or (
            long_enough and word.startswith(tuple(s for s in stems if len(s) > 2))
        ):
            return letter
    return None


def _read_word(word: str, before: Word | None) -> list[Word]:
    """Meaning of one run of letters; ``i`` is 1 after a region and "and" elsewhere."""
    after_region = before is not None and before.kind == "region"
    if word in _ROMAN and (after_region or word not in _AND):
        return [Word("number", number=_ROMAN[word])]
    if word in _AND:
        return [Word("and")]
    if word in _TO or word in FROM:
        return [Word("to" if word in _TO else "from", word)]
    letter = region_of(word)
    if letter is not None:
        return [Word("region", letter)]
    if word in _OF or word.startswith(_NOISE):
        return []
    if word in _PLACEHOLDERS:
        return [Word("bad", word)]
    split = _roman_tail(word)
    if split is not None:
        return [Word("region", split[0]), Word("number", number=split[1])]
    return [Word("bad", word)]


_SIGNS: Mapping[str, Kind] = {
    "-": "dash",
    "/": "slash",
    ",": "and",
    ";": "and",
    "+": "and",
    "&": "and",
    "|": "and",
    "\n": "and",
}


def _read_token(token: str, before: Word | None) -> list[Word]:
    if token.isdigit() and token.isascii():
        padded = len(token) > 2 and token.startswith("0")  # L001 is a number of something else
        long = len(token) > 3 or padded
        return [Word("bad", token) if long else Word("number", number=int(token))]
    if token in _SIGNS:
        return [Word(_SIGNS[token])]
    if token.isalpha() and token.isascii():
        return _read_word(token, before)
    return [Word("bad", token)]


def _shared_region(found: re.Match[str]) -> str:
    """``1. y 2. lumbar`` with the region at each: ordinals that rise can be of no other one."""
    numbers = [int(n) for n in _NUMBER.findall(found[1] + found[2])]
    if not (all(a < b for a, b in pairwise(numbers)) and region_of(found[3])):
        return found[0]
    return ", ".join(f"{number}. {found[3]}" for number in numbers)


def words_of(text: str) -> list[Word]:
    """Words and signs of a folded cell, in their order."""
    words: list[Word] = []
    for token in _TOKEN.findall(_OF_ONE_REGION.sub(_shared_region, text).replace(".", " ")):
        words += _read_token(token, words[-1] if words else None)
    return words
