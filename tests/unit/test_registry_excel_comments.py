"""Comments beside the cells of a workbook say what to doubt, and are no part of what is read."""

from __future__ import annotations

import zipfile
from pathlib import Path

import openpyxl
from mapped_exports import source, table, write_mapping
from openpyxl.comments import Comment

from vpstats.registry import read_registry
from vpstats.registry.registry import Registry

ROWS = [
    ["List of 2024", None, None, None],
    ["id", "born", "kg", "remarks"],
    ["1", "1950-01-02", 61, "a"],
    ["2", "1951-01-02", None, "b"],
    ["3", "1952-01-02", 63, "c"],
]
THREAD = """<ThreadedComments xmlns="http://schemas.microsoft.com/office/spreadsheetml/2018/\
threadedcomments"><threadedComment ref="C5" dT="2024-01-01T00:00:00.00" id="{{1}}">\
<text>{said}</text></threadedComment></ThreadedComments>"""
LINKS = """<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">\
<Relationship Id="r1" Type="http://schemas.microsoft.com/office/2017/10/relationships/\
threadedComment" Target="../threadedComments/threadedComment1.xml"/></Relationships>"""


def workbook(folder: Path, **comments: str) -> None:
    book = openpyxl.Workbook()
    page = book.active
    assert page is not None
    for row in ROWS:
        page.append(row)
    for cell, said in comments.items():
        page[cell].comment = Comment(said, "registry")
    book.save(folder / "a.xlsx")
    people = table("patients", patient_id="id", birth_date="born", weight_kg="kg")
    exported = source("a", people, file="a.xlsx", format="excel", header_row=2)
    write_mapping(folder, exported, data_cut="2025-12-31")


def threaded(folder: Path, said: str) -> None:
    with zipfile.ZipFile(folder / "a.xlsx", "a") as archive:
        archive.writestr("xl/threadedComments/threadedComment1.xml", THREAD.format(said=said))
        archive.writestr("xl/worksheets/_rels/sheet1.xml.rels", LINKS)


def commented(registry: Registry) -> list[tuple[int, str]]:
    found = registry.findings[registry.findings["rule"] == "file.cell_comment"]
    return list(zip(found["row"].tolist(), found["column"].tolist(), strict=True))


def test_each_cell_with_a_comment_is_named_and_none_is_quoted(tmp_path: Path) -> None:
    workbook(tmp_path, C3="wrong, see the letter", B5="SECRET of 1953", C4="refused")
    registry = read_registry(tmp_path)
    assert commented(registry) == [(3, "kg"), (4, "kg"), (5, "born")]
    assert registry.patients["weight_kg"].tolist()[0] == 61
    said = " ".join(registry.findings["message"])
    assert "SECRET" not in said
    assert "letter" not in said


def test_comments_of_headers_and_of_columns_that_are_not_read_are_no_doubt(tmp_path: Path) -> None:
    workbook(tmp_path, A1="kept by hand", C2="in kilograms", D3="see above", C9="below", C5=" ")
    assert commented(read_registry(tmp_path)) == []


def test_threads_are_comments(tmp_path: Path) -> None:
    workbook(tmp_path)
    threaded(tmp_path, "is that right?")
    assert commented(read_registry(tmp_path)) == [(5, "kg")]


def test_a_workbook_whose_comments_are_damaged_is_read(tmp_path: Path) -> None:
    workbook(tmp_path)
    threaded(tmp_path, "</text><")
    registry = read_registry(tmp_path)
    assert registry.patients["weight_kg"].tolist()[::2] == [61, 63]
    assert commented(registry) == []
