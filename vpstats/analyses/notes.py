"""Sentences that several analyses say: refusals and what cannot be compared."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vpstats.analyses.common import Part, heading, quote, words
from vpstats.frames import PATIENT
from vpstats.ledger import Note, cell_id, plural
from vpstats.models.formula import parse_formula

if TYPE_CHECKING:
    import pandas as pd

    from vpstats.frames import Frame
    from vpstats.study import Floors, Question


def refusal(question: Any, group: str, reason: str, floors: Floors) -> Part:
    """A model that was refused: the reason, the floors and what is given instead."""
    text = (
        f"{heading(group)}: refused, because {reason}. The plan asks for at least "
        f"{floors.events} events and {floors.events_per_parameter:g} per coefficient; counts and "
        "rates with their intervals are given instead."
    )
    return Part(notes=[Note(question.id, "refusal", text)])


def varying(data: pd.DataFrame, term: str) -> bool:
    """Whether a term differs between rows of one patient, in any of the patients.

    Examples
    --------
    >>> import pandas as pd
    >>> rows = pd.DataFrame({"patient_id": ["a", "a", "b"], "age": [70, 70, 80], "ml": [3, 4, 4]})
    >>> varying(rows, "age"), varying(rows, "ml")
    (False, True)
    """
    columns = [c for c in parse_formula(f"~ {term}").columns if c in data.columns]
    counts = data.groupby(PATIENT, observed=True)[columns].nunique()
    return bool((counts > 1).any(axis=None))


def without_variation(question: Any) -> Part:
    """Say that rows of one patient cannot be compared for this exposure."""
    text = (
        f"{heading('within')}: not compared, because the exposure is the same in all rows of a "
        "patient."
    )
    return Part(notes=[Note(question.id, "refusal", text)])


def within_note(question: Any, kept: list[str], frame: Frame) -> Note:
    """Say what a comparison within patients holds fixed beside the patient."""
    others = [frame.labels.get(t, words(t)) for t in kept if t != question.exposure]
    text = f"{heading('within')}: adjusted for {'; '.join(others) or 'nothing else'}. What is the "
    text += "same in all rows of a patient drops out."
    return Note(question.id, "caveat", text)


def count_note(question: Question, frame: Frame, outcome: str, level: float) -> Note:
    """How many units have the outcome, in one sentence."""

    def at(stat: str, fmt: str) -> str:
        return quote(cell_id(question.id, "", outcome, "", stat), fmt)

    label = frame.labels.get(outcome, words(outcome))
    people = "" if frame.unit == "patient" else f" of {at('n_patients', ',.0f')} patients"
    text = (
        f"{label}: {at('n_events', ',.0f')} of {at('n', ',.0f')} {plural(frame.unit)}{people}, "
        f"{at('percent', '.1f')} % ({100 * level:g} % interval {at('conf_low', '.1f')} to "
        f"{at('conf_high', '.1f')})."
    )
    return Note(question.id, "finding", text)
