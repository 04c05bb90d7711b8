"""Maximum likelihood of logistic models with random intercepts."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from vpstats.models.binary import BinaryRows
from vpstats.models.covariance import Clusters
from vpstats.models.grouping import group_rows
from vpstats.models.nested import NestedKernel
from vpstats.models.newton import invert
from vpstats.models.quadrature import InterceptKernel
from vpstats.models.quasi import Summit, climb, differences

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]
Kernel = InterceptKernel | NestedKernel

LARGEST_SD = 20.0
"""Beyond this standard deviation of log odds the likelihood is taken to rise for ever."""
_START = 0.5
_NEAR = 1e-12
"""Squared distance to the maximum, in standard errors, at which curvature is taken exactly: the
error of a standard deviation close to zero changes by the distance over the deviation."""
_ROUNDS = 3
"""The search judges its distance by what it has learnt; if farther, curvature is taken again."""
_DONE = 1e-14
_SETTLED = 1e-10
"""Counts as converged where rounding keeps the value from rising any further."""
_FLAT = 1e-6
"""A standard deviation that raises the log-likelihood by less than this is zero."""


@dataclass(frozen=True)
class MixedEstimate:
    """Where the likelihood is highest.

    Parameters
    ----------
    beta : ndarray, shape (p,)
        Coefficients.
    scales : ndarray, shape (levels,)
        Standard deviations of the intercepts, outer level first.
    covariance : ndarray, shape (p + levels, p + levels)
        Inverse observed information; NaN where a standard deviation is zero.
    value : float
        Log-likelihood.
    iterations : int
    status : str
        "ok", "infinite variance" or "not converged".
    """

    beta: Vector
    scales: Vector
    covariance: Matrix
    value: float
    iterations: int
    status: str = "ok"


def one_level(rows: BinaryRows, groups: Clusters, nodes: int) -> InterceptKernel:
    """The kernel of one grouping column."""
    return InterceptKernel(group_rows(rows, groups), nodes)


def two_levels(rows: BinaryRows, outer: Clusters, inner: Clusters) -> NestedKernel:
    """The kernel of two nested columns, inner ids counted within the outer ones.

    Parameters
    ----------
    rows : BinaryRows
        The n rows.
    outer, inner : Clusters
        Outer group of each, and its group within that, numbered in order of the outer one.
    """
    data = group_rows(rows, inner)
    above = np.empty(inner.count, dtype=np.intp)
    above[inner.codes] = outer.codes
    return NestedKernel(data, above)


def estimate_one(kernel: InterceptKernel, null: Vector, null_value: float) -> MixedEstimate:
    """Maximise the likelihood of one random intercept.

    Parameters
    ----------
    kernel : InterceptKernel
        The rows.
    null : ndarray, shape (p,)
        Maximum likelihood estimate without random intercept.
    null_value : float
        Its log-likelihood.
    """
    laplace = kernel if kernel.nodes == 1 else InterceptKernel(kernel.data, 1)
    found = _climb(laplace, np.append(null, _START))
    if laplace is not kernel and abs(found.point[-1]) < LARGEST_SD:
        kernel.modes = laplace.modes
        before = found.iterations
        found = _go_on(kernel, found.point, found.inverse)
        found = replace(found, iterations=found.iterations + before)
    if found.value - null_value < _FLAT and np.isfinite(found.value):
        information = laplace.curvature(np.append(null, 0.0))
        return _without(null, information, null_value, found.iterations)
    return _finish(kernel, found)


def estimate_two(kernel: NestedKernel, outer: MixedEstimate, inner: MixedEstimate) -> MixedEstimate:
    """Maximise the likelihood of two nested random intercepts.

    Parameters
    ----------
    kernel : NestedKernel
        The rows.
    outer, inner : MixedEstimate
        Laplace estimates with one of the intercepts alone.
    """
    scales = [max(float(one.scales[0]), _START / 2) for one in (outer, inner)]
    found = _climb(kernel, np.concatenate([inner.beta, np.minimum(scales, LARGEST_SD / 4)]))
    for at, other in ((0, inner), (1, outer)):
        if np.isfinite(found.value) and found.value - other.value < _FLAT:
            return _with_zero(other, at, found.iterations)
    return _finish(kernel, found)


def _climb(kernel: Kernel, start: Vector) -> Summit:
    return _go_on(kernel, start, invert(kernel.first_information(start)))


def _go_on(kernel: Kernel, start: Vector, inverse: Matrix) -> Summit:
    def inside(theta: Vector) -> bool:
        return bool(np.abs(theta[-kernel.scales :]).max() < LARGEST_SD)

    return climb(kernel.evaluate, start, inverse, tolerance=_NEAR, inside=inside)


def _finish(kernel: Kernel, found: Summit) -> MixedEstimate:
    """The last steps with the exact curvature, and the covariance from it."""
    p = len(found.point) - kernel.scales
    scales = np.abs(found.point[p:])
    unknown = np.full_like(found.inverse, np.nan)
    if not scales.max() < LARGEST_SD:
        return _failed(found, p, unknown, "infinite variance")
    top, iterations = _last_steps(kernel, found), found.iterations
    for _ in range(_ROUNDS - 1):
        if top.start_decrement <= _NEAR or np.isnan(top.inverse).any():
            break
        iterations += top.iterations
        top = _last_steps(kernel, top)
    if np.isnan(top.inverse).any():
        return _failed(found, p, unknown, "not converged")
    status = "ok" if top.decrement < _SETTLED else "not converged"
    sign = np.ones(len(found.point))
    sign[p:] = np.where(top.point[p:] < 0, -1.0, 1.0)
    return MixedEstimate(
        top.point[:p],
        np.abs(top.point[p:]),
        sign[:, None] * top.inverse * sign,
        top.value,
        iterations + top.iterations,
        status,
    )


def _last_steps(kernel: Kernel, found: Summit) -> Summit:
    """Steps with the curvature where the search stood; nowhere if there is no inverse."""
    covariance = invert(_information(kernel, found))
    if np.isnan(covariance).any():
        return replace(found, inverse=covariance)
    return climb(
        kernel.evaluate,
        found.point,
        covariance,
        tolerance=_DONE,
        max_iterations=10,
        learn=False,
        known=(found.value, found.gradient),
    )


def _failed(found: Summit, p: int, covariance: Matrix, status: str) -> MixedEstimate:
    beta, scales = found.point[:p], np.abs(found.point[p:])
    return MixedEstimate(beta, scales, covariance, found.value, found.iterations, status)


def _information(kernel: Kernel, found: Summit) -> Matrix:
    """Observed information: in closed form where there is one, else by differences."""
    theta, errors = found.point, np.sqrt(np.abs(np.diag(found.inverse)))
    k, p = len(theta), len(theta) - kernel.scales
    if isinstance(kernel, NestedKernel) or kernel.nodes > 1:
        information = differences(kernel.evaluate, theta, errors, np.arange(k))
        return (information + information.T) / 2
    information = np.empty((k, k))
    information[:, p:] = differences(kernel.evaluate, theta, errors, np.arange(p, k))
    information[p:, :p] = information[:p, p:].T
    information[:p, :p] = kernel.curvature(theta)
    return information


def _without(beta: Vector, information: Matrix, value: float, iterations: int) -> MixedEstimate:
    """No variance: the model without random intercept, whose estimates it shares."""
    p = len(beta)
    covariance = np.full((p + 1, p + 1), np.nan)
    covariance[:p, :p] = invert(information)
    return MixedEstimate(beta, np.zeros(1), covariance, value, iterations)


def _with_zero(other: MixedEstimate, at: int, iterations: int) -> MixedEstimate:
    """The estimate with one intercept, seen as one with two."""
    p = len(other.beta)
    covariance = np.full((p + 2, p + 2), np.nan)
    kept = np.r_[np.arange(p), p + 1 - at]
    covariance[np.ix_(kept, kept)] = other.covariance
    scales = np.insert(other.scales, at, 0.0)
    return replace(
        other, scales=scales, covariance=covariance, iterations=other.iterations + iterations
    )
