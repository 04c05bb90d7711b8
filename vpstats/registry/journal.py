"""The log of cleaning: what was changed and what is doubtful, with the place of each cell."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from vpstats.registry.personal import unquotable
from vpstats.registry.registry import CORRECTION_COLUMNS, FINDING_COLUMNS
from vpstats.registry.rule import Rule
from vpstats.registry.rules import RULES
from vpstats.schema_tables import TABLES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Positions = NDArray[np.int64]
    Texts = NDArray[Any]

MASK = "(masked)"
"""Stands for a value of an identifying column."""
NOT_QUOTED = "What the cell says is not quoted: it has the shape of a person's data."


@dataclass(frozen=True, slots=True, eq=False)
class CodedTexts:
    """Text of many cells of which few differ, written out when it is asked for.

    Parameters
    ----------
    lookup : ndarray of object
        Distinct texts.
    codes : ndarray of int
        Position of each cell's text.

    Examples
    --------
    >>> cells = CodedTexts(np.array(["Th8", "L1"], object), np.array([1, 0, 1]))
    >>> list(cells), len(cells[np.array([True, False, True])])
    (['L1', 'Th8', 'L1'], 2)
    """

    lookup: Texts
    codes: NDArray[np.integer[Any]]

    def __len__(self) -> int:
        return len(self.codes)

    def __getitem__(self, chosen: NDArray[Any]) -> CodedTexts:
        return CodedTexts(self.lookup, self.codes[chosen])

    def __iter__(self) -> Iterator[object]:
        return iter(self.written())

    def written(self) -> Texts:
        """The text of each cell."""
        return np.asarray(self.lookup[self.codes])


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
    raw, clean : ndarray of object or CodedTexts
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
    raw: Texts | CodedTexts
    clean: Texts | CodedTexts
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
        rule, field, column, positions, _texts(raw, n), _texts(clean, n), _spread(note, n), masked
    )


def _texts(value: object, n: int) -> Texts | CodedTexts:
    return value if isinstance(value, CodedTexts) else _spread(value, n)


def _spread(value: object, n: int) -> Texts:
    if isinstance(value, CodedTexts):
        return value.written()
    if isinstance(value, np.ndarray):
        return value.astype(object, copy=False)
    return np.broadcast_to(np.array(value, object), n)  # one text in memory, however many rows


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


Columns = dict[str, Any]


@dataclass(slots=True)
class Journal:
    """Collects corrections and findings of a whole registry."""

    corrections: list[Columns] = field(default_factory=list)
    findings: list[Columns] = field(default_factory=list)

    def add(self, entries: Iterable[Entry], places: Places) -> None:
        """Write entries down with their places."""
        for item in entries:
            if not len(item.positions):
                continue
            rule = RULES[item.rule]
            columns = _place(item, places)
            if rule.kind == "correction":
                shown = (MASK, MASK) if item.masked else (item.raw, item.clean)
                self.corrections.append({**columns, "raw": shown[0], "clean": shown[1]})
            else:
                message = _messages(item, rule)
                self.findings.append({**columns, "message": message, "action": rule.action})

    def note(
        self,
        rule: str,
        message: str,
        *,
        file: str = "",
        row: int = 0,
        column: str = "",
        rows: Sequence[int] = (),
    ) -> None:
        """Write down something about a file or a column as a whole, or about some of its rows."""
        where = np.array(rows or [row], np.int64)
        places = Places("", _spread(file, len(where)), where, _spread("", len(where)))
        self.add([entry(rule, np.arange(len(where)), column=column, note=message)], places)

    def frames(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Corrections and findings as frames, in the order of file, row and column."""
        findings = _once_a_cell(_frame(self.findings, FINDING_COLUMNS))
        return _frame(self.corrections, CORRECTION_COLUMNS), findings


_OF_CELL = ["file", "row", "column", "field", "rule"]
_LEFT_OUT = "the row was left out."


def _once_a_cell(findings: pd.DataFrame) -> pd.DataFrame:
    """What several tables or columns say of one cell or row is said once, by the first of them.

    Of a row that is left out of several it is said of which.
    """
    findings = findings[~(findings.duplicated() & findings["row"].notna())].reset_index(drop=True)
    there = findings["row"].notna() & findings["table"].ne("")
    several = findings.duplicated(_OF_CELL, keep=False) & there
    if not several.any():
        return findings
    told = findings[several]
    rank = told["table"].map({name: i for i, name in enumerate(TABLES)})
    first = rank.groupby([told[name] for name in _OF_CELL]).transform("min")
    kept = told[rank == first].copy()
    lost = told[told["message"].str.endswith(_LEFT_OUT)].groupby(_OF_CELL)["table"]
    names = lost.agg(lambda tables: sorted(set(tables), key=_PLACE))
    of_row = names.reindex(pd.MultiIndex.from_frame(kept[_OF_CELL]))
    pairs = zip(kept["message"], of_row, strict=True)
    kept["message"] = pd.array([_left_out_of(*pair) for pair in pairs], dtype="string")
    whole = pd.concat([findings[~several], kept])
    return whole.sort_index(kind="stable").reset_index(drop=True)


_PLACE = list(TABLES).index


def _left_out_of(message: str, tables: object) -> str:
    """The message, with the tables of which a row was left out where they are several."""
    if not isinstance(tables, list) or len(tables) == 1 or not message.endswith(_LEFT_OUT):
        return message
    return f"{message.rstrip('.')} of {', '.join(tables[:-1])} and {tables[-1]}."


def _frame(parts: Sequence[Columns], names: Sequence[str]) -> pd.DataFrame:
    sizes = [len(part["row"]) for part in parts]
    columns = {name: _column([p[name] for p in parts], sizes, name) for name in names}
    order = ["file", "row", "column", "table", "field", "rule", "key"]
    return pd.DataFrame(columns).sort_values(order, kind="stable", ignore_index=True)


def _column(parts: Sequence[Any], sizes: Sequence[int], name: str) -> Any:
    """One typed column from the parts; a single text of a part stands for its rows."""
    if name == "row":
        rows = np.concatenate([np.empty(0, np.int64), *parts])
        return pd.arrays.IntegerArray(rows, rows == 0)
    spread = [_spread(part, size) for part, size in zip(parts, sizes, strict=True)]
    return pd.array(np.concatenate([np.empty(0, object), *spread]), dtype="string")


def _place(item: Entry, places: Places) -> Columns:
    where, rule = item.positions, RULES[item.rule]
    return {
        "file": places.file[where],
        "row": places.row[where].astype(np.int64),
        "column": item.column,
        "table": places.table,
        "key": places.key[where],
        "field": item.field,
        "rule": rule.id,
        "severity": rule.severity,
    }


def _messages(item: Entry, rule: Rule) -> Texts:
    hidden = set() if item.masked else unquotable(item.raw, item.field)
    pairs = zip(item.raw, item.note, strict=True)
    said = [_message(r, n, item.masked or str(r) in hidden, rule) for r, n in pairs]
    if hidden:
        pairs = zip(item.raw, said, strict=True)
        said = [f"{text} {NOT_QUOTED}" if str(r) in hidden else text for r, text in pairs]
    return _spread(np.array(said, object), len(item.raw))


def _message(raw: object, note: object, masked: bool, rule: Rule) -> str:
    said = str(note) or rule.sentence
    if masked and raw and str(raw) in said:
        said = rule.sentence
    text = f"'{raw}': {said}" if raw and not masked else said
    return text if text.endswith(".") else f"{text}."
