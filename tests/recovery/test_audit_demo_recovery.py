"""The demonstration registry drawn many times: what the audit finds of what is true of its centers.

Each seed is a registry of its own from the spec of ``data/demo``. The leakage indicators of the
plan are audited as `run_audit` does it, without strata. C03 and C08 are truly worse (odds ratio 2),
C11 is truly better (0.5); C01, C04 and C07 scan everyone and leak no more than others. Beside it
stand two audits that take no notice of who was scanned, and why.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from vpstats.centers.audit import collect_audit
from vpstats.centers.expected import expected_proportion
from vpstats.centers.indicator import audit_indicator
from vpstats.centers.judge import Rules, judge
from vpstats.centers.volume import needed_volume, power, seen_odds_ratio
from vpstats.frames import Frame
from vpstats.pipeline.study import Cohorts
from vpstats.registry import Registry, load_demo
from vpstats.simulate import SimulationSpec, simulate_registry
from vpstats.study import Indicator, StudyPlan, read_plan

pytestmark = pytest.mark.slow

SEEDS = 200 if os.environ.get("VPSTATS_FULL") else 10
FIRST = 1_000
"""First seed; the committed registry has another one."""
PLAN = Path(__file__).parents[2] / "data" / "demo"
INDICATORS = ("leak_fluoro", "leak_ct")
WORSE, BETTER = ("C03", "C08"), ("C11",)
SCANNERS = ("C01", "C04", "C07")
"""They scan everyone, and are as good as the network."""
LIMITS = {"95 %": 0.05, "99.8 %": 0.002}
ERRORS = 3.0
"""Monte-Carlo standard errors that a share may lie beyond its bound."""


def indicators(plan: StudyPlan) -> list[Indicator]:
    named = {spec.id: spec for spec in plan.audited}
    return [named[name].model_copy(update={"strata": {}}) for name in INDICATORS]


def audit(plan: StudyPlan, registry: Registry) -> tuple[pd.DataFrame, dict[str, Frame]]:
    """Every center's verdicts with the power that is printed for its volume; and the cohorts."""
    cohorts = Cohorts(registry, plan)
    frames = {spec.id: cohorts.build(spec) for spec in indicators(plan)}
    parts = [
        one.result
        for spec in indicators(plan)
        for one in audit_indicator(frames[spec.id], spec, registry.data_cut)
    ]
    found = collect_audit(parts, plan.audit, signalling=INDICATORS)
    network = pd.concat([p.network.assign(indicator=p.indicator) for p in found.indicators])
    return with_power(found.table.merge(network, on="indicator"), plan), frames


def with_power(table: pd.DataFrame, plan: StudyPlan) -> pd.DataFrame:
    """Add each limit's power for doubled and halved odds of a leak, as the audit reckons it."""
    parts = []
    for spec in indicators(plan):
        part, seen = table[table["indicator"] == spec.id].copy(), spec.ascertainment
        assert seen is not None
        risk = float(part["benchmark"].iloc[0])
        ratio = seen_odds_ratio(risk, 2.0, seen.sensitivity, seen.specificity)
        # the printed volume holds the design effect, and the error of the benchmark
        error = float(part["benchmark_error"].iloc[0])
        plain = needed_volume(risk, ratio, benchmark_error=error)
        effect = max(float(part["needed_power"].iloc[0]) / plain, 1.0)
        unknown = {"design_effect": effect, "benchmark_error": error}
        gain = seen_odds_ratio(risk, 0.5, seen.sensitivity, seen.specificity)
        for limit, alpha in LIMITS.items():
            for side, change in (("worse", ratio), ("better", gain)):
                part[f"{side} {limit}"] = [
                    power(int(n), risk, change, 1 - alpha, **unknown) for n in part["n"]
                ]
        parts.append(part)
    return pd.concat(parts)


def naive(frames: dict[str, Frame]) -> pd.DataFrame:
    """Two audits that ask neither how a leak was seen nor why."""
    adjust = ["age_at_proc", "sex", "neoplastic", "region", "cortical_breach"]
    ct, fluoro = frames["leak_ct"], frames["leak_fluoro"].data.set_index("level_id")["leak_any"]
    either = ct.data["level_id"].map(fluoro).astype(float)
    by_ct = ct.data["leak_any"].astype(float)
    outcomes = {
        "any modality": np.fmax(by_ct, either),
        "CT for any reason": by_ct,
    }
    tables = []
    for name, outcome in outcomes.items():
        frame = replace(ct, data=ct.data.assign(leak=outcome), outcome=None)
        sums = expected_proportion(frame, outcome="leak", adjust=adjust).sums
        tables.append(judge(sums, Rules()).table.assign(indicator=name))
    return pd.concat(tables)


def draw(plan: StudyPlan, seed: int) -> pd.DataFrame:
    spec = SimulationSpec()
    tables = simulate_registry(spec, seed).tables
    registry = Registry.from_tables(tables, name="Drawn", data_cut=spec.data_cut, synthetic=True)
    found, frames = audit(plan, registry)
    return pd.concat([found, naive(frames)]).assign(seed=seed)


@pytest.fixture(scope="module")
def plan() -> StudyPlan:
    return read_plan(PLAN)


@pytest.fixture(scope="module")
def drawn(plan: StudyPlan) -> pd.DataFrame:
    return pd.concat([draw(plan, FIRST + i) for i in range(SEEDS)], ignore_index=True)


def rows(drawn: pd.DataFrame, indicator: str, centers: Iterable[str]) -> pd.DataFrame:
    return drawn[(drawn["indicator"] == indicator) & drawn["center_id"].isin(list(centers))]


def beyond(found: pd.DataFrame, limit: str, side: str) -> np.ndarray:
    above = found["observed"] > found["expected"]
    return np.asarray((found["p_value"] < LIMITS[limit]) & (above == (side == "worse")), bool)


def error(share: float, n: int) -> float:
    return ERRORS * float(np.sqrt(share * (1 - share) / n))


Recovered = Callable[..., Any]


def note(recovered: Recovered, what: str, method: str, hits: np.ndarray, bound: float) -> float:
    """Put a share beside the printed one into the table; a share has no interval of its own."""
    nothing = np.full(len(hits), np.nan)
    recovered(what, method, truth=bound, estimates=hits, low=nothing, high=nothing, check=False)
    return float(np.mean(hits))


@pytest.mark.parametrize(("center", "indicator"), [("C03", "leak_ct"), ("C08", "leak_fluoro")])
@pytest.mark.parametrize("limit", list(LIMITS))
def test_worse_centers_are_found_as_often_as_printed(
    drawn: pd.DataFrame, recovered: Recovered, center: str, indicator: str, limit: str
) -> None:
    found = rows(drawn, indicator, [center])
    assert len(found) == SEEDS
    printed = float(found[f"worse {limit}"].mean())
    share = note(recovered, f"{center} found worse", f"{indicator}, {limit}",
                 beyond(found, limit, "worse"), printed)  # fmt: skip
    assert share >= printed - error(printed, SEEDS)


def test_verdicts_are_those_of_the_limits(drawn: pd.DataFrame) -> None:
    """An alarm is beyond the outer limits, and worse centers keep it for all the multiplicity."""
    found = rows(drawn, "leak_ct", ["C03"])
    alarms = (found["verdict"] == "alarm") & (found["side"] == "worse")
    assert not (alarms & (found["p_value"] > LIMITS["99.8 %"])).any()
    assert alarms.mean() >= float(found["worse 99.8 %"].mean()) - error(0.9, SEEDS)


@pytest.mark.parametrize("limit", list(LIMITS))
def test_the_better_center_is_found(drawn: pd.DataFrame, recovered: Recovered, limit: str) -> None:
    found = rows(drawn, "leak_ct", BETTER)
    printed = float(found[f"better {limit}"].mean())
    share = note(recovered, "C11 found better", f"leak_ct, {limit}",
                 beyond(found, limit, "better"), printed)  # fmt: skip
    assert share >= printed - error(printed, SEEDS)


@pytest.mark.parametrize("limit", list(LIMITS))
@pytest.mark.parametrize("indicator", INDICATORS)
def test_centers_that_scan_everyone_are_not_called(
    drawn: pd.DataFrame, recovered: Recovered, indicator: str, limit: str
) -> None:
    found = rows(drawn, indicator, SCANNERS)
    printed = LIMITS[limit] / 2
    share = note(recovered, "ordinary, scans everyone: called worse", f"{indicator}, {limit}",
                 beyond(found, limit, "worse"), printed)  # fmt: skip
    # exact, since few calls are to be expected: what chance exceeds as seldom as three errors
    calls = round(share * len(found))
    assert stats.binom.sf(calls - 1, len(found), printed) >= stats.norm.sf(ERRORS)


def test_an_audit_that_ignores_imaging_calls_them(
    drawn: pd.DataFrame, recovered: Recovered
) -> None:
    pooled = rows(drawn, "any modality", SCANNERS)
    share = note(recovered, "ordinary, scans everyone: called worse", "any modality, 99.8 %",
                 beyond(pooled, "99.8 %", "worse"), 0.001)  # fmt: skip
    assert share > 0.5
    suspicious = rows(drawn, "CT for any reason", ["C02", "C06", "C09", "C10"])
    hits = beyond(suspicious, "99.8 %", "worse")
    what = "ordinary, scans on suspicion: called worse"
    share = note(recovered, what, "CT for any reason, 99.8 %", hits, 0.001)
    assert share > 0.1


def test_who_makes_no_ct_has_no_verdict_by_ct(drawn: pd.DataFrame) -> None:
    found = rows(drawn, "leak_ct", ["C05", "C08", "C12"])
    assert set(found["verdict"]) == {"no verdict"}


def test_the_committed_exports(plan: StudyPlan) -> None:
    """The same from files with their faults."""
    table, _ = audit(plan, load_demo())
    by_ct = table[table["indicator"] == "leak_ct"].set_index("center_id")
    seen = table[table["indicator"] == "leak_fluoro"].set_index("center_id")
    said = by_ct["verdict"] + ", " + by_ct["side"]
    assert said["C03"] == "alarm, worse"
    assert said["C11"] == "alarm, better"
    assert seen.loc["C08", "side"] == "worse"
    assert not (by_ct["side"] == "worse").drop("C03").any()
    assert (seen.loc[list(SCANNERS), "side"] != "worse").all()
