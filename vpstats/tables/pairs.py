"""Tables of two findings on the same units, of a sign's accuracy, and of events by their source."""

from __future__ import annotations

from vpstats.formats import (
    count,
    decimal,
    interval_heading,
    p_value,
    rate,
    ratio,
    sentence_case,
    show,
    show_interval,
)
from vpstats.rows import LedgerLike, Record, complete, is_hidden, mark_of, ordered
from vpstats.tables.beside import ABSENT, CI, limits_of, own_rows, required
from vpstats.tables.description import assemble, explained
from vpstats.tables.model import TableModel


def pairs_table(
    released: LedgerLike, analysis: str, *, title: str, level: float = 0.95
) -> TableModel:
    """Build the table of outcomes in pairs on the same units.

    Raises
    ------
    UsageError
        If the ledger holds no pair of that question.
    """
    found = required(own_rows(released, analysis, group="paired"), "pair", analysis)
    mark = mark_of(released)
    wholes = {r["variable"]: r for r in found if not r["level"]}
    counts = {(r["variable"], r["level"]): r for r in found if r["level"]}
    rows = tuple(
        (
            whole["label"],
            show(whole, "n", count, mark),
            *(show(counts[name, k], "n_events", count, mark) for k in _CELLS),
            show_interval(whole, decimal, mark, limits_of("difference")),
            show(whole, "p_value", p_value, mark),
        )
        for name, whole in wholes.items()
    )
    header = (
        "Pair", "Rows", "Both", "First only", "Second only", "Neither",
        interval_heading("difference, percentage points", level), "p",
    )  # fmt: skip
    note = "Difference of the two shares on the same rows; rows of one patient are clustered."
    return explained(TableModel(title, header, rows), mark, note, CI)


_CELLS = ("both", "first only", "second only", "neither")


def detection_table(
    released: LedgerLike, analysis: str, *, title: str, level: float = 0.95
) -> TableModel:
    """Build the table of what fluoroscopy and CT found on the same levels.

    Raises
    ------
    UsageError
        If the ledger holds nothing of that question.
    """
    found = required(own_rows(released, analysis, group=""), "comparison", analysis)
    mark = mark_of(released)
    wholes = {r["variable"]: r for r in found if not r["level"]}
    counts = {(r["variable"], r["level"]): r for r in found if r["level"]}
    rows = tuple(
        (
            whole["label"],
            *(show(counts[name, k], "n_events", count, mark) for k in _CELLS),
            show_interval(whole, rate, mark, limits_of("sensitivity")),
            show_interval(whole, decimal, mark, limits_of("difference")),
            show_interval(whole, ratio, mark, limits_of("kappa")),
        )
        for name, whole in wholes.items()
    )
    header = (
        "Leak", "Both", "Fluoroscopy only", "CT only", "Neither",
        interval_heading("sensitivity of fluoroscopy, %", level),
        interval_heading("CT less fluoroscopy, points", level),
        interval_heading("kappa", level),
    )  # fmt: skip
    return explained(TableModel(title, header, rows), mark, CI)


def accuracy_table(
    released: LedgerLike, analysis: str, *, title: str, level: float = 0.95
) -> TableModel:
    """Build the table of a sign's accuracy: among the examined, and corrected for verification.

    Raises
    ------
    UsageError
        If the ledger holds nothing of that question.
    """
    everything = required(own_rows(released, analysis), "accuracy", analysis)
    mark = mark_of(released)
    found = [r for r in everything if r["group"] in _EDITIONS]
    groups = [g for g in _EDITIONS if any(r["group"] == g for r in found)]
    cells = {(r["variable"], r["group"]): r for r in found}
    rows = [
        (
            next(r["label"] for r in found if r["variable"] == stat),
            *(_accuracy(cells.get((stat, g)), mark) for g in groups),
        )
        for stat in ordered(found, "variable")
    ]
    crossed = [r for r in everything if r["variable"] == "cross" and r["level"]]
    sizes = [
        (r["label"], show(r, "n_events", count, mark), *[""] * (len(groups) - 1)) for r in crossed
    ]
    body, row_groups = assemble([("", rows), ("Counts", sizes)])
    header = ("Measure", *(f"{_EDITIONS[g]} ({100 * level:g} % CI)" for g in groups))
    table = TableModel(title, header, body, row_groups=row_groups)
    return explained(table, mark, *_tests(everything, mark), CI)


_EDITIONS = {"verified": "Among the examined", "corrected": "Corrected for who was examined"}


def _accuracy(record: Record | None, mark: str) -> str:
    if record is None:
        return ABSENT
    fmt = rate if record["unit"] == "%" else ratio
    unit = " %" if record["unit"] == "%" and complete(record, "estimate") else ""
    return show_interval(record, fmt, mark) + unit


def source_table(
    released: LedgerLike, analysis: str, *, title: str, heading: str = "Source"
) -> TableModel:
    """Build the table of codes by window.

    Raises
    ------
    UsageError
        If the ledger holds nothing of that question.
    """
    found = required(own_rows(released, analysis), "event", analysis)
    mark = mark_of(released)
    counts = [r for r in found if r["level"] and r["group"] and r["group"] != "tests"]
    windows = ordered(counts, "group")
    cells = {(r["level"], r["group"]): r for r in counts}
    rows = [
        (
            next(r["label"] for r in counts if r["level"] == code).rpartition(": ")[2],
            *(show(cells[code, w], "n_events", count, mark) for w in windows),
        )
        for code in ordered(counts, "level")
    ]
    header = (sentence_case(heading), *map(sentence_case, windows))
    return explained(TableModel(title, header, tuple(rows)), mark, *_tests(found, mark))


def _tests(found: list[Record], mark: str) -> list[str]:
    """Each test of a question in one sentence."""
    tests = [r for r in found if r["group"] == "tests" and _has(r, "p_value")]
    return [f"{r['label']}: p {show(r, 'p_value', p_value, mark)} ({r['unit']})." for r in tests]


def _has(record: Record, stat: str) -> bool:
    """Whether a record has a statistic, shown or withheld."""
    return stat in record or is_hidden(record, stat)
