"""Files that go by another name, say far more than they hold, or were made to do harm."""

from __future__ import annotations

import io
import json
import os
import sqlite3
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from vpstats.errors import DataError, MappingError
from vpstats.registry.mapping import SourceMap, read_mapping
from vpstats.registry.raw import RawSource
from vpstats.registry.sources import read_source


def read(folder: Path, **options: Any) -> RawSource:
    table = {"name": "patients", "columns": {"patient_id": "id"}}
    given = {"name": "s", "file": "a.csv", "center": "A", "table": [table], **options}
    return read_source(SourceMap.model_validate(given), folder)


# ------------------------------------------------------------------ another name


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"<!DOCTYPE html>\n<html><body>Log in</body></html>", "a web page"),
        (b"\xef\xbb\xbf \n<html><table><tr><td>id</td></tr></table></html>", "a web page"),
        (b"<TABLE><TR><TD>id</TD></TR></TABLE>", "a web page"),
        (b'<?xml version="1.0"?><data><id>1</id></data>', "an XML document"),
        (b"{\\rtf1\\ansi id;x}", "a text document"),
        (b'[{"id": 1}, {"id": 2}]', "a JSON document"),
        (b'{"id": [1, 2]}', "a JSON document"),
        (b"7z\xbc\xaf\x27\x1c....", "an archive"),
        (b"PAR1....PAR1", "a Parquet file"),
        (b"SQLite format 3\x00....", "an SQLite database"),
    ],
)
def test_what_goes_by_the_name_of_a_table(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "a.csv").write_bytes(content)
    with pytest.raises(DataError, match=rf"^a\.csv: expected a table as text, found {words}"):
        read(tmp_path)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"<html><table><tr><td>id</td></tr></table></html>", "is a web page or XML"),
        (b'<?xml version="1.0"?><Workbook/>', "is a web page or XML"),
        (b"id;x\n1;2\n", "is text .* set format = 'csv'"),
        ("id\tx\n1\t2\n".encode("utf-16"), "is text .* set format = 'csv'"),
        (
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(range(256)) * 9,
            "is a workbook of before 2007",
        ),
    ],
)
def test_what_goes_by_the_name_of_a_workbook(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "a.xls").write_bytes(content)
    with pytest.raises(DataError, match=rf"^a\.xls: {words}"):
        read(tmp_path, file="a.xls", format="excel")


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32"])
def test_wide_encodings_without_a_mark(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "a.csv").write_bytes("id;ime\n1;Šime\n2;Ana\n".encode(encoding))
    assert read(tmp_path).columns["ime"].texts().tolist() == ["Šime", "Ana"]


# ------------------------------------------------------------------ workbooks


SHEET = (
    '<?xml version="1.0" encoding="UTF-8"?>{before}<worksheet xmlns="http://schemas.'
    'openxmlformats.org/spreadsheetml/2006/main"><sheetData><row r="1"><c r="A1" t="inlineStr">'
    '<is><t>id</t></is></c></row><row r="2"><c r="A2" t="inlineStr"><is><t>{cell}</t></is></c>'
    "</row></sheetData></worksheet>"
)
LAUGHS = "".join(f'<!ENTITY {chr(98 + i)} "{f"&{chr(97 + i)};" * 10}">' for i in range(9))


def workbook(folder: Path, **parts: str) -> None:
    """A workbook, some of whose parts are others."""
    book, plain = openpyxl.Workbook(), io.BytesIO()
    for value in ("id", 1):
        book.active.append([value])
    book.save(plain)
    given = {name.replace("__", "/"): text for name, text in parts.items()}
    with (
        zipfile.ZipFile(plain) as old,
        zipfile.ZipFile(folder / "a.xlsx", "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for name in old.namelist():
            new.writestr(name, given.pop(name, None) or old.read(name))
        for name, text in given.items():
            new.writestr(name, text)


@pytest.mark.parametrize(
    "before",
    [
        f'<!DOCTYPE x [<!ENTITY a "lol">{LAUGHS}<!ENTITY e "&j;">]>',
        '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/hostname">]>',
        '<!DOCTYPE x [<!ENTITY e SYSTEM "http://127.0.0.1:9/x">]>',
    ],
)
def test_entities_of_a_workbook_are_not_followed(tmp_path: Path, before: str) -> None:
    sheet = SHEET.format(before=before, cell="&e;")
    workbook(tmp_path, **{"xl__worksheets__sheet1.xml": sheet})
    with pytest.raises(DataError, match="no readable Excel workbook"):
        read(tmp_path, file="a.xlsx", format="excel")


def test_links_of_a_workbook_are_not_followed(tmp_path: Path) -> None:
    link = (
        '<Relationships><Relationship Id="r" TargetMode="External" Target="http://127.0.0.1:9/"/>'
    )
    workbook(
        tmp_path,
        xl__externalLinks__externalLink1="<externalLink/>",
        xl__externalLinks___rels__externalLink1=f"{link}</Relationships>",
    )
    assert read(tmp_path, file="a.xlsx", format="excel").columns["id"].spellings == ("1",)


def open_document(rows: int, columns: int, *, empty: int = 1) -> bytes:
    names = " ".join(
        f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"'
        for name in ("office", "table", "text")
    )
    page = (
        f'<?xml version="1.0"?><office:document-content {names}><office:body><office:spreadsheet>'
        f'<table:table table:name="S"><table:table-row table:number-rows-repeated="{rows}">'
        f'<table:table-cell table:number-columns-repeated="{columns}" office:value-type="string">'
        "<text:p>id</text:p></table:table-cell></table:table-row>"
        f'<table:table-row table:number-rows-repeated="{empty}"><table:table-cell '
        'table:number-columns-repeated="16384"/></table:table-row>'
        "</table:table></office:spreadsheet></office:body></office:document-content>"
    )
    parts = {
        "mimetype": "application/vnd.oasis.opendocument.spreadsheet",
        "content.xml": page,
        "META-INF/manifest.xml": '<?xml version="1.0"?><manifest:manifest xmlns:manifest='
        '"urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"/>',
    }
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, text in parts.items():
            archive.writestr(name, text)
    return packed.getvalue()


def test_empty_rows_and_cells_of_an_open_document_cost_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.ods").write_bytes(open_document(2, 1, empty=1_048_574))
    raw = read(tmp_path, file="a.ods", format="excel")
    assert raw.columns["id"].texts().tolist() == ["id"]


# ------------------------------------------------------------------ Parquet and databases


def test_nested_types_and_days_out_of_the_calendar(tmp_path: Path) -> None:
    table = pa.table(
        {
            "id": ["1", "2"],
            "list": [[1, 2], None],
            "deep": [[[[[1]]]], None],
            "record": [{"a": 1}, {"a": None}],
            "map": pa.array([[("k", 1)], []], pa.map_(pa.string(), pa.int32())),
            "bytes": [b"\xff\x00", b"x"],
            "large": pa.array([2**64 - 1, 0], pa.uint64()),
            "day": pa.array([2**30, 0], pa.date32()),
            "moment": pa.array([2**62, 0], pa.timestamp("us")),
            "days": pa.array([[2**30], [0]], pa.list_(pa.date32())),
            "nothing": pa.nulls(2),
        }
    )
    pq.write_table(table, tmp_path / "a.parquet")
    raw = read(tmp_path, file="a.parquet", format="parquet")
    assert {name: column.texts().tolist() for name, column in raw.columns.items()} == {
        "id": ["1", "2"], "list": ["1, 2", ""], "deep": ["1", ""],
        "record": ['{"a": 1}', '{"a": null}'], "map": ["k, 1", ""], "bytes": ["0xff00", "x"],
        "large": ["18446744073709551615", "0"], "day": ["1073741824", "1970-01-01"],
        "moment": ["4611686018427387904", "1970-01-01"],
        "days": ["(out of the calendar)", "1970-01-01"], "nothing": ["", ""],
    }  # fmt: skip


def test_two_columns_of_one_name_are_named(tmp_path: Path) -> None:
    table = pa.Table.from_arrays([pa.array(["1"]), pa.array(["2"])], names=["id", "id"])
    pq.write_table(table, tmp_path / "a.parquet")
    with pytest.raises(DataError, match=r"^a\.parquet: has two columns of one name"):
        read(tmp_path, file="a.parquet", format="parquet")


@pytest.mark.parametrize("kind", ["noise", "text", "cut", "folder"])
def test_a_damaged_database_is_one_clear_error(tmp_path: Path, kind: str) -> None:
    file = tmp_path / "a.db"
    with sqlite3.connect(file) as database:
        database.execute("create table t (id)")
        database.executemany("insert into t values (?)", [(f"{i}" * 50,) for i in range(5000)])
    database.close()
    content = file.read_bytes()
    noise = np.random.default_rng(1).bytes(len(content) - 8192)
    file.unlink()
    if kind == "folder":
        file.mkdir()
    else:
        damaged = {"noise": content[:4096] + noise, "text": b"id;x\n1;2\n", "cut": content[:5000]}
        file.write_bytes(damaged[kind])
    with pytest.raises(DataError):
        read(tmp_path, file=(), format="sql", url="sqlite:///a.db",
             query="SELECT id FROM t ORDER BY id")  # fmt: skip


# ------------------------------------------------------------------ folders


def test_links_in_a_circle_end(tmp_path: Path) -> None:
    folder = tmp_path / "exports"
    folder.mkdir()
    (folder / "a.csv").write_text("id;x\n1;2\n")
    (folder / "up").symlink_to("..")
    (folder / "self").symlink_to("self")
    assert read(tmp_path, file="exports").files == ("exports/a.csv",)


def test_a_name_that_is_no_text_is_a_name_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "exports").mkdir()
    (tmp_path / "exports" / os.fsdecode(b"\xff\x9b.csv")).write_text("id;x\n1;2\n")
    assert read(tmp_path, file="exports").columns["id"].spellings == ("1",)


MAPPING = """
version = 1
{more}
[registry]
name = "x"
data_cut = {day}
[[source]]
name = "s"
file = "a.csv"
center = "A"
[[source.table]]
name = "patients"
columns = {{ patient_id = "id" }}
"""


@pytest.mark.parametrize(
    ("more", "day", "words"),
    [
        (f"a = {'[' * 5000}{']' * 5000}", "2024-12-31", "nested deeper"),
        (f"a = {'9' * 5000}", "2024-12-31", "a longer number"),
        ("", "9999-12-31", "data_cut"),
        ("", "0001-01-01", "data_cut"),
    ],
)
def test_a_mapping_beyond_all_measure(tmp_path: Path, more: str, day: str, words: str) -> None:
    (tmp_path / "registry.toml").write_text(MAPPING.format(more=more, day=day), "utf-8")
    with pytest.raises(MappingError, match=words):
        read_mapping(tmp_path)


def test_a_device_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "a.csv").symlink_to("/dev/zero")
    with pytest.raises(DataError, match="pipe or device"):
        read(tmp_path)


def test_a_file_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    (tmp_path / "a.csv").write_text("id;x\n1;2\n")
    monkeypatch.setattr(Path, "open", denied)  # whoever tests as root may read everything
    with pytest.raises(DataError, match=r"^a\.csv: cannot be opened: Permission denied"):
        read(tmp_path)


def test_a_disk_that_fails_while_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*_: object, **__: object) -> None:
        raise OSError(5, "Input/output error")

    (tmp_path / "a.csv").write_text("id;x\n1;2\n")
    monkeypatch.setattr("vpstats.registry.sources.read_text", failing)
    with pytest.raises(DataError, match=r"^a\.csv: cannot be read: Input/output error"):
        read(tmp_path)


# ------------------------------------------------------------------ far more than they hold


def wide_text(folder: Path) -> None:
    (folder / "a.csv").write_bytes(b"id" + b";" * 2_400_000 + b"\n1" + b";" * 2_400_000 + b"\n")


def tall_parquet(folder: Path) -> None:
    codes = pa.array(np.zeros(100_000_000, "int8"))
    table = pa.table({"id": pa.DictionaryArray.from_arrays(codes, pa.array(["1"]))})
    pq.write_table(table, folder / "a.parquet")


def wide_parquet(folder: Path) -> None:
    names = {f"c{i}": ["1"] for i in range(20_001)}
    pq.write_table(pa.table({"id": ["1"], **names}), folder / "a.parquet")


def repeated_cells(folder: Path) -> None:
    (folder / "a.ods").write_bytes(open_document(1_048_576, 16_384))


ENDLESS: dict[str, tuple[Callable[[Path], None], str]] = {
    "csv": (wide_text, "a.csv: has 2,400,001 columns"),
    "parquet": (tall_parquet, "a.parquet: has 100,000,000 rows"),
    "parquet, wide": (wide_parquet, "a.parquet: has 1 rows and 20,002 columns"),
    "excel": (repeated_cells, "a.ods: has 1,048,576 rows and 16,384 columns"),
}

PROGRAM = """
import json, resource, sys
from pathlib import Path
from vpstats.errors import DataError
from vpstats.registry.mapping import SourceMap
from vpstats.registry.sources import read_source

folder, kind = Path(sys.argv[1]), sys.argv[2]
file = next(path.name for path in folder.iterdir())
table = {"name": "patients", "columns": {"patient_id": "id"}}
given = {"name": "s", "file": file, "format": kind, "center": "A", "table": [table]}
before = resource.getrusage(resource.RUSAGE_SELF)
try:
    read_source(SourceMap.model_validate(given), folder)
    said = "was read"
except DataError as error:
    said = str(error)
used = resource.getrusage(resource.RUSAGE_SELF)
status = Path("/proc/self/status").read_text()  # unlike getrusage, without the parent's peak
peak = int(status.split("VmHWM:")[1].split()[0]) / 1024
print(json.dumps([said, used.ru_utime - before.ru_utime, peak]))
"""


@pytest.mark.parametrize("kind", ENDLESS)
def test_what_would_fill_the_memory_is_refused_before_it_does(tmp_path: Path, kind: str) -> None:
    make, words = ENDLESS[kind]
    make(tmp_path)
    arguments = [sys.executable, "-c", PROGRAM, str(tmp_path), kind.split(",")[0]]
    answer = subprocess.run(arguments, capture_output=True, check=True, timeout=300)
    said, seconds, megabytes = json.loads(answer.stdout)
    assert said.startswith(words)
    assert seconds < 10  # of the processor; unrefused it would take minutes
    assert megabytes < 700  # of which the libraries take about 250
