"""Bad input and nasty data: one clear error, or a result that says what is wrong."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import special

from vpstats.errors import FormulaError, UsageError
from vpstats.models import logistic_guards
from vpstats.models.logistic import LogisticFit, fit_logistic


def make_rows(n: int = 300, seed: int = 5) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    data = pd.DataFrame(
        {
            "age": rng.normal(70, 9, n),
            "ml": rng.gamma(5, 0.8, n),
            "region": rng.choice(["thoracic", "lumbar"], n),
            "center": rng.choice(list("abcdefgh"), n),
            "patient": rng.integers(0, 200, n),
        }
    )
    eta = -3 + 0.02 * data["age"] + 0.3 * data["ml"]
    data["leak"] = (rng.random(n) < special.expit(eta)).astype(int)
    return data


ROWS = make_rows()
FORMULA = "leak ~ age + ml + region"


def codes(fit: LogisticFit) -> list[str]:
    return [c.code for c in fit.caveats]


def caveat(fit: LogisticFit, code: str) -> str:
    return next(c.message for c in fit.caveats if c.code == code)


# outcomes and columns ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "what"),
    [
        ([0, 1, 2], "other numbers than 0 and 1"),
        ([0.0, 1.0, 0.5], "other numbers than 0 and 1"),
        ([-1, 1, 1], "other numbers than 0 and 1"),
        (["yes", "no", "maybe"], "holds the categories"),
        (pd.to_datetime(["2020-01-01"] * 3), "type datetime64"),
        ([1 + 2j, 0, 1], "type complex128"),
        (["yes", 1, 0], "holds mixed"),
    ],
)
def test_an_outcome_that_is_not_binary(values: object, what: str) -> None:
    data = pd.DataFrame({"leak": values, "age": [60.0, 70.0, 80.0]})
    with pytest.raises(UsageError, match=f"column 'leak'.*{what}"):
        fit_logistic(data, "leak ~ age")


@pytest.mark.parametrize(
    "outcome",
    [
        ROWS["leak"].astype(bool),
        ROWS["leak"].astype("boolean"),
        ROWS["leak"].astype("Int8"),
        ROWS["leak"].astype("Float64"),
        ROWS["leak"].astype(float),
        ROWS["leak"].map({0: "no", 1: "yes"}),
        ROWS["leak"].map({0: "no", 1: "yes"}).astype("category"),
        ROWS["leak"].map({0: False, 1: True}).astype(object),
    ],
)
def test_every_spelling_of_a_binary_outcome_is_the_same(outcome: pd.Series) -> None:
    plain = fit_logistic(ROWS, FORMULA)
    same = fit_logistic(ROWS.assign(leak=outcome), FORMULA)
    np.testing.assert_array_equal(same.coefficients, plain.coefficients)
    assert same.n_events == plain.n_events


def test_nullable_columns_count_their_missing_values() -> None:
    data = ROWS.astype({"age": "Float64", "leak": "Int64", "region": "string"})
    for column, row in (("age", 3), ("leak", 5), ("region", 7)):
        data.loc[row, column] = pd.NA
    fit = fit_logistic(data, FORMULA)
    same = fit_logistic(ROWS.drop(index=[3, 5, 7]), FORMULA)
    assert fit.n_missing == 3
    np.testing.assert_array_equal(fit.coefficients, same.coefficients)
    assert "3 of 300 rows" in caveat(fit, "dropped_rows")


@pytest.mark.parametrize("empty", [np.nan, None, pd.NA])
def test_a_column_without_any_value_is_named(empty: object) -> None:
    fit = fit_logistic(ROWS.assign(ml=pd.Series([empty] * len(ROWS), dtype=object)), FORMULA)
    assert fit.status == "no rows"
    assert "no row has a value of ml" in fit.reason
    assert fit.n_missing == len(ROWS)


def test_columns_that_are_missing_in_turn() -> None:
    half = np.arange(len(ROWS)) % 2 == 0
    data = ROWS.assign(ml=ROWS["ml"].where(half), age=ROWS["age"].where(~half))
    fit = fit_logistic(data, FORMULA)
    assert fit.status == "no rows"
    assert "missing together" in fit.reason


@pytest.mark.parametrize("cluster", [None, "patient"])
def test_no_rows_at_all(cluster: str | None) -> None:
    for data in (ROWS.head(0), ROWS.assign(ml=np.nan)):
        fit = fit_logistic(data, FORMULA, cluster=cluster)
        assert fit.status == "no rows"
        assert fit.n == 0


def test_a_category_of_one_level_is_named_and_left_out() -> None:
    fit = fit_logistic(ROWS.assign(one="x"), "leak ~ age + one + C(one)")
    assert fit.terms == ("Intercept", "age")
    assert "one has one value in all rows" in caveat(fit, "aliased")


def test_a_level_that_missing_values_leave_empty() -> None:
    data = ROWS.assign(region=ROWS["region"].astype("category"))
    data.loc[data["region"] == "thoracic", "age"] = np.nan
    fit = fit_logistic(data, FORMULA)
    assert fit.terms == ("Intercept", "age", "ml")
    assert "region" in [c.term for c in fit.caveats if c.code == "aliased"]


@pytest.mark.parametrize("value", [np.inf, -np.inf, 1e200])
def test_infinite_values_are_named(value: float) -> None:
    with pytest.raises(UsageError, match="age is infinite or undefined in 1 rows"):
        fit_logistic(ROWS.assign(age=ROWS["age"].where(ROWS.index != 4, value)), FORMULA)


def test_logarithms_of_zero_are_named() -> None:
    with pytest.raises(UsageError, match=r"log\(zero\) is infinite or undefined"):
        fit_logistic(ROWS.assign(zero=0.0), "leak ~ log(zero)")


@pytest.mark.parametrize(
    ("formula", "left_out"),
    [
        ("leak ~ age + double", ["double"]),
        ("leak ~ age + ml + both", ["both"]),
        ("leak ~ C(center) + C(north)", ["north[T.1]"]),
        ("leak ~ age + constant", ["constant"]),
    ],
)
def test_columns_that_others_determine_are_named(formula: str, left_out: list[str]) -> None:
    data = ROWS.assign(
        double=2 * ROWS["age"],
        both=ROWS["age"] - 3 * ROWS["ml"],
        north=ROWS["center"].isin(list("abc")).astype(int),
        constant=7.0,
    )
    fit = fit_logistic(data, formula)
    named = [c.term for c in fit.caveats if c.code == "aliased"]
    assert fit.ok
    assert named
    assert set(named) <= set(left_out)
    assert not set(named) & set(fit.terms)


def test_an_index_with_duplicates_does_not_matter() -> None:
    doubled = ROWS.set_axis(np.zeros(len(ROWS), dtype=int), axis=0)
    fit, plain = fit_logistic(doubled, FORMULA, cluster="patient"), fit_logistic(
        ROWS, FORMULA, cluster="patient"
    )  # fmt: skip
    np.testing.assert_array_equal(fit.coefficients, plain.coefficients)
    np.testing.assert_array_equal(fit.covariance, plain.covariance)
    assert len(fit.predict(doubled)) == len(ROWS)
    assert len(fit.augment(doubled)) == len(ROWS)


@pytest.mark.parametrize("missing", [None, np.nan, pd.NA])
def test_missing_cluster_ids_are_refused(missing: object) -> None:
    data = ROWS.assign(patient=ROWS["patient"].astype(object).where(ROWS.index != 2, missing))
    with pytest.raises(UsageError, match="missing cluster ids"):
        fit_logistic(data, FORMULA, cluster="patient")


def test_the_second_cluster_may_not_be_missing_either() -> None:
    data = ROWS.assign(center=ROWS["center"].where(ROWS.index != 2))
    fit = fit_logistic(data, FORMULA, cluster=("patient", "center"))
    assert fit.n_missing == 1  # such a row is left out, and counted


def test_a_category_that_the_fit_has_not_seen() -> None:
    fit = fit_logistic(ROWS, FORMULA)
    with pytest.raises(UsageError, match=r"column 'region'.*'sacral'.*'lumbar', 'thoracic'"):
        fit.predict(ROWS.assign(region="sacral"))
    with pytest.raises(UsageError, match=r"column 'region'.*'sacral'"):
        fit.augment(ROWS.assign(region="sacral"))


@pytest.mark.parametrize(
    "formula",
    [
        "leak ~ __import__('os').system('true')",
        "leak ~ age.__class__",
        "leak ~ open('/etc/passwd')",
        "leak ~ {open('f')}",
        "leak ~ [age for age in (1, 2)]",
        "leak ~ (lambda: age)()",
        "leak ~ eval('age')",
        "leak ~ age if age else ml",
    ],
)
def test_a_formula_that_tries_to_run_code_is_refused(formula: str) -> None:
    with pytest.raises(FormulaError):
        fit_logistic(ROWS, formula)


# clusters ----------------------------------------------------------------------------------------


def test_clusters_of_very_unequal_size() -> None:
    cluster = np.concatenate([np.zeros(240, dtype=int), np.arange(1, 61)])
    fit = fit_logistic(ROWS.assign(cluster=cluster), FORMULA, cluster="cluster")
    # (240 + 60)^2 / (240^2 + 60) = 1.56
    assert "The 61 clusters of cluster are as good as 2 of equal size" in (
        caveat(fit, "unequal_clusters")
    )
    assert "the largest holds 240 of 300 rows" in caveat(fit, "unequal_clusters")
    even = fit_logistic(ROWS.assign(cluster=np.arange(300) // 5), FORMULA, cluster="cluster")
    assert "unequal_clusters" not in codes(even)


def test_clusters_of_one_row_each() -> None:
    fit = fit_logistic(ROWS.assign(row=range(300)), FORMULA, cluster="row")
    assert "one_row_groups" in codes(fit)
    assert "one_row_groups" not in codes(fit_logistic(ROWS, FORMULA, cluster="patient"))


def test_a_two_way_variance_below_zero_is_missing_and_said_to_be() -> None:
    # pairs of one event each, equal in x, whose events fall on either side of the other cluster in
    # turn: scores cancel within the clusters of both kinds, and what is taken off remains
    i = np.arange(120)
    x = np.random.default_rng(3).normal(size=60)[i // 2]
    data = pd.DataFrame({"y": (i + 1) % 2, "x": x, "a": i // 2, "b": (i // 2 + i) % 2})
    fit = fit_logistic(data, "y ~ x", cluster=("a", "b"))
    unknown = [c.term for c in fit.caveats if c.code == "negative_variance"]
    assert unknown == [t for t, e in zip(fit.terms, fit.std_errors, strict=True) if np.isnan(e)]
    assert unknown
    row = fit.tidy().set_index("term").loc[unknown[0]]
    assert np.isfinite(row["estimate"])
    assert row.drop("estimate").isna().all()


# separation --------------------------------------------------------------------------------------


def test_the_search_for_separation_runs_only_where_it_must(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object) -> None:
        raise AssertionError("searched")

    monkeypatch.setattr(logistic_guards, "detect_separation", never)
    for penalty in (None, "firth", "flic", "flac"):
        assert fit_logistic(ROWS, FORMULA, penalty=penalty).ok
    with pytest.raises(AssertionError, match="searched"):
        fit_logistic(ROWS.assign(copy=ROWS["leak"]), "leak ~ copy")


@pytest.mark.parametrize(
    ("column", "kind"),
    [
        (lambda d: d["leak"], "complete"),
        (lambda d: d["leak"] * (d["ml"] > 4), "quasi-complete"),
        (lambda d: np.where(d["leak"] == 1, d["age"] + 200, d["age"]), "complete"),
    ],
)
def test_separated_data_name_columns_kind_and_call(column: object, kind: str) -> None:
    data = ROWS.assign(bad=column(ROWS))
    fit = fit_logistic(data, "leak ~ age + bad + ml")
    assert fit.status == "separated"
    assert fit.reason.startswith(f"{kind} separation: ")
    assert "bad" in fit.reason.split(" predict")[0]
    assert "fit_logistic(data, 'leak ~ age + bad + ml', penalty='firth'" in fit.reason
    assert np.isnan(fit.coefficients).all()
    assert np.isnan(fit.predict(data)["estimate"]).all()
    for penalty in ("firth", "flic", "flac"):
        remedy = fit_logistic(data, "leak ~ age + bad + ml", penalty=penalty)
        assert remedy.ok
        assert "separation" in codes(remedy)
        assert np.isfinite(remedy.std_errors).all()


def test_separation_among_many_rows_is_found_in_parts() -> None:
    rng = np.random.default_rng(1)
    n = 12_000
    x = rng.normal(size=(n, 4))
    y = (rng.random(n) < special.expit(x @ [1.0, -1.0, 0.5, 0.0])).astype(int)
    data = pd.DataFrame(x, columns=list("abcd")).assign(y=y, rare=(y == 1) & (x[:, 3] > 2.5))
    fit = fit_logistic(data, "y ~ a + b + c + d + rare")
    assert fit.status == "separated"
    assert "quasi-complete separation: rare[T.True] predict" in fit.reason
    steep = fit_logistic(data.assign(a=6 * x[:, 0]), "y ~ a + b + c")
    assert steep.ok
