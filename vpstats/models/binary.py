"""Likelihoods of a binary outcome with the logit link, one block of rows at a time.

Every sweep over the rows goes through `block_terms`; a block is small enough to stay in cache.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vpstats.models.covariance import BLOCK
from vpstats.models.newton import Evaluation, invert, maximise

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]

_LARGEST = 700.0
"""Linear predictors are cut off here, just before ``exp`` overflows."""
_MANY_EVENTS = 40
"""Events (or non-events) per coefficient from which the leading part of the penalised second
derivative will do for Newton steps."""
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
    np.minimum(odds_against, _LARGEST, out=odds_against)
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


def likelihood(data: BinaryRows) -> Callable[[Vector], Evaluation]:
    """Log-likelihood, score and information as a function of the coefficients."""
    p = data.X.shape[1]
    buffer = np.empty((min(BLOCK, len(data)), p))

    def evaluate(beta: Vector) -> Evaluation:
        value, score, information = 0.0, np.zeros(p), np.zeros((p, p))
        for rows in data.blocks():
            x = data.X[rows]
            part, residuals, working = block_terms(data, beta, rows)
            value += part
            score += residuals @ x
            information += x.T @ np.multiply(x, working[:, None], out=buffer[: len(x)])
        return Evaluation(value, score, (information + information.T) / 2)

    return evaluate


@dataclass(frozen=True, slots=True)
class RowTerms:
    """What a sandwich needs of each row at the estimate.

    Parameters
    ----------
    residuals : ndarray, shape (n,)
        The score of row i is ``residuals[i] * X[i]``.
    working : ndarray, shape (n,)
        Working weights.
    largest : float
        Largest absolute log odds of any row.
    """

    residuals: Vector
    working: Vector
    largest: float


def row_terms(data: BinaryRows, beta: Vector, *, penalty: float = 0.0) -> RowTerms:
    """Residuals and working weights of every row; with a penalty, residuals of modified scores."""
    residuals, working = np.empty(len(data)), np.empty(len(data))
    largest = 0.0
    for rows in data.blocks():
        _, residuals[rows], working[rows] = block_terms(data, beta, rows)
        largest = max(largest, float(np.abs(data.predictor(beta, rows)).max()))
    if penalty:
        information = likelihood(data)(beta).information
        shift = leverage_shift(data, residuals, working, information)
        residuals += 2 * penalty * shift
    return RowTerms(residuals, working, largest)


def leverage_shift(
    data: BinaryRows, residuals: Vector, working: Vector, information: Matrix
) -> Vector:
    """``h (1/2 - mu)``: what half the log determinant of the information adds to residuals.

    Parameters
    ----------
    data : BinaryRows
        All rows.
    residuals, working : ndarray, shape (n,)
        As `block_terms` gives them.
    information : ndarray, shape (p, p)
        Information at the same coefficients.

    Returns
    -------
    ndarray, shape (n,)
        NaN throughout if the information is singular.
    """
    root = upper_root(invert(information))
    shift = np.empty(len(data))
    for rows in data.blocks():
        rotated = data.X[rows] @ root
        leverage = np.einsum("ij,ij->i", rotated, rotated) * working[rows]
        shift[rows] = leverage * half_minus_risk(data, rows, residuals[rows])
    return shift


def half_minus_risk(data: BinaryRows, rows: slice, residuals: Vector) -> Vector:
    """``1/2 - mu`` from the weighted residuals of a block."""
    plain = residuals if data.weights is None else residuals / data.weights[rows]
    return np.asarray(plain - data.sign[rows] / 2)


def upper_root(covariance: Matrix) -> Matrix:
    """R with ``R R' = covariance``; NaN throughout if there is none."""
    try:
        return np.asarray(np.linalg.cholesky(covariance))
    except np.linalg.LinAlgError:
        return np.full_like(covariance, np.nan)


def penalised_likelihood(data: BinaryRows, penalty: float = 0.5) -> Callable[[Vector], Evaluation]:
    """Firth's penalised log-likelihood: plus `penalty` times the log determinant of information.

    Parameters
    ----------
    data : BinaryRows
        All rows.
    penalty : float
        1/2 is Jeffreys' prior; 0 is maximum likelihood.

    Returns
    -------
    callable
        Coefficients, shape (p,), to the penalised log-likelihood, the modified score and a matrix
        for Newton steps: minus the second derivative, or where events are many minus its leading
        part. It is not the information that standard errors come from.

    References
    ----------
    Firth D. Bias reduction of maximum likelihood estimates. Biometrika 1993;80:27-38. Heinze G,
    Schemper M. A solution to the problem of separation in logistic regression. Stat Med
    2002;21:2409-2419.
    """
    plain = likelihood(data)
    p = data.X.shape[1]
    rarer = min(np.count_nonzero(data.sign > 0), np.count_nonzero(data.sign < 0))
    exact = rarer < _MANY_EVENTS * p

    def evaluate(beta: Vector) -> Evaluation:
        here = plain(beta)
        sign, logarithm = np.linalg.slogdet(here.information)
        if sign <= 0:
            return Evaluation(-np.inf, np.full(p, np.nan), here.information)
        score, augmented, bend = _penalty_terms(data, beta, here, exact=exact)
        information = here.information + 2 * penalty * augmented
        if bend is not None and _is_positive(here.information + 2 * penalty * bend):
            information = here.information + 2 * penalty * bend
        return Evaluation(
            here.value + penalty * float(logarithm), here.score + 2 * penalty * score, information
        )

    return evaluate


def _penalty_terms(
    data: BinaryRows, beta: Vector, here: Evaluation, *, exact: bool
) -> tuple[Vector, Matrix, Matrix | None]:
    """First derivative of half the log determinant, and two forms of minus its second.

    The first form weights rows by ``h v`` (leverage times variance), as if leverages were fixed:
    together with the information that is the information of the augmented data, always positive
    definite. The second, made on request, is complete:
    ``sum h (3 v - 1/2) x x' + 2 S S'`` with ``S = sum w (1/2 - mu) x (z (x) z)'``,
    where z is x rotated so that ``z' z = x' I^-1 x``.
    """
    p = data.X.shape[1]
    root = upper_root(invert(here.information))
    score, augmented, bend, crossed = np.zeros(p), np.zeros((p, p)), None, np.zeros((p, p * p))
    direct = np.zeros((p, p))
    for rows in data.blocks():
        x = data.X[rows]
        _, residuals, working = block_terms(data, beta, rows)
        z = x @ root
        leverage = np.einsum("ij,ij->i", z, z) * working
        lean = half_minus_risk(data, rows, residuals)
        score += (leverage * lean) @ x
        scaled = leverage[:, None] * x
        variance = 0.25 - lean**2
        augmented += x.T @ (variance[:, None] * scaled)
        if exact:
            direct += x.T @ scaled
            pairs = (z[:, :, None] * z[:, None, :]).reshape(len(x), p * p)
            crossed += ((working * lean)[:, None] * x).T @ pairs
    augmented = (augmented + augmented.T) / 2
    if exact:
        bend = 3 * augmented - (direct + direct.T) / 4 + 2 * crossed @ crossed.T
    return score, augmented, bend


def _is_positive(matrix: Matrix) -> bool:
    try:
        np.linalg.cholesky(matrix)
    except np.linalg.LinAlgError:
        return False
    return True


def starting_point(data: BinaryRows) -> Vector:
    """Where the search begins: zero, or for many rows the estimate of a part of them.

    The solver goes on to full accuracy from either, so the result does not depend on it.
    """
    zero = np.zeros(data.X.shape[1])
    if len(data) < _SUBSAMPLE_FROM:
        return zero
    found = maximise(likelihood(data.every(_SUBSAMPLE)), zero, tolerance=1e-4, max_iterations=12)
    return found.estimate if found.converged else zero


def fitted_likelihood(data: BinaryRows, penalty: str | None) -> Callable[[Vector], Evaluation]:
    """The log-likelihood that a penalty's name stands for."""
    return likelihood(data) if penalty is None else penalised_likelihood(data)
