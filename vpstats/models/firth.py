"""Firth's penalised likelihood of a binary outcome.

The penalty is half the log determinant of the information (Jeffreys' prior). It needs the
information before it can weigh rows, hence two sweeps per evaluation.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from vpstats.models.binary import BinaryRows, RowTerms, empty_terms, likelihood
from vpstats.models.newton import Evaluation, invert

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]

_MANY_EVENTS = 40
"""Events (or non-events) per coefficient from which the information alone will do for Newton
steps; the penalty bends the likelihood by about one part in as many."""


def penalised_likelihood(data: BinaryRows, penalty: float = 0.5) -> Callable[[Vector], Evaluation]:
    """Firth's penalised log-likelihood: plus `penalty` times the log determinant of information.

    Parameters
    ----------
    data : BinaryRows
        All rows.
    penalty : float
        1/2 is Jeffreys' prior; 0 is maximum likelihood.

    Returns
    -------
    callable
        Coefficients, shape (p,), to the penalised log-likelihood, the modified score and a matrix
        for Newton steps: the information, or where events are few minus the second derivative of
        the penalised log-likelihood.

    References
    ----------
    Firth D. Bias reduction of maximum likelihood estimates. Biometrika 1993;80:27-38. Heinze G,
    Schemper M. A solution to the problem of separation in logistic regression. Stat Med
    2002;21:2409-2419.
    """
    store = empty_terms(data)
    plain = likelihood(data, store)
    curved = has_few_events(data)

    def evaluate(beta: Vector) -> Evaluation:
        here = plain(beta)
        root = lower_root(invert(here.information))
        if not np.isfinite(root).all():
            return Evaluation(-np.inf, np.full(len(beta), np.nan), here.information)
        shift = leverage_shift(data, store, root)
        information = here.information
        if curved:
            information = _curvature(data, store, root, here.information, 2 * penalty)
        return Evaluation(
            # log |I| = -2 log |root|
            here.value - 2 * penalty * float(np.log(root.diagonal()).sum()),
            here.score + 2 * penalty * (shift @ data.X),
            information,
        )

    return evaluate


def has_few_events(data: BinaryRows, enough: float = _MANY_EVENTS) -> bool:
    """Whether events, or non-events if they are fewer, number fewer than so many per coefficient.

    By default so few that steps need the second derivative of the penalty.
    """
    rarer = min(np.count_nonzero(data.sign > 0), np.count_nonzero(data.sign < 0))
    return bool(rarer < enough * data.X.shape[1])


def modified_terms(data: BinaryRows, beta: Vector, penalty: float = 0.5) -> RowTerms:
    """Residuals of the modified score, and working weights, of every row."""
    store = empty_terms(data)
    information = likelihood(data, store)(beta).information
    shift = leverage_shift(data, store, lower_root(invert(information)))
    return RowTerms(store.residuals + 2 * penalty * shift, store.working)


def leverage_shift(data: BinaryRows, terms: RowTerms, root: Matrix) -> Vector:
    """``h (1/2 - mu)``: what half the log determinant of the information adds to residuals.

    Parameters
    ----------
    data : BinaryRows
        All rows.
    terms : RowTerms
        Residuals and working weights.
    root : ndarray, shape (p, p)
        Root of the inverse information.

    Returns
    -------
    ndarray, shape (n,)
    """
    shift = np.empty(len(data))
    for rows in data.blocks():
        shift[rows] = _leverage(data, terms, root, rows) * _half_minus_risk(data, terms, rows)
    return shift


def leverages(data: BinaryRows, beta: Vector) -> Vector:
    """Diagonal of the hat matrix at some coefficients, times the case weights, shape (n,)."""
    store = empty_terms(data)
    root = lower_root(invert(likelihood(data, store)(beta).information))
    return np.concatenate([_leverage(data, store, root, rows) for rows in data.blocks()])


def _leverage(data: BinaryRows, terms: RowTerms, root: Matrix, rows: slice) -> Vector:
    z = data.X[rows] @ root
    return np.asarray(np.einsum("ij,ij->i", z, z) * terms.working[rows])


def _half_minus_risk(data: BinaryRows, terms: RowTerms, rows: slice) -> Vector:
    residuals = terms.residuals[rows]
    plain = residuals if data.weights is None else residuals / data.weights[rows]
    return np.asarray(plain - data.sign[rows] / 2)


def _curvature(
    data: BinaryRows, terms: RowTerms, root: Matrix, information: Matrix, factor: float
) -> Matrix:
    """Minus the second derivative of the penalised log-likelihood.

    Half the log determinant contributes ``sum h (3 v - 1/2) x x' + 2 S S'`` with
    ``S = sum w (1/2 - mu) x (z (x) z)'``: h are leverages, w working weights, v = mu (1 - mu), and
    z is x rotated so that ``z' z = x' I^-1 x``. Where that is not positive definite, away from
    the maximum, leverages are taken as fixed, which leaves ``sum h v x x'``.
    """
    p = data.X.shape[1]
    bent, crossed = np.zeros((p, p)), np.zeros((p, p, p))
    for rows in data.blocks():
        x, working = data.X[rows], terms.working[rows]
        z = root.T @ x.T
        lean = _half_minus_risk(data, terms, rows)
        leverage = np.einsum("ij,ij->j", z, z) * working
        bent += x.T @ ((leverage * (0.25 - 3 * lean**2))[:, None] * x)
        _add_triple_products(crossed, z, working * lean)
    # the triple products are those of z throughout; x is z turned back
    back = np.linalg.inv(root)
    flat = crossed.reshape(p, -1)
    complete = information + factor * (bent + 2 * back.T @ (flat @ flat.T) @ back)
    chosen = complete if _is_positive(complete) else _fixed(data, terms, root, information, factor)
    return (chosen + chosen.T) / 2


def _add_triple_products(sums: Vector, z: Matrix, weights: Vector) -> None:
    """Add ``sum weights z_a z_b z_c`` for all a, b, c; each is worked out once for its least."""
    for a in range(len(z)):
        from_a = z[a:]
        products = (from_a * (weights * z[a])) @ from_a.T
        sums[a, a:, a:] += products
        sums[a + 1 :, a, a:] += products[1:]
        sums[a + 1 :, a + 1 :, a] += products[1:, 1:]


def _fixed(
    data: BinaryRows, terms: RowTerms, root: Matrix, information: Matrix, factor: float
) -> Matrix:
    """The curvature that fixed leverages leave."""
    fixed = np.zeros_like(information)
    for rows in data.blocks():
        x, lean = data.X[rows], _half_minus_risk(data, terms, rows)
        share = _leverage(data, terms, root, rows) * (0.25 - lean**2)
        fixed += x.T @ (share[:, None] * x)
    return np.asarray(information + factor * fixed)


def lower_root(covariance: Matrix) -> Matrix:
    """Triangular R with ``R R' = covariance``; NaN throughout if there is none."""
    if not np.isfinite(covariance).all():
        return np.full_like(covariance, np.nan)
    try:
        return np.asarray(np.linalg.cholesky(covariance))
    except np.linalg.LinAlgError:
        return np.full_like(covariance, np.nan)


def _is_positive(matrix: Matrix) -> bool:
    return bool(np.isfinite(lower_root(matrix)).all())
