"""Tests of curves, numbers read off curves and numbers at risk against survival and cmprsk.

`make_curve_tests.R` wrote the values; `curves/manifest.json` names the versions.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from statsmodels.duration.survfunc import survdiff

from vpstats.models.curve_tests import compare_curves
from vpstats.models.curves import cumulative_incidence, kaplan_meier
from vpstats.models.differences import compare_at
from vpstats.models.quantiles import curve_quantiles, follow_up
from vpstats.models.restricted import restricted_mean

FOLDER = Path(__file__).parent / "curves"
CASES = json.loads((FOLDER / "cases.json").read_text("utf-8"))
Agree = Callable[..., None]

CLOSED = 1e-10
"""Nothing is iterated: the same sums in another order, relative to the number itself."""


def ids(case: dict[str, Any]) -> str:
    return case["id"]


@cache
def data(name: str) -> pd.DataFrame:
    own = FOLDER / f"data_{name}.csv"
    return pd.read_csv(own if own.exists() else FOLDER.parent / "survival" / own.name)


@cache
def references(file: str) -> dict[str, dict[str, Any]]:
    return {r["id"][0] if isinstance(r["id"], list) else r["id"]: r
            for r in json.loads((FOLDER / file).read_text("utf-8"))}  # fmt: skip


def asked(case: dict[str, Any], *names: str) -> dict[str, Any]:
    always = ("duration", "event", "by", "entry", "cluster")
    return {name: case[name] for name in (*always, *names) if name in case}


@pytest.mark.parametrize("case", CASES["tests"], ids=ids)
def test_a_test_of_curves_equals_survdiff_and_cuminc(case: dict[str, Any], agree: Agree) -> None:
    theirs = references("tests.json")[case["id"]]
    compared = compare_curves(data(case["data"]), **asked(case, "cause", "test", "rho", "strata"))
    statistic = theirs["statistic"]
    agree(case["id"], "statistic", compared.statistic, statistic, scale=max(statistic, 1.0),
          tolerance=CLOSED)  # fmt: skip
    assert compared.df == theirs["df"]
    for column in ("observed", "expected"):
        if column in theirs:
            expected = np.array(theirs[column])
            agree(case["id"], column, compared.table[column], expected, scale=expected.max(),
                  tolerance=CLOSED)  # fmt: skip


WEIGHTS = {"logrank": None, "gehan": "gb", "tarone-ware": "tw"}


@pytest.mark.parametrize("test", WEIGHTS)
@pytest.mark.parametrize(
    ("name", "columns"),
    [
        ("veteran", {"duration": "time", "event": "status", "by": "celltype"}),
        ("heart", {"duration": "stop", "event": "event", "by": "transplant", "entry": "start"}),
        ("myeloma", {"duration": "time", "event": "death", "by": "decade", "entry": "entry"}),
        ("diabetic", {"duration": "time", "event": "status", "by": "risk", "entry": "late"}),
        ("lung", {"duration": "time", "event": "died", "by": "sex", "strata": "ecog"}),
    ],
)
def test_weighted_tests_with_late_entry_equal_statsmodels(
    name: str, columns: dict[str, str], test: str, agree: Agree
) -> None:
    rows = data(name)
    if name == "diabetic":
        # of a time of 0 the two packages think differently, and there is none else
        rows = rows[rows["time"] > 0]
    ours = compare_curves(rows, **columns, test=test)
    theirs, _ = survdiff(
        rows[columns["duration"]].to_numpy(float),
        rows[columns["event"]].to_numpy(),
        rows[columns["by"]].to_numpy(),
        weight_type=WEIGHTS[test],
        strata=rows[columns["strata"]].to_numpy() if "strata" in columns else None,
        entry=rows[columns["entry"]].to_numpy(float) if "entry" in columns else None,
    )
    agree(f"{test}_{name}_statsmodels", "statistic", ours.statistic, theirs,
          scale=max(theirs, 1.0), tolerance=CLOSED)  # fmt: skip


@cache
def numbers() -> pd.DataFrame:
    return pd.read_csv(FOLDER / "numbers.csv", skipinitialspace=True, float_precision="round_trip")


def estimated(case: dict[str, Any], cause: int) -> pd.DataFrame:
    """Our table of the case, its differences against the first group."""
    rows, more = data(case["data"]), asked(case, "weights")
    if case["kind"] == "area":
        if cause:
            more["cause"] = cause
        table = restricted_mean(rows, **more, horizon=case["horizon"]).tidy()
        return table[table["measure"] == ("time_lost" if cause else "restricted_mean")]
    if cause:
        return compare_at(rows, **more, times=case["times"], cause=cause).tidy()
    return compare_at(rows, **more, times=case["times"], estimand="survival").tidy()


# fixed times are for groups; curves of one group are held against survfit elsewhere
READ = [c for c in CASES["numbers"] if "by" in c or c["kind"] == "area"]


@pytest.mark.parametrize("case", READ, ids=ids)
def test_numbers_read_off_curves_equal_survfit(case: dict[str, Any], agree: Agree) -> None:
    theirs = numbers()[numbers()["id"] == case["id"]]
    for (cause, time), part in theirs.groupby(["cause", "time"]):
        ours = estimated(case, int(cause))
        ours = ours[ours["time"] == time]
        cell = f"{case['id']}_{cause}_{time:g}"
        width = int(part["one"].max())
        covariance = part["covariance"].to_numpy().reshape(width, width)
        estimate = part["estimate"].to_numpy()[:width]
        if cause == 0:
            estimate = (case["horizon"] if case["kind"] == "area" else 1.0) - estimate
        known = compare_groups(ours, estimate, covariance, cell, agree)
        compare_contrasts(ours, estimate, covariance, known, cell, agree)


def compare_groups(
    ours: pd.DataFrame, estimate: np.ndarray, covariance: np.ndarray, cell: str, agree: Agree
) -> np.ndarray:
    own = ours[ours["contrast"] == "none"]
    # beyond the follow-up of a group we give nothing, where survfit draws the curve on
    known = own["estimate"].notna().to_numpy()
    assert known.sum() >= len(known) - 1
    error = np.sqrt(np.diag(covariance))
    known_error = known & ~np.isnan(error)  # R gives none where nobody is left
    size = np.abs(estimate[known]).max() or 1.0
    agree(cell, "estimate", own["estimate"][known], estimate[known], scale=size, tolerance=CLOSED)
    # a variance is a sum of squares: rounding takes 1e-15 of it, and more of its root near 0
    agree(cell, "std_error", own["std_error"][known_error], error[known_error], scale=size,
          tolerance=CLOSED)  # fmt: skip
    return known_error


def compare_contrasts(
    ours: pd.DataFrame,
    estimate: np.ndarray,
    covariance: np.ndarray,
    known: np.ndarray,
    cell: str,
    agree: Agree,
) -> None:
    others = np.flatnonzero(known[1:] & known[0]) + 1
    gradient = np.zeros((len(others), len(estimate)))
    gradient[np.arange(len(others)), others], gradient[:, 0] = 1.0, -1.0
    for contrast in ("difference", "ratio"):
        if contrast == "ratio" and (estimate <= 0).any():
            continue
        g = gradient if contrast == "difference" else gradient / estimate
        value = estimate[others] - estimate[0] if contrast == "difference" else (
            estimate[others] / estimate[0])  # fmt: skip
        rows = ours[ours["contrast"] == contrast].iloc[others - 1]
        size = np.abs(value).max(initial=1e-3)
        error = np.sqrt(np.einsum("ij,jk,ik->i", g, covariance, g))
        agree(cell, contrast, rows["estimate"], value, scale=size, tolerance=CLOSED)
        agree(cell, f"{contrast}, std_error", rows["std_error"], error,
              scale=error.max(initial=1e-3), tolerance=1e-9)  # fmt: skip


@pytest.mark.parametrize("case", CASES["quantiles"], ids=ids)
def test_quantiles_equal_survfit(case: dict[str, Any], agree: Agree) -> None:
    theirs = references("quantiles.json")[case["id"]]
    rows, shares = data(case["data"]), tuple(case["probabilities"])
    more = asked(case, "conf_type")
    if case.get("reverse"):
        table = follow_up(rows, **more, probabilities=shares).tidy()
    elif "cause" in case:
        curve = cumulative_incidence(rows, **more, cause=case["cause"])
        table = curve_quantiles(curve, shares).tidy()
    else:
        table = curve_quantiles(kaplan_meier(rows, **more), shares).tidy()
    for column in ("estimate", "conf_low", "conf_high"):
        expected = np.array(theirs[column], dtype=float)
        agree(case["id"], column, table[column], expected, tolerance=CLOSED)


@pytest.mark.parametrize("case", CASES["at_risk"], ids=ids)
@pytest.mark.parametrize("convention", ["before", "start"])
def test_numbers_at_risk_equal_survfit(case: dict[str, Any], convention: str, agree: Agree) -> None:
    rows = data(case["data"])
    curve = kaplan_meier(rows, **asked(case), competing="censor")
    found = curve.at_risk(case["times"], convention=convention)
    theirs = references("at_risk.json")[case["id"]]
    agree(case["id"], convention, found["n_risk"], theirs[convention], tolerance=0)
