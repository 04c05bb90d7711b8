"""Tests of curves and numbers read off them: what is refused, what is said, what is kept."""

from __future__ import annotations

import pickle
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from vpstats.errors import UsageError
from vpstats.frames import Frame, Imputations
from vpstats.models.curve_tests import compare_curves
from vpstats.models.differences import compare_at
from vpstats.models.restricted import restricted_mean
from vpstats.results import Caveat


def make_rows(n: int = 120, seed: int = 5) -> pd.DataFrame:
    """Two vertebrae of each patient, one with a leak into the disc and one without."""
    rng = np.random.default_rng(seed)
    days = rng.integers(1, 400, n)
    return pd.DataFrame(
        {
            "days": days,
            "event": rng.choice([0, 1, 2], n, p=[0.3, 0.4, 0.3]),
            "leak": np.tile(["no", "yes"], n // 2),
            "arm": np.repeat(rng.choice(["a", "b"], n // 2), 2),
            "center": np.repeat(rng.choice(["C1", "C2"], n // 2), 2),
            "entry": np.where(days > 100, 50, 0),
            "patient_id": np.repeat([f"PAT-{i:03d}" for i in range(n // 2)], 2),
            "weight": rng.uniform(0.5, 2, n),
        }
    )


ROWS = make_rows()
COLUMNS: dict[str, Any] = {"duration": "days", "event": "event"}


def codes(result: Any) -> set[str]:
    return {c.code for c in result.caveats}


def test_a_level_cohort_without_cluster_is_refused_by_all() -> None:
    frame = Frame(ROWS, unit="vertebra")
    for estimate in (
        lambda data: compare_curves(data, **COLUMNS, by="leak"),
        lambda data: compare_at(data, **COLUMNS, by="leak", times=100),
        lambda data: restricted_mean(data, **COLUMNS, horizon=100),
    ):
        with pytest.raises(UsageError, match="cluster='patient_id'"):
            estimate(frame)


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"test": "wilcoxon"}, "'tarone-ware'"),
        ({"cause": 0}, "expected an event code"),
        ({"cause": 1.5}, "expected an event code"),
        ({"rho": np.nan}, "expected a number"),
        ({"rho": 1, "test": "peto"}, "weights of its own"),
        ({"permutations": 0}, "at least 1"),
        ({"by": "side"}, "no such column"),
        ({"strata": ["center", "side"]}, "no such column"),
        ({"cluster": "patient_id", "permutations": 9}, "groups vary within a cluster"),
        (
            {"by": "arm", "cluster": "patient_id", "permutations": 9, "strata": "leak"},
            "strata vary within a cluster",
        ),
    ],
)
def test_a_wrong_request_for_a_test_is_refused(asked: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        compare_curves(ROWS, **(COLUMNS | {"by": "leak"} | asked))


def test_the_method_says_what_was_done() -> None:
    plain = compare_curves(ROWS, **COLUMNS, by="arm", rho=1, strata="center")
    assert plain.method == "log-rank test, rho = 1, stratified"
    clustered = compare_curves(
        Frame(ROWS, unit="vertebra", cluster="patient_id", causes={1: "fracture"}),
        **COLUMNS,
        by="arm",
        test="gray",
        permutations=19,
    )
    assert clustered.method == "Gray's test, cluster-robust, p-value by permutation"
    assert clustered.title.endswith("fracture by arm")
    glance = clustered.glance()
    assert glance.loc[0, ["df", "permutations", "n_clusters"]].tolist() == [1, 20, 60]
    assert "permutations" in glance.columns
    assert glance.loc[0, "p_value"] * 20 == pytest.approx(round(glance.loc[0, "p_value"] * 20))


def test_a_test_tells_what_it_left_out() -> None:
    rows = ROWS.assign(arm=pd.Categorical(ROWS["arm"], ["a", "b", "never"]))
    rows.loc[0, "days"] = np.nan
    rows.loc[1, "center"] = None
    compared = compare_curves(rows, **COLUMNS, by="arm", strata="center", cluster="patient_id")
    assert compared.n == len(rows) - 2
    assert codes(compared) == {"dropped_rows", "empty_group"}
    assert compared.table["group"].tolist() == ["a", "b"]


def test_few_clusters_with_events_are_said() -> None:
    rows = ROWS.assign(event=np.where(ROWS.index < 20, ROWS["event"], 0))
    assert "few_event_clusters" in codes(
        compare_curves(rows, **COLUMNS, by="leak", cluster="patient_id")
    )


@pytest.mark.parametrize("test", ["logrank", "gray", "gehan"])
@pytest.mark.parametrize(
    ("rows", "asked", "status"),
    [
        (ROWS.assign(event=0), {}, "no events"),
        (ROWS, {"cause": 3}, "no events"),
        (ROWS.assign(arm="a"), {}, "one group"),
        (ROWS.assign(arm=None), {}, "one group"),
        (ROWS.assign(one=1), {"cluster": "one"}, "nothing to compare"),
        (ROWS, {"strata": "arm"}, "nothing to compare"),
    ],
    ids=["censored", "cause", "alone", "missing", "cluster", "strata"],
)
def test_what_cannot_be_tested_says_why(
    rows: pd.DataFrame, asked: dict[str, Any], status: str, test: str
) -> None:
    compared = compare_curves(rows, **COLUMNS, by="arm", test=test, **asked)
    assert compared.status == status
    assert compared.reason.endswith(".")
    assert np.isnan(compared.statistic)
    assert np.isnan(compared.p_value)
    assert len(compared.glance()) == 1


def test_a_group_that_is_never_at_risk_takes_no_degree_of_freedom() -> None:
    rows = ROWS.assign(
        arm=np.where(ROWS.index < 4, "late", ROWS["arm"]),
        days=np.where(ROWS.index < 4, 999, ROWS["days"]),
        event=np.where(ROWS.index < 4, 0, ROWS["event"]),
        entry=np.where(ROWS.index < 4, 900, ROWS["entry"]),
    )
    late = compare_curves(rows, **COLUMNS, by="arm", entry="entry")
    alone = compare_curves(rows[rows["arm"] != "late"], **COLUMNS, by="arm", entry="entry")
    assert late.df == alone.df == 1
    assert late.statistic == pytest.approx(alone.statistic, rel=1e-12)


def test_times_of_any_size_and_many_strata_are_tested_alike() -> None:
    """Whole days are counted, other times sorted; many strata are looked up instead."""
    for test in ("logrank", "gray", "peto"):
        plain = compare_curves(ROWS, **COLUMNS, by="arm", test=test, entry="entry", rho=0)
        scaled = ROWS.assign(days=ROWS["days"] * 0.37, entry=ROWS["entry"] * 0.37)
        other = compare_curves(scaled, **COLUMNS, by="arm", test=test, entry="entry")
        assert other.statistic == pytest.approx(plain.statistic, rel=1e-10)
    copies = [ROWS.assign(copy=k, days=ROWS["days"] + 1000 * k) for k in range(60)]
    many = compare_curves(
        pd.concat(copies), **COLUMNS, by="arm", strata=["copy", "center"], test="gray", rho=1
    )
    one = compare_curves(ROWS, **COLUMNS, by="arm", strata="center", test="gray", rho=1)
    assert many.statistic == pytest.approx(60 * one.statistic, rel=1e-9)


def test_a_permutation_knows_neither_the_order_nor_the_labels_of_the_rows() -> None:
    asked: dict[str, Any] = {**COLUMNS, "by": "arm", "permutations": 49, "seed": 4}
    shuffled = ROWS.sample(frac=1, random_state=1)
    for more in ({"cluster": "patient_id"}, {"cluster": "patient_id", "strata": "center"}, {}):
        one, other = (compare_curves(rows, **asked, **more) for rows in (ROWS, shuffled))
        assert one.p_value == other.p_value
        assert one.permutations == 50


def test_permutations_agree_with_the_asymptotic_test() -> None:
    rows = make_rows(400, seed=8)
    for test in ("logrank", "gray"):
        asked: dict[str, Any] = {**COLUMNS, "by": "arm", "cluster": "patient_id", "test": test}
        near = compare_curves(rows, **asked).p_value
        counted = compare_curves(rows, **asked, permutations=499).p_value
        # four Monte-Carlo errors of a share of 499, and the asymptotic error of 200 patients
        assert abs(near - counted) <= 4 * np.sqrt(near * (1 - near) / 499) + 0.03


def test_independence_by_word_is_printed() -> None:
    frame = Frame(ROWS, unit="vertebra")
    compared = compare_curves(frame, **COLUMNS, by="leak", independent="levels heal alone")
    assert "levels heal alone" in next(c.message for c in compared.caveats)


# ---- fixed times and areas ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"times": -1}, "at least 0"),
        ({"times": []}, "at least 0"),
        ({"times": [10, np.inf]}, "at least 0"),
        ({"estimand": "hazard"}, "'incidence' or 'survival'"),
        ({"estimand": "survival"}, "competing events"),
        ({"cause": 0}, "expected an event code"),
        ({"conf_type": "loglog"}, "'log-log'"),
        ({"level": 95}, "between 0 and 1"),
        ({"reference": "maybe"}, "groups with rows are 'no', 'yes'"),
        ({"weights": "no such"}, "no such column"),
    ],
)
def test_a_wrong_request_for_a_comparison_is_refused(asked: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        compare_at(ROWS, **(COLUMNS | {"by": "leak", "times": 100} | asked))


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"horizon": 0}, "above 0"),
        ({"horizon": np.nan}, "above 0"),
        ({"cause": 0}, "expected an event code"),
        ({"level": 1}, "between 0 and 1"),
        ({"by": "leak", "reference": "maybe"}, "groups with rows"),
        ({"cluster": "nobody"}, "do not have"),
    ],
)
def test_a_wrong_request_for_a_mean_is_refused(asked: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        restricted_mean(ROWS, **(COLUMNS | {"horizon": 100} | asked))


def test_the_reference_may_be_chosen() -> None:
    table = compare_at(ROWS, **COLUMNS, by="leak", times=[100, 200], reference="yes").tidy()
    contrasts = table[table["contrast"] != "none"]
    assert contrasts["reference"].unique().tolist() == ["yes"]
    assert contrasts["group"].unique().tolist() == ["no"]
    turned = compare_at(ROWS, **COLUMNS, by="leak", times=[100, 200]).tidy()
    one, other = (t[t["contrast"] == "difference"].reset_index(drop=True) for t in (table, turned))
    np.testing.assert_allclose(one["estimate"], -other["estimate"])
    np.testing.assert_allclose(one["conf_low"], -other["conf_high"])
    np.testing.assert_allclose(one["p_value"], other["p_value"])


def test_survival_is_compared_if_competing_events_are_censored_aloud() -> None:
    compared = compare_at(
        ROWS, **COLUMNS, by="leak", times=100, estimand="survival", competing="censor"
    )
    assert "competing_censored" in codes(compared)
    assert compared.table["measure"].unique().tolist() == ["survival"]


def test_beyond_the_follow_up_nothing_is_given() -> None:
    short = ROWS.assign(
        days=np.where(ROWS["leak"] == "yes", np.minimum(ROWS["days"], 150), ROWS["days"]),
        event=np.where((ROWS["leak"] == "yes") & (ROWS["days"] > 150), 0, ROWS["event"]),
    )
    compared = compare_at(short, **COLUMNS, by="leak", times=[100, 300])
    late = compared.tidy().query("time == 300")
    assert late.query("contrast == 'none' and group == 'no'")["estimate"].notna().all()
    assert late.query("group == 'yes'")[["estimate", "std_error", "conf_low"]].isna().all(axis=None)
    assert "up to 150" in next(c.message for c in compared.caveats)
    mean = restricted_mean(short, **COLUMNS, by="leak", horizon=300)
    assert codes(mean) == {"beyond_follow_up"}
    assert mean.ok
    open_ended = short.assign(event=np.where(short["days"] > 350, 0, short["event"]))
    far = restricted_mean(open_ended, **COLUMNS, by="leak", horizon=3000)
    assert far.status == "beyond follow-up"
    assert "up to" in far.reason
    assert far.tidy()["estimate"].isna().all()


def test_a_curve_that_ended_is_known_for_ever() -> None:
    rows = pd.DataFrame({"days": [1, 2], "event": [1, 1], "arm": ["a", "b"]})
    mean = restricted_mean(rows, **COLUMNS, by="arm", horizon=10)
    assert mean.tidy().query("measure == 'restricted_mean'")["estimate"].tolist()[:2] == [1, 2]
    assert codes(mean) == {"zero_error"}


def test_an_error_of_0_is_no_certainty() -> None:
    rows = ROWS.assign(event=np.where(ROWS["leak"] == "yes", 0, ROWS["event"]))
    compared = compare_at(rows, **COLUMNS, by="leak", times=100)
    assert codes(compared) == {"zero_error"}
    ratio = compared.tidy().query("contrast == 'ratio'")
    assert ratio[["estimate", "std_error", "p_value", "conf_low"]].isna().all(axis=None)


@pytest.mark.parametrize("by", [None, "arm"])
def test_without_rows_there_is_a_reason(by: str | None) -> None:
    rows = ROWS.assign(days=np.nan)
    results = [restricted_mean(rows, **COLUMNS, by=by, horizon=9)]
    if by:
        results.append(compare_at(rows, **COLUMNS, by=by, times=9))
    for result in results:
        assert result.status == "no rows"
        assert result.reason.endswith(".")
        assert result.tidy().empty
        assert "dropped_rows" in codes(result)


def test_one_group_is_described_and_said() -> None:
    compared = compare_at(ROWS.assign(arm="a"), **COLUMNS, by="arm", times=100)
    assert codes(compared) == {"one_group"}
    assert compared.tidy()["contrast"].tolist() == ["none"]


def test_groups_of_a_category_without_rows_are_said() -> None:
    rows = ROWS.assign(arm=pd.Categorical(ROWS["arm"], ["b", "a", "never"]))
    mean = restricted_mean(rows, **COLUMNS, by="arm", horizon=100)
    assert "empty_group" in codes(mean)
    table = mean.tidy()
    assert table["reference"].dropna().unique().tolist() == ["b"]


def test_emptied_risk_sets_are_said() -> None:
    rows = pd.DataFrame(
        {"days": [1, 5, 6, 2, 7], "event": [1, 1, 0, 1, 0], "entry": [0, 2, 2, 0, 0]}
    ).assign(arm=list("aaabb"))
    compared = compare_at(rows, **COLUMNS, by="arm", times=[3], entry="entry")
    assert "risk_set_emptied" in codes(compared)


def test_one_cluster_gives_no_error() -> None:
    mean = restricted_mean(ROWS.assign(one=1), **COLUMNS, horizon=100, cluster="one")
    table = mean.tidy()
    assert table["estimate"].notna().all()
    assert table[["std_error", "conf_low", "conf_high"]].isna().all(axis=None)


def test_a_single_cause_may_be_asked_for() -> None:
    mean = restricted_mean(ROWS, **COLUMNS, horizon=200, cause=2)
    assert mean.tidy()["measure"].tolist() == ["time_lost"]
    assert mean.tidy()["group"].tolist() == ["all"]
    assert mean.glance().loc[0, "horizon"] == 200


def test_limits_stay_within_the_horizon() -> None:
    rows = pd.DataFrame({"days": [2, 50, 60, 70], "event": [1, 0, 0, 0]})
    table = restricted_mean(rows, **COLUMNS, horizon=50).tidy()
    assert (table["conf_low"] >= 0).all()
    assert (table["conf_high"] <= 50).all()


def test_timedeltas_are_days() -> None:
    days = ROWS.assign(days=pd.to_timedelta(ROWS["days"], unit="D"))
    one, other = (compare_at(rows, **COLUMNS, by="leak", times=100).tidy() for rows in (ROWS, days))
    pd.testing.assert_frame_equal(one, other)


def test_results_hold_no_identifier_and_nothing_given_is_changed() -> None:
    before = ROWS.copy(deep=True)
    frame = Frame(ROWS, unit="vertebra", cluster="patient_id")
    for result in (
        compare_curves(frame, **COLUMNS, by="arm", permutations=9),
        compare_at(frame, **COLUMNS, by="leak", times=100, weights="weight", entry="entry"),
        restricted_mean(frame, **COLUMNS, horizon=100),
    ):
        assert b"PAT-" not in pickle.dumps(result)
        assert result.n_clusters == 60
    pd.testing.assert_frame_equal(ROWS, before)


# ---- imputations --------------------------------------------------------------------------------


def imputed() -> Imputations:
    rng = np.random.default_rng(2)
    frames = []
    for _ in range(3):
        leak = np.where(rng.random(len(ROWS)) < 0.2, "yes", ROWS["leak"])
        frames.append(Frame(ROWS.assign(leak=leak), unit="vertebra", cluster="patient_id"))
    return Imputations(tuple(frames))


@pytest.mark.parametrize("contrast", ["none", "difference", "ratio"])
def test_numbers_of_imputations_are_pooled_by_rubins_rules(contrast: str) -> None:
    data = imputed()
    asked: dict[str, Any] = {**COLUMNS, "by": "leak", "times": 100}
    pooled = compare_at(data, **asked)
    assert "pooled" in codes(pooled)
    row, *each = (
        table.tidy().set_index("contrast").loc[[contrast]].iloc[0]
        for table in (pooled, *(compare_at(f, **asked) for f in data))
    )
    scale = np.log if contrast == "ratio" else np.asarray
    values = np.array([scale(r["estimate"]) for r in each], dtype=float)
    within = np.mean([r["std_error"] ** 2 for r in each])
    assert scale(row["estimate"]) == pytest.approx(values.mean())
    total = within + (1 + 1 / 3) * values.var(ddof=1)
    assert row["std_error"] == pytest.approx(np.sqrt(total))
    assert row["conf_low"] < row["estimate"] < row["conf_high"]


def test_equal_imputations_are_one_analysis() -> None:
    frame = Frame(ROWS, unit="vertebra", cluster="patient_id")
    for estimate, more in ((compare_at, {"times": 100}), (restricted_mean, {"horizon": 100})):
        one = estimate(frame, **COLUMNS, by="leak", **more).tidy()
        both = estimate(Imputations((frame, frame)), **COLUMNS, by="leak", **more).tidy()
        pd.testing.assert_frame_equal(one, both)


@pytest.mark.parametrize("test", ["logrank", "peto", "gray"])
def test_a_test_of_imputations_that_are_equal_is_the_test(test: Any) -> None:
    frame = Frame(ROWS, unit="vertebra", cluster="patient_id")
    one = compare_curves(frame, **COLUMNS, by="leak", test=test)
    both = compare_curves(Imputations((frame, frame)), **COLUMNS, by="leak", test=test)
    assert both.statistic == pytest.approx(one.statistic / one.df)  # F
    assert both.p_value == pytest.approx(one.p_value)
    assert both.df == one.df
    assert both.df_residual == np.inf == one.df_residual
    pd.testing.assert_frame_equal(both.tidy(), one.tidy(), check_dtype=False)
    assert both.method == f"{one.method}, pooled (D1)"


def test_imputed_groups_are_compared_with_less_certainty() -> None:
    data = replace(imputed(), caveats=(Caveat("few_imputations", "There are 3."),))
    pooled = compare_curves(data, **COLUMNS, by="leak")
    each = [compare_curves(frame, **COLUMNS, by="leak") for frame in data]
    assert pooled.ok
    assert 1 < pooled.df_residual < np.inf
    assert pooled.statistic < max(f.statistic / f.df for f in each)
    assert {"pooled", "few_imputations"} <= codes(pooled)
    means = np.mean([f.tidy()["observed"] for f in each], axis=0)
    assert pooled.tidy()["observed"].tolist() == pytest.approx(means)
    assert pooled.n == len(ROWS)
    assert list(pooled.glance()["df_residual"]) == [pooled.df_residual]


def test_imputations_are_not_permuted() -> None:
    with pytest.raises(UsageError, match="leave permutations= out"):
        compare_curves(imputed(), **COLUMNS, by="leak", permutations=99)


def test_a_test_says_where_imputations_cannot_be_compared() -> None:
    frame = Frame(ROWS, unit="vertebra", cluster="patient_id")
    empty = replace(frame, data=ROWS.assign(event=0))
    pooled = compare_curves(Imputations((frame, empty)), **COLUMNS, by="leak")
    assert pooled.status == "no events"
    assert pooled.reason.startswith("in 1 of 2 completed data sets")
    more = replace(frame, data=ROWS.assign(leak=np.where(ROWS.index < 9, "x", ROWS["leak"])))
    pooled = compare_curves(Imputations((frame, more)), **COLUMNS, by="leak")
    assert pooled.status == "different groups"
    assert np.isnan(pooled.p_value)


def test_groups_that_some_imputations_lack_are_left_out() -> None:
    frames = [f.data.assign(leak=np.where(f.data.index < 9, "maybe", f.data["leak"]))
              for f in imputed()]  # fmt: skip
    frames[1] = frames[1].assign(leak=frames[1]["leak"].replace("maybe", "no"))
    data = Imputations(tuple(Frame(d, unit="vertebra", cluster="patient_id") for d in frames))
    pooled = restricted_mean(data, **COLUMNS, by="leak", horizon=100, reference="no")
    assert {"pooled", "empty_group"} <= codes(pooled)
    assert "maybe" not in set(pooled.tidy()["group"])


def test_what_fails_in_one_imputation_fails_with_its_number() -> None:
    frame = Frame(ROWS, unit="vertebra", cluster="patient_id")
    empty = Frame(ROWS.assign(days=np.nan), unit="vertebra", cluster="patient_id")
    pooled = restricted_mean(Imputations((frame, empty)), **COLUMNS, horizon=100)
    assert pooled.status == "no rows"
    assert pooled.reason.startswith("in 1 of 2 completed data sets")
