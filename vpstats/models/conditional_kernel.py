"""The exact conditional likelihood of matched sets, from statsmodels, ready for Newton steps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vpstats.errors import UsageError
from vpstats.models.covariance import Clusters
from vpstats.models.newton import Evaluation

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]
Codes = NDArray[np.intp]

MOST_ROWS = 500
"""Rows of a stratum up to which the recursion over its rows neither overflows nor nests too deep.
With so many an unconditional model with a category per stratum has next to no bias."""
_STEP = 1e-4
"""Step of the differences that make the information, in spreads of a column: central differences
of an exact score are then wrong in the ninth digit."""


@dataclass(frozen=True)
class MatchedRows:
    """Rows of the strata that can be compared within.

    Parameters
    ----------
    Z : ndarray, shape (n, p)
        Design matrix, centred in each stratum and divided by `spread`.
    y : ndarray, shape (n,)
        1 for an event, 0 for none.
    codes : ndarray of int, shape (n,)
        Stratum of each row, 0 to count - 1.
    spread : ndarray, shape (p,)
        Spread of each column within strata; 0 for one that does not vary there.
    """

    Z: Matrix
    y: Vector
    codes: Codes
    spread: Vector

    @classmethod
    def build(cls, X: Matrix, y: Vector, codes: Codes) -> MatchedRows:
        """Centre and scale a design matrix within strata.

        Raises
        ------
        UsageError
            If a stratum has more rows than the recursion can hold.
        """
        _, codes = np.unique(codes, return_inverse=True)
        sizes = np.bincount(codes)
        if len(sizes) and sizes.max() > MOST_ROWS:
            raise UsageError(
                f"a stratum has {sizes.max():,} rows; conditioning is for small strata, up to "
                f"{MOST_ROWS}. Use fit_logistic() with the stratum as a category."
            )
        if not len(codes):
            return cls(X, y, codes.astype(np.intp), np.zeros(X.shape[1]))
        sums = np.array([np.bincount(codes, x) for x in X.T]).reshape(X.shape[1], len(sizes))
        Z = X - (sums / sizes).T[codes]
        spread = np.sqrt((Z**2).mean(axis=0))
        # what rounding leaves of a column that does not vary is no variation
        spread[spread <= 1e-10 * np.abs(X).max(axis=0)] = 0.0
        return cls(Z / np.where(spread > 0, spread, 1.0), y, codes.astype(np.intp), spread)

    @property
    def count(self) -> int:
        """Number of strata."""
        return int(self.codes.max()) + 1 if len(self.codes) else 0

    def take(self, columns: Codes) -> MatchedRows:
        """Some of the columns."""
        return replace(self, Z=self.Z[:, columns], spread=self.spread[columns])


def informative(strata: Clusters, y: Vector) -> tuple[NDArray[np.bool_], int]:
    """Rows of strata with an event and a row free of it, and how many strata are not such."""
    events = np.bincount(strata.codes, y, strata.count)
    sizes = np.bincount(strata.codes, minlength=strata.count)
    useful = (events > 0) & (events < sizes)
    return useful[strata.codes], int(np.count_nonzero(~useful))


def conditional_likelihood(rows: MatchedRows) -> Callable[[Vector], Evaluation]:
    """Conditional log-likelihood, score and information as a function of the coefficients."""
    model = _model(rows)

    def evaluate(beta: Vector) -> Evaluation:
        with np.errstate(over="ignore", invalid="ignore"):  # too far out: the value is not finite
            value, score = float(model.loglike(beta)), np.asarray(model.score(beta))
            information = _information(model.score, beta)
        return Evaluation(value, score, information)

    return evaluate


def _model(rows: MatchedRows) -> Any:
    from statsmodels.discrete.conditional_models import ConditionalLogit

    return ConditionalLogit(rows.y, rows.Z, groups=rows.codes)


def _information(score: Callable[[Vector], Any], beta: Vector) -> Matrix:
    steps = _STEP * np.eye(len(beta))
    bends = [np.asarray(score(beta - h)) - np.asarray(score(beta + h)) for h in steps]
    information = np.array(bends) / (2 * _STEP)
    return np.asarray((information + information.T) / 2)


def cluster_scores(rows: MatchedRows, beta: Vector, clusters: Clusters) -> Matrix:
    """Score of each cluster, the sum over its strata, shape (G, p)."""
    model = _model(rows)
    # statsmodels keeps strata in the order of their first rows
    order = list(dict.fromkeys(rows.codes.tolist()))
    scores = np.array([model.score_grp(g, beta) for g in range(len(order))])
    owner = np.empty(rows.count, dtype=np.intp)
    owner[rows.codes] = clusters.codes
    sums = np.zeros((clusters.count, len(beta)))
    np.add.at(sums, owner[order], scores)
    return sums


def pairs_within(rows: MatchedRows) -> Matrix:
    """Difference of every event and every row free of it in a stratum, shape (pairs, p)."""
    order = np.argsort(rows.codes, kind="stable")
    parts = []
    for index in np.split(order, np.cumsum(np.bincount(rows.codes))[:-1]):
        happened = rows.y[index] > 0
        events, others = rows.Z[index[happened]], rows.Z[index[~happened]]
        parts.append((events[:, None, :] - others).reshape(-1, rows.Z.shape[1]))
    return np.unique(np.vstack(parts), axis=0)
