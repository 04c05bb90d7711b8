"""Random-intercept logistic regression against lme4 on real data: data × nodes × options."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from vpstats.models.mixed import MixedLogisticFit, fit_mixed_logistic

FOLDER = Path(__file__).parent / "mixed"
MANIFEST = json.loads((FOLDER / "manifest.json").read_text("utf-8"))
CASES: dict[str, dict[str, Any]] = {case["id"]: case for case in MANIFEST["cases"]}
REFERENCE = pd.read_csv(FOLDER / "cases.csv")
SCALES = pd.read_csv(FOLDER / "scales.csv")
LAPLACE = pd.read_csv(FOLDER / "laplace.csv")
MODES = pd.read_csv(FOLDER / "modes.csv", dtype={"id": str})
TOLERANCE = 1e-4
"""In standard errors: lme4 searches without derivatives, and takes second ones by differences."""
LAPLACE_TOLERANCE = 3e-4
"""The same with one node, where lme4 factors the curvature at weights that are not the last ones:
its log-likelihood is off by up to 5e-5. The likelihood written out in the script is met closer."""
WRITTEN_OUT = 1e-5
WRITTEN_OUT_ERRORS = 5e-5
"""The script's second differences over 3e-3 standard errors know errors to some 1e-5."""
CURVATURE_TOLERANCE = 1e-5
"""Errors rest on differences of the gradient over 1e-3 standard errors."""
LIKELIHOOD_TOLERANCE = 1e-6
"""Log-likelihoods are flat at the top: 1e-4 standard errors beside it they are 5e-9 lower."""
LAPLACE_LIKELIHOOD_TOLERANCE = 1e-4

Agree = Callable[..., None]


@cache
def rows_of(data: str) -> pd.DataFrame:
    return pd.read_csv(FOLDER / f"{data}.csv")


@cache
def fit_of(case: str, **more: Any) -> MixedLogisticFit:
    options = dict(CASES[case]) | more
    formula, data = options.pop("formula"), rows_of(options.pop("data"))
    group = tuple(options.pop("group"))
    for name in ("id", "r"):
        options.pop(name)
    return fit_mixed_logistic(data, formula, group=group if len(group) > 1 else group[0], **options)


def expected(case: str) -> pd.DataFrame:
    return REFERENCE[REFERENCE["case"] == case].sort_values("position")


def tolerance_of(case: str) -> float:
    return LAPLACE_TOLERANCE if CASES[case]["nodes"] == 1 else TOLERANCE


@pytest.mark.parametrize("case", CASES)
def test_estimates_and_errors(case: str, agree: Agree) -> None:
    fit, theirs = fit_of(case), expected(case)
    assert fit.ok
    assert fit.n == theirs["n"].iloc[0]
    cell, error = f"mixed {case}", theirs["std_error"]
    agree(
        cell,
        "estimates",
        fit.coefficients,
        theirs["estimate"],
        scale=error,
        tolerance=tolerance_of(case),
    )
    agree(cell, "standard errors", fit.std_errors, error, scale=error, tolerance=tolerance_of(case))


@pytest.mark.parametrize("case", CASES)
def test_standard_deviations(case: str, agree: Agree) -> None:
    fit, theirs = fit_of(case), SCALES[SCALES["case"] == case].sort_values("level")
    ours = fit.variance_components()
    assert list(ours["n_groups"]) == list(theirs["n_groups"])
    cell = f"mixed {case}"
    interior = (theirs["sd"] > 1e-4).to_numpy()
    np.testing.assert_array_equal(ours["estimate"].to_numpy()[~interior], 0.0)
    ours, theirs = ours[interior], theirs[interior]
    error = theirs["std_error"]
    agree(cell, "SDs", ours["estimate"], theirs["sd"], scale=error, tolerance=tolerance_of(case))
    agree(
        cell, "errors of SDs", ours["std_error"], error, scale=error, tolerance=tolerance_of(case)
    )


@pytest.mark.parametrize("case", LAPLACE["case"].unique())
def test_laplace_written_out(case: str, agree: Agree) -> None:
    fit, theirs = fit_of(case), LAPLACE[LAPLACE["case"] == case].sort_values("position")
    levels = len(fit.groups)  # scales stand at -levels, ..., -1
    cell, error = f"mixed {case}, written out", theirs["std_error"]
    estimates = np.concatenate([fit.scales, fit.coefficients])
    spread = np.sqrt(np.diag(fit.joint_covariance))
    errors = np.concatenate([spread[-levels:], spread[:-levels]])
    agree(
        cell, "estimates and SDs", estimates, theirs["estimate"], scale=error, tolerance=WRITTEN_OUT
    )
    agree(cell, "their errors", errors, error, scale=error, tolerance=WRITTEN_OUT_ERRORS)
    theirs_value = [theirs["log_likelihood"].iloc[0]]
    agree(cell, "log-likelihood", [fit.log_likelihood], theirs_value, tolerance=1e-8)


@pytest.mark.parametrize("case", CASES)
def test_likelihoods(case: str, agree: Agree) -> None:
    fit, theirs = fit_of(case), expected(case).iloc[0]
    laplace = CASES[case]["nodes"] == 1
    tolerance = LAPLACE_LIKELIHOOD_TOLERANCE if laplace else LIKELIHOOD_TOLERANCE
    agree(f"mixed {case}", "log-likelihood", [fit.log_likelihood], [theirs["log_likelihood"]],
          tolerance=tolerance)  # fmt: skip
    if len(fit.groups) == 1:
        statistic = max(2 * (theirs["log_likelihood"] - theirs["null"]), 0.0)
        assert fit.variance_statistics[0] == pytest.approx(statistic, abs=4 * tolerance)
        p = stats.chi2.sf(fit.variance_statistics[0], 1) / 2
        assert fit.variance_p_values[0] == (p if fit.variance_statistics[0] > 0 else 1.0)


@pytest.mark.parametrize(
    ("case", "group"), sorted(set(zip(MODES["case"], MODES["group"], strict=True)))
)
def test_conditional_modes(case: str, group: str, agree: Agree) -> None:
    fit = fit_of(case)
    theirs = MODES[(MODES["case"] == case) & (MODES["group"] == group)].copy()
    if group != fit.groups[0]:  # lme4 names an inner group "inner:outer"
        theirs["id"] = [" / ".join(reversed(i.split(":"))) for i in theirs["id"]]
    ours = fit.random_effects(rows_of(CASES[case]["data"]), group=group).set_index("group")
    theirs = theirs.set_index("id").loc[ours.index]
    cell, spread = f"mixed {case}", theirs["sd"]
    agree(cell, f"modes of {group}", ours["estimate"], theirs["mode"], scale=spread,
          tolerance=tolerance_of(case))  # fmt: skip
    agree(cell, f"their errors, {group}", ours["std_error"], spread, scale=spread,
          tolerance=tolerance_of(case))  # fmt: skip


def test_the_manifest_names_its_source() -> None:
    assert MANIFEST["r"].startswith("R version")
    assert "lme4" in MANIFEST["packages"]
    assert set(REFERENCE["case"]) == set(CASES)


PROFILES = pd.read_csv(FOLDER / "profiles.csv")
INTERPOLATED = 1e-3
"""In standard errors: lme4's confint() reads limits off a spline through a dozen points."""


@pytest.mark.parametrize("name", PROFILES["case"].unique())
def test_profile_intervals(name: str, agree: Agree) -> None:
    found = fit_of(name, intervals="profile")
    scales, terms = found.variance_components(), found.tidy()
    cell = f"mixed, profile intervals, {name}"
    for row in PROFILES[PROFILES["case"] == name].itertuples():
        own = scales.iloc[0] if row.position < 0 else terms.iloc[row.position]
        what = "SD" if row.position < 0 else str(own["term"])
        for side, theirs, shown in (
            ("low", row.low, row.confint_low),
            ("high", row.high, row.confint_high),
        ):
            limit = own[f"conf_{side}"]
            agree(cell, f"{what}, {side}", limit, theirs, scale=row.scale, tolerance=1e-4)
            if np.isfinite(shown):
                agree(f"{cell}, confint", f"{what}, {side}", limit, shown, scale=row.scale,
                      tolerance=INTERPOLATED)  # fmt: skip


CURVATURE = pd.read_csv(FOLDER / "curvature.csv", keep_default_na=False)


@pytest.mark.parametrize("case", CURVATURE["case"].unique())
def test_errors_against_a_sharper_second_derivative(case: str, agree: Agree) -> None:
    """Also where glmer's own, over a step of 1e-4 in any unit, are off (see the script)."""
    theirs = CURVATURE[CURVATURE["case"] == case].sort_values("position")  # the SD stands at -1
    asked = theirs.iloc[0]
    data = rows_of(asked["data"]).copy()
    if asked["column"]:
        data[asked["column"]] = data[asked["column"]] * asked["factor"]
    fit = fit_mixed_logistic(
        data, asked["formula"], group=asked["group"], nodes=int(asked["nodes"])
    )
    cell, error = f"mixed curvature {case}", theirs["std_error"]
    estimates = np.concatenate([fit.scales, fit.coefficients])
    spread = np.sqrt(np.diag(fit.joint_covariance))
    errors = np.concatenate([spread[-1:], spread[:-1]])
    agree(cell, "estimates and SD", estimates, theirs["estimate"], scale=error, tolerance=TOLERANCE)
    agree(cell, "their errors", errors, error, scale=error, tolerance=CURVATURE_TOLERANCE)
