"""Cox and Fine–Gray models beside the packages of R and Python, ratios in one run.

    OMP_NUM_THREADS=1 .venv-bench/bin/python benchmarks/bench_hazards.py [rows ...]

Registry-like rows: treated levels of patients, one to four each, twelve covariates, times in whole
days up to five years, two causes. "kernel" is the fit of arrays that are at hand with its robust
errors (clustered for Cox, Fine and Gray's own for theirs), "call" the public one: table and formula
in, result with baseline out, and for Fine–Gray the Cox models of both causes beside it. "distinct"
has times of which no two are equal. Peers in R run in a process of their own, which times its fit
itself. Rounds are interleaved, figures are CPU seconds and medians, so the ratios mean more than
the times. A contender that would take longer than `PATIENCE` seconds, were its time to grow with
the square of the rows (those of `LINEAR`: with the rows), is left out. Under each job: differences
to R in standard errors, how the kernel compares with the matrix products that a textbook Newton
iteration cannot do without, and the memory that it takes beside the covariates.
"""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
import tempfile
import time
import tracemalloc
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from bench_survival import make_rows

from vpstats.models.covariance import Clusters, sandwich, weighted_gram
from vpstats.models.fine_gray import fit_fine_gray
from vpstats.models.hazards import fit_cox
from vpstats.models.hazards_search import search
from vpstats.models.partial_sweep import score_meat
from vpstats.models.risksets import HazardRows, find_risk_sets
from vpstats.models.subdistribution import find_subdistribution
from vpstats.models.subdistribution_score import subdistribution_scores

COVARIATES = 12
RUNS = 3
PATIENCE = 60.0
LINEAR = ("R coxph.fit", "R coxph", "scikit-survival, no errors")
FLOOR = "matrix products"
NAMES = [f"x{j}" for j in range(COVARIATES)]
FORMULA = " + ".join(NAMES)

Job = Callable[[], float]

R_SCRIPT = """
options(digits = 17); args <- commandArgs(TRUE); folder <- args[1]; n <- as.integer(args[2])
get <- function(name, k = 1) readBin(file.path(folder, name), "double", n * k)
X <- matrix(get("X", 12), n); colnames(X) <- paste0("x", 0:11)
time <- get("time"); event <- get("event"); patient <- get("patient")
suppressPackageStartupMessages({ library(survival); library(cmprsk) })
d <- data.frame(X, time, event, patient)
rhs <- paste(colnames(X), collapse = " + ")
f <- function(y) as.formula(paste(y, "~", rhs), env = globalenv())
fit <- switch(args[3],
  coxph.fit = function() coxph.fit(X, Surv(time, event == 1), NULL, NULL, NULL,
    coxph.control(eps = 1e-13, iter.max = 50), NULL, "efron", NULL),
  coxph = function() coxph(f("Surv(time, event == 1)"), d),
  coxph.cluster = function() coxph(f("Surv(time, event == 1)"), d, cluster = patient,
    control = coxph.control(eps = 1e-14, iter.max = 50, toler.chol = 1e-15)),
  crr = function() crr(time, event, X, gtol = 1e-11),
  finegray = function() {
    long <- finegray(f("Surv(time, factor(event))"), d)
    coxph(f("Surv(fgstart, fgstop, fgstatus)"), long, weights = fgwt, ties = "breslow")
  })
t <- system.time(found <- suppressWarnings(fit()))
variance <- if (is.null(found$var)) NULL else sqrt(diag(as.matrix(found$var)))
cat(t[["user.self"]] + t[["sys.self"]], unname(found$coefficients), unname(found$coef), variance)
"""


class InR:
    """Fits in R, of rows that were written once."""

    def __init__(self, rows: pd.DataFrame, folder: Path) -> None:
        self.n, self.folder = len(rows), folder
        self.found: dict[str, np.ndarray] = {}
        columns = {"X": rows[NAMES].to_numpy().T, "time": rows["days"], "event": rows["event"]}
        for name, values in (columns | {"patient": rows["patient_id"]}).items():
            np.ascontiguousarray(values, dtype=float).tofile(folder / name)
        (folder / "fit.R").write_text(R_SCRIPT)

    def job(self, peer: str) -> Job:
        def seconds() -> float:
            script = str(self.folder / "fit.R")
            command = ["Rscript", script, str(self.folder), str(self.n), peer]
            run = subprocess.run(command, capture_output=True, text=True, check=True)
            numbers = np.array(run.stdout.split(), dtype=float)
            self.found[peer] = numbers[1:]
            return float(numbers[0])

        return seconds


def timed(call: Callable[[], object]) -> Job:
    def seconds() -> float:
        start = time.process_time()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # peers warn of ties, of names and of themselves
            call()
        return time.process_time() - start

    return seconds


class Kernels:
    """Fits of arrays that are at hand."""

    def __init__(self, rows: pd.DataFrame) -> None:
        X = np.ascontiguousarray(rows[NAMES].to_numpy())
        self.X = X - X.mean(axis=0)
        self.time = rows["days"].to_numpy(float)
        # the same order, no two alike
        place = np.argsort(np.argsort(self.time, kind="stable"), kind="stable")
        self.distinct = self.time + place / (2.0 * len(rows))
        self.event = rows["event"].to_numpy(np.int64)
        codes = rows["patient_id"].to_numpy(np.int64)
        self.clusters = Clusters(codes, int(codes.max()) + 1)

    def cox(self, exit_: np.ndarray) -> np.ndarray:
        sets = find_risk_sets(HazardRows(self.X, exit_, self.event == 1), "efron")
        found = search(sets)
        meat = score_meat(sets, found.sums, self.clusters)
        variance = sandwich(found.solution.covariance, meat)
        return np.concatenate([found.solution.estimate, np.sqrt(np.diag(variance))])

    def fine_gray(self, exit_: np.ndarray) -> np.ndarray:
        rows = HazardRows(self.X, exit_, self.event == 1)
        sub = find_subdistribution(rows, self.event, 1, None)
        found = search(sub.sets, sub.part)
        meat = subdistribution_scores(sub, found.sums).gram()
        variance = sandwich(found.solution.covariance, meat)
        return np.concatenate([found.solution.estimate, np.sqrt(np.diag(variance))])

    def floor(self, products: int = 5) -> float:
        """CPU seconds of five Newton steps' matrix products and one more pass.

        With six cross-products those of the scores, which a sandwich takes, are among them.
        """
        beta, weight = np.zeros(COVARIATES), np.ones(len(self.X))

        def once() -> None:
            for _ in range(5):
                np.exp(self.X @ beta)
                weight @ self.X
            for _ in range(products):
                weighted_gram(self.X, weight)
            self.X.copy()

        return float(np.median([timed(once)() for _ in range(3)]))

    def memory(self, fit: Callable[[np.ndarray], object], exit_: np.ndarray) -> float:
        """Peak memory of a fit in sizes of the covariates."""
        tracemalloc.start()
        fit(exit_)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak / self.X.nbytes


def contenders(rows: pd.DataFrame, kernels: Kernels, in_r: InR | None) -> dict[str, dict[str, Job]]:
    """Per job the contenders, ours first."""
    times = {"duration": "days", "event": "event"}
    own, apart = kernels.time, kernels.distinct
    jobs = {
        "Cox, Efron, clustered": {
            "kernel": timed(lambda: kernels.cox(own)),
            "kernel, distinct": timed(lambda: kernels.cox(apart)),
            "call": timed(lambda: fit_cox(rows, FORMULA, **times, cluster="patient_id")),
        },
        "Fine–Gray": {
            "kernel": timed(lambda: kernels.fine_gray(own)),
            "kernel, distinct": timed(lambda: kernels.fine_gray(apart)),
            "call": timed(lambda: fit_fine_gray(rows, FORMULA, **times)),
        },
    }
    if in_r is not None:
        cox = ("coxph.fit", "coxph", "coxph.cluster")
        jobs["Cox, Efron, clustered"] |= {f"R {p}": in_r.job(p) for p in cox}
        jobs["Fine–Gray"] |= {f"R {p}": in_r.job(p) for p in ("crr", "finegray")}
    jobs["Cox, Efron, clustered"] |= in_python(rows)
    return jobs


def in_python(rows: pd.DataFrame) -> dict[str, Job]:
    from lifelines import CoxPHFitter
    from statsmodels.duration.hazard_regression import PHReg

    X, days = rows[NAMES].to_numpy(), rows["days"].to_numpy()
    fracture, patient = rows["fracture"].to_numpy(), rows["patient_id"].to_numpy()
    table = rows[[*NAMES, "days", "fracture", "patient_id"]]
    jobs = {
        "statsmodels": timed(lambda: PHReg(days, X, fracture, ties="efron").fit(groups=patient)),
        "lifelines": timed(
            lambda: CoxPHFitter().fit(table, "days", "fracture", cluster_col="patient_id")
        ),
    }
    if importlib.util.find_spec("sksurv") is None:
        print("scikit-survival is not installed and was left out")
        return jobs
    from sksurv.linear_model import CoxPHSurvivalAnalysis
    from sksurv.util import Surv

    y = Surv.from_arrays(fracture.astype(bool), days)
    fit = CoxPHSurvivalAnalysis(ties="efron")
    return jobs | {"scikit-survival, no errors": timed(lambda: fit.fit(X, y))}


def expected(name: str, last: dict[str, float], growth: float) -> float:
    """Seconds that a peer will take, going by the size before; ours are always run."""
    if name.startswith(("kernel", "call", FLOOR)):
        return 0.0
    return last.get(name, 0.0) * growth ** (1 if name in LINEAR else 2)


def interleave(jobs: dict[str, Job], last: dict[str, float], growth: float) -> dict[str, float]:
    """Median CPU seconds of each contender; one run of those that are slow."""
    seconds: dict[str, list[float]] = {name: [] for name in jobs}
    for run in range(RUNS):
        for name, job in jobs.items():
            if not (run and expected(name, last, growth) > PATIENCE / 20):
                seconds[name].append(job())
    return {name: float(np.median(values)) for name, values in seconds.items()}


def compare(kernels: Kernels, in_r: InR | None) -> dict[str, str]:
    """Differences to R in standard errors, where it was fitted tightly."""
    words = {}
    for job, peer, fit in (
        ("Cox, Efron, clustered", "coxph.cluster", kernels.cox),
        ("Fine–Gray", "crr", kernels.fine_gray),
    ):
        theirs = None if in_r is None else in_r.found.get(peer)
        if theirs is None:
            continue
        ours, errors = fit(kernels.time), theirs[-COVARIATES:]
        coefficients = np.abs(ours[:COVARIATES] - theirs[:COVARIATES]) / errors
        apart = np.abs(ours[COVARIATES:] / errors - 1)
        words[job] = (
            f"to R {peer}: coefficients {coefficients.max():.0e}, errors {apart.max():.0e} "
            "standard errors"
        )
    return words


def report(seconds: dict[str, float]) -> None:
    ours = seconds["kernel"]
    for name, t in seconds.items():
        ratio = "" if name == "kernel" else f"  {t / ours:10.1f} × kernel"
        print(f"    {name:<28}{1e3 * t:12,.1f} ms{ratio}")


def main(sizes: list[int]) -> None:
    last: dict[str, dict[str, float]] = {}
    kernel: dict[str, list[tuple[int, float]]] = {}
    for k, n in enumerate(sizes):
        print(f"\n{n:,} rows", flush=True)
        rows, growth = make_rows(n), n / sizes[k - 1] if k else 1.0
        kernels = Kernels(rows)
        with tempfile.TemporaryDirectory() as folder:
            in_r = InR(rows, Path(folder)) if shutil.which("Rscript") else None
            for job, jobs in contenders(rows, kernels, in_r).items():
                before = last.setdefault(job, {})
                products = 5 if job.startswith("Cox") else 6
                floor = partial(kernels.floor, products)
                out = [name for name in jobs if expected(name, before, growth) > PATIENCE]
                seconds = interleave(
                    {name: j for name, j in jobs.items() if name not in out} | {FLOOR: floor},
                    before,
                    growth,
                )
                least = seconds.pop(FLOOR)
                last[job] = dict.fromkeys(out, np.inf) | seconds
                kernel.setdefault(job, []).append((n, seconds["kernel"]))
                print(f"  {job}" + (f" (left out: {', '.join(out)})" if out else ""))
                report(seconds)
                fit = kernels.cox if job.startswith("Cox") else kernels.fine_gray
                sizes_of_X = [kernels.memory(fit, t) for t in (kernels.time, kernels.distinct)]
                print(f"    kernel / matrix products {seconds['kernel'] / least:.2f}; memory "
                      f"{sizes_of_X[0]:.2f} × covariates, distinct {sizes_of_X[1]:.2f} ×",
                      flush=True)  # fmt: skip
            for job, words in compare(kernels, in_r).items():
                print(f"  {job}: {words}")
    for job, points in kernel.items():
        many = [(np.log(n), np.log(t)) for n, t in points if n >= 10_000]
        if len(many) > 1:
            print(f"\n{job}: kernel grows as n^{np.polyfit(*np.array(many).T, 1)[0]:.2f}")


if __name__ == "__main__":
    main([int(float(a)) for a in sys.argv[1:]] or [1_000, 10_000, 100_000, 1_000_000])
