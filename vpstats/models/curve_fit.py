"""From follow-up rows to `CurveResult`: the request, the three estimators, and the steps."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from vpstats.errors import UsageError
from vpstats.frames import Frame
from vpstats.models.followup import FollowUp, Vector, row_caveats
from vpstats.models.influence import hazard_influence, incidence_influence, jackknife
from vpstats.models.steps import Counts, count, greenwood, greenwood_incidence, incidence
from vpstats.results import Caveat, CurveResult, require_level

STEP_COLUMNS = ("time", "n_risk", "n_event", "n_censor", "estimate", "std_error")
_CONF_TYPES = ("log-log", "log", "plain")


@dataclass(frozen=True, slots=True)
class CurveRequest:
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


def cause_name(frame: Frame, cause: int) -> str:
    """The frame's name of a cause, or its number in words."""
    return str(frame.causes.get(cause, f"cause {cause}"))


def require_one_cause(
    rows: FollowUp, event: str, competing: str | None
) -> tuple[FollowUp, list[Caveat]]:
    """Refuse competing events, or censor them where that is asked for, and say so.

    Raises
    ------
    UsageError
        If there are competing events and `competing` is not "censor".
    """
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


def turned_round(rows: FollowUp) -> FollowUp:
    """The rows with the end of observation as the event, and every event as its censoring."""
    return replace(rows, event=(rows.event == 0).astype(np.int64))


Estimator = Callable[[FollowUp, int | None], tuple[Counts, Vector, Vector]]
"""Rows and cause → counts by time, the curve, and its variance."""


def estimate_survival(rows: FollowUp, cause: int | None) -> tuple[Counts, Vector, Vector]:
    """Kaplan–Meier; Greenwood unless rows are clustered or weights are fractions."""
    counts = count(rows, cause)
    curve = incidence(counts)
    if rows.cluster is None and whole_weights(rows.weights):
        return counts, curve.survival, greenwood(counts, curve.survival)
    influence = incidence_influence(counts, curve, rows.event, cause)
    return counts, curve.survival, jackknife(counts, rows, influence)


def estimate_incidence(rows: FollowUp, cause: int | None) -> tuple[Counts, Vector, Vector]:
    """Aalen–Johansen; Greenwood's form for independent, unweighted rows at risk from the start."""
    counts = count(rows, cause)
    curve = incidence(counts)
    if rows.cluster is None and rows.entry is None and rows.weights is None:
        return counts, curve.estimate, greenwood_incidence(counts, curve)
    # with late entry or weights the contributions of different times are correlated
    influence = incidence_influence(counts, curve, rows.event, cause)
    return counts, curve.estimate, jackknife(counts, rows, influence)


def estimate_hazard(rows: FollowUp, cause: int | None) -> tuple[Counts, Vector, Vector]:
    """Nelson–Aalen; its Poisson variance unless rows are clustered or weights are fractions."""
    counts = count(rows, cause)
    curve = incidence(counts)
    estimate = np.cumsum(curve.event_hazard)
    if rows.cluster is None and whole_weights(rows.weights):
        terms = np.divide(
            curve.event_hazard,
            counts.at_risk,
            out=np.zeros_like(estimate),
            where=counts.at_risk > 0,
        )
        return counts, estimate, np.cumsum(terms)
    influence = hazard_influence(counts, curve, rows.event, cause)
    return counts, estimate, jackknife(counts, rows, influence)


def whole_weights(weights: Vector | None) -> bool:
    """Whether weights are whole numbers, which count repeated rows."""
    return weights is None or bool(np.all(weights == np.floor(weights)))


def curve_result(
    frame: Frame,
    rows: FollowUp,
    request: CurveRequest,
    estimator: Estimator,
    caveats: list[Caveat],
) -> CurveResult:
    """Estimate the curve of every group, and gather what must be said of them.

    Parameters
    ----------
    frame : Frame
        Where the rows come from.
    rows : FollowUp
        Checked rows.
    request : CurveRequest
        What is asked for.
    estimator : Estimator
        Of the counts, the curve and its variance in one group.
    caveats : list of Caveat
        What was found before.

    Returns
    -------
    CurveResult
    """
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
        steps=_joined([p.steps for p in parts]),
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


def _steps_by_group(rows: FollowUp, request: CurveRequest, estimator: Estimator) -> Iterator[_Part]:
    for code, name in enumerate(rows.groups):
        part = rows.rows(code)
        if not len(part):
            continue
        counts, estimate, variance = estimator(part, request.cause)
        steps = pd.DataFrame(_step_columns(counts, estimate, variance, part.weights))
        if request.by is not None:
            same = np.full(estimate.size, code)
            steps.insert(0, request.by, rows.groups.take(same))
        yield _Part(name, steps, emptied(counts))


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


def _joined(steps: list[pd.DataFrame]) -> pd.DataFrame:
    if len(steps) == 1:
        return steps[0]
    return pd.concat(steps, ignore_index=True) if steps else _nothing()


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


def emptied(counts: Counts) -> bool:
    """Whether nobody was at risk, or every row at risk had an event, before later entries."""
    at_risk = counts.at_risk
    started = np.maximum.accumulate(at_risk) > 0
    empty = started & (counts.any_event >= at_risk)
    return bool(np.any(empty[:-1] & (np.maximum.accumulate(at_risk[:0:-1])[::-1] > 0)))
