"""What a rule is, and the examples that document and test it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

import pandas as pd

from vpstats.schema_tables import TABLES

Severity = Literal["error", "warning", "info"]
Kind = Literal["correction", "finding"]


@dataclass(frozen=True, slots=True)
class Cells:
    """An example of one column: its cells and what they become.

    Parameters
    ----------
    field : str
        ``table.field``.
    cells : tuple of str
        The cells, as one column.
    clean : tuple of str
        Canonical text of each; "" is missing.
    options : mapping
        Keys of the column's mapping, such as ``codes`` or ``unit``.
    """

    field: str
    cells: tuple[str, ...]
    clean: tuple[str, ...]
    options: Mapping[str, object] = dataclasses.field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class Rows:
    """An example across fields or tables: a few canonical rows, and those that are doubtful.

    Parameters
    ----------
    text : str
        Tables as `rows_to_tables` reads them.
    keys : tuple of str
        Keys of the rows that the rule names.
    """

    text: str
    keys: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Export:
    """An example of a file: its content, mapped by canonical names, and the rows that are named.

    Parameters
    ----------
    text : str
        Content of the file; its columns are named as the canonical fields. Where several files
        or sheets are packed, each begins with a line ``== name``, a hidden sheet with
        ``== name (hidden)``; the cell ``^`` is merged with the one above it. In a workbook a
        line that ends with `` (hidden)`` is a hidden row, a cell between ``~~`` is struck out,
        what stands behind ``^^`` is raised, and between bars stands the format of a number, that
        its column is hidden, or that the cell has a comment.
    table : str
        Canonical table that it feeds.
    rows : tuple of int
        Rows that the rule names, as a spreadsheet counts them; 0 stands for the whole file.
    options : mapping
        Keys of the source in registry.toml; ``beside`` are other tables of the source, each with
        the rows that feed it, and ``again`` makes a second source of the file, with other columns
        for some fields.
    encoding : str
        In which the content is stored.
    packed : str
        "file", or how several are packed: "folder" (the first is the export), "zip", "workbook",
        "database" (tables without keys).
    """

    text: str
    table: str
    rows: tuple[int, ...]
    options: Mapping[str, object] = dataclasses.field(default_factory=lambda: MappingProxyType({}))
    encoding: str = "utf-8"
    packed: Literal["file", "folder", "zip", "workbook", "database"] = "file"


Example = Cells | Rows | Export


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of cleaning or checking.

    Parameters
    ----------
    id : str
        Group and name.
    kind : str
        "correction": a value was changed and the change is beyond doubt; "finding": something is
        doubtful.
    severity : str
        "error", "warning" or "info".
    sentence : str
        What it says, in one sentence.
    example : Example
        A case in which it fires; the tests run it.
    action : str
        What a person should do about a finding.
    quiet : bool
        Whether the usual way of writing is logged once per column instead of in every cell.
    """

    id: str
    kind: Kind
    severity: Severity
    sentence: str
    example: Example
    action: str = ""
    quiet: bool = False


def rows_to_tables(text: str) -> dict[str, pd.DataFrame]:
    """Read the small text tables of an example.

    Parameters
    ----------
    text : str
        Blocks of lines. The first line of a block is ``table: column column …``, each other line
        a row of cells without spaces; ``-`` is missing.

    Returns
    -------
    dict of str to DataFrame
        Canonical tables.

    Examples
    --------
    >>> tables = rows_to_tables("patients: patient_id center_id" + chr(10) + "A/1 A")
    >>> tables["patients"]["patient_id"].tolist()
    ['A/1']
    """
    tables: dict[str, list[dict[str, str]]] = {}
    name, columns = "", [""]
    for line in text.strip().splitlines():
        words = line.split()
        if words[0].endswith(":"):
            name, columns = words[0][:-1], words[1:]
            tables.setdefault(name, [])
            continue
        row = {c: w for c, w in zip(columns, words, strict=True) if w != "-"}
        tables[name].append(row)
    return {name: _canonical(name, rows) for name, rows in tables.items()}


def _canonical(name: str, rows: list[dict[str, str]]) -> pd.DataFrame:
    frame = pd.DataFrame(rows)
    for column in TABLES[name]:
        if column.name in frame and column.kind in ("number", "integer"):
            frame[column.name] = pd.to_numeric(frame[column.name])
        elif column.name in frame and column.kind == "date":
            frame[column.name] = pd.to_datetime(frame[column.name])
    return TABLES[name].canonical(frame)
