"""The plain cohorts: one row per patient, procedure or treated level, without an outcome."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from vpstats.cohorts.covariates import labels_for, procedure_table, treated_levels
from vpstats.cohorts.episodes import last_known_day
from vpstats.cohorts.leakage import leak_states
from vpstats.frames import Frame, start_frame
from vpstats.schema_tables import MODALITIES

if TYPE_CHECKING:
    from vpstats.registry import Registry


def _symptomatic(registry: Registry, data: pd.DataFrame) -> pd.Series:
    """Symptoms are recorded of leaks that were seen; a level without one has none."""
    said = data["leak_symptomatic"].astype(object).map({"yes": 1.0, "no": 0.0}).astype(float)
    seen = [
        data["level_id"].map(leak_states(registry.leaks, name).set_index("level_id")["leak_any"])
        for name in MODALITIES
    ]
    worst = pd.concat(seen, axis=1).max(axis=1)
    return said.where(said.notna() | (worst != 0), 0.0)


VISIT_WINDOW = (14, 28)
"""Days after the procedure in which any visit counts as the one after two to four weeks."""

VISIT_NAMED = 42
"""Days within which a visit that is recorded as that one still counts."""


def procedures(registry: Registry) -> Frame:
    """Every procedure, clustered in patients.

    Parameters
    ----------
    registry : Registry

    Returns
    -------
    Frame
        Unit "procedure"; `known_1y` is 1 where the patient's state a year later is known, 0 where
        it is not, and missing where the year is not yet over at the data cut; `visit_2_4w`
        likewise where the visit after two to four weeks took place.
    """
    data = procedure_table(registry)
    data["known_1y"] = _known_after(registry, data, 365)
    data["visit_2_4w"] = _visited(registry, data)
    return start_frame(
        data,
        "procedures in the registry",
        unit="procedure",
        cluster="patient_id",
        name="procedures",
        labels=labels_for(data),
    )


def patients(registry: Registry) -> Frame:
    """Every patient, as at the first procedure.

    Parameters
    ----------
    registry : Registry

    Returns
    -------
    Frame
        Unit "patient".
    """
    frame = procedures(registry)
    data = frame.data.sort_values(["patient_id", "proc_date", "procedure_id"], kind="stable")
    first = data.drop_duplicates("patient_id").sort_index()
    return start_frame(
        first,
        "patients in the registry, as at their first procedure",
        unit="patient",
        name="patients",
        labels=labels_for(first),
    )


def levels(registry: Registry) -> Frame:
    """Every treated level, clustered in patients.

    Parameters
    ----------
    registry : Registry

    Returns
    -------
    Frame
        Unit "level"; `symptomatic_leak` is 1 where a leak caused symptoms, 0 where one did not or
        none was seen, and missing where nothing was looked at.
    """
    data = treated_levels(registry)
    data["symptomatic_leak"] = _symptomatic(registry, data)
    return start_frame(
        data,
        "treated levels in the registry",
        unit="level",
        cluster="patient_id",
        name="levels",
        labels=labels_for(data),
    )


def _known_after(registry: Registry, data: pd.DataFrame, days: int) -> pd.Series:
    due = data["proc_date"] + pd.Timedelta(days=days)
    last = data["patient_id"].map(last_known_day(registry))
    known = (last >= due) | data["death_date"].notna()
    return known.astype(float).where(due <= registry.over_by)


def _visited(registry: Registry, data: pd.DataFrame) -> pd.Series:
    """Whether the visit two to four weeks after each procedure took place, by day or by name."""
    visits = registry.visits[["patient_id", "visit_date", "visit_type"]]
    pairs = data[["procedure_id", "patient_id", "proc_date"]].merge(visits, on="patient_id")
    after = (pairs["visit_date"] - pairs["proc_date"]).dt.days
    named = pairs["visit_type"].eq("week_2_4") & after.between(1, VISIT_NAMED)
    kept = pairs.loc[named | after.between(*VISIT_WINDOW), "procedure_id"]
    due = data["proc_date"] + pd.Timedelta(days=VISIT_WINDOW[1])
    dead = data["death_date"] <= due
    visited = data["procedure_id"].isin(kept)
    return visited.astype(float).where((due <= registry.over_by) & (visited | ~dead))
