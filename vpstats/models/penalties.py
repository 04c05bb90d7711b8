"""Estimates of a binary regression under each penalty, and what a sandwich needs of its rows.

Firth's penalty pulls predicted risks towards one half. FLIC then fits the intercept anew by
maximum likelihood; FLAC tells the rows that the penalty stands for from the real ones by a
covariate of their own. Either makes the mean predicted risk equal the observed one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import special

from vpstats.models.binary import BinaryRows, RowTerms, likelihood, row_terms, starting_point
from vpstats.models.firth import leverages, modified_terms, penalised_likelihood
from vpstats.models.newton import Evaluation, Solution, invert, maximise

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]
Evaluate = Callable[[Vector], Evaluation]

_EXACT = 1e-22
"""Decrement to which FLIC's intercept is found, so that mean risks agree to eleven digits."""
PENALTIES = ("firth", "flic", "flac")
"""What `penalty=` may name."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """Coefficients with what their covariance is made of.

    Parameters
    ----------
    coefficients : ndarray, shape (p,)
        The estimate.
    covariance : ndarray, shape (p, p)
        Inverse information, the covariance if the model is right.
    log_likelihood : float
        At the estimate, without a penalty.
    penalised_log_likelihood : float
        The same plus half the log determinant of the information; NaN without a penalty.
    found : Solution
        Where the solver stopped: of the (penalised) likelihood, or for FLAC of the augmented one,
        with one coefficient more.
    firth : ndarray, shape (p,), or None
        Firth's estimate, from which FLIC and FLAC start.
    """

    coefficients: Vector
    covariance: Matrix
    log_likelihood: float
    penalised_log_likelihood: float
    found: Solution
    firth: Vector | None = None


@dataclass(frozen=True, slots=True)
class RowScores:
    """Influence of rows: row i moves the coefficients by ``bread @ (factors[i] x_i, extra[i])``.

    Parameters
    ----------
    factors : ndarray, shape (n,)
        Multiplier of the row of the design matrix.
    bread : ndarray, shape (p, p) or (p, p + 1)
        From scores to coefficients.
    extra : ndarray, shape (n,), or None
        Score of the one equation more that FLIC and FLAC solve.
    """

    factors: Vector
    bread: Matrix
    extra: Vector | None = None


def estimate_rows(data: BinaryRows, penalty: str | None, start: Vector | None = None) -> Estimate:
    """Estimate under a penalty.

    Parameters
    ----------
    data : BinaryRows
        Rows; with "flic" and "flac" the first column of `X` is the intercept.
    penalty : {None, "firth", "flic", "flac"}
        Which.
    start : ndarray, shape (p,), optional
        Where the search begins; does not change the result.

    Returns
    -------
    Estimate
        Check ``found.converged`` before using it.

    References
    ----------
    Firth D. Bias reduction of maximum likelihood estimates. Biometrika 1993;80:27-38. Puhr R,
    Heinze G, Nold M, Lusa L, Geroldinger A. Firth's logistic regression with rare events: accurate
    effect estimates and predictions? Stat Med 2017;36:2302-2317.
    """
    begin = starting_point(data) if start is None else start
    if penalty is None:
        found = maximise(likelihood(data), begin)
        return Estimate(found.estimate, invert(found.information), found.value, float("nan"), found)
    found = maximise(penalised_likelihood(data), begin)
    if penalty == "firth" or not found.converged:
        return _read_off(data, found, found.estimate)
    if penalty == "flic":
        return _correct_intercept(data, found)
    return _add_covariate(data, found)


def _read_off(data: BinaryRows, found: Solution, coefficients: Vector) -> Estimate:
    """An estimate with the information at it."""
    here = likelihood(data)(coefficients)
    penalised = here.value + np.linalg.slogdet(here.information)[1] / 2
    covariance = invert(here.information)
    return Estimate(coefficients, covariance, here.value, float(penalised), found)


def _correct_intercept(data: BinaryRows, firth: Solution) -> Estimate:
    """FLIC: slopes as they are, the intercept by maximum likelihood."""
    only_intercept = np.arange(len(firth.estimate)) == 0
    moved = maximise(likelihood(data), firth.estimate, free=only_intercept, tolerance=_EXACT)
    found = firth if moved.converged else moved
    return replace(_read_off(data, found, moved.estimate), firth=firth.estimate)


def _add_covariate(data: BinaryRows, firth: Solution) -> Estimate:
    """FLAC: maximum likelihood of real and made rows together."""
    start = np.append(firth.estimate, 0.0)
    found = maximise(augmented_likelihood(data, firth.estimate), start)
    estimate = _read_off(data, found, found.estimate[:-1])
    covariance = invert(found.information)[:-1, :-1]
    return replace(estimate, covariance=covariance, firth=firth.estimate)


def profiled_likelihood(
    data: BinaryRows, estimate: Estimate, penalty: str | None
) -> tuple[Evaluate, Solution]:
    """The likelihood whose profiles give intervals, and its maximum.

    FLIC has Firth's, whose maximum differs in the intercept. FLAC's has a coefficient more than
    the model.
    """
    if penalty is None:
        return likelihood(data), estimate.found
    if penalty == "flac" and estimate.firth is not None:
        return augmented_likelihood(data, estimate.firth), estimate.found
    return penalised_likelihood(data), estimate.found


def augmented_likelihood(data: BinaryRows, firth: Vector) -> Evaluate:
    """FLAC's likelihood: real rows, and rows made of leverages, which have a coefficient more.

    Parameters
    ----------
    data : BinaryRows
        Real rows. Each is joined by an event and a non-event of half its leverage.
    firth : ndarray, shape (p,)
        Firth's estimate, at which leverages are taken.

    Returns
    -------
    callable
        Coefficients, shape (p + 1,), the last one that of made rows, to `Evaluation`.
    """
    plain, weights = likelihood(data), leverages(data, firth)
    p = data.X.shape[1]

    def evaluate(beta: Vector) -> Evaluation:
        here = plain(beta[:p])
        value, score, information = here.value, np.append(here.score, 0.0), np.zeros((p + 1, p + 1))
        information[:p, :p] = here.information
        for rows in data.blocks():
            eta, weight = data.predictor(beta[:p], rows) + beta[p], weights[rows]
            risk = special.expit(eta)
            # an event and a non-event of weight h/2 each, h/2 (log q + log (1 - q))
            value += float(weight @ (eta / 2 - np.logaddexp(0.0, eta)))
            x = np.column_stack([data.X[rows], np.ones(len(eta))])
            score += (weight * (0.5 - risk)) @ x
            information += x.T @ ((weight * risk * (1 - risk))[:, None] * x)
        return Evaluation(value, score, (information + information.T) / 2)

    return evaluate


def row_scores(data: BinaryRows, estimate: Estimate, penalty: str | None) -> RowScores:
    """What each row contributes to the equations that the estimate solves.

    For "flic" the slopes solve Firth's modified scores and the intercept the plain score given
    the slopes; for "flac" leverages count as known.
    """
    if penalty is None:
        return RowScores(row_terms(data, estimate.coefficients).residuals, estimate.covariance)
    if penalty == "firth":
        terms = modified_terms(data, estimate.coefficients)
        return RowScores(terms.residuals, estimate.covariance)
    assert estimate.firth is not None  # noqa: S101  # estimate_rows sets it for both
    if penalty == "flic":
        return _flic_scores(data, estimate, estimate.firth)
    return _flac_scores(data, estimate, estimate.firth)


def _flic_scores(data: BinaryRows, estimate: Estimate, firth: Vector) -> RowScores:
    slopes = invert(likelihood(data)(firth).information)[1:]
    terms = row_terms(data, estimate.coefficients)
    total, sums = terms.working.sum(), terms.working @ data.X[:, 1:]
    bread = np.zeros((len(firth), len(firth) + 1))
    bread[1:, :-1] = slopes
    # the intercept makes up for what the slopes move: total * d0 = score - sums' d
    bread[0, :-1] = -(sums @ slopes) / total
    bread[0, -1] = 1 / total
    return RowScores(modified_terms(data, firth).residuals, bread, terms.residuals)


def _flac_scores(data: BinaryRows, estimate: Estimate, firth: Vector) -> RowScores:
    beta = estimate.found.estimate
    risk = special.expit(data.predictor(beta[:-1], slice(None)) + beta[-1])
    made = leverages(data, firth) * (0.5 - risk)
    real: RowTerms = row_terms(data, estimate.coefficients)
    bread = invert(estimate.found.information)[:-1]
    return RowScores(real.residuals + made, bread, made)
