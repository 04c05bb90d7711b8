"""Cox models with a gamma frailty per cluster: the joint likelihood of coefficients and frailties.

With b the log frailties, ``PL(beta, b) + nu * sum(b - exp(b) + 1)`` with nu = 1 / theta is
maximised. Given theta that maximum, up to a function of theta and the events of each cluster, is
the likelihood in which the gamma frailties are integrated out; so it is profiled over theta, and
the inverse of its curvature is the observed information. The curvature in b is a diagonal less
sums over event times; it is never formed, only multiplied, which takes one pass over the rows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from vpstats.models.covariance import Clusters
from vpstats.models.followup import Vector
from vpstats.models.newton import invert
from vpstats.models.partial import Sums, event_sums, exposure, information, sum_up
from vpstats.models.risksets import HazardRows, RiskSets, Ties, find_risk_sets

Matrix = NDArray[np.float64]

_MAX_NEWTON = 60
_TOLERANCE = 1e-16
"""Squared Newton decrement at a maximum, as for other models."""
_SETTLED = 1e-11
"""Decrement that is enough where rounding keeps the value from rising any further."""
_EXACT = 1e-13
"""Relative residual of the linear systems behind standard errors."""
_MAX_GRADIENTS = 400


class FrailtyRows:
    """Rows of a hazard model with the cluster of each, ready for sums by event time and cluster.

    Parameters
    ----------
    rows : HazardRows
        The n rows, without weights.
    groups : Clusters
        Which of them share a frailty.
    ties : {"efron", "breslow"}
        How events at one time share the risk set.
    """

    def __init__(self, rows: HazardRows, groups: Clusters, ties: Ties) -> None:
        self.base = np.zeros(len(rows)) if rows.offset is None else rows.offset
        # our own array: it is overwritten with the log frailties at every evaluation, so that
        # where rows are at risk is found once
        self.offset = self.base.copy()
        self.sets: RiskSets = find_risk_sets(
            HazardRows(rows.X, rows.exit, rows.dead, rows.entry, rows.strata, None, self.offset),
            ties,
        )
        self.groups = groups
        self.events = np.bincount(groups.codes[rows.dead], minlength=groups.count)

    @property
    def p(self) -> int:
        """Number of coefficients."""
        return int(self.sets.rows.X.shape[1])

    @cached_property
    def by_group(self) -> sparse.csc_array:
        """Adds rows up by cluster, shape (q, n)."""
        return _adder(self.groups.codes, self.groups.count)

    @cached_property
    def by_cell(self) -> sparse.csc_array:
        """Adds rows up by cell, shape (cells, n)."""
        return _adder(self.sets.cell, self.sets.n_cells)

    @cached_property
    def by_late(self) -> sparse.csc_array | None:
        """Adds rows up by late entry, shape (D + 1, n)."""
        late = self.sets.late
        return None if late is None else _adder(late, len(self.sets.slots) + 1)

    def sum_up(self, beta: Vector, b: Vector) -> Sums:
        """Sums by event time at coefficients and log frailties."""
        np.add(self.base, b[self.groups.codes], out=self.offset)
        return sum_up(self.sets, beta)

    def slot_sums(self, values: Matrix) -> tuple[Matrix, Matrix]:
        """Sums of rows over the risk set and over the events of each slot, shape (D, k)."""
        D, slots = len(self.sets.slots), self.sets.slots
        table = self.by_cell @ values
        events = table[1 : 2 * D : 2]
        total = slots.from_here(table[0 : 2 * D : 2] + events)
        if self.by_late is not None:
            total = total - slots.after((self.by_late @ values)[:D])
        return total, events

    def spread(self, h: Matrix, e: Matrix | None) -> Matrix:
        """Sum of h over the slots at which each row is at risk, less e for its event, (n, k)."""
        by_late = self.sets.slots.before(self.sets.slots.so_far(h))
        return np.asarray(self.sets.spread(self.sets.over_slots(h, e), by_late))


def _adder(codes: NDArray[np.integer], count: int) -> sparse.csc_array:
    n = len(codes)
    return sparse.csc_array((np.ones(n), codes, np.arange(n + 1)), shape=(count, n))


@dataclass(frozen=True)
class State:
    """The joint likelihood and its curvature at one point.

    Parameters
    ----------
    beta : ndarray, shape (p,)
        Coefficients.
    b : ndarray, shape (q,)
        Log frailties.
    nu : float
        One over the variance of the frailties.
    sums : Sums
        Sums by event time.
    value : float
        Penalised partial log-likelihood.
    score_beta, score_b : ndarray, shape (p,) and (q,)
        Its gradient.
    """

    problem: FrailtyRows
    beta: Vector
    b: Vector
    nu: float
    sums: Sums
    value: float
    score_beta: Vector
    score_b: Vector

    @cached_property
    def at_risk(self) -> Vector:
        """Expected events of each row, shape (n,)."""
        return self.sums.risk * exposure(self.problem.sets, self.sums.h, self.sums.e)

    @cached_property
    def diagonal(self) -> Vector:
        """Curvature in b without what the risk sets share, shape (q,)."""
        return np.asarray(self.problem.by_group @ self.at_risk + self.nu * np.exp(self.b))

    @cached_property
    def inner(self) -> Matrix:
        """Curvature in beta, shape (p, p)."""
        return information(self.problem.sets, self.sums)

    @cached_property
    def cross(self) -> Matrix:
        """Mixed curvature, shape (q, p)."""
        X = self.problem.sets.rows.X
        means = self.problem.spread(self.sums.mean, self.sums.spared)
        rows = self.at_risk[:, None] * X - self.sums.risk[:, None] * means
        return np.asarray(self.problem.by_group @ rows)

    def multiply(self, v: Matrix) -> Matrix:
        """Curvature in b times vectors, shape (q, k), in one pass over the rows."""
        problem, sums = self.problem, self.sums
        w = sums.risk[:, None] * v[problem.groups.codes]
        S, E = problem.slot_sums(w)
        a, b, c = (x[:, None] for x in (sums.a, sums.b, sums.c))
        shared = sums.risk[:, None] * problem.spread(a * S - b * E, b * S - c * E)
        own = self.diagonal[:, None] * v
        return np.asarray(own - problem.by_group @ shared)

    def solve(self, right: Matrix, tolerance: float = _EXACT) -> Matrix:
        """Inverse of the curvature in b times vectors, shape (q, k)."""
        return conjugate_gradients(self.multiply, right, self.diagonal, tolerance)

    def newton_step(self, tolerance: float) -> tuple[Vector, Vector, float]:
        """Step in beta and b, and the squared decrement; infinite where there is no step."""
        columns = np.column_stack([self.cross, self.score_b])
        solved = self.solve(columns, tolerance)
        B, u = solved[:, :-1], solved[:, -1]
        left = self.score_beta - self.cross.T @ u
        covariance = invert(self.inner - self.cross.T @ B)
        step = covariance @ left
        step_b = u - B @ step
        decrement = float(self.score_beta @ step + self.score_b @ step_b)
        return (step, step_b, decrement) if np.isfinite(decrement) else (step, step_b, np.inf)


def evaluate(problem: FrailtyRows, beta: Vector, b: Vector, nu: float) -> State:
    """The joint likelihood at a point."""
    sums = problem.sum_up(beta, b)
    with np.errstate(over="ignore", invalid="ignore"):  # far off, which the value then says
        value = sums.value + nu * float(np.sum(b - np.expm1(b)))
        expected = sums.risk * exposure(problem.sets, sums.h, sums.e)
        score_b = problem.events - problem.by_group @ expected - nu * np.expm1(b)
        score_beta = event_sums(problem.sets) - (sums.h @ sums.S1 - sums.e @ sums.E1)
    return State(
        problem, beta, b, nu, sums, value if np.isfinite(value) else -np.inf, score_beta, score_b
    )


def climb(problem: FrailtyRows, theta: float, start: State | None = None) -> tuple[State, bool]:
    """Maximise the joint likelihood at a given variance of the frailties.

    Parameters
    ----------
    problem : FrailtyRows
        Rows and clusters.
    theta : float
        Variance of the frailties, positive.
    start : State, optional
        Where to begin; zero if None.

    Returns
    -------
    State, bool
        The point, and whether it is the maximum.
    """
    nu = 1.0 / theta
    beta = np.zeros(problem.p) if start is None else start.beta
    b = np.zeros(problem.groups.count) if start is None else start.b
    here = evaluate(problem, beta, b, nu)
    for _ in range(_MAX_NEWTON):
        step, step_b, decrement = here.newton_step(1e-9)
        if not decrement > _TOLERANCE:
            return here, True
        moved = _halve(here, step, step_b) if np.isfinite(decrement) else None
        if moved is None:
            return here, decrement <= _SETTLED
        here = moved
    return here, False


def _halve(here: State, step: Vector, step_b: Vector) -> State | None:
    slack = 1e-13 * (1.0 + abs(here.value))
    for halving in range(30):
        f = 0.5**halving
        there = evaluate(here.problem, here.beta + f * step, here.b + f * step_b, here.nu)
        if there.value >= here.value - slack:
            return there
    return None


def conjugate_gradients(
    multiply: Callable[[Matrix], Matrix], right: Matrix, diagonal: Vector, tolerance: float
) -> Matrix:
    """Solve a positive definite system for several right sides at once.

    Parameters
    ----------
    multiply : callable
        The matrix times vectors, shape (q, k).
    right : ndarray, shape (q, k)
        Right sides.
    diagonal : ndarray, shape (q,)
        What to divide by before each step.
    tolerance : float
        Residual relative to the right side, in the norm that the diagonal gives.

    References
    ----------
    Hestenes MR, Stiefel E. Methods of conjugate gradients for solving linear systems. J Res Natl
    Bur Stand 1952;49:409-436.

    Examples
    --------
    >>> import numpy as np
    >>> A = np.array([[4.0, 1.0], [1.0, 3.0]])
    >>> conjugate_gradients(A.__matmul__, np.array([[1.0], [2.0]]), A.diagonal(), 1e-14).round(4)
    array([[0.0909],
           [0.6364]])
    """
    x, r = np.zeros_like(right), right.copy()
    z = r / diagonal[:, None]
    d, rho = z.copy(), np.einsum("ij,ij->j", r, z)
    goal = tolerance**2 * rho
    for _ in range(_MAX_GRADIENTS):
        if (rho <= goal).all():
            break
        q = multiply(d)
        alpha = _ratio(rho, np.einsum("ij,ij->j", d, q))
        x += alpha * d
        r -= alpha * q
        z = r / diagonal[:, None]
        before, rho = rho, np.einsum("ij,ij->j", r, z)
        d = z + _ratio(rho, before) * d
    return x


def _ratio(above: Vector, below: Vector) -> Vector:
    """Quotients; 0 where a side is solved already."""
    return np.divide(above, below, out=np.zeros_like(above), where=below > 0)


def correction(events: NDArray[np.integer], nu: float) -> tuple[float, float, float]:
    """What integrating out the frailties adds to the joint maximum, and two derivatives in nu.

    Parameters
    ----------
    events : ndarray of int, shape (q,)
        Events of each cluster.
    nu : float
        One over the variance of the frailties.

    References
    ----------
    Therneau TM, Grambsch PM, Pankratz VS. Penalized survival models and frailty. J Comput Graph
    Stat 2003;12:156-175.
    """
    counts = np.bincount(events)
    d = np.arange(len(counts))
    k = np.arange(max(len(counts) - 1, 0))
    none = np.zeros(1)
    logs = np.concatenate([none, np.cumsum(np.log1p(k / nu))])
    first = np.concatenate([none, np.cumsum(1 / (nu + k))])
    second = np.concatenate([none, np.cumsum(1 / (nu + k) ** 2)])
    value = d - (nu + d) * np.log1p(d / nu) + logs
    slope = first - np.log1p(d / nu)
    bend = d / (nu * (nu + d)) - second
    return float(counts @ value), float(counts @ slope), float(counts @ bend)
