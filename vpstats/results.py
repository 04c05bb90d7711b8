"""The result protocol: what every estimate answers, and the words for it.

A result is frozen and holds coefficients, covariances and aggregates, never rows of patients. It
answers ``tidy()`` (one row per term or time), ``glance()`` (one row), ``plot()`` and, for fits,
``augment()`` and ``predict()``. Column names come from one glossary; what a careful statistician
would say aloud stands in ``caveats``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd
from scipy import stats

from vpstats.errors import UsageError
from vpstats.glossary import CAVEATS, GLOSSARY
from vpstats.intervals import critical_value, curve_limits, require_level
from vpstats.rendering import render_html, render_text
from vpstats.step_reading import CONVENTIONS, count_at_risk, read_steps

__all__ = [
    "CAVEATS",
    "GLOSSARY",
    "Caveat",
    "CurveResult",
    "FitResult",
    "Result",
    "TableResult",
    "critical_value",
    "curve_limits",
    "render_html",
    "render_text",
    "require_level",
]

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    Vector = NDArray[np.float64]
    Matrix = NDArray[np.float64]


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

    def __init_subclass__(cls) -> None:
        # a dataclass would print every array that it holds; it keeps a __repr__ that is there,
        # and only assigning it to the class, which mypy doubts in principle, puts it there in time
        cls.__repr__ = Result.__repr__  # type: ignore[method-assign]

    def __repr__(self) -> str:
        return render_text(self)

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

    def beside(self) -> tuple[tuple[str, pd.DataFrame], ...]:
        """Tables to be printed under the tidy one, each with its heading; none by default."""
        return ()

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
    pooling : Pooling, optional
        Variances within and between imputed data sets, where the fit was pooled.
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
    pooling: Any = None

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

    def missing_information(self) -> pd.DataFrame:
        """What missing values cost each pooled coefficient; see `models.pooling.Pooling.table`."""
        if self.pooling is None:
            raise UsageError("the fit was not pooled over imputed data sets.")
        return self.pooling.table(self.terms)

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
        parts = [read_steps(rows, wanted, start, self.by, name) for name, rows in self.groups()]
        return pd.concat(parts, ignore_index=True)

    def at_risk(self, times: Any, *, convention: str = "before") -> pd.DataFrame:
        """Numbers at risk at given times, with the events and censorings passed by then.

        Parameters
        ----------
        times : array_like of float
            Times in the unit of the duration column.
        convention : {"before", "start"}
            "before": just before each time, so that who leaves at the time still counts and who
            enters at it does not. "start": at the start of the interval that begins there, so
            that who leaves at the time no longer counts and who enters at it does.

        Returns
        -------
        DataFrame
            The group's column if grouped, then ``time, n_risk, n_event, n_censor``, the last two
            summed over the times before, or up to, each time.

        Raises
        ------
        UsageError
            If the convention is unknown.
        """
        if convention not in CONVENTIONS:
            raise UsageError(f"convention is {convention!r}; expected 'before' or 'start'.")
        wanted = np.atleast_1d(np.asarray(times, dtype=float))
        parts = [count_at_risk(r, wanted, convention, self.by, name) for name, r in self.groups()]
        return pd.concat(parts, ignore_index=True)


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
