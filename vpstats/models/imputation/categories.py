"""Draws of a category: logistic, multinomial and proportional-odds regression.

Each is fitted to the observed rows and a few weighted ones that make every maximum finite (White,
Daniel & Royston 2010); coefficients are drawn from their normal approximation.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import linalg, special

from vpstats.models.binary import BinaryRows, likelihood
from vpstats.models.covariance import BLOCK
from vpstats.models.newton import Evaluation, Solution, maximise

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]
Codes = NDArray[np.intp]
Evaluate = Callable[[Vector], Evaluation]

_TOLERANCE = 1e-8
"""Squared distance to the maximum, in standard errors: 1e-4 of one is far below the draw."""


@dataclass(frozen=True, slots=True)
class Sample:
    """Rows that a categorical variable is learnt from.

    Parameters
    ----------
    X : ndarray, shape (n, p)
        Predictors, the intercept first.
    codes : ndarray of int, shape (n,)
        Category of each row, 0 to count - 1.
    weights : ndarray, shape (n,)
        1 for observed rows, less for added ones.
    count : int
        Number of categories.
    """

    X: Matrix
    codes: Codes
    weights: Vector
    count: int


def augment(X: Matrix, codes: Codes, count: int) -> Sample:
    """Add rows of little weight, so that no predictor predicts a category without error.

    For every predictor and every category two rows are added, one standard deviation of that
    predictor to either side of the mean; together they weigh as much as there are coefficients.

    Parameters
    ----------
    X : ndarray, shape (n, p)
        Predictors of the observed rows, the intercept first and no other constant column.
    codes : ndarray of int, shape (n,)
        Their categories.
    count : int
        Number of categories.

    References
    ----------
    White IR, Daniel R, Royston P. Avoiding bias due to perfect prediction in multiple imputation
    of incomplete categorical variables. Comput Stat Data Anal 2010;54:2267-2275.
    """
    p = X.shape[1] - 1
    if not p:
        extra, weight = X[:1].repeat(count, axis=0), 1 / count
        added = np.arange(count)
    else:
        spread = np.vstack([np.zeros(p), np.diag(X[:, 1:].std(axis=0))])[1:]
        around = np.vstack([spread, -spread])
        around = np.column_stack([np.zeros(2 * p), around]) + X.mean(axis=0)
        extra, weight = around.repeat(count, axis=0), (p + 1) / (2 * p * count)
        added = np.tile(np.arange(count), 2 * p)
    return Sample(
        np.concatenate([X, extra]),
        np.concatenate([codes, added]).astype(np.intp),
        np.concatenate([np.ones(len(X)), np.full(len(extra), weight)]),
        count,
    )


def fit_categories(sample: Sample, method: str, start: Vector | None) -> Solution:
    """Fit a category's regression.

    Parameters
    ----------
    sample : Sample
        Augmented rows.
    method : {"logistic", "multinomial", "ordinal"}
        Model.
    start : ndarray, optional
        Where to begin, such as the maximum of the iteration before.
    """
    evaluate, zero = _likelihood(sample, method)
    begin = zero if start is None or start.shape != zero.shape else start
    found = maximise(evaluate, begin, tolerance=_TOLERANCE)
    if not found.converged and begin is not zero:
        found = maximise(evaluate, zero, tolerance=_TOLERANCE)
    return found


def _likelihood(sample: Sample, method: str) -> tuple[Evaluate, Vector]:
    p = sample.X.shape[1]
    if method == "logistic":
        sign = np.where(sample.codes > 0, 1.0, -1.0)
        rows = BinaryRows(sample.X, sign, sample.weights)
        return likelihood(rows), np.zeros(p)
    if method == "multinomial":
        return multinomial_likelihood(sample), np.zeros(p * (sample.count - 1))
    shares = np.bincount(sample.codes, sample.weights, sample.count) / sample.weights.sum()
    cuts = special.logit(np.cumsum(shares)[:-1])
    return ordinal_likelihood(sample), np.concatenate([cuts, np.zeros(p - 1)])


def multinomial_likelihood(sample: Sample) -> Evaluate:
    """Log-likelihood of a multinomial logit; coefficients are (count - 1) blocks of p."""
    k, p = sample.count - 1, sample.X.shape[1]

    def evaluate(beta: Vector) -> Evaluation:
        value, score = 0.0, np.zeros((k, p))
        information = np.zeros((k, p, k, p))
        for start in range(0, len(sample.X), BLOCK):
            rows = slice(start, start + BLOCK)
            x, codes, weights = sample.X[rows], sample.codes[rows], sample.weights[rows]
            logs = _multinomial_logs(x, beta, k)
            value += float(weights @ logs[np.arange(len(x)), codes])
            later = np.exp(logs[:, 1:])
            score += ((_indicators(codes - 1, k) - later) * weights[:, None]).T @ x
            for a in range(k):
                for b in range(a + 1):
                    curve = weights * later[:, a] * ((a == b) - later[:, b])
                    information[a, :, b] += x.T @ (curve[:, None] * x)
                    information[b, :, a] = information[a, :, b].T
        return Evaluation(value, score.ravel(), information.reshape(k * p, k * p))

    return evaluate


def ordinal_likelihood(sample: Sample) -> Evaluate:
    """Log-likelihood of proportional odds, ``logit P(y <= k) = cut_k - x' beta``.

    Coefficients are the count - 1 cuts and the p - 1 slopes; the intercept column is not used.

    References
    ----------
    McCullagh P. Regression models for ordinal data. J R Stat Soc B 1980;42:109-142.
    """
    k, p = sample.count - 1, sample.X.shape[1] - 1

    def evaluate(beta: Vector) -> Evaluation:
        if (np.diff(beta[:k]) <= 0).any():
            return Evaluation(-np.inf, np.full(k + p, np.nan), np.full((k + p, k + p), np.nan))
        value, score, information = 0.0, np.zeros(k + p), np.zeros((k + p, k + p))
        for start in range(0, len(sample.X), BLOCK):
            rows = slice(start, start + BLOCK)
            part = _ordinal_block(
                sample.X[rows, 1:], sample.codes[rows], sample.weights[rows], beta, k
            )
            value += part.value
            score += part.score
            information += part.information
        return Evaluation(value, score, information)

    return evaluate


def _ordinal_block(x: Matrix, codes: Codes, weights: Vector, beta: Vector, k: int) -> Evaluation:
    bounds = np.concatenate([[-np.inf], beta[:k], [np.inf]])
    eta = x @ beta[k:]
    upper, lower = special.expit(bounds[codes + 1] - eta), special.expit(bounds[codes] - eta)
    chance = np.maximum(upper - lower, np.finfo(float).tiny)
    # derivatives of the log-likelihood in the bound above (a) and the one below (b)
    steep_a, steep_b = upper * (1 - upper), lower * (1 - lower)
    a, b = steep_a / chance, -steep_b / chance
    aa = weights * (a * a - steep_a * (1 - 2 * upper) / chance)
    bb = weights * (b * b + steep_b * (1 - 2 * lower) / chance)
    ab = weights * a * b
    # how the two bounds, less x' beta, depend on the coefficients
    above = np.column_stack([_indicators(codes, k), -x])
    below = np.column_stack([_indicators(codes - 1, k), -x])
    crossed = above.T @ (ab[:, None] * below)
    information = above.T @ (aa[:, None] * above) + below.T @ (bb[:, None] * below)
    information += crossed + crossed.T
    score = (weights * a) @ above + (weights * b) @ below
    return Evaluation(float(weights @ np.log(chance)), score, information)


def _multinomial_logs(X: Matrix, beta: Vector, k: int) -> Matrix:
    """Logarithms of the probabilities of k + 1 categories, shape (n, k + 1)."""
    eta = np.column_stack([np.zeros(len(X)), X @ beta.reshape(k, -1).T])
    return np.asarray(special.log_softmax(eta, axis=1))


def _indicators(codes: Codes, count: int) -> Matrix:
    return np.asarray(codes[:, None] == np.arange(count), dtype=float)


def category_chances(X: Matrix, beta: Vector, method: str, count: int, shift: Any = 0.0) -> Matrix:
    """Probability of each category.

    Parameters
    ----------
    X : ndarray, shape (n, p)
        Predictors, the intercept first.
    beta : ndarray
        Coefficients as the method orders them.
    method : {"logistic", "multinomial", "ordinal"}
        Model.
    count : int
        Number of categories.
    shift : float or ndarray, shape (n,)
        What is added to the linear predictor: to the log odds of the second of two categories,
        or of higher categories where they are ordered.

    Returns
    -------
    ndarray, shape (n, count)
    """
    if method == "logistic":
        chance = special.expit(X @ beta + shift)
        return np.column_stack([1 - chance, chance])
    if method == "multinomial":
        return np.exp(_multinomial_logs(X, beta, count - 1))
    eta = X[:, 1:] @ beta[count - 1 :] + shift
    below = special.expit(beta[: count - 1] - eta[:, None])
    return np.asarray(np.diff(below, axis=1, prepend=0.0, append=1.0))


def draw_parameters(found: Solution, method: str, count: int, rng: np.random.Generator) -> Vector:
    """Draw coefficients from their normal approximation.

    The cuts of an ordinal model are drawn as the first and the logarithms of their gaps, so that
    they keep their order.
    """
    root = _root(found.information)
    noise = rng.standard_normal(len(found.estimate))
    step = linalg.solve_triangular(root, noise, lower=True, trans="T")
    drawn = found.estimate + step
    if method == "ordinal" and count > 2:
        gaps = np.diff(found.estimate[: count - 1])
        gaps = gaps * np.exp(np.diff(step[: count - 1]) / gaps)
        drawn[1 : count - 1] = drawn[0] + np.cumsum(gaps)
    return np.asarray(drawn)


def _root(information: Matrix) -> Matrix:
    """Triangular root; of the least ridge that has one where rounding left it indefinite."""
    size = np.diag(np.maximum(information.diagonal(), np.finfo(float).tiny))
    for share in (0.0, 1e-10, 1e-6, 1e-2):
        try:
            return np.asarray(linalg.cholesky(information + share * size, lower=True))
        except linalg.LinAlgError:
            continue
    return np.asarray(np.sqrt(size))


def draw_codes(chances: Matrix, rng: np.random.Generator) -> Codes:
    """Draw a category for each row of probabilities, shape (n,)."""
    reached = np.cumsum(chances[:, :-1], axis=1)
    return np.asarray((rng.random(len(chances))[:, None] > reached).sum(axis=1), dtype=np.intp)
