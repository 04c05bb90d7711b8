"""Factors of a formula: from columns to numbers or categories, learnt once and applied again.

Transforms are computed by walking their checked syntax trees; nothing is ever handed to Python's
own evaluation.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vpstats.errors import FormulaError, UsageError
from vpstats.models.columns import Column, refuse_written_numbers
from vpstats.models.formula import (
    TRANSFORMS,
    Expression,
    call_options,
    function_name,
    read_expression,
)
from vpstats.models.splines import Basis, evaluate_basis, learn_basis

Vector = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Factor:
    """What one factor of a formula has learnt.

    Parameters
    ----------
    text : str
        The factor as the formula spells it.
    levels : tuple of str or None
        Categories that occurred, the reference first; None for numbers.
    bases : mapping of str to Basis
        What its transforms have learnt, by their spelling.
    width : int
        Number of columns of a numeric factor.
    """

    text: str
    levels: tuple[str, ...] | None
    bases: Mapping[str, Basis]
    width: int = 1

    @property
    def expression(self) -> Expression:
        """The checked syntax tree."""
        return read_expression(self.text)


def category_key(column: str) -> str:
    """Where a column read as categories is kept beside the same column read as numbers."""
    return f"C({column})"


def is_category_call(expression: Expression) -> bool:
    """Whether a factor is ``C(column)``."""
    return isinstance(expression.tree, ast.Call) and function_name(expression.tree) == "C"


def _is_category(expression: Expression, columns: Mapping[str, Column]) -> Column | None:
    if is_category_call(expression):
        return columns[category_key(expression.columns[0])]
    if isinstance(expression.tree, ast.Name) and columns[expression.columns[0]].levels is not None:
        return columns[expression.columns[0]]
    return None


def learn_factor(text: str, columns: Mapping[str, Column]) -> Factor:
    """Learn levels, knots and means of a factor from complete rows.

    Raises
    ------
    UsageError
        If a reference level does not occur, a transform cannot be computed, or a column of many
        numbers was read as text.
    """
    expression = read_expression(text)
    column = _is_category(expression, columns)
    if column is not None:
        if not is_category_call(expression):
            refuse_written_numbers(column)
        return Factor(expression.text, _levels(expression, column), {})
    bases: dict[str, Basis] = {}
    values = _Evaluation(expression, columns, bases, learning=True).columns_of(expression.tree)
    return Factor(expression.text, None, bases, len(values))


def _levels(expression: Expression, column: Column) -> tuple[str, ...]:
    levels = column.levels or ()
    tree = expression.tree
    options = call_options(tree) if isinstance(tree, ast.Call) else {}
    if "ref" not in options:
        return levels
    reference = str(options["ref"])
    if reference not in levels:
        raise UsageError(
            f"the reference '{reference}' is in none of the rows analysed; they hold: "
            f"{', '.join(levels)}.",
            column=column.name,
        )
    return (reference, *(v for v in levels if v != reference))


def factor_columns(
    factor: Factor, columns: Mapping[str, Column], needed: set[int]
) -> dict[int, NDArray[Any]]:
    """Columns of a factor by number: indicators of its levels, or its numbers.

    Parameters
    ----------
    factor : Factor
        As learnt.
    columns : mapping of str to Column
        The columns it uses, n rows each.
    needed : set of int
        Numbers of the columns to make.

    Returns
    -------
    dict of int to ndarray, shape (n,)
        Booleans for a category, floats for numbers.
    """
    category = _is_category(factor.expression, columns)
    if category is not None and factor.levels is not None:
        codes = {level: code for code, level in enumerate(category.levels or ())}
        return {k: category.values == codes[factor.levels[k]] for k in needed}
    evaluation = _Evaluation(factor.expression, columns, dict(factor.bases), learning=False)
    made = evaluation.columns_of(factor.expression.tree)
    return {k: made[k] for k in needed}


class _Evaluation:
    """Walk a checked syntax tree over columns; nothing is handed to Python's own evaluation."""

    def __init__(
        self,
        expression: Expression,
        columns: Mapping[str, Column],
        bases: dict[str, Basis],
        *,
        learning: bool,
    ) -> None:
        self.expression = expression
        self.columns = columns
        self.bases = bases
        self.learning = learning

    def columns_of(self, node: ast.expr) -> list[Vector]:
        """Columns of a factor: one, or several for a basis."""
        if isinstance(node, ast.Call) and TRANSFORMS[function_name(node)].learns:
            return self._basis(node)
        with np.errstate(all="ignore"):  # infinite and undefined values are reported by column
            return [np.asarray(self._number(node), dtype=np.float64)]

    def _basis(self, node: ast.Call) -> list[Vector]:
        key = ast.unparse(node)
        x = self._vector(node.args[0])
        if self.learning:
            if not np.isfinite(x).all():
                raise UsageError(
                    f"{self.expression.text}: holds infinite or undefined values; correct them "
                    "or make them missing."
                )
            self.bases[key] = learn_basis(
                function_name(node), x, call_options(node), self.expression.text
            )
        return evaluate_basis(self.bases[key], x, self.expression.text)

    def _vector(self, node: ast.expr) -> Vector:
        with np.errstate(all="ignore"):
            return np.asarray(self._number(node), dtype=np.float64)

    def _number(self, node: ast.expr) -> Any:
        if isinstance(node, ast.Name):
            return self._column(node)
        if isinstance(node, ast.Constant):
            return np.float64(node.value)  # type: ignore[arg-type]  # checked to be a number
        if isinstance(node, ast.UnaryOp):
            value = self._number(node.operand)
            return -value if isinstance(node.op, ast.USub) else value
        if isinstance(node, ast.BinOp):
            return _ARITHMETIC[type(node.op)](self._number(node.left), self._number(node.right))
        if isinstance(node, ast.Compare):
            return self._comparison(node)
        return self._call(node)

    def _comparison(self, node: ast.Compare) -> Any:
        left, right = self._number(node.left), self._number(node.comparators[0])
        value = _COMPARISONS[type(node.ops[0])](left, right).astype(np.float64)
        return np.where(np.isnan(left) | np.isnan(right), np.nan, value)

    def _call(self, node: ast.expr) -> Any:
        name = function_name(node) if isinstance(node, ast.Call) else ""
        if not isinstance(node, ast.Call) or name == "C":
            raise FormulaError(f"'{self.expression.text}': C() cannot be part of arithmetic.")
        if TRANSFORMS[name].learns:
            basis = self._basis(node)
            if len(basis) > 1:
                raise FormulaError(
                    f"'{self.expression.text}': {name}() makes several columns, which cannot be "
                    "part of arithmetic."
                )
            return basis[0]
        return _FUNCTIONS[name](self._number(node.args[0]))

    def _column(self, node: ast.Name) -> Vector:
        column = self.columns[self.expression.column(node)]
        if column.levels is None:
            return np.asarray(column.values, dtype=np.float64)
        if set(column.levels) <= {"False", "True"}:
            truth = np.array([level == "True" for level in column.levels] + [np.nan])
            return np.asarray(truth[column.values], dtype=np.float64)
        raise UsageError(
            f"holds categories, but '{self.expression.text}' needs numbers.", column=column.name
        )


_ARITHMETIC: Mapping[type, Any] = {
    ast.Add: np.add,
    ast.Sub: np.subtract,
    ast.Mult: np.multiply,
    ast.Div: np.divide,
    ast.Pow: np.power,
}
_COMPARISONS: Mapping[type, Any] = {
    ast.Lt: np.less,
    ast.LtE: np.less_equal,
    ast.Gt: np.greater,
    ast.GtE: np.greater_equal,
    ast.Eq: np.equal,
    ast.NotEq: np.not_equal,
}
_FUNCTIONS: Mapping[str, Any] = {
    "I": np.asarray,
    "log": np.log,
    "log2": np.log2,
    "log10": np.log10,
    "log1p": np.log1p,
    "exp": np.exp,
    "sqrt": np.sqrt,
}
