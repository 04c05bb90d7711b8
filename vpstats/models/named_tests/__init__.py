"""Tests that are named: of groups, and of pairs, for independent and for clustered rows.

A p-value is only as good as the name of its test. Nothing here is chosen for the user, and a test
that takes rows as independent refuses rows that are clustered.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from vpstats.errors import UsageError
from vpstats.frames import Frame
from vpstats.models.cells import CellRows
from vpstats.models.columns import Column, read_column, read_numbers, require_columns
from vpstats.models.followup import codes_of, row_caveats
from vpstats.models.named_tests import clustered, contingency, fisher, means, ranks
from vpstats.models.named_tests.outcome import Options, Outcome, Sample
from vpstats.models.paired import INDEPENDENT_TESTS, match_pairs, pair_cells, pair_test
from vpstats.models.shares import frame_clusters, one_of, open_observed
from vpstats.results import Caveat, TableResult, require_level

__all__ = ["GROUP_TESTS", "PAIR_TESTS", "compare_groups", "compare_pairs"]


@dataclass(frozen=True, slots=True)
class GroupTest:
    """A test of groups: what computes it, and what it can be asked of.

    Parameters
    ----------
    compute : callable
        From a sample and options to an outcome.
    kind : {"category", "number"}
        What the variable must be.
    two_groups, two_levels, clustered : bool
        Whether it compares two groups alone, needs two categories, and respects clusters.
    """

    compute: Callable[[Sample, Options], Outcome]
    kind: str
    two_groups: bool = False
    two_levels: bool = False
    clustered: bool = False


GROUP_TESTS: dict[str, GroupTest] = {
    "pearson": GroupTest(contingency.pearson, "category"),
    "yates": GroupTest(contingency.yates, "category", two_groups=True, two_levels=True),
    "fisher": GroupTest(fisher.fisher, "category"),
    "fisher-mid-p": GroupTest(fisher.fisher_mid_p, "category", two_groups=True, two_levels=True),
    "g": GroupTest(contingency.g_test, "category"),
    "cochran-armitage": GroupTest(contingency.cochran_armitage, "category", two_levels=True),
    "rao-scott": GroupTest(clustered.rao_scott, "category", clustered=True),
    "donald-donner": GroupTest(
        clustered.donald_donner, "category", two_levels=True, clustered=True
    ),
    "welch": GroupTest(means.welch, "number", two_groups=True),
    "student": GroupTest(means.student, "number", two_groups=True),
    "mann-whitney": GroupTest(ranks.mann_whitney, "number", two_groups=True),
    "kruskal-wallis": GroupTest(ranks.kruskal_wallis, "number"),
    "anova": GroupTest(means.anova, "number"),
    "welch-anova": GroupTest(means.welch_anova, "number"),
    "mean-clustered": GroupTest(clustered.mean_clustered, "number", clustered=True),
    "rank-clustered": GroupTest(clustered.rank_clustered, "number", clustered=True),
}
"""Tests of groups by name."""

PAIR_TESTS = ("paired-t", "signed-rank", "sign", *INDEPENDENT_TESTS)
"""Tests of two columns of the same rows by name."""

_INSTEAD = {"category": "'rao-scott'", "number": "'mean-clustered' or 'rank-clustered'"}
_MORE_GROUPS = {"yates": "pearson", "fisher-mid-p": "fisher", "welch": "welch-anova",
                "student": "anova", "mann-whitney": "kruskal-wallis"}  # fmt: skip


def compare_groups(
    data: pd.DataFrame | Frame,
    *,
    variable: str | Sequence[str],
    by: str,
    test: str,
    cluster: str | None = None,
    exact: bool | None = None,
    continuity: bool = True,
    simulate: int = 0,
    seed: int = 0,
    scores: Sequence[float] | None = None,
    level: float = 0.95,
    independent: str | None = None,
) -> TableResult:
    """Compare a variable between groups by a test that is named.

    Parameters
    ----------
    data : DataFrame or Frame
        The rows, shape (n, …).
    variable : str or sequence of str
        Column (or columns, one row each) to compare.
    by : str
        Column of groups; the first is the reference.
    test : str
        Of categories: "pearson" (no correction), "yates", "fisher" (any shape), "fisher-mid-p",
        "g", "cochran-armitage"; of numbers: "welch", "student", "mann-whitney",
        "kruskal-wallis", "anova", "welch-anova". For clustered rows: "rao-scott" and
        "donald-donner" (groups of whole clusters) of categories, "mean-clustered" and
        "rank-clustered" of numbers.
    cluster : str, optional
        Column of clusters; the frame's own if None.
    exact : bool, optional
        For "mann-whitney": the exact distribution. By default it is used where both groups have
        fewer than 50 rows and no two values are equal; with ties True gives the exact
        permutation distribution of midranks.
    continuity : bool
        For "mann-whitney": correct the normal approximation for continuity.
    simulate : int
        For "fisher": number of random tables, for tables that are too large; 0 for none.
    seed : int
        Of the random tables.
    scores : sequence of float, optional
        For "cochran-armitage": a number per group; 1, 2, … if None.
    level : float
        Confidence level.
    independent : str, optional
        Why clustered rows may be analysed as independent; it is printed.

    Returns
    -------
    TableResult
        One row per variable: ``variable, group, reference, n, n_missing, n_clusters, measure,
        estimate, conf_low, conf_high, statistic, df, df_residual, p_value, method, status,
        reason``. Where the test has an estimate it is of `group` against `reference`: a
        difference of means, a Hodges–Lehmann shift, a risk difference of the last category (Wald
        limits), or a conditional odds ratio (exact limits).

    Raises
    ------
    UsageError
        If a column is absent or not of the test's kind, the test compares two groups (or two
        categories) and there are more, or it takes rows as independent and they are clustered.

    Notes
    -----
    Missing values are left out and counted, never a category. "fisher" is two-sided as in R: it
    sums the tables that are no likelier than the one seen; mid-p takes half of the latter away.
    Wald limits of a risk difference are those of R's ``prop.test``, with continuity for "yates".

    References
    ----------
    Agresti A. Categorical Data Analysis. Wiley, 2013. Hollander M, Wolfe DA. Nonparametric
    Statistical Methods. Wiley, 1999. Welch BL. Biometrika 1951;38:330-336. Lydersen S, Fagerland
    MW, Laake P. Recommended tests for association in 2×2 tables. Stat Med 2009;28:1159-1175.
    Rao JNK, Scott AJ. Ann Stat 1984;12:46-60.

    Examples
    --------
    >>> import pandas as pd
    >>> rows = pd.DataFrame({"arm": list("aaaaabbbbb"), "leak": [0, 0, 0, 0, 1, 0, 1, 1, 1, 1]})
    >>> table = compare_groups(rows, variable="leak", by="arm", test="fisher").tidy()
    >>> table[["method", "p_value"]].round(4).values.tolist()
    [['Fisher exact', 0.2063]]
    """
    require_level(level)
    if simulate < 0:
        raise UsageError(f"simulate is {simulate}; expected a number of tables.")
    name = one_of("test", test, GROUP_TESTS)
    frame = open_observed(data, cluster=cluster, independent=independent)
    names = [variable] if isinstance(variable, str) else list(variable)
    require_columns(frame.data, [*names, by])
    check_independence(frame, name, GROUP_TESTS[name])
    options = Options(level, exact, continuity, simulate, seed,
                      None if scores is None else tuple(float(s) for s in scores))  # fmt: skip
    rows, caveats = [], []
    for column in names:
        outcome, about = compare_one(frame, column, by, name, options)
        rows.append(about | _numbers(outcome))
        caveats += [Caveat(c.code, c.message, column) for c in outcome.caveats]
    return _table(frame, rows, caveats, f"Comparison by {by}", level, _GROUP_COLUMNS)


_NUMBERS = (
    *("measure", "estimate", "conf_low", "conf_high", "statistic", "df", "df_residual"),
    *("p_value", "method", "status", "reason"),
)
_GROUP_COLUMNS = ("variable", "group", "reference", "n", "n_missing", "n_clusters", *_NUMBERS)
_PAIR_COLUMNS = ("first", "second", "n", "n_missing", *_NUMBERS)


def check_independence(frame: Frame, name: str, test: GroupTest) -> None:
    """Refuse a test of independent rows for clustered ones, and the other way round.

    Raises
    ------
    UsageError
        Naming the test to use.
    """
    if test.clustered and frame.cluster is None:
        raise UsageError(f"test '{name}' needs clusters: give cluster=.")
    if test.clustered or not _repeats(frame):
        return
    raise UsageError(
        f"test '{name}' takes rows as independent, and they are clustered in '{frame.cluster}': "
        f"use {_INSTEAD[test.kind]}, or reduce to one row per {frame.cluster} (any event, the "
        "worst value) and test those."
    )


def _repeats(frame: Frame) -> bool:
    return frame.cluster is not None and bool(frame.data[frame.cluster].duplicated().any())


def _table(
    frame: Frame,
    rows: list[dict[str, Any]],
    caveats: list[Caveat],
    title: str,
    level: float,
    columns: tuple[str, ...],
) -> TableResult:
    failed = all(row["status"] != "ok" for row in rows)
    ids = frame_clusters(frame)
    clusters = None if ids is None else int(np.unique(ids).size)
    missing = max(row["n_missing"] for row in rows)
    return TableResult(
        title=title,
        unit=frame.unit,
        n=max(row["n"] for row in rows),
        n_clusters=clusters,
        caveats=(*row_caveats(frame, n_missing=missing, n_clusters=clusters), *caveats),
        status=rows[0]["status"] if failed else "ok",
        reason=rows[0]["reason"] if failed else "",
        level=level,
        table=pd.DataFrame(rows)[list(columns)],
    )


def _numbers(outcome: Outcome) -> dict[str, Any]:
    return {name: getattr(outcome, name) for name in _NUMBERS}


def compare_one(
    frame: Frame, variable: str, by: str, test: str, options: Options
) -> tuple[Outcome, dict[str, Any]]:
    """Test one variable.

    Parameters
    ----------
    frame : Frame
        The rows, whose independence has been checked.
    variable, by, test : str
        Names of the columns and of the test.
    options : Options
        What the test is told.

    Returns
    -------
    Outcome
        The test.
    dict
        What was compared: ``variable, group, reference, n, n_missing, n_clusters``.
    """
    spec = GROUP_TESTS[test]
    sample, n_missing = read_sample(frame, variable, by, spec.kind)
    _check_shape(sample, variable, by, test, options)
    clusters = None if sample.cluster is None else int(np.unique(sample.cluster).size)
    two = len(sample.groups) == 2
    about = {
        "variable": variable,
        "group": sample.groups[1] if two else "",
        "reference": sample.groups[0] if two else "",
        "n": len(sample.values),
        "n_missing": n_missing,
        "n_clusters": pd.NA if clusters is None else clusters,
    }
    return _nothing_to_compare(sample) or spec.compute(sample, options), about


def read_sample(frame: Frame, variable: str, by: str, kind: str) -> tuple[Sample, int]:
    """Complete rows of a variable and its groups, and how many rows were left out."""
    group, names = codes_of(frame.data[by])
    levels: tuple[str, ...] = ()
    if kind == "category":
        column = _category(frame.data[variable])
        values, missing = column.values.astype(np.float64), column.missing
    else:
        values = read_numbers(frame.data, variable)
        missing = np.isnan(values)
    kept = np.flatnonzero(~missing & (group >= 0))
    used, group = np.unique(group[kept], return_inverse=True)
    values = values[kept]
    if kind == "category":
        occurring, codes = np.unique(values, return_inverse=True)
        levels = tuple((column.levels or ())[int(k)] for k in occurring)
        values = codes.astype(np.float64)
    ids = frame_clusters(frame)
    sample = Sample(
        values=values,
        group=group.astype(np.int64),
        groups=tuple(str(names[k]) for k in used),
        levels=levels,
        cluster=None if ids is None else ids[kept],
    )
    return sample, len(frame) - kept.size


def _category(series: pd.Series) -> Column:
    column = read_column(series, category=True)
    if column.levels is None:  # an empty column
        return Column(column.name, np.full(len(column.values), -1), ())
    return column


def _check_shape(sample: Sample, variable: str, by: str, test: str, options: Options) -> None:
    spec = GROUP_TESTS[test]
    if spec.two_groups and len(sample.groups) > 2:
        raise UsageError(
            f"test '{test}' compares two groups, and '{by}' has {len(sample.groups)}: use "
            f"'{_MORE_GROUPS[test]}', or keep two of them."
        )
    if spec.two_levels and len(sample.levels) > 2:
        raise UsageError(
            f"test '{test}' needs two categories; it has {len(sample.levels)}.", column=variable
        )
    if options.scores is not None and len(options.scores) != len(sample.groups):
        raise UsageError(
            f"scores= gives {len(options.scores)} numbers and '{by}' has {len(sample.groups)} "
            "groups."
        )


def _nothing_to_compare(sample: Sample) -> Outcome | None:
    """A result without numbers where there is one group, or one value."""
    if len(sample.groups) < 2:
        reason = "fewer than two groups have a value; describe the rows instead."
        return Outcome("none", status="one group", reason=reason)
    if np.unique(sample.values).size < 2:
        reason = "every row has the same value, so there is nothing to compare."
        return Outcome("none", status="one value", reason=reason)
    return None


def compare_pairs(
    data: pd.DataFrame | Frame,
    *,
    first: str | Sequence[str],
    second: str | Sequence[str],
    test: str,
    exact: bool | None = None,
    continuity: bool = True,
    level: float = 0.95,
    independent: str | None = None,
) -> TableResult:
    """Compare two columns of the same rows by a test that is named.

    Parameters
    ----------
    data : DataFrame or Frame
        One row per pair, independent of one another.
    first, second : str or sequence of str
        Columns to compare, pair by pair.
    test : str
        Of numbers: "paired-t", "signed-rank" (Wilcoxon), "sign"; of two-valued columns:
        "mcnemar-exact", "mcnemar-mid-p", "mcnemar", "mcnemar-corrected".
    exact, continuity
        For "signed-rank", as in `compare_groups`.
    level : float
        Confidence level.
    independent : str, optional
        Why clustered rows may be analysed as independent; it is printed.

    Returns
    -------
    TableResult
        One row per pair: ``first, second, n, n_missing, measure, estimate, conf_low, conf_high,
        statistic, df, df_residual, p_value, method, status, reason``. Estimates are of `first`
        less `second`; for McNemar's tests see `paired_proportions`.

    Raises
    ------
    UsageError
        If a column is absent or not of the test's kind, or rows are clustered.

    References
    ----------
    Wilcoxon F. Biometrics Bull 1945;1:80-83. McNemar Q. Psychometrika 1947;12:153-157.

    Examples
    --------
    >>> import pandas as pd
    >>> rows = pd.DataFrame({"before": [7.0, 8, 6, 9, 8], "after": [3.0, 3.5, 4, 3.2, 5]})
    >>> table = compare_pairs(rows, first="before", second="after", test="signed-rank").tidy()
    >>> table[["estimate", "p_value", "method"]].values.tolist()
    [[3.9, 0.0625, 'Wilcoxon signed rank, exact']]
    """
    require_level(level)
    name = one_of("test", test, PAIR_TESTS)
    frame = open_observed(data, independent=independent)
    if _repeats(frame):
        raise UsageError(
            f"test '{name}' takes rows as independent, and they are clustered in "
            f"'{frame.cluster}': use paired_proportions() for findings, for numbers a model of "
            f"the difference with cluster=, or one row per {frame.cluster}."
        )
    options = Options(level, exact, continuity)
    rows, caveats = [], []
    for one, two in match_pairs(first, second):
        outcome, n, n_missing = _test_pair(frame, one, two, name, options)
        rows.append({"first": one, "second": two, "n": n, "n_missing": n_missing})
        rows[-1] |= _numbers(outcome)
        caveats += [Caveat(c.code, c.message, one) for c in outcome.caveats]
    return _table(frame, rows, caveats, "Comparison of pairs", level, _PAIR_COLUMNS)


def _test_pair(
    frame: Frame, first: str, second: str, test: str, options: Options
) -> tuple[Outcome, int, int]:
    if test in INDEPENDENT_TESTS:
        cells = pair_cells(frame.data, first, second)
        table = CellRows(cells[cells >= 0], 4)
        found = pair_test(table, test)
        outcome = Outcome(found.method, found.statistic, found.df, p_value=found.p_value)
        return outcome, len(table), len(frame) - len(table)
    difference = _differences(frame.data, first, second)
    known = difference[~np.isnan(difference)]
    outcome = _NUMBER_PAIRS[test](known, options) if known.size > 1 else _NO_PAIRS
    return outcome, known.size, len(frame) - known.size


_NO_PAIRS = Outcome("none", status="no pairs", reason="fewer than two rows have both values.")
_NUMBER_PAIRS: dict[str, Callable[[NDArray[np.float64], Options], Outcome]] = {
    "paired-t": means.paired_t,
    "signed-rank": ranks.signed_rank,
    "sign": ranks.sign,
}


def _differences(data: pd.DataFrame, first: str, second: str) -> NDArray[np.float64]:
    return read_numbers(data, first) - read_numbers(data, second)
