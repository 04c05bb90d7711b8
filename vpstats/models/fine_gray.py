"""Fine–Gray models: the subdistribution hazard of one cause, with the other causes competing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from vpstats.errors import UsageError
from vpstats.frames import Frame, Imputations, open_data
from vpstats.models.covariance import sandwich
from vpstats.models.fine_gray_result import FineGrayFit
from vpstats.models.followup import Codes, Vector
from vpstats.models.hazard_fit import strata_labels
from vpstats.models.hazards import fit_cox, fit_rows
from vpstats.models.hazards_baseline import Baseline
from vpstats.models.hazards_data import HazardData, data_caveats, read_data, read_request, unfitted
from vpstats.models.hazards_result import CoxFit
from vpstats.models.hazards_search import (
    is_flat,
    monotone_caveat,
    no_estimate,
    not_converged,
    search,
)
from vpstats.models.newton import Solution
from vpstats.models.partial import null_log_likelihood, sum_up
from vpstats.models.partial_points import Point
from vpstats.models.partial_sums import mean_so_far
from vpstats.models.pooling import pool_fits
from vpstats.models.subdistribution import Subdistribution, find_subdistribution
from vpstats.models.subdistribution_curve import Units, curve_variance
from vpstats.models.subdistribution_score import subdistribution_scores
from vpstats.results import Caveat

__all__ = ["FineGrayFit", "fit_fine_gray"]

Matrix = NDArray[np.float64]

_NOT_A_HAZARD = (
    "A subdistribution hazard ratio compares cumulative incidences: its sign tells whether the "
    "incidence is higher or lower. It is no rate ratio among those still at risk, since rows that "
    "had a competing event stay in its risk sets; whether a term acts on this cause or on the "
    "others is told by the cause-specific hazard ratios beside it."
)


def fit_fine_gray(
    data: pd.DataFrame | Frame | Imputations,
    formula: str,
    *,
    duration: str,
    event: str,
    cause: int = 1,
    cluster: str | None = None,
    strata: str | Sequence[str] | None = None,
    entry: str | None = None,
    weights: str | None = None,
    offset: str | None = None,
    censoring: str | Sequence[str] | None = None,
    level: float = 0.95,
    vcov: Literal["model", "HC0", "CR0", "CR1"] | None = None,
    independent: str | None = None,
) -> FineGrayFit:
    """Fit a proportional model to the subdistribution hazard of one cause.

    Parameters
    ----------
    data : DataFrame, Frame or Imputations
        Rows, each one unit followed from its entry to its end; unchanged. A Frame brings its
        unit, its cluster and its entry along, and rows that repeat patients must be clustered; a
        DataFrame carries no such guard. Imputations are fitted one by one and pooled by Rubin's
        rules.
    formula : str
        The right side alone, ``"age + C(region)"`` or ``"~ age + C(region)"``. See
        `vpstats.models.formula.parse_formula` for what may stand in it.
    duration : str
        Column of the time at which follow-up ends; numbers in any unit, or timedeltas (days).
    event : str
        Column of codes: 0 censored, 1, 2, … the cause of the event.
    cause : int
        Code of the event in question; the other causes compete with it.
    cluster : str, optional
        Column whose equal values are not independent; the frame's own if None.
    strata : str or sequence of str, optional
        Columns whose combinations have baseline hazards of their own.
    entry : str, optional
        Column of the time after which a row is seen (delayed entry); 0 means from the start. The
        frame's own if None. Entry must not depend on what happens later.
    weights : str, optional
        Column of case weights of at least 0: whole numbers count repeated rows; with others the
        default covariance is "HC0".
    offset : str, optional
        Column of a known part of the log subdistribution hazard.
    censoring : str or sequence of str, optional
        Columns whose combinations have their own distributions of censoring (and entry); the
        strata if None. ``()`` estimates one distribution from all rows, which is what many small
        strata need.
    level : float
        Confidence level.
    vcov : {"model", "HC0", "CR0", "CR1"}, optional
        "CR0" where rows are clustered: scores summed by cluster; "CR1" is times G / (G - 1), with
        t on G - 1 degrees of freedom. "model" is Fine and Gray's own, which is a sandwich too:
        the pseudo-likelihood has no valid inverse information. "HC0" differs from it only where
        there are weights. All of them count what estimating the weights adds.
    independent : str, optional
        Why rows that repeat patients may be taken as independent; the reason is printed.

    Returns
    -------
    FineGrayFit
        `status` is "ok", "no rows", "no events", "too few clusters", "not identified", "monotone
        likelihood" or "not converged"; if not "ok", coefficients are NaN and `reason` says what
        to do. `cause_specific` holds the Cox models of every cause with the same terms.

    Raises
    ------
    FormulaError
        If the formula holds anything but columns, operators and listed transforms.
    UsageError
        For unknown options, columns that are absent or not what they should be, and combinations
        without theory, with what to use instead.

    Notes
    -----
    Tied events share a risk set as in Breslow's approximation. A row censored at the time of an
    event is at risk at that time, and a row with an event at a time of censoring is at risk of
    censoring then.

    References
    ----------
    Fine JP, Gray RJ. A proportional hazards model for the subdistribution of a competing risk. J
    Am Stat Assoc 1999;94:496-509. Zhou B, Fine J, Latouche A, Labopin M. Competing risks
    regression for clustered data. Biostatistics 2012;13:371-383. Zhou B, Latouche A, Rocha V,
    Fine J. Competing risks regression for stratified data. Biometrics 2011;67:661-670. Geskus RB.
    Cause-specific cumulative incidence estimation and the Fine and Gray model under both left
    truncation and right censoring. Biometrics 2011;67:39-49. Latouche A, Allignol A, Beyersmann
    J, Labopin M, Fine JP. A competing risks analysis should report results on all cause-specific
    hazards and cumulative incidence functions. J Clin Epidemiol 2013;66:648-653.

    Examples
    --------
    >>> import pandas as pd
    >>> rows = pd.DataFrame(
    ...     {"days": [1, 2, 3, 4, 5, 6], "event": [1, 2, 1, 0, 1, 2], "high": [1, 0, 1, 0, 0, 1]}
    ... )
    >>> fit = fit_fine_gray(rows, "high", duration="days", event="event")  # 3 t^3 = 17 t + 15
    >>> fit.tidy()[["term", "estimate"]].round(3)
       term  estimate
    0  high     1.007
    >>> fit.predict(pd.DataFrame({"high": [0, 1]}), times=4)["estimate"].round(3).tolist()
    [0.187, 0.433]
    """
    options: dict[str, Any] = {
        "duration": duration,
        "event": event,
        "cause": cause,
        "cluster": cluster,
        "strata": strata,
        "entry": entry,
        "weights": weights,
        "offset": offset,
        "level": level,
        "vcov": vcov,
        "independent": independent,
    }
    if isinstance(data, Imputations):
        return _fit_imputations(data, formula, options | {"censoring": censoring})
    frame = open_data(data, cluster=cluster, independent=independent)
    request = read_request(frame, formula, options | {"penalty": None, "ties": "breslow"})
    columns = request.strata if censoring is None else _columns(censoring)
    given = read_data(frame, request)
    fit = _fit(given, columns)
    return replace(fit, cause_specific=_cause_specific(given))


def _columns(names: str | Sequence[str]) -> tuple[str, ...]:
    return (names,) if isinstance(names, str) else tuple(names)


def _fit_imputations(data: Imputations, formula: str, options: dict[str, Any]) -> FineGrayFit:
    fits = [fit_fine_gray(frame, formula, **options) for frame in data]
    pooled = replace(
        pool_fits(fits, data.caveats),
        baseline=None,
        log_likelihood=np.nan,
        null_log_likelihood=np.nan,
    )
    causes = fits[0].cause_specific["cause"].unique().tolist()
    asked = {name: v for name, v in options.items() if name not in ("cause", "censoring")}
    by_cause = {k: fit_cox(data, formula, cause=k, **asked) for k in causes}
    return replace(pooled, cause_specific=_cox_table(by_cause))


def _cause_specific(given: HazardData) -> pd.DataFrame:
    """Cox models of every cause that occurs, of the same rows and terms."""
    event = given.follow_up.event
    request = replace(given.request, ties="efron")
    fits = {}
    for cause in np.unique(event[event > 0]).tolist():
        rows = replace(given.rows, dead=event == cause)
        fits[cause] = fit_rows(replace(given, rows=rows, request=replace(request, cause=cause)))
    return _cox_table(fits)


def _cox_table(fits: dict[int, CoxFit]) -> pd.DataFrame:
    tables = [fit.tidy().assign(status=fit.status) for fit in fits.values()]
    for cause, table in zip(fits, tables, strict=True):
        table.insert(0, "cause", cause)
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame({"cause": []})


def _fit(data: HazardData, censoring: tuple[str, ...]) -> FineGrayFit:
    blank = _blank_fit(data, censoring)
    status, reason = no_estimate(data)
    if status:
        return replace(blank, status=status, reason=reason)
    event, cause, groups = data.follow_up.event, data.request.cause, _groups(data, censoring)
    sub = find_subdistribution(data.rows, event, cause, groups)
    if sub.cut:
        blank = replace(blank, caveats=(*blank.caveats, _cut(data)))
    result = search(sub.sets, sub.part)
    found = result.solution
    blank = replace(blank, iterations=found.iterations)
    if result.monotone:
        return _monotone(blank, result.monotone)
    if not found.converged or is_flat(found.information, data):
        return not_converged(blank, data, sub.sets, found)
    sums = result.sums or sum_up(sub.sets, found.estimate)
    return _finish(blank, data, sub, found, sums)


def _groups(data: HazardData, censoring: tuple[str, ...]) -> Codes | None:
    """Group of each row whose rows share a distribution of censoring; one if None."""
    if censoring == data.request.strata:
        return data.rows.strata
    if not censoring:
        return None
    codes, _ = strata_labels(data.frame.data, censoring, data.kept)
    if (codes < 0).any():
        raise UsageError(
            f"censoring={', '.join(censoring)} is missing in {np.count_nonzero(codes < 0):,} rows; "
            "leave those rows out, or name a group for them."
        )
    return codes


def _blank_fit(data: HazardData, censoring: tuple[str, ...]) -> FineGrayFit:
    event = data.follow_up.event
    competing = int(np.count_nonzero((event > 0) & (event != data.request.cause)))
    return unfitted(
        FineGrayFit,
        data,
        title=f"Fine–Gray model of {data.cause} (subdistribution hazard)",
        n_competing=competing,
        caveats=(*data_caveats(data), *_own_caveats(competing)),
        censoring=censoring,
    )


def _own_caveats(competing: int) -> tuple[Caveat, ...]:
    if competing:
        return (Caveat("subdistribution", _NOT_A_HAZARD),)
    message = (
        "No row has a competing event: the subdistribution hazard is the hazard, and these are "
        "the hazard ratios of a Cox model with Breslow's ties and robust errors."
    )
    return (Caveat("no_competing", message),)


def _cut(data: HazardData) -> Caveat:
    why = "before later entries" if data.rows.entry is not None else "in a censoring group"
    message = (
        f"Nobody was at risk for a time {why}: rows with a competing event before it were kept in "
        "the risk sets up to then only. Let the time begin where rows are at risk throughout."
    )
    return Caveat("risk_set_emptied", message)


def _monotone(blank: FineGrayFit, columns: list[int]) -> FineGrayFit:
    terms = [blank.terms[j] for j in columns]
    reason = (
        f"the likelihood has no maximum along {', '.join(terms)}, so a subdistribution hazard "
        "ratio is infinite or zero. Leave the term out, or fit the cause-specific hazard with "
        "fit_cox(..., penalty='firth')."
    )
    caveats = (*map(monotone_caveat, terms), *blank.caveats)
    return replace(blank, status="monotone likelihood", reason=reason, caveats=caveats)


def _finish(
    blank: FineGrayFit, data: HazardData, sub: Subdistribution, found: Solution, sums: Point
) -> FineGrayFit:
    bread, scores = found.covariance, subdistribution_scores(sub, sums)
    units, df, factor = Units(scores, bread, scale=_scale(data)), np.inf, 1.0
    if data.clusters is None:
        meat = scores.gram(units.scale)
    else:
        summed = scores.by_cluster(data.clusters)
        units, meat = Units(scores, bread, None, data.clusters, summed), summed.T @ summed
    if data.vcov == "CR1" and data.clusters is not None:
        df = data.clusters.count - 1.0
        factor = data.clusters.count / df
    variance, cross = curve_variance(sub, sums, units)
    slots = sub.sets.slots
    baseline = Baseline(
        labels=data.strata,
        time=slots.time,
        stratum=slots.stratum,
        hazard=slots.so_far(sums.h),
        own=np.zeros(len(slots)),
        variance=factor * variance,
        mean=mean_so_far(sub.sets, sums),
        last=_last(data),
        cross=factor * cross,
    )
    return replace(
        blank,
        coefficients=found.estimate,
        covariance=factor * sandwich(bread, meat),
        df=df,
        baseline=baseline,
        log_likelihood=sums.value,
        null_log_likelihood=null_log_likelihood(sub.sets),
        iterations=found.iterations,
        converged=True,
    )


def _scale(data: HazardData) -> Vector | None:
    """What makes a row of weight w count as w independent rows; None where it is not to."""
    weights = data.rows.weights
    if weights is None or data.vcov != "model":
        return None
    return np.divide(1.0, np.sqrt(weights), out=np.zeros_like(weights), where=weights > 0)


def _last(data: HazardData) -> Vector:
    """Longest follow-up of each stratum."""
    if data.rows.strata is None:
        return np.array([data.rows.exit.max()])
    last = np.zeros(len(data.strata))
    np.maximum.at(last, data.rows.strata, data.rows.exit)
    return last
