"""The data-quality report for programs: a versioned JSON document, lines of text, and tables."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from math import isfinite
from typing import Any

import numpy as np
import pandas as pd

from vpstats.report.quality_look import NETWORK, SECTIONS, SEVERITIES, QualityLook
from vpstats.report.study import LEDGER_DIGITS, RegistrySummary
from vpstats.rows import Record, is_hidden, number
from vpstats.tables.quality import NUMBERS, format_of

FORMAT = "vpstats-quality/1"
"""Name and version of the document's format; what breaks a reader gets a new number."""

MEASURED = tuple(s for s in SECTIONS if s not in ("volume", "absent"))

COLUMNS = [
    "center_id", "section", "measure", "level", "label", "n", "n_events", "estimate", "conf_low",
    "conf_high", "unit", "network_median", "network_low", "network_high", "withheld",
]  # fmt: skip
"""Columns of measures.csv."""


@dataclass(frozen=True)
class Asked:
    """What the document says beyond the numbers.

    Parameters
    ----------
    registry : RegistrySummary
    version : str
        Of the software.
    center : str, optional
        The one center that was asked for.
    """

    registry: RegistrySummary
    version: str
    center: str | None = None


def measures_frame(look: QualityLook) -> pd.DataFrame:
    """Every released measure in one table, the median and the range of the centers beside it.

    Parameters
    ----------
    look : QualityLook
        The edition.

    Returns
    -------
    DataFrame
        Columns of `COLUMNS`; what is withheld is missing, and `withheld` is then true.
    """
    rows = [
        _row(look, section, measure, level, center)
        for section in MEASURED
        for measure, level in look.measures(section)
        for center in (*look.centers, NETWORK)
    ]
    found = pd.DataFrame([row for row in rows if row is not None], columns=COLUMNS)
    for name in ("network_median", "network_low", "network_high"):
        found[name] = found[name].astype(float)
    return _with_network(found)


def _row(
    look: QualityLook, section: str, measure: str, level: str, center: str
) -> dict[str, Any] | None:
    record = look.row(f"quality_{section}", center, measure, level)
    if record is None:
        return None
    n, events = _counts(look, section, measure, center, record)
    stat = next((s for s in NUMBERS if s in record), "")
    values = (center, section, measure, level, record["label"], n, events, _round(record, stat),
              _round(record, "conf_low"), _round(record, "conf_high"), record["unit"], np.nan,
              np.nan, np.nan, is_hidden(record, stat))  # fmt: skip
    return dict(zip(COLUMNS, values, strict=True))


def _counts(
    look: QualityLook, section: str, measure: str, center: str, record: Record
) -> tuple[float, float]:
    """Denominator and count of a measure, as far as they are shown."""
    if section != "completeness":
        return number(record, "n"), number(record, "n_events")
    parts = (look.row(f"quality_{section}", center, measure, s) for s in ("applicable", "known"))
    n, known = (number(part or {}, "n") for part in parts)
    return n, known


def _round(record: Record, stat: str) -> float:
    value = number(record, stat)
    return float(f"{value:.{LEDGER_DIGITS}g}") if isfinite(value) else np.nan


def _with_network(table: pd.DataFrame) -> pd.DataFrame:
    own = table[(table["center_id"] != NETWORK) & table["estimate"].notna()]
    keys = ["section", "measure", "level"]
    spread = own.groupby(keys, sort=False)["estimate"].agg(["median", "min", "max"])
    names = ["network_median", "network_low", "network_high"]
    if spread.empty:
        return table
    index = pd.MultiIndex.from_frame(table[keys])
    beside = spread.reindex(index).round(LEDGER_DIGITS).to_numpy(float)
    return table.assign(**{name: beside[:, i] for i, name in enumerate(names)})


def states_frame(look: QualityLook) -> pd.DataFrame:
    """Cells of key variables by what they are, of every center."""
    cells = look.released.select(analysis="quality_completeness", stat="n")
    rows = cells[cells["level"] != "applicable"]
    return pd.DataFrame(
        {
            "center_id": rows["group"],
            "variable": rows["variable"],
            "label": rows["label"],
            "state": rows["level"].where(rows["level"] != "", "all"),
            "n": rows["value"],
            "withheld": rows["suppressed"],
        }
    )


def document(look: QualityLook, asked: Asked) -> dict[str, Any]:
    """The report as a JSON-ready mapping.

    Returns
    -------
    dict
        ``format, edition, registry, synthetic, data_cut, vpstats, n_centers, center, verdict,
        findings, not_known, measures``; numbers that are withheld, or do not exist, are null.
    """
    found = [f for f in look.found if asked.center in (None, f.center)]
    rows = measures_frame(look)
    rows = rows if asked.center is None else rows[rows["center_id"].isin([asked.center, NETWORK])]
    grave = {f.severity for f in found}
    return {
        "format": FORMAT,
        "edition": "internal" if look.internal else "public",
        "registry": asked.registry.name,
        "synthetic": asked.registry.synthetic,
        "data_cut": asked.registry.data_cut.isoformat(),
        "vpstats": asked.version,
        "n_centers": len(look.centers),
        "center": asked.center,
        "verdict": next((s for s in ("error", "warning", "info") if s in grave), "none"),
        "findings": [
            {"severity": f.severity, "center": f.center, "section": f.section,
             "measure": f.measure, "sentence": f.text, "action": f.action}
            for f in found
        ],
        "not_known": list(look.notes),
        "measures": [_plain(row) for row in rows.to_dict("records")],
    }  # fmt: skip


def _plain(row: dict[Any, Any]) -> dict[str, Any]:
    return {str(k): (None if isinstance(v, float) and not isfinite(v) else v)
            for k, v in row.items()}  # fmt: skip


def as_json(content: dict[str, Any]) -> str:
    """Write a document as JSON."""
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def as_text(content: dict[str, Any]) -> str:
    """Write a document in lines, for people."""
    return "\n".join(_lines(content)) + "\n"


def _lines(content: dict[str, Any]) -> Iterator[str]:
    said = "synthetic" in content["registry"].lower()
    made = " (synthetic)" if content["synthetic"] and not said else ""
    yield f"{content['registry']}{made}: quality of the data, data cut {content['data_cut']}"
    if content["edition"] == "internal":
        yield "Internal: not released."
    yield ""
    found = content["findings"]
    yield f"To look at: {sum(f['severity'] != 'info' for f in found):,}"
    yield from _finding_lines(content)
    if content["not_known"]:
        yield ""
        yield "Not known:"
        yield from (f"  {sentence}" for sentence in content["not_known"])
    yield ""
    whose = "the network" if content["center"] is None else f"center {content['center']}"
    alone = content["n_centers"] == 1
    yield "Measures" if alone else f"Measures: {whose} (median and range of the centers)"
    yield from _measure_lines(content)


COMMON = 4
"""Centers from which on one finding of theirs is one line."""


def _finding_lines(content: dict[str, Any]) -> Iterator[str]:
    """A line for each finding; what is to be looked at in many centers is said once."""
    words = {(r["section"], r["measure"]): r["label"] for r in content["measures"]}
    alike: dict[tuple[str, str, str], list[dict[str, Any]]] = {}
    for f in content["findings"]:
        alike.setdefault((f["severity"], f["section"], f["measure"]), []).append(f)
    for key in sorted(alike, key=lambda k: list(SEVERITIES).index(k[0])):
        (severity, section, measure), members = key, alike[key]
        title = SECTIONS[section].lower()
        if len(members) < COMMON or (section, measure) not in words:
            for f in members:
                yield f"  {severity:<8}{f['center']:<11} {title}: {f['sentence']}"
            continue
        where = ", ".join(f["center"] for f in members)
        many = f"{len(members)} centers"
        yield f"  {severity:<8}{many:<11} {title}, {words[section, measure]}: {where}"


_PRINTED = (
    ("validity", "error"), ("timeliness", "entry_median"), ("timeliness", "gap"),
    ("ascertainment", "ascertained"), ("imaging", "ct"), ("imaging", "chest_ct"),
    ("followup", "median"), ("followup", "clark_c"), ("followup", "known_1y"),
)  # fmt: skip


def _measure_lines(content: dict[str, Any]) -> Iterator[str]:
    wanted = {NETWORK} if content["center"] is None else {content["center"]}
    for row in content["measures"]:
        asked = row["section"] == "completeness" or (row["section"], row["measure"]) in _PRINTED
        if not asked or row["level"] or row["center_id"] not in wanted:
            continue
        if row["estimate"] is None and not row["withheld"]:
            continue
        beside = "" if content["n_centers"] == 1 else _beside(row)
        yield f"  {row['label']}: {_own(row)}{beside}"


def _own(row: dict[str, Any]) -> str:
    """The number with its unit, in the singular where it is one.

    Examples
    --------
    >>> _own({"withheld": False, "estimate": 1.0, "unit": "months"})
    '1 month'
    """
    if row["withheld"]:
        return "withheld"
    text, unit = format_of(row)(row["estimate"]), row["unit"]
    return f"{text} {unit.removesuffix('s') if text == '1' else unit}".rstrip()


def _beside(row: dict[str, Any]) -> str:
    """The median and the range of the centers; what all of them share is said once."""
    if row["network_median"] is None:
        return ""
    numbers = (row[f"network_{k}"] for k in ("median", "low", "high"))
    middle, low, high = map(format_of(row), numbers)
    return f" ({middle}, {low} to {high})" if low != high else f" ({middle} at each)"
