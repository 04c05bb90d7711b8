"""Columns whose cells are not what the mapping says: seen from the column as a whole.

A cell that cannot be read is a finding of its own. When most of a column cannot be read, or its
middle lies where another unit would put it, the mapping is what should be looked at.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from vpstats.registry.blocks import Block
from vpstats.registry.cells import fold
from vpstats.registry.columns import PARTIAL, raw_name
from vpstats.registry.date_orders import Evidence
from vpstats.registry.dates import date_shape
from vpstats.registry.elapsed import is_elapsed
from vpstats.registry.fields import TYPED_MISSING, field_column
from vpstats.registry.lexicon import coded, kind_of_missing, unread_parts
from vpstats.registry.mapping import ColumnMap
from vpstats.registry.raw import SourceNote, TextColumn
from vpstats.registry.spine import parse_levels
from vpstats.registry.synonyms import NONE_WORDS
from vpstats.registry.typed import column_evidence
from vpstats.registry.typical import possible_units
from vpstats.registry.unit_beside import unit_in_header
from vpstats.registry.units import factor
from vpstats.schema import Column
from vpstats.schema_tables import VERTEBRAE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

CONTRADICTED, CODES_MISSING = "mapping.contradicted", "mapping.codes_missing"
_FEW = 10  # cells, below which a column says nothing about its mapping
_FEW_NUMBERS = 30  # numbers, below which the middle of a column says little
_SHARE = 0.05  # of the cells, from which on a code is a code and not a slip
_CODES = 30  # spellings, above which they are no list of codes
_NO_DAY = (
    "say how long after another day it was, as 'month 6' does, and not on which day; no day is "
    "made up. Map the column of the day, or take the line out"
)
_NO_NAME = 2  # characters in which no name is told
_OFTEN = 5  # times that a code stands there at least


def contradictions(block: Block, *, quote: bool = True) -> Iterator[SourceNote]:
    """What the columns of a block say against their mapping, once its values have been read.

    Parameters
    ----------
    block : Block
        With its values.
    quote : bool
        Whether cells that are no known code may be quoted; a registry without identifiers quotes
        none that is long enough to be a name.

    Yields
    ------
    SourceNote
        About a column; no value of an identifying column is quoted.
    """
    for name, text in block.text.fields.items():
        column, mapping = field_column(block.table, name), block.mapping(name)
        if column.kind != "string" and name in block.values:
            for rule, said in _of_column(block, text, column, mapping, quote):
                where = f"{said} (field {name})"
                yield SourceNote(rule, block.text.raw.files[0], where, column=raw_name(mapping))


def _of_column(
    block: Block, text: TextColumn, column: Column, mapping: ColumnMap, quote: bool
) -> Iterator[tuple[str, str]]:
    values = block.values[column.name]
    if column.kind == "date":
        order = mapping.date_order or block.dialect.date_order
        yield from _against_order(text, column, order)
    if column.kind == "number" and mapping.unit is None and mapping.unit_column is None:
        yield from _another_unit(values, column)
    if column.kind == "number" and mapping.unit_column is None:
        yield from _unit_of_header(column, mapping)
    if column.name == "birth_date" or column.name in PARTIAL:
        return  # a year or a month alone is kept elsewhere
    told = np.array([_is_told(s, column, mapping) for s in text.spellings] + [False], bool)
    told = told[text.codes]
    unread = told & _missing(values)
    if column.kind == "date":
        unread &= ~_partial(text, column)
    if column.kind in ("category", "yes_no", "set"):
        often = _codes_missing(text, unread, int(told.sum()), column, mapping)
        if often:
            shown = () if column.masked else [p for p in often if quote or len(p) <= _NO_NAME]
            yield CODES_MISSING, _said_of_codes(often, shown)
            return
    if column.kind == "date" and (elapsed := _elapsed(text, unread)) * 2 > told.sum() >= _FEW:
        yield CONTRADICTED, f"{elapsed} of {told.sum()} cells {_NO_DAY}"
        return
    if told.sum() >= _FEW and unread.sum() * 2 > told.sum():
        said = f"{unread.sum()} of {told.sum()} cells cannot be read as what the mapping says"
        yield CONTRADICTED, said


def _partial(text: TextColumn, column: Column) -> Array:
    """Cells that are a month or a year, which is a finding of each and as the mapping says."""
    birth = column.role == "birth"
    kinds = [date_shape(s, birth=birth).kind for s in text.spellings]
    return np.array([*(k in ("year", "month") for k in kinds), False], bool)[text.codes]


def _elapsed(text: TextColumn, unread: Array) -> int:
    """Cells that were not read, since they say how long after another day and no day."""
    counts = np.bincount(text.codes[unread], minlength=len(text.spellings))
    return sum(int(counts[i]) for i in np.flatnonzero(counts) if is_elapsed(text.spellings[i]))


def _is_told(spelling: str, column: Column, mapping: ColumnMap) -> bool:
    """Whether a cell has something to say that its field can hold; an empty set holds nothing."""
    mapped = coded(spelling, mapping.codes) if mapping.codes else None
    if column.kind == "set" and fold(mapped or spelling) in NONE_WORDS:
        return False
    if column.kind == "date" and date_shape(spelling).kind == "placeholder":
        return False  # 00.00.0000
    return mapped not in TYPED_MISSING and (mapped is not None or kind_of_missing(spelling) is None)


def _missing(values: Array) -> Array:
    if values.dtype.kind == "f":
        return np.isnan(values)
    if values.dtype.kind == "M":
        return np.isnat(values)
    return np.array([v is None for v in values], bool)


def _codes_missing(
    text: TextColumn, unread: Array, told: int, column: Column, mapping: ColumnMap
) -> dict[str, int]:
    """Codes that stand often in the data and neither in the mapping nor in the lexicon."""
    counts = np.bincount(text.codes[unread], minlength=len(text.spellings))
    if (counts > 0).sum() > _CODES:
        return {}
    cells: dict[str, int] = {}
    for code in np.flatnonzero(counts).tolist():
        for part in dict.fromkeys(_to_translate(text.spellings[code], column, mapping)):
            cells[part] = cells.get(part, 0) + int(counts[code])
    return {part: n for part, n in cells.items() if n >= _OFTEN and n >= _SHARE * told}


def _said_of_codes(often: Mapping[str, int], shown: Collection[str]) -> str:
    ranked = sorted(shown, key=lambda part: (-often[part], part))[:_CODES]
    quoted = ": " + ", ".join(f"'{part}' ({often[part]})" for part in ranked) if ranked else ""
    codes, be = ("code", "is") if len(often) == 1 else ("codes", "are")
    return f"{len(often)} {codes} of the data {be} neither in codes = {{ … }} nor known{quoted}"


def _to_translate(spelling: str, column: Column, mapping: ColumnMap) -> tuple[str, ...]:
    """What of a cell that was not read a code in the mapping would mend; else it is the cell.

    A cell that names vertebrae, be it several or in a way that can be read twice, is spelled as
    it should be: to take it for a code would be to guess.
    """
    if tuple(column.codes) == VERTEBRAE:
        return (spelling,) if parse_levels(spelling).status == "unreadable" else ()
    if column.kind == "set":
        return unread_parts(spelling, column, mapping.codes)
    return (spelling,)


def _against_order(
    text: TextColumn, column: Column, declared: str | None
) -> Iterator[tuple[str, str]]:
    if declared not in ("dmy", "mdy"):
        return
    shapes = [date_shape(s, birth=column.role == "birth") for s in text.spellings]
    seen = sum(column_evidence(shapes, text.counts()).values(), Evidence())
    against, by = (seen.mdy, seen.dmy) if declared == "dmy" else (seen.dmy, seen.mdy)
    if against > by:
        said = f'date_order = "{declared}", but {against} cells can only be read the other way'
        yield CONTRADICTED, f"{said} and {by} only this way"


def _unit_of_header(column: Column, mapping: ColumnMap) -> Iterator[tuple[str, str]]:
    """A header that names another unit than the one in which its numbers are read."""
    read = mapping.unit or column.unit
    said = unit_in_header(raw_name(mapping), column.unit)
    if said and factor(column.unit, said) != factor(column.unit, read):
        yield CONTRADICTED, f"the header names {said}, and the numbers are read as {read}"


def _another_unit(values: Array, column: Column) -> Iterator[tuple[str, str]]:
    known = values[~np.isnan(values)]
    if len(known) < _FEW_NUMBERS:
        return
    middle = float(np.median(known))
    units = possible_units(column, middle)
    if len(units) == 1 and units[0] != column.unit:
        yield CONTRADICTED, f"half of the values lie below {middle:.3g}; is the unit {units[0]}?"
