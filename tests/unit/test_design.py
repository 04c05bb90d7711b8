"""Formula and table to a design matrix: coding, missing rows, aliased columns, new rows."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pandas as pd
import pytest

from vpstats.errors import FormulaError, UsageError
from vpstats.models.design import Design, apply_design, build_design, independent_columns

NAN = float("nan")


def table(**columns: Any) -> pd.DataFrame:
    return pd.DataFrame({"y": [0, 1, 0, 1, 1, 0], **columns})


def build(data: pd.DataFrame, right: str, **options: Any) -> Design:
    return build_design(data, f"y ~ {right}", response=True, **options)


NUMBERS = table(
    a=[1.0, 2, 3, 4, 5, 7],
    b=[2.0, 1, 0, 1, 3, 5],
    g=list("xyzxyz"),
    h=list("pqpqqp"),
    f=list("sttsst"),
)


def test_the_matrix_written_in_full() -> None:
    design = build(NUMBERS, "a*g")
    assert design.terms == ("Intercept", "a", "g[T.y]", "g[T.z]", "a:g[T.y]", "a:g[T.z]")
    assert design.assign == ("Intercept", "a", "g", "g", "a:g", "a:g")
    assert design.variables == ("a", "g")
    np.testing.assert_array_equal(
        design.X,
        [
            [1, 1, 0, 0, 0, 0],
            [1, 2, 1, 0, 2, 0],
            [1, 3, 0, 1, 0, 3],
            [1, 4, 0, 0, 0, 0],
            [1, 5, 1, 0, 5, 0],
            [1, 7, 0, 1, 0, 7],
        ],
    )
    np.testing.assert_array_equal(design.y, NUMBERS["y"])
    assert design.X.flags.c_contiguous
    assert design.X.dtype == np.float64


@pytest.mark.parametrize(
    ("right", "terms"),
    [
        ("1", ("Intercept",)),
        ("C(g, ref='z')", ("Intercept", "g[T.x]", "g[T.y]")),
        ("C(g, ref='y') + h", ("Intercept", "g[T.x]", "g[T.z]", "h[T.q]")),
        ("0 + g", ("g[x]", "g[y]", "g[z]")),
        ("0 + g + h", ("g[x]", "g[y]", "g[z]", "h[T.q]")),
        ("0 + a + h", ("a", "h[p]", "h[q]")),
        ("a:h", ("Intercept", "a:h[p]", "a:h[q]")),
        ("a + a:h", ("Intercept", "a", "a:h[T.q]")),
        ("h + a:h", ("Intercept", "h[T.q]", "a:h[p]", "a:h[q]")),
        ("f + f:h", ("Intercept", "f[T.t]", "f[s]:h[T.q]", "f[t]:h[T.q]")),
        ("I(a > 3)", ("Intercept", "I(a > 3)")),
        ("I((a + b) / 2) + I(-a**2)", ("Intercept", "I((a + b) / 2)", "I(-a ** 2)")),
        ("poly(a, 2)", ("Intercept", "poly(a, 2)[1]", "poly(a, 2)[2]")),
        ("C(b)", ("Intercept", "b[T.1]", "b[T.2]", "b[T.3]", "b[T.5]")),
        ("C(b, ref=2)", ("Intercept", "b[T.0]", "b[T.1]", "b[T.3]", "b[T.5]")),
    ],
)
def test_coding_and_names(right: str, terms: tuple[str, ...]) -> None:
    assert build(NUMBERS, right).terms == terms


def test_arithmetic() -> None:
    a, b = NUMBERS["a"], NUMBERS["b"]
    expected = {
        "I((a + b) * 2 - 1)": (a + b) * 2 - 1,
        "I(-a / 2)": -a / 2,
        "I(+a ** 0.5)": a**0.5,
        "log(a + 1)": np.log(a + 1),
        "log2(a)": np.log2(a),
        "log10(a)": np.log10(a),
        "log1p(b)": np.log1p(b),
        "exp(-a)": np.exp(-a),
        "sqrt(b)": np.sqrt(b),
    }
    for right, values in expected.items():
        np.testing.assert_array_equal(build(NUMBERS, f"0 + {right}").X[:, 0], values)


@pytest.mark.parametrize(
    "comparison", ["a < 3", "a <= 3", "a > 3", "a >= 3", "a == 3", "a != 3", "a > b"]
)
def test_comparisons_are_zero_or_one(comparison: str) -> None:
    X = build(NUMBERS, f"I({comparison})").X
    np.testing.assert_array_equal(X[:, 1], NUMBERS.eval(comparison).astype(float))


def test_booleans_are_categories_and_count_as_numbers_in_arithmetic() -> None:
    data = table(f=[True, False, True, True, False, False])
    design = build(data, "f")
    assert design.terms == ("Intercept", "f[T.True]")
    np.testing.assert_array_equal(design.X[:, 1], data["f"])
    np.testing.assert_array_equal(build(data, "I(f * 3)").X[:, 1], 3 * data["f"])


def test_missing_rows_are_left_out_and_counted() -> None:
    data = table(
        a=[1.0, NAN, 3, 4, 5, 6],
        f=pd.array([1, 2, None, 4, 5, 7], dtype="Int64"),
        g=["x", "y", "x", None, "y", "y"],
        w=[1.0, 1, 1, 1, NAN, 1],
    )
    design = build(data, "a + f + C(g)", also=["w"])
    assert design.kept.tolist() == [0, 5]
    assert design.n_missing == 4
    assert build(data, "a").n_missing == 1
    data.loc[0, "y"] = None
    assert build(data, "a").kept.tolist() == [2, 3, 4, 5]


def test_positions_count_rows_whatever_the_index() -> None:
    data = table(a=[NAN, 2.0, 3, 1, 5, 7]).set_index(pd.Index([7, 7, 3, 3, 1, 1]))
    assert build(data, "a").kept.tolist() == [1, 2, 3, 4, 5]


def test_levels_are_those_of_the_complete_rows() -> None:
    g = pd.Categorical(list("xyzxyx"), categories=list("wzyx"))
    data = table(a=[1.0, 2, NAN, 4, 5, 6], g=g)
    assert build(data, "a + g").terms == ("Intercept", "a", "g[T.x]")  # no w, and z has no a


def test_ordered_categories_are_coded_like_others() -> None:
    g = pd.Categorical(list("xyzxyz"), categories=list("zyx"), ordered=True)
    assert build(table(g=g), "g").terms == ("Intercept", "g[T.y]", "g[T.x]")


def test_a_reference_that_does_not_occur() -> None:
    with pytest.raises(UsageError, match=r"reference 'w' is in none of the rows.*x, y, z"):
        build(NUMBERS, "C(g, ref='w')")


def test_aliased_columns_are_left_out_and_named() -> None:
    data = NUMBERS.assign(c=2 * NUMBERS["a"] - NUMBERS["b"], k=3.0)
    design = build(data, "a + b + c + k")
    assert design.terms == ("Intercept", "a", "b")
    assert design.aliased == ("c", "k")
    assert design.X.shape == (6, 3)


def test_a_category_with_one_level_is_named() -> None:
    design = build(NUMBERS.assign(k="only"), "a + k")
    assert design.terms == ("Intercept", "a")
    assert design.aliased == ("k",)


def test_nearly_equal_columns_stay() -> None:
    data = NUMBERS.assign(c=NUMBERS["a"] * (1 + 1e-5 * NUMBERS["b"]))
    assert build(data, "a + c").aliased == ()


def test_more_columns_than_rows() -> None:
    wide = np.vander(np.arange(3.0), 5, increasing=True)
    assert independent_columns(wide) == [0, 1, 2]
    assert independent_columns(np.zeros((3, 2))) == []


def test_no_complete_row() -> None:
    design = build(table(a=[NAN] * 6, g=list("xyzxyz")), "a * C(g)")
    assert design.X.shape == (0, 4)
    assert design.terms == ("Intercept", "a", "g", "a:g")
    assert design.n_missing == 6
    assert np.isnan(apply_design(design.spec, NUMBERS)).all()


def test_no_row_at_all() -> None:
    assert build(NUMBERS.iloc[:0], "a + bs(b) + g").X.shape == (0, 4)
    none = build_design(NUMBERS.iloc[:0], "~ a + g", response=False, intercept=False)
    assert none.terms == ("a", "g")


def test_without_a_left_side_there_is_no_intercept_but_contrasts_as_with_one() -> None:
    design = build_design(NUMBERS, "~ g + a", response=False, intercept=False)
    assert design.terms == ("g[T.y]", "g[T.z]", "a")
    assert design.y is None
    np.testing.assert_array_equal(design.X, build(NUMBERS, "g + a").X[:, 1:])
    constant = build_design(NUMBERS.assign(k=3.0), "~ k + a", response=False, intercept=False)
    assert constant.aliased == ("k",)
    assert build_design(NUMBERS, "~ 1", response=False, intercept=False).X.shape == (6, 0)


def test_the_sides_must_fit_the_model() -> None:
    with pytest.raises(FormulaError, match="needs the outcome on its left side"):
        build_design(NUMBERS, "~ a", response=True)
    with pytest.raises(FormulaError, match="must not have a left side"):
        build_design(NUMBERS, "y ~ a", response=False)
    with pytest.raises(FormulaError, match="no intercept anyway"):
        build_design(NUMBERS, "~ 0 + a", response=False, intercept=False)


def test_a_natural_spline_goes_on_as_a_straight_line() -> None:
    rng = np.random.default_rng(11)
    data = pd.DataFrame({"y": rng.integers(0, 2, 40), "a": rng.gamma(2, 2, 40)})
    design = build(data, "ns(a, df=4)")
    low, high = data["a"].min(), data["a"].max()
    at = np.array([low - 2, low - 1, low, high, high + 1, high + 2, NAN])
    X = apply_design(design.spec, pd.DataFrame({"a": at}))[:, 1:]
    np.testing.assert_allclose(X[2] - X[1], X[1] - X[0], atol=1e-12)
    np.testing.assert_allclose(X[5] - X[4], X[4] - X[3], atol=1e-12)
    assert np.isnan(X[6]).all()
    # the curvature vanishes at the ends and not between
    step = (high - low) * 1e-4
    places = pd.DataFrame({"a": [low + step, low + 2 * step, low + 3 * step]})
    near = apply_design(design.spec, places)[:, 1:]
    middle = apply_design(design.spec, places - low + data["a"].median())[:, 1:]
    curved = np.abs(np.diff(middle, 2, axis=0)).max() / step**2
    assert np.abs(np.diff(near, 2, axis=0)).max() / step**2 < 1e-2 * curved


SPECS = ["a*g", "C(b, ref=2) + g", "bs(a, df=4)", "rcs(a, 3):h", "poly(a, 3)", "log(a) + center(b)",
         "scale(log(a))", "I(a > 3) + b:g", "0 + g:a", "ns(a, df=3) + cr(b, df=2)",
         "f + I(f * 2):a", "I(center(a) * 2) + exp(-scale(a))"]  # fmt: skip


@pytest.mark.parametrize("right", SPECS)
def test_the_stored_spec_builds_the_same_rows_again(right: str) -> None:
    rng = np.random.default_rng(5)
    n = 60
    data = pd.DataFrame(
        {
            "y": rng.integers(0, 2, n),
            "a": rng.gamma(2, 2, n) + 0.1,
            "b": rng.integers(0, 4, n),
            "g": rng.choice(list("xyz"), n),
            "h": rng.choice(list("pq"), n),
            "f": pd.array(rng.random(n) < 0.5, dtype="boolean"),
        }
    )
    data.loc[3, "g"] = None
    data.loc[5, "a"] = NAN
    before = data.copy()
    design = build(data, right)
    spec = pickle.loads(pickle.dumps(design.spec))  # our own bytes
    assert spec == design.spec
    X = apply_design(spec, data)
    np.testing.assert_array_equal(X[design.kept], design.X)
    lost = np.setdiff1d(np.arange(n), design.kept)
    assert np.isnan(X[lost]).all()
    few = data.iloc[[design.kept[7]]]  # one row, so one level and no spread
    # of one row BLAS sums in another order than of many: the last digit depends on the processor
    np.testing.assert_allclose(apply_design(spec, few)[0], design.X[7], rtol=1e-13, atol=1e-15)
    pd.testing.assert_frame_equal(data, before)


def test_new_rows_with_what_the_fit_has_not_seen() -> None:
    spec = build(NUMBERS, "a + g").spec
    with pytest.raises(UsageError, match=r"column 'g'.*'w'.*not seen"):
        apply_design(spec, pd.DataFrame({"a": [1.0], "g": ["w"]}))
    with pytest.raises(UsageError, match="column 'a': the table has no such column"):
        apply_design(spec, pd.DataFrame({"g": ["x"]}))


def test_rows_with_nothing_in_a_category() -> None:
    spec = build(NUMBERS, "g").spec
    assert np.isnan(apply_design(spec, pd.DataFrame({"g": [None]}))).all()


@pytest.mark.parametrize(
    ("right", "what"),
    [
        ("log(b)", r"log\(b\) is infinite or undefined in 1 rows"),
        ("sqrt(b - 1)", r"sqrt\(b - 1\) is infinite or undefined in 1 rows"),
        ("scale(log(b))", "holds infinite or undefined values"),
        ("I(9**9**9**a)", "infinite or undefined in 6 rows"),
        ("huge", "huge is infinite or undefined in 6 rows"),
        ("infinite", "infinite is infinite or undefined in 1 rows"),
        ("log(g)", "column 'g': holds categories, but 'log.g.' needs numbers"),
        ("nowhere", "column 'nowhere': the table has no such column"),
        ("day", "column 'day'.*derive a number"),
        ("mixed", "column 'mixed'"),
    ],
)
def test_data_that_do_not_fit_the_formula(right: str, what: str) -> None:
    data = NUMBERS.assign(
        huge=1e200,
        infinite=[1, 2, np.inf, 4, 5, 6],
        day=pd.Timestamp(2020, 1, 1),
        mixed=[1, "a", 2, 3, 4, 5],
    )
    with pytest.raises(UsageError, match=what):
        build(data, right)


@pytest.mark.parametrize(
    ("right", "what"),
    [
        ("I(C(g) + 1)", "cannot be part of arithmetic"),
        ("I(bs(a) * 2)", "several columns"),
        ("g + C(g)", "makes the column 'g.T.y.' twice"),
        ("bs(I(3))", "names no column"),
    ],
)
def test_formulas_that_make_no_sense(right: str, what: str) -> None:
    with pytest.raises(FormulaError, match=what):
        build(NUMBERS, right)


def test_the_table_is_not_touched() -> None:
    before = NUMBERS.copy()
    build(NUMBERS, "a*g + log(a) + C(b)")
    pd.testing.assert_frame_equal(NUMBERS, before)
