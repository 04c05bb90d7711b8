"""How hospitals write vertebrae, and what is read of it."""

from __future__ import annotations

import pytest

from vpstats.registry.spine import VERTEBRAE, distance, index, neighbours, parse_levels, region

READ = """
Th8                    | T8
TH 8                   | T8
T8                     | T8
T-8                    | T8
T – 8                  | T8
D8                     | T8
BWK 8                  | T8
BW8                    | T8
LWK 2                  | L2
HWK 7                  | C7
Th VIII                | T8
thviii                 | T8
L IV                   | L4
8. prsni               | T8
8. prsni kralježak     | T8
2. LWK                 | L2
Lendenwirbelkörper 2   | L2
th8.                   | T8
Th.8                   | T8
T08                    | T8
L 1                    | L1
L\u00a01               | L1
L2-L4                  | L2 L3 L4
L4-L2                  | L4 L3 L2
L2-4                   | L2 L3 L4
L2–L3                  | L2 L3
Th12-L2                | T12 L1 L2
Th12 do L2             | T12 L1 L2
BWK 11 bis LWK 1       | T11 T12 L1
Th11, Th12 i L1        | T11 T12 L1
Th11, 12               | T11 T12
BWK 12 und LWK 1       | T12 L1
T12 and L1             | T12 L1
D12 e L1               | T12 L1
T12 y L1               | T12 L1
T12 et L1              | T12 L1
Th11 + 12              | T11 T12
L1; L2                 | L1 L2
L1 L3                  | L1 L3
L2-L4, Th12            | L2 L3 L4 T12
L I i L II             | L1 L2
L1, L1                 | L1
ThXII, LI              | T12 L1
DIX, DX                | T9 T10
T12, 11, 10            | T12 T11 T10
Th12, 1. LWK           | T12 L1
L1,                    | L1
"""

NOT_READ = """
L2-3         | ambiguous
L2/3         | ambiguous
Th12/L1      | ambiguous
Th11-12      | ambiguous
C1-L5        | ambiguous
L1 dx        | ambiguous
L3 li.       | ambiguous
D12, 1       | ambiguous
Th11 i 12, 1 | ambiguous
L1 i         | ambiguous
L1 und       | ambiguous
L1 +         | ambiguous
T13          | transitional
L6           | transitional
1-2          | unreadable
3/4          | unreadable
2023-02-01   | unreadable
01.02.2023   | unreadable
Feb-03       | unreadable
44958        | unreadable
8            | unreadable
T1 2         | unreadable
Th8 (path.)  | unreadable
sve          | unreadable
-            | unreadable
L            | unreadable
S2           | unreadable
12-L1        | unreadable
"""


def rows(text: str) -> list[tuple[str, str]]:
    lines = [line.rsplit("|", 1) for line in text.strip("\n").splitlines()]
    return [(raw.rstrip(" "), clean.strip()) for raw, clean in lines]


@pytest.mark.parametrize(("raw", "clean"), rows(READ))
def test_read(raw: str, clean: str) -> None:
    parsed = parse_levels(raw)
    assert (parsed.status, parsed.levels) == ("ok", tuple(clean.split()))


@pytest.mark.parametrize(("raw", "status"), rows(NOT_READ))
def test_not_read(raw: str, status: str) -> None:
    parsed = parse_levels(raw)
    assert (parsed.status, parsed.levels) == (status, ())
    assert parsed.note
    assert raw not in parsed.note or len(raw) == 1


def test_sacral_is_read_and_doubted() -> None:
    assert parse_levels("S1").levels == ("S1",)
    assert parse_levels("S1").status == "transitional"
    assert parse_levels("").status == "empty"


def test_order_of_the_spine() -> None:
    assert [index(v) for v in VERTEBRAE] == list(range(1, 26))
    assert (index("C7") + 1, index("T12") + 1, index("L5") + 1) == (
        index("T1"),
        index("L1"),
        index("S1"),
    )
    assert neighbours("C1") == (None, "C2")
    assert distance("T11", "L2") == 3


def test_regions_cover_the_spine_and_the_cut_moves() -> None:
    def named(cut: int) -> dict[str, list[str]]:
        return {r: [v for v in VERTEBRAE if region(v, cut) == r] for r in map(region, VERTEBRAE)}

    assert named(6)["upper_thoracic"] == [f"T{i}" for i in range(1, 7)]
    assert named(7)["upper_thoracic"] == [f"T{i}" for i in range(1, 8)]
    assert named(6)["tl_junction"] == ["T11", "T12", "L1", "L2"]
    assert named(6)["lumbar"] == ["L3", "L4", "L5"]
