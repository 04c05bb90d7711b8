"""Patients of a synthetic registry: who they are, their bone, their illness and their end."""

from __future__ import annotations

import numpy as np
import pandas as pd

from vpstats.simulate.draws import (
    NEVER,
    Floats,
    Ints,
    clipped,
    epoch_day,
    happens,
    linear,
    pick,
    weekday,
)
from vpstats.simulate.spec import FollowUpSpec, SimulationSpec

SESSIONS_PER_PATIENT = 1.13
"""Staged and repeat sessions add about an eighth to the first ones."""

AGE_REFERENCE, TSCORE_REFERENCE = 74.0, -2.5


def draw_patients(spec: SimulationSpec, rng: np.random.Generator) -> pd.DataFrame:
    """Draw patients with everything that is true of them at their first session.

    Parameters
    ----------
    spec : SimulationSpec
        The truth.
    rng : Generator
        Source of chance.

    Returns
    -------
    DataFrame
        One row per patient, latent columns.
    """
    n = max(1, round(spec.n_procedures / SESSIONS_PER_PATIENT))
    data = _center_and_reason(spec, rng, n)
    _add_person(data, rng)
    _add_bone(data, rng)
    _add_illness(data, rng)
    _add_chance(data, spec, rng)
    return data


def _center_and_reason(spec: SimulationSpec, rng: np.random.Generator, n: int) -> pd.DataFrame:
    shares = np.array([c.share for c in spec.centers])
    center = np.sort(rng.choice(len(shares), size=n, p=shares / shares.sum()))
    neoplastic = happens(rng, np.array([c.neoplastic for c in spec.centers])[center], n)
    benign = pick(rng, ("osteoporotic", "trauma", "other"), (0.92, 0.06, 0.02), n)
    tumour = pick(rng, ("metastasis", "myeloma", "haemangioma"), (0.6, 0.33, 0.07), n)
    data = pd.DataFrame({"center": center, "neoplastic": neoplastic})
    data["indication"] = np.where(neoplastic, tumour, benign)
    for name in ("metastasis", "myeloma"):
        data[name] = data["indication"].eq(name)
    return data


def _add_person(data: pd.DataFrame, rng: np.random.Generator) -> None:
    n = len(data)
    neoplastic = data["neoplastic"].to_numpy()
    young = neoplastic | data["indication"].eq("trauma").to_numpy()
    data["age"] = clipped(rng, np.where(young, 64.0, 75.0), 9.0, 41.0, 94.0, n)
    data["female"] = happens(rng, np.where(neoplastic, 0.5, 0.77), n)
    data["height"] = np.round(clipped(rng, np.where(data["female"], 160, 173), 6.5, 141, 198, n))
    bmi = clipped(rng, 26.0, 4.2, 17.0, 43.0, n)
    weight = bmi * (data["height"] / 100) ** 2
    data["weight"] = np.round(np.clip(weight, 41, 128))
    data["bmi"] = np.round(data["weight"] / (data["height"] / 100) ** 2, 1)
    data["smoker"] = pick(rng, ("never", "ex", "current"), (0.6, 0.24, 0.16), n)


def _add_bone(data: pd.DataFrame, rng: np.random.Generator) -> None:
    n = len(data)
    mean = np.select([data["neoplastic"], data["indication"].eq("trauma")], [-1.5, -1.2], -2.8)
    data["tscore"] = np.round(clipped(rng, mean, 1.0, -4.9, 1.6, n), 1)
    data["tscore_c"] = data["tscore"] - TSCORE_REFERENCE
    data["hu"] = np.round(clipped(rng, 95 + 24 * data["tscore_c"], 15.0, 22, 198, n))
    data["steroid"] = happens(rng, 0.09, n)
    data["prior_vfx"] = np.minimum(rng.poisson(np.where(data["tscore"] < -2.5, 0.8, 0.3)), 6)
    treated = happens(rng, np.where(data["tscore"] < -2.5, 0.55, 0.15), n)
    drugs = ("bisphosphonate", "denosumab", "teriparatide", "romosozumab", "other")
    data["bone_drug"] = np.where(
        treated, pick(rng, drugs, (0.6, 0.25, 0.08, 0.03, 0.04), n), "none"
    )


def _add_illness(data: pd.DataFrame, rng: np.random.Generator) -> None:
    n = len(data)
    older = (data["age"].to_numpy() - AGE_REFERENCE) / 10
    rates = {"diabetes": 0.19, "ckd": 0.12, "copd": 0.14, "chf": 0.12, "liver": 0.03}
    for name, rate in rates.items():
        data[name] = happens(rng, np.clip(rate * 1.25**older, 0, 0.6), n)
    chemo = data["neoplastic"].to_numpy() & happens(rng, 0.4, n)
    reasons = {
        "chemo": chemo,
        "steroid": data["steroid"].to_numpy(),
        "transplant": happens(rng, 0.006, n),
        "hiv": happens(rng, 0.002, n),
        "neutropenia": chemo & happens(rng, 0.1, n),
        "biologics": happens(rng, 0.02, n),
    }
    for name, present in reasons.items():
        data[f"immuno_{name}"] = present
    data["immunocompromised"] = np.any(list(reasons.values()), axis=0)
    burden = data[["diabetes", "ckd", "copd", "chf"]].sum(axis=1).to_numpy()
    data["mfi"] = np.minimum(burden + happens(rng, 0.3, n), 5)
    data["charlson"] = burden + 2 * data["myeloma"] + 6 * data["metastasis"] + 2 * data["liver"]
    asa = 2 + (burden >= 1) * 1 + ((burden >= 3) | happens(rng, 0.04, n)) * 1
    data["asa"] = np.where(happens(rng, 0.06, n), 1, asa)
    data["anticoag"] = pick(
        rng, ("none", "asa", "doac", "vka", "lmwh"), (0.55, 0.22, 0.15, 0.04, 0.04), n
    )


def _add_chance(data: pd.DataFrame, spec: SimulationSpec, rng: np.random.Generator) -> None:
    n = len(data)
    variance = spec.fractures.frailty_variance
    shape = 1 / variance if variance > 0 else 1.0
    drawn = rng.gamma(shape, 1 / shape, n)
    data["frailty"] = drawn if variance > 0 else 1.0
    data["leak_normal"] = rng.normal(size=n)
    first, last = epoch_day(spec.start), epoch_day(spec.data_cut) - 60
    # volume grows a little over the years
    share = rng.uniform(0.0, 1.0, n) ** 0.9
    data["index_day"] = weekday((first + share * (last - first)).astype(np.int64))
    age_days = data["age"] * 365.25 + rng.uniform(0, 1, n)
    data["birth_day"] = (data["index_day"] - age_days).astype(np.int64)


def add_course(data: pd.DataFrame, spec: SimulationSpec, rng: np.random.Generator) -> pd.DataFrame:
    """Add death, loss, the end of observation and the status that is recorded.

    Parameters
    ----------
    data : DataFrame
        Latent patients.
    spec : SimulationSpec
        The truth.
    rng : Generator
        Source of chance.

    Returns
    -------
    DataFrame
        With `death_day`, `lost_day`, `end_day`, `status`, `optout_day`.
    """
    follow, n = spec.follow_up, len(data)
    index = data["index_day"].to_numpy()
    death = index + _days(rng, _death_rate(data, follow), n)
    lost = index + _days(rng, np.full(n, follow.lost_yearly), n)
    # the registry asks every living patient once more in the half year before the data cut
    asked = epoch_day(spec.data_cut) - rng.integers(5, 180, n)
    asked = np.maximum(asked, index + 1)
    end = np.minimum(np.minimum(death, lost), asked)
    leaving = np.where(happens(rng, follow.withdrawn, n), "withdrawn", "lost")
    status = np.select([end == death, end == lost], ["dead", leaving], "alive")
    optout = np.where(happens(rng, follow.optout, n), index + rng.integers(1, 400, n), NEVER)
    return data.assign(
        death_day=death, lost_day=lost, end_day=end, status=status, optout_day=optout
    )


def _death_rate(data: pd.DataFrame, follow: FollowUpSpec) -> Floats:
    covariates = data.assign(age_c=data["age"] - AGE_REFERENCE)
    rate: Floats = follow.death_yearly * np.exp(linear(covariates, follow.death_log_hr))
    return rate


def _days(rng: np.random.Generator, yearly: Floats, n: int) -> Ints:
    """Whole days to an event of constant yearly hazard, at least one."""
    waiting = rng.exponential(size=n) / np.maximum(yearly, 1e-12) * 365.25
    days: Ints = np.minimum(np.ceil(waiting), NEVER / 10).astype(np.int64)
    return days
