"""Drafts of whatever is in a file: a draft that parses or one clear error, and nobody's name."""

from __future__ import annotations

import csv
import io
import random
import tomllib
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vpstats.drafting import MappingDraft, draft_mapping
from vpstats.drafting.headers import read_header
from vpstats.drafting.likeness import likeness
from vpstats.drafting.names import quantity
from vpstats.errors import VpstatsError
from vpstats.registry.fields import allowed_fields, field_column
from vpstats.registry.mapping import parse_mapping
from vpstats.schema_tables import TABLES

UNITS = {f: quantity(field_column(t, f)) for t in TABLES for f in allowed_fields(t)}
HEADERS = ["MBO", "Patient", "Datum zahvata", "OP-Datum", "Spol", "CRP", "CRP (mg/dL)", "Razina",
           "Cement 1", "Cement 2", "VAS", "Datum", "Komplikacija", "date of birth", "Leak CT",
           "x", "napomena", "Prezime", "level", "ASA", ""]  # fmt: skip
CELLS = ["", "da", "ne", "1", "2", "0", "4,5", "<5", "Th12", "L1, L2", "14.03.2023.", "2023-03-14",
         "Ž", "m", "999", "n.p.", "infekcija", "ASA 3", '"', "=1+1", "\u200b", "ž;š"]  # fmt: skip
FEW = settings(
    max_examples=40,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@st.composite
def tables(draw: st.DrawFn) -> list[list[str]]:
    width = draw(st.integers(1, 8))
    name = st.one_of(st.sampled_from(HEADERS), st.text(max_size=12))
    cell = st.one_of(st.sampled_from(CELLS), st.text(max_size=6), st.integers().map(str))
    head = draw(st.lists(name, min_size=width, max_size=width))
    body = draw(st.lists(st.lists(cell, min_size=width, max_size=width), max_size=12))
    return [head, *body]


def draft_of(rows: list[list[str]], folder: Path) -> MappingDraft | None:
    text = io.StringIO()
    csv.writer(text, delimiter=";").writerows(rows)
    path = folder / "a.csv"
    path.write_bytes(text.getvalue().encode("utf-8", "replace"))
    try:
        return draft_mapping([str(path)], folder=folder)
    except VpstatsError:
        return None


@given(tables())
@FEW
def test_a_draft_parses_or_there_is_one_clear_error(tmp_path: Path, rows: list[list[str]]) -> None:
    draft = draft_of(rows, tmp_path)
    if draft is not None:
        parse_mapping(tomllib.loads(draft.toml))
        assert all(0 <= p.score <= 1 for p in draft.proposals)


@given(st.integers(0, 10**6))
@FEW
def test_the_order_of_rows_changes_nothing_and_nobody_is_named(tmp_path: Path, seed: int) -> None:
    draw = random.Random(seed)  # noqa: S311  # rows for a test
    head = ["MBO", "Prezime", "Datum rođenja", "Datum zahvata", "Spol", "Razina", "CRP"]
    rows = [
        [f"{700_000 + i}", f"Horvat{i}", f"{1 + i % 28:02d}.03.19{30 + i % 40}.",
         f"{1 + i % 28:02d}.06.2022.", draw.choice("Žm"), f"Th{1 + i % 12}", str(3 + i % 20)]
        for i in range(20)
    ]  # fmt: skip
    first = draft_of([head, *rows], tmp_path)
    draw.shuffle(rows)
    second = draft_of([head, *rows], tmp_path)
    assert first is not None
    assert second is not None
    assert first.toml == second.toml
    assert not any(cell in first.toml for row in rows for cell in row[:3])


@given(st.text(max_size=40))
@settings(max_examples=200)
def test_any_header_is_like_fields_from_0_to_1(text: str) -> None:
    for like in likeness(read_header(text), UNITS).values():
        assert 0 < like.score <= 1


def test_words_in_another_order_are_worth_less() -> None:
    turned = likeness(read_header("venous_leak_fluoro"), UNITS)
    assert turned["leak_venous_fluoro"].score < turned["venous_leak_fluoro"].score == 1.0
