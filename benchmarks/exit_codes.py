"""How often an audit's exit code is an alert or an alarm when nothing is wrong: docs/exit-codes.md.

``python benchmarks/exit_codes.py [audits]`` deals the patients of the demonstration registry to its
centers anew, so that no center differs from another and all outcomes of a patient stay together:
indicators of one center correlate as they do in the registry, and so do a stratum and the whole.
Each deal is judged as the audit judges it, without risk models, which have nothing to adjust for.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from vpstats.centers.clustering import center_variance, within_correlation
from vpstats.centers.limits import chance_of, read_tails, tail_functions
from vpstats.centers.multiplicity import fdr
from vpstats.centers.rows import OUTCOME, indicator_rows, keep_where
from vpstats.centers.sums import CenterSums, Risks
from vpstats.models.covariance import make_clusters
from vpstats.pipeline.study import Cohorts
from vpstats.registry import load_demo
from vpstats.study import Indicator, read_plan

Vector = NDArray[np.float64]
Codes = NDArray[np.intp]
PLAN = Path(__file__).parents[1] / "data" / "demo"
LEAST_EXPECTED, LEAST_ROWS = 5.0, 10


@dataclass(frozen=True)
class Rows:
    """The rows of one indicator, or of a stratum of it: patient, outcome and weight of each."""

    name: str
    patient: Codes
    outcome: Vector
    weight: Vector
    poisson: bool
    correlation: float


def followed(data: pd.DataFrame, spec: Indicator) -> tuple[Vector, Vector]:
    """Events by the horizon, and each row's cumulative hazard until it was no longer followed."""
    days = data["days"].to_numpy(float)
    horizon = float(spec.horizon or 0.0)
    event = ((data[spec.outcome] == spec.cause).to_numpy() & (days <= horizon)).astype(float)
    ends = np.minimum(days, horizon)
    at, counts = np.unique(ends[event == 1], return_counts=True)
    at_risk = len(ends) - np.searchsorted(np.sort(ends), at, side="left")
    total = np.concatenate([[0.0], np.cumsum(counts / at_risk)])
    return event, total[np.searchsorted(at, ends, side="right")]


def read_rows(data: pd.DataFrame, spec: Indicator, name: str, patients: pd.Index) -> Rows:
    if spec.measure == "incidence":
        outcome, weight = followed(data, spec)
    else:
        seen = spec.ascertainment
        if seen is not None:
            data = data[data[seen.examined].isin(seen.values)]
            if seen.reason:
                data = data[data[seen.reason].isin(seen.routine)]
        data = data[data[OUTCOME].notna()]
        outcome = data[OUTCOME].to_numpy(float)
        weight = np.full(len(data), outcome.mean())
    patient = patients.get_indexer(data["patient_id"])
    variance = weight if spec.measure == "incidence" else weight * (1 - weight)
    groups = make_clusters(patient)
    correlation = 0.0
    if len(np.unique(patient)) < len(patient):
        correlation = within_correlation(outcome - weight, variance, groups)
    return Rows(name, patient, outcome, weight, spec.measure == "incidence", correlation)


def all_rows(plan_path: Path) -> tuple[list[Rows], Codes]:
    """Rows of every outcome and stratum, and the center of each patient."""
    plan, registry = read_plan(plan_path), load_demo()
    patients = pd.Index(registry.patients["patient_id"])
    cohorts, found = Cohorts(registry, plan), []
    home = np.full(len(patients), -1)
    for spec in plan.audited:
        if not spec.sets_exit_code:
            continue
        whole = indicator_rows(cohorts.build(spec), spec, registry.data_cut)
        place = patients.get_indexer(whole.data["patient_id"])
        home[place] = pd.factorize(whole.data["center_id"], sort=True)[0]
        parts = {"all": whole}
        parts |= {name: keep_where(whole, where) for name, where in spec.strata.items()}
        for name, part in parts.items():
            found.append(read_rows(part.data, spec, f"{spec.id}, {name}", patients))
    return found, home


def sums_of(rows: Rows, home: Codes, k: int) -> CenterSums:
    """Each center against the rate of the others, as `expected_proportion` has it."""
    center = home[rows.patient]
    n = np.bincount(center, minlength=k).astype(float)
    observed = np.bincount(center, rows.outcome, k)
    weight = np.bincount(center, rows.weight, k)
    ratio = (observed.sum() - observed) / (weight.sum() - weight)
    expected = weight * ratio
    share = np.divide(expected, n, out=np.zeros(k), where=n > 0)
    own = rows.weight if rows.poisson else rows.weight * (1 - rows.weight)
    variance, effect = center_variance(
        own, center, k, make_clusters(rows.patient), rows.correlation
    )
    scale = np.divide(expected if rows.poisson else n * share * (1 - share),
                      np.bincount(center, own, k), out=np.ones(k), where=n > 0)  # fmt: skip
    total = variance.sum() - variance
    error = weight**2 * total / (weight.sum() - weight) ** 2
    return CenterSums(
        tuple(f"{i:02d}" for i in range(k)), "patient",
        "incidence" if rows.poisson else "proportion",
        n, n, observed, expected, variance * scale, effect, error, float(rows.outcome.mean()),
        () if rows.poisson else tuple(
            Risks(np.array([p]), np.array([m])) for p, m in zip(share, n, strict=True)
        ),
    )  # fmt: skip


def judge_one(rows: Rows, home: Codes, k: int) -> tuple[Vector, NDArray[np.bool_]]:
    """Two-sided p-value of each center, NaN without a verdict; and whether it lies above."""
    sums = sums_of(rows, home, k)
    if not rows.outcome.sum():
        return np.full(k, np.nan), np.zeros(k, bool)
    chance = chance_of(sums)
    upper, lower = read_tails(chance.laws, tail_functions(chance.mass(), "mid-p"), sums.observed)
    judged = (sums.expected >= LEAST_EXPECTED) & (sums.n >= LEAST_ROWS)
    return np.where(judged, np.minimum(1, 2 * np.minimum(upper, lower)), np.nan), upper < lower


def code(found: list[tuple[Vector, NDArray[np.bool_]]]) -> tuple[int, bool, bool]:
    """Verdicts given, and whether any is an alert or an alarm, or an alarm, on the worse side."""
    p, worse = np.concatenate([f[0] for f in found]), np.concatenate([f[1] for f in found])
    known = np.isfinite(p)
    q = np.full(len(p), np.nan)
    q[known] = fdr(p[known])
    alert, alarm = known & worse & (p < 0.05), known & worse & (p < 0.002) & (q <= 0.05)
    return int(known.sum()), bool(alert.any()), bool(alarm.any())


def main(audits: int = 1_000, seed: int = 20260101) -> None:
    parts, home = all_rows(PLAN)
    k = int(home.max()) + 1
    rng = np.random.default_rng(seed)
    treated = home >= 0
    sets = {
        "all outcomes with their strata": list(range(len(parts))),
        "all outcomes without strata": [i for i, r in enumerate(parts) if r.name.endswith(", all")],
    }
    found: dict[str, list[tuple[int, bool, bool]]] = {name: [] for name in sets}
    for _ in range(audits):
        dealt = home.copy()
        dealt[treated] = rng.permutation(home[treated])
        judged = [judge_one(rows, dealt, k) for rows in parts]
        for name, chosen in sets.items():
            found[name].append(code([judged[i] for i in chosen]))
    print("| nothing wrong | verdicts | 3 or graver | 4 | 3 or graver, if independent |")
    print("|---|---:|---:|---:|---:|")
    for name, rows in found.items():
        table = np.array(rows, float)
        shares = table.mean(axis=0)
        errors = np.sqrt(shares * (1 - shares).clip(0) / audits)
        alone = 1 - stats.binom.pmf(0, int(shares[0]), 0.025)
        print(f"| {name} | {shares[0]:.0f} | {shares[1]:.1%} ({errors[1]:.1%}) | "
              f"{shares[2]:.1%} ({errors[2]:.1%}) | {alone:.1%} |", flush=True)  # fmt: skip


if __name__ == "__main__":
    main(*(int(a) for a in sys.argv[1:2]))
