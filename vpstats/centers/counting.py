"""How many rows and outcomes an indicator has at each center; nothing is fitted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from vpstats.centers.rows import OUTCOME, indicator_rows, keep_where
from vpstats.models.formula import parse_formula

if TYPE_CHECKING:
    from vpstats.frames import Frame
    from vpstats.study import Indicator


def count_rows(
    frame: Frame, spec: Indicator, data_cut: pd.Timestamp
) -> Iterator[tuple[str, str, float, float]]:
    """Count the rows and outcomes that `audit_indicator` would compare.

    Parameters
    ----------
    frame : Frame
        The indicator's cohort.
    spec : Indicator
    data_cut : Timestamp
        Last day that the data know of.

    Yields
    ------
    (stratum, center, n, observed)
        For each stratum, "all" first, and each center.
    """
    whole = indicator_rows(frame, spec, data_cut)
    for stratum, where in {"all": {}, **spec.strata}.items():
        data = keep_where(whole, where).data
        rows = pd.DataFrame({"center": data["center_id"], "seen": _happened(data, frame, spec)})
        rows = rows[_compared(data, spec)].dropna()
        for center, part in rows.groupby("center", sort=True):
            yield stratum, str(center), float(len(part)), float(part["seen"].sum())


def _happened(data: pd.DataFrame, frame: Frame, spec: Indicator) -> pd.Series:
    if spec.measure == "proportion":
        return data[OUTCOME]
    days = data[str(frame.duration)]
    event = (data[spec.outcome] == spec.cause) & (days <= (spec.horizon or np.inf))
    return event.astype(float).where(days.notna() & data[spec.outcome].notna())


def _compared(data: pd.DataFrame, spec: Indicator) -> np.ndarray:
    columns = list(parse_formula(f"~ {' + '.join(spec.adjust) or '1'}").columns)
    kept = data[columns].notna().all(axis=1)
    seen = spec.ascertainment
    if seen is not None:
        column = data[seen.examined]
        kept &= column.isin(seen.values) if seen.values else column.notna()
        if seen.reason:
            kept &= data[seen.reason].isin(seen.routine)
    return np.asarray(kept, dtype=bool)
