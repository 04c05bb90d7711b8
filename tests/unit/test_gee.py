"""Estimating equations: options, guards, failures as results, and what a fit answers."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import special

import vpstats
from vpstats.errors import FormulaError, UsageError
from vpstats.frames import Frame, Imputations
from vpstats.models.binary import BinaryRows
from vpstats.models.covariance import make_clusters
from vpstats.models.design import build_design
from vpstats.models.gee import GeeFit, fit_gee
from vpstats.models.gee_covariance import equation_covariance
from vpstats.models.gee_kernel import GeeKernel, solve_equations
from vpstats.models.grouping import group_rows, in_group_order
from vpstats.models.logistic import fit_logistic
from vpstats.models.logistic_guards import BinaryData
from vpstats.results import GLOSSARY


def make_rows(n: int = 300, patients: int = 120, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    patient = rng.integers(0, patients, n)
    data = pd.DataFrame(
        {
            "patient_id": [f"NAME-{i}" for i in patient],
            "center_id": rng.choice(["C01", "C02", "C03", "C04"], n),
            "ml": rng.gamma(4, 1, n),
            "region": rng.choice(["thoracic", "lumbar", "sacral"], n),
            "w": rng.integers(1, 4, n),
            "o": rng.normal(size=n) / 4,
        }
    )
    eta = -2 + 0.3 * data["ml"] + rng.normal(size=patients)[patient]
    data["leak"] = (rng.random(n) < special.expit(eta)).astype(int)
    return data


ROWS = make_rows()
FORMULA = "leak ~ ml + C(region, ref='thoracic')"
LEVELS = Frame(ROWS, unit="level", cluster="patient_id", outcome="leak")


def fit(data: Any = LEVELS, formula: str = FORMULA, **options: Any) -> GeeFit:
    return fit_gee(data, formula, **options)


def codes(found: GeeFit) -> list[str]:
    return [c.code for c in found.caveats]


# kernel ---------------------------------------------------------------------------------------


def dense(rows: BinaryRows, codes: np.ndarray, beta: np.ndarray, alpha: float) -> tuple[Any, Any]:
    """Score and information by matrices of the size of each cluster."""
    p = rows.X.shape[1]
    score, information = np.zeros(p), np.zeros((p, p))
    weights = np.ones(len(rows)) if rows.weights is None else rows.weights
    offset = 0.0 if rows.offset is None else rows.offset
    mu = special.expit(rows.X @ beta + offset)
    for c in np.unique(codes):
        here = codes == c
        v = mu[here] * (1 - mu[here])
        R = np.full((here.sum(), here.sum()), alpha)
        np.fill_diagonal(R, 1.0)
        A = np.diag(np.sqrt(v / weights[here]))
        D = v[:, None] * rows.X[here]
        inverse = np.linalg.inv(A @ R @ A)
        score += D.T @ inverse @ ((rows.sign[here] + 1) / 2 - mu[here])
        information += D.T @ inverse @ D
    return score, information


@pytest.mark.parametrize("alpha", [-0.05, 0.0, 0.3, 0.9])
@pytest.mark.parametrize("extra", [False, True])
def test_the_kernel_is_the_matrix_formula(alpha: float, extra: bool) -> None:
    rng = np.random.default_rng(2)
    n = 9_000  # more than two blocks, with clusters that lie across their edges
    codes = np.sort(rng.integers(0, 1_200, n))
    rows = BinaryRows(
        np.column_stack([np.ones(n), rng.normal(size=(n, 2))]),
        rng.choice([-1.0, 1.0], n),
        rng.uniform(0.5, 2, n) if extra else None,
        rng.normal(size=n) / 3 if extra else None,
    )
    beta = np.array([-0.2, 0.5, 0.1])
    kernel = GeeKernel(group_rows(rows, make_clusters(codes)), exchangeable=True)
    kernel.weigh(beta)
    score, information = dense(rows, codes, beta, alpha)
    np.testing.assert_allclose(kernel.multipliers(alpha) @ rows.X, score, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(kernel.information(alpha), information, rtol=1e-10)


def test_a_cluster_may_be_longer_than_a_block() -> None:
    rng = np.random.default_rng(3)
    n = 10_000
    codes = np.repeat([0, 1], [9_500, 500])
    rows = BinaryRows(np.column_stack([np.ones(n), rng.normal(size=n)]), rng.choice([-1.0, 1.0], n))
    kernel = GeeKernel(group_rows(rows, make_clusters(codes)), exchangeable=True)
    kernel.weigh(np.array([0.1, 0.2]))
    t = [(kernel.roots[c] @ rows.X[c]) for c in (codes == 0, codes == 1)]
    z = kernel.roots[:, None] * rows.X
    c = 0.2 / (1 + (np.array([9_500, 500]) - 1) * 0.2)
    expected = (z.T @ z - sum(k * np.outer(s, s) for k, s in zip(c, t, strict=True))) / 0.8
    np.testing.assert_allclose(kernel.information(0.2), expected, rtol=1e-9)


def test_a_search_that_cannot_succeed_says_so() -> None:
    rows = BinaryRows(np.ones((4, 1)), np.ones(4))  # all events: the odds have no bound
    kernel = GeeKernel(group_rows(rows, make_clusters([0, 0, 1, 1])), exchangeable=True)
    assert not solve_equations(kernel, np.array([800.0])).converged


def test_a_cluster_that_fits_itself_has_nothing_to_correct() -> None:
    # the only exposed rows are one cluster: their leverage on the exposure is one
    data = pd.DataFrame(
        {
            "patient_id": [1, 1, 2, 2, 3, 3, 4, 4, 5, 5],
            "exposed": [1, 1, *[0] * 8],
            "leak": [1, 0, 1, 0, 0, 0, 1, 1, 0, 0],
        }
    )
    found = fit(data, "leak ~ exposed", cluster="patient_id", vcov="MD")
    assert found.ok
    assert np.isfinite(found.covariance).all()


def test_rows_are_sorted_once_and_only_if_they_must_be() -> None:
    design = build_design(ROWS, "leak ~ ml", response=True)
    rows = BinaryRows(design.X, 2 * design.y - 1)
    clusters = make_clusters(ROWS["patient_id"].to_numpy())
    data = BinaryData(design=design, rows=rows, clusters=(clusters,), frame=LEVELS)
    ordered = in_group_order(data)
    assert (np.diff(ordered.clusters[0].codes) >= 0).all()
    np.testing.assert_array_equal(ordered.design.X, ordered.rows.X)
    np.testing.assert_array_equal(ordered.y, (ordered.rows.sign + 1) / 2)
    np.testing.assert_array_equal(ROWS["ml"].to_numpy()[ordered.design.kept], ordered.rows.X[:, 1])
    assert in_group_order(ordered).rows is ordered.rows


# options --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"structure": "ar1"}, "structure is 'ar1'"),
        ({"vcov": "HC1"}, "vcov is 'HC1'"),
        ({"vcov": "CR2"}, "use 'KC'"),
        ({"vcov": "model", "structure": "independence"}, "no theory"),
        ({"level": 2}, "level"),
        ({"cluster": ("patient_id", "center_id")}, "fit_logistic"),
        ({"cluster": "nobody"}, "nobody"),
        ({"independent": "I say so"}, "fit_logistic"),
    ],
)
def test_wrong_requests_raise(options: dict[str, Any], what: str) -> None:
    with pytest.raises(UsageError, match=what):
        fit(**options)


def test_clusters_are_needed() -> None:
    with pytest.raises(UsageError, match="needs cluster="):
        fit(ROWS)
    with pytest.raises(UsageError, match="patients have several"):
        fit(Frame(ROWS, unit="level"))


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"leak": 2}, "0/1"),
        ({"ml": np.inf}, "infinite"),
        ({"w": -1.0}, "negative"),
    ],
)
def test_unusable_columns_raise(change: dict[str, Any], error: str) -> None:
    data = ROWS.assign(**change)
    data.loc[data.index[0], list(change)] = ROWS.loc[ROWS.index[0], list(change)]
    with pytest.raises(UsageError, match=error):
        fit(data, cluster="patient_id", weights="w")


def test_missing_cluster_ids_raise() -> None:
    data = ROWS.assign(patient_id=ROWS["patient_id"].where(ROWS.index > 2))
    with pytest.raises(UsageError, match="missing cluster ids"):
        fit(data, cluster="patient_id")


def test_a_formula_is_data() -> None:
    with pytest.raises(FormulaError):
        fit(formula="leak ~ __import__('os').system('true')")


def test_the_cluster_comes_from_the_frame() -> None:
    pd.testing.assert_frame_equal(fit().tidy(), fit(ROWS, cluster="patient_id").tidy())
    assert fit(cluster="center_id").n_clusters == 4


@pytest.mark.parametrize(
    ("structure", "default"), [("exchangeable", "CR0"), ("independence", "CR1")]
)
def test_defaults(structure: Any, default: str) -> None:
    found = fit(structure=structure)
    assert found.vcov == default
    assert np.min(found.df) == found.n_clusters - 1


def test_rows_with_missing_values_are_left_out_and_counted() -> None:
    data = ROWS.assign(ml=ROWS["ml"].where(ROWS.index >= 10))
    found = fit(data, cluster="patient_id")
    assert (found.n, found.n_missing) == (290, 10)
    assert "dropped_rows" in codes(found)


@pytest.mark.parametrize("kind", ["nullable", "index", "categorical"])
def test_kinds_of_tables(kind: str) -> None:
    data = ROWS.copy()
    if kind == "nullable":
        data = data.assign(leak=data["leak"].astype("boolean"), ml=data["ml"].astype("Float64"))
    elif kind == "index":
        data.index = np.zeros(len(data), dtype=int)
    else:
        data["patient_id"] = data["patient_id"].astype("category")
    pd.testing.assert_frame_equal(fit(data, cluster="patient_id").tidy(), fit().tidy())


# failures -------------------------------------------------------------------------------------


def failed(data: pd.DataFrame, formula: str = "leak ~ ml", **options: Any) -> GeeFit:
    found = fit(data, formula, cluster="patient_id", **options)
    assert found.tidy()["estimate"].isna().all()
    assert np.isnan(found.correlation)
    return found


def test_complete_separation() -> None:
    found = failed(ROWS.assign(leak=(ROWS["ml"] > 4).astype(int)))
    assert found.status == "separated"
    assert "ml" in found.reason
    assert "penalty='firth'" in found.reason
    assert codes(found)[0] == "separation"


def test_quasi_separation_that_other_solvers_call_converged() -> None:
    # one level of a factor without an event: coefficients drift to minus infinity slowly
    rare = np.where(ROWS["leak"] == 1, 0, ROWS["w"] == 1).astype(int)
    for structure in ("exchangeable", "independence"):
        found = failed(ROWS.assign(rare=rare), "leak ~ ml + rare", structure=structure)
        assert found.status == "separated"
        assert "rare predicts the outcome" in found.reason


def test_an_outcome_that_never_varies() -> None:
    assert failed(ROWS.assign(leak=0)).status == "constant outcome"


def test_no_rows() -> None:
    assert failed(ROWS.assign(ml=np.nan)).status == "no rows"
    assert failed(ROWS.iloc[:0]).status == "no rows"


def test_one_cluster() -> None:
    assert failed(ROWS.assign(patient_id="NAME-1")).status == "too few clusters"


@pytest.mark.parametrize("vcov", ["MD", "KC"])
def test_as_many_coefficients_as_clusters(vcov: Any) -> None:
    found = fit(ROWS, "leak ~ ml + w + o", cluster="center_id", vcov=vcov)
    assert found.status == "too few clusters"
    assert "vcov='CR1'" in found.reason
    assert fit(ROWS, "leak ~ ml + w + o", cluster="center_id", vcov="CR1").ok


def test_equations_without_a_solution(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vpstats.models.gee_kernel._MAX_ITERATIONS", 1)
    found = failed(ROWS)
    assert found.status == "not converged"
    assert "structure='independence'" in found.reason
    assert codes(found)[0] == "not_converged"


# caveats --------------------------------------------------------------------------------------


def test_few_clusters() -> None:
    assert "few_clusters" in codes(fit(cluster="center_id"))
    assert "few_clusters" not in codes(fit())


@pytest.mark.parametrize("clusters", [12, 60])
def test_clusters_of_one_row(clusters: int) -> None:
    data = ROWS.iloc[:clusters].assign(patient_id=range(clusters))
    found = fit(data, "leak ~ ml", cluster="patient_id")
    assert codes(found).count("one_row_groups") == 1
    plain = fit_logistic(data, "leak ~ ml", cluster="patient_id", vcov="CR0")
    np.testing.assert_allclose(found.coefficients, plain.coefficients, rtol=1e-7)
    np.testing.assert_allclose(found.covariance, plain.covariance, rtol=1e-7)


def caveat(found: GeeFit) -> str:
    return next(c.message for c in found.caveats if c.code == "correlation_range")


def test_rows_that_exclude_one_another() -> None:
    # one of two levels leaks in every patient: the correlation of pairs is -1
    data = pd.DataFrame({"patient_id": np.repeat(range(40), 2), "leak": [0, 1] * 40})
    data["ml"] = np.random.default_rng(1).normal(size=80)
    found = fit(data, "leak ~ ml", cluster="patient_id")
    assert found.ok
    assert found.correlation == pytest.approx(-0.99)
    assert "-1.000, outside" in caveat(found)


def test_a_correlation_that_binary_outcomes_cannot_have() -> None:
    rng = np.random.default_rng(4)
    patient = np.repeat(np.arange(200), 3)
    ml = rng.normal(size=600)
    eta = 3 * ml + 4 * rng.normal(size=200)[patient]
    data = pd.DataFrame(
        {"patient_id": patient, "ml": ml, "leak": (rng.random(600) < special.expit(eta)) * 1}
    )
    found = fit(data, "leak ~ ml", cluster="patient_id")
    assert "cannot correlate" in caveat(found)
    assert "correlation_range" not in codes(fit(data, "leak ~ 1", cluster="patient_id"))


# what a fit answers ---------------------------------------------------------------------------


def test_glance() -> None:
    row = fit().glance()
    assert set(row.columns) <= set(GLOSSARY)
    assert row["structure"].iloc[0] == "exchangeable"
    assert 0 < row["correlation"].iloc[0] < 1
    assert "log_likelihood" not in row


def test_predictions_are_marginal_risks() -> None:
    found = fit()
    predicted = found.predict(ROWS.head(5))
    augmented = found.augment(ROWS.head(5))
    np.testing.assert_allclose(predicted["estimate"], augmented[".fitted"])
    low, high = predicted["conf_low"], predicted["conf_high"]
    assert (low < predicted["estimate"]).all()
    assert (high > predicted["estimate"]).all()
    # mean prediction is near the observed share, as it is not for a conditional model
    everybody = found.predict(ROWS)["estimate"].mean()
    assert everybody == pytest.approx(ROWS["leak"].mean(), abs=0.02)


def test_wald_test_and_no_likelihood() -> None:
    found = fit()
    row = found.wald_test("region").iloc[0]
    assert (row["df"], row["df_residual"], row["method"]) == (2, found.n_clusters - 1, "Wald F")
    with pytest.raises(UsageError, match="wald_test"):
        found.likelihood_ratio_test(ROWS, "region")


def test_offset_and_weights_are_used() -> None:
    shifted = fit(ROWS.assign(half=0.5), cluster="patient_id", offset="half")
    assert shifted.coefficients[0] == pytest.approx(fit().coefficients[0] - 0.5)
    assert not np.allclose(fit(weights="w").coefficients, fit().coefficients)
    assert fit(offset="o").predict(ROWS.head(2))["estimate"].notna().all()


@pytest.mark.parametrize("weights", [None, "w"])
def test_independence_is_logistic_regression(weights: str | None) -> None:
    ours = fit(structure="independence", vcov="CR2", weights=weights)
    plain = fit_logistic(LEVELS, FORMULA, vcov="CR2", weights=weights)
    pd.testing.assert_frame_equal(ours.tidy(), plain.tidy(), rtol=1e-8)
    assert 0 < ours.correlation < 1  # seen, and not used


def test_a_result_holds_no_identifier() -> None:
    assert b"NAME-" not in pickle.dumps(fit())


def test_the_public_name() -> None:
    assert vpstats.fit_gee is fit_gee


# pooling --------------------------------------------------------------------------------------


def test_imputations_are_pooled() -> None:
    others = [ROWS.assign(ml=ROWS["ml"] + shift) for shift in (0.0, 0.3, -0.2)]
    noisy = [d.assign(ml=d["ml"] * (1 + 0.01 * k)) for k, d in enumerate(others)]
    frames = [Frame(d, unit="level", cluster="patient_id") for d in noisy]
    pooled, single = fit(Imputations(tuple(frames))), [fit(f) for f in frames]
    np.testing.assert_allclose(
        pooled.coefficients, np.mean([f.coefficients for f in single], axis=0)
    )
    within = np.mean([np.diag(f.covariance) for f in single], axis=0)
    assert (np.diag(pooled.covariance)[:2] > within[:2]).all()
    assert (np.asarray(pooled.df) < single[0].n_clusters).all()
    assert pooled.correlation == pytest.approx(np.mean([f.correlation for f in single]))


def test_a_failed_imputation_fails_the_pool() -> None:
    bad = ROWS.assign(leak=(ROWS["ml"] > 4).astype(int))
    frames = [Frame(d, unit="level", cluster="patient_id") for d in (ROWS, bad)]
    pooled = fit(Imputations(tuple(frames)), "leak ~ ml")
    assert pooled.status.startswith("separated")
    assert np.isnan(pooled.coefficients).all()


def test_the_model_covariance_is_the_scaled_inverse() -> None:
    rng = np.random.default_rng(8)
    rows = BinaryRows(
        np.column_stack([np.ones(60), rng.normal(size=60)]), rng.choice([-1.0, 1], 60)
    )
    kernel = GeeKernel(group_rows(rows, make_clusters(np.arange(60) // 3)), exchangeable=True)
    found = solve_equations(kernel, np.zeros(2))
    covariance = equation_covariance(kernel, found, "model")
    expected = found.moments.scale * np.linalg.inv(found.information)
    np.testing.assert_allclose(covariance.matrix, expected)
    assert np.isinf(covariance.df)


@pytest.mark.parametrize("rare", [False, True])
def test_separation_among_many_rows_is_found_though_a_part_is_looked_at_first(rare: bool) -> None:
    rng = np.random.default_rng(7)
    n = 40_000
    data = pd.DataFrame({"patient_id": np.arange(n) // 2, "x": rng.normal(size=n)})
    data["leak"] = (rng.random(n) < 1 / (1 + np.exp(1 - data["x"]))).astype(int)
    # the rare mark is on no row of the part
    data["mark"] = (
        (np.arange(n) % 20 == 7) & (np.arange(n) < 4_000) if rare else data["x"] > 2
    ) * 1
    plain = fit_gee(data, "leak ~ x + mark", cluster="patient_id")
    assert plain.ok
    data.loc[data["mark"] == 1, "leak"] = 1
    assert fit_gee(data, "leak ~ x + mark", cluster="patient_id").status == "separated"


def test_where_the_search_starts_does_not_matter_among_many_rows() -> None:
    rng = np.random.default_rng(8)
    n = 40_000
    data = pd.DataFrame({"patient_id": np.arange(n) // 3, "x": rng.normal(size=n)})
    data["leak"] = (rng.random(n) < 1 / (1 + np.exp(1 - data["x"]))).astype(int)
    one = fit_gee(data, "leak ~ x", cluster="patient_id")
    # other rows are every twentieth
    two = fit_gee(data.iloc[::-1], "leak ~ x", cluster="patient_id")
    errors = np.sqrt(np.diag(one.covariance))
    assert np.abs((one.coefficients - two.coefficients) / errors).max() < 1e-7
    np.testing.assert_allclose(one.covariance, two.covariance, rtol=1e-7)
