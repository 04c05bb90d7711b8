"""The baseline of a hazard model: a cumulative hazard by stratum, and the errors of curves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vpstats.models.followup import Codes, Vector

Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class Baseline:
    """Cumulative hazard of a row at the mean of the covariates, by stratum.

    Parameters
    ----------
    labels : tuple of str
        Names of the strata; one empty name if there are none.
    time : ndarray, shape (D,)
        Event times, ascending within a stratum.
    stratum : ndarray of int, shape (D,)
        Position of each time's stratum in `labels`.
    hazard : ndarray, shape (D,)
        Cumulative hazard.
    own : ndarray, shape (D,)
        What an event of that time is spared of the hazard by Efron's ties.
    variance : ndarray, shape (D,)
        Variance of the cumulative hazard were the coefficients known; of clusters where the
        covariance of the coefficients is.
    mean : ndarray, shape (D, p)
        Cumulative hazard times the mean covariates of the risk set, less the centre.
    last : ndarray, shape (number of strata,)
        Longest follow-up of each stratum.
    cross : ndarray, shape (D, p), optional
        Covariance of the cumulative hazard, were the coefficients known, with the coefficients;
        None where it is 0, as it is if the model holds and rows are independent.
    """

    labels: tuple[str, ...]
    time: Vector
    stratum: Codes
    hazard: Vector
    own: Vector
    variance: Vector
    mean: Matrix
    last: Vector
    cross: Matrix | None = None

    def position(self, stratum: int, times: Vector) -> tuple[int, Codes]:
        """First slot of a stratum, and per time how many of its slots lie at or before it."""
        bounds = np.searchsorted(self.stratum, [stratum, stratum + 1])
        passed = np.searchsorted(self.time[bounds[0] : bounds[1]], times, side="right")
        return int(bounds[0]), passed

    def spread(
        self, gap: Matrix, variance: Vector, cross: Matrix | None, covariance: Matrix
    ) -> Vector:
        """Variance of cumulative hazards over their hazard ratios, shape (m,).

        Parameters
        ----------
        gap : ndarray, shape (m, p)
            Derivative of each by the coefficients.
        variance, cross : ndarray, shapes (m,) and (m, p)
            Of each, as here.
        covariance : ndarray, shape (p, p)
            Covariance of the coefficients.
        """
        found = variance + np.einsum("ij,jk,ik->i", gap, covariance, gap)
        if cross is not None:
            found += 2 * np.einsum("ij,ij->i", gap, cross)
        return np.asarray(np.maximum(found, 0.0))

    def predict(
        self, X: Matrix, eta: Vector, strata: Codes, times: Vector, covariance: Matrix
    ) -> tuple[Matrix, Matrix]:
        """Cumulative hazard of new rows at given times, and its standard error, shape (m, k).

        Parameters
        ----------
        X : ndarray, shape (m, p)
            Columns of the design, less the centre.
        eta : ndarray, shape (m,)
            Log hazard ratio to the centre.
        strata : ndarray of int, shape (m,)
            Stratum of each row, -1 where missing.
        times : ndarray, shape (k,)
            Times; NaN is returned beyond the longest follow-up of the stratum.
        covariance : ndarray, shape (p, p)
            Covariance of the coefficients.
        """
        hazard, error = np.full((2, len(X), times.size), np.nan)
        for s in range(len(self.labels)):
            rows = np.flatnonzero(strata == s)
            known = np.flatnonzero(times <= self.last[s])
            H, v, M = (
                self.read(a, s, times[known]) for a in (self.hazard, self.variance, self.mean)
            )
            c = None if self.cross is None else self.read(self.cross, s, times[known])
            risk = np.exp(eta[rows])
            for k, j in enumerate(known):
                gap = X[rows] * H[k] - M[k]
                with_beta = None if c is None else np.broadcast_to(c[k], gap.shape)
                spread = self.spread(gap, v[k], with_beta, covariance)
                hazard[rows, j] = risk * H[k]
                error[rows, j] = risk * np.sqrt(spread)
        return hazard, error

    def at_event(self, stratum: int, times: Vector) -> Vector:
        """What events at given times are spared, shape of `times`."""
        first, passed = self.position(stratum, times)
        return np.asarray(self.own[first + np.maximum(passed - 1, 0)])

    def read(self, values: NDArray[Any], stratum: int, times: Vector) -> NDArray[Any]:
        """A cumulative quantity at given times; 0 before the first event."""
        first, passed = self.position(stratum, times)
        known = np.concatenate([np.zeros_like(values[:1]), values[first:]])
        return known[passed]
