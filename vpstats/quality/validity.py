"""Validity: what cleaning changed, refused and doubted, per 100 records."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from vpstats.quality.measures import NETWORK, Row, members, row
from vpstats.quality.variables import centers_of, refused_keys
from vpstats.schema_tables import TABLES

if TYPE_CHECKING:
    from vpstats.registry import Registry

SECTION = "validity"
PER_100 = "per 100 records"
RECORDS = ("patients", "procedures", "levels", "visits", "events")
"""Tables whose rows are counted as records; leaks are findings at levels."""

SEVERITIES = {"error": "Errors found", "warning": "Warnings found", "info": "Notes found"}
"""Severity of a finding, and the words for a number of them."""


def validity(registry: Registry, centers: tuple[str, ...]) -> Iterator[Row]:
    """Errors, warnings, refused and changed values of every center, per 100 of its records.

    Those about a record whose center nobody knows count for the network alone; findings about a
    file or a column as a whole are about no record, and are counted by themselves.
    """
    records = _records(registry, centers)
    of_findings = _homes(places(registry, registry.findings), centers)
    about = _about_records(registry.findings)
    severe = registry.findings["severity"].to_numpy(object)
    for severity in SEVERITIES:
        yield from _rates(severity, SEVERITIES[severity], of_findings,
                          about & (severe == severity), records, centers)  # fmt: skip
    refused = _refused(registry)
    yield from _rates("refused", "Values refused", of_findings, refused, records, centers)
    changed = _changed(registry)
    of_changes = _homes(places(registry, registry.corrections), centers)
    yield from _rates("changed", "Values changed", of_changes, changed, records, centers)
    whole = float((~about).sum()) if records[NETWORK] else np.nan
    yield row(SECTION, "whole", NETWORK, label="Findings about whole files or columns, number",
              estimate=whole, unit="findings")  # fmt: skip


def _about_records(log: pd.DataFrame) -> np.ndarray:
    """Which rows of a log are about a record; the others are about a file or a column."""
    keyed = log["key"].astype(object).where(log["key"].notna(), "").astype(str) != ""
    return np.asarray((keyed | log["row"].notna()).to_numpy(bool))


def _homes(place: np.ndarray, centers: tuple[str, ...]) -> np.ndarray:
    """Centers of records; where there is but one center, that of all of them."""
    if len(centers) != 1:
        return place
    return np.where(pd.isna(place), centers[0], place)


def finding_counts(registry: Registry, centers: tuple[str, ...]) -> pd.DataFrame:
    """Count findings by group of rules, severity and center.

    Returns
    -------
    DataFrame
        ``center_id, group, severity, n, per_100, records``: findings about records, by groups and
        severities that fired anywhere, 0 where they did not at a center.
    """
    records = _records(registry, centers)
    log = registry.findings[_about_records(registry.findings)]
    group = _before(log["rule"], ".")
    severity = log["severity"].to_numpy(object)
    place = _homes(places(registry, log), centers)
    pairs = sorted(set(zip(group, severity, strict=True)), key=lambda p: _order(*p))
    rows = []
    for name, here in members(place, centers):
        for one, grave in pairs:
            n = int((here & (group == one) & (severity == grave)).sum())
            rows.append((name, one, grave, n, _per(n, records[name]), records[name]))
    columns = ["center_id", "group", "severity", "n", "per_100", "records"]
    return pd.DataFrame(rows, columns=columns)


def _order(group: str, severity: str) -> tuple[int, str]:
    return list(SEVERITIES).index(severity), group


def _per(n: int, records: int) -> float:
    return 100 * n / records if records else np.nan


def _rates(
    measure: str,
    label: str,
    place: np.ndarray,
    chosen: np.ndarray,
    records: dict[str, int],
    centers: tuple[str, ...],
) -> Iterator[Row]:
    for name, here in members(place, centers):
        n = int((here & chosen).sum())
        yield row(SECTION, measure, name, label=label, estimate=_per(n, records[name]),
                  unit=PER_100, n=records[name], n_events=n)  # fmt: skip


def _records(registry: Registry, centers: tuple[str, ...]) -> dict[str, int]:
    where = np.concatenate([centers_of(registry, t).to_numpy(object) for t in RECORDS])
    return {name: int(here.sum()) for name, here in members(_homes(where, centers), centers)}


def places(registry: Registry, log: pd.DataFrame) -> np.ndarray:
    """Center of each row of a log; None where it is about a file or a column as a whole.

    A row that was left out is in no table, and its key still begins with its center.
    """
    found = np.full(len(log), None, dtype=object)
    known = set(centers_of(registry, "procedures")) | set(centers_of(registry, "patients"))
    key = log["key"].astype(object).where(log["key"].notna(), "").astype(str)
    first = _before(key, "/")
    of_center = np.array([name in known for name in first], dtype=bool)
    found[of_center] = first[of_center]
    for table, declared in TABLES.items():
        own = (log["table"] == table).fillna(value=False).to_numpy(bool) & (key != "").to_numpy()
        if not own.any():
            continue
        names = registry.tables[table][declared.key[0]].astype(str).to_numpy(object)
        by_key = pd.Series(centers_of(registry, table).to_numpy(object), index=names)
        by_key = by_key[~by_key.index.duplicated()]
        at = key[own].map(by_key).to_numpy(object)
        found[own] = np.where(pd.isna(at), found[own], at)
    return found


def _before(texts: pd.Series, sign: str) -> np.ndarray:
    """What stands before a sign in each text."""
    return np.array([str(text).partition(sign)[0] for text in texts], dtype=object)


def _refused(registry: Registry) -> np.ndarray:
    """Findings about a cell that is empty now: what was written there was not usable.

    A cell of several findings counts once.
    """
    log = registry.findings
    chosen = pd.Series(False, index=log.index)
    for (table, field), part in log.groupby(["table", "field"]):
        if table not in TABLES or field not in TABLES[table] or table == "leaks":
            continue
        rows = registry.tables[table]
        empty = set(rows.loc[rows[field].isna(), TABLES[table].key[0]].astype(str))
        keys = empty & refused_keys(registry, str(table), str(field))
        first = part["key"].isin(keys) & ~part["key"].duplicated()
        chosen[part.index] = first
    return np.asarray(chosen.to_numpy(bool))


def _changed(registry: Registry) -> np.ndarray:
    """Corrections that gave a cell another meaning than its spelling had by itself."""
    log = registry.corrections
    missing = log["rule"].str.startswith("missing.").fillna(value=False)
    return np.asarray((~missing & (log["key"].fillna("") != "")).to_numpy(bool))
