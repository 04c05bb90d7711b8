"""Curves: what is refused, what is said aloud, and how a curve is read."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pandas as pd
import pytest

from vpstats.errors import UsageError
from vpstats.frames import Frame
from vpstats.models import influence
from vpstats.models.curves import cumulative_incidence, kaplan_meier, nelson_aalen
from vpstats.models.quantiles import curve_quantiles, follow_up
from vpstats.results import GLOSSARY

ROWS = pd.DataFrame(
    {
        "days": [2.0, 3, 3, 5, 5, 8],
        "event": [1, 1, 2, 2, 1, 0],
        "arm": ["a", "b", "a", "b", "a", "b"],
        "patient_id": ["p", "p", "q", "q", "r", "s"],
        "entry": [0, 1, 0, 0, 4, 0],
        "weight": [1, 1.5, 1, 1, 1, 1],
        "text": list("uvwxyz"),
        "day_0": pd.Timestamp("2024-01-01"),
    }
)
COLUMNS = {"duration": "days", "event": "event"}


def codes(result: Any) -> set[str]:
    return {c.code for c in result.caveats}


def changed(column: str, value: Any, row: int = 0) -> pd.DataFrame:
    rows = ROWS.astype({column: object})
    rows.loc[row, column] = value
    return rows.assign(**{column: pd.to_numeric(rows[column])})


@pytest.mark.parametrize(
    ("rows", "asked", "words"),
    [
        (ROWS, {"duration": "dayz"}, "did you mean 'days'"),
        (ROWS, {"event": "status"}, "no such column"),
        (ROWS, {"entry": "start"}, "no such column"),
        (ROWS, {"by": "group"}, "no such column"),
        (ROWS, {"duration": "text"}, "expected numbers"),
        (ROWS, {"duration": "day_0"}, "Subtract the date"),
        (changed("days", -1), {}, "negative or infinite in 1 rows"),
        (changed("days", np.inf), {}, "negative or infinite in 1 rows"),
        (changed("entry", 2), {"entry": "entry"}, "not before duration='days' in 1 rows"),
        (changed("entry", -3), {"entry": "entry"}, "is negative"),
        (changed("event", 0.5), {}, "is not a code in 1 rows"),
        (changed("event", -1), {}, "is not a code in 1 rows"),
        (changed("event", np.inf), {}, "is not a code in 1 rows"),
        (ROWS, {"cluster": "absent"}, "does not have|do not have"),
        (ROWS.assign(patient_id=None), {"cluster": "patient_id"}, "missing cluster ids"),
        (ROWS, {"cause": 0}, "expected an event code"),
        (ROWS, {"cause": 1.5}, "expected an event code"),
        (ROWS, {"level": 95}, "between 0 and 1"),
        (ROWS, {"conf_type": "loglog"}, "'log-log'"),
        (ROWS.rename(columns={"arm": "time"}), {"by": "time"}, "rename the column"),
        (ROWS, {"cluster": "patient_id", "independent": "why"}, "not both"),
        (ROWS, {"independent": " "}, "needs the reason"),
    ],
)
def test_what_is_wrong_is_refused_with_the_remedy(
    rows: pd.DataFrame, asked: dict[str, Any], words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        cumulative_incidence(rows, **(COLUMNS | asked))


def test_negative_weights_are_refused() -> None:
    with pytest.raises(UsageError, match="negative or infinite in 1 rows"):
        kaplan_meier(changed("weight", -1), **COLUMNS, weights="weight", competing="censor")


def test_a_cumulative_hazard_has_no_double_log_scale() -> None:
    with pytest.raises(UsageError, match="'log', 'plain'"):
        nelson_aalen(ROWS, **COLUMNS, conf_type="log-log")


def test_competing_events_are_not_censored_silently() -> None:
    with pytest.raises(UsageError, match=r"competing events in 2 rows.*cumulative_incidence"):
        kaplan_meier(ROWS, **COLUMNS)
    with pytest.raises(UsageError, match="expected None or 'censor'"):
        kaplan_meier(ROWS, **COLUMNS, competing="ignore")
    curve = kaplan_meier(ROWS, **COLUMNS, competing="censor")
    assert codes(curve) == {"competing_censored"}
    assert curve.steps["n_event"].sum() == 3


def test_a_frame_that_repeats_patients_needs_its_cluster() -> None:
    frame = Frame(ROWS, unit="level")
    with pytest.raises(UsageError, match="cluster='patient_id'"):
        cumulative_incidence(frame, **COLUMNS)
    clustered = cumulative_incidence(Frame(ROWS, unit="level", cluster="patient_id"), **COLUMNS)
    assert (clustered.n_clusters, clustered.unit) == (4, "level")
    assert codes(clustered) == {"few_clusters"}
    alone = cumulative_incidence(frame, **COLUMNS, independent="levels heal alone")
    assert "levels heal alone" in next(c.message for c in alone.caveats if c.code == "independent")
    assert alone.n_clusters is None


def test_the_frame_brings_its_entry_and_the_names_of_its_causes() -> None:
    frame = Frame(
        ROWS,
        unit="vertebra",
        cluster="patient_id",
        outcome="event",
        duration="days",
        entry="entry",
        causes={1: "fracture", 2: "death"},
    )
    curve = cumulative_incidence(frame, **COLUMNS)
    assert curve.title == "Cumulative incidence of fracture"
    assert curve.total_time == (ROWS["days"] - ROWS["entry"]).sum()
    plain = cumulative_incidence(ROWS, **COLUMNS, entry="entry", cluster="patient_id")
    pd.testing.assert_frame_equal(curve.steps, plain.steps)


def test_missing_values_are_left_out_and_counted() -> None:
    rows = ROWS.astype({"days": "Float64", "event": "Int64"})
    rows.loc[0, "days"] = pd.NA
    rows.loc[1, "event"] = pd.NA
    rows.loc[2, "arm"] = None
    curve = cumulative_incidence(rows, **COLUMNS, by="arm")
    assert curve.n == 3
    assert "3 rows" in next(c.message for c in curve.caveats if c.code == "dropped_rows")


def test_a_group_without_rows_is_left_out_and_said() -> None:
    rows = ROWS.assign(arm=pd.Categorical(ROWS["arm"], ["b", "never", "a"]))
    curve = cumulative_incidence(rows, **COLUMNS, by="arm")
    assert [name for name, _ in curve.groups()] == ["b", "a"]
    assert "empty_group" in codes(curve)


def test_nothing_but_censored_rows_is_a_flat_curve() -> None:
    curve = kaplan_meier(ROWS.assign(event=0), **COLUMNS)
    assert (curve.steps["estimate"] == 1).all()
    assert (curve.tidy()["conf_low"] == 1).all()
    assert codes(curve) == {"no_events"}
    absent = cumulative_incidence(ROWS, **COLUMNS, cause=3)
    assert absent.n_events == 0
    assert (absent.steps["estimate"] == 0).all()


@pytest.mark.parametrize("by", [None, "arm"])
def test_without_rows_there_is_no_curve_but_a_reason(by: str | None) -> None:
    curve = cumulative_incidence(ROWS.assign(days=np.nan), **COLUMNS, by=by)
    assert curve.status == "no rows"
    assert not curve.ok
    assert "complete follow-up" in curve.reason
    assert curve.at([1, 2])["estimate"].isna().all()
    assert curve.glance().loc[0, "n"] == 0


def test_an_event_on_the_first_day_counts_at_time_0() -> None:
    rows = pd.DataFrame({"days": [0, 0, 3, 4], "died": [1, 0, 1, 0]})
    curve = kaplan_meier(rows, duration="days", event="died")
    assert curve.steps["time"].tolist() == [0, 3, 4]
    assert curve.steps["n_risk"].tolist() == [4, 2, 1]
    assert curve.at(0)["estimate"].tolist() == [3 / 4]
    assert curve.at_risk(0, convention="start")["n_risk"].tolist() == [2]


def test_reversed_events_may_compete() -> None:
    curve = kaplan_meier(ROWS, **COLUMNS, reverse=True)
    ends = ROWS.assign(ended=(ROWS["event"] == 0).astype(int))
    same = kaplan_meier(ends, duration="days", event="ended")
    pd.testing.assert_frame_equal(curve.steps, same.steps)
    assert curve.title.startswith("Reverse Kaplan–Meier")


def test_an_unknown_convention_is_refused() -> None:
    with pytest.raises(UsageError, match="'before' or 'start'"):
        kaplan_meier(ROWS, **COLUMNS, competing="censor").at_risk(3, convention="end")


def test_numbers_at_risk_keep_the_groups() -> None:
    curve = cumulative_incidence(ROWS, **COLUMNS, by="arm")
    table = curve.at_risk([0, 4])
    assert table.columns.tolist() == ["arm", "time", "n_risk", "n_event", "n_censor"]
    assert table["n_risk"].tolist() == [3, 1, 3, 2]


def test_the_length_of_follow_up_has_an_interval() -> None:
    rng = np.random.default_rng(3)
    rows = pd.DataFrame(
        {
            "days": rng.integers(1, 900, 80),
            "event": rng.integers(0, 3, 80),
            "patient_id": np.repeat(range(40), 2),
        }
    )
    table = follow_up(rows, **COLUMNS, probabilities=(0.25, 0.5), cluster="patient_id")
    found = table.tidy()
    assert table.title == "Length of follow-up"
    assert table.n_clusters == 40
    assert (found["conf_low"] <= found["estimate"]).all()
    assert found["estimate"].is_monotonic_increasing


def test_weights_of_an_incidence_are_not_counts() -> None:
    """Of weights that balance groups, doubling all says nothing new; of counts it would."""
    once = cumulative_incidence(ROWS, **COLUMNS, weights="weight")
    twice = cumulative_incidence(
        ROWS.assign(weight=2 * ROWS["weight"]), **COLUMNS, weights="weight"
    )
    columns = ["estimate", "std_error"]
    pd.testing.assert_frame_equal(once.steps[columns], twice.steps[columns])
    assert twice.steps["n_risk"].iloc[0] == 2 * ROWS["weight"].sum()


def test_limits_of_quantiles_are_unknown_where_nobody_is_left() -> None:
    rows = pd.DataFrame({"days": [1, 2, 3], "died": [1, 1, 1]})
    table = curve_quantiles(kaplan_meier(rows, duration="days", event="died"), (0.9,)).tidy()
    assert table["estimate"].tolist() == [3]
    assert np.isnan(table["conf_high"].iloc[0])


def test_booleans_and_timedeltas_are_read() -> None:
    rows = pd.DataFrame({"time": pd.to_timedelta([1, 2, 3], unit="D"), "died": [True, False, True]})
    curve = kaplan_meier(rows, duration="time", event="died")
    assert curve.steps["time"].tolist() == [1, 2, 3]
    coded = rows.assign(died=pd.Categorical([1, 0, 1]))
    same = kaplan_meier(coded, duration="time", event="died")
    pd.testing.assert_frame_equal(curve.steps, same.steps)


def test_times_of_any_size_are_counted_alike() -> None:
    """Whole days are counted, other times sorted; a scale of 1e6 or 0.5 takes the other way."""
    plain = cumulative_incidence(ROWS, **COLUMNS, entry="entry")
    for scale in (0.5, 1e6):
        rows = ROWS.assign(days=ROWS["days"] * scale, entry=ROWS["entry"] * scale)
        scaled = cumulative_incidence(rows, **COLUMNS, entry="entry")
        expected = plain.steps.assign(time=plain.steps["time"] * scale)
        pd.testing.assert_frame_equal(scaled.steps, expected, check_exact=False, rtol=1e-12)


def test_an_emptied_risk_set_is_said() -> None:
    rows = pd.DataFrame({"days": [1, 5, 6], "died": [1, 1, 0], "entry": [0, 2, 2]})
    curve = kaplan_meier(rows, duration="days", event="died", entry="entry")
    assert codes(curve) == {"risk_set_emptied"}
    grouped = kaplan_meier(
        rows.assign(arm="x"), duration="days", event="died", entry="entry", by="arm"
    )
    assert "in group x" in grouped.caveats[0].message
    gap = rows.assign(died=[0, 1, 0])
    assert codes(kaplan_meier(gap, duration="days", event="died", entry="entry")) == {
        "risk_set_emptied"
    }


def test_one_cluster_gives_no_standard_error() -> None:
    curve = kaplan_meier(ROWS.assign(event=[1, 0, 1, 0, 1, 0], one=1), **COLUMNS, cluster="one")
    assert curve.steps["std_error"].isna().all()
    assert curve.tidy()[["conf_low", "conf_high"]].isna().all(axis=None)


def test_numbers_at_risk_can_be_read_at_any_time() -> None:
    curve = cumulative_incidence(ROWS, **COLUMNS, entry="entry")
    read = curve.at([0, 1, 1.5, 4, 4.5, 8, 9])
    assert read["n_risk"].tolist() == [4, 4, 5, 2, 3, 1, 0]
    assert read["estimate"].iloc[0] == 0


def test_fractional_weights_use_the_jackknife() -> None:
    rows = ROWS.assign(event=[1, 1, 0, 0, 1, 0])
    weighted = kaplan_meier(rows, **COLUMNS, weights="weight")
    by_row = kaplan_meier(rows.assign(row=range(6)), **COLUMNS, weights="weight", cluster="row")
    pd.testing.assert_frame_equal(weighted.steps, by_row.steps)
    assert weighted.steps["n_risk"].iloc[0] == rows["weight"].sum()
    # everybody's time counts by weight
    assert weighted.total_time == (rows["weight"] * rows["days"]).sum()


@pytest.mark.parametrize("block", [1, 3, 17])
def test_clusters_are_whole_in_every_block(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """However few rows are held at a time, the clustered variance is the same."""
    rng = np.random.default_rng(9)
    days = rng.integers(1, 60, 50)
    rows = pd.DataFrame({"days": days, "event": rng.integers(0, 3, 50), "entry": days // 3})
    rows["patient_id"] = rng.integers(0, 12, 50)
    whole = [
        cumulative_incidence(rows, **COLUMNS, entry="entry", cluster=cluster).steps
        for cluster in ("patient_id", None)
    ]
    monkeypatch.setattr(influence, "BLOCK", block)
    for cluster, expected in zip(("patient_id", None), whole, strict=True):
        found = cumulative_incidence(rows, **COLUMNS, entry="entry", cluster=cluster).steps
        pd.testing.assert_frame_equal(found, expected, check_exact=False, rtol=1e-9)


def test_levels_nest() -> None:
    curve = cumulative_incidence(ROWS, **COLUMNS)
    narrow, wide = curve.tidy(level=0.5), curve.tidy(level=0.99)
    assert (wide["conf_low"] <= narrow["conf_low"]).all()
    assert (narrow["conf_high"] <= wide["conf_high"]).all()


def test_quantiles_are_nan_where_the_curve_does_not_reach() -> None:
    curve = cumulative_incidence(ROWS, **COLUMNS, by="arm")
    table = curve_quantiles(curve, (0.1, 0.99)).tidy()
    assert list(table.columns) == ["arm", "level", "estimate", "conf_low", "conf_high"]
    late = table[table["level"] == 0.99]
    assert late[["estimate", "conf_high"]].isna().all(axis=None)
    first = table[(table["arm"] == "a") & (table["level"] == 0.1)].iloc[0]
    assert first["estimate"] == 2
    assert first["conf_low"] <= first["estimate"]
    ungrouped = curve_quantiles(cumulative_incidence(ROWS, **COLUMNS), level=0.8)
    assert ungrouped.level == 0.8


def test_quantiles_of_a_hazard_are_refused() -> None:
    with pytest.raises(UsageError, match="kaplan_meier"):
        curve_quantiles(nelson_aalen(ROWS, **COLUMNS))
    with pytest.raises(UsageError, match="between 0 and 1"):
        curve_quantiles(cumulative_incidence(ROWS, **COLUMNS), (1.0,))


def test_a_curve_holds_no_identifier_and_its_columns_have_a_meaning() -> None:
    before = ROWS.copy(deep=True)
    curve = cumulative_incidence(ROWS, **COLUMNS, by="arm", cluster="patient_id")
    pd.testing.assert_frame_equal(ROWS, before)
    assert set(curve.tidy().columns) - {"arm"} <= set(GLOSSARY)
    assert b"patient_id" not in pickle.dumps(curve)
    assert "internal: not released" in curve._repr_html_()
