"""Log-rank tests and Gray's test of whole curves, for independent rows and for clusters.

Both compare what was observed in each group with what would be expected if the groups had one
hazard (of the event, or of the subdistribution), time by time and stratum by stratum. Where rows
are clustered the covariance of the differences is the sum over clusters of the squared sums of
row scores, which needs no model of how the rows of a patient depend on one another.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import stats

from vpstats.models.event_slots import EventSlots, Matrix, Table
from vpstats.models.followup import Codes, Vector
from vpstats.models.steps import divide

_SINGULAR = 1e-10
"""An eigenvalue of the covariance below this share of the largest is none."""
ROUNDING = 1e-12
"""A share still free of the event below this is none."""


@dataclass(frozen=True, slots=True)
class ScoreTest:
    """Observed and expected events of G groups, with the covariance of their differences.

    Parameters
    ----------
    observed, expected : ndarray, shape (G,)
        Weighted as the test weights times.
    covariance : ndarray, shape (G, G)
        Covariance of ``observed - expected`` if there is no difference.
    """

    observed: Vector
    expected: Vector
    covariance: Matrix

    @property
    def compared(self) -> Codes:
        """Groups of which an event could be expected."""
        return np.flatnonzero(self.expected > 0)

    def statistic(self) -> tuple[float, int]:
        """Chi-squared statistic and its degrees of freedom; NaN and 0 where nothing differs."""
        used = self.compared[1:]
        if not used.size or not np.all(np.isfinite(self.covariance)):
            return float("nan"), 0
        score = (self.observed - self.expected)[used]
        values, vectors = np.linalg.eigh(self.covariance[np.ix_(used, used)])
        kept = values > _SINGULAR * max(float(values.max()), 1e-300)
        if not kept.any():
            return float("nan"), 0
        along = vectors[:, kept].T @ score
        return float(np.sum(along**2 / values[kept])), int(np.count_nonzero(kept))

    def one_step(self) -> tuple[Vector, Matrix]:
        """Peto's one-step log hazard ratios of all groups but the first, and their covariance.

        Both are empty where the covariance of the scores is singular.
        """
        used = self.compared[1:]
        values, vectors = np.linalg.eigh(self.covariance[np.ix_(used, used)])
        if values.size and values.min() > _SINGULAR * values.max():
            inverse = np.asarray((vectors / values) @ vectors.T)
            return inverse @ (self.observed - self.expected)[used], inverse
        return np.empty(0), np.empty((0, 0))


def p_value(statistic: float, df: int) -> float:
    """Upper tail of the chi-squared distribution."""
    return float(stats.chi2.sf(statistic, df)) if df else float("nan")


Weighting = Callable[[EventSlots, Vector, Vector], Vector]
"""Slots, events and rows at risk in all groups together, shape (E,) each → weights of the slots."""


def fleming_harrington(rho: float) -> Weighting:
    """Weights ``S(t-) ** rho``; with rho = 0 every time counts alike."""

    def weights(found: EventSlots, event: Vector, at_risk: Vector) -> Vector:
        if rho == 0:
            return np.ones_like(event)
        survival = found.survival(divide(event, at_risk))
        return np.asarray(found.before(survival, 1.0) ** rho)

    return weights


def gehan(found: EventSlots, event: Vector, at_risk: Vector) -> Vector:
    """Weights equal to the number at risk (Gehan 1965, Breslow 1970)."""
    return at_risk


def tarone_ware(found: EventSlots, event: Vector, at_risk: Vector) -> Vector:
    """Weights equal to the root of the number at risk (Tarone and Ware 1977)."""
    return np.sqrt(at_risk)


def peto(found: EventSlots, event: Vector, at_risk: Vector) -> Vector:
    """Weights by a survival estimate that stays above 0 (Peto and Peto 1972)."""
    return found.survival(event / (at_risk + 1.0))


def log_rank(found: EventSlots, weighting: Weighting, cluster: Codes | None) -> ScoreTest:
    """Compare the hazards of groups.

    Parameters
    ----------
    found : EventSlots
        Counts in which other causes are censored.
    weighting : callable
        Weights of the slots.
    cluster : ndarray of int, shape (n,), optional
        Clusters of the rows.

    Returns
    -------
    ScoreTest
        The covariance is that of the hypergeometric distribution, or the sum over clusters.

    References
    ----------
    Mantel N. Cancer Chemother Rep 1966;50:163-170. Harrington DP, Fleming TR. A class of rank
    test procedures for censored survival data. Biometrika 1982;69:553-566. Lee EW, Wei LJ, Ying
    Z. Linear regression analysis for highly stratified failure time data. J Am Stat Assoc
    1993;88:557-565.
    """
    at_risk, event = found.at_risk.sum(axis=1), found.event.sum(axis=1)
    weight = weighting(found, event, at_risk)
    share = found.at_risk / at_risk[:, None]
    observed = weight @ found.event
    expected = (weight * event) @ share
    if cluster is None:
        spread = weight**2 * event * divide(at_risk - event, at_risk - 1.0)
        covariance = np.diag(spread @ share) - share.T @ (spread[:, None] * share)
        return ScoreTest(observed, expected, covariance)
    own = weight[:, None, None] * (np.eye(share.shape[1]) - share[:, :, None])
    exposed = own * (event / at_risk)[:, None, None]
    return ScoreTest(observed, expected, _summed(found, own, None, exposed, cluster))


def gray(found: EventSlots, rho: float, cluster: Codes | None) -> ScoreTest:
    """Compare the cumulative incidences of groups by their subdistribution hazards.

    Parameters
    ----------
    found : EventSlots
        Counts in which other causes have slots of their own.
    rho : float
        Power of the weights ``(1 - F(t-)) ** rho``.
    cluster : ndarray of int, shape (n,), optional
        Clusters of the rows.

    Returns
    -------
    ScoreTest
        The covariance is Gray's, or the sum over clusters.

    Notes
    -----
    A hazard of the event at time u moves score i through the own term a and through every later
    number at risk, D; a hazard of a competing event through the latter alone. The derivatives are
    those of Gray's variance, so that the sum over clusters differs from it only in that squares of
    the scores themselves stand for their expectation.

    References
    ----------
    Gray RJ. A class of K-sample tests for comparing the cumulative incidence of a competing risk.
    Ann Stat 1988;16:1141-1154. Chen BE, Kramer JL, Greene MH, Rosenberg PS. Competing risk
    analysis of correlated failure time data. Biometrics 2008;64:172-179.
    """
    parts = _gray_parts(found)
    weight = _powers(1.0 - parts.null_before, rho)
    event = found.event.sum(axis=1)
    risk_of_event = parts.adjusted * (1.0 - parts.own_before)
    total = risk_of_event.sum(axis=1)
    observed = weight @ np.where(parts.adjusted > 0, found.event, 0.0)
    expected = (weight * divide(event, total)) @ risk_of_event
    through_event, through_other = _derivatives(found, parts, weight)
    if cluster is None:
        variances = _tied_variances(found, parts)
        covariance = _crossed(through_event, variances[0])
        covariance += _crossed(through_other, variances[1])
        return ScoreTest(observed, expected, covariance)
    per_row = divide(parts.kept, found.at_risk)[:, None, :]
    own, other = through_event * per_row, -through_other * per_row
    hazard = parts.null_gain[:, None] * divide(np.ones_like(parts.kept), parts.kept)
    other_hazard = divide(found.other, found.at_risk)
    exposed = own * hazard[:, None, :] + other * other_hazard[:, None, :]
    return ScoreTest(observed, expected, _summed(found, own, other, exposed, cluster))


def _powers(base: Vector, rho: float) -> Vector:
    """Powers of the share still free, 0 where there is none and the power is not 0."""
    if rho == 0:
        return np.ones_like(base)
    with np.errstate(invalid="ignore", divide="ignore"):
        power = base**rho
    return np.where(np.isfinite(power) & (np.abs(base) > ROUNDING), power, 0.0)


@dataclass(frozen=True, slots=True)
class _GrayParts:
    """Curves of each group, shape (E, G), and of all if there is no difference, shape (E,).

    kept: survival before the slot, 0 where nobody is at risk; left: survival after it; own_before:
    incidence before it; adjusted: number at risk over `kept`; null_before, null_gain, null_after:
    the common incidence before the slot, its step there, and after it.
    """

    kept: Matrix
    left: Matrix
    own_before: Matrix
    adjusted: Matrix
    null_before: Vector
    null_gain: Vector
    null_after: Vector


def _gray_parts(found: EventSlots) -> _GrayParts:
    hazard = divide(found.event + found.other, found.at_risk)
    left = found.survival(hazard)
    before = found.before(left, 1.0)
    incidence = found.slots.so_far(before * divide(found.event, found.at_risk))
    kept = np.where(found.at_risk > 0, before, 0.0)
    adjusted = divide(found.at_risk, kept)
    gain = divide(found.event.sum(axis=1), adjusted.sum(axis=1))
    null = found.slots.so_far(gain)
    return _GrayParts(
        kept=kept,
        left=left,
        own_before=found.before(incidence, 0.0),
        adjusted=adjusted,
        null_before=found.before(null, 0.0),
        null_gain=gain,
        null_after=null,
    )


def _derivatives(found: EventSlots, parts: _GrayParts, weight: Vector) -> tuple[Table, Table]:
    """What hazards of the event and of others do to the scores, ``[e, i, k]`` per group k."""
    adjusted = parts.adjusted
    total = adjusted.sum(axis=1)
    share = divide(adjusted, np.broadcast_to(total[:, None], adjusted.shape))
    own = (weight[:, None] * adjusted)[:, None, :] * (np.eye(share.shape[1]) - share[:, :, None])
    # where a group has run out, the steps of the others can take the common incidence above 1
    still = 1.0 - parts.null_before
    known = np.abs(still) > ROUNDING
    step = np.where(known, parts.null_gain / np.where(known, still, 1.0), 0.0)
    later = found.slots.after(own * step[:, None, None])
    free = 1.0 - parts.null_after
    ratio = divide(np.broadcast_to(free[:, None], adjusted.shape).copy(), parts.left)
    return own + (1.0 - ratio)[:, None, :] * later, ratio[:, None, :] * later


def _tied_variances(found: EventSlots, parts: _GrayParts) -> tuple[Matrix, Matrix]:
    """Variances of the steps by the event and by others, less what ties take from them."""
    event = found.event.sum(axis=1)[:, None]
    total = parts.adjusted.sum(axis=1)[:, None]
    at_risk, other = found.at_risk, found.other
    spread = total * parts.kept - 1.0
    several = (event > 1.0) & (spread != 0.0)
    tied = 1.0 - np.where(several, (event - 1.0) / np.where(several, spread, 1.0), 0.0)
    step = divide(parts.kept * event, total * at_risk)
    tied_other = 1.0 - divide(np.maximum(other - 1.0, 0.0), at_risk - 1.0)
    return tied * step, tied_other * divide(parts.kept**2 * other, at_risk**2)


def _crossed(derivative: Table, variance: Matrix) -> Matrix:
    """Sums over slots e and groups k of ``d[e, i, k] d[e, j, k] v[e, k]``."""
    flat = np.moveaxis(derivative, 1, 0).reshape(derivative.shape[1], -1)
    return np.asarray((flat * variance.ravel()) @ flat.T)


def _summed(
    found: EventSlots, own: Table, other: Table | None, exposed: Table, cluster: Codes
) -> Matrix:
    """Squared sums of row scores by cluster, added up; NaN with a single cluster."""
    G = own.shape[1]
    if np.all(cluster == cluster[0]):
        return np.full((G, G), np.nan)
    scores = found.row_scores(own, other, exposed, range(1, G))
    sums = np.stack([np.bincount(cluster, score) for score in scores])
    sums = np.concatenate([-sums.sum(axis=0, keepdims=True), sums])  # scores add up to nothing
    return np.asarray(sums @ sums.T)
