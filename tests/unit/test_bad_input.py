"""What a newcomer hands to the logistic family that is not as it should be."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from vpstats.errors import FormulaError, UsageError
from vpstats.models.conditional import fit_conditional_logistic
from vpstats.models.gee import fit_gee
from vpstats.models.imputation import impute
from vpstats.models.logistic import fit_logistic
from vpstats.models.mixed import fit_mixed_logistic
from vpstats.models.standardised import standardised_risks
from vpstats.models.validation import validate

FORMULA = "leak ~ ml + steroid + C(region)"
Call = Callable[..., Any]


def make_rows() -> pd.DataFrame:
    rng = np.random.default_rng(4)
    n = 240
    data = pd.DataFrame(
        {
            "patient_id": np.repeat(np.arange(80), 3),
            "center_id": np.repeat(np.arange(20), 12),
            "ml": rng.normal(size=n),
            "steroid": rng.integers(0, 2, n),
            "region": rng.choice(["L", "S", "T"], n),
        }
    )
    center = rng.normal(size=20)[data["center_id"]]
    eta = 0.6 * data["ml"] + 0.5 * data["steroid"] + center
    return data.assign(leak=(rng.random(n) < 1 / (1 + np.exp(-eta))).astype(int))


ROWS = make_rows()


def standardise(data: pd.DataFrame, formula: str = FORMULA) -> Any:
    return standardised_risks(fit_logistic(data, formula), data, exposure="steroid")


def check(data: pd.DataFrame, formula: str = FORMULA) -> Any:
    return validate(fit_logistic(data, formula), data, n_boot=3, seed=1)


CALLS: dict[str, Call] = {
    "logistic": lambda d, f=FORMULA: fit_logistic(d, f, cluster="patient_id"),
    "firth": lambda d, f=FORMULA: fit_logistic(d, f, penalty="firth"),
    "gee": lambda d, f=FORMULA: fit_gee(d, f, cluster="patient_id"),
    "mixed": lambda d, f=FORMULA: fit_mixed_logistic(d, f, group="center_id", nodes=5),
    "conditional": lambda d, f=FORMULA: fit_conditional_logistic(d, f, strata="patient_id"),
    "standardised": standardise,
    "validate": check,
}
CLUSTERS = {"logistic": "patient_id", "gee": "patient_id", "mixed": "center_id"}


def impute_rows(data: pd.DataFrame) -> Any:
    return impute(data, outcome="leak", m=2, iterations=1, seed=1)


def numbers(result: Any) -> np.ndarray:
    return np.asarray(result.tidy()["estimate"], dtype=float)


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(
    ("outcome", "message"),
    [
        (ROWS["leak"].replace(1, 2), "'2' in .* of 240 rows"),
        (ROWS["leak"] * 0.5, "'0.5' in"),
        (ROWS["leak"].map({0: "none", 1: "leak"}), "categories 'leak', 'none'"),
        (ROWS["leak"].map({0: 0.0, 1: np.inf}), "'inf' in"),
        (pd.Series(pd.Timestamp("2020-01-01"), ROWS.index), "datetime64"),
    ],
)
def test_an_outcome_has_two_values(call: str, outcome: pd.Series, message: str) -> None:
    with pytest.raises(UsageError, match=message) as refused:
        CALLS[call](ROWS.assign(leak=outcome))
    assert "leak" in str(refused.value)


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("value", [0, 1, True])
def test_an_outcome_that_never_varies_is_a_status(call: str, value: Any) -> None:
    result = CALLS[call](ROWS.assign(leak=value))
    assert result.status in ("constant outcome", "nothing to compare")
    assert result.reason
    assert np.isnan(numbers(result)).all()


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("column", ["leak", "ml", "region"])
def test_a_column_without_a_value_is_named(call: str, column: str) -> None:
    empty = pd.Series([None] * 240, dtype=object if column == "region" else float)
    result = CALLS[call](ROWS.assign(**{column: empty}))
    assert result.status == "no rows"
    assert f"no row has a value of {column}" in result.reason


@pytest.mark.parametrize("call", [c for c in CALLS if c not in ("standardised", "validate")])
@pytest.mark.parametrize(("column", "value"), [("region", "T"), ("ml", 1.5)])
def test_a_column_of_one_value_is_left_out_and_named(call: str, column: str, value: Any) -> None:
    fit = CALLS[call](ROWS.assign(**{column: value}))
    assert fit.ok
    caveat = next(c for c in fit.caveats if c.code == "aliased")
    assert caveat.message == f"{column} has one value in all rows and was left out."
    assert not any(column in term for term in fit.terms)


@pytest.mark.parametrize("call", CALLS)
def test_an_infinite_number_is_refused(call: str) -> None:
    data = ROWS.assign(ml=ROWS["ml"].where(ROWS.index != 3, np.inf))
    with pytest.raises(UsageError, match="ml is infinite or undefined in 1 rows"):
        CALLS[call](data)


def test_an_infinite_number_is_refused_where_a_model_is_used() -> None:
    data = ROWS.assign(ml=ROWS["ml"].where(ROWS.index != 3, np.inf))
    fit = fit_logistic(ROWS, FORMULA)
    uses = [
        lambda: fit.predict(data),
        lambda: standardised_risks(fit, data, exposure="steroid"),
        lambda: validate(fit, data, n_boot=0, seed=1),
        lambda: impute_rows(data),
    ]
    for use in uses:
        with pytest.raises(UsageError, match="infinite"):
            use()


@pytest.mark.parametrize("call", CALLS)
def test_the_index_and_the_types_of_columns_do_not_matter(call: str) -> None:
    expected = numbers(CALLS[call](ROWS))
    same = {
        "duplicate index": ROWS.set_index(pd.Index(np.zeros(240, int))),
        "nullable numbers": ROWS.astype(
            {"leak": "Int64", "steroid": "Int8", "ml": "Float64", "region": "string"}
        ),
        "nullable boolean": ROWS.astype({"leak": "boolean"}),
        "categorical": ROWS.astype({"region": pd.CategoricalDtype(["L", "S", "T", "never"])}),
        "yes and no": ROWS.assign(leak=ROWS["leak"].map({0: "no", 1: "yes"})),
    }
    for name, data in same.items():
        assert np.allclose(numbers(CALLS[call](data)), expected, rtol=1e-9), name


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("kind", ["Int64", "boolean"])
def test_a_missing_outcome_of_a_nullable_type_is_left_out(call: str, kind: str) -> None:
    outcome = ROWS["leak"].astype(kind)
    outcome[[0, 7]] = pd.NA
    result = CALLS[call](ROWS.assign(leak=outcome))
    expected = CALLS[call](ROWS.drop(index=[0, 7]))
    assert result.n == expected.n
    assert np.allclose(numbers(result), numbers(expected), rtol=1e-9, equal_nan=True)


@pytest.mark.parametrize("call", CLUSTERS)
def test_a_missing_cluster_is_refused(call: str) -> None:
    column = CLUSTERS[call]
    with pytest.raises(UsageError, match=f"'{column}' holds missing cluster ids"):
        CALLS[call](ROWS.assign(**{column: ROWS[column].where(ROWS.index != 4)}))


def test_a_missing_stratum_is_a_row_left_out_and_said() -> None:
    data = ROWS.assign(patient_id=ROWS["patient_id"].where(ROWS.index != 4))
    fit = CALLS["conditional"](data)
    assert fit.n_missing == 1
    assert any(c.code == "dropped_rows" for c in fit.caveats)


def test_a_category_that_the_model_has_not_seen_is_named() -> None:
    new = ROWS.head(6).assign(region=["L", "S", "T", "X", "L", "S"])
    fit = fit_logistic(ROWS, FORMULA)
    gee, mixed = CALLS["gee"](ROWS), CALLS["mixed"](ROWS)
    uses = [
        lambda: fit.predict(new),
        lambda: gee.predict(new),
        lambda: mixed.predict(new),
        lambda: CALLS["conditional"](ROWS).predict(new),
        lambda: standardised_risks(fit, new, exposure="steroid"),
        lambda: validate(fit, new, n_boot=0, seed=1),
    ]
    for use in uses:
        with pytest.raises(UsageError, match="'X', which the model has not seen"):
            use()


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(
    "formula",
    [
        "leak ~ __import__('os').system('true')",
        "leak ~ steroid + eval('1')",
        "leak ~ ml.__class__",
        "leak ~ I(open('/etc/passwd'))",
        "leak ~ (lambda: 1)()",
        "leak ~ {__import__('os').getcwd()}",
    ],
)
def test_a_formula_that_tries_to_run_code_is_refused(call: str, formula: str) -> None:
    with pytest.raises(FormulaError):
        CALLS[call](ROWS, formula)


@pytest.mark.parametrize("call", [*CALLS, "impute"])
def test_what_is_no_table_is_refused(call: str) -> None:
    use = CALLS.get(call, impute_rows)
    with pytest.raises(UsageError, match="data is a dict; expected a pandas DataFrame"):
        use(ROWS.to_dict("list"))


@pytest.mark.parametrize("call", [*CALLS, "impute"])
def test_two_columns_of_one_name_are_refused(call: str) -> None:
    use = CALLS.get(call, impute_rows)
    with pytest.raises(UsageError, match="several columns of this name"):
        use(pd.concat([ROWS, ROWS[["ml"]]], axis=1))


def test_risks_over_one_row_have_no_spread() -> None:
    risks = standardised_risks(fit_logistic(ROWS, FORMULA), ROWS.head(1), exposure="steroid")
    assert np.isfinite(risks.tidy()["estimate"]).all()
    assert risks.tidy()["std_error"].isna().all()


def test_an_imputation_refuses_what_it_cannot_learn_from() -> None:
    with pytest.raises(UsageError, match="'leak': holds no value"):
        impute_rows(ROWS.assign(leak=np.nan))
    with pytest.raises(UsageError, match="'patient_id': holds missing ids"):
        impute_rows(ROWS.assign(patient_id=ROWS["patient_id"].where(ROWS.index != 4)))
    # an empty column is left out with a word about it, a constant one predicts nothing
    done = impute_rows(ROWS.assign(ml=np.nan, region="T"))
    assert any("ml" in c.message for c in done.caveats)
