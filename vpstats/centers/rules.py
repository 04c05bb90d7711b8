"""How centers are judged: the rules that a plan fixes before results are seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
from scipy import stats

from vpstats.centers.dispersion import Dispersion
from vpstats.centers.limits import Tail, risks_of
from vpstats.centers.sums import CenterSums
from vpstats.errors import UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Vector = NDArray[np.float64]

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


@dataclass(frozen=True)
class Widening:
    """What the limits of the flags allow for beyond chance.

    Parameters
    ----------
    tau : ndarray, shape (k,), optional
        Standard deviation of the true log odds ratios, for each center.
    freedom : ndarray, shape (k,), optional
        Degrees of freedom with which that is known.
    factor : float
        By which z-scores are divided: the root of phi.
    """

    tau: Vector | None = None
    freedom: Vector | None = None
    factor: float = 1.0

    def side_share(self, level: float) -> Vector | float:
        """Probability that one side of the law must have for the limits to be of a level."""
        half = (1 - level) / 2
        if self.freedom is not None:
            return np.asarray(stats.norm.sf(stats.t.isf(half, self.freedom)))
        return float(stats.norm.sf(self.factor * stats.norm.isf(half)))

    def tail(self, share: Vector) -> Vector:
        """A tail of the law as a tail that allows for what is not known."""
        if self.freedom is not None:
            return student_tail(share, self.freedom)
        if self.factor == 1:
            return share
        return np.asarray(stats.norm.sf(stats.norm.isf(share) / self.factor))


def student_tail(share: Vector, freedom: Vector) -> Vector:
    """A normal tail as the tail of Student's t at the same score.

    Examples
    --------
    >>> student_tail(np.array([0.025]), np.array([10.0])).round(4).tolist()
    [0.0392]
    """
    return np.asarray(stats.t.sf(stats.norm.isf(share), freedom))


def widening_of(rules: Rules, spread: Dispersion) -> Widening:
    """The widening that rules choose, where it could be estimated."""
    if rules.dispersion == "tau" and np.isfinite(spread.tau):
        return Widening(spread.tau_others, spread.freedom)
    if rules.dispersion == "phi" and np.isfinite(spread.phi):
        return Widening(factor=float(np.sqrt(spread.phi)))
    return Widening()


def widenings_at(spread: Dispersion, variances: Vector) -> dict[str, Widening]:
    """Every widening that could be estimated, for centers that took no part in it.

    Parameters
    ----------
    spread : Dispersion
    variances : ndarray, shape (m,)
        Variance by chance of the log odds ratio of such centers.
    """
    found = {"none": Widening()}
    if np.isfinite(spread.tau):
        tau = np.full(len(variances), spread.tau)
        found["tau"] = Widening(tau, spread.freedom_at(variances))
    if np.isfinite(spread.phi):
        found["phi"] = Widening(factor=float(np.sqrt(spread.phi)))
    return found
