"""What ``result.plot()`` draws: one pair of axes for any result."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from vpstats.figures.audit_quick import draw_funnel, draw_verdicts
from vpstats.figures.curve_plot import draw_curves
from vpstats.figures.effect_plot import draw_effect
from vpstats.figures.forest_plot import forest
from vpstats.figures.quality_plot import draw_completeness
from vpstats.figures.style import GREY, MM, PALETTE, SMALL, TEXT, styled
from vpstats.formats import sentence_case
from vpstats.results import CurveResult, FitResult, Result

_LIMITS = ("estimate", "conf_low", "conf_high")
_MOST_ROWS = 40
_PLANES = ("curve", "effect", "funnel", "verdicts", "quality")
"""Kinds drawn on a plane of fixed height; others have a row for each line of their table."""


def plot_result(result: Result, ax: Axes | None = None) -> Axes:
    """Draw the tidy table of a result; nothing is computed.

    Parameters
    ----------
    result : Result
        A fit becomes a forest plot, a curve a step curve, an effect a line with its band, an
        indicator of an audit a funnel, an audit a map of verdicts, a data-quality report a map of
        completeness, a table points with intervals where it has them and a printed table elsewhere.
    ax : matplotlib Axes, optional
        Where to draw; a new figure if None.

    Returns
    -------
    matplotlib Axes
        ``axes.figure`` is the figure. A model that could not be estimated says why.

    Examples
    --------
    >>> from vpstats.results import TableResult
    >>> table = pd.DataFrame({"group": ["a", "b"], "estimate": [0.1, 0.2],
    ...                       "conf_low": [0.05, 0.1], "conf_high": [0.2, 0.3]})
    >>> axes = plot_result(TableResult(title="Rates", table=table))
    >>> [t.get_text() for t in axes.get_yticklabels()]
    ['a', 'b']
    """
    # a first figure chooses pyplot's backend, which a style in force would undo on its way out
    figure = _new_figure(result) if ax is None else ax.figure
    with styled():
        axes = figure.add_subplot() if ax is None else ax
        _DRAW.get(result.kind, _table)(result, axes)
        axes.set_title(result.title, loc="left", fontsize=TEXT)
    return axes


def _new_figure(result: Result) -> Figure:
    # through pyplot, as users of notebooks expect: the figure then appears under its cell
    from matplotlib import pyplot as plt

    rows = 14 if result.kind in _PLANES else min(len(result.tidy()), _MOST_ROWS)
    return plt.figure(figsize=(150 * MM, (25 + 5 * rows) * MM), layout="constrained")


def _fit(result: Result, ax: Axes) -> None:
    assert isinstance(result, FitResult)  # noqa: S101  # the kind says so
    rows = result.tidy(exponentiate=True)
    rows = rows[rows["term"] != "Intercept"]
    if not result.ok or rows.empty:
        _say(ax, result)
        return
    forest(rows, ax, measure=result.measure.replace("_", " "), level=result.level)


def _curve(result: Result, ax: Axes) -> None:
    assert isinstance(result, CurveResult)  # noqa: S101  # the kind says so
    if not result.ok or result.steps.empty:
        _say(ax, result)
        return
    draw_curves(ax, result.tidy(), by=result.by or "", estimand=result.estimand,
                time_unit=result.time_unit)  # fmt: skip


def _effect(result: Result, ax: Axes) -> None:
    rows = result.tidy(exponentiate=True)
    if not result.ok or rows.empty:
        _say(ax, result)
        return
    draw_effect(ax, rows, measure=result.glance()["measure"].item().replace("_", " "))


def _funnel(result: Result, ax: Axes) -> None:
    rows = result.tidy()
    if not result.ok or rows.empty:
        _say(ax, result)
    else:
        draw_funnel(ax, rows, vars(result)["limits"])  # the kind says that it has them


def _verdicts(result: Result, ax: Axes) -> None:
    rows = result.tidy()
    if not result.ok or rows.empty:
        _say(ax, result)
    else:
        draw_verdicts(ax, rows)


def _quality(result: Result, ax: Axes) -> None:
    rows = result.tidy()
    if not result.ok or rows.empty:
        _say(ax, result)
    else:
        draw_completeness(ax, rows)


def _table(result: Result, ax: Axes) -> None:
    rows = result.tidy().head(_MOST_ROWS)
    if rows.empty:
        _say(ax, result)
    elif set(_LIMITS) <= set(rows.columns):
        _intervals(rows, ax)
    else:
        _print(rows, ax)


def _say(ax: Axes, result: Result) -> None:
    ax.set_axis_off()
    words = f"{result.status}: {result.reason}" if not result.ok else "nothing to draw"
    ax.text(0.0, 0.5, words, wrap=True, va="center", transform=ax.transAxes, color=GREY)


def _intervals(rows: pd.DataFrame, ax: Axes) -> None:
    values = rows[list(_LIMITS)].to_numpy(float)
    for y, (estimate, low, high) in enumerate(values):
        if np.isfinite([low, high]).all():
            ax.plot([low, high], [y, y], color=PALETTE[0], lw=1.1)
        if np.isfinite(estimate):
            ax.plot(estimate, y, "o", ms=3.8, color=PALETTE[0])
    ax.set_yticks(range(len(rows)), _names(rows))
    ax.set_ylim(len(rows) - 0.4, -0.6)
    ax.set_xlabel("Estimate")


def _names(rows: pd.DataFrame) -> list[str]:
    """Name a row by its text columns, or by its number where it has none."""
    texts = [c for c in rows.columns if not pd.api.types.is_numeric_dtype(rows[c])]
    if not texts:
        return [str(i + 1) for i in range(len(rows))]
    return [" ".join(str(v) for v in row if str(v)) for row in rows[texts].to_numpy()]


def _print(rows: pd.DataFrame, ax: Axes) -> None:
    ax.set_axis_off()
    cells = [[_text(v) for v in row] for row in rows.to_numpy(object)]
    heads = [sentence_case(str(c)).replace("_", " ") for c in rows.columns]
    table = ax.table(cells, colLabels=heads, loc="upper left", edges="horizontal", cellLoc="left")
    table.auto_set_font_size(False)
    table.set_fontsize(SMALL)


def _text(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float | np.floating) else str(value)


_DRAW = {
    "fit": _fit,
    "curve": _curve,
    "effect": _effect,
    "funnel": _funnel,
    "verdicts": _verdicts,
    "quality": _quality,
}
