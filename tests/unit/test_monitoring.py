"""Charts over time: what they refuse, what they say, and what they give A to Z."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from vpstats.centers.monitoring import (
    ChartRules,
    Monitoring,
    average_run_length,
    chart_order,
    cusum,
    cusum_limit,
    false_alarm_chance,
    learning_curve,
    monitor,
    monitor_survival,
    simulate_run_lengths,
    survival_cusum,
    survival_limit,
    vlad,
)
from vpstats.centers.monitoring.weights import summarise_risks
from vpstats.errors import UsageError
from vpstats.frames import Frame


def some_rows(n: int = 60, center: str = "C01") -> pd.DataFrame:
    rng = np.random.default_rng(4)
    return pd.DataFrame(
        {
            "patient_id": [f"P{i:03d}" for i in range(n)],
            "center_id": center,
            "procedure_date": pd.date_range("2024-01-01", periods=n, freq="2D"),
            "leak": (rng.random(n) < 0.2).astype(int),
            "days": rng.integers(1, 90, n),
        }
    )


def charted(rows: pd.DataFrame | Frame, risk: Any = 0.1, **options: Any) -> Monitoring:
    risks = np.broadcast_to(np.asarray(risk, float), (len(rows),))
    return monitor(rows, risks, **{"outcome": "leak", "unit": "procedure", **options})


# --- requests that are wrong whatever the numbers


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: cusum([0, 1], [0.1, 1.2]), "between 0 and 1"),
        (lambda: cusum([0, 1], [0.1, -0.1]), "between 0 and 1"),
        (lambda: cusum([0, 1], [0.1, np.nan]), "none missing"),
        (lambda: cusum([0, 2], [0.1, 0.1]), "0 or 1"),
        (lambda: cusum([0, np.nan], [0.1, 0.1]), "0 or 1"),
        (lambda: cusum(["a", "b"], [0.1, 0.1]), "numbers"),
        (lambda: cusum([[0], [1]], [0.1, 0.1]), "one row of numbers"),
        (lambda: cusum([0], [0.1, 0.1]), "1 outcomes and 2 risks"),
        (lambda: cusum([1], [0.0]), "risk 0 yet happened"),
        (lambda: cusum([0], [1.0]), "risk 1 and did not"),
        (lambda: cusum([0], [0.1], odds_ratio=1.0), "odds_ratio is 1.0"),
        (lambda: cusum([0], [0.1], odds_ratio=-2.0), "odds_ratio"),
        (lambda: cusum([0], [0.1], limit=0.0), "above 0"),
        (lambda: cusum([0], [0.1], limit=2.0, head_start=1.0), "head_start"),
        (lambda: vlad([0], [2.0]), "between 0 and 1"),
        (lambda: cusum_limit([]), "no rows"),
        (lambda: cusum_limit([0.1, 1.5]), "between 0 and 1"),
        (lambda: cusum_limit([0.1], counts=[-1]), "counts"),
        (lambda: cusum_limit([0.1], in_control_run_length=100, false_alarm=0.1), "not both"),
        (lambda: cusum_limit([0.1], period=100), "goes with"),
        (lambda: cusum_limit([0.1], in_control_run_length=0.5), "above 1"),
        (lambda: cusum_limit([0.1], false_alarm=1.5), "false_alarm is 1.5"),
        (lambda: cusum_limit([0.1], false_alarm=0.1, period=0), "period is 0"),
        (lambda: cusum_limit([0.1], head_start=-0.1), "head_start"),
        (lambda: average_run_length([0.1], -1.0), "limit is -1.0"),
        (lambda: average_run_length([0.1], 1.0, true_risks=[0.1, 0.2]), "as many"),
        (lambda: false_alarm_chance([0.1], 1.0, 2.5), "period is 2.5"),
        (lambda: simulate_run_lengths([0.1], 1.0, runs=0), "runs 1 or more"),
        (lambda: chart_order(["2024-01-01", None], [0, 1], [0.1, 0.1]), "no date"),
        (lambda: chart_order(["2024-01-01"], [0], [0.1], [np.nan]), "sequence"),
        (lambda: survival_limit(1.0, in_control_events=10), "hazard_ratio is 1.0"),
        (lambda: survival_limit(2.0), "give in_control_events="),
        (lambda: survival_limit(2.0, false_alarm=0.1), "expected_events"),
        (lambda: ChartRules(worse=0.5), "one above 1"),
    ],
)
def test_a_request_without_sense_is_refused(call: Callable[[], Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        call()


@pytest.mark.parametrize("unit", ["level", "vertebra", "row"])
def test_units_finer_than_a_procedure_are_refused(unit: str) -> None:
    with pytest.raises(UsageError, match="procedures or patients"):
        charted(some_rows(), unit=unit)
    with pytest.raises(UsageError, match="procedures or patients"):
        monitor(Frame(some_rows(), unit=unit, outcome="leak"), np.full(60, 0.1))


def test_a_plain_table_must_say_its_unit_and_a_frame_must_not() -> None:
    with pytest.raises(UsageError, match="unit='procedure'"):
        charted(some_rows(), unit=None)
    with pytest.raises(UsageError, match="leave unit= out"):
        charted(Frame(some_rows(), unit="procedure"), unit="patient")


@pytest.mark.parametrize(
    ("change", "options", "words"),
    [
        ({}, {"outcome": None}, "name the column of the outcome"),
        ({}, {"outcome": "leaks"}, "no column 'leaks'"),
        ({}, {"date": "day"}, "no column 'day'"),
        ({"center_id": None}, {}, "missing center"),
        ({"procedure_date": pd.NaT}, {}, "lacks its day"),
        ({"leak": np.nan}, {}, "0 or 1"),
    ],
)
def test_rows_that_cannot_be_charted(
    change: dict[str, Any], options: dict[str, Any], words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        charted(some_rows().assign(**change), **options)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"start": ["2024-01-01", None]}, "no procedure date"),
        ({"as_of": None}, "as_of is none"),
        ({"duration": [1.0]}, "one value for each row"),
        ({"duration": [1.0, -1.0]}, "zero or more"),
        ({"duration": [1.0, np.nan]}, "zero or more"),
        ({"event": [2, 0]}, "events 0 or 1"),
        ({"relative": [1.0, np.inf]}, "zero or more"),
        ({"horizon": 0}, "horizon is 0"),
        ({"as_of": "2023-01-01"}, "nothing to monitor"),
        ({"baseline": 3}, "a table with the columns"),
        ({"baseline": lambda day: -day}, "no cumulative hazard"),
    ],
)
def test_follow_up_without_sense_is_refused(options: dict[str, Any], words: str) -> None:
    given: dict[str, Any] = {
        "start": ["2024-01-01", "2024-02-01"],
        "duration": [10, 20],
        "event": [1, 0],
        "baseline": lambda day: 0.01 * day,
        "horizon": 30,
        "as_of": "2024-06-01",
    }
    with pytest.raises(UsageError, match=words):
        survival_cusum(**{**given, **options})


# --- data that are poor but honest


def test_an_empty_table_has_no_chart_and_a_reason() -> None:
    found = charted(some_rows(0))
    assert (found.status, len(found.charts), len(found.table)) == ("no rows", 0, 0)
    assert found.reason.endswith(".")
    assert list(found.charts.columns) == list(charted(some_rows()).charts.columns)


def test_one_procedure_is_a_chart_of_one_step() -> None:
    found = charted(some_rows(1))
    assert len(found.charts) == 1
    assert found.table["limit"].notna().all()
    assert found.table["n_signals"].tolist() == [0, 0]


def test_nothing_but_events_signals_worse_and_none_signals_better() -> None:
    rules = ChartRules(in_control_run_length=100)
    bad = charted(some_rows().assign(leak=1), rules=rules)
    good = charted(some_rows(200).assign(leak=0), rules=rules)
    assert set(bad.signals["side"]) == {"worse"}
    assert set(good.signals["side"]) == {"better"}
    assert bad.charts["signal"].isin(["", "worse"]).all()


def test_where_events_are_too_rare_for_the_run_length_there_is_no_limit_and_a_reason() -> None:
    found = charted(some_rows(), 1e-5)
    worse = found.table.set_index("side").loc["worse"]
    assert (worse["status"], worse["n_signals"]) == ("too rare", 0)
    assert np.isnan(worse["limit"])
    assert "fewer false alarms" in worse["reason"]


def test_rows_whose_outcome_is_certain_leave_nothing_to_monitor() -> None:
    assert cusum_limit([0.0, 1.0]).status == "no risk"


def test_a_period_in_which_chances_come_in_steps_has_no_limit() -> None:
    # 500 rows of risk 1/300: the chart for better nears its limit only where nothing happens at
    # all, which it does in 19 of 100 periods
    found = cusum_limit([1 / 300], odds_ratio=0.5, false_alarm=0.02, period=500)
    assert found.status == "too few rows"
    assert "longer period" in found.reason


def test_patients_who_come_again_are_told_of() -> None:
    rows = some_rows().assign(patient_id=["P1"] * 30 + ["P2"] * 30)
    found = monitor(
        Frame(rows, unit="procedure", cluster="patient_id", outcome="leak"), np.full(60, 0.1)
    )
    assert [c.code for c in found.caveats] == ["repeated_patients"]
    assert found.n_clusters == 2
    assert b"P1" not in pickle.dumps(found)


# --- what is asked for and given


def test_limits_give_what_was_asked_for() -> None:
    risks = np.random.default_rng(3).beta(1, 12, 300)
    for ratio in (2.0, 0.5):
        length = cusum_limit(risks, odds_ratio=ratio, in_control_run_length=2000)
        assert length.run_length == pytest.approx(2000, rel=0.01)
        assert length.change <= 0.015
        chance = cusum_limit(risks, odds_ratio=ratio, false_alarm=0.05)
        assert chance.period == 300
        assert chance.false_alarm == pytest.approx(0.05, rel=0.03)
        again = false_alarm_chance(risks, chance.limit, 300, odds_ratio=ratio, states=480)
        assert again == pytest.approx(0.05, rel=0.05)


def test_the_case_mix_is_kept_or_binned_at_its_mean() -> None:
    few = summarise_risks([0.3, 0.1, 0.3], counts=[1, 2, 0])
    assert few.values.tolist() == [0.1, 0.3]
    np.testing.assert_allclose(few.shares, [2 / 3, 1 / 3])
    risks = np.random.default_rng(0).beta(1, 9, 1001)
    many = summarise_risks(risks)
    assert len(many.values) == 20
    assert many.mean == pytest.approx(risks.mean(), abs=1e-12)


def test_the_order_within_a_day_may_be_given() -> None:
    days = ["2024-01-01"] * 3
    assert chart_order(days, [0, 1, 0], [0.1, 0.2, 0.3], [3, 1, 2]).tolist() == [1, 2, 0]
    rows = some_rows(3).assign(procedure_date="2024-01-01", at=[3, 1, 2], leak=[0, 1, 0])
    found = charted(rows, [0.1, 0.2, 0.3], sequence="at")
    np.testing.assert_allclose(found.charts["vlad"], [-0.8, -0.5, -0.4])


def test_the_table_tells_the_first_signal() -> None:
    rows = some_rows(12).assign(leak=[0, 0, 1, 1, 1, 0] * 2)
    found = charted(rows, rules=ChartRules(in_control_run_length=200))
    row = found.signals.iloc[0]
    first = found.charts[found.charts["signal"] == "worse"].iloc[0]
    assert (row["run_length"], row["first_signal"]) == (first["t"], first["date"])
    assert first["worse"] >= first["limit_worse"]
    assert "display" in found.note


def test_rules_of_a_false_alarm_share_out_by_center() -> None:
    rows = pd.concat([some_rows(400, "A"), some_rows(100, "B")])
    found = charted(rows, rules=ChartRules(false_alarm=0.1))
    worse = found.table[found.table["side"] == "worse"].set_index("center_id")
    np.testing.assert_allclose(worse["false_alarm"], 0.1, rtol=0.1)
    assert worse.loc["A", "limit"] > worse.loc["B", "limit"]


def test_survival_charts_of_centers() -> None:
    rows = pd.concat([some_rows(150, "A"), some_rows(80, "B").assign(leak=0)])
    options: dict[str, Any] = {
        "duration": "days",
        "event": "leak",
        "horizon": 60,
        "as_of": "2025-02-01",
        "unit": "patient",
    }
    base = pd.DataFrame({"time": [10.0, 30.0, 50.0], "estimate": [0.02, 0.05, 0.08]})
    rules = ChartRules(in_control_run_length=1_000)
    found = monitor_survival(rows, np.ones(230), base, rules=rules, **options)
    worse = found.table[found.table["side"] == "worse"].set_index("center_id")
    assert worse["in_control_run_length"].tolist() == pytest.approx([80, 80], rel=0.02)
    assert worse.loc["A", "n_signals"] >= 1
    by_center = {"A": base, "B": base}
    again = monitor_survival(rows, np.ones(230), by_center, rules=rules, **options)
    pd.testing.assert_frame_equal(found.table, again.table)
    chance = monitor_survival(
        rows, np.ones(230), base, rules=ChartRules(false_alarm=0.1), **options
    )
    limits = chance.table.set_index(["center_id", "side"])["limit"]
    assert limits["A", "worse"] > limits["B", "worse"]
    with pytest.raises(UsageError, match="no baseline for center 'B'"):
        monitor_survival(rows, np.ones(230), {"A": base}, **options)
    with pytest.raises(UsageError, match="one value for each row"):
        monitor_survival(rows, np.ones(3), base, **options)
    with pytest.raises(UsageError, match="duration= and event="):
        monitor_survival(rows, np.ones(230), base, **{**options, "event": None})
    with pytest.raises(UsageError, match="no column 'x'"):
        monitor_survival(rows, np.ones(230), base, **{**options, "event": "x"})
    with pytest.raises(UsageError, match="no value in 'leak'"):
        monitor_survival(rows.assign(leak=np.nan), np.ones(230), base, **options)


def test_a_center_where_no_event_is_expected_has_no_limit() -> None:
    found = monitor_survival(
        some_rows(5).assign(leak=0),
        np.zeros(5),
        lambda day: 0.01 * day,
        duration="days",
        event="leak",
        horizon=30,
        as_of="2024-06-01",
        unit="patient",
    )
    assert found.table["status"].tolist() == ["no risk", "no risk"]


# --- learning curves


def operated(seed: int = 1, cases: int = 60) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    rows = pd.DataFrame(
        {
            "operator_id": np.repeat([f"OP{i}" for i in range(8)], cases),
            "case": np.tile(np.arange(1, cases + 1), 8),
            "age": rng.normal(70, 8, 8 * cases),
        }
    )
    risk = 1 / (1 + np.exp(1.5 - 1.5 * np.exp(-rows["case"] / 15) - 0.03 * (rows["age"] - 70)))
    days = pd.Timestamp("2023-01-01") + pd.to_timedelta(3 * rows["case"], unit="D")
    return rows.assign(leak=(rng.random(len(rows)) < risk).astype(int), procedure_date=days)


def test_a_learning_curve_counts_cases_by_date_where_it_must() -> None:
    rows = operated()
    counted = learning_curve(rows, outcome="leak", adjust=["age"])
    given = learning_curve(rows, outcome="leak", adjust=["age"], sequence="case")
    pd.testing.assert_frame_equal(counted.tidy(), given.tidy())
    assert counted.tidy()["n_operators"].iloc[0] == 8


def test_operators_stand_apart_and_are_internal() -> None:
    found = learning_curve(operated(), outcome="leak", sequence="case")
    assert (found.operators["edition"] == "internal").all()
    public = [found.tidy(), found.glance(), *(table for _, table in found.beside())]
    assert not any("OP3" in table.to_string() for table in public)
    assert "OP3" not in repr(found)


def test_prior_experience_is_added_and_who_lacks_it_is_left_out_or_kept() -> None:
    rows = operated().assign(before=lambda d: d["operator_id"].map({"OP0": 100.0, "OP1": 0.0}))
    dropped = learning_curve(rows, outcome="leak", sequence="case", prior="before", knots=3)
    assert dropped.n == 120
    assert dropped.operators["first_case"].tolist() == [101, 1]
    assert "6 of 8 operators" in dropped.caveats[0].message
    kept = learning_curve(
        rows, outcome="leak", sequence="case", prior="before", unknown_prior="keep"
    )
    assert kept.n == 480
    known = learning_curve(rows.fillna({"before": 5}), outcome="leak", prior="before")
    assert "left_truncated" not in [c.code for c in known.caveats]


def test_expected_risks_may_stand_for_the_covariates() -> None:
    rows = operated()
    found = learning_curve(rows, outcome="leak", sequence="case", risks=np.full(len(rows), 0.3))
    plain = learning_curve(rows, outcome="leak", sequence="case")
    np.testing.assert_allclose(
        found.tidy()["estimate"], plain.tidy()["estimate"], rtol=1e-5
    )  # a constant offset moves the intercept alone


def test_stretches_that_few_operators_reached_are_not_drawn() -> None:
    rows = operated()
    far = rows[(rows["case"] <= 30) | (rows["operator_id"] == "OP0")]
    found = learning_curve(far, outcome="leak", sequence="case", operators="clusters", knots=3)
    assert found.tidy()["position"].max() <= 30
    alone = learning_curve(
        rows[rows["operator_id"] <= "OP1"], outcome="leak", sequence="case", operators="clusters"
    )
    assert len(alone.tidy()) == 0


@pytest.mark.parametrize(
    ("change", "options", "status"),
    [
        ({"case": 1}, {}, "too few case numbers"),
        ({"leak": 0}, {}, "constant outcome"),
        ({"operator_id": None}, {}, "no rows"),
    ],
)
def test_a_curve_that_cannot_be_estimated_says_why(
    change: dict[str, Any], options: dict[str, Any], status: str
) -> None:
    found = learning_curve(operated().assign(**change), outcome="leak", sequence="case", **options)
    assert found.status == status
    assert found.reason.endswith(".")
    assert np.isnan(found.p_value)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"adjust": "age"}, "a list of terms"),
        ({"adjust": ["age"], "risks": [0.1]}, "not both"),
        ({"unknown_prior": "guess"}, "unknown_prior"),
        ({"operators": "fixed"}, "'random' or 'clusters'"),
        ({"outcome": None}, "name the column"),
        ({"outcome": "x"}, "no column 'x'"),
        ({"sequence": "age", "shift": -200}, "negative"),
        ({"risks": [0.1]}, "one number between 0 and 1"),
        ({"knots": 12}, "3 to 7"),
    ],
)
def test_learning_curves_refuse_what_has_no_sense(options: dict[str, Any], words: str) -> None:
    rows = operated()
    rows["age"] += options.pop("shift", 0)
    with pytest.raises(UsageError, match=words):
        learning_curve(rows, **{"outcome": "leak", "sequence": "case", **options})


def test_rows_without_a_case_number_are_counted() -> None:
    rows = operated()
    rows.loc[:4, "leak"] = np.nan
    found = learning_curve(rows.assign(patient_id="same"), outcome="leak", sequence="case")
    codes = [c.code for c in found.caveats]
    assert {"dropped_rows", "repeated_patients"} <= set(codes)
    assert found.n == 475
