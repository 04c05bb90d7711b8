"""Questions without a model: how often, which more often, and which modality finds it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from vpstats.analyses.common import Part, need, quote, words
from vpstats.analyses.counts import exposure_cells, outcome_cells, rate_table
from vpstats.analyses.notes import count_note
from vpstats.labels import LABELS
from vpstats.ledger import Note, cell, cell_id, plural
from vpstats.models.agreement import agreement
from vpstats.models.paired import paired_proportions

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vpstats.frames import Frame
    from vpstats.study import Detection, PairedProportions, Proportion, StudyPlan

MODALITY = {"fluoro": "fluoroscopy", "ct": "CT"}


def proportion(question: Proportion, frame: Frame, plan: StudyPlan) -> Part:
    """A proportion with its interval, in all and by group."""
    columns = [question.outcome, *([question.by] if question.by else [])]
    need(frame, columns, question)
    part = Part(rows=outcome_cells(frame, question.id, question.outcome, plan.level))
    if question.by is not None:
        part.rows += exposure_cells(frame, question.id, question.outcome, question.by, plan.level)
    part.notes.append(count_note(question, frame, question.outcome, plan.level))
    return part


def paired(question: PairedProportions, frame: Frame, plan: StudyPlan) -> Part:
    """The first outcome against each other one, on the units where both are known."""
    need(frame, question.outcomes, question)
    first, *others = question.outcomes
    part = Part()
    for outcome in question.outcomes:
        part.rows += outcome_cells(frame, question.id, outcome, plan.level)
    for other in others:
        part.extend(_pair(question, frame, plan, first, other))
    return part


def _pair(
    question: PairedProportions, frame: Frame, plan: StudyPlan, first: str, second: str
) -> Part:
    data = frame.keep(frame.data[[first, second]].notna().all(axis=1), "both recorded")
    found = paired_proportions(data, first=first, second=second, level=plan.level)
    name, other = (frame.labels.get(c, words(c)) for c in (first, second))
    variable = f"{first} and {second}"
    label = f"{name} against {other.lower()}"
    part = _pair_cells(question.id, "paired", variable, label, data.data, (first, second))
    part.extend(_difference(question.id, "paired", variable, label, found.tidy(), part, plan.level))
    return part


def _pair_cells(
    analysis: str,
    group: str,
    variable: str,
    label: str,
    data: pd.DataFrame,
    pair: tuple[str, str],
    unit: str = "levels",
) -> Part:
    """The four counts of two yes/no columns: a partition of the units where both are known."""
    one, other = (data[c].eq(1) for c in pair)
    total = cell(analysis, variable, "n", len(data), kind="total", group=group, label=label,
                 unit=unit, n=len(data))  # fmt: skip
    counts = {
        "both": one & other,
        "first only": one & ~other,
        "second only": ~one & other,
        "neither": ~one & ~other,
    }
    rows = [total] + [
        cell(analysis, variable, "n_events", int(mask.sum()), kind="count", group=group,
             level=name, label=label, unit=unit, n=len(data), parent=str(total["cell_id"]))
        for name, mask in counts.items()
    ]  # fmt: skip
    return Part(rows=rows)


def _difference(
    analysis: str,
    group: str,
    variable: str,
    label: str,
    table: pd.DataFrame,
    counts: Part,
    level: float,
) -> Part:
    found = table.iloc[0]
    discordant = next(str(r["cell_id"]) for r in counts.rows if r["level"] == "first only")
    n = float(counts.rows[0]["n"])
    values = {
        "difference": 100 * found["estimate"],
        "difference_low": 100 * found["conf_low"],
        "difference_high": 100 * found["conf_high"],
        "p_value": found["p_value"],
    }
    rows = [
        cell(analysis, variable, stat, value, kind="estimate", group=group, label=label,
             unit="" if stat == "p_value" else "%", n=n, parent=discordant)
        for stat, value in values.items()
    ]  # fmt: skip
    at = {s: quote(cell_id(analysis, group, variable, "", s), ".1f") for s in values}
    text = (
        f"{label}: a difference of {at['difference']} percentage points "
        f"({100 * level:g} % interval {at['difference_low']} to {at['difference_high']})."
    )
    return Part(rows=rows, notes=[Note(analysis, "finding", text)])


def detection(question: Detection, frame: Frame, plan: StudyPlan) -> Part:
    """Leaks that fluoroscopy and CT each found on the same levels, by type."""
    need(frame, [f"{s}_{m}" for s in question.sites for m in MODALITY], question)
    part = Part()
    for site in question.sites:
        part.extend(_site(question, frame, plan, site))
    text = (
        "Sensitivity is the share of the leaks on CT that the operator recorded on fluoroscopy; "
        f"intervals and tests allow for several {plural(frame.unit)} of one patient."
    )
    part.notes.append(Note(question.id, "caveat", text))
    return part


def _site(question: Detection, frame: Frame, plan: StudyPlan, site: str) -> Part:
    pair = (f"{site}_fluoro", f"{site}_ct")
    data = frame.keep(frame.data[list(pair)].notna().all(axis=1), f"{words(site)} assessed by both")
    label = LABELS.get(f"leak_{site}", words(site))
    part = _pair_cells(question.id, "", site, label, data.data, pair)
    found = paired_proportions(data, first=pair[1], second=pair[0], level=plan.level).tidy()
    part.extend(_difference(question.id, "", site, label, found, part, plan.level))
    part.rows += _sensitivity(question.id, site, label, data, pair, plan.level)
    part.rows += _kappa(question.id, site, label, data, pair, plan.level)
    return part


def _sensitivity(
    analysis: str, site: str, label: str, data: Frame, pair: tuple[str, str], level: float
) -> list[dict[str, Any]]:
    seen = data.keep(data.data[pair[1]].eq(1), "present on CT")
    if not len(seen):
        return []
    rates = rate_table(seen, pair[0], level=level).iloc[0]
    both = cell_id(analysis, "", site, "both", "n_events")
    return _percent(analysis, site, label, "sensitivity", rates, both, len(seen))


def _kappa(
    analysis: str, site: str, label: str, data: Frame, pair: tuple[str, str], level: float
) -> list[dict[str, Any]]:
    table = agreement(data, first=pair[0], second=pair[1], level=level).tidy()
    kappa = table[table["stat"] == "kappa"].iloc[0]
    both = cell_id(analysis, "", site, "both", "n_events")
    return [
        cell(analysis, site, stat, kappa[column], kind="estimate", label=label, unit="kappa",
             n=len(data), parent=both)
        for stat, column in (("kappa", "estimate"), ("kappa_low", "conf_low"),
                             ("kappa_high", "conf_high"))
    ]  # fmt: skip


def _percent(
    analysis: str,
    variable: str,
    label: str,
    stat: str,
    rates: Mapping[str, Any] | pd.Series,
    parent: str,
    n: float,
) -> list[dict[str, Any]]:
    columns = {stat: "estimate", f"{stat}_low": "conf_low", f"{stat}_high": "conf_high"}
    return [
        cell(analysis, variable, name, 100 * rates[column], kind="estimate", label=label,
             unit="%", n=n, parent=parent)
        for name, column in columns.items()
    ]  # fmt: skip
