"""Columns of days of which only the year or the month was known when they were written."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from vpstats.registry.blocks import Block
from vpstats.registry.fields import field_column
from vpstats.registry.raw import SourceNote

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

_FEWEST, _NEARLY_ALL, _PERIODS = 15, 0.9, 3
"""Different days that tell, the share of them that is alike, and the years or months they are of.

Of 15 real days, 14 are on one day of the month less than once in 10^18 columns.
"""
_SAID = "almost all days are {0} of their {1}, so that only the {1} may have been known"
_KEYS = frozenset({"proc_date"})  # days that rows of other tables repeat


def rounded_days(block: Block) -> Iterator[SourceNote]:
    """Say of which columns almost all days are the same of a year, or of a month.

    Parameters
    ----------
    block : Block
        Rows of one table, read.

    Yields
    ------
    SourceNote
        One for each column and file; the values are kept.
    """
    for name, days in block.values.items():
        is_day = isinstance(days, np.ndarray) and days.dtype.kind == "M" and name in block.names
        if is_day and (name not in _KEYS or block.table == "procedures"):
            yield from _of_column(block, name, days)


def _of_column(block: Block, name: str, days: Array) -> Iterator[SourceNote]:
    file, files = block.text.raw.file, block.text.raw.files
    known = ~np.isnat(days)
    for number, shown in enumerate(files):
        rows = np.flatnonzero(known & (file == number)) if len(files) > 1 else np.flatnonzero(known)
        if not _may_be_rounded(days[rows]):
            continue
        said = rounding(pd.DataFrame({"who": block.patient[rows], "day": days[rows]}))
        if said and field_column(block.table, name).role == "birth":
            said += f"; ages may be wrong by up to a {'year' if 'year' in said else 'month'}"
        if said:
            yield SourceNote("date.rounded", shown, said, column=block.names[name])


def _may_be_rounded(days: Array) -> bool:
    """Whether many rows have the same day of the month, seen before rows are told apart."""
    if len(days) < _FEWEST:
        return False
    of_month = (days.astype("datetime64[D]") - days.astype("datetime64[M]")).astype(np.int64)
    return bool(np.bincount(of_month).max() >= len(days) / 2)


def rounding(rows: pd.DataFrame) -> str:
    """Of what days are, where almost all are the same day of a year or month; "" elsewhere.

    Parameters
    ----------
    rows : DataFrame
        ``who, day``; rows that repeat another count once.

    Returns
    -------
    str
        A phrase for a finding.

    Examples
    --------
    >>> days = pd.to_datetime([f"{year}-01-01" for year in range(1930, 1950)])
    >>> rounding(pd.DataFrame({"who": range(20), "day": days}))
    'almost all days are 01-01 of their year, so that only the year may have been known'
    >>> rounding(pd.DataFrame({"who": range(20), "day": pd.date_range("2020-01-01", periods=20)}))
    ''
    """
    days = rows.drop_duplicates()["day"].dt
    if len(days.day) < _FEWEST:
        return ""
    of_year = days.month * 100 + days.day
    usual = int(of_year.mode()[0])
    if _is_alike(of_year == usual, days.year):
        return _SAID.format(f"{usual // 100:02}-{usual % 100:02}", "year")
    usual = int(days.day.mode()[0])
    if _is_alike(days.day == usual, days.year * 12 + days.month):
        return _SAID.format(f"day {usual}", "month")
    return ""


def _is_alike(same: pd.Series, period: pd.Series) -> bool:
    return bool(same.mean() >= _NEARLY_ALL and period[same].nunique() >= _PERIODS)
