"""Separation: whether a direction predicts the outcome so well that no finite estimate exists."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import optimize

from vpstats.errors import InternalError
from vpstats.models.design import independent_columns

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]

MARGIN = 1e-5
"""Margins and directions below this are zero, columns being scaled to 1: two orders above the
feasibility tolerance of the linear programme, which can make up a margin of its own size."""
_FEASIBLE = 1e-7
"""By how much a margin may be negative: the feasibility tolerance of the linear programme."""
_PART = 2_000
"""Rows that the linear programme is given at a time."""


@dataclass(frozen=True, slots=True)
class Separation:
    """What separates the outcome.

    Parameters
    ----------
    kind : str
        "none", "quasi-complete" or "complete".
    columns : tuple of str
        Coefficients that a separating direction uses; their estimates are infinite.
    """

    kind: str
    columns: tuple[str, ...] = ()

    @property
    def found(self) -> bool:
        """Whether the data are separated."""
        return self.kind != "none"


def detect_separation(X: Matrix, y: Vector, names: Sequence[str]) -> Separation:
    """Find every separating direction by linear programming.

    Parameters
    ----------
    X : ndarray, shape (n, p)
        Design matrix of full rank.
    y : ndarray, shape (n,)
        0 or 1.
    names : sequence of str, length p
        Names of the columns.

    Returns
    -------
    Separation
        "complete" if some combination of columns ranks every event above every non-event,
        "quasi-complete" if one does with ties, "none" if the maximum likelihood estimate exists.

    References
    ----------
    Albert A, Anderson JA. On the existence of maximum likelihood estimates in logistic regression
    models. Biometrika 1984;71:1-10. Konis K. Linear programming algorithms for detecting separated
    data in binary logistic regression models. DPhil thesis, University of Oxford, 2007.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.column_stack([np.ones(4), [0.0, 0.0, 1.0, 1.0]])
    >>> detect_separation(X, np.array([0.0, 1.0, 1.0, 1.0]), ["Intercept", "x"])
    Separation(kind='quasi-complete', columns=('x',))
    """
    rows, means, constant = _signed_rows(X, y)
    used = np.zeros(X.shape[1], dtype=bool)
    while len(rows):
        direction = separating_direction(rows)
        ahead = rows @ direction > MARGIN
        if not ahead.any():
            break
        if constant is not None:  # back from centred columns
            direction[constant] -= means @ direction
        used |= np.abs(direction) > MARGIN
        # rows that this direction leaves tied may still be separated by another one
        rows = rows[~ahead]
    kind = "complete" if not len(rows) else "quasi-complete" if used.any() else "none"
    return Separation(kind, tuple(name for name, u in zip(names, used, strict=True) if u))


def _signed_rows(X: Matrix, y: Vector) -> tuple[Matrix, Vector, int | None]:
    """Distinct rows, columns scaled to 1 and centred where there is an intercept, times +1 or -1.

    Also the means that were taken off, and which column is constant. None of this changes whether
    a separating direction exists; it keeps the linear programme well scaled.
    """
    spread = X.max(axis=0) - X.min(axis=0)
    constants = np.flatnonzero((spread == 0) & (X[0] != 0))
    constant = int(constants[0]) if len(constants) else None
    centre = X.mean(axis=0) if constant is not None else np.zeros(X.shape[1])
    centre[constants] = 0.0
    largest = np.abs(X - centre).max(axis=0)
    scale = np.where(largest > 0, largest, 1.0)
    rows = np.unique((X - centre) / scale * np.where(y > 0, 1.0, -1.0)[:, None], axis=0)
    return rows, centre / scale, constant


def separating_direction(rows: Matrix) -> Vector:
    """Direction in the unit box with no negative margin and the largest sum of margins.

    Parameters
    ----------
    rows : ndarray, shape (m, p)
        Columns scaled to about 1; the margin of a row is its product with the direction.

    Returns
    -------
    ndarray, shape (p,)
        All but 0 if every direction has a negative margin or none but 0.

    Notes
    -----
    Of many rows the programme is given a part, and then those that its answer puts on the wrong
    side, until there are none; the answer is that of all rows.
    """
    chosen = independent_columns(rows)  # others would be free to take any value
    direction = np.zeros(rows.shape[1])
    part, gains = rows[:, chosen], rows[:, chosen].sum(axis=0)
    held = np.zeros(len(rows), dtype=bool)
    held[:: max(1, len(rows) // _PART)] = True
    while True:
        found = _largest_gain(part[held], gains)
        margins = part @ found
        wrong = np.flatnonzero((margins < -_FEASIBLE) & ~held)
        if not len(wrong):
            break
        held[wrong[np.argsort(margins[wrong], kind="stable")[:_PART]]] = True
    direction[chosen] = found
    return direction


def _largest_gain(rows: Matrix, gains: Vector) -> Vector:
    found = optimize.linprog(
        -gains, A_ub=-rows, b_ub=np.zeros(len(rows)), bounds=(-1, 1), method="highs"
    )
    if found.x is None:  # no direction at all is always feasible
        raise InternalError(f"the search for separation failed: {found.message}")
    return np.asarray(found.x)
