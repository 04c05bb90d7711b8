"""What charts over time must not depend on, and what they must keep."""

from __future__ import annotations

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from vpstats.centers.monitoring import (
    ChartRules,
    average_run_length,
    chart_order,
    cusum,
    cusum_limit,
    false_alarm_chance,
    monitor,
    monitor_survival,
    survival_cusum,
    vlad,
)

RULES = ChartRules(in_control_run_length=150)
seeds = st.integers(0, 2**32 - 1)


def registry(seed: int, n: int = 120) -> tuple[pd.DataFrame, NDArray[np.float64]]:
    """Rows of three centers, several a day, with few distinct risks, so that rows tie."""
    rng = np.random.default_rng(seed)
    risk = rng.choice([0.05, 0.1, 0.3], n)
    rows = pd.DataFrame(
        {
            "center_id": rng.choice(["C1", "C2", "C3"], n),
            "procedure_date": pd.Timestamp("2024-01-01")
            + pd.to_timedelta(rng.integers(0, 25, n), unit="D"),
            "leak": (rng.random(n) < risk).astype(int),
            "days": rng.integers(0, 60, n),
        }
    )
    return rows, risk


@settings(max_examples=8)
@given(seeds)
def test_charts_do_not_depend_on_the_order_of_rows(seed: int) -> None:
    rows, risk = registry(seed)
    shuffled = np.random.default_rng(seed + 1).permutation(len(rows))
    first = monitor(rows, risk, outcome="leak", unit="procedure", rules=RULES)
    again = monitor(
        rows.iloc[shuffled].set_axis([7] * len(rows)),
        risk[shuffled],
        outcome="leak",
        unit="procedure",
        rules=RULES,
    )
    pd.testing.assert_frame_equal(first.charts, again.charts)
    pd.testing.assert_frame_equal(first.table, again.table)


@settings(max_examples=10)
@given(seeds)
def test_new_names_of_centers_change_names_alone(seed: int) -> None:
    rows, risk = registry(seed)
    names = {"C1": "z", "C2": "y", "C3": "x"}
    first = monitor(rows, risk, outcome="leak", unit="procedure", rules=RULES)
    renamed = rows.assign(center_id=rows["center_id"].map(names))
    again = monitor(renamed, risk, outcome="leak", unit="procedure", rules=RULES)
    left = first.table.assign(center_id=first.table["center_id"].map(names))
    left = left.sort_values(["center_id", "side"]).reset_index(drop=True)
    right = again.table.sort_values(["center_id", "side"]).reset_index(drop=True)
    pd.testing.assert_frame_equal(left, right)


@settings(max_examples=10)
@given(seeds)
def test_a_center_alone_has_the_chart_that_it_has_among_others(seed: int) -> None:
    rows, risk = registry(seed)
    own = (rows["center_id"] == "C1").to_numpy()
    among = monitor(rows, risk, outcome="leak", unit="procedure", rules=RULES).charts
    alone = monitor(rows[own], risk[own], outcome="leak", unit="procedure", rules=RULES).charts
    among = among[among["center_id"] == "C1"].reset_index(drop=True)
    pd.testing.assert_frame_equal(among, alone)


@given(seeds, st.sampled_from([0.25, 0.5, 1.5, 2.0, 4.0]))
def test_a_row_of_no_risk_changes_nothing(seed: int, ratio: float) -> None:
    rng = np.random.default_rng(seed)
    risk = rng.uniform(0.02, 0.6, 40)
    y = (rng.random(40) < risk).astype(int)
    at = int(rng.integers(0, 41))
    more_y, more_risk = np.insert(y, at, 0), np.insert(risk, at, 0.0)
    first = cusum(y, risk, odds_ratio=ratio, limit=1.0)
    again = cusum(more_y, more_risk, odds_ratio=ratio, limit=1.0)
    np.testing.assert_allclose(again.values[-1], first.values[-1], atol=1e-12)
    assert len(first.signals) == len(again.signals)
    np.testing.assert_allclose(np.delete(vlad(more_y, more_risk).values, at), vlad(y, risk).values)


@settings(max_examples=10)
@given(seeds)
def test_rows_of_no_risk_make_runs_longer_by_their_share(seed: int) -> None:
    risk = np.random.default_rng(seed).uniform(0.02, 0.5, 10)
    doubled = np.concatenate([risk, np.zeros(10)])
    once, twice = average_run_length(risk, 2.0), average_run_length(doubled, 2.0)
    np.testing.assert_allclose(twice, 2 * once, rtol=1e-8)


@settings(max_examples=10)
@given(seeds)
def test_a_center_twice_as_large_with_the_same_mix_has_the_same_limit(seed: int) -> None:
    risk = np.random.default_rng(seed).beta(1, 15, 80)
    once, twice = cusum_limit(risk), cusum_limit(np.tile(risk, 2))
    counted = cusum_limit(risk, counts=np.full(80, 2))
    np.testing.assert_allclose([twice.limit, counted.limit], once.limit, atol=1e-3)


@settings(max_examples=10)
@given(seeds, st.sampled_from([0.5, 2.0]))
def test_runs_lengthen_with_the_limit_and_chances_fall(seed: int, ratio: float) -> None:
    risk = np.random.default_rng(seed).beta(1, 8, 30)
    limits = [1.0, 1.6, 2.4, 3.5]
    lengths = [average_run_length(risk, h, odds_ratio=ratio, states=120) for h in limits]
    chances = [false_alarm_chance(risk, h, 200, odds_ratio=ratio, states=120) for h in limits]
    assert (np.diff(lengths) > 0).all()
    assert (np.diff(chances) < 1e-9).all()
    assert all(-1e-6 <= c <= 1 + 1e-6 for c in chances)


@settings(max_examples=10)
@given(seeds)
def test_a_head_start_costs_a_higher_limit_and_signals_trouble_sooner(seed: int) -> None:
    risk = np.random.default_rng(seed).beta(1, 8, 30)
    plain, early = (
        cusum_limit(risk, in_control_run_length=1000, head_start=share) for share in (0.0, 0.5)
    )
    assert early.limit >= plain.limit
    waits = [
        average_run_length(risk, found.limit, true_odds_ratio=2.0, head_start=share)
        for found, share in ((plain, 0.0), (early, 0.5))
    ]
    assert waits[1] < waits[0]


@given(seeds)
def test_the_order_of_a_chart_is_an_order_by_day(seed: int) -> None:
    rows, risk = registry(seed)
    order = chart_order(rows["procedure_date"], rows["leak"], risk)
    assert sorted(order) == list(range(len(rows)))
    assert rows["procedure_date"].iloc[order].is_monotonic_increasing


@given(seeds, st.booleans())
def test_a_chart_is_its_recursion(seed: int, reset: bool) -> None:
    rng = np.random.default_rng(seed)
    risk = rng.uniform(0.02, 0.6, 60)
    y = (rng.random(60) < 1.5 * risk / (1 + risk)).astype(int)
    chart = cusum(y, risk, odds_ratio=2, limit=1.3, head_start=0.3, reset=reset)
    value, before, signals = 0.3 * 1.3, 0.0, []
    for t in range(60):
        value = max(0.0, value + y[t] * np.log(2) - np.log(1 + risk[t]))
        np.testing.assert_allclose(chart.values[t], value, atol=1e-12)
        if value >= 1.3 and (reset or before < 1.3):
            signals.append(t)
        before = value
        if value >= 1.3 and reset:
            value = 0.3 * 1.3
    assert chart.signals.tolist() == signals


@settings(max_examples=10)
@given(seeds)
def test_the_display_ends_at_expected_less_observed(seed: int) -> None:
    rows, risk = registry(seed)
    found = monitor(rows, risk, outcome="leak", unit="procedure", rules=RULES)
    ends = found.charts.groupby("center_id")["vlad"].last()
    worse = found.table[found.table["side"] == "worse"].set_index("center_id")
    np.testing.assert_allclose(ends, worse["expected"] - worse["observed"].astype(float))


@settings(max_examples=10)
@given(seeds)
def test_survival_charts_do_not_depend_on_the_order_of_rows(seed: int) -> None:
    rows, risk = registry(seed)
    shuffled = np.random.default_rng(seed + 1).permutation(len(rows))
    options = {
        "duration": "days",
        "event": "leak",
        "horizon": 40,
        "as_of": "2024-03-01",
        "unit": "procedure",
        "rules": ChartRules(in_control_run_length=300),
    }
    first = monitor_survival(rows, risk, lambda day: 0.05 * day, **options)
    again = monitor_survival(rows.iloc[shuffled], risk[shuffled], lambda day: 0.05 * day, **options)
    columns = ["center_id", "side", "n", "observed", "n_signals", "first_signal", "run_length"]
    pd.testing.assert_frame_equal(first.table[columns], again.table[columns])
    np.testing.assert_allclose(first.charts["worse"], again.charts["worse"], atol=1e-9)


@given(seeds)
def test_expected_events_add_up_to_hazards_at_the_end_of_observation(seed: int) -> None:
    rows, risk = registry(seed)
    chart = survival_cusum(
        rows["procedure_date"],
        rows["days"],
        rows["leak"],
        relative=risk,
        baseline=lambda day: 0.01 * day,
        horizon=30,
        as_of="2024-02-10",
    )
    known = (pd.Timestamp("2024-02-10") - rows["procedure_date"]).dt.days
    ended = np.minimum(np.minimum(rows["days"], 30), known)
    np.testing.assert_allclose(chart.days["expected"].iloc[-1], (0.01 * risk * ended).sum())
    assert chart.days["n_event"].iloc[-1] == rows["leak"][rows["days"] <= ended].sum()
