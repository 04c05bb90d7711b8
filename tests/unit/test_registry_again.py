"""Events that a list of contacts carries forward, and those that come back."""

from __future__ import annotations

from pathlib import Path

import pytest
from mapped_exports import read_export, source, table

KEY = {"patient_id": "id", "proc_date": "op"}
CODES = {
    "adj": "adjacent_fx",
    "far": "nonadjacent_fx",
    "re": "refracture_same",
    "inf": "infection",
    "cem": "pce",
    "pe": "pe_unspecified",
    "rib": "rib_fx",
    "rev": "reoperation",
    "dead": "death",
}


def doubted(folder: Path, contacts: list[str], sessions: list[str]) -> list[int]:
    """Rows of contacts ``day;event;vertebra`` of one patient whose event may be a known one."""
    operations = "\n".join(["id;op;lvl", *(f"1;{line}" for line in sessions)])
    follow_up = "\n".join(["id;day;event;lvl", *(f"1;{line}" for line in contacts)])
    kind = {"column": "event", "codes": CODES}
    told = table(
        "events",
        where={"event": "*"},
        patient_id="id",
        event_date="day",
        event_type=kind,
        event_levels="lvl",
    )
    tables = [
        table("patients", patient_id="id"),
        table("procedures", **KEY),
        table("levels", level="lvl", **KEY),
    ]
    mapping = source("a", *tables) + source("b", told)
    found = read_export(folder, mapping, a=f"{operations}\n", b=f"{follow_up}\n").findings
    assert "event.twice" not in set(found["rule"])
    return [int(row) for row in found.loc[found["rule"] == "event.again", "row"]]


ONE = ["2021-02-10;T12"]


@pytest.mark.parametrize(
    ("contacts", "later"),
    [
        (["2021-05-10;adj;L1", "2021-08-11;adj;L1", "2023-02-10;adj;L1"], [3, 4]),
        (["2021-05-10;adj;L1", "2021-08-11;far;L1"], [3]),
        (["2021-05-10;adj;L1", "2021-08-11;adj;L1, T11"], [3]),
        (["2021-05-10;re;T12", "2021-08-11;re;T12"], [3]),
        (["2021-05-10;inf;", "2021-08-11;inf;", "2022-07-01;inf;"], [3, 4]),
        (["2021-02-11;cem;", "2023-05-10;cem;"], [3]),
        (["2021-02-20;pe;", "2021-05-10;pe;"], [3]),
        (["2021-03-20;rib;", "2021-05-10;rib;"], [3]),
        (["2021-03-20;dead;", "2023-05-10;dead;"], [3]),
    ],
)
def test_a_known_event_written_again_is_doubted(
    tmp_path: Path, contacts: list[str], later: list[int]
) -> None:
    assert doubted(tmp_path, contacts, ONE) == later


@pytest.mark.parametrize(
    ("contacts", "sessions"),
    [
        (["2021-05-10;adj;L1", "2021-08-11;adj;T11"], ONE),
        (["2021-05-10;adj;L1", "2021-08-11;inf;L1"], ONE),
        (["2021-05-10;adj;L1", "2021-08-11;re;L1"], [*ONE, "2021-05-12;L1"]),
        (["2021-05-10;re;T12", "2021-08-11;re;T12"], [*ONE, "2021-05-10;T12"]),
        (["2021-05-10;inf;", "2023-08-11;inf;"], ONE),
        (["2021-05-10;inf;", "2021-08-11;inf;"], [*ONE, "2021-07-01;L3"]),
        (["2021-05-10;inf;T12", "2021-08-11;inf;T5"], ONE),
        (["2021-02-11;cem;", "2021-07-02;cem;"], [*ONE, "2021-07-01;L3"]),
        (["2021-05-10;rev;", "2021-08-11;rev;"], ONE),
    ],
)
def test_another_event_is_none_written_again(
    tmp_path: Path, contacts: list[str], sessions: list[str]
) -> None:
    assert not doubted(tmp_path, contacts, sessions)


def test_a_contact_without_it_makes_an_infection_a_new_one(tmp_path: Path) -> None:
    told = table(
        "events",
        patient_id="id",
        event_type={"value": "infection"},
        event_left_date="free",
        event_date="day",
    )
    patients = table("patients", patient_id="id")
    rows = ["1;;2021-05-10", "1;2021-07-01;2021-08-10", "2;;2021-05-10", "2;2021-05-10;2021-08-10"]
    export = "\n".join(["id;free;day", *rows]) + "\n"
    found = read_export(tmp_path, source("a", patients, told), a=export).findings
    assert found.loc[found["rule"] == "event.again", "row"].tolist() == [5]
