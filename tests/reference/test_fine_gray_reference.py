"""Fine–Gray models against R: data × covariates × causes × strata × clusters × delayed entry.

`make_fine_gray.R` wrote the values; `fine_gray/manifest.json` names the versions. The oracles:

- cmprsk::crr and predict.crr, on data with and without ties;
- mets::cifreg for clusters and strata, and for the errors of the baseline, on times without ties;
- the formulas of Zhou et al. (2011, 2012) written term by term in the script, with ties, which on
  independent rows equal crr;
- survival::finegray and coxph for delayed entry, on times without ties. Their errors take the
  weights as known, so they are compared with scores that leave out what estimating them adds.
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

from vpstats.frames import Frame
from vpstats.models.covariance import sandwich
from vpstats.models.fine_gray import FineGrayFit, fit_fine_gray
from vpstats.models.hazards_data import read_data, read_request
from vpstats.models.hazards_search import search
from vpstats.models.partial import Scores
from vpstats.models.subdistribution import find_subdistribution

FOLDER = Path(__file__).parent / "fine_gray"
Agree = Callable[..., None]

PREDICTED = 1e-9
"""Predictions are functions of the coefficients, which R leaves up to 1e-8 errors away."""


@cache
def data(name: str) -> pd.DataFrame:
    return pd.read_csv(FOLDER / f"data_{name}.csv", float_precision="round_trip")


def cases(file: str) -> list[dict[str, Any]]:
    return json.loads((FOLDER / file).read_text("utf-8"))


def name_of(case: dict[str, Any]) -> str:
    named = [case["data"], case["formula"], f"{case['duration']}, cause {case['cause']}"]
    named += [f"{k} {case[k]}" for k in ("entry", "strata", "cluster") if case.get(k)]
    return "; ".join(named) + (", censoring from all" if case.get("pooled") else "")


def rows_of(case: dict[str, Any]) -> pd.DataFrame:
    rows = data(case["data"])
    if case.get("entry"):
        rows = rows[rows[case["entry"]] < rows[case["duration"]]]
    return rows.head(case.get("n", len(rows)))


def fitted(case: dict[str, Any]) -> FineGrayFit:
    asked = {k: case[k] for k in ("duration", "cause", "entry", "strata", "cluster") if case.get(k)}
    if case.get("pooled"):
        asked["censoring"] = ()
    return fit_fine_gray(rows_of(case), case["formula"], event="event", **asked)


crr = pytest.mark.parametrize("case", cases("crr.json"), ids=name_of)


@crr
def test_a_fit_equals_crr(case: dict[str, Any], agree: Agree) -> None:
    fit, cell = fitted(case), f"Fine–Gray, crr: {name_of(case)}"
    variance = np.atleast_2d(case["var"])
    errors = np.sqrt(np.diag(variance))
    agree(cell, "estimate", fit.coefficients, np.atleast_1d(case["coef"]), scale=errors)
    agree(cell, "std_error", fit.std_errors, errors, scale=errors)
    agree(cell, "covariance", fit.covariance, variance, scale=np.outer(errors, errors))
    found = [fit.log_likelihood, fit.null_log_likelihood]
    agree(cell, "log-likelihood", found, [case["loglik"], case["null"]], tolerance=1e-8)


@crr
def test_predictions_equal_predict_crr(case: dict[str, Any], agree: Agree) -> None:
    new = rows_of(case).iloc[case["rows"]]
    found = fitted(case).predict(new, times=case["times"])["estimate"]
    cell = f"Fine–Gray, crr: {name_of(case)}"
    agree(cell, "incidence", found, np.ravel(case["risk"]), tolerance=PREDICTED)


@pytest.mark.parametrize("case", cases("mets.json"), ids=name_of)
def test_a_clustered_or_stratified_fit_equals_cifreg(case: dict[str, Any], agree: Agree) -> None:
    fit, cell = fitted(case), f"Fine–Gray, cifreg: {name_of(case)}"
    errors = np.atleast_1d(case["se"])
    agree(cell, "estimate", fit.coefficients, np.atleast_1d(case["coef"]), scale=errors)
    agree(cell, "std_error", fit.std_errors, errors, scale=errors)
    if "times" in case:
        new = rows_of(case).head(1)
        found = fit.predict(new, times=case["times"], kind="cumulative_hazard")
        errors = np.array(case["hazard_se"])
        agree(cell, "hazard", found["estimate"], case["hazard"], scale=errors)
        agree(cell, "error of the hazard", found["std_error"], errors, scale=errors)


@pytest.mark.parametrize("case", cases("formulas.json"), ids=name_of)
def test_a_fit_equals_the_formulas_of_the_papers(case: dict[str, Any], agree: Agree) -> None:
    fit, cell = fitted(case), f"Fine–Gray, formulas: {name_of(case)}"
    errors = np.sqrt(np.diag(np.atleast_2d(case["var"])))
    agree(cell, "estimate", fit.coefficients, np.atleast_1d(case["coef"]), scale=errors)
    agree(cell, "std_error", fit.std_errors, errors, scale=errors)


@pytest.mark.parametrize("case", cases("entry.json"), ids=name_of)
def test_late_entry_equals_finegray(case: dict[str, Any], agree: Agree) -> None:
    fit, cell = fitted(case), f"Fine–Gray, finegray: {name_of(case)}"
    errors = np.sqrt(np.diag(np.atleast_2d(case["known"])))
    assert fit.n == case["n"]
    agree(cell, "estimate", fit.coefficients, np.atleast_1d(case["coef"]), scale=errors)
    agree(cell, "error, weights known", errors_of_known_weights(case), errors, scale=errors)


def errors_of_known_weights(case: dict[str, Any]) -> np.ndarray:
    frame = Frame(rows_of(case), unit="row")
    options = {
        **{name: case.get(name) or None for name in ("duration", "cause", "entry", "strata")},
        "event": "event",
        "weights": None,
        "offset": None,
        "penalty": None,
        "vcov": None,
        "ties": "breslow",
        "level": 0.95,
    }
    given = read_data(frame, read_request(frame, case["formula"], options))
    event = given.follow_up.event
    sets = find_subdistribution(given.rows, event, case["cause"], given.rows.strata).sets
    found = search(sets)
    assert found.sums is not None
    meat = Scores(sets, found.sums).gram()
    return np.sqrt(np.diag(sandwich(found.solution.covariance, meat)))
