"""Does an exposure go with a yes/no outcome? Logistic models of one question."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vpstats.analyses.beyond import further, main_group
from vpstats.analyses.common import (
    CENTER,
    Part,
    caveat_notes,
    heading,
    model_cells,
    need,
    quote,
    term_label,
)
from vpstats.analyses.counts import exposure_cells, outcome_cells
from vpstats.analyses.logistic_models import model_terms, prepare
from vpstats.analyses.notes import count_note, refusal
from vpstats.formats import is_narrow, ratio_digits
from vpstats.ledger import Note, belongs, cell_id

if TYPE_CHECKING:
    import pandas as pd

    from vpstats.analyses.logistic_models import Ready
    from vpstats.frames import Frame
    from vpstats.results import FitResult
    from vpstats.study import RiskFactor, StudyPlan


def risk_factor(question: RiskFactor, frame: Frame, plan: StudyPlan) -> Part:
    """Count, fit crude, adjusted and with mediators, and say what was found or refused."""
    need(frame, [question.outcome], question)
    part = Part(rows=outcome_cells(frame, question.id, question.outcome, plan.level))
    part.rows += exposure_cells(frame, question.id, question.outcome, question.exposure, plan.level)
    part.notes.append(count_note(question, frame, question.outcome, plan.level))
    models = {g: prepare(question, frame, plan, t) for g, t in model_terms(question).items()}
    for group, ready in models.items():
        part.extend(_model(question, frame, plan, group, ready))
    part.extend(further(question, frame, plan, models[main_group(question)]))
    if not varies_within_centers(frame.data, question.exposure):
        text = "The exposure does not vary within any center: it cannot be told from the center."
        part.notes.append(Note(question.id, "caveat", text))
    return part


def _model(question: RiskFactor, frame: Frame, plan: StudyPlan, group: str, ready: Ready) -> Part:
    if not ready.verdict.allowed:
        return refusal(question, group, ready.verdict.reason, plan.floors)
    fit = ready.fitted
    events = cell_id(question.id, group, "model", "", "n_events")
    part = Part(rows=model_cells(fit, question.id, group, frame.labels, events))
    whole = cell_id(question.id, "", question.outcome, "", "n")
    part.notes += caveat_notes(fit, question, group, frame.labels, whole)
    if len(ready.frame) < len(frame):
        part.notes.append(Note(question.id, "caveat", f"{heading(group)}: {_ONE_OUTCOME}"))
    part.notes += finding(question, fit, group, frame)
    return part


_ONE_OUTCOME = (
    "Centers whose analysed rows all have the same outcome say nothing about differences within "
    "centers and were left out of this model."
)


def finding(question: Any, fit: FitResult, group: str, frame: Frame) -> list[Note]:
    """One sentence per coefficient of the exposure in the main model of the question."""
    if group != main_group(question) or not fit.ok:
        return []
    measure = fit.measure.replace("_", " ")
    rows = fit.tidy(exponentiate=True).set_index("term")
    found = []
    for term in fit.terms:
        if not belongs(term, question.exposure):
            continue
        mid, low, high = _quoted(question.id, group, rows.loc[term])
        text = (
            f"{term_label(term, frame.labels)}: {group} {measure} {mid} "
            f"({100 * fit.level:g} % interval {low} to {high})."
        )
        found.append(Note(question.id, "finding", text))
    return found


def _quoted(analysis: str, group: str, row: pd.Series) -> list[str]:
    """An estimate and its limits, with as many decimals as the tables give them."""
    narrow = is_narrow(row["conf_low"], row["conf_high"])
    return [
        quote(cell_id(analysis, group, str(row.name), "", stat),
              f".{3 if narrow else ratio_digits(row[stat])}f")
        for stat in ("estimate", "conf_low", "conf_high")
    ]  # fmt: skip


def varies_within_centers(data: pd.DataFrame, exposure: str) -> bool:
    """Whether any center has more than one value of the exposure."""
    if exposure not in data.columns or CENTER not in data.columns:
        return True
    return bool((data.groupby(CENTER, observed=True)[exposure].nunique() > 1).any())
