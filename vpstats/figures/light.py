"""Small drawings as SVG text, for pages that hold thousands of them.

A page for each of 200 centers with charts of eight indicators is too much for a plotting library.
These drawings share the sizes, colours and type of `vpstats.figures.style` and are written
directly: coordinates are whole tenths of a point, so that equal data give equal bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from html import escape
from math import ceil, floor, log, log10
from typing import TYPE_CHECKING

import numpy as np

from vpstats.errors import UsageError
from vpstats.figures.export import FALLBACK
from vpstats.figures.style import GREY, INK, POINT, RULE, SMALL

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Vector = NDArray[np.float64]

UNITS = 10 / POINT
"""Units of a drawing in a millimetre: tenths of a point."""

TICK = 1.0
"""Length of a tick in millimetres."""

Tick = tuple[float, str]
"""Where a tick stands, and its words."""


@dataclass(frozen=True)
class Plane:
    """A rectangle of a drawing, in millimetres, and the data that its sides stand for.

    Parameters
    ----------
    left, top, width, height : float
        Place on the drawing.
    x, y : tuple of float
        Data at the left and right, and at the lower and upper side.
    log_x, log_y : bool
        Whether an axis is logarithmic.
    """

    left: float
    top: float
    width: float
    height: float
    x: tuple[float, float]
    y: tuple[float, float]
    log_x: bool = False
    log_y: bool = False

    @property
    def right(self) -> float:
        """Right side."""
        return self.left + self.width

    @property
    def bottom(self) -> float:
        """Lower side."""
        return self.top + self.height

    def at_x(self, values: ArrayLike) -> Vector:
        """Millimetres from the left, kept within the plane."""
        return self.left + self.width * _share(values, self.x, self.log_x)

    def at_y(self, values: ArrayLike) -> Vector:
        """Millimetres from the top, kept within the plane."""
        return self.bottom - self.height * _share(values, self.y, self.log_y)


def _share(values: ArrayLike, ends: tuple[float, float], logarithmic: bool) -> Vector:
    given = np.asarray(values, float)
    if logarithmic:
        given = np.log(np.maximum(given, 1e-12))
        ends = log(ends[0]), log(ends[1])
    return np.clip((given - ends[0]) / (ends[1] - ends[0]), 0.0, 1.0)


@dataclass
class Drawing:
    """An SVG element in the making; lengths are millimetres from the top left.

    Parameters
    ----------
    width, height : float
        Size.

    Examples
    --------
    >>> drawing = Drawing(20, 10)
    >>> drawing.text(1, 5, "a < b")
    >>> drawing.markup(title="Letters")[-21:]
    'a &lt; b</text></svg>'
    """

    width: float
    height: float
    parts: list[str] = field(default_factory=list)

    def text(
        self,
        x: float,
        y: float,
        words: str,
        *,
        size: float = SMALL,
        color: str = INK,
        anchor: str = "start",
        bold: bool = False,
    ) -> None:
        """Write a line, centred on `y`; nothing where there are no words."""
        if not words:
            return
        place = "" if anchor == "start" else f' text-anchor="{anchor}"'
        weight = ' font-weight="bold"' if bold else ""
        base = _unit(y + 0.36 * size * POINT)
        self.parts.append(
            f'<text x="{_unit(x)}" y="{base}" font-size="{10 * size:g}" fill="{color}"'
            f"{place}{weight}>{escape(words)}</text>"
        )

    def line(
        self,
        xs: ArrayLike,
        ys: ArrayLike,
        *,
        color: str = INK,
        width: float = 1.2,
        dash: str = "",
    ) -> None:
        """Join points by a line; points that are not finite break it."""
        drawn = " ".join(f"M{points}" for points in _runs(xs, ys))
        if drawn:
            stroke = f' stroke-dasharray="{dash}"' if dash else ""
            self.parts.append(
                f'<path d="{drawn}" fill="none" stroke="{color}" '
                f'stroke-width="{10 * width:g}"{stroke}/>'
            )

    def strokes(
        self, ends: Sequence[tuple[float, float, float, float]], *, width: float = 0.6
    ) -> None:
        """Draw straight strokes, each given by x and y of its two ends, as one path."""
        drawn = "".join("M{} {} {} {}".format(*map(_unit, one)) for one in ends)
        self.parts.append(
            f'<path d="{drawn}" fill="none" stroke="{INK}" stroke-width="{10 * width:g}"/>'
        )

    def area(self, xs: ArrayLike, low: ArrayLike, high: ArrayLike, *, color: str) -> None:
        """Shade what lies between two lines."""
        x, a, b = (np.asarray(v, float) for v in (xs, low, high))
        kept = np.isfinite(x) & np.isfinite(a) & np.isfinite(b)
        if kept.sum() > 1:
            xs_, ys_ = np.r_[x[kept], x[kept][::-1]], np.r_[a[kept], b[kept][::-1]]
            self.parts.append(f'<path d="M{_points(xs_, ys_)}Z" fill="{color}"/>')

    def dots(
        self, xs: ArrayLike, ys: ArrayLike, *, color: str, size: float = 3.8, hollow: bool = False
    ) -> None:
        """Draw circles `size` points wide, hollow ones with a rim."""
        paint = (
            f'fill="#ffffff" stroke="{color}" stroke-width="10"' if hollow else f'fill="{color}"'
        )
        pairs = zip(np.atleast_1d(np.asarray(xs, float)), np.atleast_1d(ys), strict=True)
        self.parts += [
            f'<circle cx="{_unit(x)}" cy="{_unit(y)}" r="{5 * size:g}" {paint}/>'
            for x, y in pairs
            if np.isfinite([x, y]).all()
        ]

    def markup(self, *, title: str, desc: str = "", id_prefix: str = "") -> str:
        """Write the element, with its name and description for those who cannot see it.

        Raises
        ------
        UsageError
            If the title is empty.
        """
        if not title.strip():
            raise UsageError("title is empty; name the drawing for those who cannot see it.")
        names = f'role="img" aria-labelledby="{id_prefix}title"'
        inside = f'<title id="{id_prefix}title">{escape(title)}</title>'
        if desc:
            names += f' aria-describedby="{id_prefix}desc"'
            inside += f'<desc id="{id_prefix}desc">{escape(desc)}</desc>'
        size = f'width="{self.width / POINT:.1f}pt" height="{self.height / POINT:.1f}pt"'
        box = f'viewBox="0 0 {_unit(self.width)} {_unit(self.height)}"'
        style = f'font-family="{FALLBACK}" stroke-linejoin="round" stroke-linecap="butt"'
        space = 'xmlns="http://www.w3.org/2000/svg"'
        return f"<svg {names} {size} {box} {space} {style}>{inside}{''.join(self.parts)}</svg>"


def _unit(value: float) -> int:
    return round(value * UNITS)


def _points(xs: ArrayLike, ys: ArrayLike) -> str:
    pairs = np.rint(np.column_stack([np.asarray(xs, float), np.asarray(ys, float)]) * UNITS)
    return " ".join(map(str, pairs.astype(int).ravel().tolist()))


def _runs(xs: ArrayLike, ys: ArrayLike) -> list[str]:
    x, y = np.asarray(xs, float), np.asarray(ys, float)
    kept = np.isfinite(x) & np.isfinite(y)
    if kept.all():
        return [_points(x, y)] if len(x) > 1 else []
    pieces = np.split(np.arange(len(x)), np.flatnonzero(np.diff(kept.astype(int))) + 1)
    return [_points(x[p], y[p]) for p in pieces if len(p) > 1 and kept[p[0]]]


def draw_axes(
    drawing: Drawing,
    plane: Plane,
    *,
    x_ticks: Sequence[Tick],
    y_ticks: Sequence[Tick],
    x_label: str,
    y_label: str,
) -> None:
    """Draw the lower and left side with ticks; the label of the left one stands above it.

    Parameters
    ----------
    drawing : Drawing
        Where to draw.
    plane : Plane
        The sides.
    x_ticks, y_ticks : sequence of (float, str)
        Data and words.
    x_label, y_label : str
        What the sides measure.
    """
    left, right, bottom = plane.left, plane.right, plane.bottom
    strokes = [(left, plane.top, left, bottom), (left, bottom, right, bottom)]
    for x, (_, words) in zip(plane.at_x([v for v, _ in x_ticks]), x_ticks, strict=True):
        strokes.append((x, bottom, x, bottom + TICK))
        drawing.text(x, bottom + TICK + 1.8, words, anchor="middle")
    for y, (_, words) in zip(plane.at_y([v for v, _ in y_ticks]), y_ticks, strict=True):
        strokes.append((left - TICK, y, left, y))
        drawing.text(left - TICK - 0.5, y, words, anchor="end")
    drawing.strokes(strokes)
    drawing.text((left + right) / 2, bottom + TICK + 5.4, x_label, anchor="middle")
    drawing.text(0.5, plane.top - 3.2, y_label)


def reference_line(drawing: Drawing, plane: Plane, y: float, words: str = "") -> None:
    """Draw a level across a plane, with words above its left end."""
    at = float(plane.at_y(y))
    drawing.line([plane.left, plane.right], [at, at], color=RULE, width=0.6)
    if words:
        drawing.text(plane.left + 1, at - 1.6, words, color=GREY)


def nice_ticks(low: float, high: float, most: int = 5) -> list[float]:
    """Round numbers between two limits.

    Parameters
    ----------
    low, high : float
        Limits; `low` below `high`.
    most : int
        How many steps at most.

    Examples
    --------
    >>> nice_ticks(0, 2.3), nice_ticks(-3, 8)
    ([0.0, 0.5, 1.0, 1.5, 2.0], [-2.0, 0.0, 2.0, 4.0, 6.0, 8.0])
    """
    raw = (high - low) / max(most, 1)
    size = 10.0 ** floor(log10(raw))
    step = next(size * k for k in (1, 2, 2.5, 5, 10) if size * k >= raw * 0.88)
    first, last = ceil(low / step - 1e-9), floor(high / step + 1e-9)
    return [float(f"{k * step:.10g}") for k in range(first, last + 1)]


def date_ticks(first: date, last: date, most: int = 6) -> list[tuple[date, str]]:
    """First days of years, quarters or months between two dates.

    Parameters
    ----------
    first, last : date
        Limits.
    most : int
        How many ticks at most.

    Examples
    --------
    >>> [words for _, words in date_ticks(date(2018, 2, 1), date(2024, 3, 1))]
    ['2019', '2020', '2021', '2022', '2023', '2024']
    >>> [words for _, words in date_ticks(date(2024, 1, 20), date(2024, 6, 2))]
    ['2024-02', '2024-03', '2024-04', '2024-05', '2024-06']
    """
    months = range(12 * first.year + first.month - 1, 12 * last.year + last.month)
    for step in (1, 3, 6, 12, 24, 60, 120, 240):
        days = [date(m // 12, m % 12 + 1, 1) for m in months if m % step == 0]
        found = [d for d in days if first <= d <= last]
        if len(found) <= most:
            break
    return [(d, f"{d.year}" if step >= 12 else f"{d.year}-{d.month:02d}") for d in found]


def thin_out(xs: ArrayLike, ys: ArrayLike, columns: int = 240) -> NDArray[np.intp]:
    """Choose the points of a long line that can be seen: of each column the ends and extremes.

    Parameters
    ----------
    xs, ys : array-like, shape (n,)
        A line from left to right.
    columns : int
        How many columns the picture has.

    Returns
    -------
    ndarray of int
        Positions to keep, ascending; all where there are few.

    Examples
    --------
    >>> len(thin_out(range(10), range(10))), len(thin_out(range(9000), range(9000), 100)) <= 400
    (10, True)
    """
    x, y = np.asarray(xs, float), np.asarray(ys, float)
    if len(x) <= 2 * columns:
        return np.arange(len(x))
    reach = max(float(x[-1] - x[0]), 1e-12)
    column = np.minimum(((x - x[0]) / reach * columns).astype(int), columns - 1)
    starts = np.flatnonzero(np.r_[True, np.diff(column) > 0])
    ends = np.r_[starts[1:], len(x)]
    kept: set[int] = set()
    for a, b in zip(starts.tolist(), ends.tolist(), strict=True):
        kept |= {a, b - 1, a + int(np.argmin(y[a:b])), a + int(np.argmax(y[a:b]))}
    return np.array(sorted(kept))
