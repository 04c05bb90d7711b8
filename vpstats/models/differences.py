"""Groups compared at fixed times: risk differences and ratios."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pandas as pd

from vpstats.errors import UsageError
from vpstats.frames import Frame, Imputations, open_data
from vpstats.models.contrasts import (
    NO_ROWS,
    Numbers,
    contrast_caveats,
    contrast_outcome,
    contrast_table,
    reference_of,
    within_follow_up,
)
from vpstats.models.curve_fit import CurveRequest, cause_name, require_one_cause
from vpstats.models.followup import Vector, read_follow_up, row_caveats
from vpstats.models.functionals import Functionals, estimate_functionals, reading
from vpstats.models.pooled_contrasts import pooled_contrasts
from vpstats.results import Caveat, TableResult, curve_limits

Estimand = Literal["incidence", "survival"]


@dataclass(frozen=True, kw_only=True)
class FixedTimeComparison(TableResult):
    """Risks of groups at fixed times, their differences and their ratios.

    `table` has one row per time, contrast and group: ``time, measure, cause, contrast, group,
    reference, estimate, std_error, statistic, p_value, conf_low, conf_high``.

    Parameters
    ----------
    by : str
        Grouping column.
    conf_type : str
        Scale of the limits of the risks themselves.
    """

    by: str = ""
    conf_type: str = "log-log"


def _limits(result: TableResult, value: Vector, error: Vector) -> tuple[Vector, Vector]:
    conf_type = result.conf_type if isinstance(result, FixedTimeComparison) else "plain"
    return curve_limits(value, error, level=result.level, conf_type=conf_type)


@pooled_contrasts(_limits)
def compare_at(
    data: pd.DataFrame | Frame | Imputations,
    *,
    duration: str,
    event: str,
    by: str,
    times: float | Sequence[float],
    cause: int = 1,
    estimand: Estimand = "incidence",
    competing: Literal["censor"] | None = None,
    reference: object = None,
    entry: str | None = None,
    weights: str | None = None,
    cluster: str | None = None,
    level: float = 0.95,
    conf_type: Literal["log-log", "log", "plain"] = "log-log",
    independent: str | None = None,
) -> FixedTimeComparison:
    """Compare the risk of an event between groups at fixed times.

    Parameters
    ----------
    data, duration, entry, weights, level, conf_type, independent
        As in `kaplan_meier`; `conf_type` is the scale of the limits of the risks themselves.
    event : str
        Column of codes: 0 censored, 1, 2, … the cause of the event.
    by : str
        Column of groups.
    times : float or sequence of float
        Times at which to compare, in the unit of `duration`.
    cause : int
        Code of the event in question.
    estimand : {"incidence", "survival"}
        The cumulative incidence of the cause, or the probability of no event.
    competing : {None, "censor"}
        For "survival": "censor" treats competing events as censored and adds a caveat.
    reference : optional
        Value of `by` that the others are compared with; the first if None.
    cluster : str, optional
        Column of clusters; the frame's own if None. Patients may have rows in several groups: the
        covariance between the groups is part of the error of differences and ratios.

    Returns
    -------
    FixedTimeComparison
        Per time the estimate of each group (``contrast`` "none"), then the differences and ratios
        to the reference. Limits of a difference are symmetric, those of a ratio on the log scale,
        where its `std_error` stands. NaN where a group was not followed so far, and for a ratio
        where a risk is 0.

    Raises
    ------
    UsageError
        If a column is absent or not what it should be, a time is negative, the reference is no
        group, or competing events are handed to "survival".

    References
    ----------
    Klein JP, Logan B, Harhoff M, Andersen PK. Analyzing survival curves at a fixed point in time.
    Stat Med 2007;26:4505-4519.

    Examples
    --------
    >>> import pandas as pd
    >>> rows = pd.DataFrame(
    ...     {"days": [5, 8, 9, 20, 7, 20, 20, 20], "event": [1, 1, 2, 0, 1, 0, 2, 0],
    ...      "disc_leak": ["yes"] * 4 + ["no"] * 4}
    ... )
    >>> compared = compare_at(rows, duration="days", event="event", by="disc_leak", times=10)
    >>> compared.tidy()[["contrast", "group", "reference", "estimate"]]
         contrast group reference  estimate
    0        none    no      None      0.25
    1        none   yes      None      0.50
    2  difference   yes        no      0.25
    3       ratio   yes        no      2.00
    """
    if estimand not in ("incidence", "survival"):
        raise UsageError(f"estimand is {estimand!r}; expected 'incidence' or 'survival'.")
    at = _times(times)
    frame = open_data(data, cluster=cluster, independent=independent)
    request = CurveRequest(estimand, _title(frame, estimand, cause), cause, None, level, conf_type)
    rows = read_follow_up(
        frame, duration=duration, event=event, entry=entry, weights=weights, by=by
    )
    said: list[Caveat] = []
    if estimand == "survival":
        rows, said = require_one_cause(rows, event, competing)
    result = FixedTimeComparison(
        title=request.title,
        unit=frame.unit,
        n=len(rows),
        n_events=int(np.count_nonzero(rows.event == cause)),
        n_clusters=rows.n_clusters,
        level=level,
        table=contrast_table([], None, level),
        by=by,
        conf_type=conf_type,
    )
    if not len(rows):
        said += row_caveats(frame, n_missing=rows.n_missing, n_clusters=rows.n_clusters)
        return replace(result, caveats=tuple(said), status=NO_ROWS[0], reason=NO_ROWS[1])
    found = estimate_functionals(rows, None if estimand == "survival" else cause, reading(at))
    found = within_follow_up(found, at)
    base = reference_of(found.groups, reference)
    numbers = _numbers(found, at, request, cause_name(frame, cause))
    table = contrast_table(numbers, base, level)
    status, reason = contrast_outcome(found, table)
    caveats = (*said, *contrast_caveats(frame, rows, [found], at))
    return replace(result, table=table, caveats=caveats, status=status, reason=reason)


def _title(frame: Frame, estimand: str, cause: int) -> str:
    if estimand == "survival":
        return "Survival of groups at fixed times"
    return f"Cumulative incidence of {cause_name(frame, cause)} in groups at fixed times"


def _times(times: float | Sequence[float]) -> Vector:
    at = np.atleast_1d(np.asarray(times, dtype=float))
    if not at.size or not np.all(np.isfinite(at) & (at >= 0)):
        raise UsageError(f"times is {times!r}; expected times of at least 0.")
    return at


def _numbers(found: Functionals, at: Vector, request: CurveRequest, cause: str) -> list[Numbers]:
    survival = request.estimand == "survival"
    numbers = []
    for j, time in enumerate(at):
        value = 1.0 - found.estimate[:, j] if survival else found.estimate[:, j]
        covariance = found.covariance[j]
        low, high = curve_limits(
            value, np.sqrt(np.diag(covariance)), level=request.level, conf_type=request.conf_type
        )
        named = (float(time), request.estimand, "any" if survival else cause)
        numbers.append(Numbers(*named, found.groups, value, covariance, low, high))
    return numbers
