"""What a plan that does not fit says: the question by its id, the key, and what to write."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from vpstats.errors import did_you_mean
from vpstats.study.audit import Audit, Indicator
from vpstats.study.questions import AnyQuestion, Floors, Release

_LISTS = ("question", "indicator", "claim", "not_testable")


def explain_plan(error: ValidationError, content: Mapping[str, Any]) -> Iterator[str]:
    """Explain each fault of a plan in a line.

    Parameters
    ----------
    error : ValidationError
        What the schema says.
    content : mapping
        The plan as it was read, for the ids of its questions.

    Yields
    ------
    str
        Where, what is wrong, and what to write.
    """
    for problem in error.errors(include_url=False):
        where = _where(problem["loc"], content)
        what = _what(problem, content)
        yield f"{where}: {what}" if where else what


def explain_toml(error: Exception) -> str:
    """Say what a text that is no TOML most often lacks.

    Examples
    --------
    >>> explain_toml(ValueError("Invalid value (at line 3, column 9)"))
    "Text stands in quotes, title = 'Age'; lists stand in square brackets."
    """
    said = str(error)
    if said.startswith("Cannot declare"):
        return "What may come several times stands in double brackets: [[question]]."
    if said.startswith("Expected '=' after a key"):
        return "Expected a study.toml of lines such as title = 'Leakage'; is it another file?"
    if said.startswith(("Invalid value", "Illegal character", "Unterminated")):
        return "Text stands in quotes, title = 'Age'; lists stand in square brackets."
    return ""


def _where(loc: tuple[int | str, ...], content: Mapping[str, Any]) -> str:
    """Name the block as the plan does, and the key in it."""
    if len(loc) > 1 and loc[0] in _LISTS and isinstance(loc[1], int):
        block = _block(loc, content)
        name = block.get("id") or block.get("claim")
        shown = f"'{name}'" if isinstance(name, str) else f"number {loc[1] + 1}"
        rest = [part for part in loc[2:] if part not in _KINDS]
        return f"{loc[0]} {shown}{', ' if rest else ''}{_path(rest)}"
    return _path(loc)


def _block(loc: tuple[int | str, ...], content: Mapping[str, Any]) -> Mapping[str, Any]:
    blocks = content.get(str(loc[0]))
    found = blocks[loc[1]] if isinstance(blocks, list) and isinstance(loc[1], int) else {}
    return found if isinstance(found, dict) else {}


def _path(parts: Any) -> str:
    return ".".join(str(part) for part in parts)


def _what(problem: Any, content: Mapping[str, Any]) -> str:
    kind, given = problem["type"], problem.get("input")
    if kind == "extra_forbidden":
        return _unknown_key(problem["loc"], content)
    if kind == "missing":
        return "is required"
    if kind in ("union_tag_invalid", "union_tag_not_found"):
        return _unknown_kind(given)
    if kind in ("tuple_type", "list_type") and not isinstance(given, dict | list):
        return f"expected a list in square brackets, such as [{json.dumps(given, default=str)}]"
    if kind == "string_pattern_mismatch":
        return f"{given!r} is no name; use letters without accents, digits and underscores" + (
            ", in lower case" if "A-Z" not in problem["ctx"]["pattern"] else ""
        )
    message = str(problem["msg"]).removeprefix("Value error, ")
    short = isinstance(given, str | int | float) and kind != "value_error"
    return f"{message}, not {json.dumps(given)}" if short else message


def _unknown_key(loc: tuple[int | str, ...], content: Mapping[str, Any]) -> str:
    hint = did_you_mean(str(loc[-1]), _known_keys(loc, content))
    return f"unknown key; {hint or 'docs/analysis-plan.md lists the keys'}"


def _known_keys(loc: tuple[int | str, ...], content: Mapping[str, Any]) -> list[str]:
    """Keys of the block in which a key was not known; none below the level of a block."""
    if len(loc) == 1:
        return [*_BLOCKS, "version", "title", "description", "registry", "level", *_LISTS]
    if loc[0] == "question":
        model = _KINDS.get(str(_block(loc, content).get("kind")))
        return list(model.model_fields) if model and len(loc) == 4 else []
    block = _BLOCKS.get(str(loc[0])) if len(loc) == 2 else None
    if loc[0] == "indicator" and len(loc) == 3:
        block = Indicator
    return list(block.model_fields) if block else []


def _unknown_kind(given: Any) -> str:
    kind = given.get("kind") if isinstance(given, dict) else None
    listed = f"known kinds: {', '.join(_KINDS)}"
    if kind is None:
        return f"needs a kind; {listed}"
    hint = did_you_mean(str(kind), _KINDS)
    return f"there is no kind '{kind}'; {f'{hint} ' if hint else ''}{listed}"


_BLOCKS: Mapping[str, type[BaseModel]] = {"floors": Floors, "release": Release, "audit": Audit}

_KINDS: Mapping[str, type[BaseModel]] = {
    get_args(model.model_fields["kind"].annotation)[0]: model
    for model in get_args(get_args(AnyQuestion)[0])
}
