"""The ledger's cells in a fixed order, as plain columns."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from math import isfinite
from typing import TypeVar

import pandas as pd

from vpstats.ledger import Ledger

OVERALL = frozenset({"", "all", "overall", "total", "network", "everybody"})
"""Groups, in lower case, that hold everybody."""

SUMMARIES = frozenset({"mean", "sd", "median", "q1", "q3", "skewness", "kurtosis"})
"""Statistics from which no count can be worked out."""

EXTREMES = frozenset({"min", "max", "minimum", "maximum", "range"})
"""Statistics that are the value of one patient."""

Row = tuple[str, str, str, str]

K = TypeVar("K")
V = TypeVar("V")


def split_term(term: str) -> tuple[str, str]:
    """Split a term of a factor into variable and category; the category is empty elsewhere.

    Examples
    --------
    >>> split_term("C(region)[T.lumbar]"), split_term("age")
    (('region', 'lumbar'), ('age', ''))
    """
    match = re.fullmatch(r"(?:C\()?([^\[\]()]+)\)?\[(?:T\.)?(.*)\]", term)
    return (match.group(1), match.group(2)) if match else (term, "")


def is_time(level: str) -> bool:
    """Whether a level is the time of a curve's step.

    Examples
    --------
    >>> is_time("365.25"), is_time(""), is_time("day 3")
    (True, False, False)
    """
    try:
        return isfinite(float(level))
    except ValueError:
        return False


def is_person(unit: str, stat: str) -> bool:
    """Whether a count is one of persons, as far as its unit and name tell."""
    return unit in ("patient", "person", "cluster") or stat.endswith(("patients", "clusters"))


@dataclass(frozen=True)
class Cells:
    """Cells of a ledger sorted by their id; nothing depends on the ledger's order.

    Parameters
    ----------
    frame : DataFrame
        The cells, sorted.
    """

    frame: pd.DataFrame

    @classmethod
    def of(cls, ledger: Ledger) -> Cells:
        """Sort the cells of a ledger."""
        return cls(ledger.cells.sort_values("cell_id", kind="stable").reset_index(drop=True))

    def __len__(self) -> int:
        return len(self.frame)

    def _texts(self, column: str) -> list[str]:
        return [str(x) for x in self.frame[column].tolist()]

    @cached_property
    def analysis(self) -> list[str]:
        """Analysis of each cell."""
        return self._texts("analysis")

    @cached_property
    def group(self) -> list[str]:
        """Group of each cell."""
        return self._texts("group")

    @cached_property
    def variable(self) -> list[str]:
        """Variable of each cell."""
        return self._texts("variable")

    @cached_property
    def level(self) -> list[str]:
        """Level of each cell."""
        return self._texts("level")

    @cached_property
    def stat(self) -> list[str]:
        """Statistic of each cell."""
        return self._texts("stat")

    @cached_property
    def label(self) -> list[str]:
        """Words of each cell."""
        return self._texts("label")

    @cached_property
    def kind(self) -> list[str]:
        """Kind of each cell."""
        return self._texts("kind")

    @cached_property
    def unit(self) -> list[str]:
        """Unit of each cell in lower case and without the plural's s."""
        return [u.lower().removesuffix("s") for u in self._texts("unit")]

    @cached_property
    def value(self) -> list[float]:
        """Value of each cell."""
        return [float(x) for x in self.frame["value"].tolist()]

    @cached_property
    def n(self) -> list[float]:
        """Denominator of each cell."""
        return [float(x) for x in self.frame["n"].tolist()]

    @cached_property
    def ids(self) -> list[str]:
        """Id of each cell."""
        return self._texts("cell_id")

    @cached_property
    def where(self) -> dict[str, int]:
        """Position of each id."""
        return {name: i for i, name in enumerate(self.ids)}

    @cached_property
    def parent(self) -> list[int]:
        """Position of each cell's parent, -1 where there is none."""
        return [self.where.get(p, -1) for p in self._texts("parent")]

    @cached_property
    def rows(self) -> list[Row]:
        """Analysis, group, variable and level of each cell: what shares a row of a table."""
        return list(zip(self.analysis, self.group, self.variable, self.level, strict=True))

    @cached_property
    def by_row(self) -> dict[Row, list[int]]:
        """Positions of the cells of each row."""
        return collect((row, i) for i, row in enumerate(self.rows))

    @cached_property
    def by_variable(self) -> dict[tuple[str, str, str], list[int]]:
        """Positions of the cells of each analysis, group and variable."""
        return collect((row[:3], i) for i, row in enumerate(self.rows))

    @cached_property
    def by_analysis(self) -> dict[str, list[int]]:
        """Positions of the cells of each analysis."""
        return collect((name, i) for i, name in enumerate(self.analysis))

    @cached_property
    def counts(self) -> list[int]:
        """Positions of counts and totals with a value."""
        return [
            i
            for i, kind in enumerate(self.kind)
            if kind in ("count", "total") and isfinite(self.value[i]) and self.value[i] >= 0
        ]

    @cached_property
    def estimates(self) -> list[int]:
        """Positions of estimates."""
        return [i for i, kind in enumerate(self.kind) if kind == "estimate"]

    @cached_property
    def steps(self) -> list[int]:
        """Positions of curve steps."""
        return [i for i, kind in enumerate(self.kind) if kind == "curve step"]

    @cached_property
    def fitted(self) -> set[Row]:
        """Rows that hold the term of a regression."""
        stats = collect((self.rows[i], self.stat[i]) for i in self.estimates)
        return {row for row, names in stats.items() if {"std_error", "p_value"} <= set(names)}

    def at(self, row: Row, stat: str) -> int | None:
        """Position of one statistic of a row."""
        return next((i for i in self.by_row.get(row, ()) if self.stat[i] == stat), None)

    def is_summary(self, position: int) -> bool:
        """Whether no count can be worked out from an estimate alone."""
        return self.stat[position] in SUMMARIES or self.rows[position] in self.fitted

    def is_overall(self, position: int) -> bool:
        """Whether a cell is about everybody."""
        return self._overall[position]

    @cached_property
    def _overall(self) -> list[bool]:
        return [group.lower() in OVERALL for group in self.group]


def collect(pairs: Iterable[tuple[K, V]]) -> dict[K, list[V]]:
    """Gather the second members of pairs under the first, in order."""
    found: dict[K, list[V]] = defaultdict(list)
    for key, value in pairs:
        found[key].append(value)
    return dict(found)
