"""Who opted out of research: days that say so, days that stand for none, and doubtful ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from vpstats.registry.answers import read_answer
from vpstats.registry.blocks import FLOOR, Block
from vpstats.registry.journal import Journal, entry
from vpstats.registry.lexicon import coded, kind_of_missing

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

_FIELD = "optout_date"
_YEAR = np.timedelta64(366, "D")


def opted_out(block: Block) -> Array:
    """Rows whose patient did not want to be here: a no to research, or an opt-out in any form.

    An opt-out that cannot be read as a date is still an opt-out, unless it says no or is a day
    that stands for none.

    Parameters
    ----------
    block : Block
        Rows of patients.

    Returns
    -------
    ndarray of bool
        One per row.
    """
    out: Array = _cells(block) != ""
    if "consent_research" in block.values:
        out |= block.values["consent_research"] == "no"
    return out


def doubt_optouts(blocks: Sequence[Block], journal: Journal) -> None:
    """Name who stays by a day that stands for none, and count who leaves by one that is none.

    Of those who leave nothing is said but their number, and the file and column.

    Parameters
    ----------
    blocks : sequence of Block
        Blocks of every table, before anybody was left out; those of patients take entries.
    journal : Journal
        Takes what is said of a file.
    """
    for block in blocks:
        if block.table == "patients" and _FIELD in block.text.fields:
            column = block.names[_FIELD]
            none = _placeholders(block)
            stay = none[_cells(block)[none] == ""]
            block.entries.append(entry("optout.placeholder", stay, field=_FIELD, column=column))
            _count_doubtful(block, column, journal)


def _count_doubtful(block: Block, column: str, journal: Journal) -> None:
    doubtful = _cells(block) == "doubtful"
    file = block.text.raw.file
    for number in np.unique(file[doubtful]).tolist():
        people = {p for p in block.patient[doubtful & (file == number)] if p is not None}
        if people:
            n = len(people)
            said = f"{n:,} patient{'s' if n > 1 else ''} left for an opt-out that is no exact day"
            journal.note("optout.no_day", said, file=block.text.raw.files[number], column=column)


def _cells(block: Block) -> Array:
    """What the cells of opt-outs say: "out", "doubtful", which is out too, or "" for no opt-out."""
    text = block.text.fields.get(_FIELD)
    if text is None:
        return np.full(len(block), "", dtype=object)
    codes = block.mapping(_FIELD).codes
    says = [_said(coded(s, codes) or s) for s in text.spellings]
    found: Array = np.array([*says, ""], dtype=object)[text.codes]
    none = _placeholders(block)
    found[none[found[none] == "day"]] = ""  # a cross is a tick
    day = block.values[_FIELD]
    exact = (day >= FLOOR) & (day <= np.datetime64(block.dialect.cut) + _YEAR)
    found[(found == "day") & ~exact] = "doubtful"
    return found


def _said(spelling: str) -> str:
    """Whether a cell of opt-outs is one: neither blank by another name, nor a no."""
    if kind_of_missing(spelling) is not None:
        return ""
    word = str(read_answer(spelling).value)
    return {"no": "", "yes": "out"}.get(word, "day")


def _placeholders(block: Block) -> Array:
    """Rows whose opt-out was read as a day that stands for none."""
    found = [
        item.positions
        for item in block.entries
        if item.field == _FIELD and item.rule == "missing.placeholder_date"
    ]
    return np.unique(np.concatenate([np.empty(0, np.int64), *found]))
