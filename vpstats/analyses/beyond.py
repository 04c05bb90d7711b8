"""What stands beside the main model of a yes/no outcome: standardised risks, tests, sensitivity.

Each is asked for by the plan and fitted to the rows of the adjusted model, or says why it was not.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pandas as pd

from vpstats.analyses.common import (
    Part,
    caveat_notes,
    judge,
    model_cells,
    n_parameters,
    quote,
    words,
)
from vpstats.analyses.logistic_models import (
    Ready,
    complete_rows,
    model_terms,
    rarer,
)
from vpstats.analyses.notes import refusal, varying, within_note, without_variation
from vpstats.analyses.sensitivity import imputed
from vpstats.frames import PATIENT
from vpstats.ledger import Note, belongs, cell, cell_id
from vpstats.models.conditional import fit_conditional_logistic
from vpstats.models.logistic import fit_logistic
from vpstats.models.standardised import standardised_risks

if TYPE_CHECKING:
    from vpstats.frames import Frame
    from vpstats.models.logistic_result import LogisticFit
    from vpstats.study import RiskFactor, StudyPlan

KNOTS = 4
"""Knots of a restricted cubic spline: enough for one bend up and one down."""

EQUIVALENCE_LEVEL = 0.90
"""Two one-sided tests at 5 % are an interval of 90 % (Schuirmann 1987)."""


def further(question: RiskFactor, frame: Frame, plan: StudyPlan, ready: Ready) -> Part:
    """Add what the plan asks for beside the main model of a question.

    Parameters
    ----------
    question : RiskFactor
    frame : Frame
        Its rows.
    plan : StudyPlan
    ready : Ready
        Its main model.

    Returns
    -------
    Part
        Empty where the main model was refused or not estimable, but for the comparison within
        patients and the imputed data, which have rows of their own.
    """
    terms = model_terms(question)[main_group(question)]
    part = Part()
    if ready.verdict.allowed:
        fit = ready.fitted
        if fit.ok:
            part.extend(_tests(question, ready, fit, terms))
            part.extend(_standardised(question, ready, fit, terms, plan))
    if question.within_patient:
        part.extend(_within(question, frame, plan, terms))
    if question.missing == "impute":
        part.extend(imputed(question, frame, plan, terms))
    return part


def main_group(question: Any) -> str:
    """Group of the ledger with the main model of a question."""
    return "adjusted" if question.adjust else "crude"


def _events(question: RiskFactor) -> str:
    return cell_id(question.id, main_group(question), "model", "", "n_events")


def _spline(question: RiskFactor) -> str:
    return f"rcs({question.exposure}, {KNOTS})"


def _tests(question: RiskFactor, ready: Ready, fit: LogisticFit, terms: list[str]) -> Part:
    """Tests of whole factors, of non-linearity and of a modifier, each named."""
    part = Part()
    own = [t for t in fit.terms if belongs(t, question.exposure)]
    if len(own) > 1:
        part.extend(_test(question, ready, "factor", fit, own))
    if question.shape == "spline":
        formula = _formula(question, [_spline(question), *terms[1:]], ready)
        curved = ready.fit(formula=formula, intervals="wald")
        bends = [t for t in curved.terms if t.startswith(_spline(question))][1:]
        part.extend(_test(question, ready, "nonlinearity", curved, bends))
    if question.modifier is not None:
        product = f"{question.exposure}:{question.modifier}"
        formula = _formula(question, [*terms, product], ready)
        crossed = ready.fit(formula=formula, intervals="wald")
        joint = [t for t in crossed.terms if ":" in t]
        part.extend(_test(question, ready, "interaction", crossed, joint))
    return part


def _formula(question: RiskFactor, terms: list[str], ready: Ready) -> str:
    """The main model's formula with other terms, its center indicators kept."""
    center = ready.formula.rpartition(" + center_id")[1]
    return f"{question.outcome} ~ {' + '.join(terms)}{center}"


_TESTS = {
    "factor": "{exposure}: all categories alike",
    "nonlinearity": "{exposure}: a straight line suffices",
    "interaction": "{exposure}: the same at every value of {modifier}",
}
"""Test → the hypothesis that a small p speaks against."""


def _test(
    question: RiskFactor, ready: Ready, name: str, fit: LogisticFit, terms: list[str]
) -> Part:
    labels = ready.frame.labels
    exposure = labels.get(question.exposure, words(question.exposure))
    modifier = str(question.modifier or "")
    label = _TESTS[name].format(exposure=exposure, modifier=labels.get(modifier, words(modifier)))
    if not fit.ok or not terms:
        reason = fit.reason or "no coefficient of it could be told from the others."
        return Part(notes=[Note(question.id, "refusal", f"Not tested ({label}): {reason}")])
    found = fit.wald_test(terms).iloc[0]
    return Part(
        rows=[
            cell(question.id, name, stat, found[stat], kind="estimate", group="tests",
                 label=label, unit=str(found["method"]), n=fit.n, parent=_events(question))
            for stat in ("statistic", "df", "p_value")
        ]
    )  # fmt: skip


def _standardised(
    question: RiskFactor, ready: Ready, fit: LogisticFit, terms: list[str], plan: StudyPlan
) -> Part:
    numeric = pd.api.types.is_numeric_dtype(ready.frame.data[question.exposure])
    if (numeric and not question.contrast) or question.center == "random":
        return Part()
    source = _predicting(question, ready, fit, terms, plan)
    if not source.ok:
        return Part()
    level = EQUIVALENCE_LEVEL if question.margin else plan.level
    table = standardised_risks(
        source,
        ready.frame,
        exposure=question.exposure,
        values=question.contrast or None,
        level=level,
    ).tidy()
    parents = _parents(question, ready.frame, table)
    rows = [
        row
        for found in table.to_dict("records")
        for row in _risk(question, ready, found, parents[found["measure"], found["level"]])
    ]
    return Part(rows=rows, notes=list(_risk_notes(question, ready, table, level)))


def _predicting(
    question: RiskFactor, ready: Ready, fit: LogisticFit, terms: list[str], plan: StudyPlan
) -> LogisticFit:
    """The fit that risks are read from: curved where asked, and not pulled towards one half."""
    formula = ready.formula
    if question.shape == "spline":
        formula = _formula(question, [_spline(question), *terms[1:]], ready)
    if getattr(fit, "penalty", None):
        return fit_logistic(ready.frame, formula, penalty="flic", level=plan.level)
    return fit if formula == ready.formula else ready.fit(formula=formula, intervals="wald")


_SCALES = {"risk": "risk", "risk_difference": "difference"}


def _parents(question: RiskFactor, frame: Frame, table: pd.DataFrame) -> dict[tuple[str, Any], str]:
    """The count that each risk, or difference of two, would give away: the smaller of its own."""
    if pd.api.types.is_numeric_dtype(frame.data[question.exposure]):
        return {(r.measure, r.level): _events(question) for r in table.itertuples()}
    events = frame.data[question.outcome].groupby(frame.data[question.exposure], observed=True)
    size = {str(k): v for k, v in events.sum().items()}

    def cell_of(*categories: str) -> str:
        rarest = min(categories, key=lambda c: size.get(c, 0.0))
        return cell_id(question.id, "", question.exposure, rarest, "n_events")

    return {
        (r.measure, r.level): cell_of(
            *([r.level] if r.measure == "risk" else [r.level, r.reference])
        )
        for r in table.itertuples()
    }


def _risk(
    question: RiskFactor, ready: Ready, found: dict[str, Any], parent: str
) -> Iterator[dict[str, Any]]:
    """One standardised risk, or difference of two, in percent."""
    name = _SCALES.get(found["measure"])
    if name is None:
        return
    level = _value(found["level"])
    label = ready.frame.labels.get(question.exposure, words(question.exposure))
    for stat, column in (("", "estimate"), ("_low", "conf_low"), ("_high", "conf_high")):
        yield cell(
            question.id,
            question.exposure,
            f"{name}{stat}",
            100 * found[column],
            kind="estimate",
            group="standardised",
            level=level,
            label=f"{label}: {words(level)}",
            unit="%",
            n=len(ready.frame),
            parent=parent,
        )


def _value(level: object) -> str:
    """A value of the exposure as the ledger names it."""
    return format(level, ".10g") if isinstance(level, int | float) else str(level)


def _risk_notes(
    question: RiskFactor, ready: Ready, table: pd.DataFrame, level: float
) -> Iterator[Note]:
    differences = table[table["measure"] == "risk_difference"]
    label = ready.frame.labels.get(question.exposure, words(question.exposure))
    for found in differences.to_dict("records"):
        here, there = _value(found["level"]), _value(found["reference"])

        def at(value: str, stat: str) -> str:
            cells = cell_id(question.id, "standardised", question.exposure, value, stat)
            return quote(cells, ".1f")

        text = (
            f"{label}: standardised risk {at(here, 'risk')} % ({words(here)}) against "
            f"{at(there, 'risk')} % ({words(there)}), a difference of {at(here, 'difference')} "
            f"percentage points ({100 * level:g} % interval {at(here, 'difference_low')} to "
            f"{at(here, 'difference_high')})."
        )
        yield Note(question.id, "finding", text)
    if question.margin is not None:
        text = (
            f"The plan takes differences within {100 * question.margin:g} percentage points as "
            "none: absence of an effect is shown only where the whole interval "
            f"({100 * level:g} %, two one-sided tests) lies within them."
        )
        yield Note(question.id, "caveat", text)


def _within(question: RiskFactor, frame: Frame, plan: StudyPlan, terms: list[str]) -> Part:
    """Conditional logistic regression: rows of one patient with one another."""
    data = complete_rows(frame, [question.outcome, *terms, PATIENT])
    kept = [t for t in terms if varying(data, t)]
    if question.exposure not in kept:
        return without_variation(question)
    mixed = data.groupby(PATIENT, observed=True)[question.outcome].transform("nunique") > 1
    telling = data[mixed]
    verdict = judge(rarer(telling, question.outcome), n_parameters(telling, kept), plan.floors)
    if not verdict.allowed or verdict.penalised:
        reason = verdict.reason or "a conditional model takes no penalty"
        return refusal(question, "within", reason, plan.floors)
    formula = f"{question.outcome} ~ {' + '.join(kept)}"
    fit = fit_conditional_logistic(frame, formula, strata=PATIENT, level=plan.level)
    events = cell_id(question.id, "within", "model", "", "n_events")
    part = Part(rows=model_cells(fit, question.id, "within", frame.labels, events))
    whole = cell_id(question.id, "", question.outcome, "", "n")
    part.notes.append(within_note(question, kept, frame))
    part.notes += caveat_notes(fit, question, "within", frame.labels, whole)
    return part
