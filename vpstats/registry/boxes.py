"""REDCap checkboxes: which are ticked, which are not, and which say neither.

A box that nobody ticked is a no only where its form was filled in, and a cell that is neither a
tick nor the lack of one is a finding: it never counts as not ticked.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from vpstats.registry.answers import read_answer
from vpstats.registry.cells import fold
from vpstats.registry.fields import LEAK_SET_FIELDS
from vpstats.registry.journal import Entry, entry
from vpstats.registry.lexicon import coded, kind_of_missing, stated_missing
from vpstats.registry.mapping import ColumnMap
from vpstats.registry.missing_codes import MISSING_CODES
from vpstats.registry.raw import LACKING, RawSource, TextColumn, from_texts, text_column
from vpstats.registry.redcap import BOX_LABELS, UNLISTED_BOXES, box_code
from vpstats.registry.synonyms import NONE_WORDS
from vpstats.registry.synonyms_forms import CONSENT_WORDS, FORM_WORDS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

_TICKED, _NOT, _UNREAD, _GAP, _BLANK = 1, 0, -1, -2, -3
_BOX = re.compile(r"(.+?)(?:___(.+)| \([^\W\d_]+=(.+)\))")
_STATUS = frozenset({"complete", "vollstandig", "abgeschlossen", "completo", "complet", "potpuno"})
_NO_INFORMATION = frozenset({"ni", "inv", "unk", "nask", "asku", "nav", "msk", "na", "nk", "navu"})
"""Missing-data codes that REDCap proposes, after HL7's reasons for a null."""


@dataclass(frozen=True)
class Boxes:
    """The boxes of one checkbox field.

    Parameters
    ----------
    raw : RawSource
        Rows to look at.
    columns : mapping of str to str
        Code of each box to its raw column; a label export has its label.
    mapped : frozenset of str
        Raw columns that the mapping uses.
    """

    raw: RawSource
    columns: Mapping[str, str]
    mapped: frozenset[str] = frozenset()

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
    def lacking(self) -> dict[str, frozenset[int]]:
        """Numbers of the files whose form has not a box, though others of their source have it.

        So is a box without a single cell beside boxes of which it is written that nobody ticked.
        """
        file, n = self.raw.file, len(self.raw.files)
        absent = [known.get(LACKING, ()) for known in self.raw.meta] or [()] * n
        written = {f for s in self.states.values() for f in np.unique(file[s == _NOT]).tolist()}
        found = {}
        for code, name in self.columns.items():
            filled = np.bincount(file[self.raw.columns[name].filled], minlength=n) > 0
            blank = {number for number in written if not filled[number]}
            gone = {number for number, names in enumerate(absent) if name in names}
            found[code] = frozenset(blank | gone)
        return found

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
        name = self.columns[code]
        known = self._meta(BOX_LABELS).get(name) or self._meta(UNLISTED_BOXES).get(name)
        return known or ("" if "___" in name else code)

    def _meta(self, key: str) -> Mapping[str, str]:
        return self.raw.meta[0].get(key, {}) if self.raw.meta else {}

    def is_none(self, code: str) -> bool:
        """Whether a box says that there is none of the others."""
        return fold(self.label(code)) in NONE_WORDS

    def missing_kind(self, code: str) -> str | None:
        """Which kind of missing a box stands for; None where it says something."""
        stated = {box_code(c): kind for c, kind in self._meta(MISSING_CODES).items()}
        label = self.label(code)
        if box_code(code) in stated or label in stated:
            return stated.get(box_code(code)) or stated[label]
        if CONSENT_WORDS.get(fold(label)) == "no" or (not label and code in _NO_INFORMATION):
            return "unknown"
        named = kind_of_missing(label) if label else None
        # what a label says of 999 is what it is; a code below 0 is no choice, whatever its label
        codes = () if label and not code.startswith("_") else (code, code.replace("_", "-"))
        found = [kind for kind in (named, *map(kind_of_missing, codes)) if kind is not None]
        return found[0] if found else None

    def is_missing(self, code: str) -> bool:
        """Whether a box says that nothing is known."""
        return self.missing_kind(code) is not None

    def is_strange(self, code: str) -> bool:
        """Whether nobody says what a box stands for, and it may be a missing-data code."""
        name, listed = self.columns[code], self._meta(BOX_LABELS)
        if name in self.mapped or name in listed or self.is_missing(code):
            return False
        if any(other in listed for other in self.columns.values()):
            return True
        stated = bool(self.raw.meta) and MISSING_CODES in self.raw.meta[0]
        return "___" in name and stands_apart(code, self.columns, stated=stated)

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
    said = str(read_answer(spelling).value)
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


def boxes_beside(raw: RawSource, name: str, mapped: frozenset[str] = frozenset()) -> Boxes | None:
    """The boxes of the field to which a column belongs; None for a column that is no box."""
    match = _BOX.fullmatch(name)
    return replace(boxes_of(raw, match[1]), mapped=mapped) if match else None


_FAR, _GAP_OF_CODES = 66, 10


def stands_apart(code: str, codes: Collection[str], *, stated: bool = False) -> bool:
    """Whether a code looks like none of the choices beside it: a missing-data code, maybe.

    Parameters
    ----------
    code : str
        As the name of its column has it.
    codes : collection of str
        All codes of its field.
    stated : bool
        Whether the missing-data codes are stated, so that only one below 0 is doubtful.

    Returns
    -------
    bool
        True for numbers below 0, for numbers far above the others, and for letters among numbers.

    Examples
    --------
    >>> [stands_apart(c, ("1", "2", "_998", "99", "ukn")) for c in ("_998", "99", "ukn", "2")]
    [True, True, True, False]
    """
    if code.startswith("_") and code[1:].isdigit():
        return True
    numbers = [int(c) for c in codes if c.isdecimal()]
    if stated or not numbers:
        return False
    if not code.isdecimal():
        return 2 * len(numbers) >= len(codes)
    near = [n for n in numbers if n < _FAR]
    return (
        int(code) >= _FAR and bool(near) and _next(numbers, max(near)) - max(near) >= _GAP_OF_CODES
    )


def _next(numbers: Collection[int], low: int) -> int:
    return min(n for n in numbers if n > low)


def context_of(raw: RawSource, name: str) -> list[str]:
    """Columns by which a box is understood: those beside it, and how far the form is."""
    boxes = boxes_beside(raw, name) if name in raw.columns else None
    if boxes is None or name not in boxes.columns.values():
        return []
    return boxes.names


Gathered = dict[str, frozenset[int]]
"""What the boxes of a field stand for, each with the numbers of the files that have no such box."""
_SITE_BY_SITE = (*LEAK_SET_FIELDS, "yeom")
"""Sets that say of each code which has a box whether it is there; others say what is there."""


def gathered(
    boxes: Boxes, name: str, column: ColumnMap
) -> tuple[TextColumn, Gathered, list[Entry]]:
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
        The text of each row, what each box stands for and where it is lacking, and what was found.
    """
    codes = {box_code(code): word for code, word in column.codes.items()}
    words = {
        code: codes.get(box_code(code)) or boxes.missing_kind(code) or code
        for code in boxes.columns
    }
    doubtful = np.any([boxes.unread(code) for code in words], axis=0)
    # where a box says none, a form without any tick says nothing
    has_none = "none" in words.values()
    silent = boxes.asked & ~boxes.any_tick & ~doubtful
    incomplete = silent & (has_none | ~boxes.done())
    if name not in _SITE_BY_SITE:  # nobody was asked for the one that has no box
        incomplete |= silent & np.isin(boxes.raw.file, [*set().union(*boxes.lacking.values())])
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
        if column.codes and box_code(code) not in codes and not boxes.is_missing(code):
            entries.append(_unknown_box(name, column, code, boxes.ticked(code)))
    nothing = silent & ~incomplete
    text = _joined({code: boxes.ticked(code) & ~doubtful for code in words}, words, nothing)
    return text, _lacking(boxes, words), entries


def _lacking(boxes: Boxes, words: Mapping[str, str]) -> Gathered:
    found: Gathered = {}
    for code, word in words.items():
        found[word] = found.get(word, boxes.lacking[code]) & boxes.lacking[code]
    return found


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
    strange = {c: silent & boxes.ticked(c) for c in boxes.columns if boxes.is_strange(c)}
    incomplete = silent & ~boxes.any_tick & (bool(none) | ~boxes.done())
    cells[np.any([incomplete, contrary, *strange.values()], axis=0)] = ""

    def said(rule: str, mask: Array, note: str = "") -> Entry:
        rows, where = np.flatnonzero(mask), str(column.column)
        raw = text.take(rows).texts()
        return entry(rule, rows, field=name, column=where, raw=raw, clean="", note=note)

    status = boxes.unknown_status() if incomplete.any() else []
    note = "the box for none is ticked beside others"
    found = [said("redcap.incomplete", incomplete), said("word.ambiguous", contrary, note)]
    found += [_strange_box(boxes, name, c, rows) for c, rows in strange.items()]
    return from_texts(list(cells)), [*found, *status]


def _strange_box(boxes: Boxes, name: str, code: str, rows: Array) -> Entry:
    """A ticked box of which nobody says what it stands for: it may be that nothing is known."""
    note = "nobody says what this box stands for, so that the others are not ticked is no no; "
    note += "give the data dictionary, and the project's missing-data codes in missing_codes"
    column, where = boxes.columns[code], np.flatnonzero(rows)
    return entry("redcap.unknown_box", where, field=name, column=column, note=note)


def _say_unknown(boxes: Boxes, code: str, cells: Array, silent: Array) -> Array:
    """Write that nobody knows where another box says so; the rows about which none does."""
    for other in boxes.columns:
        if other != code and boxes.is_missing(other):
            unknown = silent & boxes.ticked(other)
            word, kind = boxes.label(other) or other.replace("_", "-"), boxes.missing_kind(other)
            plain = kind_of_missing(word) == kind
            cells[unknown] = word if plain else stated_missing(word, str(kind))
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
