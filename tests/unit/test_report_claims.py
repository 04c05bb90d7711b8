"""Claims of the literature against the released intervals."""

from __future__ import annotations

from typing import Any

import pytest

from vpstats.disclosure import ReleasePolicy, release
from vpstats.ledger import Ledger, Note, cell
from vpstats.report.claims import AGAINST, IN_LINE, OPEN, REFUSED, _held, answers, claims_section
from vpstats.report.parts import Edition, Listing
from vpstats.study import StudyPlan

CLAIM = {"id": "C9", "says": "More cement leaks more often.", "source": "section 3"}


def plan(*questions: dict[str, Any], **claim: str) -> StudyPlan:
    return StudyPlan.model_validate(
        {"version": 1, "title": "tiny", "claim": [CLAIM | claim], "question": list(questions)}
    )


def risk_factor(**keys: Any) -> dict[str, Any]:
    return {"kind": "risk_factor", "id": "q", "title": "Cement and leakage", "cohort": "leakage",
            "outcome": "leak", "exposure": "cement_ml", "claim": ["C9"]} | keys  # fmt: skip


def ratio(low: float, high: float, term: str = "cement_ml", group: str = "crude") -> list[Any]:
    stats = {"estimate": (low * high) ** 0.5, "conf_low": low, "conf_high": high, "p_value": 0.1}
    return [
        cell("q", term, s, v, kind="estimate", group=group, label="Cement", unit="odds ratio")
        for s, v in stats.items()
    ]


def risk(low: float, high: float) -> list[Any]:
    stats = {"difference": (low + high) / 2, "difference_low": low, "difference_high": high}
    return [
        cell("q", "cement_ml", s, v, kind="estimate", group="standardised", level="5", unit="%")
        for s, v in stats.items()
    ]


def edition(asked: StudyPlan, rows: list[Any], *notes: Note) -> Edition:
    ledger = Ledger.from_rows(rows, notes)
    return Edition(asked, release(ledger, ReleasePolicy(audience="internal")))


def verdicts(asked: StudyPlan, rows: list[Any]) -> list[str]:
    return [a.verdict for a in answers(edition(asked, rows), asked.questions[0])]


@pytest.mark.parametrize(
    ("low", "high", "expects", "verdict"),
    [
        (1.1, 2.0, "higher", IN_LINE),
        (1.1, 2.0, "lower", AGAINST),
        (0.5, 0.9, "lower", IN_LINE),
        (0.5, 0.9, "higher", AGAINST),
        (0.9, 2.0, "higher", OPEN),
        (1.0, 2.0, "higher", OPEN),
        (1.1, 2.0, "", ""),
    ],
)
def test_a_verdict_needs_the_whole_interval(
    low: float, high: float, expects: str, verdict: str
) -> None:
    assert verdicts(plan(risk_factor(expects=expects)), ratio(low, high)) == [verdict]


@pytest.mark.parametrize(
    ("low", "high", "p", "verdict"),
    [
        (1.0, 2.6, 0.04, IN_LINE),  # 1.01 was rounded onto one
        (1.0, 2.6, 0.06, OPEN),
        (1.0, 2.6, float("nan"), OPEN),
        (0.4, 1.0, 0.04, AGAINST),
        (0.9, 2.6, 0.04, OPEN),
    ],
)
def test_a_limit_rounded_onto_no_effect_is_settled_by_the_p_value(
    low: float, high: float, p: float, verdict: str
) -> None:
    row = {"conf_low": low, "conf_high": high, "p_value": p, "hidden": set(), "confidence": 0.95}
    assert _held(row | {"rounded": {"conf_low", "conf_high"}}, "higher", 1.0) == verdict
    assert _held(row | {"rounded": set()}, "higher", 1.0) == OPEN  # an exact limit of one


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [(-2.0, 4.0, IN_LINE), (-2.0, 6.0, OPEN), (6.0, 9.0, AGAINST), (-9.0, -6.0, AGAINST)],
)
def test_no_effect_is_held_against_the_margin(low: float, high: float, verdict: str) -> None:
    asked = plan(risk_factor(expects="none", margin=0.05, contrast=[3.0, 5.0]))
    assert verdicts(asked, ratio(0.9, 1.1) + risk(low, high)) == ["", verdict]


def test_a_claim_about_one_category_leaves_the_others_without_verdict() -> None:
    asked = plan(risk_factor(exposure="region", expects="higher", expects_of="upper"))
    rows = ratio(1.2, 2.0, "region[T.upper]") + ratio(1.2, 2.0, "region[T.mid]")
    assert verdicts(asked, rows) == [IN_LINE, ""]


def test_the_adjusted_estimate_answers_where_there_is_one() -> None:
    asked = plan(risk_factor(adjust=["age"], expects="higher"))
    rows = ratio(1.2, 2.0) + ratio(0.4, 0.8, group="adjusted")
    (answer,) = answers(edition(asked, rows), asked.questions[0])
    assert answer.verdict == AGAINST
    assert "0.57 (0.40–0.80)" in answer.text


def test_a_refused_model_says_why() -> None:
    asked = plan(risk_factor(expects="higher"))
    note = Note("q", "refusal", "Crude: refused, because there are fewer than 10 events.")
    (answer,) = answers(edition(asked, [], note), asked.questions[0])
    assert answer.text == note.text
    assert answer.verdict == REFUSED


def test_the_refusal_is_that_of_the_model_which_answers() -> None:
    asked = plan(risk_factor(adjust=["age"], expects="higher"))
    texts = ("Adjusted: refused, too few.", "Within patients: refused, too few.")
    notes = [Note("q", "refusal", text) for text in texts]
    (answer,) = answers(edition(asked, [], *notes), asked.questions[0])
    assert answer.text == texts[0]


def test_withheld_estimates_have_no_verdict() -> None:
    asked = plan(risk_factor(expects="higher"))
    counts = [
        cell("q", "leak", "n", 100, kind="total", unit="levels"),
        cell("q", "leak", "n_events", 2, kind="count", unit="levels", parent="q//leak//n"),
    ]
    rows = [{**row, "parent": "q//leak//n_events"} for row in ratio(1.1, 2.0)]
    released = release(Ledger.from_rows(counts + rows), ReleasePolicy(audience="public"))
    (answer,) = answers(Edition(asked, released), asked.questions[0])
    assert answer.verdict == ""
    assert "1.1" not in answer.text


def test_every_claim_stands_in_the_table_with_its_parts_that_cannot_be_tested() -> None:
    asked = plan(risk_factor(expects="higher"), refused="Delay cannot be tested.")
    section = claims_section(edition(asked, ratio(1.1, 2.0)))
    assert section is not None
    (block,) = section.blocks
    assert isinstance(block, Listing)
    assert [g.label for g in block.table.row_groups] == [
        "C9. More cement leaks more often. (section 3)"
    ]
    assert [row[0] for row in block.table.rows] == ["Cement and leakage", "Not tested"]
    assert block.table.rows[0][3] == IN_LINE
    assert block.table.rows[1][2:] == ("Delay cannot be tested.", "not testable")


def test_a_sign_is_answered_together_with_what_adds_to_it() -> None:
    asked = plan(
        {"kind": "diagnosis", "id": "q", "title": "Sign", "cohort": "embolism", "claim": ["C9"],
         "sign": "leak", "outcome": "pce", "others": ["ml"]}
    )  # fmt: skip
    rows = [cell("q", "addition", "p_value", 0.009, kind="estimate", group="tests",
                 label="Volume: whether it says anything beyond the sign", unit="LR")]  # fmt: skip
    note = Note("q", "finding", "Leak as a sign: sensitivity 10 %.")
    found = [a.text for a in answers(edition(asked, rows, note), asked.questions[0])]
    assert found == [note.text, "Volume: whether it says anything beyond the sign: p 0.009 (LR)."]


def test_without_claims_there_is_no_section() -> None:
    asked = StudyPlan.model_validate(
        {"version": 1, "title": "tiny", "question": [risk_factor(claim=[])]}
    )
    assert claims_section(edition(asked, ratio(1.1, 2.0))) is None


def test_profiles_answer_for_each_model() -> None:
    asked = plan(
        {"kind": "profile", "id": "q", "title": "Kinds", "cohort": "leakage", "claim": ["C9"],
         "exposures": ["cement_ml"], "outcomes": ["venous", "disc"], "expects": "higher"}
    )  # fmt: skip
    rows = [
        {**row, "analysis": f"q_{i}", "cell_id": row["cell_id"].replace("q/", f"q_{i}/", 1)}
        for i, limits in ((1, (1.2, 2.0)), (2, (0.5, 2.0)))
        for row in ratio(*limits)
    ]
    found = answers(edition(asked, rows), asked.questions[0])
    assert [a.verdict for a in found] == [IN_LINE, OPEN]
    assert found[0].text == "venous: odds ratio 1.55 (1.20–2.00)"


def test_pairs_are_held_against_zero() -> None:
    asked = plan(
        {"kind": "paired", "id": "q", "title": "Kinds", "cohort": "leakage", "claim": ["C9"],
         "outcomes": ["venous", "disc"], "expects": "higher"}
    )  # fmt: skip
    stats = {"difference": 12.0, "difference_low": 8.0, "difference_high": 16.0}
    rows = [
        cell("q", "venous and disc", s, v, kind="estimate", group="paired", label="Venous")
        for s, v in stats.items()
    ]
    assert verdicts(asked, rows) == [IN_LINE]
