"""Multiple imputation beside mice (R) and statsmodels, ratios in one run.

    OMP_NUM_THREADS=1 .venv/bin/python benchmarks/bench_imputation.py [rows ...]

Twelve correlated numeric columns of which eleven have gaps in a fifth of the rows, predictive mean
matching, 10 iterations, one core. CPU seconds are per imputation: time grows with their number, so
peers run fewer of them (`PEER_M`), ours 20; runs are interleaved and medians taken. The kernel is
the chains alone; the public call adds reading, checks and making 20 frames. A contender that is not
installed, or would take longer than `PATIENCE` seconds, is left out with a line.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from vpstats.frames import open_data
from vpstats.models.imputation.chain import run_chain
from vpstats.models.imputation.impute import impute
from vpstats.models.imputation.outcomes import Outcomes
from vpstats.models.imputation.plan import Request, make_plan
from vpstats.models.logistic import fit_logistic

COLUMNS, MISSING = 12, 0.2
M, PEER_M, ITERATIONS, RUNS = 20, 2, 10, 3
PATIENCE = 120.0

R_SCRIPT = """
a <- commandArgs(TRUE)
suppressPackageStartupMessages(library(mice))
d <- read.csv(a[1])
t <- system.time(mice(d, m = as.integer(a[2]), maxit = as.integer(a[3]), method = a[4],
                      printFlag = FALSE, seed = 1))
cat(t[["user.self"]] + t[["sys.self"]])
"""

Job = Callable[[], float]


def make_rows(n: int, seed: int = 20260101) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    mix = rng.normal(size=(COLUMNS, COLUMNS)) / np.sqrt(COLUMNS) + np.eye(COLUMNS) / 2
    values = rng.normal(size=(n, COLUMNS)) @ mix
    data = pd.DataFrame(values, columns=[f"x{j}" for j in range(COLUMNS)])
    for name in data.columns[1:]:
        data.loc[rng.random(n) < MISSING, name] = np.nan
    return data


def mixed_rows(n: int) -> pd.DataFrame:
    """The same with three of the columns as categories."""
    data = make_rows(n)
    for name, cuts in (("x9", [0.0]), ("x10", [-0.5, 0.5]), ("x11", [-0.5, 0.5])):
        codes = np.digitize(data[name], cuts).astype(str)
        known = pd.Series(codes).where(data[name].notna())
        data[name] = pd.Categorical(known, ordered=name == "x11")
    return data


def cpu(call: Callable[[], object], m: int) -> float:
    start = time.process_time()
    call()
    return (time.process_time() - start) / m


def chains(data: pd.DataFrame) -> Job:
    request = Request(
        Outcomes(("x0",)), None, (), (), {}, {}, {}, {}, {}, None, (), None, impute_outcome=False
    )
    plan = make_plan(open_data(data), request)
    seeds = np.random.SeedSequence(1).spawn(M)
    return lambda: cpu(lambda: [run_chain(plan.problem, s, ITERATIONS) for s in seeds], M)


def mice(data: pd.DataFrame, method: str) -> Job:
    folder = Path(tempfile.mkdtemp())
    data.to_csv(folder / "rows.csv", index=False, na_rep="NA")
    (folder / "run.R").write_text(R_SCRIPT)
    arguments = [folder / "run.R", folder / "rows.csv", PEER_M, ITERATIONS, method]

    def call() -> float:
        done = subprocess.run(
            ["Rscript", *map(str, arguments)], check=True, capture_output=True, text=True
        )
        return float(done.stdout) / PEER_M

    return call


def statsmodels(data: pd.DataFrame) -> Job:
    from statsmodels.imputation.mice import MICEData

    def call() -> float:
        def run() -> None:
            for _ in range(PEER_M):
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    MICEData(data.copy()).update_all(ITERATIONS)

        return cpu(run, PEER_M)

    return call


def contenders(data: pd.DataFrame) -> dict[str, Job]:
    jobs: dict[str, Job] = {
        "vpstats": lambda: cpu(
            lambda: impute(data, outcome="x0", m=M, iterations=ITERATIONS, seed=1), M
        ),
        "vpstats, chains alone": chains(data),
        "statsmodels": statsmodels(data),
    }
    if shutil.which("Rscript"):
        jobs |= {"mice pmm": mice(data, "pmm"), "mice norm": mice(data, "norm")}
    else:
        print("  mice: Rscript is not installed, left out")
    return jobs


def main(sizes: list[int]) -> None:
    last: dict[str, float] = {}
    for k, n in enumerate(sizes):
        print(f"\n{n:,} rows, seconds per imputation of {ITERATIONS} iterations")
        growth = n / sizes[k - 1] if k else 1.0
        jobs = contenders(make_rows(n))
        slow = [x for x in jobs if last.get(x, 0.0) * growth * PEER_M > PATIENCE]
        seconds: dict[str, list[float]] = {x: [] for x in jobs if x not in slow}
        for _ in range(RUNS):
            for name, found in seconds.items():
                found.append(jobs[name]())
        last = {name: float(np.median(found)) for name, found in seconds.items()}
        ours = last["vpstats"]
        for name, t in last.items():
            print(f"  {name}: {t:.4f} s ({t / ours:,.1f}×), {20 * t:.1f} s for 20")
        for name in slow:
            print(f"  {name}: left out, longer than {PATIENCE:.0f} s")
        data = mixed_rows(n)
        mixed = cpu(partial(impute, data, outcome="x0", m=4, seed=1), 4)
        print(f"  vpstats, three of them categories: {mixed:.4f} s, {20 * mixed:.1f} s for 20")
        made = impute(data.assign(y=data["x0"] > 0), outcome="y", m=4, iterations=1, seed=1)
        fit = cpu(partial(fit_logistic, made, "y ~ x1 + x2 + x3 + x4 + x5"), 4)
        print(f"  pooled logistic regression: {fit:.4f} s per completed data set")


if __name__ == "__main__":
    main([int(float(a)) for a in sys.argv[1:]] or [1_000, 10_000])
