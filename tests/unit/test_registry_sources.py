"""Broken files of every kind: one clear error or a finding, never a traceback or a silent loss."""

from __future__ import annotations

import datetime as dt
import io
import time
import zipfile
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from vpstats.errors import DataError
from vpstats.registry.decoding import detect
from vpstats.registry.excel_shown import cell_text
from vpstats.registry.mapping import SourceMap
from vpstats.registry.raw import RawSource, from_texts, same_rows
from vpstats.registry.read import read_registry
from vpstats.registry.sources import detect_delimiter, read_source


def source(**options: Any) -> SourceMap:
    table = {"name": "patients", "columns": {"patient_id": "id"}}
    given = {"name": "s", "file": "a.csv", "center": "A", "table": [table], **options}
    return SourceMap.model_validate(given)


def read(folder: Path, content: bytes | str, **options: Any) -> RawSource:
    data = content.encode() if isinstance(content, str) else content
    (folder / str(options.get("file", "a.csv"))).write_bytes(data)
    return read_source(source(**options), folder)


def texts(raw: RawSource) -> dict[str, list[str]]:
    return {name: column.texts().tolist() for name, column in raw.columns.items()}


def rules(raw: RawSource) -> list[tuple[str, int | None]]:
    return [(note.rule, note.row) for note in raw.notes]


def zipped(name: str, content: bytes) -> bytes:
    """An archive of one member."""
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        archive.writestr(name, content)
    return held.getvalue()


ODS = b"application/vnd.oasis.opendocument.spreadsheet"


@pytest.mark.parametrize(
    ("content", "options", "words"),
    [
        (b"", {}, "empty"),
        (b" \r\n \n", {}, "empty"),
        (b"\xff\xfe", {}, "empty"),
        (b"PK\x03\x04...", {}, "Excel workbook"),
        (b"\xd0\xcf\x11\xe0....", {}, "old Excel workbook"),
        (b"%PDF-1.7 ...", {}, "PDF"),
        (bytes(range(256)) * 40, {}, "binary"),
        ("id;x\nč;1\n".encode("cp1250"), {"encoding": "utf-8"}, "it looks like"),
        (b"id;x\n1;2\n", {"encoding": "klingon"}, "not known"),
        (b'id;x\n1;"a\n2;b\n3;c\n4;d\n', {}, "row 2: a quote opens"),
        (b'id;x\n1;"a\n2;b\n3;c"\n4;d\n', {}, "row 2: a quote opens"),
        (b";;;\n1;2\n", {}, "no column names"),
        (b"id\n1\n", {"header_row": 5}, "header_row"),
        (b"not a workbook", {"format": "excel", "file": "a.xlsx"}, "no readable Excel"),
        (b"", {"format": "excel", "file": "a.xlsx"}, "empty"),
        (zipped("mimetype", ODS), {"format": "excel", "file": "a.ods"}, "an OpenDocument"),
        (zipped("xl/workbook.bin", b"1"), {"format": "excel", "file": "a.xlsb"}, "a binary workb"),
        (b"PK\x03\x04 cut off", {"format": "excel", "file": "a.xlsx"}, "no readable Excel"),
    ],
)
def test_what_cannot_be_read_says_so(
    tmp_path: Path, content: bytes, options: dict[str, Any], words: str
) -> None:
    with pytest.raises(DataError, match=words) as caught:
        read(tmp_path, content, **options)
    assert str(caught.value).startswith("a.")


HEAD_OF_NOTES = "log\tid\tday\tnote\tcm\tkg"
TOLD = [f"L{i}\tP{i}\t0{i}/1{i}/2022\tok\t16{i}\t7{i}" for i in range(1, 6)]


@pytest.mark.parametrize("notes", [('"poor view', '"ok" per tech'), ('"', '"')])
def test_two_rows_between_two_quotes_are_refused(tmp_path: Path, notes: tuple[str, str]) -> None:
    rows = [*TOLD, *(f"L{n}\tP{n}\t06/21/2022\t{note}\t170\t80" for n, note in enumerate(notes, 6))]
    with pytest.raises(DataError, match="row 7: a quote opens here"):
        read(tmp_path, "\n".join([HEAD_OF_NOTES, *rows, ""]).encode())


def test_a_note_of_two_lines_with_commas_is_a_note(tmp_path: Path) -> None:
    head, told = HEAD_OF_NOTES.replace("\t", ","), [row.replace("\t", ",") for row in TOLD]
    note = 'L6,P6,06/21/2022,"slow, then better, well\nseen, told, sent home, thanks",170,80'
    raw = read(tmp_path, "\n".join([head, *told, note, ""]).encode())
    assert len(raw) == 6


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="not there"):
        read_source(source(file="b.csv"), tmp_path)
    with pytest.raises(DataError, match="not there"):
        read_source(source(file="*.tsv"), tmp_path)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1250", "iso-8859-2"])
@pytest.mark.parametrize("delimiter", [";", ",", "\t", "|"])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_encodings_delimiters_and_line_ends(
    tmp_path: Path, encoding: str, delimiter: str, newline: str
) -> None:
    lines = [["id", "pušač"], ["1", "šećer, žuč; đak|ć"], ["2", "x"]]
    quoted = [[line[0], f'"{line[1]}"'] for line in lines]
    text = newline.join(delimiter.join(line) for line in quoted)

    raw = read(tmp_path, text.encode(encoding))

    assert texts(raw) == {"id": ["1", "2"], "pušač": ["šećer, žuč; đak|ć", "x"]}
    assert (raw.meta[0]["delimiter"], raw.row.tolist()) == (delimiter, [2, 3])


def test_western_text_is_not_taken_for_central_european() -> None:
    assert detect("Größe;Café;città;niño".encode("cp1252")) == "cp1252"
    assert detect("Müller;più;perché;è".encode("cp1252")) == "cp1252"
    assert detect("Vuković;Đurđa;žena".encode("cp1250")) == "cp1250"


def test_delimiter_is_not_the_decimal_comma() -> None:
    assert detect_delimiter("a;b\n1,5;2,5\n3,5;4,5\n") == ";"
    assert detect_delimiter("only\n1\n2\n") == ","


@pytest.mark.parametrize("irregular", [False, True])
def test_rows_are_counted_as_a_spreadsheet_does(tmp_path: Path, irregular: bool) -> None:
    extra = "\n" if irregular else ""
    raw = read(tmp_path, f'id,x\n1,"two\nlines ""quoted"""\n{extra}2,y\n')
    assert raw.row.tolist() == ([2, 4] if irregular else [2, 3])
    assert texts(raw)["x"] == ['two lines "quoted"', "y"]


def test_rows_that_do_not_fit_are_left_out_and_named(tmp_path: Path) -> None:
    raw = read(tmp_path, "id;x;y\n1;2;3\n4;5\n6;7;8;9\n1;2;3\n")
    assert texts(raw)["id"] == ["1", "1"]
    assert rules(raw) == [("file.ragged_row", 3), ("file.ragged_row", 4)]


def test_short_rows_are_filled_where_the_end_is_usually_empty(tmp_path: Path) -> None:
    raw = read(tmp_path, "id;x;y\n1;2;\n3;4;\n5;6\n7;8;;\n")
    assert texts(raw) == {"id": ["1", "3", "5", "7"], "x": ["2", "4", "6", "8"], "y": [""] * 4}
    assert not raw.notes


def test_a_file_cut_off_in_its_last_row(tmp_path: Path) -> None:
    raw = read(tmp_path, "id;x;y\n1;2;3\n4;5;6\n7;8")
    assert rules(raw) == [("file.ragged_row", 4)]


def test_repeated_and_duplicated_headers(tmp_path: Path) -> None:
    raw = read(tmp_path, "id;x;x\n1;2;3\nid;x;x\n4;5;6\n")
    assert list(raw.columns) == ["id", "x", "x (again, column 3)"]
    plain = read(tmp_path, "id;x\n1;2\nid;x\n4;5\n")
    assert (texts(plain)["id"], plain.row.tolist()) == (["1", "4"], [2, 4])
    assert rules(plain) == [("file.repeated_header", 3)]


def test_zero_rows_and_nul_bytes(tmp_path: Path) -> None:
    assert rules(read(tmp_path, "id;x\n")) == [("file.no_rows", None)]
    raw = read(tmp_path, b"id;x\n1;a\x00b\n")
    assert (texts(raw)["x"], rules(raw)) == (["ab"], [("file.nul", None)])


def test_lines_above_the_header(tmp_path: Path) -> None:
    raw = read(tmp_path, "Registar vertebroplastike\n\nid;x\n1;2\n", header_row=3)
    assert (texts(raw), raw.row.tolist()) == ({"id": ["1"], "x": ["2"]}, [4])


def test_several_files_are_stacked_in_order_of_name(tmp_path: Path) -> None:
    (tmp_path / "b1.csv").write_text("id;x\n1;2\n")
    (tmp_path / "b2.csv").write_bytes("id,š\n3,ž\n".encode("cp1250"))
    raw = read_source(source(file=["b2.csv", "b*.csv"]), tmp_path)
    assert raw.files == ("b2.csv", "b1.csv")
    assert texts(raw) == {"id": ["3", "1"], "š": ["ž", ""], "x": ["", "2"]}
    assert (raw.file.tolist(), raw.row.tolist()) == ([0, 1], [2, 2])


def workbook(path: Path) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "Podaci"
    sheet.append(["id", "datum", "broj", "da"])
    sheet.append([1, dt.date(2023, 8, 25), 4.300000000000001, True])
    sheet.append([None, None, None, None])
    sheet.append(["007", 45163, "4,5", None])
    book.save(path)


def test_excel(tmp_path: Path) -> None:
    workbook(tmp_path / "a.xlsx")
    raw = read_source(source(file="a.xlsx", format="excel", sheet="Podaci"), tmp_path)
    assert texts(raw) == {
        "id": ["1", "007"],
        "datum": ["2023-08-25", "45163"],
        "broj": ["4.3", "4,5"],
        "da": ["TRUE", ""],
    }
    assert raw.row.tolist() == [2, 4]
    with pytest.raises(DataError, match=r"has no sheet 'Podatci'.*Did you mean 'Podaci'"):
        read_source(source(file="a.xlsx", format="excel", sheet="Podatci"), tmp_path)


def test_a_workbook_cut_in_half(tmp_path: Path) -> None:
    workbook(tmp_path / "a.xlsx")
    content = (tmp_path / "a.xlsx").read_bytes()
    with pytest.raises(DataError, match="damaged"):
        read(tmp_path, content[: len(content) // 2], file="a.xlsx", format="excel")


def test_cells_of_a_workbook() -> None:
    assert [cell_text(v) for v in (None, 1e14, 0.1 + 0.2, dt.time(8, 30), False)] == [
        "",
        "100000000000000",
        "0.3",
        "08:30:00",
        "FALSE",
    ]
    stamp = dt.datetime.fromisoformat("2023-08-25T14:30:00")
    assert cell_text(stamp) == "2023-08-25 14:30:00"


def test_copies_of_rows_are_found_over_all_columns(tmp_path: Path) -> None:
    raw = read(tmp_path, "id;x\n1;a\n1;b\n1;a\n2;a\n1;a\n")
    assert same_rows(raw).tolist() == [False, False, True, False, True]


def test_text_columns_merge_spellings_that_trimming_makes_equal() -> None:
    column = from_texts([" da", "da ", "", "  ", "ne"])
    assert column.spellings == ("da", "ne")
    assert column.codes.tolist() == [0, 0, -1, -1, 1]
    assert column.counts().tolist() == [2, 1]


def book_with(path: Path, **sheets: list[list[Any]]) -> openpyxl.Workbook:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        page = book.create_sheet(name)
        for row in rows:
            page.append(row)
    book.save(path)
    return book


def test_merged_header_rows(tmp_path: Path) -> None:
    rows = [
        ["Registry of the clinic"],
        ["Patient", None, "CRP", None, "Note"],
        ["id", "sex", "before", "after", None],
        ["1", "f", 3, 5, "x"],
    ]
    book = book_with(tmp_path / "a.xlsx", S=rows)
    for span in ("A2:B2", "C2:D2", "E2:E3"):
        book["S"].merge_cells(span)
    book.save(tmp_path / "a.xlsx")
    given = {"file": "a.xlsx", "format": "excel", "header_row": 2, "header_rows": 2}
    raw = read_source(source(**given), tmp_path)
    assert texts(raw) == {
        "Patient / id": ["1"],
        "Patient / sex": ["f"],
        "CRP / before": ["3"],
        "CRP / after": ["5"],
        "Note": ["x"],
    }
    assert (raw.row.tolist(), raw.notes) == ([4], ())


def test_header_rows_of_text(tmp_path: Path) -> None:
    text = "Patient;;CRP;\nid;sex;before;after\n1;f;3;5\n"
    raw = read(tmp_path, text, header_rows=2)
    assert list(raw.columns) == ["Patient / id", "Patient / sex", "CRP / before", "CRP / after"]
    assert raw.row.tolist() == [3]


def test_several_sheets(tmp_path: Path) -> None:
    years = {"2023": [["id"], ["1"]], "2024": [["id", "x"], ["2", "b"]], "2025": [["id"]]}
    book = book_with(tmp_path / "a.xlsx", **years)
    book["2024"].sheet_state = "hidden"
    book.save(tmp_path / "a.xlsx")
    given = {"file": "a.xlsx", "format": "excel"}
    both = read_source(source(**given, sheet=["2024", "2023"]), tmp_path)
    assert both.files == ("a.xlsx:2024", "a.xlsx:2023")
    assert texts(both) == {"id": ["2", "1"], "x": ["b", ""]}
    assert [(n.rule, n.note) for n in both.notes] == [
        ("file.hidden_sheet", "a hidden sheet was read: '2024'")
    ]
    every = read_source(source(**given, sheet="*"), tmp_path)
    assert [meta["rows"] for meta in every.meta] == [1, 1, 0]
    first = read_source(source(**given), tmp_path)
    assert (first.files, texts(first)) == (("a.xlsx:2023",), {"id": ["1"]})
    assert [n.rule for n in first.notes] == ["file.hidden_sheet", "file.other_sheets"]


def test_merged_cells_among_the_rows_are_reported(tmp_path: Path) -> None:
    book = book_with(tmp_path / "a.xlsx", S=[["id", "x"], ["1", "a"], [None, "b"]])
    book["S"].merge_cells("A2:A3")
    book.save(tmp_path / "a.xlsx")
    raw = read_source(source(file="a.xlsx", format="excel"), tmp_path)
    assert rules(raw) == [("file.merged_cells", 2)]
    assert texts(raw)["id"] == ["1", ""]


def with_sheet(path: Path, rows: str) -> None:
    """A workbook whose only sheet holds the given rows of XML."""
    book_with(path, S=[["id"], ["1"]])
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    page = parts["xl/worksheets/sheet1.xml"].decode()
    start, end = page.index("<sheetData>"), page.index("</sheetData>")
    parts["xl/worksheets/sheet1.xml"] = (page[:start] + "<sheetData>" + rows + page[end:]).encode()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ('<row r="1">' + "<c/>" * 1_000_000 + "</row>", "has 1,000,000 columns"),
        ('<row r="1"><c r="A1" t="str"><v>id</v></c><c r="BDWGN1"/></row>', "columns; expected"),
        (
            '<row r="1"><c r="A1"/></row><row r="1048576"><c r="XFD1048576"/></row>',
            "a cell in row 1,048,576 and one in column 16,384",
        ),
    ],
)
def test_an_endless_sheet_is_refused_at_once(tmp_path: Path, rows: str, words: str) -> None:
    with_sheet(tmp_path / "a.xlsx", rows)
    started = time.process_time()
    with pytest.raises(DataError, match=words):
        read_source(source(file="a.xlsx", format="excel"), tmp_path)
    assert time.process_time() - started < 10  # seconds; unrefused it would take hours and memory


def test_a_workbook_that_is_a_bomb(tmp_path: Path) -> None:
    book_with(tmp_path / "a.xlsx", S=[["id"], ["1"]])
    with zipfile.ZipFile(tmp_path / "a.xlsx", "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/media/image.png", b"0" * 20_000_000)
    with pytest.raises(DataError, match="packed more than 200 times"):
        read_source(source(file="a.xlsx", format="excel"), tmp_path)


@pytest.mark.parametrize(
    ("content", "row"),
    [
        (b"id;x\n1;" + b"a" * 100_000_000 + b"\n", 2),
        (b"a;" * 50_000_000, 1),
        (b'id;x\n1;2\n3;"' + b"a" * 6_000_000, 3),
    ],
)
def test_a_line_without_end_is_refused_at_once(tmp_path: Path, content: bytes, row: int) -> None:
    with pytest.raises(DataError, match=f"row {row}: has a line of more than 5,000,000"):
        read(tmp_path, content)


@pytest.mark.parametrize("content", [b"\x00" * 1000, b"\x00", b"id;x\n" + b"\x00" * 500])
def test_nothing_but_nul(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(DataError, match=r"a\.csv: .*(empty|binary)"):
        read(tmp_path, content)


def broken_within(path: Path, part: str) -> None:
    """Break what is packed as one part of a workbook, where its directory does not see it."""
    with zipfile.ZipFile(path) as archive:
        info = archive.getinfo(part)
        start = info.header_offset + 30 + len(info.filename)
    content = bytearray(path.read_bytes())
    content[start : start + info.compress_size] = bytes([0x07]) * info.compress_size
    path.write_bytes(bytes(content))


@pytest.mark.parametrize("part", ["xl/worksheets/sheet1.xml", "xl/workbook.xml"])
def test_a_workbook_broken_within(tmp_path: Path, part: str) -> None:
    book = openpyxl.Workbook()
    book.active.append(["id"])
    book.save(tmp_path / "a.xlsx")
    broken_within(tmp_path / "a.xlsx", part)
    with pytest.raises(DataError, match=r"^a\.xlsx: is no readable Excel workbook"):
        read_source(source(file="a.xlsx", format="excel"), tmp_path)


def test_an_endless_sheet_behind_a_broken_one(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.active.append(["id"])
    far = book.create_sheet("far")
    far.cell(1, 1, "id")
    far.cell(1_000_000, 16_000, "x")
    book.save(tmp_path / "a.xlsx")
    broken_within(tmp_path / "a.xlsx", "xl/worksheets/sheet1.xml")
    with pytest.raises(DataError, match="has a cell in row 1,000,000"):
        read_source(source(file="a.xlsx", format="excel", sheet="far"), tmp_path)


def test_a_workbook_without_sheets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Bare:
        """What is left of a workbook whose list of sheets is damaged."""

        sheet_names: tuple[str, ...] = ()
        sheets_metadata: tuple[str, ...] = ()

    monkeypatch.setattr(
        "python_calamine.CalamineWorkbook",
        type(
            "",
            (),
            {
                "from_filelike": staticmethod(lambda _: Bare()),
            },
        ),
    )
    with pytest.raises(DataError, match=r"^a\.xlsx: has no sheet"):
        read(tmp_path, b"PK", file="a.xlsx", format="excel")


def test_each_hidden_sheet_is_said_to_be_read_or_not(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    for name in ("a", "b"):
        book.create_sheet(name).append(["id", name])
        book[name].sheet_state = "hidden"
    book.active.append(["id"])
    book.save(tmp_path / "a.xlsx")
    raw = read_source(source(file="a.xlsx", format="excel", sheet=["a"]), tmp_path)
    said = [note.note for note in raw.notes if note.rule == "file.hidden_sheet"]
    assert said == ["a hidden sheet was read: 'a'", "a hidden sheet was not read: 'b'"]


# ------------------------------------------------------------------ days that are not known

MOMENTS = """
version = 1
[registry]
name = "x"
data_cut = 2024-12-31
[[source]]
name = "s"
file = "a.csv"
center = "A"
[[source.table]]
name = "procedures"
[source.table.columns]
patient_id = "id"
procedure_id = "id"
proc_date = "at"
"""


@pytest.mark.parametrize(
    ("moments", "days"),
    [
        # midnights of Zagreb, with and without summer time; of Lisbon; of Delhi; of Auckland
        (["2023-03-13T23:00:00.000Z", "2023-07-09T22:00:00.000Z"], [None, None]),
        (["2023-03-14 00:00:00+00:00", "2023-07-09 23:00:00+00:00"], [14, None]),
        (["2023-03-13T18:30Z", "2023-07-09T18:30Z"], [None, None]),
        (["2023-03-13T11:00:00Z", "2023-07-09T12:00:00Z"], [None, None]),
        # the day is the same: midnights of New York, noon, the times of operations
        (["2023-03-14T05:00:00Z", "2023-07-10T04:00:00Z"], [14, 10]),
        (["2023-03-14T12:00:00Z", "2023-07-10T12:00:00Z"], [14, 10]),
        (["2023-03-14T13:12:00Z", "2023-07-10T13:12:00Z"], [14, 10]),
        (["2023-03-14T14:15:00Z", "2023-07-10T09:30:00Z"], [14, 10]),
        (["2023-03-14 00:00:00+01:00", "2023-07-10 00:00:00+02:00"], [14, 10]),
    ],
)
def test_midnights_of_another_zone(
    tmp_path: Path, moments: list[str], days: list[int | None]
) -> None:
    (tmp_path / "a.csv").write_text(
        "id;at\n" + "".join(f"{i};{m}\n" for i, m in enumerate(moments))
    )
    (tmp_path / "registry.toml").write_text(MOMENTS)
    found = read_registry(tmp_path)
    read = dict(zip(found.procedures["procedure_id"], found.procedures["proc_date"], strict=True))
    assert {int(key[2:]): day.day for key, day in read.items()} == {
        i: day for i, day in enumerate(days) if day is not None
    }
    said = found.findings[found.findings["rule"] == "date.unreadable"]
    assert len(said) == (1 + days.count(None) if None in days else 0)
    assert said["message"].str.contains("midnight of another time zone").sum() == (None in days)


def test_a_million_copies_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vpstats.registry.prepare._MOST_COPIES", 4)
    (tmp_path / "registry.toml").write_text(MOMENTS)
    (tmp_path / "a.csv").write_text("id;at\n" + "1;2023-03-14\n" * 5)
    assert len(read_registry(tmp_path).procedures) == 1
    (tmp_path / "a.csv").write_text("id;at\n2;2023-03-14\n" + "1;2023-03-14\n" * 6)
    words = r"^a\.csv: source 's': 5 of 7 rows repeat an earlier row in every cell"
    with pytest.raises(DataError, match=words):
        read_registry(tmp_path)


@pytest.mark.parametrize(
    ("table", "rule"),
    [("procedures", "mapping.contradicted"), ("visits", "mapping.no_rows")],
)
def test_a_table_that_gets_no_row_says_so(tmp_path: Path, table: str, rule: str) -> None:
    text = MOMENTS.replace('"procedures"', f'"{table}"').replace('procedure_id = "id"\n', "")
    text = text.replace("proc_date", "proc_date" if table == "procedures" else "visit_date")
    (tmp_path / "a.csv").write_text("id;at;form\n1;2023-03-14;operation\n2;2023-03-15;control\n")
    for word, said in (("operaton", [rule]), ("operation", [])):
        chosen = f'where = {{ form = "{word}" }}\n[source.table.columns]'
        toml = text.replace("[source.table.columns]", chosen)
        (tmp_path / "registry.toml").write_text(toml)
        found = read_registry(tmp_path).findings
        rules = found.loc[found["message"].str.contains("chooses no row"), "rule"]
        assert rules.tolist() == said


BIRTHS = """
version = 1
[registry]
name = "x"
data_cut = 2024-12-31
[[source]]
name = "s"
file = "a.csv"
center = "A"
[[source.table]]
name = "procedures"
[source.table.columns]
patient_id = "id"
proc_date = "op"
birth_date = "born"
[[source]]
name = "p"
file = "p.csv"
center = "A"
[[source.table]]
name = "patients"
[source.table.columns]
patient_id = "id"
birth_date = "born"
"""


def test_births_that_the_sessions_of_a_patient_contradict(tmp_path: Path) -> None:
    (tmp_path / "registry.toml").write_text(BIRTHS)
    (tmp_path / "a.csv").write_text(
        "id;op;born\n1;2023-03-14;1948-02-11\n1;2023-09-14;1958-02-11\n2;2023-03-14;1950-01-02\n"
        "2;2023-09-14;\n3;2023-03-14;1951-01-02\n4;2023-03-14;\n5;2023-03-14;1952\n"
    )
    (tmp_path / "p.csv").write_text("id;born\n1;\n2;1950-01-02\n3;1941-01-02\n4;1953-01-02\n5;\n")
    found = read_registry(tmp_path)
    people = found.patients.set_index("patient_id")
    known = people["birth_date"].dropna().dt.strftime("%Y-%m-%d").to_dict()
    assert known == {"A/2": "1950-01-02", "A/4": "1953-01-02"}
    assert people.loc["A/5", "birth_year"] == 1952
    said = found.findings[found.findings["rule"] == "conflict.rows"]
    assert said[["file", "row"]].to_numpy().tolist() == [["a.csv", 2], ["a.csv", 3], ["p.csv", 4]]
    assert not said["message"].str.contains("19").any()


def test_a_share_that_fails_without_a_word(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*_: object, **__: object) -> None:
        raise OSError("timed out")

    monkeypatch.setattr("vpstats.registry.sources.read_text", failing)
    with pytest.raises(DataError, match=r"^a\.csv: cannot be read: OSError\."):
        read(tmp_path, "id\n1\n")
