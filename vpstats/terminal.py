"""What every command of the command line shares: how it prints, complains and shows progress.

Errors that vpstats raises on purpose become one line on stderr and their exit code; anything else
is reported as a defect. `guard` is the one place that translates.
"""

from __future__ import annotations

import functools
import re
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import typer

from vpstats import __version__
from vpstats.errors import ExitCode, UsageError, VpstatsError
from vpstats.escaping import visible

INTERRUPTED = 130
"""128 + SIGINT, as other programs say that the user stopped them."""

READER_GONE = 141
"""128 + SIGPIPE: whoever read the output closed it."""

USAGE = int(ExitCode.USAGE)

_TOP = 4096
"""Bytes of a file that say whether it may be replaced."""

DEBUG: ContextVar[bool] = ContextVar("debug", default=False)
"""Whether the traceback of an error is shown."""


def guard(command: Callable[..., None]) -> Callable[..., None]:
    """Translate what a command raises into one line on stderr and an exit code."""

    @functools.wraps(command)
    def run(*args: Any, **options: Any) -> None:
        try:
            command(*args, **options)
            sys.stdout.flush()
        except typer.Exit:
            raise
        except BrokenPipeError:
            # what is still buffered cannot be written either; do not fail again at exit
            sys.stdout = None
            raise typer.Exit(READER_GONE) from None
        except (Exception, KeyboardInterrupt) as error:
            line, code = verdict(error)
            _complain(line)
            raise typer.Exit(code) from None

    return run


def verdict(error: BaseException) -> tuple[str, int]:
    """The line and the exit code that an error becomes."""
    match error:
        case VpstatsError():
            return _one_line(str(error)), int(error.exit_code)
        case KeyboardInterrupt():
            return "stopped.", INTERRUPTED
        case UnicodeEncodeError():
            hint = "Write to a file with --out, or set PYTHONIOENCODING=utf-8."
            return f"the output cannot show every letter ({error.encoding}). {hint}", USAGE
        case MemoryError():
            return _TOO_LARGE, int(ExitCode.BAD_DATA)
        case OSError(filename=str() | Path() as path):
            return f"{path}: {error.strerror}.", USAGE
        case _:
            return _defect(error), int(ExitCode.INTERNAL)


_TOO_LARGE = (
    "the exports need more memory than this computer has. Check that none is far larger than it "
    "should be; else read fewer of them at a time, or use a computer with more."
)


def _complain(line: str) -> None:
    if DEBUG.get():
        traceback.print_exc()
    typer.echo(f"vpstats: {visible(line)}", err=True)


def _one_line(message: str) -> str:
    r"""Join the lines of a message; items of a list are separated by semicolons.

    Examples
    --------
    >>> _one_line("study.toml: wrong:\n  - a: x\n  - b: y")
    'study.toml: wrong: a: x; b: y'
    """
    first, *rest = (line.strip() for line in message.splitlines() if line.strip())
    items = "; ".join(line.removeprefix("- ") for line in rest)
    return f"{first} {items}".strip()


def _defect(error: BaseException) -> str:
    """Name a defect by its type and place: its message might quote a patient's value."""
    here = Path(__file__).parent
    own = [p for p in traceback.extract_tb(error.__traceback__) if here in Path(p.filename).parents]
    place = f" in {Path(own[-1].filename).name}, line {own[-1].lineno}" if own else ""
    return (
        f"a defect of vpstats {__version__}, not of your data: {type(error).__name__}{place}. "
        "Please report it; 'vpstats --debug …' shows the traceback."
    )


def hint(text: str) -> None:
    """Tell a person at a terminal; a pipe is not told."""
    if sys.stderr.isatty():
        typer.echo(visible(text), err=True)


def put(text: str, out: Path | None) -> None:
    """Write text to a file, or to the standard output.

    A file that is there is replaced as a whole, and only where it begins as the text does: a list
    of last week gives way to that of today, an export or a mapping never does.
    """
    if out is None:
        typer.echo(visible(text), nl=False)
        return
    content = visible(text).encode("utf-8")
    out.parent.mkdir(parents=True, exist_ok=True)
    if out.exists() and not out.is_file():
        out.write_bytes(content)  # a pipe or a device takes what it is given
        return
    out = out.resolve()
    if out.exists() and not _begins_alike(_top(out), content):
        raise UsageError(
            "is there already, and is no earlier version of what would be written; nothing is "
            "overwritten. Name another file, or put that one away.",
            file=out,
        )
    aside = out.with_name(f".{out.name}.writing")
    try:
        aside.write_bytes(content)
        aside.replace(out)
    finally:
        aside.unlink(missing_ok=True)


def _top(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_TOP)


def _begins_alike(old: bytes, new: bytes) -> bool:
    """Whether a file is empty or has the first line of another, whatever its days and numbers."""
    lines = 2 if new.startswith(b"{") else 1  # all of JSON begins with a brace
    heads = [re.sub(rb"[0-9]+", b"0", text[:_TOP]).splitlines()[:lines] for text in (old, new)]
    return not old or heads[0] == heads[1]


def shown(folder: Path | None, *parts: str) -> Path:
    """A path below the working directory is shown relative to it."""
    path = (folder or Path()).joinpath(*parts)
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


@contextmanager
def show_progress() -> Iterator[Callable[[str, int, int], None] | None]:
    """Show steps on a terminal; yield None in a pipe."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=None)
        yield lambda name, number, total: bar.update(
            task, description=escape(name), completed=number - 1, total=total
        )
