"""The search for the limit of a CUSUM: root finding on Markov chains that grow finer."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

from vpstats.centers.monitoring.chain import mean_run_length, signal_chance
from vpstats.centers.monitoring.weights import (
    Moves,
    RiskMix,
    event_weight,
    moves_of,
    none_weight,
)

Vector = NDArray[np.float64]

_COARSE, _FINEST = 120, 1_920
_COARSE_OF_PERIOD, _FINEST_OF_PERIOD = 60, 240
"""Values of the first and of the finest chain; following a period costs more than a mean."""
_AGREED = 0.015
"""Largest relative change from one chain to the next finer one."""
_PRECISION = 1e-3
"""Precision of the log run length, and of the limit, before the last correction."""
_SHORT = 0.03
"""Largest relative shortfall of the run length."""
_LOWEST, _HIGHEST = 1e-3, 40.0
_FLAT = 0.2
"""Least slope of the log run length in the limit that a secant is followed along."""
_SECANTS = 8


@dataclass(frozen=True, slots=True)
class CusumLimit:
    """A limit, and how a chart of the same case mix runs towards it in control.

    Parameters
    ----------
    limit : float
        Where the chart signals; NaN if none was found.
    odds_ratio : float
        The odds ratio that the chart looks for.
    run_length : float
        Mean number of rows to a signal while nothing is wrong.
    false_alarm : float
        Probability of a signal within `period` rows while nothing is wrong; NaN without a period.
    period : int or None
        Rows that `false_alarm` is about.
    head_start : float
        Share of the limit that the chart begins at.
    events_to_signal : int
        Fewest events in a row that take the chart from zero to its limit (for an odds ratio
        below 1: rows without one).
    states : int
        Values of the chart in the finer of the last two chains.
    change : float
        Relative difference that the finer chain made to the run length (or chance).
    status, reason : str
        "ok"; "too rare", "too few rows" or "no risk" where no limit gives what was asked for,
        with the reason.
    """

    limit: float
    odds_ratio: float
    run_length: float = float("nan")
    false_alarm: float = float("nan")
    period: int | None = None
    head_start: float = 0.0
    events_to_signal: int = 0
    states: int = 0
    change: float = float("nan")
    status: str = "ok"
    reason: str = ""

    @property
    def ok(self) -> bool:
        """Whether there is a limit."""
        return self.status == "ok"


def _figures(values: Vector) -> Vector:
    """Four figures of each, so that like charts share one limit, whatever the last bits say."""
    return np.array([float(f"{v:.4g}") for v in values])


def search_limit(
    mix: RiskMix, odds_ratio: float, wanted: float, period: int | None, head_start: float
) -> CusumLimit:
    """The limit of a case mix that gives a run length, or a chance within a period.

    Parameters
    ----------
    mix : RiskMix
        The case mix; it is rounded to four figures.
    odds_ratio : float
        The odds ratio that the chart looks for.
    wanted : float
        The mean run length, or with a period the probability of a signal within it.
    period : int or None
        Rows of the period.
    head_start : float
        Share of the limit that the chart begins at.

    Returns
    -------
    CusumLimit
    """
    values, shares = _figures(mix.values), _figures(mix.shares)
    key = tuple(values.tolist()), tuple((shares / shares.sum()).tolist())
    return _search(*key, odds_ratio, wanted, period, head_start)


_MISSED = 0.15
"""Largest relative miss of a false-alarm rate that a limit may have."""
_IN_STEPS = (
    "so little happens in the period that chances of a signal come in steps, and none is near the "
    "one asked for; take a longer period, or hold the run length instead."
)


@lru_cache(maxsize=8_192)
def _search(
    values: tuple[float, ...],
    shares: tuple[float, ...],
    odds_ratio: float,
    wanted: float,
    period: int | None,
    head_start: float,
) -> CusumLimit:
    """The limit of one mix; like mixes are searched once."""
    mix = RiskMix(np.array(values), np.array(shares))
    moves = moves_of(mix, odds_ratio)
    blank = CusumLimit(float("nan"), odds_ratio, period=period, head_start=head_start)
    target = _Target(moves, wanted, period, head_start)
    refusal = _refusal(mix, odds_ratio, target)
    if refusal is not None:
        return replace(blank, status=refusal[0], reason=refusal[1])
    found = _finish(blank, target, *_refine(target, _first_guess(mix, odds_ratio, target)))
    missed = period is not None and abs(_hazard(found.false_alarm) - _hazard(wanted)) > _MISSED
    return replace(blank, status="too few rows", reason=_IN_STEPS) if missed else found


def forget_limits() -> None:
    """Search every limit anew, for whoever measures the time that it takes."""
    _search.cache_clear()


@dataclass(frozen=True, slots=True)
class _Target:
    """What is to be met: a run length, or a chance within a period, on a scale that is straight."""

    moves: Moves
    wanted: float
    period: int | None
    head_start: float
    known: dict[tuple[float, int], float] = field(default_factory=dict)

    @property
    def rows(self) -> float:
        """The run length, or the one that gives about the chance."""
        if self.period is None:
            return self.wanted
        return -self.period / math.log1p(-self.wanted)

    def reached(self, limit: float, size: int) -> float:
        """The run length, or the chance, that a limit gives by a chain of some size."""
        key = limit, size
        if key not in self.known:
            if self.period is None:
                self.known[key] = mean_run_length(self.moves, limit, size, self.head_start)
            else:
                self.known[key] = signal_chance(
                    self.moves, limit, self.period, size, self.head_start
                )
        return self.known[key]

    def excess(self, limit: float, size: int) -> float:
        """How far the chart runs beyond what is wanted, in logs; rises with the limit."""
        return self.beyond(self.reached(limit, size))

    def beyond(self, reached: float) -> float:
        """How far a run length, or a chance, is beyond what is wanted."""
        if self.period is None:
            return math.log(max(reached, 1.0) / self.wanted)
        return _hazard(self.wanted) - _hazard(reached)

    def shortest(self) -> float:
        """What a limit of next to nothing gives: a signal at the first move upwards."""
        upwards = float(self.moves.chances[self.moves.weights > 0].sum())
        return 1 / upwards if self.period is None else 1 - (1 - upwards) ** self.period


def _hazard(chance: float) -> float:
    inside = min(max(chance, 1e-15), 1 - 1e-15)
    return math.log(-math.log1p(-inside))


def _refusal(mix: RiskMix, odds_ratio: float, target: _Target) -> tuple[str, str] | None:
    """Why there can be no limit, if so."""
    open_rows = (mix.values > 0) & (mix.values < 1)
    if not open_rows.any():
        return "no risk", "no row has a risk other than 0 or 1: there is nothing to monitor."
    if target.beyond(target.shortest()) > 0:
        what = "event" if odds_ratio > 1 else "row without an event"
        return "too rare", (
            f"even a signal at every {what} would come less often than asked for; ask for fewer "
            "false alarms, or take more rows together."
        )
    return None


def _first_guess(mix: RiskMix, odds_ratio: float, target: _Target) -> float:
    """Wald's approximation with the usual allowance for what goes beyond the limit."""
    real = mix.values
    drift = -float(
        mix.shares @ (real * event_weight(odds_ratio) + none_weight(real, odds_ratio))
    )  # the chart's loss per row in control, above 0 by Jensen's inequality
    wanted = max(target.rows * drift, 1e-6)
    guess = math.log1p(wanted)
    for _ in range(4):
        guess = math.log1p(wanted + guess)  # e^h - h - 1 = rows times drift
    beyond = 0.35 * abs(event_weight(odds_ratio)) if odds_ratio > 1 else 0.0
    return min(max(guess - beyond, 2 * _LOWEST), _HIGHEST / 2)


def _bracket(excess: Callable[[float], float], guess: float) -> tuple[float, float]:
    """Two limits with the one sought between them."""
    width = 0.15
    low = high = guess
    if excess(guess) > 0:
        while low > _LOWEST and excess(low) > 0:
            high, low = low, max(low - width, _LOWEST)
            width *= 2
        return low, high
    while high < _HIGHEST and excess(high) <= 0:
        low, high = high, high + width
        width *= 2
    return low, high


def _root(target: _Target, guess: float, size: int) -> tuple[float, float]:
    """The limit at which the chain of one size gives what is wanted, and the slope there.

    The logarithm of a run length is nearly straight in the limit, so secants find it in a few
    steps; with few distinct risks it has steps, and the search falls back on a bracket.
    """
    slope, before = _first_slope(guess), (guess, target.excess(guess, size))
    for _ in range(_SECANTS):
        limit = min(max(before[0] - before[1] / slope, _LOWEST), _HIGHEST)
        now = limit, target.excess(limit, size)
        if abs(now[1]) <= _PRECISION:
            return limit, slope
        if now[0] != before[0]:
            slope = min(max((now[1] - before[1]) / (now[0] - before[0]), _FLAT), 1 / _FLAT)
        before = now
    low, high = _bracket(lambda h: target.excess(h, size), guess)
    return float(brentq(target.excess, low, high, args=(size,), xtol=_PRECISION)), slope


def _first_slope(limit: float) -> float:
    """Slope of the log run length by Wald's approximation, e^h - h - 1."""
    return math.expm1(limit) / (math.expm1(limit) - limit)


def _refine(target: _Target, guess: float) -> tuple[float, int, float]:
    """The limit, the size of the last chain, and what it changed: finer until it changes little."""
    size, finest = _COARSE, _FINEST
    if target.period is not None:
        size, finest = _COARSE_OF_PERIOD, _FINEST_OF_PERIOD
    limit, slope = _root(target, guess, size)
    while True:
        fine = target.excess(limit, 2 * size)
        change = abs(fine - target.excess(limit, size))
        if change <= _AGREED or 2 * size >= finest:
            break
        size *= 2
        limit, slope = _root(target, limit, size)
    return _not_short(target, max(limit - fine / slope, _LOWEST), 2 * size), 2 * size, change


def _not_short(target: _Target, limit: float, size: int) -> float:
    """The limit, or where run lengths jump past the one wanted, the next one that is not short."""
    while limit < _HIGHEST and target.excess(limit, size) < -_SHORT:
        limit *= 1.01
    return limit


def _finish(
    blank: CusumLimit, target: _Target, limit: float, size: int, change: float
) -> CusumLimit:
    reached = target.reached(limit, size)
    followed = blank.period is not None
    run = mean_run_length(target.moves, limit, size, blank.head_start) if followed else reached
    return replace(
        blank,
        limit=limit,
        run_length=run,
        false_alarm=reached if followed else float("nan"),
        events_to_signal=math.ceil(limit / float(target.moves.weights.max()) - 1e-9),
        states=size,
        change=change,
    )
