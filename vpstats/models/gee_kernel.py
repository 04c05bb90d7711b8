"""Generalised estimating equations of a binary outcome, exchangeable within clusters.

The inverse of an exchangeable correlation is known in closed form, so nothing of the size of a
cluster squared is ever made. With Pearson residuals e and rows z = sqrt(mu (1 - mu)) x, a cluster
of m rows adds to the information and to the score, both times 1 - alpha,

    sum z z' - c t t',  sum z e - c t E,  t = sum z,  E = sum e,  c = alpha / (1 + (m - 1) alpha).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from vpstats.models.covariance import BLOCK
from vpstats.models.grouping import GroupedRows
from vpstats.models.newton import Evaluation, newton_step

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]

TOLERANCE = 1e-16
"""Squared step in standard errors at which to stop: the estimate is 1e-8 of them away."""
_SETTLED = 1e-11
"""Counts as converged where rounding keeps steps from getting any shorter."""
_MAX_ITERATIONS = 100
_MAX_HALVINGS = 12
_SHORT = 0.1
"""Squared steps below this keep the information of the last one."""
_INSIDE = 0.99
"""A correlation outside of its range is held at this share of the limit."""
_LARGEST = 350.0
"""Half log odds are cut off here, just before their exponential squared overflows."""


@dataclass(frozen=True, slots=True)
class Moments:
    """Scale and correlation as the residuals give them.

    Parameters
    ----------
    scale : float
        Mean squared Pearson residual.
    moment : float
        Mean product of the residuals of two rows of a cluster, over the scale; NaN without pairs.
    correlation : float
        The same, inside of the range that leaves every correlation matrix positive definite;
        zero without pairs.
    """

    scale: float
    moment: float
    correlation: float


@dataclass(frozen=True)
class GeeSolution:
    """Where the estimating equations were solved.

    Parameters
    ----------
    estimate : ndarray, shape (p,)
        Coefficients.
    information : ndarray, shape (p, p)
        Sum of D' V^-1 D, with scale 1.
    moments : Moments
        Scale and correlation.
    iterations : int
        Steps taken.
    converged : bool
        Whether the last step was short enough.
    """

    estimate: Vector
    information: Matrix
    moments: Moments
    iterations: int
    converged: bool


class GeeKernel:
    """Sums over clusters at given coefficients, one sweep over the rows at a time.

    Parameters
    ----------
    data : GroupedRows
        Rows in order of their clusters.
    exchangeable : bool
        Whether the correlation is estimated; it is zero otherwise.
    """

    def __init__(self, data: GroupedRows, *, exchangeable: bool) -> None:
        self.data, self.exchangeable = data, exchangeable
        n, weights = len(data.rows), data.rows.weights
        self.residuals, self.roots, self.sums = np.empty(n), np.empty(n), np.empty(data.count)
        self.root_weights = None if weights is None else np.sqrt(weights)
        self.total = float(n) if weights is None else float(weights.sum())
        self.pairs = self._count_pairs()
        self.range = (-1.0 / max(int(data.sizes.max()) - 1, 1), 1.0)
        self._parts = list(self._make_parts())

    def _count_pairs(self) -> float:
        """Ordered pairs of different rows of a cluster, each by the product of its weights."""
        weights, sizes = self.data.rows.weights, self.data.sizes
        if weights is None or sizes.max() == 1:
            return float(sizes @ (sizes - 1))
        sums = self.data.sums(weights)
        return float(sums @ sums - weights @ weights)

    def _make_parts(self) -> Iterator[tuple[slice, slice, sparse.csr_array]]:
        """Blocks of rows, the clusters in each, and the matrix that sums rows within clusters."""
        starts, ones, columns = self.data.starts, np.ones(BLOCK), np.arange(BLOCK, dtype=np.int32)
        for rows in self.data.rows.blocks():
            stop = min(rows.stop, len(self.data.rows))
            first = int(np.searchsorted(starts, rows.start, side="right")) - 1
            last = int(np.searchsorted(starts, stop, side="left"))
            ends = np.clip(starts[first : last + 1], rows.start, stop) - rows.start
            m = stop - rows.start
            adder = sparse.csr_array(
                (ones[:m], columns[:m], ends.astype(np.int32)), shape=(last - first, m)
            )
            yield slice(rows.start, stop), slice(first, last), adder

    def weigh(self, beta: Vector) -> Moments:
        """Fill in the residuals and the weights of the rows; their scale and correlation."""
        data = self.data.rows
        for rows in data.blocks():
            sign = data.sign[rows]
            half = data.predictor(beta, rows)
            half *= -0.5 * sign
            np.exp(np.minimum(half, _LARGEST, out=half), out=half)
            np.multiply(sign, half, out=self.residuals[rows])
            np.divide(half, 1.0 + half * half, out=self.roots[rows])
        plain, weights = self.residuals, data.weights
        weighted = plain if weights is None else plain * weights
        scale = weighted @ plain / self.total
        self.sums = self.data.sums(weighted)
        products = self.sums @ self.sums - weighted @ weighted
        moment = products / scale / self.pairs if self.pairs else np.nan
        if self.root_weights is not None:
            self.residuals *= self.root_weights
            self.roots *= self.root_weights
            self.sums = self.data.sums(self.residuals)
        return self._bounded(float(scale), float(moment))

    def _bounded(self, scale: float, moment: float) -> Moments:
        if not self.exchangeable or np.isnan(moment):
            return Moments(scale, moment, 0.0)
        low, high = (_INSIDE * limit for limit in self.range)
        return Moments(scale, moment, min(max(moment, low), high))

    def shrinkage(self, correlation: float) -> Vector:
        """The factor c of each cluster, shape (G,)."""
        return np.asarray(correlation / (1 + (self.data.sizes - 1) * correlation))

    def multipliers(self, correlation: float) -> Vector:
        """What the score of each row is its `X` times, shape (n,), at scale 1."""
        if correlation == 0:
            return self.roots * self.residuals
        pull = self.shrinkage(correlation) * self.sums
        own = self.residuals - np.repeat(pull, self.data.sizes)
        own *= self.roots
        own /= 1 - correlation
        return own

    def information(self, correlation: float) -> Matrix:
        """Sum of ``D' V^-1 D`` at scale 1, shape (p, p), where the rows were last weighed."""
        X, p = self.data.rows.X, self.data.rows.X.shape[1]
        total, carried = np.zeros((p, p)), np.zeros(p)
        shrinkage = self.shrinkage(correlation)
        buffer = np.empty((min(BLOCK, len(X)), p))
        for rows, groups, adder in self._parts:
            z = np.multiply(X[rows], self.roots[rows, None], out=buffer[: rows.stop - rows.start])
            total += z.T @ z
            if correlation == 0:
                continue
            t = adder @ z
            t[0] += carried
            # the last cluster may go on in the next block, and then waits for it
            whole = len(t) - int(self.data.starts[groups.stop] > rows.stop)
            carried = t[whole] if whole < len(t) else np.zeros(p)
            t, c = t[:whole], shrinkage[groups.start : groups.start + whole]
            total -= t.T @ (c[:, None] * t)
        return (total + total.T) / 2 / (1 - correlation)


def solve_equations(kernel: GeeKernel, start: Vector) -> GeeSolution:
    """Solve the estimating equations by scoring steps, the correlation following the residuals.

    Parameters
    ----------
    kernel : GeeKernel
        The rows; it is left weighed at the estimate.
    start : ndarray, shape (p,)
        Where to begin.

    Returns
    -------
    GeeSolution
        Not converged if steps do not get shorter; nothing is raised.

    References
    ----------
    Liang KY, Zeger SL. Longitudinal data analysis using generalized linear models. Biometrika
    1986;73:13-22.
    """
    return _Search(kernel, np.array(start, dtype=float)).run()


class _Search:
    """Scoring steps that keep their information while they are short, and are halved while long.

    There is no likelihood to climb, so a step is judged by the length of the next one.
    """

    def __init__(self, kernel: GeeKernel, start: Vector) -> None:
        self.kernel, self.beta = kernel, start
        self.step, self.decrement, self.fresh = np.zeros(len(start)), np.inf, True
        self.information = np.empty((0, 0))
        self.moments = Moments(1.0, np.nan, 0.0)
        self.iterations = 0

    def run(self) -> GeeSolution:
        self._look(fresh=True)
        while self.decrement > TOLERANCE and self.iterations < _MAX_ITERATIONS:
            if not self._move():
                break
        stale = not self.fresh
        final = self.kernel.information(self.moments.correlation) if stale else self.information
        done = self.decrement <= _SETTLED and bool(np.isfinite(final).all())
        return GeeSolution(self.beta, final, self.moments, self.iterations, done)

    def _look(self, *, fresh: bool) -> None:
        """Weigh the rows where the search stands, and find the next step."""
        self.fresh = fresh
        with np.errstate(over="ignore", invalid="ignore"):  # too far out: an infinite decrement
            self.moments = self.kernel.weigh(self.beta)
            correlation = self.moments.correlation
            score = self.kernel.multipliers(correlation) @ self.kernel.data.rows.X
            if fresh:
                self.information = self.kernel.information(correlation)
        free = np.ones(len(score), dtype=bool)
        self.step, self.decrement = newton_step(Evaluation(0.0, score, self.information), free)

    def _move(self) -> bool:
        """Take the step or a part of it; False if no part leads to a shorter one."""
        origin, step, before = self.beta, self.step, self.decrement
        for halving in range(_MAX_HALVINGS):
            self.beta = origin + step / 2**halving
            self._look(fresh=before > _SHORT)
            self.iterations += 1
            if self.decrement < before:
                return True
        self.beta = origin
        self._look(fresh=True)
        return False
