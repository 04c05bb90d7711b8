"""Survival, incidence and cumulative hazard against survfit and cuminc.

`make_survival.R` wrote the values; `survival/manifest.json` names the versions.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from vpstats.models.curves import cumulative_incidence, kaplan_meier, nelson_aalen

FOLDER = Path(__file__).parent / "survival"
CASES = json.loads((FOLDER / "cases.json").read_text("utf-8"))

CURVE = 1e-10
"""Curves are sums of fractions: only rounding may differ."""

ESTIMATORS = {
    "km": kaplan_meier,
    "na": nelson_aalen,
    "cif": cumulative_incidence,
    "cuminc": cumulative_incidence,
}
ARGUMENTS = (
    *("duration", "event", "cause", "by", "entry", "weights", "cluster"),
    *("conf_type", "level"),
)


def ids(case: dict[str, Any]) -> str:
    return case["id"]


@cache
def data(name: str) -> pd.DataFrame:
    return pd.read_csv(FOLDER / f"data_{name}.csv")


@cache
def curves() -> pd.DataFrame:
    table = pd.read_csv(FOLDER / "curves.csv", skipinitialspace=True, float_precision="round_trip")
    return table.fillna({"group": ""})


@pytest.mark.parametrize("case", CASES["curves"], ids=ids)
def test_a_curve_equals_survfit(case: dict[str, Any], agree: Callable[..., None]) -> None:
    asked = {name: case[name] for name in ARGUMENTS if name in case}
    curve = ESTIMATORS[case["estimator"]](data(case["data"]), **asked)
    theirs = curves()[curves()["case"] == case["id"]]
    ours = curve.tidy()
    groups = ours[curve.by].astype(str) if curve.by else pd.Series("", ours.index)
    ours = ours.assign(group=groups).set_index(["group", "time"])
    ours = ours.loc[list(zip(theirs["group"], theirs["time"], strict=True))]
    for column in ("n_risk", "n_event", "estimate", "std_error", "conf_low", "conf_high"):
        expected = theirs[column].to_numpy(float)
        # R gives no error or limits where nobody is left, or before the first event
        known = ~np.isnan(expected)
        found = ours[column].to_numpy(float)
        agree(case["id"], column, found[known], expected[known], tolerance=CURVE)
