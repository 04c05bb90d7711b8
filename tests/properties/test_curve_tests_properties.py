"""What must hold of tests of curves and of numbers read off curves, whatever the data."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from vpstats.models.curve_tests import compare_curves
from vpstats.models.curves import cumulative_incidence, kaplan_meier
from vpstats.models.differences import compare_at
from vpstats.models.restricted import restricted_mean

ROUNDING = 1e-9
"""Sums in another order, divided by variances that may be a few hundredths."""
AREA = 1e-10
"""Areas below ten days, as sums of at most two dozen steps."""

FEWER = settings(max_examples=30)
"""A call takes some milliseconds; the counts below it are the business of other tests."""


@st.composite
def follow_up(draw: st.DrawFn, *, causes: int = 2, least: int = 6) -> pd.DataFrame:
    """Rows with many ties, several per patient, in two or three groups, some entering late."""
    n = draw(st.integers(least, 24))

    def column(low: int, high: int) -> list[int]:
        return draw(st.lists(st.integers(low, high), min_size=n, max_size=n))

    days = np.array(column(1, 9))
    return pd.DataFrame(
        {
            "days": days,
            "event": column(0, causes),
            "entry": np.floor(days * np.array(column(0, 9)) / 10),
            "patient": column(0, 7),
            "arm": column(0, 2),
            "z": column(0, 1),
            "w": column(1, 3),
        }
    )


COLUMNS: dict[str, Any] = {"duration": "days", "event": "event"}
OPTIONS: list[dict[str, str]] = [
    {},
    {"entry": "entry"},
    {"cluster": "patient"},
    {"entry": "entry", "cluster": "patient", "strata": "z"},
]
NAMES = ["plain", "entry", "cluster", "all"]
options = pytest.mark.parametrize("more", OPTIONS, ids=NAMES)
every_test = pytest.mark.parametrize("test", ["logrank", "gehan", "tarone-ware", "peto", "gray"])


def outcome(rows: pd.DataFrame, **more: Any) -> np.ndarray:
    """Statistic, degrees of freedom, and observed less expected, by group."""
    found = compare_curves(rows, **COLUMNS, by="arm", **more)
    difference = found.table["observed"] - found.table["expected"]
    return np.array([found.statistic, found.df, *difference])


def same(one: np.ndarray, other: np.ndarray) -> None:
    # where the covariance is all but singular, rounding decides what counts as a direction
    assume(not (one[0] > 1e3 or other[0] > 1e3))
    np.testing.assert_allclose(one, other, rtol=1e-6, atol=ROUNDING)


@every_test
@options
@FEWER
@given(rows=follow_up(), seed=st.integers(0, 99))
def test_a_test_knows_no_order_of_rows(
    more: dict[str, str], test: str, rows: pd.DataFrame, seed: int
) -> None:
    shuffled = rows.sample(frac=1, random_state=seed)
    same(outcome(rows, test=test, **more), outcome(shuffled, test=test, **more))


@every_test
@options
@FEWER
@given(rows=follow_up())
def test_a_test_knows_no_unit_of_time_and_no_labels(
    more: dict[str, str], test: str, rows: pd.DataFrame
) -> None:
    other = rows.assign(
        days=rows["days"] / 365.25,
        entry=rows["entry"] / 365.25,
        patient=rows["patient"].map(lambda p: f"P{(p * 5) % 8}"),
        arm=rows["arm"].map("abc".__getitem__),
    )
    same(outcome(rows, test=test, **more), outcome(other, test=test, **more))


@every_test
@FEWER
@given(rows=follow_up())
def test_one_stratum_is_none_and_an_entry_at_0_is_none(test: str, rows: pd.DataFrame) -> None:
    plain = outcome(rows, test=test)
    same(plain, outcome(rows.assign(one=1), test=test, strata="one"))
    same(plain, outcome(rows.assign(entry=0), test=test, entry="entry"))


@every_test
@FEWER
@given(rows=follow_up())
def test_differences_from_what_is_expected_add_up_to_nothing(test: str, rows: pd.DataFrame) -> None:
    found = outcome(rows, test=test, entry="entry" if test != "gray" else None)
    assert np.isnan(found).any() or abs(found[2:].sum()) < ROUNDING


@FEWER
@given(rows=follow_up(causes=1))
def test_without_competing_events_gray_and_the_log_rank_have_one_score(rows: pd.DataFrame) -> None:
    # as long as every group has somebody at risk; a group that has run out counts in neither
    last = rows.groupby("arm")["days"].max().min()
    rows = rows.assign(
        event=np.where(rows["days"] >= last, 0, rows["event"]), days=rows["days"].clip(upper=last)
    )
    assume(rows["arm"].nunique() > 1)
    one, other = outcome(rows, test="logrank"), outcome(rows, test="gray")
    np.testing.assert_allclose(one[2:], other[2:], atol=ROUNDING)


def split(rows: pd.DataFrame, cut: float) -> pd.DataFrame:
    """Every row that is under observation at the cut, as two rows of one patient."""
    crossing = (rows["entry"] < cut) & (cut < rows["days"])
    before = rows[crossing].assign(days=cut, event=0)
    return pd.concat([before, rows.assign(entry=rows["entry"].where(~crossing, cut))])


@every_test
@FEWER
@given(rows=follow_up(), cut=st.sampled_from([1.5, 3, 4.5, 6]))
def test_splitting_a_row_in_two_changes_no_test(test: str, rows: pd.DataFrame, cut: float) -> None:
    for more in ({"entry": "entry"}, {"entry": "entry", "cluster": "patient"}):
        same(outcome(rows, test=test, **more), outcome(split(rows, cut), test=test, **more))


@FEWER
@given(rows=follow_up(), cut=st.sampled_from([1.5, 3, 4.5, 6]))
def test_splitting_a_row_in_two_changes_no_number(rows: pd.DataFrame, cut: float) -> None:
    more = {"entry": "entry", "cluster": "patient", "by": "arm"}
    for one, other in zip(
        (area(rows, **more), reading(rows, **more)),
        (area(split(rows, cut), **more), reading(split(rows, cut), **more)),
        strict=True,
    ):
        np.testing.assert_allclose(one, other, atol=1e-7)


def area(rows: pd.DataFrame, **more: Any) -> np.ndarray:
    table = restricted_mean(rows, **COLUMNS, horizon=6.5, **more).tidy()
    return table[table["contrast"] != "ratio"][["estimate", "std_error"]].to_numpy()


def reading(rows: pd.DataFrame, **more: Any) -> np.ndarray:
    table = compare_at(rows, **COLUMNS, times=[2, 4.5], **more).tidy()
    return table[table["contrast"] != "ratio"][["estimate", "std_error"]].to_numpy()


@options
@FEWER
@given(rows=follow_up(), seed=st.integers(0, 99))
def test_numbers_know_no_order_of_rows(more: dict[str, str], rows: pd.DataFrame, seed: int) -> None:
    more = {k: v for k, v in more.items() if k != "strata"} | {"by": "arm"}
    shuffled = rows.sample(frac=1, random_state=seed)
    np.testing.assert_allclose(area(rows, **more), area(shuffled, **more), atol=1e-7)
    np.testing.assert_allclose(reading(rows, **more), reading(shuffled, **more), atol=1e-7)


@options
@FEWER
@given(rows=follow_up(causes=3), horizon=st.sampled_from([0.5, 3, 6.25, 9]))
def test_the_mean_is_the_area_under_the_curve_and_lost_time_the_rest(
    more: dict[str, str], rows: pd.DataFrame, horizon: float
) -> None:
    more = {k: v for k, v in more.items() if k != "strata"}
    found = restricted_mean(rows, **COLUMNS, horizon=horizon, **more)
    assume(found.ok)
    any_event = rows.assign(event=(rows["event"] > 0).astype(int))
    curve = kaplan_meier(any_event, **COLUMNS, **more)
    table = found.tidy()
    assert table["estimate"].iloc[0] == pytest.approx(
        horizon - integrated(curve, horizon, 0.0), abs=AREA
    )
    assert table["estimate"].sum() == pytest.approx(horizon, abs=AREA)
    for k, lost in zip(sorted(set(rows["event"]) - {0}), table["estimate"][1:], strict=True):
        incidence = cumulative_incidence(rows, **COLUMNS, cause=int(k), **more)
        assert lost == pytest.approx(integrated(incidence, horizon, 1.0), abs=AREA)


def integrated(curve: Any, horizon: float, sign: float) -> float:
    """Area between the curve (or one minus it) and 0, step by step."""
    times = np.append(curve.steps["time"].to_numpy(), np.inf).clip(max=horizon)
    value = curve.steps["estimate"].to_numpy()
    return float(np.diff(times) @ (value if sign else 1.0 - value))


@options
@FEWER
@given(rows=follow_up())
def test_a_risk_at_a_time_is_that_of_the_curve(more: dict[str, str], rows: pd.DataFrame) -> None:
    more = {k: v for k, v in more.items() if k != "strata"}
    table = compare_at(rows, **COLUMNS, by="arm", times=[2, 5], **more).tidy()
    own = table[table["contrast"] == "none"].sort_values(["group", "time"])
    read = cumulative_incidence(rows, **COLUMNS, by="arm", **more).at([2, 5])
    # of a single cluster nothing is known but at time 0
    known = own[["estimate", "std_error"]].notna().all(axis=1).to_numpy()
    columns = ["estimate", "std_error"]
    np.testing.assert_allclose(own[columns][known], read[columns][known], atol=1e-7)


@FEWER
@given(rows=follow_up())
def test_groups_without_common_patients_are_uncorrelated(rows: pd.DataFrame) -> None:
    rows = rows.assign(arm=rows["patient"] % 2)
    assume(rows["arm"].nunique() == 2)
    table = compare_at(rows, **COLUMNS, by="arm", times=4, cluster="patient").tidy()
    error = table["std_error"].to_numpy()
    np.testing.assert_allclose(error[2] ** 2, error[0] ** 2 + error[1] ** 2, atol=ROUNDING)


@FEWER
@given(rows=follow_up(), times=st.lists(st.integers(0, 10), min_size=1, max_size=4))
def test_numbers_at_risk_balance(rows: pd.DataFrame, times: list[int]) -> None:
    rows = rows.assign(event=(rows["event"] > 0).astype(int))
    curve = kaplan_meier(rows, **COLUMNS)
    for convention in ("before", "start"):
        table = curve.at_risk(times, convention=convention)
        total = table[["n_risk", "n_event", "n_censor"]].sum(axis=1)
        assert (total == len(rows)).all()
    late = kaplan_meier(rows, **COLUMNS, entry="entry")
    for time in times:
        under = ((rows["entry"] <= time) & (rows["days"] > time)).sum()
        assert late.at_risk(time, convention="start")["n_risk"].tolist() == [under]


@FEWER
@given(rows=follow_up())
def test_weights_of_one_are_the_jackknife_of_rows(rows: pd.DataFrame) -> None:
    weighted = cumulative_incidence(rows.assign(w=1), **COLUMNS, weights="w").steps
    plain = cumulative_incidence(rows, **COLUMNS).steps
    np.testing.assert_allclose(weighted["std_error"] ** 2, plain["std_error"] ** 2, atol=1e-12)


@FEWER
@given(rows=follow_up(), seed=st.integers(0, 9))
def test_a_permutation_p_value_is_a_share(rows: pd.DataFrame, seed: int) -> None:
    found = compare_curves(rows, **COLUMNS, by="arm", permutations=19, seed=seed)
    assume(found.ok)
    count = found.p_value * found.permutations
    assert count == pytest.approx(round(count))
    assert 1 <= round(count) <= found.permutations
