"""Dealing centers into folds by what they are, whatever they are called."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


def deal(keys: Sequence[NDArray[np.float64]], count: int) -> NDArray[np.intp]:
    """Deal k centers into folds, the largest first, back and forth.

    Parameters
    ----------
    keys : sequence of ndarray, shape (k,)
        What centers are ordered by, the last one first. Centers that are equal in all of them
        are interchangeable.
    count : int
        Folds.

    Returns
    -------
    ndarray of int, shape (k,)

    Examples
    --------
    >>> import numpy as np
    >>> deal([np.array([5.0, 40.0, 10.0, 20.0])], 2).tolist()
    [0, 0, 1, 1]
    """
    order = np.lexsort(tuple(keys))[::-1]
    place = np.arange(len(order))
    turn, seat = place // count, place % count
    fold = np.empty(len(order), dtype=np.intp)
    fold[order] = np.where(turn % 2 == 0, seat, count - 1 - seat)
    return fold
