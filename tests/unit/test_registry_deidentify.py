"""De-identification: names that hold from cut to cut, intervals that stay, keys that are kept."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from vpstats.cohorts import build_cohort
from vpstats.errors import DataError, MappingError, PlanError, UsageError
from vpstats.listing import as_data, as_text
from vpstats.pipeline import check_audit, check_plan, run_audit
from vpstats.registry import Registry, deidentify, read_registry
from vpstats.registry.against import compare_registries
from vpstats.registry.cut import cut_registry
from vpstats.registry.deidentify import hashed_names
from vpstats.registry.read import read_cut
from vpstats.schema_tables import TABLES
from vpstats.study import StudyPlan, read_plan

MAPPING = """
version = 1
[registry]
name = "R"
data_cut = 2024-12-31
{ask}
[[source]]
name = "s"
file = "a.csv"
center = "A"
date_order = "dmy"
[[source.table]]
name = "patients"
[source.table.columns]
patient_id = "id"
sex = "sex"
birth_date = "born"
last_contact_date = "seen"
death_date = "died"
death_cause = "cause"
[[source.table]]
name = "procedures"
columns = {{ patient_id = "id", operator_id = "by", proc_date = "day", cement_brand = "brand" }}
[[source.table]]
name = "levels"
columns = {{ patient_id = "id", proc_date = "day", level = "level" }}
[[source.table]]
name = "visits"
columns = {{ patient_id = "id", visit_date = "seen" }}
"""
HEAD = "id;sex;born;seen;died;cause;by;day;brand;level"
ROWS = (
    "P001;f;01.02.1950;01.06.2024;;;Dr A;01.03.2024;X;T12",
    "P002;m;03.04.1945;01.05.2024;01.05.2024;heart;Dr B;02.03.2024;X;L1",
    "P003;f;05.06.1940;01.07.2024;;;Dr A;03.03.2024;X;L2",
)
KEY = "0123456789abcdef0123456789abcdef"
ENV = "VPSTATS_TEST_KEY"

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """A function that writes a project and gives its folder."""
    monkeypatch.setenv(ENV, KEY)

    def make(ask: str = "", *rows: str, name: str = "project") -> Path:
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        said = f"[registry.deidentify]\n{ask}" if ask else ""
        (folder / "registry.toml").write_text(MAPPING.format(ask=said), "utf-8")
        (folder / "a.csv").write_text("\n".join([HEAD, *(rows or ROWS)]) + "\n", "utf-8")
        return folder

    return make


def ask(*lines: str) -> str:
    return "\n".join([f'key_env = "{ENV}"', *lines]) + "\n"


def test_names_become_hashes_that_hold_the_tables_together(write: Write) -> None:
    plain, hidden = read_registry(write()), read_registry(write(ask()))
    for table, column in (
        ("patients", "patient_id"), ("procedures", "procedure_id"), ("procedures", "operator_id"),
        ("levels", "level_id"), ("visits", "visit_id"),
    ):  # fmt: skip
        before, after = plain.tables[table][column], hidden.tables[table][column]
        assert not set(before) & set(after)
        assert before.nunique() == after.nunique()
        assert after.str.startswith("A/").all()
    assert set(hidden.levels["procedure_id"]) == set(hidden.procedures["procedure_id"])
    assert set(hidden.visits["patient_id"]) == set(hidden.patients["patient_id"])
    assert hidden.procedures["operator_id"].iloc[0] == hidden.procedures["operator_id"].iloc[2]


def test_hashes_hold_from_cut_to_cut_and_from_spelling_to_spelling(write: Write) -> None:
    first = read_registry(write(ask()))
    again = read_registry(write(ask(), *(row.replace("P00", "p-") for row in reversed(ROWS))))
    assert set(first.patients["patient_id"]) == set(again.patients["patient_id"])


def test_another_key_gives_other_hashes(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    first = read_registry(write(ask()))
    monkeypatch.setenv(ENV, KEY[::-1])
    again = read_registry(write(ask()))
    assert not set(first.patients["patient_id"]) & set(again.patients["patient_id"])


def test_different_people_of_like_names_stay_apart() -> None:
    names = hashed_names(["A/P1", "A/p-1", "A/P2"], "patient_id", b"k" * 16)
    assert len(set(names.values())) == 3
    assert names["A/P2"] == hashed_names(["A/p02"], "patient_id", b"k" * 16)["A/p02"]


def test_a_patient_and_a_session_of_one_number_have_different_hashes() -> None:
    one = hashed_names(["A/1"], "patient_id", b"k" * 16)["A/1"]
    assert one != hashed_names(["A/1"], "procedure_id", b"k" * 16)["A/1"]


def test_a_collision_is_not_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deidentify, "_DIGITS", 0)
    with pytest.raises(DataError, match="one hash"):
        hashed_names(["A/1", "A/2"], "patient_id", b"k" * 16)


def test_births_become_ages_and_free_text_goes(write: Write) -> None:
    hidden = read_registry(write(ask()))
    assert hidden.patients[["birth_date", "birth_year", "death_cause"]].isna().all(axis=None)
    assert hidden.procedures["age_at_proc"].tolist() == [74, 78, 83]


def test_years_and_text_stay_where_they_are_asked_for(write: Write) -> None:
    hidden = read_registry(write(ask('birth = "year"', "free_text = true")))
    plain = read_registry(write())
    assert hidden.patients["birth_date"].isna().all()
    assert hidden.patients["birth_year"].tolist() == plain.patients["birth_date"].dt.year.tolist()
    assert hidden.patients["death_cause"].dropna().tolist() == ["heart"]


def days(registry: Registry) -> pd.DataFrame:
    rows = registry.procedures.merge(registry.patients, on="patient_id")
    return rows[["proc_date", "last_contact_date", "death_date"]]


def test_without_a_shift_days_are_true(write: Write) -> None:
    plain, hidden = read_registry(write()), read_registry(write(ask()))
    pd.testing.assert_frame_equal(days(plain), days(hidden))
    assert hidden.shifted_days == 0
    assert hidden.data_cut == plain.data_cut


def test_a_patient_moves_as_a_whole_and_always_alike(write: Write) -> None:
    plain, hidden = read_registry(write()), read_registry(write(ask("shift_days = 40")))
    moved = (days(hidden) - days(plain)).apply(lambda column: column.dt.days)
    for row in moved.itertuples(index=False):
        own = {value for value in row if not pd.isna(value)}
        assert len(own) == 1
        assert 0 < abs(own.pop()) <= 40
    assert moved["proc_date"].nunique() > 1
    again = read_registry(write(ask("shift_days = 40"), *reversed(ROWS)))
    assert set(days(again)["proc_date"]) == set(days(hidden)["proc_date"])


def test_every_day_of_a_shifted_registry_lies_within_its_cut(write: Write) -> None:
    late = ROWS[0].replace("01.06.2024", "31.12.2024")
    hidden = read_registry(write(ask("shift_days = 5"), late, *ROWS[1:]))
    assert hidden.patients["last_contact_date"].max() <= hidden.data_cut
    assert hidden.over_by == pd.Timestamp("2024-12-26")


def test_times_from_the_procedure_are_the_same(write: Write) -> None:
    plain = build_cohort(read_registry(write()), "infection").data
    hidden = build_cohort(read_registry(write(ask("shift_days = 90"))), "infection").data
    assert len(plain) == 3
    assert (
        hidden[["days", "event"]].to_numpy().tolist()
        == plain[["days", "event"]].to_numpy().tolist()
    )


def audited(folder: Path, *more: str) -> StudyPlan:
    (folder / "study.toml").write_text(
        'version = 1\ntitle = "Test"\nregistry = "registry.toml"\n'
        "[[indicator]]\n"
        'id = "ct"\ntitle = "CT made"\nkind = "process"\ncohort = "procedures"\n'
        'outcome = "ct_post_done"\nvalues = ["yes"]\nbetter = "higher"\n' + "\n".join(more),
        "utf-8",
    )
    return read_plan(folder)


def test_calendar_order_is_refused(write: Write) -> None:
    folder = write(ask("shift_days = 9"))
    hidden = read_registry(folder)
    with pytest.raises(UsageError, match="calendar order"):
        cut_registry(hidden, "2024-06-01")
    with pytest.raises(UsageError, match=r"An audit as of a day.* needs days in calendar order"):
        run_audit(audited(folder), as_of="2024-06-01")


def test_an_audit_leaves_out_what_needs_calendar_order(write: Write) -> None:
    folder = write(ask("shift_days = 9"))
    period = (
        '[[indicator]]\nid = "late"\ntitle = "CT made lately"\nkind = "process"\n'
        'cohort = "procedures"\noutcome = "ct_post_done"\nvalues = ["yes"]\n'
        'better = "higher"\nperiod = { from = 2024-01-01 }\n'
    )
    plan = audited(folder, "[indicator.monitor]\nodds_ratio = 3.0\n", period)
    check_audit(plan, read_registry(folder))
    run = run_audit(plan)
    assert [one.indicator for one in run.result.indicators] == ["ct"]
    (said,) = [n.text for n in run.ledger.notes if n.role == "calendar"]
    assert "moved by up to 9 days" in said
    assert said.endswith("Not audited, since they are of a period: CT made lately.")
    plain = run_audit(plan, registry=read_registry(write(name="plain")))
    assert [one.indicator for one in plain.result.indicators] == ["ct", "late"]
    assert not [n for n in plain.ledger.notes if n.role == "calendar"]
    ours, theirs = (r.result.indicators[0].table[["n", "observed"]] for r in (run, plain))
    assert ours.to_numpy().tolist() == theirs.to_numpy().tolist()


def test_a_question_about_the_operators_case_number_is_refused(write: Write) -> None:
    folder = write(ask("shift_days = 9"))
    (folder / "study.toml").write_text(
        'version = 1\ntitle = "Test"\nregistry = "registry.toml"\n'
        "[[question]]\n"
        'id = "q"\ntitle = "Learning"\nkind = "description"\nask = "Do they learn?"\n'
        'cohort = "procedures"\nvariables = ["operator_case_no"]\n',
        "utf-8",
    )
    with pytest.raises(PlanError, match="question 'q': An operator's running number needs days"):
        check_plan(read_plan(folder), read_registry(folder))


def test_what_left_is_listed_for_every_column_that_can_identify(write: Write) -> None:
    hidden = read_registry(write(ask("shift_days = 9")))
    told = {(t.table, t.field): t.became for t in hidden.deidentified}
    for table in TABLES.values():
        for column in table:
            if column.masked or column.kind == "date":
                assert told[table.name, column.name]
    assert told["patients", "patient_id"] == "keyed hash"
    assert told["procedures", "proc_date"] == "moved by up to 9 days per patient"
    assert told["procedures", "cement_brand"] == "kept as written"
    assert "De-identified" in as_text(hidden)
    assert as_data(hidden)["deidentified"][0]["became"] == "keyed hash"
    assert "De-identified" not in as_text(read_registry(write()))


def test_the_log_names_rows_and_no_keys_or_days(write: Write) -> None:
    broken = ROWS[0].replace("01.03.2024", "45.03.2024"), ROWS[1].replace("T12", "X9"), ROWS[2]
    hidden = read_registry(write(ask("shift_days = 9"), *broken))
    log = hidden.findings.to_csv() + hidden.corrections.to_csv()
    assert len(hidden.findings) >= 1
    for canary in ("P001", "P002", "P003", "45.03", "1950", "2024-03-02", "01.06.2024"):
        assert canary not in log
    known = set(hidden.patients["patient_id"])
    keys = hidden.findings.loc[hidden.findings["table"] == "patients", "key"].dropna()
    assert set(keys) <= known | {""}


def test_two_hidden_cuts_are_compared_by_their_hashes(write: Write) -> None:
    old = write(ask("shift_days = 9"), name="old")
    new = write(ask("shift_days = 9"), *reversed(ROWS), name="new")
    assert compare_registries(new, old).changes.empty
    lost = write(ask("shift_days = 9"), *ROWS[:2], name="lost")
    assert compare_registries(lost, old).to_look_at["why"].tolist() == ["unexplained"]


def test_places_and_those_left_out_are_hidden_too(write: Write) -> None:
    cut = read_cut(write(ask()))
    for place in cut.places.values():
        assert not any("P00" in key for key in place.key)


# --- the key


@pytest.mark.parametrize("mode", [0o600, 0o640])
def test_a_key_file_outside_the_project_is_read(write: Write, tmp_path: Path, mode: int) -> None:
    key = tmp_path / "key.txt"
    key.write_text(f"{KEY}\n", "utf-8")
    key.chmod(mode)
    by_file = read_registry(write('key_file = "../key.txt"\n'))
    by_name = read_registry(write(ask()))
    assert by_file.patients.equals(by_name.patients)


@pytest.mark.parametrize("place", ["key.txt", "deep/key.txt", "../project/key.txt"])
def test_a_key_within_the_project_is_refused(write: Write, place: str) -> None:
    folder = write(f'key_file = "{place}"\n')
    (folder / "deep").mkdir()
    for name in ("key.txt", "deep/key.txt"):
        (folder / name).write_text(KEY, "utf-8")
    with pytest.raises(MappingError, match="lies in the project's folder"):
        read_registry(folder)


def test_a_key_that_everybody_reads_is_refused(write: Write, tmp_path: Path) -> None:
    (tmp_path / "key.txt").write_text(KEY, "utf-8")
    (tmp_path / "key.txt").chmod(0o644)
    with pytest.raises(MappingError, match="chmod 600"):
        read_registry(write('key_file = "../key.txt"\n'))


def test_a_key_that_is_absent_or_short_is_refused(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(MappingError, match="cannot be read"):
        read_registry(write('key_file = "../nowhere"\n'))
    monkeypatch.setenv(ENV, "short")
    with pytest.raises(MappingError, match="fewer than 16 bytes") as caught:
        read_registry(write(ask()))
    assert "short'" not in str(caught.value)
    monkeypatch.delenv(ENV)
    with pytest.raises(MappingError, match="not set"):
        read_registry(write(ask()))


@pytest.mark.parametrize(
    "said", ["shift_days = 3\n", f'key_env = "{ENV}"\nkey_file = "../k"\n', ask("shift_days = -1")]
)
def test_a_mapping_that_does_not_say_which_key_is_refused(write: Write, said: str) -> None:
    with pytest.raises(MappingError, match="deidentify"):
        read_registry(write(said))


def test_somebody_without_a_row_of_patients_moves_too(write: Write) -> None:
    plain, moved = (folder_with_a_stranger(write, said) for said in ("", "shift_days = 30"))
    true, days = (
        (registry.visits["visit_date"] - registry.procedures["proc_date"]).dt.days.tolist()
        for registry in (plain, moved)
    )
    assert true == days == [60]
    assert plain.procedures["proc_date"].item() != moved.procedures["proc_date"].item()


def folder_with_a_stranger(write: Write, said: str) -> Registry:
    folder = write(ask(said) if said else "", name=f"stranger{len(said)}")
    text = (folder / "registry.toml").read_text("utf-8")
    start, end = text.index("[[source.table]]"), text.index('[[source.table]]\nname = "procedures"')
    (folder / "registry.toml").write_text(text[:start] + text[end:], "utf-8")
    (folder / "a.csv").write_text(f"{HEAD}\nP9;f;;30.04.2024;;;Dr A;01.03.2024;X;T12\n", "utf-8")
    return read_registry(folder)


def test_cells_changed_before_they_were_read_show_no_day(write: Write) -> None:
    folder = write(ask("shift_days = 30"), ROWS[0], ";;;;;;;;;L1", "'P002;m;;;;;;'02.03.2024;X;L3")
    toml = folder / "registry.toml"
    text = toml.read_text("utf-8")
    toml.write_text(
        text.replace('center = "A"', 'center = "A"\nfill_down = ["id", "day"]'), "utf-8"
    )
    log = read_registry(folder).corrections
    early = log[log["rule"].isin(["file.filled_down", "file.text_mark"])]
    assert set(early["column"]) == {"id", "day"}
    assert set(early["raw"]) == set(early["clean"]) == {"(masked)"}


def test_codes_that_the_mapping_lacks_are_not_quoted_where_one_may_be_a_name(write: Write) -> None:
    rows = [f"P{i:03d};{s};;01.06.2024;;;Dr A;01.03.2024;X;T12" for i, s in enumerate(NAMED * 6)]
    for said, quoted in (("", ["'Huber' (6)", "'x1' (6)"]), (ask(), ["'x1' (6)"])):
        findings = read_registry(write(said, *rows, name=f"p{len(quoted)}")).findings
        (message,) = findings.loc[findings["rule"] == "mapping.codes_missing", "message"]
        assert [part for part in ("'Huber' (6)", "'x1' (6)") if part in message] == quoted
        assert message.startswith("2 codes of the data")


NAMED = ["Huber", "x1", "f"]
