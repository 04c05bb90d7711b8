"""Follow-up that says anew in each row how a patient is: the latest word counts, if asked to."""

from __future__ import annotations

from pathlib import Path

import pytest

from vpstats.errors import MappingError
from vpstats.registry import Registry, read_registry

MAPPING = """
version = 1
[registry]
name = "Test"
data_cut = 2024-12-31
[[source]]
name = "ops"
file = "ops.csv"
center = "C1"
[[source.table]]
name = "procedures"
columns = { patient_id = "id", proc_date = "day" }
[[source.table]]
name = "levels"
columns = { patient_id = "id", proc_date = "day", level = "level" }
[[source]]
name = "follow"
file = "follow.csv"
center = "C1"
[[source.table]]
name = "patients"
columns = { patient_id = "id", PATIENTS }
[[source.table]]
name = "visits"
columns = { patient_id = "id", visit_date = "seen", vas_0_10 = "vas" }
"""
STATUS = 'status = { column = "state", latest_by = "seen" }'
OPS = "id;day;level\n1;2022-01-02;L1\n2;2022-01-03;L2\n"


def read(folder: Path, rows: str, patients: str = STATUS) -> Registry:
    mapping = MAPPING.replace("PATIENTS", patients)
    (folder / "registry.toml").write_text(mapping, encoding="utf-8")
    (folder / "ops.csv").write_text(OPS, encoding="utf-8")
    (folder / "follow.csv").write_text(f"id;seen;state;vas;sex\n{rows}", encoding="utf-8")
    return read_registry(folder)


def status(registry: Registry) -> dict[str, str]:
    known = registry.patients.dropna(subset=["status"])
    return dict(zip(known["patient_id"], known["status"].astype(str), strict=True))


def conflicts(registry: Registry) -> list[int]:
    found = registry.findings
    return sorted(found.loc[found["rule"] == "conflict.rows", "row"].tolist())


ROWS = (
    "1;2022-02-01;alive;3;f\n1;2023-01-05;dead;;f\n2;2023-01-02;alive;2;m\n2;2022-02-03;lost;4;m\n"
)


def test_the_latest_row_of_a_patient_says_how_he_is(tmp_path: Path) -> None:
    registry = read(tmp_path, ROWS)
    assert status(registry) == {"C1/1": "dead", "C1/2": "alive"}
    assert conflicts(registry) == []
    assert len(registry.visits) == 4


def test_without_the_key_rows_that_differ_contradict_one_another(tmp_path: Path) -> None:
    registry = read(tmp_path, ROWS, 'status = "state"')
    assert status(registry) == {}
    assert conflicts(registry) == [2, 3, 4, 5]


@pytest.mark.parametrize(
    ("rows", "read_as", "differ"),
    [
        # a day is missing, cannot be, or is that of another row
        ("1;2022-02-01;alive;;f\n1;;dead;;f\n", {}, [2, 3]),
        ("1;2022-02-01;alive;;f\n1;2033-01-05;dead;;f\n", {}, [2, 3]),
        ("1;2022-02-01;alive;;f\n1;2022-02-01;dead;;f\n", {}, [2, 3]),
        ("1;2021-12-01;lost;;f\n1;2022-02-01;alive;;f\n1;2022-02-01;dead;;f\n", {}, [3, 4]),
        # rows that do not differ need no day
        ("1;2022-02-01;alive;;f\n1;;alive;;f\n", {"C1/1": "alive"}, []),
        # what says nothing takes nothing back, with a day or without
        ("1;2022-02-01;alive;;f\n1;2023-02-01;;3;f\n", {"C1/1": "alive"}, []),
        ("1;2022-02-01;alive;;f\n1;2023-02-01;unknown;3;f\n", {"C1/1": "alive"}, []),
        ("1;2022-02-01;alive;;f\n1;;;3;f\n1;2023-02-01;dead;3;f\n", {"C1/1": "dead"}, []),
        # a row of nobody is none of the patient's
        (
            "1;2022-02-01;alive;;f\n;2024-02-01;dead;;f\n1;2023-02-01;lost;;f\n",
            {"C1/1": "lost"},
            [],
        ),
    ],
)
def test_rows_of_which_none_is_the_latest(
    tmp_path: Path, rows: str, read_as: dict[str, str], differ: list[int]
) -> None:
    registry = read(tmp_path, rows)
    assert status(registry) == read_as
    assert conflicts(registry) == differ


def test_a_latest_word_that_cannot_be_read_leaves_nothing(tmp_path: Path) -> None:
    registry = read(tmp_path, "1;2022-02-01;alive;;f\n1;2023-02-01;qqq;;f\n")
    assert status(registry) == {}
    found = registry.findings
    assert 3 in found.loc[found["field"] == "status", "row"].tolist()


def test_the_latest_of_days_and_a_column_that_no_other_field_names(tmp_path: Path) -> None:
    days = 'last_contact_date = { column = "seen", latest_by = "seen" }'
    registry = read(tmp_path, ROWS, days)
    assert registry.patients["last_contact_date"].astype(str).tolist() == [
        "2023-01-05",
        "2023-01-02",
    ]
    assert conflicts(registry) == []


def test_what_does_not_change_has_no_latest_value(tmp_path: Path) -> None:
    with pytest.raises(MappingError, match="latest_by"):
        read(tmp_path, ROWS, 'sex = { column = "sex", latest_by = "seen" }')


def test_a_column_of_days_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(MappingError, match="no such column"):
        read(tmp_path, ROWS, 'status = { column = "state", latest_by = "when" }')


def test_a_column_of_days_that_no_other_field_names_is_mapped(tmp_path: Path) -> None:
    later = MAPPING.partition('[[source.table]]\nname = "visits"')[0]
    mapping = later.replace("PATIENTS", 'sex = "sex", asa = { column = "vas", latest_by = "seen" }')
    (tmp_path / "registry.toml").write_text(mapping, encoding="utf-8")
    (tmp_path / "ops.csv").write_text(OPS, encoding="utf-8")
    rows = "id;seen;vas;sex\n1;03.04.2022;2;f\n1;13.02.2022;3;f\n2;01.02.2022;1;m\n"
    (tmp_path / "follow.csv").write_text(rows, encoding="utf-8")
    registry = read_registry(tmp_path)
    assert registry.patients["asa"].astype(str).tolist() == ["2", "1"]
    assert not {"file.unmapped", "conflict.rows"} & set(registry.findings["rule"])
