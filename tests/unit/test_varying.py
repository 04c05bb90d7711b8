"""Effects that change smoothly with time."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from vpstats.errors import UsageError
from vpstats.frames import Frame, Imputations
from vpstats.models.hazards import fit_cox
from vpstats.models.splitting import split_follow_up
from vpstats.models.varying import fit_time_varying


def simulate(n: int = 240, seed: int = 11) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    x, age = rng.normal(size=n), rng.normal(size=n)
    days = np.ceil(rng.exponential(np.exp(-0.6 * x)) * 10) * 10
    return pd.DataFrame(
        {
            "x": x,
            "age": age,
            "arm": rng.choice(["sham", "cement", "other"], n),
            "days": days,
            "event": rng.choice([0, 1, 1, 2], n),
            "from": np.where(rng.random(n) < 0.3, np.floor(days / 20) * 10, 0.0),
            "patient_id": np.repeat(np.arange(n // 2), 2),
            "center": rng.choice(["A", "B"], n),
            "weight": rng.choice([0.5, 1.0, 2.0], n),
        }
    )


ROWS = simulate()
TIMES: dict[str, Any] = {"duration": "days", "event": "event"}


@pytest.mark.parametrize("more", [{}, {"strata": "center"}, {"cluster": "patient_id"}], ids=str)
def test_it_is_the_model_of_follow_up_split_at_every_event(more: dict[str, str]) -> None:
    found = fit_time_varying(ROWS, "x + age", exposure="x", function="sqrt", entry="from",
                             **TIMES, **more)  # fmt: skip
    events = np.unique(ROWS.loc[ROWS["event"] == 1, "days"])
    parts = split_follow_up(ROWS, at=events, entry="from", **TIMES)
    parts = parts.assign(changing=parts["x"] * np.sqrt(parts["days"]))
    fit = fit_cox(parts, "x + age + changing", entry="from", **TIMES, **more)
    assert found.fit.terms == ("x", "age", "x:sqrt(time)")
    np.testing.assert_allclose(found.fit.coefficients, fit.coefficients, rtol=1e-7)
    np.testing.assert_allclose(found.fit.covariance, fit.covariance, rtol=1e-6)
    assert found.n == len(ROWS)
    assert found.n_events == fit.n_events
    assert found.n_clusters == fit.n_clusters


def test_weights_are_those_of_rows_not_of_their_copies() -> None:
    found = fit_time_varying(ROWS, "x", exposure="x", **TIMES, weights="weight")
    rows = ROWS.assign(row=range(len(ROWS)))
    again = fit_time_varying(rows, "x", exposure="x", **TIMES, weights="weight", cluster="row")
    assert (found.fit.vcov, found.n_clusters) == ("HC0", None)
    np.testing.assert_allclose(found.fit.covariance, again.fit.covariance)


def test_ratios_at_times() -> None:
    found = fit_time_varying(ROWS, "x + age", exposure="x", **TIMES)
    table = found.ratio_at([1, 50])
    b, c = found.fit.coefficients[[0, 2]]
    np.testing.assert_allclose(table["estimate"], np.exp([b, b + c * np.log(50)]))
    block = found.fit.covariance[np.ix_([0, 2], [0, 2])]
    g = np.array([1, np.log(50)])
    assert table["std_error"].iloc[1] == pytest.approx(np.sqrt(g @ block @ g))
    assert (found.ratio_at(50, level=0.5)["conf_low"] > table["conf_low"].iloc[1]).all()
    test = found.glance().iloc[0]
    assert test["statistic"] == pytest.approx(c**2 / found.fit.covariance[2, 2])
    assert test["df"] == 1


def test_a_category_and_a_spline() -> None:
    found = fit_time_varying(ROWS, "arm + age", exposure="arm", function="rcs", **TIMES)
    assert [t for t in found.fit.terms if "rcs" in t] == [
        f"arm[T.{arm}]:rcs(time)[{k}]" for arm in ("other", "sham") for k in (1, 2)
    ]
    assert found.constancy.loc[0, "df"] == 4
    assert found.ratio_at([30, 60])["term"].tolist() == ["arm[T.other]"] * 2 + ["arm[T.sham]"] * 2
    named = fit_time_varying(ROWS, "C(arm)", exposure="C(arm)", function="rcs",
                             knots=[30, 60, 120], **TIMES)  # fmt: skip
    assert named.function.basis is not None
    assert named.function.basis.numbers == (30, 60, 120)
    assert named.tidy(exponentiate=True)["estimate"].gt(0).all()


def test_what_cannot_be_estimated_says_so() -> None:
    none = fit_time_varying(ROWS, "x", exposure="x", **TIMES, cause=7)
    assert none.status == "no events"
    assert none.tidy()["estimate"].isna().all()
    assert np.isnan(none.glance().loc[0, "p_value"])
    still = fit_time_varying(ROWS.assign(z=(ROWS["center"] == "A") * 1), "z + x", exposure="x",
                             strata="center", **TIMES)  # fmt: skip
    assert still.status == "not identified"


def test_a_monotone_effect_and_firth() -> None:
    rows = ROWS.assign(z=((ROWS["event"] == 1) | (ROWS.index % 2 == 0)).astype(int))
    found = fit_time_varying(rows, "z", exposure="z", **TIMES)
    assert not found.ok
    firth = fit_time_varying(rows, "z", exposure="z", penalty="firth", **TIMES)
    assert firth.ok
    assert np.isfinite(firth.tidy()["estimate"]).all()


def test_imputations_are_pooled() -> None:
    frames = tuple(
        Frame(ROWS.assign(age=ROWS["age"] + s), unit="level", cluster="patient_id")
        for s in (0.0, np.linspace(0, 0.2, 240))
    )
    pooled = fit_time_varying(Imputations(frames), "x + age", exposure="x", **TIMES)
    singles = [fit_time_varying(f, "x + age", exposure="x", **TIMES).fit for f in frames]
    expected = np.mean([f.coefficients for f in singles], axis=0)
    np.testing.assert_allclose(pooled.fit.coefficients, expected)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"function": "exp"}, "expected 'log', 'identity'"),
        ({"exposure": "weight"}, "is not a term of the formula"),
        ({"exposure": "x + age"}, "expected one term"),
        ({"data": ROWS.assign(days=ROWS["days"] - ROWS["days"].min())}, "no logarithm"),
        ({"function": "rcs", "knots": 2}, "knots"),
    ],
)
def test_bad_requests(options: dict[str, Any], words: str) -> None:
    asked = {"data": ROWS, "formula": "x + age", "exposure": "x"} | TIMES | options
    with pytest.raises(UsageError, match=words):
        fit_time_varying(**asked)


def test_too_many_rows_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vpstats.models.varying._MOST_VALUES", 1000)
    with pytest.raises(UsageError, match="fit_cox_by_window"):
        fit_time_varying(ROWS, "x", exposure="x", **TIMES)
