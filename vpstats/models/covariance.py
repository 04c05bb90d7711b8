"""The sandwich family: bread from the information, meat from scores summed within clusters."""

from __future__ import annotations

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
    """``bread @ meat @ bread``, symmetric to the last bit."""
    middle = bread @ meat @ bread
    return np.asarray((middle + middle.T) / 2)


def clustered_covariance(
    bread: Matrix, X: Matrix, residuals: Vector, clusters: Clusters, *, correct: bool
) -> Matrix:
    """Cluster-robust covariance.

    Parameters
    ----------
    bread : ndarray, shape (p, p)
        Inverse information.
    X : ndarray, shape (n, p)
        Rows; the score of row i is ``residuals[i] * X[i]``.
    residuals : ndarray, shape (n,)
        Multiplier of each row in the score.
    clusters : Clusters
        Cluster of each row.
    correct : bool
        Multiply by G / (G - 1): "CR1" rather than "CR0".

    Returns
    -------
    ndarray, shape (p, p)

    References
    ----------
    Liang KY, Zeger SL. Longitudinal data analysis using generalized linear models. Biometrika
    1986;73:13-22.
    """
    sums = cluster_sums(X, residuals, clusters)
    factor = clusters.count / (clusters.count - 1) if correct else 1.0
    return sandwich(bread, factor * (sums.T @ sums))


def two_way_covariance(
    bread: Matrix, X: Matrix, residuals: Vector, first: Clusters, second: Clusters
) -> Matrix:
    """Two-way clustered covariance, each part with its own G / (G - 1).

    Both ways added, what they share taken off once.

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
    return parts[0] + parts[1] - parts[2]


def heteroscedastic_covariance(bread: Matrix, X: Matrix, residuals: Vector) -> Matrix:
    """HC1: rows independent, variance of each from its own residual, times n / (n - p).

    References
    ----------
    White H. Maximum likelihood estimation of misspecified models. Econometrica 1982;50:1-25.
    """
    n, p = X.shape
    factor = n / (n - p) if n > p else np.nan
    return sandwich(bread, factor * weighted_gram(X, residuals**2))


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
    weights = np.ones(len(X)) if weights is None else weights
    scores = np.zeros((clusters.count, p))
    quadratic = np.zeros((clusters.count, p))
    crossed = np.zeros((clusters.count, p, p))
    for index, rows in _equal_sized(clusters):
        w, v = weights[rows][..., None], variance[rows][..., None]
        slopes = v * X[rows]  # of the mean on the coefficients
        adjusted = _adjustment(bread, slopes, (v / w)[..., 0]) @ (w * X[rows])
        scores[index] = np.einsum("gmj,gm->gj", adjusted, residuals[rows])
        u = adjusted @ bread
        quadratic[index] = np.einsum("gmj,gmi->gj", u**2, v / w)
        crossed[index] = np.einsum("gmk,gmj->gjk", slopes, u)
    matrix = sandwich(bread, scores.T @ scores)
    return matrix, _satterthwaite(bread, quadratic, crossed)


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
