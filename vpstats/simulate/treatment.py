"""Sessions and treated levels of one round: which vertebrae, by whom, with what."""

from __future__ import annotations

import numpy as np
import pandas as pd

from vpstats.registry.spine import region
from vpstats.simulate.draws import (
    Bools,
    Floats,
    Ints,
    clipped,
    epoch_day,
    happens,
    pick,
    pick_columns,
    pick_rows,
)
from vpstats.simulate.spec import TREATABLE, SimulationSpec

N_VERTEBRAE = len(TREATABLE)
REGIONS = np.array([region(level) for level in TREATABLE], dtype=object)
THORACIC = np.array([level.startswith("T") for level in TREATABLE])

LEVEL_SHARE = np.array(
    [1, 1, 2, 6, 12, 20, 35, 50, 45, 52, 92, 175, 195, 120, 90, 65, 45], dtype=float
)
"""How often each of T1 to L5 is the main level: most often T12 and L1."""

BODY_ML = np.array([9, 9.5, 10, 11, 12, 13.5, 15, 17, 19, 21.5, 24, 26.5, 29, 31.5, 33.5, 35, 35])
"""Mean volume of the vertebral body, T1 to L5, in mL."""

CEMENT_REFERENCE, EXPERIENCE_REFERENCE = 4.3, 100.0

BRANDS = {
    "high": ("Confidence", "Vertaplex HV", "Cohesion"),
    "medium": ("Cemento Fixx", "Osteopal V"),
    "low": ("Vertaplex", "Palacos R", "Vertecem"),
}
"""Brands by viscosity class; the class comes with the brand."""


def choose_levels(rng: np.random.Generator, count: Ints, cemented: Bools, wanted: Bools) -> Bools:
    """Choose the vertebrae of each session: wanted ones first, then neighbours of the main one.

    Parameters
    ----------
    rng : Generator
        Source of chance.
    count : int array, shape (m,)
        Levels to treat in each session.
    cemented, wanted : bool array, shape (m, 17)
        Vertebrae that hold cement already; vertebrae that must be treated now.

    Returns
    -------
    bool array, shape (m, 17)
        The vertebrae treated; fewer than `count` where none are left.
    """
    m = len(count)
    main = pick_columns(rng, np.where(cemented, 1e-9, LEVEL_SHARE))
    distance = np.abs(np.arange(N_VERTEBRAE)[None, :] - main[:, None])
    score = 0.35 * np.log(LEVEL_SHARE)[None, :] - distance / 0.9 + rng.gumbel(size=distance.shape)
    score[np.arange(m), main] += 1e3
    score = np.where(wanted, score + 1e6, np.where(cemented, -np.inf, score))
    rank = np.argsort(np.argsort(-score, axis=1, kind="stable"), axis=1, kind="stable")
    return np.asarray((rank < count[:, None]) & np.isfinite(score), dtype=bool)


def count_levels(
    spec: SimulationSpec, rng: np.random.Generator, wanted: Bools, number: int
) -> Ints:
    """Draw the number of levels of each session; a repeat session treats what is wanted."""
    m, shares = len(wanted), np.asarray(spec.levels_per_session)
    first = 1 + rng.choice(len(shares), size=m, p=shares / shares.sum())
    later = 1 + happens(rng, 0.2, m).astype(np.int64)
    due = wanted.sum(axis=1)
    free = first if number == 0 else later
    return np.where(due > 0, np.minimum(due, len(shares)), free).astype(np.int64)


def draw_sessions(
    spec: SimulationSpec, who: pd.DataFrame, day: Ints, number: int, rng: np.random.Generator
) -> pd.DataFrame:
    """Draw what is true of each session as a whole.

    Parameters
    ----------
    spec : SimulationSpec
        The truth.
    who : DataFrame
        Latent patients, one row per session.
    day : int array, shape (m,)
        Day of the session.
    number : int
        0 for first sessions.
    rng : Generator
        Source of chance.

    Returns
    -------
    DataFrame
        One row per session, latent columns; `patient` is the row's index in `who`.
    """
    keep = ["center", "indication", "neoplastic", "diabetes", "immunocompromised"]
    data = who[keep].reset_index(drop=True)
    data.insert(0, "patient", who.index.to_numpy())
    data["number"], data["day"] = number, day
    _add_operator(data, spec, rng)
    _add_cement(data, spec, rng)
    _add_laboratory(data, rng)
    _add_conduct(data, rng)
    return data


def _add_operator(data: pd.DataFrame, spec: SimulationSpec, rng: np.random.Generator) -> None:
    center = data["center"].to_numpy()
    first = np.cumsum([0, *(c.operators for c in spec.centers)])[:-1]
    own = np.array([c.operators for c in spec.centers])[center]
    # the senior operator takes the larger share
    within = np.minimum((rng.random(len(data)) ** 1.5 * own).astype(int), own - 1)
    data["operator"] = first[center] + within
    brought = np.array([c.experience for c in spec.centers])[center] * np.where(within == 0, 2, 0.5)
    years = (data["day"] - epoch_day(spec.start)) / 365.25
    volume = spec.n_procedures * np.array([c.share for c in spec.centers])[center] / own / 9
    experience = brought + volume * years.clip(lower=0)
    data["experience"] = experience
    data["log2_experience_c"] = np.log2((experience + 1) / EXPERIENCE_REFERENCE)


def _add_cement(data: pd.DataFrame, spec: SimulationSpec, rng: np.random.Generator) -> None:
    n = len(data)
    high = np.array([c.high_viscosity for c in spec.centers])[data["center"]]
    other = pick(rng, ("medium", "low"), (0.4, 0.6), n)
    viscosity = np.where(happens(rng, high, n), "high", other)
    data["viscosity"] = viscosity
    data["high_viscosity"] = viscosity == "high"
    data["brand"] = ""
    for kind, names in BRANDS.items():
        drawn = pick(rng, names, [1.0] * len(names), n)
        data["brand"] = np.where(viscosity == kind, drawn, data["brand"])
    technique = pick(rng, ("pvp", "bkp", "stent"), (0.86, 0.12, 0.02), n)
    ablated = data["neoplastic"].to_numpy() & happens(rng, 0.08, n)
    data["technique"] = np.where(ablated, "rf_ablation_pvp", technique)
    data["bkp"] = data["technique"].eq("bkp")
    data["cement_antibiotic"] = happens(rng, 0.25, n)
    data["which_antibiotic"] = pick(rng, ("tobramycin", "gentamicin"), (0.6, 0.4), n)
    data["mix_min"] = np.round(clipped(rng, 6.5, 2.0, 2.0, 14.5, n), 1)


def _add_laboratory(data: pd.DataFrame, rng: np.random.Generator) -> None:
    n = len(data)
    centre = np.where(data["neoplastic"], np.log(14.0), np.log(6.0))
    data["crp"] = np.round(np.clip(np.exp(rng.normal(centre, 0.85)), 0.6, 190), 1)
    data["log2_crp_c"] = np.log2(data["crp"] / 8.0)
    data["wbc"] = np.round(clipped(rng, 7.4, 1.9, 2.5, 18, n), 1)
    esr = 12 + 8 * np.log(data["crp"])
    data["esr"] = np.round(np.clip(rng.normal(esr, 8.0), 2, 110))
    data["pct"] = np.round(np.exp(rng.normal(-2.6, 0.6, n)), 2)
    data["days_since_fracture"] = np.round(np.clip(np.exp(rng.normal(3.4, 0.8, n)), 2, 330))
    data["crp_before"] = rng.integers(0, 6, n)


def _add_conduct(data: pd.DataFrame, rng: np.random.Generator) -> None:
    n = len(data)
    data["approach"] = pick(rng, ("uni", "bi", "mixed"), (0.45, 0.5, 0.05), n)
    data["guidance"] = pick(
        rng, ("fluoro", "biplane", "ct", "ct_fluoro"), (0.6, 0.3, 0.03, 0.07), n
    )
    data["anaesthesia"] = pick(rng, ("local", "sedation", "general"), (0.55, 0.35, 0.1), n)
    data["biopsy"] = happens(rng, np.where(data["neoplastic"], 0.55, 0.06), n)
    tumour = data["neoplastic"].to_numpy() & happens(rng, 0.75, n)
    data["biopsy_finding"] = np.where(tumour, "tumour", "negative")
    data["mri"] = happens(rng, 0.82, n)
    data["edema"] = happens(rng, 0.85, n)
    data["antibiotic"] = pick(rng, ("none", "cefazolin", "other"), (0.2, 0.7, 0.1), n)
    data["culture"] = pick(rng, ("none", "negative"), (0.95, 0.05), n)


def draw_levels(
    sessions: pd.DataFrame, chosen: Bools, who: pd.DataFrame, rng: np.random.Generator
) -> pd.DataFrame:
    """Draw each treated vertebra and the cement that is meant for it.

    Parameters
    ----------
    sessions : DataFrame
        Latent sessions of the round.
    chosen : bool array, shape (m, 17)
        Vertebrae treated.
    who : DataFrame
        Latent patients, one row per session.
    rng : Generator
        Source of chance.

    Returns
    -------
    DataFrame
        One row per treated vertebra; `row` is the position of its session.
    """
    row, vertebra = np.nonzero(chosen)
    copied = ["patient", "center", "neoplastic", "high_viscosity", "bkp", "biopsy"]
    data = sessions.iloc[row][[*copied, "log2_experience_c"]].reset_index(drop=True)
    data["row"], data["vertebra"] = row, vertebra
    data["upper_thoracic"] = REGIONS[vertebra] == "upper_thoracic"
    data["tscore_c"] = who["tscore_c"].to_numpy()[row]
    _add_lesion(data, rng)
    _add_shape(data, rng)
    return data


def _add_lesion(data: pd.DataFrame, rng: np.random.Generator) -> None:
    n, neoplastic = len(data), data["neoplastic"].to_numpy()
    data["cortical_breach"] = happens(rng, np.where(neoplastic, 0.35, 0.17), n)
    data["posterior_wall_breach"] = happens(rng, np.where(neoplastic, 0.3, 0.1), n)
    data["endplate_breach_sup"] = happens(rng, 0.28, n)
    data["endplate_breach_inf"] = happens(rng, 0.13, n)
    data["epidural_mass"] = neoplastic & happens(rng, 0.2, n)
    data["soft_tissue_mass"] = neoplastic & happens(rng, 0.15, n)
    data["intravertebral_cleft"] = ~neoplastic & happens(rng, 0.2, n)
    vascular = np.where(neoplastic[:, None], [[0.2, 0.4, 0.4]], [[0.5, 0.35, 0.15]])
    data["vascularity"] = pick_rows(rng, ("low", "moderate", "high"), vascular)
    data["high_vascularity"] = data["vascularity"].eq("high")


def _add_shape(data: pd.DataFrame, rng: np.random.Generator) -> None:
    n = len(data)
    data["height_loss"] = np.round(clipped(rng, 31, 14, 5, 84, n))
    data["height_loss_10pct_c"] = (data["height_loss"] - 30) / 10
    data["fracture_type"] = pick(
        rng, ("wedge", "biconcave", "crush", "burst"), (0.52, 0.25, 0.13, 0.1), n
    )
    kyphosis = clipped(rng, 6 + 0.25 * data["height_loss"], 5, -12, 45, n)
    data["kyphosis_pre"] = np.round(kyphosis)
    data["kyphosis_post"] = np.round(np.clip(kyphosis - rng.gamma(2.0, 1.3, n), -14, 45))
    body = BODY_ML[data["vertebra"]] * np.exp(rng.normal(0, 0.12, n))
    data["body_ml"] = np.round(np.clip(body, 10, 44), 1)
    planned: Floats = 4.45 + 0.045 * (data["body_ml"].to_numpy() - 27) + rng.normal(0, 0.8, n)
    data["planned_ml"] = np.round(np.clip(planned, 1.0, 8.0), 1)
    data["cement_ml_c"] = data["planned_ml"] - CEMENT_REFERENCE
