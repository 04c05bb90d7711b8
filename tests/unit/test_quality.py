"""The data-quality report: what is odd, what is missing, what is asked in vain."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from vpstats.disclosure import ReleasePolicy, release
from vpstats.errors import MappingError, UsageError
from vpstats.quality import HospitalCount, QualityMap, QualityResult, quality_report
from vpstats.quality.absent import who_is_missing
from vpstats.quality.following import followed
from vpstats.quality.measures import NETWORK, shares, with_network
from vpstats.quality.timeliness import gap_chance, longest_run, month_counts, silence_chance
from vpstats.registry import Registry, read_registry
from vpstats.registry.mapping import parse_mapping
from vpstats.registry.quality_map import full_name

CUT = pd.Timestamp("2024-12-31")


def registry(n: int = 60, centers: str = "AB", **columns: object) -> Registry:
    """Procedures one week apart, in turn at each center; columns are of the procedures."""
    center = np.array(list(centers))[np.arange(n) % len(centers)]
    patient = [f"{c}/{i}" for i, c in enumerate(center)]
    first = CUT - pd.Timedelta(days=7 * n)
    procedures = pd.DataFrame(
        {
            "procedure_id": [f"{p}/s" for p in patient],
            "patient_id": patient,
            "center_id": center,
            "proc_date": [first + pd.Timedelta(days=7 * i) for i in range(n)],
            **columns,
        }
    )
    patients = pd.DataFrame(
        {"patient_id": patient, "center_id": center, "last_contact_date": [CUT] * n, "sex": "f"}
    )
    tables = {"patients": patients, "procedures": procedures}
    return Registry.from_tables(tables, name="Made", data_cut=CUT)


def messages(result: QualityResult, center: str = "") -> str:
    rows = result.findings
    return " ".join(rows["message"][(rows["center_id"] == center) | (center == "")])


def measured(result: QualityResult, measure: str, center: str = NETWORK) -> pd.Series:
    rows = result.tidy()
    (found,) = rows[(rows["measure"] == measure) & (rows["center_id"] == center)].index
    return rows.loc[found]


# ------------------------------------------------------------------ bad input


def test_an_empty_registry_says_so() -> None:
    empty = Registry.from_tables({}, name="Empty", data_cut=CUT)
    result = quality_report(empty)
    assert (result.n, result.status, result.centers) == (0, "no rows", ())
    assert "no procedure" in result.reason
    assert release(result, ReleasePolicy()).cells["value"].notna().any()


def test_one_center_is_its_own_network() -> None:
    row = measured(quality_report(registry(centers="A")), "ct", "A")
    assert row["network_low"] == row["network_median"] == row["network_high"] == row["estimate"]


def logged(made: Registry, *findings: tuple[str, str, str, int | None]) -> Registry:
    """A registry with findings: severity, rule, key, row."""
    names = ["severity", "rule", "key", "row"]
    log = pd.DataFrame(findings, columns=names).reindex(columns=made.findings.columns)
    table = log.assign(file="a.csv", table="procedures", message="", action="")
    return dataclasses.replace(made, findings=table.astype(made.findings.dtypes))


SEEN = (
    ("error", "date.unreadable", "A/0/s", 2),
    ("error", "required.missing", "", 3),  # left out, and nobody knows whose it was
    ("error", "mapping.contradicted", "", None),  # about a column
    ("warning", "file.not_read", "", None),
)


def test_of_one_center_the_network_says_the_same() -> None:
    result = quality_report(logged(registry(centers="A"), *SEEN))
    table = result.tidy().set_index(["measure", "level"])
    own, whole = (table[table["center_id"] == name] for name in ("A", NETWORK))
    numbers = ["n", "n_events", "estimate", "conf_low", "conf_high"]
    alike = [m for m in own.index if m[0] != "silence_chance"]  # the network's is to the data cut
    pd.testing.assert_frame_equal(own.loc[alike, numbers], whole.loc[alike, numbers])
    assert measured(result, "error", "A")["n_events"] == 2
    assert measured(result, "whole")["estimate"] == 2
    assert result.by_rule.groupby("center_id")["n"].sum().to_dict() == {"A": 2, NETWORK: 2}


def test_a_record_of_an_unknown_center_counts_for_the_network_alone() -> None:
    result = quality_report(logged(registry(), *SEEN))
    found = {name: measured(result, "error", name)["n_events"] for name in ("A", "B", NETWORK)}
    assert found == {"A": 1, "B": 0, NETWORK: 2}
    rules = result.by_rule[result.by_rule["center_id"] == NETWORK]
    assert rules["n"].sum() == 2  # and those about files and columns for none


def test_the_series_of_the_network_ends_with_its_last_procedure() -> None:
    made = registry()
    early = made.procedures["proc_date"] - pd.Timedelta(days=200)
    moved = dataclasses.replace(made, procedures=made.procedures.assign(proc_date=early))
    result = quality_report(moved)
    assert measured(result, "gap")["estimate"] == 0
    assert measured(result, "silence")["estimate"] == 207
    assert "before the data cut" in messages(result, NETWORK)


def test_a_center_without_procedures_in_the_period_is_named() -> None:
    late = registry(20)
    # B began after the day
    dates = late.procedures["proc_date"].where(late.procedures["center_id"] == "A", CUT)
    moved = dataclasses.replace(late, procedures=late.procedures.assign(proc_date=dates))
    result = quality_report(moved, as_of="2024-12-01")
    assert result.centers == ("A", "B")
    assert "No procedure is in the registry." in messages(result, "B")
    assert np.isnan(measured(result, "ct", "B")["estimate"])
    assert measured(result, "ct", "B")["n"] == 0


def test_without_days_of_entry_that_is_said_and_nothing_is_invented() -> None:
    result = quality_report(registry())
    assert any("No day of entry" in note for note in result.notes)
    assert np.isnan(measured(result, "entry_median")["estimate"])


def test_moved_days_leave_what_needs_the_calendar_unsaid() -> None:
    moved = dataclasses.replace(registry(), shifted_days=30)
    result = quality_report(moved, hospital_counts=[{"center": "A", "year": 2024, "n": 9}])
    assert {"silence", "gap", "clark_c", "ascertained"}.isdisjoint(result.tidy()["measure"])
    assert result.months.empty
    assert any("were moved" in note for note in result.notes)
    assert measured(result, "known_1y")["n"] >= 0


def test_more_than_the_hospital_did_is_an_error_without_an_interval() -> None:
    result = quality_report(registry(), hospital_counts=[{"center": "A", "year": 2024, "n": 5}])
    assert "more than the hospital did (5)" in messages(result, "A")
    assert result.worst("A") == "error"
    assert result.worst("B") != "error"
    rows = result.tidy()
    own = rows[rows["measure"].eq("ascertained") & rows["level"].eq("2024")]
    assert (own["estimate"] > 100).all()
    assert own[["conf_low", "conf_high"]].isna().all().all()


def test_too_many_in_one_year_do_not_fill_the_gap_of_another() -> None:
    # 4 weeks of 2023 and 26 of 2024 at A
    counts = [{"center": "A", "year": 2023, "n": 50}, {"center": "A", "year": 2024, "n": 10}]
    result = quality_report(registry(), hospital_counts=counts)
    rows = result.tidy()
    own = rows[rows["measure"].eq("ascertained") & rows["center_id"].eq("A")].set_index("level")
    found = own["n_events"].to_dict()
    assert found == {"2023": found["2023"], "2024": found["2024"], "": found["2023"] + 10}
    assert found["2024"] > 10
    assert own.loc["", "n"] == 60
    assert "procedures that the hospital did; 90 % are asked for" in messages(result, "A")


def test_a_count_for_a_center_that_is_not_there_is_an_error() -> None:
    counts = [{"center": "Z", "year": 2024, "n": 5}, {"center": "A", "year": 2023, "n": 0}]
    result = quality_report(registry(), hospital_counts=counts)
    assert "which the registry does not know" in messages(result, "Z")
    assert "more than the hospital did (0)" in messages(result, "A")  # 8 weeks of 2023


def test_nothing_of_nothing_is_no_share() -> None:
    result = quality_report(registry(), hospital_counts=[{"center": "A", "year": 2001, "n": 0}])
    rows = result.tidy()
    assert rows.loc[rows["level"] == "2001", "estimate"].isna().all()


def test_few_of_the_hospitals_procedures_are_a_warning() -> None:
    counts = pd.DataFrame(
        {"center": ["A"], "from": ["2024-01-01"], "to": ["2024-06-30"], "n": [99]}
    )
    result = quality_report(registry(), hospital_counts=counts)
    assert "13 of the 99 procedures that the hospital did; 90 % are asked for" in messages(result)


def test_counts_that_overlap_are_not_counted_twice() -> None:
    counts = [
        {"center": "A", "year": 2024, "n": 30},
        {"center": "A", "from": "2024-01-01", "to": "2024-06-30", "n": 15},
    ]
    result = quality_report(registry(), hospital_counts=counts)
    rows = result.tidy()
    whole = rows[rows["measure"].eq("ascertained") & rows["level"].eq("")]
    assert set(whole["n"]) == {15.0}  # the earlier period ends first and is kept


@pytest.mark.parametrize(
    ("count", "why"),
    [
        ({"center": "A", "n": 3}, "needs a year, or from and to"),
        ({"center": "A", "n": 3, "year": 2024, "from": "2024-01-01"}, "needs a year"),
        ({"center": "A", "n": 3, "from": "2024-02-01", "to": "2024-01-01"}, "from lies after to"),
        ({"center": "A", "n": -1, "year": 2024}, "greater than or equal to 0"),
        ({"center": "A", "n": 1.5, "year": 2024}, "integer"),
        ({"n": 1, "year": 2024}, "center"),
    ],
)
def test_a_count_that_cannot_be_one_is_refused(count: dict[str, object], why: str) -> None:
    with pytest.raises(UsageError, match=why):
        quality_report(registry(), hospital_counts=[count])


def test_a_day_after_the_data_cut_is_refused() -> None:
    with pytest.raises(UsageError, match="lies after the data cut"):
        quality_report(registry(), as_of="2030-01-01")


def test_a_level_that_is_none_is_refused() -> None:
    with pytest.raises(UsageError):
        quality_report(registry(), level=95)


def test_days_of_entry_before_the_procedure_are_an_error() -> None:
    made = registry(40)
    before = made.procedures["proc_date"] - pd.Timedelta(days=1)
    made = dataclasses.replace(made, procedures=made.procedures.assign(entry_date=before))
    result = quality_report(made)
    assert "entered before they were done: 20." in messages(result, "A")
    assert measured(result, "entry_median")["n"] == 0


def test_a_name_with_a_brace_is_a_name() -> None:
    made = registry(40, centers="{}")  # the two centers are called "{" and "}"
    result = quality_report(made, hospital_counts=[{"center": "{", "year": 2024, "n": 1}])
    assert "more than the hospital did (…)" in messages(result, "{")


# ------------------------------------------------------------------ findings


def test_a_center_that_stopped_is_pointed_out_and_one_that_is_slow_is_not() -> None:
    made = registry(100, centers="AB")
    gone = (made.procedures["center_id"] == "B") & (made.procedures["proc_date"] > "2024-06-30")
    made = dataclasses.replace(made, procedures=made.procedures[~gone])
    result = quality_report(made)
    assert "No procedure for" in messages(result, "B")
    assert "No procedure for" not in messages(result, "A")


def test_a_gap_in_a_busy_series_is_pointed_out() -> None:
    made = registry(200, centers="AB")
    day = made.procedures["proc_date"]
    gap = (made.procedures["center_id"] == "A") & day.between("2023-03-01", "2023-08-31")
    result = quality_report(dataclasses.replace(made, procedures=made.procedures[~gap]))
    assert "Months in a row without a procedure: 6" in messages(result, "A")
    assert "Months in a row" not in messages(result, "B")


def test_an_export_older_than_its_data_cut_is_pointed_out() -> None:
    made = dataclasses.replace(registry(100), data_cut=CUT + pd.Timedelta(days=200))
    result = quality_report(made)
    assert "The last procedure of all lies 207 days before the data cut." in messages(
        result, NETWORK
    )
    assert "No procedure for" not in messages(result, "A")  # everybody is, so nobody is named


def test_below_ten_rows_nothing_is_judged() -> None:
    few = quality_report(registry(18, crp_mg_l=None))  # nine of each center
    more = quality_report(registry(20, crp_mg_l=None))
    assert "CRP" not in messages(few)
    assert "CRP before (mg/L): not one value is known." in messages(more, "A")


def test_a_difference_that_chance_explains_is_no_finding() -> None:
    made = registry(400, age_at_proc=[60.0 + 20 * (i % 7) / 7 for i in range(400)])
    rows = followed(made)
    of_a = rows["center_id"].eq("A") ^ (np.arange(len(rows)) % 5 == 0)  # four of five are of A
    absent = who_is_missing(made, rows.assign(known=of_a, due=True))
    excess = absent[(absent["outcome"] == "known_1y") & (absent["stat"] == "excess")]
    by = excess.set_index("variable")["value"]
    assert by["age_at_proc"] < 0.01
    assert by["center_id"] > 1


def test_those_without_follow_up_who_are_older_are_pointed_out() -> None:
    made = registry(400, age_at_proc=[60.0 + 20 * (i % 2) + (i % 5) for i in range(400)])
    seen = np.arange(400) % 2 == 0
    contact = made.patients["last_contact_date"].where(
        seen, made.procedures["proc_date"] + pd.Timedelta(days=10)
    )
    made = dataclasses.replace(made, patients=made.patients.assign(last_contact_date=contact))
    result = quality_report(made)
    assert (
        "State known after a year (patients): those with and without it differ by age"
        in messages(result, NETWORK)
    )
    assert result.worst(NETWORK) == "warning"


def test_shares_below_30_rows_are_not_judged() -> None:
    made = registry(40, age_at_proc=[60.0 + 20 * (i % 2) for i in range(40)])
    rows = followed(made).assign(known=np.arange(40) % 2 == 0, due=True)
    absent = who_is_missing(made, rows)
    assert absent.loc[absent["stat"] == "excess", "value"].isna().all()
    assert absent.loc[absent["stat"] == "smd", "value"].notna().any()


# ------------------------------------------------------------------ parts


def test_months_are_whole() -> None:
    dates = np.array(["2024-01-31", "2024-03-01"], "datetime64[D]")
    assert month_counts(dates, pd.Timestamp("2024-03-31")).tolist() == [1, 0, 1]
    assert month_counts(dates, pd.Timestamp("2024-03-30")).tolist() == [1, 0]
    assert month_counts(dates[:0], CUT).tolist() == []


def test_runs_gaps_and_silences_at_their_ends() -> None:
    assert longest_run(np.array([], bool)) == 0
    assert longest_run(np.ones(4, bool)) == 4
    assert gap_chance(np.array([3, 3])) == 1.0
    assert np.isnan(gap_chance(np.array([], int)))
    assert np.isnan(silence_chance(np.array(["2024-01-01"], "datetime64[D]"), CUT))


def test_shares_without_rows_are_not_numbers() -> None:
    none = np.zeros(0, bool)
    rows = list(shares("s", "m", "words", none, none, none.astype(object), ("A",)))
    assert [row["center_id"] for row in rows] == ["A", NETWORK]
    assert all(np.isnan(row["estimate"]) for row in rows)


def test_the_range_leaves_out_centers_without_a_number() -> None:
    names = ["A", "B", "C", NETWORK]
    table = pd.DataFrame({"section": "s", "measure": "m", "level": "", "center_id": names,
                          "estimate": [10.0, np.nan, 30.0, 25.0]})  # fmt: skip
    row = with_network(table).iloc[1]
    assert row[["network_median", "network_low", "network_high"]].tolist() == [20.0, 10.0, 30.0]
    assert row["n_centers"] == 2


def test_the_report_does_not_depend_on_the_order_of_rows() -> None:
    made = registry(60, crp_mg_l=[5.0, None, 7.0] * 20)
    turned = dataclasses.replace(
        made,
        patients=made.patients.iloc[::-1].reset_index(drop=True),
        procedures=made.procedures.iloc[::-1].reset_index(drop=True),
    )
    one, other = quality_report(made), quality_report(turned)
    pd.testing.assert_frame_equal(one.tidy(), other.tidy())
    pd.testing.assert_frame_equal(one.ledger.cells, other.ledger.cells)


def test_the_registry_is_left_as_it_was() -> None:
    made = registry(30)
    before = {name: table.copy(deep=True) for name, table in made.tables.items()}
    quality_report(made, as_of="2024-11-01")
    for name, table in made.tables.items():
        pd.testing.assert_frame_equal(table, before[name])


# ------------------------------------------------------------------ the mapping


MAPPING = """version = 1
[registry]
name = "Made"
data_cut = 2024-12-31
[quality]
variables = ["crp_mg_l", "patients.sex"]
completeness = 0.5
hospital_counts = [{ center = "A", year = 2024, n = 3 }]
[[source]]
name = "all"
file = "all.csv"
center = "A"
[[source.table]]
name = "procedures"
columns = { patient_id = "id", proc_date = "day", crp_mg_l = "crp", entry_date = "entered" }
"""

EXPORT = (
    "id;day;crp;entered\n1;01.02.2024;4,5;03.02.2024\n2;08.02.2024;nepoznato;09.02.2024\n"
    "3;15.02.2024;nije rađeno;20.02.2024\n4;22.02.2024;???x;22.02.2024\n5;29.02.2024;;01.03.2024\n"
)


@pytest.fixture
def exported(tmp_path: Path) -> Path:
    (tmp_path / "registry.toml").write_text(MAPPING, encoding="utf-8")
    (tmp_path / "all.csv").write_text(EXPORT, encoding="utf-8")
    return tmp_path


def test_every_way_to_be_missing_is_told_from_the_others(exported: Path) -> None:
    states = quality_report(read_registry(exported)).states
    own = states[(states["variable"] == "procedures.crp_mg_l") & (states["center_id"] == "A")]
    assert dict(zip(own["state"], own["n"], strict=True)) == {
        "known": 1, "unknown": 1, "not_done": 1, "refused": 1, "blank": 1, "not_applicable": 0,
    }  # fmt: skip


def test_the_mapping_says_what_is_asked_for(exported: Path) -> None:
    made = read_registry(exported)
    assert made.quality.variables == ("procedures.crp_mg_l", "patients.sex")
    result = quality_report(made)
    assert set(result.states["variable"]) == set(made.quality.variables)
    assert "The registry holds 5 procedures in 2024, more than the hospital did (3)." in messages(
        result
    )
    assert measured(result, "entry_median", "A")["estimate"] == 1


def content(**quality: object) -> dict[str, object]:
    source = {"name": "s", "file": "f", "center": "A",
              "table": [{"name": "procedures",
                         "columns": {"patient_id": "p", "proc_date": "d"}}]}  # fmt: skip
    info = {"name": "r", "data_cut": "2024-12-31"}
    return {"version": 1, "registry": info, "source": [source], "quality": quality}


@pytest.mark.parametrize(
    ("quality", "why"),
    [
        ({"variables": ["crp"]}, "'crp' is no variable"),
        ({"variables": ["patients.patient_id"]}, "is no variable"),
        ({"variables": ["sex", "patients.sex"]}, "names a variable twice"),
        ({"variables": []}, "at least 1 item"),
        ({"completeness": 85}, "less than or equal to 1"),
        ({"hospital_counts": [{"center": "A", "n": 1}]}, "needs a year"),
        ({"complete": 0.8}, "is not known here"),
        (
            {"hospital_counts": [
                {"center": "A", "n": 1, "year": 2024},
                {"center": "A", "n": 2, "from": "2024-01-01", "to": "2024-12-31"},
            ]},
            "counts A twice in one period",
        ),
    ],
)  # fmt: skip
def test_a_mapping_that_asks_for_nonsense_is_refused(quality: dict[str, object], why: str) -> None:
    with pytest.raises(MappingError, match=why):
        parse_mapping(content(**quality))


def test_names_of_variables_find_their_table() -> None:
    assert full_name("age_at_proc") == "procedures.age_at_proc"
    assert full_name("levels.cement_ml") == "levels.cement_ml"
    with pytest.raises(ValueError, match="no variable"):
        full_name("visits.vas_0_10")


def test_a_year_is_a_period() -> None:
    count = HospitalCount(center="A", n=1, year=2024)
    assert [str(day.date()) for day in count.days] == ["2024-01-01", "2024-12-31"]
    assert QualityMap().hospital_counts == ()
