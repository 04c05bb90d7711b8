"""Wide leak fields to the long table: one row per treated level, modality and site.

Present, absent and not assessed are kept apart: a site about which nothing was recorded was not
assessed, and a modality that was not done assessed nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from vpstats.registry.fields import LEAK_SET_FIELDS
from vpstats.schema import SET_SEPARATOR
from vpstats.schema_tables import LEAK_FIELDS, LEAK_SITES, MODALITIES, leak_field

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

NAMED_SITES: tuple[str, ...] = tuple(site for site in LEAK_SITES if site != "any")
WIDE_FIELDS: tuple[str, ...] = (*LEAK_FIELDS, *LEAK_SET_FIELDS)
STATES = ("present", "absent", "not_assessed")
_NOTHING = 2
"""Position in `STATES` of a site about which nothing was recorded."""


def site_states(wide: pd.DataFrame) -> dict[tuple[str, str], Array]:
    """State of every site and modality that the columns speak of.

    Parameters
    ----------
    wide : DataFrame
        One row per level; any of the wide leak fields.

    Returns
    -------
    dict
        (modality, site) → positions in `STATES`, one per level. A set of sites says of each site
        not in it that it is absent; an empty set says nothing.
    """
    states: dict[tuple[str, str], Array] = {}
    for field, modality in LEAK_SET_FIELDS.items():
        if field in wide:
            states.update(_from_set(wide[field], modality))
    for field, (site, modality) in LEAK_FIELDS.items():
        if field in wide:
            said = _from_yes_no(wide[field])
            earlier = states.get((modality, site), said)
            states[modality, site] = np.where(said == _NOTHING, earlier, said)
    return states


def asked_sites(sets: Array, asked: Collection[str], modality: str) -> dict[str, Array]:
    """Leak sites of a form that has a box for some of them, as one yes/no field a site.

    Nobody was asked about a site without a box. That no box of the form is ticked says of each of
    its sites, and of any, that there was no leak.

    Parameters
    ----------
    sets : ndarray of object
        Sets of sites, one per level; None where the form says nothing.
    asked : collection of str
        Sites that have a box.
    modality : str
        Modality of the form.

    Returns
    -------
    dict
        Wide leak field → "yes", "no" or None, one per level.

    Examples
    --------
    >>> found = asked_sites(np.array(["venous", "none", None]), {"venous", "epidural"}, "ct")
    >>> {field: states.tolist() for field, states in found.items()}
    {'leak_epidural_ct': ['no', 'no', None], 'leak_venous_ct': ['yes', 'no', None], \
'leak_any_ct': [None, 'no', None]}
    """
    codes, spellings = pd.factorize(pd.Series(sets, dtype=object))
    members = [set(str(s).split(SET_SEPARATOR)) for s in spellings]
    words = ("yes", "no", None)
    found = {}
    for site in NAMED_SITES:
        if site in asked:
            states = [*(_state_in(site, m) for m in members), _NOTHING]
            found[leak_field(site, modality)] = _looked_up([words[s] for s in states], codes)
    summary = ["yes" if "any" in m else "no" if m == {"none"} else None for m in members]
    return found | {leak_field("any", modality): _looked_up([*summary, None], codes)}


def _looked_up(states: Sequence[str | None], codes: Array) -> Array:
    found: Array = np.array(states, dtype=object)[codes]
    return found


def _from_yes_no(column: pd.Series) -> Array:
    codes, words = pd.factorize(column)
    known = {"yes": 0, "no": 1}
    lookup = np.array([*(known.get(str(w), _NOTHING) for w in words), _NOTHING], np.int8)
    states: Array = lookup[codes]
    return states


def _from_set(column: pd.Series, modality: str) -> dict[tuple[str, str], Array]:
    codes, spellings = pd.factorize(column)
    members = [set(str(s).split(SET_SEPARATOR)) for s in spellings]
    found = {}
    for site in LEAK_SITES:
        if site == "any" and not any("any" in m for m in members):
            continue
        lookup = np.array([*(_state_in(site, m) for m in members), _NOTHING], np.int8)
        found[modality, site] = lookup[codes]
    return found


def _state_in(site: str, members: set[str]) -> int:
    if site in members:
        return 0
    if site == "any":
        return _NOTHING  # sites that are named, or none, speak for themselves
    # "any leak" in a set says that there is one, and of no other site that it has none
    return _NOTHING if "any" in members else 1


def long_leaks(wide: pd.DataFrame, ct_not_done: Array) -> tuple[pd.DataFrame, Array, Array]:
    """Build the long table.

    Parameters
    ----------
    wide : DataFrame
        Wide leak fields, one row per level.
    ct_not_done : ndarray of bool
        Levels whose session had no CT after the procedure.

    Returns
    -------
    tuple
        Frame ``modality, site, state``; the position of each of its rows in `wide`; and the
        positions of levels with a CT finding although no CT was made.
    """
    states = site_states(wide)
    pairs = [(m, s) for m in MODALITIES for s in LEAK_SITES if (m, s) in states]
    state = np.full((len(wide), len(pairs)), _NOTHING, np.int8)
    contradicted = np.zeros(len(wide), bool)
    for column, (modality, site) in enumerate(pairs):
        state[:, column] = states[modality, site]
        if modality == "ct":
            contradicted |= ct_not_done & (state[:, column] != _NOTHING)
            state[ct_not_done, column] = _NOTHING
    frame, rows = _stacked(pairs, state)
    return frame, rows, np.flatnonzero(contradicted)


def _stacked(pairs: list[tuple[str, str]], state: Array) -> tuple[pd.DataFrame, Array]:
    summary = np.array([site == "any" for _, site in pairs], bool)
    # a summary is there only where it was recorded: it is no ninth site
    rows, which = np.nonzero(~summary[None, :] | (state != _NOTHING))
    modality = np.array([list(MODALITIES).index(m) for m, _ in pairs], np.int8)
    site = np.array([list(LEAK_SITES).index(s) for _, s in pairs], np.int8)
    frame = pd.DataFrame(
        {
            "modality": pd.Categorical.from_codes(modality[which], list(MODALITIES)),
            "site": pd.Categorical.from_codes(site[which], list(LEAK_SITES)),
            "state": pd.Categorical.from_codes(state[rows, which], list(STATES)),
        }
    )
    return frame, rows


def yeom_columns(text: pd.Series) -> dict[str, Array]:
    """Yeom types as three yes/no columns; an empty set says nothing.

    Examples
    --------
    >>> yeom_columns(pd.Series(["b;s", "none", None]))["yeom_c"].tolist()
    ['no', 'no', None]
    """
    codes, spellings = pd.factorize(text)
    members = [set(str(s).split(SET_SEPARATOR)) for s in spellings]
    return {
        f"yeom_{kind}": np.array(
            [*("yes" if kind in m else "no" for m in members), None], dtype=object
        )[codes]
        for kind in ("b", "s", "c")
    }
