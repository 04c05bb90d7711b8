"""The shorter way of reading usual numbers says what the longer one says."""

from __future__ import annotations

import re
from decimal import Decimal
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vpstats.registry import numbers
from vpstats.registry.numbers import NumberContext, read_number
from vpstats.schema_tables import TABLES

COLUMNS = [c for table in TABLES.values() for c in table if c.kind in ("number", "integer")]
MARKS = st.sampled_from([None, ".", ","])
NEVER = re.compile(r"(?!)()()()")


@settings(max_examples=500)
@given(
    digits=st.from_regex(r"[0-9]{1,8}", fullmatch=True),
    mark=st.sampled_from(".,"),
    decimals=st.from_regex(r"[0-9]{1,3}", fullmatch=True),
    context=st.builds(
        NumberContext,
        st.sampled_from(COLUMNS),
        decimal=MARKS,
        thousands=MARKS,
        scale=st.sampled_from([Decimal(1), Decimal(10), Decimal("0.001")]),
        declared_unit=st.booleans(),
        limits=st.booleans(),
        clock=st.sampled_from(["", "h:mm", "mm:ss"]),
    ),
)
def test_a_usual_number_is_read_as_any_other(
    digits: str, mark: str, decimals: str, context: NumberContext
) -> None:
    text = f"{digits}{mark}{decimals}"
    found = read_number(text, context)
    with mock.patch.object(numbers, "_USUAL", NEVER):
        assert read_number(text, context) == found


@pytest.mark.parametrize("text", ["1.50", "0,3", "1234567,89"])
def test_the_shorter_way_is_taken(text: str) -> None:
    assert numbers._USUAL.fullmatch(text)
    assert not NEVER.fullmatch(text)
