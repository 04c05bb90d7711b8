"""Joint tests of coefficients of any fit, and how their rows read."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from vpstats.errors import UsageError
from vpstats.models.pooling import joint_p_value, pooled_wald
from vpstats.results import FitResult

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]
Mask = NDArray[np.bool_]


def joint_wald(fit: FitResult, assign: Sequence[str], terms: str | Sequence[str]) -> pd.DataFrame:
    """Test that several coefficients are zero together, with the covariance of the fit.

    Parameters
    ----------
    fit : FitResult
        A fit.
    assign : sequence of str
        The term that each of its coefficients belongs to.
    terms : str or sequence of str
        Coefficients, or terms of the formula (``region`` stands for all its levels).

    Returns
    -------
    DataFrame
        One row: ``term, statistic, df, df_residual, p_value, method``. With t-based inference the
        statistic is F on `df` and `df_residual`, else chi-squared on `df` (then `df_residual` is
        infinite). NaN if the fit failed, or if the covariance of the coefficients is singular, as
        it is for more coefficients than clusters. After multiple imputation the test is D1, F
        with the degrees of freedom of Reiter (2007) or Li, Raghunathan and Rubin (1991).

    Raises
    ------
    UsageError
        If a name is neither a coefficient nor a term.
    """
    chosen = chosen_coefficients(fit.terms, assign, terms)
    q = int(chosen.sum())
    if fit.pooling is not None:
        statistic, residual = pooled_wald(fit.pooling, fit.coefficients, chosen)
        p_value = joint_p_value(statistic, q, residual)
        return joint_test_row(terms, statistic, q, residual, p_value, "Wald F, pooled (D1)")
    residual = float(np.min(np.broadcast_to(fit.df, chosen.shape)[chosen]))
    block = fit.covariance[np.ix_(chosen, chosen)]
    statistic = quadratic_form(fit.coefficients[chosen], block)
    if np.isinf(residual):
        p_value, method = stats.chi2.sf(statistic, q), "Wald chi-squared"
    else:
        statistic = statistic / q
        p_value, method = stats.f.sf(statistic, q, residual), "Wald F"
    return joint_test_row(terms, statistic, q, residual, p_value, method)


def chosen_coefficients(
    coefficients: Sequence[str], assign: Sequence[str], terms: str | Sequence[str]
) -> Mask:
    """Which coefficients are named, or belong to a term that is, shape (p,).

    Raises
    ------
    UsageError
        If a name is neither a coefficient nor a term, or there is none.
    """
    names = [terms] if isinstance(terms, str) else list(terms)
    known = dict.fromkeys((*assign, *coefficients))
    unknown = next((name for name in names if name not in known), None)
    if unknown is not None:
        raise UsageError(
            f"'{unknown}' is neither a coefficient nor a term; there are: {', '.join(known)}."
        )
    if not names:
        raise UsageError("name at least one coefficient or term to test.")
    pairs = zip(coefficients, assign, strict=True)
    return np.array([c in names or a in names for c, a in pairs], dtype=bool)


def quadratic_form(estimate: Vector, covariance: Matrix) -> float:
    """``estimate' covariance^-1 estimate``; NaN where the covariance is singular or unknown."""
    if not np.isfinite(covariance).all():
        return float("nan")
    if np.linalg.matrix_rank(covariance, hermitian=True) < len(estimate):
        return float("nan")
    return float(estimate @ np.linalg.solve(covariance, estimate))


def joint_test_row(
    terms: str | Sequence[str], statistic: float, df: int, residual: float, p: float, method: str
) -> pd.DataFrame:
    """One row about a joint test."""
    label = terms if isinstance(terms, str) else ", ".join(terms)
    return pd.DataFrame(
        {
            "term": [label],
            "statistic": [float(statistic)],
            "df": [df],
            "df_residual": [residual],
            "p_value": [float(p)],
            "method": [method],
        }
    )
