"""What a release cannot see in the ledger alone: what rests on what, windows of curves, and what
was published before."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from vpstats.disclosure import Relation, Released, ReleasePolicy, Rests, release
from vpstats.errors import UsageError
from vpstats.ledger import Ledger, cell, cell_id

POLICY = ReleasePolicy()


def centers(counts: dict[str, int], n: int = 100, **more: float) -> list[dict[str, Any]]:
    """Events by center, the network's sum, an estimate of each center and one of all."""
    total = cell("a", "outcome", "observed", sum(counts.values()), kind="total", group="network")
    middle = float(np.median(list(counts.values())))
    whole = str(total["cell_id"])
    rows = [
        total,
        cell("a", "outcome", "median", middle, kind="estimate", group="network", parent=whole),
    ]
    for name, count in counts.items():
        own = cell("a", "outcome", "n", n, kind="total", group=name)
        observed = cell("a", "outcome", "observed", count, kind="count", group=name,
                        parent=str(own["cell_id"]))  # fmt: skip
        rows += [own, observed]
        rows += [cell("a", "outcome", stat, value, kind="estimate", group=name,
                      parent=str(observed["cell_id"])) for stat, value in more.items()]  # fmt: skip
    return rows


def observed(name: str) -> str:
    return cell_id("a", name, "outcome", "", "observed")


def over(counts: dict[str, int]) -> Relation:
    return Relation(observed("network"), tuple(observed(name) for name in counts))


def shown(released: Released, name: str) -> bool:
    cells = released.cells.set_index("cell_id")
    return bool(np.isfinite(cells.loc[name, "value"]))


def test_a_quartile_of_centers_falls_with_the_count_of_any_of_them() -> None:
    counts = {"A": 40, "B": 35, "C": 3, "D": 52}
    rests = [Rests(("a/network/outcome//median",), tuple(map(observed, counts)))]
    ledger = Ledger.from_rows(centers(counts))
    assert shown(release(ledger, POLICY, relations=[over(counts)]), "a/network/outcome//median")
    kept = release(ledger, POLICY, relations=[over(counts), *rests])
    assert not shown(kept, "a/network/outcome//median")
    large = {"A": 40, "B": 35, "C": 33, "D": 52}
    kept = release(Ledger.from_rows(centers(large)), POLICY, relations=[over(large), *rests])
    assert shown(kept, "a/network/outcome//median")


def test_expected_numbers_fall_with_the_network_s_total() -> None:
    """A center without events is expected to have its share of all: of three, all at C."""
    counts = {"A": 0, "B": 0, "C": 3}
    estimates = tuple(cell_id("a", name, "outcome", "", "expected") for name in counts)
    ledger = Ledger.from_rows(centers(counts, expected=1.0))
    kept = release(
        ledger, POLICY, relations=[over(counts), Rests(estimates, (observed("network"),))]
    )
    assert not shown(kept, observed("network"))
    assert not any(shown(kept, name) for name in estimates)


def test_one_part_that_is_the_whole_is_hidden_with_it() -> None:
    """A single group of risk holds all of the network's events."""
    counts = {"A": 4, "B": 8}
    rows = centers(counts)
    group = cell("a", "calibration", "n", 200, kind="total", group="network", level="1")
    rows += [group, cell("a", "calibration", "observed", 12, kind="count", group="network",
                         level="1", parent=str(group["cell_id"]))]  # fmt: skip
    one = "a/network/calibration/1/observed"
    kept = release(Ledger.from_rows(rows), POLICY,
                   relations=[over(counts), Relation(observed("network"), (one,))])  # fmt: skip
    shown_now = [shown(kept, name) for name in (one, observed("network"), observed("B"))]
    assert shown_now in ([True, True, False], [False, False, True], [False, False, False])


def test_what_a_caller_names_must_be_there() -> None:
    ledger = Ledger.from_rows(centers({"A": 40, "B": 35}))
    with pytest.raises(UsageError, match="no count of the ledger"):
        release(ledger, POLICY, relations=[Rests(("a/A/outcome//n",), ("a/X/outcome//observed",))])


def curve_with_windows(windows: dict[str, int], days: dict[int, int]) -> Ledger:
    """A curve with events on some days, and the same events by window of follow-up."""
    total = sum(windows.values())
    rows = [cell("q", "event", "n", 1000, kind="total", unit="procedures"),
            cell("q", "event", "n_events", total, kind="count", level="1", unit="procedures",
                 parent="q//event//n")]  # fmt: skip
    cause = "q//event/1/n_events"
    at_risk, so_far = 1000, 0
    for day, events in days.items():
        so_far += events
        values = {"estimate": so_far / 1000, "conf_low": 0.0, "conf_high": 0.1,
                  "n_risk": at_risk, "n_event": events}  # fmt: skip
        rows += [cell("q", "incidence", stat, value, kind="curve step", group="All",
                      level=str(day), unit="incidence" if stat == "estimate" else "procedures",
                      parent=cause) for stat, value in values.items()]  # fmt: skip
        at_risk -= 10 * events + 10
    rows += [cell("q", "window", "n_events", count, kind="count", level=name, unit="events",
                  parent=cause) for name, count in windows.items()]  # fmt: skip
    return Ledger.from_rows(rows)


def test_a_curve_is_not_read_where_it_would_solve_for_a_window() -> None:
    """8, 5 and 2 of 15: with 8 known, the mark of the 5 would leave two values for the 2."""
    days = {30: 4, 60: 4, 200: 5, 700: 2}
    small = {"days 0 to 60": 8, "days 60 to 365": 5, "after day 365": 2}
    cells = release(curve_with_windows(small, days), POLICY).cells
    windows = cells[cells["variable"] == "window"].set_index("level")
    steps = cells[(cells["variable"] == "incidence") & (cells["stat"] == "n_event")]
    told = set(steps["value"].cumsum()) - {0.0}
    assert windows.loc["after day 365", "suppressed"] != ""
    marks = [windows.loc[name, "suppressed"] for name in small]
    if 8.0 in told:  # then no mark may say which of the other two is small
        assert windows["value"].isna().sum() >= 2
        assert marks[1] == marks[2] == "secondary"
    assert 13.0 not in told


def test_a_curve_beside_windows_that_are_shown_is_read() -> None:
    days = {30: 4, 60: 4, 200: 9, 700: 20}
    large = {"days 0 to 60": 8, "days 60 to 365": 9, "after day 365": 20}
    cells = release(curve_with_windows(large, days), POLICY).cells
    steps = cells[(cells["variable"] == "incidence") & (cells["stat"] == "n_event")]
    assert 8.0 in steps["value"].cumsum().tolist()
    assert cells.loc[cells["variable"] == "window", "value"].notna().all()


def test_the_mean_of_a_group_that_grew_by_a_few_is_not_shown() -> None:
    """Two means and two numbers are the value of who came in between."""

    def cut(n: int, mean: float) -> Ledger:
        rows = [cell("m", "age", "n", n, kind="total", group="C01", unit="patients"),
                cell("m", "age", "mean", mean, kind="estimate", group="C01", n=n,
                     parent="m/C01/age//n")]  # fmt: skip
        return Ledger.from_rows(rows)

    first = release(cut(21, 65.71), POLICY)
    assert shown(first, "m/C01/age//mean")
    second = release(cut(22, 65.95), POLICY, previous=first)
    assert not shown(second, "m/C01/age//n")
    assert not shown(second, "m/C01/age//mean")
    assert shown(release(cut(31, 65.95), POLICY, previous=first), "m/C01/age//mean")


def test_two_releases_hide_the_same_cells_where_they_can() -> None:
    """A cell that one release shows and the other hides is shown."""

    def cut(counts: dict[str, int]) -> Ledger:
        rows = [cell("s", "all", "n", sum(counts.values()), kind="total", unit="patients")]
        rows += [cell("s", "kind", "n", k, kind="count", level=name, unit="patients",
                      parent="s//all//n") for name, k in counts.items()]  # fmt: skip
        return Ledger.from_rows(rows)

    def hidden(released: Released) -> set[str]:
        return set(released.cells.loc[released.cells["value"].isna(), "cell_id"])

    first = {"a": 8, "b": 9, "c": 3, "d": 60}
    later = {"a": 20, "b": 9, "c": 3, "d": 90}  # b, which everybody knows, would now be cheapest
    published = release(cut(first), POLICY)
    assert hidden(published) == {"s//kind/a/n", "s//kind/c/n"}
    assert hidden(release(cut(later), POLICY)) == {"s//kind/b/n", "s//kind/c/n"}
    again = release(cut(later), POLICY, previous=published)
    assert hidden(again) == {"s//kind/a/n", "s//kind/c/n"}


def test_what_an_earlier_release_shows_is_not_hidden_to_protect_another() -> None:
    """However much it would cost to hide something else: here a count with many estimates."""
    counts = {"b": 9, "c": 3, "d": 90}
    rows = [cell("s", "all", "n", sum(counts.values()), kind="total", unit="patients")]
    rows += [cell("s", "kind", "n", k, kind="count", level=name, unit="patients",
                  parent="s//all//n") for name, k in counts.items()]  # fmt: skip
    rows += [cell("s", f"e{i}", "ratio", 1.0 + i, kind="estimate", parent="s//kind/d/n")
             for i in range(400)]  # fmt: skip

    def hidden(**more: Ledger) -> set[str]:
        cells = release(Ledger.from_rows(rows), POLICY, **more).cells
        lost = (cells["kind"] == "count") & (cells["suppressed"] != "")
        return set(cells.loc[lost, "cell_id"])

    known = cell("s", "kind", "n", 9, kind="total", level="b", unit="patients")
    assert hidden() == {"s//kind/b/n", "s//kind/c/n"}
    earlier = Ledger.from_rows([known])
    assert hidden(previous=earlier) == {"s//kind/d/n", "s//kind/c/n"}


def test_what_is_known_is_hidden_where_nothing_else_is_left() -> None:
    rows = [cell("s", "all", "n", 12, kind="total", unit="patients")]
    rows += [cell("s", "kind", "n", k, kind="count", level=name, unit="patients",
                  parent="s//all//n") for name, k in {"b": 9, "c": 3}.items()]  # fmt: skip
    ledger = Ledger.from_rows(rows)
    before = Ledger(ledger.cells[ledger.cells["cell_id"] != "s//kind/c/n"])
    kept = release(ledger, POLICY, previous=before)
    assert not shown(kept, "s//kind/c/n")
    assert not shown(kept, "s//all//n") or not shown(kept, "s//kind/b/n")
