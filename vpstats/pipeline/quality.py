"""The whole path of a data-quality report in one short function."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pandas as pd

from vpstats import __version__
from vpstats.disclosure import ReleasePolicy, release
from vpstats.errors import UsageError
from vpstats.pipeline.study import (
    Progress,
    Steps,
    claimed,
    registry_files,
    release_policy,
    summary_of,
)
from vpstats.quality import quality_report
from vpstats.registry import read_registry
from vpstats.registry.cut import cut_registry
from vpstats.registry.mapping import find_mapping

if TYPE_CHECKING:
    from vpstats.disclosure import Released
    from vpstats.quality import QualityMap, QualityResult
    from vpstats.registry import Registry
    from vpstats.report.quality_look import QualityLook
    from vpstats.study import StudyPlan

Audience = Literal["internal", "public"]


@dataclass(frozen=True)
class QualityRun:
    """Everything that a data-quality report made.

    Parameters
    ----------
    registry : Registry
        The cleaned registry, cut where a day was named.
    result : QualityResult
        Every number: internal, not released.
    public, internal : Released
        The ledger behind the disclosure gate, and the unsuppressed edition.
    document : dict
        The edition that was asked for, for programs.
    center : str, optional
        The one center that was asked for.
    folder : Path, optional
        Where the report was written.
    """

    registry: Registry
    result: QualityResult
    public: Released
    internal: Released
    document: Mapping[str, Any]
    center: str | None = None
    folder: Path | None = None


def run_quality(
    mapping: str | Path,
    *,
    out: str | Path | None = None,
    center: str | None = None,
    as_of: object = None,
    audience: Audience = "internal",
    plan: StudyPlan | None = None,
    registry: Registry | None = None,
    progress: Progress | None = None,
) -> QualityRun:
    """Read the registry, judge its data center by center, release, and write the pages.

    Parameters
    ----------
    mapping : path
        registry.toml, or the folder that holds it.
    out : path, optional
        Folder of the report; nothing is written if None.
    center : str, optional
        Write the page of this center alone, beside the network's.
    as_of : date-like, optional
        Last day that counts; the data cut if None.
    audience : {"internal", "public"}
        Edition of `QualityRun.document`. "public" also leaves the internal folder out.
    plan : StudyPlan, optional
        Whose disclosure rule and center names are used; the usual rule if None.
    registry : Registry, optional
        Exports that were read already.
    progress : callable, optional
        Called before each step with its name, number and the number of steps.

    Returns
    -------
    QualityRun

    Raises
    ------
    MappingError
        If the mapping cannot be read.
    DataError
        If the registry cannot be read.
    UsageError
        If the center or the day is not there, or another run is at work.

    Examples
    --------
    >>> from importlib.resources import files
    >>> run = run_quality(files("vpstats") / "templates")
    >>> run.result.centers
    ('C01',)
    """
    if audience not in ("internal", "public"):
        raise UsageError(f"audience is {audience!r}; expected 'internal' or 'public'.")
    with claimed(out):
        steps = Steps(progress, 4)
        steps.begin("Reading and cleaning the registry")
        exports = read_registry(mapping) if registry is None else registry
        asked = _Asked(mapping, center, as_of, audience, plan, None if out is None else Path(out))
        return _run(asked, exports, steps)


@dataclass(frozen=True)
class _Asked:
    """What a run was asked for."""

    mapping: str | Path
    center: str | None
    as_of: object
    audience: Audience
    plan: StudyPlan | None
    out: Path | None


def _run(asked: _Asked, exports: Registry, steps: Steps) -> QualityRun:
    as_of, center, plan = asked.as_of, asked.center, asked.plan
    steps.begin("Judging the data")
    result = quality_report(exports, as_of=as_of)
    _require_center(center, result)
    steps.begin("Applying the disclosure rules")
    policy = ReleasePolicy() if plan is None else release_policy(plan)
    public = release(result.ledger, policy)
    internal = release(result.ledger, ReleasePolicy(audience="internal"))
    steps.begin("Writing the pages")
    seen = exports if as_of is None else cut_registry(exports, as_of)
    run = QualityRun(seen, result, public, internal, {}, center)
    return _finish(run, asked)


def _require_center(center: str | None, result: QualityResult) -> None:
    if center is not None and center not in result.centers:
        known = ", ".join(result.centers[:20]) or "no center at all"
        raise UsageError(f"the registry has no center '{center}'; it has {known}.")


def _finish(run: QualityRun, asked: _Asked) -> QualityRun:
    """Make the document that was asked for, and the folder."""
    from vpstats.report.quality_document import Asked, document

    names = {} if asked.plan is None else asked.plan.audit.center_names
    looks = {
        "public": _look(run, run.public, names, {}),
        "internal": _look(run, run.internal, names, _tables(run.result)),
    }
    about = Asked(summary_of(run.registry), __version__, run.center)
    run = replace(run, document=document(looks[asked.audience], about))
    if asked.out is None:
        return run
    return replace(run, folder=_write(run, asked, asked.out, looks))


def _look(
    run: QualityRun, released: Released, names: Mapping[str, str], tables: dict[str, pd.DataFrame]
) -> QualityLook:
    from vpstats.report.quality_look import QualityLook

    doubts = run.result.findings.drop(columns="message")
    return QualityLook(released, doubts, run.result.notes, names, tables)


def _tables(result: QualityResult) -> dict[str, pd.DataFrame]:
    """What holds small numbers by nature; the network's own are released as well."""
    found = {"by_rule": result.by_rule, "patterns": result.patterns, "months": result.months}
    return {name: table for name, table in found.items() if len(table)}


def _write(run: QualityRun, asked: _Asked, out: Path, looks: Mapping[str, QualityLook]) -> Path:
    from vpstats.report.manifest import collect_provenance, sha256_file
    from vpstats.report.quality import QualityPages, write_quality

    file, plan = find_mapping(asked.mapping), asked.plan
    inputs = registry_files(file, run.registry)
    if plan is not None and plan.source is not None:
        inputs[plan.source.name] = plan.source.resolve()
    about = QualityPages(
        summary_of(run.registry),
        collect_provenance(inputs),
        tuple(_rules(run.registry.quality)),
        sha256_file(file),
        run.center,
    )
    internal = looks["internal"] if asked.audience == "internal" else None
    return write_quality(
        about=about, public=looks["public"], internal=internal, logs=_logs(run), out=out
    )


def _logs(run: QualityRun) -> dict[str, pd.DataFrame]:
    registry = run.registry
    return {
        "to_look_at": run.result.findings,
        "findings": registry.findings,
        "corrections": registry.corrections,
        "sources": registry.sources,
    }


def _rules(rules: QualityMap) -> Iterator[tuple[str, str]]:
    """What is asked for, in words."""
    yield "Key variables known", f"{100 * rules.completeness:g} % of cells, at each center"
    yield "State after a year known", f"{100 * rules.status:g} % of patients"
    yield "Case ascertainment", f"{100 * rules.ascertainment:g} % of the hospital's procedures"
    yield "Entry", f"half of the procedures within {rules.entry_days} days"
    yield "Errors of cleaning", f"at most {rules.errors:g} per 100 records"
    yield (
        "Those with and without a value",
        f"a standardised difference of at most {rules.imbalance:g} beyond chance",
    )


def quality_json_schema() -> dict[str, Any]:
    """The JSON Schema of quality.json."""
    from vpstats.report.quality_schema import quality_json_schema as schema

    return schema()


def quality_text(run: QualityRun, form: Literal["text", "json"]) -> str:
    """Write the document of a run for people or for programs."""
    from vpstats.report.quality_document import as_json, as_text

    content = dict(run.document)
    return as_json(content) if form == "json" else as_text(content)
