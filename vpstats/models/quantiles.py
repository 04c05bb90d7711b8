"""Quantiles of a curve: the times by which given shares have had the event."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from vpstats.errors import UsageError
from vpstats.frames import Frame
from vpstats.models.curves import ConfType, kaplan_meier
from vpstats.models.followup import Vector
from vpstats.results import CurveResult, TableResult, require_level


def curve_quantiles(
    curve: CurveResult, probabilities: tuple[float, ...] = (0.5,), *, level: float | None = None
) -> TableResult:
    """Read the times by which given shares have had the event.

    Parameters
    ----------
    curve : CurveResult
        Survival or incidence.
    probabilities : tuple of float
        Shares with the event, between 0 and 1; 0.5 is the median.
    level : float, optional
        Confidence level; the level of the curve if None.

    Returns
    -------
    TableResult
        One row per group and share: ``level`` (the share), ``estimate``, ``conf_low``,
        ``conf_high``: the times at which the curve and its limits reach the share, NaN where
        they do not. Where the curve is level at the share, the middle of that stretch.

    Raises
    ------
    UsageError
        If the curve is a cumulative hazard or a share is not between 0 and 1.

    References
    ----------
    Brookmeyer R, Crowley J. A confidence interval for the median survival time. Biometrics
    1982;38:29-41.

    Examples
    --------
    >>> import pandas as pd
    >>> from vpstats.models.curves import kaplan_meier
    >>> rows = pd.DataFrame({"days": [10, 20, 30], "died": [1, 1, 1]})
    >>> curve = kaplan_meier(rows, duration="days", event="died")
    >>> float(curve_quantiles(curve).tidy()["estimate"].iloc[0])
    20.0
    """
    if curve.estimand == "cumulative_hazard":
        raise UsageError("a cumulative hazard has no quantiles; use kaplan_meier().")
    if not all(0 < p < 1 for p in probabilities):
        raise UsageError(f"probabilities are {probabilities!r}; expected values between 0 and 1.")
    wanted = curve.level if level is None else require_level(level)
    stated = replace(curve, level=wanted)
    rows = [
        {**({} if curve.by is None else {curve.by: name}), **_quantile(steps, curve.estimand, p)}
        for name, steps in stated.groups()
        for p in probabilities
    ]
    return TableResult(
        title=f"Quantiles: {curve.title}",
        unit=curve.unit,
        n=curve.n,
        n_events=curve.n_events,
        n_clusters=curve.n_clusters,
        caveats=curve.caveats,
        level=wanted,
        table=pd.DataFrame(rows),
    )


def follow_up(
    data: pd.DataFrame | Frame,
    *,
    duration: str,
    event: str,
    by: str | None = None,
    entry: str | None = None,
    weights: str | None = None,
    cluster: str | None = None,
    probabilities: tuple[float, ...] = (0.5,),
    level: float = 0.95,
    conf_type: ConfType = "log-log",
    independent: str | None = None,
) -> TableResult:
    """Describe how long rows were followed: the median, or other shares, with intervals.

    The time to the end of observation is censored by events (the reverse Kaplan–Meier estimate),
    so that early events do not pass for short follow-up.

    Parameters
    ----------
    data, duration, by, entry, weights, cluster, level, conf_type, independent
        As in `kaplan_meier`.
    event : str
        Column of codes: 0 for the end of observation, 1, 2, … for events of any cause.
    probabilities : tuple of float
        Shares no longer observed; 0.5 is the median.

    Returns
    -------
    TableResult
        As from `curve_quantiles`.

    Raises
    ------
    UsageError
        If a column is absent or not what it should be.

    References
    ----------
    Schemper M, Smith TL. A note on quantifying follow-up in studies of failure time. Control Clin
    Trials 1996;17:343-346.

    Examples
    --------
    >>> import pandas as pd
    >>> rows = pd.DataFrame({"days": [5, 100, 200, 300], "event": [2, 0, 0, 0]})
    >>> follow_up(rows, duration="days", event="event").tidy()["estimate"].tolist()
    [200.0]
    """
    curve = kaplan_meier(
        data,
        duration=duration,
        event=event,
        by=by,
        entry=entry,
        weights=weights,
        cluster=cluster,
        reverse=True,
        level=level,
        conf_type=conf_type,
        independent=independent,
    )
    return replace(curve_quantiles(curve, probabilities), title="Length of follow-up")


def _quantile(steps: pd.DataFrame, estimand: str, share: float) -> dict[str, float]:
    time = steps["time"].to_numpy(float)
    curves = {name: steps[name].to_numpy(float) for name in ("estimate", "conf_low", "conf_high")}
    if estimand == "survival":
        over = curves["estimate"] <= 0.0
        for name in ("conf_low", "conf_high"):  # where nobody is left nothing is known of them
            curves[name] = np.where(over, np.nan, curves[name])
        curves = {name: 1.0 - values for name, values in curves.items()}
        first, last = "conf_low", "conf_high"
    else:
        first, last = "conf_high", "conf_low"
    return {
        "level": share,
        "estimate": first_reach(time, curves["estimate"], share),
        "conf_low": first_reach(time, curves[first], share),
        "conf_high": first_reach(time, curves[last], share),
    }


def first_reach(time: Vector, risk: Vector, share: float) -> float:
    """Time at which a rising step curve reaches a share; NaN where it does not."""
    slack = 1e-9  # a product of fractions that equals the share only up to rounding
    reached = np.flatnonzero(risk >= share - slack)
    if not reached.size:
        return float("nan")
    beyond = np.flatnonzero(risk > share + slack)
    if not beyond.size or beyond[0] == reached[0]:
        return float(time[reached[0]])
    return float((time[reached[0]] + time[beyond[0]]) / 2)
