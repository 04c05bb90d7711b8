"""The command line: reads arguments, prints, sets the exit code; no analysis.

Libraries are imported inside the commands, so that ``vpstats --help`` answers at once. What the
commands share stands in `vpstats.terminal`.
"""

from __future__ import annotations

import datetime as dt
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vpstats import __version__
from vpstats.choices import Edition, Gravity, Listing, Printed, Schema, Sheet, Worry
from vpstats.errors import ExitCode, MappingError, UsageError
from vpstats.terminal import DEBUG, guard, hint, put, show_progress, shown

if TYPE_CHECKING:
    from vpstats.study import StudyPlan

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
    DEBUG.set(debug)


Folder = Annotated[Path, typer.Argument(help="Folder to make; it must be empty or absent.")]
Out = Annotated[Path | None, typer.Option(help="Write there instead of the standard output.")]


@app.command("new")
@guard
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
    hint(f"next: vpstats check {folder}")


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
@guard
def check(
    path: Annotated[Path, typer.Argument(help="registry.toml, study.toml or their folder.")],
    form: Annotated[
        Listing, typer.Option("--format", help="text for people, json and csv for programs.")
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
        _check_against(path, against, form, out)
        return
    from vpstats import listing
    from vpstats.pipeline import check_audit, check_plan
    from vpstats.registry import read_registry

    _require_toml(path)
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
    put(write[form](registry), out)
    if registry.findings["severity"].isin(["error", "warning"]).any():
        raise typer.Exit(int(ExitCode.FINDINGS))


def _check_against(new: Path, old: Path, form: Listing, out: Path | None) -> None:
    """List what differs between two data cuts."""
    from vpstats import listing
    from vpstats.registry.against import compare_registries

    comparison = compare_registries(_mapping_at(new), _mapping_at(old))
    write = {
        Listing.TEXT: listing.changes_as_text,
        Listing.JSON: listing.changes_as_json,
        Listing.CSV: listing.changes_as_csv,
    }
    put(write[form](comparison), out)
    if len(comparison.to_look_at):
        raise typer.Exit(int(ExitCode.FINDINGS))


def _require_toml(path: Path) -> None:
    """Refuse an export where its mapping is expected, and a folder that holds neither."""
    from vpstats.registry.mapping_errors import refuse_export

    refuse_export(path, ("registry.toml", "study.toml"))
    if path.is_file() and path.suffix.lower() != ".toml":
        raise MappingError(
            "is not the mapping of an export; expected a registry.toml, a study.toml or their "
            "folder. 'vpstats map EXPORT --out registry.toml' drafts a mapping.",
            file=path,
        )


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


@app.command("map")
@guard
def map_exports(
    exports: Annotated[
        list[str],
        typer.Argument(help="Files, folders, zips, URLs of databases or of a REDCap API."),
    ],
    out: Annotated[
        Path | None,
        typer.Option(help="registry.toml to write; it must not be there yet."),
    ] = None,
    name: Annotated[str, typer.Option(help="Name of the registry.")] = "My registry",
    center: Annotated[
        str | None, typer.Option(help="Center of the rows, where no column names it.")
    ] = None,
    data_cut: Annotated[
        str | None, typer.Option(help="Day of the exports, YYYY-MM-DD; else one is proposed.")
    ] = None,
    password_env: Annotated[
        str | None, typer.Option(help="Environment variable with the database's password.")
    ] = None,
    token_env: Annotated[
        str | None, typer.Option(help="Environment variable with the REDCap token.")
    ] = None,
) -> None:
    """Draft a registry.toml for exports that nobody has described.

    Each column is compared with the fields of the registry by its header, in six languages, and
    by its cells. What is certain is written as it is; what is doubtful is marked 'confirmed =
    false' and not read until a person takes that out. No value of a name, a number or a date of a
    person is written.
    """
    from vpstats.drafting import draft_mapping

    if out is not None and out.exists():
        raise UsageError(
            "is there already; nothing is overwritten. Name another file, or put that one away.",
            file=out,
        )
    folder = Path() if out is None else out.parent
    draft = draft_mapping(
        exports, folder=folder, name=name, data_cut=_day(data_cut), center=center,
        password_env=password_env, token_env=token_env,
    )  # fmt: skip
    put(draft.toml, out)
    hint(f"{draft.summary} Next: read {out or 'the draft'}, then vpstats check {out or ''}")


def _day(text: str | None) -> dt.date | None:
    try:
        return None if text is None else dt.date.fromisoformat(text)
    except ValueError:
        raise UsageError(f"'{text}' is no day; expected YYYY-MM-DD, as 2025-12-31.") from None


@app.command("report")
@guard
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
    with show_progress() as progress:
        result = run_study(study, out=out or beside / "report", progress=progress)
    typer.echo(str(shown(result.folder, "public", "report.html")))
    typer.echo(str(shown(result.folder, "internal")))
    hint("public/ has passed the plan's disclosure rule; internal/ is not for release.")


@app.command("audit")
@guard
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
    form: Annotated[
        Printed, typer.Option("--format", help="text for people, json for programs.")
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
    with show_progress() as progress:
        run = run_audit(
            study, out=out, center=center, as_of=as_of, previous=previous,
            audience=audience.value, workers=workers, progress=progress,
        )  # fmt: skip
    put(document_text(run, form.value), None)
    hint(f"next: {shown(run.folder, 'public', 'index.html')}")
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


@app.command("quality")
@guard
def quality(
    path: Annotated[Path, typer.Argument(help="registry.toml, study.toml or their folder.")],
    out: Annotated[
        Path | None, typer.Option(help="Folder of the report; nothing is written if not given.")
    ] = None,
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
    form: Annotated[
        Printed, typer.Option("--format", help="text for people, json for programs.")
    ] = Printed.TEXT,
    fail_on: Annotated[
        Worry, typer.Option(help="Finding from which the exit code says so.")
    ] = Worry.WARNING,
) -> None:
    """Say how complete, valid and timely the data of each center are.

    Exit code 0: nothing falls below what [quality] of registry.toml asks for. 1: something does.
    Findings of the cleaning, one by one, are what `vpstats check` lists.
    """
    from vpstats.pipeline import quality_text, run_quality

    _require_toml(path)
    plan = _plan_at(path)
    with show_progress() as progress:
        run = run_quality(
            path if plan is None else plan.registry_path, out=out, center=center, as_of=as_of,
            audience=audience.value, plan=plan, progress=progress,
        )  # fmt: skip
    put(quality_text(run, form.value), None)
    if run.folder is not None:
        hint(f"next: {shown(run.folder, 'public', 'index.html')}")
    if run.result.worst(center) in (("error",) if fail_on is Worry.ERROR else ("error", "warning")):
        raise typer.Exit(int(ExitCode.FINDINGS))


@app.command("simulate")
@guard
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
    hint(f"next: vpstats check {folder}")


@app.command("dictionary")
@guard
def dictionary(
    rules: Annotated[
        bool, typer.Option("--rules", help="The cleaning rules instead of the columns.")
    ] = False,
    form: Annotated[
        Sheet, typer.Option("--format", help="md for people, json-schema for editors.")
    ] = Sheet.MARKDOWN,
    of: Annotated[Schema, typer.Option(help="Which file the JSON Schema is for.")] = Schema.STUDY,
    out: Out = None,
) -> None:
    """Print columns, cleaning rules or JSON Schemas."""
    if form is Sheet.JSON_SCHEMA:
        put(json.dumps(_json_schema(of), indent=2, ensure_ascii=False) + "\n", out)
    elif rules:
        from vpstats.registry.rules import rules_markdown

        put(rules_markdown(), out)
    else:
        put(_columns_page(), out)


def _json_schema(of: Schema) -> dict[str, Any]:
    if of is Schema.REGISTRY:
        from vpstats.registry.mapping_schema import registry_json_schema

        schema = registry_json_schema()
    elif of is Schema.AUDIT:
        from vpstats.pipeline import audit_json_schema

        schema = audit_json_schema()
    elif of is Schema.QUALITY:
        from vpstats.pipeline import quality_json_schema

        schema = quality_json_schema()
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
