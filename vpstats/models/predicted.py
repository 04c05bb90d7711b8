"""The baseline hazard of a Cox model, and quantiles of the curves that it predicts."""

from __future__ import annotations

import numpy as np
import pandas as pd

from vpstats.errors import UsageError
from vpstats.models.followup import Vector
from vpstats.models.hazards_result import CoxFit
from vpstats.models.quantiles import first_reach
from vpstats.results import critical_value, require_level

ORIGINS = ("mean", "zero")


def baseline_hazard(fit: CoxFit, *, at: str = "mean", level: float | None = None) -> pd.DataFrame:
    """Cumulative baseline hazard of a Cox model, at its event times.

    Parameters
    ----------
    fit : CoxFit
        A fit that has a baseline.
    at : {"mean", "zero"}
        Whether it is that of a row at the mean of every column of the design, or of a row whose
        columns are all 0 (every category at its reference).
    level : float, optional
        Confidence level; that of the fit if None.

    Returns
    -------
    DataFrame
        One row per stratum and event time: ``stratum`` (where there are strata), ``time,
        estimate, std_error, conf_low, conf_high``; limits are formed on the log scale. The error
        counts clusters as that of `CoxFit.predict`. Steps of a curve can be single patients: it
        is not for release as it is.

    Raises
    ------
    UsageError
        If the fit has no baseline or `at` is unknown.

    References
    ----------
    Therneau TM, Grambsch PM (2000), section 10.2.

    Examples
    --------
    >>> from vpstats.models.hazards import fit_cox
    >>> rows = pd.DataFrame({"days": [1, 2, 3, 4], "event": [1, 1, 1, 0], "high": [1, 0, 1, 0]})
    >>> fit = fit_cox(rows, "high", duration="days", event="event")
    >>> baseline_hazard(fit, at="zero")["estimate"].round(3).tolist()
    [0.14, 0.36, 0.64]
    """
    if at not in ORIGINS:
        raise UsageError(f"at is '{at}'; expected 'mean' or 'zero'.")
    base = fit.baseline
    if base is None:
        raise UsageError("this fit has no baseline, because it failed, was pooled or is matched.")
    shift = np.zeros(len(fit.terms)) if at == "mean" else -fit.centre
    risk = np.exp(shift @ fit.coefficients)
    gap = base.hazard[:, None] * shift - base.mean
    spread = base.spread(gap, base.variance, base.cross, fit.covariance)
    hazard, error = risk * base.hazard, risk * np.sqrt(spread)
    wanted = fit.level if level is None else require_level(level)
    z = float(critical_value(wanted, float(np.min(fit.df))))
    factor = np.exp(z * error / hazard)
    table = pd.DataFrame(
        {
            "time": base.time,
            "estimate": hazard,
            "std_error": error,
            "conf_low": hazard / factor,
            "conf_high": hazard * factor,
        }
    )
    if base.labels != ("",):
        table.insert(0, "stratum", [base.labels[s] for s in base.stratum])
    return table


def predicted_quantiles(
    fit: CoxFit, new: pd.DataFrame, *, quantile: float = 0.5, level: float | None = None
) -> pd.DataFrame:
    """Time by which a share of rows like each new row is predicted to have had the event.

    Parameters
    ----------
    fit : CoxFit
        A fit that has a baseline, without competing events.
    new : DataFrame, shape (m, any)
        Rows with the columns of the right side (and offset and strata); unchanged.
    quantile : float
        Share with the event; 0.5 is the median.
    level : float, optional
        Confidence level; that of the fit if None.

    Returns
    -------
    DataFrame
        One row per row of `new`, its index kept: ``estimate, conf_low, conf_high``; NaN where the
        curve or its limit does not reach the share. Limits are the times at which the limits of
        the curve do (Brookmeyer and Crowley), on the log scale of the hazard.

    Raises
    ------
    UsageError
        As `CoxFit.predict`, or if `quantile` is not between 0 and 1.

    References
    ----------
    Brookmeyer R, Crowley J. A confidence interval for the median survival time. Biometrics
    1982;38:29-41.

    Examples
    --------
    >>> from vpstats.models.hazards import fit_cox
    >>> rows = pd.DataFrame({"days": [1, 2, 3, 4], "event": [1, 1, 1, 1], "high": [1, 0, 1, 0]})
    >>> fit = fit_cox(rows, "high", duration="days", event="event")
    >>> predicted_quantiles(fit, rows.head(2))["estimate"].tolist()
    [2.0, 4.0]
    """
    if not 0 < quantile < 1:
        raise UsageError(f"quantile is {quantile!r}; expected a share between 0 and 1.")
    if fit.baseline is None:
        raise UsageError("this fit has no baseline, because it failed, was pooled or is matched.")
    times = np.unique(fit.baseline.time)
    curves = fit.predict(new, times=times, kind="survival", level=level)
    shape = (len(new), times.size)
    found = {
        name: [_reached(times, row, quantile) for row in curves[name].to_numpy().reshape(shape)]
        for name in ("estimate", "conf_low", "conf_high")
    }
    return pd.DataFrame(found, index=new.index)


def _reached(times: Vector, survival: Vector, quantile: float) -> float:
    known = np.isfinite(survival)
    return first_reach(times[known], 1.0 - survival[known], quantile) if known.any() else np.nan
