"""What a Fine–Gray model answers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import numpy as np
import pandas as pd

from vpstats.models.hazard_fit import HazardFit

Kind = Literal["hazard_ratio", "incidence", "cumulative_hazard"]

CAUSE_SPECIFIC = (
    "Beside it: cause-specific hazard ratios (Cox models of every cause with the same terms)"
)


@dataclass(frozen=True, kw_only=True)
class FineGrayFit(HazardFit):
    """A Fine–Gray model: log subdistribution hazard ratios and the incidence that they predict.

    The baseline is of the subdistribution hazard, the likelihood a pseudo-likelihood.

    Parameters
    ----------
    censoring : tuple of str
        Columns of the groups that share a distribution of censoring.
    cause_specific : DataFrame
        Log cause-specific hazard ratios of every cause: ``cause, term, estimate, std_error,
        statistic, p_value, conf_low, conf_high, status``.
    n_competing : int
        Rows that ended with another cause.
    **fields
        Those of `vpstats.models.hazard_fit.HazardFit`.
    """

    chance: ClassVar[str] = "incidence"

    censoring: tuple[str, ...] = ()
    cause_specific: pd.DataFrame = field(default_factory=pd.DataFrame)
    n_competing: int = 0
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

    def beside(self) -> tuple[tuple[str, pd.DataFrame], ...]:
        """The cause-specific hazards, printed under the subdistribution hazard."""
        if not len(self.cause_specific):
            return ()
        return ((CAUSE_SPECIFIC, self.cause_specific),)

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
        return self._predicted(new, times, kind, level)

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
        return data.assign(**{".fitted": self._relative(data)})
