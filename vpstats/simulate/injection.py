"""Writes faults into raw tables, each kind often enough, never two into one row."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd

from vpstats.simulate.dirt import Injection, Ledger
from vpstats.simulate.fault import Cell, Facts, Fault
from vpstats.simulate.faults import CELL_FAULTS
from vpstats.simulate.faults_more import MORE_FAULTS
from vpstats.simulate.faults_structure import ROW_FAULTS
from vpstats.simulate.raw import Sheet


def soil(sheets: list[Sheet], facts: Facts, seed: int, *, more: bool = False) -> pd.DataFrame:
    """Inject every kind of fault.

    Parameters
    ----------
    sheets : list of Sheet
        Clean raw tables; changed in place.
    facts : Facts
        Clean canonical rows.
    seed : int
        Non-negative seed.
    more : bool
        Whether `OTHER_FAULTS` are injected too.

    Returns
    -------
    DataFrame
        The truth file, columns `FAULT_COLUMNS`.
    """
    ledger = Ledger(np.random.default_rng(np.random.SeedSequence(seed).spawn(1)[0]))
    for row_fault in ROW_FAULTS:
        row_fault.inject(row_fault, sheets, facts, ledger)
    for fault in (*(MORE_FAULTS if more else ()), *CELL_FAULTS):
        _inject(fault, sheets, facts, ledger)
    return ledger.table()


def _inject(fault: Fault, sheets: list[Sheet], facts: Facts, ledger: Ledger) -> None:
    """Spread a fault over its dialects in turn."""
    streams = {d: _cells(fault, d, sheets, facts, ledger) for d in fault.dialects}
    done = 0
    while done < fault.n and streams:
        for dialect in list(streams):
            if done == fault.n:
                break
            if _next(fault, streams[dialect], ledger):
                done += 1
            else:
                del streams[dialect]


def _next(fault: Fault, cells: Iterator[Cell], ledger: Ledger) -> bool:
    """Write the fault into the next cell that it fits; False where there is none."""
    for cell in cells:
        labels = _rows_of(cell)
        if not all(ledger.is_free(cell.sheet, label) for label in labels):
            continue
        written = fault.write(cell)
        if written is None or written == cell.raw:
            continue
        for label in labels:
            _write(fault, cell, label, written, ledger)
        return True
    return False


def _rows_of(cell: Cell) -> list[int]:
    """Rows that repeat the canonical cell: exports with a row per level repeat their patient."""
    slot = cell.sheet.origin[cell.column].slot
    return list(cell.sheet.keys.index[cell.sheet.keys[slot] == cell.key])


def _write(fault: Fault, cell: Cell, label: int, written: object, ledger: Ledger) -> None:
    if isinstance(written, Mapping):
        for name, text in written.items():
            _write_one(fault, cell, label, _column(cell, name), str(text), ledger)
    else:
        _write_one(fault, cell, label, cell.column, str(written), ledger)


def _column(cell: Cell, name: str) -> str:
    """Raw column of a field in the same row, or the raw column itself."""
    found = cell.sheet.columns_of(cell.table, name)
    return found[0] if len(found) == 1 else name


def _write_one(
    fault: Fault, cell: Cell, label: int, column: str, text: str, ledger: Ledger
) -> None:
    sheet = cell.sheet
    before = sheet.text.at[label, column]
    if before == text:
        return
    origin = sheet.origin.get(column)
    field = origin.field if origin is not None else ""
    sheet.text.at[label, column] = text
    ledger.note(Injection(fault, sheet, label, column, cell.table, cell.key, field, text, before))


def _cells(
    fault: Fault, dialect: str, sheets: list[Sheet], facts: Facts, ledger: Ledger
) -> Iterator[Cell]:
    """Cells that a fault could hit in a dialect, in random order."""
    places = [
        (sheet, column)
        for table, field in fault.places()
        for sheet in sheets
        if sheet.dialect.name == dialect
        for column in sheet.columns_of(table, field)
    ]
    pools = [_pool(fault, sheet, column, ledger) for sheet, column in places]
    longest = max((len(pool) for pool in pools), default=0)
    # one from each column in turn, so that no field is left out
    for i in range(longest):
        for (sheet, column), pool in zip(places, pools, strict=True):
            if i < len(pool):
                cell = _cell(sheet, column, pool[i], facts, ledger)
                if _may_hit(fault, cell):
                    yield cell


def _pool(fault: Fault, sheet: Sheet, column: str, ledger: Ledger) -> list[int]:
    keys = sheet.keys[sheet.origin[column].slot]
    blank = sheet.text[column] == ""
    fitting = keys.ne("") & (blank if fault.blank else ~blank)
    return ledger.shuffled(list(sheet.keys.index[fitting]))


def _cell(sheet: Sheet, column: str, label: int, facts: Facts, ledger: Ledger) -> Cell:
    origin = sheet.origin[column]
    key = sheet.keys.at[label, origin.slot]
    raw = sheet.text.at[label, column]
    return Cell(sheet, label, column, raw, origin.table, origin.field, key, facts, ledger.rng)


def _may_hit(fault: Fault, cell: Cell) -> bool:
    """Leave out rows of several levels, and those who opted out unless that is the fault."""
    if ";" in cell.key:
        return fault.id.startswith("level_list")
    return cell.facts.opted_out(cell.table, cell.key) == (fault.id == "optout_kept")
