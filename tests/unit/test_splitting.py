"""Follow-up cut into windows: what the parts hold, and that nothing else changes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from vpstats.errors import UsageError
from vpstats.frames import Frame, open_data
from vpstats.models.hazards import fit_cox
from vpstats.models.splitting import split_follow_up

ROWS = pd.DataFrame(
    {
        "patient_id": ["a", "b", "c", "d"],
        "days": [40, 60, 100, 400],
        "event": [1, 1, 2, 0],
        "from": [0, 10, 60, 200],
    },
    index=["u", "v", "w", "w"],
)
CUTS = {"duration": "days", "event": "event", "at": [60, 365]}


def test_parts_lie_in_their_windows() -> None:
    found = split_follow_up(ROWS, **CUTS, entry="from", id="row")
    assert found["row"].tolist() == [0, 1, 2, 3, 3]
    assert found["from"].tolist() == [0, 10, 60, 200, 365]
    assert found["days"].tolist() == [40, 60, 100, 365, 400]
    assert found["event"].tolist() == [1, 1, 2, 0, 0]
    assert found["window"].tolist() == ["0-60", "0-60", "60-365", "60-365", "365+"]
    assert found.index.tolist() == ["u", "v", "w", "w", "w"]
    assert found["days"].dtype == ROWS["days"].dtype
    assert list(found["window"].cat.categories) == ["0-60", "60-365", "365+"]
    assert found["window"].cat.ordered


def test_person_time_and_events_are_kept_and_nothing_is_changed() -> None:
    before = ROWS.copy(deep=True)
    found = split_follow_up(ROWS, **CUTS)
    assert (found["days"] - found["entry"]).sum() == ROWS["days"].sum()
    assert found["event"].value_counts()[[1, 2]].tolist() == [2, 1]
    pd.testing.assert_frame_equal(ROWS, before)
    pd.testing.assert_series_equal(
        found.groupby("patient_id")["days"].max(), ROWS.set_index("patient_id")["days"],
        check_names=False,
    )  # fmt: skip


def test_a_row_of_no_length_is_one_part() -> None:
    rows = pd.DataFrame({"days": [0.0, 60.0], "event": [1, 1]})
    found = split_follow_up(rows, **CUTS)
    assert found["window"].tolist() == ["0-60", "0-60"]
    assert found["entry"].tolist() == [0, 0]


@pytest.mark.parametrize(
    "change",
    [
        {"days": pd.to_timedelta([40, 60, 100, 400], unit="D")},
        {"days": pd.array([40, 60, 100, 400], dtype="Int64")},
        {"event": pd.array([True, True, False, False])},
        {"event": pd.array([1, 1, 2, 0], dtype="Int64")},
        {"event": pd.Categorical([1, 1, 2, 0])},
        {"from": pd.to_timedelta([0, 10, 60, 200], unit="D")},
    ],
    ids=str,
)
def test_kinds_of_columns(change: dict[str, Any]) -> None:
    rows = ROWS.assign(**change)
    found = split_follow_up(rows, **CUTS, entry="from")
    for name in change:
        assert found[name].dtype == rows[name].dtype
    assert len(found) == 5
    last = found["event"].iloc[-2]
    assert last in (0, False)


def test_a_frame_keeps_its_unit_and_cluster() -> None:
    frame = Frame(ROWS, unit="level", cluster="patient_id", duration="days", entry="from",
                  causes={1: "fracture"})  # fmt: skip
    found = split_follow_up(frame, **CUTS)
    assert (found.unit, found.cluster, found.entry) == ("level", "patient_id", "from")
    assert found.causes == {1: "fracture"}
    assert found.independent is None
    alone = split_follow_up(Frame(ROWS, unit="patient"), **CUTS)
    assert alone.entry == "entry"
    assert "one follow-up" in str(alone.independent)
    open_data(alone)  # no cluster is asked for
    several = Frame(ROWS.assign(patient_id="a"), unit="level")
    with pytest.raises(UsageError, match="give cluster="):
        open_data(split_follow_up(several, **CUTS))


def test_an_effect_may_differ_between_windows() -> None:
    rng = np.random.default_rng(5)
    x = rng.integers(0, 2, 400)
    early, late = rng.exponential(np.where(x, 50, 150)), rng.exponential(np.where(x, 150, 50))
    rows = pd.DataFrame({"days": np.where(early < 60, early, 60 + late), "event": 1, "x": x})
    parts = split_follow_up(rows, duration="days", event="event", at=[60])
    fit = fit_cox(parts, "x:window", duration="days", event="event", entry="entry")
    assert fit.terms == ("x:window[0-60]", "x:window[60+]")
    assert fit.coefficients[0] > 0.5
    assert fit.coefficients[1] < -0.5


@pytest.mark.parametrize(
    ("change", "options", "words"),
    [
        ({}, {"at": []}, "positive times in ascending order"),
        ({}, {"at": [0, 60]}, "positive times"),
        ({}, {"at": [60, 60]}, "ascending"),
        ({}, {"window": "days"}, "already have a column 'days'"),
        ({}, {"id": "patient_id"}, "already have a column"),
        ({"entry": 0}, {}, "entry='entry' if it holds"),
        ({}, {"duration": "day"}, "did you mean 'days'"),
        ({"days": [40, None, 3, 4]}, {}, "missing, negative or ends before it starts in 1 rows"),
        ({"days": [40, -1, 3, 4]}, {}, "in 1 rows"),
        ({"days": pd.date_range("2020-01-01", periods=4)}, {}, "holds dates"),
    ],
)
def test_bad_requests(change: dict[str, Any], options: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        split_follow_up(ROWS.assign(**change), **(CUTS | options))
