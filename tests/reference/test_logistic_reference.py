"""Logistic regression against R: every case of `make_logistic*.R`.

The numbers were written by those scripts; R is not needed here. Each `manifest.json` says which R
and which packages, and how tightly they converged.
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

from vpstats.models.logistic import LogisticFit, fit_logistic

FOLDERS = ("logistic", "logistic_more", "logistic_forms")
HERE = Path(__file__).parent

P_TOLERANCE = 1e-6
"""Relative; p-values are smooth functions of estimates that agree to a millionth of a standard
error."""
DF_TOLERANCE = 1e-6
"""Relative, of Satterthwaite degrees of freedom."""
LIKELIHOOD_TOLERANCE = 1e-9
"""Relative; without its penalty the likelihood is not flat at Firth's estimate, so the 1e-8
standard errors that the solver leaves show in it."""


@cache
def read(folder: str, name: str) -> pd.DataFrame:
    return pd.read_csv(HERE / folder / f"{name}.csv")


def data_of(folder: str, name: str) -> pd.DataFrame:
    """The data of a case; those of `make_logistic_forms.R` stand beside the first ones."""
    return read("logistic" if folder == "logistic_forms" else folder, name)


@cache
def manifest(folder: str) -> dict[str, Any]:
    return json.loads((HERE / folder / "manifest.json").read_text())


def spread(name: str, column: str) -> list[tuple[str, str]]:
    return [(f, str(key)) for f in FOLDERS for key in read(f, name)[column].unique()]


CASES = [(f, case["id"]) for f in FOLDERS for case in manifest(f)["cases"]]
TESTS = spread("tests", "test")
PREDICTIONS = spread("predictions", "case")


def options_of(folder: str, case: str) -> dict[str, Any]:
    return next(c for c in manifest(folder)["cases"] if c["id"] == case)


@cache
def fit_of(folder: str, case: str) -> LogisticFit:
    options = dict(options_of(folder, case))
    cluster = options["cluster"]
    return fit_logistic(
        data_of(folder, options["data"]),
        options["formula"],
        penalty=options["penalty"],
        vcov=options["vcov"],
        cluster=tuple(cluster) if isinstance(cluster, list) else cluster,
        weights=options["weights"],
        offset=options["offset"],
        intervals=options["intervals"],
        level=options["level"],
    )


def expected(folder: str, case: str) -> pd.DataFrame:
    cases = read(folder, "cases")
    return cases[cases["case"] == case].sort_values("position")


def joint_tests(folder: str, test: str) -> pd.DataFrame:
    tests = read(folder, "tests")
    return tests[tests["test"] == test]


def cell_of(folder: str, case: str) -> str:
    options = options_of(folder, case)
    estimator = f"logistic {options['penalty'] or 'ML'}"
    return f"{estimator}, {options['data']}, {case}"


@pytest.mark.parametrize(("folder", "case"), CASES)
def test_coefficients_and_standard_errors(
    folder: str, case: str, agree: Callable[..., None]
) -> None:
    fit, theirs, cell = fit_of(folder, case), expected(folder, case), cell_of(folder, case)
    assert fit.ok
    assert fit.n == theirs["n"].iloc[0]
    error = theirs["std_error"]
    agree(cell, "estimate", fit.coefficients, theirs["estimate"], scale=error)
    agree(cell, "standard error", fit.std_errors, error, scale=error)


@pytest.mark.parametrize(("folder", "case"), CASES)
def test_intervals_and_p_values(folder: str, case: str, agree: Callable[..., None]) -> None:
    ours, theirs = fit_of(folder, case).tidy(), expected(folder, case)
    for limit in ("conf_low", "conf_high"):
        agree(cell_of(folder, case), limit, ours[limit], theirs[limit], scale=theirs["std_error"])
    np.testing.assert_allclose(
        ours["p_value"], theirs["p_value"], rtol=P_TOLERANCE, atol=np.finfo(float).tiny
    )


@pytest.mark.parametrize(("folder", "case"), CASES)
def test_degrees_of_freedom_and_likelihoods(folder: str, case: str) -> None:
    fit, theirs = fit_of(folder, case), expected(folder, case)
    df = np.broadcast_to(np.asarray(fit.df, dtype=float), len(theirs))
    np.testing.assert_allclose(df, theirs["df"].to_numpy(float), rtol=DF_TOLERANCE)
    for name, column in (("log_likelihood",) * 2, ("penalised_log_likelihood", "penalised")):
        np.testing.assert_allclose(
            getattr(fit, name), theirs[column].to_numpy(float)[0], rtol=LIKELIHOOD_TOLERANCE
        )


@pytest.mark.parametrize(("folder", "test"), TESTS)
def test_several_coefficients_together(folder: str, test: str, agree: Callable[..., None]) -> None:
    for _, theirs in joint_tests(folder, test).iterrows():
        fit, terms = fit_of(folder, theirs["case"]), theirs["terms"].split(";")
        wald = fit.wald_test(terms).iloc[0]
        assert wald["df"] == theirs["q"]
        cell = f"{cell_of(folder, theirs['case'])}, joint test of {theirs['terms']}"
        for quantity, column in (("statistic", "wald"), ("p_value", "wald_p")):
            agree(cell, f"Wald {quantity}", wald[quantity], theirs[column], scale=theirs[column])
        residual = theirs["df_residual"]
        if np.isinf(residual):
            assert np.isinf(wald["df_residual"])
        else:
            agree(cell, "Wald df", wald["df_residual"], residual, scale=residual)


@pytest.mark.parametrize(("folder", "test"), TESTS)
def test_likelihood_ratios(folder: str, test: str, agree: Callable[..., None]) -> None:
    for _, theirs in joint_tests(folder, test).iterrows():
        if np.isnan(theirs["ratio"]):
            continue
        case, terms = theirs["case"], theirs["terms"].split(";")
        data = data_of(folder, options_of(folder, case)["data"])
        ratio = fit_of(folder, case).likelihood_ratio_test(data, terms).iloc[0]
        cell = f"{cell_of(folder, case)}, joint test of {theirs['terms']}"
        agree(cell, "ratio", ratio["statistic"], theirs["ratio"], scale=theirs["ratio"])
        agree(cell, "ratio p_value", ratio["p_value"], theirs["ratio_p"], scale=theirs["ratio_p"])


@pytest.mark.parametrize(("folder", "case"), PREDICTIONS)
def test_predictions(folder: str, case: str, agree: Callable[..., None]) -> None:
    predictions = read(folder, "predictions")
    theirs = predictions[predictions["case"] == case]
    data = data_of(folder, options_of(folder, case)["data"])
    ours = fit_of(folder, case).predict(data.iloc[theirs["row"]])
    for column in ("estimate", "std_error", "conf_low", "conf_high"):
        agree(cell_of(folder, case), f"predicted {column}", ours[column], theirs[column],
              scale=theirs["std_error"])  # fmt: skip


@pytest.mark.parametrize(
    ("folder", "case"), [c for c in CASES if options_of(*c)["penalty"] in ("flic", "flac")]
)
def test_corrected_penalties_predict_the_observed_share(
    folder: str, case: str, agree: Callable[..., None]
) -> None:
    options = options_of(folder, case)
    data = data_of(folder, options["data"]).dropna()
    weights = np.ones(len(data)) if options["weights"] is None else data[options["weights"]]
    wide = fit_of(folder, case).augment(data)
    observed = np.average(wide[".fitted"] + wide[".resid"], weights=weights)
    predicted = np.average(wide[".fitted"], weights=weights)
    # FLAC's solver stops at 1e-8 standard errors, of which a risk is a fraction
    agree(cell_of(folder, case), "mean risk", predicted, observed, tolerance=1e-9)


@pytest.mark.parametrize("folder", FOLDERS)
def test_the_manifest_names_its_source(folder: str) -> None:
    assert manifest(folder)["r"].startswith("R version")
    assert {"brglm2", "sandwich", "clubSandwich"} <= set(manifest(folder)["packages"])
    assert set(read(folder, "cases")["case"]) == {c["id"] for c in manifest(folder)["cases"]}
