"""Excel workbooks to rows of text."""

from __future__ import annotations

import io
import re
import string
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from html import unescape
from types import MappingProxyType
from typing import Any

from vpstats.errors import DataError
from vpstats.registry.excel_comments import commented_cells
from vpstats.registry.excel_limits import REFERENCE, refuse_repeated, refuse_wide
from vpstats.registry.excel_looks import Looks, looks_of
from vpstats.registry.excel_shown import Shown, sheet_notes, shown_sheet, with_columns
from vpstats.registry.excel_styles import read_styles
from vpstats.registry.excel_text import shared_runs
from vpstats.registry.fields import nearest
from vpstats.registry.files_alike import stacked
from vpstats.registry.mapping import SourceMap
from vpstats.registry.opening import refuse_unsafe
from vpstats.registry.raw import RawSource, SourceNote, listed, unread_note
from vpstats.registry.rows import Merged, from_rows, joined_header

_CELLS_NAMED = 5
_NO_RESULT = re.compile(
    rb'<c (?![^<>]*t="(?:str|e|b)")[^<>]*><f(?:[^<>]*/>|[^<>]*>[^<]*</f>)(?:<v ?/>|<v></v>)?</c>'
)


@dataclass(frozen=True, slots=True)
class _Book:
    """A workbook: its sheets, which of them are hidden, and how to read one."""

    names: tuple[str, ...]
    hidden: tuple[str, ...]
    sheets: Mapping[str, tuple[Sequence[Sequence[Any]], Merged]]
    looks: Mapping[str, Looks] = field(default_factory=dict)

    def shown(self, name: str, last: int | None = None) -> Shown:
        """A sheet as text; the last row of its header where that is known."""
        return shown_sheet(self.sheets[name][0], self.looks.get(name), last)


def read_excel(content: bytes, mapping: SourceMap, shown: str) -> RawSource:
    """Read the sheets that a source names as text, rows where the spreadsheet has them.

    Parameters
    ----------
    content : bytes
        The workbook.
    mapping : SourceMap
        Names the sheets (the first if it names none) and the rows of the header.
    shown : str
        File name for messages. The sheet is named after a colon where the workbook has another
        that people see, or that is read.

    Returns
    -------
    RawSource
        The sheets under one another.

    Raises
    ------
    DataError
        If it is no workbook, is encrypted, damaged or endless, or has no such sheet.
    """
    book, bare = _book(content, mapping.sheet, shown)
    wanted = _named(book.names, mapping.sheet, shown)
    seen = {n for n in book.names if n not in book.hidden}
    alone = len(seen.union(wanted)) == 1
    files = {name: shown if alone else f"{shown}:{name}" for name in wanted}
    parts = [_sheet(book, name, mapping, file) for name, file in files.items()]
    files |= {part: shown for part in bare if part not in book.names}  # of no sheet that is known
    return stacked(parts, mapping).noted(
        *_left_out(book, wanted, mapping, shown), *_not_worked_out(bare, files)
    )


_Bare = dict[str, list[str]]
"""Sheet → its cells that hold a formula without a result."""


@dataclass(slots=True)
class _Seen:
    """What is seen of a workbook before it is opened, by sheet."""

    bare: _Bare = field(default_factory=dict)
    looks: dict[str, Looks] = field(default_factory=dict)

    def named(self, sheets: Mapping[str, str]) -> _Seen:
        """The same by the names of the sheets instead of their parts."""
        return _Seen(
            {sheets.get(name, name): cells for name, cells in self.bare.items()},
            {sheets.get(name, name): looks for name, looks in self.looks.items()},
        )


def _book(content: bytes, sheets: Sequence[str], shown: str) -> tuple[_Book, _Bare]:
    """Open a workbook that is safe to open, and find its formulas without a result."""
    if not content:
        raise DataError("the file is empty; export it again.", file=shown)
    seen = _refuse_endless(content, shown)
    try:
        book = _calamine(content, sheets)
    except _Unreadable:
        book = _openpyxl(content, sheets, shown)
    if not book.names:
        raise DataError("has no sheet; it may be damaged. Save it again as .xlsx.", file=shown)
    return replace(book, looks=seen.looks), seen.bare


class _Unreadable(Exception):  # noqa: N818  # asks for the fallback, never leaves the module
    pass


def _named(names: Sequence[str], sheets: Sequence[str], shown: str) -> list[str]:
    """The sheets to read, those asked for or the first."""
    for sheet in sheets:
        if sheet not in (*names, "*"):
            known = ", ".join(f"'{n}'" for n in names)
            raise DataError(
                f"has no sheet '{sheet}'; it has {known}."
                f"{nearest(sheet, names)} Correct sheet in registry.toml.",
                file=shown,
            )
    return list(dict.fromkeys(_wanted(names, sheets)))


def _left_out(
    book: _Book, wanted: Sequence[str], mapping: SourceMap, shown: str
) -> Iterator[SourceNote]:
    """Hidden sheets, and others that nobody asked for where nobody chose."""
    read = ", ".join(f"'{name}'" for name in book.hidden if name in wanted)
    if read:
        yield SourceNote("file.hidden_sheet", shown, f"a hidden sheet was read: {read}")
    rest = {name: (f"{shown}:{name}", f"'{name}'") for name in book.names if name not in wanted}
    hidden = dict(pair for name, pair in rest.items() if name in book.hidden)
    if hidden:
        yield unread_note("file.hidden_sheet", shown, "a hidden sheet was not read", hidden)
    other = dict(pair for name, pair in rest.items() if name not in book.hidden)
    if other and not mapping.sheet:
        lead = f"the first sheet, '{wanted[0]}', was read; no source reads"
        yield unread_note("file.other_sheets", shown, lead, other)


def _not_worked_out(bare: _Bare, files: Mapping[str, str]) -> Iterator[SourceNote]:
    """Formulas that no spreadsheet program has worked out: another one wrote the file."""
    for sheet, file in files.items():
        cells = bare.get(sheet, [])
        if cells:
            hold, be = ("cell holds", "was") if len(cells) == 1 else ("cells hold", "were")
            said = (
                f"{len(cells):,} {hold} a formula without its result and {be} read as empty: "
                f"{listed(cells, _CELLS_NAMED)}"
            )
            row = cells[0].lstrip(string.ascii_uppercase)
            yield SourceNote("file.formula", file, said, row=int(row) if row.isdigit() else None)


# ------------------------------------------------------------------ one sheet


def _sheet(book: _Book, name: str, mapping: SourceMap, shown: str) -> RawSource:
    merged = book.sheets[name][1]
    top = mapping.header_row - 1
    last = top + mapping.header_rows - 1
    sheet = book.shown(name, last)
    rows = sheet.rows
    below = [span for span in merged if span[0][0] > last]
    if mapping.header_rows > 1 and len(rows) > last:
        rows[last] = joined_header(rows, top, last, [s for s in merged if s[0][0] <= last])
    names = with_columns(sheet, last, mapping)
    one_row = mapping.model_copy(update={"header_row": last + 1, "header_rows": 1})
    source = from_rows(rows, one_row, shown, {"encoding": "", "delimiter": ""})
    notes = [
        SourceNote(
            "file.merged_cells",
            shown,
            "cells are merged here; the value stands in the first of them, the others are empty",
            row=span[0][0] + 1,
        )
        for span in sorted(below)
    ]
    return source.noted(*notes, *sheet_notes(sheet, names, last, mapping, shown))


def sheet_rows(
    content: bytes, shown: str
) -> tuple[dict[str, list[list[str]]], tuple[tuple[str, str], ...]]:
    """Rows of every sheet that is not hidden, as text, to look for its header.

    Parameters
    ----------
    content : bytes
        The workbook.
    shown : str
        File name for messages.

    Returns
    -------
    tuple of (dict of str to list of list of str, tuple of (str, str))
        In the order of the workbook; and the sheets that were left out, with what they are:
        "hidden" or "empty".

    Raises
    ------
    DataError
        If it is no workbook, is encrypted, damaged or endless.
    """
    book, _ = _book(content, ("*",), shown)
    seen = [name for name in book.names if name not in book.hidden]
    rows = {name: _texts(book.shown(name)) for name in seen}
    told = {name: found for name, found in rows.items() if any(map(any, found))}
    left = ((n, "hidden" if n in book.hidden else "empty") for n in book.names if n not in told)
    return told, tuple(left)


def _texts(sheet: Shown) -> list[list[str]]:
    """Rows of a sheet whose columns are not known yet."""
    with_columns(sheet, -1, None)
    return sheet.rows


# ------------------------------------------------------------------ readers


def _calamine(content: bytes, sheets: Sequence[str]) -> _Book:
    import python_calamine

    try:
        book = python_calamine.CalamineWorkbook.from_filelike(io.BytesIO(content))
        names = tuple(book.sheet_names)
        seen = python_calamine.SheetVisibleEnum.Visible
        hidden = tuple(m.name for m in book.sheets_metadata if m.visible != seen)
        found = {}
        for name in _wanted(names, sheets):
            sheet = book.get_sheet_by_name(name)
            merged = sheet.merged_cell_ranges or []
            found[name] = (sheet.to_python(skip_empty_area=False), merged)
    except (python_calamine.CalamineError, OSError, ValueError):
        raise _Unreadable from None
    return _Book(names, hidden, found)


def _wanted(names: Sequence[str], sheets: Sequence[str]) -> list[str]:
    """The sheets asked for that are there: all, those named, or the first."""
    return list(names) if "*" in sheets else [n for n in sheets or names[:1] if n in names]


def _openpyxl(content: bytes, sheets: Sequence[str], shown: str) -> _Book:
    import openpyxl

    try:
        book = openpyxl.load_workbook(io.BytesIO(content), data_only=True, read_only=True)
        names = tuple(book.sheetnames)
        hidden = tuple(n for n in names if book[n].sheet_state != "visible")
        wanted = _wanted(names, sheets)
        found = {n: (_all_rows(book[n]), ()) for n in wanted}
    except MemoryError:
        raise
    # XML that is none makes the reader trip over whatever it expected to be there
    except Exception:
        raise DataError(_no_workbook(content), file=shown) from None
    return _Book(names, hidden, found)


def _all_rows(page: Any) -> list[tuple[Any, ...]]:
    """Rows of a sheet, of equal width, whatever size it says that it has."""
    page.reset_dimensions()
    rows = list(page.iter_rows(values_only=True))
    width = max(map(len, rows), default=0)
    return [(*row, *[None] * (width - len(row))) for row in rows]


def _no_workbook(content: bytes) -> str:
    """What a file is that goes by the name of a workbook: many systems write text or pages so."""
    start = content[:512].removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if start.startswith((b"<html", b"<!doctype", b"<table", b"<?xml", b"<head", b"<meta")):
        return (
            "is a web page or XML that goes by the name of a workbook. Open it in a spreadsheet "
            "program and save it as .xlsx."
        )
    other = next(
        (said for mark, said in _OTHER_BOOKS.items() if mark in content[:4096] + content[-_END:]),
        "",
    )
    if other:
        return f"{other} Open it in a spreadsheet program and save it as .xlsx."
    lines = content[:4096].replace(b"\0", b"").splitlines()
    if lines and not _UNPRINTED.search(lines[0]) and re.search(rb"[;,\t|]", lines[0]):
        return "is text that goes by the name of a workbook; set format = 'csv'."
    return (
        "is no readable Excel workbook; it may be damaged, cut off or encrypted. Save it "
        "again as .xlsx without a password."
    )


_END = 65_536  # bytes, where an archive lists what is in it
_OTHER_BOOKS = MappingProxyType(
    {
        b"opendocument.spreadsheet": "is an OpenDocument spreadsheet (.ods), which is not read.",
        b"xl/workbook.bin": "is a binary workbook (.xlsb), which is not read.",
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1": (
            "is a workbook of before 2007 (.xls), or has a password, and neither is read."
        ),
    }
)
_UNPRINTED = re.compile(rb"[\x00-\x08\x0e-\x1f]")


def _refuse_endless(content: bytes, shown: str) -> _Seen:
    """A workbook is a zip, and a cell far out makes its sheet a rectangle of billions of cells.

    Each sheet is unpacked once, and one at a time; what is found on the way is handed back: the
    formulas without a result, and what cells show beside what they hold. A damaged workbook is left
    to the readers, which say so.
    """
    seen = _Seen()
    if not content.startswith(_PACKED):
        return seen
    with suppress(*_DAMAGED), zipfile.ZipFile(io.BytesIO(content)) as archive:
        refuse_unsafe(archive.infolist(), shown)
        styles = read_styles(_part(archive, "xl/styles.xml"))
        strings = _part(archive, "xl/sharedStrings.xml")
        shared = shared_runs(strings, struck=bool(styles.struck))
        since_1904 = _SINCE_1904.search(_part(archive, "xl/workbook.xml")) is not None
        for name in archive.namelist():
            if name.startswith("xl/worksheets/sheet") and name.endswith(".xml"):
                page = _without_prefix(_part(archive, name))
                refuse_wide(page, shown)
                seen.bare[name] = [_cell_name(match[0]) for match in _NO_RESULT.finditer(page)]
                looks = looks_of(page, styles, shared, since_1904=since_1904)
                seen.looks[name] = replace(looks, commented=commented_cells(archive, name))
            elif name == "content.xml":
                refuse_repeated(_part(archive, name), shown)
        seen = seen.named(_sheets_of_parts(archive))
    return seen


def _without_prefix(page: bytes) -> bytes:
    """A sheet whose elements have no prefix, as most programs write them."""
    found = _PREFIX.search(page, 0, _BEGINNING)
    if found is None:
        return page
    return page.replace(b"<" + found[1], b"<").replace(b"</" + found[1], b"</")


_PREFIX = re.compile(rb"<(\w+:)worksheet\b")
_BEGINNING = 4096


def _cell_name(cell: bytes) -> str:
    """Column and row of a cell, which need not say where it stands."""
    found = REFERENCE.match(cell)
    return (found[1] + found[2]).decode() if found else "a cell without a name"


_ATTRIBUTE = re.compile(rb"""([\w:]+)\s*=\s*(?:"([^"]*)"|'([^']*)')""")
_SHEET = re.compile(rb"<(?:\w+:)?sheet\s([^<>]*)>")
_SINCE_1904 = re.compile(rb"""<(?:\w+:)?workbookPr\s[^<>]*date1904=["'](?:1|true)["']""")
_RELATION = re.compile(rb"<(?:\w+:)?Relationship\s([^<>]*)>")


def _sheets_of_parts(archive: zipfile.ZipFile) -> dict[str, str]:
    """Part of a workbook → the sheet that it holds."""
    relations = map(_attributes, _RELATION.findall(_part(archive, "xl/_rels/workbook.xml.rels")))
    parts = {r.get("Id"): r.get("Target", "").removeprefix("/xl/") for r in relations}
    sheets = map(_attributes, _SHEET.findall(_part(archive, "xl/workbook.xml")))
    return {f"xl/{parts.get(s.get('r:id'), '')}": s.get("name", "") for s in sheets}


def _attributes(tag: bytes) -> dict[str, str]:
    pairs = ((m[1], m[2] if m[3] is None else m[3]) for m in _ATTRIBUTE.finditer(tag))
    return {name.decode(): unescape(value.decode("utf-8", "replace")) for name, value in pairs}


def _part(archive: zipfile.ZipFile, name: str) -> bytes:
    """One part of a workbook; nothing where it is damaged, so that the others are looked at."""
    try:
        return archive.read(name)
    except (KeyError, *_DAMAGED):
        return b""


_PACKED = b"PK\x03\x04"
_DAMAGED = (
    zipfile.BadZipFile, zlib.error, OSError, ValueError, EOFError, NotImplementedError,
    RuntimeError,
)  # fmt: skip
