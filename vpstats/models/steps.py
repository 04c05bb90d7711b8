"""Counting by time, and the curves with their variances that follow from the counts.

All estimators of a curve are functions of the counts at the D distinct times, so the n rows are
read once. The variances here are Greenwood's and its competing-risks form, for independent rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from vpstats.models.followup import Codes, FollowUp, Vector

CENSORED, EVENT, OTHER = 0, 1, 2


@dataclass(frozen=True, slots=True)
class Counts:
    """What happened at each of the D distinct times.

    Parameters
    ----------
    time : ndarray, shape (D,)
        Distinct times, ascending.
    at_risk : ndarray, shape (D,)
        Number (or weight) at risk just before each time.
    event, other, censored : ndarray, shape (D,)
        Events of the cause in question, events of other causes, rows censored.
    day : ndarray of int, shape (n,)
        Position of each row's exit in the grid that was counted on.
    entry_day : ndarray of int, shape (n,), optional
        Position of each row's entry in that grid, -1 where it is at risk from the start.
    position : ndarray of int
        Position in `time` of the last distinct time at or before each time of the grid.
    """

    time: Vector
    at_risk: Vector
    event: Vector
    other: Vector
    censored: Vector
    day: Codes
    entry_day: Codes | None
    position: Codes

    @property
    def any_event(self) -> Vector:
        """Events of any cause, shape (D,)."""
        return self.event + self.other

    def slot(self) -> Codes:
        """Position of each row's exit in `time`, shape (n,)."""
        return self.position[self.day]

    def entry_slot(self) -> Codes | None:
        """Position in `time` of each row's entry, after which it is at risk; -1 for the start."""
        if self.entry_day is None:
            return None
        return np.where(self.entry_day < 0, -1, self.position[self.entry_day])


def count(rows: FollowUp, cause: int | None) -> Counts:
    """Count events, censorings and rows at risk in one pass.

    Parameters
    ----------
    rows : FollowUp
        n checked rows.
    cause : int, optional
        Cause in question; every event if None.

    Returns
    -------
    Counts
        With one entry per distinct exit time, and per distinct entry time after the start, so
        that the number at risk can be read at any time.
    """
    day, entry_day, grid = time_grid(rows)
    size = grid.size
    key = day * 3
    key += event_kinds(rows.event, cause)
    table = np.bincount(key, weights=rows.weights, minlength=3 * size).reshape(size, 3)
    total = table.sum(axis=1)
    left = np.cumsum(total[::-1])[::-1].astype(float)
    used = np.zeros(size, dtype=bool)
    if rows.weights is None:
        used = total > 0
    else:
        used[day] = True  # a row of weight 0 has a time all the same
    if entry_day is not None:
        # a row that enters on a day is not at risk up to that day
        later = np.bincount(entry_day + 1, weights=rows.weights, minlength=size + 1)
        left -= np.cumsum(later[:0:-1])[::-1]
        used[entry_day[entry_day >= 0]] = True
    censored, event, other = table[used].T.astype(float)
    position = np.cumsum(used) - 1
    return Counts(grid[used], left[used], event, other, censored, day, entry_day, position)


def event_kinds(event: Codes, cause: int | None) -> Codes:
    """`CENSORED`, `EVENT` or `OTHER` for each code, every event counting if cause is None."""
    if cause is None:
        return np.asarray(event > 0, dtype=np.int64)
    kind = np.full(max(int(event.max()), cause) + 1, OTHER, dtype=np.int64)
    kind[0], kind[cause] = CENSORED, EVENT
    return kind[event]


class Followed(Protocol):
    """Anything with times of entering and ending."""

    @property
    def exit(self) -> Vector:
        """End of follow-up, shape (n,)."""

    @property
    def entry(self) -> Vector | None:
        """Time after which a row is at risk, -inf from the start, shape (n,)."""


def time_grid(rows: Followed) -> tuple[Codes, Codes | None, Vector]:
    """Exits and entries as positions in a grid of times, whole days where that spares sorting.

    An entry from the start has position -1.
    """
    whole = whole_days(rows)
    if whole is not None:
        return whole
    if rows.entry is None:
        time, day = np.unique(rows.exit, return_inverse=True)
        return day, None, time
    time = np.unique(np.concatenate([rows.exit, rows.entry[rows.entry > 0]]))
    entry_day = np.searchsorted(time, rows.entry, side="right") - 1
    return np.searchsorted(time, rows.exit), entry_day, time


def whole_days(rows: Followed) -> tuple[Codes, Codes | None, Vector] | None:
    """Exits, entries (-1 from the start) and the grid, if all are whole and few enough to count by.

    The arrays are new.
    """
    top = float(rows.exit.max())
    if top > 4 * rows.exit.size + 4096:
        return None
    day = rows.exit.astype(np.int64)
    if not np.array_equal(day, rows.exit):
        return None
    grid = np.arange(top + 1)
    if rows.entry is None:
        return day, None, grid
    entry = np.maximum(rows.entry, -1.0)
    entry_day = entry.astype(np.int64)
    return (day, entry_day, grid) if np.array_equal(entry_day, entry) else None


@dataclass(frozen=True, slots=True)
class Curve:
    """A curve on the D distinct times, with what its variance needs.

    Parameters
    ----------
    estimate : ndarray, shape (D,)
        The curve.
    survival : ndarray, shape (D,)
        Probability of no event of any cause by each time.
    hazard, event_hazard : ndarray, shape (D,)
        Hazard of any event and of the event in question at each time.
    """

    estimate: Vector
    survival: Vector
    hazard: Vector
    event_hazard: Vector

    @property
    def before(self) -> Vector:
        """Probability of no event just before each time, shape (D,)."""
        return np.concatenate([[1.0], self.survival[:-1]])


def divide(numerator: Vector, denominator: Vector) -> Vector:
    """Quotient, 0 where the denominator is 0: nobody at risk adds nothing."""
    return np.divide(numerator, denominator, out=np.zeros_like(numerator), where=denominator > 0)


def incidence(counts: Counts) -> Curve:
    """Aalen–Johansen estimate of the cumulative incidence of the event in question.

    Parameters
    ----------
    counts : Counts
        Counts by time.

    Returns
    -------
    Curve
        Its survival is the Kaplan–Meier estimate for all events together.

    References
    ----------
    Aalen OO, Johansen S. An empirical transition matrix for non-homogeneous Markov chains based
    on censored observations. Scand J Stat 1978;5:141-150.
    """
    hazard = divide(counts.any_event, counts.at_risk)
    event_hazard = divide(counts.event, counts.at_risk)
    survival = np.cumprod(1.0 - hazard)
    before = np.concatenate([[1.0], survival[:-1]])
    estimate = np.cumsum(before * event_hazard)
    return Curve(estimate, np.asarray(survival, float), hazard, event_hazard)


def greenwood_incidence(counts: Counts, curve: Curve) -> Vector:
    """Variance of the cumulative incidence for independent rows, shape (D,).

    The squares of the jackknife add up to five cumulative sums because the contributions of
    different times are uncorrelated.

    References
    ----------
    Marubini E, Valsecchi MG. Analysing Survival Data from Clinical Trials and Observational
    Studies. Wiley, 1995, section 10.3.
    """
    at_risk, any_event, event = counts.at_risk, counts.any_event, counts.event
    before, risk = curve.before, curve.estimate
    spread = divide(any_event, at_risk * (at_risk - any_event))
    cross = before * divide(event, at_risk**2)
    own = before**2 * divide(event * (at_risk - event), at_risk**3)
    total = np.cumsum(spread)
    mixed = np.cumsum(spread * risk + cross)
    rest = np.cumsum(spread * risk**2 + 2 * risk * cross + own)
    return settled(risk**2 * total - 2 * risk * mixed + rest, risk**2 * total + rest)


def settled(variance: Vector, terms: Vector) -> Vector:
    """The variance, 0 where it is no more than the rounding of the terms that cancel in it."""
    return np.where(variance > 1e-15 * np.abs(terms), variance, 0.0)


def greenwood(counts: Counts, survival: Vector) -> Vector:
    """Greenwood's variance of the survival probability, shape (D,); 0 where nobody is left.

    References
    ----------
    Greenwood M. The natural duration of cancer. Reports on Public Health and Medical Subjects
    33. HMSO, 1926.
    """
    at_risk, event = counts.at_risk, counts.any_event
    spread = np.cumsum(divide(event, at_risk * (at_risk - event)))
    return np.asarray(survival**2 * spread)
