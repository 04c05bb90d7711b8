"""Named tests: what they refuse, what they say of data that allow no test, options."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from vpstats.errors import UsageError
from vpstats.frames import Frame, Imputations
from vpstats.models.descriptive import describe
from vpstats.models.named_tests import GROUP_TESTS, PAIR_TESTS, compare_groups, compare_pairs
from vpstats.models.named_tests import fisher as fisher_room
from vpstats.models.named_tests.fisher import exact_p_value
from vpstats.models.rate_ratios import compare_rates
from vpstats.results import GLOSSARY
from vpstats.schema import YES_NO


def rows(n: int = 40, seed: int = 3) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "patient_id": [f"p{k}" for k in rng.integers(0, 15, n)],
            "age": rng.normal(75, 8, n).round(),
            "leak": rng.integers(0, 2, n),
            "region": rng.choice(["lumbar", "thoracic"], n),
            "arm": rng.choice(["a", "b", "c"], n),
            "days": rng.integers(1, 500, n),
        }
    )


def frame(**fields: Any) -> Frame:
    return Frame(rows(), unit="level", cluster="patient_id", **fields)


INDEPENDENT = [name for name, test in GROUP_TESTS.items() if not test.clustered]


@pytest.mark.parametrize("test", INDEPENDENT)
def test_clustered_rows_are_refused_by_tests_of_independent_ones(test: str) -> None:
    variable = "leak" if GROUP_TESTS[test].kind == "category" else "age"
    with pytest.raises(UsageError, match="clustered in 'patient_id': use '"):
        compare_groups(frame(), variable=variable, by="region", test=test)
    with pytest.raises(UsageError, match="one row per patient_id"):
        compare_groups(rows(), variable=variable, by="region", test=test, cluster="patient_id")


@pytest.mark.parametrize("test", PAIR_TESTS)
def test_pairs_of_clustered_rows_are_refused(test: str) -> None:
    with pytest.raises(UsageError, match="one row per patient_id"):
        compare_pairs(frame(), first="age", second="days", test=test)


def test_a_reason_allows_it_and_is_printed() -> None:
    result = compare_groups(
        frame(), variable="age", by="region", test="welch", independent="a worked example."
    )
    assert result.ok
    assert {c.code for c in result.caveats} == {"independent"}


def test_one_row_per_cluster_is_independent() -> None:
    single = rows().drop_duplicates("patient_id")
    alone = Frame(single, unit="patient", cluster="patient_id")
    result = compare_groups(alone, variable="age", by="region", test="welch")
    assert result.tidy()["n"].iloc[0] == len(single)


@pytest.mark.parametrize("test", ["rao-scott", "mean-clustered", "rank-clustered"])
def test_clustered_tests_need_clusters(test: str) -> None:
    variable = "leak" if test == "rao-scott" else "age"
    with pytest.raises(UsageError, match="give cluster="):
        compare_groups(rows(), variable=variable, by="region", test=test)
    result = compare_groups(frame(), variable=variable, by="arm", test=test)
    assert result.ok
    assert set(result.tidy().columns) <= set(GLOSSARY)
    assert "few_clusters" in {c.code for c in result.caveats}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"variable": "age", "by": "arm", "test": "welch"}, "use 'welch-anova'"),
        ({"variable": "leak", "by": "arm", "test": "yates"}, "use 'pearson'"),
        ({"variable": "arm", "by": "region", "test": "yates"}, "two categories"),
        ({"variable": "age", "by": "region", "test": "t"}, "expected one of 'pearson'"),
        ({"variable": "arm", "by": "region", "test": "welch"}, "expected numbers"),
        ({"variable": "weight", "by": "region", "test": "welch"}, "no such column"),
        ({"variable": "age", "by": "group", "test": "welch"}, "no such column"),
        ({"variable": "age", "by": "region", "test": "welch", "level": 2}, "between 0 and 1"),
        ({"variable": "leak", "by": "arm", "test": "cochran-armitage", "scores": [1, 2]},
         "2 numbers and 'arm' has 3"),
        ({"variable": "leak", "by": "arm", "test": "fisher", "simulate": -1}, "number of tables"),
    ],
)  # fmt: skip
def test_wrong_requests_are_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        compare_groups(rows(), **options)


def test_an_exact_test_of_large_groups_is_refused() -> None:
    with pytest.raises(UsageError, match="up to 200 rows"):
        compare_groups(rows(900), variable="age", by="region", test="mann-whitney", exact=True)


def test_imputed_copies_are_refused() -> None:
    with pytest.raises(UsageError, match="before imputation"):
        compare_groups(Imputations((frame(), frame())), variable="age", by="arm", test="anova")


@pytest.mark.parametrize("test", [*INDEPENDENT, "rao-scott", "mean-clustered", "rank-clustered"])
def test_one_group_or_one_value_is_no_test(test: str) -> None:
    category = GROUP_TESTS[test].kind == "category"
    cluster = "patient_id" if GROUP_TESTS[test].clustered else None
    data = rows().assign(region="lumbar", never=0)
    one = compare_groups(data, variable="leak", by="region", test=test, cluster=cluster)
    assert (one.status, one.reason[-1]) == ("one group", ".")
    same = compare_groups(
        data.assign(region=rows()["region"]), variable="never", by="region", test=test,
        cluster=cluster,
    )  # fmt: skip
    assert same.status == "one value"
    assert same.tidy()[["p_value", "estimate"]].isna().all(axis=None)
    empty = data.assign(never=np.nan if not category else None)
    nothing = compare_groups(empty, variable="never", by="region", test=test, cluster=cluster)
    assert nothing.status == "one group"


def test_missing_values_are_counted_and_are_no_category() -> None:
    data = rows().assign(
        smoker=pd.Categorical(["yes", "no", "unknown", None] * 10, list(YES_NO)), age=np.nan
    )
    row = compare_groups(data, variable="smoker", by="region", test="pearson").tidy().iloc[0]
    assert (row["n"], row["n_missing"], row["df"]) == (20, 20, 1)
    data.loc[:5, "region"] = None
    row = compare_groups(data, variable="leak", by="region", test="pearson").tidy().iloc[0]
    assert row["n_missing"] == 6


@pytest.mark.parametrize("test", ["welch", "student", "anova", "welch-anova"])
def test_groups_that_do_not_vary_have_no_t_or_f(test: str) -> None:
    data = pd.DataFrame({"x": [1.0, 1, 2, 2], "g": list("aabb")})
    result = compare_groups(data, variable="x", by="g", test=test)
    assert result.status == "no variation"
    alone = pd.DataFrame({"x": [1.0, 2, 3], "g": list("abb")})
    if test != "student":
        welch = compare_groups(alone, variable="x", by="g", test=test)
        assert welch.ok == (test == "anova")


def test_several_variables_one_of_which_cannot_be_tested() -> None:
    data = rows().assign(never=0)
    result = compare_groups(data, variable=["age", "never"], by="region", test="welch")
    assert result.ok
    assert result.tidy()["status"].tolist() == ["ok", "one value"]


def test_empty_cells_and_sparse_tables_are_said() -> None:
    data = pd.DataFrame({"g": list("aaaabbbb"), "y": [0, 0, 0, 0, 1, 1, 1, 0]})
    fisher = compare_groups(data, variable="y", by="g", test="fisher")
    assert [c.code for c in fisher.caveats] == ["zero_cell"]
    row = fisher.tidy().iloc[0]
    assert np.isnan(row["estimate"])  # infinite, so not printed
    assert row["conf_high"] == np.inf
    assert 0 < row["conf_low"] < 1.5
    turned = data.assign(y=1 - data["y"])
    assert compare_groups(turned, variable="y", by="g", test="fisher").tidy()["estimate"][0] == 0
    pearson = compare_groups(data, variable="y", by="g", test="pearson")
    assert [c.code for c in pearson.caveats] == ["sparse_table"]
    assert pearson.caveats[0].term == "y"


def test_tied_ranks_are_said() -> None:
    result = compare_groups(rows(), variable="age", by="region", test="mann-whitney")
    assert "approximate" in {c.code for c in result.caveats}
    exact = compare_groups(rows(), variable="age", by="region", test="mann-whitney", exact=True)
    assert exact.tidy()["method"][0] == "Mann–Whitney, exact"
    assert "approximate" not in {c.code for c in exact.caveats}


def test_a_table_that_is_too_large_names_the_simulation(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    data = pd.DataFrame(
        {"g": rng.choice(list("abcdef"), 900), "y": rng.choice(list("uvwxyz"), 900)}
    )
    result = compare_groups(data, variable="y", by="g", test="fisher")
    assert result.status == "table too large"
    assert "simulate=100_000" in result.reason
    drawn = compare_groups(data, variable="y", by="g", test="fisher", simulate=2_000, seed=7)
    again = compare_groups(data, variable="y", by="g", test="fisher", simulate=2_000, seed=7)
    assert drawn.tidy()["p_value"][0] == again.tidy()["p_value"][0]
    assert [c.code for c in drawn.caveats] == ["simulated"]
    table = np.array([[3, 4, 5], [5, 1, 3], [2, 6, 2]])
    for limit in ("_MOST_PATHS", "_MOST_PAIRS", "_MOST_WAYS"):
        with monkeypatch.context() as patch:
            patch.setattr(fisher_room, limit, 10)
            assert exact_p_value(table) is None


def test_a_simulated_test_is_near_the_exact_one() -> None:
    exact = compare_groups(rows(), variable="arm", by="region", test="fisher").tidy()["p_value"][0]
    drawn = compare_groups(
        rows(), variable="arm", by="region", test="fisher", simulate=20_000, seed=1
    ).tidy()["p_value"][0]
    assert abs(drawn - exact) < 4 * np.sqrt(exact * (1 - exact) / 20_000)


def test_empty_rows_of_a_table_do_not_matter() -> None:
    table = np.array([[3, 0, 4], [0, 0, 0], [1, 0, 6]])
    assert exact_p_value(table) == exact_p_value(np.array([[3, 4], [1, 6]]))
    assert exact_p_value(np.array([[3, 0, 4]])) == 1.0


def test_groups_of_whole_clusters() -> None:
    with pytest.raises(UsageError, match="Use 'rao-scott'"):
        compare_groups(frame(), variable="leak", by="region", test="donald-donner")
    data = rows()
    whole = data.assign(region=np.where(data["patient_id"] < "p3", "lumbar", "thoracic"))
    row = compare_groups(
        whole, variable="leak", by="region", test="donald-donner", cluster="patient_id"
    ).tidy().iloc[0]  # fmt: skip
    assert 0 <= row["p_value"] <= 1
    assert row["conf_low"] < row["estimate"] < row["conf_high"]


def test_too_few_clusters_for_a_test() -> None:
    data = rows().assign(patient_id=lambda d: np.where(d["region"] == "lumbar", "p", "q"))
    result = compare_groups(
        data, variable="age", by="region", test="mean-clustered", cluster="patient_id"
    )
    assert result.status == "too few clusters"
    assert np.isnan(result.tidy()["p_value"][0])


def test_empty_cells_may_leave_no_clustered_test() -> None:
    data = pd.DataFrame({"y": list("uvw") * 20, "g": list("abc") * 20, "patient": range(60)})
    result = compare_groups(data, variable="y", by="g", test="rao-scott", cluster="patient")
    assert result.status == "empty cells"
    alone = compare_groups(
        data.assign(patient=1), variable="y", by="g", test="rao-scott", cluster="patient"
    )
    assert alone.status == "too few clusters"
    alike = pd.DataFrame({"y": [0, 1, 1, 1, 0, 0] * 9, "g": list("aaabbb") * 9,
                          "patient": np.repeat(range(9), 6)})  # fmt: skip
    same = compare_groups(alike, variable="y", by="g", test="rao-scott", cluster="patient")
    assert same.status == "too few clusters"


def test_whole_clusters_that_agree_within_count_as_one_row() -> None:
    data = pd.DataFrame({"y": [1] * 12 + [0] * 12, "g": ["a"] * 12 + ["b"] * 12,
                         "patient": np.repeat(range(8), 3)})  # fmt: skip
    result = compare_groups(data, variable="y", by="g", test="donald-donner", cluster="patient")
    single = data.drop_duplicates("patient")
    pearson = compare_groups(single, variable="y", by="g", test="pearson")
    assert result.tidy()["statistic"][0] == pytest.approx(pearson.tidy()["statistic"][0])
    few = data.assign(patient=data["g"])
    two = compare_groups(few, variable="y", by="g", test="donald-donner", cluster="patient")
    assert two.status == "too few clusters"


def test_limits_that_no_data_could_give_are_not_printed() -> None:
    data = pd.DataFrame({"x": [1.0, 2, 3, 4], "y": [0, 0, 1, 1], "g": list("aabb")})
    row = compare_groups(data, variable="x", by="g", test="mann-whitney").tidy().iloc[0]
    assert row["estimate"] == 2
    assert np.isnan([row["conf_low"], row["conf_high"]]).all()  # P(range) is 2/3
    normal = compare_groups(data, variable="x", by="g", test="mann-whitney", exact=False)
    assert normal.tidy()["conf_low"].isna().all()
    pair = data.assign(z=0.0)
    assert compare_pairs(pair, first="x", second="z", test="sign").tidy()["conf_low"].isna().all()
    share = compare_groups(data, variable="y", by="g", test="pearson").tidy().iloc[0]
    assert share["estimate"] == 1
    assert np.isnan(share["conf_low"])


# --- pairs


def test_pairs_without_a_difference() -> None:
    data = pd.DataFrame({"a": [1.0, 2, 3], "b": [1.0, 2, 3]})
    row = compare_pairs(data, first="a", second="b", test="signed-rank").tidy().iloc[0]
    assert (row["p_value"], row["estimate"]) == (1.0, 0.0)
    same = compare_pairs(data, first="a", second="b", test="paired-t")
    assert same.status == "no variation"
    shifted = compare_pairs(data.assign(b=0.5 + data["a"]), first="a", second="b",
                            test="signed-rank")  # fmt: skip
    assert shifted.tidy()["estimate"][0] == -0.5
    assert np.isnan(shifted.tidy()["conf_low"][0])
    few = compare_pairs(data.head(1), first="a", second="b", test="sign")
    assert few.status == "no pairs"
    with pytest.raises(UsageError, match="same column"):
        compare_pairs(data, first="a", second="a", test="sign")


def test_differences_of_nothing_make_signed_ranks_approximate() -> None:
    data = pd.DataFrame({"a": [1.0, 2, 3, 5, 8, 13, 21], "b": [1.0, 1, 1, 1, 1, 1, 1]})
    result = compare_pairs(data, first="a", second="b", test="signed-rank")
    assert "normal" in result.tidy()["method"][0]
    assert [c.code for c in result.caveats] == ["approximate"]
    assert result.tidy()["n"][0] == 7


# --- Table 1


def test_a_test_stands_in_table_one_with_its_name() -> None:
    data = rows().assign(never=0)
    tests = {"age": "welch", "leak": "pearson", "never": "pearson"}
    with pytest.raises(UsageError, match="use 'welch-anova'"):
        describe(data, by="arm", tests=tests)
    table = describe(data, by="region", tests=tests)
    tested = table.tidy().query("stat == 'p_value'").set_index("variable")
    assert tested["method"].tolist() == ["Welch t", "Pearson chi-squared", "none"]
    expected = compare_groups(data, variable="age", by="region", test="welch").tidy()["p_value"][0]
    assert tested.loc["age", "value"] == expected
    assert ("no_test", "never") in {(c.code, c.term) for c in table.caveats}
    untested = describe(data, by="region").tidy()
    assert not untested["stat"].isin(["p_value", "statistic"]).any()
    assert (untested["method"] == "").all()


def test_tests_of_table_one_respect_clusters() -> None:
    with pytest.raises(UsageError, match="clustered in 'patient_id'"):
        describe(frame(), by="region", tests={"leak": "pearson"})
    table = describe(frame(), by="region", tests={"leak": "rao-scott", "age": "rank-clustered"})
    assert table.tidy().query("stat == 'p_value'")["value"].between(0, 1).all()


def test_tests_of_table_one_need_groups_and_a_described_variable() -> None:
    with pytest.raises(UsageError, match="give by="):
        describe(rows(), tests={"age": "welch"})
    with pytest.raises(UsageError, match="not described"):
        describe(rows(), by="region", variables=["leak"], tests={"age": "welch"})


# --- rates of groups


def survival(**more: Any) -> pd.DataFrame:
    return rows(80).assign(**more)


def test_rates_of_groups_against_a_reference() -> None:
    result = compare_rates(survival(), duration="days", event="leak", by="arm", reference="b")
    table = result.tidy()
    assert table["group"].tolist() == ["a", "a", "c", "c"]
    assert set(table["reference"]) == {"b"}
    assert set(table.columns) <= set(GLOSSARY)
    assert result.n_events == int(rows(80)["leak"].sum())


def test_mid_p_limits_without_events_on_one_side() -> None:
    data = survival(leak=lambda d: (d["region"] == "thoracic").astype(int))
    options = {"duration": "days", "event": "leak", "by": "region", "method": "mid-p"}
    up = compare_rates(data, **options).tidy().iloc[0]
    assert up["conf_low"] > 0
    assert up["conf_high"] == np.inf
    down = compare_rates(data, reference="thoracic", **options).tidy().iloc[0]
    assert (down["estimate"], down["conf_low"]) == (0, 0)
    assert down["conf_high"] == pytest.approx(1 / up["conf_low"])


def test_rates_of_clustered_rows() -> None:
    clustered = Frame(survival(), unit="level", cluster="patient_id")
    options = {"duration": "days", "event": "leak", "by": "region", "per": 365.25}
    table = compare_rates(clustered, **options).tidy()
    naive = compare_rates(survival(), **options).tidy()
    np.testing.assert_allclose(table["estimate"], naive["estimate"])
    assert set(table["method"]) == {"between clusters"}
    with pytest.raises(UsageError, match="use 'clustered'"):
        compare_rates(clustered, method="exact", **options)
    with pytest.raises(UsageError, match="give cluster="):
        compare_rates(survival(), method="clustered", **options)


@pytest.mark.parametrize("cluster", [None, "patient_id"])
def test_rates_without_events_or_time(cluster: str | None) -> None:
    options = {"duration": "days", "event": "leak", "by": "region", "cluster": cluster}
    none = compare_rates(survival(leak=0), **options)
    assert none.tidy()["estimate"].isna().tolist() == [True, False]
    assert [c.code for c in none.caveats if c.code == "zero_cell"]
    one = survival(leak=lambda d: (d["region"] == "thoracic").astype(int))
    row = compare_rates(one, **options).tidy().iloc[0]
    assert np.isnan(row["estimate"])  # infinite, so not printed
    timeless = survival(days=lambda d: np.where(d["region"] == "lumbar", 0, d["days"]))
    assert compare_rates(timeless, **options).tidy()["estimate"].isna().all()


def test_wrong_rates_are_refused() -> None:
    options = {"duration": "days", "event": "leak", "by": "region"}
    with pytest.raises(UsageError, match="not one of the groups 'lumbar', 'thoracic'"):
        compare_rates(survival(), reference="cervical", **options)
    with pytest.raises(UsageError, match="fewer than two groups"):
        compare_rates(survival(region="lumbar"), **options)
    with pytest.raises(UsageError, match="positive amount"):
        compare_rates(survival(), per=0, **options)
