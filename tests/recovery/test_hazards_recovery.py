"""Vertebrae of patients: marginal hazard ratios, constant and changing, with robust errors.

Three vertebrae of a patient share a positive stable frailty Z of index 1/2. Given it the
cumulative hazard of a vertebra is ``Z H(t)^2``; averaged over it, survival is ``exp(-H(t))``, since
the Laplace transform of Z is ``exp(-sqrt(s))``. So H is the marginal cumulative hazard, in closed
form, although vertebrae of a patient fracture together. The exposure is the patient's, as most risk
factors are, which is where taking vertebrae as independent goes wrong most.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from vpstats.models.hazards import fit_cox
from vpstats.models.varying import fit_time_varying
from vpstats.models.windows import fit_cox_by_window

pytestmark = pytest.mark.slow

RUNS = 2_000 if os.environ.get("VPSTATS_FULL") else 80
PATIENTS, VERTEBRAE = 150, 3
RATE = 1 / 400
"""Marginal hazard of a vertebra without the exposure, per day."""
BETA = 0.5
TIMES: dict[str, Any] = {"duration": "days", "event": "event", "cluster": "patient_id"}
MORE_PATIENTS = 600
"""Patients where two coefficients of one exposure are estimated: with 150 the bias of the order of
one over their number is a tenth of a standard error, which four Monte-Carlo errors do not cover."""
LIMITS = ["estimate", "conf_low", "conf_high"]
Recovered = Callable[..., Any]
Times = Callable[[np.ndarray, np.ndarray], np.ndarray]


def simulate(rng: np.random.Generator, times: Times, patients: int = PATIENTS) -> pd.DataFrame:
    """Rows whose marginal cumulative hazard at `times(H, x)` is H."""
    patient = np.repeat(np.arange(patients), VERTEBRAE)
    x = rng.integers(0, 2, patients)[patient]
    frailty = 1 / (2 * rng.normal(size=patients) ** 2)
    days = times(np.sqrt(rng.exponential(size=patient.size) / frailty[patient]), x)
    end = np.minimum(days, rng.uniform(50, 700, patient.size))
    return pd.DataFrame({"patient_id": patient, "x": x, "days": end, "event": days <= end})


def repeat(estimate: Callable[[np.random.Generator], list[np.ndarray]], seed: int) -> np.ndarray:
    """Estimates with limits, shape (runs, number of estimates, 3)."""
    seeds = np.random.SeedSequence(seed).spawn(RUNS)
    return np.array([estimate(np.random.default_rng(child)) for child in seeds])


def hold(recovered: Recovered, estimand: str, truth: float, robust: np.ndarray,
         naive: np.ndarray) -> None:  # fmt: skip
    """Robust intervals hold their level; those of independent rows stand beside them."""
    for method, values, held in (
        ("clustered", robust, True),
        ("taken as independent", naive, False),
    ):
        estimates, low, high = values.T
        recovered(estimand, method, truth=truth, estimates=estimates, low=low, high=high,
                  check=held)  # fmt: skip


def both(rows: pd.DataFrame, fit: Callable[..., Any]) -> list[Any]:
    return [fit(rows, **TIMES), fit(rows, **{k: v for k, v in TIMES.items() if k != "cluster"})]


def test_a_constant_ratio_and_the_survival_it_predicts(recovered: Recovered) -> None:
    at, exposed = 200.0, pd.DataFrame({"x": [1]})

    def estimate(rng: np.random.Generator) -> list[np.ndarray]:
        rows = simulate(rng, lambda H, x: H / (RATE * np.exp(BETA * x)))
        fits = both(rows, lambda data, **how: fit_cox(data, "x", **how))
        tables = [f.tidy() for f in fits] + [f.predict(exposed, times=at) for f in fits]
        return [table[LIMITS].to_numpy()[0] for table in tables]

    found = repeat(estimate, 51)
    hold(recovered, "log hazard ratio", BETA, found[:, 0], found[:, 1])
    truth = float(np.exp(-RATE * at * np.exp(BETA)))
    hold(recovered, "survival at 200 days, exposed", truth, found[:, 2], found[:, 3])
    assert np.mean((found[:, 1, 1] <= BETA) & (found[:, 1, 2] >= BETA)) < 0.93


def test_a_ratio_for_the_first_days_and_one_for_later(recovered: Recovered) -> None:
    """The exposure triples the hazard for 60 days and does nothing thereafter."""
    end = 60.0

    def times(H: np.ndarray, x: np.ndarray) -> np.ndarray:
        ratio = np.where(x == 1, 3.0, 1.0)
        by_then = RATE * ratio * end
        return np.where(by_then > H, H / (RATE * ratio), end + (H - by_then) / RATE)

    def estimate(rng: np.random.Generator) -> list[np.ndarray]:
        rows = simulate(rng, times)
        found = both(rows, lambda data, **how: fit_cox_by_window(
            data, "1", exposure="x", at=[end], **how))  # fmt: skip
        return [row for f in found for row in f.tidy()[LIMITS].to_numpy()]

    found = repeat(estimate, 52)
    hold(recovered, "log hazard ratio, first 60 days", np.log(3), found[:, 0], found[:, 2])
    hold(recovered, "log hazard ratio, after 60 days", 0.0, found[:, 1], found[:, 3])


def test_a_ratio_that_fades_with_the_logarithm_of_time(recovered: Recovered) -> None:
    """log HR = 1.6 - 0.3 log t: hazards ``RATE`` and ``RATE exp(1.6) t^-0.3``."""
    b, c = 1.6, -0.3

    def times(H: np.ndarray, x: np.ndarray) -> np.ndarray:
        exposed = (H * (1 + c) / (RATE * np.exp(b))) ** (1 / (1 + c))
        return np.where(x == 1, exposed, H / RATE)

    def estimate(rng: np.random.Generator) -> list[np.ndarray]:
        rows = simulate(rng, times, MORE_PATIENTS)
        # weeks, for fewer distinct times: each stands at the time at which the ratio is that of
        # the hazards of the whole week, which for the first is day 2.1 and not its middle
        end = np.ceil(rows["days"] / 7) * 7
        rows["days"] = ((end ** (1 + c) - (end - 7) ** (1 + c)) / (7 * (1 + c))) ** (1 / c)
        found = both(rows, lambda data, **how: fit_time_varying(data, "x", exposure="x", **how))
        return [row for f in found for row in np.log(f.ratio_at([30.0, 365.0])[LIMITS].to_numpy())]

    found = repeat(estimate, 53)
    for place, at in enumerate((30.0, 365.0)):
        truth = b + c * float(np.log(at))
        hold(recovered, f"log hazard ratio at day {at:g}, x log t", truth, found[:, place],
             found[:, place + 2])  # fmt: skip
