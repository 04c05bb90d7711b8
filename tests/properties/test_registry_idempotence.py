"""Cleaning what is clean changes nothing: canonical tables, written and read again, stay."""

from __future__ import annotations

import os
from pathlib import Path

import pandas as pd
import pytest

from vpstats.registry import load_demo, read_registry
from vpstats.registry.registry import Registry
from vpstats.schema_tables import TABLES
from vpstats.simulate import SimulationSpec, simulate_registry, write_exports
from vpstats.simulate.wording import DIALECTS

_NAMED = {"levels": ("level_id",), "leaks": ("level_id",)}
"""Keys that are made from others when a registry is read, so that no file holds them."""

_PREFIXED = {"patient_id", "procedure_id", "visit_id", "event_id"}
"""Keys that begin with their center when a registry has been read."""


def write_canonical(registry: Registry, folder: Path) -> None:
    """The six tables as files, with the mapping that names each column as itself."""
    info = [f'name = "x"\ndata_cut = {registry.data_cut.date()}\nconsent = "{registry.consent}"\n']
    lines = ["version = 1\n[registry]\n", *info]
    for name, frame in _raw_tables(registry).items():
        frame.to_csv(folder / f"{name}.csv", index=False, date_format="%Y-%m-%d")
        columns = "".join(f'{column} = "{column}"\n' for column in frame.columns)
        lines.append(f'[[source]]\nname = "{name}"\nfile = "{name}.csv"\n')
        lines.append(f'[[source.table]]\nname = "{name}"\n[source.table.columns]\n{columns}')
    (folder / "registry.toml").write_text("".join(lines), "utf-8")


def _raw_tables(registry: Registry) -> dict[str, pd.DataFrame]:
    """Tables whose keys are those of an export: without the center, which has its own column."""
    levels = registry.levels.set_index("level_id")
    found = {}
    for name, table in registry.tables.items():
        if table.empty:
            continue
        frame = table.dropna(axis="columns", how="all").copy()
        if name == "leaks":
            frame["procedure_id"] = frame["level_id"].map(levels["procedure_id"])
            frame["level"] = frame["level_id"].map(levels["level"])
        frame = frame.drop(columns=list(_NAMED.get(name, ())))
        key = "patient_id" if "patient_id" in frame else "procedure_id"
        frame["center_id"] = frame[key].str.split("/").str[0]
        for column in _PREFIXED & set(frame.columns):
            frame[column] = frame[column].str.split("/", n=1).str[1]
        found[name] = frame
    return found


def assert_unchanged(registry: Registry, folder: Path) -> None:
    write_canonical(registry, folder)
    again = read_registry(folder)
    assert again.corrections.empty, again.corrections.head().to_dict("records")
    for name, table in registry.tables.items():
        keys = list(TABLES[name].key)
        before = table.sort_values(keys).reset_index(drop=True)
        after = again.tables[name].sort_values(keys).reset_index(drop=True)
        # centers of sessions and patients are taken from their names
        drop = [c for c in ("center_id",) if c in before]
        pd.testing.assert_frame_equal(before.drop(columns=drop), after.drop(columns=drop))


def test_the_demonstration_read_again_is_the_same(tmp_path: Path) -> None:
    assert_unchanged(load_demo(), tmp_path)


@pytest.mark.parametrize("seed", range(40 if os.environ.get("VPSTATS_FULL") else 4))
def test_a_dirty_registry_read_again_is_the_same(tmp_path: Path, seed: int) -> None:
    by_id = {center.center_id: center for center in SimulationSpec().centers}
    chosen = [by_id[d.centers[seed % len(d.centers)]] for d in DIALECTS.values()]
    truth = simulate_registry(SimulationSpec(n_procedures=120, centers=tuple(chosen)), seed)
    dirty, clean = tmp_path / "dirty", tmp_path / "clean"
    clean.mkdir()
    write_exports(truth, dirty, seed=seed)
    registry = read_registry(dirty)
    assert len(registry.corrections) > 0
    assert_unchanged(registry, clean)
