"""Turnbull's estimate: the distribution that makes intervals most likely, and its optimality.

The likelihood depends only on the mass of the innermost intervals; that mass is found by
self-consistency, then by projected Newton steps until the conditions of a maximum hold.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]
Rows = NDArray[np.intp]

TOLERANCE = 1e-12
"""Largest relative excess of the derivative of the log-likelihood over its value at a maximum.
Times the number of rows it bounds what the log-likelihood could still gain."""
_EM_STEPS, _NEWTON_STEPS = 60, 200
_NEAR_ZERO = 1e-12


@dataclass(frozen=True, slots=True)
class Cells:
    """Innermost intervals, and which of them each of n intervals holds.

    Parameters
    ----------
    left, right : ndarray, shape (m,)
        Bounds of the innermost intervals, in (left, right]; equal for a single point.
    first, last : ndarray of int, shape (n,)
        First and last innermost interval in each interval.
    """

    left: Vector
    right: Vector
    first: Rows
    last: Rows


def innermost(left: Vector, right: Vector) -> Cells:
    """Find the intervals that can carry mass.

    Parameters
    ----------
    left, right : ndarray, shape (n,)
        The event lies in (left, right], or at left where both are equal.

    Returns
    -------
    Cells

    References
    ----------
    Turnbull BW. The empirical distribution function with arbitrarily grouped, censored and
    truncated data. J R Stat Soc B 1976;38:290-295.

    Examples
    --------
    >>> import numpy as np
    >>> cells = innermost(np.array([0.0, 2.0, 4.0]), np.array([3.0, 5.0, np.inf]))
    >>> cells.left.tolist(), cells.right.tolist(), cells.first.tolist(), cells.last.tolist()
    ([2.0, 4.0], [3.0, 5.0], [0, 0, 1], [0, 1, 1])
    """
    # at one time a point begins before an interval ends, and that before another begins
    times = np.concatenate([left, right])
    kinds = np.concatenate([np.where(left == right, 0, 2), np.ones(right.size, dtype=np.int64)])
    distinct, place = np.unique(times, return_inverse=True)
    keys = place * 3 + kinds
    used = np.unique(keys)
    opens = np.flatnonzero((used[:-1] % 3 != 1) & (used[1:] % 3 == 1))
    begin, end = used[opens], used[opens + 1]
    first = np.searchsorted(begin, keys[: left.size])
    last = np.searchsorted(end, keys[left.size :], side="right") - 1
    return Cells(distinct[begin // 3], distinct[end // 3], first, last)


@dataclass(frozen=True, slots=True)
class Mass:
    """A maximum of the likelihood.

    Parameters
    ----------
    mass : ndarray, shape (m,)
        Probability of each cell.
    value : float
        Log-likelihood.
    excess : float
        Largest relative excess of the derivative: 0 at a maximum.
    iterations : int
        Steps of either kind.
    unique : bool
        Whether no other mass has the same likelihood.
    """

    mass: Vector
    value: float
    excess: float
    iterations: int
    unique: bool

    @property
    def converged(self) -> bool:
        """Whether the conditions of a maximum hold."""
        return self.excess <= TOLERANCE * 1e3


def find_mass(cells: Cells, weights: Vector | None = None) -> Mass:
    """Maximise the likelihood of intervals over the mass of their cells.

    Parameters
    ----------
    cells : Cells
        m cells, and the ones in each of n intervals.
    weights : ndarray, shape (n,), optional
        Weight of each interval.

    Returns
    -------
    Mass

    References
    ----------
    Turnbull BW (1976). Gentleman R, Vandal AC. Computational algorithms for censored-data
    problems using intersection graphs. J Comput Graph Stat 2001;10:403-421. Bertsekas DP.
    Projected Newton methods for optimization problems with simple constraints. SIAM J Control
    Optim 1982;20:221-246.
    """
    m = cells.left.size
    weight = np.ones(cells.first.size) if weights is None else weights
    # equal intervals are counted once
    pairs, place = np.unique(cells.first * m + cells.last, return_inverse=True)
    problem = _Problem(pairs // m, pairs % m, np.bincount(place, weight).astype(float), m)
    mass, steps = np.full(m, 1.0 / m), 0
    while steps < _EM_STEPS and problem.excess(mass) > TOLERANCE:
        mass, steps = mass * problem.slope(mass) / problem.size, steps + 1
    while steps < _NEWTON_STEPS and problem.excess(mass) > TOLERANCE:
        moved = problem.newton(mass)
        if moved is None:
            break
        mass, steps = moved, steps + 1
    value = problem.value(mass)
    mass = mass / mass.sum()
    return Mass(mass, value, problem.excess(mass), steps, problem.is_unique(mass))


@dataclass(frozen=True, slots=True)
class _Problem:
    """Distinct intervals (first and last cell), their weights, and the number of cells."""

    first: Rows
    last: Rows
    weight: Vector
    m: int

    @property
    def size(self) -> float:
        return float(self.weight.sum())

    def covered(self, mass: Vector) -> Vector:
        sums = np.concatenate([[0.0], np.cumsum(mass)])
        return np.asarray(sums[self.last + 1] - sums[self.first])

    def value(self, mass: Vector) -> float:
        """Log-likelihood, with a term that makes the mass add up to 1 at its maximum."""
        with np.errstate(divide="ignore", invalid="ignore"):
            logs = np.log(self.covered(mass))
        if np.isnan(logs).any():
            return -np.inf
        return float(self.weight @ logs - self.size * (mass.sum() - 1))

    def slope(self, mass: Vector) -> Vector:
        """Derivative of the sum of logarithms by the mass of each cell."""
        share = self.weight / self.covered(mass)
        change = np.bincount(self.first, share, self.m + 1)
        change -= np.bincount(self.last + 1, share, self.m + 1)
        return np.asarray(np.cumsum(change)[: self.m])

    def excess(self, mass: Vector) -> float:
        """How far the conditions of a maximum are from holding, per row."""
        gap = self.slope(mass) / self.size - 1
        return float(max(gap.max(), np.max(np.abs(gap) * mass) * mass.size))

    def curvature(self, mass: Vector, chosen: Rows) -> Matrix:
        """Minus the second derivative by the mass of the chosen cells."""
        share = self.weight / self.covered(mass) ** 2
        low = np.searchsorted(chosen, self.first)
        high = np.searchsorted(chosen, self.last, side="right") - 1
        inside = low <= high
        k = chosen.size
        table = np.bincount(low[inside] * k + high[inside], share[inside], minlength=k * k).reshape(
            k, k
        )
        # both j and l <- j lie in every interval that begins by j and ends from l on
        upper = np.cumsum(np.cumsum(table, axis=0)[:, ::-1], axis=1)[:, ::-1]
        return np.asarray(np.triu(upper) + np.triu(upper, 1).T)

    def newton(self, mass: Vector) -> Vector | None:
        """A projected Newton step, halved until the value rises; None if none does."""
        ascent = self.slope(mass) - self.size
        chosen = np.flatnonzero((mass > _NEAR_ZERO) | (ascent > 0))
        curve = self.curvature(mass, chosen)
        curve[np.diag_indices_from(curve)] += 1e-14 * np.trace(curve) / len(curve)
        step = np.linalg.solve(curve, ascent[chosen])
        here, off = self.value(mass), self.excess(mass)
        slack = 1e-13 * (1 + abs(here))  # rounding of a sum of many terms
        for halving in range(40):
            trial = np.zeros_like(mass)
            trial[chosen] = np.maximum(mass[chosen] + step / 2**halving, 0.0)
            there = self.value(trial)
            if there > here or (there >= here - slack and self.excess(trial) < off):
                return trial
        return None

    def is_unique(self, mass: Vector) -> bool:
        """Whether the curvature over the cells that may have mass is positive definite."""
        gap = 1 - self.slope(mass) / self.size
        curve = self.curvature(mass, np.flatnonzero((mass > _NEAR_ZERO) | (gap < 1e-9)))
        scale = np.sqrt(np.diag(curve))
        return bool(np.linalg.eigvalsh(curve / np.outer(scale, scale))[0] > 1e-10)


def mass_covariance(cells: Cells, mass: Vector, codes: Rows | None, count: int) -> Matrix:
    """Covariance of the mass of a fixed, finite set of cells.

    Parameters
    ----------
    cells : Cells
        m cells, and the ones in each of n intervals.
    mass : ndarray, shape (m,)
        The maximum.
    codes : ndarray of int, shape (n,), optional
        Clusters; None for independent rows.
    count : int
        Number of clusters.

    Returns
    -------
    ndarray, shape (m, m)
        Inverse observed information of a multinomial likelihood, or its sandwich; cells without
        mass count as known. NaN where the visits do not determine the mass.
    """
    m = mass.size
    problem = _Problem(cells.first, cells.last, np.ones(cells.first.size), m)
    chosen = np.flatnonzero(mass > _NEAR_ZERO)
    k = chosen.size
    covariance = np.zeros((m, m))
    if k < 2:
        return covariance
    # masses add up to 1: the last is what the others leave
    free = np.vstack([np.eye(k - 1), -np.ones(k - 1)])
    information = free.T @ problem.curvature(mass, chosen) @ free
    if np.linalg.cond(information) > 1e12:
        return np.full((m, m), np.nan)
    bread = np.linalg.inv(information)
    if codes is not None:
        inside = (cells.first[:, None] <= chosen) & (chosen <= cells.last[:, None])
        scores = (inside / problem.covered(mass)[:, None]) @ free
        sums = np.zeros((count, k - 1))
        np.add.at(sums, codes, scores)
        bread = bread @ (sums.T @ sums) @ bread
    covariance[np.ix_(chosen, chosen)] = free @ bread @ free.T
    return covariance
