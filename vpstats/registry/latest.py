"""The latest word on a patient, where each row of follow-up says anew how the patient is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from vpstats.registry.blocks import Block
from vpstats.registry.chosen_rows import days_of_column
from vpstats.registry.fields import TYPED_MISSING
from vpstats.registry.lexicon import coded, kind_of_missing
from vpstats.registry.mapping import ColumnMap
from vpstats.registry.raw import TextColumn

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]


def keep_latest(block: Block) -> None:
    """Set a field missing, in place, in rows of a patient of which a later row speaks of it.

    Only fields that the mapping gives a ``latest_by`` are looked at. Rows of one day are all kept,
    and so is each row of a patient of whom one row has no day: where they differ, that they
    contradict one another is found as ever. A later cell that says something which cannot be read
    leaves nothing: what an earlier one says need no longer hold.

    Parameters
    ----------
    block : Block
        With its text and its values.
    """
    for name, text in block.text.fields.items():
        mapping, values = block.mapping(name), block.values.get(name)
        if mapping.latest_by is None or values is None:
            continue
        day = _days(block, mapping.latest_by)
        told = ~pd.isna(values) | _says(text, mapping)
        old = told & ~pd.isna(values) & _before_another(block.patient, day, told)
        values[old] = np.datetime64("NaT") if values.dtype.kind == "M" else _nothing(values)


def _nothing(values: Array) -> float | None:
    return np.nan if values.dtype.kind == "f" else None


def _days(block: Block, name: str) -> Array:
    """Day of each row; a day after the data cut is none."""
    day = days_of_column(block.text.raw, block.text.source, name, block.dialect)
    return np.where(day > np.datetime64(block.dialect.cut), np.datetime64("NaT"), day)


def _says(text: TextColumn, mapping: ColumnMap) -> Array:
    """Rows whose cell is neither blank nor a kind of missing, be it read or not."""
    says = [
        coded(s, mapping.codes) not in TYPED_MISSING
        and (coded(s, mapping.codes) is not None or kind_of_missing(s) is None)
        for s in text.spellings
    ]
    return np.array([*says, False], bool)[text.codes]


def _before_another(patient: Array, day: Array, told: Array) -> Array:
    """Rows before the last of those that tell; none of a patient who has one without a day."""
    rows = pd.DataFrame({"patient": patient, "day": day})[told]
    of_patient = rows.groupby("patient")["day"]
    known = rows["day"].notna().groupby(rows["patient"]).transform("all")
    old = np.zeros(len(day), bool)
    old[told] = (known & (rows["day"] < of_patient.transform("max"))).to_numpy(bool)
    return old
