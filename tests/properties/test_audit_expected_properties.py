"""What must hold for any network: order, names, copies; no center shapes its own expectation."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from vpstats.centers.clustering import center_variance, within_correlation
from vpstats.centers.expected import Expected, expected_proportion
from vpstats.centers.folds import deal
from vpstats.centers.incidence import expected_incidence
from vpstats.centers.volume import power
from vpstats.models.covariance import make_clusters

SAME = 1e-7
"""In events; slopes are searched to 1e-8 standard errors, and sums are of other orders."""


@st.composite
def networks(draw: st.DrawFn) -> pd.DataFrame:
    n, k = draw(st.integers(60, 240)), draw(st.integers(2, 6))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    x = rng.normal(size=n)
    base = draw(st.floats(-2.0, 1.0))
    days = np.ceil(rng.exponential(60, n))
    return pd.DataFrame(
        {
            "center_id": [f"c{i}" for i in rng.integers(0, k, n)],
            "patient_id": rng.integers(0, n // 2, n),
            "x": x,
            "g": rng.choice(list("uv"), n),
            "leak": (rng.random(n) < 1 / (1 + np.exp(-base - x / 2))).astype(float),
            "days": np.minimum(days, 100.0),
            "event": np.where(days >= 100, 0, rng.integers(0, 3, n)),
        }
    )


def proportion(rows: pd.DataFrame, **options: Any) -> Expected:
    wanted = {"adjust": ["x", "g"], "cluster": "patient_id", **options}
    return expected_proportion(rows, outcome="leak", **wanted)


def incidence(rows: pd.DataFrame, **options: Any) -> Expected:
    wanted = {"adjust": ["x", "g"], "cluster": "patient_id", **options}
    return expected_incidence(rows, duration="days", event="event", horizon=50, **wanted)


BOTH = st.sampled_from([proportion, incidence])
COLUMNS = ("n", "n_patients", "observed", "expected", "variance", "design_effect",
           "benchmark_variance")  # fmt: skip


def same(one: Expected, two: Expected, order: Any = slice(None)) -> None:
    for name in COLUMNS:
        ours, theirs = getattr(one.sums, name), getattr(two.sums, name)[order]
        np.testing.assert_allclose(ours, theirs, rtol=SAME, atol=SAME, err_msg=name)


@settings(max_examples=25)
@given(networks(), BOTH, st.integers(0, 100))
def test_the_order_of_the_rows_plays_no_part(rows: pd.DataFrame, call: Any, seed: int) -> None:
    mixed = rows.sample(frac=1, random_state=seed)
    first, second = call(rows), call(mixed)
    same(first, second)
    # risks are given back in the order of the rows as given, whatever their labels
    np.testing.assert_allclose(first.row_risks[mixed.index], second.row_risks, rtol=SAME, atol=SAME)
    same(first, call(rows.set_axis(np.zeros(len(rows), int))))


@settings(max_examples=25)
@given(networks(), BOTH, st.integers(0, 100))
def test_names_of_centers_and_patients_play_no_part(
    rows: pd.DataFrame, call: Any, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    names = np.unique(rows["center_id"])
    other = dict(zip(names, rng.permutation([f"z{i}" for i in range(len(names))]), strict=True))
    renamed = rows.assign(
        center_id=rows["center_id"].map(other), patient_id=[f"#{p}" for p in rows["patient_id"]]
    )
    first, second = call(rows), call(renamed)
    same(first, second, [second.sums.centers.index(other[n]) for n in first.sums.centers])


@settings(max_examples=25)
@given(networks(), BOTH)
def test_outcomes_of_a_center_do_not_shape_its_own_expectation(
    rows: pd.DataFrame, call: Any
) -> None:
    own = (rows["center_id"] == rows["center_id"].iloc[0]).to_numpy()
    turned = rows.assign(leak=np.where(own, 1 - rows["leak"], rows["leak"]))
    if call is incidence:  # times at risk are part of what is expected: only events are changed
        turned = rows.assign(event=np.where(own, (rows["event"] == 0).astype(int), rows["event"]))
    # whether and how to adjust is decided of all: penalised throughout, that is the same for both
    options = {"penalty": "firth", "adjust": ["x"]}
    first, second = call(rows, **options), call(turned, **options)
    if first.adjusted != second.adjusted:
        return
    i = first.sums.centers.index(rows["center_id"].iloc[0])
    np.testing.assert_allclose(first.sums.expected[i], second.sums.expected[i], rtol=1e-6)


@settings(max_examples=20)
@given(networks())
def test_a_network_twice_doubles_sums_and_patients(rows: pd.DataFrame) -> None:
    twice = pd.concat([rows, rows.assign(patient_id=rows["patient_id"] + 10_000)])
    one, two = proportion(rows, adjust=[]), proportion(twice, adjust=[])
    np.testing.assert_allclose(two.sums.expected, 2 * one.sums.expected, rtol=SAME)
    np.testing.assert_allclose(two.sums.variance, 2 * one.sums.variance, rtol=SAME)


@settings(max_examples=20)
@given(networks())
def test_each_row_twice_in_its_patient_is_seen_through(rows: pd.DataFrame) -> None:
    alone = rows.assign(patient_id=np.arange(len(rows)))
    twice = pd.concat([alone, alone])
    one, two = proportion(alone, adjust=[]), proportion(twice, adjust=[])
    if rows.groupby("center_id")["leak"].nunique().max() == 1:
        return  # nothing varies at any center, so likeness cannot be seen
    # copies carry no information: variance of a count twice as large is four times as large
    np.testing.assert_allclose(two.correlation, 1.0)
    np.testing.assert_allclose(two.sums.variance, 4 * one.sums.variance, rtol=SAME)
    np.testing.assert_allclose(
        two.sums.benchmark_variance, 4 * one.sums.benchmark_variance, rtol=SAME
    )


@settings(max_examples=25)
@given(networks(), BOTH)
def test_bounds_of_what_is_expected(rows: pd.DataFrame, call: Any) -> None:
    found = call(rows)
    sums = found.sums
    assert (sums.expected >= 0).all()
    assert (sums.design_effect >= 1 - 1e-12).all()
    if call is proportion:
        assert (sums.expected <= sums.n).all()
        totals = [(r.values * r.counts).sum() for r in sums.risks]
        np.testing.assert_allclose(totals, sums.expected, atol=1e-9)
        rates = found.rates
        assert (rates["direct_low"] <= rates["direct"] + 1e-9).all()
        assert (rates["direct"] <= rates["direct_high"] + 1e-9).all()
    np.testing.assert_allclose(found.row_risks.sum(), sums.expected.sum(), atol=1e-9)


@given(st.integers(1, 60), st.integers(1, 20), st.integers(0, 50))
def test_folds_hold_centers_of_all_sizes(k: int, count: int, seed: int) -> None:
    fold = deal([np.random.default_rng(seed).permutation(k).astype(float)], min(count, k))
    sizes = np.bincount(fold)
    assert len(sizes) == min(count, k)
    assert sizes.max() - sizes.min() <= 1


@given(st.integers(0, 10_000), st.integers(2, 60))
def test_correlation_reproduces_the_network_s_variance(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    patient = make_clusters(np.sort(rng.integers(0, n // 2 + 1, n)))
    risk = rng.uniform(0.05, 0.95, n)
    residual = (rng.random(n) < risk) - risk
    r = within_correlation(residual, risk * (1 - risk), patient)
    total, _ = center_variance(risk * (1 - risk), np.zeros(n, int), 1, patient, r)
    sums = np.bincount(patient.codes, residual)
    pairs = (sums**2).sum() - (residual**2).sum()
    if 0 < r < 1:
        np.testing.assert_allclose(total[0] - (risk * (1 - risk)).sum(), pairs, atol=1e-9)


@given(st.integers(1, 400), st.floats(0.01, 0.6), st.sampled_from([0.95, 0.998]))
def test_power_is_no_less_for_a_larger_odds_ratio(n: int, risk: float, limit: float) -> None:
    found = [power(n, risk, ratio, limit) for ratio in (1.0, 1.5, 2.0, 4.0)]
    assert found == sorted(found)
    assert power(n, risk, 2.0, limit, tail="exact") <= found[2]
