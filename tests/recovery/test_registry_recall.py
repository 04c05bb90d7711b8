"""The simulator's dirt over many seeds: what is not the truth is said, class of fault by class.

Each seed is a small registry with one center of each dialect, written clean and then with faults of
every kind that fits. A fault is recalled where none of its rows holds a silent wrong value: the
cells are the truth, or are missing and a finding or correction says so, or a finding doubts them.
"""

from __future__ import annotations

import importlib.util
import os
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from vpstats.registry import read_registry
from vpstats.simulate import FAULTS, SimulationSpec, simulate_registry, write_exports
from vpstats.simulate.wording import DIALECTS

pytestmark = pytest.mark.slow

SEEDS = 1_000 if os.environ.get("VPSTATS_FULL") else 20
FIRST = 100
SESSIONS = (60, 60, 60, 240)
"""Expected sessions of one seed after another; the larger ones have room for all faults."""
LEAST_RECALL = 0.995
LEAST_CLASSES = 0.8
"""Share of the kinds of fault that have to occur, so that recall is not of a few."""
FEWEST_OF_A_SCALE = 10
"""Values of a center below which its scale is not compared with that of others."""
CHANCE_RULES = {"duplicate.person"}
"""Rules that clean data break by chance: two people with one birthday, sex and height."""
TRUE_RULES = {"file.no_rows", "explode.repeated"}
"""Rules that say of clean data what is so: no event in a small center, one cell for two levels."""


def _truth_tools() -> ModuleType:
    """The comparison with the truth that the test of the demonstration uses."""
    path = Path(__file__).parents[1] / "e2e" / "test_demo_truth.py"
    spec = importlib.util.spec_from_file_location("registry_truth_tools", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # its dataclasses look their module up
    spec.loader.exec_module(module)
    return module


TOOLS = _truth_tools()


@dataclass
class Recall:
    """Faults injected and missed, by class, over all seeds."""

    injected: Counter[str] = field(default_factory=Counter)
    missed: Counter[str] = field(default_factory=Counter)
    unprovable: Counter[str] = field(default_factory=Counter)
    silent: list[str] = field(default_factory=list)
    clean_doubts: Counter[str] = field(default_factory=Counter)
    clean_wrong: list[str] = field(default_factory=list)
    clean_rows: int = 0


def _spec(seed: int) -> SimulationSpec:
    by_id = {center.center_id: center for center in SimulationSpec().centers}
    chosen = [by_id[d.centers[seed % len(d.centers)]] for d in DIALECTS.values()]
    return SimulationSpec(n_procedures=SESSIONS[seed % len(SESSIONS)], centers=tuple(chosen))


def _compare(truth: Any, seed: int | None) -> Any:
    with tempfile.TemporaryDirectory() as folder:
        exports = write_exports(truth, folder, seed=seed)
        return TOOLS.Comparison(truth, exports, read_registry(Path(folder)))


def _lacks_context(compared: Any, difference: Any, fault: str) -> bool:
    """Whether the rows beside a fault, which alone could betray it, are too few or gone."""
    sessions = compared.registry.procedures
    center = difference.key.split("/")[0]
    if fault == "crp_unit_undeclared":
        values = sessions.loc[sessions["center_id"] == center, "crp_mg_l"]
        return int(values.notna().sum()) < FEWEST_OF_A_SCALE
    if fault == "operator_two_places":
        day = sessions.set_index("procedure_id")["proc_date"].get(difference.key)
        others = sessions[(sessions["proc_date"] == day) & (sessions["center_id"] != center)]
        return difference.read not in set(others["operator_id"])
    if fault in ("fx_at_cemented", "fx_far_as_adjacent"):
        # what the vertebrae treated would say, where another fault has moved one of them
        true = compared.truth.tables
        patient = true["events"].set_index("event_id")["patient_id"].get(difference.key)
        treated = [
            set(
                t["levels"].loc[t["levels"]["procedure_id"].isin(_sessions_of(t, patient)), "level"]
            )
            for t in (true, {"levels": compared.registry.levels, "procedures": sessions})
        ]
        return treated[0] != treated[1]
    if fault == "pce_without_imaging":
        # the embolism alone betrays it: where its row was left out, that row is what is said
        true = compared.truth.tables["events"]
        shown = (true["procedure_id"] == difference.key) & (true["event_type"] == "pce")
        own = true["event_id"][shown.to_numpy(bool)]
        findings = compared.registry.findings
        given_up = set(findings.loc[findings["rule"] == "required.missing", "key"])
        return not own.isin(compared.registry.events["event_id"]).any() and given_up >= set(own)
    return False


def _sessions_of(tables: dict[str, Any], patient: Any) -> Any:
    sessions = tables["procedures"]
    return sessions.loc[sessions["patient_id"] == patient, "procedure_id"]


def _count(compared: Any, seed: int, recall: Recall) -> None:
    faults = compared.exports.faults.query("detectable == 'yes'")
    hit = faults.drop_duplicates(["file", "sheet", "row", "fault"])
    recall.injected.update(hit["fault"])
    for d in compared.silent:
        of_row = faults[(faults["table"] == d.place) & (faults["key"] == d.key)]["fault"].unique()
        if any(_lacks_context(compared, d, fault) for fault in of_row):
            recall.unprovable.update(of_row)
            continue
        recall.missed.update(of_row)
        recall.silent.append(f"seed {seed}: {TOOLS.told([d]).splitlines()[0]} {list(of_row)}")


def _count_clean(compared: Any, seed: int, recall: Recall) -> None:
    findings = compared.registry.findings
    doubts = findings.loc[findings["severity"] != "info", "rule"]
    recall.clean_doubts.update(doubts[~doubts.isin(TRUE_RULES)])
    recall.clean_rows += sum(len(compared.true_rows(table)) for table in TOOLS.KEYS)
    recall.clean_wrong += [f"seed {seed}: {d}" for d in compared.differences]


@pytest.fixture(scope="module")
def recall() -> Recall:
    found = Recall()
    for seed in range(FIRST, FIRST + SEEDS):
        truth = simulate_registry(_spec(seed), seed)
        _count(_compare(truth, seed), seed, found)
        if seed % 5 == 0:
            _count_clean(_compare(truth, None), seed, found)
    if os.environ.get("VPSTATS_TABLES"):
        _show(found)
    return found


def _show(found: Recall) -> None:
    lines = [f"{'fault':32} injected  missed  unprovable  recall"]
    for fault, n in sorted(found.injected.items()):
        missed = found.missed[fault]
        lines.append(
            f"{fault:32} {n:8d} {missed:7d} {found.unprovable[fault]:11d}  {1 - missed / n:.4f}"
        )
    hidden = [f"{f.id}: {f.reason}" for f in FAULTS.values() if not f.detectable]
    lines += ["", "faults that no reading can notice:", *sorted(hidden)]
    lines += ["", f"clean rows {found.clean_rows}, findings {dict(found.clean_doubts)}"]
    sys.stderr.write("\n".join([*lines, *found.silent, ""]))


def test_no_fault_ends_as_a_silent_wrong_value(recall: Recall) -> None:
    assert recall.silent == [], "\n".join(recall.silent)


def test_every_class_of_fault_is_recalled(recall: Recall) -> None:
    shares = {f: 1 - recall.missed[f] / n for f, n in recall.injected.items()}
    short = {f: s for f, s in shares.items() if s < LEAST_RECALL}
    assert short == {}
    detectable = {f.id for f in FAULTS.values() if f.detectable}
    assert len(recall.injected) > LEAST_CLASSES * len(detectable)


def test_every_undetectable_fault_says_why() -> None:
    assert all(len(fault.reason) > 10 for fault in FAULTS.values() if not fault.detectable)


def test_clean_exports_are_the_truth_and_are_doubted_by_chance_alone(recall: Recall) -> None:
    assert recall.clean_wrong == []
    assert set(recall.clean_doubts) <= CHANCE_RULES
    assert sum(recall.clean_doubts.values()) <= max(4, recall.clean_rows // 1_000)
