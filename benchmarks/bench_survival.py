"""Curves and Cox models beside lifelines and statsmodels, ratios in one run.

    OMP_NUM_THREADS=1 .venv/bin/python benchmarks/bench_survival.py [rows ...]

Registry-like rows: treated levels of patients, one to four each, twelve covariates, times in whole
days up to five years, two causes. The public calls are timed, tables in and results out, and for
curves the kernel apart; runs are interleaved and CPU seconds are medians, so the ratios mean more
than the times. Contenders in R time themselves in a process of their own. A contender that would
take longer than `PATIENCE` seconds, were its time to grow with the square of the rows, is left out.
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
from typing import Any

import numpy as np
import pandas as pd

from vpstats.frames import Frame
from vpstats.models.curve_fit import estimate_incidence, estimate_survival
from vpstats.models.curve_tests import compare_curves
from vpstats.models.curves import cumulative_incidence, kaplan_meier
from vpstats.models.differences import compare_at
from vpstats.models.event_slots import find_slots
from vpstats.models.followup import read_follow_up
from vpstats.models.hazards import fit_cox
from vpstats.models.restricted import restricted_mean
from vpstats.models.score_tests import fleming_harrington, gray, log_rank

COVARIATES = 12
FOLLOW_UP = 1825
RUNS = 5
PATIENCE = 60.0

USED = ("days", "event", "arm", "patient_id")
"""Columns that the curves read; memory is counted in their size."""

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
            "arm": rng.integers(0, 2, n),
            **columns,
        }
    )


def contenders(data: pd.DataFrame) -> dict[str, dict[str, Job]]:
    """Per job the contenders, ours first; the kernel is what is left without tables."""
    from lifelines import AalenJohansenFitter, KaplanMeierFitter
    from lifelines.statistics import multivariate_logrank_test
    from statsmodels.duration.survfunc import CumIncidenceRight, SurvfuncRight, survdiff

    times: dict[str, Any] = {"duration": "days", "event": "event"}
    days, event = data["days"].to_numpy(), data["event"].to_numpy()
    fracture, arm = data["fracture"].to_numpy(), data["arm"].to_numpy()
    one = read_follow_up(Frame(data, unit="row"), **times)
    two = read_follow_up(Frame(data, unit="row"), **times, by="arm")
    clustered = {"cluster": "patient_id"}
    return {
        "Kaplan–Meier": {
            "vpstats": lambda: kaplan_meier(data, duration="days", event="fracture"),
            "kernel": lambda: estimate_survival(one, 1),
            "statsmodels": lambda: SurvfuncRight(days, fracture),
            "lifelines": lambda: KaplanMeierFitter().fit(days, fracture),
        },
        "incidence with variance": {
            "vpstats": lambda: cumulative_incidence(data, **times),
            "kernel": lambda: estimate_incidence(one, 1),
            "statsmodels": lambda: CumIncidenceRight(days, event),
            "lifelines": lambda: AalenJohansenFitter(seed=1).fit(days, event, 1),
        },
        "incidence, clustered": {
            "vpstats": lambda: cumulative_incidence(data, **times, **clustered),
        },
        "log-rank": {
            "vpstats": lambda: compare_curves(data, **times, by="arm"),
            "kernel": lambda: log_rank(
                find_slots(two, 1, competing=False), fleming_harrington(0), None
            ),
            "statsmodels": lambda: survdiff(days, fracture, arm),
            "lifelines": lambda: multivariate_logrank_test(days, arm, fracture),
        },
        "Gray": {
            "vpstats": lambda: compare_curves(data, **times, by="arm", test="gray"),
            "kernel": lambda: gray(find_slots(two, 1, competing=True), 0.0, None),
        },
        "Gray, clustered": {
            "vpstats": lambda: compare_curves(data, **times, by="arm", test="gray", **clustered),
        },
        "risk difference, clustered": {
            "vpstats": lambda: compare_at(data, **times, by="arm", times=[365, 730], **clustered),
        },
        "time lost, clustered": {
            "vpstats": lambda: restricted_mean(data, **times, by="arm", horizon=1000, **clustered),
        },
    }


def hazard_contenders(data: pd.DataFrame) -> dict[str, dict[str, Job]]:
    """Cox models, ours first."""
    from lifelines import CoxPHFitter
    from statsmodels.duration.hazard_regression import PHReg

    names = [c for c in data.columns if c.startswith("x")]
    formula = " + ".join(names)
    times: dict[str, Any] = {"duration": "days", "event": "event"}
    X, days = data[names].to_numpy(), data["days"].to_numpy()
    fracture, patient = data["fracture"].to_numpy(), data["patient_id"].to_numpy()
    table = data[[*names, "days", "fracture", "patient_id"]]
    return {
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


IN_R = {
    "Kaplan–Meier": ("survfit", "survival::survfit(survival::Surv(d$days, d$fracture) ~ 1)"),
    "incidence with variance": ("cuminc", "cmprsk::cuminc(d$days, d$event)"),
    "log-rank": ("survdiff", "survival::survdiff(survival::Surv(d$days, d$fracture) ~ d$arm)"),
    "Gray": ("cuminc, its curves included", "cmprsk::cuminc(d$days, d$event, d$arm)"),
}
"""Job → name and call of the contender in R, which starts and reads before the clock does."""
PROGRAM = """
d <- read.csv(commandArgs(TRUE)[1])
calls <- list({calls})
for (call in calls) eval(call)
for (call in calls) {{
  seconds <- sapply(seq_len({runs}), function(i) {{ gc(); sum(system.time(eval(call))[1:2]) }})
  cat(median(seconds), "\\n")
}}
"""


def time_in_r(data: pd.DataFrame) -> dict[str, tuple[str, float]]:
    """Job → name and median CPU seconds of the contender in R, of those that are installed."""
    if shutil.which("Rscript") is None:
        return {}
    calls = ", ".join(f"quote({call})" for _, call in IN_R.values())
    with tempfile.TemporaryDirectory() as folder:
        file, program = Path(folder) / "rows.csv", Path(folder) / "time.R"
        data[["days", "event", "fracture", "arm"]].to_csv(file, index=False)
        program.write_text(PROGRAM.format(calls=calls, runs=RUNS), "utf-8")
        run = subprocess.run(["Rscript", program, file], capture_output=True, text=True)
    if run.returncode:
        print(f"  R left out: {run.stderr.strip().splitlines()[-1]}")
        return {}
    seconds = [float(line) for line in run.stdout.split()]
    return {job: (name, t) for (job, (name, _)), t in zip(IN_R.items(), seconds, strict=True)}


def peak_memory(call: Job) -> float:
    """Largest memory of a call beyond what was there, in bytes."""
    tracemalloc.start()
    call()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return float(peak)


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
    words = [f"vpstats {ours * 1e3:,.2f} ms"]
    if "kernel" in seconds:
        words += [f"of which the kernel {seconds.pop('kernel') * 1e3:,.2f} ms"]
    words += [f"{name} {t * 1e3:,.1f} ms ({t / ours:,.1f}×)" for name, t in seconds.items()]
    words += [f"{name} left out" for name in left_out]
    print(f"  {job}: {'; '.join(words)}")


def main(sizes: list[int]) -> None:
    last: dict[tuple[str, str], float] = {}
    for k, n in enumerate(sizes):
        data = make_rows(n)
        print(f"\n{n:,} rows")
        growth = (n / sizes[k - 1]) ** 2 if k else 1.0
        in_r = time_in_r(data)
        for job, jobs in (contenders(data) | hazard_contenders(data)).items():
            left_out = [name for name in jobs if last.get((job, name), 0) * growth > PATIENCE]
            seconds = interleave({k: v for k, v in jobs.items() if k not in left_out})
            last |= {(job, name): np.inf for name in left_out}
            last |= {(job, name): t for name, t in seconds.items()}
            report(job, seconds | dict([in_r[job]] if job in in_r else []), left_out)
        for job, jobs in contenders(data).items():
            columns = 8.0 * n * len(USED)
            print(f"  memory of {job}: {peak_memory(jobs['vpstats']) / columns:.1f} × its columns")


if __name__ == "__main__":
    main([int(float(a)) for a in sys.argv[1:]] or [1_000, 10_000, 100_000])
