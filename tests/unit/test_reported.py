"""Checks of published figures: how they are read, what is found, what is refused."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from vpstats.errors import DataError, UsageError
from vpstats.models.reported import check_reported, check_reported_table
from vpstats.models.reported.printed import (
    read_interval,
    read_p_value,
    read_printed,
    read_statement,
)
from vpstats.results import GLOSSARY

ROOT = Path(__file__).parents[2]
PUBLISHED = ROOT / "data" / "published"


def verdicts(**figures: Any) -> dict[str, str]:
    table = check_reported(**figures).tidy()
    return dict(zip(table["check"], table["verdict"], strict=True))


def sentence(check: str, **figures: Any) -> str:
    table = check_reported(**figures).tidy().set_index("check")
    return str(table.loc[check, "sentence"])


# --- reading


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("0.50", 0.495, 0.505),
        ("0.5", 0.45, 0.55),
        (".44", 0.435, 0.445),
        ("0,50", 0.495, 0.505),
        ("−1.2", -1.25, -1.15),
        ("34%", 33.5, 34.5),
        (43, 42.5, 43.5),
        ("1e-4", 0.5e-4, 1.5e-4),
    ],
)
def test_a_number_stands_for_what_rounds_to_it(text: Any, low: float, high: float) -> None:
    found = read_printed(text)
    assert (found.low, found.high) == pytest.approx((low, high))


@pytest.mark.parametrize("text", ["", "n/a", "0.5.1", "inf", "nan", 0.5, True])
def test_what_is_no_printed_number_is_refused(text: Any) -> None:
    with pytest.raises(UsageError, match=r"expected a number|as text"):
        read_printed(text)


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("<0.001", 0, 0.001),
        ("P<.001", 0, 0.001),
        ("p ≤ 0.05", 0, 0.05),
        (">0.05", 0.05, 1),
        ("0.000", 0, 0.0005),
        ("P=.44", 0.435, 0.445),
        ("p-value = 0.03", 0.025, 0.035),
        ("ns", 0.05, 1),
        ("n.s.", 0.05, 1),
        ("1.00", 0.995, 1.005),
    ],
)
def test_p_values_as_they_are_printed(text: str, low: float, high: float) -> None:
    found = read_p_value(text)
    assert (found.low, found.high) == pytest.approx((low, high))


@pytest.mark.parametrize(
    "text", ["1.05-1.95", "1.05–1.95", "(1.05 to 1.95)", "[1.05; 1.95]", ("1.05", "1.95")]
)
def test_intervals_as_they_are_printed(text: Any) -> None:
    assert [limit.text for limit in read_interval(text)] == ["1.05", "1.95"]


def test_intervals_with_minus_signs_and_per_cent() -> None:
    assert [limit.text for limit in read_interval("-0.38 to -0.04")] == ["-0.38", "-0.04"]
    assert [limit.text for limit in read_interval("70-87%")] == ["70", "87"]
    with pytest.raises(UsageError, match="two limits"):
        read_interval("1.05")
    with pytest.raises(UsageError, match="two limits"):
        read_interval(("1", "2", "3"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("26% CI 16-39%", {"interval": ("16", "39"), "percent": "26"}),
        ("27.7% vs 21.05%", {"percent": "27.7", "percent_2": "21.05"}),
        ("chi2 4.177 p=.041", {"statistic": "4.177", "p_value": "p=.041"}),
        ("20.9% vs 31.7% P=.041", {"p_value": "P=.041", "percent": "20.9", "percent_2": "31.7"}),
        ("0.047", {"p_value": "0.047"}),
        ("p<0.01", {"p_value": "p<0.01"}),
        ("not stated", {}),
    ],
)
def test_statements_as_they_are_printed(text: str, expected: dict[str, object]) -> None:
    assert read_statement(text) == expected


# --- checks of an effect


def test_a_sound_odds_ratio() -> None:
    found = verdicts(measure="OR", estimate="1.43", interval="1.05-1.95", p_value="0.02")
    assert found == dict.fromkeys(
        ("estimate_in_interval", "symmetry", "p_from_interval", "p_and_interval"), "consistent"
    )


def test_differences_are_symmetric_as_they_are() -> None:
    found = verdicts(measure="MD", estimate="0.59", interval="0.02-1.17", p_value="0.04")
    assert set(found.values()) == {"consistent"}
    skew = verdicts(measure="RD", estimate="0.02", interval="0.01-0.09")
    assert skew["symmetry"] == "inconsistent"
    assert "mean of the limits is 0.045 to 0.055" in sentence(
        "symmetry", measure="RD", estimate="0.02", interval="0.01-0.09"
    )


def test_an_estimate_outside_its_interval_and_limits_that_cross() -> None:
    assert verdicts(estimate="0.094", interval="0.114-0.779") == {
        "estimate_in_interval": "inconsistent"
    }
    crossed = verdicts(measure="HR", estimate="1.5", interval="2.0-1.1")
    assert crossed["limits_in_order"] == "inconsistent"
    # the printed 0.45 may be 0.4549, and the printed limit 0.4451
    assert verdicts(estimate="0.45", interval="0.45-0.80")["estimate_in_interval"] == "consistent"


def test_what_cannot_be_a_ratio_a_p_value_or_a_per_cent() -> None:
    assert verdicts(measure="OR", estimate="-0.5")["possible_values"] == "inconsistent"
    assert verdicts(p_value="1.3", measure="OR")["possible_values"] == "inconsistent"
    assert verdicts(percent="104%", n=50)["possible_values"] == "inconsistent"


def test_interval_and_p_value_must_agree_on_significance() -> None:
    apart = {"measure": "OR", "estimate": "1.2", "interval": "0.1-10.3", "p_value": "0.000"}
    assert verdicts(**apart)["p_and_interval"] == "inconsistent"
    assert "includes 1, and p = 0.000 says not" in sentence("p_and_interval", **apart)
    # a limit printed as 1.0, or a p-value as 0.05, may lie on either side
    for interval, p_value in (("1.0-3.2", "0.04"), ("1.1-3.2", "0.05")):
        found = verdicts(measure="OR", estimate="1.8", interval=interval, p_value=p_value)
        assert found["p_and_interval"] == "cannot be checked"
    wide = {"measure": "OR", "estimate": "1.8", "interval": "0.98-3.31", "p_value": "<0.1"}
    assert verdicts(**wide)["p_and_interval"] == "cannot be checked"
    ninety = verdicts(measure="OR", estimate="1.8", interval="1.08-3.0", p_value="0.06", level=0.9)
    assert ninety["p_and_interval"] == ninety["p_from_interval"] == "consistent"


def test_limits_that_are_rounded_to_nothing_leave_all_open() -> None:
    found = verdicts(measure="OR", estimate="0.02", interval="0.0-0.5", p_value="0.01")
    assert set(found.values()) == {"consistent"}
    same = verdicts(measure="OR", estimate="1.0", interval="1.0-1.0", p_value="0.7")
    assert same["p_from_interval"] == "consistent"
    crossed = verdicts(measure="OR", estimate="1.5", interval="2.0-1.1", p_value="0.7")
    assert "p_from_interval" not in crossed


# --- checks of counts


def test_which_interval_of_a_proportion_was_printed() -> None:
    table = check_reported(events=64, n=80, percent="80%", interval="70-87%").tidy()
    row = table.set_index("check").loc["interval_from_counts"]
    assert row["method"] == "wilson, agresti-coull"
    wrong = verdicts(events=77, n=149, percent="50%", interval="43-57%")
    assert wrong == {"percent_from_counts": "inconsistent", "interval_from_counts": "inconsistent"}


def test_which_test_was_printed() -> None:
    counts = {"events": 12, "n": 126, "events_2": 0, "n_2": 55}
    table = check_reported(p_value=".041", statistic="4.177", **counts).tidy().set_index("check")
    assert table.loc["p_from_counts", "method"] == "Yates"
    assert table.loc["statistic_from_counts", "method"] == "Yates"
    assert table.loc["zero_cell", "verdict"] == "cannot be checked"
    none = check_reported(p_value="<0.01", events=3, n=9, events_2=1, n_2=17).tidy()
    assert none["verdict"][0] == "inconsistent"
    assert "Fisher 0.1039" in none["recomputed"][0]
    assert "McNemar" in sentence("p_from_counts", p_value=".004", paired=True, events=36, n=139,
                                 events_2=17, n_2=139)  # fmt: skip


def test_nobody_with_the_event_is_no_table() -> None:
    found = verdicts(events=0, n=10, events_2=0, n_2=12, p_value="0.5", statistic="1.1")
    assert found["p_from_counts"] == found["statistic_from_counts"] == "cannot be checked"


def test_a_crude_ratio_from_its_counts() -> None:
    counts = {"events": 14, "n": 47, "events_2": 12, "n_2": 85}
    right = verdicts(measure="OR", estimate="2.58", interval="1.08-6.18", **counts)
    assert right["estimate_from_counts"] == "consistent"
    risk = verdicts(measure="RR", estimate="2.11", interval="1.06-4.18", **counts)
    assert risk["estimate_from_counts"] == "consistent"
    adjusted = {"measure": "OR", "estimate": "3.4", "interval": "1.3-8.9", **counts}
    assert verdicts(**adjusted)["estimate_from_counts"] == "inconsistent"
    assert "adjusted estimate may differ" in sentence("estimate_from_counts", **adjusted)
    empty = verdicts(measure="OR", estimate="9.9", events=5, n=9, events_2=0, n_2=9)
    assert empty["estimate_from_counts"] == "inconsistent"
    assert "estimate_from_counts" not in verdicts(measure="HR", estimate="2.6", **counts)


def test_percents_of_counts_and_of_whole_numbers() -> None:
    assert verdicts(events=22, n=64, percent="34%") == {"percent_from_counts": "consistent"}
    cut = {"events": 5, "n": 18, "percent": "27.7%"}
    assert "cut off, not rounded" in sentence("percent_from_counts", **cut)
    assert verdicts(percent="37%", n=19) == {"percent_possible": "consistent"}
    impossible = {"percent": "40.0%", "n": 19}
    assert verdicts(**impossible) == {"percent_possible": "inconsistent"}
    assert "8/19 is 42.11 %" in sentence("percent_possible", **impossible)


def test_rows_that_do_not_add_up() -> None:
    few = {"parts": [218, 147], "total": 374}
    assert sentence("adds_up", **few) == "218 + 147 is 365, not 374: 9 too few."
    assert verdicts(events=92, n=218, events_2=58, n_2=156, total=374) == {"adds_up": "consistent"}
    many = verdicts(events=9, n=8)
    assert many == {"events_within_n": "inconsistent"}
    both = sentence("events_within_n", events=2, n=8, events_2=1, n_2=0)
    assert both.startswith("2/8 and 1/0")


def test_figures_that_allow_no_check_say_so() -> None:
    result = check_reported(measure="OR", estimate="2.0")
    assert result.status == "nothing to check"
    assert result.reason.endswith(".")
    assert result.tidy().empty


@pytest.mark.parametrize(
    ("figures", "words"),
    [
        ({"measure": "beta", "estimate": "1"}, "expected one of OR, RR"),
        ({"estimate": 0.5, "interval": "0-1"}, "as text, as printed"),
        ({"events": 3.5, "n": 9}, "whole number"),
        ({"events": "three", "n": 9}, "whole number"),
        ({"interval": "0.1"}, "two limits"),
        ({"p_value": 0.04}, "as text"),
        ({"estimate": "1", "level": 95}, "between 0 and 1"),
    ],
)
def test_wrong_figures_are_refused(figures: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        check_reported(**figures)


# --- whole tables


def test_a_table_is_checked_row_by_row(tmp_path: Path) -> None:
    path = tmp_path / "effects.csv"
    path.write_text("id,measure,est,lo,hi,p_reported,paired\na,OR,2.0,1.0,4.0,,\nb,OR,2.0,,,,yes\n")
    result = check_reported_table(path)
    table = result.tidy()
    assert table[["item", "check"]].values.tolist() == [
        ["a", "estimate_in_interval"],
        ["a", "symmetry"],
        ["b", "none"],
    ]
    assert (result.n, result.n_events) == (2, 0)
    assert set(table.columns) <= set(GLOSSARY)
    frame = pd.read_csv(path, dtype=str)
    pd.testing.assert_frame_equal(check_reported_table(frame).tidy(), table)
    parts = pd.DataFrame({"parts": ["3+4"], "total": ["8"]})
    assert check_reported_table(parts).tidy()["verdict"].tolist() == ["inconsistent"]


def test_tables_that_cannot_be_read_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        check_reported_table(tmp_path / "none.csv")
    (tmp_path / "empty.csv").write_text("")
    with pytest.raises(DataError, match="is empty"):
        check_reported_table(tmp_path / "empty.csv")
    with pytest.raises(DataError, match="no column of figures"):
        check_reported_table(pd.DataFrame({"a": ["1"]}))
    with pytest.raises(UsageError, match="dtype=str"):
        check_reported_table(pd.DataFrame({"est": [0.5]}))
    bad = pd.DataFrame({"id": ["x"], "est": ["about 2"]})
    with pytest.raises(UsageError, match="row 2: 'x': estimate is 'about 2'"):
        check_reported_table(bad)


# --- the published figures


@pytest.mark.parametrize("name", ["counts", "effects"])
def test_published_rows_have_a_source_and_an_own_name(name: str) -> None:
    rows = pd.read_csv(PUBLISHED / f"{name}.csv", dtype=str, keep_default_na=False)
    assert rows["id"].is_unique
    assert rows[["study", "reference"]].ne("").all(axis=None)
    assert rows["doi"].str.fullmatch(r"(10\.\d{4,}/\S+)?").all()
    assert rows["pmcid"].str.fullmatch(r"(PMC\d+)?").all()


def test_the_page_of_published_figures_is_current() -> None:
    path = ROOT / "docs" / "methods" / "published_figures.py"
    spec = importlib.util.spec_from_file_location("published_figures", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.page() == module.PAGE.read_text("utf-8"), "run `make docs`"
    assert set(module.NOTES) <= set(re.findall(r"- \*\*(\w+)\*\*", module.page()))


def test_the_readme_of_published_figures_says_what_is_found() -> None:
    effects = check_reported_table(PUBLISHED / "effects.csv")
    counts = check_reported_table(PUBLISHED / "counts.csv").tidy()
    wrong = effects.tidy().query("verdict == 'inconsistent'")["item"].nunique()
    tested = counts[counts["check"] == "p_from_counts"]
    lost = int((tested["verdict"] == "inconsistent").sum())
    text = " ".join((PUBLISHED / "README.md").read_text("utf-8").split())
    assert f"in {wrong} of {effects.n} effects" in text
    assert f"{lost} of {len(tested)} p-values" in text


@pytest.mark.parametrize(
    ("item", "low"), [("E102", "0.0114"), ("E108", "0.25")], ids=["E102", "E108"]
)
def test_a_limit_that_would_agree(item: str, low: str) -> None:
    rows = pd.read_csv(PUBLISHED / "effects.csv", dtype=str, keep_default_na=False).set_index("id")
    row = rows.loc[item]
    printed = {"measure": row["measure"], "estimate": row["est"], "p_value": row["p_reported"]}
    assert "inconsistent" in verdicts(interval=(row["lo"], row["hi"]), **printed).values()
    assert set(verdicts(interval=(low, row["hi"]), **printed).values()) == {"consistent"}


@pytest.mark.parametrize("page", ["descriptive.md"])
def test_the_examples_of_the_page_run(page: str) -> None:
    text = (ROOT / "docs" / "methods" / page).read_text("utf-8")
    names: dict[str, Any] = {}
    for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL):
        exec(block, names)  # the page is ours
    assert "seen" in names
