"""Joint tests with a bias-reduced covariance: degrees of freedom of Hotelling's T squared.

A covariance that few clusters make is itself uncertain. Matched to a Wishart distribution by its
variance under the working model, it turns a Wald statistic into an F statistic whose degrees of
freedom are those of the whole hypothesis, as Satterthwaite's are of one coefficient.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import linalg, stats

from vpstats.models.covariance import Clusters, adjusted_clusters

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]
Mask = NDArray[np.bool_]


def wishart_df(
    bread: Matrix,
    X: Matrix,
    variance: Vector,
    clusters: Clusters,
    weights: Vector | None,
    hypotheses: Sequence[Mask],
) -> list[float]:
    """Degrees of freedom of the covariance of several coefficients, for each of some hypotheses.

    Parameters
    ----------
    bread, X, variance, clusters, weights
        As in `bias_reduced_covariance`.
    hypotheses : sequence of ndarray of bool, shape (p,)
        Coefficients that are zero together; q of them.

    Returns
    -------
    list of float
        With one coefficient Satterthwaite's.

    References
    ----------
    Tipton E, Pustejovsky JE. Small-sample adjustments for tests of moderators and model fit using
    robust variance estimation in meta-regression. J Educ Behav Stat 2015;40:604-634. Pustejovsky
    JE, Tipton E. J Bus Econ Stat 2018;36:672-683.
    """
    root = np.linalg.cholesky(bread)
    makers = [bread[:, h] @ _inverse_root(bread[np.ix_(h, h)]) for h in hypotheses]
    own = [np.zeros((clusters.count, m.shape[1], m.shape[1])) for m in makers]
    shared = [np.zeros((clusters.count, m.shape[1], len(bread))) for m in makers]
    for part in adjusted_clusters(bread, X, variance, clusters, weights):
        for maker, quadratic, crossed in zip(makers, own, shared, strict=True):
            u = part.adjusted @ maker
            quadratic[part.index] = np.einsum("gms,gm,gmt->gst", u, part.target, u)
            crossed[part.index] = np.einsum("gms,gmk->gsk", u, part.slopes) @ root
    return [_matched(q, c) for q, c in zip(own, shared, strict=True)]


def _inverse_root(matrix: Matrix) -> Matrix:
    values, vectors = linalg.eigh(matrix)
    return np.asarray((vectors / np.sqrt(values)) @ vectors.T)


def _matched(own: NDArray[np.float64], shared: NDArray[np.float64]) -> float:
    """``q (q + 1)`` over the summed variances of the entries of the covariance.

    Clusters g and h contribute ``P = [g = h] own_g - shared_g shared_h'``, and the sum is that of
    ``tr(P)^2 + tr(P P)`` over all pairs, taken here without forming them.
    """
    q = own.shape[1]
    alone = np.einsum("gsk,gtk->gst", shared, shared)
    traces = np.einsum("gss->g", own)
    total = traces @ (traces - 2 * np.einsum("gss->g", alone))
    total += np.einsum("gst,gts->", own, own - 2 * alone)
    flat = shared.reshape(len(shared), -1)
    products = flat.T @ flat
    total += np.sum(products**2)
    blocks = products.reshape(q, shared.shape[2], q, shared.shape[2])
    total += np.einsum("sktl,tksl->", blocks, blocks)
    return float(q * (q + 1) / total)


def hotelling_test(statistic: float, q: int, df: float) -> tuple[float, float, float]:
    """F statistic, its denominator degrees of freedom and p-value from a Wald statistic.

    Examples
    --------
    >>> [round(x, 4) for x in hotelling_test(8.0, 2, 20.0)]  # F = 19/20 * 8/2 on 2 and 19
    [3.8, 19.0, 0.0409]
    """
    residual = df - q + 1
    if not residual > 0:
        return float("nan"), float("nan"), float("nan")
    value = residual / df * statistic / q
    return value, residual, float(stats.f.sf(value, q, residual))
