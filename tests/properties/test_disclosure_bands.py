"""Large counts that are rounded instead of hidden: nobody works out the small ones from them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vpstats.disclosure import ReleasePolicy, release
from vpstats.disclosure.cells import Cells
from vpstats.disclosure.policy import in_band
from vpstats.disclosure.relations import count_system, relate_counts
from vpstats.disclosure.secondary import protect
from vpstats.disclosure.system import Role, System, attack
from vpstats.ledger import Ledger, cell

POLICY = ReleasePolicy(threshold=5)


def flow(start: int, excluded: list[int]) -> list[dict[str, Any]]:
    """A flow that loses rows step by step, and what became of those that stayed."""
    rows, kept = [cell("flow_q", "step", "n_rows", start, kind="total", level="0")], start
    for i, out in enumerate(excluded, start=1):
        parent = f"flow_q//step/{i - 1}/n_rows"
        kept -= out
        rows.append(cell("flow_q", "step", "n_rows", kept, kind="total", level=str(i),
                         parent=parent))  # fmt: skip
        rows.append(cell("flow_q", "step", "excluded_rows", out, kind="count", level=str(i),
                         parent=parent))  # fmt: skip
    rows.append(cell("q", "event", "n", kept, kind="total"))
    return rows


def outcome(kept: int, events: int) -> list[dict[str, Any]]:
    parts = {"1": events, "0": kept - events}
    rows = [
        cell("q", "event", "n_events", k, kind="count", level=s, parent="q//event//n", n=kept)
        for s, k in parts.items()
    ]
    rows.append(cell("q", "event", "percent", 100 * events / kept, kind="estimate", level="1",
                     unit="%", n=kept, parent="q//event/1/n_events"))  # fmt: skip
    return rows


def protected(ledger: Ledger) -> System:
    builder = count_system(Cells.of(ledger), POLICY)
    relate_counts(builder)
    protect(builder.system)
    return builder.system


def test_a_small_exclusion_rounds_the_large_count_instead_of_hiding_it() -> None:
    released = release(Ledger.from_rows([*flow(3007, [3]), *outcome(3004, 16)]), POLICY)
    # 3,007 rounds to 3,010, and so would any start from which 1 to 4 rows were lost
    assert released.text("flow_q//step/0/n_rows") == "about 3,010"
    assert released.text("flow_q//step/1/n_rows") == "3004"
    assert released.text("flow_q//step/1/excluded_rows") == "fewer than 5"
    assert released.text("q//event/1/n_events") == "16"
    assert set(released.select(stat="n_rows", level="0")["suppressed"]) == {"rounded"}


def test_percentages_of_a_rounded_whole_are_as_coarse_as_its_band() -> None:
    rows = [*flow(3007, [3]), *outcome(3004, 16)]
    # the same start stands in many flows, so it costs less to round what remains in one
    rows += [cell(f"flow_{i}", "step", "n_rows", 3007, kind="total", level="0") for i in range(12)]
    released = release(Ledger.from_rows(rows), POLICY)
    assert released.text("q//event//n") == "about 3,000"
    # 16 of 3,003 to 3,006 is 0.5322 to 0.5328 per cent: tenths are what all of them share
    assert released.text("q//event/1/percent", ".2f") == "about 0.5"


def test_a_count_near_the_edge_of_its_band_takes_a_wider_one_or_is_hidden() -> None:
    for start in range(3000, 3020):
        system = protected(Ledger.from_rows([*flow(start, [3]), *outcome(start - 3, 16)]))
        for variable, base in system.bands.items():
            possible = system.can_be(variable)
            assert {in_band(v, base) for v in possible} == {system.shown(variable)}
            assert len(possible) > 1


@settings(max_examples=40, deadline=None)
@given(
    start=st.integers(400, 6000),
    excluded=st.lists(st.integers(0, 12), min_size=1, max_size=4),
    events=st.integers(1, 40),
)
def test_the_attacker_never_narrows_a_small_count(
    start: int, excluded: list[int], events: int
) -> None:
    kept = start - sum(excluded)
    system = protected(Ledger.from_rows([*flow(start, excluded), *outcome(kept, events)]))
    for low, high in attack(system, sorted(system.sensitive)).values():
        assert high - low + 1 >= POLICY.width


@pytest.mark.parametrize("rounding", [5, 10])
def test_plain_rounding_leaves_no_bands(rounding: int) -> None:
    policy = ReleasePolicy(threshold=5, rounding=rounding)
    builder = count_system(Cells.of(Ledger.from_rows(flow(3007, [3]))), policy)
    relate_counts(builder)
    protect(builder.system)
    assert Role.BANDED not in builder.system.role
