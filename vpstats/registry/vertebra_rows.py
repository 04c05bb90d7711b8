"""A row for each vertebra: lists in a cell, columns of one vertebra each, ticked columns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from vpstats.registry.answers import read_answer
from vpstats.registry.cells import fold
from vpstats.registry.fields import LEAK_SET_FIELDS, TYPED_MISSING
from vpstats.registry.lexicon import coded, doubtful_crosses, kind_of_missing
from vpstats.registry.mapping import ColumnMap, TableMap
from vpstats.registry.negation import says_no_event, says_nothing_positive
from vpstats.registry.numbers import NumberContext, read_number
from vpstats.registry.raw import LABEL, RawSource, TextColumn, from_texts
from vpstats.registry.spine import and_or_to, parse_levels
from vpstats.registry.synonyms import NONE_WORDS
from vpstats.schema_tables import LEAK_FIELDS, LEVELS

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
        return _explode_ticks(raw, mapping)
    if not mapping.explode:
        return np.arange(n), np.zeros(n, np.int64), np.ones(n, np.int64), None
    if len(mapping.explode) > 1:
        return _explode_columns(raw, mapping)
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


def _explode_columns(raw: RawSource, mapping: TableMap) -> tuple[Array, Array, Array, TextColumn]:
    cells = np.column_stack([raw.columns[name].texts() for name in mapping.explode])
    level = mapping.columns.get("level")
    codes = {} if level is None else level.codes
    used = np.column_stack([_names_one(raw.columns[name], codes) for name in mapping.explode])
    # a dash beside other vertebrae: this place was not used
    texts = np.where(used | ~used.any(axis=1, keepdims=True), cells, "")
    _doubt_unnamed(texts, cells, raw, mapping)
    there = texts != ""
    positions, rank = np.nonzero(there)
    return positions, rank, there.sum(axis=1)[positions], from_texts(list(texts[positions, rank]))


def _names_one(text: TextColumn, codes: Mapping[str, str]) -> Array:
    """Rows whose cell is neither blank nor says that the place of a vertebra was not used."""
    return np.array([*(not _is_unused(s, codes) for s in text.spellings), False], bool)[text.codes]


def _is_unused(spelling: str, codes: Mapping[str, str]) -> bool:
    code = coded(spelling, codes)
    none = fold(spelling) in NONE_WORDS or kind_of_missing(spelling) in _OF_NONE
    return none if code is None else code in _OF_NONE


_OF_NONE = frozenset({"missing", "not_done", "not_applicable"})


def _doubt_unnamed(texts: Array, cells: Array, raw: RawSource, mapping: TableMap) -> None:
    """Doubt, in place, a vertebra without a name of which a leak is told, or a volume."""
    for column in _of_treated(mapping):
        for i, (named, name) in enumerate(zip(mapping.explode, column.columns, strict=False)):
            if name != named:
                blank = np.flatnonzero(texts[:, i] == "")
                told = raw.columns[name].take(blank)
                rows = blank[_tells(told, column) & ~_is_default(told)]
                texts[rows, i] = [_untold("", cell, name) for cell in cells[rows, i]]


def _is_default(text: TextColumn) -> Array:
    """Rows with what stands in most cells, as where a form fills in what nobody asked for."""
    counts = text.counts()
    often = (counts >= _OFTEN) & (2 * counts > len(text))
    return np.append(often, False)[text.codes]


_OFTEN = 3  # rows, below which what stands in most of them may be chance


def _explode_ticks(raw: RawSource, mapping: TableMap) -> tuple[Array, Array, Array, TextColumn]:
    """A row for each tick; a column that is measured too, a volume say, is ticked by its number."""
    ticked = mapping.ticked
    measured = {n for c in mapping.columns.values() for n in c.columns}
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
    _doubt_gaps(texts, raw, ticked)
    _doubt_told(texts, raw, mapping)
    there = texts != ""
    positions, rank = np.nonzero(there)
    listed = there.sum(axis=1)[positions]
    return positions, rank, listed, from_texts(list(texts[positions, rank]))


def _doubt_gaps(texts: Array, raw: RawSource, ticked: Mapping[str, str]) -> None:
    """Doubt, in place, cells that their file declares missing beside a tick of their row.

    Where more cells are declared missing than blank or a no, that is how the form says no.
    """
    gaps = np.column_stack([_declared(raw, name) for name in ticked])
    if not gaps.any():
        return
    told = np.isin(texts, [*ticked.values()]).any(axis=1, keepdims=True)
    blank = told & (texts == "")
    if (blank & gaps).sum() > (blank & ~gaps).sum():
        return
    for i, (name, vertebra) in enumerate(ticked.items()):
        rows = np.flatnonzero(blank[:, i] & gaps[:, i])
        cells = raw.columns[name].take(rows).texts()
        texts[rows, i] = [f"{vertebra}? {cell}" for cell in cells]


def _declared(raw: RawSource, name: str) -> Array:
    """Rows whose cell is declared missing, unless its label says that there is nothing to tick."""
    text, labels = raw.columns[name], raw.columns.get(f"{name}{LABEL}")
    declared = np.array([kind_of_missing(s) == "declared" for s in text.spellings], bool)
    first = text.first_rows()
    for i in np.flatnonzero(declared) if labels is not None else ():
        label = labels.take(first[i : i + 1]).texts()[0] if labels is not None else ""
        declared[i] = kind_of_missing(label) not in ("not_done", "not_applicable")
    return np.append(declared, False)[text.codes]


_OF_A_TREATED = frozenset(
    {*LEAK_FIELDS, *LEAK_SET_FIELDS, "cement_ml", "leak_symptomatic", "leak_intervention"}
    | {"yeom", "yeom_b", "yeom_s", "yeom_c", "fill_fraction", "state"}
)
"""Fields of which a vertebra that was not treated has nothing but a no."""


def _of_treated(mapping: TableMap) -> list[ColumnMap]:
    """How these fields are mapped; a site is one of them where nothing says its state."""
    stated = "state" in mapping.columns and mapping.columns["state"].value is None
    fields = _OF_A_TREATED if stated else {*_OF_A_TREATED, "site"}
    return [column for field, column in mapping.columns.items() if field in fields]


def _doubt_told(texts: Array, raw: RawSource, mapping: TableMap) -> None:
    """Doubt, in place, a vertebra without a tick of which a leak is told, or a volume."""
    for column in _of_treated(mapping):
        beside = zip(mapping.ticked.items(), column.columns, strict=False)
        for i, ((tick, vertebra), name) in enumerate(beside):
            if name != tick:
                rows = np.flatnonzero((texts[:, i] == "") & _tells(raw.columns[name], column))
                cells = raw.columns[tick].take(rows).texts()
                texts[rows, i] = [_untold(vertebra, cell, name) for cell in cells]


def _untold(vertebra: str, cell: str, name: str) -> str:
    return f"{vertebra}? ({cell or 'blank'}, though {name} says something)"


def _tells(text: TextColumn, column: ColumnMap) -> Array:
    """Rows whose cell is neither blank nor a no, a none, a 0 or a kind of missing."""
    says = [_is_told(spelling, column) for spelling in text.spellings]
    return np.array([*says, False], bool)[text.codes]


def _is_told(spelling: str, column: ColumnMap) -> bool:
    code = coded(spelling, column.codes)
    if code is None and kind_of_missing(spelling) is not None:
        return False
    if code in _NOT_SAID or says_nothing_positive(spelling, column.codes):
        return False
    if code is None and says_no_event(spelling):
        return False
    return bool(read_number(spelling, _VOLUME).value != 0)


_NOT_SAID = frozenset({*TYPED_MISSING, "not_assessed"})
_VOLUME = NumberContext(LEVELS["cement_ml"])


def _ticked_beside(spelling: str) -> bool:
    """Whether a tick stands before a volume: how much is for the reader of numbers to say."""
    mark, _, rest = spelling.partition(" ")
    value = read_number(rest.strip(), _VOLUME).value
    return read_answer(mark).value == "yes" and isinstance(value, float) and value > 0


def _tick(spelling: str, vertebra: str, *, measured: bool) -> str:
    """The vertebra that a cell ticks, "" for none, the cell itself where nobody can tell."""
    if measured and any(c.isdigit() for c in spelling):
        number = read_number(spelling, _VOLUME)
        if isinstance(number.value, float):
            return vertebra if number.value > 0 else ""
        if number.rule == "number.ambiguous":  # 4-5: how much is not known, that it was is
            return vertebra
        if _ticked_beside(spelling):
            return vertebra
    if parse_levels(spelling).levels == (vertebra,):
        return vertebra
    if kind_of_missing(spelling) in ("missing", "declared", "not_done", "not_applicable"):
        return ""
    # another vertebra than the column's, or no tick at all: no reader of levels must understand it
    doubtful = f"{vertebra}? {spelling}" if parse_levels(spelling).levels else spelling
    said = read_answer(spelling).value
    return {"yes": vertebra, "no": ""}.get(str(said), doubtful)
