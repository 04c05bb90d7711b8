"""The gate: what it refuses, what it answers, and what a `Released` holds."""

from __future__ import annotations

import copy
import pickle
import struct
import time
from dataclasses import FrozenInstanceError, dataclass, replace
from typing import Any

import numpy as np
import pytest

from vpstats.disclosure import Relation, Released, ReleasePolicy, policy_text, release, secondary
from vpstats.disclosure.cells import Cells, split_term
from vpstats.disclosure.curves import significant
from vpstats.disclosure.derived import solves_small_table
from vpstats.disclosure.relations import count_system, relate_counts
from vpstats.disclosure.secondary import protect
from vpstats.disclosure.system import Role, System, attack
from vpstats.disclosure.texts import format_number, literal_numbers, render
from vpstats.errors import DisclosureError, InternalError, UsageError
from vpstats.ledger import COLUMNS, Ledger, Note, cell

SHOW = ReleasePolicy(threshold=5)


def sexes(values: dict[str, int], notes: tuple[Note, ...] = ()) -> Ledger:
    n = sum(values.values())
    rows = [cell("a", "n", "n", n, kind="total", unit="patients", n=n)]
    for level, k in values.items():
        name = f"a//sex/{level}/n"
        rows.append(cell("a", "sex", "n", k, kind="count", level=level, unit="patients", n=n,
                         parent="a//n//n"))  # fmt: skip
        rows.append(cell("a", "sex", "percent", 100 * k / n, kind="estimate", level=level,
                         unit="%", n=n, parent=name))  # fmt: skip
    return Ledger.from_rows(rows, notes)


SMALL = sexes({"f": 61, "m": 36, "x": 3})


# ------------------------------------------------------------------------------- policy


@pytest.mark.parametrize(
    "wrong",
    [
        {"audience": "everybody"},
        {"zeros": "hide"},
        {"threshold": 0},
        {"threshold": 2.5},
        {"threshold": True},
        {"rounding": 0},
        {"min_at_risk": -1},
        {"curve_step": 0.0},
        {"curve_step": float("inf")},
    ],
)
def test_a_policy_that_makes_no_sense_is_refused(wrong: dict[str, Any]) -> None:
    (name,) = wrong
    with pytest.raises(UsageError, match=name):
        ReleasePolicy(**wrong)


def test_nobody_is_at_risk_alone() -> None:
    assert ReleasePolicy(threshold=5).at_risk == 5
    assert ReleasePolicy(threshold=5, min_at_risk=3).at_risk == 5
    assert ReleasePolicy(threshold=5, min_at_risk=20).at_risk == 20


def test_the_policy_says_what_it_does() -> None:
    text = policy_text(ReleasePolicy(threshold=8, zeros="suppress", rounding=5, curve_step=60))
    for part in ("0 to 7", "multiples of 5", "grid of 60", "“fewer than 8”", "“*”", "Wiley 2012"):
        assert part in text
    assert "Zeros are shown" in policy_text(SHOW)
    assert "may not add up" not in policy_text(SHOW)
    assert policy_text(ReleasePolicy(threshold=1)).startswith("The plan hides no count.")


# --------------------------------------------------------------------------------- gate


def test_only_release_makes_a_released() -> None:
    made = release(SMALL, SHOW)
    with pytest.raises(DisclosureError, match="only release"):
        Released(SMALL.cells, (), SHOW, ())
    with pytest.raises(DisclosureError, match="only release"):
        replace(made, policy=ReleasePolicy(threshold=1))
    with pytest.raises(FrozenInstanceError):
        made.policy = SHOW  # the assignment is what is tested


def test_what_was_released_cannot_be_changed_through_its_copies() -> None:
    made = release(SMALL, SHOW)
    for copied in (made.cells, made.select(analysis="a")):
        copied["value"] = 7.0
    assert np.isnan(made.select(cell_id="a//sex/x/n")["value"].item())


def test_release_does_not_change_the_ledger() -> None:
    before = SMALL.cells.copy()
    release(SMALL, SHOW)
    assert SMALL.cells.equals(before)


@dataclass(frozen=True)
class Run:
    ledger: Ledger


def test_anything_with_a_ledger_can_be_released() -> None:
    assert release(Run(SMALL), SHOW).cells.equals(release(SMALL, SHOW).cells)
    with pytest.raises(UsageError, match="needs a Ledger"):
        release(SMALL.cells, SHOW)


def test_an_empty_ledger_and_missing_values_pass() -> None:
    assert release(Ledger.from_rows([]), SHOW).cells.empty
    rows = [
        cell("a", "x", "n", np.nan, kind="total"),
        cell("a", "x", "n_events", 7, kind="count", parent="a//x//n"),
        cell("a", "x", "percent", np.nan, kind="estimate", parent="a//x//n_events"),
    ]
    cells = release(Ledger.from_rows(rows), SHOW).cells
    assert cells["suppressed"].tolist() == ["", "", ""]
    assert cells["value"].tolist()[1] == 7


def test_a_release_answers_like_a_ledger() -> None:
    made = release(SMALL, SHOW)
    assert tuple(made.cells.columns) == (*COLUMNS, "suppressed")
    assert made.select(stat="n", suppressed="primary")["level"].tolist() == ["x"]
    wide = made.wide(index=("level",), variable="sex")
    assert wide["level"].tolist() == ["f", "m", "x"]
    assert wide["n"].isna().tolist() == [False, True, True]
    with pytest.raises(UsageError, match="no column colour"):
        made.select(colour="red")
    assert made.mark == "*"
    assert made.label == ""


def test_a_number_is_written_or_the_reason_why_not() -> None:
    made = release(SMALL, SHOW)
    assert made.text("a//n//n", ",.0f") == "100"
    assert made.text("a//sex/f/percent", ".1f") == "61.0"
    assert made.text("a//sex/m/n") == "withheld"
    assert made.text("a//sex/x/n") == "fewer than 5"
    with pytest.raises(UsageError, match="no cell 'b'"):
        made.text("b")


def test_nothing_hidden_is_inside() -> None:
    ledger = sexes({"f": 103, "m": 59, "x": 3})
    made = release(ledger, SHOW)
    hidden = set(made.cells["cell_id"][made.cells["value"].isna()])
    assert hidden == {f"a//sex/{k}/{s}" for k in "mx" for s in ("n", "percent")}
    for content in (pickle.dumps(made), pickle.dumps(copy.deepcopy(made))):
        assert struct.pack("<d", 103.0) in content  # the search finds what is there
        for name in hidden:
            value = float(ledger.select(cell_id=name)["value"].item())
            for order in "<>":
                assert struct.pack(f"{order}d", value) not in content
    assert not any(isinstance(v, Ledger | System) for v in vars(made).values())


def test_a_large_count_is_rounded_rather_than_hidden() -> None:
    ledger = sexes({"f": 61_703, "m": 36_529, "x": 3}, (Note("a", "finding", "{a//sex/m/n:,.0f}"),))
    made = release(ledger, SHOW)
    cells = made.cells.set_index("cell_id")
    assert cells.loc["a//sex/m/n", ["value", "suppressed"]].tolist() == [36_530, "rounded"]
    assert cells.loc["a//sex/x/n", "suppressed"] == "primary"
    assert made.text("a//sex/m/n", ",.0f") == made.notes[0].text == "about 36,530"
    assert struct.pack("<d", 36_529.0) not in pickle.dumps(made)


def test_estimates_lose_the_digits_that_single_a_table_out() -> None:
    row = cell("a", "age", "mean", 70.123456789, kind="estimate", n=100)
    assert release(Ledger.from_rows([row]), SHOW).cells["value"].item() == 70.12
    assert [significant(x) for x in (0.000123456, 99999.0)] == [0.0001235, 100000.0]
    assert significant(float("inf")) == float("inf")


def test_caveats_that_tell_of_zeros_go_with_them() -> None:
    row = cell("a", "x", "estimate", np.nan, kind="estimate", caveat="separation;few_events")
    ledger = Ledger.from_rows([row])
    assert release(ledger, SHOW).cells["caveat"].item() == "separation;few_events"
    suppress = ReleasePolicy(zeros="suppress")
    assert release(ledger, suppress).cells["caveat"].item() == "few_events"


def test_a_released_serves_as_the_previous_release_and_as_a_result() -> None:
    made = release(SMALL, SHOW)
    assert release(made, SHOW).cells["value"].equals(made.cells["value"])
    again = release(SMALL, SHOW, previous=made)
    assert again.cells.equals(made.cells)


def test_releasing_the_same_numbers_again_shows_the_same() -> None:
    # the rounded count differs from the true one by a few, which is no change
    ledger = sexes({"f": 61_703, "m": 36_529, "x": 3})
    before = release(ledger, SHOW)
    assert "rounded" in set(before.cells["suppressed"])
    assert release(ledger, SHOW, previous=before).cells.equals(before.cells)


def test_relations_of_unknown_cells_or_that_do_not_hold_are_refused() -> None:
    with pytest.raises(UsageError, match="no count"):
        release(SMALL, SHOW, relations=[Relation("a//n//n", ("a//sex/q/n",))])
    with pytest.raises(UsageError, match="exceed"):
        release(SMALL, SHOW, relations=[Relation("a//sex/m/n", ("a//sex/f/n",))])


def test_a_ledger_of_twenty_thousand_cells_takes_seconds() -> None:
    rng = np.random.default_rng(7)
    rows = []
    for k in range(200):
        values = rng.integers(0, 200, 50)
        whole = f"a/g{k}/n//n"
        rows.append(cell("a", "n", "n", values.sum(), kind="total", group=f"g{k}"))
        for level, v in enumerate(values):
            name = f"a/g{k}/v/{level}/n"
            rows.append(cell("a", "v", "n", v, kind="count", group=f"g{k}", level=str(level),
                             n=values.sum(), parent=whole))  # fmt: skip
            share = 100 * v / values.sum()
            rows.append(cell("a", "v", "percent", share, kind="estimate", group=f"g{k}",
                             level=str(level), unit="%", n=values.sum(), parent=name))  # fmt: skip
    assert len(rows) == 20_200
    started = time.process_time()
    made = release(Ledger.from_rows(rows), SHOW)
    assert time.process_time() - started < 10  # about 1.5 s; the machine may be busy
    assert (made.cells["suppressed"] == "primary").any()


# -------------------------------------------------------------------- attacker and protection


def test_the_attacker_finds_the_bounds_of_a_sum() -> None:
    # 20 = a + b + 12 with a marked as 1 to 4: b lies between 4 and 7, so a between 1 and 3
    system = System(SHOW)
    total, a, b, c = (system.add(v, 1.0) for v in (20, 3, 5, 12))
    system.add_sum(total, [a, b, c])
    system.role[b] = Role.SECONDARY
    assert attack(system, [a, b, c]) == {a: (1, 3), b: (5, 7), c: (12, 12)}


def test_the_attacker_knows_nothing_of_what_nothing_bounds() -> None:
    system = System(SHOW)
    lonely = system.add(9, 1.0, role=Role.IMPLIED)
    marked = system.add(2, 1.0)
    assert attack(system, [lonely, marked]) == {lonely: (0, float("inf")), marked: (1, 4)}


def test_protection_withstands_the_exact_attack() -> None:
    ledger = sexes({"a": 1, "b": 2, "c": 9, "d": 40, "e": 0})
    builder = count_system(Cells.of(ledger), SHOW)
    relate_counts(builder)
    protect(builder.system)
    for low, high in attack(builder.system, sorted(builder.system.sensitive)).values():
        assert high - low + 1 >= SHOW.width


def centers(count: int) -> Ledger:
    """Two outcomes of many centers with few procedures each, and their sums."""
    rng = np.random.default_rng(11)
    rows, sums = [], {"n": 0, "x": 0, "y": 0}
    for k in range(count):
        n = int(rng.integers(12, 40))
        whole = f"a/g{k}/n//n"
        rows.append(cell("a", "n", "n", n, kind="total", group=f"g{k}", unit="rows", n=n))
        sums["n"] += n
        for name in ("x", "y"):
            v = int(rng.integers(1, 8))
            rows.append(cell("a", name, "n", v, kind="count", group=f"g{k}", unit="rows", n=n,
                             parent=whole))  # fmt: skip
            sums[name] += v
    rows.append(cell("a", "n", "n", sums["n"], kind="total", unit="rows", n=sums["n"]))
    for name in ("x", "y"):
        rows.append(cell("a", name, "n", sums[name], kind="count", unit="rows", n=sums["n"],
                         parent="a//n//n"))  # fmt: skip
    return Ledger.from_rows(rows)


def protected(ledger: Ledger) -> System:
    builder = count_system(Cells.of(ledger), SHOW)
    relate_counts(builder)
    protect(builder.system)
    return builder.system


def test_the_sum_over_many_centers_does_not_make_each_of_them_dear(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sizes: list[int] = []
    solve = secondary._solve

    def watched(system: System, relations: Any, *goal: int) -> Any:
        sizes.append(len(relations))
        return solve(system, relations, *goal)

    monkeypatch.setattr(secondary, "_solve", watched)
    system = protected(centers(250))
    assert len(system.relations) > 500
    assert max(sizes) <= secondary.LARGE  # one over everything would hold hundreds


def test_many_centers_withstand_the_exact_attack() -> None:
    system = protected(centers(40))
    assert len(system.sensitive) >= 40
    for low, high in attack(system, sorted(system.sensitive)).values():
        assert high - low + 1 >= SHOW.width


def test_a_small_total_loses_its_mark_so_that_its_parts_keep_theirs() -> None:
    # marked as fewer than 5, four parts of at least 1 each would all be known to be 1
    made = release(sexes({"a": 1, "b": 1, "c": 1, "d": 1}), SHOW)
    reasons = made.select(stat="n").set_index("cell_id")["suppressed"].to_dict()
    assert reasons.pop("a//n//n") == "secondary"
    assert set(reasons.values()) == {"primary"}


def test_guessed_equalities_are_dropped_where_nothing_else_helps() -> None:
    system = System(SHOW)
    small, fixed = system.add(3, 1.0), system.add(3, 1.0, role=Role.PUBLISHED)
    system.cost[fixed] = 1.0
    system.sensitive.add(small)
    system.value[fixed] = 0  # a zero may not be hidden
    system.relate({small: 1, fixed: -1})
    with pytest.raises(DisclosureError, match="cannot be protected"):
        protect(system)
    system.guessed.add(0)
    protect(system)
    assert system.role[small] is Role.MARKED


def test_a_fourfold_table_is_found_from_any_of_its_cells() -> None:
    table = {"a": 40, "b": 30, "c": 60, "d": 90}
    for small in table:
        t = {**table, small: 2}
        ratio = t["a"] * t["d"] / (t["b"] * t["c"])
        error = sum(1 / x for x in t.values()) ** 0.5
        margins = t["a"] + t["b"], t["c"] + t["d"]
        assert solves_small_table(ratio, error, *margins, threshold=5)
        assert not solves_small_table(ratio, 1.3 * error, *margins, threshold=5)


# ---------------------------------------------------------------------------------- curves


def steps(times: list[float], deaths: list[int], start: int, group: str = "All") -> list[Any]:
    rows, at_risk, alive = [], start, 1.0
    for t, d in zip(times, deaths, strict=True):
        alive *= 1 - d / at_risk
        values = {"estimate": alive, "n_risk": at_risk, "n_event": d}
        rows += [
            cell("q", "survival", s, v, kind="curve step", group=group, level=f"{t:g}",
                 unit="survival" if s == "estimate" else "patients", n=at_risk)
            for s, v in values.items()
        ]  # fmt: skip
        at_risk -= d
    return rows


def test_a_curve_is_read_on_the_grid_and_merged_where_it_tells_of_few() -> None:
    # 6 deaths to day 30, 2 to day 60, 5 to day 90
    rows = steps([10, 40, 70, 95], [6, 2, 5, 0], 100)
    made = release(Ledger.from_rows(rows), SHOW)
    table = made.wide(index=("level",), variable="survival")
    assert table["level"].tolist() == ["0", "30", "90"]
    assert table["n_event"].tolist() == [0, 6, 7]
    assert table["n_risk"].tolist() == [100, 94, 87]
    assert table["estimate"].tolist() == [1.0, 0.94, 0.87]


def test_a_curve_with_few_events_is_withheld_with_its_times() -> None:
    made = release(Ledger.from_rows(steps([10, 40], [2, 2], 100)), SHOW)
    assert made.cells["level"].tolist() == ["0"]
    assert made.cells["suppressed"].tolist() == ["curve"]


def test_a_curve_ends_where_few_are_at_risk() -> None:
    rows = steps([20, 50, 80, 110], [60, 20, 10, 8], 105)
    made = release(Ledger.from_rows(rows), ReleasePolicy(threshold=5, min_at_risk=16))
    assert made.select(stat="estimate")["level"].tolist() == ["0", "30", "60"]


def test_numbers_at_risk_are_rounded_with_the_counts() -> None:
    rows = steps([20, 50, 65], [12, 13, 0], 103)
    made = release(Ledger.from_rows(rows), ReleasePolicy(threshold=5, rounding=10))
    risk = made.select(stat="n_risk")
    assert risk["value"].tolist() == [100, 90, 80]
    assert set(risk["suppressed"]) == {"rounded"}


def test_a_curve_whose_group_is_hidden_is_withheld() -> None:
    rows = steps([20, 50, 65], [12, 13, 0], 103, "b")
    rows.append(cell("q", "x", "n", 106, kind="total", level="b", unit="patients", n=106))
    made = release(Ledger.from_rows(rows), SHOW)  # 106 − 103 were never followed
    curve_hidden = made.select(variable="survival")["suppressed"].tolist() == ["curve"]
    count_hidden = made.select(variable="x")["suppressed"].tolist() == ["secondary"]
    assert curve_hidden or count_hidden


def test_a_curve_of_a_rounded_number_of_patients_is_coarse() -> None:
    n = 20_003
    rows = steps([20, 50, 65], [1200, 1300, 0], n)
    rows.append(cell("q", "all", "n", n, kind="total", unit="patients", n=n))
    rows.append(cell("q", "x", "n", n + 3, kind="total", unit="patients", n=n + 3))
    for horizon in (30.0, 45.0):
        value = 100 * 1200 / n
        rows.append(cell("q", "survival_at", "estimate", value, kind="estimate", group="All",
                         level=f"{horizon:g}", unit="%", n=n - 1200))  # fmt: skip
    known = [Relation("q//x//n", ("q//all//n",))]  # three were never followed
    made = release(Ledger.from_rows(rows), SHOW, relations=known)
    cells = made.cells.set_index("cell_id")
    exact = {"q//all//n": n, "q//x//n": n + 3, "q/All/survival/0/n_risk": n}
    rounded = cells.loc[list(exact), "suppressed"] == "rounded"
    assert rounded.any()
    if rounded["q/All/survival/0/n_risk"]:
        risk = made.select(variable="survival", stat="n_risk")
        assert (risk["value"] % 10 == 0).all()
        estimates = made.select(variable="survival", stat="estimate")["value"]
        assert estimates.tolist() == [1.0, 0.94, 0.88]
        assert cells.loc["q/All/survival_at/30/estimate", "value"] == 6.0


@pytest.mark.parametrize("level", ["", "day 3", "nan"])
def test_a_curve_step_without_a_time_is_withheld(level: str) -> None:
    row = cell("q", "survival", "estimate", 0.5, kind="curve step", group="All", level=level)
    cells = release(Ledger.from_rows([row]), SHOW).cells
    assert cells["suppressed"].tolist() == ["curve"]
    assert np.isnan(cells["value"].item())


def test_a_reading_that_moved_by_a_few_since_the_last_release_is_left_out() -> None:
    before = release(Ledger.from_rows(steps([10, 40, 65], [10, 10, 0], 100)), SHOW)
    now = Ledger.from_rows(steps([10, 40, 65], [12, 10, 0], 120))
    assert before.select(stat="estimate")["level"].tolist() == ["0", "30", "60"]
    made = release(now, SHOW, previous=before)
    assert "30" not in set(made.cells["level"])  # 12 − 10 events


# --------------------------------------------------------------------------------- sentences


def test_ids_with_colons_and_brackets_are_found() -> None:
    rows = [cell("a", "x[T.b]:y", "estimate", 1.234, kind="estimate", group="crude")]
    notes = [Note("a", "method", "{a/crude/x[T.b]:y//estimate:.1f} {a/crude/x[T.b]:y//estimate}")]
    made = release(Ledger.from_rows(rows, notes), SHOW)
    assert made.notes[0].text == "1.2 1.234"


@pytest.mark.parametrize("text", ["{nowhere:.1f}", "{}", "one } brace", "one { brace"])
def test_a_template_that_names_nothing_is_a_defect(text: str) -> None:
    with pytest.raises(InternalError):
        render(Note("a", "finding", text), lambda *_: None)


@pytest.mark.parametrize("spec", ["s", "x", ".1f}", "!r", "{n}"])
def test_a_format_is_one_for_numbers(spec: str) -> None:
    with pytest.raises(InternalError, match="not a format"):
        format_number(1.0, spec)


def test_numbers_of_a_template_are_told_from_its_placeholders() -> None:
    assert literal_numbers("In 12 months {a//n//n:,.0f} of 1,500 (95 %).") == {12, 1500, 95}
    assert split_term("a:b") == ("a:b", "")


def test_a_cell_of_a_curve_that_was_not_released_reads_as_withheld() -> None:
    notes = [Note("q", "finding", "At day ten: {q/All/survival/10/estimate:.2f}.")]
    ledger = Ledger.from_rows(steps([10, 40, 65], [10, 10, 0], 100), notes)
    assert release(ledger, SHOW).notes[0].text == "At day ten: withheld."
