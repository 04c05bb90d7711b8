"""Curves and Cox models beside lifelines and statsmodels, ratios in one run.

    OMP_NUM_THREADS=1 .venv/bin/python benchmarks/bench_survival.py [rows ...]

Registry-like rows: treated levels of patients, one to four each, twelve covariates, times in whole
days up to five years, two causes. The public calls are timed, tables in and results out; runs are
interleaved and CPU seconds are medians, so the ratios mean more than the times. A contender that
would take longer than `PATIENCE` seconds, were its time to grow with the square of the rows, is
left out.
"""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Callable

import numpy as np
import pandas as pd

from vpstats.models.curves import cumulative_incidence, kaplan_meier
from vpstats.models.hazards import fit_cox

COVARIATES = 12
FOLLOW_UP = 1825
RUNS = 5
PATIENCE = 60.0

Job = Callable[[], object]


def make_rows(n: int, seed: int = 20260101) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    size = rng.choice(4, size=n, p=[0.62, 0.23, 0.10, 0.05]) + 1
    patient = np.repeat(np.arange(n), size)[:n]
    columns = {}
    for j in range(COVARIATES):
        column = rng.normal(size=patient[-1] + 1)[patient] if j % 2 else rng.normal(size=n)
        columns[f"x{j}"] = (column > 0.3).astype(float) if j % 3 == 0 else column
    slopes = np.linspace(-0.3, 0.5, COVARIATES)
    hazard = 2.2e-4 * np.exp(sum(b * c for b, c in zip(slopes, columns.values(), strict=True)))
    fracture = (rng.exponential(size=n) / hazard) ** (1 / 0.9) * 0.55
    death = rng.exponential(2600, n)
    end = np.minimum.reduce([fracture, death, rng.uniform(30, 2600, n), np.full(n, FOLLOW_UP)])
    event = np.select([fracture <= end, death <= end], [1, 2], 0)
    return pd.DataFrame(
        {
            "days": np.maximum(1.0, np.ceil(end)),
            "event": event,
            "fracture": (event == 1).astype(int),
            "patient_id": patient,
            **columns,
        }
    )


def contenders(data: pd.DataFrame) -> dict[str, dict[str, Job]]:
    """Per job the contenders, ours first."""
    from lifelines import AalenJohansenFitter, CoxPHFitter, KaplanMeierFitter
    from statsmodels.duration.hazard_regression import PHReg
    from statsmodels.duration.survfunc import CumIncidenceRight, SurvfuncRight

    names = [c for c in data.columns if c.startswith("x")]
    formula = " + ".join(names)
    times = {"duration": "days", "event": "event"}
    X, days = data[names].to_numpy(), data["days"].to_numpy()
    fracture, patient = data["fracture"].to_numpy(), data["patient_id"].to_numpy()
    table = data[[*names, "days", "fracture", "patient_id"]]
    return {
        "Kaplan–Meier": {
            "vpstats": lambda: kaplan_meier(data, duration="days", event="fracture"),
            "statsmodels": lambda: SurvfuncRight(days, fracture),
            "lifelines": lambda: KaplanMeierFitter().fit(days, fracture),
        },
        "incidence with variance": {
            "vpstats": lambda: cumulative_incidence(data, **times),
            "statsmodels": lambda: CumIncidenceRight(days, data["event"].to_numpy()),
            "lifelines": lambda: AalenJohansenFitter(seed=1).fit(days, data["event"], 1),
        },
        "incidence, clustered": {
            "vpstats": lambda: cumulative_incidence(data, **times, cluster="patient_id"),
        },
        "Cox, Efron, clustered": {
            "vpstats": lambda: fit_cox(data, formula, **times, cluster="patient_id"),
            "statsmodels": lambda: PHReg(days, X, fracture, ties="efron").fit(groups=patient),
            "lifelines": lambda: CoxPHFitter().fit(
                table, "days", "fracture", cluster_col="patient_id"
            ),
        },
        "Cox, Efron": {
            "vpstats": lambda: fit_cox(data, formula, **times),
            "statsmodels": lambda: PHReg(days, X, fracture, ties="efron").fit(),
            "lifelines": lambda: CoxPHFitter().fit(
                table.drop(columns="patient_id"), "days", "fracture"
            ),
        },
    }


def interleave(jobs: dict[str, Job]) -> dict[str, float]:
    """Median CPU seconds of each contender."""
    seconds: dict[str, list[float]] = {name: [] for name in jobs}
    for _ in range(RUNS):
        for name, call in jobs.items():
            start = time.process_time()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # lifelines warns of the ties that it moves
                call()
            seconds[name].append(time.process_time() - start)
    return {name: float(np.median(values)) for name, values in seconds.items()}


def report(job: str, seconds: dict[str, float], left_out: list[str]) -> None:
    ours = seconds.pop("vpstats")
    words = [f"vpstats {ours * 1e3:,.1f} ms"]
    words += [f"{name} {t * 1e3:,.1f} ms ({t / ours:,.1f}×)" for name, t in seconds.items()]
    words += [f"{name} left out" for name in left_out]
    print(f"  {job}: {'; '.join(words)}")


def main(sizes: list[int]) -> None:
    last: dict[tuple[str, str], float] = {}
    for k, n in enumerate(sizes):
        print(f"\n{n:,} rows")
        growth = (n / sizes[k - 1]) ** 2 if k else 1.0
        for job, jobs in contenders(make_rows(n)).items():
            left_out = [name for name in jobs if last.get((job, name), 0) * growth > PATIENCE]
            seconds = interleave({k: v for k, v in jobs.items() if k not in left_out})
            last |= {(job, name): np.inf for name in left_out}
            last |= {(job, name): t for name, t in seconds.items()}
            report(job, seconds, left_out)


if __name__ == "__main__":
    main([int(float(a)) for a in sys.argv[1:]] or [1_000, 10_000, 100_000])
