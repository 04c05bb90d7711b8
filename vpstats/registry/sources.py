"""Files to text: CSV in any common encoding and delimiter, Excel, REDCap.

Nothing is typed here. A file that cannot be read raises one `DataError`; rows that do not fit
their header, repeated headers, empty rows and characters that cannot be are noted, row by row.
"""

from __future__ import annotations

import csv
import hashlib
import io
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from vpstats.errors import DataError
from vpstats.registry.cells import trim
from vpstats.registry.decoding import Decoded, decode
from vpstats.registry.mapping import SourceMap
from vpstats.registry.raw import RawSource, SourceNote, TextColumn, from_texts, stack, text_column

_DELIMITERS = (";", "\t", ",", "|")
_SAMPLE_LINES = 60
DUPLICATE = " (again, column "
"""Stands in the name of a column whose name an earlier column has."""
_WIDEST = 20_000
_BLANK_LINE = re.compile(r"\n[ \t]*\n")
csv.field_size_limit(10_000_000)


def read_source(mapping: SourceMap, folder: Path) -> RawSource:
    """Open every file of a source.

    Parameters
    ----------
    mapping : SourceMap
        What registry.toml says.
    folder : Path
        Where registry.toml lies; files are relative to it.

    Returns
    -------
    RawSource
        Text with file and row; the files under one another, in order of name.

    Raises
    ------
    DataError
        If there is no such file or a file cannot be read.
    """
    paths = [path for pattern in mapping.file for path in _find(pattern, folder, mapping.name)]
    parts = [_read_file(path, mapping, _shown(path, folder)) for path in dict.fromkeys(paths)]
    return stack(parts)


def _find(pattern: str, folder: Path, name: str) -> list[Path]:
    path = Path(pattern)
    if path.is_absolute():
        found = [path] if path.is_file() else []
    elif any(c in pattern for c in "*?["):
        found = sorted(p for p in folder.glob(pattern) if p.is_file())
    else:
        found = [folder / path] if (folder / path).is_file() else []
    if not found:
        raise DataError(
            f"source '{name}' names a file that is not there; expected it relative to "
            "registry.toml. Correct file = … or put the export there.",
            file=pattern,
        )
    return found


def _shown(path: Path, folder: Path) -> str:
    try:
        return path.relative_to(folder).as_posix()
    except ValueError:
        return path.name


def _read_file(path: Path, mapping: SourceMap, shown: str) -> RawSource:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"cannot be opened: {error.strerror}.", file=shown) from None
    if mapping.format == "excel":
        from vpstats.registry.excel import read_excel

        rows, extra = read_excel(content, mapping, shown)
        source = from_rows(rows, mapping, shown, {**extra, "encoding": "", "delimiter": ""})
    else:
        source = _read_text(content, mapping, shown)
    digest = hashlib.sha256(content).hexdigest()
    meta = {
        **source.meta[0],
        "source": mapping.name,
        "file": shown,
        "format": mapping.format,
        "sha256": digest,
        "rows": len(source),
    }
    empty = [SourceNote("file.no_rows", shown, "the file has a header and no rows")]
    kept = RawSource(
        source.name, source.columns, source.file, source.row, source.files, (meta,), source.notes
    )
    return kept if len(source) else kept.noted(*empty)


# ------------------------------------------------------------------ text files


def _read_text(content: bytes, mapping: SourceMap, shown: str) -> RawSource:
    decoded = decode(content, declared=mapping.encoding, file=shown)
    text = decoded.text.replace("\r\n", "\n").replace("\r", "\n").rstrip("\n \t") + "\n"
    delimiter = mapping.delimiter or detect_delimiter(_after(text, mapping.header_row))
    meta = {"encoding": decoded.encoding, "delimiter": delimiter}
    source = _fast(text, mapping, shown, delimiter, meta) or from_rows(
        _slow(text, delimiter, shown), mapping, shown, meta
    )
    return source.noted(*_decoding_notes(decoded, shown))


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
    if mapping.header_row != 1 or text.count('"') % 2:
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


def describe_sources(parts: Sequence[RawSource]) -> pd.DataFrame:
    """One row per file, as `Registry.sources` holds them."""
    from vpstats.registry.registry import SOURCE_COLUMNS

    rows = [{c: meta.get(c, "") for c in SOURCE_COLUMNS} for part in parts for meta in part.meta]
    return pd.DataFrame(rows, columns=list(SOURCE_COLUMNS))
