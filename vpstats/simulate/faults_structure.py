"""Faults of whole rows and columns: duplicates, second identities, copied totals, a unit."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pandas as pd

from vpstats.simulate.dirt import Injection, Ledger
from vpstats.simulate.fault import Facts
from vpstats.simulate.raw import Sheet

UNDECLARED_CENTER = "C12"
"""The center that writes CRP in mg/dL and does not say so."""


@dataclass(frozen=True, slots=True)
class RowFault:
    """A way in which whole rows or columns of exports break.

    Parameters
    ----------
    id, description : str
        Short name; what happens, in words.
    fields : tuple of str
        ``table.field`` that it hits.
    detectable : bool
        Whether careful reading can notice it at all.
    reason : str
        Why it can, or why it cannot.
    inject : callable
        Writes it into the sheets and the ledger.
    """

    id: str
    description: str
    fields: tuple[str, ...]
    detectable: bool
    reason: str
    inject: Callable[[RowFault, list[Sheet], Facts, Ledger], None]


def _of(sheets: list[Sheet], source: str) -> Sheet:
    return next(s for s in sheets if s.source == source)


def _sessions(sheet: Sheet, ledger: Ledger, facts: Facts) -> Iterator[tuple[str, list[int]]]:
    """Sessions of a sheet in random order, with the labels of their untouched rows."""
    groups = sheet.keys.groupby("procedures", sort=False).groups
    for key in ledger.shuffled(list(groups)):
        labels = list(groups[key])
        free = all(ledger.is_free(sheet, label) for label in labels)
        if free and not facts.opted_out("procedures", key):
            yield key, labels


def insert_copies(sheet: Sheet, labels: list[int], **changes: str) -> list[int]:
    """Write copies of rows behind them, with other text in some columns.

    Parameters
    ----------
    sheet : Sheet
        Changed in place.
    labels : list of int
        Rows to copy.
    **changes : str
        Raw column to its text in the copies.

    Returns
    -------
    list of int
        Labels of the copies.
    """
    start = int(sheet.text.index.max()) + 1
    new = list(range(start, start + len(labels)))
    copies = sheet.text.loc[labels].assign(**changes).set_axis(new)
    at = sheet.text.index.get_indexer(labels).max() + 1
    sheet.text = pd.concat([sheet.text.iloc[:at], copies, sheet.text.iloc[at:]])
    sheet.keys = pd.concat([sheet.keys, sheet.keys.loc[labels].set_axis(new)]).loc[sheet.text.index]
    return new


def _duplicate_rows(fault: RowFault, sheets: list[Sheet], facts: Facts, ledger: Ledger) -> None:
    for source, table, n in (
        ("hr-razine", "levels", 2),
        ("hr-kontrole", "visits", 3),
        ("excel-visits", "visits", 3),
        ("de-Verlauf", "visits", 2),
    ):
        sheet = _of(sheets, source)
        for label in ledger.free_rows(sheet, table, facts)[:n]:
            key = sheet.keys.at[label, table]
            (copy,) = insert_copies(sheet, [label])
            ledger.note(Injection(fault, sheet, copy, "", table, key, "", "", ""))


def _duplicate_levels(fault: RowFault, sheets: list[Sheet], facts: Facts, ledger: Ledger) -> None:
    sheet = _of(sheets, "hr-razine")
    for label in ledger.free_rows(sheet, "levels", facts):
        key, raw = sheet.keys.at[label, "levels"], sheet.text.at[label, "cement_ml"]
        if ledger.count(fault.id) == 4:
            return
        if raw:
            other = sheet.dialect.number(float(raw.replace(",", ".")) + 0.7)
            (copy,) = insert_copies(sheet, [label], cement_ml=other)
            ledger.note(
                Injection(fault, sheet, copy, "cement_ml", "levels", key, "cement_ml", other, raw)
            )


def _second_identity(fault: RowFault, sheets: list[Sheet], facts: Facts, ledger: Ledger) -> None:
    sheet = _of(sheets, "hr-razine")
    first = sheet.keys.groupby("patients")["procedures"].transform("min")
    later = set(sheet.keys.loc[sheet.keys["procedures"] > first, "procedures"])
    for key, labels in _sessions(sheet, ledger, facts):
        if key not in later:
            continue
        number = ledger.new_number()
        for label in labels:
            old = sheet.text.at[label, "id_bolesnika"]
            sheet.text.at[label, "id_bolesnika"] = number
            ledger.note(
                Injection(fault, sheet, label, "id_bolesnika", "procedures", key, "patient_id",
                          number, old)
            )  # fmt: skip
        if ledger.sessions(fault.id) == 4:
            return


def _session_twice(fault: RowFault, sheets: list[Sheet], facts: Facts, ledger: Ledger) -> None:
    sheet = _of(sheets, "hr-razine")
    for key, labels in _sessions(sheet, ledger, facts):
        number = ledger.new_number()
        session = f"S9{number[1:]}"
        old = sheet.text.at[labels[0], "id_bolesnika"]
        for label in insert_copies(sheet, labels, id_bolesnika=number, br_zahvata=session):
            ledger.note(
                Injection(fault, sheet, label, "id_bolesnika", "procedures", key, "patient_id",
                          number, old)
            )  # fmt: skip
        if ledger.sessions(fault.id) == 4:
            return


def _session_totals(fault: RowFault, sheets: list[Sheet], facts: Facts, ledger: Ledger) -> None:
    sheet = _of(sheets, "hr-razine")
    for _key, labels in _sessions(sheet, ledger, facts):
        poured = sheet.text.loc[labels, "cement_ml"]
        amounts = [float(raw.replace(",", ".")) for raw in poured if raw]
        if not (1 < len(amounts) == len(labels)) or not 4 <= sum(amounts) <= 8:
            continue
        total = sheet.dialect.number(sum(amounts))
        for label in labels:
            level, raw = sheet.keys.at[label, "levels"], sheet.text.at[label, "cement_ml"]
            sheet.text.at[label, "cement_ml"] = total
            ledger.note(
                Injection(fault, sheet, label, "cement_ml", "levels", level, "cement_ml", total,
                          raw)
            )  # fmt: skip
        if ledger.count(fault.id) >= 8:
            return


def _undeclared_unit(fault: RowFault, sheets: list[Sheet], facts: Facts, ledger: Ledger) -> None:
    sheet = next(s for s in sheets if s.file.startswith(f"d_de/{UNDECLARED_CENTER}_Ein"))
    for label in sheet.text.index[sheet.text["CRP"] != ""]:
        raw, key = sheet.text.at[label, "CRP"], sheet.keys.at[label, "procedures"]
        sign, number = ("<", raw[1:]) if raw.startswith("<") else ("", raw)
        new = sign + sheet.dialect.number(round(float(number.replace(",", ".")) / 10, 3))
        sheet.text.at[label, "CRP"] = new
        ledger.note(
            Injection(fault, sheet, label, "CRP", "procedures", key, "crp_mg_l", new, raw),
            touches=False,
        )


ROW_FAULTS = (
    RowFault("crp_unit_undeclared", "a whole center's CRP in mg/dL, undeclared",
             ("procedures.crp_mg_l",), True, "the center's median is a tenth of the others'",
             _undeclared_unit),
    RowFault("second_identity", "a second number after re-admission", ("procedures.patient_id",),
             False, "two people may share sex, day of birth and hospital", _second_identity),
    RowFault("session_under_two_numbers", "one session under two patients' numbers",
             ("procedures.patient_id",), True,
             "two people with the same sex and day of birth on the same day", _session_twice),
    RowFault("session_total_copied", "the session's total of cement beside each level",
             ("levels.cement_ml",), False, "the total is as plausible as a level's own volume",
             _session_totals),
    RowFault("duplicate_level", "a level twice, with two volumes", ("levels.cement_ml",), True,
             "the same vertebra of the same session", _duplicate_levels),
    RowFault("duplicate_row", "a row twice", ("levels.level", "visits.visit_date"), True,
             "all cells are equal", _duplicate_rows),
)  # fmt: skip
