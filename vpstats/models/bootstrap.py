"""Resampling whole clusters and fitting again, with the same numbers for any number of workers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from vpstats.models.binary import BinaryRows
from vpstats.models.gformula import Population
from vpstats.models.grouping import rank_rows
from vpstats.models.refit import refit_drawn

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]

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
    keys = (*rows.X.T, rows.sign, rows.weights, rows.offset)
    return rank_rows([key for key in keys if key is not None])


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
    coefficients = refit_drawn(problem.rows, times, problem.penalty, problem.start)
    if coefficients is None:
        return np.full(len(problem.population.designs), np.nan)
    return problem.population.risks(coefficients, times)
