"""What centers have to be expected to have if the odds of all their rows change by one factor.

A tilt t multiplies the odds of every row of a center by ``exp(t)``. The logarithm of the constant
by which probabilities are then divided, ``K(t) = sum of log(1 - r + r exp(t))``, has the expected
number as its slope and the variance of independent rows as its curvature. For events against a
cumulative hazard, ``K(t) = E (exp(t) - 1)`` and the tilt is the logarithm of O/E.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.polynomial import chebyshev

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from vpstats.centers.sums import Risks

    Vector = NDArray[np.float64]
    Matrix = NDArray[np.float64]

LOWEST, HIGHEST, DEGREE = -7.0, 4.5, 51
"""Tilts for which sums over rows are kept, as polynomials that are exact to about 1e-12.

The nearest singularity of K lies at a distance of pi from the real line.
"""


class Cumulants(Protocol):
    """K of each of k centers, its slope and its curvature, at tilts of shape (k, m)."""

    def value(self, tilt: Matrix) -> Matrix:
        """K."""

    def mean(self, tilt: Matrix) -> Matrix:
        """Expected number of outcomes."""

    def variance(self, tilt: Matrix) -> Matrix:
        """Variance of the number of outcomes among independent rows."""


@dataclass(frozen=True)
class PoissonCumulants:
    """Events against cumulative hazards.

    Parameters
    ----------
    expected : ndarray, shape (k,)
    """

    expected: Vector

    def value(self, tilt: Matrix) -> Matrix:
        """K."""
        return np.asarray(self.expected[:, None] * np.expm1(tilt))

    def mean(self, tilt: Matrix) -> Matrix:
        """Expected number of events."""
        return np.asarray(self.expected[:, None] * np.exp(tilt))

    def variance(self, tilt: Matrix) -> Matrix:
        """Variance, which is the mean."""
        return self.mean(tilt)


@dataclass(frozen=True)
class RowCumulants:
    """Rows with risks; sums over rows as Chebyshev polynomials of the tilt.

    Parameters
    ----------
    sums : ndarray, shape (3, degree + 2, k)
        Coefficients of K, its slope and its curvature.
    """

    sums: NDArray[np.float64]

    def _read(self, which: int, tilt: Matrix) -> Matrix:
        inside = np.clip(tilt, LOWEST, HIGHEST)
        x = (2 * inside - LOWEST - HIGHEST) / (HIGHEST - LOWEST)
        if len(x) == 1:  # the same tilts for all centers
            return np.asarray(self.sums[which].T @ chebyshev.chebvander(x[0], DEGREE + 1).T)
        return np.asarray(chebyshev.chebval(x, self.sums[which][:, :, None], tensor=False))

    def value(self, tilt: Matrix) -> Matrix:
        """K; a straight line beyond the tilts that are kept."""
        beyond = tilt - np.clip(tilt, LOWEST, HIGHEST)
        found = self._read(0, tilt)
        return found + beyond * self._read(1, tilt) if beyond.any() else found

    def mean(self, tilt: Matrix) -> Matrix:
        """Expected number of outcomes."""
        return self._read(1, tilt)

    def variance(self, tilt: Matrix) -> Matrix:
        """Variance of the number of outcomes among independent rows."""
        return self._read(2, tilt)


def sum_rows(risks: Sequence[Risks]) -> RowCumulants:
    """K, slope and curvature of centers whose rows have risks.

    Parameters
    ----------
    risks : sequence of Risks
        One per center.
    """
    values = np.concatenate([r.values for r in risks])
    counts = np.concatenate([r.counts for r in risks])
    sizes = np.array([len(r.values) for r in risks])
    starts, filled = np.cumsum(sizes) - sizes, sizes > 0
    starts, many = starts[filled], bool(np.any(counts != 1))
    points = chebyshev.chebpts1(DEGREE + 1)
    tilts = LOWEST + (points + 1) * (HIGHEST - LOWEST) / 2
    found = np.zeros((2, DEGREE + 1, len(risks)))
    with np.errstate(divide="ignore"):
        odds = values / (1 - values)
    for row, tilt in zip(np.moveaxis(found, 1, 0), tilts, strict=True):
        left = 1 / (1 + odds * np.exp(tilt))
        risen = 1 - left
        there = counts * risen if many else risen
        if len(starts):
            row[0, filled] = np.add.reduceat(there, starts)
            row[1, filled] = np.add.reduceat(np.multiply(there, left, out=left), starts)
    basis = chebyshev.chebvander(points, DEGREE)
    scale = np.full(DEGREE + 1, 2.0 / (DEGREE + 1))
    scale[0] /= 2
    mean, variance = scale[:, None] * np.einsum("jd,sjk->sdk", basis, found)
    # K is the integral of its slope, and 0 without a tilt
    at_zero = -(LOWEST + HIGHEST) / (HIGHEST - LOWEST)
    total = chebyshev.chebint(mean, lbnd=at_zero, scl=(HIGHEST - LOWEST) / 2)
    none = np.zeros((1, len(risks)))
    return RowCumulants(np.stack([total, np.append(mean, none, 0), np.append(variance, none, 0)]))
