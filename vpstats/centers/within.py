"""Logistic regression with an effect of each center, by blocks of the information matrix.

The information is diagonal in the centers' effects, so a network of hundreds of centers costs
hardly more than a model without centers. Firth's penalty is that of the slopes: half the log
determinant of their information, the centers' effects profiled out. Over the effects of all centers
it would add half an event to each, which in a large network are more than there were.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import special

from vpstats.models.newton import Evaluation, Solution, invert, maximise

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Vector = NDArray[np.float64]
    Matrix = NDArray[np.float64]
    Codes = NDArray[np.intp]
    Mask = NDArray[np.bool_]

_FAR = 15.0
"""Log odds that a covariate may move a row by; further out the data separate the outcome."""
_NOTHING = 1e-10
"""Share of a column's squared length, within centers, that must not be explained by others."""


@dataclass(frozen=True)
class CenterRows:
    """Rows of a binary outcome, those of one center adjacent.

    Parameters
    ----------
    X : ndarray, shape (n, p)
        Covariates, centred and scaled, without an intercept.
    y : ndarray, shape (n,)
        Outcome, 0 or 1.
    center : ndarray of int, shape (n,)
        Ascending codes 0 to k - 1; every center has a row.
    k : int
        Number of centers.
    """

    X: Matrix
    y: Vector
    center: Codes
    k: int

    @cached_property
    def starts(self) -> Codes:
        """First row of each center, shape (k,)."""
        return np.asarray(np.searchsorted(self.center, np.arange(self.k)))

    @cached_property
    def sizes(self) -> Codes:
        """Rows of each center, shape (k,)."""
        return np.diff(self.starts, append=len(self.center))

    @cached_property
    def columns(self) -> Matrix:
        """The covariates one after the other, shape (p, n): sweeps run along them."""
        return np.ascontiguousarray(self.X.T)

    @cached_property
    def within(self) -> tuple[NDArray[np.float64], Matrix]:
        """Products of the columns less their centers' means, (k, p, p); squares as they are."""
        off = self.columns - self.spread(self.totals(self.columns) / self.sizes)
        return self.products(off, off), self.totals(self.columns**2).T

    def totals(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Sums along the last axis over the rows of each center."""
        return np.asarray(np.add.reduceat(values, self.starts, axis=-1))

    def spread(self, values: NDArray[Any]) -> NDArray[Any]:
        """Values of centers along the last axis as values of their rows."""
        return np.repeat(values, self.sizes, axis=-1)

    def products(self, one: Matrix, other: Matrix) -> NDArray[np.float64]:
        """Sums by center of the products of two sets of columns (p, n), shape (k, p, p)."""
        return np.array([self.totals(column * other).T for column in one]).reshape(
            len(one), self.k, len(other)
        ).swapaxes(0, 1)  # fmt: skip


@dataclass(frozen=True)
class WithinFit:
    """Slopes that centers share, with what their variance is made of.

    Parameters
    ----------
    alpha : ndarray, shape (k,)
        Log odds of each center at mean covariates; -inf or inf where the outcome never varies,
        NaN for centers that were left out.
    beta : ndarray, shape (p,)
        Slopes; 0 where nothing can be learnt of one.
    bread : ndarray, shape (p, p)
        Inverse information of the slopes, the centers' effects profiled out; 0 where not learnt.
    residual : ndarray, shape (n,)
        Multiplier of ``x - mean`` in each row's score of the slopes; 0 for rows left out.
    mean : ndarray, shape (k, p)
        Weighted mean of the covariates at each center.
    learnt : ndarray of bool, shape (p,)
        Columns that vary within the centers used.
    converged : bool
        Whether there is a finite maximum.
    """

    alpha: Vector
    beta: Vector
    bread: Matrix
    residual: Vector
    mean: Matrix
    learnt: Mask
    converged: bool


@dataclass(frozen=True)
class _Blocks:
    """One sweep: residuals and weights of rows, and the blocks of the information."""

    at: Vector  # (k + p,) where
    value: float
    residual: Vector
    weight: Vector
    diagonal: Vector  # (k,) information of the centers' effects
    mean: Matrix  # (k, p)
    slopes: Matrix  # (p, p) information of the slopes, centers profiled out


def fit_within(
    rows: CenterRows, used: Mask, *, firth: bool, start: Vector | None = None
) -> WithinFit:
    """Fit slopes and an effect of each center that is used.

    Parameters
    ----------
    rows : CenterRows
        Rows of all centers.
    used : ndarray of bool, shape (k,)
        Centers whose rows count.
    firth : bool
        Whether to penalise (Jeffreys' prior of the slopes, given the centers' effects).
    start : ndarray, shape (k + p,), optional
        Where the search begins: centers' effects, then slopes.

    Returns
    -------
    WithinFit
        A center where the outcome never varies tells nothing of the slopes, and is left out of
        their estimate.

    References
    ----------
    Firth D. Bias reduction of maximum likelihood estimates. Biometrika 1993;80:27-38. Heinze G,
    Puhr R. Bias-reduced and separation-proof conditional logistic regression with small or sparse
    data sets. Stat Med 2010;29:770-777.
    """
    share = rows.totals(rows.y) / rows.sizes
    varies = (share > 0) & (share < 1)
    active = used & varies
    learnt = _learnt(rows, active)
    free = np.concatenate([active, learnt])
    point = _start(rows, share, active, learnt, start)
    sweeps = _Sweeps(rows, active, learnt, firth)
    found = maximise(sweeps.evaluate, point, free=free, max_iterations=200)
    return _read_off(sweeps, used, share, found)


def _learnt(rows: CenterRows, active: Mask) -> Mask:
    """Columns that vary within centers and are not determined by those before them."""
    grams, squares = rows.within
    size = squares[active].sum(axis=0) + rows.sizes[active].sum()
    return independent_in_gram(grams[active].sum(axis=0), size)


def start_without(rows: CenterRows, whole: WithinFit) -> Callable[[Mask], Vector]:
    """Where to begin without some centers: a Newton step from the fit to all of them.

    The step needs nothing but sums by center at that fit, which are made once.

    Parameters
    ----------
    rows : CenterRows
        Rows of all centers.
    whole : WithinFit
        Fit to all of them.

    Returns
    -------
    callable
        Centers used, shape (k,), to centers' effects and slopes, shape (k + p,).
    """
    learnt = whole.learnt
    active = np.isfinite(whole.alpha)
    here = _blocks(rows, np.concatenate([np.where(active, whole.alpha, 0.0), whole.beta]), active)
    off = rows.columns - rows.spread(here.mean.T)
    scores = rows.totals(here.residual * off).T
    grams = rows.products(here.weight * off, off)
    learning = np.ix_(learnt, learnt)

    def begin(used: Mask) -> Vector:
        step = np.zeros(len(learnt))
        inside = used & active
        gram, score = grams[inside].sum(axis=0)[learning], scores[inside].sum(axis=0)[learnt]
        step[learnt] = invert(gram) @ score
        return np.concatenate([whole.alpha - here.mean @ step, whole.beta + step])

    return begin


def independent_in_gram(gram: Matrix, size: Vector) -> Mask:
    """Columns, in order, that those before them do not determine, from their products.

    Parameters
    ----------
    gram : ndarray, shape (p, p)
        Products of the columns.
    size : ndarray, shape (p,)
        What a column's leftover square is measured against.

    Examples
    --------
    >>> import numpy as np
    >>> independent_in_gram(np.array([[1.0, 2.0], [2.0, 4.0]]), np.array([1.0, 4.0])).tolist()
    [True, False]
    """
    rest, chosen = gram.copy(), np.zeros(len(gram), dtype=bool)
    for j in range(len(gram)):
        if rest[j, j] > _NOTHING * size[j]:
            chosen[j] = True
            rest = rest - np.outer(rest[:, j], rest[j]) / rest[j, j]
    return chosen


def _start(
    rows: CenterRows, share: Vector, active: Mask, learnt: Mask, start: Vector | None
) -> Vector:
    counts = rows.sizes
    alpha = special.logit((share * counts + 0.5) / (counts + 1))
    point = np.concatenate([alpha, np.zeros(len(learnt))])
    if start is not None:
        point = np.where(np.isfinite(start), start, point)
    return np.where(np.concatenate([active, learnt]), point, 0.0)


def _blocks(rows: CenterRows, theta: Vector, active: Mask) -> _Blocks:
    eta = theta[rows.k :] @ rows.columns + rows.spread(theta[: rows.k])
    use = rows.spread(active.astype(float))
    small = np.exp(-np.abs(eta))
    risk = np.where(eta >= 0, 1.0, small) / (1 + small)
    value = float(use @ (rows.y * eta - np.maximum(eta, 0.0) - np.log1p(small)))
    weight = use * risk * (1 - risk)
    residual = use * (rows.y - risk)
    weighted = rows.columns * weight
    diagonal, crossed = rows.totals(weight), rows.totals(weighted).T
    some = diagonal > 0
    mean = np.divide(crossed, diagonal[:, None], out=np.zeros_like(crossed), where=some[:, None])
    slopes = weighted @ rows.X - mean.T @ crossed
    return _Blocks(theta, value, residual, weight, diagonal, mean, (slopes + slopes.T) / 2)


@dataclass
class _Sweeps:
    """The likelihood of some centers; the last sweep is kept, since that is where a search ends."""

    rows: CenterRows
    active: Mask
    learnt: Mask
    firth: bool
    last: _Blocks | None = None

    def at(self, theta: Vector) -> _Blocks:
        """One sweep over the rows, unless the last one was there."""
        if self.last is None or not np.array_equal(self.last.at, theta):
            here = _blocks(self.rows, theta, self.active)
            here.slopes[~self.learnt], here.slopes[:, ~self.learnt] = 0.0, 0.0
            self.last = here
        return self.last

    def penalised(self, here: _Blocks) -> tuple[float, Vector]:
        """Value and residuals, with the penalty if there is one."""
        if not self.firth:
            return here.value, here.residual
        determinant, shift = _penalty(self.rows, here, self.learnt)
        return here.value + determinant, here.residual + shift

    def evaluate(self, theta: Vector) -> Evaluation:
        """The log-likelihood at centers' effects and slopes."""
        with np.errstate(over="ignore", invalid="ignore"):
            here = self.at(theta)
            value, residual = self.penalised(here)
        score = np.concatenate([self.rows.totals(residual), self.rows.columns @ residual])
        return Evaluation(value, score, _whole(here))


def _whole(here: _Blocks) -> Matrix:
    """The information of centers and slopes, shape (k + p, k + p)."""
    k = len(here.diagonal)
    crossed = here.diagonal[:, None] * here.mean
    whole = np.diag(np.concatenate([here.diagonal, np.zeros(len(here.slopes))]))
    whole[:k, k:], whole[k:, :k] = crossed, crossed.T
    whole[k:, k:] = here.slopes + here.mean.T @ crossed
    return whole


def _penalty(rows: CenterRows, here: _Blocks, learnt: Mask) -> tuple[float, Vector]:
    """Half the log determinant of the slopes' information, and what it adds to residuals."""
    inverse = _inverse(here.slopes, learnt)
    sign, size = np.linalg.slogdet(here.slopes[np.ix_(learnt, learnt)])
    off = rows.X - here.mean[rows.center]
    leverage = here.weight * np.einsum("ij,ij->i", off @ inverse, off)
    half_minus_risk = here.residual - (rows.y - 0.5)  # rows left out have no weight
    return (size / 2 if sign > 0 else -np.inf), leverage * half_minus_risk


def _inverse(slopes: Matrix, learnt: Mask) -> Matrix:
    """Inverse over the columns that were learnt, 0 elsewhere."""
    full = np.zeros_like(slopes)
    full[np.ix_(learnt, learnt)] = invert(slopes[np.ix_(learnt, learnt)])
    return full


def _read_off(sweeps: _Sweeps, used: Mask, share: Vector, found: Solution) -> WithinFit:
    rows, active, learnt = sweeps.rows, sweeps.active, sweeps.learnt
    here = sweeps.at(found.estimate)
    residual = sweeps.penalised(here)[1]
    edge = np.where(share > 0, np.inf, -np.inf)
    alpha = np.where(active, found.estimate[: rows.k], np.where(used, edge, np.nan))
    beta = found.estimate[rows.k :]
    moved = np.abs(beta @ rows.columns).max(initial=0.0)
    bread = _inverse(here.slopes, learnt)
    fine = found.converged and moved < _FAR and bool(np.isfinite(bread).all())
    return WithinFit(alpha, beta, bread, residual, here.mean, learnt, fine)
