"""An effect that changes smoothly with time: ``x × g(t)`` in a Cox model, exact at event times."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from vpstats.errors import UsageError
from vpstats.frames import Frame, Imputations, open_data
from vpstats.models.covariance import Clusters
from vpstats.models.design import Recipe
from vpstats.models.followup import Codes, Vector
from vpstats.models.formula import parse_formula, read_expression
from vpstats.models.hazard_fit import failed
from vpstats.models.hazards import CoxFit, fit_rows
from vpstats.models.hazards_data import HazardData, read_data, read_request
from vpstats.models.pooling import pool_fits
from vpstats.models.risksets import HazardRows, RiskSets, find_risk_sets
from vpstats.models.slots import run_positions
from vpstats.models.splines import Basis, evaluate_basis, learn_basis
from vpstats.models.wald import joint_wald
from vpstats.results import Result, critical_value, require_level

Matrix = NDArray[np.float64]
Function = Literal["log", "identity", "sqrt", "rcs"]

_FUNCTIONS: dict[str, Callable[[Vector], Vector]] = {
    "log": np.log,
    "identity": np.asarray,
    "sqrt": np.sqrt,
}
_MOST_VALUES = 40_000_000
"""Numbers in the design matrix of rows by event times above which a fit is refused."""


@dataclass(frozen=True, slots=True)
class TimeFunction:
    """g(t): one or more columns.

    Parameters
    ----------
    name : str
        "log", "identity", "sqrt" or "rcs".
    basis : Basis, optional
        Knots of a restricted cubic spline.
    """

    name: str
    basis: Basis | None = None

    def __call__(self, times: Vector) -> Matrix:
        """Values at some times, shape (number of times, k)."""
        if self.basis is not None:
            return np.column_stack(evaluate_basis(self.basis, times, "time"))
        return np.asarray(_FUNCTIONS[self.name](times))[:, None]

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the columns."""
        if self.basis is not None:
            return tuple(f"rcs(time)[{j + 1}]" for j in range(len(self.basis.numbers) - 1))
        return ("time",) if self.name == "identity" else (f"{self.name}(time)",)


@dataclass(frozen=True, kw_only=True)
class VaryingEffect(Result):
    """A Cox model in which the log hazard ratio of one exposure is a function of time.

    Parameters
    ----------
    fit : CoxFit
        Its coefficients: ``exposure`` and ``exposure:g(time)`` beside the adjustment set. It has
        no baseline, and its `predict` does not apply.
    exposure : str
        The term whose effect changes.
    function : TimeFunction
        How it changes.
    constancy : DataFrame
        One row: ``term, statistic, df, df_residual, p_value, method``: the Wald test that the
        effect does not change, with the covariance of the fit.
    """

    fit: CoxFit
    exposure: str
    function: TimeFunction
    constancy: pd.DataFrame = field(default_factory=pd.DataFrame)
    measure: str = "hazard_ratio"

    def tidy(self, *, exponentiate: bool = False, level: float | None = None) -> pd.DataFrame:
        """One row per coefficient, as of any Cox model."""
        return self.fit.tidy(exponentiate=exponentiate, level=level)

    def glance(self) -> pd.DataFrame:
        """One row: the columns of `CoxFit.glance`, and the test that the effect does not change.

        The columns ``statistic, df, p_value`` are those of that test.
        """
        test = self.constancy.iloc[0]
        return self.fit.glance().assign(
            statistic=float(test["statistic"]), df=int(test["df"]), p_value=float(test["p_value"])
        )

    def ratio_at(self, times: Any, *, level: float | None = None) -> pd.DataFrame:
        """Hazard ratio of the exposure at given times.

        Parameters
        ----------
        times : array_like of float, shape (k,)
            Times in the unit of the duration column.
        level : float, optional
            Confidence level; that of the fit if None.

        Returns
        -------
        DataFrame
            One row per coefficient of the exposure and time: ``term, time, estimate, std_error,
            conf_low, conf_high``. Limits are pointwise and formed on the log scale, as is
            `std_error`. Beyond the last event the function is carried on without any support.
        """
        at = np.atleast_1d(np.asarray(times, dtype=float))
        g = np.column_stack([np.ones(at.size), self.function(at)])
        z = critical_value(require_level(self.level if level is None else level), self._df)
        parts = [self._ratios(term, at, g, float(z)) for term in self._exposures]
        return pd.concat(parts, ignore_index=True)

    @property
    def _df(self) -> float:
        return float(np.min(self.fit.df))

    @property
    def _exposures(self) -> list[str]:
        """Coefficients of the exposure at g = 0."""
        pairs = zip(self.fit.terms, self.fit.spec.assign, strict=True)
        return [term for term, owner in pairs if owner == self.exposure]

    def _ratios(self, term: str, at: Vector, g: Matrix, z: float) -> pd.DataFrame:
        names = [term, *(f"{term}:{label}" for label in self.function.labels)]
        place = [self.fit.terms.index(name) for name in names]
        estimate = g @ self.fit.coefficients[place]
        block = self.fit.covariance[np.ix_(place, place)]
        error = np.sqrt(np.einsum("ij,jk,ik->i", g, block, g))
        return pd.DataFrame(
            {
                "term": term,
                "time": at,
                "estimate": np.exp(estimate),
                "std_error": error,
                "conf_low": np.exp(estimate - z * error),
                "conf_high": np.exp(estimate + z * error),
            }
        )


def fit_time_varying(
    data: pd.DataFrame | Frame | Imputations,
    formula: str,
    *,
    exposure: str,
    duration: str,
    event: str,
    function: Function = "log",
    knots: int | Sequence[float] = 3,
    cause: int = 1,
    entry: str | None = None,
    strata: str | Sequence[str] | None = None,
    cluster: str | None = None,
    weights: str | None = None,
    offset: str | None = None,
    penalty: Literal["firth"] | None = None,
    ties: Literal["efron", "breslow"] = "efron",
    level: float = 0.95,
    independent: str | None = None,
    vcov: Literal["model", "HC0", "CR0", "CR1"] | None = None,
) -> VaryingEffect:
    """Fit a Cox model in which the log hazard ratio of one exposure is ``b + c g(t)``.

    Parameters
    ----------
    data : DataFrame, Frame or Imputations
        Rows; unchanged.
    formula : str
        The right side, the exposure among its terms.
    exposure : str
        Term whose effect changes with time; other terms keep theirs.
    duration, event, cause, entry, strata, cluster, weights, offset, penalty, ties, level
        As in `fit_cox`.
    independent, vcov
        As in `fit_cox`.
    function : {"log", "identity", "sqrt", "rcs"}
        g: the logarithm of time, time, its root, or a restricted cubic spline of it.
    knots : int or sequence of float
        Of the spline: how many, at Harrell's quantiles of the event times, or where.

    Returns
    -------
    VaryingEffect
        ``tidy()`` has the coefficients, ``ratio_at(times)`` the hazard ratio at given times, and
        `constancy` the test that it does not change.

    Raises
    ------
    UsageError
        If the exposure is not a term of the formula, an event at time 0 has no logarithm, or rows
        times event times are too many to be exact; and as `fit_cox` does.

    Notes
    -----
    At every event time each row at risk has its own value of x g(t), so rows are written out once
    per event time at which they are at risk: nothing is approximated, and the cost is that of as
    many rows. For large data use a few windows (`fit_cox_by_window`).

    References
    ----------
    Therneau TM, Grambsch PM (2000), section 6.5. Hess KR. Assessing time-by-covariate interactions
    in proportional hazards regression models using cubic spline functions. Stat Med
    1994;13:1045-1062.

    Examples
    --------
    >>> import numpy as np
    >>> rows = pd.DataFrame({"days": np.arange(1.0, 41), "event": 1, "x": [0, 1, 1, 0] * 10})
    >>> found = fit_time_varying(rows, "x", exposure="x", duration="days", event="event")
    >>> found.fit.terms
    ('x', 'x:log(time)')
    """
    options: dict[str, Any] = {
        "duration": duration,
        "event": event,
        "cause": cause,
        "entry": entry,
        "strata": strata,
        "weights": weights,
        "offset": offset,
        "penalty": penalty,
        "ties": ties,
        "level": level,
        "vcov": vcov,
    }
    if function not in (*_FUNCTIONS, "rcs"):
        raise UsageError(f"function is '{function}'; expected 'log', 'identity', 'sqrt' or 'rcs'.")
    term = _label(exposure)
    copies = tuple(data) if isinstance(data, Imputations) else (data,)
    given = []
    for copy in copies:
        frame = open_data(copy, cluster=cluster, independent=independent)
        given.append(read_data(frame, read_request(frame, formula, options)))
    g = _time_function(given[0], function, knots)
    fits = [_fit(one, term, g) for one in given]
    notes = data.caveats if isinstance(data, Imputations) else ()
    fit = fits[0] if len(fits) == 1 else pool_fits(fits, notes)
    return _result(fit, term, g)


def _label(exposure: str) -> str:
    """Name of the exposure as terms of the design have it."""
    own = parse_formula(f"~ {exposure}").terms
    if len(own) != 1:
        raise UsageError(f"exposure is '{exposure}'; expected one term of the formula.")
    return _name(own[0])


def _name(term: Sequence[str]) -> str:
    return ":".join(read_expression(factor).label for factor in term)


def _time_function(given: HazardData, function: str, knots: int | Sequence[float]) -> TimeFunction:
    times = given.rows.exit[given.rows.dead]
    if function == "log" and times.min(initial=1.0) <= 0:
        raise UsageError("an event at time 0 has no logarithm; use function='sqrt' or 'rcs'.")
    if function != "rcs":
        return TimeFunction(function)
    options = {"k": knots} if isinstance(knots, int) else {"knots": list(knots)}
    return TimeFunction("rcs", learn_basis("rcs", times, options, "knots of time"))


def _fit(given: HazardData, exposure: str, g: TimeFunction) -> CoxFit:
    own = np.flatnonzero(np.array(given.design.assign) == exposure)
    known = [_name(term) for term in parse_formula(given.request.formula).terms]
    if exposure not in known:
        raise UsageError(
            f"exposure '{exposure}' is not a term of the formula, whose terms are: "
            f"{', '.join(known)}."
        )
    plain = fit_rows(given)
    if not own.size and plain.ok:
        reason = f"{exposure} does not vary, or other columns determine it; leave it out."
        return failed(plain, "not identified", reason)
    if not given.rows.dead.any() or (not plain.ok and plain.status != "monotone likelihood"):
        return plain
    sets = find_risk_sets(given.rows, given.request.ties)
    fit = fit_rows(_written_out(given, sets, own, exposure, g))
    return replace(
        fit,
        title=f"{plain.title}, {exposure} changing with time",
        n=plain.n,
        n_clusters=plain.n_clusters,
        strata=plain.strata,
        n_strata=plain.n_strata,
        n_informative_strata=plain.n_informative_strata,
        caveats=tuple(c for c in fit.caveats if c.code != "uninformative_strata"),
        baseline=None,
        n_missing=plain.n_missing,
        vcov=plain.vcov,
    )


def _written_out(
    given: HazardData, sets: RiskSets, own: NDArray[np.intp], exposure: str, g: TimeFunction
) -> HazardData:
    """A row for each row and event time at which it is at risk; event times are the strata."""
    row, slot = _at_risk(sets, given.rows.X.shape[1] + own.size * len(g.labels))
    rows, values = given.rows, g(sets.slots.time)
    X = np.empty((row.size, rows.X.shape[1] + own.size * values.shape[1]))
    X[:, : rows.X.shape[1]] = rows.X[row]
    column = rows.X.shape[1]
    recipes = list(given.design.spec.recipes)
    for j in own:
        for k, label in enumerate(g.labels):
            X[:, column] = rows.X[row, j] * values[slot, k]
            column += 1
            recipes.append(Recipe(f"{given.design.terms[j]}:{label}", f"{exposure}:g(time)", ()))
    times = np.zeros(row.size)
    last = sets.cell[row] // 2 == slot
    written = HazardRows(
        X=X - X.mean(axis=0),
        exit=times,
        dead=rows.dead[row] & last,
        strata=slot,
        weights=None if rows.weights is None else rows.weights[row],
        offset=None if rows.offset is None else rows.offset[row],
    )
    spec = replace(given.design.spec, recipes=tuple(recipes))
    return replace(
        given,
        request=replace(given.request, strata=("event time",), vcov=given.vcov),
        design=replace(given.design, spec=spec),
        follow_up=replace(given.follow_up, event=given.follow_up.event[row]),
        rows=written,
        centre=np.zeros(X.shape[1]),
        strata=("",) * len(sets.slots),
        clusters=_clusters(given, row),
    )


def _clusters(given: HazardData, row: Codes) -> Clusters | None:
    if given.clusters is not None:
        return Clusters(given.clusters.codes[row], given.clusters.count)
    return Clusters(row, len(given.rows)) if given.vcov == "HC0" else None


def _at_risk(sets: RiskSets, width: int) -> tuple[Codes, Codes]:
    """Row and slot of every row at every event time at which it is at risk."""
    D = len(sets.slots)
    known = np.flatnonzero(sets.cell < 2 * D)
    last = sets.cell[known].astype(np.int64) // 2
    first = sets.slots.first[last]
    if sets.late is not None:
        late = sets.late[known]
        first = np.where(late < D, late, first)
    count = last - first + 1
    total = int(count.sum())
    if total * width > _MOST_VALUES:
        raise UsageError(
            f"{total:,} rows at risk at event times are too many for an effect that changes at "
            "each; use fit_cox_by_window(), or times in coarser units."
        )
    return np.repeat(known, count), run_positions(first, count)


def _result(fit: CoxFit, exposure: str, g: TimeFunction) -> VaryingEffect:
    changing = f"{exposure}:g(time)"
    if changing in fit.spec.assign:
        constancy = joint_wald(fit, fit.spec.assign, changing)
    else:
        constancy = pd.DataFrame(
            {"term": [changing], "statistic": np.nan, "df": 0, "df_residual": np.inf,
             "p_value": np.nan, "method": "Wald chi-squared"}
        )  # fmt: skip
    return VaryingEffect(
        title=fit.title,
        unit=fit.unit,
        n=fit.n,
        n_events=fit.n_events,
        n_clusters=fit.n_clusters,
        caveats=fit.caveats,
        status=fit.status,
        reason=fit.reason,
        level=fit.level,
        fit=fit,
        exposure=exposure,
        function=g,
        constancy=constancy,
    )
