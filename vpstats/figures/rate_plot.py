"""Rates with exact intervals, and the quality of the data by center."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, to_hex
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import FixedFormatter, FixedLocator

from vpstats.errors import UsageError
from vpstats.figures.style import (
    BAND,
    DOUBLE,
    GREY,
    INK,
    PALETTE,
    PAPER,
    RULE,
    SMALL,
    TEXT,
    Sheet,
    bare_x,
    line_height,
    new_sheet,
    styled,
    text_width,
    widest,
    wrap,
)
from vpstats.formats import (
    NOT_ESTIMABLE,
    SUPPRESSED,
    THIN,
    count,
    rate,
    sentence_case,
    show,
    show_interval,
)
from vpstats.rows import Record, complete, is_hidden, number, ordered, records

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Vector = NDArray[np.float64]

_STATS = ("percent", "conf_low", "conf_high")
_ROW, _HEAD, _EDGE, _GAP = 4.4, 6.2, 1.5, 2.6
_SPREAD = 20.0
"""Largest over smallest rate from which a linear axis would press the small ones together."""

_NARROW = 120.0
"""Width under which events and denominators stand with the label."""

_CELL = 6.4
NETWORK = "network"
_HIDDEN = "#e2e2e2"
SHADES = LinearSegmentedColormap.from_list("share", ("#f4f7fa", "#5f9ccb"))


@dataclass(frozen=True)
class Row:
    """A line of the plot: a heading if it has no record."""

    label: list[str]
    record: Record | None
    top: float

    @property
    def height(self) -> float:
        """Height in millimetres."""
        if self.record is None:
            return _ROW + 0.8
        return max(_ROW, line_height(SMALL) * len(self.label) + 1.1)

    @property
    def middle(self) -> float:
        """Height on the sheet of the first line of text."""
        return self.top + self.height - _ROW / 2 if self.record is None else self.top + _ROW / 2


def rates(
    rows: pd.DataFrame,
    *,
    width: float = DOUBLE,
    level: float = 0.95,
    label_heading: str = "Complication",
    axis_label: str = "Rate",
    scale: str = "auto",
    note: str = "",
    mark: str = SUPPRESSED,
) -> Figure:
    """Draw rates with their intervals, in sections by group.

    Parameters
    ----------
    rows : DataFrame
        Ledger cells or a wide table: `group` (the section, for example the severity), `label`,
        `percent`, `conf_low`, `conf_high`, `n_events` and `n`.
    width : float
        Width in millimetres.
    level : float
        Confidence level of the limits.
    label_heading, axis_label : str
        Heading of the labels and name of the axis.
    scale : {"auto", "linear", "sqrt"}
        "auto" takes the square-root scale where rates differ more than twenty-fold; the axis says
        which. A logarithmic axis has no place for a rate of zero.
    note : str
        A line under the plot.
    mark : str
        What stands for withheld numbers.

    Returns
    -------
    Figure

    Raises
    ------
    UsageError
        If no row holds a rate, or the scale is unknown.

    Examples
    --------
    >>> rows = pd.DataFrame({"group": ["mild", "severe"], "label": ["fever", "infection"],
    ...                      "n": [400, 400], "n_events": [20, 0], "percent": [5.0, 0.0],
    ...                      "conf_low": [3.1, 0.0], "conf_high": [7.6, 0.9]})
    >>> figure = rates(rows)
    >>> figure.axes[1].get_xlabel()
    'Rate, %'
    """
    if scale not in ("auto", "linear", "sqrt"):
        raise UsageError(f"scale is '{scale}'; expected 'auto', 'linear' or 'sqrt'.")
    found = [r for r in records(rows) if "percent" in r and "n_events" in r]
    found = [r for r in found if r["group"]] or found
    if not found:
        raise UsageError("no row holds a rate; expected the statistics 'percent' and 'n_events'.")
    root = scale == "sqrt" or (scale == "auto" and _spread(found) > _SPREAD)
    heads = (label_heading, f"% ({100 * level:g}{THIN}% CI)", "Events / n")
    with styled():
        return _rates_sheet(found, width, heads, axis_label, root, note, mark)


def _spread(found: list[Record]) -> float:
    values = [number(r, "percent") for r in found]
    values = [v for v in values if np.isfinite(v) and v > 0]
    return max(values) / min(values) if values else 1.0


def _rates_sheet(
    found: list[Record],
    width: float,
    heads: tuple[str, str, str],
    axis_label: str,
    root: bool,
    note: str,
    mark: str,
) -> Figure:
    numbers = [show_interval(r, rate, mark, _STATS) for r in found]
    events = [f"{show(r, 'n_events', count, mark)} / {show(r, 'n', count, mark)}" for r in found]
    labels = [sentence_case(r["label"]) for r in found]
    if width < _NARROW:
        pairs = zip(labels, events, strict=True)
        labels = [f"{text}, {counts.replace(' ', '')}" for text, counts in pairs]
        heads, events = (f"{heads[0]}, events / n", heads[1], ""), [""] * len(found)
    sizes = [max(widest(t, SMALL), text_width(h, SMALL, "bold"))
             for t, h in zip((numbers, events), heads[1:], strict=True)]  # fmt: skip
    label_room = width - sum(sizes) - 2 * _EDGE - 4 * _GAP - (20.0 if width < _NARROW else 30.0)
    label_room = min(max(label_room, 18.0), widest(labels, SMALL) + 2.5, 60.0)
    lines = _rows(found, labels, label_room)
    bottom = lines[-1].top + lines[-1].height + 1.0
    notes = wrap(note, width - 2 * _EDGE, SMALL) if note else []
    sheet = new_sheet(width, bottom + 11.0 + len(notes) * line_height(SMALL))
    events_x = _EDGE + label_room + _GAP + sizes[1]
    text_x = width - _EDGE - sizes[0]
    _rates_text(sheet, lines, heads, (events_x, text_x), dict(zip(map(id, found),
                zip(numbers, events, strict=True), strict=True)))  # fmt: skip
    ax = sheet.add_axes(events_x + _GAP, _HEAD, text_x - events_x - 2 * _GAP - 1.0, bottom - _HEAD)
    _rates_axes(ax, lines, root, axis_label, (bottom, text_x - events_x - 2 * _GAP - 1.0))
    for i, text in enumerate(notes):
        sheet.write(_EDGE, bottom + 11.0 + (i + 0.3) * line_height(SMALL), text, fontsize=SMALL,
                    color=GREY)  # fmt: skip
    return sheet.figure


def _rows(found: list[Record], labels: list[str], room: float) -> list[Row]:
    rows: list[Row] = []
    top = _HEAD
    for group in ordered(found, "group"):
        members = [(r, t) for r, t in zip(found, labels, strict=True) if r["group"] == group]
        heading = [Row([sentence_case(group)], None, 0.0)] if group else []
        indent = 2.0 if group else 0.0
        parts = [Row(wrap(text, room - indent, SMALL), r, 0.0) for r, text in members]
        for row in (*heading, *parts):
            rows.append(Row(row.label, row.record, top))
            top += rows[-1].height
    return rows


def _rates_text(
    sheet: Sheet,
    lines: list[Row],
    heads: tuple[str, str, str],
    columns: tuple[float, float],
    texts: dict[int, tuple[str, str]],
) -> None:
    bold = {"fontsize": SMALL, "fontweight": "bold"}
    events_x, text_x = columns
    sheet.write(_EDGE, _HEAD / 2, heads[0], **bold)
    sheet.write(events_x, _HEAD / 2, heads[2], ha="right", **bold)
    sheet.write(text_x, _HEAD / 2, heads[1], **bold)
    sheet.rule(_HEAD - 0.6)
    indent = 2.0 if any(line.record is None for line in lines) else 0.0
    for line in lines:
        if line.record is None:
            sheet.axes.axhspan(line.top + 0.4, line.top + line.height, color=BAND, lw=0, zorder=0)
            sheet.write(_EDGE, line.middle, line.label[0], **bold)
            continue
        for k, text in enumerate(line.label):
            sheet.write(_EDGE + indent, line.middle + k * line_height(SMALL), text, fontsize=SMALL)
        number_text, events = texts[id(line.record)]
        sheet.write(events_x, line.middle, events, fontsize=SMALL, ha="right")
        sheet.write(text_x, line.middle, number_text, fontsize=SMALL)


def _rates_axes(
    ax: Axes, lines: list[Row], root: bool, label: str, size: tuple[float, float]
) -> None:
    bottom, room = size
    bare_x(ax)
    if root:
        ax.set_xscale("function", functions=(_root, np.square))
    ax.set_xlim(0, _right(lines))
    ax.set_ylim(bottom, _HEAD)
    ax.axvline(0, color=RULE, lw=0.6)
    for line in lines:
        if line.record is not None:
            draw_rate(ax, line.middle, line.record)
    ticks = _ticks(ax.get_xlim()[1], root, room)
    ax.xaxis.set_major_locator(FixedLocator(ticks))
    ax.xaxis.set_major_formatter(FixedFormatter([f"{t:g}" for t in ticks]))
    ax.set_xlabel(f"{label}, %{' (square-root scale)' if root else ''}")


def _root(values: Vector) -> Vector:
    return np.asarray(np.sqrt(np.clip(values, 0.0, None)))


def _right(lines: list[Row]) -> float:
    ends = [number(v.record, s) for v in lines if v.record for s in ("percent", "conf_high")]
    return min(max([e for e in ends if np.isfinite(e)] + [0.5]) * 1.05, 100.0)


def _ticks(right: float, root: bool, room: float) -> list[float]:
    """Ticks whose labels stand apart on an axis of `room` millimetres."""
    if not root:
        most = max(min(room / 6.0, 5.0), 1.0)
        steps = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 25, 50, 100)
        step = next((s for s in steps if right / s <= most), steps[-1])
        return [float(round(k * step, 6)) for k in range(int(right / step) + 1)]
    ticks = [0.0]
    for tick in (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 50.0, 70.0, 100.0):
        gap = room * (sqrt(tick) - sqrt(ticks[-1])) / sqrt(right)
        needed = (text_width(f"{tick:g}", SMALL) + text_width(f"{ticks[-1]:g}", SMALL)) / 2 + 1.2
        if tick <= right and gap >= max(needed, 0.1 * room):
            ticks.append(tick)
    return ticks


def draw_rate(ax: Axes, y: float, record: Record) -> None:
    """Draw one rate: a point with its limits, hollow where there was no event.

    Parameters
    ----------
    ax : Axes
        Where to draw.
    y : float
        Height on the axis.
    record : dict
        `percent`, `conf_low`, `conf_high`, `n_events`; what was withheld is not drawn.
    """
    if is_hidden(record, *_STATS) or not complete(record, "percent"):
        return
    if complete(record, *_STATS):
        limits = [number(record, "conf_low"), number(record, "conf_high")]
        ax.plot(limits, [y, y], color=PALETTE[0], lw=1.1, solid_capstyle="butt", clip_on=False)
    none = number(record, "percent") == 0
    ax.plot(number(record, "percent"), y, "o", ms=3.8, mfc=PAPER if none else PALETTE[0],
            mec=PALETTE[0], mew=0.9, clip_on=False, zorder=3)  # fmt: skip


def quality_heat(
    rows: pd.DataFrame,
    *,
    stat: str = "percent",
    width: float = DOUBLE,
    network_label: str = "Network median",
    network: Sequence[str] = (NETWORK,),
    note: str = "",
    mark: str = SUPPRESSED,
) -> Figure:
    """Draw percentages by center with the number in every cell.

    Parameters
    ----------
    rows : DataFrame
        Ledger cells or a wide table: `group` is the center, `variable` the measure, `label` its
        words, `percent` the value.
    stat : str
        Statistic that is shown.
    width : float
        Width in millimetres.
    network_label : str
        Heading of the column that stands apart.
    network : sequence of str
        Groups that are the network and not a center.
    note : str
        A line under the table.
    mark : str
        What stands for withheld numbers.

    Returns
    -------
    Figure
        One row per measure, one column per center; darker is more. What does not exist is hatched.

    Raises
    ------
    UsageError
        If no row holds the statistic.

    Examples
    --------
    >>> rows = pd.DataFrame({"group": ["C01", "C02", "network"], "variable": ["crp"] * 3,
    ...                      "label": ["CRP recorded"] * 3, "percent": [90.0, 40.0, 65.0]})
    >>> figure = quality_heat(rows)
    >>> [t.get_text() for t in figure.axes[0].texts][-5:-1]
    ['CRP recorded', '90', '40', '65']
    """
    found = [r for r in records(rows) if stat in r]
    if not found:
        raise UsageError(f"no row holds the statistic '{stat}'.")
    cells = {(r["variable"], r["group"]): r for r in found}
    labels = {r["variable"]: sentence_case(r["label"]) for r in found}
    groups = ordered(found, "group")
    centers = [g for g in groups if g not in network]
    columns = [*centers, *(g for g in groups if g in network)]
    with styled():
        return _heat_sheet(cells, labels, columns, len(centers), stat, width, network_label,
                           note, mark)  # fmt: skip


def _heat_sheet(
    cells: dict[tuple[str, str], Record],
    labels: dict[str, str],
    columns: list[str],
    n_centers: int,
    stat: str,
    width: float,
    network_label: str,
    note: str,
    mark: str,
) -> Figure:
    apart = 2.0 if n_centers < len(columns) else 0.0
    label_room = min(widest(list(labels.values()), SMALL) + 1.0, 0.36 * width)
    lone = max(widest(network_label.split(), SMALL, "bold") + 1.5, 9.0) if apart else 0.0
    room = width - label_room - apart - lone - 2 * _EDGE - _GAP
    if room < _CELL * n_centers:  # many centers: the sheet grows, the type does not shrink
        width, room = width + _CELL * n_centers - room, _CELL * n_centers
    size = min(room / max(n_centers, 1), 18.0)
    names = {m: wrap(text, label_room, SMALL) for m, text in labels.items()}
    sizes = [size if i < n_centers else lone for i in range(len(columns))]
    heads = [wrap(network_label if i >= n_centers else c, sizes[i] - 0.6, SMALL, "bold")
             for i, c in enumerate(columns)]  # fmt: skip
    head = max(map(len, heads)) * line_height(SMALL) + 2.0
    heights = [max(6.0, line_height(SMALL) * len(n) + 1.4) for n in names.values()]
    notes = wrap(note or _heat_note(cells, stat, mark), width - 2 * _EDGE, SMALL)
    sheet = new_sheet(width, head + sum(heights) + 2.5 + (len(notes) + 0.4) * line_height(SMALL))
    lefts = [_EDGE + label_room + _GAP + i * size + (apart if i >= n_centers else 0.0)
             for i in range(len(columns))]  # fmt: skip
    _heat_heads(sheet, heads, lefts, sizes, head)
    top = head
    for (measure, name), height in zip(names.items(), heights, strict=True):
        first = top + height / 2 - (len(name) - 1) * line_height(SMALL) / 2
        for k, text in enumerate(name):
            sheet.write(_EDGE, first + k * line_height(SMALL), text, fontsize=SMALL)
        for group, left, size in zip(columns, lefts, sizes, strict=True):
            _heat_cell(sheet, cells.get((measure, group)), stat, (left, top, size, height), mark)
        top += height
    for i, text in enumerate(notes):
        sheet.write(_EDGE, top + 2.5 + (i + 0.5) * line_height(SMALL), text, fontsize=SMALL,
                    color=GREY)  # fmt: skip
    return sheet.figure


def _heat_note(cells: dict[tuple[str, str], Record], stat: str, mark: str) -> str:
    hidden = any(is_hidden(r, stat) for r in cells.values())
    return "Per cent; darker is more." + (f" {mark} withheld." if hidden else "")


def _heat_heads(
    sheet: Sheet, heads: list[list[str]], lefts: list[float], sizes: list[float], head: float
) -> None:
    for words, left, size in zip(heads, lefts, sizes, strict=True):
        for k, text in enumerate(reversed(words)):
            y = head - 1.0 - (k + 0.5) * line_height(SMALL)
            sheet.write(left + size / 2, y, text, ha="center", fontsize=SMALL, fontweight="bold")


def _heat_cell(
    sheet: Sheet,
    record: Record | None,
    stat: str,
    box: tuple[float, float, float, float],
    mark: str,
) -> None:
    x, y, width, height = box
    value = number(record, stat) if record else np.nan
    hidden = record is not None and is_hidden(record, stat)
    missing = np.isnan(value) and not hidden
    face = _HIDDEN if hidden else PAPER if missing else to_hex(SHADES(value / 100))
    sheet.axes.add_patch(Rectangle((x, y), width, height, fc=face, ec=RULE if missing else PAPER,
                                   lw=0.8, hatch="////" if missing else None))  # fmt: skip
    text = "" if record is None else show(record, stat, _whole, mark)
    if text and text != NOT_ESTIMABLE:
        sheet.write(x + width / 2, y + height / 2, text, ha="center", fontsize=TEXT,
                    color=INK)  # fmt: skip


def _whole(value: float) -> str:
    return rate(value, 0)
