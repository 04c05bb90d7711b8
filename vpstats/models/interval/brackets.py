"""Columns of last negative and first positive visits → checked arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from vpstats.errors import UsageError
from vpstats.models.columns import require_columns
from vpstats.models.followup import read_times

Vector = NDArray[np.float64]
Mask = NDArray[np.bool_]

DAY = pd.Timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Clock:
    """How the time columns of a table are read.

    Parameters
    ----------
    start : str or None
        Column of the date at which follow-up starts, where times are dates.
    """

    start: str | None = None

    def read(self, data: pd.DataFrame, name: str) -> Vector:
        """Times of one column, in days where it holds dates or timedeltas; NaN where missing.

        Parameters
        ----------
        data : DataFrame, shape (n, any)
            Rows; unchanged.
        name : str
            Column of numbers, timedeltas or dates.

        Returns
        -------
        ndarray, shape (n,)

        Raises
        ------
        UsageError
            If there is no such column, it holds no times, or it holds dates without a start.
        """
        require_columns(data, [name] if self.start is None else [name, self.start])
        column = _as_dates(data[name])
        if self.start is None or not pd.api.types.is_datetime64_any_dtype(column.dtype):
            return read_times(data.assign(**{name: column}), name)
        origin = _as_dates(data[self.start])
        if not pd.api.types.is_datetime64_any_dtype(origin.dtype):
            raise UsageError("holds no dates; expected the date of the start.", column=self.start)
        try:
            passed = column - origin
        except TypeError:
            raise UsageError(
                f"has a time zone and '{self.start}' has none, or the reverse; give both alike.",
                column=name,
            ) from None
        return np.asarray((passed / DAY).to_numpy(float), dtype=float)

    def unit(self, data: pd.DataFrame, name: str) -> str:
        """Unit of a column: "days" of dates and timedeltas, else whatever its numbers are in."""
        kinds = pd.api.types
        dtype = _as_dates(data[name]).dtype
        timed = kinds.is_datetime64_any_dtype(dtype) or kinds.is_timedelta64_dtype(dtype)
        return "days" if timed else f"the unit of {name}"


def _as_dates(column: pd.Series) -> pd.Series:
    """Dates that Python's own type holds become pandas'."""
    if column.dtype == object and pd.api.types.infer_dtype(column, skipna=True) in _DATES:
        return pd.to_datetime(column)
    return column


_DATES = ("date", "datetime")


@dataclass(frozen=True, slots=True)
class Brackets:
    """Intervals that hold the time of an event.

    Parameters
    ----------
    left, right : ndarray, shape (n,)
        Last time without and first time with the event, in (left, right]; equal where the time is
        known. Left is 0 where nobody looked before, right infinite where it was never found.
    """

    left: Vector
    right: Vector

    @property
    def found(self) -> Mask:
        """Rows in which the event was found."""
        return np.asarray(np.isfinite(self.right))

    @property
    def exact(self) -> Mask:
        """Rows in which its time is known."""
        return np.asarray(self.left == self.right)

    def take(self, rows: NDArray[np.intp]) -> Brackets:
        """Some of the rows."""
        return Brackets(self.left[rows], self.right[rows])


def read_brackets(data: pd.DataFrame, left: str, right: str, clock: Clock) -> Brackets:
    """Read and check last negative and first positive times.

    Parameters
    ----------
    data : DataFrame, shape (n, any)
        Rows; unchanged.
    left, right : str
        Columns of the last time without and the first time with the event. A missing left means
        that nobody looked before `right`; a missing or infinite right that it was never found.
    clock : Clock
        How times are read.

    Returns
    -------
    Brackets

    Raises
    ------
    UsageError
        If both are missing in a row, a time is negative, left is infinite, or left lies after
        right.

    Examples
    --------
    >>> import pandas as pd
    >>> rows = pd.DataFrame({"negative": [30.0, 90.0, None], "positive": [90.0, None, 14.0]})
    >>> brackets = read_brackets(rows, "negative", "positive", Clock())
    >>> brackets.left.tolist(), brackets.right.tolist()
    ([30.0, 90.0, 0.0], [90.0, inf, 14.0])
    """
    low, high = clock.read(data, left), clock.read(data, right)
    refuse(
        np.isnan(low) & np.isnan(high),
        f"left='{left}' and right='{right}' are both missing",
        f"a time in at least one. Put 0 in '{left}' where nobody looked since the start",
    )
    low, high = np.where(np.isnan(low), 0.0, low), np.where(np.isnan(high), np.inf, high)
    for name, values in ((left, low), (right, high)):
        refuse(values < 0, f"'{name}' is negative", "times since the start of follow-up")
    refuse(np.isinf(low), f"left='{left}' is infinite", "the time of the last negative visit")
    refuse(
        low > high,
        f"left='{left}' lies after right='{right}'",
        "the last negative visit at or before the first positive one",
    )
    return Brackets(low, high)


def refuse(wrong: Mask, what: str, expected: str) -> None:
    """Raise where times are impossible or contradict each other.

    Parameters
    ----------
    wrong : ndarray of bool, shape (n,)
        Rows in which they do.
    what, expected : str
        Words for the message.

    Raises
    ------
    UsageError
        With the number of rows; none is shown.
    """
    count = int(np.count_nonzero(wrong))
    if count:
        raise UsageError(
            f"{what} in {count:,} rows; expected {expected}. Correct or leave out those rows."
        )
