"""The clean registry: six canonical tables, what was changed, what is doubtful."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

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
