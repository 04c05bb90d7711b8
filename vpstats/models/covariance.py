"""The sandwich family: bread from the information, meat from scores summed within clusters."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]
Codes = NDArray[np.intp]

BLOCK = 4096
"""Rows handled at a time, so that they stay in cache between steps."""
_CLUSTERED_ROWS = 65_536
"""Rows whose scores are summed within clusters at a time."""
FEW_CLUSTERS = 30
"""Below this many clusters robust standard errors come with a caveat."""
FEW_EVENT_CLUSTERS = 20
"""Below this many clusters with an event, modified scores come with a caveat."""


@dataclass(frozen=True, slots=True)
class Clusters:
    """Which rows are not independent.

    Parameters
    ----------
    codes : ndarray of int, shape (n,)
        Cluster of each row, 0 to count - 1.
    count : int
        Number of clusters.
    """

    codes: Codes
    count: int


@dataclass(frozen=True, slots=True)
class Covariance:
    """A covariance with its name and the reference distribution of its Wald tests.

    Parameters
    ----------
    matrix : ndarray, shape (p, p)
        Covariance of the estimates.
    name : str
        "model", "HC1", "CR0", "CR1", "CR2".
    df : float or ndarray, shape (p,)
        Degrees of freedom of t; infinite for the normal.
    """

    matrix: Matrix
    name: str
    df: float | Vector = np.inf


def make_clusters(values: Any) -> Clusters:
    """Number the clusters in order of first appearance.

    Parameters
    ----------
    values : array_like, shape (n,)
        Cluster ids of any type, none missing.

    Examples
    --------
    >>> make_clusters(["b", "a", "b"]).codes.tolist()
    [0, 1, 0]
    """
    if isinstance(values, np.ndarray) and values.dtype.kind in "iu" and len(values):
        new = values[1:] != values[:-1]
        if (values[1:] >= values[:-1]).all():  # in order already: no table of ids is needed
            codes = np.append(0, np.cumsum(new))
            return Clusters(np.asarray(codes, dtype=np.intp), int(codes[-1]) + 1)
    codes, distinct = pd.factorize(pd.Series(values))
    return Clusters(np.asarray(codes, dtype=np.intp), len(distinct))


def cross_clusters(first: Clusters, second: Clusters) -> Clusters:
    """Clusters of rows that agree in both."""
    return make_clusters(first.codes * second.count + second.codes)


def weighted_gram(X: Matrix, weights: Vector) -> Matrix:
    """``X' diag(weights) X``, block by block, shape (p, p)."""
    total = np.zeros((X.shape[1], X.shape[1]))
    buffer = np.empty((min(BLOCK, len(X)), X.shape[1]))
    for start in range(0, len(X), BLOCK):
        rows = X[start : start + BLOCK]
        scaled = np.multiply(rows, weights[start : start + BLOCK, None], out=buffer[: len(rows)])
        total += rows.T @ scaled
    return (total + total.T) / 2


def cluster_sums(X: Matrix, factors: Vector, clusters: Clusters) -> Matrix:
    """Sum ``factors[i] * X[i]`` within clusters.

    Parameters
    ----------
    X : ndarray, shape (n, p)
        Rows.
    factors : ndarray, shape (n,)
        Multiplier of each row.
    clusters : Clusters
        Cluster of each row.

    Returns
    -------
    ndarray, shape (G, p)
        Without a temporary of the size of `X`.
    """
    n = len(X)
    scatter = sparse.csc_array(
        (factors, clusters.codes, np.arange(n + 1)), shape=(clusters.count, n)
    )
    return np.asarray(scatter @ X)


def sandwich(bread: Matrix, meat: Matrix) -> Matrix:
    """``bread @ meat @ bread'``, symmetric to the last bit."""
    middle = bread @ meat @ bread.T
    return np.asarray((middle + middle.T) / 2)


def clustered_covariance(
    bread: Matrix,
    X: Matrix,
    residuals: Vector,
    clusters: Clusters,
    *,
    correct: bool,
    extra: Vector | None = None,
) -> Matrix:
    """Cluster-robust covariance.

    Parameters
    ----------
    bread : ndarray, shape (p, p), or (p, p + 1) with `extra`
        Inverse information, or whatever turns scores into coefficients.
    X : ndarray, shape (n, p)
        Rows; the score of row i is ``residuals[i] * X[i]``.
    residuals : ndarray, shape (n,)
        Multiplier of each row in the score.
    clusters : Clusters
        Cluster of each row.
    correct : bool
        Multiply by G / (G - 1): "CR1" rather than "CR0".
    extra : ndarray, shape (n,), optional
        Score of one equation more.

    Returns
    -------
    ndarray, shape (p, p)

    References
    ----------
    Liang KY, Zeger SL. Longitudinal data analysis using generalized linear models. Biometrika
    1986;73:13-22.
    """
    factor = clusters.count / (clusters.count - 1) if correct else 1.0
    return sandwich(bread, factor * _cluster_meat(X, residuals, clusters, extra))


def _cluster_meat(X: Matrix, residuals: Vector, clusters: Clusters, extra: Vector | None) -> Matrix:
    """Products of the scores of clusters, some clusters at a time: never all their scores."""
    codes = clusters.codes
    contiguous = bool((codes[1:] >= codes[:-1]).all())
    order = None if contiguous else np.argsort(codes, kind="stable")
    sorted_codes = codes if order is None else codes[order]
    p = X.shape[1] + (extra is not None)
    meat, start = np.zeros((p, p)), 0
    while start < len(codes):
        last = sorted_codes[min(start + _CLUSTERED_ROWS, len(codes)) - 1]
        stop = int(np.searchsorted(sorted_codes, last, side="right"))
        rows = slice(start, stop) if order is None else order[start:stop]
        part = Clusters(sorted_codes[start:stop] - sorted_codes[start],
                        int(last - sorted_codes[start]) + 1)  # fmt: skip
        sums = cluster_sums(X[rows], residuals[rows], part)
        if extra is not None:
            sums = np.column_stack([sums, np.bincount(part.codes, extra[rows], part.count)])
        meat += sums.T @ sums
        start = stop
    return meat


def two_way_covariance(
    bread: Matrix, X: Matrix, residuals: Vector, first: Clusters, second: Clusters
) -> Matrix:
    """Two-way clustered covariance, each part with its own G / (G - 1).

    Both ways added, what they share taken off once. What is taken off may be more than was added
    where one way has few clusters: NaN for a coefficient whose variance would be negative.

    References
    ----------
    Cameron AC, Gelbach JB, Miller DL. Robust inference with multiway clustering. J Bus Econ Stat
    2011;29:238-249.
    """
    both = cross_clusters(first, second)
    parts = [
        clustered_covariance(bread, X, residuals, clusters, correct=True)
        for clusters in (first, second, both)
    ]
    matrix = parts[0] + parts[1] - parts[2]
    impossible = ~(np.diag(matrix) > 0)
    matrix[impossible], matrix[:, impossible] = np.nan, np.nan
    return matrix


def heteroscedastic_covariance(
    bread: Matrix, X: Matrix, residuals: Vector, extra: Vector | None = None
) -> Matrix:
    """HC1: rows independent, variance of each from its own residual, times n / (n - p).

    References
    ----------
    White H. Maximum likelihood estimation of misspecified models. Econometrica 1982;50:1-25.
    """
    n, p = X.shape
    factor = n / (n - p) if n > p else np.nan
    meat = weighted_gram(X, residuals**2)
    if extra is not None:
        cross = (residuals * extra) @ X
        meat = np.block([[meat, cross[:, None]], [cross, extra @ extra]])
    return sandwich(bread, factor * meat)


def bias_reduced_covariance(
    bread: Matrix,
    X: Matrix,
    variance: Vector,
    residuals: Vector,
    clusters: Clusters,
    weights: Vector | None = None,
) -> tuple[Matrix, Vector]:
    """CR2 with Satterthwaite degrees of freedom, for a model with its canonical link.

    Residuals of each cluster are multiplied by a matrix that makes the estimator unbiased if the
    variance of the model is right. For other than equal variances that matrix depends on the
    scale; here it is that of the outcome.

    Parameters
    ----------
    bread : ndarray, shape (p, p)
        Inverse information.
    X : ndarray, shape (n, p)
        Rows.
    variance : ndarray, shape (n,)
        Variance of the outcome at its mean, without case weights.
    residuals : ndarray, shape (n,)
        Outcome minus mean, without case weights.
    clusters : Clusters
        Cluster of each row.
    weights : ndarray, shape (n,), optional
        Case weights.

    Returns
    -------
    matrix : ndarray, shape (p, p)
    df : ndarray, shape (p,)
        Satterthwaite degrees of freedom of each coefficient.

    References
    ----------
    Bell RM, McCaffrey DF. Bias reduction in standard errors for linear regression with multi-stage
    samples. Surv Methodol 2002;28:169-181. Pustejovsky JE, Tipton E. Small-sample methods for
    cluster-robust variance estimation and hypothesis testing in fixed effects models. J Bus Econ
    Stat 2018;36:672-683.
    """
    p = X.shape[1]
    scores = np.zeros((clusters.count, p))
    quadratic = np.zeros((clusters.count, p))
    crossed = np.zeros((clusters.count, p, p))
    for part in adjusted_clusters(bread, X, variance, clusters, weights):
        scores[part.index] = np.einsum("gmj,gm->gj", part.adjusted, residuals[part.rows])
        u = part.adjusted @ bread
        quadratic[part.index] = np.einsum("gmj,gm->gj", u**2, part.target)
        crossed[part.index] = np.einsum("gmk,gmj->gjk", part.slopes, u)
    matrix = sandwich(bread, scores.T @ scores)
    return matrix, _satterthwaite(bread, quadratic, crossed)


@dataclass(frozen=True, slots=True)
class AdjustedClusters:
    """Clusters of one size m with their rows adjusted so that the variance is unbiased.

    Parameters
    ----------
    index : ndarray of int, shape (k,)
        Which clusters.
    rows : ndarray of int, shape (k, m)
        Positions of their rows.
    adjusted : ndarray, shape (k, m, p)
        What residuals are multiplied by to give scores.
    slopes : ndarray, shape (k, m, p)
        Derivative of the mean by the coefficients.
    target : ndarray, shape (k, m)
        Working variance of the residuals.
    """

    index: Codes
    rows: Codes
    adjusted: NDArray[Any]
    slopes: NDArray[Any]
    target: Matrix


def adjusted_clusters(
    bread: Matrix, X: Matrix, variance: Vector, clusters: Clusters, weights: Vector | None
) -> Iterator[AdjustedClusters]:
    """Adjust clusters, those of one size together; arguments as in `bias_reduced_covariance`."""
    weights = np.ones(len(X)) if weights is None else weights
    for index, rows in _equal_sized(clusters):
        w, v = weights[rows], variance[rows]
        slopes = v[..., None] * X[rows]
        adjusted = _adjustment(bread, slopes, v / w) @ (w[..., None] * X[rows])
        yield AdjustedClusters(index, rows, adjusted, slopes, v / w)


def _equal_sized(clusters: Clusters) -> list[tuple[Codes, NDArray[np.intp]]]:
    """Clusters by size, each size with its row positions, shape (clusters, size)."""
    order = np.argsort(clusters.codes, kind="stable")
    sizes = np.bincount(clusters.codes, minlength=clusters.count)
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    groups = []
    for size in np.unique(sizes):
        index = np.flatnonzero(sizes == size)
        groups.append((index, order[starts[index][:, None] + np.arange(size)]))
    return groups


def _adjustment(bread: Matrix, slopes: NDArray[Any], target: NDArray[Any]) -> NDArray[Any]:
    """Adjustment matrices of clusters of one size, shape (clusters, size, size)."""
    root = np.sqrt(target)
    inner = np.einsum("gm,mk->gmk", target, np.eye(target.shape[1]))
    inner -= slopes @ bread @ slopes.transpose(0, 2, 1)
    inner *= root[:, :, None] * root[:, None, :]
    values, vectors = np.linalg.eigh(inner)
    usable = values > 1e-12  # a cluster that fits itself has nothing left to adjust
    inverse = np.where(usable, 1 / np.sqrt(np.where(usable, values, 1.0)), 0.0)
    middle = (vectors * inverse[:, None, :]) @ vectors.transpose(0, 2, 1)
    return np.asarray(root[:, :, None] * middle * root[:, None, :])


def _satterthwaite(bread: Matrix, quadratic: Matrix, crossed: NDArray[Any]) -> Vector:
    """Degrees of freedom 2 E^2 / Var of each variance estimate under the working model."""
    df = np.empty(len(bread))
    for j in range(len(bread)):
        a, b = quadratic[:, j], crossed[:, j]
        shared = np.einsum("gk,kl,gl->g", b, bread, b)
        product = bread @ (b.T @ b)
        squares = np.sum(a**2) - 2 * np.sum(a * shared) + np.trace(product @ product)
        df[j] = np.sum(a - shared) ** 2 / squares
    return df
