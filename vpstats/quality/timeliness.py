"""Timeliness: how soon procedures are entered, how long a center has been silent, and its gaps."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from vpstats.quality.measures import NETWORK, Row, members, row, share

if TYPE_CHECKING:
    from vpstats.registry import Registry

SECTION = "timeliness"

RARE = 0.01
"""Probability, over all centers, below which a silence is called longer than chance."""


def timeliness(registry: Registry, centers: tuple[str, ...], entry_days: int) -> Iterator[Row]:
    """Days to entry, days since the last procedure, and months without one, of every center.

    Parameters
    ----------
    registry : Registry
        Silence is counted to its data cut. Whether a center's is long, and gaps, are judged up to
        the last procedure of the whole network, since entry may lag behind for everybody; whether
        the network's is long, up to the data cut.
    centers : tuple of str
        Centers, those without procedures among them.
    entry_days : int
        Days within which a procedure counts as entered in time.
    """
    rows = registry.procedures
    delay = (rows["entry_date"] - rows["proc_date"]).dt.days.to_numpy(float)
    last = rows["proc_date"].max()
    for center, here in members(rows["center_id"].to_numpy(object), centers):
        yield from _entry(center, delay[here], entry_days)
        if not registry.shifted_days:
            yield from _series(center, rows["proc_date"][here], registry.data_cut, last)


def _entry(center: str, delay: np.ndarray, limit: int) -> Iterator[Row]:
    """Delays of a center; an entry before its procedure is an error of one of the days."""
    after = delay[delay >= 0]
    for measure, probability, label in _QUARTILES:
        value = float(np.quantile(after, probability)) if len(after) else np.nan
        yield row(SECTION, measure, center, label=label, estimate=value, unit="days", n=len(after))
    yield share(SECTION, "entry_in_time", center, label=f"Entered within {limit} days",
                n_events=int((after <= limit).sum()), n=len(after))  # fmt: skip
    known = int(np.isfinite(delay).sum())
    yield share(SECTION, "entry_before", center, label="Entered before the procedure",
                n_events=known - len(after), n=known)  # fmt: skip


_QUARTILES = (
    ("entry_median", 0.5, "Days to entry, median"),
    ("entry_q3", 0.75, "Days to entry, upper quartile"),
)


def _series(center: str, dates: pd.Series, cut: pd.Timestamp, end: pd.Timestamp) -> Iterator[Row]:
    days = np.sort(dates.dropna().to_numpy("datetime64[D]"))
    n = len(days)
    until = cut if center == NETWORK else end
    silence = float((np.datetime64(cut, "D") - days[-1]).astype(int)) if n else np.nan
    yield row(SECTION, "silence", center, label="Days since the last procedure", estimate=silence,
              unit="days", n=n)  # fmt: skip
    yield row(SECTION, "silence_chance", center, label="Chance of so long a silence",
              estimate=silence_chance(days, until), unit="probability", n=n)  # fmt: skip
    counts = month_counts(days, end)
    empty = counts == 0
    value = float(empty.sum()) if len(counts) else np.nan
    yield row(SECTION, "months", center, label="Whole months since the first procedure",
              estimate=float(len(counts)) if n else np.nan, unit="months", n=n)  # fmt: skip
    yield row(SECTION, "months_empty", center, label="Months without a procedure", estimate=value,
              unit="months", n=n)  # fmt: skip
    longest = float(longest_run(empty)) if len(counts) else np.nan
    yield row(SECTION, "gap", center, label="Longest gap in the series", estimate=longest,
              unit="months", n=n)  # fmt: skip
    yield row(SECTION, "gap_chance", center, label="Chance of so long a gap",
              estimate=gap_chance(counts), unit="probability", n=n)  # fmt: skip


def month_counts(days: np.ndarray, end: pd.Timestamp) -> np.ndarray:
    """Procedures in each whole month, from that of the first one to the last that is over.

    Parameters
    ----------
    days : ndarray of datetime64[D]
        Dates, in any order.
    end : Timestamp
        Last day that counts; its month does if it ends that day.

    Examples
    --------
    >>> dates = np.array(["2024-01-05", "2024-01-20", "2024-04-02"], "datetime64[D]")
    >>> month_counts(dates, pd.Timestamp("2024-05-15")).tolist()
    [2, 0, 0, 1]
    """
    if not len(days):
        return np.empty(0, np.int64)
    months = days.astype("datetime64[M]").astype(np.int64)
    after = np.datetime64(end + pd.Timedelta(days=1), "M").astype(np.int64)
    place = months - months.min()
    whole = max(int(after - months.min()), 0)
    return np.bincount(place[place < whole], minlength=whole)


def longest_run(empty: np.ndarray) -> int:
    """Length of the longest run of empty months.

    Examples
    --------
    >>> longest_run(np.array([True, False, True, True]))
    2
    """
    ends = np.flatnonzero(np.diff(np.r_[0, empty.astype(int), 0]))
    return int((ends[1::2] - ends[::2]).max(initial=0))


def gap_chance(counts: np.ndarray) -> float:
    """Upper bound of the probability of a gap as long as the longest, at the center's mean pace.

    Parameters
    ----------
    counts : ndarray of int
        Procedures by month.

    Returns
    -------
    float
        Months with procedures are taken as Poisson with their mean outside the gap; the chance
        that some run of that length is empty is at most the number of its places times that of
        one. 1 where there is no gap.

    Examples
    --------
    >>> round(gap_chance(np.array([4, 5, 0, 0, 6, 5])), 6)  # 5 places of exp(-2 * 5)
    0.000227
    """
    gap = longest_run(counts == 0)
    if not gap:
        return 1.0 if len(counts) else np.nan
    pace = counts.sum() / (len(counts) - gap)
    return float(min(1.0, (len(counts) - gap + 1) * np.exp(-pace * gap)))


def silence_chance(days: np.ndarray, end: pd.Timestamp) -> float:
    """Probability that a center is silent from its last procedure to a day, at its pace.

    Parameters
    ----------
    days : ndarray of datetime64[D]
        Dates, ascending.

    Returns
    -------
    float
        ``exp(-silence / mean interval)``; NaN with fewer than two days.

    Examples
    --------
    >>> dates = np.array(["2024-01-01", "2024-01-11", "2024-01-21"], "datetime64[D]")
    >>> round(silence_chance(dates, pd.Timestamp("2024-02-20")), 4)  # exp(-30 / 10)
    0.0498
    """
    if len(days) < 2 or days[0] == days[-1]:
        return np.nan
    mean = (days[-1] - days[0]).astype(int) / (len(days) - 1)
    return float(np.exp(-(np.datetime64(end, "D") - days[-1]).astype(int) / mean))


def months_table(registry: Registry, centers: tuple[str, ...]) -> pd.DataFrame:
    """Procedures of each center by calendar month, from its first to the data cut's.

    Returns
    -------
    DataFrame
        ``center_id, month, n``; empty where dates were moved.
    """
    rows = registry.procedures
    parts = []
    for center, here in members(rows["center_id"].to_numpy(object), centers):
        days = rows["proc_date"][here].dropna().to_numpy("datetime64[D]")
        if registry.shifted_days or not len(days):
            continue
        first = days.min().astype("datetime64[M]")
        last = np.datetime64(registry.data_cut, "M")
        months = np.arange(first, last + 1)
        place = (days.astype("datetime64[M]") - first).astype(np.int64)
        n = np.bincount(place, minlength=len(months))
        parts.append(pd.DataFrame({"center_id": center, "month": months.astype(str), "n": n}))
    empty = pd.DataFrame({"center_id": [], "month": [], "n": []})
    return pd.concat(parts, ignore_index=True) if parts else empty
