"""What must hold for any data: order, labels, weights, penalties, separation."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from vpstats.models.binary import BinaryRows
from vpstats.models.firth import penalised_likelihood
from vpstats.models.logistic import LogisticFit, fit_logistic
from vpstats.models.newton import maximise
from vpstats.models.separation import detect_separation

SAME = 1e-6
"""In standard errors; the solver stops at 1e-8 of them."""


@st.composite
def tables(draw: st.DrawFn, least: int = 25, most: int = 60) -> pd.DataFrame:
    n = draw(st.integers(least, most))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    x = rng.normal(size=n)
    slope = draw(st.floats(-1.0, 1.0))
    return pd.DataFrame(
        {
            "y": (rng.random(n) < 1 / (1 + np.exp(-slope * x))).astype(int),
            "x": x,
            "g": rng.choice(list("abc"), n),
            "w": rng.integers(1, 4, n),
            "id": rng.integers(0, 12, n),
        }
    )


def assert_same(one: LogisticFit, two: LogisticFit) -> None:
    assert one.status == two.status
    if not one.ok:
        return
    assert one.terms == two.terms
    error = one.std_errors
    assert np.max(np.abs(one.coefficients - two.coefficients) / error) < SAME
    assert np.max(np.abs(two.std_errors - error) / error) < SAME


@settings(max_examples=40)
@given(tables(), st.sampled_from([None, "firth"]), st.sampled_from([None, "id"]))
def test_the_order_of_rows_does_not_matter(
    data: pd.DataFrame, penalty: str | None, cluster: str | None
) -> None:
    shuffled = data.sample(frac=1, random_state=np.random.default_rng(1))
    assert_same(
        fit_logistic(data, "y ~ x + g", penalty=penalty, cluster=cluster),
        fit_logistic(shuffled, "y ~ x + g", penalty=penalty, cluster=cluster),
    )


@settings(max_examples=30)
@given(tables())
def test_names_of_clusters_do_not_matter(data: pd.DataFrame) -> None:
    renamed = data.assign(id="patient " + (99 - data["id"]).astype(str))
    for vcov in ("CR1", "CR2"):
        assert_same(
            fit_logistic(data, "y ~ x", cluster="id", vcov=vcov),
            fit_logistic(renamed, "y ~ x", cluster="id", vcov=vcov),
        )


@settings(max_examples=30)
@given(tables(), st.sampled_from([None, "firth"]))
def test_swapping_the_outcome_swaps_the_sign(data: pd.DataFrame, penalty: str | None) -> None:
    fit = fit_logistic(data, "y ~ x + g", penalty=penalty)
    swapped = fit_logistic(data.assign(y=1 - data["y"]), "y ~ x + g", penalty=penalty)
    assume(fit.ok and swapped.ok)
    assert np.max(np.abs(fit.coefficients + swapped.coefficients) / fit.std_errors) < SAME


@settings(max_examples=30)
@given(tables(), st.floats(0.01, 100.0), st.floats(-50.0, 50.0))
def test_units_of_a_covariate_do_not_matter(data: pd.DataFrame, scale: float, shift: float) -> None:
    fit = fit_logistic(data, "y ~ x", penalty="firth", intervals="profile")
    moved = fit_logistic(
        data.assign(x=scale * data["x"] + shift), "y ~ x", penalty="firth", intervals="profile"
    )
    assume(fit.ok and moved.ok)
    one, two = fit.tidy().loc[1], moved.tidy().loc[1]
    # a shift of hundreds of spreads makes slope and intercept nearly collinear, and a profile
    # limit is where the solver stops in the deviance: it keeps one digit less than the estimate
    for name, tolerance in (("estimate", SAME), ("conf_low", 10 * SAME), ("conf_high", 10 * SAME)):
        assert abs(one[name] - scale * two[name]) / one["std_error"] < tolerance


@settings(max_examples=30)
@given(tables(), st.sampled_from([None, "firth"]), st.sampled_from([None, "id"]))
def test_weights_are_repeated_rows(
    data: pd.DataFrame, penalty: str | None, cluster: str | None
) -> None:
    repeated = data.loc[data.index.repeat(data["w"])]
    assert_same(
        fit_logistic(data, "y ~ x + g", penalty=penalty, cluster=cluster, weights="w"),
        fit_logistic(repeated, "y ~ x + g", penalty=penalty, cluster=cluster),
    )


@settings(max_examples=30)
@given(tables())
def test_firth_with_weight_zero_is_maximum_likelihood(data: pd.DataFrame) -> None:
    fit = fit_logistic(data, "y ~ x")
    assume(fit.ok)
    X = np.column_stack([np.ones(len(data)), data["x"]])
    none = maximise(penalised_likelihood(BinaryRows(X, 2.0 * data["y"].to_numpy() - 1), 0.0),
                    np.zeros(2))  # fmt: skip
    assert np.max(np.abs(none.estimate - fit.coefficients) / fit.std_errors) < SAME


@settings(max_examples=20)
@given(tables(), st.sampled_from([None, "firth"]))
def test_intervals_nest_as_the_level_grows(data: pd.DataFrame, penalty: str | None) -> None:
    fits = [
        fit_logistic(data, "y ~ x", penalty=penalty, intervals="profile", level=level)
        for level in (0.5, 0.9, 0.99)
    ]
    assume(all(fit.ok for fit in fits))
    for inner, outer in itertools.pairwise(fits):
        assert (outer.conf_low < inner.conf_low).all()
        assert (inner.conf_high < outer.conf_high).all()
        assert (inner.conf_low < inner.coefficients).all()


@settings(max_examples=30)
@given(tables(), st.sampled_from([None, "firth"]))
def test_the_profile_test_and_interval_agree(data: pd.DataFrame, penalty: str | None) -> None:
    fit = fit_logistic(data, "y ~ x", penalty=penalty, intervals="profile")
    assume(fit.ok)
    rows = fit.tidy()
    outside = (rows["conf_low"] > 0) | (rows["conf_high"] < 0)
    assert ((rows["p_value"] < 0.05) == outside).all()


@settings(max_examples=30)
@given(tables())
def test_the_coding_of_a_category_does_not_change_risks(data: pd.DataFrame) -> None:
    fits = [
        fit_logistic(data, f"y ~ {right}", penalty="firth")
        for right in ("g + x", "C(g, ref='c') + x", "0 + g + x")
    ]
    risks = [fit.predict(data)["estimate"] for fit in fits]
    for risk in risks[1:]:
        np.testing.assert_allclose(risk, risks[0], rtol=1e-6)


SMALL = hnp.arrays(np.int64, st.tuples(st.integers(4, 9), st.just(2)), elements=st.integers(-2, 2))


def separated_by_enumeration(X: np.ndarray, y: np.ndarray) -> bool:
    """Whether some direction has no negative margin and a positive one, by trying all that matter.

    With three columns every extreme ray of the cone of separating directions is orthogonal to two
    of the rows (or, where fewer rows bind, to one row and a coordinate axis, or to two axes).
    """
    rows = X * np.where(y > 0, 1, -1)[:, None]
    normals = np.vstack([rows, np.eye(3, dtype=int)])
    for one, two in itertools.combinations(normals, 2):
        direction = np.cross(one, two)
        for ray in (direction, -direction):
            margins = rows @ ray
            if (margins >= 0).all() and margins.any():
                return True
    return False


@settings(max_examples=100)
@given(SMALL, st.data())
def test_separation_is_found_if_and_only_if_it_is_there(
    slopes: np.ndarray, data: st.DataObject
) -> None:
    X = np.column_stack([np.ones(len(slopes), dtype=int), slopes])
    assume(np.linalg.matrix_rank(X) == 3)
    y = np.array(data.draw(st.lists(st.integers(0, 1), min_size=len(X), max_size=len(X))))
    assume(0 < y.sum() < len(y))
    truth = separated_by_enumeration(X, y)
    assert detect_separation(X.astype(float), y.astype(float), ["c", "a", "b"]).found == truth
    fit = fit_logistic(pd.DataFrame({"y": y, "a": slopes[:, 0], "b": slopes[:, 1]}), "y ~ a + b")
    assert fit.status == ("separated" if truth else "ok")
    firth = fit_logistic(
        pd.DataFrame({"y": y, "a": slopes[:, 0], "b": slopes[:, 1]}), "y ~ a + b", penalty="firth"
    )
    assert firth.ok
    assert ("separation" in {c.code for c in firth.caveats}) == truth
