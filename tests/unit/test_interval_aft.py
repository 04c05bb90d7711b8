"""Accelerated failure times between visits: what goes in, what is refused, what is said."""

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from vpstats.errors import FormulaError, UsageError
from vpstats.frames import Frame, Imputations
from vpstats.models.interval.interval_aft import IntervalAftFit, fit_interval_aft

NAN = np.nan
LAWS = ("weibull", "loglogistic")


def rows(n: int = 80, seed: int = 6) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    time = 200 * np.exp(0.4 * x) * rng.weibull(1.4, n)
    left = np.floor(time / 60) * 60
    found = rng.random(n) < 0.7
    return pd.DataFrame(
        {
            "left": np.where(left == 0, NAN, left),
            "right": np.where(found | (left == 0), left + 60, NAN),
            "x": x,
            "sex": rng.choice(["f", "m"], n),
            "w": rng.integers(1, 4, n),
            "patient_id": np.arange(n) // 2,
        }
    )


def fit(data: Any = None, formula: str = "~ x", **more: Any) -> IntervalAftFit:
    asked = {"left": "left", "right": "right"} | more
    return fit_interval_aft(rows() if data is None else data, formula, **asked)


def codes(result: Any) -> set[str]:
    return {c.code for c in result.caveats}


@pytest.mark.parametrize(
    ("left", "right", "message"),
    [(5.0, 4.0, "lies after right"), (-1.0, 4.0, "negative"), (NAN, NAN, "both missing"),
     (NAN, 0.0, "is 0"), (0.0, 0.0, "is 0"), (np.inf, NAN, "infinite")],
)  # fmt: skip
def test_impossible_intervals_are_refused(left: float, right: float, message: str) -> None:
    data = rows()
    data.loc[0, ["left", "right"]] = [left, right]
    with pytest.raises(UsageError, match=message):
        fit(data)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"distribution": "lognormal"}, "'weibull' or 'loglogistic'"),
        ({"level": 2}, "level"),
        ({"weights": "x"}, "not positive"),
        ({"left": "negative"}, "no such column"),
        ({"right": "sex"}, "expected numbers"),
    ],
)
def test_a_request_that_is_wrong_raises(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        fit(**options)


def test_formulas_are_data() -> None:
    with pytest.raises(FormulaError):
        fit(formula="~ x.__class__")


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (rows().assign(right=NAN, left=30.0), "no events"),
        (rows().assign(x=None), "no rows"),
        (rows().assign(z=rows()["right"].isna() * 1.0), "monotone likelihood"),
        (pd.DataFrame({"left": [NAN] * 9, "right": [60.0] * 9, "x": range(9)}), "not converged"),
    ],
)
def test_what_cannot_be_estimated_says_so(data: pd.DataFrame, status: str) -> None:
    result = fit(data, "~ z" if "z" in data else "~ x")
    # which of the words for a likelihood without a maximum fits depends on where it was left
    hopeless = {"monotone likelihood", "not identified", "not converged"}
    assert result.status == status or {result.status, status} <= hopeless
    assert result.reason.endswith(".")
    assert result.tidy()["estimate"].isna().all()


def test_one_cluster_is_too_few() -> None:
    assert fit(rows().assign(site="A"), cluster="site").status == "too few clusters"


@pytest.mark.parametrize("law", LAWS)
def test_weights_are_repeated_rows(law: str) -> None:
    data = rows()
    weighted = fit(data, weights="w", distribution=law)
    repeated = fit(data.loc[data.index.repeat(data["w"])], distribution=law)
    np.testing.assert_allclose(weighted.coefficients, repeated.coefficients, atol=1e-8)
    np.testing.assert_allclose(weighted.std_errors, repeated.std_errors, rtol=1e-7)


@pytest.mark.parametrize("law", LAWS)
def test_predictions_meet_one_another(law: str) -> None:
    result, new = fit(distribution=law), rows().head(3)
    median = result.predict(new)
    for (_, row), m in zip(new.iterrows(), median["estimate"], strict=True):
        at = result.predict(pd.DataFrame([row]), times=[m])
        assert at["estimate"].iloc[0] == pytest.approx(0.5, rel=1e-10)
    survival = result.predict(new, times=[50, 300])
    assert list(survival.columns[:2]) == ["time", "estimate"]
    assert (survival["conf_low"] < survival["estimate"]).all()
    assert (survival["conf_high"] > survival["estimate"]).all()
    assert result.augment(new)[".fitted"].tolist() == median["estimate"].tolist()
    with pytest.raises(UsageError, match="positive"):
        result.predict(new, times=[0])
    with pytest.raises(UsageError, match="quantile"):
        result.predict(new, quantile=1)


def test_what_the_model_is_not_is_said() -> None:
    assert {"death_censored", "informative_visits"} <= codes(fit())
    assert "few_events" in codes(fit(rows(12)))
    gap = rows()
    gap.loc[:3, "x"] = NAN
    assert fit(gap).n_missing == 4
    assert "dropped_rows" in codes(fit(gap))
    assert "aliased" in codes(fit(rows().assign(y=lambda d: 2 * d["x"]), "~ x + y"))


def test_rows_that_repeat_patients_must_be_clustered() -> None:
    with pytest.raises(UsageError, match="cluster"):
        fit(Frame(rows(), unit="level"))
    robust = fit(Frame(rows(), unit="level", cluster="patient_id"))
    assert robust.vcov == "CR0"
    assert robust.n_clusters == 40


def test_dates_and_nullable_columns_say_the_same() -> None:
    data, day = rows(), pd.Timestamp("2020-02-29")
    plain = fit(data)
    apart = data.assign(**{c: pd.to_timedelta(data[c], unit="D") for c in ("left", "right")})
    dates = apart.assign(day=day, left=day + apart["left"], right=day + apart["right"])
    for other in (fit(apart), fit(dates, start="day"), fit(data.convert_dtypes())):
        np.testing.assert_allclose(other.coefficients, plain.coefficients, rtol=1e-9)
    doubled = data.set_axis([7] * len(data), axis=0)
    np.testing.assert_array_equal(fit(doubled).coefficients, plain.coefficients)


def test_imputations_are_pooled() -> None:
    rng = np.random.default_rng(2)
    frames = []
    for _ in range(3):
        data = rows()
        data.loc[::5, "x"] = rng.normal(size=16)
        frames.append(Frame(data, unit="patient", independent="one row each"))
    pooled = fit(Imputations(tuple(frames)))
    each = [fit(f).coefficients for f in frames]
    np.testing.assert_allclose(pooled.coefficients, np.mean(each, axis=0), rtol=1e-12)
    assert np.isfinite(pooled.df).all()


def test_a_result_can_be_drawn() -> None:
    plt.close(fit().plot().figure)
