"""Logistic regression with cluster-robust errors, and Firth's with profile limits, beside peers.

    OMP_NUM_THREADS=1 .venv-bench/bin/python benchmarks/bench_logistic.py [rows ...]

Registry-like rows: treated levels of patients, one to four each, twelve covariates. Kernel and
public call are timed apart; runs are interleaved and CPU seconds are medians, so the ratios mean
more than the times. Estimates are compared before anything is timed. Peers that are not installed
are left out with a line; those in R run in a process of their own and time themselves, so that
starting R and handing over the rows do not count.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from vpstats.models.binary import BinaryRows, starting_point
from vpstats.models.binary_many import likelihood_of_many
from vpstats.models.covariance import clustered_covariance, make_clusters
from vpstats.models.firth import penalised_likelihood
from vpstats.models.logistic import fit_logistic
from vpstats.models.penalties import estimate_rows, row_scores
from vpstats.models.profile import profile_intervals

COVARIATES = 12
RUNS = 7
R_LIMIT = 100_000
"""Rows up to which brglm2 is run."""

Job = Callable[[], object]


def make_rows(n: int, seed: int = 20260101) -> pd.DataFrame:
    """Levels of patients whose effects vary, so that errors are clustered."""
    rng = np.random.default_rng(seed)
    size = rng.choice(4, size=n, p=[0.62, 0.23, 0.10, 0.05]) + 1
    patient = np.repeat(np.arange(n), size)[:n]
    effect = rng.normal(0, 0.8, patient[-1] + 1)[patient]
    columns = {}
    for j in range(COVARIATES):
        by_patient = rng.normal(size=patient[-1] + 1)[patient]
        own = rng.normal(size=n)
        column = by_patient if j % 2 else own
        columns[f"x{j}"] = (column > 0.3).astype(float) if j % 3 == 0 else column
    slopes = np.linspace(-0.3, 0.5, COVARIATES)
    eta = -1.3 + sum(b * c for b, c in zip(slopes, columns.values(), strict=True)) + effect
    leak = (rng.random(n) < 1 / (1 + np.exp(-eta))).astype(int)
    return pd.DataFrame({"leak": leak, "patient_id": patient, **columns})


class Rows:
    """One sample as every contender wants it."""

    def __init__(self, n: int) -> None:
        self.data = make_rows(n)
        self.names = [c for c in self.data.columns if c.startswith("x")]
        self.formula = "leak ~ " + " + ".join(self.names)
        self.slopes = np.ascontiguousarray(self.data[self.names].to_numpy())
        self.X = np.column_stack([np.ones(n), self.slopes])
        self.y = self.data["leak"].to_numpy(float)
        self.patient = self.data["patient_id"].to_numpy()


def kernel(rows: Rows) -> np.ndarray:
    """Coefficients and cluster-robust errors from arrays."""
    data = BinaryRows(rows.X, 2 * rows.y - 1)
    estimate = estimate_rows(data, None)
    scores = row_scores(data, estimate, None)
    clusters = make_clusters(rows.patient)
    matrix = clustered_covariance(scores.bread, rows.X, scores.factors, clusters, correct=True)
    return np.concatenate([estimate.coefficients, np.sqrt(np.diag(matrix))])


def firth_kernel(rows: Rows) -> np.ndarray:
    """Firth's coefficients and the profile limits of every one from arrays."""
    data = BinaryRows(rows.X, 2 * rows.y - 1)
    found = estimate_rows(data, "firth", starting_point(data)).found
    many = likelihood_of_many(data, 0.5)
    low, high = profile_intervals(penalised_likelihood(data), found, 0.95, many=many)
    return np.concatenate([found.estimate, low, high])


def likelihood_jobs(rows: Rows) -> dict[str, Job]:
    jobs: dict[str, Job] = {
        "kernel": lambda: kernel(rows),
        "fit_logistic": lambda: fit_logistic(rows.data, rows.formula, cluster="patient_id"),
    }
    try:
        import statsmodels.api as sm
        import statsmodels.formula.api as smf
    except ImportError:
        print("  statsmodels is not installed: left out")
    else:
        clustered = {"disp": 0, "cov_type": "cluster", "cov_kwds": {"groups": rows.patient}}
        jobs["statsmodels, arrays"] = lambda: sm.Logit(rows.y, rows.X).fit(**clustered)
        jobs["statsmodels, formula"] = lambda: smf.logit(rows.formula, rows.data).fit(**clustered)
    try:
        from glum import GeneralizedLinearRegressor
    except ImportError:
        print("  glum is not installed: left out")
    else:

        def glum() -> object:
            model = GeneralizedLinearRegressor(family="binomial", alpha=0, gradient_tol=1e-9)
            model.fit(rows.slopes, rows.y)
            return model.covariance_matrix(rows.slopes, rows.y, clusters=rows.patient)

        jobs["glum, arrays"] = glum
    return jobs


def firth_jobs(rows: Rows) -> dict[str, Job]:
    options = {"penalty": "firth", "intervals": "profile"}
    jobs: dict[str, Job] = {
        "kernel": lambda: firth_kernel(rows),
        "fit_logistic": lambda: fit_logistic(rows.data, rows.formula, **options),
    }
    try:
        from firthmodels import FirthLogisticRegression
    except ImportError:
        print("  firthmodels is not installed: left out")
    else:

        def firthmodels() -> np.ndarray:
            model = FirthLogisticRegression(backend="numpy", max_iter=100, gtol=1e-7, xtol=1e-7)
            model.fit(rows.slopes, rows.y)
            return model.conf_int(method="pl", max_iter=100, tol=1e-6)

        jobs["firthmodels, arrays"] = firthmodels
    return jobs


def medians(jobs: dict[str, Job], runs: int) -> dict[str, float]:
    seconds: dict[str, list[float]] = {name: [] for name in jobs}
    for run in range(runs + 1):  # the first warms up
        for name, job in jobs.items():
            start = time.process_time()
            job()
            if run:
                seconds[name].append(time.process_time() - start)
    return {name: float(np.median(values)) for name, values in seconds.items()}


R_PROGRAM = """
a <- commandArgs(TRUE); n <- as.integer(a[1]); p <- as.integer(a[2])
X <- matrix(readBin(a[3], "double", n * p), n, p); y <- readBin(a[4], "double", n)
g <- readBin(a[5], "double", n); d <- data.frame(y = y, X)
took <- function(f) { f(); t <- replicate(3, { s <- proc.time(); f(); sum((proc.time() - s)[1:2]) })
  median(t) }
if (requireNamespace("sandwich", quietly = TRUE))
  cat("R glm and vcovCL", took(function() { m <- glm(y ~ ., binomial, d)
    sandwich::vcovCL(m, g) }), "\\n", sep = ";")
if (a[6] == "firth" && requireNamespace("brglm2", quietly = TRUE))
  cat("R brglm2, Wald alone", took(function() glm(y ~ ., binomial, d,
    method = brglm2::brglmFit, type = "AS_mean")), "\\n", sep = ";")
"""


def r_seconds(rows: Rows) -> dict[str, float]:
    """Medians of what R says of itself; empty without R."""
    if shutil.which("Rscript") is None:
        print("  R is not installed: left out")
        return {}
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / name for name in ("X", "y", "g")]
        rows.slopes.T.tofile(paths[0])
        rows.y.tofile(paths[1])
        rows.patient.astype(float).tofile(paths[2])
        program = Path(folder) / "peer.R"
        program.write_text(R_PROGRAM)
        what = "firth" if len(rows.y) <= R_LIMIT else "plain"
        size = [str(len(rows.y)), str(COVARIATES)]
        command = ["Rscript", str(program), *size, *map(str, paths), what]
        printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    lines = [line.split(";") for line in printed.splitlines() if ";" in line]
    return {name: float(value) for name, value, *_ in lines}


def check(rows: Rows) -> None:
    """Nothing is timed that is not equal first."""
    ours = kernel(rows)
    p = COVARIATES + 1
    try:
        import statsmodels.api as sm
    except ImportError:
        return
    fit = sm.Logit(rows.y, rows.X).fit(
        disp=0, cov_type="cluster", cov_kwds={"groups": rows.patient}, tol=1e-12
    )
    apart = np.abs(ours[:p] - fit.params) / fit.bse
    print(f"  coefficients differ from statsmodels by at most {apart.max():.0e} standard errors")
    try:
        from firthmodels import FirthLogisticRegression
    except ImportError:
        return
    model = FirthLogisticRegression(backend="numpy", max_iter=100, gtol=1e-7, xtol=1e-7)
    theirs = model.fit(rows.slopes, rows.y).conf_int(method="pl", max_iter=100, tol=1e-6)
    limits = firth_kernel(rows)[p:].reshape(2, p).T
    order = [*range(1, p), 0] if len(theirs) == p else [*range(1, p)]
    apart = np.abs(limits[order] - theirs).max()
    print(f"  profile limits differ from firthmodels by at most {apart:.0e}")


def report(title: str, took: dict[str, float]) -> None:
    print(f"  {title}")
    for name, seconds in took.items():
        ratios = [f"{seconds / took[own]:7.2f}" for own in ("kernel", "fit_logistic")]
        print(f"    {name:<24}{1e3 * seconds:11.1f} ms   ÷ kernel {ratios[0]}   ÷ call {ratios[1]}")


def memory(rows: Rows) -> None:
    """Peak of what numpy and pandas allocate during the public call, in sizes of the matrix X."""
    tracemalloc.start()
    fit_logistic(rows.data, rows.formula, cluster="patient_id")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    print(f"  peak memory of fit_logistic {peak / rows.X.nbytes:.2f} × X, X itself included")


def main(sizes: list[int]) -> None:
    for n in sizes:
        rows, runs = Rows(n), RUNS if n <= 100_000 else 3
        print(f"n = {n:,}")
        if n <= 100_000:
            check(rows)
        r = r_seconds(rows)
        brglm = {k: v for k, v in r.items() if "brglm2" in k}
        glm = {k: v for k, v in r.items() if k not in brglm}
        report("maximum likelihood, clustered", medians(likelihood_jobs(rows), runs) | glm)
        if n <= 100_000:
            report("Firth, profile limits", medians(firth_jobs(rows), 3) | brglm)
        memory(rows)


if __name__ == "__main__":
    main([int(float(a)) for a in sys.argv[1:]] or [10_000, 100_000, 1_000_000])
