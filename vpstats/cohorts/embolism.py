"""Pulmonary embolism, cement and of any cause, with the chest imaging that could have seen it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from vpstats.cohorts.covariates import labels_for, procedure_table
from vpstats.cohorts.episodes import attribute
from vpstats.errors import UsageError
from vpstats.frames import Frame, start_frame
from vpstats.labels import CODE_WORDS

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from vpstats.registry import Registry

ANY_EMBOLISM = ("pce", "thrombotic_pe", "fat_embolism", "pe_unspecified")
"""Event types that count as pulmonary embolism of any cause."""

OUTCOMES = ("pce", "pce_symptomatic", "embolism_any")
"""Columns of the cohort that chest imaging decides."""

_IMAGING = ("none", "xray", "ct_partial", "ct_full")


def embolism(
    registry: Registry,
    unit: str = "procedure",
    imaging: Sequence[str] = ("ct_full", "ct_partial"),
    horizon: float = 90.0,
    unseen: str = "left out",
) -> Frame:
    """Procedures whose chest was imaged, and whether an embolism was found.

    Published rates of cement embolism run from 0.1 % to 26 % because some series looked and
    others waited for symptoms; the denominator is therefore only who was imaged.

    Parameters
    ----------
    registry : Registry
    unit : {"procedure", "patient"}
        With "patient" the first procedure with such imaging stands for the patient.
    imaging : sequence of str
        Chest imaging that counts.
    horizon : float
        Days within which an embolism that is not of cement is put down to the procedure.
    unseen : {"left out", "missing"}
        Procedures whose chest was not imaged so: left out, or kept with the outcomes missing,
        for the accuracy of a sign that decides who is imaged.

    Returns
    -------
    Frame
        Outcome "pce"; also `embolism_any` and `pce_symptomatic` as 1/0.

    Raises
    ------
    UsageError
        If the unit, an imaging code or `unseen` is unknown.

    References
    ----------
    Venmans A, et al. Pulmonary cement embolism after vertebroplasty: incidence and risk factors
    in VERTOS II. AJNR Am J Neuroradiol 2010;31:1451-1453.
    """
    codes = [imaging] if isinstance(imaging, str) else list(imaging)
    if unit not in ("procedure", "patient"):
        raise UsageError(f"unit is '{unit}'; expected 'procedure' or 'patient'.")
    if not codes or not set(codes) <= set(_IMAGING):
        raise UsageError(f"imaging takes codes of {', '.join(_IMAGING)}.")
    if unseen not in ("left out", "missing"):
        raise UsageError(f"unseen is '{unseen}'; expected 'left out' or 'missing'.")
    data = _with_outcomes(registry, horizon)
    frame = start_frame(
        data,
        "procedures in the registry",
        unit="procedure",
        cluster="patient_id",
        outcome="pce",
        name="embolism",
        labels=labels_for(data),
    )
    seen = data["chest_imaging_modality"].isin(codes)
    words = ", ".join(CODE_WORDS.get(c, c) for c in codes)
    if unseen == "missing":
        blank = {name: data[name].where(seen) for name in OUTCOMES}
        frame = replace(frame, data=data.assign(**blank))
    else:
        frame = frame.keep(seen, f"chest imaged ({words})")
    return frame if unit == "procedure" else _one_per_patient(frame)


def _with_outcomes(registry: Registry, horizon: float) -> pd.DataFrame:
    data = procedure_table(registry)
    events = attribute(registry.events, registry.procedures)
    after = (events["event_date"] - events["proc_date"]).dt.days
    cement = events["event_type"].eq("pce")
    soon = events["event_type"].isin(ANY_EMBOLISM) & after.between(0, horizon)
    return data.assign(
        pce=_among(data, events[cement]),
        pce_symptomatic=_among(data, events[cement & events["pce_symptomatic"].eq("yes")]),
        embolism_any=_among(data, events[cement | soon]),
    )


def _among(data: pd.DataFrame, events: pd.DataFrame) -> np.ndarray:
    return np.asarray(data["procedure_id"].isin(events["procedure_id"]), dtype=float)


def _one_per_patient(frame: Frame) -> Frame:
    order = frame.data.sort_values(["patient_id", "proc_date", "procedure_id"], kind="stable")
    first = ~order.duplicated("patient_id").reindex(frame.data.index)
    imaged = frame.data["pce"].notna().all()
    label = "the first imaged procedure" if imaged else "the first procedure"
    kept = frame.keep(first, f"one row per patient: {label}")
    return Frame(
        kept.data,
        unit="patient",
        outcome=frame.outcome,
        name="embolism_patients",
        flow=kept.flow,
        labels=frame.labels,
    )
