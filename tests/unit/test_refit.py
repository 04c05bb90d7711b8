"""Maximum likelihood for resampled rows, from near by."""

from __future__ import annotations

import numpy as np
import pytest

from vpstats.models.binary import BinaryRows
from vpstats.models.penalties import estimate_rows
from vpstats.models.refit import refit_near


def make_rows(n: int = 6_000, *, offset: bool = False) -> BinaryRows:
    rng = np.random.default_rng(3)
    X = np.column_stack([np.ones(n), rng.normal(size=(n, 3))])
    known = 0.3 * rng.normal(size=n) if offset else None
    eta = X @ [-0.5, 0.8, 0.0, -0.4] + (0 if known is None else known)
    sign = np.where(rng.random(n) < 1 / (1 + np.exp(-eta)), 1.0, -1.0)
    return BinaryRows(X, sign, None, known)


@pytest.mark.parametrize("offset", [False, True])
@pytest.mark.parametrize("far", [0.0, 0.05, 0.5])
def test_it_finds_what_the_solver_finds(offset: bool, far: float) -> None:
    rows = make_rows(offset=offset)
    times = np.random.default_rng(1).poisson(1.0, len(rows)).astype(float)
    start = estimate_rows(rows, None).coefficients + far
    found = refit_near(rows, times, start)
    kept = times > 0
    drawn = BinaryRows(
        np.ascontiguousarray(rows.X[kept]),
        rows.sign[kept],
        times[kept],
        None if rows.offset is None else rows.offset[kept],
    )
    exact = estimate_rows(drawn, None)
    assert found is not None
    errors = np.sqrt(np.diag(exact.covariance))
    assert np.abs((found - exact.coefficients) / errors).max() < 1e-5


def test_rows_that_separate_are_left_to_another() -> None:
    X = np.column_stack([np.ones(40), np.arange(40) - 19.5])
    rows = BinaryRows(X, np.where(X[:, 1] > 0, 1.0, -1.0))
    assert refit_near(rows, np.ones(40), np.array([0.0, 0.1])) is None


def test_columns_that_no_drawn_row_tells_apart_are_left_to_another() -> None:
    X = np.column_stack([np.ones(20), np.repeat([0.0, 1.0], 10)])
    rows = BinaryRows(X, np.tile([1.0, -1.0], 10))
    assert refit_near(rows, np.repeat([1.0, 0.0], 10), np.zeros(2)) is None
