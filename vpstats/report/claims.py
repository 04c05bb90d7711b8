"""The claims of the literature beside what the registry answers.

A claim is held against the interval of the estimate, never against a p-value alone; where the
interval holds both what the claim says and its contrary, the answer is that it is open.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import isfinite

from vpstats import tables
from vpstats.formats import decimal, p_value, rate, ratio, show, show_interval
from vpstats.report.parts import Edition, Listing, Section
from vpstats.report.words import NOTHING_BUT_CENTER, facts_of, say
from vpstats.rows import Record, estimate_rows, factor_of, number, records
from vpstats.study import (
    Claim,
    Detection,
    Diagnosis,
    PairedProportions,
    Profile,
    Question,
    RiskFactor,
    TimeToEvent,
)

HEADER = ("Asked", "Model", "Answer", "Held against the claim")

IN_LINE, AGAINST, OPEN = "in line with it", "against it", "open"
REFUSED, WITHHELD = "refused", "withheld"
_MAIN = ("Crude", "Adjusted")
"""How refusals begin of the models that can answer a question."""


@dataclass(frozen=True)
class Answer:
    """One answer of the registry to a claim."""

    text: str
    verdict: str = ""


def parts_of(question: Question) -> tuple[RiskFactor, ...]:
    """The questions that a profile is made of; none for other kinds."""
    return question.parts() if isinstance(question, Profile) else ()


def claims_section(edition: Edition) -> Section | None:
    """Collect every claim with its answers, or the reason why there is none.

    Parameters
    ----------
    edition : Edition
        Plan and release.

    Returns
    -------
    Section, optional
        None where the plan names no claim.
    """
    if not edition.plan.claims:
        return None
    rows: list[tuple[str, ...]] = []
    groups: list[tables.RowGroup] = []
    for claim in edition.plan.claims:
        own = list(_claim_rows(edition, claim))
        groups.append(tables.RowGroup(_heading(claim), len(rows), len(rows) + len(own)))
        rows += own
    table = tables.TableModel(
        "Claims and answers",
        HEADER,
        tuple(rows),
        align=("left", "left", "left", "left"),
        row_groups=tuple(groups),
        footnotes=(
            f"“{IN_LINE}”: the whole interval lies on the side that the claim names; “{AGAINST}”: "
            f"on the other side; “{OPEN}”: the interval holds both; “{REFUSED}”: the model was not "
            "fitted. An empty cell: the question describes, or names no direction.",
        ),
    )
    return Section(
        "claims",
        "Claims of the literature",
        lead=(
            "Each claim was written into the plan before its answer was seen, with the exposure, "
            "the adjustment set and the model; what the registry cannot test says why. The "
            "section of each question holds its counts, its models and its limits.",
        ),
        blocks=(Listing("claims", table),),
    )


def _heading(claim: Claim) -> str:
    source = f" ({claim.source})" if claim.source else ""
    return f"{claim.id}. {claim.says}{source}"


def _claim_rows(edition: Edition, claim: Claim) -> Iterator[tuple[str, ...]]:
    for question in edition.plan.questions:
        if claim.id not in question.claim:
            continue
        how = _how(edition, question)
        for i, answer in enumerate(answers(edition, question)):
            first = i == 0
            yield (question.title if first else "", how if first else "", answer.text,
                   answer.verdict)  # fmt: skip
    if claim.refused:
        yield "Not tested", "", claim.refused, "not testable"


def _how(edition: Edition, question: Question) -> str:
    facts = dict(facts_of(question, edition.labels))
    adjusted, center = facts.get("Adjusted for", ""), facts.get("Center", "")
    words = [
        facts.get("Model", ""),
        f"adjusted for {adjusted}" if adjusted and adjusted != NOTHING_BUT_CENTER else "",
        f"center: {center}" if center else "",
    ]
    return "; ".join(filter(None, words)) or _DESCRIPTIVE.get(question.kind, "")


_DESCRIPTIVE = {
    "proportion": "proportion with its interval",
    "paired": "paired proportions, clustered in patients",
    "detection": "paired proportions, clustered in patients; kappa",
    "diagnosis": "sensitivity and specificity, corrected for who was examined",
    "source": "counts, Fisher's exact test",
}


def answers(edition: Edition, question: Question) -> list[Answer]:
    """What the release says to one question: estimates with their verdict, or sentences.

    Parameters
    ----------
    edition : Edition
    question : Question
        One that names a claim.

    Returns
    -------
    list of Answer
        At least one.
    """
    if isinstance(question, Profile):
        return [a for part in question.parts() for a in _part(edition, question, part)]
    if isinstance(question, RiskFactor | TimeToEvent):
        found = list(_estimates(edition, question, question))
    elif isinstance(question, PairedProportions | Detection):
        found = list(_differences(edition, question))
    else:
        found = []
    return (found or _spoken(edition, question.id)) + list(_additions(edition, question))


def _additions(edition: Edition, question: Question) -> Iterator[Answer]:
    """Whether anything adds to a sign: what a claim of an only sign is held against."""
    if not isinstance(question, Diagnosis):
        return
    for row in records(edition.cells(question.id, group="tests")):
        if "p_value" in row or "p_value" in row["hidden"]:
            shown = show(row, "p_value", p_value, edition.mark)
            yield Answer(f"{row['label']}: p {shown} ({row['unit']}).")


def _part(edition: Edition, question: Profile, part: RiskFactor) -> list[Answer]:
    found = list(_estimates(edition, part, question))
    found = found or _spoken(edition, part.id)
    if len(question.outcomes) < 2:
        return found
    words = say(part.outcome, edition.labels)
    return [Answer(f"{words}: {a.text}", a.verdict) for a in found]


def _spoken(edition: Edition, name: str) -> list[Answer]:
    """The refusal, else the findings; what neither holds was withheld."""
    refused = edition.said(name, "refusal")
    # that of the model which answers, not of one that was to stand beside it
    refused = tuple(t for t in refused if t.startswith(_MAIN)) or refused
    findings = edition.said(name, "finding")
    if refused and not _has_ratio(findings):
        return [Answer(refused[-1], REFUSED)]
    return [Answer(text) for text in findings or (WITHHELD,)]


def _has_ratio(findings: tuple[str, ...]) -> bool:
    return any(" ratio " in text for text in findings)


def _estimates(
    edition: Edition, question: RiskFactor | TimeToEvent, asked: Question
) -> Iterator[Answer]:
    main = "adjusted" if question.adjust else "crude"
    risks = _risks(edition, question)
    terms = [
        row
        for row in estimate_rows(edition.released, question.id)
        if row["group"] == main and factor_of(row["variable"])[0] == question.exposure
    ]
    terms = [row for row in terms if not row.get("reference")]
    for row in terms:
        category = factor_of(row["variable"])[1]
        risk = risks.pop(category, None)
        named = len(terms) > 1 or not isinstance(asked, Profile) or len(asked.exposures) > 1
        words = f"{row['label']}: " if named else ""
        text = f"{words}{row['unit']} {show_interval(row, ratio, edition.mark)}"
        about = not asked.expects_of or category == asked.expects_of
        row = {**row, "confidence": edition.plan.level}
        yield Answer(text + _risk_text(edition, risk), _verdict(row, risk, question, asked, about))
    for level, risk in risks.items():  # values of a numeric exposure
        verdict = _verdict({}, risk, question, asked, about=True)
        exposure = say(question.exposure or "", edition.labels)
        against = f"{exposure}, {level} against {_first_value(edition, question)}"
        yield Answer(against + _risk_text(edition, risk).replace("; ", ": "), verdict)


def _first_value(edition: Edition, question: RiskFactor | TimeToEvent) -> str:
    """The reference of the standardised risks: the first value in the ledger."""
    return str(edition.cells(question.id, group="standardised")["level"].iloc[0])


_DIFFERENCE = ("difference", "difference_low", "difference_high")


def _risks(edition: Edition, question: RiskFactor | TimeToEvent) -> dict[str, Record]:
    """Differences of standardised risks by value of the exposure."""
    found = records(edition.cells(question.id, group="standardised"))
    return {r["level"]: r for r in found if any(s in r or s in r["hidden"] for s in _DIFFERENCE)}


def _risk_text(edition: Edition, risk: Record | None) -> str:
    if risk is None:
        return ""
    if risk["hidden"] & set(_DIFFERENCE):
        return f"; risk difference {WITHHELD}"
    shown = show_interval(risk, decimal, edition.mark, _DIFFERENCE)
    return f"; risk difference {shown} percentage points"


def _verdict(
    row: Record,
    risk: Record | None,
    question: RiskFactor | TimeToEvent,
    asked: Question,
    about: bool,
) -> str:
    """What a claim of no effect says of the risks, and any other of the ratio."""
    if not about:
        return ""
    if asked.expects == "none":
        margin = getattr(question, "margin", None)
        return _equivalent(risk, 100 * margin) if margin and risk else ""
    return _held(row, asked.expects, 1.0) if row else ""


def _differences(edition: Edition, question: Question) -> Iterator[Answer]:
    where = {"group": "paired"} if isinstance(question, PairedProportions) else {"group": ""}
    for row in records(edition.cells(question.id, **where)):
        if row["level"] or not any(s in row for s in _DIFFERENCE):
            continue
        shown = show_interval(row, decimal, edition.mark, _DIFFERENCE)
        text = f"{row['label']}: difference {shown} points"
        if "sensitivity" in row:
            seen = show_interval(
                row, rate, edition.mark, ("sensitivity", "sensitivity_low", "sensitivity_high")
            )
            text += f"; sensitivity of fluoroscopy {seen} %"
        limits = {"conf_low": row.get("difference_low"), "conf_high": row.get("difference_high")}
        yield Answer(text, _held({**row, **limits}, question.expects, 0.0))


def _held(row: Record, expects: str, null: float) -> str:
    """Whether an interval lies where the claim says."""
    low, high = number(row, "conf_low"), number(row, "conf_high")
    if not expects or expects == "none":
        return ""
    if not (isfinite(low) and isfinite(high)):
        return OPEN if not row["hidden"] else ""
    above, below = low > null, high < null
    if not (above or below) and null in (low, high) and _rounded(row):
        # a limit that the release rounded onto no effect: the p-value says on which side it lay
        above, below = low == null and _excludes(row), high == null and _excludes(row)
    if not (above or below):
        return OPEN
    return IN_LINE if above == (expects == "higher") else AGAINST


def _rounded(row: Record) -> bool:
    return bool({"conf_low", "conf_high"} & set(row.get("rounded") or ()))


def _excludes(row: Record) -> bool:
    """Whether the released p-value says that the interval leaves no effect out."""
    return number(row, "p_value") < 1 - float(row.get("confidence", 0.95))


def _equivalent(row: Record, margin: float) -> str:
    low, high = number(row, "difference_low"), number(row, "difference_high")
    if not (isfinite(low) and isfinite(high)):
        return ""
    if -margin < low and high < margin:
        return IN_LINE
    return AGAINST if low > margin or high < -margin else OPEN
