"""Case mix of each center beside that of the rest of the network."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from vpstats.centers.reading import center_names
from vpstats.errors import UsageError
from vpstats.frames import Frame, open_data
from vpstats.models.columns import Column, read_column, require_columns

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Vector = NDArray[np.float64]

_COLUMNS = [
    "center_id", "variable", "level", "n", "n_missing", "mean", "sd", "network_mean",
    "network_sd", "smd",
]  # fmt: skip


def case_mix(
    data: pd.DataFrame | Frame,
    columns: Sequence[str],
    *,
    center: str = "center_id",
    independent: str | None = None,
) -> pd.DataFrame:
    """Compare who is treated at each center with who is treated elsewhere.

    Parameters
    ----------
    data : DataFrame or Frame
        Rows; unchanged.
    columns : sequence of str
        What to compare: numbers, or categories.
    center : str
        Column of centers.
    independent : str, optional
        As `vpstats.frames.open_data`; nothing here depends on clusters.

    Returns
    -------
    DataFrame
        ``center_id, variable, level, n, n_missing, mean, sd, network_mean, network_sd, smd``: a row
        per center and column, for categories one per category (`mean` is its share). `network_…`
        is the rest of the network. `smd` is the difference over the root of the mean of both
        variances; NaN where neither varies. Missing values are counted, and in no mean.

    Raises
    ------
    UsageError
        If a column is missing or is the center itself.

    References
    ----------
    Austin PC. Balance diagnostics for comparing the distribution of baseline covariates between
    treatment groups in propensity-score matched samples. Stat Med 2009;28:3083-3107.

    Examples
    --------
    >>> rows = pd.DataFrame({"center_id": list("aabb"), "age": [70.0, 80.0, 60.0, 70.0]})
    >>> mix = case_mix(rows, ["age"])[["mean", "network_mean", "smd"]]
    >>> mix.iloc[0].round(3).tolist()
    [75.0, 65.0, 1.414]
    """
    frame = open_data(data, independent=independent)
    require_columns(frame.data, (center, *columns))
    if center in columns:
        raise UsageError(f"'{center}' is the center itself; leave it out of the columns.")
    names = center_names(frame.data, center)
    known = pd.notna(names)
    codes = np.full(len(names), -1)
    distinct, codes[known] = np.unique(names[known].astype(str), return_inverse=True)
    parts = [
        _compare(name, level, values[known], codes[known], len(distinct))
        for name in columns
        for level, values in _indicators(read_column(frame.data[name]))
    ]
    table = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=_COLUMNS)
    table["center_id"] = distinct[table["center_id"].to_numpy(int)] if len(table) else []
    return table[_COLUMNS]


def _indicators(column: Column) -> list[tuple[str, Vector]]:
    """A number as it is, a category as one column of 0 and 1 for each of its levels."""
    if column.levels is None:
        return [("", np.asarray(column.values, dtype=float))]
    missing = column.missing
    return [
        (str(level), np.where(missing, np.nan, column.values == code))
        for code, level in enumerate(column.levels)
    ]


def _compare(
    name: str, level: str, values: Vector, codes: NDArray[np.int_], k: int
) -> pd.DataFrame:
    own = _moments(values, codes, k)
    rest = own.sum(axis=1, keepdims=True) - own
    n, mean, variance = _read(own, level)
    _, other_mean, other_variance = _read(rest, level)
    spread = np.sqrt((variance + other_variance) / 2)
    with np.errstate(invalid="ignore", divide="ignore"):
        smd = np.where(spread > 0, (mean - other_mean) / spread, np.nan)
    shift = _shift(values)
    return pd.DataFrame(
        {
            "center_id": np.arange(k),
            "variable": name,
            "level": level,
            "n": n.astype(int),
            "n_missing": np.bincount(codes[np.isnan(values)], minlength=k),
            "mean": mean + shift,
            "sd": np.sqrt(variance),
            "network_mean": other_mean + shift,
            "network_sd": np.sqrt(other_variance),
            "smd": smd,
        }
    )


def _shift(values: Vector) -> float:
    """Overall mean: squares are summed around it, so that none is lost to rounding."""
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else 0.0


def _moments(values: Vector, codes: NDArray[np.int_], k: int) -> NDArray[np.float64]:
    """Number, sum and sum of squares by center, shape (3, k)."""
    known = ~np.isnan(values)
    x, c = values[known] - _shift(values), codes[known]
    return np.array([np.bincount(c, w, k) for w in (np.ones_like(x), x, x**2)])


def _read(sums: NDArray[np.float64], level: str) -> tuple[Vector, Vector, Vector]:
    """Number, mean and variance: of a share p (1 - p), of a number with n - 1."""
    n, total, squares = sums
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = total / n
        variance = np.maximum(squares / n - mean**2, 0.0)
        if not level:
            variance = variance * n / (n - 1)
    return n, mean, np.where(n > 1 if not level else n > 0, variance, np.nan)
