"""Rows and columns of a source to the text of one canonical table.

Chooses the rows that a mapping asks for, gives each listed vertebra its own row, carries what a
REDCap record says once to its repeating rows, and gathers checkboxes. Nothing is typed here.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from vpstats.errors import MappingError
from vpstats.registry.boxes import (
    Gathered,
    boxes_beside,
    boxes_of,
    context_of,
    gathered,
    single_box,
)
from vpstats.registry.cells import fold
from vpstats.registry.chosen_rows import INSTRUMENT, chosen_rows
from vpstats.registry.code_pages import guess_of_page
from vpstats.registry.columns import Dialect, raw_name
from vpstats.registry.fields import LEAK_SET_FIELDS, field_column, nearest
from vpstats.registry.journal import Entry, entry
from vpstats.registry.lexicon import coded, kind_of_missing
from vpstats.registry.mapping import ColumnMap, SourceMap, TableMap
from vpstats.registry.missing_codes import columns_used
from vpstats.registry.negation import says_nothing_positive
from vpstats.registry.raw import RawSource, TextColumn, constant, from_texts
from vpstats.registry.record_values import carried
from vpstats.registry.sources import DUPLICATE
from vpstats.registry.spine import parse_levels
from vpstats.registry.vertebra_rows import vertebra_rows
from vpstats.registry.vertebra_values import by_name, of_one_vertebra, place_in_list
from vpstats.schema_tables import LEAK_FIELDS, LEVELS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

ACCESS_GROUP = "redcap_data_access_group"


@dataclass(slots=True)
class TextTable:
    """The text of one canonical table from one source.

    Parameters
    ----------
    source : SourceMap
        Where it comes from.
    mapping : TableMap
        What feeds it.
    raw : RawSource
        Chosen rows, exploded ones repeated.
    fields : dict of str to TextColumn
        Canonical field to its text.
    rank : ndarray of int
        Position of each row in its exploded list, or of its column among several; 0 otherwise.
    listed : ndarray of int
        Number of vertebrae in that list; 1 otherwise.
    named : ndarray of bool
        Whether the cell of that list names vertebrae; true where rows are not exploded.
    entries : list of Entry
        What was found on the way.
    boxes : dict of str to dict
        Field that is gathered from checkboxes to what each of its boxes stands for, with the
        numbers of the files that have no such box.
    """

    source: SourceMap
    mapping: TableMap
    raw: RawSource
    fields: dict[str, TextColumn]
    rank: Array
    listed: Array
    named: Array
    entries: list[Entry] = field(default_factory=list)
    boxes: dict[str, Gathered] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.raw)


def text_table(
    raw: RawSource, source: SourceMap, mapping: TableMap, dialect: Dialect | None = None
) -> TextTable:
    """Gather the text of one canonical table.

    Parameters
    ----------
    raw : RawSource
        All rows of the source.
    source : SourceMap
        The source.
    mapping : TableMap
        The table.
    dialect : Dialect, optional
        How the source writes; needed where rows are chosen by their days.

    Returns
    -------
    TextTable
        One row per canonical row.

    Raises
    ------
    MappingError
        If a mapped raw column is not in the file, or stands there twice.
    """
    _require_columns(raw, source, mapping)
    positions = np.flatnonzero(chosen_rows(raw, source, mapping, dialect))
    doubted: dict[str, Array] = {}
    chosen = raw.take(positions)
    if source.is_redcap:
        needed = _needed(source, mapping)
        boxes = [boxes_of(raw, c.checkbox).names for c in mapping.columns.values() if c.checkbox]
        needed += [n for beside in (*boxes, *(context_of(raw, n) for n in needed)) for n in beside]
        chosen, doubted = carry(raw, positions, source, mapping, list(dict.fromkeys(needed)))
    positions, rank, listed, items = vertebra_rows(chosen, mapping)
    whole = chosen.take(positions)
    table = TextTable(source, mapping, whole, {}, rank, listed, _named(items, mapping, len(whole)))
    for name, column in mapping.columns.items():
        table.fields[name] = _field(table, name, column, items)
        given = [doubted[n][positions] for n in _cells_of(raw, column) if n in doubted]
        if given:
            once: Array = np.any(given, axis=0)
            table.fields[name] = _said_once(table, name, column, table.fields[name], once)
    if items is not None:
        table.fields["level"] = items
    table.raw = whole.only(_beside_fields(source, mapping))
    return table


def _cells_of(raw: RawSource, column: ColumnMap) -> list[str]:
    """Raw columns whose cells say what a field says."""
    if column.checkbox is None:
        return [column.column] if column.column is not None else []
    return list(boxes_of(raw, column.checkbox).columns.values())


def _beside_fields(source: SourceMap, mapping: TableMap) -> list[str]:
    """Raw columns that are looked at beside the fields: whose rows they are, units, precision."""
    columns = mapping.columns.values()
    units = [column.unit_column for column in columns if column.unit_column]
    exact = [column.precision.column for column in columns if column.precision]
    exact += [column.latest_by for column in columns if column.latest_by]
    center = source.center.column if source.center is not None else None
    return [*units, *exact, center or ACCESS_GROUP]


def _named(items: TextColumn | None, mapping: TableMap, n: int) -> Array:
    """Rows whose cell names a vertebra, as it stands or by the codes of the mapping."""
    if items is None:
        return np.ones(n, bool)
    level = mapping.columns.get("level")
    codes = {} if level is None else level.codes
    known = [bool(parse_levels(coded(s, codes) or s).levels) for s in items.spellings]
    return np.array([*known, False], bool)[items.codes]


# ------------------------------------------------------------------ columns


def _needed(source: SourceMap, mapping: TableMap) -> list[str]:
    names = [name for column in mapping.columns.values() for name in column.raw_columns]
    names += [*mapping.where, *mapping.spread]
    if source.center is not None and source.center.column is not None:
        names.append(source.center.column)
    elif source.center is None and source.is_redcap:
        names.append(ACCESS_GROUP)
    return list(dict.fromkeys(names))


def _require_columns(raw: RawSource, source: SourceMap, mapping: TableMap) -> None:
    twice = {name.split(DUPLICATE)[0] for name in raw.columns if DUPLICATE in name}
    for name in _needed(source, mapping):
        if name not in raw.columns and not (
            name == ACCESS_GROUP and "center_id" in mapping.columns
        ):
            raise _absent(raw, source, mapping, name)
        if name in twice:
            raise MappingError(
                f"source '{source.name}', table '{mapping.name}': two columns have this name, so "
                "it cannot be mapped. Rename one in the export.",
                file=raw.files[0],
                column=name,
            )
    for name, column in mapping.columns.items():
        if column.checkbox is not None and not boxes_of(raw, column.checkbox).columns:
            raise _absent(raw, source, mapping, f"{column.checkbox}___…", name)


def _absent(
    raw: RawSource, source: SourceMap, mapping: TableMap, name: str, field: str = ""
) -> MappingError:
    known = ", ".join(list(raw.columns)[:40])
    fields = [field] if field else [f for f, c in mapping.columns.items() if name in c.raw_columns]
    used = f" (field {', '.join(fields)})" if fields else ""
    guess = "" if source.encoding else guess_of_page(raw.meta, raw.columns)
    return MappingError(
        f"source '{source.name}', table '{mapping.name}'{used}: the file has no such column."
        f"{nearest(name, raw.columns)} It has: {known}.{guess} Correct "
        "registry.toml.",
        file=raw.files[0],
        column=name,
    )


def _field(table: TextTable, name: str, column: ColumnMap, items: TextColumn | None) -> TextColumn:
    if column.value is not None:
        return constant(column.value, len(table))
    if column.columns:
        return _by_position(table, name, column)
    if column.checkbox is not None:
        boxes = boxes_of(table.raw, column.checkbox)
        text, table.boxes[name], found = gathered(boxes, name, column)
        table.entries += found
    else:
        text = _plain(table, name, column)
    if items is not None and table.mapping.name == "levels":
        return _exploded(table, name, column, text, items)
    return text


def _plain(table: TextTable, name: str, column: ColumnMap) -> TextColumn:
    """The cells of a column; a box of a REDCap form says no only where its form was filled in."""
    text = table.raw.columns[str(column.column)]
    if field_column(table.mapping.name, name).kind != "yes_no":
        return text
    boxes = boxes_beside(table.raw, str(column.column), columns_used(table.source))
    if boxes is None or not (table.source.is_redcap or boxes.status):
        return text
    text, found = single_box(boxes, name, column, text)
    table.entries += found
    return text


def _exploded(
    table: TextTable, name: str, column: ColumnMap, text: TextColumn, items: TextColumn
) -> TextColumn:
    """A session's cell in the rows of its vertebrae: a volume is nobody's, the rest is doubted."""
    own = name in LEVELS or name in LEAK_FIELDS or name in LEAK_SET_FIELDS or name == "yeom"
    if (
        not own
        or name in ("level", "level_id", "procedure_id")
        or column.column in table.mapping.spread
    ):
        return text
    text, named = by_name(table, text, items)
    if field_column(table.mapping.name, name).unit == "mL":
        return of_one_vertebra(table, name, column, text, named)
    first = (table.listed > 1) & (place_in_list(table) == 0) & text.filled
    several = np.flatnonzero(first & ~named)
    cells = text.texts()
    told = [row for row in several if not says_nothing_positive(cells[row], column.codes)]
    table.entries.append(
        entry(
            "explode.repeated",
            np.array(told, dtype=np.int64),
            field=name,
            column=raw_name(column),
            raw=cells[told],
            note="it stands once for several vertebrae and was taken for each of them",
        )
    )
    return text


# ------------------------------------------------------------------ rows


def _by_position(table: TextTable, name: str, column: ColumnMap) -> TextColumn:
    """Cell of the n-th column for the n-th vertebra of the list; what is left over is reported."""
    texts = np.column_stack([table.raw.columns[c].texts() for c in column.columns])
    width = len(column.columns)
    rows = np.arange(len(table))
    inside = table.rank < width
    chosen = np.where(inside, texts[rows, np.minimum(table.rank, width - 1)], "")
    first = (table.rank == 0) & (len(table.mapping.spread) == 1)
    beyond = np.arange(width)[None, :] >= table.listed[:, None]
    surplus = first & table.named & ((texts != "") & beyond).any(axis=1)
    lacking = ~inside
    shown = ", ".join(column.columns)
    table.entries += [
        entry(
            "explode.surplus",
            np.flatnonzero(surplus),
            field=name,
            column=shown,
            note="there are more values than vertebrae in the list",
        ),
        entry(
            "explode.lacking",
            np.flatnonzero(lacking),
            field=name,
            column=shown,
            note="there are more vertebrae in the list than columns",
        ),
    ]
    return from_texts(list(chosen))


# ------------------------------------------------------------------ REDCap


def carry(
    raw: RawSource, positions: Array, source: SourceMap, mapping: TableMap, names: list[str]
) -> tuple[RawSource, dict[str, Array]]:
    """Give repeating rows what their record says once.

    A column that is empty on every chosen row belongs to another instrument; where the record's
    own rows hold exactly one value of it, the repeating rows get that value. Rows in which the
    same form stands without repeating, at another event say, speak of themselves alone.

    Parameters
    ----------
    raw : RawSource
        All rows.
    positions : ndarray of int
        Rows of one instrument.
    source : SourceMap
        Its tables of sessions say which rows are sessions.
    mapping : TableMap
        The table that they feed.
    names : list of str
        Columns that are needed.

    Returns
    -------
    tuple
        The chosen rows, filled; and of each column that was, the rows of which it is doubtful
        whether the value is theirs: the record has several, or they are of other days.
    """
    chosen = raw.take(positions)
    columns = dict(chosen.columns)
    doubted: dict[str, Array] = {}
    empty = [n for n in names if n in columns and len(chosen) and not columns[n].filled.any()]
    if not empty:
        return chosen, doubted
    own = _own_rows(raw, chosen, mapping)
    sessions = np.zeros(len(raw), bool)
    for table in source.tables:
        there = all(column in raw.columns for column in table.where)
        if there and table.name == "procedures" and mapping.name != "procedures":
            sessions |= chosen_rows(raw, source, table)
    other_days = mapping.name in ("visits", "events")
    for name in empty:
        columns[name], several = carried(raw, positions, name, own, sessions)
        doubted[name] = columns[name].filled & (several | other_days)
    return replace(chosen, columns=columns), doubted


_OF_ALL_ROWS = frozenset({"patient_id", "center_id", "birth_date", "birth_year"})
"""Fields that rows of every form may have."""


def _own_rows(raw: RawSource, chosen: RawSource, mapping: TableMap) -> Array:
    """Rows of no instrument in which the form of the chosen rows does not stand."""
    own = np.ones(len(raw), bool)
    if INSTRUMENT in raw.columns:
        own &= ~raw.columns[INSTRUMENT].filled
    fields = {f: c for f, c in mapping.columns.items() if f not in _OF_ALL_ROWS}
    told = [name for column in fields.values() for name in column.raw_columns]
    for name in (*mapping.spread, *told, *_states_of(chosen)):
        if chosen.columns[name].filled.any():
            own &= ~raw.columns[name].filled
    return own


def _states_of(chosen: RawSource) -> list[str]:
    """Columns ``…_complete`` of the forms that the chosen rows repeat.

    A ``Complete?`` of an export of labels names no form; where a data dictionary is at hand, it was
    renamed to ``…_complete`` when the source was read.
    """
    repeated = chosen.columns[INSTRUMENT].spellings if INSTRUMENT in chosen.columns else ()
    forms = {fold(s.replace("_", " ")) for s in repeated}
    ends = ((n, n.removesuffix("_complete")) for n in chosen.columns if n.endswith("_complete"))
    return [name for name, form in ends if fold(form.replace("_", " ")) in forms]


_OF_THE_RECORD = frozenset(
    {"patient_id", "procedure_id", "center_id", "proc_date", "birth_date", "birth_year", "level"}
)
"""Fields that name a row, or are of its patient: what a record says once of them is of each."""


def _said_once(
    table: TextTable, name: str, column: ColumnMap, text: TextColumn, doubtful: Array
) -> TextColumn:
    """What a record says once and has several rows for: a number or a day is none of them."""
    kind = field_column(table.mapping.name, name).kind
    if table.mapping.name == "patients" or name in _OF_THE_RECORD or not doubtful.any():
        return text
    measured = kind in ("number", "integer", "date")
    cells = text.texts()
    silent = np.array(
        [not measured and kind_of_missing(s) is not None for s in text.spellings] + [False]
    )
    rows = np.flatnonzero(doubtful & text.filled & ~silent[text.codes])
    taken = "so it was taken for none" if measured else "and was taken for each"
    table.entries.append(
        entry(
            "redcap.said_once",
            rows,
            field=name,
            column=raw_name(column),
            raw=cells[rows],
            note=f"the record says it once, in a row that is not this one, {taken}",
            masked=field_column(table.mapping.name, name).masked,
        )
    )
    if not measured:
        return text
    cells[rows] = ""
    return from_texts(list(cells))
