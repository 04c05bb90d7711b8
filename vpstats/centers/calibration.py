"""How well the expected numbers agree with the observed ones: by center, by risk, and overall."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import special

from vpstats.centers.benchmark import level_of
from vpstats.centers.within import CenterRows, fit_within
from vpstats.results import critical_value

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vpstats.centers.reading import Places

    Vector = NDArray[np.float64]
    Codes = NDArray[np.intp]

_GROUPS = 5
"""Groups of risk, of about equal size."""
COLUMNS = [
    "variable", "level", "n", "observed", "expected", "estimate", "std_error", "conf_low",
    "conf_high",
]  # fmt: skip
"""Columns of a table of calibration."""
Row = tuple[object, ...]


def calibration_table(
    y: Vector, risk: Vector, shift: Vector, places: Places, level: float
) -> pd.DataFrame:
    """Observed and expected by center and by fifth of risk, and the overall slope and intercept.

    Parameters
    ----------
    y, risk : ndarray, shape (n,)
        Outcome and cross-fitted risk of each row.
    shift : ndarray, shape (n,)
        Log odds that covariates add to each row, by which rows are grouped: a center with many
        events lowers nobody's risk but its own, and must not fill the group of the lowest.
    places : Places
        Center and patient of each row.
    level : float
        Confidence level.

    Returns
    -------
    DataFrame
        `variable` is "center", "risk_group", "intercept" or "slope". The intercept is what must be
        added to the log odds of all risks for observed to equal expected, 0 at best. The slope,
        1 at best, is that of the outcome on the log odds of risk within centers, so that centers'
        own levels play no part; NaN where risks do not vary within centers.

    References
    ----------
    Van Calster B, et al. Calibration: the Achilles heel of predictive analytics. BMC Med
    2019;17:230.
    """
    rows = [
        *grouped("center", places.center, places.names, y, risk),
        *risk_group_rows(y, risk, shift),
        *_overall(y, risk, places, level),
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def grouped(
    variable: str, code: Codes, names: tuple[str, ...], y: Vector, risk: Vector
) -> list[Row]:
    """Rows of observed and expected sums by the codes of named groups."""
    k = len(names)
    n, seen = np.bincount(code, minlength=k), np.bincount(code, y, k)
    expected = np.bincount(code, risk, k)
    blank = (np.nan,) * 4
    return [(variable, names[i], int(n[i]), seen[i], expected[i], *blank) for i in range(k)]


def risk_groups(risk: Vector) -> Codes:
    """Number the fifths of risk, rows of equal risk together, shape (n,).

    Examples
    --------
    >>> import numpy as np
    >>> risk_groups(np.array([0.1, 0.1, 0.2, 0.3, 0.4, 0.5])).tolist()
    [0, 0, 1, 2, 3, 4]
    """
    edges = np.quantile(risk, np.arange(1, _GROUPS) / _GROUPS, method="inverted_cdf")
    return np.asarray(np.unique(np.searchsorted(edges, risk), return_inverse=True)[1])


def risk_group_rows(y: Vector, risk: Vector, by: Vector | None = None) -> list[Row]:
    """Rows of observed and expected sums by fifth of risk, or of what else orders the rows."""
    if not len(risk) or np.isnan(risk).any():
        return []
    code = risk_groups(risk if by is None else by)
    names = tuple(f"{number + 1}" for number in range(int(code.max()) + 1))
    return grouped("risk_group", code, names, y, risk)


def _overall(y: Vector, risk: Vector, places: Places, level: float) -> list[Row]:
    total = (len(y), y.sum(), risk.sum())
    blank = (np.nan,) * 4
    nothing: list[Row] = [("intercept", "", *total, *blank), ("slope", "", *total, *blank)]
    if not len(y) or not ((risk > 0) & (risk < 1)).all() or not 0 < y.mean() < 1:
        return nothing
    eta = special.logit(risk)
    z = critical_value(level)
    found: list[Row] = []
    for name, (estimate, error) in (
        ("intercept", _intercept(y, eta, places)),
        ("slope", _slope(y, eta, places)),
    ):
        limits = (estimate - z * error, estimate + z * error)
        found.append((name, "", *total, estimate, error, *limits))
    return found


def _intercept(y: Vector, eta: Vector, places: Places) -> tuple[float, float]:
    estimate = level_of(eta, float(y.sum()))
    moved = special.expit(estimate + eta)
    sums = np.bincount(places.patients.codes, y - moved)
    return estimate, float(np.sqrt(sums @ sums) / (moved * (1 - moved)).sum())


def _slope(y: Vector, eta: Vector, places: Places) -> tuple[float, float]:
    spread = eta.std()
    if not spread > 0:
        return np.nan, np.nan
    rows = CenterRows(((eta - eta.mean()) / spread)[:, None], y, places.center, places.k)
    fit = fit_within(rows, np.ones(places.k, dtype=bool), firth=False)
    if not (fit.converged and fit.learnt[0]):
        return np.nan, np.nan
    own = (rows.X[:, 0] - fit.mean[places.center, 0]) * fit.residual
    sums = np.bincount(places.pairs.codes, own)
    error = float(fit.bread[0, 0] * np.sqrt(sums @ sums))
    return float(fit.beta[0] / spread), error / float(spread)
