"""Simulated networks in which no center differs: how often a center is beyond its limits.

Each test draws networks, compares observed with expected by the variance that the audit gives, and
counts centers beyond the two-sided 95 % limits. Beside it stands the analysis that ignores patients
or habits of imaging.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import special

from vpstats.centers.ascertainment import ascertainment
from vpstats.centers.expected import expected_proportion
from vpstats.centers.incidence import expected_incidence
from vpstats.centers.sums import CenterSums
from vpstats.frames import Frame

pytestmark = pytest.mark.slow

RUNS = 2_000 if os.environ.get("VPSTATS_FULL") else 40
Recovered = Callable[..., Any]
Z = 1.959964


def seeds(seed: int) -> list[np.random.Generator]:
    return [np.random.default_rng(s) for s in np.random.SeedSequence(seed).spawn(RUNS)]


def scores(sums: CenterSums, *, independent: bool = False) -> np.ndarray:
    """Excess of the observed over the expected number in standard errors."""
    own = sums.variance / (sums.design_effect if independent else 1.0)
    return (sums.observed - sums.expected) / np.sqrt(own + sums.benchmark_variance)


def beyond(
    recovered: Recovered, estimand: str, method: str, z: np.ndarray, *, check: bool = True
) -> float:
    """Hold mean scores of networks to 0 and the share within the limits to 95 %; the share beyond.

    Centers of one network share their benchmark, so runs are networks: one center of each, in
    turn, enters the table of coverage, and all of them the share that is returned.
    """
    one = z[np.arange(len(z)), np.arange(len(z)) % z.shape[1]]
    half = np.full(len(one), Z)
    recovered(
        estimand, method, truth=0.0, estimates=one, low=one - half, high=one + half, check=check
    )
    return float((np.abs(z) > Z).mean())


def monte_carlo(z: np.ndarray) -> float:
    """Four Monte-Carlo errors of the share beyond, networks being independent and not centers."""
    return 4 * float((np.abs(z) > Z).mean(axis=1).std(ddof=1) / np.sqrt(len(z)))


def levels(rng: np.random.Generator, k: int = 12, unlike: float = 0.4) -> pd.DataFrame:
    """Levels of patients that share a log odds of their own, centers alike but in their mix."""
    patients = 1_200
    center = rng.integers(0, k, patients)
    frail = rng.normal(0, 2.5, patients)
    lean = rng.normal(0, unlike, k)
    patient = np.repeat(np.arange(patients), rng.integers(1, 6, patients))
    x = rng.normal(size=len(patient)) + lean[center[patient]]
    leak = rng.random(len(patient)) < special.expit(-1.2 + 0.6 * x + frail[patient])
    return pd.DataFrame(
        {
            "patient_id": patient,
            "center_id": [f"c{c:02d}" for c in center[patient]],
            "x": x,
            "leak": leak.astype(float),
        }
    )


def test_levels_clustered_in_patients(recovered: Recovered) -> None:
    robust, naive = [], []
    for rng in seeds(1):
        frame = Frame(levels(rng), unit="level", cluster="patient_id")
        sums = expected_proportion(frame, outcome="leak", adjust=["x"]).sums
        robust.append(scores(sums))
        naive.append(scores(sums, independent=True))
    z, without = np.array(robust), np.array(naive)
    found = beyond(recovered, "levels of patients", "variance by patient", z)
    ignored = beyond(recovered, "levels of patients", "rows independent", without, check=False)
    assert abs(found - 0.05) <= monte_carlo(z)
    assert ignored > 2 * 0.05


def test_case_mix_of_centers(recovered: Recovered) -> None:
    adjusted, crude = [], []
    for rng in seeds(2):
        rows = levels(rng, unlike=1.0).drop_duplicates("patient_id")
        frame = Frame(rows, unit="patient")
        adjusted.append(scores(expected_proportion(frame, outcome="leak", adjust=["x"]).sums))
        crude.append(scores(expected_proportion(frame, outcome="leak").sums))
    z, without = np.array(adjusted), np.array(crude)
    found = beyond(recovered, "patients of unlike case mix", "adjusted", z)
    ignored = beyond(recovered, "patients of unlike case mix", "crude", without, check=False)
    assert abs(found - 0.05) <= monte_carlo(z)
    assert ignored > 2 * 0.05


def vertebrae(rng: np.random.Generator, k: int = 10) -> pd.DataFrame:
    """Vertebrae of patients with a shared frailty, followed to fracture, death or the end."""
    patients, each = 700, 4
    center = rng.integers(0, k, patients)
    frail = rng.gamma(1.0, 1.0, patients)
    patient = np.repeat(np.arange(patients), each)
    x = rng.normal(size=len(patient)) + rng.normal(0, 0.3, k)[center[patient]]
    time = rng.exponential(1_500 / (frail[patient] * np.exp(0.5 * x)))
    death, end = rng.exponential(900, patients)[patient], rng.uniform(200, 700, patients)[patient]
    days = np.minimum(np.minimum(time, death), end)
    event = np.where(days == time, 1, np.where(days == death, 2, 0))
    return pd.DataFrame(
        {
            "patient_id": patient,
            "center_id": [f"c{c:02d}" for c in center[patient]],
            "x": x,
            "days": np.ceil(days),
            "event": event,
        }
    )


def test_vertebrae_followed_in_time(recovered: Recovered) -> None:
    robust, naive = [], []
    for rng in seeds(3):
        frame = Frame(vertebrae(rng), unit="vertebra", cluster="patient_id")
        sums = expected_incidence(
            frame, duration="days", event="event", horizon=365, adjust=["x"]
        ).sums
        robust.append(scores(sums))
        naive.append(scores(sums, independent=True))
    z, without = np.array(robust), np.array(naive)
    found = beyond(recovered, "vertebrae of patients", "variance by patient", z)
    ignored = beyond(recovered, "vertebrae of patients", "rows independent", without, check=False)
    assert abs(found - 0.05) <= monte_carlo(z)
    assert ignored > 1.5 * 0.05


def scanned(rng: np.random.Generator) -> pd.DataFrame:
    """One risk everywhere; routine CT of 18 % to 90 % of rows, others on suspicion of a leak."""
    habits = np.linspace(0.18, 0.90, 10)
    n = 4_000
    center = rng.integers(0, 10, n)
    leak = rng.random(n) < 0.25
    routine = rng.random(n) < habits[center]
    suspected = ~routine & (rng.random(n) < np.where(leak, 0.35, 0.05))
    seen = routine | suspected
    return pd.DataFrame(
        {
            "center_id": [f"c{c}" for c in center],
            "leak": np.where(seen, leak.astype(float), np.nan),
            "found": (seen & leak).astype(float),
            "why": np.where(routine, "routine", np.where(suspected, "suspicion", None)),
        }
    )


def test_centers_that_scan_five_times_as_many(recovered: Recovered) -> None:
    routine, examined, everybody = [], [], []
    for rng in seeds(4):
        rows = scanned(rng)
        routine.append(scores(ascertainment(rows, outcome="leak", reason="why").main.sums))
        examined.append(scores(expected_proportion(rows, outcome="leak").sums))
        everybody.append(scores(expected_proportion(rows, outcome="found").sums))
    z = np.array(routine)
    name = "habits of imaging"
    found = beyond(recovered, name, "routine alone", z)
    assert abs(found - 0.05) <= monte_carlo(z)
    ignored = beyond(recovered, name, "all examined", np.array(examined), check=False)
    assert ignored > 3 * 0.05
    ignored = beyond(recovered, name, "found per procedure", np.array(everybody), check=False)
    assert ignored > 3 * 0.05


def test_weighted_rates_of_routine_rows(recovered: Recovered) -> None:
    """Routine CT more often where leaks are rarer: weighting by case mix finds the whole rate."""
    weighted, crude, error = [], [], []
    for rng in seeds(5):
        n = 900
        x = rng.normal(size=n)
        leak = rng.random(n) < special.expit(-1 + x)
        routine = rng.random(n) < special.expit(0.3 - x)
        rows = pd.DataFrame(
            {
                "center_id": rng.choice(["a", "b", "c"], n),
                "x": x,
                "leak": np.where(routine, leak.astype(float), np.nan),
                "why": np.where(routine, "routine", None),
            }
        )
        found = ascertainment(rows, outcome="leak", reason="why", adjust=["x"])
        weighted.append(found.table.loc[0, "weighted"])
        error.append(found.table.loc[0, "weighted_std_error"])
        crude.append(found.main.rates.loc[0, "crude"])
    nodes, share = np.polynomial.hermite_e.hermegauss(60)
    truth = float(special.expit(-1 + nodes) @ share / share.sum())
    estimates, half = np.array(weighted), Z * np.array(error)
    recovered(
        "rate of all rows", "weighted", truth=truth, estimates=estimates, low=estimates - half,
        high=estimates + half, bias=0.005,
    )  # fmt: skip
    plain = np.array(crude)
    recovered(
        "rate of all rows", "routine rows", truth=truth, estimates=plain, low=plain, high=plain,
        check=False,
    )  # fmt: skip
    assert plain.mean() < truth - 0.05
