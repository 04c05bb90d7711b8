"""Excel workbooks to rows of text."""

from __future__ import annotations

import datetime as dt
import io
from collections.abc import Sequence
from typing import Any

from vpstats.errors import DataError
from vpstats.registry.fields import nearest
from vpstats.registry.mapping import SourceMap


def read_excel(
    content: bytes, mapping: SourceMap, shown: str
) -> tuple[list[list[str]], dict[str, Any]]:
    """Read one sheet as text, rows where the spreadsheet has them.

    Parameters
    ----------
    content : bytes
        The workbook.
    mapping : SourceMap
        Names the sheet; the first if it names none.
    shown : str
        File name for messages.

    Returns
    -------
    tuple
        Rows of text, and what is known of the file.

    Raises
    ------
    DataError
        If it is no workbook, is encrypted or damaged, or has no such sheet.
    """
    if not content:
        raise DataError("the file is empty; export it again.", file=shown)
    try:
        names, rows = _calamine(content, mapping.sheet)
    except _Unreadable:
        names, rows = _openpyxl(content, mapping.sheet, shown)
    if rows is None:
        known = ", ".join(f"'{n}'" for n in names)
        raise DataError(
            f"has no sheet '{mapping.sheet}'; it has {known}."
            f"{nearest(mapping.sheet or '', names)} Correct sheet in registry.toml.",
            file=shown,
        )
    return [[cell_text(cell) for cell in row] for row in rows], {}


class _Unreadable(Exception):  # noqa: N818  # asks for the fallback, never leaves the module
    pass


def _calamine(content: bytes, sheet: str | None) -> tuple[list[str], Sequence[Any] | None]:
    import python_calamine

    try:
        book = python_calamine.CalamineWorkbook.from_filelike(io.BytesIO(content))
        names = list(book.sheet_names)
        wanted = names[0] if sheet is None and names else sheet
        if wanted not in names:
            return names, None
        return names, book.get_sheet_by_name(wanted).to_python(skip_empty_area=False)
    except (python_calamine.CalamineError, OSError, ValueError):
        raise _Unreadable from None


def _openpyxl(
    content: bytes, sheet: str | None, shown: str
) -> tuple[list[str], Sequence[Any] | None]:
    import zipfile

    import openpyxl

    try:
        book = openpyxl.load_workbook(io.BytesIO(content), data_only=True, read_only=True)
        names = list(book.sheetnames)
        wanted = names[0] if sheet is None and names else sheet
        if wanted not in names:
            return names, None
        return names, list(book[wanted].iter_rows(values_only=True))
    except (
        zipfile.BadZipFile,
        openpyxl.utils.exceptions.InvalidFileException,
        KeyError,
        OSError,
        ValueError,
        EOFError,
    ):
        raise DataError(
            "is no readable Excel workbook; it may be damaged, cut off or encrypted. Save it "
            "again as .xlsx without a password.",
            file=shown,
        ) from None


def cell_text(value: object) -> str:
    """Text of a typed cell, free of the machine's habits.

    Parameters
    ----------
    value : object
        As the workbook holds it.

    Returns
    -------
    str
        Whole numbers without a point, others with the 15 digits that a spreadsheet shows; dates
        as ISO.

    Examples
    --------
    >>> import datetime as dt
    >>> cell_text(8.0), cell_text(4.300000000000001), cell_text(dt.datetime(2023, 8, 25))
    ('8', '4.3', '2023-08-25')
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, float):
        return f"{value:.0f}" if value.is_integer() and abs(value) < 1e15 else f"{value:.15g}"
    if isinstance(value, dt.datetime):
        midnight = value.time() == dt.time()
        return (
            value.date().isoformat() if midnight else value.isoformat(sep=" ", timespec="seconds")
        )
    if isinstance(value, (dt.date, dt.time)):
        return value.isoformat()
    return str(value)
