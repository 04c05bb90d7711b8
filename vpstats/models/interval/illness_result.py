"""What an illness–death model answers."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from vpstats.errors import UsageError
from vpstats.models.design import DesignSpec, apply_design
from vpstats.models.interval.brackets import Brackets
from vpstats.models.interval.illness_data import (
    Request,
    Times,
    lay_paths,
    read_rows,
    window_names,
)
from vpstats.models.interval.transitions import (
    TRANSITIONS,
    Layout,
    Mask,
    Matrix,
    Vector,
    gradients,
    mix,
)
from vpstats.results import FitResult, critical_value, curve_limits, require_level

Kind = Literal["incidence", "ill", "healthy", "dead"]
_KINDS = ("incidence", "ill", "healthy", "dead")
METHODS = ("interval", "midpoint", "date found")
"""How the time of falling ill is taken: unknown between visits, their middle, or when found."""


@dataclass(frozen=True, kw_only=True)
class IllnessDeathFit(FitResult):
    """An illness–death model: log intensities, log hazard ratios and their covariance.

    Parameters
    ----------
    spec : tuple of DesignSpec
        How to build the covariates of each transition for new rows; no rows are inside.
    layout : Layout
        Which parameters make up each intensity.
    request : Request
        Columns, windows and assumptions.
    method : str
        "interval"; "midpoint" or "date found" for the analyses beside it.
    naive_fits : tuple of IllnessDeathFit
        The same model as if illness began midway between the visits, and when it was found.
    expected_events, expected_time : ndarray, shape (3, K)
        Events and time at risk by transition and window that the records let expect.
    unseen : float
        Expected number of rows that fell ill and were never found so.
    n_deaths : int
        Rows whose follow-up ended by death.
    longest : float
        Longest follow-up.
    n_missing : int
        Rows left out because a value was missing.
    log_likelihood : float
        At the estimate.
    iterations : int
        Newton steps.
    converged : bool
        Whether the solver reached its tolerance.
    time_unit : str
        Unit of times and of one over the intensities.
    """

    spec: tuple[DesignSpec, DesignSpec, DesignSpec]
    layout: Layout
    request: Request
    method: str = METHODS[0]
    naive_fits: tuple[IllnessDeathFit, ...] = ()
    expected_events: Matrix = field(default_factory=lambda: np.empty((3, 0)))
    expected_time: Matrix = field(default_factory=lambda: np.empty((3, 0)))
    unseen: float = np.nan
    n_deaths: int = 0
    longest: float = np.nan
    n_missing: int = 0
    log_likelihood: float = np.nan
    iterations: int = 0
    converged: bool = False
    time_unit: str = "days"
    measure: str = "hazard"

    def glance(self) -> pd.DataFrame:
        """One row about the whole fit.

        Returns
        -------
        DataFrame
            ``n, n_events, n_deaths, n_unseen, n_clusters, n_parameters, n_missing,
            events_per_parameter, log_likelihood, method, vcov, iterations, converged, unit,
            status, reason``. Events are rows found ill, per parameter of illness.
        """
        own = self.layout.windows[0].size + self.layout.slopes[0].size
        return pd.DataFrame(
            {
                "n": [self.n],
                "n_events": pd.array([self.n_events], dtype="Int64"),
                "n_deaths": [self.n_deaths],
                "n_unseen": [self.unseen],
                "n_clusters": pd.array([self.n_clusters], dtype="Int64"),
                "n_parameters": [len(self.terms)],
                "n_missing": [self.n_missing],
                "events_per_parameter": [(self.n_events or 0) / own],
                "log_likelihood": [self.log_likelihood],
                "method": [self.method],
                "vcov": [self.vcov],
                "iterations": [self.iterations],
                "converged": [self.converged],
                "unit": [self.unit],
                "status": [self.status],
                "reason": [self.reason],
            }
        )

    def _p_values(self, statistic: Vector) -> Vector:
        """Of hazard ratios; that an intensity is one per unit of time is no hypothesis."""
        values = np.full(len(self.terms), np.nan)
        slopes = np.concatenate([*self.layout.slopes, [] if self._ratio is None else [self._ratio]])
        chosen = slopes.astype(int)
        values[chosen] = super()._p_values(statistic)[chosen]
        return values

    @property
    def _ratio(self) -> int | None:
        return self.layout.ratio

    @property
    def _methods(self) -> tuple[IllnessDeathFit, ...]:
        return (self, *self.naive_fits)

    @property
    def naive(self) -> pd.DataFrame:
        """The terms by each method, so that the bias of the simpler analyses is seen.

        Returns
        -------
        DataFrame
            ``method`` ("interval", "midpoint", "date found") and the columns of ``tidy()``.
        """
        rows = [fit.tidy().assign(method=fit.method) for fit in self._methods]
        table = pd.concat(rows, ignore_index=True)
        return table[["method", *(c for c in table.columns if c != "method")]]

    def beside(self) -> tuple[tuple[str, pd.DataFrame], ...]:
        """Illness by method, shown below the terms: the simpler analyses and their bias."""
        if not self.naive_fits:
            return ()
        rows = [fit.tidy(exponentiate=True).assign(method=fit.method) for fit in self._methods]
        table = pd.concat(rows, ignore_index=True)
        own = table["term"].str.startswith("illness")
        shown = table.loc[own, ["term", "method", "estimate", "conf_low", "conf_high"]]
        order = {term: i for i, term in enumerate(self.terms)}
        shown = shown.sort_values("term", key=lambda t: t.map(order), kind="stable")
        return (("Illness by method, intensities and hazard ratios:", shown),)

    def intensities(
        self, *, per: float = 1.0, at: pd.DataFrame | None = None, level: float | None = None
    ) -> pd.DataFrame:
        """Intensities of every transition by window.

        Parameters
        ----------
        per : float
            Time that they are expressed per, in the unit of the time columns: 365.25 for events
            per year where that is days.
        at : DataFrame, shape (1, any), optional
            Covariates to take; 0 and the reference categories if None.
        level : float, optional
            Confidence level; the level of the fit if None.

        Returns
        -------
        DataFrame
            ``transition, window, estimate, std_error, conf_low, conf_high, n_events,
            person_time``. `std_error` is on the log scale; events and time at risk are those that
            the records let expect (sums over every row, whatever its covariates).

        Raises
        ------
        UsageError
            If `per` is not positive, `at` is not one row, or a zero intensity is asked for at
            another level than that of the fit.
        """
        if not per > 0:
            raise UsageError(f"per is {per!r}; expected a positive amount of time.")
        designs = self._designs(at, 1)
        rows = lay_paths(_until(np.array([self.longest])), self.request.edges, designs)
        logs = self.layout.log_rates(self.coefficients, designs)
        low, high = self._limits(level)
        z = critical_value(self.level if level is None else require_level(level))
        names = window_names(self.request.edges)
        parts = []
        for q, transition in enumerate(TRANSITIONS):
            for k, name in enumerate(names):
                chosen = [np.zeros_like(rows.width) for _ in TRANSITIONS]
                chosen[q][0, k] = 1.0
                weights = self.layout.expand(chosen, designs)[0]
                error = float(np.sqrt(weights @ self._known_covariance @ weights))
                log = logs[q][0, k]
                j = self.layout.windows[q][k]
                ends = (log - z * error, log + z * error)
                if np.isneginf(log) and at is None and np.isneginf(self.coefficients[j]):
                    ends, error = (low[j], high[j]), np.nan
                parts.append(
                    {
                        "transition": transition,
                        "window": name,
                        "estimate": per * np.exp(log),
                        "std_error": error,
                        "conf_low": per * np.exp(ends[0]),
                        "conf_high": per * np.exp(ends[1]),
                        "n_events": self._expected(self.expected_events, q, k),
                        "person_time": self._expected(self.expected_time, q, k),
                    }
                )
        return pd.DataFrame(parts)

    def _expected(self, table: Matrix, q: int, k: int) -> float:
        return float(table[q, k]) if table.size else float("nan")

    @property
    def _known_covariance(self) -> Matrix:
        """Covariance in which parameters without one count as known."""
        return np.nan_to_num(self.covariance) if self.ok else self.covariance

    def incidence(self, times: Any, *, level: float | None = None) -> pd.DataFrame:
        """Probability of having fallen ill by given times, death competing, by each method.

        Parameters
        ----------
        times : array_like of float, shape (k,)
            Times since the start.
        level : float, optional
            Confidence level; the level of the fit if None.

        Returns
        -------
        DataFrame
            ``method, time, estimate, std_error, conf_low, conf_high``: the model's own estimate,
            and what the midpoint and date-found analyses would have given. Seen and unseen
            illness count alike.

        Raises
        ------
        UsageError
            If the model has covariates (use ``predict``), or a time is negative.
        """
        if any(s.size for s in self.layout.slopes):
            raise UsageError("the model has covariates; use predict(new, times=).")
        one = pd.DataFrame(index=[0])
        parts = [
            fit.predict(one, times=times, level=level).assign(method=fit.method)
            for fit in self._methods
        ]
        table = pd.concat(parts, ignore_index=True)
        return table[["method", *(c for c in table.columns if c != "method")]]

    def predict(
        self,
        new: pd.DataFrame,
        *,
        times: Any = None,
        kind: Kind = "incidence",
        level: float | None = None,
    ) -> pd.DataFrame:
        """Probabilities of a healthy row's future.

        Parameters
        ----------
        new : DataFrame, shape (m, any)
            Rows with the columns of the formulas; unchanged.
        times : array_like of float, shape (k,), optional
            Times since the start; the change points if None (the longest follow-up without any).
        kind : {"incidence", "ill", "healthy", "dead"}
            Having fallen ill by then, dead since or not (death before illness competes); being
            ill and alive; being alive and never ill; being dead.
        level : float, optional
            Confidence level; the level of the fit if None.

        Returns
        -------
        DataFrame
            One row per row of `new` and time, its index kept: ``time, estimate, std_error,
            conf_low, conf_high``. Errors are those of the delta method, limits on the scale
            ``log(-log p)``. NaN where a value is missing and beyond the longest follow-up.

        Raises
        ------
        UsageError
            If a column is missing, a category is new to the fit, a time is negative or `kind` is
            unknown.
        """
        if kind not in _KINDS:
            raise UsageError(f"kind is {kind!r}; expected one of {', '.join(map(repr, _KINDS))}.")
        at = self._times(times)
        designs = tuple(np.repeat(X, at.size, axis=0) for X in self._designs(new, len(new)))
        when = np.tile(at, len(new))
        p, slope = self._probability(kind, when, designs)
        variance = np.einsum("ij,jk,ik->i", slope, self._known_covariance, slope)
        error = np.sqrt(np.maximum(variance, 0.0))
        error = np.where((p > 0) | (when == 0), error, np.nan)
        unknown = when > self.longest
        p, error = np.where(unknown, np.nan, p), np.where(unknown, np.nan, error)
        wanted = self.level if level is None else level
        low, high = curve_limits(p, error, level=wanted, conf_type="log-log")
        columns = {"time": when, "estimate": p, "std_error": error}
        return pd.DataFrame(
            columns | {"conf_low": low, "conf_high": high}, index=new.index.repeat(at.size)
        )

    def _times(self, times: Any) -> Vector:
        if times is None:
            inner = self.request.edges[1:-1]
            return inner if inner.size else np.array([self.longest])
        at = np.atleast_1d(np.asarray(times, dtype=float))
        if not ((at >= 0) & np.isfinite(at)).all():
            raise UsageError("times are finite and at least 0.")
        return at

    def _designs(self, new: pd.DataFrame | None, n: int) -> tuple[Matrix, Matrix, Matrix]:
        if new is None:
            first, second, third = (np.zeros((n, s.size)) for s in self.layout.slopes)
            return first, second, third
        if len(new) != n:
            raise UsageError("at= takes one row.")
        first, second, third = (apply_design(spec, new) for spec in self.spec)
        return first, second, third

    def _probability(
        self, kind: str, when: Vector, designs: tuple[Matrix, ...]
    ) -> tuple[Vector, Matrix]:
        """Probability and its derivative by parameter, shapes (m,) and (m, p)."""
        if kind == "dead":
            ill, ill_slope = self._probability("ill", when, designs)
            healthy, healthy_slope = self._probability("healthy", when, designs)
            return 1 - ill - healthy, -ill_slope - healthy_slope
        theta = np.where(np.isnan(self.coefficients) & self.ok, -np.inf, self.coefficients)
        if kind == "healthy":
            never = np.full(when.shape, np.inf)
            times = Times(np.zeros_like(when), when, never < 0, Brackets(when, never))
        else:
            times = _until(when)
        rows = lay_paths(times, self.request.edges, designs)  # type: ignore[arg-type]  # three
        if kind != "healthy":
            rows = replace(rows, unseen=np.zeros(len(when), dtype=bool))
        logs = self.layout.log_rates(theta, designs)
        if kind == "incidence":
            logs[2] = np.full_like(logs[2], -np.inf)
        mixture = mix(rows, logs)
        p = np.exp(mixture.value)
        if kind != "healthy":
            p = np.where((when == 0) & ~np.isnan(p), 0.0, p)
        slope = np.nan_to_num(gradients(self.layout, rows, mixture)) * p[:, None]
        return p, np.where(np.isnan(p)[:, None], np.nan, slope)

    def augment(self, data: pd.DataFrame) -> pd.DataFrame:
        """The rows as given, plus ``.fitted`` and ``.ill``.

        Parameters
        ----------
        data : DataFrame, shape (m, any)
            Rows with the columns of the model; unchanged.

        Returns
        -------
        DataFrame
            A new frame. `.fitted` is the probability of falling ill by the end of the row's
            follow-up as the model sees a healthy row at its start; `.ill` the probability that
            the row fell ill, given its record: 1 where illness was found, and above 0 where it
            may have gone unseen. NaN where a value is missing.
        """
        fitted, ill = np.full((2, len(data)), np.nan)
        times, kept = read_rows(data, self.request)
        designs = self._designs(data, len(data))
        chosen: Any = tuple(X[kept] for X in designs)
        theta = np.where(np.isnan(self.coefficients) & self.ok, -np.inf, self.coefficients)
        rows = lay_paths(times, self.request.edges, chosen)
        ill[kept] = 1.0 - mix(rows, self.layout.log_rates(theta, chosen)).never
        fitted[kept], _ = self._probability("incidence", times.end, chosen)
        return data.assign(**{".fitted": fitted, ".ill": ill})

    def as_failed(self, status: str, reason: str) -> IllnessDeathFit:
        """The result without numbers and with the reason."""
        p = len(self.terms)
        return replace(
            self,
            status=status,
            reason=reason,
            coefficients=np.full(p, np.nan),
            covariance=np.full((p, p), np.nan),
        )

    @property
    def _fixed(self) -> Mask:
        return ~np.isfinite(self.coefficients)

    def with_finite_numbers(self) -> IllnessDeathFit:
        """For pooling: stand-ins for parameters that are zero or unknown, the same in any fit."""
        if not self.ok:
            return self
        fixed = self._fixed
        covariance = np.where(fixed[:, None] | fixed[None, :], 0.0, self.covariance)
        covariance[fixed, fixed] = 1.0
        coefficients = np.where(fixed, 0.0, self.coefficients)
        return replace(
            self, coefficients=coefficients, covariance=covariance, conf_low=None, conf_high=None
        )

    def with_zeros_of(self, other: IllnessDeathFit) -> IllnessDeathFit:
        """After pooling: the parameters that are zero or unknown in `other` are so again."""
        if not self.ok:
            return self
        fixed = other._fixed
        covariance = np.where(fixed[:, None] | fixed[None, :], np.nan, self.covariance)
        coefficients = np.where(fixed, other.coefficients, self.coefficients)
        return replace(self, coefficients=coefficients, covariance=covariance)


def _until(when: NDArray[Any]) -> Times:
    """Healthy at 0, fallen ill by each time, alive."""
    nobody = np.zeros(when.shape, dtype=bool)
    return Times(np.zeros_like(when), when, nobody, Brackets(np.zeros_like(when), when))
