"""Table 1, shares and rates: what is refused, what counts as missing, clusters."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from vpstats.errors import UsageError
from vpstats.frames import Frame
from vpstats.models.columns import read_column
from vpstats.models.descriptive import (
    describe,
    event_rates,
    incidence_rates,
    standardised_difference,
)
from vpstats.models.shares import clopper_pearson, wilson
from vpstats.results import GLOSSARY
from vpstats.schema import YES_NO

ROWS = pd.DataFrame(
    {
        "patient_id": ["p", "p", "q", "r", "r", "s"],
        "level_id": list("abcdef"),
        "age": [70.0, 70, 82, np.nan, 61, 55],
        "region": pd.Categorical(["T", "L", "T", None, "L", "T"], ["C", "T", "L"]),
        "smoker": pd.Categorical(["yes", "no", "unknown", "yes", None, "no"], list(YES_NO)),
        "leak": [1, 0, 1, 0, None, 0],
        "proc_date": pd.Timestamp("2024-05-01"),
        "arm": ["x", "x", "y", "y", "x", None],
        "days": [10, 20, 30, 40, 50, 60],
        "event": [1, 0, 2, 0, 1, 0],
    }
)


def value(result: Any, **where: str) -> float:
    rows = result.tidy()
    for name, wanted in where.items():
        rows = rows[rows[name] == wanted]
    (number,) = rows["value"]
    return float(number)


def test_missing_is_counted_and_in_no_denominator() -> None:
    table = describe(ROWS)
    assert value(table, variable="region", stat="n_missing") == 1
    assert value(table, variable="region", level="", stat="n") == 5
    assert value(table, variable="region", level="T", stat="percent") == 100 * 3 / 5
    assert "" not in set(table.tidy().query("stat == 'percent'")["level"])
    # "unknown" says why there is no answer
    assert value(table, variable="smoker", stat="n_missing") == 2
    assert value(table, variable="smoker", level="yes", stat="percent") == 50


def test_by_default_dates_and_identifiers_are_left_out() -> None:
    frame = Frame(ROWS.assign(site=1), unit="level", cluster="site")
    described = set(describe(frame, by="arm").tidy()["variable"])
    assert described == {"rows", "age", "region", "smoker", "leak", "days", "event"}


def test_rows_without_a_group_are_left_out_and_said() -> None:
    table = describe(ROWS, by="arm", variables=["age"])
    assert table.n == 5
    assert table.caveats[0].code == "dropped_rows"
    assert value(table, group="All", variable="rows") == 5
    assert value(table, group="x", variable="rows") == 3
    alone = describe(ROWS, by="arm", variables=["age"], overall=False)
    assert set(alone.tidy()["group"]) == {"x", "y", ""}


def test_numbers_of_two_values_are_categories_and_empty_columns_say_so() -> None:
    table = describe(ROWS.assign(nothing=np.nan), variables=["leak", "nothing"])
    assert value(table, variable="leak", level="1", stat="percent") == 40
    assert value(table, variable="nothing", stat="n") == 0
    assert np.isnan(value(table, variable="nothing", stat="mean"))


def test_what_cannot_be_described_is_refused() -> None:
    with pytest.raises(UsageError, match="no such column"):
        describe(ROWS, variables=["weight"])
    with pytest.raises(UsageError, match="no such column"):
        describe(ROWS, by="group")
    with pytest.raises(UsageError, match="which a model cannot use"):
        describe(ROWS, variables=["proc_date"])


def column(values: list[Any]) -> Any:
    return read_column(pd.Series(values, name="x"))


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ([1.0, 3.0], [5.0, 7.0], 4 / np.sqrt(2)),
        ([1.0, 1.0], [1.0, 1.0], 0.0),
        ([1.0, 1.0], [2.0, 2.0], np.nan),
        ([1.0], [2.0, 3.0], np.nan),
        ([np.nan, np.nan], [2.0, 3.0], np.nan),
    ],
)
def test_standardised_differences_of_numbers(
    first: list[float], second: list[float], expected: float
) -> None:
    found = standardised_difference(column(first), column(second))
    assert found == pytest.approx(expected, nan_ok=True)


def test_standardised_differences_of_categories() -> None:
    levels = pd.CategoricalDtype(["a", "b", "c"])
    parts = [
        read_column(pd.Series(list(words), dtype=levels, name="x"))
        for words in ("aab", "abb", "aaa", "bbb")
    ]
    first, second, only_a, only_b = parts
    expected = (1 / 3) / np.sqrt(2 / 9)  # the unused third level adds nothing
    assert standardised_difference(first, second) == pytest.approx(expected)
    assert np.isnan(standardised_difference(only_a, only_b))
    assert standardised_difference(only_a, only_a) == 0


def test_differences_among_three_groups_are_the_largest() -> None:
    rows = pd.DataFrame({"age": [1.0, 3, 5, 7, 9, 11], "arm": list("aabbcc")})
    table = describe(rows, by="arm")
    assert value(table, stat="smd") == pytest.approx(8 / np.sqrt(2))


def test_a_share_has_one_row_per_group() -> None:
    result = event_rates(ROWS, outcome="leak", by="arm", method="wilson")
    table = result.tidy().set_index("group")
    assert table.loc["x", ["n", "n_events", "n_missing"]].tolist() == [2, 1, 1]
    assert table.loc["y", "estimate"] == 0.5
    assert (table.loc["y", "conf_low"], table.loc["y", "conf_high"]) == wilson(1, 2, 0.95)
    assert (result.n, result.n_events) == (4, 2)
    assert {c.code for c in result.caveats} == {"dropped_rows"}
    assert set(result.tidy().columns) <= set(GLOSSARY)


def test_clusters_of_a_frame_widen_the_interval() -> None:
    rows = pd.DataFrame({"patient_id": np.repeat(range(40), 3), "leak": np.repeat([1, 0], 60)})
    frame = Frame(rows, unit="level", cluster="patient_id", outcome="leak")
    found = event_rates(frame, outcome="leak").tidy().iloc[0]
    naive = event_rates(rows, outcome="leak").tidy().iloc[0]
    assert found["design_effect"] == pytest.approx(3 * 40 / 39)
    assert found["conf_low"] < naive["conf_low"]
    assert found["method"] == "clopper-pearson, effective size"
    with pytest.raises(UsageError, match="cluster='patient_id'"):
        event_rates(Frame(rows, unit="level"), outcome="leak")


def test_without_events_each_cluster_counts_as_one_row() -> None:
    rows = pd.DataFrame({"patient": np.repeat(range(50), 4), "leak": 0, "days": 100})
    share = event_rates(rows, outcome="leak", cluster="patient").tidy().iloc[0]
    naive = clopper_pearson(0, 200, 0.95)[1]
    assert share["design_effect"] == 4
    assert naive < share["conf_high"] < 1.1 * clopper_pearson(0, 50, 0.95)[1]
    rate = incidence_rates(rows, duration="days", event="leak", cluster="patient").tidy().iloc[0]
    assert rate["conf_high"] == pytest.approx(-np.log(0.025) / 20_000 * 4 * 1.05, rel=0.05)


@pytest.mark.parametrize("cluster", [None, "patient"])
def test_a_wald_interval_does_not_exist_without_events(cluster: str | None) -> None:
    rows = pd.DataFrame({"patient": np.repeat(range(20), 2), "leak": 0, "some": [0, 1, 1, 0] * 10})
    none = event_rates(rows, outcome="leak", method="wald", cluster=cluster)
    assert none.tidy()[["conf_low", "conf_high"]].isna().all(axis=None)
    assert "no_events" in {c.code for c in none.caveats}
    found = event_rates(rows, outcome="some", method="wald", cluster=cluster).tidy().iloc[0]
    assert found["conf_low"] <= 0.5 <= found["conf_high"]


def test_one_cluster_says_nothing_of_the_variation() -> None:
    rows = pd.DataFrame({"patient": 1, "leak": [0, 1, 0, 1]})
    found = event_rates(rows, outcome="leak", cluster="patient").tidy().iloc[0]
    assert np.isnan(found["std_error"])
    assert (found["conf_low"], found["conf_high"]) == pytest.approx((0, 1), abs=0.01)


def test_clusters_that_agree_less_than_by_chance_do_not_narrow_the_interval() -> None:
    rows = pd.DataFrame({"patient": np.repeat(range(40), 2), "leak": [0, 1] * 40})
    found = event_rates(rows, outcome="leak", cluster="patient").tidy().iloc[0]
    assert found["design_effect"] == 1
    assert found["conf_low"] <= clopper_pearson(40, 80, 0.95)[0]


def test_all_rows_with_the_event() -> None:
    for limits in (clopper_pearson, wilson):
        low, high = limits(5, 5, 0.95)
        assert 0 < low < high == 1


def test_rates_count_one_cause_and_late_entry() -> None:
    rows = ROWS.assign(entry=[0, 10, 0, 0, 0, 0])
    result = incidence_rates(rows, duration="days", event="event", entry="entry", per=100)
    row = result.tidy().iloc[0]
    assert row["person_time"] == 200
    assert row["n_events"] == 2
    assert row["estimate"] == 1.0
    assert set(result.tidy().columns) <= set(GLOSSARY)
    grouped = incidence_rates(rows, duration="days", event="event", cause=2, by="arm")
    assert grouped.tidy().set_index("group")["n_events"].to_dict() == {"x": 0, "y": 1}
    assert grouped.title == "Incidence rate of cause 2"


def test_no_person_time_is_no_rate() -> None:
    rows = pd.DataFrame({"days": [0, 0], "event": [1, 0]})
    row = incidence_rates(rows, duration="days", event="event").tidy().iloc[0]
    assert np.isnan([row["estimate"], row["conf_low"], row["conf_high"]]).all()


def test_no_rows_are_no_share() -> None:
    row = event_rates(ROWS.assign(leak=np.nan), outcome="leak").tidy().iloc[0]
    assert row["n"] == 0
    assert np.isnan([row["estimate"], row["conf_low"], row["conf_high"]]).all()


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (
            lambda: event_rates(ROWS, outcome="leak", method="walt"),
            "expected one of 'clopper-pearson'",
        ),
        (lambda: event_rates(ROWS, outcome="days"), "two values"),
        (lambda: event_rates(ROWS, outcome="leaks"), "did you mean 'leak'"),
        (lambda: event_rates(ROWS, outcome="leak", level=1.5), "between 0 and 1"),
        (lambda: incidence_rates(ROWS, duration="days", event="event", per=0), "positive amount"),
    ],
)
def test_wrong_requests_are_refused(call: Any, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        call()
