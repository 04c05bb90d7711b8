"""Released curves against the follow-up they were computed from.

Random patients with integer days, an event, a competing event or censoring; the checks count
patients anew and compare with what was released.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from vpstats.disclosure import Released, ReleasePolicy, release
from vpstats.ledger import COLUMNS, Ledger, cell

HORIZONS = (90.0, 200.0)
POLICY = ReleasePolicy(threshold=4, curve_step=30.0, min_at_risk=6)
STATS = ("estimate", "conf_low", "conf_high", "std_error", "n_risk", "n_event", "n_censor")


@dataclass(frozen=True)
class FollowUp:
    """Days and codes (0 censored, 1 event, 2 competing) of patients in groups."""

    days: np.ndarray
    code: np.ndarray
    group: np.ndarray

    def of(self, name: str) -> FollowUp:
        mine = np.ones(len(self.days), bool) if name == "All" else self.group == name
        return FollowUp(self.days[mine], self.code[mine], self.group[mine])

    def events_to(self, day: float) -> int:
        return int(((self.days <= day) & (self.code == 1)).sum())

    def at_risk(self, day: float) -> int:
        return int((self.days >= day).sum())

    @property
    def events(self) -> int:
        return int((self.code == 1).sum())


@st.composite
def follow_ups(draw: st.DrawFn) -> FollowUp:
    seed = draw(st.integers(0, 10**6))
    n = draw(st.integers(5, 250))
    rng = np.random.default_rng(seed)
    days = rng.integers(0, draw(st.sampled_from([60, 300, 400])), n)
    if draw(st.booleans()):
        days = np.minimum(days, draw(st.integers(20, 300)))  # everybody ends on one day
    share = draw(st.sampled_from([0.02, 0.2, 0.6]))
    code = rng.choice(3, n, p=[0.9 - share, share, 0.1])
    sizes = draw(st.sampled_from([[1.0], [0.5, 0.5], [0.7, 0.27, 0.03]]))
    group = rng.choice(["a", "b", "c"][: len(sizes)], n, p=sizes)
    return FollowUp(days, code, group)


def ledger_of(data: FollowUp, *, everybody: bool) -> Ledger:
    n = len(data.days)
    rows = [cell("q", "event", "n", n, kind="total", unit="patients", n=n)]
    for code in (0, 1, 2):
        rows.append(cell("q", "event", "n_events", (data.code == code).sum(), kind="count",
                         level=str(code), unit="patients", n=n, parent="q//event//n"))  # fmt: skip
    names = sorted(set(data.group)) + (["All"] if everybody else [])
    for name in names:
        rows += curve_rows(data.of(name), name)
    return Ledger.from_rows(rows)


def curve_rows(data: FollowUp, name: str) -> list[dict[str, Any]]:
    rows = []
    parent = "q//event/1/n_events"
    for day in np.unique(data.days):
        share = data.events_to(day) / len(data.days)
        now = data.days == day
        values = (share, 0.9 * share, min(1.1 * share, 1), 0.0123456789, data.at_risk(day),
                  (now & (data.code == 1)).sum(), (now & (data.code == 0)).sum())  # fmt: skip
        for stat, value in zip(STATS, values, strict=True):
            unit = "patients" if stat.startswith("n_") else "incidence"
            rows.append(cell("q", "incidence", stat, value, kind="curve step", group=name,
                             level=format(day, ".10g"), unit=unit, n=data.at_risk(day),
                             parent=parent))  # fmt: skip
    for horizon in HORIZONS:
        share = 100 * data.events_to(horizon) / len(data.days)
        rows.append(cell("q", "incidence_at", "estimate", share, kind="estimate", group=name,
                         level=f"{horizon:g}", unit="%", n=data.at_risk(horizon),
                         parent=parent))  # fmt: skip
    return rows


def readings(released: Released) -> dict[str, pd.DataFrame]:
    """Released curves, one table per group: times and their statistics."""
    cells = released.select(analysis="q", variable="incidence")
    curves = {}
    for name, part in cells.groupby("group"):
        table = part.pivot_table(index="level", columns="stat", values="value", dropna=False)
        table.index = table.index.astype(float)
        curves[str(name)] = table.sort_index()
    return curves


def is_shown(curve: pd.DataFrame) -> bool:
    return bool(curve["estimate"].notna().any())


def tells_of_few(change: float) -> bool:
    return 1 <= abs(change) < POLICY.threshold


@settings(max_examples=40)
@given(data=follow_ups(), everybody=st.booleans())
def test_released_curves_are_true_and_coarse(data: FollowUp, everybody: bool) -> None:
    released = release(ledger_of(data, everybody=everybody), POLICY)
    for name, curve in readings(released).items():
        mine = data.of(name)
        if not is_shown(curve):
            assert curve.isna().all(axis=None)
            assert curve.index.tolist() == [0.0]  # not even its times
            continue
        days = curve.index.to_numpy()
        assert all(d % POLICY.curve_step == 0 or d in HORIZONS for d in days)
        events = [mine.events_to(d) for d in days[1:]]
        assert np.cumsum(curve["n_event"].to_numpy()[1:]).tolist() == events
        assert curve["n_event"].iloc[0] == 0
        for day, row in curve.iloc[1:].iterrows():
            assert row["n_risk"] == mine.at_risk(day) >= POLICY.at_risk
            share = mine.events_to(day) / len(mine.days)
            assert row["estimate"] == float(f"{share:.4g}")
        assert curve["std_error"].isna().all()
        assert curve["n_censor"].isna().all()


@settings(max_examples=40)
@given(data=follow_ups(), everybody=st.booleans())
def test_no_step_of_a_curve_is_a_few_patients(data: FollowUp, everybody: bool) -> None:
    released = release(ledger_of(data, everybody=everybody), POLICY)
    for name, curve in readings(released).items():
        if not is_shown(curve):
            continue
        mine = data.of(name)
        days = curve.index.to_numpy()
        events = np.diff([0, *(mine.events_to(d) for d in days[1:])])
        risk = [len(mine.days), *(mine.at_risk(d) for d in days[1:])]
        left = -np.diff(risk)
        assert not any(map(tells_of_few, events))
        assert not any(map(tells_of_few, left))
        assert not any(map(tells_of_few, left - events))
        assert not tells_of_few(mine.events - events.sum())  # after the last reading


@settings(max_examples=40)
@given(data=follow_ups())
def test_everybody_less_the_shown_groups_is_not_a_few_patients(data: FollowUp) -> None:
    curves = readings(release(ledger_of(data, everybody=True), POLICY))
    everybody = curves.pop("All")
    groups = {name: c for name, c in curves.items() if is_shown(c)}
    if not is_shown(everybody) or not groups:
        return
    common = set(everybody.index[1:]).intersection(*(c.index for c in groups.values()))
    days = [0.0, *sorted(common)]

    def rest(stat: str) -> np.ndarray:
        tables = [c[stat].cumsum() if stat == "n_event" else c[stat]
                  for c in (everybody, *groups.values())]  # fmt: skip
        values = [t.loc[days].to_numpy() for t in tables]
        return np.asarray(values[0] - sum(values[1:]))

    events, risk = np.diff(rest("n_event")), -np.diff(rest("n_risk"))
    assert not any(map(tells_of_few, events))
    assert not any(map(tells_of_few, risk[~np.isnan(risk)]))
    later = rest("n_risk")[1:]
    assert not any(map(tells_of_few, later))


@settings(max_examples=40)
@given(data=follow_ups(), everybody=st.booleans())
def test_a_horizon_is_shown_where_its_curve_is(data: FollowUp, everybody: bool) -> None:
    released = release(ledger_of(data, everybody=everybody), POLICY)
    curves = readings(released)
    for row in released.select(variable="incidence_at").to_dict("records"):
        curve = curves[row["group"]]
        if is_shown(curve) and float(row["level"]) in curve.index:
            assert not np.isnan(row["value"])
            assert row["n"] == curve.loc[float(row["level"]), "n_risk"]
        else:
            assert np.isnan(row["value"])
            assert np.isnan(row["n"])


@settings(max_examples=25)
@given(data=follow_ups(), everybody=st.booleans(), seed=st.integers(0, 10**6))
def test_releasing_curves_is_stable(data: FollowUp, everybody: bool, seed: int) -> None:
    ledger = ledger_of(data, everybody=everybody)
    once = release(ledger, POLICY)
    twice = release(Ledger(once.cells[list(COLUMNS)]), POLICY)
    assert twice.cells[list(COLUMNS)].equals(once.cells[list(COLUMNS)])
    order = np.random.default_rng(seed).permutation(len(ledger.cells))
    shuffled = release(Ledger(ledger.cells.iloc[order].reset_index(drop=True)), POLICY)
    key = "cell_id"
    assert shuffled.cells.sort_values(key, ignore_index=True).equals(
        once.cells.sort_values(key, ignore_index=True)
    )
