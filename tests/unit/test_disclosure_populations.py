"""Counts of one question that lie within those of another: the difference is a number too."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from vpstats.disclosure import ReleasePolicy, release
from vpstats.disclosure.cells import Cells
from vpstats.disclosure.policy import in_band
from vpstats.disclosure.populations import populations, question_of, relate_populations
from vpstats.disclosure.relations import count_system, relate_counts
from vpstats.disclosure.secondary import protect
from vpstats.disclosure.system import attack
from vpstats.ledger import Ledger, cell

Row = dict[str, Any]
POLICY = ReleasePolicy(threshold=5)
READ = "levels in the registry"


def flow(question: str, steps: dict[str, int]) -> list[Row]:
    """A flow; each step is related to the one before by its parent."""
    rows: list[Row] = []
    for i, (label, kept) in enumerate(steps.items()):
        parent = f"flow_{question}//step/{i - 1}/n_rows" if i else ""
        rows.append(cell(f"flow_{question}", "step", "n_rows", kept, kind="total", level=str(i),
                         label=label, unit="levels", parent=parent))  # fmt: skip
    return rows


def counted(question: str, n: int, events: int, label: str = "Any leak") -> list[Row]:
    rows = [cell(question, "leak", "n", n, kind="total", label=label, unit="levels", n=n)]
    rows.append(cell(question, "leak", "n_events", events, kind="count", label=label,
                     unit="levels", n=n, parent=f"{question}//leak//n"))  # fmt: skip
    return rows


def fitted(question: str, group: str, n: int, events: int, *terms: str) -> list[Row]:
    rows = [cell(question, "model", "n", n, kind="total", group=group, unit="levels", n=n)]
    total = f"{question}/{group}/model//n"
    rows.append(cell(question, "model", "n_events", events, kind="count", group=group,
                     unit="levels", n=n, parent=total))  # fmt: skip
    for term in terms:
        for stat in ("estimate", "std_error", "p_value"):
            rows.append(cell(question, term, stat, 0.5, kind="estimate", group=group, n=n,
                             label=term.capitalize(), parent=total))  # fmt: skip
    return rows


def possible_differences(ledger: Ledger, larger: str, smaller: str) -> set[int]:
    """Differences of 0 or more that agree with how two counts are shown, tried one by one."""
    shown = release(ledger, POLICY).cells.set_index("cell_id")[["value", "suppressed"]]
    true = ledger.cells.set_index("cell_id")["value"]

    def values(name: str) -> range:
        value, reason = shown.loc[name]
        if np.isnan(value):
            return range(max(int(true[name]) - 20, POLICY.threshold), int(true[name]) + 20)
        if reason != "rounded":
            return range(int(value), int(value) + 1)
        base = next(b for b in POLICY.bands if in_band(true[name], b) == value)
        return range(int(value) - base // 2, int(value) + base - base // 2)

    return {a - b for a in values(larger) for b in values(smaller) if a > b}


# two questions of one cohort, without an exposure that is part of a table of its own
WIDE = [*flow("wide", {READ: 5000}), *counted("wide", 4403, 1203)]
NARROW = [*flow("narrow", {READ: 5000, "Age recorded": 4601}), *counted("narrow", 4400, 1100)]


def test_the_difference_of_two_nested_questions_cannot_be_worked_out() -> None:
    ledger = Ledger.from_rows([*WIDE, *NARROW])
    found = possible_differences(ledger, "wide//leak//n", "narrow//leak//n")
    assert 3 in found
    assert len(found & set(range(1, 40))) >= POLICY.width


def test_questions_of_different_rows_are_left_alone() -> None:
    other = [*flow("narrow", {"levels read elsewhere": 5000}), *counted("narrow", 4400, 1100)]
    ledger = Ledger.from_rows([*WIDE, *other])
    assert possible_differences(ledger, "wide//leak//n", "narrow//leak//n") == {3}


def test_a_question_that_asks_for_something_else_does_not_hold_the_other() -> None:
    wide = [*flow("wide", {READ: 5000, "Sex: female": 4500}), *counted("wide", 4403, 1203)]
    ledger = Ledger.from_rows([*wide, *NARROW])
    assert possible_differences(ledger, "wide//leak//n", "narrow//leak//n") == {3}


def test_the_parts_of_a_profile_lie_within_its_flow() -> None:
    rows = [*flow("kinds", {READ: 2209}), *counted("kinds_1", 2206, 346),
            *counted("kinds_2", 2100, 200, "Disc leak")]  # fmt: skip
    ledger = Ledger.from_rows(rows)
    found = possible_differences(ledger, "flow_kinds//step/0/n_rows", "kinds_1//leak//n")
    assert 3 in found
    assert len(found & set(range(1, 40))) >= POLICY.width


@pytest.mark.parametrize(
    ("analysis", "question"), [("kinds_12", "kinds"), ("kinds", "kinds"), ("kinds_a", "")]
)
def test_an_analysis_has_the_flow_of_its_question(analysis: str, question: str) -> None:
    assert question_of(analysis, {"kinds": frozenset()}) == question


def test_a_named_category_is_the_same_in_a_flow_and_in_a_table() -> None:
    steps = {READ: 2209, "Tumour: yes": 431, "Mass recorded": 428}
    table = [cell("all", "tumour", "n", 431, kind="total", level="yes", label="Tumour: yes",
                  unit="levels", n=431)]  # fmt: skip
    rows = [*flow("all", {READ: 2209}), *table, *flow("mass", steps), *counted("mass", 428, 100)]
    found = possible_differences(Ledger.from_rows(rows), "all//tumour/yes/n", "mass//leak//n")
    assert 3 in found
    assert len(found & set(range(1, 40))) >= POLICY.width


def test_models_of_different_questions_are_nested_by_their_covariates() -> None:
    rows = [
        *flow("a", {READ: 3000}), *counted("a", 2900, 900),
        *fitted("a", "adjusted", 2703, 802, "volume"),
        *flow("b", {READ: 3000}), *counted("b", 2900, 900),
        *fitted("b", "adjusted", 2700, 700, "volume", "age"),
    ]  # fmt: skip
    found = possible_differences(Ledger.from_rows(rows), "a/adjusted/model//n",
                                 "b/adjusted/model//n")  # fmt: skip
    assert 3 in found
    assert len(found & set(range(1, 40))) >= POLICY.width


def test_models_of_other_outcomes_are_not_nested() -> None:
    rows = [
        *flow("a", {READ: 3000}), *counted("a", 2900, 900), *fitted("a", "crude", 2703, 802, "age"),
        *flow("b", {READ: 3000}), *counted("b", 2800, 850, "Disc leak"),
        *fitted("b", "crude", 2700, 700, "age"),
    ]  # fmt: skip
    cells = Cells.of(Ledger.from_rows(rows))
    asked = {cells.ids[p.position]: p.asked for p in populations(cells)}
    assert not asked["a/crude/model//n"] <= asked["b/crude/model//n"]
    assert asked["a//leak//n"] <= asked["a/crude/model//n"]


def test_imputed_rows_are_not_asked_for_covariates() -> None:
    rows = [
        *flow("a", {READ: 3000}), *counted("a", 2900, 900),
        *fitted("a", "imputed", 2900, 900, "age"), *fitted("a", "within", 300, 90, "age"),
    ]  # fmt: skip
    cells = Cells.of(Ledger.from_rows(rows))
    asked = {cells.ids[p.position]: p.asked for p in populations(cells)}
    assert "Age recorded" not in asked["a/imputed/model//n"]
    assert {"Age recorded", "a, within"} <= asked["a/within/model//n"]


def test_a_flow_without_words_says_nothing_of_others() -> None:
    rows = [*flow("a", {"": 3000}), *counted("a", 2900, 900)]
    assert populations(Cells.of(Ledger.from_rows(rows))) == []


@pytest.mark.parametrize("zeros", ["show", "suppress"])
@pytest.mark.parametrize("lost", [0, 1, 4, 5, 60])
def test_nested_counts_withstand_the_exact_attack(zeros: Any, lost: int) -> None:
    policy = ReleasePolicy(threshold=5, zeros=zeros)
    narrow = [*flow("narrow", {READ: 5000, "Age recorded": 4601}),
              *counted("narrow", 4403 - lost, 1100)]  # fmt: skip
    builder = count_system(Cells.of(Ledger.from_rows([*WIDE, *narrow])), policy)
    relate_counts(builder)
    relate_populations(builder)
    protect(builder.system)
    small = sorted(builder.system.sensitive)
    assert bool(small) is (1 <= lost <= 4)
    for low, high in attack(builder.system, small).values():
        assert high - low + 1 >= policy.width


# ------------------------------------------------------------------- risks and differences


def risks(shown: dict[str, int]) -> Ledger:
    """Events of three categories among 50 each, their standardised risks and two differences."""
    rows = [*counted("a", 150, sum(shown.values()))]
    for stat in ("percent", "conf_low", "conf_high", "old", "new"):  # what hiding it would cost
        rows.append(cell("a", "leak", stat, 100 * sum(shown.values()) / 150, kind="estimate",
                         unit="%", n=150, parent="a//leak//n_events"))  # fmt: skip
    for level, events in shown.items():
        rows.append(cell("a", "x", "n", 50, kind="total", level=level, label=f"X: {level}",
                         unit="levels", n=50, parent="a//leak//n"))  # fmt: skip
        rows.append(cell("a", "x", "n_events", events, kind="count", level=level, unit="levels",
                         label=f"X: {level}", n=50, parent=f"a//x/{level}/n"))  # fmt: skip
        rarer = min(level, "low", key=lambda k: shown[k])
        for stat, value, of in (("risk", 2.0 * events, level),
                                ("difference", 2.0 * (events - shown["low"]), rarer)):  # fmt: skip
            if stat == "difference" and level == "low":
                continue
            for end in ("", "_low", "_high"):
                rows.append(cell("a", "x", f"{stat}{end}", value, kind="estimate", level=level,
                                 group="standardised", unit="%", n=150,
                                 parent=f"a//x/{of}/n_events"))  # fmt: skip
    return Ledger.from_rows(rows)


def test_no_risk_is_the_difference_of_what_is_shown() -> None:
    # the reference is hidden for the sake of the small count, and is not the rarer of the last two
    cells = release(risks({"low": 12, "mid": 3, "high": 10}), POLICY).cells.set_index("cell_id")
    value = cells["value"]
    assert cells.loc["a//x/low/n_events", "suppressed"] == "secondary"
    assert np.isnan(value["a/standardised/x/low/risk"])
    assert value["a/standardised/x/high/risk"] == 20.0
    for level in ("mid", "high"):
        for stat in ("difference", "difference_low", "difference_high"):
            assert np.isnan(value[f"a/standardised/x/{level}/{stat}"])


def rounded_risks() -> Ledger:
    """168 events of one category, 165 of them of one kind, against 502 of another category."""
    rows = counted("a", 1800, 670)
    for level, events, n in (("low", 168, 300), ("high", 502, 1500)):
        name = f"a//x/{level}/n_events"
        rows.append(cell("a", "x", "n", n, kind="total", level=level, label=f"X: {level}",
                         unit="levels", n=n, parent="a//leak//n"))  # fmt: skip
        rows.append(cell("a", "x", "n_events", events, kind="count", level=level, n=n,
                         unit="levels", label=f"X: {level}", parent=f"a//x/{level}/n"))  # fmt: skip
        rows.append(cell("a", "x", "risk", 100 * events / n, kind="estimate", level=level,
                         group="standardised", unit="%", n=1800, parent=name))  # fmt: skip
    difference = 100 * (502 / 1500 - 168 / 300)
    rows.append(cell("a", "x", "difference", difference, kind="estimate", level="high",
                     group="standardised", unit="%", n=1800, parent=name))  # fmt: skip
    rows.append(cell("a", "kind", "n", 165, kind="count", level="one", unit="levels", n=168,
                     parent="a//x/low/n_events"))  # fmt: skip
    return Ledger.from_rows(rows)


def test_a_difference_is_no_finer_than_the_risks_that_it_is_of() -> None:
    # 168 is rounded so that 165 does not tell of the other three
    cells = release(rounded_risks(), POLICY).cells.set_index("cell_id")
    assert cells.loc["a//x/low/n_events", "suppressed"] == "rounded"
    assert cells.loc["a/standardised/x/high/risk", "suppressed"] == ""
    # three of 300 are a whole percentage point: no step hides them
    for name in ("low/risk", "high/difference"):
        assert np.isnan(cells.loc[f"a/standardised/x/{name}", "value"])


def test_risks_of_plain_counts_keep_their_difference() -> None:
    cells = release(risks({"low": 20, "mid": 15, "high": 30}), POLICY).cells
    assert cells["suppressed"].eq("").all()


# three categories of which one is small, so that a large one is hidden with it
ROUNDED = ReleasePolicy(threshold=5, rounding=3)  # rounded to thirds, none is shown in bands
GRADES = {"low": 300.0, "middle": 428.0, "high": 3.0}


def released_ratio(group: str) -> tuple[float, str]:
    n = int(sum(GRADES.values()))
    rows = counted("q", n, 120)
    rows += [cell("q", "grade", "n", k, kind="count", level=name, label="Grade", n=n,
                  unit="levels", parent="q//leak//n") for name, k in GRADES.items()]  # fmt: skip
    rows += fitted("q", group, n, 120, "grade[T.middle]", "grade[T.high]")
    for row in rows:
        if row["variable"] == "grade[T.middle]" and row["stat"] == "estimate":
            row["value"] = 2.3617
    cells = release(Ledger.from_rows(rows), ROUNDED).cells.set_index("cell_id")
    large = [cells.loc[f"q//grade/{name}/n", "value"] for name in ("low", "middle")]
    assert np.isnan(large).any()
    at = f"q/{group}/grade[T.middle]//estimate"
    return cells.loc[at, "value"], cells.loc[at, "suppressed"]


def test_an_adjusted_ratio_on_a_large_hidden_count_is_shown_in_two_digits() -> None:
    assert released_ratio("adjusted") == (2.4, "rounded")


def test_a_crude_ratio_on_a_large_hidden_count_could_be_solved_for_it() -> None:
    value, reason = released_ratio("crude")
    assert np.isnan(value)
    assert reason == "derived"
