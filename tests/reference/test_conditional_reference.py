"""Conditional logistic regression against R's clogit: every case of `make_conditional.R`."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from vpstats.models.conditional import ConditionalLogisticFit, fit_conditional_logistic

HERE = Path(__file__).parent
MANIFEST = json.loads((HERE / "conditional" / "manifest.json").read_text())
CASES: dict[str, dict[str, Any]] = {case["id"]: case for case in MANIFEST["cases"]}


@cache
def fit_of(case: str) -> ConditionalLogisticFit:
    options = CASES[case]
    data = pd.read_csv(HERE / options["folder"] / f"{options['data']}.csv")
    return fit_conditional_logistic(
        data,
        options["formula"],
        strata=options["strata"],
        cluster=options["cluster"],
        level=options["level"],
    )


def read(name: str, case: str) -> pd.DataFrame:
    rows = pd.read_csv(HERE / "conditional" / f"{name}.csv")
    return rows[rows["case"] == case]


@pytest.mark.parametrize("case", CASES)
def test_coefficients_errors_and_limits(case: str, agree: Callable[..., None]) -> None:
    fit, theirs = fit_of(case), read("cases", case)
    assert fit.ok
    ours, cell = fit.tidy(), f"conditional logistic, {case}"
    for column in ("estimate", "std_error", "conf_low", "conf_high"):
        agree(cell, column, ours[column], theirs[column], scale=theirs["std_error"])
    agree(cell, "p_value", ours["p_value"], theirs["p_value"])


@pytest.mark.parametrize("case", CASES)
def test_likelihoods_strata_and_joint_tests(case: str, agree: Callable[..., None]) -> None:
    fit, theirs, cell = fit_of(case), read("cases", case), f"conditional logistic, {case}"
    for name in ("log_likelihood", "null_log_likelihood"):
        agree(cell, name, getattr(fit, name), theirs[name].iloc[0], tolerance=1e-9)
    assert fit.n_strata == theirs["strata"].iloc[0]
    assert fit.n_uninformative == theirs["uninformative"].iloc[0]
    joint, expected = fit.wald_test(list(fit.terms)).iloc[0], read("tests", case).iloc[0]
    assert joint["df"] == expected["q"]
    agree(cell, "Wald statistic", joint["statistic"], expected["statistic"],
          scale=expected["statistic"])  # fmt: skip
