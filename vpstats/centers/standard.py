"""Crude, indirectly and directly standardised rates of each center, with limits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import special

from vpstats.centers.benchmark import levels_of
from vpstats.models.shares import clopper_pearson

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vpstats.centers.reading import Places
    from vpstats.centers.sums import CenterSums

    Vector = NDArray[np.float64]
    Codes = NDArray[np.intp]

_POINTS = 4_096
"""The case mix of a larger network is condensed to so many points, as good as of equal weight; the
mean risk over them differs from that over all rows by less than 1e-6."""


def standard_rates(sums: CenterSums, shift: Vector, places: Places, level: float) -> pd.DataFrame:
    """Rates of each center: as seen, per its case mix, and at the network's case mix.

    Parameters
    ----------
    sums : CenterSums
        Observed and expected of k centers.
    shift : ndarray, shape (n,)
        Log odds that covariates add to each row, from the model with center effects.
    places : Places
        Center of each row.
    level : float
        Confidence level.

    Returns
    -------
    DataFrame
        ``center_id, crude, indirect, indirect_low, indirect_high, direct, std_error, direct_low,
        direct_high``. `indirect` is observed over expected times the network's rate. `direct` is
        the mean risk if the whole network's patients were treated at the center: its own level of
        log odds with the shared slopes. Limits are exact (Clopper and Pearson) of the center's own
        count on its effective size, carried to each scale; with no event the lower one is 0 and the
        upper one is not. They take the slopes and the other centers' rate as known.

    References
    ----------
    Clopper CJ, Pearson ES. The use of confidence or fiducial limits illustrated in the case of the
    binomial. Biometrika 1934;26:404-413. Varewyck M, Goetghebeur E, Eriksson M, Vansteelandt S. On
    shrinkage and model extrapolation in the evaluation of clinical center performance.
    Biostatistics 2014;15:651-664.
    """
    network = condense(shift)
    shares = (sums.observed / sums.n, *_share_limits(sums, level))
    levels = [levels_of(shift, places.center, share * sums.n) for share in shares]
    direct = [_direct(found, network) for found in levels]
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(sums.expected > 0, sums.n / sums.expected * sums.benchmark, np.nan)
    error = _errors(levels[0], shift, places.center, network, sums.design_effect)
    return pd.DataFrame(
        {
            "center_id": sums.centers,
            "crude": shares[0],
            "indirect": shares[0] * ratio,
            "indirect_low": shares[1] * ratio,
            "indirect_high": shares[2] * ratio,
            "direct": direct[0],
            "std_error": error,
            "direct_low": direct[1],
            "direct_high": direct[2],
        }
    )[RATE_COLUMNS]


RATE_COLUMNS = [
    "center_id", "crude", "indirect", "indirect_low", "indirect_high", "direct", "std_error",
    "direct_low", "direct_high",
]  # fmt: skip
"""Columns of a table of rates."""


def _share_limits(sums: CenterSums, level: float) -> tuple[Vector, Vector]:
    pairs = [
        clopper_pearson(o / d, n / d, level)
        for o, n, d in zip(sums.observed, sums.n, sums.design_effect, strict=True)
    ]
    low, high = np.array(pairs).reshape(-1, 2).T
    return low, high


def condense(shift: Vector, points: int = _POINTS) -> Vector:
    """Points of equal weight that stand for many values: means of runs of the sorted ones.

    Parameters
    ----------
    shift : ndarray, shape (n,)
        Values.
    points : int
        How many points; up to twice as many values stay as they are.

    Returns
    -------
    ndarray
        Ascending.

    Examples
    --------
    >>> import numpy as np
    >>> condense(np.array([3.0, 1.0])).tolist()
    [1.0, 3.0]
    """
    ordered = np.sort(shift)
    if len(ordered) <= 2 * points or ordered[0] == ordered[-1]:
        return ordered[:1] if len(ordered) and ordered[0] == ordered[-1] else ordered
    runs = np.array_split(ordered, points)
    return np.array([run.mean() for run in runs])


def _direct(levels: Vector, network: Vector) -> Vector:
    """Mean risk of the network's rows at each level."""
    return np.array([float(special.expit(level + network).mean()) for level in levels])


def _errors(
    levels: Vector, shift: Vector, center: Codes, network: Vector, effect: Vector
) -> Vector:
    """Standard errors of direct rates, by the delta method; NaN where nothing varies."""
    risk = special.expit(levels[center] + shift)
    information = np.bincount(center, risk * (1 - risk), len(levels)) / effect
    there = [special.expit(level + network) for level in levels]
    slope = np.array([float((r * (1 - r)).mean()) for r in there])
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(np.isfinite(levels), slope / np.sqrt(information), np.nan)
