"""Small exports with their registry.toml, written from sources, tables and columns, and read."""

from __future__ import annotations

import json
import re
from pathlib import Path

from vpstats.registry import read_registry
from vpstats.registry.registry import Registry


def toml(value: object) -> str:
    """A value as TOML writes it: inline tables and lists, texts, switches, numbers and days."""
    if isinstance(value, dict):
        pairs = (f"{_key(key)} = {toml(held)}" for key, held in value.items())
        return f"{{ {', '.join(pairs)} }}"
    if isinstance(value, list):
        return f"[{', '.join(map(toml, value))}]"
    if isinstance(value, str | bool):
        return json.dumps(value, ensure_ascii=False)
    return str(value)


def _key(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else toml(key)


def _lines(**keys: object) -> str:
    return "".join(f"{key} = {toml(held)}\n" for key, held in keys.items() if held is not None)


OF_A_TABLE = ("where", "explode", "ticked")
"""What is said of a table itself; every other key is a field."""


def table(name: str, **keys: object) -> str:
    """A table of a source: field → header, or what else an entry of the columns holds."""
    own = {key: keys.pop(key) for key in OF_A_TABLE if key in keys}
    return f"[[source.table]]\n{_lines(name=name, **own, columns=keys)}"


def source(name: str, *tables: str, center: object = "A", **keys: object) -> str:
    """A source with its tables; it reads ``<name>.csv`` unless `keys` name a file or database."""
    if not keys.keys() & {"file", "url"}:
        keys = {"file": f"{name}.csv", **keys}
    return f"[[source]]\n{_lines(name=name, **keys, center=center)}{''.join(tables)}"


def write_mapping(folder: Path, sources: str, *, data_cut: str = "2024-06-30") -> None:
    """Write registry.toml with these sources."""
    head = f'version = 1\n[registry]\nname = "x"\ndata_cut = {data_cut}\n'
    (folder / "registry.toml").write_text(head + sources, encoding="utf-8")


def read_export(
    folder: Path, sources: str, *, data_cut: str = "2024-06-30", **files: str
) -> Registry:
    """Write ``<name>.csv`` for each of `files` and registry.toml, and read them."""
    for name, text in files.items():
        (folder / f"{name}.csv").write_text(text, encoding="utf-8")
    write_mapping(folder, sources, data_cut=data_cut)
    return read_registry(folder)
