"""Estimates of a Cox model with gamma frailty: coefficients, and the variance by its profile."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import optimize, stats

from vpstats.errors import UsageError
from vpstats.frames import Frame
from vpstats.models.followup import Vector
from vpstats.models.frailty import FrailtyRows, State, climb, correction
from vpstats.models.frailty_result import FrailtyFit
from vpstats.models.hazard_fit import failed
from vpstats.models.hazards_baseline import Baseline
from vpstats.models.hazards_data import HazardData, rows_of_fit
from vpstats.models.hazards_result import CoxFit
from vpstats.models.newton import invert
from vpstats.results import Caveat, require_level

Matrix = NDArray[np.float64]

_NONE, _MOST = 1e-6, 1e3
"""Variances between which a maximum is looked for; the smaller is as good as none."""
_GRID = (1e-6, 0.05, 0.3, 1.0, 3.0, 10.0, 100.0, 1e3)
_SETTLED = 1.0
"""Variance from which on a profile that falls is not expected to rise again."""
_WIDE = 1e8
"""Rows times event times up to which the variance of the baseline hazard is worked out."""
_CHUNK = 64
_SOLVER = "the solver did not reach the maximum of the model with frailties; use cluster= instead."


@dataclass(frozen=True)
class _Point:
    """The profile at one variance: integrated log-likelihood, slope in log theta, maximum."""

    theta: float
    value: float
    slope: float
    state: State
    converged: bool


class _Profile:
    """The integrated log-likelihood as a function of theta; each maximum starts from the last."""

    def __init__(self, problem: FrailtyRows, null: float) -> None:
        self.problem = problem
        self.null = null
        self.last: State | None = None
        self.failed = False

    def at(self, theta: float) -> _Point:
        state, converged = climb(self.problem, theta, self.last)
        if converged:
            self.last = state
        self.failed = self.failed or not converged
        nu = 1.0 / theta
        value, slope, _ = correction(self.problem.events, nu)
        slope += float(np.sum(state.b - np.expm1(state.b)))
        return _Point(theta, state.value + value, -nu * slope, state, converged)

    def slope(self, log_theta: float) -> float:
        return self.at(float(np.exp(log_theta))).slope

    def excess(self, target: float) -> Callable[[float], float]:
        return lambda log_theta: self.at(float(np.exp(log_theta))).value - target


def fit_frailty(data: HazardData, plain: CoxFit, column: str, theta: float | None) -> FrailtyFit:
    """Fit the model with frailties that goes with a fit without them.

    Parameters
    ----------
    data : HazardData
        Rows, with the clusters that share a frailty.
    plain : CoxFit
        The model without frailty of the same rows; what cannot be estimated there cannot here.
    column : str
        Name of the clusters.
    theta : float, optional
        Variance of the frailties; estimated if None.

    Returns
    -------
    FrailtyFit

    References
    ----------
    Nielsen GG, Gill RD, Andersen PK, Sorensen TIA. A counting process approach to maximum
    likelihood estimation in frailty models. Scand J Stat 1992;19:25-44. Therneau TM, Grambsch PM,
    Pankratz VS. Penalized survival models and frailty. J Comput Graph Stat 2003;12:156-175. Self
    SG, Liang KY. Asymptotic properties of maximum likelihood estimators and likelihood ratio tests
    under nonstandard conditions. J Am Stat Assoc 1987;82:605-610.
    """
    blank = _blank(data, plain, column, theta)
    if not plain.ok:
        return blank
    if data.clusters is None or data.clusters.count < 2:
        reason = f"all rows belong to one {column}, so frailties cannot differ."
        return _failed(blank, "too few clusters", reason)
    problem = FrailtyRows(data.rows, data.clusters, data.request.ties)
    profile = _Profile(problem, plain.log_likelihood)
    best = _search(profile) if theta is None else profile.at(theta) if theta > 0 else None
    if best is not None and not best.converged:
        return _failed(blank, "not converged", _SOLVER)
    if best is not None and theta is None and best.theta >= _MOST:
        reason = (
            f"the likelihood still rises at a frailty variance of {_MOST:g}: {column} and event "
            "go together all but wholly. Use cluster= instead."
        )
        return _failed(blank, "not identified", reason)
    found = _estimates(blank, best)
    return found if theta is not None else _with_interval(found, profile, best)


def _blank(data: HazardData, plain: CoxFit, column: str, theta: float | None) -> FrailtyFit:
    """The fit without frailties as one with them, whose variance is 0."""
    known: dict[str, Any] = {f.name: getattr(plain, f.name) for f in fields(plain)}
    said = [c for c in plain.caveats if c.code != "few_clusters"]
    said.append(
        Caveat("conditional", f"Hazard ratios compare rows of one {column}, or of equal frailty.")
    )
    clusters = data.clusters
    if clusters is not None and clusters.count:
        sizes = np.bincount(clusters.codes, minlength=clusters.count)
        single = int(np.count_nonzero(sizes == 1))
        if 2 * single > clusters.count:
            message = f"{single:,} of {clusters.count:,} groups of {column} hold a single row."
            said.append(Caveat("one_row_groups", message))
    fit = FrailtyFit(**known, frailty=column, theta=0.0, theta_given=theta is not None)
    return replace(
        fit,
        title=f"{plain.title}, gamma frailty by {column} (conditional)",
        n_clusters=None if clusters is None else clusters.count,
        caveats=tuple(said),
        null_log_likelihood=np.nan,
        integrated_log_likelihood=plain.log_likelihood,
        theta=0.0 if plain.ok else np.nan,
    )


def _failed(blank: FrailtyFit, status: str, reason: str) -> FrailtyFit:
    return replace(failed(blank, status, reason), theta=np.nan, integrated_log_likelihood=np.nan)


def _search(profile: _Profile) -> _Point | None:
    """The maximum of the profile; None where it lies at no frailty at all."""
    points = []
    for theta in _GRID:
        points.append(profile.at(theta))
        falling = points[-1].slope < 0 and theta >= _SETTLED
        if falling or not points[-1].converged:
            break
    kept = [p for p in points if p.converged]
    best = [_peak(profile, low, high) for low, high in pairwise(kept)
            if low.slope > 0 >= high.slope]  # fmt: skip
    if kept and kept[-1].slope > 0 and len(kept) == len(_GRID):
        best.append(kept[-1])
    if not kept:
        return points[0]
    highest = max(best, key=lambda p: p.value, default=None)
    return None if highest is None or highest.value <= profile.null else highest


def _peak(profile: _Profile, low: _Point, high: _Point) -> _Point:
    profile.last = low.state
    ends = np.log(low.theta), np.log(high.theta)
    return profile.at(float(np.exp(optimize.brentq(profile.slope, *ends, xtol=1e-11))))


def _estimates(blank: FrailtyFit, best: _Point | None) -> FrailtyFit:
    if best is None:
        message = f"No frailty was found: its variance is 0, as if {blank.frailty} did not matter."
        return replace(blank, caveats=(*blank.caveats, Caveat("boundary", message)))
    state = best.state
    B = state.solve(state.cross)
    covariance = invert(state.inner - state.cross.T @ B)
    if not blank.theta_given:
        covariance = covariance + _from_theta(state, covariance, B)
    return replace(
        blank,
        coefficients=state.beta,
        covariance=covariance,
        theta=best.theta,
        integrated_log_likelihood=best.value,
        log_likelihood=state.sums.value,
        baseline=_baseline(blank.baseline, state, B),
        converged=True,
    )


def _from_theta(state: State, covariance: Matrix, B: Matrix) -> Matrix:
    """What not knowing theta adds to the covariance of the coefficients, shape (p, p).

    The observed information of coefficients and theta together is inverted by way of the path
    that the coefficients take as theta moves.
    """
    gone = -np.expm1(state.b)  # derivative of the score of b in nu
    path = -covariance @ (B.T @ gone)
    path_b = state.solve((gone - state.cross @ path)[:, None])[:, 0]
    bend = float(gone @ path_b) + correction(state.problem.events, state.nu)[2]
    return np.outer(path, path) / -bend


def _baseline(plain: Baseline | None, state: State, B: Matrix) -> Baseline | None:
    """Cumulative hazard at a frailty of 1, with what the frailties add to its variance."""
    if plain is None:
        return None
    sums, slots = state.sums, state.problem.sets.slots
    mean = slots.so_far(sums.mean)
    variance = slots.so_far(sums.a)
    if len(state.b) and len(slots) * len(state.problem.base) <= _WIDE:
        for start in range(0, len(slots), _CHUNK):
            chunk = np.arange(start, min(start + _CHUNK, len(slots)))
            N = _hazard_slopes(state, chunk)
            variance[chunk] += np.einsum("ij,ij->j", N, state.solve(N))
            mean[chunk] -= N.T @ B
    else:
        variance = np.full(len(slots), np.nan)
    return replace(plain, hazard=slots.so_far(sums.h), own=sums.e, variance=variance, mean=mean)


def _hazard_slopes(state: State, chunk: NDArray[np.intp]) -> Matrix:
    """Minus the derivative of the cumulative hazard at some slots in each log frailty, (q, k)."""
    problem, sums = state.problem, state.sums
    slots = problem.sets.slots
    here = np.arange(len(slots))[:, None]
    counted = (here <= chunk) & (here >= slots.first[chunk])
    at_risk = problem.spread(sums.a[:, None] * counted, sums.b[:, None] * counted)
    return np.asarray(problem.by_group @ (sums.risk[:, None] * at_risk))


def _with_interval(found: FrailtyFit, profile: _Profile, best: _Point | None) -> FrailtyFit:
    """The likelihood ratio against no frailty, and the profile interval of theta."""
    top = profile.null if best is None else best.value
    statistic = max(2 * (top - profile.null), 0.0)
    target = top - float(stats.chi2.ppf(found.level, 1)) / 2
    low = 0.0
    if best is not None and profile.null < target:
        low = _root(profile, target, np.log(_NONE), np.log(best.theta))
    return replace(
        found,
        theta_low=low,
        theta_high=_upper(profile, target, _NONE if best is None else best.theta),
        theta_statistic=statistic,
        theta_p_value=float(stats.chi2.sf(statistic, 1)) / 2 if statistic > 0 else 1.0,
    )


def _upper(profile: _Profile, target: float, theta: float) -> float:
    near, far = theta, max(4 * theta, 0.05)
    excess = profile.excess(target)
    while excess(float(np.log(far))) > 0:
        near, far = far, 4 * far
        if far > 10 * _MOST or profile.failed:
            return float("inf")
    return _root(profile, target, np.log(near), np.log(far))


def _root(profile: _Profile, target: float, low: float, high: float) -> float:
    found = optimize.brentq(profile.excess(target), low, high, xtol=1e-6)
    return float(np.exp(found))


def predicted_frailties(
    fit: FrailtyFit, data: pd.DataFrame | Frame, *, level: float | None = None
) -> pd.DataFrame:
    """The frailty of each cluster, from the rows of the fit, which the fit does not keep.

    Parameters
    ----------
    fit : FrailtyFit
        A fit.
    data : DataFrame or Frame
        The rows of the fit; unchanged.
    level : float, optional
        Level of the intervals; that of the fit if None.

    Returns
    -------
    DataFrame
        One row per cluster, the cluster as index: ``n, n_events, estimate, conf_low, conf_high``.
        The estimate is the mean of the frailty given the events of its cluster, drawn towards 1
        the more the less is known; limits are those of its gamma distribution, coefficients and
        `theta` taken as known. These rows name clusters: they are not for release.

    Raises
    ------
    UsageError
        If the fit failed or `data` are not its rows.

    References
    ----------
    Therneau TM, Grambsch PM (2000), section 9.5.

    Examples
    --------
    >>> import numpy as np
    >>> from vpstats.models.hazards import fit_cox
    >>> rows = pd.DataFrame(
    ...     {"days": np.arange(1, 9), "event": 1, "x": [1, 0, 0, 1] * 2, "id": list("aabbccdd")}
    ... )
    >>> fit = fit_cox(rows, "x", duration="days", event="event", frailty="id", theta=1.0)
    >>> round(float(predicted_frailties(fit, rows)["estimate"].mean()), 6)
    1.0
    """
    given, problem, b = log_frailties(fit, data)
    ids = pd.Index(given.frame.data[fit.frailty].iloc[given.kept].unique(), name=fit.frailty)
    mean, shape = np.exp(b), problem.events + (1 / fit.theta if fit.theta > 0 else np.inf)
    tail = (1 - require_level(fit.level if level is None else level)) / 2
    low, high = (
        mean * stats.gamma.ppf(p, shape) / shape if fit.theta > 0 else mean
        for p in (tail, 1 - tail)
    )
    table = {
        "n": np.bincount(problem.groups.codes, minlength=problem.groups.count),
        "n_events": problem.events,
        "estimate": mean,
        "conf_low": low,
        "conf_high": high,
    }
    return pd.DataFrame(table, index=ids).sort_index()


def log_frailties(
    fit: FrailtyFit, data: pd.DataFrame | Frame
) -> tuple[HazardData, FrailtyRows, Vector]:
    """The rows of a fit, its clusters, and the log frailty of each made again from the data."""
    given = rows_of_fit(fit, data, cluster=fit.frailty)
    assert given.clusters is not None  # noqa: S101  # the column was just given
    problem = FrailtyRows(given.rows, given.clusters, fit.ties)
    if fit.theta == 0:
        return given, problem, np.zeros(given.clusters.count)
    state, converged = climb(problem, fit.theta)
    if not converged:
        raise UsageError(_SOLVER)
    return given, problem, state.b


def pool_frailties(pooled: FrailtyFit, fits: Sequence[CoxFit]) -> FrailtyFit:
    """Give a pooled fit the mean variance of the frailties, which has no pooled interval."""
    thetas = [fit.theta for fit in fits if isinstance(fit, FrailtyFit)]
    return replace(
        pooled,
        theta=float(np.mean(thetas)),
        theta_low=np.nan,
        theta_high=np.nan,
        theta_statistic=np.nan,
        theta_p_value=np.nan,
        integrated_log_likelihood=np.nan,
    )
