"""Draws of a number: Bayesian linear regression and predictive mean matching.

The design holds every column of the imputation model, the variable itself among them; what a
variable is regressed on is a list of its columns. Columns are standardised beforehand.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

from vpstats.models.covariance import BLOCK

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]
Index = NDArray[np.intp]
Mask = NDArray[np.bool_]

RIDGE = 1e-5
"""Share of its sum of squares that is added to each column's diagonal, as `mice` does: it keeps
nearly collinear columns apart and changes estimates by a part in 100,000."""
DONORS = 5
"""Observed values among which one is drawn (Morris, White & Royston 2014 compare 1 to 10)."""
_DIGITS = 10
"""Predictions are compared to this many digits of a standard deviation, so that rows with equal
predictors are equal donors whatever the order of the sums behind them."""
_PIVOT = 1e-4
"""Smallest share of a column's length that the columns before it must leave over."""


@dataclass(frozen=True, slots=True)
class Line:
    """One draw from the posterior of a linear regression.

    Parameters
    ----------
    estimate, drawn : ndarray, shape (q,)
        Least-squares (ridge) and drawn coefficients over all columns of the design; 0 for columns
        that are not predictors, or that the others determine.
    sigma : float
        Drawn residual standard deviation.
    """

    estimate: Vector
    drawn: Vector
    sigma: float


def gram(X: Matrix, rows: Index) -> Matrix:
    """``X[rows]' X[rows]``, block by block, shape (q, q)."""
    total = np.zeros((X.shape[1], X.shape[1]))
    buffer = np.empty((min(BLOCK, len(rows)), X.shape[1]))
    for start in range(0, len(rows), BLOCK):
        chosen = rows[start : start + BLOCK]
        # "clip" spares numpy a copy; the positions are known to be right
        block = np.take(X, chosen, axis=0, out=buffer[: len(chosen)], mode="clip")
        total += block.T @ block
    return total


def draw_line(
    X: Matrix, own: int, predictors: Index, observed: Index, rng: np.random.Generator
) -> Line:
    """Draw coefficients and residual variance given the observed rows.

    Parameters
    ----------
    X : ndarray, shape (n, q)
        Standardised columns of the imputation model.
    own : int
        Column of the variable.
    predictors : ndarray of int, shape (p,)
        Columns that it is regressed on.
    observed : ndarray of int, shape (k,)
        Rows where it was observed.
    rng : Generator
        Source of chance.

    Returns
    -------
    Line

    References
    ----------
    Rubin DB. Multiple Imputation for Nonresponse in Surveys. Wiley, 1987; page 167.
    """
    sums = gram(X, observed)
    used, root = _factor(sums, predictors)
    cross, total = sums[used, own], sums[own, own]
    estimate = linalg.cho_solve((root, True), cross)
    inner = sums[np.ix_(used, used)]
    residual = total - 2 * estimate @ cross + estimate @ inner @ estimate
    freedom = max(len(observed) - len(used), 1)
    sigma = float(np.sqrt(max(residual, 0.0) / rng.chisquare(freedom)))
    noise = linalg.solve_triangular(root, rng.standard_normal(len(used)), lower=True, trans="T")
    line = Line(np.zeros(X.shape[1]), np.zeros(X.shape[1]), sigma)
    line.estimate[used] = estimate
    line.drawn[used] = estimate + sigma * noise
    return line


def _factor(sums: Matrix, predictors: Index) -> tuple[Index, Matrix]:
    """Predictors that are not determined by others, and the root of their ridged cross-products."""
    lengths = sums.diagonal()[predictors]
    used = predictors[lengths > 0]
    root = _root(sums, used)
    # a pivot is what is left of a column's length, which the ridge alone makes at least RIDGE
    if root is not None and (_pivots(sums, used, root) > _PIVOT).all():
        return used, root
    used = _independent(sums, used)
    root = _root(sums, used)
    if root is None:  # sums that are not finite
        raise linalg.LinAlgError("the cross-products of the imputation model are not finite")
    return used, root


def _root(sums: Matrix, used: Index) -> Matrix | None:
    inner = sums[np.ix_(used, used)]
    inner.flat[:: len(used) + 1] *= 1 + RIDGE
    try:
        return np.asarray(linalg.cholesky(inner, lower=True))
    except (linalg.LinAlgError, ValueError):  # ValueError: not finite
        return None


def _pivots(sums: Matrix, used: Index, root: Matrix) -> Vector:
    return np.asarray(root.diagonal() ** 2 / sums.diagonal()[used])


def _independent(sums: Matrix, used: Index) -> Index:
    """Columns that those before them do not determine, by a Cholesky factor grown one at a time."""
    lengths = np.sqrt(sums.diagonal()[used])
    cosines = sums[np.ix_(used, used)] / np.outer(lengths, lengths)
    chosen: list[int] = []
    for j in range(len(used)):
        if not chosen:
            chosen.append(j)
            continue
        inner = cosines[np.ix_(chosen, chosen)] + RIDGE * np.eye(len(chosen))
        left = 1 - cosines[chosen, j] @ linalg.solve(inner, cosines[chosen, j], assume_a="pos")
        if left > _PIVOT:
            chosen.append(j)
    return used[chosen]


def draw_normal(X: Matrix, line: Line, missing: Index, rng: np.random.Generator) -> Vector:
    """Draw standardised values of the missing rows: prediction plus noise, shape (k,)."""
    return np.asarray(X[missing] @ line.drawn + line.sigma * rng.standard_normal(len(missing)))


def draw_donors(
    X: Matrix, line: Line, observed: Index, missing: Index, rng: np.random.Generator
) -> Index:
    """Draw a donor for each missing row: predictive mean matching of type 1.

    Parameters
    ----------
    X : ndarray, shape (n, q)
        Columns of the imputation model.
    line : Line
        Donors are predicted from its estimate, missing rows from the draw.
    observed, missing : ndarray of int
        Rows.
    rng : Generator
        Source of chance.

    Returns
    -------
    ndarray of int, shape of `missing`
        Positions in `observed`.

    References
    ----------
    Little RJA. Missing-data adjustments in large surveys. J Bus Econ Stat 1988;6:287-296. van
    Buuren S. Flexible Imputation of Missing Data, 2nd edition. CRC Press, 2018; section 3.4.
    """
    fitted = np.round(X @ np.column_stack([line.estimate, line.drawn]), _DIGITS)
    return match(fitted[observed, 0], fitted[missing, 1], rng)


def match(donors: Vector, wanted: Vector, rng: np.random.Generator, count: int = DONORS) -> Index:
    """Draw one of the `count` nearest donors for each wanted value.

    Parameters
    ----------
    donors : ndarray, shape (n,)
        Predictions of the observed rows.
    wanted : ndarray, shape (k,)
        Predictions of the missing rows.
    rng : Generator
        Source of chance; it also says which of equal donors is taken, for each wanted value, so
        that rows with equal predictors draw from all of their like and not from five.
    count : int
        Number of donors; all of them if there are fewer.

    Returns
    -------
    ndarray of int, shape (k,)
        Positions in `donors`.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(1)
    >>> match(np.array([3.0, 1.0, 2.0]), np.array([1.2, 9.0]), rng, count=1)
    array([1, 0])
    """
    n = len(donors)
    count = min(count, n)
    order = np.argsort(donors)
    ordered = donors[order]
    # the nearest donors are neighbours in order; their window moves up while the donor above it
    # is nearer than its lowest
    first = np.clip(np.searchsorted(ordered, wanted) - count, 0, n - count)
    above = np.append(ordered, np.full(count, np.inf))
    for _ in range(count):
        nearer = above[first + count] - wanted < wanted - ordered[first]
        first += nearer & (first + count < n)
    chosen = first + rng.integers(0, count, len(wanted))
    differs = ordered[1:] != ordered[:-1]
    if not differs.all():
        chosen = _among_equals(chosen, differs, rng)
    return np.asarray(order[chosen])


def _among_equals(chosen: Index, differs: Mask, rng: np.random.Generator) -> Index:
    """Another donor of the same prediction for each: which of them are in the window is chance."""
    starts = np.concatenate([[0], np.flatnonzero(differs) + 1])
    sizes = np.diff(np.append(starts, len(differs) + 1))
    run = np.concatenate([[0], np.cumsum(differs)])[chosen]
    return np.asarray(starts[run] + rng.integers(0, sizes[run]))
