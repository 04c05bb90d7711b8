"""Rates of groups against a reference: exact for independent rows, between clusters otherwise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import optimize, stats

from vpstats.errors import UsageError
from vpstats.frames import Frame
from vpstats.models.curve_fit import cause_name
from vpstats.models.followup import FollowUp, read_follow_up, row_caveats
from vpstats.models.shares import Limits, Vector, clopper_pearson, one_of, open_observed
from vpstats.results import Caveat, TableResult, critical_value, require_level

METHODS = ("exact", "mid-p", "clustered")


@dataclass(frozen=True, slots=True)
class _Rate:
    """Events and person-time of a group, and its rows' part in a variance between clusters."""

    name: str
    n: int
    events: float
    time: float
    influence: Vector
    cluster: NDArray[np.int64] | None

    @property
    def value(self) -> float:
        return self.events / self.time if self.time > 0 else np.nan


def compare_rates(
    data: pd.DataFrame | Frame,
    *,
    duration: str,
    event: str,
    by: str,
    cause: int = 1,
    entry: str | None = None,
    reference: str | None = None,
    method: str | None = None,
    per: float = 1.0,
    cluster: str | None = None,
    level: float = 0.95,
    independent: str | None = None,
) -> TableResult:
    """Ratios and differences of events per person-time between groups.

    Parameters
    ----------
    data : DataFrame or Frame
        One row per unit at risk.
    duration, event, entry
        Columns of follow-up, as in `kaplan_meier`.
    by : str
        Column of groups.
    cause : int
        Code of the event in question.
    reference : str, optional
        Group that the others are compared with; the first if None.
    method : {None, "exact", "mid-p", "clustered"}
        Interval and p-value of the ratio: exact given the number of events, the same with
        mid-p, or log-normal from the variance between clusters. None is "exact", and
        "clustered" where rows are clustered.
    per : float
        Person-time that differences are expressed per, as in `incidence_rates`.
    cluster : str, optional
        Column of clusters; the frame's own if None.
    level : float
        Confidence level.
    independent : str, optional
        Why clustered rows may be analysed as independent; it is printed.

    Returns
    -------
    TableResult
        Two rows per group: ``group, reference, measure, n, n_events, n_clusters, estimate,
        conf_low, conf_high, p_value, method``, with measures ``rate_ratio`` and
        ``rate_difference``; `n` and `n_events` are of both groups.

    Raises
    ------
    UsageError
        If a column is absent, the reference is not a group, or an exact method is asked of
        clustered rows.

    Notes
    -----
    An infinite ratio is not printed: where the reference has no event the estimate is NaN, and
    the exact interval has no upper limit.

    References
    ----------
    Przyborowski J, Wilenski H. Homogeneity of results in testing samples from Poisson series.
    Biometrika 1940;31:313-323. Rothman KJ, Greenland S, Lash TL. Modern Epidemiology. 2008.

    Examples
    --------
    >>> import pandas as pd
    >>> rows = pd.DataFrame({"years": [50.0, 100.0], "event": [1, 1], "arm": ["a", "b"]})
    >>> table = compare_rates(rows, duration="years", event="event", by="arm").tidy()
    >>> table.query("measure == 'rate_ratio'")[["estimate", "p_value"]].round(4).values.tolist()
    [[0.5, 1.0]]
    """
    require_level(level)
    if not per > 0:
        raise UsageError(f"per is {per!r}; expected a positive amount of person-time.")
    frame = open_observed(data, cluster=cluster, independent=independent)
    chosen = _choose(frame, method)
    follow_up = read_follow_up(frame, duration=duration, event=event, entry=entry, by=by)
    rates = [
        _rate(str(name), follow_up.rows(code), cause)
        for code, name in enumerate(follow_up.groups)
        if len(follow_up.rows(code))
    ]
    base = _reference(rates, reference, by)
    rows, caveats = [], []
    for rate in rates:
        if rate is not base:
            rows += _compare(rate, base, chosen, per, level)
            caveats += _empty(rate, base)
    clusters = follow_up.n_clusters
    first = row_caveats(frame, n_missing=follow_up.n_missing, n_clusters=clusters)
    return TableResult(
        title=f"Rates of {cause_name(frame, cause)} by {by}",
        unit=frame.unit,
        n=len(follow_up),
        n_events=int(sum(rate.events for rate in rates)),
        n_clusters=clusters,
        caveats=(*first, *caveats),
        level=level,
        table=pd.DataFrame(rows, columns=list(_COLUMNS)),
    )


_COLUMNS = (
    *("group", "reference", "measure", "n", "n_events", "n_clusters", "estimate", "conf_low"),
    *("conf_high", "p_value", "method"),
)


def _choose(frame: Frame, method: str | None) -> str:
    clustered = frame.cluster is not None
    if method is None:
        return "clustered" if clustered else "exact"
    name = one_of("method", method, METHODS)
    if clustered and name != "clustered":
        raise UsageError(
            f"method '{name}' takes rows as independent, and they are clustered in "
            f"'{frame.cluster}': use 'clustered', or give one row per cluster."
        )
    if not clustered and name == "clustered":
        raise UsageError("method 'clustered' needs clusters: give cluster=.")
    return name


def _rate(name: str, rows: FollowUp, cause: int) -> _Rate:
    start = 0.0 if rows.entry is None else np.maximum(rows.entry, 0.0)
    time, events = rows.exit - start, (rows.event == cause).astype(np.float64)
    total, length = float(events.sum()), float(time.sum())
    influence = events - (total / length if length > 0 else np.nan) * time
    return _Rate(name, len(rows), total, length, influence, rows.cluster)


def _reference(rates: list[_Rate], wanted: str | None, by: str) -> _Rate:
    if len(rates) < 2:
        raise UsageError("has fewer than two groups; there is nothing to compare.", column=by)
    found = [rate for rate in rates if wanted is None or rate.name == str(wanted)]
    if not found:
        listed = ", ".join(f"'{rate.name}'" for rate in rates)
        raise UsageError(f"reference '{wanted}' is not one of the groups {listed}.", column=by)
    return found[0]


def _empty(rate: _Rate, base: _Rate) -> list[Caveat]:
    names = [r.name for r in (rate, base) if r.events == 0]
    if not names:
        return []
    return [Caveat("zero_cell", f"No event was seen in {' or in '.join(names)}.")]


def _compare(
    rate: _Rate, base: _Rate, method: str, per: float, level: float
) -> list[dict[str, Any]]:
    if method == "clustered":
        ratio, difference, name = *_clustered(rate, base, level), "between clusters"
    else:
        ratio, difference = (
            _exact(rate, base, level, mid=method == "mid-p"),
            _wald(rate, base, level),
        )
        name = "exact, given the events" if method == "exact" else "mid-p, given the events"
    gap, p_gap, limits = difference
    shared = {
        "group": rate.name,
        "reference": base.name,
        "n": rate.n + base.n,
        "n_events": int(rate.events + base.events),
        "n_clusters": pd.NA if rate.cluster is None else _n_clusters(rate, base),
    }
    value = rate.value / base.value if base.events > 0 else np.nan
    return [
        shared | _row("rate_ratio", value, ratio[1], ratio[0], name),
        shared
        | _row(
            "rate_difference",
            gap * per,
            (limits[0] * per, limits[1] * per),
            p_gap,
            "Wald" if method != "clustered" else name,
        ),
    ]


def _row(
    measure: str, estimate: float, limits: Limits, p_value: float, method: str
) -> dict[str, Any]:
    return {
        "measure": measure,
        "estimate": float(estimate),
        "conf_low": float(limits[0]),
        "conf_high": float(limits[1]),
        "p_value": float(p_value),
        "method": method,
    }


def _exact(rate: _Rate, base: _Rate, level: float, *, mid: bool) -> tuple[float, Limits]:
    """p-value and limits of the ratio given the total number of events."""
    total = rate.events + base.events
    if total == 0 or not (rate.time > 0 and base.time > 0):
        return np.nan, (np.nan, np.nan)
    share = rate.time / (rate.time + base.time)
    limits = (
        _mid_p(rate.events, total, level) if mid else clopper_pearson(rate.events, total, level)
    )
    low, high = (base.time / rate.time * _odds(limit) for limit in limits)
    if not mid:
        p_value = stats.binomtest(int(rate.events), int(total), share).pvalue
        return float(p_value), (low, high)
    tails = [_mid_tail(rate.events, total, share), _mid_tail(base.events, total, 1 - share)]
    return float(min(1.0, 2 * min(tails))), (low, high)


def _odds(share: float) -> float:
    return share / (1 - share) if share < 1 else np.inf


def _mid_tail(events: float, total: float, share: float) -> float:
    """Probability of fewer events, and half that of as many."""
    law = stats.binom(total, share)
    return float(law.cdf(events) - law.pmf(events) / 2)


def _mid_p(events: float, total: float, level: float) -> Limits:
    tail = (1 - level) / 2
    low, high = 0.0, 1.0
    if events > 0:
        low = optimize.brentq(
            lambda p: 1 - _mid_tail(events, total, p) - tail, 0.0, 1.0, xtol=1e-15, rtol=1e-14
        )
    if events < total:
        high = optimize.brentq(
            lambda p: _mid_tail(events, total, p) - tail, 0.0, 1.0, xtol=1e-15, rtol=1e-14
        )
    return float(low), float(high)


def _wald(rate: _Rate, base: _Rate, level: float) -> tuple[float, float, Limits]:
    """Difference of the rates, its p-value and limits."""
    gap = rate.value - base.value
    if np.isnan(gap):
        return np.nan, np.nan, (np.nan, np.nan)
    error = np.sqrt(rate.events / rate.time**2 + base.events / base.time**2)
    return _normal(gap, error, np.inf, level)


def _normal(gap: float, error: float, df: float, level: float) -> tuple[float, float, Limits]:
    if not error > 0:
        return gap, np.nan, (np.nan, np.nan)
    half = float(critical_value(level, df)) * error
    tail = stats.norm.sf if np.isinf(df) else stats.t(df).sf
    return gap, float(2 * tail(abs(gap) / error)), (gap - half, gap + half)


def _n_clusters(*rates: _Rate) -> int:
    codes = [rate.cluster for rate in rates if rate.cluster is not None]
    return int(np.unique(np.concatenate(codes)).size)


def _clustered(
    rate: _Rate, base: _Rate, level: float
) -> tuple[tuple[float, Limits], tuple[float, float, Limits]]:
    """p-value and limits of the ratio, and the difference, from sums over clusters."""
    df = float(max(1, _n_clusters(rate, base) - 1))
    if not (rate.time > 0 and base.time > 0):
        return (np.nan, (np.nan, np.nan)), (np.nan, np.nan, (np.nan, np.nan))
    gap = _normal(rate.value - base.value, _spread(rate, base, rate.time, base.time), df, level)
    if not rate.events * base.events > 0:
        return (np.nan, (np.nan, np.nan)), gap
    error = _spread(rate, base, rate.events, base.events)
    _, p_value, limits = _normal(np.log(rate.value / base.value), error, df, level)
    return (p_value, (float(np.exp(limits[0])), float(np.exp(limits[1])))), gap


def _spread(rate: _Rate, base: _Rate, own: float, other: float) -> float:
    """Root of the variance between clusters of a difference of two scaled sums."""
    parts = [(rate.cluster, rate.influence / own), (base.cluster, -base.influence / other)]
    codes = np.concatenate([c for c, _ in parts if c is not None])
    sums = np.bincount(codes, np.concatenate([v for _, v in parts]))
    clusters = np.unique(codes).size
    return float(np.sqrt(clusters / (clusters - 1) * (sums @ sums))) if clusters > 1 else np.nan
