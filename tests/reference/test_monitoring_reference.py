"""Charts over time beside R: paths of surveillance's CUSUM, run lengths of a chain in plain R."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from vpstats.centers.monitoring import average_run_length, cusum

FOLDER = Path(__file__).parent / "monitoring"

# Both chains read between their values, R's by straight lines on 1,000 values of every distinct
# risk, ours by parabolas on 480 values of 20 bins; a limit is good to 5 % of its run length.
CHAINS = 0.02
SINGLE = 0.03
"""With one risk the run length goes in steps as the limit does, which chains smooth differently."""


@cache
def table(name: str) -> pd.DataFrame:
    return pd.read_csv(FOLDER / f"{name}.csv")


def rows_of(name: str) -> pd.DataFrame:
    rows = table("rows")
    return rows[rows["data"] == name]


PATHS = [
    (name, ratio, limit)
    for name in ("birthwt", "pbc", "pima")
    for ratio in (2.0, 0.5, 1.5)
    for limit in (1.2, 50.0)
]


@pytest.mark.parametrize(("name", "ratio", "limit"), PATHS)
def test_paths_and_signals(
    agree: Callable[..., None], name: str, ratio: float, limit: float
) -> None:
    def chosen(found: pd.DataFrame) -> pd.DataFrame:
        like = (found["data"] == name) & (found["ratio"] == ratio) & (found["limit"] == limit)
        return found[like]

    rows = rows_of(name)
    chart = cusum(rows["y"], rows["risk"], odds_ratio=ratio, limit=limit)
    cell = f"CUSUM, {name}, odds ratio {ratio}, limit {limit}"
    agree(cell, "values", chart.values, chosen(table("paths"))["value"], tolerance=1e-10)
    agree(cell, "signals", chart.signals + 1, chosen(table("signals"))["row"], tolerance=0.5)


@pytest.mark.parametrize("at", range(24))
def test_run_length_of_one_risk(agree: Callable[..., None], at: int) -> None:
    case = table("one_risk").iloc[at]
    ours = average_run_length(
        [case["risk"]],
        case["limit"],
        odds_ratio=case["ratio"],
        true_odds_ratio=case["true"],
        states=960,
    )
    cell = (
        f"run length, risk {case['risk']}, odds ratio {case['ratio']}, limit {case['limit']}, "
        f"true {case['true']:g}"
    )
    theirs = case["run_length"]
    agree(cell, "mean", ours, theirs, scale=np.array(theirs), tolerance=SINGLE)


@pytest.mark.parametrize("at", range(24))
def test_run_length_of_a_case_mix(agree: Callable[..., None], at: int) -> None:
    case = table("mixes").iloc[at]
    ours = average_run_length(
        rows_of(case["data"])["risk"],
        case["limit"],
        odds_ratio=case["ratio"],
        true_odds_ratio=case["true"],
    )
    cell = (
        f"run length, {case['data']}, odds ratio {case['ratio']}, limit {case['limit']}, "
        f"true {case['true']:g}"
    )
    theirs = case["run_length"]
    agree(cell, "mean", ours, theirs, scale=np.array(theirs), tolerance=CHAINS)
