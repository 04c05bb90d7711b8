"""Cohorts on registries of a few patients, every expected row worked out by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from vpstats.cohorts import COHORTS, build_cohort
from vpstats.errors import UsageError
from vpstats.registry import Registry
from vpstats.schema_tables import LEAK_SITES, TABLES

CUT = "2024-12-31"


def day(text: str) -> pd.Timestamp:
    return pd.Timestamp(text)


def registry(**tables: list[dict[str, Any]]) -> Registry:
    """A registry from a few rows per table; everything else is missing."""
    frames = {}
    for name, table in TABLES.items():
        rows = tables.get(name, [])
        data = pd.DataFrame(rows) if rows else pd.DataFrame(columns=list(table.names))
        frames[name] = table.canonical(data)
    return Registry.from_tables(frames, name="tiny", data_cut=CUT)


def patient(name: str, **values: Any) -> dict[str, Any]:
    return {
        "patient_id": name,
        "center_id": "C01",
        "last_contact_date": day("2022-01-01"),
        **values,
    }


def session(name: str, who: str, when: str, **values: Any) -> dict[str, Any]:
    return {"procedure_id": name, "patient_id": who, "center_id": "C01", "proc_date": day(when),
            "indication": "osteoporotic", **values}  # fmt: skip


def level(session_name: str, vertebra: str, **values: Any) -> dict[str, Any]:
    return {"level_id": f"{session_name}/{vertebra}", "procedure_id": session_name,
            "level": vertebra, **values}  # fmt: skip


def sites(level_id: str, modality: str, **states: str) -> list[dict[str, Any]]:
    """All eight named sites absent unless said otherwise."""
    named = {site: "absent" for site in LEAK_SITES if site != "any"} | states
    return [
        {"level_id": level_id, "modality": modality, "site": s, "state": v}
        for s, v in named.items()
    ]


def event(name: str, who: str, kind: str, when: str | None, **values: Any) -> dict[str, Any]:
    return {"event_id": name, "patient_id": who, "event_type": kind,
            "event_date": None if when is None else day(when), **values}  # fmt: skip


# ------------------------------------------------------------------------------------- leakage


def leaky() -> Registry:
    return registry(
        patients=[patient("a"), patient("b")],
        procedures=[
            session("p1", "a", "2021-01-01", ct_post_done="yes", ct_post_reason="routine"),
            session("p2", "b", "2021-02-01", ct_post_done="yes", ct_post_reason="suspicion"),
        ],
        levels=[level("p1", "T12"), level("p1", "L1"), level("p2", "L1"), level("p2", "L2")],
        leaks=[
            *sites("p1/T12", "ct", disc_sup="present"),
            *sites("p1/L1", "ct"),
            *sites("p2/L1", "ct", epidural="not_assessed"),
            *sites("p2/L2", "fluoro", venous="present"),
        ],
    )


def test_leakage_has_only_levels_that_the_modality_assessed() -> None:
    frame = build_cohort(leaky(), "leakage", modality="ct")
    assert list(frame.data["level_id"]) == ["p1/T12", "p1/L1"]
    assert list(frame.data["leak_any"]) == [1.0, 0.0]
    assert (frame.unit, frame.cluster, frame.outcome) == ("level", "patient_id", "leak_any")


def test_leakage_flow_counts_what_left_and_why() -> None:
    steps = build_cohort(leaky(), "leakage", modality="ct").flow
    assert [(s.n_rows, s.n_patients) for s in steps] == [(4, 2), (3, 2), (2, 1)]
    # p2/L2 was seen by fluoroscopy alone; p2/L1 has one site that nobody looked at
    assert [(s.excluded_rows, s.excluded_patients) for s in steps] == [(0, 0), (1, 0), (1, 1)]


def test_a_leak_seen_counts_although_another_site_was_not_assessed() -> None:
    tables = leaky()
    leaks = tables.leaks.copy()
    at = (leaks["level_id"] == "p2/L1") & (leaks["site"] == "venous")
    leaks.loc[at, "state"] = "present"
    changed = registry_with(tables, leaks=leaks)
    frame = build_cohort(changed, "leakage", modality="ct")
    assert frame.data.set_index("level_id").loc["p2/L1", "leak_any"] == 1


def registry_with(source: Registry, **tables: pd.DataFrame) -> Registry:
    frames = {name: getattr(source, name) for name in TABLES} | tables
    return Registry.from_tables(frames, name="tiny", data_cut=CUT)


def test_routine_leaves_out_scans_on_suspicion() -> None:
    frame = build_cohort(leaky(), "leakage", modality="ct", reason="routine")
    assert set(frame.data["procedure_id"]) == {"p1"}


def test_a_disc_is_known_only_where_both_discs_are() -> None:
    frame = build_cohort(leaky(), "leakage", modality="ct")
    assert list(frame.data["leak_disc"]) == [1.0, 0.0]


@pytest.mark.parametrize(
    "options",
    [{"modality": "xray"}, {"modality": "fluoro", "reason": "routine"}, {"require": "cement_ml"}],
)
def test_leakage_refuses_what_has_no_meaning(options: dict[str, str]) -> None:
    with pytest.raises(UsageError):
        build_cohort(leaky(), "leakage", **options)


def test_unknown_cohorts_and_options_name_the_known_ones() -> None:
    with pytest.raises(UsageError, match="adjacent_fracture"):
        build_cohort(leaky(), "leaks")
    with pytest.raises(UsageError, match="modality, reason, require"):
        build_cohort(leaky(), "leakage", modalty="ct")


# ------------------------------------------------------------------------------------ infection


def infected(**values: Any) -> Registry:
    return registry(
        patients=[patient("a"), patient("b", death_date=day("2021-06-01"))],
        procedures=[
            session("p1", "a", "2021-01-01"),
            session("p2", "a", "2021-03-02"),
            session("p3", "b", "2021-01-01"),
        ],
        events=[event("e1", "a", "infection", "2021-04-01", **values)],
    )


def test_infection_belongs_to_the_latest_procedure_before_it() -> None:
    rows = build_cohort(infected(), "infection").data.set_index("procedure_id")
    assert rows.loc["p1", ["event", "days"]].tolist() == [0, 31 + 28 + 1]  # to the next one
    assert rows.loc["p2", ["event", "days"]].tolist() == [1, 30]  # 2 March to 1 April
    assert rows.loc["p3", ["event", "days"]].tolist() == [2, 151]  # death


def test_infection_judged_preexisting_is_not_new() -> None:
    frame = build_cohort(infected(source="preexisting"), "infection")
    assert "p2" not in set(frame.data["procedure_id"])
    assert frame.flow[-2].label == "no infection before the procedure"
    assert frame.flow[-2].excluded_rows == 1


@pytest.mark.parametrize("name", COHORTS)
def test_patients_without_follow_up_leave_and_are_counted(name: str) -> None:
    source = registry(
        patients=[
            {"patient_id": "a", "center_id": "C01"},
            patient("b"),
        ],
        procedures=[session("p1", "a", "2021-01-01"), session("p2", "b", "2021-01-01")],
        levels=[level("p1", "L1"), level("p2", "L1")],
    )
    frame = build_cohort(source, name)
    if frame.duration is not None:
        assert set(frame.data["patient_id"]) == {"b"}
        assert sum(s.excluded_patients for s in frame.flow) == 1


def test_infection_without_a_day_leaves_the_cohort_and_is_counted() -> None:
    tables = infected()
    events = tables.events.copy()
    events["event_date"] = pd.NaT
    events["procedure_id"] = pd.array(["p2"], dtype="string")
    frame = build_cohort(registry_with(tables, events=events), "infection")
    assert frame.flow[-1].excluded_rows == 1
    assert set(frame.data["event"]) == {0, 2}


def test_what_happens_on_the_day_counts_half_a_day() -> None:
    tables = infected()
    events = tables.events.assign(event_date=day("2021-03-02"))
    rows = build_cohort(registry_with(tables, events=events), "infection").data
    assert rows.set_index("procedure_id").loc["p2", "days"] == 0.5


def test_two_vertebra_infection_is_no_fracture() -> None:
    source = registry(
        patients=[patient("a")],
        procedures=[session("p1", "a", "2021-01-01", indication="metastasis")],
        levels=[level("p1", "T8")],
        events=[event("e1", "a", "infection", "2021-04-01", event_levels="T8;T9")],
    )
    assert build_cohort(source, "infection").data["event"].tolist() == [1]
    neighbours = build_cohort(source, "adjacent_fracture", distance="neighbours").data
    assert neighbours["event"].tolist() == [0, 0]


# ---------------------------------------------------------------------------- adjacent fracture


def broken() -> Registry:
    """T12 and L2 are treated: L1 is a sandwich, T11 and L3 are plain neighbours."""
    return registry(
        patients=[patient("a")],
        procedures=[session("p1", "a", "2021-01-01"), session("p2", "a", "2021-06-01")],
        levels=[level("p1", "T12"), level("p1", "L2"), level("p2", "L5")],
        leaks=[
            *sites("p1/T12", "ct", disc_inf="present"),
            *sites("p1/L2", "ct", disc_sup="absent", disc_inf="not_assessed"),
        ],
        events=[
            event("e1", "a", "adjacent_fx", "2021-02-01", event_levels="L1"),
            event("e2", "a", "nonadjacent_fx", "2021-07-01", event_levels="T5"),
        ],
    )


def first_episode(frame_data: pd.DataFrame) -> pd.DataFrame:
    return frame_data[frame_data["procedure_id"] == "p1"].set_index("level")


def test_neighbours_take_the_leak_of_the_disc_that_they_share() -> None:
    rows = first_episode(build_cohort(broken(), "adjacent_fracture").data)
    assert set(rows.index) == {"T11", "L1", "L3"}
    assert rows.loc["T11", "disc_leak"] == "no"  # T12's upper disc
    assert rows.loc["L1", "disc_leak"] == "yes"  # T12's lower disc leaks, L2's upper does not
    assert pd.isna(rows.loc["L3", "disc_leak"])  # L2's lower disc was not assessed
    assert rows["neighbour_side"].to_dict() == {"T11": "below", "L1": "both", "L3": "above"}


def test_a_vertebra_breaks_on_the_day_it_is_found_and_is_then_not_at_risk() -> None:
    data = build_cohort(broken(), "adjacent_fracture", distance="all").data
    first = first_episode(data)
    assert first.loc["L1", ["event", "days"]].tolist() == [1, 31]
    assert first.loc["T5", ["event", "days"]].tolist() == [0, 151]  # censored by the next session
    second = data[data["procedure_id"] == "p2"].set_index("level")
    assert "L1" not in second.index
    assert second.loc["T5", ["event", "days"]].tolist() == [1, 30]


def test_cement_of_an_earlier_session_still_makes_neighbours() -> None:
    data = build_cohort(broken(), "adjacent_fracture", distance="all").data
    second = data[data["procedure_id"] == "p2"].set_index("level")
    assert second.loc["T11", "distance"] == "1"
    assert second.loc["L4", "distance"] == "1"
    assert second.loc["T10", "distance"] == "2"
    assert second.loc["T1", "distance"] == "3+"


def test_death_competes_with_fracture() -> None:
    source = registry(
        patients=[patient("a", death_date=day("2021-01-11"))],
        procedures=[session("p1", "a", "2021-01-01")],
        levels=[level("p1", "L1")],
    )
    rows = build_cohort(source, "adjacent_fracture").data
    assert rows["event"].tolist() == [2, 2]
    assert rows["days"].tolist() == [10.0, 10.0]


# -------------------------------------------------------------------------------------- embolism


def embolic() -> Registry:
    return registry(
        patients=[patient("a"), patient("b"), patient("c")],
        procedures=[
            session("p1", "a", "2021-01-01", chest_imaging_modality="ct_full"),
            session("p2", "a", "2021-05-01", chest_imaging_modality="ct_full"),
            session("p3", "b", "2021-01-01", chest_imaging_modality="xray"),
            session("p4", "c", "2021-01-01", chest_imaging_modality="ct_partial"),
        ],
        events=[
            event("e1", "a", "pce", "2021-05-02", pce_symptomatic="no"),
            event("e2", "b", "pce", "2021-01-02", pce_symptomatic="yes"),
            event("e3", "c", "thrombotic_pe", "2021-12-01"),
        ],
    )


def test_embolism_counts_only_where_the_chest_was_imaged() -> None:
    frame = build_cohort(embolic(), "embolism")
    assert frame.data.set_index("procedure_id")["pce"].to_dict() == {"p1": 0, "p2": 1, "p4": 0}
    assert frame.data["embolism_any"].sum() == 1  # the thrombus came after 90 days


def test_one_row_per_patient_is_the_first_imaged_procedure() -> None:
    frame = build_cohort(embolic(), "embolism", unit="patient")
    assert list(frame.data["procedure_id"]) == ["p1", "p4"]
    assert (frame.unit, frame.cluster) == ("patient", None)


# --------------------------------------------------------------------------------- complications


def test_complications_have_their_own_denominators_and_windows() -> None:
    source = registry(
        patients=[patient("a"), patient("b", death_date=day("2021-01-20"))],
        procedures=[
            session("p1", "a", "2021-01-01", hypotension="yes"),
            session("p2", "b", "2021-01-01"),
        ],
        levels=[level("p1", "L1"), level("p2", "L1")],
        leaks=sites("p1/L1", "ct", epidural="present"),
        events=[event("e1", "a", "infection", "2021-05-01")],
    )
    rows = build_cohort(source, "complications").data.set_index("procedure_id")
    assert rows.loc["p1", ["hypotension", "canal_leak", "infection"]].tolist() == [1, 1, 0]
    assert np.isnan(rows.loc["p2", "canal_leak"])  # no CT: nobody could have seen it
    assert rows.loc["p2", "death_30d"] == 1
    # the leak is known for the scanned alone, so the worst severity leaves it out
    assert rows["worst_severity"].astype(str).tolist() == ["mild", "severe"]


# ------------------------------------------------------------------------------- general events


def test_user_defined_events_stop_at_the_horizon() -> None:
    rows = build_cohort(infected(), "events", event_types=["infection"], horizon=29).data.set_index(
        "procedure_id"
    )
    assert rows.loc["p2", ["event", "days"]].tolist() == [0, 29]
    deaths = build_cohort(infected(), "events", event_types=["death"], unit="patient")
    assert deaths.data.set_index("patient_id")["event"].to_dict() == {"a": 0, "b": 1}
    assert deaths.unit == "patient"


@pytest.mark.parametrize(
    "options", [{"event_types": ["stroke"]}, {"unit": "level"}, {"horizon": -1.0}]
)
def test_user_defined_events_check_their_options(options: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        build_cohort(infected(), "events", **options)


# ------------------------------------------------------------------------------------- all of them


@pytest.mark.parametrize("name", COHORTS)
def test_every_cohort_builds_from_an_empty_registry(name: str) -> None:
    frame = build_cohort(registry(), name)
    assert len(frame) == 0
    assert frame.flow[0].n_rows == 0


@pytest.mark.parametrize("name", COHORTS)
def test_every_flow_adds_up_and_the_registry_is_unchanged(name: str) -> None:
    source = broken()
    before = {t: getattr(source, t).copy() for t in TABLES}
    frame = build_cohort(source, name)
    for earlier, later in zip(frame.flow, frame.flow[1:], strict=False):
        assert later.n_rows + later.excluded_rows == earlier.n_rows
        assert later.n_patients + later.excluded_patients == earlier.n_patients
    assert frame.flow[-1].n_rows == len(frame)
    for table, data in before.items():
        pd.testing.assert_frame_equal(getattr(source, table), data)


def test_a_path_in_place_of_the_registry_is_told_from_it() -> None:
    with pytest.raises(UsageError, match=r"given a str; expected a registry, as read_registry\(\)"):
        build_cohort("data/demo", "leakage")


def test_a_public_name_that_is_not_there_is_asked_after() -> None:
    import vpstats

    with pytest.raises(AttributeError, match="'fit_logit'; did you mean 'fit_logistic'"):
        _ = vpstats.fit_logit


def test_an_event_after_the_last_contact_is_a_contact() -> None:
    """It would be censored the day before, and be lost without a word."""
    tables = registry(
        patients=[patient("a"), patient("b")],  # last seen on 1 January 2022
        procedures=[session("p1", "a", "2021-12-01"), session("p2", "b", "2021-12-01")],
        events=[event("e1", "a", "infection", "2022-01-15", procedure_id="p1")],
    )
    data = build_cohort(tables, "infection").data.set_index("procedure_id")
    assert data.loc["p1", ["event", "days"]].tolist() == [1, 45]
    assert data.loc["p2", ["event", "days"]].tolist() == [0, 31]
