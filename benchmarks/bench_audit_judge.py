"""Judging the centers of a network, beside a plain loop over libraries, ratios in one run.

    OMP_NUM_THREADS=1 .venv/bin/python benchmarks/bench_audit_judge.py [centers rows indicators]

By default 200 centers of 500 rows with risks of their own, eight indicators. No library judges
centers; the contenders do a part each: SciPy's Poisson-binomial distribution for both tails of
each center, and statsmodels' Clopper–Pearson interval with SciPy's binomial limits, as if all
rows of a center had one risk. Runs are interleaved and CPU seconds are medians.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from scipy import stats

from vpstats.centers.exact import poisson_binomials
from vpstats.centers.judge import judge
from vpstats.centers.limits import chance_of, intervals
from vpstats.centers.sums import CenterSums, Risks

RUNS = 3
Job = Callable[[], object]


def make_sums(centers: int, rows: int, seed: int) -> CenterSums:
    """Rows with risks of a mean of a tenth, true odds that vary by a fifth."""
    rng = np.random.default_rng(seed)
    risks = np.sort(rng.beta(1, 9, (centers, rows)), axis=1)
    odds = risks / (1 - risks) * np.exp(rng.normal(0, 0.2, centers))[:, None]
    observed = (rng.random(risks.shape) < odds / (1 + odds)).sum(axis=1).astype(float)
    expected, n = risks.sum(axis=1), np.full(centers, float(rows))
    return CenterSums(
        centers=tuple(f"c{i:04d}" for i in range(centers)),
        unit="patient",
        measure="proportion",
        n=n,
        n_patients=n,
        observed=observed,
        expected=expected,
        variance=(risks * (1 - risks)).sum(axis=1),
        design_effect=np.ones(centers),
        benchmark_variance=0.01 * expected,
        benchmark=0.1,
        risks=tuple(Risks(r, np.ones(rows)) for r in risks),
    )


def scipy_tails(indicators: list[CenterSums]) -> None:
    for sums in indicators:
        for risks, seen in zip(sums.risks, sums.observed, strict=True):
            law = stats.poisson_binom(risks.values)
            law.sf(seen - 1), law.cdf(seen)


def plain_loop(indicators: list[CenterSums]) -> None:
    from statsmodels.stats.proportion import proportion_confint

    for sums in indicators:
        for seen, n, mean in zip(sums.observed, sums.n, sums.expected, strict=True):
            proportion_confint(seen, n, method="beta")
            stats.binom.ppf([0.001, 0.025, 0.975, 0.999], n, mean / n)


def contenders(indicators: list[CenterSums]) -> dict[str, Job]:
    known = [replace(s, benchmark_variance=np.zeros(len(s))) for s in indicators]
    return {
        "judge, everything": lambda: [judge(sums) for sums in indicators],
        "Poisson-binomial distributions": lambda: [
            poisson_binomials(s.risks, [None] * len(s)) for s in indicators
        ],
        "chances and exact intervals": lambda: [intervals(chance_of(s), s.observed) for s in known],
        "scipy: Poisson-binomial tails": lambda: scipy_tails(indicators),
        "statsmodels and scipy: one risk per center": lambda: plain_loop(indicators),
    }


def main(centers: int = 200, rows: int = 500, count: int = 8) -> None:
    indicators = [make_sums(centers, rows, seed) for seed in range(count)]
    jobs = contenders(indicators)
    spent: dict[str, list[float]] = {name: [] for name in jobs}
    for _ in range(RUNS):
        for name, job in jobs.items():
            start = time.process_time()
            job()
            spent[name].append(time.process_time() - start)
    ours = float(np.median(spent["judge, everything"]))
    print(f"{centers} centers of {rows} rows, {count} indicators; CPU seconds, median of {RUNS}")
    for name, times in spent.items():
        median = float(np.median(times))
        print(f"  {name:<45} {median:8.3f}   judge / this {ours / median:6.2f}")


if __name__ == "__main__":
    main(*(int(a) for a in sys.argv[1:4]))
