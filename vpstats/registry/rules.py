"""Every rule of cleaning and checking, by its id."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from vpstats.registry.rule import Cells, Export, Rows, Rule
from vpstats.registry.rules_cells import CELL_RULES
from vpstats.registry.rules_rows import ROW_RULES

RULES: Mapping[str, Rule] = MappingProxyType({r.id: r for r in (*CELL_RULES, *ROW_RULES)})
"""Rule id to rule. Corrections and findings name a rule by this id."""


def rules_markdown() -> str:
    """Write the rules as a Markdown page: id, kind, severity, sentence, example, action.

    Examples
    --------
    >>> rules_markdown().splitlines()[0]
    '# Rules of cleaning and checking'
    """
    lines = ["# Rules of cleaning and checking", ""]
    group = ""
    for rule in RULES.values():
        name = rule.id.split(".")[0]
        if name != group:
            group = name
            lines += [
                "",
                f"## {group}",
                "",
                "| rule | kind | severity | says | example | to do |",
                "|---|---|---|---|---|---|",
            ]
        lines.append(
            f"| `{rule.id}` | {rule.kind} | {rule.severity} | {rule.sentence} "
            f"| {example_text(rule)} | {rule.action} |"
        )
    return "\n".join(lines) + "\n"


def example_text(rule: Rule) -> str:
    """The example of a rule in one line.

    Examples
    --------
    >>> example_text(RULES["level.spelling"])
    'levels.level: `Th8` → `T8`, `BWK 12` → `T12`, `D11` → `T11`'
    """
    example = rule.example
    if isinstance(example, Cells):
        pairs = zip(example.cells, example.clean, strict=True)
        shown = ", ".join(f"`{a}` → {f'`{b}`' if b else 'missing'}" for a, b in pairs)
        return f"{example.field}: {shown}"
    if isinstance(example, Rows):
        return f"rows {', '.join(f'`{k}`' for k in example.keys[:3])} of a small registry"
    return _export_text(example)


def _export_text(example: Export) -> str:
    place = f"row {example.rows[0]}" if example.rows[0] else "the file"
    lines = example.text.replace("\x00", "").strip().split("\n")
    return f"{example.table}, {place} of `{' ⏎ '.join(lines).replace('|', '/')}`"
