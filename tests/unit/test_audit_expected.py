"""What the audit expects, where data are awkward: every row is one call and one clear answer."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from vpstats.centers.ascertainment import ascertainment, survives_detection
from vpstats.centers.calibration import risk_groups
from vpstats.centers.casemix import case_mix
from vpstats.centers.expected import Expected, expected_proportion
from vpstats.centers.floors import choose_adjustment
from vpstats.centers.followup import followup_completeness
from vpstats.centers.incidence import expected_incidence
from vpstats.centers.limits import chance_of, read_tails, tail_functions
from vpstats.centers.process import with_recorded, with_values
from vpstats.centers.standard import condense
from vpstats.centers.sums import CenterSums, Risks
from vpstats.centers.volume import needed_volume, power
from vpstats.errors import UsageError
from vpstats.frames import Frame, Imputations


def network(n: int = 400, k: int = 4, seed: int = 1, risk: float = 0.2) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    age = rng.normal(70, 8, n)
    odds = np.log(risk / (1 - risk)) + 0.05 * (age - 70)
    days = np.ceil(rng.exponential(400, n))
    return pd.DataFrame(
        {
            "patient_id": [f"p{i}" for i in rng.integers(0, n, n)],
            "center_id": [f"c{i}" for i in rng.integers(0, k, n)],
            "age": age,
            "sex": rng.choice(["f", "m"], n),
            "leak": (rng.random(n) < 1 / (1 + np.exp(-odds))).astype(float),
            "days": np.minimum(days, 365.0),
            "event": np.where(days >= 365, 0, rng.choice([1, 1, 2], n)),
        }
    )


ROWS = network()
LEVELS = Frame(ROWS, unit="level", cluster="patient_id")
TIMED: dict[str, Any] = {"duration": "days", "event": "event", "horizon": 90}


def codes(found: Expected) -> set[str]:
    return {c.code for c in found.caveats}


def test_one_center_has_nothing_to_be_compared_with() -> None:
    one = ROWS.assign(center_id="c0")
    for found in (
        expected_proportion(one, outcome="leak", adjust=["age"]),
        expected_incidence(one, adjust=["age"], **TIMED),
    ):
        assert found.status == "one center"
        assert "no other center" in found.reason
        assert found.sums.n.tolist() == [400.0]
        assert np.isnan(found.sums.expected).all()
        assert np.isnan(found.row_risks).all()


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_an_outcome_that_never_varies_is_no_error(value: float) -> None:
    found = expected_proportion(ROWS.assign(leak=value), outcome="leak", adjust=["age"])
    assert found.status == "constant outcome"
    np.testing.assert_allclose(found.sums.expected, value * found.sums.n)
    assert (found.sums.benchmark_variance > 0).all()  # no event is not no doubt
    assert "event_floor" in codes(found)


def test_no_event_by_the_horizon() -> None:
    found = expected_incidence(ROWS.assign(event=0), adjust=["age"], **TIMED)
    assert found.status == "constant outcome"
    assert found.sums.expected.tolist() == [0.0] * 4
    assert (found.sums.benchmark_variance > 0).all()


def test_no_rows() -> None:
    nothing = ROWS.assign(leak=np.nan)
    assert expected_proportion(nothing, outcome="leak").status == "no rows"
    nobody = ROWS.assign(center_id=None)
    assert expected_proportion(nobody, outcome="leak", adjust=["age"]).status == "no rows"
    assert expected_incidence(nobody, adjust=["age"], **TIMED).status == "no rows"


def test_a_center_with_all_events_of_the_network() -> None:
    leak = (ROWS["center_id"] == "c1") & (ROWS["age"] > 70)
    found = expected_proportion(ROWS.assign(leak=leak.astype(float)), outcome="leak")
    assert found.ok
    assert found.sums.expected[1] == 0.0
    assert found.sums.benchmark_variance[1] > 0
    assert np.isnan(found.rates.loc[1, "indirect"])  # observed over nothing
    assert found.rates.loc[0, "direct_low"] == 0.0 < found.rates.loc[0, "direct_high"]


def test_a_center_of_one_patient() -> None:
    alone = ROWS.assign(center_id=np.where(np.arange(400) == 7, "z", ROWS["center_id"]))
    found = expected_proportion(alone, outcome="leak", adjust=["age"])
    assert found.sums.n[-1] == found.sums.n_patients[-1] == 1
    risk = found.row_risks[7]
    assert found.sums.variance[-1] == pytest.approx(risk * (1 - risk))
    timed = expected_incidence(alone, adjust=["age"], **TIMED)
    assert timed.sums.expected[-1] == pytest.approx(timed.row_risks[7])


def test_a_center_with_half_the_volume_is_compared_with_the_other_half() -> None:
    half = ROWS.assign(center_id=np.where(np.arange(400) < 200, "big", ROWS["center_id"]))
    found = expected_proportion(half, outcome="leak").sums
    rest = ROWS["leak"].to_numpy()[200:].mean()
    assert found.expected[0] == pytest.approx(200 * rest)
    # as in a test of two samples, the other half is no more certain than the half itself
    assert found.benchmark_variance[0] == pytest.approx(found.variance[0], rel=0.2)


def test_rows_without_a_center_are_counted() -> None:
    some = ROWS.assign(center_id=ROWS["center_id"].where(np.arange(400) >= 30))
    found = expected_proportion(some, outcome="leak")
    assert found.sums.n.sum() == 370
    assert found.rows.tolist() == list(range(30, 400))
    assert "30 rows name no center" in found.caveats[0].message


def test_rows_without_a_covariate_are_counted_by_center() -> None:
    gone = (ROWS["center_id"] == "c2") & (np.arange(400) % 2 == 0)
    found = expected_proportion(
        ROWS.assign(age=ROWS["age"].mask(gone)), outcome="leak", adjust=["age"]
    )
    table = found.missing.set_index("center_id")
    assert table.loc["c2", "n_missing"] == gone.sum()
    assert table.loc["c0", "n_missing"] == 0
    text = next(c.message for c in found.caveats if c.code == "dropped_rows")
    assert "c2" in text
    assert "c0" not in text
    assert "Impute" in text


def test_few_rows_without_a_covariate_name_no_center() -> None:
    age = ROWS["age"].where(np.arange(400) != 3)
    found = expected_proportion(ROWS.assign(age=age), outcome="leak", adjust=["age"])
    words = "1 of 400 rows lack a covariate of the adjustment and were left out."
    assert words in [c.message for c in found.caveats]


def test_a_center_that_never_records_a_covariate_stays_in_the_count() -> None:
    gone = ROWS["center_id"] == "c2"
    found = expected_proportion(
        ROWS.assign(age=ROWS["age"].mask(gone)), outcome="leak", adjust=["age"]
    )
    assert found.sums.centers == ("c0", "c1", "c3")
    assert found.missing.set_index("center_id").loc["c2", "share_missing"] == 1.0


def test_imputations_lose_no_row_and_widen_the_benchmark() -> None:
    gone = np.arange(400) % 5 == 0
    copies = [
        Frame(
            ROWS.assign(age=ROWS["age"].mask(gone).fillna(70 + shift)),
            unit="level",
            cluster="patient_id",
        )
        for shift in (-6, 0, 6)
    ]
    options: dict[str, Any] = {"outcome": "leak", "adjust": ["age"]}
    found = expected_proportion(Imputations(tuple(copies)), **options)
    alone = [expected_proportion(c, **options) for c in copies]
    expected = np.array([a.sums.expected for a in alone])
    within = np.mean([a.sums.benchmark_variance for a in alone], axis=0)
    np.testing.assert_allclose(found.sums.expected, expected.mean(axis=0))
    by_rubin = within + (1 + 1 / 3) * expected.var(axis=0, ddof=1)
    np.testing.assert_allclose(found.sums.benchmark_variance, by_rubin)
    assert found.sums.n.sum() == 400
    timed = expected_incidence(Imputations(tuple(copies)), adjust=["age"], **TIMED)
    alone = [expected_incidence(c, adjust=["age"], **TIMED) for c in copies]
    np.testing.assert_allclose(
        timed.sums.expected, np.mean([a.sums.expected for a in alone], axis=0)
    )


def test_an_imputed_outcome_is_refused() -> None:
    copies = [
        Frame(ROWS.assign(leak=ROWS["leak"].where(np.arange(400) != 3, v)), unit="row")
        for v in (0.0, 1.0)
    ]
    with pytest.raises(UsageError, match="differ between imputations"):
        expected_proportion(Imputations(tuple(copies)), outcome="leak", cluster="patient_id")


def test_a_constant_covariate_is_left_out_and_named() -> None:
    found = expected_proportion(ROWS.assign(same=1.0), outcome="leak", adjust=["age", "same"])
    assert "aliased" in codes(found)
    plain = expected_proportion(ROWS, outcome="leak", adjust=["age"])
    np.testing.assert_allclose(found.sums.expected, plain.sums.expected)


def test_what_differs_between_centers_alone_is_not_adjusted_for() -> None:
    volume = ROWS["center_id"].map({"c0": 10.0, "c1": 20.0, "c2": 30.0, "c3": 40.0})
    found = expected_proportion(
        ROWS.assign(volume=volume), outcome="leak", adjust=["age", "volume"]
    )
    plain = expected_proportion(ROWS, outcome="leak", adjust=["age"])
    assert "between_only" in codes(found)
    np.testing.assert_allclose(found.sums.expected, plain.sums.expected)
    assert found.model.set_index("term").loc["volume", "estimate"] == 0
    assert np.isnan(found.model.set_index("term").loc["volume", "std_error"])


def test_what_varies_at_one_center_alone_cannot_adjust_it() -> None:
    rare = np.where((ROWS["center_id"] == "c1") & (np.arange(400) % 2 == 0), "yes", "no")
    found = expected_proportion(ROWS.assign(rare=rare), outcome="leak", adjust=["rare"])
    assert "extrapolation" in codes(found)
    plain = expected_proportion(ROWS, outcome="leak")
    assert found.sums.expected[1] == pytest.approx(plain.sums.expected[1])


def test_separation_is_penalised_and_said() -> None:
    marked = np.where(ROWS["leak"] == 1, "yes", np.where(np.arange(400) % 9 == 0, "yes", "no"))
    found = expected_proportion(ROWS.assign(sign=marked), outcome="leak", adjust=["sign"])
    assert found.ok
    assert found.penalty == "firth"
    assert "separation" in codes(found)
    assert np.isfinite(found.model["estimate"]).all()
    assert found.sums.expected.sum() == pytest.approx(found.sums.observed.sum(), rel=0.05)


def test_separation_without_one_center_only() -> None:
    # only c1 has an event without the sign
    sign = (ROWS["leak"] == 1) & ((ROWS["center_id"] != "c1") | (np.arange(400) % 2 == 0))
    sign |= np.arange(400) % 3 == 0
    found = expected_proportion(
        ROWS.assign(sign=sign.astype(float)), outcome="leak", adjust=["sign"]
    )
    assert found.penalty is None
    assert "separation" in codes(found)
    assert np.isfinite(found.sums.expected).all()


def test_a_monotone_hazard_is_penalised_and_said() -> None:
    event = np.where(
        ROWS["sex"] == "m", np.where(ROWS["event"] == 1, 2, ROWS["event"]), ROWS["event"]
    )
    found = expected_incidence(ROWS.assign(event=event), adjust=["sex"], **TIMED)
    assert "monotone" in codes(found)
    assert np.isfinite(found.sums.expected).all()


@pytest.mark.parametrize(
    ("events", "parameters", "adjusts", "penalty"),
    [
        (4, 1, False, None),
        (5, 1, True, "firth"),
        (9, 2, False, None),
        (10, 2, True, "firth"),
        (14, 3, False, None),
        (20, 2, True, None),
    ],
)
def test_floors(events: int, parameters: int, adjusts: bool, penalty: str | None) -> None:
    found = choose_adjustment(events, 1_000, parameters, None)
    assert (found.adjusts, found.penalty) == (adjusts, penalty)
    assert bool(found.caveats) == (not adjusts)


def test_few_events_are_not_adjusted_and_words_say_so() -> None:
    rare = ROWS.assign(leak=(np.arange(400) % 100 == 0).astype(float))
    found = expected_proportion(rare, outcome="leak", adjust=["age", "sex"])
    assert found.adjusted == ()
    assert found.penalty is None
    text = next(c.message for c in found.caveats if c.code == "event_floor")
    assert text.startswith("There are 4 events for 2 parameters")
    plain = expected_proportion(rare, outcome="leak")
    np.testing.assert_array_equal(found.sums.expected, plain.sums.expected)


def test_a_hazard_that_is_monotone_without_one_center() -> None:
    sign = (ROWS["event"] == 1) & ((ROWS["center_id"] != "c1") | (np.arange(400) % 2 == 0))
    found = expected_incidence(
        ROWS.assign(sign=(sign | (np.arange(400) % 3 == 0)).astype(float)), adjust=["sign"], **TIMED
    )
    assert found.penalty is None
    assert "separation" in codes(found)
    assert np.isfinite(found.sums.expected).all()


def test_hazards_are_not_adjusted_for_what_differs_between_centers_alone() -> None:
    volume = ROWS["center_id"].map({"c0": 10.0, "c1": 20.0, "c2": 30.0, "c3": 40.0})
    found = expected_incidence(ROWS.assign(volume=volume), adjust=["age", "volume"], **TIMED)
    plain = expected_incidence(ROWS, adjust=["age"], **TIMED)
    assert "between_only" in codes(found)
    np.testing.assert_allclose(found.sums.expected, plain.sums.expected)


def test_imputed_events_are_refused() -> None:
    change = [ROWS["event"].where(np.arange(400) != 3, v) for v in (0, 1)]
    days = ROWS["days"].where(np.arange(400) != 3, 5.0)
    copies = [Frame(ROWS.assign(event=e, days=days), unit="row") for e in change]
    with pytest.raises(UsageError, match="differ between imputations"):
        expected_incidence(Imputations(tuple(copies)), cluster="patient_id", **TIMED)


def test_clusters_of_one_row_are_independent() -> None:
    found = expected_proportion(
        ROWS.assign(row=np.arange(400)), outcome="leak", cluster="row", adjust=["age"]
    )
    assert found.correlation == 0
    assert found.sums.design_effect.tolist() == [1.0] * 4


def test_equal_risks_have_no_slope_of_calibration() -> None:
    rows = pd.DataFrame({"center_id": list("aabb"), "leak": [0.0, 1, 0, 1]})
    table = expected_proportion(rows, outcome="leak").calibration.set_index("variable")
    assert np.isnan(table.loc["slope", "estimate"])
    assert table.loc["intercept", "estimate"] == pytest.approx(0)


def test_competing_deaths_are_said() -> None:
    found = expected_incidence(LEVELS, **TIMED)
    assert "competing_censored" in codes(found)
    quiet = expected_incidence(ROWS.assign(event=(ROWS["event"] == 1).astype(int)), **TIMED)
    assert "competing_censored" not in codes(quiet)


def test_rows_at_risk_after_the_horizon_alone_play_no_part() -> None:
    late = ROWS.assign(start=np.where(np.arange(400) < 40, 100.0, 0.0))
    late["days"] = np.where(np.arange(400) < 40, 200.0, late["days"])
    found = expected_incidence(late, entry="start", **TIMED)
    assert found.sums.n.sum() == 360
    assert found.rows.min() == 40


def test_clustered_rows_need_their_cluster() -> None:
    with pytest.raises(UsageError, match="patients have several"):
        expected_proportion(Frame(ROWS, unit="level"), outcome="leak")
    found = expected_proportion(
        Frame(ROWS, unit="level"), outcome="leak", independent="one level each was drawn"
    )
    assert codes(found) == {"independent"}
    assert found.sums.design_effect.tolist() == [1.0] * 4


def test_patients_have_a_design_effect_of_exactly_one() -> None:
    found = expected_proportion(Frame(ROWS, unit="patient"), outcome="leak", cluster="center_id")
    alone = ROWS.drop_duplicates("patient_id")
    sums = expected_proportion(Frame(alone, unit="patient"), outcome="leak").sums
    assert sums.design_effect.tolist() == [1.0] * 4
    assert sums.n.tolist() == sums.n_patients.tolist()
    assert found.sums.n_patients.tolist() == [1.0] * 4  # clustered in centers, each is one


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"adjust": ["leak"]}, "itself"),
        ({"adjust": ["center_id"]}, "itself"),
        ({"adjust": "age"}, "sequence"),
        ({"penalty": "ridge"}, "penalty"),
        ({"folds": 1}, "folds"),
        ({"center": "clinic"}, "clinic"),
        ({"adjust": ["height"]}, "height"),
        ({"level": 95}, "level"),
    ],
)
def test_wrong_requests(options: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        expected_proportion(ROWS, **{"outcome": "leak", **options})
    if "leak" not in str(options):
        with pytest.raises(UsageError, match=words):
            expected_incidence(ROWS, **{**TIMED, **options})


def test_wrong_horizon() -> None:
    with pytest.raises(UsageError, match="horizon"):
        expected_incidence(ROWS, duration="days", event="event", horizon=0)


def test_more_than_twenty_centers_are_left_out_in_folds() -> None:
    many = network(2_000, 45)
    found = expected_proportion(many, outcome="leak", adjust=["age"])
    each = expected_proportion(many, outcome="leak", adjust=["age"], folds=45)
    gap = np.abs(found.sums.expected - each.sums.expected)
    assert 0 < gap.max() < np.sqrt(found.sums.variance).min()


def test_risk_groups_of_equal_risks_are_one() -> None:
    assert risk_groups(np.full(9, 0.3)).tolist() == [0] * 9


def test_condensed_values_keep_their_mean() -> None:
    values = np.random.default_rng(0).normal(size=10_000)
    points = condense(values, 100)
    assert len(points) == 100
    assert points.mean() == pytest.approx(values.mean(), abs=1e-12)


# ascertainment --------------------------------------------------------------------------------


def imaged(routine: dict[str, float], seed: int = 3) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    n = 1_200
    center = rng.choice(list(routine), n)
    leak = (rng.random(n) < 0.3).astype(float)
    share = np.array([routine[c] for c in center])
    as_routine = rng.random(n) < share
    suspected = ~as_routine & (rng.random(n) < np.where(leak == 1, 0.5, 0.05))
    why = np.where(as_routine, "routine", np.where(suspected, "suspicion", None))
    seen = as_routine | suspected
    return pd.DataFrame(
        {"center_id": center, "leak": np.where(seen, leak, np.nan), "why": why, "ct": seen}
    )


SCANS = {"few": 0.15, "half": 0.5, "most": 0.9}


def test_habits_of_imaging_are_told_from_leaks() -> None:
    found = ascertainment(imaged(SCANS), outcome="leak", examined="ct", reason="why")
    table = found.table.set_index("center_id")
    assert table.loc["few", "share_routine"] < 0.25 < 0.8 < table.loc["most", "share_routine"]
    assert (table["bound_low"] <= table["bound_high"]).all()
    assert (table["n_examined"] == table["n_routine"] + table["n_suspicion"]).all()
    assert found.basis == "routine"
    z = (found.main.sums.observed - found.main.sums.expected) / np.sqrt(
        found.main.sums.variance + found.main.sums.benchmark_variance
    )
    assert np.abs(z).max() < 3
    assert found.detection is not None
    seen = found.detection.sums
    assert seen.observed[2] > seen.expected[2]
    assert found.standardised is not None
    assert found.standardised.ok
    # weights of a center without covariates are equal: the routine rate itself
    crude = found.main.rates.set_index("center_id")["crude"]
    np.testing.assert_allclose(table["weighted"], crude)


def test_positions_are_those_of_the_table_as_given() -> None:
    rows = imaged(SCANS)
    rows.loc[5, "center_id"] = None
    found = ascertainment(rows, outcome="leak", examined="ct", reason="why")
    routine = (rows["why"] == "routine") & rows["center_id"].notna()
    assert found.main.rows.tolist() == np.flatnonzero(routine).tolist()
    assert "1 rows name no center" in found.caveats[0].message


def test_without_overlap_there_is_no_verdict() -> None:
    rows = imaged({**SCANS, "never": 0.0})
    found = ascertainment(rows, outcome="leak", examined="ct", reason="why")
    table = found.table.set_index("center_id")
    assert not table.loc["never", "overlap"]
    assert "nothing to compare" in table.loc["never", "reason"]
    assert table.loc["most", "reason"] == ""
    assert np.isnan(table.loc["never", "weighted"])
    assert any("never" in c.message for c in found.caveats)


def test_unknown_outcomes_of_the_examined_bar_a_verdict() -> None:
    rows = imaged(SCANS)
    lost = (rows["center_id"] == "half") & (np.arange(len(rows)) % 3 == 0)
    found = ascertainment(
        rows.assign(leak=rows["leak"].mask(lost)), outcome="leak", examined="ct", reason="why"
    )
    table = found.table.set_index("center_id")
    assert table.loc["half", "completeness"] < 0.85
    assert not table.loc["half", "complete"]
    assert "less than the 85% required" in table.loc["half", "reason"]


def test_without_reasons_all_examined_are_compared_and_both_denominators_shown() -> None:
    rows = imaged(SCANS)
    found = ascertainment(rows, outcome="leak", examined="ct")
    assert found.basis == "examined"
    assert "detection" in {c.code for c in found.caveats}
    assert found.standardised is None
    low = found.bound_low
    assert low is not None
    np.testing.assert_array_equal(low.observed, found.main.sums.observed)
    np.testing.assert_array_equal(low.n, found.table["n"])


def test_everybody_examined_needs_no_detection() -> None:
    rows = imaged(SCANS).dropna(subset=["leak"])
    found = ascertainment(rows, outcome="leak")
    assert found.detection is None
    assert found.bound_low is None
    assert (found.table["completeness"] == 1).all()


@pytest.mark.parametrize("values", [["ct_full", "ct_partial"], []])
def test_codes_of_examination(values: list[str]) -> None:
    rows = imaged(SCANS)
    how = np.where(rows["ct"], np.where(np.arange(len(rows)) % 2, "ct_full", "ct_partial"), "none")
    how = how if values else np.where(rows["ct"], how, None)
    found = ascertainment(
        rows.assign(how=how), outcome="leak", examined="how", examined_values=values
    )
    assert found.table["n_examined"].sum() == rows["ct"].sum()


def test_levels_of_a_patient_stay_together_in_the_bounds() -> None:
    rows = imaged(SCANS).assign(patient_id=np.arange(1_200) // 2)
    found = ascertainment(
        Frame(rows, unit="level", cluster="patient_id"), outcome="leak", examined="ct", reason="why"
    )
    assert found.bound_low is not None
    assert (found.bound_low.n_patients < found.bound_low.n).all()


def test_a_covariate_that_decides_who_is_examined_or_is_never_known() -> None:
    rows = imaged({"a": 0.5, "b": 0.5}).assign(never=np.nan)
    rows["sign"] = (rows["why"] == "routine").astype(float)
    found = ascertainment(rows, outcome="leak", reason="why", adjust=["sign"])
    assert np.isfinite(found.table["weighted"]).all()
    nothing = ascertainment(rows, outcome="leak", reason="why", adjust=["never"])
    assert nothing.main.status == "no rows"
    assert nothing.bound_low is None
    assert nothing.table["weighted"].isna().all()


def test_ascertainment_refuses() -> None:
    rows = imaged(SCANS)
    with pytest.raises(UsageError, match="share"):
        ascertainment(rows, outcome="leak", completeness=85)
    frame = Frame(rows, unit="row")
    imputed: Any = Imputations((frame, frame))
    with pytest.raises(UsageError, match="before imputation"):
        ascertainment(imputed, outcome="leak")


@pytest.mark.parametrize(
    ("side", "bound", "detection", "basis", "survives"),
    [
        ("", "", "higher", "routine", None),
        ("higher", "higher", "higher", "routine", True),
        ("higher", "", "", "routine", True),
        ("higher", "", "higher", "routine", False),
        ("lower", "", "lower", "routine", False),
        ("higher", "", "", "examined", False),
        ("higher", "higher", "", "examined", True),
    ],
)
def test_one_sentence_on_the_flag(
    side: Any, bound: Any, detection: Any, basis: Any, survives: bool | None
) -> None:
    found, sentence = survives_detection(
        side=side, bound=bound, detection=detection, basis=basis, share_examined=0.4
    )
    assert found is survives
    assert sentence.count(".") == 1
    assert ("40%" in sentence) == (survives is not None)


# beside it ------------------------------------------------------------------------------------


def test_follow_up_needs_what_could_have_been() -> None:
    with pytest.raises(UsageError, match="potential="):
        followup_completeness(ROWS, duration="days", event="event")
    empty = followup_completeness(ROWS.iloc[:0], duration="days", event="event", horizon=9)
    assert empty.empty


def test_case_mix_of_missing_values_and_one_center() -> None:
    rows = ROWS.assign(age=ROWS["age"].where(ROWS["center_id"] != "c0"))
    found = case_mix(rows, ["age"]).set_index("center_id")
    assert found.loc["c0", "n_missing"] == (ROWS["center_id"] == "c0").sum()
    assert np.isnan(found.loc["c0", "smd"])
    assert np.isfinite(found.loc["c1", "smd"])
    assert np.isnan(case_mix(ROWS.assign(center_id="a"), ["age"])["smd"]).all()
    assert case_mix(ROWS, []).empty
    with pytest.raises(UsageError, match="itself"):
        case_mix(ROWS, ["center_id"])


def test_what_is_recorded_and_done() -> None:
    rows = pd.DataFrame(
        {"crp": [1.0, np.nan, 2.0], "mri": pd.array(["yes", None, "unknown"], dtype="string")}
    )
    frame = Frame(rows, unit="procedure")
    assert with_recorded(frame, ["crp", "mri"]).data["recorded"].tolist() == [1.0, 0.0, 0.0]
    done = with_values(frame, "mri", ["yes"])
    assert (done.outcome, done.data["done"].tolist()) == ("done", [1.0, 0.0, 0.0])
    with pytest.raises(UsageError, match="name the columns"):
        with_recorded(frame, [])
    with pytest.raises(UsageError, match="name the values"):
        with_values(frame, "mri", [])


def test_power_below_and_above() -> None:
    assert power(0, 0.2) == 0.0
    assert power(200, 0.2, 0.5) == pytest.approx(power(200, 0.8, 2.0))
    assert power(200, 0.2, 1.0, 0.998) <= 0.0015
    assert power(200, 0.2, 2.0, design_effect=2) == power(100, 0.2, 2.0)
    assert needed_volume(0.2, 2.0, design_effect=1.5) == np.ceil(1.5 * needed_volume(0.2, 2.0))
    assert needed_volume(0.8, 0.5) == needed_volume(0.2, 2.0)
    assert needed_volume(0.0) == np.inf
    assert needed_volume(1e-8) == np.inf


def test_power_against_a_benchmark_that_is_not_known() -> None:
    """Simulated: 200 rows at doubled odds, held against 1,500 others at the risk itself."""
    rng = np.random.default_rng(5)
    n, others, risk, draws = 200, 1_500, 0.3, 400
    worse = 0.6 / 1.3  # odds 3/7 doubled
    error = np.sqrt((1 - risk) / risk / others)
    share = np.clip(rng.binomial(others, risk, draws) / others, 0.01, 0.99)
    own = rng.binomial(n, worse, draws)
    one = np.ones(draws)
    risks = tuple(Risks(np.array([p]), np.array([float(n)])) for p in share)
    sums = CenterSums(
        tuple(f"{i:03d}" for i in range(draws)), "patient", "proportion", n * one, n * one,
        own.astype(float), n * share, n * share * (1 - share), one,
        n**2 * share * (1 - share) / others, risk, risks,
    )  # fmt: skip
    chance = chance_of(sums)
    upper = read_tails(chance.laws, tail_functions(chance.mass(), "mid-p"), sums.observed)[0]
    called = float(np.mean(upper < 0.001))
    printed = power(n, risk, 2.0, benchmark_error=error)
    assert abs(called - printed) <= 3 * np.sqrt(printed * (1 - printed) / draws)
    assert printed < power(n, risk, 2.0) - 0.02


def test_volume_against_a_benchmark_that_is_not_known() -> None:
    for options in ({"benchmark_error": 0.03}, {"tau": 0.1}, {"benchmark_error": 0.02, "tau": 0.1}):
        found = needed_volume(0.3, 2.0, **options)
        assert found > needed_volume(0.3, 2.0)
        # normal scores carry the exact volume over: within the teeth of the power
        assert power(int(found), 0.3, 2.0, **options) == pytest.approx(0.8, abs=0.05)
    assert needed_volume(0.3, 2.0, tau=0.4) == np.inf  # 3.1 tau is more than doubled odds
    assert power(200, 0.3, 2.0, benchmark_error=1e-9) == pytest.approx(power(200, 0.3, 2.0))
    halved = power(200, 0.3, 0.5, benchmark_error=0.03)
    assert 0.5 < halved < power(200, 0.3, 0.5)


@pytest.mark.parametrize(
    "options",
    [
        {"risk": 0.0},
        {"risk": 0.2, "odds_ratio": 0.0},
        {"risk": 0.2, "limit": 1.0},
        {"risk": 0.2, "design_effect": 0.5},
        {"n": -1, "risk": 0.2},
    ],
)
def test_power_refuses(options: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        power(**{"n": 10, **options})


def test_needed_volume_refuses() -> None:
    with pytest.raises(UsageError):
        needed_volume(0.2, 1.0)
    with pytest.raises(UsageError):
        needed_volume(0.2, 2.0, 0.05, 0.01)


def test_sums_reject_columns_of_other_lengths() -> None:
    sums = expected_proportion(ROWS, outcome="leak").sums
    with pytest.raises(Exception, match="do not all have"):
        replace(sums, n=sums.n[:2])
