"""Reading columns of every type into numbers, codes and missing."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest

from vpstats.errors import UsageError
from vpstats.models.columns import (
    YES_NO_CODES,
    Column,
    match_levels,
    read_column,
    read_numbers,
    read_response,
    require_columns,
)
from vpstats.models.logistic import fit_logistic
from vpstats.schema import YES_NO

NAN = float("nan")


def series(values: Any, dtype: Any = None) -> pd.Series:
    return pd.Series(values, dtype=dtype, name="x")


def test_the_yes_no_codes_are_those_of_the_schema() -> None:
    assert frozenset(YES_NO) == YES_NO_CODES


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        ([1, 2, NAN], "float64"),
        ([1, 2, pd.NA], "Int64"),
        ([1, 2, pd.NA], "Float64"),
        ([1, 2, None], "object"),
        ([Decimal(1), Decimal(2), None], "object"),
        ([1, 2.0, None], "object"),
        ([1, 2, None], "float32"),
    ],
)
def test_numbers(values: list[Any], dtype: str) -> None:
    column = read_column(series(values, dtype))
    assert column.levels is None
    assert column.values.dtype == np.float64
    np.testing.assert_array_equal(column.values, [1.0, 2.0, NAN])
    np.testing.assert_array_equal(column.missing, [False, False, True])


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        (["b", None, "a", "b"], "object"),
        (["b", pd.NA, "a", "b"], "string"),
        (["b", NAN, "a", "b"], "category"),
    ],
)
def test_text(values: list[Any], dtype: str) -> None:
    column = read_column(series(values, dtype))
    assert column.levels == ("a", "b")
    assert column.values.tolist() == [1, -1, 0, 1]


@pytest.mark.parametrize("dtype", ["boolean", "object"])
def test_booleans(dtype: str) -> None:
    column = read_column(series([True, None, False], dtype))
    assert column.levels == ("False", "True")
    assert column.values.tolist() == [1, -1, 0]


def test_declared_categories_keep_their_order_and_unused_ones_go() -> None:
    column = read_column(series(pd.Categorical(["c", "a"], categories=["c", "b", "a"])))
    assert column.levels == ("c", "b", "a")
    used = column.used_levels()
    assert used.levels == ("c", "a")
    assert used.values.tolist() == [0, 1]


@pytest.mark.parametrize("dtype", ["int64", "Int64", "float64", "category"])
def test_numbers_as_categories_read_the_same_whatever_held_them(dtype: str) -> None:
    column = read_column(series([2, 1, 2], dtype), category=True)
    assert column.levels == ("1", "2")
    assert column.values.tolist() == [1, 0, 1]


def test_the_codes_of_yes_no_columns_are_answers_or_missing() -> None:
    values = ["yes", "unknown", "no", None, "not_done", "not_applicable"]
    column = read_column(series(pd.Categorical(values, categories=list(YES_NO))))
    assert column.levels == ("no", "yes")
    assert column.values.tolist() == [1, -1, 0, -1, -1, -1]


def test_other_categories_keep_unknown_as_a_category() -> None:
    values = pd.Categorical(["yes", "unknown", "no"], categories=["yes", "no", "unknown"])
    assert read_column(series(values)).levels == ("yes", "no", "unknown")


def test_all_missing() -> None:
    column = read_column(series([None, None], "object"))
    assert column.missing.all()


@pytest.mark.parametrize(
    ("values", "what"),
    [
        (pd.to_datetime(["2020-01-01"]), "datetime64"),
        (pd.to_timedelta([1], unit="D"), "timedelta64"),
        ([1 + 2j], "complex"),
        (["a", 1], "mixed"),
        ([date(2020, 1, 1)], "date"),
        ([[1], [2]], "mixed"),
        (pd.Categorical([1, "1"]), "read the same"),
    ],
)
def test_what_has_no_meaning_in_a_model(values: Any, what: str) -> None:
    with pytest.raises(UsageError, match=what) as caught:
        read_column(series(values))
    assert caught.value.column == "x"


@pytest.mark.parametrize(
    "values",
    [
        [1, 0, None],
        [True, False, None],
        pd.array([1, 0, None], dtype="Int64"),
        pd.array([True, False, None], dtype="boolean"),
        ["yes", "no", None],
        ["yes", "no", "unknown"],
        pd.Categorical(["yes", "no", "not_done"], categories=list(YES_NO)),
        pd.Categorical(["yes", "no", "unknown"]),
    ],
)
def test_a_response_has_two_values(values: Any) -> None:
    np.testing.assert_array_equal(read_response(series(values)), [1.0, 0.0, NAN])


@pytest.mark.parametrize(
    "values", [[0, 1, 2], [0.5, 1], [1, 2], ["y", "n"], ["yes", "maybe"], [-1, 1]]
)
def test_other_outcomes_are_refused(values: Any) -> None:
    with pytest.raises(UsageError, match="two values") as caught:
        read_response(series(values))
    assert caught.value.column == "x"


def test_new_rows_are_matched_to_learnt_levels() -> None:
    column = match_levels(read_column(series(["b", None])), ("a", "b", "c"))
    assert column == Column("x", column.values, ("a", "b", "c"))
    assert column.values.tolist() == [1, -1]


def test_unseen_levels_are_named() -> None:
    with pytest.raises(UsageError, match=r"column 'x'.*'d'.*not seen.*'a', 'b'"):
        match_levels(read_column(series(["d"])), ("a", "b"))


def test_numbers_are_not_categories() -> None:
    with pytest.raises(UsageError, match="fitted with the categories"):
        match_levels(read_column(series([1.0])), ("a", "b"))


def test_an_empty_column_matches_any_levels() -> None:
    assert match_levels(read_column(series([None], "object")), ("a",)).values.tolist() == [-1]


@pytest.mark.parametrize("values", [["unknown", "yes"], ["not_done", "yes"]])
def test_unanswered_is_missing_where_yes_and_no_were_learnt(values: list[str]) -> None:
    assert match_levels(read_column(series(values)), ("no", "yes")).values.tolist() == [-1, 1]


def test_a_missing_column_names_the_nearest() -> None:
    data = pd.DataFrame({"cement_ml": [1.0]})
    with pytest.raises(UsageError, match=r"'cement_mL'.*did you mean 'cement_ml'"):
        require_columns(data, ["cement_mL"])
    with pytest.raises(UsageError, match="it has: 'cement_ml'"):
        require_columns(data, ["zzz"])


def test_a_column_that_is_there_twice() -> None:
    data = pd.DataFrame([[1, 2]], columns=["x", "x"])
    with pytest.raises(UsageError, match="several columns"):
        require_columns(data, ["x"])


def test_numbers_for_weights_and_offsets() -> None:
    data = pd.DataFrame({"w": [1, 2], "b": [True, False], "t": ["a", "b"], "i": [1, np.inf]})
    assert read_numbers(data, "w").tolist() == [1.0, 2.0]
    assert read_numbers(data, "b").tolist() == [1.0, 0.0]
    for name, what in (("t", "expected numbers"), ("i", "infinite"), ("z", "no such column")):
        with pytest.raises(UsageError, match=what):
            read_numbers(data, name)


@pytest.mark.parametrize(
    ("values", "words", "silent"),
    [
        (["Yes", "no"], r"1 for yes and 0 for no, \(data\['x'\] == 'Yes'\)", "#"),
        (["2020-03-01", "2021-04-02"], "dates written as text.*subtract the date", "2020"),
        (["01.03.2020", "2.4.21"], "dates written as text.*subtract the date", "2020"),
        (["4,5", "3"], r"numbers written as text.*to_numeric\(data\['x'\]\.str\.replace", "#"),
        (["4.5", "3"], r"numbers written as text.*to_numeric\(data\['x'\]\)", "replace"),
    ],
)
def test_text_in_place_of_numbers_says_how_they_are_made(
    values: list[str], words: str, silent: str
) -> None:
    with pytest.raises(UsageError, match=words) as caught:
        read_numbers(pd.DataFrame({"x": values}), "x")
    assert silent not in str(caught.value)


def test_many_numbers_written_as_text_are_no_categories() -> None:
    ages = [str(60 + i) for i in range(13)] * 4
    data = pd.DataFrame({"leak": [0, 1] * 26, "age": ages})
    with pytest.raises(UsageError, match=r"13 different ones.*to_numeric.*C\(age\)"):
        fit_logistic(data, "leak ~ age")
    assert len(fit_logistic(data, "leak ~ C(age)").terms) == len(set(ages))
    few = data.assign(age=[str(1 + i % 4) for i in range(52)])
    assert len(fit_logistic(few, "leak ~ age").terms) > 1  # codes may be numbers


def test_a_word_of_a_name_finds_it() -> None:
    data = pd.DataFrame(columns=["age_at_proc", "crp_before_procedure", "highest_crp_of_all"])
    with pytest.raises(UsageError, match="did you mean 'age_at_proc'"):
        require_columns(data, ["age"])
    with pytest.raises(UsageError, match="mean 'crp_before_procedure' or 'highest_crp_of_all'"):
        require_columns(data, ["crp"])
