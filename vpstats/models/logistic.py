"""Logistic regression: maximum likelihood and Firth's penalty, with the covariances that fit them.

Every failure that data can cause (no rows, an outcome that never varies, separation) is a result
that says so; every request that is wrong whatever the data raises.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from vpstats.errors import UsageError
from vpstats.frames import Frame, Imputations, open_data
from vpstats.models.binary import row_terms
from vpstats.models.binary_many import likelihood_of_many
from vpstats.models.clip import Profile, with_clip
from vpstats.models.covariance import (
    Covariance,
    bias_reduced_covariance,
    clustered_covariance,
    heteroscedastic_covariance,
    two_way_covariance,
)
from vpstats.models.firth import has_few_events
from vpstats.models.hotelling import wishart_df
from vpstats.models.logistic_guards import (
    BinaryData,
    blank_fields,
    data_caveats,
    find_separation,
    hopeless,
    not_converged,
    read_rows,
    separation_remedy,
)
from vpstats.models.logistic_request import Request, first_cluster, read_request
from vpstats.models.logistic_result import LogisticFit
from vpstats.models.penalties import Estimate, estimate_rows, profiled_likelihood, row_scores
from vpstats.models.pooling import pool_fits
from vpstats.models.profile import EvaluateMany, profile_intervals, ratio_p_values
from vpstats.results import Caveat

__all__ = ["LogisticFit", "fit_logistic"]

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]


def fit_logistic(
    data: pd.DataFrame | Frame | Imputations,
    formula: str,
    *,
    penalty: Literal["firth", "flic", "flac"] | None = None,
    cluster: str | tuple[str, str] | None = None,
    vcov: Literal["model", "HC1", "CR0", "CR1", "CR2"] | None = None,
    intervals: Literal["wald", "profile"] = "wald",
    weights: str | None = None,
    offset: str | None = None,
    level: float = 0.95,
    independent: str | None = None,
) -> LogisticFit:
    """Fit a logistic regression.

    Parameters
    ----------
    data : DataFrame, Frame or Imputations
        Rows; unchanged. A Frame brings its unit and its cluster along, and rows that repeat
        patients must be clustered; a DataFrame carries no such guard. Imputations are fitted one
        by one and pooled by Rubin's rules.
    formula : str
        ``outcome ~ terms``; the outcome is 0/1, boolean or yes/no. See
        `vpstats.models.formula.parse_formula` for what may stand in it.
    penalty : {None, "firth", "flic", "flac"}
        None for maximum likelihood; "firth" for Jeffreys' prior, which is finite under
        separation and less biased with few events. Its predicted risks are pulled towards one
        half; "flic" (the intercept fitted anew) and "flac" (a covariate for the rows that the
        prior stands for) predict the observed number of events.
    cluster : str or tuple of two str, optional
        Columns whose equal values are not independent; the frame's own if None.
    vcov : {"model", "HC1", "CR0", "CR1", "CR2"}, optional
        "CR1" where rows are clustered, else "model". "CR1" is the cluster sandwich times
        G / (G - 1) with t on G - 1 degrees of freedom; "CR0" lacks the factor; "CR2" is the
        bias-reduced one with Satterthwaite degrees of freedom; two clusters allow "CR1" alone.
        With a penalty "model" is the inverse information at the estimate (for "flac" of the
        augmented rows), and the robust ones use the scores that the estimate sets to zero.
    intervals : {"wald", "profile"}
        Profile-likelihood (after a penalty: penalised) intervals with likelihood-ratio p-values,
        for independent rows; those of imputations are combined by CLIP. "flic" keeps Firth's for
        the slopes; its intercept has a Wald one.
    weights : str, optional
        Column of case weights, positive: 2 counts as the row repeated in the likelihood.
    offset : str, optional
        Column of a known part of the log odds.
    level : float
        Confidence level.
    independent : str, optional
        Why rows that repeat patients may be taken as independent; the reason is printed.

    Returns
    -------
    LogisticFit
        `status` is "ok", "no rows", "constant outcome", "separated", "too few clusters" or
        "not converged"; if not "ok", coefficients are NaN and `reason` says what to do.

    Raises
    ------
    FormulaError
        If the formula holds anything but columns, operators and listed transforms.
    UsageError
        For unknown options and combinations without theory, with what to use instead.

    References
    ----------
    Firth D. Bias reduction of maximum likelihood estimates. Biometrika 1993;80:27-38.
    Heinze G, Schemper M. A solution to the problem of separation in logistic regression. Stat Med
    2002;21:2409-2419.
    Puhr R, Heinze G, Nold M, Lusa L, Geroldinger A. Firth's logistic regression with rare events:
    accurate effect estimates and predictions? Stat Med 2017;36:2302-2317.
    Heinze G, Ploner M, Beyea J. Confidence intervals after multiple imputation: combining profile
    likelihood information from logistic regressions. Stat Med 2013;32:5062-5076.
    Cameron AC, Miller DL. A practitioner's guide to cluster-robust inference. J Hum Resour
    2015;50:317-372.

    Examples
    --------
    >>> import pandas as pd
    >>> rows = pd.DataFrame({"leak": [1, 1, 1, 0, 1, 0, 0, 0], "high": [1, 1, 1, 1, 0, 0, 0, 0]})
    >>> fit = fit_logistic(rows, "leak ~ high")  # odds 3 against 1/3: odds ratio 9
    >>> fit.tidy(exponentiate=True).round(3)[["term", "estimate"]]
            term  estimate
    0  Intercept     0.333
    1       high     9.000
    """
    options: dict[str, Any] = {
        "penalty": penalty,
        "cluster": cluster,
        "vcov": vcov,
        "intervals": intervals,
        "weights": weights,
        "offset": offset,
        "level": level,
        "independent": independent,
    }
    if isinstance(data, Imputations):
        return _fit_imputations(data, formula, options)
    frame = open_data(data, cluster=first_cluster(cluster), independent=independent)
    return _fit(frame, read_request(frame, formula, options))


def _fit_imputations(data: Imputations, formula: str, options: dict[str, Any]) -> LogisticFit:
    cluster, independent = first_cluster(options["cluster"]), options["independent"]
    frames = [open_data(frame, cluster=cluster, independent=independent) for frame in data]
    requests = [read_request(frame, formula, options) for frame in frames]
    plain = [replace(request, intervals="wald") for request in requests]
    fits = [_fit(f, r) for f, r in zip(frames, plain, strict=True)]
    pooled = pool_fits(fits, data.caveats)
    if not pooled.ok or options["intervals"] == "wald":
        return pooled
    profiles = [_profile(f, r) for f, r in zip(frames, requests, strict=True)]
    return with_clip(pooled, profiles, first=int(pooled.penalty == "flic"))


def _profile(frame: Frame, request: Request) -> Profile:
    """The likelihood of one completed data set."""
    rows = read_rows(frame, request).rows
    estimate = estimate_rows(rows, request.penalty)
    return Profile(*profiled_likelihood(rows, estimate, request.penalty))


def _fit(frame: Frame, request: Request) -> LogisticFit:
    data = read_rows(frame, request)
    _check_intercept(data, request)
    blank = _blank_fit(data, request)
    status, reason = hopeless(data, request)
    if status:
        return replace(blank, status=status, reason=reason)
    estimate = estimate_rows(data.rows, request.penalty)
    separated = find_separation(data, request.penalty, estimate)
    if separated is not None and request.penalty is None:
        return replace(
            blank,
            status="separated",
            reason=separation_remedy(request, separated.message),
            caveats=(separated, *blank.caveats),
            iterations=estimate.found.iterations,
        )
    if not estimate.found.converged:
        return not_converged(blank, estimate.found.iterations)
    caveats = (separated, *blank.caveats) if separated is not None else blank.caveats
    return _finish(replace(blank, caveats=caveats), data, request, estimate)


def _check_intercept(data: BinaryData, request: Request) -> None:
    if request.penalty in ("flic", "flac") and not data.design.spec.has_intercept:
        raise UsageError(
            f"penalty='{request.penalty}' corrects the intercept, and the formula has none; leave "
            "out 0 and - 1, or use penalty='firth'."
        )


_NAMES = {
    None: "Logistic regression",
    "firth": "Firth logistic regression",
    "flic": "Firth logistic regression with intercept correction",
    "flac": "Firth logistic regression with added covariate",
}


def _blank_fit(data: BinaryData, request: Request) -> LogisticFit:
    """The result as it is if nothing can be estimated: counts, names and caveats."""
    return LogisticFit(
        **blank_fields(data, request),
        title=f"{_NAMES[request.penalty]} of {data.design.spec.response}",
        n_clusters=min((c.count for c in data.clusters), default=None),
        penalty=request.penalty,
        caveats=data_caveats(data, request),
    )


def _finish(
    blank: LogisticFit, data: BinaryData, request: Request, estimate: Estimate
) -> LogisticFit:
    covariance = _covariance(data, request, estimate)
    fit = replace(
        blank,
        coefficients=estimate.coefficients,
        covariance=covariance.matrix,
        df=covariance.df,
        log_likelihood=estimate.log_likelihood,
        penalised_log_likelihood=estimate.penalised_log_likelihood,
        iterations=estimate.found.iterations,
        converged=True,
        joint_dfs=_joint_dfs(data, estimate) if request.vcov == "CR2" else {},
    )
    unknown = _negative_variances(fit)
    fit = replace(fit, caveats=(*unknown, *fit.caveats))
    return _with_profile(fit, data, estimate) if request.intervals == "profile" else fit


def _negative_variances(fit: LogisticFit) -> list[Caveat]:
    if len(fit.cluster) < 2:
        return []
    return [
        Caveat(
            "negative_variance",
            f"The two-way variance of {name} came out negative, as it can with few clusters of "
            "one kind; cluster one way.",
            name,
        )
        for name, variance in zip(fit.terms, np.diag(fit.covariance), strict=True)
        if np.isnan(variance)
    ]


_FEW_TO_PROFILE = 10
"""Events (or non-events) per coefficient below which each profile of a penalised likelihood is
searched by itself, since it may have several maxima."""


def _with_profile(fit: LogisticFit, data: BinaryData, estimate: Estimate) -> LogisticFit:
    evaluate, found = profiled_likelihood(data.rows, estimate, fit.penalty)
    many = _together(data, fit.penalty)
    concave = many is not None or fit.penalty == "flac"
    wanted = np.arange(int(fit.penalty == "flic"), len(fit.terms))
    low, high = profile_intervals(
        evaluate, found, fit.level, concave=concave, wanted=wanted, many=many
    )
    p_values = ratio_p_values(evaluate, found, wanted, many)
    if fit.penalty == "flic":  # Firth's likelihood knows nothing of the corrected intercept
        wald = fit.tidy().loc[:0]
        low, high = (np.r_[wald[c], x] for c, x in (("conf_low", low), ("conf_high", high)))
        p_values = np.r_[wald["p_value"], p_values]
    return replace(fit, conf_low=low, conf_high=high, p_values=p_values)


def _together(data: BinaryData, penalty: str | None) -> EvaluateMany | None:
    """The profiled likelihood at many points, where its profiles are known to have one maximum."""
    if penalty is None:
        return likelihood_of_many(data.rows)
    few = penalty == "flac" or has_few_events(data.rows, _FEW_TO_PROFILE)
    return None if few else likelihood_of_many(data.rows, 0.5)


def _covariance(data: BinaryData, request: Request, estimate: Estimate) -> Covariance:
    name, X = request.vcov, data.design.X
    if name == "model":
        return Covariance(estimate.covariance, name)
    if name == "CR2":
        return _bias_reduced(data, estimate)
    scores = row_scores(data.rows, estimate, request.penalty)
    if name == "HC1":
        matrix = heteroscedastic_covariance(scores.bread, X, scores.factors, scores.extra)
        return Covariance(matrix, name)
    df = float(min(c.count for c in data.clusters) - 1)
    if len(data.clusters) == 2:
        matrix = two_way_covariance(scores.bread, X, scores.factors, *data.clusters)
    else:
        matrix = clustered_covariance(
            scores.bread,
            X,
            scores.factors,
            data.clusters[0],
            correct=name == "CR1",
            extra=scores.extra,
        )
    return Covariance(matrix, name, df)


def _bias_reduced(data: BinaryData, estimate: Estimate) -> Covariance:
    terms = row_terms(data.rows, estimate.coefficients)
    weights = 1.0 if data.rows.weights is None else data.rows.weights
    matrix, dfs = bias_reduced_covariance(
        estimate.covariance,
        data.design.X,
        terms.working / weights,
        terms.residuals / weights,
        data.clusters[0],
        data.rows.weights,
    )
    return Covariance(matrix, "CR2", dfs)


def _joint_dfs(data: BinaryData, estimate: Estimate) -> dict[str, float]:
    """Degrees of freedom to test each term of several coefficients with, as CR2 has them."""
    assign = np.array(data.design.assign, dtype=object)
    several = [t for t in dict.fromkeys(assign) if np.count_nonzero(assign == t) > 1]
    terms = row_terms(data.rows, estimate.coefficients)
    weights = 1.0 if data.rows.weights is None else data.rows.weights
    found = wishart_df(
        estimate.covariance,
        data.design.X,
        terms.working / weights,
        data.clusters[0],
        data.rows.weights,
        [assign == t for t in several],
    )
    return dict(zip(several, found, strict=True))
