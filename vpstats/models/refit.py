"""Maximum likelihood for resampled rows, from the estimate of all rows.

A bootstrap by patient only weighs the rows of one design differently, and its estimate is a few
standard errors from that of all rows: one information matrix serves several steps.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy import linalg, special

from vpstats.models.binary import LARGEST, BinaryRows, largest_log_odds
from vpstats.models.penalties import estimate_rows

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]
Stack = NDArray[np.float64]

_DONE = 1e-10
"""Squared Newton decrement at which the last step is taken: a hundred-thousandth of a standard
error before that step, a small share of it after."""
_SWEEPS = 25
_CLOSE = 1e-12
"""The same for many at once, whose information is not made anew."""
_SLOW = 0.25
"""Where a step shortens the decrement by less than this factor the information is made anew."""


_INFINITE = 30.0
"""Log odds beyond which a drawn sample counts as separated: where it is, the solver stops beyond
35, and no cohort is large enough for a risk of 1e-13."""


def refit_drawn(
    data: BinaryRows, times: Vector, penalty: str | None, start: Vector
) -> Vector | None:
    """Fit a logistic regression to drawn rows.

    Parameters
    ----------
    data : BinaryRows
        All rows, whose own weights are multiplied by those below.
    times : ndarray, shape (n,)
        How often each was drawn.
    penalty : {None, "firth", "flic", "flac"}
        Of the fit.
    start : ndarray, shape (p,)
        The estimate of all rows.

    Returns
    -------
    ndarray, shape (p,), or None
        None where there is no estimate: one outcome, separation, singular information.
    """
    drawn = _draw(data, times)
    if drawn.sign.size == 0 or abs(drawn.sign.mean()) == 1:
        return None
    if penalty is None:
        near = refit_near(data, times if data.weights is None else times * data.weights, start)
        if near is not None:
            return near if largest_log_odds(drawn, near) <= _INFINITE else None
    estimate = estimate_rows(drawn, penalty, start)
    usable = estimate.found.converged and np.isfinite(estimate.covariance).all()
    far = usable and largest_log_odds(drawn, estimate.coefficients) > _INFINITE
    return estimate.coefficients if usable and not far else None


def _draw(rows: BinaryRows, times: Vector) -> BinaryRows:
    """Rows weighted by how often they were drawn, without those that were not."""
    kept = times > 0
    weights = times if rows.weights is None else times * rows.weights
    offset = None if rows.offset is None else rows.offset[kept]
    return replace(rows, X=rows.X[kept], sign=rows.sign[kept], weights=weights[kept], offset=offset)


def refit_near(data: BinaryRows, weights: Vector, start: Vector) -> Vector | None:
    """Fit a logistic regression to weighted rows by steps from a point near the estimate.

    Parameters
    ----------
    data : BinaryRows
        All rows; their own weights are not used.
    weights : ndarray, shape (n,)
        How often each row counts, 0 included.
    start : ndarray, shape (p,)
        The estimate of all rows, or another one near by.

    Returns
    -------
    ndarray, shape (p,), or None
        None if steps do not get shorter, as where the weighted rows separate: the estimate, if
        there is one, is then for a solver that looks at the likelihood.

    Examples
    --------
    >>> rows = BinaryRows(np.ones((4, 1)), np.array([1.0, 1.0, -1.0, -1.0]))
    >>> found = refit_near(rows, np.array([3.0, 0.0, 1.0, 0.0]), np.zeros(1))
    >>> round(float(np.exp(found[0])), 4)  # three events to one without
    3.0
    """
    beta, factor, before = np.array(start, dtype=float), None, np.inf
    for _ in range(_SWEEPS):
        score, information = _sweep(data, weights, beta, informed=factor is None)
        if information is not None:
            try:
                factor = linalg.cho_factor(information, check_finite=False)
            except linalg.LinAlgError:
                return None
        step = linalg.cho_solve(factor, score, check_finite=False)
        decrement = float(score @ step)
        if not decrement < max(before, 1e3):
            return None
        beta = np.asarray(beta + step)
        if decrement < _DONE:
            return beta
        factor = factor if decrement < _SLOW * before else None
        before = decrement
    return None


def _sweep(
    data: BinaryRows, weights: Vector, beta: Vector, *, informed: bool
) -> tuple[Vector, Matrix | None]:
    """Score of the weighted rows, and their information where it is wanted."""
    p = data.X.shape[1]
    score, information = np.zeros(p), np.zeros((p, p)) if informed else None
    for rows in data.blocks():
        x, sign = data.X[rows], data.sign[rows]
        odds = data.predictor(beta, rows)
        odds *= -sign
        np.minimum(odds, LARGEST, out=odds)
        np.exp(odds, out=odds)
        total = odds + 1.0
        odds /= total  # 1 - probability of what happened
        odds *= weights[rows]
        score += (sign * odds) @ x
        if information is not None:
            information += x.T @ ((odds / total)[:, None] * x)
    return score, information


def refit_many(
    data: BinaryRows, weights: Matrix, start: Vector, covariance: Matrix
) -> tuple[Matrix, NDArray[np.bool_]]:
    """Fit a logistic regression to many weightings of the same rows in shared sweeps.

    Steps are those of Broyden, Fletcher, Goldfarb and Shanno from the information of all rows, so
    that a sweep needs scores alone.

    Parameters
    ----------
    data : BinaryRows
        All rows; their own weights are not used.
    weights : ndarray, shape (k, n)
        How often each row counts in each sample.
    start : ndarray, shape (p,)
        The estimate of all rows.
    covariance : ndarray, shape (p, p)
        Inverse information of all rows there.

    Returns
    -------
    coefficients : ndarray, shape (k, p)
        An estimate for each sample.
    found : ndarray of bool, shape (k,)
        Which are estimates; the others are for a solver that looks at the likelihood.

    References
    ----------
    Nocedal J, Wright SJ. Numerical Optimization. Springer, 2006, chapter 6.

    Examples
    --------
    >>> rows = BinaryRows(np.ones((4, 1)), np.array([1.0, 1.0, -1.0, -1.0]))
    >>> beta, found = refit_many(rows, np.array([[3.0, 0, 1, 0]]), np.zeros(1), np.ones((1, 1)))
    >>> np.exp(beta).round(4), found
    (array([[3.]]), array([ True]))
    """
    k = len(weights)
    beta, inverse = np.tile(start, (k, 1)), np.tile(covariance, (k, 1, 1))
    observed, score = _scores_at_start(data, weights, start)
    running, found, before = np.ones(k, dtype=bool), np.zeros(k, dtype=bool), np.full(k, np.inf)
    for _ in range(_SWEEPS):
        step = (inverse @ score[:, :, None])[:, :, 0]
        decrement = (score * step).sum(axis=1)
        running &= decrement < np.maximum(before, 1e3)
        step[~running] = 0.0
        beta += step
        arrived = running & (decrement < _CLOSE)
        found |= arrived
        running &= ~arrived
        if not running.any():
            break
        before, last = decrement, score
        score = observed - _fitted_scores(data, weights, beta)
        inverse = _updated(inverse, step, last - score)
    return beta, found & np.isfinite(beta).all(axis=1)


def _scores_at_start(data: BinaryRows, weights: Matrix, start: Vector) -> tuple[Matrix, Matrix]:
    """Weighted sums of the rows with the outcome, and scores at one point, shapes (k, p)."""
    p = data.X.shape[1]
    total = np.zeros((len(weights), 2 * p))
    for rows in data.blocks():
        x, y = data.X[rows], data.sign[rows] > 0
        risk = special.expit(data.predictor(start, rows))
        total += weights[:, rows] @ np.hstack([x * y[:, None], x * (y - risk)[:, None]])
    return total[:, :p], total[:, p:]


def _fitted_scores(data: BinaryRows, weights: Matrix, beta: Matrix) -> Matrix:
    """Weighted sums of risks times rows, at a point for each sample, shape (k, p)."""
    total = np.zeros(beta.shape)
    with np.errstate(over="ignore"):  # odds against without limit are a risk of 0
        for rows in data.blocks():
            x = data.X[rows]
            odds = -beta @ x.T
            if data.offset is not None:
                odds -= data.offset[rows]
            np.exp(odds, out=odds)
            odds += 1.0
            total += np.divide(weights[:, rows], odds, out=odds) @ x
    return total


def _updated(inverse: Stack, step: Matrix, change: Matrix) -> Stack:
    """Inverse information that explains the change of the score over the step."""
    along = (step * change).sum(axis=1)
    known = along > 0
    scale = np.divide(1.0, along, out=np.zeros_like(along), where=known)
    moved = (inverse @ change[:, :, None])[:, :, 0]
    stretch = scale * (1 + scale * (change * moved).sum(axis=1))
    cross = (scale[:, None] * moved)[:, :, None] * step[:, None, :]
    outer = (stretch[:, None] * step)[:, :, None] * step[:, None, :]
    return np.asarray(inverse + outer - cross - cross.transpose(0, 2, 1))
