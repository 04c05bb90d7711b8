"""Styles of a workbook that change what a cell says: formats of numbers, and text struck out."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from html import unescape
from types import MappingProxyType
from typing import NamedTuple

from vpstats.registry.excel_formats import CLOCKS, Face, Format, read_format, shown
from vpstats.registry.xml_elements import element

Place = tuple[int, int]
"""Row and column of a cell, from 0."""

_BUILT_IN: Mapping[bytes, str] = MappingProxyType(
    {
        b"9": "0%",
        b"10": "0.00%",
        b"17": "mmm-yy",
        b"18": "h:mm AM/PM",
        b"19": "h:mm:ss AM/PM",
        b"20": "h:mm",
        b"21": "h:mm:ss",
        b"45": "mm:ss",
        b"46": "[h]:mm:ss",
        b"47": "mmss.0",
    }
)
"""Formats that every workbook has, of those that show something else than is held."""
_FORMAT = re.compile(rb"<(?:\w+:)?numFmt\s([^<>]*)>")
_FONTS, _FONT, _STYLES = element("fonts"), element("font"), element("cellXfs")
_STYLE = re.compile(rb"<(?:\w+:)?xf\s([^<>]*)>")
_ID = re.compile(rb'numFmtId="(\d+)"')
_FONT_ID = re.compile(rb'fontId="(\d+)"')
_CODE = re.compile(rb'formatCode="([^"]*)"')
_STRUCK = re.compile(rb'<(?:\w+:)?strike(?:\s+val="(?:1|true)")?\s*/?>')


@dataclass(frozen=True, slots=True)
class Styles:
    """What the styles of a workbook change, by the number that cells name them by.

    Parameters
    ----------
    formats : mapping of bytes to Format
        Formats that show something else than is held.
    struck : frozenset of bytes
        Styles that strike the text of a cell out.
    """

    formats: Mapping[bytes, Format] = field(default_factory=dict)
    struck: frozenset[bytes] = frozenset()


class Styled(NamedTuple):
    """A cell with one of some styles: the style, and the number that it holds as text."""

    style: bytes
    held: bytes


def is_struck(properties: bytes) -> bool:
    """Whether the properties of a font strike text out.

    Examples
    --------
    >>> is_struck(b'<b/><strike/>'), is_struck(b'<strike val="0"/>')
    (True, False)
    """
    return _STRUCK.search(properties) is not None


def read_styles(part: bytes) -> Styles:
    """Styles that change what a cell says.

    Parameters
    ----------
    part : bytes
        ``xl/styles.xml`` of a workbook.

    Returns
    -------
    Styles
        Those of the cells.

    Examples
    --------
    >>> read_styles(b'<cellXfs><xf numFmtId="0"/><xf numFmtId="9"/></cellXfs>').formats.keys()
    dict_keys([b'1'])
    """
    listed = _STYLES.search(part)
    found = _STYLE.findall(listed[0]) if listed else []
    formats, struck = _formats(part), _struck_fonts(part)
    ids = [_named(_ID, attributes) for attributes in found]
    fonts = [_named(_FONT_ID, attributes) for attributes in found]
    return Styles(
        {b"%d" % i: formats[name] for i, name in enumerate(ids) if name in formats},
        frozenset(b"%d" % i for i, name in enumerate(fonts) if name in struck),
    )


def _named(attribute: re.Pattern[bytes], attributes: bytes) -> bytes:
    found = attribute.search(attributes)
    return found[1] if found else b""


def _formats(part: bytes) -> dict[bytes, Format]:
    codes = dict(_BUILT_IN)
    for attributes in _FORMAT.findall(part):
        code = unescape(_named(_CODE, attributes).decode("utf-8", "replace"))
        codes[_named(_ID, attributes)] = code or "General"
    read = {name: read_format(code) for name, code in codes.items()}
    return {name: how for name, how in read.items() if how is not None}


def _struck_fonts(part: bytes) -> set[bytes]:
    listed = _FONTS.search(part)
    fonts = _FONT.finditer(listed[0]) if listed else ()
    return {b"%d" % i for i, font in enumerate(fonts) if font[1] and is_struck(font[1])}


# ------------------------------------------------------------------ cells


def cells_of_styles(page: bytes, styles: frozenset[bytes]) -> dict[Place, Styled]:
    """Cells of a sheet that have one of some styles.

    Parameters
    ----------
    page : bytes
        The sheet's part of the workbook.
    styles : frozenset of bytes
        Numbers of styles.

    Returns
    -------
    dict of (int, int) to Styled
        By row and column, from 0.

    Examples
    --------
    >>> page = b'<c r="A1" s="1"><v>1</v></c><c r="AB3" s="2"><v>0.5</v></c>'
    >>> cells_of_styles(page, frozenset([b"2"]))
    {(2, 27): Styled(style=b'2', held=b'0.5')}
    """
    used = sorted(style for style in styles if b's="%s"' % style in page)
    if not used:
        return {}
    cell = re.compile(
        rb'<c (?=[^<>]*\bs="(' + b"|".join(used) + rb')")[^<>]*?\br="([A-Z]+)([0-9]+)"[^<>]*>'
        rb"(?:<f(?:[^<>]*/>|[^<>]*>[^<]*</f>))?(?:<v>([^<]*)</v>)?"
    )
    return {
        (int(m[3]) - 1, column_number(m[2]) - 1): Styled(m[1], m[4] or b"")
        for m in cell.finditer(page)
    }


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


def faces(
    held: Mapping[Place, object], formats: Mapping[Place, Format]
) -> Iterator[tuple[Place, Face]]:
    """What cells show whose formats say more, or less, than they hold; times aside.

    A day of which only the month is shown is that month where it is the first of one: that is what
    a spreadsheet makes of ``11.2022``. Another day was typed, and is that day.

    Examples
    --------
    >>> import datetime as dt
    >>> [f.text for _, f in faces({(0, 0): 0.28}, {(0, 0): read_format("0%")})]
    ['28%']
    >>> days = {(0, 0): dt.date(2022, 11, 1)}
    >>> [f.text for _, f in faces(days, {(0, 0): read_format("mmm-yy")})]
    ['2022-11']
    """
    for place, value in held.items():
        how = formats[place]
        if how.kind not in CLOCKS:
            face = shown(how, value)
            if face is not None:
                yield place, face
