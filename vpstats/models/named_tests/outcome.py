"""What a named test gives, whatever it is called."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from vpstats.results import Caveat

Vector = NDArray[np.float64]
Codes = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Outcome:
    """One test, with the estimate that belongs to it where there is one.

    Parameters
    ----------
    method : str
        Name of the test.
    statistic, df, df_residual, p_value : float
        NaN where the test has none.
    measure : str
        What the estimate is; empty without one.
    estimate, conf_low, conf_high : float
        Of the second group against the first.
    caveats : tuple of Caveat
        What to know before quoting the p-value.
    status, reason : str
        ``"ok"``, or why the test cannot be made and what to do.
    """

    method: str
    statistic: float = np.nan
    df: float = np.nan
    df_residual: float = np.nan
    p_value: float = np.nan
    measure: str = ""
    estimate: float = np.nan
    conf_low: float = np.nan
    conf_high: float = np.nan
    caveats: tuple[Caveat, ...] = ()
    status: str = "ok"
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Options:
    """What a test may be told.

    Parameters
    ----------
    level : float
        Confidence level.
    exact : bool, optional
        Exact distribution of ranks; None for the usual rule.
    continuity : bool
        Whether normal approximations of ranks are corrected for continuity.
    simulate : int
        Tables to draw where an exact test is too large; 0 for none.
    seed : int
        Of the simulation.
    scores : tuple of float, optional
        Of ordered groups.
    """

    level: float = 0.95
    exact: bool | None = None
    continuity: bool = True
    simulate: int = 0
    seed: int = 0
    scores: tuple[float, ...] | None = None


@dataclass(frozen=True, slots=True)
class Sample:
    """Complete rows of one variable in groups.

    Parameters
    ----------
    values : ndarray, shape (n,)
        Numbers, or codes into `levels`.
    group : ndarray of int, shape (n,)
        Codes into `groups`.
    groups : tuple of str
        Names of the groups that occur.
    levels : tuple of str
        Names of the categories; empty for numbers.
    cluster : ndarray of int, shape (n,), optional
        Codes of the clusters.
    """

    values: Vector
    group: Codes
    groups: tuple[str, ...]
    levels: tuple[str, ...] = ()
    cluster: Codes | None = field(default=None)

    @property
    def counts(self) -> Vector:
        """Table of groups × levels, shape (groups, levels)."""
        shape = len(self.groups), len(self.levels)
        flat = self.group * shape[1] + self.values.astype(np.int64)
        return np.bincount(flat, minlength=shape[0] * shape[1]).reshape(shape).astype(np.float64)

    @property
    def parts(self) -> list[Vector]:
        """Values of each group."""
        return [self.values[self.group == k] for k in range(len(self.groups))]
