"""The whole review of a registry: every check of every module."""

from __future__ import annotations

from collections.abc import Iterator

# the modules register their checks when they are imported; their names are not needed (F401)
from vpstats.registry import (  # noqa: F401
    checks_again,
    checks_course,
    checks_identifiers,
    checks_people,
    checks_scales,
    checks_sessions,
    checks_units,
)
from vpstats.registry.checks import CHECKS, Case, Doubt


def all_doubts(case: Case) -> Iterator[Doubt]:
    """Run every check and yield the doubts that concern any row."""
    for function in CHECKS:
        yield from (doubt for doubt in function(case) if len(doubt.positions))
