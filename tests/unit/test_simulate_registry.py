"""The simulated registry: reproducible, canonical, consistent with its own truth."""

from __future__ import annotations

import hashlib
import pickle
from dataclasses import FrozenInstanceError, fields, is_dataclass, replace

import numpy as np
import pandas as pd
import pytest

from vpstats.errors import UsageError
from vpstats.registry import spine
from vpstats.schema import pandera_schema
from vpstats.schema_tables import TABLES
from vpstats.simulate import SimulatedRegistry, SimulationSpec, simulate_registry
from vpstats.simulate.draws import NEVER

SMALL = SimulationSpec(n_procedures=600)


@pytest.fixture(scope="module")
def drawn() -> SimulatedRegistry:
    return simulate_registry(SMALL, seed=11)


def digest(registry: SimulatedRegistry) -> str:
    text = "".join(table.to_csv(index=False) for table in registry.tables.values())
    return hashlib.sha256(text.encode()).hexdigest()


def test_the_same_seed_gives_the_same_tables(drawn: SimulatedRegistry) -> None:
    assert digest(simulate_registry(SMALL, seed=11)) == digest(drawn)


def test_another_seed_gives_another_registry(drawn: SimulatedRegistry) -> None:
    assert digest(simulate_registry(SMALL, seed=12)) != digest(drawn)


def test_tables_are_exactly_canonical(drawn: SimulatedRegistry) -> None:
    for name, table in drawn.tables.items():
        assert list(table.columns) == list(TABLES[name].names)
        pandera_schema(TABLES[name]).validate(table, lazy=True)


@pytest.mark.parametrize("n", [1, 2, 25])
def test_tiny_registries_are_canonical_too(n: int) -> None:
    for seed in range(4):
        drawn = simulate_registry(SimulationSpec(n_procedures=n), seed=seed)
        for name, table in drawn.tables.items():
            pandera_schema(TABLES[name]).validate(table, lazy=True)


def test_keys_hold_together(drawn: SimulatedRegistry) -> None:
    t = drawn.tables
    assert set(t["procedures"]["patient_id"]) == set(t["patients"]["patient_id"])
    assert set(t["levels"]["procedure_id"]) == set(t["procedures"]["procedure_id"])
    assert set(t["leaks"]["level_id"]) == set(t["levels"]["level_id"])
    assert set(t["events"]["procedure_id"]) <= set(t["procedures"]["procedure_id"])
    assert set(t["visits"]["patient_id"]) <= set(t["patients"]["patient_id"])
    counted = t["levels"].groupby("procedure_id").size()
    declared = t["procedures"].set_index("procedure_id")["n_levels_declared"]
    assert (counted.reindex(declared.index) == declared).all()


def test_sessions_have_one_to_five_levels_and_some_patients_come_again(
    drawn: SimulatedRegistry,
) -> None:
    counts = drawn.tables["procedures"]["n_levels_declared"]
    assert counts.between(1, 5).all()
    assert counts.max() > 2
    assert drawn.tables["procedures"]["patient_id"].duplicated().any()


def test_no_vertebra_is_treated_twice(drawn: SimulatedRegistry) -> None:
    levels = drawn.truth.levels
    assert not levels.duplicated(["patient", "vertebra"]).any()


def test_days_are_in_order(drawn: SimulatedRegistry) -> None:
    t, cut = drawn.tables, pd.Timestamp(SMALL.data_cut)
    patients = t["patients"].set_index("patient_id")
    for table, column in (("visits", "visit_date"), ("events", "event_date")):
        end = patients["last_contact_date"].loc[t[table]["patient_id"]].to_numpy()
        assert (t[table][column].to_numpy() <= end).all()
    assert (patients["last_contact_date"] <= cut).all()
    events = t["events"]
    assert (
        (events["event_left_date"] < events["event_right_date"])
        .loc[events["event_left_date"].notna()]
        .all()
    )
    assert (
        (events["event_right_date"] == events["event_date"])
        .loc[events["event_right_date"].notna()]
        .all()
    )


def test_death_and_status_agree(drawn: SimulatedRegistry) -> None:
    patients = drawn.tables["patients"]
    dead = patients["status"] == "dead"
    assert (patients["death_date"].notna() == dead).all()
    assert (patients.loc[dead, "death_date"] == patients.loc[dead, "last_contact_date"]).all()


def test_ct_states_are_the_truth_and_only_where_a_ct_was_made(drawn: SimulatedRegistry) -> None:
    leaks, truth = drawn.tables["leaks"], drawn.truth.levels.set_index("level_id")
    ct = leaks[(leaks["modality"] == "ct") & (leaks["state"] != "not_assessed")]
    for site in ("venous", "disc_sup", "epidural"):
        seen = ct[ct["site"] == site]
        true = truth[f"true_{site}"].loc[seen["level_id"]].to_numpy()
        assert ((seen["state"] == "present").to_numpy() == true).all()
    done = drawn.tables["procedures"].set_index("procedure_id")["ct_post_done"]
    session = ct["level_id"].str.rsplit("/", n=1).str[0]
    assert (done.loc[session.unique()] == "yes").all()


def test_any_leak_is_the_union_of_its_sites(drawn: SimulatedRegistry) -> None:
    levels = drawn.truth.levels
    for seen in ("true", "fluoro"):
        sites = [c for c in levels if c.startswith(f"{seen}_") and c != f"{seen}_any"]
        assert (levels[sites].any(axis=1) == levels[f"{seen}_any"]).all()


def test_new_fractures_lie_at_untreated_vertebrae_and_are_named_by_their_distance(
    drawn: SimulatedRegistry,
) -> None:
    t = drawn.tables
    sessions = t["procedures"].set_index("procedure_id")
    events = t["events"][t["events"]["event_type"].isin(["adjacent_fx", "nonadjacent_fx"])]
    levels = t["levels"].assign(
        patient_id=sessions["patient_id"].loc[t["levels"]["procedure_id"]].to_numpy(),
        day=sessions["proc_date"].loc[t["levels"]["procedure_id"]].to_numpy(),
    )
    for event in events.itertuples():
        session_day = sessions.at[event.procedure_id, "proc_date"]
        treated = levels[
            (levels["patient_id"] == event.patient_id) & (levels["day"] <= session_day)
        ]["level"]
        steps = min(spine.distance(event.event_levels, level) for level in treated)
        assert steps > 0
        assert (event.event_type == "adjacent_fx") == (steps == 1)


def test_cement_embolism_is_recorded_only_where_imaging_or_symptoms_showed_it(
    drawn: SimulatedRegistry,
) -> None:
    sessions = drawn.truth.sessions.set_index("procedure_id")
    found = set(drawn.tables["events"].query("event_type == 'pce'")["procedure_id"])
    unseen = sessions[sessions["pce"] & (sessions["chest"] == "none")].index
    assert not found & set(unseen)
    assert (drawn.tables["procedures"].set_index("procedure_id").loc[list(found)][
        "chest_imaging_modality"] != "none").all()  # fmt: skip


def test_silent_fractures_are_found_by_the_first_imaging_contact() -> None:
    drawn = simulate_registry(SimulationSpec(n_procedures=1500), seed=3)
    visits = drawn.tables["visits"]
    imaged = visits[visits["imaging_at_visit"] != "none"]
    days = set(zip(imaged["patient_id"], imaged["visit_date"], strict=True))
    found = drawn.tables["events"].query("event_type in ['adjacent_fx', 'nonadjacent_fx']")
    assert len(found) > 100
    assert set(zip(found["patient_id"], found["event_date"], strict=True)) <= days
    truth = drawn.truth.fractures
    assert len(truth) > len(found)  # some silent ones are never seen


def test_operator_numbers_run_in_order_of_time(drawn: SimulatedRegistry) -> None:
    rows = drawn.tables["procedures"].sort_values(["operator_id", "operator_case_no"])
    for _, own in rows.groupby("operator_id"):
        assert own["operator_case_no"].tolist() == list(range(1, len(own) + 1))
        assert own["proc_date"].is_monotonic_increasing


def test_the_spec_is_frozen_all_the_way_down() -> None:
    def check(part: object) -> None:
        for field in fields(part):
            with pytest.raises((FrozenInstanceError, TypeError, AttributeError)):
                setattr(part, field.name, None)
            inner = getattr(part, field.name)
            if is_dataclass(inner):
                check(inner)

    check(SimulationSpec())


def test_changing_one_part_of_the_truth_leaves_the_people_as_they_are() -> None:
    spec = SimulationSpec(n_procedures=300)
    fewer = replace(spec, leaks=replace(spec.leaks, fluoro_specificity=1.0))
    one, two = simulate_registry(spec, 5), simulate_registry(fewer, 5)
    pd.testing.assert_frame_equal(one.tables["patients"], two.tables["patients"])
    assert (one.truth.levels["true_any"] == two.truth.levels["true_any"]).all()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"n_procedures": 0}, "at least one procedure"),
        ({"centers": ()}, "at least one procedure and one center"),
        ({"data_cut": SMALL.start}, "before the data cut"),
        ({"max_sessions": 0}, "max_sessions"),
    ],
)
def test_a_spec_that_cannot_be_is_refused(wrong: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        replace(SMALL, **wrong)


def test_a_negative_seed_is_refused() -> None:
    with pytest.raises(UsageError, match="seed"):
        simulate_registry(SMALL, seed=-1)


def test_latent_days_never_reach_the_tables(drawn: SimulatedRegistry) -> None:
    assert (drawn.truth.sessions["infection_found"] == NEVER).any()
    for table in drawn.tables.values():
        for column in table.select_dtypes("datetime"):
            days = table[column].dropna()
            assert (days <= pd.Timestamp(SMALL.data_cut)).all() or column == "optout_date"


def test_a_registry_can_be_sent_to_another_process(drawn: SimulatedRegistry) -> None:
    again = pickle.loads(pickle.dumps(drawn.tables))  # our own bytes
    assert np.array_equal(again["levels"]["level_id"], drawn.tables["levels"]["level_id"])
