"""Agreement of two readings of the same rows: kappa and the shares that it is made of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from vpstats.errors import UsageError
from vpstats.frames import Frame
from vpstats.models.cells import CellRows, Function, estimate, jackknife, ratio_of
from vpstats.models.columns import NOT_RECORDED, Column, read_column, require_columns
from vpstats.models.followup import row_caveats
from vpstats.models.paired import match_pairs
from vpstats.models.shares import (
    Limits,
    Vector,
    frame_clusters,
    members,
    one_of,
    open_observed,
    share_error,
    share_limits,
)
from vpstats.results import Caveat, TableResult, critical_value, require_level

_MOST_CATEGORIES = 20


@dataclass(frozen=True, slots=True)
class _Reading:
    """Options of one call, and the categories that the two readings share."""

    weights: str | None
    vcov: str
    level: float


def agreement(
    data: pd.DataFrame | Frame,
    *,
    first: str | Sequence[str],
    second: str | Sequence[str],
    by: str | None = None,
    cluster: str | None = None,
    weights: str | None = None,
    vcov: str = "linearised",
    level: float = 0.95,
    independent: str | None = None,
) -> TableResult:
    """Agreement of two readers, or two methods, on the same rows.

    Parameters
    ----------
    data : DataFrame or Frame
        One row per unit that both have read, shape (n, …).
    first, second : str or sequence of str
        Columns with the same categories, or of 0 and 1. Several pairs are compared one by one.
    by : str, optional
        Column of groups.
    cluster : str, optional
        Column of clusters (the patient); the frame's own if None.
    weights : {None, "linear", "quadratic"}
        How far apart two categories are for kappa, in their order; None counts only equality.
    vcov : {"linearised", "jackknife"}
        How standard errors are made. Linearised ones of independent rows are Fleiss, Cohen and
        Everitt's; of clusters they are between-cluster, with the factor K/(K − 1). The jackknife
        leaves out one cluster (or row) at a time.
    level : float
        Confidence level.
    independent : str, optional
        Why clustered rows may be analysed as independent; it is printed.

    Returns
    -------
    TableResult
        ``first, second, group, stat, level, n, n_clusters, estimate, std_error, conf_low,
        conf_high, statistic, p_value, method``. Statistics: ``kappa``, ``agreement`` and
        ``expected_agreement`` (both weighted where kappa is), ``specific_agreement`` per category
        (of two categories: positive and negative agreement), ``pabak``, and for two categories
        ``prevalence_index`` and ``bias_index``.

    Raises
    ------
    UsageError
        If a column is absent, the two have no common kind of value, or weights are asked for
        categories without an order.

    Notes
    -----
    The p-value of kappa is against 0, with the variance under chance agreement for independent
    rows and the Wald statistic for clusters. Where nobody disagrees the error of kappa cannot be
    seen, and no interval is given. Agreement and specific agreement have Wilson intervals, at
    the effective size where rows are clustered.

    References
    ----------
    Cohen J. Educ Psychol Meas 1960;20:37-46. Cohen J. Psychol Bull 1968;70:213-220. Fleiss JL,
    Cohen J, Everitt BS. Psychol Bull 1969;72:323-327. Cicchetti DV, Feinstein AR. J Clin
    Epidemiol 1990;43:551-558. Byrt T, Bishop J, Carlin JB. J Clin Epidemiol 1993;46:423-429.

    Examples
    --------
    >>> import pandas as pd
    >>> rows = pd.DataFrame({"a": [1] * 20 + [0] * 30})
    >>> rows["b"] = [1] * 15 + [0] * 5 + [1] * 3 + [0] * 27
    >>> table = agreement(rows, first="a", second="b").tidy().set_index("stat")
    >>> table.loc["kappa", ["estimate", "std_error"]].astype(float).round(4).tolist()
    [0.661, 0.1091]
    """
    require_level(level)
    frame = open_observed(data, cluster=cluster, independent=independent)
    weighting = None if weights is None else one_of("weights", weights, ("linear", "quadratic"))
    variance = one_of("vcov", vcov, ("linearised", "jackknife"))
    options = _Reading(weighting, variance, level)
    ids, groups = frame_clusters(frame), members(frame.data, by)
    table, caveats, missing = [], [], 0
    for one, two in match_pairs(first, second):
        cells, names = read_pair(frame.data, one, two, ordered=weighting is not None)
        for group, own in groups:
            known = own[cells[own] >= 0]
            missing = max(missing, len(own) - len(known))
            rows = CellRows(cells[known], len(names) ** 2, None if ids is None else ids[known])
            label = {"first": one, "second": two, "group": group}
            table += [label | row for row in _statistics(rows, names, options)]
            caveats += _unseen_error(rows, f"{one}, {two}")
    n = max(row["n"] for row in table)
    clusters = None if ids is None else max(row["n_clusters"] for row in table)
    return TableResult(
        title="Agreement",
        unit=frame.unit,
        n=n,
        n_clusters=clusters,
        caveats=(*row_caveats(frame, n_missing=missing, n_clusters=clusters), *caveats),
        level=level,
        table=pd.DataFrame(table)[list(_COLUMNS)],
    )


_COLUMNS = (
    *("first", "second", "group", "stat", "level", "n", "n_clusters", "estimate", "std_error"),
    *("conf_low", "conf_high", "statistic", "p_value", "method"),
)


def read_pair(
    data: pd.DataFrame, first: str, second: str, *, ordered: bool
) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Cell of the square table that each row falls into, and the categories.

    Parameters
    ----------
    data : DataFrame
        The rows.
    first, second : str
        Columns of the two readings.
    ordered : bool
        Whether the order of the categories will be used.

    Returns
    -------
    cells : ndarray of int, shape (n,)
        −1 where a reading is missing.
    categories : tuple of str
        In the order of the categorical, of the numbers, or of the alphabet.

    Raises
    ------
    UsageError
        If the order is needed and is not known, or there are too many categories.
    """
    require_columns(data, [first, second])
    one, two = (_categories(data[name]) for name in (first, second))
    names = _common(one, two, ordered=ordered)
    if len(names) > _MOST_CATEGORIES:
        raise UsageError(
            f"has {len(names)} different values; agreement is of categories (at most "
            f"{_MOST_CATEGORIES}). For measurements compare the differences.",
            column=first,
        )
    a, b = (_positions(column, names) for column in (one, two))
    return np.where((a < 0) | (b < 0), -1, a * len(names) + b).astype(np.int64), names


def _categories(series: pd.Series) -> Column:
    """The column as categories; codes that say why there is no answer are missing."""
    column = read_column(series, category=True)
    if column.levels is None:  # an empty column
        return Column(column.name, np.full(len(column.values), -1), ())
    unanswered = [i for i, name in enumerate(column.levels) if name in NOT_RECORDED]
    values = np.where(np.isin(column.values, unanswered), -1, column.values)
    return Column(column.name, values, column.levels)


def _common(one: Column, two: Column, *, ordered: bool) -> tuple[str, ...]:
    first, second = one.levels or (), two.levels or ()
    used = {*(one.used_levels().levels or ()), *(two.used_levels().levels or ())}
    numbers = _in_order(used)
    if numbers is not None:
        return numbers
    if ordered and first != second:
        raise UsageError(
            "weighted kappa needs ordered categories: give both columns the same ordered "
            "categorical, or numbers.",
            column=one.name,
        )
    every = tuple(dict.fromkeys((*first, *second)))
    return tuple(name for name in every if name in used) if not ordered else first


def _in_order(names: set[str]) -> tuple[str, ...] | None:
    """The names by size where all are numbers, else None."""
    try:
        return tuple(sorted(names, key=float))
    except ValueError:
        return None


def _positions(column: Column, names: tuple[str, ...]) -> NDArray[np.int64]:
    place = {name: i for i, name in enumerate(names)}
    recode = np.array([*(place.get(name, -1) for name in column.levels or ()), -1])
    return np.asarray(recode[column.values], dtype=np.int64)


def category_weights(size: int, weights: str | None) -> NDArray[np.float64]:
    """Agreement weights of a square table: 1 on its diagonal, shape (size, size).

    Examples
    --------
    >>> category_weights(3, "linear").tolist()
    [[1.0, 0.5, 0.0], [0.5, 1.0, 0.5], [0.0, 0.5, 1.0]]
    """
    steps = np.abs(np.subtract.outer(np.arange(size), np.arange(size)))
    if weights is None:
        return np.asarray(steps == 0, dtype=np.float64)
    share = steps / max(1, size - 1)
    return np.asarray(1 - (share if weights == "linear" else share**2), dtype=np.float64)


def _kappa(size: int, weights: NDArray[np.float64]) -> Function:
    """Kappa, observed and expected agreement as functions of the shares."""

    def values(p: NDArray[Any]) -> NDArray[Any]:
        table = p.reshape(size, size) / p.sum()
        observed = (weights * table).sum()
        expected = table.sum(axis=1) @ weights @ table.sum(axis=0)
        return np.array([(observed - expected) / (1 - expected), observed, expected])

    return values


def _indices(p: NDArray[Any]) -> NDArray[Any]:
    """Prevalence and bias index of a 2×2 table whose second category is the finding."""
    return np.asarray(np.array([p[3] - p[0], p[2] - p[1]]) / p.sum())


def _covariance(rows: CellRows, function: Function, vcov: str) -> tuple[Vector, Vector]:
    values, covariance = estimate(rows, function)
    if vcov == "jackknife":
        covariance = jackknife(rows, function)
    with np.errstate(invalid="ignore"):
        return values, np.sqrt(np.diag(covariance))


def _statistics(rows: CellRows, names: tuple[str, ...], options: _Reading) -> list[dict[str, Any]]:
    size = len(names)
    clusters = rows.n_clusters
    shared = {"n": len(rows), "n_clusters": pd.NA if clusters is None else clusters}
    if not len(rows):
        return [shared | _row("kappa", np.nan, np.nan, (np.nan, np.nan), "no rows read by both")]
    weights = category_weights(size, options.weights)
    values, errors = _covariance(rows, _kappa(size, weights), options.vcov)
    found = [_kappa_row(rows, values[0], errors[0], weights, options)]
    found += _agreement_rows(rows, values, errors, options)
    found += [_specific(rows, k, name, size, options) for k, name in enumerate(names)]
    found.append(_pabak(rows, size, options))
    if size == 2:
        found += _index_rows(rows, options)
    return [shared | row for row in found]


def _row(
    stat: str, value: float, error: float, limits: Limits, method: str, level: str = "",
    statistic: float = np.nan, p_value: float = np.nan,
) -> dict[str, Any]:  # fmt: skip
    return {
        "stat": stat,
        "level": level,
        "estimate": float(value),
        "std_error": float(error),
        "conf_low": float(limits[0]),
        "conf_high": float(limits[1]),
        "statistic": statistic,
        "p_value": p_value,
        "method": method,
    }


def _wald(value: float, error: float, rows: CellRows, level: float, least: float) -> Limits:
    """Limits at a multiple of the error, in [least, 1]; none where no error can be seen."""
    if not error > 0:
        return np.nan, np.nan
    half = float(critical_value(level, rows.df)) * error
    return max(least, value - half), min(1.0, value + half)


def _vcov_name(rows: CellRows, vcov: str) -> str:
    if vcov == "jackknife":
        return "jackknife by row" if rows.cluster is None else "jackknife by cluster"
    return "multinomial" if rows.cluster is None else "between clusters"


def _kappa_row(
    rows: CellRows, value: float, error: float, weights: NDArray[np.float64], options: _Reading
) -> dict[str, Any]:
    seen = np.isfinite(error) and error > 0
    under_null = _null_error(rows, weights) if rows.cluster is None else error
    statistic = value / under_null if under_null > 0 else np.nan
    reference: Callable[[float], float] = (
        stats.norm.sf if rows.cluster is None else stats.t(rows.df).sf
    )
    name = {"linear": "linear weights, ", "quadratic": "quadratic weights, ", None: ""}
    return _row(
        "kappa",
        value,
        error if seen else np.nan,
        _wald(value, error, rows, options.level, -1.0),
        f"Cohen's kappa, {name[options.weights]}{_vcov_name(rows, options.vcov)}",
        statistic=float(statistic),
        p_value=float(2 * reference(abs(statistic))),
    )


def _null_error(rows: CellRows, weights: NDArray[np.float64]) -> float:
    """Standard error of kappa where the readings are unrelated (Fleiss, Cohen, Everitt)."""
    size = len(weights)
    table = rows.counts.reshape(size, size) / len(rows)
    first, second = table.sum(axis=1), table.sum(axis=0)
    expected = first @ weights @ second
    gap = weights - np.add.outer(weights @ second, first @ weights)
    spread = first @ gap**2 @ second - expected**2
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(np.sqrt(max(0.0, spread) / len(rows)) / (1 - expected))


def _agreement_rows(
    rows: CellRows, values: Vector, errors: Vector, options: _Reading
) -> list[dict[str, Any]]:
    name = _vcov_name(rows, options.vcov)
    if options.weights is None:
        size = int(np.sqrt(rows.size))
        observed = _ratio(rows, np.eye(size).ravel(), np.ones(size**2), options)
        first = _row("agreement", *observed, _wilson_name(rows))
    else:
        limits = _wald(values[1], errors[1], rows, options.level, 0.0)
        first = _row("agreement", values[1], errors[1], limits, f"Wald, {name}")
    limits = _wald(values[2], errors[2], rows, options.level, 0.0)
    return [first, _row("expected_agreement", values[2], errors[2], limits, f"Wald, {name}")]


def _wilson_name(rows: CellRows) -> str:
    return "wilson" if rows.cluster is None else "wilson, effective size"


def _ratio(
    rows: CellRows, numerator: Vector, denominator: Vector, options: _Reading
) -> tuple[float, float, Limits]:
    """Share of some cells among others, with a Wilson interval."""
    total = ratio_of(rows, numerator, denominator)
    return total.ratio, share_error(total), share_limits(total, "wilson", options.level)


def _specific(rows: CellRows, k: int, name: str, size: int, options: _Reading) -> dict[str, Any]:
    """Agreement on one category: 2a / (2a + b + c).

    It grows with a / (a + b + c), a plain proportion, whose limits are carried over.
    """
    either = np.zeros((size, size))
    either[k, :], either[:, k] = 1.0, 1.0
    both = np.zeros((size, size))
    both[k, k] = 1.0
    share, error, limits = _ratio(rows, both.ravel(), either.ravel(), options)
    low, high = (2 * limit / (1 + limit) for limit in limits)
    value, error = 2 * share / (1 + share), error * 2 / (1 + share) ** 2
    return _row("specific_agreement", value, error, (low, high), _wilson_name(rows), level=name)


def _pabak(rows: CellRows, size: int, options: _Reading) -> dict[str, Any]:
    """Kappa with every category equally frequent: (k × agreement − 1) / (k − 1)."""
    share, error, limits = _ratio(rows, np.eye(size).ravel(), np.ones(size**2), options)
    if size < 2:
        return _row("pabak", np.nan, np.nan, (np.nan, np.nan), "one category")
    low, high = ((size * limit - 1) / (size - 1) for limit in limits)
    value, error = (size * share - 1) / (size - 1), error * size / (size - 1)
    return _row("pabak", value, error, (low, high), _wilson_name(rows))


def _index_rows(rows: CellRows, options: _Reading) -> list[dict[str, Any]]:
    values, errors = _covariance(rows, _indices, options.vcov)
    method = f"Wald, {_vcov_name(rows, options.vcov)}"
    return [
        _row(stat, value, error, _wald(value, error, rows, options.level, -1.0), method)
        for stat, value, error in zip(
            ("prevalence_index", "bias_index"), values, errors, strict=True
        )
    ]


def _unseen_error(rows: CellRows, pair: str) -> list[Caveat]:
    size = int(np.sqrt(rows.size))
    table = rows.counts.reshape(size, size)
    if not len(rows) or table.sum() > np.trace(table):
        return []
    used = int(np.count_nonzero(np.diag(table)))
    words = "only one category was seen, so kappa is not defined" if used < 2 else (
        "no two readings differ, so the error of kappa cannot be seen"
    )  # fmt: skip
    return [Caveat("perfect_agreement", f"{pair}: {words}.")]
