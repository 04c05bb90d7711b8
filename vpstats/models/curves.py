"""Survival, incidence and cumulative hazard as step curves: any table → `CurveResult`."""

from __future__ import annotations

from typing import Literal

import pandas as pd

from vpstats.frames import Frame, Imputations, open_data
from vpstats.models.curve_fit import (
    CurveRequest,
    cause_name,
    curve_result,
    estimate_hazard,
    estimate_incidence,
    estimate_survival,
    require_one_cause,
    turned_round,
)
from vpstats.models.followup import read_follow_up
from vpstats.models.pooled_curves import pooled_over_imputations
from vpstats.results import CurveResult

ConfType = Literal["log-log", "log", "plain"]


@pooled_over_imputations
def kaplan_meier(
    data: pd.DataFrame | Frame | Imputations,
    *,
    duration: str,
    event: str,
    by: str | None = None,
    entry: str | None = None,
    weights: str | None = None,
    cluster: str | None = None,
    competing: Literal["censor"] | None = None,
    reverse: bool = False,
    level: float = 0.95,
    conf_type: ConfType = "log-log",
    independent: str | None = None,
) -> CurveResult:
    """Estimate the probability of no event by each time.

    Parameters
    ----------
    data : DataFrame, Frame or Imputations
        One row per unit at risk, shape (n, …). Curves of imputations are pooled on the scale of
        their limits (`vpstats.models.pooled_curves.pool_curves`).
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
    reverse : bool
        Estimate the probability of still being under observation instead: the end of observation
        (code 0) is the event and events of any cause censor it. Rows must then be whole, since
        where a row was split in two nobody was lost.
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
    Springer, 2000. Schemper M, Smith TL. A note on quantifying follow-up in studies of failure
    time. Control Clin Trials 1996;17:343-346.

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
    title = "Reverse Kaplan–Meier: still under observation" if reverse else "Kaplan–Meier survival"
    request = CurveRequest("survival", title, None, by, level, conf_type)
    rows = read_follow_up(
        frame, duration=duration, event=event, entry=entry, weights=weights, by=by
    )
    if reverse:
        return curve_result(frame, turned_round(rows), request, estimate_survival, [])
    rows, caveats = require_one_cause(rows, event, competing)
    return curve_result(frame, rows, request, estimate_survival, caveats)


@pooled_over_imputations
def cumulative_incidence(
    data: pd.DataFrame | Frame | Imputations,
    *,
    duration: str,
    event: str,
    cause: int = 1,
    by: str | None = None,
    entry: str | None = None,
    weights: str | None = None,
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
    weights : str, optional
        Column of weights. The variance is then the infinitesimal jackknife, whole numbers or not,
        as suits weights that balance groups; repeat the rows where weights count them.

    Returns
    -------
    CurveResult
        With estimand "incidence"; `n_event` counts the events of the cause. The variance is
        exact under ties: the competing-risks form of Greenwood's for independent rows of equal
        weight at risk from the start, else the infinitesimal jackknife (summed by cluster).

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
    title = f"Cumulative incidence of {cause_name(frame, cause)}"
    request = CurveRequest("incidence", title, cause, by, level, conf_type)
    rows = read_follow_up(
        frame, duration=duration, event=event, entry=entry, weights=weights, by=by
    )
    return curve_result(frame, rows, request, estimate_incidence, [])


@pooled_over_imputations
def nelson_aalen(
    data: pd.DataFrame | Frame | Imputations,
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
    title = f"Cumulative hazard of {cause_name(frame, cause)}"
    request = CurveRequest("cumulative_hazard", title, cause, by, level, conf_type)
    rows = read_follow_up(
        frame, duration=duration, event=event, entry=entry, weights=weights, by=by
    )
    return curve_result(frame, rows, request, estimate_hazard, [])
