"""Checks of a Cox model on the rows that it was fitted to: proportionality, discrimination."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from vpstats.errors import UsageError
from vpstats.frames import Frame
from vpstats.models.covariance import Clusters, cluster_sums
from vpstats.models.followup import Vector
from vpstats.models.frailty_result import FrailtyFit
from vpstats.models.hazards_data import HazardData, rows_of_fit
from vpstats.models.hazards_result import CoxFit
from vpstats.models.newton import invert
from vpstats.models.partial import Scores, Sums, information, score, sum_up
from vpstats.models.risksets import RiskSets, find_risk_sets
from vpstats.models.steps import count, incidence
from vpstats.models.wald import quadratic_form
from vpstats.results import Caveat, TableResult

Matrix = NDArray[np.float64]
Transform = Literal["km", "identity", "log", "rank"]

_NOTHING = 1e-10
GLOBAL = "GLOBAL"
"""Name of the row that tests all terms together."""


def test_proportional_hazards(
    fit: CoxFit,
    data: pd.DataFrame | Frame,
    *,
    transform: Transform = "km",  # noqa: PT028 - a public function, not a test
    robust: bool = False,  # noqa: PT028
) -> TableResult:
    """Test that hazard ratios do not change with time.

    Parameters
    ----------
    fit : CoxFit
        A fit without penalty.
    data : DataFrame or Frame
        The rows of the fit, which the fit does not keep; unchanged.
    transform : {"km", "identity", "log", "rank"}
        Function g of time that log hazard ratios are tested to be linear in: one minus the
        Kaplan–Meier estimate, time, its logarithm, or its rank among the times of all rows.
    robust : bool
        Take the variance of the score from the clusters of the fit (from single rows if it has
        none) instead of the information, which takes rows as independent.

    Returns
    -------
    TableResult
        ``term, statistic, df, p_value``: one row per term of the formula and one for all of them.
        The statistic is the score test of adding ``term × g(time)`` to the model, chi-squared on
        `df`. Unless `robust`, it takes rows as independent, also where the fit has a robust
        covariance, and a clustered fit then has a caveat that says so.

    Raises
    ------
    UsageError
        If the fit failed or is penalised, or `data` are not its rows.

    References
    ----------
    Grambsch PM, Therneau TM. Proportional hazards tests and diagnostics based on weighted
    residuals. Biometrika 1994;81:515-526. Boos DD. On generalized score tests. Am Stat
    1992;46:327-333.

    Notes
    -----
    The robust statistic is the generalised score test: score residuals times g(time), less what
    the coefficients explain of them, are summed by cluster, and the sums give the variance. The
    function g is taken as given. With few clusters it rejects too seldom or too often as other
    sandwich tests do, and with no more clusters than terms there is none (NaN).

    Examples
    --------
    >>> import pandas as pd
    >>> from vpstats.models.hazards import fit_cox
    >>> rows = pd.DataFrame(
    ...     {"days": [1, 2, 3, 4, 5, 6], "event": [1, 1, 1, 1, 1, 0], "high": [1, 0, 1, 0, 0, 1]}
    ... )
    >>> fit = fit_cox(rows, "high", duration="days", event="event")
    >>> test_proportional_hazards(fit, rows).tidy()["term"].tolist()
    ['high', 'GLOBAL']
    """
    given = _rows_of(fit, data)
    sets = find_risk_sets(given.rows, fit.ties)
    g = _time_function(transform, given, sets)
    sums = sum_up(sets, fit.coefficients)
    u = score(sets, sums, g)
    mixed = information(sets, sums, g)
    path = mixed @ invert(information(sets, sums))
    squared = information(sets, sums, g**2)
    if robust:
        apart = _score_sums(sets, sums, given.clusters, g) - (
            _score_sums(sets, sums, given.clusters) @ path.T
        )
        variance = apart.T @ apart
    else:
        variance = squared - path @ mixed
    # nothing but rounding is left where all that a term tells is told at one time
    variance[np.diag(variance) <= _NOTHING * np.diag(squared)] = np.nan
    assign = np.array(fit.spec.assign)
    tests = [(term, np.flatnonzero(assign == term)) for term in dict.fromkeys(fit.spec.assign)]
    tests.append((GLOBAL, np.arange(len(u))))
    # as many sums as terms fit the score exactly, whatever it is
    most = (fit.n_clusters or fit.n) - 1 if robust else len(u)
    rows = [_test(term, u, variance, own, most) for term, own in tests]
    return TableResult(
        title=f"Proportional hazards: {fit.title}",
        unit=fit.unit,
        n=fit.n,
        n_events=fit.n_events,
        n_clusters=fit.n_clusters,
        caveats=(*_caveats(rows), *_cluster_caveat(fit, robust=robust)),
        table=pd.DataFrame(rows),
    )


# its name says what it does to a model; it is no test of this package
test_proportional_hazards.__test__ = False  # type: ignore[attr-defined]  # pytest must not collect it


def _score_sums(
    sets: RiskSets, sums: Sums, clusters: Clusters | None, g: Vector | None = None
) -> Matrix:
    """Score residuals, each event time's part times g, summed by cluster, shape (G, p)."""
    rows = sets.rows
    clusters = clusters or Clusters(np.arange(len(rows)), len(rows))
    if g is None:
        return Scores(sets, sums).by_cluster(clusters)
    scaled = {name: g * getattr(sums, name) for name in ("h", "e", "a", "b", "c")}
    total = Scores(sets, replace(sums, **scaled)).by_cluster(clusters)
    # an event's own covariates are not among the sums, so they are still to be scaled
    weight = np.zeros(len(rows))
    weight[rows.dead] = 1.0 if rows.weights is None else rows.weights[rows.dead]
    weight[rows.dead] *= g[sets.cell[rows.dead] // 2] - 1.0
    return total + cluster_sums(rows.X, weight, clusters)


def _cluster_caveat(fit: CoxFit, *, robust: bool) -> tuple[Caveat, ...]:
    if robust or fit.cluster is None:
        return ()
    message = (
        f"the test of proportionality has no variance by {fit.cluster}; robust=True gives one."
    )
    return (Caveat("independent", f"Rows were analysed as independent, because {message}"),)


def _test(
    term: str, u: Vector, variance: Matrix, own: NDArray[np.intp], most: int
) -> dict[str, object]:
    scale = np.sqrt(np.diag(variance)[own])  # columns may differ in their units
    with np.errstate(invalid="ignore", divide="ignore"):
        block = variance[np.ix_(own, own)] / np.outer(scale, scale)
        statistic = quadratic_form(u[own] / scale, block) if own.size <= most else np.nan
    p_value = float(stats.chi2.sf(statistic, own.size))
    return {"term": term, "statistic": statistic, "df": own.size, "p_value": p_value}


def _caveats(rows: list[dict[str, object]]) -> tuple[Caveat, ...]:
    doubtful = [row for row in rows if float(str(row["p_value"])) < 0.05]
    return tuple(
        Caveat(
            "non_proportional",
            f"The hazard ratio of {row['term']} may change with time (p = {row['p_value']:.3g}).",
            None if row["term"] == GLOBAL else str(row["term"]),
        )
        for row in doubtful
    )


def _rows_of(fit: CoxFit, data: pd.DataFrame | Frame) -> HazardData:
    if not fit.ok or fit.penalty is not None or isinstance(fit, FrailtyFit):
        raise UsageError(
            "only a model without penalty or frailty that could be estimated can be checked; for "
            "clusters fit it with cluster=."
        )
    return rows_of_fit(fit, data, cluster=fit.cluster)


def _time_function(transform: str, given: HazardData, sets: RiskSets) -> Vector:
    """G at each slot, centred at its mean over the events."""
    if transform not in _TRANSFORMS:
        known = ", ".join(f"'{name}'" for name in _TRANSFORMS)
        raise UsageError(f"transform is '{transform}'; expected one of {known}.")
    values = _TRANSFORMS[transform](given, sets)
    return np.asarray(values - np.average(values, weights=sets.deaths))


def _kaplan_meier(given: HazardData, sets: RiskSets) -> Vector:
    """One minus the survival just before each event time, strata and weights aside."""
    rows = given.follow_up
    plain = type(rows)(
        exit=rows.exit,
        event=given.rows.dead.astype(np.int64),
        entry=rows.entry,
        weights=None,
        group=None,
        cluster=None,
        groups=rows.groups,
        kept=None,
        n_missing=0,
    )
    counts = count(plain, None)
    before = incidence(counts).before
    return np.asarray(1.0 - before[np.searchsorted(counts.time, sets.slots.time)])


def _ranks(given: HazardData, sets: RiskSets) -> Vector:
    """Mean rank of each event time among all times."""
    times = np.sort(given.rows.exit)
    sides = (np.searchsorted(times, sets.slots.time, side=side) for side in ("left", "right"))
    return np.asarray((sum(sides) + 1) / 2)


def _logarithm(given: HazardData, sets: RiskSets) -> Vector:
    if sets.slots.time.min() <= 0:
        raise UsageError("an event at time 0 has no logarithm; use transform='km' or 'rank'.")
    return np.log(sets.slots.time)


_TRANSFORMS: dict[str, Callable[[HazardData, RiskSets], Vector]] = {
    "km": _kaplan_meier,
    "identity": lambda given, sets: sets.slots.time,
    "log": _logarithm,
    "rank": _ranks,
}
