"""The plain cohorts: one row per patient, procedure or treated level, without an outcome."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from vpstats.cohorts.covariates import labels_for, level_table, procedure_table
from vpstats.cohorts.episodes import last_known_day
from vpstats.frames import Frame, start_frame

if TYPE_CHECKING:
    from vpstats.registry import Registry


def procedures(registry: Registry) -> Frame:
    """Every procedure, clustered in patients.

    Parameters
    ----------
    registry : Registry

    Returns
    -------
    Frame
        Unit "procedure"; `known_1y` is 1 where the patient's state a year later is known, 0 where
        it is not, and missing where the year is not yet over at the data cut.
    """
    data = procedure_table(registry)
    data["known_1y"] = _known_after(registry, data, 365)
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
        Unit "level".
    """
    data = treated_levels(registry)
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
    return known.astype(float).where(due <= registry.data_cut)


def treated_levels(registry: Registry) -> pd.DataFrame:
    """Join each treated level to its procedure and patient."""
    session = procedure_table(registry)
    return level_table(registry).merge(session, on="procedure_id", how="inner", validate="m:1")
