"""Verdicts that allow for their number, and the audit of one indicator on any table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from vpstats.centers.indicator import audit_indicator
from vpstats.centers.multiplicity import fdr
from vpstats.centers.result import AuditResult, IndicatorAudit, collect_table
from vpstats.errors import UsageError
from vpstats.frames import Frame, open_data
from vpstats.study import Audit, Indicator

if TYPE_CHECKING:
    from numpy.typing import NDArray


def collect_audit(
    indicators: Sequence[IndicatorAudit],
    audit: Audit,
    *,
    signalling: Iterable[str] = (),
    title: str = "Center audit",
) -> AuditResult:
    """Put indicators together: adjusted p-values, and verdicts that allow for their number.

    Parameters
    ----------
    indicators : sequence of IndicatorAudit
        Each judged by itself.
    audit : Audit
        For the rate of false alarms.
    signalling : iterable of str
        Indicators whose verdicts decide the exit code; they are adjusted together, the others
        among themselves.
    title : str
        Of the result.

    Returns
    -------
    AuditResult
        A center beyond the alarm's limits has an alarm where its adjusted p-value allows, and
        else an alert.

    References
    ----------
    Benjamini Y, Hochberg Y. Controlling the false discovery rate. J R Stat Soc B 1995;57:289-300.
    Jones HE, Ohlssen DI, Spiegelhalter DJ. Use of the false discovery rate when comparing multiple
    health care providers. J Clin Epidemiol 2008;61:232-240.
    """
    deciding = frozenset(signalling)
    adjusted = _adjusted(indicators, deciding)
    found = tuple(
        replace(one, table=_decided(one.table, q, audit.q_limit))
        for one, q in zip(indicators, adjusted, strict=True)
    )
    table = collect_table(found)
    whole = [one for one in found if one.stratum == "all"]
    return AuditResult(
        title=title,
        unit="center",
        n=int(table["center_id"].nunique()) if len(table) else 0,
        table=table,
        indicators=found,
        signalling=deciding,
        caveats=tuple(dict.fromkeys(c for one in whole for c in one.caveats)),
        status="ok" if len(table) else "no rows",
        reason="" if len(table) else "no indicator has rows; look at what its cohort leaves out.",
    )


def _adjusted(
    indicators: Sequence[IndicatorAudit], deciding: frozenset[str]
) -> list[NDArray[np.float64]]:
    """Adjusted p-values of each indicator's centers, by family."""
    p_values = [_p_values(one.table) for one in indicators]
    adjusted = [np.full(len(p), np.nan) for p in p_values]
    for family in (True, False):
        places = [i for i, one in enumerate(indicators) if (one.indicator in deciding) == family]
        if not places:
            continue
        q_values = fdr(np.concatenate([p_values[i] for i in places]))
        ends = np.cumsum([len(p_values[i]) for i in places])[:-1]
        for i, part in zip(places, np.split(q_values, ends), strict=True):
            adjusted[i] = part
    return adjusted


def _p_values(table: pd.DataFrame) -> NDArray[np.float64]:
    """p-values of the centers that may have a verdict; the others are not tests."""
    if table.empty:
        return np.empty(0)
    judged = (table["verdict"] != "no verdict").to_numpy(bool)
    return np.where(judged, table["p_used"].to_numpy(float), np.nan)


def _decided(table: pd.DataFrame, q: NDArray[np.float64], limit: float) -> pd.DataFrame:
    if table.empty:
        return table
    too_many = (table["verdict"] == "alarm").to_numpy(bool) & ~(q <= limit)
    verdict = table["verdict"].where(~too_many, "alert")
    return table.assign(q_value=q, verdict=verdict).drop(columns="p_used")


def audit_centers(
    data: pd.DataFrame | Frame,
    *,
    outcome: str,
    center: str = "center_id",
    adjust: Sequence[str] = (),
    cluster: str | None = None,
    duration: str | None = None,
    horizon: float | None = None,
    cause: int = 1,
    better: str = "lower",
    audit: Audit | None = None,
    **options: Any,
) -> AuditResult:
    """Audit one outcome of the centers of any table: observed against expected, with verdicts.

    Parameters
    ----------
    data : DataFrame or Frame
        Rows; a Frame brings its unit and cluster along.
    outcome : str
        Column of 1 and 0, yes and no, or event codes where `duration` is given.
    center : str
        Column of centers.
    adjust : sequence of str
        Case mix: what patients bring along, not what centers choose. Named beforehand.
    cluster : str, optional
        Column of patients, where rows are finer; the frame's own if None.
    duration : str, optional
        Column of follow-up time: the outcome is then one that comes in the course of time.
    horizon : float, optional
        End of that time; needed with `duration`.
    cause : int
        Event code that counts.
    better : {"lower", "higher"}
        Which direction is good.
    audit : Audit, optional
        Limits, multiplicity and smallest numbers; the defaults if None.
    **options
        Further keys of an indicator of the plan: ``penalty``, ``strata``, ``values``, ….

    Returns
    -------
    AuditResult
        A row per center: observed, expected, O/E with its limits, shrunken estimate, verdict. A
        flag is a starting point for questions, not a judgement.

    Raises
    ------
    UsageError
        If a column is missing, rows of one patient are taken for independent, or a key is not one
        of an indicator.

    Notes
    -----
    A table without a Frame carries no guard: rows that repeat patients need ``cluster=``.

    References
    ----------
    Spiegelhalter DJ. Funnel plots for comparing institutional performance. Stat Med
    2005;24:1185-1202.

    Examples
    --------
    >>> import pandas as pd
    >>> centers = [name for name, n in [("A", 200), ("B", 200), ("C", 200)] for _ in range(n)]
    >>> leaks = [1] * 20 + [0] * 180 + [1] * 22 + [0] * 178 + [1] * 60 + [0] * 140
    >>> found = audit_centers(pd.DataFrame({"center_id": centers, "leak": leaks}), outcome="leak")
    >>> found.tidy()[["center_id", "verdict", "side"]].to_numpy().tolist()[2]
    ['C', 'alarm', 'worse']
    """
    from pydantic import ValidationError

    rules = audit or Audit()
    named = {"id": "outcome", "title": outcome, "cohort": "table", "outcome": outcome}
    timed = {} if duration is None else {"measure": "incidence", "horizon": horizon}
    try:
        spec = Indicator(
            **{**named, **timed, "cause": cause, "better": better, "adjust": list(adjust)},
            **options,
        ).under(rules)
    except ValidationError as error:
        problems = "; ".join(e["msg"].removeprefix("Value error, ") for e in error.errors())
        raise UsageError(f"this is no indicator: {problems}.") from None
    frame = open_data(data, cluster=cluster)
    if duration is not None:
        frame = replace(frame, duration=duration, outcome=outcome)
    frame = _with_center(frame, center)
    parts = [one.result for one in audit_indicator(frame, spec)]
    return collect_audit(parts, rules, signalling=[spec.id], title=f"Audit of {outcome}")


def _with_center(frame: Frame, center: str) -> Frame:
    if center not in frame.data.columns:
        raise UsageError(f"the data have no column '{center}' of centers.")
    return replace(frame, data=frame.data.assign(center_id=frame.data[center]))
