"""More variation between centers than chance and case mix explain: tau squared and phi.

Centers differ in ways that no risk model knows, so that limits for chance alone are too narrow for
good centers as well as bad ones. Two ways to widen them: an additive variance of the true log odds
ratios (or log O/E) between centers, tau squared; or a factor of all variances, phi. Both are
estimated from winsorised z-scores, so that the outliers looked for do not widen the limits that
should find them. A center is held against the tau of the others, as against their benchmark, and
what a few centers leave unknown of tau is in its limits.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import optimize, stats

from vpstats.centers.winsorised import (
    expected_square,
    sample_square,
    square_variance,
    winsorise,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Vector = NDArray[np.float64]
    Mask = NDArray[np.bool_]

FEWEST_FOR_PHI = 20
"""Centers below which a factor of all variances is not estimated."""
FEWEST = 3
"""Centers below which nothing is said of variation between them."""
LARGEST = 100.0
STEPS, SETTLED = 60, 1e-12
"""Steps of the search for tau squared, and the relative step that counts as none."""


def _none() -> Vector:
    return np.empty(0)


@dataclass(frozen=True)
class Dispersion:
    """Variation between centers beyond chance.

    Parameters
    ----------
    n_centers : int
        Centers that took part: those with some expected variation.
    statistic, df, p_value : float
        Sum of squared z-scores, not winsorised, against chi-squared with one degree of freedom less
        than centers.
    phi : float
        Mean of squared winsorised z-scores over its expectation under chance alone, at least 1;
        NaN with fewer than 20 centers.
    phi_raw : float
        Mean of squared winsorised z-scores as published, without that correction.
    tau, tau_low, tau_high : float
        Standard deviation of the true log odds ratios, and its Q-profile interval.
    tau_raw : float
        The same from `phi_raw`, as published.
    reason : str
        Why something is missing.
    tau_others : ndarray, shape (k,)
        For each of the k centers given, tau of the others; where it took no part, that of all.
    freedom : ndarray, shape (k,)
        Degrees of freedom of the center's z-score under `tau_others`.
    square_error : float
        Variance of tau squared as an estimate.
    """

    n_centers: int
    statistic: float
    df: int
    p_value: float
    phi: float
    phi_raw: float
    tau: float
    tau_low: float
    tau_high: float
    tau_raw: float
    reason: str = ""
    tau_others: Vector = field(default_factory=_none)
    freedom: Vector = field(default_factory=_none)
    square_error: float = np.nan

    def freedom_at(self, variances: Vector) -> Vector:
        """Degrees of freedom of z-scores of centers with such variances by chance, under `tau`."""
        found = 2 * (variances + self.tau**2) ** 2 / self.square_error
        return np.asarray(np.maximum(found, least_freedom(self.n_centers)))


def additive(phi: float, k: int, variances: Vector) -> float:
    """DerSimonian and Laird's tau, from the mean square of z-scores of k centers.

    Parameters
    ----------
    phi : float
        Mean of squared z-scores.
    k : int
        Centers.
    variances : ndarray, shape (k,)
        Variance by chance of each center's log odds ratio.
    """
    weights = 1 / variances
    scale = float(weights.sum() - (weights**2).sum() / weights.sum())
    return float(np.sqrt(max(0.0, (k * phi - (k - 1)) / scale))) if scale > 0 else 0.0


def estimate_dispersion(z: Vector, variances: Vector, *, winsorised: float = 0.1) -> Dispersion:
    """Estimate how far centers differ beyond chance.

    Parameters
    ----------
    z : ndarray, shape (k,)
        z-scores of the centers; NaN where a center has none.
    variances : ndarray, shape (k,)
        Variance by chance of each center's log odds ratio (or log O/E).
    winsorised : float
        Share of centers winsorised at each end.

    Returns
    -------
    Dispersion
        NaN, with the reason in words, where there are too few centers.

    Notes
    -----
    Winsorising makes squares smaller under chance alone, to 0.68 at 10 %. Spiegelhalter's phi does
    not correct for it and so hides moderate over-dispersion; here the mean square is divided by
    that expectation, and the published value stands beside (`phi_raw`, `tau_raw`). tau is such that
    z-scores which allow for it have the mean square, winsorised, that as many standard normal
    values have (after Paule and Mandel): only then are centers of all sizes alike, as the
    correction for winsorising takes them to be. The interval of tau is that of the not winsorised
    Q (Viechtbauer 2007) and so holds outliers too. A center's limits take tau from the other
    centers, and z-scores as of Student's t with Satterthwaite's degrees of freedom, ``2 (v +
    tau²)² / var(tau²)`` and at least five, or the number of other centers: few leave tau not well
    known.

    References
    ----------
    Spiegelhalter DJ. Handling over-dispersion of performance indicators. Quality and Safety in
    Health Care 2005;14:347-351. Spiegelhalter DJ et al. Statistical methods for healthcare
    regulation: rating, screening and surveillance. J R Stat Soc A 2012;175:1-47. Viechtbauer W.
    Confidence intervals for the amount of heterogeneity in meta-analysis. Statistics in Medicine
    2007;26:37-52. Paule RC, Mandel J. Consensus values and weighting factors. Journal of Research
    of the National Bureau of Standards 1982;87:377-385. Satterthwaite FE. An approximate
    distribution of estimates of variance components. Biometrics Bulletin 1946;2:110-114.

    Examples
    --------
    >>> import numpy as np
    >>> found = estimate_dispersion(np.linspace(-4, 4, 25), np.full(25, 0.04))
    >>> round(found.phi, 2), round(found.tau, 2)
    (7.35, 0.5)
    """
    used, given = np.isfinite(z) & np.isfinite(variances) & (variances > 0), variances
    z, variances = z[used], variances[used]
    k = len(z)
    if k < FEWEST:
        reason = f"{k} centers with an expected number: variation between them is not estimated."
        return Dispersion(k, *(np.nan,), max(k - 1, 0), *(np.nan,) * 7, reason=reason)
    square = float(between(z[:, None], variances[:, None], winsorised)[0])
    others, freedom = _of_others(z, variances, winsorised, square, used, given)
    raw = float(np.mean(winsorise(z, winsorised) ** 2))
    fair = raw / expected_square(winsorised)
    few = k < FEWEST_FOR_PHI
    reason = (
        f"The factor φ is never estimated from fewer than {FEWEST_FOR_PHI} centers." if few else ""
    )
    low, high = profile_interval(z * np.sqrt(variances), variances)
    statistic = float(z @ z)
    return Dispersion(
        n_centers=k,
        statistic=statistic,
        df=k - 1,
        p_value=float(stats.chi2.sf(statistic, k - 1)),
        phi=np.nan if few else max(1.0, fair),
        phi_raw=np.nan if few else raw,
        tau=float(np.sqrt(square)),
        tau_low=low,
        tau_high=high,
        tau_raw=additive(raw, k, variances),
        reason=reason if few else "",
        tau_others=np.sqrt(others),
        freedom=freedom,
        square_error=_square_error(k, float(np.mean(1 / (variances + square))), winsorised),
    )


def between(z: Vector, variances: Vector, share: float, start: Vector | float = 0.0) -> Vector:
    """Tau squared at which z-scores that allow for it have the winsorised mean square of chance.

    Parameters
    ----------
    z, variances : ndarray, shape (k, m)
        Samples are columns.
    share : float
        Share winsorised at each end.
    start : float or ndarray, shape (m,)
        Where the search begins.

    Returns
    -------
    ndarray, shape (m,)
        Zero where chance alone explains as much.

    Examples
    --------
    >>> import numpy as np
    >>> between(np.array([[-2.0], [0.0], [2.0]]), np.full((3, 1), 0.3), 0.0).round(9).tolist()
    [0.5]
    """
    wanted = sample_square(len(z), share)
    square = np.zeros(z.shape[1]) + start
    for _ in range(STEPS):
        total = variances + square
        found = np.mean(winsorise(z * np.sqrt(variances / total), share) ** 2, axis=0)
        # the mean square falls nearly as one over the total variance: Newton on its inverse
        rate = np.mean(1 / total, axis=0)
        following = np.clip(square + (found / wanted - 1) / rate, 0.0, LARGEST**2)
        step = np.abs(following - square)
        square = following
        if np.all(step <= SETTLED * (1e-3 + square)):
            break
    return np.asarray(square)


def least_freedom(k: int) -> float:
    """Degrees of freedom that k centers leave at least: five, or as many as there are others."""
    return float(min(5, k - 1))


def _square_error(k: int, rate: Vector | float, share: float) -> Any:
    """Variance of tau squared from k centers whose mean inverse of total variance is `rate`."""
    return square_variance(share) / k / (sample_square(k, share) * rate) ** 2


def _of_others(
    z: Vector, variances: Vector, share: float, square: float, used: Mask, given: Vector
) -> tuple[Vector, Vector]:
    """For each center given: tau squared of the other centers, and the freedom that it leaves."""
    k = len(z)
    apart = ~np.eye(k, dtype=bool)
    columns = [np.broadcast_to(a, (k, k))[apart].reshape(k, k - 1).T for a in (z, variances)]
    squares = np.full(len(used), square)
    squares[used] = between(columns[0], columns[1], share, square)
    freedom = np.full(len(used), np.inf)
    rate = np.full(len(used), float(np.mean(1 / (variances + square))))
    rate[used] = np.mean(1 / (columns[1] + squares[used]), axis=0)
    error = _square_error(k - 1, rate, share)
    known = np.isfinite(given) & (given > 0)
    freedom[known] = 2 * (given[known] + squares[known]) ** 2 / error[known]
    # where tau is near 0 the formula leaves next to none, and large centers would have wide limits
    freedom = np.maximum(freedom, least_freedom(k))
    return squares, freedom


def profile_interval(
    effects: Vector, variances: Vector, level: float = 0.95
) -> tuple[float, float]:
    """Q-profile interval of tau: where Cochran's Q equals quantiles of chi-squared.

    Parameters
    ----------
    effects, variances : ndarray, shape (k,)
        Estimates and their variances by chance.
    level : float
        Confidence level.

    Returns
    -------
    tuple of float
        Lower and upper limit of the standard deviation.
    """

    def distance(square: float, quantile: float) -> float:
        weights = 1 / (variances + square)
        mean = weights @ effects / weights.sum()
        return float(weights @ (effects - mean) ** 2 - quantile)

    limits = []
    for share in (0.5 + level / 2, 0.5 - level / 2):
        quantile = float(stats.chi2.ppf(share, len(effects) - 1))
        if distance(0.0, quantile) <= 0:
            limits.append(0.0)
        elif distance(LARGEST**2, quantile) >= 0:
            limits.append(np.inf)
        else:
            root = optimize.brentq(distance, 0.0, LARGEST**2, args=(quantile,), xtol=1e-14)
            limits.append(float(np.sqrt(root)))
    return limits[0], limits[1]
