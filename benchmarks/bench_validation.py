"""Bootstrap optimism beside loops over statsmodels and rms::validate, ratios in one run.

    OMP_NUM_THREADS=1 .venv/bin/python benchmarks/bench_validation.py [rows]

Twelve covariates, 200 replicates, CPU seconds, medians of interleaved runs. What each computes per
replicate:

* vpstats, the public call: the model fitted anew; C, Brier score, scaled Brier score, calibration
  intercept and slope, observed over expected and net benefit at 19 thresholds, of the new model on
  the replicate and on all rows, and of the given model on the replicate, which gives standard
  errors; besides, once, a calibration curve. "replicates" leaves out what is done once.
* "statsmodels, C and Brier": `Logit` in a loop, two measures of the new model on either rows: less
  than half of the work.
* "statsmodels, all": the same loop with all measures above, in numpy and `Logit`.
* rms::validate: eleven indices of the new model, after one fit more for the slope.

The floor is 200 times three textbook Newton passes (two products of the matrix and a vector, one
exponential, one weighted cross product) and one sort of the risks. R is left out where there is
none.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.special import expit, logit

from vpstats.models.binary import BinaryRows
from vpstats.models.logistic import fit_logistic
from vpstats.models.validation import validate
from vpstats.models.validation.problems import BinaryProblem
from vpstats.models.validation.resampling import bootstrap
from vpstats.models.validation.validate import THRESHOLDS

REPLICATES = 200
RUNS, LONG = 5, 5.0
"""Interleaved runs; one is enough of what takes so many seconds."""

Found = tuple[float, float, float]
Measure = Callable[[np.ndarray, np.ndarray], np.ndarray]

RMS = """
suppressPackageStartupMessages(library(rms))
d <- read.csv("{file}")
f <- lrm(y ~ {terms}, data = d, x = TRUE, y = TRUE)
s <- proc.time()[["user.self"]]
v <- rms::validate(f, B = {b})
cat(proc.time()[["user.self"]] - s, v["Dxy", "optimism"] / 2, v["B", "optimism"])
"""


def make_rows(n: int, seed: int = 20260101) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 12))
    eta = -1.0 + X @ np.linspace(-0.3, 0.5, 12)
    table = pd.DataFrame(X, columns=[f"x{j}" for j in range(12)])
    return table.assign(y=(rng.random(n) < 1 / (1 + np.exp(-eta))).astype(int))


def call(data: pd.DataFrame, formula: str) -> Found:
    fit = fit_logistic(data, formula)
    start = time.process_time()
    found = validate(fit, data, n_boot=REPLICATES, seed=1).tidy().set_index("measure")["optimism"]
    return time.process_time() - start, found["c_statistic"], found["brier"]


def replicates(data: pd.DataFrame, formula: str) -> Found:
    fit = fit_logistic(data, formula)
    X = np.column_stack([np.ones(len(data)), data.drop(columns="y").to_numpy()])
    rows = BinaryRows(X, 2.0 * data["y"].to_numpy() - 1)
    start = time.process_time()
    problem = BinaryProblem(rows, fit.coefficients, None, np.array(THRESHOLDS))
    units = np.arange(len(data))
    found = bootstrap(problem, units, n_boot=REPLICATES, seed=1, n_jobs=None)
    return time.process_time() - start, found.optimism[0], found.optimism[1]


def c_and_brier(y: np.ndarray, risk: np.ndarray) -> np.ndarray:
    from scipy.stats import rankdata

    ranks, events = rankdata(risk), y.sum()
    auc = (ranks[y == 1].sum() - events * (events + 1) / 2) / (events * (len(y) - events))
    return np.array([auc, np.mean((y - risk) ** 2)])


def all_measures(y: np.ndarray, risk: np.ndarray) -> np.ndarray:
    import statsmodels.api as sm

    first, mean, score = c_and_brier(y, risk), y.mean(), logit(risk)
    large = sm.GLM(y, np.ones((len(y), 1)), sm.families.Binomial(), offset=score).fit().params[0]
    slope = sm.Logit(y, sm.add_constant(score)).fit(disp=0).params[1]
    at = np.array(THRESHOLDS)
    acted = risk[:, None] >= at
    benefit = (y @ acted - (1 - y) @ acted * at / (1 - at)) / len(y)
    scaled = 1 - first[1] / (mean * (1 - mean))
    return np.array([*first, scaled, large, slope, mean / risk.mean(), *benefit])


def statsmodels_loop(data: pd.DataFrame, measure: Measure, *, given: bool) -> Found:
    import statsmodels.api as sm

    X = sm.add_constant(data.drop(columns="y").to_numpy())
    y = data["y"].to_numpy()
    rng = np.random.default_rng(1)
    risk = expit(X @ sm.Logit(y, X).fit(disp=0).params)
    start, found = time.process_time(), []
    for _ in range(REPLICATES):
        rows = rng.integers(0, len(y), len(y))
        fit = sm.Logit(y[rows], X[rows]).fit(disp=0)
        found.append(measure(y[rows], fit.predict(X[rows])) - measure(y, fit.predict(X)))
        if given:
            measure(y[rows], risk[rows])
    optimism = np.mean(found, axis=0)
    return time.process_time() - start, optimism[0], optimism[1]


def floor(n: int) -> float:
    """Seconds of 200 times three Newton passes and a sort."""
    rng = np.random.default_rng(1)
    X, w, beta = rng.normal(size=(n, 13)), rng.random(n), np.ones(13)

    def best(job: Callable[[], object]) -> float:
        seconds = []
        for _ in range(20):
            start = time.perf_counter()
            job()
            seconds.append(time.perf_counter() - start)
        return min(seconds)

    def gram() -> None:
        total = np.zeros((13, 13))
        for begin in range(0, n, 4096):
            x = X[begin : begin + 4096]
            total += x.T @ (w[begin : begin + 4096, None] * x)

    parts = 2 * best(lambda: X @ beta) + best(lambda: np.exp(w)) + best(gram)
    return REPLICATES * (3 * parts + best(lambda: np.argsort(w)))


def rms(data: pd.DataFrame, terms: str) -> tuple[float, float, float] | None:
    if shutil.which("Rscript") is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "rows.csv"
        data.to_csv(file, index=False)
        program = RMS.format(file=file, terms=terms, b=REPLICATES)
        run = subprocess.run(["Rscript", "-e", program], capture_output=True, text=True)
    numbers = run.stdout.split()
    return None if run.returncode else (float(numbers[0]), float(numbers[1]), float(numbers[2]))


def main() -> None:
    """Print seconds, optimism of AUC and Brier score, and ratios."""
    warnings.simplefilter("ignore")
    n = int(float(sys.argv[1])) if len(sys.argv) > 1 else 10_000
    data = make_rows(n)
    terms = " + ".join(c for c in data.columns if c != "y")
    formula = f"y ~ {terms}"
    jobs: dict[str, Callable[[], Found | None]] = {
        "vpstats": lambda: call(data, formula),
        "replicates": lambda: replicates(data, formula),
        "statsmodels, C and Brier": lambda: statsmodels_loop(data, c_and_brier, given=False),
        "statsmodels, all": lambda: statsmodels_loop(data, all_measures, given=True),
        "rms": lambda: rms(data, terms),
    }
    call(data.head(1000), formula)  # what is imported on first use
    found: dict[str, list[Found]] = {name: [] for name in jobs}
    for _ in range(RUNS):
        for name, job in jobs.items():
            if (not found[name] or found[name][0][0] < LONG) and (one := job()) is not None:
                found[name].append(one)
    print(f"bootstrap optimism, {REPLICATES} replicates, n = {n:,}")
    medians = {name: np.median(runs, axis=0) for name, runs in found.items() if runs}
    for name, (seconds, auc, brier) in medians.items():
        ratios = [f"{seconds / medians[own][0]:6.1f}" for own in ("vpstats", "replicates")]
        print(
            f"{name:25} {seconds:8.2f} s  ÷ call {ratios[0]}  ÷ replicates {ratios[1]}  "
            f"AUC {auc:+.5f}  Brier {brier:+.6f}"
        )
    lowest = floor(n)
    share = medians["replicates"][0] / lowest
    print(f"{'floor':25} {lowest:8.2f} s  replicates ÷ floor {share:.2f}")


if __name__ == "__main__":
    main()
