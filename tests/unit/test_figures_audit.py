"""Figures of an audit: centers where their numbers say, only flagged ones named, nothing ranked."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, timedelta
from itertools import combinations
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from vpstats.errors import UsageError
from vpstats.figures import (
    calibration_chart,
    compact,
    cusum_chart,
    estimates_chart,
    figure_svg,
    funnel,
    incidence_chart,
    learning_chart,
    mark_center,
    vlad_chart,
)
from vpstats.figures.light import Drawing, Plane, draw_axes, nice_ticks, reference_line, thin_out

NAN = float("nan")
SVG = "{http://www.w3.org/2000/svg}"


def center(name: str, o_e: float, expected: float, *hidden: str) -> dict[str, object]:
    return {"group": name, "o_e": o_e, "expected": expected, "n": 4 * expected,
            "hidden": set(hidden)}  # fmt: skip


def limits(*at: float) -> list[dict[str, object]]:
    half = [1.96 / np.sqrt(a) for a in at]
    return [
        {"level": f"{a:g}", "n": 4 * a, "alert_low": max(1 - h, 0), "alert_high": 1 + h,
         "alarm_low": max(1 - 1.6 * h, 0), "alarm_high": 1 + 1.6 * h, "hidden": set()}
        for a, h in zip(at, half, strict=True)
    ]  # fmt: skip


CENTERS = [center("C01", 1.0, 10), center("C02", 0.0, 20), center("C03", 1.9, 40)]
GRID = limits(5, 10, 20, 30, 40)


def test_a_center_is_ringed_where_its_dot_was_drawn() -> None:
    drawn = funnel(CENTERS, GRID)
    markup = figure_svg(drawn.figure, title="Leaks", id_prefix="f-")
    dots = max(re.findall(r'<path d="([^"]*)"[^>]*stroke-linecap="round"', markup), key=len)
    numbers = np.array(re.findall(r"[\d.]+", dots), float).reshape(-1, 2, 2).mean(axis=1)
    for (name, place), dot in zip(drawn.places.items(), numbers, strict=True):
        np.testing.assert_allclose(place, dot, atol=0.01)
        ringed = ElementTree.fromstring(mark_center(markup, place, name))
        circle = ringed.find(f".//{SVG}circle")
        assert circle is not None
        assert float(circle.attrib["cx"]) == pytest.approx(dot[0], abs=0.01)
        assert float(circle.attrib["cy"]) == pytest.approx(dot[1], abs=0.01)


def test_places_follow_the_axes_in_proportion() -> None:
    places = funnel(CENTERS, GRID).places
    x = {name: place[0] for name, place in places.items()}
    y = {name: place[1] for name, place in places.items()}
    # 10, 20 and 40 expected: the second gap is twice the first
    assert x["C03"] - x["C02"] == pytest.approx(2 * (x["C02"] - x["C01"]))
    # 0, 1 and 1.9: downwards is more points from the top
    assert (y["C01"] - y["C03"]) / (y["C02"] - y["C01"]) == pytest.approx(0.9)


def test_zero_events_are_drawn_on_the_axis() -> None:
    drawn = funnel([center("C01", 0.0, 30), center("C02", 1.0, 30)], GRID)
    assert set(drawn.places) == {"C01", "C02"}
    assert np.isfinite(list(drawn.places.values())).all()


def test_a_single_center_without_limits_is_drawn() -> None:
    assert set(funnel([center("C01", 0.0, 3)], []).places) == {"C01"}


def test_withheld_and_inestimable_centers_are_not_drawn_and_told_apart() -> None:
    rows = [*CENTERS, center("C04", NAN, 12, "o_e"), center("C05", NAN, 0.0)]
    drawn = funnel(rows, GRID)
    assert (drawn.withheld, drawn.empty) == (("C04",), ("C05",))
    assert set(drawn.places) == {"C01", "C02", "C03"}


def test_nothing_is_drawn_of_centers_that_are_all_withheld() -> None:
    with pytest.raises(UsageError, match="withheld or could not be estimated"):
        funnel([center("C01", NAN, 12, "o_e")], GRID)


def words_of(figure: Figure) -> list[str]:
    return [t.get_text() for ax in figure.axes for t in ax.texts]


def test_only_flagged_centers_are_named() -> None:
    drawn = funnel(CENTERS, GRID, flags={"C03": ("alarm", "worse")})
    assert {"C01", "C02", "C03"} & set(words_of(drawn.figure)) == {"C03"}


def test_names_of_many_flagged_centers_do_not_cover_one_another() -> None:
    rows = [center(f"C{i:03d}", 1.8 + 0.01 * (i % 7), 20 + i % 5) for i in range(60)]
    flags = {r["group"]: ("alert", "worse") for r in rows}
    drawn = funnel(rows, GRID, flags=flags)
    drawn.figure.canvas.draw()
    texts = [t for ax in drawn.figure.axes for t in ax.texts if t.get_text().startswith("C")]
    boxes = [t.get_window_extent() for t in texts]
    assert len(texts) + len(drawn.unnamed) == 60
    assert len(texts) >= 2
    assert not any(a.overlaps(b) for a, b in combinations(boxes, 2))


def test_a_center_beyond_the_axis_stands_at_its_edge_with_its_value() -> None:
    drawn = funnel([*CENTERS, center("C09", 12.0, 6)], GRID, flags={"C09": ("alarm", "worse")})
    assert drawn.beyond == ("C09",)
    assert "C09: 12.0" in words_of(drawn.figure)
    assert drawn.places["C09"][1] < drawn.places["C03"][1]


def test_limits_keep_their_values_and_their_names() -> None:
    drawn = funnel(CENTERS, GRID, levels=(0.9, 0.99))
    lines = {tuple(np.round(line.get_ydata(), 6)) for line in drawn.figure.axes[1].lines}
    assert tuple(np.round([r["alarm_high"] for r in GRID], 6)) in lines
    assert any(text.startswith("99\u202f") for text in words_of(drawn.figure))


def test_limits_without_over_dispersion_stand_beside_those_with_it() -> None:
    more = [{**r, "alarm_high_plain": 1.1, "alarm_high_tau": 1.2} for r in GRID]
    drawn = funnel(CENTERS, more)
    lines = [tuple(line.get_ydata()) for line in drawn.figure.axes[1].lines]
    assert (1.1,) * 5 in lines
    assert (1.2,) * 5 in lines
    assert drawn.beside == ("plain", "tau")
    assert funnel(CENTERS, GRID).beside == ()


def test_a_proportion_is_the_ratio_times_the_benchmark() -> None:
    ticks = funnel(CENTERS, GRID, benchmark=30.0).figure.axes[1].yaxis.get_majorticklocs()
    assert min(abs(t - 20 / 30) for t in ticks) < 1e-9


def test_the_horizontal_axis_can_be_the_volume() -> None:
    by_volume, by_expected = (funnel(CENTERS, GRID, x=x).places for x in ("n", "expected"))
    for name, place in by_volume.items():
        assert place == pytest.approx(by_expected[name])


def test_the_same_funnel_gives_the_same_bytes() -> None:
    one, other = (
        compact(figure_svg(funnel(CENTERS, GRID).figure, title="a", id_prefix="a-"))
        for _ in range(2)
    )
    assert one == other


def test_compact_changes_coordinates_alone() -> None:
    text = '<g><path d="M 1.23456 2\nL 3.5 4"/><text>1.23456</text></g>'
    assert compact(text) == '<g><path d="M 1.23 2 L 3.5 4"/><text>1.23456</text></g>'


def test_a_mark_says_whose_it_is_and_escapes_it() -> None:
    marked = mark_center("<svg></svg>", (1, 2), "<b>&")
    assert "<title>&lt;b&gt;&amp;</title>" in marked


# ------------------------------------------------------------------ over time


def chart_rows(n: int = 50) -> pd.DataFrame:
    worse = np.linspace(0, 6, n)
    return pd.DataFrame(
        {
            "date": [date(2022, 1, 1) + timedelta(days=10 * i) for i in range(n)],
            "vlad": np.linspace(0, -4, n),
            "worse": worse,
            "better": 0.0,
            "limit_worse": 4.5,
            "limit_better": 4.0,
            "signal": np.where(worse > 4.5, "worse", ""),
        }
    )


def path_heights(markup: str, color: str) -> list[int]:
    found = re.findall(
        rf'<path d="M([^"]*)" fill="none" stroke="{color}" stroke-width="12"', markup
    )
    return [int(v) for v in found[0].split()[1::2]]


def test_worse_goes_up_and_better_goes_down() -> None:
    markup = cusum_chart(chart_rows(), title="Leaks")
    up = path_heights(markup, "#b84300")
    assert up[-1] < up[0]  # a smaller number is higher on the sheet
    better = chart_rows().assign(better=np.linspace(0, 6, 50), worse=0.0)
    down = path_heights(cusum_chart(better, title="Leaks"), "#007357")
    assert down[-1] > down[0]


def test_a_run_of_steps_over_the_limit_is_one_mark() -> None:
    assert cusum_chart(chart_rows(), title="Leaks").count("<circle") == 1


def test_a_chart_names_itself_and_has_its_dates() -> None:
    root = ElementTree.fromstring(cusum_chart(chart_rows(), title="<Leaks>", desc="A line."))
    texts = [t.text for t in root.iter(f"{SVG}text")]
    assert root.attrib["role"] == "img"
    assert root.findtext(f"{SVG}title") == "<Leaks>"
    assert "2023-01" in texts
    assert "Date of the procedure" in texts


def test_vlad_rises_where_there_are_fewer_than_expected() -> None:
    rising = chart_rows().assign(vlad=np.linspace(0, 3, 50))
    heights = path_heights(vlad_chart(rising, title="Leaks"), "#00609c")
    assert heights[-1] < heights[0]


def test_long_charts_stay_small_and_keep_their_extremes() -> None:
    rng = np.random.default_rng(1)
    values = np.cumsum(rng.normal(size=20_000))
    kept = thin_out(np.arange(20_000), values)
    assert len(kept) < 1_000
    assert {int(values.argmax()), int(values.argmin()), 0, 19_999} <= set(kept.tolist())


@pytest.mark.parametrize("draw", [vlad_chart, cusum_chart, learning_chart])
def test_nothing_over_time_is_not_drawn(draw: Callable[..., str]) -> None:
    with pytest.raises(UsageError, match="draw"):
        draw(chart_rows(0), title="Leaks")


def test_one_procedure_makes_a_chart() -> None:
    assert vlad_chart(chart_rows(1), title="Leaks").startswith("<svg")


# ------------------------------------------------------------------ beside one another


def test_the_raw_estimate_stands_above_the_shrunken_one() -> None:
    row = {"label": "Leaks", "o_e": 2.0, "o_e_low": 1.0, "o_e_high": 4.0, "shrunken": 1.5,
           "shrunken_low": 0.9, "shrunken_high": 2.4}  # fmt: skip
    root = ElementTree.fromstring(estimates_chart([row], title="All"))
    raw, shrunken = root.iter(f"{SVG}circle")
    assert int(raw.attrib["cy"]) < int(shrunken.attrib["cy"])
    assert int(raw.attrib["cx"]) > int(shrunken.attrib["cx"])
    assert "2.00 (1.00–4.00)" in [t.text for t in root.iter(f"{SVG}text")]


def test_an_estimate_of_zero_stands_at_the_edge() -> None:
    row = {"label": "Leaks", "o_e": 0.0, "o_e_low": 0.0, "o_e_high": 3.0}
    (dot,) = ElementTree.fromstring(estimates_chart([row], title="All")).iter(f"{SVG}circle")
    assert int(dot.attrib["cx"]) == round(2 / 25.4 * 720)


def test_estimates_that_are_all_withheld_are_not_drawn() -> None:
    with pytest.raises(UsageError, match="no estimate"):
        estimates_chart([{"label": "Leaks", "o_e": NAN}], title="All")


def test_groups_that_agree_lie_on_the_line() -> None:
    rows = [{"n": 100.0, "observed": k, "expected": k} for k in (5.0, 10.0, 40.0)]
    root = ElementTree.fromstring(calibration_chart(rows, title="Leaks"))
    dots = [(int(c.attrib["cx"]), int(c.attrib["cy"])) for c in root.iter(f"{SVG}circle")]
    (x0, y0), (x1, y1), (x2, y2) = dots
    assert (x1 - x0) / (x2 - x0) == pytest.approx((y0 - y1) / (y0 - y2), abs=0.01)


def test_calibration_needs_a_group() -> None:
    with pytest.raises(UsageError, match="no group"):
        calibration_chart([{"n": NAN, "observed": NAN, "expected": 2.0}], title="Leaks")


def test_several_operators_are_named_and_share_no_band() -> None:
    rows = pd.DataFrame({"operator": ["a", "a", "b", "b"], "sequence": [1, 50] * 2,
                         "estimate": [30.0, 20.0, 25.0, 24.0], "conf_low": 10.0,
                         "conf_high": 40.0})  # fmt: skip
    markup = learning_chart(rows, title="Leaks")
    assert ">a</text>" in markup
    assert "#d3e3ee" not in markup
    assert "#d3e3ee" in learning_chart(rows[:2].drop(columns="operator"), title="Leaks")


def test_ratios_are_drawn_around_one_on_a_logarithmic_axis() -> None:
    rows = pd.DataFrame({"sequence": [1, 50], "estimate": [1.0, 0.5], "conf_low": [1.0, 1e-6],
                         "conf_high": [1.0, 1e6]})  # fmt: skip
    root = ElementTree.fromstring(learning_chart(rows, ratio_scale=True, title="Leaks"))
    texts = [t.text for t in root.iter(f"{SVG}text")]
    assert {"0.02", "1", "50"} <= set(texts)
    assert "100" not in texts


def test_incidence_rises_in_steps_from_zero() -> None:
    steps = [{"time": t, "estimate": p, "conf_low": 0.0, "conf_high": 0.2, "hidden": set()}
             for t, p in ((30, 0.05), (90, 0.1))]  # fmt: skip
    markup = incidence_chart({"C01": steps, "Network": steps}, title="Infection")
    assert ">C01</text>" in markup
    with pytest.raises(UsageError, match="no step"):
        incidence_chart({"C01": []}, title="Infection")


# ------------------------------------------------------------------ the drawing


def test_a_drawing_needs_a_title() -> None:
    with pytest.raises(UsageError, match="title is empty"):
        Drawing(10, 10).markup(title=" ")


def test_a_gap_breaks_a_line() -> None:
    drawing = Drawing(10, 10)
    drawing.line([0, 1, 2, 3, 4], [0, 1, NAN, 1, 0])
    assert drawing.parts[0].count("M") == 2


def test_values_beyond_a_plane_stay_on_its_edge() -> None:
    plane = Plane(0, 0, 10, 10, (0, 1), (0.2, 5), log_y=True)
    assert plane.at_x([-1, 2]).tolist() == [0, 10]
    assert plane.at_y([0.0, 1.0, 50.0]) == pytest.approx([10, 5, 0])


def test_ticks_are_round_and_few() -> None:
    for high in (0.03, 0.7, 1.3, 9.0, 120.0, 56_000.0):
        found = nice_ticks(0, high)
        assert 2 <= len(found) <= 7
        assert found[0] == 0
        assert found[-1] <= high


def test_a_reference_line_can_have_a_name() -> None:
    drawing = Drawing(50, 50)
    plane = Plane(5, 5, 40, 40, (0, 1), (0, 1))
    draw_axes(drawing, plane, x_ticks=[(0, "0")], y_ticks=[], x_label="x", y_label="y")
    reference_line(drawing, plane, 0.5, "half")
    assert any(">half<" in part for part in drawing.parts)
