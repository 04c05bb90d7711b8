"""Residuals: what they are asked for, what they add up to, and what has none."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from vpstats.errors import UsageError
from vpstats.frames import Frame
from vpstats.models.hazards import fit_cox
from vpstats.models.logistic import fit_logistic
from vpstats.models.residuals import residuals

TIMES = {"duration": "days", "event": "event"}


def simulate(n: int = 120, seed: int = 4) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    age, arm = rng.normal(size=n), rng.choice(["sham", "cement"], n)
    days = np.ceil(rng.exponential(np.exp(-0.4 * age)) * 8) * 30
    return pd.DataFrame(
        {
            "age": age,
            "arm": arm,
            "days": days,
            "event": rng.integers(0, 2, n),
            "patient_id": np.repeat(np.arange(n // 2), 2),
            "center": rng.choice(["A", "B"], n),
            "weight": rng.choice([0.5, 1.0, 2.0], n),
        }
    )


ROWS = simulate()
FIT = fit_cox(ROWS, "age + arm", **TIMES, strata="center", weights="weight")
LEAK = fit_logistic(ROWS, "event ~ age + arm", weights="weight")


def test_martingale_residuals_add_up_to_nothing_and_scores_to_zero() -> None:
    weighted = residuals(FIT, ROWS, "martingale", weighted=True)
    assert weighted["martingale"].sum() == pytest.approx(0, abs=1e-9)
    scores = residuals(FIT, ROWS, "score", weighted=True)
    np.testing.assert_allclose(scores.sum(), 0, atol=1e-8)
    assert list(scores.columns) == list(FIT.terms)
    snell = residuals(FIT, ROWS, "cox_snell")["cox_snell"]
    assert (snell >= 0).all()


def test_the_robust_covariance_is_that_of_the_summed_dfbetas() -> None:
    fit = fit_cox(ROWS, "age + arm", **TIMES, cluster="patient_id")
    moved = residuals(fit, ROWS, "dfbeta", collapse="patient_id").to_numpy()
    np.testing.assert_allclose(moved.T @ moved, fit.covariance, rtol=1e-9)
    logistic = fit_logistic(ROWS, "event ~ age", cluster="patient_id", vcov="CR0")
    moved = residuals(logistic, ROWS, "dfbeta", collapse="patient_id").to_numpy()
    np.testing.assert_allclose(moved.T @ moved, logistic.covariance, rtol=1e-9)


def test_dfbetas_are_in_standard_errors_of_the_model() -> None:
    plain = fit_cox(ROWS, "age + arm", **TIMES, strata="center", weights="weight", vcov="model")
    pair = [residuals(FIT, ROWS, kind).to_numpy() for kind in ("dfbeta", "dfbetas")]
    np.testing.assert_allclose(pair[0] / pair[1], np.tile(plain.std_errors, (len(ROWS), 1)))


def test_a_row_left_out_moves_the_estimate_by_its_dfbeta() -> None:
    fit = fit_cox(ROWS, "age", **TIMES)
    moved = residuals(fit, ROWS, "dfbeta")["age"]
    few = moved.abs().nlargest(3).index
    for row in few:
        without = fit_cox(ROWS.drop(index=row), "age", **TIMES)
        change = fit.coefficients[0] - without.coefficients[0]
        assert moved[row] == pytest.approx(change, rel=0.25)  # to first order


def test_tied_rows_that_are_alike_have_equal_residuals() -> None:
    twice = pd.concat([ROWS, ROWS], ignore_index=True)
    fit = fit_cox(twice, "age + arm", **TIMES)
    for kind in ("martingale", "deviance", "score", "dfbeta"):
        found = residuals(fit, twice, kind).to_numpy()
        np.testing.assert_allclose(found[: len(ROWS)], found[len(ROWS) :], atol=1e-12)
    order = np.random.default_rng(1).permutation(len(ROWS))
    shuffled = residuals(FIT, ROWS.iloc[order], "score").to_numpy()
    np.testing.assert_allclose(shuffled, residuals(FIT, ROWS, "score").to_numpy()[order])


def test_rows_with_gaps_have_none_and_keep_their_labels() -> None:
    gaps = ROWS.assign(age=ROWS["age"].where(ROWS.index % 7 > 0)).set_index("patient_id")
    fit = fit_cox(gaps, "age", **TIMES)
    found = residuals(fit, Frame(gaps, unit="level"), "martingale")
    pd.testing.assert_index_equal(found.index, gaps.index)
    assert found["martingale"].isna().tolist() == gaps["age"].isna().tolist()
    by_center = residuals(fit, gaps, "martingale", collapse="center")
    assert by_center.index.tolist() == ["A", "B"]
    expected = found["martingale"].groupby(gaps["center"].to_numpy()).sum()
    np.testing.assert_allclose(by_center["martingale"], expected)


def test_events_have_schoenfeld_residuals_that_add_up_to_zero() -> None:
    fit = fit_cox(ROWS, "age + arm", **TIMES)
    found = residuals(fit, ROWS, "schoenfeld")
    assert len(found) == fit.n_events
    assert found["time"].is_monotonic_increasing
    np.testing.assert_allclose(found[list(fit.terms)].sum(), 0, atol=1e-8)
    scaled = residuals(fit, ROWS, "scaled_schoenfeld")[list(fit.terms)]
    np.testing.assert_allclose(scaled.mean(), fit.coefficients, atol=1e-8)
    heavy = residuals(FIT, ROWS, "schoenfeld", weighted=True)[list(fit.terms)]
    np.testing.assert_allclose(heavy.sum(), 0, atol=1e-8)


def test_an_event_without_weight_has_finite_residuals() -> None:
    rows = ROWS.assign(weight=np.where(ROWS["days"] == ROWS["days"].min(), 0.0, 1.0))
    fit = fit_cox(rows, "age", **TIMES, weights="weight")
    assert np.isfinite(residuals(fit, rows, "dfbeta")).all(axis=None)


def test_a_deviance_of_several_events_is_that_of_their_sum() -> None:
    fit = fit_cox(ROWS, "age", **TIMES)
    raw = residuals(fit, ROWS, "martingale", collapse="patient_id")["martingale"]
    observed = ROWS.groupby("patient_id")["event"].sum()
    expected = observed - raw
    log = np.where(observed > 0, observed * np.log(observed.clip(lower=1) / expected), 0.0)
    deviance = np.sign(raw) * np.sqrt(2 * (log - raw))
    found = residuals(fit, ROWS, "deviance", collapse="patient_id")["deviance"]
    np.testing.assert_allclose(found, deviance, rtol=1e-9)
    same = residuals(fit, ROWS, "deviance", weighted=True)
    pd.testing.assert_frame_equal(same, residuals(fit, ROWS, "deviance"))


def test_logistic_residuals() -> None:
    risk = LEAK.predict(ROWS)["estimate"].to_numpy()
    y = ROWS["event"].to_numpy()
    raw = residuals(LEAK, ROWS, "response")["response"].to_numpy()
    np.testing.assert_allclose(raw, y - risk)
    pearson = residuals(LEAK, ROWS, "pearson")["pearson"].to_numpy()
    np.testing.assert_allclose(pearson, (y - risk) / np.sqrt(risk * (1 - risk)))
    deviance = residuals(LEAK, ROWS, "deviance", weighted=False)["deviance"].to_numpy()
    total = float(ROWS["weight"] @ deviance**2)
    assert total == pytest.approx(-2 * LEAK.log_likelihood)
    scores = residuals(LEAK, ROWS, "score", weighted=True)
    np.testing.assert_allclose(scores.sum(), 0, atol=1e-8)
    summed = residuals(LEAK, ROWS, "response", collapse="center")["response"]
    np.testing.assert_allclose(summed, pd.Series(raw).groupby(ROWS["center"]).sum())


@pytest.mark.parametrize(
    ("fit", "kind", "more", "words"),
    [
        (FIT, "pearson", {}, "expected one of 'martingale'"),
        (LEAK, "martingale", {}, "expected one of 'response'"),
        (FIT, "schoenfeld", {"collapse": "patient_id"}, "belong to single events"),
        (LEAK, "deviance", {"collapse": "patient_id"}, "no sum of use"),
        (FIT, "martingale", {"collapse": "patient"}, "did you mean 'patient_id'"),
        (fit_cox(ROWS, "age", **TIMES, cause=3), "score", {}, "could not be estimated"),
        (fit_logistic(ROWS.assign(event=0), "event ~ age"), "score", {}, "could not be estimated"),
        (
            fit_cox(ROWS, "age", **TIMES, frailty="center", theta=0.5), "dfbeta", {},
            "expected one of 'martingale'",
        ),
    ],
)  # fmt: skip
def test_residuals_that_do_not_exist_are_refused(
    fit: Any, kind: Any, more: dict[str, str], words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        residuals(fit, ROWS, kind, **more)


@pytest.mark.parametrize("fit", [FIT, LEAK])
def test_other_rows_are_refused(fit: Any) -> None:
    with pytest.raises(UsageError, match="give the rows that"):
        residuals(fit, ROWS.head(90), "score")
