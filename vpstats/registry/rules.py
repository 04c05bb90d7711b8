"""Every rule of cleaning and checking, by its id."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from vpstats.registry.rule import Cells, Export, Rows, Rule
from vpstats.registry.rules_cells import (
    LEVEL_RULES,
    NUMBER_RULES,
    UNIT_RULES,
    WORD_RULES,
)
from vpstats.registry.rules_course import COURSE_RULES, DERIVED_RULES, LEVEL_ROW_RULES
from vpstats.registry.rules_dates import DATE_RULES
from vpstats.registry.rules_files import FILE_RULES, KEY_RULES
from vpstats.registry.rules_rows import PATIENT_RULES, SESSION_RULES

_CELLS = (*LEVEL_RULES, *NUMBER_RULES, *DATE_RULES, *WORD_RULES, *UNIT_RULES)
_ROWS = (*PATIENT_RULES, *SESSION_RULES, *LEVEL_ROW_RULES, *COURSE_RULES, *DERIVED_RULES)

RULES: Mapping[str, Rule] = MappingProxyType(
    {rule.id: rule for rule in (*FILE_RULES, *KEY_RULES, *_CELLS, *_ROWS)}
)
"""Rule id to rule. Corrections and findings name a rule by this id."""


def rules_markdown() -> str:
    """Write the rules as a Markdown page: id, kind, severity, sentence, example, action.

    Examples
    --------
    >>> rules_markdown().splitlines()[0]
    '# Rules of cleaning and checking'
    """
    groups: dict[str, list[Rule]] = {}
    for rule in RULES.values():
        groups.setdefault(rule.id.split(".")[0], []).append(rule)
    lines = ["# Rules of cleaning and checking"]
    for name, members in groups.items():
        lines += ["", f"## {name}", "", "| rule | kind | severity | says | example | to do |"]
        lines += ["|---|---|---|---|---|---|", *(_row(rule) for rule in members)]
    return "\n".join(lines) + "\n"


def _row(rule: Rule) -> str:
    cells = [f"`{rule.id}`", rule.kind, rule.severity, rule.sentence, example_text(rule)]
    return f"| {' | '.join(cells)} | {rule.action} |"


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
        lines = [line.replace("|", "/") for line in example.text.strip().split("\n")]
        return f"{', '.join(f'`{k}`' for k in example.keys[:2])} in `{' ⏎ '.join(lines[-4:])}`"
    return _export_text(example)


def _export_text(example: Export) -> str:
    place = f"row {example.rows[0]}" if example.rows[0] else "the file"
    lines = example.text.replace("\x00", "␀").replace("|", "/").strip().split("\n")
    return f"{example.table}, {place} of `{' ⏎ '.join(lines)}`"
