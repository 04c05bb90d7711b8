"""Wide leak fields to the long table: one row per treated level, modality and site.

Present, absent and not assessed are kept apart: a site about which nothing was recorded was not
assessed, and a modality that was not done assessed nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from vpstats.registry.mapping import LEAK_SET_FIELDS
from vpstats.schema import SET_SEPARATOR
from vpstats.schema_tables import LEAK_FIELDS, LEAK_SITES, MODALITIES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

NAMED_SITES: tuple[str, ...] = tuple(site for site in LEAK_SITES if site != "any")
WIDE_FIELDS: tuple[str, ...] = (*LEAK_FIELDS, *LEAK_SET_FIELDS)
_STATES = {"yes": "present", "no": "absent"}


def site_states(wide: pd.DataFrame) -> dict[tuple[str, str], Array]:
    """State of every site and modality that the columns speak of.

    Parameters
    ----------
    wide : DataFrame
        One row per level; any of the wide leak fields.

    Returns
    -------
    dict
        (modality, site) → array of "present", "absent" or None, one per level. A set of sites
        says of each site not in it that it is absent; an empty set says nothing.
    """
    states: dict[tuple[str, str], Array] = {}
    for field, modality in LEAK_SET_FIELDS.items():
        if field in wide:
            states.update(_from_set(wide[field], modality))
    for field, (site, modality) in LEAK_FIELDS.items():
        if field in wide:
            said = wide[field].map(_STATES).to_numpy(object)
            earlier = states.get((modality, site))
            states[modality, site] = said if earlier is None else _merged(said, earlier)
    return states


def _from_set(column: pd.Series, modality: str) -> dict[tuple[str, str], Array]:
    texts = column.astype("string")
    told = texts.notna().to_numpy(bool)
    codes, spellings = pd.factorize(texts)
    members = [set(str(s).split(SET_SEPARATOR)) for s in spellings]
    found = {}
    for site in LEAK_SITES:
        has = np.array([site in m for m in members] + [False], bool)[codes]
        if site == "any" and not has.any():
            continue
        unnamed = np.array(["any" in m for m in members] + [False], bool)[codes] & (site != "any")
        state = np.where(has, "present", "absent").astype(object)
        state[~told | (unnamed & ~has)] = None
        found[modality, site] = state
    return found


def _merged(first: Array, second: Array) -> Array:
    return np.where(pd.isna(first), second, first)


def long_leaks(
    level_id: pd.Series, wide: pd.DataFrame, ct_not_done: Array
) -> tuple[pd.DataFrame, Array]:
    """Build the long table.

    Parameters
    ----------
    level_id : Series
        Key of each level.
    wide : DataFrame
        Wide leak fields, rows as `level_id`.
    ct_not_done : ndarray of bool
        Levels whose session had no CT after the procedure.

    Returns
    -------
    tuple
        Frame ``level_id, modality, site, state``, and the positions of levels for which a CT
        finding was recorded although no CT was made.
    """
    states = site_states(wide)
    pairs = [(m, s) for m in MODALITIES for s in LEAK_SITES if (m, s) in states]
    contradicted = np.zeros(len(level_id), bool)
    columns = []
    for modality, site in pairs:
        state = states[modality, site]
        if modality == "ct":
            contradicted |= ct_not_done & pd.notna(state)
            state = np.where(ct_not_done, None, state)
        columns.append(np.where(pd.isna(state), "not_assessed", state))
    return _stacked(level_id, pairs, columns), np.flatnonzero(contradicted)


def _stacked(
    level_id: pd.Series, pairs: list[tuple[str, str]], columns: list[Array]
) -> pd.DataFrame:
    n, k = len(level_id), len(pairs)
    state = np.column_stack(columns) if columns else np.empty((n, 0), object)
    keep = np.ones((n, k), bool)
    for j, (_, site) in enumerate(pairs):
        if site == "any":  # only where it was recorded: it is no ninth site
            keep[:, j] = state[:, j] != "not_assessed"
    rows, which = np.nonzero(keep)
    return pd.DataFrame(
        {
            "level_id": level_id.array.take(rows),
            "modality": pd.Categorical.from_codes(
                np.array([list(MODALITIES).index(m) for m, _ in pairs], np.int8)[which],
                list(MODALITIES),
            ),
            "site": pd.Categorical.from_codes(
                np.array([list(LEAK_SITES).index(s) for _, s in pairs], np.int8)[which],
                list(LEAK_SITES),
            ),
            "state": pd.Categorical(state[keep], categories=["present", "absent", "not_assessed"]),
        }
    )


def yeom_columns(text: pd.Series) -> dict[str, Array]:
    """Yeom types as three yes/no columns; an empty set says nothing.

    Examples
    --------
    >>> yeom_columns(pd.Series(["b;s", "none", None]))["yeom_c"].tolist()
    ['no', 'no', None]
    """
    told = text.notna().to_numpy(bool)
    members = [set(str(v).split(SET_SEPARATOR)) for v in text]
    found = {}
    for kind in ("b", "s", "c"):
        has = np.array([kind in m for m in members], bool)
        state = np.where(has, "yes", "no").astype(object)
        state[~told] = None
        found[f"yeom_{kind}"] = state
    return found
