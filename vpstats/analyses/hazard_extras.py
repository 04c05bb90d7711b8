"""What stands beside the hazards of a question: windows, patients with themselves, other models.

Each is asked for by the plan, is fitted to the adjusted model's terms, and is refused in words
where events do not allow it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from vpstats.analyses.beyond import main_group
from vpstats.analyses.common import (
    CENTER,
    Part,
    caveat_notes,
    judge,
    model_cells,
    n_parameters,
    quote,
    term_label,
    words,
)
from vpstats.analyses.logistic_models import complete_rows, model_terms
from vpstats.analyses.notes import refusal, varying, within_note, without_variation
from vpstats.analyses.unseen import unseen
from vpstats.frames import PATIENT
from vpstats.ledger import Note, cell, cell_id
from vpstats.models.fine_gray import fit_fine_gray
from vpstats.models.hazards import fit_cox
from vpstats.models.rates import incidence_rates
from vpstats.models.splitting import split_follow_up
from vpstats.models.windows import fit_cox_by_window

if TYPE_CHECKING:
    from vpstats.frames import Frame
    from vpstats.results import FitResult
    from vpstats.study import StudyPlan, TimeToEvent

YEAR = 365.25


def beyond_hazards(question: TimeToEvent, frame: Frame, plan: StudyPlan) -> Part:
    """Add what the plan asks for beside the hazards of a question."""
    part = Part()
    if question.windows:
        part.extend(_rates_by_window(question, frame, plan))
    if question.interval:
        part.extend(unseen(question, frame, plan))
    if question.exposure is None:
        return part
    terms = model_terms(question)[main_group(question)]
    if question.windows:
        part.extend(_effects_by_window(question, frame, plan, terms))
    if question.within_patient:
        part.extend(_within(question, frame, plan, terms))
    if question.subdistribution:
        part.extend(_other_model(question, frame, plan, terms, "subdistribution"))
    if question.frailty:
        part.extend(_other_model(question, frame, plan, terms, "frailty"))
    return part


def _rates_by_window(question: TimeToEvent, frame: Frame, plan: StudyPlan) -> Part:
    """Events and rates, with exact intervals, in each part of follow-up."""
    parts = split_follow_up(frame, duration="days", event="event", at=question.windows)
    table = incidence_rates(
        parts,
        duration="days",
        event="event",
        entry=parts.entry or "entry",
        cause=question.cause,
        by="window",
        per=1000 * YEAR,
        level=plan.level,
    ).tidy()
    total = cell_id(question.id, "", "event", str(question.cause), "n_events")
    rows = []
    for found in table.to_dict("records"):
        name = _days(str(found["group"]))
        events = cell(question.id, "window", "n_events", found["n_events"], kind="count",
                      level=name, label=name, unit="events", n=len(frame),
                      parent=total)  # fmt: skip
        rows.append(events)
        rows += [
            cell(question.id, "window", stat, found[column], kind="estimate", level=name,
                 label=name, unit=f"per 1,000 {frame.unit}-years", n=len(frame),
                 parent=str(events["cell_id"]))
            for stat, column in (("rate", "estimate"), ("conf_low", "conf_low"),
                                 ("conf_high", "conf_high"))
        ]  # fmt: skip
    names = list(dict.fromkeys(row["level"] for row in rows))
    return Part(rows=rows, notes=[_window_sentence(question, names, plan.level)])


def _days(window: str) -> str:
    """Write a window of follow-up in words.

    Examples
    --------
    >>> _days("0-60"), _days("365+")
    ('days 0 to 60', 'after day 365')
    """
    if window.endswith("+"):
        return f"after day {window[:-1]}"
    first, _, last = window.partition("-")
    return f"days {first} to {last}"


def _effects_by_window(
    question: TimeToEvent, frame: Frame, plan: StudyPlan, terms: list[str]
) -> Part:
    """The exposure's hazard ratio in each window, and whether they are equal."""
    found = fit_cox_by_window(
        frame,
        " + ".join(terms[1:]) or "1",
        exposure=str(question.exposure),
        at=question.windows,
        duration="days",
        event="event",
        cause=question.cause,
        strata=CENTER if question.center == "strata" else None,
        level=plan.level,
        floors=plan.floors,
    )
    part = Part()
    for row in found.tidy(exponentiate=True).to_dict("records"):
        name = _days(str(row["window"]))
        if not np.isfinite(row["estimate"]):
            text = f"Hazard ratio in {name}: refused, because there are too few events."
            part.notes.append(Note(question.id, "refusal", text))
            continue
        label = f"{term_label(str(row['term']), frame.labels)}, {name}"
        parent = cell_id(question.id, "", "window", name, "n_events")
        part.rows += [
            cell(question.id, str(row["term"]), stat, row[stat], kind="estimate",
                 group="windows", level=name, label=label, unit="hazard ratio", n=found.n,
                 parent=parent)
            for stat in ("estimate", "conf_low", "conf_high", "p_value")
        ]  # fmt: skip
    return part if not part.rows else _equality(question, frame, found.equality.iloc[0], part)


def _equality(question: TimeToEvent, frame: Frame, test: pd.Series, part: Part) -> Part:
    label = frame.labels.get(str(question.exposure), words(str(question.exposure)))
    parent = cell_id(question.id, "", "event", str(question.cause), "n_events")
    if np.isfinite(test["p_value"]):
        part.rows += [
            cell(question.id, "windows", stat, test[stat], kind="estimate", group="tests",
                 label=f"{label}: the same hazard ratio in every window",
                 unit=str(test["method"]), n=len(frame), parent=parent)
            for stat in ("statistic", "df", "p_value")
        ]  # fmt: skip
    return part


def _within(question: TimeToEvent, frame: Frame, plan: StudyPlan, terms: list[str]) -> Part:
    """Rows of one patient with one another: a stratum for each patient."""
    data = complete_rows(frame, ["event", "days", *terms, PATIENT])
    kept = [t for t in terms if varying(data, t)]
    if question.exposure not in kept:
        return without_variation(question)
    with_event = data.loc[data["event"] == question.cause, PATIENT]
    telling = data[data[PATIENT].isin(with_event)]
    events = int((telling["event"] == question.cause).sum())
    verdict = judge(events, n_parameters(telling, kept), plan.floors)
    if not verdict.allowed:
        return refusal(question, "within", verdict.reason, plan.floors)
    penalty = "firth" if verdict.penalised else question.penalty
    fit = _cox(question, frame, plan, kept, strata=PATIENT, penalty=penalty)
    part = _model_part(question, frame, fit, "within")
    part.notes.insert(0, within_note(question, kept, frame))
    return part


def _cox(
    question: TimeToEvent, frame: Frame, plan: StudyPlan, terms: list[str], **options: Any
) -> FitResult:
    return fit_cox(
        frame,
        " + ".join(terms),
        duration="days",
        event="event",
        cause=question.cause,
        level=plan.level,
        **options,
    )


def _model_part(question: TimeToEvent, frame: Frame, fit: FitResult, group: str) -> Part:
    events = cell_id(question.id, group, "model", "", "n_events")
    part = Part(rows=model_cells(fit, question.id, group, frame.labels, events))
    whole = cell_id(question.id, "", "event", "", "n")
    part.notes += caveat_notes(fit, question, group, frame.labels, whole)
    return part


def _other_model(
    question: TimeToEvent, frame: Frame, plan: StudyPlan, terms: list[str], group: str
) -> Part:
    fixed = [*terms, CENTER] if question.center != "none" else terms
    used = fixed if group == "subdistribution" else terms
    complete = complete_rows(frame, ["event", *used, CENTER])
    events = int((complete["event"] == question.cause).sum())
    verdict = judge(events, n_parameters(complete, used), plan.floors)
    if not verdict.allowed or verdict.penalised:
        reason = verdict.reason or "this model takes no penalty"
        return refusal(question, group, reason, plan.floors)
    if group == "frailty":
        strata = CENTER if question.center == "strata" else None
        fit = _cox(question, frame, plan, terms, strata=strata, frailty=PATIENT)
    else:
        fit = fit_fine_gray(frame, " + ".join(used), duration="days", event="event",
                            cause=question.cause, level=plan.level)  # fmt: skip
    return _model_part(question, frame, fit, group)


def _window_sentence(question: TimeToEvent, names: list[str], level: float) -> Note:
    """Rates in each window in one sentence."""

    def at(name: str) -> str:
        low, mid, high = (
            quote(cell_id(question.id, "", "window", name, stat), ".2f")
            for stat in ("conf_low", "rate", "conf_high")
        )
        return f"{name}: {mid} ({100 * level:g} % interval {low} to {high})"

    text = f"Rate by time since the procedure, per 1,000 years: {'; '.join(map(at, names))}."
    return Note(question.id, "finding", text)
