"""Small vectorised draws that the parts of the simulation share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Objects = npt.NDArray[np.object_]

NEVER = 10**9
"""A day that does not come."""

PARTS = (
    "patients",
    "course",
    "treatment",
    "leaks",
    "fractures",
    "outcomes",
    "visits",
    "recording",
)


def streams(seed: int) -> dict[str, np.random.Generator]:
    """Give every part of the simulation its own generator, so that parts change alone.

    Parameters
    ----------
    seed : int
        Non-negative seed.

    Returns
    -------
    dict of str to Generator

    Examples
    --------
    >>> float(streams(1)["leaks"].random()) == float(streams(1)["leaks"].random())
    True
    """
    children = np.random.SeedSequence(seed).spawn(len(PARTS))
    return {p: np.random.default_rng(c) for p, c in zip(PARTS, children, strict=True)}


def expit(eta: Floats) -> Floats:
    """Inverse of the logit."""
    return np.asarray(1.0 / (1.0 + np.exp(-eta)), dtype=float)


def happens(rng: np.random.Generator, probability: object, n: int) -> Bools:
    """Draw n events with their probability."""
    return np.asarray(rng.random(n) < np.asarray(probability, dtype=float))


def pick(
    rng: np.random.Generator, options: Sequence[str], weights: Sequence[float], n: int
) -> Objects:
    """Draw n options with equal weights for every row.

    Examples
    --------
    >>> pick(np.random.default_rng(0), ("a", "b"), (1, 0), 2).tolist()
    ['a', 'a']
    """
    p = np.asarray(weights, dtype=float)
    chosen = rng.choice(len(options), size=n, p=p / p.sum())
    return np.asarray(np.asarray(options, dtype=object)[chosen])


def pick_columns(rng: np.random.Generator, weights: Floats) -> Ints:
    """Draw one column position per row of a weight matrix, shape (n, k)."""
    cumulative = np.cumsum(weights / weights.sum(axis=1, keepdims=True), axis=1)
    chosen = (rng.random((len(weights), 1)) > cumulative).sum(axis=1)
    return np.asarray(np.minimum(chosen, weights.shape[1] - 1), dtype=np.int64)


def pick_rows(rng: np.random.Generator, options: Sequence[str], weights: Floats) -> Objects:
    """Draw one option per row of a weight matrix, shape (n, number of options)."""
    return np.asarray(np.asarray(options, dtype=object)[pick_columns(rng, weights)])


def linear(data: pd.DataFrame, coefficients: Mapping[str, float]) -> Floats:
    """Linear predictor without intercept, from named columns, shape (n,)."""
    eta = np.zeros(len(data))
    for name, value in coefficients.items():
        eta += value * data[name].to_numpy(dtype=float)
    return eta


def clipped(
    rng: np.random.Generator, mean: object, sd: float, low: float, high: float, n: int
) -> Floats:
    """Draw n normal values, clipped to a range."""
    return np.clip(rng.normal(np.asarray(mean, dtype=float), sd, n), low, high)


def weekday(day: Ints) -> Ints:
    """Move Saturdays and Sundays (days since 1970-01-01, a Thursday) to the Monday after."""
    in_week = (day + 3) % 7
    return day + np.where(in_week >= 5, 7 - in_week, 0)


def to_dates(day: npt.ArrayLike) -> pd.Series:
    """Turn days since 1970-01-01 into dates; NaN and days that never come into missing.

    Examples
    --------
    >>> to_dates([0, NEVER]).isna().tolist()
    [False, True]
    """
    values = np.asarray(day, dtype=float)
    known = np.isfinite(values) & (values < NEVER)
    stamps = np.full(len(values), np.datetime64("NaT", "ns"))
    stamps[known] = values[known].astype("int64").astype("datetime64[D]").astype("datetime64[ns]")
    return pd.Series(stamps)


def epoch_day(day: object) -> int:
    """Days since 1970-01-01 of a date."""
    return int(np.datetime64(str(day), "D").astype("int64"))
