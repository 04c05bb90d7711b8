"""Figures of a data-quality report: a center among the others, its months, and a quick map."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from vpstats.errors import UsageError
from vpstats.figures.light import Drawing, Plane, date_ticks, draw_axes, nice_ticks
from vpstats.figures.rate_plot import SHADES
from vpstats.figures.style import GREY, INK, PALETTE, SMALL, text_width
from vpstats.formats import rate

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_WIDTH, _NARROW, _ROW, _FOOT = 150.0, 76.0, 6.6, 9.0
"""Millimetres: sheets, of which the narrow one fits a phone; a strip, and the axis below."""

_SPREAD, _TRACK = "#c9d3de", "#e3e8ee"


@dataclass(frozen=True, slots=True)
class Strip:
    """A percentage of one center among those of all centers.

    Parameters
    ----------
    words : str
        What it is.
    own : float
        Of the center; NaN where it is withheld or does not exist.
    low, middle, high : float
        Smallest, median and largest of the centers.
    """

    words: str
    own: float
    low: float
    middle: float
    high: float


def strips(rows: Sequence[Strip], *, title: str, desc: str = "", id_prefix: str = "") -> str:
    """Draw a center's percentages over the range and the median of all centers.

    Parameters
    ----------
    rows : sequence of Strip
        From top to bottom.
    title, desc, id_prefix : str
        As `vpstats.figures.light.Drawing.markup`.

    Returns
    -------
    str
        An SVG element.

    Raises
    ------
    UsageError
        If no row has a number.

    Examples
    --------
    >>> strips([Strip("Sex", 99.0, 80.0, 95.0, 100.0)], title="Completeness")[:4]
    '<svg'
    """
    kept = [r for r in rows if np.isfinite([r.own, r.middle]).any()]
    if not kept:
        raise UsageError("no percentage may be shown.")
    drawing = Drawing(_NARROW, 1.0 + _ROW * len(kept) + _FOOT)
    plane = Plane(1.5, 1.0, _NARROW - 4.0, _ROW * len(kept), (0, 100), (0, 1))
    for place, row in enumerate(kept):
        _strip(drawing, plane, row, plane.top + place * _ROW)
    draw_axes(
        drawing, plane, x_ticks=[(v, f"{v}") for v in (0, 25, 50, 75, 100)], y_ticks=[],
        x_label="Per cent", y_label="",
    )  # fmt: skip
    return drawing.markup(title=title, desc=desc, id_prefix=id_prefix)


def _strip(drawing: Drawing, plane: Plane, row: Strip, top: float) -> None:
    """The words with the center's number, and below them the bar, the stroke and the dot."""
    y = top + 0.72 * _ROW
    drawing.text(plane.left + 1.0, top + 0.3 * _ROW, shortened(row.words, plane.width - 14.0))
    if np.isfinite(row.own):
        drawing.text(plane.right, top + 0.3 * _ROW, rate(row.own), anchor="end", bold=True)
    drawing.line([plane.left, plane.right], [y, y], color=_TRACK, width=0.8)
    if np.isfinite([row.low, row.high]).all():
        drawing.line(plane.at_x([row.low, row.high]), [y, y], color=_SPREAD, width=5.0)
        middle = float(plane.at_x(row.middle))
        drawing.line([middle, middle], [y - 1.3, y + 1.3], color=GREY, width=1.2)
    if np.isfinite(row.own):
        drawing.dots([float(plane.at_x(row.own))], [y], color=PALETTE[0], size=5.0)


def shortened(words: str, room: float) -> str:
    """Words that fit, cut with an ellipsis where they do not.

    Examples
    --------
    >>> shortened("Sex", 30.0), shortened("A very long name of a variable", 20.0)[-1]
    ('Sex', '…')
    """
    text = words
    while text and text_width(text if text == words else f"{text}…", SMALL) > room:
        text = text[:-1]
    return text if text == words else f"{text.rstrip()}…"


def months(
    found: Sequence[tuple[date, int]], *, title: str, desc: str = "", id_prefix: str = ""
) -> str:
    """Draw the procedures of a center by month.

    Parameters
    ----------
    found : sequence of (date, int)
        First day of each month in order, and the procedures in it.
    title, desc, id_prefix : str
        As `vpstats.figures.light.Drawing.markup`.

    Returns
    -------
    str
        An SVG element: a stroke for each month, a gap where there was none.

    Raises
    ------
    UsageError
        If there is no month.

    Examples
    --------
    >>> months([(date(2024, 1, 1), 3), (date(2024, 2, 1), 0)], title="Months")[:4]
    '<svg'
    """
    if not found:
        raise UsageError("there is no month to draw.")
    days = [day.toordinal() for day, _ in found]
    counts = [n for _, n in found]
    drawing = Drawing(_WIDTH, 48.0)
    ends = (days[0] - 25.0, days[-1] + 40.0)
    plane = Plane(10.0, 7.0, _WIDTH - 15.0, 28.0, ends, (0, max(*counts, 1) * 1.08))
    width = max(0.6, min(3.5, 0.62 * plane.width / len(days) / 0.3528))
    for x, n in zip(plane.at_x(days), counts, strict=True):
        if n:
            drawing.line([x, x], [plane.bottom, float(plane.at_y(n))], color=PALETTE[0],
                         width=width)  # fmt: skip
    ticks = [(d.toordinal(), words) for d, words in date_ticks(found[0][0], found[-1][0])]
    sizes = [(v, f"{v:g}") for v in nice_ticks(*plane.y, most=4) if v == int(v)]
    draw_axes(drawing, plane, x_ticks=ticks, y_ticks=sizes, x_label="Month",
              y_label="Procedures")  # fmt: skip
    return drawing.markup(title=title, desc=desc, id_prefix=id_prefix)


def draw_completeness(ax: Axes, table: pd.DataFrame) -> None:
    """Draw the completeness of key variables by center, darker is more.

    Parameters
    ----------
    ax : matplotlib Axes
        Where to draw.
    table : DataFrame
        ``tidy()`` of a data-quality report.
    """
    rows = table[table["section"] == "completeness"]
    wide = rows.pivot_table(index="measure", columns="center_id", values="estimate", sort=False,
                            dropna=False)  # fmt: skip
    values = wide.to_numpy(float)
    ax.imshow(np.ma.masked_invalid(values), cmap=SHADES, vmin=0, vmax=100, aspect="auto")
    ax.set_xticks(range(len(wide.columns)), list(wide.columns), rotation=45, ha="right")
    ax.set_yticks(range(len(wide.index)), [str(m).partition(".")[2] for m in wide.index])
    for (y, x), value in np.ndenumerate(values):
        if np.isfinite(value):
            ax.text(x, y, f"{value:.0f}", ha="center", va="center", fontsize=SMALL, color=INK)
    ax.set_xlabel("Known, per cent")
