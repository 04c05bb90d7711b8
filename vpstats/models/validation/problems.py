"""What is validated: rows, predictions, and how the model is fitted again to other rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import special

from vpstats.models.binary import BinaryRows, likelihood
from vpstats.models.curves import cumulative_incidence
from vpstats.models.fine_gray import fit_fine_gray
from vpstats.models.hazards import fit_cox
from vpstats.models.newton import invert
from vpstats.models.refit import refit_drawn, refit_many
from vpstats.models.validation.horizon import horizon_measures, outcomes_at
from vpstats.models.validation.measures import measures_of_many, weighted_measures
from vpstats.models.validation.scored import Scored, score_rows
from vpstats.results import FitResult

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]
Rows = NDArray[np.intp]
Measured = NDArray[np.float64]

_SEPARATE = 20.0
"""Log odds from which an estimate found in a shared sweep is left to the solver to confirm."""


class Problem(Protocol):
    """Rows with predictions that can be judged, and made again by a model fitted to other rows."""

    @property
    def predictions(self) -> Matrix:
        """Predictions of the model as it was given, shape (n, c)."""

    def refit(self, counts: Rows) -> Matrix | None:
        """Predictions for all rows of the model fitted to some; None where it has no estimate."""

    def judge(self, predictions: Matrix, counts: Sequence[Rows | None]) -> list[Vector]:
        """Every measure of predictions, for each way of counting the rows; None counts all once."""

    def replicate(self, counts: NDArray[np.intp]) -> Measured:
        """Fit to each of k ways of counting the rows, counts of shape (k, n), and judge.

        Returns
        -------
        ndarray, shape (k, 3, m)
            Measures of the new model on its rows and on all, and of the given one on its rows;
            NaN where there is no new model.
        """


@dataclass(frozen=True)
class BinaryProblem:
    """A logistic regression and its rows.

    Parameters
    ----------
    data : BinaryRows
        Rows of the fit, or of another data set with the same design.
    coefficients : ndarray, shape (p,)
        Of the fit.
    penalty : str or None
        Of the fit.
    thresholds : ndarray, shape (k,)
        At which net benefit is wanted.
    """

    data: BinaryRows
    coefficients: Vector
    penalty: str | None
    thresholds: Vector

    @cached_property
    def outcome(self) -> Vector:
        """1 for the outcome, 0 for none, shape (n,)."""
        return np.asarray(self.data.sign == 1, dtype=float)

    @cached_property
    def _scored(self) -> Scored:
        return score_rows(self.outcome, self.predictions[:, 1])

    @cached_property
    def _covariance(self) -> Matrix:
        return invert(likelihood(self.data)(self.coefficients).information)

    @cached_property
    def predictions(self) -> Matrix:
        """Risks of the fit, and their log odds, shape (n, 2)."""
        return self._risks(self.coefficients)

    def _risks(self, coefficients: Vector) -> Matrix:
        eta = self._log_odds(coefficients)
        return np.column_stack([special.expit(eta), eta])

    def _log_odds(self, coefficients: Matrix) -> Matrix:
        """Log odds of all rows at one or more vectors of coefficients, each a row."""
        eta = coefficients @ self.data.X.T
        return np.asarray(eta if self.data.offset is None else eta + self.data.offset)

    def refit(self, counts: Rows) -> Matrix | None:
        """Risks for all rows of the model fitted to some; None where it has no estimate."""
        found = refit_drawn(self.data, counts.astype(float), self.penalty, self.coefficients)
        return None if found is None else self._risks(found)

    def _weights(self, counts: NDArray[np.intp]) -> Matrix:
        """How much each row counts, of the shape of `counts`."""
        own = self.data.weights
        return counts.astype(float) if own is None else counts * own

    def judge(self, predictions: Matrix, counts: Sequence[Rows | None]) -> list[Vector]:
        """Measures, then net benefit at each threshold."""
        given = predictions is self.predictions
        scored = self._scored if given else score_rows(self.outcome, predictions[:, 1])
        once = np.ones(len(self.data), dtype=np.intp)
        weights = self._weights(np.array([once if c is None else c for c in counts]))
        return list(weighted_measures(scored, weights, self.thresholds))

    def replicate(self, counts: NDArray[np.intp]) -> Measured:
        """Measures of the models fitted to some rows, and of the given one."""
        weights = self._weights(counts)
        own = weighted_measures(self._scored, weights, self.thresholds)
        once = self._weights(np.ones(len(self.data), dtype=np.intp))
        found = np.full((len(counts), 3, own.shape[1]), np.nan)
        scores = dict(self._scores(counts, weights))
        if scores:
            parts = [
                (score_rows(self.outcome, z), np.stack([weights[i], once]))
                for i, z in scores.items()
            ]
            places = list(scores)
            found[places, :2] = measures_of_many(parts, self.thresholds)
            found[places, 2] = own[places]
        return found

    def _scores(self, counts: NDArray[np.intp], weights: Matrix) -> Iterator[tuple[int, Vector]]:
        """Log odds of all rows by the model of each replicate that has one."""
        near, log_odds = np.zeros(len(counts), dtype=bool), np.empty((len(counts), 0))
        if self.penalty is None:
            beta, near = refit_many(self.data, weights, self.coefficients, self._covariance)
            log_odds = self._log_odds(beta)
            near &= np.abs(log_odds).max(axis=1) < _SEPARATE
        for place in range(len(counts)):
            if near[place]:
                yield place, log_odds[place]
            elif (made := self.refit(counts[place])) is not None:
                yield place, made[:, 1]


@dataclass(frozen=True)
class HorizonProblem:
    """A model of hazards and its rows, judged at a horizon.

    Parameters
    ----------
    table : DataFrame
        ``time, event``, the columns of the design as ``z0, z1, …``, and the columns of the
        strata and the offset.
    model : {"cox", "fine-gray"}
        How it is fitted.
    options : dict
        Of `fit_cox` or `fit_fine_gray`.
    cause : int
        The event of interest.
    horizon : float
        Time at which it is judged.
    predictions : ndarray, shape (n, 2)
        Incidence by the horizon and log hazard ratio of the model fitted to all rows.
    """

    table: pd.DataFrame
    model: str
    options: dict[str, Any]
    cause: int
    horizon: float
    predictions: Matrix

    @property
    def _formula(self) -> str:
        return "~ " + " + ".join(c for c in self.table.columns if c.startswith("z"))

    def refit(self, counts: Rows) -> Matrix | None:
        """Predictions for all rows of the model fitted to some; None where it has no estimate."""
        part = self.table.iloc[_repeated(counts)]
        events = np.unique(part["event"][part["event"] > 0])
        if self.cause not in events:
            return None
        causes = [self.cause] if self.model == "fine-gray" else events.tolist()
        fits = {c: self._fit(part, self._formula, int(c)) for c in causes}
        if not all(fit.ok for fit in fits.values()):
            return None
        main = fits[self.cause]
        ratio = main.predict(self.table)["estimate"].to_numpy(float)
        if self.model == "fine-gray":
            risk = main.predict(self.table, times=[self.horizon])["estimate"].to_numpy(float)
        else:
            risk = absolute_risk(fits, self.table, self.cause, self.horizon, self._strata)
        return np.column_stack([risk, np.log(ratio)])

    @property
    def _strata(self) -> list[str]:
        return list(self.options.get("strata") or [])

    def _fit(self, part: pd.DataFrame, formula: str, cause: int) -> FitResult:
        fit = fit_fine_gray if self.model == "fine-gray" else fit_cox
        return fit(part, formula, duration="time", event="event", cause=cause, **self.options)

    def judge(self, predictions: Matrix, counts: Sequence[Rows | None]) -> list[Vector]:
        """AUC, Brier score, scaled Brier score, observed over expected, slope."""
        once = np.ones(len(self.table), dtype=np.intp)
        rows = [_repeated(once if c is None else c) for c in counts]
        return [self._measure(predictions, r) for r in rows]

    def replicate(self, counts: NDArray[np.intp]) -> Measured:
        """Measures of the models fitted to some rows, and of the given one."""
        return np.array([self._replicate(rows) for rows in counts])

    def _replicate(self, counts: Rows) -> Matrix:
        own = self.judge(self.predictions, [counts])[0]
        predictions = self.refit(counts)
        if predictions is None:
            return np.full((3, len(own)), np.nan)
        return np.array([*self.judge(predictions, [counts, None]), own])

    def _measure(self, predictions: Matrix, rows: Rows) -> Vector:
        part = self.table.iloc[rows]
        time, event = part["time"].to_numpy(float), part["event"].to_numpy(np.int64)
        curve = cumulative_incidence(part, duration="time", event="event", cause=self.cause)
        observed = float(curve.at([self.horizon])["estimate"].iloc[0])
        outcomes = outcomes_at(time, event, self.cause, self.horizon)
        risk = predictions[rows, 0]
        measures = horizon_measures(outcomes, risk, observed)
        return np.append(measures, self._slope(part, predictions[rows, 1]))

    def _slope(self, part: pd.DataFrame, score: Vector) -> float:
        """Coefficient of the log hazard ratio in a model of its own: 1 where it is calibrated."""
        if not np.isfinite(score).all() or np.ptp(score) == 0:
            return np.nan
        options = {k: v for k, v in self.options.items() if k not in ("penalty", "offset")}
        scored = part[["time", "event", *self._strata]].assign(score=score)
        fit = fit_fine_gray if self.model == "fine-gray" else fit_cox
        found = fit(scored, "~ score", duration="time", event="event", cause=self.cause, **options)
        return float(found.coefficients[0]) if found.ok else np.nan


def _repeated(counts: Rows) -> Rows:
    """Positions of rows, each as often as it counts."""
    return np.repeat(np.arange(len(counts)), counts)


_CHUNK = 2_000
"""Rows whose incidence is summed up at a time: the table of rows by event times stays small."""


def absolute_risk(
    fits: dict[int, Any], table: pd.DataFrame, cause: int, horizon: float, strata: Sequence[str]
) -> Vector:
    """Incidence by a horizon from the cause-specific hazards of every cause, shape (n,).

    Parameters
    ----------
    fits : dict of int to CoxFit
        A model for each cause, all with the same strata.
    table : DataFrame
        Rows to predict, with an ``event`` and a ``time`` column that give the grid of times.
    cause : int
        The cause whose incidence is wanted.
    horizon : float
        Time.
    strata : sequence of str
        Columns of the strata.

    Returns
    -------
    ndarray
        Sum over event times of the probability of having had no event before, times the hazard
        of the cause.

    References
    ----------
    Benichou J, Gail MH. Estimates of absolute cause-specific risk in cohort studies. Biometrics
    1990;46:813-826.
    """
    inside = table.loc[(table["event"] > 0) & (table["time"] <= horizon), "time"]
    grid = np.unique(inside.to_numpy(float))
    ratios = {c: fit.predict(table)["estimate"].to_numpy(float) for c, fit in fits.items()}
    risk = np.zeros(len(table))
    if not grid.size:
        return risk
    groups = table.groupby(list(strata), observed=True).indices if strata else {"": slice(None)}
    for where in groups.values():
        rows = np.arange(len(table))[where]
        jumps = {c: _jumps(fit, table, rows[0], ratios[c], grid) for c, fit in fits.items()}
        for start in range(0, len(rows), _CHUNK):
            part = rows[start : start + _CHUNK]
            risk[part] = _sum_up(jumps, {c: r[part] for c, r in ratios.items()}, cause)
    return risk


def _jumps(fit: Any, table: pd.DataFrame, row: int, ratios: Vector, grid: Vector) -> Vector:
    """Increments of the baseline hazard at each time, from the curve of one row."""
    one = table.iloc[[row]]
    curve = fit.predict(one, times=grid, kind="cumulative_hazard")["estimate"].to_numpy(float)
    # beyond a stratum's follow-up nothing more is known to happen
    cumulative = np.maximum.accumulate(np.nan_to_num(curve, nan=np.nanmax(curve, initial=0.0)))
    return np.asarray(np.diff(cumulative, prepend=0.0) / ratios[row])


def _sum_up(jumps: dict[int, Vector], ratios: dict[int, Vector], cause: int) -> Vector:
    hazards = {c: ratios[c][:, None] * jumps[c] for c in jumps}
    together = np.sum(list(hazards.values()), axis=0)
    before = np.exp(together - np.cumsum(together, axis=1))
    return np.asarray(np.sum(before * hazards[cause], axis=1))
