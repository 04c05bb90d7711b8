"""Cells of a workbook with a comment or a note beside them, which often says what to doubt."""

from __future__ import annotations

import posixpath
import re
import zipfile
import zlib
from collections.abc import Iterator

from vpstats.registry.excel_styles import Place, column_number

COMMENT = "file.cell_comment"
"""Rule that speaks of a comment."""
_MOST_BYTES = 1 << 27  # of the comments of a sheet: tens of thousands of long ones
_KIND = re.compile(rb"""Type\s*=\s*["'][^"']*/(?:comments|threadedComment)["']""")
_TARGET = re.compile(rb"""Target\s*=\s*["']([^"']+)["']""")
_RELATION = re.compile(rb"<(?:\w+:)?Relationship\s([^<>]*)>")
_COMMENT = re.compile(rb"<(?:\w+:)?(?:comment|threadedComment)\s")
_REFERENCE = re.compile(rb"""\bref\s*=\s*["']\$?([A-Z]{1,3})\$?([0-9]{1,7})["']""")
_TAG = re.compile(rb"<(?:[^<>!][^<>]*>)?")


def commented_cells(archive: zipfile.ZipFile, sheet: str) -> frozenset[Place]:
    """Cells of a sheet with a comment that says something; rows and columns from 0.

    Parameters
    ----------
    archive : ZipFile
        The workbook.
    sheet : str
        Name of the sheet's part.

    Returns
    -------
    frozenset of (int, int)
        Of notes and of threads alike; what they say may name people, and is not kept.
    """
    return frozenset(
        place for part in _parts(archive, sheet) for place in places_of(_read(archive, part))
    )


def places_of(part: bytes) -> Iterator[Place]:
    """Cells that comments are about.

    Parameters
    ----------
    part : bytes
        ``xl/comments1.xml`` of a workbook, or ``xl/threadedComments/threadedComment1.xml``.

    Yields
    ------
    tuple of (int, int)
        Row and column from 0; nothing for a comment without text.

    Examples
    --------
    >>> list(places_of(b'<comment ref="E4"><text><t>see report</t></text></comment>'))
    [(3, 4)]
    """
    for comment in _COMMENT.split(part)[1:]:
        attributes, _, said = comment.partition(b">")
        cell = _REFERENCE.search(attributes)
        if cell and _TAG.sub(b"", said).strip():
            yield int(cell[2]) - 1, column_number(cell[1]) - 1


def _parts(archive: zipfile.ZipFile, sheet: str) -> Iterator[str]:
    """Parts with the comments of a sheet, which its relations name."""
    folder, name = posixpath.split(sheet)
    for relation in _RELATION.findall(_read(archive, f"{folder}/_rels/{name}.rels")):
        target = _TARGET.search(relation)
        if target and _KIND.search(relation):
            yield posixpath.normpath(posixpath.join("/", folder, target[1].decode())).lstrip("/")


def _read(archive: zipfile.ZipFile, part: str) -> bytes:
    """The beginning of a part; nothing where there is none, or where it is damaged."""
    try:
        with archive.open(part) as file:
            return file.read(_MOST_BYTES)
    except (KeyError, OSError, EOFError, ValueError, zipfile.BadZipFile, zlib.error):
        return b""
    except (NotImplementedError, RuntimeError):  # packed in a way, or with a key, that is not known
        return b""
