"""Cox and Firth–Cox models against R: data × ties × entry × strata × weights × clusters.

`make_survival.R` wrote the values; `survival/manifest.json` names the versions.
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

from vpstats.models.concordance import concordance
from vpstats.models.hazards import CoxFit, fit_cox
from vpstats.models.proportional import test_proportional_hazards

FOLDER = Path(__file__).parent / "survival"
CASES = json.loads((FOLDER / "cases.json").read_text("utf-8"))


def ids(case: dict[str, Any]) -> str:
    return case["id"]


@cache
def data(name: str) -> pd.DataFrame:
    return pd.read_csv(FOLDER / f"data_{name}.csv")


Agree = Callable[..., None]
TIES = ("efron", "breslow")
FIT_ARGUMENTS = ("duration", "event", "cause", "entry", "strata", "cluster", "weights", "offset")


@cache
def references(file: str) -> dict[tuple[str, str], dict[str, Any]]:
    return {(r["id"], r["ties"]): r for r in json.loads((FOLDER / file).read_text("utf-8"))}


@cache
def fitted(case_id: str, ties: str) -> CoxFit:
    case = next(c for c in CASES["cox"] if c["id"] == case_id)
    asked = {name: case[name] for name in FIT_ARGUMENTS if name in case}
    return fit_cox(data(case["data"]), case["formula"], ties=ties, **asked)


def rows_of(case_id: str) -> pd.DataFrame:
    return data(next(c["data"] for c in CASES["cox"] if c["id"] == case_id))


matrix = pytest.mark.parametrize(
    ("case_id", "ties"), [(c["id"], t) for c in CASES["cox"] for t in TIES]
)


def cell(case_id: str, ties: str, what: str = "Cox") -> str:
    case = next(c for c in CASES["cox"] if c["id"] == case_id)
    words = [name for name in ("entry", "strata", "weights", "offset", "cluster") if name in case]
    return f"{what}, {case['data']}: {' '.join([ties, *words])} ({case_id})"


@matrix
def test_a_cox_model_equals_coxph(case_id: str, ties: str, agree: Agree) -> None:
    fit, theirs = fitted(case_id, ties), references("cox.json")[case_id, ties]
    expected = np.sqrt(np.diag(theirs["var"]))
    assert fit.status == "ok"
    assert fit.n == theirs["n"]
    assert fit.n_events == theirs["nevent"]
    name = cell(case_id, ties)
    agree(name, "coefficients", fit.coefficients, np.atleast_1d(theirs["coef"]), scale=expected)
    agree(name, "standard errors", fit.std_errors, expected, scale=expected)
    agree(name, "covariance", fit.covariance, theirs["var"], scale=np.outer(expected, expected))
    both = [fit.null_log_likelihood, fit.log_likelihood]
    agree(name, "log-likelihood", both, theirs["loglik"], tolerance=1e-7)


@matrix
def test_the_model_covariance_equals_coxph(case_id: str, ties: str, agree: Agree) -> None:
    case = next(c for c in CASES["cox"] if c["id"] == case_id)
    asked = {name: case[name] for name in FIT_ARGUMENTS if name in case and name != "cluster"}
    fit = fit_cox(data(case["data"]), case["formula"], ties=ties, vcov="model", **asked)
    naive = np.sqrt(np.diag(references("cox.json")[case_id, ties]["naive"]))
    agree(cell(case_id, ties), "model errors", fit.std_errors, naive, scale=naive)


@matrix
def test_discrimination_and_residuals_equal_survival(case_id: str, ties: str, agree: Agree) -> None:
    fit, theirs = fitted(case_id, ties), references("cox.json")[case_id, ties]
    rows = rows_of(case_id)
    # hazards that are level up to rounding are ordered by it in either program
    found = concordance(fit, rows).tidy()["estimate"].iloc[0]
    agree(cell(case_id, ties), "concordance", found, theirs["concordance"], tolerance=1e-9)
    martingale = fit.augment(rows)[".resid"].to_numpy()[: len(theirs["martingale"])]
    agree(cell(case_id, ties), "martingale residuals", martingale, theirs["martingale"])


@matrix
def test_proportionality_equals_cox_zph(case_id: str, ties: str, agree: Agree) -> None:
    fit, theirs = fitted(case_id, ties), references("cox.json")[case_id, ties]["zph"]
    name = cell(case_id, ties, "PH test")
    for transform, expected in theirs.items():
        if expected is None:
            continue
        found = test_proportional_hazards(fit, rows_of(case_id), transform=transform).tidy()
        assert found["term"].tolist() == np.atleast_1d(expected["term"]).tolist()
        assert found["df"].tolist() == np.atleast_1d(expected["df"]).tolist()
        chisq = np.atleast_1d(expected["chisq"])
        agree(name, transform, found["statistic"], chisq, scale=np.maximum(chisq, 1e-3))
        p = np.atleast_1d(expected["p"])
        agree(name, f"{transform}, p", found["p_value"], p, scale=np.maximum(p, 1e-12),
              tolerance=1e-5)  # fmt: skip


@matrix
def test_predictions_equal_survfit(case_id: str, ties: str, agree: Agree) -> None:
    fit, theirs = fitted(case_id, ties), references("cox.json")[case_id, ties]["predict"]
    rows, times = rows_of(case_id), sorted({p["time"] for p in theirs})
    name = cell(case_id, ties, "curve")
    compared = [("estimate", "cumhaz")]
    if fit.vcov == "model":
        # of a robust fit survfit counts clusters in the coefficients' part alone; such errors are
        # held to the slopes of R's curves in the weights, in test_hazards_reference.py
        compared.append(("std_error", "se"))
    for row in sorted({p["row"] for p in theirs}):
        expected = [p for p in theirs if p["row"] == row]
        found = fit.predict(rows.iloc[[row]], times=times, kind="cumulative_hazard")
        for ours, key in compared:
            values = np.array([p[key] for p in expected])
            agree(name, f"hazard {ours}", found[ours], values, scale=np.maximum(values, 1e-9))


@pytest.mark.parametrize("case", CASES["firth"], ids=ids)
@pytest.mark.parametrize("ties", TIES)
def test_a_firth_cox_model_maximises_the_penalised_likelihood(
    case: dict[str, Any], ties: str, agree: Agree
) -> None:
    theirs = references("firth.json")[case["id"], ties]
    asked = {name: case[name] for name in FIT_ARGUMENTS if name in case}
    fit = fit_cox(data(case["data"]), case["formula"], ties=ties, penalty="firth", **asked)
    errors = np.sqrt(np.diag(theirs["var"]))
    # R's maximum comes from numerical derivatives, its limits from a root search
    name, numerical = f"Firth–Cox, {case['data']}: {ties} ({case['id']})", 1e-5
    agree(name, "penalised likelihood", fit.penalised_log_likelihood, theirs["penalised"],
          tolerance=1e-8)  # fmt: skip
    ours = {"coefficients": fit.coefficients, "low": fit.conf_low, "high": fit.conf_high}
    for quantity, key in (("coefficients", "coef"), ("low", "low"), ("high", "high")):
        agree(name, quantity, ours[quantity], theirs[key], scale=errors, tolerance=numerical)
    agree(name, "standard errors", fit.std_errors, errors, scale=errors, tolerance=numerical)
