"""Text that a spreadsheet would run, or a terminal obey, is marked; the marks come off again."""

from __future__ import annotations

import csv
import io
import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from vpstats.escaping import defuse, restore, to_csv, visible

STARTS = "=+-@＝＋－＠﹢﹣﹦﹫"


def cells(frame: pd.DataFrame, delimiter: str = ",") -> list[list[str]]:
    return list(csv.reader(io.StringIO(to_csv(frame), newline=""), delimiter=delimiter))


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("=1+1", "'=1+1"),
        ("=5", "'=5"),
        ("+3", "'+3"),
        ("-2,5", "'-2,5"),
        ("-", "'-"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("＝1", "'＝1"),
        ("+cmd|' /C calc'!A0", "'+cmd|' /C calc'!A0"),
        (" =1", " '=1"),
        ('"=1"', '"\'=1"'),
        ("\ufeff=1", "\ufeff'=1"),
        ("'=1", "''=1"),
        ("\t=1", "'\t'=1"),
        ("\tTh8", "'\tTh8"),
        ("\rTh8", "\\u000dTh8"),
        ("\r\n=1", "\\u000d\n'=1"),
        ("Th8\n=1", "Th8\n'=1"),
        ("Th8; =1", "Th8; '=1"),
        ("Th8;-1", "Th8;'-1"),
        ("\x1b[31m", "\\u001b[31m"),
        ("\\u001b", "\\u005cu001b"),
        ("a\u202eb", "a\\u202eb"),
        ("a\x00b", "a\\u0000b"),
        ("a\udcffb", "a\\udcffb"),
    ],
)
def test_what_is_dangerous_is_marked(text: str, written: str) -> None:
    assert defuse(text) == written
    assert restore(written) == text
    assert cells(pd.DataFrame({text: [text]})) == [[written], [written]]


@pytest.mark.parametrize(
    "text", ["-2.5", "-3", "-1e-05", "Th8", "", "4 - 5", "a\nb", "x; y", "≥ 5"]
)
def test_numbers_and_plain_text_pass_as_they_are(text: str) -> None:
    assert defuse(text) == text
    assert cells(pd.DataFrame({"raw": [text], "n": [1]}))[1] == [text, "1"]


def test_columns_of_any_type_are_written_as_they_are() -> None:
    frame = pd.DataFrame(
        {
            "kind": pd.Categorical(["=1", "b", None]),
            "text": pd.array(["@1", None, "c"], dtype="string"),
            "mixed": [1, "=2", None],
            "number": [-1.5, np.nan, 2.0],
            "whole": pd.array([-1, None, 2], dtype="Int64"),
            "day": pd.to_datetime(["2024-01-02", None, "2024-03-04"]),
        },
        index=[7, 7, 7],
    )
    assert cells(frame)[1:] == [
        ["'=1", "'@1", "1", "-1.5", "-1", "2024-01-02"],
        ["b", "", "'=2", "", "", ""],
        ["", "c", "", "2.0", "2", "2024-03-04"],
    ]


HOSTILE = st.text(st.sampled_from(f"{STARTS}\t\r\n;,'\" \\u001b5.e\x00\x1b\u202e\ufeff\u200b"))


@given(HOSTILE | st.text())
@example("'\t=1")
@example("\\u005c")
def test_the_marks_come_off_again(text: str) -> None:
    written = defuse(text)
    assert isinstance(written, str)
    assert restore(written) == text
    assert restore(str(defuse(written))) == written


@given(st.lists(HOSTILE, min_size=3, max_size=3))
def test_no_cell_starts_a_formula_however_the_file_is_cut(row: list[str]) -> None:
    frame = pd.DataFrame([["id", *row, "end"]])
    for delimiter in (",", ";", "\t"):
        for cell in (c for line in cells(frame, delimiter) for c in line):
            assert delimiter != "," or not cell.startswith(("\t", "\r", "\n"))
            bare = cell.lstrip(' "\ufeff\u200b')
            assert not bare.startswith(tuple(STARTS)) or _is_negative(bare.split(",")[0]), cell


def _is_negative(text: str) -> bool:
    try:
        return float(text) < 0 or text.startswith("-0")
    except ValueError:
        return False


@given(st.text())
def test_controls_in_a_json_document_are_the_same_characters(text: str) -> None:
    document = json.dumps({"a": text}, ensure_ascii=False)
    assert json.loads(visible(document)) == {"a": text}
    assert visible(visible(document)) == visible(document)


def test_lines_stay_lines() -> None:
    assert visible("a\tb\nc\x85d\x9be") == "a\tb\nc\\u0085d\\u009be"


@pytest.mark.parametrize("unit", ["\n", "\t", " ", "'", '"', "; ", "\n ", "\u200b", "\\u00", "\\"])
def test_long_runs_are_read_once(unit: str) -> None:
    """Were each place looked at again from every place before it, this would take hours."""
    text = f"{unit * 300_000}=1"
    written = str(defuse(text))
    assert restore(written) == text
    assert written.endswith("'=1") == (not unit.startswith("\\"))
