"""Parts of a column that can be in another unit than the rest: its files, centers and years."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]


def parts_of(file: Array, center: Array, day: Array) -> Mapping[str, Array]:
    """The part that each row is in, by every kind of part of which there are several.

    Parameters
    ----------
    file : ndarray, shape (n,)
        File of each row.
    center : ndarray of object, shape (n,)
        Center of each row; None where it is not known.
    day : ndarray of datetime64, shape (n,)
        Day of what the row tells; NaT where it is not known.

    Returns
    -------
    mapping of str to ndarray of int
        Numbers of the parts, by what they are called; -1 where a row is in none.

    Examples
    --------
    >>> days = np.array(["2020-03-01", "2021-04-01", "2021-05-01"], "datetime64[D]")
    >>> parts = parts_of(np.zeros(3, int), np.array(["A"] * 3, object), days)
    >>> {kind: numbers.tolist() for kind, numbers in parts.items()}
    {'year': [0, 1, 1]}
    """
    years = np.where(np.isnat(day), -1, day.astype("datetime64[Y]").astype(np.int64) + 1970)
    alone = {
        "file": pd.factorize(file)[0],
        "center": pd.factorize(center)[0],
        "year": _numbered(years),
    }
    several = {kind: part for kind, part in alone.items() if len(part) and part.max() > 0}
    if "center" in several:
        for kind in ("file", "year"):
            if kind in several:
                several[f"{kind} of the center"] = _both(several["center"], several[kind])
    return several


def _numbered(values: Array) -> Array:
    codes, names = pd.factorize(values)
    return np.where(values < 0, -1, codes) if len(names) else codes


def _both(first: Array, second: Array) -> Array:
    """Numbers of the pairs of two kinds of parts."""
    pairs = first.astype(np.int64) * (int(second.max()) + 1) + second
    return _numbered(np.where((first < 0) | (second < 0), -1, pairs))
