"""Events as they are found and written down, with the interval in which they arose."""

from __future__ import annotations

import numpy as np
import pandas as pd

from vpstats.schema_tables import EVENTS
from vpstats.simulate.draws import NEVER, Ints, happens, to_dates
from vpstats.simulate.history import History
from vpstats.simulate.record import Names, keep, running, yes_no
from vpstats.simulate.spec import TREATABLE, SimulationSpec
from vpstats.simulate.visits import first_on_or_after, last_before

LEVEL_NAMES = np.asarray(TREATABLE, dtype=object)

AT_SESSION = {
    # complication of the latent session: (event type, CIRSE grade, found by)
    "hypotension": ("hypotension", "2", "clinical"),
    "rib_fx": ("rib_fx", "2", "xray"),
    "pneumothorax": ("pneumothorax", "3", "xray"),
    "cardiac_perforation": ("cardiac_perforation", "4", "ct"),
    "cerebral_embolism": ("cerebral_embolism", "5", "ct"),
    "pain_fever": ("pain_fever", "1", "clinical"),
    "reoperation": ("reoperation", "3", "clinical"),
    "neuro_deficit": ("neuro_deficit", "4", "clinical"),
    "decompression": ("cement_removal", "4", "clinical"),
    "thrombotic": ("thrombotic_pe", "3", "ct"),
    "fat": ("fat_embolism", "4", "ct"),
    "unspecified": ("pe_unspecified", "3", "clinical"),
}


def record_events(
    spec: SimulationSpec,
    history: History,
    sessions: pd.DataFrame,
    visits: pd.DataFrame,
    names: Names,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Write the canonical events table.

    Parameters
    ----------
    spec : SimulationSpec
        The truth.
    history : History
        The true course.
    sessions, visits : DataFrame
        Latent sessions with their outcomes; latent visits.
    names : Names
        Identifiers.
    rng : Generator
        Source of chance.

    Returns
    -------
    DataFrame
        Canonical, sorted by center and day.
    """
    parts = [
        _fractures(history, sessions, visits),
        _refractures(spec, history, sessions, visits, rng),
        _infections(history, sessions, visits),
        _cement_embolism(sessions),
        *(_complication(sessions, name) for name in AT_SESSION),
    ]
    data = pd.concat([p for p in parts if len(p)] or parts[:1], ignore_index=True)
    end = history.patients["end_day"].to_numpy()[data["patient"]]
    data = data[data["day"].to_numpy() <= end]
    data["center"] = history.patients["center"].to_numpy()[data["patient"]]
    data = data.sort_values(["center", "day", "patient", "event_type"], kind="stable")
    return _canonical(spec, data.reset_index(drop=True), names, rng)


def _canonical(
    spec: SimulationSpec, data: pd.DataFrame, names: Names, rng: np.random.Generator
) -> pd.DataFrame:
    n, kind = len(data), data["event_type"]
    fracture = kind.isin(["adjacent_fx", "nonadjacent_fx", "refracture_same"]).to_numpy()
    graded = happens(rng, 0.5, n)
    fell = np.where(happens(rng, 0.4, n), "fall", "none")
    parts = {
        "event_id": running(spec, data["center"], data["day"], 4, letter="E"),
        "patient_id": names.patient[data["patient"]],
        "procedure_id": names.session[data["session"]],
        "event_type": kind.to_numpy(),
        "event_date": to_dates(data["day"]),
        "event_left_date": to_dates(data["left"]),
        "event_right_date": to_dates(data["right"]),
        "fx_trigger": keep(fell, fracture & happens(rng, 0.8, n)),
        "severity_cirse": keep(data["cirse"], graded & data["cirse"].notna().to_numpy()),
    }
    extra = ("event_levels", "detected_by", "infection_certainty", "organism", "source",
             "infection_crp_mg_l", "infection_treatment", "fx_symptomatic", "pce_symptomatic",
             "pce_extent")  # fmt: skip
    return EVENTS.canonical(
        pd.DataFrame(parts | {c: data[c].to_numpy() for c in extra if c in data})
    )


def _rows(
    patient: object, session: object, day: object, event_type: object, **more: object
) -> pd.DataFrame:
    columns = {"patient": patient, "session": session, "day": day, "event_type": event_type}
    blank = {"left": float(NEVER), "right": float(NEVER), "cirse": None}
    return pd.DataFrame(columns | blank | more)


def _interval(visits: pd.DataFrame, patient: Ints, onset: Ints, start: Ints) -> tuple[Ints, Ints]:
    """Last imaging contact before onset (or the session), first one from onset on."""
    imaged = visits[visits["imaging"].ne("none")]
    right = first_on_or_after(imaged, patient, onset)
    left = last_before(imaged, patient, onset)
    left = np.where(left < NEVER, np.maximum(left, start), start)
    return left.astype(np.int64), right


def _fractures(history: History, sessions: pd.DataFrame, visits: pd.DataFrame) -> pd.DataFrame:
    rows = history.fractures
    patient, onset = rows["patient"].to_numpy(), rows["day"].to_numpy()
    start = sessions["day"].to_numpy()[rows["session"]]
    left, right = _interval(visits, patient, onset, start)
    distance = rows.merge(
        history.vertebrae[["session", "vertebra", "distance"]], on=["session", "vertebra"]
    )["distance"].to_numpy()
    found = _rows(
        patient,
        rows["session"].to_numpy(),
        right,
        np.where(distance == 1, "adjacent_fx", "nonadjacent_fx"),
        event_levels=LEVEL_NAMES[rows["vertebra"]],
        fx_symptomatic=yes_no(rows["painful"]),
    )
    return _seen(found.assign(left=left, right=right), visits)


def _refractures(
    spec: SimulationSpec,
    history: History,
    sessions: pd.DataFrame,
    visits: pd.DataFrame,
    rng: np.random.Generator,
) -> pd.DataFrame:
    levels = history.levels
    again = happens(rng, spec.fractures.refracture, len(levels))
    wait = rng.integers(30, 700, len(levels))
    rows = levels[again]
    start = sessions["day"].to_numpy()[rows["session"]]
    left, right = _interval(visits, rows["patient"].to_numpy(), start + wait[again], start)
    found = _rows(
        rows["patient"].to_numpy(),
        rows["session"].to_numpy(),
        right,
        "refracture_same",
        event_levels=rows["level"].to_numpy(),
        fx_symptomatic="no",
    )
    return _seen(found.assign(left=left, right=right), visits)


def _seen(found: pd.DataFrame, visits: pd.DataFrame) -> pd.DataFrame:
    """Keep fractures that an imaging contact found, with the imaging that did."""
    made = visits.set_index(["patient", "day"])["imaging"]
    found = found[found["day"] < NEVER].reset_index(drop=True)
    keys = pd.MultiIndex.from_frame(found[["patient", "day"]])
    return found.assign(detected_by=made.reindex(keys).str.split(";").str[0].to_numpy())


def _infections(history: History, sessions: pd.DataFrame, visits: pd.DataFrame) -> pd.DataFrame:
    rows = sessions[sessions["infection_found"] < NEVER]
    patient = rows["patient"].to_numpy()
    onset, day = rows["infection_onset"].to_numpy(), rows["day"].to_numpy()
    before = rows["preexisting"].to_numpy()
    left = last_before(visits, patient, onset)
    left = np.where(left < NEVER, np.maximum(left, day), day)
    days = onset - day
    said = np.select([before, days <= 60], ["preexisting", "procedural"], "haematogenous")
    found = rows["infection_found"].to_numpy()
    return _rows(
        patient,
        rows["session"].to_numpy(),
        found,
        "infection",
        cirse="3",
        event_levels=_infected_levels(history, rows),
        detected_by="mri",
        infection_certainty=np.where(rows["adjudicated"], "proven", "probable"),
        organism=rows["organism"].to_numpy(),
        source=np.where(rows["adjudicated"], said, "unclear"),
        infection_crp_mg_l=rows["infection_crp"].to_numpy(),
        infection_treatment=rows["infection_treatment"].to_numpy(),
    ).assign(left=np.where(before, NEVER, left), right=found)


def _infected_levels(history: History, rows: pd.DataFrame) -> np.ndarray:
    """The upper treated level, and the vertebra below it where the disc is involved."""
    upper = history.levels.groupby("session")["vertebra"].min().reindex(rows["session"]).to_numpy()
    both = rows["two_levels"].to_numpy() & (upper < len(TREATABLE) - 1)
    below = LEVEL_NAMES[np.minimum(upper + 1, len(TREATABLE) - 1)]
    return np.asarray(np.where(both, LEVEL_NAMES[upper] + ";" + below, LEVEL_NAMES[upper]))


def _cement_embolism(sessions: pd.DataFrame) -> pd.DataFrame:
    rows = sessions[sessions["pce_found"]]
    felt = rows["pce_symptomatic"].to_numpy()
    by = np.where(rows["chest"].eq("xray"), "xray", "ct")
    return _rows(
        rows["patient"].to_numpy(),
        rows["session"].to_numpy(),
        (rows["day"] + rows["pce_after"]).to_numpy(),
        "pce",
        cirse=np.where(felt, "3", "1"),
        detected_by=by,
        pce_symptomatic=yes_no(felt),
        pce_extent=np.where(rows["pce_central"], "central", "peripheral"),
    )


def _complication(sessions: pd.DataFrame, name: str) -> pd.DataFrame:
    event_type, grade, by = AT_SESSION[name]
    rows = sessions[sessions[name]]
    later = 1 if event_type in ("thrombotic_pe", "pain_fever", "cement_removal") else 0
    return _rows(
        rows["patient"].to_numpy(),
        rows["session"].to_numpy(),
        (rows["day"] + later).to_numpy(),
        event_type,
        cirse=grade,
        detected_by=by,
    )
