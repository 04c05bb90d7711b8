"""The rows of one indicator: from a cohort to those that count, with a yes or no for each."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pandas as pd

from vpstats.centers.process import with_recorded, with_values
from vpstats.errors import UsageError
from vpstats.labels import CODE_WORDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from vpstats.frames import Frame
    from vpstats.study import Indicator

OUTCOME = "audit_outcome"
"""Column that the outcome of an indicator gets: 1, 0, or missing."""

DAY = "proc_date"
"""Day from which periods and maturity count."""


def indicator_rows(frame: Frame, spec: Indicator, data_cut: pd.Timestamp | None) -> Frame:
    """Keep the rows that an indicator is about and give them their outcome.

    Parameters
    ----------
    frame : Frame
        The indicator's cohort.
    spec : Indicator
        What is counted, among whom, and when.
    data_cut : Timestamp, optional
        Last day that the data know of; needed where the outcome takes time to show.

    Returns
    -------
    Frame
        With the column `OUTCOME` where the measure is a proportion: missing where the outcome is
        not known. Each condition is a step of the flow.

    Raises
    ------
    UsageError
        If the cohort lacks a column.
    """
    need(frame, _columns(spec))
    frame = keep_where(frame, spec.where)
    frame = _in_period(frame, spec)
    frame = _mature(frame, spec, data_cut)
    if spec.measure == "incidence":
        return frame
    if spec.recorded:
        return with_recorded(frame, spec.recorded, name=OUTCOME)
    if spec.kind == "process" and spec.values:
        return with_values(frame, spec.outcome, spec.values, name=OUTCOME)
    data = frame.data.assign(**{OUTCOME: _outcome(frame.data, spec)})
    return replace(frame, data=data, outcome=OUTCOME)


def keep_where(frame: Frame, where: Mapping[str, list[Any]]) -> Frame:
    """Keep rows by the values of columns; each column is a step of the flow."""
    need(frame, where)
    for column, values in where.items():
        words = ", ".join(CODE_WORDS.get(str(v), str(v).replace("_", " ")) for v in values)
        label = f"{frame.labels.get(column, column)}: {words}"
        frame = frame.keep(frame.data[column].isin(values), label)
    return frame


def need(frame: Frame, columns: Iterable[str]) -> None:
    """Refuse an indicator that names columns which its cohort lacks.

    Raises
    ------
    UsageError
        Naming the columns, and those that exist.
    """
    missing = [c for c in dict.fromkeys(columns) if c not in frame.data.columns]
    if missing:
        known = ", ".join(sorted(map(str, frame.data.columns)))
        raise UsageError(f"the cohort has no column {', '.join(missing)}; it has {known}.")


def _columns(spec: Indicator) -> list[str]:
    named = [*spec.where, *spec.recorded]
    named += [spec.outcome] if spec.outcome else []
    named += [c for part in spec.strata.values() for c in part]
    if spec.ascertainment is not None:
        named += [spec.ascertainment.examined]
        named += [spec.ascertainment.reason] if spec.ascertainment.reason else []
    if spec.maturity or spec.period.start is not None or spec.period.end is not None:
        named.append(DAY)
    return named


def _in_period(frame: Frame, spec: Indicator) -> Frame:
    start, end = spec.period.start, spec.period.end
    if start is None and end is None:
        return frame
    day = frame.data[DAY]
    inside = pd.Series(True, index=frame.data.index)
    if start is not None:
        inside &= day >= pd.Timestamp(start)
    if end is not None:
        inside &= day <= pd.Timestamp(end)
    words = f"{start or 'the first procedure'} to {end or 'the data cut'}"
    return frame.keep(inside, f"performed {words}")


def _mature(frame: Frame, spec: Indicator, data_cut: pd.Timestamp | None) -> Frame:
    if not spec.maturity:
        return frame
    if data_cut is None:
        raise UsageError("an indicator with a maturity needs the day of the data cut.")
    due = frame.data[DAY] + pd.Timedelta(days=spec.maturity)
    return frame.keep(due <= data_cut, f"{spec.maturity} days have passed since the procedure")


def _outcome(data: pd.DataFrame, spec: Indicator) -> pd.Series:
    values = data[spec.outcome]
    if spec.values:
        return values.isin(spec.values).astype(float).where(values.notna())
    words = values.astype(object).map({"yes": 1.0, "no": 0.0}.get)
    numbers = pd.to_numeric(values if values.dtype.kind in "fiub" else words, errors="coerce")
    known = numbers.notna()
    if not numbers[known].isin([0, 1]).all() or (known != values.notna()).any():
        raise UsageError(
            f"column '{spec.outcome}' is not one of 1 and 0 or yes and no; name the values that "
            "count in values = [...]."
        )
    return numbers.astype(float)
