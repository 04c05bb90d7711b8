"""Charts of one center: over time, estimates side by side, learning, calibration, incidence.

They are written as SVG text (`vpstats.figures.light`), since an audit holds thousands of them.

References
----------
Lovegrove J, Valencia O, Treasure T, Sherlaw-Johnson C, Gallivan S. Monitoring the results of
cardiac surgery by variable life-adjusted display. Lancet 1997;350:1128-30.

Steiner SH, Cook RJ, Farewell VT, Treasure T. Monitoring surgical performance using risk-adjusted
cumulative sum charts. Biostatistics 2000;1:441-52.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from vpstats.errors import UsageError
from vpstats.figures.light import (
    Drawing,
    Plane,
    Tick,
    date_ticks,
    draw_axes,
    nice_ticks,
    reference_line,
    thin_out,
)
from vpstats.figures.style import DASHES, GREY, PALETTE, RULE, SINGLE, SMALL, text_width, wrap
from vpstats.formats import decimal, ratio, span
from vpstats.rows import Record, complete, number, time_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Vector = NDArray[np.float64]

BAND_COLOR = "#d3e3ee"
"""Bands behind lines, light enough for lines and dots to stand out."""

_LEFT, _RIGHT, _TOP, _FOOT = 10.0, 4.0, 8.0, 8.5
_PLANE_HEIGHT = 38.0
_ROW = 10.5
_DASHED = "40 20"


def vlad_chart(rows: pd.DataFrame, *, title: str, desc: str = "", id_prefix: str = "") -> str:
    """Draw expected minus observed events as they add up: upwards is better than expected.

    Parameters
    ----------
    rows : DataFrame
        `date`, `vlad`, in the order of time.
    title, desc, id_prefix : str
        As in `vpstats.figures.figure_svg`.

    Returns
    -------
    str
        An SVG element.

    Raises
    ------
    UsageError
        If there is no row.

    Examples
    --------
    >>> rows = pd.DataFrame({"date": [date(2024, 1, 5), date(2024, 3, 1)], "vlad": [0.1, -0.8]})
    >>> vlad_chart(rows, title="Leaks")[:4]
    '<svg'
    """
    days = _days(rows)
    values = rows["vlad"].to_numpy(float)
    low, high = _ends(values, 1.0)
    drawing, plane = _time_plane(days, (low, high))
    _time_axes(drawing, plane, days, "Expected minus observed events, added up")
    reference_line(drawing, plane, 0.0)
    kept = thin_out(days, values)
    drawing.line(plane.at_x(days[kept]), plane.at_y(values[kept]), color=PALETTE[0])
    return drawing.markup(title=title, desc=desc, id_prefix=id_prefix)


def cusum_chart(rows: pd.DataFrame, *, title: str, desc: str = "", id_prefix: str = "") -> str:
    """Draw the two cumulative sums of a center: worse upwards, better downwards, with limits.

    Parameters
    ----------
    rows : DataFrame
        `date`, `worse`, `better`, `limit_worse`, `limit_better`, `signal` ("", "worse",
        "better"), in the order of time; values of `better` and its limit count as distances.
    title, desc, id_prefix : str
        As in `vpstats.figures.figure_svg`.

    Returns
    -------
    str
        An SVG element; each signal is marked.

    Raises
    ------
    UsageError
        If there is no row.

    Examples
    --------
    >>> rows = pd.DataFrame({"date": [date(2024, 1, 5)] * 2, "worse": [0.7, 1.4],
    ...                      "better": [0.0, 0.0], "limit_worse": 1.2, "limit_better": 3.0,
    ...                      "signal": ["", "worse"]})
    >>> cusum_chart(rows, title="Leaks").count("<circle")
    1
    """
    days = _days(rows)
    up, down = rows["worse"].to_numpy(float), -np.abs(rows["better"].to_numpy(float))
    limits = (rows["limit_worse"].to_numpy(float), -np.abs(rows["limit_better"].to_numpy(float)))
    low, high = _ends(np.concatenate([up, down, *limits]), 1.0)
    drawing, plane = _time_plane(days, (low, high))
    _time_axes(drawing, plane, days, "Cumulative sum: up is worse, down is better")
    reference_line(drawing, plane, 0.0)
    for values, limit, color in ((up, limits[0], PALETTE[1]), (down, limits[1], PALETTE[2])):
        kept = thin_out(days, values)
        drawing.line(plane.at_x(days[kept]), plane.at_y(values[kept]), color=color)
        kept = thin_out(days, limit, 100)
        drawing.line(plane.at_x(days[kept]), plane.at_y(limit[kept]), color=color, width=0.8,
                     dash=_DASHED)  # fmt: skip
    _mark_signals(drawing, plane, days, rows["signal"].astype(str).to_numpy(), (up, down))
    return drawing.markup(title=title, desc=desc, id_prefix=id_prefix)


def _mark_signals(
    drawing: Drawing, plane: Plane, days: Vector, signals: Vector, sums: tuple[Vector, Vector]
) -> None:
    for name, values, color in (("worse", sums[0], PALETTE[1]), ("better", sums[1], PALETTE[2])):
        at = np.flatnonzero(signals == name)
        at = at[np.r_[True, np.diff(at) > 1]] if len(at) else at  # a run of them is one signal
        drawing.dots(plane.at_x(days[at]), plane.at_y(values[at]), color=color, size=5,
                     hollow=True)  # fmt: skip


def _days(rows: pd.DataFrame) -> Vector:
    if rows.empty:
        raise UsageError("there is nothing to draw over time.")
    days: Vector = pd.to_datetime(rows["date"]).to_numpy("datetime64[D]").astype(float)
    return days


def _day(value: float) -> date:
    found: datetime = np.datetime64(int(value), "D").astype(datetime)
    return date(found.year, found.month, found.day)


def _ends(values: Vector, least: float) -> tuple[float, float]:
    found = values[np.isfinite(values)]
    low, high = (min(found.min(), 0.0), max(found.max(), 0.0)) if len(found) else (0.0, 0.0)
    room = 0.06 * max(high - low, least)
    return float(min(low - room, -0.1 * least)), float(max(high + room, 0.1 * least))


def _sheet(
    x: tuple[float, float], y: tuple[float, float], *, log_y: bool = False
) -> tuple[Drawing, Plane]:
    drawing = Drawing(SINGLE, _TOP + _PLANE_HEIGHT + _FOOT)
    width = SINGLE - _LEFT - _RIGHT
    return drawing, Plane(_LEFT, _TOP, width, _PLANE_HEIGHT, x, y, log_y=log_y)


def _time_plane(days: Vector, y: tuple[float, float]) -> tuple[Drawing, Plane]:
    return _sheet((days[0], max(days[-1], days[0] + 1)), y)


def _time_axes(drawing: Drawing, plane: Plane, days: Vector, label: str) -> None:
    first, last = _day(days[0]), _day(plane.x[1])
    epoch = date(1970, 1, 1)
    ticks = [((day - epoch).days, words) for day, words in date_ticks(first, last, 5)]
    draw_axes(drawing, plane, x_ticks=ticks or [(days[0], first.isoformat())],
              y_ticks=_ticks(plane.y), x_label="Date of the procedure", y_label=label)  # fmt: skip


def _ticks(ends: tuple[float, float], most: int = 5) -> list[Tick]:
    found = nice_ticks(ends[0], ends[1], most)
    digits = 0 if all(float(t).is_integer() for t in found) else 1
    if any(round(t, 1) != t for t in found):
        digits = 2
    return [(t, decimal(t, digits)) for t in found]


def estimates_chart(
    rows: Sequence[Record], *, title: str, desc: str = "", id_prefix: str = ""
) -> str:
    """Draw observed over expected of several indicators, the shrunken estimate below the raw one.

    Parameters
    ----------
    rows : sequence of Record
        One per indicator: `label`, `o_e`, `o_e_low`, `o_e_high` and, where there is one,
        `shrunken`, `shrunken_low`, `shrunken_high`.
    title, desc, id_prefix : str
        As in `vpstats.figures.figure_svg`.

    Returns
    -------
    str
        An SVG element: filled points with limits for what was observed, hollow ones for the
        shrunken estimate, on a logarithmic axis from 0.2 to 5; an estimate of zero stands at
        the left edge.

    Raises
    ------
    UsageError
        If no row has an estimate.

    Examples
    --------
    >>> row = {"label": "Leaks", "o_e": 0.0, "o_e_low": 0.0, "o_e_high": 1.7}
    >>> "0.00 (0.00–1.70)" in estimates_chart([row], title="All")
    True
    """
    kept = [r for r in rows if complete(r, "o_e")]
    if not kept:
        raise UsageError("no estimate may be shown.")
    names = [wrap(r["label"], SINGLE - 34, SMALL) for r in kept]
    tops = np.cumsum([0.0, *(_ROW + 3.0 * (len(n) - 1) for n in names)])
    drawing = Drawing(SINGLE, 3 + tops[-1] + _FOOT)
    plane = Plane(2, 1, SINGLE - 4, tops[-1] + 2, (0.2, 5.0), (0, 1), log_x=True)
    for row, name, top in zip(kept, names, tops[:-1], strict=True):
        _estimate_row(drawing, plane, row, name, 3 + top)
    drawing.line([plane.left, plane.right], [plane.bottom] * 2, width=0.6)
    for value in (0.2, 0.5, 1, 2, 5):
        x = float(plane.at_x(value))
        drawing.line([x, x], [plane.bottom, plane.bottom + 1], width=0.6)
        drawing.text(x, plane.bottom + 2.8, f"{value:g}", anchor="middle")
    drawing.text(SINGLE / 2, plane.bottom + 6.4, "Observed over expected", anchor="middle")
    return drawing.markup(title=title, desc=desc, id_prefix=id_prefix)


def _estimate_row(drawing: Drawing, plane: Plane, row: Record, name: list[str], top: float) -> None:
    for k, words in enumerate(name):
        drawing.text(2, top + 3.0 * k, words)
    drawing.text(SINGLE - 2, top, _limits_text(row), anchor="end")
    y = top + 3.0 * (len(name) - 1) + 3.2
    at_one = [float(plane.at_x(1.0))] * 2
    drawing.line(at_one, [y - 0.9, y + 3.0], color=RULE, width=0.6)  # not through the words
    for at, stat, color, hollow in (
        (y, "o_e", PALETTE[0], False),
        (y + 2.1, "shrunken", GREY, True),
    ):
        if complete(row, stat, f"{stat}_low", f"{stat}_high"):
            ends = plane.at_x([number(row, f"{stat}_low"), number(row, f"{stat}_high")])
            drawing.line(ends, [at, at], color=color, width=1.1)
        if complete(row, stat):
            drawing.dots(plane.at_x([number(row, stat)]), [at], color=color, hollow=hollow)


def _limits_text(row: Record) -> str:
    point = _two(number(row, "o_e"))
    if not complete(row, "o_e_low", "o_e_high"):
        return point
    return f"{point} ({span(_two(number(row, 'o_e_low')), _two(number(row, 'o_e_high')))})"


def _two(value: float) -> str:
    return decimal(value, 2) if value < 10 else ratio(value)


def learning_chart(
    rows: pd.DataFrame,
    *,
    y_label: str = "Risk at average case mix, %",
    ratio_scale: bool = False,
    title: str,
    desc: str = "",
    id_prefix: str = "",
) -> str:
    """Draw risk against the operator's case number, with a band for each curve.

    Parameters
    ----------
    rows : DataFrame
        `sequence`, `estimate`, `conf_low`, `conf_high`, and `operator` ("" for everybody) where
        there are several curves.
    y_label : str
        What the vertical axis measures.
    ratio_scale : bool
        Whether estimates are ratios: the axis is then logarithmic, with a line at 1.
    title, desc, id_prefix : str
        As in `vpstats.figures.figure_svg`.

    Returns
    -------
    str
        An SVG element.

    Raises
    ------
    UsageError
        If there is no row.

    Examples
    --------
    >>> rows = pd.DataFrame({"sequence": [1, 50], "estimate": [30.0, 20.0],
    ...                      "conf_low": [20.0, 12.0], "conf_high": [42.0, 30.0]})
    >>> learning_chart(rows, title="Leaks").count("<path")
    3
    """
    if rows.empty:
        raise UsageError("there is no learning curve to draw.")
    curves = _by_operator(rows)
    last = max(float(rows["sequence"].max()), 1.0)
    drawing, plane = _sheet((0, last), _learning_ends(rows, ratio_scale), log_y=ratio_scale)
    for k, (name, part) in enumerate(curves.items()):
        color = PALETTE[k % len(PALETTE)]
        xs, ys = plane.at_x(part["sequence"]), plane.at_y(part["estimate"])
        if len(curves) == 1 or not name:  # bands of all would hide one another
            low, high = plane.at_y(part["conf_low"]), plane.at_y(part["conf_high"])
            drawing.area(xs, low, high, color=BAND_COLOR)
        drawing.line(xs, ys, color=color, width=1.0 if name else 1.6)
        if len(curves) <= len(PALETTE):
            drawing.text(plane.right, float(ys[-1]) - 1.6, name, color=color, anchor="end")
    if ratio_scale:
        reference_line(drawing, plane, 1.0)
    ticks = _ratio_ticks(plane.y) if ratio_scale else _ticks(plane.y)
    draw_axes(drawing, plane, x_ticks=_ticks(plane.x), y_ticks=ticks,
              x_label="Operator's case number", y_label=y_label)  # fmt: skip
    return drawing.markup(title=title, desc=desc, id_prefix=id_prefix)


def _learning_ends(rows: pd.DataFrame, ratio_scale: bool) -> tuple[float, float]:
    values = rows[["estimate", "conf_low", "conf_high"]].to_numpy(float)
    found = values[np.isfinite(values)]
    low, high = (float(found.min()), float(found.max())) if len(found) else (0.5, 2.0)
    if ratio_scale:  # limits that run away do not flatten the curve
        return max(min(low, 0.5), 0.02), min(max(high, 2.0), 50.0)
    return min(0.0, low), 1.05 * max(high, 0.01)


def _ratio_ticks(ends: tuple[float, float]) -> list[Tick]:
    found = [t for t in (0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50) if ends[0] <= t <= ends[1]]
    return [(t, f"{t:g}") for t in found]


def _by_operator(rows: pd.DataFrame) -> Mapping[str, pd.DataFrame]:
    if "operator" not in rows:
        return {"": rows.sort_values("sequence")}
    names = sorted(map(str, rows["operator"].fillna("").unique()))
    return {n: rows[rows["operator"].fillna("") == n].sort_values("sequence") for n in names}


def calibration_chart(
    rows: Sequence[Record],
    *,
    network: Sequence[Record] = (),
    title: str,
    desc: str = "",
    id_prefix: str = "",
) -> str:
    """Draw observed against expected per cent in groups of risk, beside the line where they agree.

    Parameters
    ----------
    rows : sequence of Record
        Risk groups of a center, or of the network: `n`, `observed`, `expected`.
    network : sequence of Record
        The network's, drawn hollow behind.
    title, desc, id_prefix : str
        As in `vpstats.figures.figure_svg`.

    Returns
    -------
    str
        An SVG element.

    Raises
    ------
    UsageError
        If no group may be shown.

    Examples
    --------
    >>> rows = [{"n": 50.0, "observed": 6.0, "expected": 5.0}]
    >>> calibration_chart(rows, title="Leaks").count("<circle")
    1
    """
    mine, whole = _groups(rows), _groups(network)
    if not len(mine) and not len(whole):
        raise UsageError("no group of risks may be shown.")
    top = 1.08 * max(np.concatenate([mine, whole]).max(), 0.1)
    drawing, plane = _sheet((0, top), (0, top))
    drawing.line(plane.at_x([0, top]), plane.at_y([0, top]), color=RULE, width=0.8, dash=_DASHED)
    drawing.line(plane.at_x(whole[:, 0]), plane.at_y(whole[:, 1]), color=RULE, width=0.8)
    drawing.dots(plane.at_x(whole[:, 0]), plane.at_y(whole[:, 1]), color=GREY, hollow=True)
    drawing.line(plane.at_x(mine[:, 0]), plane.at_y(mine[:, 1]), color=PALETTE[0], width=0.8)
    drawing.dots(plane.at_x(mine[:, 0]), plane.at_y(mine[:, 1]), color=PALETTE[0])
    draw_axes(drawing, plane, x_ticks=_ticks(plane.x), y_ticks=_ticks(plane.y),
              x_label="Expected, %", y_label="Observed, %")  # fmt: skip
    return drawing.markup(title=title, desc=desc, id_prefix=id_prefix)


def _groups(rows: Sequence[Record]) -> Vector:
    kept = [r for r in rows if complete(r, "n", "observed", "expected") and number(r, "n") > 0]
    found = [[100 * number(r, s) / number(r, "n") for s in ("expected", "observed")] for r in kept]
    return np.array(sorted(found), float).reshape(-1, 2)


def incidence_chart(
    curves: Mapping[str, Sequence[Record]],
    *,
    title: str,
    desc: str = "",
    id_prefix: str = "",
) -> str:
    """Draw cumulative incidence of a center beside the network's.

    Parameters
    ----------
    curves : mapping of str to sequence of Record
        Name to the steps of a curve: `level` or `time` in days, `estimate` (a share),
        `conf_low`, `conf_high`; the first one has its band drawn.
    title, desc, id_prefix : str
        As in `vpstats.figures.figure_svg`.

    Returns
    -------
    str
        An SVG element.

    Raises
    ------
    UsageError
        If no step may be shown.

    Examples
    --------
    >>> step = {"time": 30, "estimate": 0.01, "conf_low": 0.0, "conf_high": 0.03}
    >>> incidence_chart({"C01": [step]}, title="Infection")[:4]
    '<svg'
    """
    lines = {name: _steps(steps) for name, steps in curves.items()}
    lines = {name: line for name, line in lines.items() if len(line) > 1}
    if not lines:
        raise UsageError("no step of a curve may be shown.")
    every = np.concatenate(list(lines.values()))
    top = max(1.1 * float(np.nanmax(every[:, 1])), 0.5)
    drawing, plane = _sheet((0, float(every[:, 0].max())), (0, top))
    for k, (name, line) in enumerate(lines.items()):
        x, y, low, high = (_stairs(line, c) for c in range(4))
        if k == 0:
            drawing.area(plane.at_x(x), plane.at_y(low), plane.at_y(high), color=BAND_COLOR)
        drawing.line(plane.at_x(x), plane.at_y(y), color=PALETTE[0] if k == 0 else GREY,
                     dash="" if k == 0 or DASHES[k % 4] == "-" else _DASHED)  # fmt: skip
        at = plane.right - text_width(name, SMALL) - 0.5
        drawing.text(at, float(plane.at_y(y[-1])) - 1.8, name, color=PALETTE[0] if k == 0 else GREY)
    draw_axes(drawing, plane, x_ticks=_ticks(plane.x), y_ticks=_ticks(plane.y),
              x_label="Days since the procedure", y_label="Cumulative incidence, %")  # fmt: skip
    return drawing.markup(title=title, desc=desc, id_prefix=id_prefix)


def _steps(steps: Sequence[Record]) -> Vector:
    stats = ("estimate", "conf_low", "conf_high")
    kept = [r for r in steps if complete(r, "estimate")]
    found = [[time_of(r), *(100 * number(r, s) for s in stats)] for r in kept]
    return np.array([[0.0] * 4, *sorted(found)], float)


def _stairs(line: Vector, column: int) -> Vector:
    """Corners of a step function: each value holds until the next time."""
    doubled: Vector = np.repeat(line[:, column], 2)
    return doubled[1:] if column == 0 else doubled[:-1]
