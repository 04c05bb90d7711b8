"""CLIP: profile-likelihood intervals combined over completed data sets."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, stats

from vpstats.models.newton import Evaluation, Solution, maximise
from vpstats.models.profile import signed_root
from vpstats.results import FitResult

Vector = NDArray[np.float64]
Fit = TypeVar("Fit", bound=FitResult)

_WIDEST = 200.0
"""How many pooled standard errors away a limit is looked for before it is called infinite."""
_CLOSE = 1e-10
"""Width, in pooled standard errors, to which a limit is found."""
_MISSED = 1e-7
"""Difference of tail probabilities that rounding does not explain."""


@dataclass(frozen=True)
class Profile:
    """The likelihood of one completed data set, penalised or not, and its maximum."""

    evaluate: Callable[[Vector], Evaluation]
    found: Solution


def with_clip(fit: Fit, profiles: Sequence[Profile], *, first: int = 0) -> Fit:
    """Give a pooled fit combined profile intervals.

    The signed root of twice the fall of a profile log-likelihood is taken as a normal deviate, so
    that each completed data set gives a distribution of the coefficient. Their mean is the
    combined distribution; its quantiles are the limits.

    Parameters
    ----------
    fit : FitResult
        The pooled fit, which has Wald intervals.
    profiles : sequence of Profile
        One per completed data set.
    first : int
        Coefficients before this one keep their Wald intervals.

    Returns
    -------
    FitResult
        With `conf_low`, `conf_high` and `p_values` (twice the smaller tail beyond zero) at the
        fit's level.

    References
    ----------
    Heinze G, Ploner M, Beyea J. Confidence intervals after multiple imputation: combining profile
    likelihood information from logistic regressions. Stat Med 2013;32:5062-5076.
    """
    wald = fit.tidy()
    low, high, p_values = (
        wald[c].to_numpy(float, copy=True) for c in ("conf_low", "conf_high", "p_value")
    )
    tail = (1 - fit.level) / 2
    for j in range(first, len(fit.terms)):
        centre, error = float(fit.coefficients[j]), float(fit.std_errors[j])
        low[j] = _limit(profiles, j, tail, centre, -error)
        high[j] = _limit(profiles, j, tail, centre, error)
        below, above = tails(profiles, j, 0.0)
        p_values[j] = 2 * min(below, above)
    kept = tuple(c for c in fit.caveats if c.code != "pooled_wald")
    return replace(fit, conf_low=low, conf_high=high, p_values=p_values, caveats=kept)


def tails(profiles: Sequence[Profile], j: int, value: float) -> tuple[float, float]:
    """Combined probabilities of coefficient `j` below and above a value."""
    roots = np.array([signed_root(p.evaluate, p.found, j, value) for p in profiles])
    return float(stats.norm.cdf(roots).mean()), float(stats.norm.sf(roots).mean())


def _limit(profiles: Sequence[Profile], j: int, tail: float, centre: float, reach: float) -> float:
    """Where the combined tail beyond a limit, in the direction of `reach`, is `tail`."""
    paths = [_Path(p, j) for p in profiles]

    def excess(distance: float) -> float:
        value = centre + distance * reach
        return float(np.mean([path.tail(value, reach > 0) for path in paths])) - tail

    near, far = 0.0, 2.0
    while excess(far) > 0:
        near, far = far, 2 * far
        if far > _WIDEST:
            return float(np.copysign(np.inf, reach))
    if excess(near) < 0:  # data sets so far apart that the centre lies beyond the limit
        near = -far
    found = centre + reach * float(optimize.brentq(excess, near, far, xtol=_CLOSE, rtol=1e-14))
    # a path follows one maximum; where another is higher the limit is looked for once more
    if abs(tails(profiles, j, found)[reach > 0] - tail) > _MISSED:
        for path in paths:
            path.careful = True
        found = centre + reach * float(optimize.brentq(excess, -far, 2 * far, xtol=_CLOSE))
    return found


class _Path:
    """The profile of one coefficient in one data set, each maximum sought from the one before."""

    def __init__(self, profile: Profile, j: int) -> None:
        self.profile = profile
        self.j = j
        self.last = profile.found.estimate
        self.free = np.arange(len(self.last)) != j
        self.careful = False

    def tail(self, value: float, upper: bool) -> float:
        root = self._root(value)
        return float(stats.norm.sf(root) if upper else stats.norm.cdf(root))

    def _root(self, value: float) -> float:
        found, j = self.profile.found, self.j
        if self.careful:
            return signed_root(self.profile.evaluate, found, j, value)
        covariance = found.covariance
        start = self.last + (value - self.last[j]) * covariance[:, j] / covariance[j, j]
        start[j] = value
        here = maximise(self.profile.evaluate, start, free=self.free)
        self.last = here.estimate
        fall = max(found.value - here.value, 0.0)
        return float(np.sign(value - found.estimate[j]) * np.sqrt(2 * fall))
