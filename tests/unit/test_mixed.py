"""Random intercepts: options, guards, failures as results, and what a fit answers."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import special, stats

import vpstats
from vpstats.errors import FormulaError, UsageError
from vpstats.frames import Frame, Imputations
from vpstats.models.binary import BinaryRows
from vpstats.models.covariance import Clusters
from vpstats.models.logistic import fit_logistic
from vpstats.models.mixed import MixedLogisticFit, fit_mixed_logistic
from vpstats.models.mixed_estimate import one_level, two_levels
from vpstats.models.quasi import climb, differences
from vpstats.results import GLOSSARY


def make_rows(patients: int = 240, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    center = rng.integers(0, 12, patients)
    patient = np.repeat(np.arange(patients), rng.integers(1, 5, patients))
    n = len(patient)
    data = pd.DataFrame(
        {
            "patient_id": [f"NAME-{i}" for i in patient],
            "center_id": [f"C{c:02d}" for c in center[patient]],
            "ml": rng.gamma(4, 1, n),
            "region": rng.choice(["thoracic", "lumbar", "sacral"], n),
            "w": rng.integers(1, 4, n),
            "o": rng.normal(size=n) / 4,
        }
    )
    eta = -2 + 0.4 * data["ml"] + 0.8 * rng.normal(size=12)[center[patient]]
    eta += 1.2 * rng.normal(size=patients)[patient]
    data["leak"] = (rng.random(n) < special.expit(eta)).astype(int)
    return data.sample(frac=1, random_state=np.random.default_rng(1), ignore_index=True)


ROWS = make_rows()
FORMULA = "leak ~ ml + C(region, ref='thoracic')"
LEVELS = Frame(ROWS, unit="level", cluster="patient_id", outcome="leak")
NESTED = ("center_id", "patient_id")


def fit(data: Any = LEVELS, formula: str = FORMULA, **options: Any) -> MixedLogisticFit:
    return fit_mixed_logistic(data, formula, **options)


def codes(found: MixedLogisticFit) -> list[str]:
    return [c.code for c in found.caveats]


# kernels and search ---------------------------------------------------------------------------


def toy(n: int = 400, *, extra: bool = True) -> tuple[BinaryRows, Clusters, Clusters]:
    rng = np.random.default_rng(4)
    inner = np.sort(rng.integers(0, 90, n))
    outer = inner // 9
    X = np.column_stack([np.ones(n), rng.normal(size=(n, 2))])
    rows = BinaryRows(
        X,
        rng.choice([-1.0, 1.0], n),
        rng.integers(1, 4, n).astype(float) if extra else None,
        rng.normal(size=n) / 4 if extra else None,
    )
    return rows, Clusters(outer, 10), Clusters(np.unique(inner, return_inverse=True)[1], 90)


def slopes(kernel: Any, theta: np.ndarray) -> np.ndarray:
    step = 1e-5 * np.eye(len(theta))
    return np.array(
        [(kernel.evaluate(theta + e)[0] - kernel.evaluate(theta - e)[0]) / 2e-5 for e in step]
    )


@pytest.mark.parametrize("extra", [False, True])
@pytest.mark.parametrize("nodes", [1, 2, 3, 8, 25])
def test_the_gradient_is_that_of_the_approximation(nodes: int, extra: bool) -> None:
    rows, _, inner = toy(extra=extra)
    kernel = one_level(rows, inner, nodes)
    theta = np.array([-0.4, 0.5, 0.2, 1.3])
    # differences over 1e-5 of values near 1e3 are right to some 1e-8
    np.testing.assert_allclose(kernel.evaluate(theta)[1], slopes(kernel, theta), atol=1e-6)


@pytest.mark.parametrize("scales", [(0.7, 1.3), (0.0, 1.0), (1.0, 0.0)])
def test_the_nested_gradient(scales: tuple[float, float]) -> None:
    kernel = two_levels(*toy())
    theta = np.array([-0.4, 0.5, 0.2, *scales])
    np.testing.assert_allclose(kernel.evaluate(theta)[1], slopes(kernel, theta), atol=1e-6)


@pytest.mark.parametrize("sigma", [0.0, 0.4, 2.5])
def test_the_curvature_of_laplace(sigma: float) -> None:
    rows, _, inner = toy()
    kernel = one_level(rows, inner, 1)
    theta = np.array([-0.4, 0.5, 0.2, sigma])
    by_differences = differences(kernel.evaluate, theta, np.full(4, 0.1), np.arange(3))
    # third derivatives times the square of the step, 1e-8
    np.testing.assert_allclose(kernel.curvature(theta), by_differences[:3], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("at", "scales"), [(0, (0.0, 1.2)), (1, (0.9, 0.0))])
def test_without_a_level_nested_is_single(at: int, scales: tuple[float, float]) -> None:
    rows, outer, inner = toy()
    nested = two_levels(rows, outer, inner).evaluate(np.array([0.1, 0.2, 0.3, *scales]))
    single = one_level(rows, (inner, outer)[at], 1)
    value, gradient = single.evaluate(np.array([0.1, 0.2, 0.3, scales[1 - at]]))
    assert nested[0] == pytest.approx(value)
    np.testing.assert_allclose(np.delete(nested[1], 3 + at), gradient, atol=1e-9)
    assert nested[1][3 + at] == pytest.approx(0.0, abs=1e-9)


def test_modes_are_found_from_far_away() -> None:
    rows, outer, inner = toy(extra=False)
    theta = np.array([-6.0, 3.0, 2.0, 8.0])
    kernel = one_level(rows, inner, 1)
    fresh = kernel.evaluate(theta)[0]
    kernel.modes[:] = 8.0  # 64 log odds away, at one log odd per step
    assert kernel.evaluate(theta)[0] == pytest.approx(fresh, rel=1e-10)
    nested = two_levels(rows, outer, inner)
    start = nested.evaluate(np.append(theta, 6.0))[0]
    nested.modes[:], nested.inner_modes[:] = 5.0, -5.0
    assert nested.evaluate(np.append(theta, 6.0))[0] == pytest.approx(start, rel=1e-10)


def test_modes_that_are_not_found_give_no_value() -> None:
    rows, outer, inner = toy(extra=False)
    theta = np.array([-6.0, 3.0, 2.0, 8.0])
    kernel, nested = one_level(rows, inner, 1), two_levels(rows, outer, inner)
    kernel.modes[:], nested.modes[:] = 40.0, 90.0
    assert np.isnan(kernel.evaluate(theta)[0])
    assert np.isnan(nested.evaluate(np.append(theta, 6.0))[0])
    assert (kernel.modes == 40.0).all()


def test_the_climb_stops_where_it_is_told() -> None:
    def parabola(x: np.ndarray) -> tuple[float, np.ndarray]:
        return -float((x - 3) @ (x - 3)), -2 * (x - 3)

    found = climb(parabola, np.zeros(2), np.eye(2) / 10, tolerance=1e-20)
    np.testing.assert_allclose(found.point, 3.0, atol=1e-9)
    early = climb(parabola, np.zeros(2), np.eye(2) / 10, tolerance=1e-20, inside=lambda x: x[0] > 9)
    assert early.iterations == 1


def test_the_climb_gives_up_where_nothing_rises() -> None:
    def liar(x: np.ndarray) -> tuple[float, np.ndarray]:  # a gradient that points down
        return -float(x @ x), 2 * x

    found = climb(liar, np.ones(1), np.eye(1), tolerance=1e-12)
    assert found.iterations == 0
    assert found.decrement > 1


def test_a_direction_that_bends_upwards_teaches_nothing() -> None:
    def well(x: np.ndarray) -> tuple[float, np.ndarray]:  # convex, then falling
        return float(np.sin(x[0])), np.cos(x)

    found = climb(well, np.array([-1.2]), np.eye(1) / 2, tolerance=1e-16)
    assert found.point[0] == pytest.approx(np.pi / 2)


# options --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"nodes": 0}, "nodes is 0"),
        ({"nodes": 2.5}, "nodes is 2.5"),
        ({"nodes": True}, "nodes is True"),
        ({"nodes": 5, "group": NESTED}, "Laplace"),
        ({"group": ("center_id", "center_id")}, "one column, or a tuple"),
        ({"group": ("center_id", "patient_id", "w")}, "one column, or a tuple"),
        ({"group": ("nobody", "patient_id")}, "nobody"),
        ({"level": 95}, "level"),
    ],
)
def test_wrong_requests_raise(options: dict[str, Any], what: str) -> None:
    with pytest.raises(UsageError, match=what):
        fit(**options)


def test_groups_are_needed() -> None:
    with pytest.raises(UsageError, match="needs group="):
        fit(ROWS)


@pytest.mark.parametrize("cluster", ["patient_id", None])
def test_the_cluster_of_a_frame_may_not_be_left_out(cluster: str | None) -> None:
    frame = Frame(ROWS, unit="level", cluster=cluster)
    with pytest.raises(UsageError, match=r"group=\('center_id', 'patient_id'\)"):
        fit(frame, group="center_id")
    found = fit(frame, group="center_id", independent="levels lie apart", nodes=3)
    assert "independent" in codes(found)
    assert fit(frame, "leak ~ ml", nodes=1).groups == ("patient_id",)


def test_a_formula_is_data() -> None:
    with pytest.raises(FormulaError):
        fit(formula="leak ~ __import__('os').system('true')")


@pytest.mark.parametrize(
    ("options", "nodes"), [({}, 25), ({"group": NESTED}, 1), ({"nodes": 4}, 4)]
)
def test_nodes(options: dict[str, Any], nodes: int) -> None:
    found = fit(formula="leak ~ ml", **options)
    assert found.nodes == nodes
    assert ("Laplace" if nodes == 1 else f"{nodes} nodes") in found.title
    assert "conditional on" in found.title


def test_weights_count_rows_and_offsets_shift() -> None:
    twice = ROWS.loc[ROWS.index.repeat(ROWS["w"])]
    weighted = fit(ROWS, "leak ~ ml", group="patient_id", weights="w", nodes=7)
    repeated = fit(twice, "leak ~ ml", group="patient_id", nodes=7)
    np.testing.assert_allclose(weighted.coefficients, repeated.coefficients, rtol=1e-6)
    np.testing.assert_allclose(weighted.scales, repeated.scales, rtol=1e-6)
    np.testing.assert_allclose(weighted.covariance, repeated.covariance, rtol=1e-5)
    shifted = fit(ROWS.assign(half=0.5), "leak ~ ml", group="patient_id", offset="half", nodes=7)
    plain = fit(ROWS, "leak ~ ml", group="patient_id", nodes=7)
    assert shifted.coefficients[0] == pytest.approx(plain.coefficients[0] - 0.5, rel=1e-6)


@pytest.mark.parametrize("group", ["patient_id", NESTED])
@pytest.mark.parametrize("kind", ["nullable", "index", "categorical"])
def test_kinds_of_tables(kind: str, group: Any) -> None:
    data = ROWS.copy()
    if kind == "nullable":
        data = data.assign(leak=data["leak"].astype("boolean"), ml=data["ml"].astype("Float64"))
    elif kind == "index":
        data.index = np.zeros(len(data), dtype=int)
    else:
        data = data.assign(**{c: data[c].astype("category") for c in NESTED})
    ours, plain = (fit(d, "leak ~ ml", group=group, nodes=1) for d in (data, ROWS))
    pd.testing.assert_frame_equal(ours.tidy(), plain.tidy())
    pd.testing.assert_frame_equal(ours.random_effects(data), plain.random_effects(ROWS))


def test_rows_with_missing_values_are_left_out_and_counted() -> None:
    data = ROWS.assign(
        ml=ROWS["ml"].where(ROWS.index >= 10),
        center_id=ROWS["center_id"].where(ROWS.index < len(ROWS) - 5),
    )
    found = fit(data, group=NESTED)
    assert found.n_missing == 15
    assert "dropped_rows" in codes(found)
    augmented = found.augment(data)
    assert augmented[".fitted"].isna().sum() == 15


def test_equal_ids_in_two_centers_are_two_patients() -> None:
    number = ROWS.groupby("center_id")["patient_id"].transform(lambda s: pd.factorize(s)[0])
    renamed = fit(ROWS.assign(patient_id=number), "leak ~ ml", group=NESTED)
    plain = fit(formula="leak ~ ml", group=NESTED)
    assert renamed.group_counts == plain.group_counts
    np.testing.assert_allclose(renamed.coefficients, plain.coefficients, rtol=1e-8)


# failures -------------------------------------------------------------------------------------


def failed(data: pd.DataFrame, formula: str = "leak ~ ml", **options: Any) -> MixedLogisticFit:
    found = fit(data, formula, **{"group": "patient_id", "nodes": 1, **options})
    assert not found.ok
    assert found.tidy()["estimate"].isna().all()
    assert found.variance_components()["estimate"].isna().all()
    assert found.glance()["icc"].isna().all()
    assert found.predict(data.head(3))["estimate"].isna().all()
    assert found.predict(data.head(3), marginal=True)["estimate"].isna().all()
    assert found.random_effects(data)["estimate"].isna().all()
    assert found.augment(data)[".fitted"].isna().all()
    return found


@pytest.mark.parametrize("group", ["patient_id", NESTED])
def test_separation(group: Any) -> None:
    complete = ROWS.assign(leak=(ROWS["ml"] > 4).astype(int))
    rare = ROWS.assign(rare=np.where(ROWS["leak"] == 1, 0, ROWS["w"] == 1).astype(int))
    for data, formula, named in ((complete, "leak ~ ml", "ml"), (rare, "leak ~ ml + rare", "rare")):
        found = failed(data, formula, group=group)
        assert found.status == "separated"
        assert f"{named} predict" in found.reason
        assert "penalty='firth'" in found.reason
        assert codes(found)[0] == "separation"


def test_an_outcome_that_never_varies() -> None:
    assert failed(ROWS.assign(leak=1)).status == "constant outcome"


@pytest.mark.parametrize("group", ["patient_id", NESTED])
def test_no_rows(group: Any) -> None:
    assert failed(ROWS.assign(ml=np.nan), group=group).status == "no rows"
    assert failed(ROWS.iloc[:0], group=group).status == "no rows"


def test_one_group() -> None:
    assert failed(ROWS.assign(patient_id="NAME-1")).status == "too few clusters"


def test_one_row_per_group() -> None:
    found = failed(ROWS.assign(patient_id=range(len(ROWS))))
    assert found.status == "no repeated rows"
    assert "fit_logistic" in found.reason
    assert "one_row_groups" in codes(found)


@pytest.mark.parametrize(("group", "nodes"), [("patient_id", 1), ("patient_id", 9), (NESTED, 1)])
def test_groups_that_never_vary_within(group: Any, nodes: int) -> None:
    pure = (pd.factorize(ROWS["patient_id"])[0] % 2).astype(int)
    found = failed(ROWS.assign(leak=pure), group=group, nodes=nodes)
    assert found.status == "infinite variance"
    assert "fit_gee(" in found.reason


@pytest.mark.parametrize("what", ["decrement", "information"])
def test_a_maximum_that_is_not_reached(monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    if what == "decrement":
        monkeypatch.setattr("vpstats.models.mixed_estimate._SETTLED", -1.0)
    else:
        monkeypatch.setattr(
            "vpstats.models.mixed_estimate._information", lambda kernel, found: -np.eye(3)
        )
    found = failed(ROWS)
    assert found.status == "not converged"
    assert codes(found)[0] == "not_converged"


# boundary and caveats -------------------------------------------------------------------------


def alike(column: str) -> pd.DataFrame:
    """Rows in which the groups of a column are as alike as can be."""
    rng = np.random.default_rng(2)
    data = pd.DataFrame({column: np.repeat(np.arange(60), 4), "leak": [1, 0, 1, 0] * 60})
    return data.assign(ml=rng.normal(size=240))


@pytest.mark.parametrize("nodes", [1, 11])
def test_a_variance_of_zero_is_the_plain_model(nodes: int) -> None:
    data = alike("patient_id")
    found = fit(data, "leak ~ ml", group="patient_id", nodes=nodes)
    plain = fit_logistic(data, "leak ~ ml")
    assert found.ok
    assert "boundary_variance" in codes(found)
    np.testing.assert_allclose(found.coefficients, plain.coefficients)
    np.testing.assert_allclose(found.covariance, plain.covariance)
    assert found.log_likelihood == pytest.approx(plain.log_likelihood)
    conditional, marginal = (found.predict(data.head(3), marginal=m) for m in (False, True))
    pd.testing.assert_frame_equal(conditional, marginal)


def test_a_level_without_variance_leaves_the_other() -> None:
    rng = np.random.default_rng(3)
    odds = special.expit(1.5 * rng.normal(size=300))
    leaks = np.sort(rng.binomial(3, odds))  # patients dealt out so that centers are alike
    rounds = np.arange(300) // 30
    center = np.where(rounds % 2, 29 - np.arange(300) % 30, np.arange(300) % 30)
    data = pd.DataFrame(
        {
            "patient_id": np.repeat(np.arange(300), 3),
            "center_id": np.repeat(center, 3),
            "leak": (np.tile([0, 1, 2], 300) < np.repeat(leaks, 3)).astype(int),
        }
    )
    found = fit(data, "leak ~ 1", group=NESTED)
    single = fit(data, "leak ~ 1", group="patient_id", nodes=1)
    assert found.scales[0] == 0.0
    np.testing.assert_allclose(found.scales[1], single.scales[0])
    np.testing.assert_allclose(found.std_errors, single.std_errors)
    message = next(c.message for c in found.caveats if c.code == "boundary_variance")
    assert "groups of center_id" in message
    assert found.variance_p_values[0] == 1.0
    assert found.variance_p_values[1] < 0.01
    risk = found.predict(data.head(1), marginal=True)
    assert np.isfinite(risk.to_numpy()).all()


def test_patients_without_variance_leave_the_centers() -> None:
    rng = np.random.default_rng(6)
    center = np.repeat(np.arange(30), 20)
    odds = special.expit(1.5 * rng.normal(size=30))
    # both levels of a patient differ as often as chance allows, so that patients do not
    y = np.concatenate([rng.permutation(np.arange(20) < 20 * p) for p in odds]).astype(int)
    data = pd.DataFrame({"center_id": center, "patient_id": np.arange(600) // 2, "leak": y})
    data["leak"] = data.groupby("center_id")["leak"].transform(
        lambda s: np.sort(s)[np.argsort(np.tile([0, 1], 10), kind="stable").argsort()]
    )
    found = fit(data, "leak ~ 1", group=NESTED)
    single = fit(data, "leak ~ 1", group="center_id", nodes=1)
    assert found.scales[1] == 0.0
    np.testing.assert_allclose(found.scales[0], single.scales[0])
    np.testing.assert_allclose(found.joint_covariance[:2, :2], single.joint_covariance)


def test_few_groups_and_single_rows() -> None:
    assert "few_groups" in codes(fit(formula="leak ~ ml", group=NESTED))
    alone = fit(ROWS.drop_duplicates(["patient_id", "w"]), "leak ~ ml", group="patient_id", nodes=1)
    assert "one_row_groups" not in codes(alone)
    mostly = ROWS[~ROWS["patient_id"].duplicated() | (ROWS["w"] == 3)]
    assert "one_row_groups" in codes(fit(mostly, "leak ~ ml", group="patient_id", nodes=1))


# what a fit answers ---------------------------------------------------------------------------


@pytest.mark.parametrize("group", ["center_id", NESTED])
def test_glance(group: Any) -> None:
    row = fit(ROWS, group=group, nodes=1).glance()
    assert set(row.columns) <= set(GLOSSARY)
    assert row["n_clusters"].iloc[0] == 12
    inner = row[["n_inner", "sd_inner", "icc_inner", "median_odds_ratio_inner"]]
    assert inner.isna().all(axis=None) == (group == "center_id")
    assert row["median_odds_ratio"].iloc[0] > 1


def test_variance_components() -> None:
    found = fit(ROWS, group=NESTED)
    table = found.variance_components()
    assert list(table["group"]) == list(NESTED)
    assert list(table["n_groups"]) == list(found.group_counts)
    for low, value, high in (
        ("conf_low", "estimate", "conf_high"),
        ("icc_low", "icc", "icc_high"),
        ("mor_low", "median_odds_ratio", "mor_high"),
    ):
        assert (table[low] < table[value]).all()
        assert (table[value] < table[high]).all()
    wide = found.variance_components(level=0.99)
    assert (wide["conf_high"] > table["conf_high"]).all()
    assert (table["p_value"] <= 0.5).all()


def test_conditional_effects_are_larger_than_marginal_ones() -> None:
    found = fit(ROWS, "leak ~ ml", group=NESTED)
    assert found.coefficients[1] > fit_logistic(ROWS, "leak ~ ml").coefficients[1]
    low = pd.DataFrame({"ml": [0.0, 15.0]})
    conditional, marginal = (found.predict(low, marginal=m)["estimate"] for m in (False, True))
    assert conditional[0] < marginal[0] < 0.5 < marginal[1] < conditional[1]
    mean = found.predict(ROWS, marginal=True)["estimate"].mean()
    assert mean == pytest.approx(ROWS["leak"].mean(), abs=0.02)


def test_random_effects() -> None:
    found = fit(ROWS, group=NESTED)
    centers = found.random_effects(ROWS)
    assert list(centers["group"]) == sorted(ROWS["center_id"].unique())
    assert centers["n"].sum() == len(ROWS)
    assert centers["n_events"].sum() == ROWS["leak"].sum()
    np.testing.assert_allclose(centers["conf_high"] - centers["estimate"],
                               1.959963984540054 * centers["std_error"])  # fmt: skip
    assert (centers["std_error"] < found.scales[0]).all()
    patients = found.random_effects(ROWS, group="patient_id")
    assert len(patients) == found.group_counts[1]
    assert patients["group"].str.match(r"C\d\d / NAME-\d+").all()
    with pytest.raises(UsageError, match="no group of the fit"):
        found.random_effects(ROWS, group="region")
    # other rows than those of the fit: the same center alone has the same mode
    one = found.random_effects(ROWS[ROWS["center_id"] == "C03"])
    expected = centers.loc[centers["group"] == "C03", "estimate"].iloc[0]
    assert one["estimate"].iloc[0] == pytest.approx(expected)


def test_random_effects_use_weights_and_offset() -> None:
    found = fit(group="patient_id", weights="w", offset="o", nodes=1)
    twice = ROWS.loc[ROWS.index.repeat(ROWS["w"])].assign(w=1)
    weighted, repeated = found.random_effects(ROWS), found.random_effects(twice)
    np.testing.assert_allclose(weighted["estimate"], repeated["estimate"], atol=1e-8)
    assert len(found.random_effects(ROWS.assign(o=np.nan))) == 0


def test_numbered_groups_are_in_order_of_their_numbers() -> None:
    data = ROWS.assign(center_id=pd.factorize(ROWS["center_id"])[0])
    found = fit(data, "leak ~ ml", group="center_id", independent="a test", nodes=1)
    assert list(found.random_effects(data)["group"]) == [str(i) for i in range(12)]
    mixed = data.assign(center_id=data["center_id"].astype(object).where(data["w"] > 1, "other"))
    found = fit(mixed, "leak ~ ml", group="center_id", independent="a test", nodes=1)
    assert len(found.random_effects(mixed)) == 13


@pytest.mark.parametrize("group", ["patient_id", NESTED])
def test_augment_knows_the_groups(group: Any) -> None:
    found = fit(ROWS, group=group, nodes=1)
    augmented = found.augment(ROWS)
    np.testing.assert_allclose(augmented[".resid"], ROWS["leak"] - augmented[".fitted"])
    plain = special.logit(found.predict(ROWS)["estimate"])
    np.testing.assert_allclose(special.logit(augmented[".fitted"]) - plain, augmented[".intercept"])
    modes = found.random_effects(ROWS).set_index("group")["estimate"]
    if group == "patient_id":
        np.testing.assert_allclose(augmented[".intercept"], modes[ROWS["patient_id"]].to_numpy())


def test_predictions_have_no_times() -> None:
    found = fit(formula="leak ~ ml", nodes=1)
    for marginal in (False, True):
        with pytest.raises(UsageError, match="times"):
            found.predict(ROWS, times=[1], marginal=marginal)


def test_tests_of_coefficients() -> None:
    found = fit(nodes=1)
    row = found.wald_test("region").iloc[0]
    assert (row["df"], row["method"]) == (2, "Wald chi-squared")
    with pytest.raises(UsageError, match="wald_test"):
        found.likelihood_ratio_test(ROWS, "region")


def test_a_result_holds_no_identifier() -> None:
    found = fit(group=NESTED)
    assert b"NAME-" not in pickle.dumps(found)
    assert b"C03" not in pickle.dumps(found)


def test_the_public_name() -> None:
    assert vpstats.fit_mixed_logistic is fit_mixed_logistic


# pooling --------------------------------------------------------------------------------------


def test_imputations_are_pooled() -> None:
    frames = [
        Frame(ROWS.assign(ml=ROWS["ml"] * (1 + 0.02 * k)), unit="level", cluster="patient_id")
        for k in range(3)
    ]
    pooled = fit(Imputations(tuple(frames)), "leak ~ ml", group=NESTED)
    single = [fit(f, "leak ~ ml", group=NESTED) for f in frames]
    np.testing.assert_allclose(
        pooled.coefficients, np.mean([f.coefficients for f in single], axis=0)
    )
    geometric = np.exp(np.mean([np.log(f.scales) for f in single], axis=0))
    np.testing.assert_allclose(pooled.scales, geometric)
    assert (pooled.variance_components()["std_error"] > 0).all()
    assert pooled.variance_components()["p_value"].isna().all()
    assert np.isnan(pooled.log_likelihood)
    assert np.isfinite(pooled.predict(ROWS.head(2), marginal=True).to_numpy()).all()


def test_pooled_variances_of_zero() -> None:
    data = alike("patient_id")
    frames = tuple(
        Frame(data.assign(ml=data["ml"] + k / 10), unit="level", cluster="patient_id")
        for k in range(2)
    )
    pooled = fit(Imputations(frames), "leak ~ ml", nodes=1)
    assert pooled.scales[0] == 0.0
    assert np.isnan(pooled.variance_components()["std_error"]).all()


def test_a_failed_imputation_fails_the_pool() -> None:
    bad = ROWS.assign(leak=(ROWS["ml"] > 4).astype(int))
    frames = tuple(Frame(d, unit="level", cluster="patient_id") for d in (ROWS, bad))
    pooled = fit(Imputations(frames), "leak ~ ml", nodes=1)
    assert pooled.status.startswith("separated")


# profile intervals ----------------------------------------------------------------------------


def test_profile_limits_are_where_the_likelihood_has_fallen_by_the_quantile() -> None:
    data = rows_with_profile()
    fit = fit_mixed_logistic(data, "y ~ x", group="g", nodes=7, intervals="profile")
    wald = fit_mixed_logistic(data, "y ~ x", group="g", nodes=7)
    np.testing.assert_array_equal(fit.coefficients, wald.coefficients)
    low, high = fit.tidy().loc[1, ["conf_low", "conf_high"]]
    assert low < fit.coefficients[1] < high
    for limit in (low, high):
        # the slope held at its limit by an offset
        held = fit_mixed_logistic(
            data.assign(known=limit * data["x"]), "y ~ 1", group="g", nodes=7, offset="known"
        )
        fall = 2 * (fit.log_likelihood - held.log_likelihood)
        assert fall == pytest.approx(stats.chi2.ppf(0.95, 1), abs=1e-5)
    without = fit_mixed_logistic(data, "y ~ 1", group="g", nodes=7)
    ratio = 2 * (fit.log_likelihood - without.log_likelihood)
    assert fit.tidy().loc[1, "p_value"] == pytest.approx(stats.chi2.sf(ratio, 1), abs=1e-7)


def test_profile_limits_of_the_variation_between_groups() -> None:
    fit = fit_mixed_logistic(
        rows_with_profile(), "y ~ x", group="g", nodes=7, intervals="profile", level=0.9
    )
    row = fit.variance_components().iloc[0]
    assert 0 <= row["conf_low"] < row["estimate"] < row["conf_high"]
    assert row["icc_high"] == pytest.approx(
        row["conf_high"] ** 2 / (row["conf_high"] ** 2 + np.pi**2 / 3)
    )
    # excluded by the interval if and only if by the two-sided test
    excluded = row["statistic"] > stats.chi2.ppf(0.9, 1)
    assert excluded == (row["conf_low"] > 0)
    with pytest.raises(UsageError, match="fit again with the level wanted"):
        fit.variance_components(level=0.95)


def test_a_variance_of_zero_has_an_upper_profile_limit() -> None:
    data = pd.DataFrame({"g": np.repeat(np.arange(12), 6), "y": [0, 1] * 36})
    fit = fit_mixed_logistic(data, "y ~ 1", group="g", nodes=7, intervals="profile")
    row = fit.variance_components().iloc[0]
    assert (row["estimate"], row["conf_low"]) == (0.0, 0.0)
    assert 0 < row["conf_high"] < 2
    assert np.isnan(fit_mixed_logistic(data, "y ~ 1", group="g").variance_components().iloc[0, 5])


def test_profiles_of_two_nested_groups() -> None:
    rng = np.random.default_rng(8)
    center, patient = np.repeat(np.arange(15), 24), np.repeat(np.arange(60), 6)
    eta = 0.8 * rng.normal(size=15)[center] + rng.normal(size=60)[patient]
    y = (rng.random(360) < special.expit(eta)).astype(int)
    data = pd.DataFrame({"c": center, "p": patient, "y": y})
    fit = fit_mixed_logistic(data, "y ~ 1", group=("c", "p"), intervals="profile")
    parts = fit.variance_components()
    assert (parts["conf_low"] < parts["estimate"]).all()
    assert (parts["estimate"] < parts["conf_high"]).all()
    assert np.isfinite(parts["conf_high"]).all()


def test_unknown_intervals_are_refused() -> None:
    unknown: Any = "exact"
    with pytest.raises(UsageError, match="intervals is 'exact'"):
        fit_mixed_logistic(rows_with_profile(), "y ~ x", group="g", intervals=unknown)


def rows_with_profile() -> pd.DataFrame:
    rng = np.random.default_rng(7)
    g = np.repeat(np.arange(25), 8)
    x = rng.normal(size=200)
    eta = 0.7 * x + 1.2 * rng.normal(size=25)[g]
    return pd.DataFrame({"g": g, "x": x, "y": (rng.random(200) < special.expit(eta)).astype(int)})


@pytest.mark.parametrize("seed", [5, 18, 19, 30])
def test_errors_are_of_the_maximum_also_of_small_deviations(seed: int) -> None:
    # the search ends near the top, and the error of a deviation near zero changes fast around it
    rng = np.random.default_rng(seed)
    group = np.repeat(np.arange(90), rng.integers(1, 5, 90))
    x = rng.normal(size=len(group))
    drawn, shared = rng.random(len(group)), rng.normal(0, 0.4, 90)[group]
    y = (drawn < special.expit(-1.5 + 0.5 * x + shared)).astype(int)
    found = fit_mixed_logistic(
        pd.DataFrame({"g": group, "x": x, "y": y}), "y ~ x", group="g", nodes=15
    )
    X = np.column_stack([np.ones(len(x)), x])
    kernel = one_level(BinaryRows(X, y * 2.0 - 1), Clusters(group, 90), 15)
    theta = np.append(found.coefficients, found.scales)
    errors = np.sqrt(np.diag(found.joint_covariance))
    information = differences(kernel.evaluate, theta, errors, np.arange(3))
    again = np.sqrt(np.diag(np.linalg.inv((information + information.T) / 2)))
    np.testing.assert_allclose(errors, again, rtol=5e-5)  # 1e-6 standard errors over 0.08 of 3.2
