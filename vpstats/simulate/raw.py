"""Raw exports in memory: text as it will be written, and what every cell stands for."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from vpstats.schema_tables import LEAK_FIELDS
from vpstats.simulate.spec import SITES
from vpstats.simulate.wording import Dialect, declared

KEYS = {
    "patients": "patient_id",
    "procedures": "procedure_id",
    "levels": "level_id",
    "visits": "visit_id",
    "events": "event_id",
}
"""Canonical table to the column that names its rows."""


@dataclass(frozen=True, slots=True)
class Origin:
    """What a raw column holds.

    Parameters
    ----------
    table, field : str
        Canonical table and field.
    slot : str
        Column of `Sheet.keys` that names the canonical row; the table unless a row of the
        export stands for several canonical rows ("levels#2").
    """

    table: str
    field: str
    slot: str


@dataclass
class Sheet:
    """One raw table of an export.

    Parameters
    ----------
    source : str
        Name of the source in registry.toml.
    file : str
        Path relative to registry.toml.
    dialect : Dialect
        How it is written.
    text : DataFrame
        Cells as text, "" where blank; labels of the index stay with their row.
    origin : dict of str to Origin
        Raw column to what it holds; columns that no canonical field comes from are absent.
    keys : DataFrame
        Per row and slot the canonical key; "" where the row holds none.
    sheet : str
        Sheet of the workbook, "" for a text file.
    """

    source: str
    file: str
    dialect: Dialect
    text: pd.DataFrame
    origin: dict[str, Origin]
    keys: pd.DataFrame
    sheet: str = ""
    checkboxes: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def columns_of(self, table: str, name: str) -> list[str]:
        """Raw columns that hold a canonical field."""
        return [c for c, o in self.origin.items() if (o.table, o.field) == (table, name)]

    def row_numbers(self) -> pd.Series:
        """Number of each row as a spreadsheet counts, by label; the header is row 1."""
        return pd.Series(np.arange(len(self.text)) + 2, index=self.text.index)


def render(
    data: pd.DataFrame, table: str, columns: dict[str, str], dialect: Dialect
) -> pd.DataFrame:
    """Write canonical columns as text.

    Parameters
    ----------
    data : DataFrame
        Canonical values, columns named by field.
    table : str
        Table that declares the fields.
    columns : dict of str to str
        Field to raw column.
    dialect : Dialect
        How to write.

    Returns
    -------
    DataFrame
        Text, columns named as in the export, rows as in `data`.
    """
    written = {}
    for name, raw in columns.items():
        column, values = declared(table, name), data[name]
        known = values.notna().to_numpy()
        # equal values are written once: a column has far fewer values than rows
        words = {v: dialect.write(column, v) for v in pd.unique(values[known])}
        written[raw] = [words[v] if k else "" for v, k in zip(values, known, strict=True)]
    return pd.DataFrame(written, index=data.index, dtype=object)


def with_limits(text: pd.DataFrame, data: pd.DataFrame, columns: dict[str, str]) -> pd.DataFrame:
    """Put the sign of a limit before laboratory values that are one ("<5")."""
    for value, limit in (("crp_mg_l", "crp_limit"), ("pct_ng_ml", "pct_limit")):
        raw = columns.get(value)
        if raw is not None:
            below = data[limit].eq("below").fillna(value=False).to_numpy()
            text[raw] = np.where(below, "<" + text[raw], text[raw])
    return text


def leak_lists(leaks: pd.DataFrame) -> pd.DataFrame:
    """Leaks by level as exports hold them: wide yes/no fields, and lists of sites.

    Parameters
    ----------
    leaks : DataFrame
        Canonical leaks.

    Returns
    -------
    DataFrame
        Indexed by `level_id`: `leak_<site>_<modality>` ("yes", "no", missing) and
        `leak_sites_<modality>` (sites joined by ";", "none", missing where not assessed).
    """
    said = leaks["state"].astype(object).map({"present": "yes", "absent": "no"})
    name = "leak_" + leaks["site"].astype(str) + "_" + leaks["modality"].astype(str)
    long = pd.DataFrame({"level_id": leaks["level_id"].astype(object), "name": name, "said": said})
    wide = long.pivot(index="level_id", columns="name", values="said")
    wide = wide.reindex(columns=list(LEAK_FIELDS))
    for modality in ("fluoro", "ct"):
        wide[f"leak_sites_{modality}"] = _site_list(
            wide.reindex(columns=[f"leak_{site}_{modality}" for site in SITES])
        )
    return wide


def _site_list(wide: pd.DataFrame) -> list[object]:
    lists: list[object] = []
    for row in wide.itertuples(index=False):
        found = ";".join(n for n, said in zip(SITES, row, strict=True) if said == "yes")
        assessed = any(isinstance(said, str) for said in row)
        lists.append((found or "none") if assessed else None)
    return lists


def yeom_list(levels: pd.DataFrame) -> list[object]:
    """Yeom's types in one cell: "b;s", "none", or missing where there was no CT."""
    lists: list[object] = []
    for row in levels[["yeom_b", "yeom_s", "yeom_c"]].astype(object).itertuples(index=False):
        found = ";".join(k for k, said in zip("bsc", row, strict=True) if said == "yes")
        lists.append((found or "none") if any(isinstance(s, str) for s in row) else None)
    return lists
