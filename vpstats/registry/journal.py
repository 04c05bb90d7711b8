"""The log of cleaning: what was changed and what is doubtful, with the place of each cell."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from vpstats.registry.registry import CORRECTION_COLUMNS, FINDING_COLUMNS
from vpstats.registry.rules import RULES, Rule

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Positions = NDArray[np.int64]
    Texts = NDArray[Any]

MASK = "(masked)"
"""Stands for a value of an identifying column."""


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """One rule applied to some rows of one field.

    Parameters
    ----------
    rule : str
        Key of ``RULES``.
    field : str
        Canonical field, or "".
    column : str
        Raw column, or "".
    positions : ndarray of int
        Rows of the block.
    raw, clean : ndarray of object
        Text before and after, one per position.
    note : ndarray of object
        Phrase for the message, one per position.
    masked : bool
        Whether raw and clean must not be shown.
    """

    rule: str
    field: str
    column: str
    positions: Positions
    raw: Texts
    clean: Texts
    note: Texts
    masked: bool = False


def entry(
    rule: str,
    positions: Positions,
    *,
    field: str = "",
    column: str = "",
    raw: object = "",
    clean: object = "",
    note: object = "",
    masked: bool = False,
) -> Entry:
    """Build an entry; a single text stands for all positions."""
    n = len(positions)
    return Entry(
        rule, field, column, positions, _spread(raw, n), _spread(clean, n), _spread(note, n), masked
    )


def _spread(value: object, n: int) -> Texts:
    if isinstance(value, np.ndarray):
        return value.astype(object)
    out = np.empty(n, dtype=object)
    out[:] = value
    return out


@dataclass(slots=True)
class Places:
    """Where the rows of a block come from and what they are called.

    Parameters
    ----------
    table : str
        Canonical table.
    file : ndarray of object
        File of each row.
    row : ndarray of int
        Row in that file; 0 where there is none.
    key : ndarray of object
        Key of each row; "" while unknown.
    """

    table: str
    file: Texts
    row: Positions
    key: Texts


@dataclass(slots=True)
class Journal:
    """Collects corrections and findings of a whole registry."""

    corrections: list[pd.DataFrame] = field(default_factory=list)
    findings: list[pd.DataFrame] = field(default_factory=list)

    def add(self, entries: Iterable[Entry], places: Places) -> None:
        """Write entries down with their places."""
        for item in entries:
            if not len(item.positions):
                continue
            rule = RULES[item.rule]
            if rule.kind == "correction":
                self.corrections.append(_corrections(item, rule, places))
            else:
                self.findings.append(_findings(item, rule, places))

    def note(
        self,
        rule: str,
        message: str,
        *,
        file: str = "",
        row: int = 0,
        column: str = "",
        table: str = "",
        field: str = "",
    ) -> None:
        """Write down something about a file or a column as a whole."""
        places = Places(
            table,
            np.array([file], object),
            np.array([row], np.int64),
            np.array([""], object),
        )
        item = entry(rule, np.zeros(1, np.int64), field=field, column=column, note=message)
        self.add([item], places)

    def frames(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Corrections and findings as frames, in the order of file, row and column."""
        corrections = _joined(self.corrections, CORRECTION_COLUMNS)
        findings = _joined(self.findings, FINDING_COLUMNS)
        return corrections, findings


def _joined(parts: Sequence[pd.DataFrame], columns: Sequence[str]) -> pd.DataFrame:
    if not parts:
        empty = pd.DataFrame({c: pd.Series(dtype="string") for c in columns})
        return empty.assign(row=pd.Series(dtype="Int64"))
    whole = pd.concat(parts, ignore_index=True)
    order = ["file", "row", "column", "table", "field", "rule", "key"]
    return whole.sort_values(order, kind="stable", ignore_index=True)[list(columns)]


def _place(item: Entry, places: Places) -> dict[str, Any]:
    where = item.positions
    rows = places.row[where]
    return {
        "file": pd.array(places.file[where], dtype="string"),
        "row": pd.arrays.IntegerArray(rows.astype(np.int64), rows == 0),
        "column": item.column,
        "table": places.table,
        "key": pd.array(places.key[where], dtype="string"),
        "field": item.field,
        "rule": item.rule,
    }


def _typed(columns: dict[str, Any]) -> pd.DataFrame:
    frame = pd.DataFrame(columns)
    texts = [c for c in frame.columns if c != "row"]
    return frame.astype(dict.fromkeys(texts, "string"))


def _corrections(item: Entry, rule: Rule, places: Places) -> pd.DataFrame:
    shown = {"raw": MASK, "clean": MASK} if item.masked else {"raw": item.raw, "clean": item.clean}
    return _typed({**_place(item, places), **shown, "severity": rule.severity})


def _findings(item: Entry, rule: Rule, places: Places) -> pd.DataFrame:
    message = np.array(
        [
            _message(raw, note, item.masked, rule)
            for raw, note in zip(item.raw, item.note, strict=True)
        ],
        dtype=object,
    )
    return _typed(
        {
            **_place(item, places),
            "severity": rule.severity,
            "message": message,
            "action": rule.action,
        }
    )


def _message(raw: object, note: object, masked: bool, rule: Rule) -> str:
    said = str(note) or rule.sentence
    text = f"'{raw}': {said}" if raw and not masked else said
    return text if text.endswith(".") else f"{text}."
