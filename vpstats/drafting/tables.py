"""Which tables a part of an export feeds, and the keys that tie them together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from types import MappingProxyType

import numpy as np

from vpstats.drafting.abbreviations import is_general
from vpstats.drafting.headers import hints
from vpstats.drafting.matching import Match, assign
from vpstats.drafting.names_course import TABLE_WORDS
from vpstats.drafting.parts import Part
from vpstats.registry.cells import fold
from vpstats.registry.columns import Dialect
from vpstats.registry.fields import allowed_fields, field_column
from vpstats.registry.mapping import KEY_FIELDS
from vpstats.registry.raw import TextColumn
from vpstats.schema import Column
from vpstats.schema_tables import TABLES

FAMILIES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "treatment": ("patients", "procedures", "levels"),
        "visits": ("visits",),
        "events": ("events",),
        "leaks": ("leaks",),
    }
)
"""Kind of rows → the tables that such rows can feed."""

KEYS = ("patient_id", "procedure_id", "proc_date")
_NEVER = frozenset({"center_id", "level_id", "operator_case_no"})
_HOME = MappingProxyType({"age_at_proc": "procedures", "procedure_id": "procedures"})
_HINT = 1.0  # a name of a file or sheet counts as much as a column
_CLEAR = 0.5  # that the best kind of rows has to be ahead
_LISTS = 0.1  # of the cells list vertebrae where a row is a session
_SPLIT = 0.02  # of the sessions may stand on two days: faults


@dataclass(frozen=True, slots=True)
class TableDraft:
    """A canonical table that a part would feed.

    Parameters
    ----------
    name : str
        Canonical table.
    part : Part
        Its rows.
    matches : tuple of Match
        Its fields, keys first.
    explode : tuple of str
        Raw columns that list vertebrae.
    ticked : mapping of str to str
        Raw columns that are ticked for a vertebra each.
    doubt : str
        Why the table as a whole has to be confirmed, "" where it is certain.
    """

    name: str
    part: Part
    matches: tuple[Match, ...]
    explode: tuple[str, ...] = ()
    doubt: str = ""
    ticked: Mapping[str, str] = field(default_factory=dict)

    @property
    def own(self) -> tuple[Match, ...]:
        """Fields that are no keys."""
        return tuple(m for m in self.matches if m.field not in KEYS)


@cache
def fields_of(family: str) -> Mapping[str, Column]:
    """Fields that rows of a kind can hold."""
    found: dict[str, Column] = {}
    for table in FAMILIES[family]:
        for name in allowed_fields(table):
            if name not in _NEVER:
                found.setdefault(name, field_column(table, name))
    return found


def home_of(family: str, field: str) -> str:
    """Table of a family that a field belongs to."""
    if family == "treatment" and field in _HOME:
        return _HOME[field]
    tables = FAMILIES[family]
    return next((t for t in tables if field in TABLES[t]), tables[-1])


@dataclass(frozen=True, slots=True)
class Chosen:
    """A part, the kind of its rows, and what its columns most likely are.

    Parameters
    ----------
    group : str
        Export that it belongs to: keys are compared within it.
    part : Part
        Rows and columns.
    family : str
        One of `FAMILIES`.
    matches : tuple of Match
        Columns and fields.
    doubt : str
        Why the kind of rows is not certain, "" where it is.
    """

    group: str
    part: Part
    family: str
    matches: tuple[Match, ...]
    doubt: str = ""

    def match(self, field: str) -> Match | None:
        """The match of a field."""
        return next((m for m in self.matches if m.field == field), None)


def choose(part: Part, dialect: Dialect, group: str, center: str = "") -> Chosen:
    """Choose the kind of rows of a part: that under which its columns fit best.

    Parameters
    ----------
    part : Part
        Rows and columns.
    dialect : Dialect
        How the source writes.
    group : str
        Export that it belongs to.
    center : str
        Column that says where the rows come from, "" for none.

    Returns
    -------
    Chosen
        With a doubt where another kind is nearly as good.
    """
    ranked = sorted(_families(part, dialect), key=lambda found: -found[0])
    (best, family, matches), (second, other, _) = ranked[:2]
    doubt = f"the rows may also be {other}" if best - second < _CLEAR else ""
    if not doubt and family == "treatment" and _says_no_more_than_when(matches):
        doubt = "a date and vertebrae alone may also be those of new fractures"
    where = part.raw.columns.get(center)
    checked = tuple(_checked(matches, match, where) for match in matches)
    return Chosen(group, part, family, checked, doubt)


def _says_no_more_than_when(matches: Sequence[Match]) -> bool:
    """Whether rows have a date of anything, and nothing that only a session or its levels have."""
    day = next((m for m in matches if m.field == "proc_date"), None)
    own = {m.field for m in matches if m.certain} - {*KEYS, "level", *TABLES["patients"].names}
    return day is not None and not own and is_general(fold(" ".join(day.profile.columns)))


def _families(part: Part, dialect: Dialect) -> Iterator[tuple[float, str, list[Match]]]:
    said = hints(part.name, {family: text.split("|") for family, text in _words().items()})
    for family in FAMILIES:
        fields = dict(fields_of(family))
        if family == "events":
            fields.pop("proc_date")
        matches = assign(part.profiles, fields, dialect)
        # squares: a few columns that are named count more than many that are only alike
        own = [m for m in matches if m.field not in ("patient_id", "procedure_id")]
        score = sum(m.found.score**2 for m in own)
        given = {m.field for m in matches}
        nameless = not any(c <= given for t in FAMILIES[family] for c in KEY_FIELDS[t])
        yield score + _HINT * ((family in said) - nameless), family, matches


@cache
def _words() -> Mapping[str, str]:
    return {family: "|".join(text.split("\n")) for family, text in TABLE_WORDS.items()}


# ------------------------------------------------------------------ fields to tables


def drafts_of(chosen: Chosen) -> tuple[list[TableDraft], list[Match]]:
    """Give the columns of a part to the tables of its kind.

    Parameters
    ----------
    chosen : Chosen
        Kind of rows and matches.

    Returns
    -------
    tuple of (list of TableDraft, list of Match)
        The tables, and matches that have no table, since its keys are not there.
    """
    keys = {m.field: m for m in chosen.matches if m.field in KEYS}
    explode, matches, homeless = _exploded(chosen)
    drafts = []
    for table in FAMILIES[chosen.family]:
        own = [
            m for m in matches if m.field not in KEYS and home_of(chosen.family, m.field) == table
        ]
        ties = [keys[k] for k in _ties(table, keys) if k in keys]
        mine = explode if table == "levels" else ()
        level = chosen.match("level") if mine else None
        doubt = chosen.doubt or (level.doubt if level is not None else "")
        ticks = level.profile.ticks if level is not None else {}
        draft = TableDraft(
            table, chosen.part, (*ties, *own), () if ticks else mine, doubt, ticked=ticks
        )
        if names_rows(draft):
            drafts.append(draft)
        else:
            homeless += own
    return drafts, homeless


def _ties(table: str, keys: Mapping[str, Match]) -> tuple[str, ...]:
    """Keys that a table takes from the columns of the row."""
    known = allowed_fields(table)
    session = keys.get("procedure_id")
    named = table == "levels" and session is not None and session.certain
    return tuple(k for k in KEYS if k in known and not (named and k == "proc_date"))


def names_rows(draft: TableDraft) -> bool:
    """Whether the fields of a draft are enough to name its rows."""
    given = {m.field for m in draft.matches} | (
        {"level"} if draft.explode or draft.ticked else set()
    )
    return any(choice <= given for choice in KEY_FIELDS[draft.name])


def _exploded(chosen: Chosen) -> tuple[tuple[str, ...], list[Match], list[Match]]:
    """Columns that list vertebrae; numbered columns have a place only beside them."""
    level = chosen.match("level") if chosen.family == "treatment" else None
    numbered = [m for m in chosen.matches if len(m.profile.columns) > 1 and not m.profile.checkbox]
    of_levels = [m for m in numbered if home_of(chosen.family, m.field) == "levels"]
    explode: tuple[str, ...] = ()
    if level is not None:
        several = any(m is not level for m in of_levels)
        if len(level.profile.columns) > 1 or level.profile.listing >= _LISTS or several:
            explode = level.profile.columns
    lost = [m for m in numbered if not explode or m not in of_levels]
    return explode, [m for m in chosen.matches if m not in lost], lost


# ------------------------------------------------------------------ what the rows say of keys


def _checked(matches: Sequence[Match], match: Match, center: TextColumn | None) -> Match:
    """A session that stands on several days is no session."""
    day = next((m for m in matches if m.field == "proc_date"), None)
    if match.field != "procedure_id" or match.doubt or day is None or not day.certain:
        return match
    columns = [match.profile.text, day.profile.text, *([center] if center is not None else [])]
    rows = np.column_stack([column.codes for column in columns])
    rows = np.unique(rows[(rows[:, :2] >= 0).all(axis=1)], axis=0)
    _, days = np.unique(np.delete(rows, 1, axis=1), axis=0, return_counts=True)
    if len(days) and (days > 1).mean() > _SPLIT:
        return replace(match, doubt="one number stands on several days; is it the patient's?")
    return match
