"""The report's numbers as rows of the ledger, so that they can pass the disclosure gate."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from vpstats.ledger import cell, cell_id
from vpstats.quality.measures import NETWORK, PERCENT, Row

if TYPE_CHECKING:
    from vpstats.quality.result import QualityResult

Cell = dict[str, Any]

ONE_PATIENT = ("silence", "silence_chance")
"""Measures that tell the day of one procedure; the gate lets no such extreme pass."""

SUMMARIES = {"entry_median": "median", "entry_q3": "q3", "median": "median"}
"""Measures from which no count can be worked out, and what the ledger calls them."""


def analysis_of(section: str) -> str:
    """Analysis of a section in the ledger."""
    return f"quality_{section}"


def stat_of(row: Row) -> str:
    """What the ledger calls the number of a measure.

    Examples
    --------
    >>> stat_of({"measure": "median", "unit": "days"}), stat_of({"measure": "ct", "unit": "%"})
    ('median', 'percent')
    """
    if row["measure"] in ONE_PATIENT:
        return "minimum"
    if row["measure"] in SUMMARIES:
        return SUMMARIES[row["measure"]]
    return "percent" if row["unit"] == PERCENT else "value"


def measure_id(row: Row, stat: str = "") -> str:
    """Id of a cell of a measure: of its number, unless another statistic is named."""
    found = stat or stat_of(row)
    return cell_id(analysis_of(row["section"]), row["center_id"], row["measure"], row["level"],
                   found)  # fmt: skip


def ledger_rows(result: QualityResult) -> Iterator[Cell]:
    """Every number of a report as a row of the ledger.

    Parameters
    ----------
    result : QualityResult
        Its tables; what the median and the range of the centers are is worked out from what was
        released, and no cell of its own.
    """
    yield from _volumes(result.volumes)
    # the number of a measure comes first: its unit is that of the row
    for row in result.measures.to_dict("records"):
        yield from _measure(row)
    yield from _states(result.states)
    # of centers these are small numbers: they stand in tables of the internal edition
    yield from _findings(_network(result.by_rule))
    yield from _patterns(_network(result.patterns))
    yield from _absent(result.absent)


def _network(table: pd.DataFrame) -> pd.DataFrame:
    return table[table["center_id"] == NETWORK]


def _volumes(volumes: pd.DataFrame) -> Iterator[Cell]:
    analysis = analysis_of("volume")
    ordered = volumes.sort_values("center_id", key=lambda c: c != NETWORK, kind="stable")
    for row in ordered.to_dict("records"):
        for name in ("procedures", "patients"):
            # a patient may be treated in two centers: patients of centers do not add up
            whole = cell_id(analysis, NETWORK, name, "", "n")
            inside = name == "procedures" and row["center_id"] != NETWORK
            yield cell(analysis, name, "n", row[name], kind="count" if inside else "total",
                       group=row["center_id"], label=name.capitalize(), unit=name,
                       parent=whole if inside else "")  # fmt: skip


UNITS = {"patients": "patients", "procedures": "procedures", "levels": "levels"}


def _states(states: pd.DataFrame) -> Iterator[Cell]:
    """Cells of a variable: all rows, those to which it applies, and what each of these is."""
    analysis = analysis_of("completeness")
    for (center, variable), part in states.groupby(["center_id", "variable"], sort=False):
        n = dict(zip(part["state"], part["n"], strict=True))
        label = str(part["label"].iloc[0])
        unit = UNITS[str(variable).partition(".")[0]]
        shared: dict[str, Any] = {"group": str(center), "label": label, "unit": unit}
        whole, outside = sum(n.values()), n["not_applicable"]
        rows = cell_id(analysis, str(center), str(variable), "", "n")
        asked = cell_id(analysis, str(center), str(variable), "applicable", "n")
        yield cell(analysis, str(variable), "n", whole, kind="total", **shared)
        for level, count in (("applicable", whole - outside), ("not_applicable", outside)):
            yield cell(analysis, str(variable), "n", count, kind="count", level=level, parent=rows,
                       **shared)  # fmt: skip
        for state, count in n.items():
            if state != "not_applicable":
                yield cell(analysis, str(variable), "n", count, kind="count", level=state,
                           parent=asked, **shared)  # fmt: skip


def _measure(row: Row) -> Iterator[Cell]:
    """Cells of one measure: its denominator, its count where it has one, and its number."""
    analysis, unit = analysis_of(row["section"]), row["unit"]
    shared: dict[str, Any] = {"group": row["center_id"], "level": row["level"],
                              "label": row["label"]}  # fmt: skip
    parent = _behind(row)
    yield cell(
        analysis, row["measure"], stat_of(row), row["estimate"], kind="estimate",
        unit=unit, n=row["n"], parent=parent, **shared,
    )  # fmt: skip
    for limit in ("conf_low", "conf_high"):
        if np.isfinite(row[limit]):
            yield cell(
                analysis, row["measure"], limit, row[limit], kind="estimate", unit=unit,
                n=row["n"], parent=parent, **shared,
            )  # fmt: skip
    if row["section"] == "completeness" or not np.isfinite(row["n"]):
        return
    yield cell(analysis, row["measure"], "n", row["n"], kind="total", unit=_counted(row), **shared)
    if np.isfinite(row["n_events"]):
        inside = row["section"] not in ("validity", "ascertainment")
        yield cell(
            analysis, row["measure"], "n_events", row["n_events"],
            kind="count" if inside else "total",
            unit=_counted(row) if inside else _others(row),
            parent=measure_id(row, "n") if inside else "", **shared,
        )  # fmt: skip


def _behind(row: Row) -> str:
    """Cell of the count that a measure's number would give away."""
    if row["section"] == "completeness":
        analysis = analysis_of(row["section"])
        return cell_id(analysis, row["center_id"], row["measure"], "known", "n")
    if not np.isfinite(row["n"]):
        return ""
    return measure_id(row, "n_events" if np.isfinite(row["n_events"]) else "n")


def _counted(row: Row) -> str:
    """What the denominator of a measure counts."""
    return _DENOMINATORS.get(row["section"], "procedures")


_DENOMINATORS = {
    "validity": "records",
    "followup": "patients",
    "ascertainment": "hospital procedures",
}


def _others(row: Row) -> str:
    """What a count counts that is no part of its denominator."""
    if row["section"] == "ascertainment":
        return "procedures"
    return "corrections" if row["measure"] == "changed" else "findings"


def _findings(by_rule: pd.DataFrame) -> Iterator[Cell]:
    analysis, above = analysis_of("rules"), analysis_of("validity")
    for row in by_rule.to_dict("records"):
        whole = cell_id(above, row["center_id"], row["severity"], "", "n_events")
        yield cell(analysis, row["group"], "n", row["n"], kind="count", group=row["center_id"],
                   level=row["severity"], label=row["group"], unit="findings",
                   parent=whole)  # fmt: skip
        own = cell_id(analysis, row["center_id"], row["group"], row["severity"], "n")
        yield cell(analysis, row["group"], "value", row["per_100"], kind="estimate",
                   group=row["center_id"], level=row["severity"], label=row["group"],
                   unit="per 100 records", n=row["records"], parent=own)  # fmt: skip


def _patterns(patterns: pd.DataFrame) -> Iterator[Cell]:
    analysis = analysis_of("patterns")
    for center, part in patterns.groupby("center_id", sort=False):
        n = int(part["n"].sum())
        whole = cell_id(analysis, str(center), "pattern", "", "n")
        yield cell(analysis, "pattern", "n", n, kind="total", group=str(center),
                   label="Procedures", unit="procedures")  # fmt: skip
        for row in part.to_dict("records"):
            at: dict[str, Any] = {"group": str(center), "level": row["pattern"],
                                  "label": row["label"]}  # fmt: skip
            yield cell(analysis, "pattern", "n", row["n"], kind="count", unit="procedures",
                       parent=whole, **at)  # fmt: skip
            own = cell_id(analysis, str(center), "pattern", row["pattern"], "n")
            share = 100 * row["n"] / n if n else np.nan
            yield cell(analysis, "pattern", "percent", share, kind="estimate", unit=PERCENT, n=n,
                       parent=own, **at)  # fmt: skip


def _absent(absent: pd.DataFrame) -> Iterator[Cell]:
    """Rows with and without a value, what each side is like, and how far they are apart."""
    analysis = analysis_of("absent")
    for outcome, part in absent.groupby("outcome", sort=False):
        sizes = part[part["variable"] == "rows"]
        whole = cell_id(analysis, "all", str(outcome), "", "n")
        label = str(part["label"].iloc[0])
        yield cell(analysis, str(outcome), "n", sizes["value"].sum(), kind="total", group="all",
                   label=label, unit=_rows_of(str(outcome)))  # fmt: skip
        for row in sizes.to_dict("records"):
            yield cell(analysis, str(outcome), "n", row["value"], kind="count", group=row["side"],
                       label=label, unit=_rows_of(str(outcome)), parent=whole)  # fmt: skip
        fewer = str(sizes.sort_values("value", kind="stable")["side"].iloc[0])
        for row in part[(part["variable"] != "rows") & (part["stat"] != "excess")].to_dict(
            "records"
        ):
            if row["variable"] == "center_id" and row["stat"] == "n":
                continue  # the shares of centers stand in their own table
            yield _absent_cell(analysis, str(outcome), row, fewer)


def _rows_of(outcome: str) -> str:
    return "patients" if outcome == "known_1y" else "procedures"


def _absent_cell(analysis: str, outcome: str, row: Row, fewer: str) -> Cell:
    both = row["side"] == "both"
    side = fewer if both else row["side"]
    return cell(analysis, f"{outcome}.{row['variable']}", row["stat"], row["value"],
                kind="count" if row["stat"] == "n" else "estimate",
                group="all" if both else side, level=row["level"], label=row["words"],
                unit=_rows_of(outcome) if row["stat"] == "n" else "",
                n=np.nan if row["stat"] == "n" else row["n"],
                parent=cell_id(analysis, side, outcome, "", "n"))  # fmt: skip
