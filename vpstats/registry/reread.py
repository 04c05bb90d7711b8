"""An earlier export read by a later mapping: what the change of the mapping alone does to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from vpstats.errors import VpstatsError
from vpstats.registry.mapping import RegistryMap, SourceMap
from vpstats.registry.matching import Pairs, match_tables
from vpstats.registry.read import Cut, read_by

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

_PLACE = ("file", "member", "url", "password_env", "token_env", "dictionary", "catalog")
"""Keys of a source that say where it is: they stay those of the earlier cut."""


@dataclass(frozen=True, slots=True, eq=False)
class Effect:
    """What a change of the mapping made of the rows of two cuts.

    Parameters
    ----------
    again : mapping of str to DataFrame
        Tables of the earlier export, read by the later mapping.
    old : mapping of str to DataFrame
        The same, with the keys that matched rows have in `again`.
    to_old, to_new : mapping of str to Pairs
        Rows of `again` beside those of the earlier cut, and those of the later one beside `again`.
    """

    again: Mapping[str, pd.DataFrame]
    old: Mapping[str, pd.DataFrame]
    to_old: Mapping[str, Pairs]
    to_new: Mapping[str, Pairs]

    def lost(self, table: str, old: Array) -> Array:
        """Rows of the earlier cut that the later mapping would not have read there."""
        return np.isin(old, self.to_old[table].vanished)

    def gained(self, table: str, new: Array) -> Array:
        """Rows of the later cut that the earlier export has, by the later mapping."""
        return np.isin(new, self.to_new[table].new)

    def altered(self, table: str, field: str, old: Array) -> Array:
        """Rows of the earlier cut of which the later mapping reads a field otherwise."""
        pairs = self.to_old[table]
        after = self.again[table][field].take(pairs.new)
        before = self.old[table][field].take(pairs.old)
        return np.isin(old, pairs.old[unlike(after, before)])


def unlike(after: pd.Series, before: pd.Series) -> Array:
    """Where two series differ, row by row; two missing values do not.

    Examples
    --------
    >>> unlike(pd.Series([1, None], dtype="Int64"), pd.Series([2, None], dtype="Int64")).tolist()
    [True, False]
    """
    a, b = after.reset_index(drop=True), before.reset_index(drop=True)
    equal = (a == b).fillna(False).to_numpy(bool)  # pandas names it so
    return np.asarray(~(equal | (a.isna() & b.isna()).to_numpy(bool)), dtype=bool)


def effect_of_mapping(new: Cut, old: Cut) -> Effect | None:
    """Read the earlier export by the later mapping, and see what that changes.

    Parameters
    ----------
    new, old : Cut
        The later and the earlier; sources are matched by name.

    Returns
    -------
    Effect or None
        None where the earlier export does not fit the later mapping: then nobody can tell.
    """
    try:
        cut = read_by(_at_the_place_of(old.mapping, new.mapping), old.folder)
    except VpstatsError:
        return None
    tables, places = cut.registry.tables, cut.places
    before, followed = match_tables(tables, old.registry.tables, {"new": places, "old": old.places})
    after, _ = match_tables(new.registry.tables, tables, {"new": new.places, "old": places})
    return Effect(tables, followed, before, after)


def _at_the_place_of(old: RegistryMap, new: RegistryMap) -> RegistryMap:
    """The earlier registry, each of its sources read as the later mapping says."""
    later = {source.name: source for source in new.sources}
    sources = tuple(_moved(later.get(source.name, source), source) for source in old.sources)
    return old.model_copy(update={"sources": sources})


def _moved(source: SourceMap, place: SourceMap) -> SourceMap:
    return source.model_copy(update={name: getattr(place, name) for name in _PLACE})
