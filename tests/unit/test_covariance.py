"""The sandwich family against its definitions, written as loops."""

from __future__ import annotations

import numpy as np
import pytest

from vpstats.models.covariance import (
    bias_reduced_covariance,
    cluster_sums,
    clustered_covariance,
    cross_clusters,
    heteroscedastic_covariance,
    make_clusters,
    two_way_covariance,
    weighted_gram,
)

RNG = np.random.default_rng(11)
N, P = 90, 3
X = np.column_stack([np.ones(N), RNG.normal(size=(N, P - 1))])
RESIDUALS = RNG.normal(size=N)
CLUSTERS = make_clusters(RNG.integers(0, 17, N))
VARIANCE = RNG.uniform(0.1, 0.25, N)
BREAD = np.linalg.inv(X.T @ (VARIANCE[:, None] * X))
EXACT = 1e-10
"""Relative; two orders of summation of ninety numbers."""


def loop_meat(codes: np.ndarray) -> np.ndarray:
    meat = np.zeros((P, P))
    for g in np.unique(codes):
        total = sum(RESIDUALS[i] * X[i] for i in range(N) if codes[i] == g)
        meat += np.outer(total, total)
    return meat


def test_clusters_are_numbered_in_order_of_appearance() -> None:
    clusters = make_clusters(np.array(["b", "a", "b", "c"], dtype=object))
    assert clusters.codes.tolist() == [0, 1, 0, 2]
    assert clusters.count == 3


def test_crossed_clusters() -> None:
    both = cross_clusters(make_clusters([1, 1, 2, 2]), make_clusters([1, 2, 1, 1]))
    assert both.codes.tolist() == [0, 1, 2, 2]
    assert both.count == 3


def test_sums_within_clusters() -> None:
    sums = cluster_sums(X, RESIDUALS, CLUSTERS)
    for g in range(CLUSTERS.count):
        rows = CLUSTERS.codes == g
        np.testing.assert_allclose(sums[g], RESIDUALS[rows] @ X[rows], rtol=EXACT, atol=EXACT)


def test_weighted_gram_of_many_blocks() -> None:
    tall = np.tile(X, (100, 1))
    weights = np.tile(VARIANCE, 100)
    np.testing.assert_allclose(
        weighted_gram(tall, weights), tall.T @ (weights[:, None] * tall), rtol=EXACT
    )


@pytest.mark.parametrize(("correct", "factor"), [(False, 1.0), (True, 17 / 16)])
def test_one_way(correct: bool, factor: float) -> None:
    ours = clustered_covariance(BREAD, X, RESIDUALS, CLUSTERS, correct=correct)
    np.testing.assert_allclose(ours, factor * BREAD @ loop_meat(CLUSTERS.codes) @ BREAD, rtol=EXACT)
    np.testing.assert_array_equal(ours, ours.T)


def test_two_way() -> None:
    other = make_clusters(RNG.integers(0, 5, N))
    both = cross_clusters(CLUSTERS, other)
    meat = (
        17 / 16 * loop_meat(CLUSTERS.codes)
        + 5 / 4 * loop_meat(other.codes)
        - both.count / (both.count - 1) * loop_meat(both.codes)
    )
    ours = two_way_covariance(BREAD, X, RESIDUALS, CLUSTERS, other)
    np.testing.assert_allclose(ours, BREAD @ meat @ BREAD, rtol=1e-8)


def test_every_row_its_own_cluster() -> None:
    alone = make_clusters(np.arange(N))
    robust = clustered_covariance(BREAD, X, RESIDUALS, alone, correct=False)
    np.testing.assert_allclose(
        heteroscedastic_covariance(BREAD, X, RESIDUALS), robust * N / (N - P), rtol=EXACT
    )
    assert np.isnan(heteroscedastic_covariance(BREAD, X[:2], RESIDUALS[:2])).all()


def test_bias_reduction_is_unbiased_if_the_variance_is_right() -> None:
    # E(CR2) under independent residuals with the model's variance is the model covariance;
    # the expectation is taken by summing over unit vectors, of which each is one "residual"
    hat = X @ BREAD @ (VARIANCE[:, None] * X).T
    root = (np.eye(N) - VARIANCE[:, None] * X @ BREAD @ X.T) * np.sqrt(VARIANCE)
    assert np.trace(hat) == pytest.approx(P)
    expected = np.zeros((P, P))
    for column in root.T:
        matrix, _ = bias_reduced_covariance(BREAD, X, VARIANCE, column, CLUSTERS)
        expected += matrix
    np.testing.assert_allclose(expected, BREAD, rtol=1e-8)


def test_bias_reduction_with_weights_of_one() -> None:
    plain = bias_reduced_covariance(BREAD, X, VARIANCE, RESIDUALS, CLUSTERS)
    weighted = bias_reduced_covariance(BREAD, X, VARIANCE, RESIDUALS, CLUSTERS, np.ones(N))
    for ours, theirs in zip(plain, weighted, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_degrees_of_freedom_of_a_balanced_comparison() -> None:
    # 2 G clusters of equal size, a covariate constant within clusters: a two-sample t test on
    # cluster means, whose Satterthwaite degrees of freedom are 2 G - 2
    groups, size = 6, 4
    treated = np.repeat(np.arange(2 * groups) % 2, size).astype(float)
    x = np.column_stack([np.ones_like(treated), treated])
    variance = np.full(len(x), 0.2)
    bread = np.linalg.inv(x.T @ (variance[:, None] * x))
    clusters = make_clusters(np.repeat(np.arange(2 * groups), size))
    _, df = bias_reduced_covariance(bread, x, variance, RESIDUALS[: len(x)], clusters)
    assert df[1] == pytest.approx(2 * groups - 2)
    assert df[0] == pytest.approx(groups - 1)  # the mean of the reference clusters alone


@pytest.mark.parametrize("kind", ["int64", "uint8", "object"])
def test_ids_in_order_are_numbered_as_any_others(kind: str) -> None:
    values = np.array([3, 3, 5, 9, 9, 9]).astype(kind)
    found = make_clusters(values)
    assert found.codes.tolist() == [0, 0, 1, 2, 2, 2]
    assert found.count == 3
    assert make_clusters(values[::-1]).codes.tolist() == [0, 0, 0, 1, 2, 2]
