"""Charts over time run as long as their limits promise, and learning curves find what is true."""

from __future__ import annotations

import os
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from vpstats.centers.monitoring import (
    average_run_length,
    cusum_limit,
    learning_curve,
    simulate_run_lengths,
    simulate_survival_alarms,
    survival_limit,
)
from vpstats.models.logistic import fit_logistic

pytestmark = pytest.mark.slow

FULL = bool(os.environ.get("VPSTATS_FULL"))
RUNS = 10_000 if FULL else 1_000
WANTED = 5_000.0 if FULL else 400.0
PROMISED = 0.05
"""A chart runs within 5 % of what its limit promises, beside the error of the simulation."""

Vector = NDArray[np.float64]


def mixes() -> dict[str, Vector]:
    rng = np.random.default_rng(2024)
    return {
        "one risk, 5 %": np.full(300, 0.05),
        "one risk, 30 %": np.full(300, 0.3),
        "two risks": np.repeat([0.02, 0.1], [210, 90]),
        "five risks": np.repeat([0.01, 0.03, 0.1, 0.2, 0.4], 60),
        "mean 0.8 %": rng.beta(1, 120, 300),
        "mean 1.5 %": rng.beta(0.7, 46, 300),
        "mean 3 %, skewed": rng.beta(0.4, 13, 300),
        "mean 10 %": rng.beta(2, 18, 300),
        "mean 30 %": rng.beta(3, 7, 300),
        "mean 50 %, wide": rng.beta(1, 1, 300),
    }


CHARTS = [(name, ratio) for name in mixes() for ratio in (2.0, 0.5)]


@pytest.mark.parametrize("at", range(20), ids=[f"{n}, {r}" for n, r in CHARTS])
def test_runs_in_control_are_as_long_as_promised(at: int) -> None:
    name, ratio = CHARTS[at]
    risks = mixes()[name]
    found = cusum_limit(risks, odds_ratio=ratio, in_control_run_length=WANTED)
    lengths = simulate_run_lengths(risks, found.limit, odds_ratio=ratio, runs=RUNS, seed=at)
    error = lengths.std() / np.sqrt(RUNS)
    assert abs(lengths.mean() - found.run_length) <= PROMISED * found.run_length + 3 * error
    # the longest step of the run length is that of one risk of 30 %
    assert -0.05 <= found.run_length / WANTED - 1 <= 0.3


@pytest.mark.parametrize("ratio", [2.0, 0.5])
def test_a_period_has_the_false_alarms_that_were_asked_for(ratio: float) -> None:
    risks = mixes()["mean 10 %"]
    found = cusum_limit(risks, odds_ratio=ratio, false_alarm=0.1, head_start=0.3)
    lengths = simulate_run_lengths(
        risks, found.limit, odds_ratio=ratio, runs=4 * RUNS, longest=301, seed=3, head_start=0.3
    )
    share = (lengths <= 300).mean()
    assert abs(share - 0.1) <= 4 * np.sqrt(0.1 * 0.9 / (4 * RUNS)) + 0.02 * 0.1


@pytest.mark.parametrize("ratio", [2.0, 0.5])
def test_a_case_mix_that_changes_moves_the_run_length_as_the_chain_says(ratio: float) -> None:
    early = mixes()["mean 10 %"]
    late = 2 * early / (1 + early)
    kept = cusum_limit(early, odds_ratio=ratio, in_control_run_length=WANTED).limit
    chain = average_run_length(late, kept, odds_ratio=ratio)
    lengths = simulate_run_lengths(late, kept, odds_ratio=ratio, runs=RUNS, seed=5)
    assert abs(lengths.mean() - chain) <= 0.02 * chain + 4 * lengths.std() / np.sqrt(RUNS)
    assert chain < 0.8 * WANTED  # sicker patients, more false alarms at the old limit


def test_a_mix_that_swings_in_time_runs_about_as_long_as_one_that_does_not() -> None:
    # the same risks, low ones in one half of each year and high ones in the other
    risks = np.sort(mixes()["mean 10 %"])
    found = cusum_limit(risks, in_control_run_length=WANTED)
    lengths = simulate_run_lengths(risks, found.limit, in_order=True, runs=RUNS, seed=6)
    assert lengths.mean() == pytest.approx(found.run_length, rel=0.25)


def test_run_lengths_spread_less_the_more_procedures_the_risk_model_saw() -> None:
    def real_length(n: int, seed: int) -> float:
        rng = np.random.default_rng([n, seed])
        X = rng.normal(size=(n + 300, 2))
        risk = 1 / (1 + np.exp(2.4 - X @ [0.6, 0.4]))
        rows = pd.DataFrame(X, columns=["a", "b"]).assign(y=(rng.random(n + 300) < risk) * 1)
        fit = fit_logistic(rows.head(n), "y ~ a + b")
        assumed = fit.predict(rows.tail(300))["estimate"].to_numpy()
        limit = cusum_limit(assumed, in_control_run_length=1_000).limit
        return average_run_length(assumed, limit, true_risks=risk[n:], states=120)

    spread = {}
    for n in (500, 8_000):
        lengths = np.log([real_length(n, seed) for seed in range(200 if FULL else 25)])
        spread[n] = lengths.std()
        middle = np.exp(np.median(lengths))
        assert middle == pytest.approx(1_000, rel=4 * spread[n] / np.sqrt(len(lengths)) + 0.05)
    # sixteen times the procedures, a quarter of the spread
    assert spread[8_000] == pytest.approx(spread[500] / 4, rel=0.6)


@pytest.mark.parametrize("ratio", [2.0, 0.5])
def test_survival_charts_signal_as_often_as_their_clock_says(ratio: float) -> None:
    rng = np.random.default_rng(1)
    start = pd.Timestamp("2021-01-01") + pd.to_timedelta(rng.integers(0, 500, 120), unit="D")
    relative = np.exp(rng.normal(0, 0.5, 120))
    options = {
        "baseline": lambda day: 0.3 * (1 - np.exp(-day / 60)),
        "horizon": 180,
        "as_of": "2022-09-01",
        "relative": relative,
        "hazard_ratio": ratio,
    }
    observed = np.minimum(180, (pd.Timestamp("2022-09-01") - start).days.to_numpy())
    # who has had the event is no longer at risk
    expected = (1 - np.exp(-relative * options["baseline"](observed))).sum()
    found = survival_limit(ratio, false_alarm=0.2, expected_events=expected)
    runs = 2_000 if FULL else 250
    share = simulate_survival_alarms(start, limit=found.limit, runs=runs, seed=2, **options)
    # read once a day, and with a clock that stops at a random time: a little off
    assert abs(share - 0.2) <= 4 * np.sqrt(0.16 / runs) + 0.03


def operated(seed: int, slope: float) -> pd.DataFrame:
    """Twenty operators of 40 cases, log odds falling by `slope` a case; operators differ by 0.5."""
    rng = np.random.default_rng(seed)
    rows = pd.DataFrame(
        {
            "operator_id": np.repeat([f"O{i:02d}" for i in range(20)], 40),
            "case": np.tile(np.arange(1, 41), 20),
        }
    )
    odds = rng.normal(-0.5, 0.5, 20).repeat(40) - slope * rows["case"]
    return rows.assign(leak=(rng.random(len(rows)) < 1 / (1 + np.exp(-odds))).astype(int))


def test_learning_curves_find_the_slope(recovered: Callable[..., None]) -> None:
    runs = 1_000 if FULL else 60
    found = []
    for seed in range(runs):
        table = learning_curve(operated(seed, 0.03), sequence="case", outcome="leak", knots=3)
        last = table.tidy().iloc[-1]
        at = last["position"] - 1
        found.append(np.log([last["estimate"], last["conf_low"], last["conf_high"]]) / at)
    estimate, low, high = np.array(found).T
    recovered(
        "log odds ratio of a case, within operators",
        "learning_curve, random intercepts",
        truth=-0.03,
        estimates=estimate,
        low=low,
        high=high,
    )


def test_learning_curves_find_nothing_where_nothing_is() -> None:
    runs = 1_000 if FULL else 60
    p_values = [
        learning_curve(operated(seed, 0.0), sequence="case", outcome="leak", knots=3).p_value
        for seed in range(runs)
    ]
    assert np.mean(np.array(p_values) < 0.05) <= 0.05 + 4 * np.sqrt(0.05 * 0.95 / runs)


@pytest.mark.parametrize(("ratio", "wanted"), [(2.0, 0.05), (2.0, 0.2), (1.5, 0.1)])
def test_the_clock_of_expected_events_is_a_poisson_process(ratio: float, wanted: float) -> None:
    """The limit's chain beside the process itself, simulated from event to event."""
    expected, runs = 40.0, 40_000
    limit = survival_limit(ratio, false_alarm=wanted, expected_events=expected).limit
    rng = np.random.default_rng(8)
    value, clock, signalled = np.zeros(runs), np.zeros(runs), np.zeros(runs, dtype=bool)
    while (clock <= expected).any():
        gap = rng.exponential(size=runs)
        clock += gap
        value = np.maximum(0, value - (ratio - 1) * gap) + np.log(ratio)
        signalled |= (value >= limit) & (clock <= expected)
    error = np.sqrt(wanted * (1 - wanted) / runs)
    assert abs(signalled.mean() - wanted) <= 4 * error + 0.03 * wanted
