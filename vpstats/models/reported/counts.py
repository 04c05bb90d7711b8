"""What printed counts imply: percents, intervals of a proportion, tests of a 2×2 table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from vpstats.models.named_tests.contingency import chi_squared, likelihood_ratio
from vpstats.models.named_tests.fisher import Hypergeometric
from vpstats.models.shares import PROPORTION_LIMITS, Limits
from vpstats.results import critical_value

Table = NDArray[np.float64]

TEST_NAMES = {
    "pearson": "Pearson",
    "yates": "Yates",
    "fisher": "Fisher",
    "fisher-mid-p": "Fisher mid-p",
    "fisher-one-sided": "Fisher one-sided",
    "g": "G",
}


@dataclass(frozen=True, slots=True)
class Counts:
    """Events and rows of one or two groups.

    Parameters
    ----------
    events, n : int
        Of the first group.
    events_2, n_2 : int, optional
        Of the second.
    """

    events: int
    n: int
    events_2: int | None = None
    n_2: int | None = None

    @property
    def two(self) -> bool:
        """Whether there are two groups."""
        return self.events_2 is not None and self.n_2 is not None

    @property
    def possible(self) -> bool:
        """Whether no group has more events than rows, and none is empty."""
        pairs = [(self.events, self.n)]
        if self.events_2 is not None and self.n_2 is not None:
            pairs.append((self.events_2, self.n_2))
        return all(0 <= events <= n and n > 0 for events, n in pairs)

    @property
    def table(self) -> Table:
        """Second group over first, no event beside event, shape (2, 2)."""
        second, rows = self.events_2 or 0, self.n_2 or 0
        return np.array(
            [[rows - second, second], [self.n - self.events, self.events]], dtype=np.float64
        )


def p_values(counts: Counts) -> dict[str, float]:
    """p-value of each named test of two groups; empty where nobody, or everybody, has the event."""
    table = counts.table
    if (table.sum(axis=0) == 0).any():
        return {}
    law = Hypergeometric.of(table)
    return {
        "pearson": _upper(chi_squared(table)),
        "yates": _upper(chi_squared(table, yates=True)),
        "fisher": law.p_value(),
        "fisher-mid-p": law.p_value(mid=True),
        "fisher-one-sided": min(law.one_sided()),
        "g": _upper(likelihood_ratio(table)),
    }


def _upper(found: tuple[float, float]) -> float:
    return float(stats.chi2.sf(*found))


def statistics(counts: Counts) -> dict[str, float]:
    """Chi-squared statistic of each named test of two groups."""
    table = counts.table
    if (table.sum(axis=0) == 0).any():
        return {}
    return {
        "pearson": float(chi_squared(table)[0]),
        "yates": float(chi_squared(table, yates=True)[0]),
        "g": float(likelihood_ratio(table)[0]),
    }


def proportion_intervals(events: int, n: int, level: float) -> dict[str, Limits]:
    """Limits of a proportion by each named method, in per cent."""
    found = {}
    for name, limits in PROPORTION_LIMITS.items():
        low, high = limits(events, n, level)
        found[name] = 100 * low, 100 * high
    return found


def _odds_ratio(table: Table) -> tuple[float, float]:
    (a, b), (c, d) = table
    return np.log(a * d / (b * c)), np.sqrt((1 / table).sum())


def _risk_ratio(table: Table) -> tuple[float, float]:
    sizes, events = table.sum(axis=1), table[:, 1]
    return float(np.log(events[1] / sizes[1] / (events[0] / sizes[0]))), float(
        np.sqrt((1 / events - 1 / sizes).sum())
    )


RATIOS: dict[str, tuple[str, Callable[[Table], tuple[float, float]]]] = {
    "OR": ("Woolf", _odds_ratio),
    "RR": ("Katz", _risk_ratio),
}
"""Ratio → name of its log interval, and logarithm and error from a table without empty cells."""


def ratio(counts: Counts, measure: str, level: float) -> tuple[float, float, float] | None:
    """Crude ratio of the first group to the second, with limits; None with an empty cell."""
    table = counts.table
    if (table == 0).any():
        return None
    log, error = RATIOS[measure][1](table)
    half = float(critical_value(level)) * error
    return float(np.exp(log)), float(np.exp(log - half)), float(np.exp(log + half))
