"""How centers are judged: the rules that a plan fixes before results are seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from scipy import stats

from vpstats.centers.limits import Tail, risks_of
from vpstats.centers.sums import CenterSums
from vpstats.errors import UsageError

SMALL_RISK = 0.1
"""Largest risk of any row for which a Poisson distribution is used on request."""


@dataclass(frozen=True)
class Rules:
    """How centers are judged; fixed before results are seen.

    Parameters
    ----------
    alert, alarm : float
        Two-sided levels of the limits.
    tail : {"mid-p", "exact", "interpolated"}
        Rule for discrete counts; see `limits.tail_functions`.
    dispersion : {"none", "tau", "phi"}
        Which variation beyond chance widens the limits of the flags; all are always computed.
    winsorise : float
        Share of centers winsorised at each end before that variation is estimated.
    direction : {"lower", "higher"}
        Which numbers of outcomes are better.
    min_expected : float
        Expected number below which there is no verdict.
    min_n : float
        Rows below which there is no verdict.
    law : {"exact", "poisson"}
        Distribution of counts of rows; "poisson" only takes effect where every risk of the network
        is at most 0.1.
    interval : {"exact", "byar"}
        Interval of O/E; "byar" only takes effect where the distribution is Poisson.
    exceed : float
        O/E whose exceedance is given; its inverse is used where higher is better.
    level : float
        Level of the intervals.
    seed : int
        Of the draws behind rank intervals.
    """

    alert: float = 0.95
    alarm: float = 0.998
    tail: Tail = "mid-p"
    dispersion: Literal["none", "tau", "phi"] = "none"
    winsorise: float = 0.1
    direction: Literal["lower", "higher"] = "lower"
    min_expected: float = 5.0
    min_n: float = 1.0
    law: Literal["exact", "poisson"] = "exact"
    interval: Literal["exact", "byar"] = "exact"
    exceed: float = 1.2
    level: float = 0.95
    seed: int = 1

    def __post_init__(self) -> None:
        choices = {
            "tail": get_args(Tail),
            "dispersion": ("none", "tau", "phi"),
            "direction": ("lower", "higher"),
            "law": ("exact", "poisson"),
            "interval": ("exact", "byar"),
        }
        for name, known in choices.items():
            if getattr(self, name) not in known:
                raise UsageError(f"{name} is {getattr(self, name)!r}; expected one of {known}.")
        if not 0 < self.alert < self.alarm < 1 or not 0 < self.level < 1:
            raise UsageError("levels must lie between 0 and 1, the alarm's above the alert's.")
        if not 0 <= self.winsorise < 0.5:
            raise UsageError(f"winsorise is {self.winsorise!r}; expected at least 0, below 0.5.")
        if not self.exceed > 1:
            raise UsageError(f"exceed is {self.exceed!r}; expected an O/E above 1.")


def law_of(sums: CenterSums, rules: Rules) -> Literal["exact", "poisson"]:
    """Distribution of the counts: the one asked for, where risks allow it."""
    if sums.measure == "incidence":
        return "poisson"
    largest = max((float(np.max(r.values, initial=0.0)) for r in risks_of(sums)), default=0.0)
    return "poisson" if rules.law == "poisson" and largest <= SMALL_RISK else "exact"


def side_share(level: float, factor: float) -> float:
    """Probability of one side at a level, when z-scores are divided by a factor."""
    return float(stats.norm.sf(factor * stats.norm.isf((1 - level) / 2)))
