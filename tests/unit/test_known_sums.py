"""Sums that the names of a ledger do not show, and what the gate does with them."""

from __future__ import annotations

from typing import Any

import pytest

from vpstats.disclosure import ReleasePolicy, release
from vpstats.ledger import Ledger, cell, cell_id
from vpstats.pipeline import severities_of_any
from vpstats.study import Complications, StudyPlan

WORST = {"none": 400, "mild": 30, "moderate": 14, "severe": 26}
LABEL = "Any complication"


def ledger_of(in_question: int) -> Ledger:
    """Seventy procedures with a complication by severity, and those of another question."""
    size = sum(WORST.values())
    of_all = {"kind": "count", "unit": "procedures", "n": size}
    whole = cell_id("c", "", "worst_severity", "", "n")
    rows: list[dict[str, Any]] = [
        cell("c", "worst_severity", "n", size, kind="total", label="Procedures", unit="procedures")
    ]
    rows += [
        cell("c", "worst_severity", "n_events", n, level=s, label=f"worst severity: {s}",
             parent=whole, **of_all)
        for s, n in WORST.items()
    ]  # fmt: skip
    any_ = size - WORST["none"]
    rows.append(
        cell("c", "any_complication", "n_events", any_, label=LABEL, parent=whole, **of_all)
    )
    for flow, kept in (("flow_c", [size]), ("flow_q", [size, size - 40])):
        labels = ["procedures in the registry", "Sex recorded"]
        rows += [
            cell(flow, "step", "n_rows", n, kind="total", level=str(k), label=labels[k],
                 unit="procedures")
            for k, n in enumerate(kept)
        ]  # fmt: skip
    rows.append(cell("q", "any_complication", "n", size - 40, kind="total", label=LABEL,
                     unit="procedures"))  # fmt: skip
    rows.append(cell("q", "any_complication", "n_events", in_question, kind="count", label=LABEL,
                     unit="procedures", parent=str(rows[-1]["cell_id"])))  # fmt: skip
    return Ledger.from_rows(rows)


@pytest.fixture
def plan() -> StudyPlan:
    question = Complications(kind="complications", id="c", title="Complications", cohort="x")
    return StudyPlan.model_construct(questions=(question,))


def read(ledger: Ledger, plan: StudyPlan) -> dict[str, Any]:
    released = release(ledger, ReleasePolicy(), relations=severities_of_any(plan, ledger))
    return released.cells.set_index("cell_id")["value"].to_dict()


def test_any_complication_is_the_sum_of_the_severities(plan: StudyPlan) -> None:
    (found,) = severities_of_any(plan, ledger_of(60))
    assert found.total == cell_id("c", "", "any_complication", "", "n_events")
    assert len(found.parts) == 3


@pytest.mark.parametrize(("left_out", "told"), [(2, False), (25, True)])
def test_a_few_complications_left_out_of_a_question_cannot_be_had_by_subtraction(
    plan: StudyPlan, left_out: int, told: bool
) -> None:
    values = read(ledger_of(70 - left_out), plan)
    severities = [values[cell_id("c", "", "worst_severity", s, "n_events")] for s in
                  ("mild", "moderate", "severe")]  # fmt: skip
    asked = values[cell_id("q", "", "any_complication", "", "n_events")]
    exact = sum(severities) == 70 and asked == 70 - left_out
    assert exact is told
