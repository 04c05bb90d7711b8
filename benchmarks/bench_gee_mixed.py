"""Estimating equations and random intercepts beside geepack, lme4 and statsmodels.

    OMP_NUM_THREADS=1 .venv/bin/python benchmarks/bench_gee_mixed.py [rows ...]

Registry-like rows: treated levels of patients, one to four each, of forty centers, with twelve
covariates. Peers in R run in a process of their own, which times its fits itself (CPU seconds of
the fit, data read before). Rounds are interleaved and figures medians, so the ratios mean more
than the times. "kernel" is the fit of arrays that are at hand, "call" the public one: formula,
guards, maximum likelihood for the proof that no separation hides, and covariance. A contender that
would take longer than `PATIENCE` seconds, were its time to grow with the rows, is left out.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
import tracemalloc
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from vpstats.models.binary import BinaryRows
from vpstats.models.covariance import make_clusters
from vpstats.models.design import build_design
from vpstats.models.gee import fit_gee
from vpstats.models.gee_covariance import equation_covariance
from vpstats.models.gee_kernel import GeeKernel, solve_equations
from vpstats.models.grouping import group_rows
from vpstats.models.mixed import fit_mixed_logistic
from vpstats.models.mixed_estimate import estimate_one, one_level
from vpstats.models.penalties import estimate_rows

COVARIATES = 12
RUNS = 3
PATIENCE = 120.0
NAMES = [f"x{j}" for j in range(COVARIATES)]
FORMULA = " + ".join(NAMES)

Job = Callable[[], float]

R_SCRIPT = """
args <- commandArgs(TRUE)
d <- read.csv(args[1]); rhs <- paste0("x", 0:11, collapse = " + ")
suppressPackageStartupMessages({ library(geepack); library(lme4) })
d$center <- factor(d$center)
f <- function(y, more = "") as.formula(paste(y, "~", rhs, more))
fit <- switch(args[2],
  geepack = function() geeglm(f("leak"), binomial, d, id = patient, corstr = "exchangeable"),
  glmer1 = function() glmer(f("late", "+ (1 | center)"), d, binomial, nAGQ = 1),
  glmer0 = function() glmer(f("late", "+ (1 | center)"), d, binomial, nAGQ = 0),
  nested1 = function() glmer(f("leak", "+ (1 | center / patient)"), d, binomial, nAGQ = 1))
t <- system.time(suppressWarnings(fit()))
cat(t[["user.self"]] + t[["sys.self"]])
"""


def make_rows(n: int, seed: int = 20260101) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    size = rng.choice(4, size=n, p=[0.62, 0.23, 0.10, 0.05]) + 1
    patient = np.repeat(np.arange(n), size)[:n]
    patients = int(patient[-1]) + 1
    share = rng.gamma(2, 1, 40)
    center = rng.choice(40, size=patients, p=share / share.sum())[patient]
    columns = {}
    for j, name in enumerate(NAMES):
        column = rng.normal(size=patients)[patient] if j % 2 else rng.normal(size=n)
        columns[name] = (column > 0.3).astype(float) if j % 3 == 0 else column
    eta = -1.3 + sum(
        b * c for b, c in zip(np.linspace(-0.3, 0.5, COVARIATES), columns.values(), strict=True)
    )
    by_center, by_patient = rng.normal(0, 0.5, 40)[center], rng.normal(0, 0.8, patients)[patient]

    def draw(odds: np.ndarray) -> np.ndarray:
        return (rng.random(n) < 1 / (1 + np.exp(-odds))).astype(int)

    outcomes = {"leak": draw(eta + by_center + by_patient), "late": draw(eta + by_center)}
    return pd.DataFrame({**outcomes, "patient": patient, "center": center, **columns})


def timed(call: Callable[[], object]) -> Job:
    def job() -> float:
        start = time.process_time()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            call()
        return time.process_time() - start

    return job


def in_r(path: Path, what: str) -> Job:
    """CPU seconds of a fit in R, as R counts them."""
    script = path.with_suffix(".R")
    script.write_text(R_SCRIPT, "utf-8")
    command = ["Rscript", str(script), str(path), what]
    return lambda: float(subprocess.run(command, capture_output=True, check=True, text=True).stdout)


def gee_kernel(data: pd.DataFrame) -> Callable[[], object]:
    design = build_design(data, f"leak ~ {FORMULA}", response=True)
    rows = BinaryRows(design.X, 2 * np.asarray(design.y) - 1)
    clusters = make_clusters(data["patient"])

    def fit() -> object:
        start = estimate_rows(rows, None).coefficients
        kernel = GeeKernel(group_rows(rows, clusters), exchangeable=True)
        return equation_covariance(kernel, solve_equations(kernel, start), "CR0")

    return fit


def laplace_kernel(data: pd.DataFrame) -> Callable[[], object]:
    design = build_design(data, f"late ~ {FORMULA}", response=True)
    rows = BinaryRows(design.X, 2 * np.asarray(design.y) - 1)
    clusters = make_clusters(data["center"])

    def fit() -> object:
        null = estimate_rows(rows, None)
        kernel = one_level(rows, clusters, 1)
        return estimate_one(kernel, null.coefficients, null.log_likelihood)

    return fit


def statsmodels_gee(data: pd.DataFrame) -> Callable[[], object]:
    import statsmodels.api as sm

    X = np.column_stack([np.ones(len(data)), data[NAMES].to_numpy()])
    y, patient = data["leak"].to_numpy(), data["patient"].to_numpy()

    def fit() -> object:
        structure = sm.cov_struct.Exchangeable()
        family = sm.families.Binomial()
        return sm.GEE(y, X, patient, family=family, cov_struct=structure).fit()

    return fit


def contenders(data: pd.DataFrame, path: Path) -> dict[str, dict[str, Job]]:
    """Per job the contenders, ours first."""
    late, leak = f"late ~ {FORMULA}", f"leak ~ {FORMULA}"
    jobs: dict[str, dict[str, Job]] = {
        "GEE, exchangeable": {
            "call": timed(lambda: fit_gee(data, leak, cluster="patient")),
            "kernel": timed(gee_kernel(data)),
            "statsmodels": timed(statsmodels_gee(data)),
        },
        "random intercept, Laplace": {
            "call": timed(lambda: fit_mixed_logistic(data, late, group="center", nodes=1)),
            "kernel": timed(laplace_kernel(data)),
        },
        "random intercept, 25 nodes": {
            "call": timed(lambda: fit_mixed_logistic(data, late, group="center")),
        },
        "nested intercepts, Laplace": {
            "call": timed(lambda: fit_mixed_logistic(data, leak, group=("center", "patient"))),
        },
    }
    if shutil.which("Rscript") is None:
        print("  R is not there: geepack and lme4 left out")
        return jobs
    jobs["GEE, exchangeable"]["geepack"] = in_r(path, "geepack")
    jobs["random intercept, Laplace"]["glmer nAGQ=0"] = in_r(path, "glmer0")
    jobs["random intercept, Laplace"]["glmer nAGQ=1"] = in_r(path, "glmer1")
    jobs["nested intercepts, Laplace"]["glmer nAGQ=1"] = in_r(path, "nested1")
    return jobs


def interleave(jobs: dict[str, Job]) -> dict[str, float]:
    """Median CPU seconds of each contender; one run is enough of what takes ten seconds."""
    seconds: dict[str, list[float]] = {name: [] for name in jobs}
    for _ in range(RUNS):
        for name, call in jobs.items():
            if not seconds[name] or seconds[name][0] < 10:
                seconds[name].append(call())
    return {name: float(np.median(values)) for name, values in seconds.items()}


def report(job: str, seconds: dict[str, float], left_out: list[str]) -> None:
    call, kernel = seconds.pop("call"), seconds.pop("kernel", None)
    words = [f"call {call * 1e3:,.0f} ms"]
    if kernel is not None:
        words.append(f"kernel {kernel * 1e3:,.0f} ms")
    for name, t in seconds.items():
        ratio = f"{t / call:,.0f}×" + (f", kernel {t / kernel:,.0f}×" if kernel else "")
        words.append(f"{name} {t:,.2f} s ({ratio})")
    words += [f"{name} left out" for name in left_out]
    print(f"  {job}: {'; '.join(words)}", flush=True)


def peak_memory(data: pd.DataFrame) -> None:
    """Peak of the kernels over the design matrix, in units of it."""
    for name, make in (("GEE", gee_kernel), ("random intercept, Laplace", laplace_kernel)):
        fit = make(data)
        tracemalloc.start()
        fit()
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        size = len(data) * (COVARIATES + 1) * 8
        print(f"  {name}: peak memory {peak / size:.2f} × the design matrix", flush=True)


def main(sizes: list[int]) -> None:
    last: dict[tuple[str, str], float] = {}
    for k, n in enumerate(sizes):
        print(f"\n{n:,} rows", flush=True)
        growth = n / sizes[k - 1] if k else 1.0
        data = make_rows(n)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "rows.csv"
            data.to_csv(path, index=False)
            for job, jobs in contenders(data, path).items():
                late = [name for name in jobs if last.get((job, name), 0) * growth > PATIENCE]
                seconds = interleave({k: v for k, v in jobs.items() if k not in late})
                last |= {(job, name): np.inf for name in late}
                last |= {(job, name): t for name, t in seconds.items()}
                report(job, seconds, late)
        peak_memory(data)


if __name__ == "__main__":
    main([int(float(a)) for a in sys.argv[1:]] or [1_000, 10_000, 100_000])
