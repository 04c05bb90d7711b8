"""Tables without a model: patients, complications, the spine, data quality by center."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from vpstats.analyses.common import CENTER, Part, need, quote, words
from vpstats.analyses.counts import outcome_cells, rate_cells, rate_table
from vpstats.frames import n_patients
from vpstats.ledger import Note, cell, cell_id, plural
from vpstats.severity import COMPLICATIONS

if TYPE_CHECKING:
    from vpstats.frames import Frame
    from vpstats.study import Complications, Description, Quality, SpineMap, StudyPlan

ALL = "All"
NETWORK = "network"


def description(question: Description, frame: Frame, plan: StudyPlan) -> Part:
    """Table 1 on numbers: everybody beside each group, missing values counted apart."""
    columns = [*question.variables, *([question.by] if question.by else [])]
    need(frame, columns, question)
    groups: dict[str, pd.DataFrame] = {ALL: frame.data}
    if question.by is not None:
        label = frame.labels.get(question.by, words(question.by))
        values = frame.data[question.by]
        for value in _levels(values):
            groups[f"{label}: {words(str(value))}"] = frame.data[values == value]
        unknown = frame.data[values.isna()]
        if len(unknown):
            groups[f"{label}: not recorded"] = unknown
    part = Part()
    unit = plural(frame.unit)
    for name, data in groups.items():
        part.rows += _column_total(question.id, name, data, unit)
        for variable in question.variables:
            part.rows += _variable(question.id, name, data, variable, frame)
    return part


def _levels(values: pd.Series) -> list[Any]:
    if isinstance(values.dtype, pd.CategoricalDtype):
        return [c for c in values.cat.categories if (values == c).any()]
    return sorted(values.dropna().unique())


def _column_total(analysis: str, group: str, data: pd.DataFrame, unit: str) -> list[dict[str, Any]]:
    parent = "" if group == ALL else cell_id(analysis, ALL, "patients", "", "n")
    return [
        cell(analysis, "patients", "n", len(data), kind="total", group=group,
             label=unit.capitalize(), unit=unit, n=len(data), parent=parent)
    ]  # fmt: skip


def _variable(
    analysis: str, group: str, data: pd.DataFrame, variable: str, frame: Frame
) -> list[dict[str, Any]]:
    values = data[variable]
    label = frame.labels.get(variable, words(variable))
    total = cell_id(analysis, group, "patients", "", "n")
    known = int(values.notna().sum())
    missing = cell(analysis, variable, "n_missing", len(values) - known, kind="count",
                   group=group, label=label, unit=plural(frame.unit), n=len(values),
                   parent=total)  # fmt: skip
    if pd.api.types.is_numeric_dtype(values):
        return [*_number(analysis, group, variable, label, values.dropna(), len(values)), missing]
    shown = _levels(frame.data[variable])
    return [*_categories(analysis, group, variable, label, values, shown, frame), missing]


def _number(
    analysis: str, group: str, variable: str, label: str, values: pd.Series, n: int
) -> list[dict[str, Any]]:
    numbers = values.to_numpy(float)
    empty = len(numbers) == 0
    quartiles = [np.nan] * 3 if empty else np.quantile(numbers, [0.25, 0.5, 0.75])
    stats = {
        "mean": np.nan if empty else numbers.mean(),
        "sd": np.nan if len(numbers) < 2 else numbers.std(ddof=1),
        "q1": quartiles[0],
        "median": quartiles[1],
        "q3": quartiles[2],
    }
    known = cell(analysis, variable, "n", len(numbers), kind="count", group=group, label=label,
                 n=n, parent=cell_id(analysis, group, "patients", "", "n"))  # fmt: skip
    parent = str(known["cell_id"])
    return [
        known,
        *(
            cell(analysis, variable, stat, value, kind="estimate", group=group, label=label,
                 n=len(numbers), parent=parent)
            for stat, value in stats.items()
        ),
    ]  # fmt: skip


def _categories(
    analysis: str,
    group: str,
    variable: str,
    label: str,
    values: pd.Series,
    shown: list[Any],
    frame: Frame,
) -> list[dict[str, Any]]:
    known = int(values.notna().sum())
    total = cell_id(analysis, group, "patients", "", "n")
    rows = []
    for value in shown:
        count = int((values == value).sum())
        level = words(str(value))
        n = cell(analysis, variable, "n", count, kind="count", group=group, level=level,
                 label=label, unit=plural(frame.unit), n=known, parent=total)  # fmt: skip
        percent = cell(analysis, variable, "percent", 100 * count / known if known else np.nan,
                       kind="estimate", group=group, level=level, label=label, unit="%",
                       n=known, parent=str(n["cell_id"]))  # fmt: skip
        rows += [n, percent]
    return rows


def complications(question: Complications, frame: Frame, plan: StudyPlan) -> Part:
    """Each complication with its denominator, and the worst severity of each procedure."""
    part = Part()
    unit = plural(frame.unit)
    for item in COMPLICATIONS:
        rates = rate_table(frame, item.name, level=plan.level).iloc[0]
        part.rows += rate_cells(rates, question.id, item.severity, item.name, "", item.label, unit)
    part.rows += _worst(question.id, frame)
    own = ", ".join(c.label.lower() for c in COMPLICATIONS if c.own)
    text = (
        "Severity follows the classes of Čavka et al., Medicina 2023;59:1536; the classes of "
        f"complications that it does not name are ours ({own})."
    )
    part.notes.append(Note(question.id, "caveat", text))
    text = (
        "A leak into the canal is counted among the procedures with a CT, made as a routine or on "
        "suspicion; every other complication among all procedures, so that what was not recorded "
        "counts as absent. An infection that was there before the procedure is among them if it "
        "was found within the days named. The worst severity leaves the leak out."
    )
    part.notes.append(Note(question.id, "caveat", text))
    return part


def _worst(analysis: str, frame: Frame) -> list[dict[str, Any]]:
    worst = frame.data["worst_severity"]
    total = cell(analysis, "worst_severity", "n", len(worst), kind="total", label="Procedures",
                 unit=plural(frame.unit), n=len(worst))  # fmt: skip
    rows = [total]
    for level in worst.cat.categories:
        count = int((worst == level).sum())
        n = cell(analysis, "worst_severity", "n_events", count, kind="count", level=str(level),
                 label=f"worst severity: {level}", unit=plural(frame.unit), n=len(worst),
                 parent=str(total["cell_id"]))  # fmt: skip
        percent = cell(analysis, "worst_severity", "percent",
                       100 * count / len(worst) if len(worst) else np.nan, kind="estimate",
                       level=str(level), label=f"worst severity: {level}", unit="%",
                       n=len(worst), parent=str(n["cell_id"]))  # fmt: skip
        rows += [n, percent]
    # in words that other questions use: theirs are some of these, and the rest may be few
    count = int((worst != "none").sum())
    rows.append(cell(analysis, "any_complication", "n_events", count, kind="count",
                     label=frame.labels["any_complication"], unit=plural(frame.unit),
                     n=len(worst), parent=str(total["cell_id"])))  # fmt: skip
    return rows


def spine_map(question: SpineMap, frame: Frame, plan: StudyPlan) -> Part:
    """Rate of a leakage outcome at each vertebra."""
    need(frame, [question.outcome, "level"], question)
    part = Part(rows=outcome_cells(frame, question.id, question.outcome, plan.level))
    total = cell_id(question.id, "", question.outcome, "", "n")
    unit = plural(frame.unit)
    for _, rates in rate_table(frame, question.outcome, level=plan.level, by="level").iterrows():
        name = str(rates["group"])
        part.rows += rate_cells(rates, question.id, "", "level", name, name, unit, total)
    n = quote(total, ",.0f")
    percent = quote(cell_id(question.id, "", question.outcome, "", "percent"), ".1f")
    label = frame.labels.get(question.outcome, question.outcome)
    text = f"{label}: {percent} % of {n} {unit}, all vertebrae together."
    part.notes.append(Note(question.id, "finding", text))
    return part


Measure = Callable[[pd.DataFrame], pd.Series]


def _recorded(column: str) -> Measure:
    return lambda data: data[column].notna()


def _equals(column: str, *codes: str) -> Measure:
    return lambda data: data[column].isin(codes)


QUALITY: tuple[tuple[str, str, Measure], ...] = (
    ("crp", "CRP before recorded", _recorded("crp_mg_l")),
    ("mri", "MRI before recorded", _recorded("mri_pre")),
    ("bmd", "Bone density recorded", _recorded("bmd_tscore")),
    ("viscosity", "Viscosity recorded", _recorded("viscosity_class")),
    ("cement", "Cement volume recorded", _recorded("total_cement_ml")),
    ("ct_recorded", "Whether a CT was made after: recorded", _recorded("ct_post_done")),
    ("ct_routine", "CT after, as a routine", _equals("ct_post_reason", "routine")),
    ("ct_suspicion", "CT after, on suspicion", _equals("ct_post_reason", "suspicion")),
    ("chest_ct", "Chest seen by CT", _equals("chest_imaging_modality", "ct_full", "ct_partial")),
    ("status_1y", "Status known at one year", lambda data: data["known_1y"].eq(1)),
)
"""Measures of data quality: id, words, and the rows that fulfil it."""


def quality(question: Quality, frame: Frame, plan: StudyPlan) -> Part:
    """Completeness, imaging habit and follow-up of each center beside the network's median."""
    part = Part()
    for name, label, measure in QUALITY:
        base = frame.data[frame.data["known_1y"].notna()] if name == "status_1y" else frame.data
        fulfilled = measure(base).astype(float)
        counts = fulfilled.groupby(base[CENTER]).agg(["sum", "count"])
        shares = 100 * counts["sum"] / counts["count"]
        part.rows += [
            row
            for center in counts.index
            for row in _measure(question.id, str(center), name, label,
                                counts.loc[center], shares[center])
        ]  # fmt: skip
        part.rows.append(
            cell(question.id, name, "percent", float(np.round(shares.median())), kind="estimate",
                 group=NETWORK, label=label, unit="%", n=len(base))
        )  # fmt: skip
    part.rows += _volumes(question.id, frame)
    return part


def _measure(
    analysis: str, center: str, name: str, label: str, counts: pd.Series, share: float
) -> list[dict[str, Any]]:
    total = cell(analysis, name, "n", counts["count"], kind="total", group=center, label=label,
                 unit="procedures", n=counts["count"])  # fmt: skip
    events = cell(analysis, name, "n_events", counts["sum"], kind="count", group=center,
                  label=label, unit="procedures", n=counts["count"],
                  parent=str(total["cell_id"]))  # fmt: skip
    percent = cell(analysis, name, "percent", share, kind="estimate", group=center, label=label,
                   unit="%", n=counts["count"], parent=str(events["cell_id"]))  # fmt: skip
    return [total, events, percent]


def _volumes(analysis: str, frame: Frame) -> list[dict[str, Any]]:
    """Procedures and patients of each center; patients may be treated in more than one."""
    grouped = frame.data.groupby(CENTER)
    rows = [
        cell(analysis, "procedures", "n", len(frame.data), kind="total", group=NETWORK,
             label="Procedures", unit="procedures", n=len(frame.data)),
        cell(analysis, "procedures", "n_patients", n_patients(frame.data), kind="total",
             group=NETWORK, label="Patients", unit="patients", n=len(frame.data)),
    ]  # fmt: skip
    parent = str(rows[0]["cell_id"])
    for center, data in grouped:
        rows += [
            cell(analysis, "procedures", "n", len(data), kind="count", group=str(center),
                 label="Procedures", unit="procedures", n=len(data), parent=parent),
            cell(analysis, "procedures", "n_patients", n_patients(data), kind="total",
                 group=str(center), label="Patients", unit="patients", n=len(data)),
        ]  # fmt: skip
    return rows
