"""Discrimination, calibration and net benefit of predicted risks of a yes/no outcome."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from vpstats.models.validation.recalibration import recalibrate, weighted_sums
from vpstats.models.validation.scored import INSIDE, Scored, score_rows

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]
Positions = NDArray[np.intp]

MEASURES = (
    "c_statistic",
    "brier",
    "scaled_brier",
    "calibration_intercept",
    "calibration_slope",
    "observed_expected",
)
"""Measures of a yes/no outcome, in the order of the arrays below."""


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
    margin = special.ndtri(0.5 + level / 2) * error / (estimate * (1 - estimate))
    centre = special.logit(estimate)
    return float(special.expit(centre - margin)), float(special.expit(centre + margin))


def weighted_measures(scored: Scored, weights: Matrix, thresholds: Vector) -> Matrix:
    """Measures of predictions in each of k samples, shape (k, 6 + t).

    Parameters
    ----------
    scored : Scored
        Predictions.
    weights : ndarray, shape (k, n)
        How often each row counts in each sample; 0 leaves it out.
    thresholds : ndarray, shape (t,)
        Risks between 0 and 1.

    Returns
    -------
    ndarray
        As of `measures_of_many`.
    """
    return np.asarray(measures_of_many([(scored, weights)], thresholds)[0])


def measures_of_many(
    parts: Sequence[tuple[Scored, Matrix]], thresholds: Vector
) -> NDArray[np.float64]:
    """Every measure of `MEASURES`, then net benefit at each threshold, shape (r, k, 6 + t).

    Parameters
    ----------
    parts : sequence of (Scored, ndarray of shape (k, n))
        Each of r predictions, with the weights of its rows in each of k samples.
    thresholds : ndarray, shape (t,)
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
    sums = np.array([weighted_sums(scored, weights) for scored, weights in parts])
    total, events, expected = sums[..., 0], sums[..., 1], sums[..., 4]
    mean = events / total
    brier = (events - 2 * sums[..., 2] + sums[..., 3]) / total
    found = np.full((*total.shape, len(MEASURES) + len(thresholds)), np.nan)
    found[..., 1], found[..., 5] = brier, events / expected
    both = (events > 0) & (events < total)
    np.divide(brier, mean * (1 - mean), out=found[..., 2], where=both)
    found[..., 2] = 1 - found[..., 2]
    found[..., 3:5] = recalibrate(parts, sums, both)
    for (scored, weights), rows in zip(parts, found, strict=True):
        ranks = _Ranks(scored, thresholds)
        for own, row in zip(weights, rows, strict=True):
            row[0], row[len(MEASURES) :] = ranks.judge(own)
    return found


class _Ranks:
    """What depends on the order of the risks alone, for any weights."""

    def __init__(self, scored: Scored, thresholds: Vector) -> None:
        self.order, self.y = scored.order, scored.y[scored.order]
        new = np.flatnonzero(scored.place[1:] != scored.place[:-1]) + 1
        tied = len(new) < len(self.y) - 1
        self.starts = np.append(0, new) if tied else None
        lowest, steps = scored.ladder
        wanted = np.rint((special.logit(thresholds) - lowest) * steps)
        self.at = np.searchsorted(scored.place, wanted, side="left")
        self.odds = thresholds / (1 - thresholds)
        # sums over the stretches between thresholds; those that hold no row are left out
        self.edges = np.unique(np.append(0, self.at[self.at < len(self.y)]))
        self.stretch = np.searchsorted(self.edges, self.at)

    def judge(self, weights: Vector) -> tuple[float, Vector]:
        """Concordance statistic; net benefit at each threshold."""
        w = weights[self.order]
        hits, below = w * self.y, _running(w)
        stretches = np.append(np.cumsum(np.add.reduceat(hits, self.edges)[::-1])[::-1], 0.0)
        total, events, acted = float(below[-1]), float(stretches[0]), stretches[self.stretch]
        harmed = total - np.append(0.0, below)[self.at] - acted
        pairs = events * (total - events)
        statistic = self._concordant(w, hits, below) / pairs if pairs > 0 else np.nan
        return statistic, (acted - harmed * self.odds) / total

    def _concordant(self, w: Vector, hits: Vector, below: Vector) -> float:
        """Events with others below, a half for a tie.

        Counted are all rows below and half of the same risk; among these are pairs of events,
        half of the square of their number in all.
        """
        if self.starts is not None:
            w, hits = np.add.reduceat(w, self.starts), np.add.reduceat(hits, self.starts)
            below = np.cumsum(w)
        return float(hits @ below - hits @ w / 2 - hits.sum() ** 2 / 2)


def _running(weights: Vector) -> Vector:
    """Cumulative sums; of whole numbers as such, which is quicker."""
    whole = weights.astype(np.int64)
    if np.array_equal(whole, weights):
        return np.cumsum(whole).astype(float)
    return np.asarray(np.cumsum(weights))


def binary_measures(
    y: Vector, risk: Vector, weights: Vector | None = None, thresholds: Vector | None = None
) -> Vector:
    """Every measure of `MEASURES`, then net benefit at each threshold, shape (6 + t,)."""
    odds = special.logit(np.clip(risk, INSIDE, 1 - INSIDE))
    w = np.ones(len(y)) if weights is None else weights
    at = np.empty(0) if thresholds is None else thresholds
    return np.asarray(weighted_measures(score_rows(y, odds, risk), w[None], at)[0])


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
    return binary_measures(y, risk, weights, thresholds)[len(MEASURES) :]
