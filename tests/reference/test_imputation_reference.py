"""Multiple imputation against R: `make_imputation.R` wrote the numbers, R is not needed here.

Pooling is compared on data sets that mice completed, so it must agree exactly; what is drawn is
compared with what mice draws for the same gaps, within Monte-Carlo error.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from vpstats.frames import Frame, Imputations
from vpstats.models.curve_tests import compare_curves
from vpstats.models.gee import fit_gee
from vpstats.models.hazards import fit_cox
from vpstats.models.imputation import impute
from vpstats.models.logistic import fit_logistic
from vpstats.results import FitResult

HERE = Path(__file__).parent / "imputation"
CASES: dict[str, dict[str, Any]] = {
    c["id"]: c for c in json.loads((HERE / "manifest.json").read_text())["cases"]
}
SE_TOLERANCE = 1e-6
"""In standard errors."""
RELATIVE = 1e-5
"""Of variances, degrees of freedom and F statistics: quotients of what agrees to 1e-6."""


@cache
def read(name: str) -> pd.DataFrame:
    return pd.read_csv(HERE / f"{name}.csv")


@cache
def completed(name: str, cluster: str | None = None) -> Imputations:
    rows = read(name)
    if name == "teens":
        rows = rows.assign(large=(rows["tv"] >= 12).astype(int))
        # mice's order of the regions, north first
        rows["reg"] = pd.Categorical(rows["reg"], ["north", "east", "west", "south", "city"])
    if name == "liver":
        rows = rows.rename(columns={"status": "event"})
    frames = [
        Frame(part.drop(columns=".imp").reset_index(drop=True), unit="row", cluster=cluster)
        for _, part in rows.groupby(".imp")
    ]
    return Imputations(tuple(frames))


@cache
def fitted(case: str) -> FitResult:
    options = dict(CASES[case])
    data = completed(options["set"], options.get("cluster"))
    if options["kind"] == "cox":
        event = "event" if options["set"] == "liver" else "status"
        how = {"cause": options["cause"], "ties": options.get("ties", "efron")}
        return fit_cox(data, options["formula"], duration="time", event=event, **how)
    if options["kind"] == "gee":
        return fit_gee(data, options["formula"], cluster=options["cluster"])
    return fit_logistic(data, options["formula"], vcov=options.get("vcov"))


@pytest.mark.parametrize("case", CASES)
def test_pooled_estimates(case: str, agree: Callable[..., None]) -> None:
    theirs = read("pooled").query("case == @case")
    fit, se = fitted(case), theirs["std_error"].to_numpy()
    cell = f"pooling {case}"
    agree(cell, "estimate", fit.coefficients, theirs["estimate"], scale=se, tolerance=SE_TOLERANCE)
    agree(cell, "std_error", fit.std_errors, theirs["std_error"], scale=se, tolerance=SE_TOLERANCE)
    told = fit.missing_information()
    for ours, name in (("within_variance", "within"), ("between_variance", "between")):
        agree(cell, name, told[ours], theirs[name], scale=se**2, tolerance=RELATIVE)


@pytest.mark.parametrize("case", CASES)
def test_what_missing_values_cost(case: str, agree: Callable[..., None]) -> None:
    theirs = read("pooled").query("case == @case").reset_index(drop=True)
    told, cell = fitted(case).missing_information(), f"pooling {case}"
    # mice raises the share of variance between data sets to 1e-4, which decides the degrees of
    # freedom where nothing much differs between them
    ratio = (told["df"] / theirs["df"])[theirs["increase"] > 1e-4]
    agree(cell, "df", ratio, np.ones(len(ratio)), tolerance=RELATIVE)
    for ours, name in (("relative_increase", "increase"), ("missing_information", "fmi")):
        agree(cell, ours, told[ours], theirs[name], tolerance=RELATIVE)
    np.testing.assert_allclose(np.asarray(fitted(case).df), told["df"])


@pytest.mark.parametrize(
    ("case", "test"), list(read("tests")[["case", "test"]].itertuples(index=False, name=None))
)
def test_joint_tests(case: str, test: str, agree: Callable[..., None]) -> None:
    theirs = read("tests").query("case == @case and test == @test").iloc[0]
    names = list(read("pooled").query("case == @case")["term"])
    fit = fitted(case)
    wanted = [fit.terms[names.index(name)] for name in theirs["terms"].split("|")]
    ours = fit.wald_test(wanted).iloc[0]
    assert ours["df"] == theirs["df1"]
    for quantity, name in (("statistic", "statistic"), ("df_residual", "df2"), ("p_value", "p")):
        ratio = ours[quantity] / theirs[name]
        agree(f"D1 {case}", f"{quantity}, {test}", ratio, 1.0, tolerance=RELATIVE)


CLIPS: dict[str, Callable[[], FitResult]] = {
    "womb-firth": lambda: fit_logistic(
        completed("womb"), "HG ~ NV + PI + EH", penalty="firth", intervals="profile"
    ),
    "womb-plain": lambda: fit_logistic(completed("womb"), "HG ~ PI + EH", intervals="profile"),
    "ovary-firth": lambda: fit_cox(
        completed("ovary"), "age + residual", duration="futime", event="fustat", penalty="firth"
    ),
}


@pytest.mark.parametrize("case", CLIPS)
def test_combined_profile_intervals(case: str, agree: Callable[..., None]) -> None:
    theirs, fit = read("clip").query("case == @case"), CLIPS[case]()
    se, cell = fit.std_errors, f"CLIP {case}"
    agree(cell, "lower", fit.conf_low, theirs["low"], scale=se, tolerance=SE_TOLERANCE)
    agree(cell, "upper", fit.conf_high, theirs["high"], scale=se, tolerance=SE_TOLERANCE)
    agree(cell, "p value", fit.p_values, theirs["p"], tolerance=SE_TOLERANCE)


# --- what is drawn

M = 300 if os.environ.get("VPSTATS_FULL") else 60
NUMBERS = ("albumin", "chol", "copper", "trig", "platelet")
ERRORS = 4.5
"""Monte-Carlo standard errors of 27 comparisons; by chance one in 150,000 is larger."""
FIXED_THERE = "share stage 1"
"""A category that a dozen rows have: mice holds the coefficients of its multinomial model fixed,
here they are drawn, which shows where they are that uncertain."""


def what_is_drawn(gaps: pd.DataFrame, data: pd.DataFrame) -> dict[str, float]:
    found = {}
    for name in NUMBERS:
        drawn = data.loc[gaps[name].isna(), name]
        found[f"mean {name}"], found[f"sd {name}"] = drawn.mean(), drawn.std()
        found[f"p90 {name}"] = drawn.quantile(0.9)
    found["cor chol copper"] = data["chol"].corr(data["copper"])
    found["cor albumin bili"] = data["albumin"].corr(data["bili"])
    found["share hepato"] = data.loc[gaps["hepato"].isna(), "hepato"].mean()
    for name, levels in (("stage", (1, 3, 4)), ("clotting", (1, 4))):
        drawn = data.loc[gaps[name].isna(), name].astype(int)
        found |= {f"share {name} {level}": (drawn == level).mean() for level in levels}
    derived = data.assign(
        late=data["stage"].astype(int) == 4, slow=data["clotting"].astype(int) == 4
    )
    fit = fit_cox(derived, "albumin + chol + copper + late + slow", duration="time", event="died")
    names = ("albumin", "chol", "copper", "stage 4", "clotting 4")
    found |= {f"log hazard ratio {n}": b for n, b in zip(names, fit.coefficients, strict=True)}
    return found


@pytest.mark.slow
def test_draws_are_those_of_mice(agree: Callable[..., None]) -> None:
    gaps = read("incomplete")
    for name in ("stage", "clotting"):
        ordered = name == "clotting"
        gaps[name] = pd.Categorical(gaps[name], [1, 2, 3, 4], ordered=ordered)
    made = impute(gaps, duration="time", event="died", m=M, iterations=10, seed=7)
    ours = pd.DataFrame([what_is_drawn(gaps, frame.data) for frame in made])
    theirs = read("draws").set_index("stat")
    assert set(ours.columns) == set(theirs.index)
    for stat in theirs.index.drop(FIXED_THERE):
        error = np.sqrt(theirs["spread"][stat] ** 2 / theirs["m"][stat] + ours[stat].var() / M)
        agree("draws of mice", stat, ours[stat].mean(), theirs["mean"][stat], scale=error,
              tolerance=ERRORS)  # fmt: skip
        # and they vary as much: the ratio of two standard deviations over m imputations each
        ratio = ours[stat].std() / theirs["spread"][stat]
        agree("draws of mice", f"spread of {stat}", np.log(ratio), 0.0,
              scale=np.sqrt(0.5 / M + 0.5 / theirs["m"][stat]), tolerance=7.0)  # fmt: skip


CURVES: dict[str, dict[str, Any]] = {
    c["id"]: c for c in json.loads((HERE / "curve_tests.json").read_text())["cases"]
}


@pytest.mark.parametrize("name", CURVES)
def test_pooled_comparisons_of_curves(name: str, agree: Callable[..., None]) -> None:
    case = CURVES[name]
    frames = [Frame(d, unit="patient") for _, d in read(case["set"]).groupby(".imp")]
    options = {k: case[k] for k in ("duration", "event", "cause", "by", "rho", "strata")}
    cell = f"log-rank test pooled (D1), {name}"
    single = [compare_curves(frame, **options).statistic for frame in frames]
    agree(cell, "statistic of each", single, case["chisq"], tolerance=1e-8)
    pooled = compare_curves(Imputations(tuple(frames)), **options)
    ours = pooled.glance().iloc[0]
    for quantity in ("statistic", "df", "df_residual", "p_value"):
        theirs = case[quantity]
        # mitml differentiates the constraints numerically
        agree(cell, quantity, ours[quantity], theirs, scale=max(theirs, 1.0), tolerance=1e-7)
