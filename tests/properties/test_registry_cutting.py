"""Text cut in blocks and text cut row by row are one and the same."""

from __future__ import annotations

import csv
import io
from typing import Any
from unittest import mock

from hypothesis import example, given, settings
from hypothesis import strategies as st

from vpstats.errors import DataError
from vpstats.registry import decoding, delimited, regular
from vpstats.registry.decoding import survey, utf8_pieces
from vpstats.registry.mapping import SourceMap
from vpstats.registry.raw import RawSource

PIECES = ["a", "Th8", "š", "ž ć", ";", ",", "\t", '"', '""', "\n", "\r", "\r\n", " ", "\u00a0",
          "\u200b", "\x00", "1,5", "=x", "", "id", "id;x;y", "\ufeff", "\u2028", "🦴"]  # fmt: skip
CELLS = ["", " ", "a", "b ", '"q"', '"a;b"', '"two\nlines"', '"two\r\nlines"', '"it ""said"""',
         "š", "\u00a0", "\u200b", "12,5", 'in"ch', '"open', "id", "x", "y", "a\x00b"]  # fmt: skip


# a block that is shorter than a row, some that end in the middle of everything, and the usual one
BLOCKS = st.sampled_from([8, 16, 24, 33, 64, 1 << 20])


def declared(**options: Any) -> SourceMap:
    table = {"name": "patients", "columns": {"patient_id": "id"}}
    given_ = {"name": "s", "file": "a.csv", "center": "A", "table": [table], **options}
    return SourceMap.model_validate(given_)


def row_by_row(content: bytes, mapping: SourceMap) -> RawSource:
    """What Python's csv makes of the whole text."""
    seen = survey(content, declared=mapping.encoding, file="a.csv")
    text = b"".join(utf8_pieces(content, seen)).decode()
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    top = mapping.header_row
    delimiter = mapping.delimiter or delimited.detect_delimiter(delimited._after(text, top))
    rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
    one_header = delimited._one_header(rows, mapping)
    return delimited.from_rows(rows, one_header, "a.csv", {"delimiter": delimiter})


def outcome(read: Any, *args: Any) -> Any:
    """Everything that a reading gives: names, text, rows and notes, or the refusal."""
    try:
        raw = read(*args)
    except DataError as error:
        return str(error)
    columns = {n: (c.spellings, c.codes.tolist()) for n, c in raw.columns.items()}
    notes = [n for n in raw.notes if n.rule not in ("file.nul", "encoding.undecodable")]
    return columns, raw.row.tolist(), notes, raw.meta[0]["delimiter"]


def same(content: bytes, block: int, **options: Any) -> None:
    mapping = declared(**options)
    with mock.patch.object(regular, "BLOCK", block), mock.patch.object(decoding, "PIECE", block):
        blocks = outcome(delimited.read_text, content, mapping, "a.csv")
    assert blocks == outcome(row_by_row, content, mapping)


@settings(max_examples=400)
@given(
    st.lists(st.sampled_from(PIECES), max_size=40),
    st.sampled_from(["id;x;y\n", "id;x\r\n", ""]),
    BLOCKS,
)
@example(["1;2", "\n", "3;4", "\r\n", "\r\n", "5", "\n"], "id;x\r\n", 16)
def test_any_text(parts: list[str], header: str, block: int) -> None:
    same((header + "".join(parts)).encode(), block)


@settings(max_examples=400)
@given(
    rows=st.lists(st.lists(st.sampled_from(CELLS), max_size=5), max_size=12),
    ends=st.lists(st.sampled_from(["\n", "\r\n", "\r", "\n\n", "\n \n"]), min_size=12, max_size=12),
    delimiter=st.sampled_from([";", ",", "\t", "|", None]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "cp1250", None]),
    header=st.sampled_from(["id;x;y", "id;x;", "id;x;x", "id", 'id;"x\nz";y', "id;;y"]),
    above=st.sampled_from([0, 0, 1, 2]),
    block=BLOCKS,
)
def test_tables_of_odd_cells(
    rows: list[list[str]],
    ends: list[str],
    delimiter: str | None,
    encoding: str | None,
    header: str,
    above: int,
    block: int,
) -> None:
    mark = delimiter or ";"
    lines = [mark.join(row) + end for row, end in zip(rows, ends, strict=False)]
    text = "title\n" * above + header.replace(";", mark) + "\n" + "".join(lines)
    content = text.encode(encoding or "utf-8", "replace")
    same(content, block, delimiter=delimiter, encoding=encoding, header_row=above + 1)
