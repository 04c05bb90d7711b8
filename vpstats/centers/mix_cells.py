"""Who is treated where, as cells of the ledger: counts of categories, means of numbers.

A percentage of few rows with its denominator is a count. So every percentage of a center's case mix
has its count beside it, which the disclosure gate judges like any other; and each characteristic is
published of one set of rows alone, since two sets that differ in a few rows would tell of those.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from vpstats.centers.result import IndicatorAudit
from vpstats.labels import LABELS
from vpstats.ledger import CellKind, cell, cell_id, plural

NETWORK = "network"
ANALYSIS = "audit_casemix_{unit}"
"""Analysis of the case mix of one unit: levels, procedures, patients."""

Sum = tuple[str, tuple[str, ...]]
"""A cell, and those of which it is known that they belong to it."""


@dataclass(frozen=True)
class Source:
    """A characteristic and the indicator whose rows it is published of.

    Parameters
    ----------
    audit : IndicatorAudit
        Over all its rows.
    variable : str
        Column of its case mix.
    """

    audit: IndicatorAudit
    variable: str

    @property
    def analysis(self) -> str:
        """Analysis of its cells."""
        return ANALYSIS.format(unit=self.audit.unit)

    @property
    def table(self) -> pd.DataFrame:
        """Its rows of the case mix, as `casemix.case_mix` makes them."""
        mix = self.audit.casemix
        return mix[mix["variable"] == self.variable]

    def counted(self, center: str) -> float:
        """Rows of a center that were compared."""
        own = self.audit.table[self.audit.table["center_id"].astype(str) == center]
        return float(own["n"].iloc[0]) if len(own) else float("nan")


def sources(audits: Iterable[IndicatorAudit]) -> list[Source]:
    """Choose whose rows each characteristic is published of: the first indicator's of its unit.

    Parameters
    ----------
    audits : iterable of IndicatorAudit
        In the order of the plan; strata are passed over.
    """
    found: dict[tuple[str, str], Source] = {}
    for audit in audits:
        if audit.stratum == "all" and len(audit.casemix):
            for name in dict.fromkeys(audit.casemix["variable"].astype(str)):
                found.setdefault((audit.unit, name), Source(audit, name))
    return sorted(found.values(), key=lambda s: s.analysis)


def mix_rows(source: Source) -> Iterator[dict[str, Any]]:
    """Cells of one characteristic: of every center, then of the network.

    Yields
    ------
    dict
        For a category its count, percentage and standardised difference from the other centers;
        for a number its mean and that difference. Rows whose value is missing are in neither.
    """
    table = source.table.assign(known=lambda t: t["n"].astype(float))
    for center, own in table.groupby(table["center_id"].astype(str), sort=True):
        yield from _group(source, str(center), own.to_dict("records"))
    yield from _group(source, NETWORK, _network(table))


def _network(table: pd.DataFrame) -> list[dict[str, Any]]:
    """The whole network's rows: sums over centers; it has no difference from itself."""
    weighted = table.assign(total=(table["mean"] * table["known"]).fillna(0.0))
    sums = weighted.groupby("level", sort=False)[["known", "total"]].sum().reset_index()
    mean = sums["total"] / sums["known"].where(sums["known"] > 0)
    return [dict(r) for r in sums.assign(mean=mean, smd=np.nan).to_dict("records")]


def _group(source: Source, group: str, rows: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    name, unit = f"casemix:{source.variable}", plural(source.audit.unit)
    label = LABELS.get(source.variable, source.variable.replace("_", " "))
    known = float(rows[0]["known"])
    shared: dict[str, Any] = {"group": group, "label": label}
    compared = cell_id(source.audit.analysis, group, "outcome", "", "n")
    complete = group != NETWORK and source.counted(group) == known
    whole = compared if complete else cell_id(source.analysis, group, name, "", "n")
    if not complete:
        parent = "" if group == NETWORK else compared
        kind: CellKind = "count" if parent else "total"
        yield cell(source.analysis, name, "n", known, kind=kind, unit=unit, parent=parent,
                   **shared)  # fmt: skip
    for row in rows:
        at = {**shared, "level": str(row["level"]), "n": known}
        parent, stat, scale, share = whole, "mean", 1.0, ""
        if row["level"]:
            parent = cell_id(source.analysis, group, name, str(row["level"]), "n")
            count = round(row["mean"] * known) if known else 0
            yield cell(source.analysis, name, "n", count, kind="count", unit=unit, parent=whole,
                       **at)  # fmt: skip
            stat, scale, share = "percent", 100.0, "%"
        yield cell(source.analysis, name, stat, scale * row["mean"], kind="estimate", unit=share,
                   parent=parent, **at)  # fmt: skip
        if group != NETWORK:
            yield cell(source.analysis, name, "smd", row["smd"], kind="estimate", parent=parent,
                       **at)  # fmt: skip


def tells_of_strata(source: Source, audits: Iterable[IndicatorAudit]) -> bool:
    """Whether a characteristic tells of who is in a category and not in the stratum of its rows.

    A stratum is compared by a model of its own and may keep a row or two that the whole leaves
    out. Both counts beside one another would tell of those; the stratum's stands with its outcome,
    so the characteristic goes to the internal edition alone.
    """
    return any(mine != theirs for *_, mine, theirs in _in_strata(source, audits))


def mix_sums(source: Source, audits: Iterable[IndicatorAudit]) -> Iterator[Sum]:
    """Counts of a category that are those of a stratum, center by center.

    Parameters
    ----------
    source : Source
    audits : iterable of IndicatorAudit
        All of an audit, strata among them.

    Yields
    ------
    (str, tuple of str)
        Two cells with the same count.
    """
    yield from ((one, (other,)) for one, other, *_ in _in_strata(source, audits))


def _in_strata(
    source: Source, audits: Iterable[IndicatorAudit]
) -> Iterator[tuple[str, str, int, int]]:
    """Cells of categories and of the strata that they are, with both counts.

    Which stratum a category is, is told from the numbers: one too many costs a characteristic.
    """
    table, name = source.table, f"casemix:{source.variable}"
    for audit in audits:
        if audit.indicator != source.audit.indicator or audit.stratum == "all":
            continue
        inside = dict(zip(audit.table["center_id"].astype(str), audit.table["n"], strict=True))
        for level, rows in table.groupby(table["level"].astype(str), sort=True):
            pairs = [
                (str(c), round(float(n * mean)) if n else 0, round(float(inside[str(c)])))
                for c, n, mean in zip(rows["center_id"], rows["n"], rows["mean"], strict=True)
                if np.isfinite(inside.get(str(c), np.nan))
            ]
            for center, mine, theirs in pairs if level and _alike(pairs) else ():
                one = cell_id(source.analysis, center, name, str(level), "n")
                other = cell_id(audit.analysis, center, "outcome", "", "n")
                yield one, other, mine, theirs


ALIKE, FEW = 0.03, 10
"""Share of its rows, and rows of any one center, by which what is taken for the same may differ."""


def _alike(pairs: list[tuple[str, int, int]]) -> bool:
    apart = [abs(one - other) for _, one, other in pairs]
    whole = sum(other for *_, other in pairs)
    return bool(pairs) and sum(apart) <= ALIKE * whole and max(apart) < FEW
