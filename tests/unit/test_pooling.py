"""Rubin's rules: the arithmetic, and which fits may be pooled."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from vpstats.errors import UsageError
from vpstats.frames import Frame, Imputations
from vpstats.models.logistic import LogisticFit, fit_logistic
from vpstats.models.pooling import pool_estimates, pool_fits


def completed(seed: int, n: int = 120) -> pd.DataFrame:
    rng = np.random.default_rng(1)
    data = pd.DataFrame(
        {
            "patient_id": rng.integers(0, 50, n).astype(str),
            "x": rng.normal(size=n),
            "g": rng.choice(list("ab"), n),
        }
    )
    data["y"] = (rng.random(n) < 1 / (1 + np.exp(-data["x"]))).astype(int)
    data.loc[:19, "x"] = np.random.default_rng(seed).normal(size=20)
    return data


FRAMES = tuple(Frame(completed(s), unit="level", cluster="patient_id") for s in range(5))


def test_the_arithmetic() -> None:
    # estimates 1, 2, 3 with variances 1, 2, 3: within 2, between 1, total 2 + 4/3
    estimate, covariance, df = pool_estimates(
        np.array([[1.0], [2.0], [3.0]]), np.array([[[1.0]], [[2.0]], [[3.0]]]), np.inf
    )
    assert estimate[0] == 2.0
    assert covariance[0, 0] == pytest.approx(2 + 4 / 3)
    share = (4 / 3) / (10 / 3)
    assert df[0] == pytest.approx(2 / share**2)


def test_barnard_and_rubin() -> None:
    values, within = np.array([[1.0], [2.0], [3.0]]), np.ones((3, 1, 1)) * 2
    *_, df = pool_estimates(values, within, 20.0)
    share = 0.4
    old, observed = 2 / share**2, 21 / 23 * 20 * (1 - share)
    assert df[0] == pytest.approx(old * observed / (old + observed))
    assert df[0] < 20


def test_equal_estimates_keep_the_complete_degrees_of_freedom() -> None:
    *_, df = pool_estimates(np.ones((3, 1)), np.ones((3, 1, 1)), np.inf)
    assert df[0] == np.inf
    *_, df = pool_estimates(np.ones((3, 1)), np.ones((3, 1, 1)), 20.0)
    assert df[0] == pytest.approx(21 / 23 * 20)  # Barnard and Rubin's lambda(20)


def test_imputations_are_fitted_one_by_one() -> None:
    pooled = fit_logistic(Imputations(FRAMES), "y ~ x + g")
    fits = [fit_logistic(frame, "y ~ x + g") for frame in FRAMES]
    assert isinstance(pooled, LogisticFit)
    np.testing.assert_allclose(
        pooled.coefficients, np.mean([f.coefficients for f in fits], axis=0), rtol=1e-14
    )
    assert (pooled.std_errors[1:2] > np.sqrt(np.mean([f.covariance[1, 1] for f in fits]))).all()
    assert (np.asarray(pooled.df) < fits[0].n_clusters - 1).all()
    assert np.isnan(pooled.log_likelihood)
    assert pooled.vcov == "CR1"
    assert pooled.predict(completed(0)).notna().all().all()


def test_profile_intervals_are_not_pooled() -> None:
    with pytest.raises(UsageError, match="cannot be pooled"):
        fit_logistic(Imputations(FRAMES), "y ~ x", intervals="profile")


def test_a_model_that_fails_in_one_fails_in_all() -> None:
    fits = [fit_logistic(frame, "y ~ x") for frame in FRAMES]
    broken = replace(fits[2], status="separated", reason="because")
    pooled = pool_fits([*fits[:2], broken])
    assert pooled.status == "separated"
    assert pooled.reason == "in at least one completed data set: because"


def test_fits_of_different_models_are_not_pooled() -> None:
    with pytest.raises(UsageError, match="different terms"):
        pool_fits([fit_logistic(FRAMES[0], "y ~ x"), fit_logistic(FRAMES[1], "y ~ g")])
    with pytest.raises(UsageError, match="knots="):
        fit_logistic(Imputations(FRAMES), "y ~ rcs(x, 4)")
    assert fit_logistic(Imputations(FRAMES), "y ~ rcs(x, knots=[-1, 0, 1])").ok


def test_caveats_of_any_fit_are_kept_once() -> None:
    small = tuple(replace(f, data=f.data.head(60)) for f in FRAMES)
    pooled = fit_logistic(Imputations(small), "y ~ x + g")
    codes = [c.code for c in pooled.caveats]
    assert len(codes) == len(set(codes))
