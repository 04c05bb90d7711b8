"""Hazard models whose sums are made some event times at a time: the same numbers in less memory."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from vpstats.models import partial_points, partial_sums
from vpstats.models.covariance import Clusters
from vpstats.models.fine_gray import fit_fine_gray
from vpstats.models.hazards import fit_cox
from vpstats.models.hazards_search import search
from vpstats.models.partial import Scores, information, sum_up
from vpstats.models.partial_points import Swept
from vpstats.models.partial_sums import find_levels, mean_so_far, sweep, tabulate
from vpstats.models.partial_sweep import SweptScores, score_meat
from vpstats.models.risksets import HazardRows, find_risk_sets
from vpstats.models.subdistribution import find_subdistribution
from vpstats.models.subdistribution_score import SweptSubdistribution, subdistribution_scores

Matrix = NDArray[np.float64]

N = 1500
ROUNDING = 1e-12
"""Sums of some thousand terms in another order; what is summed here is of the size of its sum."""


def simulate(n: int = N, p: int = 2, seed: int = 4) -> pd.DataFrame:
    """Competing events, daily times and times of which no two are equal."""
    rng = np.random.default_rng(seed)
    columns = {f"x{j}": rng.normal(size=n) for j in range(p)}
    time = rng.exponential(size=n) * np.exp(-0.4 * columns["x0"])
    end = np.minimum(time, rng.uniform(0.1, 2.0, n))
    return pd.DataFrame(
        {
            **columns,
            "days": np.ceil(end * 50),
            "distinct": end,
            "event": np.where(time <= end, rng.choice([1, 2, 2], n), 0),
            "patient_id": np.sort(rng.integers(0, n // 2, n)),
            "center": rng.choice(["A", "B", "C"], n),
            "weight": rng.choice([0.5, 1.0, 2.0], n),
        }
    )


ROWS = simulate()


def block_by_block(monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    """Sweep however few event times there are, in blocks of a given size."""
    monkeypatch.setattr(partial_sums, "TABLED", 0)
    monkeypatch.setattr(partial_sums, "_SHARE", 0.0)
    monkeypatch.setattr("vpstats.models.risksets._PER_STRATUM", 10)
    monkeypatch.setattr("vpstats.models.subdistribution_score.TABLED", 0)
    for module in ("partial_points", "partial_sweep", "subdistribution_score"):
        monkeypatch.setattr(f"vpstats.models.{module}.STEP", step)


ASKED: list[dict[str, Any]] = [
    {},
    {"strata": "center"},
    {"weights": "weight"},
    {"cluster": "patient_id"},
    {"cluster": "patient_id", "strata": "center", "weights": "weight"},
]


@pytest.mark.parametrize("more", ASKED, ids=lambda more: ", ".join(more) or "plain")
@pytest.mark.parametrize("duration", ["days", "distinct"])
@pytest.mark.parametrize("fit_model", [fit_fine_gray, fit_cox], ids=["Fine–Gray", "Cox"])
def test_the_size_of_a_block_changes_no_number(
    fit_model: Callable[..., Any],
    duration: str,
    more: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fit() -> Any:
        return fit_model(ROWS, "x0 + x1", duration=duration, event="event", **more)

    whole, calls = fit(), []
    own = Swept._own
    monkeypatch.setattr(Swept, "_own", lambda *given: (calls.append(1), own(*given))[1])
    for step in (11, 10_000):
        block_by_block(monkeypatch, step)
        parts = fit()
        assert calls, "the sums were not made block by block"
        calls.clear()
        errors = whole.std_errors
        np.testing.assert_allclose(
            parts.coefficients, whole.coefficients, atol=1e-11 * errors.min()
        )
        close(parts.covariance, whole.covariance)
        for name in ("hazard", "variance", "mean", "cross"):
            if getattr(whole.baseline, name) is not None:
                close(getattr(parts.baseline, name), getattr(whole.baseline, name))


def close(ours: Matrix, theirs: Matrix) -> None:
    """Equal up to rounding, measured against the largest of a table's column."""
    bound = ROUNDING * np.abs(theirs).max(axis=0)
    assert np.all(np.abs(ours - theirs) <= bound), np.max(np.abs(ours - theirs) / bound)


def hazard_rows(duration: str, rows: pd.DataFrame = ROWS) -> HazardRows:
    X = np.ascontiguousarray(rows.filter(like="x").to_numpy())
    return HazardRows(X - X.mean(axis=0), rows[duration].to_numpy(), rows["event"].to_numpy() == 1)


def by_row(scores: SweptScores) -> Matrix:
    found = np.zeros_like(scores.sets.rows.X)
    for rows, part in scores.parts():
        found[rows] += part  # a row that came twice would count twice
    return found


@pytest.mark.parametrize("duration", ["days", "distinct"])
@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_scores_in_order_of_time_are_those_of_the_rows(
    ties: Any, duration: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sets, beta = find_risk_sets(hazard_rows(duration), ties), np.array([0.3, -0.1])
    whole = sum_up(sets, beta)
    monkeypatch.setattr(partial_points, "STEP", 13)
    swept = sweep(sets, find_levels(sets, beta))
    everyone = slice(0, len(sets.rows))
    for _ in range(2):  # before and after the edges of the blocks are known
        close(information(sets, swept), information(sets, whole))
    close(tabulate(sets, swept).E1, whole.E1)
    close(mean_so_far(sets, swept), sets.slots.so_far(whole.mean))
    ours, theirs = SweptScores(sets, swept), Scores(sets, whole)
    close(by_row(ours), theirs.of(everyone))
    clusters = Clusters(ROWS["patient_id"].to_numpy(), N // 2)
    close(ours.by_cluster(clusters), theirs.by_cluster(clusters))
    for count in (2, 5 * N):  # fewer and more clusters than event times take either way
        codes = np.arange(N) % count
        meat = score_meat(sets, whole, Clusters(codes, count))
        close(score_meat(sets, swept, Clusters(codes, count)), meat)


@pytest.mark.parametrize("duration", ["days", "distinct"])
def test_scores_of_a_subdistribution_in_order_of_time(
    duration: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    event = ROWS["event"].to_numpy()
    sub = find_subdistribution(hazard_rows(duration), event, 1, None)
    sums = sum_up(sub.sets, np.array([0.3, -0.1]))
    theirs = subdistribution_scores(sub, sums)
    block_by_block(monkeypatch, 7)
    ours = subdistribution_scores(sub, sums)
    assert isinstance(theirs, Scores)
    assert isinstance(ours, SweptSubdistribution)
    close(by_row(ours), theirs.of(slice(0, N)))
    scale = np.linspace(0.5, 2.0, N)
    close(ours.gram(scale), theirs.gram(scale))


MANY = 100_000
MOST = 1.3
"""Copies of the covariates that a fit may take beside them. It takes 1.0 (Cox) and 1.2 at this
size, of which the blocks are 0.2, since they are of one size whatever the number of rows; and a
tenth for other versions of the libraries. With tables by event time Fine and Gray's took 6.2."""


@pytest.fixture(scope="module")
def many_rows() -> pd.DataFrame:
    return simulate(MANY, 12)


def peak(fit: Callable[[], object]) -> float:
    """Largest memory that a fit takes, in bytes; the same in every run."""
    tracemalloc.start()
    try:
        fit()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.slow
@pytest.mark.parametrize("duration", ["days", "distinct"])
def test_a_fit_takes_about_as_much_memory_as_its_covariates(
    duration: str, many_rows: pd.DataFrame
) -> None:
    rows, event = hazard_rows(duration, many_rows), many_rows["event"].to_numpy()
    codes = many_rows["patient_id"].to_numpy()

    def cox() -> None:
        sets = find_risk_sets(rows, "efron")
        found = search(sets)
        assert found.sums is not None
        score_meat(sets, found.sums, Clusters(codes, MANY))

    def fine_gray() -> None:
        sub = find_subdistribution(rows, event, 1, None)
        found = search(sub.sets, sub.part)
        assert found.sums is not None
        subdistribution_scores(sub, found.sums).gram()

    assert peak(cox) / rows.X.nbytes < MOST
    assert peak(fine_gray) / rows.X.nbytes < MOST
