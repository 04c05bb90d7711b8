"""Bad input: one clear line on stderr, the right exit code, never a traceback, nothing written."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Call = Callable[..., Any]

USAGE, BAD_DATA, BAD_PLAN, INTERNAL = 2, 5, 6, 70


@pytest.fixture
def study(tmp_path: Path, call_cli: Call) -> Path:
    """A starter study that may be broken."""
    folder = tmp_path / "study"
    assert call_cli("new", folder).code == 0
    return folder


def rewrite(file: Path, old: str, new: str) -> None:
    text = file.read_text("utf-8")
    assert text.count(old) >= 1, f"'{old}' is not in {file.name}"
    file.write_text(text.replace(old, new, 1), "utf-8")


# --- the command line


@pytest.mark.parametrize(
    "arguments",
    [["nonsense"], ["check"], ["report"], ["check", "a", "--format", "xml"], ["--nonsense"]],
    ids=" ".join,
)
def test_what_is_not_understood_is_a_usage_error(call_cli: Call, arguments: list[str]) -> None:
    outcome = call_cli(*arguments)
    assert outcome.code == USAGE
    assert "Traceback" not in outcome.err


def test_no_arguments_print_the_help(call_cli: Call) -> None:
    outcome = call_cli()
    assert "Commands:" in outcome.out + outcome.err
    assert outcome.code in (0, USAGE)


# --- files that are not there, not readable, not TOML


def test_a_missing_mapping_is_named(call_cli: Call, tmp_path: Path) -> None:
    outcome = call_cli("check", tmp_path / "nowhere")
    assert outcome.code == BAD_PLAN
    assert "nowhere" in outcome.error_line


def test_a_missing_plan_is_named(call_cli: Call, tmp_path: Path) -> None:
    outcome = call_cli("report", tmp_path / "study.toml")
    assert outcome.code == BAD_PLAN
    assert "study.toml" in outcome.error_line
    assert "vpstats new" in outcome.error_line


@pytest.mark.parametrize("name", ["registry.toml", "study.toml"])
@pytest.mark.parametrize(
    "content",
    [b"version = = 1", b"", b"\xff\xfe\x00broken", b"version = 2\n"],
    ids=["syntax", "empty", "not text", "version"],
)
def test_broken_toml_is_one_line(call_cli: Call, study: Path, name: str, content: bytes) -> None:
    (study / name).write_bytes(content)
    outcome = call_cli("check", study)
    assert outcome.code == BAD_PLAN
    assert name in outcome.error_line


def test_an_export_that_is_not_there(call_cli: Call, study: Path) -> None:
    (study / "exports" / "events.csv").unlink()
    outcome = call_cli("check", study)
    assert outcome.code in (BAD_DATA, BAD_PLAN)
    assert "events.csv" in outcome.error_line


@pytest.mark.parametrize("content", [b"", b"\n\n"], ids=["0 bytes", "blank"])
def test_an_empty_export(call_cli: Call, study: Path, content: bytes) -> None:
    (study / "exports" / "procedures.csv").write_bytes(content)
    outcome = call_cli("check", study)
    assert outcome.code == BAD_DATA
    assert "procedures.csv" in outcome.error_line


def test_an_export_with_a_header_alone_is_read_as_no_rows(call_cli: Call, study: Path) -> None:
    export = study / "exports" / "procedures.csv"
    export.write_text(export.read_text("utf-8").splitlines()[0] + "\n", "utf-8")
    outcome = call_cli("check", study)
    assert outcome.code in (0, 1)
    assert "levels 0" in outcome.out


def test_a_duplicated_header(call_cli: Call, study: Path) -> None:
    rewrite(study / "exports" / "procedures.csv", ";sex;", ";born;")
    outcome = call_cli("check", study)
    assert outcome.code in (BAD_DATA, BAD_PLAN)
    assert "born" in outcome.error_line


def test_a_mapped_column_that_the_export_does_not_have(call_cli: Call, study: Path) -> None:
    rewrite(study / "registry.toml", 'bmd_tscore = "T-score"', 'bmd_tscore = "T score"')
    outcome = call_cli("check", study)
    assert outcome.code == BAD_PLAN
    assert "'T score'" in outcome.error_line


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ('cement_ml = "cement"', 'cement = "cement"', "cement_ml"),
        ('"venous" = "venous"', '"venous" = "vein"', "venous"),
        ('unit = "mg/dL"', 'unit = "furlong"', "furlong"),
        ('format = "csv"', 'formt = "csv"', "formt"),
        ("data_cut = 2025-12-31", 'data_cut = "soon"', "data_cut"),
    ],
    ids=["field", "code", "unit", "key", "date"],
)
def test_a_faulty_mapping_names_the_key(
    call_cli: Call, study: Path, old: str, new: str, named: str
) -> None:
    rewrite(study / "registry.toml", old, new)
    outcome = call_cli("check", study)
    assert outcome.code == BAD_PLAN
    assert named in outcome.error_line


# --- the plan


LEAKAGE = 'cohort = "leakage"\noptions = { modality = "ct" }\noutcome'


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ("[floors]", "[flors]", "flors"),
        ("threshold = 5", "threshold = 0", "threshold"),
        ('kind = "risk_factor"', 'kind = "riskfactor"', "riskfactor"),
        ('id = "leak_volume"', 'id = "table1"', "table1"),
        ('adjust = ["age_at_proc", "sex", "neo', 'adjust = ["cement_ml", "sex", "neo', "cement_ml"),
        (LEAKAGE, 'cohort = "leaks"\noutcome', "leaks"),
        (LEAKAGE, LEAKAGE.replace('"ct"', '"mri"'), "mri"),
        ('exposure = "cement_ml"', 'exposure = "cement_litres"', "cement_litres"),
        ('exposure = "cement_ml"', "exposure = \"exec('1')\"", "exec"),
        ('exposure = "cement_ml"', "exposure = \"__import__('os').getcwd()\"", "__import__"),
    ],
    ids=["key", "range", "kind", "twice", "roles", "cohort", "option", "column", "call", "import"],
)
def test_a_faulty_plan_names_what_is_wrong_and_writes_nothing(
    call_cli: Call, study: Path, old: str, new: str, named: str
) -> None:
    rewrite(study / "study.toml", old, new)
    outcome = call_cli("report", study)
    assert outcome.code == BAD_PLAN
    assert named in outcome.error_line
    assert not (study / "report").exists()
    assert call_cli("check", study).error_line == outcome.error_line


# --- writing


def test_new_overwrites_nothing(call_cli: Call, study: Path) -> None:
    before = {p: p.read_bytes() for p in study.rglob("*") if p.is_file()}
    outcome = call_cli("new", study)
    assert outcome.code == USAGE
    assert "nothing is overwritten" in outcome.error_line
    assert {p: p.read_bytes() for p in study.rglob("*") if p.is_file()} == before


@pytest.mark.parametrize("command", ["new", "simulate"])
def test_a_file_in_the_place_of_a_folder(call_cli: Call, tmp_path: Path, command: str) -> None:
    (tmp_path / "taken").write_text("mine", "utf-8")
    outcome = call_cli(command, tmp_path / "taken")
    assert outcome.code == USAGE
    assert "taken" in outcome.error_line
    assert (tmp_path / "taken").read_text("utf-8") == "mine"


@pytest.mark.parametrize("command", ["check", "report"])
def test_an_output_that_cannot_be_written(
    call_cli: Call, study: Path, tmp_path: Path, command: str
) -> None:
    # a path below a file cannot be made, whoever runs the test
    (tmp_path / "file").write_text("", "utf-8")
    outcome = call_cli(command, study, "--out", tmp_path / "file" / "out")
    assert outcome.code == USAGE
    assert "file" in outcome.error_line


@pytest.mark.parametrize("name", ["registry.toml", "study.toml", "exports/procedures.csv"])
@pytest.mark.parametrize("options", [(), ("--format", "csv"), ("--format", "json")])
def test_a_list_never_replaces_what_it_was_made_from(
    call_cli: Call, study: Path, name: str, options: tuple[str, ...]
) -> None:
    before = (study / name).read_bytes()
    outcome = call_cli("check", study, *options, "--out", study / name)
    assert outcome.code == USAGE
    assert "nothing is overwritten" in outcome.error_line
    assert (study / name).read_bytes() == before


@pytest.mark.parametrize("style", ["text", "csv", "json"])
def test_a_list_replaces_that_of_an_earlier_data_cut(
    call_cli: Call, study: Path, tmp_path: Path, style: str
) -> None:
    out = tmp_path / "list"
    out.touch()
    call_cli("check", study, "--format", style, "--out", out)
    earlier = out.read_text("utf-8")
    rewrite(study / "registry.toml", "data_cut = 2025-12-31", "data_cut = 2025-06-30")
    call_cli("check", study, "--format", style, "--out", out)
    assert out.read_text("utf-8") != earlier
    assert [path.name for path in tmp_path.iterdir()].count("list") == 1
    assert not list(tmp_path.glob(".list*"))


def test_a_list_that_cannot_be_written_leaves_the_earlier_one(
    call_cli: Call, study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "list.csv"
    call_cli("check", study, "--format", "csv", "--out", out)
    before = out.read_bytes()

    def full(self: Path, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device", str(self))

    monkeypatch.setattr(Path, "write_bytes", full)
    assert call_cli("check", study, "--format", "csv", "--out", out).code == USAGE
    assert out.read_bytes() == before
    assert not list(tmp_path.glob(".list*"))


@pytest.mark.skipif(os.getuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written(call_cli: Call, tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o500)
    assert call_cli("new", closed / "study").code == USAGE


def test_a_folder_with_other_things_is_not_replaced_by_a_report(
    call_cli: Call, study: Path, tmp_path: Path
) -> None:
    mine = tmp_path / "documents"
    mine.mkdir()
    (mine / "letter.txt").write_text("mine", "utf-8")
    outcome = call_cli("report", study, "--out", mine)
    assert outcome.code == USAGE
    assert "documents" in outcome.error_line
    assert [p.name for p in mine.iterdir()] == ["letter.txt"]


# --- what nobody expected


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> Callable[[BaseException], None]:
    """Make reading a registry raise."""

    def fail(error: BaseException) -> None:
        def read(path: Path) -> None:
            raise error

        monkeypatch.setattr("vpstats.registry.read.read_registry", read)
        monkeypatch.setattr("vpstats.registry.read_registry", read, raising=False)

    return fail


def test_a_defect_is_called_a_defect_and_quotes_no_value(
    call_cli: Call, study: Path, failing: Callable[[BaseException], None]
) -> None:
    failing(KeyError("patient C01/00123"))
    outcome = call_cli("check", study)
    assert outcome.code == INTERNAL
    assert "a defect of vpstats" in outcome.error_line
    assert "KeyError in cli.py, line" in outcome.error_line
    assert "00123" not in outcome.err + outcome.out


def test_debug_shows_the_traceback(
    call_cli: Call, study: Path, failing: Callable[[BaseException], None]
) -> None:
    failing(KeyError("x"))
    outcome = call_cli("--debug", "check", study)
    assert outcome.code == INTERNAL
    assert "Traceback (most recent call last)" in outcome.err
    assert outcome.err.splitlines()[-1].startswith("vpstats: a defect of vpstats")


def test_stopping_from_the_keyboard(
    call_cli: Call, study: Path, failing: Callable[[BaseException], None]
) -> None:
    failing(KeyboardInterrupt())
    outcome = call_cli("check", study)
    assert outcome.code == 130
    assert outcome.error_line == "vpstats: stopped."


def test_a_reader_that_has_gone_is_not_an_error_message(
    call_cli: Call,
    study: Path,
    failing: Callable[[BaseException], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sys.stdout", sys.stdout)  # put back afterwards: the command closes it
    failing(BrokenPipeError())
    outcome = call_cli("check", study)
    assert outcome.code == 141
    assert outcome.err == ""


def test_an_operating_system_error_without_a_file_is_a_defect(
    call_cli: Call, study: Path, failing: Callable[[BaseException], None]
) -> None:
    failing(OSError("no file here"))
    assert call_cli("check", study).code == INTERNAL


# --- the wrong file in the right place


@pytest.mark.parametrize("command", ["check", "quality"])
def test_an_export_is_no_mapping(call_cli: Call, study: Path, command: str) -> None:
    outcome = call_cli(command, study / "exports" / "events.csv")
    assert outcome.code == BAD_PLAN
    assert "events.csv: is an export, not the mapping of one" in outcome.error_line
    assert "vpstats map" in outcome.error_line


@pytest.mark.parametrize("command", ["check", "quality"])
def test_a_folder_without_a_mapping_says_so(call_cli: Call, study: Path, command: str) -> None:
    outcome = call_cli(command, study / "exports")
    assert outcome.code == BAD_PLAN
    assert "this folder holds no registry.toml" in outcome.error_line


def test_a_value_that_no_row_can_have_is_refused(call_cli: Call, study: Path) -> None:
    rewrite(
        study / "study.toml", 'cohort = "leakage"', 'cohort = "leakage"\nwhere = { sex = ["w"] }'
    )
    outcome = call_cli("check", study)
    assert outcome.code == BAD_PLAN
    assert "'sex' has no value 'w'; it has f, m" in outcome.error_line


def test_a_column_that_the_cohort_lacks_is_asked_after(call_cli: Call, study: Path) -> None:
    rewrite(study / "study.toml", 'exposure = "cement_ml"', 'exposure = "cement"')
    outcome = call_cli("check", study)
    assert outcome.code == BAD_PLAN
    assert "did you mean 'cement_ml'" in outcome.error_line
