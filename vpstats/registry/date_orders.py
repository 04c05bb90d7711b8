"""The order of day and month in a column of dates, from the cells that prove one."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from vpstats.registry.cells import Reading
from vpstats.registry.date_values import DateContext, century
from vpstats.registry.dates import SIX, Order, Shape

_FIRST_YEAR = 1980  # before which nobody injected cement, so that no day but a birth is meant
_MOST = 0.95  # share of cells that fit an order where a few are mistyped
_ENOUGH = 5  # different dates, below which their parts do not tell which is the year
_HABIT = 3  # cells of a year, below which it may be that of a slip
_YEARS_BEYOND = 1  # years around those of a column in which another of its dates may lie


@dataclass(frozen=True, slots=True)
class Evidence:
    """How many cells prove each order, for one way of writing."""

    dmy: int = 0
    mdy: int = 0

    def __add__(self, other: Evidence) -> Evidence:
        return Evidence(self.dmy + other.dmy, self.mdy + other.mdy)

    @property
    def verdict(self) -> Order | Literal["conflict"] | None:
        """The order proved; "conflict" where the lesser side is more than a twentieth."""
        total = self.dmy + self.mdy
        if not total:
            return None
        if min(self.dmy, self.mdy) * 20 > total:
            return "conflict"
        return "dmy" if self.dmy >= self.mdy else "mdy"


def choose_order(
    style: str, column: Evidence, source: Evidence, declared: Order | None
) -> Order | None:
    """Decide the order of day and month for one way of writing in one column.

    Parameters
    ----------
    style : str
        Way of writing, from `Shape.style`.
    column, source : Evidence
        Cells that prove an order, in the column and in all date columns of the source.
    declared : str, optional
        What the mapping says.

    Returns
    -------
    str or None
        None where nothing decides, or where the evidence contradicts itself or the mapping.

    Examples
    --------
    >>> choose_order("/yyyy", Evidence(mdy=3), Evidence(mdy=3), None)
    'mdy'
    >>> choose_order("/yyyy", Evidence(mdy=3), Evidence(mdy=3), "dmy") is None
    True
    >>> choose_order(".yyyy", Evidence(), Evidence(), None)
    'dmy'
    """
    if style.startswith("word"):
        return "dmy"
    if style == SIX:
        return declared
    if declared == "ymd":
        if style.endswith("yy") and not style.endswith("yyyy"):
            return "ymd"
        declared = None
    verdict = column.verdict or source.verdict
    if verdict == "conflict":
        return None
    if declared is not None:
        return None if verdict not in (None, declared) else declared
    if verdict is not None:
        return verdict
    return "dmy" if style.startswith(".") else None  # dotted dates are written day first


def with_years_first(
    orders: Mapping[str, Order | None], shapes: Sequence[Shape], cut: dt.date, *, birth: bool
) -> dict[str, Order | None]:
    """Weigh the year first for dates of two digits throughout, which nobody has declared.

    ``21-09-01`` is a day in 2021 or in 2001. The years of a column are few and recent, and its days
    go up to 31; where that does not tell, the order is not known.

    Parameters
    ----------
    orders : mapping of str to (Order or None)
        Style to order, from `choose_order`.
    shapes : sequence of Shape
        Different dates of the column.
    cut : date
        Day of the exports.
    birth : bool
        Whether they are dates of birth.

    Returns
    -------
    dict
        The same with "ymd", or None, where the year may stand first.

    Examples
    --------
    >>> from vpstats.registry.dates import date_shape
    >>> shapes = [date_shape(f"21-0{month}-2{day}") for month in (3, 9) for day in (2, 5, 8)]
    >>> with_years_first({"-yy": "dmy"}, shapes, dt.date(2025, 12, 31), birth=False)
    {'-yy': 'ymd'}
    """
    context = DateContext({}, cut, birth)
    found = dict(orders)
    for style, order in orders.items():
        if style.endswith("yy") and not style.endswith("yyyy") and not style.startswith("word"):
            own = [shape for shape in shapes if shape.kind == "ordered" and shape.style == style]
            # few dates with dots are days first, as all with dots are: one of them is mistyped
            if len(own) >= _ENOUGH or not style.startswith("."):
                found[style] = _year_first(own, order, _beside(shapes) >= len(own), context)
    return found


def _beside(shapes: Sequence[Shape]) -> int:
    """Dates of the column whose year is written out and stands first."""
    return sum(s.kind == "day" and (s.style == "iso" or s.style.startswith("ymd")) for s in shapes)


def _year_first(
    shapes: Sequence[Shape], order: Order | None, beside: bool, context: DateContext
) -> Order | None:
    if beside:
        return None
    fits = _share(shapes, "ymd", context)
    if fits < _MOST:
        return order
    if order is None or _share(shapes, order, context) < _MOST:
        return "ymd" if len(shapes) >= _ENOUGH else None
    fewer = len({s.first for s in shapes}) < len({s.year for s in shapes})
    return None if fewer and len(shapes) >= _ENOUGH and not context.birth else order


def _share(shapes: Sequence[Shape], order: Order, context: DateContext) -> float:
    """Part of the dates that are possible days if they are read so."""
    dates = (_read_as(shape, order, context) for shape in shapes)
    possible = sum(
        date is not None and (context.birth or (date.year >= _FIRST_YEAR and date <= context.cut))
        for date in dates
    )
    return possible / len(shapes) if shapes else 0.0


def _read_as(shape: Shape, order: Order, context: DateContext) -> dt.date | None:
    """The day of a date with a year of two digits in an order; None where there is none."""
    numbers = (shape.first, shape.second, shape.year)
    year, month, day = (numbers[i] for i in _PARTS[order])
    try:
        return dt.date(century(year, context), month, day)
    except ValueError:
        return None


_PARTS: Mapping[Order, tuple[int, int, int]] = {
    "dmy": (2, 1, 0),
    "mdy": (2, 0, 1),
    "ymd": (0, 1, 2),
}


# ------------------------------------------------------------------ beside years written out


def beside_whole_years(
    shapes: Sequence[Shape],
    readings: Sequence[Reading],
    counts: Sequence[int],
    context: DateContext,
    declared: Order | None,
) -> list[Reading]:
    """Judge years of two digits by the other dates of their column, whose years are written out.

    ``14.03.22`` among ``2022-03-10`` is a day of 2022 or of 2014. It is read in the order that
    gives a year of the column where the others give none, and is not read where that contradicts
    how the column is written otherwise.

    Parameters
    ----------
    shapes : sequence of Shape
        Different dates of the column.
    readings : sequence of Reading
        What was made of each.
    counts : sequence of int
        Cells of each.
    context : DateContext
        Orders of the column.
    declared : str, optional
        What the mapping says.

    Returns
    -------
    list of Reading
        The same but for what is doubted or decided.

    Examples
    --------
    >>> from vpstats.registry.date_values import resolve
    >>> from vpstats.registry.dates import date_shape
    >>> shapes = [date_shape(t) for t in ("2022-03-10", "2022-04-11", "14.03.22", "22-3-4")]
    >>> context = DateContext({".yy": "dmy", "-yy": "dmy"}, dt.date(2025, 12, 31))
    >>> readings = [resolve(shape, context) for shape in shapes]
    >>> found = beside_whole_years(shapes, readings, [1] * 4, context, "dmy")
    >>> [str(reading.value) for reading in found[2:]]
    ['2022-03-14', '2022-03-04']
    """
    found = list(readings)
    short = [i for i, s in enumerate(shapes) if _is_short(s)]
    if not short:
        return found
    whole = [
        i
        for i, (s, r) in enumerate(zip(shapes, readings, strict=True))
        if not s.two_digits and isinstance(r.value, dt.date)
    ]
    if sum(counts[i] for i in whole) < _OF_A_COLUMN:
        return found
    years = _years([(readings[i], counts[i]) for i in whole], 1)
    years |= _years([(readings[i], counts[i]) for i in short], _HABIT)
    first = [shapes[i].style for i in whole if shapes[i].style.startswith(("iso", "ymd"))]
    column = _Column(
        range(min(years) - _YEARS_BEYOND, max(years) + _YEARS_BEYOND + 1),
        2 * len(first) > len(whole),
        frozenset("-" if style == "iso" else style[3:] for style in first),
        declared,
    )
    for i in short:
        found[i] = _judged(shapes[i], found[i], column, context)
    return found


_OF_A_COLUMN = 2  # dates with their year written out, below which they say nothing of the others


@dataclass(frozen=True, slots=True)
class _Column:
    """What the dates of a column say whose years are written out."""

    years: range
    years_first: bool
    signs: frozenset[str]  # between the parts of those whose year stands first
    declared: Order | None

    def contradicts(self, order: Order | None, sign: str) -> bool:
        """Whether they are written another way than a year of two digits was read.

        Six digits in a row have no sign; they are read at all since the mapping says how.
        """
        if sign == SIX[:1]:
            return False
        if order == "ymd":
            return not self.years_first or sign not in self.signs
        return self.years_first and sign in self.signs


def _is_short(shape: Shape) -> bool:
    return shape.two_digits and shape.kind == "ordered" and not shape.style.startswith("word")


def _years(readings: Sequence[tuple[Reading, int]], fewest: int) -> set[int]:
    """Years of so many cells at least."""
    cells: dict[int, int] = {}
    for reading, count in readings:
        if isinstance(reading.value, dt.date):
            cells[reading.value.year] = cells.get(reading.value.year, 0) + count
    return {year for year, count in cells.items() if count >= fewest}


def _judged(shape: Shape, reading: Reading, column: _Column, context: DateContext) -> Reading:
    order = context.orders.get(shape.style)
    if reading.value is None and order is not None:
        return reading
    near = _near(shape, column, context)
    others = {date for date in near.values() if date != reading.value}
    if not others:
        return reading
    if reading.value in near.values() and not column.contradicts(order, shape.style[:1]):
        return reading
    if len(set(near.values())) == 1 and column.years_first:
        return Reading(
            others.pop(), "date.two_digit_year", style=f"{shape.style} by the years of its column"
        )
    return Reading(rule="date.order_ambiguous", note="its year may stand first or last")


def _near(shape: Shape, column: _Column, context: DateContext) -> dict[Order, dt.date]:
    """The days that a date may be whose year is one of its column."""
    sure = {column.declared, *context.orders.values()}
    orders: list[Order] = ["ymd"]
    orders += [order for order in ("dmy", "mdy") if order in sure]
    if len(orders) == 1:
        orders += ["dmy"] if shape.style.startswith(".") else ["dmy", "mdy"]
    found = {order: _read_as(shape, order, context) for order in orders}
    return {
        order: date
        for order, date in found.items()
        if date is not None and date.year in column.years and date <= context.cut
    }
