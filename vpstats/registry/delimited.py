"""Text with a delimiter, and rows of cells from elsewhere, to columns of text.

Nothing is typed here. Rows that do not fit their header, repeated headers, empty rows and
characters that cannot be are noted, row by row.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from vpstats.errors import DataError
from vpstats.registry.cells import trim
from vpstats.registry.decoding import Decoded, decode
from vpstats.registry.mapping import SourceMap
from vpstats.registry.raw import RawSource, SourceNote, TextColumn, from_texts, text_column

Merged = Sequence[tuple[tuple[int, int], tuple[int, int]]]
"""Ranges of merged cells: first and last row and column, counted from 0."""

_DELIMITERS = (";", "\t", ",", "|")
_SAMPLE_LINES = 60
DUPLICATE = " (again, column "
"""Stands in the name of a column whose name an earlier column has."""
_WIDEST = 20_000
_LONGEST_LINE = 5_000_000
_BLANK_LINE = re.compile(r"\n[ \t]*\n")
csv.field_size_limit(10_000_000)


def read_text(content: bytes, mapping: SourceMap, shown: str) -> RawSource:
    """Read a text export: encoding and delimiter are found out where the mapping names none.

    Parameters
    ----------
    content : bytes
        The whole file.
    mapping : SourceMap
        What registry.toml says.
    shown : str
        File name for messages.

    Returns
    -------
    RawSource
        Text with row numbers.

    Raises
    ------
    DataError
        If it is no text, has no header, or an open quote or an endless line swallows rows.
    """
    decoded = decode(content, declared=mapping.encoding, file=shown)
    text = decoded.text.replace("\r\n", "\n").replace("\r", "\n").rstrip("\n \t") + "\n"
    _refuse_endless_line(text, shown)
    delimiter = mapping.delimiter or detect_delimiter(_after(text, mapping.header_row))
    meta = {"encoding": decoded.encoding, "delimiter": delimiter}
    source = _fast(text, mapping, shown, delimiter, meta)
    if source is None:
        rows = _slow(text, delimiter, shown)
        source = from_rows(rows, _one_header(rows, mapping), shown, meta)
    return source.noted(*_decoding_notes(decoded, shown))


def _refuse_endless_line(text: str, shown: str) -> None:
    """A table has no line of megabytes; reading one would take the memory of many tables."""
    start = 0
    while len(text) - start > _LONGEST_LINE:
        end = text.rfind("\n", start, start + _LONGEST_LINE)
        if end < 0:
            raise DataError(
                f"has a line of more than {_LONGEST_LINE:,} characters; expected a table with a "
                "row on each line. Export it again.",
                file=shown,
                row=text.count("\n", 0, start) + 1,
            )
        start = end + 1


def _decoding_notes(decoded: Decoded, shown: str) -> list[SourceNote]:
    notes = []
    if decoded.nul:
        notes.append(SourceNote("file.nul", shown, f"{decoded.nul} NUL characters were removed"))
    if decoded.undecodable:
        lines = [i for i, line in enumerate(decoded.text.split("\n"), 1) if "\ufffd" in line]
        notes += [
            SourceNote(
                "encoding.undecodable",
                shown,
                f"holds a byte that {decoded.encoding} does not have",
                row=line,
            )
            for line in lines
        ]
    return notes


def _after(text: str, header_row: int) -> str:
    lines = text.split("\n", header_row + _SAMPLE_LINES)
    return "\n".join(lines[header_row - 1 : header_row - 1 + _SAMPLE_LINES])


def detect_delimiter(text: str) -> str:
    """Find the delimiter that cuts the first lines into the same number of fields.

    Parameters
    ----------
    text : str
        Beginning of the file, from its header.

    Returns
    -------
    str
        ";", tab, "," or "|"; "," for a single column.

    Examples
    --------
    >>> detect_delimiter("a;b;c" + chr(10) + "1,5;2,5;x")
    ';'
    """
    best, best_score = ",", (0.0, 0)
    for delimiter in _DELIMITERS:
        widths = [len(row) for row in _slow(text, delimiter, "") if row]
        if not widths or widths[0] < 2:
            continue
        agreeing = sum(width == widths[0] for width in widths) / len(widths)
        score = (round(agreeing, 1), widths[0])
        if score > best_score:
            best, best_score = delimiter, score
    return best


def _fast(
    text: str, mapping: SourceMap, shown: str, delimiter: str, meta: dict[str, Any]
) -> RawSource | None:
    """Read a regular file with pyarrow, columns as dictionaries; None where it is irregular."""
    if mapping.header_row + mapping.header_rows != 2 or text.count('"') % 2:
        return None
    if _BLANK_LINE.search(text):
        return None
    header = next(csv.reader(io.StringIO(text), delimiter=delimiter))
    names = _names(header, shown)
    table = _arrow(text, delimiter, len(names))
    if table is None:
        return None
    columns = {
        name: _from_arrow(table.column(i), len(names), delimiter, shown)
        for i, name in enumerate(names)
    }
    rows = np.arange(2, table.num_rows + 2, dtype=np.int64)
    source = RawSource(
        mapping.name, columns, np.zeros(len(rows), np.int64), rows, (shown,), (meta,)
    )
    return _without_oddities(source)


def _arrow(text: str, delimiter: str, width: int) -> Any:
    import pyarrow as pa
    import pyarrow.csv as pacsv

    names = [f"c{i}" for i in range(width)]
    kind = pa.dictionary(pa.int32(), pa.string())
    try:
        return pacsv.read_csv(
            pa.BufferReader(text.encode("utf-8", "replace")),
            read_options=pacsv.ReadOptions(
                column_names=names, skip_rows=1, block_size=1 << 24, use_threads=False
            ),
            parse_options=pacsv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
            convert_options=pacsv.ConvertOptions(
                column_types=dict.fromkeys(names, kind), strings_can_be_null=False, null_values=[]
            ),
        )
    except pa.ArrowInvalid:
        return None


def _from_arrow(column: Any, width: int, delimiter: str, shown: str) -> TextColumn:
    whole = column.unify_dictionaries().combine_chunks()
    if not len(whole):
        return TextColumn(np.empty(0, np.int32), ())
    codes = whole.indices.to_numpy(zero_copy_only=False).astype(np.int32)
    spellings = whole.dictionary.to_pylist()
    for code, text in enumerate(spellings):
        if "\n" in text:
            row = int(np.flatnonzero(codes == code)[0]) + 2
            _refuse_open_quote([[text]], width, delimiter, shown, row)
    return text_column(codes, spellings)


def _slow(text: str, delimiter: str, shown: str) -> list[list[str]]:
    """Read an irregular file row by row."""
    try:
        return list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
    except csv.Error as error:
        raise DataError(
            f"cannot be read as text separated by {delimiter!r}: {error}. Export it again.",
            file=shown,
        ) from None


# ------------------------------------------------------------------ rows of text


def _one_header(rows: list[list[str]], mapping: SourceMap) -> SourceMap:
    """Make one row of names of several; a name above counts until the next one stands there."""
    top = mapping.header_row - 1
    last = top + mapping.header_rows - 1
    if last > top and len(rows) > last:
        spans = [span for row in range(top, last) for span in _spans(rows[row], row, rows[last])]
        rows[last] = joined_header(rows, top, last, spans)
    return mapping.model_copy(update={"header_row": last + 1, "header_rows": 1})


def _spans(row: Sequence[str], number: int, names: Sequence[str]) -> Merged:
    starts = [i for i, cell in enumerate(row) if trim(cell)]
    ends = [*starts[1:], len(names)]
    return [((number, first), (number, end - 1)) for first, end in zip(starts, ends, strict=False)]


def joined_header(rows: Sequence[Sequence[str]], top: int, last: int, merged: Merged) -> list[str]:
    """Names from several rows: a merged cell counts for all that it covers.

    Parameters
    ----------
    rows : sequence of sequences of str
        All rows.
    top, last : int
        First and last row of the header, counted from 0.
    merged : sequence
        Ranges of cells that share the text of their first.

    Returns
    -------
    list of str
        The texts above one another, with " / " between them.

    Examples
    --------
    >>> joined_header([["CRP", ""], ["before", "after"]], 0, 1, [((0, 0), (0, 1))])
    ['CRP / before', 'CRP / after']
    """
    width = max(len(row) for row in rows[top : last + 1])
    grid = [[*row, *[""] * (width - len(row))] for row in rows[top : last + 1]]
    for (first_row, first_column), (_, last_column) in merged:
        if top <= first_row <= last:
            text = grid[first_row - top][first_column]
            for column in range(first_column, min(last_column + 1, width)):
                grid[first_row - top][column] = text
    return [" / ".join(dict.fromkeys(t for t in parts if t)) for parts in zip(*grid, strict=True)]


def from_rows(
    rows: Sequence[Sequence[str]], mapping: SourceMap, shown: str, meta: dict[str, Any]
) -> RawSource:
    """Build a source from rows of cells, noting every row that does not fit.

    Parameters
    ----------
    rows : sequence of sequences of str
        All rows of the file, header and what stands above it included.
    mapping : SourceMap
        Names the header's row.
    shown : str
        File name for messages.
    meta : dict
        What is known of the file.

    Returns
    -------
    RawSource
        Rows that fit; short rows are filled where trailing cells are usually empty.

    Raises
    ------
    DataError
        If there is no header, or an open quote swallows rows.
    """
    top = mapping.header_row - 1
    if len(rows) <= top or not any(trim(cell) for cell in rows[top]):
        raise DataError(
            "no column names found; expected them in row "
            f"{mapping.header_row}. Set header_row in registry.toml.",
            file=shown,
        )
    names = _names(rows[top], shown)
    _refuse_open_quote(rows[top + 1 :], len(names), meta.get("delimiter") or ";", shown, top + 2)
    kept, numbers, notes = _fit(rows[top + 1 :], names, shown, top + 2)
    columns = {name: from_texts([row[i] for row in kept]) for i, name in enumerate(names)}
    where = np.asarray(numbers, np.int64)
    return RawSource(
        mapping.name,
        columns,
        np.zeros(len(where), np.int64),
        where,
        (shown,),
        (meta,),
        tuple(notes),
    )


def _names(header: Sequence[str], shown: str) -> list[str]:
    """Names of columns, trailing empty ones dropped; a repeated name is made to differ."""
    names = [trim(cell) for cell in header]
    while names and not names[-1]:
        names.pop()
    if not names:
        raise DataError(
            "no column names found in the header; set header_row in registry.toml.", file=shown
        )
    if len(names) > _WIDEST:
        raise DataError(f"has {len(names)} columns; expected a table.", file=shown)
    unique: list[str] = []
    for position, name in enumerate(names, start=1):
        plain = name or f"(column {position})"
        copy = plain in unique
        unique.append(f"{plain}{DUPLICATE}{position})" if copy else plain)
    return unique


def _refuse_open_quote(
    rows: Sequence[Sequence[str]], width: int, delimiter: str, shown: str, first: int
) -> None:
    for number, row in enumerate(rows, start=first):
        for cell in row:
            swallowed = [
                line for line in cell.split("\n")[1:] if line.count(delimiter) >= width - 1
            ]
            if width > 1 and swallowed:
                raise DataError(
                    f"a quote opens here and is not closed: it swallows {len(swallowed)} or more "
                    "rows. Close or remove it in the export.",
                    file=shown,
                    row=number,
                )


def _fit(
    rows: Sequence[Sequence[str]], names: list[str], shown: str, first: int
) -> tuple[list[Sequence[str]], list[int], list[SourceNote]]:
    width = len(names)
    fills = _usually_empty_from(rows, width)
    kept: list[Sequence[str]] = []
    numbers: list[int] = []
    notes: list[SourceNote] = []
    for number, row in enumerate(rows, start=first):
        fitted, note = _fit_row(row, names, fills, shown, number)
        if note is not None:
            notes.append(note)
        if fitted is not None:
            kept.append(fitted)
            numbers.append(number)
    return kept, numbers, notes


def _usually_empty_from(rows: Sequence[Sequence[str]], width: int) -> int:
    """First column from which on complete rows are empty more often than not."""
    complete = [row for row in rows if len(row) >= width]
    if not complete:
        return width
    last = [max((i + 1 for i in range(width) if row[i].strip()), default=0) for row in complete]
    return int(np.median(last))


def _fit_row(
    row: Sequence[str], names: list[str], fills: int, shown: str, number: int
) -> tuple[Sequence[str] | None, SourceNote | None]:
    width = len(names)
    if not any(cell and cell.strip() for cell in row):
        return None, None
    if [trim(cell) for cell in row[:width]] == names and width > 1:
        note = "the header is repeated; the row was left out"
        return None, SourceNote("file.repeated_header", shown, note, row=number)
    if len(row) == width:
        return row, None
    if len(row) > width:
        if not any(cell.strip() for cell in row[width:]):
            return row[:width], None
        note = f"has {len(row)} cells where the header has {width}; the row was left out"
        return None, SourceNote("file.ragged_row", shown, note, row=number)
    if len(row) >= fills:
        return [*row, *[""] * (width - len(row))], None
    note = f"has {len(row)} cells where the header has {width}; the row was left out"
    return None, SourceNote("file.ragged_row", shown, note, row=number)


def _without_oddities(source: RawSource) -> RawSource:
    """Leave out empty rows and repeated headers of a regular file."""
    filled = np.zeros(len(source), bool)
    for column in source.columns.values():
        filled |= column.filled
    repeated = _repeated_header(source)
    notes = [
        SourceNote(
            "file.repeated_header",
            source.files[0],
            "the header is repeated; the row was left out",
            row=int(row),
        )
        for row in source.row[repeated]
    ]
    keep = filled & ~repeated
    return (source if keep.all() else source.take(np.flatnonzero(keep))).noted(*notes)


def _repeated_header(source: RawSource) -> np.ndarray[Any, np.dtype[np.bool_]]:
    same = np.full(len(source), len(source.columns) > 1)
    for name, column in source.columns.items():
        if not same.any():
            break
        code = column.spellings.index(name) if name in column.spellings else -2
        same &= column.codes == code
    return same
