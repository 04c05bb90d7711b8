"""Confidence levels, critical values, and the limits of curves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import stats

from vpstats.errors import UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Vector = NDArray[np.float64]


def require_level(level: float) -> float:
    """Check a confidence level.

    Raises
    ------
    UsageError
        Unless 0 < level < 1.
    """
    if not 0 < level < 1:
        raise UsageError(f"level is {level!r}; expected a number between 0 and 1, such as 0.95.")
    return float(level)


def critical_value(level: float, df: float | Vector = np.inf) -> Any:
    """Two-sided critical value: normal where `df` is infinite, t elsewhere."""
    upper = 0.5 + require_level(level) / 2
    df = np.asarray(df, dtype=float)
    quantile = np.where(np.isinf(df), stats.norm.ppf(upper), stats.t.ppf(upper, df))
    return quantile[()]


def curve_limits(
    estimate: Vector, std_error: Vector, *, level: float, conf_type: str, bounded: bool = True
) -> tuple[Vector, Vector]:
    """Pointwise limits of a curve on the named scale.

    Parameters
    ----------
    estimate, std_error : ndarray, shape (k,)
        Curve and its standard error, both on the probability (or hazard) scale.
    level : float
        Confidence level.
    conf_type : {"log-log", "log", "plain"}
        ``log(-log p)``, ``log p`` or ``p``; limits of a probability stay in [0, 1].
    bounded : bool
        Whether the estimate is a probability.

    Returns
    -------
    tuple of ndarray
        Lower and upper limits. Where the scale has no value (p is 0 or 1) both equal the
        estimate for "log-log" and "log", since the standard error there carries no information;
        where the standard error is unknown (NaN) so are the limits.

    Raises
    ------
    UsageError
        If `conf_type` is unknown.

    References
    ----------
    Kalbfleisch JD, Prentice RL. The Statistical Analysis of Failure Time Data. Wiley, 2002.
    """
    z = critical_value(level)
    with np.errstate(divide="ignore", invalid="ignore"):
        if conf_type == "log-log":
            scale = np.log(-np.log(estimate))
            margin = z * std_error / np.abs(estimate * np.log(estimate))
            low, high = np.exp(-np.exp(scale + margin)), np.exp(-np.exp(scale - margin))
        elif conf_type == "log":
            margin = z * std_error / estimate
            low, high = estimate * np.exp(-margin), estimate * np.exp(margin)
        elif conf_type == "plain":
            low, high = estimate - z * std_error, estimate + z * std_error
        else:
            raise UsageError(f"conf_type is '{conf_type}'; expected 'log-log', 'log' or 'plain'.")
    defined = (np.isfinite(low) & np.isfinite(high)) | np.isnan(std_error)
    low, high = np.where(defined, low, estimate), np.where(defined, high, estimate)
    top = 1.0 if bounded else np.inf
    return np.clip(low, 0.0, top), np.clip(high, 0.0, top)
