"""Quick plots of an audit, as a notebook shows them: a funnel, and a map of verdicts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from vpstats.figures.style import GREY, PALETTE, PAPER, RULE, SMALL

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LOOKS = {
    ("alert", "worse"): ("o", PAPER, PALETTE[1]),
    ("alarm", "worse"): ("D", PALETTE[1], PALETTE[1]),
    ("alert", "better"): ("o", PAPER, PALETTE[2]),
    ("alarm", "better"): ("s", PALETTE[2], PALETTE[2]),
}
"""Verdict and side to marker, its face and its edge."""

_NAMES = {"alert": "alert", "alarm": "alarm"}


def draw_funnel(ax: Axes, table: pd.DataFrame, limits: pd.DataFrame) -> None:
    """Draw observed over expected against the expected number; flagged centers are named.

    Parameters
    ----------
    ax : matplotlib Axes
        Where to draw.
    table : DataFrame
        ``center_id, expected, o_e, verdict, side``.
    limits : DataFrame
        ``expected, alert_low, alert_high, alarm_low, alarm_high``.
    """
    for name in ("alert_low", "alert_high", "alarm_low", "alarm_high"):
        style = "-" if name.startswith("alarm") else (0, (4, 2))
        words = f"{name.removesuffix('_low')} limits" if name.endswith("low") else "_"
        ax.plot(limits["expected"], limits[name], color=PALETTE[0], lw=1.1, ls=style, zorder=1,
                label=words)  # fmt: skip
    ax.axhline(1.0, color=RULE, lw=0.8, zorder=0)
    rows = table[np.isfinite(table["o_e"].to_numpy(float))]
    flagged = rows["verdict"].isin(_NAMES).to_numpy(bool)
    plain = rows[~flagged]
    ax.plot(plain["expected"], plain["o_e"], "o", ms=3.6, color=GREY, zorder=2)
    for _, row in rows[flagged].iterrows():
        marker, face, edge = LOOKS[row["verdict"], row["side"]]
        ax.plot(row["expected"], row["o_e"], marker, ms=5, mfc=face, mec=edge, mew=1.1, zorder=3)
        ax.annotate(row["center_id"], (row["expected"], row["o_e"]), xytext=(6, 0),
                    textcoords="offset points", va="center", fontsize=SMALL, color=edge,
                    bbox={"fc": PAPER, "ec": "none", "pad": 0.3, "alpha": 0.8})  # fmt: skip
    ax.legend(loc="lower right", frameon=False, fontsize=SMALL)
    ax.set(xlabel="Expected events", ylabel="Observed over expected", xlim=(0, None))
    shown = rows["o_e"].to_numpy(float)
    # limits run away where hardly anything is expected; the centers set the scale
    ax.set_ylim(
        max(0.0, min(shown.min(initial=1), 0.7) - 0.1), max(shown.max(initial=1), 1.3) + 0.2
    )


def draw_verdicts(ax: Axes, table: pd.DataFrame) -> None:
    """Draw a mark for each verdict: indicators below one another, centers side by side.

    Parameters
    ----------
    ax : matplotlib Axes
        Where to draw.
    table : DataFrame
        ``indicator, stratum, center_id, verdict, side``; only the rows of all strata together.
    """
    rows = table[(table["stratum"] == "all").to_numpy(bool)]
    indicators = list(dict.fromkeys(rows["indicator"]))
    centers = sorted(set(rows["center_id"]))
    for _, row in rows.iterrows():
        at = centers.index(row["center_id"]), indicators.index(row["indicator"])
        _mark(ax, at, row["verdict"], row["side"])
    ax.set_xticks(range(len(centers)), centers, rotation=90 if len(centers) > _MANY else 0)
    ax.set_yticks(range(len(indicators)), indicators)
    ax.set(xlim=(-0.6, len(centers) - 0.4), ylim=(len(indicators) - 0.4, -0.6))
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    ax.legend(handles=list(_key()), ncols=3, loc="upper left", bbox_to_anchor=(0, -0.08),
              frameon=False, fontsize=SMALL)  # fmt: skip


_MANY = 16


def _mark(ax: Axes, at: tuple[int, int], verdict: str, side: str) -> None:
    if verdict in _NAMES:
        marker, face, edge = LOOKS[verdict, side]
        ax.plot(*at, marker, ms=7, mfc=face, mec=edge, mew=1.3)
    elif verdict == "no verdict":
        ax.plot(*at, "x", ms=4, color=RULE, mew=0.8)
    else:
        ax.plot(*at, "o", ms=3, color=GREY)


def _key() -> Iterator[object]:
    from matplotlib.lines import Line2D

    for (verdict, side), (marker, face, edge) in LOOKS.items():
        yield Line2D([], [], ls="none", marker=marker, ms=7, mfc=face, mec=edge, mew=1.3,
                     label=f"{verdict}, {side}")  # fmt: skip
    yield Line2D([], [], ls="none", marker="o", ms=3, color=GREY, label="within the limits")
    yield Line2D([], [], ls="none", marker="x", ms=4, color=RULE, label="no verdict")
