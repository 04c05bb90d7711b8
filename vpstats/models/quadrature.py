"""Likelihood of a logistic model with one random intercept, by adaptive Gauss–Hermite quadrature.

The linear predictor of row j in group i is ``x_j beta + sigma b_i``, b_i standard normal. The
integral over b_i is taken on nodes around its conditional mode, scaled by the curvature there; one
node is Laplace's approximation. The gradient is that of the approximation itself, with the modes
and scales moving along.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse, special

from vpstats.models.grouping import GroupedRows

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]

_BLOCK = 8192
_LARGEST = 700.0
SETTLED = 1e-6
"""A Newton step of the modes this long, in log odds, is the last: the next one is its square."""
LONGEST = 1.0
"""Longest step of a mode in log odds; Newton steps on logistic terms rise if they are shorter."""
_MODE_STEPS = 100


@dataclass(frozen=True, slots=True)
class Derivatives:
    """Log-likelihood of rows and its derivatives along the linear predictor, weights included.

    Parameters
    ----------
    value : ndarray
        Log-likelihood.
    slope : ndarray
        ``y - mu``.
    curvature : ndarray
        ``v = mu (1 - mu)``.
    skew : ndarray
        ``dv / d eta``.
    """

    value: NDArray[np.float64]
    slope: NDArray[np.float64]
    curvature: NDArray[np.float64]
    skew: NDArray[np.float64]


@dataclass(frozen=True)
class Rows:
    """Rows of whole groups, a block of the data.

    Parameters
    ----------
    X : ndarray, shape (m, p)
    sign : ndarray, shape (m,)
        1 for an event, -1 for none.
    weights, known : ndarray, shape (m,), or None
        Case weights and offset.
    starts : ndarray of int, shape (g,)
        First row of each group.
    sizes : ndarray of int, shape (g,)
    """

    X: Matrix
    sign: Vector
    weights: Vector | None
    known: Vector | None
    starts: NDArray[np.intp]
    sizes: NDArray[np.intp]

    def fixed(self, beta: Vector) -> Vector:
        """Linear predictor without random intercepts."""
        eta = self.X @ beta
        return np.asarray(eta if self.known is None else eta + self.known)

    def sums(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Sums within groups along the last axis."""
        return np.asarray(np.add.reduceat(values, self.starts, axis=-1))

    def spread(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Values of groups repeated for their rows, along the last axis."""
        return np.repeat(values, self.sizes, axis=-1)

    def column_sums(self, factors: Vector) -> Matrix:
        """Sums within groups of ``factors[j] X[j]``, shape (g, p)."""
        m = len(factors)
        ends = np.append(self.starts, m)
        adder = sparse.csr_array((factors, np.arange(m), ends), shape=(len(self.starts), m))
        return np.asarray(adder @ self.X)

    def slopes(self, eta: Vector) -> tuple[Vector, Vector]:
        """Slope and curvature of the rows alone, at linear predictors that are overwritten."""
        eta *= -self.sign
        odds = np.exp(np.minimum(eta, _LARGEST, out=eta), out=eta)
        total = odds + 1.0
        missed = np.divide(odds, total, out=odds)
        slope, curvature = self.sign * missed, np.divide(missed, total, out=total)
        if self.weights is not None:
            slope *= self.weights
            curvature *= self.weights
        return slope, curvature

    def derivatives(self, eta: NDArray[np.float64]) -> Derivatives:
        """Terms of the rows at linear predictors, shape (m,) or (k, m)."""
        odds = np.exp(np.minimum(-self.sign * eta, _LARGEST))
        total = 1.0 + odds
        missed = odds / total
        value, slope, curvature = -np.log(total), self.sign * missed, missed / total
        # 1 - 2 mu is 2 missed - 1 for an event and its negative for none
        skew = curvature * (2 * slope - self.sign)
        if self.weights is None:
            return Derivatives(value, slope, curvature, skew)
        w = self.weights
        return Derivatives(w * value, w * slope, w * curvature, w * skew)


def cut_rows(data: GroupedRows, target: int = _BLOCK) -> list[tuple[Rows, slice]]:
    """The data in blocks of whole groups, each with the groups in it."""
    rows, sizes, parts = data.rows, data.sizes, []
    for here, groups in data.blocks(target):
        part = Rows(
            rows.X[here],
            rows.sign[here],
            None if rows.weights is None else rows.weights[here],
            None if rows.offset is None else rows.offset[here],
            data.starts[groups] - here.start,
            sizes[groups],
        )
        parts.append((part, groups))
    return parts


class InterceptKernel:
    """Log-likelihood of one random intercept, and its gradient.

    Parameters
    ----------
    data : GroupedRows
        Rows in order of their groups.
    nodes : int
        Quadrature nodes; 1 is Laplace's approximation.

    Notes
    -----
    Modes are kept from one evaluation to the next, where they are found faster; they are found to
    the same accuracy from anywhere.
    """

    scales = 1

    def __init__(self, data: GroupedRows, nodes: int) -> None:
        self.data, self.nodes = data, nodes
        self.modes = np.zeros(data.count)
        self.points, weights = special.roots_hermitenorm(nodes)
        self.log_weights = np.log(weights) + self.points**2 / 2 - np.log(2 * np.pi) / 2
        self._parts = cut_rows(data, max(_BLOCK // nodes, 1024))

    def evaluate(self, theta: Vector) -> tuple[float, Vector]:
        """Log-likelihood and gradient at ``(beta, sigma)``, shape (p + 1,)."""
        value, gradient = 0.0, np.zeros(len(theta))
        for rows, groups in self._parts:
            part, slope = self._block(rows, groups, theta[:-1], float(theta[-1]))
            value += part
            gradient += slope
        return value, gradient

    def _block(self, rows: Rows, groups: slice, beta: Vector, sigma: float) -> tuple[float, Vector]:
        eta = rows.fixed(beta)
        b, there = self._find_modes(rows, groups, eta, sigma)
        slopes, curve, skew = (rows.sums(a) for a in (there.slope, there.curvature, there.skew))
        h = 1 + sigma**2 * curve
        s = 1 / np.sqrt(h)
        value, share, nodes, row_slopes, group_slopes = self._integrate(
            rows, eta, sigma, b, s, there, slopes
        )
        away = sigma * group_slopes - nodes  # slope of the integrand in b, at the nodes
        c_mode = np.sum(share * away, axis=0)
        c_scale = self.points @ (share * away) + 1 / s
        on_h = -0.5 * s**3 * c_scale
        on_mode = (c_mode + on_h * sigma**3 * skew) / h
        per_row = (
            row_slopes
            - rows.spread(on_mode * sigma) * there.curvature
            + rows.spread(on_h * sigma**2) * there.skew
        )
        on_sigma = (
            np.sum(share * nodes * group_slopes, axis=0)
            + on_mode * (slopes - sigma * b * curve)
            + on_h * (2 * sigma * curve + sigma**2 * b * skew)
        )
        return value, np.append(per_row @ rows.X, on_sigma.sum())

    def _find_modes(
        self, rows: Rows, groups: slice, eta: Vector, sigma: float
    ) -> tuple[Vector, Derivatives]:
        b = self.modes[groups].copy()
        for _ in range(_MODE_STEPS):
            slope, curvature = rows.slopes(eta + rows.spread(sigma * b))
            step = sigma * rows.sums(slope) - b
            step /= 1 + sigma**2 * rows.sums(curvature)
            longest = float(np.max(np.abs(sigma * step), initial=0.0))
            if longest > LONGEST:
                step /= np.maximum(np.abs(sigma * step) / LONGEST, 1.0)
            b += step
            if not longest > SETTLED:
                self.modes[groups] = b
                break
        else:  # too far out: no value, so that the search turns back
            b = np.full_like(b, np.nan)
        return b, rows.derivatives(eta + rows.spread(sigma * b))

    def _integrate(
        self,
        rows: Rows,
        eta: Vector,
        sigma: float,
        b: Vector,
        s: Vector,
        there: Derivatives,
        slopes: Vector,
    ) -> tuple[float, Matrix, Matrix, Vector, Matrix]:
        """Log-likelihood; shares (k, g), nodes (k, g), mean slopes (m,), slopes (k, g)."""
        if len(self.points) == 1:
            value = float(there.value.sum() - b @ b / 2 + np.log(s).sum())
            return value, np.ones((1, len(b))), b[None], there.slope, slopes[None]
        nodes = b + self.points[:, None] * s
        at = rows.derivatives(eta + rows.spread(sigma * nodes))
        logs = rows.sums(at.value) - nodes**2 / 2 + self.log_weights[:, None]
        top = logs.max(axis=0)
        share = np.exp(logs - top)
        total = share.sum(axis=0)
        share /= total
        value = float(np.sum(top + np.log(total) + np.log(s)))
        mean = np.einsum("km,km->m", rows.spread(share), at.slope)
        return value, share, nodes, mean, rows.sums(at.slope)

    def first_information(self, theta: Vector) -> Matrix:
        """A positive definite guess of the information, shape (p + 1, p + 1)."""
        p, sigma = len(theta) - 1, float(theta[-1])
        total = np.zeros((p + 1, p + 1))
        for rows, groups in self._parts:
            _, at = self._find_modes(rows, groups, rows.fixed(theta[:-1]), sigma)
            curve = rows.sums(at.curvature)
            h = 1 + sigma**2 * curve
            first = rows.column_sums(at.curvature)
            total[:p, :p] += rows.X.T @ (at.curvature[:, None] * rows.X)
            total[:p, :p] -= first.T @ ((sigma**2 / h)[:, None] * first)
            total[p, p] += scale_information(sigma, curve / h)
        return (total + total.T) / 2

    def curvature(self, theta: Vector) -> Matrix:
        """Minus the second derivative of Laplace's log-likelihood in beta, shape (p, p)."""
        p, sigma = len(theta) - 1, float(theta[-1])
        total = np.zeros((p, p))
        for rows, groups in self._parts:
            _, at = self._find_modes(rows, groups, rows.fixed(theta[:-1]), sigma)
            total += _laplace_curvature(rows, at, sigma)
        return (total + total.T) / 2

    def conditional(self, theta: Vector) -> tuple[Vector, Vector]:
        """Mode of each group's intercept and its standard deviation, both on the log-odds scale."""
        sigma, spread = float(theta[-1]), np.empty(self.data.count)
        for rows, groups in self._parts:
            _, at = self._find_modes(rows, groups, rows.fixed(theta[:-1]), sigma)
            spread[groups] = 1 / np.sqrt(1 + sigma**2 * rows.sums(at.curvature))
        return sigma * self.modes, abs(sigma) * spread


def scale_information(sigma: float, known: Vector) -> float:
    """What groups tell of a standard deviation, were their means normal.

    Parameters
    ----------
    sigma : float
        The standard deviation.
    known : ndarray, shape (g,)
        Precision of the mean of each group, its random intercept included.
    """
    return 2 * sigma**2 * float(known @ known)


def _laplace_curvature(rows: Rows, at: Derivatives, sigma: float) -> Matrix:
    """A diagonal, less products of sums within groups of three derivatives times the rows."""
    w = 1.0 if rows.weights is None else rows.weights
    last = at.curvature * (1 - 6 * at.curvature / w)  # second derivative of the curvature
    g = sigma**2 / (1 + sigma**2 * rows.sums(at.curvature))
    skews, lasts = rows.sums(at.skew), rows.sums(last)
    diagonal = at.curvature + 0.5 * (rows.spread(g) * last - rows.spread(g**2 * skews) * at.skew)
    first, second, third = (rows.column_sums(a) for a in (at.curvature, at.skew, last))
    on_first = (g - g**3 * lasts / 2 + g**4 * skews**2)[:, None] * first
    mixed = (g**2)[:, None] * third - 2 * (g**3 * skews)[:, None] * second
    product = first.T @ (on_first + mixed) + second.T @ ((g**2 / 2)[:, None] * second)
    return np.asarray(rows.X.T @ (diagonal[:, None] * rows.X) - product)
