"""Time at risk: each procedure from its day to the next one, to death or to the last contact."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vpstats.registry import Registry

SAME_DAY = 0.5
"""Days given to what happens on the day of the procedure, so that it counts as time at risk."""


def last_known_day(registry: Registry) -> pd.Series:
    """Last day on which each patient's state is known, by patient_id.

    Death ends follow-up; else the latest of the recorded last contact, visit and event: a visit or
    an event after the last contact shows that there was another, and would be lost with it.
    """
    patients = registry.patients.set_index("patient_id")
    visited = registry.visits.groupby("patient_id")["visit_date"].max().reindex(patients.index)
    reported = registry.events.groupby("patient_id")["event_date"].max().reindex(patients.index)
    contact = pd.concat([patients["last_contact_date"], visited, reported], axis=1).max(axis=1)
    return patients["death_date"].fillna(contact)


def episodes(registry: Registry, data: pd.DataFrame) -> pd.DataFrame:
    """Add to each procedure its end of follow-up and what ended it.

    Parameters
    ----------
    registry : Registry
    data : DataFrame
        One row per procedure with ``patient_id, procedure_id, proc_date, death_date``.

    Returns
    -------
    DataFrame
        The rows in their order plus ``end_date`` (day of the next procedure, death or last
        contact, whichever is first), ``died`` (1 where death ended it) and ``next_date``.
    """
    order = data.sort_values(["patient_id", "proc_date", "procedure_id"], kind="stable")
    following = order.groupby("patient_id")["proc_date"].shift(-1).reindex(data.index)
    known = data["patient_id"].map(last_known_day(registry))
    end = pd.concat([known, following], axis=1).min(axis=1)
    died = data["death_date"].notna() & (data["death_date"] <= end)
    return data.assign(next_date=following, end_date=end, died=died.astype(float))


def days_between(start: pd.Series, end: pd.Series) -> pd.Series:
    """Whole days from one date to another; the same day counts as `SAME_DAY`."""
    days = (end - start).dt.days.astype(float)
    return days.where(days != 0, SAME_DAY)


def attribute(events: pd.DataFrame, procedures: pd.DataFrame) -> pd.DataFrame:
    """Attach each event to a procedure.

    The recorded procedure is kept; else the patient's latest procedure on or before the day of
    the event; else, for an event before every procedure, the first one.

    Parameters
    ----------
    events : DataFrame
        Canonical events.
    procedures : DataFrame
        ``patient_id, procedure_id, proc_date``.

    Returns
    -------
    DataFrame
        The events with `procedure_id` filled where it can be, and `proc_date`.
    """
    own = procedures[["patient_id", "procedure_id", "proc_date"]]
    recorded = events["procedure_id"].isin(own["procedure_id"])
    rest = _latest_before(events[~recorded], own)
    filled = events["procedure_id"].astype(object).where(recorded)
    filled = filled.fillna(rest)
    dates = own.set_index("procedure_id")["proc_date"]
    return events.assign(procedure_id=filled, proc_date=filled.map(dates))


def _latest_before(events: pd.DataFrame, procedures: pd.DataFrame) -> pd.Series:
    pairs = events[["patient_id", "event_date"]].reset_index().merge(procedures, on="patient_id")
    pairs["after"] = pairs["event_date"] >= pairs["proc_date"]
    # latest of those on or before the event; with none, the earliest of those after it
    pairs["rank"] = np.where(
        pairs["after"],
        pairs["proc_date"].astype("int64"),
        -pairs["proc_date"].astype("int64"),
    )
    pairs = pairs.sort_values(["index", "after", "rank", "procedure_id"], kind="stable")
    return pairs.drop_duplicates("index", keep="last").set_index("index")["procedure_id"]


def first_event(events: pd.DataFrame, types: Iterable[str]) -> pd.DataFrame:
    """First dated event of the given types at each procedure."""
    rows = events[events["event_type"].isin(list(types)) & events["event_date"].notna()]
    rows = rows.sort_values(["event_date", "event_id"], kind="stable")
    return rows.drop_duplicates("procedure_id").set_index("procedure_id")
