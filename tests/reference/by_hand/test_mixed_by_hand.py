"""Random intercepts where algebra or brute force gives the answer."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import integrate, optimize, special, stats

from vpstats.models.binary import BinaryRows
from vpstats.models.covariance import Clusters
from vpstats.models.grouping import group_rows
from vpstats.models.mixed import fit_mixed_logistic
from vpstats.models.mixed_estimate import one_level, two_levels

EXACT = 1e-10


def intercepts(outcomes: list[int], codes: list[int]) -> tuple[BinaryRows, Clusters]:
    sign = 2.0 * np.array(outcomes) - 1
    return BinaryRows(np.ones((len(sign), 1)), sign), Clusters(np.array(codes), max(codes) + 1)


@pytest.mark.parametrize("sigma", [0.0, 0.5, 2.0, 6.0])
def test_laplace_of_a_balanced_pair(sigma: float) -> None:
    # one leak of two at even odds: the mode is zero, the curvature there 1 + sigma^2 / 2
    kernel = one_level(*intercepts([1, 0], [0, 0]), 1)
    value, gradient = kernel.evaluate(np.array([0.0, sigma]))
    assert value == pytest.approx(2 * np.log(0.5) - np.log(1 + sigma**2 / 2) / 2, rel=EXACT)
    # the derivative of the last term
    assert gradient[1] == pytest.approx(-sigma / 2 / (1 + sigma**2 / 2), abs=EXACT)


def test_nested_laplace_of_two_balanced_patients() -> None:
    # modes are zero; each patient has curvature V = 2/4, one center. The determinant of the
    # curvature matrix of (center, patient, patient) is (1 + t V)^2 (1 + 2 s V / (1 + t V)), s and t
    # the variances of the levels
    rows, patients = intercepts([1, 0, 0, 1], [0, 0, 1, 1])
    kernel = two_levels(rows, Clusters(np.zeros(4, dtype=int), 1), patients)
    s, t = 0.8**2, 1.3**2
    value, _ = kernel.evaluate(np.array([0.0, 0.8, 1.3]))
    determinant = (1 + t / 2) ** 2 * (1 + s / (1 + t / 2))
    assert value == pytest.approx(4 * np.log(0.5) - np.log(determinant) / 2, rel=EXACT)


OUTCOMES = [1, 1, 0, 1, 0, 0, 0, 1, 1, 1, 0, 0]
GROUPS = [0, 0, 0, 1, 1, 1, 2, 2, 3, 3, 3, 3]


def brute_force(beta: float, sigma: float) -> float:
    """Log-likelihood by integration over the intercept of each group."""
    total = 0.0
    for group in range(4):
        y = np.array([o for o, g in zip(OUTCOMES, GROUPS, strict=True) if g == group])

        def density(b: float, y: np.ndarray = y) -> float:
            p = special.expit(beta + sigma * b)
            return float(np.prod(np.where(y == 1, p, 1 - p)) * stats.norm.pdf(b))

        total += np.log(integrate.quad(density, -12, 12, epsabs=1e-14, epsrel=1e-13)[0])
    return total


@pytest.mark.parametrize(("beta", "sigma"), [(0.0, 0.3), (0.4, 1.0), (-1.0, 2.0)])
def test_quadrature_is_the_integral(beta: float, sigma: float) -> None:
    kernel = one_level(*intercepts(OUTCOMES, GROUPS), 60)
    value, gradient = kernel.evaluate(np.array([beta, sigma]))
    assert value == pytest.approx(brute_force(beta, sigma), rel=1e-10)
    slope = (brute_force(beta + 1e-4, sigma) - brute_force(beta - 1e-4, sigma)) / 2e-4
    assert gradient[0] == pytest.approx(slope, abs=1e-6)  # of a difference over 2e-4


def test_the_fit_is_the_maximum_of_the_integral() -> None:
    # three groups that differ and four that agree within: enough for a variance
    outcomes = [*OUTCOMES, 1, 1, 1, 1, 0, 0, 0, 0]
    groups = [*GROUPS, 4, 4, 4, 4, 5, 5, 5, 5]
    rows = pd.DataFrame({"leak": outcomes, "center_id": groups})

    def lower(theta: np.ndarray) -> float:
        total = 0.0
        grid, step = np.linspace(-10, 10, 4001, retstep=True)
        weight = stats.norm.pdf(grid) * step
        for group in range(6):
            y = rows.loc[rows["center_id"] == group, "leak"].to_numpy()
            p = special.expit(theta[0] + theta[1] * grid)
            total += np.log(np.sum(p ** y.sum() * (1 - p) ** (len(y) - y.sum()) * weight))
        return -float(total)

    best = optimize.minimize(lower, [0.1, 1.0], method="Nelder-Mead",
                             options={"xatol": 1e-9, "fatol": 1e-13, "maxiter": 2000})  # fmt: skip
    fit = fit_mixed_logistic(rows, "leak ~ 1", group="center_id", nodes=60)
    # the search compares values that agree to 1e-13: their argument is known to the root of that
    assert fit.coefficients[0] == pytest.approx(best.x[0], abs=1e-5)
    assert fit.scales[0] == pytest.approx(best.x[1], abs=1e-5)
    assert fit.log_likelihood == pytest.approx(-best.fun, rel=1e-10)
    curvature = np.empty((2, 2))
    for i, j in np.ndindex(2, 2):
        a, b = 1e-3 * np.eye(2)[[i, j]]
        corners = [best.x + s * a + t * b for s in (1, -1) for t in (1, -1)]
        signs = [s * t for s in (1, -1) for t in (1, -1)]
        curvature[i, j] = sum(s * lower(c) for s, c in zip(signs, corners, strict=True)) / 4e-6
    # second differences over 1e-3 are right to about 1e-5
    np.testing.assert_allclose(fit.joint_covariance, np.linalg.inv(curvature), rtol=1e-4, atol=1e-6)


def test_nested_laplace_is_the_dense_one() -> None:
    rng = np.random.default_rng(3)
    outer = np.repeat([0, 1, 2], [5, 6, 4])
    inner = np.array([0, 0, 1, 1, 2, 3, 3, 3, 4, 5, 5, 6, 6, 7, 7])
    X = np.column_stack([np.ones(15), rng.normal(size=15)])
    y = rng.integers(0, 2, 15)
    theta = np.array([-0.3, 0.6, 0.9, 1.4])
    Z = np.column_stack([0.9 * np.eye(3)[outer], 1.4 * np.eye(8)[inner]])

    def lower(u: np.ndarray) -> float:
        eta = X @ theta[:2] + Z @ u
        return float(np.sum(np.logaddexp(0, eta)) - y @ eta + u @ u / 2)

    modes = optimize.minimize(lower, np.zeros(11), method="BFGS", options={"gtol": 1e-10})
    p = special.expit(X @ theta[:2] + Z @ modes.x)
    curvature = np.eye(11) + Z.T @ ((p * (1 - p))[:, None] * Z)
    expected = -modes.fun - np.linalg.slogdet(curvature)[1] / 2
    kernel = two_levels(BinaryRows(X, 2.0 * y - 1), Clusters(outer, 3), Clusters(inner, 8))
    assert kernel.evaluate(theta)[0] == pytest.approx(expected, rel=1e-9)
    spread = np.sqrt(np.diag(np.linalg.inv(curvature)))
    for (mode, error), at, scale in (
        (kernel.conditional(theta), slice(0, 3), 0.9),
        (kernel.conditional_inner(theta), slice(3, 11), 1.4),
    ):
        np.testing.assert_allclose(mode, scale * modes.x[at], atol=1e-7)
        np.testing.assert_allclose(error, scale * spread[at], rtol=1e-7)


def test_groups_as_alike_as_can_be_are_the_plain_model() -> None:
    # every center has 2 of 5: less variation than chance would give, so the variance is zero
    rows = pd.DataFrame({"center_id": np.repeat(list("abcd"), 5), "leak": [1, 1, 0, 0, 0] * 4})
    fit = fit_mixed_logistic(rows, "leak ~ 1", group="center_id")
    assert fit.coefficients[0] == pytest.approx(np.log(2 / 3), rel=EXACT)
    assert fit.covariance[0, 0] == pytest.approx(1 / (20 * 0.4 * 0.6), rel=EXACT)
    components = fit.variance_components().iloc[0]
    assert components["estimate"] == 0.0
    assert components["icc"] == 0.0
    assert components["median_odds_ratio"] == 1.0
    assert (components["statistic"], components["p_value"]) == (0.0, 1.0)
    assert np.isnan(components["conf_low"])
    modes = fit.random_effects(rows)
    assert (modes["estimate"] == 0).all()
    assert (modes["std_error"] == 0).all()


def test_latent_correlation_and_median_odds_ratio() -> None:
    rng = np.random.default_rng(1)
    center = np.repeat(np.arange(30), 40)
    patient = np.repeat(np.arange(600), 2)
    eta = 0.9 * rng.normal(size=30)[center] + 1.1 * rng.normal(size=600)[patient]
    y = (rng.random(1200) < special.expit(eta)).astype(int)
    rows = pd.DataFrame({"center_id": center, "patient_id": patient, "leak": y})
    fit = fit_mixed_logistic(rows, "leak ~ 1", group=("center_id", "patient_id"))
    outer, inner = fit.scales**2
    table = fit.variance_components()
    total = outer + inner + np.pi**2 / 3
    np.testing.assert_allclose(table["icc"], [outer / total, (outer + inner) / total])
    # Larsen and Merlo: exp(sqrt(2 variance) * 0.6745)
    np.testing.assert_allclose(
        table["median_odds_ratio"], np.exp(np.sqrt(2 * fit.scales**2) * stats.norm.ppf(0.75))
    )
    se = table["std_error"] / table["estimate"]
    np.testing.assert_allclose(
        table["conf_high"], table["estimate"] * np.exp(1.959963984540054 * se)
    )
    mor = np.exp(np.sqrt(2) * stats.norm.ppf(0.75) * table["conf_high"])
    np.testing.assert_allclose(table["mor_high"], mor)


def test_the_marginal_risk_is_the_integral() -> None:
    rng = np.random.default_rng(5)
    center = np.repeat(np.arange(40), 10)
    x = rng.normal(size=400)
    y = (rng.random(400) < special.expit(x - 1 + 1.5 * rng.normal(size=40)[center])).astype(int)
    rows = pd.DataFrame({"center_id": center, "x": x, "leak": y})
    fit = fit_mixed_logistic(rows, "leak ~ x", group="center_id")
    new = pd.DataFrame({"x": [-3.0, 0.0, 2.0]})
    ours = fit.predict(new, marginal=True)

    def risk(theta: np.ndarray, value: float) -> float:
        def density(b: float) -> float:
            return float(
                special.expit(theta[0] + theta[1] * value + theta[2] * b) * stats.norm.pdf(b)
            )

        return integrate.quad(density, -12, 12, epsabs=1e-13)[0]

    theta = np.append(fit.coefficients, fit.scales)
    for value, row in zip(new["x"], ours.itertuples(), strict=True):
        assert row.estimate == pytest.approx(risk(theta, value), rel=1e-9)
        step = 1e-5 * np.eye(3)
        slope = [(risk(theta + e, value) - risk(theta - e, value)) / 2e-5 for e in step]
        error = np.sqrt(slope @ fit.joint_covariance @ slope)
        assert row.std_error == pytest.approx(error, rel=1e-6)


def test_rows_of_a_group_may_lie_apart() -> None:
    data = group_rows(*intercepts([1, 0, 1, 0], [1, 0, 1, 0]))
    assert data.starts.tolist() == [0, 2, 4]
    assert data.rows.sign.tolist() == [-1, -1, 1, 1]
