"""Time the whole audit: 200 centers, 8 indicators, 100,000 procedures; and its growth.

    python benchmarks/bench_audit.py [procedures ...]

The registry is a simulated one copied under other names, so that reading exports, which is timed
elsewhere, takes no part: what is timed begins with a clean registry and ends with the last page on
disk. CPU seconds by step, of one process.
"""

from __future__ import annotations

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
    """Prints the CPU seconds of each step when the next begins."""

    def __init__(self) -> None:
        self.name, self.began = "", time.process_time()

    def __call__(self, name: str, number: int, total: int) -> None:
        self.end()
        self.name, self.began = name, time.process_time()

    def end(self) -> None:
        """End the last step."""
        if self.name:
            print(f"  {time.process_time() - self.began:7.2f} s  {self.name}", flush=True)


def run(registry: Registry) -> float:
    """Audit a registry and print where the time goes."""
    steps, began = Steps(), time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        made = run_audit(
            plan(), out=Path(folder) / "audit", registry=registry, workers=2, progress=steps
        )
        steps.end()
    total = time.process_time() - began
    n, k = len(registry.procedures), len(made.result.centers)
    print(f"{total:9.2f} s  {n:,} procedures, {k} centers, {len(made.ledger.cells):,} cells")
    return total


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
