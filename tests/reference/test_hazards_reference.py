"""Residuals, proportionality, concordance, predictions, windows, time-varying effects, matched
strata and gamma frailties against R's survival.

`make_hazards.R` wrote the values; `hazards/manifest.json` names the versions.
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
from vpstats.models.frailty_fit import predicted_frailties
from vpstats.models.frailty_result import FrailtyFit
from vpstats.models.hazards import CoxFit, fit_cox
from vpstats.models.predicted import baseline_hazard, predicted_quantiles
from vpstats.models.proportional import test_proportional_hazards
from vpstats.models.residuals import residuals
from vpstats.models.splitting import split_follow_up
from vpstats.models.varying import fit_time_varying
from vpstats.models.windows import EventFloors, fit_cox_by_window

FOLDER = Path(__file__).parent / "hazards"
OPTIONS = ("duration", "event", "cause", "entry", "strata", "cluster", "weights", "offset")

RESIDUAL = 1e-6
"""Residuals are sums over event times at coefficients that agree to 1e-6 standard errors."""
STATISTIC = 1e-6
"""Relative: test statistics and predictions inherit the tolerance of the coefficients."""
FRAILTY = 1e-4
"""Standard errors: R stops its inner iterations earlier where there are hundreds of frailties."""

Agree = Callable[..., None]


@cache
def data(name: str) -> pd.DataFrame:
    own = FOLDER / f"data_{name}.csv"
    return pd.read_csv(own if own.exists() else FOLDER.parent / "survival" / f"data_{name}.csv")


@cache
def references(file: str) -> list[dict[str, Any]]:
    return json.loads((FOLDER / file).read_text("utf-8"))


def cells(file: str, with_a: str = "case") -> Any:
    """Every reference of a file that has a value of a name, there or among its residuals."""
    found = [f for f in references(file) if f.get(with_a) or f.get("residuals", {}).get(with_a)]
    names = [f"{f['case']['id']}, {f['ties']}" for f in found]
    return pytest.mark.parametrize("theirs", found, ids=names)


def asked(case: dict[str, Any], *left_out: str) -> dict[str, Any]:
    return {name: case[name] for name in OPTIONS if name in case and name not in left_out}


def cell(theirs: dict[str, Any], what: str = "Cox") -> str:
    case = theirs["case"]
    words = [name for name in ("entry", "strata", "weights", "offset", "cluster") if name in case]
    return f"{what}, {case['data']}: {' '.join([theirs['ties'], *words])} ({case['id']})"


@cache
def fitted(case_id: str, ties: str) -> tuple[CoxFit, pd.DataFrame, dict[str, Any]]:
    found = references("models.json")
    theirs = next(f for f in found if f["case"]["id"] == case_id and f["ties"] == ties)
    rows = data(theirs["case"]["data"])
    return (
        fit_cox(rows, theirs["case"]["formula"], ties=ties, **asked(theirs["case"])),
        rows,
        theirs,
    )


def fit_of(theirs: dict[str, Any]) -> tuple[CoxFit, pd.DataFrame, dict[str, Any]]:
    return fitted(theirs["case"]["id"], theirs["ties"])


def matrix(values: Any) -> np.ndarray:
    return np.array(values, float)


def errors(variance: Any) -> np.ndarray:
    return np.sqrt(np.diag(matrix(variance).reshape(len(variance), -1)))


@cells("models.json")
def test_coefficients_and_covariances(theirs: dict[str, Any], agree: Agree) -> None:
    fit, rows, _ = fit_of(theirs)
    se = errors(theirs["var"])
    agree(cell(theirs), "coefficients", fit.coefficients, theirs["coef"], scale=se)
    agree(cell(theirs), "standard errors", fit.std_errors, se, scale=se)
    agree(cell(theirs), "covariance", fit.covariance, theirs["var"], scale=np.outer(se, se))
    case = theirs["case"]
    model = fit_cox(
        rows, case["formula"], ties=theirs["ties"], vcov="model", **asked(case, "cluster")
    )
    naive = errors(theirs["naive"])
    agree(cell(theirs), "model errors", model.std_errors, naive, scale=naive)
    both = [fit.null_log_likelihood, fit.log_likelihood]
    agree(cell(theirs), "log-likelihood", both, theirs["loglik"], tolerance=1e-8)


KINDS = ("martingale", "deviance", "score", "dfbeta", "dfbetas")


@cells("models.json")
def test_residuals_of_rows(theirs: dict[str, Any], agree: Agree) -> None:
    fit, rows, _ = fit_of(theirs)
    expected = theirs["residuals"]
    for kind in KINDS:
        values = matrix(expected[kind])
        found = residuals(fit, rows, kind).to_numpy()[expected["rows"]]
        agree(cell(theirs), f"{kind} residuals", found, values, scale=_spread(values),
              tolerance=RESIDUAL)  # fmt: skip
    values = matrix(expected["weighted_score"])
    found = residuals(fit, rows, "score", weighted=True).to_numpy()[expected["rows"]]
    agree(cell(theirs), "weighted score residuals", found, values, scale=_spread(values))
    snell = residuals(fit, rows, "cox_snell").to_numpy()[expected["rows"]]
    event = (rows[fit.event] == fit.cause).to_numpy()[expected["rows"], None]
    agree(cell(theirs), "Cox–Snell", event - snell, expected["martingale"], tolerance=RESIDUAL)


def _spread(values: np.ndarray) -> np.ndarray:
    """Size of each column, so that tolerances do not depend on units."""
    return np.maximum(np.abs(values).max(axis=0), 1e-12)


@cells("models.json")
def test_residuals_of_events(theirs: dict[str, Any], agree: Agree) -> None:
    fit, rows, _ = fit_of(theirs)
    expected = theirs["residuals"]
    for kind in ("schoenfeld", "scaled_schoenfeld"):
        table = residuals(fit, rows, kind)
        assert len(table) == fit.n_events
        table = table.iloc[expected["events"]]
        values = matrix(expected[kind]).reshape(len(table), -1)
        agree(cell(theirs), f"{kind} residuals", table[list(fit.terms)], values,
              scale=_spread(values), tolerance=RESIDUAL)  # fmt: skip
        np.testing.assert_array_equal(table["time"], expected["event_times"])


@cells("models.json", with_a="collapsed")
def test_residuals_of_patients(theirs: dict[str, Any], agree: Agree) -> None:
    fit, rows, _ = fit_of(theirs)
    expected = theirs["residuals"]
    for kind in ("martingale", "dfbeta", "deviance"):
        values = matrix(expected[f"collapsed_{kind}"]).reshape(len(expected["collapsed"]), -1)
        found = residuals(fit, rows, kind, collapse=theirs["case"]["unit"])
        agree(cell(theirs), f"{kind} by patient", found.to_numpy()[expected["collapsed"]], values,
              scale=_spread(values), tolerance=RESIDUAL)  # fmt: skip


@cells("models.json")
def test_proportionality(theirs: dict[str, Any], agree: Agree) -> None:
    fit, rows, _ = fit_of(theirs)
    for transform, expected in theirs["zph"].items():
        table = test_proportional_hazards(fit, rows, transform=transform).tidy()
        agree(cell(theirs, "PH test"), transform, table["statistic"], expected["statistic"],
              scale=np.maximum(1.0, np.atleast_1d(expected["statistic"])),
              tolerance=STATISTIC)  # fmt: skip
        assert table["df"].tolist() == np.atleast_1d(expected["df"]).tolist()
    if theirs["robust"] is not None:
        table = test_proportional_hazards(fit, rows, transform="identity", robust=True).tidy()
        wanted = np.atleast_1d(theirs["robust"]["statistic"])
        agree(cell(theirs, "PH test"), "robust", table["statistic"], wanted,
              scale=np.maximum(1.0, wanted), tolerance=STATISTIC)  # fmt: skip


@cells("models.json")
def test_concordance(theirs: dict[str, Any], agree: Agree) -> None:
    fit, rows, _ = fit_of(theirs)
    found, expected = concordance(fit, rows).tidy().iloc[0], theirs["concordance"]
    agree(cell(theirs, "concordance"), "estimate", found["estimate"], expected["estimate"],
          tolerance=1e-9)  # fmt: skip
    agree(cell(theirs, "concordance"), "error", found["std_error"], expected["std"],
          scale=expected["std"])  # fmt: skip


@cells("models.json")
def test_predicted_curves(theirs: dict[str, Any], agree: Agree) -> None:
    fit, rows, _ = fit_of(theirs)
    kinds = ["cumulative_hazard"] if fit.competing else ["cumulative_hazard", "survival"]
    for expected in theirs["curves"]:
        new = rows.iloc[[expected["row"]]]
        found = {k: fit.predict(new, times=expected["time"], kind=k) for k in kinds}
        hazard = found["cumulative_hazard"]
        for ours, name in (("estimate", "cumhaz"), ("std_error", "se")):
            # R carries a curve on beyond the last row of its stratum
            known = hazard["estimate"].notna().to_numpy()
            wanted = matrix(expected[name])[known]
            agree(cell(theirs, "curve"), f"hazard {ours}", hazard[ours][known], wanted,
                  scale=np.maximum(wanted, 1e-3), tolerance=STATISTIC)  # fmt: skip
        if fit.competing:
            continue
        for ours, name in (("estimate", "surv"), ("conf_low", "low"), ("conf_high", "high")):
            wanted = matrix(expected[name])[known]
            agree(cell(theirs, "curve"), f"survival {ours}", found["survival"][ours][known], wanted,
                  tolerance=STATISTIC)  # fmt: skip
        for k, quantile in enumerate((0.25, 0.5)):
            ours = predicted_quantiles(fit, new, quantile=quantile).iloc[0]
            # of a limit that also rises R reads some later time; ours is the first
            names = ("quantile", "quantile_low", "quantile_high")[: 3 if expected["falling"] else 1]
            wanted = [expected[name][k] for name in names]
            agree(cell(theirs, "curve"), f"quantile {quantile}", ours[: len(names)], wanted)


@cells("models.json", with_a="baseline")  # R centres an offset, so models with one have none
def test_baseline_hazard(theirs: dict[str, Any], agree: Agree) -> None:
    fit, _, _ = fit_of(theirs)
    table, expected = baseline_hazard(fit, at="zero"), theirs["baseline"]
    if expected["stratum"] is not None:
        table = table.set_index(["stratum", "time"])["estimate"]
        labels = [_stratum(s, table) for s in expected["stratum"]]
        ours = table.loc[list(zip(labels, expected["time"], strict=True))]
    else:
        ours = table.set_index("time")["estimate"].loc[expected["time"]]
    agree(cell(theirs, "baseline"), "at zero", ours, expected["hazard"],
          scale=np.abs(matrix(expected["hazard"])), tolerance=STATISTIC)  # fmt: skip


def _stratum(label: Any, table: pd.Series) -> str:
    known = set(table.index.get_level_values(0))
    return next(name for name in known if name in (str(label), f"{label}.0"))


# ---- windows ----------------------------------------------------------------------------------


@cells("splits.json")
def test_split_rows_are_those_of_survsplit(theirs: dict[str, Any]) -> None:
    case = theirs["case"]
    rows = data(case["data"])
    found = split_follow_up(
        rows, duration=case["duration"], event=case["event"], entry=case.get("entry"),
        at=np.atleast_1d(case["at"]), id="row",
    )  # fmt: skip
    assert found["row"].tolist() == theirs["row"]
    np.testing.assert_array_equal(found[case["duration"]], theirs["stop"])
    np.testing.assert_array_equal(found[case.get("entry", "entry")], theirs["start"])
    np.testing.assert_array_equal(found[case["event"]], theirs["event"])
    np.testing.assert_array_equal(found["window"].cat.codes + 1, theirs["window"])


@cells("splits.json")
def test_effects_by_window(theirs: dict[str, Any], agree: Agree) -> None:
    case = theirs["case"]
    found = fit_cox_by_window(
        data(case["data"]), case["others"], exposure=case["exposure"],
        at=np.atleast_1d(case["at"]), ties=theirs["ties"], **asked(case),
        floors=EventFloors(events=0, single_parameter_events=0),
    )  # fmt: skip
    table = found.tidy().sort_values(["term", "window"], key=_in_order(found.tidy()))
    agree(cell(theirs, "windows"), "log hazard ratios", table["estimate"], theirs["coef"],
          scale=theirs["se"])  # fmt: skip
    agree(cell(theirs, "windows"), "errors", table["std_error"], theirs["se"], scale=theirs["se"])
    test = found.equality.iloc[0]
    agree(cell(theirs, "windows"), "equality", test["statistic"], theirs["wald"],
          scale=max(1.0, theirs["wald"]))  # fmt: skip
    assert test["df"] == theirs["df"]
    assert found.windows["n_events"].tolist() == theirs["events"]


def _in_order(table: pd.DataFrame) -> Callable[[pd.Series], pd.Series]:
    """By coefficient and then by window, both in the order of the table."""
    place = {v: i for i, v in enumerate(dict.fromkeys([*table["window"], *table["term"]]))}
    return lambda column: column.map(place)


@cells("varying.json")
def test_an_effect_that_changes_with_time(theirs: dict[str, Any], agree: Agree) -> None:
    case = theirs["case"]
    found = fit_time_varying(
        data(case["data"]), case["formula"], exposure=case["exposure"], function=case["g"],
        knots=case.get("knots", 3), ties=theirs["ties"], **asked(case),
    )  # fmt: skip
    se = errors(theirs["var"])
    agree(cell(theirs, "x g(t)"), "coefficients", found.fit.coefficients, theirs["coef"], scale=se)
    agree(cell(theirs, "x g(t)"), "errors", found.fit.std_errors, se, scale=se)
    if theirs["tt"] is not None and "weights" not in case:
        place = [*range(len(theirs["tt"]["coef"]))]
        agree(cell(theirs, "x g(t)"), "tt()", found.fit.coefficients[place], theirs["tt"]["coef"],
              scale=theirs["tt"]["se"])  # fmt: skip


@cells("matched.json")
def test_patients_compared_with_themselves(theirs: dict[str, Any], agree: Agree) -> None:
    case = theirs["case"]
    fit = fit_cox(data(case["data"]), case["formula"], ties=theirs["ties"], **asked(case))
    se = np.atleast_1d(theirs["se"])
    agree(cell(theirs, "matched"), "coefficients", fit.coefficients, np.atleast_1d(theirs["coef"]),
          scale=se)  # fmt: skip
    agree(cell(theirs, "matched"), "errors", fit.std_errors, se, scale=se)
    both = [fit.null_log_likelihood, fit.log_likelihood]
    agree(cell(theirs, "matched"), "log-likelihood", both, theirs["loglik"], tolerance=1e-8)


# ---- frailty ----------------------------------------------------------------------------------


def frailty_fit(theirs: dict[str, Any], theta: float | None) -> FrailtyFit:
    case = theirs["case"]
    fit = fit_cox(
        data(case["data"]), case["formula"], frailty=case["frailty"], theta=theta,
        ties=theirs["ties"], **asked(case),
    )  # fmt: skip
    assert isinstance(fit, FrailtyFit)
    return fit


@cells("frailty.json")
def test_a_gamma_frailty_of_given_variance(theirs: dict[str, Any], agree: Agree) -> None:
    rows = data(theirs["case"]["data"])
    for fixed in theirs["fixed"]:
        fit = frailty_fit(theirs, fixed["theta"])
        name, se = cell(theirs, f"frailty {fixed['theta']:g}"), errors(fixed["var"])
        agree(name, "coefficients", fit.coefficients, np.atleast_1d(fixed["coef"]), scale=se,
              tolerance=FRAILTY)  # fmt: skip
        agree(name, "errors", fit.std_errors, se, scale=se, tolerance=FRAILTY)
        agree(name, "integrated likelihood", fit.integrated_log_likelihood, fixed["integrated"],
              tolerance=1e-6)  # fmt: skip
        agree(name, "partial likelihood", fit.log_likelihood, fixed["loglik"], tolerance=FRAILTY)
        ours = predicted_frailties(fit, rows)["estimate"].to_numpy()[fixed["frailty_at"]]
        agree(name, "frailties", ours, fixed["frailty"], tolerance=FRAILTY)
        if "strata" in theirs["case"] and "entry" not in theirs["case"]:
            continue  # R's do not add up to nu (frailty - 1) by cluster there, as ours do
        resid = residuals(fit, rows, "martingale")["martingale"].to_numpy()[fixed["rows"]]
        agree(name, "martingale residuals", resid, fixed["martingale"], tolerance=FRAILTY)


@cells("frailty.json")
def test_the_variance_of_the_frailty(theirs: dict[str, Any], agree: Agree) -> None:
    fit = frailty_fit(theirs, None)
    # R's search stops near the top, and for variances near 0 R's correction term is a first-order
    # one that is 1e-5 too high
    top = cell(theirs, "frailty")
    assert fit.integrated_log_likelihood >= theirs["integrated"] - 2e-5
    agree(top, "integrated likelihood", fit.integrated_log_likelihood, theirs["integrated"],
          tolerance=2e-5)  # fmt: skip
    agree(top, "theta", fit.theta, theirs["theta"], tolerance=2e-3)
    se = np.atleast_1d(theirs["se"])
    agree(top, "coefficients", fit.coefficients, np.atleast_1d(theirs["coef"]), scale=se,
          tolerance=1e-3)  # fmt: skip
