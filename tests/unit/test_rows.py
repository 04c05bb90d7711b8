"""Reading ledger cells: one record per row, what was withheld, references, curves."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from vpstats.errors import UsageError
from vpstats.ledger import Ledger, cell, cell_id
from vpstats.rows import (
    estimate_rows,
    is_coarse,
    is_hidden,
    mark_of,
    number,
    records,
    risk_at,
    text_of,
)


def estimate(group: str, term: str, label: str, value: float, caveat: str = "") -> list[dict]:
    return [
        cell("q", term, stat, value, kind="estimate", group=group, label=label,
             unit="odds ratio", caveat=caveat)
        for stat in ("estimate", "conf_low", "conf_high", "p_value")
    ]  # fmt: skip


def described(level: str, n: float, events: float) -> list[dict]:
    label = f"Region: {level.replace('_', ' ')}"
    return [cell("q", "region", s, v, kind="count", level=level, label=label)
            for s, v in (("n", n), ("n_events", events))]  # fmt: skip


def test_long_cells_wide_tables_and_tidy_results_read_alike() -> None:
    long = Ledger.from_rows(estimate("adjusted", "age", "Age", 1.5)).cells
    wide = Ledger(long).wide()
    tidy = pd.DataFrame({"term": ["age"], "estimate": [1.5], "conf_low": [1.5]})
    for rows in (long, wide, tidy):
        (record,) = records(rows)
        assert (record["variable"], number(record, "estimate")) == ("age", 1.5)
        assert record["hidden"] == set()
    assert records(long)[0]["label"] == "Age"
    assert records(tidy)[0]["label"] == "age"


def test_only_a_missing_value_with_a_reason_is_withheld() -> None:
    cells = Ledger.from_rows(estimate("", "age", "Age", np.nan)).cells
    cells = cells.assign(suppressed=["primary", "", "derived", ""])
    cells.loc[cells["stat"] == "conf_high", "value"] = 3.0
    (record,) = records(cells)
    assert record["hidden"] == {"estimate"}
    assert is_hidden(record, "estimate", "p_value")
    assert not is_hidden(record, "p_value")


def test_caveats_of_all_cells_of_a_row_are_kept_once() -> None:
    rows = [
        cell("q", "age", "estimate", 1, kind="estimate", caveat="few_events;separation"),
        cell("q", "age", "conf_low", 1, kind="estimate", caveat="separation;aliased"),
    ]
    assert records(Ledger.from_rows(rows).cells)[0]["caveat"] == "few_events;separation;aliased"


def test_cells_of_two_analyses_are_refused() -> None:
    rows = [cell(a, "age", "n", 1, kind="count") for a in ("one", "two")]
    with pytest.raises(UsageError, match="several analyses \\(one, two\\)"):
        records(Ledger.from_rows(rows).cells)


def test_reading_changes_nothing() -> None:
    cells = Ledger.from_rows(estimate("", "age", "Age", 1.0)).cells
    before = cells.copy(deep=True)
    records(cells, group="group")
    pd.testing.assert_frame_equal(cells, before)


def test_the_category_without_a_term_is_the_reference() -> None:
    rows = [
        *described("thoracic", 50, 5),
        *described("tl_junction", 60, 6),
        *described("lumbar", 70, 7),
        *estimate("crude", "region[T.tl_junction]", "Region: thoracolumbar junction", 1.2),
        *estimate("crude", "region[T.lumbar]", "Region: lumbar", 0.8),
        *estimate("crude", "diabetes[T.yes]", "Diabetes", 1.1),
    ]
    found = estimate_rows(Ledger.from_rows(rows), "q")
    assert [(r["label"], bool(r.get("reference")), number(r, "n")) for r in found[:3]] == [
        ("Region: thoracic", True, 50),
        ("Region: thoracolumbar junction", False, 60),
        ("Region: lumbar", False, 70),
    ]
    assert [r["variable"] for r in found[3:]] == ["diabetes[T.yes]"]  # yes against no: no row


def test_a_reference_described_by_its_level_takes_the_label_of_its_factor() -> None:
    rows = [cell("q", "asa", "n", n, kind="count", level=v, label="ASA") for v, n in
            (("1", 40), ("2", 50))]  # fmt: skip
    rows += estimate("crude", "asa[T.2]", "ASA class: 2", 1.4)
    assert [r["label"] for r in estimate_rows(Ledger.from_rows(rows), "q")] == [
        "ASA class: 1",
        "ASA class: 2",
    ]


def test_a_reference_can_be_named_and_is_not_guessed() -> None:
    rows = estimate("crude", "sex[T.m]", "Sex: male", 1.2)
    ledger = Ledger.from_rows(rows)
    assert not any(r.get("reference") for r in estimate_rows(ledger, "q"))
    named = estimate_rows(ledger, "q", references={"sex": "Sex: female"})
    assert [(r["label"], r["group"]) for r in named] == [
        ("Sex: female", "crude"),
        ("Sex: male", "crude"),
    ]


def test_a_withheld_count_of_a_category_stays_withheld_beside_its_estimate() -> None:
    rows = [*described("thoracic", 50, 5), *described("lumbar", 70, np.nan),
            *estimate("crude", "region[T.lumbar]", "Region: lumbar", 0.8)]  # fmt: skip
    cells = Ledger.from_rows(rows).cells
    gone = cells["cell_id"] == cell_id("q", "", "region", "lumbar", "n_events")

    class Source:
        cells = Ledger.from_rows(rows).cells

        def select(self, **where: str) -> pd.DataFrame:
            return (
                Ledger(self.cells).select(**where).assign(suppressed=np.where(gone, "primary", ""))
            )

    term = estimate_rows(Source(), "q")[-1]
    assert is_hidden(term, "n_events")
    assert not is_hidden(term, "n", "estimate")


def test_curve_rows_and_horizons_are_no_terms() -> None:
    rows = [
        cell("q", "incidence", "estimate", 0.1, kind="curve step", group="All", level="30"),
        cell("q", "incidence_at", "estimate", 10, kind="estimate", group="All", level="365"),
        cell("q", "rate", "estimate", 10, kind="estimate"),
    ]
    assert estimate_rows(Ledger.from_rows(rows), "q") == []


@pytest.fixture
def steps() -> list[dict]:
    return [{"level": t, "n_risk": n, "estimate": 0.1, "hidden": set()}
            for t, n in (("30", 90.0), ("180", 60.0), ("400", 20.0))]  # fmt: skip


@pytest.mark.parametrize(("time", "n"), [(0, 90), (30, 90), (30.5, 60), (180, 60), (399, 20)])
def test_at_risk_just_before_a_time_is_the_next_step(
    steps: list[dict], time: float, n: float
) -> None:
    found = risk_at(steps, time)
    assert found is not None
    assert found["n_risk"] == n


def test_nobody_is_known_to_be_at_risk_after_the_last_step(steps: list[dict]) -> None:
    assert risk_at(steps, 401) is None


def test_a_coarse_curve_is_read_near_a_time_and_not_elsewhere(steps: list[dict]) -> None:
    coarse = [{**r, "hidden": {"n_censor"}} for r in steps]
    assert is_coarse(coarse)
    assert not is_coarse(steps)
    near = risk_at(coarse, 182.6)
    assert near is not None
    assert near["n_risk"] == 60
    assert risk_at(coarse, 300) is None


def test_a_curve_withheld_as_a_whole_is_coarse() -> None:
    assert is_coarse([{"estimate": np.nan, "hidden": {"estimate", "n_censor"}}])


def test_the_mark_is_that_of_the_release() -> None:
    class Release:
        mark = "‹5"

    assert mark_of(Release()) == "‹5"
    assert text_of(pd.NA) == ""
