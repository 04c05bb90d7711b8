"""Logistic regression with cluster-robust errors beside statsmodels, ratios in one run.

    OMP_NUM_THREADS=1 .venv/bin/python benchmarks/bench_logistic.py [rows ...]

Registry-like rows: treated levels of patients, one to four each, twelve covariates. Kernel and
public call are timed apart; runs are interleaved and CPU seconds are medians, so the ratios mean
more than the times.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

import numpy as np
import pandas as pd

from vpstats.models.binary import BinaryRows, likelihood, row_terms, starting_point
from vpstats.models.covariance import clustered_covariance, make_clusters
from vpstats.models.logistic import fit_logistic
from vpstats.models.newton import maximise

COVARIATES = 12
RUNS = 7


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


def contenders(data: pd.DataFrame) -> dict[str, Callable[[], object]]:
    import statsmodels.api as sm
    import statsmodels.formula.api as smf

    names = [c for c in data.columns if c.startswith("x")]
    X = np.ascontiguousarray(np.column_stack([np.ones(len(data)), data[names].to_numpy()]))
    y, patient = data["leak"].to_numpy(float), data["patient_id"].to_numpy()
    formula = "leak ~ " + " + ".join(names)

    def kernel() -> np.ndarray:
        rows = BinaryRows(X, 2 * y - 1)
        found = maximise(likelihood(rows), starting_point(rows))
        residuals = row_terms(rows, found.estimate).residuals
        clusters = make_clusters(patient)
        matrix = clustered_covariance(found.covariance, X, residuals, clusters, correct=True)
        return np.concatenate([found.estimate, np.sqrt(np.diag(matrix))])

    def statsmodels_arrays() -> np.ndarray:
        fit = sm.Logit(y, X).fit(disp=0, cov_type="cluster", cov_kwds={"groups": patient})
        return np.concatenate([fit.params, fit.bse])

    def statsmodels_formula() -> object:
        return smf.logit(formula, data).fit(
            disp=0, cov_type="cluster", cov_kwds={"groups": data["patient_id"]}
        )

    return {
        "kernel": kernel,
        "statsmodels, arrays": statsmodels_arrays,
        "fit_logistic": lambda: fit_logistic(data, formula, cluster="patient_id"),
        "statsmodels, formula": statsmodels_formula,
        "fit_logistic, Firth": lambda: fit_logistic(
            data, formula, penalty="firth", cluster="patient_id"
        ),
        "fit_logistic, Firth, 26 profile limits": lambda: fit_logistic(
            data, formula, penalty="firth", intervals="profile"
        ),
    }


def medians(jobs: dict[str, Callable[[], object]], runs: int) -> dict[str, float]:
    seconds: dict[str, list[float]] = {name: [] for name in jobs}
    for run in range(runs + 1):  # the first warms up
        for name, job in jobs.items():
            start = time.process_time()
            job()
            if run:
                seconds[name].append(time.process_time() - start)
    return {name: float(np.median(values)) for name, values in seconds.items()}


def main(sizes: list[int]) -> None:
    for n in sizes:
        data = make_rows(n)
        jobs = contenders(data)
        ours, theirs = jobs["kernel"](), jobs["statsmodels, arrays"]()
        apart = np.abs(ours[: COVARIATES + 1] - theirs[: COVARIATES + 1]) / theirs[COVARIATES + 1 :]
        took = medians(jobs, RUNS if n <= 100_000 else 3)
        print(f"n = {n:,}; coefficients differ by at most {apart.max():.0e} standard errors")
        for name, seconds in took.items():
            print(f"  {name:<40}{1e3 * seconds:10.1f} ms")
        kernel = took["statsmodels, arrays"] / took["kernel"]
        public = took["statsmodels, formula"] / took["fit_logistic"]
        print(f"  statsmodels arrays / kernel        {kernel:6.2f}")
        print(f"  statsmodels formula / fit_logistic {public:6.2f}")


if __name__ == "__main__":
    main([int(float(a)) for a in sys.argv[1:]] or [10_000, 100_000])
