"""Ordinals of vertebrae, and regions that are written once, behind the last of them."""

from __future__ import annotations

import pytest

from vpstats.registry.spine import parse_levels


@pytest.mark.parametrize(
    ("cell", "levels"),
    [
        ("1ª y 2ª lumbar", "L1 L2"),
        ("1ª, 2ª y 3ª lumbares", "L1 L2 L3"),
        ("1ª y 2ª vértebras lumbares", "L1 L2"),
        ("11ª y 12ª dorsal y 1ª lumbar", "T11 T12 L1"),
        ("1. i 2. slabinski kralježak", "L1 L2"),
        ("1. und 2. LWK", "L1 L2"),
        ("1st and 2nd lumbar", "L1 L2"),
        ("10. e 11. vertebra dorsale", "T10 T11"),
        ("1ère et 2ème lombaire", "L1 L2"),
    ],
)
def test_ordinals_that_rise_share_the_region_behind_them(cell: str, levels: str) -> None:
    parsed = parse_levels(cell)
    assert (parsed.levels, parsed.status) == (tuple(levels.split()), "ok")


@pytest.mark.parametrize(
    "cell",
    [
        "12ª y 1ª lumbar",  # the twelfth is of another region, which is not named
        "5ª y 1ª lumbar",
        "11. und 12. LWK",
        "1 y 2 lumbar",  # no ordinals: two lumbar ones?
        "1ª a 3ª lumbar",
        "1. ili 2. lumbalni",
        "1.2. lumbar",
        "1ª y 2ª",
    ],
)
def test_what_can_be_read_otherwise_is_not_read(cell: str) -> None:
    assert parse_levels(cell).levels == ()


@pytest.mark.parametrize("cell", ["L001", "T012", "BWK 012"])
def test_three_digits_with_zeros_in_front_number_something_else(cell: str) -> None:
    assert parse_levels(cell).levels == ()
    assert parse_levels(cell.replace("0", "")).levels


@pytest.mark.parametrize(
    ("cell", "levels"),
    [
        ("12e thoracique", "T12"),
        ("12ème dorsale", "T12"),
        ("12 ème dorsale", "T12"),
        ("1re lombaire", "L1"),
        ("2nde lombaire", "L2"),
        ("11e et 12e thoracique", "T11 T12"),
        ("12e dorsale et 1re lombaire", "T12 L1"),
        ("D12ª", "T12"),
        ("1e lumbale", "L1"),
        ("12th thoracic", "T12"),
        ("4th and 5th lumbar", "L4 L5"),
        ("8Th und 9Th", "T8 T9"),
        ("D11e D12", "T11 T12"),
    ],
)
def test_ordinals_of_other_languages(cell: str, levels: str) -> None:
    assert parse_levels(cell).levels == tuple(levels.split())
