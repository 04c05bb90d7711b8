"""A file read piece by piece is the file read at once, however large the pieces are."""

from __future__ import annotations

import hashlib
from pathlib import Path
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vpstats.errors import DataError
from vpstats.registry import date_values, dates, decoding
from vpstats.registry.decoding import decode, detect, survey
from vpstats.registry.mapping import SourceMap
from vpstats.registry.opening import OpenFile
from vpstats.registry.sources import read_source

ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32", "cp1250", "iso-8859-2")


def found(content: bytes, piece: int, declared: str | None = None) -> object:
    with mock.patch.object(decoding, "PIECE", piece):
        try:
            read = decode(content, declared=declared, file="x")
            seen = survey(content, declared=declared, file="x")
        except DataError as error:
            return str(error)
    return read, seen


@settings(max_examples=300)
@given(
    content=st.one_of(
        st.binary(max_size=60),
        st.tuples(st.text('aš;žć\r\n"\x00€', max_size=40), st.sampled_from(ENCODINGS)).map(
            lambda given: given[0].encode(given[1], "replace")
        ),
    ),
    piece=st.integers(4, 12),  # no shorter than a byte order mark
    declared=st.sampled_from([None, None, "utf-8", "cp1250", "utf-16"]),
)
def test_pieces_of_any_size(content: bytes, piece: int, declared: str | None) -> None:
    assert found(content, piece, declared) == found(content, 1 << 20, declared)


@given(st.text("aš;žć\r\n€", min_size=1, max_size=40), st.sampled_from(ENCODINGS))
def test_what_is_declared_is_decoded_as_python_does(text: str, encoding: str) -> None:
    content = ("id" + text).encode(encoding, "ignore")
    read = decode(content, declared=encoding, file="x")
    assert read.text == content.decode(encoding).removeprefix("\ufeff")


def test_a_wide_encoding_without_its_mark_is_little_endian() -> None:
    content = "id;x\n1;š\n".encode("utf-16-le")
    assert decode(content, declared="utf-16", file="x").text == "id;x\n1;š\n"


def test_a_letter_late_in_the_file_still_tells_the_code_page() -> None:
    assert detect(b"id;x\n" * 1_000_000 + "1;Đuro ćuk\n".encode("cp1250")) == "cp1250"


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("piece", [1, 5, 16])
def test_the_line_is_named_whatever_the_pieces(end: str, piece: int) -> None:
    long = f"id;x{end}1;2{end}3;{'a' * 40}{end}".encode()
    bad = f"id;x{end}1;2{end}3;".encode() + b"\xe8" + end.encode()
    with mock.patch.object(decoding, "PIECE", piece):
        with pytest.raises(DataError, match="row 3: has a line of more than 20 bytes"):
            survey(long, declared=None, file="x", longest=20)
        assert survey(long, declared=None, file="x", longest=50).errors == "strict"
        line = 1 if end == "\r" else 3  # Python, too, counts line feeds in bytes
        with pytest.raises(DataError, match=rf"utf-8 \(line {line}\)"):
            survey(bad, declared="utf-8", file="x")


def test_a_text_file_is_never_held_as_a_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = b"id;x\n" + b"".join(b"%d;a\n" % i for i in range(300_000))
    (tmp_path / "a.csv").write_bytes(content)
    table = {"name": "patients", "columns": {"patient_id": "id"}}
    given_ = {"name": "s", "file": "a.csv", "center": "A", "table": [table]}
    asked: list[int] = []

    def pieces(held: decoding.Content, size: int = 0) -> object:
        asked.append(size)
        return real(held, size)

    real = decoding.pieces
    monkeypatch.setattr(OpenFile, "content", property(lambda _: pytest.fail("read as a whole")))
    monkeypatch.setattr(decoding, "pieces", pieces)
    raw = read_source(SourceMap.model_validate(given_), tmp_path)
    assert len(raw) == 300_000
    assert raw.columns["x"].spellings == ("a",)
    assert raw.meta[0]["sha256"] == hashlib.sha256(content).hexdigest()
    assert max(asked) <= 5_000_000  # the longest line that is read


@given(
    st.from_regex(r"\A[0-9]{1,2}[./-][0-9]{1,2}[./-][0-9]{4}\.?\Z")
    | st.sampled_from(["01.01.1900", "31.12.9999.", "00.00.0000", "0.5.2020", "99.99.9999"]),
    st.sampled_from(["dmy", "mdy", "ymd", None]),
)
def test_the_short_way_of_plain_dates_reads_what_the_long_one_does(
    text: str, order: dates.Order | None
) -> None:
    short = dates._shape(text, birth=False)
    with mock.patch.object(dates, "_NUMBERS", dates.re.compile("(?!)")):
        assert dates._shape(text, birth=False) == short
    context = date_values.DateContext({short.style: order}, dates.dt.date(2025, 12, 31))
    read = date_values.resolve(short, context)
    with mock.patch.object(date_values, "_whole_days", return_value=lambda _: None):
        assert date_values.resolve(short, context) == read
