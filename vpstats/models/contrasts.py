"""Numbers of groups, and their differences and ratios to a reference, as rows of a table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from vpstats.errors import UsageError
from vpstats.frames import Frame
from vpstats.models.followup import FollowUp, Vector, row_caveats
from vpstats.models.functionals import Functionals
from vpstats.results import Caveat, critical_value

Matrix = NDArray[np.float64]

CONTRAST_COLUMNS = (
    *("time", "measure", "cause", "contrast", "group", "reference"),
    *("estimate", "std_error", "statistic", "p_value", "conf_low", "conf_high"),
)


@dataclass(frozen=True, slots=True)
class Numbers:
    """One number of every group, and what it is.

    Parameters
    ----------
    time : float
        Time that it is read at or integrated to.
    measure, cause : str
        What it is, and of which event.
    groups : tuple
        Names of the G groups.
    estimate : ndarray, shape (G,)
        NaN where the follow-up of a group is too short.
    covariance : ndarray, shape (G, G)
        Joint covariance.
    low, high : ndarray, shape (G,)
        Limits of each.
    """

    time: float
    measure: str
    cause: str
    groups: tuple[object, ...]
    estimate: Vector
    covariance: Matrix
    low: Vector
    high: Vector

    def rows(self, reference: object, level: float) -> Iterator[dict[str, Any]]:
        """Rows of the table: every group, then differences from the reference, then ratios."""
        error = np.sqrt(np.diag(self.covariance))
        for g, name in enumerate(self.groups):
            yield self._row("none", name, None, self.estimate[g], error[g], np.nan) | {
                "conf_low": self.low[g],
                "conf_high": self.high[g],
            }
        base = self.groups.index(reference)
        others = [g for g in range(len(self.groups)) if g != base]
        yield from (self._difference(g, base, level) for g in others)
        yield from (self._ratio(g, base, level) for g in others)

    def _difference(self, g: int, base: int, level: float) -> dict[str, Any]:
        estimate = self.estimate[g] - self.estimate[base]
        error = self._error(g, base, 1.0, -1.0)
        margin = critical_value(level) * error
        row = self._row("difference", self.groups[g], self.groups[base], estimate, error, estimate)
        return row | {"conf_low": estimate - margin, "conf_high": estimate + margin}

    def _ratio(self, g: int, base: int, level: float) -> dict[str, Any]:
        above, below = self.estimate[g], self.estimate[base]
        if not (above > 0 and below > 0):  # a ratio to or of nothing has no logarithm
            row = self._row("ratio", self.groups[g], self.groups[base], np.nan, np.nan, np.nan)
            return row | {"conf_low": np.nan, "conf_high": np.nan}
        log = np.log(above / below)
        error = self._error(g, base, 1 / above, -1 / below)
        margin = critical_value(level) * error
        row = self._row("ratio", self.groups[g], self.groups[base], np.exp(log), error, log)
        return row | {"conf_low": np.exp(log - margin), "conf_high": np.exp(log + margin)}

    def _error(self, g: int, base: int, one: float, other: float) -> float:
        c = self.covariance
        variance = one**2 * c[g, g] + other**2 * c[base, base] + 2 * one * other * c[g, base]
        return float(np.sqrt(np.maximum(variance, 0.0)))

    def _row(
        self,
        contrast: str,
        group: object,
        reference: object,
        estimate: float,
        error: float,
        tested: float,
    ) -> dict[str, Any]:
        statistic = tested / error if error > 0 else np.nan
        values = (self.time, self.measure, self.cause, contrast, group, reference, estimate, error)
        tests = (statistic, 2 * stats.norm.sf(abs(statistic)))
        return dict(zip(CONTRAST_COLUMNS, (*values, *tests), strict=False))


def contrast_table(numbers: Sequence[Numbers], reference: object, level: float) -> pd.DataFrame:
    """Rows of all numbers, in their order, with `CONTRAST_COLUMNS`."""
    rows = [row for number in numbers for row in number.rows(reference, level)]
    return pd.DataFrame(rows, columns=list(CONTRAST_COLUMNS))


def reference_of(groups: Sequence[object], reference: object) -> object:
    """The group to compare with: the one asked for, else the first.

    Raises
    ------
    UsageError
        If no row has the group that is asked for.
    """
    if reference is None:
        return groups[0]
    if reference not in groups:
        known = ", ".join(repr(g) for g in groups)
        raise UsageError(f"reference is {reference!r}; the groups with rows are {known}.")
    return reference


def within_follow_up(found: Functionals, times: Vector) -> Functionals:
    """The numbers, NaN where a group was not followed up to the time of the number."""
    beyond = times[None, :] > found.until[:, None]
    if not beyond.any():
        return found
    estimate = np.where(beyond, np.nan, found.estimate)
    lost = beyond.T[:, :, None] | beyond.T[:, None, :]
    return replace(found, estimate=estimate, covariance=np.where(lost, np.nan, found.covariance))


NO_ROWS = ("no rows", "No row has a complete follow-up; check the columns.")
"""Status and reason where nothing is left to analyse."""


def contrast_outcome(found: Functionals, table: pd.DataFrame) -> tuple[str, str]:
    """Status and reason: whether the follow-up of any group reaches any of the times."""
    if table["estimate"].notna().any():
        return "ok", ""
    latest = float(found.until.max())
    return (
        "beyond follow-up",
        f"No group was followed up so far; ask for a time of up to {latest:g}.",
    )


def contrast_caveats(
    frame: Frame, rows: FollowUp, found: Sequence[Functionals], times: Vector
) -> tuple[Caveat, ...]:
    """What must be said of numbers at some times, once each."""
    said = row_caveats(frame, n_missing=rows.n_missing, n_clusters=rows.n_clusters)
    said += [c for one in found for c in _caveats(rows, one, times)]
    return tuple(dict.fromkeys(said))


def _caveats(rows: FollowUp, found: Functionals, times: Vector) -> Iterator[Caveat]:
    absent = len(rows.groups) - len(found.groups)
    if absent:
        yield Caveat("empty_group", f"{absent} groups without rows were left out.")
    if rows.group is not None and len(found.groups) == 1:
        yield Caveat("one_group", f"Only group {found.groups[0]} has rows: nothing is compared.")
    latest = float(found.until.min())
    if times.max() > latest:
        message = (
            f"Some group was followed for {latest:g} at most: its numbers beyond that are not "
            f"given. Times of up to {latest:g} are known in every group."
        )
        yield Caveat("beyond_follow_up", message)
    errors = np.diagonal(found.covariance, axis1=1, axis2=2).T
    for name, empty, error in zip(found.groups, found.emptied, errors, strict=True):
        where = "" if name is None else f" in group {name}"
        if empty:
            message = f"Nobody was at risk{where} for a time before later entries."
            yield Caveat("risk_set_emptied", message)
        if np.any(error == 0):
            message = (
                f"By some of the times no row{where} had the event, or every row: a standard "
                "error of 0 says nothing of the uncertainty there."
            )
            yield Caveat("zero_error", message)
