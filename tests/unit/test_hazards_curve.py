"""Robust errors of predicted curves: what each cluster does to them, by brute force.

The oracle refits the model with the weights of one cluster a little higher and a little lower. The
slope is what the cluster does to the curve; the variance is the sum of the squared slopes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from vpstats.models import hazards_curve
from vpstats.models.curves import nelson_aalen
from vpstats.models.hazards import fit_cox
from vpstats.models.predicted import baseline_hazard

TIMES = [3.0, 4.0, 6.0, 8.0, 10.0]
REAL = Path(__file__).parents[1] / "reference" / "hazards"


def rows(n: int = 40, seed: int = 1) -> pd.DataFrame:
    """Tied times, entries among them, clusters across strata, everything uneven."""
    rng = np.random.default_rng(seed)
    entry = np.where(rng.random(n) < 0.5, rng.integers(1, 6, n), 0)
    return pd.DataFrame(
        {
            "days": entry + rng.integers(2, 8, n),
            "event": rng.integers(0, 2, n),
            "entry": entry,
            "x": rng.normal(size=n),
            "z": rng.integers(0, 2, n),
            "patient": rng.integers(0, 9, n),
            "side": rng.integers(0, 2, n),
            "weight": rng.uniform(0.5, 2, n),
            "known": rng.normal(size=n) / 5,
        }
    )


NEW = pd.DataFrame({"x": [0.3, -1.0], "z": [1, 0], "side": [0, 1], "known": [0.1, -0.2]})


def hazard(data: pd.DataFrame, column: str = "estimate", **how: Any) -> np.ndarray:
    fit = fit_cox(data, "x + z", duration="days", event="event", **how)
    return fit.predict(NEW, times=TIMES, kind="cumulative_hazard")[column].to_numpy()


def by_brute_force(data: pd.DataFrame, cluster: str | None, **how: Any) -> np.ndarray:
    """Errors as sums of squared slopes, by central differences."""
    step, total = 1e-4, np.zeros(len(NEW) * len(TIMES))
    weights = data[how["weights"]] if "weights" in how else np.ones(len(data))
    owner = data[cluster] if cluster else pd.Series(range(len(data)))
    for one in owner.unique():
        ends = []
        for by in (step, -step):
            moved = data.assign(weight=weights * np.where(owner == one, 1 + by, 1.0))
            ends.append(hazard(moved, **how | {"weights": "weight"}))
        total += ((ends[0] - ends[1]) / (2 * step)) ** 2
    return np.sqrt(total)


@pytest.mark.parametrize("ties", ["efron", "breslow"])
@pytest.mark.parametrize(
    "how",
    [
        {},
        {"entry": "entry"},
        {"strata": "side"},
        {"weights": "weight"},
        {"entry": "entry", "strata": "side", "weights": "weight", "offset": "known"},
    ],
    ids=lambda how: "-".join(how) or "plain",
)
@pytest.mark.parametrize("cluster", ["patient", None])
def test_errors_are_what_clusters_do_to_the_curve(
    ties: str, how: dict[str, str], cluster: str | None
) -> None:
    data, how = rows(), how | {"ties": ties}
    vcov = "CR0" if cluster else "HC0"
    ours = hazard(data, "std_error", **how, cluster=cluster, vcov=vcov)
    np.testing.assert_allclose(ours, by_brute_force(data, cluster, **how), rtol=1e-6)


def test_few_clusters_widen_the_curve_as_they_widen_coefficients() -> None:
    data = rows()
    plain, few = (hazard(data, "std_error", cluster="patient", vcov=v) for v in ("CR0", "CR1"))
    count = data["patient"].nunique()
    np.testing.assert_allclose(few / plain, np.sqrt(count / (count - 1)), rtol=1e-12)


def test_order_of_rows_and_size_of_blocks_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    how = {"cluster": "patient", "entry": "entry", "strata": "side"}
    parts = [rows(seed=seed).assign(seed=seed) for seed in range(6)]
    mixed = pd.concat(parts).assign(patient=lambda d: d["patient"] + 9 * d["seed"])
    mixed = mixed.sample(frac=1, random_state=1)
    whole = hazard(mixed, "std_error", **how)
    monkeypatch.setattr(hazards_curve, "SCORED", 1)  # as many rows as there are event times: 22
    adjacent = mixed.sort_values("patient", kind="stable")
    for data in (mixed, adjacent):
        np.testing.assert_allclose(hazard(data, "std_error", **how), whole, rtol=1e-10)


def test_without_covariates_it_is_the_clustered_nelson_aalen_estimate() -> None:
    data = rows()
    times: dict[str, Any] = {"duration": "days", "event": "event", "cluster": "patient"}
    fit = fit_cox(data, "1", ties="breslow", **times)
    ours = fit.predict(NEW.head(1), times=TIMES, kind="cumulative_hazard")
    theirs = nelson_aalen(data, **times).tidy().set_index("time")
    held = theirs.index.isin(TIMES)
    for column in ("estimate", "std_error"):
        known = theirs[column][held]
        np.testing.assert_allclose(
            ours.set_index("time")[column].loc[known.index], known, rtol=1e-10
        )


def test_the_baseline_table_has_the_errors_of_a_row_of_zeros() -> None:
    fit = fit_cox(rows(), "x + z", duration="days", event="event", cluster="patient")
    table = baseline_hazard(fit, at="zero")
    zero = pd.DataFrame({"x": [0.0], "z": [0]})
    at = fit.predict(zero, times=table["time"], kind="cumulative_hazard")
    for column in ("estimate", "std_error", "conf_low", "conf_high"):
        np.testing.assert_allclose(table[column], at[column], rtol=1e-10)


def test_errors_of_the_model_stay_those_of_the_model() -> None:
    """Rows that are independent of one another: coefficients and baseline are uncorrelated."""
    fit = fit_cox(rows(), "x + z", duration="days", event="event")
    assert fit.baseline is not None
    assert fit.baseline.cross is None


def test_it_agrees_with_the_jackknife_of_patients_on_two_eyes_each() -> None:
    """197 patients of the diabetic retinopathy study, each left out once.

    The jackknife and the sum of squared slopes differ by terms of the order of one over the number
    of clusters.
    """
    data = pd.read_csv(REAL / "data_retinopathy.csv")
    new = data.iloc[[0, 100]]

    def curve(table: pd.DataFrame) -> pd.DataFrame:
        fit = fit_cox(table, "trt + risk", duration="futime", event="status", cluster="id")
        return fit.predict(new, times=[10, 40], kind="cumulative_hazard")

    left = np.array([curve(data[data["id"] != one])["estimate"] for one in data["id"].unique()])
    count = len(left)
    jackknife = np.sqrt((count - 1) / count * ((left - left.mean(axis=0)) ** 2).sum(axis=0))
    np.testing.assert_allclose(curve(data)["std_error"], jackknife, rtol=0.03)
