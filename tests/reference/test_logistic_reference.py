"""Logistic regression against R: every case of `make_logistic.R`.

The numbers were written by that script; R is not needed here. `logistic/manifest.json` says which
R and which packages, and how tightly they converged.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from vpstats.models.logistic import LogisticFit, fit_logistic

HERE = Path(__file__).parent / "logistic"
MANIFEST = json.loads((HERE / "manifest.json").read_text())
CASES: dict[str, dict[str, Any]] = {case["id"]: case for case in MANIFEST["cases"]}
REFERENCE = pd.read_csv(HERE / "cases.csv")
TESTS = pd.read_csv(HERE / "tests.csv")
PREDICTIONS = pd.read_csv(HERE / "predictions.csv")

SE_TOLERANCE = 1e-6
"""Estimates, standard errors and limits agree to a millionth of a standard error: far below what
any reader sees, far above what two converged solvers differ by."""
P_TOLERANCE = 1e-6
"""Relative; p-values are smooth functions of the above."""
DF_TOLERANCE = 1e-6
"""Relative, of Satterthwaite degrees of freedom."""
LIKELIHOOD_TOLERANCE = 1e-9
"""Relative; without its penalty the likelihood is not flat at Firth's estimate, so the 1e-8
standard errors that the solver leaves show in it."""


@cache
def rows_of(name: str) -> pd.DataFrame:
    return pd.read_csv(HERE / f"{name}.csv")


@cache
def fit_of(case: str) -> LogisticFit:
    options = dict(CASES[case])
    cluster = options["cluster"]
    return fit_logistic(
        rows_of(options["data"]),
        options["formula"],
        penalty=options["penalty"],
        vcov=options["vcov"],
        cluster=tuple(cluster) if isinstance(cluster, list) else cluster,
        weights=options["weights"],
        offset=options["offset"],
        intervals=options["intervals"],
        level=options["level"],
    )


def expected(case: str) -> pd.DataFrame:
    return REFERENCE[REFERENCE["case"] == case].sort_values("position")


def in_errors(ours: Any, theirs: Any, error: Any) -> float:
    """Largest difference in standard errors."""
    return float(np.max(np.abs(np.asarray(ours) - np.asarray(theirs)) / np.asarray(error)))


@pytest.mark.parametrize("case", CASES)
def test_coefficients_and_standard_errors(case: str) -> None:
    fit, theirs = fit_of(case), expected(case)
    assert fit.ok
    assert fit.n == theirs["n"].iloc[0]
    assert in_errors(fit.coefficients, theirs["estimate"], theirs["std_error"]) < SE_TOLERANCE
    assert in_errors(fit.std_errors, theirs["std_error"], theirs["std_error"]) < SE_TOLERANCE


@pytest.mark.parametrize("case", CASES)
def test_intervals_and_p_values(case: str) -> None:
    ours, theirs = fit_of(case).tidy(), expected(case)
    for limit in ("conf_low", "conf_high"):
        assert in_errors(ours[limit], theirs[limit], theirs["std_error"]) < SE_TOLERANCE
    np.testing.assert_allclose(
        ours["p_value"], theirs["p_value"], rtol=P_TOLERANCE, atol=np.finfo(float).tiny
    )


@pytest.mark.parametrize("case", CASES)
def test_degrees_of_freedom_and_likelihoods(case: str) -> None:
    fit, theirs = fit_of(case), expected(case)
    df = np.broadcast_to(np.asarray(fit.df, dtype=float), len(theirs))
    np.testing.assert_allclose(df, theirs["df"].to_numpy(float), rtol=DF_TOLERANCE)
    for name, column in (("log_likelihood",) * 2, ("penalised_log_likelihood", "penalised")):
        np.testing.assert_allclose(
            getattr(fit, name), theirs[column].to_numpy(float)[0], rtol=LIKELIHOOD_TOLERANCE
        )


@pytest.mark.parametrize("test", TESTS["test"])
def test_several_coefficients_together(test: str) -> None:
    theirs = TESTS.set_index("test").loc[test]
    fit, terms = fit_of(theirs["case"]), theirs["terms"].split(";")
    wald = fit.wald_test(terms).iloc[0]
    assert wald["df"] == theirs["q"]
    assert wald["df_residual"] == theirs["df_residual"]
    assert wald["statistic"] == pytest.approx(theirs["wald"], rel=P_TOLERANCE)
    assert wald["p_value"] == pytest.approx(theirs["wald_p"], rel=P_TOLERANCE)


@pytest.mark.parametrize("test", TESTS.loc[~TESTS["case"].str.contains("-cr"), "test"].tolist())
def test_likelihood_ratios(test: str) -> None:
    theirs = TESTS.set_index("test").loc[test]
    fit, terms = fit_of(theirs["case"]), theirs["terms"].split(";")
    data = rows_of(CASES[theirs["case"]]["data"])
    ratio = fit.likelihood_ratio_test(data, terms).iloc[0]
    assert ratio["statistic"] == pytest.approx(theirs["ratio"], rel=P_TOLERANCE)
    assert ratio["p_value"] == pytest.approx(theirs["ratio_p"], rel=P_TOLERANCE)


@pytest.mark.parametrize("case", PREDICTIONS["case"].unique())
def test_predictions(case: str) -> None:
    theirs = PREDICTIONS[PREDICTIONS["case"] == case]
    new = rows_of(CASES[case]["data"]).iloc[theirs["row"]]
    ours = fit_of(case).predict(new)
    for column in ("estimate", "std_error", "conf_low", "conf_high"):
        assert in_errors(ours[column], theirs[column], theirs["std_error"]) < SE_TOLERANCE


def test_the_manifest_names_its_source() -> None:
    assert MANIFEST["r"].startswith("R version")
    assert {"brglm2", "sandwich", "clubSandwich"} <= set(MANIFEST["packages"])
    assert set(REFERENCE["case"]) == set(CASES)
