"""Sums of cement beside a vertebra without any: the sum may be one volume for each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from vpstats.registry.blocks import Block
from vpstats.registry.journal import Entry, entry

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

_VOLUME, _WORKED_OUT = "cement_ml", "number.product"
_NOTE = "another vertebra of the session has no volume; it may be one volume for each"


def doubt_shared_sums(blocks: Sequence[Block]) -> None:
    """Doubt ``3+4`` of a vertebra beside which another of its session has no volume.

    By itself, or where each vertebra has a volume, a sum is what went through two needles.

    Parameters
    ----------
    blocks : sequence of Block
        Of all tables, with their values; changed in place.
    """
    levels = [b for b in blocks if b.table == "levels" and _VOLUME in b.values]
    if not any(item.rule == _WORKED_OUT for block in levels for item in block.entries):
        return
    rows = pd.concat([_volumes(block) for block in levels], ignore_index=True)
    blank = _sessions_with_blanks(rows)
    for block in levels:
        _doubt(block, blank)


def _volumes(block: Block) -> pd.DataFrame:
    """Rows of a block: session, vertebra, and whether their cell of the volume says anything."""
    said = ~np.isnan(block.values[_VOLUME])
    for item in block.entries:
        if item.field == _VOLUME and item.rule != "missing.blank":
            said[item.positions] = True
    levels = block.values.get("level", np.full(len(block), None, dtype=object))
    return pd.DataFrame({"session": block.procedure, "level": levels, "said": said})


def _sessions_with_blanks(rows: pd.DataFrame) -> frozenset[str]:
    """Sessions with a vertebra of which no row says a volume."""
    said = rows.dropna(subset=["session"]).groupby(["session", "level"], dropna=False)["said"].any()
    return frozenset(said.index.get_level_values("session")[~said])


def _doubt(block: Block, blank: frozenset[str]) -> None:
    doubtful = np.array([session in blank for session in block.procedure], bool)
    for number, item in enumerate(list(block.entries)):
        if item.rule == _WORKED_OUT and item.field == _VOLUME:
            here = doubtful[item.positions]
            block.values[_VOLUME][item.positions[here]] = np.nan
            block.entries[number] = _part(item, ~here)
            block.entries.append(_shared(item, here))


def _shared(item: Entry, here: Array) -> Entry:
    where, raw = item.positions[here], item.raw[here]
    return entry("explode.shared", where, field=item.field, column=item.column, raw=raw, note=_NOTE)


def _part(item: Entry, stays: Array) -> Entry:
    return replace(
        item,
        positions=item.positions[stays],
        raw=item.raw[stays],
        clean=item.clean[stays],
        note=item.note[stays],
    )
