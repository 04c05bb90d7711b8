"""The ledger of injected faults: which rows are touched, what was true."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, TypeVar

import numpy as np
import pandas as pd

from vpstats.simulate.fault import Facts
from vpstats.simulate.raw import Sheet

Item = TypeVar("Item")

FAULT_COLUMNS = (
    "file",
    "sheet",
    "row",
    "column",
    "table",
    "key",
    "field",
    "fault",
    "raw",
    "true_value",
    "detectable",
    "reason",
)
"""Columns of the truth file; `true_value` is the text that stood, or should stand, there."""


class Kind(Protocol):
    """What the ledger needs to know of a fault."""

    @property
    def id(self) -> str:
        """Short name."""

    @property
    def detectable(self) -> bool:
        """Whether careful reading can notice it."""

    @property
    def reason(self) -> str:
        """Why it can, or cannot."""


@dataclass(frozen=True, slots=True)
class Injection:
    """One fault in one cell, or in one whole row where `column` is "".

    Parameters
    ----------
    fault : Fault or RowFault
        Its kind.
    sheet : Sheet
        Where.
    label : int
        Label of the row.
    column : str
        Raw column.
    table, key, field : str
        Canonical cell.
    raw, true_text : str
        What is written; what should be.
    """

    fault: Kind
    sheet: Sheet
    label: int
    column: str
    table: str
    key: str
    field: str
    raw: str
    true_text: str


class Ledger:
    """Faults injected so far; keeps them apart, so that each can be judged by itself.

    Parameters
    ----------
    rng : Generator
        Source of chance for the choice of rows.
    """

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        self.injections: list[Injection] = []
        self._touched: set[tuple[int, int]] = set()
        self._next_number = 9001

    def shuffled(self, items: list[Item]) -> list[Item]:
        """The items in random order."""
        return [items[i] for i in self.rng.permutation(len(items))]

    def new_number(self) -> str:
        """A patient number that no patient has."""
        self._next_number += 1
        return str(self._next_number - 1)

    def is_free(self, sheet: Sheet, label: int) -> bool:
        """Whether a row holds no fault yet."""
        return (id(sheet), label) not in self._touched

    def free_rows(self, sheet: Sheet, table: str, facts: Facts) -> list[int]:
        """Labels of untouched rows of a table in random order, without those who opted out."""
        filled = sheet.keys[table].ne("") & ~sheet.keys[table].str.contains(";")
        return [
            label
            for label in self.shuffled(list(sheet.keys.index[filled]))
            if self.is_free(sheet, label)
            and not facts.opted_out(table, sheet.keys.at[label, table])
        ]

    def note(self, injection: Injection, *, touches: bool = True) -> None:
        """Record a fault that was written."""
        self.injections.append(injection)
        if touches:
            self._touched.add((id(injection.sheet), injection.label))

    def touch(self, sheet: Sheet, labels: list[int]) -> None:
        """Keep further faults away from rows."""
        self._touched.update((id(sheet), label) for label in labels)

    def count(self, fault: str) -> int:
        """Cells or rows that a fault has hit."""
        return sum(i.fault.id == fault for i in self.injections)

    def sessions(self, fault: str) -> int:
        """Canonical rows that a fault has hit."""
        return len({i.key for i in self.injections if i.fault.id == fault})

    def table(self) -> pd.DataFrame:
        """The truth file: one row per faulty cell, in order of place."""
        numbers = {id(i.sheet): i.sheet.row_numbers() for i in self.injections}
        rows = [
            (
                i.sheet.file, i.sheet.sheet, int(numbers[id(i.sheet)].at[i.label]), i.column,
                i.table, i.key, i.field, i.fault.id, i.raw, i.true_text,
                "yes" if i.fault.detectable else "no", i.fault.reason,
            )
            for i in self.injections
        ]  # fmt: skip
        found = pd.DataFrame(rows, columns=list(FAULT_COLUMNS))
        return found.sort_values(["file", "sheet", "row", "column"], ignore_index=True)
