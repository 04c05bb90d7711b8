"""Survival, incidence and cumulative hazard as step curves: any table → `CurveResult`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from vpstats.errors import UsageError
from vpstats.frames import Frame, open_data
from vpstats.models.followup import FollowUp, Vector, read_follow_up, row_caveats
from vpstats.models.steps import (
    Counts,
    count,
    greenwood,
    greenwood_incidence,
    hazard_influence,
    incidence,
    incidence_influence,
    jackknife,
)
from vpstats.results import Caveat, CurveResult, require_level

ConfType = Literal["log-log", "log", "plain"]

STEP_COLUMNS = ("time", "n_risk", "n_event", "n_censor", "estimate", "std_error")


@dataclass(frozen=True, slots=True)
class _Request:
    """What is asked of a curve, beside the rows."""

    estimand: str
    title: str
    cause: int | None
    by: str | None
    level: float
    conf_type: str

    def __post_init__(self) -> None:
        require_level(self.level)
        known = ("log", "plain") if self.estimand == "cumulative_hazard" else _CONF_TYPES
        if self.conf_type not in known:
            expected = ", ".join(f"'{name}'" for name in known)
            raise UsageError(f"conf_type is '{self.conf_type}'; expected one of {expected}.")
        if self.cause is not None and (self.cause != int(self.cause) or self.cause < 1):
            raise UsageError(f"cause is {self.cause!r}; expected an event code: 1, 2, ….")
        if self.by in (*STEP_COLUMNS, "conf_low", "conf_high"):
            raise UsageError(
                f"by='{self.by}' is the name of a column of the result; rename the column."
            )


_CONF_TYPES = ("log-log", "log", "plain")


def kaplan_meier(
    data: pd.DataFrame | Frame,
    *,
    duration: str,
    event: str,
    by: str | None = None,
    entry: str | None = None,
    weights: str | None = None,
    cluster: str | None = None,
    competing: Literal["censor"] | None = None,
    level: float = 0.95,
    conf_type: ConfType = "log-log",
    independent: str | None = None,
) -> CurveResult:
    """Estimate the probability of no event by each time.

    Parameters
    ----------
    data : DataFrame or Frame
        One row per unit at risk, shape (n, …).
    duration : str
        Column of the time at which follow-up ends, from its start; numbers in any unit, or
        timedeltas (read as days).
    event : str
        Column of 0 (censored) and 1 (event), or booleans.
    by : str, optional
        Column of groups; one curve each.
    entry : str, optional
        Column of the time after which a row is at risk (delayed entry); 0 means from the start.
        The frame's own if None.
    weights : str, optional
        Column of weights: whole numbers count as repeated rows; with others the variance is the
        infinitesimal jackknife.
    cluster : str, optional
        Column of clusters; the frame's own if None. The variance is then the infinitesimal
        jackknife summed by cluster.
    competing : {None, "censor"}
        "censor" treats competing events (codes above 1) as censored and adds a caveat.
    level : float
        Confidence level.
    conf_type : {"log-log", "log", "plain"}
        Scale on which pointwise limits are formed.
    independent : str, optional
        Why clustered rows may be analysed as independent; it is printed.

    Returns
    -------
    CurveResult
        With estimand "survival".

    Raises
    ------
    UsageError
        If other causes than 1 occur and `competing` does not say what to do with them; if a
        column is absent or not what it should be.

    References
    ----------
    Kaplan EL, Meier P. Nonparametric estimation from incomplete observations. J Am Stat Assoc
    1958;53:457-481. Greenwood M (1926). Therneau TM, Grambsch PM. Modeling Survival Data.
    Springer, 2000.

    Examples
    --------
    >>> import pandas as pd
    >>> rows = pd.DataFrame({"days": [10, 20, 20, 30], "died": [1, 1, 0, 1]})
    >>> curve = kaplan_meier(rows, duration="days", event="died")
    >>> curve.tidy()[["time", "n_risk", "estimate"]]
       time  n_risk  estimate
    0  10.0       4      0.75
    1  20.0       3      0.50
    2  30.0       1      0.00
    """
    frame = open_data(data, cluster=cluster, independent=independent)
    request = _Request("survival", "Kaplan–Meier survival", None, by, level, conf_type)
    rows = read_follow_up(
        frame, duration=duration, event=event, entry=entry, weights=weights, by=by
    )
    rows, caveats = _one_cause(rows, event, competing)
    return _curve_result(frame, rows, request, _survival, caveats)


def cumulative_incidence(
    data: pd.DataFrame | Frame,
    *,
    duration: str,
    event: str,
    cause: int = 1,
    by: str | None = None,
    entry: str | None = None,
    cluster: str | None = None,
    level: float = 0.95,
    conf_type: ConfType = "log-log",
    independent: str | None = None,
) -> CurveResult:
    """Estimate the probability that the event of a cause has happened by each time.

    Competing events end the follow-up of a row without making the event possible later, so the
    incidences of all causes and the survival add up to 1.

    Parameters
    ----------
    data, duration, by, entry, cluster, level, conf_type, independent
        As in `kaplan_meier`.
    event : str
        Column of codes: 0 censored, 1, 2, … the cause of the event.
    cause : int
        Code of the event in question.

    Returns
    -------
    CurveResult
        With estimand "incidence"; `n_event` counts the events of the cause. The variance is
        exact under ties: the competing-risks form of Greenwood's for independent rows at risk
        from the start, else the infinitesimal jackknife (summed by cluster).

    Raises
    ------
    UsageError
        If a column is absent or not what it should be, or `cause` is not an event code.

    References
    ----------
    Aalen OO, Johansen S (1978). Marubini E, Valsecchi MG (1995). Therneau TM, Grambsch PM (2000).
    Putter H, Fiocco M, Geskus RB. Tutorial in biostatistics: competing risks and multi-state
    models. Stat Med 2007;26:2389-2430.

    Examples
    --------
    >>> import pandas as pd
    >>> rows = pd.DataFrame({"days": [10, 20, 30, 40], "event": [1, 2, 1, 0]})
    >>> cumulative_incidence(rows, duration="days", event="event").tidy()["estimate"].tolist()
    [0.25, 0.25, 0.5, 0.5]
    """
    frame = open_data(data, cluster=cluster, independent=independent)
    title = f"Cumulative incidence of {_name_of(frame, cause)}"
    request = _Request("incidence", title, cause, by, level, conf_type)
    rows = read_follow_up(frame, duration=duration, event=event, entry=entry, by=by)
    return _curve_result(frame, rows, request, _incidence, [])


def nelson_aalen(
    data: pd.DataFrame | Frame,
    *,
    duration: str,
    event: str,
    cause: int = 1,
    by: str | None = None,
    entry: str | None = None,
    weights: str | None = None,
    cluster: str | None = None,
    level: float = 0.95,
    conf_type: Literal["log", "plain"] = "log",
    independent: str | None = None,
) -> CurveResult:
    """Estimate the cumulative hazard of a cause.

    Parameters
    ----------
    data, duration, by, entry, weights, cluster, level, independent
        As in `kaplan_meier`.
    event : str
        Column of codes: 0 censored, 1, 2, … the cause of the event.
    cause : int
        Code of the event in question; rows with another one are at risk until then.
    conf_type : {"log", "plain"}
        Scale on which pointwise limits are formed.

    Returns
    -------
    CurveResult
        With estimand "cumulative_hazard".

    Raises
    ------
    UsageError
        If a column is absent or not what it should be, or `cause` is not an event code.

    References
    ----------
    Aalen OO. Nonparametric inference for a family of counting processes. Ann Stat 1978;6:701-726.

    Examples
    --------
    >>> import pandas as pd
    >>> rows = pd.DataFrame({"days": [10, 20], "died": [1, 1]})
    >>> nelson_aalen(rows, duration="days", event="died").tidy()["estimate"].tolist()
    [0.5, 1.5]
    """
    frame = open_data(data, cluster=cluster, independent=independent)
    title = f"Cumulative hazard of {_name_of(frame, cause)}"
    request = _Request("cumulative_hazard", title, cause, by, level, conf_type)
    rows = read_follow_up(
        frame, duration=duration, event=event, entry=entry, weights=weights, by=by
    )
    return _curve_result(frame, rows, request, _cumulative_hazard, [])


def _name_of(frame: Frame, cause: int) -> str:
    return str(frame.causes.get(cause, f"cause {cause}"))


def _one_cause(rows: FollowUp, event: str, competing: str | None) -> tuple[FollowUp, list[Caveat]]:
    if competing not in (None, "censor"):
        raise UsageError(f"competing is {competing!r}; expected None or 'censor'.")
    others = int(np.count_nonzero(rows.event > 1))
    if not others:
        return rows, []
    if competing is None:
        raise UsageError(
            f"event='{event}' holds competing events in {others:,} rows, and one minus a "
            "Kaplan–Meier curve is then not a probability. Use cumulative_incidence(), or "
            "competing='censor' if the hazard in the absence of the others is meant."
        )
    message = f"{others:,} competing events were censored: this curve is not a probability."
    events = np.where(rows.event == 1, 1, 0)
    return replace(rows, event=events), [Caveat("competing_censored", message)]


_Estimator = Callable[[FollowUp, int | None], tuple[Counts, Vector, Vector]]


def _survival(rows: FollowUp, cause: int | None) -> tuple[Counts, Vector, Vector]:
    counts = count(rows, cause)
    curve = incidence(counts)
    if rows.cluster is None and _whole(rows.weights):
        return counts, curve.survival, greenwood(counts, curve.survival)
    influence = incidence_influence(counts, curve, rows.event, cause)
    return counts, curve.survival, jackknife(counts, rows, influence)


def _incidence(rows: FollowUp, cause: int | None) -> tuple[Counts, Vector, Vector]:
    counts = count(rows, cause)
    curve = incidence(counts)
    if rows.cluster is None and rows.entry is None:
        return counts, curve.estimate, greenwood_incidence(counts, curve)
    # with delayed entry the contributions of different times are correlated
    influence = incidence_influence(counts, curve, rows.event, cause)
    return counts, curve.estimate, jackknife(counts, rows, influence)


def _cumulative_hazard(rows: FollowUp, cause: int | None) -> tuple[Counts, Vector, Vector]:
    counts = count(rows, cause)
    curve = incidence(counts)
    estimate = np.cumsum(curve.event_hazard)
    if rows.cluster is None and _whole(rows.weights):
        terms = np.divide(
            curve.event_hazard,
            counts.at_risk,
            out=np.zeros_like(estimate),
            where=counts.at_risk > 0,
        )
        return counts, estimate, np.cumsum(terms)
    influence = hazard_influence(counts, curve, rows.event, cause)
    return counts, estimate, jackknife(counts, rows, influence)


def _whole(weights: Vector | None) -> bool:
    """Whether weights count repeated rows."""
    return weights is None or bool(np.all(weights == np.floor(weights)))


def _curve_result(
    frame: Frame,
    rows: FollowUp,
    request: _Request,
    estimator: _Estimator,
    caveats: list[Caveat],
) -> CurveResult:
    cause = request.cause
    events = rows.event > 0 if cause is None else rows.event == cause
    parts = list(_steps_by_group(rows, request, estimator))
    said = [
        *caveats,
        *row_caveats(frame, n_missing=rows.n_missing, n_clusters=rows.n_clusters),
        *_curve_caveats(rows, events, parts),
    ]
    empty = not parts
    return CurveResult(
        title=request.title,
        unit=frame.unit,
        n=len(rows),
        n_events=int(np.count_nonzero(events)),
        n_clusters=rows.n_clusters,
        caveats=tuple(said),
        status="no rows" if empty else "ok",
        reason="No row has a complete follow-up; check the columns." if empty else "",
        level=request.level,
        steps=pd.concat([p.steps for p in parts], ignore_index=True) if parts else _nothing(),
        by=None if empty else request.by,
        estimand=request.estimand,
        conf_type=request.conf_type,
        cause=cause,
        total_time=rows.total_time,
    )


@dataclass(frozen=True, slots=True)
class _Part:
    """The steps of one group, and whether its risk set ran empty before later entries."""

    name: object
    steps: pd.DataFrame
    emptied: bool


def _steps_by_group(rows: FollowUp, request: _Request, estimator: _Estimator) -> Iterator[_Part]:
    for code, name in enumerate(rows.groups):
        part = rows.rows(code)
        if not len(part):
            continue
        counts, estimate, variance = estimator(part, request.cause)
        steps = pd.DataFrame(_step_columns(counts, estimate, variance, part.weights))
        if request.by is not None:
            same = np.full(estimate.size, code)
            steps.insert(0, request.by, rows.groups.take(same))
        yield _Part(name, steps, _emptied(counts))


def _step_columns(
    counts: Counts, estimate: Vector, variance: Vector, weights: Vector | None
) -> dict[str, Vector]:
    def number(values: Vector) -> Vector:
        return values if weights is not None else np.rint(values).astype(np.int64)

    return {
        "time": counts.time,
        "n_risk": number(counts.at_risk),
        "n_event": number(counts.event),
        "n_censor": number(counts.censored),
        "estimate": estimate,
        "std_error": np.sqrt(variance),
    }


def _nothing() -> pd.DataFrame:
    """One step that says nothing, so that an empty curve can still be read."""
    return pd.DataFrame(
        {"time": [0.0], "n_risk": [0], "n_event": [0], "n_censor": [0]}
        | {"estimate": [np.nan], "std_error": [np.nan]}
    )


def _curve_caveats(
    rows: FollowUp, events: NDArray[np.bool_], parts: list[_Part]
) -> Iterator[Caveat]:
    absent = len(rows.groups) - len(parts)
    if absent and parts:
        yield Caveat("empty_group", f"{absent} groups without rows were left out.")
    if not events.any():
        yield Caveat("no_events", f"No event was observed in {len(rows):,} rows.")
    for part in parts:
        if part.emptied:
            where = "" if part.name is None else f" in group {part.name}"
            yield Caveat(
                "risk_set_emptied",
                f"Nobody was at risk{where} for a time before later entries: what the curve says "
                "after that rests on too few.",
            )


def _emptied(counts: Counts) -> bool:
    """Whether nobody was at risk, or every row at risk had an event, before later entries."""
    at_risk = counts.at_risk
    started = np.maximum.accumulate(at_risk) > 0
    empty = started & (counts.any_event >= at_risk)
    return bool(np.any(empty[:-1] & (np.maximum.accumulate(at_risk[:0:-1])[::-1] > 0)))
