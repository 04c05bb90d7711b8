"""A question of the plan and its frame become ledger rows and sentences.

Nothing here estimates: models do. This room decides what is asked of them: whether there are
events enough, which model is crude, adjusted or with mediators, and what is said when a model is
refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import pandas as pd

from vpstats.analyses.common import Part, flow_cells, need, need_terms, words
from vpstats.analyses.description import complications, description, quality, spine_map
from vpstats.analyses.diagnosis import diagnosis
from vpstats.analyses.profile import profile
from vpstats.analyses.proportions import detection, paired, proportion
from vpstats.analyses.risk_factor import risk_factor
from vpstats.analyses.sources import source
from vpstats.analyses.time_to_event import time_to_event
from vpstats.errors import FormulaError, PlanError, UsageError
from vpstats.study import Diagnosis, PairedProportions, Profile, Proportion

if TYPE_CHECKING:
    from vpstats.frames import Frame
    from vpstats.study import Question, StudyPlan

_KINDS: Mapping[str, Callable[[Any, Frame, StudyPlan], Part]] = MappingProxyType(
    {
        "description": description,
        "risk_factor": risk_factor,
        "profile": profile,
        "time_to_event": time_to_event,
        "proportion": proportion,
        "paired": paired,
        "detection": detection,
        "diagnosis": diagnosis,
        "source": source,
        "complications": complications,
        "spine_map": spine_map,
        "quality": quality,
    }
)

__all__ = ["Part", "analyse", "check_question", "flow_cells", "restrict"]


def analyse(question: Question, frame: Frame, plan: StudyPlan) -> Part:
    """Answer one question of the plan.

    Parameters
    ----------
    question : Question
        Its specification.
    frame : Frame
        The cohort it asks about, restricted by `restrict`.
    plan : StudyPlan
        For the floors and the level.

    Returns
    -------
    Part
        Rows and notes for the ledger. A model that cannot be estimated is a note, not an error.

    Raises
    ------
    PlanError
        If the question names a column that the cohort does not have, or a formula that is not
        allowed.
    """
    check_question(question, frame, plan)
    try:
        return _KINDS[question.kind](question, frame, plan)
    except (FormulaError, UsageError) as error:
        raise PlanError(f"question '{question.id}': {error}", file=plan.source) from None


def check_question(question: Question, frame: Frame, plan: StudyPlan) -> None:
    """Check that a question can be asked of its cohort, whether or not there are events enough.

    Raises
    ------
    PlanError
        If it names a column that the cohort does not have, or a formula that is not allowed.
    """
    named = [getattr(question, key, None) for key in ("outcome", "by")]
    named += getattr(question, "variables", ())
    try:
        need(frame, [column for column in named if column is not None], question)
        for single in question.parts() if isinstance(question, Profile) else (question,):
            if getattr(single, "exposure", None) is not None:
                need_terms(frame, single)
    except (FormulaError, UsageError) as error:
        raise PlanError(f"question '{question.id}': {error}", file=plan.source) from None


def restrict(question: Question, frame: Frame, plan: StudyPlan) -> Frame:
    """Keep the rows that a question's `where` asks for and whose exposure is recorded.

    Each column is a step of the flow.

    Raises
    ------
    PlanError
        If the cohort has no such column, or the column none of the values.
    """
    for column, values in question.where.items():
        if column not in frame.data.columns:
            raise PlanError(
                f"question '{question.id}': cohort '{question.cohort}' has no column '{column}'.",
                file=plan.source,
            )
        _need_values(question, frame.data[column], values, plan)
        label = f"{frame.labels.get(column, column)}: {', '.join(_in_words(v) for v in values)}"
        frame = frame.keep(frame.data[column].isin(values), label)
    frame = _numbered(frame, getattr(question, "outcome", None))
    if getattr(question, "missing", "complete") == "impute":
        return frame  # rows without the exposure are imputed, not left out
    column = _compared(question)
    if column in frame.data.columns:
        # counts, curves, crude and adjusted estimates then speak of the same rows
        label = f"{frame.labels.get(column, column)} recorded"
        frame = frame.keep(frame.data[column].notna(), label)
    return frame


def _compared(question: Question) -> str:
    """The column without which a row says nothing to a question; "" where there is no such one."""
    by, exposure = getattr(question, "by", None), getattr(question, "exposure", None)
    if isinstance(question, Profile):
        return question.exposures[0] if len(question.exposures) == 1 else ""
    if isinstance(question, PairedProportions):
        return question.outcomes[0]  # it stands in every pair
    if isinstance(question, Diagnosis):
        return question.sign
    if isinstance(question, Proportion):
        return question.outcome
    compared = question.kind in ("risk_factor", "description") or by == exposure
    return str(exposure or by or "") if compared else ""


def _need_values(question: Question, column: pd.Series, values: Any, plan: StudyPlan) -> None:
    """Refuse values that are no codes of the column: they would leave an empty cohort behind."""
    if not isinstance(column.dtype, pd.CategoricalDtype):
        return
    codes = [str(code) for code in column.cat.categories]
    if values and not {str(value) for value in values} & set(codes):
        raise PlanError(
            f"question '{question.id}': where: '{column.name}' has no value "
            f"{', '.join(repr(value) for value in values)}; it has {', '.join(codes)}.",
            file=plan.source,
        )


def _in_words(value: object) -> str:
    """Write a value of `where` in words; outcomes are 1 and 0 in the cohorts."""
    return {"1": "present", "0": "absent"}.get(str(value)) or words(str(value))


def _numbered(frame: Frame, outcome: str | None) -> Frame:
    """Make a yes/no column an outcome of 1 and 0; a missing value stays missing."""
    if outcome not in frame.data.columns:
        return frame
    values = frame.data[outcome]
    if not isinstance(values.dtype, pd.CategoricalDtype) or list(values.cat.categories) != _YES_NO:
        return frame
    numbers = values.astype(object).map({"no": 0.0, "yes": 1.0}).astype(float)
    return replace(frame, data=frame.data.assign(**{str(outcome): numbers}))


_YES_NO = ["no", "yes"]
