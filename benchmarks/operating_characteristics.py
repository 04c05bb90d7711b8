"""How often centers are called when nothing is wrong, and when something is.

    OMP_NUM_THREADS=1 .venv/bin/python benchmarks/operating_characteristics.py [evaluations]

Prints the table of `docs/methods/audit-operating-characteristics.md`. Networks are simulated and
held against the limits of `vpstats.centers`; by default 100,000 centers are judged in each row, in
some minutes. Numbers of rows, patients and risks are those of a registry of vertebral fractures:
four risk groups, centers that differ threefold in volume.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from vpstats.centers.dispersion import FEWEST_FOR_PHI, estimate_dispersion
from vpstats.centers.limits import (
    Chance,
    Tail,
    chance_of,
    read_tails,
    signed_scores,
    tail_functions,
)
from vpstats.centers.multiplicity import fdr
from vpstats.centers.rules import student_tail
from vpstats.centers.sums import CenterSums, Risks

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]

EVALUATIONS = 100_000
BATCH = 600
ALARM = 0.001
GROUPS = np.array([0.45, 0.30, 0.17, 0.08])
RISKS = np.array([0.05, 0.10, 0.20, 0.35])
SPREAD = 0.2
LEVELS = np.array([0.62, 0.23, 0.10, 0.05])
"""Shares of patients with one, two, three and four treated levels."""
HABITS = (0.18, 0.90)
"""Smallest and largest share of rows that a center examines as a routine: fivefold."""
SUSPECTED = (0.35, 0.05)
"""Shares examined on suspicion of other rows, with and without the outcome."""


@dataclass(frozen=True)
class Share:
    """How many of how many were called."""

    called: int
    of: int

    @property
    def value(self) -> float:
        return self.called / self.of

    @property
    def error(self) -> float:
        return float(np.sqrt(self.value * (1 - self.value) / self.of))

    def __add__(self, other: Share) -> Share:
        return Share(self.called + other.called, self.of + other.of)


def tilt(risks: Vector, by: Vector) -> Matrix:
    return risks * np.exp(by[:, None]) / (1 - risks + risks * np.exp(by[:, None]))


def draw_volumes(rng: np.random.Generator, k: int, low: float, high: float) -> Matrix:
    """Rows by center and risk group, the expected number between `low` and `high`."""
    expected = np.exp(rng.uniform(np.log(low), np.log(high), k))
    n = np.ceil(expected / (GROUPS @ RISKS)).astype(int)
    return np.array([rng.multinomial(m, GROUPS) for m in n], float)


def collect(
    n: Matrix, observed: Vector, risks: Matrix, error: Vector, effect: float = 1.0
) -> CenterSums:
    """Sums of centers whose rows fall into risk groups."""
    k = len(n)
    expected, own = (n * risks).sum(axis=1), (n * risks * (1 - risks)).sum(axis=1)
    return CenterSums(
        centers=tuple(f"{i:06d}" for i in range(k)),
        unit="patient",
        measure="proportion",
        n=n.sum(axis=1),
        n_patients=n.sum(axis=1),
        observed=observed,
        expected=expected,
        variance=own * effect,
        design_effect=np.full(k, effect),
        benchmark_variance=error,
        benchmark=float(GROUPS @ RISKS),
        risks=tuple(Risks(r, m) for r, m in zip(risks, n, strict=True)),
    )


def known(rng: np.random.Generator, k: int, low: float, high: float) -> CenterSums:
    n = draw_volumes(rng, k, low, high)
    observed = rng.binomial(n.astype(int), RISKS).sum(axis=1).astype(float)
    return collect(n, observed, np.tile(RISKS, (k, 1)), np.zeros(k))


def estimated(
    rng: np.random.Generator, networks: int, centers: int, low: float, high: float
) -> CenterSums:
    """Networks whose risks by group come from all centers but the one that is judged."""
    n = draw_volumes(rng, networks * centers, low, high)
    return held_against_others(n, rng.binomial(n.astype(int), RISKS).astype(float), centers)


def held_against_others(n: Matrix, cases: Matrix, centers: int) -> CenterSums:
    """Each center of networks of so many against the rates, by group, of its network's others."""
    others_n, others = (others_of(a, len(n) // centers, centers) for a in (n, cases))
    risks = np.clip(others / others_n, 1e-6, 1 - 1e-6)
    error = (n**2 * risks * (1 - risks) / others_n).sum(axis=1)
    return collect(n, cases.sum(axis=1), risks, error)


def others_of(rows: Matrix, networks: int, centers: int) -> Matrix:
    parts = rows.reshape(networks, centers, -1)
    return (parts.sum(axis=1, keepdims=True) - parts).reshape(rows.shape)


def varied(rng: np.random.Generator, k: int, low: float, high: float) -> CenterSums:
    """Centers whose true log odds ratios vary, none of them being called an outlier."""
    n = draw_volumes(rng, k, low, high)
    risks = tilt(RISKS, rng.normal(0, SPREAD, k))
    observed = rng.binomial(n.astype(int), risks).sum(axis=1).astype(float)
    return collect(n, observed, np.tile(RISKS, (k, 1)), np.zeros(k))


def clustered(
    rng: np.random.Generator, k: int, low: float, high: float, correlation: float = 0.5
) -> CenterSums:
    """Levels of patients who leak or do not: levels of one patient correlate.

    With probability `correlation` a patient's levels all share one draw. The design effect is the
    one of the population; how well it is estimated is another question.
    """
    volume = draw_volumes(rng, k, low, high)
    observed, n, effect = np.zeros(k), np.zeros_like(volume), []
    for g, risk in enumerate(RISKS):
        for size, share in enumerate(LEVELS, start=1):
            patients = rng.binomial((volume[:, g] / (LEVELS @ np.arange(1, 5))).astype(int), share)
            alike = rng.binomial(patients, correlation)
            observed += size * rng.binomial(alike, risk)
            observed += rng.binomial(size * (patients - alike), risk)
            n[:, g] += size * patients
    size = np.arange(1, 5)
    effect = 1 + correlation * float(LEVELS @ (size * (size - 1)) / (LEVELS @ size))
    return collect(n, observed, np.tile(RISKS, (k, 1)), np.zeros(k), effect)


def scanned(
    rng: np.random.Generator, networks: int, centers: int
) -> tuple[CenterSums, CenterSums, CenterSums]:
    """Centers of equal care that examine from 18 to 90 % of rows as a routine, others if suspected.

    Of the rest a third of rows with the outcome and one in twenty without it are examined on
    suspicion. Three audits of the same rows: those examined as a routine, those examined for any
    reason, and all rows with what was found.
    """
    n = draw_volumes(rng, networks * centers, 60, 110)
    habit = np.tile(np.linspace(*HABITS, centers), networks)[:, None]
    routine = rng.binomial(n.astype(int), habit)
    rest = n.astype(int) - routine
    by_routine, missed = rng.binomial(routine, RISKS), rng.binomial(rest, RISKS)
    by_suspicion = rng.binomial(missed, SUSPECTED[0])
    alarmed = rng.binomial(rest - missed, SUSPECTED[1])
    cases = (by_routine + by_suspicion).astype(float)
    return (
        held_against_others(routine.astype(float), by_routine.astype(float), centers),
        held_against_others((routine + by_suspicion + alarmed).astype(float), cases, centers),
        held_against_others(n, cases, centers),
    )


def scores(sums: CenterSums, tail: Tail = "mid-p") -> tuple[Chance, Vector, Vector]:
    chance = chance_of(sums)
    return (chance, *read_tails(chance.laws, tail_functions(chance.mass(), tail), sums.observed))


def above(sums: CenterSums, tail: Tail = "mid-p", alpha: float = ALARM) -> Share:
    upper = scores(sums, tail)[1]
    return Share(int(np.sum((upper < alpha) & (sums.observed > sums.expected))), len(sums))


def batches(evaluations: int, seed: int, size: int) -> Iterator[np.random.Generator]:
    count = int(np.ceil(evaluations / size))
    return (np.random.default_rng(s) for s in np.random.SeedSequence(seed).spawn(count))


def repeat(
    judge: Callable[[np.random.Generator], dict[str, Share]], evaluations: int, seed: int,
    size: int = BATCH,
) -> dict[str, Share]:  # fmt: skip
    total: dict[str, Share] = {}
    for rng in batches(evaluations, seed, size):
        for name, share in judge(rng).items():
            total[name] = total.get(name, Share(0, 0)) + share
    return total


def judge_known(rng: np.random.Generator) -> dict[str, Share]:
    sums = known(rng, BATCH, 5, 100)
    tails: tuple[Tail, ...] = ("mid-p", "exact", "interpolated")
    return {f"known benchmark, expected 5–100, {tail}": above(sums, tail) for tail in tails}


def judge_estimated(rng: np.random.Generator, low: float, high: float) -> dict[str, Share]:
    networks = BATCH // 12
    sums = estimated(rng, networks, 12, low, high)
    name = f"benchmark estimated from 11 other centers, expected {low:g}–{high:g}"
    ignored = replace(sums, benchmark_variance=np.zeros(len(sums)))
    return {
        f"{name}, its variance in the limits": above(sums),
        f"{name}, its variance ignored": above(ignored),
    }


def judge_varied(rng: np.random.Generator, centers: int = 40) -> dict[str, Share]:
    size = BATCH // centers * centers
    sums = varied(rng, size, 10, 100)
    chance, upper, lower = scores(sums)
    z = signed_scores(upper, lower)
    own = chance.cumulants.variance(np.zeros((size, 1)))[:, 0]
    parts = [slice(start, start + centers) for start in range(0, size, centers)]
    found = [estimate_dispersion(z[part], 1 / own[part]) for part in parts]
    called = {"chance alone": upper < ALARM}
    if centers >= FEWEST_FOR_PHI:
        phi = np.repeat([d.phi for d in found], centers)
        called["phi"] = z / np.sqrt(phi) > stats.norm.isf(ALARM)
    taus = {
        "tau": np.concatenate([d.tau_others for d in found]),
        "tau of all centers, as if known": np.repeat([d.tau for d in found], centers),
        "tau, as published": np.repeat([d.tau_raw for d in found], centers),
        "tau known": np.full(size, SPREAD),
    }
    freedom = np.concatenate([d.freedom for d in found])
    for name, tau in taus.items():
        functions = tail_functions(chance.widened(tau).mass(), "mid-p")
        tail = read_tails(chance.laws, functions, sums.observed)[0]
        called[name] = (student_tail(tail, freedom) if name == "tau" else tail) < ALARM
    name = f"true odds ratios vary (tau = {SPREAD:g}), networks of {centers}, limits for"
    return {f"{name} {which}": Share(int(hits.sum()), size) for which, hits in called.items()}


def judge_clustered(rng: np.random.Generator) -> dict[str, Share]:
    sums = clustered(rng, BATCH, 10, 100)
    own = sums.variance / sums.design_effect
    independent = replace(sums, variance=own, design_effect=np.ones(len(sums)))
    name = f"levels of patients, design effect {sums.design_effect[0]:.2f}, limits"
    return {f"{name} by patient": above(sums), f"{name} for independent levels": above(independent)}


def judge_scanned(rng: np.random.Generator, centers: int = 10) -> dict[str, Share]:
    routine, examined, everybody = scanned(rng, BATCH // centers, centers)
    name = "routine imaging of 18–90 % of rows, others on suspicion, networks of 10:"
    return {
        f"{name} rows imaged as a routine, expected 10–100": above(routine),
        f"{name} all imaged rows, reasons ignored": above(examined),
        f"{name} found per row, imaging ignored": above(everybody),
    }


def print_shares(rows: dict[str, Share]) -> None:
    for name, share in rows.items():
        print(
            f"| {name} | {share.of:,} | {100 * share.value:.3f} % | {100 * share.error:.3f} % |",
            flush=True,
        )


def power(risk: float = 0.12, odds_ratio: float = 2.0) -> None:
    """Exact power of the upper limits against a doubled odds, by number of patients."""
    print("\n| patients | expected | power at 95 % | power at 99.8 % |\n|---:|---:|---:|---:|")
    worse = risk * odds_ratio / (1 - risk + risk * odds_ratio)
    for n in (25, 50, 75, 100, 150, 200, 300, 400, 600):
        k = np.arange(n + 1)
        upper = stats.binom.sf(k, n, risk) + stats.binom.pmf(k, n, risk) / 2
        gains = [stats.binom.sf(k[upper < a][0] - 1, n, worse) for a in (0.025, ALARM)]
        print(f"| {n} | {n * risk:.1f} | {gains[0]:.2f} | {gains[1]:.2f} |")


EXITS = (
    "at least one center outside of 95 %, either side",
    "at least one center above 95 %",
    "at least one center outside of 99.8 %, either side",
    "at least one center above 99.8 %",
    "at least one center outside of 99.8 %, either side, with FDR at most 5 %",
    "at least one center above 99.8 %, with FDR at most 5 %",
)


def judge_audits(rng: np.random.Generator, audits: int = 12) -> dict[str, Share]:
    """Whole audits of 12 centers and 8 indicators, all as the rest, benchmarks estimated."""
    sums = estimated(rng, 8 * audits, 12, 10, 100)
    _, upper, lower = scores(sums)
    shape = (audits, 96)
    p, up = (
        np.minimum(1, 2 * np.minimum(upper, lower)).reshape(shape),
        (upper < lower).reshape(shape),
    )
    q = np.array([fdr(row) for row in p])
    alarm = p < 2 * ALARM
    which = (p < 0.05, (p < 0.05) & up, alarm, alarm & up, alarm & (q <= 0.05),
             alarm & up & (q <= 0.05))  # fmt: skip
    return {
        name: Share(int(c.any(axis=1).sum()), audits) for name, c in zip(EXITS, which, strict=True)
    }


def main(evaluations: int = EVALUATIONS, seed: int = 20260101) -> None:
    print("| what is true, and the limits | centers judged | above 99.8 % | Monte-Carlo SE |")
    print("|---|---:|---:|---:|")
    print_shares(repeat(judge_known, evaluations, seed))
    for low, high in ((10.0, 100.0), (5.0, 10.0)):
        print_shares(repeat(partial(judge_estimated, low=low, high=high), evaluations, seed + 1))
    for centers in (12, 40, 200):
        print_shares(repeat(partial(judge_varied, centers=centers), evaluations, seed + 2))
    print_shares(repeat(judge_clustered, evaluations, seed + 3))
    print_shares(repeat(judge_scanned, evaluations, seed + 5))
    power()
    print("\n| nothing is wrong; 12 centers, 8 indicators | audits | share | Monte-Carlo SE |")
    print("|---|---:|---:|---:|")
    print_shares(repeat(judge_audits, evaluations, seed + 4, size=12 * 96))


if __name__ == "__main__":
    main(*(int(a) for a in sys.argv[1:2]))
