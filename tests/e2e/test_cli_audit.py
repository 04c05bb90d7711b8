"""`vpstats audit` as a registry office runs it: codes, files, bytes, locks, and what changed."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from vpstats.report.writing import claim

Call = Callable[..., Any]

REGISTRY = """
version = 1

[registry]
name = "Small network"
data_cut = {cut}

[[source]]
name = "procedures"
file = "procedures.csv"
format = "csv"
center = {{ column = "center" }}
decimal = "."
date_order = "ymd"

[[source.table]]
name = "patients"
[source.table.columns]
patient_id = "patient"
sex = "sex"
last_contact_date = "seen"
status = {{ value = "alive" }}

[[source.table]]
name = "procedures"
[source.table.columns]
procedure_id = "procedure"
patient_id = "patient"
proc_date = "date"
age_at_proc = "age"
indication = {{ value = "osteoporotic" }}

[[source.table]]
name = "levels"
[source.table.columns]
procedure_id = "procedure"
level = "level"
cement_ml = "ml"
leak_any_fluoro = "leak"
"""

PLAN = """
version = 1
title = "Audit of a small network"

[audit]
{audit}

[[indicator]]
id = "leak"
title = "Any leak on fluoroscopy"
cohort = "leakage"
options = {{ modality = "fluoro" }}
outcome = "leak_any"
{indicator}
"""

HEADER = "patient,procedure,center,date,age,sex,level,ml,leak,seen"


def write_network(
    folder: Path,
    leaks: Mapping[str, tuple[int, int]],
    *,
    audit: str = "",
    indicator: str = "",
    start: date = date(2024, 1, 1),
    cut: date = date(2025, 12, 31),
) -> Path:
    """Write the export, its mapping and a plan; return the folder.

    `leaks` gives procedures and leaks of each center; the leaks are spread evenly over time.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lines = [HEADER]
    for center, (n, observed) in sorted(leaks.items()):
        for i in range(n):
            leak = int((i + 1) * observed // n > i * observed // n)
            day = start + timedelta(days=(i * 7) // 4)
            lines.append(
                f"{center}-{i},{center}-{i}-1,{center},{day},{60 + i % 25},{'fm'[i % 2]},"
                f"L{1 + i % 4},{3 + i % 3}.5,{'yes' if leak else 'no'},{day + timedelta(days=20)}"
            )
    (folder / "procedures.csv").write_text("\n".join(lines) + "\n", "utf-8")
    (folder / "registry.toml").write_text(REGISTRY.format(cut=cut), "utf-8")
    (folder / "study.toml").write_text(PLAN.format(audit=audit, indicator=indicator), "utf-8")
    return folder


EVEN = {"A": (200, 30), "B": (200, 33), "C": (200, 28), "D": (200, 31)}
ALERT = EVEN | {"D": (200, 45)}
ALARM = EVEN | {"D": (200, 80)}


def digests(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def document(folder: Path, edition: str = "internal") -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / edition / "audit.json").read_text("utf-8"))
    return found


def numbers(found: dict[str, float | None]) -> dict[str, float]:
    return {name: float("nan") if value is None else value for name, value in found.items()}


def verdicts(found: dict[str, Any]) -> dict[str, str]:
    (part,) = found["indicators"]
    return {c["center"]: f"{c['verdict']} {c['side']}".strip() for c in part["centers"]}


@pytest.fixture(scope="module")
def alarmed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network with one center far beyond its limits, audited once."""
    from vpstats.pipeline import run_audit

    folder = write_network(tmp_path_factory.mktemp("alarmed"), ALARM)
    run_audit(folder, out=folder / "audit")
    return folder


# --- exit codes, each by a real run


@pytest.mark.parametrize(
    ("leaks", "options", "code"),
    [
        (EVEN, (), 0),
        (ALERT, (), 3),
        (ALERT, ("--fail-on", "alarm"), 0),
        (ALARM, ("--fail-on", "alarm"), 4),
        (ALARM, ("--center", "A"), 0),
    ],
    ids=["fine", "alert", "alert, asked for alarms", "alarm", "alarm elsewhere"],
)
def test_verdicts_decide_the_exit_code(
    call_cli: Call, tmp_path: Path, leaks: Any, options: tuple[str, ...], code: int
) -> None:
    folder = write_network(tmp_path / "net", leaks)
    outcome = call_cli("audit", folder, "--out", tmp_path / "audit", *options)
    assert outcome.code == code
    assert outcome.err == ""


def test_findings_of_the_exports_are_a_code_of_their_own(call_cli: Call, tmp_path: Path) -> None:
    folder = write_network(tmp_path / "net", EVEN)
    export = folder / "procedures.csv"
    export.write_text(export.read_text("utf-8").replace(",L2,", ",L2-3,", 1), "utf-8")
    assert call_cli("audit", folder, "--out", tmp_path / "audit").code == 1


def test_a_better_center_raises_nothing(call_cli: Call, tmp_path: Path) -> None:
    folder = write_network(tmp_path / "net", dict.fromkeys("ABC", (200, 30)) | {"D": (200, 10)})
    outcome = call_cli("audit", folder, "--out", tmp_path / "audit")
    assert outcome.code == 0
    assert "alarm, better  D" in outcome.out


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        ({"procedures.csv": None}, 5, "procedures.csv"),
        ({"study.toml": None}, 6, "no such study plan"),
        ({"study.toml": ("[audit]", "[audit]\nalarms = 1")}, 6, "audit.alarms: unknown key"),
        ({"study.toml": ('outcome = "leak_any"', 'outcome = "leak_at_all"')}, 6, "leak_at_all"),
        ({"study.toml": ('cohort = "leakage"', 'cohort = "leaks"')}, 6, "no cohort 'leaks'"),
        ({"study.toml": ("[audit]", "[audit]\nalert = 0.999")}, 6, "not farther out"),
        ({"registry.toml": ('column = "center"', 'column = "clinic"')}, 6, "clinic"),
    ],
)
def test_a_bad_input_is_one_line(
    call_cli: Call, tmp_path: Path, change: dict[str, Any], code: int, words: str
) -> None:
    folder = write_network(tmp_path / "net", EVEN)
    for name, edit in change.items():
        path = folder / name
        if edit is None:
            path.unlink()
        else:
            path.write_text(path.read_text("utf-8").replace(*edit), "utf-8")
    outcome = call_cli("audit", folder, "--out", tmp_path / "audit")
    assert outcome.code == code
    assert words in outcome.error_line
    assert not (tmp_path / "audit").exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--center", "Z"), "no center 'Z'"),
        (("--as-of", "2030-01-01"), "lies after the data cut"),
        (("--as-of", "last week"), "is not a day"),
        (("--previous", "nowhere"), "no earlier audit"),
    ],
)
def test_what_cannot_be_done_is_one_line(
    call_cli: Call, tmp_path: Path, options: tuple[str, str], words: str
) -> None:
    folder = write_network(tmp_path / "net", EVEN)
    outcome = call_cli("audit", folder, "--out", tmp_path / "audit", *options)
    assert outcome.code == 2
    assert words in outcome.error_line


def test_files_of_others_are_not_replaced(call_cli: Call, tmp_path: Path) -> None:
    folder = write_network(tmp_path / "net", EVEN)
    (tmp_path / "audit").mkdir()
    (tmp_path / "audit" / "thesis.txt").write_text("mine", "utf-8")
    outcome = call_cli("audit", folder, "--out", tmp_path / "audit")
    assert outcome.code == 2
    assert (tmp_path / "audit" / "thesis.txt").read_text("utf-8") == "mine"


def test_a_defect_is_said_to_be_one(
    call_cli: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import vpstats.pipeline.audit as pipeline

    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(pipeline, "collect_audit", broken)
    folder = write_network(tmp_path / "net", EVEN)
    outcome = call_cli("audit", folder, "--out", tmp_path / "audit")
    assert outcome.code == 70
    assert "a defect of vpstats" in outcome.error_line


# --- what is written


def test_the_document_fits_its_schema(alarmed: Path, root: Path) -> None:
    schema = json.loads((root / "docs/schemas/audit.schema.json").read_text("utf-8"))
    validator = jsonschema.Draft202012Validator(schema)
    for edition in ("public", "internal"):
        found = document(alarmed / "audit", edition)
        validator.validate(found)
        assert found["format"] == "vpstats-audit/1"
        assert found["edition"] == edition
    with pytest.raises(jsonschema.ValidationError):
        validator.validate({**found, "format": "vpstats-audit/2"})


def test_the_numbers_are_those_of_the_export(alarmed: Path) -> None:
    (part,) = document(alarmed / "audit")["indicators"]
    counted = {c["center"]: (c["numbers"]["n"], c["numbers"]["observed"]) for c in part["centers"]}
    assert counted == ALARM
    assert part["network"]["observed"] == sum(observed for _, observed in ALARM.values())


def test_text_and_json_say_the_same(call_cli: Call, alarmed: Path, tmp_path: Path) -> None:
    out = tmp_path / "audit"
    told = call_cli("audit", alarmed, "--out", out, "--format", "json")
    assert told.code == 4
    assert json.loads(told.out) == document(out)
    assert "ALARM" in (out / "internal" / "audit.txt").read_text("utf-8")
    assert "alarm, worse   D" in (out / "internal" / "audit.txt").read_text("utf-8")


def test_twice_gives_the_same_bytes(alarmed: Path, tmp_path: Path) -> None:
    from vpstats.pipeline import run_audit

    run_audit(alarmed, out=tmp_path / "again")
    assert digests(tmp_path / "again") == digests(alarmed / "audit")


def test_the_order_of_rows_does_not_matter(alarmed: Path, tmp_path: Path) -> None:
    from vpstats.pipeline import run_audit

    folder = write_network(tmp_path / "net", ALARM)
    head, *rows = (folder / "procedures.csv").read_text("utf-8").splitlines()
    (folder / "procedures.csv").write_text("\n".join([head, *reversed(rows)]) + "\n", "utf-8")
    run_audit(folder, out=tmp_path / "audit")
    (ours,), (theirs,) = (document(f / "audit")["indicators"] for f in (tmp_path, alarmed))
    # sums of many rows differ in their last digits with the order, as the ledger may: 8 agree
    assert numbers(ours["network"]) == pytest.approx(numbers(theirs["network"]), 1e-8, nan_ok=True)
    for one, other in zip(ours["centers"], theirs["centers"], strict=True):
        theirs_too = pytest.approx(numbers(other["numbers"]), 1e-8, nan_ok=True)
        assert numbers(one["numbers"]) == theirs_too
        assert {**one, "numbers": {}} == {**other, "numbers": {}}


def test_one_center_has_its_page_and_no_other(
    call_cli: Call, alarmed: Path, tmp_path: Path
) -> None:
    out = tmp_path / "audit"
    assert call_cli("audit", alarmed, "--out", out, "--center", "D").code == 4
    pages = sorted(p.name for p in (out / "public" / "centers").iterdir())
    assert pages == ["D.html"]
    assert (out / "public" / "index.html").is_file()
    assert verdicts(document(out)) == {"D": "alarm worse"}


def test_the_public_audience_gets_no_internal_folder(
    call_cli: Call, alarmed: Path, tmp_path: Path
) -> None:
    out = tmp_path / "audit"
    told = call_cli(
        "audit", alarmed, "--out", out, "--audience", "public", "--format", "json"
    )  # fmt: skip
    assert json.loads(told.out)["edition"] == "public"
    assert not (out / "internal").exists()
    assert (out / "public" / "audit.txt").is_file()


def test_a_withheld_number_takes_its_verdict_with_it(call_cli: Call, tmp_path: Path) -> None:
    folder = write_network(tmp_path / "net", EVEN | {"D": (200, 3)})
    call_cli("audit", folder, "--out", tmp_path / "audit")
    inside, outside = (document(tmp_path / "audit", e) for e in ("internal", "public"))
    assert verdicts(inside)["D"] == "alarm better"
    assert verdicts(outside)["D"] == "withheld"
    (part,) = outside["indicators"]
    (own,) = (c for c in part["centers"] if c["center"] == "D")
    assert own["numbers"]["observed"] is None
    assert own["numbers"]["o_e"] is None
    assert own["numbers"]["p_value"] is None
    assert own["sentences"] == []
    # what is left must not give it away by subtraction either
    others = [c["numbers"]["observed"] for c in part["centers"] if c["center"] != "D"]
    assert (
        part["network"]["observed"] is None
        or None in others
        or "observed" in (part["centers"][0]["withheld"] + part["centers"][1]["withheld"])
    )


def test_as_of_leaves_out_what_came_later(call_cli: Call, tmp_path: Path) -> None:
    folder = write_network(tmp_path / "net", EVEN)
    call_cli("audit", folder, "--out", tmp_path / "audit", "--as-of", "2024-06-30")
    found = document(tmp_path / "audit")
    days = [date(2024, 1, 1).toordinal() + (i * 7) // 4 for i in range(200)]
    inside = sum(day <= date(2024, 6, 30).toordinal() for day in days)
    assert found["data_cut"] == "2024-06-30"
    assert {c["numbers"]["n"] for c in found["indicators"][0]["centers"]} == {inside}


# --- two runs, and a killed one


def test_two_runs_at_once_are_refused(call_cli: Call, tmp_path: Path) -> None:
    folder = write_network(tmp_path / "net", EVEN)
    with claim(tmp_path / "audit"):
        outcome = call_cli("audit", folder, "--out", tmp_path / "audit")
    assert outcome.code == 2
    assert "another run" in outcome.error_line


def test_a_lock_left_behind_holds_nobody_up(call_cli: Call, alarmed: Path, tmp_path: Path) -> None:
    (tmp_path / ".audit.run").touch()
    (tmp_path / ".audit.lock").touch()
    assert call_cli("audit", alarmed, "--out", tmp_path / "audit").code == 4
    assert sorted(p.name for p in tmp_path.iterdir()) == ["audit"]


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs a system that can kill")
def test_a_killed_run_leaves_the_old_pages(call_cli: Call, alarmed: Path, tmp_path: Path) -> None:
    out = tmp_path / "audit"
    shutil.copytree(alarmed / "audit", out)
    before = digests(out)
    command = [sys.executable, "-m", "vpstats", "audit", str(alarmed), "--out", str(out)]
    environ = {**os.environ, "OMP_NUM_THREADS": "1"}
    run = subprocess.Popen(command, stdout=subprocess.DEVNULL, env=environ)
    writing = tmp_path / ".audit.writing"
    deadline = time.monotonic() + 300
    while not writing.exists() and run.poll() is None and time.monotonic() < deadline:
        time.sleep(0.002)
    run.send_signal(signal.SIGKILL)
    assert run.wait() == -signal.SIGKILL
    assert digests(out) == before  # old or new: the same input has the same bytes
    assert call_cli("audit", alarmed, "--out", out).code == 4
    assert digests(out) == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["audit"]


# --- what changed since, and why


def changed(call_cli: Call, folder: Path, previous: Path, out: Path) -> dict[str, Any]:
    call_cli("audit", folder, "--out", out, "--previous", previous)
    return document(out)


def test_nothing_changed(call_cli: Call, alarmed: Path, tmp_path: Path) -> None:
    found = changed(call_cli, alarmed, alarmed / "audit", tmp_path / "audit")
    assert found["changes"] == []
    assert found["previous"]["inputs_changed"] == []


def test_new_data_changed_a_verdict(call_cli: Call, tmp_path: Path) -> None:
    folder = write_network(tmp_path / "net", ALARM)
    call_cli("audit", folder, "--out", tmp_path / "old", "--as-of", "2024-02-15")
    found = changed(call_cli, folder, tmp_path / "old", tmp_path / "new")
    (change,) = [c for c in found["changes"] if c["center"] == "D"]
    assert change["after"] == "alarm, worse"
    assert change["before"] != change["after"]
    assert change["reasons"] == ["new data"]


def test_corrected_data_changed_a_verdict(call_cli: Call, alarmed: Path, tmp_path: Path) -> None:
    folder = write_network(tmp_path / "net", EVEN)
    found = changed(call_cli, folder, alarmed / "audit", tmp_path / "new")
    (change,) = [c for c in found["changes"] if c["center"] == "D"]
    assert (change["before"], change["after"]) == ("alarm, worse", "none")
    assert change["reasons"] == ["corrected data"]
    assert found["previous"]["inputs_changed"] == ["procedures.csv"]


def test_a_changed_plan_changed_a_verdict(call_cli: Call, alarmed: Path, tmp_path: Path) -> None:
    folder = write_network(tmp_path / "net", ALARM, indicator="minimum_expected = 100")
    found = changed(call_cli, folder, alarmed / "audit", tmp_path / "new")
    assert verdicts(found) == dict.fromkeys("ABCD", "no verdict")
    assert {tuple(c["reasons"]) for c in found["changes"]} == {("changed plan",)}
    assert "changed plan" in (tmp_path / "new" / "internal" / "audit.txt").read_text("utf-8")


def test_what_was_withheld_is_not_told_by_its_change(call_cli: Call, tmp_path: Path) -> None:
    hidden = write_network(tmp_path / "hidden", EVEN | {"D": (200, 3)})
    call_cli("audit", hidden, "--out", tmp_path / "old")
    folder = write_network(tmp_path / "net", EVEN)
    found = changed(call_cli, folder, tmp_path / "old", tmp_path / "new")
    assert [c["before"] for c in found["changes"] if c["center"] == "D"] == ["alarm, better"]
    public = document(tmp_path / "new", "public")
    assert [c for c in public["changes"] if c["center"] == "D"] == []
    assert "alarm, better" not in (tmp_path / "new" / "public" / "audit.txt").read_text("utf-8")


def test_the_public_edition_alone_is_no_base(call_cli: Call, alarmed: Path, tmp_path: Path) -> None:
    call_cli("audit", alarmed, "--out", tmp_path / "old", "--audience", "public")
    outcome = call_cli("audit", alarmed, "--out", tmp_path / "new", "--previous", tmp_path / "old")
    assert outcome.code == 2
    assert "internal edition" in outcome.error_line


@pytest.mark.parametrize(
    ("name", "edit"),
    [
        ("internal/audit.json", lambda text: text[: len(text) // 2]),
        ("internal/audit.json", lambda text: "[1]"),
        ("public/audit.json", lambda text: text.replace("none", "alarm", 1)),
        ("public/ledger.csv", lambda text: text[: len(text) // 2]),
        ("public/ledger.csv", None),
        ("manifest.json", lambda text: text[: len(text) // 2]),
    ],
    ids=["cut short", "another file", "changed", "ledger cut", "ledger gone", "manifest cut"],
)
def test_a_damaged_earlier_audit_is_one_line(
    call_cli: Call, alarmed: Path, tmp_path: Path, name: str, edit: Callable[[str], str] | None
) -> None:
    """What was published must be known exactly, or it could be subtracted from what is now."""
    shutil.copytree(alarmed / "audit", tmp_path / "old")
    path = tmp_path / "old" / name
    if edit is None:
        path.unlink()
    else:
        path.write_text(edit(path.read_text("utf-8")), "utf-8")
    outcome = call_cli("audit", alarmed, "--out", tmp_path / "new", "--previous", tmp_path / "old")
    assert outcome.code == 2
    assert outcome.error_line
    assert not (tmp_path / "new").exists()


def test_a_foreign_folder_is_no_earlier_audit(
    call_cli: Call, alarmed: Path, tmp_path: Path
) -> None:
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "thesis.txt").write_text("mine", "utf-8")
    outcome = call_cli("audit", alarmed, "--out", tmp_path / "new", "--previous", tmp_path / "old")
    assert outcome.code == 2
    assert "no manifest.json of a vpstats report" in outcome.error_line


# --- registries at the edge


def test_a_day_before_the_first_procedure_is_one_line(
    call_cli: Call, alarmed: Path, tmp_path: Path
) -> None:
    """Not an audit without flags: nothing was looked at."""
    out = tmp_path / "audit"
    outcome = call_cli("audit", alarmed, "--out", out, "--as-of", "1999-01-01")
    assert outcome.code == 2
    assert "no procedure up to 1999-01-01" in outcome.error_line
    assert not out.exists()


def test_a_period_without_procedures_says_that_nothing_was_compared(
    call_cli: Call, tmp_path: Path
) -> None:
    folder = write_network(tmp_path / "net", EVEN, indicator="period = { from = 2031-01-01 }")
    outcome = call_cli("audit", folder, "--out", tmp_path / "audit")
    assert outcome.code == 0
    assert "Nothing was compared" in (tmp_path / "audit/internal/audit.txt").read_text("utf-8")
    assert "Nothing was compared" in (tmp_path / "audit/public/index.html").read_text("utf-8")


@pytest.mark.parametrize(
    ("leaks", "silent"),
    [
        ({"A": (200, 30)}, "A"),
        ({"A": (1, 1)}, "A"),
        (EVEN | {"D": (1, 0)}, "D"),
        (EVEN | {"D": (1, 1)}, "D"),
        (dict.fromkeys("ABCD", (100, 100)), "ABCD"),
        (dict.fromkeys("ABCD", (100, 0)), "ABCD"),
    ],
    ids=["one center", "one patient", "a patient without", "a patient with", "all", "none at all"],
)
def test_what_cannot_be_judged_has_no_verdict(
    call_cli: Call, tmp_path: Path, leaks: Any, silent: str
) -> None:
    folder = write_network(tmp_path / "net", leaks)
    outcome = call_cli("audit", folder, "--out", tmp_path / "audit")
    assert outcome.code == 0
    assert outcome.err == ""
    found = document(tmp_path / "audit")
    assert {c for c, verdict in verdicts(found).items() if verdict == "no verdict"} == set(silent)
    (part,) = found["indicators"]
    assert all(c["reasons"] for c in part["centers"] if c["center"] in silent)


def test_one_center_alone_is_explained_once(call_cli: Call, tmp_path: Path) -> None:
    folder = write_network(tmp_path / "net", {"A": (200, 30)})
    call_cli("audit", folder, "--out", tmp_path / "audit")
    text = (tmp_path / "audit/public/audit.txt").read_text("utf-8")
    assert text.count("no other to compare it with") == 1
    assert "No alert and no alarm" not in text
    for page in ("index.html", "centers/A.html"):
        words = (tmp_path / "audit/public" / page).read_text("utf-8")
        assert words.count("no other to compare it with") == 1
        assert "With so many comparisons" not in words
        assert "Without a verdict, and why" not in words


def test_a_center_where_all_have_it_is_an_alarm(call_cli: Call, tmp_path: Path) -> None:
    folder = write_network(tmp_path / "net", EVEN | {"D": (200, 200)})
    assert call_cli("audit", folder, "--out", tmp_path / "audit").code == 4
    found = document(tmp_path / "audit")
    assert verdicts(found)["D"] == "alarm worse"
    (own,) = (c for c in found["indicators"][0]["centers"] if c["center"] == "D")
    assert own["numbers"]["observed"] == own["numbers"]["n"] == 200


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EACCES])
def test_what_cannot_be_written_leaves_the_old_pages(
    call_cli: Call, alarmed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    """A full disk, one that is read-only, a folder of somebody else."""
    import vpstats.report.audit as pages

    out = tmp_path / "audit"
    shutil.copytree(alarmed / "audit", out)
    before = digests(out)

    def refuse(path: Path, text: str) -> None:
        raise OSError(code, os.strerror(code), str(path))

    monkeypatch.setattr(pages, "write_text", refuse)
    outcome = call_cli("audit", alarmed, "--out", out)
    assert outcome.code == 2
    assert os.strerror(code) in outcome.error_line
    assert digests(out) == before
    monkeypatch.undo()
    assert call_cli("audit", alarmed, "--out", out).code == 4
    assert sorted(p.name for p in tmp_path.iterdir()) == ["audit"]
