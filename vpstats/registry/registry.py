"""The clean registry: six canonical tables, what was changed, what is doubtful."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape
from types import MappingProxyType

import pandas as pd

from vpstats.errors import UsageError
from vpstats.frames import FlowStep
from vpstats.registry.quality_map import QualityMap
from vpstats.schema_tables import TABLES

CORRECTION_COLUMNS = (
    "file",
    "row",
    "column",
    "table",
    "key",
    "field",
    "raw",
    "clean",
    "rule",
    "severity",
)
"""Columns of `Registry.corrections`: one row per value changed."""

FINDING_COLUMNS = (
    "severity",
    "rule",
    "file",
    "row",
    "column",
    "table",
    "key",
    "field",
    "message",
    "action",
)
"""Columns of `Registry.findings`: one row per doubt."""

SOURCE_COLUMNS = (
    "source",
    "file",
    "format",
    "sha256",
    "rows",
    "encoding",
    "delimiter",
    "decimal",
    "date_order",
)
"""Columns of `Registry.sources`: one row per file read."""


_CENTERS_SHOWN = 30
_GRAVITY = MappingProxyType({"error": "errors", "warning": "warnings", "info": "notes"})


@dataclass(frozen=True, slots=True)
class Treatment:
    """What became of a column when the registry was de-identified."""

    table: str
    field: str
    became: str


@dataclass(frozen=True, eq=False)
class Registry:
    """A registry after cleaning.

    Parameters
    ----------
    patients, procedures, levels, leaks, visits, events : DataFrame
        Canonical tables, exactly as ``TABLES[name].canonical`` gives them.
    corrections : DataFrame
        Every value changed: ``file, row, column, table, key, field, raw, clean, rule, severity``.
        Rows are counted as a spreadsheet does; values of identifying columns are masked.
    findings : DataFrame
        Every doubt: ``severity, rule, file, row, column, table, key, field, message, action``.
    sources : DataFrame
        Every file read, with its SHA-256, rows, encoding and delimiter.
    exclusions : tuple of FlowStep
        From everything read to what is analysed; opt-outs first.
    name : str
        Name printed on reports.
    synthetic : bool
        Whether the data are simulated.
    data_cut : Timestamp
        Day of the exports.
    consent : {"opt-out", "opt-in"}
        The rule by which patients stayed.
    deidentified : tuple of Treatment
        What became of each column that can identify; empty if nothing was done.
    quality : QualityMap
        What the data-quality report asks for, and what hospitals counted.
    shifted_days : int
        Days by which the dates of a patient may have been moved, all alike; 0 if they are true.

    Examples
    --------
    >>> from vpstats.schema_tables import TABLES
    >>> tables = {name: table.empty() for name, table in TABLES.items()}
    >>> Registry.from_tables(tables, name="Empty", data_cut="2025-12-31").procedures.empty
    True
    """

    patients: pd.DataFrame
    procedures: pd.DataFrame
    levels: pd.DataFrame
    leaks: pd.DataFrame
    visits: pd.DataFrame
    events: pd.DataFrame
    corrections: pd.DataFrame
    findings: pd.DataFrame
    sources: pd.DataFrame
    exclusions: tuple[FlowStep, ...]
    name: str
    synthetic: bool
    data_cut: pd.Timestamp
    consent: str = "opt-out"
    deidentified: tuple[Treatment, ...] = ()
    shifted_days: int = 0
    quality: QualityMap = field(default_factory=QualityMap)

    @classmethod
    def from_tables(
        cls,
        tables: Mapping[str, pd.DataFrame],
        *,
        name: str,
        data_cut: object,
        synthetic: bool = False,
        consent: str = "opt-out",
    ) -> Registry:
        """Build a registry from tables that are already canonical.

        Consent is honoured, derived fields that are missing are filled and every check is made;
        no value is changed.

        Parameters
        ----------
        tables : mapping of str to DataFrame
            Canonical tables by name; absent ones are empty.
        name : str
            Name printed on reports.
        data_cut : date-like
            Last day that the data can know of.
        synthetic : bool
            Whether the data are simulated.
        consent : {"opt-out", "opt-in"}
            Who stays: those who did not opt out, or only those who consented.

        Returns
        -------
        Registry
            Validated.

        Raises
        ------
        UsageError
            If a table or column is not declared.
        DataError
            If a table breaks the schema: a code, a hard range, a missing key.
        """
        from vpstats.registry.read import from_tables

        return from_tables(
            tables, name=name, data_cut=data_cut, synthetic=synthetic, consent=consent
        )

    def __repr__(self) -> str:
        # in brief: rows of patients are not printed by accident
        sizes = ", ".join(f"{name} {len(table):,}" for name, table in self.tables.items())
        return f"<Registry {self.name}: {sizes}; findings {len(self.findings):,}>"

    def _repr_html_(self) -> str:
        """Counts for a notebook: centers, rows of each table, findings; no value of a patient."""
        sizes = pd.DataFrame({name: [len(table)] for name, table in self.tables.items()})
        counts = {n: self.tables[n]["center_id"].value_counts() for n in ("patients", "procedures")}
        centers = pd.DataFrame(counts).fillna(0).astype(int).sort_index()
        centers.index.name = "center"
        more = max(len(centers) - _CENTERS_SHOWN, 0)
        graves = self.findings["severity"].value_counts()
        said = [f"{graves.get(grave, 0):,} {word}" for grave, word in _GRAVITY.items()]
        return (
            f"<div><p><b>{escape(self.name)}</b>{', synthetic' if self.synthetic else ''}, data "
            f"cut {self.data_cut.date().isoformat()}</p>{sizes.to_html(index=False, border=0)}"
            f"{centers.iloc[:_CENTERS_SHOWN].reset_index().to_html(index=False, border=0)}"
            f"<p>{f'and {more:,} more centers<br>' if more else ''}findings: {', '.join(said)}; "
            f"corrections: {len(self.corrections):,}<br>the rows are <code>.patients</code>, "
            "<code>.procedures</code> …, what is doubtful <code>.findings</code></p></div>"
        )

    @property
    def over_by(self) -> pd.Timestamp:
        """Day before which time has surely passed for everybody, however dates were moved."""
        return self.data_cut - pd.Timedelta(days=2 * self.shifted_days)

    def require_true_dates(self, what: str) -> None:
        """Refuse what needs the order of days between patients.

        Raises
        ------
        UsageError
            If dates were moved, each patient's by other days.
        """
        if self.shifted_days:
            raise UsageError(
                f"{what} needs days in calendar order, and this registry has its dates moved by "
                f"up to {self.shifted_days} days per patient. Read it without shift_days in "
                "[registry.deidentify]."
            )

    @property
    def tables(self) -> dict[str, pd.DataFrame]:
        """The six tables by name."""
        return {name: getattr(self, name) for name in TABLES}
