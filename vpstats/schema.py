"""The registry, declared once: tables, columns, types, units, codes, ranges, descriptions.

Validation, the simulator, the mapping of exports and the data dictionary are all derived from the
declarations in this module and its sibling `vpstats.schema_tables`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

import pandas as pd

from vpstats.errors import UsageError

if TYPE_CHECKING:
    import pandera.pandas as pa

Kind = Literal["string", "category", "yes_no", "set", "integer", "number", "date"]
Role = Literal["key", "identifier", "birth", "free_text", "value", "derived"]
Range = tuple[float, float]

YES_NO: Mapping[str, str] = MappingProxyType(
    {
        "yes": "yes",
        "no": "no",
        "unknown": "asked for, not known",
        "not_done": "not examined or not measured",
        "not_applicable": "cannot apply to this row",
    }
)
"""Codes of every yes/no column; a blank cell is missing (not recorded), none of these."""

SET_SEPARATOR = ";"
"""Between the codes of a column of kind "set"."""


@dataclass(frozen=True, slots=True)
class Column:
    """One canonical column.

    Parameters
    ----------
    name : str
        Canonical name; ends in the unit where there is one (``cement_ml``).
    kind : str
        "string", "category", "yes_no", "set" (codes joined by ";"), "integer", "number", "date".
    description : str
        One sentence for the data dictionary.
    unit : str
        Unit of measurement, "" where there is none.
    codes : mapping of str to str
        Code to meaning, for categories and sets, in their order.
    hard : pair of float, optional
        Values outside cannot be: they are set missing and recorded.
    warn : pair of float, optional
        Values outside are doubtful: they are kept and reported.
    role : str
        "key", "identifier" (never shown), "birth", "free_text", "value" or "derived".
    required : bool
        Whether a row without it cannot be used.
    ordered : bool
        Whether the codes are an order.
    """

    name: str
    kind: Kind
    description: str
    unit: str = ""
    codes: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    hard: Range | None = None
    warn: Range | None = None
    role: Role = "value"
    required: bool = False
    ordered: bool = False

    @property
    def dtype(self) -> object:
        """The pandas dtype of the canonical form."""
        if self.kind in ("category", "yes_no"):
            return pd.CategoricalDtype(list(self.codes), ordered=self.ordered)
        return _DTYPES[self.kind]

    @property
    def masked(self) -> bool:
        """Whether its values must never be shown: identifiers, dates of birth, free text."""
        return self.role in ("identifier", "birth", "free_text")


_DTYPES: Mapping[str, str] = MappingProxyType(
    {
        "string": "string",
        "set": "string",
        "integer": "Int64",
        "number": "Float64",
        "date": "datetime64[ns]",
    }
)


@dataclass(frozen=True)
class Table:
    """One canonical table.

    Parameters
    ----------
    name : str
        Canonical name.
    row : str
        What one row is.
    key : tuple of str
        Columns that together name a row.
    columns : tuple of Column
        Its columns, in their order.
    """

    name: str
    row: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]

    def __iter__(self) -> Iterator[Column]:
        return iter(self.columns)

    def __getitem__(self, name: str) -> Column:
        for column in self.columns:
            if column.name == name:
                return column
        raise UsageError(f"table '{self.name}' has no column '{name}'.")

    def __contains__(self, name: object) -> bool:
        return any(column.name == name for column in self.columns)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns, in order."""
        return tuple(column.name for column in self.columns)

    def empty(self) -> pd.DataFrame:
        """A frame without rows in canonical types."""
        return self.canonical(pd.DataFrame(columns=list(self.names)))

    def canonical(self, data: pd.DataFrame) -> pd.DataFrame:
        """Give clean values their canonical columns, order and types.

        Parameters
        ----------
        data : DataFrame
            Values that are already canonical; absent columns become missing.

        Returns
        -------
        DataFrame
            A new frame with exactly the columns of the table.

        Raises
        ------
        UsageError
            If the data hold a column that the table does not declare.
        """
        extra = [str(c) for c in data.columns if c not in self]
        if extra:
            raise UsageError(f"table '{self.name}' does not declare: {', '.join(extra)}.")
        columns = {
            column.name: data[column.name].astype(column.dtype)
            if column.name in data
            else pd.Series(pd.NA, data.index, dtype=column.dtype)
            for column in self
        }
        return pd.DataFrame(columns, index=data.index).reset_index(drop=True)


def yes_no(name: str, description: str, role: Role = "value") -> Column:
    """Declare a yes/no column with the shared codes."""
    return Column(name, "yes_no", description, codes=YES_NO, role=role)


def category(
    name: str,
    codes: Mapping[str, str] | Iterable[str],
    description: str,
    *,
    kind: Kind = "category",
    role: Role = "value",
    required: bool = False,
    ordered: bool = False,
) -> Column:
    """Declare a category or set; codes without a meaning read as themselves."""
    meanings = (
        dict(codes) if isinstance(codes, Mapping) else {c: c.replace("_", " ") for c in codes}
    )
    return Column(
        name,
        kind,
        description,
        codes=MappingProxyType(meanings),
        role=role,
        required=required,
        ordered=ordered,
    )


def number(
    name: str,
    unit: str,
    description: str,
    hard: Range,
    warn: Range | None = None,
    *,
    integer: bool = False,
    role: Role = "value",
) -> Column:
    """Declare a number with its unit, its possible and its plausible range."""
    kind: Kind = "integer" if integer else "number"
    return Column(name, kind, description, unit=unit, hard=hard, warn=warn, role=role)


def text(name: str, description: str, role: Role = "value", *, required: bool = False) -> Column:
    """Declare a text column."""
    return Column(name, "string", description, role=role, required=required)


def date(name: str, description: str, role: Role = "value", *, required: bool = False) -> Column:
    """Declare a date."""
    return Column(name, "date", description, unit="date", role=role, required=required)


def pandera_schema(table: Table) -> pa.DataFrameSchema:
    """Derive the pandera schema of a canonical table: types, codes, hard ranges, unique key.

    Parameters
    ----------
    table : Table
        A canonical table.

    Returns
    -------
    pandera DataFrameSchema
        ``schema.validate(frame, lazy=True)`` lists every break.
    """
    import pandera.pandas as pa

    columns = {c.name: _pandera_column(c) for c in table}
    return pa.DataFrameSchema(columns, strict=True, unique=list(table.key), name=table.name)


def _pandera_column(column: Column) -> pa.Column:
    import pandera.pandas as pa

    checks = []
    if column.hard is not None:
        checks.append(pa.Check.in_range(*column.hard))
    if column.kind == "set":
        allowed = set(column.codes)
        checks.append(
            pa.Check(
                lambda value, allowed=allowed: set(value.split(SET_SEPARATOR)) <= allowed,
                element_wise=True,
                name="codes",
            )
        )
    return pa.Column(column.dtype, checks, nullable=not column.required)


def dictionary_markdown(tables: Collection[Table]) -> str:
    """Write the data dictionary as Markdown, from the declarations.

    Examples
    --------
    >>> from vpstats.schema_tables import TABLES
    >>> dictionary_markdown(TABLES.values()).splitlines()[0]
    '# Data dictionary'
    """
    lines = ["# Data dictionary", ""]
    for table in tables:
        lines += [
            f"## {table.name}",
            "",
            f"One row per {table.row}. Key: {', '.join(table.key)}.",
            "",
        ]
        lines += ["| column | type | unit | possible (plausible) | codes | description |"]
        lines += ["|---|---|---|---|---|---|"]
        lines += [_dictionary_row(column) for column in table]
        lines.append("")
    return "\n".join([*lines, *_code_lines(tables)])


def _code_lines(tables: Iterable[Table]) -> list[str]:
    """Explain the shared yes/no codes, then every code that does not explain itself."""
    shared = [f"| yes/no | `{code}` | {meaning} |" for code, meaning in YES_NO.items()]
    own = [
        f"| `{column.name}` | `{code}` | {meaning} |"
        for table in tables
        for column in table
        if column.kind in ("category", "set")
        for code, meaning in column.codes.items()
        if meaning != code.replace("_", " ")
    ]
    return [
        "## Codes",
        "",
        "Codes that do not explain themselves. A blank cell is missing: not recorded.",
        "",
        "| column | code | meaning |",
        "|---|---|---|",
        *shared,
        *own,
        "",
    ]


def _dictionary_row(column: Column) -> str:
    cells = [
        f"`{column.name}`{' (required)' if column.required else ''}",
        column.kind.replace("_", "/"),
        column.unit,
        _range_text(column),
        ", ".join(f"`{c}`" for c in column.codes) if column.kind != "yes_no" else "yes/no codes",
        column.description,
    ]
    return f"| {' | '.join(cells)} |"


def _range_text(column: Column) -> str:
    if column.hard is None:
        return ""
    hard = "{:g} to {:g}".format(*column.hard)
    return hard if column.warn is None else "{} ({:g} to {:g})".format(hard, *column.warn)
