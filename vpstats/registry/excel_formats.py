"""Number formats of a workbook: what a cell shows that holds something else.

``35%`` is stored as 0.35, ``<5`` may be stored as 5 and ``5`` as 5000, and a cell may show nothing
of what it holds.
"""

from __future__ import annotations

import datetime as dt
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import NamedTuple

from vpstats.registry.units import is_unit

_TOKEN = re.compile(
    r'"(?P<quoted>[^"]*)"|\\(?P<escaped>.)|[_*].|\[(?P<bracket>[^\]]*)\]|(?P<digit>general|[0#?])'
    r"|(?P<sign>.)",
    re.IGNORECASE | re.DOTALL,
)
_SAID = re.compile(r'"[^"]*"|\\.|[_*].|\[[^\]]*\]|am/pm|a/p|general', re.IGNORECASE)
_WORDS = re.compile(r'"[^"]*[^\W\d_][^"]*"|\\[^\W\d_]')
_ABOUT_A_DAY = re.compile(
    r'"[^"]*(?:[?~<>]|\b(?:vor|nach|ca|circa|before|after|about|avant|apr[eè]s|prima|dopo|antes|'
    r'prije|poslije|pred|po|przed|oko)\b)[^"]*"|\\[?~<>]',
    re.IGNORECASE,
)
"""What a format writes beside a day that is not that day, or not for sure."""
_ELAPSED = re.compile(r"\[(h+|m+|s+)\]", re.IGNORECASE)
_TEST = re.compile(r"(<=|>=|<>|=|<|>) ?(-?[0-9]+(?:\.[0-9]+)?)")
_TESTS: Mapping[str, Callable[[float, float], bool]] = MappingProxyType(
    {
        "<=": operator.le,
        ">=": operator.ge,
        "<>": operator.ne,
        "=": operator.eq,
        "<": operator.lt,
        ">": operator.gt,
    }
)
_DASHES = frozenset("-‐‑‒–—−")
_NO_LIMIT = "$€£+( "  # before a number, these say nothing of how large it is
_MARKS = frozenset("?*<>≤≥~+†‡§#")
_FOR_NUMBERS = 3  # sections; a fourth is for text

CLOCKS = frozenset({"h:mm", "h:mm:ss", "[h]:mm:ss", "mm:ss", "[mm]:ss"})
"""Kinds of formats that show a time of day or a duration."""


class Face(NamedTuple):
    """What a cell shows.

    Parameters
    ----------
    text : str
        To be read in place of what the cell holds; "" where that is doubtful.
    rule : str
        Rule of the doubt, or "".
    """

    text: str
    rule: str = ""


HIDDEN = Face("", "file.shown_otherwise")


@dataclass(frozen=True, slots=True)
class Section:
    """One of the sections of a format: for positive numbers, negative ones, zero or text.

    Parameters
    ----------
    test : tuple of (str, float), optional
        Condition that the section states.
    before, behind : str
        Text that it shows beside the number.
    zeros : int
        Digits that are filled up with zeros.
    percent, scaled : bool
        Whether a hundredfold of the number, or a thousandth, is shown.
    number, text : bool
        Whether it shows the number, or the text, at all.
    """

    test: tuple[str, float] | None = None
    before: str = ""
    behind: str = ""
    zeros: int = 0
    percent: bool = False
    scaled: bool = False
    number: bool = False
    text: bool = False

    @property
    def is_plain(self) -> bool:
        """Whether what is shown is what is held, but for rounding."""
        shows = self.number or self.text or _is_dash(self.before + self.behind)
        return shows and not (self.percent or self.scaled or _lead(self) or _tail(self))


@dataclass(frozen=True, slots=True)
class Format:
    """What a number format shows.

    Parameters
    ----------
    kind : str
        "number", "month" or "year" where no day is shown, "doubted day" where more than the day is,
        or one of `CLOCKS`.
    sections : tuple of Section
        Of a format for numbers.
    """

    kind: str
    sections: tuple[Section, ...] = ()


def read_format(code: str) -> Format | None:
    """Read a format; None where a cell shows what it holds, but for rounding.

    Examples
    --------
    >>> [read_format(code) for code in ("0.00", "dd.mm.yyyy", "General", "@", "#,##0")]
    [None, None, None, None, None]
    >>> [read_format(code).kind for code in ("0%", "mmm-yy", "h:mm", "[h]:mm:ss", "mm:ss.0")]
    ['number', 'month', 'h:mm', '[h]:mm:ss', 'mm:ss']
    """
    plain = _SAID.sub("", code.split(";")[0]).lower()
    if "%" not in plain and (any(c in plain for c in "ydhs") or _ELAPSED.search(code)):
        kind = _kind_of_time(code.split(";")[0], plain)
        if not kind and _ABOUT_A_DAY.search(code.split(";")[0]):
            kind = "doubted day"
        return Format(kind) if kind else None
    sections = _sections(code)
    turned = sections[0].number and _is_dash(sections[0].before)
    plain_all = not turned and all(section.is_plain for section in sections)
    return None if plain_all else Format("number", sections)


def _kind_of_time(code: str, plain: str) -> str:
    if "y" in plain and not any(c in plain for c in "dhs"):
        return "month" if "m" in plain else "year"
    if "y" in plain or "d" in plain:
        return ""
    elapsed = "".join(_ELAPSED.findall(code)).lower()
    hours, seconds = "h" in plain + elapsed, "s" in plain + elapsed
    if _WORDS.search(code):  # which say of each number what it is
        return "[mm]:ss"
    if hours and seconds:
        return "[h]:mm:ss" if elapsed else "h:mm:ss"
    if hours:
        return "h:mm" if "m" in plain else ""
    return "[mm]:ss" if elapsed else "mm:ss"


def _sections(code: str) -> tuple[Section, ...]:
    found: list[list[re.Match[str]]] = [[]]
    for token in _TOKEN.finditer(code):
        if token["sign"] == ";":
            found.append([])
        else:
            found[-1].append(token)
    return tuple(map(_section, found))


def _section(tokens: list[re.Match[str]]) -> Section:
    section, literal, whole, commas = Section(), "", True, 0
    for token in tokens:
        sign = token["sign"] or ""
        if token["digit"] is not None:
            if not section.number:
                section = replace(section, before=literal, number=True)
            literal, commas = "", 0
            section = replace(section, zeros=section.zeros + (whole and token["digit"] == "0"))
        elif token["bracket"] is not None:
            section = replace(section, test=_condition(token["bracket"]) or section.test)
        elif sign == "@":
            section, literal = replace(section, before=literal, text=True), ""
        elif sign == "%":
            section = replace(section, percent=True)
        elif section.number and sign and sign in ",.Ee":
            commas += sign == ","
            whole = whole and sign == ","
            section = replace(section, scaled=section.scaled or (sign == "." and commas > 0))
        else:
            literal += token["quoted"] or token["escaped"] or sign
    return replace(section, behind=literal, scaled=section.scaled or commas > 0)


def _condition(bracket: str) -> tuple[str, float] | None:
    """The condition in brackets, which may also hold a colour or a language."""
    found = _TEST.fullmatch(bracket.strip())
    return (found[1], float(found[2])) if found else None


def _is_dash(literal: str) -> bool:
    plain = literal.strip()
    return bool(plain) and set(plain) <= _DASHES


def _lead(section: Section) -> str:
    """What stands before a number and says more of it than a sign of money or a minus does."""
    plain = "" if _is_dash(section.before) else section.before.strip(_NO_LIMIT)
    return f"{plain} " if plain and section.before.endswith(" ") else plain


def _tail(section: Section) -> str:
    """What stands behind a number and says more of it: a unit, or a mark of doubt or of a limit.

    A sign of percent as text leaves the number as it is.
    """
    plain = section.behind.strip().rstrip(")").rstrip()
    marked = bool(plain) and set(plain) <= _MARKS
    unit = plain.partition("(")[0].rstrip()  # mg/dl (high)
    if plain == "%" or not (marked or is_unit(plain) or is_unit(unit)):
        return ""
    return plain if marked or is_unit(plain) else unit


# ------------------------------------------------------------------ what a cell shows


def shown(how: Format, value: object) -> Face | None:
    """What a cell shows by its format; None where that is what it holds.

    Parameters
    ----------
    how : Format
        From `read_format`.
    value : object
        As the workbook holds it.

    Returns
    -------
    Face or None
        Empty and with a rule where nothing of the value is shown, or another number. What times
        show is seen from a whole column; see `vpstats.registry.excel_clocks`.

    Examples
    --------
    >>> shown(read_format('"<"0.0'), 5.0).text, shown(read_format("0%"), 0.28).text
    ('<5', '28%')
    >>> shown(read_format('0.0" mg/dl"'), 1.2).text, shown(read_format("0,"), 5000).rule
    ('1.2 mg/dl', 'file.shown_otherwise')
    """
    if how.kind == "doubted day":
        return HIDDEN if isinstance(value, dt.date) else None
    if how.kind in ("month", "year"):
        return _without_day(how.kind, value)
    if how.kind != "number" or value is None or value == "":
        return None
    if isinstance(value, str):
        return _shown_text(how.sections, value)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return _shown_number(_chosen(how.sections, value), value)


def _without_day(kind: str, value: object) -> Face | None:
    if not isinstance(value, dt.date) or value.day != 1 or (kind == "year" and value.month != 1):
        return None
    return Face(f"{value:%Y-%m}" if kind == "month" else f"{value:%Y}")


def _shown_text(sections: tuple[Section, ...], value: str) -> Face | None:
    section = sections[-1]
    if len(sections) <= _FOR_NUMBERS and not section.text:
        return None
    literal = (section.before + section.behind).strip()
    if not section.text:
        return Face(literal) if literal else HIDDEN
    lead, tail = _lead(section), _tail(section)
    return Face(f"{lead}{value}{' ' if tail else ''}{tail}") if lead or tail else None


def _chosen(sections: tuple[Section, ...], value: float) -> Section:
    """The section for a number: by its conditions, or one each for above, below and at zero."""
    numeric = sections[:_FOR_NUMBERS]
    if len(numeric) > 1 and numeric[-1].text:
        numeric = numeric[:-1]
    if not any(section.test for section in numeric):
        wanted = 2 if value == 0 else int(value < 0)
        return numeric[wanted] if wanted < len(numeric) else numeric[0]
    for section in numeric[:-1]:
        sign, limit = section.test or ("<", 0.0)
        if _TESTS[sign](value, limit):
            return section
    return numeric[-1]


def _shown_number(section: Section, value: float) -> Face | None:
    if section.is_plain and not (_is_dash(section.before) and value > 0):
        return None
    if section.scaled:
        return HIDDEN
    if not section.number:
        literal = (section.before + section.behind).strip()
        return Face(literal) if literal else (None if section.text else HIDDEN)
    lead, tail = _lead(section), "" if section.percent else _tail(section)
    if _is_dash(section.before) and value > 0:
        lead = "-"
    held = f"{value * 100:.15g}%" if section.percent else f"{value:.15g}"
    if lead and held.isdecimal():
        held = held.zfill(section.zeros)
    if value < 0:
        lead = lead.rstrip().rstrip("".join(_DASHES))
    spaced = " " if tail and tail not in _MARKS else ""
    return Face(f"{lead}{held}{spaced}{tail}")
