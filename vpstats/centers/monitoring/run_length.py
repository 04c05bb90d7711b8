"""Limits of a risk-adjusted CUSUM for a center's own case mix, and how long its chart runs."""

from __future__ import annotations

from typing import Any

import numpy as np

from vpstats.centers.monitoring.chain import mean_run_length, signal_chance
from vpstats.centers.monitoring.limit_search import CusumLimit, search_limit
from vpstats.centers.monitoring.weights import (
    BINS,
    Moves,
    moves_between,
    moves_of,
    read_risks,
    require_odds_ratio,
    summarise_risks,
)
from vpstats.errors import UsageError

__all__ = [
    "CusumLimit",
    "average_run_length",
    "cusum_limit",
    "false_alarm_chance",
]

IN_CONTROL_RUN_LENGTH = 5_000.0
"""Default mean number of rows between false signals."""


def cusum_limit(
    risks: Any,
    *,
    odds_ratio: float = 2.0,
    in_control_run_length: float | None = None,
    false_alarm: float | None = None,
    period: int | None = None,
    counts: Any = None,
    head_start: float = 0.0,
    bins: int = BINS,
) -> CusumLimit:
    """Find the limit of a risk-adjusted CUSUM for one case mix.

    Rows are taken as drawn at random from the case mix, their risks as right. Either the mean run
    length in control is held, or the probability of a false alarm within a period. The first
    treats every procedure alike, so that a center with twice the volume is called twice as often
    when nothing is wrong; the second treats every center alike, which suits an audit that reports
    once a period.

    Parameters
    ----------
    risks : array_like, shape (n,)
        Expected risks of the center's rows, in any order.
    odds_ratio : float
        The odds ratio to look for: 2 for worse outcomes, 0.5 for better ones.
    in_control_run_length : float, optional
        Mean number of rows to a false signal; 5,000 if neither this nor `false_alarm` is given.
    false_alarm : float, optional
        Probability of a false signal within `period` rows, instead.
    period : int, optional
        Rows of the period; the number of risks if None.
    counts : array_like, shape (n,), optional
        Rows with each risk; 1 if None.
    head_start : float
        Share of the limit that the chart begins at, from 0 to below 1; 0.5 signals early trouble
        sooner, at a higher limit for the same run length.
    bins : int
        Most distinct risks that the case mix is summarised by.

    Returns
    -------
    CusumLimit
        Where an event is so rare that even a signal at every single one comes less often than
        asked for, there is no limit, and `reason` says so. With few distinct risks the run length
        goes in steps: then it is longer than asked for, and `run_length` is what the limit gives.

    Raises
    ------
    UsageError
        For risks outside of 0 and 1, none at all, or options that make no sense.

    References
    ----------
    Steiner SH, Cook RJ, Farewell VT, Treasure T. Monitoring surgical performance using
    risk-adjusted cumulative sum charts. Biostatistics 2000;1:441-452.
    Brook D, Evans DA. An approach to the probability distribution of CUSUM run length. Biometrika
    1972;59:539-549.
    Lucas JM, Crosier RB. Fast initial response for CUSUM quality-control schemes. Technometrics
    1982;24:199-205.

    Examples
    --------
    >>> found = cusum_limit([0.02, 0.05, 0.2], in_control_run_length=1000)
    >>> round(found.limit, 1), round(found.run_length, -1)
    (3.0, 1000.0)
    """
    odds_ratio = require_odds_ratio(odds_ratio)
    _require_head_start(head_start)
    if false_alarm is not None and in_control_run_length is not None:
        raise UsageError("give in_control_run_length= or false_alarm=, not both.")
    mix = summarise_risks(risks, counts=counts, bins=bins)
    if false_alarm is not None:
        rows = len(np.atleast_1d(risks)) if period is None else period
        return search_limit(mix, odds_ratio, _chance(false_alarm), _length(rows), head_start)
    if period is not None:
        raise UsageError("period= goes with false_alarm=.")
    wanted = IN_CONTROL_RUN_LENGTH if in_control_run_length is None else in_control_run_length
    return search_limit(mix, odds_ratio, _run_length(wanted), None, head_start)


def average_run_length(
    risks: Any,
    limit: float,
    *,
    odds_ratio: float = 2.0,
    true_odds_ratio: float = 1.0,
    true_risks: Any = None,
    counts: Any = None,
    head_start: float = 0.0,
    bins: int = BINS,
    states: int = 480,
) -> float:
    """Mean number of rows until a risk-adjusted CUSUM signals.

    Parameters
    ----------
    risks : array_like, shape (n,)
        Risks that the chart assumes; a row has each of them equally often.
    limit : float
        Where the chart signals.
    odds_ratio : float
        The odds ratio that the chart looks for.
    true_odds_ratio : float
        Real odds over those expected; 1 for the run length in control.
    true_risks : array_like, shape (n,), optional
        Real risks of the same rows, where the assumed ones are estimates.
    counts : array_like, shape (n,), optional
        Rows with each risk.
    head_start : float
        Share of the limit that the chart begins at.
    bins, states : int
        Fineness of the case mix and of the chain.

    Returns
    -------
    float

    Raises
    ------
    UsageError
        For risks outside of 0 and 1 or options that make no sense.

    References
    ----------
    Brook D, Evans DA. An approach to the probability distribution of CUSUM run length. Biometrika
    1972;59:539-549.

    Examples
    --------
    An event of risk 1/10 at every row, and a limit that one event reaches: 10 rows on average.

    >>> round(average_run_length([0.1], 0.5), 6)
    10.0
    """
    _require_limit(limit)
    _require_head_start(head_start)
    odds_ratio = require_odds_ratio(odds_ratio)
    if true_risks is not None:
        moves = _mismatched(risks, true_risks, odds_ratio, bins)
    else:
        mix = summarise_risks(risks, counts=counts, bins=bins)
        moves = moves_of(mix, odds_ratio, true_odds_ratio=true_odds_ratio)
    return mean_run_length(moves, limit, states, head_start)


def false_alarm_chance(
    risks: Any,
    limit: float,
    period: int,
    *,
    odds_ratio: float = 2.0,
    true_odds_ratio: float = 1.0,
    counts: Any = None,
    head_start: float = 0.0,
    bins: int = BINS,
    states: int = 240,
) -> float:
    """Probability that a risk-adjusted CUSUM signals within a number of rows.

    Parameters
    ----------
    risks, limit, odds_ratio, true_odds_ratio, counts, head_start, bins, states
        As in `average_run_length`; with a `true_odds_ratio` other than 1 it is a power.
    period : int
        Number of rows.

    Returns
    -------
    float

    Raises
    ------
    UsageError
        For risks outside of 0 and 1 or options that make no sense.

    Examples
    --------
    >>> round(false_alarm_chance([0.1], 0.5, 2), 6)  # 1 - 0.9 squared
    0.19
    """
    _require_limit(limit)
    _require_head_start(head_start)
    mix = summarise_risks(risks, counts=counts, bins=bins)
    moves = moves_of(mix, require_odds_ratio(odds_ratio), true_odds_ratio=true_odds_ratio)
    return signal_chance(moves, limit, _length(period), states, head_start)


# --- what is asked for


def _require_limit(limit: float) -> None:
    if not (np.isfinite(limit) and limit > 0):
        raise UsageError(f"limit is {limit!r}; expected a number above 0.")


def _require_head_start(share: float) -> None:
    if not 0 <= share < 1:
        raise UsageError(f"head_start is {share!r}; expected a share of the limit, 0 to below 1.")


def _chance(value: float) -> float:
    if not 0 < value < 1:
        raise UsageError(f"false_alarm is {value!r}; expected a probability between 0 and 1.")
    return float(value)


def _length(rows: int) -> int:
    if not (isinstance(rows, (int, np.integer)) and rows >= 1):
        raise UsageError(f"period is {rows!r}; expected a whole number of rows, 1 or more.")
    return int(rows)


def _run_length(value: float) -> float:
    if not (np.isfinite(value) and value > 1):
        raise UsageError(
            f"in_control_run_length is {value!r}; expected a number of rows above 1, such as 5000."
        )
    return float(value)


def _mismatched(risks: Any, true_risks: Any, odds_ratio: float, bins: int) -> Moves:
    """Moves where assumed and true risks differ, in bins of the assumed."""
    assumed, true = read_risks(risks), read_risks(true_risks)
    if assumed.shape != true.shape or not len(assumed):
        raise UsageError("risks and true_risks must be as many, and at least one.")
    if len(assumed) > bins**2:
        order = np.lexsort((true, assumed))
        parts = np.array_split(order, bins**2)
        assumed = np.array([assumed[part].mean() for part in parts])
        true = np.array([true[part].mean() for part in parts])
    return moves_between(assumed, true, odds_ratio)
