"""The variance of a center's count where rows of one patient are alike."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from vpstats.models.covariance import Clusters, make_clusters

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Vector = NDArray[np.float64]
    Codes = NDArray[np.intp]


def patients_of_centers(cluster: Codes, center: Codes) -> Clusters:
    """Number the patients of each center: one treated at two centers counts at both.

    Parameters
    ----------
    cluster, center : ndarray of int, shape (n,)
        Patient and center of each row.

    Examples
    --------
    >>> import numpy as np
    >>> patients_of_centers(np.array([0, 0, 0]), np.array([1, 1, 2])).codes.tolist()
    [0, 0, 1]
    """
    width = int(center.max(initial=0)) + 1
    return make_clusters(cluster.astype(np.int64) * width + center)


def within_correlation(residual: Vector, variance: Vector, patients: Clusters) -> float:
    """Correlation of two rows of one patient, one value for the whole network.

    Parameters
    ----------
    residual : ndarray, shape (n,)
        Outcome minus its mean, the center's own level included in the mean: else differences
        between centers would pass for likeness of a patient's rows.
    variance : ndarray, shape (n,)
        Variance of each outcome.
    patients : Clusters
        Patient of each row.

    Returns
    -------
    float
        ``sum of products of residuals over pairs / sum of sqrt(v v')``, so that the variances of
        patients' sums add up to their sum of squares; between 0 and 1. Rows that seem less alike
        than strangers count as strangers. 0 where no patient has two rows.

    References
    ----------
    Liang KY, Zeger SL. Longitudinal data analysis using generalized linear models. Biometrika
    1986;73:13-22.

    Examples
    --------
    >>> import numpy as np
    >>> from vpstats.models.covariance import make_clusters
    >>> residual = np.array([0.5, 0.5, -0.5, -0.5])
    >>> within_correlation(residual, np.full(4, 0.25), make_clusters(list("aabb")))
    1.0
    """
    products = _pairs(residual, residual**2, patients)
    most = _pairs(np.sqrt(variance), variance, patients)
    if not most > 0:
        return 0.0
    return float(np.clip(products / most, 0.0, 1.0))


def _pairs(values: Vector, squares: Vector, patients: Clusters) -> float:
    """Sum of the products of all ordered pairs of different rows of one patient."""
    sums = np.bincount(patients.codes, values, patients.count)
    several = np.bincount(patients.codes, minlength=patients.count) > 1
    own = np.bincount(patients.codes, squares, patients.count)
    return float((sums[several] ** 2 - own[several]).sum())


def center_variance(
    variance: Vector, center: Codes, k: int, patients: Clusters, correlation: float
) -> tuple[Vector, Vector]:
    """Variance of each center's count, and over that of independent rows.

    The correlation is that of the whole network; which risks a center has, and how many rows each
    of its patients, is the center's own. So a center with few patients has no variance of its own
    to be unsure of.

    Parameters
    ----------
    variance : ndarray, shape (n,)
        Variance of each row's outcome.
    center : ndarray of int, shape (n,)
        Center of each row.
    k : int
        Number of centers.
    patients : Clusters
        Patient of each row, as `patients_of_centers` numbers them.
    correlation : float
        Of two rows of one patient.

    Returns
    -------
    variance, design_effect : ndarray, shape (k,)
        The design effect is exactly 1 where rows are independent.

    Examples
    --------
    >>> import numpy as np
    >>> from vpstats.models.covariance import make_clusters
    >>> pairs = make_clusters([0, 0, 1])
    >>> center_variance(np.full(3, 0.25), np.array([0, 0, 1]), 2, pairs, 0.5)
    (array([0.75, 0.25]), array([1.5, 1. ]))
    """
    alone = np.bincount(center, variance, k)
    if correlation == 0:
        return np.asarray(alone, dtype=float), np.ones(k)
    root = np.sqrt(variance)
    sums = np.bincount(patients.codes, root, patients.count) ** 2
    own = np.bincount(patients.codes, variance, patients.count)
    several = np.bincount(patients.codes, minlength=patients.count) > 1
    home = np.zeros(patients.count, dtype=np.intp)
    home[patients.codes] = center
    extra = np.bincount(home[several], (sums - own)[several], k)
    total = alone + correlation * extra
    effect: Any = np.divide(total, alone, out=np.ones(k), where=alone > 0)
    return total, effect
