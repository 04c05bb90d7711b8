"""Time to infection, and user-defined outcomes, from the day of the procedure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from vpstats.cohorts.covariates import labels_for, procedure_table
from vpstats.cohorts.episodes import SAME_DAY, attribute, days_between, episodes, first_event
from vpstats.errors import UsageError
from vpstats.frames import Frame, start_frame
from vpstats.schema_tables import EVENT_TYPES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vpstats.registry import Registry


def infection(registry: Registry, horizon: float | None = None) -> Frame:
    """Procedures followed to an infection of the spine, death competing.

    An infection belongs to the latest procedure before its onset; an earlier procedure is
    censored at the next. Infections that were there before the procedure (onset before it, or
    judged pre-existing) are not new: their procedures leave, counted in the flow. The day is the
    day of detection; `left_days` and `right_days` bracket the onset where contacts do.
    `negative_days`, `positive_days`, `end_days` and `died` say, for every row, when the patient
    was last seen without and first seen with an infection, and how follow-up ended, uncut by the
    horizon;
    `infection_source` is what the center judged the source to be.

    Parameters
    ----------
    registry : Registry
    horizon : float, optional
        Days after which follow-up is cut.

    Returns
    -------
    Frame
        Unit "procedure"; `event` is 0 censored, 1 infection, 2 death; `days` since the procedure.

    Raises
    ------
    UsageError
        If the horizon is not positive.

    References
    ----------
    Zhang C, et al. Pyogenic spondylitis after vertebral augmentation. 2021. PMC8236162.
    """
    _check_horizon(horizon)
    data = _followed(registry)
    found = attribute(registry.events, registry.procedures)
    found = found[found["event_type"] == "infection"]
    old = found["source"].eq("preexisting") | (found["event_date"] < found["proc_date"])
    frame = _open(data, "infection", {1: "infection", 2: "death before infection"})
    there = frame.data["procedure_id"].isin(found.loc[old, "procedure_id"])
    frame = frame.keep(~there, "no infection before the procedure")
    undated = found["event_date"].isna() & ~old
    lost = frame.data["procedure_id"].isin(found.loc[undated, "procedure_id"])
    frame = frame.keep(~lost, "day of the infection known")
    first = first_event(found[~old], ["infection"])
    timed = _time_to(frame.data, first, horizon=horizon)
    source = pd.Series(timed["procedure_id"].map(first["source"])).where(timed["event"] == 1)
    return _close(frame, _contacts(registry, timed.assign(infection_source=source)))


def events(
    registry: Registry,
    event_types: Sequence[str] = ("death",),
    unit: str = "procedure",
    horizon: float | None = None,
) -> Frame:
    """Follow procedures to the first of any event types, death competing.

    Parameters
    ----------
    registry : Registry
    event_types : sequence of str
        Event types of the data dictionary; "death" makes death the event.
    unit : {"procedure", "patient"}
        With "patient" only the first procedure of each patient counts.
    horizon : float, optional
        Days after which follow-up is cut.

    Returns
    -------
    Frame
        `event` is 0, 1 or 2 (death, unless it is the event); `days` since the procedure.

    Raises
    ------
    UsageError
        If a type, the unit or the horizon is not allowed.
    """
    types = [event_types] if isinstance(event_types, str) else list(event_types)
    if not types or not set(types) <= set(EVENT_TYPES):
        raise UsageError(f"event_types takes codes of {', '.join(EVENT_TYPES)}.")
    if unit not in ("procedure", "patient"):
        raise UsageError(f"unit is '{unit}'; expected 'procedure' or 'patient'.")
    _check_horizon(horizon)
    data = _followed(registry)
    causes = {1: " or ".join(types).replace("_", " ")}
    if "death" not in types:
        causes[2] = "death before it"
    frame = _open(data, "events", causes)
    if unit == "patient":
        frame = _first_only(frame)
    found = first_event(attribute(registry.events, registry.procedures), types)
    timed = _time_to(frame.data, found, horizon=horizon, death_is_event="death" in types)
    return _close(frame, timed)


def _check_horizon(horizon: float | None) -> None:
    if horizon is not None and horizon <= 0:
        raise UsageError("horizon is a positive number of days, or absent.")


def _followed(registry: Registry) -> pd.DataFrame:
    return episodes(registry, procedure_table(registry))


def _open(data: pd.DataFrame, name: str, causes: dict[int, str]) -> Frame:
    frame = start_frame(
        data,
        "procedures in the registry",
        unit="procedure",
        cluster="patient_id",
        name=name,
        causes=causes,
        labels=labels_for(data),
    )
    valid = data["end_date"].notna() & (data["end_date"] >= data["proc_date"])
    return frame.keep(valid, "followed after the procedure")


def _first_only(frame: Frame) -> Frame:
    order = frame.data.sort_values(["patient_id", "proc_date", "procedure_id"], kind="stable")
    first = ~order.duplicated("patient_id").reindex(frame.data.index)
    kept = frame.keep(first, "one row per patient: the first procedure")
    return Frame(
        kept.data,
        unit="patient",
        causes=frame.causes,
        name=frame.name,
        flow=kept.flow,
        labels=frame.labels,
    )


def _time_to(
    data: pd.DataFrame,
    found: pd.DataFrame,
    *,
    horizon: float | None,
    death_is_event: bool = False,
) -> pd.DataFrame:
    """Days and event code of each episode: the event, then death, then censoring."""
    day = pd.to_datetime(data["procedure_id"].map(found["event_date"]))
    inside = day.notna() & (day >= data["proc_date"]) & (day <= data["end_date"])
    stop = data["end_date"].where(~inside, day)
    code = np.where(inside, 1, np.where(data["died"] > 0, 1 if death_is_event else 2, 0))
    days = days_between(data["proc_date"], stop)
    if horizon is not None:
        code = np.where(days > horizon, 0, code)
        days = days.clip(upper=horizon)
    bounds = {
        name: (pd.to_datetime(data["procedure_id"].map(found[column])) - data["proc_date"]).dt.days
        for name, column in (("left_days", "event_left_date"), ("right_days", "event_right_date"))
    }
    return data.assign(days=days, event=code, **bounds)


def _contacts(registry: Registry, timed: pd.DataFrame) -> pd.DataFrame:
    """When each episode was last seen negative, first seen positive, and ended.

    A patient alive at the last contact was seen then. One who died was last seen at the last
    visit before the death: an infection in between went unseen.
    """
    start, end = timed["proc_date"], timed["end_date"]
    end_days = days_between(start, end)
    positive = timed["right_days"].where(timed["right_days"] > 0, SAME_DAY)
    positive = positive.where(timed["right_days"].notna())
    # without gaps: pandas multiplies what happens to lie in memory where there is one
    after = pd.to_timedelta(positive.to_numpy(float, na_value=0.0), unit="D")
    before = end.where(positive.isna(), start + after)
    seen = _last_visit(registry, timed, before)
    visited = (seen - start).dt.days.astype(float).fillna(0.0)
    known = timed["left_days"].astype(float).where(positive.notna())
    negative = known.fillna(visited.where((timed["died"] > 0) | positive.notna(), end_days))
    return timed.assign(
        negative_days=negative.clip(lower=0.0, upper=positive.fillna(end_days)),
        positive_days=positive,
        end_days=np.maximum(end_days, positive.fillna(0.0)),
    )


def _last_visit(registry: Registry, timed: pd.DataFrame, before: pd.Series) -> pd.Series:
    """Last visit of each episode before a day; missing where there was none."""
    rows = timed[["procedure_id", "patient_id", "proc_date"]].assign(before=before)
    visits = rows.merge(registry.visits[["patient_id", "visit_date"]], on="patient_id")
    inside = (visits["visit_date"] >= visits["proc_date"]) & (
        visits["visit_date"] < visits["before"]
    )
    last = visits[inside].groupby("procedure_id")["visit_date"].max()
    return pd.to_datetime(timed["procedure_id"].map(last))


def _close(frame: Frame, timed: pd.DataFrame) -> Frame:
    fields: dict[str, Any] = {
        "unit": frame.unit,
        "cluster": frame.cluster,
        "causes": frame.causes,
        "name": frame.name,
        "flow": frame.flow,
        "labels": frame.labels,
    }
    return Frame(timed, outcome="event", duration="days", **fields)
