"""Risks of a center's rows, and what each outcome weighs in a CUSUM for an odds ratio."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vpstats.errors import UsageError

Vector = NDArray[np.float64]

BINS = 20
"""Bins that a case mix is summarised by where it has more distinct risks than this."""


@dataclass(frozen=True, slots=True)
class RiskMix:
    """The risks that the rows of a center have, and how often.

    Parameters
    ----------
    values : ndarray, shape (r,)
        Distinct risks, or means of bins, ascending.
    shares : ndarray, shape (r,)
        Share of the rows with each; they add up to 1.
    """

    values: Vector
    shares: Vector

    @property
    def mean(self) -> float:
        """Mean risk."""
        return float(self.values @ self.shares)


def read_outcome(outcome: Any) -> Vector:
    """Outcomes as zeros and ones, shape (n,).

    Raises
    ------
    UsageError
        If they are no row of 0 and 1, or one is missing.
    """
    y = _as_vector(outcome, "outcomes")
    if not np.isin(y, (0.0, 1.0)).all():
        raise UsageError("outcomes must be 0 or 1, none missing; leave open rows out first.")
    return y


def read_risks(risks: Any) -> Vector:
    """Risks as numbers, shape (n,).

    A risk of exactly 0 or 1 says that the outcome is certain: such a row weighs nothing.

    Raises
    ------
    UsageError
        If they are no row of numbers from 0 to 1, or one is missing.
    """
    p = _as_vector(risks, "risks")
    if not ((p >= 0) & (p <= 1)).all():  # NaN fails too
        raise UsageError(
            "risks must lie between 0 and 1, none missing; predict them for these rows and leave "
            "out rows without a prediction."
        )
    return p


def read_pair(outcome: Any, risks: Any) -> tuple[Vector, Vector]:
    """Outcomes and risks of the same rows, each of shape (n,).

    Raises
    ------
    UsageError
        If they differ in length, or an outcome contradicts a risk of 0 or 1.
    """
    y, p = read_outcome(outcome), read_risks(risks)
    if len(y) != len(p):
        raise UsageError(f"there are {len(y)} outcomes and {len(p)} risks; give one for each row.")
    if ((p == 0) & (y == 1) | (p == 1) & (y == 0)).any():
        raise UsageError("an outcome has risk 0 yet happened, or risk 1 and did not.")
    return y, p


def _as_vector(values: Any, name: str) -> Vector:
    try:
        array = np.asarray(values, dtype=float)
    except (TypeError, ValueError):
        raise UsageError(f"{name} must be numbers, none missing.") from None
    if array.ndim != 1:
        raise UsageError(f"{name} must be one row of numbers; got {array.ndim} dimensions.")
    return array


def require_odds_ratio(odds_ratio: float) -> float:
    """The odds ratio to look for, if it is one.

    Raises
    ------
    UsageError
        If it is not positive and finite, or is 1.
    """
    if not (np.isfinite(odds_ratio) and odds_ratio > 0 and odds_ratio != 1):
        raise UsageError(
            f"odds_ratio is {odds_ratio!r}; expected above 1 to look for worse outcomes or "
            "between 0 and 1 for better ones."
        )
    return float(odds_ratio)


def event_weight(odds_ratio: float) -> float:
    """What an event adds beyond the weight of no event."""
    return float(np.log(odds_ratio))


def none_weight(risk: Vector, odds_ratio: float) -> Vector:
    """Log-likelihood ratio of no event, shape of `risk`."""
    return np.asarray(-np.log1p((odds_ratio - 1) * risk))


def row_weights(outcome: Vector, risk: Vector, odds_ratio: float) -> Vector:
    """Log-likelihood ratio of each outcome: odds `odds_ratio` times the expected against equal.

    Parameters
    ----------
    outcome, risk : ndarray, shape (n,)
        Zeros and ones, and the risk of a one.
    odds_ratio : float
        The odds ratio to look for.

    Returns
    -------
    ndarray, shape (n,)
        ``y log(OR) - log(1 - p + OR p)``.

    References
    ----------
    Steiner SH, Cook RJ, Farewell VT, Treasure T. Monitoring surgical performance using
    risk-adjusted cumulative sum charts. Biostatistics 2000;1:441-452.
    """
    return outcome * event_weight(odds_ratio) + none_weight(risk, odds_ratio)


def summarise_risks(risks: Any, *, counts: Any = None, bins: int = BINS) -> RiskMix:
    """The distribution of risks by its distinct values, or by bins.

    Parameters
    ----------
    risks : array_like, shape (n,)
        Risks, in any order.
    counts : array_like, shape (n,), optional
        Rows with each risk; 1 if None.
    bins : int
        Most values to keep.

    Returns
    -------
    RiskMix

    Raises
    ------
    UsageError
        If there is no risk, or one is not between 0 and 1.

    Examples
    --------
    >>> mix = summarise_risks([0.2, 0.1, 0.1, 0.1])
    >>> mix.values.tolist(), mix.shares.tolist()
    ([0.1, 0.2], [0.75, 0.25])
    """
    p = read_risks(risks)
    weight = np.ones_like(p) if counts is None else _as_vector(counts, "counts")
    if weight.shape != p.shape or not (np.isfinite(weight) & (weight >= 0)).all():
        raise UsageError("counts must be one number, zero or more, for each risk.")
    if weight.sum() <= 0:
        raise UsageError("there is no risk to summarise; the center has no rows.")
    values, where = np.unique(p, return_inverse=True)
    total = np.bincount(where, weight, len(values))
    values, total = values[total > 0], total[total > 0]
    shares = total / total.sum()
    return RiskMix(values, shares) if len(values) <= bins else _binned(values, shares, bins)


def _binned(values: Vector, shares: Vector, bins: int) -> RiskMix:
    """Bins at their mean risks, alike in rows and in variance of the outcome, half and half.

    Equal rows alone would throw a few high risks, from which most signals come, into one bin. A
    value that straddles two bins is split.
    """
    variance = shares * values * (1 - values)
    along = _summed(shares / shares.sum() + variance / variance.sum())
    cuts = np.linspace(0.0, along[-1], bins + 1)
    rows = np.diff(np.interp(cuts, along, _summed(shares)))
    risk = np.diff(np.interp(cuts, along, _summed(shares * values)))
    return RiskMix(risk / rows, rows / rows.sum())


def _summed(parts: Vector) -> Vector:
    return np.concatenate([[0.0], np.cumsum(parts)])


@dataclass(frozen=True, slots=True)
class Moves:
    """What a CUSUM may do at a row: its possible weights and how probable each is.

    Parameters
    ----------
    weights, chances : ndarray, shape (m,)
        Weights, and their probabilities, which add up to 1.
    """

    weights: Vector
    chances: Vector


def moves_of(mix: RiskMix, odds_ratio: float, *, true_odds_ratio: float = 1.0) -> Moves:
    """Weights at a row drawn from a case mix, and their probabilities.

    Parameters
    ----------
    mix : RiskMix
        The case mix.
    odds_ratio : float
        The odds ratio that the chart looks for.
    true_odds_ratio : float
        What the odds really are, over those expected; 1 in control.

    Returns
    -------
    Moves
        Of length 2 r.
    """
    none = none_weight(mix.values, odds_ratio)
    real = true_odds_ratio * mix.values / (1 + (true_odds_ratio - 1) * mix.values)
    weights = np.concatenate([none + event_weight(odds_ratio), none])
    return Moves(weights, np.concatenate([mix.shares * real, mix.shares * (1 - real)]))


def moves_between(assumed: Vector, true: Vector, odds_ratio: float) -> Moves:
    """Weights by the risks that a model assumes, at the chances that the true risks give.

    Parameters
    ----------
    assumed, true : ndarray, shape (n,)
        Both risks of each of n equally likely rows.
    odds_ratio : float
        The odds ratio that the chart looks for.

    Returns
    -------
    Moves
        Of length 2 n.
    """
    none = none_weight(assumed, odds_ratio)
    weights = np.concatenate([none + event_weight(odds_ratio), none])
    return Moves(weights, np.concatenate([true, 1 - true]) / len(true))
