"""More variation between centers than chance and case mix explain: tau squared and phi.

Centers differ in ways that no risk model knows, so that limits for chance alone are too narrow for
good centers as well as bad ones. Two ways to widen them: an additive variance of the true log odds
ratios (or log O/E) between centers, tau squared; or a factor of all variances, phi. Both are
estimated from winsorised z-scores, so that the outliers looked for do not widen the limits that
should find them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import optimize, stats

from vpstats.errors import UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Vector = NDArray[np.float64]

FEWEST_FOR_PHI = 20
"""Centers below which a factor of all variances is not estimated."""
FEWEST = 3
"""Centers below which nothing is said of variation between them."""
LARGEST = 100.0


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


def winsorise(z: Vector, share: float) -> Vector:
    """Values beyond the quantiles `share` and ``1 - share`` set to these.

    Parameters
    ----------
    z : ndarray, shape (k,)
    share : float
        Share of centers at each end, 0.1 by custom.

    Raises
    ------
    UsageError
        Unless ``0 <= share < 0.5``.

    Examples
    --------
    >>> import numpy as np
    >>> winsorise(np.array([-5.0, -1.0, 0.0, 1.0, 9.0]), 0.25).tolist()
    [-1.0, -1.0, 0.0, 1.0, 1.0]
    """
    if not 0 <= share < 0.5:
        raise UsageError(f"winsorise is {share!r}; expected a share of at least 0 and below 0.5.")
    return np.clip(z, *np.quantile(z, [share, 1 - share])) if len(z) else z


def expected_square(share: float) -> float:
    """Mean square of a standard normal variable winsorised at its own quantiles.

    Examples
    --------
    >>> round(expected_square(0.0), 6), round(expected_square(0.1), 4)
    (1.0, 0.6787)
    """
    if share <= 0:
        return 1.0
    c = float(stats.norm.isf(share))
    return float(1 - 2 * share - 2 * c * stats.norm.pdf(c) + 2 * share * c**2)


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
    that expectation, and the published value stands beside (`phi_raw`, `tau_raw`). The interval
    of tau is that of the not winsorised Q (Viechtbauer 2007) and so holds outliers too.

    References
    ----------
    Spiegelhalter DJ. Handling over-dispersion of performance indicators. Quality and Safety in
    Health Care 2005;14:347-351. Spiegelhalter DJ et al. Statistical methods for healthcare
    regulation: rating, screening and surveillance. J R Stat Soc A 2012;175:1-47. Viechtbauer W.
    Confidence intervals for the amount of heterogeneity in meta-analysis. Statistics in Medicine
    2007;26:37-52.

    Examples
    --------
    >>> import numpy as np
    >>> found = estimate_dispersion(np.linspace(-4, 4, 25), np.full(25, 0.04))
    >>> round(found.phi, 2), round(found.tau, 2)
    (7.35, 0.52)
    """
    used = np.isfinite(z) & np.isfinite(variances) & (variances > 0)
    z, variances = z[used], variances[used]
    k = len(z)
    if k < FEWEST:
        reason = f"{k} centers with an expected number: variation between them is not estimated."
        return Dispersion(k, *(np.nan,), max(k - 1, 0), *(np.nan,) * 7, reason=reason)
    raw = float(np.mean(winsorise(z, winsorised) ** 2))
    fair = raw / expected_square(winsorised)
    few = k < FEWEST_FOR_PHI
    reason = f"phi is not estimated from {k} centers, fewer than {FEWEST_FOR_PHI}." if few else ""
    low, high = profile_interval(z * np.sqrt(variances), variances)
    statistic = float(z @ z)
    return Dispersion(
        n_centers=k,
        statistic=statistic,
        df=k - 1,
        p_value=float(stats.chi2.sf(statistic, k - 1)),
        phi=np.nan if few else max(1.0, fair),
        phi_raw=np.nan if few else raw,
        tau=additive(fair, k, variances),
        tau_low=low,
        tau_high=high,
        tau_raw=additive(raw, k, variances),
        reason=reason,
    )


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
