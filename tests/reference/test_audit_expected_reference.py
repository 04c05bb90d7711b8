"""Observed and expected of real centers against R: every case of `make_audit_expected.R`."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from vpstats.centers.expected import Expected, expected_proportion
from vpstats.centers.incidence import expected_incidence

HERE = Path(__file__).parent / "audit_expected"
MANIFEST = json.loads((HERE / "manifest.json").read_text())
CASES = {c["id"]: c for c in MANIFEST["cases"]}
PROPORTIONS = [i for i, c in CASES.items() if c["kind"] == "proportion"]
INCIDENCES = [i for i, c in CASES.items() if c["kind"] == "incidence"]

WEIGHTS_MOVED = 1e-6
"""Relative: derivatives by the weights are central differences of step 1e-4."""
PENALISED = 1e-6
"""Relative: the solver stops at 1e-8 standard errors of the slopes, R's scoring at 1e-13."""
EXACT = 1e-8
"""Relative: glm and coxph stop at 1e-14 of the deviance."""


@cache
def table(name: str) -> pd.DataFrame:
    return pd.read_csv(HERE / f"{name}.csv", dtype={"case": str, "center": str})


@cache
def ours(case: str) -> Expected:
    asked = CASES[case]
    data = pd.read_csv(HERE / f"data_{asked['data']}.csv")
    shared: dict[str, Any] = {
        "center": "center",
        "adjust": asked["adjust"] or [],
        "cluster": asked["cluster"],
        "folds": data["center"].nunique(),  # each center is left out alone, as in R
    }
    if asked["kind"] == "proportion":
        return expected_proportion(
            data, outcome=asked["outcome"], penalty=asked["penalty"], **shared
        )
    return expected_incidence(
        data,
        duration=asked["stop"],
        event=asked["event"],
        horizon=asked["horizon"],
        entry=asked["entry"],
        **shared,
    )


def theirs(case: str) -> pd.DataFrame:
    rows = table("sums")
    return rows[rows["case"] == case].set_index("center").loc[list(ours(case).sums.centers)]


@pytest.mark.parametrize("case", CASES)
def test_observed_and_expected(agree: Callable[..., None], case: str) -> None:
    sums, r = ours(case).sums, theirs(case)
    cell = f"audit expected {case}"
    np.testing.assert_array_equal(sums.n, r["n"])
    np.testing.assert_array_equal(sums.observed, r["observed"])
    precise = PENALISED if CASES[case].get("penalty") else EXACT
    agree(cell, "expected", sums.expected, r["expected"], scale=r["expected"], tolerance=precise)
    agree(
        cell,
        "benchmark variance",
        sums.benchmark_variance,
        r["benchmark_variance"],
        scale=r["benchmark_variance"],
        tolerance=WEIGHTS_MOVED,
    )


@pytest.mark.parametrize("case", [c for c in INCIDENCES if CASES[c]["adjust"]])
def test_expected_is_what_survival_predicts(agree: Callable[..., None], case: str) -> None:
    r = theirs(case)
    cell = f"audit expected {case}"
    agree(cell, "predict.coxph", ours(case).sums.expected, r["predicted"], scale=r["predicted"])


@pytest.mark.parametrize("case", PROPORTIONS)
def test_variances_and_rates(agree: Callable[..., None], case: str) -> None:
    found, r = ours(case), theirs(case)
    cell = f"audit expected {case}"
    rates = found.rates.set_index("center_id")
    agree(cell, "variance", found.sums.variance, r["variance"], scale=r["variance"])
    agree(cell, "correlation", [found.correlation] * len(r), r["correlation"])
    agree(cell, "direct rate", rates["direct"], r["direct"])
    agree(cell, "indirect rate", rates["indirect"], r["indirect"], scale=r["indirect"] + 1e-3)


@pytest.mark.parametrize("case", PROPORTIONS)
def test_the_risk_model(agree: Callable[..., None], case: str) -> None:
    model, rows = ours(case).model, table("models")
    r = rows[rows["case"] == case]
    assert len(model) == len(r)
    scale = model["std_error"].to_numpy()
    agree(f"audit expected {case}", "coefficients", model["estimate"], r["estimate"], scale=scale)


def test_the_data_are_what_they_should_be() -> None:
    # each case must have centers that differ in size, events at most, and a center without one
    assert len(CASES) >= 12
    assert any((theirs(c)["observed"] == 0).any() for c in CASES)
    assert max(len(theirs(c)) for c in CASES) >= 15
