"""How much a center's volume can show: power of a limit, and the volume that a verdict needs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from scipy import optimize, special, stats

from vpstats.centers.limits import chance_of, tail_functions
from vpstats.centers.sums import CenterSums, Risks
from vpstats.errors import UsageError

_MOST = 10_000_000
"""Largest number of rows that is looked for."""

Tail = Literal["mid-p", "exact"]


def raised_risk(risk: float, odds_ratio: float) -> float:
    """Risk whose odds are so many times those of another.

    Examples
    --------
    >>> round(raised_risk(0.2, 2.0), 4)  # odds 1/4, doubled 1/2
    0.3333
    """
    return float(special.expit(special.logit(risk) + np.log(odds_ratio)))


def seen_odds_ratio(
    risk: float, odds_ratio: float, sensitivity: float = 1.0, specificity: float = 1.0
) -> float:
    """Odds ratio that an imperfect examination shows of a true one.

    Parameters
    ----------
    risk : float
        Share that the examination finds at the average center.
    odds_ratio : float
        True odds at the center over those at the average center.
    sensitivity, specificity : float
        Of the examination, equal at all centers; together more than 1.

    Returns
    -------
    float
        Nearer to 1 than the true one; 1 where the examination finds no more, or no less, than its
        errors alone explain, since a change of the true odds cannot then be told.

    Raises
    ------
    UsageError
        For a risk, odds ratio, sensitivity or specificity that is impossible.

    References
    ----------
    Rogan WJ, Gladen B. Estimating prevalence from the results of a screening test. Am J Epidemiol
    1978;107:71-76.

    Examples
    --------
    >>> round(seen_odds_ratio(0.3, 2.0, 0.5), 4)  # truly 0.6, doubled odds 0.75, of which half seen
    1.4
    """
    _check(risk, odds_ratio, 0.5, 1.0)
    gain = sensitivity + specificity - 1
    if not (sensitivity <= 1 and specificity <= 1 and gain > 0):
        raise UsageError("sensitivity and specificity are shares that together exceed 1.")
    true = (risk - (1 - specificity)) / gain
    if not 0 < true < 1:
        return 1.0
    other = 1 - specificity + gain * raised_risk(true, odds_ratio)
    return float(np.exp(special.logit(other) - special.logit(risk)))


def benchmark_error(sums: CenterSums) -> float:
    """Standard error of the expected number over the expected number, at the median center.

    Parameters
    ----------
    sums : CenterSums

    Returns
    -------
    float
        0 where no center has an expected number with a known error.
    """
    known = (sums.expected > 0) & np.isfinite(sums.benchmark_variance)
    errors = np.sqrt(sums.benchmark_variance[known]) / sums.expected[known]
    return float(np.median(errors)) if len(errors) else 0.0


def power(
    n: int,
    risk: float,
    odds_ratio: float = 2.0,
    limit: float = 0.998,
    *,
    tail: Tail = "mid-p",
    design_effect: float = 1.0,
    benchmark_error: float = 0.0,
    tau: float = 0.0,
) -> float:
    """Probability that a center beyond the average is beyond the limit, exactly.

    Parameters
    ----------
    n : int
        Rows of the center, each with the same risk.
    risk : float
        Risk at the average center.
    odds_ratio : float
        Odds at the center over those at the average center; below 1 the lower limit counts. At 1
        the result is the false-alarm rate of the upper limit.
    limit : float
        Two-sided level of the limit: 0.95 alert, 0.998 alarm.
    tail : {"mid-p", "exact"}
        Whether half or all of the probability of the count itself belongs to the tail.
    design_effect : float
        Of rows that are alike within patients; as good as ``n / design_effect`` rows, rounded down.
    benchmark_error : float
        Standard error of the expected number over the expected number: 0 where the average center
        is known. It widens the limits, and moves what is found at a center beyond them as well.
    tau : float
        Standard deviation of true log odds ratios that the limits allow for; 0 for chance alone.

    Returns
    -------
    float

    Raises
    ------
    UsageError
        For a risk, odds ratio, level or size that is impossible.

    References
    ----------
    Spiegelhalter DJ. Funnel plots for comparing institutional performance. Stat Med
    2005;24:1185-1202. Seaton SE, Barker L, Lingsma HF, Steyerberg EW, Manktelow BN. What is the
    probability of detecting poorly performing hospitals using funnel plots? BMJ Qual Saf
    2013;22:870-876.

    Examples
    --------
    >>> round(power(5, 0.2, 2.0, 0.95, tail="exact"), 6)  # 4 or 5 of 5: (10 + 1) / 243
    0.045267
    """
    _check(risk, odds_ratio, limit, design_effect)
    if n < 0:
        raise UsageError(f"n is {n}; expected a number of rows.")
    size = int(n / design_effect)
    if benchmark_error or tau:
        return _reached_with(size, risk, odds_ratio, (limit, tail), benchmark_error, tau)
    other = raised_risk(risk, odds_ratio)
    if odds_ratio < 1:  # counted from the other end, the lower limit is an upper one
        return _reached(size, 1 - risk, 1 - other, limit, tail)
    return _reached(size, risk, other, limit, tail)


def _reached_with(
    n: int, risk: float, odds_ratio: float, rule: tuple[float, Tail], error: float, tau: float
) -> float:
    """Power where the limits hold a benchmark that is not known, or variation between centers."""
    one, expected = np.ones(1), np.array([n * risk])
    sums = CenterSums(
        ("",), "", "proportion", n * one, n * one, 0 * one, expected, expected * (1 - risk), one,
        (error * expected) ** 2, risk, (Risks(np.array([risk]), n * one),),
    )  # fmt: skip
    chance = chance_of(sums)
    upper, lower = tail_functions(chance.widened(tau).mass(), rule[1])
    beyond = (upper if odds_ratio > 1 else lower) < (1 - rule[0]) / 2
    there = replace(chance, shift=chance.shift + np.log(odds_ratio)).mass()
    return float(there[beyond].sum())


def _reached(n: int, risk: float, other: float, limit: float, tail: Tail) -> float:
    return float(stats.binom.sf(_critical(n, risk, limit, tail) - 1, n, other))


def _critical(n: int, risk: float, limit: float, tail: Tail) -> int:
    """Smallest count beyond the upper limit; n + 1 where none is."""
    alpha = (1 - limit) / 2
    # the quantile is exact where all of the count's probability is tail; mid-p reaches further in
    found = int(stats.binom.isf(alpha, n, risk)) + 1
    while found > 0 and _tail(found - 1, n, risk, tail) <= alpha:
        found -= 1
    return found


def _tail(count: int, n: int, risk: float, tail: Tail) -> float:
    above = float(stats.binom.sf(count - 1, n, risk))
    return above - float(stats.binom.pmf(count, n, risk)) / 2 if tail == "mid-p" else above


def needed_volume(
    risk: float,
    odds_ratio: float = 2.0,
    alpha: float = 0.002,
    power_wanted: float = 0.8,
    *,
    tail: Tail = "mid-p",
    design_effect: float = 1.0,
    benchmark_error: float = 0.0,
    tau: float = 0.0,
) -> float:
    """Rows from which a center beyond the average is found with the power wanted.

    Parameters
    ----------
    risk, odds_ratio, tail, design_effect, benchmark_error, tau
        As in `power`.
    alpha : float
        Two-sided level of the limit: 0.05 alert, 0.002 alarm.
    power_wanted : float
        Probability to be found.

    Returns
    -------
    float
        A whole number. Power rises in saw-teeth; from this number on it is never below the power
        wanted. A benchmark that is not known, and variation between centers, multiply it as they
        do for normal scores. Infinite where more than ten million rows would be needed or no number
        is enough, or the risk is 0 or 1.

    Raises
    ------
    UsageError
        As `power`; or if the odds ratio is 1 or the power no probability above `alpha`.

    Examples
    --------
    >>> needed_volume(0.2, 2.0, 0.05, 0.8) < needed_volume(0.02, 2.0, 0.05, 0.8)
    True
    """
    if not 0 < risk < 1:
        return np.inf
    _check(risk, odds_ratio, 1 - alpha, design_effect)
    if odds_ratio == 1 or not alpha < power_wanted < 1:
        raise UsageError("needed_volume takes an odds ratio other than 1 and a power above alpha.")

    more = _growth(risk, odds_ratio, alpha, power_wanted, (benchmark_error, tau))
    other = raised_risk(risk, odds_ratio)
    if odds_ratio < 1:
        risk, other = 1 - risk, 1 - other
    tooth = _Teeth(risk, other, alpha / 2, tail)
    # the power at the first row of a tooth, its lowest, rises from tooth to tooth
    safe = _first(
        lambda c: tooth.starts(c) > _MOST or tooth.power(c, tooth.starts(c)) >= power_wanted, 1
    )
    if tooth.starts(safe) > _MOST:
        return np.inf
    begin, end = tooth.starts(safe - 1), tooth.starts(safe)
    size = _first(lambda n: n >= end or tooth.power(safe - 1, n) >= power_wanted, begin)
    return float(np.ceil(size * design_effect * more)) if size * more < _MOST else np.inf


def _growth(
    risk: float, odds_ratio: float, alpha: float, wanted: float, unknown: tuple[float, float]
) -> float:
    """Factor of the volume for a benchmark's relative error and tau, by normal scores."""
    error, tau = unknown[0] / (1 - risk), unknown[1]  # of log odds
    if not error and not tau:
        return 1.0
    other, apart = raised_risk(risk, odds_ratio), abs(float(np.log(odds_ratio)))
    limit, power_score = float(stats.norm.isf(alpha / 2)), float(stats.norm.ppf(wanted))

    def short(per_row: float, error: float, tau: float) -> float:
        own, there = (per_row / (p * (1 - p)) for p in (risk, other))
        needed = limit * np.sqrt(own + error**2 + tau**2) + power_score * np.sqrt(there + error**2)
        return float(needed - apart)

    if short(0.0, error, tau) >= 0:
        return np.inf
    known, here = (optimize.brentq(short, 0.0, 1e3, args=a) for a in ((0.0, 0.0), (error, tau)))
    return float(known / here)


@dataclass(frozen=True)
class _Teeth:
    """Runs of sizes whose limit lies at the same count; power rises along each, then drops."""

    risk: float
    other: float
    alpha: float
    tail: Tail

    def starts(self, count: int) -> int:
        """Smallest size whose limit is this count: the next after the last that a smaller has."""
        if count <= 1:
            return 0
        return _first(lambda n: _tail(count - 1, n, self.risk, self.tail) > self.alpha, count - 1)

    def power(self, count: int, n: int) -> float:
        return float(stats.binom.sf(count - 1, n, self.other))


def _first(holds: Callable[[int], bool], low: int) -> int:
    """Smallest number from `low` on for which something holds that holds from there on."""
    if holds(low):
        return low
    step = 1
    while not holds(low + step):
        low, step = low + step, step * 2
    high = low + step
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high


def _check(risk: float, odds_ratio: float, limit: float, design_effect: float) -> None:
    if not 0 < risk < 1:
        raise UsageError(f"risk is {risk!r}; expected a number between 0 and 1.")
    if not (odds_ratio > 0 and np.isfinite(odds_ratio)):
        raise UsageError(f"odds_ratio is {odds_ratio!r}; expected a positive number.")
    if not 0 < limit < 1:
        raise UsageError(
            f"the limit is {limit!r}; expected a level between 0 and 1, such as 0.998."
        )
    if not design_effect >= 1:
        raise UsageError(f"design_effect is {design_effect!r}; expected at least 1.")
