"""JSON Schema of ``registry.toml``, for editors that check while one writes."""

from __future__ import annotations

from typing import Any

from vpstats.registry.fields import allowed_fields
from vpstats.registry.mapping import RegistryMap
from vpstats.schema_tables import TABLES


def registry_json_schema() -> dict[str, Any]:
    """JSON Schema of ``registry.toml``, derived from the models and the data dictionary.

    Returns
    -------
    dict
        Draft 2020-12; editors complete keys and canonical fields from it.

    Examples
    --------
    >>> registry_json_schema()["title"]
    'vpstats registry.toml'
    """
    schema = RegistryMap.model_json_schema(by_alias=True)
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["title"] = "vpstats registry.toml"
    _allow_single(schema["$defs"])
    center = schema["$defs"]["SourceMap"]["properties"]["center"]
    center["anyOf"] = [{"type": "string"}, *center["anyOf"]]
    schema["$defs"]["TableMap"]["allOf"] = [_fields_of(name) for name in TABLES]
    return schema


def _allow_single(defs: dict[str, Any]) -> None:
    """Where the models take a list or one text, let the schema say so."""
    for model, key in (
        ("SourceMap", "file"),
        ("SourceMap", "member"),
        ("SourceMap", "sheet"),
        ("SourceMap", "order_by"),
        ("TableMap", "explode"),
    ):
        plain = defs[model]["properties"][key]
        description = plain.pop("description", "")
        defs[model]["properties"][key] = {
            "anyOf": [{"type": "string"}, plain],
            "description": description,
        }
    for key in ("where", "columns"):
        mapped = defs["TableMap"]["properties"][key]
        mapped["additionalProperties"] = {
            "anyOf": [{"type": "string"}, mapped["additionalProperties"]]
        }


def _fields_of(table: str) -> dict[str, Any]:
    names = {"propertyNames": {"enum": list(allowed_fields(table))}}
    return {
        "if": {"properties": {"name": {"const": table}}},
        "then": {"properties": {"columns": names}},
    }
