"""Every kind of fault that the demonstration exports hold, in one registry."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from vpstats.simulate.fault import Fault
from vpstats.simulate.faults_followup import FOLLOW_UP_FAULTS
from vpstats.simulate.faults_level import LEVEL_FAULTS
from vpstats.simulate.faults_more import MORE_FAULTS
from vpstats.simulate.faults_patient import PATIENT_FAULTS
from vpstats.simulate.faults_procedure import PROCEDURE_FAULTS
from vpstats.simulate.faults_structure import ROW_FAULTS, RowFault

CELL_FAULTS: tuple[Fault, ...] = (
    *PATIENT_FAULTS,
    *PROCEDURE_FAULTS,
    *LEVEL_FAULTS,
    *FOLLOW_UP_FAULTS,
)

_ALL: tuple[Fault | RowFault, ...] = (*CELL_FAULTS, *ROW_FAULTS)
FAULTS: Mapping[str, Fault | RowFault] = MappingProxyType({fault.id: fault for fault in _ALL})
"""Fault by its short name: faults of single cells, then faults of whole rows and columns."""

OTHER_FAULTS: Mapping[str, Fault] = MappingProxyType({fault.id: fault for fault in MORE_FAULTS})
"""Faults that the demonstration does not have, by their short names."""
