"""Counts, proportions and rates of an outcome as ledger rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from vpstats.analyses.common import words
from vpstats.frames import Frame, n_patients
from vpstats.ledger import cell, cell_id, plural
from vpstats.models.rates import event_rates

if TYPE_CHECKING:
    from collections.abc import Mapping

STATS = ("n", "n_events", "percent", "conf_low", "conf_high")


def outcome_cells(frame: Frame, analysis: str, outcome: str, level: float) -> list[dict[str, Any]]:
    """Units, patients and events of an outcome, with a proportion that respects clusters."""
    known = frame.data[outcome].notna()
    data = frame.data[known]
    rates = rate_table(frame, outcome, level=level).iloc[0]
    rows = rate_cells(rates, analysis, "", outcome, "", frame.labels.get(outcome, words(outcome)),
                      plural(frame.unit))  # fmt: skip
    rows.append(
        cell(
            analysis,
            outcome,
            "n_patients",
            n_patients(data),
            kind="total",
            label=frame.labels.get(outcome, words(outcome)),
            unit="patients",
            n=len(data),
        )
    )
    return rows


def exposure_cells(
    frame: Frame, analysis: str, outcome: str, exposure: str, level: float
) -> list[dict[str, Any]]:
    """Events by category of an exposure; nothing for a numeric one."""
    if exposure not in frame.data.columns or pd.api.types.is_numeric_dtype(frame.data[exposure]):
        return []
    total = cell_id(analysis, "", outcome, "", "n")
    label = frame.labels.get(exposure, words(exposure))
    table = rate_table(frame, outcome, level=level, by=exposure)
    rows: list[dict[str, Any]] = []
    for _, rates in table.iterrows():
        name = str(rates["group"])
        text = f"{label}: {words(name)}"
        unit = plural(frame.unit)
        rows += rate_cells(rates, analysis, "", exposure, name, text, unit, total)
    return rows


def rate_table(frame: Frame, outcome: str, *, level: float, by: str | None = None) -> pd.DataFrame:
    """Proportions with intervals: exact for patients, cluster-robust for finer units."""
    columns = [c for c in (outcome, by, frame.cluster) if c is not None]
    data = frame.data[columns].dropna()
    if by is not None and isinstance(data[by].dtype, pd.CategoricalDtype):
        data = data.assign(**{by: data[by].cat.remove_unused_categories()})
    small = Frame(
        data,
        unit=frame.unit,
        cluster=frame.cluster,
        outcome=outcome,
        independent=frame.independent,
    )
    return event_rates(small, outcome=outcome, by=by, level=level).tidy()


def rate_cells(
    rates: Mapping[str, Any] | pd.Series,
    analysis: str,
    group: str,
    variable: str,
    level: str,
    label: str,
    unit: str,
    parent: str = "",
) -> list[dict[str, Any]]:
    """One proportion as rows: n, n_events, percent and its limits in percent."""
    total = cell_id(analysis, group, variable, level, "n")
    events = cell_id(analysis, group, variable, level, "n_events")
    values = {
        "n": rates["n"],
        "n_events": rates["n_events"],
        "percent": 100 * rates["estimate"],
        "conf_low": 100 * rates["conf_low"],
        "conf_high": 100 * rates["conf_high"],
    }
    parents = {"n": parent, "n_events": total}
    return [
        cell(
            analysis,
            variable,
            stat,
            values[stat],
            kind="total" if stat == "n" else "count" if stat == "n_events" else "estimate",
            group=group,
            level=level,
            label=label,
            unit=unit if stat in ("n", "n_events") else "%",
            n=rates["n"],
            parent=parents.get(stat, events),
        )
        for stat in STATS
    ]


def finite(value: float) -> bool:
    """Whether a number can be quoted."""
    return bool(np.isfinite(value))
