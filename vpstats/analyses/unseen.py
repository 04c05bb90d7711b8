"""Incidence when the event came unseen between two contacts, beside what its detection says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vpstats.analyses.common import Part, need, quote
from vpstats.ledger import Note, cell, cell_id
from vpstats.models.interval.illness_death import fit_illness_death

if TYPE_CHECKING:
    from vpstats.frames import Frame
    from vpstats.study import StudyPlan, TimeToEvent

COLUMNS = ("negative_days", "positive_days", "end_days", "died")

METHODS = {
    "interval": "between the contacts (illness–death model)",
    "midpoint": "midway between the contacts",
    "date found": "on the day of detection",
}
"""Method of the model → what it supposes of the day of onset."""


def unseen(question: TimeToEvent, frame: Frame, plan: StudyPlan) -> Part:
    """Fit the illness–death model and read its incidence, and that of the simpler analyses."""
    need(frame, COLUMNS, question)
    seen = int(frame.data["positive_days"].notna().sum())
    if seen < plan.floors.events:
        text = (
            "Onset between contacts: refused, because there are fewer than "
            f"{plan.floors.events} events."
        )
        return Part(notes=[Note(question.id, "refusal", text)])
    fit = fit_illness_death(
        frame,
        left="negative_days",
        right="positive_days",
        end="end_days",
        died="died",
        cuts=question.windows or question.horizons[:1],
        after_illness="equal",
        level=plan.level,
    )
    if not fit.ok:
        text = f"Onset between contacts: not estimable ({fit.status})."
        return Part(notes=[Note(question.id, "refusal", text)])
    parent = cell_id(question.id, "", "event", str(question.cause), "n_events")
    rows = [
        cell(question.id, "unseen", stat, 100 * found[stat], kind="estimate",
             group=found["method"], level=format(found["time"], ".10g"),
             label=METHODS[found["method"]], unit="%", n=fit.n, parent=parent)
        for found in fit.incidence(question.horizons).to_dict("records")
        for stat in ("estimate", "conf_low", "conf_high")
    ]  # fmt: skip
    return Part(rows=rows, notes=_notes(question, plan.level))


def _notes(question: TimeToEvent, level: float) -> list[Note]:
    horizon = question.horizons[-1]
    low, mid, high = (
        quote(cell_id(question.id, "interval", "unseen", format(horizon, ".10g"), stat), ".2f")
        for stat in ("conf_low", "estimate", "conf_high")
    )
    text = (
        f"With onset between the contacts, and unseen before death in some, the incidence by day "
        f"{horizon:g} is {mid} % ({100 * level:g} % interval {low} to {high})."
    )
    doubt = (
        "The model supposes contacts that were planned; a contact that symptoms brought forward "
        "dates the onset too early. Death after onset is taken to be as frequent as without it."
    )
    return [Note(question.id, "finding", text), Note(question.id, "caveat", doubt)]
