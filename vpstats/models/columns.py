"""What a column of a table holds: numbers or categories, and which rows are missing.

The one place that knows pandas' types. Everything above works on float arrays, integer codes and
tuples of level names.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api import types

from vpstats.errors import UsageError, did_you_mean
from vpstats.frames import require_table

Vector = NDArray[np.float64]
Mask = NDArray[np.bool_]

NOT_RECORDED = ("unknown", "not_done", "not_applicable")
"""Codes of a yes/no column that say why there is no answer; models count them as missing."""
YES_NO = ("no", "yes")
YES_NO_CODES = frozenset((*YES_NO, *NOT_RECORDED))
"""Codes of a yes/no column; a categorical with exactly these is read as no, yes or missing."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column, read.

    Parameters
    ----------
    name : str
        Its name.
    values : ndarray, shape (n,)
        Numbers, NaN where missing; or codes into `levels`, -1 where missing.
    levels : tuple of str or None
        Names of the categories; None for numbers.
    """

    name: str
    values: NDArray[Any]
    levels: tuple[str, ...] | None = None

    @property
    def missing(self) -> Mask:
        """Rows without a value, shape (n,)."""
        return np.isnan(self.values) if self.levels is None else self.values < 0

    def take(self, rows: NDArray[np.intp] | slice) -> Column:
        """The column at some rows."""
        return replace(self, values=self.values[rows])

    def used_levels(self) -> Column:
        """The column without categories that no row has."""
        if self.levels is None:
            return self
        counts = np.bincount(self.values[self.values >= 0], minlength=len(self.levels))
        if counts.all():
            return self
        used = np.flatnonzero(counts)
        recode = np.full(len(self.levels) + 1, -1, dtype=np.intp)
        recode[used] = np.arange(len(used))
        return replace(self, values=recode[self.values], levels=tuple(self.levels[i] for i in used))


def require_columns(data: pd.DataFrame, names: Iterable[str]) -> None:
    """Check that a table has columns, once each.

    Raises
    ------
    UsageError
        Naming the column and the nearest one that exists.
    """
    require_table(data)
    present = [str(c) for c in data.columns]
    for name in names:
        if name not in present:
            hint = did_you_mean(name, present) or f"it has: {_listed(present)}."
            raise UsageError(f"the table has no such column; {hint}", column=name)
        if present.count(name) > 1:
            raise UsageError("the table has several columns of this name.", column=name)


def read_column(series: pd.Series, *, category: bool = False) -> Column:
    """Read a column of any type that models accept.

    Parameters
    ----------
    series : Series, shape (n,)
        Numbers (nullable or not), booleans, text or a categorical.
    category : bool
        Read numbers as categories, their levels sorted.

    Returns
    -------
    Column
        Booleans have the levels "False" and "True". A categorical whose categories are exactly
        the yes/no codes has the levels "no" and "yes", its other codes being missing.

    Raises
    ------
    UsageError
        For dates, mixtures of text and numbers, and whatever else has no meaning in a model.

    Examples
    --------
    >>> import pandas as pd
    >>> column = read_column(pd.Series(["b", None, "a"], name="region"))
    >>> column.levels, column.values.tolist()
    (('a', 'b'), [1, -1, 0])
    """
    name = str(series.name)
    if isinstance(series.dtype, pd.CategoricalDtype):
        return _read_categorical(name, series.array)
    if types.is_bool_dtype(series.dtype):
        return _read_boolean(name, series)
    if types.is_numeric_dtype(series.dtype) and not types.is_complex_dtype(series.dtype):
        values = _to_float(series)
        return _number_levels(name, values) if category else Column(name, values)
    if types.is_string_dtype(series.dtype) or series.dtype == object:
        return _read_objects(name, series, category=category)
    raise UsageError(
        f"holds values of type {series.dtype}, which a model cannot use; derive a number (such as "
        "days since a date) or a category.",
        column=name,
    )


def _to_float(series: pd.Series) -> Vector:
    return np.asarray(series.to_numpy(dtype=np.float64, na_value=np.nan), dtype=np.float64)


def _read_categorical(name: str, array: pd.Categorical) -> Column:
    levels = tuple(level_text(c) for c in array.categories)
    if len(set(levels)) < len(levels):
        raise UsageError("has categories that read the same.", column=name)
    codes = np.asarray(array.codes, dtype=np.intp)
    if set(levels) == YES_NO_CODES or set(levels) == set(YES_NO):
        return _recode(name, codes, levels, YES_NO)
    return Column(name, codes, levels)


def _read_boolean(name: str, series: pd.Series) -> Column:
    values = _to_float(series)
    codes = np.where(np.isnan(values), -1, np.nan_to_num(values)).astype(np.intp)
    return Column(name, codes, ("False", "True"))


def _number_levels(name: str, values: Vector) -> Column:
    distinct, codes = np.unique(values, return_inverse=True)
    finite = distinct[~np.isnan(distinct)]
    codes = np.where(np.isnan(values), -1, codes).astype(np.intp)
    return Column(name, codes, tuple(level_text(v) for v in finite))


def _read_objects(name: str, series: pd.Series, *, category: bool) -> Column:
    kind = types.infer_dtype(series, skipna=True)
    if kind == "boolean":
        return _read_boolean(name, series.astype("boolean"))
    if kind == "empty":
        return Column(name, np.full(len(series), np.nan))
    if kind in ("integer", "floating", "mixed-integer-float", "decimal"):
        return read_column(pd.to_numeric(series).rename(name), category=category)
    if kind != "string":
        raise UsageError(
            f"holds {kind} values; expected numbers, booleans, text or a categorical.", column=name
        )
    codes, distinct = pd.factorize(series, sort=True)
    return Column(name, np.asarray(codes, dtype=np.intp), tuple(str(v) for v in distinct))


def level_text(value: Any) -> str:
    """Name of a category: whole numbers without a decimal point, whatever type held them."""
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))
    return str(value)


def _recode(
    name: str, codes: NDArray[np.intp], levels: Sequence[str], wanted: Sequence[str]
) -> Column:
    """Codes into `wanted`; -1 for every other level."""
    recode = np.array([*(wanted.index(v) if v in wanted else -1 for v in levels), -1])
    return Column(name, recode[codes].astype(np.intp), tuple(wanted))


def match_levels(column: Column, levels: tuple[str, ...]) -> Column:
    """Recode a new table's column to the levels that a fit has learnt.

    Raises
    ------
    UsageError
        Naming a level that the fit has never seen.
    """
    found = column.used_levels()
    if found.levels is None:
        if np.isnan(found.values).all():
            return Column(column.name, np.full(len(found.values), -1, dtype=np.intp), levels)
        raise UsageError(
            f"holds numbers; the model was fitted with the categories {_listed(levels)}.",
            column=column.name,
        )
    unanswered = NOT_RECORDED if levels == YES_NO else ()
    unseen = [v for v in found.levels if v not in levels and v not in unanswered]
    if unseen:
        raise UsageError(
            f"holds the category '{unseen[0]}', which the model has not seen; it was fitted with "
            f"{_listed(levels)}.",
            column=column.name,
        )
    return _recode(column.name, found.values, found.levels, levels)


def read_response(series: pd.Series) -> Vector:
    """Read a two-valued outcome.

    Parameters
    ----------
    series : Series, shape (n,)
        0/1, booleans, or text or a categorical of yes/no codes.

    Returns
    -------
    ndarray, shape (n,)
        1 for the event, 0 for none, NaN where missing ("unknown", "not_done" and
        "not_applicable" are missing).

    Raises
    ------
    UsageError
        If it holds anything else.
    """
    column = read_column(series).used_levels()
    if column.levels is None:
        values = np.asarray(column.values, dtype=np.float64)
        odd = ~np.isnan(values) & ~np.isin(values, (0.0, 1.0))
        if odd.any():
            some = _listed([level_text(v) for v in np.unique(values[odd])], limit=3)
            where = f"{some} in {np.count_nonzero(odd):,} of {len(values):,} rows"
            raise _not_binary(column.name, f"holds other numbers than 0 and 1 ({where})")
        return values
    pair = ("False", "True") if set(column.levels) <= {"False", "True"} else YES_NO
    if not set(column.levels) <= {*pair, *NOT_RECORDED}:
        raise _not_binary(column.name, f"holds the categories {_listed(column.levels)}")
    codes = _recode(column.name, column.values, column.levels, pair).values
    return np.where(codes < 0, np.nan, codes).astype(np.float64)


def _not_binary(name: str, what: str) -> UsageError:
    return UsageError(
        f"{what}; an outcome has two values: 0/1, true/false or yes/no. Derive such a column.",
        column=name,
    )


def read_numbers(data: pd.DataFrame, name: str) -> Vector:
    """Read a column that must hold numbers or booleans, NaN where missing, shape (n,).

    Raises
    ------
    UsageError
        If there is no such column, or it holds text, or an infinite number.
    """
    require_columns(data, [name])
    column = read_column(data[name])
    if column.levels is not None and column.levels != ("False", "True"):
        raise UsageError(_no_numbers(name, column.levels), column=name)
    if column.levels is not None:
        return np.where(column.values < 0, np.nan, column.values).astype(np.float64)
    if np.isinf(column.values).any():
        raise UsageError("holds an infinite number; make it missing or correct it.", column=name)
    return np.asarray(column.values, dtype=np.float64)


def _no_numbers(name: str, levels: Sequence[str]) -> str:
    """Say what a column of text holds, and how numbers are made of it.

    Dates are not quoted, since a date may tell who a patient is.
    """
    if written_as_numbers(levels):
        return f"holds numbers written as text; expected numbers. {_convert(levels, name)}."
    if all(_DATE.match(level) for level in levels):
        return (
            "holds dates written as text; expected numbers, such as days of follow-up. Read both "
            "dates with pandas.to_datetime and subtract the date at which follow-up starts."
        )
    listed = f"holds the categories {_listed(levels)}; expected numbers"
    answers = {level.casefold(): level for level in levels}
    if set(answers) <= set(YES_NO) and "yes" in answers:
        return f"{listed}: 1 for yes and 0 for no, (data['{name}'] == '{answers['yes']}') * 1."
    return f"{listed}."


_DATE = re.compile(r"\d{4}-\d\d?-\d\d?|\d\d?[./-] ?\d\d?[./-] ?\d{2,4}")


def written_as_numbers(levels: Sequence[str]) -> bool:
    """Whether every category is the text of a number, with a decimal point or comma.

    Examples
    --------
    >>> written_as_numbers(["4,5", "4.0"]), written_as_numbers(["T12", "4"])
    (True, False)
    """
    return bool(levels) and all(re.fullmatch(r"[-+]?\d+([.,]\d+)?", x.strip()) for x in levels)


_MOST_CODES = 12
"""Categories up to which numbers written as text may be codes; a factor rarely has more."""


def refuse_written_numbers(column: Column) -> None:
    """Refuse a column of many different numbers that was read as text, as after a bad import.

    Each number would become a category with a coefficient of its own.

    Raises
    ------
    UsageError
        Naming both remedies.
    """
    levels = column.levels or ()
    if len(levels) > _MOST_CODES and written_as_numbers(levels):
        raise UsageError(
            f"holds numbers written as text, {len(levels)} different ones. "
            f"{_convert(levels, column.name)}; write C({column.name}) if they are categories.",
            column=column.name,
        )


def _convert(levels: Sequence[str], name: str) -> str:
    point = ".str.replace(',', '.')" if any("," in level for level in levels) else ""
    return f"Convert them with pandas.to_numeric(data['{name}']{point})"


def _listed(words: Iterable[str], limit: int = 12) -> str:
    words = list(words)
    shown = ", ".join(f"'{w}'" for w in words[:limit])
    return shown if len(words) <= limit else f"{shown} and {len(words) - limit} more"
