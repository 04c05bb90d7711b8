"""The result protocol: what every estimate answers, and the words for it.

A result is frozen and holds coefficients, covariances and aggregates, never rows of patients. It
answers ``tidy()`` (one row per term or time), ``glance()`` (one row), ``plot()`` and, for fits,
``augment()`` and ``predict()``. Column names come from one glossary; what a careful statistician
would say aloud stands in ``caveats``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd
from scipy import stats

from vpstats.errors import UsageError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    Vector = NDArray[np.float64]
    Matrix = NDArray[np.float64]

GLOSSARY: Mapping[str, str] = {
    "term": "name of the coefficient, as the design matrix names it",
    "estimate": "point estimate, on the scale that the result's documentation names",
    "std_error": "standard error; on the log scale where the estimate was exponentiated",
    "statistic": "test statistic of the term or of the whole comparison",
    "df": "degrees of freedom of the statistic's reference distribution",
    "df_residual": "denominator degrees of freedom of an F statistic; infinite for chi-squared",
    "p_value": "two-sided p-value of the statistic",
    "conf_low": "lower limit of the confidence interval",
    "conf_high": "upper limit of the confidence interval",
    "time": "time since the start of follow-up, in the unit of the duration column",
    "n_risk": "number at risk just before this time",
    "n_event": "number of events at this time",
    "n_censor": "number censored at this time",
    "cause": "the cause of failure that the curve is for",
    "group": "level of the grouping column",
    "n": "number of rows analysed",
    "n_events": "number of events",
    "n_clusters": "number of clusters",
    "n_parameters": "number of estimated coefficients, the intercept included",
    "n_missing": "rows left out because a value was missing",
    "person_time": "person-time at risk, in the unit of the duration column",
    "log_likelihood": "log-likelihood at the estimate, without the penalty",
    "penalised_log_likelihood": "log-likelihood plus half the log determinant of the information",
    "concordance": "probability that the model orders a random comparable pair rightly",
    "level": "confidence level, or the category that a row is about",
    "vcov": "how the covariance was estimated",
    "penalty": "penalty on the likelihood, if any",
    "ties": "how tied event times were handled",
    "status": "'ok', or why the model could not be estimated",
    "reason": "what to do about the status",
    "iterations": "Newton iterations",
    "converged": "whether the solver reached its tolerance",
    "variable": "variable that a row of a descriptive table is about",
    "stat": "which statistic the row holds",
    "value": "value of the statistic",
    "method": "named test or interval method",
    "unit": "what one row of the analysed data is",
    "events_per_parameter": "events divided by the coefficients other than the intercept",
    "horizon": "end of the time window, in the unit of the duration column",
    "design_effect": "variance over that of as many independent rows",
}
"""Every column that a result may print, and what it means."""

CAVEATS: Mapping[str, str] = {
    "separation": "The data separate the outcome: no finite maximum likelihood estimate exists.",
    "few_events": "There are few events for the number of parameters.",
    "event_floor": "The number of events is below the floor that the plan sets for this model.",
    "few_clusters": "There are fewer than 30 clusters: cluster-robust errors may be too small.",
    "few_event_clusters": "Few clusters contain an event: robust errors may be too small.",
    "not_converged": "The solver did not reach its tolerance.",
    "dropped_rows": "Rows with a missing value were left out.",
    "non_proportional": "Hazards may not be proportional.",
    "independent": "Rows were analysed as independent on the analyst's word.",
    "aliased": "Some columns are linear combinations of others and were left out.",
    "competing_censored": "Competing events were censored: this curve is not a probability.",
    "monotone": "The partial likelihood has no finite maximum in at least one direction.",
    "constant_outcome": "The outcome is the same in every row.",
    "between_only": "The exposure does not vary within centers.",
    "penalised_mean": "Mean predicted risk is pulled towards one half by the penalty.",
    "mediator_model": "This model holds mediators: it is not the total effect.",
    "modality": "Only units assessed by this modality are in the denominator.",
    "detection": "Detection depends on who was imaged and why.",
    "one_row_groups": "Most groups hold a single row.",
    "small_numbers": "Numbers are small; the interval is exact.",
    "no_events": "No event was observed.",
    "empty_group": "Groups without rows were left out.",
    "risk_set_emptied": "Nobody was at risk for a time before later entries.",
}
"""Caveat codes and the sentence for each that holds no number and may be published."""


@dataclass(frozen=True, slots=True)
class Caveat:
    """What a careful statistician would say aloud about a result.

    Parameters
    ----------
    code : str
        One of `CAVEATS`.
    message : str
        The sentence with its numbers, for the analyst.
    term : str, optional
        Term that it is about; None for the whole result.
    """

    code: str
    message: str
    term: str | None = None

    def __post_init__(self) -> None:
        if self.code not in CAVEATS:
            raise UsageError(f"unknown caveat code '{self.code}'; known: {', '.join(CAVEATS)}.")

    @property
    def public(self) -> str:
        """The sentence without numbers, which may be published."""
        return CAVEATS[self.code]


def require_level(level: float) -> float:
    """Check a confidence level.

    Raises
    ------
    UsageError
        Unless 0 < level < 1.
    """
    if not 0 < level < 1:
        raise UsageError(f"level is {level!r}; expected a number between 0 and 1, such as 0.95.")
    return float(level)


def critical_value(level: float, df: float | Vector = np.inf) -> Any:
    """Two-sided critical value: normal where `df` is infinite, t elsewhere."""
    upper = 0.5 + require_level(level) / 2
    df = np.asarray(df, dtype=float)
    quantile = np.where(np.isinf(df), stats.norm.ppf(upper), stats.t.ppf(upper, df))
    return quantile[()]


@dataclass(frozen=True, kw_only=True)
class Result(ABC):
    """What every result holds and answers.

    Parameters
    ----------
    title : str
        One line that says what was estimated.
    unit : str
        What one analysed row is ("level", "patient", …).
    n : int
        Rows analysed.
    n_events : int, optional
        Rows with the event.
    n_clusters : int, optional
        Clusters, where rows are clustered.
    caveats : tuple of Caveat
        What to know before quoting a number.
    status, reason : str
        ``"ok"``, or why nothing could be estimated and what to do instead.
    level : float
        Confidence level that intervals are reported at unless asked otherwise.
    """

    title: str
    unit: str = "row"
    n: int = 0
    n_events: int | None = None
    n_clusters: int | None = None
    caveats: tuple[Caveat, ...] = ()
    status: str = "ok"
    reason: str = ""
    level: float = 0.95

    kind: ClassVar[str] = "table"

    @property
    def ok(self) -> bool:
        """Whether the model could be estimated."""
        return self.status == "ok"

    @abstractmethod
    def tidy(self, *, exponentiate: bool = False, level: float | None = None) -> pd.DataFrame:
        """One row per term, time or statistic."""

    @abstractmethod
    def glance(self) -> pd.DataFrame:
        """Exactly one row, the same columns for every result of the class."""

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the tidy table; nothing is computed.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Where to draw; a new figure if None.

        Returns
        -------
        matplotlib Axes
        """
        from vpstats import figures  # the one place where results look upwards

        axes: Axes = figures.plot_result(self, ax=ax)
        return axes

    def _repr_html_(self) -> str:
        return render_html(self)


@dataclass(frozen=True, kw_only=True)
class FitResult(Result):
    """A fitted model: coefficients, their covariance and how they may be read.

    Parameters
    ----------
    terms : tuple of str
        Names of the p coefficients.
    coefficients : ndarray, shape (p,)
        Estimates; NaN where a coefficient is not estimable.
    covariance : ndarray, shape (p, p)
        Covariance of the estimates.
    df : float or ndarray, shape (p,)
        Degrees of freedom of the Wald tests; infinite for the normal.
    vcov : str
        Name of the covariance estimator.
    measure : str
        What ``exp(coefficient)`` is called ("odds_ratio", "hazard_ratio").
    conf_low, conf_high, p_values : ndarray, shape (p,), optional
        Profile intervals and likelihood-ratio p-values at `level`, where the fit made them.
    """

    terms: tuple[str, ...] = ()
    coefficients: Vector = field(default_factory=lambda: np.empty(0))
    covariance: Matrix = field(default_factory=lambda: np.empty((0, 0)))
    df: float | Vector = np.inf
    vcov: str = "model"
    measure: str = "odds_ratio"
    conf_low: Vector | None = None
    conf_high: Vector | None = None
    p_values: Vector | None = None

    kind: ClassVar[str] = "fit"

    @property
    def std_errors(self) -> Vector:
        """Standard errors, shape (p,)."""
        return np.asarray(np.sqrt(np.diag(self.covariance)), dtype=float)

    def tidy(self, *, exponentiate: bool = False, level: float | None = None) -> pd.DataFrame:
        """One row per coefficient.

        Parameters
        ----------
        exponentiate : bool
            Report ``exp(estimate)`` and its limits; `std_error` stays on the log scale.
        level : float, optional
            Confidence level; the level of the fit if None.

        Returns
        -------
        DataFrame
            ``term, estimate, std_error, statistic, p_value, conf_low, conf_high``.

        Raises
        ------
        UsageError
            If the intervals are profile intervals and another level is asked for.
        """
        low, high = self._limits(level)
        with np.errstate(invalid="ignore", divide="ignore"):
            statistic = self.coefficients / self.std_errors
        scale = np.exp if exponentiate else np.asarray
        return pd.DataFrame(
            {
                "term": list(self.terms),
                "estimate": scale(self.coefficients),
                "std_error": self.std_errors,
                "statistic": statistic,
                "p_value": self._p_values(statistic),
                "conf_low": scale(low),
                "conf_high": scale(high),
            }
        )

    def _limits(self, level: float | None) -> tuple[Vector, Vector]:
        wanted = self.level if level is None else require_level(level)
        if self.conf_low is not None and self.conf_high is not None:
            if not np.isclose(wanted, self.level):
                raise UsageError(
                    f"profile intervals were fitted at level {self.level:g}, not {wanted:g}; "
                    f"fit again with level={wanted:g}."
                )
            return self.conf_low, self.conf_high
        margin = critical_value(wanted, self.df) * self.std_errors
        return self.coefficients - margin, self.coefficients + margin

    def _p_values(self, statistic: Vector) -> Vector:
        if self.p_values is not None:
            return self.p_values
        df = np.broadcast_to(np.asarray(self.df, dtype=float), statistic.shape)
        normal = 2 * stats.norm.sf(np.abs(statistic))
        return np.asarray(np.where(np.isinf(df), normal, 2 * stats.t.sf(np.abs(statistic), df)))

    @abstractmethod
    def augment(self, data: pd.DataFrame) -> pd.DataFrame:
        """The rows as given, plus columns such as ``.fitted`` and ``.resid``."""

    @abstractmethod
    def predict(self, new: pd.DataFrame, *, times: Any = None) -> pd.DataFrame:
        """One row per row of `new` (and time)."""


@dataclass(frozen=True, kw_only=True)
class CurveResult(Result):
    """A step curve per group: survival, incidence or cumulative hazard.

    Parameters
    ----------
    steps : DataFrame
        ``time, n_risk, n_event, n_censor, estimate, std_error`` and, where grouped, the column
        `by`; one row per distinct time and group, times ascending within a group.
    by : str, optional
        Name of the grouping column.
    estimand : str
        ``"survival"``, ``"incidence"`` or ``"cumulative_hazard"``.
    time_unit : str
        Unit of the time axis.
    conf_type : str
        Scale on which limits are formed: ``"log-log"``, ``"log"`` or ``"plain"``.
    """

    steps: pd.DataFrame = field(default_factory=pd.DataFrame)
    by: str | None = None
    estimand: str = "survival"
    time_unit: str = "days"
    conf_type: str = "log-log"
    cause: int | None = None
    total_time: float = 0.0

    kind: ClassVar[str] = "curve"

    def tidy(self, *, exponentiate: bool = False, level: float | None = None) -> pd.DataFrame:
        """One row per group and distinct time.

        Parameters
        ----------
        exponentiate : bool
            A curve has one scale; True raises.
        level : float, optional
            Confidence level; the level of the result if None.

        Returns
        -------
        DataFrame
            The group's column if grouped, then ``time, n_risk, n_event, n_censor, estimate,
            std_error, conf_low, conf_high``.

        Raises
        ------
        UsageError
            If `exponentiate` is True.
        """
        if exponentiate:
            raise UsageError("a curve is not on a log scale; call tidy() without exponentiate.")
        low, high = curve_limits(
            self.steps["estimate"].to_numpy(float),
            self.steps["std_error"].to_numpy(float),
            level=self.level if level is None else level,
            conf_type=self.conf_type,
            bounded=self.estimand != "cumulative_hazard",
        )
        return self.steps.assign(conf_low=low, conf_high=high)

    def glance(self) -> pd.DataFrame:
        """One row: ``n, n_events, n_clusters, person_time, unit, status``."""
        return pd.DataFrame(
            {
                "n": [self.n],
                "n_events": pd.array([self.n_events], dtype="Int64"),
                "n_clusters": pd.array([self.n_clusters], dtype="Int64"),
                "person_time": [self.total_time],
                "unit": [self.unit],
                "status": [self.status],
            }
        )

    def groups(self) -> list[tuple[object, pd.DataFrame]]:
        """The tidy steps of each group; one pair with None where the curve is not grouped."""
        rows = self.tidy()
        if self.by is None:
            return [(None, rows)]
        return [(name, part) for name, part in rows.groupby(self.by, sort=False, observed=True)]

    def at(self, times: Any) -> pd.DataFrame:
        """Read the curve at given times: the last step at or before each.

        Parameters
        ----------
        times : array_like of float
            Times in the unit of the duration column.

        Returns
        -------
        DataFrame
            One row per group and time with the columns of ``tidy()``. `n_risk` is the number at
            risk just before the time; before the first step the estimate is that of time zero.
        """
        wanted = np.atleast_1d(np.asarray(times, dtype=float))
        start = 1.0 if self.estimand == "survival" else 0.0
        parts = [_read_steps(rows, wanted, start, self.by, name) for name, rows in self.groups()]
        return pd.concat(parts, ignore_index=True)


def curve_limits(
    estimate: Vector, std_error: Vector, *, level: float, conf_type: str, bounded: bool = True
) -> tuple[Vector, Vector]:
    """Pointwise limits of a curve on the named scale.

    Parameters
    ----------
    estimate, std_error : ndarray, shape (k,)
        Curve and its standard error, both on the probability (or hazard) scale.
    level : float
        Confidence level.
    conf_type : {"log-log", "log", "plain"}
        ``log(-log p)``, ``log p`` or ``p``; limits of a probability stay in [0, 1].
    bounded : bool
        Whether the estimate is a probability.

    Returns
    -------
    tuple of ndarray
        Lower and upper limits. Where the scale has no value (p is 0 or 1) both equal the
        estimate for "log-log" and "log", since the standard error there carries no information;
        where the standard error is unknown (NaN) so are the limits.

    Raises
    ------
    UsageError
        If `conf_type` is unknown.

    References
    ----------
    Kalbfleisch JD, Prentice RL. The Statistical Analysis of Failure Time Data. Wiley, 2002.
    """
    z = critical_value(level)
    with np.errstate(divide="ignore", invalid="ignore"):
        if conf_type == "log-log":
            scale = np.log(-np.log(estimate))
            margin = z * std_error / np.abs(estimate * np.log(estimate))
            low, high = np.exp(-np.exp(scale + margin)), np.exp(-np.exp(scale - margin))
        elif conf_type == "log":
            margin = z * std_error / estimate
            low, high = estimate * np.exp(-margin), estimate * np.exp(margin)
        elif conf_type == "plain":
            low, high = estimate - z * std_error, estimate + z * std_error
        else:
            raise UsageError(f"conf_type is '{conf_type}'; expected 'log-log', 'log' or 'plain'.")
    defined = (np.isfinite(low) & np.isfinite(high)) | np.isnan(std_error)
    low, high = np.where(defined, low, estimate), np.where(defined, high, estimate)
    top = 1.0 if bounded else np.inf
    return np.clip(low, 0.0, top), np.clip(high, 0.0, top)


def _read_steps(
    rows: pd.DataFrame, times: Vector, start: float, by: str | None, name: object
) -> pd.DataFrame:
    grid = rows["time"].to_numpy(float)
    last = np.searchsorted(grid, times, side="right") - 1
    following = np.searchsorted(grid, times, side="left")
    read = rows.iloc[np.maximum(last, 0)].reset_index(drop=True)
    before = last < 0
    read.loc[before, ["estimate", "conf_low", "conf_high"]] = start
    read.loc[before, "std_error"] = 0.0
    # just before a time, everybody whose own time lies at or after it is at risk
    at_risk = np.append(rows["n_risk"].to_numpy(float), 0.0)
    read["n_risk"] = at_risk[following]
    read["time"] = times
    if by is not None:
        read[by] = name
    return read


@dataclass(frozen=True, kw_only=True)
class TableResult(Result):
    """A descriptive table held as numbers, one row per statistic or group.

    Parameters
    ----------
    table : DataFrame
        The rows; every column is in `GLOSSARY` or is the grouping column.
    """

    table: pd.DataFrame = field(default_factory=pd.DataFrame)

    def tidy(self, *, exponentiate: bool = False, level: float | None = None) -> pd.DataFrame:
        """The table itself, as a copy.

        Raises
        ------
        UsageError
            If exponentiation or another confidence level is asked for.
        """
        if exponentiate or (level is not None and not np.isclose(level, self.level)):
            raise UsageError(
                "a descriptive table has one scale and one level; compute it again with the "
                "level wanted."
            )
        return self.table.copy()

    def glance(self) -> pd.DataFrame:
        """One row: ``n, n_events, n_clusters, unit, status``."""
        return pd.DataFrame(
            {
                "n": [self.n],
                "n_events": pd.array([self.n_events], dtype="Int64"),
                "n_clusters": pd.array([self.n_clusters], dtype="Int64"),
                "unit": [self.unit],
                "status": [self.status],
            }
        )


def render_html(result: Result) -> str:
    """Render a result for a notebook: title, counts, tidy table, caveats, and a warning.

    Only what the result itself holds is shown; the line "internal: not released" stays until a
    number has passed the disclosure gate.
    """
    counts = [f"{result.n:,} {result.unit}s"]
    if result.n_events is not None:
        counts.append(f"{result.n_events:,} events")
    if result.n_clusters is not None:
        counts.append(f"{result.n_clusters:,} clusters")
    rows = result.tidy()
    table = rows.head(30).to_html(index=False, float_format="{:.4g}".format, border=0)
    more = f"<p>… and {len(rows) - 30:,} more rows.</p>" if len(rows) > 30 else ""
    caveats = "".join(f"<li>{escape(c.message)}</li>" for c in result.caveats)
    status = "" if result.ok else f"<p><b>{escape(result.status)}</b>: {escape(result.reason)}</p>"
    return (
        f"<div><p><b>{escape(result.title)}</b><br>{escape(' · '.join(counts))}</p>"
        f"{status}{table}{more}{f'<ul>{caveats}</ul>' if caveats else ''}"
        "<p><small>internal: not released</small></p></div>"
    )
