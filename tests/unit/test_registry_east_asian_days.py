"""Days in the characters of Japanese, Chinese and Korean."""

from __future__ import annotations

import pytest

from vpstats.registry.dates import date_shape


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2023年6月22日", (22, 6, 2023)),
        ("2023年06月02日", (2, 6, 2023)),
        ("２０２３年６月２２日（木）", (22, 6, 2023)),
        ("2021年12月22日(水) 14:30", (22, 12, 2021)),
        ("2023년 6월 22일", (22, 6, 2023)),
    ],
)
def test_days_in_east_asian_characters_are_read(text: str, day: tuple[int, int, int]) -> None:
    shape = date_shape(text)
    assert shape.kind == "day"
    assert (shape.first, shape.second, shape.year) == day


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("2022年3月", "month"),
        ("1939年", "year"),
        ("2022年13月1日", "bad"),
        ("2022年13月", "bad"),
        ("2023年2月30日", "bad"),
        ("3000年", "bad"),
        ("1899年12月30日", "placeholder"),
        ("2022年6月28日頃", "unclear"),  # about
        ("2022年3月上旬", "unclear"),  # early in the month
        ("令和5年3月14日", "unclear"),
        ("R5.3.14", "unclear"),
        ("23年6月22日", "unclear"),  # of the common era, or of Heisei
        ("2023年6月22日 2023年7月1日", "unclear"),
    ],
)
def test_what_is_no_whole_day_in_east_asian_characters_is_not_made_one(
    text: str, kind: str
) -> None:
    assert date_shape(text).kind == kind
