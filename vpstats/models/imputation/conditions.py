"""Formulas of an imputation: passive variables, subgroups and shifts. Data, never code."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from vpstats.errors import FormulaError, UsageError
from vpstats.models.columns import Column, read_column, require_columns
from vpstats.models.factors import Factor, factor_columns, learn_factor
from vpstats.models.formula import TRANSFORMS, function_name, quote, read_expression
from vpstats.models.imputation.variables import Variable, flag_numbers

Vector = NDArray[np.float64]
Mask = NDArray[np.bool_]
Index = NDArray[np.intp]


@dataclass(frozen=True)
class Formula:
    """A passive variable: its formula, and what is known of it from the start.

    Parameters
    ----------
    variable : Variable
        Observed values, and computed ones where that is possible already.
    factor : Factor
        The formula; it learns nothing from data.
    ingredients : tuple of str
        Columns that it uses.
    rows : ndarray of int
        Rows to compute: those without an observed value in which all ingredients are defined.
    """

    variable: Variable
    factor: Factor
    ingredients: tuple[str, ...]
    rows: Index

    @property
    def name(self) -> str:
        """The variable."""
        return self.variable.name


def read_passive(
    data: pd.DataFrame,
    name: str,
    text: str,
    variables: Sequence[Variable],
    columns: dict[str, Column],
    groups: Sequence[str],
) -> Formula:
    """Read the formula of a passive variable.

    Parameters
    ----------
    data : DataFrame
        Rows of the model.
    name, text : str
        The variable and its formula, such as ``"weight_kg / height_m ** 2"``.
    variables : sequence of Variable
        The imputation model so far, earlier passive variables included.
    columns : dict of str to Column
        Ingredients so far; those of this formula are added.
    groups : sequence of str
        Columns of clusters, the outermost first.

    Raises
    ------
    FormulaError
        If it holds anything but columns, arithmetic, comparisons and log, exp, sqrt.
    UsageError
        If it uses an incomplete column that is not imputed, or is undefined in some row.
    """
    expression = read_expression(text)
    _check_expression(name, text)
    known = {v.name: v for v in variables}
    for column in expression.columns:
        if column not in columns:
            columns[column] = _ingredient(data, name, column, known)
    used = {c: columns[c] for c in expression.columns}
    factor = learn_factor(expression.text, used)
    if factor.levels is not None:
        raise FormulaError(f"'{text}' makes categories; a passive variable is a number.")
    with_values = [known[c] for c in expression.columns if c in known]
    applies = _joint(with_values)
    observed = np.full(len(data), np.nan)
    if name in data.columns:
        observed = _observed_numbers(data, name)
    computed = factor_columns(factor, used, {0})[0].astype(np.float64)
    complete = ~np.any([c.missing for c in used.values()], axis=0)
    if not np.isfinite(computed[complete & np.isnan(observed)]).all():
        raise UsageError(
            f"its formula '{text}' is infinite or undefined in some rows; correct the values, or "
            "impute the result instead.",
            column=name,
        )
    gaps = np.isnan(observed) if applies is None else np.isnan(observed) & applies
    variable = Variable(
        name,
        np.where(np.isnan(observed) & complete, computed, observed),
        role="passive",
        applies=None if applies is None else applies | ~np.isnan(observed),
        group=_innermost(used, with_values, groups),
    )
    return Formula(variable, factor, expression.columns, np.flatnonzero(gaps))


def _innermost(
    used: Mapping[str, Column], variables: Sequence[Variable], groups: Sequence[str]
) -> str | None:
    """The clusters whose rows share all ingredients; None if a column of rows is among them."""
    own = [v.group for v in variables]
    if len(own) < len(used) or None in own:
        return None
    return max((name for name in own if name is not None), key=list(groups).index)


def _observed_numbers(data: pd.DataFrame, name: str) -> Vector:
    column = flag_numbers(read_column(data[name]))
    if column.levels is not None:
        raise UsageError("holds categories; a passive variable is a number or yes/no.", column=name)
    if np.isinf(column.values).any():
        raise UsageError("holds an infinite number; make it missing or correct it.", column=name)
    return np.asarray(column.values, dtype=np.float64)


def _check_expression(name: str, text: str) -> None:
    for node in ast.walk(read_expression(text).tree):
        if isinstance(node, ast.Call) and TRANSFORMS[function_name(node)].learns:
            raise FormulaError(
                f"'{text}': {function_name(node)}() learns from the data, which change with every "
                f"iteration; '{name}' may use arithmetic, log, exp and sqrt."
            )
        if isinstance(node, ast.Call) and function_name(node) == "C":
            raise FormulaError(f"'{text}' makes categories; a passive variable is a number.")
    if name in read_expression(text).columns:
        raise FormulaError(f"'{text}': '{name}' cannot be made from itself.")


def _joint(variables: Sequence[Variable]) -> Mask | None:
    limits = [v.applies for v in variables if v.applies is not None]
    return np.all(limits, axis=0) if limits else None


def _ingredient(
    data: pd.DataFrame, passive: str, name: str, known: Mapping[str, Variable]
) -> Column:
    if name in known:
        return as_column(known[name])
    require_columns(data, [name])
    column = read_column(data[name])
    if column.missing.any():
        raise UsageError(
            f"is used by '{passive}' and incomplete, but not imputed (or passive, and given "
            "later): name it among variables, or give its formula first.",
            column=name,
        )
    return column


def as_column(variable: Variable) -> Column:
    """A variable as formulas read it: numbers, or codes of its categories; a copy."""
    if variable.levels is None:
        return Column(variable.name, variable.values.copy())
    gaps = np.isnan(variable.values)
    codes = np.where(gaps, -1, variable.values).astype(np.intp)
    if variable.numbers is not None:
        return Column(variable.name, np.where(gaps, np.nan, variable.numbers[codes]))
    return Column(variable.name, codes, variable.levels)


def read_condition(data: pd.DataFrame, name: str, condition: Any, kept: Index) -> Mask:
    """Rows in which a variable is defined.

    Parameters
    ----------
    data : DataFrame
        All rows.
    name : str
        The variable.
    condition : str or array_like of bool
        A formula such as ``"surgery == 1"`` or the name of a yes/no column, or one boolean per
        row of the data.
    kept : ndarray of int
        Positions of the rows in question.

    Returns
    -------
    ndarray of bool, shape of `kept`

    Raises
    ------
    UsageError
        If it is missing in a row, or has the wrong length.
    """
    if isinstance(condition, str):
        text = quote(condition) if condition in data.columns else condition
        values = _condition_values(data, text)[kept]
    else:
        values = np.asarray(pd.array(condition).to_numpy(float, na_value=np.nan), dtype=float)
        if len(values) != len(data):
            raise UsageError(
                f"where= has {len(values):,} values and the data {len(data):,} rows.", column=name
            )
        values = values[kept]
    if np.isnan(values).any():
        raise UsageError(
            f"whether it is defined (where=) is missing in {np.count_nonzero(np.isnan(values)):,} "
            "rows; complete the condition first.",
            column=name,
        )
    return np.asarray(values != 0, dtype=bool)


def _condition_values(data: pd.DataFrame, text: str) -> Vector:
    expression = read_expression(text)
    require_columns(data, expression.columns)
    columns = {c: flag_numbers(read_column(data[c])) for c in expression.columns}
    factor = learn_factor(expression.text, columns)
    if factor.levels is not None:
        values = factor_columns(factor, columns, {len(factor.levels) - 1})
        return np.asarray(next(iter(values.values())), dtype=np.float64)
    return np.asarray(factor_columns(factor, columns, {0})[0], dtype=np.float64)


def row_shifts(data: pd.DataFrame, name: str, delta: Any, by: str | None) -> Vector:
    """Shift of each row's imputed value, shape (n,).

    Parameters
    ----------
    data : DataFrame
        Rows of the model.
    name : str
        The variable.
    delta : float or mapping of str to float
        One shift, or one per category of `by`; categories that are not named have none.
    by : str, optional
        Complete column of groups.
    """
    if not isinstance(delta, Mapping):
        shift = float(delta)
        if not np.isfinite(shift):
            raise UsageError(f"its delta is {delta!r}; expected a finite number.", column=name)
        return np.full(len(data), shift)
    if by is None:
        raise UsageError("a delta per group needs delta_by=, the column of groups.", column=name)
    require_columns(data, [by])
    groups = read_column(data[by], category=True)
    levels = groups.levels or ()
    unknown = [str(key) for key in delta if str(key) not in levels]
    if unknown:
        raise UsageError(
            f"delta names '{unknown[0]}', which '{by}' does not hold; it holds "
            f"{', '.join(levels)}.",
            column=name,
        )
    if groups.missing.any():
        raise UsageError("has missing values; groups of a delta must be known.", column=by)
    wanted = {str(key): float(value) for key, value in delta.items()}
    by_level = np.array([wanted.get(level, 0.0) for level in levels])
    return np.asarray(by_level[groups.values.astype(np.intp)])
