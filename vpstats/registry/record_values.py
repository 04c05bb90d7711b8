"""What a REDCap record says once, given to its repeating rows: those of the same event first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from vpstats.registry.chosen_rows import EVENT
from vpstats.registry.raw import RawSource, TextColumn

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]


def carried(
    raw: RawSource, positions: Array, name: str, own: Array, sessions: Array
) -> tuple[TextColumn, Array]:
    """Cells of a column for repeating rows, from the rows of no instrument.

    A session in each of two events has its day in each: the vertebrae that repeat in an event are
    of that event's session. For an event that never says such a thing the record speaks, if it says
    one thing.

    Parameters
    ----------
    raw : RawSource
        All rows of a project.
    positions : ndarray of int
        Repeating rows.
    name : str
        Column that is empty on all of them.
    own : ndarray of bool
        Rows that speak for their record.
    sessions : ndarray of bool
        Rows of sessions: what is blank in one is not said by another event.

    Returns
    -------
    tuple
        Text of each repeating row, and whether others of them are of the same record or event, so
        that nobody knows which is meant.
    """
    text, record = raw.columns[name], next(iter(raw.columns.values())).codes
    codes, several = _said(text, record, positions, own)
    if EVENT in raw.columns:
        event = raw.columns[EVENT].codes
        pairs, _ = pd.factorize(record.astype(np.int64) * (int(event.max(initial=0)) + 2) + event)
        here, beside = _said(text, np.where(record < 0, -1, pairs), positions, own)
        # where the event has the form, a blank of it is a blank
        asked = np.isin(event[positions], event[text.filled & own])
        if (text.filled & sessions & own).any():
            asked |= np.isin(pairs[positions], pairs[sessions & own])
        codes = np.where(asked, here, codes)
        several = np.where(asked, beside, several)
    found = TextColumn(codes.astype(np.int32), text.spellings).take(np.arange(len(positions)))
    return found, np.asarray(several & found.filled)


def _said(text: TextColumn, group: Array, positions: Array, own: Array) -> tuple[Array, Array]:
    """Code of the one value that a row's group has, and whether the group has several rows."""
    base = text.filled & own & (group >= 0)
    said = pd.DataFrame({"group": group[base], "code": text.codes[base]}).drop_duplicates()
    once = said[~said["group"].duplicated(keep=False)]
    size = int(group.max(initial=-1)) + 2
    lookup, rows = np.full(size, -1, np.int64), group[positions]
    lookup[once["group"].to_numpy()] = once["code"].to_numpy()
    several = np.append(np.bincount(rows[rows >= 0], minlength=size - 1) > 1, False)
    return lookup[rows], several[rows]
