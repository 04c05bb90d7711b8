"""The order of day and month in a column of dates, from the cells that prove one."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from vpstats.registry.dates import SIX, DateContext, Order, Shape, century

_FIRST_YEAR = 1980  # before which nobody injected cement, so that no day but a birth is meant
_MOST = 0.95  # share of cells that fit an order where a few are mistyped
_ENOUGH = 5  # different dates, below which their parts do not tell which is the year


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
    parts = {"dmy": (2, 1, 0), "mdy": (2, 0, 1), "ymd": (0, 1, 2)}[order]
    possible = 0
    for shape in shapes:
        numbers = (shape.first, shape.second, shape.year)
        year, month, day = (numbers[i] for i in parts)
        try:
            date = dt.date(century(year, context), month, day)
        except ValueError:
            continue
        possible += context.birth or (date.year >= _FIRST_YEAR and date <= context.cut)
    return possible / len(shapes) if shapes else 0.0
