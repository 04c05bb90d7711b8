"""Rates and calibration of an indicator that comes in the course of time."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from vpstats.centers.calibration import COLUMNS, grouped, risk_group_rows
from vpstats.centers.hazard_benchmark import TimedRows, fit_slopes
from vpstats.centers.standard import RATE_COLUMNS, condense
from vpstats.models.rates import poisson_limits
from vpstats.results import critical_value

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vpstats.centers.reading import Places
    from vpstats.centers.sums import CenterSums
    from vpstats.models.followup import FollowUp

    Vector = NDArray[np.float64]

_POINTS = 256
"""Points that a large network's hazard ratios are condensed to."""


def death_hazard(rows: TimedRows, follow_up: FollowUp, cause: int) -> Vector:
    """Steps of the competing events' hazard, summed up to each time of the event, shape (D,).

    Parameters
    ----------
    rows : TimedRows
        Follow-up within the horizon.
    follow_up : FollowUp
        The same rows as read, with the codes of all events.
    cause : int
        The event in question.

    Returns
    -------
    ndarray, shape (D,)
        Nelson–Aalen steps of the competing events of the whole network, each counted at the next
        later time of the event in question.
    """
    other = (follow_up.event > 0) & (follow_up.event != cause) & (follow_up.exit <= rows.exit)
    if not other.any() or not len(rows.times):
        return np.zeros(len(rows.times))
    times, counts = np.unique(rows.exit[other], return_counts=True)
    entered = np.searchsorted(np.sort(rows.entry), times, side="left")
    left = np.searchsorted(np.sort(rows.exit), times, side="left")
    place = np.searchsorted(rows.times, times, side="right")
    inside = place < len(rows.times)
    steps = np.bincount(place[inside], (counts / (entered - left))[inside], len(rows.times))
    return np.asarray(steps, dtype=float)


def hazard_rates(
    sums: CenterSums,
    curves: pd.DataFrame,
    relative: Vector,
    step: Vector,
    other: Vector,
    level: float,
) -> pd.DataFrame:
    """Incidence by the horizon of each center: as seen, and standardised either way.

    Parameters
    ----------
    sums : CenterSums
        Observed and expected.
    curves : DataFrame
        Incidence by the horizon with limits: a row per center, then the network.
    relative : ndarray, shape (n,)
        Hazard ratio of each row.
    step, other : ndarray, shape (D,)
        Steps of the whole network's baseline, and of its competing events.
    level : float
        Confidence level.

    Returns
    -------
    DataFrame
        As `vpstats.centers.standard.standard_rates`, where `crude` is the incidence with its
        `std_error`. Limits are exact Poisson ones of the center's events on their effective number.
    """
    points = _points(relative)
    columns = [(*_of_center(sums, i, points, step, other, level),) for i in range(len(sums))]
    table = pd.DataFrame(
        columns, columns=[c for c in RATE_COLUMNS if c not in ("crude", "std_error")]
    )
    table.insert(1, "crude", curves["estimate"].to_numpy()[: len(sums)] if len(curves) else [])
    error = curves["std_error"].to_numpy()[: len(sums)] if len(curves) else np.empty(0)
    # without an event the estimated error is 0, which says nothing
    table["std_error"] = np.where(error > 0, error, np.nan)
    return table[RATE_COLUMNS]


def _points(relative: Vector) -> Vector:
    return np.exp(condense(np.log(relative), _POINTS))


def _of_center(
    sums: CenterSums, i: int, points: Vector, step: Vector, other: Vector, level: float
) -> tuple[object, ...]:
    expected, effect = float(sums.expected[i]), float(sums.design_effect[i])
    if not expected > 0:
        return (sums.centers[i], *([np.nan] * 6))
    low, high = poisson_limits(sums.observed[i] / effect, expected / effect, level)
    ratios = (sums.observed[i] / expected, low, high)
    direct = [incidence_at(ratio, points, step, other) for ratio in ratios]
    return (sums.centers[i], *(r * sums.benchmark for r in ratios), *direct)


def incidence_at(ratio: float, relative: Vector, step: Vector, other: Vector) -> float:
    """Mean incidence of many rows where the baseline hazard is multiplied by a ratio.

    Examples
    --------
    >>> import numpy as np
    >>> round(incidence_at(2.0, np.ones(1), np.array([0.1]), np.zeros(1)), 4)  # 1 - exp(-0.2)
    0.1813
    """
    before = np.concatenate([[0.0], np.cumsum(step)[:-1]])
    alive = np.exp(-np.cumsum(other))
    survival = np.exp(-ratio * np.outer(relative, before))
    gone = -np.expm1(-ratio * np.outer(relative, step))
    return float(((survival * gone) @ alive).mean()) if len(relative) else np.nan


def hazard_slope(rows: TimedRows, shift: Vector) -> tuple[float, float]:
    """Slope of the log hazard on a cross-fitted one within centers, and its standard error.

    Parameters
    ----------
    rows : TimedRows
        Follow-up within the horizon.
    shift : ndarray, shape (n,)
        Log hazard ratio of each row, from a model without its center.

    Returns
    -------
    tuple of float
        NaN where nothing varies.
    """
    spread = float(shift.std()) if len(shift) else 0.0
    if not spread > 0 or not rows.dead.any():
        return np.nan, np.nan
    alone = replace(rows, X=((shift - shift.mean()) / spread)[:, None])
    fit = fit_slopes(alone, np.ones(rows.k, dtype=bool), firth=False, start=np.zeros(1))
    if not (fit.converged and fit.covariance[0, 0] > 0):
        return np.nan, np.nan
    return float(fit.beta[0] / spread), float(np.sqrt(fit.covariance[0, 0]) / spread)


def hazard_calibration(
    dead: Vector,
    hazard: Vector,
    shift: Vector,
    places: Places,
    slope: tuple[float, float],
    level: float,
) -> pd.DataFrame:
    """Observed and expected by center and by fifth of the hazard ratio, and overall.

    Returns
    -------
    DataFrame
        As `vpstats.centers.calibration.calibration_table`: the intercept is the log of observed
        over expected, the slope that of the log hazard within centers.
    """
    total = (len(dead), dead.sum(), hazard.sum())
    sums = np.bincount(places.patients.codes, dead - hazard) if len(dead) else np.zeros(1)
    seen = float(dead.sum())
    with np.errstate(divide="ignore", invalid="ignore"):
        intercept = float(np.log(seen / hazard.sum())) if seen else np.nan
        error = float(np.sqrt(sums @ sums) / seen) if seen else np.nan
    z = critical_value(level)
    rows = [*grouped("center", places.center, places.names, dead, hazard)]
    rows += risk_group_rows(dead, hazard, shift)
    for name, (estimate, spread) in (("intercept", (intercept, error)), ("slope", slope)):
        rows.append(
            (name, "", *total, estimate, spread, estimate - z * spread, estimate + z * spread)
        )
    return pd.DataFrame(rows, columns=COLUMNS)
