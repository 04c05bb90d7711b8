"""Verdicts that allow for their number, and the audit of one outcome on any table."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from vpstats.centers.audit import audit_centers, collect_audit
from vpstats.centers.indicator import audit_indicator
from vpstats.centers.result import AuditResult
from vpstats.errors import UsageError
from vpstats.frames import Frame
from vpstats.study import Audit, Indicator, Seen


def table(**leaks: tuple[int, int]) -> pd.DataFrame:
    """Rows of centers, each named with its number of rows and of outcomes."""
    parts = [
        pd.DataFrame({"center_id": name, "leak": (np.arange(n) < k).astype(float)})
        for name, (n, k) in leaks.items()
    ]
    rows = pd.concat(parts, ignore_index=True)
    return rows.assign(patient_id=[f"p{i}" for i in range(len(rows))])


def verdicts(found: AuditResult) -> dict[str, str]:
    rows = found.tidy()
    return {
        str(c): f"{v} {s}".strip()
        for c, v, s in zip(rows["center_id"], rows["verdict"], rows["side"], strict=True)
    }


def test_counts_are_those_of_the_rows() -> None:
    found = audit_centers(table(A=(100, 20), B=(100, 25), C=(50, 9)), outcome="leak").tidy()
    assert found["n"].tolist() == [100, 100, 50]
    assert found["observed"].tolist() == [20, 25, 9]
    # without case mix each center is expected to be as the others together
    assert found["expected"].iloc[0] == pytest.approx(100 * 34 / 150)


def test_a_far_center_has_an_alarm_and_a_side() -> None:
    found = audit_centers(table(A=(200, 30), B=(200, 30), C=(200, 80)), outcome="leak")
    assert verdicts(found)["C"] == "alarm worse"
    assert found.worst() == "alarm"
    assert found.worst("A") in ("none", "alert")


def test_where_higher_is_better_the_sides_change() -> None:
    rows = table(A=(200, 100), B=(200, 100), C=(200, 150))
    assert verdicts(audit_centers(rows, outcome="leak", better="higher"))["C"] == "alarm better"
    assert audit_centers(rows, outcome="leak", better="higher").worst("C") == "none"


def test_too_few_expected_outcomes_have_no_verdict_and_say_what_one_takes() -> None:
    found = audit_centers(table(A=(100, 1), B=(100, 2), C=(100, 6)), outcome="leak")
    (one,) = found.indicators
    assert set(one.table["verdict"].iloc[:2]) == {"no verdict"}
    assert "Fewer than 5 outcomes" in one.table["reason"].iloc[0]
    # five outcomes at the network's rate of 9 in 300
    assert one.network["needed_verdict"].iloc[0] == 167


@pytest.mark.parametrize("rows", [table(A=(50, 5)), table(A=(20, 0), B=(30, 0)), table(A=(0, 0))])
def test_what_cannot_be_compared_has_no_verdict(rows: pd.DataFrame) -> None:
    found = audit_centers(rows, outcome="leak")
    assert set(verdicts(found).values()) <= {"no verdict"}
    assert found.worst() == "none"


def test_zero_and_all_events_are_judged() -> None:
    found = audit_centers(table(A=(100, 50), B=(100, 0), C=(100, 100)), outcome="leak")
    assert verdicts(found) == {"A": "none", "B": "alarm better", "C": "alarm worse"}
    assert np.isfinite(found.table[["o_e", "z", "p_value"]].to_numpy(float)).all()


def test_an_alarm_needs_to_allow_for_the_number_of_tests() -> None:
    spec = Indicator(id="one", title="One", cohort="t", outcome="leak").under(Audit())
    frame = Frame(table(A=(200, 30), B=(200, 30), C=(200, 70)), unit="patient")
    (lone,) = audit_indicator(frame, spec)
    assert lone.result.table["verdict"].tolist()[2] == "alarm"
    p = float(lone.result.table["p_used"].iloc[2])
    alone = collect_audit([lone.result], Audit(), signalling=["one"])
    assert verdicts(alone)["C"] == "alarm worse"
    strict = Audit(false_alarms=p)
    assert verdicts(collect_audit([lone.result], strict, signalling=["one"]))["C"] == "alert worse"


def test_families_of_signalling_and_other_indicators_are_adjusted_apart() -> None:
    frame = Frame(table(A=(200, 30), B=(200, 30), C=(200, 45)), unit="patient")
    audits = [
        audit_indicator(
            frame, Indicator(id=i, title="One", cohort="t", outcome="leak").under(Audit())
        )
        for i in ("one", "two")
    ]
    parts = [a[0].result for a in audits]
    together = collect_audit(parts, Audit(), signalling=["one", "two"])
    apart = collect_audit(parts, Audit(), signalling=["one"])
    q = [r.indicators[0].table["q_value"].iloc[2] for r in (together, apart)]
    assert q[0] == pytest.approx(q[1])  # the same p-values twice: ranks double with the number
    assert apart.worst() == together.worst()
    assert collect_audit(parts, Audit()).worst() == "none"


def test_strata_are_audited_apart_and_together() -> None:
    rows = table(A=(200, 40), B=(200, 40)).assign(kind=["x", "y"] * 200)
    found = audit_centers(rows, outcome="leak", strata={"x": {"kind": ["x"]}})
    assert found.table.groupby("stratum")["n"].sum().to_dict() == {"all": 400, "x": 200}


def test_a_center_that_was_never_examined_has_no_verdict_and_is_named() -> None:
    rows = table(A=(100, 20), B=(100, 20), C=(100, 0))
    rows["why"] = np.where(rows["center_id"] == "C", None, "routine")
    rows.loc[rows["center_id"] == "C", "leak"] = np.nan
    seen = Seen(examined="why", values=["routine"], reason="why")
    found = audit_centers(rows, outcome="leak", ascertainment=seen)
    assert verdicts(found)["C"] == "no verdict"
    row = found.table[found.table["center_id"] == "C"].iloc[0]
    assert row["n"] == 0
    assert "examined as a routine" in row["reason"]


def test_incomplete_outcomes_have_no_verdict() -> None:
    rows = table(A=(100, 20), B=(100, 20))
    rows.loc[rows.index[80:100], "leak"] = np.nan  # four fifths of A are known
    found = audit_centers(rows, outcome="leak")
    assert verdicts(found) == {"A": "no verdict", "B": "none"}
    assert "85%" in found.table["reason"].iloc[0]


def test_an_incidence_is_held_against_its_hazard() -> None:
    rng = np.random.default_rng(3)
    rate = np.repeat([0.001, 0.001, 0.004], 300)
    time = rng.exponential(1 / rate)
    rows = pd.DataFrame({"center_id": np.repeat(list("ABC"), 300), "days": np.minimum(time, 90),
                         "event": (time <= 90).astype(int)})  # fmt: skip
    found = audit_centers(rows, outcome="event", duration="days", horizon=90)
    assert verdicts(found)["C"] == "alarm worse"
    assert found.table["observed"].sum() == (time <= 90).sum()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"outcome": "none"}, "no column none"),
        ({"outcome": "leak", "center": "clinic"}, "no column 'clinic'"),
        ({"outcome": "leak", "better": "most"}, "no indicator"),
        ({"outcome": "leak", "rank": True}, "no indicator"),
        ({"outcome": "leak", "duration": "patient_id"}, "needs a horizon"),
        ({"outcome": "center_id"}, "name the values that count"),
    ],
)
def test_a_wrong_request_is_told_what_is_wrong(options: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        audit_centers(table(A=(10, 2), B=(10, 2)), **options)


def test_rows_of_one_patient_are_not_taken_for_independent() -> None:
    rows = table(A=(100, 20), B=(100, 20)).assign(patient_id=np.repeat(np.arange(100), 2))
    with pytest.raises(UsageError, match="patients have several"):
        audit_centers(Frame(rows, unit="level"), outcome="leak")
    widened = audit_centers(rows, outcome="leak", cluster="patient_id").table
    plain = audit_centers(rows.drop(columns="patient_id"), outcome="leak").table
    assert (widened["alarm_high"] > plain["alarm_high"]).all()


def test_the_input_is_unchanged_and_labels_do_not_matter() -> None:
    rows = table(A=(60, 12), B=(60, 20))
    before = rows.copy()
    found = audit_centers(rows, outcome="leak").tidy()
    pd.testing.assert_frame_equal(rows, before)
    shuffled = rows.sample(frac=1, random_state=1).set_axis([7] * len(rows))
    pd.testing.assert_frame_equal(audit_centers(shuffled, outcome="leak").tidy(), found, rtol=1e-9)
