"""Residuals of Cox and logistic models, row by row or summed over what belongs together.

A result keeps no rows, so the data of the fit are given again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import special

from vpstats.errors import UsageError
from vpstats.frames import Frame
from vpstats.models.columns import read_numbers, read_response, require_columns
from vpstats.models.design import apply_design
from vpstats.models.followup import Vector, codes_of
from vpstats.models.frailty_fit import log_frailties
from vpstats.models.frailty_result import FrailtyFit
from vpstats.models.hazards_data import HazardData, rows_of_fit
from vpstats.models.hazards_result import CoxFit
from vpstats.models.logistic_result import LogisticFit
from vpstats.models.newton import invert
from vpstats.models.partial import (
    Sums,
    exposure,
    information,
    predictor,
    sum_up,
)
from vpstats.models.risksets import RiskSets, find_risk_sets

Matrix = NDArray[np.float64]
Kind = Literal[
    "martingale",
    "cox_snell",
    "deviance",
    "score",
    "dfbeta",
    "dfbetas",
    "schoenfeld",
    "scaled_schoenfeld",
    "response",
    "pearson",
]

BY_EVENT = ("schoenfeld", "scaled_schoenfeld")
"""Residuals that only events have."""


def residuals(
    fit: CoxFit | LogisticFit,
    data: pd.DataFrame | Frame,
    kind: Kind,
    *,
    collapse: str | None = None,
    weighted: bool | None = None,
) -> pd.DataFrame:
    """Residuals of a fit.

    Parameters
    ----------
    fit : CoxFit or LogisticFit
        A fit.
    data : DataFrame or Frame, shape (n, any)
        The rows of the fit, which the fit does not keep; unchanged.
    kind : str
        Of a Cox model: "martingale" (events less expected), "cox_snell" (expected), "deviance"
        (martingale made symmetric), "score" (contribution to the score), "dfbeta" (by how much
        the row moves each coefficient, to first order), "dfbetas" (the same in standard errors
        of the model), "schoenfeld" (covariates of an event less their mean in its risk set),
        "scaled_schoenfeld" (that, scaled so that its trend is the trend of the coefficient).
        A model with frailties has the first four and "schoenfeld", at each cluster's frailty.
        Of a logistic model: "response", "pearson", "deviance", "score", "dfbeta", "dfbetas".
    collapse : str, optional
        Column by whose values residuals are summed, such as the patient for rows that are parts
        of one follow-up or levels of one patient. A deviance is that of the summed martingales.
    weighted : bool, optional
        Whether each residual is times the case weight; if None, for "dfbeta" and "dfbetas" alone.
        A deviance is never weighted.

    Returns
    -------
    DataFrame
        One row per row of `data`, its index kept, NaN where a value is missing; with `collapse`
        one row per value of the column, sorted. One column named after the kind, or one per
        coefficient. "schoenfeld" and "scaled_schoenfeld" have one row per event, by stratum and
        time, and ``time`` as the first column.

    Raises
    ------
    UsageError
        If the kind is not one of the model's, the model could not be estimated, `data` are not
        its rows, or residuals that only events have are to be summed.

    Notes
    -----
    Tied events are exact: under Efron's ties the mean of a risk set is that over the events of
    the time, so rows that are alike have equal residuals whatever their order. Rows with a missing
    value are left out of a sum.

    References
    ----------
    Therneau TM, Grambsch PM, Fleming TR. Martingale-based residuals for survival models.
    Biometrika 1990;77:147-160. Schoenfeld D. Partial residuals for the proportional hazards
    regression model. Biometrika 1982;69:239-241. Grambsch PM, Therneau TM. Biometrika
    1994;81:515-526. Pregibon D. Logistic regression diagnostics. Ann Stat 1981;9:705-724.

    Examples
    --------
    >>> import pandas as pd
    >>> from vpstats.models.hazards import fit_cox
    >>> rows = pd.DataFrame({"days": [1, 2, 3, 4], "event": [1, 1, 1, 0], "high": [1, 0, 1, 0]})
    >>> fit = fit_cox(rows, "high", duration="days", event="event")
    >>> residuals(fit, rows, "martingale")["martingale"].round(3).tolist()
    [0.64, 0.64, -0.64, -0.64]
    """
    known = _kinds(fit)
    if kind not in known:
        raise UsageError(f"kind is '{kind}'; expected one of {', '.join(map(repr, known))}.")
    if collapse is not None and kind in BY_EVENT:
        raise UsageError(f"'{kind}' residuals belong to single events; leave collapse= out.")
    if collapse is not None and kind in ("deviance", "pearson") and isinstance(fit, LogisticFit):
        raise UsageError(f"'{kind}' residuals have no sum of use; collapse 'response' or 'dfbeta'.")
    plain = data.data if isinstance(data, Frame) else data
    parts = _cox_parts(fit, data) if isinstance(fit, CoxFit) else _logistic_parts(fit, plain)
    if kind in BY_EVENT:
        return _by_event(fit, plain, parts, scaled=kind == "scaled_schoenfeld", weighted=weighted)
    values, names = parts.values(kind)
    if kind in ("dfbeta", "dfbetas") if weighted is None else weighted and kind != "deviance":
        values = values * parts.weight[:, None]
    if collapse is None:
        return _spread(values, names, parts.kept, plain.index)
    codes, levels = _groups(plain, collapse, parts.kept)
    if kind == "deviance":  # that of a sum is not the sum of deviances
        raw, event = _sums(codes, parts.raw[:, None]), _sums(codes, parts.event[:, None])
        values = parts.deviance(raw, event)
    else:
        values = _sums(codes, values)
    return pd.DataFrame(values, columns=list(names), index=levels)


@dataclass(frozen=True)
class _Parts:
    """What residuals of either model are made of, for the rows that were fitted.

    raw: events less expected; event: whether (or how many); score: makes the score residuals;
    bread: inverse information; kept: positions in the table.
    """

    raw: Vector
    event: Vector
    deviance: Callable[[Vector, Vector], Vector]
    score: Callable[[], Matrix]
    bread: Matrix
    weight: Vector
    terms: tuple[str, ...]
    kept: NDArray[np.intp]
    pearson: Vector
    cox: tuple[HazardData, RiskSets, Sums] | None = None

    def values(self, kind: str) -> tuple[Matrix, tuple[str, ...]]:
        """Unweighted residuals, shape (n, k), and the names of their columns."""
        if kind in ("score", "dfbeta", "dfbetas"):
            return self._influence(kind), self.terms
        if kind == "deviance":
            return self.deviance(self.raw, self.event)[:, None], (kind,)
        made = {"cox_snell": self.event - self.raw, "pearson": self.pearson}
        return made.get(kind, self.raw)[:, None], (kind,)

    def _influence(self, kind: str) -> Matrix:
        score = self.score()
        if kind == "score":
            return score
        moved = score @ self.bread
        return moved if kind == "dfbeta" else moved / np.sqrt(np.diag(self.bread))


_COX = ("martingale", "cox_snell", "deviance", "score", "dfbeta", "dfbetas", *BY_EVENT)
_FRAILTY = ("martingale", "cox_snell", "deviance", "score", "schoenfeld")
"""What moves a coefficient moves the frailties too, so the others have no simple form."""
_LOGISTIC = ("response", "pearson", "deviance", "score", "dfbeta", "dfbetas")


def _kinds(fit: CoxFit | LogisticFit) -> tuple[str, ...]:
    if isinstance(fit, FrailtyFit):
        return _FRAILTY
    return _COX if isinstance(fit, CoxFit) else _LOGISTIC


def _cox_sums(fit: CoxFit, data: pd.DataFrame | Frame) -> tuple[HazardData, RiskSets, Sums]:
    if isinstance(fit, FrailtyFit):  # each row's hazard is then that of its own cluster
        given, problem, b = log_frailties(fit, data)
        return given, problem.sets, problem.sum_up(fit.coefficients, b)
    given = rows_of_fit(fit, data)
    sets = find_risk_sets(given.rows, fit.ties)
    return given, sets, sum_up(sets, fit.coefficients)


def _cox_parts(fit: CoxFit, data: pd.DataFrame | Frame) -> _Parts:
    given, sets, sums = _cox_sums(fit, data)
    dead = given.rows.dead.astype(float)
    expected = np.exp(predictor(sets, fit.coefficients)) * exposure(sets, sums.h, sums.e)
    weights = given.rows.weights
    return _Parts(
        raw=dead - expected,
        event=dead,
        deviance=_martingale_deviance,
        score=lambda: score_residuals(sets, sums, fit.coefficients),
        bread=invert(information(sets, sums)),
        weight=np.ones(len(dead)) if weights is None else weights,
        terms=fit.terms,
        kept=given.kept,
        pearson=np.empty(0),
        cox=(given, sets, sums),
    )


def _martingale_deviance(raw: Vector, event: Vector) -> Vector:
    """Deviance of events against expected ones, with the sign of their difference."""
    inner = -raw - special.xlogy(event, event - raw) + special.xlogy(event, event)
    return np.asarray(np.sign(raw) * np.sqrt(np.maximum(2 * inner, 0.0)))


def score_residuals(sets: RiskSets, sums: Sums, beta: Vector) -> Matrix:
    """Each row's contribution to the score, without its weight, shape (n, p).

    Parameters
    ----------
    sets : RiskSets
        Rows and where they are at risk.
    sums : Sums
        Their sums at `beta`.
    beta : ndarray, shape (p,)
        Coefficients.

    References
    ----------
    Therneau TM, Grambsch PM (2000), section 7.2.
    """
    risk = np.exp(predictor(sets, beta))
    direct = sets.rows.dead - risk * exposure(sets, sums.h, sums.e)
    by_late = sets.slots.before(sets.slots.so_far(sums.mean))
    own = risk[:, None] * sets.spread(sets.over_slots(sums.mean, sums.spared), by_late)
    found = direct[:, None] * sets.rows.X + own
    found[sets.rows.dead] -= _risk_set_means(sets, sums)[sets.cell[sets.rows.dead] // 2]
    return np.asarray(found)


def _risk_set_means(sets: RiskSets, sums: Sums) -> Matrix:
    """Mean covariates of the risk set over the events of each slot, (D, p); 0 without weight."""
    expected = sums.h[:, None] * sums.S1 - sums.e[:, None] * sums.E1
    weight = (sets.deaths * sets.mean_weight)[:, None]
    return np.divide(expected, weight, where=weight > 0, out=np.zeros_like(expected))


def _by_event(
    fit: CoxFit | LogisticFit,
    plain: pd.DataFrame,
    parts: _Parts,
    *,
    scaled: bool,
    weighted: bool | None,
) -> pd.DataFrame:
    """(Scaled) Schoenfeld residuals by stratum and time."""
    assert parts.cox is not None  # noqa: S101  # only kinds of Cox models come here
    _, sets, sums = parts.cox
    rows = np.flatnonzero(sets.rows.dead)
    slot = sets.cell[rows] // 2
    order = np.argsort(slot, kind="stable")
    rows, slot = rows[order], slot[order]
    values = sets.rows.X[rows] - _risk_set_means(sets, sums)[slot]
    if weighted:
        values = values * parts.weight[rows, None]
    if scaled:
        values = rows.size * values @ parts.bread + fit.coefficients
    table = pd.DataFrame(values, columns=list(fit.terms), index=plain.index[parts.kept[rows]])
    table.insert(0, "time", sets.slots.time[slot])
    return table


def _logistic_parts(fit: LogisticFit, plain: pd.DataFrame) -> _Parts:
    if not fit.ok:
        raise UsageError(f"the model could not be estimated: {fit.reason}")
    X, y = apply_design(fit.spec, plain), read_response(plain[str(fit.spec.response)])
    extra = [read_numbers(plain, c) if c else None for c in (fit.weights, fit.offset)]
    weight = np.ones(len(y)) if extra[0] is None else extra[0]
    offset = np.zeros(len(y)) if extra[1] is None else extra[1]
    kept = np.flatnonzero(np.isfinite(X).all(axis=1) & np.isfinite(y + weight + offset))
    if len(kept) != fit.n:
        raise UsageError(
            f"the data have {len(kept):,} complete rows, the fit {fit.n:,}: give the rows that "
            "the model was fitted to."
        )
    X, y, weight = X[kept], y[kept], weight[kept]
    risk = special.expit(X @ fit.coefficients + offset[kept])
    variance = risk * (1 - risk)
    return _Parts(
        raw=y - risk,
        event=y,
        deviance=_binary_deviance,
        score=lambda: (y - risk)[:, None] * X,
        bread=invert((X * (weight * variance)[:, None]).T @ X),
        weight=weight,
        terms=fit.terms,
        kept=kept,
        pearson=(y - risk) / np.sqrt(variance),
    )


def _binary_deviance(raw: Vector, event: Vector) -> Vector:
    del event  # the sign of the residual tells it
    return np.asarray(np.sign(raw) * np.sqrt(-2 * np.log1p(-np.abs(raw))))


def _spread(
    values: Matrix, names: tuple[str, ...], kept: NDArray[np.intp], index: pd.Index
) -> pd.DataFrame:
    """Residuals in the rows that they belong to, NaN in the others."""
    table = np.full((len(index), values.shape[1]), np.nan)
    table[kept] = values
    return pd.DataFrame(table, columns=list(names), index=index)


def _groups(
    plain: pd.DataFrame, collapse: str, kept: NDArray[np.intp]
) -> tuple[NDArray[np.int64], pd.Index]:
    require_columns(plain, [collapse])
    codes, levels = codes_of(plain[collapse].iloc[kept])
    return codes, pd.Index(levels, name=collapse)


def _sums(codes: NDArray[np.int64], values: Matrix) -> Matrix:
    """Sums of rows by code; rows without one (-1) are left out."""
    known = codes >= 0
    columns = [np.bincount(codes[known], column[known]) for column in values.T]
    return np.column_stack(columns)
