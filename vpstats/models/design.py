"""Formula and table to a frozen design matrix, and the same matrix for new rows.

The matrix is built once, as a C-ordered float array. What was learnt on the way (levels,
reference, knots, means) stays in a `DesignSpec`, which holds no rows and can be applied to new
ones.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from vpstats.errors import FormulaError, UsageError
from vpstats.models.columns import (
    Column,
    match_levels,
    read_column,
    read_response,
    require_columns,
)
from vpstats.models.factors import (
    Factor,
    category_key,
    factor_columns,
    is_category_call,
    learn_factor,
)
from vpstats.models.formula import Formula, parse_formula, read_expression

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]
Rows = NDArray[np.intp]

INTERCEPT = "Intercept"
ALIAS_TOLERANCE = 1e-7
"""A column is aliased when the part of it that the columns before it leave over is shorter than
this share of the column; R's ``lm`` uses the same."""
_BLOCK = 4096
_LARGEST = 1e150
"""Larger values count as infinite: their squares are."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """How one column of the matrix is made.

    Parameters
    ----------
    name : str
        Name of the coefficient.
    term : str
        Term that it belongs to.
    parts : tuple of (str, int)
        Factors to multiply, each with the number of its level or basis column; none for the
        intercept.
    """

    name: str
    term: str
    parts: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class DesignSpec:
    """Everything that is needed to build the same matrix for other rows; no rows are inside.

    Parameters
    ----------
    formula : str
        The formula as written.
    response : str or None
        Column on the left side.
    factors : mapping of str to Factor
        What each factor has learnt.
    recipes : tuple of Recipe
        The columns in order, without aliased ones.
    """

    formula: str
    response: str | None
    factors: Mapping[str, Factor]
    recipes: tuple[Recipe, ...]

    @property
    def terms(self) -> tuple[str, ...]:
        """Names of the coefficients."""
        return tuple(r.name for r in self.recipes)

    @property
    def assign(self) -> tuple[str, ...]:
        """The term that each coefficient belongs to."""
        return tuple(r.term for r in self.recipes)

    @property
    def variables(self) -> tuple[str, ...]:
        """Columns of the right side, in order of appearance."""
        used = (c for f in self.factors.values() for c in f.expression.columns)
        return tuple(dict.fromkeys(used))

    @property
    def has_intercept(self) -> bool:
        """Whether the first column is the intercept."""
        return bool(self.recipes) and self.recipes[0].parts == ()


@dataclass(frozen=True)
class Design:
    """A design matrix with its rows, its names and where they came from.

    Parameters
    ----------
    X : ndarray, shape (n, p)
        C-ordered design matrix of the complete rows.
    y : ndarray, shape (n,), or None
        Response, 0 or 1.
    spec : DesignSpec
        How to build the same matrix for other rows.
    kept : ndarray of int, shape (n,)
        Positions of the complete rows in the table as given.
    n_missing : int
        Rows left out because a value was missing.
    aliased : tuple of str
        Columns left out because the ones before them determine them.
    constant : tuple of str
        Those of them that have one value in all rows.
    """

    X: Matrix
    y: Vector | None
    spec: DesignSpec
    kept: Rows
    n_missing: int
    aliased: tuple[str, ...] = ()
    constant: tuple[str, ...] = ()

    def why_left_out(self, name: str) -> str:
        """A sentence about an aliased column."""
        if name in self.constant:
            return f"{name} has one value in all rows and was left out."
        return f"{name} is determined by other columns and was left out."

    @property
    def terms(self) -> tuple[str, ...]:
        """Names of the p columns."""
        return self.spec.terms

    @property
    def assign(self) -> tuple[str, ...]:
        """The term that each column belongs to."""
        return self.spec.assign

    @property
    def variables(self) -> tuple[str, ...]:
        """Columns of the table that the right side uses."""
        return self.spec.variables


def build_design(
    data: pd.DataFrame,
    formula: str,
    *,
    response: bool,
    intercept: bool = True,
    also: Sequence[str] = (),
) -> Design:
    """Build the design matrix of a formula from the complete rows of a table.

    Parameters
    ----------
    data : DataFrame, shape (m, any)
        One row per unit; unchanged.
    formula : str
        ``outcome ~ terms``, or ``~ terms`` where `response` is False.
    response : bool
        Whether the formula has a left side.
    intercept : bool
        False for hazards: categories are coded as with an intercept, and it is then left out.
    also : sequence of str
        Further columns that a row must have (cluster, weights, duration, …).

    Returns
    -------
    Design
        Categories (text, categoricals, booleans, ``C(x)``) are treatment-coded against the first
        level that occurs, or ``C(x, ref="level")``; ordered categoricals too. Without complete
        rows, `X` has none, and one column per term.

    Raises
    ------
    FormulaError
        If the formula holds anything but columns, operators and the listed transforms.
    UsageError
        If a column is missing or holds what a model cannot use.

    Examples
    --------
    >>> import pandas as pd
    >>> rows = pd.DataFrame(
    ...     {"leak": [0, 1, 1, 0, 1], "ml": [2.0, 4.5, 5.0, 3.0, None], "region": list("abacb")}
    ... )
    >>> design = build_design(rows, "leak ~ ml + C(region)", response=True)
    >>> design.terms, design.n_missing
    (('Intercept', 'ml', 'region[T.b]', 'region[T.c]'), 1)
    """
    parsed = parse_formula(formula)
    _check_sides(parsed, response=response, intercept=intercept)
    left = (parsed.response,) if parsed.response is not None else ()
    require_columns(data, (*left, *parsed.columns, *also))
    columns = {name: read_column(data[name]) for name in parsed.columns}
    columns.update(_numbers_as_categories(data, parsed))
    y = None if parsed.response is None else read_response(data[parsed.response])
    missing = _missing(data, columns.values(), y, also)
    kept = np.flatnonzero(~missing)
    if len(kept) < len(data):
        columns = {name: column.take(kept) for name, column in columns.items()}
        y = None if y is None else y[kept]
    columns = {name: column.used_levels() for name, column in columns.items()}
    spec, X, aliased, constant = _learn(parsed, columns, len(kept), intercept=intercept)
    return Design(X, y, spec, kept, len(data) - len(kept), aliased, constant)


def _check_sides(parsed: Formula, *, response: bool, intercept: bool) -> None:
    if response and parsed.response is None:
        raise FormulaError(f"formula '{parsed.text}' needs the outcome on its left side.")
    if not response and parsed.response is not None:
        raise FormulaError(
            f"formula '{parsed.text}' must not have a left side; begin with '~'. The outcome is "
            "named by arguments."
        )
    if not intercept and not parsed.intercept:
        raise FormulaError(
            f"formula '{parsed.text}': this model has no intercept anyway; leave out 0 and - 1."
        )


def _numbers_as_categories(data: pd.DataFrame, parsed: Formula) -> dict[str, Column]:
    calls = [e for e in map(read_expression, parsed.factors) if is_category_call(e)]
    names = dict.fromkeys(e.columns[0] for e in calls)
    return {category_key(name): read_column(data[name], category=True) for name in names}


def _missing(
    data: pd.DataFrame, columns: Iterable[Column], y: Vector | None, also: Sequence[str]
) -> NDArray[np.bool_]:
    missing = np.zeros(len(data), dtype=bool)
    for column in columns:
        missing |= column.missing
    for name in also:
        missing |= data[name].isna().to_numpy(dtype=bool)
    return missing if y is None else missing | np.isnan(y)


def _learn(
    parsed: Formula, columns: Mapping[str, Column], n: int, *, intercept: bool
) -> tuple[DesignSpec, Matrix, tuple[str, ...], tuple[str, ...]]:
    if n == 0:
        return *_empty(parsed, intercept=intercept), ()
    factors = {text: learn_factor(text, columns) for text in parsed.factors}
    recipes = _recipes(parsed, factors)
    _check_names(parsed, recipes)
    spec = DesignSpec(parsed.text, parsed.response, factors, recipes)
    X = _assemble(spec, columns, n)
    _check_finite(X, spec.terms)
    alone = [f.expression.label for f in factors.values() if f.levels and len(f.levels) == 1]
    full = independent_columns(X)
    out = [j for j in range(len(recipes)) if j not in full]
    aliased = [recipes[j].name for j in out]
    constant = [recipes[j].name for j in out if np.ptp(X[:, j]) == 0]
    chosen = [j for j in full if intercept or recipes[j].parts]
    if len(chosen) < len(recipes):
        spec = replace(spec, recipes=tuple(recipes[j] for j in chosen))
        X = _keep_columns(X, chosen)
    alone = list(dict.fromkeys(alone))
    return spec, X, (*alone, *aliased), (*alone, *constant)


def _keep_columns(X: Matrix, chosen: Sequence[int]) -> Matrix:
    """Some columns of a matrix of ours, moved together within its own memory."""
    kept = X.reshape(-1)[: len(X) * len(chosen)].reshape(len(X), len(chosen))
    for start in range(0, len(X), _BLOCK):  # no row moves behind rows that are still to be read
        rows = slice(start, start + _BLOCK)
        kept[rows] = X[rows][:, chosen]
    return kept


def _empty(parsed: Formula, *, intercept: bool) -> tuple[DesignSpec, Matrix, tuple[str, ...]]:
    """No rows, so nothing is known of levels or knots: one column per term, which predicts NaN."""
    names = [":".join(read_expression(f).label for f in term) for term in parsed.terms]
    recipes = [Recipe(name, name, ((name, 0),)) for name in names]
    if intercept and parsed.intercept:
        recipes.insert(0, Recipe(INTERCEPT, INTERCEPT, ()))
    spec = DesignSpec(parsed.text, parsed.response, {}, tuple(recipes))
    return spec, np.empty((0, len(recipes))), ()


def _recipes(parsed: Formula, factors: Mapping[str, Factor]) -> tuple[Recipe, ...]:
    """Columns of every term, coded so that they do not repeat what other terms span.

    A category is coded by contrasts where the term without it is in the model, else by all its
    levels (Chambers & Hastie, Statistical Models in S, 1992, section 2.4).
    """
    present = {frozenset(term) for term in parsed.terms}
    recipes = []
    if parsed.intercept:
        present.add(frozenset())
        recipes.append(Recipe(INTERCEPT, INTERCEPT, ()))
    for term in parsed.terms:
        choices = [_choices(factors[f], frozenset(term) - {f} in present) for f in term]
        if len(term) == 1 and factors[term[0]].levels is not None:
            present.add(frozenset())  # all levels of a first factor span the intercept
        label = ":".join(factors[f].expression.label for f in term)
        for reverse in itertools.product(*reversed(choices)):
            parts = reverse[::-1]
            name = ":".join(word for word, _ in parts)
            positions = tuple((f, k) for f, (_, k) in zip(term, parts, strict=True))
            recipes.append(Recipe(name, label, positions))
    return tuple(recipes)


def _choices(factor: Factor, contrasts: bool) -> list[tuple[str, int]]:
    """Names and numbers of a factor's columns."""
    label = factor.expression.label
    if factor.levels is None:
        many = factor.width > 1
        return [(f"{label}[{k + 1}]" if many else label, k) for k in range(factor.width)]
    if contrasts:
        return [(f"{label}[T.{v}]", k) for k, v in enumerate(factor.levels) if k > 0]
    return [(f"{label}[{v}]", k) for k, v in enumerate(factor.levels)]


def _check_names(parsed: Formula, recipes: Sequence[Recipe]) -> None:
    names = [r.name for r in recipes]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise FormulaError(f"formula '{parsed.text}' makes the column '{twice}' twice.")


def _assemble(spec: DesignSpec, columns: Mapping[str, Column], n: int) -> Matrix:
    parts: dict[tuple[str, int], NDArray[Any]] = {}
    needed = {part for recipe in spec.recipes for part in recipe.parts}
    for text, factor in spec.factors.items():
        numbers = {k for name, k in needed if name == text}
        made = factor_columns(factor, columns, numbers) if numbers else {}
        parts.update({(text, k): values for k, values in made.items()})
    X = np.empty((n, len(spec.recipes)))
    # block by block, so that the rows being filled stay in cache
    for start in range(0, n, _BLOCK):
        rows = slice(start, start + _BLOCK)
        for j, recipe in enumerate(spec.recipes):
            X[rows, j] = _product([parts[part][rows] for part in recipe.parts])
    return X


def _product(factors: Sequence[NDArray[Any]]) -> NDArray[Any] | float:
    if not factors:
        return 1.0
    value = factors[0]
    for factor in factors[1:]:
        value = value * factor
    return value


def _check_finite(X: Matrix, terms: Sequence[str]) -> None:
    with np.errstate(over="ignore", invalid="ignore"):
        squares = np.einsum("ij,ij->j", X, X)
    if (squares < _LARGEST**2).all():  # one quick sweep; no value can be too large then
        return
    for j, term in enumerate(terms):
        usable = np.abs(X[:, j]) < _LARGEST
        if not usable.all():
            raise UsageError(
                f"{term} is infinite or undefined in {np.count_nonzero(~usable):,} rows (an "
                "infinite value, a logarithm of zero, a root of a negative number); correct the "
                "values or make them missing."
            )


def independent_columns(X: Matrix, tolerance: float = ALIAS_TOLERANCE) -> list[int]:
    """Positions of the columns that are not linear combinations of those before them.

    Parameters
    ----------
    X : ndarray, shape (n, p)
        Design matrix, n > 0.
    tolerance : float
        Share of its length that a column must have left over.

    Returns
    -------
    list of int
        In order. A QR decomposition that moves dependent columns to the end, as R's ``lm`` does,
        so that of two equal columns the later one is left out.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.array([1.0, 2.0, 4.0])
    >>> independent_columns(np.column_stack([np.ones(3), x, 2 * x - 1]))
    [0, 1]
    """
    gram = X.T @ X
    lengths = np.sqrt(gram.diagonal())
    if len(X) >= X.shape[1] and _clearly_independent(gram, lengths):
        return list(range(X.shape[1]))
    basis: list[Vector] = []
    chosen = []
    for j in range(X.shape[1]):
        rest = X[:, j] / lengths[j] if lengths[j] > 0 else X[:, j].copy()
        for _ in range(2):  # twice is enough for full accuracy (Kahan, Parlett)
            for q in basis:
                rest -= (q @ rest) * q
        left = float(np.linalg.norm(rest))
        if left > tolerance:
            basis.append(rest / left)
            chosen.append(j)
    return chosen


def _clearly_independent(gram: Matrix, lengths: Vector) -> bool:
    """Cheap sufficient check on the matrix of cosines; most designs need no more."""
    if not (lengths > 0).all():
        return False
    cosines = gram / np.outer(lengths, lengths)
    try:
        pivots = np.diag(np.linalg.cholesky(cosines))
    except np.linalg.LinAlgError:
        return False
    return bool(pivots.min() > 1e-4)


def apply_design(spec: DesignSpec, new: pd.DataFrame) -> Matrix:
    """Build the matrix of a fitted design for new rows.

    Parameters
    ----------
    spec : DesignSpec
        What the fit has learnt.
    new : DataFrame, shape (m, any)
        Rows with the columns of the right side; unchanged.

    Returns
    -------
    ndarray, shape (m, p)
        C-ordered; NaN throughout a row in which a value is missing.

    Raises
    ------
    UsageError
        If a column is missing, or holds a category that the fit has not seen (the column and the
        category are named) or an infinite number, or a B-spline is asked for a value outside of
        its range.

    Examples
    --------
    >>> import pandas as pd
    >>> rows = pd.DataFrame({"leak": [0, 1, 1], "region": ["a", "b", "a"]})
    >>> spec = build_design(rows, "leak ~ region", response=True).spec
    >>> apply_design(spec, pd.DataFrame({"region": ["b", None]}))
    array([[ 1.,  1.],
           [nan, nan]])
    """
    if any(part not in spec.factors for r in spec.recipes for part, _ in r.parts):
        return np.full((len(new), len(spec.recipes)), np.nan)
    require_columns(new, spec.variables)
    columns = _new_columns(spec, new)
    X = _assemble(spec, columns, len(new))
    missing = _missing(new, columns.values(), None, ())
    X[missing] = 0.0
    _check_finite(X, spec.terms)
    X[missing] = np.nan
    return X


def _new_columns(spec: DesignSpec, new: pd.DataFrame) -> dict[str, Column]:
    columns: dict[str, Column] = {}
    for factor in spec.factors.values():
        expression = factor.expression
        for name in expression.columns:
            if factor.levels is None:
                columns.setdefault(name, read_column(new[name]))
                continue
            is_call = is_category_call(expression)
            column = match_levels(read_column(new[name], category=is_call), factor.levels)
            columns[category_key(name) if is_call else name] = column
    return columns
