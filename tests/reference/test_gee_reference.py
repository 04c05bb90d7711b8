"""Generalised estimating equations against R on real data: estimator × data × options."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from vpstats.models.gee import GeeFit, fit_gee
from vpstats.models.logistic import fit_logistic

FOLDER = Path(__file__).parent / "gee"
MANIFEST = json.loads((FOLDER / "manifest.json").read_text("utf-8"))
CASES: dict[str, dict[str, Any]] = {case["id"]: case for case in MANIFEST["cases"]}
REFERENCE = pd.read_csv(FOLDER / "cases.csv")
MOMENT_TOLERANCE = 1e-8
"""geepack stops when coefficients move by 1e-13; the correlation follows them."""
DF_TOLERANCE = 1e-6
"""Relative; Satterthwaite degrees of freedom are ratios of sums of squares."""

Agree = Callable[..., None]


@cache
def rows_of(data: str) -> pd.DataFrame:
    return pd.read_csv(FOLDER / f"{data}.csv")


@cache
def fit_of(case: str) -> GeeFit:
    options = dict(CASES[case])
    formula, data = options.pop("formula"), rows_of(options.pop("data"))
    for name in ("id", "r"):
        options.pop(name)
    return fit_gee(data, formula, **options)


def expected(case: str) -> pd.DataFrame:
    return REFERENCE[REFERENCE["case"] == case].sort_values("position")


@pytest.mark.parametrize("case", CASES)
def test_estimates_and_errors(case: str, agree: Agree) -> None:
    fit, theirs = fit_of(case), expected(case)
    assert fit.ok
    assert fit.n == theirs["n"].iloc[0]
    assert fit.n_clusters == theirs["n_clusters"].iloc[0]
    cell, error = f"GEE {case}", theirs["std_error"]
    agree(cell, "estimates", fit.coefficients, theirs["estimate"], scale=error)
    agree(cell, "standard errors", fit.std_errors, error, scale=error)


@pytest.mark.parametrize("case", CASES)
def test_intervals_and_degrees_of_freedom(case: str, agree: Agree) -> None:
    fit, theirs = fit_of(case), expected(case)
    df = np.broadcast_to(np.asarray(fit.df, dtype=float), len(theirs))
    np.testing.assert_allclose(df, theirs["df"].to_numpy(float), rtol=DF_TOLERANCE)
    ours = fit.tidy()
    for limit in ("conf_low", "conf_high"):
        # a limit adds two errors of 1e-6, the critical value times
        agree(f"GEE {case}", limit, ours[limit], theirs[limit], scale=theirs["std_error"],
              tolerance=5e-6)  # fmt: skip


@pytest.mark.parametrize("case", [c for c in CASES if CASES[c]["structure"] == "exchangeable"])
def test_correlation_and_scale(case: str, agree: Agree) -> None:
    fit, theirs = fit_of(case), expected(case).iloc[0]
    agree(f"GEE {case}", "correlation", [fit.correlation], [theirs["correlation"]],
          tolerance=MOMENT_TOLERANCE)  # fmt: skip
    agree(f"GEE {case}", "scale", [fit.scale], [theirs["scale"]], tolerance=MOMENT_TOLERANCE)


@pytest.mark.parametrize("vcov", ["CR0", "CR1", "CR2"])
@pytest.mark.parametrize("data", sorted({c["data"] for c in CASES.values()}))
def test_independence_is_logistic_regression(data: str, vcov: str) -> None:
    case = CASES[f"{data}-independence-CR1"]
    options: dict[str, Any] = {"cluster": case["cluster"], "vcov": vcov}
    ours = fit_gee(rows_of(data), case["formula"], structure="independence", **options)
    plain = fit_logistic(rows_of(data), case["formula"], **options)
    pd.testing.assert_frame_equal(ours.tidy(), plain.tidy(), rtol=1e-9)


def test_the_manifest_names_its_source() -> None:
    assert MANIFEST["r"].startswith("R version")
    assert {"geepack", "clubSandwich"} <= set(MANIFEST["packages"])
    assert set(REFERENCE["case"]) == set(CASES)
