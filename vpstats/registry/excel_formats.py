"""Cells of a workbook that show their number as a percentage: ``35%`` is stored as 0.35."""

from __future__ import annotations

import re
from collections.abc import Collection
from html import unescape

Place = tuple[int, int]
"""Row and column of a cell, from 0."""

_BUILT_IN = frozenset({b"9", b"10"})  # 0% and 0.00%
_FORMAT = re.compile(rb"<(?:\w+:)?numFmt\s([^>]*)>")
_STYLES = re.compile(rb"<(?:\w+:)?cellXfs\b.*?</(?:\w+:)?cellXfs>", re.DOTALL)
_STYLE = re.compile(rb"<(?:\w+:)?xf\s([^>]*)>")
_ID = re.compile(rb'numFmtId="(\d+)"')
_CODE = re.compile(rb'formatCode="([^"]*)"')
_SAID = re.compile(r'"[^"]*"|\\.|\[[^\]]*\]')  # text that a format shows, and its conditions


def percent_styles(styles: bytes) -> frozenset[bytes]:
    """Numbers of the styles that show percentages.

    Parameters
    ----------
    styles : bytes
        ``xl/styles.xml`` of a workbook.

    Returns
    -------
    frozenset of bytes
        As cells name them.

    Examples
    --------
    >>> percent_styles(b'<cellXfs><xf numFmtId="0"/><xf numFmtId="9"/></cellXfs>')
    frozenset({b'1'})
    """
    shown = set(_BUILT_IN)
    for attributes in _FORMAT.findall(styles):
        number, code = _ID.search(attributes), _CODE.search(attributes)
        if number and code and "%" in _SAID.sub("", unescape(code[1].decode("utf-8", "replace"))):
            shown.add(number[1])
    listed = _STYLES.search(styles)
    found = _STYLE.findall(listed[0]) if listed else []
    ids = [_ID.search(attributes) for attributes in found]
    return frozenset(b"%d" % i for i, m in enumerate(ids) if m and m[1] in shown)


def cells_of_styles(page: bytes, styles: Collection[bytes]) -> frozenset[Place]:
    """Cells of a sheet that have one of some styles.

    Parameters
    ----------
    page : bytes
        The sheet's part of the workbook.
    styles : collection of bytes
        From `percent_styles`.

    Returns
    -------
    frozenset of (int, int)
        Row and column, from 0.

    Examples
    --------
    >>> cells_of_styles(b'<c r="A1" s="1"><v>1</v></c><c r="AB3" s="2"><v>1</v></c>', {b"2"})
    frozenset({(2, 27)})
    """
    if not styles:
        return frozenset()
    numbers = b"|".join(sorted(styles))
    cell = re.compile(rb'<c (?=[^>]*\bs="(?:' + numbers + rb')")[^>]*?\br="([A-Z]+)([0-9]+)"')
    return frozenset((int(m[2]) - 1, column_number(m[1]) - 1) for m in cell.finditer(page))


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


def as_percentage(value: object) -> object:
    """What a cell shows that has a format of percentages; what is no number stays as it is.

    Examples
    --------
    >>> as_percentage(0.28), as_percentage(1), as_percentage("35%")
    ('28%', '100%', '35%')
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return value
    return f"{value * 100:.15g}%"
