"""Fields that a mapping may name: the columns of the schema, and what stands beside them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches

from vpstats.errors import MappingError
from vpstats.schema import YES_NO, Column, Table
from vpstats.schema_tables import LEAK_FIELDS, LEAK_SITES, MODALITIES, TABLES

TYPED_MISSING: Mapping[str, str] = {
    "unknown": "asked for, not known",
    "not_done": "not examined or not measured",
    "not_applicable": "cannot apply",
    "missing": "not recorded",
}
"""What a raw code may stand for besides the codes of its column."""

LASTING = frozenset(
    {"patient_id", "center_id", "birth_date", "birth_year", "sex", "age_at_proc"}
    | {"consent_research", "optout_date", "death_date"}
)
"""Fields of patients of which no later row knows better: rows that differ contradict."""

YEOM = ("b", "s", "c")
LEAK_SET_FIELDS: Mapping[str, str] = {f"leak_sites_{m}": m for m in MODALITIES}
"""Fields that list several leak sites in one cell, and their modality."""

_HELPERS: Mapping[str, tuple[str, ...]] = {
    "patients": ("age_at_proc",),
    "procedures": ("birth_date", "birth_year"),
    "levels": ("patient_id", "proc_date", "center_id", "yeom", *LEAK_SET_FIELDS, *LEAK_FIELDS),
    "leaks": ("patient_id", "procedure_id", "proc_date", "center_id", "level"),
    "visits": ("center_id",),
    "events": ("proc_date", "center_id"),
}
"""Fields that a mapping may use beside the columns of the table: keys of the table above it."""


def allowed_fields(table: str) -> tuple[str, ...]:
    """Fields that a mapping of a table may use.

    Examples
    --------
    >>> "leak_venous_ct" in allowed_fields("levels")
    True
    """
    return tuple(dict.fromkeys((*TABLES[table].names, *_HELPERS[table])))


def field_column(table: str, field: str) -> Column:
    """Declaration of a field, wide leak fields and helper keys included.

    Parameters
    ----------
    table : str
        Canonical table.
    field : str
        One of `allowed_fields(table)`.

    Returns
    -------
    Column
        How the field is typed.
    """
    if field in TABLES[table]:
        return TABLES[table][field]
    if field in LEAK_FIELDS:
        site, modality = LEAK_FIELDS[field]
        description = f"{LEAK_SITES[site]}; {MODALITIES[modality]}"
        return Column(field, "yes_no", description, codes=YES_NO)
    if field in LEAK_SET_FIELDS:
        return Column(field, "set", "Leak sites.", codes={**LEAK_SITES, "none": "no leak"})
    if field == "yeom":
        codes = {**{y: f"type {y.upper()}" for y in YEOM}, "none": "no leak"}
        return Column(field, "set", "Yeom types.", codes=codes)
    return _borrowed(field)


def _borrowed(field: str) -> Column:
    for name in ("patients", "procedures", "levels"):
        table: Table = TABLES[name]
        if field in table:
            return table[field]
    raise MappingError(f"no table declares the field '{field}'.")


def nearest(name: str, known: Iterable[str]) -> str:
    """A hint at the nearest known name, or nothing.

    Examples
    --------
    >>> nearest("cement", ["cement_ml", "level"])
    " Did you mean 'cement_ml'?"
    """
    close = get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f" Did you mean '{close[0]}'?" if close else ""
