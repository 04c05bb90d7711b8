"""Frames: what they check, how they record exclusions, and the guard on clustered rows."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from vpstats.errors import UsageError
from vpstats.frames import FlowStep, Frame, Imputations, open_data, start_frame


@pytest.fixture
def rows() -> pd.DataFrame:
    return pd.DataFrame(
        {"patient_id": ["a", "a", "b", "c"], "leak": [1, 0, 0, 1], "days": [1.0, 2.0, 3.0, 4.0]}
    )


def levels(rows: pd.DataFrame, **fields: object) -> Frame:
    return start_frame(rows, "treated levels", unit="level", **fields)


def test_columns_that_a_frame_names_must_exist(rows: pd.DataFrame) -> None:
    with pytest.raises(UsageError, match="do not have: center, died"):
        Frame(rows, unit="level", cluster="center", outcome="died")


def test_every_row_needs_a_cluster(rows: pd.DataFrame) -> None:
    rows["patient_id"] = ["a", None, "b", "c"]
    with pytest.raises(UsageError, match="missing cluster ids"):
        Frame(rows, unit="level", cluster="patient_id")


def test_a_frame_counts_its_rows_and_clusters(rows: pd.DataFrame) -> None:
    assert len(levels(rows)) == 4
    assert levels(rows, cluster="patient_id").n_clusters == 3
    assert levels(rows).n_clusters is None


def test_the_flow_starts_with_everything_that_was_read(rows: pd.DataFrame) -> None:
    assert levels(rows).flow == (FlowStep("treated levels", 4, 3),)


def test_keeping_rows_records_what_left_and_changes_nothing(rows: pd.DataFrame) -> None:
    before = rows.copy()
    frame = levels(rows)
    kept = frame.keep(rows["leak"] == 0, "without a leak")
    assert kept.data["days"].tolist() == [2.0, 3.0]
    # patient a stays with one row; patient c left with the only one
    assert kept.flow[-1] == FlowStep("without a leak", 2, 2, 2, 1)
    assert len(frame) == 4
    pd.testing.assert_frame_equal(rows, before)


def test_a_missing_condition_leaves_the_row_out(rows: pd.DataFrame) -> None:
    mask = pd.array([True, None, False, True], dtype="boolean")
    assert levels(rows).keep(mask, "known").data["days"].tolist() == [1.0, 4.0]
    assert len(levels(rows).keep(np.array([True, False, False, False]), "first")) == 1


def test_without_a_patient_column_each_row_counts_as_one() -> None:
    frame = start_frame(pd.DataFrame({"x": [1, 2]}), "all", unit="row")
    assert frame.flow[0].n_patients == 2


def test_independence_needs_a_reason(rows: pd.DataFrame) -> None:
    with pytest.raises(UsageError, match="needs the reason"):
        levels(rows, cluster="patient_id").as_independent("  ")
    free = levels(rows, cluster="patient_id").as_independent("one level each")
    assert (free.cluster, free.independent) == (None, "one level each")


def test_a_frame_shows_itself_without_its_rows(rows: pd.DataFrame) -> None:
    frame = levels(rows, cluster="patient_id", outcome="leak", name="leakage")
    text = "<Frame leakage: 4 rows, unit level, clustered in patient_id, outcome leak>"
    assert repr(frame) == text
    assert repr(levels(rows)) == "<Frame: 4 rows, unit level>"


# --- what a model is handed


def test_a_frame_brings_its_cluster(rows: pd.DataFrame) -> None:
    assert open_data(levels(rows, cluster="patient_id")).cluster == "patient_id"
    assert open_data(levels(rows), cluster="leak").cluster == "leak"


def test_repeated_patients_without_a_cluster_are_refused(rows: pd.DataFrame) -> None:
    with pytest.raises(UsageError, match=r"rows are levels.*cluster='patient_id'"):
        open_data(levels(rows))


def test_one_row_per_patient_needs_no_cluster(rows: pd.DataFrame) -> None:
    assert open_data(start_frame(rows.iloc[1:], "p", unit="patient")).cluster is None
    assert open_data(Frame(rows[["leak"]], unit="row")).cluster is None


def test_a_reason_opens_repeated_rows(rows: pd.DataFrame) -> None:
    frame = open_data(levels(rows), independent="sensitivity analysis")
    assert frame.independent == "sensitivity analysis"
    assert open_data(frame).independent == "sensitivity analysis"


def test_a_cluster_takes_back_an_earlier_reason(rows: pd.DataFrame) -> None:
    free = levels(rows).as_independent("first look")
    assert open_data(free, cluster="patient_id").independent is None


def test_cluster_and_reason_exclude_each_other(rows: pd.DataFrame) -> None:
    with pytest.raises(UsageError, match="not both"):
        open_data(levels(rows), cluster="patient_id", independent="why")


def test_a_plain_table_carries_no_guard(rows: pd.DataFrame) -> None:
    plain = open_data(rows)
    assert (plain.unit, plain.cluster, plain.independent) == ("row", None, None)
    assert open_data(rows, cluster="patient_id").cluster == "patient_id"
    assert open_data(rows, independent="one look").independent == "one look"


# --- imputations


def test_imputations_are_several_equal_frames(rows: pd.DataFrame) -> None:
    one = levels(rows)
    both = Imputations((one, one))
    assert len(both) == 2
    assert list(both) == [one, one]


def test_a_single_completed_frame_is_not_an_imputation(rows: pd.DataFrame) -> None:
    with pytest.raises(UsageError, match="at least two"):
        Imputations((levels(rows),))


@pytest.mark.parametrize("change", ["rows", "unit"])
def test_imputations_share_rows_and_unit(rows: pd.DataFrame, change: str) -> None:
    other = levels(rows.iloc[:2]) if change == "rows" else start_frame(rows, "x", unit="patient")
    with pytest.raises(UsageError, match="share their rows and their unit"):
        Imputations((levels(rows), other))


def test_a_misspelt_cluster_is_asked_after(rows: pd.DataFrame) -> None:
    with pytest.raises(UsageError, match="do not have: patient; did you mean 'patient_id'"):
        open_data(rows, cluster="patient")


def test_a_notebook_shows_the_flow_and_no_row(rows: pd.DataFrame) -> None:
    frame = levels(rows, cluster="patient_id").keep(rows["leak"] == 0, "no <leak>")
    shown = frame._repr_html_()
    assert "2 rows" in shown
    assert "treated levels" in shown
    assert "no &lt;leak&gt;" in shown
    assert "<td>a</td>" not in shown
