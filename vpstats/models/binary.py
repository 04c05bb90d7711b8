"""Likelihoods of a binary outcome with the logit link, one block of rows at a time.

Every sweep over the rows goes through `block_terms`; a block is small enough to stay in cache.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vpstats.models.covariance import BLOCK
from vpstats.models.newton import Evaluation, maximise

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]

LARGEST = 700.0
"""Linear predictors are cut off here, just before ``exp`` overflows."""
_SUBSAMPLE_FROM = 40_000
_SUBSAMPLE = 20
"""From this many rows on, the search starts at the estimate of every twentieth row."""


@dataclass(frozen=True)
class BinaryRows:
    """Rows of a binary outcome, ready for the kernels.

    Parameters
    ----------
    X : ndarray, shape (n, p)
        C-ordered design matrix.
    sign : ndarray, shape (n,)
        1 for an event, -1 for none.
    weights : ndarray, shape (n,), optional
        Case weights: a weight of 2 counts as the row repeated.
    offset : ndarray, shape (n,), optional
        Known part of the log odds.
    """

    X: Matrix
    sign: Vector
    weights: Vector | None = None
    offset: Vector | None = None

    def __len__(self) -> int:
        return len(self.X)

    def every(self, step: int) -> BinaryRows:
        """Every `step`-th row."""
        return BinaryRows(
            np.ascontiguousarray(self.X[::step]),
            self.sign[::step],
            None if self.weights is None else self.weights[::step],
            None if self.offset is None else self.offset[::step],
        )

    def blocks(self) -> Iterator[slice]:
        """Slices of `BLOCK` rows."""
        return (slice(start, start + BLOCK) for start in range(0, len(self.X), BLOCK))

    def predictor(self, beta: Vector, rows: slice) -> Vector:
        """Log odds of some rows."""
        eta = self.X[rows] @ beta
        if self.offset is not None:
            eta += self.offset[rows]
        return np.asarray(eta)


def block_terms(data: BinaryRows, beta: Vector, rows: slice) -> tuple[float, Vector, Vector]:
    """Log-likelihood, residuals and working weights of a block of rows.

    Parameters
    ----------
    data : BinaryRows
        All rows.
    beta : ndarray, shape (p,)
        Coefficients.
    rows : slice
        The block, m rows.

    Returns
    -------
    value : float
        Log-likelihood of the block.
    residuals : ndarray, shape (m,)
        ``y - mu``, times the case weight.
    working : ndarray, shape (m,)
        ``mu (1 - mu)``, times the case weight.
    """
    sign = data.sign[rows]
    odds_against = data.predictor(beta, rows)
    odds_against *= -sign
    np.minimum(odds_against, LARGEST, out=odds_against)
    np.exp(odds_against, out=odds_against)
    total = odds_against + 1.0
    missed = odds_against / total  # 1 - probability of what happened
    logs = np.log(total)
    residuals = sign * missed
    missed /= total
    if data.weights is None:
        return -float(logs.sum()), residuals, missed
    weights = data.weights[rows]
    return -float(logs @ weights), residuals * weights, missed * weights


@dataclass(frozen=True, slots=True)
class RowTerms:
    """What a sandwich needs of each row.

    Parameters
    ----------
    residuals : ndarray, shape (n,)
        The score of row i is ``residuals[i] * X[i]``.
    working : ndarray, shape (n,)
        Working weights.
    """

    residuals: Vector
    working: Vector


def empty_terms(data: BinaryRows) -> RowTerms:
    """Arrays for a sweep to fill."""
    return RowTerms(np.empty(len(data)), np.empty(len(data)))


def likelihood(data: BinaryRows, store: RowTerms | None = None) -> Callable[[Vector], Evaluation]:
    """Log-likelihood, score and information as a function of the coefficients.

    Parameters
    ----------
    data : BinaryRows
        All rows.
    store : RowTerms, optional
        Arrays that every evaluation fills with the terms of the rows.

    Returns
    -------
    callable
        Coefficients, shape (p,), to `Evaluation`; one sweep over the rows.
    """
    p = data.X.shape[1]
    buffer = np.empty((min(BLOCK, len(data)), p))

    def evaluate(beta: Vector) -> Evaluation:
        value, score, information = 0.0, np.zeros(p), np.zeros((p, p))
        with np.errstate(over="ignore", invalid="ignore"):  # a point too far out has value NaN
            for rows in data.blocks():
                x = data.X[rows]
                part, residuals, working = block_terms(data, beta, rows)
                value += part
                score += residuals @ x
                information += x.T @ np.multiply(x, working[:, None], out=buffer[: len(x)])
                if store is not None:
                    store.residuals[rows], store.working[rows] = residuals, working
        return Evaluation(value, score, (information + information.T) / 2)

    return evaluate


def row_terms(data: BinaryRows, beta: Vector) -> RowTerms:
    """Residuals and working weights of every row."""
    terms = empty_terms(data)
    for rows in data.blocks():
        _, terms.residuals[rows], terms.working[rows] = block_terms(data, beta, rows)
    return terms


def largest_log_odds(data: BinaryRows, beta: Vector) -> float:
    """Largest absolute log odds of any row."""
    return max(float(np.abs(data.predictor(beta, rows)).max()) for rows in data.blocks())


def starting_point(data: BinaryRows) -> Vector:
    """Where the search begins: zero, or for many rows the estimate of a part of them.

    The solver goes on to full accuracy from either, so the result does not depend on it.
    """
    zero, part = np.zeros(data.X.shape[1]), thinned(data)
    if part is None:
        return zero
    found = maximise(likelihood(part), zero, tolerance=1e-4, max_iterations=12)
    return found.estimate if found.converged else zero


def thinned(data: BinaryRows) -> BinaryRows | None:
    """Every twentieth row where there are many; None where there are few."""
    return data.every(_SUBSAMPLE) if len(data) >= _SUBSAMPLE_FROM else None
