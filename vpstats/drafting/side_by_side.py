"""Visits or sessions side by side in one row: ``Visit date 1, VAS 1, Visit date 2, VAS 2``.

Numbered columns with a day among them are rows of their own, one for each number. A part of an
export is cut into such rows and into what is left, as if each stood in a file of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from vpstats.drafting.likeness import NAMED
from vpstats.drafting.matching import Match, assign
from vpstats.drafting.parts import Part
from vpstats.drafting.profiles import Profile
from vpstats.drafting.tables import fields_of
from vpstats.registry.columns import Dialect

_DAY_OF = (("treatment", "proc_date"), ("visits", "visit_date"))
"""Kind of rows → the field with their day; what is no session may be a visit."""
_STRAY = 0.05  # of the cells may stand where the day of their number is blank


def apart(part: Part, dialect: Dialect) -> list[Part]:
    """Cut a part into rows that stand side by side and the rest; itself where none do.

    Parameters
    ----------
    part : Part
        Rows and columns.
    dialect : Dialect
        How the source writes.

    Returns
    -------
    list of Part
        The rest first, then a part for each number.
    """
    rest, sides = part, list[Part]()
    for family, field in _DAY_OF:
        matches = assign(rest.profiles, fields_of(family), dialect)
        patient = next((m for m in matches if m.field == "patient_id"), None)
        day = next((m for m in matches if m.field == field), None)
        if patient is None or day is None or not _is_side(day):
            continue
        taken = [m.profile for m in matches if _goes_with(m.profile, day.profile, rest)]
        sides += _sides(rest, family, patient.profile, day.profile, taken)
        left = tuple(p for p in rest.profiles if p not in taken)
        rest = replace(rest, profiles=left)
    return [rest, *sides]


def _is_side(day: Match) -> bool:
    """Whether numbered columns are named after the day of such rows, and hold days."""
    profile = day.profile
    named = day.found.like.score >= NAMED
    return named and _is_numbered(profile, len(profile.columns)) and profile.dated


def _is_numbered(profile: Profile, n: int) -> bool:
    return len(profile.columns) == n > 1 and not profile.checkbox and not profile.ticks


def _goes_with(profile: Profile, day: Profile, part: Part) -> bool:
    """Whether columns are numbered as the days are, and say something where there is a day."""
    if not _is_numbered(profile, len(day.columns)):
        return False
    raw = part.raw.columns
    pairs = [
        (raw[a].filled, raw[b].filled) for a, b in zip(profile.columns, day.columns, strict=True)
    ]
    said = sum(int(own.sum()) for own, _ in pairs)
    return sum(int((own & ~dated).sum()) for own, dated in pairs) <= _STRAY * said


def _sides(
    part: Part, family: str, patient: Profile, day: Profile, taken: Sequence[Profile]
) -> Iterator[Part]:
    for number, column in enumerate(day.columns):
        own = [_member(p, number, part) for p in taken]
        yield replace(
            part,
            name=f"{part.name} {family}",
            where=(*part.where, (column, ("*",))),
            profiles=(patient, *own),
        )


def _member(profile: Profile, number: int, part: Part) -> Profile:
    column = profile.columns[number]
    return replace(profile, columns=(column,), text=part.raw.columns[column])
