"""Leaks: where cement is, and what fluoroscopy and CT see of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from vpstats.simulate.draws import Bools, Floats, expit, happens, linear
from vpstats.simulate.spec import SITES, LeakSpec, SimulationSpec


@dataclass(frozen=True, slots=True)
class LeakStates:
    """True and seen leaks of n levels.

    Parameters
    ----------
    probability : float array, shape (n,)
        True marginal probability of any leak.
    true, fluoro : bool array, shape (n, 8)
        Cement at each site; cement that fluoroscopy calls there.
    yeom : bool array, shape (n, 3)
        Types B, S, C of the true leaks.
    symptomatic : bool array, shape (n,)
        Whether a leak causes symptoms.
    """

    probability: Floats
    true: Bools
    fluoro: Bools
    yeom: Bools
    symptomatic: Bools


def draw_leaks(
    spec: SimulationSpec, levels: pd.DataFrame, patient_normal: Floats, rng: np.random.Generator
) -> LeakStates:
    """Draw leaks of levels.

    Any leak is Bernoulli with exactly the logistic probability of the spec; levels of a patient
    share a normal variate, so that they are alike without changing those probabilities.

    Parameters
    ----------
    spec : SimulationSpec
        The truth.
    levels : DataFrame
        Latent levels.
    patient_normal : float array, shape (n,)
        The patient's standard normal variate, one per level.
    rng : Generator
        Source of chance.

    Returns
    -------
    LeakStates
    """
    effect = np.array([c.log_or_leak for c in spec.centers])[levels["center"].to_numpy()]
    probability = expit(spec.leaks.intercept + effect + linear(levels, spec.leaks.log_or))
    leaks = _correlated(spec.leaks, patient_normal, rng) < probability
    true = _sites(spec.leaks, levels, rng) & leaks[:, None]
    return LeakStates(
        probability,
        true,
        _fluoroscopy(spec.leaks, true, rng),
        _yeom(levels, true, rng),
        _symptoms(spec.leaks, true, rng),
    )


def _correlated(spec: LeakSpec, shared: Floats, rng: np.random.Generator) -> Floats:
    from scipy.special import ndtr

    rho = spec.patient_correlation
    normal = np.sqrt(rho) * shared + np.sqrt(1 - rho) * rng.normal(size=len(shared))
    return np.asarray(ndtr(normal), dtype=float)


def _sites(spec: LeakSpec, levels: pd.DataFrame, rng: np.random.Generator) -> Bools:
    """Draw sites as if every level leaked; where chance names none, the likeliest race decides."""
    odds = np.column_stack([spec.site_odds[s] + linear(levels, spec.site_log_or[s]) for s in SITES])
    present = rng.random(odds.shape) < expit(odds)
    race = (odds + rng.gumbel(size=odds.shape)).argmax(axis=1)
    empty = ~present.any(axis=1)
    present[empty, race[empty]] = True
    return np.asarray(present, dtype=bool)


def _fluoroscopy(spec: LeakSpec, true: Bools, rng: np.random.Generator) -> Bools:
    sensitivity = np.array([spec.fluoro_sensitivity[s] for s in SITES])
    chance = np.where(true, sensitivity, 1 - spec.fluoro_specificity)
    return np.asarray(rng.random(true.shape) < chance, dtype=bool)


def _yeom(levels: pd.DataFrame, true: Bools, rng: np.random.Generator) -> Bools:
    """B runs to the canal, S along segmental veins, C through a defect; not exclusive."""
    at = {site: true[:, i] for i, site in enumerate(SITES)}
    n, canal = len(true), at["epidural"]
    disc = at["disc_sup"] | at["disc_inf"]
    b = canal & ~(levels["posterior_wall_breach"].to_numpy() & happens(rng, 0.5, n))
    s = at["venous"]
    c = disc | at["paravertebral_soft"] | at["needle_track"] | at["foraminal"] | (canal & ~b)
    return np.column_stack([b, s, c])


def _symptoms(spec: LeakSpec, true: Bools, rng: np.random.Generator) -> Bools:
    free = np.ones(len(true))
    for site, probability in spec.symptomatic.items():
        free *= 1 - probability * true[:, SITES.index(site)]
    return happens(rng, 1 - free, len(true))
