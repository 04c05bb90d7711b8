"""What is wrong with a registry.toml, in words that name the key."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pydantic import ValidationError

from vpstats.errors import MappingError
from vpstats.registry.fields import nearest

_EXPORTS = (
    *(".csv", ".tsv", ".txt", ".xlsx", ".xlsm", ".xlsb", ".xls", ".ods", ".parquet", ".dta"),
    *(".sav", ".zsav", ".sas7bdat", ".xpt", ".zip", ".db", ".sqlite", ".duckdb"),
)
"""How files end that hold data and can be mapped."""
_LOOKED_AT = 500

_PLACES: Mapping[str, str] = MappingProxyType(
    {
        "file": "at the top of the file, above [registry]",
        "registry": "below [registry]",
        "source": "below [[source]], above its first [[source.table]]",
        "table": "below [[source.table]], above its [source.table.columns]",
        "columns": "below [[source.table]], as [source.table.columns]",
        "field": "in the braces of a field, below [source.table.columns]",
    }
)
"""Part of a mapping → where its keys are written."""

_EXAMPLES: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "version": ("file", "version = 1"),
        "synthetic": ("registry", "synthetic = true"),
        "data_cut": ("registry", "data_cut = 2025-12-31"),
        "consent": ("registry", 'consent = "opt-in"'),
        "deidentify": ("registry", 'deidentify = { key_env = "KEY" }'),
        "file": ("source", 'file = "exports/a.csv"'),
        "member": ("source", 'member = "*.csv"'),
        "format": ("source", 'format = "excel"'),
        "sheet": ("source", 'sheet = "Sessions"'),
        "header_row": ("source", "header_row = 2"),
        "header_rows": ("source", "header_rows = 2"),
        "encoding": ("source", 'encoding = "cp1250"'),
        "repair_encoding": ("source", "repair_encoding = true"),
        "delimiter": ("source", 'delimiter = ";"'),
        "thousands": ("source", 'thousands = "."'),
        "decimal": ("source", 'decimal = ","'),
        "date_order": ("source", 'date_order = "dmy"'),
        "timezone": ("source", 'timezone = "Europe/Zagreb"'),
        "missing_codes": ("source", 'missing_codes = { "-999" = "unknown" }'),
        "catalog": ("source", 'catalog = "exports/formats.sas7bcat"'),
        "dictionary": ("source", 'dictionary = "exports/dictionary.csv"'),
        "url": ("source", 'url = "sqlite:///registry.db"'),
        "password_env": ("source", 'password_env = "REGISTRY_PASSWORD"'),
        "token_env": ("source", 'token_env = "REDCAP_TOKEN"'),
        "query": ("source", 'query = "SELECT * FROM sessions ORDER BY id"'),
        "from_table": ("source", 'from_table = "sessions"'),
        "order_by": ("source", 'order_by = "id"'),
        "fill_down": ("source", 'fill_down = ["Patient", "Date"]'),
        "center": ("source", 'center = "C01"'),
        "where": ("table", 'where = { complication = "yes" }'),
        "explode": ("table", 'explode = "Levels"'),
        "ticked": ("table", 'ticked = { "D11" = "T11", "L1" = "L1" }'),
        "column": ("field", 'sex = { column = "Sex" }'),
        "columns": ("columns", 'columns = { patient_id = "MBO" }'),
        "value": ("field", 'event_type = { value = "infection" }'),
        "checkbox": ("field", 'leak_sites_ct = { checkbox = "leakct" }'),
        "unit": ("field", 'crp_mg_l = { column = "CRP", unit = "mg/dL" }'),
        "precision": (
            "field",
            'event_date = { column = "Day", precision = { column = "Known", month = "M" } }',
        ),
        "latest_by": ("field", 'status = { column = "Status", latest_by = "Visit date" }'),
        "unit_column": ("field", 'crp_mg_l = { column = "CRP", unit_column = "unit" }'),
        "codes": ("field", 'sex = { column = "Sex", codes = { "W" = "f" } }'),
        "width": ("field", 'patient_id = { column = "MBO", width = 8 }'),
    }
)
"""Key that has one place → the part of a mapping that it belongs to, and how it is written."""


def refuse_export(path: Path, names: Sequence[str] = ("registry.toml",)) -> None:
    """Refuse an export, or a folder of exports, where its mapping is expected.

    Parameters
    ----------
    path : Path
        What was named.
    names : sequence of str
        Files of which a folder has to hold one.

    Raises
    ------
    MappingError
        Saying how to draft a mapping of it.
    """
    if path.is_file() and path.suffix.lower() in _EXPORTS:
        raise MappingError(
            "is an export, not the mapping of one; expected a registry.toml"
            f"{' or study.toml' if 'study.toml' in names else ''}. Draft one: vpstats map "
            f"{shlex.quote(str(path))} --out registry.toml",
            file=path,
        )
    if path.is_dir() and not any((path / name).is_file() for name in names):
        held = any(p.suffix.lower() in _EXPORTS for p in islice(path.rglob("*"), _LOOKED_AT))
        given = shlex.quote(str(path)) if held else "EXPORT"
        raise MappingError(
            f"this folder holds no {names[0]}. Draft one: vpstats map {given} --out "
            f"{shlex.quote(str(path / names[0]))}; 'vpstats new FOLDER' writes an example.",
            file=path,
        )


def explain(error: ValidationError, content: Mapping[str, Any], keys: Sequence[str]) -> str:
    """Say in one sentence which key does not fit and why.

    Parameters
    ----------
    error : ValidationError
        Of the mapping's models.
    content : mapping
        As parsed from TOML.
    keys : sequence of str
        Every key that is known, for a hint at a misspelling.

    Returns
    -------
    str
        The first problem, and how many more there are; no value of the file.
    """
    found = error.errors(include_url=False, include_input=False, include_context=False)
    # a list whose only item is faulty is also reported as empty: the item says what is wrong
    problems = [p for p in found if p["type"] != "too_short"] or found
    first = problems[0]
    place = _place(first["loc"], content)
    text = str(first["msg"]).removeprefix("Value error, ")
    key, separator, rest = text.partition(": ")
    kind, loc = str(first["type"]), first["loc"]
    if separator and key.startswith("columns."):
        place, text = f"{place}.{key}", rest
        if "has no field" in rest and key.removeprefix("columns.") in _EXAMPLES:
            kind, loc = "extra_forbidden", (*loc, *key.split("."))
    message = _message(kind, text, loc, keys)
    more = f" ({len(problems) - 1} more keys do not fit.)" if len(problems) > 1 else ""
    return f"key '{place}': {message}{more}" if place else f"{message}{more}"


def _message(kind: str, text: str, loc: tuple[int | str, ...], keys: Sequence[str]) -> str:
    as_field = len(loc) > 1 and loc[-2] == "columns"
    if (kind == "extra_forbidden" or as_field) and (elsewhere := _elsewhere(loc)):
        return elsewhere
    if kind == "extra_forbidden":
        return f"is not known here.{nearest(str(loc[-1]), keys)} Remove it or correct it."
    if kind == "missing":
        return "is missing; add it."
    plain = text[:1].lower() + text[1:]
    return plain if plain.endswith((".", "?")) else f"{plain}."


def _elsewhere(loc: tuple[int | str, ...]) -> str:
    """Where a key is written that does not belong where it stands; "" for one that is misspelt."""
    # below [source.table.columns] a key with a table of its own is taken for a field
    inside = loc[-2] if len(loc) > 2 and loc[-3] == "columns" else ""
    key = next((str(k) for k in (inside, loc[-1]) if k in _EXAMPLES), "")
    if not key:
        return ""
    part, example = _EXAMPLES[key]
    return f"does not belong here. Write it {_PLACES[part]}, such as: {example}"


def _place(loc: tuple[int | str, ...], content: Any) -> str:
    """A path a person can find: list positions become the names of what stands there."""
    parts: list[str] = []
    here = content
    for step in loc:
        here = _descend(here, step)
        if isinstance(step, int):
            name = here.get("name") if isinstance(here, Mapping) else None
            parts[-1:] = [f"{parts[-1]}[{name or step + 1}]"] if parts else [f"[{step + 1}]"]
        else:
            parts.append(str(step))
    return ".".join(parts)


def _descend(here: Any, step: int | str) -> Any:
    try:
        return here[step]
    except (KeyError, IndexError, TypeError):
        return None
