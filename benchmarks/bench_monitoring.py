"""Limits and charts of many centers: time by number of procedures, and its parts.

    OMP_NUM_THREADS=1 .venv/bin/python benchmarks/bench_monitoring.py [procedures ...]

200 centers and 8 indicators of different rarity, as a network's audit has them; CPU seconds,
medians of interleaved runs. No other Python package has these charts, so there is no contender:
the aim is 1,600 limits below 15 s and a cost that is linear in procedures.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

import numpy as np
import pandas as pd

from vpstats.centers.monitoring import (
    ChartRules,
    cusum,
    cusum_limit,
    monitor,
    monitor_survival,
    survival_limit,
)
from vpstats.centers.monitoring.limit_search import forget_limits

CENTERS, RUNS = 200, 3
INTERCEPTS = (-5.0, -4.5, -4.0, -3.5, -3.0, -2.5, -2.0, -1.0)

Job = Callable[[], object]


def make_rows(n: int, seed: int = 20260101) -> tuple[pd.DataFrame, list[np.ndarray]]:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    risks = [1 / (1 + np.exp(-(a + 0.7 * x))) for a in INTERCEPTS]
    rows = pd.DataFrame(
        {
            "center_id": [f"C{c:03d}" for c in rng.integers(0, CENTERS, n)],
            "procedure_date": pd.Timestamp("2020-01-01")
            + pd.to_timedelta(rng.integers(0, 1825, n), unit="D"),
            "days": rng.integers(1, 400, n),
            **{f"y{k}": (rng.random(n) < p).astype(int) for k, p in enumerate(risks)},
        }
    )
    return rows, risks


def jobs(n: int) -> dict[str, Job]:
    rows, risks = make_rows(n)
    groups = list(rows.groupby("center_id").indices.values())
    y, p = rows["y4"].to_numpy(), risks[4]

    def limits(**options: float) -> None:
        forget_limits()
        for risk in risks:
            for at in groups:
                cusum_limit(risk[at], **options)

    def charts(**options: object) -> None:
        forget_limits()
        for k, risk in enumerate(risks):
            monitor(rows, risk, outcome=f"y{k}", unit="procedure", rules=ChartRules(**options))

    def survival() -> None:
        forget_limits()
        monitor_survival(
            rows, p / p.mean(), lambda day: 0.1 * day / 365, duration="days", event="y4",
            horizon=365, as_of="2025-01-31", unit="procedure",
        )  # fmt: skip

    return {
        "kernel: paths of 200 centers": lambda: [cusum(y[at], p[at], limit=4.0) for at in groups],
        "kernel: 1,600 limits": limits,
        "kernel: 1,600 limits by false alarms": lambda: limits(false_alarm=0.02),
        "monitor, 8 indicators, 2 sides": charts,
        "monitor_survival, 1 indicator": survival,
        "one survival limit": lambda: survival_limit(2.0, in_control_events=100),
    }


def timed(job: Job) -> float:
    begin = time.process_time()
    job()
    return time.process_time() - begin


def main() -> None:
    """Print CPU seconds by number of procedures."""
    sizes = [int(a) for a in sys.argv[1:]] or [25_000, 100_000]
    names = list(jobs(1_000))
    sys.stdout.write(f"{'CPU seconds':40}" + "".join(f"{n:>12,}" for n in sizes) + "\n")
    prepared = {n: jobs(n) for n in sizes}
    for name in names:
        runs = {n: [] for n in sizes}
        for _ in range(RUNS):
            for n in sizes:
                runs[n].append(timed(prepared[n][name]))
        line = "".join(f"{np.median(runs[n]):12.3f}" for n in sizes)
        sys.stdout.write(f"{name:40}{line}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
