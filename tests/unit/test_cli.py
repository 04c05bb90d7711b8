"""The small parts of the command line that the end-to-end tests cannot see from outside."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from vpstats import terminal
from vpstats.errors import DataError, ExitCode, MappingError
from vpstats.ledger import cell


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("error", "line", "code"),
    [
        (DataError("is empty.", file="a.csv"), "a.csv: is empty.", ExitCode.BAD_DATA),
        (MappingError("two\n  - a: x\n  - b: y"), "two a: x; b: y", ExitCode.BAD_PLAN),
        (PermissionError(13, "Permission denied", "out"), "out: Permission denied.", 2),
        (KeyboardInterrupt(), "stopped.", 130),
        (
            UnicodeEncodeError("ascii", "Ž", 0, 1, "x"),
            "the output cannot show every letter (ascii). Write to a file with --out, or set "
            "PYTHONIOENCODING=utf-8.",
            ExitCode.USAGE,
        ),
    ],
)
def test_what_an_error_becomes(error: BaseException, line: str, code: int) -> None:
    assert terminal.verdict(error) == (line, code)


def test_a_defect_is_named_by_type_and_place_in_the_package_only() -> None:
    try:
        cell(*("C01/0042",) * 4)
    except TypeError as error:
        line, code = terminal.verdict(error)
    assert code == ExitCode.INTERNAL
    assert "TypeError." in line  # it was raised here, outside the package
    assert "0042" not in line
    try:
        cell("a", "v", "n", "C01/0042", kind="count")
    except ValueError as error:
        line, code = terminal.verdict(error)
    assert "ValueError in ledger.py, line" in line
    assert "0042" not in line


def test_an_error_that_was_never_raised_has_no_place() -> None:
    line, _ = terminal.verdict(ValueError("secret"))
    assert "ValueError." in line
    assert "secret" not in line


def test_progress_is_silent_in_a_pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    monkeypatch.setattr("sys.stderr", stream)
    with terminal.show_progress() as progress:
        assert progress is None
    terminal.hint("next")
    assert stream.getvalue() == ""


def test_progress_shows_its_steps_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = Terminal()
    monkeypatch.setattr("sys.stderr", stream)
    with terminal.show_progress() as progress:
        progress("Leakage [bold]on CT", 2, 5)
    terminal.hint("next")
    assert "Leakage [bold]on CT" in stream.getvalue()
    assert "1/5" in stream.getvalue()
    assert stream.getvalue().endswith("next\n")


def test_paths_are_shown_from_where_the_user_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert terminal.shown(tmp_path / "report", "public") == Path("report/public")
    assert terminal.shown(tmp_path.parent, "x") == tmp_path.parent / "x"
