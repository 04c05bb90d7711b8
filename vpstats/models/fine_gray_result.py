"""What a Fine–Gray model answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from vpstats.errors import UsageError
from vpstats.models.columns import read_numbers
from vpstats.models.design import DesignSpec, apply_design
from vpstats.models.followup import Vector
from vpstats.models.hazards_baseline import Baseline
from vpstats.models.hazards_result import scale_hazard, strata_of
from vpstats.models.wald import joint_wald
from vpstats.results import FitResult, critical_value, require_level

Matrix = NDArray[np.float64]
Kind = Literal["hazard_ratio", "incidence", "cumulative_hazard"]

CAUSE_SPECIFIC = (
    "Beside it: cause-specific hazard ratios (Cox models of every cause with the same terms)"
)


@dataclass(frozen=True, kw_only=True)
class FineGrayFit(FitResult):
    """A Fine–Gray model: log subdistribution hazard ratios and the incidence that they predict.

    Parameters
    ----------
    spec : DesignSpec
        How to build the design matrix of new rows; no rows are inside.
    centre : ndarray, shape (p,)
        Mean of each column of the design matrix; predictions are relative to it.
    duration, event : str
        Columns of follow-up.
    cause : int
        Code of the event in question.
    entry, weights, offset, cluster : str or None
        Columns, where they were given.
    strata, censoring : tuple of str
        Columns of the strata, and of the groups that share a distribution of censoring.
    baseline : Baseline or None
        Of the subdistribution hazard; None where the model could not be estimated, or was pooled.
    cause_specific : DataFrame
        Log cause-specific hazard ratios of every cause: ``cause, term, estimate, std_error,
        statistic, p_value, conf_low, conf_high, status``.
    n_competing : int
        Rows that ended with another cause.
    n_missing : int
        Rows left out because a value was missing.
    log_likelihood, null_log_likelihood : float
        Log pseudo-likelihood at the estimate and at no effect.
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
    censoring: tuple[str, ...] = ()
    cluster: str | None = None
    weights: str | None = None
    offset: str | None = None
    baseline: Baseline | None = None
    cause_specific: pd.DataFrame = field(default_factory=pd.DataFrame)
    n_competing: int = 0
    n_missing: int = 0
    log_likelihood: float = np.nan
    null_log_likelihood: float = np.nan
    iterations: int = 0
    converged: bool = False
    measure: str = "subdistribution_hazard_ratio"

    def glance(self) -> pd.DataFrame:
        """One row about the whole fit.

        Returns
        -------
        DataFrame
            ``n, n_events, n_competing, n_clusters, n_parameters, n_missing,
            events_per_parameter, log_likelihood, statistic, df, p_value, vcov, iterations,
            converged, unit, status, reason``. The likelihood is a pseudo-likelihood, so the
            statistic is the Wald statistic of all coefficients, chi-squared on `df` (with vcov
            "CR1" an F statistic).
        """
        test = None if not self.terms else self.wald_test(list(self.terms)).iloc[0]
        return pd.DataFrame(
            {
                "n": [self.n],
                "n_events": pd.array([self.n_events], dtype="Int64"),
                "n_competing": [self.n_competing],
                "n_clusters": pd.array([self.n_clusters], dtype="Int64"),
                "n_parameters": [len(self.terms)],
                "n_missing": [self.n_missing],
                "events_per_parameter": [self.events_per_parameter],
                "log_likelihood": [self.log_likelihood],
                "statistic": [np.nan if test is None else test["statistic"]],
                "df": [len(self.terms)],
                "p_value": [np.nan if test is None else test["p_value"]],
                "vcov": [self.vcov],
                "iterations": [self.iterations],
                "converged": [self.converged],
                "unit": [self.unit],
                "status": [self.status],
                "reason": [self.reason],
            }
        )

    @property
    def events_per_parameter(self) -> float:
        """Events of the cause per coefficient."""
        return (self.n_events or 0) / len(self.terms) if self.terms else float("nan")

    def beside(self) -> tuple[tuple[str, pd.DataFrame], ...]:
        """The cause-specific hazards, printed under the subdistribution hazard."""
        if not len(self.cause_specific):
            return ()
        return ((CAUSE_SPECIFIC, self.cause_specific),)

    def wald_test(self, terms: str | Sequence[str]) -> pd.DataFrame:
        """Test that several coefficients are zero together, with the covariance of the fit.

        Parameters
        ----------
        terms : str or sequence of str
            Coefficients, or terms of the formula (``region`` stands for all its levels).

        Returns
        -------
        DataFrame
            One row: ``term, statistic, df, df_residual, p_value, method``.

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
        """Cumulative incidence at given times, or the subdistribution hazard ratio.

        Parameters
        ----------
        new : DataFrame, shape (m, any)
            Rows with the columns of the right side (and offset and strata); unchanged.
        times : array_like of float, shape (k,), optional
            Times in the unit of the duration column.
        kind : {"hazard_ratio", "incidence", "cumulative_hazard"}, optional
            "hazard_ratio" without times, "incidence" with times.
        level : float, optional
            Confidence level; the level of the fit if None.

        Returns
        -------
        DataFrame
            One row per row of `new` (and time), its index kept: ``time`` (with times),
            ``estimate, std_error, conf_low, conf_high``. The incidence is the probability that
            the event of the cause has happened by the time to a row with these values, competing
            events being possible; ``1 - exp(-cumulative hazard)``. Its error counts what the
            coefficients, the baseline and the weights owe to the sample; limits are formed on
            the scale ``log(-log(1 - p))``. A hazard ratio is relative to a row at the mean of
            every column (offset 0), with the error on the log scale. NaN where a value is missing
            and beyond the longest follow-up of the stratum.

        Raises
        ------
        UsageError
            If a column is missing, a category or stratum is new to the fit, times and kind do
            not go together, or the fit is pooled and so has no baseline.

        References
        ----------
        Fine JP, Gray RJ (1999), section 4.
        """
        wanted = kind or ("hazard_ratio" if times is None else "incidence")
        self._check_prediction(wanted, times)
        least = float(np.min(self.df))
        z = critical_value(self.level if level is None else require_level(level), least)
        X = apply_design(self.spec, new) - self.centre
        eta = X @ self.coefficients + self._offset(new)
        if times is None:
            return self._ratios(X, eta, z).set_index(new.index)
        at = np.atleast_1d(np.asarray(times, dtype=float))
        hazard, error = self._hazards(new, X, eta, at)
        columns = scale_hazard(wanted, hazard.ravel(), error.ravel(), float(z))
        return pd.DataFrame(
            {"time": np.tile(at, len(new))} | columns, index=new.index.repeat(at.size)
        )

    def _check_prediction(self, kind: str, times: Any) -> None:
        if kind not in ("hazard_ratio", "incidence", "cumulative_hazard"):
            raise UsageError(
                f"kind is '{kind}'; expected 'hazard_ratio', 'incidence' or 'cumulative_hazard'."
            )
        if (kind == "hazard_ratio") != (times is None):
            raise UsageError("a hazard ratio takes no times=, incidence and cumulative hazard do.")
        if times is not None and self.ok and self.baseline is None:
            raise UsageError("a pooled model has no baseline; predict from each completed fit.")

    def _offset(self, new: pd.DataFrame) -> Vector | float:
        return 0.0 if self.offset is None else read_numbers(new, self.offset)

    def _ratios(self, X: Matrix, eta: Vector, z: Any) -> pd.DataFrame:
        error = np.sqrt(np.einsum("ij,jk,ik->i", X, self.covariance, X))
        low, high = np.exp(eta - z * error), np.exp(eta + z * error)
        return pd.DataFrame(
            {"estimate": np.exp(eta), "std_error": error, "conf_low": low, "conf_high": high}
        )

    def _hazards(
        self, new: pd.DataFrame, X: Matrix, eta: Vector, times: Vector
    ) -> tuple[Matrix, Matrix]:
        """Cumulative subdistribution hazard and its standard error, shape (m, k)."""
        if self.baseline is None:
            none = np.full((len(X), times.size), np.nan)
            return none, none
        strata = strata_of(new, self.strata, self.baseline.labels)
        return self.baseline.predict(X, eta, strata, times, self.covariance)

    def augment(self, data: pd.DataFrame) -> pd.DataFrame:
        """The rows as given, plus ``.fitted``.

        Parameters
        ----------
        data : DataFrame, shape (m, any)
            Rows with the columns of the right side; unchanged.

        Returns
        -------
        DataFrame
            A new frame; `.fitted` is the log subdistribution hazard ratio to the average row, NaN
            where a value is missing.
        """
        X = apply_design(self.spec, data) - self.centre
        return data.assign(**{".fitted": X @ self.coefficients + self._offset(data)})
