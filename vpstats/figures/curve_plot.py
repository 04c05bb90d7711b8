"""Step curves over time with the numbers at risk under them."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedFormatter, FixedLocator, MaxNLocator

from vpstats.errors import UsageError
from vpstats.figures.style import (
    DASHES,
    DOUBLE,
    GREY,
    INK,
    MARKERS,
    PALETTE,
    SMALL,
    Sheet,
    line_height,
    new_sheet,
    styled,
    widest,
    wrap,
)
from vpstats.formats import SUPPRESSED, count, show
from vpstats.rows import (
    Record,
    is_coarse,
    is_hidden,
    number,
    ordered,
    records,
    risk_at,
    time_of,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Vector = NDArray[np.float64]

_WORDS = {
    "survival": "Survival, %",
    "incidence": "Cumulative incidence, %",
    "cumulative_hazard": "Cumulative hazard",
}
_MONTH, _YEAR = 30.4375, 365.25
_MAX_TICKS = 9
_ROOM_FOR_NAMES = 120.0
_WIDEST_NAME = 30.0
_UNKNOWN = "–"


HALF_DIGIT = 0.85
"""Half the width of a digit of the smallest type, with some air, in millimetres."""


@dataclass(frozen=True)
class Curve:
    """One group's curve as it is drawn.

    Parameters
    ----------
    label : str
        The group in words.
    times, estimate, low, high : ndarray, shape (k,)
        Steps that may be shown, times ascending; probabilities in percent.
    steps : list of dict
        Records of all its steps, for the numbers at risk.
    coarse : bool
        Whether a release read the curve on a grid.
    cut : bool
        Whether a release ended the curve.
    finished : bool
        Whether nobody was at risk after the last time.
    """

    label: str
    times: Vector
    estimate: Vector
    low: Vector
    high: Vector
    steps: list[Record]
    coarse: bool
    cut: bool
    finished: bool

    @property
    def drawn(self) -> bool:
        """Whether any step may be shown."""
        return len(self.times) > 1

    def at_risk(self, time: float, mark: str) -> str:
        """Print the number at risk just before a time."""
        found = risk_at(self.steps, time)
        if found is None:
            beyond = time > self.times[-1] and self.cut
            return "0" if self.finished else mark if beyond else _UNKNOWN
        if np.isnan(number(found, "n_risk")) and not is_hidden(found, "n_risk"):
            return _UNKNOWN
        return show(found, "n_risk", count, mark)


def curves(
    rows: pd.DataFrame,
    *,
    by: str = "",
    estimand: str = "",
    time_unit: str = "days",
    since: str = "start of follow-up",
    width: float = DOUBLE,
    height: float = 62.0,
    y_label: str = "",
    note: str = "",
    mark: str = SUPPRESSED,
) -> Figure:
    """Draw curves with shaded intervals and the numbers at risk.

    Curves are steps; what a release read on a coarse grid is drawn as its readings, joined by
    lines, since a step would put every event at the end of its interval.

    Parameters
    ----------
    rows : DataFrame
        Ledger cells of one curve (level = time), or the ``tidy()`` table of a curve.
    by : str
        Column of a tidy table that names the group.
    estimand : str
        "survival", "incidence" or "cumulative_hazard"; read from the rows if empty.
    time_unit : str
        Unit of the times. Days are labelled as months or years, the data stay as they are.
    since : str
        What time is counted from.
    width, height : float
        Width of the figure and height of the plot in millimetres.
    y_label : str
        Label of the vertical axis.
    note : str
        A line under the numbers at risk.
    mark : str
        What stands for withheld numbers.

    Returns
    -------
    Figure
        A curve that a release ended ends in a bar; groups that it withheld are named below.

    Raises
    ------
    UsageError
        If no step of any curve may be shown.

    Examples
    --------
    >>> tidy = pd.DataFrame({"time": [90.0, 365.0], "estimate": [0.02, 0.05], "n_risk": [80, 40],
    ...                      "conf_low": [0.01, 0.02], "conf_high": [0.05, 0.10]})
    >>> figure = curves(tidy, estimand="incidence", since="the procedure")
    >>> figure.axes[1].get_ylabel()
    'Cumulative incidence, %'
    """
    found = records(rows, group=by) if by else records(rows)
    kind = _estimand(found, estimand)
    series = _curves(found, kind)
    with styled():
        return _sheet(series, kind, time_unit, since, (width, height), y_label, note, mark)


def draw_curves(
    ax: Axes, rows: pd.DataFrame, *, by: str = "", estimand: str = "", time_unit: str = "days"
) -> None:
    """Draw curves on given axes, without the numbers at risk.

    Parameters
    ----------
    ax : Axes
        Where to draw.
    rows, by, estimand, time_unit
        As in `curves`.
    """
    found = records(rows, group=by) if by else records(rows)
    kind = _estimand(found, estimand)
    series = [curve for curve in _curves(found, kind) if curve.drawn]
    _axes(ax, series, kind, time_unit, "start of follow-up", 120.0)
    for i, curve in enumerate(series):
        _draw(ax, curve, i)
    if len(series) > 1:
        title = by.replace("_", " ")
        ax.legend(frameon=False, fontsize=SMALL, title=title, title_fontsize=SMALL)


def _estimand(found: list[Record], asked: str) -> str:
    said = [asked, *(str(r[k]) for r in found[:1] for k in ("unit", "variable"))]
    return next((s for s in said if s in _WORDS), "incidence")


def _curves(found: list[Record], kind: str) -> list[Curve]:
    series = [_curve([r for r in found if r["group"] == g], kind) for g in ordered(found, "group")]
    if not any(curve.drawn for curve in series):
        raise UsageError("no step of any curve may be shown; there is nothing to draw.")
    return series


def _curve(rows: list[Record], kind: str) -> Curve:
    rows = sorted(rows, key=time_of)
    shown = [r for r in rows if np.isfinite(number(r, "estimate")) and time_of(r) > 0]
    start, scale = (1.0 if kind == "survival" else 0.0), _scale(kind)

    def column(stat: str) -> Vector:
        return scale * np.array([start, *(number(r, stat) for r in shown)])

    return Curve(
        label=rows[0]["group"] or rows[0]["label"],
        times=np.array([0.0, *(time_of(r) for r in shown)]),
        estimate=column("estimate"),
        low=column("conf_low"),
        high=column("conf_high"),
        steps=rows,
        coarse=is_coarse(rows),
        cut=is_coarse(rows) or is_hidden(rows[-1], "estimate"),
        finished=_finished(rows[-1]),
    )


def _scale(kind: str) -> float:
    return 1.0 if kind == "cumulative_hazard" else 100.0


def _finished(last: Record) -> bool:
    left = [number(last, s) for s in ("n_risk", "n_event", "n_censor")]
    return bool(left[0] - left[1] - left[2] == 0)


def _draw(ax: Axes, curve: Curve, i: int) -> None:
    color, dash = PALETTE[i % len(PALETTE)], DASHES[i % len(DASHES)]
    shade = np.isfinite(curve.low) & np.isfinite(curve.high)
    # between two readings of a coarse curve nothing is known: a step there would be wrong
    step: Literal["post"] | None = None if curve.coarse else "post"
    ax.fill_between(curve.times[shade], curve.low[shade], curve.high[shade], step=step,
                    color=color, alpha=0.16, lw=0)  # fmt: skip
    ax.plot(curve.times, curve.estimate, color=color, ls=dash, lw=1.3, label=curve.label,
            drawstyle="default" if curve.coarse else "steps-post", clip_on=False)  # fmt: skip
    if curve.coarse:
        ax.plot(curve.times[1:], curve.estimate[1:], MARKERS[i % len(MARKERS)], ms=2.6, color=color,
                clip_on=False)  # fmt: skip
    if curve.cut:
        ax.plot(curve.times[-1], curve.estimate[-1], "|", ms=8, mew=1.6, color=color,
                clip_on=False)  # fmt: skip


def _axes(
    ax: Axes, series: list[Curve], kind: str, unit: str, since: str, room: float
) -> list[float]:
    end = max(curve.times[-1] for curve in series)
    ticks, labels, name = _time_axis(float(end), unit, room)
    ax.xaxis.set_major_locator(FixedLocator(ticks))
    ax.xaxis.set_major_formatter(FixedFormatter(labels))
    ax.set_xlim(0, end)
    ax.set_xlabel(f"{name} since {since}")
    ax.set_ylim(0, _top(series, kind))
    ax.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]))
    ax.set_ylabel(_WORDS[kind])
    return ticks


def _top(series: list[Curve], kind: str) -> float:
    if kind == "survival":
        return 100.0
    values = np.concatenate([np.append(c.high, c.estimate) for c in series])
    # a curve that never rises still needs an axis: one per cent, or a hundredth of a hazard
    top = float(np.nanmax(values)) * 1.06 or _scale(kind) / 100
    return top if kind == "cumulative_hazard" else min(top, 100.0)


def _time_axis(end: float, unit: str, room: float) -> tuple[list[float], list[str], str]:
    most = min(_MAX_TICKS, int(room / 9))
    if unit != "days":
        ticks = [t for t in MaxNLocator(most).tick_values(0, end) if 0 <= t <= end * (1 + 1e-9)]
        return ticks, [f"{t:g}" for t in ticks], f"Time ({unit})"
    if end < 2 * _MONTH:
        return _multiples(end, 1.0, (1, 2, 5, 7, 10, 14), most, "Days")
    if end <= 3.05 * _YEAR:
        return _multiples(end, _MONTH, (1, 2, 3, 6, 12), most, "Months")
    return _multiples(end, _YEAR, (1, 2, 5, 10), most, "Years")


def _multiples(
    end: float, unit: float, steps: tuple[int, ...], most: int, name: str
) -> tuple[list[float], list[str], str]:
    step = next((s for s in steps if end / (unit * s) < most), steps[-1])
    numbers = range(0, int(end / unit + 0.02) + 1, step)
    return [k * unit for k in numbers], [str(k) for k in numbers], name


def _sheet(
    series: list[Curve],
    kind: str,
    unit: str,
    since: str,
    size: tuple[float, float],
    y_label: str,
    note: str,
    mark: str,
) -> Figure:
    width, plot_height = size
    withheld = [curve.label for curve in series if not curve.drawn]
    series = [curve for curve in series if curve.drawn]
    step = line_height(SMALL) + 0.5
    has_risk = any("n_risk" in r for curve in series for r in curve.steps)
    left, names = _margin(series, width)
    right = _right_margin(series, width)
    notes = _note_lines(series, withheld, note, width - 2.0)
    rows = sum(len(n) for n in names) + 1 if has_risk else 0
    foot = 11.5 + rows * step + len(notes) * step
    sheet = new_sheet(width, 3.0 + plot_height + foot)
    ax = sheet.add_axes(left, 3.0, width - left - right, plot_height)
    ticks = _axes(ax, series, kind, unit, since, width - left - right)
    ax.set_ylabel(y_label or _WORDS[kind])
    for i, curve in enumerate(series):
        _draw(ax, curve, i)
    if right > 8.0:
        _name_ends(sheet, ax, series, width - right, plot_height)
    y = 3.0 + plot_height + 11.5
    if has_risk:
        _risk_table(sheet, ax, series, names, ticks, y, step, mark)
    for i, text in enumerate(notes):
        sheet.write(1.0, y + (rows + i + 0.5) * step, text, fontsize=SMALL, color=GREY)
    return sheet.figure


def _note_lines(series: list[Curve], withheld: list[str], note: str, width: float) -> list[str]:
    coarse = any(curve.coarse for curve in series)
    notes = [
        note,
        "Points are readings on a coarse grid, so that nobody can be recognised; the lines only "
        "join them."
        if coarse
        else "",
        "A bar ends a curve that is not shown any further." if any(c.cut for c in series) else "",
        f"Withheld: {', '.join(withheld)}." if withheld else "",
    ]
    text = " ".join(filter(None, notes))
    return wrap(text, width, SMALL) if text else []


def _margin(series: list[Curve], width: float) -> tuple[float, list[list[str]]]:
    """Left margin, and the group names in lines; in a narrow figure they get lines of their own."""
    labels = [curve.label for curve in series]
    if width < _ROOM_FOR_NAMES:
        return 15.0, [[*wrap(label, width - 9.0, SMALL), ""] if label else [""] for label in labels]
    room = min(widest(labels, SMALL), _WIDEST_NAME)
    return max(room + 14.0, 15.0), [wrap(label, room, SMALL) for label in labels]


def _right_margin(series: list[Curve], width: float) -> float:
    names = widest([curve.label for curve in series], SMALL)
    room = len(series) > 1 and width >= _ROOM_FOR_NAMES and names <= 0.25 * width
    return names + 3.0 if room and names > 5.0 else 4.0


def _name_ends(sheet: Sheet, ax: Axes, series: list[Curve], x: float, plot_height: float) -> None:
    top = ax.get_ylim()[1]
    wanted = [3.0 + plot_height * (1 - float(c.estimate[-1]) / top) for c in series]
    order = np.argsort(wanted)
    heights = _apart([wanted[i] for i in order], line_height(SMALL) + 0.3, 3.0 + plot_height)
    for i, y in zip(order, heights, strict=True):
        color = PALETTE[int(i) % len(PALETTE)]
        sheet.write(x + 1.5, y, series[int(i)].label, fontsize=SMALL, color=color)


def _apart(heights: list[float], gap: float, bottom: float) -> list[float]:
    placed = list(heights)
    for i, (above, _) in enumerate(pairwise(heights)):
        placed[i + 1] = max(placed[i + 1], placed[i] + gap, above)
    excess = placed[-1] - bottom
    for i in range(len(placed) - 1, -1, -1):
        # names that would leave the plot at its foot move up together
        limit = bottom - (len(placed) - 1 - i) * gap
        placed[i] = min(placed[i], limit) if excess > 0 else placed[i]
    return placed


def _risk_table(
    sheet: Sheet,
    ax: Axes,
    series: list[Curve],
    names: list[list[str]],
    ticks: list[float],
    y: float,
    step: float,
    mark: str,
) -> None:
    box = ax.get_position()
    x0, plot_width = box.x0 * sheet.width, box.width * sheet.width
    end = ax.get_xlim()[1]
    sheet.write(x0 if _only(series) else 1.0, y + step / 2, "Number at risk", fontsize=SMALL,
                fontweight="bold", ha="left")  # fmt: skip
    line = 1
    for i, (curve, label) in enumerate(zip(series, names, strict=True)):
        middle = y + (line + 0.5) * step
        _row_name(sheet, label, middle, step, i, len(series))
        level = middle + (len(label) - 1) * step if not label[-1] else middle
        for tick in ticks:
            shown = curve.at_risk(tick, mark)
            # a wide number below the last tick moves in from the edge of the sheet
            x = min(x0 + plot_width * tick / end, sheet.width - HALF_DIGIT * len(shown))
            sheet.write(x, level, shown, ha="center", fontsize=SMALL)
        line += len(label)


def _only(series: list[Curve]) -> bool:
    return len(series) == 1 and not series[0].label


def _row_name(sheet: Sheet, label: list[str], y: float, step: float, i: int, several: int) -> None:
    color, x = (PALETTE[i % len(PALETTE)], 7.0) if several > 1 else (INK, 1.0)
    if several > 1:
        sheet.axes.plot([1.0, 6.0], [y - 0.3, y - 0.3], color=color, lw=1.3,
                        ls=DASHES[i % len(DASHES)])  # fmt: skip
    for k, text in enumerate(label):
        sheet.write(x, y + k * step, text, fontsize=SMALL, color=color)
