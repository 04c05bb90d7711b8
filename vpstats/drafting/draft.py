"""The draft of a mapping: from exports to proposals, each with its score and its evidence."""

from __future__ import annotations

import datetime as dt
import tomllib
from calendar import monthrange
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

from vpstats.drafting.centers import Center, centers_of
from vpstats.drafting.codes import with_proposals, with_sexes
from vpstats.drafting.exports import Export, open_exports
from vpstats.drafting.fitting import ANY_DAY
from vpstats.drafting.keys import borrows_day, lent, linked
from vpstats.drafting.likeness import NAMED
from vpstats.drafting.matching import Match
from vpstats.drafting.parts import Part, is_system, parts_of
from vpstats.drafting.profiles import Profile
from vpstats.drafting.side_by_side import apart
from vpstats.drafting.tables import Chosen, TableDraft, choose, drafts_of, fields_of
from vpstats.drafting.wide_events import WideEvent, wide_events, without_events
from vpstats.drafting.writing import SourceDraft, counted, draft_toml
from vpstats.errors import DataError, UsageError
from vpstats.registry.columns import Dialect
from vpstats.registry.dates import date_shape
from vpstats.registry.fields import field_column
from vpstats.registry.mapping import parse_mapping
from vpstats.registry.raw import from_texts
from vpstats.registry.tables import ACCESS_GROUP
from vpstats.registry.typed import column_decimal

_MOSTLY = 0.9
_WIDEST = 3000
_A_MONTH, _MONTHS = 31, 12
_COMPANY, _ONE_OF = 3, 2000
_HALF_A_YEAR, _FEW = 183, 1000
_DAYS = ("day", "ordered")


@dataclass(frozen=True, slots=True)
class Proposal:
    """One column of an export and what it is proposed to be.

    Parameters
    ----------
    source, table, field : str
        Where the draft puts it; table "" where no table of the source can take it.
    columns : tuple of str
        Raw columns.
    certain : bool
        Whether it is read without confirmation.
    score : float
        0 to 1.
    doubt : str
        Why it is not certain.
    """

    source: str
    table: str
    field: str
    columns: tuple[str, ...]
    certain: bool
    score: float
    doubt: str


@dataclass(frozen=True, slots=True)
class MappingDraft:
    """A draft of registry.toml.

    Parameters
    ----------
    toml : str
        The file.
    proposals : tuple of Proposal
        Every column that has one, in the order of the file.
    unmapped : tuple of (str, str)
        Source and raw column of the others.
    summary : str
        How many columns are certain, doubtful and left, in one line.
    """

    toml: str
    proposals: tuple[Proposal, ...]
    unmapped: tuple[tuple[str, str], ...]
    summary: str


def draft_mapping(
    exports: Sequence[str | Path],
    *,
    folder: str | Path = ".",
    name: str = "My registry",
    data_cut: dt.date | None = None,
    center: str | None = None,
    password_env: str | None = None,
    token_env: str | None = None,
) -> MappingDraft:
    """Draft the mapping of exports that nobody has described.

    Parameters
    ----------
    exports : sequence of str or Path
        Files, folders, zip archives, URLs of databases or of a REDCap API.
    folder : str or Path
        Where registry.toml will lie: files are named relative to it.
    name : str
        Of the registry.
    data_cut : date, optional
        Day of the exports; without it the last day in them is proposed.
    center : str, optional
        Where the rows come from, for sources without a column that says so.
    password_env, token_env : str, optional
        Environment variables that hold the password of a database, the token of an API.

    Returns
    -------
    MappingDraft
        A registry.toml that reads; what is doubtful in it is not applied.

    Raises
    ------
    DataError, UsageError, MappingError
        If an export cannot be read, or nothing in it is like a field of the registry.

    Examples
    --------
    >>> from importlib.resources import files
    >>> export = files("vpstats") / "templates" / "exports" / "events.csv"
    >>> draft = draft_mapping([str(export)], center="C01")
    >>> [p.field for p in draft.proposals if p.certain][:2]
    ['patient_id', 'event_date']
    """
    if not exports:
        raise UsageError("name an export: a file, folder, zip archive or URL.")
    where = Path(folder)
    opened, skipped = open_exports(
        [str(e) for e in exports], where, password_env=password_env, token_env=token_env
    )
    sources = _sources(opened, center)
    _refuse_nothing(opened, sources)
    cut = data_cut or _last_day(sources)
    text = draft_toml(sources, name=name, data_cut=cut, known=data_cut is not None, skipped=skipped)
    parse_mapping(tomllib.loads(text), file="the draft")
    unmapped = tuple(_unmapped(sources))
    return MappingDraft(text, tuple(_proposals(sources)), unmapped, counted(sources))


def _refuse_nothing(exports: Sequence[Export], sources: Sequence[SourceDraft]) -> None:
    """Say why there is no draft, where no source feeds a table."""
    if any(source.tables for source in sources):
        return
    file = exports[0].raw.files[0]
    if not any(len(export.raw) for export in exports):
        raise DataError(
            "has no row below the names of its columns; a draft is made of what stands in the "
            "cells as well. Export it with its rows.",
            file=file,
        )
    raise DataError(
        "no table of the registry can be made of these columns: the name of the patient, and "
        f"of the day or the vertebra, are not among them.{_seen(sources)} Write "
        "registry.toml by hand.",
        file=file,
    )


def _seen(sources: Sequence[SourceDraft]) -> str:
    """Which columns hold days and vertebrae, whatever they are called."""
    profiles = [p for source in sources for p in source.rest if p.told]
    profiles += [m.profile for source in sources for m in source.homeless if m.profile.told]
    dates = [p.name for p in profiles if p.dated]
    levels = [p.name for p in profiles if p.vertebral > _MOSTLY]
    kinds = (("Days", dates), ("Vertebrae", levels))
    return "".join(f" {kind} stand in {', '.join(map(repr, n))}." for kind, n in kinds if n)


# ------------------------------------------------------------------ sources


def _sources(exports: Sequence[Export], given: str | None) -> list[SourceDraft]:
    parts = [parts_of(export) for export in exports]
    centers = centers_of(exports, parts, given)
    chosen: list[Chosen] = []
    owners: list[int] = []
    for number, export in enumerate(exports):
        cut = [own for part in parts[number] for own in apart(part, _dialect(export, part))]
        found = [_chosen(export, part, centers[number]) for part in cut]
        chosen += found
        owners += [number] * len(found)
    chosen = [_proposing(c) for c in _with_days(linked(chosen), owners)]
    told = {c.group for c in chosen if c.family == "events"}
    events = [() if c.group in told else wide_events(c) for c in chosen]
    chosen = [without_events(c, e) for c, e in zip(chosen, events, strict=True)]
    drafts = [drafts_of(c) for c in chosen]
    kept = _needed([table for tables, _ in drafts for table in tables], chosen)
    sources = []
    for number, export in enumerate(exports):
        mine = [i for i, owner in enumerate(owners) if owner == number]
        tables = [t for i in mine for t in drafts[i][0] if id(t) in kept]
        homeless = [m for i in mine for m in drafts[i][1]]
        wide = [event for i in mine for event in events[i]]
        own = [chosen[i] for i in mine]
        sources.append(_source(export, centers[number], own, tables, homeless, wide))
    return sources


def _chosen(export: Export, part: Part, center: Center) -> Chosen:
    """The kind of rows of a part, its column of centers aside."""
    _refuse_wide(part)
    rest = tuple(p for p in part.profiles if p.name not in (center.column, ACCESS_GROUP))
    own = replace(part, profiles=rest)
    return choose(own, _dialect(export, own), export.group, center.column or ACCESS_GROUP)


def _with_days(chosen: Sequence[Chosen], owners: Sequence[int]) -> list[Chosen]:
    """The parts of each export with the day that a record lends them."""
    found: list[Chosen] = []
    for number in dict.fromkeys(owners):
        mine = zip(chosen, owners, strict=True)
        found += lent([c for c, owner in mine if owner == number])
    return found


def _refuse_wide(part: Part) -> None:
    if len(part.profiles) > _WIDEST:
        raise DataError(
            f"has {len(part.profiles):,} columns; a draft is made of {_WIDEST:,} at most.",
            file=part.raw.files[0],
        )


def _proposing(chosen: Chosen) -> Chosen:
    """With proposals for codes that nobody knows."""
    fields = fields_of(chosen.family)
    matches = [with_proposals(m, fields[m.field]) for m in chosen.matches]
    return replace(chosen, matches=with_sexes(matches))


def _source(
    export: Export,
    center: Center,
    parts: Sequence[Chosen],
    tables: Sequence[TableDraft],
    homeless: Sequence[Match],
    events: Sequence[WideEvent],
) -> SourceDraft:
    used = {c for t in tables for m in t.matches for c in m.profile.columns}
    used |= {c for m in homeless for c in m.profile.columns} | {center.column}
    used |= {column for event in events for column in event.columns}
    used |= {m.unit_column for t in tables for m in t.matches}
    rest: dict[str, Profile] = {}
    seen: set[str] = set()
    for part in parts:
        for profile in part.part.profiles:
            seen |= set(profile.columns)
            if not set(profile.columns) & used:
                rest.setdefault(profile.name, profile)
    for name, text in export.raw.columns.items():
        if name not in seen | {center.column} and not text.filled.any() and not is_system(name):
            rest[name] = Profile((name,), name, text)
    twice = tuple(dict.fromkeys(n for part in parts for n in part.part.twice))
    return SourceDraft(
        export, center, tuple(tables), tuple(homeless), tuple(rest.values()), twice, tuple(events)
    )


def _dialect(export: Export, part: Part) -> Dialect:
    if export.keys["format"] == "excel":
        return Dialect(ANY_DAY, decimal=".")
    numbers = [p for p in part.profiles if not p.typed and p.numeric > _MOSTLY]
    texts = [s for p in numbers for s, _ in p.told]
    return Dialect(ANY_DAY, decimal=column_decimal(from_texts(texts)) if texts else None)


def _needed(tables: Sequence[TableDraft], chosen: Sequence[Chosen]) -> set[int]:
    """Tables that say something, or that another table of their export cannot do without."""
    groups = {id(c.part): c.group for c in chosen}
    # of a REDCap record the rows that do not repeat name its session already
    told = {(groups[id(t.part)], t.name) for t in tables if t.own or _names_all(t, chosen)}
    kept: set[int] = set()
    for table in tables:
        group = groups[id(table.part)]
        if table.own or _names_all(table, chosen) or (group, table.name) not in told:
            kept.add(id(table))
    return kept


def _names_all(table: TableDraft, chosen: Sequence[Chosen]) -> bool:
    """Whether a table takes the rows that lend their day to all that have none."""
    own = next(c for c in chosen if c.part is table.part)
    borrowers = [c for c in chosen if c.group == own.group and borrows_day(c)]
    return table.name == "procedures" and bool(borrowers) and not borrows_day(own)


# ------------------------------------------------------------------ what is said of them


def _last_day(sources: Sequence[SourceDraft]) -> dt.date:
    """The last day in the exports before which others stand close: a slip stands alone."""
    counts: dict[dt.date, int] = {}
    for profile in _dated(sources):
        for day, n in _days(profile):
            counts[day] = counts.get(day, 0) + n
    days = sorted(counts, reverse=True)
    company = max(_COMPANY, sum(counts.values()) // _ONE_OF)
    for day, before in pairwise([*days, dt.date.min]):
        near = (n for d, n in counts.items() if 0 <= (day - d).days <= _A_MONTH)
        # a small hospital treats a few patients a year; a slip lies years apart
        few = sum(counts.values()) < _FEW and (day - before).days <= _HALF_A_YEAR
        if few or sum(near) >= company:
            return day
    return days[0] if days else dt.date(2000, 1, 1)


def _dated(sources: Sequence[SourceDraft]) -> Iterable[Profile]:
    """Columns of days, births aside."""
    for source in sources:
        for table in source.tables:
            for match in table.matches:
                column = field_column(table.name, match.field)
                if column.kind == "date" and column.role != "birth" and not match.lent:
                    yield match.profile
        for name in (event.day for event in source.events if event.day):
            yield Profile((name,), name, source.export.raw.columns[name])


def _days(profile: Profile) -> Iterable[tuple[dt.date, int]]:
    """Days of a column, as most of its cells prove their order; the later one where none does."""
    shapes = [(date_shape(s), n) for s, n in profile.told]
    votes = {order: sum(n for s, n in shapes if s.evidence == order) for order in ("dmy", "mdy")}
    mdy = votes["mdy"] > votes["dmy"]
    for shape, n in shapes:
        year = shape.year if shape.year > 99 else shape.year + 2000
        first, second = shape.first, shape.second
        if shape.kind == "ordered" and (mdy or (not any(votes.values()) and first > second)):
            first, second = second, first
        if shape.kind in _DAYS and 1 <= second <= _MONTHS and 1 <= first <= _A_MONTH:
            yield dt.date(year, second, min(first, monthrange(year, second)[1])), n


def _proposals(sources: Sequence[SourceDraft]) -> Iterable[Proposal]:
    for source in sources:
        for table in source.tables:
            sure = source.center.certain and not table.doubt
            for m in table.matches:
                doubt = m.doubt or table.doubt
                yield Proposal(
                    source.export.name, table.name, m.field, m.profile.columns,
                    m.certain and sure, m.found.score, doubt,
                )  # fmt: skip
        for event in source.events:
            fields = {"event_type": event.flag, "event_date": event.day}
            yield from (
                Proposal(source.export.name, "events", field, (column,), False, NAMED, event.doubt)
                for field, column in fields.items()
                if column
            )
        for m in source.homeless:
            yield Proposal(
                source.export.name, "", m.field, m.profile.columns, False, m.found.score,
                "no table of the source can take it",
            )  # fmt: skip


def _unmapped(sources: Sequence[SourceDraft]) -> Iterable[tuple[str, str]]:
    for source in sources:
        for profile in source.rest:
            yield from ((source.export.name, column) for column in profile.columns)
        yield from ((source.export.name, name) for name in source.twice)
