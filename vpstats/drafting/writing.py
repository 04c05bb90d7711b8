"""A draft as the text of a registry.toml that says why it says what it says."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from vpstats.drafting.centers import Center
from vpstats.drafting.codes import unknown_codes
from vpstats.drafting.exports import Export
from vpstats.drafting.likeness import NAMED, is_named, likeness
from vpstats.drafting.matching import Match
from vpstats.drafting.names import quantity
from vpstats.drafting.profiles import Profile
from vpstats.drafting.tables import TableDraft
from vpstats.drafting.unheld import why_unheld
from vpstats.drafting.wide_events import WideEvent
from vpstats.registry.dates import date_shape
from vpstats.registry.elapsed import is_elapsed
from vpstats.registry.fields import field_column
from vpstats.schema_tables import TABLES

_WIDTH = 110
_LONG = 600
_COLUMN = 46
_MOSTLY = 0.9  # of the cells

_TOP = """\
# Draft of a registry.toml: what the columns of the exports most likely are. It reads as it is.
#
#   A line without a question mark is certain: its header is a known name of the field and its
#   cells agree. The comment says why. Read it all the same.
#   A line below a question mark is not certain and is NOT read. If it is right, take out
#   "confirmed = false"; if it is wrong, correct it or delete it.
#
# Then run `vpstats check` on this file. docs/mapping-an-export.md explains every key."""


@dataclass(frozen=True, slots=True)
class SourceDraft:
    """A source and what it would feed.

    Parameters
    ----------
    export : Export
        The source.
    center : Center
        Where its rows come from.
    tables : tuple of TableDraft
        Tables that it feeds.
    homeless : tuple of Match
        Fields whose table cannot be made.
    rest : tuple of Profile
        Columns without a field.
    twice : tuple of str
        Names that two columns have.
    events : tuple of WideEvent
        Tables of events that columns of sessions would feed.
    """

    export: Export
    center: Center
    tables: tuple[TableDraft, ...]
    homeless: tuple[Match, ...]
    rest: tuple[Profile, ...]
    twice: tuple[str, ...] = ()
    events: tuple[WideEvent, ...] = ()


def draft_toml(
    sources: Sequence[SourceDraft],
    *,
    name: str,
    data_cut: dt.date,
    known: bool,
    skipped: Sequence[str] = (),
) -> str:
    """Write a draft.

    Parameters
    ----------
    sources : sequence of SourceDraft
        In their order.
    name : str
        Of the registry.
    data_cut : date
        Day of the exports.
    known : bool
        Whether a person said which day that was.
    skipped : sequence of str
        Files that were not read.

    Returns
    -------
    str
        TOML, the same for the same exports.
    """
    lines = [_TOP, "#", f"# Columns: {counted(sources)}"]
    lines += [f"# Not read: {_clean(f)}" for f in skipped]
    lines += ["", "version = 1", "", "[registry]", f"name = {quoted(name)}"]
    if known:
        lines.append(f"data_cut = {data_cut.isoformat()}")
    else:
        lines += [
            "# ? The last day in the exports. Write the day on which they were made.",
            f"data_cut = {data_cut.isoformat()}",
            "confirmed = false",
        ]
    lines.append('consent = "opt-out"'.ljust(_COLUMN) + '# or "opt-in"')
    for source in sources:
        lines += _source(source)
    return "\n".join(lines) + "\n"


def counted(sources: Sequence[SourceDraft]) -> str:
    """How many columns are certain, doubtful and left, in one line."""
    sure: set[object] = set()
    doubtful: set[object] = set()
    for source in sources:
        for table in source.tables:
            for match in table.matches:
                bad = match.doubt or table.doubt or not source.center.certain
                (doubtful if bad else sure).add((source.export.name, match.profile.columns))
        doubtful |= {(source.export.name, (c,)) for event in source.events for c in event.columns}
    doubtful -= sure
    left = sum(len(s.rest) + len(s.twice) + len(s.homeless) for s in sources)
    return f"{len(sure)} certain, {len(doubtful)} to confirm, {left} not mapped."


# ------------------------------------------------------------------ TOML


def quoted(text: str) -> str:
    r"""A TOML string.

    Examples
    --------
    >>> quoted('a "b"')
    '"a \\"b\\""'
    """
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _clean(text: str, width: int = _WIDTH) -> str:
    """Text for a comment: in one line, without what TOML forbids there."""
    plain = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return plain if len(plain) <= width else f"{plain[: width - 1]}…"


def _value(value: object) -> str:
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(_value(v) for v in value)}]"
    if isinstance(value, Mapping):
        pairs = ", ".join(f"{quoted(str(k))} = {_value(v)}" for k, v in value.items())
        return f"{{ {pairs} }}" if pairs else "{}"
    return str(value) if isinstance(value, int) else quoted(str(value))


# ------------------------------------------------------------------ sources


def _source(source: SourceDraft) -> list[str]:
    if not source.tables:
        return ["", f"# {_clean(source.export.name)}: no table can be made of its columns.",
                *_left(source)]  # fmt: skip
    lines = ["", "# " + "-" * 78, "[[source]]", f"name = {quoted(source.export.name)}"]
    lines += [f"{key} = {_value(value)}" for key, value in source.export.keys.items()]
    lines += _center(source.center)
    lines += [f"# {line}" for line in _read_as(source)]
    for table in source.tables:
        lines += _table(table)
    for event in source.events:
        lines += _event(event)
    return [*lines, *_left(source)]


def _center(center: Center) -> list[str]:
    if center.column:
        written = [f"center = {{ column = {quoted(center.named or center.column)} }}"]
    elif center.value and center.certain:
        written = [f"center = {quoted(center.value)}"]
    elif center.value:
        written = [f"center = {{ value = {quoted(center.value)}, confirmed = false }}"]
    else:
        written = []
    return [f"# ? {_clean(center.doubt)}", *written] if center.doubt else written


def _read_as(source: SourceDraft) -> Iterator[str]:
    """How the source was read: encoding, delimiter, order of dates."""
    meta = source.export.raw.meta[0]
    parts = [f"{len(source.export.raw):,} rows"]
    if meta.get("encoding"):
        parts.append(str(meta["encoding"]))
    if meta.get("delimiter"):
        parts.append(f"delimiter {meta['delimiter']!r}")
    yield f"Read as: {', '.join(parts)}."
    for prefix in dict.fromkeys(p.prefix for t in source.tables for p in t.part.profiles):
        if prefix:
            yield f"Names of columns are compared without '{_clean(prefix.upper())}' before them."
    seen = {"dmy": 0, "mdy": 0}
    open_order: list[str] = []
    for table in source.tables:
        for match in table.matches:
            if field_column(table.name, match.field).kind == "date" and not match.lent:
                _count_order(match.profile, seen, open_order)
    if any(seen.values()):
        order = "day" if seen["dmy"] >= seen["mdy"] else "month"
        other = f"; {min(seen.values()):,} contradict" if min(seen.values()) else ""
        yield f"Dates: {order} first, as {max(seen.values()):,} of them prove{other}."
    for name in dict.fromkeys(open_order):
        shown = _clean(name)
        yield f'Dates of {shown}: day or month first? Nothing proves it; add date_order = "…".'


def _count_order(profile: Profile, seen: dict[str, int], open_order: list[str]) -> None:
    proved, ordered = 0, False
    for spelling, n in profile.told:
        shape = date_shape(spelling)
        if shape.evidence in seen:
            seen[str(shape.evidence)] += n
            proved += n
        slashed = shape.kind == "ordered" and not shape.style.startswith((".", "word"))
        ordered |= slashed
    if ordered and not proved:
        open_order.append(profile.name)


def _left(source: SourceDraft) -> list[str]:
    """Columns without a place."""
    lines = []
    for match in source.homeless:
        name, several = _clean(", ".join(match.profile.columns)), len(match.profile.columns) > 1
        lacks = "only what stands beside vertebrae is read in numbered columns"
        lacks = lacks if several else "its table lacks its keys here"
        lines.append(f"#   {name}: may be {match.field}, but {lacks}")
    fed = {t.name for t in source.tables}
    lines += [f"#   {_clean(p.name)}: {_kind(p)}{_elsewhere(p, fed)}" for p in source.rest]
    lines += [f"#   {_clean(n)}: two columns have this name; rename one" for n in source.twice]
    return ["", "# Not mapped:", *lines] if lines else []


def _elsewhere(profile: Profile, fed: Container[str]) -> str:
    """Field of a table that these rows do not feed, of which the header is a name."""
    for table in ("visits", "events", "procedures", "patients", "levels"):
        if table not in fed and profile.filled:
            units = {f: quantity(field_column(table, f)) for f in TABLES[table].names}
            for header in profile.headers:
                found = likeness(header, units)
                named = [f for f, like in found.items() if like.score >= NAMED]
                if named:
                    return f"; the name of {table}.{named[0]}, but its rows are no {table}"
    return ""


def _kind(profile: Profile) -> str:
    """What an unknown column holds, without any of its values."""
    if any(is_named(header, "personal") for header in profile.headers):
        return "names a person; it has no place in a registry"
    if why := next(filter(None, map(why_unheld, profile.headers)), ""):
        return why
    several = f"{len(profile.columns)} numbered columns of " if len(profile.columns) > 1 else ""
    if not profile.filled:
        return f"{several}nothing; empty"
    if all(is_elapsed(s) for s, _ in profile.told[:200]):
        return f"{several}times such as 'month 6', which are no days; a contact needs its day"
    if profile.numeric > _MOSTLY:
        return f"{several}numbers"
    if profile.dated:
        return f"{several}dates"
    return f"{several}vertebrae" if profile.vertebral > _MOSTLY else f"{several}text"


# ------------------------------------------------------------------ tables


def _table(table: TableDraft) -> list[str]:
    lines = ["", "[[source.table]]", f"name = {quoted(table.name)}"]
    if table.doubt:
        lines += [f"# ? {_clean(table.doubt)}", "confirmed = false"]
    if table.part.where:
        pairs = ", ".join(f"{quoted(k)} = {_value(v)}" for k, v in table.part.where)
        lines.append(f"where = {{ {pairs} }}")
    if table.explode:
        one = table.explode[0] if len(table.explode) == 1 else table.explode
        lines.append(f"explode = {_value(one)}".ljust(_COLUMN) + "  # a row for each vertebra")
    if table.ticked:
        lines.append(f"ticked = {_value(table.ticked)}  # a row for each tick")
    lines.append("[source.table.columns]")
    spread = len(table.explode) > 1 or bool(table.ticked)
    written = [m for m in table.matches if not (m.field == "level" and spread)]
    return [*lines, *_lines(written, table.name)]


def _event(event: WideEvent) -> list[str]:
    """A table of events that takes the rows which say yes, for a person to confirm."""
    pairs = ", ".join(f"{quoted(k)} = {_value(v)}" for k, v in event.where)
    lines = [
        "",
        "[[source.table]]",
        'name = "events"',
        f"# ? {_clean(event.doubt)}",
        "confirmed = false",
        f"where = {{ {pairs} }}",
        "[source.table.columns]",
        *(f"{m.field} = {_entry(m)}" for m in event.keys),
        f"event_type = {{ value = {quoted(event.kind)} }}",
    ]
    return [*lines, *([f"event_date = {quoted(event.day)}"] if event.day else [])]


def _lines(matches: Iterable[Match], table: str) -> Iterator[str]:
    for match in sorted(matches, key=lambda m: not m.certain):
        line = f"{match.field} = {_entry(match)}"
        if match.certain:
            yield from _codes_left(match, table)
            yield f"{line.ljust(_COLUMN)}  # {_evidence(match)}"
        else:
            yield f"# ? {_clean(match.doubt)} · {_evidence(match)}"
            yield from _codes_left(match, table)
            yield line


def _codes_left(match: Match, table: str) -> Iterator[str]:
    """Codes that a person has to translate, and into what."""
    left = unknown_codes(match, field_column(table, match.field))
    if left.codes:
        shown = ", ".join(f"{s} ({n:,})" for s, n in left.codes)
        yield f"#   not understood: {_clean(shown, _LONG)}"
        targets = _clean(", ".join(left.targets), _LONG)
        yield f"#   add them to codes = {{ … }}, as one of: {targets}"


def _entry(match: Match) -> str:
    keys: dict[str, object] = {}
    if match.profile.checkbox:
        keys["checkbox"] = match.profile.checkbox
    elif len(match.profile.columns) > 1:
        keys["columns"] = match.profile.columns
    else:
        keys["column"] = match.profile.columns[0]
    if match.unit_column:
        keys["unit_column"] = match.unit_column
    elif match.found.fit.unit:
        keys["unit"] = match.found.fit.unit
    if match.found.fit.codes:
        keys["codes"] = dict(match.found.fit.codes)
    if match.certain and list(keys) == ["column"]:
        return quoted(match.profile.columns[0])
    parts = [f"{key} = {_value(value)}" for key, value in keys.items()]
    return f"{{ {', '.join([*parts, *([] if match.certain else ['confirmed = false'])])} }}"


def _evidence(match: Match) -> str:
    like = match.found.like
    language = f" ({like.language})" if like.language else ""
    said = f"'{like.name}'" in match.doubt
    named = f"'{like.name}'{language}, " if like.name and not said else ""
    return _clean(f"{match.found.score:.2f}: {named}{match.found.fit.says}")
