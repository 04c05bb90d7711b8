"""What a workbook shows, hides or strikes out: read as shown, or doubted where it stands."""

from __future__ import annotations

import datetime as dt
import io
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from openpyxl.cell.rich_text import CellRichText, TextBlock
from openpyxl.cell.text import InlineFont
from openpyxl.styles import Font
from openpyxl.utils.datetime import CALENDAR_MAC_1904, CALENDAR_WINDOWS_1900
from openpyxl.worksheet.worksheet import Worksheet

from vpstats.registry import read_registry
from vpstats.registry.registry import Registry

HEAD = """version = 1
[registry]
name = "x"
data_cut = 2024-06-30
[[source]]
name = "s"
file = "s.xlsx"
format = "excel"
center = "A"
[[source.table]]
name = "patients"
columns = { patient_id = "id", sex = "sex" }
[[source.table]]
name = "procedures"
columns = { patient_id = "id", proc_date = "op", FIELD = { column = "x"UNIT } }
"""
CRP = "crp_mg_l"
Place = Callable[[Worksheet], object]


def sheet(folder: Path, cells: list[Any], look: Place | None = None) -> None:
    """A workbook with a row for each cell of column E."""
    book = openpyxl.Workbook()
    page = book.active
    assert page is not None
    page.append(["id", "sex", "op", "note", "x"])
    for i, cell in enumerate(cells, start=1):
        page.append([i, "f", dt.date(2023, 1, 13 + i), "n", cell])
    if look is not None:
        look(page)
    book.save(folder / "s.xlsx")


def mapped(folder: Path, field: str, unit: str = "") -> Registry:
    said = f', unit = "{unit}"' if unit else ""
    text = HEAD.replace("FIELD", field).replace("UNIT", said)
    (folder / "registry.toml").write_text(text, "utf-8")
    return read_registry(folder)


def values(registry: Registry, field: str) -> list[Any]:
    column = registry.procedures[field]
    return [
        None if missing else value for value, missing in zip(column, column.isna(), strict=True)
    ]


def rows_of(registry: Registry, rule: str, column: str | None = None) -> list[int]:
    found = registry.findings[registry.findings["rule"] == rule]
    if column is not None:
        found = found[found["column"] == column]
    return sorted(found["row"].dropna().astype(int))


def said(registry: Registry, rule: str) -> list[str]:
    found = registry.findings
    return list(found.loc[found["rule"] == rule, "message"])


def quiet(registry: Registry) -> bool:
    return set(registry.findings["rule"]) <= {"file.unmapped", "session.no_levels"}


def formats(*shown: str) -> Place:
    def give(page: Worksheet) -> None:
        for row, code in enumerate(shown, start=2):
            page.cell(row, 5).number_format = code

    return give


def edited(folder: Path, part: str, change: Callable[[str], str]) -> None:
    """Change one part of the workbook."""
    packed = (folder / "s.xlsx").read_bytes()
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    parts[part] = change(parts[part].decode()).encode()
    with zipfile.ZipFile(folder / "s.xlsx", "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)


# ------------------------------------------------------------------ times

DURATION, FLUOROSCOPY = "duration_min", "fluoro_min"


def hours(*texts: str) -> list[float]:
    """Parts of a day."""
    pairs = [text.split(":") for text in texts]
    return [(int(h) * 60 + int(m)) / 1440 for h, m in pairs]


def test_hours_and_minutes_are_read_as_shown_under_the_mapping(tmp_path: Path) -> None:
    sheet(tmp_path, hours("0:45", "12:30", "7:05"), formats("h:mm", "hh:mm", "h:mm"))
    registry = mapped(tmp_path, FLUOROSCOPY, "mm:ss")
    read = [round(v, 4) for v in values(registry, FLUOROSCOPY)]
    assert read == [0.75, 12.5, 7.0833]
    assert quiet(registry)
    sheet(tmp_path, hours("0:25", "1:30", "0:55"), formats("h:mm", "hh:mm", "[h]:mm"))
    registry = mapped(tmp_path, DURATION, "h:mm")
    assert values(registry, DURATION) == [25.0, 90.0, 55.0]
    assert quiet(registry)


def test_a_column_of_texts_and_times_is_read_one_way(tmp_path: Path) -> None:
    cells = ["12:30", *hours("12:30", "36:10"), "9:15"]
    sheet(tmp_path, cells, formats("@", "h:mm", "[h]:mm:ss", "@"))
    for unit in ("mm:ss", ""):  # what is shown as 36 hours proves minutes and seconds
        registry = mapped(tmp_path, FLUOROSCOPY, unit)
        read = [round(v, 4) for v in values(registry, FLUOROSCOPY)]
        assert read == [12.5, 12.5, 36.1667, 9.25]


def test_hours_and_minutes_that_nothing_proves_are_doubted(tmp_path: Path) -> None:
    sheet(tmp_path, hours("0:25", "0:40"), formats("h:mm", "h:mm"))
    registry = mapped(tmp_path, FLUOROSCOPY)
    assert values(registry, FLUOROSCOPY) == [None, None]
    assert rows_of(registry, "number.ambiguous") == [2, 3]


@pytest.mark.parametrize("unit", ["", "mm:ss", "h:mm"])
def test_seconds_that_are_shown_say_what_a_time_is(tmp_path: Path, unit: str) -> None:
    cells = [750 / 86400, dt.timedelta(minutes=12, seconds=30), 750 / 86400]
    sheet(tmp_path, cells, formats("mm:ss", "[h]:mm:ss", "h:mm:ss"))
    assert values(mapped(tmp_path, FLUOROSCOPY, unit), FLUOROSCOPY) == [12.5] * 3


def test_whole_minutes_in_a_column_of_seconds_are_doubted(tmp_path: Path) -> None:
    cells = [dt.time(0, 25), dt.time(12, 30), None]
    sheet(tmp_path, cells, formats("h:mm:ss", "h:mm:ss"))
    registry = mapped(tmp_path, FLUOROSCOPY, "mm:ss")
    assert values(registry, FLUOROSCOPY) == [None] * 3
    assert rows_of(registry, "number.ambiguous", "x") == [2, 3]


def test_times_of_which_the_hours_are_not_shown_are_doubted(tmp_path: Path) -> None:
    sheet(tmp_path, [0.520833333333333, -0.01], formats("mm:ss", "h:mm"))
    registry = mapped(tmp_path, FLUOROSCOPY, "mm:ss")
    assert values(registry, FLUOROSCOPY) == [None, None]
    assert rows_of(registry, "file.shown_otherwise", "x") == [2, 3]


# ------------------------------------------------------------------ letters


def rich(*parts: str | tuple[str, dict[str, Any]]) -> CellRichText:
    return CellRichText(
        *(p if isinstance(p, str) else TextBlock(InlineFont(**p[1]), p[0]) for p in parts)
    )


RAISED: dict[str, Any] = {"vertAlign": "superscript"}
STRUCK: dict[str, Any] = {"strike": True}


def shared(folder: Path) -> None:
    """Keep the texts of cells apart from the sheet, as spreadsheet programs do."""
    texts: list[str] = []

    def moved(cell: re.Match[str]) -> str:
        texts.append(cell[2])
        return f'{cell[1]} t="s"><v>{len(texts) - 1}</v></c>'

    inline = re.compile(r'(<c [^>]*?) t="inlineStr"><is>(.*?)</is></c>')
    edited(folder, "xl/worksheets/sheet1.xml", lambda page: inline.sub(moved, page))
    space = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    found = "".join(f"<si>{text}</si>" for text in texts)
    with zipfile.ZipFile(folder / "s.xlsx", "a") as archive:
        archive.writestr("xl/sharedStrings.xml", f'<sst xmlns="{space}">{found}</sst>')
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml"
    part = f'<Override PartName="/xl/sharedStrings.xml" ContentType="{kind}"/></Types>'
    edited(folder, "[Content_Types].xml", lambda text: text.replace("</Types>", part))
    kind = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/sharedStrings"
    link = f'<Relationship Id="rId77" Type="{kind}" Target="sharedStrings.xml"/></Relationships>'
    edited(
        folder, "xl/_rels/workbook.xml.rels", lambda text: text.replace("</Relationships>", link)
    )


@pytest.mark.parametrize("apart", [False, True])
def test_raised_marks_and_struck_parts_are_no_part_of_a_number(tmp_path: Path, apart: bool) -> None:
    cells = [
        rich("4,5", ("1", RAISED)),
        rich(("4,5", STRUCK), " 5,0"),
        rich("6,5", ("*)", RAISED)),
        rich("7,5", ("st", RAISED)),
        rich(("9", STRUCK)),
        "8,5",
        rich("9,5", ("1, 2", RAISED)),
    ]
    sheet(tmp_path, cells)
    if apart:
        shared(tmp_path)
    registry = mapped(tmp_path, CRP)
    assert values(registry, CRP) == [4.5, 5.0, 6.5, 7.5, None, 8.5, 9.5]
    assert rows_of(registry, "file.raised_mark", "x") == [2, 4, 5, 8]
    assert rows_of(registry, "file.struck_out", "x") == [3, 6]


def test_raised_numbers_of_units_stay(tmp_path: Path) -> None:
    sheet(tmp_path, [rich("21 x10", ("9", RAISED), "/L"), rich("19 10", ("9", RAISED), "/L")])
    registry = mapped(tmp_path, "wbc_10e9_l")
    assert values(registry, "wbc_10e9_l") == [21.0, 19.0]
    assert quiet(registry)
    sheet(tmp_path, [rich("21 x10", ("3", RAISED), "/mm", ("3", RAISED)), "19"])
    registry = mapped(tmp_path, "wbc_10e9_l")
    assert values(registry, "wbc_10e9_l") == [21.0, 19.0]
    assert quiet(registry)
    sheet(tmp_path, [rich("25 Gy·cm", ("2", RAISED)), rich("30 mGy·m", ("2", RAISED))])
    registry = mapped(tmp_path, "dose_gy_cm2")
    assert values(registry, "dose_gy_cm2") == [25.0, 300.0]
    assert quiet(registry)


def test_a_part_that_is_not_struck_in_a_cell_whose_style_is(tmp_path: Path) -> None:
    def strike(page: Worksheet) -> None:
        page["E2"].font = Font(strike=True)

    sheet(tmp_path, [rich("4,5", (" 5,0", {"b": True})), "6"], strike)
    registry = mapped(tmp_path, CRP)
    assert values(registry, CRP) == [5.0, 6.0]
    assert rows_of(registry, "file.struck_out", "x") == [2]


def test_names_of_columns_keep_their_raised_letters(tmp_path: Path) -> None:
    def raise_mark(page: Worksheet) -> None:
        page["E1"] = rich("CRP", ("1", RAISED))

    sheet(tmp_path, [4.5], raise_mark)
    text = HEAD.replace("FIELD", CRP).replace("UNIT", "").replace('"x"', '"CRP1"')
    (tmp_path / "registry.toml").write_text(text, "utf-8")
    assert values(read_registry(tmp_path), CRP) == [4.5]


# ------------------------------------------------------------------ struck out, hidden


def test_a_cell_that_is_struck_out_is_not_read(tmp_path: Path) -> None:
    def strike(page: Worksheet) -> None:
        for cell in ("E2", "D3", "E4"):  # nobody reads the notes
            page[cell].font = Font(strike=True)
        page["E4"].font = Font(strike=False)

    sheet(tmp_path, [4.5, 5, 6], strike)
    registry = mapped(tmp_path, CRP)
    assert values(registry, CRP) == [None, 5.0, 6.0]
    assert rows_of(registry, "file.struck_out") == [2]
    assert rows_of(registry, "file.struck_row") == []


def test_rows_that_are_struck_out_are_read_and_doubted(tmp_path: Path) -> None:
    def strike(page: Worksheet) -> None:
        for cell in page[3]:
            cell.font = Font(strike=True)

    sheet(tmp_path, [4.5, rich(("5", STRUCK)), 6], strike)
    registry = mapped(tmp_path, CRP)
    assert values(registry, CRP) == [4.5, 5.0, 6.0]
    assert rows_of(registry, "file.struck_row") == [3]
    assert rows_of(registry, "file.struck_out") == []


def test_hidden_rows_and_columns_are_read_and_named(tmp_path: Path) -> None:
    def hide(page: Worksheet) -> None:
        for row in (3, 4, 6, 50):
            page.row_dimensions[row].hidden = True
        for column in "DE":  # nobody reads the notes
            page.column_dimensions[column].hidden = True

    sheet(tmp_path, [4.5, 5, 6, 7, 8, 9], hide)
    registry = mapped(tmp_path, CRP)
    assert values(registry, CRP) == [4.5, 5.0, 6.0, 7.0, 8.0, 9.0]
    assert said(registry, "file.hidden_rows") == [
        "3 rows are hidden, by hand or by a filter, and read: 3–4, 6."
    ]
    assert said(registry, "file.hidden_columns") == ["hidden and read: 'x'."]


# ------------------------------------------------------------------ days


@pytest.mark.parametrize("since", [CALENDAR_WINDOWS_1900, CALENDAR_MAC_1904])
def test_days_are_counted_as_the_workbook_does(tmp_path: Path, since: dt.datetime) -> None:
    days = [dt.date(2020, 3, 15), dt.date(2021, 11, 2)]

    def count(page: Worksheet) -> None:
        page.parent.epoch = since

    sheet(tmp_path, [(days[0] - since.date()).days, days[1]], count)
    registry = mapped(tmp_path, "fracture_date")
    assert [day.date() for day in values(registry, "fracture_date")] == days
    assert registry.procedures["proc_date"].dt.year.tolist() == [2023, 2023]


# ------------------------------------------------------------------ formats


@pytest.mark.parametrize(
    ("shown", "held", "value", "limit"),
    [
        ('"<"0', 5, 5.0, "below"),
        ("<0.0", 0.3, 0.3, "below"),
        ('">"0.0', 200.0, 200.0, "above"),
        ('[<1]"<1";0.0', 0.5, 1.0, "below"),
        ('"ca. "0', 5, 5.0, "exact"),
        ('0;-0;0" mg/dl"', 5, 5.0, "exact"),
        ('[<5]0.0" mg/dl";0.0', 2, 20.0, "exact"),
        ("#,##0.0_ ;[Red]\\-#,##0.0\\ ", 5.26, 5.26, "exact"),
        ('_-* #,##0.00_-;-* #,##0.00_-;_-* "-"??_-;_-@_-', 0, 0.0, "exact"),
    ],
)
def test_a_number_is_read_with_what_its_format_says(
    tmp_path: Path, shown: str, held: float, value: float, limit: str
) -> None:
    sheet(tmp_path, [held, 7], formats(shown))
    registry = mapped(tmp_path, CRP)
    assert values(registry, CRP) == [value, 7.0]
    assert values(registry, "crp_limit")[0] == limit
    assert quiet(registry)


@pytest.mark.parametrize(
    ("shown", "held"), [("0,", 5000), ("0.0,,", 5e6), (";;;", 5), ("0;-0;;@", 0), (";;;", "5")]
)
def test_what_a_format_hides_is_doubted(tmp_path: Path, shown: str, held: Any) -> None:
    sheet(tmp_path, [held, 7], formats(shown, shown if shown.startswith("0;") else "0"))
    registry = mapped(tmp_path, CRP)
    assert values(registry, CRP) == [None, 7.0]
    assert rows_of(registry, "file.shown_otherwise", "x") == [2]


# ------------------------------------------------------------------ errors


def test_errors_of_formulas_are_told(tmp_path: Path) -> None:
    sheet(tmp_path, ["#DIV/0!", "#N/A", "#REF!", 7])
    registry = mapped(tmp_path, CRP)
    assert values(registry, CRP) == [None, None, None, 7.0]
    assert rows_of(registry, "file.cell_error", "x") == [2, 4]
    changed = registry.corrections
    assert changed.loc[changed["raw"] == "#N/A", "row"].tolist() == [3]


# ------------------------------------------------------------------ ways of writing


def prefixed(page: str) -> str:
    space = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    names = r"(worksheet|sheetData|row|c|v|is|t|cols|col)\b"
    named = re.sub(f"<(/?){names}", r"<\1x:\2", page)
    return named.replace(f'xmlns="{space}"', f'xmlns="{space}" xmlns:x="{space}"')


def test_a_sheet_whose_elements_have_a_prefix(tmp_path: Path) -> None:
    sheet(tmp_path, [5, 7], formats('"<"0'))
    edited(tmp_path, "xl/worksheets/sheet1.xml", prefixed)
    registry = mapped(tmp_path, CRP)
    assert values(registry, CRP) == [5.0, 7.0]
    assert values(registry, "crp_limit") == ["below", "exact"]


def test_a_sheet_that_understates_its_size(tmp_path: Path) -> None:
    """One that only the slower reader takes: it has an error that there is not."""
    sheet(tmp_path, ["#N/A", 6, 7])
    edited(
        tmp_path,
        "xl/worksheets/sheet1.xml",
        lambda page: page.replace("#N/A", "#OTHER!").replace("A1:E4", "A1:B2"),
    )
    registry = mapped(tmp_path, CRP)
    assert values(registry, CRP) == [None, 6.0, 7.0]
    assert rows_of(registry, "file.cell_error", "x") == [2]


OPEN_SHEET = """<?xml version="1.0" encoding="UTF-8"?><office:document-content
xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0"
xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0"
xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0" office:version="1.2">
<office:body><office:spreadsheet><table:table table:name="S">ROWS</table:table>
</office:spreadsheet></office:body></office:document-content>"""


MANIFEST = (
    '<?xml version="1.0"?><manifest:manifest xmlns:manifest='
    '"urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"/>'
)


def open_sheet(folder: Path, rows: list[list[str]]) -> None:
    """An open document; what is written with a T is a time."""

    def cell(text: str) -> str:
        kind = 'office:value-type="string"'
        if text.startswith("PT"):
            kind = f'office:value-type="time" office:time-value="{text}"'
        return f"<table:table-cell {kind}><text:p>{text}</text:p></table:table-cell>"

    lines = (f"<table:table-row>{''.join(map(cell, row))}</table:table-row>" for row in rows)
    with zipfile.ZipFile(folder / "s.ods", "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr("META-INF/manifest.xml", MANIFEST)
        archive.writestr("content.xml", OPEN_SHEET.replace("ROWS", "".join(lines)))


@pytest.mark.parametrize(
    ("unit", "second", "read", "doubted"),
    [
        ("mm:ss", "PT00H30M00S", None, [2, 3]),
        ("", "PT00H30M00S", None, [2, 3]),
        ("h:mm", "PT00H30M00S", 25.0, []),
        ("mm:ss", "PT00H30M10S", 25.0, []),
        ("", "PT36H10M00S", 25 / 60, []),  # which proves minutes and seconds
    ],
)
def test_times_whose_format_is_not_known(
    tmp_path: Path, unit: str, second: str, read: float | None, doubted: list[int]
) -> None:
    rows = [["1", "f", "2023-03-01", "n", "PT00H25M00S"], ["2", "f", "2023-03-02", "n", second]]
    open_sheet(tmp_path, [["id", "sex", "op", "note", "x"], *rows])
    text = HEAD.replace("FIELD", FLUOROSCOPY).replace("s.xlsx", "s.ods")
    said_unit = f', unit = "{unit}"' if unit else ""
    (tmp_path / "registry.toml").write_text(text.replace("UNIT", said_unit), "utf-8")
    registry = read_registry(tmp_path)
    assert values(registry, FLUOROSCOPY)[0] == (read and pytest.approx(read))
    assert rows_of(registry, "number.ambiguous") == doubted


def test_one_day_typed_over_a_month_leaves_the_other_months(tmp_path: Path) -> None:
    months = [dt.date(2022, month, 1) for month in range(1, 9)]
    sheet(tmp_path, [*months, dt.date(2022, 9, 14)], formats(*["mmm yy"] * 9))
    registry = mapped(tmp_path, "fracture_date")
    assert values(registry, "fracture_date")[:8] == [None] * 8
    assert str(values(registry, "fracture_date")[8])[:10] == "2022-09-14"
    assert rows_of(registry, "date.partial") == list(range(2, 10))


@pytest.mark.parametrize("code", ['dd.mm.yyyy"?"', '"vor "dd.mm.yyyy', r"dd.mm.yyyy\?"])
def test_a_format_that_doubts_its_day_is_said(tmp_path: Path, code: str) -> None:
    days = [dt.date(2022, 1, day) for day in (5, 14, 23)]
    sheet(tmp_path, days, formats(code, "dd.mm.yyyy", 'dd". "mmmm" de "yyyy'))
    registry = mapped(tmp_path, "fracture_date")
    assert [value is None for value in values(registry, "fracture_date")] == [True, False, False]
    assert rows_of(registry, "file.shown_otherwise") == [2]


def test_a_unit_with_a_note_behind_it_is_read(tmp_path: Path) -> None:
    sheet(tmp_path, [0.5, 12.0], formats('0.0" mg/dL (hoch)"', "0.0"))
    assert values(mapped(tmp_path, CRP), CRP) == [5.0, 12.0]
