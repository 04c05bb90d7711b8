"""Cells of a workbook that show something else than they hold: ``35%`` is stored as 0.35."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from html import unescape

from vpstats.registry.units import is_unit

Place = tuple[int, int]
"""Row and column of a cell, from 0."""

_PERCENT, _MONTH, _YEAR = "%", "month", "year"
_BUILT_IN: Mapping[bytes, str] = {b"9": _PERCENT, b"10": _PERCENT, b"17": _MONTH}
"""Formats that every workbook has: 0%, 0.00% and mmm-yy."""
_FORMAT = re.compile(rb"<(?:\w+:)?numFmt\s([^>]*)>")
_STYLES = re.compile(rb"<(?:\w+:)?cellXfs\b.*?</(?:\w+:)?cellXfs>", re.DOTALL)
_STYLE = re.compile(rb"<(?:\w+:)?xf\s([^>]*)>")
_ID = re.compile(rb'numFmtId="(\d+)"')
_CODE = re.compile(rb'formatCode="([^"]*)"')
_SAID = re.compile(r'"[^"]*"|\\.|\[[^\]]*\]')  # text that a format shows, and its conditions
_TEXT_BEHIND = re.compile(r'[0#?]\s*"([^"]{1,20})"\s*$')


def shown_by(code: str) -> str:
    """What a format adds to a number or takes from a day.

    Returns
    -------
    str
        "%", the unit that stands behind a number, "month" or "year" where no day is shown, or "".

    Examples
    --------
    >>> shown_by("0.0%"), shown_by('0.0" mg/dl"'), shown_by("mmm-yy"), shown_by("dd.mm.yyyy")
    ('%', 'mg/dl', 'month', '')
    """
    first = code.split(";")[0]
    plain = _SAID.sub("", first).lower()
    if "%" in plain:
        return _PERCENT
    if "y" in plain and not any(c in plain for c in "dhs"):
        return _MONTH if "m" in plain else _YEAR
    behind = _TEXT_BEHIND.search(first)
    unit = behind[1].strip() if behind else ""
    # a sign of percent as text leaves the number as it is
    return unit if unit != _PERCENT and is_unit(unit) else ""


def shown_styles(styles: bytes) -> dict[bytes, str]:
    """Number of each style of a workbook to what it adds, where it adds anything.

    Parameters
    ----------
    styles : bytes
        ``xl/styles.xml`` of a workbook.

    Returns
    -------
    dict of bytes to str
        Number of the style, as cells name it, to what `shown_by` says.

    Examples
    --------
    >>> shown_styles(b'<cellXfs><xf numFmtId="0"/><xf numFmtId="9"/></cellXfs>')
    {b'1': '%'}
    """
    shown = dict(_BUILT_IN)
    for attributes in _FORMAT.findall(styles):
        number, code = _ID.search(attributes), _CODE.search(attributes)
        how = shown_by(unescape(code[1].decode("utf-8", "replace"))) if code else ""
        if number and how:
            shown[number[1]] = how
    listed = _STYLES.search(styles)
    found = _STYLE.findall(listed[0]) if listed else []
    ids = [_ID.search(attributes) for attributes in found]
    return {b"%d" % i: shown[m[1]] for i, m in enumerate(ids) if m and m[1] in shown}


def cells_of_styles(page: bytes, styles: Mapping[bytes, str]) -> dict[Place, str]:
    """Cells of a sheet that have one of some styles.

    Parameters
    ----------
    page : bytes
        The sheet's part of the workbook.
    styles : mapping of bytes to str
        From `shown_styles`.

    Returns
    -------
    dict of (int, int) to str
        Row and column, from 0, to what the style adds.

    Examples
    --------
    >>> cells_of_styles(b'<c r="A1" s="1"><v>1</v></c><c r="AB3" s="2"><v>1</v></c>', {b"2": "%"})
    {(2, 27): '%'}
    """
    if not styles:
        return {}
    numbers = b"|".join(sorted(styles))
    cell = re.compile(rb'<c (?=[^>]*\bs="(' + numbers + rb')")[^>]*?\br="([A-Z]+)([0-9]+)"')
    return {(int(m[3]) - 1, column_number(m[2]) - 1): styles[m[1]] for m in cell.finditer(page)}


def column_number(letters: bytes) -> int:
    """Number of a column from its letters.

    Examples
    --------
    >>> column_number(b"A"), column_number(b"AB")
    (1, 28)
    """
    number = 0
    for letter in letters[:8]:
        number = number * 26 + letter - 64
    return number


def as_shown(rows: Sequence[Sequence[object]], places: Mapping[Place, str]) -> dict[Place, object]:
    """What cells show whose format says more, or less, than they hold.

    A day of which only the month is shown is that month where all such days of its column are the
    first of one: that is what a spreadsheet makes of ``11.2022``.

    Examples
    --------
    >>> as_shown([[0.28, 1.2]], {(0, 0): "%", (0, 1): "mg/dl"})
    {(0, 0): '28%', (0, 1): '1.2 mg/dl'}
    >>> as_shown([[dt.datetime(2022, 11, 1)]], {(0, 0): "month"})
    {(0, 0): '2022-11'}
    """
    held = {
        (row, column): rows[row][column]
        for row, column in places
        if row < len(rows) and column < len(rows[row])
    }
    exact = {p[1] for p, value in held.items() if isinstance(value, dt.date) and value.day != 1}
    found = {p: _shown(value, places[p]) for p, value in held.items() if p[1] not in exact}
    return {p: value for p, value in found.items() if value is not None}


def _shown(value: object, how: str) -> object:
    if isinstance(value, dt.date):
        if how == _MONTH or (how == _YEAR and value.month == 1):
            return f"{value:%Y-%m}" if how == _MONTH else f"{value:%Y}"
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or how in (_MONTH, _YEAR):
        return None
    return f"{value * 100:.15g}%" if how == _PERCENT else f"{value:.15g} {how}"
