"""Conditional logistic regression: matched sets, and comparisons within patients.

Given how many rows of a stratum have the event, which ones have it says nothing of the stratum
itself, so whatever its rows share drops out.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from vpstats.errors import UsageError
from vpstats.frames import Frame, Imputations, open_data
from vpstats.models.conditional_kernel import (
    MatchedRows,
    cluster_scores,
    conditional_likelihood,
    informative,
    pairs_within,
)
from vpstats.models.conditional_result import ConditionalLogisticFit
from vpstats.models.covariance import FEW_CLUSTERS, Clusters, make_clusters, sandwich
from vpstats.models.design import (
    Design,
    build_design,
    independent_columns,
)
from vpstats.models.formula import parse_formula
from vpstats.models.logistic_guards import empty_columns, not_converged
from vpstats.models.newton import Solution, invert, maximise
from vpstats.models.pooling import pool_fits
from vpstats.models.separation import detect_separation
from vpstats.results import Caveat, require_level

__all__ = ["ConditionalLogisticFit", "fit_conditional_logistic"]

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]

_FAR = 12.0
"""Log odds ratio within a stratum beyond which a maximum is checked for separation."""
_FEW_EVENTS = 10.0
"""Below this many events per parameter estimates are unstable (Peduzzi 1996)."""


def fit_conditional_logistic(
    data: pd.DataFrame | Frame | Imputations,
    formula: str,
    *,
    strata: str,
    cluster: str | None = None,
    level: float = 0.95,
    independent: str | None = None,
) -> ConditionalLogisticFit:
    """Fit a conditional logistic regression by the exact conditional likelihood.

    Parameters
    ----------
    data : DataFrame, Frame or Imputations
        Rows; unchanged. Imputations are fitted one by one and pooled by Rubin's rules.
    formula : str
        ``outcome ~ terms``, with or without an intercept, which drops out.
    strata : str
        Column of the matched sets, or of the patients for comparisons within patients.
    cluster : str, optional
        Column of clusters that whole strata belong to (a patient who has several sets); the
        frame's own if None. Standard errors are then robust. A cluster that is the stratum itself
        is conditioned on already.
    level : float
        Confidence level.
    independent : str, optional
        Why rows of one cluster that share a stratum with others may be taken as independent; the
        reason is printed.

    Returns
    -------
    ConditionalLogisticFit
        `status` is "ok", "no rows", "nothing to compare", "separated", "too few clusters" or "not
        converged"; if not "ok", coefficients are NaN and `reason` says what to do. Columns that
        do not vary within strata are left out and named in a caveat, strata without an event or
        without a row free of it are counted in one.

    Raises
    ------
    FormulaError
        If the formula holds anything but columns, operators and listed transforms.
    UsageError
        If a column is missing, or clusters are torn apart by strata.

    Notes
    -----
    The likelihood and its score are those of statsmodels; the maximum is found by Newton steps to
    1e-8 standard errors. A cluster-robust covariance is that of R's ``coxph``, without a factor
    for few clusters.

    References
    ----------
    Breslow NE, Day NE. Statistical Methods in Cancer Research, volume 1. IARC, 1980; chapter 7.
    Gail MH, Lubin JH, Rubinstein LV. Likelihood calculations for matched case-control studies and
    survival studies with tied death times. Biometrika 1981;68:703-707.

    Examples
    --------
    >>> import pandas as pd
    >>> pairs = pd.DataFrame(  # five pairs: exposed alone the case four times, the control once
    ...     {"set": [1, 1, 2, 2, 3, 3, 4, 4, 5, 5], "case": [1, 0] * 5,
    ...      "exposed": [1, 0, 1, 0, 1, 0, 1, 0, 0, 1]}
    ... )
    >>> fit = fit_conditional_logistic(pairs, "case ~ exposed", strata="set")
    >>> fit.tidy(exponentiate=True)["estimate"].round(6).tolist()  # 4 to 1
    [4.0]
    """
    options: dict[str, Any] = {
        "strata": strata,
        "cluster": cluster,
        "level": level,
        "independent": independent,
    }
    if isinstance(data, Imputations):
        fits = [fit_conditional_logistic(frame, formula, **options) for frame in data]
        return replace(
            pool_fits(fits, data.caveats),
            centre=np.mean([fit.centre for fit in fits], axis=0),
            log_likelihood=np.nan,
            null_log_likelihood=np.nan,
        )
    require_level(level)
    frame = open_data(data, cluster=cluster or _own_cluster(data, strata, independent),
                      independent=independent)  # fmt: skip
    return _fit(frame, formula, strata, level)


def _own_cluster(data: pd.DataFrame | Frame, strata: str, independent: str | None) -> str | None:
    """Strata stand for clusters where a frame of several rows per patient names none."""
    bare = isinstance(data, Frame) and data.cluster is None and data.independent is None
    return strata if bare and independent is None and strata == "patient_id" else None


@dataclass(frozen=True)
class _Matched:
    """What is fitted, and what was left out on the way."""

    design: Design
    rows: MatchedRows
    clusters: Clusters | None
    constant: tuple[str, ...]
    aliased: tuple[str, ...]
    uninformative: int


def _fit(frame: Frame, formula: str, strata: str, level: float) -> ConditionalLogisticFit:
    matched = _read(frame, formula, strata)
    blank = _blank(frame, matched, strata, level)
    status, reason = _hopeless(blank, matched, frame)
    if status:
        return replace(blank, status=status, reason=reason)
    evaluate = conditional_likelihood(matched.rows)
    start = np.zeros(matched.rows.Z.shape[1])
    found = maximise(evaluate, start)
    separated = _separation(matched, blank.terms, found)
    if separated is not None:
        return replace(
            blank,
            status="separated",
            reason=_remedy(separated.message, formula, strata, matched),
            caveats=(separated, *blank.caveats),
            iterations=found.iterations,
        )
    if not found.converged:
        return not_converged(blank, found.iterations)
    return _finish(blank, matched, found, evaluate(start).value)


def _read(frame: Frame, formula: str, strata: str) -> _Matched:
    also = [strata] if frame.cluster is None else [strata, frame.cluster]
    text = formula if parse_formula(formula).intercept else f"{formula} + 1"
    design = build_design(frame.data, text, response=True, intercept=False, also=also)
    groups = make_clusters(frame.data[strata].to_numpy()[design.kept])
    y = np.asarray(design.y)
    chosen, uninformative = informative(groups, y)
    X, spec = design.X[chosen], design.spec
    rows = MatchedRows.build(X, y[chosen], groups.codes[chosen])
    varies = rows.spread > 0
    full = independent_columns(rows.Z[:, varies]) if varies.any() else []
    kept = np.flatnonzero(varies)[np.array(full, dtype=np.intp)]
    names = np.array(spec.terms, dtype=object)
    dependent = np.setdiff1d(np.flatnonzero(varies), kept)
    spec = replace(spec, formula=formula, recipes=tuple(spec.recipes[j] for j in kept))
    clusters = _read_clusters(frame, strata, design, groups, chosen)
    return _Matched(
        replace(design, X=X[:, kept], y=y[chosen], spec=spec),
        rows.take(kept),
        clusters,
        tuple(names[~varies]) if chosen.any() else (),
        (*design.aliased, *names[dependent]) if chosen.any() else design.aliased,
        uninformative,
    )


def _read_clusters(
    frame: Frame, strata: str, design: Design, groups: Clusters, chosen: NDArray[np.bool_]
) -> Clusters | None:
    if frame.cluster is None or frame.cluster == strata:
        return None
    clusters = make_clusters(frame.data[frame.cluster].to_numpy()[design.kept])
    per_stratum = pd.Series(clusters.codes).groupby(groups.codes).nunique()
    if (per_stratum <= 1).all():
        return make_clusters(clusters.codes[chosen])
    per_cluster = pd.Series(groups.codes).groupby(clusters.codes).size()
    if (per_cluster == 1).all():
        return None  # every row a cluster of its own
    raise UsageError(
        f"rows of one {frame.cluster} share a stratum of {strata} with others, and the conditional "
        "likelihood has no place for that: use fit_logistic() with the stratum as a category and "
        "cluster=, or give independent='the reason'."
    )


def _blank(frame: Frame, matched: _Matched, strata: str, level: float) -> ConditionalLogisticFit:
    """The result as it is if nothing can be estimated: counts, names and caveats."""
    spec, rows = matched.design.spec, matched.rows
    p = len(spec.terms)
    clusters = matched.clusters
    blank = ConditionalLogisticFit(
        title=f"Conditional logistic regression of {spec.response} within {strata}",
        unit=frame.unit,
        n=len(rows.y),
        n_events=int(rows.y.sum()),
        n_clusters=None if clusters is None else clusters.count,
        level=level,
        terms=spec.terms,
        coefficients=np.full(p, np.nan),
        covariance=np.full((p, p), np.nan),
        vcov="model" if clusters is None else "CR0",
        spec=spec,
        strata=strata,
        cluster=None if clusters is None else frame.cluster,
        n_strata=rows.count,
        n_uninformative=matched.uninformative,
        n_missing=matched.design.n_missing,
        centre=matched.design.X.mean(axis=0) if len(rows.y) else np.full(p, np.nan),
    )
    return replace(blank, caveats=tuple(_caveats(frame, blank, matched)))


def _caveats(frame: Frame, blank: ConditionalLogisticFit, matched: _Matched) -> list[Caveat]:
    found = [
        *(
            Caveat("constant_within", f"{name} does not vary within {blank.strata}.", name)
            for name in matched.constant
        ),
        *(Caveat("aliased", matched.design.why_left_out(name), name) for name in matched.aliased),
    ]
    if blank.terms and blank.events_per_parameter < _FEW_EVENTS:
        message = f"There are {blank.n_events} events for {len(blank.terms)} parameters."
        found.insert(0, Caveat("few_events", message))
    if blank.n_uninformative:
        message = (
            f"{blank.n_uninformative:,} of {blank.n_uninformative + blank.n_strata:,} strata hold "
            "no event, or nothing but events, and were left out."
        )
        found.append(Caveat("uninformative_strata", message))
    if blank.n_clusters is not None and blank.n_clusters < FEW_CLUSTERS:
        message = (
            f"There are {blank.n_clusters} clusters of {blank.cluster}: robust standard errors may "
            "be too small."
        )
        found.append(Caveat("few_clusters", message))
    if frame.independent is not None:
        message = f"Rows were analysed as independent: {frame.independent}"
        found.append(Caveat("independent", message))
    if blank.n_missing:
        message = f"{blank.n_missing:,} rows were left out because a value was missing."
        found.append(Caveat("dropped_rows", message))
    return found


def _hopeless(blank: ConditionalLogisticFit, matched: _Matched, frame: Frame) -> tuple[str, str]:
    """Why there is nothing to fit, with what to do; empty if there is something."""
    if not len(matched.design.kept):
        return "no rows", empty_columns(frame, blank.spec)
    if not blank.n_strata:
        return "nothing to compare", (
            f"no stratum of {blank.strata} holds a row with the event and one without; compare "
            "between strata with fit_logistic()."
        )
    if not blank.terms:
        return "nothing to compare", (
            f"no column varies within {blank.strata}; compare between strata with fit_logistic()."
        )
    if blank.n_clusters == 1:
        return "too few clusters", (
            f"all rows belong to one {blank.cluster}, so the variation between clusters is unknown."
        )
    return "", ""


def _separation(matched: _Matched, terms: tuple[str, ...], found: Solution) -> Caveat | None:
    """The caveat on separation: a direction that ranks events first in every stratum."""
    rows = matched.rows
    if found.converged and np.ptp(rows.Z @ found.estimate) < _FAR:
        return None
    pairs = pairs_within(rows)
    separation = detect_separation(pairs, np.ones(len(pairs)), terms)
    if not separation.found:
        return None
    return Caveat(
        "separation",
        f"{separation.kind} separation: {', '.join(separation.columns)} tell rows with the event "
        "from those without in every stratum where they differ, so the maximum likelihood estimate "
        "is infinite.",
    )


def _remedy(message: str, formula: str, strata: str, matched: _Matched) -> str:
    outcome, right = matched.design.spec.response, formula.split("~", 1)[1].strip()
    return (
        f"{message} With one event per stratum Firth's penalty answers: fit_cox(data.assign(time=1)"
        f", '~ {right}', duration='time', event='{outcome}', strata='{strata}', penalty='firth')."
    )


def _finish(
    blank: ConditionalLogisticFit, matched: _Matched, found: Solution, null_value: float
) -> ConditionalLogisticFit:
    rows = matched.rows
    covariance = invert(found.information)
    if matched.clusters is not None:
        sums = cluster_scores(rows, found.estimate, matched.clusters)
        covariance = sandwich(covariance, sums.T @ sums)
    return replace(
        blank,
        coefficients=found.estimate / rows.spread,
        covariance=covariance / np.outer(rows.spread, rows.spread),
        log_likelihood=found.value,
        null_log_likelihood=null_value,
        iterations=found.iterations,
        converged=True,
    )
