"""Every figure, at both widths, with long labels: on the sheet, apart, large enough, legible."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from vpstats.figures import (
    DOUBLE,
    SINGLE,
    curves,
    flow_diagram,
    forest,
    quality_heat,
    rates,
    spine_map,
    styled,
)
from vpstats.figures.style import PAPER, contrast

LONG = "intravertebral cleft or vacuum phenomenon on CT before the procedure (of any grade)"
NAN = float("nan")
Draw = Callable[[float], Figure]


def estimates(terms: int = 14, groups: tuple[str, ...] = ("crude", "adjusted", "mediators")) -> Any:
    rng = np.random.default_rng(7)
    rows = []
    for i in range(terms):
        low, mid, high = np.sort(rng.lognormal(0, 1.6, 3))
        label = [LONG, "age", "region: thoracolumbar junction"][i % 3] + f" {i}"
        hidden = {"estimate", "conf_low", "conf_high", "p_value"} if i % 5 == 4 else set()
        failed = i % 7 == 6
        rows += [
            {"group": g, "term": f"x{i}[T.a]", "label": label, "unit": "odds ratio", "n": 1234567,
             "n_events": 98765, "estimate": NAN if hidden or failed else mid,
             "conf_low": low if i != 3 else 1e-9, "conf_high": high if i != 3 else np.inf,
             "p_value": NAN if hidden or failed else 1e-9, "hidden": hidden,
             "caveat": "separation" if failed else ""}
            for g in groups
        ]  # fmt: skip
    return pd.DataFrame(rows)


def steps(groups: tuple[str, ...], top: float = 0.2, coarse: bool = False) -> pd.DataFrame:
    rows = []
    for k, group in enumerate(groups):
        for i, time in enumerate(np.linspace(20, 1500 - 300 * k, 40)):
            estimate = top * (k + 1) * i / 40
            rows.append(
                {"group": group, "time": time, "estimate": estimate, "conf_low": 0.8 * estimate,
                 "conf_high": 1.3 * estimate, "n_risk": 12345 - 300 * i, "n_event": 3,
                 "n_censor": 2, "hidden": {"n_censor"} if coarse else set()}
            )  # fmt: skip
    return pd.DataFrame(rows)


def vertebrae(names: list[str]) -> pd.DataFrame:
    rows = []
    for i, name in enumerate(names):
        hidden = {"percent", "conf_low", "conf_high", "n_events"} if i == 2 else set()
        rows.append(
            {"level": name, "n": 12345, "n_events": 4567,
             "percent": NAN if hidden else 6.0 * i, "conf_low": max(6.0 * i - 20, 0),
             "conf_high": min(6.0 * i + 20, 100),
             "hidden": hidden}
        )  # fmt: skip
    return pd.DataFrame(rows)


def complications(n: int = 9) -> pd.DataFrame:
    rows = []
    for i in range(n):
        percent = [0.0, 0.02, 45.0, 3.0][i % 4]
        hidden = {"percent", "conf_low", "conf_high", "n_events"} if i == 3 else set()
        rows.append(
            {"group": ["mild", "moderate", "severe"][i // 3 % 3], "label": f"{LONG} {i}",
             "percent": NAN if hidden else percent, "conf_low": percent * 0.6,
             "conf_high": percent * 1.3 + 0.1, "n_events": 12345, "n": 234567, "hidden": hidden}
        )  # fmt: skip
    return pd.DataFrame(rows)


def centers(n: int) -> pd.DataFrame:
    rows = []
    for m in range(6):
        for c in range(n):
            value = NAN if c == m else 100.0 * ((c + m) % 5) / 4
            rows.append(
                {
                    "group": f"C{c + 1:02d}",
                    "variable": f"m{m}",
                    "label": LONG[: 20 + 12 * m],
                    "percent": value,
                    "hidden": {"percent"} if c == m + 1 and m % 2 else set(),
                }
            )
        rows.append({"group": "network", "variable": f"m{m}", "label": LONG[: 20 + 12 * m],
                     "percent": 55.5, "hidden": set()})  # fmt: skip
    frame = pd.DataFrame(rows)
    frame["percent"] = frame["percent"].mask([bool(h) for h in frame["hidden"]])
    return frame


def flow(n: int) -> pd.DataFrame:
    labels = ["treated levels in the registry", LONG, "outcome recorded", "x" * 120]
    return pd.DataFrame(
        [{"label": labels[i % 4], "n_rows": 1234567, "n_patients": 234567, "excluded_rows": 345678,
          "excluded_patients": 45678 * (i % 2)} for i in range(n)]
    )  # fmt: skip


SPINE = [*(f"T{i}" for i in range(1, 13)), *(f"L{i}" for i in range(1, 6))]
CASES: dict[str, Draw] = {
    "forest": lambda w: forest(estimates(), width=w, directions=("fewer", "more"), note=LONG),
    "forest, one model": lambda w: forest(estimates(groups=("",)), width=w, label_heading="Term"),
    "forest, one row": lambda w: forest(estimates(1, ("adjusted",)), width=w),
    "forest, narrow limits": lambda w: forest(
        pd.DataFrame({"term": ["a"], "estimate": [1.01], "conf_low": [0.99], "conf_high": [1.04]}),
        width=w,
    ),
    "curves": lambda w: curves(steps(("osteoporotic", "metastasis", LONG)), width=w, note=LONG),
    "curves, names at their ends": lambda w: curves(
        steps(("osteoporotic", "metastasis", "myeloma")), width=w
    ),
    "curves, names pushed apart": lambda w: curves(
        steps(tuple(f"group {i}" for i in range(6)), top=1e-9), width=w
    ),
    "curves, single": lambda w: curves(steps(("",)), width=w),
    "curves, close ends": lambda w: curves(
        steps(tuple("abcdef"), top=1e-9).assign(estimate=0.001), width=w
    ),
    "curves, coarse": lambda w: curves(
        steps(("f", "m"), coarse=True), width=w, estimand="survival"
    ),
    "curves, no event": lambda w: curves(steps(("f", "m"), top=0.0), width=w),
    "spine": lambda w: spine_map(vertebrae(SPINE[2:]), width=w, note=LONG),
    "spine, C7 to S1": lambda w: spine_map(vertebrae(["C7", "T12", "S1"]), width=w),
    "flow": lambda w: flow_diagram(flow(5), unit="levels", width=w),
    "flow, one step": lambda w: flow_diagram(flow(1), unit="patients", width=w),
    "rates": lambda w: rates(complications(), width=w, note=LONG),
    "rates, linear": lambda w: rates(complications(3), width=w, scale="linear"),
    "quality": lambda w: quality_heat(centers(3), width=w),
    "quality, 12 centers": lambda w: quality_heat(centers(12), width=w),
    "quality, 40 centers": lambda w: quality_heat(centers(40), width=w),
}


@pytest.fixture(scope="module", params=[(name, w) for name in CASES for w in (SINGLE, DOUBLE)],
                ids=lambda p: f"{p[0]}, {p[1]:g} mm")  # fmt: skip
def figure(request: pytest.FixtureRequest) -> Figure:
    name, width = request.param
    drawn = CASES[name](width)
    with styled():
        FigureCanvasAgg(drawn).draw()
    return drawn


def texts(figure: Figure) -> list[tuple[Text, Bbox]]:
    renderer = FigureCanvasAgg(figure).get_renderer()
    unseen = undrawn(figure)
    found = [t for t in figure.findobj(Text) if t.get_visible() and t.get_text().strip()]
    return [(t, t.get_window_extent(renderer)) for t in found if t not in unseen]


def undrawn(figure: Figure) -> set[Text]:
    """Labels of ticks outside the limits, and of axes that are switched off."""
    unseen: set[Text] = set()
    for axes in figure.axes:
        for i, axis in enumerate((axes.xaxis, axes.yaxis)):
            low, high = sorted(axis.get_view_interval())
            for tick in axis.majorTicks:
                at = tick.label1.get_position()[i]
                if not (axes.axison and low - 1e-9 <= at <= high + 1e-9):
                    unseen |= {tick.label1, tick.label2}
    return unseen


def test_nothing_written_leaves_the_sheet(figure: Figure) -> None:
    page = figure.bbox
    outside = [
        t.get_text()
        for t, b in texts(figure)
        if min(b.x0, b.y0) < -0.5 or b.x1 > page.x1 + 0.5 or b.y1 > page.y1 + 0.5
    ]
    assert not outside


def test_no_text_runs_into_another(figure: Figure) -> None:
    clashes = []
    for (one, a), (other, b) in combinations(texts(figure), 2):
        wide = min(a.x1, b.x1) - max(a.x0, b.x0)
        high = min(a.y1, b.y1) - max(a.y0, b.y0)
        # line boxes may touch: ascenders of one line reach into the descenders of the last
        if wide > 0.5 and high > 0.35 * min(a.height, b.height):
            clashes.append((one.get_text(), other.get_text()))
    assert not clashes


def test_nothing_is_set_smaller_than_seven_points(figure: Figure) -> None:
    assert min(t.get_fontsize() for t, _ in texts(figure)) >= 7


def test_text_on_paper_has_a_contrast_of_four_and_a_half(figure: Figure) -> None:
    faint = {to_hex(t.get_color()) for t, _ in texts(figure)} - {PAPER}
    assert all(contrast(color, "#f3f3f3") >= 4.5 for color in faint)


def test_the_sheet_is_as_wide_as_asked_for(figure: Figure, request: pytest.FixtureRequest) -> None:
    name, width = request.node.callspec.params["figure"]
    inches = figure.get_size_inches()[0]
    if name.startswith("quality"):  # many centers make it wider; type does not shrink
        assert inches * 25.4 >= width - 1e-6
    else:
        assert inches * 25.4 == pytest.approx(width)
