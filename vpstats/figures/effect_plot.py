"""Effect curves: the ratio to a reference over the values of one variable, with its band."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, NullLocator, ScalarFormatter

from vpstats.figures.style import PALETTE, RULE
from vpstats.formats import sentence_case

_BAND_ALPHA = 0.18


_STEPS = (
    (0.01, 0.1, 1.0, 10.0, 100.0),
    (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0),
    (0.25, 0.5, 0.7, 1.0, 1.4, 2.0, 3.0, 4.0),
    (0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.3, 1.4, 1.5),
)
"""Round ratios to label, from the coarsest to the finest."""


def ratio_ticks(low: float, high: float) -> list[float]:
    """Round ratios within an axis: the coarsest scale that labels at least four of them.

    Examples
    --------
    >>> ratio_ticks(0.7, 3.1)
    [0.7, 1.0, 1.4, 2.0, 3.0]
    """
    inside = [[tick for tick in steps if low <= tick <= high] for steps in _STEPS]
    return next((ticks for ticks in inside if len(ticks) >= _FEWEST), max(inside, key=len))


_FEWEST = 4


def draw_effect(ax: Axes, rows: pd.DataFrame, *, measure: str) -> None:
    """Draw ratios on a log axis: a line with a band over numbers, points over categories.

    Parameters
    ----------
    ax : matplotlib Axes
        Where to draw.
    rows : DataFrame
        ``variable, level, position, reference, estimate, conf_low, conf_high``, ratios.
    measure : str
        Words for the ratio.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> ax = Figure().add_subplot()
    >>> draw_effect(ax, pd.DataFrame({"variable": "ml", "level": ["2", "4"], "position": [2.0, 4.0],
    ...     "reference": "2", "estimate": [1.0, 1.5], "conf_low": [1.0, 1.1],
    ...     "conf_high": [1.0, 2.0]}), measure="odds ratio")
    >>> ax.get_xlabel(), ax.get_yscale()
    ('ml', 'log')
    """
    rows = rows.sort_values("position", kind="stable")
    estimate, low, high = (rows[c].to_numpy(float) for c in ("estimate", "conf_low", "conf_high"))
    if rows["position"].notna().all():
        x = rows["position"].to_numpy(float)
        ax.fill_between(x, low, high, color=PALETTE[0], alpha=_BAND_ALPHA, lw=0)
        ax.plot(x, estimate, color=PALETTE[0])
    else:
        x = np.arange(len(rows), dtype=float)
        ax.vlines(x, low, high, color=PALETTE[0], lw=1.1)
        ax.plot(x, estimate, "o", ms=3.8, color=PALETTE[0])
        ax.set_xticks(x, rows["level"].tolist())
    ax.axhline(1.0, color=RULE, lw=0.6)
    ax.set_yscale("log")
    ax.yaxis.set_major_formatter(ScalarFormatter())
    ax.yaxis.set_major_locator(FixedLocator(ratio_ticks(*ax.get_ylim())))
    ax.yaxis.set_minor_locator(NullLocator())
    ax.set_xlabel(str(rows["variable"].iloc[0]))
    ax.set_ylabel(f"{sentence_case(measure)} against {rows['reference'].iloc[0]} (log scale)")
