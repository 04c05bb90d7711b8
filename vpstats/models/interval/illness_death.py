"""Illness–death models: illness seen at visits, death seen always.

Between a last negative and a first positive visit the time of falling ill is unknown, and who dies
(or is lost) after a negative visit may have fallen ill unseen. Both are integrated over.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import pandas as pd

from vpstats.frames import Frame, Imputations, open_data
from vpstats.models.covariance import Clusters, cluster_sums, sandwich
from vpstats.models.followup import row_caveats
from vpstats.models.interval.illness_data import IllnessData, Times, read_data, read_request
from vpstats.models.interval.illness_result import METHODS, IllnessDeathFit
from vpstats.models.interval.illness_solver import (
    Maximum,
    find_maximum,
    upper_limit,
    without_centres,
)
from vpstats.models.interval.transitions import Layout, Matrix, Paths, Vector, mix, row_scores
from vpstats.models.newton import invert
from vpstats.models.pooling import pool_fits
from vpstats.results import Caveat, critical_value

__all__ = ["IllnessDeathFit", "fit_illness_death"]

_FEW_EVENTS = 10.0
"""Below this many events per parameter estimates are unstable (Peduzzi 1995)."""
_FEW_AFTER = 5
"""Below this many deaths after seen illness the intensity of dying ill rests on the model."""
_MANY_UNSEEN = 0.1
"""From this share of all expected illness on, the unseen part is worth a caveat."""
_NOBODY = 1e-3
_RUNAWAY = 18.0
"""A covariate whose effect spans more on the log scale than this, and is not known to within
itself, has no finite estimate."""


def fit_illness_death(
    data: pd.DataFrame | Frame | Imputations,
    formula: str | Mapping[str, str] = "~ 1",
    *,
    left: str,
    right: str,
    end: str,
    died: str,
    entry: str | None = None,
    start: str | None = None,
    cuts: Sequence[float] = (60.0, 365.0),
    after_illness: Literal["own", "ratio", "equal"] = "own",
    cluster: str | None = None,
    level: float = 0.95,
    independent: str | None = None,
) -> IllnessDeathFit:
    """Fit intensities of illness and of death before and after it, illness seen at visits only.

    Parameters
    ----------
    data : DataFrame, Frame or Imputations
        One row per unit at risk; unchanged. A Frame brings its unit and its cluster along, and
        rows that repeat patients must be clustered; a DataFrame carries no such guard.
        Imputations are fitted one by one and pooled by Rubin's rules.
    formula : str or mapping of str to str
        Covariates that multiply an intensity, the same in every window. A text is that of
        illness; a mapping names transitions: "illness" (healthy to ill), "death" (healthy to
        dead), "death_ill" (ill to dead).
    left, right : str
        Columns of the last negative and the first positive visit. A missing left means that
        nobody looked before `right`; a missing right that illness was never found. Equal times
        say that the time is known.
    end : str
        Column of the time at which all follow-up ends, by death or by loss: not the day of
        detection, since death after illness counts too.
    died : str
        Column of 0 and 1 (or booleans): whether follow-up ended by death, whose day is known.
    entry : str, optional
        Column of the time from which a row is at risk, known to be healthy then; 0 if None.
    start : str, optional
        Column of the date at which follow-up starts; the time columns are then dates, and times
        are days. Timedeltas are days too; numbers keep their unit.
    cuts : sequence of float
        Change points of the intensities; a time at a change point belongs to the window before.
    after_illness : {"own", "ratio", "equal"}
        What is assumed of death after illness: intensities of its own in every window; those of
        the healthy times one ratio; or the same as of the healthy. With few deaths after illness
        choose "ratio" or "equal".
    cluster : str, optional
        Column whose equal values are not independent; the frame's own if None. The covariance is
        then the sandwich of scores summed by cluster.
    level : float
        Confidence level.
    independent : str, optional
        Why rows that repeat patients may be taken as independent; the reason is printed.

    Returns
    -------
    IllnessDeathFit
        Terms are logarithms of intensities (``illness[0-60]``) and of hazard ratios
        (``illness:age``). Intensities are those of a row whose covariates are 0 or at their
        reference. `status` is "ok", "no rows", "no events", "too few clusters", "monotone
        likelihood", "not identified" or "not converged"; if not "ok", coefficients are NaN and
        `reason` says what to do.

    Raises
    ------
    FormulaError
        If a formula holds anything but columns, operators and listed transforms.
    UsageError
        For unknown options, columns that are absent or not what they should be, and times that
        contradict each other.

    Notes
    -----
    Visits must not be prompted by illness: an extra visit because of symptoms finds illness
    sooner than a planned one would, and this likelihood does not know. Illness does not heal.
    Unseen illness between the last negative visit and the end is inferred from the intensities,
    not observed. The same model fitted as if illness began when found, and midway between the
    visits, stands beside (`IllnessDeathFit.naive`).

    References
    ----------
    Joly P, Commenges D, Helmer C, Letenneur L. A penalized likelihood approach for an
    illness-death model with interval-censored data. Biostatistics 2002;3:433-443. Jackson CH.
    Multi-state models for panel data: the msm package for R. J Stat Softw 2011;38(8). Leffondré
    K, Touraine C, Helmer C, Joly P. Interval-censored time-to-event and competing risk with
    death: is the illness-death model more accurate than the Cox model? Int J Epidemiol
    2013;42:1177-1186.

    Examples
    --------
    >>> import pandas as pd
    >>> rows = pd.DataFrame(
    ...     {
    ...         "negative": [30.0, 0.0, 90.0, 180.0, 180.0, 365.0, 365.0, 90.0],
    ...         "positive": [90.0, 30.0] + [None] * 6,
    ...         "days": [400.0, 200.0, 300.0, 365.0, 365.0, 365.0, 365.0, 365.0],
    ...         "died": [0, 1, 1, 0, 0, 0, 0, 0],
    ...     }
    ... )
    >>> fit = fit_illness_death(
    ...     rows, left="negative", right="positive", end="days", died="died", cuts=[],
    ...     after_illness="equal",
    ... )
    >>> fit.terms, fit.n_events
    (('illness[0+]', 'death[0+]'), 2)
    >>> fit.incidence([90.0])[["method", "estimate"]].round(3)
           method  estimate
    0    interval     0.121
    1    midpoint     0.076
    2  date found     0.075
    """
    options: dict[str, Any] = {
        "formula": formula,
        "left": left,
        "right": right,
        "end": end,
        "died": died,
        "entry": entry,
        "start": start,
        "cuts": tuple(cuts),
        "after_illness": after_illness,
        "level": level,
    }
    guards = {"cluster": cluster, "independent": independent}
    if isinstance(data, Imputations):
        return _fit_imputations(data, {**options, **guards})
    frame = open_data(data, cluster=cluster, independent=independent)
    return _fit(read_data(frame, read_request(options)))


def _fit_imputations(data: Imputations, options: dict[str, Any]) -> IllnessDeathFit:
    fits = [fit_illness_death(frame, **options) for frame in data]
    beside = zip(*(fit.naive_fits for fit in fits), strict=False)  # a failed fit has none
    naive = tuple(_pool(list(alike), data.caveats) for alike in beside)
    return replace(_pool(fits, data.caveats), naive_fits=naive)


def _pool(fits: list[IllnessDeathFit], notes: Sequence[Caveat]) -> IllnessDeathFit:
    """Rubin's rules over the parameters that are finite in every fit."""
    at_zero = [np.isneginf(fit.coefficients) for fit in fits]
    if all(fit.ok for fit in fits) and any((z != at_zero[0]).any() for z in at_zero):
        return fits[0].as_failed(
            "not identified",
            "an intensity is zero in some completed data sets and positive in others; use fewer "
            "cuts.",
        )
    pooled = pool_fits([fit.with_finite_numbers() for fit in fits], notes)
    return replace(pooled, log_likelihood=np.nan).with_zeros_of(fits[0])


def _fit(data: IllnessData) -> IllnessDeathFit:
    blank = _blank_fit(data)
    status, reason = _hopeless(data)
    if status:
        return blank.as_failed(status, reason)
    main = _fit_times(data, data.times, METHODS[0], blank)
    if not main.ok:
        return main
    others = zip(METHODS[1:], (data.times.midway(), data.times.as_found()), strict=True)
    plain = replace(blank, caveats=())
    return replace(
        main, naive_fits=tuple(_fit_times(data, times, name, plain) for name, times in others)
    )


def _blank_fit(data: IllnessData) -> IllnessDeathFit:
    """The result as it is if nothing can be estimated: counts, names and caveats."""
    request, times, p = data.request, data.times, len(data.layout.terms)
    cause = data.frame.causes.get(1, "illness")
    return IllnessDeathFit(
        title=f"Illness–death model of {cause}, seen at visits",
        unit=data.frame.unit,
        n=len(times.end),
        n_events=int(np.count_nonzero(times.brackets.found)),
        n_clusters=None if data.clusters is None else data.clusters.count,
        caveats=tuple(_data_caveats(data)),
        level=request.level,
        terms=data.layout.terms,
        coefficients=np.full(p, np.nan),
        covariance=np.full((p, p), np.nan),
        vcov="model" if data.clusters is None else "CR0",
        spec=data.specs,
        layout=data.layout,
        request=request,
        n_deaths=int(np.count_nonzero(times.died)),
        longest=float(times.end.max(initial=0.0)),
        n_missing=data.n_missing,
        time_unit=data.time_unit,
    )


def _hopeless(data: IllnessData) -> tuple[str, str]:
    """Why there is nothing to fit, with what to do; empty if there is something."""
    times = data.times
    if not len(times.end) or times.end.sum() <= times.entry.sum():
        return "no rows", (
            "no row with time at risk has a value in every column of the model; see which column "
            "is empty, or leave it out of the formula."
        )
    if not times.brackets.found.any():
        return "no events", (
            "no row was found ill, so no intensity can be estimated; report the number followed "
            "and the exact interval of the rate."
        )
    if data.clusters is not None and data.clusters.count < 2:
        return "too few clusters", (
            f"all rows belong to one {data.frame.cluster}, so the variation between clusters is "
            "unknown."
        )
    return "", ""


def _fit_times(
    data: IllnessData, times: Times, method: str, blank: IllnessDeathFit
) -> IllnessDeathFit:
    """Fit the model to the times as given, or to the ones that a simpler analysis would use."""
    rows, layout = data.paths(times), data.layout
    found = find_maximum(layout, rows)
    blank = replace(blank, method=method, iterations=found.iterations, converged=found.converged)
    status, reason = _unusable(data, found)
    if status:
        return blank.as_failed(status, reason)
    covariance = found.covariance
    if data.clusters is not None:
        covariance = _robust(layout, rows, found, data.clusters)
    events, time = found.totals.events, found.totals.time
    whole = without_centres(replace(found, covariance=covariance), _shift(data))
    fit = replace(
        blank,
        coefficients=whole.estimate,
        covariance=whole.covariance,
        log_likelihood=found.totals.value,
        expected_events=events,
        expected_time=time,
        unseen=_unseen(layout, rows, found),
    )
    fit = _with_limits(fit, data, times, whole)
    return replace(fit, caveats=(*fit.caveats, *_fit_caveats(fit, data)))


def _unusable(data: IllnessData, found: Maximum) -> tuple[str, str]:
    """Why the point where the solver stopped is no estimate; empty if it is one."""
    errors = np.sqrt(np.diag(found.covariance))
    runaway = [
        data.layout.terms[j]
        for X, slopes in zip(data.designs, data.layout.slopes, strict=True)
        for x, j in zip(X.T, slopes, strict=True)
        if abs(found.estimate[j]) * np.ptp(x) > _RUNAWAY and not errors[j] < abs(found.estimate[j])
    ]
    if runaway:
        names = ", ".join(dict.fromkeys(runaway))
        return "monotone likelihood", (
            f"the likelihood has no maximum along {names}, so a hazard ratio is infinite or zero; "
            "leave the term out, or join its groups."
        )
    if data.layout.ratio is not None and found.totals.events[1].sum() < _NOBODY:
        return "not identified", (
            "nobody is thought to die without illness, so there is no ratio to that; use "
            "after_illness='own' or 'equal'."
        )
    if not found.converged:
        return "not converged", (
            f"the solver stopped after {found.iterations} iterations without reaching the "
            "maximum; use fewer cuts, or after_illness='ratio'."
        )
    free = found.free
    if not np.isfinite(np.diag(found.covariance)[free]).all() or _nearly_singular(found):
        return "not identified", (
            "the data do not tell the intensities apart; use fewer cuts, or after_illness='ratio' "
            "or 'equal'."
        )
    return "", ""


def _nearly_singular(found: Maximum) -> bool:
    information = found.totals.observed[np.ix_(found.free, found.free)]
    scale = np.sqrt(np.diag(information))
    return bool(np.linalg.eigvalsh(information / np.outer(scale, scale))[0] < 1e-10)


def _robust(layout: Layout, rows: Paths, found: Maximum, clusters: Clusters) -> Matrix:
    """Sandwich of the scores summed by cluster; NaN where the parameter is not free."""
    scores = row_scores(layout, rows, _finite_or_zero_rate(found))[:, found.free]
    sums = cluster_sums(scores, np.ones(len(scores)), clusters)
    bread = invert(found.totals.observed[np.ix_(found.free, found.free)])
    covariance = np.full_like(found.covariance, np.nan)
    covariance[np.ix_(found.free, found.free)] = sandwich(bread, sums.T @ sums)
    return covariance


def _finite_or_zero_rate(found: Maximum) -> Vector:
    return np.where(np.isnan(found.estimate), -np.inf, found.estimate)


def _unseen(layout: Layout, rows: Paths, found: Maximum) -> float:
    """Expected number of rows that fell ill and were never found so."""
    chosen = np.flatnonzero(rows.unseen & rows.possible.any(axis=1))
    if not chosen.size:
        return 0.0
    theta, count = _finite_or_zero_rate(found), 0.0
    for start in range(0, chosen.size, 4096):
        part = rows.block(chosen[start : start + 4096])
        count += float(mix(part, layout.log_rates(theta, part.designs)).share.sum())
    return count


def _shift(data: IllnessData) -> Matrix:
    """Matrix from parameters for centred covariates to those for the covariates as they are."""
    layout = data.layout
    shift = np.eye(len(layout.terms))
    # where death after illness shares the parameters of death, so does it the shift
    own = {tuple(layout.windows[q]): q for q in (2, 1, 0)}
    for q in own.values():
        if layout.slopes[q].size:
            shift[np.ix_(layout.windows[q], layout.slopes[q])] = -data.centres[q]
    return shift


def _with_limits(
    fit: IllnessDeathFit, data: IllnessData, times: Times, found: Maximum
) -> IllnessDeathFit:
    """Add the upper limits of intensities estimated as zero."""
    zero = np.flatnonzero(np.isneginf(fit.coefficients))
    if not zero.size:
        return fit
    margin = critical_value(fit.level) * fit.std_errors
    low, high = fit.coefficients - margin, fit.coefficients + margin
    rows = data.paths(times, centred=False)
    for j in zero:
        low[j] = -np.inf
        high[j] = upper_limit(data.layout, rows, found, int(j), fit.level)
    return replace(fit, conf_low=low, conf_high=high)


def _data_caveats(data: IllnessData) -> list[Caveat]:
    count = None if data.clusters is None else data.clusters.count
    caveats = row_caveats(data.frame, n_missing=data.n_missing, n_clusters=count)
    caveats.append(
        Caveat(
            "informative_visits",
            "Visits are taken as planned whatever the state of health: an extra visit because of "
            "symptoms finds illness early and biases the intensities.",
        )
    )
    layout, found = data.layout, data.times.brackets.found
    events, p = int(np.count_nonzero(found)), layout.windows[0].size + layout.slopes[0].size
    if events / p < _FEW_EVENTS:
        message = f"{events} rows were found ill, for {p} parameters of illness."
        caveats.append(Caveat("few_events", message))
    for name in data.aliased:
        message = f"{name} is determined by other columns and was left out."
        caveats.append(Caveat("aliased", message, name))
    return [*caveats, *_after_illness_caveats(data)]


def _after_illness_caveats(data: IllnessData) -> list[Caveat]:
    how = data.request.after_illness
    if how != "own":
        words = {"equal": "equal to", "ratio": "proportional to"}[how]
        message = f"The intensity of death after illness is assumed {words} that of the healthy."
        return [Caveat("after_illness", message)]
    after = int(np.count_nonzero(data.times.brackets.found & data.times.died))
    if after >= _FEW_AFTER * data.layout.windows[2].size:
        return []
    message = (
        f"{after} deaths after illness was found carry {data.layout.windows[2].size} intensities; "
        "consider after_illness='ratio' or 'equal'."
    )
    return [Caveat("few_events", message, "death_ill")]


def _fit_caveats(fit: IllnessDeathFit, data: IllnessData) -> list[Caveat]:
    caveats = []
    for term, value in zip(fit.terms, fit.coefficients, strict=True):
        if np.isneginf(value):
            message = f"{term} is estimated as zero; its upper limit is that of the likelihood."
            caveats.append(Caveat("zero_intensity", message, term))
        elif np.isnan(value):
            caveats.append(Caveat("nobody_at_risk", f"Nobody was at risk of {term}.", term))
    seen = int(np.count_nonzero(data.times.brackets.found))
    if fit.unseen > _MANY_UNSEEN * (fit.unseen + seen):
        message = (
            f"Beside {seen} rows found ill, {fit.unseen:.1f} are expected to have fallen ill "
            "unseen: that part rests on the model."
        )
        caveats.append(Caveat("unseen_events", message))
    return caveats
