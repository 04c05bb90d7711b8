"""Raw exports of several centers to one clean registry.

From the ground up: `spine`, `units`, `lexicon`, `numbers` and `dates` read text; `mapping` says
which raw column means what; `sources` opens files; `cleaning` turns text columns into typed ones;
`assemble` makes tables and keys of them; `checks` compares fields and tables; `read` is the whole
way. Names below are loaded when they are first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vpstats.registry.against import compare_registries
    from vpstats.registry.mapping import read_mapping
    from vpstats.registry.mapping_schema import registry_json_schema
    from vpstats.registry.read import load_demo, read_registry
    from vpstats.registry.registry import Registry
    from vpstats.registry.rules import RULES

_PUBLIC = {
    "RULES": "rules",
    "Registry": "registry",
    "compare_registries": "against",
    "load_demo": "read",
    "read_mapping": "mapping",
    "read_registry": "read",
    "registry_json_schema": "mapping_schema",
}

__all__ = [
    "RULES",
    "Registry",
    "compare_registries",
    "load_demo",
    "read_mapping",
    "read_registry",
    "registry_json_schema",
]


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'vpstats.registry' has no attribute '{name}'")
    return getattr(import_module(f"vpstats.registry.{_PUBLIC[name]}"), name)
