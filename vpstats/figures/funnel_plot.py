"""Funnel plots: centers against their own control limits, never against a rank.

References
----------
Spiegelhalter DJ. Funnel plots for comparing institutional performance. Stat Med 2005;24:1185-202.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.patches import PathPatch
from matplotlib.path import Path as Outline
from matplotlib.ticker import FixedFormatter, FixedLocator

from vpstats.errors import UsageError
from vpstats.figures.light import nice_ticks
from vpstats.figures.style import (
    INK,
    PALETTE,
    PAPER,
    POINT,
    RULE,
    SINGLE,
    SMALL,
    line_height,
    new_sheet,
    styled,
    text_width,
    wrap,
)
from vpstats.formats import THIN, decimal
from vpstats.rows import Record, complete, is_hidden, number

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from vpstats.figures.style import Sheet

    Vector = NDArray[np.float64]
    Places = NDArray[np.intp]

LIMITS = ("alert_low", "alert_high", "alarm_low", "alarm_high")
BESIDE: Mapping[str, Any] = {
    "plain": {"color": RULE, "lw": 0.9, "ls": (0, (1, 1.5))},
    "tau": {"color": RULE, "lw": 0.9, "ls": (0, (6, 2, 1, 2))},
    "phi": {"color": RULE, "lw": 0.9, "ls": (0, (8, 2))},
}
"""Ending of limits that the plan did not choose, and how the outer ones of them are drawn."""

_HEAD, _FOOT, _LEFT, _RIGHT, _HEIGHT = 6.5, 9.5, 10.0, 11.0, 58.0
_REACH_LEAST, _TOP_MOST = 0.25, 4.0
_WIDE_FROM = 0.15
_LINE = 1.15 * SMALL
_MANY = 60
_DOT = "#767676"
_MINE = "#000000"

Box = tuple[float, float, float, float]
"""Left, top, right and bottom, in points."""


@dataclass(frozen=True)
class Funnel:
    """A funnel plot, and where each center stands on it.

    Parameters
    ----------
    figure : Figure
        The drawing.
    places : mapping of str to (float, float)
        Center to its point, in typographic points from the top left of the figure.
    withheld : tuple of str
        Centers whose numbers were withheld; they are not drawn.
    empty : tuple of str
        Centers without an estimate; they are not drawn either.
    beyond : tuple of str
        Centers that lie above the upper edge, where a triangle stands for them.
    unnamed : tuple of str
        Flagged centers that are drawn without their name, for want of room.
    beside : tuple of str
        Limits that are drawn besides the chosen ones: "plain", "tau", "phi".
    """

    figure: Figure
    places: Mapping[str, tuple[float, float]]
    withheld: tuple[str, ...] = ()
    empty: tuple[str, ...] = ()
    beyond: tuple[str, ...] = ()
    unnamed: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Spot:
    """A center on the plane."""

    name: str
    x: float
    y: float
    shown: float
    flag: str


def funnel(
    rows: Sequence[Record],
    limits: Sequence[Record],
    *,
    flags: Mapping[str, tuple[str, str]] | None = None,
    x: str = "expected",
    x_label: str = "Expected events",
    y_label: str = "Observed over expected",
    benchmark: float | None = None,
    levels: tuple[float, float] = (0.95, 0.998),
    width: float = SINGLE,
) -> Funnel:
    """Draw observed over expected against the expected number, with control limits.

    Parameters
    ----------
    rows : sequence of Record
        One per center: `group`, `o_e` and `expected` (or `n`); withheld ones are not drawn.
    limits : sequence of Record
        The curves: `level` is the expected number (or, where `x` is "n", the statistic `n`
        is the number), `alert_low`, `alert_high`, `alarm_low`, `alarm_high`; with the same names
        and ``_plain`` the limits for chance alone, ``_tau`` and ``_phi`` those with either
        over-dispersion, where they are not the chosen ones: the outer ones are drawn beside.
    flags : mapping of str to (flag, side), optional
        Center to "alert" or "alarm" and "worse" or "better"; only these are labelled.
    x : {"expected", "n"}
        What the horizontal axis shows.
    x_label, y_label : str
        Words on the axes.
    benchmark : float, optional
        The network's rate in per cent. It turns the plot into one of proportions, up to 100:
        `o_e` is then a center's rate over this one.
    levels : (float, float)
        What the inner and the outer limits are called.
    width : float
        Width in millimetres.

    Returns
    -------
    Funnel
        The figure, and the place of every center on it.

    Raises
    ------
    UsageError
        If no center has numbers that may be shown.

    Examples
    --------
    >>> rows = [{"group": "C01", "o_e": 1.2, "expected": 20.0, "hidden": set()}]
    >>> drawn = funnel(rows, [])
    >>> [round(v) for v in drawn.places["C01"]]
    [199, 42]
    """
    stats = ("o_e", x)
    withheld = tuple(r["group"] for r in rows if is_hidden(r, *stats))
    empty = tuple(r["group"] for r in rows if not is_hidden(r, *stats) and not complete(r, *stats))
    kept = [r for r in rows if complete(r, *stats) and not is_hidden(r, *stats)]
    if not kept:
        raise UsageError("every center's numbers were withheld or could not be estimated.")
    top = _TOP_MOST if benchmark is None else 100 / benchmark
    ends = _ends([number(r, "o_e") for r in kept], limits, x, top)
    spots = [_spot(r, x, ends[1], (flags or {}).get(r["group"], ("", ""))) for r in kept]
    with styled():
        sheet, ax = _axes(width, max(s.x for s in spots), ends, benchmark or 1.0, x_label, y_label)
        taken = _draw_limits(sheet, ax, limits, x, levels)
        _draw_dots(ax, [s for s in spots if not s.flag])
        unnamed = _draw_flagged(sheet, ax, [s for s in spots if s.flag], taken)
        places = {s.name: _place(ax, (s.x, s.shown)) for s in spots}
    beyond = tuple(s.name for s in spots if s.shown < s.y)
    beside = tuple(e for e in BESIDE if any(complete(r, f"alarm_high_{e}") for r in limits))
    return Funnel(sheet.figure, places, withheld, empty, beyond, unnamed, beside)


def _ends(values: list[float], limits: Sequence[Record], x: str, top: float) -> tuple[float, float]:
    """Ends of the vertical axis: all centers, and the limits except where they run away."""
    at = [_at(r, x) for r in limits]
    from_here = _WIDE_FROM * max(at, default=0.0)
    shown = [
        number(r, s) for r, a in zip(limits, at, strict=True) if a >= from_here for s in LIMITS
    ]
    found = [*values, *(v for v in shown if np.isfinite(v))]
    low = min(*found, 1 - _REACH_LEAST)
    high = min(max(*found, 1 + _REACH_LEAST), top)
    room = 0.06 * (high - low)
    low = low - room if low - room > 0.3 else 0.0  # near zero the axis starts there
    return low, float(min(high + room, top))


def _at(limit: Record, x: str) -> float:
    return number(limit, "n") if x == "n" else float(limit["level"])


def _spot(row: Record, x: str, top: float, flag: tuple[str, str]) -> _Spot:
    y = number(row, "o_e")
    return _Spot(row["group"], number(row, x), y, min(y, top), " ".join(filter(None, flag)))


def _axes(
    width: float,
    most: float,
    ends: tuple[float, float],
    benchmark: float,
    x_label: str,
    y_label: str,
) -> tuple[Sheet, Axes]:
    names = wrap(y_label, width - 2, SMALL)
    head = _HEAD + (len(names) - 1) * line_height(SMALL)
    sheet = new_sheet(width, head + _HEIGHT + _FOOT)
    ax = sheet.add_axes(_LEFT, head, width - _LEFT - _RIGHT, _HEIGHT)
    ax.set(xlim=(0, 1.06 * most), ylim=ends)
    ax.set_facecolor("none")
    for k, words in enumerate(names):
        sheet.write(0.5, 2.2 + k * line_height(SMALL), words, fontsize=SMALL)
    sheet.write(_LEFT + (width - _LEFT - _RIGHT) / 2, sheet.height - 2.0, x_label, fontsize=SMALL,
                ha="center")  # fmt: skip
    ticks = nice_ticks(ends[0] * benchmark, ends[1] * benchmark)
    ax.yaxis.set_major_locator(FixedLocator([t / benchmark for t in ticks]))
    ax.yaxis.set_major_formatter(FixedFormatter([f"{t:g}" for t in ticks]))
    ticks = nice_ticks(0, 1.06 * most)
    ax.xaxis.set_major_locator(FixedLocator(ticks))
    ax.xaxis.set_major_formatter(FixedFormatter([f"{t:,g}" for t in ticks]))
    ax.axhline(1.0, color=INK, lw=0.8)
    return sheet, ax


def _draw_limits(
    sheet: Sheet, ax: Axes, limits: Sequence[Record], x: str, levels: tuple[float, float]
) -> list[Box]:
    if not limits:
        return []
    at = [_at(r, x) for r in limits]
    order = np.argsort(at, kind="stable")
    xs = np.array(at)[order]
    for ending, how in BESIDE.items():
        for name in ("alarm_low", "alarm_high"):
            _curve(ax, xs, _values(limits, f"{name}_{ending}", order), how)
    ends = []
    for name in LIMITS:
        ys = _values(limits, name, order)
        alarm = name.startswith("alarm")
        how = {"color": PALETTE[0], "lw": 1.1, "ls": "-" if alarm else (0, (4, 2))}
        _curve(ax, xs, ys, how)
        if name.endswith("high") and np.isfinite(ys).any():
            ends.append((float(ys[np.isfinite(ys)][-1]), f"{100 * levels[int(alarm)]:g}"))
    return _name_limits(sheet, ax, ends)


def _values(limits: Sequence[Record], name: str, order: Places) -> Vector:
    values: Vector = np.array([number(r, name) for r in limits])
    return values[order]


def _curve(ax: Axes, xs: Vector, ys: Vector, how: dict[str, Any]) -> None:
    if np.isfinite(ys).any():
        ax.plot(xs, ys, zorder=1, **how)


def _name_limits(sheet: Sheet, ax: Axes, ends: list[tuple[float, str]]) -> list[Box]:
    """Write the limits' names at their right ends, apart from one another."""
    low, high = ax.get_ylim()
    least = line_height(SMALL) / _HEIGHT * (high - low)
    below = -np.inf
    taken = []
    left = (sheet.width - _RIGHT) / POINT + 3
    for y, words in sorted(ends):
        below = max(min(y, high), below + least)
        at = _place(ax, (ax.get_xlim()[1], below))[1]
        _write(sheet, ax, left, at, f"{words}{THIN}%", PALETTE[0])
        taken.append((left, at - _LINE / 2, sheet.width / POINT, at + _LINE / 2))
    return taken


def _write(sheet: Sheet, ax: Axes, left: float, at: float, words: str, color: str) -> None:
    ax.annotate(words, (left, sheet.height / POINT - at), xycoords="figure points",
                va="center_baseline", fontsize=SMALL, color=color, annotation_clip=False,
                zorder=4, bbox={"fc": PAPER, "ec": "none", "pad": 0.2, "alpha": 0.8})  # fmt: skip


def _draw_dots(ax: Axes, spots: list[_Spot]) -> None:
    """Draw all plain centers as one path of round dots: a page holds many such figures."""
    inside = [s for s in spots if s.shown >= s.y]
    if inside:
        # a stroke hardly longer than nothing: its round ends make the dot
        length = 0.001 * ax.get_xlim()[1]
        ends = [(s.x + d, s.shown) for s in inside for d in (-length / 2, length / 2)]
        outline = Outline(ends, [Outline.MOVETO, Outline.LINETO] * len(inside))
        outline.should_simplify = False
        size = 3.6 if len(inside) <= _MANY else 2.6
        ax.add_patch(PathPatch(outline, ec=_DOT, fc="none", lw=size, capstyle="round",
                               clip_on=False, snap=False, zorder=2))  # fmt: skip
    for spot in spots:
        if spot.shown < spot.y:
            ax.plot(spot.x, spot.shown, "^", ms=4, color=_DOT, clip_on=False, zorder=2)


_LOOKS: dict[str, dict[str, Any]] = {
    "alert worse": {"marker": "o", "mfc": PAPER, "mec": PALETTE[1]},
    "alarm worse": {"marker": "D", "mfc": PALETTE[1], "mec": PALETTE[1]},
    "alert better": {"marker": "o", "mfc": PAPER, "mec": PALETTE[2]},
    "alarm better": {"marker": "s", "mfc": PALETTE[2], "mec": PALETTE[2]},
}


def _draw_flagged(sheet: Sheet, ax: Axes, spots: list[_Spot], taken: list[Box]) -> tuple[str, ...]:
    """Draw and name flagged centers, alarms first; those that find no room for a name."""
    marks = [_around(*_place(ax, (s.x, s.shown)), 3.0, 3.0) for s in spots]
    unnamed = []
    for spot in sorted(spots, key=lambda s: (not s.flag.startswith("alarm"), -s.y, s.name)):
        look = _LOOKS.get(spot.flag, _LOOKS["alert worse"])
        if spot.shown < spot.y:
            look = {**look, "marker": "^"}
        ax.plot(spot.x, spot.shown, ms=4.6, mew=1.1, clip_on=False, zorder=3, ls="none", **look)
        words = spot.name if spot.shown >= spot.y else f"{spot.name}: {decimal(spot.y)}"
        box = _room(sheet, _place(ax, (spot.x, spot.shown)), words, [*taken, *marks])
        if box is None:
            unnamed.append(spot.name)
            continue
        taken.append(box)
        _write(sheet, ax, box[0], (box[1] + box[3]) / 2, words, look["mec"])
    return tuple(sorted(unnamed))


def _room(sheet: Sheet, at: tuple[float, float], words: str, taken: list[Box]) -> Box | None:
    """Find a free place for a name beside, above or below its mark."""
    x, y = at
    half = text_width(words, SMALL) / POINT / 2
    steps = ((half + 7, 0), (-half - 7, 0), (0, -11), (0, 11), (half + 4, -8), (half + 4, 8),
             (-half - 4, -8), (-half - 4, 8))  # fmt: skip
    boxes = (_around(x + dx, y + dy, half, _LINE / 2) for dx, dy in steps)
    edge = (sheet.width / POINT, sheet.height / POINT)
    return next(
        (b for b in boxes if _inside(b, edge) and not any(_meet(b, t) for t in taken)), None
    )


def _around(x: float, y: float, half_width: float, half_height: float) -> Box:
    return x - half_width, y - half_height, x + half_width, y + half_height


def _inside(box: Box, edge: tuple[float, float]) -> bool:
    return box[0] >= 1 and box[1] >= 1 and box[2] <= edge[0] - 1 and box[3] <= edge[1] - 1


def _meet(one: Box, other: Box) -> bool:
    across = one[0] < other[2] and other[0] < one[2]
    return across and one[1] < other[3] and other[1] < one[3]


def _place(ax: Axes, at: tuple[float, float]) -> tuple[float, float]:
    """Points from the left and from the top of the figure."""
    figure = ax.get_figure(root=True)
    assert figure is not None  # noqa: S101  # these axes were put on a sheet
    px, py = ax.transData.transform(at) * 72 / figure.dpi
    return float(px), float(figure.get_figheight() * 72 - py)


def mark_center(svg: str, place: tuple[float, float], name: str) -> str:
    """Ring one center on a drawn funnel, without drawing it again.

    Parameters
    ----------
    svg : str
        The funnel as an SVG element whose units are points.
    place : (float, float)
        From `Funnel.places`.
    name : str
        The center.

    Returns
    -------
    str
        The same with a ring, and a name that assistive technology reads.

    Examples
    --------
    >>> mark_center("<svg></svg>", (10, 20), "C01")[5:52]
    '<g class="mine"><circle cx="10.00" cy="20.00" r'
    """
    x, y = place
    ring = (
        f'<g class="mine"><circle cx="{x:.2f}" cy="{y:.2f}" r="5.5" fill="none" '
        f'stroke="{_MINE}" stroke-width="1.6"/><circle cx="{x:.2f}" cy="{y:.2f}" r="2.2" '
        f'fill="{_MINE}"/><title>{escape(name)}</title></g>'
    )
    return f"{svg.removesuffix('</svg>')}{ring}</svg>"


def compact(svg: str) -> str:
    r"""Write coordinates with two decimals, a hundredth of a point, and lines without breaks.

    Parameters
    ----------
    svg : str
        An SVG element in points.

    Returns
    -------
    str
        The same drawing in about half the characters.

    Examples
    --------
    >>> compact('<path d="M 1.234567 2\nL 3.5 4.00019"/><text>1.2345</text>')
    '<path d="M 1.23 2 L 3.5 4.00"/><text>1.2345</text>'
    """
    return re.sub(r" d=\"[^\"<>]*\"", lambda d: _DECIMALS.sub(r"\1", d[0]).replace("\n", " "), svg)


_DECIMALS = re.compile(r"(\.\d\d)\d+")
