"""Shares of rows with an event, and events per person-time, with exact intervals.

Where rows are clustered the exact interval is computed for the effective sample size: the number
of independent rows that would carry as much information. One rule serves both estimates, and
without clusters (design effect 1) it is the textbook interval.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from vpstats.errors import UsageError
from vpstats.frames import Frame
from vpstats.models.columns import read_response, require_columns
from vpstats.models.curve_fit import cause_name
from vpstats.models.followup import (
    Codes,
    FollowUp,
    Vector,
    read_follow_up,
    row_caveats,
)
from vpstats.models.shares import (
    ALL,
    PROPORTION_LIMITS,
    Limits,
    Method,
    RatioSum,
    frame_clusters,
    members,
    one_of,
    open_observed,
    ratio_sum,
    share_error,
    share_limits,
)
from vpstats.results import Caveat, TableResult, critical_value, require_level


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
    method : {"clopper-pearson", "wilson", "wald", "agresti-coull", "jeffreys"}
        Exact (never below its level), score, or another named interval. Wald's is too narrow for
        few events and does not exist at 0 or all.
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
    each cluster then counts as one row. For no event a caveat gives the one-sided limit, of which
    3/n is the rule of thumb.

    References
    ----------
    Clopper CJ, Pearson ES. Biometrika 1934;26:404-413. Wilson EB. J Am Stat Assoc
    1927;22:209-212. Hanley JA, Lippman-Hand A. If nothing goes wrong, is everything all right?
    JAMA 1983;249:1743-1745. Korn EL, Graubard BI. Confidence intervals for proportions with small
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
    one_of("method", method, PROPORTION_LIMITS)
    frame = open_observed(data, cluster=cluster, independent=independent)
    require_columns(frame.data, [outcome])
    value = read_response(frame.data[outcome])
    used = ~np.isnan(value)
    ids = frame_clusters(frame)
    rows: list[dict[str, Any]] = [
        {"group": name, "n_missing": int(np.count_nonzero(~used[own]))}
        | _share(value[own[used[own]]], _at(ids, own[used[own]]), method, level)
        for name, own in members(frame.data, by)
    ]
    n = sum(row["n"] for row in rows)
    clusters = None if ids is None else int(np.unique(ids[used]).size)
    fields = _result_fields(frame, rows, level, n_missing=len(frame) - n, n_clusters=clusters)
    fields["caveats"] += tuple(
        _no_events(row, level) for row in rows if row["n_events"] == 0 < row["n"]
    )
    return TableResult(
        title=f"Share with {frame.labels.get(outcome, outcome)}",
        **fields,
        table=pd.DataFrame(rows, columns=list(_SHARE_COLUMNS)),
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
    frame = open_observed(data, cluster=cluster, independent=independent)
    follow_up = read_follow_up(frame, duration=duration, event=event, entry=entry, by=by)
    rows = []
    for code, name in enumerate(follow_up.groups):
        part = follow_up.rows(code)
        rows.append({"group": ALL if by is None else str(name)} | _rate(part, cause, per, level))
    missing, clusters = follow_up.n_missing, follow_up.n_clusters
    fields = _result_fields(frame, rows, level, n_missing=missing, n_clusters=clusters)
    title = f"Incidence rate of {cause_name(frame, cause)}"
    return TableResult(title=title, **fields, table=pd.DataFrame(rows)[list(_RATE_COLUMNS)])


_SHARE_COLUMNS = (
    *("group", "n", "n_events", "n_clusters", "n_missing", "estimate", "std_error"),
    *("conf_low", "conf_high", "design_effect", "method"),
)
_RATE_COLUMNS = (
    *("group", "n", "n_events", "n_clusters", "person_time", "estimate", "std_error"),
    *("conf_low", "conf_high", "design_effect", "method"),
)


def _no_events(row: dict[str, Any], level: float) -> Caveat:
    """What no event among n rows says: the one-sided limit, of which 3/n is the rule of thumb."""
    size = row["n"] / row["design_effect"]
    high = -np.expm1(np.log1p(-level) / size)
    message = (
        f"{row['group']}: no event among {row['n']:,} rows; with {100 * level:g} % confidence the "
        f"share is below {100 * high:.2g} % (rule of three: {100 * 3 / size:.2g} %)."
    )
    return Caveat("no_events", message)


def _at(codes: Codes | None, rows: NDArray[np.intp]) -> Codes | None:
    return None if codes is None else codes[rows]


def _share(value: Vector, cluster: Codes | None, method: Method, level: float) -> dict[str, Any]:
    total = ratio_sum(value, np.ones_like(value), cluster)
    effect = total.design_effect(total.binomial_variance)
    limits = share_limits(total, method, level)
    return _row(total, total.ratio, share_error(total), limits, effect, method)


def _rate(rows: FollowUp, cause: int, per: float, level: float) -> dict[str, Any]:
    start = 0.0 if rows.entry is None else np.maximum(rows.entry, 0.0)
    total = ratio_sum((rows.event == cause).astype(float), rows.exit - start, rows.cluster)
    independent = total.events / total.size**2 if total.size > 0 else np.nan
    effect = total.design_effect(independent)
    events, time = total.events, total.size
    if total.clusters is not None:
        wider = critical_value(level) / critical_value(level, max(1, total.clusters - 1))
        shrink = min(1.0, float(wider) ** 2 / effect)
        events, time = events * shrink, time * shrink
    low, high = poisson_limits(events, time, level) if time > 0 else (np.nan, np.nan)
    variance = independent if total.clusters is None else total.variance
    limits = (low * per, high * per)
    row = _row(total, total.ratio * per, np.sqrt(variance) * per, limits, effect, "exact Poisson")
    return row | {"person_time": total.size}


def _row(
    total: RatioSum, estimate: float, std_error: float, limits: Limits, effect: float, method: str
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


def poisson_limits(events: float, time: float, level: float) -> Limits:
    """Exact limits of a rate by the Poisson distribution; events need not be whole (clustered).

    Examples
    --------
    >>> low, high = poisson_limits(3.0, 1.0, 0.95)
    >>> round(low, 4), round(high, 4)
    (0.6187, 8.7673)
    """
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
