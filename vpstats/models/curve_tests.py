"""Are the curves of groups the same? Log-rank tests and Gray's test, also for clustered rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import pandas as pd

from vpstats.errors import UsageError
from vpstats.frames import Frame, Imputations, open_data
from vpstats.models.curve_fit import cause_name
from vpstats.models.event_slots import find_slots
from vpstats.models.followup import Codes, FollowUp, read_follow_up, row_caveats
from vpstats.models.permutation import arrange, permutation_p_value
from vpstats.models.pooling import joint_caveats, joint_p_value, pool_tests
from vpstats.models.score_tests import (
    ScoreTest,
    Weighting,
    fleming_harrington,
    gehan,
    gray,
    log_rank,
    p_value,
    peto,
    tarone_ware,
)
from vpstats.results import Caveat, TableResult

TestName = Literal["logrank", "gehan", "tarone-ware", "peto", "gray"]

FEW_EVENT_CLUSTERS = 20
"""Below this many clusters with an event the robust test is known to reject too often."""

_NAMES = {
    "logrank": "log-rank test",
    "gehan": "Gehan–Breslow test",
    "tarone-ware": "Tarone–Ware test",
    "peto": "Peto–Peto test",
    "gray": "Gray's test",
}
_MEANS = ("n", "n_events", "observed", "expected")
"""Columns of the table that completed data sets may differ in."""
_WEIGHTS: dict[str, Weighting] = {"gehan": gehan, "tarone-ware": tarone_ware, "peto": peto}


@dataclass(frozen=True, kw_only=True)
class CurveComparison(TableResult):
    """A test of whole curves between groups.

    `table` has one row per group: ``group, n, n_events, observed, expected``.

    Parameters
    ----------
    statistic, df, p_value : float, int, float
        Of the test; NaN and 0 where nothing can be compared.
    df_residual : float
        Denominator degrees of freedom where completed data sets were pooled and the statistic is
        F; infinite where it is chi-squared.
    method : str
        Test, its weights, its covariance and where the p-value comes from.
    permutations : int, optional
        Arrangements of the clusters that the p-value counts, the observed one included.
    """

    statistic: float = float("nan")
    df: int = 0
    df_residual: float = float("inf")
    p_value: float = float("nan")
    method: str = ""
    permutations: int | None = None

    def glance(self) -> pd.DataFrame:
        """One row: ``statistic, df, df_residual, p_value, method, permutations``, then as any."""
        return pd.DataFrame(
            {
                "statistic": [self.statistic],
                "df": [self.df],
                "df_residual": [self.df_residual],
                "p_value": [self.p_value],
                "method": [self.method],
                "permutations": pd.array([self.permutations], dtype="Int64"),
            }
        ).join(super().glance())


@dataclass(frozen=True, slots=True)
class _Request:
    """What is asked of a test, beside the rows."""

    test: str
    cause: int
    rho: float
    permutations: int | None
    seed: int

    def __post_init__(self) -> None:
        if self.test not in _NAMES:
            expected = ", ".join(f"'{name}'" for name in _NAMES)
            raise UsageError(f"test is {self.test!r}; expected one of {expected}.")
        if self.cause != int(self.cause) or self.cause < 1:
            raise UsageError(f"cause is {self.cause!r}; expected an event code: 1, 2, ….")
        if not np.isfinite(self.rho):
            raise UsageError(f"rho is {self.rho!r}; expected a number.")
        if self.rho != 0 and self.test in _WEIGHTS:
            raise UsageError(
                f"test='{self.test}' has weights of its own; rho is for 'logrank' and 'gray'."
            )
        if self.permutations is not None and self.permutations < 1:
            raise UsageError(f"permutations is {self.permutations!r}; expected at least 1.")

    def run(self, rows: FollowUp, group: Codes) -> ScoreTest:
        """Test the rows with these groups."""
        found = find_slots(replace(rows, group=group), self.cause, competing=self.test == "gray")
        if self.test == "gray":
            return gray(found, self.rho, rows.cluster)
        weighting = _WEIGHTS.get(self.test, fleming_harrington(self.rho))
        return log_rank(found, weighting, rows.cluster)

    def method(self, rows: FollowUp) -> str:
        """The test in words."""
        weighted = f", rho = {self.rho:g}" if self.rho else ""
        stratified = "" if rows.strata is None else ", stratified"
        robust = "" if rows.cluster is None else ", cluster-robust"
        counted = "" if self.permutations is None else ", p-value by permutation"
        return f"{_NAMES[self.test]}{weighted}{stratified}{robust}{counted}"


def compare_curves(
    data: pd.DataFrame | Frame | Imputations,
    *,
    duration: str,
    event: str,
    by: str,
    cause: int = 1,
    test: TestName = "logrank",
    rho: float = 0.0,
    strata: str | Sequence[str] | None = None,
    entry: str | None = None,
    cluster: str | None = None,
    permutations: int | None = None,
    seed: int = 0,
    independent: str | None = None,
) -> CurveComparison:
    """Test whether groups have the same curve.

    Parameters
    ----------
    data, duration, entry, independent
        As in `kaplan_meier`. Imputations are compared one by one and pooled.
    event : str
        Column of codes: 0 censored, 1, 2, … the cause of the event.
    by : str
        Column of groups.
    cause : int
        Code of the event in question.
    test : {"logrank", "gehan", "tarone-ware", "peto", "gray"}
        "gray" compares cumulative incidences, with other causes competing. The others compare
        hazards of the cause, with other causes censored, and differ in how they weight times: all
        alike, by the number at risk, by its root, or by a survival estimate.
    rho : float
        For "logrank" weights ``S(t-) ** rho`` (1: early differences count more), for "gray"
        ``(1 - F(t-)) ** rho``.
    strata : str or sequence of str, optional
        Columns whose combinations are compared within themselves only.
    cluster : str, optional
        Column of clusters; the frame's own if None. The covariance of the test is then the sum
        over clusters, and groups may vary within a patient.
    permutations : int, optional
        Number of random rearrangements of the groups among whole clusters (among rows where they
        are not clustered; within strata) that give the p-value; all distinct ones are taken if
        there are no more than that. Each is tested as the data are.
    seed : int
        Of the random rearrangements.

    Returns
    -------
    CurveComparison
        Per group the rows, the events of the cause, and the observed and expected events as
        weighted by the test; ``glance()`` has `statistic`, `df`, `p_value` and `method`.

    Raises
    ------
    UsageError
        If a column is absent or not what it should be, an option is unknown, or `permutations` is
        given although the groups or strata vary within clusters, or for imputations.

    Notes
    -----
    Late entry changes who is at risk and nothing else: both tests rest on martingales of the rows
    under observation. Gray's test then needs somebody at risk from early on in every group.

    In each of m completed data sets the differences of observed and expected events, d with
    covariance V, are turned into Peto's one-step estimates of log hazard ratios, ``V^-1 d`` with
    covariance ``V^-1``, whose Wald test is the test itself; these are pooled and tested together
    by D1 (Li, Raghunathan & Rubin). With nothing imputed the test is unchanged.

    References
    ----------
    Mantel N (1966). Harrington DP, Fleming TR (1982). Gray RJ. A class of K-sample tests for
    comparing the cumulative incidence of a competing risk. Ann Stat 1988;16:1141-1154. Jeong JH,
    Jung SH. Rank tests for clustered survival data when dependent subunits are randomized. Stat
    Med 2006;25:361-373. Yusuf S, Peto R, Lewis J, Collins R, Sleight P. Beta blockade during and
    after myocardial infarction. Prog Cardiovasc Dis 1985;27:335-371. Li KH, Raghunathan TE, Rubin
    DB. J Am Stat Assoc 1991;86:1065-1073.

    Examples
    --------
    >>> import pandas as pd
    >>> rows = pd.DataFrame(
    ...     {"days": [5, 8, 9, 20, 7, 20, 20, 20], "event": [1, 1, 2, 0, 1, 0, 2, 0],
    ...      "disc_leak": ["yes"] * 4 + ["no"] * 4}
    ... )
    >>> compared = compare_curves(rows, duration="days", event="event", by="disc_leak")
    >>> compared.tidy()[["group", "n", "observed"]]
      group  n  observed
    0    no  4       1.0
    1   yes  4       2.0
    >>> round(float(compared.glance()["statistic"].iloc[0]), 3)
    0.438
    """
    request = _Request(test, cause, rho, permutations, seed)
    columns: dict[str, Any] = {"duration": duration, "event": event, "entry": entry, "by": by}
    columns["strata"] = (strata,) if isinstance(strata, str) else tuple(strata or ())
    options = {"cluster": cluster, "independent": independent}
    if not isinstance(data, Imputations):
        return _compare(open_data(data, **options), request, columns)[0]
    if permutations is not None:
        raise UsageError(
            "p-values by permutation of completed data sets cannot be pooled; leave permutations= "
            "out."
        )
    found = [_compare(open_data(frame, **options), request, columns) for frame in data]
    return _pooled([result for result, _ in found], [test for _, test in found], data)


def _compare(
    frame: Frame, request: _Request, columns: dict[str, Any]
) -> tuple[CurveComparison, ScoreTest | None]:
    """The result of one frame, with the test that it rests on where there is one."""
    rows = read_follow_up(frame, **columns)
    own = rows.event == request.cause
    sizes = np.bincount(rows.grouping, minlength=len(rows.groups))
    unknown = np.full(sizes.size, np.nan)
    table = pd.DataFrame(
        {
            "group": rows.groups,
            "n": sizes,
            "n_events": np.bincount(rows.grouping[np.flatnonzero(own)], minlength=sizes.size),
            "observed": unknown,
            "expected": unknown,
        }
    )
    compared = f"{cause_name(frame, request.cause)} by {columns['by']}"
    shared = CurveComparison(
        title=f"{_sentence(request.method(rows))}: {compared}",
        unit=frame.unit,
        n=len(rows),
        n_events=int(table["n_events"].sum()),
        n_clusters=rows.n_clusters,
        caveats=tuple(_caveats(frame, rows, request, sizes)),
        method=request.method(rows),
        table=table[sizes > 0].reset_index(drop=True),
    )
    present = int(np.count_nonzero(sizes))
    if present < 2 or not shared.n_events:
        status, reason = _nothing(present)
        return replace(shared, status=status, reason=reason), None
    return _tested(shared, frame, rows, request, np.flatnonzero(sizes))


def _pooled(
    results: Sequence[CurveComparison], tests: Sequence[ScoreTest | None], data: Imputations
) -> CurveComparison:
    """D1 over Peto's one-step estimates of each completed data set."""
    first, m = results[0], len(results)
    caveats = joint_caveats(results, data.caveats)
    failed = next((r for r in results if not r.ok), None)
    if failed is not None:
        count = sum(not r.ok for r in results)
        reason = f"in {count} of {m} completed data sets: {failed.reason}"
        return replace(failed, reason=reason, caveats=caveats)
    steps = [test.one_step() for test in tests if test is not None]
    groups = {tuple(r.table["group"]) for r in results}
    if len(groups) > 1 or len({len(estimate) for estimate, _ in steps}) > 1:
        return replace(
            first, status="different groups", caveats=caveats, statistic=float("nan"), df=0,
            p_value=float("nan"),
            reason="a group has no rows, or nobody at risk, in some completed data sets; join it "
            "with another.",
        )  # fmt: skip
    statistic, residual = pool_tests(*map(np.array, zip(*steps, strict=True)))
    k = len(steps[0][0])
    counts = {c: np.mean([r.table[c] for r in results], axis=0) for c in _MEANS}
    whole = {c: np.rint(counts[c]).astype(np.int64) for c in ("n", "n_events")}
    message = f"Pooled over {m} completed data sets (D1); counts are means over them."
    return replace(
        first,
        n=round(float(np.mean([r.n for r in results]))),
        n_events=round(float(np.mean([r.n_events or 0 for r in results]))),
        statistic=statistic,
        df=k,
        df_residual=residual,
        p_value=joint_p_value(statistic, k, residual),
        method=f"{first.method}, pooled (D1)",
        table=first.table.assign(**(counts | whole)),
        caveats=(Caveat("pooled", message), *caveats),
    )


def _sentence(words: str) -> str:
    return words[0].upper() + words[1:]


def _nothing(groups: int) -> tuple[str, str]:
    if groups < 2:
        return "one group", "Fewer than two groups have rows; check by=."
    return "no events", "No event of the cause was observed; report rates with exact limits."


def _tested(
    shared: CurveComparison, frame: Frame, rows: FollowUp, request: _Request, present: Codes
) -> tuple[CurveComparison, ScoreTest]:
    test = request.run(rows, rows.grouping)
    statistic, df = test.statistic()
    result = replace(
        shared,
        statistic=statistic,
        df=df,
        p_value=p_value(statistic, df),
        table=shared.table.assign(observed=test.observed[present], expected=test.expected[present]),
    )
    if not df:
        reason = (
            "Groups are never at risk at the same time, or there is one cluster; describe the "
            "groups by their curves."
        )
        return replace(result, status="nothing to compare", reason=reason), test
    if request.permutations is None:
        return result, test
    p, taken = _permuted(frame, rows, request)
    return replace(result, p_value=p, permutations=taken), test


def _permuted(frame: Frame, rows: FollowUp, request: _Request) -> tuple[float, int]:
    assert request.permutations is not None  # noqa: S101  # the caller has asked
    cluster = np.arange(len(rows)) if rows.cluster is None else rows.cluster
    arrangement = arrange(cluster, rows.grouping, rows.strata, _order(frame, rows))
    return permutation_p_value(
        arrangement,
        lambda group: request.run(rows, group).statistic()[0],
        request.permutations,
        request.seed,
    )


def _order(frame: Frame, rows: FollowUp) -> Codes:
    """Rank of the rows by cluster id or, where there is none, by what the test knows of them."""
    if frame.cluster is not None:
        ids = frame.data[frame.cluster]
        ids = ids if rows.kept is None else ids.iloc[rows.kept]
        return np.asarray(pd.factorize(ids, sort=True)[0], dtype=np.int64)
    entry = np.zeros(len(rows)) if rows.entry is None else rows.entry
    rank = np.empty(len(rows), dtype=np.int64)
    rank[np.lexsort((rows.grouping, entry, rows.event, rows.exit))] = np.arange(len(rows))
    return rank


def _caveats(frame: Frame, rows: FollowUp, request: _Request, sizes: Codes) -> Iterator[Caveat]:
    yield from row_caveats(frame, n_missing=rows.n_missing, n_clusters=rows.n_clusters)
    empty = int(np.count_nonzero(sizes == 0))
    if empty:
        yield Caveat("empty_group", f"{empty} groups without rows were left out.")
    own = rows.event == request.cause
    if not own.any():
        yield Caveat("no_events", f"No event was observed in {len(rows):,} rows.")
    elif rows.cluster is not None and request.permutations is None:
        with_event = int(np.count_nonzero(np.bincount(rows.cluster[own])))
        if with_event < FEW_EVENT_CLUSTERS:
            message = f"{with_event} clusters have an event: the robust test may reject too often."
            yield Caveat("few_event_clusters", message)
