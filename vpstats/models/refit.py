"""Maximum likelihood for resampled rows, from the estimate of all rows.

A bootstrap by patient only weighs the rows of one design differently, and its estimate is a few
standard errors from that of all rows: one information matrix serves several steps.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

from vpstats.models.binary import LARGEST, BinaryRows

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]

_DONE = 1e-10
"""Squared Newton decrement at which the last step is taken: a hundred-thousandth of a standard
error before that step, a small share of it after."""
_SWEEPS = 25
_SLOW = 0.25
"""Where a step shortens the decrement by less than this factor the information is made anew."""


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
