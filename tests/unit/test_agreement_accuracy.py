"""Agreement, paired proportions and accuracy: clusters, missing values, what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from vpstats.errors import UsageError
from vpstats.frames import Frame
from vpstats.models.agreement import agreement, category_weights
from vpstats.models.diagnostic import diagnostic_accuracy
from vpstats.models.paired import paired_proportions
from vpstats.results import GLOSSARY
from vpstats.schema import YES_NO


def rows(n: int = 120, seed: int = 5) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    patient = rng.integers(0, 50, n)
    shared = rng.normal(size=50)[patient]
    ct = (shared + rng.normal(size=n) > -0.3).astype(int)
    fluoro = ct * (rng.random(n) < 0.5)
    return pd.DataFrame(
        {
            "patient_id": [f"p{k}" for k in patient],
            "ct": ct,
            "fluoro": fluoro,
            "disc": rng.integers(0, 2, n),
            "site": rng.choice(["disc", "vein"], n),
            "age": rng.normal(75, 8, n),
            "sex": rng.choice(["f", "m"], n),
            "grade": rng.choice([1, 2, 3], n),
            "grade_2": rng.choice([1, 2, 3], n),
        }
    )


def frame() -> Frame:
    return Frame(rows(), unit="level", cluster="patient_id")


# --- paired proportions


def test_a_frame_brings_its_clusters() -> None:
    result = paired_proportions(frame(), first="ct", second="fluoro")
    row = result.tidy().iloc[0]
    assert row["test"] == "McNemar, clustered (Obuchowski)"
    assert row["n_clusters"] == result.n_clusters == rows()["patient_id"].nunique()
    assert set(result.tidy().columns) <= set(GLOSSARY)
    assert row["share_first"] - row["share_second"] == pytest.approx(row["estimate"])
    with pytest.raises(UsageError, match="use 'obuchowski'"):
        paired_proportions(frame(), first="ct", second="fluoro", test="mcnemar")
    with pytest.raises(UsageError, match="needs clusters"):
        paired_proportions(rows(), first="ct", second="fluoro", test="durkalski")


def test_several_types_and_groups_are_adjusted_together() -> None:
    table = paired_proportions(frame(), first="ct", second=["fluoro", "disc"], by="site").tidy()
    assert table[["first", "second", "group"]].values.tolist() == [
        ["ct", "fluoro", "disc"],
        ["ct", "fluoro", "vein"],
        ["ct", "disc", "disc"],
        ["ct", "disc", "vein"],
    ]
    assert (table["p_adjusted"] >= table["p_value"]).all()
    assert table["p_adjusted"].min() == pytest.approx(4 * table["p_value"].min())


def test_pairs_count_where_both_findings_are_known() -> None:
    data = rows(12).assign(fluoro=pd.Categorical(["yes", "no", "unknown", None] * 3, list(YES_NO)))
    result = paired_proportions(data, first="ct", second="fluoro")
    row = result.tidy().iloc[0]
    assert (row["n"], row["n_missing"]) == (6, 6)
    assert {c.code for c in result.caveats} == {"dropped_rows"}


@pytest.mark.parametrize("cluster", [None, "patient_id"])
@pytest.mark.parametrize("interval", ["score", "wald"])
def test_no_discordant_row_and_no_row_at_all(cluster: str | None, interval: str) -> None:
    data = rows().assign(fluoro=lambda d: d["ct"])
    for test in ("obuchowski", "durkalski") if cluster else ("mcnemar", "mcnemar-exact"):
        row = paired_proportions(
            data, first="ct", second="fluoro", cluster=cluster, interval=interval, test=test
        ).tidy().iloc[0]  # fmt: skip
        assert (row["estimate"], row["p_value"]) == (0, 1)
        if interval == "score":
            assert row["conf_low"] < 0 < row["conf_high"]
    empty = data.assign(fluoro=np.nan)
    row = paired_proportions(empty, first="ct", second="fluoro", cluster=cluster).tidy().iloc[0]
    assert np.isnan([row["estimate"], row["p_value"], row["conf_low"]]).all()


def test_without_discordance_a_cluster_counts_as_one_row() -> None:
    data = pd.DataFrame({"patient": np.repeat(range(40), 5), "a": 1, "b": 1})
    high = paired_proportions(data, first="a", second="b", cluster="patient").tidy()["conf_high"][0]
    naive = paired_proportions(data, first="a", second="b").tidy()["conf_high"][0]
    assert high > 4 * naive


def test_one_cluster_says_nothing() -> None:
    row = paired_proportions(
        rows().assign(patient_id=1), first="ct", second="fluoro", cluster="patient_id"
    ).tidy().iloc[0]  # fmt: skip
    assert np.isnan(row["std_error"])
    assert (row["conf_low"], row["conf_high"]) == pytest.approx((-1, 1), abs=0.05)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"first": "ct", "second": "ct"}, "same column"),
        ({"first": ["ct", "disc"], "second": ["fluoro"] * 3}, "as many on each side"),
        ({"first": [], "second": []}, "as many on each side"),
        ({"first": "ct", "second": "age"}, "two values"),
        ({"first": "ct", "second": "flouro"}, "did you mean 'fluoro'"),
        ({"first": "ct", "second": "fluoro", "test": "x"}, "expected one of"),
        ({"first": "ct", "second": "fluoro", "interval": "exact"}, "'score', 'wald'"),
        ({"first": "ct", "second": "fluoro", "cluster": "who"}, "no such column"),
    ],
)
def test_wrong_pairs_are_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        paired_proportions(rows(), **options)


# --- agreement


def stats_of(result: Any) -> pd.DataFrame:
    return result.tidy().set_index("stat")


def test_agreement_of_clustered_readings() -> None:
    result = agreement(frame(), first="ct", second="fluoro")
    table = stats_of(result)
    naive = stats_of(agreement(rows(), first="ct", second="fluoro"))
    assert table.loc["kappa", "estimate"] == naive.loc["kappa", "estimate"]
    assert table.loc["kappa", "method"] == "Cohen's kappa, between clusters"
    assert set(result.tidy().columns) <= set(GLOSSARY)
    knife = stats_of(agreement(frame(), first="ct", second="fluoro", vcov="jackknife"))
    ratio = knife.loc["kappa", "std_error"] / table.loc["kappa", "std_error"]
    assert 0.9 < ratio < 1.15


def test_categories_in_their_order() -> None:
    linear = stats_of(agreement(rows(), first="grade", second="grade_2", weights="linear"))
    words = pd.CategoricalDtype(["low", "mid", "high"], ordered=True)
    names = {1: "low", 2: "mid", 3: "high"}
    data = rows()
    named = data.assign(
        grade=data["grade"].map(names).astype(words),
        grade_2=data["grade_2"].map(names).astype(words),
    )
    same = stats_of(agreement(named, first="grade", second="grade_2", weights="linear"))
    assert same.loc["kappa", "estimate"] == pytest.approx(linear.loc["kappa", "estimate"])
    text = data.assign(grade=data["grade"].map(names), grade_2=data["grade_2"].map(names))
    plain = stats_of(agreement(text, first="grade", second="grade_2"))
    number = stats_of(agreement(data, first="grade", second="grade_2"))
    assert plain.loc["kappa", "estimate"] == pytest.approx(number.loc["kappa", "estimate"])
    lacking = text.assign(grade=text["grade"].replace("mid", "low"))
    with pytest.raises(UsageError, match="ordered categories"):
        agreement(lacking, first="grade", second="grade_2", weights="linear")
    assert category_weights(2, "quadratic").tolist() == category_weights(2, None).tolist()


def test_a_category_that_one_reader_never_uses() -> None:
    data = rows().assign(grade=lambda d: d["grade"].clip(upper=2))
    table = agreement(data, first="grade", second="grade_2").tidy()
    specific = table.query("stat == 'specific_agreement'").set_index("level")
    assert specific.loc["3", "estimate"] == 0
    assert np.isfinite(table.query("stat == 'kappa'")["estimate"].iloc[0])


@pytest.mark.parametrize("cluster", [None, "patient_id"])
def test_perfect_agreement_has_no_visible_error(cluster: str | None) -> None:
    data = rows().assign(fluoro=lambda d: d["ct"])
    result = agreement(data, first="ct", second="fluoro", cluster=cluster)
    kappa = stats_of(result).loc["kappa"]
    assert kappa["estimate"] == 1
    assert np.isnan([kappa["conf_low"], kappa["std_error"]]).all()
    assert "perfect_agreement" in {c.code for c in result.caveats}
    share = stats_of(result).loc["agreement"]
    assert share["conf_low"] < share["conf_high"] == 1


def test_readings_of_one_value_define_no_kappa() -> None:
    result = agreement(rows().assign(ct=0, fluoro=0), first="ct", second="fluoro")
    assert np.isnan(stats_of(result).loc["kappa", "estimate"])
    assert "not defined" in result.caveats[0].message
    assert np.isnan(stats_of(result).loc["pabak", "estimate"])
    empty = agreement(rows().assign(ct=None), first="ct", second="fluoro")
    assert empty.n == 0
    nothing = agreement(rows().assign(ct=np.nan), first="ct", second="fluoro")
    assert nothing.n == 0
    assert nothing.tidy()["estimate"].isna().all()


def test_wrong_readings_are_refused() -> None:
    with pytest.raises(UsageError, match="compare the differences"):
        agreement(rows(), first="age", second="grade")
    with pytest.raises(UsageError, match="expected one of 'linear', 'quadratic'"):
        agreement(rows(), first="ct", second="fluoro", weights="cubic")
    with pytest.raises(UsageError, match="expected one of 'linearised'"):
        agreement(rows(), first="ct", second="fluoro", vcov="CR1")


# --- accuracy


def verified(seed: int = 9) -> pd.DataFrame:
    data = rows(200, seed)
    rng = np.random.default_rng(seed)
    pce = rng.random(200) < 0.1 + 0.5 * data["fluoro"]
    known = (data["fluoro"] == 1) | (rng.random(200) < 0.3)
    return data.assign(pce=pce.astype(float).where(known), checked=known)


def test_the_naive_analysis_stands_beside_the_corrected_one() -> None:
    result = diagnostic_accuracy(verified(), test="fluoro", reference="pce")
    table = result.tidy()
    assert [m.split(",")[0] for m in table["method"][[0, 10]]] == ["verified rows", "Begg–Greenes"]
    sensitivity = table.query("stat == 'sensitivity'")["estimate"].tolist()
    assert sensitivity[0] > sensitivity[1]
    assert "partial_verification" in {c.code for c in result.caveats}
    assert set(table.columns) <= set(GLOSSARY)


def test_complete_cases_alone_say_what_they_are() -> None:
    result = diagnostic_accuracy(verified(), test="fluoro", reference="pce", method="complete")
    assert len(result.tidy()) == 10
    assert "see method='begg-greenes'" in result.caveats[0].message


def test_underscores_are_understood_and_a_flag_of_verification() -> None:
    data = verified()
    full = data.assign(pce=data["pce"].fillna(0))
    one = diagnostic_accuracy(data, test="fluoro", reference="pce", method="begg_greenes").tidy()
    two = diagnostic_accuracy(full, test="fluoro", reference="pce", verified="checked").tidy()
    pd.testing.assert_frame_equal(one, two)


def test_strata_that_were_never_verified_cannot_be_corrected() -> None:
    data = verified().assign(pce=lambda d: d["pce"].where((d["sex"] == "f") | (d["fluoro"] == 1)))
    result = diagnostic_accuracy(data, test="fluoro", reference="pce", covariates=["sex"])
    corrected = result.tidy().iloc[10:]
    assert corrected["estimate"].isna().all()
    assert any("test −, m" in c.message for c in result.caveats)
    weighted = diagnostic_accuracy(
        data, test="fluoro", reference="pce", covariates=["sex"], method="ipw"
    )
    assert weighted.tidy().iloc[10:]["estimate"].isna().all()
    assert any("model of verification has no estimate" in c.message for c in weighted.caveats)
    never = verified().assign(pce=lambda d: d["pce"].where(d["fluoro"] == 1))
    nothing = diagnostic_accuracy(never, test="fluoro", reference="pce", method="ipw")
    assert any("no row was verified" in c.message for c in nothing.caveats)


def test_clusters_widen_and_groups_are_separate() -> None:
    data = verified()
    doubled = pd.concat([data.assign(patient_id=data.index)] * 2, ignore_index=True)
    options = {"test": "fluoro", "reference": "pce", "by": "site"}
    one = diagnostic_accuracy(data, **options).tidy()
    two = diagnostic_accuracy(doubled, cluster="patient_id", **options).tidy()
    np.testing.assert_allclose(one["estimate"], two["estimate"])
    assert set(one["group"]) == {"disc", "vein"}
    ratio = (two["std_error"] / one["std_error"]).to_numpy(float)
    assert ((ratio > 1) & (ratio < 1.03)).all()
    weighted = diagnostic_accuracy(doubled, cluster="patient_id", method="ipw", **options).tidy()
    np.testing.assert_allclose(weighted["std_error"], two["std_error"], rtol=1e-6)


def test_empty_cells_print_nothing_infinite() -> None:
    data = pd.DataFrame({"t": [1] * 10 + [0] * 10, "d": [1] * 6 + [0] * 4 + [0] * 10})
    result = diagnostic_accuracy(data, test="t", reference="d")
    table = stats_of(result)
    assert np.isnan(table.loc["dor", "estimate"])
    assert table.loc["lr_negative", "estimate"] == 0
    assert table.loc["lr_negative", ["conf_low", "conf_high"]].isna().all()
    assert table.loc["sensitivity", "conf_high"] == 1
    assert np.isfinite(table["estimate"].drop("dor")).all()
    assert [c.code for c in result.caveats] == ["zero_cell"]
    given = stats_of(diagnostic_accuracy(data, test="t", reference="d", prevalence=0.1))
    assert given.loc["npv", "estimate"] == 1
    nobody = diagnostic_accuracy(data.assign(d=np.nan), test="t", reference="d")
    assert nobody.tidy()["estimate"].isna().all()


@pytest.mark.parametrize("interval", ["wilson", "clopper-pearson"])
def test_intervals_of_shares_are_named(interval: str) -> None:
    table = diagnostic_accuracy(rows(), test="fluoro", reference="ct", interval=interval).tidy()
    assert table["method"][0] == f"verified rows, {interval}"
    clustered = diagnostic_accuracy(frame(), test="fluoro", reference="ct", interval=interval)
    assert clustered.tidy()["method"][0] == f"verified rows, {interval}, effective size"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"prevalence": 1.5}, "share between 0 and 1"),
        ({"method": "naive"}, "expected one of 'complete'"),
        ({"interval": "wald"}, "expected one of 'wilson'"),
        ({"covariates": "sex"}, "list of columns"),
        ({"covariates": ["sex"], "method": "complete"}, "does not"),
        ({"covariates": ["age"]}, "use method='ipw'|Use method='ipw'"),
        ({"covariates": ["weight"]}, "no such column"),
        ({"verified": "seen"}, "no such column"),
    ],
)
def test_wrong_accuracy_is_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        diagnostic_accuracy(verified(), test="fluoro", reference="pce", **options)


def test_too_many_strata_are_refused() -> None:
    rng = np.random.default_rng(2)
    data = verified().assign(u=rng.integers(0, 20, 200), v=rng.integers(0, 20, 200))
    with pytest.raises(UsageError, match="strata; use method='ipw'"):
        diagnostic_accuracy(
            pd.concat([data] * 3).assign(u=rng.integers(0, 20, 600), v=rng.integers(0, 20, 600)),
            test="fluoro", reference="pce", covariates=["u", "v"],
        )  # fmt: skip


def test_all_rows_discordant_one_way() -> None:
    data = pd.DataFrame({"a": [1] * 6, "b": [0] * 6})
    row = paired_proportions(data, first="a", second="b").tidy().iloc[0]
    assert (row["estimate"], row["conf_high"]) == (1, 1)
    assert 0 < row["conf_low"] < 1


def test_rows_without_a_covariate_are_left_out_and_said() -> None:
    data = verified().assign(sex=lambda d: d["sex"].where(d.index > 9))
    result = diagnostic_accuracy(data, test="fluoro", reference="pce", covariates=["sex"])
    assert result.n == 190
    assert "dropped_rows" in {c.code for c in result.caveats}
