"""What a logistic regression answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import special, stats

from vpstats.errors import UsageError
from vpstats.models.binary import BinaryRows
from vpstats.models.columns import read_numbers, read_response
from vpstats.models.design import DesignSpec, apply_design
from vpstats.models.hotelling import hotelling_test
from vpstats.models.penalties import estimate_rows, profiled_likelihood, row_scores
from vpstats.models.profile import constrained_maximum
from vpstats.models.wald import chosen_coefficients, joint_test_row, joint_wald
from vpstats.results import Caveat, FitResult, critical_value, require_level

Vector = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class LogisticFit(FitResult):
    """A logistic regression: log odds ratios, their covariance and how they may be read.

    Parameters
    ----------
    spec : DesignSpec
        How to build the design matrix of new rows; no rows are inside.
    penalty : str or None
        "firth", "flic", "flac" or None.
    cluster : tuple of str
        Columns of the clusters, none if rows are independent.
    weights, offset : str or None
        Columns of the case weights and of the offset.
    n_missing : int
        Rows left out because a value was missing.
    log_likelihood, penalised_log_likelihood : float
        At the estimate; the second is NaN without a penalty.
    iterations : int
        Newton steps.
    converged : bool
        Whether the solver reached its tolerance.
    joint_dfs : mapping of str to float
        With "CR2", degrees of freedom of the covariance of each term of several coefficients.
    """

    spec: DesignSpec
    penalty: str | None = None
    cluster: tuple[str, ...] = ()
    weights: str | None = None
    offset: str | None = None
    n_missing: int = 0
    log_likelihood: float = np.nan
    penalised_log_likelihood: float = np.nan
    iterations: int = 0
    converged: bool = False
    joint_dfs: Mapping[str, float] = field(default_factory=dict)

    def glance(self) -> pd.DataFrame:
        """One row about the whole fit.

        Returns
        -------
        DataFrame
            ``n, n_events, n_clusters, n_parameters, n_missing, events_per_parameter,
            log_likelihood, penalised_log_likelihood, vcov, penalty, iterations, converged, unit,
            status, reason``.
        """
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
        """Events, or non-events if they are fewer, per coefficient other than the intercept."""
        slopes = len(self.terms) - self.spec.has_intercept
        rarer = min(self.n_events or 0, self.n - (self.n_events or 0))
        return rarer / slopes if slopes else float("nan")

    def predict(
        self, new: pd.DataFrame, *, times: Any = None, level: float | None = None
    ) -> pd.DataFrame:
        """Probability of the event for new rows.

        Parameters
        ----------
        new : DataFrame, shape (m, any)
            Rows with the columns of the right side (and the offset); unchanged.
        times : None
            A logistic regression has no time; anything else raises.
        level : float, optional
            Confidence level; the level of the fit if None.

        Returns
        -------
        DataFrame
            One row per row of `new`, its index kept: ``estimate, std_error, conf_low,
            conf_high``. The probability is that of a row with these values (of the average
            cluster population, no random effect being conditioned on). Limits are formed on the
            log-odds scale by the delta method, from the covariance of the fit, also where its
            coefficients have profile intervals; `std_error` is on the probability scale. NaN
            where a value is missing. After Firth's penalty mean predictions are pulled towards
            one half (Puhr et al., Stat Med 2017;36:2302-2317): ``attrs["caveats"]`` says so, and
            names the penalties that mend it.

        Raises
        ------
        UsageError
            If a column is missing, a category is new to the fit, or `times` is given.
        """
        if times is not None:
            raise UsageError("a logistic regression has no times; leave times= out.")
        wanted = self.level if level is None else require_level(level)
        X = apply_design(self.spec, new)
        eta = self._log_odds(X, new)
        error = np.sqrt(np.einsum("ij,jk,ik->i", X, self.covariance, X))
        margin = critical_value(wanted, float(np.min(self.df))) * error
        risk = special.expit(eta)
        predicted = pd.DataFrame(
            {
                "estimate": risk,
                "std_error": risk * (1 - risk) * error,
                "conf_low": special.expit(eta - margin),
                "conf_high": special.expit(eta + margin),
            },
            index=new.index,
        )
        if self.prediction_caveats:
            predicted.attrs["caveats"] = self.prediction_caveats
        return predicted

    @property
    def prediction_caveats(self) -> tuple[Caveat, ...]:
        """What to know before quoting a predicted risk, beside the caveats of the fit."""
        if self.penalty != "firth":
            return ()
        return (
            Caveat(
                "penalised_mean",
                "Firth's penalty pulls predicted risks towards one half; for predictions fit with "
                "penalty='flic' or penalty='flac'.",
            ),
        )

    def augment(self, data: pd.DataFrame) -> pd.DataFrame:
        """The rows as given, plus ``.fitted`` (probability) and ``.resid`` (outcome minus it).

        Parameters
        ----------
        data : DataFrame, shape (m, any)
            Rows with the columns of both sides; unchanged.

        Returns
        -------
        DataFrame
            A new frame; NaN where a value is missing.
        """
        risk = special.expit(self._log_odds(apply_design(self.spec, data), data))
        outcome = read_response(data[str(self.spec.response)])
        return data.assign(**{".fitted": risk, ".resid": outcome - risk})

    def _log_odds(self, X: NDArray[np.float64], new: pd.DataFrame) -> Vector:
        eta = X @ self.coefficients
        return eta if self.offset is None else eta + read_numbers(new, self.offset)

    def wald_test(self, terms: str | Sequence[str]) -> pd.DataFrame:
        """Test that several coefficients are zero together, with the covariance of the fit.

        Parameters
        ----------
        terms : str or sequence of str
            Coefficients, or terms of the formula (``region`` stands for all its levels).

        Returns
        -------
        DataFrame
            One row: ``term, statistic, df, df_residual, p_value, method``. With t-based
            inference the statistic is F on `df` and `df_residual`, else chi-squared on `df`
            (then `df_residual` is infinite). With "CR2" a whole term is tested by Hotelling's T
            squared (Tipton & Pustejovsky 2015); coefficients of several terms by F on the
            smallest of their Satterthwaite degrees of freedom. NaN if the fit failed, or if the
            covariance of the coefficients is singular, as it is for more coefficients than
            clusters.

        Raises
        ------
        UsageError
            If a name is neither a coefficient nor a term.
        """
        test = joint_wald(self, self.spec.assign, terms)
        df = self._hotelling_df(chosen_coefficients(self.terms, self.spec.assign, terms))
        if df is None:
            return test
        q = int(test["df"].item())
        wald = q * float(test["statistic"].item())
        value, residual, p_value = hotelling_test(wald, q, df)
        return joint_test_row(terms, value, q, residual, p_value, "Hotelling T-squared")

    def _hotelling_df(self, chosen: Mask) -> float | None:
        """Degrees of freedom of the one term that these coefficients are, however named."""
        assign = np.array(self.spec.assign, dtype=object)
        whole = (df for term, df in self.joint_dfs.items() if ((assign == term) == chosen).all())
        return next(whole, None)

    def likelihood_ratio_test(self, data: pd.DataFrame, terms: str | Sequence[str]) -> pd.DataFrame:
        """Test that several coefficients are zero together by the (penalised) likelihood ratio.

        Parameters
        ----------
        data : DataFrame, shape (m, any)
            The rows of the fit, which the fit does not keep; unchanged.
        terms : str or sequence of str
            Coefficients, or terms of the formula.

        Returns
        -------
        DataFrame
            One row: ``term, statistic, df, df_residual, p_value, method``. A penalised
            likelihood keeps the penalty of the whole model, as in Heinze & Schemper (2002).

        Raises
        ------
        UsageError
            If rows are clustered (a likelihood ratio is not valid there), `data` are not the rows
            of the fit, or a name is neither a coefficient nor a term.
        """
        if self.cluster or self.vcov != "model":
            raise UsageError(
                "a likelihood ratio assumes independent rows and a right model; this fit has a "
                "robust covariance: use wald_test()."
            )
        chosen = chosen_coefficients(self.terms, self.spec.assign, terms)
        if self.penalty == "flic" and chosen[0]:
            raise UsageError(
                "the penalised likelihood knows nothing of the corrected intercept; test the other "
                "coefficients, or use wald_test()."
            )
        method = "penalised likelihood ratio" if self.penalty else "likelihood ratio"
        q = int(chosen.sum())
        statistic = self._likelihood_ratio(data, chosen) if self.ok else np.nan
        return joint_test_row(terms, statistic, q, np.inf, stats.chi2.sf(statistic, q), method)

    def _likelihood_ratio(self, data: pd.DataFrame, chosen: Mask) -> float:
        rows = self.rows_of(data)
        estimate = estimate_rows(rows, self.penalty, self.coefficients)
        evaluate, found = profiled_likelihood(rows, estimate, self.penalty)
        fixed = np.zeros(len(found.estimate), dtype=bool)
        fixed[: len(chosen)] = chosen
        null = constrained_maximum(evaluate, found, fixed)
        return max(2 * (found.value - null.value), 0.0) if null.converged else np.nan

    def rows_of(self, data: pd.DataFrame) -> BinaryRows:
        """The rows of the fit, read again from its data, which it does not keep.

        Raises
        ------
        UsageError
            If `data` are not the rows of the fit.
        """
        return self._read_rows(data)[0]

    def influence(self, data: pd.DataFrame) -> NDArray[np.float64]:
        """How far each row moves the coefficients.

        Parameters
        ----------
        data : DataFrame, shape (m, any)
            The rows of the fit; unchanged.

        Returns
        -------
        ndarray, shape (m, p)
            Sums of squares within clusters give the "CR0" covariance. NaN for rows that the fit
            left out.

        Raises
        ------
        UsageError
            If `data` are not the rows of the fit.
        """
        rows, kept = self._read_rows(data)
        estimate = estimate_rows(rows, self.penalty, self.coefficients)
        scores = row_scores(rows, estimate, self.penalty)
        p = len(self.terms)
        moved = scores.factors[:, None] * (rows.X @ scores.bread[:, :p].T)
        if scores.extra is not None:
            moved += np.outer(scores.extra, scores.bread[:, p])
        influence = np.full((len(data), p), np.nan)
        influence[kept] = moved
        return influence

    def _read_rows(self, data: pd.DataFrame) -> tuple[BinaryRows, Mask]:
        X, y = apply_design(self.spec, data), read_response(data[str(self.spec.response)])
        extra = {
            name: read_numbers(data, column)
            for name, column in (("weights", self.weights), ("offset", self.offset))
            if column is not None
        }
        kept = np.isfinite(X).all(axis=1) & np.isfinite(y)
        for values in extra.values():
            kept &= np.isfinite(values)
        if int(kept.sum()) != self.n:
            raise UsageError(
                f"the data have {int(kept.sum()):,} complete rows, the fit {self.n:,}: give the "
                "rows that the model was fitted to."
            )
        parts = {name: values[kept] for name, values in extra.items()}
        return BinaryRows(np.ascontiguousarray(X[kept]), 2 * y[kept] - 1, **parts), kept
