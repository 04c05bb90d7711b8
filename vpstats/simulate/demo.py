"""The demonstration registry: one spec, one seed, the same bytes every time."""

from __future__ import annotations

from pathlib import Path

from vpstats.simulate.exports import Exports, write_exports
from vpstats.simulate.generate import SimulatedRegistry, simulate_registry
from vpstats.simulate.spec import SimulationSpec

DEMO_SEED = 7
"""Seed of the patients, and of the faults in their exports."""

DEMO_NAME = "Demonstration registry (synthetic)"


def demo_registry() -> SimulatedRegistry:
    """Draw the clean registry behind ``data/demo``.

    Returns
    -------
    SimulatedRegistry
        About 3,000 sessions in 12 centers.
    """
    return simulate_registry(SimulationSpec(), DEMO_SEED)


def write_demo(folder: str | Path) -> Exports:
    """Write the exports, ``registry.toml`` and ``faults.csv`` of ``data/demo``.

    Parameters
    ----------
    folder : str or Path
        Where; files of the same name are replaced, others stay.

    Returns
    -------
    Exports
        What was written, with the faults in it.
    """
    return write_exports(demo_registry(), folder, name=DEMO_NAME, seed=DEMO_SEED)
