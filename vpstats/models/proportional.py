"""Checks of a Cox model on the rows that it was fitted to: proportionality, discrimination."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from vpstats.errors import UsageError
from vpstats.frames import Frame
from vpstats.models.followup import Codes, Vector
from vpstats.models.hazards_data import HazardData, Request, read_data
from vpstats.models.hazards_result import CoxFit
from vpstats.models.newton import invert
from vpstats.models.partial import information, score, sum_up
from vpstats.models.risksets import HazardRows, RiskSets, find_risk_sets
from vpstats.models.steps import count, incidence
from vpstats.results import Caveat, TableResult

Matrix = NDArray[np.float64]
Transform = Literal["km", "identity", "log", "rank"]

GLOBAL = "GLOBAL"
"""Name of the row that tests all terms together."""


def test_proportional_hazards(
    fit: CoxFit,
    data: pd.DataFrame | Frame,
    *,
    transform: Transform = "km",  # noqa: PT028 - a public function, not a test
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

    Returns
    -------
    TableResult
        ``term, statistic, df, p_value``: one row per term of the formula and one for all of them.
        The statistic is the score test of adding ``term × g(time)`` to the model, chi-squared on
        `df`. It takes rows as independent, also where the fit has a robust covariance.

    Raises
    ------
    UsageError
        If the fit failed or is penalised, or `data` are not its rows.

    References
    ----------
    Grambsch PM, Therneau TM. Proportional hazards tests and diagnostics based on weighted
    residuals. Biometrika 1994;81:515-526.

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
    variance = information(sets, sums, g**2) - mixed @ invert(information(sets, sums)) @ mixed
    assign = np.array(fit.spec.assign)
    tests = [(term, np.flatnonzero(assign == term)) for term in dict.fromkeys(fit.spec.assign)]
    rows = [_test(term, u, variance, own) for term, own in [*tests, (GLOBAL, np.arange(len(u)))]]
    return TableResult(
        title=f"Proportional hazards: {fit.title}",
        unit=fit.unit,
        n=fit.n,
        n_events=fit.n_events,
        n_clusters=fit.n_clusters,
        caveats=_caveats(rows),
        table=pd.DataFrame(rows),
    )


# its name says what it does to a model; it is no test of this package
test_proportional_hazards.__test__ = False  # type: ignore[attr-defined]  # pytest must not collect it


def _test(term: str, u: Vector, variance: Matrix, own: NDArray[np.intp]) -> dict[str, object]:
    statistic = float(u[own] @ np.linalg.solve(variance[np.ix_(own, own)], u[own]))
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
    """The rows of a fit, read again as the fit read them."""
    if not fit.ok or fit.penalty is not None:
        raise UsageError("only a model without penalty that could be estimated can be checked.")
    plain = data.data if isinstance(data, Frame) else data
    request = Request(
        formula=fit.spec.formula,
        duration=fit.duration,
        event=fit.event,
        cause=fit.cause,
        entry=fit.entry,
        strata=fit.strata,
        weights=fit.weights,
        offset=fit.offset,
        penalty=None,
        ties=fit.ties,
        vcov="model",
        level=fit.level,
    )
    given = read_data(Frame(plain, unit=fit.unit), request)
    if len(given.rows) != fit.n or given.design.terms != fit.terms:
        raise UsageError(
            f"the data have {len(given.rows):,} complete rows, the fit {fit.n:,}: give the rows "
            "that the model was fitted to."
        )
    return given


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


def concordance(fit: CoxFit, data: pd.DataFrame | Frame) -> float:
    """Probability that of two comparable rows the one with the higher hazard has the event first.

    Parameters
    ----------
    fit : CoxFit
        A fit.
    data : DataFrame or Frame
        The rows of the fit; unchanged.

    Returns
    -------
    float
        Harrell's concordance within strata, weighted as the fit is, rows of equal hazard counting
        half; NaN if no two rows are comparable. A row is compared with those at risk at its event
        that outlive it.

    Raises
    ------
    UsageError
        If the fit failed or is penalised, or `data` are not its rows.

    References
    ----------
    Harrell FE, Califf RM, Pryor DB, Lee KL, Rosati RA. Evaluating the yield of medical tests. JAMA
    1982;247:2543-2546.

    Examples
    --------
    >>> import pandas as pd
    >>> from vpstats.models.hazards import fit_cox
    >>> rows = pd.DataFrame({"days": [1, 2, 3, 4], "event": [1, 1, 1, 0], "high": [1, 0, 1, 0]})
    >>> fit = fit_cox(rows, "high", duration="days", event="event")
    >>> concordance(fit, rows)  # of 6 pairs 3 are right, 1 is wrong, 2 are level
    0.6666666666666666
    """
    rows = _rows_of(fit, data).rows
    eta = rows.X @ fit.coefficients + (0.0 if rows.offset is None else rows.offset)
    strata = np.zeros(len(rows), dtype=np.int64) if rows.strata is None else rows.strata
    totals = np.zeros(3)
    for s in range(int(strata.max()) + 1):
        totals += _pairs(rows, eta, np.flatnonzero(strata == s))
    right, level, total = totals
    return float((right + level / 2) / total) if total > 0 else float("nan")


def _pairs(rows: HazardRows, eta: Vector, own: NDArray[np.intp]) -> Vector:
    """Weights of the pairs that are ordered rightly, that are level, and of all of them."""
    exit_, dead = rows.exit[own], rows.dead[own]
    weight = np.ones(own.size) if rows.weights is None else rows.weights[own]
    rank = np.unique(eta[own], return_inverse=True)[1]
    # a row censored at the time of an event outlives it
    order = np.lexsort((~dead, exit_))[::-1]
    outlived = np.searchsorted(-exit_[order], -exit_[dead], side="left")
    later = np.cumsum(np.concatenate([[0], ~dead[order]]))
    same = np.searchsorted(-exit_[order], -exit_[dead], side="right")
    outlived = outlived + (later[same] - later[outlived])
    found = _below(rank[order], weight[order], outlived, rank[dead])
    if rows.entry is not None:
        entry = rows.entry[own]
        order = np.argsort(-entry, kind="stable")
        absent = np.searchsorted(-entry[order], -exit_[dead], side="right")
        found = found - _below(rank[order], weight[order], absent, rank[dead])
    return np.asarray(found @ weight[dead])


def _below(rank: Codes, weight: Vector, first: Codes, wanted: Codes) -> Matrix:
    """Weight of the first so many points that are below, level with, and any relation to a rank.

    Shape (3, number of queries).
    """
    under = _prefix_weight(rank, weight, first, wanted)
    up_to = _prefix_weight(rank, weight, first, wanted + 1)
    total = np.concatenate([[0.0], np.cumsum(weight)])[first]
    return np.stack([under, up_to - under, total])


def _prefix_weight(rank: Codes, weight: Vector, first: Codes, wanted: Codes) -> Vector:
    """Weight of the points among the first so many whose rank is below the one wanted.

    A wavelet matrix: from the highest bit on, points are parted by a bit of their rank, and each
    query follows its own bit with the interval that its prefix has become.
    """
    low, high = np.zeros_like(first), first
    found = np.zeros(first.size)
    for bit in reversed(range(int(rank.max() + 1).bit_length())):
        clear = (rank >> bit) & 1 == 0
        clears = np.concatenate([[0], np.cumsum(clear)])
        sums = np.concatenate([[0.0], np.cumsum(weight * clear)])
        is_set = (wanted >> bit) & 1 == 1
        found += np.where(is_set, sums[high] - sums[low], 0.0)
        low = np.where(is_set, clears[-1] + low - clears[low], clears[low])
        high = np.where(is_set, clears[-1] + high - clears[high], clears[high])
        rank = np.concatenate([rank[clear], rank[~clear]])
        weight = np.concatenate([weight[clear], weight[~clear]])
    return found
