"""What proves the order of day and month may stand in rows that a table does not take."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.shared.mapped_exports import read_export, source, table
from vpstats.registry.registry import Registry

_SESSION = {"patient_id": "id", "proc_date": "day"}
_PROVING = [
    "4;25/03/2022;L1;",
    "5;28/11/2022;L1;",
    "6;22/11/2022;L1;",
    "7;23/11/2022;L1;",
]
_HYPHENS = [f"{day};{day}-12-2022;L1;" for day in (13, 14, 15)]
_FEW = [
    "1;02-03-2022;L1;embolism",
    "2;14-03-2022;L1;embolism",
    "3;08/10/2022;L1;embolism",
]


def _read(folder: Path, rows: list[str]) -> Registry:
    tables = (
        table("procedures", **_SESSION),
        table("levels", **_SESSION, level="level"),
        table("events", where={"pe": ["embolism"]}, **_SESSION, event_type={"value": "pce"}),
    )
    text = "\n".join(["id;day;level;pe", *rows])
    return read_export(folder, source("export", *tables, date_order="dmy"), export=text)


def _assumed(registry: Registry) -> list[tuple[str, int]]:
    found = registry.findings
    found = found[found["rule"] == "date.order_assumed"]
    return list(zip(found["table"], found["row"], strict=True))


def test_a_table_of_few_rows_takes_its_proof_from_the_whole_column(tmp_path: Path) -> None:
    registry = _read(tmp_path, [*_FEW, *_PROVING, *_HYPHENS])
    assert _assumed(registry) == []


@pytest.mark.parametrize("proving", [0, 2])
def test_few_proving_days_in_the_whole_column_are_no_proof(tmp_path: Path, proving: int) -> None:
    registry = _read(tmp_path, [*_FEW, *_PROVING[:proving], *_HYPHENS])
    assert {row for _, row in _assumed(registry)} == {4}


def test_centers_of_one_column_keep_their_own_orders(tmp_path: Path) -> None:
    tables = [
        table(
            "procedures",
            where={"country": [country]},
            patient_id="id",
            proc_date={"column": "day", "date_order": order},
        )
        for country, order in (("HR", "dmy"), ("US", "mdy"))
    ]
    days = {"HR": ["25/03/2022", "26/03/2022", "04/05/2022", "27/03/2022"]}
    days["US"] = ["03/25/2022", "04/26/2022", "04/05/2022", "08/27/2022"]
    rows = [f"{c}{n};{day};{c}" for c, own in days.items() for n, day in enumerate(own)]
    text = "\n".join(["id;day;country", *rows])
    registry = read_export(tmp_path, source("export", *tables), export=text)
    read = (
        registry.procedures["proc_date"]
        .dt.strftime("%m-%d")
        .groupby(registry.procedures["patient_id"].str.contains("HR"))
    )
    assert read.apply(list).to_dict() == {
        True: ["03-25", "03-26", "05-04", "03-27"],
        False: ["03-25", "04-26", "04-05", "08-27"],
    }
