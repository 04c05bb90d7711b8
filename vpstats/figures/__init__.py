"""Tidy tables and released cells to figures that can be printed; nothing is computed here.

Figures are as wide as one or two columns of a journal, with type of 7 points and more, and take
frames with the ledger's columns (or what ``tidy()`` gives), records of `vpstats.rows`, or steps of
a flow. What was withheld is shown as withheld. `save` and `figure_svg` give the same bytes for the
same figure.
"""

from __future__ import annotations

from vpstats.figures.chart_plot import (
    calibration_chart,
    cusum_chart,
    estimates_chart,
    incidence_chart,
    learning_chart,
    vlad_chart,
)
from vpstats.figures.curve_plot import curves, draw_curves
from vpstats.figures.export import figure_svg, save
from vpstats.figures.flow import flow_diagram
from vpstats.figures.forest_plot import forest
from vpstats.figures.funnel_plot import Funnel, compact, funnel, mark_center
from vpstats.figures.quality_plot import Strip, months, strips
from vpstats.figures.quick import plot_result
from vpstats.figures.rate_plot import quality_heat, rates
from vpstats.figures.spine import spine_map
from vpstats.figures.style import DOUBLE, SINGLE, styled

__all__ = [
    "DOUBLE",
    "SINGLE",
    "Funnel",
    "Strip",
    "calibration_chart",
    "compact",
    "curves",
    "cusum_chart",
    "draw_curves",
    "estimates_chart",
    "figure_svg",
    "flow_diagram",
    "forest",
    "funnel",
    "incidence_chart",
    "learning_chart",
    "mark_center",
    "months",
    "plot_result",
    "quality_heat",
    "rates",
    "save",
    "spine_map",
    "strips",
    "styled",
    "vlad_chart",
]
