"""Synthetic registries with known truth and, on request, known dirt.

`simulate_registry` draws patients, sessions, leaks, complications, fractures, visits and deaths
from one `SimulationSpec`; `write_exports` writes what was drawn as the raw exports of hospitals,
each in its dialect, with the faults that such exports have and a file that says where they are.
"""

from __future__ import annotations

from vpstats.simulate.centers import CenterSpec
from vpstats.simulate.exports import Exports, write_exports
from vpstats.simulate.faults import FAULTS, OTHER_FAULTS
from vpstats.simulate.generate import SimulatedRegistry, Truth, simulate_registry
from vpstats.simulate.spec import SimulationSpec

__all__ = [
    "FAULTS",
    "OTHER_FAULTS",
    "CenterSpec",
    "Exports",
    "SimulatedRegistry",
    "SimulationSpec",
    "Truth",
    "simulate_registry",
    "write_exports",
]
