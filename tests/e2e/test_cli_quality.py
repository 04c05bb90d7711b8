"""`vpstats quality` as a registry office runs it: codes, files, bytes, locks, two editions."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import jsonschema
import pandas as pd
import pytest

from vpstats.report.writing import claim

Call = Callable[..., Any]
ROOT = Path(__file__).parents[2]

MAPPING = """
version = 1

[registry]
name = "Small network"
data_cut = 2025-12-31

[quality]
variables = ["sex", "crp_mg_l", "indication", "ct_post_done"]
{quality}

[[source]]
name = "all"
file = "all.csv"
center = {{ column = "center" }}
date_order = "ymd"
decimal = "."

[[source.table]]
name = "patients"
[source.table.columns]
patient_id = "patient"
sex = "sex"
last_contact_date = "seen"

[[source.table]]
name = "procedures"
[source.table.columns]
patient_id = "patient"
proc_date = "day"
entry_date = "entered"
age_at_proc = "age"
indication = {{ value = "osteoporotic" }}
crp_mg_l = "crp"
ct_post_done = "ct"
"""

PLAN = """
version = 1
title = "A plan for its disclosure rule"
[release]
threshold = 20
[audit]
center_names = {{ A = "Saint Mary's" }}
"""

GOOD = {"A": 0.0, "B": 0.0, "C": 0.0}
"""Center to the share of its procedures without CRP."""


def write_network(
    folder: Path, lacks: dict[str, float], *, quality: str = "", plan: str = "", n: int = 120
) -> Path:
    """Write the export and its mapping; each center operates every five days until the cut."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = ["patient,center,day,entered,age,sex,crp,ct,seen"]
    for k, (center, share) in enumerate(sorted(lacks.items())):
        for i in range(n):
            day = date(2025, 12, 30) - timedelta(days=5 * (n - 1 - i) + k)
            crp = "" if (i + 1) * share // 1 > i * share // 1 else f"{3 + i % 9}.5"
            entered = min(day + timedelta(days=i % 20), date(2025, 12, 31))
            lines.append(
                f"{center}{i},{center},{day},{entered}"
                f",{60 + i % 25},{'fm'[i % 2]},{crp},{'yes' if i % 3 else 'no'},2025-12-31"
            )
    (folder / "all.csv").write_text("\n".join(lines) + "\n", "utf-8")
    (folder / "registry.toml").write_text(MAPPING.format(quality=quality), "utf-8")
    if plan:
        (folder / "study.toml").write_text(plan.format(), "utf-8")
    return folder


def digests(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


LACKING = GOOD | {"B": 0.4}


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network whose center B lacks four CRP in ten, reported once."""
    from vpstats.pipeline import run_quality

    folder = write_network(tmp_path_factory.mktemp("lacking"), LACKING)
    run_quality(folder, out=folder / "report")
    return folder


def test_the_report_of_one_center_says_each_number_once(call_cli: Call, tmp_path: Path) -> None:
    folder = write_network(tmp_path, {"A": 0.4})
    outcome = call_cli("quality", folder, "--out", folder / "report")
    assert "  CRP before (mg/L): 60.0 %\n" in outcome.out
    assert "median and range" not in outcome.out
    for page in ("index.html", "centers/A.html"):
        text = (folder / "report/internal" / page).read_text("utf-8")
        assert "Median of centers" not in text
        assert "the median and the range" not in text
    validity = pd.read_csv(folder / "report/internal/tables/validity.csv")
    assert validity.columns.tolist() == ["Measure", "Network"]


# --- exit codes, each by a real run


@pytest.mark.parametrize(
    ("lacks", "quality", "options", "code"),
    [
        (GOOD, "", (), 0),
        (LACKING, "", (), 1),
        (LACKING, "", ("--fail-on", "error"), 0),
        (LACKING, "", ("--center", "A"), 0),
        (LACKING, "", ("--center", "B"), 1),
        (LACKING, "completeness = 0.5", (), 0),
        (GOOD, 'hospital_counts = [{ center = "A", year = 2025, n = 9 }]', (), 1),
        (GOOD, 'hospital_counts = [{ center = "A", year = 2025, n = 9 }]',
         ("--fail-on", "error"), 1),
    ],
    ids=["fine", "incomplete", "asked for errors", "another center", "that center",
         "less is asked for", "more than the hospital did", "which is an error"],
)  # fmt: skip
def test_findings_decide_the_exit_code(
    call_cli: Call, tmp_path: Path, lacks: Any, quality: str, options: tuple[str, ...], code: int
) -> None:
    folder = write_network(tmp_path / "net", lacks, quality=quality)
    outcome = call_cli("quality", folder, *options)
    assert outcome.code == code
    assert outcome.err == ""
    assert "Small network: quality of the data" in outcome.out


@pytest.mark.parametrize(
    ("change", "options", "code", "words"),
    [
        ({"all.csv": None}, (), 5, "all.csv"),
        ({"registry.toml": None}, (), 6, "registry.toml"),
        ({"registry.toml": ("[quality]", "[quality]\ncompleteness = 85")}, (), 6, "completeness"),
        ({"registry.toml": ('"sex"', '"sexx"')}, (), 6, "'sexx' is no variable"),
        ({}, ("--center", "Z"), 2, "no center 'Z'"),
        ({}, ("--as-of", "2030-01-01"), 2, "lies after the data cut"),
        ({}, ("--as-of", "soon"), 2, "is not a day"),
    ],
)
def test_what_cannot_be_done_is_one_line(
    call_cli: Call, tmp_path: Path, change: Any, options: tuple[str, ...], code: int, words: str
) -> None:
    folder = write_network(tmp_path / "net", GOOD, n=20)
    for name, edit in change.items():
        if edit is None:
            (folder / name).unlink()
        else:
            text = (folder / name).read_text("utf-8")
            (folder / name).write_text(text.replace(*edit), "utf-8")
    outcome = call_cli("quality", folder, "--out", tmp_path / "report", *options)
    assert outcome.code == code
    assert words in outcome.error_line
    assert not (tmp_path / "report").exists()


def test_an_unknown_option_is_a_usage_error(call_cli: Call, tmp_path: Path) -> None:
    assert call_cli("quality", tmp_path, "--fail-on", "never").code == 2


def test_files_of_others_are_not_replaced(call_cli: Call, written: Path, tmp_path: Path) -> None:
    (tmp_path / "report").mkdir()
    (tmp_path / "report" / "thesis.txt").write_text("mine", "utf-8")
    outcome = call_cli("quality", written, "--out", tmp_path / "report")
    assert outcome.code == 2
    assert (tmp_path / "report" / "thesis.txt").read_text("utf-8") == "mine"


# --- what is written


def test_text_and_json_say_the_same(call_cli: Call, written: Path) -> None:
    told = call_cli("quality", written, "--format", "json")
    found = json.loads(told.out)
    kept = json.loads((written / "report" / "internal" / "quality.json").read_text("utf-8"))
    assert found == kept
    assert (found["format"], found["verdict"]) == ("vpstats-quality/1", "warning")
    (one,) = found["findings"]
    assert (one["center"], one["measure"]) == ("B", "procedures.crp_mg_l")
    text = (written / "report" / "internal" / "quality.txt").read_text("utf-8")
    assert one["sentence"] in text


def test_the_numbers_are_those_of_the_export(written: Path) -> None:
    export = pd.read_csv(written / "all.csv")
    known = export.groupby("center")["crp"].agg(lambda c: 100 * c.notna().mean())
    rows = pd.read_csv(written / "report" / "internal" / "measures.csv")
    own = rows[rows["measure"] == "procedures.crp_mg_l"].set_index("center_id")
    for center, share in known.items():
        assert own.loc[center, "estimate"] == pytest.approx(share)
        assert own.loc[center, "n"] == 120
        beside = own.loc[center, ["network_median", "network_low", "network_high"]].tolist()
        assert beside == pytest.approx([known.median(), known.min(), known.max()])
    assert own.loc["network", "estimate"] == pytest.approx(100 * export["crp"].notna().mean())


def test_twice_gives_the_same_bytes(written: Path, tmp_path: Path) -> None:
    from vpstats.pipeline import run_quality

    run_quality(written, out=tmp_path / "again")
    assert digests(tmp_path / "again") == digests(written / "report")


def test_the_manifest_describes_every_file(written: Path) -> None:
    from vpstats.report.manifest import changed_outputs

    assert changed_outputs(written / "report") == ()
    manifest = json.loads((written / "report" / "manifest.json").read_text("utf-8"))
    assert [entry["name"] for entry in manifest["inputs"]] == ["all.csv", "registry.toml"]
    assert manifest["kind"] == "data quality"


def test_the_document_fits_its_schema(call_cli: Call, written: Path, tmp_path: Path) -> None:
    schema = json.loads((ROOT / "docs/schemas/quality.schema.json").read_text("utf-8"))
    validator = jsonschema.Draft202012Validator(schema)
    one = tmp_path / "one"
    assert call_cli("quality", written, "--out", one, "--center", "B").code == 1
    for folder in (written / "report", one):
        for edition in ("public", "internal"):
            found = json.loads((folder / edition / "quality.json").read_text("utf-8"))
            validator.validate(found)
            assert found["edition"] == edition
    told = call_cli("quality", ROOT / "data/demo", "--format", "json").out
    validator.validate(json.loads(told))
    for change in ({"format": "vpstats-quality/2"}, {"extra": 1}, {"verdict": "fine"}):
        with pytest.raises(jsonschema.ValidationError):
            validator.validate({**found, **change})


def test_the_internal_edition_can_be_left_out(
    call_cli: Call, written: Path, tmp_path: Path
) -> None:
    out = tmp_path / "report"
    outcome = call_cli("quality", written, "--out", out, "--audience", "public")
    assert outcome.code == 1
    assert sorted(p.name for p in out.iterdir()) == ["README.txt", "manifest.json", "public"]
    assert "internal" not in outcome.out.lower()


def test_one_center_gets_its_page_beside_the_networks(
    call_cli: Call, written: Path, tmp_path: Path
) -> None:
    out = tmp_path / "report"
    assert call_cli("quality", written, "--out", out, "--center", "B").code == 1
    assert [p.name for p in (out / "public" / "centers").iterdir()] == ["B.html"]
    found = json.loads((out / "internal" / "quality.json").read_text("utf-8"))
    assert {row["center_id"] for row in found["measures"]} == {"B", "network"}


def test_the_public_edition_withholds_what_is_small(call_cli: Call, tmp_path: Path) -> None:
    # three of 120 without CRP at B: nobody outside may know that there are three
    folder = write_network(tmp_path / "net", GOOD | {"B": 3 / 120})
    assert call_cli("quality", folder, "--out", tmp_path / "report").code == 0
    inside, outside = (
        pd.read_csv(tmp_path / "report" / e / "missing.csv") for e in ("internal", "public")
    )
    place = ("B", "procedures.crp_mg_l", "blank")

    def at(rows: pd.DataFrame) -> pd.Series:
        return rows.set_index(["center_id", "variable", "state"]).loc[place]

    assert at(inside)["n"] == 3
    assert pd.isna(at(outside)["n"])
    page = (tmp_path / "report" / "public" / "centers" / "B.html").read_text("utf-8")
    assert "97.5" not in page
    assert "97.5" in (tmp_path / "report" / "internal" / "centers" / "B.html").read_text("utf-8")
    for name in ("by_rule", "patterns", "months", "corrections", "findings"):
        assert not (tmp_path / "report" / "public" / f"{name}.csv").exists()


def test_the_plan_beside_gives_the_disclosure_rule_and_the_names(
    call_cli: Call, tmp_path: Path
) -> None:
    folder = write_network(tmp_path / "net", GOOD | {"B": 18 / 120}, plan=PLAN)
    call_cli("quality", folder, "--out", tmp_path / "report")
    rows = pd.read_csv(tmp_path / "report" / "public" / "missing.csv")
    rows = rows.set_index(["center_id", "variable", "state"])
    assert pd.isna(rows.loc[("B", "procedures.crp_mg_l", "blank"), "n"])  # 18 are fewer than 20
    page = (tmp_path / "report" / "public" / "index.html").read_text("utf-8")
    assert "Saint Mary&#39;s" in page


def test_no_identifier_leaves_the_export(written: Path) -> None:
    for path in sorted((written / "report").rglob("*")):
        if path.suffix in (".html", ".json", ".csv", ".txt"):
            text = path.read_text("utf-8")
            assert "A17" not in text, path
            assert "B17/" not in text, path


def test_an_earlier_day_is_another_report(call_cli: Call, written: Path, tmp_path: Path) -> None:
    told = call_cli("quality", written, "--as-of", "2025-06-30", "--format", "json")
    found = json.loads(told.out)
    assert found["data_cut"] == "2025-06-30"
    rows = pd.DataFrame(found["measures"]).set_index(["measure", "center_id"])
    export = pd.read_csv(written / "all.csv")
    inside = export[(export["day"] <= "2025-06-30") & (export["center"] == "A")]
    assert rows.loc[("ct", "A"), "n"] == len(inside)


# --- two runs, and a killed one


def test_two_runs_at_once_are_refused(call_cli: Call, written: Path, tmp_path: Path) -> None:
    with claim(tmp_path / "report"):
        outcome = call_cli("quality", written, "--out", tmp_path / "report")
    assert outcome.code == 2
    assert "another run" in outcome.error_line


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs a system that can kill")
def test_a_killed_run_leaves_the_old_pages(call_cli: Call, written: Path, tmp_path: Path) -> None:
    out = tmp_path / "report"
    shutil.copytree(written / "report", out)
    before = digests(out)
    command = [sys.executable, "-m", "vpstats", "quality", str(written), "--out", str(out)]
    environ = {**os.environ, "OMP_NUM_THREADS": "1"}
    run = subprocess.Popen(command, stdout=subprocess.DEVNULL, env=environ)
    writing = tmp_path / ".report.writing"
    deadline = time.monotonic() + 300
    while not writing.exists() and run.poll() is None and time.monotonic() < deadline:
        time.sleep(0.002)
    run.send_signal(signal.SIGKILL)
    assert run.wait() == -signal.SIGKILL
    assert digests(out) == before  # old or new: the same input has the same bytes
    assert call_cli("quality", written, "--out", out).code == 1
    assert digests(out) == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["report"]
