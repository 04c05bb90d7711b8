"""Which row is of which patient and session, and how often that is said."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from vpstats.registry.read import read_registry
from vpstats.registry.registry import Registry

HEAD = 'version = 1\n[registry]\nname = "Whose"\ndata_cut = 2025-06-30\n'
TABLE = '[[source.table]]\nname = "{}"\n{}columns = {{ {} }}\n'
SESSION = 'patient_id = "id", proc_date = "day"'
LEVEL = f'{SESSION}, level = "lvl"'


def source(name: str, *tables: tuple[str, str, str], kind: str = "csv") -> str:
    """A source and its tables: name, columns, and what stands above the columns."""
    top = f'[[source]]\nname = "{name}"\nfile = "{name}.csv"\nformat = "{kind}"\ncenter = "A"\n'
    return top + "".join(TABLE.format(table, more, columns) for table, columns, more in tables)


def read(folder: Path, mapping: str, **files: str) -> Registry:
    for name, text in files.items():
        (folder / f"{name}.csv").write_text(text, "utf-8")
    (folder / "registry.toml").write_text(HEAD + mapping, "utf-8")
    return read_registry(folder)


def said(found: Registry, rule: str) -> list[tuple[int | None, str]]:
    """Row and message of each finding of a rule."""
    rows = found.findings[found.findings["rule"] == rule]
    places = [None if pd.isna(row) else int(row) for row in rows["row"]]
    return list(zip(places, rows["message"], strict=True))


def ages(found: Registry) -> list[float | None]:
    return [None if pd.isna(v) else float(v) for v in found.procedures["age_at_proc"]]


# ------------------------------------------------------------------ sessions that are not wanted

KINDS = """\
id;kind;day;lvl
1;VP;2022-03-01;L1
2;KP;2022-03-02;L2
3;KP;2022-03-03;L3
4;;2022-03-04;L4
5;KP;;
6;VP, redo;2022-03-06;L4
"""


def test_patients_whose_sessions_are_not_wanted_are_a_note(tmp_path: Path) -> None:
    where = 'where = { kind = "VP" }\n'
    tables = ("procedures", SESSION, where), ("levels", LEVEL, where)
    mapping = source("s", ("patients", 'patient_id = "id"', ""), *tables)
    found = read(tmp_path, mapping, s=KINDS)
    assert [row for row, _ in said(found, "patient.no_session")] == [5, 6, 7]
    ((row, message),) = said(found, "patient.untaken")
    assert row is None
    assert message.startswith("2 patients have no session")


def test_patients_of_another_file_whose_sessions_are_not_wanted(tmp_path: Path) -> None:
    where = "where = { day = { from = 2022-03-03 } }\n"
    mapping = source("p", ("patients", 'patient_id = "id"', ""))
    mapping += source("s", ("procedures", SESSION, where))
    found = read(tmp_path, mapping, p="id;x;y\n1;;\n2;;\n3;;\n9;;\n", s=KINDS)
    assert [row for row, _ in said(found, "patient.no_session")] == [5]
    ((_, message),) = said(found, "patient.untaken")
    assert message.startswith("2 patients have no session")


def test_a_contact_is_no_session_that_was_not_wanted(tmp_path: Path) -> None:
    rows = "id;kind;day\n1;op;2022-03-01\n1;control;2022-04-01\n2;control;2022-04-02\n"
    visits = "visits", 'patient_id = "id", visit_date = "day"', 'where = { kind = "control" }\n'
    sessions = "procedures", SESSION, 'where = { kind = "op" }\n'
    found = read(
        tmp_path, source("s", ("patients", 'patient_id = "id"', ""), sessions, visits), s=rows
    )
    assert [row for row, _ in said(found, "patient.no_session")] == [4]
    assert not said(found, "patient.untaken")


# ------------------------------------------------------------------ sessions that are events

EVENTS = """\
id,redcap_event_name,redcap_repeat_instrument,redcap_repeat_instance,sex,day,lvl,ml
1,baseline_arm_1,,,f,,,
1,op1_arm_1,,,,2022-03-01,,
1,op1_arm_1,vertebra,1,,,L1,3
1,op1_arm_1,vertebra,2,,,L2,4
1,op2_arm_1,,,,2022-09-01,,
1,op2_arm_1,vertebra,1,,,L4,5
2,baseline_arm_1,,,m,,,
2,op1_arm_1,,,,2022-04-01,,
2,op1_arm_1,vertebra,1,,,T12,2
"""
OPS = 'redcap_event_name = ["op1_arm_1", "op2_arm_1"]'
PROJECT = source(
    "r",
    (
        "patients",
        'patient_id = "id", sex = "sex"',
        'where = { redcap_event_name = "baseline_arm_1" }\n',
    ),
    ("procedures", SESSION, f"where = {{ {OPS} }}\n"),
    (
        "levels",
        f'{LEVEL}, cement_ml = "ml"',
        f'where = {{ {OPS}, redcap_repeat_instrument = "vertebra" }}\n',
    ),
    kind="redcap",
)


def test_vertebrae_are_of_the_session_of_their_event(tmp_path: Path) -> None:
    found = read(tmp_path, PROJECT, r=EVENTS)
    assert found.levels["level_id"].tolist() == [
        "A/1/2022-03-01/L1", "A/1/2022-03-01/L2", "A/1/2022-09-01/L4", "A/2/2022-04-01/T12",
    ]  # fmt: skip
    assert found.levels["cement_ml"].tolist() == [3, 4, 5, 2]
    assert found.findings.empty


def test_a_session_without_a_day_does_not_get_that_of_another_event(tmp_path: Path) -> None:
    found = read(tmp_path, PROJECT, r=EVENTS.replace("2022-09-01", ""))
    assert found.levels["level_id"].tolist() == [
        "A/1/2022-03-01/L1", "A/1/2022-03-01/L2", "A/2/2022-04-01/T12",
    ]  # fmt: skip
    assert [row for row, _ in said(found, "required.missing")] == [6, 7]


def test_sessions_that_repeat_without_an_event_ask_for_their_number(tmp_path: Path) -> None:
    rows = """\
id,redcap_repeat_instrument,redcap_repeat_instance,day,no,lvl
1,,,,,
1,op,1,2022-03-01,,
1,op,2,2022-09-01,,
1,vertebra,1,,2,L1
"""
    vertebra = 'where = { redcap_repeat_instrument = "vertebra" }\n'
    op = 'where = { redcap_repeat_instrument = "op" }\n'
    people = "patients", 'patient_id = "id"', ""
    tables = people, ("procedures", SESSION, op), ("levels", LEVEL, vertebra)
    asked = read(tmp_path, source("r", *tables, kind="redcap"), r=rows)
    ((row, message),) = said(asked, "required.missing")
    assert row == 5
    assert "map procedure_id" in message
    named = SESSION + ', procedure_id = "redcap_repeat_instance"'
    level = 'patient_id = "id", procedure_id = "no", level = "lvl"'
    tables = people, ("procedures", named, op), ("levels", level, vertebra)
    found = read(tmp_path, source("r", *tables, kind="redcap"), r=rows)
    assert found.levels["procedure_id"].tolist() == [found.procedures["procedure_id"][1]]


# ------------------------------------------------------------------ said once


def test_a_row_without_its_patient_is_said_once(tmp_path: Path) -> None:
    rows = "id;sex;day;lvl\n1;f;2022-03-01;L1\n;f;2022-03-02;L1\n3;f;;L2\n?;f;2022-03-01;L2\n"
    patients = "patients", 'patient_id = "id", sex = "sex"', ""
    mapping = source("s", patients, ("procedures", SESSION, ""), ("levels", LEVEL, ""))
    found = read(tmp_path, mapping, s=rows)
    lost, undated = said(found, "required.missing")
    assert lost[0] == 3
    assert lost[1].endswith("the row was left out of patients, procedures and levels.")
    assert undated[0] == 4
    assert undated[1].endswith("the row was left out of procedures and levels.")
    ((row, message),) = said(found, "key.placeholder")
    assert row == 5
    assert message.endswith("the row was left out of patients, procedures and levels.")


def test_a_level_that_two_columns_name_is_said_once(tmp_path: Path) -> None:
    tables = [("levels", f'{SESSION}, level = "{name}"', "") for name in ("one", "two")]
    mapping = source("s", ("procedures", SESSION, ""), *tables)
    found = read(tmp_path, mapping, s="id;day;one;two\n1;2022-03-01;L1;L1\n2;2022-03-02;L1;L2\n")
    told = found.findings[found.findings["row"] == 2]
    assert not told.duplicated().any()
    assert len(found.levels) == len(["L1", "L1", "L2"])


def test_a_visit_in_the_rows_of_vertebrae_is_one(tmp_path: Path) -> None:
    visits = "visits", 'patient_id = "id", visit_date = "seen", vas_0_10 = "vas"', ""
    mapping = source("s", ("procedures", SESSION, ""), ("levels", LEVEL, ""), visits)
    rows = """\
id;day;lvl;seen;vas
1;2022-03-01;L1;2022-04-01;3
1;2022-03-01;L2;2022-04-01;3
2;2022-03-02;L1;2022-04-02;3
2;2022-03-02;L2;2022-04-02;4
"""
    found = read(tmp_path, mapping, s=rows)
    assert found.visits["vas_0_10"].tolist() == [3, 3, 4]
    again = found.corrections[found.corrections["rule"] == "visit.repeated"]
    assert again["row"].tolist() == [3]


def test_a_value_that_contradicts_itself_leaves_no_limit(tmp_path: Path) -> None:
    mapping = source("s", ("procedures", f'{SESSION}, crp_mg_l = "crp"', ""))
    found = read(tmp_path, mapping, s="id;day;crp\n1;2022-03-01;<4\n1;2022-03-01;<5\n")
    assert found.procedures[["crp_mg_l", "crp_limit"]].isna().all(axis=None)


# ------------------------------------------------------------------ ages of patients

AGED = ("patients", 'patient_id = "id", age_at_proc = "age"', "")


def test_an_age_in_the_row_of_a_session_is_of_that_session(tmp_path: Path) -> None:
    rows = "id;age;day\n1;70;2020-02-01\n1;73;2023-02-02\n2;81;2022-02-01\n"
    found = read(tmp_path, source("s", AGED, ("procedures", SESSION, "")), s=rows)
    assert ages(found) == [70, 73, 81]
    assert not said(found, "conflict.rows")
    assert not said(found, "session.age_once")


@pytest.mark.parametrize(("born", "second", "rows"), [("", None, [3]), ("1950-01-05", 73, [])])
def test_an_age_of_the_patient_is_not_that_of_a_later_session(
    tmp_path: Path, born: str, second: float | None, rows: list[int]
) -> None:
    aged = "patients", f'{AGED[1]}, birth_date = "born"', ""
    mapping = source("p", aged) + source("s", ("procedures", SESSION, ""))
    days = "id;day\n1;2020-02-01\n1;2023-02-02\n2;2022-02-01\n"
    found = read(tmp_path, mapping, p=f"id;age;born\n1;70;{born}\n2;81;\n", s=days)
    assert ages(found) == [70, second, 81]
    assert [row for row, _ in said(found, "session.age_once")] == rows


def test_an_age_that_stands_still_is_that_of_the_first_session(tmp_path: Path) -> None:
    rows = "id;age;day\n1;70;2020-02-01\n1;70;2023-02-02\n2;81;2022-02-01\n"
    found = read(tmp_path, source("s", AGED, ("procedures", SESSION, "")), s=rows)
    assert ages(found) == [70, None, 81]
    assert [row for row, _ in said(found, "session.age_once")] == [3]


def test_events_of_a_project_are_of_the_session_of_their_event(tmp_path: Path) -> None:
    rows = EVENTS.replace("\n", ",\n").replace("ml,", "ml,kind", 1)
    rows += "1,op2_arm_1,complication,1,,,,,infection\n"
    rows += "2,followup_arm_1,complication,1,,,,,infection\n"
    mapping = PROJECT + TABLE.format(
        "events",
        'where = { redcap_repeat_instrument = "complication" }\n',
        f'{SESSION}, event_type = "kind"',
    )
    found = read(tmp_path, mapping, r=rows)
    # an event of no session has that of its record, if there is one
    assert found.events["procedure_id"].tolist() == ["A/1/2022-09-01", "A/2/2022-04-01"]


def test_a_day_that_only_the_first_event_asks_for_is_of_the_record(tmp_path: Path) -> None:
    rows = """\
id,redcap_event_name,redcap_repeat_instrument,redcap_repeat_instance,day,crp,lvl
1,baseline_arm_1,,,2022-03-01,,
1,op_arm_1,,,,4,
1,op_arm_1,vertebra,1,,,L1
"""
    op = 'where = { redcap_event_name = "op_arm_1" }\n'
    vertebra = 'where = { redcap_repeat_instrument = "vertebra" }\n'
    tables = ("procedures", SESSION, op), ("levels", LEVEL, vertebra)
    found = read(tmp_path, source("r", *tables, kind="redcap"), r=rows)
    assert found.levels["level_id"].tolist() == ["A/1/2022-03-01/L1"]
