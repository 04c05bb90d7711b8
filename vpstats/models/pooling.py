"""Rubin's rules over the fits of completed data sets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from vpstats.errors import UsageError
from vpstats.results import Caveat, FitResult

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]
Fit = TypeVar("Fit", bound=FitResult)


def pool_estimates(
    estimates: Matrix, covariances: NDArray[np.float64], complete_df: float
) -> tuple[Vector, Matrix, Vector]:
    """Rubin's rules with Barnard and Rubin's degrees of freedom.

    Parameters
    ----------
    estimates : ndarray, shape (m, p)
        One row per completed data set.
    covariances : ndarray, shape (m, p, p)
        Their covariances.
    complete_df : float
        Degrees of freedom had nothing been missing; infinite for the normal.

    Returns
    -------
    estimate : ndarray, shape (p,)
        Their mean.
    covariance : ndarray, shape (p, p)
        Within plus (1 + 1/m) between.
    df : ndarray, shape (p,)
        Of the t distribution of each coefficient; `complete_df` where estimates do not differ.

    References
    ----------
    Rubin DB. Multiple Imputation for Nonresponse in Surveys. Wiley, 1987. Barnard J, Rubin DB.
    Small-sample degrees of freedom with multiple imputation. Biometrika 1999;86:948-955.

    Examples
    --------
    >>> import numpy as np
    >>> pooled, covariance, df = pool_estimates(
    ...     np.array([[1.0], [2.0], [3.0]]), np.ones((3, 1, 1)), np.inf
    ... )
    >>> pooled[0], round(covariance[0, 0], 4), round(df[0], 3)  # 1 + 4/3; 2 (1 + 3/4)^2
    (np.float64(2.0), np.float64(2.3333), np.float64(6.125))
    """
    m = len(estimates)
    centre = estimates.mean(axis=0)
    apart = estimates - centre
    between = (1 + 1 / m) * (apart.T @ apart) / (m - 1)
    total = covariances.mean(axis=0) + between
    share = np.diag(between) / np.diag(total)
    with np.errstate(divide="ignore"):
        df = (m - 1) / share**2
    if np.isfinite(complete_df):
        observed = (complete_df + 1) / (complete_df + 3) * complete_df * (1 - share)
        df = 1 / (1 / df + 1 / observed)
    return centre, total, df


def pool_fits(fits: Sequence[Fit]) -> Fit:
    """Pool fits of one model to completed data sets.

    Parameters
    ----------
    fits : sequence of FitResult
        At least two, of the same terms.

    Returns
    -------
    FitResult
        Of the class of the first, with pooled coefficients, covariance and degrees of freedom.
        Where rows are clustered the complete-data degrees of freedom are clusters - 1. If one of
        the models could not be estimated, the pooled one says so. Log-likelihoods and other
        numbers of single fits stay those of the first.

    Raises
    ------
    UsageError
        If the fits differ in their terms, or in knots or means learnt from imputed values.
    """
    first = fits[0]
    failed = next((fit for fit in fits if not fit.ok), None)
    if failed is not None:
        reason = f"in at least one completed data set: {failed.reason}"
        return replace(failed, reason=reason)
    if any(fit.terms != first.terms for fit in fits):
        raise UsageError("the completed data sets lead to different terms; pool them by hand.")
    if any(getattr(fit, "spec", None) != getattr(first, "spec", None) for fit in fits):
        raise UsageError(
            "knots, means or levels differ between completed data sets, so coefficients mean "
            "different things; give knots= in the formula."
        )
    estimate, covariance, df = pool_estimates(
        np.array([fit.coefficients for fit in fits]),
        np.array([fit.covariance for fit in fits]),
        float(np.mean([np.min(fit.df) for fit in fits])),
    )
    return replace(
        first, coefficients=estimate, covariance=covariance, df=df, caveats=_joint_caveats(fits)
    )


def _joint_caveats(fits: Sequence[FitResult]) -> tuple[Caveat, ...]:
    """Caveats of any fit, one per code and term."""
    distinct = {(c.code, c.term): c for fit in reversed(fits) for c in reversed(fit.caveats)}
    return tuple(reversed(distinct.values()))
