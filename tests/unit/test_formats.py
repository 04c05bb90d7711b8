"""How numbers print: widths that do not lie, ranges that can be read, reasons in words."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vpstats.formats import (
    MINUS,
    NOT_ESTIMABLE,
    REASONS,
    THIN,
    count,
    decimal,
    interval_heading,
    p_value,
    percent,
    rate,
    ratio,
    reason,
    show,
    show_interval,
    span,
)
from vpstats.results import CAVEATS

NAN = float("nan")


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0.0"), (0.049, "<0.1"), (0.05, "0.1"), (99.95, ">99.9"), (99.94, "99.9"),
     (100.0, "100.0"), (12.25, "12.2"), (12.35, "12.3")],
)  # fmt: skip
def test_a_rate_never_rounds_to_nothing_or_to_everything(value: float, text: str) -> None:
    assert rate(value) == text
    assert percent(value) == f"{text}{THIN}%"


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0009, "<0.001"), (0.001, "0.0010"), (0.00995, "0.010"), (0.0994, "0.099"),
     (0.0995, "0.10"), (0.5, "0.50"), (9.994, "9.99"), (9.995, "10.0"), (99.94, "99.9"),
     (99.95, "100"), (9999.4, "9,999"), (1e9, ">9,999")],
)  # fmt: skip
def test_a_ratio_keeps_two_digits(value: float, text: str) -> None:
    assert ratio(value) == text


@given(st.floats(min_value=0.001, max_value=9000))
def test_a_printed_ratio_is_within_half_a_digit_of_the_value(value: float) -> None:
    assert float(ratio(value).replace(",", "")) == pytest.approx(value, rel=0.051)


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "<0.001"), (0.000499, "<0.001"), (0.0005, "0.001"), (0.04996, "0.050"),
     (0.9994, "0.999"), (0.9995, ">0.999"), (1.0, ">0.999")],
)  # fmt: skip
def test_p_values_have_three_decimals_and_are_never_0_or_1(value: float, text: str) -> None:
    assert p_value(value) == text


def test_negative_numbers_have_a_minus_sign_and_zero_has_none() -> None:
    assert decimal(-1.25, 2) == f"{MINUS}1.25"
    assert decimal(-0.004, 2) == "0.00"
    assert count(-1234.4) == f"{MINUS}1,234"


def test_a_range_with_a_negative_limit_says_to() -> None:
    assert span("1.0", "2.0") == "1.0–2.0"
    assert span(f"{MINUS}1.0", "2.0") == f"{MINUS}1.0 to 2.0"
    assert span("-2", f"{MINUS}1") == f"-2 to {MINUS}1"


def test_what_is_withheld_shows_the_mark_and_what_is_not_estimable_says_so() -> None:
    row = {"n": NAN, "percent": NAN, "value": 3.0, "hidden": {"n"}}
    assert show(row, "n", mark="‹5") == "‹5"
    assert show(row, "percent") == NOT_ESTIMABLE
    assert show(row, "value", count) == "3"
    assert show(row, "absent") == ""


def test_an_interval_is_withheld_with_any_of_its_parts() -> None:
    row = {"estimate": 2.0, "conf_low": 1.0, "conf_high": 4.0}
    assert show_interval(row, ratio) == "2.00 (1.00–4.00)"
    for part in row:
        assert show_interval({**row, "hidden": {part}}, ratio, mark="*") == "*"


def test_an_interval_whose_limits_do_not_exist_keeps_its_estimate() -> None:
    row = {"estimate": 2.0, "conf_low": NAN, "conf_high": NAN}
    assert show_interval(row, ratio) == f"2.00 ({NOT_ESTIMABLE})"
    assert show_interval({**row, "estimate": NAN}, ratio) == NOT_ESTIMABLE
    assert show_interval({**row, "conf_low": 1.0}, ratio) == f"2.00 (1.00–{NOT_ESTIMABLE})"
    assert show_interval({"estimate": 2.0}, ratio) == "2.00"
    assert show_interval({**row, "conf_low": 0.0, "conf_high": np.inf}, ratio) == (
        "2.00 (<0.001 to >9,999)"
    )


def test_reasons_are_found_among_caveats_and_every_code_is_a_caveat() -> None:
    assert reason("few_events;event_floor;separation") == "not fitted: too few events"
    assert reason("dropped_rows", "none") == "none"
    assert set(REASONS) <= set(CAVEATS)


def test_headings_name_the_measure_and_the_level() -> None:
    assert interval_heading("hazard ratio", 0.9) == f"HR (90{THIN}% CI)"
    assert interval_heading("%") == f"% (95{THIN}% CI)"
