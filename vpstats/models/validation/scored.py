"""Predictions in the order of their risk, which serves any weighting of their rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

Vector = NDArray[np.float64]
Positions = NDArray[np.intp]

INSIDE = 1e-12
"""Predicted risks are kept this far from 0 and 1 where their log odds are needed."""
FAR = float(special.logit(1 - INSIDE))
"""Log odds of a risk that far from 1."""


@dataclass(frozen=True)
class Scored:
    """Predictions and what any weighting of their rows needs of them.

    Parameters
    ----------
    y, risk : ndarray, shape (n,)
        Outcome and predicted risk.
    log_odds : ndarray, shape (n,)
        Of the risk, kept from infinity.
    order : ndarray of int, shape (n,)
        Positions of the rows by ascending log odds.
    place : ndarray, shape (n,)
        Ascending: log odds as whole steps of a fine ladder. Rows on one step are of one risk,
        whatever the last digits in which sums of the same products differ.
    ladder : tuple of float
        Log odds of step 0, and steps per unit.
    """

    y: Vector
    risk: Vector
    log_odds: Vector
    order: Positions
    place: Vector
    ladder: tuple[float, float]


_HIGHEST = 700.0
"""Log odds whose exponential is still a number."""
_FINE, _COARSE = 40, 16
"""Ladders have two to the power of so many steps, of which sorting looks at the coarse ones first.
"""
_NARROW = 0.1
"""Share of their size that a ladder spans at least: steps stay above rounding errors."""


def score_rows(y: Vector, log_odds: Vector, risk: Vector | None = None) -> Scored:
    """Put rows in the order of their risk, which serves any weights.

    Parameters
    ----------
    y : ndarray, shape (n,)
        1 for the outcome, 0 for none.
    log_odds : ndarray, shape (n,)
        Predicted log odds.
    risk : ndarray, shape (n,), optional
        That of the log odds if None.
    """
    given = risks_of(log_odds) if risk is None else risk
    inside = log_odds
    lowest, highest = float(log_odds.min()), float(log_odds.max())
    if lowest < -FAR or highest > FAR:
        inside = np.clip(log_odds, -FAR, FAR)
    order, place, ladder = _sort(log_odds, lowest, highest)
    return Scored(y, given, inside, order, place, ladder)


def risks_of(log_odds: Vector) -> Vector:
    """Risks of log odds."""
    against = np.negative(log_odds)
    np.minimum(against, _HIGHEST, out=against)
    np.exp(against, out=against)
    against += 1.0
    return np.reciprocal(against, out=against)


def _sort(
    values: Vector, lowest: float, highest: float
) -> tuple[Positions, Vector, tuple[float, float]]:
    """Order of values, their steps in that order, and the ladder.

    Sixteen bits are sorted by counting them; what is left is nearly sorted, which suits the
    sort that is stable. Together they take a quarter of the time of a sort by comparison.
    """
    # the last coarse step is left free, so that the highest value does not start another one
    span = 2.0**_FINE - 2.0 ** (_FINE - _COARSE)
    steps = span / max(highest - lowest, _NARROW * max(1.0, -lowest, highest))
    place = values - lowest
    place *= steps
    np.rint(place, out=place)
    coarse = (place * 2.0 ** (_COARSE - _FINE)).astype(np.uint16)
    first = np.argsort(coarse, kind="stable")
    near = place[first]
    second = np.argsort(near, kind="stable")
    return first[second], near[second], (lowest, steps)
