"""Two files that speak of the same vertebrae."""

from __future__ import annotations

from pathlib import Path

import pytest

from vpstats.registry.read import read_registry
from vpstats.registry.registry import Registry

TOML = """
version = 1
[registry]
name = "x"
data_cut = 2023-12-31
[[source]]
name = "volumes"
file = "volumes.csv"
center = "A"
[[source.table]]
name = "patients"
columns = { patient_id = "id" }
[[source.table]]
name = "procedures"
columns = { patient_id = "id", proc_date = "day" }
[[source.table]]
name = "levels"
columns = { patient_id = "id", proc_date = "day", level = "level", cement_ml = "ml" }
[[source]]
name = "leaks"
file = "leaks.csv"
center = "A"
[[source.table]]
name = "levels"
[source.table.columns]
patient_id = "id"
proc_date = "day"
level = "level"
leak_any_ct = "leak"
cement_ml = "ml"
"""
VOLUMES = "id;day;level;ml\n1;2021-01-01;L1;4\n1;2021-01-01;L2;3\n"


def read(folder: Path, leaks: str) -> Registry:
    (folder / "registry.toml").write_text(TOML, "utf-8")
    (folder / "volumes.csv").write_text(VOLUMES, "utf-8")
    (folder / "leaks.csv").write_text(f"id;day;level;leak;ml\n{leaks}", "utf-8")
    return read_registry(folder)


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
    registry = read(tmp_path, second)
    assert registry.levels["cement_ml"].tolist() == [4, 3]
    findings = registry.findings
    assert sorted(findings.loc[findings["rule"] == "duplicate.key", "file"]) == files


def test_rows_of_one_file_that_list_another_vertebra_are_doubted(tmp_path: Path) -> None:
    """One table takes the rows of fluoroscopy, another those of CT."""
    tables = "".join(
        f'''
[[source.table]]
name = "levels"
where = {{ how = "{how}" }}
columns = {{ patient_id = "id", proc_date = "day", level = "level", leak_any_{how} = "leak" }}
'''
        for how in ("fluoro", "ct")
    )
    start = TOML.index('[[source.table]]\nname = "levels"')
    (tmp_path / "registry.toml").write_text(TOML[:start] + tables, "utf-8")
    rows = [f"{i};2021-01-0{i};L{i};{how};no" for i in range(1, 6) for how in ("fluoro", "ct")]
    rows[-1] = rows[-1].replace("L5", "L4")
    (tmp_path / "volumes.csv").write_text("\n".join(["id;day;level;how;leak", *rows]), "utf-8")
    findings = read_registry(tmp_path).findings
    said = findings[findings["rule"] == "level.files_differ"]
    assert said["row"].tolist() == [10, 11]
