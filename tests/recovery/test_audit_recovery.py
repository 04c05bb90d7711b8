"""False alarms of the limits, and what shrinkage says of the truth, in simulated networks.

The full table is printed by `benchmarks/operating_characteristics.py`.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from vpstats.centers.judge import judge
from vpstats.centers.limits import chance_of
from vpstats.centers.shrinkage import shrink

pytestmark = pytest.mark.slow

FULL = bool(os.environ.get("VPSTATS_FULL"))
EVALUATIONS = 100_000 if FULL else 3_000
NETWORKS = 1_000 if FULL else 60
ERRORS = 3.0
"""Monte-Carlo standard errors that a share of false alarms may lie beyond its bound."""
SCRIPT = Path(__file__).parents[2] / "benchmarks" / "operating_characteristics.py"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    import sys

    spec = importlib.util.spec_from_file_location("operating_characteristics", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # a dataclass looks its module up
    spec.loader.exec_module(module)
    return module


def error(share: float) -> float:
    return ERRORS * float(np.sqrt(share * (1 - share) / EVALUATIONS))


def test_false_alarms_with_a_known_benchmark(script: ModuleType) -> None:
    found = script.repeat(script.judge_known, EVALUATIONS, 11)
    shares = {name.split(", ")[-1]: share.value for name, share in found.items()}
    assert shares["mid-p"] <= 0.001 + error(0.001)
    assert shares["mid-p"] >= 0.0005 - error(0.0005)
    assert shares["exact"] <= shares["mid-p"] <= shares["interpolated"]


@pytest.mark.parametrize(("low", "high"), [(10.0, 100.0), (5.0, 10.0)])
def test_false_alarms_with_an_estimated_benchmark(
    script: ModuleType, low: float, high: float
) -> None:
    found = script.repeat(lambda rng: script.judge_estimated(rng, low, high), EVALUATIONS, 12)
    with_variance, without = (share.value for share in found.values())
    assert 0.0005 - error(0.0005) <= with_variance <= 0.0015 + error(0.0015)
    assert with_variance < without


def test_false_alarms_where_centers_vary(script: ModuleType) -> None:
    found = script.repeat(script.judge_varied, EVALUATIONS, 13)
    shares = {name.split("limits for ")[1]: share.value for name, share in found.items()}
    assert shares["chance alone"] > 0.015
    assert shares["tau"] <= 0.0015 + error(0.0015)
    assert shares["tau"] < shares["tau, as published"] < shares["chance alone"]
    assert shares["tau known"] <= 0.0015 + error(0.0015)
    assert shares["phi"] < shares["chance alone"] / 3


def test_false_alarms_of_levels_within_patients(script: ModuleType) -> None:
    by_patient, independent = (
        share.value for share in script.repeat(script.judge_clustered, EVALUATIONS, 14).values()
    )
    assert by_patient <= 0.0015 + error(0.0015)
    assert independent > 3 * by_patient


def test_false_alarms_with_habits_of_imaging(script: ModuleType) -> None:
    routine, examined, everybody = (
        share.value for share in script.repeat(script.judge_scanned, EVALUATIONS, 16).values()
    )
    assert routine <= 0.0015 + error(0.0015)
    assert examined > 0.03
    assert everybody > 0.03


def test_whole_audits_in_which_nothing_is_wrong(script: ModuleType) -> None:
    found = script.repeat(script.judge_audits, EVALUATIONS, 15, size=12 * 96)
    shares = {name: share.value for name, share in found.items()}
    assert shares[script.EXITS[0]] > 0.95
    assert shares[script.EXITS[4]] < 0.15


def simulate(script: ModuleType, seed: int, k: int = 25) -> tuple[Any, Any]:
    rng = np.random.default_rng(seed)
    n = script.draw_volumes(rng, k, 8, 60)
    truth = rng.normal(0, 0.4, k)
    observed = rng.binomial(n.astype(int), script.tilt(script.RISKS, truth)).sum(axis=1)
    risks = np.tile(script.RISKS, (k, 1))
    return script.collect(n, observed.astype(float), risks, np.zeros(k)), truth


def test_shrunken_intervals_hold_the_truth(
    script: ModuleType, recovered: Callable[..., Any]
) -> None:
    held, taus = [], []
    for seed in range(NETWORKS):
        sums, truth = simulate(script, seed)
        found = shrink(chance_of(sums), sums.observed, sums.expected)
        true = chance_of(sums).cumulants.mean(truth[:, None])[:, 0] / sums.expected
        held.append(np.mean((found.low <= true) & (true <= found.high)))
        taus.append(found.tau)
    coverage, share = float(np.mean(held)), float(np.std(held)) / np.sqrt(NETWORKS)
    assert abs(coverage - 0.95) <= 4 * share + 0.01  # a flat prior on tau is not the truth's
    # maximum likelihood of tau is biased downwards with few centers, as everywhere
    recovered(
        "tau of the random intercepts, 25 centers", "maximum likelihood", truth=0.4,
        estimates=taus, low=np.full(NETWORKS, np.nan), high=np.full(NETWORKS, np.nan),
        check=False,
    )  # fmt: skip
    assert abs(np.mean(taus) - 0.4) < 0.05


def test_exceedances_are_probabilities(script: ModuleType) -> None:
    said, true = [], []
    for seed in range(NETWORKS // 2):
        sums, truth = simulate(script, 10_000 + seed)
        said.append(judge(sums).table["exceedance"])
        o_e = chance_of(sums).cumulants.mean(truth[:, None])[:, 0] / sums.expected
        true.append(o_e > 1.2)
    p, happened = np.concatenate(said), np.concatenate(true)
    for low, high in ((0.0, 0.25), (0.25, 0.75), (0.75, 1.0)):
        some = (p >= low) & (p <= high)
        spread = np.sqrt(np.mean(p[some] * (1 - p[some])) / some.sum())
        assert abs(happened[some].mean() - p[some].mean()) <= 4 * spread
