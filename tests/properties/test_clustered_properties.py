"""What must hold of marginal and conditional fits whatever the data."""

from __future__ import annotations

import numpy as np
import pandas as pd
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from vpstats.models.binary import BinaryRows
from vpstats.models.covariance import Clusters
from vpstats.models.gee import GeeFit, fit_gee
from vpstats.models.logistic import fit_logistic
from vpstats.models.mixed import fit_mixed_logistic
from vpstats.models.mixed_estimate import one_level, two_levels
from vpstats.results import FitResult

SAME = 1e-6
"""In standard errors; both solvers stop at 1e-7 of them or closer."""


@st.composite
def tables(draw: st.DrawFn) -> pd.DataFrame:
    groups = draw(st.integers(12, 40))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    group = np.repeat(np.arange(groups), rng.integers(1, 5, groups))
    n, spread = len(group), draw(st.floats(0.0, 2.0))
    x = rng.normal(size=n)
    eta = draw(st.floats(-1.0, 1.0)) * x + spread * rng.normal(size=groups)[group]
    return pd.DataFrame(
        {
            "y": (rng.random(n) < 1 / (1 + np.exp(-eta))).astype(int),
            "x": x,
            "z": rng.normal(size=groups)[group],
            "id": group,
            "center": group % 5,
        }
    )


def assert_same(one: FitResult, two: FitResult, tolerance: float = SAME) -> None:
    assert one.status == two.status
    if one.ok:
        error = one.std_errors
        assert np.max(np.abs(one.coefficients - two.coefficients) / error) < tolerance
        assert np.max(np.abs(two.std_errors - error) / error) < tolerance


@settings(max_examples=30)
@given(tables(), st.sampled_from(["CR0", "MD", "KC", "model"]))
def test_marginal_fits_ignore_order_and_labels(data: pd.DataFrame, vcov: str) -> None:
    shuffled = data.sample(frac=1, random_state=np.random.default_rng(1))
    shuffled = shuffled.assign(id="P" + (97 - shuffled["id"]).astype(str))
    one, two = (fit_gee(d, "y ~ x + z", cluster="id", vcov=vcov) for d in (data, shuffled))
    assert_same(one, two)


@settings(max_examples=20)
@given(tables(), st.sampled_from(["id", ("center", "id")]))
def test_conditional_fits_ignore_order_and_labels(data: pd.DataFrame, group: object) -> None:
    shuffled = data.sample(frac=1, random_state=np.random.default_rng(1))
    shuffled = shuffled.assign(id="P" + (97 - shuffled["id"]).astype(str))
    one, two = (fit_mixed_logistic(d, "y ~ x + z", group=group, nodes=1) for d in (data, shuffled))
    # errors are taken where the search first came near, 1e-4 errors from the top
    assert_same(one, two, 1e-5)


def finite(found: GeeFit) -> bool:
    return found.ok and "correlation_range" not in [c.code for c in found.caveats]


@settings(max_examples=30)
@given(tables())
def test_clusters_twice_over_halve_the_variance(data: pd.DataFrame) -> None:
    twice = pd.concat([data, data.assign(id=data["id"] + 1000)])
    one, two = (fit_gee(d, "y ~ x", cluster="id") for d in (data, twice))
    assume(one.ok)
    error = one.std_errors
    assert np.max(np.abs(one.coefficients - two.coefficients) / error) < SAME
    assert np.max(np.abs(np.sqrt(2) * two.std_errors - error) / error) < SAME


@settings(max_examples=30)
@given(tables())
def test_corrections_grow_the_variance(data: pd.DataFrame) -> None:
    fits = {v: fit_gee(data, "y ~ x", cluster="id", vcov=v) for v in ("CR0", "KC", "MD")}
    assume(finite(fits["CR0"]))
    # MD adds to KC as KC adds to CR0: residuals are divided by the leverage once, and by its root
    variances = [np.diag(fits[v].covariance) for v in ("CR0", "KC", "MD")]
    grown = [np.linalg.eigvalsh(fits[v].covariance).sum() for v in ("CR0", "KC", "MD")]
    assert grown[0] < grown[1] < grown[2]
    assert all((v > 0).all() for v in variances)


@settings(max_examples=30)
@given(tables())
def test_single_rows_are_independent_rows(data: pd.DataFrame) -> None:
    rows = data.assign(id=range(len(data)))
    one = fit_gee(rows, "y ~ x", cluster="id")
    assert_same(one, fit_logistic(rows, "y ~ x", cluster="id", vcov="CR0"))


@settings(max_examples=30)
@given(tables(), st.floats(-2.0, 2.0))
def test_an_offset_is_taken_off_the_intercept(data: pd.DataFrame, shift: float) -> None:
    data = data.assign(shift=shift)
    fits = [
        (fit_gee(data, "y ~ x", cluster="id", offset=o) for o in (None, "shift")),
        (fit_mixed_logistic(data, "y ~ x", group="id", nodes=1, offset=o) for o in (None, "shift")),
    ]
    for plain, shifted in fits:
        assert plain.status == shifted.status
        if plain.ok:
            moved = plain.coefficients - [shift, 0.0] - shifted.coefficients
            assert np.max(np.abs(moved) / plain.std_errors) < 1e-5


@settings(max_examples=25)
@given(tables(), st.integers(1, 9), st.floats(0.05, 2.5))
def test_gradients_are_slopes(data: pd.DataFrame, nodes: int, scale: float) -> None:
    rows = BinaryRows(
        np.column_stack([np.ones(len(data)), data["x"]]), 2.0 * data["y"].to_numpy() - 1
    )
    inner = Clusters(data["id"].to_numpy(), data["id"].nunique())
    order = np.argsort(data["center"].to_numpy(), kind="stable")
    nested = BinaryRows(rows.X[order], rows.sign[order])
    codes = pd.factorize(data["id"].to_numpy()[order])[0]
    outer = Clusters(data["center"].to_numpy()[order], 5)
    for kernel, theta in (
        (one_level(rows, inner, nodes), np.array([0.2, -0.4, scale])),
        (
            two_levels(nested, outer, Clusters(codes, inner.count)),
            np.array([0.2, -0.4, 0.7, scale]),
        ),
    ):
        step = 1e-5 * np.eye(len(theta))
        slope = [
            (kernel.evaluate(theta + e)[0] - kernel.evaluate(theta - e)[0]) / 2e-5 for e in step
        ]
        # values of some 1e2 to the last digit, over 2e-5
        np.testing.assert_allclose(kernel.evaluate(theta)[1], slope, atol=1e-6)


@settings(max_examples=15)
@given(tables())
def test_more_nodes_change_nothing(data: pd.DataFrame) -> None:
    some, more = (fit_mixed_logistic(data, "y ~ x", group="id", nodes=k) for k in (25, 41))
    assert some.status == more.status
    if some.ok and some.scales[0] < 4:
        assert np.max(np.abs(some.coefficients - more.coefficients) / some.std_errors) < 1e-3


@settings(max_examples=20)
@given(tables())
def test_an_intercept_per_group_never_lowers_the_likelihood(data: pd.DataFrame) -> None:
    found = fit_mixed_logistic(data, "y ~ x", group=("center", "id"))
    assume(found.ok)
    plain = fit_logistic(data, "y ~ x")
    single = fit_mixed_logistic(data, "y ~ x", group="id", nodes=1)
    assert found.log_likelihood >= single.log_likelihood - 1e-6 >= plain.log_likelihood - 2e-6
    assert (found.variance_statistics >= 0).all()
    assert (np.diff(found.variance_components()["icc"]) >= 0).all()
