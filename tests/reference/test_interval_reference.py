"""Times between visits against R: msm, survival's survfit and survreg, and a direct maximum.

`make_interval.R` wrote the values; `interval/manifest.json` names the versions. msm
differentiates its gradient numerically: its standard errors are good to some 1e-5 of their size.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from vpstats.models.interval.illness_death import IllnessDeathFit, fit_illness_death
from vpstats.models.interval.interval_aft import fit_interval_aft
from vpstats.models.interval.turnbull import turnbull

FOLDER = Path(__file__).parent / "interval"
TRANSITIONS = ("illness", "death", "death_ill")

MSM = 1e-4
"""Share of a standard error: msm's optimiser and its numerical second derivatives."""
LIKELIHOOD = 1e-10
"""Log-likelihoods are level at their maximum: second order in what msm is short of it."""
COEFFICIENT = 1e-6
CURVE = 1e-9
"""The self-consistent iteration converges slowly where a mass goes to zero."""


@cache
def data(name: str) -> pd.DataFrame:
    return pd.read_csv(FOLDER / f"data_{name}.csv")


@cache
def cases(file: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((FOLDER / file).read_text("utf-8"))
    return found


def of(file: str) -> Any:
    return pytest.mark.parametrize("case", cases(file), ids=lambda c: c["id"])


def fitted(case: dict[str, Any], after_illness: str = "own") -> IllnessDeathFit:
    return fit_illness_death(
        data(case["data"]),
        dict(case["formula"]) or "~ 1",
        left="left",
        right="right",
        end="end",
        died="died",
        entry="entry",
        cuts=case["cuts"],
        after_illness=after_illness,
    )


def as_msm(fit: IllnessDeathFit, names: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Our parameters as msm writes them: baselines, then log ratios of windows and covariates."""
    layout, edges = fit.layout, [*fit.request.edges[1:-1], np.inf]
    rows = []
    for name in names:
        q, _, label = name.partition(":")
        row = np.zeros(len(fit.terms))
        base = layout.windows[TRANSITIONS.index(q)]
        if label.startswith("timeperiod"):
            start = float(label.split("[")[1].split(",")[0])
            k = 1 + edges.index(start)
            row[base[k]] += 1
            row[base[0]] -= 1
        elif label:
            if name in fit.terms:
                row[fit.terms.index(name)] = 1
        else:
            row[base[0]] += 1
            if q == "death_ill" and layout.ratio is not None:
                row[layout.ratio] += 1
        rows.append(row)
    matrix = np.array(rows)
    known = np.isfinite(fit.coefficients)
    assert not matrix[:, ~known].any()
    covariance = np.where(np.isnan(fit.covariance), 0.0, fit.covariance)
    return matrix @ np.where(known, fit.coefficients, 0.0), matrix @ covariance @ matrix.T


@of("illness.json")
def test_an_illness_death_model_equals_msm(
    case: dict[str, Any], agree: Callable[..., None]
) -> None:
    fit = fitted(case, case["after_illness"])
    assert fit.ok
    assert fit.converged
    estimate, covariance = as_msm(fit, np.atleast_1d(case["names"]).tolist())
    theirs, variance = np.atleast_1d(case["estimate"]), np.diag(np.atleast_2d(case["var"]))
    used = variance > 0  # a covariate that one transition lacks stands there as 0
    scale = np.sqrt(variance[used])
    cell = f"illness–death, {case['id']}"
    agree(cell, "estimate", estimate[used], theirs[used], scale=scale, tolerance=MSM)
    ours = np.sqrt(np.diag(covariance)[used])
    agree(cell, "standard error", ours, scale, scale=scale, tolerance=MSM)
    value = fit.log_likelihood / case["log_likelihood"]
    agree(cell, "log-likelihood, relative", value, 1.0, tolerance=LIKELIHOOD)
    assert fit.log_likelihood >= case["log_likelihood"] - 1e-9


@of("poisson.json")
def test_known_times_equal_poisson_regression(
    case: dict[str, Any], agree: Callable[..., None]
) -> None:
    fit = fitted(case).tidy().set_index("term").loc[case["names"]]
    cell, scale = f"illness–death, known times, {case['id']}", np.array(case["std_error"])
    agree(cell, "estimate", fit["estimate"], case["estimate"], scale=scale)
    agree(cell, "standard error", fit["std_error"], scale, scale=scale)


@of("turnbull.json")
def test_turnbull_equals_survfit(case: dict[str, Any], agree: Callable[..., None]) -> None:
    curve = turnbull(data(case["data"]), left="left", right="right", by=case["by"] or None)
    assert curve.converged
    steps = curve.tidy()
    names = steps[curve.by].astype(str) if curve.by else pd.Series("", steps.index)
    cells = curve.cells
    owner = cells[curve.by].astype(str) if curve.by else pd.Series("", cells.index)
    for group in dict.fromkeys(case["group"]):
        theirs = pd.DataFrame({"time": case["time"], "surv": case["surv"]})
        theirs = theirs[np.array(case["group"]) == group]
        own, inner = steps[names == group], cells[owner == group]
        # within a cell neither estimate is determined; both are level outside
        at = theirs["time"].to_numpy()
        inside = (at[:, None] > inner["left"].to_numpy()) & (
            at[:, None] < inner["right"].to_numpy()
        )
        midpoint = np.isclose(at[:, None], own["time"].to_numpy(), atol=1e-9).any(axis=1)
        use = ~(inside & (inner["mass"].to_numpy() > 1e-9)).any(axis=1) | midpoint
        place = np.searchsorted(own["time"].to_numpy() - 1e-9, at[use], side="right") - 1
        ours = np.append(own["estimate"].to_numpy(), 1.0)[place]
        agree(f"Turnbull, {case['id']}", f"survival {group}".strip(), ours,
              theirs["surv"].to_numpy()[use], tolerance=CURVE)  # fmt: skip
        assert use.mean() > 0.9


@of("grid.json")
def test_fixed_visits_equal_the_multinomial_maximum(
    case: dict[str, Any], agree: Callable[..., None]
) -> None:
    right = [np.nan if r in (None, "NA") else r for r in case["right"]]
    rows = pd.DataFrame({"left": case["left"], "right": right})
    curve = turnbull(rows, left="left", right="right", visits=case["visits"])
    steps = curve.tidy()
    assert steps["time"].tolist() == case["visits"]
    cell = f"Turnbull at fixed visits, {case['id']}"
    scale = np.array(case["std_error"])
    agree(cell, "survival", steps["estimate"], case["surv"], scale=scale, tolerance=COEFFICIENT)
    # the oracle differentiates numerically
    agree(cell, "standard error", steps["std_error"], scale, scale=scale, tolerance=1e-5)
    assert curve.log_likelihood == pytest.approx(case["log_likelihood"], rel=1e-10)


def aft_options(case: dict[str, Any]) -> dict[str, Any]:
    more = {name: case[name] for name in ("cluster", "weights") if case[name]}
    rows = data(case["data"])
    silent = (rows["left"].fillna(0) == 0) & rows["right"].isna()
    return {
        "data": rows[~silent],
        "formula": case["formula"],
        "left": "left",
        "right": "right",
        "distribution": case["distribution"],
        **more,
    }


@of("aft.json")
def test_accelerated_failure_times_equal_survreg(
    case: dict[str, Any], agree: Callable[..., None]
) -> None:
    fit = fit_interval_aft(**aft_options(case))
    assert fit.ok
    expected = np.sqrt(np.diag(case["var"]))
    cell = f"AFT, {case['id']}"
    agree(cell, "coefficient", fit.coefficients, case["estimate"], scale=expected)
    agree(cell, "standard error", fit.std_errors, expected, scale=expected)
    scale = np.outer(expected, expected)
    agree(cell, "covariance", fit.covariance, np.array(case["var"]), scale=scale)
    assert fit.log_likelihood == pytest.approx(case["log_likelihood"], rel=1e-10)


PEER = 1e-2
"""lifelines stops at a relative change, up to 0.005 standard errors short of the maximum here."""


@pytest.mark.parametrize("distribution", ["weibull", "loglogistic"])
def test_accelerated_failure_times_agree_with_lifelines(
    distribution: str, agree: Callable[..., None]
) -> None:
    from lifelines import LogLogisticAFTFitter, WeibullAFTFitter

    rows = data("psor").fillna({"right": np.inf, "left": 0})[
        ["left", "right", "hieffusn", "ollwsdrt"]
    ]
    rows = rows.dropna().reset_index(drop=True)  # lifelines aligns by label
    ours = fit_interval_aft(rows, "~ hieffusn + ollwsdrt", left="left", right="right",
                            distribution=distribution)  # fmt: skip
    peer = {"weibull": WeibullAFTFitter, "loglogistic": LogLogisticAFTFitter}[distribution]()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its own deprecations
        peer.fit_interval_censoring(rows, "left", "right")
    main, other = {"weibull": ("lambda_", "rho_"), "loglogistic": ("alpha_", "beta_")}[distribution]
    theirs = peer.params_[main][["Intercept", "hieffusn", "ollwsdrt"]].to_numpy()
    theirs = np.append(theirs, -peer.params_[other]["Intercept"])
    agree(f"AFT against lifelines, {distribution}", "coefficient", ours.coefficients, theirs,
          scale=ours.std_errors, tolerance=PEER)  # fmt: skip
