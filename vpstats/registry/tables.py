"""Rows and columns of a source to the text of one canonical table.

Chooses the rows that a mapping asks for, gives each listed vertebra its own row, carries what a
REDCap record says once to its repeating rows, and gathers checkboxes. Nothing is typed here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from vpstats.errors import MappingError
from vpstats.registry.cells import fold
from vpstats.registry.chosen_rows import INSTRUMENT, chosen_rows
from vpstats.registry.columns import Dialect
from vpstats.registry.compound import cut_list, listed_numbers
from vpstats.registry.fields import LEAK_SET_FIELDS, field_column, nearest
from vpstats.registry.journal import Entry, entry
from vpstats.registry.lexicon import coded
from vpstats.registry.mapping import ColumnMap, SourceMap, TableMap
from vpstats.registry.negation import says_nothing_positive
from vpstats.registry.raw import RawSource, TextColumn, constant, from_texts
from vpstats.registry.redcap import box_code
from vpstats.registry.sources import DUPLICATE
from vpstats.registry.spine import parse_levels
from vpstats.registry.vertebra_rows import vertebra_rows
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
    """

    source: SourceMap
    mapping: TableMap
    raw: RawSource
    fields: dict[str, TextColumn]
    rank: Array
    listed: Array
    named: Array
    entries: list[Entry] = field(default_factory=list)

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
    chosen = raw.take(positions)
    if source.is_redcap:
        chosen = carry(raw, positions, _needed(source, mapping))
    positions, rank, listed, items = vertebra_rows(chosen, mapping)
    whole = chosen.take(positions)
    table = TextTable(source, mapping, whole, {}, rank, listed, _named(items, mapping, len(whole)))
    for name, column in mapping.columns.items():
        table.fields[name] = _field(table, name, column)
    if items is not None:
        table.fields["level"] = items
    table.raw = whole.only(_beside_fields(source, mapping))
    return table


def _beside_fields(source: SourceMap, mapping: TableMap) -> list[str]:
    """Raw columns that are looked at beside the fields: whose rows they are, and their units."""
    units = [column.unit_column for column in mapping.columns.values() if column.unit_column]
    center = source.center.column if source.center is not None else None
    return [*units, center or ACCESS_GROUP]


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
        if column.checkbox is not None and not _boxes(raw, column.checkbox):
            raise _absent(raw, source, mapping, f"{column.checkbox}___…", name)


def _absent(
    raw: RawSource, source: SourceMap, mapping: TableMap, name: str, field: str = ""
) -> MappingError:
    known = ", ".join(list(raw.columns)[:40])
    fields = [field] if field else [f for f, c in mapping.columns.items() if name in c.raw_columns]
    used = f" (field {', '.join(fields)})" if fields else ""
    return MappingError(
        f"source '{source.name}', table '{mapping.name}'{used}: the file has no such column."
        f"{nearest(name, raw.columns)} It has: {known}. Correct registry.toml.",
        file=raw.files[0],
        column=name,
    )


def _field(table: TextTable, name: str, column: ColumnMap) -> TextColumn:
    if column.value is not None:
        return constant(column.value, len(table))
    if column.checkbox is not None:
        return _checked(table, name, column)
    if column.columns:
        return _by_position(table, name, column)
    text = table.raw.columns[str(column.column)]
    if table.mapping.spread and table.mapping.name == "levels":
        return _exploded(table, name, column, text)
    return text


def _exploded(table: TextTable, name: str, column: ColumnMap, text: TextColumn) -> TextColumn:
    """A session's cell in the rows of its vertebrae: a volume is nobody's, the rest is doubted."""
    own = name in LEVELS or name in LEAK_FIELDS or name in LEAK_SET_FIELDS or name == "yeom"
    if (
        not own
        or name in ("level", "level_id", "procedure_id")
        or column.column in table.mapping.spread
    ):
        return text
    if field_column(table.mapping.name, name).unit == "mL":
        return _of_one_vertebra(table, name, column, text)
    several = np.flatnonzero((table.listed > 1) & (_place(table) == 0) & text.filled)
    cells = text.texts()
    told = [row for row in several if not says_nothing_positive(cells[row], column.codes)]
    table.entries.append(
        entry(
            "explode.repeated",
            np.array(told, dtype=np.int64),
            field=name,
            column=str(column.column),
            raw=cells[told],
            note="it stands once for several vertebrae and was taken for each of them",
        )
    )
    return text


def _place(table: TextTable) -> Array:
    """Place of each row among those of its list: columns that are empty in between do not count."""
    raw, n = table.raw, len(table)
    new = np.ones(n, bool)
    new[1:] = (raw.row[1:] != raw.row[:-1]) | (raw.file[1:] != raw.file[:-1])
    return np.arange(n) - np.maximum.accumulate(np.where(new, np.arange(n), 0))


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


def _of_one_vertebra(
    table: TextTable, name: str, column: ColumnMap, text: TextColumn
) -> TextColumn:
    """A volume from one cell for several vertebrae: a list of as many, or a total that is nobody's.

    Parameters
    ----------
    table : TextTable
        Rows, one per vertebra.
    name : str
        Canonical field.
    column : ColumnMap
        Its mapping.
    text : TextColumn
        The cell of the session in each row.

    Returns
    -------
    TextColumn
        The part of the list at each vertebra's position; empty where there is not one value for
        each vertebra, and where a list stands beside a cell that names no vertebra.
    """
    raw, cells, place = text.texts(), text.texts(), _place(table)
    lists = np.array([bool(listed_numbers(s)) for s in text.spellings] + [False], bool)
    sums = _joined_by_plus(table)
    notes: dict[int, str] = {}
    for row in np.flatnonzero(text.filled & ((table.listed > 1) | lists[text.codes])).tolist():
        parts, n = _parts(raw[row], sums=sums[row]), int(table.listed[row])
        cells[row] = parts[place[row]] if len(parts) == n else ""
        # the vertebrae that cannot be read are what is wrong with such a row, and are reported
        if len(parts) != n and table.named[row]:
            notes[row] = _shared(len(parts), n)
    where = np.array(list(notes), np.int64)
    said = np.array([*notes.values()], dtype=object)
    table.entries.append(
        entry(
            "explode.shared", where, field=name, column=str(column.column), raw=raw[where],
            note=said,
        )
    )  # fmt: skip
    return from_texts(list(cells))


def _parts(cell: str, *, sums: bool) -> tuple[str, ...]:
    return listed_numbers(cell, sums=sums) or cut_list(cell)


def _shared(values: int, vertebrae: int) -> str:
    if values == 1:
        return "one value for several vertebrae; it may be the total of the session"
    return f"{values} values beside {vertebrae} vertebra{'e' if vertebrae > 1 else ''}"


def _joined_by_plus(table: TextTable) -> Array:
    """Rows whose list of vertebrae is written with a plus, as its volumes then are."""
    if len(table.mapping.spread) != 1 or table.mapping.ticked:
        return np.zeros(len(table), bool)
    text = table.raw.columns[table.mapping.spread[0]]
    return np.array(["+" in s for s in text.spellings] + [False], bool)[text.codes]


# ------------------------------------------------------------------ REDCap


def carry(raw: RawSource, positions: Array, names: list[str]) -> RawSource:
    """Give repeating rows what their record says once.

    A column that is empty on every chosen row belongs to another instrument; where the record's
    own rows hold exactly one value of it, the repeating rows get that value.

    Parameters
    ----------
    raw : RawSource
        All rows.
    positions : ndarray of int
        Rows of one instrument.
    names : list of str
        Columns that are needed.

    Returns
    -------
    RawSource
        The chosen rows, filled.
    """
    chosen = raw.take(positions)
    columns = dict(chosen.columns)
    for name in names:
        if name in columns and len(chosen) and not columns[name].filled.any():
            columns[name] = _carried(raw, positions, name)
    return RawSource(
        chosen.name, columns, chosen.file, chosen.row, chosen.files, chosen.meta, chosen.notes
    )


def _carried(raw: RawSource, positions: Array, name: str) -> TextColumn:
    text, record = raw.columns[name], next(iter(raw.columns.values()))
    base = text.filled
    if INSTRUMENT in raw.columns:
        base = base & ~raw.columns[INSTRUMENT].filled
    said = pd.DataFrame({"record": record.codes[base], "code": text.codes[base]})
    said = said.drop_duplicates()
    once = said[~said["record"].duplicated(keep=False)]
    lookup = np.full(len(record.spellings) + 1, -1, np.int32)
    lookup[once["record"].to_numpy()] = once["code"].to_numpy()
    carried = TextColumn(lookup[record.codes[positions]], text.spellings)
    return carried.take(np.arange(len(positions)))


def _boxes(raw: RawSource, stem: str) -> dict[str, str]:
    """Code of each box of a checkbox field to its raw column; a label export has its label."""
    start, choice = f"{stem}___", f"{stem} (choice="
    codes = {name[len(start) :]: name for name in raw.columns if name.startswith(start)}
    labels = {n[len(choice) : -1]: n for n in raw.columns if n.startswith(choice)}
    return codes or labels


def _status(raw: RawSource, box: str) -> str | None:
    """The form's ``_complete`` column: the first to the right of the box."""
    names = list(raw.columns)
    after = names[names.index(box) :]
    return next((n for n in after if n.endswith("_complete") or n.startswith("Complete?")), None)


_CHECKED = frozenset({"1", "checked", "1.0"})
_INCOMPLETE = frozenset({"0", "incomplete", "0.0"})


def _ticks(text: TextColumn, signs: frozenset[str]) -> Array:
    return np.array([fold(s) in signs for s in text.spellings] + [False], bool)[text.codes]


def _checked(table: TextTable, name: str, column: ColumnMap) -> TextColumn:
    """Codes of the ticked boxes, joined; without a tick, what a form that was filled in means."""
    boxes = _boxes(table.raw, str(column.checkbox))
    ticks = {code: _ticks(table.raw.columns[raw], _CHECKED) for code, raw in boxes.items()}
    asked = np.any([table.raw.columns[raw].filled for raw in boxes.values()], axis=0)
    any_tick = np.any(list(ticks.values()), axis=0)
    codes = {box_code(code): word for code, word in column.codes.items()}
    # where a box says none, a form without any tick says nothing
    has_none = any(codes.get(box_code(code)) == "none" for code in boxes)
    done = _form_done(table.raw, next(iter(boxes.values())))
    incomplete = asked & ~any_tick & (has_none | ~done)
    table.entries.append(
        entry(
            "redcap.incomplete",
            np.flatnonzero(incomplete),
            field=name,
            column=f"{column.checkbox}___*",
            raw="no box ticked",
            clean="",
        )
    )
    texts = np.full(len(table), "", dtype=object)
    for code, ticked in ticks.items():
        _report_unknown(table, name, column, code, ticked)
        word = codes.get(box_code(code), code)
        if word == "missing":
            continue
        texts[ticked] = np.where(texts[ticked] == "", word, texts[ticked] + ";" + word)
    texts[asked & ~any_tick & ~incomplete] = "none"
    return from_texts(list(texts))


def _form_done(raw: RawSource, box: str) -> Array:
    """Where the form was at least saved as unverified; a form without a status counts as not."""
    status = _status(raw, box)
    if status is None:
        return np.zeros(len(raw), bool)
    text = raw.columns[status]
    return text.filled & ~_ticks(text, _INCOMPLETE)


def _report_unknown(
    table: TextTable, name: str, column: ColumnMap, code: str, ticked: Array
) -> None:
    if column.codes and box_code(code) not in map(box_code, column.codes):
        table.entries.append(
            entry(
                "redcap.unknown_box",
                np.flatnonzero(ticked),
                field=name,
                column=f"{column.checkbox}___{code}",
                note="the mapping has no code for this box",
            )
        )
