"""Run lengths by simulation: the check of every limit, and answers where no chain serves."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from vpstats.centers.monitoring.hazard import daily_sums, read_baseline, read_followed
from vpstats.centers.monitoring.survival import chart_days, require_hazard_ratio
from vpstats.centers.monitoring.weights import (
    event_weight,
    none_weight,
    read_risks,
    require_odds_ratio,
)
from vpstats.errors import UsageError

Vector = NDArray[np.float64]
Rows = NDArray[np.int64]

_SLACK = 1e-9
_BLOCK = 256
"""Rows drawn at once."""


def simulate_run_lengths(
    risks: Any,
    limit: float,
    *,
    odds_ratio: float = 2.0,
    true_odds_ratio: float = 1.0,
    true_risks: Any = None,
    head_start: float = 0.0,
    in_order: bool = False,
    runs: int = 2_000,
    longest: int = 1_000_000,
    seed: int = 0,
) -> Rows:
    """Simulate how many rows a risk-adjusted CUSUM runs until it signals.

    Parameters
    ----------
    risks : array_like, shape (n,)
        Risks that the chart assumes.
    limit : float
        Where it signals.
    odds_ratio : float
        The odds ratio that it looks for.
    true_odds_ratio : float
        Real odds over those of `true_risks`; 1 for runs in control.
    true_risks : array_like, shape (n,), optional
        Real risks of the same rows; those assumed if None.
    head_start : float
        Share of the limit that charts begin at.
    in_order : bool
        Whether rows come in the order given, from the first, over and over, so that the case mix
        changes as it does there; otherwise each is drawn at random.
    runs : int
        Number of charts.
    longest : int
        Rows after which a chart is stopped; its run length is then this number.
    seed : int
        Seed of the draws.

    Returns
    -------
    ndarray of int, shape (runs,)
        Ascending.

    Raises
    ------
    UsageError
        For risks outside of 0 and 1 or options that make no sense.

    Examples
    --------
    >>> lengths = simulate_run_lengths([0.1], 0.5, runs=4000, seed=1)  # signals at every event
    >>> bool(abs(lengths.mean() - 10) < 0.6)
    True
    """
    assumed = read_risks(risks)
    real = assumed if true_risks is None else read_risks(true_risks)
    if real.shape != assumed.shape or not len(assumed) or not limit > 0 or runs < 1:
        raise UsageError("risks and true_risks must be as many, limit above 0, runs 1 or more.")
    real = true_odds_ratio * real / (1 + (true_odds_ratio - 1) * real)
    none = none_weight(assumed, require_odds_ratio(odds_ratio))
    rng = np.random.default_rng(seed)
    values, lengths, row = np.full(runs, head_start * limit), [], 0
    while len(values) and row < longest:
        size = min(_BLOCK, longest - row)
        if in_order:
            who = np.broadcast_to((row + np.arange(size)) % len(assumed), (len(values), size))
        else:
            who = rng.integers(0, len(assumed), (len(values), size))
        happened = rng.random(who.shape) < real[who]
        weights = none[who] + event_weight(odds_ratio) * happened
        values, ended = _advance(values, weights, limit)
        lengths.append(row + ended)
        row += size
    rest = np.full(len(values), longest)
    return np.sort(np.concatenate([*lengths, rest])).astype(np.int64)


def _advance(values: Vector, weights: Vector, limit: float) -> tuple[Vector, Rows]:
    """Charts that go on after a block of rows, and the rows (from 1) at which others ended."""
    total = values[:, None] + np.cumsum(weights, axis=1)
    path = total - np.minimum(np.minimum.accumulate(total, axis=1), 0.0)
    high = path >= limit - _SLACK
    ended = high.any(axis=1)
    return path[~ended, -1], high[ended].argmax(axis=1) + 1


def simulate_survival_alarms(
    start: Any,
    *,
    baseline: Any,
    horizon: float,
    as_of: Any,
    limit: float,
    relative: Any = None,
    hazard_ratio: float = 2.0,
    true_hazard_ratio: float = 1.0,
    head_start: float = 0.0,
    runs: int = 200,
    seed: int = 0,
) -> float:
    """Simulate how often a survival CUSUM signals by the as-of date, for a center's own patients.

    Parameters
    ----------
    start, baseline, horizon, as_of, relative, hazard_ratio, head_start
        As in `survival_cusum`.
    limit : float
        Where the chart signals.
    true_hazard_ratio : float
        Real hazard over the one expected; 1 for false alarms.
    runs : int
        Number of simulated centers.
    seed : int
        Seed of the draws.

    Returns
    -------
    float
        Share of the runs with a signal.

    Raises
    ------
    UsageError
        As `survival_cusum`.
    """
    ratio = require_hazard_ratio(hazard_ratio)
    rises = read_baseline(baseline, int(horizon))
    hazards = np.ones(len(start)) if relative is None else np.asarray(relative, dtype=float)
    rng, signalled = np.random.default_rng(seed), 0
    total = np.cumsum(rises)
    for _ in range(runs):
        reached = rng.exponential(size=len(hazards)) / np.maximum(
            hazards * true_hazard_ratio, 1e-300
        )
        day = np.searchsorted(total, reached)  # the day on which the hazard exceeds the draw
        rows = read_followed(start, day, day < len(total), relative, horizon=horizon, as_of=as_of)
        found = chart_days(rows, *daily_sums(rows, rises), ratio, limit, head_start, reset=True)
        signalled += bool(len(found.signals))
    return signalled / runs
