"""What is known of each center when all are looked at together: shrunken O/E, ranks, rankability.

The true log odds ratios of the centers (log O/E for an incidence) are normal with mean mu and
standard deviation tau; given its own, a center's number of outcomes has the distribution of
`limits.chance_of`. mu and tau are maximum likelihood, as in a logistic (Poisson) model with an
offset and a random intercept. Intervals, exceedances and ranks average over what the likelihood
leaves open of tau, with a flat prior on tau, and allow for the error of mu.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import optimize

from vpstats.centers.dispersion import FEWEST
from vpstats.centers.tilts import HIGHEST, LOWEST

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vpstats.centers.limits import Chance

    Vector = NDArray[np.float64]
    Matrix = NDArray[np.float64]

WIDTH = 0.025
"""Step of the grid of tilts; smaller where centers are so large that they are known better."""
TAUS = 15
"""Values of tau that are averaged over."""
FALL = 8.0
"""How far the log-likelihood falls to the largest of them."""
WIDEST_TAU = 2.5
DRAWS = 2000
_STEPS = 50


@dataclass(frozen=True)
class Shrinkage:
    """Centers looked at together.

    Parameters
    ----------
    mu, tau : float
        Mean and standard deviation of the true log odds ratios, by maximum likelihood.
    log_likelihood : float
        At the maximum, up to a constant of the data.
    effect : ndarray, shape (k,)
        Posterior mean of each center's log odds ratio at `mu` and `tau`.
    shrunken, low, high : ndarray, shape (k,)
        O/E at that odds ratio, and its interval, which allows for the errors of mu and tau.
    exceedance : ndarray, shape (k,)
        Probability that the true O/E is beyond the stated one.
    rank_low, rank_high : ndarray, shape (k,)
        Interval of the rank; 1 is the smallest O/E.
    rankability : float
        Share of the variation between centers that is no chance, at the median center.
    reason : str
        Why there is none.
    """

    mu: float
    tau: float
    log_likelihood: float
    effect: Vector
    shrunken: Vector
    low: Vector
    high: Vector
    exceedance: Vector
    rank_low: Vector
    rank_high: Vector
    rankability: float
    reason: str = ""


def no_shrinkage(k: int, reason: str) -> Shrinkage:
    """What stands in place of shrunken estimates where there are none."""
    none = np.full(k, np.nan)
    return Shrinkage(
        np.nan, np.nan, np.nan, none, none, none, none, none, none, none, np.nan, reason
    )


@dataclass(frozen=True)
class _Posterior:
    """Tilts of all centers given mu and tau: log-likelihood, shares of the grid, moments."""

    log_likelihood: Vector
    share: Matrix
    mean: Vector
    variance: Vector
    prior_mean: Vector
    prior_variance: Vector

    def slope(self) -> float:
        """Slope of the log-likelihood in mu."""
        return float(np.sum((self.mean - self.prior_mean) / self.prior_variance))

    def information(self) -> float:
        """Minus its curvature in mu (Louis 1982)."""
        v = self.prior_variance
        return float(np.sum(1 / v - self.variance / v**2))

    def variance_slope(self) -> float:
        """Slope of the log-likelihood in tau squared."""
        square = self.variance + (self.mean - self.prior_mean) ** 2
        v = self.prior_variance
        return float(np.sum(square / v**2 - 1 / v)) / 2


class _Likelihood:
    """Likelihood of the tilts of all centers on a grid."""

    def __init__(self, chance: Chance, observed: Vector) -> None:
        self.chance, self.observed = chance, observed
        cumulants = chance.cumulants
        at_zero = cumulants.variance(np.zeros((len(observed), 1)))[:, 0]
        known = float(np.max(np.maximum(at_zero, observed)))
        self.width = min(WIDTH, 0.9 / np.sqrt(max(known, 1.0)))
        self.grid = np.arange(LOWEST, HIGHEST, self.width)
        self.logs = observed[:, None] * self.grid - cumulants.value(self.grid[None])
        self.expected = cumulants.mean(self.grid[None])

    def at(self, mu: float, square: float) -> _Posterior:
        """Posterior of the tilts where the true log odds ratios have variance `square`."""
        center = mu + self.chance.shift
        variance = np.maximum(square + self.chance.spread**2, self.width**2)
        logs = (self.grid - center[:, None]) ** 2
        logs *= (-0.5 / variance)[:, None]
        logs += self.logs
        # a center far from all others has its likelihood where the prior has next to nothing
        top = logs.max(axis=1)
        logs -= top[:, None]
        share = np.exp(logs, out=logs)
        total = share.sum(axis=1)
        share /= total[:, None]
        mean = share @ self.grid
        scale = np.log(self.width) - 0.5 * np.log(2 * np.pi * variance)
        return _Posterior(
            np.log(total) + scale + top,
            share,
            mean,
            np.maximum(share @ self.grid**2 - mean**2, 0.0),
            center,
            variance,
        )

    def best_mu(self, square: float, mu: float) -> tuple[float, _Posterior]:
        """The most likely mu at a variance, by Newton's method, and the posterior there."""
        for _ in range(_STEPS):
            found = self.at(mu, square)
            step = found.slope() / max(found.information(), 1e-12)
            mu += float(np.clip(step, -1.0, 1.0))
            if abs(step) < 1e-9:
                break
        return mu, found

    def best(self) -> tuple[float, float, _Posterior]:
        """Most likely mu and tau squared; 0 where the likelihood falls from there on."""
        state = {"mu": 0.0}

        def slope(square: float) -> float:
            state["mu"], found = self.best_mu(square, state["mu"])
            return found.variance_slope()

        square, least, most = 0.0, self.width**2, WIDEST_TAU**2
        if slope(least) > 0:
            square = most if slope(most) > 0 else optimize.brentq(slope, least, most, xtol=1e-12)
        mu, found = self.best_mu(square, state["mu"])
        return mu, square, found


def shrink(
    chance: Chance,
    observed: Vector,
    expected: Vector,
    *,
    exceed: float = 1.2,
    level: float = 0.95,
    seed: int = 1,
) -> Shrinkage:
    """Estimate all centers together.

    Parameters
    ----------
    chance : Chance
        What centers may have by chance, with benchmark and patients' correlation in it.
    observed, expected : ndarray, shape (k,)
        Numbers of outcomes.
    exceed : float
        O/E whose exceedance is asked for: above it if larger than 1, below it otherwise.
    level : float
        Level of the intervals.
    seed : int
        Of the draws behind the rank intervals.

    Returns
    -------
    Shrinkage
        NaN with the reason where fewer than 3 centers have an expected number, or none, or all, of
        the rows of the network have the outcome.

    References
    ----------
    Laird NM, Louis TA. Empirical Bayes confidence intervals based on bootstrap samples. JASA
    1987;82:739-750. Goldstein H, Spiegelhalter DJ. League tables and their limitations. J R Stat
    Soc A 1996;159:385-443. Lingsma HF et al. Comparing and ranking hospitals based on outcome. QJM
    2010;103:99-108. Louis TA. Finding the observed information matrix when using the EM algorithm.
    J R Stat Soc B 1982;44:226-233.
    """
    k = len(observed)
    own = chance.cumulants.variance(np.zeros((k, 1)))[:, 0]
    reason = _missing(chance, observed, own > 0)
    if reason:
        return no_shrinkage(k, reason)
    likelihood = _Likelihood(chance, observed)
    mu, square, found = likelihood.best()
    effect = _true_effects(chance, mu, square, found)[0]
    density = _averaged(likelihood, mu, np.sqrt(square), float(found.log_likelihood.sum()))
    cdf = np.cumsum(density, axis=1) - density / 2
    limits = _quantiles(likelihood.grid, cdf, np.array([0.5 - level / 2, 0.5 + level / 2]))
    means = chance.cumulants.mean(np.column_stack([effect, limits])) / _positive(expected)[:, None]
    shares = likelihood.expected / _positive(expected)[:, None]
    below = np.array([np.interp(exceed, s, c) for s, c in zip(shares, cdf, strict=True)])
    ranks = _ranks(likelihood.grid, cdf, level, seed)
    errors = 1 / own[own > 0] + chance.spread[own > 0] ** 2
    return Shrinkage(
        mu,
        float(np.sqrt(square)),
        float(found.log_likelihood.sum()),
        effect,
        means[:, 0],
        means[:, 1],
        means[:, 2],
        below if exceed < 1 else 1 - below,
        ranks[0],
        ranks[1],
        float(square / (square + np.median(errors))),
    )


def _missing(chance: Chance, observed: Vector, varies: NDArray[np.bool_]) -> str:
    """Why centers cannot be estimated together; empty where they can."""
    if int(varies.sum()) < FEWEST:
        return f"{int(varies.sum())} centers with an expected number: nothing to shrink to."
    top = chance.laws.first + np.sum(chance.laws.log_mass > -np.inf, axis=1) - 1
    if not observed[varies].any():
        return "No outcome was observed at any center: there is nothing to shrink to."
    if np.all(observed[varies] >= top[varies]):
        return "Every row of every center has the outcome: there is nothing to shrink to."
    return ""


def _positive(expected: Vector) -> Vector:
    return np.where(expected > 0, expected, np.nan)


def _true_effects(
    chance: Chance, mu: float, square: float, found: _Posterior
) -> tuple[Vector, Vector]:
    """Posterior mean and variance of the log odds ratios, without the error of the benchmark.

    A tilt is the sum of the two, so that given it the true one is normal.
    """
    nuisance = chance.spread**2
    total = np.maximum(square + nuisance, 1e-300)
    share = np.where(square + nuisance > 0, square / total, 1.0)
    mean = mu + share * (found.mean - found.prior_mean)
    if square == 0:
        return np.full_like(mean, mu), np.zeros_like(mean)
    return mean, share * nuisance + share**2 * found.variance


def _averaged(likelihood: _Likelihood, mu: float, tau: float, highest: float) -> Matrix:
    """Posterior of the true log odds ratios on the grid, averaged over tau, shape (k, g)."""
    least, most = _plausible_taus(likelihood, mu, tau, highest)
    total, weight = np.zeros_like(likelihood.logs), 0.0
    for at in np.linspace(least, most, TAUS):
        mu, found = likelihood.best_mu(at**2, mu)
        error = 1 / max(found.information(), 1e-12)
        fallen = float(found.log_likelihood.sum()) - highest
        part = float(np.exp(fallen) * np.sqrt(error))
        total += part * _moved(likelihood, mu, at**2, found, error)
        weight += part
    return np.asarray(total / weight)


def _plausible_taus(
    likelihood: _Likelihood, mu: float, tau: float, highest: float
) -> tuple[float, float]:
    """The range of tau in which the likelihood is not far below its maximum."""

    def far(at: float) -> bool:
        found = likelihood.best_mu(at**2, mu)[1]
        return highest - float(found.log_likelihood.sum()) > FALL

    least, most = max(tau, likelihood.width), max(tau, 2 * likelihood.width)
    while most < WIDEST_TAU and not far(most):
        most *= 1.3
    while least > likelihood.width and not far(least):
        least /= 1.3
    return max(least, likelihood.width), most


def _moved(
    likelihood: _Likelihood, mu: float, square: float, found: _Posterior, error: float
) -> Matrix:
    """Posterior of tilts, moved and scaled to the moments of the true log odds ratios."""
    mean, variance = _true_effects(likelihood.chance, mu, square, found)
    # what the prior mean weighs in each center's estimate carries the error of mu
    pull = 1 - square / found.prior_variance * (1 - found.variance / found.prior_variance)
    variance = variance + np.clip(pull, 0, 1) ** 2 * error
    scale = np.sqrt(variance / np.maximum(found.variance, 1e-12))
    grid, width = likelihood.grid, likelihood.width
    place = mean[:, None] + scale[:, None] * (grid - found.mean[:, None])
    k, size = found.share.shape
    place = np.clip((place - grid[0]) / width, 0, size - 1.001)
    below = place.astype(np.int64)
    part = place - below
    flat = (below + size * np.arange(k)[:, None]).ravel()
    mass = np.bincount(flat, (found.share * (1 - part)).ravel(), k * size)
    mass += np.bincount(flat + 1, (found.share * part).ravel(), k * size)
    return np.asarray(mass.reshape(k, size), float)


def _quantiles(grid: Vector, cdf: Matrix, shares: Vector) -> Matrix:
    return np.array([np.interp(shares, row, grid) for row in cdf])


def _ranks(grid: Vector, cdf: Matrix, level: float, seed: int) -> tuple[Vector, Vector]:
    """Quantiles of the ranks of draws from the centers' posteriors."""
    chance = np.random.default_rng(seed).random((DRAWS, len(cdf)))
    drawn = np.array([np.interp(u, row, grid) for u, row in zip(chance.T, cdf, strict=True)])
    ranks = np.argsort(np.argsort(drawn, axis=0), axis=0) + 1.0
    low, high = np.quantile(ranks, [0.5 - level / 2, 0.5 + level / 2], axis=1, method="nearest")
    return low, high
