"""Vertebrae of patients who share a gamma frailty: conditional hazard ratios and its variance.

Given the frailty (mean 1, variance `THETA`) hazards are proportional to ``exp(BETA x + GAMMA z)``:
x belongs to the vertebra, z to the patient. The model with a frailty estimates these. A Cox model
with robust errors estimates an average over patients, which is nearer to 0; it stands beside.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from vpstats.models.frailty_result import FrailtyFit
from vpstats.models.hazards import fit_cox
from vpstats.models.windows import fit_cox_by_window

pytestmark = pytest.mark.slow

RUNS = 2_000 if os.environ.get("VPSTATS_FULL") else 60
SMALL_SAMPLE = 0.02, 0.08
"""How far coefficients and the variance may lie from the truth with 70 patients: a variance that is
estimated by maximum likelihood is low, and ratios are then nearer to 1."""
PATIENTS, VERTEBRAE = 70, 5
BETA, GAMMA, THETA = 0.6, -0.4, 0.8
TIMES = {"duration": "days", "event": "event"}

Recovered = Callable[..., Any]


def simulate(rng: np.random.Generator, *, theta: float = THETA) -> pd.DataFrame:
    patient = np.repeat(np.arange(PATIENTS), VERTEBRAE)
    frailty = rng.gamma(1 / theta, theta, PATIENTS)[patient]
    x, z = rng.normal(size=patient.size), rng.integers(0, 2, PATIENTS)[patient]
    time = rng.exponential(1 / (frailty * np.exp(BETA * x + GAMMA * z))) * 500
    end = np.minimum(time, rng.uniform(100, 900, patient.size))
    return pd.DataFrame(
        {"patient_id": patient, "x": x, "z": z, "days": np.ceil(end), "event": time <= end}
    )


def test_conditional_hazard_ratios_and_the_variance_are_recovered(recovered: Recovered) -> None:
    shared, robust, theta = [], [], []
    for seed in np.random.SeedSequence(41).spawn(RUNS):
        rows = simulate(np.random.default_rng(seed))
        fit = fit_cox(rows, "x + z", **TIMES, frailty="patient_id")
        assert isinstance(fit, FrailtyFit)
        shared.append(fit.tidy()[["estimate", "conf_low", "conf_high"]].to_numpy())
        theta.append([fit.theta, fit.theta_low, fit.theta_high])
        naive = fit_cox(rows, "x + z", **TIMES, cluster="patient_id")
        robust.append(naive.tidy()[["estimate", "conf_low", "conf_high"]].to_numpy())
    for place, (name, truth) in enumerate((("vertebra", BETA), ("patient", GAMMA))):
        estimand = f"log hazard ratio of a {name}'s covariate, given the frailty"
        for method, values in (("gamma frailty", shared), ("Cox, robust (marginal)", robust)):
            estimates, low, high = np.array(values)[:, place].T
            recovered(estimand, method, truth=truth, estimates=estimates, low=low, high=high,
                      check=method == "gamma frailty", bias=SMALL_SAMPLE[0])  # fmt: skip
    estimates, low, high = np.array(theta).T
    recovered("variance of the frailty", "gamma frailty, profile", truth=THETA,
              estimates=estimates, low=low, high=high, bias=SMALL_SAMPLE[1])  # fmt: skip


def test_the_test_of_no_frailty_holds_its_level() -> None:
    """Rows are independent: half of the variances are 0, and few p-values are below 0.05."""
    p_values = []
    for seed in np.random.SeedSequence(43).spawn(RUNS):
        rows = simulate(np.random.default_rng(seed))
        shuffled = rows.assign(patient_id=np.random.default_rng(seed).permutation(len(rows)) // 5)
        fit = fit_cox(shuffled, "x", **TIMES, frailty="patient_id")
        assert isinstance(fit, FrailtyFit)
        p_values.append(fit.theta_p_value)
    share = float(np.mean(np.array(p_values) < 0.05))
    assert share <= 0.05 + 4 * np.sqrt(0.05 * 0.95 / RUNS)
    zero = float(np.mean(np.array(p_values) == 1))
    assert abs(zero - 0.5) <= 4 * np.sqrt(0.25 / RUNS) + 0.1


def test_an_effect_of_the_first_days_is_recovered(recovered: Recovered) -> None:
    """A leak triples the hazard for 60 days and not thereafter; levels of patients are alike."""
    early, late, crude = [], [], []
    for seed in np.random.SeedSequence(47).spawn(RUNS):
        rng = np.random.default_rng(seed)
        n = 500
        leak = rng.integers(0, 2, n)
        first = rng.exponential(np.where(leak, 100, 300))
        days = np.where(first < 60, first, 60 + rng.exponential(300, n))
        end = np.minimum(days, rng.uniform(40, 700, n))
        rows = pd.DataFrame({"leak": leak, "days": end, "event": days <= end})
        found = fit_cox_by_window(rows, "1", exposure="leak", at=[60], **TIMES).tidy()
        both = found[["estimate", "conf_low", "conf_high"]].to_numpy()
        early.append(both[0])
        late.append(both[1])
        one = fit_cox(rows, "leak", **TIMES).tidy()
        crude.append(one[["estimate", "conf_low", "conf_high"]].to_numpy()[0])
    cases = (("within 60 days", np.log(3), early), ("after 60 days", 0.0, late))
    for window, truth, values in cases:
        for method, given in (("by window", values), ("one hazard ratio", crude)):
            estimates, low, high = np.array(given).T
            recovered(f"log hazard ratio {window}", method, truth=truth, estimates=estimates,
                      low=low, high=high, check=method == "by window")  # fmt: skip
