"""Logistic regression: maximum likelihood and Firth's penalty, with the covariances that fit them.

Every failure that data can cause (no rows, an outcome that never varies, separation) is a result
that says so; every request that is wrong whatever the data raises.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from vpstats.errors import UsageError
from vpstats.frames import Frame, Imputations, open_data
from vpstats.models.binary import (
    BinaryRows,
    largest_log_odds,
    likelihood,
    row_terms,
    starting_point,
)
from vpstats.models.columns import read_numbers
from vpstats.models.covariance import (
    FEW_CLUSTERS,
    FEW_EVENT_CLUSTERS,
    Clusters,
    Covariance,
    bias_reduced_covariance,
    clustered_covariance,
    heteroscedastic_covariance,
    make_clusters,
    two_way_covariance,
)
from vpstats.models.design import Design, build_design
from vpstats.models.firth import fitted_likelihood, has_few_events, modified_terms
from vpstats.models.logistic_result import LogisticFit
from vpstats.models.newton import Solution, invert, maximise
from vpstats.models.pooling import pool_fits
from vpstats.models.profile import profile_intervals, ratio_p_values
from vpstats.models.separation import detect_separation
from vpstats.results import Caveat, require_level

__all__ = ["LogisticFit", "fit_logistic"]

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]

_VCOVS = ("model", "HC1", "CR0", "CR1", "CR2")
_FAR = 12.0
"""Log odds beyond which a maximum is checked for separation: a probability of 6e-6."""
_FEW_EVENTS = 10.0
"""Below this many events per parameter estimates are unstable (Peduzzi 1996)."""


@dataclass(frozen=True)
class _Request:
    """What was asked for, checked."""

    formula: str
    penalty: str | None
    clusters: tuple[str, ...]
    vcov: str
    intervals: str
    weights: str | None
    offset: str | None
    level: float


def fit_logistic(
    data: pd.DataFrame | Frame | Imputations,
    formula: str,
    *,
    penalty: Literal["firth"] | None = None,
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
    penalty : {None, "firth"}
        None for maximum likelihood; "firth" for Jeffreys' prior, which is finite under
        separation and less biased with few events.
    cluster : str or tuple of two str, optional
        Columns whose equal values are not independent; the frame's own if None.
    vcov : {"model", "HC1", "CR0", "CR1", "CR2"}, optional
        "CR1" where rows are clustered, else "model". "CR1" is the cluster sandwich times
        G / (G - 1) with t on G - 1 degrees of freedom; "CR0" lacks the factor; "CR2" is the
        bias-reduced one with Satterthwaite degrees of freedom; two clusters allow "CR1" alone.
        With Firth's penalty "model" is the inverse information at the estimate, and the robust
        ones use modified scores.
    intervals : {"wald", "profile"}
        Profile-likelihood (after a penalty: penalised) intervals with likelihood-ratio p-values,
        for independent rows.
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
    frame = open_data(data, cluster=_first_cluster(cluster), independent=independent)
    return _fit(frame, _read_request(frame, formula, options))


def _fit_imputations(data: Imputations, formula: str, options: dict[str, Any]) -> LogisticFit:
    if options["intervals"] == "profile":
        raise UsageError("profile intervals cannot be pooled; use intervals='wald'.")
    pooled = pool_fits([fit_logistic(frame, formula, **options) for frame in data])
    return replace(pooled, log_likelihood=np.nan, penalised_log_likelihood=np.nan)


def _read_request(frame: Frame, formula: str, options: dict[str, Any]) -> _Request:
    penalty, vcov, intervals = options["penalty"], options["vcov"], options["intervals"]
    _one_of("penalty", penalty, (None, "firth"))
    _one_of("vcov", vcov, (None, *_VCOVS))
    _one_of("intervals", intervals, ("wald", "profile"))
    clusters = _cluster_columns(frame, options["cluster"])
    vcov = vcov or ("CR1" if clusters else "model")
    _check_covariance(vcov, clusters, penalty)
    if intervals == "profile" and (clusters or vcov != "model"):
        raise UsageError(
            "a profile likelihood assumes independent rows and a right model, so it is not valid "
            "with clusters or a robust covariance; use intervals='wald' with a robust vcov."
        )
    level = require_level(options["level"])
    weights, offset = options["weights"], options["offset"]
    return _Request(formula, penalty, clusters, vcov, intervals, weights, offset, level)


def _one_of(name: str, value: object, allowed: Sequence[object]) -> None:
    if value not in allowed:
        raise UsageError(f"{name} is {value!r}; expected one of {', '.join(map(repr, allowed))}.")


def _first_cluster(cluster: str | tuple[str, ...] | None) -> str | None:
    if not isinstance(cluster, tuple):
        return cluster
    if len(cluster) != 2 or cluster[0] == cluster[1]:
        raise UsageError("cluster= takes one column, or a tuple of two different columns.")
    return cluster[0]


def _cluster_columns(frame: Frame, cluster: Any) -> tuple[str, ...]:
    if isinstance(cluster, tuple):
        return cluster
    return () if frame.cluster is None else (frame.cluster,)


def _check_covariance(vcov: str, clusters: tuple[str, ...], penalty: str | None) -> None:
    if clusters and not vcov.startswith("CR"):
        raise UsageError(
            f"vcov='{vcov}' ignores that rows of one {clusters[0]} are not independent; use 'CR1', "
            "or give independent='the reason' instead of cluster=."
        )
    if not clusters and vcov.startswith("CR"):
        raise UsageError(f"vcov='{vcov}' needs cluster=; for independent rows use 'HC1'.")
    if len(clusters) == 2 and vcov != "CR1":
        raise UsageError(f"there is no two-way {vcov}; use vcov='CR1'.")
    if penalty is not None and (vcov == "CR2" or len(clusters) == 2):
        raise UsageError(
            "there is no theory for CR2 or two-way clusters with Firth's penalty; use vcov='CR1' "
            "with one cluster."
        )


@dataclass(frozen=True)
class _Data:
    """Rows to fit, with what is known of them before the fit."""

    design: Design
    rows: BinaryRows
    clusters: tuple[Clusters, ...]
    frame: Frame

    @property
    def y(self) -> Vector:
        return (self.rows.sign + 1) / 2


def _fit(frame: Frame, request: _Request) -> LogisticFit:
    data = _read_data(frame, request)
    blank = _blank_fit(data, request)
    status, reason = _hopeless(data, request)
    if status:
        return replace(blank, status=status, reason=reason)
    evaluate = fitted_likelihood(data.rows, request.penalty)
    found = maximise(evaluate, starting_point(data.rows))
    separated = _separation(data, request, found)
    if separated is not None and request.penalty is None:
        return replace(
            blank,
            status="separated",
            reason=_remedy(request, separated.message),
            caveats=(separated, *blank.caveats),
            iterations=found.iterations,
        )
    if not found.converged:
        return _not_converged(blank, found)
    caveats = (separated, *blank.caveats) if separated is not None else blank.caveats
    return _finish(replace(blank, caveats=caveats), data, request, found)


def _read_data(frame: Frame, request: _Request) -> _Data:
    numbers = {
        name: read_numbers(frame.data, column)
        for name, column in (("weights", request.weights), ("offset", request.offset))
        if column is not None
    }
    also = [*request.clusters, *(c for c in (request.weights, request.offset) if c is not None)]
    design = build_design(frame.data, request.formula, response=True, also=also)
    kept = design.kept
    extra = {name: values[kept] for name, values in numbers.items()}
    if "weights" in extra and not (extra["weights"] > 0).all():
        raise UsageError(
            "holds weights that are zero or negative; leave such rows out, or make the weights "
            "missing.",
            column=request.weights,
        )
    rows = BinaryRows(design.X, 2 * np.asarray(design.y) - 1, **extra)
    clusters = tuple(make_clusters(frame.data[c].to_numpy()[kept]) for c in request.clusters)
    return _Data(design, rows, clusters, frame)


def _blank_fit(data: _Data, request: _Request) -> LogisticFit:
    """The result as it is if nothing can be estimated: counts, names and caveats."""
    p, n_events = len(data.design.terms), int(data.y.sum())
    outcome = data.design.spec.response
    how = "Firth logistic regression" if request.penalty else "Logistic regression"
    return LogisticFit(
        title=f"{how} of {outcome}",
        unit=data.frame.unit,
        n=len(data.rows),
        n_events=n_events,
        n_clusters=min((c.count for c in data.clusters), default=None),
        level=request.level,
        terms=data.design.terms,
        coefficients=np.full(p, np.nan),
        covariance=np.full((p, p), np.nan),
        vcov=request.vcov,
        spec=data.design.spec,
        penalty=request.penalty,
        cluster=request.clusters,
        weights=request.weights,
        offset=request.offset,
        n_missing=data.design.n_missing,
        caveats=_data_caveats(data, request),
    )


def _hopeless(data: _Data, request: _Request) -> tuple[str, str]:
    """Why there is nothing to fit, with what to do; empty if there is something."""
    if not len(data.rows):
        return "no rows", (
            "no row has a value in every column of the model; see which column is empty, or "
            "leave it out of the formula."
        )
    outcome = data.design.spec.response
    if abs(data.rows.sign.sum()) == len(data.rows):
        return "constant outcome", (
            f"'{outcome}' is {'yes' if data.rows.sign[0] > 0 else 'no'} in every row, so no odds "
            "ratio can be estimated; report the rate with its exact interval."
        )
    if any(c.count < 2 for c in data.clusters):
        return "too few clusters", (
            f"all rows belong to one {request.clusters[0]}, so the variation between clusters is "
            "unknown."
        )
    return "", ""


def _separation(data: _Data, request: _Request, found: Solution) -> Caveat | None:
    """The caveat on separation, if the data are separated.

    The linear programme runs only where maximum likelihood diverges, which it always does under
    separation.
    """
    if request.penalty is not None:
        found = maximise(
            likelihood(data.rows),
            found.estimate if found.converged else np.zeros(len(data.design.terms)),
        )
    if found.converged and largest_log_odds(data.rows, found.estimate) < _FAR:
        return None
    separation = detect_separation(data.design.X, data.y, data.design.terms)
    if not separation.found:
        return None
    return Caveat(
        "separation",
        f"{separation.kind} separation: {', '.join(separation.columns)} predict the outcome "
        "without error in some rows, so the maximum likelihood estimate is infinite.",
    )


def _remedy(request: _Request, message: str) -> str:
    options = "penalty='firth'" + ("" if request.clusters else ", intervals='profile'")
    return f"{message} Use fit_logistic(data, '{request.formula}', {options})."


def _not_converged(blank: LogisticFit, found: Solution) -> LogisticFit:
    message = (
        f"the solver stopped after {found.iterations} iterations without reaching the maximum; "
        "check for columns of very different scale or nearly equal columns."
    )
    return replace(
        blank,
        status="not converged",
        reason=message,
        caveats=(Caveat("not_converged", message), *blank.caveats),
        iterations=found.iterations,
    )


def _finish(blank: LogisticFit, data: _Data, request: _Request, found: Solution) -> LogisticFit:
    penalised = request.penalty is not None
    plain = likelihood(data.rows)(found.estimate) if penalised else found
    covariance = _covariance(data, request, found.estimate, invert(plain.information))
    low = high = p_values = None
    if request.intervals == "profile":
        evaluate = fitted_likelihood(data.rows, request.penalty)
        concave = request.penalty is None or not has_few_events(data.rows)
        low, high = profile_intervals(evaluate, found, request.level, concave=concave)
        p_values = ratio_p_values(evaluate, found)
    return replace(
        blank,
        coefficients=found.estimate,
        covariance=covariance.matrix,
        df=covariance.df,
        conf_low=low,
        conf_high=high,
        p_values=p_values,
        log_likelihood=plain.value,
        penalised_log_likelihood=found.value if penalised else np.nan,
        iterations=found.iterations,
        converged=True,
    )


def _covariance(data: _Data, request: _Request, estimate: Vector, bread: Matrix) -> Covariance:
    name, X = request.vcov, data.design.X
    if name == "model":
        return Covariance(bread, name)
    terms = (modified_terms if request.penalty else row_terms)(data.rows, estimate)
    if name == "HC1":
        return Covariance(heteroscedastic_covariance(bread, X, terms.residuals), name)
    df = float(min(c.count for c in data.clusters) - 1)
    if len(data.clusters) == 2:
        matrix = two_way_covariance(bread, X, terms.residuals, *data.clusters)
        return Covariance(matrix, name, df)
    clusters = data.clusters[0]
    if name == "CR2":
        weights = 1.0 if data.rows.weights is None else data.rows.weights
        variance, plain = terms.working / weights, terms.residuals / weights
        matrix, dfs = bias_reduced_covariance(
            bread, X, variance, plain, clusters, data.rows.weights
        )
        return Covariance(matrix, name, dfs)
    correct = name == "CR1"
    matrix = clustered_covariance(bread, X, terms.residuals, clusters, correct=correct)
    return Covariance(matrix, name, df)


def _data_caveats(data: _Data, request: _Request) -> tuple[Caveat, ...]:
    found = [
        *_event_caveats(data),
        *_cluster_caveats(data, request),
        *(
            Caveat("aliased", f"{name} is determined by other columns and was left out.", name)
            for name in data.design.aliased
        ),
    ]
    if data.frame.independent is not None:
        found.append(
            Caveat("independent", f"Rows were analysed as independent: {data.frame.independent}")
        )
    if data.design.n_missing:
        total = data.design.n_missing + len(data.rows)
        found.append(
            Caveat(
                "dropped_rows",
                f"{data.design.n_missing:,} of {total:,} rows were left out because a value was "
                "missing.",
            )
        )
    return tuple(found)


def _event_caveats(data: _Data) -> list[Caveat]:
    slopes = len(data.design.terms) - data.design.spec.has_intercept
    events = int(data.y.sum())
    rarer = min(events, len(data.rows) - events)
    if not slopes or rarer / slopes >= _FEW_EVENTS:
        return []
    what = "events" if rarer == events else "rows without the event"
    return [Caveat("few_events", f"There are {rarer} {what} for {slopes} parameters.")]


def _cluster_caveats(data: _Data, request: _Request) -> list[Caveat]:
    found = []
    for column, clusters in zip(request.clusters, data.clusters, strict=True):
        if clusters.count < FEW_CLUSTERS:
            found.append(
                Caveat(
                    "few_clusters",
                    f"There are {clusters.count} clusters of {column}: robust standard errors may "
                    "be too small.",
                )
            )
        with_event = len(np.unique(clusters.codes[data.rows.sign > 0]))
        if request.penalty is not None and with_event < FEW_EVENT_CLUSTERS:
            found.append(
                Caveat(
                    "few_event_clusters",
                    f"{with_event} clusters of {column} have an event: robust standard errors of "
                    "modified scores may be too small.",
                )
            )
    return found
