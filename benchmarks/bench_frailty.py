"""Frailties, matched strata, residuals and checks of a Cox model beside R and lifelines.

    OMP_NUM_THREADS=1 .venv/bin/python benchmarks/bench_frailty.py [rows ...]

The rows are those of `bench_survival`. Contenders in R time themselves in a process of their own,
one run each, up to `MOST_IN_R` rows. The exponent is that of ours over the sizes.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from bench_survival import Job, interleave, make_rows, report

from vpstats.models.concordance import concordance
from vpstats.models.hazards import fit_cox
from vpstats.models.proportional import test_proportional_hazards
from vpstats.models.residuals import residuals
from vpstats.models.windows import fit_cox_by_window

TIMES: dict[str, Any] = {"duration": "days", "event": "event"}
FORMULA = "x0 + x1 + x2 + x3"
MOST_IN_R = 10_000
MOST_MATCHED_IN_R = 1_000
"""R's cluster-robust error is quadratic in strata."""


def contenders(data: pd.DataFrame) -> dict[str, dict[str, Job]]:
    from lifelines.utils import concordance_index

    fit = fit_cox(data, FORMULA, **TIMES)
    score = fit.predict(data)["estimate"].to_numpy()
    return {
        "frailty, variance given": {
            "vpstats": lambda: fit_cox(data, FORMULA, **TIMES, frailty="patient_id", theta=0.5)
        },
        "frailty, variance estimated": {
            "vpstats": lambda: fit_cox(data, FORMULA, **TIMES, frailty="patient_id")
        },
        "matched by patient": {
            "vpstats": lambda: fit_cox(data, FORMULA, **TIMES, strata="patient_id", vcov="CR0",
                                       cluster="patient_id")
        },
        "dfbeta residuals": {"vpstats": lambda: residuals(fit, data, "dfbeta")},
        "proportional hazards": {"vpstats": lambda: test_proportional_hazards(fit, data)},
        "concordance": {
            "vpstats": lambda: concordance(fit, data),
            "lifelines, without error": lambda: concordance_index(
                data["days"], -score, data["fracture"]
            ),
        },
        "by window": {
            "vpstats": lambda: fit_cox_by_window(data, FORMULA, exposure="x0", at=[60, 365],
                                                 **TIMES, cluster="patient_id")
        },
    }  # fmt: skip


MODEL = "survival::Surv(d$days, d$fracture) ~ x0 + x1 + x2 + x3"
SHARED = "survival::frailty(patient_id, distribution = 'gamma', sparse = TRUE"
IN_R = {
    "frailty, variance given": f"survival::coxph({MODEL} + {SHARED}, theta = 0.5), d)",
    "frailty, variance estimated": f"survival::coxph({MODEL} + {SHARED}), d)",
    "matched by patient": f"survival::coxph({MODEL} + survival::strata(patient_id), d, "
    "cluster = patient_id)",
    "dfbeta residuals": "residuals(fit, 'dfbeta')",
    "proportional hazards": "survival::cox.zph(fit)",
    "concordance": "survival::concordance(fit)",
}
PROGRAM = f"""
suppressPackageStartupMessages(library(survival))
d <- read.csv(commandArgs(TRUE)[1])
fit <- survival::coxph({MODEL}, d)
for (call in list({{calls}}))
  cat(sum(system.time(suppressWarnings(eval(call)))[1:2]), "\\n")
"""


def time_in_r(data: pd.DataFrame) -> dict[str, float]:
    """Job → CPU seconds of R."""
    if shutil.which("Rscript") is None or len(data) > MOST_IN_R:
        return {}
    chosen = {
        job: f"quote({call})"
        for job, call in IN_R.items()
        if job != "matched by patient" or len(data) <= MOST_MATCHED_IN_R
    }
    with tempfile.TemporaryDirectory() as folder:
        file, program = Path(folder) / "rows.csv", Path(folder) / "time.R"
        data.to_csv(file, index=False)
        program.write_text(PROGRAM.format(calls=", ".join(chosen.values())), "utf-8")
        run = subprocess.run(["Rscript", program, file], capture_output=True, text=True)
    if run.returncode:
        print(f"  R left out: {run.stderr.strip().splitlines()[-1]}")
        return {}
    seconds = [float(line) for line in run.stdout.split()]
    return dict(zip(chosen, seconds, strict=True))


def main(sizes: list[int]) -> None:
    ours: dict[str, list[float]] = {}
    for n in sizes:
        data = make_rows(n)
        print(f"\n{n:,} rows")
        in_r = time_in_r(data)
        for job, jobs in contenders(data).items():
            seconds = interleave(jobs)
            ours.setdefault(job, []).append(seconds["vpstats"])
            report(job, seconds | ({"R": in_r[job]} if job in in_r else {}), [])
    if len(sizes) > 1:
        for job, seconds in ours.items():
            slope = np.polyfit(np.log(sizes), np.log(seconds), 1)[0]
            print(f"  {job}: cost grows as n^{slope:.2f}")


if __name__ == "__main__":
    main([int(float(a)) for a in sys.argv[1:]] or [1_000, 10_000, 100_000])
