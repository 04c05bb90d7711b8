"""The spine: order, neighbours and regions of vertebrae, and the grammar of how they are written.

Hospitals write the eighth thoracic vertebra ``Th8``, ``TH 8``, ``T-8``, ``D8``, ``BWK 8``,
``Th VIII`` or ``8. prsni``. `parse_levels` reads what can be read in one way only and says of the
rest why it cannot.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Literal

from vpstats.errors import UsageError
from vpstats.schema_tables import VERTEBRAE

Status = Literal["ok", "transitional", "ambiguous", "unreadable", "empty"]
Region = Literal["cervical", "upper_thoracic", "mid_thoracic", "tl_junction", "lumbar", "sacral"]

REGIONS: tuple[Region, ...] = (
    "cervical",
    "upper_thoracic",
    "mid_thoracic",
    "tl_junction",
    "lumbar",
    "sacral",
)
"""Regions from head to foot."""

_INDEX = {name: position for position, name in enumerate(VERTEBRAE, start=1)}
_MOST_LEVELS = 10
_LONGEST_TEXT = 200


@dataclass(frozen=True, slots=True)
class ParsedLevels:
    """What a cell of vertebrae says.

    Parameters
    ----------
    levels : tuple of str
        Canonical vertebrae in the order written; empty unless the status is "ok", or
        "transitional" for S1.
    status : str
        "ok", "transitional" (T13, L6, S1: counted differently by different readers), "ambiguous"
        (can be read in two ways), "unreadable" or "empty".
    note : str
        Why it is not "ok", as a phrase without the cell's text.
    style : str
        The way of writing, for example ``th#`` or ``bwk #``; equal within one dialect.
    """

    levels: tuple[str, ...]
    status: Status
    note: str = ""
    style: str = ""


def index(level: str) -> int:
    """Position of a vertebra from the head: C1 is 1, T1 is 8, L1 is 20 and S1 is 25.

    Parameters
    ----------
    level : str
        Canonical vertebra.

    Returns
    -------
    int
        1 to 25.

    Raises
    ------
    UsageError
        If it is not a canonical vertebra.

    Examples
    --------
    >>> index("T12"), index("L1")
    (19, 20)
    """
    if level not in _INDEX:
        raise UsageError(f"'{level}' is not a vertebra; expected C1 … C7, T1 … T12, L1 … L5 or S1.")
    return _INDEX[level]


def neighbours(level: str) -> tuple[str | None, str | None]:
    """The vertebra above (cranial) and below (caudal); None beyond the ends.

    Raises
    ------
    UsageError
        If it is not a canonical vertebra.

    Examples
    --------
    >>> neighbours("T12")
    ('T11', 'L1')
    >>> neighbours("S1")
    ('L5', None)
    """
    position = index(level) - 1
    cranial = VERTEBRAE[position - 1] if position > 0 else None
    caudal = VERTEBRAE[position + 1] if position + 1 < len(VERTEBRAE) else None
    return cranial, caudal


def distance(a: str, b: str) -> int:
    """Number of disc spaces between two vertebrae.

    Examples
    --------
    >>> distance("T12", "L2")
    2
    """
    return abs(index(a) - index(b))


def region(level: str, upper_thoracic_to: int = 6) -> Region:
    """Region of a vertebra.

    Parameters
    ----------
    level : str
        Canonical vertebra.
    upper_thoracic_to : int
        Last vertebra of the upper thoracic region, 1 to 10. "Above T7" is 6; papers differ in
        whether T7 itself belongs.

    Returns
    -------
    str
        "cervical", "upper_thoracic" (T1 to the cut), "mid_thoracic" (to T10), "tl_junction"
        (T11 to L2), "lumbar" (L3 to L5) or "sacral".

    Raises
    ------
    UsageError
        If the vertebra is unknown or the cut lies outside 1 to 10.

    Examples
    --------
    >>> region("T7"), region("T7", upper_thoracic_to=7), region("L2")
    ('mid_thoracic', 'upper_thoracic', 'tl_junction')
    """
    if not 1 <= upper_thoracic_to <= 10:
        raise UsageError(f"upper_thoracic_to is {upper_thoracic_to}; expected 1 to 10.")
    ends = (7, 7 + upper_thoracic_to, 17, 21, 24, 25)
    position = index(level)
    return next(name for name, last in zip(REGIONS, ends, strict=True) if position <= last)


# ------------------------------------------------------------------ the grammar: words

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
_AND = frozenset({"i", "and", "und", "et", "y", "e", "ed", "te", "u", "sowie", "plus"})
_TO = frozenset({"do", "to", "bis", "through", "thru", "a", "ad", "al", "au", "hasta"})
_FROM = frozenset({"da", "dal", "dalla", "from", "desde", "ab"})  # only before a range
_OF = frozenset({"di", "de", "del", "della", "des", "du", "of", "od", "von"})
_LONG_TO = re.compile(r"jusqu ?['’]? ?(?:a|au)\b|\bfino ad?\b|\bbis zum?\b|\bup to\b|\bsve do\b")
_PLACEHOLDERS = frozenset({"tx", "lx", "cx"})  # T10 in Roman numbers, or a number to be filled in
_LAST = {"C": 7, "T": 12, "L": 5, "S": 1}
_NUMERALS = "i ii iii iv v vi vii viii ix x xi xii xiii"
_ROMAN = {numeral: number for number, numeral in enumerate(_NUMERALS.split(), start=1)}
_TOKEN = re.compile(r"[a-z]+|[0-9]+|[-,;/+&|\n()]|[^ ]")
_DATE_LIKE = re.compile(
    r"[0-9]{1,4}[-./][0-9]{1,2}[-./][0-9]{1,4}.*|[0-9]{1,2}[-./][a-z]{3,9}\.?|[a-z]{3,9}[-./][0-9]{2,4}"
    r"|[0-9]{1,2} ?[-/.] ?[0-9]{1,2}\.?|[0-9]{5}"
)
_REGION_DASH = re.compile(r"[-‐‑‒–—―−]")


def _fold(text: str) -> str:
    """Lower case, no accents, one kind of dash; two dots say nothing that can be read."""
    plain = unicodedata.normalize("NFKD", text.casefold().replace("đ", "d"))
    plain = "".join(c for c in plain if not unicodedata.combining(c))
    plain = " ".join(_REGION_DASH.sub("-", plain).replace("..", " : ").split())
    return _LONG_TO.sub(" to ", plain)


@dataclass(frozen=True, slots=True)
class _Word:
    kind: Literal["region", "number", "and", "to", "from", "dash", "slash", "bad"]
    text: str = ""
    number: int = 0


def _roman_tail(word: str) -> tuple[str, int] | None:
    """Split ``thviii`` into its region and its Roman number."""
    for letters in sorted(_LETTERS, key=len, reverse=True):
        number = _ROMAN.get(word[len(letters) :])
        if word.startswith(letters) and number is not None:
            return _LETTERS[letters], number
    return None


def _region_of(word: str) -> str | None:
    if word in _LETTERS:
        return _LETTERS[word]
    long_enough = len(word) >= 3
    for letter, stems in _STEMS.items():
        if word in stems or (
            long_enough and word.startswith(tuple(s for s in stems if len(s) > 2))
        ):
            return letter
    return None


def _read_word(word: str, before: _Word | None) -> list[_Word]:
    """Meaning of one run of letters; ``i`` is 1 after a region and "and" elsewhere."""
    after_region = before is not None and before.kind == "region"
    if word in _ROMAN and (after_region or word not in _AND):
        return [_Word("number", number=_ROMAN[word])]
    if word in _AND:
        return [_Word("and")]
    if word in _TO or word in _FROM:
        return [_Word("to" if word in _TO else "from", word)]
    letter = _region_of(word)
    if letter is not None:
        return [_Word("region", letter)]
    if word in _OF or word.startswith(_NOISE):
        return []
    if word in _PLACEHOLDERS:
        return [_Word("bad", word)]
    split = _roman_tail(word)
    if split is not None:
        return [_Word("region", split[0]), _Word("number", number=split[1])]
    return [_Word("bad", word)]


_SIGNS = {
    "-": "dash",
    "/": "slash",
    ",": "and",
    ";": "and",
    "+": "and",
    "&": "and",
    "|": "and",
    "\n": "and",
}


def _read_token(token: str, before: _Word | None) -> list[_Word]:
    if token.isdigit() and token.isascii():
        return [_Word("number", number=int(token)) if len(token) <= 3 else _Word("bad", token)]
    if token in _SIGNS:
        return [_Word(_SIGNS[token])]  # type: ignore[arg-type]  # values of the table above
    if token.isalpha() and token.isascii():
        return _read_word(token, before)
    return [_Word("bad", token)]


def _words(text: str) -> list[_Word]:
    words: list[_Word] = []
    for token in _TOKEN.findall(text.replace(".", " ")):
        words += _read_token(token, words[-1] if words else None)
    return words


# ------------------------------------------------------------------ the grammar: sentences


class _Unclear(Exception):  # noqa: N818  # carries a status through the parser, never leaves it
    def __init__(self, status: Status, note: str) -> None:
        self.status = status
        self.note = note
        super().__init__(note)


@dataclass(slots=True)
class _Vertebra:
    region: str | None
    number: int
    named: bool  # whether the region was written with this number


def _split(words: list[_Word]) -> list[list[_Word]]:
    """Items between commas and conjunctions."""
    items: list[list[_Word]] = [[]]
    for word in words:
        if word.kind == "and":
            items.append([])
        else:
            items[-1].append(word)
    return [item for item in items if item]


def _drop_inner_dashes(item: list[_Word]) -> list[_Word]:
    """``T-8`` is T8: a dash straight after a region says nothing."""
    return [
        word
        for position, word in enumerate(item)
        if not (word.kind == "dash" and position and item[position - 1].kind == "region")
    ]


def _vertebrae(words: list[_Word], inherited: str | None) -> list[_Vertebra]:
    """Vertebrae between two range signs, region before or after the number."""
    found: list[_Vertebra] = []
    regions = [w for w in words if w.kind == "region"]
    numbers = [w for w in words if w.kind == "number"]
    if not regions:
        return _bare_numbers(numbers, inherited)
    if len(regions) != len(numbers):
        raise _Unclear("unreadable", "regions and numbers do not pair up")
    for region_word, number_word in zip(regions, numbers, strict=True):
        found.append(_Vertebra(region_word.text, number_word.number, named=True))
    if [w.kind for w in words] not in (
        ["region", "number"] * len(regions),
        ["number", "region"] * len(regions),
    ):
        raise _Unclear("unreadable", "regions and numbers do not alternate")
    return found


def _bare_numbers(numbers: list[_Word], inherited: str | None) -> list[_Vertebra]:
    if not numbers:
        raise _Unclear("unreadable", "it names no vertebra")
    if len(numbers) > 1:
        raise _Unclear("ambiguous", "numbers stand together without a sign between them")
    if inherited is None:
        raise _Unclear("unreadable", "a number stands without its region")
    return [_Vertebra(inherited, numbers[0].number, named=False)]


def _canonical(vertebra: _Vertebra) -> str:
    name = f"{vertebra.region}{vertebra.number}"
    if name in ("T13", "L6"):
        raise _Unclear("transitional", "a transitional vertebra that readers count differently")
    if name not in _INDEX:
        raise _Unclear("unreadable", "no such vertebra")
    return name


def _range(first: _Vertebra, last: _Vertebra) -> list[str]:
    start, stop = index(_canonical(first)), index(_canonical(last))
    if not last.named and abs(stop - start) == 1:
        raise _Unclear("ambiguous", "two vertebrae or the disc between them")
    if abs(stop - start) >= _MOST_LEVELS:
        raise _Unclear("ambiguous", f"a range of more than {_MOST_LEVELS} vertebrae")
    step = 1 if stop >= start else -1
    return [VERTEBRAE[i - 1] for i in range(start, stop + step, step)]


def _item(words: list[_Word], inherited: str | None) -> tuple[list[str], str | None]:
    """Canonical vertebrae of one item and the region that the next one may inherit."""
    words = _drop_inner_dashes(words)
    if any(w.kind == "bad" for w in words):
        raise _Unclear("unreadable", "it holds words that name no vertebra")
    if any(w.kind == "slash" for w in words):
        raise _Unclear("ambiguous", "a slash can mean two vertebrae or the disc between them")
    cuts = [i for i, w in enumerate(words) if w.kind in ("dash", "to")]
    if words[0].kind == "from" and cuts:
        words, cuts = words[1:], [i - 1 for i in cuts]
    if any(w.kind == "from" for w in words):
        raise _Unclear("unreadable", "a range without its end")
    if len(cuts) > 1:
        return _chain(words, cuts)
    if not cuts:
        found = _vertebrae(words, inherited)
        return [_canonical(v) for v in found], found[-1].region
    left = _vertebrae(words[: cuts[0]], inherited)
    right = _vertebrae(words[cuts[0] + 1 :], left[-1].region)
    if len(left) != 1 or len(right) != 1:
        raise _Unclear("unreadable", "a range needs one vertebra at each end")
    if words[cuts[0]].text == "a" and not right[0].named:  # da D7 a 9; L1, AO type A3
        raise _Unclear("ambiguous", "the end of a range or a type of fracture")
    return _range(left[0], right[0]), right[0].region


def _chain(words: list[_Word], cuts: list[int]) -> tuple[list[str], str | None]:
    """``T12-L1-L2``: named neighbours in a row are the same vertebrae as list and as range."""
    starts, stops = [0, *(c + 1 for c in cuts)], [*cuts, len(words)]
    parts = [words[i:j] for i, j in zip(starts, stops, strict=True)]
    if all([w.kind for w in part] == ["region", "number"] for part in parts):
        names = [_canonical(_Vertebra(p[0].text, p[1].number, named=True)) for p in parts]
        steps = {index(b) - index(a) for a, b in pairwise(names)}
        if steps in ({1}, {-1}):
            return names, parts[-1][0].text
    raise _Unclear("ambiguous", "several range signs in a row")


def _sentence(words: list[_Word]) -> tuple[str, ...]:
    levels: list[str] = []
    inherited: str | None = None
    for item in _split(words):
        found, inherited = _item(item, inherited)
        levels += [level for level in found if level not in levels]
    if not levels:
        raise _Unclear("unreadable", "it names no vertebra")
    return tuple(levels)


def style_of(text: str) -> str:
    """The way a cell is written, numbers replaced: ``Th8`` and ``Th12`` are both ``Th#``.

    Examples
    --------
    >>> style_of("BWK 12, LWK 1")
    'WK #'

    ``C2``, ``L1`` and ``S1`` belong to several ways of writing and have none of their own.

    >>> style_of("L1")
    ''
    """
    first = re.sub(r"[0-9]+", "#", text.strip())
    cut = first.find("#")
    head = first[: cut + 1] if 0 <= cut <= 24 else first[:24]
    return "" if head in ("C#", "L#", "S#") else re.sub("[BLHS]WK", "WK", head)


@lru_cache(maxsize=65536)
def parse_levels(text: str) -> ParsedLevels:
    """Read vertebrae as hospitals write them.

    One vertebra, a list (comma, semicolon, ``+``, ``i``, ``and``, ``und``, ``et``, ``y``, ``e``,
    ``ed``) or a range (``L2-L4``, ``Th12 do L2``, ``da D12 a L2``) that may cross regions.
    ``L2-3`` and ``L2/3`` can mean two vertebrae or the disc between them: they are ambiguous and
    stay unread. A cell that looks like a date (spreadsheets turn ``1-2`` into one) is unreadable.

    Parameters
    ----------
    text : str
        The cell; any text is safe.

    Returns
    -------
    ParsedLevels
        Vertebrae in the order written, each once.

    Examples
    --------
    >>> parse_levels("Th11, Th12 i L1").levels
    ('T11', 'T12', 'L1')
    >>> parse_levels("Th12-L2").levels
    ('T12', 'L1', 'L2')
    >>> parse_levels("L2-3").status
    'ambiguous'
    """
    plain = _fold(text)
    if not plain:
        return ParsedLevels((), "empty")
    if len(plain) > _LONGEST_TEXT:
        return ParsedLevels((), "unreadable", "it is too long for a list of vertebrae")
    if _DATE_LIKE.fullmatch(plain) and not any(map(_region_of, re.findall("[a-z]+", plain))):
        return ParsedLevels(
            (), "unreadable", "it looks like a date, into which spreadsheets turn ranges"
        )
    try:
        levels = _sentence(_words(plain))
    except _Unclear as unclear:
        return ParsedLevels((), unclear.status, unclear.note)
    if "S1" in levels:
        return ParsedLevels(levels, "transitional", "S1 is rarely treated", style_of(text))
    return ParsedLevels(levels, "ok", "", style_of(text))


def render_levels(levels: tuple[str, ...]) -> str:
    """Write vertebrae canonically, so that `parse_levels` reads them back.

    Examples
    --------
    >>> render_levels(("T12", "L1"))
    'T12;L1'
    """
    return ";".join(levels)
