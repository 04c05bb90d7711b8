"""What a fault is, and the cell that it is written into."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from vpstats.simulate.raw import KEYS, Sheet

ALL = ("hr", "redcap", "excel", "de")


@dataclass(frozen=True)
class Facts:
    """Clean rows by table and key, for faults that depend on more than their cell.

    Parameters
    ----------
    tables : dict of str to DataFrame
        Canonical tables indexed by their keys; levels with their leak lists.
    owner : dict of str to dict
        Table to key to the patient to whom the row belongs.
    left : frozenset of str
        Patients who opted out.
    data_cut : Timestamp
        Day of the exports.
    """

    tables: Mapping[str, pd.DataFrame]
    owner: Mapping[str, Mapping[str, str]]
    left: frozenset[str]
    data_cut: pd.Timestamp

    def row(self, table: str, key: str) -> pd.Series:
        """The clean row that a key names."""
        return self.tables[table].loc[key]

    def patient_of(self, table: str, key: str) -> str:
        """The patient to whom a canonical row belongs."""
        return self.owner[table][key]

    def patient(self, table: str, key: str) -> pd.Series:
        """The clean row of that patient."""
        return self.row("patients", self.patient_of(table, key))

    def opted_out(self, table: str, key: str) -> bool:
        """Whether that patient opted out."""
        return self.patient_of(table, key) in self.left


@dataclass(frozen=True, slots=True)
class Cell:
    """One raw cell and what it stands for.

    Parameters
    ----------
    sheet : Sheet
        Where it is.
    label : int
        Label of its row.
    column : str
        Raw column.
    raw : str
        Text without the fault.
    table, field, key : str
        The canonical cell.
    facts : Facts
        Clean rows.
    rng : Generator
        Source of chance.
    """

    sheet: Sheet
    label: int
    column: str
    raw: str
    table: str
    field: str
    key: str
    facts: Facts
    rng: np.random.Generator

    @property
    def row(self) -> pd.Series:
        """The clean row."""
        return self.facts.row(self.table, self.key)

    @property
    def true(self) -> object:
        """The clean value; raw text for keys."""
        return self.row[self.field] if self.field in self.row.index else self.raw

    @property
    def style(self) -> str:
        """Name of the dialect."""
        return self.sheet.dialect.name

    def number(self, value: float) -> str:
        """Write a number as the dialect does."""
        return self.sheet.dialect.number(value)

    def date(self, value: object) -> str:
        """Write a day as the dialect does."""
        return self.sheet.dialect.date(pd.Timestamp(value))

    def one_of(self, options: tuple[str, ...]) -> str:
        """Draw one of several spellings."""
        return options[int(self.rng.integers(len(options)))]


Written = str | Mapping[str, str] | None
"""The new text; or field → new text for several cells of the row; or None where it does not fit."""

Writer = Callable[[Cell], Written]


@dataclass(frozen=True, slots=True)
class Fault:
    """A way in which exports break.

    Parameters
    ----------
    id : str
        Short name.
    description : str
        What happens, in words.
    fields : tuple of str
        ``table.field`` that it can hit.
    detectable : bool
        Whether careful reading can notice it at all.
    reason : str
        Why it can, or why it cannot.
    write : callable
        Cell to faulty text.
    dialects : tuple of str
        Where it occurs.
    n : int
        How often it is injected.
    blank : bool
        Whether it hits blank cells; other faults hit filled ones only.
    """

    id: str
    description: str
    fields: tuple[str, ...]
    detectable: bool
    reason: str
    write: Writer
    dialects: tuple[str, ...] = ALL
    n: int = 4
    blank: bool = False

    def places(self) -> tuple[tuple[str, str], ...]:
        """Its fields as (table, field)."""
        return tuple((f.split(".")[0], f.split(".")[1]) for f in self.fields)


def words(*same: str, **by_dialect: tuple[str, ...]) -> Writer:
    """A writer that puts fixed text into the cell, by dialect or the same for all."""

    def write(cell: Cell) -> Written:
        options = by_dialect.get(cell.style, same)
        fitting = tuple(o for o in options if o != cell.raw)
        return cell.one_of(fitting) if fitting else None

    return write


def swap(first: str, second: str) -> Writer:
    """A writer that turns one canonical code into another, both ways."""

    def write(cell: Cell) -> Written:
        other = {first: second, second: first}.get(str(cell.true))
        if other is None:
            return None
        yes_no = other in ("yes", "no")
        dialect = cell.sheet.dialect
        return dialect.yes_no[other] if yes_no else dialect.word(cell.field, other)

    return write


def scaled(factor: float, low: float, high: float) -> Writer:
    """A writer that multiplies a number, where the result lies in [low, high]."""

    def write(cell: Cell) -> Written:
        if pd.isna(cell.true) or cell.raw.startswith("<"):
            return None
        unit = cell.sheet.dialect.factors.get(cell.field, (1.0, ""))[0]
        value = float(str(cell.true)) * factor
        return cell.number(value * unit) if low <= value <= high else None

    return write


def shifted(low: int, high: int) -> Writer:
    """A writer that moves a day by low to high days, within the time of the registry."""

    def write(cell: Cell) -> Written:
        if pd.isna(cell.true):
            return None
        moved = pd.Timestamp(cell.true) + pd.Timedelta(days=int(cell.rng.integers(low, high)))
        return cell.date(moved)

    return write


def facts_of(tables: Mapping[str, pd.DataFrame], data_cut: object) -> Facts:
    """Index clean tables by their keys."""
    # columns of one type make a row cheap to take out
    indexed = {
        name: tables[name].astype(object).set_index(key, drop=False) for name, key in KEYS.items()
    }
    owner = {name: _owners(name, rows, indexed["procedures"]) for name, rows in indexed.items()}
    patients = indexed["patients"]
    left = frozenset(patients.index[patients["optout_date"].notna()])
    return Facts(indexed, owner, left, pd.Timestamp(str(data_cut)))


def _owners(name: str, rows: pd.DataFrame, procedures: pd.DataFrame) -> dict[str, str]:
    patient = rows if name != "levels" else procedures.loc[rows["procedure_id"]]
    return dict(zip(rows.index, patient["patient_id"], strict=True))
