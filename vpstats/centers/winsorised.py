"""What winsorising at a sample's own quantiles does to the squares of standard normal values."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from scipy import special, stats

from vpstats.errors import UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Vector = NDArray[np.float64]

_REACH, _POINTS = 9.0, 12_001
"""Where the normal density ends for our purposes, and points on the way."""
_LARGE = 300
"""Values from which on the difference to a large sample falls as one over their number."""


def winsorise(z: Vector, share: float) -> Vector:
    """Values beyond the quantiles `share` and ``1 - share`` set to these.

    Parameters
    ----------
    z : ndarray, shape (k,) or (k, m)
        Samples are columns.
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
    return np.clip(z, *np.quantile(z, [share, 1 - share], axis=0)) if len(z) else z


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


@lru_cache(maxsize=1024)
def sample_square(k: int, share: float) -> float:
    """Mean square of k standard normal values winsorised at the quantiles of the k.

    A few values have wider quantiles of their own than the distribution has.

    Parameters
    ----------
    k : int
        Values; at least 2.
    share : float
        Share winsorised at each end, at the linearly interpolated quantiles.

    Examples
    --------
    >>> sample_square(12, 0.0), round(sample_square(12, 0.1), 4)
    (1.0, 0.7165)
    """
    if share <= 0:
        return 1.0
    if k > _LARGE:
        beyond = sample_square(_LARGE, share) - expected_square(share)
        return expected_square(share) + beyond * _LARGE / k
    place = (k - 1) * share
    j, part = int(place), place - int(place)
    inner = _squares_of_orders(k, j + 1, k - 2 - j)
    end = (1 - part) ** 2 * _squares_of_orders(k, j, j)
    if part > 0:
        end += part**2 * _squares_of_orders(k, j + 1, j + 1)
        end += 2 * part * (1 - part) * _product_of_orders(k, j)
    return float((inner + 2 * (j + 1) * end) / k)


def _grid() -> Vector:
    return np.linspace(-_REACH, _REACH, _POINTS)


def _squares_of_orders(k: int, first: int, last: int) -> float:
    """Sum of mean squares of order statistics, with `first` to `last` of k values below each."""
    x = _grid()
    below = stats.norm.cdf(x)
    share = stats.binom.cdf(last, k - 1, below) - stats.binom.cdf(first - 1, k - 1, below)
    return float(k * np.trapezoid(x**2 * stats.norm.pdf(x) * share, x))


def _product_of_orders(k: int, i: int) -> float:
    """Mean product of the order statistics with i and with i + 1 of the k values below them."""
    x = _grid()
    density = stats.norm.pdf(x)
    below = x * density * np.exp(i * special.log_ndtr(x))
    above = x * density * np.exp((k - 2 - i) * special.log_ndtr(-x))
    step = x[1] - x[0]
    inside = np.concatenate([[0.0], np.cumsum((below[1:] + below[:-1]) / 2) * step])
    factor = np.exp(special.gammaln(k + 1) - special.gammaln(i + 1) - special.gammaln(k - 1 - i))
    return float(factor * np.trapezoid(above * inside, x))


@lru_cache(maxsize=64)
def square_variance(share: float) -> float:
    """Variance, times the sample's size, of the mean square of a winsorised large sample.

    By its influence function: what a value adds itself, and by moving the quantiles.

    References
    ----------
    Huber PJ, Ronchetti EM. Robust Statistics. Wiley, 2009, section 3.3.

    Examples
    --------
    >>> square_variance(0.0), round(square_variance(0.1), 2)
    (2.0, 1.3)
    """
    if share <= 0:
        return 2.0
    x, c = np.linspace(-_REACH, _REACH, 10 * _POINTS), float(stats.norm.isf(share))
    density = float(stats.norm.pdf(c))
    upper = ((1 - share) - (x <= c)) / density
    lower = (share - (x <= -c)) / density
    influence = np.clip(x, -c, c) ** 2 - expected_square(share) + 2 * c * share * (upper - lower)
    return float(np.trapezoid(influence**2 * stats.norm.pdf(x), x))
