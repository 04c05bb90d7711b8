"""Where did events come from, early and late? Codes of events by the time of the event."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from vpstats.analyses.common import Part, need, words
from vpstats.ledger import Note, cell, plural
from vpstats.models.named_tests import compare_groups

if TYPE_CHECKING:
    from vpstats.frames import Frame
    from vpstats.study import Source, StudyPlan

WINDOW = "window"


def source(question: Source, frame: Frame, plan: StudyPlan) -> Part:
    """Count each code among the events of each window, and test whether they go together."""
    need(frame, ["days", "event", question.column], question)
    events = frame.data[frame.data["event"] == question.cause]
    windows = window_of(events["days"], question.windows)
    part = Part()
    total = cell(question.id, "event", "n", len(events), kind="total",
                 label=frame.causes.get(question.cause, "event"), unit=plural(frame.unit),
                 n=len(events))  # fmt: skip
    part.rows.append(total)
    known = events[question.column].notna()
    for name in windows.cat.categories:
        part.rows += _window(question, frame, events, windows == name, str(name), total)
    part.extend(_test(question, events[known], windows[known], _rarest(part.rows)))
    text = (
        "Who judged the source knew the time of the infection, so that the two agree in part by "
        "definition. An infection that was there before the procedure is not counted here."
    )
    part.notes.append(Note(question.id, "caveat", text))
    return part


def window_of(days: pd.Series, cuts: list[float]) -> pd.Series:
    """Name the window that each day falls into; the last one is open.

    Examples
    --------
    >>> window_of(pd.Series([10.0, 60.0, 400.0]), [60, 365]).tolist()
    ['days 0 to 60', 'days 0 to 60', 'after day 365']
    """
    edges = [-np.inf, *cuts, np.inf]
    names = [f"days 0 to {cuts[0]:g}"]
    names += [f"days {a:g} to {b:g}" for a, b in itertools.pairwise(cuts)]
    names.append(f"after day {cuts[-1]:g}")
    return pd.Series(pd.cut(days, edges, labels=names), index=days.index)


def _window(
    question: Source,
    frame: Frame,
    events: pd.DataFrame,
    inside: pd.Series,
    name: str,
    whole: dict[str, Any],
) -> list[dict[str, Any]]:
    values = events.loc[inside, question.column]
    label = frame.labels.get(question.column, words(question.column))
    unit = plural(frame.unit)
    total = cell(question.id, "event", "n", len(values), kind="total", group=name, label=name,
                 unit=unit, n=len(events), parent=str(whole["cell_id"]))  # fmt: skip
    codes = sorted(events[question.column].dropna().astype(str).unique())
    counts = {code: int((values == code).sum()) for code in codes}
    counts["not recorded"] = int(values.isna().sum())
    return [total] + [
        cell(question.id, question.column, "n_events", count, kind="count", group=name,
             level=code, label=f"{label}: {words(code)}", unit=unit, n=len(values),
             parent=str(total["cell_id"]))
        for code, count in counts.items()
    ]  # fmt: skip


def _rarest(rows: list[dict[str, Any]]) -> str:
    """The smallest count that is not zero: a test of so few cells would give it away."""
    counts = [row for row in rows if row["kind"] == "count" and row["value"] > 0]
    return str(min(counts, key=lambda row: row["value"])["cell_id"]) if counts else ""


def _test(question: Source, events: pd.DataFrame, windows: pd.Series, parent: str) -> Part:
    data = events[[question.column]].astype(str).assign(**{WINDOW: windows.astype(str)})
    if data[question.column].nunique() < 2 or data[WINDOW].nunique() < 2:
        text = "Whether source and time go together was not tested: one of them does not vary."
        return Part(notes=[Note(question.id, "refusal", text)])
    found = compare_groups(data, variable=question.column, by=WINDOW, test="fisher").tidy().iloc[0]
    row = cell(question.id, "source and time", "p_value", found["p_value"], kind="estimate",
               group="tests", label="Whether source and time of the event go together",
               unit="Fisher's exact test", n=len(data), parent=parent)  # fmt: skip
    return Part(rows=[row])
