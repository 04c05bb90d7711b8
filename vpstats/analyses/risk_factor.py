"""Does an exposure go with a yes/no outcome? Logistic models of one question."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from vpstats.analyses.common import (
    CENTER,
    MODEL_WORDS,
    Part,
    caveat_notes,
    judge,
    model_cells,
    n_parameters,
    need,
    plural,
    quote,
    term_label,
    words,
)
from vpstats.analyses.counts import exposure_cells, outcome_cells
from vpstats.errors import UsageError
from vpstats.ledger import Note, cell_id
from vpstats.models.logistic import fit_logistic

if TYPE_CHECKING:
    from vpstats.frames import Frame
    from vpstats.results import FitResult
    from vpstats.study import Floors, RiskFactor, StudyPlan


def risk_factor(question: RiskFactor, frame: Frame, plan: StudyPlan) -> Part:
    """Count, fit crude, adjusted and with mediators, and say what was found or refused."""
    need(frame, [question.outcome], question)
    part = Part(rows=outcome_cells(frame, question.id, question.outcome, plan.level))
    part.rows += exposure_cells(frame, question.id, question.outcome, question.exposure, plan.level)
    part.notes.append(_count_note(question, frame, plan.level))
    for group, terms in model_terms(question).items():
        part.extend(_model(question, frame, plan, group, terms))
    if not varies_within_centers(frame.data, question.exposure):
        text = "The exposure does not vary within any center: it cannot be told from the center."
        part.notes.append(Note(question.id, "caveat", text))
    return part


def model_terms(question: Any) -> dict[str, list[str]]:
    """Terms of each model of a question, exposure first, the center left out."""
    if question.exposure is None:
        return {}
    models = {"crude": [question.exposure]}
    if question.adjust:
        models["adjusted"] = [question.exposure, *question.adjust]
    if question.mediators:
        models["mediators"] = [question.exposure, *question.adjust, *question.mediators]
    return models


def _model(
    question: RiskFactor, frame: Frame, plan: StudyPlan, group: str, terms: list[str]
) -> Part:
    if question.center == "fixed":
        terms = [*terms, CENTER]
        kept = frame.keep(informative(frame, question.outcome, terms), "centers with both outcomes")
    else:
        kept = frame
    complete = complete_rows(kept, [question.outcome, *terms])
    verdict = judge(_rarer(complete, question.outcome), n_parameters(complete, terms), plan.floors)
    if not verdict.allowed:
        return refusal(question, group, verdict.reason, plan.floors)
    penalty: Literal["firth"] | None = "firth" if verdict.penalised else question.penalty
    fit = fit_logistic(
        kept,
        f"{question.outcome} ~ {' + '.join(terms)}",
        penalty=penalty,
        intervals="profile" if penalty and frame.cluster is None else "wald",
        level=plan.level,
    )
    events = cell_id(question.id, group, "model", "", "n_events")
    part = Part(rows=model_cells(fit, question.id, group, frame.labels, events))
    whole = cell_id(question.id, "", question.outcome, "", "n")
    part.notes += caveat_notes(fit, question, group, frame.labels, whole)
    if len(kept) < len(frame):
        part.notes.append(Note(question.id, "caveat", f"{MODEL_WORDS[group]}: {_ONE_OUTCOME}"))
    part.notes += finding(question, fit, group, frame)
    return part


_ONE_OUTCOME = (
    "Centers whose analysed rows all have the same outcome say nothing about differences within "
    "centers and were left out of this model."
)


def informative(frame: Frame, outcome: str, terms: list[str]) -> np.ndarray:
    """Rows of all centers but those whose complete rows have one and the same outcome.

    With an indicator for each center the likelihood of any other center does not depend on the
    remaining coefficients; left in, its own coefficient would be infinite.
    """
    complete = complete_rows(frame, [outcome, *terms])
    single = complete.groupby(CENTER, observed=True)[outcome].nunique() < 2
    # a center without any complete row is not dropped here: its rows count as missing values
    return ~np.asarray(frame.data[CENTER].isin(single.index[single]), dtype=bool)


def complete_rows(frame: Frame, terms: list[str]) -> pd.DataFrame:
    """Rows that a model of these terms would use, unused categories dropped."""
    columns = [c for c in dict.fromkeys(terms) if c in frame.data.columns]
    data = frame.data[columns].dropna()
    used = {
        c: data[c].cat.remove_unused_categories()
        for c in columns
        if isinstance(data[c].dtype, pd.CategoricalDtype)
    }
    return data.assign(**used)


def _rarer(data: pd.DataFrame, outcome: str) -> int:
    values = data[outcome]
    if not pd.api.types.is_numeric_dtype(values):
        raise UsageError(f"outcome '{outcome}' is not 1 or 0.")
    events = int((values == 1).sum())
    return min(events, len(values) - events)


def refusal(question: Any, group: str, reason: str, floors: Floors) -> Part:
    """A model that was refused: the reason, the floors and what is given instead."""
    text = (
        f"{MODEL_WORDS[group]}: refused, because {reason}. The plan asks for at least "
        f"{floors.events} events and {floors.events_per_parameter:g} per coefficient; counts and "
        "rates with their intervals stand above instead."
    )
    return Part(notes=[Note(question.id, "refusal", text)])


def _count_note(question: RiskFactor, frame: Frame, level: float) -> Note:
    def at(stat: str, fmt: str) -> str:
        return quote(cell_id(question.id, "", question.outcome, "", stat), fmt)

    outcome = frame.labels.get(question.outcome, words(question.outcome))
    people = "" if frame.unit == "patient" else f" of {at('n_patients', ',.0f')} patients"
    text = (
        f"{outcome}: {at('n_events', ',.0f')} of {at('n', ',.0f')} {plural(frame.unit)}{people}, "
        f"{at('percent', '.1f')} % ({100 * level:g} % interval {at('conf_low', '.1f')} to "
        f"{at('conf_high', '.1f')})."
    )
    return Note(question.id, "finding", text)


def finding(question: Any, fit: FitResult, group: str, frame: Frame) -> list[Note]:
    """One sentence per coefficient of the exposure in the main model of the question."""
    main = "adjusted" if question.adjust else "crude"
    if group != main or not fit.ok:
        return []
    measure = fit.measure.replace("_", " ")
    return [
        Note(
            question.id,
            "finding",
            _ratio_sentence(question.id, group, term, measure, frame, fit.level),
        )
        for term in fit.terms
        if belongs(term, question.exposure)
    ]


def _ratio_sentence(
    analysis: str, group: str, term: str, measure: str, frame: Frame, level: float
) -> str:
    def at(stat: str, fmt: str) -> str:
        return quote(cell_id(analysis, group, term, "", stat), fmt)

    label = term_label(term, frame.labels)
    percent = f"{100 * level:g}"
    return (
        f"{label}: {group} {measure} {at('estimate', '.2f')} ({percent} % interval "
        f"{at('conf_low', '.2f')} to {at('conf_high', '.2f')})."
    )


def belongs(term: str, exposure: str) -> bool:
    """Whether a coefficient is one of the exposure's.

    Examples
    --------
    >>> belongs("region[T.lumbar]", "region"), belongs("regional", "region")
    (True, False)
    """
    return term == exposure or term.startswith(f"{exposure}[")


def varies_within_centers(data: pd.DataFrame, exposure: str) -> bool:
    """Whether any center has more than one value of the exposure."""
    if exposure not in data.columns or CENTER not in data.columns:
        return True
    return bool((data.groupby(CENTER, observed=True)[exposure].nunique() > 1).any())
