"""Simulate, delete at random given what is seen, impute, fit, pool, compare with the truth.

What is missing depends on the outcome and on a complete covariate, so that complete rows are a
biased sample: the naive analysis stands beside each row of the table.
"""

from __future__ import annotations

import os
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from scipy import special

from vpstats.frames import Frame
from vpstats.models.hazards import fit_cox
from vpstats.models.imputation import impute
from vpstats.models.logistic import fit_logistic
from vpstats.results import FitResult

pytestmark = pytest.mark.slow

FULL = bool(os.environ.get("VPSTATS_FULL"))
RUNS = 2_000 if FULL else 60
M = 20 if FULL else 6
FEW_MEAN_BIAS = 0.03
"""Allowance for the first-order bias of logistic and Cox coefficients in samples of this size, at
most 5 % of the coefficients below."""

Rows = dict[str, list[pd.DataFrame]]


def simulate_leaks(rng: np.random.Generator, n: int = 400) -> pd.DataFrame:
    """Independent rows; log odds 1 for the steroid, 0.6 per unit of the volume."""
    age = rng.normal(size=n)
    steroid = (rng.random(n) < special.expit(0.8 * age - 0.5)).astype(float)
    volume = 0.5 * age + 0.5 * steroid + rng.normal(size=n)
    eta = -1.0 + 1.0 * steroid + 0.6 * volume + 0.3 * age
    leak = (rng.random(n) < special.expit(eta)).astype(int)
    data = pd.DataFrame({"age": age, "steroid": steroid, "volume": volume, "leak": leak})
    # seen less often after a leak and in the old
    data.loc[rng.random(n) < special.expit(-2.2 + 1.6 * leak + 0.8 * age), "volume"] = np.nan
    data.loc[rng.random(n) < special.expit(-1.8 + 1.2 * leak - 0.8 * age), "steroid"] = np.nan
    return data


def simulate_levels(rng: np.random.Generator, patients: int = 200) -> pd.DataFrame:
    """One to four levels of a patient; BMI, which is the patient's, has log odds 0.5."""
    size = rng.choice(4, size=patients, p=[0.4, 0.3, 0.2, 0.1]) + 1
    patient = np.repeat(np.arange(patients), size)
    n = len(patient)
    bmi = rng.normal(size=patients)
    ml = 0.4 * bmi[patient] + rng.normal(size=n)
    leak = (rng.random(n) < special.expit(-0.8 + 0.5 * bmi[patient] + 0.5 * ml)).astype(int)
    any_leak = np.bincount(patient, leak, patients) > 0
    gone = rng.random(patients) < special.expit(-1.5 + 1.8 * any_leak)
    data = pd.DataFrame({"patient_id": patient, "bmi": bmi[patient], "ml": ml, "leak": leak})
    data.loc[gone[patient], "bmi"] = np.nan
    data.loc[rng.random(n) < 0.15, "ml"] = np.nan
    return data


def simulate_infection(rng: np.random.Generator, n: int = 500) -> pd.DataFrame:
    """Days to infection (log hazard 0.4 for CRP, 0.5 for diabetes), death competing.

    Event and cumulative hazard stand for the outcome to first order: with a log hazard of 0.7 per
    standard deviation the slope comes out about 7 % too small (White & Royston 2009 saw as much).
    """
    age = rng.normal(size=n)
    diabetes = (rng.random(n) < 0.3).astype(float)
    crp = 0.5 * age + 0.5 * diabetes + rng.normal(size=n)
    infection = rng.exponential(np.exp(-(0.4 * crp + 0.5 * diabetes)) * 1200)
    death = rng.exponential(np.exp(-0.5 * age) * 1500)
    censored = rng.uniform(100, 1200, n)
    days = np.minimum.reduce([infection, death, censored])
    event = np.select([days == infection, days == death], [1, 2], 0)
    data = pd.DataFrame(
        {"days": np.ceil(days), "event": event, "age": age, "diabetes": diabetes, "crp": crp}
    )
    # what was measured depends on what happened, and on age
    missing = special.expit(-1.4 + 1.4 * (event == 1) + 0.7 * (event == 2) + 0.5 * age)
    data.loc[rng.random(n) < missing, "crp"] = np.nan
    data.loc[rng.random(n) < 0.2, "diabetes"] = np.nan
    return data


def collect(
    simulate: Callable[[np.random.Generator], pd.DataFrame],
    analyses: dict[str, Callable[[pd.DataFrame, int], FitResult]],
    seed: int,
) -> dict[str, pd.DataFrame]:
    """Tidy tables of every analysis over all runs, by term."""
    found: Rows = {name: [] for name in analyses}
    for k, child in enumerate(np.random.SeedSequence(seed).spawn(RUNS)):
        data = simulate(np.random.default_rng(child))
        for name, analyse in analyses.items():
            found[name].append(analyse(data, k).tidy())
    return {name: pd.concat(parts).set_index("term") for name, parts in found.items()}


def hold(
    recovered: Callable[..., object],
    rows: dict[str, pd.DataFrame],
    estimand: str,
    term: str,
    truth: float,
) -> None:
    for name, table in rows.items():
        part = table.loc[term]
        recovered(
            estimand, name, truth=truth, estimates=part["estimate"], low=part["conf_low"],
            high=part["conf_high"], check=name.startswith("imputed"), bias=FEW_MEAN_BIAS,
        )  # fmt: skip


def bias(table: pd.DataFrame, term: str, truth: float) -> float:
    return float(table.loc[term, "estimate"].mean() - truth)


def test_logistic_regression(recovered: Callable[..., object]) -> None:
    formula = "leak ~ steroid + volume + age"

    def imputed(data: pd.DataFrame, seed: int) -> FitResult:
        return fit_logistic(impute(data, outcome="leak", m=M, iterations=5, seed=seed), formula)

    rows = collect(
        simulate_leaks,
        {"imputed": imputed, "complete rows": lambda d, _: fit_logistic(d, formula)},
        seed=1,
    )
    for term, truth in (("steroid", 1.0), ("volume", 0.6), ("age", 0.3)):
        hold(recovered, rows, f"log odds ratio, {term}", term, truth)
    # complete rows have fewer of the leaks, more so in the old: the slope of age is pulled down
    assert bias(rows["complete rows"], "Intercept", -1.0) < -0.4


def test_cox_model_with_death_competing(recovered: Callable[..., object]) -> None:
    times = {"duration": "days", "event": "event"}

    def imputed(data: pd.DataFrame, seed: int) -> FitResult:
        return fit_cox(
            impute(data, m=M, iterations=5, seed=seed, **times), "crp + diabetes", **times
        )

    rows = collect(
        simulate_infection,
        {"imputed": imputed, "complete rows": lambda d, _: fit_cox(d, "crp + diabetes", **times)},
        seed=2,
    )
    hold(recovered, rows, "log hazard ratio, crp", "crp", 0.4)
    hold(recovered, rows, "log hazard ratio, diabetes", "diabetes", 0.5)
    # complete rows lose the infections: their intervals are wider
    lost = rows["complete rows"].loc["crp", "std_error"].mean()
    assert lost > 1.1 * rows["imputed"].loc["crp", "std_error"].mean()


def test_a_patient_variable_in_an_analysis_of_levels(recovered: Callable[..., object]) -> None:
    formula = "leak ~ bmi + ml"

    def frame(data: pd.DataFrame) -> Frame:
        return Frame(data, unit="level", cluster="patient_id", outcome="leak")

    def imputed(data: pd.DataFrame, seed: int) -> FitResult:
        return fit_logistic(impute(frame(data), m=M, iterations=5, seed=seed), formula)

    def by_row(data: pd.DataFrame, seed: int) -> FitResult:
        """Every row of a patient drawn on its own: the variable is blurred."""
        done = impute(data.drop(columns="patient_id"), outcome="leak", m=M, iterations=5, seed=seed)
        named = done.transform(lambda f: frame(f.data.assign(patient_id=data["patient_id"])))
        return fit_logistic(named, formula)

    rows = collect(
        simulate_levels,
        {
            "imputed by patient": imputed,
            "each row on its own": by_row,
            "complete rows": lambda d, _: fit_logistic(frame(d), formula),
        },
        seed=3,
    )
    hold(recovered, rows, "log odds ratio, bmi of the patient", "bmi", 0.5)
    # rows drawn on their own do not know that a patient with many leaks is one patient
    errors = {name: abs(bias(table, "bmi", 0.5)) for name, table in rows.items()}
    assert errors["imputed by patient"] < min(errors["each row on its own"], 0.05)
