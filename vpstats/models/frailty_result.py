"""What a Cox model with a gamma frailty answers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from vpstats.models.hazards_result import CoxFit


@dataclass(frozen=True, kw_only=True)
class FrailtyFit(CoxFit):
    """A Cox model in which the rows of a cluster share a gamma-distributed frailty of mean 1.

    Hazard ratios are conditional: they compare rows of equal frailty, such as vertebrae of one
    patient, and are farther from 1 than those of a model without a frailty. `predict` is for a
    frailty of 1 (with ``times=``, neither a patient drawn at random nor the average of patients),
    and the residuals of `augment` are those at a frailty of 1; `residuals` uses each cluster's own.

    Parameters
    ----------
    frailty : str
        Column of the clusters; `n_clusters` is their number.
    theta : float
        Variance of the frailties; 0 where none was found.
    theta_given : bool
        Whether `theta` was given rather than estimated.
    theta_low, theta_high : float
        Profile-likelihood interval of `theta` at `level`.
    theta_statistic, theta_p_value : float
        Likelihood ratio against a model without frailty, and its p-value from the half-and-half
        mixture of chi-squared on 0 and 1 degrees of freedom, since 0 is the end of the range.
    integrated_log_likelihood : float
        Log-likelihood with the frailties integrated out.
    """

    frailty: str = ""
    theta: float = np.nan
    theta_given: bool = False
    theta_low: float = np.nan
    theta_high: float = np.nan
    theta_statistic: float = np.nan
    theta_p_value: float = np.nan
    integrated_log_likelihood: float = np.nan

    def glance(self) -> pd.DataFrame:
        """One row about the whole fit.

        Returns
        -------
        DataFrame
            The columns of `CoxFit.glance`, then ``theta, theta_conf_low, theta_conf_high,
            theta_p_value, integrated_log_likelihood``. The log-likelihood is the partial one at
            the predicted frailties, and no likelihood ratio of the coefficients is made from it.
        """
        return (
            super()
            .glance()
            .assign(
                theta=self.theta,
                theta_conf_low=self.theta_low,
                theta_conf_high=self.theta_high,
                theta_p_value=self.theta_p_value,
                integrated_log_likelihood=self.integrated_log_likelihood,
            )
        )

    @property
    def kendall_tau(self) -> float:
        """Rank correlation of two times of one cluster that `theta` stands for."""
        return self.theta / (self.theta + 2)
