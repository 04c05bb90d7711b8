"""Curves, Cox and Firth–Cox models against R: data × ties × entry × strata × weights × clusters.

`make_survival.R` wrote the values; `survival/manifest.json` names the versions.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from vpstats.models.curves import cumulative_incidence, kaplan_meier, nelson_aalen
from vpstats.models.hazards import CoxFit, fit_cox
from vpstats.models.proportional import concordance, test_proportional_hazards

FOLDER = Path(__file__).parent / "survival"
CASES = json.loads((FOLDER / "cases.json").read_text("utf-8"))

CURVE = 1e-10
"""Curves are sums of fractions: only rounding may differ."""

ESTIMATORS = {
    "km": kaplan_meier,
    "na": nelson_aalen,
    "cif": cumulative_incidence,
    "cuminc": cumulative_incidence,
}
ARGUMENTS = (
    *("duration", "event", "cause", "by", "entry", "weights", "cluster"),
    *("conf_type", "level"),
)


def ids(case: dict[str, Any]) -> str:
    return case["id"]


@cache
def data(name: str) -> pd.DataFrame:
    return pd.read_csv(FOLDER / f"data_{name}.csv")


@cache
def curves() -> pd.DataFrame:
    table = pd.read_csv(FOLDER / "curves.csv", skipinitialspace=True, float_precision="round_trip")
    return table.fillna({"group": ""})


@pytest.mark.parametrize("case", CASES["curves"], ids=ids)
def test_a_curve_equals_survfit(case: dict[str, Any]) -> None:
    asked = {name: case[name] for name in ARGUMENTS if name in case}
    curve = ESTIMATORS[case["estimator"]](data(case["data"]), **asked)
    theirs = curves()[curves()["case"] == case["id"]]
    ours = curve.tidy()
    groups = ours[curve.by].astype(str) if curve.by else pd.Series("", ours.index)
    ours = ours.assign(group=groups).set_index(["group", "time"])
    ours = ours.loc[list(zip(theirs["group"], theirs["time"], strict=True))]
    for column in ("n_risk", "n_event", "estimate", "std_error", "conf_low", "conf_high"):
        expected = theirs[column].to_numpy(float)
        # R gives no error or limits where nobody is left, or before the first event
        known = ~np.isnan(expected)
        difference = np.abs(ours[column].to_numpy(float) - expected)[known]
        assert difference.max(initial=0.0) <= CURVE, column


COEFFICIENT = 1e-6
"""Share of a standard error: what two solvers at tight convergence may differ by."""
STATISTIC = 1e-6
"""Relative; test statistics and predictions inherit the tolerance of the coefficients."""
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


@matrix
def test_a_cox_model_equals_coxph(case_id: str, ties: str) -> None:
    fit, theirs = fitted(case_id, ties), references("cox.json")[case_id, ties]
    expected = np.sqrt(np.diag(theirs["var"]))
    assert fit.status == "ok"
    assert fit.n == theirs["n"]
    assert fit.n_events == theirs["nevent"]
    assert np.abs((fit.coefficients - theirs["coef"]) / expected).max() <= COEFFICIENT
    assert np.abs(fit.std_errors / expected - 1).max() <= COEFFICIENT
    scale = np.outer(expected, expected)
    assert np.abs((fit.covariance - theirs["var"]) / scale).max() <= COEFFICIENT
    both = [fit.null_log_likelihood, fit.log_likelihood]
    np.testing.assert_allclose(both, theirs["loglik"], rtol=1e-10)


@matrix
def test_the_model_covariance_equals_coxph(case_id: str, ties: str) -> None:
    case = next(c for c in CASES["cox"] if c["id"] == case_id)
    asked = {name: case[name] for name in FIT_ARGUMENTS if name in case and name != "cluster"}
    fit = fit_cox(data(case["data"]), case["formula"], ties=ties, vcov="model", **asked)
    naive = np.array(references("cox.json")[case_id, ties]["naive"])
    assert np.abs(fit.std_errors / np.sqrt(np.diag(naive)) - 1).max() <= COEFFICIENT


@matrix
def test_discrimination_and_residuals_equal_survival(case_id: str, ties: str) -> None:
    fit, theirs = fitted(case_id, ties), references("cox.json")[case_id, ties]
    rows = rows_of(case_id)
    # hazards that are level up to rounding are ordered by it in either program
    assert concordance(fit, rows) == pytest.approx(theirs["concordance"], abs=1e-9)
    residuals = fit.augment(rows)[".resid"].to_numpy()[: len(theirs["martingale"])]
    np.testing.assert_allclose(residuals, theirs["martingale"], atol=STATISTIC)


@matrix
def test_proportionality_equals_cox_zph(case_id: str, ties: str) -> None:
    fit, theirs = fitted(case_id, ties), references("cox.json")[case_id, ties]["zph"]
    for transform, expected in theirs.items():
        if expected is None:
            continue
        found = test_proportional_hazards(fit, rows_of(case_id), transform=transform).tidy()
        assert found["term"].tolist() == np.atleast_1d(expected["term"]).tolist()
        assert found["df"].tolist() == np.atleast_1d(expected["df"]).tolist()
        np.testing.assert_allclose(found["statistic"], expected["chisq"], rtol=STATISTIC, atol=1e-9)
        np.testing.assert_allclose(found["p_value"], expected["p"], rtol=1e-5)


@matrix
def test_predictions_equal_survfit(case_id: str, ties: str) -> None:
    fit, theirs = fitted(case_id, ties), references("cox.json")[case_id, ties]["predict"]
    rows, times = rows_of(case_id), sorted({p["time"] for p in theirs})
    for row in sorted({p["row"] for p in theirs}):
        expected = [p for p in theirs if p["row"] == row]
        found = fit.predict(rows.iloc[[row]], times=times, kind="cumulative_hazard")
        np.testing.assert_allclose(
            found["estimate"], [p["cumhaz"] for p in expected], rtol=STATISTIC
        )
        np.testing.assert_allclose(found["std_error"], [p["se"] for p in expected], rtol=STATISTIC)


@pytest.mark.parametrize("case", CASES["firth"], ids=ids)
@pytest.mark.parametrize("ties", TIES)
def test_a_firth_cox_model_maximises_the_penalised_likelihood(
    case: dict[str, Any], ties: str
) -> None:
    theirs = references("firth.json")[case["id"], ties]
    asked = {name: case[name] for name in FIT_ARGUMENTS if name in case}
    fit = fit_cox(data(case["data"]), case["formula"], ties=ties, penalty="firth", **asked)
    errors = np.sqrt(np.diag(theirs["var"]))
    # R's maximum comes from numerical derivatives, its limits from a root search
    numerical = 1e-5
    assert fit.penalised_log_likelihood == pytest.approx(theirs["penalised"], abs=1e-8)
    assert np.abs((fit.coefficients - theirs["coef"]) / errors).max() <= numerical
    assert np.abs(fit.std_errors / errors - 1).max() <= numerical
    assert np.abs((fit.conf_low - theirs["low"]) / errors).max() <= numerical
    assert np.abs((fit.conf_high - theirs["high"]) / errors).max() <= numerical
