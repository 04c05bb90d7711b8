"""Which file and row each field of a row came from, where several mapped tables made it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vpstats.registry.journal import Places
    from vpstats.registry.read import Cut

    Array = NDArray[Any]


@dataclass(frozen=True, slots=True, eq=False)
class Gathered:
    """Rows of which several became one, as they came.

    Parameters
    ----------
    places : Places
        Where each is, and the key that they share.
    source : ndarray of int
        Number of the source of each.
    filled : mapping of str to ndarray of bool
        Field to the rows that say something of it.
    """

    places: Places
    source: Array
    filled: Mapping[str, Array]

    def rows(self, field: str, keys: Array) -> Array:
        """The first row of each key that says something of a field; -1 where none does."""
        return self._first(self.filled.get(field, np.zeros(len(self.source), bool)), keys)

    def rows_of_sources(self, keys: Array, sources: Array) -> Array:
        """The first row of each key that is of the source named beside it; -1 where none is."""
        found = np.full(len(keys), -1, np.int64)
        for source in np.unique(sources).tolist():
            own = sources == source
            found[own] = self._first(self.source == source, keys[own])
        return found

    def _first(self, among: Array, keys: Array) -> Array:
        rows = np.flatnonzero(among)
        names = pd.Index(self.places.key[rows])
        first = ~names.duplicated()
        at = names[first].get_indexer(pd.Index(keys))
        return np.where(at >= 0, np.append(rows[first], -1)[at], -1)


def gathered(
    places: Places, mapped: pd.Series, source: pd.Series, values: Mapping[str, pd.Series]
) -> Gathered | None:
    """Keep where rows come from that become one, and what each says.

    Parameters
    ----------
    places : Places
        Of all rows of a table.
    mapped, source : Series
        Number of the mapped table and of the source of each.
    values : mapping of str to Series
        Field to its values.

    Returns
    -------
    Gathered or None
        None where one mapped table has all rows: its file is that of every field.
    """
    if mapped.nunique() < len(("one", "another")):
        return None
    several = np.flatnonzero(pd.Series(places.key).duplicated(keep=False).to_numpy(bool))
    own = type(places)(places.table, places.file[several], places.row[several], places.key[several])
    filled = {name: column.notna().to_numpy(bool)[several] for name, column in values.items()}
    return Gathered(own, source.to_numpy(np.int64)[several], filled)


# ------------------------------------------------------------------ cells of two cuts


@dataclass(frozen=True, slots=True, eq=False)
class CellPlaces:
    """Where cells are.

    Parameters
    ----------
    file, row : ndarray
        File and row of each.
    source : ndarray of object
        Name of its source.
    """

    file: Array
    row: Array
    source: Array

    def where(self, chosen: Array, other: CellPlaces) -> CellPlaces:
        """The places of others where `chosen`."""
        return CellPlaces(
            np.where(chosen, other.file, self.file),
            np.where(chosen, other.row, self.row),
            np.where(chosen, other.source, self.source),
        )


def cell_places(cut: Cut, table: str, field: str, at: Array) -> CellPlaces:
    """Where a field of some rows of a cut came from.

    Parameters
    ----------
    cut : Cut
        The data cut.
    table, field : str
        Canonical names.
    at : ndarray of int
        Rows of the table.

    Returns
    -------
    CellPlaces
        The place of the row where no other says anything of the field.
    """
    keys = cut.places[table].key[at]
    known = cut.gathered.get(table)
    rows = np.full(len(at), -1) if known is None else known.rows(field, keys)
    return _at(cut, table, at, rows)


def changed_places(
    cuts: tuple[Cut, Cut], table: str, field: str, at: tuple[Array, Array], gone: Array
) -> tuple[CellPlaces, CellPlaces]:
    """Where a field came from that differs in two cuts.

    Parameters
    ----------
    cuts : tuple of (Cut, Cut)
        The later and the earlier.
    table, field : str
        Canonical names.
    at : tuple of (ndarray of int, ndarray of int)
        Rows of either.
    gone : ndarray of bool
        Where the later cut says nothing.

    Returns
    -------
    tuple of (CellPlaces, CellPlaces)
        Of the later cut, of the earlier. What is gone is at the row of the later cut that is of the
        same source, and where none is, at the place that it had in the earlier cut.
    """
    new, old = (cell_places(c, table, field, rows) for c, rows in zip(cuts, at, strict=True))
    moved = gone & (new.source != old.source)
    known = cuts[0].gathered.get(table)
    if known is None or not moved.any():
        return new.where(moved, old), old
    numbers = {source.name: i for i, source in enumerate(cuts[0].mapping.sources)}
    sources = np.array([numbers.get(name, -1) for name in old.source], np.int64)
    rows = known.rows_of_sources(cuts[0].places[table].key[at[0]], sources)
    still = _at(cuts[0], table, at[0], np.where(moved, rows, -1))
    return new.where(moved, old).where(moved & (rows >= 0), still), old


def _at(cut: Cut, table: str, at: Array, rows: Array) -> CellPlaces:
    """Places of rows of a table, or of those that were gathered where one is given."""
    names = np.array([source.name for source in cut.mapping.sources], dtype=object)
    place, known = cut.places[table], cut.gathered.get(table)
    own = CellPlaces(place.file[at], place.row[at], names[cut.origin[table][at]])
    if known is None or not (rows >= 0).any():
        return own
    other = CellPlaces(known.places.file[rows], known.places.row[rows], names[known.source[rows]])
    return own.where(rows >= 0, other)


# ------------------------------------------------------------------ columns


def shared_names(
    names: Mapping[tuple[int, str], str], sources: Mapping[int, int]
) -> dict[tuple[int, str], str]:
    """Columns of a source for its mapped tables that lack them, where there is one for a field.

    Rows of several mapped tables become one, which stands at the place of the first.

    Parameters
    ----------
    names : mapping of (int, str) to str
        Mapped table and field to raw column.
    sources : mapping of int to int
        Mapped table to its source.

    Returns
    -------
    dict of (int, str) to str
        As `names`, for every mapped table of a source.
    """
    of_source: dict[tuple[int, str], set[str]] = {}
    for (mapped, name), raw in names.items():
        of_source.setdefault((sources[mapped], name), set()).add(raw)
    return {
        (mapped, name): next(iter(raws))
        for (source, name), raws in of_source.items()
        for mapped, own in sources.items()
        if own == source and len(raws) == 1
    }
