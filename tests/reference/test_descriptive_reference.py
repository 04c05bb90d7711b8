"""Named tests, shares, rates, agreement and accuracy against R: every cell of the script.

The numbers were written by `make_descriptive.R`; R is not needed here. `descriptive/manifest.json`
says which R and which packages.
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

from vpstats.models.agreement import agreement
from vpstats.models.diagnostic import diagnostic_accuracy
from vpstats.models.named_tests import compare_groups, compare_pairs
from vpstats.models.paired import paired_proportions
from vpstats.models.rate_ratios import compare_rates
from vpstats.models.rates import event_rates, incidence_rates

HERE = Path(__file__).parent / "descriptive"
Agree = Callable[..., None]

EXACT = 1e-10
"""Closed forms and exact distributions: only rounding can differ."""
P_VALUE = 1e-7
"""Relative: R sums the tables of a larger exact test to about this accuracy."""
ROOT = 1e-8
"""Relative; R's limits are roots of equations that it solves to 1e-13 at best, on a flat curve."""
SCALED = 1e-6
"""In standard errors, for estimates with one."""


@cache
def rows_of(name: str) -> pd.DataFrame:
    # "None" is a category of one of them
    return pd.read_csv(HERE / f"{name}.csv", keep_default_na=False, na_values=["NA"])


def cases(topic: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((HERE / f"{topic}.json").read_text("utf-8"))
    return found


def named(case: dict[str, Any]) -> str:
    left_out = ("result", "exact", "continuity", "scores", "interval")
    parts = [f"{v}" for k, v in case.items() if k not in left_out and v is not None]
    extra = [k for k in ("exact", "scores") if case.get(k) is not None]
    return " ".join([*parts, *extra, *(["plain"] if case.get("continuity") is False else [])])


def number(value: Any) -> float:
    return float("nan") if value in (None, "NA") else float("inf") if value == "Inf" else value


def compare(agree: Agree, cell: str, row: Any, result: dict[str, Any]) -> None:
    """Hold statistic, p-value, estimate and limits against R's, each relative to its size."""
    names = {"low": "conf_low", "high": "conf_high"}
    for key, theirs in result.items():
        value = number(theirs)
        if key in ("estimate", "low", "high") and np.isnan(value):
            continue
        size = max(abs(value), 1e-300) if np.isfinite(value) else 1.0
        if key in ("estimate", "low", "high"):  # a limit at 0 has the size of its interval
            ends = [number(result[k]) for k in ("low", "high", "estimate") if k in result]
            size = max([abs(v) for v in ends if np.isfinite(v)] + [1e-3])
        tolerance = {"p_value": P_VALUE, "low": ROOT, "high": ROOT, "estimate": ROOT}.get(key, 1e-9)
        agree(cell, key, row[names.get(key, key)], value, scale=size, tolerance=tolerance)


@pytest.mark.parametrize("case", cases("groups"), ids=named)
def test_groups(case: dict[str, Any], agree: Agree) -> None:
    data = rows_of(case["data"])
    row = compare_groups(
        data,
        variable=case["variable"],
        by=case["by"],
        test=case["test"],
        cluster=case["cluster"],
        exact=case["exact"],
        continuity=case["continuity"],
        scores=case["scores"],
        level=case["level"],
    ).tidy().iloc[0]  # fmt: skip
    compare(agree, f"groups: {named(case)}", row, case["result"])


@pytest.mark.parametrize("case", cases("pairs"), ids=named)
def test_pairs(case: dict[str, Any], agree: Agree) -> None:
    row = compare_pairs(
        rows_of(case["data"]),
        first=case["first"],
        second=case["second"],
        test=case["test"],
        exact=case["exact"],
        continuity=case["continuity"],
        level=case["level"],
    ).tidy().iloc[0]  # fmt: skip
    compare(agree, f"pairs: {named(case)}", row, case["result"])


@pytest.mark.parametrize("case", cases("paired"), ids=named)
def test_paired_proportions(case: dict[str, Any], agree: Agree) -> None:
    theirs, cell = case["result"], f"paired: {named(case)}"
    options = {k: case[k] for k in ("first", "second", "cluster", "level")}

    def row(**more: Any) -> Any:
        return paired_proportions(rows_of(case["data"]), **options, **more).tidy().iloc[0]

    wald = row(interval="wald")
    error = theirs["std_error"]
    for name, key in [("estimate",) * 2, ("std_error",) * 2, ("conf_low", "wald_low"),
                      ("conf_high", "wald_high")]:  # fmt: skip
        agree(cell, key, wald[name], theirs[key], scale=error, tolerance=SCALED)
    if case["cluster"] is None:
        score = row()
        for name in ("low", "high"):
            agree(cell, f"Tango {name}", score[f"conf_{name}"], theirs[f"score_{name}"],
                  tolerance=ROOT)  # fmt: skip
        return
    for test in ("obuchowski", "durkalski"):
        found = row(test=test)
        agree(cell, test, found["statistic"], theirs[test], tolerance=EXACT)
        agree(cell, f"{test} p", found["p_value"], theirs[f"{test}_p"], tolerance=EXACT)


@pytest.mark.parametrize("case", cases("agreement"), ids=named)
def test_agreement(case: dict[str, Any], agree: Agree) -> None:
    theirs, cell = case["result"], f"agreement: {named(case)}"
    data = rows_of(case["data"])
    options = {k: case[k] for k in ("first", "second", "cluster", "weights")}
    if data[case["first"]].dtype == object and case["weights"]:  # letters in their order
        levels = pd.CategoricalDtype(["a", "b", "c"], ordered=True)
        data = data.astype({case["first"]: levels, case["second"]: levels})
    table = agreement(data, **options).tidy().set_index("stat")
    kappa = table.loc["kappa"]
    error = kappa["std_error"]
    agree(cell, "kappa", kappa["estimate"], theirs["kappa"], scale=error, tolerance=SCALED)
    if "kappa_psych" in theirs:
        agree(
            cell, "psych", kappa["estimate"], theirs["kappa_psych"], scale=error, tolerance=SCALED
        )
    if "std_error" in theirs:
        agree(cell, "std_error", error, theirs["std_error"], scale=error, tolerance=SCALED)
    if "jackknife" in theirs:
        knife = agreement(data, **options, vcov="jackknife").tidy().set_index("stat")
        agree(cell, "jackknife", knife.loc["kappa", "std_error"], theirs["jackknife"], scale=error,
              tolerance=SCALED)  # fmt: skip
    if "z" in theirs:
        agree(cell, "z", kappa["statistic"], theirs["z"], scale=theirs["z"])
        agree(cell, "p_value", kappa["p_value"], theirs["p_value"])
        for stat, key in [("pabak", "pabak"), ("agreement", "po"), ("expected_agreement", "pe")]:
            agree(cell, stat, table.loc[stat, "estimate"], theirs[key], tolerance=EXACT)
        # epiR counts the first category as the finding, we the second
        for stat, key in [("prevalence_index", "prevalence"), ("bias_index", "bias")]:
            agree(cell, stat, abs(table.loc[stat, "estimate"]), abs(theirs[key]), tolerance=EXACT)


ACCURACY = cases("accuracy")


def accuracy_rows(case: dict[str, Any], **more: Any) -> pd.DataFrame:
    return diagnostic_accuracy(
        rows_of(case["data"]), test=case["test"], reference=case["reference"], **more
    ).tidy()


@pytest.mark.parametrize("case", ACCURACY["complete"], ids=named)
def test_accuracy(case: dict[str, Any], agree: Agree) -> None:
    cell = f"accuracy: {named(case)} {case['interval']}"
    interval = {"exact": "clopper-pearson", "wilson": "wilson"}[case["interval"]]
    table = accuracy_rows(
        case, cluster=case["cluster"], interval=interval, level=case["level"]
    ).set_index("stat")
    for stat, theirs in case["result"].items():
        if case["cluster"] is not None:
            error = table.loc[stat, "std_error"]
            agree(cell, stat, error, theirs, scale=theirs, tolerance=SCALED)
            continue
        ours = table.loc[stat, ["estimate", "conf_low", "conf_high"]].to_numpy(float)
        agree(cell, stat, ours, theirs, scale=np.abs(theirs), tolerance=1e-9)


@pytest.mark.parametrize("case", ACCURACY["begg"], ids=named)
def test_begg_greenes(case: dict[str, Any], agree: Agree) -> None:
    table = accuracy_rows(case)
    table = table[table["method"].str.startswith("Begg")].set_index("stat")
    for stat, theirs in case["result"].items():
        size = 1 if np.ndim(theirs) == 0 else 3
        ours = table.loc[stat, ["estimate", "conf_low", "conf_high"]].to_numpy(float)[:size]
        agree(f"Begg–Greenes: {named(case)}", stat, ours, np.atleast_1d(theirs), tolerance=EXACT)


@pytest.mark.parametrize("case", ACCURACY["ipw"], ids=named)
def test_inverse_probability(case: dict[str, Any], agree: Agree) -> None:
    covariates = case["covariates"]
    covariates = [covariates] if isinstance(covariates, str) else covariates
    table = accuracy_rows(case, method="ipw", covariates=covariates)
    table = table[table["method"].str.startswith("inverse")].set_index("stat")
    for stat, theirs in case["result"].items():
        ours = table.loc[stat, ["estimate", "conf_low", "conf_high"]].to_numpy(float)
        agree(f"IPW: {case['test']} {covariates}", stat, ours, theirs, tolerance=ROOT)


SHARES = cases("shares")


@pytest.mark.parametrize("case", SHARES["shares"], ids=named)
def test_shares(case: dict[str, Any], agree: Agree) -> None:
    for method, theirs in case["result"].items():
        row = event_rates(
            rows_of(case["data"]),
            outcome=case["outcome"],
            method="wald" if method == "std_error" else method,
            cluster=case["cluster"],
            level=case["level"],
        ).tidy().iloc[0]  # fmt: skip
        ours = row["std_error"] if method == "std_error" else row[["conf_low", "conf_high"]]
        agree(f"share: {named(case)}", method, np.asarray(ours, float), theirs, tolerance=EXACT)


@pytest.mark.parametrize("case", SHARES["rates"], ids=named)
def test_rates(case: dict[str, Any], agree: Agree) -> None:
    data, theirs, cell = rows_of(case["data"]), case["result"], f"rates: {named(case)}"
    options = {k: case[k] for k in ("duration", "event", "by", "level")}
    one = incidence_rates(data, **options).tidy()
    ours = one[["conf_low", "conf_high"]].to_numpy(float)
    agree(cell, "rates", ours, theirs["rates"], scale=np.abs(theirs["rates"]), tolerance=EXACT)
    for method, key, p_key in [("exact", "exact", "p_value"), ("mid-p", "mid", "mid_p")]:
        row = compare_rates(data, **options, method=method).tidy().iloc[0]
        ours = row[["conf_low", "conf_high"]].to_numpy(float)
        agree(cell, f"ratio, {method}", ours, theirs[key], tolerance=ROOT)
        agree(cell, f"p, {method}", row["p_value"], theirs[p_key], tolerance=EXACT)
        agree(cell, "ratio", row["estimate"], theirs["ratio"], tolerance=EXACT)
