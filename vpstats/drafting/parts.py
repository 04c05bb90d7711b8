"""The rows of an export that are about one thing, and their columns as profiles."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from vpstats.drafting.exports import Export
from vpstats.drafting.headers import stated_codes
from vpstats.drafting.likeness import shared_prefix
from vpstats.drafting.profiles import Profile, group_of
from vpstats.registry.answers import read_answer
from vpstats.registry.chosen_rows import EVENT, INSTRUMENT
from vpstats.registry.lexicon import kind_of_missing
from vpstats.registry.raw import LABEL, RawSource, TextColumn, stack_columns
from vpstats.registry.redcap import Field, box_code
from vpstats.registry.rows import DUPLICATE
from vpstats.registry.spine import parse_levels
from vpstats.registry.tables import ACCESS_GROUP

_NUMBER = re.compile(r"([0-9]{1,2})")
_BOX = re.compile(r"(.+?)(?:___(.+)| \(choice=(.+)\))")
_SYSTEM = re.compile(r"redcap_\w+|\w+_complete|Complete\?.*")


@dataclass(frozen=True, eq=False)
class Part:
    """Rows of an export that feed the same tables.

    Parameters
    ----------
    name : str
        Of the file, sheet, table or form, for what it says about the rows.
    source : str
        Name of the export that it is of.
    where : tuple of (str, tuple of str)
        Raw column to the values of the rows.
    raw : RawSource
        The rows.
    profiles : tuple of Profile
        Columns, numbered ones together.
    twice : tuple of str
        Names that two columns have: neither can be mapped.
    """

    name: str
    source: str
    where: tuple[tuple[str, tuple[str, ...]], ...]
    raw: RawSource
    profiles: tuple[Profile, ...]
    twice: tuple[str, ...] = ()


def parts_of(export: Export) -> list[Part]:
    """Cut an export into parts: the forms or events of a REDCap project, else the whole.

    Parameters
    ----------
    export : Export
        As opened.

    Returns
    -------
    list of Part
        In the order of the export.
    """
    name = " ".join([str(export.keys.get("sheet", "")), export.name, *export.raw.files[:1]])
    if export.keys["format"] not in ("redcap", "redcap_api"):
        return [_part(export, name, (), export.raw)]
    found = []
    for label, where, positions in _redcap_rows(export.raw):
        rows = export.raw.take(positions)
        kept = {n: c for n, c in rows.columns.items() if c.filled.any() or not len(rows)}
        first = next(iter(export.raw.columns))
        kept = {first: rows.columns[first], **kept}
        own = RawSource(rows.name, kept, rows.file, rows.row, rows.files, rows.meta)
        found.append(_part(export, label, where, own))
    return found


Where = tuple[tuple[str, tuple[str, ...]], ...]
Rows = np.ndarray[tuple[int], np.dtype[np.int64]]


def _redcap_rows(raw: RawSource) -> Iterator[tuple[str, Where, Rows]]:
    """Name, condition and rows of each form that repeats, and of those that do not."""
    empty = TextColumn(np.full(len(raw), -1, np.int32), ())
    forms, events = raw.columns.get(INSTRUMENT, empty), raw.columns.get(EVENT, empty)
    once = np.flatnonzero(~forms.filled)
    yield from _by_event(raw, events, once)
    for code, form in enumerate(forms.spellings):
        yield form, ((INSTRUMENT, (form,)),), np.flatnonzero(forms.codes == code)


def _by_event(raw: RawSource, events: TextColumn, rows: Rows) -> Iterator[tuple[str, Where, Rows]]:
    """Events of a longitudinal project that fill the same columns belong together."""
    if not events.spellings:
        yield "base", (), rows
        return
    alike: dict[tuple[str, ...], list[int]] = {}
    for code in range(len(events.spellings)):
        here = rows[events.codes[rows] == code]
        filled = tuple(n for n, c in raw.columns.items() if c.filled[here].any())
        if len(here):
            alike.setdefault(filled, []).append(code)
    for codes in alike.values():
        names = tuple(events.spellings[c] for c in codes)
        here = rows[np.isin(events.codes[rows], codes)]
        yield " ".join(names), ((EVENT, names),), here


# ------------------------------------------------------------------ columns


def _part(export: Export, name: str, where: Where, raw: RawSource) -> Part:
    twice = tuple(dict.fromkeys(n.split(DUPLICATE)[0] for n in raw.columns if DUPLICATE in n))
    columns = {n: c for n, c in raw.columns.items() if DUPLICATE not in n and n not in twice}
    typed = set.intersection(*(set(meta.get("typed", ())) for meta in raw.meta))
    redcap = str(export.keys["format"]).startswith("redcap")
    if redcap:
        columns = {n: c for n, c in columns.items() if not is_system(n)}
    fields = {f.name: f for f in export.fields}
    known = _Known(typed, fields, dict(raw.meta[0].get("labels", {})), redcap and not fields)
    prefix = shared_prefix(tuple(columns))
    profiles = [replace(p, prefix=prefix) for p in _profiles(columns, known)]
    return Part(name, export.name, where, raw, tuple(profiles), twice)


def is_system(name: str) -> bool:
    """Whether a column of a REDCap export is REDCap's own."""
    return bool(_SYSTEM.fullmatch(name)) and name != ACCESS_GROUP


@dataclass(frozen=True, slots=True)
class _Known:
    """What a source says of its columns beside their names.

    Parameters
    ----------
    typed : set of str
        Columns that hold numbers, not their text.
    fields : mapping of str to Field
        REDCap's dictionary.
    labels : mapping of str to str
        What the file calls its variables.
    bare : bool
        Whether it is a raw REDCap export without its dictionary.
    """

    typed: set[str]
    fields: Mapping[str, Field]
    labels: Mapping[str, str]
    bare: bool


def _profiles(columns: Mapping[str, TextColumn], known: _Known) -> Iterator[Profile]:
    boxes = _boxes(columns) if known.fields or known.bare else {}
    numbered = _numbered([n for n in columns if not n.endswith(LABEL)], boxes)
    ticked = _ticked(columns, boxes, known.fields)
    done: set[str] = set(ticked)
    if ticked:
        stacked = stack_columns([columns[name] for name in ticked])
        yield Profile(tuple(ticked), "level", stacked, ticks=ticked)
    for name, text in columns.items():
        if name in done or (name.endswith(LABEL) and name.removesuffix(LABEL) in columns):
            continue
        stem, members = numbered.get(name, ("", ()))
        if name in boxes:
            yield _checkbox(boxes[name], columns, boxes, known.fields)
            done |= {n for n, s in boxes.items() if s == boxes[name]}
        elif members:
            group = {m: columns[m] for m in members}
            yield group_of(stem, group, typed=set(members) <= known.typed)
            done |= set(members)
        else:
            yield _single(name, text, columns, known)


def _single(
    name: str, text: TextColumn, columns: Mapping[str, TextColumn], known: _Known
) -> Profile:
    labels = columns.get(f"{name}{LABEL}")
    choices = _stated(name, text) if labels is None else _labels(text, labels)
    asked = known.labels.get(name, "")
    if name in known.fields:
        choices, asked = dict(known.fields[name].choices), known.fields[name].label
    typed = name in known.typed
    return Profile((name,), name, text, typed=typed, choices=choices, label=asked, coded=known.bare)


def _stated(name: str, text: TextColumn) -> dict[str, str]:
    """Codes that a header explains, where the cells are written in them."""
    codes = stated_codes(name)
    return codes if set(codes) & set(text.spellings) else {}


def _labels(codes: TextColumn, labels: TextColumn) -> dict[str, str]:
    """Label of each code that has one of its own."""
    pairs = np.unique(np.column_stack([codes.codes, labels.codes]), axis=0)
    found = {
        codes.spellings[c]: labels.spellings[t] for c, t in pairs.tolist() if c >= 0 and t >= 0
    }
    return {code: label for code, label in found.items() if code != label}


_FEWEST_TICKED = 3


def _ticked(
    columns: Mapping[str, TextColumn], boxes: Mapping[str, str], fields: Mapping[str, Field]
) -> dict[str, str]:
    """Columns that are named after a vertebra each and hold nothing but ticks."""
    found: dict[str, str] = {}
    for name, text in columns.items():
        levels = parse_levels(_last_word(name, boxes, fields)).levels
        if len(levels) == 1 and levels[0] not in found.values() and _is_ticks(text):
            found[name] = levels[0]
    some = any(_says(columns[name], "yes") for name in found)
    return found if len(found) >= _FEWEST_TICKED and some else {}


def _last_word(name: str, boxes: Mapping[str, str], fields: Mapping[str, Field]) -> str:
    """What a column is named after: its label in a dictionary, its box, or its last word."""
    if name in boxes:
        code = _box_of(name)
        item = fields.get(boxes[name])
        known = {} if item is None else {box_code(c): t for c, t in item.choices.items()}
        return known.get(code, code)
    whole = parse_levels(name).levels
    return name if whole else re.split(r"[ _./:-]+", name)[-1]


def _box_of(name: str) -> str:
    """Code or label of the box that a checkbox column is for."""
    return re.sub(r"^.*?(?:___| \(choice=)", "", name).rstrip(")")


def _is_ticks(text: TextColumn) -> bool:
    return all(kind_of_missing(s) is not None or read_answer(s).value for s in text.spellings)


def _says(text: TextColumn, code: str) -> bool:
    return any(read_answer(s).value == code for s in text.spellings)


def _boxes(columns: Mapping[str, TextColumn]) -> dict[str, str]:
    """Checkbox column to its stem."""
    found = {}
    for name in columns:
        match = _BOX.fullmatch(name)
        if match:
            found[name] = match[1]
    return found


def _checkbox(
    stem: str,
    columns: Mapping[str, TextColumn],
    boxes: Mapping[str, str],
    fields: Mapping[str, Field],
) -> Profile:
    members = [n for n, s in boxes.items() if s == stem]
    item = fields.get(stem)
    by_box = {} if item is None else {box_code(c): (c, t) for c, t in item.choices.items()}
    codes = [_box_of(name) for name in members]
    plain = {code: code for code in codes if not code.lstrip("_-").isdigit()}
    choices = dict(by_box.values()) if by_box else plain
    first = columns[members[0]]
    label = item.label if item is not None else ""
    return Profile(tuple(members), stem, first, choices=choices, checkbox=stem, label=label)


def _numbered(names: list[str], boxes: Mapping[str, str]) -> dict[str, tuple[str, tuple[str, ...]]]:
    """Column to the stem and the columns that it is numbered with, from 1 on without a gap."""
    groups: dict[str, dict[int, str]] = {}
    for name in names:
        matches = list(_NUMBER.finditer(name)) if name not in boxes else []
        if matches and (last := matches[-1]):
            stem = f"{name[: last.start()]}\0{name[last.end() :]}"
            groups.setdefault(stem, {}).setdefault(int(last[1]), name)
    found: dict[str, tuple[str, tuple[str, ...]]] = {}
    for stem, members in groups.items():
        if len(members) > 1 and sorted(members) == list(range(1, len(members) + 1)):
            plain = stem.replace("\0", " ").strip(" _.-#")
            ordered = tuple(members[i] for i in sorted(members))
            found |= dict.fromkeys(ordered, (plain, ordered)) if plain else {}
    return found
