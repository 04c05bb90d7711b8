"""Parts of a workbook that are no XML, or that never close what they open, are read in one pass."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

import openpyxl
import pytest
from mapped_exports import source, table, write_mapping

from vpstats.errors import DataError
from vpstats.registry import read_registry
from vpstats.registry.excel_comments import places_of
from vpstats.registry.excel_text import runs_of, shared_runs

AGAIN = 100_000
"""A search that went from each to the end of the part would take minutes."""

STRINGS = """<sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><si><t>x</t></si>\
<si><r><rPr><strike/></rPr><t>y</t></r></si></sst>"""
KIND = "application/vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml"
SHARED = f'<Override PartName="/xl/sharedStrings.xml" ContentType="{KIND}"/></Types>'


def parts_of_workbook(file: Path) -> dict[str, bytes]:
    book = openpyxl.Workbook()
    page = book.active
    assert page is not None
    for row in (["id", "born", "kg"], ["1", "1950-01-02", 61], ["2", "1951-01-02", "62"]):
        page.append(row)
    page["C2"].number_format = "0.0"
    book.save(file)
    with zipfile.ZipFile(file) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    if "xl/sharedStrings.xml" not in parts:
        types = parts["[Content_Types].xml"]
        parts["[Content_Types].xml"] = types.replace(b"</Types>", SHARED.encode())
        parts["xl/sharedStrings.xml"] = STRINGS.encode()
    return parts


def with_part(folder: Path, part: str, change: bytes, *, hidden: bool) -> None:
    """A workbook with more bytes in a part: as a comment of the XML, or behind its end."""
    parts = parts_of_workbook(folder / "a.xlsx")
    before, closing = parts[part], parts[part].rindex(b"</")
    parts[part] = before + change
    if hidden:
        parts[part] = before[:closing] + b"<!--" + change + b"-->" + before[closing:]
    with zipfile.ZipFile(folder / "a.xlsx", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    people = table("patients", patient_id="id", birth_date="born", weight_kg="kg")
    write_mapping(folder, source("a", people, file="a.xlsx", format="excel"))


@pytest.mark.parametrize("hidden", [True, False], ids=["commented out", "behind the end"])
@pytest.mark.parametrize(
    ("part", "opening"),
    [
        ("xl/sharedStrings.xml", "<si>"),
        ("xl/sharedStrings.xml", "<rPh>"),
        ("xl/styles.xml", "<numFmt "),
        ("xl/styles.xml", "<fonts "),
        ("xl/styles.xml", "<font>"),
        ("xl/workbook.xml", "<sheet "),
        ("xl/workbook.xml", "<workbookPr "),
        ("xl/_rels/workbook.xml.rels", "<Relationship "),
    ],
)
def test_a_part_of_nothing_but_openings_is_read_in_one_pass(
    tmp_path: Path, part: str, opening: str, hidden: bool
) -> None:
    with_part(tmp_path, part, opening.encode() * AGAIN, hidden=hidden)
    registry = read_registry(tmp_path)
    assert registry.patients["weight_kg"].tolist() == [61, 62]


@pytest.mark.parametrize("hidden", [True, False], ids=["commented out", "behind the end"])
@pytest.mark.parametrize("opening", ["<c ", '<c t="s" ', '<c r="A1" t="e"', "<row ", "<col "])
def test_a_sheet_of_nothing_but_openings_is_refused_or_read_in_one_pass(
    tmp_path: Path, opening: str, hidden: bool
) -> None:
    with_part(tmp_path, "xl/worksheets/sheet1.xml", opening.encode() * AGAIN, hidden=hidden)
    assert re.search(
        r"100,000 columns|no readable Excel workbook|^\[61.0, 62.0\]$", said_of(tmp_path)
    )


def said_of(folder: Path) -> str:
    """The weights that were read, or the one error."""
    try:
        return str(read_registry(folder).patients["weight_kg"].tolist())
    except DataError as error:
        return str(error)


def test_comments_without_an_end_are_searched_in_one_pass() -> None:
    assert list(places_of(b'<comment ref="B3">' + b"<" * 10 * AGAIN)) == []
    assert list(places_of(b'<comment ref="B3">' + b"<t " * 10 * AGAIN + b"x")) == [(2, 1)]


@pytest.mark.parametrize("opening", ["<si>", "<si><r>", "<si><r><rPr>", "<rPh>"])
def test_texts_without_an_end_are_searched_in_one_pass(opening: str) -> None:
    part = b"<si><t>vertAlign</t></si>" + opening.encode() * AGAIN
    assert shared_runs(part, struck=False) == {b"0": []}
    assert runs_of(opening.encode() * AGAIN) == []
