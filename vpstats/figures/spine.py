"""The vertebral column, each vertebra coloured by its rate and with the numbers beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, to_hex
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch, Polygon, Rectangle
from matplotlib.path import Path
from matplotlib.ticker import MaxNLocator

from vpstats.errors import UsageError
from vpstats.figures.style import (
    GREY,
    INK,
    PAPER,
    RULE,
    SMALL,
    TEXT,
    Sheet,
    bare_x,
    line_height,
    new_sheet,
    styled,
    wrap,
)
from vpstats.formats import SUPPRESSED, THIN, count, rate, show, show_interval
from vpstats.rows import VERTEBRAE, Record, complete, is_hidden, number, records

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Vector = NDArray[np.float64]

_FIRST, _LAST = VERTEBRAE.index("T1"), VERTEBRAE.index("L5")
_STATS = ("percent", "conf_low", "conf_high")
_HEAD, _FOOT = 6.5, 13.0
_COLORS = LinearSegmentedColormap.from_list(
    "rate", ("#fff4d6", "#fdc46b", "#ee7b2d", "#b63a0f", "#6b1a08")
)
"""Pale to dark, so that the order of the rates survives in grey and to any eye."""
_BONE, _DISC, _GUIDE, _HIDDEN = "#dedbd3", "#cddbe3", "#e4e4e4", "#d4d4d4"


@dataclass(frozen=True)
class Vertebra:
    """Where and how one vertebra is drawn, in millimetres; x grows to the patient's back."""

    name: str
    x: float
    y: float
    width: float
    height: float
    tilt: float

    def place(self, points: Vector) -> Vector:
        """Turn and move points given from the vertebra's own centre, shape (k, 2)."""
        c, s = np.cos(self.tilt), np.sin(self.tilt)
        turned: Vector = points @ np.array([[c, s], [-s, c]]) + np.array([self.x, self.y])
        return turned


def spine_map(
    rows: pd.DataFrame,
    *,
    width: float = 120.0,
    rate_label: str = "Leak rate",
    events_label: str = "Leaks / n",
    level: float = 0.95,
    note: str = "",
    mark: str = SUPPRESSED,
) -> Figure:
    """Draw the vertebral column with a rate for each vertebra.

    Parameters
    ----------
    rows : DataFrame
        Ledger cells with variable "level" and level "T12", …, or a wide table with the column
        `level`: `percent`, `conf_low`, `conf_high`, `n` and `n_events`. Other rows are passed
        over.
    width : float
        Width in millimetres; below 110 the number of events is left out.
    rate_label, events_label : str
        What the rate is, and the heading of events and denominators.
    level : float
        Confidence level of the limits.
    note : str
        A line at the foot, for example the modality.
    mark : str
        What stands for withheld numbers.

    Returns
    -------
    Figure
        T1 to L5, and beyond where there are data. Vertebrae without data are hatched, withheld
        ones are grey and show the mark.

    Raises
    ------
    UsageError
        If no row is about a vertebra.

    Examples
    --------
    >>> rows = pd.DataFrame({"level": ["T12", "L1"], "n": [80, 95], "n_events": [24, 19],
    ...                      "percent": [30.0, 20.0], "conf_low": [21.0, 13.3],
    ...                      "conf_high": [40.8, 29.1]})
    >>> figure = spine_map(rows)
    >>> [t.get_text() for t in figure.axes[0].texts if t.get_text() == "24 / 80"]
    ['24 / 80']
    """
    data = {r["level"]: r for r in records(rows) if r["level"] in VERTEBRAE and "percent" in r}
    if not data:
        raise UsageError("no row is about a vertebra; expected levels such as 'T12' or 'L1'.")
    notes = wrap(" ".join(filter(None, (note, _key(data, mark)))), width - 2, SMALL)
    with styled():
        return _sheet(data, width, (rate_label, events_label), level, notes, mark)


def _key(data: Mapping[str, Record], mark: str) -> str:
    names = _names(data)
    hatched = "Hatched: no data." if any(n not in data for n in names) else ""
    hidden = any(is_hidden(r, "percent", "n", "n_events", *_STATS) for r in data.values())
    return " ".join(filter(None, (hatched, f"{mark} withheld." if hidden else "")))


def _names(data: Mapping[str, Record]) -> list[str]:
    used = [VERTEBRAE.index(name) for name in data]
    return list(VERTEBRAE[min(_FIRST, *used) : max(_LAST, *used) + 1])


def _sheet(
    data: Mapping[str, Record],
    width: float,
    words: tuple[str, str],
    level: float,
    notes: list[str],
    mark: str,
) -> Figure:
    narrow = width < 110
    column = _column(_names(data), 17.5 if narrow else 21.0)
    bottom = column[-1].y + column[-1].height / 2 + 2.5
    sheet = new_sheet(width, bottom + _FOOT + line_height(SMALL) * len(notes))
    top_rate = max((number(r, "percent") for r in data.values() if complete(r, "percent")),
                   default=1.0)  # fmt: skip
    _draw_column(sheet, column, data, max(top_rate, 1e-9), mark)
    text_x = width - (35.0 if narrow else 45.0)
    _guides(sheet, column, text_x - 1.5)
    ax = sheet.add_axes(31.5 if narrow else 40.0, _HEAD, text_x - (34.0 if narrow else 44.0),
                        bottom - _HEAD)  # fmt: skip
    _bars(ax, column, data, top_rate, words[0])
    ax.xaxis.set_major_locator(MaxNLocator(2 if narrow else 4, steps=[1, 2, 2.5, 5, 10]))
    _texts(sheet, column, data, text_x, "" if narrow else words[1], level, mark)
    for i, text in enumerate(notes):
        y = bottom + _FOOT + line_height(SMALL) * (i + 0.2)
        sheet.write(1.0, y, text, fontsize=SMALL, color=GREY)
    return sheet.figure


def _column(names: list[str], x: float) -> list[Vertebra]:
    column: list[Vertebra] = []
    y = _HEAD + 1.5
    for name in names:
        place = (VERTEBRAE.index(name) - _FIRST) / (_LAST - _FIRST)
        height = 4.0 + 2.5 * place
        y += height / 2
        offset, tilt = _bend(place)
        column.append(Vertebra(name, x + offset, y, 6.6 + 4.6 * place, height, tilt))
        y += height / 2 + 0.8 + 1.1 * max(place, 0.0)
    return column


def _bend(place: float) -> tuple[float, float]:
    """Kyphosis of the thoracic and lordosis of the lumbar spine: offset to the back, tilt."""
    start, length, depth = (0.0, 0.66, 2.2) if place < 0.66 else (0.66, 0.34, -1.9)
    phase = np.pi * (place - start) / length
    return float(depth * np.sin(phase)), float(-0.045 * depth * np.cos(phase))


def _guides(sheet: Sheet, column: list[Vertebra], end: float) -> None:
    for v in column:
        sheet.axes.plot([v.x, end], [v.y, v.y], color=_GUIDE, lw=0.5, zorder=0)


def _draw_column(
    sheet: Sheet, column: list[Vertebra], data: Mapping[str, Record], top: float, mark: str
) -> None:
    for above, below in pairwise(column):
        _disc(sheet.axes, above, below)
    for v in column:
        sheet.axes.add_patch(Polygon(v.place(_process(v)), closed=True, fc=_BONE, ec=_BONE,
                                     lw=1.6, joinstyle="round", zorder=1))  # fmt: skip
        _body(sheet, v, data.get(v.name), top, mark)
        sheet.write(1.5, v.y, v.name, fontsize=SMALL, fontweight="bold")


def _disc(axes: Axes, above: Vertebra, below: Vertebra) -> None:
    upper = above.place(np.array([[-0.46, 0.5], [0.46, 0.5]]) * [above.width, above.height])
    lower = below.place(np.array([[0.46, -0.5], [-0.46, -0.5]]) * [below.width, below.height])
    corners = np.vstack([upper, lower])
    axes.add_patch(Polygon(corners, closed=True, fc=_DISC, ec=_DISC, lw=1.0,
                           joinstyle="round", zorder=1))  # fmt: skip


def _process(v: Vertebra) -> Vector:
    """Pedicle and spinous process: long and steep in the chest, short and level in the loin."""
    lumbar = v.name.startswith(("L", "S"))
    reach, drop, blunt = (0.72, 0.12, 0.26) if lumbar else (0.85, 0.62, 0.12)
    back = 0.5 * v.width
    points = [
        (back - 0.4, -0.36 * v.height),
        (back + 0.22 * v.width, -0.34 * v.height),
        (back + reach * v.width, (drop - blunt) * v.height),
        (back + (reach + 0.04) * v.width, (drop + blunt) * v.height),
        (back + 0.30 * v.width, 0.18 * v.height),
        (back - 0.4, 0.02 * v.height),
    ]
    return np.array(points)


def _body(sheet: Sheet, v: Vertebra, record: Record | None, top: float, mark: str) -> None:
    hidden = record is not None and is_hidden(record, "percent")
    face, hatch = PAPER, "//////"
    if record is not None and complete(record, "percent"):
        face, hatch = _color(number(record, "percent") / top), ""
    elif hidden:
        face, hatch = _HIDDEN, ""
    path = Path(v.place(_outline(v)), _OUTLINE_CODES)
    sheet.axes.add_patch(PathPatch(path, fc=face, ec=INK, lw=0.7, hatch=hatch or None,
                                   joinstyle="round", zorder=2))  # fmt: skip
    if hidden:
        sheet.write(v.x, v.y, mark, ha="center", fontsize=TEXT, zorder=3)


_OUTLINE_CODES = [Path.MOVETO, *[Path.CURVE3] * 8, Path.CLOSEPOLY]


def _outline(v: Vertebra) -> Vector:
    """A body with slightly hollow walls and endplates: four corners, a control point between."""
    w, h = v.width / 2, v.height / 2
    corners = [(-w, -h), (w, -h), (w, h), (-w, h), (-w, -h)]
    hollows = [(0.0, -0.86 * h), (0.82 * w, 0.0), (0.0, 0.86 * h), (-0.82 * w, 0.0)]
    points = [corners[0]]
    for hollow, corner in zip(hollows, corners[1:], strict=True):
        points += [hollow, corner]
    return np.array([*points, corners[0]])


def _color(share: float) -> str:
    return to_hex(_COLORS(float(np.clip(share, 0.0, 1.0))))


def _bars(
    ax: Axes, column: list[Vertebra], data: Mapping[str, Record], top: float, label: str
) -> None:
    bottom = column[-1].y + column[-1].height / 2 + 2.5
    ends = [number(r, s) for r in data.values() for s in ("conf_high", "percent")]
    right = min(max([e for e in ends if np.isfinite(e)] + [1.0]) * 1.05, 100.0)
    ax.set(xlim=(0, right), ylim=(bottom, _HEAD))
    bare_x(ax)
    ax.axvline(0, color=RULE, lw=0.6)
    for v in column:
        if v.name in data and complete(data[v.name], "percent"):
            _bar(ax, v.y, data[v.name], top)
    _color_strip(ax, right, top, bottom)
    ax.set_xlabel(f"{label}, %")


def _bar(ax: Axes, y: float, record: Record, top: float) -> None:
    point = number(record, "percent")
    if complete(record, *_STATS) and not is_hidden(record, *_STATS):
        limits = [number(record, "conf_low"), number(record, "conf_high")]
        ax.plot(limits, [y, y], color=INK, lw=1.1, solid_capstyle="butt", clip_on=False)
    ax.plot(point, y, "o", ms=3.8, mfc=_color(point / top), mec=INK, mew=0.7, clip_on=False)


def _color_strip(ax: Axes, right: float, top: float, bottom: float) -> None:
    """The key to the colours lies along the axis of the rates."""
    edges = np.linspace(0, right, 41)
    for low, high in pairwise(edges):
        color = _color(low / top)
        ax.add_patch(Rectangle((low, bottom - 1.6), high - low, 1.6, fc=color, ec=color, lw=0.4))


def _texts(
    sheet: Sheet,
    column: list[Vertebra],
    data: Mapping[str, Record],
    x: float,
    events_label: str,
    level: float,
    mark: str,
) -> None:
    end = sheet.width - 1.0
    heads = (f"% ({100 * level:g}{THIN}% CI)", events_label or "n")
    sheet.write(x, _HEAD / 2, heads[0], fontsize=SMALL, fontweight="bold")
    sheet.write(end, _HEAD / 2, heads[1], fontsize=SMALL, fontweight="bold", ha="right")
    for v in column:
        record = data.get(v.name)
        if record is None:
            sheet.write(x, v.y, "no data", fontsize=SMALL, color=GREY)
            continue
        sheet.write(x, v.y, show_interval(record, rate, mark, _STATS), fontsize=SMALL)
        counts = [show(record, s, count, mark) for s in ("n_events", "n")]
        text = " / ".join(filter(None, counts)) if events_label else counts[1]
        sheet.write(end, v.y, text, fontsize=SMALL, ha="right")
