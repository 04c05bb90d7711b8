"""How well a sign tells who has a condition, where not everybody was examined for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vpstats.analyses.common import CENTER, Part, judge, n_parameters, need, quote, words
from vpstats.analyses.logistic_models import complete_rows, informative, rarer
from vpstats.ledger import Note, cell, cell_id, plural
from vpstats.models.diagnostic import diagnostic_accuracy
from vpstats.models.logistic import fit_logistic

if TYPE_CHECKING:
    from vpstats.frames import Frame
    from vpstats.study import Diagnosis, StudyPlan

MEASURES = {
    "sensitivity": "Sensitivity",
    "specificity": "Specificity",
    "ppv": "Positive predictive value",
    "npv": "Negative predictive value",
    "lr_positive": "Positive likelihood ratio",
    "lr_negative": "Negative likelihood ratio",
}
"""Statistic → its words; the shares are printed in percent."""

VERIFIED = "verified rows"
"""Beginning of the method's name for shares among the examined alone."""


def diagnosis(question: Diagnosis, frame: Frame, plan: StudyPlan) -> Part:
    """Accuracy of a sign among the examined, corrected for verification, and what adds to it."""
    need(frame, [question.sign, question.outcome, *question.others], question)
    tested = frame.data[question.sign].notna()
    frame = frame.keep(tested, f"{frame.labels.get(question.sign, question.sign)} recorded")
    part = Part(rows=_cross(question, frame))
    part.extend(_accuracy(question, frame, plan))
    if question.others:
        part.extend(_additions(question, frame, plan))
    return part


def _cross(question: Diagnosis, frame: Frame) -> list[dict[str, Any]]:
    """Sign by outcome, the not examined apart: a partition."""
    sign = frame.data[question.sign].isin(["yes", 1, True])
    outcome = frame.data[question.outcome]
    unit = plural(frame.unit)
    label = frame.labels.get(question.outcome, words(question.outcome))
    total = cell(question.id, "cross", "n", len(frame), kind="total", label=label, unit=unit,
                 n=len(frame))  # fmt: skip
    states = {"present": outcome.eq(1), "absent": outcome.eq(0), "not examined": outcome.isna()}
    return [total] + [
        cell(question.id, "cross", "n_events", int((mask & state).sum()), kind="count",
             level=f"sign {shown}, {name}", label=f"{label}: {name}, sign {shown}", unit=unit,
             n=len(frame), parent=str(total["cell_id"]))
        for shown, mask in (("present", sign), ("absent", ~sign))
        for name, state in states.items()
    ]  # fmt: skip


def _accuracy(question: Diagnosis, frame: Frame, plan: StudyPlan) -> Part:
    table = diagnostic_accuracy(
        frame, test=question.sign, reference=question.outcome, level=plan.level
    ).tidy()
    smallest = cell_id(question.id, "", "cross", "sign present, present", "n_events")
    rows = [
        cell(question.id, found["stat"], stat, found[column] * _scale(found["stat"]),
             kind="estimate", group=_group(found["method"]), label=MEASURES[found["stat"]],
             unit="%" if _scale(found["stat"]) > 1 else "ratio", n=len(frame), parent=smallest)
        for found in table.to_dict("records")
        if found["stat"] in MEASURES
        for stat, column in (("estimate", "estimate"), ("conf_low", "conf_low"),
                             ("conf_high", "conf_high"))
    ]  # fmt: skip
    groups = {row["group"] for row in rows}
    main = "corrected" if "corrected" in groups else "verified"
    notes = _sentences(question, frame, main, plan.level)
    return Part(rows=rows, notes=notes + _caveat(question.id, groups))


def _group(method: str) -> str:
    return "verified" if method.startswith(VERIFIED) else "corrected"


def _scale(stat: str) -> float:
    return 1.0 if stat.startswith("lr_") else 100.0


def _sentences(question: Diagnosis, frame: Frame, group: str, level: float) -> list[Note]:
    def at(stat: str, fmt: str) -> str:
        low, mid, high = (
            quote(cell_id(question.id, group, stat, "", s), fmt)
            for s in ("conf_low", "estimate", "conf_high")
        )
        percent = "" if stat.startswith("lr_") else " %"
        return f"{mid}{percent} ({100 * level:g} % interval {low} to {high})"

    sign = frame.labels.get(question.sign, words(question.sign))
    outcome = frame.labels.get(question.outcome, words(question.outcome)).lower()
    how = "corrected for who was examined" if group == "corrected" else "among the examined"
    text = (
        f"{sign} as a sign of {outcome}, {how}: sensitivity {at('sensitivity', '.1f')}, "
        f"specificity {at('specificity', '.1f')}, positive likelihood ratio "
        f"{at('lr_positive', '.1f')}."
    )
    return [Note(question.id, "finding", text)]


def _caveat(analysis: str, groups: set[str]) -> list[Note]:
    if "corrected" not in groups:
        return []
    text = (
        "The correction (Begg and Greenes) supposes that who was examined depended on the sign "
        "alone. Where the sign prompts the examination, accuracy among the examined flatters its "
        "sensitivity."
    )
    return [Note(analysis, "caveat", text)]


def _additions(question: Diagnosis, frame: Frame, plan: StudyPlan) -> Part:
    """Test whether other variables say more than the sign alone (penalised likelihood ratio)."""
    terms = [question.sign, *question.others, CENTER]
    kept = frame.keep(informative(frame, question.outcome, terms), "centers with both outcomes")
    complete = complete_rows(kept, [question.outcome, *terms])
    verdict = judge(rarer(complete, question.outcome), n_parameters(complete, terms), plan.floors)
    names = " and ".join(_lowered(frame.labels.get(o, words(o))) for o in question.others)
    if not verdict.allowed:
        text = f"Whether {names} add to the sign was not tested, because {verdict.reason}."
        return Part(notes=[Note(question.id, "refusal", text)])
    fit = fit_logistic(kept, f"{question.outcome} ~ {' + '.join(terms)}", penalty="firth",
                       level=plan.level)  # fmt: skip
    if not fit.ok:
        return Part(notes=[Note(question.id, "refusal", f"Not tested: {fit.status}.")])
    robust = bool(fit.cluster)  # a likelihood ratio supposes independent rows
    found = (
        fit.wald_test(question.others)
        if robust
        else fit.likelihood_ratio_test(kept.data, question.others)
    ).iloc[0]
    parent = cell_id(question.id, "", "cross", "sign present, present", "n_events")
    label = f"{names}: whether they say anything beyond the sign"
    rows = [
        cell(question.id, "addition", stat, found[stat], kind="estimate", group="tests",
             label=label[:1].upper() + label[1:], unit=str(found["method"]), n=fit.n,
             parent=parent)
        for stat in ("statistic", "df", "p_value")
    ]  # fmt: skip
    return Part(rows=rows)


def _lowered(label: str) -> str:
    """A label inside a sentence; its units keep their letters.

    Examples
    --------
    >>> _lowered("Cement in the session (mL)"), _lowered("BMI")
    ('cement in the session (mL)', 'BMI')
    """
    return label if label[:2].isupper() else label[:1].lower() + label[1:]
