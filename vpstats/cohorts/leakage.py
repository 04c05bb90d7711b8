"""Leakage: treated levels by the modality that assessed them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from vpstats.cohorts.covariates import labels_for, treated_levels
from vpstats.errors import UsageError
from vpstats.frames import Frame, start_frame
from vpstats.schema_tables import LEAK_SITES, MODALITIES

if TYPE_CHECKING:
    from vpstats.registry import Registry


def leakage(
    registry: Registry,
    modality: str = "ct",
    reason: str = "any",
    require: str = "leak_any",
    unseen: str = "left out",
) -> Frame:
    """Treated levels that one imaging modality assessed for leakage.

    A leak rate means something only within one modality: CT finds leaks that fluoroscopy cannot
    show. A level enters when the modality looked at it; sites not looked at stay missing, and
    "any leak" is absent only where every recorded site is.

    Parameters
    ----------
    registry : Registry
    modality : {"ct", "fluoro"}
        Imaging that assessed the level.
    reason : {"any", "routine"}
        With "routine" only CTs made as a routine count: a CT made because a leak was suspected
        finds leaks more often.
    require : str
        Outcome that must be known; the flow counts the levels where it is not.
    unseen : {"left out", "missing"}
        Levels that the modality did not assess, or not as a routine: left out, or kept with the
        outcomes missing, for an audit of who was looked at.

    Returns
    -------
    Frame
        Unit "level", cluster "patient_id", outcome `require`; ``leak_<site>`` is 1, 0 or missing.

    Raises
    ------
    UsageError
        If the modality, the reason or the outcome is unknown.

    References
    ----------
    Schmidt R, et al. Cement leakage during vertebroplasty: an underestimated problem? Eur Spine J
    2005;14:466-473.
    """
    _check(modality, reason)
    if unseen not in ("left out", "missing"):
        raise UsageError(f"unseen is '{unseen}'; expected 'left out' or 'missing'.")
    data = treated_levels(registry).merge(
        leak_states(registry.leaks, modality), on="level_id", how="left"
    )
    if require not in data.columns or not require.startswith("leak_"):
        raise UsageError(f"require='{require}' is not a leak outcome such as leak_any.")
    frame = start_frame(
        data,
        "treated levels in the registry",
        unit="level",
        cluster="patient_id",
        outcome=require,
        name=f"leakage_{modality}",
        labels=labels_for(data),
    )
    if unseen == "missing":
        return _with_unseen(frame, reason)
    frame = frame.keep(data["assessed"].eq(1), f"assessed for leakage by {MODALITIES[modality]}")
    if reason == "routine":
        routine = frame.data["ct_post_reason"].eq("routine")
        frame = frame.keep(routine, "CT made as a routine, not on suspicion")
    known = frame.data[require].notna()
    return frame.keep(known, "outcome recorded")


def _with_unseen(frame: Frame, reason: str) -> Frame:
    """Keep every level; what was not looked at, or not as asked, has no outcome."""
    data = frame.data
    seen = data["assessed"].eq(1)
    if reason == "routine":
        seen &= data["ct_post_reason"].eq("routine")
    outcomes = [c for c in data.columns if c.startswith("leak_") and data[c].dtype.kind == "f"]
    blank = {name: data[name].where(seen) for name in outcomes}
    return replace(frame, data=data.assign(assessed=seen.astype(float), **blank))


def leak_pairs(registry: Registry, reason: str = "routine") -> Frame:
    """Treated levels that both fluoroscopy and CT assessed for leakage.

    The same levels seen twice tell what one modality misses; levels seen by one alone cannot.

    Parameters
    ----------
    registry : Registry
    reason : {"routine", "any"}
        Why the CT was made. A CT made because a leak was suspected on fluoroscopy flatters it.

    Returns
    -------
    Frame
        Unit "level", cluster "patient_id"; ``<site>_fluoro`` and ``<site>_ct`` are 1, 0 or
        missing, for each site, ``disc`` and ``any``.

    Raises
    ------
    UsageError
        If the reason is unknown.

    References
    ----------
    Schmidt R, et al. Cement leakage during vertebroplasty: an underestimated problem? Eur Spine J
    2005;14:466-473.
    """
    _check("ct", reason)
    data = treated_levels(registry)
    for modality in ("fluoro", "ct"):
        states = leak_states(registry.leaks, modality)
        names = {c: f"{c.removeprefix('leak_')}_{modality}" for c in states if c != "level_id"}
        data = data.merge(states.rename(columns=names), on="level_id", how="left")
    frame = start_frame(
        data,
        "treated levels in the registry",
        unit="level",
        cluster="patient_id",
        name="leak_pairs",
        labels=labels_for(data),
    )
    both = frame.data["assessed_fluoro"].eq(1) & frame.data["assessed_ct"].eq(1)
    frame = frame.keep(both, "assessed for leakage by fluoroscopy and by CT")
    if reason == "any":
        return frame
    routine = frame.data["ct_post_reason"].eq("routine")
    return frame.keep(routine, "CT made as a routine, not on suspicion")


def leak_states(leaks: pd.DataFrame, modality: str) -> pd.DataFrame:
    """One row per level: each site 1, 0 or NaN, whether assessed, and "any leak".

    Parameters
    ----------
    leaks : DataFrame
        The canonical leaks table.
    modality : str
        Modality to read.

    Returns
    -------
    DataFrame
        ``level_id, assessed, leak_<site> …, leak_disc, leak_any`` as floats.
    """
    rows = leaks[leaks["modality"] == modality]
    rows = rows[rows["site"].isin(list(LEAK_SITES))]
    level, ids = pd.factorize(rows["level_id"], sort=True)
    site = rows["site"].astype(str).map({s: j for j, s in enumerate(LEAK_SITES)}).to_numpy()
    number = rows["state"].astype(object).map({"present": 1.0, "absent": 0.0})
    states = np.full((len(ids), len(LEAK_SITES)), np.nan)
    states[level, site] = number.to_numpy(float)
    recorded = np.zeros(states.shape, dtype=bool)
    recorded[level, site] = True
    wide = pd.DataFrame(states, index=pd.Index(ids, name="level_id"), columns=list(LEAK_SITES))
    return _combine(wide, recorded)


def _combine(wide: pd.DataFrame, recorded: np.ndarray) -> pd.DataFrame:
    states = wide.to_numpy(float)
    present = (states == 1).any(axis=1)
    doubt = (np.isnan(states) & recorded).any(axis=1)
    assessed = ~np.isnan(states).all(axis=1)
    # "no leak" on the record settles it, whatever was or was not said of each site
    none = wide["any"].eq(0).to_numpy()
    unknown = ~none & (doubt | ~assessed)
    any_leak = np.where(present, 1.0, np.where(unknown, np.nan, 0.0))
    disc = wide[["disc_sup", "disc_inf"]]
    out = wide.drop(columns="any").add_prefix("leak_")
    out.insert(0, "assessed", assessed.astype(float))
    # a leak into either disc is one; none is known only where both are
    out["leak_disc"] = np.where((disc == 1).any(axis=1), 1.0, disc.sum(axis=1, skipna=False))
    out["leak_any"] = any_leak
    return out.reset_index().rename_axis(columns=None)


def _check(modality: str, reason: str) -> None:
    if modality not in MODALITIES:
        raise UsageError(
            f"modality is '{modality}'; expected one of {', '.join(MODALITIES)}. Leak rates of "
            "different modalities cannot be mixed."
        )
    if reason not in ("any", "routine") or (reason == "routine" and modality != "ct"):
        raise UsageError("reason is 'any', or 'routine' for modality 'ct'.")
