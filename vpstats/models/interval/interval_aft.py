"""Accelerated failure times between visits: Weibull and log-logistic regression."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from vpstats.errors import UsageError
from vpstats.frames import Frame, Imputations, open_data
from vpstats.models.columns import read_numbers
from vpstats.models.covariance import Clusters, cluster_sums, make_clusters, sandwich
from vpstats.models.design import Design, DesignSpec, apply_design, build_design
from vpstats.models.followup import row_caveats
from vpstats.models.interval.aft_kernel import (
    DISTRIBUTIONS,
    Distribution,
    Lifetimes,
    evaluate,
    row_scores,
    to_scale,
)
from vpstats.models.interval.brackets import Brackets, Clock, read_brackets, refuse
from vpstats.models.newton import Solution, maximise
from vpstats.models.pooling import pool_fits
from vpstats.results import Caveat, FitResult, critical_value, require_level

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]
Name = Literal["weibull", "loglogistic"]

__all__ = ["IntervalAftFit", "fit_interval_aft"]

SCALE = "log_scale"
_FEW_EVENTS = 10.0
"""Below this many events per parameter estimates are unstable (Peduzzi 1995)."""
_RUNAWAY = 25.0
"""A covariate whose effect spans more scales than this, and is not known to within itself, has no
finite estimate."""


@dataclass(frozen=True, kw_only=True)
class IntervalAftFit(FitResult):
    """An accelerated failure time model: log time ratios and the logarithm of the scale.

    Parameters
    ----------
    spec : DesignSpec
        How to build the design matrix of new rows; no rows are inside.
    distribution : str
        "weibull" or "loglogistic".
    n_missing : int
        Rows left out because a value was missing.
    log_likelihood : float
        At the estimate.
    iterations : int
        Newton steps.
    converged : bool
        Whether the solver reached its tolerance.
    time_unit : str
        Unit of time.
    """

    spec: DesignSpec
    distribution: str = "weibull"
    n_missing: int = 0
    log_likelihood: float = np.nan
    iterations: int = 0
    converged: bool = False
    time_unit: str = "days"
    measure: str = "time_ratio"

    @property
    def scale(self) -> float:
        """Scale of log time; one over the shape."""
        return float(np.exp(self.coefficients[-1]))

    @property
    def shape(self) -> float:
        """Shape of the distribution of time; of a Weibull hazard, the power of time plus one."""
        return 1 / self.scale

    def glance(self) -> pd.DataFrame:
        """One row about the whole fit.

        Returns
        -------
        DataFrame
            ``n, n_events, n_clusters, n_parameters, n_missing, events_per_parameter,
            log_likelihood, shape, distribution, vcov, iterations, converged, unit, status,
            reason``.
        """
        slopes = max(len(self.terms) - 2, 1)
        return pd.DataFrame(
            {
                "n": [self.n],
                "n_events": pd.array([self.n_events], dtype="Int64"),
                "n_clusters": pd.array([self.n_clusters], dtype="Int64"),
                "n_parameters": [len(self.terms)],
                "n_missing": [self.n_missing],
                "events_per_parameter": [(self.n_events or 0) / slopes],
                "log_likelihood": [self.log_likelihood],
                "shape": [self.shape],
                "distribution": [self.distribution],
                "vcov": [self.vcov],
                "iterations": [self.iterations],
                "converged": [self.converged],
                "unit": [self.unit],
                "status": [self.status],
                "reason": [self.reason],
            }
        )

    def predict(
        self,
        new: pd.DataFrame,
        *,
        times: Any = None,
        quantile: float = 0.5,
        level: float | None = None,
    ) -> pd.DataFrame:
        """Median (or another quantile of) time, or survival at given times.

        Parameters
        ----------
        new : DataFrame, shape (m, any)
            Rows with the columns of the right side; unchanged.
        times : array_like of float, shape (k,), optional
            Positive times at which survival is wanted; the quantile if None.
        quantile : float
            Share with the event, where no times are given.
        level : float, optional
            Confidence level; the level of the fit if None.

        Returns
        -------
        DataFrame
            One row per row of `new` (and time), its index kept: ``time`` (with times),
            ``estimate, std_error, conf_low, conf_high``. Errors are those of the delta method;
            limits are formed on the scale of the linear predictor. NaN where a value is missing.

        Raises
        ------
        UsageError
            If a column is missing, a category is new to the fit, a time is not positive or
            `quantile` is not between 0 and 1.
        """
        if not 0 < quantile < 1:
            raise UsageError(f"quantile is {quantile!r}; expected a number between 0 and 1.")
        wanted = self.level if level is None else require_level(level)
        z = float(critical_value(wanted, float(np.min(self.df))))
        X, law = apply_design(self.spec, new), DISTRIBUTIONS[self.distribution]
        if times is None:
            return self._quantiles(X, law.quantile(quantile), z).set_index(new.index)
        at = np.atleast_1d(np.asarray(times, dtype=float))
        if not ((at > 0) & np.isfinite(at)).all():
            raise UsageError("times are positive and finite.")
        X, when = np.repeat(X, at.size, axis=0), np.tile(at, len(new))
        columns = self._survival(X, np.log(when), law, z)
        return pd.DataFrame({"time": when} | columns, index=new.index.repeat(at.size))

    def _quantiles(self, X: Matrix, standard: float, z: float) -> pd.DataFrame:
        gradient = np.column_stack([X, np.full(len(X), self.scale * standard)])
        log_time = X @ self.coefficients[:-1] + self.scale * standard
        error = self._error(gradient)
        time = np.exp(log_time)
        return pd.DataFrame(
            {
                "estimate": time,
                "std_error": time * error,
                "conf_low": np.exp(log_time - z * error),
                "conf_high": np.exp(log_time + z * error),
            }
        )

    def _survival(
        self, X: Matrix, log_time: Vector, law: Distribution, z: float
    ) -> dict[str, Vector]:
        standard = (log_time - X @ self.coefficients[:-1]) / self.scale
        error = self._error(np.column_stack([-X / self.scale, -standard]))
        survival = np.exp(law.log_survival(standard))
        return {
            "estimate": survival,
            "std_error": np.exp(law.log_density(standard)) * error,
            "conf_low": np.exp(law.log_survival(standard + z * error)),
            "conf_high": np.exp(law.log_survival(standard - z * error)),
        }

    def _error(self, gradient: Matrix) -> Vector:
        return np.asarray(np.sqrt(np.einsum("ij,jk,ik->i", gradient, self.covariance, gradient)))

    def augment(self, data: pd.DataFrame) -> pd.DataFrame:
        """The rows as given, plus ``.fitted``: the median time of a row with these values.

        Parameters
        ----------
        data : DataFrame, shape (m, any)
            Rows with the columns of the right side; unchanged.

        Returns
        -------
        DataFrame
            A new frame; NaN where a value is missing.
        """
        return data.assign(**{".fitted": self.predict(data)["estimate"].to_numpy()})


def fit_interval_aft(
    data: pd.DataFrame | Frame | Imputations,
    formula: str,
    *,
    left: str,
    right: str,
    distribution: Name = "weibull",
    weights: str | None = None,
    start: str | None = None,
    cluster: str | None = None,
    level: float = 0.95,
    independent: str | None = None,
) -> IntervalAftFit:
    """Fit an accelerated failure time model to events between visits.

    Parameters
    ----------
    data : DataFrame, Frame or Imputations
        One row per unit at risk from time 0; unchanged. A Frame brings its unit and its cluster
        along. Imputations are fitted one by one and pooled by Rubin's rules.
    formula : str
        The right side alone, ``"~ age + C(region)"``; ``"~ 1"`` for the distribution itself.
    left, right : str
        Columns of the last time without and the first time with the event, in (left, right].
        A missing left (or 0) means that nobody looked before `right`, a missing or infinite right
        that it was never found; equal times that it is known.
    distribution : {"weibull", "loglogistic"}
        Of the time to the event.
    weights : str, optional
        Column of case weights above 0.
    start : str, optional
        Column of the date at which follow-up starts, where `left` and `right` hold dates.
    cluster : str, optional
        Column whose equal values are not independent; the frame's own if None. The covariance is
        then the sandwich of scores summed by cluster.
    level : float
        Confidence level.
    independent : str, optional
        Why rows that repeat patients may be taken as independent; the reason is printed.

    Returns
    -------
    IntervalAftFit
        Coefficients are logarithms of time ratios (above 0: later); the last, ``log_scale``, is
        the logarithm of the scale of log time. `status` is "ok", "no rows", "no events", "too few
        clusters", "monotone likelihood", "not identified" or "not converged".

    Raises
    ------
    FormulaError
        If the formula holds anything but columns, operators and listed transforms.
    UsageError
        For unknown options, columns that are absent or not what they should be, and times that
        contradict each other.

    Notes
    -----
    Death is censoring here: the model is of the time to the event had nobody died. Where people
    die use `fit_illness_death`. Late entry is not offered.

    References
    ----------
    Kalbfleisch JD, Prentice RL. The Statistical Analysis of Failure Time Data. Wiley, 2002,
    sections 3.2 and 3.7. Burridge J. A note on maximum likelihood estimation for regression
    models using grouped data. J R Stat Soc B 1981;43:41-45.

    Examples
    --------
    >>> import pandas as pd
    >>> rows = pd.DataFrame(
    ...     {"negative": [0.0, 30.0, 30.0, 90.0], "positive": [30.0, 90.0, None, None]}
    ... )
    >>> fit = fit_interval_aft(rows, "~ 1", left="negative", right="positive")
    >>> fit.terms, round(fit.shape, 2)
    (('Intercept', 'log_scale'), 1.12)
    """
    if distribution not in DISTRIBUTIONS:
        raise UsageError(f"distribution is {distribution!r}; expected 'weibull' or 'loglogistic'.")
    options: dict[str, Any] = {
        "left": left,
        "right": right,
        "distribution": distribution,
        "weights": weights,
        "start": start,
        "level": require_level(level),
    }
    if isinstance(data, Imputations):
        options |= {"cluster": cluster, "independent": independent}
        fits = [fit_interval_aft(frame, formula, **options) for frame in data]
        pooled = pool_fits(fits, data.caveats)
        return replace(pooled, log_likelihood=np.nan)
    frame = open_data(data, cluster=cluster, independent=independent)
    return _fit(_read(frame, formula, **options))


@dataclass(frozen=True)
class _Data:
    """Rows to fit, with what is known of them before the fit."""

    frame: Frame
    design: Design
    brackets: Brackets
    rows: Lifetimes
    clusters: Clusters | None
    law: Distribution
    level: float
    time_unit: str


def _read(
    frame: Frame,
    formula: str,
    *,
    left: str,
    right: str,
    distribution: Name,
    weights: str | None,
    start: str | None,
    level: float,
) -> _Data:
    clock = Clock(start)
    brackets = read_brackets(frame.data, left, right, clock)
    refuse(brackets.right <= 0, f"right='{right}' is 0", "times after the start of follow-up")
    text = formula if "~" in formula else f"~ {formula}"
    also = [] if weights is None else [weights]
    design = build_design(frame.data, text, response=False, also=also)
    brackets = brackets.take(design.kept)
    w = np.ones(len(design.kept))
    if weights is not None:
        w = read_numbers(frame.data, weights)[design.kept]
        refuse(~(w > 0), f"weights='{weights}' is not positive", "weights above 0")
    clusters = None
    if frame.cluster is not None:
        clusters = make_clusters(frame.data[frame.cluster].iloc[design.kept])
    with np.errstate(divide="ignore"):
        rows = Lifetimes(np.log(brackets.left), np.log(brackets.right), design.X, w)
    law, unit = DISTRIBUTIONS[distribution], clock.unit(frame.data, right)
    return _Data(frame, design, brackets, rows, clusters, law, level, unit)


def _fit(data: _Data) -> IntervalAftFit:
    blank = _blank_fit(data)
    status, reason = _hopeless(data)
    if status:
        return replace(blank, status=status, reason=reason)
    found = maximise(evaluate(data.rows, data.law), _start(data.rows), max_iterations=100)
    blank = replace(blank, iterations=found.iterations, converged=found.converged)
    status, reason = _unusable(data, found)
    if status:
        return replace(blank, status=status, reason=reason)
    estimate, jacobian = to_scale(found.estimate)
    covariance = found.covariance
    if data.clusters is not None:
        scores = row_scores(data.rows, found.estimate, data.law)
        sums = cluster_sums(scores, np.ones(len(scores)), data.clusters)
        covariance = sandwich(covariance, sums.T @ sums)
    back = np.linalg.inv(jacobian)
    return replace(
        blank,
        coefficients=estimate,
        covariance=sandwich(np.asarray(back, dtype=float), covariance),
        log_likelihood=found.value,
    )


def _start(rows: Lifetimes) -> Vector:
    """The mean of log time taken crudely, no effect of covariates, and a scale of 1."""
    low = np.where(np.isfinite(rows.low), rows.low, rows.high)
    high = np.where(np.isfinite(rows.high), rows.high, low)
    low, high = (np.where(np.isfinite(v), v, 0.0) for v in (low, high))
    crude = (low + high) / 2
    level = np.linalg.lstsq(rows.X, np.full(len(crude), crude.mean()), rcond=None)[0]
    return np.append(level, 1.0)


def _blank_fit(data: _Data) -> IntervalAftFit:
    """The result as it is if nothing can be estimated: counts, names and caveats."""
    terms = (*data.design.terms, SCALE)
    p, found = len(terms), data.brackets.found
    words = {"weibull": "Weibull", "loglogistic": "Log-logistic"}[data.law.name]
    return IntervalAftFit(
        title=f"{words} model of the time to the event, seen at visits",
        unit=data.frame.unit,
        n=len(data.rows.X),
        n_events=int(np.count_nonzero(found)),
        n_clusters=None if data.clusters is None else data.clusters.count,
        caveats=tuple(_caveats(data)),
        level=data.level,
        terms=terms,
        coefficients=np.full(p, np.nan),
        covariance=np.full((p, p), np.nan),
        vcov="model" if data.clusters is None else "CR0",
        spec=data.design.spec,
        distribution=data.law.name,
        n_missing=data.design.n_missing,
        time_unit=data.time_unit,
    )


def _hopeless(data: _Data) -> tuple[str, str]:
    if not len(data.rows.X):
        return "no rows", (
            "no row has a value in every column of the model; see which column is empty, or "
            "leave it out of the formula."
        )
    if not data.brackets.found.any():
        return "no events", (
            "no row has an event, so no time can be estimated; report the number followed and "
            "the exact interval of the rate."
        )
    if data.clusters is not None and data.clusters.count < 2:
        return "too few clusters", (
            f"all rows belong to one {data.frame.cluster}, so the variation between clusters is "
            "unknown."
        )
    return "", ""


def _unusable(data: _Data, found: Solution) -> tuple[str, str]:
    """Why the point where the solver stopped is no estimate; empty if it is one."""
    spans = np.ptp(data.rows.X, axis=0) if len(data.rows.X) else np.empty(0)
    effect = spans * np.abs(found.estimate[:-1])
    known = np.isfinite(found.covariance).all()
    error = (
        spans * np.sqrt(np.diag(found.covariance)[:-1]) if known else np.full_like(effect, np.inf)
    )
    runaway = (effect > _RUNAWAY) & (error > effect)
    if runaway.any():
        names = [t for t, r in zip(data.design.terms, runaway, strict=True) if r]
        return "monotone likelihood", (
            f"the likelihood has no maximum along {', '.join(names)}, so a time ratio is infinite "
            "or zero; leave the term out, or join its groups."
        )
    if found.converged and np.isfinite(found.covariance).all():
        return "", ""
    if not np.isfinite(found.decrement):
        return "not identified", (
            "the intervals do not determine the model; with as few distinct visits use turnbull()."
        )
    return "not converged", (
        f"the solver stopped after {found.iterations} iterations without reaching the maximum; "
        "check for columns of very different scale, or use turnbull()."
    )


def _caveats(data: _Data) -> list[Caveat]:
    count = None if data.clusters is None else data.clusters.count
    caveats = row_caveats(data.frame, n_missing=data.design.n_missing, n_clusters=count)
    caveats.append(
        Caveat(
            "death_censored",
            "Death and loss are censoring: this is the time to the event had nobody died. Where "
            "people die use fit_illness_death().",
        )
    )
    caveats.append(
        Caveat(
            "informative_visits",
            "Visits are taken as planned whatever the state of health: an extra visit because of "
            "symptoms biases the times.",
        )
    )
    events, p = int(np.count_nonzero(data.brackets.found)), len(data.design.terms)
    if events / p < _FEW_EVENTS:
        caveats.append(Caveat("few_events", f"There are {events} events for {p} parameters."))
    for name in data.design.aliased:
        message = f"{name} is determined by other columns and was left out."
        caveats.append(Caveat("aliased", message, name))
    return caveats
