"""Complications of each procedure, with their own denominators and a severity class."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from vpstats.cohorts.covariates import labels_for, procedure_table
from vpstats.cohorts.episodes import attribute
from vpstats.cohorts.leakage import leak_states
from vpstats.frames import Frame, start_frame
from vpstats.severity import COMPLICATIONS, SEVERITIES, Complication

if TYPE_CHECKING:
    from vpstats.registry import Registry


def complications(registry: Registry) -> Frame:
    """Every procedure with each complication and its worst severity.

    A leak is missing where no CT looked for it; every other complication is 1 where it was
    recorded and else 0. `worst_severity` is the worst of those others: "none", "mild", "moderate"
    or "severe"; `any_complication` is 1 where there is any.

    Parameters
    ----------
    registry : Registry

    Returns
    -------
    Frame
        Unit "procedure", cluster "patient_id".
    """
    data = procedure_table(registry)
    found = attribute(_with_deaths(registry), registry.procedures)
    canal = _procedure_leaks(registry)
    columns = {c.name: _occurred(c, data, found, canal) for c in COMPLICATIONS}
    clash = [c for c in columns if c in data.columns]
    data = data.drop(columns=clash).assign(**columns)
    data["worst_severity"] = _worst(data)
    data["any_complication"] = (data["worst_severity"] != "none").astype(float)
    return start_frame(
        data,
        "procedures in the registry",
        unit="procedure",
        cluster="patient_id",
        name="complications",
        labels={**labels_for(data), **{c.name: c.label for c in COMPLICATIONS}},
    )


def _with_deaths(registry: Registry) -> pd.DataFrame:
    """Events, with the deaths that only the patients table knows."""
    events = registry.events
    dead = registry.patients.loc[
        registry.patients["death_date"].notna()
        & ~registry.patients["patient_id"].isin(
            events.loc[events["event_type"] == "death", "patient_id"]
        ),
        ["patient_id", "death_date"],
    ]
    extra = pd.DataFrame(
        {
            "event_id": dead["patient_id"] + "/death",
            "patient_id": dead["patient_id"],
            "event_type": "death",
            "event_date": dead["death_date"],
        }
    )
    if extra.empty:
        return events
    added = extra.reindex(columns=events.columns).astype(events.dtypes.to_dict())
    return pd.concat([events, added], ignore_index=True)


def _procedure_leaks(registry: Registry) -> pd.DataFrame:
    """Largest state of each site over the levels of a procedure; NaN where any is unknown."""
    states = leak_states(registry.leaks, "ct").merge(
        registry.levels[["level_id", "procedure_id"]], on="level_id"
    )
    sites = [c for c in states.columns if c.startswith("leak_")]
    grouped = states.groupby("procedure_id")[sites]
    known = grouped.count().eq(grouped.size(), axis=0)
    worst = grouped.max()
    return worst.where(known | (worst == 1))


def _occurred(
    item: Complication, data: pd.DataFrame, found: pd.DataFrame, leaks: pd.DataFrame
) -> pd.Series:
    if item.sites:
        sites = leaks[[f"leak_{s}" for s in item.sites]]
        value = sites.max(axis=1).where(sites.notna().all(axis=1) | (sites == 1).any(axis=1))
        return data["procedure_id"].map(value)
    after = (found["event_date"] - found["proc_date"]).dt.days
    counts = found["event_type"].isin(item.types) & (after.between(0, item.days) | after.isna())
    if item.symptomatic:
        counts &= found["pce_symptomatic"].eq("yes")
    seen = data["procedure_id"].isin(found.loc[counts, "procedure_id"])
    for flag in item.flags:
        seen |= data[flag].eq("yes")
    return seen.astype(float)


def _worst(data: pd.DataFrame) -> pd.Series:
    rank = np.zeros(len(data), dtype=int)
    for item in COMPLICATIONS:
        if item.sites:
            continue  # known for those with a CT alone: it would make the scanned look worse
        level = SEVERITIES.index(item.severity) + 1
        rank = np.where(data[item.name].eq(1), np.maximum(rank, level), rank)
    words = ["none", *SEVERITIES]
    return pd.Series(
        pd.Categorical.from_codes(rank, categories=words, ordered=True), index=data.index
    )
