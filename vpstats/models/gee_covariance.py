"""Covariance of estimating equations: the sandwich, and its corrections for few clusters."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vpstats.models.covariance import Clusters, Covariance, cluster_sums, sandwich
from vpstats.models.gee_kernel import GeeKernel, GeeSolution
from vpstats.models.newton import invert

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]

_CHUNK = 16_384
"""Rows of clusters that are corrected at a time."""
_FITTED = 1e-10
"""A cluster that fits itself in some direction has nothing left to correct there."""


def equation_covariance(kernel: GeeKernel, found: GeeSolution, name: str) -> Covariance:
    """Covariance of the coefficients, with the reference distribution of its tests.

    Parameters
    ----------
    kernel : GeeKernel
        Weighed at the estimate.
    found : GeeSolution
        The estimate.
    name : {"model", "CR0", "CR1", "MD", "KC"}
        "model" is the scale times the inverse information; "CR0" the sandwich; "CR1" that times
        G / (G - 1); "MD" and "KC" divide the residuals of a cluster by one minus its leverage,
        or the root of that.

    Returns
    -------
    Covariance
        Normal for "model", t with G - 1 degrees of freedom for "CR0" and "CR1", G - p for "MD"
        and "KC".

    References
    ----------
    Mancl LA, DeRouen TA. A covariance estimator for GEE with improved small-sample properties.
    Biometrics 2001;57:126-134. Kauermann G, Carroll RJ. A note on the efficiency of sandwich
    covariance matrix estimation. J Am Stat Assoc 2001;96:1387-1396. Li P, Redden DT. Small sample
    performance of bias-corrected sandwich estimators for cluster-randomized trials with binary
    outcomes. Stat Med 2015;34:281-296.
    """
    bread = invert(found.information)
    if name == "model":
        return Covariance(found.moments.scale * bread, name)
    G, p = kernel.data.count, len(bread)
    if name in ("MD", "KC"):
        meat = _corrected_meat(kernel, found, 1.0 if name == "MD" else 0.5)
        return Covariance(sandwich(bread, meat), name, float(G - p))
    factor = G / (G - 1) if name == "CR1" else 1.0
    return Covariance(sandwich(bread, factor * _meat(kernel, found)), name, float(G - 1))


def _meat(kernel: GeeKernel, found: GeeSolution) -> Matrix:
    """Products of the scores of clusters, summed, shape (p, p)."""
    data, p = kernel.data, len(found.estimate)
    multipliers, meat = kernel.multipliers(found.moments.correlation), np.zeros((p, p))
    for rows, groups in data.blocks(_CHUNK):
        sizes = data.sizes[groups]
        here = Clusters(np.repeat(np.arange(len(sizes)), sizes), len(sizes))
        sums = cluster_sums(data.rows.X[rows], multipliers[rows], here)
        meat += sums.T @ sums
    return meat


def _corrected_meat(kernel: GeeKernel, found: GeeSolution, power: float) -> Matrix:
    """The same of scores with residuals ``(I - H)^-power r`` for r.

    With ``U = V^-1/2 D B``, B B' the inverse information, the leverage H of a cluster is similar
    to ``U U'``, so the correction acts on the singular values of U alone.
    """
    root = np.linalg.cholesky(found.information)
    meat = np.zeros_like(root)
    for positions in kernel.data.equal_sized(_CHUNK):
        z, e = _whitened(kernel, found.moments.correlation, positions)
        u = np.linalg.solve(root, z.transpose(0, 2, 1)).transpose(0, 2, 1)
        left, values, right = np.linalg.svd(u, full_matrices=False)
        rest = 1 - values**2
        usable = rest > _FITTED
        factor = np.where(usable, values / np.where(usable, rest, 1.0) ** power, 0.0)
        along = factor * np.einsum("gmk,gm->gk", left, e)
        sums = np.einsum("gkj,gk->gj", right, along) @ root.T
        meat += sums.T @ sums
    return meat


def _whitened(
    kernel: GeeKernel, correlation: float, positions: NDArray[np.intp]
) -> tuple[NDArray[np.float64], Matrix]:
    """Rows and residuals of clusters of one size, times the root of the inverse correlation."""
    size = positions.shape[1]
    z = kernel.data.rows.X[positions] * kernel.roots[positions][..., None]
    e = kernel.residuals[positions]
    spread = 1 / np.sqrt(1 - correlation)
    shift = 1 / np.sqrt(1 + (size - 1) * correlation) - spread
    z = spread * z + shift * z.mean(axis=1, keepdims=True)
    return z, spread * e + shift * e.mean(axis=1, keepdims=True)
