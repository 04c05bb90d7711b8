"""Workbooks that would fill the memory: a few cells that make a rectangle of billions."""

from __future__ import annotations

import re

from vpstats.errors import DataError
from vpstats.registry.excel_styles import column_number

_WIDEST = 20_000
_MOST_CELLS = 100_000_000
REFERENCE = re.compile(rb'<c [^<>]*?r="([A-Z]+)([0-9]+)"')
"""A cell that says where it stands."""
_TAG = re.compile(rb"<table:(table|table-row|table-cell|covered-table-cell)(?=[\s/>])([^<>]*)>")
_AGAIN = re.compile(rb'table:number-(?:rows|columns)-repeated="(\d{1,9})"')


def refuse_repeated(page: bytes, shown: str) -> None:
    """An open document says a cell or a row once and how often it comes; empty ones are free."""
    width, height, rows, column, written = 0, 0, 0, 0, 0
    for tag in _TAG.finditer(page):
        again = _AGAIN.search(tag[2])
        times = int(again[1]) if again else 1
        if tag[1] == b"table":
            width, height, rows, written = 0, 0, 0, 0
        elif tag[1] == b"table-row":
            rows, column = rows + times, 0
        else:
            column += times
            if b"value" in tag[2]:
                width, height, written = max(width, column), max(height, rows), written + 1
        if width > _WIDEST:
            raise DataError(f"has {width:,} columns; expected a table.", file=shown)
        if width * height > _MOST_CELLS + 20 * written:
            raise DataError(
                f"has {height:,} rows and {width:,} columns, and almost nothing is written in "
                "them; expected a table. Delete the rows and columns that are not needed.",
                file=shown,
            )


def refuse_wide(page: bytes, shown: str) -> None:
    """A cell far out makes its sheet a rectangle of billions of cells."""
    width, height, cells = 0, 0, 0
    for match in REFERENCE.finditer(page):
        cells += 1
        width = max(width, column_number(match[1]))
        height = max(height, int(match[2]))
    bare = _widest_row(page)
    if max(width, bare) > _WIDEST:
        raise DataError(f"has {max(width, bare):,} columns; expected a table.", file=shown)
    if width * height > _MOST_CELLS + 20 * cells:
        raise DataError(
            f"has a cell in row {height:,} and one in column {width:,}, with almost nothing "
            "between them; expected a table. Delete the rows and columns that are empty.",
            file=shown,
        )


def _widest_row(page: bytes) -> int:
    """Most cells in a row, of rows that need not say where they stand."""
    most, start = 0, 0
    while start < len(page):
        end = page.find(b"</row>", start)
        end = len(page) if end < 0 else end
        most = max(most, page.count(b"<c ", start, end) + page.count(b"<c/>", start, end))
        start = end + 1
    return most
