"""Two findings on the same rows: the difference of their shares, by clusters where there are any.

Whether one imaging method sees more than another, or one kind of leak is more frequent than
another, is a question about pairs: only the rows on which the two differ carry information.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import optimize, stats

from vpstats.errors import UsageError
from vpstats.frames import Frame
from vpstats.models.cells import CellRows, estimate
from vpstats.models.columns import read_response, require_columns
from vpstats.models.followup import row_caveats
from vpstats.models.shares import (
    Limits,
    Vector,
    effective_size,
    frame_clusters,
    members,
    one_of,
    open_observed,
)
from vpstats.results import TableResult, critical_value, require_level

NEITHER, SECOND_ONLY, FIRST_ONLY, BOTH = range(4)
INDEPENDENT_TESTS = ("mcnemar-exact", "mcnemar-mid-p", "mcnemar", "mcnemar-corrected")
CLUSTERED_TESTS = ("obuchowski", "durkalski")
_BESIDE = 1e-9
_DISCORDANT = np.array([0.0, -1.0, 1.0, 0.0])


@dataclass(frozen=True, slots=True)
class PairTest:
    """A test of equal marginal shares.

    Parameters
    ----------
    method : str
        Its name.
    statistic, df : float
        Chi-squared statistic and its degrees of freedom; NaN for exact tests.
    p_value : float
        Two-sided.
    """

    method: str
    statistic: float
    df: float
    p_value: float


def paired_proportions(
    data: pd.DataFrame | Frame,
    *,
    first: str | Sequence[str],
    second: str | Sequence[str],
    by: str | None = None,
    cluster: str | None = None,
    test: str | None = None,
    interval: str = "score",
    level: float = 0.95,
    independent: str | None = None,
) -> TableResult:
    """Compare the shares of two findings that were looked for on the same rows.

    Parameters
    ----------
    data : DataFrame or Frame
        One row per unit on which both were looked for, shape (n, …).
    first, second : str or sequence of str
        Columns of 0 and 1, booleans or yes/no codes. Several pairs (leak types, which may occur
        together) give one row each; one name on one side is compared with each on the other.
    by : str, optional
        Column of groups; each has rows of its own.
    cluster : str, optional
        Column of clusters; the frame's own if None.
    test : str, optional
        For independent rows "mcnemar-exact" (default), "mcnemar-mid-p", "mcnemar" (chi-squared)
        or "mcnemar-corrected" (with continuity). For clusters "obuchowski" (default), or
        "durkalski", in which clusters count alike whatever their size.
    interval : {"score", "wald"}
        Tango's score interval, for clusters at the effective sample size; or the standard error
        times a normal (clusters: t) quantile.
    level : float
        Confidence level.
    independent : str, optional
        Why clustered rows may be analysed as independent; it is printed.

    Returns
    -------
    TableResult
        One row per pair (and group): ``first, second, group, n, n_clusters, n_missing, n_both,
        n_first_only, n_second_only, n_neither, share_first, share_second, estimate, std_error,
        conf_low, conf_high, statistic, df, p_value, p_adjusted, test, method``. The estimate is
        the share of `first` less that of `second`; `p_adjusted` is Holm's over all rows.

    Raises
    ------
    UsageError
        If a column is absent or not two-valued, the pairs do not match, or a test for independent
        rows is asked of clustered ones.

    Notes
    -----
    A row counts where both findings are known. The standard error for clusters is that of
    Obuchowski with the factor K/(K − 1); her test statistic uses the variance under equal shares.
    Where no row is discordant, no variance can be seen and each cluster counts as one row.

    References
    ----------
    McNemar Q. Psychometrika 1947;12:153-157. Tango T. Equivalence test and confidence interval
    for the difference in proportions for the paired-sample design. Stat Med 1998;17:891-908.
    Obuchowski NA. Stat Med 1998;17:1495-1507. Durkalski VL et al. Analysis of clustered
    matched-pair data. Stat Med 2003;22:2417-2428. Holm S. Scand J Stat 1979;6:65-70.

    Examples
    --------
    >>> import pandas as pd
    >>> rows = pd.DataFrame({"ct": [1] * 8 + [0] * 4, "fluoro": [1] * 2 + [0] * 10})
    >>> table = paired_proportions(rows, first="ct", second="fluoro").tidy()
    >>> table[["n_first_only", "n_second_only", "estimate", "p_value"]].round(4).values.tolist()
    [[6.0, 0.0, 0.5, 0.0312]]
    """
    require_level(level)
    frame = open_observed(data, cluster=cluster, independent=independent)
    chosen = _choose_test(frame, test)
    kind = one_of("interval", interval, ("score", "wald"))
    pairs = match_pairs(first, second)
    ids = frame_clusters(frame)
    groups = members(frame.data, by)
    rows = []
    for one, two in pairs:
        cells = pair_cells(frame.data, one, two)
        for name, own in groups:
            known = own[cells[own] >= 0]
            table = CellRows(cells[known], 4, None if ids is None else ids[known])
            row = {"first": one, "second": two, "group": name, "n_missing": len(own) - len(known)}
            rows.append(row | _compare(table, chosen, kind, level))
    return _result(frame, pd.DataFrame(rows), level)


def match_pairs(first: str | Sequence[str], second: str | Sequence[str]) -> list[tuple[str, str]]:
    """Pair up column names; a single name goes with each of the other side.

    Raises
    ------
    UsageError
        If the sides have different numbers of names, or a column would meet itself.
    """
    one = [first] if isinstance(first, str) else list(first)
    two = [second] if isinstance(second, str) else list(second)
    size = max(len(one), len(two))
    one, two = (names * size if len(names) == 1 else names for names in (one, two))
    if len(one) != len(two) or not one:
        raise UsageError(
            f"first= names {len(one)} columns and second= {len(two)}; expected as many on each "
            "side, or one."
        )
    pairs = list(zip(one, two, strict=True))
    if any(a == b for a, b in pairs):
        raise UsageError("first= and second= name the same column; expected two findings.")
    return pairs


def pair_cells(data: pd.DataFrame, first: str, second: str) -> NDArray[np.int64]:
    """Cell of the paired table that each row falls into, −1 where a finding is missing."""
    require_columns(data, [first, second])
    a, b = read_response(data[first]), read_response(data[second])
    known = ~(np.isnan(a) | np.isnan(b))
    cells = 2 * np.nan_to_num(a) + np.nan_to_num(b)
    return np.where(known, cells, -1).astype(np.int64)


def _choose_test(frame: Frame, test: str | None) -> str:
    clustered = frame.cluster is not None
    if test is None:
        return CLUSTERED_TESTS[0] if clustered else INDEPENDENT_TESTS[0]
    name = one_of("test", test, (*INDEPENDENT_TESTS, *CLUSTERED_TESTS))
    if clustered and name in INDEPENDENT_TESTS:
        raise UsageError(
            f"test '{name}' takes rows as independent, and they are clustered in "
            f"'{frame.cluster}': use 'obuchowski' or 'durkalski', or give one row per cluster."
        )
    if not clustered and name in CLUSTERED_TESTS:
        raise UsageError(f"test '{name}' needs clusters: give cluster=.")
    return name


def _compare(table: CellRows, test: str, interval: str, level: float) -> dict[str, Any]:
    n = len(table)
    neither, second_only, first_only, both = table.counts
    difference, variance = _difference(table)
    result = pair_test(table, test)
    limits = _limits(table, difference, variance, interval, level)
    clusters = table.n_clusters
    return {
        "n": n,
        "n_clusters": pd.NA if clusters is None else clusters,
        "n_both": int(both),
        "n_first_only": int(first_only),
        "n_second_only": int(second_only),
        "n_neither": int(neither),
        "share_first": (both + first_only) / n if n else np.nan,
        "share_second": (both + second_only) / n if n else np.nan,
        "estimate": difference,
        "std_error": float(np.sqrt(variance)),
        "conf_low": limits[0],
        "conf_high": limits[1],
        "statistic": result.statistic,
        "df": result.df,
        "p_value": result.p_value,
        "test": result.method,
        "method": _interval_name(interval, clustered=clusters is not None),
    }


def _interval_name(interval: str, *, clustered: bool) -> str:
    if interval == "wald":
        return "Wald, between clusters" if clustered else "Wald"
    return "Tango score, effective size" if clustered else "Tango score"


def _difference(table: CellRows) -> tuple[float, float]:
    if not len(table):
        return np.nan, np.nan
    value, variance = estimate(table, lambda p: np.array([_DISCORDANT @ p / p.sum()]))
    return float(value[0]), float(variance[0, 0])


def pair_test(table: CellRows, test: str) -> PairTest:
    """Test that both findings have the same share.

    Parameters
    ----------
    table : CellRows
        The paired table.
    test : str
        One of `INDEPENDENT_TESTS` or `CLUSTERED_TESTS`.

    Returns
    -------
    PairTest
        With p-value 1 where no row is discordant.
    """
    b, c = table.counts[FIRST_ONLY], table.counts[SECOND_ONLY]
    name = _TEST_NAMES[test]
    if not len(table):
        return PairTest(name, np.nan, np.nan, np.nan)
    if test in ("mcnemar-exact", "mcnemar-mid-p"):
        return PairTest(name, np.nan, np.nan, binomial_half(b, c, mid=test == "mcnemar-mid-p"))
    if b + c == 0:
        return PairTest(name, 0.0, 1.0, 1.0)
    statistic = _chi_squared(table, test)
    return PairTest(name, statistic, 1.0, float(stats.chi2.sf(statistic, 1)))


_TEST_NAMES = {
    "mcnemar": "McNemar",
    "mcnemar-corrected": "McNemar, with continuity",
    "mcnemar-exact": "McNemar, exact",
    "mcnemar-mid-p": "McNemar, mid-p",
    "obuchowski": "McNemar, clustered (Obuchowski)",
    "durkalski": "McNemar, clustered (Durkalski)",
}


def binomial_half(first: float, second: float, *, mid: bool = False) -> float:
    """Two-sided p-value of two counts that are equally likely, exact or mid-p.

    Examples
    --------
    >>> binomial_half(6, 0)
    0.03125
    """
    n, least = first + second, min(first, second)
    tail = 2 * stats.binom.cdf(least, n, 0.5)
    if mid:
        return float(tail - stats.binom.pmf(least, n, 0.5)) if first != second else 1.0
    return float(min(1.0, tail))


def _chi_squared(table: CellRows, test: str) -> float:
    b, c = table.counts[FIRST_ONLY], table.counts[SECOND_ONLY]
    if test == "mcnemar":
        return float((b - c) ** 2 / (b + c))
    if test == "mcnemar-corrected":
        return float(max(0.0, abs(b - c) - 1) ** 2 / (b + c))
    counts = table.by_cluster()
    apart = counts @ _DISCORDANT
    if test == "durkalski":
        apart = apart / counts.sum(axis=1)
        return float(apart.sum() ** 2 / (apart @ apart))
    clusters = len(apart)
    factor = clusters / (clusters - 1) if clusters > 1 else np.nan
    spread = factor * (apart @ apart)
    return float(apart.sum() ** 2 / spread) if spread else 0.0


def _limits(
    table: CellRows, difference: float, variance: float, interval: str, level: float
) -> Limits:
    if not len(table):
        return np.nan, np.nan
    if interval == "wald":
        half = float(critical_value(level, table.df)) * np.sqrt(variance)
        return max(-1.0, difference - half), min(1.0, difference + half)
    size = _effective_rows(table, variance, level)
    share = size / len(table)
    b, c = table.counts[FIRST_ONLY] * share, table.counts[SECOND_ONLY] * share
    return tango(b, c, size, level)


def _effective_rows(table: CellRows, variance: float, level: float) -> float:
    """Independent rows that carry as much information on the difference."""
    n, clusters = len(table), table.n_clusters
    if clusters is None:
        return float(n)
    independent = _difference(CellRows(table.cell, 4))[1]
    known = independent > 0 and np.isfinite(variance)
    effect = max(1.0, variance / independent) if known else max(1.0, n / clusters)
    return effective_size(n, effect, clusters, level)


def tango(first_only: float, second_only: float, size: float, level: float) -> Limits:
    """Score limits of the difference of two paired proportions.

    Parameters
    ----------
    first_only, second_only, size : float
        Discordant rows of each kind, and all rows; effective sizes need not be whole numbers.
    level : float
        Confidence level.

    Returns
    -------
    tuple of float
        Lower and upper limit.

    References
    ----------
    Tango T (1998).

    Examples
    --------
    >>> [round(limit, 4) for limit in tango(0, 0, 20, 0.95)]
    [-0.1611, 0.1611]
    """
    z2 = float(critical_value(level)) ** 2
    centre = (first_only - second_only) / size
    if first_only + second_only == 0:
        return -z2 / (size + z2), z2 / (size + z2)

    def excess(delta: float) -> float:
        """Score statistic at a difference, less the critical value."""
        slope = first_only + second_only - (2 * size - first_only + second_only) * delta
        product = second_only * delta * (1 - delta)
        # the share of "second only" that is likeliest under this difference
        share = (np.sqrt(slope**2 + 8 * size * product) + slope) / (4 * size)
        variance = size * (2 * share + delta * (1 - delta))
        gap = first_only - second_only - size * delta
        return float(gap**2 - z2 * variance)

    def limit(end: float) -> float:
        # just beside the estimate, at which the variance may be 0 too
        start = centre + _BESIDE * (end - centre)
        if centre == end or excess(end) <= 0:
            return end
        return float(optimize.brentq(excess, *sorted((start, end)), xtol=1e-14, rtol=1e-14))

    return limit(-1.0), limit(1.0)


def holm(p_values: Vector) -> Vector:
    """Holm's adjustment of p-values; NaN stay NaN and are not counted.

    Examples
    --------
    >>> import numpy as np
    >>> holm(np.array([0.01, 0.04, np.nan, 0.03])).round(4).tolist()
    [0.03, 0.06, nan, 0.06]
    """
    known = np.flatnonzero(~np.isnan(p_values))
    order = known[np.argsort(p_values[known], kind="stable")]
    adjusted = np.full(p_values.size, np.nan)
    factor = np.arange(order.size, 0, -1)
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(factor * p_values[order]))
    return adjusted


_COLUMNS = (
    *("first", "second", "group", "n", "n_clusters", "n_missing", "n_both", "n_first_only"),
    *("n_second_only", "n_neither", "share_first", "share_second", "estimate", "std_error"),
    *("conf_low", "conf_high", "statistic", "df", "p_value", "p_adjusted", "test", "method"),
)


def _result(frame: Frame, rows: pd.DataFrame, level: float) -> TableResult:
    rows = rows.assign(p_adjusted=holm(rows["p_value"].to_numpy(float)))
    missing = int(rows["n_missing"].max())
    fewest = None if frame.cluster is None else int(rows["n_clusters"].max())
    return TableResult(
        title="Paired proportions",
        unit=frame.unit,
        n=int(rows["n"].max()),
        n_clusters=fewest,
        caveats=tuple(row_caveats(frame, n_missing=missing, n_clusters=fewest)),
        level=level,
        table=rows[list(_COLUMNS)],
    )
