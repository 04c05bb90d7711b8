"""Text of a workbook whose letters differ: raised marks, and parts that are struck out."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from html import unescape
from typing import NamedTuple

from vpstats.registry.excel_styles import Place, column_number, is_struck
from vpstats.registry.units import is_unit
from vpstats.registry.xml_elements import element

_STRINGS, _PHONETIC = element("si"), element("rPh")
_RUN, _PROPERTIES = element("r"), element("rPr")
_TEXT = re.compile(rb"<(?:\w+:)?t(?:\s[^<>]*)?>([^<]*)</(?:\w+:)?t>")
_RAISED = re.compile(rb'vertAlign\s+val="(super|sub)script"')
_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")
_SHARED = re.compile(rb'<c (?=[^<>]*\bt="s")[^<>]*?\br="([A-Z]+)([0-9]+)"[^<>]*><v>([0-9]+)</v>')
_INLINE = re.compile(
    rb'<c [^<>]*?\br="([A-Z]+)([0-9]+)"[^<>]*>\s*<is>((?:[^<]++|<(?!/?is>))*+)</is>'
)
_LONGEST = 3
"""Characters of a raised mark with letters, above which it is text of its own."""
_UNIT = re.compile(r"[^\W\d_]+(?:[/·*.][^\W\d_]+)*$")
_LENGTH = re.compile(r"(?<![^\W\d_])[cdmkµμ]?m$")
_POWER = re.compile(r"(?:^|[ x×*·.,(]|[0-9] ?[x×*·] ?)10$")
_SUPER = str.maketrans("0123456789+-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻")

STRUCK, RAISED = "file.struck_out", "file.raised_mark"


class Run(NamedTuple):
    """A part of a text with letters of one kind.

    Parameters
    ----------
    text : str
        The part.
    place : str
        "super", "sub" or "".
    struck : bool, optional
        Whether it is struck out; None where the style of the cell says so.
    """

    text: str
    place: str = ""
    struck: bool | None = None


class Said(NamedTuple):
    """What a text says whose letters differ: text to read, and the rules that name what is gone."""

    text: str
    rules: tuple[str, ...]


def _differ(part: bytes, *, struck: bool) -> bool:
    """Whether a part of a workbook may hold raised or struck out letters.

    Where the style of a cell strikes it out, some of its letters may not be.
    """
    return b"vertAlign" in part or b"strike" in part or (struck and b"rPr>" in part)


def shared_runs(part: bytes, *, struck: bool) -> dict[bytes, list[Run]]:
    """Texts with letters that differ, by the number that cells name them by.

    Parameters
    ----------
    part : bytes
        ``xl/sharedStrings.xml`` of a workbook.
    struck : bool
        Whether a style of the workbook strikes cells out.

    Returns
    -------
    dict of bytes to list of Run
        Texts of one kind of letters are not among them.
    """
    found = {}
    if _differ(part, struck=struck):
        for number, text in enumerate(_STRINGS.finditer(part)):
            if text[1] and _differ(text[1], struck=struck):
                found[b"%d" % number] = runs_of(text[1])
    return found


def runs_of(text: bytes) -> list[Run]:
    """The parts of a text.

    Examples
    --------
    >>> runs_of(b'<r><t>4,5</t></r><r><rPr><vertAlign val="superscript"/></rPr><t>1</t></r>')[1]
    Run(text='1', place='super', struck=False)
    """
    found = []
    for run in _RUN.finditer(_PHONETIC.sub(b"", text)):
        held = run[1] or b""
        properties = _PROPERTIES.search(held)
        said = (properties[1] if properties else None) or b""
        raised = _RAISED.search(said)
        content = b"".join(_TEXT.findall(held)).decode("utf-8", "replace")
        plain = _ESCAPED.sub(lambda m: chr(int(m[1], 16)), unescape(content))
        struck = is_struck(said) if properties else None
        found.append(Run(plain, raised[1].decode() if raised else "", struck))
    return found


def said_by(runs: Sequence[Run], *, struck: bool = False) -> Said:
    """What a text says without raised marks, and without what is struck out.

    A raised number stays where it makes a unit or a power of ten; else it is a mark, as of a
    footnote.

    Parameters
    ----------
    runs : sequence of Run
        From `runs_of`.
    struck : bool
        Whether the style of the cell strikes its text out.

    Returns
    -------
    Said
        The text, and the rules that name what was left out of it.

    Examples
    --------
    >>> said_by([Run("4,5"), Run("1", "super")])
    Said(text='4,5', rules=('file.raised_mark',))
    >>> said_by([Run("4,5 cm"), Run("3", "super")])
    Said(text='4,5 cm³', rules=())
    >>> said_by([Run("4,5", struck=True), Run(" 5,0")])
    Said(text='5,0', rules=('file.struck_out',))
    """
    kept = [run for run in runs if not (struck if run.struck is None else run.struck)]
    lost = any(run.text.strip() for run in runs if run not in kept)
    alone = not any(run.text.strip() for run in kept if not run.place)
    text, marked = "", False
    for run in kept:
        plain = run.text if alone else _read(run, text)
        marked |= bool(run.text.strip()) and not plain
        text += plain
    rules = (STRUCK,) * lost + (RAISED,) * marked
    return Said(text.strip(), rules)


def _read(run: Run, before: str) -> str:
    """A run as text; nothing where it is a mark."""
    plain = run.text.strip()
    wordy = len(plain) > _LONGEST and any(map(str.isalpha, plain))
    if not run.place or not plain or wordy:
        return run.text
    if run.place == "sub":
        return run.text if not before[-1:].isdigit() else ""
    raised = run.text.translate(_SUPER)
    if not plain.strip("+-").isdigit():
        return run.text if plain.isalpha() and _is_ordinal(plain, before) else ""
    unit = _UNIT.search(before)
    made = unit is not None and is_unit(unit[0] + unicodedata.normalize("NFKC", plain))
    made |= _LENGTH.search(before) is not None and plain.lstrip("-") in ("2", "3")
    return raised if made or _POWER.search(before) else ""


def _is_ordinal(letters: str, before: str) -> bool:
    """Whether letters are the end of a number that orders: 1st, 2nd, 3rd, 4th."""
    ends = {"1": "st", "2": "nd", "3": "rd"}
    return letters in ("th", ends.get(before[-1:], "th")) and before[-1:].isdigit()


# ------------------------------------------------------------------ cells


def cells_of_runs(
    page: bytes, shared: Mapping[bytes, list[Run]], *, struck: bool
) -> dict[Place, list[Run]]:
    """Cells of a sheet whose letters differ.

    Parameters
    ----------
    page : bytes
        The sheet's part of the workbook.
    shared : mapping of bytes to list of Run
        From `shared_runs`.
    struck : bool
        Whether a style of the workbook strikes cells out.

    Returns
    -------
    dict of (int, int) to list of Run
        By row and column, from 0.
    """
    found = {}
    if shared:
        for cell in _SHARED.finditer(page):
            if cell[3] in shared:
                found[_place(cell)] = shared[cell[3]]
    if _differ(page, struck=struck):
        for cell in _INLINE.finditer(page):
            if b"<r>" in cell[3] and _differ(cell[3], struck=struck):
                found[_place(cell)] = runs_of(cell[3])
    return found


def _place(cell: re.Match[bytes]) -> Place:
    return int(cell[2]) - 1, column_number(cell[1]) - 1
