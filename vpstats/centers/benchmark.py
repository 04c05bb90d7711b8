"""The average center: what a row's risk would be there, from a model without the row's center."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import special

from vpstats.centers.folds import deal
from vpstats.centers.within import CenterRows, WithinFit, fit_within, start_without
from vpstats.models.covariance import Clusters, cluster_sums, sandwich

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Vector = NDArray[np.float64]
    Matrix = NDArray[np.float64]
    Codes = NDArray[np.intp]
    Mask = NDArray[np.bool_]

FOLDS = 20
"""Up to so many centers each is left out alone; more are left out in so many folds."""
_MOST_STEPS, _LEVEL_STEP = 100, 1e-12
"""Newton steps for the levels of centers, and the step that counts as none."""


@dataclass(frozen=True)
class CrossFit:
    """Risks at the average center, none of them shaped by the row's own center.

    Parameters
    ----------
    risk : ndarray, shape (n,)
        Risk of each row.
    variance : ndarray, shape (k,)
        Variance of the sum of risks of each center, the model being estimated.
    penalised : bool
        Whether a fold needed Firth's penalty because its rows separate the outcome.
    unlearnt : ndarray of bool, shape (p,)
        Columns that do not vary within the centers of some fold.
    """

    risk: Vector
    variance: Vector
    penalised: bool
    unlearnt: Mask


@dataclass(frozen=True)
class AverageCenter:
    """Intercept and slopes of the average of some centers, with their covariance.

    Parameters
    ----------
    intercept : float
        Log odds at mean covariates; -inf or inf where the outcome never varies.
    beta : ndarray, shape (p,)
        Slopes.
    covariance : ndarray, shape (1 + p, 1 + p)
        Covariance of both, clustered by patient.
    size : float
        Rows that it was made of.
    """

    intercept: float
    beta: Vector
    covariance: Matrix
    size: float


def deal_folds(rows: CenterRows, patients: Vector, folds: int | None) -> Codes:
    """Deal centers into folds by size, whatever they are called.

    Parameters
    ----------
    rows : CenterRows
        Rows of k centers.
    patients : ndarray, shape (k,)
        Patients of each center.
    folds : int, optional
        How many; `FOLDS`, or a fold for each center if they are no more.

    Returns
    -------
    ndarray of int, shape (k,)
        Fold of each center: large centers are spread over the folds. Centers that are equal in
        rows, events, patients and covariates are interchangeable.
    """
    count = min(rows.k, FOLDS if folds is None else folds)
    n, events = rows.sizes.astype(float), rows.totals(rows.y)
    keys = [*np.round(rows.totals(rows.columns), 6), patients, events, n]
    return deal(keys, count)


def cross_fit(
    rows: CenterRows, patients: Clusters, fold: Codes, whole: WithinFit, *, firth: bool
) -> CrossFit:
    """Predict each center's rows at the average of the centers outside of its fold.

    Parameters
    ----------
    rows : CenterRows
        Rows of k centers.
    patients : Clusters
        Patient of each row.
    fold : ndarray of int, shape (k,)
        Fold of each center.
    whole : WithinFit
        Fit to all centers, at which the search for each fold begins.
    firth : bool
        Whether slopes are penalised.

    Returns
    -------
    CrossFit
    """
    risk, variance = np.full(len(rows.y), np.nan), np.full(rows.k, np.nan)
    unlearnt, penalised = np.zeros(rows.X.shape[1], dtype=bool), False
    start = start_without(rows, whole)
    for number in np.unique(fold):
        used = fold != number
        fit = fit_within(rows, used, firth=firth, start=start(used))
        if not fit.converged and not firth:
            fit, penalised = fit_within(rows, used, firth=True), True
        average = average_center(rows, used, fit, patients)
        out = rows.spread(~used)
        risk[out], variance[~used] = predict_centers(rows, average, ~used)
        unlearnt |= ~fit.learnt
    return CrossFit(risk, variance, penalised, unlearnt)


def average_center(
    rows: CenterRows, used: Mask, fit: WithinFit, patients: Clusters
) -> AverageCenter:
    """Find the intercept at which the centers used would see what they saw together.

    Slopes come from comparisons within centers. The intercept solves ``sum expit(a + x'b) = sum
    y`` over the rows of the centers used: observed equals expected there. After Firth's penalty
    that is its intercept correction (FLIC).

    Parameters
    ----------
    rows : CenterRows
        Rows.
    used : ndarray of bool, shape (k,)
        Centers that are averaged.
    fit : WithinFit
        Slopes from the same centers.
    patients : Clusters
        Patient of each row.

    Returns
    -------
    AverageCenter
        Its covariance is the sandwich of the equations for slopes and intercept together, summed
        by patient, times G / (G - 1).

    References
    ----------
    Puhr R, Heinze G, Nold M, Lusa L, Geroldinger A. Firth's logistic regression with rare events:
    accurate effect estimates and predictions? Stat Med 2017;36:2302-2317. Stefanski LA, Boos DD.
    The calculus of M-estimation. Am Stat 2002;56:29-38.
    """
    use = rows.spread(used)
    shift = fit.beta @ rows.columns
    events, size = float(rows.y[use].sum()), float(np.count_nonzero(use))
    p = len(fit.beta)
    if events in (0.0, size):
        edge = np.inf if events else -np.inf
        return AverageCenter(edge, fit.beta, np.full((p + 1, p + 1), np.nan), size)
    intercept = level_of(shift[use], events)
    risk = special.expit(intercept + shift)
    weight = np.where(use, risk * (1 - risk), 0.0)
    scores = _patient_scores(rows, fit, np.where(use, rows.y - risk, 0.0), patients)
    groups = np.count_nonzero(np.bincount(patients.codes, use, patients.count))
    bread = _stacked_bread(fit.bread, float(weight.sum()), rows.columns @ weight)
    factor = groups / (groups - 1) if groups > 1 else np.nan
    covariance = sandwich(bread, factor * scores.T @ scores)
    return AverageCenter(intercept, fit.beta, covariance, size)


def level_of(shift: Vector, events: float) -> float:
    """Find the log odds at which so many events are expected, ``sum expit(a + shift) = events``.

    Parameters
    ----------
    shift : ndarray, shape (m,)
        What covariates add to the log odds of each row.
    events : float
        More than 0 and less than m.

    Examples
    --------
    >>> import numpy as np
    >>> round(level_of(np.zeros(4), 1.0), 6) == round(float(np.log(1 / 3)), 6)
    True
    """
    level, step, steps = special.logit(events / len(shift)) - float(shift.mean()), 1.0, 0
    while abs(step) >= _LEVEL_STEP and steps < _MOST_STEPS:
        risk = special.expit(level + shift)
        step = _level_step(events - float(risk.sum()), float(risk @ (1 - risk)))
        level, steps = level + step, steps + 1
    return float(level)


def _level_step(excess: Any, information: Any) -> Any:
    # the expected number rises throughout: a step cut short cannot go past the root for long
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.clip(np.nan_to_num(np.divide(excess, information)), -1.0, 1.0)


def levels_of(shift: Vector, center: Codes, events: Vector) -> Vector:
    """Find the log odds at which each center expects so many events, all centers at once.

    Parameters
    ----------
    shift : ndarray, shape (n,)
        What covariates add to the log odds of each row.
    center : ndarray of int, shape (n,)
        Center of each row.
    events : ndarray, shape (k,)
        Of each center; where none or all rows, the level is -inf or inf.

    Returns
    -------
    ndarray, shape (k,)

    Examples
    --------
    >>> import numpy as np
    >>> levels_of(np.zeros(4), np.array([0, 0, 1, 1]), np.array([1.0, 2.0])).tolist()
    [0.0, inf]
    """
    k = len(events)
    n = np.bincount(center, minlength=k)
    inside = (events > 0) & (events < n)
    share = np.where(inside, events / n, 0.5)
    level = special.logit(share) - np.bincount(center, shift, k) / n
    step, steps = np.ones(k), 0
    while np.abs(step).max(initial=0.0) >= _LEVEL_STEP and steps < _MOST_STEPS:
        risk = special.expit(level[center] + shift)
        information = np.bincount(center, risk * (1 - risk), k)
        step = _level_step(share * n - np.bincount(center, risk, k), information)
        level, steps = level + step, steps + 1
    return np.where(inside, level, np.where(events > 0, np.inf, -np.inf))


def _patient_scores(rows: CenterRows, fit: WithinFit, excess: Vector, patients: Clusters) -> Matrix:
    """Scores of the intercept and the slopes by patient, shape (G, 1 + p)."""
    level = np.bincount(patients.codes, excess, patients.count)
    off = rows.X - fit.mean[rows.center]
    return np.column_stack([level, cluster_sums(off, fit.residual, patients)])


def _stacked_bread(slopes: Matrix, total: float, moved: Vector) -> Matrix:
    """From scores of intercept and slopes to both; the intercept makes up for the slopes."""
    p = len(slopes)
    bread = np.zeros((p + 1, p + 1))
    bread[1:, 1:] = slopes
    bread[0, 0] = 1 / total
    bread[0, 1:] = -(moved @ slopes) / total
    return bread


def predict_centers(
    rows: CenterRows, average: AverageCenter, centers: Mask
) -> tuple[Vector, Vector]:
    """Risk of the rows of some centers at the average center, and variance of their sums.

    Parameters
    ----------
    rows : CenterRows
        Rows of all centers.
    average : AverageCenter
        The average of others.
    centers : ndarray of bool, shape (k,)
        The j centers whose m rows are predicted.

    Returns
    -------
    risk : ndarray, shape (m,)
    variance : ndarray, shape (j,)
        By the delta method. Where the average center saw no event, or nothing but events, the
        variance is that of half an event in one row more: no event is not no doubt.
    """
    own = np.flatnonzero(rows.spread(centers))
    sizes = rows.sizes[centers]
    if not np.isfinite(average.intercept):
        rate = 0.5 / (average.size + 1)
        variance = sizes.astype(float) ** 2 * rate * (1 - rate) / average.size
        return np.full(len(own), float(average.intercept > 0)), variance
    X = rows.X[own]
    risk = special.expit(average.intercept + X @ average.beta)
    weighted = (risk * (1 - risk))[:, None] * np.column_stack([np.ones(len(own)), X])
    gradient = np.add.reduceat(weighted, np.cumsum(sizes) - sizes, axis=0)
    return risk, np.einsum("ij,jk,ik->i", gradient, average.covariance, gradient)
