"""The disclosure rules as examples: what is hidden, and each way back to it that must be closed.

Every test builds the few cells that a way back needs. `shown` maps each cell to its released
value, to the reason why it is hidden, or to "rounded" where it is given as a multiple of a base.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest

from vpstats.disclosure import Relation, Released, ReleasePolicy, release
from vpstats.ledger import Ledger, Note, cell

Row = dict[str, Any]
FIVE = ReleasePolicy(threshold=5)


def count(name: str, value: float, parent: str = "", **more: Any) -> Row:
    """A count named "analysis/group/variable/level/stat"."""
    analysis, group, variable, level, stat = name.split("/")
    fields = {"unit": "procedures", "kind": "count", **more}
    return cell(analysis, variable, stat, value, group=group, level=level, parent=parent, **fields)


def total(name: str, value: float, parent: str = "", **more: Any) -> Row:
    return count(name, value, parent, kind="total", **{"n": value, **more})


def estimate(name: str, value: float, parent: str = "", **more: Any) -> Row:
    return count(name, value, parent, kind="estimate", **{"unit": "", **more})


def released(
    rows: Iterable[Row], policy: ReleasePolicy = FIVE, notes: Iterable[Note] = (), **more: Any
) -> Released:
    return release(Ledger.from_rows(rows, notes), policy, **more)


def shown(rows: Iterable[Row], policy: ReleasePolicy = FIVE, **more: Any) -> dict[str, Any]:
    cells = released(rows, policy, **more).cells
    values = zip(cells["cell_id"], cells["value"], cells["suppressed"], strict=True)
    return {
        name: reason if np.isnan(value) or reason == "rounded" else value
        for name, value, reason in values
    }


def hidden(result: dict[str, Any]) -> set[str]:
    """Cells whose exact value is not told."""
    return {name for name, value in result.items() if isinstance(value, str)}


# ------------------------------------------------------------------------------ primary


@pytest.mark.parametrize(
    ("value", "zeros", "expected"),
    [
        (0, "show", 0.0),
        (0, "suppress", "primary"),
        (1, "show", "primary"),
        (4, "show", "primary"),
        (5, "show", 5.0),
    ],
)
def test_counts_below_the_threshold_are_hidden(value: int, zeros: Any, expected: Any) -> None:
    policy = ReleasePolicy(threshold=5, zeros=zeros)
    assert shown([count("a//x//n", value)], policy) == {"a//x//n": expected}


@pytest.mark.parametrize(
    ("events", "zeros", "expected"),
    [
        (100, "show", 100.0),
        (100, "suppress", "secondary"),
        (99, "show", "secondary"),
        (96, "show", "secondary"),
        (95, "show", 95.0),
    ],
)
def test_a_small_complement_is_a_small_count(events: int, zeros: Any, expected: Any) -> None:
    rows = [total("a//x//n", 100), count("a//x//n_events", events, "a//x//n")]
    result = shown(rows, ReleasePolicy(threshold=5, zeros=zeros))
    assert result["a//x//n_events"] == expected
    assert result["a//x//n"] == 100.0


def test_a_threshold_of_one_hides_nothing() -> None:
    rows = [total("a//x//n", 3), count("a//x//n_events", 1, "a//x//n")]
    assert hidden(shown(rows, ReleasePolicy(threshold=1))) == set()


def test_a_threshold_of_two_does_not_say_that_a_hidden_count_is_one() -> None:
    row = count("a//x//n", 1)
    policy = ReleasePolicy(threshold=2)
    assert released([row], policy).text("a//x//n") == "withheld"


# ------------------------------------------------------------------- derived estimates


def proportion(events: int, n: int, policy: ReleasePolicy = FIVE) -> dict[str, Any]:
    rows = [
        total("a//x//n", n),
        count("a//x//n_events", events, "a//x//n", n=n),
        estimate("a//x//percent", 100 * events / n, "a//x//n_events", n=n),
        estimate("a//x//conf_low", 1.0, "a//x//n_events", n=n),
        estimate("a//x//conf_high", 9.0, "a//x//n_events", n=n),
    ]
    return {name.split("/")[-1]: value for name, value in shown(rows, policy).items()}


def test_percentage_and_interval_go_with_a_small_count() -> None:
    # percent × n, and the inverse of a Wilson or exact interval, give the count back
    result = proportion(3, 200)
    assert result == {
        "n": 200.0,
        "n_events": "primary",
        "percent": "derived",
        "conf_low": "derived",
        "conf_high": "derived",
    }


def test_percentage_and_interval_of_a_small_complement_are_hidden() -> None:
    assert hidden(proportion(198, 200)) == {"n_events", "percent", "conf_low", "conf_high"}


def test_a_publishable_proportion_is_published() -> None:
    assert hidden(proportion(20, 200)) == set()


@pytest.mark.parametrize("stat", ["mean", "sd", "median", "q1", "q3"])
def test_summaries_of_fewer_rows_than_the_threshold_are_hidden(stat: str) -> None:
    rows = [total("t/All/age//n", 4), estimate(f"t/All/age//{stat}", 71, "t/All/age//n", n=4)]
    assert shown(rows)[f"t/All/age//{stat}"] == "derived"


@pytest.mark.parametrize("stat", ["min", "max", "range"])
def test_extremes_are_always_hidden(stat: str) -> None:
    rows = [total("t/All/age//n", 400), estimate(f"t/All/age//{stat}", 94, "t/All/age//n", n=400)]
    assert shown(rows)[f"t/All/age//{stat}"] == "derived"


def test_a_percentage_without_a_parent_is_read_as_a_count() -> None:
    # 99.5 % of 200 leaves one patient over
    rows = [total("q/C01/crp//n", 200), estimate("q/C01/crp//percent", 99.5, n=200)]
    assert shown(rows)["q/C01/crp//percent"] == "derived"
    rows = [total("q/C01/crp//n", 200), estimate("q/C01/crp//percent", 90.0, n=200)]
    assert hidden(shown(rows)) == set()


def fit(
    term: str, n_events: int, group: str = "adjusted", n: int = 500, **value: float
) -> list[Row]:
    parent = f"a/{group}/model//n_events"
    values = {"estimate": 1.5, "conf_low": 1.1, "conf_high": 2.0, "p_value": 0.01,
              "std_error": 0.15, **value}  # fmt: skip
    return [
        total(f"a/{group}/model//n", n),
        count(parent, n_events, f"a/{group}/model//n", n=n),
        *(estimate(f"a/{group}/{term}//{s}", v, parent, n=n) for s, v in values.items()),
    ]


def test_estimates_that_rest_on_few_events_are_hidden() -> None:
    assert {n.split("/")[-1] for n in hidden(shown(fit("age", 4)))} == {
        "n_events", "estimate", "conf_low", "conf_high", "p_value", "std_error"
    }  # fmt: skip
    assert hidden(shown(fit("age", 40))) == set()


def categories(events: dict[str, int], n: dict[str, int]) -> list[Row]:
    everybody, all_events = sum(n.values()), sum(events.values())
    rows = [total("a//leak//n", everybody)]
    rows.append(count("a//leak//n_events", all_events, "a//leak//n", n=everybody))
    for level in n:
        rows.append(total(f"a//region/{level}/n", n[level], "a//leak//n"))
        parent = f"a//region/{level}/n"
        rows.append(count(f"a//region/{level}/n_events", events[level], parent, n=n[level]))
    return rows


def test_a_coefficient_goes_with_the_counts_of_its_category_and_of_its_reference() -> None:
    # with known margins the odds ratio and its p-value are functions of the four counts
    counts = categories({"low": 3, "mid": 30, "high": 60}, {"low": 90, "mid": 200, "high": 210})
    terms = [*fit("region[T.low]", 93), *fit("region[T.high]", 93)[2:], *fit("age", 93)[2:]]
    result = shown([*counts, *terms])
    assert result["a//region/low/n_events"] == "primary"
    assert result["a/adjusted/region[T.low]//estimate"] == "derived"
    assert result["a/adjusted/region[T.low]//p_value"] == "derived"
    # one more count had to be hidden: the reference's, so no coefficient can be shown
    assert result["a//region/mid/n_events"] == "secondary"
    assert result["a/adjusted/region[T.high]//estimate"] == "derived"
    assert result["a/adjusted/age//estimate"] == 1.5


def test_a_crude_odds_ratio_with_known_margins_gives_no_small_cell_away() -> None:
    a, b, c, d = 3, 57, 140, 300
    ratio, error = a * d / (b * c), (1 / a + 1 / b + 1 / c + 1 / d) ** 0.5
    small = fit("steroid", a + b, "crude", a + b + c + d, estimate=ratio, std_error=error)
    assert "a/crude/steroid//estimate" in hidden(shown(small))
    a, b, c, d = 20, 40, 140, 300
    ratio, error = a * d / (b * c), (1 / a + 1 / b + 1 / c + 1 / d) ** 0.5
    large = fit("steroid", a + b, "crude", a + b + c + d, estimate=ratio, std_error=error)
    assert hidden(shown(large)) == set()


# ------------------------------------------------------------- secondary: ways back by sums


def test_a_category_is_not_total_less_its_siblings() -> None:
    rows = [total("t//n//n", 100)]
    rows += [count(f"t//sex/{k}/n", v, "t//n//n") for k, v in {"f": 60, "m": 37, "x": 3}.items()]
    result = shown(rows)
    assert hidden(result) == {"t//sex/x/n", "t//sex/m/n"}


def test_two_hidden_cells_that_their_sum_gives_away_are_joined_by_a_third() -> None:
    # 1 + 1 = 2: hiding both is not enough
    rows = [total("t//n//n", 100)]
    values = {"a": 1, "b": 1, "c": 40, "d": 58}
    rows += [count(f"t//v/{k}/n", v, "t//n//n") for k, v in values.items()]
    assert hidden(shown(rows)) == {"t//v/a/n", "t//v/b/n", "t//v/c/n"}


def test_missing_values_are_not_total_less_known() -> None:
    rows = [
        total("t/All/patients//n", 100),
        count("t/All/age//n", 97, "t/All/patients//n", n=100),
        count("t/All/age//n_missing", 3, "t/All/patients//n", n=100),
        estimate("t/All/age//mean", 70.123456, "t/All/age//n", n=97),
    ]
    cells = released(rows).cells.set_index("cell_id")
    assert cells["value"].isna().tolist() == [False, True, True, False]
    assert np.isnan(cells.loc["t/All/age//mean", "n"])  # the denominator says as much
    assert cells.loc["t/All/age//mean", "value"] == 70.12


@pytest.mark.parametrize("unit", ["", "patients", "procedures", "values"])
def test_missing_values_are_protected_whatever_their_units_are_called(unit: str) -> None:
    rows = [
        total("t/All/patients//n", 100, unit="patients"),
        count("t/All/age//n", 97, "t/All/patients//n", n=100, unit=unit),
        count("t/All/age//n_missing", 3, "t/All/patients//n", n=100, unit="patients"),
    ]
    result = hidden(shown(rows))
    assert {"t/All/age//n", "t/All/age//n_missing"} == result


def test_a_percentage_does_not_give_its_hidden_denominator_away() -> None:
    # 3 missing: with 500 / 997 = 50.15 % the denominator can be read off
    rows = [total("t/All/patients//n", 1000)]
    for level, n in {"a": 500, "b": 410, "c": 87}.items():
        name = f"t/All/v/{level}"
        rows.append(count(f"{name}/n", n, "t/All/patients//n", n=997))
        rows.append(estimate(f"{name}/percent", 100 * n / 997, f"{name}/n", n=997))
    rows.append(count("t/All/v//n_missing", 3, "t/All/patients//n", n=1000))
    result = shown(rows)
    assert result["t/All/v//n_missing"] == "primary"
    for level, n in {"a": 500, "b": 410, "c": 87}.items():
        value = result[f"t/All/v/{level}/percent"]
        if not isinstance(value, str):  # the same for every number of missing values from 1 to 4
            assert {round(100 * n / (1000 - k)) for k in (1, 2, 3, 4)} == {value}


def test_steps_of_a_flow_do_not_give_an_exclusion_away() -> None:
    kept, rows = [1000, 997, 900], []
    for i, n in enumerate(kept):
        parent = f"flow_a//step/{i - 1}/n_rows" if i else ""
        rows.append(total(f"flow_a//step/{i}/n_rows", n, parent))
        if i:
            excluded = count(f"flow_a//step/{i}/excluded_rows", kept[i - 1] - n, parent)
            rows.append(excluded)
    result = shown(rows)
    assert result["flow_a//step/1/excluded_rows"] == "primary"
    # 1000 − 997, and 900 + 97 − 1000: both ways need two numbers of which one is hidden
    assert {"flow_a//step/0/n_rows", "flow_a//step/1/n_rows"} & hidden(result)
    if "flow_a//step/1/n_rows" in hidden(result):
        assert {"flow_a//step/2/n_rows", "flow_a//step/2/excluded_rows"} & hidden(result)


def test_the_end_of_a_flow_and_what_was_analysed_do_not_differ_by_a_few() -> None:
    rows = [total("flow_a//step/0/n_rows", 500), total("a//leak//n", 498)]
    assert len(hidden(shown(rows))) == 1


def test_columns_of_a_table_do_not_give_a_small_column_away() -> None:
    rows = [total("t/All/patients//n", 100)]
    rows += [
        total(f"t/{g}/patients//n", n, "t/All/patients//n")
        for g, n in {"yes": 60, "no": 37, "not recorded": 3}.items()
    ]
    assert len(hidden(shown(rows)) - {"t/not recorded/patients//n"}) >= 1


def test_columns_that_leave_a_few_over_are_protected_like_a_column() -> None:
    rows = [total("t/All/patients//n", 100)]
    rows += [
        total(f"t/{g}/patients//n", n, "t/All/patients//n") for g, n in {"a": 60, "b": 37}.items()
    ]
    assert len(hidden(shown(rows))) == 1


def test_a_category_is_not_all_less_the_other_columns() -> None:
    rows = [total("t/All/patients//n", 300)]
    columns = {"All": (300, 103), "a": (200, 100), "b": (100, 3)}
    for group, (n, yes) in columns.items():
        parent = "" if group == "All" else "t/All/patients//n"
        if group != "All":
            rows.append(total(f"t/{group}/patients//n", n, parent))
        for level, k in {"yes": yes, "no": n - yes}.items():
            rows.append(count(f"t/{group}/ckd/{level}/n", k, f"t/{group}/patients//n"))
    result = hidden(shown(rows))
    assert "t/b/ckd/yes/n" in result
    assert {"t/b/ckd/no/n", "t/b/patients//n"} & result  # within its column
    assert {"t/a/ckd/yes/n", "t/All/ckd/yes/n"} & result  # across columns


def test_centers_do_not_give_a_small_center_away() -> None:
    rows = [total("quality/network/procedures//n", 500)]
    rows += [
        count(f"quality/{c}/procedures//n", n, "quality/network/procedures//n")
        for c, n in {"C01": 300, "C02": 197, "C03": 3}.items()
    ]
    found = shown(rows)
    # the largest center is rounded, which costs least: 3 stands in 293 to 303 as 1 to 4 do
    assert hidden(found) == {"quality/C01/procedures//n", "quality/C03/procedures//n"}
    assert released(rows).text("quality/C01/procedures//n") == "about 300"


def test_a_median_of_centers_does_not_show_the_hidden_middle_one() -> None:
    rows = []
    for center, share in {"C01": 50, "C02": 99, "C03": 100}.items():
        rows.append(total(f"quality/{center}/crp//n", 200))
        rows.append(count(f"quality/{center}/crp//n_events", 2 * share, f"quality/{center}/crp//n"))
        events = f"quality/{center}/crp//n_events"
        rows.append(estimate(f"quality/{center}/crp//percent", share, events, n=200))
    rows.append(estimate("quality/network/crp//percent", 99.0, unit="%"))
    result = shown(rows)
    assert result["quality/C02/crp//percent"] == "derived"  # two procedures lack it
    assert result["quality/network/crp//percent"] == "derived"


def test_what_two_analyses_show_is_hidden_in_both() -> None:
    def table(analysis: str, other: int) -> list[Row]:
        rows = [total(f"{analysis}//all//n", 100)]
        parts = {"f": 60, "m": 40 - other, "x": other}
        parent = f"{analysis}//all//n"
        return rows + [
            count(f"{analysis}//sex/{k}/n", v, parent, n=100) for k, v in parts.items() if v
        ]

    result = hidden(shown([*table("one", 3), *table("two", 3)]))
    assert result == {f"{a}//sex/{k}/n" for a in ("one", "two") for k in ("m", "x")}


def test_a_total_repeated_elsewhere_is_hidden_there_too() -> None:
    rows = [total("a//out//n", 30, unit="levels"), total("b//n//n", 30, unit="levels")]
    rows += [total("c//all//n", 33, unit="levels")]
    known = [Relation("c//all//n", ("b//n//n",))]  # leaves three over
    result = hidden(shown(rows, relations=known))
    assert "c//all//n" in result or {"a//out//n", "b//n//n"} <= result


def test_patients_never_exceed_rows() -> None:
    # two rows are hidden as few; that they come from two patients would say it
    rows = [
        total("flow_a//step/0/n_rows", 50), total("flow_a//step/0/n_patients", 30, unit="patients"),
        total("flow_a//step/1/n_rows", 48, "flow_a//step/0/n_rows"),
        total("flow_a//step/1/n_patients", 28, "flow_a//step/0/n_patients", unit="patients"),
        count("flow_a//step/1/excluded_rows", 2, "flow_a//step/0/n_rows"),
        count("flow_a//step/1/excluded_patients", 2, "flow_a//step/0/n_patients", unit="patients"),
    ]  # fmt: skip
    result = hidden(shown(rows))
    assert {"flow_a//step/1/excluded_rows", "flow_a//step/1/excluded_patients"} <= result
    assert {"flow_a//step/0/n_rows", "flow_a//step/1/n_rows"} & result
    assert {"flow_a//step/0/n_patients", "flow_a//step/1/n_patients"} & result


def test_more_rows_than_patients_are_no_small_complement() -> None:
    rows = [total("a//out//n", 52), total("a//out//n_patients", 50, unit="patients", n=52)]
    assert hidden(shown(rows)) == set()


def test_estimates_of_few_patients_are_hidden_however_many_rows_there_are() -> None:
    rows = [total("a//out//n", 52), total("a//out//n_patients", 3, unit="patients", n=52),
            count("a//out//n_events", 20, "a//out//n", n=52),
            estimate("a//out//percent", 38.5, "a//out//n_events", n=52)]  # fmt: skip
    assert shown(rows)["a//out//percent"] == "derived"


def test_events_of_all_severities_do_not_give_one_away() -> None:
    rows = [total("c//procedures//n", 400)]
    rows.append(count("c//bleeding//n_events", 43, "c//procedures//n"))
    for severity, k in {"mild": 30, "moderate": 10, "severe": 3}.items():
        rows.append(count(f"c/{severity}/bleeding//n_events", k, "c//procedures//n"))
    result = hidden(shown(rows))
    assert "c/severe/bleeding//n_events" in result
    assert len(result) == 2


def test_the_worst_severity_does_not_bound_a_complication() -> None:
    # 12 procedures had something severe and 9 of them died: at least 3 had the other complication
    rows = [total("c//procedures//n", 400)]
    rows += [total("c//worst_severity//n", 400)]
    for severity, k in {"none": 368, "mild": 20, "severe": 12}.items():
        rows.append(count(f"c//worst_severity/{severity}/n_events", k, "c//worst_severity//n"))
    for name, k in {"death": 9, "arrest": 3}.items():
        rows.append(total(f"c/severe/{name}//n", 400))
        rows.append(count(f"c/severe/{name}//n_events", k, f"c/severe/{name}//n"))
    result = hidden(shown(rows))
    assert "c/severe/arrest//n_events" in result
    assert result & {"c/severe/death//n_events", "c//worst_severity/severe/n_events"}


def test_clusters_are_persons_of_the_rows_of_a_model() -> None:
    rows = [total("a//leak//n", 500, unit="levels"), total("a/crude/model//n", 500, unit="levels"),
            total("a//leak//n_patients", 300, unit="patients", n=500),
            count("a/crude/model//n_clusters", 298, unit="levels", n=500)]  # fmt: skip
    result = hidden(shown(rows))  # two patients left the model
    assert len(result & {"a//leak//n_patients", "a/crude/model//n_clusters"}) == 1


def test_categories_of_an_exposure_do_not_give_events_away() -> None:
    # the events of the categories have their own totals, and add up to those of the outcome
    counts = categories({"low": 3, "mid": 30, "high": 60}, {"low": 90, "mid": 200, "high": 210})
    assert hidden(shown(counts)) == {"a//region/low/n_events", "a//region/mid/n_events"}


def test_models_of_one_question_do_not_differ_by_a_few_rows() -> None:
    rows = [total("a//leak//n", 500, unit="levels")]
    rows += [
        total(f"a/{g}/model//n", n, unit="levels")
        for g, n in {"crude": 500, "adjusted": 497}.items()
    ]
    rows.append(count("a/adjusted/model//n_missing", 3, unit="levels"))
    assert hidden(shown(rows)) == {"a/adjusted/model//n", "a/adjusted/model//n_missing"}


def test_relations_given_by_the_caller_are_protected() -> None:
    rows = [count("a//x//n", 50), count("b//y//n", 30), count("c//z//n", 17)]
    assert hidden(shown(rows)) == set()
    known = [Relation("a//x//n", ("b//y//n", "c//z//n"))]  # leaves three over
    assert len(hidden(shown(rows, relations=known))) == 1


def test_a_mean_is_not_everybody_less_the_other_groups() -> None:
    rows = []
    for group, n, mean in (("All", 103, 70.0), ("a", 60, 71.0), ("b", 40, 68.0), ("c", 3, 76.7)):
        rows.append(total(f"t/{group}/age//n", n))
        rows.append(estimate(f"t/{group}/age//mean", mean, f"t/{group}/age//n", n=n))
        rows.append(estimate(f"t/{group}/age//median", mean, f"t/{group}/age//n", n=n))
    result = shown(rows)
    assert result["t/c/age//mean"] == "derived"
    assert result["t/b/age//mean"] == "derived"  # the smallest of the others
    assert result["t/b/age//median"] == 68.0  # medians do not add up
    assert result["t/All/age//mean"] == 70.0


# ------------------------------------------------------------------------------ rounding


def test_rounded_counts_stay_visible_and_totals_are_rounded_on_their_own() -> None:
    policy = ReleasePolicy(threshold=5, rounding=5)
    rows = [total("t//n//n", 97)]
    for level, n in {"f": 62, "m": 35}.items():
        rows.append(count(f"t//sex/{level}/n", n, "t//n//n", n=97))
        rows.append(estimate(f"t//sex/{level}/percent", 100 * n / 97, f"t//sex/{level}/n", n=97))
        rows.append(estimate(f"t//sex/{level}/conf_low", 30.0, f"t//sex/{level}/n", n=97))
    result = released(rows, policy)
    cells = result.cells.set_index("cell_id")
    assert cells.loc["t//n//n", "value"] == 95
    assert cells.loc["t//sex/f/n", "value"] == 60
    assert cells.loc["t//sex/m/n", "value"] == 35
    assert cells.loc["t//sex/f/percent", "value"] == float(f"{100 * 60 / 95:.4g}")
    assert cells.loc["t//sex/f/conf_low", "suppressed"] == "derived"
    assert set(cells["n"]) == {95.0}
    assert set(cells["suppressed"]) == {"rounded", "derived"}


def test_rounding_does_not_open_a_hidden_cell() -> None:
    # 3 + 12 = 15 although 12 is shown as 10: the exact count could be known from elsewhere
    rows = [total("t//n//n", 15)]
    rows += [count(f"t//v/{k}/n", v, "t//n//n") for k, v in {"a": 3, "b": 12}.items()]
    result = shown(rows, ReleasePolicy(threshold=5, rounding=5))
    assert result["t//v/a/n"] == "primary"
    assert result["t//v/b/n"] == "secondary" or result["t//n//n"] == "secondary"


# ------------------------------------------------------------------------------ sentences


def test_sentences_are_written_from_released_cells() -> None:
    rows = [total("a//x//n", 1200), count("a//x//n_events", 3, "a//x//n", n=1200),
            estimate("a//x//percent", 0.25, "a//x//n_events", n=1200),
            estimate("a//x//mean", np.nan, n=1200)]  # fmt: skip
    text = (
        "{{{a//x//n_events:.0f}}} of {a//x//n:,.0f} levels ({a//x//percent:.1f} %), "
        "mean {a//x//mean:.2f}."
    )
    (note,) = released(rows, notes=[Note("a", "finding", text)]).notes
    assert note.text == "{fewer than 5} of 1,200 levels (withheld %), mean not estimable."


def test_a_complement_is_not_called_small() -> None:
    rows = [total("a//x//n", 100), count("a//x//n_events", 98, "a//x//n")]
    result = released(rows, notes=[Note("a", "finding", "{a//x//n_events:.0f} had it.")])
    assert result.notes[0].text == "withheld had it."


def test_a_finding_that_spells_out_a_hidden_count_is_withheld() -> None:
    rows = [total("a//x//n", 100), count("a//x//n_events", 3, "a//x//n")]
    notes = [Note("a", "finding", "There were 3 events."), Note("a", "finding", "By day 365.")]
    texts = [n.text for n in released(rows, notes=notes).notes]
    assert "3" not in texts[0]
    assert texts[1] == "By day 365."


# ------------------------------------------------------------------------------ releases


def test_a_count_that_grew_by_a_few_since_the_last_release_is_hidden() -> None:
    before = released([total("a//x//n", 100), count("a//x//n_events", 40, "a//x//n")])
    rows = [total("a//x//n", 150), count("a//x//n_events", 43, "a//x//n")]
    assert shown(rows, previous=before)["a//x//n_events"] == "secondary"
    assert hidden(shown(rows)) == set()


def test_a_remainder_that_grew_by_a_few_is_protected_too() -> None:
    # events grew by 50, all by 53: three more patients without the event
    before = released([total("a//x//n", 100), count("a//x//n_events", 40, "a//x//n")])
    rows = [total("a//x//n", 153), count("a//x//n_events", 90, "a//x//n")]
    assert len(hidden(shown(rows, previous=before))) == 1


def test_a_count_that_did_not_change_is_shown_again() -> None:
    rows = [total("a//x//n", 100), count("a//x//n_events", 40, "a//x//n")]
    assert hidden(shown(rows, previous=released(rows))) == set()


def test_an_internal_edition_hides_nothing_and_says_so() -> None:
    rows = [total("a//x//n", 100), count("a//x//n_events", 3, "a//x//n")]
    result = released(
        rows, ReleasePolicy(audience="internal"), [Note("a", "finding", "{a//x//n_events:.0f}")]
    )
    assert result.cells["value"].tolist() == [100.0, 3.0]
    assert result.notes[0].text == "3"
    assert result.label == "internal: not released"
    assert "not released" in result.risks[0]
