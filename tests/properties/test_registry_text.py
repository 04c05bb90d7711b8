"""Readers of text: safe on any text, faithful to what they write, the same the second time."""

from __future__ import annotations

import datetime as dt
import string
import time
from decimal import Decimal

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from vpstats.registry.cells import fold, simplify, trim
from vpstats.registry.cleaning import clean_texts
from vpstats.registry.compound import cut_list, listed_numbers
from vpstats.registry.date_values import DateContext, resolve
from vpstats.registry.dates import date_shape
from vpstats.registry.decoding import decode, detect, repair, signature
from vpstats.registry.digits import readings_of
from vpstats.registry.lexicon import kind_of_missing, read_code, read_set
from vpstats.registry.mapping import ColumnMap
from vpstats.registry.numbers import NumberContext, read_number
from vpstats.registry.people import plain_id
from vpstats.registry.placeholder_days import is_placeholder
from vpstats.registry.sources import detect_delimiter
from vpstats.registry.spine import (
    VERTEBRAE,
    distance,
    index,
    neighbours,
    parse_levels,
    region,
    render_levels,
)
from vpstats.schema import Column
from vpstats.schema_tables import TABLES

COLUMNS = [column for table in TABLES.values() for column in table]
CUT = dt.date(2025, 12, 31)

# text that looks like what hospitals write, beside text of any kind
MEDICAL = st.text(alphabet=string.digits + "ThLSBWK.,;-–/+ xIViand<>~%", max_size=24)
ANY_TEXT = st.one_of(st.text(max_size=40), MEDICAL)
LEVELS = st.lists(st.sampled_from(VERTEBRAE), min_size=1, max_size=6, unique=True)
DAYS = st.dates(dt.date(1900, 1, 2), dt.date(2099, 12, 31))


@given(ANY_TEXT)
def test_levels_are_read_from_any_text(text: str) -> None:
    parsed = parse_levels(text)
    assert set(parsed.levels) <= set(VERTEBRAE)
    assert (parsed.status in ("ok", "transitional")) or not parsed.levels
    assert parsed.levels or parsed.note or parsed.status == "empty"


@given(LEVELS)
def test_levels_are_read_back(levels: list[str]) -> None:
    assert parse_levels(render_levels(tuple(levels))).levels == tuple(levels)


@given(st.sampled_from(VERTEBRAE), st.sampled_from(VERTEBRAE))
def test_the_spine_is_an_order(a: str, b: str) -> None:
    assert distance(a, b) == distance(b, a) == abs(index(a) - index(b))
    assert (distance(a, b) == 1) == (b in neighbours(a))
    if index(a) <= index(b):
        order = list(dict.fromkeys(region(v) for v in VERTEBRAE))
        assert order.index(region(a)) <= order.index(region(b))


@given(
    LEVELS, st.sampled_from(["Th", "TH ", "T-", "D", "BWK "]), st.sampled_from([", ", " i ", "; "])
)
def test_dialects_of_levels_say_the_same(levels: list[str], thoracic: str, between: str) -> None:
    written = between.join(v.replace("T", thoracic) for v in levels)
    assert parse_levels(written).levels == tuple(levels)


@pytest.mark.parametrize("column", COLUMNS, ids=lambda c: c.name)
@settings(max_examples=25)
@given(texts=st.lists(ANY_TEXT, max_size=6))
def test_no_column_fails_on_any_text_and_none_loses_silently(
    column: Column, texts: list[str]
) -> None:
    cleaned = clean_texts(column, texts, cut=CUT)
    for row in cleaned.itertuples(index=False):
        if trim(row.raw) and not row.clean:
            assert row.rules, "a value became missing and no rule says why"


@pytest.mark.parametrize(
    "column", [c for c in COLUMNS if c.kind not in ("string",)], ids=lambda c: c.name
)
@settings(max_examples=25)
@given(texts=st.lists(MEDICAL, max_size=6))
def test_what_is_clean_stays_as_it_is(column: Column, texts: list[str]) -> None:
    once = list(clean_texts(column, texts, cut=CUT)["clean"])
    assert list(clean_texts(column, once, cut=CUT)["clean"]) == once


@given(st.decimals(-5000, 5000, places=3), st.sampled_from([",", "."]))
def test_numbers_are_read_back_in_either_mark(value: Decimal, mark: str) -> None:
    free = Column("x", "number", "Anything.", unit="mL")
    written = str(value).replace(".", mark)
    reading = read_number(written, NumberContext(free, decimal=mark))
    assert reading.value == float(value)


@given(st.text(alphabet="0123456789.,' ", max_size=16))
def test_digits_mean_at_most_two_numbers(token: str) -> None:
    for decimal in (None, ",", "."):
        values = readings_of(token, decimal, None)
        assert len(values) <= (2 if decimal is None or "." in token or "," in token else 1)


@given(DAYS, st.sampled_from(["%d.%m.%Y.", "%d.%m.%Y", "%Y-%m-%d", "%d. %m. %Y.", "%Y%m%d"]))
def test_dates_are_read_back(day: dt.date, pattern: str) -> None:
    assume(not is_placeholder(day, CUT, birth=False))
    context = DateContext({".yyyy": "dmy"}, CUT)
    assert resolve(date_shape(day.strftime(pattern)), context).value == day


@given(st.dates(dt.date(1955, 1, 1), dt.date(2060, 1, 1)))
def test_serial_numbers_are_days(day: dt.date) -> None:
    assume(not is_placeholder(day, CUT, birth=False))
    serial = str((day - dt.date(1899, 12, 30)).days)
    assert resolve(date_shape(serial), DateContext({}, CUT)).value == day


@given(DAYS)
def test_partial_dates_hold_the_day(day: dt.date) -> None:
    reading = resolve(date_shape(f"{day.month:02d}/{day.year}"), DateContext({}, CUT))
    assert reading.first <= day <= reading.last
    assert reading.first.day == 1
    assert (reading.last + dt.timedelta(days=1)).day == 1


@given(st.lists(st.dates(dt.date(1990, 1, 1), CUT), min_size=1, max_size=20))
def test_a_column_never_mixes_day_and_month(days: list[dt.date]) -> None:
    column = TABLES["procedures"]["proc_date"]
    written = [d.strftime("%m/%d/%Y") for d in days]
    cleaned = clean_texts(column, written, cut=CUT)["clean"]
    # read as written or left unread; never as another day
    proved = any(d.day > 12 for d in days)
    for day, clean in zip(days, cleaned, strict=True):
        assert clean in ("", day.isoformat())
        assert clean or not proved


@given(ANY_TEXT)
def test_words_are_safe_on_any_text(text: str) -> None:
    for column in COLUMNS:
        if column.kind in ("category", "yes_no"):
            assert read_code(text, column, {}).value in (None, *column.codes)
        elif column.kind == "set":
            value = read_set(text, column, {}).value
            assert value is None or set(value.split(";")) <= set(column.codes)
    kind_of_missing(text)


@given(ANY_TEXT)
def test_folding_twice_is_folding_once(text: str) -> None:
    assert simplify(simplify(text)) == simplify(text)
    assert trim(trim(text)) == trim(text)
    assert fold(fold(text)) == fold(text)
    assert plain_id(plain_id(f"A/{text}")) == plain_id(f"A/{text}")


@given(st.binary(max_size=200))
def test_any_bytes_have_an_encoding(content: bytes) -> None:
    from vpstats.errors import DataError

    encoding = detect(content)
    try:
        decoded = decode(content, declared=None, file="x")
    except DataError:
        return
    assert decoded.encoding == encoding
    assert "\x00" not in decoded.text


@given(st.text(alphabet="abcčćđšžČĆĐŠŽäöüßéè ;", min_size=1, max_size=30))
def test_utf8_is_told_from_code_pages_and_repaired(text: str) -> None:
    assert detect(text.encode("utf-8")) == "utf-8"
    try:
        wrong = text.encode("utf-8").decode("cp1250")
    except UnicodeDecodeError:
        return
    if not text.isascii():
        assert repair(wrong) == text
        assert signature([wrong]) == "utf-8"


@given(st.text(max_size=300))
def test_a_delimiter_is_always_found(text: str) -> None:
    assert detect_delimiter(text) in (";", ",", "\t", "|")


@pytest.mark.parametrize("piece", ["L1-", "1.", "1,", "<", "x1", "T", "i ", "9" * 10, "2x", " ."])
def test_long_repetitions_are_judged_quickly(piece: str) -> None:
    # a grammar with nested repetition would need longer than the age of the universe
    text = piece * 4000
    assert parse_levels(text).levels == ()
    for name in ("levels.cement_ml", "events.event_date", "patients.diabetes", "patients.asa"):
        table, field = name.split(".")
        cleaned = clean_texts(TABLES[table][field], [text], mapping=ColumnMap(column="x"))
        assert cleaned["clean"].tolist() == [""]


HOSTILE = ("\x00", "\u202e", "\u200b", "\u0301", "１", "٣", "=cmd|'/c calc'!A1", "½", "ﬀ", "İ")
"""NUL, text that runs backwards, nothing, a lone accent, digits of other scripts, a formula, …"""


@pytest.mark.parametrize("column", COLUMNS, ids=lambda c: c.name)
@settings(max_examples=15)
@given(texts=st.lists(st.lists(st.sampled_from([*HOSTILE, "L1", "4,5", "da", "-"])), max_size=4))
def test_hostile_characters_are_read_or_said(column: Column, texts: list[list[str]]) -> None:
    cleaned = clean_texts(column, ["".join(parts) for parts in texts], cut=CUT)
    for row in cleaned.itertuples(index=False):
        if trim(row.raw) and not row.clean:
            assert row.rules


PIECES = ("a", "1", " ", "-", "1.", "1, ", "L1-", "Th8 ", "1/", "é", "½", "x10", "ca. ", "I", "(")
SECONDS_OF_20_KB = 1.0
"""A reader that looks at each character once needs a hundredth; a quadratic one, minutes."""


@pytest.mark.parametrize("column", COLUMNS, ids=lambda c: c.name)
@pytest.mark.parametrize("tail", ["", "!", "x"])
def test_no_reader_is_quadratic(column: Column, tail: str) -> None:
    for piece in PIECES:
        text = (piece * 20_000)[:20_000] + tail
        began = time.process_time()
        clean_texts(column, [text], cut=CUT)
        assert time.process_time() - began < SECONDS_OF_20_KB, piece


def test_lists_of_volumes_with_many_blanks_are_cut_quickly() -> None:
    cell = "4" + " " * 20_000 + "/ 5"
    began = time.process_time()
    assert cut_list(cell) == ("4", "5")
    assert listed_numbers(cell) == (), "no list of volumes is as long"
    assert time.process_time() - began < SECONDS_OF_20_KB
