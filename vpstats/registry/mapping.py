"""``registry.toml``: how the raw exports of each center map onto the schema.

The models below are at once the reader, its error messages and the published JSON Schema. A
mapping error names the file and the key, what was expected, and the nearest name where there is
one.
"""

from __future__ import annotations

import datetime as dt
import re
import tomllib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from vpstats.errors import MappingError
from vpstats.registry.fields import LASTING, TYPED_MISSING, allowed_fields, field_column, nearest
from vpstats.registry.mapping_errors import explain, refuse_export
from vpstats.registry.mapping_parts import Chosen, Days, Precision, Strict, Text, Texts, Zone
from vpstats.registry.quality_map import HospitalCount, QualityMap
from vpstats.registry.spine import parse_levels
from vpstats.registry.units import factor, known_units
from vpstats.schema import Column

_BY_SESSION = ({"procedure_id"}, {"patient_id", "proc_date"})
KEY_FIELDS: Mapping[str, tuple[set[str], ...]] = {
    "patients": ({"patient_id"},),
    "procedures": ({"patient_id", "proc_date"},),
    "levels": tuple({*session, "level"} for session in _BY_SESSION),
    "leaks": tuple({*session, "level", "modality", "site", "state"} for session in _BY_SESSION),
    "visits": ({"patient_id", "visit_date"},),
    "events": ({"patient_id", "event_type"},),
}
"""Fields without which the rows of a table have no name; any one of the sets will do."""

TableName = Literal["patients", "procedures", "levels", "leaks", "visits", "events"]
DateOrder = Literal["dmy", "mdy", "ymd"]


def _vertebra(value: str) -> str:
    levels = parse_levels(value).levels
    if len(levels) != 1:
        raise ValueError("names no single vertebra")
    return levels[0]


Vertebra = Annotated[str, AfterValidator(_vertebra)]

_CONFIRMED = "false: a proposal that is not read until a person has confirmed it."


class ColumnMap(Strict):
    """Where one canonical field comes from."""

    column: Text | None = Field(None, description="Raw column.")
    columns: tuple[Text, ...] = Field(
        (), description="Raw columns, by position in the exploded list."
    )
    value: str | None = Field(None, description="The same value for every row.")
    checkbox: Text | None = Field(
        None, description="Stem of REDCap checkbox columns, the part before ___."
    )
    unit: Text | None = Field(None, description="Unit of the raw numbers, if not the schema's.")
    unit_column: Text | None = Field(None, description="Raw column that holds each row's unit.")
    codes: dict[str, str] = Field(default_factory=dict, description="Raw code to canonical code.")
    date_order: DateOrder | None = Field(None, description="Order in numeric dates.")
    precision: Precision | None = Field(None, description="How exact days are, by a column.")
    latest_by: Text | None = Field(
        None, description="Raw column of days; of a patient's rows the latest speaks."
    )
    decimal: Literal[",", "."] | None = Field(None, description="Decimal mark of this column.")
    width: int | None = Field(
        None, ge=2, le=40, description="Digits of an identifier; zeros that it lost are put back."
    )
    confirmed: bool = Field(True, description=_CONFIRMED)

    @model_validator(mode="after")
    def _one_origin(self) -> ColumnMap:
        origins = [self.column, self.columns or None, self.value, self.checkbox]
        if sum(origin is not None for origin in origins) != 1:
            raise ValueError("needs exactly one of column, columns, value or checkbox")
        if self.unit is not None and self.unit_column is not None:
            raise ValueError("has both unit and unit_column; give one")
        return self

    @property
    def raw_columns(self) -> tuple[str, ...]:
        """Raw columns that it names, checkboxes aside."""
        exact = self.precision.column if self.precision is not None else None
        named = (self.column, *self.columns, self.unit_column, exact, self.latest_by)
        return tuple(name for name in named if name is not None)


def _as_column(value: object) -> object:
    return {"column": value} if isinstance(value, str) else value


class TableMap(Strict):
    """One canonical table that a source feeds."""

    name: TableName = Field(description="Canonical table.")
    where: dict[str, Chosen] = Field(
        default_factory=dict,
        description='Raw column to the values of the rows to take; "*" is any value; or days.',
    )
    explode: Texts = Field(
        (), description="Raw column that lists vertebrae (or columns, one vertebra each)."
    )
    ticked: dict[str, Vertebra] = Field(
        default_factory=dict, description="Raw column to the vertebra that a tick in it means."
    )
    confirmed: bool = Field(True, description=_CONFIRMED)
    columns: dict[str, Annotated[ColumnMap, BeforeValidator(_as_column)]] = Field(
        min_length=1, description="Canonical field to raw column."
    )

    @field_validator("explode", "ticked")
    @classmethod
    def _only_levels_explode(cls, value: Any, info: Any) -> Any:
        if value and info.data.get("name") not in ("levels", "leaks"):
            raise ValueError("only the tables levels and leaks have a row per vertebra")
        if value and info.data.get("explode") and info.field_name == "ticked":
            raise ValueError("has both explode and ticked; give one")
        return value

    @property
    def spread(self) -> tuple[str, ...]:
        """Raw columns that say which vertebrae a row is about, in their order."""
        return self.explode or tuple(self.ticked)

    def names_its_rows(self, fields: Collection[str]) -> bool:
        """Whether some fields are enough to name the rows."""
        given = {*fields, *(["level"] if self.spread else [])}
        waiting = {"patient_id", "proc_date"} & (set(self.columns) - given)
        if self.name == "procedures" and "procedure_id" in given and not waiting:
            return True  # another table of procedures says whose it is, and of which day
        return any(choice <= given for choice in KEY_FIELDS[self.name])

    @model_validator(mode="after")
    def _keys_given(self) -> TableMap:
        if self.names_its_rows(self.columns):
            return self
        ways = " or ".join(", ".join(sorted(choice)) for choice in KEY_FIELDS[self.name])
        if self.name == "procedures":
            ways += " (or procedure_id, where another table of procedures has these)"
        raise ValueError(f"table '{self.name}' needs the fields {ways} to name its rows")

    @model_validator(mode="after")
    def _fields_fit(self) -> TableMap:
        for field, column in self.columns.items():
            _check_field(self.name, field, column)
            if column.columns and not self.spread:
                raise ValueError(f"columns.{field}: columns = [...] needs explode or ticked")
        return self


class CenterMap(Strict):
    """The center of each row: the same for all, or from a raw column."""

    value: Text | None = None
    column: Text | None = None
    codes: dict[str, Text] = Field(default_factory=dict)
    confirmed: bool = Field(True, description=_CONFIRMED)

    @model_validator(mode="after")
    def _one_origin(self) -> CenterMap:
        if (self.value is None) == (self.column is None):
            raise ValueError('needs a name (center = "C01") or a column')
        return self


def _as_center(value: object) -> object:
    return value if isinstance(value, Mapping) or value is None else {"value": value}


Format = Literal["csv", "excel", "redcap", "parquet", "stata", "spss", "sas", "sql", "redcap_api"]
_ONLY_FOR: Mapping[str, tuple[str, ...]] = {
    "sheet": ("excel",),
    "fill_down": ("excel", "csv"),
    "catalog": ("sas",),
    "dictionary": ("redcap",),
    "url": ("sql", "redcap_api"),
    "password_env": ("sql",),
    "query": ("sql",),
    "from_table": ("sql",),
    "order_by": ("sql",),
    "token_env": ("redcap_api",),
}
"""Key of a source → the formats that it belongs to."""


class SourceMap(Strict):
    """One export: a file, a list of files or a pattern, or a database, and what it feeds."""

    name: Text = Field(description="Short name for findings.")
    file: Texts = Field(
        (), description="File, folder, zip, list or pattern, relative to registry.toml."
    )
    member: Texts = Field((), description="Patterns of the files to read in a zip or folder.")
    format: Format = "csv"
    sheet: Texts = Field((), description='Sheets of the workbook, "*" for all; the first if absent')
    header_row: int = Field(1, ge=1, description="Row that holds the column names.")
    header_rows: int = Field(1, ge=1, le=5, description="Rows that the column names span.")
    encoding: Text | None = None
    repair_encoding: bool = Field(
        False, description="Repair text that was written in one encoding and read in another."
    )
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] | None = None
    decimal: Literal[",", "."] | None = None
    thousands: Literal[",", ".", " ", "'"] | None = None
    date_order: DateOrder | None = None
    timezone: Zone | None = Field(None, description="Zone of the hospital, such as Europe/Zagreb.")
    missing_codes: (
        dict[Text, Literal["unknown", "not_done", "not_applicable", "missing"]] | None
    ) = Field(None, description="Code, in whatever column, to the kind of missing it stands for.")
    catalog: Text | None = Field(None, description="SAS catalog (.sas7bcat) with value labels.")
    dictionary: Text | None = Field(None, description="REDCap data dictionary, as CSV.")
    url: Text | None = Field(None, description="Database (SQLAlchemy) or REDCap API; no password.")
    password_env: Text | None = Field(
        None, description="Environment variable that holds the database password."
    )
    token_env: Text | None = Field(
        None, description="Environment variable that holds the REDCap token."
    )
    query: Text | None = Field(None, description="One SELECT with its ORDER BY.")
    from_table: Text | None = Field(None, description="Table or view to read, schema.name.")
    order_by: Texts = Field((), description="Columns that put the rows in one order.")
    fill_down: Texts = Field(
        (), description="Columns written in the first row of several; the first names the rows."
    )
    center: Annotated[CenterMap | None, BeforeValidator(_as_center)] = None
    tables: tuple[TableMap, ...] = Field(alias="table", min_length=1)

    @property
    def is_redcap(self) -> bool:
        """Whether the rows are those of a REDCap project."""
        return self.format in ("redcap", "redcap_api")

    @model_validator(mode="after")
    def _fits_format(self) -> SourceMap:
        for key, formats in _ONLY_FOR.items():
            if getattr(self, key) and self.format not in formats:
                known = "' or '".join(formats)
                raise ValueError(f"{key} is for format = '{known}'")
        if self.decimal is not None and self.decimal == self.thousands:
            raise ValueError("decimal and thousands are the same mark")
        named = self.center is not None or self.is_redcap
        if not named and not all("center_id" in table.columns for table in self.tables):
            raise ValueError('needs center = "..." or a center_id in each of its tables')
        return self

    @model_validator(mode="after")
    def _has_origin(self) -> SourceMap:
        if self.format == "sql":
            _check_database(self)
        elif self.format == "redcap_api":
            if self.url is None or self.token_env is None:
                raise ValueError("format = 'redcap_api' needs url and token_env")
        elif not self.file:
            raise ValueError('needs file = "..."')
        if self.file and self.format in ("sql", "redcap_api"):
            raise ValueError(f"format = '{self.format}' reads no file; remove file")
        return self


def _check_database(source: SourceMap) -> None:
    if source.url is None:
        raise ValueError("format = 'sql' needs url")
    if _SECRET_IN_URL.search(source.url):
        raise ValueError(
            "url holds a password; put it in an environment variable and name that in password_env"
        )
    if (source.query is None) == (source.from_table is None):
        raise ValueError("format = 'sql' needs exactly one of query and from_table")


# user:password@ or a parameter such as ?password=
_SECRET_IN_URL = re.compile(r"://[^/@]*:[^@]*@|[?&;](?:password|passwd|pwd|token|secret)=", re.I)


class DeidentifyMap(Strict):
    """What is taken out of the registry when it is read, before anything is analysed."""

    key_file: Text | None = Field(
        None, description="File that holds the key, outside the folder of registry.toml."
    )
    key_env: Text | None = Field(None, description="Environment variable that holds the key.")
    shift_days: int = Field(
        0, ge=0, le=3650, description="Move the days of each patient by up to this many; 0: none."
    )
    birth: Literal["age", "year"] = Field(
        "age", description="What stays of dates of birth: ages at procedures, or years."
    )
    free_text: bool = Field(False, description="Keep free text.")

    @model_validator(mode="after")
    def _one_key(self) -> DeidentifyMap:
        if (self.key_file is None) == (self.key_env is None):
            raise ValueError("needs exactly one of key_file and key_env")
        return self


def _in_calendar(day: dt.date) -> dt.date:
    if not 1900 <= day.year <= 2200:
        raise ValueError("lies outside 1900 to 2200")
    return day


class RegistryInfo(Strict):
    """The registry as a whole."""

    name: Text = Field(description="Name printed on the report.")
    synthetic: bool = Field(False, description="Whether the data are simulated.")
    data_cut: Annotated[dt.date, AfterValidator(_in_calendar)] = Field(
        description="Day of the exports; nothing lies after it."
    )
    consent: Literal["opt-out", "opt-in"] = "opt-out"
    confirmed: bool = Field(True, description="Whether a person has confirmed this table.")
    deidentify: DeidentifyMap | None = Field(
        None, description="Replace identifiers by keyed hashes when the registry is read."
    )


class RegistryMap(Strict):
    """A whole ``registry.toml``."""

    version: Literal[1]
    registry: RegistryInfo
    quality: QualityMap = Field(QualityMap(), description="The data-quality report.")
    sources: tuple[SourceMap, ...] = Field(alias="source", min_length=1)

    @field_validator("sources")
    @classmethod
    def _names_differ(cls, value: tuple[SourceMap, ...]) -> tuple[SourceMap, ...]:
        names = [source.name for source in value]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"two sources share a name: {', '.join(twice)}")
        return value


# ------------------------------------------------------------------ fields


def _check_field(table: str, field: str, column: ColumnMap) -> None:
    known = allowed_fields(table)
    if field not in known:
        raise ValueError(
            f"columns.{field}: table '{table}' has no field '{field}'.{nearest(field, known)}"
        )
    declared = field_column(table, field)
    if column.width is not None and field not in ("patient_id", "procedure_id"):
        raise ValueError(f"columns.{field}.width: only patient_id and procedure_id have a width")
    if column.precision is not None and (declared.kind != "date" or column.column is None):
        raise ValueError(f"columns.{field}.precision: only the column of a day has one")
    if column.latest_by is not None and (table != "patients" or field in LASTING):
        raise ValueError(
            f"columns.{field}.latest_by: only what changes about a patient has a latest value, "
            'such as status = { column = "Status", latest_by = "Visit date" }'
        )
    _check_codes(field, declared, column)
    if column.unit is not None and factor(declared.unit, column.unit) is None:
        raise ValueError(
            f"columns.{field}.unit: unit '{column.unit}' is not known for "
            f"{declared.unit or field}; known: {', '.join(known_units(declared.unit))}"
        )


def _check_codes(field: str, declared: Column, column: ColumnMap) -> None:
    if declared.kind not in ("category", "yes_no", "set"):
        return
    nothing = ("none",) if declared.kind == "set" else ()
    allowed = tuple(dict.fromkeys((*declared.codes, *nothing, *TYPED_MISSING)))
    targets = [*column.codes.values()]
    if column.value is not None:
        targets.append(column.value)
    for target in targets:
        if target not in allowed:
            raise ValueError(
                f"columns.{field}: '{target}' is not a code of {field}; "
                f"expected one of {', '.join(allowed)}.{nearest(target, allowed)}"
            )


# ------------------------------------------------------------------ reading


def read_mapping(path: str | Path) -> RegistryMap:
    """Read and check a ``registry.toml``.

    Parameters
    ----------
    path : str or Path
        The file, or the folder that holds it.

    Returns
    -------
    RegistryMap
        Frozen.

    Raises
    ------
    MappingError
        If the file is absent, is not TOML, or does not fit the schema; names the key.
    """
    file = find_mapping(path)
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8-sig"))
    except tomllib.TOMLDecodeError as error:
        raise MappingError(f"is not valid TOML: {error}.", file=file.name) from None
    except UnicodeDecodeError:
        raise MappingError("is not UTF-8 text; save it as UTF-8.", file=file.name) from None
    except (RecursionError, ValueError):  # brackets within brackets, a number of 5,000 digits
        raise MappingError(
            "is nested deeper, or has a longer number, than any mapping.", file=file.name
        ) from None
    return parse_mapping(content, file=file.name)


def find_mapping(path: str | Path) -> Path:
    """Path of the mapping that a file or folder names.

    Raises
    ------
    MappingError
        If there is none, or an export was named in its place.
    """
    given = Path(path)
    refuse_export(given)
    file = given / "registry.toml" if given.is_dir() else given
    if not file.is_file():
        raise MappingError(
            "no such file; expected a registry.toml or the folder that holds one.", file=given
        )
    return file


def parse_mapping(content: Mapping[str, Any], *, file: str = "registry.toml") -> RegistryMap:
    """Check the content of a mapping.

    Parameters
    ----------
    content : mapping
        As parsed from TOML.
    file : str
        Name for error messages.

    Returns
    -------
    RegistryMap
        Frozen.

    Raises
    ------
    MappingError
        Naming the first key that does not fit, and how many more there are.
    """
    try:
        return RegistryMap.model_validate(content)
    except ValidationError as error:
        raise MappingError(explain(error, content, _ALL_KEYS), file=file) from None


_ALL_KEYS: tuple[str, ...] = tuple(
    dict.fromkeys(
        info.alias or name
        for model in (
            RegistryMap,
            RegistryInfo,
            DeidentifyMap,
            QualityMap,
            HospitalCount,
            SourceMap,
            CenterMap,
            TableMap,
            Days,
            ColumnMap,
        )
        for name, info in model.model_fields.items()
    )
)
