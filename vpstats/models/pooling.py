"""Rubin's rules over the fits of completed data sets, joint tests and curves."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from vpstats.errors import UsageError
from vpstats.results import Caveat, CurveResult, FitResult, TableResult

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]
Mask = NDArray[np.bool_]
Fit = TypeVar("Fit", bound=FitResult)

_OF_ONE_FIT = ("likelihood", "deviance", "concordance", "statistic", "p_value", "decrement")
"""Numbers whose names hold one of these describe one data set and have no pooled value."""
_PROTOCOL = frozenset(field.name for field in dataclasses.fields(FitResult))
"""Fields that every fit has, which are pooled one by one."""
_COUNTS = frozenset(("n", "n_events", "n_clusters"))
_WALD_OF_PENALISED = (
    "The estimates are penalised and their pooled intervals are Wald intervals, which take the "
    "likelihood as symmetric; where rows are independent, profile intervals "
    '(fit_logistic: intervals="profile") are combined instead.'
)


@dataclass(frozen=True)
class Pooling:
    """What a pooled fit is made of.

    Parameters
    ----------
    m : int
        Completed data sets.
    within, between : ndarray, shape (p, p)
        Mean of the covariances, and covariance of the estimates.
    complete_df : ndarray, shape (p,)
        Degrees of freedom had nothing been missing; infinite for the normal.
    """

    m: int
    within: Matrix
    between: Matrix
    complete_df: Vector

    @property
    def relative_increase(self) -> Vector:
        """Relative increase of each variance because values are missing, shape (p,)."""
        added = (1 + 1 / self.m) * np.diag(self.between)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(added / np.diag(self.within))

    def table(self, terms: Sequence[str]) -> pd.DataFrame:
        """One row per coefficient on what missing values cost.

        Returns
        -------
        DataFrame
            ``term, within_variance, between_variance, relative_increase, df,
            missing_information``: Rubin's fraction of missing information, with the degrees of
            freedom of Barnard and Rubin.
        """
        increase = self.relative_increase
        df = _barnard_rubin(increase / (1 + increase), self.m, self.complete_df)
        return pd.DataFrame(
            {
                "term": list(terms),
                "within_variance": np.diag(self.within),
                "between_variance": np.diag(self.between),
                "relative_increase": increase,
                "df": df,
                "missing_information": (increase + 2 / (df + 3)) / (increase + 1),
            }
        )


def pool_estimates(
    estimates: Matrix, covariances: NDArray[np.float64], complete_df: float | Vector
) -> tuple[Vector, Matrix, Vector]:
    """Rubin's rules with Barnard and Rubin's degrees of freedom.

    Parameters
    ----------
    estimates : ndarray, shape (m, p)
        One row per completed data set.
    covariances : ndarray, shape (m, p, p)
        Their covariances.
    complete_df : float or ndarray, shape (p,)
        Degrees of freedom had nothing been missing; infinite for the normal.

    Returns
    -------
    estimate : ndarray, shape (p,)
        Their mean.
    covariance : ndarray, shape (p, p)
        Within plus (1 + 1/m) between.
    df : ndarray, shape (p,)
        Of the t distribution of each coefficient; where estimates do not differ what Barnard and
        Rubin make of `complete_df`.

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
    within, between = _spread(estimates, covariances)
    total = within + (1 + 1 / m) * between
    share = (1 + 1 / m) * np.diag(between) / np.diag(total)
    return estimates.mean(axis=0), total, _barnard_rubin(share, m, complete_df)


def _spread(estimates: Matrix, covariances: NDArray[np.float64]) -> tuple[Matrix, Matrix]:
    """Mean covariance within, and covariance between, completed data sets."""
    apart = estimates - estimates.mean(axis=0)
    return covariances.mean(axis=0), apart.T @ apart / (len(estimates) - 1)


def _barnard_rubin(share: Vector, m: int, complete_df: float | Vector) -> Vector:
    """Degrees of freedom where a `share` of the variance is due to missing values."""
    complete = np.broadcast_to(np.asarray(complete_df, dtype=float), share.shape)
    with np.errstate(divide="ignore", invalid="ignore"):
        df = (m - 1) / share**2
        observed = (complete + 1) / (complete + 3) * complete * (1 - share)
        return np.where(np.isinf(complete), df, 1 / (1 / df + 1 / observed))


def pool_fits(fits: Sequence[Fit], notes: Sequence[Caveat] = ()) -> Fit:
    """Pool fits of one model to completed data sets.

    Parameters
    ----------
    fits : sequence of FitResult
        At least two, of the same terms.
    notes : sequence of Caveat
        Those of the imputation (chains that do not agree, too few copies): what to know of it is
        to be known of the fit.

    Returns
    -------
    FitResult
        Of the class of the first, with pooled coefficients, covariance and degrees of freedom.
        The complete-data degrees of freedom are those of the fits: clusters - 1 for a cluster
        sandwich, infinite where inference is normal. Intervals are Wald intervals, which a
        caveat says where the fits had profile ones. Log-likelihoods, concordance and the like are
        NaN; other numbers and arrays that differ are means, and what has no mean (such as a
        baseline hazard) is left out. ``missing_information()`` says what missing values cost. If
        a model could not be estimated in some data sets, the status says in how many.

    Raises
    ------
    UsageError
        If the fits differ in their formula, or in knots or means learnt from imputed values.
    """
    first = fits[0]
    if len(fits) < 2:
        raise UsageError("pooling needs the fits of at least two completed data sets.")
    if any(not fit.ok for fit in fits):
        return _failed(fits, notes)
    if any(fit.terms != first.terms for fit in fits):
        return _different(fits, notes)
    if any(getattr(fit, "spec", None) != getattr(first, "spec", None) for fit in fits):
        raise UsageError(
            "knots, means or levels differ between completed data sets, so coefficients mean "
            "different things; give knots= in the formula."
        )
    estimates = np.array([fit.coefficients for fit in fits])
    covariances = np.array([fit.covariance for fit in fits])
    p = estimates.shape[1]
    complete = np.mean([np.broadcast_to(_complete_df(f), (p,)) for f in fits], axis=0)
    estimate, covariance, df = pool_estimates(estimates, covariances, complete)
    return replace(
        first,
        coefficients=estimate,
        covariance=covariance,
        df=df,
        conf_low=None,
        conf_high=None,
        p_values=None,
        caveats=(*_pooled_caveats(fits), *joint_caveats(fits, notes)),
        pooling=Pooling(len(fits), *_spread(estimates, covariances), complete),
        **_consensus(fits),
    )


def _complete_df(fit: FitResult) -> Vector:
    """Degrees of freedom of one fit; clusters - 1 for a cluster sandwich with normal inference."""
    df = np.asarray(fit.df, dtype=float)
    if not fit.vcov.startswith("CR") or fit.n_clusters is None:
        return df
    return np.where(np.isinf(df), fit.n_clusters - 1.0, df)


def _failed(fits: Sequence[Fit], notes: Sequence[Caveat]) -> Fit:
    """The pooled result where a model could not be estimated, saying in how many data sets."""
    failed = [fit for fit in fits if not fit.ok]
    (status, _), *_ = Counter(fit.status for fit in failed).most_common(1)
    example = next(fit for fit in failed if fit.status == status)
    m, k = len(fits), len(failed)
    p = len(example.terms)
    if k == m:
        status, where = status, f"in all {m} completed data sets"
    else:
        status, where = f"{status} in {k} of {m} data sets", f"in {k} of {m} completed data sets"
    return replace(
        example,
        status=status,
        reason=f"{where}: {example.reason}",
        coefficients=np.full(p, np.nan),
        covariance=np.full((p, p), np.nan),
        caveats=joint_caveats(fits, notes),
    )


def _different(fits: Sequence[Fit], notes: Sequence[Caveat]) -> Fit:
    """The pooled result where the same formula led to different coefficients."""
    first = fits[0]
    formulas = {getattr(getattr(fit, "spec", None), "formula", None) for fit in fits}
    if len(formulas) > 1 or formulas == {None}:
        raise UsageError("the fits are of different terms; pool fits of one formula.")
    sets = Counter(fit.terms for fit in fits)
    odd = sorted({t for terms in sets for t in terms if any(t not in other for other in sets)})
    p = len(first.terms)
    return replace(
        first,
        status="different terms",
        reason=(
            f"{', '.join(odd)} can be estimated in some completed data sets and not in others (a "
            "category that few rows have, or a column determined by others); leave it out or join "
            "categories."
        ),
        coefficients=np.full(p, np.nan),
        covariance=np.full((p, p), np.nan),
        conf_low=None,
        conf_high=None,
        p_values=None,
        caveats=joint_caveats(fits, notes),
        **_consensus(fits),
    )


def _pooled_caveats(fits: Sequence[FitResult]) -> list[Caveat]:
    found = [
        Caveat(
            "pooled",
            f"Pooled over {len(fits)} completed data sets by Rubin's rules; log-likelihoods and "
            "other numbers of single fits have no pooled value.",
        )
    ]
    if any(fit.conf_low is not None for fit in fits):
        message = "The fits have profile intervals; the pooled intervals are Wald intervals."
        found.append(Caveat("pooled_wald", message))
    elif any(getattr(fit, "penalty", None) for fit in fits):
        found.append(Caveat("pooled_wald", _WALD_OF_PENALISED))
    return found


def joint_caveats(
    results: Sequence[FitResult | TableResult | CurveResult], notes: Sequence[Caveat] = ()
) -> tuple[Caveat, ...]:
    """Caveats of any result, then those of the imputation, one per code and term."""
    own = {(c.code, c.term): c for r in reversed(results) for c in reversed(r.caveats)}
    more = {(c.code, c.term): c for c in notes if (c.code, c.term) not in own}
    return (*reversed(own.values()), *more.values())


def _consensus(fits: Sequence[FitResult]) -> dict[str, Any]:
    """Fields beyond the protocol that differ between fits, with what the pooled fit says there."""
    settled = {}
    for field in dataclasses.fields(fits[0]):
        values = [getattr(fit, field.name) for fit in fits]
        own = field.name not in _PROTOCOL or field.name in _COUNTS
        if own and field.name != "spec" and not all(_same(values[0], v) for v in values[1:]):
            settled[field.name] = _settle(field, values)
    return settled


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, float | np.ndarray) and isinstance(b, float | np.ndarray):
        return np.array_equal(a, b, equal_nan=np.asarray(a).dtype.kind == "f")
    if isinstance(a, pd.DataFrame):
        return bool(a.equals(b))
    try:
        return bool(a == b)
    except ValueError:  # arrays inside
        return False


def _settle(field: dataclasses.Field[Any], values: list[Any]) -> Any:
    first = values[0]
    of_one = any(word in field.name for word in _OF_ONE_FIT)
    if isinstance(first, bool | np.bool_):
        return all(values)
    if isinstance(first, int | np.integer):
        return max(values) if field.name == "iterations" else round(float(np.mean(values)))
    if isinstance(first, float):
        return float("nan") if of_one else float(np.mean(values))
    if isinstance(first, np.ndarray) and len({v.shape for v in values}) == 1:
        return np.full(first.shape, np.nan) if of_one else np.mean(values, axis=0)
    if field.default is not dataclasses.MISSING:
        return field.default
    return first if field.default_factory is dataclasses.MISSING else field.default_factory()


def pooled_wald(pooling: Pooling, coefficients: Vector, chosen: Mask) -> tuple[float, float]:
    """Test D1 of several pooled coefficients being zero together.

    Parameters
    ----------
    pooling : Pooling
        Within and between covariance.
    coefficients : ndarray, shape (p,)
        Pooled estimates.
    chosen : ndarray of bool, shape (p,)
        The k coefficients to test.

    Returns
    -------
    statistic, df_residual : float
        F on k and `df_residual` degrees of freedom: those of Li, Raghunathan and Rubin, or of
        Reiter where the complete-data degrees of freedom are finite. NaN where the covariance
        within is singular.

    References
    ----------
    Li KH, Raghunathan TE, Rubin DB. Large-sample significance levels from multiply imputed data
    using moment-based statistics and an F reference distribution. J Am Stat Assoc
    1991;86:1065-1073. Reiter JP. Small-sample degrees of freedom for multi-component significance
    tests with multiple imputation for missing data. Biometrika 2007;94:502-508.
    """
    block = np.ix_(chosen, chosen)
    within, between, estimate = pooling.within[block], pooling.between[block], coefficients[chosen]
    k, m = len(estimate), pooling.m
    if not np.isfinite(within).all() or np.linalg.matrix_rank(within, hermitian=True) < k:
        return float("nan"), float("nan")
    # the mean relative increase of the variance over the directions tested
    increase = (1 + 1 / m) * float(np.trace(np.linalg.solve(within, between))) / k
    statistic = float(estimate @ np.linalg.solve(within, estimate)) / (k * (1 + increase))
    complete = float(np.min(pooling.complete_df[chosen]))
    return statistic, _joint_df(k, m, increase, complete)


def pool_tests(estimates: Matrix, covariances: NDArray[np.float64]) -> tuple[float, float]:
    """Test D1 of estimates of completed data sets that are zero together if nothing differs.

    Parameters
    ----------
    estimates : ndarray, shape (m, k)
        One row per completed data set.
    covariances : ndarray, shape (m, k, k)
        Their covariances.

    Returns
    -------
    statistic, df_residual : float
        F on k and `df_residual` degrees of freedom.
    """
    k = estimates.shape[1]
    pooling = Pooling(len(estimates), *_spread(estimates, covariances), np.full(k, np.inf))
    return pooled_wald(pooling, estimates.mean(axis=0), np.ones(k, dtype=bool))


def _joint_df(k: int, m: int, increase: float, complete: float) -> float:
    t = k * (m - 1)
    if increase <= 0:
        return complete
    if np.isfinite(complete) and t > 4:
        return _reiter(t, increase, complete)
    if t > 4:
        return 4 + (t - 4) * (1 + (1 - 2 / t) / increase) ** 2
    few = t * (1 + 1 / k) * (1 + 1 / increase) ** 2 / 2
    # Reiter's are for t > 4; below them those of Barnard and Rubin, exact for k = 1
    observed = (complete + 1) / (complete + 3) * complete / (1 + increase)
    return few if np.isinf(complete) else 1 / (1 / few + 1 / observed)


def _reiter(t: int, increase: float, complete: float) -> float:
    a = increase * t / (t - 2)
    v = (complete + 1) / (complete + 3) * complete
    c0, c1, c2 = 1 / (t - 4), v - 2 * (1 + a), v - 4 * (1 + a)
    inverse = (
        1 / c2
        + c0 * a**2 * c1 / ((1 + a) ** 2 * c2)
        + c0 * (8 * a**2 * c1 / ((1 + a) * c2**2) + 4 * a**2 / ((1 + a) * c2))
        + c0 * (4 * a**2 / (c2 * c1) + 16 * a**2 * c1 / c2**3)
        + c0 * 8 * a**2 / c2**2
    )
    return 4 + 1 / inverse


def joint_p_value(statistic: float, k: int, df: float) -> float:
    """Upper tail of F on k and `df` degrees of freedom, chi-squared / k where `df` is infinite."""
    if np.isinf(df):
        return float(stats.chi2.sf(k * statistic, k))
    return float(stats.f.sf(statistic, k, df))
