"""The order of day and month in a column of dates, from the cells that prove one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from vpstats.registry.dates import SIX, Order


@dataclass(frozen=True, slots=True)
class Evidence:
    """How many cells prove each order, for one way of writing."""

    dmy: int = 0
    mdy: int = 0

    def __add__(self, other: Evidence) -> Evidence:
        return Evidence(self.dmy + other.dmy, self.mdy + other.mdy)

    @property
    def verdict(self) -> Order | Literal["conflict"] | None:
        """The order proved; "conflict" where the lesser side is more than a twentieth."""
        total = self.dmy + self.mdy
        if not total:
            return None
        if min(self.dmy, self.mdy) * 20 > total:
            return "conflict"
        return "dmy" if self.dmy >= self.mdy else "mdy"


def choose_order(
    style: str, column: Evidence, source: Evidence, declared: Order | None
) -> Order | None:
    """Decide the order of day and month for one way of writing in one column.

    Parameters
    ----------
    style : str
        Way of writing, from `Shape.style`.
    column, source : Evidence
        Cells that prove an order, in the column and in all date columns of the source.
    declared : str, optional
        What the mapping says.

    Returns
    -------
    str or None
        None where nothing decides, or where the evidence contradicts itself or the mapping.

    Examples
    --------
    >>> choose_order("/yyyy", Evidence(mdy=3), Evidence(mdy=3), None)
    'mdy'
    >>> choose_order("/yyyy", Evidence(mdy=3), Evidence(mdy=3), "dmy") is None
    True
    >>> choose_order(".yyyy", Evidence(), Evidence(), None)
    'dmy'
    """
    if style.startswith("word"):
        return "dmy"
    if style == SIX:
        return declared
    if declared == "ymd":
        if style.endswith("yy") and not style.endswith("yyyy"):
            return "ymd"
        declared = None
    verdict = column.verdict or source.verdict
    if verdict == "conflict":
        return None
    if declared is not None:
        return None if verdict not in (None, declared) else declared
    if verdict is not None:
        return verdict
    return "dmy" if style.startswith(".") else None  # dotted dates are written day first
