"""What a Cox model answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from vpstats.errors import UsageError
from vpstats.models.columns import read_numbers
from vpstats.models.followup import Vector, read_times
from vpstats.models.hazard_fit import HazardFit

Kind = Literal["hazard_ratio", "survival", "cumulative_hazard"]


@dataclass(frozen=True, kw_only=True)
class CoxFit(HazardFit):
    """A Cox model: log hazard ratios, their covariance, and the baseline hazard.

    Rows that end with another cause are at risk until then. There is no baseline where strata are
    single patients or sets as small, whose names are not kept.

    Parameters
    ----------
    n_strata, n_informative_strata : int or None
        Strata, and those in which an event is compared with rows that differ from it; None
        without strata.
    ties : {"efron", "breslow"}
        How tied event times were handled.
    penalty : str or None
        "firth" or None.
    competing : bool
        Whether rows ended with another cause.
    penalised_log_likelihood : float
        At the estimate, with the penalty; NaN without one. With one, that at no effect has it too.
    **fields
        Those of `vpstats.models.hazard_fit.HazardFit`.
    """

    chance: ClassVar[str] = "survival"
    without_baseline: ClassVar[str] = (
        "this fit has no baseline, because it was pooled (predict from each completed fit) "
        "or because its strata are single patients."
    )

    n_strata: int | None = None
    n_informative_strata: int | None = None
    ties: Literal["efron", "breslow"] = "efron"
    penalty: str | None = None
    competing: bool = False
    penalised_log_likelihood: float = np.nan
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

    def _likelihood_ratio(self) -> tuple[float, float]:
        if self.vcov != "model":
            return float("nan"), float("nan")
        best = self.penalised_log_likelihood if self.penalty else self.log_likelihood
        statistic = 2 * (best - self.null_log_likelihood)
        return statistic, float(stats.chi2.sf(statistic, len(self.terms)))

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
        return self._predicted(new, times, kind, level)

    def _check_prediction(self, kind: str, times: Any) -> None:
        super()._check_prediction(kind, times)
        if kind == "survival" and self.competing:
            raise UsageError(
                f"rows ended with other causes than {self.cause}, so one hazard does not give a "
                "probability: use kind='cumulative_hazard', or cumulative_incidence()."
            )

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
        eta = self._relative(data)
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
