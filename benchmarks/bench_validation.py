"""Bootstrap optimism beside a loop over statsmodels and rms::validate, ratios in one run.

    OMP_NUM_THREADS=1 .venv/bin/python benchmarks/bench_validation.py [rows]

Twelve covariates, 200 replicates. CPU seconds of one run each; R is left out where there is none.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd

from vpstats.models.logistic import fit_logistic
from vpstats.models.validation import validate

REPLICATES = 200

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


def ours(data: pd.DataFrame, formula: str) -> tuple[float, float, float]:
    fit = fit_logistic(data, formula)
    start = time.process_time()
    found = validate(fit, data, n_boot=REPLICATES, seed=1).tidy().set_index("measure")["optimism"]
    return time.process_time() - start, found["c_statistic"], found["brier"]


def statsmodels_loop(data: pd.DataFrame) -> tuple[float, float, float]:
    """AUC and Brier score alone, which is less than what stands beside it."""
    import statsmodels.api as sm
    from scipy.stats import rankdata

    X = sm.add_constant(data.drop(columns="y").to_numpy())
    y = data["y"].to_numpy()
    rng = np.random.default_rng(1)

    def measures(y: np.ndarray, risk: np.ndarray) -> np.ndarray:
        ranks, events = rankdata(risk), y.sum()
        auc = (ranks[y == 1].sum() - events * (events + 1) / 2) / (events * (len(y) - events))
        return np.array([auc, np.mean((y - risk) ** 2)])

    start, total = time.process_time(), np.zeros(2)
    for _ in range(REPLICATES):
        rows = rng.integers(0, len(y), len(y))
        fit = sm.Logit(y[rows], X[rows]).fit(disp=0)
        total += measures(y[rows], fit.predict(X[rows])) - measures(y, fit.predict(X))
    return time.process_time() - start, *(total / REPLICATES)


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
    found = {"vpstats": ours(data, f"y ~ {terms}"), "statsmodels": statsmodels_loop(data)}
    found["rms"] = rms(data, terms) or (np.nan, np.nan, np.nan)
    print(f"bootstrap optimism, {REPLICATES} replicates, n = {n:,}")
    for name, (seconds, auc, brier) in found.items():
        ratio = seconds / found["vpstats"][0]
        print(f"{name:12} {seconds:8.2f} s  {ratio:6.1f}x  AUC {auc:+.5f}  Brier {brier:+.6f}")


if __name__ == "__main__":
    main()
