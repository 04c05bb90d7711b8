"""REDCap checkboxes: which are ticked, which are not, and which say neither.

A box that nobody ticked is a no only where its form was filled in, and a cell that is neither a
tick nor the lack of one is a finding: it never counts as not ticked.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from vpstats.registry.cells import fold
from vpstats.registry.journal import Entry, entry
from vpstats.registry.lexicon import coded, kind_of_missing, read_yes_no
from vpstats.registry.mapping import ColumnMap
from vpstats.registry.raw import RawSource, TextColumn, from_texts, text_column
from vpstats.registry.redcap import BOX_LABELS, box_code
from vpstats.registry.synonyms import NONE_WORDS
from vpstats.registry.synonyms_forms import CONSENT_WORDS, FORM_WORDS
from vpstats.schema_tables import PROCEDURES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

_TICKED, _NOT, _UNREAD, _GAP, _BLANK = 1, 0, -1, -2, -3
_BOX = re.compile(r"(.+?)(?:___(.+)| \([^\W\d_]+=(.+)\))")
_STATUS = frozenset({"complete", "vollstandig", "abgeschlossen", "completo", "complet", "potpuno"})
_NO_INFORMATION = frozenset({"ni", "inv", "unk", "nask", "asku", "nav", "msk", "na", "nk"})
"""Missing-data codes that REDCap proposes, after HL7's reasons for a null."""
_ANY = PROCEDURES["hypotension"]


@dataclass(frozen=True)
class Boxes:
    """The boxes of one checkbox field.

    Parameters
    ----------
    raw : RawSource
        Rows to look at.
    columns : mapping of str to str
        Code of each box to its raw column; a label export has its label.
    """

    raw: RawSource
    columns: Mapping[str, str]

    @cached_property
    def states(self) -> dict[str, Array]:
        """What each box says in each row."""
        texts = [self.raw.columns[name] for name in self.columns.values()]
        plus = any(fold(s) == "+" for text in texts for s in text.spellings)
        found = {c: self._read(c, n, plus=plus) for c, n in self.columns.items()}
        answered: Array = np.any([state >= _UNREAD for state in found.values()], axis=0)
        return {c: _beside(self._blank_is(state), answered) for c, state in found.items()}

    def _read(self, code: str, name: str, *, plus: bool) -> Array:
        text, label = self.raw.columns[name], self.label(code)
        said = [_says(s, label, plus=plus) for s in text.spellings]
        states: Array = np.array([*said, _BLANK], np.int8)[text.codes]
        return states

    def _blank_is(self, state: Array) -> Array:
        """A blank is a box that is not ticked where that is never written, or not in its file."""
        file, n = self.raw.file, len(self.raw.files)
        written = np.bincount(file[state == _NOT], minlength=n)[file] > 0
        return np.where((state == _BLANK) & written, _GAP, state)

    @cached_property
    def asked(self) -> Array:
        """Rows in which a box says something."""
        asked: Array = np.any([s >= _UNREAD for s in self.states.values()], axis=0)
        return asked

    @cached_property
    def any_tick(self) -> Array:
        """Rows in which a box is ticked."""
        ticked: Array = np.any([s == _TICKED for s in self.states.values()], axis=0)
        return ticked

    def ticked(self, code: str) -> Array:
        """Rows in which one box is ticked."""
        return np.asarray(self.states[code] == _TICKED)

    def unread(self, code: str) -> Array:
        """Rows in which one box says neither, while its form was answered."""
        return np.asarray(self.states[code] == _UNREAD)

    def label(self, code: str) -> str:
        """Label of a box, as far as the export or the data dictionary has it."""
        known: Mapping[str, str] = self.raw.meta[0].get(BOX_LABELS, {}) if self.raw.meta else {}
        return known.get(self.columns[code], "" if "___" in self.columns[code] else code)

    def is_none(self, code: str) -> bool:
        """Whether a box says that there is none of the others."""
        return fold(self.label(code)) in NONE_WORDS

    def is_missing(self, code: str) -> bool:
        """Whether a box says that nothing is known: a missing-data code of the project."""
        names = (code, code.replace("_", "-"), self.label(code))
        if not self.label(code) and code in _NO_INFORMATION:
            return True
        refused = CONSENT_WORDS.get(fold(self.label(code))) == "no"
        return refused or any(name and kind_of_missing(name) is not None for name in names)

    def done(self) -> Array:
        """Where the form was at least saved as unverified; one without a status counts as not."""
        name = self.status
        if name is None:
            return np.zeros(len(self.raw), bool)
        text = self.raw.columns[name]
        said = [FORM_WORDS.get(fold(s)) == "done" for s in text.spellings]
        return np.array([*said, False], bool)[text.codes]

    @property
    def status(self) -> str | None:
        """The form's ``_complete`` column: the first to the right of the boxes."""
        names = list(self.raw.columns)
        after = names[names.index(next(iter(self.columns.values()))) :] if self.columns else []
        return next((name for name in after if is_status(name)), None)

    @property
    def names(self) -> list[str]:
        """Columns of the boxes, and the one that says how far their form is."""
        return [*self.columns.values(), *([self.status] if self.status else [])]

    def unknown_status(self) -> list[Entry]:
        """A finding at the first row of each state of the form that is not known."""
        if self.status is None:
            return []
        text = self.raw.columns[self.status]
        strange = [i for i, s in enumerate(text.spellings) if fold(s) not in FORM_WORDS]
        rows = np.sort(text.first_rows()[strange]).astype(np.int64)
        return [entry("redcap.status_unread", rows, column=self.status, raw=text.texts()[rows])]


def _says(spelling: str, label: str, *, plus: bool) -> int:
    plain = fold(spelling)
    if plus and spelling.strip() in ("-", "−", "–"):
        return _NOT
    said = str(read_yes_no(spelling, _ANY).value)
    if said in ("yes", "no"):
        return _TICKED if said == "yes" else _NOT
    if label and plain == fold(label):
        return _TICKED
    return _GAP if kind_of_missing(spelling) is not None else _UNREAD


def _beside(state: Array, answered: Array) -> Array:
    """A gap among answered boxes is a box about which nothing is known."""
    return np.where((state == _GAP) & answered, _UNREAD, state)


def is_status(name: str) -> bool:
    """Whether a column says of a form how far it was filled in.

    Examples
    --------
    >>> is_status("levels_complete"), is_status("Complete?"), is_status("complete_blood_count")
    (True, True, False)
    """
    asked = name.split("?")[0] if "?" in name else ""
    return name.endswith("_complete") or fold(asked) in _STATUS


def boxes_of(raw: RawSource, stem: str) -> Boxes:
    """The boxes of a checkbox field, by the part of their names that they share.

    Parameters
    ----------
    raw : RawSource
        Rows to look at.
    stem : str
        What stands before ``___``, or before ``(choice=``.

    Returns
    -------
    Boxes
        Without any where there are none.
    """
    parts = {name: _BOX.fullmatch(name) for name in raw.columns if name.startswith(stem)}
    mine = {name: match for name, match in parts.items() if match and match[1] == stem}
    start = f"{stem}___"  # the stem may have the mark itself
    codes = {name[len(start) :]: name for name in raw.columns if name.startswith(start)}
    return Boxes(raw, codes or {match[3]: name for name, match in mine.items() if match[3]})


def boxes_beside(raw: RawSource, name: str) -> Boxes | None:
    """The boxes of the field to which a column belongs; None for a column that is no box."""
    match = _BOX.fullmatch(name)
    return boxes_of(raw, match[1]) if match else None


def context_of(raw: RawSource, name: str) -> list[str]:
    """Columns by which a box is understood: those beside it, and how far the form is."""
    boxes = boxes_beside(raw, name) if name in raw.columns else None
    if boxes is None or name not in boxes.columns.values():
        return []
    return boxes.names


def gathered(
    boxes: Boxes, name: str, column: ColumnMap
) -> tuple[TextColumn, list[str], list[Entry]]:
    """Codes of the ticked boxes, joined; without a tick, what a form that was filled in means.

    Parameters
    ----------
    boxes : Boxes
        Of the field.
    name : str
        Canonical field.
    column : ColumnMap
        Its mapping.

    Returns
    -------
    tuple
        The text of each row, what each box stands for, and what was found.
    """
    codes = {box_code(code): word for code, word in column.codes.items()}
    words = {code: codes.get(box_code(code), code) for code in boxes.columns}
    doubtful = np.any([boxes.unread(code) for code in words], axis=0)
    # where a box says none, a form without any tick says nothing
    has_none = "none" in words.values()
    silent = boxes.asked & ~boxes.any_tick & ~doubtful
    incomplete = silent & (has_none | ~boxes.done())
    stem = f"{column.checkbox}___*"
    entries = [
        entry(
            "redcap.incomplete",
            np.flatnonzero(incomplete),
            field=name,
            column=stem,
            raw="no box ticked",
            clean="",
        ),
        *_unread_boxes(boxes, name),
        *(boxes.unknown_status() if incomplete.any() else ()),
    ]
    for code in words:
        if column.codes and box_code(code) not in codes:
            entries.append(_unknown_box(name, column, code, boxes.ticked(code)))
    nothing = silent & ~incomplete
    text = _joined({code: boxes.ticked(code) & ~doubtful for code in words}, words, nothing)
    return text, list(words.values()), entries


def _joined(ticked: Mapping[str, Array], words: Mapping[str, str], none: Array) -> TextColumn:
    """Words of the ticked boxes of each row, spelled once for each way of ticking them."""
    way, texts = np.where(none, 1, 0), ["", "none"]
    for code, rows in ticked.items():
        if words[code] == "missing" or not rows.any():
            continue
        way, seen = pd.factorize(2 * way + rows)
        texts = [
            ";".join(filter(None, (texts[old // 2], words[code] if old % 2 else "")))
            for old in seen
        ]
    return text_column(way, texts)


def _unknown_box(name: str, column: ColumnMap, code: str, ticked: Array) -> Entry:
    return entry(
        "redcap.unknown_box",
        np.flatnonzero(ticked),
        field=name,
        column=f"{column.checkbox}___{code}",
        note="the mapping has no code for this box",
    )


def _unread_boxes(boxes: Boxes, name: str) -> list[Entry]:
    found = []
    for code, column in boxes.columns.items():
        rows = np.flatnonzero(boxes.unread(code))
        text = boxes.raw.columns[column].take(rows).texts()
        found.append(entry("redcap.box_unread", rows, field=name, column=column, raw=text))
    return found


def single_box(
    boxes: Boxes, name: str, column: ColumnMap, text: TextColumn
) -> tuple[TextColumn, list[Entry]]:
    """A box that feeds a yes/no field: a yes where it is ticked, a no where its form says so.

    Parameters
    ----------
    boxes : Boxes
        It and those beside it.
    name : str
        Canonical field.
    column : ColumnMap
        Its mapping.
    text : TextColumn
        Its cells.

    Returns
    -------
    tuple
        The text of each row, and what was found.
    """
    code = next(c for c, raw in boxes.columns.items() if raw == column.column)
    cells = _named_ticks(text, boxes.label(code), column).texts()
    none = [other for other in boxes.columns if boxes.is_none(other)]
    contrary = _beside_none(boxes, none)
    silent = _say_unknown(boxes, code, cells, (boxes.states[code] == _NOT) & ~contrary)
    incomplete = silent & ~boxes.any_tick & (bool(none) | ~boxes.done())
    cells[incomplete | contrary] = ""

    def said(rule: str, mask: Array, note: str = "") -> Entry:
        rows, where = np.flatnonzero(mask), str(column.column)
        raw = text.take(rows).texts()
        return entry(rule, rows, field=name, column=where, raw=raw, clean="", note=note)

    status = boxes.unknown_status() if incomplete.any() else []
    note = "the box for none is ticked beside others"
    found = [said("redcap.incomplete", incomplete), said("word.ambiguous", contrary, note)]
    return from_texts(list(cells)), [*found, *status]


def _say_unknown(boxes: Boxes, code: str, cells: Array, silent: Array) -> Array:
    """Write that nobody knows where another box says so; the rows about which none does."""
    for other in boxes.columns:
        if other != code and boxes.is_missing(other):
            unknown = silent & boxes.ticked(other)
            word = boxes.label(other) or other.replace("_", "-")
            cells[unknown] = word if kind_of_missing(word) is not None else "unknown"
            silent = silent & ~unknown
    return silent


def _beside_none(boxes: Boxes, none: Collection[str]) -> Array:
    """Rows with a tick for none, and another for one of those that there are none of."""
    denied = np.any([np.zeros(len(boxes.raw), bool), *map(boxes.ticked, none)], axis=0)
    named = [c for c in boxes.columns if c not in none and not boxes.is_missing(c)]
    told = np.any([np.zeros(len(boxes.raw), bool), *map(boxes.ticked, named)], axis=0)
    return np.asarray(denied & told)


def _named_ticks(text: TextColumn, label: str, column: ColumnMap) -> TextColumn:
    """A box that is ticked by its own label says yes."""
    if not label or _says(label, "", plus=False) != _UNREAD or coded(label, column.codes):
        return text
    ticks = {s for s in text.spellings if fold(s) == fold(label)}
    return from_texts(["yes" if t in ticks else t for t in text.texts()]) if ticks else text
