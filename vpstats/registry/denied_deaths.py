"""A no beside a day of death that the mapping takes for missing: what the cell says is doubted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from vpstats.registry.answers import read_answer
from vpstats.registry.blocks import Block
from vpstats.registry.columns import raw_name
from vpstats.registry.fields import TYPED_MISSING, field_column
from vpstats.registry.journal import Entry, entry
from vpstats.registry.lexicon import coded, read_code
from vpstats.registry.mapping import ColumnMap

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]


def denied_deaths(block: Block) -> list[Entry]:
    """Rows whose status the mapping calls missing, whose word says alive, and that have a death.

    A patient whom another row of the block calls dead, or alive, is told by that row.

    Parameters
    ----------
    block : Block
        With its text and its values.

    Returns
    -------
    list of Entry
        One finding for all such rows, or nothing.
    """
    if block.table != "patients" or not {"status", "death_date"} <= set(block.values):
        return []
    text, mapping = block.text.fields.get("status"), block.mapping("status")
    died = ~np.isnat(block.values["death_date"])
    if text is None or not mapping.codes or not died.any():
        return []
    denied = np.array([_denies(s, mapping) for s in text.spellings] + [False], bool)[text.codes]
    known = ~pd.isna(block.values["status"])
    told = pd.Series(block.patient, dtype=object).isin(set(block.patient[known])).to_numpy(bool)
    rows = np.flatnonzero(denied & died & ~told)
    if not len(rows):
        return []
    return [
        entry(
            "death.status",
            rows,
            field="status",
            column=raw_name(mapping),
            raw=text.take(rows).texts(),
            note="the cell says that the patient lives, which the mapping takes for missing, "
            "although a date of death is given",
        )
    ]


def _denies(spelling: str, mapping: ColumnMap) -> bool:
    """Whether a word that the mapping takes for missing says, by itself, that nobody died."""
    if coded(spelling, mapping.codes) not in TYPED_MISSING:
        return False
    if read_code(spelling, field_column("patients", "status"), {}).value == "alive":
        return True
    return _of_death(mapping) and read_answer(spelling).value == "no"


def _of_death(mapping: ColumnMap) -> bool:
    """Whether a yes of the column means dead: of one that asks who lives, a no means that."""
    dead = (raw for raw, code in mapping.codes.items() if code == "dead")
    return any(read_answer(raw).value == "yes" for raw in dead)
