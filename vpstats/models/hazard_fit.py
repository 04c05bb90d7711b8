"""What the models of a hazard answer alike: tests and predictions from a baseline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from vpstats.errors import UsageError
from vpstats.models.columns import level_text, read_numbers, require_columns
from vpstats.models.design import DesignSpec, apply_design
from vpstats.models.followup import Codes, Vector, codes_of
from vpstats.models.hazards_baseline import Baseline
from vpstats.models.wald import joint_wald
from vpstats.results import FitResult, critical_value, require_level

Matrix = NDArray[np.float64]


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
class HazardFit(FitResult):
    """A model of a hazard: log ratios, their covariance, and the baseline.

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
    strata : tuple of str
        Columns of the strata.
    baseline : Baseline or None
        Of the hazard; None where the model could not be estimated, or was pooled.
    n_missing : int
        Rows left out because a value was missing.
    log_likelihood, null_log_likelihood : float
        At the estimate and at no effect.
    iterations : int
        Newton steps.
    converged : bool
        Whether the solver reached its tolerance.
    """

    chance: ClassVar[str] = "survival"
    """The probability that the model predicts."""
    without_baseline: ClassVar[str] = (
        "a pooled model has no baseline; predict from each completed fit."
    )
    """What is said where there is none."""

    spec: DesignSpec
    centre: Vector = field(default_factory=lambda: np.empty(0))
    duration: str = ""
    event: str = ""
    cause: int = 1
    entry: str | None = None
    strata: tuple[str, ...] = ()
    cluster: str | None = None
    weights: str | None = None
    offset: str | None = None
    baseline: Baseline | None = None
    n_missing: int = 0
    log_likelihood: float = np.nan
    null_log_likelihood: float = np.nan
    iterations: int = 0
    converged: bool = False

    @property
    def events_per_parameter(self) -> float:
        """Events of the cause per coefficient."""
        return (self.n_events or 0) / len(self.terms) if self.terms else float("nan")

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

    def _predicted(
        self, new: pd.DataFrame, times: Any, kind: str | None, level: float | None
    ) -> pd.DataFrame:
        """The ratio to the average row, or what the kind asks for at given times."""
        wanted = kind or ("hazard_ratio" if times is None else self.chance)
        self._check_prediction(wanted, times)
        z = critical_value(
            self.level if level is None else require_level(level), float(np.min(self.df))
        )
        X = apply_design(self.spec, new) - self.centre
        eta = X @ self.coefficients + self._offset(new)
        if times is None:
            return self._ratios(X, eta, z).set_index(new.index)
        at = np.atleast_1d(np.asarray(times, dtype=float))
        hazard, error = self._hazards(X, eta, self._strata(new), at)
        columns = scale_hazard(wanted, hazard.ravel(), error.ravel(), float(z))
        return pd.DataFrame(
            {"time": np.tile(at, len(new))} | columns, index=new.index.repeat(at.size)
        )

    def _check_prediction(self, kind: str, times: Any) -> None:
        chance = self.chance
        if kind not in ("hazard_ratio", chance, "cumulative_hazard"):
            raise UsageError(
                f"kind is '{kind}'; expected 'hazard_ratio', '{chance}' or 'cumulative_hazard'."
            )
        if (kind == "hazard_ratio") != (times is None):
            raise UsageError(f"a hazard ratio takes no times=, {chance} and cumulative hazard do.")
        if times is not None and self.ok and self.baseline is None:
            raise UsageError(self.without_baseline)

    def _offset(self, new: pd.DataFrame) -> Vector | float:
        return 0.0 if self.offset is None else read_numbers(new, self.offset)

    def _relative(self, data: pd.DataFrame) -> Vector:
        """Log hazard ratio of each row to the average row."""
        X = apply_design(self.spec, data) - self.centre
        return np.asarray(X @ self.coefficients + self._offset(data))

    def _ratios(self, X: Matrix, eta: Vector, z: Any) -> pd.DataFrame:
        error = np.sqrt(np.einsum("ij,jk,ik->i", X, self.covariance, X))
        low, high = np.exp(eta - z * error), np.exp(eta + z * error)
        return pd.DataFrame(
            {"estimate": np.exp(eta), "std_error": error, "conf_low": low, "conf_high": high}
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


AnyHazard = TypeVar("AnyHazard", bound=HazardFit)


def failed(fit: AnyHazard, status: str, reason: str) -> AnyHazard:
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
