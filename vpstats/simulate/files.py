"""Raw tables to bytes: text files in their encoding, and a workbook that is the same every time."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections.abc import Iterable
from pathlib import Path

from vpstats.simulate.raw import Sheet

ENCODINGS = {"a_hr": "cp1250", "b_redcap": "utf-8", "d_de": "cp1252"}
WITH_MARK = "d_de/C11_"
"""Files of this clinic are UTF-8 with a byte order mark, as spreadsheets save them."""

_FIXED_TIME = (1980, 1, 1, 0, 0, 0)
_STAMP = re.compile(rb"<dcterms:(created|modified)([^>]*)>[^<]*</dcterms:\1>")
_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?")


def write_files(sheets: Iterable[Sheet], folder: Path) -> list[str]:
    """Write raw tables below a folder.

    Parameters
    ----------
    sheets : iterable of Sheet
        Raw tables; those of one workbook share a file.
    folder : Path
        Where; folders are made as needed.

    Returns
    -------
    list of str
        Relative paths written, in order.
    """
    by_file: dict[str, list[Sheet]] = {}
    for sheet in sheets:
        by_file.setdefault(sheet.file, []).append(sheet)
    for file, members in by_file.items():
        target = folder / file
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(_workbook(members) if members[0].sheet else _text(members[0]))
    return list(by_file)


def encoding_of(file: str) -> str:
    """Encoding of a text file of the demonstration exports.

    Examples
    --------
    >>> encoding_of("a_hr/razine.csv")
    'cp1250'
    """
    return "utf-8-sig" if file.startswith(WITH_MARK) else ENCODINGS[file.split("/")[0]]


def _text(sheet: Sheet) -> bytes:
    buffer = io.StringIO(newline="")
    comma = sheet.dialect.name == "redcap"
    writer = csv.writer(buffer, delimiter="," if comma else ";", lineterminator="\r\n")
    writer.writerow(sheet.text.columns)
    writer.writerows(sheet.text.to_numpy(dtype=object).tolist())
    return buffer.getvalue().encode(encoding_of(sheet.file))


def _workbook(sheets: list[Sheet]) -> bytes:
    from openpyxl import Workbook

    book = Workbook(write_only=True)
    for sheet in sheets:
        page = book.create_sheet(sheet.sheet)
        page.append(list(sheet.text.columns))
        for row in sheet.text.to_numpy(dtype=object).tolist():
            page.append([_cell(value) for value in row])
    buffer = io.BytesIO()
    book.save(buffer)
    return _without_time(buffer.getvalue())


def _cell(value: str) -> str | float | int | None:
    """Numbers as numbers, so that the workbook looks as people fill it in."""
    if value == "":
        return None
    if _NUMBER.fullmatch(value):
        return float(value) if "." in value else int(value)
    return value


def _without_time(book: bytes) -> bytes:
    """The same workbook with fixed times inside: equal content, equal bytes."""
    result = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(book)) as old,
        zipfile.ZipFile(result, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for name in sorted(old.namelist()):
            content = old.read(name)
            if name == "docProps/core.xml":
                content = _STAMP.sub(rb"<dcterms:\1\2>1980-01-01T00:00:00Z</dcterms:\1>", content)
            entry = zipfile.ZipInfo(name, _FIXED_TIME)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            new.writestr(entry, content)
    return result.getvalue()
