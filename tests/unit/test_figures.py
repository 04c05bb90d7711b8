"""What figures show: the data as given, what is missing or withheld said, nothing made up."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch, Rectangle

from vpstats.errors import UsageError
from vpstats.figures import (
    curves,
    flow_diagram,
    forest,
    plot_result,
    quality_heat,
    rates,
    spine_map,
)
from vpstats.figures.style import PALETTE, PAPER, contrast, text_width, wrap
from vpstats.frames import FlowStep
from vpstats.models.logistic import fit_logistic
from vpstats.results import CurveResult, FitResult, TableResult

NAN = float("nan")


def words(figure: Figure) -> list[str]:
    return [t.get_text() for t in figure.axes[0].texts]


def lines(ax: Any) -> list[np.ndarray]:
    return [np.column_stack(line.get_data()) for line in ax.lines]


# --- style


def test_series_can_be_read_as_text_and_told_apart_without_colour() -> None:
    assert all(contrast(color, PAPER) >= 4.5 for color in PALETTE)
    assert len(set(PALETTE)) == len(PALETTE)


def red_green_blind(color: str) -> np.ndarray:
    """A colour as deuteranopes see it (Viénot, Brettel, Mollon 1999), in linear light."""
    red, green, blue = (c**2.2 for c in mpl.colors.to_rgb(color))
    return np.array([0.29275 * red + 0.70725 * green, 0.29275 * red + 0.70725 * green,
                     -0.02234 * red + 0.02234 * green + blue])  # fmt: skip


def test_the_first_two_series_differ_to_a_red_green_blind_eye() -> None:
    apart = {p: np.abs(red_green_blind(p[0]) - red_green_blind(p[1])).sum()
             for p in combinations(PALETTE[:2], 2)}  # fmt: skip
    assert min(apart.values()) > 0.2


def test_wrapped_lines_fit_and_lose_no_letter() -> None:
    text = "pneumothorax needing drainage Donaudampfschifffahrtsgesellschaft\nnext"
    lines_ = wrap(text, 25.0, 7.0)
    assert max(text_width(line, 7.0) for line in lines_) <= 25.0
    assert "".join(lines_).replace(" ", "") == text.replace(" ", "").replace("\n", "")
    assert lines_[-1] == "next"


# --- forest


def fit_rows(**changed: Any) -> pd.DataFrame:
    row = {"term": "cement", "estimate": 1.42, "conf_low": 1.21, "conf_high": 1.67,
           "p_value": 0.00003}  # fmt: skip
    return pd.DataFrame([{**row, **changed}])


def test_a_forest_plot_draws_the_interval_and_prints_the_numbers() -> None:
    figure = forest(fit_rows(), measure="odds ratio")
    interval, point, one = lines(figure.axes[1])
    assert interval[:, 0].tolist() == [1.21, 1.67]
    assert point[0, 0] == 1.42
    assert one[0, 0] == 1.0
    assert figure.axes[1].get_xscale() == "log"
    assert {"cement", "1.42 (1.21–1.67)", "<0.001", "Odds ratio (log scale)"} <= set(words(figure))


@pytest.mark.parametrize(
    ("low", "high", "markers"), [(0.0, 1.7, ["<"]), (1.2, np.inf, [">"]), (1e-9, 1e9, ["<", ">"])]
)
def test_limits_beyond_the_axis_end_in_arrows(low: float, high: float, markers: list[str]) -> None:
    ax = forest(fit_rows(conf_low=low, conf_high=high)).axes[1]
    ends = ax.get_xlim()
    arrows = [line for line in ax.lines if line.get_marker() in ("<", ">")]
    assert [a.get_marker() for a in arrows] == markers
    assert {float(a.get_xdata()[0]) for a in arrows} <= set(ends)
    assert 0.01 < ends[0] < ends[1] < 100


def test_an_extreme_estimate_is_on_the_axis_and_one_beyond_asked_limits_is_not() -> None:
    extreme = fit_rows(estimate=250.0, conf_low=20.0, conf_high=4000.0)
    ax = forest(extreme).axes[1]
    assert ax.get_xlim()[1] > 250
    ax = forest(extreme, limits=(0.5, 10)).axes[1]
    assert not any(line.get_marker() == "o" for line in ax.lines)
    assert any(line.get_marker() == ">" for line in ax.lines)


@pytest.mark.parametrize(
    ("changed", "text"),
    [({"hidden": {"estimate", "conf_low", "conf_high", "p_value"}}, "‹5"),
     ({"hidden": {"conf_high"}}, "‹5"),
     ({"estimate": NAN, "caveat": "few_events;separation"}, "not estimable: separation"),
     ({"estimate": NAN}, "not estimable"),
     ({"conf_low": NAN, "conf_high": NAN}, "1.42 (n.e.)")],
)  # fmt: skip
def test_what_may_not_or_cannot_be_shown_is_said_and_not_drawn(
    changed: dict[str, Any], text: str
) -> None:
    figure = forest(fit_rows(**changed), mark="‹5")
    assert text in words(figure)
    assert len(figure.axes[1].lines) == 1  # the line at one alone


def test_references_stand_before_their_terms_without_a_model() -> None:
    rows = [{"group": g, "variable": "r[reference]", "label": "Region: thoracic", "unit": "",
             "caveat": "", "level": "", "hidden": set(), "reference": True, "n": 50.0}
            for g in ("crude", "adjusted")]  # fmt: skip
    rows += [{"group": g, "variable": "r[T.l]", "label": "Region: lumbar", "unit": "hazard ratio",
              "caveat": "", "level": "", "hidden": set(), "estimate": 2.0, "conf_low": 1.0,
              "conf_high": 4.0, "n": 70.0} for g in ("crude", "adjusted")]  # fmt: skip
    shown = words(forest(rows))
    assert shown.count("Region: thoracic") == shown.count("1 (reference)") == 1
    assert shown.count("crude") == shown.count("adjusted") == 1
    assert shown.count("70") == 1  # counts of a category do not depend on the model
    assert "Hazard ratio (log scale)" in shown


def test_a_narrow_figure_keeps_models_apart_under_the_label() -> None:
    rows = pd.concat([fit_rows(group=g) for g in ("crude", "adjusted")])
    shown = words(forest(rows, width=85))
    assert "Model" not in shown
    assert {"crude", "adjusted"} <= set(shown)


def test_forest_refuses_limits_and_tables_that_make_no_sense() -> None:
    with pytest.raises(UsageError, match="two positive numbers"):
        forest(fit_rows(), limits=(0.0, 2.0))
    with pytest.raises(UsageError, match="no estimate to draw"):
        forest(pd.DataFrame({"term": ["a"]}))


# --- curves


def curve_rows(**changed: Any) -> pd.DataFrame:
    return pd.DataFrame(
        {"group": ["a"] * 3, "time": [90.0, 200.0, 380.0], "estimate": [0.01, 0.03, 0.05],
         "conf_low": [0.0, 0.01, 0.02], "conf_high": [0.03, 0.07, 0.1], "n_risk": [100, 80, 5],
         "n_event": [1, 2, 2], "n_censor": [2, 3, 3], **changed}
    )  # fmt: skip


def test_a_curve_starts_at_zero_steps_after_each_time_and_is_in_percent() -> None:
    ax = curves(curve_rows()).axes[1]
    line = ax.lines[0]
    assert line.get_drawstyle() == "steps-post"
    assert line.get_xdata().tolist() == [0, 90, 200, 380]
    assert line.get_ydata() == pytest.approx([0, 1, 3, 5])
    assert ax.get_ylim() == pytest.approx((0, 10.6))
    assert ax.get_xlabel() == "Months since start of follow-up"


def test_survival_starts_at_one_and_its_axis_is_whole() -> None:
    ax = curves(curve_rows(estimate=[0.99, 0.97, 0.95]), estimand="survival").axes[1]
    assert ax.lines[0].get_ydata()[0] == 100
    assert ax.get_ylim() == (0, 100)


def test_numbers_at_risk_are_those_just_before_each_tick() -> None:
    figure = curves(curve_rows(), since="the procedure")
    ticks = figure.axes[1].get_xticks()
    assert ticks == pytest.approx(30.4375 * np.arange(0, 13, 2))
    numbers = words(figure)[-len(ticks) :]
    assert numbers == ["100", "100", "80", "80", "5", "5", "5"]


def test_after_the_last_patient_nobody_is_at_risk_and_after_a_cut_nothing_is_known() -> None:
    two = pd.concat([curve_rows(), curve_rows(group="b", time=[1.0, 2.0, 3.0], n_risk=[9, 8, 5])])
    shown = words(curves(two))
    assert shown[-6:] == ["0"] * 6
    unknown = pd.concat([curve_rows(), curve_rows(group="b", time=[1.0, 2.0, 3.0])])
    unknown.loc[unknown["group"] == "b", "n_risk"] = 50
    assert words(curves(unknown))[-6:] == ["–"] * 6


def released(*groups: str) -> pd.DataFrame:
    hidden = pd.Series([{"n_censor"}] * 3)
    return pd.concat([curve_rows(group=g, hidden=hidden) for g in groups])


def test_a_coarse_curve_is_drawn_as_readings_with_a_bar_at_its_end() -> None:
    figure = curves(released("a", "b"))
    ax = figure.axes[1]
    assert {line.get_drawstyle() for line in ax.lines} == {"default"}
    assert [line.get_marker() for line in ax.lines[:3]] == ["None", "o", "|"]
    assert any(text.startswith("Points are readings on a coarse grid") for text in words(figure))


def test_a_withheld_group_is_named_and_a_figure_without_any_refused() -> None:
    gone = curve_rows(group="rare", estimate=[NAN] * 3, hidden=[{"estimate", "n_censor"}] * 3)
    figure = curves(pd.concat([curve_rows(), gone]))
    assert any("Withheld: rare." in text for text in words(figure))
    with pytest.raises(UsageError, match="nothing to draw"):
        curves(gone)


def test_a_number_at_risk_that_is_not_known_is_a_dash_and_a_withheld_one_the_mark() -> None:
    rows = curve_rows(n_risk=[100, NAN, NAN], hidden=[set(), set(), {"n_risk"}])
    shown = words(curves(rows, mark="‹5"))
    assert shown[-7:] == ["100", "100", "–", "–", "‹5", "‹5", "‹5"]


def test_a_curve_without_numbers_at_risk_has_no_table_of_them() -> None:
    assert words(curves(curve_rows().drop(columns="n_risk"))) == []


@pytest.mark.parametrize(
    ("end", "unit", "label"),
    [(40, "days", "Days"), (400, "days", "Months"), (4000, "days", "Years"),
     (3.5, "years", "Time (years)")],
)  # fmt: skip
def test_the_time_axis_is_in_units_a_reader_thinks_in(end: float, unit: str, label: str) -> None:
    rows = curve_rows(time=[end / 4, end / 2, end])
    ax = curves(rows, time_unit=unit).axes[1]
    assert ax.get_xlabel().startswith(f"{label} since")
    assert 3 <= len(ax.get_xticks()) <= 9
    assert ax.lines[0].get_xdata()[-1] == end  # the data keep their unit


def test_ledger_cells_and_a_tidy_curve_draw_alike() -> None:
    tidy = curve_rows().drop(columns="group")
    long = tidy.melt(id_vars="time", var_name="stat").assign(
        group="", variable="incidence", level=lambda d: d["time"].astype(str)
    ).drop(columns="time")  # fmt: skip
    one, other = (curves(rows).axes[1].lines[0].get_xydata() for rows in (tidy, long))
    np.testing.assert_array_equal(one, other)


# --- spine, flow, rates, quality


def spine_rows() -> pd.DataFrame:
    return pd.DataFrame(
        {"level": ["T11", "T12", "L1", "any"], "n": [80, 95, 3, 178], "n_events": [24, 0, NAN, 9],
         "percent": [30.0, 0.0, NAN, 5.0], "conf_low": [21.0, 0.0, NAN, 1],
         "conf_high": [40.8, 3.8, NAN, 9],
         "hidden": [set(), set(), {"percent", "conf_low", "conf_high", "n_events"}, set()]}
    )  # fmt: skip


def test_vertebrae_without_data_are_hatched_and_withheld_ones_marked() -> None:
    figure = spine_map(spine_rows(), mark="‹5")
    shown = words(figure)
    assert shown.count("no data") == 14
    assert {"T1", "L5", "30.0 (21.0–40.8)", "24 / 80", "0 / 95", "‹5 / 3"} <= set(shown)
    bodies = [p for p in figure.axes[0].patches if isinstance(p, PathPatch)]
    assert len(bodies) == 17
    assert sum(bool(p.get_hatch()) for p in bodies) == 14
    faces = {p.get_facecolor() for p in bodies if not p.get_hatch()}
    assert len(faces) == 3  # a rate, another rate, withheld
    red, green, blue, _ = bodies[12].get_facecolor()  # L1
    assert red == green == blue < 1  # grey: neither a rate's colour nor paper


def test_vertebrae_grow_towards_the_pelvis_and_do_not_overlap() -> None:
    figure = spine_map(spine_rows())
    boxes = [p.get_path().get_extents() for p in figure.axes[0].patches
             if isinstance(p, PathPatch)]  # fmt: skip
    assert boxes[0].width < boxes[8].width < boxes[16].width
    centers = [(b.y0 + b.y1) / 2 for b in boxes]
    assert np.all(np.diff(centers) > 0)


def test_bars_are_drawn_for_known_rates_alone_and_the_axis_is_labelled() -> None:
    ax = spine_map(spine_rows(), rate_label="Leak rate on CT").axes[1]
    spans = [line.get_xdata() for line in ax.lines if len(line.get_xdata()) == 2][1:]
    assert [list(s) for s in spans] == [[21.0, 40.8], [0.0, 3.8]]
    assert ax.get_xlabel() == "Leak rate on CT, %"


def test_a_spine_without_vertebrae_is_refused() -> None:
    with pytest.raises(UsageError, match="'T12' or 'L1'"):
        spine_map(spine_rows().iloc[3:])


def test_flow_text_stays_in_its_boxes() -> None:
    steps = [FlowStep("treated levels", 3120, 2010), FlowStep("word " * 60, 9, 7, 3111, 2003),
             FlowStep("x" * 200, 9, 7, 0, 0)]  # fmt: skip
    figure = flow_diagram(steps, unit="levels", width=85)
    boxes = [p.get_bbox() for p in figure.axes[0].patches if isinstance(p, Rectangle)]
    assert len(boxes) == 5
    for text in figure.axes[0].texts:
        x, y = text.get_position()
        end = x + text_width(text.get_text(), text.get_fontsize(), text.get_fontweight())
        assert any(b.x0 < x and end < b.x1 and b.y0 + 1 < y < b.y1 - 1 for b in boxes)


def test_a_flow_prints_kept_and_left_out_with_zeros_and_marks() -> None:
    rows = pd.DataFrame(
        {"label": ["patients read", "no opt-out", "followed"], "unit": ["patients"] * 3,
         "n_rows": [90, 80, NAN], "n_patients": [90, 80, NAN],
         "excluded_rows": [NAN, 10, NAN], "excluded_patients": [NAN, 10, NAN],
         "hidden": [set(), set(), {"n_rows", "n_patients", "excluded_rows"}]}
    )  # fmt: skip
    assert words(flow_diagram(rows, mark="‹5")) == [
        "Patients read", "90 patients", "Left out", "10 patients", "No opt-out", "80 patients",
        "Left out", "‹5 patients", "Followed", "‹5 patients",
    ]  # fmt: skip
    with pytest.raises(UsageError, match="no step to draw"):
        flow_diagram([])


def test_labels_of_a_flow_stand_where_the_rows_they_speak_of_are_counted() -> None:
    steps = [FlowStep("everything read", 90, 90), FlowStep("opted out", 80, 80, 10, 10)]
    assert words(flow_diagram(steps, unit="patients", labels="left out")) == [
        "Everything read", "90 patients", "Opted out", "10 patients", "Kept", "80 patients",
    ]  # fmt: skip


def rate_rows(*percents: float) -> pd.DataFrame:
    return pd.DataFrame(
        {"group": "mild", "label": [f"c{i}" for i in range(len(percents))], "percent": percents,
         "conf_low": [p * 0.5 for p in percents], "conf_high": [p * 2 + 0.1 for p in percents],
         "n_events": 3, "n": 400}
    )  # fmt: skip


@pytest.mark.parametrize(
    ("percents", "root"), [((1.0, 5.0), False), ((0.1, 5.0), True), ((0.0, 5.0), False)]
)
def test_rates_that_differ_by_orders_of_magnitude_say_so_on_the_axis(
    percents: tuple[float, ...], root: bool
) -> None:
    ax = rates(rate_rows(*percents)).axes[1]
    assert ax.get_xlabel() == f"Rate, %{' (square-root scale)' if root else ''}"
    assert (ax.get_xscale() == "function") is root
    assert ax.get_xlim()[0] == 0


def test_no_event_is_a_hollow_point_with_its_interval() -> None:
    ax = rates(rate_rows(0.0, 2.0)).axes[1]
    points = [line for line in ax.lines if line.get_marker() == "o"]
    assert [p.get_markerfacecolor() for p in points] == [PAPER, PALETTE[0]]
    assert [0.0, 0.1] in [list(line.get_xdata()) for line in ax.lines]


def test_a_withheld_rate_is_marked_and_not_drawn() -> None:
    rows = rate_rows(2.0).assign(hidden=[{"percent", "n_events"}], percent=NAN)
    figure = rates(rows, mark="‹5")
    assert {"‹5", "‹5 / 400"} <= set(words(figure))
    assert not any(line.get_marker() == "o" for line in figure.axes[1].lines)


def test_a_rate_without_limits_is_a_point() -> None:
    none = {"conf_low": NAN, "conf_high": NAN}
    assert len(rates(rate_rows(2.0).assign(**none)).axes[1].lines) == 2  # zero and the point
    assert len(spine_map(spine_rows().iloc[:1].assign(**none)).axes[1].lines) == 2


def test_rates_refuse_an_unknown_scale_and_a_table_without_rates() -> None:
    with pytest.raises(UsageError, match="expected 'auto', 'linear' or 'sqrt'"):
        rates(rate_rows(1.0), scale="log")
    with pytest.raises(UsageError, match="no row holds a rate"):
        rates(pd.DataFrame({"label": ["a"]}))


def test_quality_prints_every_cell_and_sets_the_network_apart() -> None:
    rows = pd.DataFrame(
        {"group": ["C01", "C02", "C03", "network"], "variable": "crp", "label": "CRP recorded",
         "percent": [0.0, NAN, NAN, 99.7], "hidden": [set(), {"percent"}, set(), set()]}
    )  # fmt: skip
    figure = quality_heat(rows, mark="‹5")
    assert words(figure)[-5:] == [
        "CRP recorded",
        "0",
        "‹5",
        ">99",
        "Per cent; darker is more. ‹5 withheld.",
    ]
    cells = [p for p in figure.axes[0].patches if isinstance(p, Rectangle)]
    assert [bool(c.get_hatch()) for c in cells] == [False, False, True, False]
    gaps = np.diff([c.get_x() for c in cells])
    assert gaps[2] > gaps[0] == pytest.approx(gaps[1])
    with pytest.raises(UsageError, match="'percent'"):
        quality_heat(rows.drop(columns="percent"))


# --- results


@pytest.fixture(scope="module")
def fit() -> FitResult:
    rng = np.random.default_rng(4)
    cement = rng.normal(4, 1, 200)
    leak = rng.uniform(size=200) < 1 / (1 + np.exp(3.5 - 0.7 * cement))
    data = pd.DataFrame({"cement": cement, "leak": leak.astype(int)})
    return fit_logistic(data, "leak ~ cement")


def test_a_fit_plots_its_ratios_without_the_intercept(fit: FitResult) -> None:
    ax = fit.plot()
    assert [t.get_text() for t in ax.get_yticklabels()] == ["cement"]
    ratio = np.exp(fit.coefficients[1])
    assert any(line.get_xdata()[0] == pytest.approx(ratio) for line in ax.lines)
    assert ax.get_xlabel() == "Odds ratio (log scale)"
    assert ax.get_title(loc="left") == fit.title


def test_a_failed_fit_says_why(fit: FitResult) -> None:
    ax = replace(fit, status="separation", reason="use penalty='firth'").plot()
    assert ax.texts[0].get_text() == "separation: use penalty='firth'"


def test_a_term_that_is_not_estimable_is_said_on_given_axes(fit: FitResult) -> None:
    ax = replace(fit, coefficients=np.array([0.4, np.nan])).plot()
    assert ax.texts[0].get_text() == "not estimable"


def test_a_curve_plots_a_step_per_group_on_the_axes_given() -> None:
    steps = pd.concat([curve_rows(group=g) for g in ("x", "y")]).assign(std_error=0.01)
    steps = steps.drop(columns=["conf_low", "conf_high"])
    result = CurveResult(title="Fracture", steps=steps, by="group", estimand="incidence",
                         conf_type="plain")  # fmt: skip
    figure = Figure()
    ax = figure.add_subplot()
    assert plot_result(result, ax=ax) is ax
    assert [t.get_text() for t in ax.get_legend().get_texts()] == ["x", "y"]
    alone = replace(result, steps=steps[steps["group"] == "x"].drop(columns="group"), by=None)
    assert alone.plot().get_legend() is None
    empty = replace(result, steps=steps.iloc[:0])
    assert empty.plot().texts[0].get_text() == "nothing to draw"


def test_tables_plot_intervals_or_print_themselves() -> None:
    intervals = pd.DataFrame({"group": ["a", "b"], "estimate": [0.1, NAN], "conf_low": [0.05, NAN],
                              "conf_high": [0.2, NAN]})  # fmt: skip
    ax = plot_result(TableResult(title="t", table=intervals))
    assert [line.get_xdata()[0] for line in ax.lines] == [0.05, 0.1]
    ax = plot_result(
        TableResult(title="t", table=pd.DataFrame({"method": ["m"], "p_value": [0.25]}))
    )
    printed = [c.get_text().get_text() for c in ax.tables[0].get_celld().values()]
    assert printed == ["m", "0.25", "Method", "P value"]
    ax = plot_result(TableResult(title="t"))
    assert ax.texts[0].get_text() == "nothing to draw"
    numbers = pd.DataFrame({"estimate": [1.0], "conf_low": [0.5], "conf_high": [2.0]})
    ax = plot_result(TableResult(title="t", table=numbers))
    assert [t.get_text() for t in ax.get_yticklabels()] == ["1"]


def test_drawing_changes_neither_the_rows_nor_matplotlib(fit: FitResult) -> None:
    rows, settings = curve_rows(), mpl.rcParams.copy()
    before = rows.copy(deep=True)
    curves(rows)
    plot_result(fit)
    pd.testing.assert_frame_equal(rows, before)
    assert mpl.rcParams == settings
