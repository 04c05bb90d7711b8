"""The bootstrap over patients and the centers left out, the same for any number of workers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vpstats.models.validation.problems import Problem

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]
Codes = NDArray[np.intp]

_CHUNK, _FEWEST = 20, 2
"""Replicates that a worker is handed at a time, whose rows are gone over together; fewer of many
rows, but no fewer than these."""
_COUNTS = 400_000
"""Rows times replicates that a worker holds counts of."""


@dataclass(frozen=True)
class Replicates:
    """What the bootstrap gave.

    Parameters
    ----------
    optimism : ndarray, shape (m,)
        Mean over replicates of each measure on the replicate less that on the rows as given, both
        of the model fitted to the replicate.
    errors : ndarray, shape (m,)
        Standard deviation over replicates of each measure of the model as given.
    failed : int
        Replicates in which the model had no estimate; they are left out.
    """

    optimism: Vector
    errors: Vector
    failed: int


def bootstrap(
    problem: Problem,
    units: NDArray[np.intp],
    *,
    n_boot: int,
    seed: int,
    n_jobs: int | None,
    blocks: NDArray[np.intp] | None = None,
) -> Replicates:
    """Correct measures for the optimism of judging a model on the rows that made it.

    Parameters
    ----------
    problem : Problem
        Rows, predictions and how the model is fitted.
    units : ndarray of int, shape (n,)
        What rows are drawn with: patients, or each row by itself.
    n_boot : int
        Replicates.
    seed : int
        Each replicate has a stream of its own, so that the numbers do not depend on the workers.
    n_jobs : int, optional
        Workers, through joblib: whichever backend is active, its Dask one included.
    blocks : ndarray of int, shape (n,), optional
        Strata of the model: units are drawn within that of their first row, so that every
        stratum is in every replicate.

    Returns
    -------
    Replicates

    References
    ----------
    Harrell FE, Lee KL, Mark DB. Multivariable prognostic models: issues in developing models,
    evaluating assumptions and adequacy, and measuring and reducing errors. Stat Med
    1996;15:361-387.
    """
    from joblib import Parallel, delayed

    seeds = np.random.SeedSequence(seed).spawn(n_boot)
    size = min(_CHUNK, max(_FEWEST, _COUNTS // len(units)))
    chunks = [seeds[i : i + size] for i in range(0, n_boot, size)]
    pools = _pools(units, blocks)
    parts = Parallel(n_jobs=n_jobs)(
        delayed(_replicates)(problem, units, pools, chunk) for chunk in chunks
    )
    found = np.concatenate(parts)
    known = np.isfinite(found).any(axis=(1, 2))
    kept = found[known]
    if len(kept) < 2:
        blank = np.full(found.shape[2], np.nan)
        return Replicates(blank, blank, int((~known).sum()))
    return Replicates(
        optimism=_mean(kept[:, 0] - kept[:, 1]),
        errors=_spread(kept[:, 2]),
        failed=int((~known).sum()),
    )


def _mean(values: Matrix) -> Vector:
    """Mean of the replicates in which a measure exists; NaN where there is none."""
    counted = np.isfinite(values)
    total = np.where(counted, values, 0.0).sum(axis=0)
    count = counted.sum(axis=0)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _spread(values: Matrix) -> Vector:
    """Standard deviation over the replicates in which a measure exists."""
    counted = np.isfinite(values)
    apart = np.where(counted, values - _mean(values), 0.0)
    count = counted.sum(axis=0)
    return np.sqrt(np.where(count > 1, (apart**2).sum(axis=0) / np.maximum(count - 1, 1), np.nan))


def _pools(units: Codes, blocks: Codes | None) -> list[Codes]:
    """Units in groups within which they are drawn."""
    count = int(units.max()) + 1
    if blocks is None:
        return [np.arange(count)]
    block = np.zeros(count, dtype=np.intp)
    block[units[::-1]] = blocks[::-1]
    return [np.flatnonzero(block == b) for b in np.unique(block)]


def _replicates(
    problem: Problem,
    units: Codes,
    pools: Sequence[Codes],
    seeds: Sequence[np.random.SeedSequence],
) -> NDArray[np.float64]:
    """Measures of some replicates, shape (k, 3, m)."""
    rngs = (np.random.default_rng(seed) for seed in seeds)
    return problem.replicate(np.array([_drawn(units, pools, rng) for rng in rngs]))


def _drawn(units: Codes, pools: Sequence[Codes], rng: np.random.Generator) -> Codes:
    """How often each row is drawn."""
    count = sum(map(len, pools))
    chosen = [rng.integers(0, len(pool), len(pool)) for pool in pools]
    if len(pools) == 1:  # of all units
        return np.asarray(np.bincount(chosen[0], minlength=count)[units])
    picked = np.concatenate([pool[c] for pool, c in zip(pools, chosen, strict=True)])
    return np.asarray(np.bincount(picked, minlength=count)[units])


def leave_out(
    problem: Problem, groups: NDArray[np.intp], n_groups: int, n_jobs: int | None
) -> Matrix:
    """Measures on each group of the model fitted to all others, shape (n_groups, m).

    References
    ----------
    Steyerberg EW, Harrell FE. Prediction models need appropriate internal, internal-external, and
    external validation. J Clin Epidemiol 2016;69:245-247.
    """
    from joblib import Parallel, delayed

    parts = Parallel(n_jobs=n_jobs)(delayed(_left_out)(problem, groups, g) for g in range(n_groups))
    return np.array(parts)


def _left_out(problem: Problem, groups: NDArray[np.intp], group: int) -> Vector:
    inside = groups == group
    predictions = problem.refit((~inside).astype(np.intp))
    if predictions is None or not np.isfinite(predictions[inside]).all():
        return np.full_like(problem.judge(problem.predictions, [None])[0], np.nan)
    known = np.where(np.isfinite(predictions), predictions, problem.predictions)
    return problem.judge(known, [inside.astype(np.intp)])[0]
