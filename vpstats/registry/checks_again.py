"""Events that are written again at later contacts, and may be counted as new ones."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from vpstats.registry.checks import Case, Doubt, check
from vpstats.registry.checks_course import earliest
from vpstats.schema import SET_SEPARATOR

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

_OF_A_VERTEBRA = {
    "adjacent_fx": "new fracture",
    "nonadjacent_fx": "new fracture",
    "refracture_same": "refracture",
}
"""Fractures, of which a vertebra has one until it is treated; how they are called does not tell."""
_FOR_GOOD = ("pce", "death", "lost")
"""Events after which a patient stays in that state, however long that is."""
_REPEATABLE = ("reoperation", "cement_removal", "other")
"""Events of which each one written is one."""
_YEAR = 365  # an infection or embolism within it may be the one that is known
_KEY = ["patient_id", "kind", "vertebra"]
_NOTE = "the patient has this event of an earlier day, and nothing in between says that it is new"


@check
def events_again(case: Case) -> Iterator[Doubt]:
    """An event that the patient has had before, without a treatment or a year in between.

    A vertebra that broke breaks again only if it was treated since; cement in the lungs stays
    there. Other events may come back: they are doubted within a year of the last time, unless
    there was a session or a contact without them since. Those of one day are `event.twice`.
    """
    told = _told(case["events"])
    first = told.sort_values("day", kind="stable").drop_duplicates([*_KEY, "day"])
    groups = first.groupby(_KEY, observed=True)
    before = groups[["day", "event_levels", "procedure_id"]].shift().add_suffix("_before")
    pairs = told.merge(first[[*_KEY, "day"]].join(before), on=[*_KEY, "day"])
    pairs = pairs[pairs["day_before"].notna()].reset_index(drop=True)
    if len(pairs):
        again = ~_renewed(case, pairs) & (_of_vertebra(pairs) | _same(pairs))
        positions = np.unique(pairs.loc[again, "position"].to_numpy(np.int64))
        yield Doubt("event.again", "events", "event_date", positions, note=_NOTE)


def _told(events: pd.DataFrame) -> pd.DataFrame:
    """Dated events that may be carried forward, a fracture once for each of its vertebrae."""
    types = events["event_type"].astype(object)
    told = events[["patient_id", "event_levels", "procedure_id", "event_left_date"]].astype(
        {"patient_id": object, "event_levels": object, "procedure_id": object}
    )
    told = told.assign(
        position=np.arange(len(events)),
        day=earliest(events),
        type=types,
        kind=types.map(_OF_A_VERTEBRA).fillna(types),
    )
    told = told[told["day"].notna() & types.notna() & ~types.isin(_REPEATABLE)]
    broken = told["type"].isin(list(_OF_A_VERTEBRA))
    levels = told["event_levels"].where(broken).fillna("").astype(str)
    return told.assign(vertebra=levels.str.split(SET_SEPARATOR)).explode("vertebra")


def _of_vertebra(pairs: pd.DataFrame) -> pd.Series:
    return pairs["vertebra"] != ""


def _same(pairs: pd.DataFrame) -> pd.Series:
    """Events that are of no vertebra, and may be the one before."""
    soon = pairs["type"].isin(_FOR_GOOD) | ((pairs["day"] - pairs["day_before"]).dt.days <= _YEAR)
    free = pairs["event_left_date"] > pairs["day_before"]
    own, other = pairs["procedure_id"], pairs["procedure_id_before"]
    elsewhere = own.notna() & other.notna() & (own != other)
    apart = [
        not set(a.split(SET_SEPARATOR)) & set(b.split(SET_SEPARATOR))
        if isinstance(a, str) and isinstance(b, str)
        else False
        for a, b in zip(pairs["event_levels"], pairs["event_levels_before"], strict=True)
    ]
    lasting = pairs["type"].isin(("death", "lost"))
    return soon & (lasting | ~(free | elsewhere | pd.Series(apart, index=pairs.index)))


def _renewed(case: Case, pairs: pd.DataFrame) -> pd.Series:
    """Pairs between which the vertebra was treated, or the patient where it is of none."""
    sessions = case["procedures"][["procedure_id", "patient_id", "proc_date"]]
    treated = sessions.merge(case["levels"][["procedure_id", "level"]], on="procedure_id")
    treated = treated.rename(columns={"level": "vertebra"})
    every = pd.concat([treated, sessions.assign(vertebra="")]).astype(
        {"patient_id": object, "vertebra": object}
    )
    every = every[["patient_id", "vertebra", "proc_date"]]
    met = pairs.reset_index().merge(every, on=["patient_id", "vertebra"])
    after = (met["proc_date"] > met["day_before"]) | (
        (met["proc_date"] == met["day_before"]) & (met["vertebra"] != "")
    )
    between = met[after & (met["proc_date"] <= met["day"]) & ~met["type"].isin(("death", "lost"))]
    return pd.Series(pairs.index.isin(between["index"]), index=pairs.index)
