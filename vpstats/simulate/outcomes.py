"""Embolism, infection and the rarer complications of each session."""

from __future__ import annotations

import numpy as np
import pandas as pd

from vpstats.simulate.draws import NEVER, Floats, Ints, expit, happens, linear, pick, pick_rows
from vpstats.simulate.history import History
from vpstats.simulate.spec import EmbolismSpec, InfectionSpec, SimulationSpec
from vpstats.simulate.treatment import THORACIC

CHEST = ("none", "xray", "ct_partial", "ct_full")

RARE = {
    "hypotension": 0.012,
    "rib_fx": 0.005,
    "pneumothorax": 0.0012,
    "cardiac_perforation": 0.0004,
    "cerebral_embolism": 0.0003,
    "pain_fever": 0.01,
    "reoperation": 0.003,
}
"""Probability per session of complications that depend on nothing here."""


def draw_outcomes(spec: SimulationSpec, history: History, rng: np.random.Generator) -> pd.DataFrame:
    """Draw what follows from each session.

    Parameters
    ----------
    spec : SimulationSpec
        The truth.
    history : History
        The true course.
    rng : Generator
        Source of chance.

    Returns
    -------
    DataFrame
        The latent sessions with imaging, embolism, infection and complications.
    """
    data = _with_levels(history)
    _add_ct(spec, data, rng)
    _add_embolism(spec.embolism, data, rng)
    _add_chest(spec, data, rng)
    _add_infection(spec.infection, data, history.patients, rng)
    _add_rare(data, rng)
    return data


def _with_levels(history: History) -> pd.DataFrame:
    """Add to each session what its levels say together."""
    levels, data = history.levels, history.sessions.copy()
    groups = levels.assign(thoracic=THORACIC[levels["vertebra"]]).groupby("session", sort=True)
    data["n_levels"] = groups.size().to_numpy()
    for name, column in {
        "any_thoracic": "thoracic",
        "venous": "true_venous",
        "seen_any": "fluoro_any",
        "seen_venous": "fluoro_venous",
        "leak_any": "true_any",
        "symptomatic_leak": "symptomatic",
    }.items():
        data[name] = groups[column].any().to_numpy()
    data["three_levels"] = data["n_levels"] >= 3
    data["cement_total"] = groups["cement_ml"].sum().to_numpy()
    data["stopped"] = groups["fluoro_any"].any().to_numpy() & data["leak_any"]
    return data


def _add_ct(spec: SimulationSpec, data: pd.DataFrame, rng: np.random.Generator) -> None:
    n = len(data)
    policy = np.array([c.ct_policy for c in spec.centers], dtype=object)[data["center"]]
    kept = happens(rng, spec.leaks.ct_kept, n)
    suspected = data["seen_any"].to_numpy() & (policy != "none") & kept
    suspected |= data["symptomatic_leak"].to_numpy()
    routine = (policy == "routine") & kept
    other = happens(rng, 0.01, n)
    reason = np.select([routine, suspected, other], ["routine", "suspicion", "other"], "").astype(
        object
    )
    data["ct_reason"] = reason
    data["ct_done"] = reason != ""
    data["ct_after"] = np.where(reason == "routine", 1, rng.integers(0, 6, n))


def _add_embolism(spec: EmbolismSpec, data: pd.DataFrame, rng: np.random.Generator) -> None:
    n = len(data)
    data["azygos"] = data["venous"] & happens(rng, float(expit(np.array(spec.azygos_odds))), n)
    data["azygos_seen"] = data["azygos"] & data["seen_venous"] & happens(rng, spec.azygos_seen, n)
    data["pce_probability"] = expit(spec.intercept + linear(data, spec.log_or))
    data["pce"] = happens(rng, data["pce_probability"], n)
    data["pce_symptomatic"] = data["pce"] & happens(rng, spec.symptomatic, n)
    data["pce_central"] = data["pce"] & happens(
        rng, np.where(data["pce_symptomatic"], 0.5, 0.08), n
    )
    for name in ("thrombotic", "fat", "unspecified"):
        data[name] = happens(rng, getattr(spec, name), n)


def _add_chest(spec: SimulationSpec, data: pd.DataFrame, rng: np.random.Generator) -> None:
    """Decide which chest imaging is made and whether it shows cement."""
    n = len(data)
    habit = np.array([c.chest for c in spec.centers])[data["center"]]
    modality = pick_rows(rng, CHEST, habit)
    clinical = data["pce_symptomatic"] | data["thrombotic"] | data["fat"]
    data["chest"] = np.where(clinical, "ct_full", modality)
    seen = np.array([spec.embolism.seen_by[m] for m in data["chest"]])
    data["pce_found"] = data["pce"] & (data["pce_symptomatic"] | happens(rng, seen, n))
    data["pce_after"] = np.where(data["pce_symptomatic"], rng.integers(0, 4, n), data["ct_after"])


def _add_infection(
    spec: InfectionSpec, data: pd.DataFrame, patients: pd.DataFrame, rng: np.random.Generator
) -> None:
    n = len(data)
    ratio = np.exp(linear(data, spec.log_hr))
    waiting = _infection_days(spec, ratio, rng)
    before = happens(rng, np.minimum(spec.preexisting * ratio, 1), n)
    onset = data["day"].to_numpy() + np.where(before, -10, waiting)
    late = np.ceil(rng.exponential(spec.found_after, n)).astype(np.int64) + 1
    early = rng.integers(-8, 30, n)
    found = np.where(before, data["day"] + early, onset + late)
    until = np.minimum(
        patients["end_day"].to_numpy()[data["patient"]], _next_day(data).to_numpy() - 1
    )
    real = (found <= until) & (onset < NEVER)
    data["infection_ratio"], data["preexisting"] = ratio, before & real
    data["infection_onset"] = np.where(real, onset, NEVER)
    data["infection_found"] = np.where(real, found, NEVER)
    where = ("Staphylococcus aureus", "Mycobacterium tuberculosis", "Staphylococcus epidermidis")
    data["organism"] = pick(rng, (*where, "Escherichia coli"), (0.4, 0.3, 0.15, 0.15), n)
    data["infection_crp"] = np.round(np.clip(np.exp(rng.normal(4.3, 0.6, n)), 8, 380), 1)
    data["adjudicated"] = happens(rng, 0.85, n)
    data["two_levels"] = happens(rng, 0.5, n)
    data["infection_treatment"] = pick(
        rng, ("antibiotic", "debridement", "stabilisation"), (0.6, 0.25, 0.15), n
    )


def _next_day(data: pd.DataFrame) -> pd.Series:
    """Day of the patient's next session, or never."""
    ordered = data.sort_values(["patient", "number"])["day"]
    patient = data["patient"].loc[ordered.index]
    following = ordered.shift(-1).where(patient.eq(patient.shift(-1)))
    return following.fillna(NEVER).astype("int64").reindex(data.index)


def _infection_days(spec: InfectionSpec, ratio: Floats, rng: np.random.Generator) -> Ints:
    """Invert the piecewise-linear cumulative hazard."""
    edges = np.array([0.0, *spec.cuts])
    rate = np.array(spec.yearly) / 365.25
    at_edges = np.concatenate([[0.0], np.cumsum(rate[:-1] * np.diff(edges))])
    target = rng.exponential(size=len(ratio)) / ratio
    piece = np.searchsorted(at_edges, target, side="right") - 1
    days = edges[piece] + (target - at_edges[piece]) / np.maximum(rate[piece], 1e-15)
    whole: Ints = np.minimum(np.ceil(days), NEVER / 10).astype(np.int64)
    return whole


def _add_rare(data: pd.DataFrame, rng: np.random.Generator) -> None:
    n = len(data)
    for name, probability in RARE.items():
        chance = probability * np.where(data["any_thoracic"] | (name != "pneumothorax"), 1.0, 0.0)
        data[name] = happens(rng, chance, n)
    data["neuro_deficit"] = data["symptomatic_leak"]
    data["decompression"] = data["neuro_deficit"] & happens(rng, 0.35, n)
    data["desaturation"] = data["pce_symptomatic"] | happens(rng, 0.01, n)
    data["arrest"] = happens(rng, 0.0005, n)
    data["minutes"] = np.round(np.clip(rng.normal(28 + 11 * data["n_levels"], 9), 12, 170))
    data["screening"] = np.round(np.clip(data["minutes"] * rng.uniform(0.1, 0.3, n), 1, 39), 1)
    data["dose"] = np.round(data["screening"] * np.exp(rng.normal(1.3, 0.4, n)), 1)
