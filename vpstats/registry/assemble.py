"""Blocks to drafts: the rows of all sources in one frame per table, keyed and collapsed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from vpstats.registry.blocks import Block, asked_yeom
from vpstats.registry.collapse import Conflict, collapse
from vpstats.registry.columns import LIMITS
from vpstats.registry.fields import field_column
from vpstats.registry.gathered import Gathered, gathered, shared_names
from vpstats.registry.journal import Entry, Journal, Places, entry
from vpstats.registry.leaks import WIDE_FIELDS, yeom_columns
from vpstats.registry.level_lists import lists_apart, measured_lists
from vpstats.registry.lost_levels import lost_levels
from vpstats.registry.repeats import repeats_of_session
from vpstats.registry.row_names import own_names, shared_numbers
from vpstats.registry.rules import RULES
from vpstats.schema_tables import TABLES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

FILE, ROW, SOURCE, MAPPED = "_file", "_row", "_source", "_mapped"
HIDDEN = (FILE, ROW, SOURCE, MAPPED)
"""Columns of a draft beside the canonical ones: where each row comes from.

``MAPPED`` is the number of the ``[[source.table]]``: a source may have several of one name, each
with columns of its own.
"""

_LEFT_OUT = "; the row was left out"

_EXTRA = {
    "patients": ("age_at_proc",),
    "procedures": ("birth_date", "birth_year"),
    "levels": WIDE_FIELDS,
}
"""Fields that are mapped in one table and used in another; they leave before the end."""


@dataclass(slots=True)
class Draft:
    """A table on its way to its canonical form.

    Parameters
    ----------
    table : str
        Canonical table.
    frame : DataFrame
        Canonical and hidden columns.
    names : dict of (int, str) to str
        Mapped table and field to raw column, for findings.
    unread : set of str
        Patients with a row that was left out, and that no other row stands for.
    cut_short : Counter of str
        Sessions to the most vertebrae that their rows which were left out may stand for.
    gathered : Gathered, optional
        Where fields come from, where rows of several mapped tables became one.
    """

    table: str
    frame: pd.DataFrame
    names: dict[tuple[int, str], str] = field(default_factory=dict)
    unread: set[str] = field(default_factory=set)
    cut_short: Counter[str] = field(default_factory=Counter)
    gathered: Gathered | None = None

    @property
    def key(self) -> str:
        """Column that names a row."""
        return TABLES[self.table].key[0]

    def places(self) -> Places:
        """Where the rows come from and what they are called."""
        return Places(
            self.table,
            self.frame[FILE].to_numpy(object),
            self.frame[ROW].to_numpy(np.int64),
            self.frame[self.key].to_numpy(object),
        )

    def forget_values(self) -> None:
        """Keep of each row its key and where it comes from."""
        self.frame = self.frame[[*HIDDEN, self.key]]

    def said(
        self,
        rule: str,
        positions: Array,
        names: str | tuple[str, ...],
        *,
        raw: str | Array = "",
        note: str | Array = "",
        masked: bool = False,
    ) -> list[Entry]:
        """What a rule says of a field of some rows, each with the column of its mapped table.

        Where several names are given, the first is the field, and its column that of the first
        which is mapped.
        """
        names = (names,) if isinstance(names, str) else names
        mapped = self.frame[MAPPED].to_numpy()[positions]
        return [
            entry(
                rule,
                positions[mapped == number],
                field=names[0],
                column=next(filter(None, (self.names.get((number, n)) for n in names)), ""),
                raw=raw[mapped == number] if isinstance(raw, np.ndarray) else raw,
                note=note[mapped == number] if isinstance(note, np.ndarray) else note,
                masked=masked,
            )
            for number in np.unique(mapped).tolist()
        ]


# ------------------------------------------------------------------ keys of rows


def row_keys(block: Block, shared: set[str]) -> Array:
    """Key of every row of a block; None where a part of it is missing.

    `shared` are names of visits and events that several patients have.
    """
    if block.table == "patients":
        return block.patient
    if block.table == "procedures":
        return block.procedure
    if block.table in ("levels", "leaks"):
        return _joined(block.procedure, block.values.get("level"))
    name = TABLES[block.table].key[0]
    return _event_keys(block, block.values.get(name), shared)


def _joined(first: Array, second: Array | None) -> Array:
    out = np.full(len(first), None, dtype=object)
    if second is None:
        return out
    known = np.array(
        [a is not None and b is not None for a, b in zip(first, second, strict=True)], bool
    )
    out[known] = first[known] + "/" + second[known]
    return out


def _event_keys(block: Block, mapped: Array | None, shared: set[str]) -> Array:
    """Visits and events: the export's own name where it has one, else patient, source and row."""
    rows = np.array([str(r) for r in block.text.raw.row], dtype=object)
    files = block.text.raw.file
    several = len(block.text.raw.files) > 1
    name = f"{block.text.source.name}{_which_table(block)}"
    where = np.array(
        [
            f"{name}/{f + 1}/{r}" if several else f"{name}/{r}"
            for f, r in zip(files, rows, strict=True)
        ],
        dtype=object,
    )
    keys = _joined(block.patient, where)
    if mapped is None:
        return keys
    own = own_names(block, _joined(block.center, mapped), shared)
    return np.where([o is None for o in own], keys, own)


def _which_table(block: Block) -> str:
    """Number of the table among those of its name: one row may tell of two events."""
    alike = [t for t in block.text.source.tables if t.name == block.table]
    number = next((i for i, t in enumerate(alike) if t is block.text.mapping), 0)
    return f"+{number + 1}" if number else ""


# ------------------------------------------------------------------ required fields


def usable_rows(block: Block, key: Array) -> Array:
    """Rows with a key and every required field; a finding for each of the others.

    Parameters
    ----------
    block : Block
        Whose entries get the findings.
    key : ndarray of object
        Key of each row.

    Returns
    -------
    ndarray of bool
        Rows to use.
    """
    usable, nameless = np.ones(len(block), bool), ~_not_none(key)
    for name, known in _required(block, key).items():
        lost, whose = usable & ~known, name == "patient_id"
        block.entries.append(
            entry(
                "required.missing",
                np.flatnonzero(lost & ~_told(block, name, lost & (nameless | whose))),
                field=name,
                column=block.names.get(name, ""),
                note=_lacks(block, name) + _SO_LEFT_OUT,
            )
        )
        usable &= known
    return usable


def _lacks(block: Block, name: str) -> str:
    """What is wrong with a row that lacks a field."""
    said = _WITHOUT.get(name, f"{name} is missing or cannot be read")
    repeats = block.text.source.is_redcap and block.table in ("levels", "leaks")
    return said + (_SEVERAL_SESSIONS if repeats and name == "proc_date" else "")


_SEVERAL_SESSIONS = (
    " (where a record has several sessions that repeat, map procedure_id, the number of the "
    "session, under procedures and here)"
)
_SO_LEFT_OUT = ", so the row was left out"
_WITHOUT = {
    "center_id": "the center is missing, and nobody can say whose patient this is; fill in the "
    "center, in REDCap the record's data access group"
}
"""Field to what is wrong with a row that lacks it, where its name does not say so."""


def _told(block: Block, name: str, lost: Array) -> Array:
    """Rows whose cell is a finding already, which then says that the row was left out.

    A vertebra that cannot be read is one cause: a second finding would be of what follows from it.
    """
    told = np.zeros(len(block), bool)
    if name == "proc_date" and block.table != "procedures":  # of a level: two things are wrong
        return told
    for number, item in enumerate(block.entries):
        rule, here = RULES[item.rule], lost[item.positions]
        if item.field == name and rule.kind == "finding" and rule.severity == "error":
            said = [f"{note or rule.sentence.rstrip('.')}{_LEFT_OUT}" for note in item.note[here]]
            note = item.note.copy()
            note[here] = said
            block.entries[number] = replace(item, note=note)
            told[item.positions[here]] = True
    return told


def _required(block: Block, key: Array) -> dict[str, Array]:
    # names of patients and sessions begin with the center: without it there are none
    known = {"center_id": _not_none(block.center), "patient_id": _not_none(block.patient)}
    if block.table in ("levels", "leaks"):
        del known["patient_id"]
        known |= _parts_of_session(block)
    for column in TABLES[block.table]:
        # the name of a session that is doubted is not known, whatever its cell says
        if column.required and column.name in block.values and column.name not in known:
            values = block.values[column.name]
            known[column.name] = ~pd.isna(values)
    known[TABLES[block.table].key[0]] = _not_none(key)
    return known


def _parts_of_session(block: Block) -> dict[str, Array]:
    """What names the session of a row: its own name, else the patient and the day."""
    known = {"procedure_id": _not_none(block.procedure)}
    if "procedure_id" in block.values or "proc_date" not in block.values:
        return known
    return {
        "patient_id": known["procedure_id"] | _not_none(block.patient),
        "proc_date": known["procedure_id"] | ~np.isnat(block.values["proc_date"]),
        **known,
    }


def _not_none(values: Array) -> Array:
    known: Array = ~pd.isna(values)
    return known


# ------------------------------------------------------------------ frames


def block_frame(block: Block, key: Array, source: int, mapped: int) -> pd.DataFrame:
    """The rows of a block as a frame: canonical, extra and hidden columns."""
    table = TABLES[block.table]
    wanted = (*table.names, *_EXTRA.get(block.table, ()))
    columns: dict[str, Any] = {n: v for n, v in block.values.items() if n in wanted}
    columns[table.key[0]] = key
    if "center_id" in table:
        columns["center_id"] = block.center
    if "patient_id" in table:
        columns["patient_id"] = block.patient
    if "procedure_id" in table:
        columns["procedure_id"] = block.procedure
    if "yeom" in block.values:
        columns |= yeom_columns(pd.Series(block.values["yeom"], dtype=object))
        for name, rows in asked_yeom(block).items():
            columns[name] = np.where(rows, columns[name], None)
    places = block.places(key)
    columns |= {FILE: places.file, ROW: places.row, SOURCE: source, MAPPED: np.int32(mapped)}
    return pd.DataFrame(columns)


def draft_table(
    table: str, blocks: Sequence[Block], journal: Journal, numbers: dict[int, int]
) -> Draft:
    """Put the blocks of one table under one another and collapse rows with the same key.

    Parameters
    ----------
    table : str
        Canonical table.
    blocks : sequence of Block
        All blocks; those of other tables are passed over.
    journal : Journal
        Takes the entries of the blocks, now that their rows have names.
    numbers : dict of int to int
        Identity of a block to the number of its source.

    Returns
    -------
    Draft
        One row per key.
    """
    frames: list[pd.DataFrame] = []
    names: dict[tuple[int, str], str] = {}
    sources: dict[int, int] = {}
    lost: list[tuple[Any, Any]] = []
    cut_short = Counter[str]()
    shared = shared_numbers(table, blocks)
    for mapped, block in enumerate(blocks):
        if block.table != table:
            continue
        key = row_keys(block, shared)
        usable = usable_rows(block, key)
        lost += zip(key[~usable], block.patient[~usable], strict=True)
        cut_short += lost_levels(block, usable)
        usable &= ~repeats_of_session(block, blocks)
        shown = np.where([k is None for k in key], "", key)
        journal.add(block.entries, block.places(shown))
        sources[mapped] = numbers[id(block)]
        frame = block_frame(block, key, sources[mapped], mapped)
        frames.append(frame if usable.all() else frame[usable])
        names.update({(mapped, name): raw for name, raw in block.names.items()})
        block.values, block.entries = {}, []  # they are in the frame and in the journal now
    whole = _stacked(frames, table)
    draft = Draft(table, whole, names, cut_short=cut_short)
    if table == "levels" and len(sources) > 1:
        _say_apart(draft, measured_lists(blocks), journal)
    draft = _collapsed(draft, journal)
    if len(draft.frame) < len(whole):
        draft.names |= shared_names(names, sources)
    there = set(draft.frame[draft.key]) if lost else set()
    draft.unread |= {who for key, who in lost if who is not None and key not in there}
    return draft


def _stacked(frames: Sequence[pd.DataFrame], table: str) -> pd.DataFrame:
    if len(frames) == 1:
        return frames[0].reset_index(drop=True)  # a copy of a million rows less
    return pd.concat(frames, ignore_index=True) if frames else _empty(table)


def _empty(table: str) -> pd.DataFrame:
    declared = TABLES[table]
    frame = pd.DataFrame({name: pd.Series(dtype=object) for name in (*declared.names, *HIDDEN)})
    return frame.astype({ROW: np.int64, SOURCE: np.int64, MAPPED: np.int32})


def _say_apart(draft: Draft, measured: Array, journal: Journal) -> None:
    """Vertebrae of a session that some of its lists have, and others should have too."""
    sessions, levels, mapped = (
        draft.frame[name].to_numpy() for name in ("procedure_id", "level", MAPPED)
    )
    rows = lists_apart(sessions, levels, mapped, measured[mapped])
    journal.add(draft.said("level.files_differ", rows, "level"), draft.places())


def _collapsed(draft: Draft, journal: Journal) -> Draft:
    frame = draft.frame
    if draft.table == "leaks":
        return draft
    key = frame[draft.key].to_numpy(object)
    fields = [c for c in frame.columns if c not in (*HIDDEN, draft.key)]
    one, conflicts = collapse(frame, key, fields)
    places = draft.places()
    said = {name: frame[name] for name in fields}
    draft.gathered = gathered(places, frame[MAPPED], frame[SOURCE], said)
    journal.add([item for c in conflicts for item in _conflict(draft, c)], places)
    if draft.table in ("levels", "visits", "events") and len(one) < len(frame):
        repeated = _told_again(draft, key)
        journal.add([entry("duplicate.key", np.flatnonzero(repeated))], places)
    for limit in (LIMITS[c.field] for c in conflicts if c.field in LIMITS):
        if limit in one:  # of a value that contradicts itself nothing is left
            one[limit] = one[limit].where(one[_LIMITED[limit]].notna(), None)
    draft.frame = one.reset_index(drop=True)
    return _without_lost_keys(draft, journal) if conflicts else draft


_LIMITED = {limit: name for name, limit in LIMITS.items()}


def _told_again(draft: Draft, key: Array) -> Array:
    """Rows about one thing, of one mapped table, or of several that say the same field of it.

    One file may have the volumes of the vertebrae and another their leaks: nothing is said twice.
    """
    frame = draft.frame
    several = pd.Series(key).duplicated(keep=False).to_numpy(bool)
    rows = pd.DataFrame({"key": key[several], "mapped": frame[MAPPED].to_numpy()[several]})
    values = [
        column.name
        for column in TABLES[draft.table]
        if not (column.required or column.role in ("identifier", "key")) and column.name in frame
    ]
    filled = frame.loc[several, values].notna().reset_index(drop=True)
    again = (filled & (filled.groupby(rows["key"]).transform("sum") > 1)).any(axis=1)
    told = np.zeros(len(frame), bool)
    told[several] = (rows.duplicated(keep=False) | again).to_numpy(bool)
    return told


def _without_lost_keys(draft: Draft, journal: Journal) -> Draft:
    """Leave out rows whose required fields contradicted one another."""
    lost = np.zeros(len(draft.frame), bool)
    for column in TABLES[draft.table]:
        if column.required and column.name in draft.frame:
            missing = draft.frame[column.name].isna().to_numpy(bool) & ~lost
            note = f"rows contradict one another in {column.name}, so they were left out"
            items = draft.said("required.missing", np.flatnonzero(missing), column.name, note=note)
            journal.add(items, draft.places())
            lost |= missing
    if "patient_id" in draft.frame:
        draft.unread |= set(draft.frame["patient_id"][lost].dropna())
    if draft.table == "procedures":
        draft.cut_short.update(draft.frame["procedure_id"][lost])
    draft.frame = draft.frame[~lost].reset_index(drop=True)
    return draft


def drop_orphans(drafts: dict[str, Draft], journal: Journal) -> None:
    """Leave out levels whose session is not there: nothing is known of when or why."""
    levels, sessions = drafts["levels"], drafts["procedures"]
    named = levels.frame["procedure_id"]
    lost = ~named.isin(sessions.frame["procedure_id"]).to_numpy(bool)
    unread = named[lost].isin(list(sessions.cut_short)).to_numpy(bool)
    note = np.where(unread, _UNREAD_SESSION, _NO_SESSION)
    by = ("procedure_id", "proc_date")
    items = levels.said("key.orphan", np.flatnonzero(lost), by, note=note)
    journal.add(items, levels.places())
    levels.frame = levels.frame[~lost].reset_index(drop=True)


_UNREAD_SESSION = (
    "the row of this level's session was left out, as a finding at that row says, and the level "
    "with it; correct the session's row and the level comes back"
)
_NO_SESSION = (
    "no row of the sessions is about the session that this level names, so the level was left "
    "out; add the session's row to the source, or correct how the level names it"
)


def _conflict(draft: Draft, conflict: Conflict) -> list[Entry]:
    # what is mapped here and used elsewhere, as a date of birth beside a session, is masked too
    masked = field_column(draft.table, conflict.field).masked
    values = draft.frame[conflict.field].take(conflict.positions)
    return draft.said(
        "conflict.rows",
        conflict.positions,
        conflict.field,
        raw=np.array([_text(v) for v in values], dtype=object),
        note="other rows of the same thing say otherwise; the value was set missing",
        masked=masked,
    )


def _text(value: object) -> str:
    if isinstance(value, pd.Timestamp):
        return str(value.date())
    return f"{value:g}" if isinstance(value, float) else str(value)
