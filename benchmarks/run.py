"""Time the estimators beside other packages, then the parts of the demonstration study.

Run with ``make bench``. Ratios come from one run on one machine; the times are of that machine.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).parent
ONE_THREAD = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}

SETUP = {
    "": "",
    "registry": "registry = vp.load_demo()",
    "leakage": "frame = vp.build_cohort(vp.load_demo(), 'leakage', modality='ct')",
    "fracture": "frame = vp.build_cohort(vp.load_demo(), 'adjacent_fracture')",
}
CASES = [
    ("vpstats --help", "", "subprocess.run([sys.executable, '-m', 'vpstats', '--help'], "
     "check=True, stdout=subprocess.DEVNULL)"),
    ("read and clean the demonstration exports", "", "vp.load_demo()"),
    ("cohort: leakage", "registry", "vp.build_cohort(registry, 'leakage', modality='ct')"),
    ("cohort: adjacent fracture", "registry", "vp.build_cohort(registry, 'adjacent_fracture')"),
    ("logistic, clustered", "leakage",
     "vp.fit_logistic(frame, 'leak_any ~ cement_ml + age_at_proc + C(center_id)')"),
    ("logistic, Firth", "leakage",
     "vp.fit_logistic(frame, 'leak_any ~ cement_ml + age_at_proc', penalty='firth')"),
    ("cumulative incidence", "fracture",
     "vp.cumulative_incidence(frame, duration='days', event='event')"),
    ("Cox, stratified, clustered", "fracture",
     "vp.fit_cox(frame, '~ age_at_proc + sex', duration='days', event='event', "
     "strata='center_id')"),
    ("the whole study, nothing written", "", "vp.run_study('data/demo/study.toml')"),
]  # fmt: skip

PROGRAM = """
import subprocess, sys, time
import vpstats as vp
{setup}
best = float("inf")
for _ in range({repeats}):
    start = time.perf_counter()
    {call}
    best = min(best, time.perf_counter() - start)
print(best)
"""


def seconds(setup: str, call: str, repeats: int) -> float:
    """Best time of a call in a fresh process, its setup not counted."""
    program = PROGRAM.format(setup=SETUP[setup], call=call, repeats=repeats)
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    return float(run.stdout)


def main() -> None:
    """Run every comparison, then time every part of the study and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--study", action="store_true", help="the parts of the study alone")
    options = parser.parse_args()
    repeats = options.repeats
    for script in [] if options.study else sorted(FOLDER.glob("bench_*.py")):
        print(f"== {script.stem.removeprefix('bench_').replace('_', ' ')}", flush=True)
        subprocess.run([sys.executable, str(script)], check=True, env=ONE_THREAD)
        print()
    print("== parts of the demonstration study, best of", repeats, flush=True)
    width = max(len(name) for name, _, _ in CASES)
    for name, setup, call in CASES:
        print(f"{name:<{width}}  {seconds(setup, call, repeats):8.3f} s", flush=True)


if __name__ == "__main__":
    main()
