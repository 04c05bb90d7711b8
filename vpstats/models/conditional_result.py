"""What a conditional logistic regression answers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from vpstats.errors import UsageError
from vpstats.models.design import DesignSpec, apply_design
from vpstats.models.wald import joint_wald
from vpstats.results import FitResult, critical_value, require_level

Vector = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class ConditionalLogisticFit(FitResult):
    """Log odds ratios within strata.

    Parameters
    ----------
    spec : DesignSpec
        How to build the design matrix of new rows; no rows are inside.
    strata : str
        Column of the strata.
    cluster : str or None
        Column of the clusters that strata belong to.
    n_strata, n_uninformative : int
        Strata that were compared within, and those that had nothing to compare.
    n_missing : int
        Rows left out because a value was missing.
    centre : ndarray, shape (p,)
        Mean of each column, which predictions are relative to.
    log_likelihood : float
        Conditional log-likelihood at the estimate.
    null_log_likelihood : float
        The same with every coefficient at zero.
    iterations : int
        Newton steps.
    converged : bool
        Whether the solver reached its tolerance.
    """

    spec: DesignSpec
    strata: str
    cluster: str | None = None
    n_strata: int = 0
    n_uninformative: int = 0
    n_missing: int = 0
    centre: Vector = field(default_factory=lambda: np.empty(0))
    log_likelihood: float = np.nan
    null_log_likelihood: float = np.nan
    iterations: int = 0
    converged: bool = False

    def glance(self) -> pd.DataFrame:
        """One row about the whole fit.

        Returns
        -------
        DataFrame
            ``n, n_events, n_clusters, n_strata, n_uninformative, n_parameters, n_missing,
            events_per_parameter, log_likelihood, vcov, iterations, converged, unit, status,
            reason``. `n` and `n_events` count rows of the strata that were compared within.
        """
        return pd.DataFrame(
            {
                "n": [self.n],
                "n_events": pd.array([self.n_events], dtype="Int64"),
                "n_clusters": pd.array([self.n_clusters], dtype="Int64"),
                "n_strata": [self.n_strata],
                "n_uninformative": [self.n_uninformative],
                "n_parameters": [len(self.terms)],
                "n_missing": [self.n_missing],
                "events_per_parameter": [self.events_per_parameter],
                "log_likelihood": [self.log_likelihood],
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
        """Events in the strata that were compared within, per coefficient."""
        return (self.n_events or 0) / len(self.terms) if self.terms else float("nan")

    def predict(
        self, new: pd.DataFrame, *, times: Any = None, level: float | None = None
    ) -> pd.DataFrame:
        """Odds ratio to a row with the mean of every column, within one stratum.

        Parameters
        ----------
        new : DataFrame, shape (m, any)
            Rows with the columns of the right side; unchanged.
        times : None
            A logistic regression has no time; anything else raises.
        level : float, optional
            Confidence level; the level of the fit if None.

        Returns
        -------
        DataFrame
            One row per row of `new`, its index kept: ``estimate, std_error, conf_low,
            conf_high``; `std_error` is on the log scale. NaN where a value is missing. A
            conditional model knows no risks: the intercepts of its strata are not estimated.

        Raises
        ------
        UsageError
            If a column is missing, a category is new to the fit, or `times` is given.
        """
        if times is not None:
            raise UsageError("a logistic regression has no times; leave times= out.")
        wanted = self.level if level is None else require_level(level)
        X = apply_design(self.spec, new) - self.centre
        eta = X @ self.coefficients
        error = np.sqrt(np.einsum("ij,jk,ik->i", X, self.covariance, X))
        margin = critical_value(wanted, float(np.min(self.df))) * error
        return pd.DataFrame(
            {
                "estimate": np.exp(eta),
                "std_error": error,
                "conf_low": np.exp(eta - margin),
                "conf_high": np.exp(eta + margin),
            },
            index=new.index,
        )

    def augment(self, data: pd.DataFrame) -> pd.DataFrame:
        """The rows as given, plus ``.fitted``: the log odds ratio to the average row.

        Parameters
        ----------
        data : DataFrame, shape (m, any)
            Rows with the columns of the right side; unchanged.
        """
        X = apply_design(self.spec, data) - self.centre
        return data.assign(**{".fitted": X @ self.coefficients})

    def wald_test(self, terms: str | list[str]) -> pd.DataFrame:
        """Test that several coefficients are zero together, with the covariance of the fit.

        Parameters
        ----------
        terms : str or list of str
            Coefficients, or terms of the formula.

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
