"""Imputation: what is filled, what is left alone, and what is refused."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from vpstats.errors import FormulaError, UsageError
from vpstats.frames import Frame, Imputations
from vpstats.models.hazards import fit_cox
from vpstats.models.imputation import impute, tipping_point
from vpstats.models.imputation.lines import draw_line, match
from vpstats.models.imputation.traces import largest_by_chance, scale_reduction
from vpstats.models.logistic import fit_logistic


def levels(n_patients: int = 120, seed: int = 3) -> pd.DataFrame:
    """Treated levels of patients with a column of every type, complete."""
    rng = np.random.default_rng(seed)
    patient = np.repeat(np.arange(n_patients), rng.integers(1, 4, n_patients))
    n = len(patient)
    bmi = rng.normal(27, 4, n_patients).round(1)[patient]
    cement = rng.normal(4, 1, n).round(1)
    chance = 1 / (1 + np.exp(-(cement - 4) - 0.1 * (bmi - 27)))
    return pd.DataFrame(
        {
            "patient_id": [f"P{p}" for p in patient],
            "bmi": bmi,
            "sex": pd.Categorical(rng.choice(["f", "m"], n_patients)[patient]),
            "age": pd.array(rng.integers(50, 90, n_patients)[patient], dtype="Int64"),
            "cement_ml": cement,
            "grade": pd.Categorical(rng.choice(["1", "2", "3"], n), ordered=True),
            "site": rng.choice(["lumbar", "thoracic", "sacral"], n),
            "pain": pd.array(rng.random(n) < 0.4, dtype="boolean"),
            "early": (rng.random(n) < 0.3).astype(float),
            "smoker": pd.Categorical(rng.choice(["no", "yes"], n), ["no", "yes", "unknown"]),
            "leak": (rng.random(n) < chance).astype(int),
        }
    )


PER_PATIENT = ["bmi", "sex", "age"]
PER_LEVEL = ["cement_ml", "grade", "site", "pain", "early", "smoker"]


def with_gaps(data: pd.DataFrame, seed: int = 4, share: float = 0.2) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    data = data.copy()
    patient = data["patient_id"].factorize()[0]
    for name in PER_PATIENT:
        data.loc[(rng.random(patient.max() + 1) < share)[patient], name] = None
    for name in PER_LEVEL:
        data.loc[rng.random(len(data)) < share, name] = None
    return data


GAPS = with_gaps(levels())
FRAME = Frame(GAPS, unit="level", cluster="patient_id", outcome="leak")


def small(**columns: Any) -> pd.DataFrame:
    """Forty rows with an outcome and a complete covariate."""
    rng = np.random.default_rng(5)
    x = rng.normal(size=40)
    y = (rng.random(40) < 1 / (1 + np.exp(-x))).astype(int)
    return pd.DataFrame({"y": y, "x": x, **columns})


def holes(values: Any, every: int = 5) -> pd.Series:
    """A column with every fifth value missing."""
    return pd.Series(values).mask(np.arange(len(values)) % every == 0)


@pytest.fixture(scope="module")
def made() -> Imputations:
    return impute(FRAME, m=4, iterations=5, seed=1)


# --- what is filled and what stays


def test_every_gap_is_filled_and_nothing_observed_changes(made: Imputations) -> None:
    assert len(made) == 4
    for frame in made:
        pd.testing.assert_index_equal(frame.data.index, GAPS.index)
        pd.testing.assert_series_equal(frame.data.dtypes, GAPS.dtypes)
        assert frame.data.notna().all().all()
        for name in GAPS:
            seen = GAPS[name].notna()
            pd.testing.assert_series_equal(frame.data.loc[seen, name], GAPS.loc[seen, name])


def test_the_frame_keeps_what_it_knows(made: Imputations) -> None:
    assert {(f.unit, f.cluster, f.outcome, f.flow) for f in made} == {
        ("level", "patient_id", "leak", ())
    }
    assert "P0" not in repr(made)


def test_a_patient_has_one_value_in_every_imputation(made: Imputations) -> None:
    for frame in made:
        assert (frame.data.groupby("patient_id")[PER_PATIENT].nunique() == 1).all().all()
    units = made.traces.tidy().set_index("variable")["unit"]
    assert {units[name] for name in PER_PATIENT} == {"patient"}
    assert {units[name] for name in PER_LEVEL} == {"level"}
    assert any(not a.data["bmi"].equals(b.data["bmi"]) for a, b in pairwise(made))


def test_a_value_known_from_another_row_of_the_patient_is_taken() -> None:
    data = levels()
    first = ~data["patient_id"].duplicated()
    data.loc[first & data["patient_id"].duplicated(keep=False), "bmi"] = np.nan
    # in patients with one row it is missing here and there
    alone = ~data["patient_id"].duplicated(keep=False)
    data.loc[alone & (np.arange(len(data)) % 3 == 0), "bmi"] = np.nan
    for frame in impute(Frame(data, unit="level", cluster="patient_id", outcome="leak"),
                        patient_level=["bmi"], m=2, iterations=1, seed=1):  # fmt: skip
        known = levels()["bmi"][~alone]
        pd.testing.assert_series_equal(frame.data["bmi"][~alone], known)


def test_levels_of_variables_can_be_declared() -> None:
    declared = impute(FRAME, patient_level=["bmi"], m=2, iterations=1, seed=1)
    units = declared.traces.tidy().set_index("variable")["unit"]
    assert units["bmi"] == "patient"
    assert units["age"] == "level"
    with pytest.raises(UsageError, match="differs between the rows of"):
        impute(FRAME, patient_level=["cement_ml"], m=2, seed=1)


def procedures() -> pd.DataFrame:
    """One or two procedures of a patient, each with levels; CRP is the procedure's."""
    data = levels()
    within = data.groupby("patient_id").cumcount().to_numpy()
    data["procedure_id"] = data["patient_id"] + np.where(within == 2, "-2", "-1")
    codes = data["procedure_id"].factorize()[0]
    rng = np.random.default_rng(6)
    data["crp"] = rng.normal(20, 5, codes.max() + 1).round(1)[codes]
    data.loc[(rng.random(codes.max() + 1) < 0.2)[codes], "crp"] = np.nan
    data["bmi"] = GAPS["bmi"]
    return data


NESTED = ["patient_id", "procedure_id"]


def test_clusters_within_clusters() -> None:
    frame = Frame(procedures(), unit="level", cluster="patient_id", outcome="leak")
    done = impute(frame, cluster=NESTED, passive={"load": "crp * bmi"}, m=2, iterations=2, seed=1)
    units = done.traces.tidy().set_index("variable")["unit"]
    assert (units["bmi"], units["crp"], units["load"]) == ("patient", "procedure", "procedure")
    for part in done:
        assert part.cluster == "patient_id"
        assert part.data.notna().all().all()
        assert (part.data.groupby("patient_id")["bmi"].nunique() == 1).all()
        assert (part.data.groupby("procedure_id")["crp"].nunique() == 1).all()
    # two procedures of a patient have values of their own
    assert (done.frames[0].data.groupby("patient_id")["crp"].nunique() == 2).any()
    named = impute(frame, cluster=NESTED, patient_level={"procedure_id": ["crp"]}, m=2, seed=1)
    assert named.traces.tidy().set_index("variable")["unit"]["bmi"] == "level"


def test_clusters_that_are_refused() -> None:
    data = procedures()
    with pytest.raises(UsageError, match="does not lie within"):
        impute(data, outcome="leak", cluster=NESTED[::-1], seed=1)
    with pytest.raises(UsageError, match="names 'bmi', which cluster= does not"):
        impute(data, outcome="leak", cluster=NESTED, patient_level={"bmi": ["crp"]}, seed=1)
    with pytest.raises(UsageError, match="not in the imputation model"):
        impute(data, outcome="leak", cluster=NESTED, patient_level=["never"], seed=1)
    with pytest.raises(UsageError, match="missing ids"):
        impute(data.assign(procedure_id=holes(data["procedure_id"])), outcome="leak",
               cluster=NESTED, seed=1)  # fmt: skip


def test_imputed_numbers_were_observed_with_matching(made: Imputations) -> None:
    for name in ("bmi", "cement_ml", "age"):
        seen = set(GAPS[name].dropna())
        assert all(set(frame.data[name]) <= seen for frame in made)


def test_imputations_follow_the_data() -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(size=600)
    data = pd.DataFrame({"x": x, "y": (x + rng.normal(size=600) > 0).astype(int)})
    data["twice"] = holes(2 * x + 0.1 * rng.normal(size=600), 3)
    data["side"] = holes(np.where(x > 0, "r", "l"), 4)
    data["third"] = holes(np.array(["a", "b", "c"])[np.digitize(x, [-0.5, 0.5])], 4)
    data["order"] = pd.Categorical(holes(np.digitize(x, [-0.5, 0.5]).astype(str), 4), ordered=True)
    for frame in impute(data, outcome="y", m=2, iterations=5, seed=1):
        done = frame.data
        assert abs(done["twice"] - 2 * x).quantile(0.99) < 0.6  # donors are far apart at the ends
        assert ((done["side"] == "r") == (x > 0)).mean() > 0.97
        assert (
            done["third"] == np.array(["a", "b", "c"])[np.digitize(x, [-0.5, 0.5])]
        ).mean() > 0.9
        assert (done["order"].astype(int) == np.digitize(x, [-0.5, 0.5])).mean() > 0.9


@pytest.mark.parametrize("method", ["pmm", "norm"])
def test_methods_of_numbers(method: str) -> None:
    data = small(z=holes(np.arange(40) / 7))
    done = impute(data, outcome="y", methods={"z": method}, m=2, seed=1)
    drawn = pd.concat([f.data["z"][data["z"].isna()] for f in done])
    assert drawn.isin(data["z"]).all() == (method == "pmm")


def test_a_number_may_be_imputed_as_a_category() -> None:
    data = small(asa=holes(np.arange(40) % 4 + 1.0))
    for method in ("multinomial", "ordinal"):
        for frame in impute(data, outcome="y", methods={"asa": method}, m=2, seed=1):
            assert set(frame.data["asa"]) == {1.0, 2.0, 3.0, 4.0}


def test_whole_number_text_and_boolean_columns_keep_their_types() -> None:
    data = small(
        count=pd.array(holes(np.arange(40)), dtype="Int16"),
        truth=holes(np.arange(40) % 3 == 0).astype(object),
        text=pd.array(holes(["a", "b"] * 20), dtype="string"),
        real=pd.array(holes(np.arange(40.0)), dtype="Float64"),
    )
    for frame in impute(
        data, outcome="y", variables=["x", "count", "truth", "text", "real"], m=2, seed=1
    ):
        pd.testing.assert_series_equal(frame.data.dtypes, data.dtypes)
        assert frame.data.notna().all().all()
        assert set(frame.data["truth"]) == {True, False}


def test_rows_may_share_an_index_label() -> None:
    data = GAPS.set_axis(np.zeros(len(GAPS), dtype=int))
    plain = impute(FRAME, m=2, iterations=2, seed=1)
    shared = impute(
        Frame(data, unit="level", cluster="patient_id", outcome="leak"), m=2, iterations=2, seed=1
    )
    for a, b in zip(plain, shared, strict=True):
        pd.testing.assert_frame_equal(a.data.reset_index(drop=True), b.data.reset_index(drop=True))


def test_input_is_unchanged_and_not_shared() -> None:
    before = GAPS.copy(deep=True)
    done = impute(FRAME, m=2, iterations=1, seed=1)
    pd.testing.assert_frame_equal(GAPS, before)
    done.frames[0].data.loc[0, "leak"] = 7
    pd.testing.assert_frame_equal(GAPS, before)


def test_the_seed_decides_and_the_workers_do_not() -> None:
    one = impute(FRAME, m=3, iterations=2, seed=8)
    two = impute(FRAME, m=3, iterations=2, seed=8, n_jobs=2)
    other = impute(FRAME, m=3, iterations=2, seed=9)
    for a, b in zip(one, two, strict=True):
        pd.testing.assert_frame_equal(a.data, b.data)
    assert not one.frames[0].data.equals(other.frames[0].data)
    # a chain has a stream of its own: more imputations do not change the first
    more = impute(FRAME, m=4, iterations=2, seed=8)
    pd.testing.assert_frame_equal(one.frames[2].data, more.frames[2].data)


def test_complete_data_pass_through() -> None:
    done = impute(levels(), outcome="leak", m=2, seed=1)
    assert all(frame.data.equals(levels()) for frame in done)
    assert done.traces.trace.empty
    assert done.traces.tidy().empty
    assert done.caveats == ()
    done.traces.plot()


# --- the outcome


def test_an_outcome_is_needed() -> None:
    with pytest.raises(UsageError, match="name the outcome"):
        impute(small(z=holes(range(40))), seed=1)
    assert len(impute(small(z=holes(range(40))), outcome=(), m=2, seed=1)) == 2


def test_the_outcome_predicts_and_is_not_imputed() -> None:
    data = small(z=holes(np.arange(40.0)))
    data["y"] = holes(data["y"].astype(float), 7)
    done = impute(data, outcome="y", m=2, seed=1)
    for frame in done:
        pd.testing.assert_series_equal(frame.data["y"], data["y"])
        assert frame.data["z"].notna().all()
    asked = impute(data, outcome="y", impute_outcome=True, m=2, seed=1)
    assert all(frame.data["y"].isin([0.0, 1.0]).all() for frame in asked)


def test_leaving_the_outcome_out_is_visible_in_the_imputations() -> None:
    rng = np.random.default_rng(1)
    y = rng.integers(0, 2, 2_000)
    data = pd.DataFrame({"y": y, "z": holes(y * 3.0 + rng.normal(size=2_000), 2)})
    gap = data["z"].isna()

    def contrast(frame: Frame) -> float:
        drawn = frame.data[gap].groupby("y")["z"].mean()
        return float(drawn[1] - drawn[0])

    with_it = impute(data, outcome="y", m=2, seed=1).frames[0]
    without = impute(data.assign(w=1.0), outcome=(), exclude=["y"], m=2, seed=1).frames[0]
    assert contrast(with_it) == pytest.approx(3, abs=0.3)
    assert contrast(without) == pytest.approx(0, abs=0.3)


def follow_up() -> pd.DataFrame:
    rng = np.random.default_rng(2)
    n = 300
    z = rng.normal(size=n)
    days = np.ceil(rng.exponential(400 * np.exp(-z)))
    event = rng.choice([0, 1, 2], n, p=[0.3, 0.5, 0.2])
    return pd.DataFrame({"days": days, "event": event, "z": holes(z, 3), "w": rng.normal(size=n)})


def test_time_to_event_enters_as_event_and_hazard() -> None:
    data = follow_up()
    frame = Frame(data, unit="patient", outcome="event", duration="days")
    own = impute(frame, m=2, seed=1)
    named = impute(data, duration="days", event="event", m=2, seed=1)
    for a, b in zip(own, named, strict=True):
        pd.testing.assert_frame_equal(a.data, b.data)
    # the hazard stands for the time: any growing function of the time will do
    stretched = impute(
        data.assign(days=data["days"] ** 2), duration="days", event="event", m=2, seed=1
    )
    pd.testing.assert_series_equal(stretched.frames[0].data["z"], named.frames[0].data["z"])
    slopes = fit_cox(named, "z + w", duration="days", event="event").coefficients
    assert slopes[0] > 0.4


def test_rows_without_follow_up_take_no_part() -> None:
    data = follow_up().astype({"event": "Int64"})
    data.loc[:9, "event"] = pd.NA
    done = impute(data, duration="days", event="event", m=2, seed=1)
    assert [c.code for c in done.caveats if c.code == "imputation_rows"]
    for frame in done:
        pd.testing.assert_series_equal(frame.data["z"][:10], data["z"][:10])
        assert frame.data["z"][10:].notna().all()


def test_patients_have_one_value_also_in_rows_without_follow_up() -> None:
    data = with_gaps(levels()).assign(days=np.arange(1.0, len(GAPS) + 1), event=1)
    several = data["patient_id"].duplicated()
    data.loc[several, "days"] = np.nan
    done = impute(
        Frame(data, unit="level", cluster="patient_id", outcome="event", duration="days"),
        patient_level=PER_PATIENT, m=2, iterations=2, seed=1,
    )  # fmt: skip
    for frame in done:
        assert (frame.data.groupby("patient_id")["bmi"].nunique(dropna=False) == 1).all()


def test_time_needs_its_event() -> None:
    with pytest.raises(UsageError, match="both duration= and event="):
        impute(follow_up(), duration="days", seed=1)


# --- which columns


def test_dates_identifiers_and_text_stay_out_and_are_named() -> None:
    data = small(
        z=holes(range(40)),
        day=pd.date_range("2020-01-01", periods=40),
        note=[f"note {i}" for i in range(40)],
        nothing=np.nan,
    )
    done = impute(data, outcome="y", m=2, seed=1)
    (caveat,) = [c for c in done.caveats if c.code == "imputation_left_out"]
    assert all(name in caveat.message for name in ("day", "note", "nothing"))
    pd.testing.assert_series_equal(done.frames[0].data["note"], data["note"])


def test_auxiliary_columns_help_and_come_back_as_they_were() -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(size=400)
    data = pd.DataFrame({"y": rng.integers(0, 2, 400), "z": holes(x, 2)})
    data["helper"] = holes(x + 0.05 * rng.normal(size=400), 7)
    helped = impute(data, outcome="y", variables=["z"], auxiliary=["helper"], m=2, seed=1)
    pd.testing.assert_series_equal(helped.frames[0].data["helper"], data["helper"])
    gap = data["z"].isna() & data["helper"].notna()
    assert np.corrcoef(helped.frames[0].data["z"][gap], x[gap])[0, 1] > 0.95
    alone = impute(data, outcome="y", exclude=["helper"], m=2, seed=1)
    assert abs(np.corrcoef(alone.frames[0].data["z"][gap], x[gap])[0, 1]) < 0.3
    none = impute(data, outcome="y", predictors={"z": []}, m=2, seed=1)
    assert abs(np.corrcoef(none.frames[0].data["z"][gap], x[gap])[0, 1]) < 0.3


def test_a_column_of_every_refusal() -> None:
    data = small(z=holes(range(40)), never=np.nan, huge=[np.inf] + [1.0] * 39,
                 day=pd.date_range("2020-01-01", periods=40))  # fmt: skip

    def asked(**options: Any) -> Imputations:
        return impute(data, outcome="y", m=2, seed=1, **options)

    for options, said in [
        ({"variables": ["zz"]}, "no such column; did you mean 'z'"),
        ({"variables": ["never"]}, "holds no value"),
        ({"variables": ["huge"]}, "infinite number"),
        ({"variables": ["day"]}, "type datetime64"),
        ({"variables": "z"}, r"takes a list of columns; write \['z'\]"),
        ({"variables": ["z"], "methods": {"x": "pmm"}}, "not in the imputation model"),
        ({"variables": ["z"], "methods": {"z": "magic"}}, "expected one of pmm"),
        ({"variables": ["z"], "methods": {"z": "logistic"}}, "32 categories"),
        ({"variables": ["z"], "predictors": {"z": ["w"]}}, "names 'w'"),
        ({"variables": ["z"], "exclude": ["z"]}, "cannot be imputed"),
        ({"variables": ["z"], "patient_level": ["x"]}, "needs the column that names"),
        ({"variables": ["z"], "cluster": "w"}, "do not have: w"),
    ]:
        with pytest.raises(UsageError, match=said):
            asked(**options)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"m": 1}, "m is 1"),
        ({"m": 2.5}, "whole number"),
        ({"iterations": 0}, "iterations is 0"),
        ({"seed": -1}, "seed is -1"),
        ({"seed": None}, "seed is None"),
        ({"seed": True}, "seed is True"),
    ],
)
def test_numbers_of_a_run(options: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        impute(small(), **{"outcome": "y", "seed": 1, **options})


def test_models_that_are_too_wide_are_refused() -> None:
    wide = small(z=holes(range(40))).join(pd.DataFrame(np.eye(40, 51)).add_prefix("w"))
    with pytest.raises(UsageError, match="53 columns that could enter"):
        impute(wide, outcome="y", seed=1)
    many = pd.DataFrame(
        {"y": [0, 1] * 600, "site": holes([f"s{i % 37:02d}" for i in range(1_200)])}
    )
    many = many.join(
        pd.DataFrame(np.random.default_rng(1).normal(size=(1_200, 30))).add_prefix("w")
    )
    with pytest.raises(UsageError, match="1,152 coefficients"):
        impute(many, outcome="y", variables=[c for c in many if c != "y"], seed=1)


def test_methods_fit_their_columns() -> None:
    text, whole = small(site=holes(list("abcd") * 10)), small(z=pd.array(holes(range(40)), "Int64"))
    with pytest.raises(UsageError, match="'pmm' cannot draw"):
        impute(text, outcome="y", methods={"site": "pmm"}, seed=1)
    with pytest.raises(UsageError, match="without an order"):
        impute(text, outcome="y", methods={"site": "ordinal"}, seed=1)
    with pytest.raises(UsageError, match="fractions of"):
        impute(whole, outcome="y", methods={"z": "norm"}, seed=1)


def test_repeated_patients_need_their_cluster() -> None:
    with pytest.raises(UsageError, match="patients have several"):
        impute(Frame(GAPS, unit="level", outcome="leak"), seed=1)
    done = impute(Frame(GAPS, unit="level", outcome="leak"), independent="a test", m=2, seed=1)
    assert [c.message for c in done.caveats if c.code == "independent"]
    assert (done.frames[0].data.groupby("patient_id")["bmi"].nunique() == 1).all()
    with pytest.raises(UsageError, match="missing cluster ids"):
        impute(GAPS.assign(who=holes(GAPS["patient_id"])), outcome="leak", cluster="who", seed=1)


# --- difficult columns


def test_collinear_and_constant_columns_do_no_harm() -> None:
    data = small(z=holes(np.arange(40.0)))
    twin = data.assign(copy=data["x"], double=2 * data["x"] + 1, one=1.0)
    drawn = impute(twin, outcome="y", m=2, seed=1).frames[0].data["z"]
    assert drawn.notna().all()
    assert drawn.between(0, 39).all()
    # a predictor that never varies among the rows where the variable was observed
    odd = data.assign(only=data["z"].isna().astype(float), site=holes(list("abcd") * 10, 3))
    done = impute(odd, outcome="y", methods={"only": "pmm"}, m=2, seed=1)
    assert done.frames[0].data.notna().all().all()


def test_nearly_collinear_columns_stay_in_range_without_matching() -> None:
    rng = np.random.default_rng(1)
    data = small()
    data["near"] = data["x"] + 1e-9 * rng.normal(size=40)
    data["z"] = holes(data["x"] + 0.1 * rng.normal(size=40))
    drawn = impute(data, outcome="y", methods={"z": "norm"}, m=5, seed=1)
    assert all(abs(frame.data["z"] - data["x"]).max() < 1 for frame in drawn)


@pytest.mark.parametrize("values", [[3.0] * 40, ["a"] * 40])
def test_one_observed_value_is_taken_for_all(values: list[Any]) -> None:
    done = impute(small(z=holes(values)), outcome="y", variables=["x", "z"], m=2, seed=1)
    assert set(done.frames[0].data["z"]) == {values[0]}
    assert "imputation_constant" in [c.code for c in done.caveats]


def test_categories_that_no_row_has_are_kept_and_not_drawn() -> None:
    z = pd.Categorical(holes(["a", "b"] * 20), ["a", "b", "never"])
    done = impute(small(z=z), outcome="y", m=2, seed=1)
    assert list(done.frames[0].data["z"].cat.categories) == ["a", "b", "never"]
    assert "never" not in set(done.frames[0].data["z"])
    (caveat,) = [c for c in done.caveats if c.code == "imputation_category"]
    assert "'never'" in caveat.message


@pytest.mark.parametrize("method", ["logistic", "multinomial", "ordinal"])
def test_perfect_prediction_does_not_break_a_draw(method: str) -> None:
    """A category that a predictor determines: no estimate is finite without the added rows."""
    x = np.r_[np.full(20, -1.0), np.full(20, 1.0)]
    groups = np.repeat(
        ["a", "b"] if method == "logistic" else ["a", "b", "c", "d"],
        20 if method == "logistic" else 10,
    )
    z = pd.Categorical(holes(groups, 6), ordered=method == "ordinal")
    data = pd.DataFrame({"y": [0, 1] * 20, "x": x, "z": z})
    done = impute(data, outcome="y", m=5, seed=1)
    right = [(frame.data["z"].astype(str) == groups).mean() for frame in done]
    assert min(right) > 0.75
    assert "imputation_model" not in [c.code for c in done.caveats]


def test_fewer_rows_than_predictors_is_said() -> None:
    rng = np.random.default_rng(1)
    data = small(z=holes(range(40))).join(pd.DataFrame(rng.normal(size=(40, 30))).add_prefix("w"))
    done = impute(data, outcome="y", m=2, seed=1)
    assert "imputation_predictors" in [c.code for c in done.caveats]
    assert done.frames[0].data["z"].between(0, 39).all()


def test_codes_that_say_why_there_is_no_answer() -> None:
    codes = ["no", "yes", "unknown", "not_done", "not_applicable"]
    answers = pd.Categorical(
        np.resize(["no", "yes", "no", "unknown", "not_done", "not_applicable"], 40), codes
    )
    done = impute(small(z=answers), outcome="y", m=2, seed=1)
    for frame in done:
        filled = frame.data["z"]
        assert list(filled.cat.categories) == codes
        # what does not apply is no gap; what is unknown or was not done is
        assert (filled[answers == "not_applicable"] == "not_applicable").all()
        assert filled[answers.isin(["unknown", "not_done"])].isin(["no", "yes"]).all()


# --- passive variables, subgroups, shifts


def test_passive_variables_follow_their_formula() -> None:
    rng = np.random.default_rng(1)
    height = rng.normal(1.65, 0.1, 80).round(2)
    data = pd.DataFrame({"y": rng.integers(0, 2, 80), "height": holes(height, 4)})
    data["weight"] = holes((25 * height**2 + rng.normal(0, 5, 80)).round(), 3)
    data["bmi"] = data["weight"] / data["height"] ** 2
    formulas = {"bmi": "weight / height ** 2", "log_bmi": "log(bmi)", "heavy": "bmi > 25"}
    data["heavy"] = (data["bmi"] > 25).astype("boolean").mask(data["bmi"].isna())
    done = impute(data, outcome="y", passive=formulas, m=3, seed=1)
    for frame in done:
        full = frame.data
        np.testing.assert_allclose(full["bmi"], full["weight"] / full["height"] ** 2)
        np.testing.assert_allclose(full["log_bmi"], np.log(full["bmi"]))
        assert full["heavy"].dtype == "boolean"
        assert (full["heavy"] == (full["bmi"] > 25)).all()
    methods = done.traces.tidy().set_index("variable")["method"]
    assert methods["bmi"] == "= weight / height ** 2"


def test_observed_values_of_a_passive_variable_stand() -> None:
    data = small(z=holes(np.arange(1.0, 41)))
    data["log_z"] = np.log(np.arange(1.0, 41))
    data.loc[5, "log_z"] = np.nan
    done = impute(data, outcome="y", passive={"log_z": "log(z)"}, m=2, seed=1)
    for frame in done:
        seen = data["log_z"].notna()
        pd.testing.assert_series_equal(frame.data["log_z"][seen], data["log_z"][seen])
        assert frame.data["log_z"][5] == np.log(frame.data["z"][5])


def test_patient_level_passive_variables_are_so() -> None:
    done = impute(FRAME, passive={"log_bmi": "log(bmi)"}, m=2, iterations=2, seed=1)
    units = done.traces.tidy().set_index("variable")["unit"]
    assert units["log_bmi"] == "patient"
    for frame in done:
        assert (frame.data.groupby("patient_id")["log_bmi"].nunique() == 1).all()


@pytest.mark.parametrize(
    ("formula", "error", "said"),
    [
        ("__import__('os')", FormulaError, "is not a"),
        ("center(z)", FormulaError, "learns from the data"),
        ("total + 1", FormulaError, "made from itself"),
        ("z + nowhere", UsageError, "no such column"),
        ("C(z)", FormulaError, "makes categories"),
        ("log(z)", UsageError, "infinite or undefined"),
        ("z + other", UsageError, "incomplete, but not imputed"),
        ("z + site", UsageError, "needs numbers"),
    ],
)
def test_formulas_that_are_refused(formula: str, error: type[Exception], said: str) -> None:
    data = small(z=holes(np.arange(-1.0, 39)), other=holes(range(40), 3), site=["a", "b"] * 20)
    with pytest.raises(error, match=said):
        impute(data, outcome="y", exclude=["other"], passive={"total": formula}, m=2, seed=1)


def test_a_formula_undefined_for_an_imputed_value_says_so() -> None:
    # two rows hold zero in either, never in both, so that the data alone are fine
    a, b = np.arange(40.0), np.arange(40.0)[::-1]
    data = small(a=holes(a % 2, 3), b=holes(1 - a % 2, 4))
    with pytest.raises(UsageError, match="infinite or undefined for an imputed value"):
        impute(data, outcome="y", methods={"a": "pmm", "b": "pmm"}, predictors={"a": [], "b": []},
               passive={"ratio": "1 / (a + b)"}, m=5, seed=1)  # fmt: skip
    assert len(b) == 40


def test_a_variable_is_imputed_where_it_is_defined() -> None:
    surgery = np.arange(40) % 2
    minutes = pd.Series(np.where(surgery == 1, np.arange(40.0), np.nan)).mask(
        np.arange(40) % 5 == 0
    )
    data = small(surgery=surgery, minutes=minutes)
    for condition in ("surgery == 1", "surgery", surgery == 1, pd.Series(surgery == 1)):
        done = impute(data, outcome="y", where={"minutes": condition}, m=2, seed=1)
        for frame in done:
            assert (frame.data["minutes"].notna() == (surgery == 1)).all()
    (row,) = done.traces.tidy().query("variable == 'minutes'").to_dict("records")
    assert row["n_imputed"] == 4


def test_conditions_that_are_refused() -> None:
    surgery = holes(np.arange(40) % 2, 7)
    data = small(surgery=surgery, minutes=holes(np.arange(40.0)))
    for condition, said in [
        ("surgery == 1", "is missing in 6 rows"),
        ("x > 0", "where it is not defined"),
        (np.ones(3, bool), "3 values and the data 40"),
    ]:
        with pytest.raises(UsageError, match=said):
            impute(data, outcome="y", where={"minutes": condition}, m=2, seed=1)
    with pytest.raises(UsageError, match="not in the imputation model"):
        impute(data, outcome="y", where={"hours": "x > 0"}, m=2, seed=1)
    per_row = np.arange(len(GAPS)) % 2 == 0
    bare = GAPS.assign(bmi=GAPS["bmi"].where(per_row))
    with pytest.raises(UsageError, match="where= differs between them"):
        impute(Frame(bare, unit="level", cluster="patient_id", outcome="leak"),
               patient_level=["bmi"], where={"bmi": per_row}, m=2, seed=1)  # fmt: skip


def test_a_shift_moves_imputed_numbers_alone() -> None:
    data = small(z=holes(np.arange(40.0)))
    plain = impute(data, outcome="y", m=2, iterations=1, seed=1)
    moved = impute(data, outcome="y", m=2, iterations=1, seed=1, delta={"z": 2.5})
    gap = data["z"].isna()
    for a, b in zip(plain, moved, strict=True):
        np.testing.assert_allclose(b.data["z"] - a.data["z"], np.where(gap, 2.5, 0.0))
    assert "imputation_delta" in [c.code for c in moved.caveats]


def test_a_shift_by_group() -> None:
    data = small(z=holes(np.arange(40.0)), arm=["a", "b"] * 20)
    plain = impute(data, outcome="y", m=2, iterations=1, seed=1)
    moved = impute(
        data, outcome="y", m=2, iterations=1, seed=1, delta={"z": {"b": -3}}, delta_by="arm"
    )
    expected = np.where(data["z"].isna() & (data["arm"] == "b"), -3.0, 0.0)
    np.testing.assert_allclose(moved.frames[0].data["z"] - plain.frames[0].data["z"], expected)


@pytest.mark.parametrize("kind", ["logistic", "ordinal"])
def test_a_shift_of_log_odds(kind: str) -> None:
    rng = np.random.default_rng(1)
    codes = rng.integers(0, 2 if kind == "logistic" else 3, 3_000)
    z = pd.Categorical(holes(codes.astype(str), 2), ordered=kind == "ordinal")
    data = pd.DataFrame({"y": rng.integers(0, 2, 3_000), "z": z})

    def log_odds(**options: Any) -> float:
        frame = impute(data, outcome="y", m=2, iterations=2, seed=1, **options).frames[0]
        share = float((frame.data["z"][data["z"].isna()] != "0").mean())
        return float(np.log(share / (1 - share)))

    # standard error of a difference of log odds of 1,500 rows each: 0.08
    assert log_odds(delta={"z": 1.0}) - log_odds() == pytest.approx(1.0, abs=0.3)


def test_shifts_that_are_refused() -> None:
    data = small(z=pd.array(holes(range(40)), "Int64"), site=holes(list("abcd") * 10),
                 arm=holes(["a", "b"] * 20))  # fmt: skip

    def asked(**options: Any) -> Imputations:
        return impute(data, outcome="y", m=2, seed=1, **options)

    for options, said in [
        ({"delta": {"x": 1, "w": 2}}, "delta= names 'w'"),
        ({"delta": {"z": np.inf}}, "finite number"),
        ({"delta": {"z": 0.5}}, "make the column float"),
        ({"delta": {"site": 1.0}}, "categories without an order"),
        ({"delta": {"z": {"a": 1}}}, "needs delta_by="),
        ({"delta": {"z": {"q": 1}}, "delta_by": "arm"}, "names 'q'"),
        ({"delta": {"z": {"a": 1}}, "delta_by": "arm"}, "must be known"),
    ]:
        with pytest.raises(UsageError, match=said):
            asked(**options)


# --- tipping point


def missing_high() -> pd.DataFrame:
    rng = np.random.default_rng(3)
    z = rng.normal(size=150)
    y = (rng.random(150) < 1 / (1 + np.exp(-z))).astype(int)
    return pd.DataFrame({"y": y, "z": holes(z, 3)})


def test_tipping_point() -> None:
    data = missing_high()
    found = tipping_point(
        data,
        lambda d: fit_logistic(d, "y ~ z"),
        variable="z",
        deltas=[-20, -2, 2, 8],
        outcome="y",
        m=4,
        iterations=2,
        seed=1,
    )
    rows = found.tidy()
    assert rows["delta"].tolist() == [-20, -2, 0, 2, 8]
    plain = fit_logistic(
        impute(data, outcome="y", m=4, iterations=2, seed=1, delta={"z": 0}), "y ~ z"
    )
    middle = rows[rows["delta"] == 0].iloc[0]
    assert middle["estimate"] == plain.tidy()["estimate"][1]
    assert middle["conclusion"] == "above"
    assert rows["conclusion"].tolist() == ["unclear", "above", "above", "above", "unclear"]
    assert (found.tipping_low, found.tipping_high) == (-20, 8)
    assert "changes when" in found.caveats[-1].message


def test_a_conclusion_that_no_shift_changes() -> None:
    found = tipping_point(
        missing_high(), lambda d: fit_logistic(d, "y ~ z"), variable="z", deltas=[0.01],
        outcome="y", m=2, iterations=1, seed=1,
    )  # fmt: skip
    assert np.isnan([found.tipping_low, found.tipping_high]).all()
    assert "stays the same" in found.caveats[-1].message


def test_tipping_points_that_are_refused() -> None:
    options = {"variable": "z", "outcome": "y", "m": 2, "iterations": 1, "seed": 1}
    with pytest.raises(UsageError, match="no coefficient"):
        tipping_point(missing_high(), lambda d: fit_logistic(d, "y ~ 1"), deltas=[1], **options)
    with pytest.raises(UsageError, match="finite numbers"):
        tipping_point(
            missing_high(), lambda d: fit_logistic(d, "y ~ z"), deltas=[np.nan], **options
        )


# --- how the chains went


def test_traces(made: Imputations) -> None:
    traces = made.traces
    assert set(traces.trace.columns) == {"variable", "iteration", "chain", "mean", "std_dev"}
    assert len(traces.trace) == 4 * 5 * 9
    last = traces.trace.query("variable == 'cement_ml' and iteration == 5 and chain == 2")
    drawn = made.frames[1].data["cement_ml"][GAPS["cement_ml"].isna()]
    assert last["mean"].iloc[0] == pytest.approx(drawn.mean())
    assert last["std_dev"].iloc[0] == pytest.approx(drawn.std())
    rows = traces.tidy().set_index("variable")
    assert rows.loc["cement_ml", "n_imputed"] == GAPS["cement_ml"].isna().sum()
    assert rows.loc["cement_ml", "share_missing"] == GAPS["cement_ml"].isna().mean()
    assert traces.incomplete == GAPS.isna().any(axis=1).mean()
    axes = traces.plot(variable="bmi")
    assert len(axes.lines) == 4
    assert axes.get_ylabel() == "Mean of imputed bmi"
    with pytest.raises(UsageError, match="was not imputed"):
        traces.plot(variable="leak")


def test_too_few_imputations_are_said(made: Imputations) -> None:
    (caveat,) = [c for c in made.caveats if c.code == "few_imputations"]
    assert "4 imputations" in caveat.message
    few_gaps = impute(small(z=holes(range(40), 40)), outcome="y", m=3, seed=1)
    assert "few_imputations" not in [c.code for c in few_gaps.caveats]


def test_chains_that_do_not_agree_are_said() -> None:
    """Two columns that predict each other almost exactly and are never missing alone."""
    rng = np.random.default_rng(1)
    x = rng.normal(size=300)
    data = pd.DataFrame(
        {"y": rng.integers(0, 2, 300), "a": x, "b": x + 0.001 * rng.normal(size=300)}
    )
    data.loc[50:, ["a", "b"]] = np.nan
    done = impute(data, outcome="y", m=5, iterations=20, seed=1)
    assert "imputation_convergence" in [c.code for c in done.caveats]


def test_scale_reduction() -> None:
    same = np.random.default_rng(1).normal(size=(20, 40))
    assert scale_reduction(same) == pytest.approx(1, abs=0.1)
    assert np.isnan(scale_reduction(same[:, :3]))
    assert np.isnan(scale_reduction(np.ones((4, 8))))
    assert largest_by_chance(2, 10) > largest_by_chance(20, 10) == 1.2
    assert largest_by_chance(5, 3) == np.inf


# --- kernels


def test_the_nearest_donors_are_taken() -> None:
    rng = np.random.default_rng(1)
    donors, wanted = rng.normal(size=50), rng.normal(size=200)
    for _ in range(20):
        chosen = match(donors, wanted, rng)
        rank = (np.abs(donors - wanted[:, None]) < np.abs(donors[chosen] - wanted)[:, None]).sum(1)
        assert (rank < 5).all()
    assert len(np.unique(match(donors, np.zeros(500), rng))) == 5


def test_equal_donors_are_equally_likely() -> None:
    rng = np.random.default_rng(1)
    found = np.concatenate([match(np.zeros(20), np.zeros(1), rng) for _ in range(4_000)])
    counts = np.bincount(found, minlength=20)
    # 200 expected each, standard deviation 13.8
    assert abs(counts - 200).max() < 5 * 13.8
    # rows with equal predictors do not share five donors
    donors = np.repeat([0.0, 1.0], 300)
    assert len(np.unique(match(donors, np.full(2_000, 0.2), rng))) > 290


def test_few_donors_are_all_used() -> None:
    rng = np.random.default_rng(1)
    assert set(match(np.array([1.0, 2.0]), np.zeros(50), rng)) == {0, 1}


def test_a_line_is_drawn_around_least_squares() -> None:
    rng = np.random.default_rng(1)
    X = np.column_stack([np.ones(500), rng.normal(size=(500, 2)), np.empty(500)])
    X[:, 3] = X[:, :3] @ [0.1, 0.5, -0.5] + 0.3 * rng.normal(size=500)
    used, rows = np.arange(3), np.arange(500)
    lines = [draw_line(X, 3, used, rows, rng) for _ in range(2_000)]
    exact, *_ = np.linalg.lstsq(X[:, :3], X[:, 3], rcond=None)
    np.testing.assert_allclose(lines[0].estimate[:3], exact, atol=1e-4)  # the ridge
    drawn = np.array([line.drawn[:3] for line in lines])
    errors = np.sqrt(np.diag(np.linalg.inv(X[:, :3].T @ X[:, :3]))) * 0.3
    np.testing.assert_allclose(drawn.std(axis=0), errors, rtol=0.12)
    np.testing.assert_allclose(drawn.mean(axis=0), exact, atol=6 * errors.max() / np.sqrt(2_000))


# --- the page


def test_the_examples_of_the_page_run(root: Path) -> None:
    page = (root / "docs" / "methods" / "missing-values.md").read_text("utf-8")
    names: dict[str, Any] = {}
    for block in re.findall(r"```python\n(.*?)```", page, re.DOTALL):
        exec(block, names)
    assert names["fit"].ok
    assert len(names["found"].tidy()) == 5
