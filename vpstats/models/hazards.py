"""Cox models: cause-specific hazards with delayed entry, strata, weights and clusters.

Every failure that data can cause (no rows, no events, a likelihood without a maximum) is a result
that says so; every request that is wrong whatever the data raises.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from vpstats.frames import Frame, Imputations, open_data
from vpstats.models.clip import Profile, with_clip
from vpstats.models.covariance import Clusters, sandwich
from vpstats.models.frailty_fit import fit_frailty, pool_frailties
from vpstats.models.frailty_result import FrailtyFit
from vpstats.models.hazards_baseline import Baseline
from vpstats.models.hazards_curve import cluster_influence
from vpstats.models.hazards_data import (
    HazardData,
    frailty_frame,
    read_data,
    read_request,
    unfitted,
)
from vpstats.models.hazards_result import CoxFit
from vpstats.models.hazards_search import (
    is_flat,
    monotone_caveat,
    no_estimate,
    not_converged,
    search,
)
from vpstats.models.matched import are_matched, informative_strata, strata_caveat
from vpstats.models.newton import Solution, maximise
from vpstats.models.partial import null_log_likelihood, penalised_likelihood, sum_up
from vpstats.models.partial_points import Point
from vpstats.models.partial_sums import mean_so_far, tabulate
from vpstats.models.partial_sweep import score_meat
from vpstats.models.pooling import pool_fits
from vpstats.models.profile import profile_intervals, ratio_p_values
from vpstats.models.risksets import RiskSets, find_risk_sets

__all__ = ["CoxFit", "fit_cox"]

Matrix = NDArray[np.float64]


def fit_cox(
    data: pd.DataFrame | Frame | Imputations,
    formula: str,
    *,
    duration: str,
    event: str,
    cause: int = 1,
    entry: str | None = None,
    strata: str | Sequence[str] | None = None,
    cluster: str | None = None,
    weights: str | None = None,
    offset: str | None = None,
    penalty: Literal["firth"] | None = None,
    ties: Literal["efron", "breslow"] = "efron",
    frailty: str | None = None,
    theta: float | None = None,
    level: float = 0.95,
    independent: str | None = None,
    vcov: Literal["model", "HC0", "CR0", "CR1"] | None = None,
) -> CoxFit:
    """Fit a Cox model to the hazard of one cause.

    Parameters
    ----------
    data : DataFrame, Frame or Imputations
        Rows; unchanged. A Frame brings its unit, its cluster and its entry along, and rows that
        repeat patients must be clustered; a DataFrame carries no such guard. Imputations are
        fitted one by one and pooled by Rubin's rules.
    formula : str
        The right side alone, ``"age + C(region)"`` or ``"~ age + C(region)"``. See
        `vpstats.models.formula.parse_formula` for what may stand in it.
    duration : str
        Column of the time at which follow-up ends; numbers in any unit, or timedeltas (days).
    event : str
        Column of codes: 0 censored, 1, 2, … the cause of the event (booleans for one cause).
    cause : int
        Code of the event in question. A row with another one is at risk until then, so the
        hazard ratio is cause-specific.
    entry : str, optional
        Column of the time after which a row is at risk; 0 means from the start. The frame's own
        if None.
    strata : str or sequence of str, optional
        Columns whose combinations have baseline hazards of their own.
    cluster : str, optional
        Column whose equal values are not independent; the frame's own if None.
    weights : str, optional
        Column of case weights of at least 0; with others than whole numbers the default
        covariance is "HC0".
    offset : str, optional
        Column of a known part of the log hazard.
    penalty : {None, "firth"}
        "firth" for Jeffreys' prior, which is finite where the likelihood is monotone and less
        biased with few events; intervals and p-values are then profile-likelihood ones unless
        the covariance is robust.
    ties : {"efron", "breslow"}
        How events at one time share the risk set.
    frailty : str, optional
        Column of clusters whose rows share a gamma-distributed frailty: hazard ratios are then
        conditional on it, and the fit is a `FrailtyFit`. It stands in for `cluster`.
    theta : float, optional
        Variance of the frailties; estimated by the integrated likelihood if None.
    level : float
        Confidence level.
    independent : str, optional
        Why rows that repeat patients may be taken as independent; the reason is printed.
    vcov : {"model", "HC0", "CR0", "CR1"}, optional
        "CR0" where rows are clustered: the sandwich of score residuals summed by cluster; "CR1"
        is times G / (G - 1), with t on G - 1 degrees of freedom. "HC0" is the sandwich of single
        rows. "model" is the inverse information.

    Returns
    -------
    CoxFit
        `status` is "ok", "no rows", "no events", "too few clusters", "not identified", "monotone
        likelihood" or "not converged"; if not "ok", coefficients are NaN and `reason` says what
        to do.

    Raises
    ------
    FormulaError
        If the formula holds anything but columns, operators and listed transforms.
    UsageError
        For unknown options, columns that are absent or not what they should be, and combinations
        without theory, with what to use instead.

    References
    ----------
    Cox DR. Regression models and life-tables. J R Stat Soc B 1972;34:187-220. Lin DY, Wei LJ. The
    robust inference for the Cox proportional hazards model. J Am Stat Assoc 1989;84:1074-1078.
    Heinze G, Schemper M. A solution to the problem of monotone likelihood in Cox regression.
    Biometrics 2001;57:114-119. Therneau TM, Grambsch PM. Modeling Survival Data. Springer, 2000.

    Examples
    --------
    >>> import pandas as pd
    >>> rows = pd.DataFrame({"days": [1, 2, 3, 4], "event": [1, 1, 1, 0], "high": [1, 0, 1, 0]})
    >>> fit = fit_cox(rows, "high", duration="days", event="event")  # (1 + sqrt 17) / 2
    >>> fit.tidy(exponentiate=True)[["term", "estimate"]].round(3)
       term  estimate
    0  high     2.562
    """
    options: dict[str, Any] = {
        "duration": duration,
        "event": event,
        "cause": cause,
        "entry": entry,
        "strata": strata,
        "cluster": cluster,
        "weights": weights,
        "offset": offset,
        "penalty": penalty,
        "ties": ties,
        "frailty": frailty,
        "theta": theta,
        "level": level,
        "independent": independent,
        "vcov": vcov,
    }
    if isinstance(data, Imputations):
        return _fit_imputations(data, formula, options)
    if frailty is not None:
        return _fit_frailty(data, formula, options)
    frame = open_data(data, cluster=cluster, independent=independent)
    return fit_rows(read_data(frame, read_request(frame, formula, options)))


def _fit_frailty(data: pd.DataFrame | Frame, formula: str, options: dict[str, Any]) -> FrailtyFit:
    frailty, theta = options["frailty"], options["theta"]
    frame = frailty_frame(data, options)
    request = replace(read_request(frame, formula, options | {"vcov": None}), vcov="model")
    given = read_data(frame, request)
    return fit_frailty(given, fit_rows(given), frailty, theta)


def _fit_imputations(data: Imputations, formula: str, options: dict[str, Any]) -> CoxFit:
    fits = [fit_cox(frame, formula, **options) for frame in data]
    pooled = pool_fits(fits, data.caveats)
    if isinstance(pooled, FrailtyFit):
        pooled = pool_frailties(pooled, fits)
    pooled = replace(
        pooled,
        baseline=None,
        log_likelihood=np.nan,
        penalised_log_likelihood=np.nan,
        null_log_likelihood=np.nan,
    )
    if not pooled.ok or fits[0].conf_low is None:
        return pooled
    profiles = [_profile(f, formula, options, c) for f, c in zip(data, fits, strict=True)]
    return with_clip(pooled, profiles)


def _profile(frame: Frame, formula: str, options: dict[str, Any], fit: CoxFit) -> Profile:
    """The penalised likelihood of one completed data set."""
    opened = open_data(frame, cluster=options["cluster"], independent=options["independent"])
    rows = read_data(opened, read_request(opened, formula, options)).rows
    evaluate = penalised_likelihood(find_risk_sets(rows, fit.ties))
    return Profile(evaluate, maximise(evaluate, fit.coefficients))


def fit_rows(data: HazardData) -> CoxFit:
    """Fit rows that were read already."""
    request, blank = data.request, _blank_fit(data)
    status, reason = no_estimate(data)
    if status:
        return replace(blank, status=status, reason=reason)
    sets = find_risk_sets(data.rows, request.ties)
    if request.strata:
        blank = _with_strata(blank, len(data.strata), informative_strata(sets))
    result = search(sets)
    found, monotone, sums = result.solution, result.monotone, result.sums
    caveats = tuple(monotone_caveat(data.design.terms[j]) for j in monotone)
    blank = replace(blank, caveats=(*caveats, *blank.caveats), iterations=found.iterations)
    if request.penalty is not None:
        found, sums = maximise(penalised_likelihood(sets), np.zeros(len(found.estimate))), None
    elif monotone:
        return replace(blank, status="monotone likelihood", reason=_monotone_reason(data, monotone))
    if not found.converged or is_flat(found.information, data):
        return not_converged(blank, data, sets, found)
    return _finish(blank, data, sets, found, sums or sum_up(sets, found.estimate))


def _blank_fit(data: HazardData) -> CoxFit:
    request = data.request
    how = "Firth–Cox model" if request.penalty else "Cox model"
    return unfitted(
        CoxFit,
        data,
        title=f"{how} of {data.cause}",
        ties=request.ties,
        penalty=request.penalty,
        competing=bool(np.any(data.follow_up.event[~data.rows.dead] > 0)),
    )


def _with_strata(blank: CoxFit, n_strata: int, informative: int) -> CoxFit:
    return replace(
        blank,
        n_strata=n_strata,
        n_informative_strata=informative,
        caveats=(*blank.caveats, *strata_caveat(n_strata, informative)),
    )


def _monotone_reason(data: HazardData, columns: list[int]) -> str:
    names = ", ".join(data.design.terms[j] for j in columns)
    return (
        f"the likelihood has no maximum along {names}, so a hazard ratio is infinite or zero. Use "
        "penalty='firth', or leave the term out."
    )


def _finish(
    blank: CoxFit, data: HazardData, sets: RiskSets, found: Solution, sums: Point
) -> CoxFit:
    firth = data.request.penalty is not None
    covariance, baseline = _spread(data, sets, found, sums)
    df = blank.n_clusters - 1.0 if data.vcov == "CR1" and blank.n_clusters else np.inf
    low = high = p_values = None
    null = null_log_likelihood(sets)
    if firth:
        evaluate = penalised_likelihood(sets)
        null = evaluate(np.zeros(len(found.estimate))).value
        if data.vcov == "model":
            low, high = profile_intervals(evaluate, found, data.request.level)
            p_values = ratio_p_values(evaluate, found)
    return replace(
        blank,
        coefficients=found.estimate,
        covariance=covariance,
        df=df,
        conf_low=low,
        conf_high=high,
        p_values=p_values,
        baseline=baseline,
        log_likelihood=sums.value,
        penalised_log_likelihood=found.value if firth else np.nan,
        null_log_likelihood=null,
        iterations=found.iterations,
        converged=True,
    )


def _spread(
    data: HazardData, sets: RiskSets, found: Solution, sums: Point
) -> tuple[Matrix, Baseline | None]:
    """Covariance of the coefficients, and the baseline hazard with its own."""
    baseline = None if are_matched(data) else _baseline(data, sets, sums)
    if data.vcov == "model":
        return found.covariance, baseline
    bread, clusters = found.covariance, data.clusters
    if clusters is None:
        clusters = Clusters(np.arange(len(data.rows)), len(data.rows))
    correct = clusters.count / (clusters.count - 1) if data.vcov == "CR1" else 1.0
    if baseline is None:
        return sandwich(bread, correct * score_meat(sets, sums, clusters)), None
    done = cluster_influence(sets, tabulate(sets, sums), clusters)
    baseline = replace(baseline, variance=correct * done.hazard, cross=correct * done.cross @ bread)
    return sandwich(bread, correct * done.scores), baseline


def _baseline(data: HazardData, sets: RiskSets, sums: Point) -> Baseline:
    slots, rows = sets.slots, data.rows
    last = np.array([rows.exit.max()])
    if rows.strata is not None:
        last = np.zeros(len(data.strata))
        np.maximum.at(last, rows.strata, rows.exit)
    return Baseline(
        labels=data.strata,
        time=slots.time,
        stratum=slots.stratum,
        hazard=slots.so_far(sums.h),
        own=sums.e,
        variance=slots.so_far(sums.a),
        mean=mean_so_far(sets, sums),
        last=last,
    )
