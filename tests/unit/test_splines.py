"""Bases that learn: what they span, what they keep, and what they refuse."""

from __future__ import annotations

import numpy as np
import pytest

from vpstats.errors import UsageError
from vpstats.models.splines import Basis, evaluate_basis, learn_basis, restricted_cubic

X = np.random.default_rng(3).gamma(2.0, 2.0, 200)


def columns(name: str, x: np.ndarray, **options: object) -> np.ndarray:
    basis = learn_basis(name, x, options, name)
    return np.column_stack(evaluate_basis(basis, x, name))


def test_centring_and_scaling() -> None:
    x = np.array([1.0, 2.0, 6.0])  # mean 3, squares 4 + 1 + 9 = 14, variance 14 / 2
    np.testing.assert_allclose(columns("center", x)[:, 0], [-2, -1, 3])
    np.testing.assert_allclose(columns("scale", x)[:, 0], np.array([-2, -1, 3]) / np.sqrt(7))


def test_polynomials_are_orthonormal_and_orthogonal_to_the_intercept() -> None:
    made = np.column_stack([np.ones_like(X) / np.sqrt(len(X)), columns("poly", X, degree=4)])
    np.testing.assert_allclose(made.T @ made, np.eye(5), atol=1e-10)  # rounding of 200 terms


def test_b_splines_with_the_intercept_sum_to_one_and_reproduce_cubics() -> None:
    made = np.column_stack([np.ones_like(X), columns("bs", X, df=6)])
    for power in range(4):
        coefficients, *_ = np.linalg.lstsq(made, X**power, rcond=None)
        np.testing.assert_allclose(made @ coefficients, X**power, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize(
    ("name", "options", "count"),
    [
        ("bs", {}, 3),
        ("bs", {"df": 5}, 5),
        ("bs", {"knots": [2.0, 4.0]}, 5),
        ("bs", {"knots": [2.0], "degree": 1}, 2),
        ("rcs", {}, 3),
        ("rcs", {"k": 3}, 2),
        ("rcs", {"k": 7}, 6),
        ("rcs", {"knots": (1.0, 3.0, 5.0, 9.0)}, 3),
        ("ns", {}, 3),
        ("ns", {"df": 2}, 2),
        ("cr", {"df": 4}, 4),
        ("ns", {"knots": [3.0]}, 2),
        ("poly", {}, 1),
    ],
)
def test_number_of_columns(name: str, options: dict[str, object], count: int) -> None:
    assert columns(name, X, **options).shape == (200, count)


def test_restricted_cubics_are_straight_outside_and_smooth_at_the_knots() -> None:
    knots = (1.0, 2.0, 4.0, 7.0)
    for outside in (np.array([-2.0, -1.0, 0.0]), np.array([8.0, 9.0, 10.0])):
        for column in restricted_cubic(outside, knots):
            assert np.diff(column, 2) == pytest.approx(0.0, abs=1e-12)
    step = 1e-4
    for knot in knots:
        around = np.array([knot - 2 * step, knot - step, knot, knot + step, knot + 2 * step])
        for column in restricted_cubic(around, knots):
            second = np.diff(column, 2) / step**2
            # second derivatives change by at most (third derivative) x step
            assert np.ptp(second) < 2 * step * 6


def test_missing_stays_missing() -> None:
    for name in ("center", "poly", "bs", "rcs"):
        basis = learn_basis(name, X, {}, name)
        values = np.array([X[0], np.nan])
        for column in evaluate_basis(basis, values, name):
            assert np.isfinite(column[0])
            assert np.isnan(column[1])


def test_a_b_spline_says_nothing_outside_of_its_range() -> None:
    basis = learn_basis("bs", X, {}, "bs(x)")
    with pytest.raises(UsageError, match=r"bs\(x\): a value lies outside.*rcs"):
        evaluate_basis(basis, np.array([X.max() + 1]), "bs(x)")


def test_what_was_learnt_does_not_depend_on_new_rows() -> None:
    basis = learn_basis("rcs", X, {"k": 5}, "rcs(x)")
    whole = np.column_stack(evaluate_basis(basis, X, "rcs(x)"))
    part = np.column_stack(evaluate_basis(basis, X[:7], "rcs(x)"))
    np.testing.assert_array_equal(whole[:7], part)
    assert basis == Basis("restricted", basis.numbers, 3)


@pytest.mark.parametrize(
    ("name", "options", "what"),
    [
        ("bs", {"df": 2}, "whole number from 3"),
        ("bs", {"df": 4.5}, "whole number"),
        ("bs", {"degree": 0}, "whole number from 1"),
        ("bs", {"knots": [4.0, 2.0]}, "must rise"),
        ("bs", {"knots": "x"}, "list of numbers"),
        ("bs", {"knots": [-5.0]}, "too few or too alike"),
        ("rcs", {"k": 2}, "from 3"),
        ("rcs", {"k": 8}, "3 to 7"),
        ("rcs", {"knots": [1.0, 2.0]}, "three knots"),
        ("ns", {"df": 1}, "from 2"),
        ("poly", {"degree": "2"}, "whole number"),
    ],
)
def test_options_that_make_no_sense(name: str, options: dict[str, object], what: str) -> None:
    with pytest.raises(UsageError, match=what):
        learn_basis(name, X, options, name)


@pytest.mark.parametrize(
    ("name", "options", "what"),
    [
        ("rcs", {}, "too few or too alike"),
        ("bs", {"df": 5}, "too few or too alike"),
        ("scale", {}, "all values are equal"),
        ("poly", {"degree": 1}, "too few distinct"),
    ],
)
def test_values_that_are_all_alike(name: str, options: dict[str, object], what: str) -> None:
    with pytest.raises(UsageError, match=what):
        learn_basis(name, np.ones(20), options, name)
