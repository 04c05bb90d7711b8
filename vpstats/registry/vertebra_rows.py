"""A row for each vertebra: lists in a cell, columns of one vertebra each, ticked columns."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from vpstats.registry.lexicon import doubtful_crosses, kind_of_missing, read_yes_no
from vpstats.registry.mapping import TableMap
from vpstats.registry.numbers import NumberContext, read_number
from vpstats.registry.raw import RawSource, TextColumn, from_texts
from vpstats.registry.spine import and_or_to, parse_levels
from vpstats.schema_tables import LEVELS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]


def vertebra_rows(
    raw: RawSource, mapping: TableMap
) -> tuple[Array, Array, Array, TextColumn | None]:
    """Rows of a source, once for each vertebra that they name where the mapping asks for it.

    Parameters
    ----------
    raw : RawSource
        Chosen rows.
    mapping : TableMap
        Its ``explode`` and ``ticked``.

    Returns
    -------
    tuple
        Position of each new row in `raw`; its place in the list of vertebrae, or among the
        columns; how many vertebrae that list has; and the text of the vertebrae, None where rows
        stay as they are.
    """
    n = len(raw)
    if mapping.ticked:
        own = {n for c in mapping.columns.values() for n in c.columns}
        return _explode_ticks(raw, mapping.ticked, own)
    if not mapping.explode:
        return np.arange(n), np.zeros(n, np.int64), np.ones(n, np.int64), None
    if len(mapping.explode) > 1:
        return _explode_columns(raw, mapping.explode)
    text = raw.columns[mapping.explode[0]]
    doubtful = and_or_to(text.spellings)
    lists = [[s] if s in doubtful else _items(s) for s in text.spellings]
    # an empty list has no row: nothing was treated
    sizes = np.array([len(items) for items in lists] + [0], np.int64)[text.codes]
    positions = np.repeat(np.arange(n), sizes)
    rank = np.arange(len(positions)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    texts = [lists[text.codes[p]][r] for p, r in zip(positions, rank, strict=True)]
    return positions, rank, np.repeat(sizes, sizes), from_texts(texts)


def _items(spelling: str) -> list[str]:
    """Vertebrae of a list; an unreadable list stays whole, for the reader of levels to judge."""
    levels = parse_levels(spelling).levels
    return [spelling] if len(levels) < 2 else list(levels)


def _explode_columns(
    raw: RawSource, names: tuple[str, ...]
) -> tuple[Array, Array, Array, TextColumn]:
    filled = np.column_stack([raw.columns[name].filled for name in names])
    positions, rank = np.nonzero(filled)
    texts = np.column_stack([raw.columns[name].texts() for name in names])[positions, rank]
    return positions, rank, filled.sum(axis=1)[positions], from_texts(list(texts))


def _explode_ticks(
    raw: RawSource, ticked: Mapping[str, str], measured: Collection[str]
) -> tuple[Array, Array, Array, TextColumn]:
    """A row for each tick; a column that is measured too, a volume say, is ticked by its number."""
    every = [s for name in ticked for s in raw.columns[name].spellings]
    marks = []
    for name, vertebra in ticked.items():
        crosses = doubtful_crosses(raw.columns[name].spellings, every)
        said = [
            f"{vertebra}? {s}" if s in crosses else _tick(s, vertebra, measured=name in measured)
            for s in raw.columns[name].spellings
        ]
        marks.append(np.array([*said, ""], dtype=object)[raw.columns[name].codes])
    texts = np.column_stack(marks)
    there = texts != ""
    positions, rank = np.nonzero(there)
    listed = there.sum(axis=1)[positions]
    return positions, rank, listed, from_texts(list(texts[positions, rank]))


_VOLUME = NumberContext(LEVELS["cement_ml"])


def _tick(spelling: str, vertebra: str, *, measured: bool) -> str:
    """The vertebra that a cell ticks, "" for none, the cell itself where nobody can tell."""
    if measured and any(c.isdigit() for c in spelling):
        number = read_number(spelling, _VOLUME)
        if isinstance(number.value, float):
            return vertebra if number.value > 0 else ""
        if number.rule == "number.ambiguous":  # 4-5: how much is not known, that it was is
            return vertebra
    if parse_levels(spelling).levels == (vertebra,):
        return vertebra
    if kind_of_missing(spelling) in ("missing", "declared", "not_done", "not_applicable"):
        return ""
    # another vertebra than the column's, or no tick at all: no reader of levels must understand it
    doubtful = f"{vertebra}? {spelling}" if parse_levels(spelling).levels else spelling
    said = read_yes_no(spelling, LEVELS["intravertebral_cleft"]).value
    return {"yes": vertebra, "no": ""}.get(str(said), doubtful)
