"""Resampling whole clusters and fitting again, with the same numbers for any number of workers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from vpstats.models.binary import BinaryRows, largest_log_odds
from vpstats.models.gformula import Population
from vpstats.models.penalties import estimate_rows
from vpstats.models.refit import refit_near

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]

_INFINITE = 30.0
"""Log odds beyond which a drawn sample counts as separated: where it is, the solver stops beyond
35, and no cohort is large enough for a risk of 1e-13."""
_CHUNK = 25
"""Replicates that a worker is handed at a time."""


@dataclass(frozen=True)
class Resampling:
    """What a worker needs.

    Parameters
    ----------
    rows : BinaryRows
        Rows of the fit.
    population : Population
        The same rows under each setting.
    penalty : str or None
        Of the fit.
    start : ndarray, shape (p,)
        Its coefficients, where each search begins.
    units : ndarray of int, shape (n,)
        What each row is drawn with, 0 to count - 1.
    """

    rows: BinaryRows
    population: Population
    penalty: str | None
    start: Vector
    units: NDArray[np.intp]


def sampling_units(rows: BinaryRows, ids: pd.Series | None) -> NDArray[np.intp]:
    """Number the units so that neither the order of rows nor the index matters, shape (n,).

    Clusters are numbered by their sorted ids, independent rows by their sorted values.
    """
    if ids is not None:
        labels = ids.astype(str) if ids.dtype == object else ids
        return np.asarray(pd.factorize(labels, sort=True)[0], dtype=np.intp)
    keys = [k for k in (rows.offset, rows.weights, rows.sign, *rows.X.T[::-1]) if k is not None]
    units = np.empty(len(rows), dtype=np.intp)
    units[np.lexsort(keys)] = np.arange(len(rows))
    return units


def resampled_risks(problem: Resampling, *, n_boot: int, seed: int, n_jobs: int | None) -> Matrix:
    """Mean risks of each replicate, shape (n_boot, k); NaN where it has no estimate.

    Each replicate has a seed of its own, so the numbers do not depend on the workers.
    """
    from joblib import Parallel, delayed

    seeds = np.random.SeedSequence(seed).spawn(n_boot)
    chunks = [seeds[i : i + _CHUNK] for i in range(0, n_boot, _CHUNK)]
    parts = Parallel(n_jobs=n_jobs)(delayed(_replicates)(problem, chunk) for chunk in chunks)
    return np.vstack(parts)


def _replicates(problem: Resampling, seeds: Sequence[np.random.SeedSequence]) -> Matrix:
    return np.array([_replicate(problem, np.random.default_rng(seed)) for seed in seeds])


def _replicate(problem: Resampling, rng: np.random.Generator) -> Vector:
    count = int(problem.units.max()) + 1
    drawn = np.bincount(rng.integers(0, count, count), minlength=count)[problem.units]
    times = drawn.astype(float)
    coefficients = _refit(problem, times)
    if coefficients is None:
        return np.full(len(problem.population.designs), np.nan)
    return problem.population.risks(coefficients, times)


def _refit(problem: Resampling, times: Vector) -> Vector | None:
    """Coefficients of the drawn rows; None where there are none."""
    rows = _draw(problem.rows, times)
    if problem.penalty is None:
        own = problem.rows.weights
        near = refit_near(problem.rows, times if own is None else times * own, problem.start)
        if near is not None:
            return near if largest_log_odds(rows, near) <= _INFINITE else None
    estimate = estimate_rows(rows, problem.penalty, problem.start)
    usable = estimate.found.converged and np.isfinite(estimate.covariance).all()
    far = usable and largest_log_odds(rows, estimate.coefficients) > _INFINITE
    return estimate.coefficients if usable and not far else None


def _draw(rows: BinaryRows, times: Vector) -> BinaryRows:
    """Rows weighted by how often they were drawn, without those that were not."""
    kept = times > 0
    weights = times if rows.weights is None else times * rows.weights
    offset = None if rows.offset is None else rows.offset[kept]
    return replace(rows, X=rows.X[kept], sign=rows.sign[kept], weights=weights[kept], offset=offset)
