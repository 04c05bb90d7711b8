"""When does an event come, death competing? Incidence curves and cause-specific hazards."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from vpstats.analyses.common import (
    CENTER,
    ONE_EVENT_EACH,
    Part,
    caveat_notes,
    judge,
    model_cells,
    n_parameters,
    need,
    quote,
    words,
)
from vpstats.analyses.hazard_extras import beyond_hazards
from vpstats.analyses.logistic_models import complete_rows, model_terms
from vpstats.analyses.notes import refusal
from vpstats.analyses.risk_factor import finding, varies_within_centers
from vpstats.frames import n_patients
from vpstats.ledger import Note, cell, cell_id, curve_cells, plural
from vpstats.models.curves import cumulative_incidence
from vpstats.models.hazards import fit_cox
from vpstats.models.rates import incidence_rates
from vpstats.models.shares import clopper_pearson

if TYPE_CHECKING:
    from vpstats.frames import Frame
    from vpstats.results import CurveResult
    from vpstats.study import StudyPlan, TimeToEvent

YEAR = 365.25
ALL = "All"


def time_to_event(question: TimeToEvent, frame: Frame, plan: StudyPlan) -> Part:
    """Counts and rates, incidence with death competing, then hazards if events allow."""
    need(frame, [c for c in ("days", "event", question.by) if c is not None], question)
    part = Part(rows=_counts(question, frame) + _rates(question, frame, plan))
    part.rows += _by_exposure(question, frame)
    part.notes.append(_count_note(question, frame, plan.level))
    part.extend(_incidence(question, frame, plan))
    for group, terms in model_terms(question).items():
        part.extend(_model(question, frame, plan, group, terms))
    part.extend(beyond_hazards(question, frame, plan))
    if question.exposure and not varies_within_centers(frame.data, question.exposure):
        text = "The exposure does not vary within any center: it cannot be told from the center."
        part.notes.append(Note(question.id, "caveat", text))
    return part


def _event_name(question: TimeToEvent, frame: Frame) -> str:
    return frame.causes.get(question.cause, "event")


def _counts(question: TimeToEvent, frame: Frame) -> list[dict[str, Any]]:
    """Units at risk, events of each cause and the censored: a partition."""
    codes = frame.data["event"]
    total = cell_id(question.id, "", "event", "", "n")
    unit = plural(frame.unit)
    rows = [
        cell(question.id, "event", "n", len(codes), kind="total", label="followed", unit=unit,
             n=len(codes)),
        cell(question.id, "event", "n_patients", n_patients(frame.data), kind="total",
             label="followed", unit="patients", n=len(codes)),
    ]  # fmt: skip
    names = {**dict(frame.causes), 0: "censored"}
    rows += [
        cell(question.id, "event", "n_events", int((codes == code).sum()), kind="count",
             level=str(code), label=name, unit=unit, n=len(codes), parent=total)
        for code, name in sorted(names.items())
    ]  # fmt: skip
    return rows


def _by_exposure(question: TimeToEvent, frame: Frame) -> list[dict[str, Any]]:
    """Units and events in each category of the exposure: what its hazard ratios rest on."""
    data, exposure = frame.data, question.exposure
    if exposure not in data.columns or _is_number(data[exposure]):
        return []
    cause = str(question.cause)
    parents = {
        "n": cell_id(question.id, "", "event", "", "n"),
        "n_events": cell_id(question.id, "", "event", cause, "n_events"),
    }
    events = data["event"] == question.cause
    rows = []
    for level, own in data.groupby(exposure, observed=True, sort=True).groups.items():
        counts = {"n": len(own), "n_events": int(events.loc[own].sum())}
        rows += [
            cell(question.id, str(exposure), stat, value, kind="count", level=str(level),
                 label=words(str(level)), unit=plural(frame.unit), n=len(own),
                 parent=parents[stat])
            for stat, value in counts.items()
        ]  # fmt: skip
    return rows


def _is_number(column: pd.Series) -> bool:
    types = pd.api.types
    return types.is_numeric_dtype(column) and not types.is_bool_dtype(column)


def _rates(question: TimeToEvent, frame: Frame, plan: StudyPlan) -> list[dict[str, Any]]:
    """Events per 1,000 unit-years with an exact interval."""
    table = incidence_rates(
        frame,
        duration="days",
        event="event",
        cause=question.cause,
        per=1000 * YEAR,
        level=plan.level,
    ).tidy()
    rates = table.iloc[0]
    parent = cell_id(question.id, "", "event", str(question.cause), "n_events")
    return [
        cell(question.id, "rate", stat, rates[stat], kind="estimate",
             label=f"{_event_name(question, frame)} per 1,000 {frame.unit}-years",
             unit=f"per 1,000 {frame.unit}-years", n=len(frame.data), parent=parent)
        for stat in ("estimate", "conf_low", "conf_high")
    ]  # fmt: skip


def _incidence(question: TimeToEvent, frame: Frame, plan: StudyPlan) -> Part:
    if question.by is not None:
        frame = frame.keep(frame.data[question.by].notna(), f"{question.by} recorded")
    curve = cumulative_incidence(frame, by=question.by, **_curve_options(question, plan))
    curve = _named(curve, frame.labels)
    groups = [str(name) for name, _ in curve.groups()]
    parent = cell_id(question.id, "", "event", str(question.cause), "n_events")
    thin = thinned(curve, plan.release.curve_step)
    return Part(
        rows=curve_cells(thin, question.id, variable="incidence", parent=parent)
        + _at_horizons(question, curve),
        notes=[_horizon_note(question, frame, h, groups, plan.level) for h in question.horizons],
    )


def _named(curve: CurveResult, labels: Mapping[str, str]) -> CurveResult:
    """Name the groups of a curve in words that say what they are levels of."""
    if curve.by is None:
        return replace(curve, steps=curve.steps.assign(group=ALL), by="group")
    label = labels.get(curve.by, words(curve.by))
    names = [f"{label}, {words(str(level))}" for level in curve.steps[curve.by]]
    return replace(curve, steps=curve.steps.assign(**{curve.by: names}))


def _curve_options(question: TimeToEvent, plan: StudyPlan) -> dict[str, Any]:
    return {"duration": "days", "event": "event", "cause": question.cause, "level": plan.level}


def thinned(curve: CurveResult, step: float) -> CurveResult:
    """Keep a curve's steps with events, and the first and last of each interval of `step`.

    Rows between hold censorings alone; their counts are added to the next kept row, so that the
    curve, the numbers at risk and the sums stay what they were.

    Parameters
    ----------
    curve : CurveResult
    step : float
        Width of the grid, in the unit of the durations.
    """
    parts = []
    for name, rows in curve.groups():
        rows = rows.drop(columns=["conf_low", "conf_high"])
        slot = np.floor(rows["time"] / step)
        edge = slot.ne(slot.shift()) | slot.ne(slot.shift(-1))
        keep = (rows["n_event"] > 0) | edge
        block = keep.shift(fill_value=False).cumsum()
        merged = rows[keep].copy()
        merged["n_censor"] = rows.groupby(block)["n_censor"].sum().to_numpy()[: len(merged)]
        if curve.by is not None:
            merged[curve.by] = name
        parts.append(merged)
    return replace(curve, steps=pd.concat(parts, ignore_index=True))


def _at_horizons(question: TimeToEvent, curve: CurveResult) -> list[dict[str, Any]]:
    read = curve.at(question.horizons)
    groups = read[str(curve.by)].astype(str)
    parent = cell_id(question.id, "", "event", str(question.cause), "n_events")
    rows = [_with_limits(row, curve.level) for row in read.to_dict("records")]
    return [
        cell(question.id, "incidence_at", stat, 100 * row[stat], kind="estimate",
             group=str(group), level=format(row["time"], ".10g"),
             label=f"incidence by day {row['time']:g}", unit="%", n=row["n_risk"], parent=parent)
        for group, row in zip(groups, rows, strict=True)
        for stat in ("estimate", "conf_low", "conf_high")
    ]  # fmt: skip


def _with_limits(row: dict[str, Any], level: float) -> dict[str, Any]:
    """A reading of a curve; before any event it has no error, and nobody is sure of nought.

    Those still at risk then serve as the sample of an exact interval (Dorey FJ, Korn EL. Effective
    sample sizes for confidence intervals for survival probabilities. Stat Med 1987;6:679-687).
    """
    if row["estimate"] != 0 or not row["n_risk"] >= 1:
        return row
    return {**row, "conf_low": 0.0, "conf_high": clopper_pearson(0, row["n_risk"], level)[1]}


def _count_note(question: TimeToEvent, frame: Frame, level: float) -> Note:
    def at(level: str, stat: str) -> str:
        return quote(cell_id(question.id, "", "event", level, stat), ",.0f")

    cause = str(question.cause)
    rate = [quote(cell_id(question.id, "", "rate", "", s), ".2f")
            for s in ("estimate", "conf_low", "conf_high")]  # fmt: skip
    people = "" if frame.unit == "patient" else f" of {at('', 'n_patients')} patients"
    text = (
        f"{_event_name(question, frame).capitalize()}: {at(cause, 'n_events')} among "
        f"{at('', 'n')} {plural(frame.unit)}{people}, {rate[0]} per 1,000 {frame.unit}-years "
        f"({100 * level:g} % interval {rate[1]} to {rate[2]})."
    )
    return Note(question.id, "finding", text)


def _horizon_note(
    question: TimeToEvent, frame: Frame, horizon: float, groups: list[str], level: float
) -> Note:
    time = format(horizon, ".10g")

    def reading(group: str) -> str:
        low, mid, high = (
            quote(cell_id(question.id, group, "incidence_at", time, stat), ".2f")
            for stat in ("conf_low", "estimate", "conf_high")
        )
        name = "" if group == ALL else f"{group}: "
        return f"{name}{mid} % ({100 * level:g} % interval {low} to {high})"

    text = (
        f"Incidence of {_event_name(question, frame)} by day {horizon:g}, death competing: "
        f"{'; '.join(reading(g) for g in groups)}."
    )
    return Note(question.id, "finding", text)


def _model(
    question: TimeToEvent, frame: Frame, plan: StudyPlan, group: str, terms: list[str]
) -> Part:
    complete = complete_rows(frame, ["event", *terms, CENTER])
    fitted = [*terms, CENTER] if question.center == "fixed" else terms
    events = int((complete["event"] == question.cause).sum())
    verdict = judge(events, n_parameters(complete, fitted), plan.floors)
    if not verdict.allowed:
        return refusal(question, group, verdict.reason, plan.floors)
    penalty: Literal["firth"] | None = "firth" if verdict.penalised else question.penalty
    fit = fit_cox(
        frame,
        " + ".join(fitted),
        duration="days",
        event="event",
        cause=question.cause,
        strata=CENTER if question.center == "strata" else None,
        penalty=penalty,
        level=plan.level,
        independent=one_event_each(frame, question.cause) if penalty else None,
    )
    parent = cell_id(question.id, group, "model", "", "n_events")
    part = Part(rows=model_cells(fit, question.id, group, frame.labels, parent))
    whole = cell_id(question.id, "", "event", "", "n")
    part.notes += caveat_notes(fit, question, group, frame.labels, whole)
    part.notes += finding(question, fit, group, frame)
    return part


def one_event_each(frame: Frame, cause: int) -> str | None:
    """Why the rows of a patient may be taken as independent under a penalty; None where not.

    A penalty is asked for where events are few. A sandwich of few scores is then too small, and
    along a category without any event it is no variance at all; the penalised profile likelihood
    has limits there (Heinze and Schemper, Biometrics 2001;57:114-119).
    """
    if frame.cluster is None:
        return None
    with_event = frame.data.loc[frame.data["event"] == cause, frame.cluster]
    return None if with_event.duplicated().any() else ONE_EVENT_EACH
