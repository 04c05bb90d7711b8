"""What an export repeats: a session's infection or visit in the row of each of its vertebrae."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from vpstats.registry.blocks import Block
from vpstats.registry.journal import entry

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

_OF_ITS_OWN = ("adjacent_fx", "nonadjacent_fx", "refracture_same", "rib_fx")
"""Events of which a session's vertebrae may each have one."""
_REPEATED = {"events": ("session", "event_type"), "visits": ("patient", "visit_date")}
"""What names an event or a visit that its session's rows repeat."""
_REPEATED_RULES = {
    "events": ("event.repeated", "event_type"),
    "visits": ("visit.repeated", "visit_date"),
}


def repeats_of_session(block: Block, blocks: Sequence[Block]) -> Array:
    """Rows of levels that repeat what an earlier row says of the session as a whole.

    Parameters
    ----------
    block : Block
        Rows of any table; only events and visits without a number are looked at. Takes the
        entries.
    blocks : sequence of Block
        All blocks: those of levels say which rows of the source are rows of levels.

    Returns
    -------
    ndarray of bool
        Rows to leave out.
    """
    again = np.zeros(len(block), bool)
    if block.table not in _REPEATED or f"{block.table[:-1]}_id" in block.values:
        return again
    told = pd.DataFrame({name: pd.Series(v).astype(object) for name, v in block.values.items()})
    told = told.assign(patient=block.patient, file=block.text.raw.file)
    if block.table == "events":
        told = told.assign(session=block.procedure)
    whole = ~told[list(_REPEATED[block.table])].isna().any(axis=1)
    if block.table == "events":
        whole &= ~told["event_type"].isin(_OF_ITS_OWN)
    looked = whole.to_numpy(bool) & _in_rows_of_levels(block, blocks)
    again[looked] = told[looked].duplicated().to_numpy(bool)
    rule, name = _REPEATED_RULES[block.table]
    column, where = block.names.get(name, ""), np.flatnonzero(again)
    block.entries.append(entry(rule, where, field=name, column=column))
    return again


def _in_rows_of_levels(block: Block, blocks: Sequence[Block]) -> Array:
    own, found = _rows(block), np.zeros(len(block), bool)
    for other in blocks:
        # a row that lists its vertebrae is one of the session
        listed = other.text.mapping.spread
        if other.table == "levels" and not listed and other.text.source is block.text.source:
            found |= own.isin(_rows(other))
    return found


def _rows(block: Block) -> pd.MultiIndex:
    return pd.MultiIndex.from_arrays([block.text.raw.file, block.text.raw.row])
