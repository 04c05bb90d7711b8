"""Contacts after the procedure, and which of them finds what."""

from __future__ import annotations

import numpy as np
import pandas as pd

from vpstats.simulate.draws import NEVER, Ints, happens, pick, weekday
from vpstats.simulate.history import History
from vpstats.simulate.spec import SimulationSpec

IMAGING = ("xray", "ct", "mri", "xray;mri")
_IMAGING_SHARE = (0.62, 0.13, 0.17, 0.08)
_SPAN = 1_000_000
"""Wider than any day number, so that patient and day fit into one sortable integer."""


def draw_visits(
    spec: SimulationSpec, history: History, sessions: pd.DataFrame, rng: np.random.Generator
) -> pd.DataFrame:
    """Draw the contacts that took place: scheduled ones that were kept, and those for symptoms.

    Parameters
    ----------
    spec : SimulationSpec
        The truth.
    history : History
        The true course.
    sessions : DataFrame
        Latent sessions with their outcomes.
    rng : Generator
        Source of chance.

    Returns
    -------
    DataFrame
        `patient, day, kind, imaging`, sorted by patient and day, one row per patient and day.
    """
    planned = _scheduled(spec, history, rng)
    repeats = _after_repeat(sessions, rng)
    urgent = _unscheduled(history, sessions)
    data = pd.concat([urgent, planned, repeats], ignore_index=True)
    end = history.patients["end_day"].to_numpy()[data["patient"]]
    data = data[data["day"] <= end].sort_values(["patient", "day"], kind="stable")
    data = data.drop_duplicates(["patient", "day"]).reset_index(drop=True)
    return _with_findings(spec, data, rng)


def _scheduled(spec: SimulationSpec, history: History, rng: np.random.Generator) -> pd.DataFrame:
    patients, parts = history.patients, []
    kept = np.array([c.visits_kept for c in spec.centers])[patients["center"]]
    for kind, days in spec.follow_up.schedule.items():
        for due in days:
            jitter = rng.normal(0, 0.06 * due + 0.4, len(patients)).round().astype(np.int64)
            day = patients["index_day"].to_numpy() + np.maximum(due + jitter, 1)
            # annual visits are kept less often the later they come
            share = kept * (1.0 if due <= 365 else 0.85 ** (due / 365))
            share = np.where(kind == "discharge", 0.97, share)
            comes = happens(rng, share, len(patients))
            parts.append(_rows(np.flatnonzero(comes), day[comes], kind))
    return pd.concat(parts, ignore_index=True)


def _after_repeat(sessions: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    later = sessions[sessions["number"] > 0]
    parts = []
    for kind, due, share in (("discharge", 2, 0.97), ("week_2_4", 20, 0.8)):
        comes = happens(rng, share, len(later))
        day = later["day"].to_numpy() + due + rng.integers(-1, 3, len(later))
        parts.append(_rows(later["patient"].to_numpy()[comes], day[comes], kind))
    return pd.concat(parts, ignore_index=True)


def _unscheduled(history: History, sessions: pd.DataFrame) -> pd.DataFrame:
    pain = history.fractures[history.fractures["found_day"] < NEVER]
    ill = sessions[
        (sessions["infection_found"] < NEVER) & (sessions["infection_found"] > sessions["day"])
    ]
    breathless = sessions[sessions["pce_symptomatic"] & (sessions["pce_after"] > 0)]
    return pd.concat(
        [
            _rows(pain["patient"].to_numpy(), pain["found_day"].to_numpy(), "unscheduled"),
            _rows(ill["patient"].to_numpy(), ill["infection_found"].to_numpy(), "unscheduled"),
            _rows(
                breathless["patient"].to_numpy(),
                (breathless["day"] + breathless["pce_after"]).to_numpy(),
                "unscheduled",
            ),
        ],
        ignore_index=True,
    )


def _rows(patient: np.ndarray, day: np.ndarray, kind: str) -> pd.DataFrame:
    urgent = kind == "unscheduled"
    when = np.asarray(day, dtype=np.int64)
    return pd.DataFrame(
        {"patient": patient, "day": when if urgent else weekday(when), "kind": kind}
    )


def _with_findings(
    spec: SimulationSpec, data: pd.DataFrame, rng: np.random.Generator
) -> pd.DataFrame:
    n = len(data)
    share = data["kind"].map(dict(spec.follow_up.imaging)).to_numpy(dtype=float)
    made = happens(rng, share, n)
    data["imaging"] = np.where(made, pick(rng, IMAGING, _IMAGING_SHARE, n), "none")
    early = data["kind"].isin(["discharge", "unscheduled"]).to_numpy()
    pain = np.clip(rng.normal(np.where(early, 5.0, 3.0), 1.8), 0, 10)
    data["vas"] = np.round(pain)
    data["odi"] = np.round(np.clip(12 + 7 * pain + rng.normal(0, 8, n), 0, 100))
    data["eq5d"] = np.round(np.clip(0.95 - 0.07 * pain + rng.normal(0, 0.09, n), -0.2, 1), 2)
    data["comi"] = np.round(np.clip(0.8 * pain + rng.normal(1, 1, n), 0, 10), 1)
    return data


def first_on_or_after(visits: pd.DataFrame, patient: Ints, day: Ints) -> Ints:
    """Day of the patient's first visit on or after a day; NEVER where there is none.

    Parameters
    ----------
    visits : DataFrame
        `patient, day`, sorted.
    patient, day : int array, shape (m,)
        Whose visit, and from when.

    Returns
    -------
    int array, shape (m,)

    Examples
    --------
    >>> seen = pd.DataFrame({"patient": [0, 0], "day": [10, 20]})
    >>> first_on_or_after(seen, np.array([0, 0]), np.array([11, 21])).tolist()
    [20, 1000000000]
    """
    place = np.searchsorted(_codes(visits["patient"], visits["day"]), _codes(patient, day))
    return _day_at(visits, place, patient)


def last_before(visits: pd.DataFrame, patient: Ints, day: Ints) -> Ints:
    """Day of the patient's last visit before a day; NEVER where there is none.

    Examples
    --------
    >>> seen = pd.DataFrame({"patient": [0, 0], "day": [10, 20]})
    >>> last_before(seen, np.array([0, 0]), np.array([20, 10])).tolist()
    [10, 1000000000]
    """
    place = np.searchsorted(_codes(visits["patient"], visits["day"]), _codes(patient, day)) - 1
    return _day_at(visits, place, patient)


def _codes(patient: object, day: object) -> Ints:
    codes: Ints = np.asarray(patient, dtype=np.int64) * _SPAN + np.asarray(day, dtype=np.int64)
    return codes


def _day_at(visits: pd.DataFrame, place: Ints, patient: Ints) -> Ints:
    if not len(visits):
        return np.full(len(patient), NEVER)
    inside = (place >= 0) & (place < len(visits))
    row = np.clip(place, 0, len(visits) - 1)
    same = visits["patient"].to_numpy()[row] == np.asarray(patient)
    return np.where(inside & same, visits["day"].to_numpy()[row], NEVER).astype(np.int64)
