"""Intervals of a proportion, and what clusters do to them.

Where rows are clustered an interval is computed for the effective sample size: the number of
independent rows that would carry as much information. Without clusters (design effect 1) it is
the textbook interval.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from vpstats.errors import UsageError
from vpstats.frames import Frame, Imputations, open_data
from vpstats.models.columns import require_columns
from vpstats.models.followup import codes_of
from vpstats.results import critical_value, require_level

Vector = NDArray[np.float64]
Codes = NDArray[np.int64]
Limits = tuple[float, float]
Method = Literal["clopper-pearson", "wilson", "wald", "agresti-coull", "jeffreys"]

ALL = "All"
"""Name of the group of every row."""


def clopper_pearson(events: float, size: float, level: float) -> Limits:
    """Exact limits of a proportion.

    Parameters
    ----------
    events, size : float
        Events and rows; effective sizes need not be whole numbers.
    level : float
        Confidence level.

    Returns
    -------
    tuple of float
        Lower and upper limit.

    References
    ----------
    Clopper CJ, Pearson ES. Biometrika 1934;26:404-413.

    Examples
    --------
    >>> [round(limit, 4) for limit in clopper_pearson(0, 10, 0.95)]
    [0.0, 0.3085]
    """
    tail = (1 - require_level(level)) / 2
    low = stats.beta.ppf(tail, events, size - events + 1) if events > 0 else 0.0
    high = stats.beta.ppf(1 - tail, events + 1, size - events) if events < size else 1.0
    return float(low), float(high)


def wilson(events: float, size: float, level: float) -> Limits:
    """Score limits of a proportion.

    Parameters
    ----------
    events, size, level : float
        As in `clopper_pearson`.

    Returns
    -------
    tuple of float
        Lower and upper limit.

    References
    ----------
    Wilson EB. J Am Stat Assoc 1927;22:209-212.

    Examples
    --------
    >>> [round(limit, 4) for limit in wilson(1, 10, 0.95)]
    [0.0179, 0.4042]
    """
    z2 = float(critical_value(level)) ** 2
    p = events / size
    centre = (events + z2 / 2) / (size + z2)
    half = np.sqrt(z2 * (p * (1 - p) * size + z2 / 4)) / (size + z2)
    # at 0 or all events one limit is exact, which rounding would miss
    low = 0.0 if events <= 0 else centre - half
    high = 1.0 if events >= size else centre + half
    return float(low), float(high)


def wald(events: float, size: float, level: float) -> Limits:
    """Limits at a multiple of the standard error, cut at 0 and 1.

    They are too narrow for few events, and of no width at 0 or all; they are here because they
    are in print.

    Parameters
    ----------
    events, size, level : float
        As in `clopper_pearson`.

    Returns
    -------
    tuple of float
        Lower and upper limit.

    References
    ----------
    Brown LD, Cai TT, DasGupta A. Interval estimation for a binomial proportion. Stat Sci
    2001;16:101-133.

    Examples
    --------
    >>> [round(limit, 4) for limit in wald(3, 10, 0.95)]
    [0.016, 0.584]
    """
    p = events / size
    half = float(critical_value(level)) * np.sqrt(p * (1 - p) / size)
    return float(max(0.0, p - half)), float(min(1.0, p + half))


def agresti_coull(events: float, size: float, level: float) -> Limits:
    """Wald limits about the centre of Wilson's, cut at 0 and 1.

    Parameters
    ----------
    events, size, level : float
        As in `clopper_pearson`.

    Returns
    -------
    tuple of float
        Lower and upper limit.

    References
    ----------
    Agresti A, Coull BA. Am Stat 1998;52:119-126.

    Examples
    --------
    >>> [round(limit, 4) for limit in agresti_coull(3, 10, 0.95)]
    [0.1033, 0.6077]
    """
    z2 = float(critical_value(level)) ** 2
    return wald(events + z2 / 2, size + z2, level)


def jeffreys(events: float, size: float, level: float) -> Limits:
    """Equal-tailed limits under Jeffreys' prior; 0 and 1 at no and at all events.

    Parameters
    ----------
    events, size, level : float
        As in `clopper_pearson`.

    Returns
    -------
    tuple of float
        Lower and upper limit.

    References
    ----------
    Brown LD, Cai TT, DasGupta A (2001).

    Examples
    --------
    >>> [round(limit, 4) for limit in jeffreys(3, 10, 0.95)]
    [0.0927, 0.6058]
    """
    tail = (1 - require_level(level)) / 2
    a, b = events + 0.5, size - events + 0.5
    low = stats.beta.ppf(tail, a, b) if events > 0 else 0.0
    high = stats.beta.ppf(1 - tail, a, b) if events < size else 1.0
    return float(low), float(high)


PROPORTION_LIMITS: dict[str, Callable[[float, float, float], Limits]] = {
    "clopper-pearson": clopper_pearson,
    "wilson": wilson,
    "wald": wald,
    "agresti-coull": agresti_coull,
    "jeffreys": jeffreys,
}
"""Interval methods of a proportion by name."""


@dataclass(frozen=True, slots=True)
class RatioSum:
    """Counts of one group: a ratio of sums and what is needed for its variance.

    Parameters
    ----------
    events, size : float
        Totals of the numerator and the denominator.
    rows : int
        Rows.
    clusters : int or None
        Clusters; None where rows are independent.
    spread : float
        Sum over clusters of (numerator − ratio × denominator)².
    drawn : int, optional
        Clusters of the table that these rows are part of; their own if None.
    """

    events: float
    size: float
    rows: int
    clusters: int | None
    spread: float
    drawn: int | None = None

    @property
    def ratio(self) -> float:
        """Events over size; NaN without any size."""
        return self.events / self.size if self.size > 0 else np.nan

    @property
    def variance(self) -> float:
        """Variance of the ratio between clusters, linearised."""
        drawn = self.clusters if self.drawn is None else self.drawn
        if drawn is None or drawn < 2 or not self.size > 0:
            return np.nan
        return drawn / (drawn - 1) * self.spread / self.size**2

    @property
    def binomial_variance(self) -> float:
        """Variance of the ratio, were the rows independent."""
        return self.ratio * (1 - self.ratio) / self.size if self.size > 0 else np.nan

    def design_effect(self, independent: float) -> float:
        """Variance over that of independent rows; at least 1.

        Where no variance can be seen (no event, or nothing but events, or one cluster), a
        cluster counts as one row, which is the most careful assumption.
        """
        if self.clusters is None:
            return 1.0
        if not (independent > 0 and np.isfinite(self.variance)):
            return max(1.0, self.rows / self.clusters) if self.clusters else 1.0
        return max(1.0, self.variance / independent)


def ratio_sum(
    numerator: Vector, denominator: Vector, cluster: Codes | None, drawn: int | None = None
) -> RatioSum:
    """Sum a numerator and a denominator over rows, by cluster where there are any.

    Parameters
    ----------
    numerator, denominator : ndarray, shape (n,)
        What is summed.
    cluster : ndarray of int, shape (n,), optional
        Codes of the clusters.
    drawn : int, optional
        Clusters of the table that these rows are part of.
    """
    events, size = float(numerator.sum()), float(denominator.sum())
    if cluster is None:
        return RatioSum(events, size, numerator.size, None, np.nan)
    residual = numerator - (events / size if size > 0 else np.nan) * denominator
    sums = np.bincount(cluster, residual)
    clusters = int(np.unique(cluster).size)
    return RatioSum(events, size, numerator.size, clusters, float(sums @ sums), drawn)


def effective_size(size: float, effect: float, clusters: int | None, level: float) -> float:
    """Independent rows that carry as much information as clustered ones.

    Parameters
    ----------
    size : float
        Rows.
    effect : float
        Design effect.
    clusters : int or None
        Clusters; None where rows are independent.
    level : float
        Confidence level of the interval that the size is for.

    Returns
    -------
    float
        ``size / effect``, and less where clusters are few: degrees of freedom are the clusters'.

    References
    ----------
    Korn EL, Graubard BI. Confidence intervals for proportions with small expected number of
    positive counts estimated from survey data. Surv Methodol 1998;24:193-201.
    """
    if clusters is None or size <= 1:
        return size
    wider = critical_value(level, size - 1) / critical_value(level, max(1, clusters - 1))
    return min(size, size / effect * float(wider) ** 2)


def share_limits(total: RatioSum, method: str, level: float) -> Limits:
    """Limits of a proportion of independent or clustered rows.

    Parameters
    ----------
    total : RatioSum
        Events and rows.
    method : str
        One of `PROPORTION_LIMITS`.
    level : float
        Confidence level.

    Returns
    -------
    tuple of float
        Lower and upper limit; NaN without rows, and for a Wald interval at 0 or all events,
        which would have no width.
    """
    if not total.size:
        return np.nan, np.nan
    p = total.ratio
    if method == "wald":
        return _wald_share(total, level)
    effect = total.design_effect(total.binomial_variance)
    size = effective_size(total.size, effect, total.clusters, level)
    return PROPORTION_LIMITS[method](p * size, size, level)


def _wald_share(total: RatioSum, level: float) -> Limits:
    if total.ratio in (0.0, 1.0):
        return np.nan, np.nan
    if total.clusters is None:
        return wald(total.events, total.size, level)
    half = critical_value(level, max(1, total.clusters - 1)) * np.sqrt(total.variance)
    return float(np.maximum(0.0, total.ratio - half)), float(np.minimum(1.0, total.ratio + half))


def share_error(total: RatioSum) -> float:
    """Standard error of a proportion of independent or clustered rows."""
    variance = total.binomial_variance if total.clusters is None else total.variance
    return float(np.sqrt(variance))


def members(data: pd.DataFrame, by: str | None) -> list[tuple[str, NDArray[np.intp]]]:
    """Name and row positions of each group, in order; one group of all rows without `by`."""
    if by is None:
        return [(ALL, np.arange(len(data)))]
    require_columns(data, [by])
    codes, names = codes_of(data[by])
    return [(str(name), np.flatnonzero(codes == i)) for i, name in enumerate(names)]


def open_observed(
    data: pd.DataFrame | Frame, *, cluster: str | None = None, independent: str | None = None
) -> Frame:
    """Open data of which a table is made; imputed copies are refused.

    Parameters
    ----------
    data : DataFrame or Frame
        The rows.
    cluster, independent : str, optional
        As in `vpstats.frames.open_data`.

    Returns
    -------
    Frame
        With the cluster to use, which is a column of the data.

    Raises
    ------
    UsageError
        For `Imputations`, and as `open_data` does.
    """
    if isinstance(data, Imputations):
        raise UsageError(
            "a table describes what was observed; give the data before imputation, in which "
            "missing values are counted."
        )
    if cluster is not None:
        require_columns(data.data if isinstance(data, Frame) else data, [cluster])
    return open_data(data, cluster=cluster, independent=independent)


def frame_clusters(frame: Frame) -> Codes | None:
    """Codes of the frame's clusters, shape (n,); None where rows are independent."""
    return None if frame.cluster is None else codes_of(frame.data[frame.cluster])[0]


def one_of(argument: str, value: object, allowed: Iterable[str]) -> str:
    """Check a named choice; underscores are read as hyphens.

    Raises
    ------
    UsageError
        Listing the names that exist.
    """
    names = list(allowed)
    name = value.replace("_", "-") if isinstance(value, str) else value
    if name not in names:
        listed = ", ".join(f"'{n}'" for n in names)
        raise UsageError(f"{argument} is {value!r}; expected one of {listed}.")
    return str(name)
