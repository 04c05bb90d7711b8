"""Tables of counts: patients, flow, data quality, rates."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from vpstats.errors import UsageError
from vpstats.formats import (
    NOT_ESTIMABLE,
    Number,
    count,
    decimal,
    interval_heading,
    rate,
    sentence_case,
    show,
    show_interval,
    span,
)
from vpstats.rows import VERTEBRAE, LedgerLike, Record, is_hidden, mark_of, number, ordered, records
from vpstats.tables.model import RowGroup, TableModel, standing_notes

_STATS = ("percent", "conf_low", "conf_high")
_YES_NO = {"yes", "no"}

Block = tuple[str, list[tuple[str, ...]]]
"""A heading and the rows under it; rows without a heading have an empty one."""


def explained(table: TableModel, mark: str, *more: str) -> TableModel:
    """Put the sentences that explain its marks under a table, after those it has."""
    notes = (*table.footnotes, *filter(None, more), *standing_notes(table, mark))
    return replace(table, footnotes=tuple(dict.fromkeys(notes)))


def assemble(blocks: Iterable[Block]) -> tuple[tuple[tuple[str, ...], ...], tuple[RowGroup, ...]]:
    """Lay blocks below one another.

    Returns
    -------
    tuple
        The rows, and the groups of those blocks that have a heading.
    """
    rows: list[tuple[str, ...]] = []
    groups: list[RowGroup] = []
    for label, part in blocks:
        if label and part:
            groups.append(RowGroup(label, len(rows), len(rows) + len(part)))
        rows += part
    return tuple(rows), tuple(groups)


def table_one(
    released: LedgerLike, analysis: str = "table1", *, title: str = "Characteristics"
) -> TableModel:
    """Build the table of characteristics: one column for everybody and for each group.

    Parameters
    ----------
    released : LedgerLike
        What passed the gate, or a ledger.
    analysis : str
        Id of the description.
    title : str
        The caption.

    Returns
    -------
    TableModel
        Numbers as mean (SD) and median (IQR), categories as n (%), and what was not recorded.

    Raises
    ------
    UsageError
        If the ledger holds no such description.

    References
    ----------
    von Elm E, et al. The Strengthening the Reporting of Observational Studies in Epidemiology
    (STROBE) statement. Ann Intern Med 2007;147:573-577, item 14.

    Examples
    --------
    >>> from vpstats.ledger import Ledger, cell
    >>> rows = [
    ...     cell("table1", "patients", "n", 120, kind="total", group="All", label="Patients"),
    ...     cell("table1", "age", "mean", 72.31, kind="estimate", group="All", label="Age"),
    ...     cell("table1", "age", "sd", 9.8, kind="estimate", group="All", label="Age"),
    ... ]
    >>> table_one(Ledger.from_rows(rows)).rows
    (('Mean (SD)', '72.3 (9.8)'),)
    """
    mark = mark_of(released)
    found = records(released.select(analysis=analysis))
    if not found:
        raise UsageError(f"the ledger holds no description '{analysis}'.")
    groups = ordered(found, "group")
    cells = {(r["variable"], r["level"], r["group"]): r for r in found}
    variables = [v for v in ordered(found, "variable") if v != "patients"]
    blocks = [_characteristic(found, cells, v, groups, mark) for v in variables]
    rows, row_groups = assemble(blocks)
    header = ("Characteristic", *(_column_head(cells, g, mark) for g in groups))
    table = TableModel(title, header, rows, row_groups=row_groups)
    missing = any(row[0] == _NOT_RECORDED for row in rows)
    known = "Percentages, means and medians are of the recorded values." if missing else ""
    ranges = "IQR, interquartile range; SD, standard deviation."
    return explained(table, mark, ranges if any("IQR" in row[0] for row in rows) else "", known)


_NOT_RECORDED = "Not recorded"

Cells = dict[tuple[str, str, str], Record]


def _column_head(cells: Cells, group: str, mark: str) -> str:
    total = cells.get(("patients", "", group))
    if total is None:
        return group
    return f"{group}, n = {show(total, 'n', count, mark)}"


def _characteristic(
    found: list[Record], cells: Cells, variable: str, groups: list[str], mark: str
) -> Block:
    own = [r for r in found if r["variable"] == variable]
    label = sentence_case(own[0]["label"]) or variable
    levels = [v for v in ordered(own, "level") if v]
    missing = _missing(cells, variable, groups, mark)
    if not levels:
        return label, [*_numbers(cells, variable, groups, mark), *missing]
    if set(levels) <= _YES_NO and "yes" in levels:
        shares = _shares(cells, (variable, "yes"), groups, mark)
        if not missing:
            return "", [(f"{label}, n (%)", *shares)]
        return label, [("Yes, n (%)", *shares), *missing]
    rows = [(sentence_case(v), *_shares(cells, (variable, v), groups, mark)) for v in levels]
    return f"{label}, n (%)", [*rows, *missing]


def _missing(cells: Cells, variable: str, groups: list[str], mark: str) -> list[tuple[str, ...]]:
    found = [cells.get((variable, "", g), {}) for g in groups]
    if not any(r and (is_hidden(r, "n_missing") or number(r, "n_missing") > 0) for r in found):
        return []
    return [(_NOT_RECORDED, *(show(r, "n_missing", count, mark) for r in found))]


def _numbers(cells: Cells, variable: str, groups: list[str], mark: str) -> list[tuple[str, ...]]:
    found = [cells.get((variable, "", g), {}) for g in groups]
    rows = []
    if any("mean" in r for r in found):
        rows.append(("Mean (SD)", *(_pair(r, "mean", "sd", mark, decimal) for r in found)))
    if any("median" in r for r in found):
        rows.append(("Median (IQR)", *(_quartiles(r, mark) for r in found)))
    return rows


def _shares(cells: Cells, row: tuple[str, str], groups: list[str], mark: str) -> list[str]:
    found = [cells.get((*row, g), {}) for g in groups]
    return [_pair(r, "n", "percent", mark, count, rate) for r in found]


def _pair(
    record: Record, one: str, other: str, mark: str, fmt: Number, second: Number | None = None
) -> str:
    """Print two statistics as ``a (b)``; one sign alone where neither may be shown."""
    first = show(record, one, fmt, mark)
    if first in ("", NOT_ESTIMABLE) or (first == mark and is_hidden(record, other)):
        return first
    if second is not None and show(record, other) == NOT_ESTIMABLE:
        return first  # a count of nobody has no percentage
    return f"{first} ({show(record, other, second or fmt, mark)})"


def _quartiles(record: Record, mark: str) -> str:
    if record and is_hidden(record, "median", "q1", "q3"):
        return mark
    median = show(record, "median", decimal, mark)
    if median in ("", NOT_ESTIMABLE):
        return median
    return (
        f"{median} ({span(show(record, 'q1', decimal, mark), show(record, 'q3', decimal, mark))})"
    )


def flow_table(
    released: LedgerLike, analysis: str, *, title: str = "From the registry to the analysis"
) -> TableModel:
    """Build the table of a flow: what was kept at each step and what was left out.

    Parameters
    ----------
    released : LedgerLike
        What passed the gate, or a ledger.
    analysis : str
        Id of the flow, such as ``"flow_leakage"``.
    title : str
        The caption.

    Raises
    ------
    UsageError
        If the ledger holds no such flow.

    Examples
    --------
    >>> from vpstats.ledger import Ledger, cell
    >>> steps = [("0", "n_rows", 90), ("1", "n_rows", 80), ("1", "excluded_rows", 10)]
    >>> rows = [cell("flow_x", "step", s, v, kind="total", level=i, label="step", unit="levels")
    ...         for i, s, v in steps]
    >>> flow_table(Ledger.from_rows(rows), "flow_x").rows
    (('Step', '90', ''), ('Step', '80', '10'))
    """
    mark = mark_of(released)
    found = [r for r in records(released.select(analysis=analysis)) if "n_rows" in r]
    if not found:
        raise UsageError(f"the ledger holds no flow '{analysis}'.")
    unit = sentence_case(found[0]["unit"] or "rows")
    columns = {
        "n_rows": f"{unit} kept",
        "n_patients": "Patients kept",
        "excluded_rows": f"{unit} left out",
        "excluded_patients": "Patients left out",
    }
    if unit == "Patients":
        columns = {k: v for k, v in columns.items() if k.endswith("rows")}
    used = [c for c in columns if any(c in r for r in found)]
    rows = tuple(
        (sentence_case(r["label"]), *(show(r, c, count, mark) for c in used)) for r in found
    )
    table = TableModel(title, ("Step", *(columns[c] for c in used)), rows)
    alone = "A patient is left out with the last of the patient's rows." if len(used) > 2 else ""
    return explained(table, mark, alone)


def quality_table(
    released: LedgerLike, analysis: str = "quality", *, title: str = "Data quality by center"
) -> TableModel:
    """Build the table of data quality: one row per measure, one column per center.

    Parameters
    ----------
    released : LedgerLike
        What passed the gate, or a ledger.
    analysis : str
        Id of the analysis.
    title : str
        The caption.

    Returns
    -------
    TableModel
        Counts of procedures and patients first, then percentages; the network stands last.

    Raises
    ------
    UsageError
        If the ledger holds no such analysis.

    Examples
    --------
    >>> from vpstats.ledger import Ledger, cell
    >>> rows = [cell("quality", "crp", "percent", v, kind="estimate", group=g, label="CRP known")
    ...         for g, v in (("C01", 91.24), ("network", 88.0))]
    >>> quality_table(Ledger.from_rows(rows)).rows
    (('CRP known, %', '91.2', '88.0'),)
    """
    mark = mark_of(released)
    found = records(released.select(analysis=analysis))
    if not found:
        raise UsageError(f"the ledger holds no data quality '{analysis}'.")
    groups = sorted(ordered(found, "group"), key=lambda g: g == "network")
    cells = {(r["variable"], r["group"]): r for r in found}
    counted = [v for v in ordered(found, "variable") if not _has(found, v, "percent", "value")]
    measured = [v for v in ordered(found, "variable") if v not in counted]
    rows = [row for v in counted for row in _count_rows(cells, v, groups, mark)]
    rows += [_measure_row(cells, v, groups, mark) for v in measured]
    heads = ["Network" if g == "network" else g for g in groups]
    table = TableModel(title, ("Measure", *heads), tuple(rows))
    totals = " Procedures and patients are totals." if counted else ""
    note = f"Network: median of the centers.{totals}" if "network" in groups else ""
    return explained(table, mark, note)


def _has(found: list[Record], variable: str, *stats: str) -> bool:
    return any(r["variable"] == variable and set(stats) & set(r) for r in found)


def _count_rows(
    cells: dict[tuple[str, str], Record], variable: str, groups: list[str], mark: str
) -> list[tuple[str, ...]]:
    own = [cells.get((variable, g), {}) for g in groups]
    words = {"n": sentence_case(next(r["label"] for r in own if r)), "n_patients": "Patients"}
    return [
        (label, *(show(r, stat, count, mark) for r in own))
        for stat, label in words.items()
        if any(stat in r for r in own)
    ]


def _measure_row(
    cells: dict[tuple[str, str], Record], variable: str, groups: list[str], mark: str
) -> tuple[str, ...]:
    own = [cells.get((variable, g), {}) for g in groups]
    label = next(r["label"] for r in own if r)
    stat = "percent" if any("percent" in r for r in own) else "value"
    return (f"{sentence_case(label)}, %", *(show(r, stat, rate, mark) for r in own))


def rates_table(
    released: LedgerLike,
    analysis: str,
    *,
    title: str = "Rates",
    heading: str = "",
    level: float = 0.95,
) -> TableModel:
    """Build a table of events, denominators and rates, in sections by group.

    Parameters
    ----------
    released : LedgerLike
        What passed the gate, or a ledger.
    analysis : str
        Id of complications, of a spine map or of the descriptive part of a question.
    title, heading : str
        The caption, and the head of the first column.
    level : float
        Confidence level of the limits.

    Raises
    ------
    UsageError
        If the ledger holds no rate of that analysis.

    Examples
    --------
    >>> from vpstats.ledger import Ledger, cell
    >>> values = {"n": 400, "n_events": 20, "percent": 5.0, "conf_low": 3.1, "conf_high": 7.6}
    >>> rows = [cell("c", "fever", s, v, kind="count", group="mild", label="fever")
    ...         for s, v in values.items()]
    >>> rates_table(Ledger.from_rows(rows), "c").rows
    (('Fever', '20', '400', '5.0 (3.1–7.6)'),)
    """
    mark = mark_of(released)
    every = records(released.select(analysis=analysis))
    found = [r for r in every if "percent" in r and "n_events" in r]
    if not found:
        raise UsageError(f"the ledger holds no rate of '{analysis}'.")
    if vertebrae := any(r["variable"] == "level" for r in found):
        found = sorted(found, key=_caudal)
    totals = {r["variable"]: r for r in every if "n" in r and not r["level"] and not r["group"]}
    blocks = [_rate_block(g, found, totals, mark) for g in ordered(found, "group")]
    rows, groups = assemble(blocks)
    first = heading or ("Vertebra" if vertebrae else "Outcome")
    header = (first, "Events", "n", interval_heading("%", level))
    return explained(TableModel(title, header, rows, row_groups=groups), mark)


def spine_table(
    released: LedgerLike, analysis: str, *, title: str = "Rate at each vertebra"
) -> TableModel:
    """Build the table behind a spine map; see `rates_table`.

    Parameters
    ----------
    released : LedgerLike
        What passed the gate, or a ledger.
    analysis : str
        Id of the spine map.
    title : str
        The caption.

    Raises
    ------
    UsageError
        If the ledger holds no rate of that analysis.
    """
    return rates_table(released, analysis, title=title, heading="Vertebra")


def _rate_block(group: str, found: list[Record], totals: dict[str, Record], mark: str) -> Block:
    own = [r for r in found if r["group"] == group]
    rows = [_rate_row(r, totals, mark) for r in own]
    if group or len(own) == len(found):
        return sentence_case(group), rows
    # rows outside every section, "worst severity: mild" and so on, make one by their prefix
    prefixes = {row[0].partition(": ")[0] for row in rows}
    if len(prefixes) > 1:
        return "All together", rows
    return prefixes.pop(), [(sentence_case(r[0].partition(": ")[2] or r[0]), *r[1:]) for r in rows]


def _caudal(record: Record) -> int:
    """Place in a table of vertebrae: all of them together, then from head to foot."""
    known = record["level"] in VERTEBRAE
    return VERTEBRAE.index(record["level"]) if known else -1


def _rate_row(record: Record, totals: dict[str, Record], mark: str) -> tuple[str, ...]:
    denominator = record if "n" in record else totals.get(record["variable"], {})
    if np.isnan(number(record, "conf_low")) and not is_hidden(record, *_STATS):
        text = show(record, "percent", rate, mark)
    else:
        text = show_interval(record, rate, mark, _STATS)
    events, base = show(record, "n_events", count, mark), show(denominator, "n", count, mark)
    return (sentence_case(record["label"]), events, base, text)
