"""Days of the calendar from what spellings are, once the order of their column is known."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from vpstats.registry.cells import EMPTY, Reading
from vpstats.registry.dates import Order, Shape, calendar_day
from vpstats.registry.months import Names
from vpstats.registry.placeholder_days import is_placeholder


@dataclass(frozen=True, slots=True)
class DateContext:
    """What a column says about its dates.

    Parameters
    ----------
    orders : mapping of str to (Order or None)
        Style to order of day and month.
    cut : date
        Day of the exports; two-digit years lie in the hundred years before it.
    birth : bool
        Whether it is a date of birth: two-digit years then make an adult.
    names : str
        Whose names of months it has; "" where nothing proves that.
    """

    orders: Mapping[str, Order | None]
    cut: dt.date
    birth: bool = False
    names: Names = ""


def century(year: int, context: DateContext) -> int:
    """Full year of a two-digit one.

    The latest year that is not after the data cut; for dates of birth the latest in which
    somebody was born who is 18 at the cut.

    Examples
    --------
    >>> context = DateContext({}, dt.date(2025, 12, 31))
    >>> century(23, context), century(87, context)
    (2023, 1987)
    """
    newest = context.cut.year - (18 if context.birth else 0)
    return newest - (newest - year) % 100


def resolve(shape: Shape, context: DateContext) -> Reading:
    """Turn a shape into a date once the order of its column is known.

    Parameters
    ----------
    shape : Shape
        From `date_shape`.
    context : DateContext
        Orders of the column.

    Returns
    -------
    Reading
        ``datetime.date`` in `value`, or the first and last possible day of a partial date.

    Examples
    --------
    >>> from vpstats.registry.dates import date_shape
    >>> context = DateContext({".yyyy": "dmy"}, dt.date(2025, 12, 31))
    >>> resolve(date_shape("25.08.2023."), context).value
    datetime.date(2023, 8, 25)
    """
    reading = _resolved(shape, context)
    day = reading.value
    if isinstance(day, dt.date) and is_placeholder(day, context.cut, birth=context.birth):
        return _no_date(Shape("placeholder"))
    return reading


def _resolved(shape: Shape, context: DateContext) -> Reading:
    if shape.names == "either" and shape.kind in ("day", "month", "ordered"):
        if not context.names:
            return Reading(rule="date.month_ambiguous", note="two months have this name")
        shape = _month_later(shape) if context.names == "north" else shape
    if shape.kind == "ordered":
        return _ordered(shape, context)
    if shape.kind == "day":
        rule = "date.serial" if shape.style == "serial" else "date.format"
        return Reading(dt.date(shape.year, shape.second, shape.first), rule, style=_style(shape))
    if shape.kind in ("month", "year"):
        return _partial(shape)
    return _no_date(shape)


def _month_later(shape: Shape) -> Shape:
    """The month of that name in Polish and Czech: never December, so the year stays."""
    later = shape._replace(second=shape.second + 1)
    if later.kind != "day":
        return later
    return calendar_day(later.year, later.second, later.first, later.style)._replace(
        timed=later.timed
    )


def _no_date(shape: Shape) -> Reading:
    if shape.kind == "empty":
        return EMPTY
    if shape.kind == "missing":
        kind = "blank" if shape.note == "missing" else shape.note
        return Reading(rule=f"missing.{kind}", note=kind.replace("_", " "))
    if shape.kind == "placeholder":
        return Reading(rule="missing.placeholder_date", note="a placeholder")
    rule = "date.impossible" if shape.kind == "bad" else "date.unreadable"
    return Reading(rule=rule, note=shape.note)


def _style(shape: Shape) -> str:
    return f"{shape.style} time" if shape.timed else shape.style


def _partial(shape: Shape) -> Reading:
    months = (shape.second, shape.second) if shape.kind == "month" else (1, 12)
    first = dt.date(shape.year, months[0], 1)
    after = dt.date(shape.year + months[1] // 12, months[1] % 12 + 1, 1)
    last = after - dt.timedelta(days=1)
    note = "only the month is known" if shape.kind == "month" else "only the year is known"
    return Reading(rule="date.partial", note=note, first=first, last=last)


def _ordered(shape: Shape, context: DateContext) -> Reading:
    order = context.orders.get(shape.style)
    if order in ("dmy", "mdy") and not (shape.two_digits or shape.style.startswith("word")):
        numbers = (shape.year * 100 + shape.second) * 100 + shape.first
        reading = _whole_days(order, _style(shape))(numbers)
        if reading is not None:
            return reading
    readings = _readings(shape, context)
    if not readings:
        return Reading(rule="date.impossible", note="no such day in the calendar")
    if order is None:
        if len(set(readings.values())) > 1:
            return Reading(rule="date.order_ambiguous", note="day and month cannot be told apart")
        date = next(iter(readings.values()))
        if shape.first == shape.second:
            return Reading(date, "date.format", style=_style(shape))
        return Reading(date, "date.order_conflict", "its column is written in two orders")
    if order not in readings:
        return _against(order)
    rule = "date.two_digit_year" if shape.two_digits else "date.format"
    return Reading(readings[order], rule, style=_style(shape))


@lru_cache(maxsize=64)
def _whole_days(order: Order, style: str) -> Callable[[int], Reading | None]:
    """What reads whole dates, as the number YYYYSSFF of their year, second and first part.

    The columns of an export share their days, so each is made once. A number makes no key of its
    own in the cache, as the three parts would: garbage collection counts those.
    """

    @lru_cache(maxsize=65536)
    def read(numbers: int) -> Reading | None:
        year, first, second = numbers // 10_000, numbers % 100, numbers // 100 % 100
        day, month = (first, second) if order == "dmy" else (second, first)
        try:
            return Reading(dt.date(year, month, day), "date.format", style=style)
        except ValueError:
            return None

    return read


def _against(order: Order) -> Reading:
    note = f"it cannot be read as {order}, which its column is"
    return Reading(rule="date.order_conflict", note=note)


def _readings(shape: Shape, context: DateContext) -> dict[str, dt.date]:
    """Every order in which the numbers are a day of the calendar."""
    found: dict[str, dt.date] = {}
    orders = {
        "dmy": (shape.year, shape.second, shape.first),
        "mdy": (shape.year, shape.first, shape.second),
    }
    if shape.two_digits and context.orders.get(shape.style) == "ymd":
        orders = {"ymd": (shape.first, shape.second, shape.year)}
    elif shape.two_digits and context.orders.get(shape.style) is None:
        orders["ymd"] = (shape.first, shape.second, shape.year)
    if shape.style.startswith("word"):
        orders = {"dmy": orders["dmy"]}
    for order, (year, month, day) in orders.items():
        full = century(year, context) if shape.two_digits else year
        try:
            found[order] = dt.date(full, month, day)
        except ValueError:
            continue
    return found
