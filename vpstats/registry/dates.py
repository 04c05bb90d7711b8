"""Dates as hospitals write them, and the order of day and month in a column.

Whether ``05/08/2023`` is in May or in August is never decided cell by cell: the cells of a column
with the same separator are evidence together (`date_shape`, `choose_order`), and where they show
nothing, or contradict one another, the cell is left unread.
"""

from __future__ import annotations

import datetime as dt
import re
from functools import lru_cache
from typing import Literal, NamedTuple

from vpstats.registry.cells import fold, simplify
from vpstats.registry.lexicon import kind_of_missing
from vpstats.registry.months import FILLERS, ROMAN_MONTHS, Names, month_of, names_of
from vpstats.registry.placeholder_days import NUMBERED, is_edge, is_nobodys

Order = Literal["dmy", "mdy", "ymd"]
Kind = Literal[
    "empty", "missing", "placeholder", "day", "ordered", "month", "year", "bad", "unclear"
]

SIX = "six digits"
_SIX_NOTE = "six digits; date_order says which are the year"
_LONGEST = 60
_EPOCH = dt.date(1899, 12, 30)  # day 0 of spreadsheets, their leap day of 1900 counted
_SERIALS = (20_000, 60_000)  # October 1954 to April 2064
_BIRTH_SERIALS = (10_000, 60_000)  # births reach back to May 1927
_YEARS = (1880, 2200)
_TIME = re.compile(
    r"[ t](?:[01]?[0-9]|2[0-4])([:.])[0-5][0-9](?:\1[0-5][0-9](?:[.,][0-9]{1,9})?)?"
    r" ?(?:am|pm|h|uhr|sati)?(?:z|[+-][0-9]{2}(?::?[0-9]{2})?)?"
)
_DAYS = re.compile(
    r"[0-9]{1,2}\.[0-9]{1,2}\.[0-9]{2,4}\.?"
    r"(?:,[^:]*| (?:0?[1-9]|[12][0-9]|3[01])\.(?:0?[1-9]|1[0-2])\.[0-9]{2})"
)
"""Two days in a cell, the second of which looks like a time: ``14.03.21 16.03.21``."""
_UNKNOWN_PART = frozenset({"0", "00", "xx", "x", "??", "?", "__", "--", "nn"})
_NUMBERS = re.compile(r"([0-9]{1,2})([./-])([0-9]{1,2})\2([0-9]{4})\.?")
_DANISH = re.compile(r"[0-9]{1,2}/[0-9]{1,2}-[0-9]{4}")  # 27/11-2022, as Danes write it
_YEAR_WORD = re.compile(r"([0-9]{4}\.?)(?:r|g|god|roku)\b\.?")  # written at the year
_EAST_ASIAN = re.compile(
    r"([0-9]{4}) ?[年년]"
    r"(?: ?([0-9]{1,2}) ?[月월](?: ?([0-9]{1,2}) ?[日일](?: ?\([日月火水木金土]\))?)?)?"
)
"""2023年6月22日, as Japanese and Chinese write it, and 2023년 6월 22일, as Koreans do."""
_FULL_WIDTH = str.maketrans("０１２３４５６７８９（）", "0123456789()")
_ORDINAL = re.compile(r"\b([0-9]{1,2})(?:er|st|nd|rd|th|º|°)(?= )")


class Shape(NamedTuple):  # one per spelling: a tuple is made several times as fast
    """What a spelling is before its column has decided the order of day and month.

    Parameters
    ----------
    kind : str
        "day" (one reading), "ordered" (day and month depend on the column), "month", "year",
        "missing", "placeholder", "empty", "bad" (no such date) or "unclear".
    style : str
        Way of writing: separator and the length of the year, or "iso", "serial", "word".
    first, second, year : int
        Numbers as written.
    two_digits : bool
        Whether the year has two digits.
    note : str
        Why it is bad or unclear; for "missing", its kind.
    timed : bool
        Whether a time of day was dropped.
    names : str
        Whose name of a month it has ("south", "north"), as far as that is told; "either" where it
        is the month named for "south" and the one after it for "north".
    """

    kind: Kind
    style: str = ""
    first: int = 0
    second: int = 0
    year: int = 0
    two_digits: bool = False
    note: str = ""
    timed: bool = False
    names: Names = ""

    @property
    def evidence(self) -> Order | None:
        """The order that this spelling alone proves."""
        if self.kind != "ordered":
            return None
        return proved_order(self.first, self.second, self.style)


def proved_order(first: int, second: int, style: str) -> Order | None:
    """The order of day and month that two numbers prove, written so.

    Examples
    --------
    >>> proved_order(25, 8, ".yyyy"), proved_order(5, 8, ".yyyy")
    ('dmy', None)
    """
    if style == SIX:
        return None
    if first > 12 >= second >= 1:
        return "dmy"
    return "mdy" if second > 12 >= first >= 1 else None


# ------------------------------------------------------------------ one spelling


def date_shape(text: str, *, birth: bool = False) -> Shape:
    """Classify a spelling.

    Parameters
    ----------
    text : str
        The cell; any text is safe.
    birth : bool
        Whether old serial numbers may be meant.

    Returns
    -------
    Shape
        What is known without the column.

    Examples
    --------
    >>> date_shape("25.08.2023.").evidence, date_shape("06/2022").kind
    ('dmy', 'month')
    """
    return _birth_shape(text) if birth else _day_shape(text)


@lru_cache(maxsize=262144)
def _day_shape(text: str) -> Shape:
    return _shape(text, birth=False)


@lru_cache(maxsize=65536)
def _birth_shape(text: str) -> Shape:
    return _shape(text, birth=True)


def _shape(text: str, *, birth: bool) -> Shape:
    numbers = _NUMBERS.fullmatch(text)
    if numbers is not None and numbers[1] not in _UNKNOWN_PART:  # as most dates are written
        return _numbered(int(numbers[1]), int(numbers[3]), int(numbers[4]), numbers[2])
    plain = simplify(text).casefold()
    if not plain:
        return Shape("empty")
    if len(plain) > _LONGEST:
        return Shape("unclear", note="too long for a date")
    kind = kind_of_missing(text)
    if kind is not None:
        return Shape("missing", note=kind)
    plain = _YEAR_WORD.sub(r"\1", _ORDINAL.sub(r"\1", plain))
    plain, timed = _drop_time(plain)
    plain = re.sub(r" ?([./-]) ?", r"\1", plain).rstrip(" .,")
    shape = _classify(plain, birth)
    return shape if not timed else _with_time(shape)


def _drop_time(plain: str) -> tuple[str, bool]:
    cut = max(plain.rfind(" "), plain.rfind("t"))
    while cut > 0:  # "10:30 pm" has a space of its own
        if _TIME.fullmatch(plain[cut:]) and not _DAYS.fullmatch(plain):
            return plain[:cut].strip(), True
        cut = max(plain.rfind(" ", 0, cut), plain.rfind("t", 0, cut))
    return plain, False


def _with_time(shape: Shape) -> Shape:
    return shape._replace(timed=True)


def _classify(plain: str, birth: bool) -> Shape:
    east_asian = _EAST_ASIAN.fullmatch(plain.translate(_FULL_WIDTH))
    if east_asian is not None:
        year, month, day = east_asian.groups("")
        return _east_asian(int(year), month, day)
    parts = [part for part in re.split(r"[./ ,-]", plain) if part]
    words = [part for part in parts if not part.isdigit()]
    if words:
        parts = [part for part in parts if part.isdigit() or fold(part) not in FILLERS]
        words = [part for part in parts if not part.isdigit()]
    if any(p in ROMAN_MONTHS or (len(p) > 2 and fold(p)[:3].isalpha()) for p in words):
        return _worded(parts)._replace(names=_names_in(plain, parts))
    if not all(part in _UNKNOWN_PART or (part.isascii() and part.isdigit()) for part in parts):
        return Shape("unclear", note="not a date")
    separator = next((c for c in plain if c in "./- ,"), "")
    if _DANISH.fullmatch(plain):
        return _year_last(parts, "/-")
    if len({c for c in plain if c in "./-"}) > 1:
        return Shape("unclear", note="two kinds of separator")
    readers = {1: _one_part, 2: _two_parts, 3: _three_parts}
    reader = readers.get(len(parts))
    return reader(parts, separator, birth) if reader else Shape("unclear", note="not a date")


def _east_asian(year: int, month: str, day: str) -> Shape:
    if day:
        return calendar_day(year, int(month), int(day), "word")
    if month:
        return _month(month, year, "word")
    possible = _YEARS[0] <= year <= _YEARS[1]
    return Shape("year", "word", year=year) if possible else Shape("bad", note="an impossible year")


def _one_part(parts: list[str], _: str, birth: bool) -> Shape:
    digits = parts[0]
    number = int(digits) if digits.isdigit() else 0
    if len(digits) == 4 and _YEARS[0] <= number <= _YEARS[1]:
        return Shape("year", "year", year=number)
    if len(digits) == 5:
        return _serial(number, birth)
    if len(digits) == 8 and 1900 <= number // 10_000 <= 2100 and number // 100 % 100 <= 12:
        return calendar_day(number // 10_000, number // 100 % 100, number % 100, "yyyymmdd")
    if len(digits) == 8 and _YEARS[0] <= number % 10_000 <= _YEARS[1]:  # year first is above
        return Shape(
            "ordered", "digits", number // 1_000_000, number // 10_000 % 100, number % 10_000
        )
    if number == 0:
        return Shape("placeholder")
    if len(digits) == 6:  # a day only where the mapping says in which order
        pairs = number // 10_000, number // 100 % 100, number % 100
        return Shape("unclear", SIX, *pairs, two_digits=True, note=_SIX_NOTE)
    return Shape("unclear", note="a number that is no date")


def _serial(number: int, birth: bool) -> Shape:
    low, high = _BIRTH_SERIALS if birth else _SERIALS
    if not low <= number <= high:
        return Shape("unclear", note="a number outside the days that a spreadsheet could mean")
    day = _EPOCH + dt.timedelta(days=number)
    return calendar_day(day.year, day.month, day.day, "serial")


def _two_parts(parts: list[str], separator: str, birth: bool) -> Shape:
    left, right = parts
    if len(left) == 5 and left.isdigit():  # a serial number with its time of day
        return _with_time(_serial(int(left), birth))
    if len(right) == 4 and right.isdigit():
        return _month(left, int(right), f"m{separator}y")
    if len(left) == 4 and left.isdigit():
        return _month(right, int(left), f"y{separator}m")
    return Shape("unclear", note="neither a date nor a month with its year")


def _month(month: str, year: int, style: str) -> Shape:
    if not _YEARS[0] <= year <= _YEARS[1]:
        return Shape("bad", note="an impossible year")
    if month in _UNKNOWN_PART:
        return Shape("year", style, year=year)
    if len(month) > 2 or not 1 <= int(month) <= 12:
        return Shape("bad", note="an impossible month")
    return Shape("month", style, second=int(month), year=year)


def _three_parts(parts: list[str], separator: str, _: bool) -> Shape:
    if len(parts[0]) == 4 and parts[0].isdigit():
        return _year_first(parts, separator)
    if len(parts[2]) == 4 and parts[2].isdigit():
        return _year_last(parts, separator)
    if all(1 <= len(p) <= 2 and p.isdigit() for p in parts):
        first, second, year = (int(p) for p in parts)
        return Shape("ordered", f"{separator}yy", first, second, year, two_digits=True)
    return Shape("unclear", note="not a date")


def _year_first(parts: list[str], separator: str) -> Shape:
    year = int(parts[0])
    if parts[2] in _UNKNOWN_PART:
        return _month(parts[1], year, f"y{separator}m")
    if not all(len(p) <= 2 and p.isdigit() for p in parts[1:]):
        return Shape("unclear", note="not a date")
    return calendar_day(
        year, int(parts[1]), int(parts[2]), "iso" if separator == "-" else f"ymd{separator}"
    )


def _year_last(parts: list[str], separator: str) -> Shape:
    year = int(parts[2])
    if parts[0] in _UNKNOWN_PART:
        return Shape("placeholder") if not year else _month(parts[1], year, f"m{separator}y")
    if not all(len(p) <= 2 and p.isdigit() for p in parts[:2]):
        return Shape("unclear", note="not a date")
    return _numbered(int(parts[0]), int(parts[1]), year, separator)


def _numbered(first: int, second: int, year: int, separator: str) -> Shape:
    if (first, second, year) in NUMBERED:
        return Shape("placeholder")
    if not _YEARS[0] <= year <= _YEARS[1]:
        edge = is_edge(first, second) or is_edge(second, first)
        return Shape("placeholder") if edge else Shape("bad", note="an impossible year")
    return Shape("ordered", f"{separator}yyyy", first, second, year)


def calendar_day(year: int, month: int, day: int, style: str) -> Shape:
    """What a day of the calendar is, or why there is none.

    Examples
    --------
    >>> calendar_day(2023, 8, 25, "iso").kind, calendar_day(2023, 2, 30, "iso").kind
    ('day', 'bad')
    """
    try:
        date = dt.date(year, month, day)
    except ValueError:
        return Shape("bad", note="no such day in the calendar")
    possible = _YEARS[0] <= year <= _YEARS[1]
    if is_nobodys(date) or (not possible and is_edge(day, month)):
        return Shape("placeholder")
    if not possible:
        return Shape("bad", note="an impossible year")
    return Shape("day", style, first=day, second=month, year=year)


def _worded(parts: list[str]) -> Shape:
    """``25. kolovoza 2023``, ``25-Aug-23``, ``Aug 25, 2023``, ``lipanj 2022``."""
    months = [m for p in parts if not p.isdigit() and (m := month_of(p)) is not None]
    numbers = [p for p in parts if p.isdigit() and p.isascii()]
    if len(months) != 1 or len(numbers) not in (1, 2) or len(parts) != len(numbers) + 1:
        return Shape("unclear", note="not a date")
    if len(numbers[-1]) > 4 or any(len(n) not in (1, 2, 4) for n in numbers):
        return Shape("unclear", note="not a date")
    if len(numbers) == 2 and month_of(parts[-1]) is not None and len(numbers[0]) < 4:
        return Shape("unclear", note="not a date")  # 6/52 ago: six weeks
    if len(numbers[0]) < 4 and len(numbers[-1]) == 1:
        return Shape("unclear", note="not a date")
    if len(numbers) == 1:
        whole = len(numbers[0]) == 4
        return (
            _month(str(months[0]), int(numbers[0]), "word")
            if whole
            else Shape("unclear", note="a month with a number that can be a day or a year")
        )
    if len(numbers[0]) == 4:  # 2021. máj. 10.
        numbers.reverse()
    day, year = int(numbers[0]), int(numbers[1])
    if len(numbers[1]) == 2:
        return Shape("ordered", "word yy", day, months[0], year, two_digits=True)
    return calendar_day(year, months[0], day, "word")


_SOUTHERN = re.compile(r"[0-9]\.? ?\.listopada")  # a dot behind the day: not as in Polish


def _names_in(plain: str, parts: list[str]) -> Names:
    words = [part for part in parts if not part.isdigit()]
    found: Names = next((n for word in words if (n := names_of(word))), "")
    return "south" if found == "either" and _SOUTHERN.search(plain) else found


def six_digits(shape: Shape, declared: Order | None) -> Shape:
    """``210203`` is a date where its column has a declared order, and a number elsewhere."""
    return shape._replace(kind="ordered") if shape.style == SIX and declared else shape
