"""What a Cox model answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from vpstats.errors import UsageError
from vpstats.models.columns import level_text, read_numbers, require_columns
from vpstats.models.design import DesignSpec, apply_design
from vpstats.models.followup import Codes, Vector, codes_of, read_times
from vpstats.models.hazards_baseline import Baseline
from vpstats.models.wald import joint_wald
from vpstats.results import FitResult, critical_value, require_level

Matrix = NDArray[np.float64]
Kind = Literal["hazard_ratio", "survival", "cumulative_hazard"]


def strata_labels(
    data: pd.DataFrame, columns: tuple[str, ...], kept: Codes | None = None
) -> tuple[Codes, tuple[str, ...]]:
    """Stratum of each row, -1 where a column is missing, and the names of the strata.

    Parameters
    ----------
    data : DataFrame, shape (n, any)
        Rows.
    columns : tuple of str
        Columns whose combinations are the strata.
    kept : ndarray of int, optional
        Positions of the n rows to read; all rows if None.

    Returns
    -------
    ndarray of int, shape (n,), and tuple of str
        Only combinations that occur have a name.
    """
    n = len(data) if kept is None else len(kept)
    combined, names = np.zeros(n, dtype=np.int64), [""]
    if not columns:
        return combined, ("",)
    require_columns(data, columns)
    for column in columns:
        values = data[column] if kept is None else data[column].iloc[kept]
        codes, levels = codes_of(values)
        combined = np.where((combined < 0) | (codes < 0), -1, combined * len(levels) + codes)
        words = [level_text(value) for value in levels]
        names = [f"{name}, {word}" if name else word for name in names for word in words]
    used, codes = np.unique(combined[combined >= 0], return_inverse=True)
    result = np.full(n, -1, dtype=np.int64)
    result[combined >= 0] = codes
    return result, tuple(names[i] for i in used)


def strata_of(new: pd.DataFrame, columns: tuple[str, ...], labels: tuple[str, ...]) -> Codes:
    """Stratum of each new row among those of a fit, -1 where missing, shape (m,).

    Raises
    ------
    UsageError
        If a stratum is new to the fit.
    """
    codes, names = strata_labels(new, columns)
    unseen = [name for name in names if name not in labels]
    if unseen:
        raise UsageError(
            f"stratum '{unseen[0]}' is new to the model; it was fitted with "
            f"{', '.join(labels[:12])}."
        )
    known = np.array([*(labels.index(name) for name in names), -1])
    return np.asarray(known[codes], dtype=np.int64)


@dataclass(frozen=True, kw_only=True)
class CoxFit(FitResult):
    """A Cox model: log hazard ratios, their covariance, and the baseline hazard.

    Parameters
    ----------
    spec : DesignSpec
        How to build the design matrix of new rows; no rows are inside.
    centre : ndarray, shape (p,)
        Mean of each column of the design matrix; predictions are relative to it.
    duration, event : str
        Columns of follow-up.
    cause : int
        Code of the event in question; rows with another one are at risk until then.
    entry, weights, offset, cluster : str or None
        Columns, where they were given.
    strata : tuple of str
        Columns of the strata.
    n_strata, n_informative_strata : int or None
        Strata, and those in which an event is compared with rows that differ from it; None
        without strata.
    ties : {"efron", "breslow"}
        How tied event times were handled.
    penalty : str or None
        "firth" or None.
    competing : bool
        Whether rows ended with another cause.
    baseline : Baseline or None
        None where the model could not be estimated or was pooled, and where strata are single
        patients or sets as small, whose names are not kept.
    n_missing : int
        Rows left out because a value was missing.
    log_likelihood, penalised_log_likelihood, null_log_likelihood : float
        At the estimate, with the penalty (NaN without one), and at no effect (with the penalty
        if there is one).
    iterations : int
        Newton steps.
    converged : bool
        Whether the solver reached its tolerance.
    """

    spec: DesignSpec
    centre: Vector = field(default_factory=lambda: np.empty(0))
    duration: str = ""
    event: str = ""
    cause: int = 1
    entry: str | None = None
    strata: tuple[str, ...] = ()
    n_strata: int | None = None
    n_informative_strata: int | None = None
    cluster: str | None = None
    weights: str | None = None
    offset: str | None = None
    ties: Literal["efron", "breslow"] = "efron"
    penalty: str | None = None
    competing: bool = False
    baseline: Baseline | None = None
    n_missing: int = 0
    log_likelihood: float = np.nan
    penalised_log_likelihood: float = np.nan
    null_log_likelihood: float = np.nan
    iterations: int = 0
    converged: bool = False
    measure: str = "hazard_ratio"

    def glance(self) -> pd.DataFrame:
        """One row about the whole fit.

        Returns
        -------
        DataFrame
            ``n, n_events, n_clusters, n_parameters, n_missing, events_per_parameter,
            log_likelihood, penalised_log_likelihood, statistic, df, p_value, ties, vcov, penalty,
            iterations, converged, unit, status, reason``. The statistic is the (penalised)
            likelihood ratio of all coefficients, NaN with a robust covariance, for which a
            likelihood ratio is not valid.
        """
        statistic, p_value = self._likelihood_ratio()
        return pd.DataFrame(
            {
                "n": [self.n],
                "n_events": pd.array([self.n_events], dtype="Int64"),
                "n_clusters": pd.array([self.n_clusters], dtype="Int64"),
                "n_parameters": [len(self.terms)],
                "n_missing": [self.n_missing],
                "events_per_parameter": [self.events_per_parameter],
                "log_likelihood": [self.log_likelihood],
                "penalised_log_likelihood": [self.penalised_log_likelihood],
                "statistic": [statistic],
                "df": [len(self.terms)],
                "p_value": [p_value],
                "ties": [self.ties],
                "vcov": [self.vcov],
                "penalty": [self.penalty or "none"],
                "iterations": [self.iterations],
                "converged": [self.converged],
                "unit": [self.unit],
                "status": [self.status],
                "reason": [self.reason],
            }
        )

    @property
    def events_per_parameter(self) -> float:
        """Events per coefficient."""
        return (self.n_events or 0) / len(self.terms) if self.terms else float("nan")

    def _likelihood_ratio(self) -> tuple[float, float]:
        if self.vcov != "model":
            return float("nan"), float("nan")
        best = self.penalised_log_likelihood if self.penalty else self.log_likelihood
        statistic = 2 * (best - self.null_log_likelihood)
        return statistic, float(stats.chi2.sf(statistic, len(self.terms)))

    def wald_test(self, terms: str | Sequence[str]) -> pd.DataFrame:
        """Test that several coefficients are zero together, with the covariance of the fit.

        Parameters
        ----------
        terms : str or sequence of str
            Coefficients, or terms of the formula (``region`` stands for all its levels).

        Returns
        -------
        DataFrame
            One row: ``term, statistic, df, df_residual, p_value, method``; see
            `vpstats.models.wald.joint_wald`.

        Raises
        ------
        UsageError
            If a name is neither a coefficient nor a term.
        """
        return joint_wald(self, self.spec.assign, terms)

    def predict(
        self,
        new: pd.DataFrame,
        *,
        times: Any = None,
        kind: Kind | None = None,
        level: float | None = None,
    ) -> pd.DataFrame:
        """Hazard ratio to the average row, or survival or cumulative hazard at given times.

        Parameters
        ----------
        new : DataFrame, shape (m, any)
            Rows with the columns of the right side (and offset and strata); unchanged.
        times : array_like of float, shape (k,), optional
            Times in the unit of the duration column.
        kind : {"hazard_ratio", "survival", "cumulative_hazard"}, optional
            "hazard_ratio" without times, "survival" with times.
        level : float, optional
            Confidence level; the level of the fit if None.

        Returns
        -------
        DataFrame
            One row per row of `new` (and time), its index kept: ``time`` (with times),
            ``estimate, std_error, conf_low, conf_high``. A hazard ratio is relative to a row at
            the mean of every column (offset 0); its `std_error` is on the log scale. Survival
            and cumulative hazard are those of a row with these values, from Efron's or Breslow's
            baseline as the ties are; limits are formed on the log scale of the hazard. Where the
            covariance is robust the error counts what each cluster (or row) does to coefficients
            and baseline together. NaN where a value is missing and beyond the longest follow-up
            of the stratum.

        Raises
        ------
        UsageError
            If a column is missing, a category or stratum is new to the fit, times and kind do
            not go together, or survival is asked for where competing events were censored.

        References
        ----------
        Therneau TM, Grambsch PM (2000), section 10.2. Spiekerman CF, Lin DY. Marginal regression
        models for multivariate failure time data. J Am Stat Assoc 1998;93:1164-1175.
        """
        wanted = kind or ("hazard_ratio" if times is None else "survival")
        self._check_prediction(wanted, times)
        z = critical_value(self.level if level is None else require_level(level), self._least_df)
        X = apply_design(self.spec, new) - self.centre
        eta = X @ self.coefficients + self._offset(new)
        if times is None:
            return self._hazard_ratios(X, eta, z).set_index(new.index)
        at = np.atleast_1d(np.asarray(times, dtype=float))
        hazard, error = self._hazards(X, eta, self._strata(new), at)
        columns = scale_hazard(wanted, hazard.ravel(), error.ravel(), float(z))
        return pd.DataFrame(
            {"time": np.tile(at, len(new))} | columns, index=new.index.repeat(at.size)
        )

    @property
    def _least_df(self) -> float:
        return float(np.min(self.df))

    def _check_prediction(self, kind: str, times: Any) -> None:
        if kind not in ("hazard_ratio", "survival", "cumulative_hazard"):
            raise UsageError(
                f"kind is '{kind}'; expected 'hazard_ratio', 'survival' or 'cumulative_hazard'."
            )
        if (kind == "hazard_ratio") != (times is None):
            raise UsageError("a hazard ratio takes no times=, survival and cumulative hazard do.")
        if times is not None and self.ok and self.baseline is None:
            raise UsageError(
                "this fit has no baseline, because it was pooled (predict from each completed fit) "
                "or because its strata are single patients."
            )
        if kind == "survival" and self.competing:
            raise UsageError(
                f"rows ended with other causes than {self.cause}, so one hazard does not give a "
                "probability: use kind='cumulative_hazard', or cumulative_incidence()."
            )

    def _offset(self, new: pd.DataFrame) -> Vector | float:
        return 0.0 if self.offset is None else read_numbers(new, self.offset)

    def _hazard_ratios(self, X: Matrix, eta: Vector, z: Any) -> pd.DataFrame:
        error = np.sqrt(np.einsum("ij,jk,ik->i", X, self.covariance, X))
        return pd.DataFrame(
            {
                "estimate": np.exp(eta),
                "std_error": error,
                "conf_low": np.exp(eta - z * error),
                "conf_high": np.exp(eta + z * error),
            }
        )

    def _strata(self, new: pd.DataFrame) -> Codes:
        """Stratum of each new row in the baseline, -1 where missing."""
        if self.baseline is None:
            return np.full(len(new), -1)
        return strata_of(new, self.strata, self.baseline.labels)

    def _hazards(
        self, X: Matrix, eta: Vector, strata: Codes, times: Vector
    ) -> tuple[Matrix, Matrix]:
        """Cumulative hazard and its standard error, shape (m, k)."""
        if self.baseline is None:
            none = np.full((len(X), times.size), np.nan)
            return none, none
        return self.baseline.predict(X, eta, strata, times, self.covariance)

    def augment(self, data: pd.DataFrame) -> pd.DataFrame:
        """The rows as given, plus ``.fitted`` and ``.resid``.

        Parameters
        ----------
        data : DataFrame, shape (m, any)
            Rows with the columns of both sides; unchanged.

        Returns
        -------
        DataFrame
            A new frame; `.fitted` is the log hazard ratio to the average row, `.resid` the
            martingale residual (events observed less expected); NaN where a value is missing.
        """
        eta = apply_design(self.spec, data) @ self.coefficients + self._offset(data)
        eta = eta - float(self.centre @ self.coefficients)
        event = read_numbers(data, self.event) == self.cause
        expected = self._exposure(data, event) * np.exp(eta)
        missing = read_numbers(data, self.event) * 0.0
        return data.assign(**{".fitted": eta, ".resid": event - expected + missing})

    def _exposure(self, data: pd.DataFrame, event: NDArray[np.bool_]) -> Vector:
        """Baseline hazard that each row was under."""
        exit_ = read_times(data, self.duration)
        entry = None if self.entry is None else read_times(data, self.entry)
        exposure = np.full(len(data), np.nan)
        base, strata = self.baseline, self._strata(data)
        if base is None:
            return exposure
        for s in range(len(base.labels)):
            rows = np.flatnonzero(strata == s)
            exposure[rows] = base.read(base.hazard, s, exit_[rows])
            own = rows[event[rows]]
            exposure[own] -= base.at_event(s, exit_[own])
            if entry is not None:
                late = rows[entry[rows] > 0]
                exposure[late] -= base.read(base.hazard, s, entry[late])
        exposure[np.isnan(exit_)] = np.nan
        return exposure


AnyCox = TypeVar("AnyCox", bound=CoxFit)


def failed(fit: AnyCox, status: str, reason: str) -> AnyCox:
    """A fit without numbers, and why."""
    p = len(fit.terms)
    return replace(
        fit,
        status=status,
        reason=reason,
        coefficients=np.full(p, np.nan),
        covariance=np.full((p, p), np.nan),
        conf_low=None,
        conf_high=None,
        p_values=None,
        baseline=None,
        converged=False,
    )


def scale_hazard(kind: str, hazard: Vector, error: Vector, z: float) -> dict[str, Vector]:
    """Estimate, error and limits on the scale of the kind; limits on the log hazard scale."""
    with np.errstate(divide="ignore", invalid="ignore"):
        factor = np.where(hazard > 0, np.exp(z * error / hazard), 1.0)
    low, high = hazard / factor, hazard * factor
    if kind == "cumulative_hazard":
        return {"estimate": hazard, "std_error": error, "conf_low": low, "conf_high": high}
    survival = np.exp(-hazard)
    if kind == "incidence":
        limits = {"conf_low": -np.expm1(-low), "conf_high": -np.expm1(-high)}
        return {"estimate": -np.expm1(-hazard), "std_error": survival * error} | limits
    return {
        "estimate": survival,
        "std_error": survival * error,
        "conf_low": np.exp(-high),
        "conf_high": np.exp(-low),
    }
