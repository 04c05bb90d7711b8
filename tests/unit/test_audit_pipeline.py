"""The parts of an audit's way: earlier days, earlier audits, cases for review, participation."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from vpstats.analyses import flow_cells
from vpstats.centers.counting import count_rows
from vpstats.centers.indicator import audit_indicator
from vpstats.cohorts import build_cohort
from vpstats.errors import PlanError, UsageError
from vpstats.ledger import Ledger
from vpstats.pipeline import check_audit, run_audit
from vpstats.pipeline.participation import participation_rows
from vpstats.pipeline.study import Cohorts
from vpstats.registry import Registry
from vpstats.registry.cut import cut_registry
from vpstats.registry.quality_map import QualityMap
from vpstats.simulate import SimulationSpec, simulate_registry
from vpstats.study import Audit, Indicator, StudyPlan, default_indicators
from vpstats.tables import flow_table

DAY = pd.Timestamp("2021-06-30")


@cache
def registry() -> Registry:
    spec = SimulationSpec(n_procedures=400)
    drawn = simulate_registry(spec, 4)
    return Registry.from_tables(drawn.tables, name="Small", data_cut=spec.data_cut, synthetic=True)


def plan(*ids: str, **audit: Any) -> StudyPlan:
    chosen = tuple(i for i in default_indicators() if i.id in ids)
    return StudyPlan(version=1, title="Small", audit=Audit(**audit), indicator=chosen)


# --- an earlier day


def test_nothing_is_known_after_the_day() -> None:
    cut = cut_registry(registry(), DAY)
    assert cut.data_cut == DAY
    assert cut.procedures["proc_date"].max() <= DAY
    assert set(cut.patients["patient_id"]) == set(cut.procedures["patient_id"])
    for table, column in (("visits", "visit_date"), ("events", "event_date"),
                          ("patients", "death_date"), ("patients", "last_contact_date"),
                          ("procedures", "ct_post_date")):  # fmt: skip
        assert not (getattr(cut, table)[column] > DAY).any()


def test_follow_up_is_censored_at_the_day() -> None:
    whole = build_cohort(registry(), "events").data.set_index("procedure_id")
    cut = build_cohort(cut_registry(registry(), DAY), "events").data.set_index("procedure_id")
    both = whole.loc[cut.index]
    longest = (DAY - cut["proc_date"]).dt.days.clip(lower=0.5)
    assert (cut["days"] <= longest + 0.5).all()
    # who died by then still died; who died later is censored
    died = (both["event"] == 1) & (both["death_date"] <= DAY)
    assert (cut.loc[died, "event"] == 1).all()
    assert (cut.loc[(both["event"] == 1) & (both["death_date"] > DAY), "event"] == 0).all()


def test_a_ct_made_later_had_not_been_made() -> None:
    one = registry()
    late = one.procedures["ct_post_date"] > one.procedures["proc_date"]
    day = one.procedures.loc[late, "proc_date"].iloc[0]
    key = one.procedures.loc[late, "procedure_id"].iloc[0]
    cut = cut_registry(one, day)
    row = cut.procedures.set_index("procedure_id").loc[key]
    assert row["ct_post_done"] == "no"
    levels = one.levels.loc[one.levels["procedure_id"] == key, "level_id"]
    seen = cut.leaks[cut.leaks["level_id"].isin(levels)]
    assert not (seen["modality"] == "ct").any()


def test_the_data_cut_itself_changes_nothing() -> None:
    cut = cut_registry(registry(), registry().data_cut)
    for name, table in registry().tables.items():
        pd.testing.assert_frame_equal(getattr(cut, name), table)


@pytest.mark.parametrize(
    ("day", "words"), [("2030-01-01", "after the data cut"), ("soon", "is not a day")]
)
def test_a_day_that_cannot_be_is_refused(day: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        cut_registry(registry(), day)


# --- counts


@pytest.mark.parametrize("name", [i.id for i in default_indicators()])
def test_rows_are_counted_as_they_are_audited(name: str) -> None:
    (spec,) = plan(name).audited
    frame = build_cohort(registry(), spec.cohort, **spec.options)
    counted = {(s, c): (n, k) for s, c, n, k in count_rows(frame, spec, registry().data_cut)}
    audited = {
        (one.result.stratum, str(row["center_id"])): (row["n"], row["observed"])
        for one in audit_indicator(frame, spec, registry().data_cut)
        for row in one.result.table.to_dict("records")
        if row["n"] > 0
    }
    assert counted == audited
    assert sum(k for (s, _), (_, k) in counted.items() if s == "all") >= 0


# --- the plan against the registry


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"adjust": ["height"]}, "height"),
        ({"adjust": ["__import__('os')"]}, "indicator 'severe'"),
        ({"where": {"ward": [1]}}, "no column ward"),
        ({"options": {"unseen": "no"}}, "no option unseen"),
        ({"cohort": "wards"}, "no cohort 'wards'"),
        ({"values": [], "outcome": "sex"}, "name the values"),
    ],
)
def test_a_plan_that_does_not_fit_is_told_before_anything_is_fitted(
    change: dict[str, Any], words: str
) -> None:
    (spec,) = (i for i in default_indicators() if i.id == "severe")
    wrong = Indicator(**{**spec.model_dump(exclude_unset=True), **change})
    with pytest.raises(PlanError, match=words):
        check_audit(StudyPlan(version=1, title="Wrong", indicator=(wrong,)), registry())


def test_every_default_indicator_can_be_asked() -> None:
    check_audit(plan(*(i.id for i in default_indicators())), registry())


# --- a run without a folder


@cache
def run() -> Any:
    rules = {"alert": 0.51, "alarm": 0.6, "false_discovery": 1.0, "false_alarms": 1.0,
             "minimum_expected": 0.5}  # fmt: skip
    return run_audit(plan("leak_fluoro", "severe", "crp_before", **rules), registry=registry())


def test_a_run_has_both_editions_and_a_document() -> None:
    made = run()
    assert made.folder is None
    assert made.document.edition == "internal"
    assert made.public.policy.audience == "public"
    assert {p.id for p in made.document.indicators} == {"leak_fluoro", "severe", "crp_before"}
    assert made.result.signalling == {"leak_fluoro", "severe"}


def test_results_hold_nobody() -> None:
    import pickle

    text = pickle.dumps(run().result).decode("latin-1")
    keys = [*registry().patients["patient_id"], *registry().procedures["procedure_id"]]
    assert not [key for key in keys if key in text]


def test_cases_are_those_of_flagged_centers_and_name_nobody() -> None:
    from vpstats.pipeline.review import case_list

    made, spec = run(), next(s for s in plan("severe", minimum_expected=0.5).audited)
    frame = build_cohort(registry(), spec.cohort)
    found = audit_indicator(frame, run().plan.audited[1], registry().data_cut)
    cases = case_list(made.result, found)
    table = made.result.table
    flags = table[(table["indicator"] == "severe") & (table["stratum"] == "all")
                  & (table["side"] == "worse")]  # fmt: skip
    assert len(flags)
    assert cases.groupby("center_id").size().to_dict() == {
        c: int(k) for c, k in zip(flags["center_id"], flags["observed"], strict=True) if k
    }
    assert set(cases["key"]) == {"[masked]"}
    assert cases["expected_percent"].between(0, 100).all()
    # the running number leads to a procedure of the center with a severe complication
    row = cases.iloc[0]
    own = frame.data[frame.data["center_id"] == row["center_id"]]
    own = own.sort_values(["proc_date", "procedure_id"])
    assert own["worst_severity"].iloc[row["number"] - 1] == "severe"


def test_participation_adds_up() -> None:
    cells = Ledger.from_rows(participation_rows(registry())).cells
    procedures = cells[(cells["analysis"] == "audit_participation")
                       & (cells["variable"] == "procedures")]  # fmt: skip
    whole = procedures.loc[procedures["group"] == "network", "value"].item()
    assert whole == len(registry().procedures)
    assert procedures.loc[procedures["group"] != "network", "value"].sum() == whole
    known = cells[(cells["variable"] == "crp_mg_l") & (cells["stat"] == "n")]
    total = known.loc[known["group"] == "network", "value"].item()
    assert total == registry().procedures["crp_mg_l"].notna().sum()
    assert known["value"].sum() == 2 * total


def test_charts_expect_what_the_audit_expects() -> None:
    made = [i for i in default_indicators() if i.id in ("severe", "reoperation_90d")]
    for spec in (i.under(Audit()) for i in made):
        frame = build_cohort(registry(), spec.cohort, **spec.options)
        one = audit_indicator(frame, spec, registry().data_cut)[0]
        last = one.charts.groupby("center_id")["vlad"].last()
        table = one.result.table.set_index("center_id")
        gap = (table["expected"] - table["observed"]).loc[last.index]
        np.testing.assert_allclose(last, gap, atol=1e-6 if spec.measure == "proportion" else 0.05)


def test_an_unknown_center_or_audience_is_refused() -> None:
    with pytest.raises(UsageError, match="no center 'Z'"):
        run_audit(plan("severe"), registry=registry(), center="Z")
    unknown: Any = "press"
    with pytest.raises(UsageError, match="audience"):
        run_audit(plan("severe"), registry=registry(), audience=unknown)


def test_the_number_of_processes_does_not_matter() -> None:
    asked = plan("severe", "crp_before", "mri_before")
    one, two = (run_audit(asked, registry=registry(), workers=n) for n in (1, 2))
    assert one.document == two.document
    pd.testing.assert_frame_equal(one.ledger.cells, two.ledger.cells)


def test_the_number_of_processes_does_not_show_in_the_files(tmp_path: Path) -> None:
    asked = plan("severe", "reoperation_90d", "crp_before")
    folders = [tmp_path / "one" / "audit", tmp_path / "two" / "audit"]
    for folder, workers in zip(folders, (1, 2), strict=True):
        run_audit(asked, registry=registry(), out=folder, workers=workers)
    one, two = ({p.relative_to(f): p.read_bytes() for p in f.rglob("*.*")} for f in folders)
    assert one == two
    assert sum(path.parent.name == "centers" for path in one) >= 8


# --- case ascertainment


def with_counts(*counts: dict[str, Any]) -> Registry:
    return replace(registry(), quality=QualityMap(hospital_counts=counts))


def ascertained(one: Registry) -> pd.DataFrame:
    cells = Ledger.from_rows(participation_rows(one)).cells
    found = cells[cells["analysis"] == "audit_ascertainment"]
    return found.pivot(index=["group", "level"], columns="stat", values="value")


def test_ascertainment_is_registered_over_counted() -> None:
    """By hand: Wilson's interval of registered procedures out of twice as many and twenty more."""
    rows = registry().procedures
    here = rows[(rows["center_id"] == "C01") & (rows["proc_date"].dt.year == 2021)]
    n, k = 2 * len(here) + 20, len(here)
    found = ascertained(with_counts({"center": "C01", "year": 2021, "n": n}))
    assert set(found.index) == {("C01", "2021"), ("C01", ""), ("network", "")}
    own = found.loc[("C01", "2021")]
    assert (own["observed"], own["n"]) == (k, n)
    p, z = k / n, 1.959963984540054
    centre = (p + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2)) / (1 + z**2 / n)
    got = own[["percent", "conf_low", "conf_high"]].tolist()
    assert got == pytest.approx([100 * p, 100 * (centre - half), 100 * (centre + half)], 1e-10)


def test_more_than_the_hospital_counted_has_no_interval() -> None:
    found = ascertained(with_counts({"center": "C01", "year": 2021, "n": 1}))
    assert found.loc[("C01", "2021"), "percent"] > 100
    assert "conf_low" not in found or np.isnan(found.loc[("C01", "2021"), "conf_low"])


@pytest.mark.parametrize(
    "counts",
    [(), ({"center": "C01", "year": 2199, "n": 9},), ({"center": "C99", "year": 2021, "n": 9},)],
    ids=["none", "a period that is not over", "a center that is not here"],
)
def test_without_a_usable_count_nothing_is_ascertained(counts: Any) -> None:
    cells = Ledger.from_rows(participation_rows(with_counts(*counts))).cells
    assert not (cells["analysis"] == "audit_ascertainment").any()


@pytest.mark.parametrize("given", [True, False])
def test_pages_say_what_is_ascertained_and_what_is_not(tmp_path: Path, given: bool) -> None:
    counts = ({"center": "C01", "year": 2021, "n": 500},) if given else ()
    out = tmp_path / "audit"
    run_audit(plan("death_30d"), out=out, registry=with_counts(*counts))
    network, one, other = (
        (out / "internal" / name).read_text("utf-8")
        for name in ("index.html", "centers/C01.html", "centers/C02.html")
    )
    assert ("Counted by the hospital" in one) is given
    assert ("is not known here" in one) is not given
    assert "Counted by the hospital" not in other
    assert "is not known here" in other
    assert ("Counted by the hospital" in network) is given
    assert ("How many of all procedures of C02, " in network) is given


# --- what a flow counts


def test_every_flow_is_headed_by_what_it_counts() -> None:
    """A column of patients never holds more of them than there are."""
    whole = StudyPlan(version=1, title="Small", audit=Audit())
    cohorts, counted = Cohorts(registry(), whole), {}
    patients = registry().patients["patient_id"].nunique()
    for spec in whole.audited:
        ledger = Ledger.from_rows(flow_cells(cohorts.build(spec), "flow_x"))
        rows = ledger.cells[ledger.cells["stat"].isin(["n_rows", "excluded_rows"])]
        (counted[spec.id],) = set(rows["unit"])
        begun = rows["label"].iloc[0].removeprefix("treated ").partition(" ")[0]
        assert counted[spec.id] == begun, spec.id
        assert begun != "patients" or rows["value"].max() <= patients
        heads = flow_table(ledger, "flow_x").header
        assert {f"{begun.capitalize()} kept", "Patients kept"} <= set(heads)
    assert counted["death_30d"] == "procedures"
    assert counted["leak_ct"] == "levels"
    assert counted["fracture_1y"] == "vertebrae"
