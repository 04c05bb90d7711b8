"""Shares of rows with an event, and events per person-time, with exact intervals.

Where rows are clustered the exact interval is computed for the effective sample size: the number
of independent rows that would carry as much information. One rule serves both estimates, and
without clusters (design effect 1) it is the textbook interval.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from vpstats.errors import UsageError
from vpstats.frames import Frame, open_data
from vpstats.models.columns import read_response, require_columns
from vpstats.models.followup import (
    Codes,
    FollowUp,
    Vector,
    codes_of,
    read_follow_up,
    row_caveats,
)
from vpstats.results import TableResult, critical_value, require_level

Method = Literal["clopper-pearson", "wilson"]
Limits = tuple[float, float]

ALL = "All"
"""Name of the group of every row."""


@dataclass(frozen=True, slots=True)
class _Sum:
    """Clustered counts of one group: a ratio of sums and what is needed for its variance.

    events, size: totals of the numerator and the denominator; rows: rows; clusters: clusters, or
    None where rows are independent; spread: sum over clusters of (numerator − ratio ×
    denominator)².
    """

    events: float
    size: float
    rows: int
    clusters: int | None
    spread: float

    @property
    def ratio(self) -> float:
        return self.events / self.size if self.size > 0 else np.nan

    @property
    def variance(self) -> float:
        """Variance of the ratio between clusters, linearised."""
        if self.clusters is None or self.clusters < 2:
            return np.nan
        return self.clusters / (self.clusters - 1) * self.spread / self.size**2

    def design_effect(self, independent: float) -> float:
        """Variance over that of independent rows; at least 1.

        Where no variance can be seen (no event, or nothing but events, or one cluster), a
        cluster counts as one row, which is the most careful assumption.
        """
        if self.clusters is None:
            return 1.0
        if not (independent > 0 and np.isfinite(self.variance)):
            return max(1.0, self.rows / self.clusters) if self.clusters else 1.0
        return max(1.0, self.variance / independent)


def _total(numerator: Vector, denominator: Vector, cluster: Codes | None) -> _Sum:
    events, size = float(numerator.sum()), float(denominator.sum())
    if cluster is None:
        return _Sum(events, size, numerator.size, None, np.nan)
    residual = numerator - (events / size if size > 0 else np.nan) * denominator
    sums = np.bincount(cluster, residual)
    return _Sum(events, size, numerator.size, int(np.unique(cluster).size), float(sums @ sums))


def event_rates(
    data: pd.DataFrame | Frame,
    *,
    outcome: str,
    by: str | None = None,
    method: Method = "clopper-pearson",
    cluster: str | None = None,
    level: float = 0.95,
    independent: str | None = None,
) -> TableResult:
    """Share of rows with the outcome, with an interval that holds for small numbers.

    Parameters
    ----------
    data : DataFrame or Frame
        The rows, shape (n, …).
    outcome : str
        Column of 0 and 1, booleans or yes/no codes; rows without a value are left out.
    by : str, optional
        Column of groups; one row of the table each.
    method : {"clopper-pearson", "wilson"}
        Exact (never below its level) or score interval.
    cluster : str, optional
        Column of clusters; the frame's own if None. The interval is then that of the effective
        sample size (Korn and Graubard's), never more than the number of rows.
    level : float
        Confidence level.
    independent : str, optional
        Why clustered rows may be analysed as independent; it is printed.

    Returns
    -------
    TableResult
        One row per group: ``group, n, n_events, n_clusters, n_missing, estimate, std_error,
        conf_low, conf_high, design_effect, method``. The estimate is a share (0 to 1).

    Raises
    ------
    UsageError
        If a column is absent, the outcome is not two-valued, or `method` is unknown.

    Notes
    -----
    Where no row of a group has the outcome, or every one has, the design effect cannot be seen;
    each cluster then counts as one row.

    References
    ----------
    Clopper CJ, Pearson ES. Biometrika 1934;26:404-413. Wilson EB. J Am Stat Assoc
    1927;22:209-212. Korn EL, Graubard BI. Confidence intervals for proportions with small
    expected number of positive counts estimated from survey data. Surv Methodol 1998;24:193-201.

    Examples
    --------
    >>> import pandas as pd
    >>> rows = pd.DataFrame({"leak": [1, 0, 0, 0, 0, 0, 0, 0, 0, 0]})
    >>> table = event_rates(rows, outcome="leak").tidy()
    >>> table[["estimate", "conf_low", "conf_high"]].round(4).to_numpy().tolist()
    [[0.1, 0.0025, 0.445]]
    """
    require_level(level)
    if method not in _PROPORTION_LIMITS:
        raise UsageError(f"method is '{method}'; expected 'clopper-pearson' or 'wilson'.")
    frame = open_data(data, cluster=cluster, independent=independent)
    require_columns(frame.data, [outcome])
    value = read_response(frame.data[outcome])
    used = ~np.isnan(value)
    ids = _cluster(frame)
    rows: list[dict[str, Any]] = [
        {"group": name, "n_missing": int(np.count_nonzero(~used[own]))}
        | _share(value[own[used[own]]], _at(ids, own[used[own]]), method, level)
        for name, own in members(frame.data, by)
    ]
    n = sum(row["n"] for row in rows)
    clusters = None if ids is None else int(np.unique(ids[used]).size)
    return TableResult(
        title=f"Share with {frame.labels.get(outcome, outcome)}",
        **_result_fields(frame, rows, level, n_missing=len(frame) - n, n_clusters=clusters),
        table=pd.DataFrame(rows)[list(_SHARE_COLUMNS)],
    )


def incidence_rates(
    data: pd.DataFrame | Frame,
    *,
    duration: str,
    event: str,
    cause: int = 1,
    by: str | None = None,
    entry: str | None = None,
    per: float = 1.0,
    cluster: str | None = None,
    level: float = 0.95,
    independent: str | None = None,
) -> TableResult:
    """Events per person-time, with exact Poisson intervals.

    Parameters
    ----------
    data : DataFrame or Frame
        One row per unit at risk.
    duration, event, entry
        Columns of follow-up, as in `kaplan_meier`.
    cause : int
        Code of the event in question.
    by : str, optional
        Column of groups; one row of the table each.
    per : float
        Person-time that the rate is expressed per, in the unit of the duration column: 36525 for
        events per 100 years where it is in days.
    cluster : str, optional
        Column of clusters; the frame's own if None. The interval is then that of the effective
        number of events.
    level : float
        Confidence level.
    independent : str, optional
        Why clustered rows may be analysed as independent; it is printed.

    Returns
    -------
    TableResult
        One row per group: ``group, n, n_events, n_clusters, person_time, estimate, std_error,
        conf_low, conf_high, design_effect, method``.

    Raises
    ------
    UsageError
        If a column is absent or not what it should be, or `per` is not positive.

    References
    ----------
    Garwood F. Fiducial limits for the Poisson distribution. Biometrika 1936;28:437-442.

    Examples
    --------
    >>> import pandas as pd
    >>> rows = pd.DataFrame({"years": [2.0, 3.0, 5.0], "event": [1, 0, 0]})
    >>> table = incidence_rates(rows, duration="years", event="event").tidy()
    >>> table[["estimate", "conf_low", "conf_high"]].round(4).to_numpy().tolist()
    [[0.1, 0.0025, 0.5572]]
    """
    require_level(level)
    if not per > 0:
        raise UsageError(f"per is {per!r}; expected a positive amount of person-time.")
    frame = open_data(data, cluster=cluster, independent=independent)
    follow_up = read_follow_up(frame, duration=duration, event=event, entry=entry, by=by)
    rows = []
    for code, name in enumerate(follow_up.groups):
        part = follow_up.rows(code)
        rows.append({"group": ALL if by is None else str(name)} | _rate(part, cause, per, level))
    missing, clusters = follow_up.n_missing, follow_up.n_clusters
    fields = _result_fields(frame, rows, level, n_missing=missing, n_clusters=clusters)
    title = f"Incidence rate of {frame.causes.get(cause, f'cause {cause}')}"
    return TableResult(title=title, **fields, table=pd.DataFrame(rows)[list(_RATE_COLUMNS)])


_SHARE_COLUMNS = (
    *("group", "n", "n_events", "n_clusters", "n_missing", "estimate", "std_error"),
    *("conf_low", "conf_high", "design_effect", "method"),
)
_RATE_COLUMNS = (
    *("group", "n", "n_events", "n_clusters", "person_time", "estimate", "std_error"),
    *("conf_low", "conf_high", "design_effect", "method"),
)


def members(data: pd.DataFrame, by: str | None) -> list[tuple[str, NDArray[np.intp]]]:
    """Name and row positions of each group, in order; one group of all rows without `by`."""
    if by is None:
        return [(ALL, np.arange(len(data)))]
    require_columns(data, [by])
    codes, names = codes_of(data[by])
    return [(str(name), np.flatnonzero(codes == i)) for i, name in enumerate(names)]


def _cluster(frame: Frame) -> Codes | None:
    return None if frame.cluster is None else codes_of(frame.data[frame.cluster])[0]


def _at(codes: Codes | None, rows: NDArray[np.intp]) -> Codes | None:
    return None if codes is None else codes[rows]


def _share(value: Vector, cluster: Codes | None, method: Method, level: float) -> dict[str, Any]:
    total = _total(value, np.ones_like(value), cluster)
    p = total.ratio
    independent = p * (1 - p) / total.size if total.size else np.nan
    effect = total.design_effect(independent)
    size = total.size
    if total.clusters is not None and size > 1:
        # degrees of freedom are the clusters': Korn and Graubard's adjustment
        wider = critical_value(level, size - 1) / critical_value(level, max(1, total.clusters - 1))
        size = min(size, size / effect * float(wider) ** 2)
    low, high = _PROPORTION_LIMITS[method](p * size, size, level) if size else (np.nan, np.nan)
    variance = independent if total.clusters is None else total.variance
    return _row(total, p, np.sqrt(variance), (low, high), effect, method)


def _rate(rows: FollowUp, cause: int, per: float, level: float) -> dict[str, Any]:
    start = 0.0 if rows.entry is None else np.maximum(rows.entry, 0.0)
    total = _total((rows.event == cause).astype(float), rows.exit - start, rows.cluster)
    independent = total.events / total.size**2 if total.size > 0 else np.nan
    effect = total.design_effect(independent)
    events, time = total.events, total.size
    if total.clusters is not None:
        wider = critical_value(level) / critical_value(level, max(1, total.clusters - 1))
        shrink = min(1.0, float(wider) ** 2 / effect)
        events, time = events * shrink, time * shrink
    low, high = _poisson_limits(events, time, level) if time > 0 else (np.nan, np.nan)
    variance = independent if total.clusters is None else total.variance
    limits = (low * per, high * per)
    row = _row(total, total.ratio * per, np.sqrt(variance) * per, limits, effect, "exact Poisson")
    return row | {"person_time": total.size}


def _row(
    total: _Sum, estimate: float, std_error: float, limits: Limits, effect: float, method: str
) -> dict[str, Any]:
    return {
        "n": total.rows,
        "n_events": int(total.events),
        "n_clusters": pd.NA if total.clusters is None else total.clusters,
        "estimate": estimate,
        "std_error": float(std_error),
        "conf_low": limits[0],
        "conf_high": limits[1],
        "design_effect": effect,
        "method": method if total.clusters is None else f"{method}, effective size",
    }


def clopper_pearson(events: float, size: float, level: float) -> Limits:
    """Exact limits of a proportion.

    Parameters
    ----------
    events, size : float
        Events and rows; effective sizes need not be whole numbers.
    level : float
        Confidence level.

    Returns
    -------
    tuple of float
        Lower and upper limit.

    References
    ----------
    Clopper CJ, Pearson ES (1934).

    Examples
    --------
    >>> [round(limit, 4) for limit in clopper_pearson(0, 10, 0.95)]
    [0.0, 0.3085]
    """
    tail = (1 - require_level(level)) / 2
    low = stats.beta.ppf(tail, events, size - events + 1) if events > 0 else 0.0
    high = stats.beta.ppf(1 - tail, events + 1, size - events) if events < size else 1.0
    return float(low), float(high)


def wilson(events: float, size: float, level: float) -> Limits:
    """Score limits of a proportion.

    Parameters
    ----------
    events, size, level : float
        As in `clopper_pearson`.

    Returns
    -------
    tuple of float
        Lower and upper limit.

    References
    ----------
    Wilson EB (1927).

    Examples
    --------
    >>> [round(limit, 4) for limit in wilson(1, 10, 0.95)]
    [0.0179, 0.4042]
    """
    z2 = float(critical_value(level)) ** 2
    p = events / size
    centre = (events + z2 / 2) / (size + z2)
    half = np.sqrt(z2 * (p * (1 - p) * size + z2 / 4)) / (size + z2)
    # at 0 or all events one limit is exact, which rounding would miss
    low = 0.0 if events <= 0 else centre - half
    high = 1.0 if events >= size else centre + half
    return float(low), float(high)


_PROPORTION_LIMITS: dict[str, Callable[[float, float, float], Limits]] = {
    "clopper-pearson": clopper_pearson,
    "wilson": wilson,
}


def _poisson_limits(events: float, time: float, level: float) -> Limits:
    tail = (1 - level) / 2
    low = stats.chi2.ppf(tail, 2 * events) / 2 if events > 0 else 0.0
    high = stats.chi2.ppf(1 - tail, 2 * events + 2) / 2
    return float(low / time), float(high / time)


def _result_fields(
    frame: Frame,
    rows: list[dict[str, Any]],
    level: float,
    *,
    n_missing: int,
    n_clusters: int | None,
) -> dict[str, Any]:
    """What a table over groups says of the whole."""
    return {
        "unit": frame.unit,
        "n": sum(row["n"] for row in rows),
        "n_events": sum(row["n_events"] for row in rows),
        "n_clusters": n_clusters,
        "caveats": tuple(row_caveats(frame, n_missing=n_missing, n_clusters=n_clusters)),
        "level": level,
    }
