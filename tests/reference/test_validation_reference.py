"""Validation against pROC, rms and riskRegression: measures on the same risks, and refitted ones.

`make_validation.R` wrote the values; `validation/manifest.json` names the versions.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from vpstats.models.curves import cumulative_incidence
from vpstats.models.hazards import fit_cox
from vpstats.models.logistic import fit_logistic
from vpstats.models.validation import validate
from vpstats.models.validation.horizon import horizon_measures, outcomes_at
from vpstats.models.validation.measures import (
    binary_measures,
    concordance_variance,
    net_benefit,
)

FOLDER = Path(__file__).parent / "validation"
CASES = json.loads((FOLDER / "cases.json").read_text("utf-8"))
EXACT = 1e-10
"""Sums and fractions of the same numbers: only rounding may differ."""
SOLVED = 1e-8
"""Calibration intercepts and slopes: two solvers at tight convergence."""
RISK = 1e-6
"""Risks from two fits of a Cox model each, to a tolerance of 1e-12 in R."""

Agree = Callable[..., None]


def table(name: str) -> pd.DataFrame:
    return pd.read_csv(FOLDER / f"{name}.csv", float_precision="round_trip")


@pytest.mark.parametrize("name", CASES["binary"])
def test_measures_of_a_yes_no_outcome(name: str, agree: Agree) -> None:
    rows, theirs = table(f"binary_{name}"), CASES["binary"][name]
    y, risk = rows["y"].to_numpy(float), rows["risk"].to_numpy(float)
    ours = dict(zip(["auc", "brier", "scaled", "intercept", "slope", "observed_expected"],
                    binary_measures(y, risk), strict=True))  # fmt: skip
    for key, value in ours.items():
        tolerance = SOLVED if key in ("intercept", "slope") else EXACT
        agree(f"validation, {name}", key, value, theirs[key], tolerance=tolerance)
    agree(f"validation, {name}", "variance of C (DeLong)", concordance_variance(y, risk),
          theirs["auc_variance"], tolerance=EXACT)  # fmt: skip
    benefit = net_benefit(y, risk, np.array(theirs["thresholds"]))
    agree(f"validation, {name}", "net benefit", benefit, theirs["net_benefit"], tolerance=EXACT)


@pytest.mark.parametrize("name", CASES["horizon"])
def test_measures_at_a_horizon(name: str, agree: Agree) -> None:
    rows, theirs = table(f"horizon_{name}"), CASES["horizon"][name]
    time, event = rows["time"].to_numpy(float), rows["event"].to_numpy(int)
    outcomes = outcomes_at(time, event, 1, theirs["time"])
    curve = cumulative_incidence(rows, duration="time", event="event", cause=1)
    observed = float(curve.at([theirs["time"]])["estimate"].iloc[0])
    auc, brier, scaled, _ = horizon_measures(outcomes, rows["risk"].to_numpy(float), observed)
    cell = f"validation at a horizon, {name}"
    agree(cell, "AUC", auc, theirs["auc"], tolerance=EXACT)
    agree(cell, "Brier score", brier, theirs["brier"], tolerance=EXACT)
    agree(cell, "Brier score of the incidence", brier / (1 - scaled), theirs["null"],
          tolerance=EXACT)  # fmt: skip


@pytest.mark.parametrize("name", CASES["horizon"])
def test_absolute_risks_of_cause_specific_models(name: str, agree: Agree) -> None:
    rows, theirs = table(f"horizon_{name}"), CASES["horizon"][name]
    formula = " + ".join(theirs["covariates"])
    fit = fit_cox(rows, formula, duration="time", event="event", cause=1)
    found = validate(fit, rows, horizon=theirs["time"], n_boot=0, seed=1).tidy()
    apparent = found.set_index("measure")["apparent"]
    cell = f"validation of a Cox model, {name}"
    agree(cell, "AUC", apparent["auc"], theirs["auc"], tolerance=RISK)
    agree(cell, "Brier score", apparent["brier"], theirs["brier"], tolerance=RISK)


def test_optimism_is_that_of_rms_within_monte_carlo_error() -> None:
    rows = table("optimism")
    fit = fit_logistic(rows, "y ~ glu + bmi + age + npreg + bp + skin + ped")
    found = validate(fit, rows, n_boot=400, seed=1).tidy().set_index("measure")
    theirs = CASES["optimism"]
    # of 400 replicates: the standard deviation of one, over 20, and R's own over 63
    assert found.loc["c_statistic", "optimism"] == pytest.approx(theirs["dxy"] / 2, abs=0.006)
    assert found.loc["brier", "optimism"] == pytest.approx(theirs["brier"], abs=0.005)
    assert found.loc["calibration_slope", "estimate"] == pytest.approx(theirs["slope"], abs=0.04)
