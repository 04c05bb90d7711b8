"""Discrimination, calibration and net benefit of predicted risks of a yes/no outcome."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special, stats

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]
Positions = NDArray[np.intp] | slice

MEASURES = (
    "c_statistic",
    "brier",
    "scaled_brier",
    "calibration_intercept",
    "calibration_slope",
    "observed_expected",
)
"""Measures of a yes/no outcome, in the order of the arrays below."""

_INSIDE = 1e-12
"""Predicted risks are kept this far from 0 and 1 where their log odds are needed."""
_FAR = float(special.logit(1 - _INSIDE))


def concordance_statistic(y: Vector, risk: Vector, weights: Vector | None = None) -> float:
    """Probability that a random row with the outcome has a higher risk than one without.

    Parameters
    ----------
    y : ndarray, shape (n,)
        1 for the outcome, 0 for none.
    risk : ndarray, shape (n,)
        Predicted risks; ties count one half.
    weights : ndarray, shape (n,), optional
        How often each row counts.

    Returns
    -------
    float
        NaN where all rows have one and the same outcome.

    References
    ----------
    Hanley JA, McNeil BJ. The meaning and use of the area under a receiver operating characteristic
    (ROC) curve. Radiology 1982;143:29-36.

    Examples
    --------
    >>> concordance_statistic(np.array([0.0, 1, 0, 1]), np.array([0.1, 0.4, 0.4, 0.9]))
    0.875
    """
    placements = _placements(y, risk, weights)
    return placements.statistic


@dataclass(frozen=True, slots=True)
class _Placements:
    """For each row the share of rows of the other outcome that it is ranked rightly against."""

    statistic: float
    share: Vector
    events: float
    others: float


def _placements(y: Vector, risk: Vector, weights: Vector | None) -> _Placements:
    w = np.ones(len(y)) if weights is None else weights
    _, place = np.unique(risk, return_inverse=True)
    top = int(place.max(initial=-1)) + 1
    with_event = np.bincount(place, w * y, minlength=top)
    without = np.bincount(place, w * (1 - y), minlength=top)
    events, others = float(with_event.sum()), float(without.sum())
    if not (events > 0 and others > 0):
        return _Placements(np.nan, np.full(len(y), np.nan), events, others)
    below = (np.cumsum(without) - without / 2) / others
    above = (events - np.cumsum(with_event) + with_event / 2) / events
    share = np.where(y == 1, below[place], above[place])
    return _Placements(float(np.dot(w * y, share) / events), share, events, others)


def concordance_variance(y: Vector, risk: Vector, units: NDArray[np.intp] | None = None) -> float:
    """Variance of the concordance statistic; rows of a unit may depend on one another.

    Parameters
    ----------
    y, risk : ndarray, shape (n,)
        Outcome and predicted risk.
    units : ndarray of int, shape (n,), optional
        Unit of each row, 0 to K - 1; every row is one if None.

    Returns
    -------
    float
        DeLong's for independent rows, Obuchowski's for clusters.

    References
    ----------
    DeLong ER, DeLong DM, Clarke-Pearson DL. Comparing the areas under two or more correlated
    receiver operating characteristic curves: a nonparametric approach. Biometrics
    1988;44:837-845. Obuchowski NA. Nonparametric analysis of clustered ROC curve data. Biometrics
    1997;53:567-578.

    Examples
    --------
    >>> y, risk = np.array([0.0, 1, 0, 1]), np.array([0.1, 0.4, 0.4, 0.9])
    >>> concordance_variance(y, risk)  # half of 0.03125 from the events, half from the others
    0.03125
    """
    found = _placements(y, risk, None)
    if not np.isfinite(found.statistic):
        return np.nan
    apart = found.share - found.statistic
    if units is None:
        parts = ((y == 1, found.events), (y == 0, found.others))
        terms = [np.sum(apart[rows] ** 2) / (k - 1) / k if k > 1 else np.nan for rows, k in parts]
        return float(sum(terms))
    count = int(units.max()) + 1
    own = np.bincount(units, apart * (y == 1), minlength=count)
    rest = np.bincount(units, apart * (y == 0), minlength=count)
    with_event = np.unique(units[y == 1]).size
    with_other = np.unique(units[y == 0]).size
    if min(with_event, with_other, count) < 2:
        return np.nan
    first = with_event / (with_event - 1) / found.events**2 * np.sum(own**2)
    second = with_other / (with_other - 1) / found.others**2 * np.sum(rest**2)
    both = count / (count - 1) / (found.events * found.others) * np.sum(own * rest)
    return float(first + second + 2 * both)


def logit_limits(estimate: float, error: float, level: float) -> tuple[float, float]:
    """Limits of a share on the scale of its log odds; the estimate itself at 0 and 1."""
    if not (0 < estimate < 1 and np.isfinite(error)):
        return (estimate, estimate) if error == 0 else (np.nan, np.nan)
    margin = stats.norm.ppf(0.5 + level / 2) * error / (estimate * (1 - estimate))
    centre = special.logit(estimate)
    return float(special.expit(centre - margin)), float(special.expit(centre + margin))


@dataclass(frozen=True)
class Ranked:
    """Risks in their order, which serves any weights of the rows.

    Parameters
    ----------
    y, risk : ndarray, shape (n,)
        Outcome and risk by ascending risk.
    log_odds : ndarray, shape (n,)
        Of the risk.
    order : ndarray of int, shape (n,)
        Position of each in the rows as given.
    first, last : ndarray of int, shape (n,), or slice
        Where the rows of the same risk begin, and where they end; slices where no two are equal.
    """

    y: Vector
    risk: Vector
    log_odds: Vector
    order: NDArray[np.intp]
    first: Positions
    last: Positions


def rank(y: Vector, risk: Vector, log_odds: Vector | None = None) -> Ranked:
    """Put rows in the order of their risk; of rows of one risk the order does not matter."""
    order = np.argsort(risk)
    ascending = risk[order]
    if log_odds is None:
        odds = special.logit(np.clip(ascending, _INSIDE, 1 - _INSIDE))
    else:
        odds = np.clip(log_odds[order], -_FAR, _FAR)
    return Ranked(y[order], ascending, odds, order, *_ties(ascending))


def _ties(ascending: Vector) -> tuple[Positions, Positions]:
    """Where the rows of the same value begin, and where they end."""
    n = len(ascending)
    new = np.flatnonzero(ascending[1:] != ascending[:-1]) + 1
    if len(new) == n - 1:
        return slice(0, n), slice(1, n + 1)
    edges = np.concatenate([[0], new, [n]])[: n + 1 if n else 1]
    length = np.diff(edges)
    return np.repeat(edges[:-1], length), np.repeat(edges[1:], length)


def ranked_measures(ranked: Ranked, weights: Vector | None, thresholds: Vector) -> Vector:
    """Every measure of `MEASURES`, then net benefit at each threshold, shape (6 + k,).

    Parameters
    ----------
    ranked : Ranked
        Rows by risk.
    weights : ndarray, shape (n,), optional
        How often each row counts, in the order of the rows as given; 0 leaves it out.
    thresholds : ndarray, shape (k,)
        Risks between 0 and 1.

    Returns
    -------
    ndarray
        The Brier score is the mean squared error; scaled it is 1 less its ratio to that of the
        mean risk. The calibration intercept is that of a logistic regression with the log odds of
        the prediction as offset, the slope its coefficient; observed over expected events.

    References
    ----------
    Steyerberg EW, et al. Assessing the performance of prediction models: a framework for
    traditional and novel measures. Epidemiology 2010;21:128-138. Van Calster B, et al. A
    calibration hierarchy for risk models was defined. J Clin Epidemiol 2016;74:167-176.
    """
    y, risk = ranked.y, ranked.risk
    w = np.ones(len(y)) if weights is None else weights[ranked.order]
    hits = w * y
    with_event = np.concatenate([[0.0], np.cumsum(hits)])
    without = np.concatenate([[0.0], np.cumsum(w - hits)])
    events, others = with_event[-1], without[-1]
    total = events + others
    mean = events / total
    brier = float(w @ (y - risk) ** 2 / total)
    below = (without[ranked.first] + without[ranked.last]) / 2
    both = events > 0 and others > 0
    found = [
        float(hits @ below / (events * others)) if both else np.nan,
        brier,
        1 - brier / (mean * (1 - mean)) if both else np.nan,
        *(_recalibration(ranked, w) if both else (np.nan, np.nan)),
        mean / float(w @ risk / total),
    ]
    at = np.searchsorted(risk, thresholds, side="left")
    acted, harmed = events - with_event[at], others - without[at]
    return np.concatenate([found, (acted - harmed * thresholds / (1 - thresholds)) / total])


def binary_measures(y: Vector, risk: Vector, weights: Vector | None = None) -> Vector:
    """Every measure of `MEASURES` of risks that are used once, shape (6,)."""
    return ranked_measures(rank(y, risk), weights, np.empty(0))


def _recalibration(ranked: Ranked, w: Vector) -> tuple[float, float]:
    """Calibration in the large, and slope."""
    score, first = ranked.log_odds, _residuals(ranked.y, ranked.risk.copy(), w)
    intercept, _ = _two_coefficients(ranked, w, first, slope=False)
    if score[0] == score[-1]:
        return intercept, np.nan
    _, slope = _two_coefficients(ranked, w, first, slope=True)
    return intercept, slope


def _residuals(y: Vector, risk: Vector, w: Vector) -> tuple[Vector, Vector]:
    """Residuals and their variances."""
    expected = w * risk
    apart = w * y - expected
    risk *= expected
    return apart, np.subtract(expected, risk, out=risk)


def _two_coefficients(
    ranked: Ranked, w: Vector, terms: tuple[Vector, Vector], *, slope: bool
) -> tuple[float, float]:
    """Intercept and slope of a logistic regression on the log odds, by Newton from (0, 1).

    Without `slope` it stays 1. NaN where the score separates the outcome. `terms` are the
    residuals and their variances at (0, 1).
    """
    score, intercept, factor = ranked.log_odds, 0.0, 1.0
    for _ in range(_STEPS):
        step, fall = _newton(*terms, score, slope=slope)
        if not np.isfinite(fall):
            return np.nan, np.nan
        # a long step may overshoot where the curve is flat; such scores need more, shorter ones
        short = min(1.0, _LONGEST / max(np.abs(step).max(), _LONGEST))
        intercept, factor = intercept + short * step[0], factor + short * step[1]
        if fall < _DECREMENT:
            return intercept, factor
        terms = _residuals(ranked.y, _risk_of(score * factor + intercept), w)
    return np.nan, np.nan


def _risk_of(log_odds: Vector) -> Vector:
    """Risks of log odds, which are overwritten."""
    np.negative(log_odds, out=log_odds)
    np.minimum(log_odds, _HIGHEST, out=log_odds)
    np.exp(log_odds, out=log_odds)
    log_odds += 1.0
    return np.reciprocal(log_odds, out=log_odds)


def _newton(apart: Vector, spread: Vector, score: Vector, *, slope: bool) -> tuple[Vector, float]:
    """Step and decrement from residuals and their variances."""
    first, information = apart.sum(), spread.sum()
    if not slope:
        fall = first**2 / information if information > 0 else np.nan
        return np.array([first / information if information > 0 else np.nan, 0.0]), fall
    carried = spread * score
    second, cross, square = apart @ score, carried.sum(), carried @ score
    determinant = information * square - cross**2
    if not determinant > _FLAT * information * square:
        return np.full(2, np.nan), np.nan
    step = (
        np.array([first * square - second * cross, second * information - first * cross])
        / determinant
    )
    return step, float(first * step[0] + second * step[1])


_LONGEST = 2.0
"""Longest step of a coefficient: further away the curvature says little."""
_FLAT = 1e-12
"""Relative determinant below which the information is singular."""
_HIGHEST = 700.0
"""Log odds whose exponential is still a number."""
_STEPS = 50
"""Newton steps before a score is taken to separate the outcome."""
_DECREMENT = 1e-9
"""Newton decrement at which the last step is taken, which leaves about its square."""


def net_benefit(
    y: Vector, risk: Vector, thresholds: Vector, weights: Vector | None = None
) -> Vector:
    """Net benefit of acting on risks at or above each threshold, shape (k,).

    True positives less false positives, these weighted by the odds of the threshold, per row.

    References
    ----------
    Vickers AJ, Elkin EB. Decision curve analysis: a novel method for evaluating prediction models.
    Med Decis Making 2006;26:565-574.

    Examples
    --------
    >>> net_benefit(np.array([1.0, 0, 0, 1]), np.array([0.9, 0.8, 0.1, 0.2]), np.array([0.5]))
    array([0.])
    """
    w = np.ones(len(y)) if weights is None else weights
    order = np.argsort(risk, kind="stable")
    first = np.searchsorted(risk[order], thresholds, side="left")
    hits = np.append(np.cumsum((w * y)[order][::-1])[::-1], 0.0)[first]
    alarms = np.append(np.cumsum((w * (1 - y))[order][::-1])[::-1], 0.0)[first]
    return np.asarray((hits - alarms * thresholds / (1 - thresholds)) / w.sum())
