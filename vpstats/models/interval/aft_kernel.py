"""The likelihood of accelerated failure times that are only known to lie in intervals.

``log T = x'beta + scale W``. In terms of ``gamma = beta / scale`` and ``tau = 1 / scale`` the
log-likelihood is concave, for the distributions here, so that Newton's method cannot go astray.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from vpstats.models.covariance import weighted_gram
from vpstats.models.newton import Evaluation

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Distribution:
    """A distribution of W.

    Parameters
    ----------
    name : str
        That of T.
    log_density, bend, log_survival, log_failure : callable
        Logarithm of the density; its derivative; logarithm of the upper and the lower tail.
    quantile : callable
        Value below which a given share lies.
    """

    name: str
    log_density: Callable[[Vector], Vector]
    bend: Callable[[Vector], Vector]
    log_survival: Callable[[Vector], Vector]
    log_failure: Callable[[Vector], Vector]
    quantile: Callable[[float], float]

    def log_between(self, low: Vector, high: Vector) -> Vector:
        """Logarithm of the probability of (low, high], without cancellation."""
        gap = self.log_survival(low) - self.log_survival(high)
        return np.asarray(self.log_survival(low) + np.log(-np.expm1(-gap)))


def _exp(z: Vector) -> Vector:
    return np.asarray(np.exp(np.minimum(z, 700.0)))


DISTRIBUTIONS = {
    "weibull": Distribution(
        "weibull",
        log_density=lambda z: z - _exp(z),
        bend=lambda z: 1 - _exp(z),
        log_survival=lambda z: -_exp(z),
        log_failure=lambda z: np.log(-np.expm1(-_exp(z))),
        quantile=lambda p: float(np.log(-np.log1p(-p))),
    ),
    "loglogistic": Distribution(
        "loglogistic",
        log_density=lambda z: special.log_expit(z) + special.log_expit(-z),
        bend=lambda z: 1 - 2 * special.expit(z),
        log_survival=lambda z: special.log_expit(-z),
        log_failure=special.log_expit,
        quantile=lambda p: float(special.logit(p)),
    ),
}


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """n intervals of the logarithm of time, with covariates.

    Parameters
    ----------
    low, high : ndarray, shape (n,)
        Bounds of log time; minus infinity where nothing is known from below, infinity where
        nothing is from above.
    X : ndarray, shape (n, p)
        Design matrix.
    weights : ndarray, shape (n,)
        Case weights.
    """

    low: Vector
    high: Vector
    X: Matrix
    weights: Vector


@dataclass(frozen=True, slots=True)
class _Slopes:
    """Log-likelihood of each row and its derivatives by both bounds; each of shape (n,)."""

    value: Vector
    low: Vector
    high: Vector
    low_low: Vector
    high_high: Vector
    low_high: Vector


def _slopes(rows: Lifetimes, theta: Vector, law: Distribution) -> _Slopes:
    tau, eta = theta[-1], rows.X @ theta[:-1]
    exact = rows.low == rows.high
    from_below, from_above = np.isfinite(rows.low), np.isfinite(rows.high)
    a = tau * np.where(from_below, rows.low, 0.0) - eta
    b = tau * np.where(from_above, rows.high, 0.0) - eta
    value = np.zeros(len(eta))
    value[exact] = law.log_density(a[exact]) + np.log(tau) - rows.low[exact]
    only_above = from_above & ~from_below
    only_below = from_below & ~from_above
    both = from_below & from_above & ~exact
    value[only_above] = law.log_failure(b[only_above])
    value[only_below] = law.log_survival(a[only_below])
    value[both] = law.log_between(a[both], b[both])
    low, low_low = _edge(a, value, from_below & ~exact, law, -1.0)
    high, high_high = _edge(b, value, from_above & ~exact, law, 1.0)
    cross = np.where(both, -low * high, 0.0)
    low[exact] = law.bend(a[exact])
    low_low[exact] = _curve(law, a[exact])
    return _Slopes(value, low, high, low_low, high_high, cross)


def _edge(
    z: Vector, value: Vector, here: Mask, law: Distribution, sign: float
) -> tuple[Vector, Vector]:
    """First and second derivative of the log probability by one bound."""
    first, second = np.zeros_like(z), np.zeros_like(z)
    ratio = np.exp(law.log_density(z[here]) - value[here])
    first[here] = sign * ratio
    second[here] = sign * ratio * law.bend(z[here]) - ratio**2
    return first, second


def _curve(law: Distribution, z: Vector) -> Vector:
    """Second derivative of the log density."""
    return np.asarray(law.bend(z) - 1) if law.name == "weibull" else (law.bend(z) ** 2 - 1) / 2


def row_scores(rows: Lifetimes, theta: Vector, law: Distribution) -> Matrix:
    """Weighted score of each row by (gamma, tau), shape (n, p + 1)."""
    s = _slopes(rows, theta, law)
    by_eta = -(s.low + s.high)
    return (
        np.column_stack([rows.X * by_eta[:, None], _by_tau(rows, s, theta)]) * rows.weights[:, None]
    )


def _by_tau(rows: Lifetimes, s: _Slopes, theta: Vector) -> Vector:
    low, high = (np.where(np.isfinite(v), v, 0.0) for v in (rows.low, rows.high))
    exact = rows.low == rows.high
    return np.asarray(s.low * low + s.high * high + np.where(exact, 1 / theta[-1], 0.0))


def evaluate(rows: Lifetimes, law: Distribution) -> Callable[[Vector], Evaluation]:
    """The log-likelihood as the solver wants it.

    Parameters
    ----------
    rows : Lifetimes
        n rows.
    law : Distribution
        Distribution of the error.

    Returns
    -------
    callable
        (gamma, tau), shape (p + 1,), to `Evaluation`.

    References
    ----------
    Burridge J. A note on maximum likelihood estimation for regression models using grouped data.
    J R Stat Soc B 1981;43:41-45.
    """
    low, high = (np.where(np.isfinite(v), v, 0.0) for v in (rows.low, rows.high))
    exact, w, X = rows.low == rows.high, rows.weights, rows.X

    def at(theta: Vector) -> Evaluation:
        p = len(theta)
        if theta[-1] <= 0:
            return Evaluation(-np.inf, np.zeros(p), np.eye(p))
        with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
            s = _slopes(rows, theta, law)
        by_eta, by_tau = -(s.low + s.high), _by_tau(rows, s, theta)
        second = s.low_low + s.high_high + 2 * s.low_high
        mixed = (s.low_low + s.low_high) * low + (s.high_high + s.low_high) * high
        tau2 = s.low_low * low**2 + s.high_high * high**2 + 2 * s.low_high * low * high
        tau2 = tau2 - np.where(exact, 1 / theta[-1] ** 2, 0.0)
        information = np.empty((p, p))
        information[:-1, :-1] = weighted_gram(X, -w * second)
        information[:-1, -1] = information[-1, :-1] = X.T @ (w * mixed)
        information[-1, -1] = -float(w @ tau2)
        score = np.append(X.T @ (w * by_eta), w @ by_tau)
        value = float(w @ s.value)
        return Evaluation(value if np.isfinite(value) else -np.inf, score, information)

    return at


def to_scale(theta: Vector) -> tuple[Vector, Matrix]:
    """(gamma, tau) to (beta, log scale), and the derivative of the first by the second.

    Parameters
    ----------
    theta : ndarray, shape (p + 1,)
        gamma and tau.

    Returns
    -------
    tuple of ndarray
        Shapes (p + 1,) and (p + 1, p + 1).
    """
    gamma, tau = theta[:-1], theta[-1]
    jacobian = np.diag(np.full(len(theta), tau))
    jacobian[:-1, -1] = -gamma
    jacobian[-1, -1] = -tau
    return np.append(gamma / tau, -np.log(tau)), jacobian
