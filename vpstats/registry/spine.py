"""The spine: order, neighbours and regions of vertebrae, and the grammar of how they are written.

Hospitals write the eighth thoracic vertebra ``Th8``, ``TH 8``, ``T-8``, ``D8``, ``BWK 8``,
``Th VIII`` or ``8. prsni``. `parse_levels` reads what can be read in one way only and says of the
rest why it cannot.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Literal

from vpstats.errors import UsageError
from vpstats.registry.cells import unwrapped
from vpstats.registry.vertebra_words import (
    FROM,
    TH,
    Word,
    folded,
    has_small_roman,
    region_of,
    words_of,
)
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
MOST_LEVELS = 10
"""Vertebrae of one range, or of one session, above which nobody believes the cell."""
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


# ------------------------------------------------------------------ the grammar: sentences

AND_OR_TO = "'a' is 'and' in Czech and 'to' in Italian or Spanish"
_DATE_LIKE = re.compile(
    r"[0-9]{1,4}[-./][0-9]{1,2}[-./][0-9]{1,4}.*|[0-9]{1,2}[-./][a-z]{3,9}\.?|[a-z]{3,9}[-./][0-9]{2,4}"
    r"|[0-9]{1,2} ?[-/.] ?[0-9]{1,2}\.?|[0-9]{5}"
)

_ROMANCE = re.compile(r"\b(?:d ?(?:[0-9]|[ivx]+\b)|dors|(?:da|dal|de|del|desde|hasta|y|e|ed|et)\b)")
_SIDE = re.compile(r"(?<![a-z])(?:dx|li)(?![a-z])")
"""Right in Italian and left in German beside ``L1``; T10 and L1 among Roman numbers."""
_AND_SMALL = re.compile(r"[0-9] si [A-Za-z]")  # as Romanian is often written
_OF_ANOTHER = re.compile(
    r"[0-9]\.? (?:of|od|de|del|della|di|des|du|von) (?:[a-z]+[ .-]?[0-9]|[0-9]+\. ?[a-z]{3})"
)
"""``L1 of L2``, which is *or* in Dutch: no vertebra is part of another."""
_LIST_SIGNS = ",;|/"


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


def _split(words: list[Word]) -> list[list[Word]]:
    """Items between commas and conjunctions."""
    items: list[list[Word]] = [[]]
    for word in words:
        if word.kind == "and":
            items.append([])
        else:
            items[-1].append(word)
    return [item for item in items if item]


def _drop_inner_dashes(item: list[Word]) -> list[Word]:
    """``T-8`` is T8: a dash straight after a region says nothing."""
    return [
        word
        for position, word in enumerate(item)
        if not (word.kind == "dash" and position and item[position - 1].kind == "region")
    ]


def _vertebrae(words: list[Word], inherited: str | None) -> list[_Vertebra]:
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


def _bare_numbers(numbers: list[Word], inherited: str | None) -> list[_Vertebra]:
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
    if abs(stop - start) >= MOST_LEVELS:
        raise _Unclear("ambiguous", f"a range of more than {MOST_LEVELS} vertebrae")
    if not last.named and _may_be_below(start, last):
        raise _Unclear("ambiguous", "a range upwards, or its end is of the region below")
    if start - stop >= _MOST_UPWARDS:
        raise _Unclear("ambiguous", f"a range upwards of more than {_MOST_UPWARDS} vertebrae")
    step = 1 if stop >= start else -1
    return [VERTEBRAE[i - 1] for i in range(start, stop + step, step)]


_LAST_BELOW = {"C": 12, "T": 5, "L": 1}
"""Region → the last number of the region below it."""
_MOST_UPWARDS = 5  # vertebrae; T10-T2 is T10 to L2, if not a slip of another kind


def _may_be_below(start: int, last: _Vertebra) -> bool:
    """Whether the 2 of ``Th10-2`` may be that of L2: as a thoracic one it would be above."""
    name = f"{last.region}{last.number}"
    upwards = name in _INDEX and _INDEX[name] < start
    return upwards and last.number <= _LAST_BELOW.get(last.region or "", 0)


def _item(words: list[Word], inherited: str | None, *, czech: bool) -> tuple[list[str], str | None]:
    """Canonical vertebrae of one item and the region that the next one may inherit."""
    words = _drop_inner_dashes(words)
    if any(w.kind == "bad" for w in words):
        raise _Unclear("unreadable", "it holds words that name no vertebra")
    if any(w.kind == "slash" for w in words):
        raise _Unclear("ambiguous", "a slash can mean two vertebrae or the disc between them")
    cuts = [i for i, w in enumerate(words) if w.kind in ("dash", "to")]
    czech = czech and words[0].kind != "from"
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
    levels = _range(left[0], right[0])
    if words[cuts[0]].text == "a" and len(levels) > 2 and czech:
        raise _Unclear("ambiguous", AND_OR_TO)
    return levels, right[0].region


def _chain(words: list[Word], cuts: list[int]) -> tuple[list[str], str | None]:
    """``T12-L1-L2``: named neighbours in a row are the same vertebrae as list and as range."""
    starts, stops = [0, *(c + 1 for c in cuts)], [*cuts, len(words)]
    parts = [words[i:j] for i, j in zip(starts, stops, strict=True)]
    if all([w.kind for w in part] == ["region", "number"] for part in parts):
        names = [_canonical(_Vertebra(p[0].text, p[1].number, named=True)) for p in parts]
        steps = {index(b) - index(a) for a, b in pairwise(names)}
        if steps in ({1}, {-1}):
            return names, parts[-1][0].text
    raise _Unclear("ambiguous", "several range signs in a row")


_LOW_THORACIC, _LUMBAR = ("T10", "T11", "T12"), 5


def _may_be_lumbar(item: list[Word], inherited: str | None) -> bool:
    """Whether the 1 of ``Th12, 1`` stands without its region."""
    if inherited != "T" or any(word.kind == "region" for word in item):
        return False
    return any(word.kind == "number" and word.number <= _LUMBAR for word in item)


def _sentence(words: list[Word], *, czech: bool) -> tuple[str, ...]:
    levels: list[str] = []
    inherited: str | None = None
    for item in _split(words):
        if levels and levels[-1] in _LOW_THORACIC and _may_be_lumbar(item, inherited):
            raise _Unclear(
                "ambiguous", f"a low number behind {levels[-1]} may be a lumbar vertebra"
            )
        found, inherited = _item(item, inherited, czech=czech)
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
    plain = folded(unwrapped(text))
    if not plain:
        return ParsedLevels((), "empty")
    if len(plain) > _LONGEST_TEXT:
        return ParsedLevels((), "unreadable", "it is too long for a list of vertebrae")
    if _DATE_LIKE.fullmatch(plain) and not any(map(region_of, re.findall("[a-z]+", plain))):
        return ParsedLevels(
            (), "unreadable", "it looks like a date, into which spreadsheets turn ranges"
        )
    if _SIDE.search(plain) and any(c.isdigit() for c in plain):
        return ParsedLevels((), "ambiguous", "a side, or a vertebra in Roman numbers")
    if has_small_roman(text) and _AND_SMALL.search(text) is None:
        return ParsedLevels((), "ambiguous", "a note, or a vertebra in Roman numbers")
    if _OF_ANOTHER.search(plain):
        return ParsedLevels((), "ambiguous", "one vertebra, or another")
    words = words_of(plain)
    if words and words[-1].kind == "and" and plain[-1] not in _LIST_SIGNS:
        return ParsedLevels((), "ambiguous", "it ends before a vertebra that should follow")
    try:
        levels = _sentence(words, czech=TH.search(plain) is not None)
    except _Unclear as unclear:
        return ParsedLevels((), unclear.status, unclear.note)
    if "S1" in levels:
        return ParsedLevels(levels, "transitional", "S1 is rarely treated", style_of(text))
    return ParsedLevels(levels, "ok", "", style_of(text))


def and_or_to(texts: Sequence[str]) -> frozenset[str]:
    """Cells such as ``L1 a L3`` that may be two vertebrae, as in Czech.

    Others of the column tell: ``Th`` stands beside that, ``D`` or words of Italian or Spanish
    beside a range.

    Examples
    --------
    >>> and_or_to(["L1 a L3", "Th12"]), and_or_to(["L1 a L3", "D12"])
    (frozenset({'L1 a L3'}), frozenset())
    >>> and_or_to(["L1 a L3", "L2"]), and_or_to(["L1 a L3", "L1 y L2"])
    (frozenset({'L1 a L3'}), frozenset())
    """
    found = [t for t in texts if " a " in t.casefold() and len(parse_levels(t).levels) > 2]
    plain = [folded(text) for text in texts] if found else []
    if not found or (any(map(_ROMANCE.search, plain)) and not any(map(TH.search, plain))):
        return frozenset()
    return frozenset(text for text in found if folded(text).split()[0] not in FROM)


def render_levels(levels: tuple[str, ...]) -> str:
    """Write vertebrae canonically, so that `parse_levels` reads them back.

    Examples
    --------
    >>> render_levels(("T12", "L1"))
    'T12;L1'
    """
    return ";".join(levels)
