"""Models of times between visits beside lifelines, ratios in one run.

    OMP_NUM_THREADS=1 .venv/bin/python benchmarks/bench_interval.py [rows ...]

Patients with jittered planned visits, death competing. The public calls are timed, tables in and
results out, and the likelihood kernel apart; runs are interleaved and CPU seconds are medians.
lifelines' Turnbull estimate is left out above `LARGEST` rows, where it takes minutes.
"""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Callable

import numpy as np
import pandas as pd

from vpstats.frames import open_data
from vpstats.models.interval.illness_data import read_data, read_request
from vpstats.models.interval.illness_death import fit_illness_death
from vpstats.models.interval.interval_aft import fit_interval_aft
from vpstats.models.interval.transitions import total
from vpstats.models.interval.turnbull import turnbull

RUNS = 3
LARGEST = 2_000
VISITS = np.array([21.0, 90.0, 180.0, 365.0, 550.0, 730.0])

Job = Callable[[], object]


def make_rows(n: int, seed: int = 20260101) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    onset, death = rng.exponential(2500 * np.exp(-0.3 * x)), rng.exponential(3000, n)
    end = np.minimum(death, rng.uniform(400, 900, n)).round(1)
    visits = (VISITS * rng.uniform(0.9, 1.1, (n, VISITS.size))).round()
    visits[visits > end[:, None]] = np.inf
    ill = (visits >= onset[:, None]) & (onset < death)[:, None]
    right = np.where(ill, visits, np.inf).min(axis=1)
    left = np.where(ill | np.isinf(visits), 0, visits).max(axis=1)
    died = (death <= end + 0.1).astype(int)
    return pd.DataFrame({"left": left, "right": right, "end": end, "died": died, "x": x})


def contenders(data: pd.DataFrame) -> dict[str, dict[str, Job]]:
    """Per job the contenders, ours first."""
    from lifelines import KaplanMeierFitter, WeibullAFTFitter

    ask = {"left": "left", "right": "right"}
    options = {"formula": "~ x", "end": "end", "died": "died", "entry": None, "start": None,
               "cuts": (60.0, 365.0), "after_illness": "own", "level": 0.95, **ask}  # fmt: skip
    rows = read_data(open_data(data), read_request(options))
    paths, theta = rows.paths(rows.times), np.full(len(rows.layout.terms), -7.0)
    seen = data[(data["left"] > 0) | np.isfinite(data["right"])]
    jobs: dict[str, dict[str, Job]] = {
        "illness–death, one pass of the kernel": {
            "vpstats": lambda: total(rows.layout, paths, theta)
        },
        "illness–death, three methods": {
            "vpstats": lambda: fit_illness_death(data, "~ x", **ask, end="end", died="died")
        },
        "Turnbull": {"vpstats": lambda: turnbull(seen, **ask)},
        "Weibull": {
            "vpstats": lambda: fit_interval_aft(seen, "~ x", **ask),
            "lifelines": lambda: WeibullAFTFitter().fit_interval_censoring(
                seen[["left", "right", "x"]], "left", "right"
            ),
        },
    }
    if len(data) <= LARGEST:
        jobs["Turnbull"]["lifelines"] = lambda: KaplanMeierFitter().fit_interval_censoring(
            seen["left"], seen["right"]
        )
    return jobs


def interleave(jobs: dict[str, Job]) -> dict[str, float]:
    """Median CPU seconds of each contender."""
    seconds: dict[str, list[float]] = {name: [] for name in jobs}
    for _ in range(RUNS):
        for name, call in jobs.items():
            start = time.process_time()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # deprecations of the peers
                call()
            seconds[name].append(time.process_time() - start)
    return {name: float(np.median(values)) for name, values in seconds.items()}


def main(sizes: list[int]) -> None:
    for n in sizes:
        print(f"{n:,} patients")
        for job, calls in contenders(make_rows(n)).items():
            seconds = interleave(calls)
            ours = seconds.pop("vpstats")
            words = [f"vpstats {ours * 1e3:,.1f} ms"]
            words += [f"{k} {t * 1e3:,.1f} ms ({t / ours:,.1f}×)" for k, t in seconds.items()]
            print(f"  {job}: {'; '.join(words)}")


if __name__ == "__main__":
    main([int(a) for a in sys.argv[1:]] or [1_000, 10_000, 100_000])
