"""Vertebrae that were left out: how many a row stands for that nobody can read."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from vpstats.registry.blocks import Block
from vpstats.registry.cells import unwrapped
from vpstats.registry.spine import MOST_LEVELS
from vpstats.registry.vertebra_words import Word, folded, words_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

_FEW = 0.1  # share of sessions that take several rows, as where one was entered again
_UNREAD = ("level.ambiguous", "level.unreadable")


def lost_levels(block: Block, usable: Array) -> Counter[str]:
    """Sessions to the number of vertebrae that their rows which are left out may stand for.

    A row of a vertebra, or a column or tick of one, stands for one. A list that is left whole,
    since it can be read in two ways or in none, stands for as many as it may name, unless the
    sessions of its file take a row for each vertebra.

    Parameters
    ----------
    block : Block
        Rows of any table, with what was said of them.
    usable : ndarray of bool
        Rows that stay.

    Returns
    -------
    Counter of str
        The most that can have been lost, session by session.
    """
    most = np.ones(len(block), np.int64)
    for item in block.entries if _one_row_each(block) else ():
        if item.rule in _UNREAD and item.field == "level":
            most[item.positions] = [most_vertebrae(str(raw)) for raw in item.raw]
    lost = Counter[str]()
    for session, n in zip(block.procedure[~usable], most[~usable].tolist(), strict=True):
        if session is not None:
            lost[session] += n
    return lost


def _one_row_each(block: Block) -> bool:
    """Whether the vertebrae of a session are listed in one cell of one row."""
    if len(block.text.mapping.explode) != 1:
        return False
    raw = block.text.raw
    rows = pd.DataFrame({"session": block.procedure, "file": raw.file, "row": raw.row})
    several = rows.drop_duplicates()["session"].dropna().value_counts() > 1
    return bool(several.mean() <= _FEW) if len(several) else True


def most_vertebrae(text: str) -> int:
    """How many vertebrae a cell may stand for at most, one at least.

    Examples
    --------
    >>> most_vertebrae("L2/3"), most_vertebrae("L1, L4-5"), most_vertebrae("L?")
    (2, 3, 1)

    A range that can be read in two ways has an end that nobody knows.

    >>> most_vertebrae("Th10-2")
    10
    """
    words = words_of(folded(unwrapped(text)))
    numbers = [(place, word.number) for place, word in enumerate(words) if word.kind == "number"]
    for (i, first), (j, last) in pairwise(numbers):
        if abs(last - first) > 1 and _is_range(words[i:j]):
            return MOST_LEVELS
    return max(1, len(numbers))


def _is_range(between: list[Word]) -> bool:
    return any(word.kind in ("dash", "to") for word in between)
