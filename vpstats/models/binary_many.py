"""Likelihoods of a binary outcome at many coefficient vectors in one sweep over the rows.

Profile limits need the likelihood at two points per coefficient. Products of pairs of columns are
formed once per block of rows and serve all points: information, and the leverages of Firth's
penalty, are then plain matrix products.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from vpstats.models.binary import LARGEST, BinaryRows
from vpstats.models.newton import Evaluations

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]
Stack = NDArray[np.float64]

_BLOCK = 1024
"""Rows handled at a time: pairs of columns and points together stay in cache."""


def likelihood_of_many(data: BinaryRows, penalty: float = 0.0) -> Callable[[Matrix], Evaluations]:
    """Log-likelihood, score and inverse information as a function of many coefficient vectors.

    Parameters
    ----------
    data : BinaryRows
        All rows.
    penalty : float
        What the log determinant of the information is multiplied by: 1/2 for Firth's penalty, 0
        for maximum likelihood.

    Returns
    -------
    callable
        Points, shape (k, p), to `Evaluations`; one sweep over the rows, two with a penalty.
    """
    pairs = _Pairs(data.X.shape[1])

    def evaluate(points: Matrix) -> Evaluations:
        with np.errstate(all="ignore"):  # a point too far out has value NaN
            values, scores, packed = _sums(data, points, pairs)
            covariances, determinants = _inverses(pairs.unpack(packed))
            if penalty:
                values = values + penalty * determinants
                scores = scores + 2 * penalty * _shifts(data, points, pairs, covariances)
        return Evaluations(values, scores, covariances)

    return evaluate


class _Pairs:
    """Products of pairs of columns, the upper half of each row's outer product."""

    def __init__(self, p: int) -> None:
        self.p = p
        self.left, self.right = np.triu_indices(p)
        self.twice = np.where(self.left == self.right, 1.0, 2.0)

    def of(self, x: Matrix) -> Matrix:
        """Shape (p (p + 1) / 2, m): a pair's products stand together, which is quick to fill."""
        columns = np.ascontiguousarray(x.T)
        products = np.take(columns, self.left, axis=0)
        products *= np.take(columns, self.right, axis=0)
        return np.asarray(products)

    def unpack(self, packed: Matrix) -> Stack:
        full = np.empty((len(packed), self.p, self.p))
        full[:, self.left, self.right] = packed
        full[:, self.right, self.left] = packed
        return full

    def pack(self, full: Stack) -> Matrix:
        """Half of symmetric matrices, so that its product with `of` is a quadratic form."""
        return np.asarray(full[:, self.left, self.right] * self.twice)


def _inverses(informations: Stack) -> tuple[Stack, Vector]:
    """Inverse and log determinant of each of some symmetric matrices; NaN unless positive."""
    try:
        roots = np.linalg.cholesky(informations)
    except np.linalg.LinAlgError:  # at least one is not positive: one by one
        if len(informations) == 1:
            return np.full_like(informations, np.nan), np.full(1, np.nan)
        parts = [_inverses(one[None]) for one in informations]
        return np.concatenate([p[0] for p in parts]), np.concatenate([p[1] for p in parts])
    diagonals = np.diagonal(roots, axis1=1, axis2=2)
    result = np.linalg.inv(informations)
    return (result + result.transpose(0, 2, 1)) / 2, 2 * np.log(diagonals).sum(axis=1)


def _blocks(data: BinaryRows) -> list[slice]:
    return [slice(start, start + _BLOCK) for start in range(0, len(data), _BLOCK)]


def _odds_against(data: BinaryRows, points: Matrix, rows: slice) -> Matrix:
    """Odds against what happened, shape (m, k)."""
    eta = data.X[rows] @ points.T
    if data.offset is not None:
        eta += data.offset[rows, None]
    eta *= -data.sign[rows, None]
    np.minimum(eta, LARGEST, out=eta)
    return np.asarray(np.exp(eta, out=eta))


def _sums(data: BinaryRows, points: Matrix, pairs: _Pairs) -> tuple[Vector, Matrix, Matrix]:
    k, p = points.shape
    values, scores, packed = np.zeros(k), np.zeros((k, p)), np.zeros((k, len(pairs.left)))
    for rows in _blocks(data):
        x = data.X[rows]
        odds = _odds_against(data, points, rows)
        total = odds + 1.0
        odds /= total  # 1 - probability of what happened
        working = odds / total
        if data.weights is None:
            values -= np.log(total, out=total).sum(axis=0)
        else:
            weights = data.weights[rows]
            values -= weights @ np.log(total, out=total)
            working *= weights[:, None]
            odds *= weights[:, None]
        odds *= data.sign[rows, None]
        scores += odds.T @ x
        packed += (pairs.of(x) @ working).T
    return values, scores, packed


def _shifts(data: BinaryRows, points: Matrix, pairs: _Pairs, covariances: Stack) -> Matrix:
    """``sum h (1/2 - mu) x`` at each point, shape (k, p)."""
    forms = pairs.pack(covariances).T
    result = np.zeros(points.shape)
    for rows in _blocks(data):
        x = data.X[rows]
        odds = _odds_against(data, points, rows)
        missed = odds / (odds + 1.0)
        # h (1/2 - mu), with mu (1 - mu) = missed (1 - missed) and 1/2 - mu = sign (missed - 1/2)
        lean = missed * (1.0 - missed)
        missed -= 0.5
        lean *= missed
        lean *= pairs.of(x).T @ forms
        factors = data.sign[rows] if data.weights is None else data.sign[rows] * data.weights[rows]
        lean *= factors[:, None]
        result += lean.T @ x
    return result
