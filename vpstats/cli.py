"""The command line: reads arguments, prints, sets the exit code; no analysis.

Libraries are imported inside the commands, so that ``vpstats --help`` answers at once. Errors
that vpstats raises on purpose become one line on stderr and their exit code; anything else is
reported as a defect. `_guard` is the one place that translates.
"""

from __future__ import annotations

import functools
import json
import os
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vpstats import __version__
from vpstats.choices import Edition, Gravity, Listing, Printed, Schema, Sheet
from vpstats.errors import ExitCode, UsageError, VpstatsError

if TYPE_CHECKING:
    from vpstats.study import StudyPlan

INTERRUPTED = 130
"""128 + SIGINT, as other programs say that the user stopped them."""

READER_GONE = 141
"""128 + SIGPIPE: whoever read the output closed it."""

USAGE = int(ExitCode.USAGE)

_DEBUG: ContextVar[bool] = ContextVar("debug", default=False)

app = typer.Typer(
    name="vpstats",
    help="Statistical outcomes analysis for percutaneous vertebroplasty registries.",
    epilog="Exit codes: 0 fine, 1 findings, 2 usage, 3 alert, 4 alarm, 5 bad data, "
    "6 bad plan or mapping, 70 a defect of vpstats.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


def _use_one_thread() -> None:
    """Keep linear algebra to one thread, before it is loaded.

    Several threads add in another order, so that last digits would depend on the machine's cores;
    and products of small matrices, which is what a study has, are slower on several.
    """
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.putenv(name, "1")


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command.

    Parameters
    ----------
    argv : sequence of str, optional
        Arguments without the program's name; those of the process if None.

    Returns
    -------
    int
        The exit code, see `vpstats.errors.ExitCode`.

    Examples
    --------
    >>> main(["--version"])
    vpstats 0.1.0
    0
    """
    _use_one_thread()
    try:
        app(args=argv, prog_name="vpstats")
    except SystemExit as done:
        return int(done.code or 0)
    return int(ExitCode.OK)


def _guard(command: Callable[..., None]) -> Callable[..., None]:
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
            line, code = _verdict(error)
            _complain(line)
            raise typer.Exit(code) from None

    return run


def _verdict(error: BaseException) -> tuple[str, int]:
    """The line and the exit code that an error becomes."""
    match error:
        case VpstatsError():
            return _one_line(str(error)), int(error.exit_code)
        case KeyboardInterrupt():
            return "stopped.", INTERRUPTED
        case UnicodeEncodeError():
            hint = "Write to a file with --out, or set PYTHONIOENCODING=utf-8."
            return f"the output cannot show every letter ({error.encoding}). {hint}", USAGE
        case OSError(filename=str() | Path() as path):
            return f"{path}: {error.strerror}.", USAGE
        case _:
            return _defect(error), int(ExitCode.INTERNAL)


def _complain(line: str) -> None:
    if _DEBUG.get():
        traceback.print_exc()
    typer.echo(f"vpstats: {line}", err=True)


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


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"vpstats {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    debug: Annotated[
        bool, typer.Option("--debug", help="Show the traceback of an error; it may quote data.")
    ] = False,
    version: Annotated[  # handled by its callback
        bool,
        typer.Option(
            "--version", callback=_version, is_eager=True, help="Print the version and stop."
        ),
    ] = False,
) -> None:
    _DEBUG.set(debug)


Folder = Annotated[Path, typer.Argument(help="Folder to make; it must be empty or absent.")]
Out = Annotated[Path | None, typer.Option(help="Write there instead of the standard output.")]


@app.command("new")
@_guard
def new(folder: Folder) -> None:
    """Write a registry.toml and study.toml to start from.

    Both are commented, and a small fictitious export stands beside them.
    """
    _require_empty(folder)
    for path, content in _starter_files():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
        typer.echo(str(target))
    _hint(f"next: vpstats check {folder}")


def _require_empty(folder: Path) -> None:
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(
            "exists and is not an empty folder; nothing is overwritten. Name a new folder.",
            file=folder,
        )


def _starter_files() -> list[tuple[str, bytes]]:
    from importlib.resources import files

    templates = files("vpstats") / "templates"
    names = ("registry.toml", "study.toml", "exports/procedures.csv", "exports/events.csv")
    return [(name, templates.joinpath(*name.split("/")).read_bytes()) for name in names]


@app.command("check")
@_guard
def check(
    path: Annotated[Path, typer.Argument(help="registry.toml, study.toml or their folder.")],
    format: Annotated[  # noqa: A002  # the option's name
        Listing, typer.Option(help="text for people, json and csv for programs.")
    ] = Listing.TEXT,
    out: Out = None,
    against: Annotated[
        Path | None,
        typer.Option(help="registry.toml of an earlier data cut: list what differs instead."),
    ] = None,
) -> None:
    """List what is wrong with the exports and the plan.

    Nothing is analysed.

    Exit code 0: nothing to mend. 1: at least one finding of severity error or warning; with
    --against, something vanished without a reason or history was rewritten.
    """
    if against is not None:
        _check_against(path, against, format, out)
        return
    from vpstats import listing
    from vpstats.pipeline import check_audit, check_plan
    from vpstats.registry import read_registry

    plan = _plan_at(path)
    registry = read_registry(path if plan is None else plan.registry_path)
    if plan is not None:
        check_plan(plan, registry)
        check_audit(plan, registry)
    write = {
        Listing.TEXT: listing.as_text,
        Listing.JSON: listing.as_json,
        Listing.CSV: listing.as_csv,
    }
    _write(write[format](registry), out)
    if registry.findings["severity"].isin(["error", "warning"]).any():
        raise typer.Exit(int(ExitCode.FINDINGS))


def _check_against(new: Path, old: Path, format: Listing, out: Path | None) -> None:  # noqa: A002  # the option's name
    """List what differs between two data cuts."""
    from vpstats import listing
    from vpstats.registry.against import compare_registries

    comparison = compare_registries(_mapping_at(new), _mapping_at(old))
    write = {
        Listing.TEXT: listing.changes_as_text,
        Listing.JSON: listing.changes_as_json,
        Listing.CSV: listing.changes_as_csv,
    }
    _write(write[format](comparison), out)
    if len(comparison.to_look_at):
        raise typer.Exit(int(ExitCode.FINDINGS))


def _mapping_at(path: Path) -> Path:
    """The mapping of a path that may name a study plan."""
    plan = _plan_at(path) if path.is_file() else None
    return path if plan is None or path.name == "registry.toml" else plan.registry_path


def _plan_at(path: Path) -> StudyPlan | None:
    """The study plan that a path names, or the one beside the mapping that it names; else None."""
    beside = (path if path.is_dir() else path.parent) / "study.toml"
    if path != beside and not beside.is_file():
        return None
    from vpstats.study import read_plan

    plan = read_plan(beside)
    other = path.is_file() and path != beside and plan.registry_path.resolve() != path.resolve()
    return None if other else plan


@app.command("report")
@_guard
def report(
    plan: Annotated[Path, typer.Argument(help="study.toml or its folder.")],
    out: Annotated[
        Path | None,
        typer.Option(help="Folder of the report; 'report' beside the plan if not given."),
    ] = None,
) -> None:
    """Run a study plan and write its report."""
    from vpstats.pipeline import run_study
    from vpstats.study import read_plan

    study = read_plan(plan)
    beside = plan if plan.is_dir() else plan.parent
    with _progress() as progress:
        result = run_study(study, out=out or beside / "report", progress=progress)
    typer.echo(str(_shown(result.folder, "public", "report.html")))
    typer.echo(str(_shown(result.folder, "internal")))
    _hint("public/ has passed the plan's disclosure rule; internal/ is not for release.")


@app.command("audit")
@_guard
def audit(
    plan: Annotated[Path, typer.Argument(help="study.toml or its folder.")],
    out: Annotated[Path, typer.Option(help="Folder of the audit.")],
    center: Annotated[
        str | None, typer.Option(help="Write this center's page alone, beside the network's.")
    ] = None,
    audience: Annotated[
        Edition, typer.Option(help="public leaves the internal edition out.")
    ] = Edition.INTERNAL,
    as_of: Annotated[
        str | None,
        typer.Option(help="Last day that counts, YYYY-MM-DD; the data cut if not given."),
    ] = None,
    previous: Annotated[
        Path | None, typer.Option(help="Folder of an earlier audit, to say what changed and why.")
    ] = None,
    workers: Annotated[
        int, typer.Option(min=1, help="Processes side by side; the results are the same.")
    ] = 1,
    format: Annotated[  # noqa: A002  # the option's name
        Printed, typer.Option(help="text for people, json for programs.")
    ] = Printed.TEXT,
    fail_on: Annotated[
        Gravity, typer.Option(help="Verdict from which the exit code says so.")
    ] = Gravity.ALERT,
) -> None:
    """Audit the outcomes of each center against its case mix.

    Exit code 0: no flag. 1: no flag, but findings in the exports. 3: an alert. 4: an alarm. A flag
    is a starting point for questions, not a judgement.
    """
    from vpstats.pipeline import document_text, run_audit
    from vpstats.study import read_plan

    study = read_plan(plan)
    with _progress() as progress:
        run = run_audit(
            study, out=out, center=center, as_of=as_of, previous=previous,
            audience=audience.value, workers=workers, progress=progress,
        )  # fmt: skip
    typer.echo(document_text(run, format.value), nl=False)
    _hint(f"next: {_shown(run.folder, 'public', 'index.html')}")
    findings = bool(run.registry.findings["severity"].isin(["error", "warning"]).any())
    code = _audit_code(run.result.worst(center), fail_on, findings=findings)
    if code is not ExitCode.OK:
        raise typer.Exit(int(code))


def _audit_code(worst: str, fail_on: Gravity, *, findings: bool) -> ExitCode:
    """The exit code of an audit: flags before findings.

    Examples
    --------
    >>> _audit_code("alert", Gravity.ALARM, findings=False).name
    'OK'
    """
    if worst == "alarm":
        return ExitCode.ALARM
    if worst == "alert" and fail_on is Gravity.ALERT:
        return ExitCode.ALERT
    return ExitCode.FINDINGS if findings else ExitCode.OK


@app.command("simulate")
@_guard
def simulate(
    folder: Folder,
    procedures: Annotated[int, typer.Option(min=50, help="Procedures, about.")] = 3000,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same bytes.")] = 1,
    clean: Annotated[bool, typer.Option("--clean", help="Without faults.")] = False,
) -> None:
    """Write synthetic exports with known faults, and a plan to run on them."""
    from vpstats.simulate import SimulationSpec, simulate_registry, write_exports

    _require_empty(folder)
    drawn = simulate_registry(SimulationSpec(n_procedures=procedures), seed)
    faults = None if clean else seed
    files = write_exports(drawn, folder, seed=faults).files
    (folder / "study.toml").write_bytes(dict(_starter_files())["study.toml"])
    for name in (*files, "study.toml"):
        typer.echo(str(folder / name))
    _hint(f"next: vpstats check {folder}")


@app.command("dictionary")
@_guard
def dictionary(
    rules: Annotated[
        bool, typer.Option("--rules", help="The cleaning rules instead of the columns.")
    ] = False,
    format: Annotated[  # noqa: A002  # the option's name
        Sheet, typer.Option(help="md for people, json-schema for editors.")
    ] = Sheet.MARKDOWN,
    of: Annotated[Schema, typer.Option(help="Which file the JSON Schema is for.")] = Schema.STUDY,
    out: Out = None,
) -> None:
    """Print columns, cleaning rules or JSON Schemas."""
    if format is Sheet.JSON_SCHEMA:
        _write(json.dumps(_json_schema(of), indent=2, ensure_ascii=False) + "\n", out)
    elif rules:
        from vpstats.registry.rules import rules_markdown

        _write(rules_markdown(), out)
    else:
        _write(_columns_page(), out)


def _json_schema(of: Schema) -> dict[str, Any]:
    if of is Schema.REGISTRY:
        from vpstats.registry.mapping_schema import registry_json_schema

        schema = registry_json_schema()
    elif of is Schema.AUDIT:
        from vpstats.pipeline import audit_json_schema

        schema = audit_json_schema()
    else:
        from vpstats.study import plan_json_schema

        schema = plan_json_schema()
    for part in (schema, *schema["$defs"].values()):
        if "description" in part:  # an editor shows a sentence; the page has the rest
            part["description"] = part["description"].split("\n\n")[0]
    return schema


def _columns_page() -> str:
    from vpstats.schema import dictionary_markdown
    from vpstats.schema_tables import TABLES

    return dictionary_markdown(TABLES.values())


def _hint(text: str) -> None:
    """Tell a person at a terminal; a pipe is not told."""
    if sys.stderr.isatty():
        typer.echo(text, err=True)


def _write(text: str, out: Path | None) -> None:
    if out is None:
        typer.echo(text, nl=False)
    else:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(text, encoding="utf-8", newline="\n")


def _shown(folder: Path | None, *parts: str) -> Path:
    """A path below the working directory is shown relative to it."""
    path = (folder or Path()).joinpath(*parts)
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


@contextmanager
def _progress() -> Iterator[Callable[[str, int, int], None] | None]:
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
