"""Mean time free of events within a horizon, and the time lost to each cause."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

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
from vpstats.models.curve_fit import cause_name
from vpstats.models.followup import FollowUp, Vector, read_follow_up, row_caveats
from vpstats.models.functionals import Functionals, estimate_functionals, integral
from vpstats.models.pooled_contrasts import pooled_contrasts
from vpstats.results import TableResult, critical_value, require_level

EVERYBODY = "all"
"""Name of the only group where rows are not grouped."""


@dataclass(frozen=True, kw_only=True)
class RestrictedMean(TableResult):
    """Mean time free of events and time lost to causes, with differences and ratios of groups.

    `table` has one row per measure, cause, contrast and group: ``time, measure, cause, contrast,
    group, reference, estimate, std_error, statistic, p_value, conf_low, conf_high``; `time` is the
    horizon.

    Parameters
    ----------
    horizon : float
        End of the window, in the unit of the duration column.
    by : str, optional
        Grouping column.
    """

    horizon: float = np.nan
    by: str | None = None

    def glance(self) -> pd.DataFrame:
        """One row: ``n, n_events, n_clusters, unit, status, horizon``."""
        return super().glance().assign(horizon=self.horizon)


def _limits(result: TableResult, value: Vector, error: Vector) -> tuple[Vector, Vector]:
    margin = critical_value(result.level) * error
    top = result.horizon if isinstance(result, RestrictedMean) else np.inf
    return np.clip(value - margin, 0.0, top), np.clip(value + margin, 0.0, top)


@pooled_contrasts(_limits)
def restricted_mean(
    data: pd.DataFrame | Frame | Imputations,
    *,
    duration: str,
    event: str,
    horizon: float,
    by: str | None = None,
    cause: int | None = None,
    reference: object = None,
    entry: str | None = None,
    weights: str | None = None,
    cluster: str | None = None,
    level: float = 0.95,
    independent: str | None = None,
) -> RestrictedMean:
    """Estimate the mean time free of events within a horizon, and the time lost to each cause.

    The mean time is the area under the probability of no event of any cause, and the time lost to
    a cause the area under its cumulative incidence; both together make up the horizon.

    Parameters
    ----------
    data, duration, entry, weights, level, independent
        As in `kaplan_meier`.
    event : str
        Column of codes: 0 censored, 1, 2, … the cause of the event.
    horizon : float
        End of the window, in the unit of `duration`.
    by : str, optional
        Column of groups.
    cause : int, optional
        Code of the only cause to report the time lost to; if None, the mean time free of any
        event and the time lost to every cause that occurs.
    reference : optional
        Value of `by` that the others are compared with; the first if None.
    cluster : str, optional
        Column of clusters; the frame's own if None. The variances are then sums over clusters,
        the covariance between groups included.

    Returns
    -------
    RestrictedMean
        Per measure and cause the estimate of each group (``contrast`` "none"), then differences
        and ratios to the reference. The variance is the estimator's own: Greenwood's for the area
        under a survival curve of independent rows, the infinitesimal jackknife elsewhere. NaN
        where a group was not followed up to the horizon.

    Raises
    ------
    UsageError
        If a column is absent or not what it should be, the horizon is not positive, or the
        reference is no group.

    References
    ----------
    Royston P, Parmar MKB. Restricted mean survival time. BMC Med Res Methodol 2013;13:152.
    Andersen PK. Decomposition of number of life years lost according to causes of death. Stat Med
    2013;32:5278-5285.

    Examples
    --------
    >>> import pandas as pd
    >>> rows = pd.DataFrame({"days": [10, 20, 30, 40], "event": [1, 2, 1, 0]})
    >>> mean = restricted_mean(rows, duration="days", event="event", horizon=40)
    >>> mean.tidy()[["measure", "cause", "estimate"]]  # 25 + 10 + 5 = 40
               measure    cause  estimate
    0  restricted_mean      any      25.0
    1        time_lost  cause 1      10.0
    2        time_lost  cause 2       5.0
    """
    require_level(level)
    _require_horizon(horizon)
    frame = open_data(data, cluster=cluster, independent=independent)
    rows = read_follow_up(
        frame, duration=duration, event=event, entry=entry, weights=weights, by=by
    )
    result = RestrictedMean(
        title=f"Mean time free of events within {horizon:g}",
        unit=frame.unit,
        n=len(rows),
        n_events=int(np.count_nonzero(rows.event)),
        n_clusters=rows.n_clusters,
        level=level,
        table=contrast_table([], None, level),
        horizon=float(horizon),
        by=by,
    )
    if not len(rows):
        said = row_caveats(frame, n_missing=rows.n_missing, n_clusters=rows.n_clusters)
        return replace(result, caveats=tuple(said), status=NO_ROWS[0], reason=NO_ROWS[1])
    at = np.array([float(horizon)])
    found = {
        k: within_follow_up(estimate_functionals(rows, k, integral(horizon)), at)
        for k in _causes(rows, cause)
    }
    numbers = [_number(f, k, frame, result) for k, f in found.items()]
    base = reference_of(numbers[0].groups, reference)
    table = contrast_table(numbers, base, level)
    every = list(found.values())
    status, reason = contrast_outcome(every[0], table)
    caveats = contrast_caveats(frame, rows, every, at)
    return replace(result, table=table, caveats=caveats, status=status, reason=reason)


def _require_horizon(horizon: float) -> None:
    if not 0 < horizon < np.inf:
        raise UsageError(f"horizon is {horizon!r}; expected a time above 0.")


def _causes(rows: FollowUp, cause: int | None) -> Sequence[int | None]:
    if cause is None:
        return [None, *sorted(int(k) for k in np.unique(rows.event) if k)]
    if cause != int(cause) or cause < 1:
        raise UsageError(f"cause is {cause!r}; expected an event code: 1, 2, ….")
    return [int(cause)]


def _number(found: Functionals, cause: int | None, frame: Frame, result: RestrictedMean) -> Numbers:
    lost, covariance = found.estimate[:, 0], found.covariance[0]
    value = result.horizon - lost if cause is None else lost
    low, high = _limits(result, value, np.sqrt(np.diag(covariance)))
    return Numbers(
        time=result.horizon,
        measure="restricted_mean" if cause is None else "time_lost",
        cause="any" if cause is None else cause_name(frame, cause),
        groups=tuple(EVERYBODY if g is None else g for g in found.groups),
        estimate=value,
        covariance=covariance,
        low=low,
        high=high,
    )
