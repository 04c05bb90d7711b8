"""The result protocol itself: limits, curves, caveats, what a notebook shows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from vpstats.errors import UsageError
from vpstats.results import (
    CAVEATS,
    Caveat,
    CurveResult,
    FitResult,
    TableResult,
    critical_value,
    curve_limits,
    render_html,
    require_level,
)


class Fit(FitResult):
    """A fit with nothing to add, to test what all fits share."""

    def glance(self) -> pd.DataFrame:
        return pd.DataFrame({"n": [self.n]})

    def augment(self, data: pd.DataFrame) -> pd.DataFrame:
        return data.copy()

    def predict(self, new: pd.DataFrame, *, times: Any = None) -> pd.DataFrame:
        return pd.DataFrame({"estimate": np.zeros(len(new))})


def make_fit(**changes: Any) -> Fit:
    fields = {
        "title": "Leakage",
        "unit": "level",
        "n": 1200,
        "terms": ("Intercept", "cement_ml"),
        "coefficients": np.array([-1.0, 0.5]),
        "covariance": np.array([[0.04, 0.0], [0.0, 0.01]]),
    }
    return Fit(**(fields | changes))


def make_curve(**changes: Any) -> CurveResult:
    steps = pd.DataFrame(
        {
            "time": [10.0, 20.0],
            "n_risk": [4, 2],
            "n_event": [1, 1],
            "n_censor": [1, 1],
            "estimate": [3 / 4, 3 / 8],
            "std_error": [0.2165, 0.2861],
        }
    )
    return CurveResult(**({"title": "Survival", "n": 4, "n_events": 2, "steps": steps} | changes))


# --- levels and critical values


@pytest.mark.parametrize("level", [0, 1, -0.5, 95, float("nan")])
def test_a_level_outside_zero_to_one_is_refused(level: float) -> None:
    with pytest.raises(UsageError, match="between 0 and 1"):
        require_level(level)


def test_critical_values_are_normal_or_t_as_the_degrees_of_freedom_say() -> None:
    assert critical_value(0.95) == pytest.approx(stats.norm.ppf(0.975), abs=1e-12)
    both = critical_value(0.9, np.array([5.0, np.inf]))
    assert both == pytest.approx([stats.t.ppf(0.95, 5), stats.norm.ppf(0.95)], abs=1e-12)


# --- caveats


def test_a_caveat_has_a_sentence_that_may_be_published() -> None:
    caveat = Caveat("few_events", "7 events for 3 parameters.", term="cement_ml")
    assert caveat.public == CAVEATS["few_events"]
    assert not any(c.isdigit() for c in caveat.public)


def test_an_unknown_caveat_is_refused_and_the_known_ones_named() -> None:
    with pytest.raises(UsageError, match=r"unknown caveat code 'typo'.*separation"):
        Caveat("typo", "?")


# --- fits


def test_wald_limits_are_estimate_plus_minus_margin() -> None:
    tidy = make_fit().tidy()
    margin = stats.norm.ppf(0.975) * np.array([0.2, 0.1])
    assert tidy["conf_low"].to_numpy() == pytest.approx(np.array([-1.0, 0.5]) - margin)
    assert tidy["conf_high"].to_numpy() == pytest.approx(np.array([-1.0, 0.5]) + margin)
    assert tidy["statistic"].tolist() == pytest.approx([-1.0 / 0.2, 0.5 / 0.1])
    assert tidy["p_value"].tolist() == pytest.approx(2 * stats.norm.sf([5.0, 5.0]))


def test_t_intervals_use_the_degrees_of_freedom_of_each_term() -> None:
    tidy = make_fit(df=np.array([3.0, np.inf])).tidy(level=0.9)
    width = tidy["conf_high"] - tidy["estimate"]
    assert width.tolist() == pytest.approx([0.2 * stats.t.ppf(0.95, 3), 0.1 * stats.norm.ppf(0.95)])
    assert tidy["p_value"].tolist() == pytest.approx([2 * stats.t.sf(5, 3), 2 * stats.norm.sf(5)])


def test_exponentiating_leaves_the_standard_error_on_the_log_scale() -> None:
    fit = make_fit()
    log, ratio = fit.tidy(), fit.tidy(exponentiate=True)
    for column in ("estimate", "conf_low", "conf_high"):
        assert ratio[column].to_numpy() == pytest.approx(np.exp(log[column].to_numpy()))
    assert ratio["std_error"].tolist() == log["std_error"].tolist()


def test_profile_limits_stand_at_their_own_level_only() -> None:
    fit = make_fit(
        conf_low=np.array([-2.0, 0.1]), conf_high=np.array([-0.1, 0.9]), p_values=np.array([0.2, 0])
    )
    assert fit.tidy(level=0.95)["conf_low"].tolist() == [-2.0, 0.1]
    assert fit.tidy()["p_value"].tolist() == [0.2, 0]
    with pytest.raises(UsageError, match=r"fitted at level 0\.95, not 0\.9; fit again"):
        fit.tidy(level=0.9)


def test_a_model_that_could_not_be_estimated_is_a_value_with_a_reason() -> None:
    nothing = np.full(2, np.nan)
    fit = make_fit(coefficients=nothing, covariance=np.full((2, 2), np.nan), status="separation")
    assert not fit.ok
    assert fit.tidy()["estimate"].isna().all()
    assert make_fit().ok


# --- curves


def test_log_log_limits_by_hand() -> None:
    low, high = curve_limits(np.array([0.75]), np.array([0.2165]), level=0.95, conf_type="log-log")
    z = stats.norm.ppf(0.975)
    margin = z * 0.2165 / abs(0.75 * np.log(0.75))
    assert low[0] == pytest.approx(0.75 ** np.exp(margin))
    assert high[0] == pytest.approx(0.75 ** np.exp(-margin))


def test_log_and_plain_limits_by_hand_stay_probabilities() -> None:
    estimate, error, z = np.array([0.75]), np.array([0.2165]), stats.norm.ppf(0.975)
    low, high = curve_limits(estimate, error, level=0.95, conf_type="log")
    assert low[0] == pytest.approx(0.75 * np.exp(-z * 0.2165 / 0.75))
    assert high[0] == 1.0
    low, high = curve_limits(estimate, error, level=0.95, conf_type="plain")
    assert (low[0], high[0]) == pytest.approx((0.75 - z * 0.2165, 1.0))


def test_a_cumulative_hazard_may_exceed_one() -> None:
    _, high = curve_limits(
        np.array([1.5]), np.array([0.3]), level=0.95, conf_type="plain", bounded=False
    )
    assert high[0] == pytest.approx(1.5 + stats.norm.ppf(0.975) * 0.3)


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_where_the_log_log_scale_has_no_value_both_limits_are_the_estimate(value: float) -> None:
    low, high = curve_limits(np.array([value]), np.array([0.0]), level=0.95, conf_type="log-log")
    assert (low[0], high[0]) == (value, value)


def test_an_unknown_scale_is_refused() -> None:
    with pytest.raises(UsageError, match="expected 'log-log', 'log' or 'plain'"):
        curve_limits(np.array([0.5]), np.array([0.1]), level=0.95, conf_type="logit")


def test_a_curve_is_not_exponentiated() -> None:
    with pytest.raises(UsageError, match="without exponentiate"):
        make_curve().tidy(exponentiate=True)


def test_reading_a_curve_takes_the_last_step_at_or_before_each_time() -> None:
    read = make_curve().at([5, 10, 15, 20, 99])
    assert read["estimate"].tolist() == [1.0, 3 / 4, 3 / 4, 3 / 8, 3 / 8]
    assert read["n_risk"].tolist() == [4, 4, 2, 2, 0]
    assert read["time"].tolist() == [5, 10, 15, 20, 99]
    assert read["std_error"].iloc[0] == 0.0


def test_before_its_first_step_an_incidence_is_zero() -> None:
    read = make_curve(estimand="incidence").at(1.0)
    assert read[["estimate", "conf_low", "conf_high"]].to_numpy().tolist() == [[0.0, 0.0, 0.0]]


def test_groups_are_read_one_by_one() -> None:
    one = make_curve().steps
    steps = pd.concat([one.assign(arm="a"), one.assign(arm="b", estimate=[0.5, 0.25])])
    curve = make_curve(steps=steps.reset_index(drop=True), by="arm")
    assert [name for name, _ in curve.groups()] == ["a", "b"]
    read = curve.at([10])
    assert read["arm"].tolist() == ["a", "b"]
    assert read["estimate"].tolist() == [3 / 4, 0.5]


def test_the_glance_of_a_curve_is_one_row() -> None:
    glance = make_curve(n_clusters=None, total_time=60.0).glance()
    assert len(glance) == 1
    assert glance["person_time"].iloc[0] == 60.0
    assert glance["n_clusters"].isna().all()


# --- tables


def test_a_table_is_handed_out_as_a_copy() -> None:
    table = TableResult(title="Rates", n=3, table=pd.DataFrame({"variable": ["leak"]}))
    copy = table.tidy()
    copy.loc[0, "variable"] = "changed"
    assert table.tidy()["variable"].tolist() == ["leak"]
    assert len(table.glance()) == 1


@pytest.mark.parametrize("request_", [{"exponentiate": True}, {"level": 0.9}])
def test_a_table_has_one_scale_and_one_level(request_: dict[str, Any]) -> None:
    table = TableResult(title="Rates", table=pd.DataFrame({"variable": ["leak"]}))
    with pytest.raises(UsageError, match="one scale and one level"):
        table.tidy(**request_)
    assert table.tidy(level=0.95)["variable"].tolist() == ["leak"]


# --- notebooks


def test_a_notebook_shows_counts_caveats_and_that_nothing_was_released() -> None:
    fit = make_fit(
        title="Leakage <CT>",
        n_events=300,
        n_clusters=800,
        caveats=(Caveat("few_clusters", "Only 12 & few."),),
    )
    html = fit._repr_html_()
    assert "Leakage &lt;CT&gt;" in html
    assert "1,200 levels · 300 events · 800 clusters" in html
    assert "<li>Only 12 &amp; few.</li>" in html
    assert "internal: not released" in html
    assert "cement_ml" in html


def test_a_notebook_shows_why_a_model_failed() -> None:
    html = render_html(make_fit(status="separation", reason="Use penalty='firth'."))
    assert "<b>separation</b>: Use penalty=&#x27;firth&#x27;." in html


def test_a_long_table_is_cut_and_says_so() -> None:
    rows = TableResult(title="Long", n=40, table=pd.DataFrame({"value": np.arange(40.0)}))
    html = render_html(rows)
    assert "… and 10 more rows." in html
    assert "<td>29</td>" in html
    assert "<td>30</td>" not in html


# --- terminals


def test_a_terminal_shows_the_estimates_and_caveats_and_no_arrays() -> None:
    fit = make_fit(
        unit="vertebra", n_events=300, n_clusters=7, caveats=(Caveat("few_clusters", "Only 7."),)
    )
    lines = repr(fit).splitlines()
    assert lines[:2] == ["Leakage", "1,200 vertebrae · 300 events · 7 clusters"]
    assert lines[-2:] == ["- Only 7.", "internal: not released"]
    assert lines[4].split()[:3] == ["cement_ml", "0.5", "0.1"]
    assert "covariance" not in repr(fit)


def test_a_terminal_shows_why_a_model_failed() -> None:
    assert "separation: Use Firth." in repr(make_fit(status="separation", reason="Use Firth."))


def test_a_terminal_shows_an_empty_table_as_none() -> None:
    empty = TableResult(title="Nothing", table=pd.DataFrame({"value": []}))
    assert repr(empty) == "Nothing\n0 rows\ninternal: not released"


def test_a_fit_says_on_which_scale_it_prints() -> None:
    words = "Estimates and limits are logarithms of odds ratios; tidy(exponentiate=True)"
    assert words in repr(make_fit())
    assert words in make_fit()._repr_html_()
    assert "logarithms" not in repr(make_fit(status="separation", reason="Use Firth."))
    assert "logarithms" not in repr(TableResult(title="Rates", table=pd.DataFrame({"n": [1]})))
