"""Expected outcomes of centers: time by rows and centers, beside one fit of statsmodels.

    OMP_NUM_THREADS=1 .venv/bin/python benchmarks/bench_audit_expected.py [rows ...]

Levels of patients at 50 and 200 centers, six covariates. The public calls are timed, table in and
sums, model, calibration and rates out, with every center (or fold of centers) left out in turn. The
contender is one logistic regression with a column for each center, no center left out: statsmodels
where rows are few enough for its dense matrix. Runs are interleaved; CPU seconds are medians.
"""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Callable

import numpy as np
import pandas as pd
from scipy import special

from vpstats.centers.ascertainment import ascertainment
from vpstats.centers.expected import expected_proportion
from vpstats.centers.incidence import expected_incidence
from vpstats.frames import Frame

COVARIATES = 6
RUNS = 3
DENSE = 50_000_000
"""Values of the dense matrix from which the contender is left out."""

Job = Callable[[], object]


def make_rows(n: int, k: int, seed: int = 20260101) -> Frame:
    rng = np.random.default_rng(seed)
    center = rng.integers(0, k, n)
    X = rng.normal(size=(n, COVARIATES)) + 0.3 * rng.normal(size=k)[center][:, None]
    leak = rng.random(n) < special.expit(-2 + X @ np.linspace(-0.3, 0.5, COVARIATES))
    routine = rng.random(n) < rng.uniform(0.2, 0.9, k)[center]
    event_day = rng.exponential(2_000 / np.exp(0.5 * X[:, 0]))
    death = rng.exponential(1_500, n)
    end = np.minimum.reduce([event_day, death, rng.uniform(100, 800, n)])
    data = pd.DataFrame(X, columns=[f"x{j}" for j in range(COVARIATES)]).assign(
        center_id=[f"C{c:03d}" for c in center],
        patient_id=rng.integers(0, n // 2, n),
        leak=leak.astype(float),
        leak_seen=np.where(routine, leak.astype(float), np.nan),
        why=np.where(routine, "routine", None),
        days=np.ceil(end),
        event=np.select([event_day <= end, death <= end], [1, 2], 0),
    )
    return Frame(data, unit="level", cluster="patient_id")


def jobs(frame: Frame) -> dict[str, Job]:
    mix = [f"x{j}" for j in range(COVARIATES)]
    timed = {"duration": "days", "event": "event", "horizon": 365.0}
    found: dict[str, Job] = {
        "expected_proportion": lambda: expected_proportion(frame, outcome="leak", adjust=mix),
        "  without adjustment": lambda: expected_proportion(frame, outcome="leak"),
        "expected_incidence": lambda: expected_incidence(frame, adjust=mix, **timed),
        "ascertainment": lambda: ascertainment(
            frame, outcome="leak_seen", reason="why", adjust=mix
        ),
    }
    if len(frame) * frame.data["center_id"].nunique() <= DENSE:
        found["statsmodels, one fit"] = lambda: dense_fit(frame.data, mix)
    return found


def dense_fit(data: pd.DataFrame, mix: list[str]) -> object:
    try:
        from statsmodels.discrete.discrete_model import Logit
    except ImportError:
        return None
    columns = pd.get_dummies(data["center_id"], dtype=float).join(data[mix])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # small centers without an event have no finite level
        return Logit(data["leak"], columns).fit(disp=False)


def medians(contenders: dict[str, Job]) -> dict[str, float]:
    taken: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(RUNS):
        for name, job in contenders.items():
            start = time.process_time()
            job()
            taken[name].append(time.process_time() - start)
    return {name: float(np.median(times)) for name, times in taken.items()}


def main(sizes: list[int]) -> None:
    for n in sizes:
        for k in (50, 200):
            print(f"{n:,} rows, {k} centers")
            for name, seconds in medians(jobs(make_rows(n, k))).items():
                print(f"  {name:<24}{seconds:8.2f} s")


if __name__ == "__main__":
    main([int(a) for a in sys.argv[1:]] or [10_000, 100_000])
