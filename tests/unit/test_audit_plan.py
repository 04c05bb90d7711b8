"""What a plan may say of the audit, and what it is told where it may not."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from vpstats.errors import PlanError
from vpstats.study import Audit, Indicator, StudyPlan, default_indicators, read_plan

PLAIN: dict[str, Any] = {
    "id": "leak",
    "title": "Any leak",
    "cohort": "leakage",
    "outcome": "leak_any",
}


def plan(**content: Any) -> StudyPlan:
    return StudyPlan.model_validate({"version": 1, "title": "A plan", **content})


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"outcome": ""}, "an outcome, or recorded fields"),
        ({"recorded": ["sex"]}, "an outcome, or recorded fields"),
        ({"measure": "incidence"}, "needs a horizon"),
        ({"horizon": 90}, "needs a horizon"),
        ({"measure": "incidence", "horizon": 90, "kind": "process"}, "is an outcome"),
        ({"alert": 0.99, "alarm": 0.95}, "not farther out"),
        ({"strata": {"all": {"sex": ["f"]}}}, "other than 'all'"),
        ({"strata": {"women": {}}}, "columns with values"),
        ({"period": {"from": "2025-01-01", "to": "2024-01-01"}}, "ends before it starts"),
        ({"outcomes": "leak_any"}, "Extra inputs"),
        ({"completeness": 85}, "less than or equal to 1"),
        ({"monitor": {"odds_ratio": 0.5}}, "greater than 1"),
        ({"id": "Leak!"}, "pattern"),
    ],
)
def test_an_indicator_that_makes_no_sense_is_refused(change: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=re.escape(words)):
        Indicator(**{**PLAIN, **change})


@pytest.mark.parametrize(
    "change", [{"alarm": 0.9}, {"false_alarms": 0}, {"minimum_volume": 0}, {"tail": "both"}]
)
def test_rules_that_make_no_sense_are_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Audit(**change)


def test_a_plan_may_hold_questions_indicators_or_both() -> None:
    assert plan(indicator=[PLAIN]).questions == ()
    assert plan(audit={}).indicators == ()
    question = {"kind": "quality", "id": "q", "title": "Quality"}
    assert len(plan(question=[question], indicator=[PLAIN]).audited) == 1
    with pytest.raises(ValidationError, match="an \\[\\[indicator\\]\\] or an \\[audit\\]"):
        plan()


def test_indicator_ids_are_unique() -> None:
    with pytest.raises(ValidationError, match="indicator ids appear twice: leak"):
        plan(indicator=[PLAIN, PLAIN])


def test_a_plan_without_indicators_is_audited_by_the_default_set() -> None:
    ids = [i.id for i in plan(audit={}).audited]
    assert ids == [i.id for i in default_indicators()]


def test_indicators_take_open_rules_from_the_audit() -> None:
    made = plan(
        audit={"tail": "exact", "minimum_expected": 8, "alarm": 0.999},
        indicator=[PLAIN | {"minimum_expected": 3.0}],
    ).audited[0]
    assert (made.tail, made.minimum_expected, made.alarm) == ("exact", 3.0, 0.999)


def test_outcomes_signal_and_processes_do_not_unless_told() -> None:
    process = Indicator(**PLAIN, kind="process")
    assert Indicator(**PLAIN).sets_exit_code
    assert not process.sets_exit_code
    assert Indicator(**PLAIN, kind="process", signals=True).sets_exit_code


def test_the_stricter_of_both_rates_holds() -> None:
    assert Audit(false_discovery=0.1, false_alarms=0.02).q_limit == 0.02


def test_the_fingerprint_of_a_plan_knows_its_audit() -> None:
    question = {"kind": "quality", "id": "q", "title": "Quality"}
    without = plan(question=[question]).fingerprint
    assert plan(question=[question], audit={}).fingerprint != without
    one, other = (plan(indicator=[PLAIN | {"adjust": a}]).fingerprint for a in ([], ["sex"]))
    assert one != other


def test_the_fingerprint_of_an_indicator_knows_the_rules_that_it_takes() -> None:
    own = Indicator(**PLAIN)
    assert own.under(Audit()).fingerprint == own.under(Audit(power="words")).fingerprint
    assert own.under(Audit()).fingerprint != own.under(Audit(minimum_expected=9)).fingerprint


def test_the_demonstration_plan_writes_the_default_set_out(root: Path) -> None:
    written = {i.id: i for i in read_plan(root / "data" / "demo").indicators}
    default = {i.id: i for i in default_indicators()}
    assert list(written) == list(default)
    # besides, it asks for a learning curve and says how well fluoroscopy shows a leak
    assert written["severe"].learning
    own = {"severe": {"learning"}, "leak_fluoro": {"ascertainment"}}
    for name, indicator in written.items():
        left = {"exclude": own.get(name, set())}
        assert indicator.model_dump(**left) == default[name].model_dump(**left)


def test_the_commented_audit_of_the_starter_plan_is_one(root: Path) -> None:
    text = (root / "vpstats" / "templates" / "study.toml").read_text("utf-8")
    start, end = text.index("# [audit]"), text.index("[[not_testable]]")
    bare = re.sub(r"^# ?", "", text[start:end], flags=re.MULTILINE)
    made = plan(**tomllib.loads(bare))
    assert made.indicators[0].measure == "incidence"
    assert made.audit.contact


def test_an_unknown_key_is_named_with_its_place(tmp_path: Path) -> None:
    text = 'version = 1\ntitle = "A plan"\n[audit]\nalarms = 0.9\n'
    (tmp_path / "study.toml").write_text(text, "utf-8")
    with pytest.raises(PlanError, match=r"audit\.alarms: unknown key"):
        read_plan(tmp_path)
