"""Measures of many samples at once: each is what plain definitions give."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from vpstats.frames import Frame
from vpstats.models.binary import BinaryRows
from vpstats.models.grouping import rank_rows
from vpstats.models.logistic import fit_logistic
from vpstats.models.penalties import estimate_rows
from vpstats.models.validation import validate
from vpstats.models.validation.measures import measures_of_many, weighted_measures
from vpstats.models.validation.problems import BinaryProblem
from vpstats.models.validation.scored import score_rows

AT = np.array([0.05, 0.2, 0.5, 0.9])


def rows_of(n: int = 400, *, ties: bool = False, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Outcomes, and log odds that are somewhat wrong."""
    rng = np.random.default_rng(seed)
    z = rng.normal(-0.5, 1.2, n)
    z = np.round(z) if ties else z
    return (rng.random(n) < expit(0.3 + 0.7 * z)).astype(float), z


def plainly(y: np.ndarray, z: np.ndarray, w: np.ndarray) -> np.ndarray:
    """Every measure from its definition, the regressions by the solver of all models."""
    risk, total = expit(z), w.sum()
    pairs = np.outer(w * y, w * (1 - y))
    higher = (z[:, None] > z) + 0.5 * (z[:, None] == z)
    mean, brier = (w @ y) / total, w @ (y - risk) ** 2 / total
    sign, kept = 2 * y - 1, w > 0
    large = BinaryRows(np.ones((kept.sum(), 1)), sign[kept], w[kept], z[kept])
    slope = BinaryRows(np.column_stack([np.ones(kept.sum()), z[kept]]), sign[kept], w[kept])
    acted = risk >= AT[:, None]
    benefit = (acted @ (w * y) - acted @ (w * (1 - y)) * AT / (1 - AT)) / total
    return np.array(
        [
            (pairs * higher).sum() / pairs.sum(),
            brier,
            1 - brier / (mean * (1 - mean)),
            estimate_rows(large, None).coefficients[0],
            estimate_rows(slope, None).coefficients[1],
            mean / (w @ risk / total),
            *benefit,
        ]
    )


@pytest.mark.parametrize("kind", ["counts", "weights"])
@pytest.mark.parametrize("ties", [False, True])
def test_measures_are_their_definitions(ties: bool, kind: str) -> None:
    rng = np.random.default_rng(2)
    samples = [rows_of(ties=ties, seed=s) for s in (1, 2)]
    weights = rng.poisson(1.0, (2, 3, 400)).astype(float)
    weights = weights if kind == "counts" else weights * rng.random(400)
    y = samples[0][0]
    parts = [(score_rows(y, z), w) for (_, z), w in zip(samples, weights, strict=True)]
    found = measures_of_many(parts, AT)
    for (_, z), own, rows in zip(samples, weights, found, strict=True):
        for w, one in zip(own, rows, strict=True):
            np.testing.assert_allclose(one, plainly(y, z, w), rtol=0, atol=1e-9)


@pytest.mark.parametrize("factor", [0.1, 1.0, 5.0])
def test_predictions_that_are_far_off_are_recalibrated_too(factor: float) -> None:
    y, z = rows_of()
    w = np.ones(len(y))
    found = weighted_measures(score_rows(y, 3.0 + factor * z), w[None], AT)[0]
    slope = weighted_measures(score_rows(y, z), w[None], AT)[0]
    assert found[4] * factor == pytest.approx(slope[4], rel=1e-9)
    assert found[0] == slope[0]


def test_where_predictions_separate_or_are_one_there_is_no_slope() -> None:
    y = np.repeat([0.0, 1.0], 20)
    apart = weighted_measures(score_rows(y, np.arange(40) / 10 - 1.95), np.ones((1, 40)), AT)[0]
    assert apart[0] == 1.0
    assert np.isnan(apart[4])
    same = weighted_measures(score_rows(y, np.full(40, -1.0)), np.ones((1, 40)), AT)[0]
    assert same[0] == 0.5
    assert same[3] == pytest.approx(1.0)
    assert np.isnan(same[4])
    one = weighted_measures(score_rows(np.ones(40), np.arange(40.0)), np.ones((1, 40)), AT)[0]
    assert np.isnan(one[[0, 2, 3, 4]]).all()
    assert one[1] == pytest.approx(np.mean((1 - expit(np.arange(40.0))) ** 2))


def test_rows_of_one_risk_tie_whatever_their_last_digits() -> None:
    y, z = rows_of(ties=True)
    noise = 1 + np.random.default_rng(5).integers(-2, 3, len(z)) * np.finfo(float).eps
    exact, near = (score_rows(y, values) for values in (z, z * noise))
    w = np.ones((1, len(y)))
    assert weighted_measures(near, w, AT)[0, 0] == weighted_measures(exact, w, AT)[0, 0]


@pytest.mark.parametrize("penalty", [None, "firth"])
@pytest.mark.parametrize("weighted", [False, True])
def test_replicates_at_once_are_those_one_by_one(weighted: bool, penalty: str | None) -> None:
    rng = np.random.default_rng(3)
    n = 500
    X = np.column_stack([np.ones(n), rng.normal(size=(n, 3)), rng.random(n) < 0.3])
    sign = np.where(rng.random(n) < expit(X @ [-1, 0.5, 0, -0.4, 0.8]), 1.0, -1.0)
    own, offset = (rng.integers(1, 4, n) / 2.0, rng.normal(0, 0.2, n)) if weighted else (None, None)
    rows = BinaryRows(X, sign, own, offset)
    fit = estimate_rows(rows, penalty).coefficients
    problem = BinaryProblem(rows, fit, penalty, AT)
    counts = rng.multinomial(n, np.full(n, 1 / n), size=6)
    found = problem.replicate(counts)
    for count, measured in zip(counts, found, strict=True):
        kept = count > 0
        times = count[kept] * (1.0 if own is None else own[kept])
        drawn = BinaryRows(X[kept], sign[kept], times, None if offset is None else offset[kept])
        new = problem.judge(
            problem._risks(estimate_rows(drawn, penalty).coefficients), [count, None]
        )
        given = problem.judge(problem.predictions, [count])
        np.testing.assert_allclose(measured, [*new, *given], rtol=0, atol=1e-7)


def test_replicates_that_separate_are_counted_as_failed() -> None:
    y = np.array([0, 0, 0, 0, 1, 0, 1, 1, 1, 1])
    data = pd.DataFrame({"x": np.arange(10.0), "y": y})
    found = validate(fit_logistic(data, "y ~ x"), data, n_boot=60, seed=1)
    assert 10 < found.n_failed < 60
    assert "failed_replicates" in {c.code for c in found.caveats}


def test_rows_alike_in_all_covariates_are_drawn_whatever_their_order() -> None:
    rng = np.random.default_rng(4)
    data = pd.DataFrame({"x": rng.integers(0, 3, 200), "y": rng.integers(0, 2, 200)})
    shuffled = data.sample(frac=1, random_state=2)
    one, two = (
        validate(fit_logistic(d, "y ~ x"), Frame(d, unit="patient"), n_boot=8, seed=1).tidy()
        for d in (data, shuffled)
    )
    pd.testing.assert_frame_equal(one, two, rtol=1e-8)


def test_ranks_of_rows_are_those_of_a_sort_by_all_keys() -> None:
    rng = np.random.default_rng(6)
    keys = [rng.integers(0, k, 300).astype(float) for k in (1, 3, 4, 5)]
    expected = np.empty(300, dtype=int)
    expected[np.lexsort(keys[::-1])] = np.arange(300)
    np.testing.assert_array_equal(rank_rows(keys), expected)
