"""Rubin's rules for numbers of groups and their contrasts, over completed data sets."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import wraps
from typing import Any, TypeVar, cast

import numpy as np
import pandas as pd
from scipy import stats

from vpstats.frames import Imputations
from vpstats.models.followup import Vector
from vpstats.models.pooling import joint_caveats, pool_estimates
from vpstats.results import Caveat, TableResult, critical_value

Estimator = TypeVar("Estimator", bound=Callable[..., TableResult])
Limits = Callable[[TableResult, Vector, Vector], tuple[Vector, Vector]]
"""A result, estimates and standard errors of groups, shape (k,) each → their limits."""

_KEY = ["time", "measure", "cause", "contrast", "group", "reference"]


def pooled_contrasts(limits: Limits) -> Callable[[Estimator], Estimator]:
    """Let a table of contrasts accept `Imputations`: one of each completed frame, then pooled.

    Parameters
    ----------
    limits : callable
        How limits of the numbers of single groups are formed.

    Returns
    -------
    callable
        Decorator of an estimator.
    """

    def decorate(estimate: Estimator) -> Estimator:
        @wraps(estimate)
        def either(data: Any, **options: Any) -> TableResult:
            if not isinstance(data, Imputations):
                return estimate(data, **options)
            results = [estimate(frame, **options) for frame in data]
            return pool_contrasts(results, limits, data.caveats)

        return cast("Estimator", either)

    return decorate


def pool_contrasts(
    results: Sequence[TableResult], limits: Limits, notes: Sequence[Caveat] = ()
) -> TableResult:
    """Pool tables of contrasts, row by row.

    Parameters
    ----------
    results : sequence of TableResult
        At least two, of one call.
    limits : callable
        How limits of the numbers of single groups are formed.
    notes : sequence of Caveat
        Those of the imputation.

    Returns
    -------
    TableResult
        Ratios are pooled as logarithms, all else as it is. Limits and p-values are normal. Groups
        that some data sets do not have are left out, with a caveat.

    References
    ----------
    Rubin DB. Multiple Imputation for Nonresponse in Surveys. Wiley, 1987.
    """
    first = results[0]
    failed = [r for r in results if not r.ok]
    if failed:
        where = f"in {len(failed)} of {len(results)} completed data sets"
        return replace(failed[0], reason=f"{where}: {failed[0].reason}")
    tables = [_keyed(r.table) for r in results]
    everywhere = [key for key in tables[0].index if all(key in t.index for t in tables)]
    absent = any(len(t) > len(everywhere) for t in tables)
    table = _pooled([t.loc[everywhere] for t in tables], first, limits)
    return replace(
        first,
        table=table,
        n=round(float(np.mean([r.n for r in results]))),
        n_events=round(float(np.mean([r.n_events or 0 for r in results]))),
        caveats=_caveats(results, notes, absent=absent),
    )


def _keyed(table: pd.DataFrame) -> pd.DataFrame:
    keys = [" / ".join(str(v) for v in row) for row in table[_KEY].to_numpy(object)]
    return table.set_index(pd.Index(keys))


def _pooled(tables: Sequence[pd.DataFrame], first: TableResult, limits: Limits) -> pd.DataFrame:
    table = tables[0].reset_index(drop=True)
    ratio = (table["contrast"] == "ratio").to_numpy()
    single = (table["contrast"] == "none").to_numpy()
    estimates = np.array([t["estimate"].to_numpy(float) for t in tables])
    errors = np.array([t["std_error"].to_numpy(float) for t in tables])
    with np.errstate(invalid="ignore", divide="ignore"):
        values = np.where(ratio, np.log(np.where(ratio, estimates, 1.0)), estimates)
        variances = np.stack([np.diag(e**2) for e in errors])
        mean, total, _ = pool_estimates(values, variances, np.inf)
        error = np.sqrt(np.diag(total))
        statistic = np.where(single, np.nan, mean / error)
    margin = critical_value(first.level) * error
    low, high = mean - margin, mean + margin
    low[single], high[single] = limits(first, mean[single], error[single])
    back = [np.where(ratio, np.exp(np.where(ratio, v, 0.0)), v) for v in (mean, low, high)]
    return table.assign(
        estimate=back[0],
        std_error=error,
        statistic=statistic,
        p_value=2 * stats.norm.sf(np.abs(statistic)),
        conf_low=back[1],
        conf_high=back[2],
    )


def _caveats(
    results: Sequence[TableResult], notes: Sequence[Caveat], *, absent: bool
) -> tuple[Caveat, ...]:
    message = f"Pooled over {len(results)} completed data sets by Rubin's rules."
    found = [Caveat("pooled", message)]
    if absent:
        found.append(
            Caveat("empty_group", "Groups that some completed data sets lack were left out.")
        )
    return (*found, *joint_caveats(results, notes))
