"""Verified rows weighted by the inverse of their probability of having been verified."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import special

from vpstats.models.cells import Function, slopes
from vpstats.models.design import build_design
from vpstats.models.logistic import fit_logistic

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]
Mask = NDArray[np.bool_]
Codes = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class WeightedCounts:
    """Shares of test × disease among all tested rows, with what their variance needs.

    Parameters
    ----------
    joint : ndarray, shape (4,)
        Shares of test − without, test − with, test + without and test + with the disease.
    influence : ndarray, shape (units, 4)
        Sum of each row's (or cluster's) influence on them.
    factor : float
        K/(K − 1) for clusters, 1 for independent rows.
    df : float
        Degrees of freedom of intervals.
    reason : str
        Why there are no shares; empty where there are.
    """

    joint: Vector
    influence: Matrix
    factor: float
    df: float
    reason: str = ""

    def transform(self, function: Function) -> tuple[Vector, Matrix]:
        """Values and covariance of a smooth function of the shares."""
        with np.errstate(all="ignore"):
            values = np.real(function(self.joint.astype(complex)))
            moved = self.influence @ slopes(function, self.joint).T
            return values, self.factor * (moved.T @ moved)


def weigh_verified(
    test: Codes, diseased: Mask, verified: Mask, covariates: pd.DataFrame, cluster: Codes | None
) -> WeightedCounts:
    """Weight verified rows by a logistic model of verification within each test result.

    Parameters
    ----------
    test : ndarray of 0 and 1, shape (n,)
        Result of the test.
    diseased, verified : ndarray of bool, shape (n,)
        Reference positive; reference known.
    covariates : DataFrame, shape (n, q)
        What verification depends on besides the test; without columns its share is used.
    cluster : ndarray of int, shape (n,), optional
        Codes of the clusters.

    Returns
    -------
    WeightedCounts
        Weights are estimated, which the variance knows. Where every row of a test result was
        verified its weights are 1.

    References
    ----------
    Robins JM, Rotnitzky A, Zhao LP. Estimation of regression coefficients when some regressors
    are not always observed. J Am Stat Assoc 1994;89:846-866. Alonzo TA, Pepe MS. Assessing
    accuracy of a continuous screening test in the presence of verification bias. J R Stat Soc C
    2005;54:173-190.
    """
    n = test.size
    influence = np.zeros((n, 4))
    joint = np.zeros(4)
    reasons = []
    for result in (0, 1):
        own = np.flatnonzero(test == result)
        parts = slice(2 * result, 2 * result + 2)
        outcome = np.column_stack([~diseased[own], diseased[own]]).astype(np.float64)
        sums, pulled, reason = _weigh(outcome, verified[own], covariates.iloc[own])
        joint[parts], influence[own, parts] = sums.sum(axis=0) / n, sums + pulled
        reasons += [f"Among test {'+' if result else '−'}: {reason}"] if reason else []
    influence = (influence - joint) / n
    if cluster is None:
        return WeightedCounts(joint, influence, 1.0, np.inf, " ".join(reasons))
    codes = np.unique(cluster, return_inverse=True)[1]
    sums = np.column_stack([np.bincount(codes, influence[:, k]) for k in range(4)])
    clusters = len(sums)
    factor = clusters / (clusters - 1) if clusters > 1 else np.nan
    return WeightedCounts(joint, sums, factor, max(1, clusters - 1), " ".join(reasons))


def _weigh(outcome: Matrix, verified: Mask, covariates: pd.DataFrame) -> tuple[Matrix, Matrix, str]:
    """Weighted outcomes of rows with one test result, and the pull of the estimated weights."""
    nothing = np.zeros_like(outcome)
    if verified.all():
        return outcome, nothing, ""
    if not verified.any():
        return nothing, nothing, "no row was verified; accuracy cannot be corrected."
    names = [f"c{k}" for k in range(covariates.shape[1])]
    rows = covariates.set_axis(names, axis=1).reset_index(drop=True).assign(verified=verified)
    formula = f"verified ~ {' + '.join(names) or '1'}"
    fit = fit_logistic(rows, formula)
    if not fit.ok:
        return nothing, nothing, (
            f"the model of verification has no estimate ({fit.status}); use fewer covariates, or "
            "method='begg-greenes' with categories."
        )  # fmt: skip
    X = build_design(rows, formula, response=True).X
    chance = special.expit(X @ fit.coefficients[np.isfinite(fit.coefficients)])
    return *_pull(X, chance, outcome * verified[:, None], verified), ""


def _pull(X: Matrix, chance: Vector, seen: Matrix, verified: Mask) -> tuple[Matrix, Matrix]:
    """Weighted outcomes, and their projection on the score of the model of verification."""
    weighted = seen / chance[:, None]
    slope = -X.T @ (weighted * (1 - chance)[:, None])
    information = X.T @ (X * (chance * (1 - chance))[:, None])
    score: Any = X * (verified - chance)[:, None]
    return weighted, score @ np.linalg.solve(information, slope)
