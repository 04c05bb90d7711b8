"""Ledger to publication tables: strings in a frozen model, rendered as HTML, Markdown or CSV.

Builders read what passed the gate (or a ledger) and compute nothing. A withheld number prints as
the mark of its release, one that could not be estimated as "n.e." or in words.
"""

from __future__ import annotations

from vpstats.tables.answers import estimates_table, incidence_table
from vpstats.tables.description import (
    flow_table,
    quality_table,
    rates_table,
    spine_table,
    table_one,
)
from vpstats.tables.model import RowGroup, TableModel

__all__ = [
    "RowGroup",
    "TableModel",
    "estimates_table",
    "flow_table",
    "incidence_table",
    "quality_table",
    "rates_table",
    "spine_table",
    "table_one",
]
