"""Forest plots: estimates with intervals on a log axis, and the numbers beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator

from vpstats.errors import UsageError
from vpstats.figures.style import (
    BAND,
    DOUBLE,
    GREY,
    INK,
    MARKERS,
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
    SUPPRESSED,
    count,
    interval_heading,
    p_value,
    ratio,
    reason,
    sentence_case,
    show,
    show_interval,
)
from vpstats.rows import MODELS, Record, is_hidden, number, records

_LOOKS = {"crude": (GREY, "o"), "adjusted": (PALETTE[0], "s"), "mediators": (PALETTE[1], "D")}
_ROW, _PAD, _GAP, _HEAD, _FOOT, _EDGE = 4.0, 0.7, 2.6, 6.2, 10.5, 1.5
_MIN_PLOT, _MAX_LABEL, _INDENT = 24.0, 52.0, 2.5
_NARROW = 120.0
"""Width under which the models of a term stand below its label, not beside it."""

_DECADES = tuple(10.0**k for k in range(-3, 4))
_TICKS = tuple(d * k for d in _DECADES for k in (1, 2, 5))
_COARSE_TICKS = tuple(d * k for d in _DECADES for k in (1, 3))
_FINE_TICKS = (0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.4, 1.6, 1.8, 2.0)
_MIDDLE_TICKS = (0.4, 0.5, 0.6, 0.8, 1.0, 1.25, 1.5, 2.0, 2.5)
_SPARSE_TICKS = (0.25, 0.5, 0.7, 1.0, 1.4, 2.0, 4.0)
_WIDEST_AXIS = (0.05, 20.0)


@dataclass(frozen=True)
class Line:
    """One line of a forest plot: a term under one model."""

    term: str
    label: str
    group: str
    model: str
    n: str
    events: str
    text: str
    p: str
    estimate: float = np.nan
    low: float = np.nan
    high: float = np.nan
    reference: bool = False

    @property
    def drawn(self) -> bool:
        """Whether there is an interval to draw."""
        return bool(np.isfinite(self.estimate) and not np.isnan([self.low, self.high]).any())


@dataclass(frozen=True)
class Column:
    """A column of text: what stands in it, where, and how it is aligned."""

    field: str
    head: str
    width: float
    align: str = "left"
    x: float = 0.0


@dataclass(frozen=True)
class Block:
    """The lines of one term, and its label in lines; stacked ones have the label above."""

    lines: list[Line]
    label: list[str]
    stacked: bool

    @property
    def offset(self) -> float:
        """From the top of the block to the middle of its first line of numbers."""
        above = len(self.label) * line_height(SMALL) if self.stacked else 0.0
        return _PAD + _ROW / 2 + above

    @property
    def size(self) -> float:
        """Height in millimetres."""
        label = line_height(SMALL) * len(self.label) + 0.7 + _PAD
        return max(self.offset - _ROW / 2 + _ROW * len(self.lines), label) + _PAD


def forest(
    rows: pd.DataFrame | Sequence[Record],
    ax: Axes | None = None,
    *,
    measure: str = "",
    level: float = 0.95,
    width: float = DOUBLE,
    limits: tuple[float, float] | None = None,
    directions: tuple[str, str] | None = None,
    label_heading: str = "",
    note: str = "",
    mark: str = SUPPRESSED,
) -> Figure:
    """Draw estimates with their intervals on a log axis, and the numbers beside them.

    Parameters
    ----------
    rows : DataFrame or sequence of records
        Ledger cells of one question, a wide table of them, ``tidy(exponentiate=True)``, or what
        `vpstats.rows.estimate_rows` collects: ratios with limits, one row per term and model.
    ax : matplotlib Axes, optional
        Draw points, intervals and term labels here instead of a figure with columns of numbers.
    measure : str
        What is estimated ("odds ratio"); the unit of the rows if empty.
    level : float
        Confidence level that the limits were made at, for the heading.
    width : float
        Width in millimetres: 85 for one column of a journal, 175 for two. Columns that do not
        fit are left out: events and n first, then p.
    limits : tuple of float, optional
        Ends of the axis; intervals that go beyond end in an arrow.
    directions : tuple of str, optional
        What lies to the left and to the right of one, in a few words.
    label_heading : str
        Heading of the terms.
    note : str
        A line under the plot.
    mark : str
        What stands for withheld numbers.

    Returns
    -------
    Figure
        The figure of `ax` if it was given.

    Raises
    ------
    UsageError
        If there is no row with an estimate, or a limit is not positive.

    Examples
    --------
    >>> tidy = pd.DataFrame({"term": ["cement_ml"], "estimate": [1.4], "conf_low": [1.1],
    ...                      "conf_high": [1.8], "p_value": [0.004]})
    >>> figure = forest(tidy, measure="odds ratio")
    >>> [t.get_text() for t in figure.axes[0].texts][-3:-1]
    ['1.40 (1.10–1.80)', '0.004']
    """
    found = records(rows) if isinstance(rows, pd.DataFrame) else list(rows)
    found = [r for r in found if "estimate" in r or r.get("reference")]
    if not found:
        raise UsageError("there is no estimate to draw; rows need a statistic named 'estimate'.")
    name = measure or next((r["unit"] for r in found if r["unit"]), "odds ratio")
    lines = _lines(found, mark)
    ends = _checked(limits) if limits else _axis_limits(lines)
    if ax is not None:
        _on_axes(ax, lines, ends, name)
        figure = ax.get_figure(root=True)
        assert isinstance(figure, Figure)  # noqa: S101  # axes were given, so there is one
        return figure
    heads = {"label": label_heading, "text": interval_heading(name, level)}
    with styled():
        return _sheet(lines, ends, name, width, heads, directions, note)


def _checked(limits: tuple[float, float]) -> tuple[float, float]:
    if not 0 < limits[0] < limits[1]:
        raise UsageError(f"limits are {limits}; expected two positive numbers, the smaller first.")
    return limits


def _lines(found: list[Record], mark: str) -> list[Line]:
    several = len({r["group"] for r in found if not r.get("reference")}) > 1
    terms = dict.fromkeys(r["variable"] for r in found)
    lines: list[Line] = []
    for term in terms:
        own = [_line(r, mark, several) for r in found if r["variable"] == term]
        if own[0].reference:
            own = [replace(own[0], model="")]
        lines += [own[0], *(replace(o, label="", n="", events="") for o in own[1:])]
    return lines


def _line(record: Record, mark: str, several: bool) -> Line:
    group = record["group"]
    words = Line(
        term=record["variable"],
        label=record["label"],
        group=group,
        model=MODELS.get(group, group) if several else "",
        n=show(record, "n", count, mark),
        events=show(record, "n_events", count, mark),
        text=_estimate_text(record, mark),
        p=_p_text(record, mark),
        reference=bool(record.get("reference")),
    )
    if is_hidden(record, "estimate", "conf_low", "conf_high"):
        return words
    point, low, high = (number(record, s) for s in ("estimate", "conf_low", "conf_high"))
    return replace(words, estimate=point, low=low, high=high)


def _estimate_text(record: Record, mark: str) -> str:
    if record.get("reference"):
        return "1 (reference)"
    if np.isnan(number(record, "estimate")) and not is_hidden(record, "estimate"):
        return reason(record["caveat"])
    return show_interval(record, ratio, mark)


def _p_text(record: Record, mark: str) -> str:
    missing = np.isnan(number(record, "p_value")) and not is_hidden(record, "p_value")
    return "" if missing else show(record, "p_value", p_value, mark)


def _axis_limits(lines: list[Line]) -> tuple[float, float]:
    drawn = [line for line in lines if line.drawn]
    points = [line.estimate for line in drawn if line.estimate > 0] or [1.0]
    low = min([line.low for line in drawn if line.low > 0] + points + [0.8])
    high = max([line.high for line in drawn if np.isfinite(line.high)] + points + [1.25])
    # the axis goes as far as the points do, and as far as the intervals within reason
    floor = max(min(_WIDEST_AXIS[0], min(points) / 1.5), 0.001)
    ceiling = min(max(_WIDEST_AXIS[1], max(points) * 1.5), 1000.0)
    return max(low / 1.08, floor), min(high * 1.08, ceiling)


def _ticks(ends: tuple[float, float], room: float) -> list[float]:
    # the densest series whose labels stand apart
    per_decade = room / float(np.log10(ends[1] / ends[0]))
    for series in (_FINE_TICKS, _MIDDLE_TICKS, _TICKS, _SPARSE_TICKS, _COARSE_TICKS):
        inside = [t for t in series if ends[0] <= t <= ends[1]]
        gaps = np.diff(np.log10(inside)) * per_decade
        needed = [text_width(f"{t:g}", SMALL) + 1.2 for t in inside[1:]]
        if len(inside) > 2 and bool((gaps >= needed).all()):
            return inside
    return [t for t in _DECADES if ends[0] <= t <= ends[1]]


def _log_axis(ax: Axes, ends: tuple[float, float], room: float) -> None:
    ticks = _ticks(ends, room)
    ax.set_xscale("log")
    ax.set_xlim(ends)
    ax.xaxis.set_major_locator(FixedLocator(ticks))
    ax.xaxis.set_major_formatter(FixedFormatter([f"{t:g}" for t in ticks]))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.axvline(1.0, color=INK, lw=0.6, zorder=1)


def _draw(ax: Axes, lines: list[Line], heights: list[float], ends: tuple[float, float]) -> None:
    groups = list(dict.fromkeys(line.group for line in lines if not line.reference))
    for line, y in zip(lines, heights, strict=True):
        if line.drawn:
            color, marker = _look(line.group, groups)
            _interval(ax, line, y, ends, color)
            if ends[0] <= line.estimate <= ends[1]:
                face = PAPER if line.group == "crude" and len(groups) > 1 else color
                ax.plot(line.estimate, y, marker, ms=4.2, mfc=face, mec=color, mew=0.9, zorder=3)
        elif line.reference:
            ax.plot(1.0, y, "|", ms=5, color=INK, zorder=3)


def _look(group: str, groups: list[str]) -> tuple[str, str]:
    i = groups.index(group)
    return _LOOKS.get(group, (PALETTE[i % len(PALETTE)], MARKERS[i % len(MARKERS)]))


def _interval(ax: Axes, line: Line, y: float, ends: tuple[float, float], color: str) -> None:
    ax.plot(np.clip([line.low, line.high], *ends), [y, y], color=color, lw=1.1, zorder=2)
    arrow = partial(ax.plot, color=color, ms=3.6, clip_on=False, zorder=3)
    if line.low < ends[0]:
        arrow([ends[0]], [y], "<")
    if line.high > ends[1]:
        arrow([ends[1]], [y], ">")


def _on_axes(ax: Axes, lines: list[Line], ends: tuple[float, float], measure: str) -> None:
    heights = [float(i) for i in range(len(lines))]
    _draw(ax, lines, heights, ends)
    _log_axis(ax, ends, 80.0)
    texts = [" ".join(filter(None, (line.label, line.model))) for line in lines]
    ax.set_yticks(heights, texts)
    ax.set_ylim(len(lines) - 0.4, -0.6)
    ax.set_xlabel(f"{sentence_case(measure)} (log scale)")
    for line, y in zip(lines, heights, strict=True):
        if not line.drawn and not line.reference:
            ax.annotate(line.text, (1.0, y), (3, 0), textcoords="offset points",
                        va="center", fontsize=SMALL, color=GREY)  # fmt: skip


def _sheet(
    lines: list[Line],
    ends: tuple[float, float],
    measure: str,
    width: float,
    heads: dict[str, str],
    directions: tuple[str, str] | None,
    note: str,
) -> Figure:
    columns, plot_x, plot_width = _columns(lines, width, heads)
    blocks = _blocks(lines, columns[0].width, stacked=width < _NARROW)
    total = sum(block.size for block in blocks)
    notes = wrap(note, width - 2 * _EDGE, SMALL) if note else []
    foot = _FOOT + (4.0 if directions else 0.0)
    height = _HEAD + total + foot + line_height(SMALL) * len(notes)
    sheet = new_sheet(width, height)
    _headings(sheet, columns)
    heights = _write_blocks(sheet, columns, blocks)
    ax = sheet.add_axes(plot_x, _HEAD, plot_width, total)
    ax.set_ylim(_HEAD + total, _HEAD)
    _draw(ax, lines, heights, ends)
    _log_axis(ax, ends, plot_width)
    bare_x(ax)
    _below(sheet, plot_x, plot_width, _HEAD + total, ends, measure, directions)
    for i, text in enumerate(notes):
        sheet.write(
            _EDGE, height - line_height(SMALL) * (len(notes) - i - 0.5), text, fontsize=SMALL
        )
    return sheet.figure


def _blocks(lines: list[Line], room: float, stacked: bool) -> list[Block]:
    parts = [list(part) for _, part in groupby(lines, key=lambda line: line.term)]
    return [
        Block(part, wrap(part[0].label, room, SMALL), stacked and bool(part[0].model))
        for part in parts
    ]


def _columns(
    lines: list[Line], width: float, heads: dict[str, str]
) -> tuple[list[Column], float, float]:
    offered = {
        "label": ("left", heads["label"]),
        "model": ("left", "Model"),
        "n": ("right", "n"),
        "events": ("right", "Events"),
        "text": ("left", heads["text"]),
        "p": ("left", "p"),
    }
    kept = [f for f in offered if f in ("label", "text") or any(getattr(v, f) for v in lines)]
    for dropped in ("model" if width < _NARROW else "", "events", "n", "p"):
        kept = [f for f in kept if f != dropped]
        columns = [_column(f, *offered[f], lines) for f in kept]
        if width - _taken(columns) >= _MIN_PLOT + 14:
            break
    return _placed(columns, width)


def _column(field: str, align: str, head: str, lines: list[Line]) -> Column:
    texts = [getattr(line, field) for line in lines]
    if field == "text":
        # reasons are written over the plot, so that they do not widen the column
        texts = [line.text for line in lines if line.drawn or line.reference]
    if field == "label":  # in a narrow figure the models stand here too
        texts = [*texts, *(f"{line.model}{'m' * bool(line.model)}" for line in lines)]
    room = max(widest(texts, SMALL), text_width(head, SMALL, "bold"))
    return Column(field, head, min(room, _MAX_LABEL) if field == "label" else room, align)


def _taken(columns: list[Column]) -> float:
    return sum(c.width + _GAP for c in columns) + 2 * _EDGE


def _placed(columns: list[Column], width: float) -> tuple[list[Column], float, float]:
    excess = _taken(columns) + _MIN_PLOT - width
    if excess > 0:
        columns = [replace(columns[0], width=max(columns[0].width - excess, 22.0)), *columns[1:]]
    plot_width = width - _taken(columns) - _GAP
    left = [c for c in columns if c.field not in ("text", "p")]
    x, placed = _EDGE, []
    plot_x = _taken(left) - _EDGE + _GAP / 2
    for column in columns:
        if column.field == "text":
            x = plot_x + plot_width + _GAP * 1.5
        placed.append(replace(column, x=x))
        x += column.width + _GAP
    return placed, plot_x, plot_width


def _put(sheet: Sheet, column: Column, y: float, text: str, weight: str = "normal") -> None:
    x = column.x + (column.width if column.align == "right" else 0.0)
    sheet.write(x, y, text, ha=column.align, fontsize=SMALL, fontweight=weight)


def _headings(sheet: Sheet, columns: list[Column]) -> None:
    for column in columns:
        _put(sheet, column, _HEAD / 2 - 0.4, column.head, "bold")
    sheet.rule(_HEAD - 0.6)


def _write_blocks(sheet: Sheet, columns: list[Column], blocks: list[Block]) -> list[float]:
    heights: list[float] = []
    top = _HEAD
    for i, block in enumerate(blocks):
        if i % 2:
            sheet.axes.axhspan(top, top + block.size, color=BAND, lw=0, zorder=0)
        for k, text in enumerate(block.label):
            _put(sheet, columns[0], top + _PAD + _ROW / 2 + k * line_height(SMALL), text)
        for k, line in enumerate(block.lines):
            heights.append(top + block.offset + k * _ROW)
            if block.stacked:
                sheet.write(columns[0].x + _INDENT, heights[-1], line.model, fontsize=SMALL)
            _write_line(sheet, columns[1:], line, heights[-1])
        top += block.size
    return heights


def _write_line(sheet: Sheet, columns: list[Column], line: Line, y: float) -> None:
    for column in columns:
        text = getattr(line, column.field)
        if column.field == "text" and not line.drawn and not line.reference:
            end = column.x + column.width if line.p else sheet.width - _EDGE
            fits = text_width(text, SMALL) <= end - column.x
            x, align = (column.x, "left") if fits else (end, "right")
            sheet.write(x, y, text, fontsize=SMALL, color=GREY, ha=align)
        else:
            _put(sheet, column, y, text)


def _below(
    sheet: Sheet,
    x: float,
    width: float,
    bottom: float,
    ends: tuple[float, float],
    measure: str,
    directions: tuple[str, str] | None,
) -> None:
    label = f"{sentence_case(measure)} (log scale)"
    y = bottom + 7.8
    sheet.write(x + width / 2, y, label, ha="center", fontsize=TEXT)
    if directions is None:
        return
    one = x + width * float(np.log(1 / ends[0]) / np.log(ends[1] / ends[0]))
    sheet.write(one - 1.5, y + 4, f"← {directions[0]}", ha="right", fontsize=SMALL, color=GREY)
    sheet.write(one + 1.5, y + 4, f"{directions[1]} →", ha="left", fontsize=SMALL, color=GREY)
    sheet.axes.plot([one, one], [y + 2.6, y + 5.4], color=RULE, lw=0.6)
