"""What is wrong with a registry.toml, in words that name the key."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path
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
    if separator and key.startswith("columns."):
        place, text = f"{place}.{key}", rest
    message = _message(str(first["type"]), text, first["loc"], keys)
    more = f" ({len(problems) - 1} more keys do not fit.)" if len(problems) > 1 else ""
    return f"key '{place}': {message}{more}" if place else f"{message}{more}"


def _message(kind: str, text: str, loc: tuple[int | str, ...], keys: Sequence[str]) -> str:
    if kind == "extra_forbidden":
        return f"is not known here.{nearest(str(loc[-1]), keys)} Remove it or correct it."
    if kind == "missing":
        return "is missing; add it."
    plain = text[:1].lower() + text[1:]
    return plain if plain.endswith((".", "?")) else f"{plain}."


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
