"""Measures of centers: one row for each center, and one for the network as a whole."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from vpstats.models.shares import wilson

NETWORK = "network"
"""Stands for all centers together."""

PERCENT = "%"

COLUMNS = (
    "section", "measure", "level", "label", "center_id", "n", "n_events", "estimate", "conf_low",
    "conf_high", "unit",
)  # fmt: skip
"""Columns of the table of measures."""

Row = dict[str, Any]


def row(
    section: str,
    measure: str,
    center: str,
    *,
    label: str,
    estimate: float,
    unit: str,
    n: float = np.nan,
    n_events: float = np.nan,
    level: str = "",
    limits: tuple[float, float] = (np.nan, np.nan),
) -> Row:
    """Make one row of the table of measures."""
    values = (section, measure, level, label, center, float(n), float(n_events), float(estimate),
              float(limits[0]), float(limits[1]), unit)  # fmt: skip
    return dict(zip(COLUMNS, values, strict=True))


def share(
    section: str,
    measure: str,
    center: str,
    *,
    label: str,
    n_events: int,
    n: int,
    level: str = "",
    interval: float | None = None,
) -> Row:
    """Make the row of a percentage; without rows there is none.

    Parameters
    ----------
    n_events, n : int
        How many of how many.
    interval : float, optional
        Level of a Wilson interval; none is given if None, since rows may cluster in patients.
    """
    limits = (np.nan, np.nan)
    if interval is not None and n > 0:
        low, high = wilson(n_events, n, interval)
        limits = (100 * low, 100 * high)
    value = 100 * n_events / n if n > 0 else np.nan
    return row(section, measure, center, label=label, estimate=value, unit=PERCENT, n=n,
               n_events=n_events, level=level, limits=limits)  # fmt: skip


def shares(
    section: str,
    measure: str,
    label: str,
    happened: np.ndarray,
    asked: np.ndarray,
    center: np.ndarray,
    centers: tuple[str, ...],
    *,
    interval: float | None = None,
) -> Iterator[Row]:
    """Make the percentages of one condition, of every center and of the network.

    Parameters
    ----------
    happened, asked : ndarray of bool, shape (n,)
        Rows that fulfil it, and rows of which that is asked.
    center : ndarray of object, shape (n,)
        Center of each row.
    centers : tuple of str
        Centers, those without rows among them.
    """
    for name, here in members(center, centers):
        mine = asked & here
        yield share(section, measure, name, label=label, n_events=int((happened & mine).sum()),
                    n=int(mine.sum()), interval=interval)  # fmt: skip


def members(center: np.ndarray, centers: tuple[str, ...]) -> Iterator[tuple[str, np.ndarray]]:
    """Rows of each center, then of the network."""
    names = np.array([None if pd.isna(c) else str(c) for c in center], dtype=object)
    for one in centers:
        yield one, np.asarray(names == one, dtype=bool)
    yield NETWORK, np.ones(len(names), bool)


def as_table(rows: list[Row]) -> pd.DataFrame:
    """Rows in one table with the median and the range of the centers beside each."""
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    numbers = ["n", "n_events", "estimate", "conf_low", "conf_high"]
    table = table.astype({c: (float if c in numbers else object) for c in COLUMNS})
    return with_network(table)


def with_network(table: pd.DataFrame) -> pd.DataFrame:
    """Put the median and the range of the centers beside every row.

    Parameters
    ----------
    table : DataFrame
        Columns of `COLUMNS`.

    Returns
    -------
    DataFrame
        With ``network_median, network_low, network_high, n_centers``, of the centers in which
        there is something to measure.
    """
    keys = ["section", "measure", "level"]
    own = table[(table["center_id"] != NETWORK) & np.isfinite(table["estimate"])]
    found: Mapping[Any, pd.Series] = {k: g["estimate"] for k, g in own.groupby(keys, sort=False)}
    beside = [_spread(found.get(key)) for key in zip(*(table[k] for k in keys), strict=True)]
    names = ["network_median", "network_low", "network_high", "n_centers"]
    columns = pd.DataFrame(beside, columns=names, index=table.index, dtype=float)
    return pd.concat([table, columns], axis=1)


def _spread(values: pd.Series | None) -> tuple[float, float, float, float]:
    if values is None or values.empty:
        return np.nan, np.nan, np.nan, 0.0
    return float(values.median()), float(values.min()), float(values.max()), float(len(values))
