"""Calibration in the large and slope, of many predictions in many samples at once.

Both are logistic regressions on the log odds of the prediction, whose coefficients are near 0 and
1. Sums of the first three derivatives there give them to about seven digits, and one Newton step
the rest.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vpstats.models.binary import BinaryRows
from vpstats.models.refit import refit_drawn
from vpstats.models.validation.scored import Scored, risks_of

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]
Stack = NDArray[np.float64]
Parts = Sequence[tuple[Scored, Matrix]]

_BLOCK = 16384
"""Rows at a time: what is made of them stays in cache."""
_LONGEST = 2.0
"""Longest step of a coefficient: further away the curvature says little."""
_FLAT = 1e-12
"""Relative determinant below which the information is singular."""
_STEPS = 20
"""Newton steps before the solver of all models is asked."""
_SMALL = 1e-5
"""Length of a Newton step of either coefficient that is the last one: it leaves about its square.
"""
_NEAR = 0.5
"""Coefficients further than this from 0 and 1 are looked for from there, without derivatives."""
_ROUNDS = 6
"""Rounds in which the equations of third order are solved; each adds more than a digit."""

_SLOPES, _SECOND, _THIRD = 7, 10, 14
"""Where sums of the derivatives of the risk begin."""


def _blocks(n: int) -> Iterator[slice]:
    return (slice(start, start + _BLOCK) for start in range(0, n, _BLOCK))


def weighted_sums(scored: Scored, weights: Matrix) -> Matrix:
    """Weighted sums of what measures are made of, shape (k, 19).

    Parameters
    ----------
    scored : Scored
        Predictions: risk r, log odds z, outcome y.
    weights : ndarray, shape (k, n)
        Of the rows, in each of k samples.

    Returns
    -------
    ndarray
        Sums of 1, y, yr, rr, r, yz, rz; of the derivative v = r (1 - r) times 1, z, zz; of the
        second one v (1 - 2r) times 1 to the third power of z; of the third one v (1 - 6v) times 1
        to the fourth power.
    """
    n = len(scored.y)
    terms = np.empty((19, min(n, _BLOCK)))
    total = np.zeros((len(weights), len(terms)))
    for rows in _blocks(n):
        f = terms[:, : len(scored.y[rows])]
        _fill(f, scored.y[rows], scored.risk[rows], scored.log_odds[rows])
        total += weights[:, rows] @ f.T
    return total


def _fill(f: Matrix, y: Vector, r: Vector, z: Vector) -> None:
    f[0], f[1], f[4] = 1.0, y, r
    for place, left, right in ((2, y, r), (3, r, r), (5, y, z), (6, r, z)):
        np.multiply(left, right, out=f[place])
    first, second, third = f[_SLOPES], f[_SECOND], f[_THIRD]
    np.subtract(r, f[3], out=first)
    np.multiply(r, -2.0, out=second)
    second += 1.0
    second *= first
    np.multiply(first, -6.0, out=third)
    third += 1.0
    third *= first
    for begin, powers in ((_SLOPES, 2), (_SECOND, 3), (_THIRD, 4)):
        for place in range(begin, begin + powers):
            np.multiply(f[place], z, out=f[place + 1])


def recalibrate(parts: Parts, sums: Stack, known: NDArray[np.bool_]) -> Stack:
    """Calibration intercept and slope, shape (r, k, 2).

    Parameters
    ----------
    parts : sequence of (Scored, ndarray of shape (k, n))
        Each of r predictions, with the weights of its rows in each of k samples.
    sums : ndarray, shape (r, k, 19)
        `weighted_sums` of each.
    known : ndarray of bool, shape (r, k)
        Where both outcomes are.

    Returns
    -------
    ndarray
        NaN where there is one outcome, where the prediction separates the outcomes, and for the
        slope where all predictions are one.
    """
    found = np.full((*known.shape, 2), np.nan)
    large, slope = _expected(sums, slope=False), _expected(sums, slope=True)
    for i, (scored, weights) in enumerate(parts):
        apart = scored.place[0] != scored.place[-1]
        for j in np.flatnonzero(known[i]):
            one = sums[i, j].tolist()
            found[i, j, 0] = _Regression(scored, weights[j], one, slope=False).solve(large[i, j])[0]
            if apart:
                full = _Regression(scored, weights[j], one, slope=True)
                found[i, j, 1] = full.solve(slope[i, j])[1]
    return found


def _expected(sums: Stack, *, slope: bool) -> Stack:
    """Coefficients that solve the equations up to the third derivative, shape (r, k, 2)."""
    s = np.moveaxis(sums, -1, 0)
    v, second, third = s[_SLOPES:_SECOND], s[_SECOND:_THIRD], s[_THIRD:]
    residuals = s[1] - s[4], s[5] - s[6]
    a, c = np.zeros(s[0].shape), np.zeros(s[0].shape)
    with np.errstate(all="ignore"):  # where that fails the search begins at 0 and 1
        determinant = v[0] * v[2] - v[1] ** 2
        for _ in range(_ROUNDS):
            g, h = (residuals[i] - _bend(second[i:], third[i:], a, c) for i in (0, 1))
            if slope:
                a, c = (g * v[2] - h * v[1]) / determinant, (h * v[0] - g * v[1]) / determinant
            else:
                a = g / v[0]
        near = (np.abs(a) < _NEAR) & (np.abs(c) < _NEAR)
    return np.stack([np.where(near, a, 0.0), 1 + np.where(near, c, 0.0)], axis=-1)


def _bend(second: Stack, third: Stack, a: Matrix, c: Matrix) -> Matrix:
    """What the second and third derivatives add to a sum of risks that a + c z moves."""
    squares = a * a * second[0] + 2 * a * c * second[1] + c * c * second[2]
    cubes = a**3 * third[0] + 3 * a * a * c * third[1] + 3 * a * c * c * third[2] + c**3 * third[3]
    return np.asarray(squares / 2 + cubes / 6)


class _Terms(NamedTuple):
    """Weighted sums of r, rz, and of v = r (1 - r) with 1, z and zz."""

    expected: float
    carried: float
    information: float
    cross: float
    square: float


@dataclass(frozen=True, slots=True)
class _Regression:
    """A logistic regression on the log odds of a prediction.

    Parameters
    ----------
    scored : Scored
        Predictions.
    weights : ndarray, shape (n,)
        Of the rows.
    sums : list of float
        `weighted_sums` of them.
    slope : bool
        Whether there is one; else it stays 1.
    """

    scored: Scored
    weights: Vector
    sums: list[float]
    slope: bool

    def solve(self, near: Vector) -> tuple[float, float]:
        """Intercept and slope by Newton from (0, 1), then from a point near them.

        NaN where the score separates the outcome.
        """
        at, guess = (0.0, 1.0), (float(near[0]), float(near[1]))
        first, second = self._newton(_Terms(self.sums[4], *self.sums[6:10]))
        for turn in range(_STEPS):
            length = max(abs(first), abs(second))
            if not np.isfinite(length):
                break  # steps went too far
            if length < _SMALL:
                return at[0] + first, at[1] + second
            # a long step may overshoot where the curve is flat; such scores need more, shorter ones
            short = min(1.0, _LONGEST / max(length, _LONGEST))
            moved = (at[0] + short * first, at[1] + short * second)
            at = guess if turn == 0 and guess != at else moved
            first, second = self._newton(self._terms(*at))
        return self._damped()

    def _damped(self) -> tuple[float, float]:
        """The same by the solver of all models, which gets there from anywhere; or NaN."""
        z, one = self.scored.log_odds, np.ones(len(self.weights))
        X = np.column_stack([one, z]) if self.slope else one[:, None]
        rows = BinaryRows(X, 2 * self.scored.y - 1, None, None if self.slope else z)
        found = refit_drawn(rows, self.weights, None, np.zeros(X.shape[1]))
        if found is None:
            return np.nan, np.nan
        at = float(found[0]), float(found[1]) if self.slope else 1.0
        first, second = self._newton(self._terms(*at))
        return at[0] + first, at[1] + second

    def _newton(self, terms: _Terms) -> tuple[float, float]:
        """Step of either coefficient."""
        first, second = self.sums[1] - terms.expected, self.sums[5] - terms.carried
        information, cross, square = terms[2:]
        if not self.slope:
            return first / information if information > 0 else np.nan, 0.0
        determinant = information * square - cross**2
        if not determinant > _FLAT * information * square:
            return np.nan, np.nan
        return (
            (first * square - second * cross) / determinant,
            (second * information - first * cross) / determinant,
        )

    def _terms(self, intercept: float, factor: float) -> _Terms:
        """Sums over the rows at some coefficients."""
        total = np.zeros(5)
        for rows in _blocks(len(self.weights)):
            z, w = self.scored.log_odds[rows], self.weights[rows]
            risk = risks_of(intercept + factor * z)
            spread = risk * risk
            np.subtract(risk, spread, out=spread)
            total[0] += w @ risk
            total[2] += w @ spread
            if self.slope:
                carried = w * z
                spread *= carried
                total[1] += carried @ risk
                total[3] += spread.sum()
                total[4] += spread @ z
        return _Terms(*total.tolist())
