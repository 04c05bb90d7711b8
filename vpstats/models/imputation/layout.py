"""The imputation model as arrays: a design for rows, one for patients, and what to draw.

Everything is a plain array, so that a chain can be sent to another process.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vpstats.models.columns import Column
from vpstats.models.factors import Factor
from vpstats.models.imputation.variables import Variable

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]
Index = NDArray[np.intp]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Coding:
    """How a variable becomes columns of the design.

    Parameters
    ----------
    own : slice
        Its columns: one of standardised numbers, or an indicator for every category but the
        first; a last one says where the variable is defined, if that is not everywhere.
    count : int
        Number of categories; 0 for numbers.
    centre, scale : float
        Of numbers.
    flagged : bool
        Whether the last column is that indicator.
    """

    own: slice
    count: int
    centre: float
    scale: float
    flagged: bool

    def columns(self, values: Vector) -> Matrix:
        """Columns of values that are defined, shape (k, width without the flag)."""
        if not self.count:
            return np.asarray((values - self.centre) / self.scale)[:, None]
        return np.asarray(values[:, None] == np.arange(1, self.count), dtype=float)

    @property
    def moving(self) -> slice:
        """The columns that a drawn value changes."""
        return slice(self.own.start, self.own.stop - self.flagged)


@dataclass(frozen=True)
class Target:
    """One variable to draw, on the design of its table.

    Parameters
    ----------
    name, method : str
        The variable and how it is drawn.
    group : str or None
        The clusters on whose table it is drawn; None for rows.
    coding : Coding
        Its columns.
    predictors : ndarray of int, shape (p,)
        Columns of the design that it is regressed on, the intercept first.
    observed, missing : ndarray of int
        Rows of its table.
    known : ndarray, shape of `observed`
        Observed numbers or codes.
    delta : ndarray, shape of `missing`, or None
        Shift of each draw.
    rows, source : ndarray of int
        Rows of the data that a draw fills, and the position in `missing` that each takes.
    numbers : ndarray, shape (count,), or None
        The numbers that its categories stand for, where they stand for numbers.
    """

    name: str
    method: str
    group: str | None
    coding: Coding
    predictors: Index
    observed: Index
    missing: Index
    known: Vector
    delta: Vector | None
    rows: Index
    source: Index
    numbers: Vector | None


@dataclass(frozen=True)
class Passive:
    """A variable that follows from others.

    Parameters
    ----------
    name : str
        The variable.
    factor : Factor
        Its formula.
    ingredients : tuple of str
        Columns that the formula uses.
    rows : ndarray of int
        Rows to compute.
    coding : Coding
        Its column.
    """

    name: str
    factor: Factor
    ingredients: tuple[str, ...]
    rows: Index
    coding: Coding


@dataclass(frozen=True)
class Groups:
    """Rows in clusters: those of a patient, or of a procedure, follow one another.

    Parameters
    ----------
    starts, sizes : ndarray of int, shape (N,)
        First row of each cluster, and how many there are.
    sums : ndarray of int
        Columns of the rows' design whose sum per cluster is a predictor too (outcomes).
    """

    starts: Index
    sizes: Index
    sums: Index

    def means(self, X: Matrix, columns: slice | Index) -> Matrix:
        """Mean of columns over the rows of each cluster, shape (N, k)."""
        return np.asarray(np.add.reduceat(X[:, columns], self.starts) / self.sizes[:, None])


@dataclass(frozen=True)
class Problem:
    """Everything that a chain needs.

    Parameters
    ----------
    X : ndarray, shape (n, q)
        Design of the rows: intercept, then every variable's columns; what is to be imputed is 0.
    targets : tuple of Target
        In the order in which they are drawn: fewest missing values first.
    passives : tuple of Passive
        In the order in which they are computed.
    ingredients : mapping of str to Column
        Columns that passive variables use, as observed.
    groups : mapping of str to Groups
        Clusters that some variable is drawn by, under their column.
    """

    X: Matrix
    targets: tuple[Target, ...]
    passives: tuple[Passive, ...]
    ingredients: Mapping[str, Column]
    groups: Mapping[str, Groups]


def encode(variables: Sequence[Variable]) -> tuple[Matrix, dict[str, Coding]]:
    """Lay variables side by side as columns of a design.

    Parameters
    ----------
    variables : sequence of Variable
        With n values each.

    Returns
    -------
    ndarray, shape (n, q)
        The intercept, then every variable; 0 where a value is missing.
    dict of str to Coding
        Where each variable's columns are.
    """
    codings: dict[str, Coding] = {}
    start = 1
    for variable in variables:
        coding = _coding(variable, start)
        codings[variable.name] = coding
        start = coding.own.stop
    X = np.zeros((len(variables[0].values) if variables else 0, start))
    X[:, 0] = 1.0
    for variable in variables:
        coding = codings[variable.name]
        known = np.flatnonzero(~np.isnan(variable.values))
        X[known, coding.moving] = coding.columns(variable.values[known])
        if coding.flagged and variable.applies is not None:
            X[:, coding.own.stop - 1] = variable.applies
    return X, codings


def _coding(variable: Variable, start: int) -> Coding:
    count = 0 if variable.levels is None else len(variable.levels)
    flagged = variable.applies is not None and not variable.applies.all()
    width = (count - 1 if count else 1) + flagged
    known = variable.values[~np.isnan(variable.values)]
    centre, scale = 0.0, 1.0
    if not count and len(known):
        centre, spread = float(known.mean()), float(known.std())
        # the spread of a constant column is rounding
        scale = spread if spread > 1e-12 * (1 + abs(centre)) else 1.0
    return Coding(slice(start, start + width), count, centre, scale, bool(flagged))


def group_columns(X: Matrix, groups: Groups) -> Matrix:
    """Design of the clusters, shape (N, q + sums + 1): means, sums of outcomes, and size.

    A covariate of a patient is learnt from the means of the rows' covariates, from how many
    outcomes there were, and from how many rows there are.
    """
    means = groups.means(X, slice(None))
    sums = means[:, groups.sums] * groups.sizes[:, None]
    sizes = groups.sizes.astype(float)
    spread = sizes.std()
    size = (sizes - sizes.mean()) / spread if spread > 0 else np.zeros(len(sizes))
    return np.column_stack([means, sums, size])


def make_target(
    variable: Variable,
    coding: Coding,
    predictors: Index,
    groups: Groups | None,
) -> Target:
    """Lay out what is to be drawn of a variable, by row or by the clusters that share it."""
    rows = np.flatnonzero(variable.missing)
    known = ~np.isnan(variable.values)
    if groups is None:
        observed, missing, source = np.flatnonzero(known), rows, np.arange(len(rows))
        values, delta = variable.values[observed], _at(variable.delta, rows)
    else:
        first = groups.starts
        missing = np.flatnonzero(variable.missing[first])
        observed = np.flatnonzero(known[first])
        values, delta = variable.values[first[observed]], _at(variable.delta, first[missing])
        source = np.repeat(np.arange(len(missing)), groups.sizes[missing])
    return Target(
        variable.name,
        variable.method,
        None if groups is None else variable.group,
        coding,
        predictors,
        observed,
        missing,
        values,
        delta,
        rows,
        source,
        variable.numbers,
    )


def _at(values: Vector | None, rows: Index) -> Vector | None:
    return None if values is None else values[rows]
