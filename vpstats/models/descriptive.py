"""What was seen, before any model: Table 1, shares with an event, events per person-time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from vpstats.errors import UsageError
from vpstats.frames import PATIENT, Frame
from vpstats.models.columns import Column, read_column, require_columns
from vpstats.models.followup import Vector
from vpstats.models.named_tests import compare_groups
from vpstats.models.rates import event_rates, incidence_rates
from vpstats.models.shares import ALL, members
from vpstats.results import Caveat, TableResult

__all__ = ["ALL", "describe", "event_rates", "incidence_rates", "standardised_difference"]

_QUARTILES = (0.25, 0.5, 0.75)


def describe(
    data: pd.DataFrame | Frame,
    *,
    by: str | None = None,
    variables: Sequence[str] | None = None,
    overall: bool = True,
    tests: Mapping[str, str] | None = None,
) -> TableResult:
    """Describe the rows: counts and percents of categories, location and spread of numbers.

    Nothing is tested unless a test is named for a variable. A missing value is counted in
    ``n_missing`` and is in no denominator and no test.

    Parameters
    ----------
    data : DataFrame or Frame
        The rows, shape (n, …).
    by : str, optional
        Column of groups; rows without a group are left out, with a caveat.
    variables : sequence of str, optional
        Columns to describe, in this order. By default every column but dates, identifiers
        (``…_id``), the cluster and `by`.
    overall : bool
        Whether a column over all rows stands before the groups.
    tests : mapping of str to str, optional
        Variable → name of the test of `compare_groups` that compares it between the groups.

    Returns
    -------
    TableResult
        ``group, variable, level, stat, value, n, method``, one row per statistic: for numbers
        ``n``, ``n_missing``, ``mean``, ``sd``, ``median``, ``q1``, ``q3``; for categories ``n`` and
        ``n_missing`` at level "" and ``n`` and ``percent`` per level; with two groups or more
        ``smd``, the (largest pairwise) standardised mean difference, at group "". Columns of
        0 and 1 are categories. The rows of a group are variable "rows", stat "n". A test has the
        rows ``statistic`` and ``p_value`` at group "", and its name as ``method``.

    Raises
    ------
    UsageError
        If a column is absent, or holds what is neither number nor category; if a test is named
        for a variable that is not described, does not suit it, or takes clustered rows as
        independent.

    References
    ----------
    Vandenbroucke JP et al. STROBE: explanation and elaboration. PLoS Med 2007;4:e297. Yang D,
    Dalton JE. A unified approach to measuring the effect size between two groups. SAS Global
    Forum 2012, paper 335.

    Examples
    --------
    >>> import pandas as pd
    >>> rows = pd.DataFrame({"age": [70.0, 80.0, None], "sex": ["f", "f", "m"]})
    >>> table = describe(rows).tidy()
    >>> table[table["stat"] == "mean"]["value"].tolist()
    [75.0]
    >>> table.query("variable == 'sex' and stat == 'percent'")["level"].tolist()
    ['f', 'm']
    """
    frame = data if isinstance(data, Frame) else Frame(data, unit="row")
    groups = members(frame.data, by)
    everyone = np.sort(np.concatenate([own for _, own in groups])) if groups else np.arange(0)
    columns = [(ALL, everyone)] if overall or by is None else []
    columns += groups if by is not None else []
    table = [_stat(name, "rows", "", "n", len(own), len(own)) for name, own in columns]
    for name in _described(frame, by, variables):
        column = _readable(frame.data[name])
        for group, own in columns:
            table += _describe_column(column.take(own), group)
        if len(groups) > 1:
            table += _differences(column, [own for _, own in groups])
    tested, said = _tests(data, by, tests or {}, {row["variable"] for row in table})
    return TableResult(
        title="Description" if by is None else f"Description by {by}",
        unit=frame.unit,
        n=len(everyone),
        n_clusters=frame.n_clusters,
        caveats=(*_dropped(len(frame) - len(everyone)), *said),
        table=pd.DataFrame(table + tested, columns=list(_COLUMNS)),
    )


_COLUMNS = ("group", "variable", "level", "stat", "value", "n", "method")


def _tests(
    data: pd.DataFrame | Frame, by: str | None, tests: Mapping[str, str], described: set[str]
) -> tuple[list[dict[str, Any]], list[Caveat]]:
    """The named tests, in the order in which they were asked for."""
    if tests and by is None:
        raise UsageError("tests= compare groups: give by=.")
    unknown = [name for name in tests if name not in described]
    if unknown:
        raise UsageError("tests= names a variable that is not described.", column=unknown[0])
    rows, caveats = [], []
    for name, test in tests.items():
        found = compare_groups(data, variable=name, by=str(by), test=test)
        row = found.table.iloc[0]
        for stat in ("statistic", "p_value"):
            rows.append(_stat("", name, "", stat, row[stat], row["n"], row["method"]))
        caveats += [c for c in found.caveats if c.term == name or c.code == "independent"]
        if not found.ok:
            caveats.append(Caveat("no_test", f"{found.status}: {found.reason}", name))
    return rows, list(dict.fromkeys(caveats))


def _described(frame: Frame, by: str | None, variables: Sequence[str] | None) -> list[str]:
    if variables is not None:
        require_columns(frame.data, variables)
        return list(variables)
    left_out = {by, frame.cluster, PATIENT}
    dates = frame.data.select_dtypes(["datetime", "datetimetz", "timedelta"]).columns
    return [
        name
        for name in frame.data.columns
        if name not in left_out and name not in dates and not str(name).endswith("_id")
    ]


def _readable(series: pd.Series) -> Column:
    """The column; numbers that are only 0 and 1 are categories."""
    column = read_column(series)
    if column.levels is not None:
        return column.used_levels()
    known = column.values[~column.missing]
    two_valued = known.size > 0 and bool(np.isin(known, (0, 1)).all())
    return read_column(series, category=True) if two_valued else column


def _describe_column(column: Column, group: str) -> list[dict[str, Any]]:
    missing = int(np.count_nonzero(column.missing))
    n = len(column.values) - missing
    rows = [
        _stat(group, column.name, "", "n", n, len(column.values)),
        _stat(group, column.name, "", "n_missing", missing, len(column.values)),
    ]
    if column.levels is None:
        numbers = _location(column.values[~column.missing])
        return rows + [_stat(group, column.name, "", k, v, n) for k, v in numbers.items()]
    counts = np.bincount(column.values[~column.missing], minlength=len(column.levels))
    for level, k in zip(column.levels, counts, strict=True):
        rows.append(_stat(group, column.name, level, "n", k, n))
        rows.append(_stat(group, column.name, level, "percent", 100 * k / n if n else np.nan, n))
    return rows


def _location(values: Vector) -> dict[str, float]:
    if not values.size:
        return dict.fromkeys(("mean", "sd", "median", "q1", "q3"), np.nan)
    q1, median, q3 = np.quantile(values, _QUARTILES)
    sd = float(np.std(values, ddof=1)) if values.size > 1 else np.nan
    return {"mean": float(values.mean()), "sd": sd, "median": median, "q1": q1, "q3": q3}


def _stat(
    group: str, variable: str, level: str, stat: str, value: float, n: float, method: str = ""
) -> dict[str, Any]:
    return {
        "group": group,
        "variable": variable,
        "level": level,
        "stat": stat,
        "value": float(value),
        "n": int(n),
        "method": method,
    }


def _differences(column: Column, groups: list[NDArray[np.intp]]) -> list[dict[str, Any]]:
    """The largest standardised difference between two groups."""
    parts = [column.take(own) for own in groups]
    pairs = [(a, b) for i, a in enumerate(parts) for b in parts[i + 1 :]]
    sizes = [standardised_difference(a, b) for a, b in pairs]
    known = [size for size in sizes if not np.isnan(size)]
    n = sum(int(np.count_nonzero(~part.missing)) for part in parts)
    return [_stat("", column.name, "", "smd", max(known) if known else np.nan, n)]


def standardised_difference(first: Column, second: Column) -> float:
    """Standardised difference of a variable between two groups, 0 or more.

    Parameters
    ----------
    first, second : Column
        The variable in each group; missing values are left out.

    Returns
    -------
    float
        For a number the difference of the means over the root of the mean variance; for a
        category the Mahalanobis distance of the shares; NaN where a group is empty or nothing
        varies.

    References
    ----------
    Yang D, Dalton JE (2012).
    """
    a, b = (c.values[~c.missing] for c in (first, second))
    if not a.size or not b.size:
        return float("nan")
    if first.levels is None:
        if min(a.size, b.size) < 2:
            return float("nan")
        spread = np.sqrt((np.var(a, ddof=1) + np.var(b, ddof=1)) / 2)
        return (
            float(abs(a.mean() - b.mean()) / spread) if spread > 0 else _apart(a.mean(), b.mean())
        )
    size = len(first.levels)
    p, q = (np.bincount(v, minlength=size)[1:] / v.size for v in (a, b))
    covariance = (np.diag(p + q) - np.outer(p, p) - np.outer(q, q)) / 2
    gap = p - q
    inverse = np.linalg.pinv(covariance, hermitian=True)
    if not np.allclose(covariance @ (inverse @ gap), gap):
        return float("nan")  # the shares differ in a direction in which nothing varies
    return float(np.sqrt(gap @ inverse @ gap))


def _apart(first: float, second: float) -> float:
    """Nothing varies: no difference, or one that cannot be standardised."""
    return 0.0 if first == second else float("nan")


def _dropped(n: int) -> tuple[Caveat, ...]:
    if not n:
        return ()
    return (Caveat("dropped_rows", f"{n:,} rows with a missing value were left out."),)
