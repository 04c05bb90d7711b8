"""Imaging coverage by kind: who was looked at, with what, as a routine or on suspicion."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from vpstats.quality.measures import Row, shares

if TYPE_CHECKING:
    from vpstats.registry import Registry

SECTION = "imaging"
WITHIN = 365
"""Days after the procedure within which a radiograph at a visit counts."""

_SCHEDULED = ("discharge", "week_2_4", "month_3", "month_6", "month_12", "annual")


def imaging(registry: Registry, centers: tuple[str, ...]) -> Iterator[Row]:
    """Share of procedures that each kind of imaging covers, of every center and of the network.

    CT and chest imaging come with the procedure, leaks on fluoroscopy with its levels; radiographs
    are those at visits within a year, of procedures of which a year has passed. What is not
    recorded counts as not covered, since nothing can be seen there.
    """
    rows = registry.procedures
    center = rows["center_id"].to_numpy(object)
    every = np.ones(len(rows), bool)
    asked = dict.fromkeys(("xray_scheduled", "xray_unscheduled"), _year_over(registry))
    ct = _is(rows["ct_post_done"], "yes")
    asked["leak_ct"] = ct
    for measure, label, happened in _kinds(registry, rows, ct):
        yield from shares(SECTION, measure, label, happened, asked.get(measure, every), center,
                          centers)  # fmt: skip


def _kinds(
    registry: Registry, rows: pd.DataFrame, ct: np.ndarray
) -> Iterator[tuple[str, str, np.ndarray]]:
    why, chest = rows["ct_post_reason"], rows["chest_imaging_modality"]
    yield "leak_fluoro", "Leaks on fluoroscopy recorded", assessed(registry, "fluoro")
    yield "ct", "CT afterwards", ct
    yield "ct_routine", "CT as a routine", ct & _is(why, "routine")
    yield "ct_suspicion", "CT on suspicion", ct & _is(why, "suspicion")
    yield (
        "ct_other",
        "CT for another reason, or none recorded",
        ct & ~_is(why, "routine", "suspicion"),
    )
    yield "leak_ct", "Leaks on that CT recorded", assessed(registry, "ct")
    yield "chest_any", "Chest imaging of any kind", _is(chest, "xray", "ct_partial", "ct_full")
    yield "chest_xray", "Chest radiograph", _is(chest, "xray")
    yield "chest_ct", "Chest seen by CT", _is(chest, "ct_partial", "ct_full")
    yield ("xray_scheduled", "Spinal radiograph at a scheduled visit within a year",
           _radiograph(registry, scheduled=True))  # fmt: skip
    yield ("xray_unscheduled", "Spinal radiograph at an unscheduled visit within a year",
           _radiograph(registry, scheduled=False))  # fmt: skip


def _is(values: pd.Series, *codes: str) -> np.ndarray:
    return np.asarray(values.isin(codes).to_numpy(bool))


def assessed(registry: Registry, modality: str) -> np.ndarray:
    """Procedures of which leaks at any level were looked for with one modality."""
    leaks = registry.leaks
    seen = leaks["modality"].eq(modality) & leaks["state"].isin(["present", "absent"])
    levels = set(leaks["level_id"][seen.fillna(value=False)])
    sessions = registry.levels["procedure_id"][registry.levels["level_id"].isin(levels)]
    return np.asarray(registry.procedures["procedure_id"].isin(set(sessions)).to_numpy(bool))


def _year_over(registry: Registry) -> np.ndarray:
    due = registry.procedures["proc_date"] + pd.Timedelta(days=WITHIN)
    return np.asarray((due <= registry.over_by).to_numpy(bool))


def _radiograph(registry: Registry, *, scheduled: bool) -> np.ndarray:
    """Procedures after which the spine was radiographed at a visit of one kind."""
    visits = registry.visits
    taken = visits["imaging_at_visit"].astype("string").str.split(";").map(_has_xray)
    planned = visits["visit_type"].isin(_SCHEDULED)
    other = visits["visit_type"].eq("unscheduled").fillna(value=False)
    kept = visits[taken.astype(bool) & (planned if scheduled else other)]
    rows = registry.procedures[["procedure_id", "patient_id", "proc_date"]]
    pairs = rows.merge(kept[["patient_id", "visit_date"]], on="patient_id")
    after = (pairs["visit_date"] - pairs["proc_date"]).dt.days
    found = set(pairs["procedure_id"][after.between(0, WITHIN)])
    return np.asarray(rows["procedure_id"].isin(found).to_numpy(bool))


def _has_xray(codes: object) -> bool:
    return isinstance(codes, list) and "xray" in codes
