"""What is wrong with a registry.toml, in words that name the key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from vpstats.registry.fields import nearest


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
