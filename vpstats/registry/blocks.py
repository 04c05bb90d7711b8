"""Blocks: the rows that one source gives to one table, first their keys, then their values."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from vpstats.registry.cells import trim
from vpstats.registry.cleaning import clean_column
from vpstats.registry.columns import LIMITS, PARTIAL, Cleaned, Dialect, raw_name
from vpstats.registry.fields import LEAK_SET_FIELDS, YEOM, allowed_fields, field_column
from vpstats.registry.identifiers import NAMES, judge_identifiers, nobodies
from vpstats.registry.journal import Entry, Places, entry
from vpstats.registry.leaks import NAMED_SITES, asked_sites
from vpstats.registry.lexicon import coded, read_set
from vpstats.registry.mapping import ColumnMap
from vpstats.registry.parts import parts_of
from vpstats.registry.precision import at_precision
from vpstats.registry.ranges import judge_range
from vpstats.registry.raw import TextColumn
from vpstats.registry.tables import ACCESS_GROUP, TextTable
from vpstats.schema import SET_SEPARATOR
from vpstats.schema_tables import TABLES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

FLOOR = np.datetime64("1984-01-01")
"""First vertebroplasty (Galibert P, Deramond H, et al. Neurochirurgie 1987;33:166-168)."""

_ANY_TIME = frozenset({"birth_date", "optout_date", "antiosteo_start", "fracture_date"})
CONSENT_FIELDS = ("consent_research", "optout_date")
_KEY_FIELDS = ("patient_id", "procedure_id", "proc_date", "level")


@dataclass(slots=True)
class Block:
    """Rows of one source for one table.

    Parameters
    ----------
    text : TextTable
        Their text.
    dialect : Dialect
        How the source writes.
    center : ndarray of object
        Center of each row; None where it is not known.
    values : dict of str to ndarray
        Typed fields.
    names : dict of str to str
        Field to raw column.
    entries : list of Entry
        What was changed and doubted.
    patient, procedure : ndarray of object
        Keys of the row's patient and session; None where there is none.
    cut : bool
        Whether rows have left it since its keys were read.
    """

    text: TextTable
    dialect: Dialect
    center: Array
    values: dict[str, Array] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    entries: list[Entry] = field(default_factory=list)
    patient: Array = field(default_factory=lambda: np.empty(0, object))
    procedure: Array = field(default_factory=lambda: np.empty(0, object))
    cut: bool = False

    def __len__(self) -> int:
        return len(self.center)

    @property
    def table(self) -> str:
        """Name of the canonical table."""
        return self.text.mapping.name

    def mapping(self, name: str) -> ColumnMap:
        """How a field is mapped; the exploded list for a vertebra that is not mapped itself."""
        found = self.text.mapping.columns.get(name)
        return found or ColumnMap(column=", ".join(self.text.mapping.spread) or name)

    def places(self, key: Array) -> Places:
        """Where the rows come from."""
        files = np.array(self.text.raw.files, dtype=object)
        return Places(self.table, files[self.text.raw.file], self.text.raw.row, key)

    def forget_text(self) -> None:
        """Let go of the text, once its values have been read."""
        self.text = replace(self.text, raw=self.text.raw.only(()), fields={})

    def keep(self, mask: Array) -> None:
        """Keep some rows and what was said about them."""
        if mask.all():
            return
        self.cut = True
        positions = np.flatnonzero(mask)
        new = np.full(len(mask), -1, np.int64)
        new[positions] = np.arange(len(positions))
        self.entries = [_moved(e, new) for e in self.entries]
        self.text = replace(
            self.text,
            raw=self.text.raw.take(positions),
            fields={n: c.take(positions) for n, c in self.text.fields.items()},
            rank=self.text.rank[positions],
            listed=self.text.listed[positions],
            named=self.text.named[positions],
        )
        self.center, self.patient = self.center[positions], self.patient[positions]
        self.procedure = self.procedure[positions]
        self.values = {n: v[positions] for n, v in self.values.items()}


def _moved(item: Entry, new: Array) -> Entry:
    stays = new[item.positions] >= 0
    return replace(
        item,
        positions=new[item.positions[stays]],
        raw=item.raw[stays],
        clean=item.clean[stays],
        note=item.note[stays],
    )


# ------------------------------------------------------------------ keys


def open_block(text: TextTable, dialect: Dialect) -> Block:
    """Start a block: its centers, its key columns, its consent.

    Parameters
    ----------
    text : TextTable
        Chosen rows of text.
    dialect : Dialect
        How the source writes.

    Returns
    -------
    Block
        With `patient` and `procedure` as the export names them, prefixed by the center.
    """
    block = Block(text, dialect, np.empty(0, object), entries=list(text.entries))
    block.center = _centers(block)
    for name in (*_KEY_FIELDS, *CONSENT_FIELDS):
        if name in text.fields:
            _read_field(block, name)
    block.patient = prefixed(block.center, block.values.get("patient_id"))
    block.procedure = prefixed(block.center, block.values.get("procedure_id"))
    return block


def _centers(block: Block) -> Array:
    text = block.text
    center = text.source.center
    if "center_id" in text.fields:
        mapping = block.mapping("center_id")
        return _coded_centers(block, text.fields["center_id"], raw_name(mapping), mapping.codes)
    if center is not None and center.value is not None:
        return np.full(len(text), center.value, dtype=object)
    column = ACCESS_GROUP if center is None else str(center.column)
    codes = {} if center is None else center.codes
    return _coded_centers(block, text.raw.columns[column], column, codes)


def _coded_centers(block: Block, text: TextColumn, name: str, codes: dict[str, str]) -> Array:
    block.names["center_id"] = name
    mapped = [coded(s, codes) for s in text.spellings]
    unknown = np.array([bool(codes) and m is None for m in mapped] + [False], bool)[text.codes]
    nowhere = {i for i in nobodies(text.spellings) if not any(map(str.isdigit, text.spellings[i]))}
    names = [m or (None if i in nowhere else trim(text.spellings[i])) for i, m in enumerate(mapped)]
    lookup = np.array([*names, None], dtype=object)
    block.entries.append(
        entry(
            "center.unknown",
            np.flatnonzero(unknown),
            field="center_id",
            column=name,
            raw=text.texts()[unknown],
            note="the mapping has no code for this center",
        )
    )
    return lookup[text.codes]


def prefixed(center: Array, identifier: Array | None) -> Array:
    """``<center>/<identifier>`` where both are known."""
    out = np.full(len(center), None, dtype=object)
    if identifier is None:
        return out
    known = np.array(
        [c is not None and i is not None for c, i in zip(center, identifier, strict=True)], bool
    )
    out[known] = center[known] + "/" + identifier[known]
    return out


def session_key(patient: Array, day: Array) -> Array:
    """``<patient_id>/<YYYY-MM-DD>`` where both are known."""
    out = np.full(len(patient), None, dtype=object)
    known = ~np.isnat(day) & np.array([p is not None for p in patient], bool)
    days, codes = np.unique(day[known], return_inverse=True)
    out[known] = patient[known] + "/" + np.array([str(d) for d in days], dtype=object)[codes]
    return out


# ------------------------------------------------------------------ values


def _read_field(block: Block, name: str) -> None:
    column = field_column(block.table, name)
    mapping = block.mapping(name)
    text = block.text.fields[name]
    units = None
    if mapping.unit_column is not None:
        units = block.text.raw.columns[mapping.unit_column]
    cleaned = clean_column(text, column, mapping, block.dialect, units=units)
    if mapping.precision is not None:
        exact = block.text.raw.columns[mapping.precision.column]
        cleaned = at_precision(cleaned, exact, column, mapping)
    block.names[name] = raw_name(mapping)
    block.entries += cleaned.entries
    if column.kind in ("number", "integer"):
        block.values[name] = cleaned.values
        _keep_limit(block, name, cleaned)
    elif column.kind == "date":
        block.values[name] = _possible_days(block, name, cleaned, text)
    else:
        block.values[name] = cleaned.values
    if name in NAMES:
        block.values[name], entries = judge_identifiers(
            text,
            cleaned.values,
            name=name,
            column=block.names[name],
            coded=bool(mapping.codes),
        )
        block.entries += entries


def _keep_limit(block: Block, name: str, cleaned: Cleaned) -> None:
    limit = LIMITS.get(name)
    if limit is not None and limit not in block.text.fields and cleaned.limit is not None:
        block.values[limit] = cleaned.limit
        block.names[limit] = block.names[name]


def _possible_days(block: Block, name: str, cleaned: Cleaned, text: TextColumn) -> Array:
    """Days that can be: after the first vertebroplasty and not after the data cut."""
    days = cleaned.values
    cut = np.datetime64(block.dialect.cut)
    if name != "optout_date":
        _drop_days(block, name, days, days > cut, text, f"after the data cut, {cut}")
    if name not in _ANY_TIME:
        _drop_days(block, name, days, days < FLOOR, text, "before the first vertebroplasty, 1984")
    _keep_partial(block, name, cleaned)
    return days


def _drop_days(
    block: Block, name: str, days: Array, wrong: Array, text: TextColumn, note: str
) -> None:
    where = np.flatnonzero(wrong)
    masked = field_column(block.table, name).masked
    raw = text.take(where).texts()
    block.entries.append(
        entry(
            "date.outside",
            where,
            field=name,
            column=block.names[name],
            raw=raw,
            note=note,
            masked=masked,
        )
    )
    days[where] = np.datetime64("NaT")


def _keep_partial(block: Block, name: str, cleaned: Cleaned) -> None:
    """Partial dates: an interval for events, the year for dates of birth."""
    if cleaned.first is None or cleaned.last is None:
        return
    partial = ~np.isnat(cleaned.first)
    if name in PARTIAL and partial.any():
        for target, days in zip(PARTIAL[name], (cleaned.first, cleaned.last), strict=True):
            block.values[f"_{target}"] = days
    if name == "birth_date" and partial.any():
        years = cleaned.first.astype("datetime64[Y]").astype(float) + 1970
        years, entries = judge_range(
            np.where(partial, years, np.nan),
            TABLES["patients"]["birth_year"],
            block.mapping(name),
            np.full(len(years), "", dtype=object),
        )
        block.entries += entries
        block.values["_birth_year"] = years


def read_values(block: Block) -> None:
    """Read every mapped field that the keys did not need, and judge the ranges of numbers."""
    if block.cut:
        _log_again(block)
    for name in block.text.fields:
        if name not in block.values:
            _read_field(block, name)
    parts = parts_of(block.text.raw.file, block.center, _days_of(block))
    for name, values in list(block.values.items()):
        if name.startswith("_") or name not in block.text.fields:
            continue
        column = field_column(block.table, name)
        if column.kind in ("number", "integer"):
            texts, mapping = block.text.fields[name].texts(), block.mapping(name)
            block.values[name], entries = judge_range(values, column, mapping, texts, parts)
            block.entries += entries
            _forget_limit(block, name)
    _merge_partial(block)
    _part_sites(block)


def _days_of(block: Block) -> Array:
    """Day of the session, visit or event of each row, where the block knows it."""
    days = (block.values.get(name) for name in ("proc_date", "visit_date", "event_date"))
    known = (d for d in days if d is not None)
    return next(known, np.full(len(block), np.datetime64("NaT", "D")))


def _part_sites(block: Block) -> None:
    """Of a form with boxes for some leak sites, the others were not asked for."""
    for name, modality in LEAK_SET_FIELDS.items():
        asked = _asked(block, name)
        if not asked or all(sites >= set(NAMED_SITES) for sites in asked):
            continue
        sets = block.values.pop(name)
        for sites in dict.fromkeys(asked):
            files = [number for number, own in enumerate(asked) if own == sites]
            here = np.isin(block.text.raw.file, files)
            for field_name, states in asked_sites(sets, sites, modality).items():
                known = block.values.get(field_name, np.full(len(block), None, dtype=object))
                block.values[field_name] = np.where(here & pd.isna(known), states, known)
                block.names.setdefault(field_name, block.names[name])


def _asked(block: Block, name: str) -> list[frozenset[str]]:
    """Codes of a set that have a box, file by file; nothing where it is not gathered from boxes."""
    boxes = block.text.boxes.get(name, {})
    column, codes = field_column(block.table, name), block.mapping(name).codes
    words = {
        box: str(read_set(box, column, codes).value).split(SET_SEPARATOR) if box else []
        for box in boxes
    }
    return [
        frozenset(code for box, gone in boxes.items() if number not in gone for code in words[box])
        for number in range(len(block.text.raw.files) if boxes else 0)
    ]


def asked_yeom(block: Block) -> dict[str, Array]:
    """Rows in whose files the form has a box for a type of Yeom's; empty where it has no boxes."""
    asked, file = _asked(block, "yeom"), block.text.raw.file
    return {
        f"yeom_{kind}": np.array([kind in codes for codes in asked], bool)[file]
        for kind in (YEOM if asked else ())
    }


def _log_again(block: Block) -> None:
    """Log the key columns of the rows that stay: what stood at a row that left is said anew."""
    names = {"proc_date", "level", *CONSENT_FIELDS} & set(block.text.fields)
    said_once = ("optout.placeholder",)
    block.entries = [e for e in block.entries if e.field not in names or e.rule in said_once]
    values = dict(block.values)
    for name in sorted(names):
        _read_field(block, name)
    block.values |= values


def _forget_limit(block: Block, name: str) -> None:
    limit = LIMITS.get(name)
    if limit in block.values and limit not in block.text.fields:
        block.values[limit][np.isnan(block.values[name])] = None


def _merge_partial(block: Block) -> None:
    """Put the interval of a partial date where nothing else was recorded."""
    for target in ("event_left_date", "event_right_date", "birth_year"):
        extra = block.values.pop(f"_{target}", None)
        if extra is None or target not in allowed_fields(block.table):
            continue
        known = block.values.get(target)
        if known is None:
            block.values[target] = extra
            block.names[target] = block.names["event_date" if "event" in target else "birth_date"]
        else:
            empty = np.isnan(known) if known.dtype.kind == "f" else np.isnat(known)
            block.values[target] = np.where(empty, extra, known)
