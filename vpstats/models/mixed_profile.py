"""Profile-likelihood intervals of logistic models with random intercepts.

A standard deviation between groups has a skewed likelihood and ends at zero, where Wald limits say
little; a profile knows both.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, stats

from vpstats.models.mixed_estimate import LARGEST_SD, Kernel, MixedEstimate
from vpstats.models.newton import invert
from vpstats.models.quasi import climb

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]

_TOLERANCE = 1e-9
"""Squared distance to the maximum given one coordinate, in standard errors."""
_PRECISION = 1e-7
"""Of a limit, in standard errors."""
_FARTHEST = 60.0
"""Standard errors from the estimate beyond which a limit counts as infinite."""
_SMALL_SD = 0.1
"""Where the search begins for a standard deviation that is estimated as zero."""


@dataclass(frozen=True, slots=True)
class Profiles:
    """Limits by the likelihood ratio.

    Parameters
    ----------
    low, high : ndarray, shape (p + levels,)
        Of coefficients, then of standard deviations, the outer one first; a standard deviation of
        zero that the likelihood does not exclude is a lower limit.
    p_values : ndarray, shape (p,)
        That a coefficient is zero.
    """

    low: Vector
    high: Vector
    p_values: Vector


def profile_mixed(
    kernel: Kernel, found: MixedEstimate, without: tuple[float, ...], level: float
) -> Profiles:
    """Intervals of every coefficient and standard deviation.

    Parameters
    ----------
    kernel : InterceptKernel or NestedKernel
        The rows.
    found : MixedEstimate
        The maximum of its likelihood.
    without : tuple of float
        Largest log-likelihood without each of the random intercepts.
    level : float
        Confidence level.

    References
    ----------
    Venzon DJ, Moolgavkar SH. A method for computing profile-likelihood-based confidence intervals.
    Appl Stat 1988;37:87-94. Bates D, Mächler M, Bolker B, Walker S. Fitting linear mixed-effects
    models using lme4. J Stat Softw 2015;67:1-48.
    """
    p = len(found.beta)
    profiles = [_Profile(kernel, found, j) for j in range(p + kernel.scales)]
    target = float(np.sqrt(stats.chi2.ppf(level, 1)))
    limits = [profile.limits(target) for profile in profiles[:p]]
    for profile, alone in zip(profiles[p:], without, strict=True):
        root = float(np.sqrt(max(2 * (found.value - alone), 0.0)))
        limits.append(profile.limits_of_scale(target, root))
    low, high = np.array(limits).T
    ratios = [profile.root(0.0) ** 2 for profile in profiles[:p]]
    return Profiles(low, high, np.asarray(stats.chi2.sf(ratios, 1)))


class _Profile:
    """The likelihood of one coordinate, the others at their best."""

    def __init__(self, kernel: Kernel, found: MixedEstimate, at: int) -> None:
        self.kernel, self.at, self.top = kernel, at, found.value
        self.theta = np.concatenate([found.beta, found.scales])
        covariance = _filled(found.covariance)
        self.estimate, self.error = self.theta[at], float(np.sqrt(covariance[at, at]))
        self.free = np.arange(len(self.theta)) != at
        # given one coordinate, the others vary less
        self.inverse = invert(invert(covariance)[np.ix_(self.free, self.free)])
        self.slope = covariance[self.free, at] / covariance[at, at]
        zero = (self.theta == 0) & (np.arange(len(self.theta)) >= len(found.beta))
        self.start = np.where(zero, _SMALL_SD, self.theta)[self.free]
        self.seen: dict[float, float] = {}

    def root(self, value: float) -> float:
        """Square root of the likelihood-ratio statistic of a value, 0 at the estimate."""
        if value not in self.seen:
            self.seen[value] = self._root(value)
        return self.seen[value]

    def _root(self, value: float) -> float:
        theta = np.empty(len(self.theta))
        theta[self.at] = value

        def evaluate(others: Vector) -> tuple[float, Vector]:
            theta[self.free] = others
            height, gradient = self.kernel.evaluate(theta)
            return height, gradient[self.free]

        start = self.start + (value - self.estimate) * self.slope
        found = climb(evaluate, start, self.inverse, tolerance=_TOLERANCE)
        return float(np.sqrt(max(2 * (self.top - found.value), 0.0)))

    def limits(self, target: float) -> tuple[float, float]:
        """Where the root reaches the target on either side."""
        return self._limit(target, -1.0), self._limit(target, 1.0)

    def limits_of_scale(self, target: float, root_at_zero: float) -> tuple[float, float]:
        """Of a standard deviation, whose profile ends at zero."""
        self.seen[0.0] = root_at_zero
        low = 0.0 if root_at_zero <= target else self._between(target, 0.0, self.estimate)
        high = self._limit(target, 1.0)
        return low, high if high < LARGEST_SD else float("inf")

    def _limit(self, target: float, side: float) -> float:
        inner, step = self.estimate, target * self.error
        while step < _FARTHEST * self.error:
            outer = self.estimate + side * step
            if self.root(outer) > target:
                return self._between(target, inner, outer)
            inner, step = outer, 1.5 * step
        return side * float("inf")

    def _between(self, target: float, one: float, other: float) -> float:
        self.seen.setdefault(float(self.estimate), 0.0)
        precision = _PRECISION * self.error
        return float(optimize.brentq(lambda v: self.root(v) - target, one, other, xtol=precision))


def _filled(covariance: Matrix) -> Matrix:
    """The covariance, with a unit variance for a standard deviation of zero, which has none."""
    known = np.isfinite(np.diag(covariance))
    return np.where(np.outer(known, known), covariance, np.eye(len(covariance)))
