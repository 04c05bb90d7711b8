"""Released cells and sentences by where they belong, as pages look them up."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

import pandas as pd

from vpstats.disclosure import Released
from vpstats.report.parts import tidied
from vpstats.rows import Record, records

Key = tuple[str, str]


class Lookup:
    """What the pages of an edition are written from; a dataclass that holds the two names it.

    Parameters
    ----------
    released : Released
        The only source of numbers in the public edition.
    tables : mapping of str to DataFrame
        Tables of the internal edition; empty in the public one.
    """

    released: Released
    tables: Mapping[str, pd.DataFrame]

    @property
    def internal(self) -> bool:
        """Whether this edition must stay in the institution."""
        return bool(self.released.policy.audience == "internal")

    @property
    def mark(self) -> str:
        """What stands for a withheld number."""
        return self.released.mark

    @cached_property
    def _index(self) -> dict[Key, dict[Key, Record]]:
        """Analysis and group to the records of their variables and levels."""
        found: dict[Key, dict[Key, Record]] = {}
        cells = self.released.cells
        for analysis, rows in cells.groupby("analysis", sort=False):
            for record in records(rows):
                place = found.setdefault((str(analysis), record["group"]), {})
                place[record["variable"], record["level"]] = record
        return found

    @cached_property
    def _notes(self) -> dict[tuple[str, str, str], tuple[str, ...]]:
        found: dict[tuple[str, str, str], list[str]] = {}
        for note in self.released.notes:
            key = (note.analysis, note.group, note.role)
            found.setdefault(key, []).append(tidied(note.text))
        return {key: tuple(dict.fromkeys(texts)) for key, texts in found.items()}

    def has(self, analysis: str) -> bool:
        """Whether the release holds any cell of an analysis."""
        return analysis in self.analyses

    @cached_property
    def analyses(self) -> frozenset[str]:
        """Analyses that the release holds cells of."""
        return frozenset(analysis for analysis, _ in self._index)

    def row(self, analysis: str, group: str, variable: str, level: str = "") -> Record | None:
        """One record, or None where the release holds no such row."""
        return self._index.get((analysis, group), {}).get((variable, level))

    def rows(self, analysis: str, group: str, variable: str = "") -> list[Record]:
        """Records of a group, of one variable or of all, in the order of the ledger."""
        own = self._index.get((analysis, group), {})
        return [r for (name, _), r in own.items() if not variable or name == variable]

    def said(self, analysis: str, role: str, group: str = "") -> tuple[str, ...]:
        """Sentences of one role, each once."""
        return self._notes.get((analysis, group, role), ())
