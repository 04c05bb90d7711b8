"""Curves of the audit: incidence up to a horizon, limits not chosen, rates of processes."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd
import pytest

from vpstats.centers.audit import audit_centers
from vpstats.centers.cells import audit_cells
from vpstats.centers.incidence import WHOLE, expected_incidence
from vpstats.centers.judge import Rules, judge
from vpstats.centers.sums import CenterSums
from vpstats.disclosure import ReleasePolicy, release
from vpstats.ledger import Ledger
from vpstats.models.curves import cumulative_incidence
from vpstats.report.audit_figures import _against_all


def followed(n: int = 120, seed: int = 4) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    center = np.repeat(list("ABC"), n)
    return pd.DataFrame(
        {
            "center_id": center,
            "days": rng.integers(1, 200, 3 * n).astype(float),
            "event": rng.choice([0, 1, 2], 3 * n, p=[0.6, 0.3, 0.1]),
        }
    )


def test_curves_are_those_of_aalen_and_johansen() -> None:
    rows = followed()
    found = expected_incidence(rows, duration="days", event="event", horizon=90.0).curves
    for name in ("A", "B", "C", WHOLE):
        part = rows if name == WHOLE else rows[rows["center_id"] == name]
        curve = cumulative_incidence(part, duration="days", event="event").tidy()
        ours = found[found["center_id"] == name]
        wanted = curve.set_index("time").loc[ours["time"]]
        for column in ("n_risk", "n_event", "estimate", "conf_low", "conf_high"):
            np.testing.assert_allclose(ours[column], wanted[column], rtol=1e-12)
        # every event up to the horizon is there, and everybody who was censored is counted once
        upto = curve[curve["time"] <= 90]
        assert ours["n_event"].sum() == upto["n_event"].sum()
        assert ours["n_censor"].sum() == upto["n_censor"].sum()
        assert ours["time"].iloc[-1] == upto["time"].iloc[-1]


def test_the_networks_curve_passes_the_gate_and_no_centers_does() -> None:
    result = audit_centers(
        followed(), outcome="event", duration="days", horizon=90.0, minimum_volume=1
    )
    rows = audit_cells(result).rows
    steps = [r for r in rows if r["kind"] == "curve step"]
    assert {r["group"] for r in steps} == {WHOLE}
    released = release(Ledger.from_rows(rows), ReleasePolicy(threshold=5, curve_step=30.0)).cells
    shown = released[(released["kind"] == "curve step") & released["value"].notna()]
    read = shown[shown["stat"] == "estimate"]
    assert set(read["level"].astype(float)) <= {0.0, 30.0, 60.0, 90.0}
    assert len(read) > 1
    small = audit_centers(
        followed(n=9), outcome="event", duration="days", horizon=20.0, minimum_volume=1
    )
    hidden = release(
        Ledger.from_rows(audit_cells(small).rows), ReleasePolicy(threshold=20, curve_step=10.0)
    ).cells
    steps_left = hidden[(hidden["kind"] == "curve step") & (hidden["stat"] == "estimate")]
    assert steps_left["value"].isna().all()


def network(k: int = 24) -> CenterSums:
    rng = np.random.default_rng(8)
    n = rng.integers(100, 500, k).astype(float)
    observed = rng.binomial(n.astype(int), np.clip(rng.normal(0.2, 0.04, k), 0.05, 0.5))
    expected = 0.2 * n
    return CenterSums(
        tuple(f"{i:02d}" for i in range(k)), "patient", "proportion", n, n,
        observed.astype(float), expected, 0.8 * expected, np.ones(k), np.zeros(k), 0.2,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("chosen", "beside"), [("none", ("tau", "phi")), ("tau", ("plain", "phi")),
                           ("phi", ("plain", "tau"))]
)  # fmt: skip
def test_limits_that_were_not_chosen_stand_beside(
    chosen: Literal["none", "tau", "phi"], beside: tuple[str, ...]
) -> None:
    limits = judge(network(), Rules(dispersion=chosen)).limits
    endings = {c.rsplit("_", 1)[1] for c in limits.columns if c.count("_") == 2}
    assert endings == set(beside)
    same = judge(network(), Rules(dispersion="none")).limits
    plain = "alarm_high" if chosen == "none" else "alarm_high_plain"
    np.testing.assert_allclose(limits[plain], same["alarm_high"])
    for ending in {"tau", "phi"} - {chosen}:  # wider than chance alone, at every volume
        assert (limits[f"alarm_high_{ending}"] >= limits[plain] - 1e-12).all()
    # limits by tau do not grow wider with a center's size
    tau = "alarm_high" if chosen == "tau" else "alarm_high_tau"
    assert (np.diff(limits[tau][limits["expected"] > 10]) <= 0.02).all()


def test_a_process_is_drawn_where_its_verdict_is() -> None:
    """30 of 100 rows against 240 of 300 others: over the others 0.375, over the network 0.444…"""
    rate, others, n, total = 0.3, 0.8, 100.0, 400.0
    whole = (30 + 240) / total
    limit = {"level": str(n * whole), "alert_low": rate / others, "alert_high": np.nan}
    moved = _against_all(limit, 100 * whole, total)
    assert moved["n"] == pytest.approx(n)
    assert moved["alert_low"] == pytest.approx(rate / whole)
    assert np.isnan(moved["alert_high"])
