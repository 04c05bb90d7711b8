"""Tipping point: how far missing values must differ from seen ones to change a conclusion."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from vpstats.errors import UsageError
from vpstats.frames import Frame, Imputations
from vpstats.models.imputation.impute import impute
from vpstats.results import Caveat, FitResult, TableResult


@dataclass(frozen=True, kw_only=True)
class TippingPoint(TableResult):
    """Estimates over a grid of assumptions about what is missing.

    ``tidy()`` has a row per delta: ``delta, term, estimate, std_error, p_value, conf_low,
    conf_high, conclusion, status``.

    Parameters
    ----------
    variable, term : str
        The variable whose imputed values were shifted, and the coefficient that is watched.
    tipping_low, tipping_high : float
        Nearest shifts of the grid below and above zero at which the conclusion is another than
        without a shift; NaN where it stays the same.
    """

    variable: str = ""
    term: str = ""
    tipping_low: float = np.nan
    tipping_high: float = np.nan


def tipping_point(
    data: pd.DataFrame | Frame,
    fit: Callable[[Imputations], FitResult],
    *,
    variable: str,
    deltas: Sequence[float],
    term: str | None = None,
    null: float = 0.0,
    delta: Mapping[str, Any] | None = None,
    **options: Any,
) -> TippingPoint:
    """Impute and fit again under a grid of shifts of one variable's imputed values.

    Parameters
    ----------
    data : DataFrame or Frame
        Rows with gaps; unchanged.
    fit : callable
        Imputations to a pooled fit, such as ``lambda d: fit_logistic(d, "leak ~ crp")``.
    variable : str
        The variable whose missing values may differ from what the data suggest.
    deltas : sequence of float
        Shifts: in units of the variable for numbers, in log odds for categories. 0 is added.
    term : str, optional
        Coefficient to watch; `variable` if None.
    null : float
        Value of the coefficient that stands for no effect.
    delta : mapping, optional
        Shifts of other variables, the same throughout.
    **options
        Of `impute`; the same seed serves every shift, so that they differ in nothing else.

    Returns
    -------
    TippingPoint
        The conclusion of a row is "above", "below" or "unclear": where the interval lies to the
        null.

    Raises
    ------
    UsageError
        If there is no such coefficient, or a shift is not a finite number.

    References
    ----------
    Cro S, Morris TP, Kenward MG, Carpenter JR. Sensitivity analysis for clinical trials with
    missing continuous outcome data using controlled multiple imputation. Stat Med
    2020;39:2815-2842. van Buuren S (2018), section 9.2.

    Examples
    --------
    >>> from vpstats.models.logistic import fit_logistic
    >>> rng = np.random.default_rng(1)
    >>> rows = pd.DataFrame({"crp": rng.normal(size=200), "leak": rng.integers(0, 2, 200)})
    >>> rows.loc[::4, "crp"] = None
    >>> found = tipping_point(
    ...     rows, lambda d: fit_logistic(d, "leak ~ crp"), variable="crp", deltas=[-1, 1],
    ...     outcome="leak", m=5, seed=1,
    ... )
    >>> found.tidy()["delta"].tolist()
    [-1.0, 0.0, 1.0]
    """
    grid = _grid(deltas)
    watched = variable if term is None else term
    others = {name: shift for name, shift in (delta or {}).items() if name != variable}
    fits = [fit(impute(data, delta={**others, variable: d}, **options)) for d in grid]
    table = pd.concat(
        [_row(d, f, watched, null) for d, f in zip(grid, fits, strict=True)], ignore_index=True
    )
    low, high = _tipping(grid, table["conclusion"].tolist())
    first = fits[grid.index(0.0)]
    return TippingPoint(
        title=f"Tipping point of {watched}: imputed {variable} shifted",
        unit=first.unit,
        n=first.n,
        n_events=first.n_events,
        n_clusters=first.n_clusters,
        level=first.level,
        caveats=(*first.caveats, _verdict(variable, watched, low, high)),
        table=table,
        variable=variable,
        term=watched,
        tipping_low=low,
        tipping_high=high,
    )


def _grid(deltas: Sequence[float]) -> list[float]:
    values = np.asarray(list(deltas), dtype=float)
    if values.ndim != 1 or not len(values) or not np.isfinite(values).all():
        raise UsageError("deltas are the shifts to try: a list of finite numbers.")
    return [float(v) for v in np.unique(np.append(values, 0.0))]


def _row(delta: float, fit: FitResult, term: str, null: float) -> pd.DataFrame:
    if term not in fit.terms:
        raise UsageError(f"'{term}' is no coefficient; there are: {', '.join(fit.terms)}.")
    row = fit.tidy().iloc[[fit.terms.index(term)]]
    low, high = float(row["conf_low"].iloc[0]), float(row["conf_high"].iloc[0])
    conclusion = "above" if low > null else "below" if high < null else "unclear"
    columns = ["term", "estimate", "std_error", "p_value", "conf_low", "conf_high"]
    made = row[columns].assign(conclusion=conclusion if fit.ok else "none", status=fit.status)
    made.insert(0, "delta", delta)
    return made


def _tipping(grid: Sequence[float], conclusions: Sequence[str]) -> tuple[float, float]:
    zero = list(grid).index(0.0)
    differs = [c != conclusions[zero] for c in conclusions]
    below = [d for d, changed in zip(grid, differs, strict=True) if changed and d < 0]
    above = [d for d, changed in zip(grid, differs, strict=True) if changed and d > 0]
    return max(below, default=float("nan")), min(above, default=float("nan"))


def _verdict(variable: str, term: str, low: float, high: float) -> Caveat:
    changed = [f"{d:+g}" for d in (low, high) if np.isfinite(d)]
    if changed:
        message = (
            f"The conclusion on {term} changes when imputed values of {variable} are shifted by "
            f"{' or '.join(changed)}."
        )
    else:
        message = f"The conclusion on {term} stays the same over all shifts of {variable}."
    return Caveat("imputation_delta", message, term)
