"""Two files that speak of the same vertebrae."""

from __future__ import annotations

from pathlib import Path

import pytest
from mapped_exports import read_export, source, table

KEY = {"patient_id": "id", "proc_date": "day"}
SESSIONS = table("patients", patient_id="id") + table("procedures", **KEY)
MAPPING = source(
    "volumes", SESSIONS, table("levels", **KEY, level="level", cement_ml="ml")
) + source("leaks", table("levels", **KEY, level="level", leak_any_ct="leak", cement_ml="ml"))
VOLUMES = "id;day;level;ml\n1;2021-01-01;L1;4\n1;2021-01-01;L2;3\n"


@pytest.mark.parametrize(
    ("second", "files"),
    [
        ("1;2021-01-01;L1;yes;\n1;2021-01-01;L2;no;\n", []),
        ("1;2021-01-01;L1;yes;4\n1;2021-01-01;L2;no;\n", ["leaks.csv", "volumes.csv"]),
        ("1;2021-01-01;L1;yes;\n1;2021-01-01;L1;;\n", ["leaks.csv", "leaks.csv"]),
    ],
)
def test_a_vertebra_is_repeated_where_something_is_said_twice(
    tmp_path: Path, second: str, files: list[str]
) -> None:
    leaks = f"id;day;level;leak;ml\n{second}"
    registry = read_export(tmp_path, MAPPING, volumes=VOLUMES, leaks=leaks)
    assert registry.levels["cement_ml"].tolist() == [4, 3]
    findings = registry.findings
    assert sorted(findings.loc[findings["rule"] == "duplicate.key", "file"]) == files


def test_rows_of_one_file_that_list_another_vertebra_are_doubted(tmp_path: Path) -> None:
    """One table takes the rows of fluoroscopy, another those of CT."""
    tables = [
        table("levels", where={"how": how}, **KEY, level="level", **{f"leak_any_{how}": "leak"})
        for how in ("fluoro", "ct")
    ]
    rows = [f"{i};2021-01-0{i};L{i};{how};no" for i in range(1, 6) for how in ("fluoro", "ct")]
    rows[-1] = rows[-1].replace("L5", "L4")
    export = "\n".join(["id;day;level;how;leak", *rows])
    findings = read_export(tmp_path, source("a", SESSIONS, *tables), a=export).findings
    said = findings[findings["rule"] == "level.files_differ"]
    assert said["row"].tolist() == [10, 11]
