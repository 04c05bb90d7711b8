"""The registry as it was known on an earlier day."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pandas as pd

from vpstats.errors import UsageError
from vpstats.frames import FlowStep

if TYPE_CHECKING:
    from vpstats.registry.registry import Registry


def cut_registry(registry: Registry, day: object) -> Registry:
    """Leave out everything after a day: procedures do not exist, follow-up is censored.

    Parameters
    ----------
    registry : Registry
    day : date-like
        Last day that counts; not after the registry's data cut.

    Returns
    -------
    Registry
        With `day` as its data cut. Corrections and findings stay: they are about the exports.

    Raises
    ------
    UsageError
        If the day cannot be read or lies after the data cut.

    Notes
    -----
    The exports say what is known now. What was entered late, or corrected since, is therefore in
    the registry as of an earlier day as well.

    Examples
    --------
    >>> from vpstats.schema_tables import TABLES
    >>> from vpstats.registry import Registry
    >>> tables = {name: table.empty() for name, table in TABLES.items()}
    >>> empty = Registry.from_tables(tables, name="Empty", data_cut="2025-12-31")
    >>> cut_registry(empty, "2024-12-31").data_cut.year
    2024
    """
    registry.require_true_dates("Leaving out what came after a day")
    end = _day(day, registry)
    procedures = _procedures(registry.procedures, end)
    inside = registry.patients["patient_id"].isin(procedures["patient_id"])
    levels = registry.levels[registry.levels["procedure_id"].isin(procedures["procedure_id"])]
    step = FlowStep(
        f"performed by {end.date().isoformat()}",
        len(procedures),
        int(inside.sum()),
        len(registry.procedures) - len(procedures),
        int((~inside).sum()),
    )
    return replace(
        registry,
        patients=_patients(registry.patients[inside], end),
        procedures=procedures,
        levels=levels,
        leaks=_leaks(registry.leaks, registry.procedures, levels, end),
        visits=_by(registry.visits, "visit_date", end, procedures),
        events=_by(registry.events, "event_date", end, procedures),
        exclusions=(*registry.exclusions, step),
        data_cut=end,
    )


def _day(day: object, registry: Registry) -> pd.Timestamp:
    try:
        end = pd.Timestamp(day).normalize()
    except (TypeError, ValueError):
        end = pd.NaT
    if end is pd.NaT:
        raise UsageError(f"'{day}' is not a day; expected YYYY-MM-DD.")
    if end > registry.data_cut:
        raise UsageError(
            f"{end.date().isoformat()} lies after the data cut, "
            f"{registry.data_cut.date().isoformat()}; name a day up to it."
        )
    return end


def _procedures(procedures: pd.DataFrame, end: pd.Timestamp) -> pd.DataFrame:
    """Procedures by a day; a CT made later had not been made."""
    kept = procedures[procedures["proc_date"] <= end].copy()
    later = kept["ct_post_date"] > end
    kept.loc[later, "ct_post_done"] = "no"
    kept.loc[later, ["ct_post_reason", "ct_post_date"]] = pd.NA
    return kept


def _patients(patients: pd.DataFrame, end: pd.Timestamp) -> pd.DataFrame:
    """Patients as they were: deaths after the day had not happened."""
    kept = patients.copy()
    later = kept["death_date"] > end
    known = kept["last_contact_date"].where(~later, end)
    kept["last_contact_date"] = known.where(~(known > end), end)
    kept.loc[later, "status"] = "alive"
    kept.loc[later, ["death_date", "death_cause"]] = pd.NA
    return kept


def _leaks(
    leaks: pd.DataFrame, procedures: pd.DataFrame, levels: pd.DataFrame, end: pd.Timestamp
) -> pd.DataFrame:
    later = procedures.loc[procedures["ct_post_date"] > end, "procedure_id"]
    unseen = levels.loc[levels["procedure_id"].isin(later), "level_id"]
    not_yet = leaks["modality"].eq("ct") & leaks["level_id"].isin(unseen)
    return leaks[leaks["level_id"].isin(levels["level_id"]) & ~not_yet]


def _by(
    table: pd.DataFrame, column: str, end: pd.Timestamp, procedures: pd.DataFrame
) -> pd.DataFrame:
    """Rows of patients who are there, dated by the day or undated."""
    there = table["patient_id"].isin(procedures["patient_id"])
    return table[there & ~(table[column] > end)]
