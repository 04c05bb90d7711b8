"""Columns of the imputation model: read to numbers or codes, and written back as they were."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from vpstats.errors import UsageError
from vpstats.models.columns import YES_NO, YES_NO_CODES, Column, level_text, read_column

Vector = NDArray[np.float64]
Mask = NDArray[np.bool_]

Method = Literal["pmm", "norm", "logistic", "multinomial", "ordinal"]
Role = Literal["imputed", "auxiliary", "outcome", "hazard", "passive"]
METHODS: tuple[Method, ...] = get_args(Method)
_TRUTH = ("False", "True")
STRUCTURAL = "not_applicable"
"""Code of a yes/no column that is no gap: there is nothing to impute."""


@dataclass(frozen=True)
class Variable:
    """One column of the imputation model.

    Parameters
    ----------
    name : str
        Its name.
    values : ndarray, shape (n,)
        Numbers, or positions in `levels`; NaN where missing.
    levels : tuple or None
        Categories that were observed: texts, or numbers where a column of numbers is imputed as
        a category; None for numbers.
    method : str
        How missing values are drawn.
    role : str
        "auxiliary" columns are imputed on the way and handed back as they were, and so are
        outcomes; "hazard" columns are complete; "passive" ones follow from others.
    applies : ndarray of bool, shape (n,), or None
        Rows in which the variable is defined; None for all.
    group : str or None
        Column of clusters whose rows share the value: of patients, or of procedures within them.
    delta : ndarray, shape (n,), or None
        What is added to imputed values (numbers) or their linear predictor (categories).
    unobserved : tuple of str
        Categories of its type that no row has.
    """

    name: str
    values: Vector
    levels: tuple[Any, ...] | None = None
    method: Method = "pmm"
    role: Role = "imputed"
    applies: Mask | None = None
    group: str | None = None
    delta: Vector | None = None
    unobserved: tuple[str, ...] = ()

    @property
    def numbers(self) -> Vector | None:
        """The numbers that its categories stand for, shape (number of levels,), if they do."""
        if self.levels is None or any(isinstance(v, str) for v in self.levels):
            return None
        return np.array(self.levels, dtype=np.float64)

    @property
    def missing(self) -> Mask:
        """Rows to impute, shape (n,)."""
        gaps = np.isnan(self.values)
        return gaps if self.applies is None else gaps & self.applies

    def take(self, rows: NDArray[np.intp]) -> Variable:
        """The variable at some rows, in their order."""
        return replace(
            self,
            values=self.values[rows],
            applies=None if self.applies is None else self.applies[rows],
            delta=None if self.delta is None else self.delta[rows],
        )


def read_variable(series: pd.Series, method: Method | None, role: Role) -> Variable:
    """Read a column and choose its method.

    Parameters
    ----------
    series : Series, shape (n,)
        Any column that a model may use.
    method : str, optional
        The method asked for; by type if None: numbers by predictive mean matching (0/1 numbers
        by logistic regression), two categories by logistic, ordered ones by ordinal and others by
        multinomial regression.
    role : str
        What it does in the model.

    Raises
    ------
    UsageError
        If it holds what a model cannot use, an infinite number, or what the method cannot draw.
    """
    column = read_column(series)
    if column.levels is None:
        values = np.asarray(column.values, dtype=np.float64)
        if np.isinf(values).any():
            raise UsageError(
                "holds an infinite number; make it missing or correct it.", column=column.name
            )
        return _read_number(series, Variable(column.name, values, role=role), method)
    used = column.used_levels()
    values = np.where(used.values < 0, np.nan, used.values).astype(np.float64)
    unobserved = tuple(v for v in column.levels if v not in (used.levels or ()))
    variable = Variable(column.name, values, used.levels, role=role, unobserved=unobserved)
    return _read_category(series, _defined(series, variable), method)


def gaps_of(series: pd.Series) -> Mask:
    """Rows of a column without a value, those to which it does not apply left out, shape (n,)."""
    missing = read_column(series).missing
    if _is_yes_no(series):
        missing = missing & (series != STRUCTURAL).to_numpy()
    return missing


def _is_yes_no(series: pd.Series) -> bool:
    """Whether a column has the yes/no codes, of which one says that it does not apply."""
    if not isinstance(series.dtype, pd.CategoricalDtype):
        return False
    return {level_text(c) for c in series.cat.categories} == YES_NO_CODES


def _defined(series: pd.Series, variable: Variable) -> Variable:
    """Leave out rows whose yes/no code says that the question does not apply."""
    if not _is_yes_no(series):
        return variable
    applies = (series != STRUCTURAL).to_numpy()
    return variable if applies.all() else replace(variable, applies=applies)


def _read_number(series: pd.Series, variable: Variable, method: Method | None) -> Variable:
    known = variable.values[~np.isnan(variable.values)]
    distinct = np.unique(known)
    if method is None:
        method = "logistic" if np.array_equal(distinct, [0.0, 1.0]) else "pmm"
    if method in ("pmm", "norm"):
        if method == "norm" and not pd.api.types.is_float_dtype(series.dtype):
            raise UsageError(
                f"holds {series.dtype} values, which 'norm' would make fractions of; use 'pmm'.",
                column=variable.name,
            )
        return replace(variable, method=method)
    codes = np.searchsorted(distinct, variable.values).astype(np.float64)
    codes[np.isnan(variable.values)] = np.nan
    levels = tuple(float(v) for v in distinct)
    _check_levels(variable.name, method, len(levels))
    return replace(variable, values=codes, levels=levels, method=method)


def _read_category(series: pd.Series, variable: Variable, method: Method | None) -> Variable:
    count = len(variable.levels or ())
    ordered = isinstance(series.dtype, pd.CategoricalDtype) and bool(series.cat.ordered)
    if method is None:
        method = "logistic" if count <= 2 else "ordinal" if ordered else "multinomial"
    if method in ("pmm", "norm"):
        raise UsageError(
            f"holds categories, which '{method}' cannot draw; use 'logistic', 'multinomial' or "
            "'ordinal'.",
            column=variable.name,
        )
    if method == "ordinal" and not ordered:
        raise UsageError(
            "holds categories without an order; make it an ordered categorical, or use "
            "'multinomial'.",
            column=variable.name,
        )
    _check_levels(variable.name, method, count)
    return replace(variable, method=method)


def _check_levels(name: str, method: str, count: int) -> None:
    if method not in METHODS:
        raise UsageError(
            f"the method is '{method}'; expected one of {', '.join(METHODS)}.", column=name
        )
    if method == "logistic" and count > 2:
        raise UsageError(
            f"holds {count} categories; 'logistic' draws two. Use 'multinomial' or 'ordinal'.",
            column=name,
        )


def fill(series: pd.Series, rows: NDArray[np.intp], variable: Variable, drawn: Vector) -> pd.Series:
    """Write drawn values into a copy of a column.

    Parameters
    ----------
    series : Series, shape (n,)
        The column as given.
    rows : ndarray of int, shape (k,)
        Positions to fill.
    variable : Variable
        How its values were read.
    drawn : ndarray, shape (k,)
        Numbers, or positions in the variable's levels.

    Returns
    -------
    Series
        Of the same type, with the same index; other rows are unchanged.
    """
    if variable.levels is None:
        return _put(series, rows, drawn)
    if isinstance(series.dtype, pd.CategoricalDtype):
        texts = [level_text(c) for c in series.cat.categories]
        codes = series.cat.codes.to_numpy().copy()
        positions = np.array([texts.index(level_text(v)) for v in variable.levels], dtype=np.intp)
        codes[rows] = positions[drawn.astype(np.intp)]
        made = pd.Categorical.from_codes(codes, dtype=series.dtype)
        return pd.Series(made, index=series.index, name=series.name)
    return _put(series, rows, _originals(variable.levels)[drawn.astype(np.intp)])


def _originals(levels: tuple[Any, ...]) -> NDArray[Any]:
    if set(levels) <= {"False", "True"}:
        return np.array([v == "True" for v in levels], dtype=object)
    return np.array(levels, dtype=object)


def _put(series: pd.Series, rows: NDArray[np.intp], values: NDArray[Any]) -> pd.Series:
    if pd.api.types.is_integer_dtype(series.dtype):
        values = np.asarray(values, dtype=np.float64)
        whole = np.rint(values)
        if not np.array_equal(whole, values):
            raise UsageError(
                "holds whole numbers, and what would be written into it (shifted by delta, or made "
                "by a formula) are none; make the column float.",
                column=str(series.name),
            )
        values = whole.astype(np.int64)
    array = series.array.copy()
    array[rows] = values
    return pd.Series(array, index=series.index, name=series.name)


def flag_numbers(column: Column) -> Column:
    """A yes/no or boolean column as 0 and 1, NaN where missing; others as they are."""
    if column.levels not in (YES_NO, _TRUTH):
        return column
    return Column(column.name, np.where(column.values < 0, np.nan, column.values).astype(float))


def fill_numbers(series: pd.Series, rows: NDArray[np.intp], values: Vector) -> pd.Series:
    """Write numbers into a copy of a column; 0 and 1 where it is boolean or yes/no."""
    levels = read_column(series).levels
    if levels in (YES_NO, _TRUTH):
        flags = np.asarray(values != 0, dtype=np.float64)
        return fill(series, rows, Variable(str(series.name), flags, levels), flags)
    return _put(series, rows, values)
