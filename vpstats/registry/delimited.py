"""Text with a delimiter to columns of text: its encoding, its delimiter, its header.

Nothing is typed here. A file is read in blocks, first to see how it is encoded, then to cut it.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Sequence
from itertools import islice, pairwise, zip_longest
from typing import Any

from vpstats.errors import DataError
from vpstats.registry.cells import trim
from vpstats.registry.decoding import Content, Survey, survey, utf8_pieces
from vpstats.registry.mapping import SourceMap
from vpstats.registry.raw import RawSource, SourceNote
from vpstats.registry.regular import Layout, one_newline, parse
from vpstats.registry.rows import Merged, from_columns, from_rows, joined_header

_DELIMITERS = (";", "\t", ",", "|")
_SAMPLE_LINES = 60
_HINT = re.compile(r'\ufeff?"?sep=([;,|\t]|\\t)"?[;,|\t]*(?=\n)', re.IGNORECASE)
"""What tells a spreadsheet the delimiter, in the first line."""
_KEYED_LINES = 2000
"""Lines in which days come back, and keys do not: days of ten years are some thousands."""
_FEWEST_KEYS = 15
"""Different keys in a sample: of a patient's rows it may hold one for each of some vertebrae."""
_KEYS_AGAIN = 10
"""One in so many keys may come back after others: that of a patient who is seen again."""
_LONGEST_LINE = 5_000_000
csv.field_size_limit(10_000_000)


def read_text(content: Content, mapping: SourceMap, shown: str) -> RawSource:
    """Read a text export: encoding and delimiter are found out where the mapping names none.

    Parameters
    ----------
    content : bytes or Path
        The whole file, or where it lies; then it is read in blocks and never held as a whole.
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
    seen = survey(content, declared=mapping.encoding, file=shown, longest=_LONGEST_LINE)
    top = _top(content, seen, mapping.header_row + 1 + _SAMPLE_LINES)
    mapping = _below_hint(top, mapping)
    delimiter = mapping.delimiter or detect_delimiter(_after(top, mapping.header_row))
    meta = {"encoding": seen.encoding, "delimiter": delimiter}
    source = _in_blocks(content, seen, top, mapping, shown, meta)
    if source is None:
        text = one_newline(b"".join(utf8_pieces(content, seen)).decode("utf-8"))
        rows = _slow(text, delimiter, shown)
        source = from_rows(rows, _one_header(rows, mapping), shown, meta)
    return source.noted(*_decoding_notes(seen, shown))


def _top(content: Content, seen: Survey, lines: int) -> str:
    """The first lines of a file, and some more."""
    read = b""
    for part in utf8_pieces(content, seen):
        read += part
        if read.count(b"\n") + read.count(b"\r") > 2 * lines:
            end = max(read.rfind(b"\n"), read.rfind(b"\r"))
            return one_newline(read[: end + 1].decode("utf-8"))
    return one_newline(read.decode("utf-8"))


def _decoding_notes(seen: Survey, shown: str) -> list[SourceNote]:
    notes = []
    if seen.nul:
        notes.append(SourceNote("file.nul", shown, f"{seen.nul} NUL characters were removed"))
    said = f"holds a byte that {seen.encoding} does not have"
    lines = dict.fromkeys(seen.undecodable)
    return notes + [SourceNote("encoding.undecodable", shown, said, row=row) for row in lines]


def _below_hint(top: str, mapping: SourceMap) -> SourceMap:
    """The mapping of the rows below a first line that tells a spreadsheet the delimiter."""
    hint = _HINT.match(top)
    if hint is None or mapping.header_row > 1:
        return mapping
    delimiter = mapping.delimiter or hint[1].replace("\\t", "\t")
    return mapping.model_copy(update={"header_row": 2, "delimiter": delimiter})


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


def _in_blocks(
    content: Content,
    seen: Survey,
    top: str,
    mapping: SourceMap,
    shown: str,
    meta: dict[str, Any],
) -> RawSource | None:
    """Read all below the header in blocks; None where header or rows are not of that kind."""
    header = _header(top, mapping, meta["delimiter"])
    if header is None:
        return None
    cells, skip, below = header
    usual, _ = Counter(map(len, below)).most_common(1)[0]
    layout = Layout(
        meta["delimiter"],
        width=max(len(cells), usual),  # rows may end with a delimiter that the header has not
        skip=skip,
        first=mapping.header_row + mapping.header_rows,
        unlike=_all_unlike(below),
    )
    parsed = parse(content, seen, layout)
    return None if parsed is None else from_columns(parsed, cells, mapping.name, shown, meta)


def _all_unlike(rows: Sequence[Sequence[str]]) -> frozenset[int]:
    """Columns whose cells hardly come back in the first rows, as keys and free text do not.

    The rows of one patient often follow one another, so that equal cells may be neighbours.
    """
    if len(rows) < _SAMPLE_LINES:
        return frozenset()
    return frozenset(i for i, cells in enumerate(zip_longest(*rows)) if _are_keys(cells))


def _are_keys(cells: Sequence[str]) -> bool:
    kinds, runs = len(set(cells)), _runs(cells)
    return kinds >= _FEWEST_KEYS and (runs - kinds) * _KEYS_AGAIN <= runs


def _runs(cells: Sequence[str]) -> int:
    """Stretches of equal cells."""
    return 1 + sum(one != other for one, other in pairwise(cells))


_Header = tuple[list[str], int, list[list[str]]]


def _header(top: str, mapping: SourceMap, delimiter: str) -> _Header | None:
    """Cells of the header, several rows made one; lines up to its last; the first rows below."""
    reader = csv.reader(io.StringIO(top, newline=""), delimiter=delimiter)
    count = mapping.header_row + mapping.header_rows - 1
    try:
        rows, skip = list(islice(reader, count)), reader.line_num
        below = list(islice(reader, _KEYED_LINES))
    except csv.Error:
        return None
    # a header that swallows the first lines has an open quote: the whole file says what it is
    if len(rows) < count or not below:
        return None
    cells = rows[_one_header(rows, mapping).header_row - 1]
    return (cells, skip, below) if any(trim(cell) for cell in cells) else None


def _slow(text: str, delimiter: str, shown: str) -> list[list[str]]:
    """Read an irregular file row by row."""
    try:
        return list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
    except csv.Error as error:
        raise DataError(
            f"cannot be read as text separated by {delimiter!r}: {error}. Export it again.",
            file=shown,
        ) from None


# ------------------------------------------------------------------ the header


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
