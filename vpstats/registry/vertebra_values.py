"""One cell of a session for several vertebrae: a list by position or by name, or a total."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np

from vpstats.registry.cells import all_wrapped, unwrapped
from vpstats.registry.compound import cut_list, listed_numbers
from vpstats.registry.journal import entry
from vpstats.registry.mapping import ColumnMap
from vpstats.registry.raw import TextColumn, from_texts
from vpstats.registry.spine import parse_levels

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vpstats.registry.tables import TextTable

    Array = NDArray[Any]

_SIGN = re.compile("[:=]")


def values_by_name(cell: str) -> dict[str, str]:
    """The values of a cell in which each stands behind the name of its vertebra.

    Parameters
    ----------
    cell : str
        The cell; any text is safe.

    Returns
    -------
    dict of str to str
        Vertebra to its value as written; empty where a part names no single vertebra, or where
        two name the same.

    Examples
    --------
    >>> values_by_name("L1: 3,5; Th12: 4")
    {'L1': '3,5', 'T12': '4'}
    >>> values_by_name("L1: 3,5; L1: 4"), values_by_name("L1: 3,5; total: 8")
    ({}, {})
    """
    if not _SIGN.search(cell):
        return {}
    named: dict[str, str] = {}
    for part in cut_list(cell):
        name, *values = map(str.strip, _SIGN.split(part))
        level = _single(name)
        if len(values) != 1 or not values[0] or not level or level in named:
            return {}
        named[level] = values[0]
    return named


def by_name(table: TextTable, text: TextColumn, items: TextColumn) -> tuple[TextColumn, Array]:
    """Give each vertebra of a list what a cell of its row says behind its name.

    Parameters
    ----------
    table : TextTable
        Rows, one per vertebra.
    text : TextColumn
        The cell of the session in each row.
    items : TextColumn
        The vertebra of each row, as listed.

    Returns
    -------
    tuple
        The text, and the rows that have got theirs: those whose cell names every vertebra of
        their list once, and no other.
    """
    named = [values_by_name(s) for s in text.spellings]
    taken = np.array([*map(bool, named), False], bool)[text.codes]
    if not taken.any():
        return text, taken
    vertebrae = [_single(s) for s in items.spellings]
    cells, place = text.texts(), place_in_list(table)
    for row in np.flatnonzero(taken).tolist():
        start, values = row - int(place[row]), named[text.codes[row]]
        listed = [vertebrae[c] for c in items.codes[start : start + int(table.listed[row])]]
        taken[row] = len(listed) == len(values) and set(listed) == set(values)
        if taken[row]:
            cells[row] = values[listed[place[row]]]
    return from_texts(list(cells)), taken


def _single(text: str) -> str:
    """The vertebra that a text names, "" where it names none or several."""
    found = parse_levels(text).levels
    return found[0] if len(found) == 1 else ""


def place_in_list(table: TextTable) -> Array:
    """Place of each row among those of its list: columns that are empty in between do not count."""
    raw, n = table.raw, len(table)
    new = np.ones(n, bool)
    new[1:] = (raw.row[1:] != raw.row[:-1]) | (raw.file[1:] != raw.file[:-1])
    return np.arange(n) - np.maximum.accumulate(np.where(new, np.arange(n), 0))


def of_one_vertebra(
    table: TextTable, name: str, column: ColumnMap, text: TextColumn, told: Array
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
    told : ndarray of bool
        Rows that have a value of their own already.

    Returns
    -------
    TextColumn
        The part of the list at each vertebra's position; empty where there is not one value for
        each vertebra, and where a list stands beside a cell that names no vertebra.
    """
    raw, cells, place = text.texts(), text.texts(), place_in_list(table)
    lists = np.array([bool(listed_numbers(s)) for s in text.spellings] + [False], bool)
    sums = _joined_by_plus(table)
    notes: dict[int, str] = {}
    lacking: list[int] = []
    several = text.filled & ((table.listed > 1) | lists[text.codes]) & ~told
    for row in np.flatnonzero(several).tolist():
        parts, n = _parts(raw[row], sums=sums[row]), int(table.listed[row])
        if len(parts) == n and any(parts):
            cells[row] = parts[place[row]]
            if not cells[row]:
                lacking.append(row)
        elif len(parts) != n:
            cells[row] = ""
            if table.named[row]:  # else the vertebrae are what is wrong, and that is reported
                notes[row] = _shared(len(parts), n)
    where = np.array(list(notes), np.int64)
    said = np.array([*notes.values()], dtype=object)
    empty = np.array(lacking, np.int64)
    none = "the list of values has none in the place of this vertebra"
    table.entries += [
        entry(
            "explode.shared", where, field=name, column=str(column.column), raw=raw[where],
            note=said,
        ),
        entry(
            "explode.lacking", empty, field=name, column=str(column.column), raw=raw[empty],
            note=none,
        ),
    ]  # fmt: skip
    bare = map(unwrapped, cells) if all_wrapped(text.spellings) else cells
    return from_texts(list(bare))


def _parts(cell: str, *, sums: bool) -> tuple[str, ...]:
    return listed_numbers(cell, sums=sums) or cut_list(cell, sums=sums)


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
