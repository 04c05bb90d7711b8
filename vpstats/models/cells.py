"""Smooth functions of the shares of a table's cells, with variances that respect clusters.

A table of counts is all that agreement, accuracy and paired proportions rest on. Each statistic is
written once, as a function of the cells' shares; its slope is the exact derivative, from which
follow the multinomial variance, the variance between clusters and the jackknife.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vpstats.models.shares import RatioSum, ratio_sum

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]
Codes = NDArray[np.int64]
Function = Callable[[NDArray[Any]], NDArray[Any]]

_STEP = 1e-30
"""Imaginary step: its square is lost against 1, so the derivative is exact to rounding."""


@dataclass(frozen=True, slots=True)
class CellRows:
    """Rows of a table of counts.

    Parameters
    ----------
    cell : ndarray of int, shape (n,)
        Cell that each row falls into.
    size : int
        Number of cells.
    cluster : ndarray of int, shape (n,), optional
        Codes of the clusters.
    """

    cell: Codes
    size: int
    cluster: Codes | None = None

    def __len__(self) -> int:
        return int(self.cell.size)

    @property
    def counts(self) -> Vector:
        """Rows of each cell, shape (size,)."""
        return np.bincount(self.cell, minlength=self.size).astype(np.float64)

    @property
    def n_clusters(self) -> int | None:
        """Number of clusters; None where rows are independent."""
        return None if self.cluster is None else int(np.unique(self.cluster).size)

    @property
    def df(self) -> float:
        """Degrees of freedom of intervals: infinite, or clusters − 1."""
        clusters = self.n_clusters
        return np.inf if clusters is None else float(max(1, clusters - 1))

    def by_cluster(self) -> Matrix:
        """Counts of each cluster, shape (clusters, size)."""
        assert self.cluster is not None  # noqa: S101  # asked of clustered rows alone
        codes = np.unique(self.cluster, return_inverse=True)[1]
        flat = np.bincount(codes * self.size + self.cell, minlength=(codes.max() + 1) * self.size)
        return flat.reshape(-1, self.size).astype(np.float64)


def slopes(function: Function, shares: Vector) -> Matrix:
    """Exact derivatives of a function of shares.

    Parameters
    ----------
    function : callable
        From shares, shape (cells,), to statistics, shape (q,); arithmetic and logarithms only.
    shares : ndarray, shape (cells,)
        Where to differentiate.

    Returns
    -------
    ndarray, shape (q, cells)

    References
    ----------
    Squire W, Trapp G. Using complex variables to estimate derivatives of real functions. SIAM Rev
    1998;40:110-112.

    Examples
    --------
    >>> import numpy as np
    >>> slopes(lambda p: np.array([p[0] * p[1], np.log(p[0])]), np.array([0.5, 0.25])).tolist()
    [[0.25, 0.5], [2.0, 0.0]]
    """
    columns = []
    with np.errstate(all="ignore"):
        for k in range(shares.size):
            moved = shares.astype(complex)
            moved[k] += 1j * _STEP
            columns.append(np.imag(function(moved)) / _STEP)
    return np.column_stack(columns)


def estimate(rows: CellRows, function: Function) -> tuple[Vector, Matrix]:
    """Statistics of a table and their covariance by the delta method.

    Parameters
    ----------
    rows : CellRows
        The table; shares are of its rows.
    function : callable
        As in `slopes`; its values must not change when all shares are multiplied.

    Returns
    -------
    values : ndarray, shape (q,)
        May be infinite or NaN where cells are empty.
    covariance : ndarray, shape (q, q)
        Multinomial where rows are independent. Between clusters, with the factor K/(K − 1),
        where they are not; NaN with one cluster.

    References
    ----------
    Obuchowski NA. On the comparison of correlated proportions for clustered data. Stat Med
    1998;17:1495-1507.
    """
    shares = rows.counts / max(1, len(rows))
    with np.errstate(all="ignore"):
        values = np.real(function(shares.astype(complex)))
        gradient = slopes(function, shares)
        influence = gradient - (gradient @ shares)[:, None]
        if rows.cluster is None:
            return values, (influence * shares) @ influence.T / max(1, len(rows))
        sums = rows.by_cluster() @ influence.T
        clusters = len(sums)
        factor = clusters / (clusters - 1) if clusters > 1 else np.nan
        return values, factor * (sums.T @ sums) / len(rows) ** 2


def jackknife(rows: CellRows, function: Function) -> Matrix:
    """Covariance of statistics by leaving out one cluster (or row) at a time.

    Parameters
    ----------
    rows, function
        As in `estimate`.

    Returns
    -------
    ndarray, shape (q, q)
        (K − 1)/K times the sum of squares about the mean of the K values.

    References
    ----------
    Efron B, Stein C. The jackknife estimate of variance. Ann Stat 1981;9:586-596.
    """
    if rows.cluster is None:
        used = np.flatnonzero(rows.counts)
        left_out, times = np.eye(rows.size)[used], rows.counts[used]
    else:
        left_out, repeats = np.unique(rows.by_cluster(), axis=0, return_counts=True)
        times = repeats.astype(np.float64)
    with np.errstate(all="ignore"):
        rest = rows.counts - left_out
        values = np.array([np.real(function((part / part.sum()).astype(complex))) for part in rest])
        total = times.sum()
        apart = values - (times @ values) / total
        return np.asarray((total - 1) / total * (apart.T * times) @ apart, dtype=np.float64)


def ratio_of(rows: CellRows, numerator: Vector, denominator: Vector) -> RatioSum:
    """Share of some cells among others, for the interval of a proportion.

    Parameters
    ----------
    rows : CellRows
        The table.
    numerator, denominator : ndarray of 0 and 1, shape (cells,)
        Cells that are counted; those of the numerator are among those of the denominator.

    Returns
    -------
    RatioSum
        Its variance is that of a part of the table: all clusters were drawn, also those without
        a row in the denominator.
    """
    counted = denominator[rows.cell] > 0
    cluster = None if rows.cluster is None else rows.cluster[counted]
    events = numerator[rows.cell][counted]
    return ratio_sum(events, np.ones(events.size), cluster, rows.n_clusters)
