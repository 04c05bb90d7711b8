"""The commands as a newcomer runs them: what they print, what they write, how they end."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import vpstats
from vpstats.cli import main
from vpstats.schema_tables import TABLES

Call = Callable[..., Any]


@pytest.fixture
def study(tmp_path: Path, call_cli: Call) -> Path:
    folder = tmp_path / "study"
    assert call_cli("new", folder).code == 0
    return folder


def digests(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def with_a_fault(study: Path) -> None:
    """Two vertebrae or a disc? Nobody can tell."""
    export = study / "exports" / "procedures.csv"
    export.write_text(export.read_text("utf-8").replace(";L2;", ";L2-3;"), "utf-8")


# --- new


def test_new_writes_files_that_validate(call_cli: Call, tmp_path: Path) -> None:
    outcome = call_cli("new", tmp_path / "study")
    assert outcome.code == 0
    written = sorted(
        str(p.relative_to(tmp_path / "study")) for p in (tmp_path / "study").rglob("*.*")
    )
    assert written == [
        "exports/events.csv",
        "exports/procedures.csv",
        "registry.toml",
        "study.toml",
    ]
    assert len(outcome.out.splitlines()) == 4
    assert outcome.err == ""


@pytest.mark.parametrize("name", ["registry", "study"])
def test_the_starter_files_fit_the_published_schemas(
    call_cli: Call, root: Path, study: Path, name: str
) -> None:
    schema = json.loads((root / f"docs/schemas/{name}.schema.json").read_text("utf-8"))
    content = tomllib.loads((study / f"{name}.toml").read_text("utf-8"))
    plain = json.loads(json.dumps(content, default=str))
    jsonschema.Draft202012Validator(schema).validate(plain)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(schema).validate({**plain, "unknown": 1})


# --- check


def test_check_of_a_fresh_study_finds_nothing(call_cli: Call, study: Path) -> None:
    outcome = call_cli("check", study)
    assert outcome.code == 0
    assert outcome.err == ""
    assert "My registry (synthetic), data cut 2025-12-31" in outcome.out
    assert "procedures: exports/procedures.csv, 10 rows" in outcome.out
    assert "patients 8, procedures 8, levels 10" in outcome.out
    assert "Findings: 0 errors, 0 warnings" in outcome.out


@pytest.mark.parametrize("name", ["", "registry.toml", "study.toml"])
def test_check_takes_the_folder_or_either_file(call_cli: Call, study: Path, name: str) -> None:
    assert call_cli("check", study / name).out == call_cli("check", study).out


def test_check_leaves_a_plan_for_another_registry_alone(call_cli: Call, study: Path) -> None:
    plan = study / "study.toml"
    plan.write_text(plan.read_text("utf-8").replace('"registry.toml"', '"other.toml"'), "utf-8")
    assert call_cli("check", study / "registry.toml").code == 0
    assert "other.toml" in call_cli("check", study).error_line


def test_check_needs_no_plan(call_cli: Call, study: Path) -> None:
    (study / "study.toml").unlink()
    assert call_cli("check", study).code == 0


def test_check_names_the_place_of_a_finding_and_ends_with_1(call_cli: Call, study: Path) -> None:
    with_a_fault(study)
    outcome = call_cli("check", study)
    assert outcome.code == 1
    assert outcome.err == ""
    assert "level.ambiguous: exports/procedures.csv, column 'vertebra', row 4" in outcome.out


def test_check_never_prints_who_it_is_about(call_cli: Call, study: Path) -> None:
    with_a_fault(study)
    for layout in ("text", "json", "csv"):
        out = call_cli("check", study, "--format", layout).out
        assert "P002" not in out
        assert "1941" not in out


def test_check_as_json_can_be_read_by_a_program(call_cli: Call, study: Path) -> None:
    with_a_fault(study)
    outcome = call_cli("check", study, "--format", "json")
    listing = json.loads(outcome.out)
    assert outcome.code == 1
    assert set(listing["tables"]) == set(TABLES)
    assert listing["registry"]["data_cut"] == "2025-12-31"
    assert sum(f["n"] for f in listing["findings"]) == sum(listing["counts"].values())
    places = [(f["column"], f["rows"]) for f in listing["findings"]]
    assert ("vertebra", [4]) in places
    assert [len(s["sha256"]) for s in listing["sources"]] == [64, 64]


def test_check_as_csv_has_one_line_per_finding_and_correction(call_cli: Call, study: Path) -> None:
    with_a_fault(study)
    lines = list(csv.DictReader(io.StringIO(call_cli("check", study, "--format", "csv").out)))
    assert {line["kind"] for line in lines} <= {"finding", "correction"}
    places = [line for line in lines if line["column"] == "vertebra" and line["row"] == "4"]
    assert "level.ambiguous" in [line["rule"] for line in places]
    assert all(line["kind"] == "finding" and line["action"] for line in places)


def test_check_writes_to_a_file_and_keeps_its_exit_code(call_cli: Call, study: Path) -> None:
    with_a_fault(study)
    shown = call_cli("check", study).out
    outcome = call_cli("check", study, "--out", study / "out" / "check.txt")
    assert (outcome.code, outcome.out) == (1, "")
    assert (study / "out" / "check.txt").read_text("utf-8") == shown


# --- report


@pytest.fixture(scope="module")
def reported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A starter study with its report in `report`, and a second run in `again`."""
    study = tmp_path_factory.mktemp("reported") / "study"
    assert main(["new", str(study)]) == 0
    for name in ("report", "again"):
        assert main(["report", str(study), "--out", str(study / name)]) == 0
    return study


def test_report_writes_a_folder_beside_the_plan_and_says_where(call_cli: Call, study: Path) -> None:
    outcome = call_cli("report", study / "study.toml")
    assert (outcome.code, outcome.err) == (0, "")
    shown = [Path(line) for line in outcome.out.splitlines()]
    assert [path.relative_to(study / "report").parts for path in shown] == [
        ("public", "report.html"),
        ("internal",),
    ]
    assert all(path.exists() for path in shown)
    assert (study / "report" / "manifest.json").is_file()


def test_a_second_report_has_the_same_bytes(reported: Path) -> None:
    assert digests(reported / "report") == digests(reported / "again")


def test_a_report_replaces_the_one_before_as_a_whole(reported: Path) -> None:
    (reported / "again" / "public" / "report.html").write_text("an older one", "utf-8")
    assert main(["report", str(reported), "--out", str(reported / "again")]) == 0
    assert digests(reported / "again") == digests(reported / "report")
    assert [p.name for p in reported.iterdir() if p.name.startswith(".")] == []


def test_a_report_with_somebody_elses_file_in_it_is_not_replaced(reported: Path) -> None:
    mine = reported / "report" / "public" / "my notes.txt"
    mine.write_text("mine", "utf-8")
    assert main(["report", str(reported), "--out", str(reported / "report")]) == 2
    assert mine.read_text("utf-8") == "mine"
    mine.unlink()
    assert digests(reported / "report") == digests(reported / "again")


def test_nothing_that_names_a_patient_is_public(reported: Path) -> None:
    files = [p for p in (reported / "report" / "public").rglob("*") if p.is_file()]
    assert files
    assert not [p.name for p in files if b"P003" in p.read_bytes()]


# --- dictionary


def test_the_dictionary_lists_every_column(call_cli: Call) -> None:
    page = call_cli("dictionary").out
    assert all(f"`{c.name}`" in page for table in TABLES.values() for c in table)


def test_the_rules_page_lists_every_rule(call_cli: Call) -> None:
    from vpstats.registry import RULES

    page = call_cli("dictionary", "--rules").out
    assert all(f"`{rule}`" in page for rule in RULES)


@pytest.mark.parametrize("of", ["registry", "study", "audit", "quality"])
def test_the_schemas_are_valid_json_schemas(call_cli: Call, of: str) -> None:
    schema = json.loads(call_cli("dictionary", "--format", "json-schema", "--of", of).out)
    jsonschema.Draft202012Validator.check_schema(schema)


# --- simulate


def test_simulated_exports_read_and_the_seed_decides(call_cli: Call, tmp_path: Path) -> None:
    for name, seed in [("a", 3), ("b", 3), ("c", 4)]:
        outcome = call_cli("simulate", tmp_path / name, "--seed", seed, "--procedures", 60)
        assert outcome.code == 0, outcome.err
    assert digests(tmp_path / "a") == digests(tmp_path / "b")
    assert digests(tmp_path / "a") != digests(tmp_path / "c")
    assert call_cli("check", tmp_path / "a").code == 1


# --- as a process


def test_the_installed_program_runs(tmp_path: Path) -> None:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(  # this interpreter, fixed arguments
            [sys.executable, "-m", "vpstats", *arguments],
            capture_output=True,
            text=True,
            encoding="utf-8",
            check=False,
            cwd=tmp_path,
        )

    version = run("--version")
    assert (version.returncode, version.stdout) == (0, f"vpstats {vpstats.__version__}\n")
    assert run("new", "study").returncode == 0
    check = run("check", "study")
    assert (check.returncode, check.stderr) == (0, "")
    missing = run("check", "elsewhere")
    assert missing.returncode == 6
    assert len(missing.stderr.splitlines()) == 1
