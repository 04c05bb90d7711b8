"""A formula is data: which columns, operators and listed transforms it names, and nothing else.

Formulas come out of plan files. They are split by the Wilkinson parser of `formulaic`, but no
part of them is ever evaluated as Python: transforms are read as syntax trees, compared with the
list below, and computed by `vpstats.models.design`.
"""

from __future__ import annotations

import ast
import keyword
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from vpstats.errors import FormulaError

MAX_LENGTH = 20_000
"""Longest formula that is read; a longer one is a mistake or an attack."""

_OPERATORS = re.compile(r"[~+\-*:/^]+")
_MAX_CROSSINGS = 12
"""Most * / ** ^ in one formula; each may double the number of terms."""
_BACKTICKS = re.compile(r"`([^`]+)`")
_PLAIN = re.compile(r"[^\W\d]\w*")


@dataclass(frozen=True, slots=True)
class Transform:
    """A transform that a formula may name.

    Parameters
    ----------
    options : tuple of str
        Names of its options after the first argument, in positional order.
    learns : bool
        Whether it takes something from the data (knots, a mean) that prediction needs again.
    """

    options: tuple[str, ...] = ()
    learns: bool = False


TRANSFORMS: Mapping[str, Transform] = MappingProxyType(
    {
        "I": Transform(),
        "log": Transform(),
        "log2": Transform(),
        "log10": Transform(),
        "log1p": Transform(),
        "exp": Transform(),
        "sqrt": Transform(),
        "C": Transform(("ref",)),
        "center": Transform(learns=True),
        "scale": Transform(learns=True),
        "poly": Transform(("degree",), learns=True),
        "bs": Transform(("df", "knots", "degree"), learns=True),
        "ns": Transform(("df", "knots"), learns=True),
        "cr": Transform(("df", "knots"), learns=True),
        "rcs": Transform(("k", "knots"), learns=True),
    }
)
"""Everything that may be called in a formula."""

_ARITHMETIC = (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.Pow)
_SIGNS = (ast.UAdd, ast.USub)
_COMPARISONS = (ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.Eq, ast.NotEq)


@dataclass(frozen=True, slots=True)
class Expression:
    """One factor of a term: a column, or a transform of columns, as a checked syntax tree.

    Parameters
    ----------
    text : str
        Canonical spelling, the key under which what it learnt is kept.
    tree : ast.expr
        The checked tree; its names are the placeholders of `names` or column names.
    names : mapping of str to str
        Placeholder to column name, for names that stood in backticks.
    """

    text: str
    tree: ast.expr
    names: Mapping[str, str]

    def column(self, node: ast.Name) -> str:
        """The column that a name in the tree stands for."""
        return self.names.get(node.id, node.id)

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns used, in order of appearance."""
        return tuple(dict.fromkeys(self.column(node) for node in _column_nodes(self.tree)))

    @property
    def label(self) -> str:
        """How the factor is called in the names of coefficients: ``C()`` is dropped."""
        if isinstance(self.tree, ast.Call) and function_name(self.tree) == "C":
            return self.columns[0]
        return self.columns[0] if isinstance(self.tree, ast.Name) else self.text


@dataclass(frozen=True, slots=True)
class Formula:
    """A formula, taken apart.

    Parameters
    ----------
    text : str
        The formula as written.
    response : str or None
        Column on the left side.
    intercept : bool
        Whether the right side has an intercept.
    terms : tuple of tuple of str
        Terms on the right side as canonical spellings of their factors, main effects first.
    """

    text: str
    response: str | None
    intercept: bool
    terms: tuple[tuple[str, ...], ...]

    @property
    def factors(self) -> tuple[str, ...]:
        """Distinct factors in order of appearance."""
        return tuple(dict.fromkeys(factor for term in self.terms for factor in term))

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of the right side, in order of appearance."""
        used = (c for factor in self.factors for c in read_expression(factor).columns)
        return tuple(dict.fromkeys(used))


def parse_formula(text: str) -> Formula:
    """Take a formula apart and refuse whatever is not a column, an operator or a listed transform.

    Parameters
    ----------
    text : str
        ``outcome ~ terms`` or ``~ terms`` in Wilkinson's notation; columns whose names are not
        plain words stand in backticks.

    Returns
    -------
    Formula
        Terms ordered by degree, as they were written within a degree.

    Raises
    ------
    FormulaError
        Naming the part that is not allowed; nothing has been evaluated.

    References
    ----------
    Wilkinson GN, Rogers CE. Symbolic description of factorial models for analysis of variance.
    Appl Stat 1973;22:392-399.

    Examples
    --------
    >>> parse_formula("leak ~ cement_ml * C(region) + log(`CRP mg/l`)").terms
    (('cement_ml',), ('C(region)',), ('log(`CRP mg/l`)',), ('cement_ml', 'C(region)'))
    >>> parse_formula("leak ~ __import__('os')")
    Traceback (most recent call last):
    ...
    vpstats.errors.FormulaError: formula 'leak ~ __import__('os')': '__import__' is not a ...
    """
    if not isinstance(text, str) or not text.strip():
        raise FormulaError("a formula is a text such as 'leak ~ cement_ml + C(region)'.")
    if len(text) > MAX_LENGTH:
        raise FormulaError(f"the formula has {len(text):,} characters; at most {MAX_LENGTH:,}.")
    try:
        return _parse(text)
    except RecursionError:
        raise _refusal(text, text, "is nested too deeply") from None


def _parse(text: str) -> Formula:
    from formulaic.errors import FormulaicError
    from formulaic.parser import DefaultFormulaParser
    from formulaic.parser.algos.tokenize import tokenize

    try:
        tokens = list(tokenize(text))
        _check_tokens(text, tokens)
        parsed = DefaultFormulaParser().get_terms(text)
    except (FormulaicError, SyntaxError) as error:
        reason = re.sub(r"\x1b\[[0-9;]*m|[⧛⧚]", "", str(error)).split("\n")[0].rstrip(". ")
        raise FormulaError(
            f"formula '{text}': {reason}. A formula reads 'outcome ~ exposure + covariate'; a name "
            "with blanks or brackets stands between backticks: `Age (years)`."
        ) from None
    sides = parsed._to_dict() if hasattr(parsed, "_to_dict") else {"root": parsed}
    right = [_factors(text, term) for term in sides.get("rhs", sides.get("root", ()))]
    response = _response(text, [_factors(text, term) for term in sides.get("lhs", ())])
    terms = tuple(sorted((term for term in right if term), key=len))
    if not right:
        raise FormulaError(f"formula '{text}' has neither an intercept nor a term.")
    formula = Formula(text, response, () in right, terms)
    if response is not None and response in formula.columns:
        raise _refusal(text, response, "is the outcome and stands on the right side as well")
    return formula


def _check_tokens(text: str, tokens: list[Any]) -> None:
    crossings = sum(c in "*/^" for t in tokens if t.kind.value == "operator" for c in t.token[-1])
    if crossings > _MAX_CROSSINGS:
        raise FormulaError(
            f"the formula crosses {crossings} times with * / **; at most {_MAX_CROSSINGS}. Write "
            "the interactions that are meant as a:b."
        )
    previous = ""
    for token in tokens:
        word, kind = str(token.token), token.kind.value
        if kind == "name":
            _check_name(text, word, token)
        elif kind == "value":
            _check_number(text, word, previous)
        elif kind == "operator" and not _OPERATORS.fullmatch(word):
            raise _refusal(text, word, "is not an operator that formulas may use")
        elif kind == "context" and word not in "()":
            raise _refusal(text, word, "is not allowed; group with round brackets")
        elif kind == "python":
            _checked(text, word)
        previous = word


def _check_name(text: str, word: str, token: Any) -> None:
    start = token.source_start
    if start is not None and text[start : start + 1] == "`":
        return
    if not _is_plain(word):
        raise _refusal(
            text, word, "is not a plain column name; put a column with such a name in backticks"
        )


def _check_number(text: str, word: str, previous: str) -> None:
    if "**" in previous or "^" in previous:
        if word not in ("1", "2", "3", "4"):
            raise _refusal(text, word, "is too high a power; interactions go up to **4")
    elif word not in ("0", "1"):
        raise _refusal(text, word, "is not a column; only 0 and 1 may stand for the intercept")


def _factors(text: str, term: Any) -> tuple[str, ...]:
    """Canonical spellings of a term's factors; the empty tuple is the intercept."""
    factors = (f for f in term.factors if f.eval_method.value != "literal")
    return tuple(
        quote(f.expr) if f.eval_method.value == "lookup" else _checked(text, f.expr).text
        for f in factors
    )


def _response(text: str, left: list[tuple[str, ...]]) -> str | None:
    if not left:
        return None
    expression = read_expression(left[0][0]) if len(left) == 1 and len(left[0]) == 1 else None
    if expression is None or not isinstance(expression.tree, ast.Name):
        raise _refusal(
            text, text.split("~")[0].strip(), "cannot stand on the left side; name one column"
        )
    return expression.columns[0]


def _is_plain(name: str) -> bool:
    return (
        _PLAIN.fullmatch(name) is not None
        and not name.startswith("__")
        and not keyword.iskeyword(name)
    )


def quote(column: str) -> str:
    """Spell a column name as a formula needs it: in backticks unless it is a plain word.

    Examples
    --------
    >>> quote("age"), quote("CRP mg/l")
    ('age', '`CRP mg/l`')
    """
    return column if _is_plain(column) else f"`{column}`"


@lru_cache(maxsize=512)
def read_expression(text: str) -> Expression:
    """Read a factor that `parse_formula` has spelt."""
    return _checked(text, text)


def _checked(formula: str, text: str) -> Expression:
    names: dict[str, str] = {}

    def placeholder(match: re.Match[str]) -> str:
        name = f"column_{len(names)}_"
        while name in text:
            name += "_"
        names[name] = match[1]
        return name

    source = _BACKTICKS.sub(placeholder, text)
    try:
        tree = ast.parse(source.strip(), mode="eval").body
    except (SyntaxError, ValueError, MemoryError):
        raise _refusal(formula, text, "cannot be read") from None
    for part, why in _faults(tree, names):
        raise _refusal(formula, _spell(part, names), why)
    expression = Expression(_spell(tree, names), tree, MappingProxyType(names))
    if not expression.columns:
        raise _refusal(formula, text, "names no column")
    return expression


def _spell(tree: ast.AST, names: Mapping[str, str]) -> str:
    text = ast.unparse(tree)
    for name, column in names.items():
        text = text.replace(name, quote(column))
    return text


def _faults(node: ast.AST, names: Mapping[str, str]) -> Iterator[tuple[ast.AST, str]]:
    """Parts of a tree that are not on the list, innermost last."""
    if isinstance(node, ast.Call):
        yield from _call_faults(node, names)
    elif isinstance(node, ast.Name):
        if node.id not in names and node.id.startswith("__"):
            yield node, "is not a plain column name; put a column with such a name in backticks"
    elif isinstance(node, ast.Constant):
        if not is_number(node):
            yield node, "is not a number"
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, _SIGNS):
        yield from _faults(node.operand, names)
    elif isinstance(node, ast.BinOp) and isinstance(node.op, _ARITHMETIC):
        yield from _faults(node.left, names)
        yield from _faults(node.right, names)
    elif isinstance(node, ast.Compare) and _is_plain_comparison(node):
        yield from _faults(node.left, names)
        yield from _faults(node.comparators[0], names)
    else:
        yield node, "is not allowed in a formula"


def _is_plain_comparison(node: ast.Compare) -> bool:
    return len(node.ops) == 1 and isinstance(node.ops[0], _COMPARISONS)


def _call_faults(node: ast.Call, names: Mapping[str, str]) -> Iterator[tuple[ast.AST, str]]:
    name = function_name(node)
    known = TRANSFORMS[name].options if name in TRANSFORMS else ()
    if name not in TRANSFORMS:
        yield node.func, "is not a transform that formulas may use"
    elif not node.args or len(node.args) > 1 + len(known):
        yield node, f"needs one argument{' and at most ' + ', '.join(known) if known else ''}"
    elif any(option.arg not in known for option in node.keywords):
        yield node, f"has an unknown option; known: {', '.join(known) or 'none'}"
    elif name == "C" and not isinstance(node.args[0], ast.Name):
        yield node.args[0], "cannot stand in C(); name one column"
    else:
        for value in [*node.args[1:], *(option.value for option in node.keywords)]:
            if not _is_option_value(value):
                yield value, "cannot be an option; give a number, a text or a list of numbers"
        yield from _faults(node.args[0], names)


def _is_option_value(node: ast.expr) -> bool:
    if isinstance(node, ast.List | ast.Tuple):
        return bool(node.elts) and all(_is_signed_number(item) for item in node.elts)
    return _is_signed_number(node) or (
        isinstance(node, ast.Constant) and isinstance(node.value, str)
    )


def _is_signed_number(node: ast.expr) -> bool:
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, _SIGNS):
        return is_number(node.operand)
    return is_number(node)


def is_number(node: ast.expr) -> bool:
    """Whether a node is a finite real number."""
    if not isinstance(node, ast.Constant) or isinstance(node.value, bool):
        return False
    return isinstance(node.value, int | float) and math.isfinite(float(node.value))


def function_name(node: ast.Call) -> str:
    """Name that a call calls; empty for anything but a plain name."""
    return node.func.id if isinstance(node.func, ast.Name) else ""


def call_options(node: ast.Call) -> dict[str, Any]:
    """Options of a checked call by name, as plain values."""
    known = TRANSFORMS[function_name(node)].options
    options = dict(zip(known, map(ast.literal_eval, node.args[1:]), strict=False))
    options.update({str(k.arg): ast.literal_eval(k.value) for k in node.keywords})
    return options


def _column_nodes(node: ast.AST) -> Iterator[ast.Name]:
    if isinstance(node, ast.Name):
        yield node
    elif isinstance(node, ast.Call):
        yield from _column_nodes(node.args[0])
    else:
        for child in ast.iter_child_nodes(node):
            yield from _column_nodes(child)


def _refusal(formula: str, part: str, why: str) -> FormulaError:
    shown, part = _shorten(formula), _shorten(part)
    return FormulaError(
        f"formula '{shown}': '{part}' {why}. A formula may hold column names, + - * : / ** "
        f"and the transforms {', '.join(TRANSFORMS)}."
    )


def _shorten(text: str, limit: int = 120) -> str:
    return text if len(text) <= limit else f"{text[:limit]}…"
