"""Ledger to publication tables: strings in a frozen model, rendered as HTML, Markdown or CSV.

Builders read what passed the gate (or a ledger) and compute nothing. A withheld number prints as
the mark of its release, one that could not be estimated as "n.e." or in words.
"""

from __future__ import annotations

from vpstats.tables.answers import estimates_table, incidence_table
from vpstats.tables.audit import (
    beside_table,
    centers_table,
    follow_up_table,
    frame_table,
    judged_lines,
    process_table,
    risk_model_table,
)
from vpstats.tables.audit_cases import ascertainment_table, case_mix_table, quality_beside
from vpstats.tables.beside import (
    further_table,
    standardised_table,
    tipping_table,
    unseen_table,
    windows_table,
)
from vpstats.tables.description import (
    flow_table,
    quality_table,
    rates_table,
    spine_table,
    table_one,
)
from vpstats.tables.model import RowGroup, TableModel, standing_notes
from vpstats.tables.pairs import accuracy_table, detection_table, pairs_table, source_table
from vpstats.tables.profiles import profile_table, within_table
from vpstats.tables.quality import (
    compared_table,
    measures_table,
    shown,
    side_by_side,
    states_table,
)

__all__ = [
    "RowGroup",
    "TableModel",
    "accuracy_table",
    "ascertainment_table",
    "beside_table",
    "case_mix_table",
    "centers_table",
    "compared_table",
    "detection_table",
    "estimates_table",
    "flow_table",
    "follow_up_table",
    "frame_table",
    "further_table",
    "incidence_table",
    "judged_lines",
    "measures_table",
    "pairs_table",
    "process_table",
    "profile_table",
    "quality_beside",
    "quality_table",
    "rates_table",
    "risk_model_table",
    "shown",
    "side_by_side",
    "source_table",
    "spine_table",
    "standardised_table",
    "standing_notes",
    "states_table",
    "table_one",
    "tipping_table",
    "unseen_table",
    "windows_table",
    "within_table",
]
