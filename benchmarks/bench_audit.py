"""Time the whole audit: 200 centers, 8 indicators, 100,000 procedures; and its growth.

    python benchmarks/bench_audit.py [procedures ...]

The registry is a simulated one copied under other names, so that reading exports, which is timed
elsewhere, takes no part: what is timed begins with a clean registry and ends with the last page on
disk. CPU seconds by step; with two idle cores the forked part takes half of its seconds.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import pandas as pd

from vpstats.pipeline import run_audit
from vpstats.registry import Registry
from vpstats.simulate import SimulationSpec, simulate_registry
from vpstats.study import StudyPlan, default_indicators

SOURCE = 3_000
CENTERS = 200
KEYS = ("patient_id", "procedure_id", "level_id", "visit_id", "event_id")


def source() -> Registry:
    """A clean simulated registry."""
    drawn = simulate_registry(SimulationSpec(n_procedures=SOURCE), 1)
    cut = SimulationSpec().data_cut
    return Registry.from_tables(drawn.tables, name="Benchmark", data_cut=cut, synthetic=True)


def enlarged(one: Registry, procedures: int) -> Registry:
    """The registry copied until it has so many procedures, at 200 centers or fewer."""
    copies = max(1, round(procedures / len(one.procedures)))
    own = one.procedures["center_id"].nunique()
    groups = max(1, min(copies, CENTERS // own))
    tables = {
        name: pd.concat([_copy(table, i, i % groups) for i in range(copies)], ignore_index=True)
        for name, table in one.tables.items()
    }
    return replace(one, **tables)


def _copy(table: pd.DataFrame, number: int, group: int) -> pd.DataFrame:
    names = {key: table[key] + f"-{number}" for key in KEYS if key in table}
    if "center_id" in table:
        names["center_id"] = table["center_id"] + f"-{group:02d}"
    return table.assign(**names).astype(table.dtypes.to_dict())


def plan(strata: bool = False) -> StudyPlan:
    """Eight outcomes of the default set, each as a whole."""
    chosen = [i for i in default_indicators() if i.kind == "outcome"][:8]
    kept = [i if strata else i.model_copy(update={"strata": {}}) for i in chosen]
    return StudyPlan(version=1, title="Benchmark", indicator=tuple(kept))


class Steps:
    """Prints the CPU seconds of each step, those of forked processes apart."""

    def __init__(self) -> None:
        self.name, self.began = "", used()

    def __call__(self, name: str, number: int, total: int) -> None:
        self.end()
        self.name, self.began = name, used()

    def end(self) -> None:
        """End the last step."""
        if self.name:
            own, others = (b - a for a, b in zip(self.began, used(), strict=True))
            print(f"  {own:7.2f} s + {others:7.2f} s  {self.name}", flush=True)


def used() -> tuple[float, float]:
    """CPU seconds of this process and of those that it forked and that have ended."""
    found = os.times()
    return found.user + found.system, found.children_user + found.children_system


def run(registry: Registry) -> float:
    """Audit a registry by two processes and print where the time goes."""
    steps, began, clock = Steps(), used(), time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "audit"
        made = run_audit(plan(), out=out, registry=registry, workers=2, progress=steps)
        steps.end()
    own, others = (b - a for a, b in zip(began, used(), strict=True))
    passed = time.perf_counter() - clock
    n, k = len(registry.procedures), len(made.result.centers)
    print(f"{n:,} procedures, {k} centers, {len(made.ledger.cells):,} cells: {own:.1f} s here and "
          f"{others:.1f} s in forked processes; {passed:.1f} s by the clock")  # fmt: skip
    return own + others


def main() -> None:
    """Time the sizes named, or 100,000 and half of it."""
    sizes = [int(size) for size in sys.argv[1:]] or [50_000, 100_000]
    one = source()
    seconds = {size: run(enlarged(one, size)) for size in sizes}
    first, last = min(seconds), max(seconds)
    if first < last:
        ratio = seconds[last] / seconds[first]
        print(f"{last / first:.1f} times the procedures take {ratio:.2f} times as long")


if __name__ == "__main__":
    main()
