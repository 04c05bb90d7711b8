"""What holds for every imputation and every pooled fit, on made-up tables."""

from __future__ import annotations

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from vpstats.frames import Frame
from vpstats.models.imputation import impute
from vpstats.models.imputation.lines import match
from vpstats.models.pooling import Pooling, pool_estimates, pooled_wald

few = settings(max_examples=25)


def table(seed: int, share: float) -> pd.DataFrame:
    """Levels of patients with gaps; a complete continuous column, so that no two rows are equal."""
    rng = np.random.default_rng(seed)
    patient = np.repeat(np.arange(40), rng.integers(1, 4, 40))
    n = len(patient)
    data = pd.DataFrame(
        {
            "patient_id": [f"P{p:02d}" for p in patient],
            "bmi": rng.normal(27, 4, 40)[patient],
            "sex": pd.Categorical(rng.choice(["f", "m"], 40)[patient]),
            "cement_ml": rng.normal(4, 1, n),
            "site": pd.Categorical(rng.choice(["l", "t", "s"], n)),
            "minutes": rng.normal(40, 9, n),
            "leak": rng.integers(0, 2, n),
        }
    )
    for name in ("bmi", "sex"):
        data.loc[(rng.random(40) < share)[patient], name] = None
    for name in ("cement_ml", "site"):
        data.loc[rng.random(n) < share, name] = None
    return data


def frame(data: pd.DataFrame) -> Frame:
    return Frame(data, unit="level", cluster="patient_id", outcome="leak")


LEVELS = ["bmi", "sex"]
seeds = st.integers(0, 10_000)
shares = st.floats(0.05, 0.6)


@few
@given(seeds, shares)
def test_gaps_are_filled_and_nothing_else_is_touched(seed: int, share: float) -> None:
    data = table(seed, share)
    for done in impute(frame(data), patient_level=LEVELS, m=2, iterations=2, seed=seed):
        assert done.data.notna().all().all()
        assert (done.data.groupby("patient_id")[LEVELS].nunique() == 1).all().all()
        for name in data:
            seen = data[name].notna()
            pd.testing.assert_series_equal(done.data.loc[seen, name], data.loc[seen, name])


@few
@given(seeds, shares)
def test_the_order_of_the_rows_plays_no_part(seed: int, share: float) -> None:
    data = table(seed, share)
    order = np.random.default_rng(seed + 1).permutation(len(data))
    asked = {"patient_level": LEVELS, "m": 2, "iterations": 2, "seed": seed}
    for plain, moved in zip(
        impute(frame(data), **asked), impute(frame(data.iloc[order]), **asked), strict=True
    ):
        pd.testing.assert_frame_equal(plain.data.iloc[order], moved.data)


@few
@given(seeds, shares)
def test_names_of_patients_and_of_rows_play_no_part(seed: int, share: float) -> None:
    data = table(seed, share)
    other = data.assign(patient_id="Q" + data["patient_id"].str[::-1])
    other.index = other.index[::-1]
    asked = {"patient_level": LEVELS, "m": 2, "iterations": 2, "seed": seed}
    for a, b in zip(impute(frame(data), **asked), impute(frame(other), **asked), strict=True):
        pd.testing.assert_frame_equal(
            a.data.drop(columns="patient_id"),
            b.data.drop(columns="patient_id").set_axis(a.data.index),
        )


@few
@given(seeds, shares, st.sampled_from([0.001, 7.0, 1e6]), st.floats(-100, 100))
def test_units_play_no_part(seed: int, share: float, factor: float, shift: float) -> None:
    data = table(seed, share)
    other = data.assign(bmi=data["bmi"] * factor + shift)
    asked = {"patient_level": LEVELS, "m": 2, "iterations": 2, "seed": seed}
    for a, b in zip(impute(frame(data), **asked), impute(frame(other), **asked), strict=True):
        np.testing.assert_allclose(b.data["bmi"], a.data["bmi"] * factor + shift, rtol=1e-9)
        pd.testing.assert_frame_equal(a.data.drop(columns="bmi"), b.data.drop(columns="bmi"))


@given(
    st.lists(st.integers(-5, 5), min_size=1, max_size=30),
    st.lists(st.floats(-6, 6), min_size=1, max_size=30),
    st.integers(1, 6),
    seeds,
)
def test_a_donor_is_among_the_nearest(
    donors: list[int], wanted: list[float], count: int, seed: int
) -> None:
    values, targets = np.array(donors, float), np.array(wanted)
    chosen = match(values, targets, np.random.default_rng(seed), count)
    distance = np.abs(values - targets[:, None])
    nearer = (distance < np.abs(values[chosen] - targets)[:, None] - 1e-12).sum(axis=1)
    assert (nearer < min(count, len(values))).all()


def fits(seed: int, m: int, p: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    rng = np.random.default_rng(seed)
    roots = rng.normal(size=(m, p, p))
    return rng.normal(size=(m, p)), roots @ roots.transpose(0, 2, 1) + np.eye(p)


@given(seeds, st.integers(2, 30), st.integers(1, 4), st.sampled_from([5.0, 60.0, np.inf]))
def test_pooling_knows_no_order_and_no_scale(seed: int, m: int, p: int, df: float) -> None:
    estimates, covariances = fits(seed, m, p)
    plain = pool_estimates(estimates, covariances, df)
    order = np.random.default_rng(seed).permutation(m)
    for a, b in zip(plain, pool_estimates(estimates[order], covariances[order], df), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10)
    centre, total, freedom = pool_estimates(3 * estimates, 9 * covariances, df)
    np.testing.assert_allclose(centre, 3 * plain[0])
    np.testing.assert_allclose(total, 9 * plain[1])
    np.testing.assert_allclose(freedom, plain[2])
    assert (freedom <= df).all()
    assert (np.diag(total) >= np.diag(9 * covariances.mean(axis=0)) * (1 - 1e-12)).all()


@given(seeds, st.integers(2, 30), st.integers(1, 4), st.sampled_from([30.0, np.inf]))
def test_joint_tests_know_no_parametrisation(seed: int, m: int, p: int, df: float) -> None:
    estimates, covariances = fits(seed, m, p)
    turn = np.random.default_rng(seed + 1).normal(size=(p, p)) + 2 * np.eye(p)
    every, complete = np.ones(p, dtype=bool), np.full(p, df)

    def test(values: NDArray[np.float64], spreads: NDArray[np.float64]) -> tuple[float, float]:
        apart = values - values.mean(axis=0)
        pooling = Pooling(m, spreads.mean(axis=0), apart.T @ apart / (m - 1), complete)
        return pooled_wald(pooling, values.mean(axis=0), every)

    plain = test(estimates, covariances)
    turned = test(estimates @ turn.T, turn @ covariances @ turn.T)
    np.testing.assert_allclose(plain, turned, rtol=1e-6)
