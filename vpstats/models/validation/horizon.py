"""Discrimination and calibration of predicted incidence at a time horizon.

Rows that are censored before the horizon are represented by those that were not, by the inverse of
the probability of not being censored.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vpstats.models.validation.measures import concordance_statistic

Vector = NDArray[np.float64]

MEASURES = ("auc", "brier", "scaled_brier", "observed_expected", "calibration_slope")
"""Measures at a horizon, in the order of the arrays below; the slope is the model's own."""


@dataclass(frozen=True, slots=True)
class Outcomes:
    """What is known of each row at a horizon.

    Parameters
    ----------
    case : ndarray, shape (n,)
        1 where the event of interest came by the horizon, 0 where it is known not to have, NaN
        where censoring came first.
    weight : ndarray, shape (n,)
        Inverse probability of being known so; 0 where it is not.
    """

    case: Vector
    weight: Vector


def outcomes_at(time: Vector, event: NDArray[np.int64], cause: int, horizon: float) -> Outcomes:
    """Read the state of each row at a horizon, weighted for censoring.

    Parameters
    ----------
    time : ndarray, shape (n,)
        End of follow-up.
    event : ndarray of int, shape (n,)
        0 censored, else the cause.
    cause : int
        The cause of interest; another one makes a row known to be no case.
    horizon : float
        In the unit of `time`.

    Returns
    -------
    Outcomes
        Weights are 1 / G(T−) for what happened by the horizon and 1 / G(t) for who is still at
        risk, with G the Kaplan–Meier estimate of not being censored.

    References
    ----------
    Blanche P, Dartigues JF, Jacqmin-Gadda H. Estimating and comparing time-dependent areas under
    receiver operating characteristic curves for censored event times with competing risks. Stat
    Med 2013;32:5381-5397.

    Examples
    --------
    >>> found = outcomes_at(np.array([1.0, 2, 3]), np.array([1, 0, 0]), 1, 2.5)
    >>> found.case, found.weight  # one of two at risk at time 2 was censored
    (array([ 1., nan,  0.]), array([1., 0., 2.]))
    """
    grid, before, after = _uncensored(time, event)
    ended = time <= horizon
    done = ended & (event > 0)
    still = ~ended
    case = np.where(done, (event == cause).astype(float), np.where(still, 0.0, np.nan))
    place = np.searchsorted(grid, time)
    last = np.searchsorted(grid, horizon, side="right") - 1
    remaining = after[last] if last >= 0 else 1.0
    with np.errstate(divide="ignore"):
        weight = np.where(done, 1 / before[np.minimum(place, len(grid) - 1)], 0.0)
        weight = np.where(still, 1 / remaining, weight)
    return Outcomes(case, weight)


def _uncensored(time: Vector, event: NDArray[np.int64]) -> tuple[Vector, Vector, Vector]:
    """Distinct times, and the probability of no censoring just before and just after each.

    Events come before censorings of the same time.
    """
    grid, place = np.unique(time, return_inverse=True)
    count = len(grid)
    leaving = np.bincount(place, minlength=count).astype(float)
    at_risk = np.cumsum(leaving[::-1])[::-1]
    events = np.bincount(place, event > 0, minlength=count)
    censored = leaving - events
    left = at_risk - events
    factor = 1 - np.divide(censored, left, out=np.zeros(count), where=left > 0)
    after = np.cumprod(factor)
    return grid, np.concatenate([[1.0], after[:-1]]), after


def horizon_measures(outcomes: Outcomes, risk: Vector, observed: float) -> Vector:
    """AUC, Brier score, scaled Brier score, observed over expected, shape (4,).

    Parameters
    ----------
    outcomes : Outcomes
        At the horizon.
    risk : ndarray, shape (n,)
        Predicted incidence by the horizon.
    observed : float
        Incidence by the horizon, by Aalen and Johansen.

    Returns
    -------
    ndarray
        The AUC compares cases with all rows known to be none, those with a competing event
        included. The Brier score is weighted for censoring; scaled it is 1 less its ratio to that
        of the observed incidence.

    References
    ----------
    Graf E, Schmoor C, Sauerbrei W, Schumacher M. Assessment and comparison of prognostic
    classification schemes for survival data. Stat Med 1999;18:2529-2545. Schoop R, Beyersmann J,
    Schumacher M, Binder H. Quantifying the predictive accuracy of time-to-event models in the
    presence of competing risks. Biom J 2011;53:88-112.
    """
    known = outcomes.weight > 0
    case, weight = outcomes.case[known], outcomes.weight[known]
    n = len(risk)
    brier = float(weight @ (case - risk[known]) ** 2 / n)
    reference = float(weight @ (case - observed) ** 2 / n)
    return np.array(
        [
            concordance_statistic(case, risk[known], weight),
            brier,
            1 - brier / reference if reference > 0 else np.nan,
            observed / float(np.mean(risk)),
        ]
    )
